//! Plain lists, a snapshot a week: control servers by family, anonymizing exits, prefixes never to be
//! trusted; and the exchange of samples, which names new malware.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::Result;

use super::Stage;
use crate::demo::country::Among;
use crate::demo::files::Sheet;
use crate::demo::random::draw;
use crate::demo::text;
use crate::demo::weeks::{WEEKS, second_of_day};

/// Control-server families with the length of their lists.
const CONTROL: [(&str, u64); 5] = [
    ("Cobalt Strike C2", 230),
    ("Metasploit Framework C2", 94),
    ("Sliver C2", 72),
    ("XMRig Monero Cryptominer", 56),
    ("GoPhish", 82),
];

/// Writes the lists.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    let mut names = Vec::new();
    for week in 0..WEEKS {
        let date = stage.calendar.week(week).monday();
        stage.truth.0[week]
            .names
            .extend(CONTROL.iter().map(|(family, _)| family.to_lowercase()));
        for (number, (family, length)) in CONTROL.iter().enumerate() {
            let mut sheet = Sheet::default();
            for address in weekly(stage, 0xc200 + number as u64, week, *length, 90) {
                sheet.row(|out| line(out, &Ipv4Addr::from(address).to_string()));
            }
            stage.files.feed(
                "c2-tracker",
                format!("feeds/c2-tracker/{date}/{family} IPs.txt"),
                sheet,
            )?;
        }
        let mut sheet = Sheet::default();
        for address in weekly(stage, 0xe417, week, 340, 60) {
            sheet.row(|out| line(out, &Ipv4Addr::from(address).to_string()));
        }
        stage.files.feed(
            "anonymizer-exits",
            format!("feeds/anonymizer-exits/exits_{date}.lst"),
            sheet,
        )?;
        let mut sheet = Sheet::with_header("; Prefixes never to be trusted. Canglan demo.\n");
        let prefixes: BTreeSet<u32> = weekly(stage, 0xd409, week, 60, 20)
            .into_iter()
            .map(|address| address & !0x3ff)
            .collect();
        for prefix in prefixes {
            sheet.row(|out| line(out, &format!("{}/22", Ipv4Addr::from(prefix))));
        }
        stage.files.feed(
            "untrusted-prefixes",
            format!("feeds/untrusted-prefixes/drop_{date}.txt"),
            sheet,
        )?;
        samples(stage, week, &mut names)?;
    }
    Ok(())
}

fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// A list's addresses in a week: each place in it changes hands in `change` of a thousand weeks times ten.
fn weekly(stage: &Stage<'_>, list: u64, week: usize, length: u64, change: u64) -> BTreeSet<u32> {
    (0..length)
        .map(|place| {
            let steady = draw(stage.seed ^ list, place);
            let turn = (week as u64 * 10 + steady % 100) * change / 1000;
            let among = if steady.is_multiple_of(7) {
                Among::Hosting
            } else {
                Among::Abroad
            };
            stage.country.host(among, draw(steady, turn)).0
        })
        .collect()
}

/// New names and new families in the exchange, week by week.
const NEW_NAMES: [u64; WEEKS] = [18, 14, 22, 9, 16, 12, 6, 15, 19, 13, 21, 17, 15, 21];
const NEW_FAMILIES: [(usize, &str); 5] = [
    (2, "slatebot"),
    (5, "reedpike"),
    (9, "tidecrab"),
    (13, "lanternfish"),
    (13, "coralrat"),
];
const OLD_FAMILIES: [&str; 8] = [
    "mirai",
    "gafgyt",
    "agenttesla",
    "formbook",
    "redline",
    "remcos",
    "guloader",
    "lokibot",
];

/// Samples: CSV with hash, name and family. A name bears its family and a variant; a variant is new once.
fn samples(stage: &mut Stage<'_>, week: usize, known: &mut Vec<String>) -> Result<()> {
    let mut random = stage.random("samples", week as u64);
    let mut sheet = Sheet::with_header("first_seen;sha256;name;kind;size\n");
    let born_now = NEW_FAMILIES
        .iter()
        .filter(|(born, _)| *born == week)
        .map(|(_, name)| *name);
    let families: Vec<&str> = OLD_FAMILIES
        .into_iter()
        .chain(
            NEW_FAMILIES
                .iter()
                .filter(|(born, _)| *born < week)
                .map(|(_, name)| *name),
        )
        .collect();
    let mut names: Vec<String> = born_now.map(|family| format!("{family}.a")).collect();
    while (names.len() as u64) < NEW_NAMES[week] {
        let variant = (b'a' + (names.len() % 26) as u8) as char;
        names.push(format!(
            "{}.{:02}{variant}",
            random.pick(&families),
            week + 1
        ));
    }
    known.extend(names.iter().cloned());
    stage.truth.0[week].names.extend(names.iter().cloned());
    for _ in 0..34 {
        names.push(random.pick(known).clone());
    }
    let mut rows: Vec<(i64, u64, String)> = names
        .into_iter()
        .map(|name| {
            let day = (week * 7) as i64 + random.below(7) as i64;
            (
                stage.calendar.local_midnight(day) + second_of_day(&mut random),
                random.next(),
                name,
            )
        })
        .collect();
    rows.sort();
    for (second, key, name) in rows {
        sheet.row(|out| {
            text::time(out, crate::demo::weeks::local(second), b'-');
            out.push(b';');
            text::hex(out, key, 64);
            line(
                out,
                &format!(
                    ";{name};{};{}",
                    ["loader", "stealer", "bot"][(key % 3) as usize],
                    9_000 + key % 900_000
                ),
            );
        });
    }
    stage.files.feed(
        "sample-exchange",
        format!(
            "feeds/sample-exchange/samples-{}.csv",
            stage.calendar.week(week).monday()
        ),
        sheet,
    )
}
