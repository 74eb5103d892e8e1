//! Indicators that researchers post: a CSV a day without header, in the published form of a collection
//! of such posts (time, who, kind, value, tags, post). Much of it repeats what other feeds say, and one
//! day's file is empty because the collector failed.

use anyhow::Result;

use super::hosting::{note, place};
use super::{Stage, v4};
use crate::demo::country::Among;
use crate::demo::files::Sheet;
use crate::demo::names;
use crate::demo::random::draw;
use crate::demo::text;
use crate::demo::weeks::{DAYS, POSTS_OUTAGE, activity};

const REPORTERS: [&str; 9] = [
    "harbor_watch",
    "phish_heron",
    "tide_intel",
    "lan_sec",
    "malmoth",
    "reedbed",
    "night_desk",
    "c2_lantern",
    "url_otter",
];

/// Writes the feed.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    let weights = crate::demo::random::zipf(REPORTERS.len() as u64);
    for day in -1..DAYS as i64 {
        let mut random = stage.random("posts", (day + 1) as u64);
        let mut sheet = Sheet::default();
        let midnight = stage.calendar.utc_midnight(day);
        let mut posts: Vec<(i64, u64)> = (0..random.around(112 * activity(day)))
            .map(|_| (midnight + random.below(86_400) as i64, random.next()))
            .filter(|(second, _)| stage.calendar.week_of(*second).is_some())
            .collect();
        posts.sort_unstable();
        let pages: Vec<&super::phishing::Page> = stage
            .pages
            .iter()
            .filter(|page| (midnight..midnight + 86_400).contains(&page.second))
            .collect();
        let urls: Vec<&super::hosting::MalwareUrl> = stage
            .urls
            .iter()
            .filter(|url| (midnight..midnight + 86_400).contains(&url.second))
            .collect();
        let mut told = Vec::new();
        for (second, key) in posts {
            if day == POSTS_OUTAGE as i64 {
                continue;
            }
            let who = REPORTERS[random.by_weight(&weights)];
            let (kind, value, tags) = match draw(key, 1) % 100 {
                0..46 if !pages.is_empty() => ("url", random.pick(&pages).url.clone(), "#phishing"),
                46..58 if !urls.is_empty() => ("url", random.pick(&urls).url.clone(), "#malware"),
                58..70 if !pages.is_empty() => (
                    "domain",
                    random.pick(&pages).host.clone(),
                    "#phishing #scam",
                ),
                70..84 => {
                    let (address, _) = stage
                        .country
                        .host(Among::Abroad, draw(stage.seed, key % 900));
                    (
                        "ip",
                        std::net::Ipv4Addr::from(address).to_string(),
                        *random.pick(&["#c2", "#CobaltStrike #c2", "#scanner", ""]),
                    )
                }
                84..92 => (
                    "sha256",
                    hash(key, 64),
                    *random.pick(&["#malware", "#tidecrab", "#AgentTesla"]),
                ),
                92..95 => ("md5", hash(key, 32), "#malware"),
                _ => (
                    "url",
                    format!("https://{}/", names::machine_made(key)),
                    "#phishing",
                ),
            };
            if kind == "url" && tags == "#malware" {
                // Told again a little later, perhaps in the next week.
                let url = urls
                    .iter()
                    .find(|url| url.url == value)
                    .expect("the post tells one of these");
                let (address, country) = place(stage.country, url.among, url.key);
                told.push((second, url.host.clone(), address, country));
            }
            let mut line = Vec::new();
            text::time(&mut line, second, b'-');
            for cell in [who, kind, &value, tags] {
                line.push(b',');
                text::cell(&mut line, cell);
            }
            line.extend_from_slice(b",https://posts.example/");
            line.extend_from_slice(who.as_bytes());
            line.extend_from_slice(b"/status/");
            text::number(
                &mut line,
                1_900_000_000_000_000_000 + key % 90_000_000_000_000_000,
            );
            line.push(b'\n');
            sheet.row(|out| out.extend_from_slice(&line));
            if random.chance(8) {
                sheet.repeat(&line);
            }
        }
        for (second, host, address, country) in told {
            // A post tells no address, so only a literal one adds to the addresses.
            match (stage.calendar.week_of(second), host.as_str()) {
                (Some(week), host) if !host.is_empty() => {
                    stage.truth.0[week].hosting_domains.insert(host.to_owned());
                }
                _ => note(stage, second, "", v4(address), country),
            }
        }
        let date = stage.calendar.date(day);
        let path = format!(
            "feeds/posts/{:04}/{:04}{:02}/{:04}{:02}{:02}.csv",
            date.year(),
            date.year(),
            date.month(),
            date.year(),
            date.month(),
            date.day()
        );
        stage.files.feed("posts", path, sheet)?;
    }
    Ok(())
}

fn hash(key: u64, digits: usize) -> String {
    let mut text = Vec::new();
    text::hex(&mut text, key, digits);
    String::from_utf8(text).expect("hexadecimal is ASCII")
}
