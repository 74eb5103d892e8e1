//! `watchfire feeds drift`: reports that are no longer like those before, and what a person decides.

use std::collections::BTreeMap;

use intake::drift::{self, Finding};
use ledger::Decision;
use model::time::Timestamp;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::workspace::{Access, Session, Workspace, now};

/// Whose drift, and what is decided about it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this feed.
    feed: Option<String>,
    /// Look at so many weeks before a feed's newest report.
    #[arg(long, default_value_t = WEEKS)]
    weeks: u32,
    /// Show what was decided before, too.
    #[arg(long)]
    all: bool,
    /// The source is so from now on, and why: what is open is settled, what came before is no longer
    /// what is usual, and the week counts as a break.
    #[arg(
        long,
        value_name = "REASON",
        requires = "feed",
        conflicts_with = "dismiss"
    )]
    accept: Option<String>,
    /// The deliveries were wrong, and why: what is open is settled and stays out of what is usual.
    #[arg(long, value_name = "REASON", requires = "feed")]
    dismiss: Option<String>,
    /// Who decides.
    #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
    author: String,
}

/// Weeks that are looked at unless asked otherwise.
const WEEKS: u32 = 4;

/// What drifted in the last weeks of every enabled feed and is not decided yet.
///
/// # Errors
/// The ledger fails.
pub fn open(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut all = Vec::new();
    for source in workspace.settings.catalogue.sources() {
        if source.feed.enabled {
            all.extend(recent(workspace, source, WEEKS)?);
        }
    }
    all.retain(|finding| finding.decision.is_none());
    Ok(all)
}

/// What drifted from an instant on, of the enabled feeds.
///
/// # Errors
/// The ledger fails.
pub fn within(workspace: &Workspace, start: Timestamp, end: Timestamp) -> Result<Vec<Finding>> {
    let mut all = Vec::new();
    for source in workspace.settings.catalogue.sources() {
        if source.feed.enabled {
            all.extend(workspace.block_on(drift::drift(&workspace.ledger, source, start))?);
        }
    }
    all.retain(|finding| finding.at < end);
    Ok(all)
}

/// The findings on one line: how many, and of which feeds.
pub fn summary(findings: &[Finding]) -> Option<String> {
    let mut feeds: Vec<&str> = findings.iter().map(|one| one.feed.as_str()).collect();
    feeds.dedup();
    feeds.sort_unstable();
    feeds.dedup();
    (!findings.is_empty()).then(|| {
        format!(
            "{} changes in reports of {}",
            findings.len(),
            feeds.join(", ")
        )
    })
}

fn recent(workspace: &Workspace, source: &intake::Source, weeks: u32) -> Result<Vec<Finding>> {
    Ok(workspace.block_on(drift::recent(&workspace.ledger, source, weeks))?)
}

pub fn run(args: &Args, session: &Session) -> Result {
    let decided = match (&args.accept, &args.dismiss) {
        (Some(reason), _) => Some((Decision::Accepted, reason)),
        (None, Some(reason)) => Some((Decision::Dismissed, reason)),
        (None, None) => None,
    };
    let access = match decided {
        Some(_) => Access::Write("feeds drift"),
        None => Access::Read,
    };
    let workspace = session.open(access)?;
    let catalogue = &workspace.settings.catalogue;
    let sources = match &args.feed {
        Some(name) => vec![catalogue.get(name)?],
        None => catalogue
            .sources()
            .iter()
            .filter(|source| source.feed.enabled)
            .collect(),
    };
    let mut found = Vec::new();
    for source in sources {
        found.extend(recent(&workspace, source, args.weeks)?);
    }
    let open: Vec<Finding> = found
        .iter()
        .filter(|finding| finding.decision.is_none())
        .cloned()
        .collect();
    if let (Some((decision, reason)), Some(feed)) = (decided, &args.feed) {
        return decide(&workspace, feed, decision, reason, &open, args, session);
    }
    let shown = if args.all { &found } else { &open };
    let mut out = Out::new();
    if session.json {
        let rows: Vec<_> = shown
            .iter()
            .map(|finding| json!({ "finding": finding, "message": finding.change.to_string() }))
            .collect();
        out.json(&rows)?;
    } else if !shown.is_empty() {
        print(&workspace, shown, &mut out)?;
    }
    out.end()?;
    if open.is_empty() {
        session.talk.say("no feed drifts");
        return Ok(());
    }
    let mut by_feed: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &open {
        *by_feed.entry(&finding.feed).or_default() += 1;
    }
    for feed in by_feed.keys() {
        session.talk.say(format_args!(
            "settle: watchfire feeds drift {feed} --accept REASON (it is so from now on) or --dismiss REASON (the delivery was wrong)"
        ));
    }
    Err(Failure::findings())
}

fn print(workspace: &Workspace, shown: &[Finding], out: &mut Out) -> Result {
    let mut table = Table::new(["feed", "report of", "kind", "what changed", "decided"]);
    for finding in shown {
        let zone = workspace
            .settings
            .catalogue
            .get(&finding.feed)
            .map_or(&workspace.settings.zone, |source| &source.zone);
        let decided = match finding.decision {
            Some(Decision::Accepted) => "accepted",
            Some(Decision::Dismissed) => "dismissed",
            None => "",
        };
        table.row([
            finding.feed.clone(),
            finding
                .at
                .date_in(zone)
                .map_or_else(String::new, |date| date.to_string()),
            clean(&finding.kind).into_owned(),
            clean(&finding.change.to_string()).into_owned(),
            decided.to_owned(),
        ]);
    }
    table.print(out)
}

fn decide(
    workspace: &Workspace,
    feed: &str,
    decision: Decision,
    reason: &str,
    open: &[Finding],
    args: &Args,
    session: &Session,
) -> Result {
    if open.is_empty() {
        return Err(Failure::new(
            format_args!("feed {feed}"),
            "has no open change to be decided",
        ));
    }
    if reason.trim().is_empty() {
        return Err(Failure::usage("reason", "is empty"));
    }
    let who = (reason, args.author.as_str());
    let decided = drift::decide(&workspace.ledger, feed, open, decision, who, now());
    workspace.block_on(decided)?;
    let word = match decision {
        Decision::Accepted => "accepted",
        Decision::Dismissed => "dismissed",
    };
    session.talk.say(format_args!(
        "{word} {} changes of feed {feed}, as {}",
        open.len(),
        args.author
    ));
    Ok(())
}
