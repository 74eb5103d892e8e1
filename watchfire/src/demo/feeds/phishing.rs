//! Phishing pages: the list that names the imitated brand, in the published form of a national CERT's
//! list (a file a month, local time), and the desk's look-ups that add where each page is hosted.
//!
//! In the last week a campaign imitates parcel services: a few kits, many pages on each host.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::demo::country::{Among, Brand, CODE, UNCHARTED};
use crate::demo::files::Sheet;
use crate::demo::names;
use crate::demo::random::{Random, draw, scale, totals, zipf};
use crate::demo::text;
use crate::demo::weeks::{
    LAST, OTHER_PAGES, PARCEL_PAGES, WEEKS, is_holiday, local, second_of_day,
};

/// A phishing page.
#[derive(Clone, Debug)]
pub struct Page {
    /// When it was confirmed.
    pub second: i64,
    /// Its URL.
    pub url: String,
    /// Its host name.
    pub host: String,
    /// Position of the imitated brand.
    pub brand: usize,
    /// Where it is hosted.
    pub ip: IpAddr,
    /// AS that announces it; 0 where no table says.
    pub asn: u32,
}

/// Running totals of the campaign's pages by day: it comes on Tuesday and peaks on Thursday.
const CAMPAIGN_DAYS: [u64; 7] = [6, 16, 32, 53, 73, 88, 100];
/// Addresses that host phishing in a week.
const HOSTS_A_WEEK: u64 = 420;

/// Writes the two feeds and keeps the pages for those that repeat some.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    stage.pages = pages(stage);
    list(stage)?;
    desk(stage)
}

fn pages(stage: &Stage<'_>) -> Vec<Page> {
    let mut pages = Vec::new();
    let hosts = zipf(HOSTS_A_WEEK);
    for (week, parcels) in PARCEL_PAGES.into_iter().enumerate() {
        let mut random = stage.random("phishing", week as u64);
        let parcels = ("logistics", parcels);
        let others = OTHER_PAGES.map(|(sector, pages)| {
            // Other sectors wander by a few per cent, and keep holidays.
            let swing = 955 + random.below(91);
            let holiday = if is_holiday(week as i64 * 7) {
                850
            } else {
                1000
            };
            (sector, pages * swing / 1000 * holiday / 1000)
        });
        for (sector, count) in std::iter::once(parcels).chain(others) {
            let brands: Vec<(usize, &Brand)> = stage
                .country
                .brands
                .iter()
                .enumerate()
                .filter(|(_, brand)| brand.sector == sector)
                .collect();
            let weights = totals(brands.iter().map(|(_, brand)| brand.weight));
            let campaign = sector == "logistics" && week == LAST;
            let mut made = 0;
            while made < count {
                let (number, brand) = brands[random.by_weight(&weights)];
                let host = names::lure(&mut random, brand.slug);
                let place = random.by_weight(&hosts) as u64;
                let (ip, asn) = hosted(stage, draw(stage.seed ^ (week as u64 / 3), place));
                let most = if campaign { 6 } else { 3 };
                let many = random
                    .within(1, most)
                    .min(random.within(1, most))
                    .min(count - made);
                for page in 0..many {
                    let day = (week * 7) as i64
                        + if campaign {
                            random.by_weight(&CAMPAIGN_DAYS) as i64
                        } else {
                            random.below(7) as i64
                        };
                    let url = format!(
                        "{}://{host}{}",
                        if random.chance(780) { "https" } else { "http" },
                        path(&mut random, campaign, page)
                    );
                    let second = stage.calendar.local_midnight(day) + second_of_day(&mut random);
                    pages.push(Page {
                        second,
                        url,
                        host: host.clone(),
                        brand: number,
                        ip,
                        asn,
                    });
                    made += 1;
                }
            }
        }
    }
    pages.sort_by(|a, b| (a.second, &a.url).cmp(&(b.second, &b.url)));
    pages
}

/// Three in four abroad, some in the country's clouds, a few where no table knows.
fn hosted(stage: &Stage<'_>, key: u64) -> (IpAddr, u32) {
    let among = match scale(draw(key, 0x71), 1000) {
        0..40 => return (Ipv4Addr::from(UNCHARTED + 1 + (key % 254) as u32).into(), 0),
        40..260 => Among::Hosting,
        _ => Among::Abroad,
    };
    let (address, block) = stage.country.host(among, key);
    (Ipv4Addr::from(address).into(), block.asn)
}

fn path(random: &mut Random, campaign: bool, page: u64) -> String {
    let mut code = Vec::new();
    text::letters(&mut code, random.next(), 6);
    let code = String::from_utf8(code).expect("letters are ASCII");
    match random.below(5) {
        _ if campaign => format!("/track/{code}{page}"),
        0 => format!("/?id={code}{page}"),
        1 => format!("/{code}/index.html?p={page}"),
        2 => format!("/login/{code}{page}.html"),
        3 => format!("/m/{code}{page}/"),
        _ => format!("/{code}{page}"),
    }
}

/// The list: `date,URL,description`, one file a month, newest rows last.
fn list(stage: &mut Stage<'_>) -> Result<()> {
    let mut random = stage.random("phishing list", 0);
    let mut pages = std::mem::take(&mut stage.pages).into_iter().peekable();
    let mut kept = Vec::new();
    let mut broken = 0;
    while let Some(first) = pages.peek() {
        let date = model::time::Day(local(first.second).div_euclid(86_400) as i32).date();
        let month = (date.year(), date.month());
        let mut sheet = Sheet::with_header("date,URL,description\n");
        loop {
            let in_month = |page: &Page| {
                let date = model::time::Day(local(page.second).div_euclid(86_400) as i32).date();
                (date.year(), date.month()) == month
            };
            let Some(page) = pages.next_if(in_month) else {
                break;
            };
            let brand = &stage.country.brands[page.brand];
            let mut line = Vec::new();
            text::time(&mut line, local(page.second), b'/');
            line.push(b',');
            text::cell(&mut line, &page.url);
            line.push(b',');
            text::cell(&mut line, brand.zh);
            line.push(b'\n');
            sheet.row(|out| out.extend_from_slice(&line));
            if random.chance(9) {
                sheet.repeat(&line);
            }
            if broken < 2 && sheet.rows == 700 {
                sheet.broken(format!(
                    "2026/13/45 09:00:00,https://{}/,{}\n",
                    page.host, brand.zh
                ));
                broken += 1;
            }
            if let Some(week) = stage
                .calendar
                .week_of(page.second)
                .filter(|_| brand.country == CODE)
            {
                let truth = &mut stage.truth.0[week];
                truth.phishing.insert(page.url.clone());
                truth.phishing_hosts.insert(page.host.clone());
            }
            kept.push(page);
        }
        stage.files.feed(
            "phishing-list",
            format!("feeds/phishing-list/{:04}{:02}.csv", month.0, month.1),
            sheet,
        )?;
    }
    stage.pages = kept;
    Ok(())
}

/// The desk's look-ups: JSON lines, a file a week, for eight pages in ten.
fn desk(stage: &mut Stage<'_>) -> Result<()> {
    let mut random = stage.random("phishing desk", 0);
    let pages = std::mem::take(&mut stage.pages);
    let mut rest = pages.iter().peekable();
    for week in 0..WEEKS {
        let mut sheet = Sheet::default();
        let end = stage.calendar.local_midnight((week * 7) as i64 + 7);
        while let Some(page) = rest.next_if(|page| page.second < end) {
            if !random.chance(800) {
                continue;
            }
            let brand = &stage.country.brands[page.brand];
            let mut confirmed = Vec::new();
            text::time(&mut confirmed, local(page.second), b'-');
            let confirmed = String::from_utf8(confirmed)
                .expect("times are ASCII")
                .replace(' ', "T")
                + "+08:00";
            let mut resolved = json!({ "ip": page.ip.to_string() });
            if page.asn > 0 {
                resolved["asn"] = json!(page.asn);
            }
            let line = json!({
                "confirmed": confirmed,
                "url": page.url,
                "brand": brand.en,
                "resolved": resolved,
                "registrar": random.pick(&["Registrar One (demo)", "Registrar Two (demo)", "Harbor Names (demo)"]),
                "state": random.pick(&["online", "online", "suspended"]),
            });
            sheet.row(|out| {
                out.extend_from_slice(line.to_string().as_bytes());
                out.push(b'\n');
            });
            if let Some(week) = stage
                .calendar
                .week_of(page.second)
                .filter(|_| brand.country == CODE)
            {
                stage.truth.0[week].phishing_ips.insert(page.ip);
            }
        }
        if week == LAST || week == 5 {
            sheet.broken(
                "{\"confirmed\":\"2026-11-18T10:02:11+08:00\",\"url\":\"https://landi-track.example.com/\",\"bra\n",
            );
        }
        let path = format!(
            "feeds/phishing-desk/desk-{}.jsonl",
            stage.calendar.week(week).monday()
        );
        stage.files.feed("phishing-desk", path, sheet)?;
    }
    stage.pages = pages;
    Ok(())
}
