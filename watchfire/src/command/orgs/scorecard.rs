//! `watchfire orgs scorecard`: how parties answer and whether it helps.

use model::time::MICROS_PER_DAY;
use response::scorecard::Scorecard;
use response::takedown::By;

use super::find;
use crate::failure::Result;
use crate::responding::desk;
use crate::table::{Out, Table, csv_cell};
use crate::workspace::{Access, Session, now};

const HEADS: [&str; 12] = [
    "party",
    "notices",
    "bounced",
    "bounce rate %",
    "cases",
    "decided",
    "in target",
    "in target %",
    "refused",
    "hours to answer",
    "hours to takedown",
    "effective %",
];

/// Prints how long takedowns take, by party or by country.
///
/// # Errors
/// The ledger.
pub(super) fn takedowns(by: By, days: u32, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let since = now().0 - i64::from(days) * MICROS_PER_DAY;
    let all = workspace.block_on(desk(&workspace).takedowns(by, since))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let hours = |minutes: Option<u32>| {
        minutes.map_or_else(String::new, |minutes| {
            let tenths = (minutes + 3) / 6;
            format!("{}.{}", tenths / 10, tenths % 10)
        })
    };
    let first = match by {
        By::Party => "party",
        By::Country => "country",
    };
    let mut table = Table::new([
        first,
        "cases",
        "open",
        "median hours",
        "p90 hours",
        "in 24 h %",
    ]);
    for one in &all {
        let share = Scorecard::permille(one.within_day, one.cases).unwrap_or_default();
        table.row([
            one.of.clone(),
            one.cases.to_string(),
            one.open.to_string(),
            hours(one.median_minutes),
            hours(one.p90_minutes),
            format!("{}.{}", share / 10, share % 10),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no party was asked in these days"),
        false => table.print(&mut out)?,
    }
    out.end()
}

/// Prints the scorecards of all parties, or of one.
///
/// # Errors
/// There is no such party; the ledger.
pub(super) fn scorecard(which: Option<&str>, csv: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let only = which.map(|text| find(text, &workspace)).transpose()?;
    let only = only.map(|found| found.organization_id());
    let cards = workspace.block_on(desk(&workspace).scorecards(only))?;
    let mut out = Out::new();
    if session.json {
        out.json(&cards)?;
        return out.end();
    }
    if csv {
        out.line(HEADS.join(","))?;
        for card in &cards {
            let cells = cells(card);
            let cells: Vec<_> = cells.iter().map(|cell| csv_cell(cell)).collect();
            out.line(cells.join(","))?;
        }
        return out.end();
    }
    let mut table = Table::new(HEADS);
    for card in &cards {
        table.row(cells(card));
    }
    match table.is_empty() {
        true => session.talk.say("no party was asked yet"),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn cells(card: &Scorecard) -> [String; 12] {
    let share = |part, whole| {
        Scorecard::permille(part, whole).map_or_else(String::new, |share| {
            format!("{}.{}", share / 10, share % 10)
        })
    };
    let hours = |secs: Option<i64>| {
        secs.map_or_else(String::new, |secs| {
            let tenths = (secs + 180) / 360;
            format!("{}.{}", tenths / 10, tenths % 10)
        })
    };
    [
        card.name.clone(),
        card.notices.to_string(),
        card.bounced.to_string(),
        share(card.bounced, card.notices + card.bounced),
        card.cases.to_string(),
        card.decided.to_string(),
        card.within_target.to_string(),
        share(card.within_target, card.decided),
        card.refused.to_string(),
        hours(card.median_acknowledge_secs),
        hours(card.median_takedown_secs),
        share(card.effective, card.cases),
    ]
}
