//! Sites that spread malware: the country's list of URLs, the daily report on those within its own
//! networks, and a second list, subscribed late, which is why the figures rise from then on.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::Result;

use super::{DailyReport, Stage, feed_name, v4};
use crate::demo::country::{Among, CODE, Country, UNCHARTED};
use crate::demo::files::Sheet;
use crate::demo::names;
use crate::demo::random::{draw, scale, zipf};
use crate::demo::reports::{ReportType, Sighting};
use crate::demo::text;
use crate::demo::weeks::{DAYS, HOSTING, SECOND_HOST_LIST_FROM, second_of_day};

/// A URL from which malware is fetched.
#[derive(Clone, Debug)]
pub struct MalwareUrl {
    /// When it was seen, seconds since 1970.
    pub second: i64,
    /// The URL.
    pub url: String,
    /// Its host name; empty where the URL names an address.
    pub host: String,
    /// Key of the address.
    pub key: u64,
    /// Part of the world that the address is drawn from.
    pub among: Among,
    /// Port.
    pub port: u16,
    /// Path.
    pub path: String,
    /// Malware family.
    pub family: &'static str,
}

const SERVED: [&str; 12] = [
    "mirai",
    "mozi",
    "agenttesla",
    "formbook",
    "redline",
    "gafgyt",
    "guloader",
    "remcos",
    "lokibot",
    "snakekeylogger",
    "smokeloader",
    "hajime",
];
const NAMES: [&str; 10] = [
    "a", "bin.sh", "i", "mips", "arm7", "invoice", "setup", "update", "x86", "doc",
];
const ENDINGS: [&str; 7] = [".exe", ".sh", "", "", ".zip", ".hta", ".js"];

/// Writes the three feeds and keeps the URLs for those that repeat some.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    stage.urls = urls(stage);
    list(stage)?;
    report(stage)?;
    second_list(stage)
}

fn urls(stage: &Stage<'_>) -> Vec<MalwareUrl> {
    let mut urls: Vec<MalwareUrl> = Vec::new();
    let mut before: Vec<u64> = Vec::new();
    let weights = zipf(360);
    for (week, (domains, literals)) in HOSTING.into_iter().enumerate() {
        let mut random = stage.random("hosting", week as u64);
        let mut sites: BTreeSet<u64> = BTreeSet::new();
        for site in &before {
            if (sites.len() as u64) < domains * 4 / 10 && random.chance(420) {
                sites.insert(*site);
            }
        }
        while (sites.len() as u64) < domains {
            sites.insert(random.next());
        }
        before = sites.iter().copied().collect();
        for (site, named) in sites.into_iter().map(|site| (site, true)).chain(
            (0..literals).map(|n| (draw(stage.seed ^ 0x117e, week as u64 * 1000 + n), false)),
        ) {
            // A few servers host many names; a host without a name is a machine of its own.
            let key = if named {
                draw(
                    stage.seed ^ 0xa117,
                    weights.partition_point(|&total| total <= scale(draw(site, 2), weights[359]))
                        as u64
                        + site % 2 * 400,
                )
            } else {
                site
            };
            let among = match scale(draw(key, 0x72), 100) {
                0..54 => Among::Abroad,
                54..82 => Among::Hosting,
                82..92 => Among::Customers,
                _ => Among::AbroadCustomers,
            };
            let family = SERVED[weights[..12]
                .partition_point(|&total| total <= scale(draw(site, 3), weights[11]))];
            for n in 0..random.within(1, 3).min(random.within(1, 3)) {
                let port = if named {
                    80
                } else {
                    [80, 8080, 50_008, 35_455][(site % 4) as usize]
                };
                let path = format!(
                    "/{}{}",
                    NAMES[(draw(site, 4 + n) % 10) as usize],
                    ENDINGS[(draw(site, 9 + n) % 7) as usize]
                );
                let host = if named {
                    names::machine_made(site)
                } else {
                    String::new()
                };
                let (address, _) = place(stage.country, among, key);
                let shown = if named {
                    host.clone()
                } else {
                    v4(address).to_string()
                };
                let url = if port == 80 {
                    format!("http://{shown}{path}")
                } else {
                    format!("http://{shown}:{port}{path}")
                };
                let day = (week * 7) as i64 + random.below(7) as i64;
                let second = stage.calendar.local_midnight(day) + second_of_day(&mut random);
                urls.push(MalwareUrl {
                    second,
                    url,
                    host,
                    key,
                    among,
                    port,
                    path,
                    family,
                });
            }
        }
    }
    urls.sort_by(|a, b| (a.second, &a.url).cmp(&(b.second, &b.url)));
    urls
}

/// The address that belongs to a key and its country; a few lie where no table knows the country.
pub fn place(country: &Country, among: Among, key: u64) -> (u32, &'static str) {
    if among != Among::Customers && draw(key, 0x76).is_multiple_of(26) {
        return (UNCHARTED + 1 + (key % 254) as u32, "");
    }
    let (address, block) = country.host(among, key);
    (address, block.country)
}

/// Which feeds tell of a URL: the list, and the report on the country's own networks.
fn told_by(url: &MalwareUrl, country: &str) -> (bool, bool) {
    let inside = country == CODE;
    let listed = !inside || draw(url.key, 0x73) % 100 < 75;
    (
        listed,
        inside && (!listed || draw(url.key, 0x74) % 100 < 60),
    )
}

/// Notes a URL that a feed tells.
pub fn note(stage: &mut Stage<'_>, second: i64, host: &str, ip: IpAddr, country: &str) {
    let Some(week) = stage.calendar.week_of(second) else {
        return;
    };
    let truth = &mut stage.truth.0[week];
    match host {
        "" => truth.hosting_literal.insert(ip),
        host => truth.hosting_domains.insert(host.to_owned()),
    };
    truth.hosting_ips.insert(ip);
    if !matches!(country, CODE | "") {
        truth.hosting_ips_abroad.insert(ip);
    }
}

/// The list: CSV with a header and a comment, times in UTC, columns mapped by the feed's entry.
fn list(stage: &mut Stage<'_>) -> Result<()> {
    let urls = std::mem::take(&mut stage.urls);
    let mut rest = urls.iter().peekable();
    for day in -1..DAYS as i64 {
        let mut random = stage.random("malware list", (day + 1) as u64);
        let mut sheet = Sheet::with_header("first_seen_utc,url,ip,threat,malware,reporter\n");
        let end = stage.calendar.utc_midnight(day + 1);
        while let Some(url) = rest.next_if(|url| url.second < end) {
            let (address, country) = place(stage.country, url.among, url.key);
            if !told_by(url, country).0 {
                continue;
            }
            let mut line = Vec::new();
            text::time(&mut line, url.second, b'-');
            line.push(b',');
            text::cell(&mut line, &url.url);
            line.push(b',');
            text::quad(&mut line, address, b'.');
            line.extend_from_slice(b",malware_download,");
            line.extend_from_slice(url.family.as_bytes());
            line.push(b',');
            line.extend_from_slice(
                random
                    .pick(&["crawler-1", "crawler-2", "desk", "partner"])
                    .as_bytes(),
            );
            line.push(b'\n');
            sheet.row(|out| out.extend_from_slice(&line));
            if random.chance(15) {
                sheet.repeat(&line);
            }
            note(stage, url.second, &url.host, v4(address), country);
            if let Some(week) = stage.calendar.week_of(url.second) {
                stage.truth.0[week].names.insert(url.family.to_owned());
            }
        }
        if day >= 0 && day % 3 == 1 {
            // A partner accuses a whole site that everybody uses: a warning, not a hosting site.
            let second = stage.calendar.local_midnight(day) + 36_000 + random.below(20_000) as i64;
            let (address, _) = stage.country.host(Among::Hosting, 0x109);
            sheet.row(|out| {
                text::time(out, second, b'-');
                out.extend_from_slice(b",https://lanji.example/,");
                text::quad(out, address, b'.');
                out.extend_from_slice(b",malware_download,formbook,partner\n");
            });
        }
        if day % 29 == 13 {
            sheet.broken(
                "2026-02-30 10:11:12,http://broken-date.example.com/a.sh,172.16.3.4,malware_download,mirai,desk\n",
            );
        }
        stage.files.feed(
            "malware-list",
            format!(
                "feeds/malware-list/malware-{}.csv",
                stage.calendar.date(day)
            ),
            sheet,
        )?;
    }
    stage.urls = urls;
    Ok(())
}

fn report(stage: &mut Stage<'_>) -> Result<()> {
    let report = ReportType::named("malware_url");
    let urls = std::mem::take(&mut stage.urls);
    let mut rest = urls.iter().peekable();
    for day in -1..DAYS as i64 {
        let end = stage.calendar.utc_midnight(day + 1);
        let mut daily = DailyReport::new(stage, report, day);
        while let Some(url) = rest.next_if(|url| url.second < end) {
            if !told_by(url, place(stage.country, url.among, url.key).1).1 {
                continue;
            }
            let (address, block) = stage.country.host(url.among, url.key);
            daily.row(&Sighting {
                second: url.second,
                host: draw(url.key, 0x75),
                row: draw(url.key, url.second as u64),
                ip: v4(address),
                address,
                port: url.port,
                block,
                sink: block,
                sink_port: 0,
                infection: url.family,
                tag: url.family,
                site: &url.host,
                path: &url.path,
            });
            note(stage, url.second, &url.host, v4(address), CODE);
        }
        let (path, sheet) = daily.finish(stage.calendar, day);
        stage.files.feed(feed_name(report), path, sheet)?;
    }
    stage.urls = urls;
    Ok(())
}

/// The second list: plain URLs that are online that morning, without dates, refreshed daily. Its
/// addresses are not told, so it adds domains only.
fn second_list(stage: &mut Stage<'_>) -> Result<()> {
    for day in (SECOND_HOST_LIST_FROM * 7) as i64..DAYS as i64 {
        let mut sheet =
            Sheet::with_header("# URLs online at 08:00, one a line. Canglan demo; free to use.\n");
        for place in 0..38u64 {
            // A place in the list changes hands about every ninth day.
            let site = draw(stage.seed ^ 0x2d11, place * 1000 + (day as u64 + place) / 9);
            let host = names::machine_made(site);
            sheet.row(|out| {
                out.extend_from_slice(
                    format!("http://{host}/{}\n", NAMES[(site % 10) as usize]).as_bytes(),
                )
            });
            let week = day as usize / 7;
            stage.truth.0[week].hosting_domains.insert(host);
        }
        stage.files.feed(
            "malware-online",
            format!(
                "feeds/malware-online/online-{}.txt",
                stage.calendar.date(day)
            ),
            sheet,
        )?;
    }
    Ok(())
}
