//! `watchfire ingest`: take in what the feeds delivered, and say what became of every row.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use intake::collect::{self, Delivery, Wanted};
use intake::enrich::Enricher;
use intake::ingest::{FeedSummary, Intake, Progress, Summary};
use model::time::Timestamp;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::health::{self, Outcome};
use crate::reference_files;
use crate::table::{Out, Table};
use crate::talk::{Talk, human_time};
use crate::workspace::{Access, Session, Workspace, now};

/// Unreadable reports and warnings that are shown; the rest is counted.
const SHOWN: usize = 5;

/// Take in what the feeds delivered: archive, parse, enrich, deduplicate, store.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire ingest                            every enabled feed
  watchfire ingest jpcert kev                 two of them
  watchfire ingest incoming/2023-01-09.csv    a file, for the feed whose patterns match it
  watchfire ingest --feed jpcert urls.csv     a file, for the feed that is named
  watchfire ingest --again jpcert             read archived reports anew, replacing their events

The same bytes again change nothing. A row becomes an event, a duplicate of one, or a reject with
its reason (`watchfire rejects list`); a report that cannot be read stays archived and is tried again.")]
pub struct Args {
    /// Feeds or files; without any, every enabled feed.
    #[arg(value_name = "FEED|PATH")]
    what: Vec<String>,
    /// The feed that the given files are of.
    #[arg(long, value_name = "NAME", requires = "what")]
    feed: Option<String>,
    /// Read reports again that were ingested before; their new events replace the old ones.
    #[arg(long)]
    again: bool,
    /// Only list the files that would be taken in.
    #[arg(long)]
    dry_run: bool,
    /// Exit with 4 if a row was rejected or a report could not be read.
    #[arg(long)]
    strict: bool,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = match args.dry_run {
        true => session.open(Access::Read)?,
        false => session.open(Access::Write("ingest"))?,
    };
    workspace.need_paths()?;
    let wanted = wanted(&args, &workspace)?;
    let deliveries = collect::files(&workspace.settings.catalogue, &workspace.root, &wanted)?;
    tell_of_missing(&workspace, &wanted, &deliveries, &session.talk);
    if args.dry_run {
        return list(&deliveries, session);
    }
    let (summary, took) = ingest(&workspace, &deliveries, args.again, &now, &session.talk)?;
    for feed in summary
        .feeds
        .iter()
        .filter(|feed| feed.reports > feed.known)
    {
        let run = Outcome::Good(Some(feed.rows));
        workspace.block_on(health::record(&workspace.ledger, &feed.feed, run, now()))?;
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "summary": summary, "seconds": took.as_secs_f64() }))?,
        false => print(&summary, took, &mut out, &session.talk)?,
    }
    out.end()?;
    let wanting = summary
        .feeds
        .iter()
        .any(|feed| feed.rejects > 0 || feed.unreadable > 0);
    if args.strict && wanting {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

/// Takes in deliveries, reference tables first; what the binary's own flows (`demo`) share.
///
/// # Errors
/// A reference file, the ledger or the lake; never the content of a report.
pub fn ingest(
    workspace: &Workspace,
    deliveries: &[Delivery],
    again: bool,
    clock: &(dyn Fn() -> Timestamp + Sync),
    talk: &Talk,
) -> Result<(Summary, Duration)> {
    let intake = intake(workspace, clock, talk)?;
    let size = |delivery: &Delivery| std::fs::metadata(&delivery.path).map_or(0, |meta| meta.len());
    let total = deliveries.iter().map(size).sum();
    let mut progress = talk.progress("ingest", total, true);
    let count = deliveries.len();
    let summary = intake.ingest(deliveries, again, &mut |at: Progress<'_>| {
        progress.at(at.bytes, || {
            format!(
                "{} of {count} reports, {} rows, {}",
                at.reports, at.rows, at.origin
            )
        });
    });
    let took = progress.end();
    Ok((summary?, took))
}

/// What ingestion works on, with the reference tables as they are now.
///
/// # Errors
/// A reference file, or the ledger.
pub fn intake<'a>(
    workspace: &Workspace,
    clock: &'a (dyn Fn() -> Timestamp + Sync),
    talk: &Talk,
) -> Result<Intake<'a>> {
    reference_files::sync(workspace, talk)?;
    let tables = Arc::new(reference_files::tables(workspace, talk)?);
    Ok(Intake {
        ledger: workspace.ledger.clone(),
        blobs: workspace.blobs.clone(),
        lake: workspace.lake.clone(),
        enricher: Enricher::new(tables),
        schema: reference_files::schema(workspace)?,
        workers: workspace.settings.workers,
        runtime: workspace.handle(),
        clock,
        holder: workspace.holder(),
    })
}

/// Rows of the new reports in these summaries; `None` if there was no new report.
pub fn new_rows<'a>(summaries: impl IntoIterator<Item = &'a Summary>) -> Option<u64> {
    let feeds = summaries.into_iter().flat_map(|summary| &summary.feeds);
    feeds
        .filter(|feed| feed.reports > feed.known)
        .map(|feed| feed.rows)
        .reduce(|sum, rows| sum + rows)
}

fn wanted(args: &Args, workspace: &Workspace) -> Result<Vec<Wanted>> {
    if args.what.is_empty() {
        return Ok(vec![Wanted::All]);
    }
    let catalogue = &workspace.settings.catalogue;
    if let Some(feed) = &args.feed {
        catalogue.get(feed)?;
    }
    args.what
        .iter()
        .map(|what| {
            let path = Path::new(what);
            if args.feed.is_none() && catalogue.get(what).is_ok() {
                return Ok(Wanted::Feed(what.clone()));
            }
            if path.exists() {
                return Ok(Wanted::Path(PathBuf::from(what), args.feed.clone()));
            }
            // It is neither; the error about feeds tells near names.
            if what.contains(['/', '.']) || args.feed.is_some() {
                return Err(Failure::new(what, "no such file"));
            }
            Err(catalogue
                .get(what)
                .map(|_| ())
                .map_or_else(Failure::from, |()| Failure::new(what, "no such file")))
        })
        .collect()
}

/// A feed without a file is worth a word: its outage must not look like a quiet week.
fn tell_of_missing(workspace: &Workspace, wanted: &[Wanted], deliveries: &[Delivery], talk: &Talk) {
    if !matches!(wanted, [Wanted::All]) {
        return;
    }
    for source in workspace
        .settings
        .catalogue
        .sources()
        .iter()
        .filter(|source| source.feed.enabled)
    {
        let name = &source.feed.name;
        if !source.feed.paths.is_empty()
            && !deliveries
                .iter()
                .any(|delivery| delivery.source.feed.name == *name)
        {
            talk.warn(format_args!(
                "feed {name}: no file matches {}",
                source.feed.paths.join(", ")
            ));
        }
    }
}

fn list(deliveries: &[Delivery], session: &Session) -> Result {
    let mut out = Out::new();
    if session.json {
        let all: Vec<_> = deliveries
            .iter()
            .map(|delivery| json!({ "feed": delivery.source.feed.name, "path": delivery.path }))
            .collect();
        out.json(&all)?;
    } else {
        for delivery in deliveries {
            out.line(format_args!(
                "{}  {}",
                delivery.source.feed.name,
                delivery.path.display()
            ))?;
        }
        session
            .talk
            .say(format_args!("{} files would be taken in", deliveries.len()));
    }
    out.end()
}

/// The table at the end, and what went wrong.
///
/// # Errors
/// Standard output.
pub fn print(summary: &Summary, took: Duration, out: &mut Out, talk: &Talk) -> Result {
    let mut table = Table::new([
        "feed",
        "reports",
        "known",
        "unread",
        "rows",
        "events",
        "duplicates",
        "rejects",
        "rows/s",
    ]);
    let mut sum = FeedSummary {
        feed: "total".to_owned(),
        ..FeedSummary::default()
    };
    for feed in &summary.feeds {
        table.row(cells(feed, feed.micros));
        sum.reports += feed.reports;
        sum.known += feed.known;
        sum.unreadable += feed.unreadable;
        sum.rows += feed.rows;
        sum.events += feed.events;
        sum.duplicates += feed.duplicates;
        sum.rejects += feed.rejects;
    }
    if summary.feeds.len() != 1 {
        table.row(cells(&sum, took.as_micros() as u64));
    }
    table.print(out)?;
    talk.say(format_args!(
        "snapshot {}, {}",
        summary.snapshot,
        human_time(took)
    ));
    for (origin, reason) in summary.unreadable.iter().take(SHOWN) {
        talk.warn(format_args!("{origin}: cannot be read: {reason}"));
    }
    more(
        summary.unreadable.len(),
        "reports that cannot be read",
        talk,
    );
    for (origin, message) in summary.warnings.iter().take(SHOWN) {
        talk.warn(format_args!("{origin}: {message}"));
    }
    more(summary.warnings.len(), "remarks", talk);
    if sum.rejects > 0 {
        talk.say(format_args!(
            "{} rows were rejected: `watchfire rejects list` shows why",
            sum.rejects
        ));
    }
    Ok(())
}

fn more(count: usize, what: &str, talk: &Talk) {
    if count > SHOWN {
        talk.warn(format_args!(
            "and {} more {what}; --json lists all",
            count - SHOWN
        ));
    }
}

fn cells(feed: &FeedSummary, micros: u64) -> [String; 9] {
    let rate = match micros {
        0 => "–".to_owned(),
        _ if feed.rows == 0 => "–".to_owned(),
        micros => (u128::from(feed.rows) * 1_000_000 / u128::from(micros)).to_string(),
    };
    let counts = [
        feed.reports,
        feed.known,
        feed.unreadable,
        feed.rows,
        feed.events,
        feed.duplicates,
        feed.rejects,
    ];
    let [
        reports,
        known,
        unreadable,
        rows,
        events,
        duplicates,
        rejects,
    ] = counts.map(|count| count.to_string());
    [
        feed.feed.clone(),
        reports,
        known,
        unreadable,
        rows,
        events,
        duplicates,
        rejects,
        rate,
    ]
}
