//! Open and vulnerable services, password guessing, flooding, broken-into devices: ten reports that
//! name mostly the same hosts every day, because nobody has closed them yet.

use anyhow::Result;

use super::{DailyReport, Stage, feed_name, v4};
use crate::demo::country::Among;
use crate::demo::random::{draw, scale};
use crate::demo::reports::{ReportType, Sighting};
use crate::demo::weeks::{DAYS, activity};

/// A report with its rows on an ordinary day and how many of a thousand hosts change from day to day.
struct Exposure {
    report: &'static str,
    rows: u64,
    change: u64,
    infection: &'static [&'static str],
    tag: &'static str,
}

const fn row(
    report: &'static str,
    rows: u64,
    change: u64,
    infection: &'static [&'static str],
    tag: &'static str,
) -> Exposure {
    Exposure { report, rows, change, infection, tag }
}

const EXPOSURES: &[Exposure] = &[
    row(
        "event4_honeypot_brute_force",
        96,
        700,
        &["ssh-brute-force", "ssh-brute-force", "telnet-brute-force"],
        "brute-force",
    ),
    row("event4_ddos_participant", 18, 800, &["ddos-participant"], "ddos"),
    row("compromised_iot", 24, 60, &["mirai", "tidecrab", "reedpike"], "iot;backdoor"),
    row("scan_rdp", 42, 30, &[""], "rdp"),
    row("scan_telnet", 58, 40, &[""], "telnet"),
    row("scan_snmp", 44, 30, &[""], "snmp"),
    row("scan_smb", 26, 30, &[""], "smb"),
    row("scan_elasticsearch", 8, 40, &[""], "elasticsearch"),
    row("scan_redis", 12, 40, &[""], "redis"),
    row("scan_adb", 20, 50, &[""], "adb"),
    row("scan_vnc", 22, 30, &[""], "vnc"),
    row("scan_http_vulnerable", 10, 40, &[""], "http;vulnerable"),
];

/// Writes the reports.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    for exposure in EXPOSURES {
        let report = ReportType::named(exposure.report);
        for day in -1..DAYS as i64 {
            let mut random = stage.random(exposure.report, (1_000 + day) as u64);
            let mut daily = DailyReport::new(stage, report, day);
            // What stands open does so on holidays too; only attacks follow the season.
            let season = if exposure.change > 500 { activity(day) } else { 1000 };
            let mut rows: Vec<(i64, u64)> = (0..random.around(exposure.rows * season))
                .map(|place| {
                    let second = stage.calendar.utc_midnight(day) + random.below(86_400) as i64;
                    // The host in each place stays until its turn to change comes.
                    let steady = draw(stage.seed ^ exposure.rows, place);
                    let turn = (day + 1_000 + (steady % 997) as i64) as u64 * exposure.change / 1000;
                    (second, draw(steady, turn))
                })
                .filter(|(second, _)| stage.calendar.week_of(*second).is_some())
                .collect();
            rows.sort_unstable();
            for (second, host) in rows {
                let among = if matches!(exposure.report, "scan_elasticsearch" | "scan_redis" | "scan_http_vulnerable") {
                    Among::Hosting
                } else {
                    Among::Customers
                };
                let (address, block) = stage.country.host(among, host);
                let port = match report.ports {
                    [] => 0,
                    ports => ports[scale(draw(host, 0x41), ports.len() as u64) as usize],
                };
                let infection = exposure.infection[scale(draw(host, 0x42), exposure.infection.len() as u64) as usize];
                daily.row(&Sighting {
                    second,
                    host,
                    row: draw(host, second as u64),
                    ip: v4(address),
                    address,
                    port,
                    block,
                    sink: daily.sinkhole(host),
                    sink_port: if infection.starts_with("telnet") { 23 } else { 22 },
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
