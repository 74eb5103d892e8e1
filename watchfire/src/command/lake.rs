//! `watchfire lake`: fewer files for the same events, and are the files what the ledger says.

use clap::Subcommand;
use intake::compaction::{Compacted, DayPlan, Upkeep, Vacuumed};
use jiff::civil::Date;
use model::time::{Day, Timestamp};
use serde_json::json;

use crate::failure::Result;
use crate::findings::Findings;
use crate::inspection::Inspection;
use crate::table::{Out, Table};
use crate::talk::human_bytes;
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now, while_nobody_reads};

/// Compact the event store, and check it against the ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Compaction makes few files of the many that reports leave in a day. It changes no event and no figure;
files that a frozen issue was counted from stay until no issue needs them.

Examples:
  watchfire lake compact                    every day, then delete what nobody needs
  watchfire lake compact --day 2023-01-09 --dry-run
  watchfire lake compact --week 2023-3
  watchfire lake check                      exits with 4 if something is wrong
  watchfire lake check --deep --json        decode every part, hash every archived report
  watchfire lake give-up day=2023-01-09/C-0a1b.parquet --by li.na")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make few files of many, day by day, and delete what no snapshot in use needs.
    Compact {
        /// Only this UTC day.
        #[arg(long, value_name = "DATE", conflicts_with = "week")]
        day: Option<Date>,
        /// Only the UTC days that this week touches: issue, date or `last`.
        #[arg(long, value_name = "ISSUE")]
        week: Option<String>,
        /// Say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a damaged part out of the lake, so that its reports can be read again.
    GiveUp {
        /// Its path, as `lake check` names it.
        path: String,
        /// Who gives it up.
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Compare the files with the ledger: sizes, counts, identities, archived reports.
    Check {
        /// Decode every part and hash every archived report.
        #[arg(long)]
        deep: bool,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Compact { day, week, dry_run } => {
            let access = match dry_run {
                true => Access::Read,
                false => Access::Write("lake compact"),
            };
            let workspace = session.open(access)?;
            let days = days(day, week.as_deref(), &workspace)?;
            compact(&workspace, days, dry_run, session)
        }
        What::GiveUp { path, by } => give_up(&path, &by, session),
        What::Check { deep } => check(deep, session),
    }
}

fn days(
    day: Option<Date>,
    week: Option<&str>,
    workspace: &Workspace,
) -> Result<Option<std::ops::Range<i32>>> {
    if let Some(date) = day {
        let day = Day::of(date).0;
        return Ok(Some(day..day + 1));
    }
    let Some(week) = week else {
        return Ok(None);
    };
    let named = weeks::read(week, workspace, now())?;
    let (start, end) = named.week.span(&workspace.settings.zone);
    Ok(Some(start.day().0..Timestamp(end.0 - 1).day().0 + 1))
}

fn compact(
    workspace: &Workspace,
    days: Option<std::ops::Range<i32>>,
    dry_run: bool,
    session: &Session,
) -> Result {
    let upkeep = Upkeep {
        ledger: &workspace.ledger,
        lake: &workspace.lake,
        runtime: workspace.handle(),
        clock: &now,
    };
    let plans = upkeep.plan(days)?;
    let mut done: Vec<(DayPlan, Compacted)> = Vec::new();
    let mut progress = session
        .talk
        .progress("compacting", plans.len() as u64, false);
    for (at, plan) in plans.into_iter().enumerate() {
        progress.at(at as u64, || plan.day.to_string());
        let compacted = match dry_run {
            false => upkeep.compact(&plan)?,
            true => Compacted {
                merged: plan.merged() as u64,
                into: plan.become_parts() as u64,
                ..Compacted::default()
            },
        };
        done.push((plan, compacted));
    }
    progress.end();
    let mut vacuumed = Vacuumed::default();
    let mut read = false;
    if !dry_run {
        match while_nobody_reads(&workspace.root, || upkeep.vacuum())? {
            Some(result) => vacuumed = result?,
            None => read = true,
        }
    }
    let mut out = Out::new();
    if session.json {
        let days: Vec<_> = done
            .iter()
            .map(|(plan, compacted)| {
                json!({ "day": plan.day.to_string(), "parts": plan.parts, "compacted": compacted })
            })
            .collect();
        out.json(&json!({
            "dry_run": dry_run,
            "days": days,
            "vacuum": vacuumed,
            "vacuum_postponed": read,
        }))?;
        return out.end();
    }
    let mut table = Table::new(["day", "parts", "merged", "into", "before", "after"]);
    for (plan, compacted) in &done {
        let bytes = |bytes: u64| match dry_run {
            true => String::new(),
            false => human_bytes(bytes),
        };
        let before = match dry_run {
            true => human_bytes(plan.bytes()),
            false => human_bytes(compacted.bytes_before),
        };
        table.row([
            plan.day.to_string(),
            plan.parts.to_string(),
            compacted.merged.to_string(),
            compacted.into.to_string(),
            before,
            bytes(compacted.bytes_after),
        ]);
    }
    if table.is_empty() {
        session.talk.say("no day has more parts than it needs");
    } else {
        table.print(&mut out)?;
    }
    out.end()?;
    if read {
        session.talk.say(
            "the old files stay: another command is reading; run `watchfire lake compact` again",
        );
    } else if !dry_run {
        session.talk.say(format_args!(
            "deleted {} files that nobody needs and {} orphans, {}",
            vacuumed.removed,
            vacuumed.orphans,
            human_bytes(vacuumed.bytes)
        ));
    }
    Ok(())
}

fn give_up(path: &str, by: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("lake give-up"))?;
    let upkeep = Upkeep {
        ledger: &workspace.ledger,
        lake: &workspace.lake,
        runtime: workspace.handle(),
        clock: &now,
    };
    let lost = upkeep.give_up(path, by)?;
    let mut out = Out::new();
    if session.json {
        let lost: Vec<_> = lost
            .iter()
            .map(|((report, feed), rows)| json!({ "report": report, "feed": feed, "rows": rows }))
            .collect();
        out.json(&json!({ "path": path, "lost": lost }))?;
        return out.end();
    }
    let mut table = Table::new(["report", "feed", "rows"]);
    for ((report, feed), rows) in &lost {
        table.row([report.clone(), feed.clone(), rows.to_string()]);
    }
    table.print(&mut out)?;
    out.end()?;
    let feeds: std::collections::BTreeSet<&str> =
        lost.keys().map(|(_, feed)| feed.as_str()).collect();
    let feeds: Vec<&str> = feeds.into_iter().collect();
    session.talk.say(format_args!(
        "these rows are missing until their reports are read again: watchfire ingest --again {}",
        feeds.join(" ")
    ));
    Ok(())
}

fn check(deep: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let inspection = Inspection::of(&workspace)?;
    let mut findings = Findings::default();
    let listed = format!("{} files as the manifest says", inspection.live.len());
    findings.list("files", inspection.files()?, listed);
    let days = format!("{} days, every part has its run", inspection.days());
    findings.list("identities", inspection.runs(), days);
    let events = format!("{} events, as many as were counted", inspection.events());
    findings.list("counts", inspection.counts()?, events);
    if deep {
        let whole = "every part is whole".to_owned();
        findings.list("parts", inspection.parts(&session.talk), whole);
    }
    let (flaws, reports) = inspection.blobs(deep, &session.talk)?;
    let how = if deep { "hashed" } else { "present" };
    findings.list("blobs", flaws, format!("{reports} archived reports {how}"));
    findings.print(session)
}
