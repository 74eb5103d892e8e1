//! Defaced and backdoored sites: a watch of each kind by the country's own crawler, and the daily
//! report on compromised websites, which misses a day of the last week.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{DailyReport, Stage, feed_name, v4};
use crate::demo::country::{Among, CODE};
use crate::demo::files::Sheet;
use crate::demo::names;
use crate::demo::random::{Random, draw};
use crate::demo::reports::{ReportType, Sighting};
use crate::demo::text;
use crate::demo::weeks::{BACKDOORED, DAYS, DEFACED, WEBSITE_OUTAGE, WEEKS, local, second_of_day};

/// How many ordinary sites there are to choose from.
const SITES: u64 = 60_000;

/// A site: its number among governments' or ordinary ones decides its name and address for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    government: bool,
    number: u64,
}

impl Site {
    fn key(self, seed: u64) -> u64 {
        draw(
            seed,
            self.number + if self.government { 1 << 40 } else { 1 << 41 },
        )
    }

    fn name(self, seed: u64, cities: &[String]) -> String {
        match self.government {
            true => names::government_site(self.number, cities),
            false => names::site(self.key(seed)),
        }
    }

    fn among(self, seed: u64, name: &str) -> Among {
        match self.key(seed) % 100 {
            _ if name.ends_with(".edu.example") => Among::Education,
            0..70 if self.government => Among::Government,
            _ => Among::Hosting,
        }
    }
}

/// Exactly so many sites, so many of them a government's, some of last week's again.
fn choose(
    random: &mut Random,
    (all, government): (u64, u64),
    before: &BTreeSet<Site>,
    stay: u64,
    offices: u64,
) -> BTreeSet<Site> {
    let mut chosen = BTreeSet::new();
    for (kind, count, numbers) in [
        (true, government, offices),
        (false, all - government, SITES),
    ] {
        let mut left = count;
        for site in before.iter().filter(|site| site.government == kind) {
            if left > 0 && random.chance(stay) && chosen.insert(*site) {
                left -= 1;
            }
        }
        while left > 0 {
            if chosen.insert(Site {
                government: kind,
                number: random.below(numbers),
            }) {
                left -= 1;
            }
        }
    }
    chosen
}

/// The country's cities as they stand in names.
pub fn city_labels(stage: &Stage<'_>) -> Vec<String> {
    let cities = stage
        .country
        .provinces
        .iter()
        .flat_map(|province| province.cities);
    cities
        .map(|city| city.to_lowercase().replace(' ', "-"))
        .collect()
}

/// Writes the three feeds.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    let cities = city_labels(stage);
    let offices = names::government_sites(&cities);
    let mut random = stage.random("websites", 0);
    let (mut defaced, mut backdoored) = (BTreeSet::new(), BTreeSet::new());
    // One list of (second, site, part) a feed, cut into days afterwards.
    let mut defacements: Vec<(i64, Site)> = Vec::new();
    let mut shells: Vec<(i64, Site)> = Vec::new();
    let mut reported: Vec<(i64, Site)> = Vec::new();
    for week in 0..WEEKS {
        let moment = |random: &mut Random| {
            stage
                .calendar
                .local_midnight((week * 7) as i64 + random.below(7) as i64)
                + second_of_day(random)
        };
        defaced = choose(&mut random, DEFACED[week], &defaced, 40, offices);
        for site in &defaced {
            defacements.push((moment(&mut random), *site));
            if random.chance(150) {
                defacements.push((moment(&mut random), *site));
            }
        }
        backdoored = choose(&mut random, BACKDOORED[week], &backdoored, 450, offices);
        for site in &backdoored {
            // The country's own watch knows every government site; the report knows most others.
            let watched = site.government || random.chance(620);
            if watched {
                shells.push((moment(&mut random), *site));
            }
            if !watched || random.chance(700) {
                for _ in 0..random.within(1, 3) {
                    reported.push((moment(&mut random), *site));
                }
            }
        }
    }
    for list in [&mut defacements, &mut shells, &mut reported] {
        list.sort();
    }
    watch(stage, "defacement-watch", &defacements, &cities)?;
    watch(stage, "webshell-watch", &shells, &cities)?;
    report(stage, &reported, &cities)
}

const TEAMS: [&str; 9] = [
    "gr4y-her0n",
    "TideBreakers",
    "n0rth_f0x",
    "Team Cobalt Reed",
    "moth404",
    "anon-lan",
    "s1lt",
    "paper-tiger",
    "",
];
const SHELLS: [&str; 7] = [
    "/upload/1.php",
    "/images/x.asp",
    "/wp-content/cache/s.php",
    "/include/c.jsp",
    "/data/up.aspx",
    "/js/help.php",
    "/shell.php",
];

/// Writes a watch: a CSV a week in the country's own time, its columns mapped by the feed's entry.
fn watch(
    stage: &mut Stage<'_>,
    feed: &'static str,
    list: &[(i64, Site)],
    cities: &[String],
) -> Result<()> {
    let defacement = feed == "defacement-watch";
    let header = if defacement {
        "seen_at,site,url,ip,team,state\n"
    } else {
        "seen_at,site,url,ip,shell,state\n"
    };
    let mut list = list.iter().peekable();
    for week in 0..WEEKS {
        let mut random = stage.random(feed, week as u64);
        let mut sheet = Sheet::with_header(header);
        let end = stage.calendar.local_midnight((week * 7) as i64 + 7);
        while let Some((second, site)) = list.next_if(|(second, _)| *second < end) {
            let name = site.name(stage.seed, cities);
            let (address, block) = stage
                .country
                .host(site.among(stage.seed, &name), site.key(stage.seed));
            let (page, kind) = match defacement {
                true => (
                    *random.pick(&["/", "/index.html", "/index.php", "/news/1.html", "/h.txt"]),
                    *random.pick(&TEAMS),
                ),
                false => (
                    *random.pick(&SHELLS),
                    *random.pick(&["webshell", "webshell", "eval-one-liner", "file-manager"]),
                ),
            };
            let state = *random.pick(&["open", "open", "open", "restored"]);
            let mut line = Vec::new();
            text::time(&mut line, local(*second), b'-');
            line.push(b',');
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b",http://");
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(page.as_bytes());
            line.push(b',');
            text::quad(&mut line, address, b'.');
            line.push(b',');
            text::cell(&mut line, kind);
            line.push(b',');
            line.extend_from_slice(state.as_bytes());
            line.push(b'\n');
            sheet.row(|out| out.extend_from_slice(&line));
            if random.chance(12) {
                sheet.repeat(&line);
            }
            if let Some(week) = stage
                .calendar
                .week_of(*second)
                .filter(|_| block.country == CODE)
            {
                let truth = &mut stage.truth.0[week];
                if defacement {
                    &mut truth.defaced
                } else {
                    &mut truth.backdoored
                }
                .insert(name);
            }
        }
        if defacement && week % 4 == 1 {
            sheet.broken(
                "yesterday evening,old-harbor.example.com,http://old-harbor.example.com/,172.16.9.9,moth404,open\n",
            );
        }
        let date = stage.calendar.week(week).monday();
        let folder = feed.split('-').next().unwrap_or(feed);
        stage
            .files
            .feed(feed, format!("feeds/{feed}/{folder}-{date}.csv"), sheet)?;
    }
    Ok(())
}

fn report(stage: &mut Stage<'_>, list: &[(i64, Site)], cities: &[String]) -> Result<()> {
    let report = ReportType::named("compromised_website");
    let mut list = list.iter().peekable();
    for day in -1..DAYS as i64 {
        let end = stage.calendar.utc_midnight(day + 1);
        let came = day != WEBSITE_OUTAGE as i64;
        let mut daily = DailyReport::new(stage, report, day);
        while let Some((second, site)) = list.next_if(|(second, _)| *second < end) {
            if !came {
                continue;
            }
            let name = site.name(stage.seed, cities);
            let host = site.key(stage.seed);
            let (address, block) = stage.country.host(site.among(stage.seed, &name), host);
            daily.row(&Sighting {
                second: *second,
                host,
                row: draw(host, *second as u64),
                ip: v4(address),
                address,
                port: report.ports[(draw(host, 0x43) % 3) as usize],
                block,
                sink: block,
                sink_port: 0,
                infection: "",
                tag: "webshell",
                site: &name,
                path: SHELLS[(draw(host, 0x44) % SHELLS.len() as u64) as usize],
            });
            if let Some(week) = stage
                .calendar
                .week_of(*second)
                .filter(|_| block.country == CODE)
            {
                stage.truth.0[week].backdoored.insert(name);
            }
        }
        if came {
            let (path, sheet) = daily.finish(stage.calendar, day);
            stage.files.feed(feed_name(report), path, sheet)?;
        }
    }
    Ok(())
}
