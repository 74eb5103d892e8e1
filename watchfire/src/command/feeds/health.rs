//! `watchfire feeds health`: how each feed is that is turned on.

use model::time::Timestamp;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::health::{self, Health};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

pub(super) fn run(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let totals = super::totals(&workspace)?;
    let at = now();
    let mut all = Vec::new();
    for source in workspace.settings.catalogue.sources() {
        if source.feed.enabled {
            let own = totals.iter().find(|total| total.feed == source.feed.name);
            let found = health::of(&workspace.ledger, source, own, at);
            all.push(workspace.block_on(found)?);
        }
    }
    let wanting = all.iter().any(|health| !health.findings.is_empty());
    let mut out = Out::new();
    if session.json {
        out.json(&all.iter().map(for_programs).collect::<Vec<_>>())?;
    } else {
        let mut table = Table::new([
            "feed",
            "last success",
            "lag",
            "interval",
            "last failure",
            "rests until",
            "rows",
            "usual",
            "findings",
        ]);
        let time = |at: Option<Timestamp>| at.map_or("–".to_owned(), |at| at.to_string());
        let number = |count: Option<u64>| count.map_or("–".to_owned(), |count| count.to_string());
        for health in &all {
            table.row([
                health.feed.clone(),
                time(health.last_success),
                health.lag_secs.map_or("–".to_owned(), span),
                span(health.interval_secs),
                time(health.last_failure),
                time(health.resting_until),
                number(health.last_rows),
                number(health.usual_rows),
                health.findings.join("; "),
            ]);
        }
        if table.is_empty() {
            session.talk.say("no feed is turned on");
        } else {
            table.print(&mut out)?;
        }
    }
    out.end()?;
    if wanting {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

/// How a feed is, with instants as text.
fn for_programs(health: &Health) -> serde_json::Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "feed": health.feed,
        "last_success": time(health.last_success),
        "lag_secs": health.lag_secs,
        "interval_secs": health.interval_secs,
        "last_failure": time(health.last_failure),
        "error": health.error,
        "resting_until": time(health.resting_until),
        "last_rows": health.last_rows,
        "usual_rows": health.usual_rows,
        "findings": health.findings,
    })
}

/// Seconds for people, in the largest unit that leaves two digits or so.
fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} d", secs / 86_400),
    }
}
