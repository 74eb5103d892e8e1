//! Open and vulnerable services, password guessing, flooding, broken-into devices: reports that name
//! mostly the same hosts again, because nobody has closed them yet. Scans come once a week.

use anyhow::Result;

use super::{DailyReport, Stage, feed_name, v4};
use crate::demo::country::Among;
use crate::demo::random::{draw, scale};
use crate::demo::reports::{ReportType, Sighting};
use crate::demo::weeks::{DAYS, activity};

/// A report with the rows of one on an ordinary day, how often it comes, and how many of a thousand
/// hosts are others in the next.
struct Exposure {
    report: &'static str,
    rows: u64,
    /// Day of the week of a report that comes once a week, because the scan runs once a week.
    weekly: Option<i64>,
    change: u64,
    infection: &'static [&'static str],
    tag: &'static str,
}

const fn scan(
    report: &'static str,
    rows: u64,
    weekly: i64,
    change: u64,
    tag: &'static str,
) -> Exposure {
    Exposure {
        report,
        rows,
        weekly: Some(weekly),
        change,
        infection: &[""],
        tag,
    }
}

const EXPOSURES: &[Exposure] = &[
    Exposure {
        report: "event4_honeypot_brute_force",
        rows: 96,
        weekly: None,
        change: 700,
        infection: &["ssh-brute-force", "ssh-brute-force", "telnet-brute-force"],
        tag: "brute-force",
    },
    Exposure {
        report: "event4_ddos_participant",
        rows: 18,
        weekly: None,
        change: 800,
        infection: &["ddos-participant"],
        tag: "ddos",
    },
    Exposure {
        report: "compromised_iot",
        rows: 24,
        weekly: None,
        change: 60,
        infection: &["mirai", "tidecrab", "reedpike"],
        tag: "iot;backdoor",
    },
    scan("scan_rdp", 290, 0, 160, "rdp"),
    scan("scan_telnet", 410, 0, 210, "telnet"),
    scan("scan_snmp", 310, 1, 160, "snmp"),
    scan("scan_smb", 180, 1, 150, "smb"),
    scan("scan_elasticsearch", 56, 2, 190, "elasticsearch"),
    scan("scan_redis", 84, 2, 200, "redis"),
    scan("scan_adb", 140, 3, 260, "adb"),
    scan("scan_vnc", 150, 3, 170, "vnc"),
    scan("scan_http_vulnerable", 70, 4, 220, "http;vulnerable"),
];

/// Whether a report comes once a week.
pub fn is_weekly(report: &str) -> bool {
    EXPOSURES
        .iter()
        .any(|exposure| exposure.report == report && exposure.weekly.is_some())
}

/// Writes the reports.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    for exposure in EXPOSURES {
        let report = ReportType::named(exposure.report);
        let due = |day: &i64| {
            exposure
                .weekly
                .is_none_or(|weekday| day.rem_euclid(7) == weekday)
        };
        for day in (-1..DAYS as i64).filter(due) {
            let mut random = stage.random(exposure.report, (1_000 + day) as u64);
            let mut daily = DailyReport::new(stage, report, day);
            // What stands open does so on holidays too; only attacks follow the season.
            let season = if exposure.change > 500 {
                activity(day)
            } else {
                1000
            };
            let edition = if exposure.weekly.is_some() {
                day / 7
            } else {
                day
            };
            let mut rows: Vec<(i64, u64)> = (0..random.around(exposure.rows * season))
                .map(|place| {
                    let second = stage.calendar.utc_midnight(day) + random.below(86_400) as i64;
                    // The host in each place stays until its turn to change comes.
                    let steady = draw(stage.seed ^ exposure.rows, place);
                    let turn =
                        (edition + 1_000 + (steady % 997) as i64) as u64 * exposure.change / 1000;
                    (second, draw(steady, turn))
                })
                .filter(|(second, _)| stage.calendar.week_of(*second).is_some())
                .collect();
            rows.sort_unstable();
            for (second, host) in rows {
                let among = if matches!(
                    exposure.report,
                    "scan_elasticsearch" | "scan_redis" | "scan_http_vulnerable"
                ) {
                    Among::Hosting
                } else {
                    Among::Customers
                };
                let (address, block) = stage.country.host(among, host);
                let port = match report.ports {
                    [] => 0,
                    ports => ports[scale(draw(host, 0x41), ports.len() as u64) as usize],
                };
                let infection = exposure.infection
                    [scale(draw(host, 0x42), exposure.infection.len() as u64) as usize];
                daily.row(&Sighting {
                    second,
                    host,
                    row: draw(host, second as u64),
                    ip: v4(address),
                    address,
                    port,
                    block,
                    sink: daily.sinkhole(host),
                    sink_port: if infection.starts_with("telnet") {
                        23
                    } else {
                        22
                    },
                    infection,
                    tag: exposure.tag,
                    site: "",
                    path: "",
                });
            }
            let (path, sheet) = daily.finish(stage.calendar, day);
            stage.files.feed(feed_name(report), path, sheet)?;
        }
    }
    Ok(())
}
