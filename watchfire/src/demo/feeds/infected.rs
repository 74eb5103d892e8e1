//! Infected hosts as sinkholes see them: three reports over IPv4, one over IPv6.
//!
//! Hosts fall ill, are seen now and then, and recover: two in three within a day, one in eight only
//! after weeks. That makes the overlap between days that real reports have, and a week's distinct
//! hosts fewer than its rows. Families grow and shrink at their own pace; two are new in the last week.

use std::net::IpAddr;

use anyhow::Result;

use super::{DailyReport, Row, Stage, feed_name, v4};
use crate::demo::country::{Among, CODE, Country};
use crate::demo::random::{Random, draw};
use crate::demo::reports::{ReportType, Sighting};
use crate::demo::text;
use crate::demo::weeks::{DAYS, LAST, WEEKS, activity, second_of_day};

/// New infections on an ordinary day.
const NEW_A_DAY: u64 = 2_900;
/// Chance in a thousand that an ill host is seen again on an ordinary day.
const SEEN_AGAIN: u64 = 60;
/// Days told before the first, so that the first week has its long-lived infections.
const WARM_UP: i64 = 75;

/// 10.0.0.53, named in the demo's list of public resolvers.
const RESOLVER: u32 = 0x0a00_0035;

struct Infection {
    host: u64,
    family: u32,
    until: i64,
}

/// Writes the four reports.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    let rows = sightings(stage.country, stage.seed, stage.calendar);
    for name in [
        "event4_sinkhole",
        "event4_sinkhole_http",
        "event4_microsoft_sinkhole_http",
    ] {
        report(stage, ReportType::named(name), &rows)?;
    }
    over_v6(stage)
}

/// Every sighting of the fourteen weeks, in the order of time.
fn sightings(country: &Country, seed: u64, calendar: crate::demo::weeks::Calendar) -> Vec<Row> {
    let mut random = Random::of(seed, "infections", 0);
    let mut ill: Vec<Infection> = Vec::new();
    let mut rows = Vec::new();
    let weights: u64 = country
        .families
        .iter()
        .filter(|family| family.born == 0)
        .map(|family| family.weight)
        .sum();
    for day in -WARM_UP..DAYS as i64 {
        let active = activity(day);
        let week = (day.max(0) / 7) as usize;
        let mut seen = |random: &mut Random, host: u64, family: u32| {
            for _ in 0..if random.chance(45) { 2 } else { 1 } {
                let second = calendar.local_midnight(day) + second_of_day(random);
                if day >= 0 {
                    rows.push(Row {
                        second,
                        host,
                        what: family,
                    });
                }
            }
        };
        ill.retain(|infection| infection.until >= day);
        for infection in &ill {
            if random.chance(SEEN_AGAIN * active / 1000) {
                seen(&mut random, infection.host, infection.family);
            }
        }
        for (number, family) in country.families.iter().enumerate() {
            if week < family.born || (day < 0 && family.born > 0) {
                continue;
            }
            let mut mean = NEW_A_DAY * 1000 * family.weight / weights * active / 1000;
            for _ in family.born..week {
                mean = mean * family.trend / 1000;
            }
            for _ in 0..random.around(mean) {
                let host = random.next();
                let stays = match random.below(100) {
                    0..62 => 0,
                    62..88 => random.within(1, 9),
                    _ => random.within(10, 70),
                };
                seen(&mut random, host, number as u32);
                ill.push(Infection {
                    host,
                    family: number as u32,
                    until: day + stays as i64,
                });
                // Some hosts carry a second family: an address that M1 counts twice.
                if random.chance(25) && number > 0 {
                    seen(&mut random, host, 0);
                }
            }
        }
    }
    rows.sort_by_key(|row| (row.second, row.host));
    rows
}

/// One report in a hundred-and-fifty is about a host abroad: filters of the subscription are not perfect.
fn among(host: u64) -> Among {
    if draw(host, 0x31).is_multiple_of(150) {
        Among::AbroadCustomers
    } else {
        Among::Customers
    }
}

fn report(stage: &mut Stage<'_>, report: &'static ReportType, rows: &[Row]) -> Result<()> {
    let country = stage.country;
    let mine = |row: &&Row| country.families[row.what as usize].report == report.file;
    let mut rows = rows.iter().filter(mine).peekable();
    for day in -1..DAYS as i64 {
        let end = stage.calendar.utc_midnight(day + 1);
        let mut daily = DailyReport::new(stage, report, day);
        let mut broken = broken_rows(report.file, day);
        let mut number = 0;
        while let Some(row) = rows.next_if(|row| row.second < end) {
            let family = &country.families[row.what as usize];
            let (address, block) = country.host(among(row.host), row.host);
            let sighting = Sighting {
                second: row.second,
                host: row.host,
                row: draw(row.host, row.second as u64),
                ip: v4(address),
                address,
                port: 0,
                block,
                sink: daily.sinkhole(row.host),
                sink_port: family.port,
                infection: family.name,
                tag: family.tag,
                site: call_home(row.host, report),
                path: if report.file.ends_with("http") {
                    "/search?q=0"
                } else {
                    ""
                },
            };
            daily.row(&sighting);
            note(stage, &sighting, family.name == "conficker");
            number += 1;
            if number == 9 && report.file == "event4_sinkhole" && day.rem_euclid(7) == 2 {
                // A public resolver, which forwards what infected hosts ask: on a warning list, not counted.
                let resolver = country
                    .block_of(RESOLVER.into())
                    .expect("the resolver stands in the country");
                daily.row(&Sighting {
                    ip: v4(RESOLVER),
                    address: RESOLVER,
                    block: resolver,
                    ..sighting
                });
            }
            if number == 5 && broken > 0 {
                daily.broken(&sighting, std::mem::take(&mut broken));
            }
        }
        let (path, sheet) = daily.finish(stage.calendar, day);
        stage.files.feed(feed_name(report), path, sheet)?;
    }
    Ok(())
}

/// The name under which an infected host called the sinkhole over HTTP.
fn call_home(host: u64, report: &ReportType) -> &'static str {
    const NAMES: [&str; 6] = [
        "xkqwvzt.test",
        "b7ouzqa.test",
        "update-cdn.invalid",
        "tds-gate.test",
        "qpwoeiru.invalid",
        "zz-feed.test",
    ];
    if report.file.ends_with("http") {
        NAMES[(draw(host, 0x32) % 6) as usize]
    } else {
        ""
    }
}

/// Rows that no parser can read: a handful over the weeks, two of them in the last.
fn broken_rows(report: &str, day: i64) -> u32 {
    match (report, day) {
        ("event4_sinkhole", 17 | 58) => 2,
        ("event4_sinkhole", day) if day == LAST as i64 * 7 + 1 => 2,
        ("event4_sinkhole_http", 33) => 1,
        ("event4_sinkhole_http", day) if day == LAST as i64 * 7 + 4 => 2,
        _ => 0,
    }
}

fn note(stage: &mut Stage<'_>, sighting: &Sighting<'_>, conficker: bool) {
    let Some(week) = stage
        .calendar
        .week_of(sighting.second)
        .filter(|_| sighting.block.country == CODE)
    else {
        return;
    };
    let truth = &mut stage.truth.0[week];
    truth.names.insert(sighting.infection.to_owned());
    if conficker {
        truth.conficker.insert(sighting.ip);
    } else {
        truth.bots.insert(sighting.ip);
        if let Some(province) = sighting.block.province {
            truth.by_province[province].insert(sighting.ip);
        }
    }
}

/// A few infected hosts over IPv6: phones whose addresses change, routers whose addresses stay.
fn over_v6(stage: &mut Stage<'_>) -> Result<()> {
    let report = ReportType::named("event6_sinkhole");
    let mirai = stage
        .country
        .families
        .iter()
        .position(|family| family.name == "mirai")
        .expect("families.csv names mirai");
    for day in -1..DAYS as i64 {
        let mut random = stage.random("infections over v6", (day + 1) as u64);
        let mut daily = DailyReport::new(stage, report, day);
        let mut seconds: Vec<i64> = (0..random.around(34 * activity(day)))
            .map(|_| stage.calendar.utc_midnight(day) + random.below(86_400) as i64)
            .filter(|second| stage.calendar.week_of(*second).is_some())
            .collect();
        seconds.sort_unstable();
        for second in seconds {
            // A few hundred routers are seen again and again.
            let host = match random.chance(600) {
                true => draw(stage.seed, random.below(400)),
                false => random.next(),
            };
            let (_, home) = stage.country.host(Among::Customers, host);
            let province = home.province.expect("customers live in provinces");
            // One operator has brought IPv6 to its customers so far.
            let block = stage.country.mobile(province);
            let upper = Country::v6_prefix(province, draw(host, 0x33) % 0xffff_0000);
            let ip: IpAddr = text::v6(upper, draw(host, 0x34)).into();
            let family = &stage.country.families[if draw(host, 0x35).is_multiple_of(3) {
                0
            } else {
                mirai
            }];
            let sighting = Sighting {
                second,
                host,
                row: draw(host, second as u64),
                ip,
                address: block.first,
                port: 0,
                block,
                sink: daily.sinkhole(host),
                sink_port: family.port,
                infection: family.name,
                tag: family.tag,
                site: "",
                path: "",
            };
            daily.row(&sighting);
            note(stage, &sighting, family.name == "conficker");
        }
        let (path, sheet) = daily.finish(stage.calendar, day);
        stage.files.feed(feed_name(report), path, sheet)?;
    }
    const { assert!(WEEKS * 7 == DAYS) };
    Ok(())
}
