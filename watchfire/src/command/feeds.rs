//! `watchfire feeds`: which sources are subscribed, whether their files are there, and what they say
//! they sent.

use clap::{Subcommand, ValueEnum};
use intake::collect::{self, Wanted};
use ledger::{FeedTotals, ReportFilter, TallyBy};
use model::time::{Day, Timestamp};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

pub mod drift;
mod health;
mod listings;
pub mod subscribe;
mod trial;

/// List feeds, subscribe to public ones, check that their files are there, count what they sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire feeds catalogue --search phishing
  watchfire feeds add openphish-community
  watchfire feeds list
  watchfire feeds test openphish-community
  watchfire feeds health
  watchfire feeds check
  watchfire feeds tally 2023-3 --by observable
  watchfire feeds tally last --by tag --json
  watchfire feeds lists --weeks 8
  watchfire feeds listings tor-exits --state new
  watchfire feeds drift
  watchfire feeds drift scans --accept new-sensor")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the feeds of the configuration with what was taken in from each.
    List,
    /// List the public feeds that can be subscribed to; all are off until they are added.
    Catalogue {
        /// Words that name, provider, description, format or classification must have.
        #[arg(long, value_name = "WORDS", default_value = "")]
        search: String,
    },
    /// Add a feed of the catalogue to watchfire.toml.
    Add {
        /// Its name in the catalogue.
        name: String,
        /// Files that belong to it; without it `incoming/NAME/*`. May be repeated.
        #[arg(long, value_name = "GLOB")]
        path: Vec<String>,
        /// Leave it turned off.
        #[arg(long)]
        off: bool,
    },
    /// Turn a feed of watchfire.toml on.
    Enable {
        /// Its name.
        name: String,
    },
    /// Turn a feed of watchfire.toml off: it is neither asked nor expected any more.
    Disable {
        /// Its name.
        name: String,
    },
    /// Fetch a feed once, or read its newest file, and show its first events and rejects; nothing is
    /// stored.
    Test {
        /// Its name.
        name: String,
        /// Events and rejects that are shown.
        #[arg(long, value_name = "N", default_value_t = 5)]
        limit: u64,
    },
    /// How each feed is: last success and lag, last failure and rest, rows of the last run. Exit code
    /// 4 if something is wrong.
    Health,
    /// Check each feed's entry and whether files match its patterns.
    Check,
    /// Count the records of a week by the date the source wrote, before deduplication: the control
    /// totals to compare with the source's own.
    Tally {
        /// Issue (2023-3), date of the week (2023-01-12), or `last`.
        issue: String,
        /// What to divide by, besides the feed.
        #[arg(long, value_enum, default_value_t = By::Feed)]
        by: By,
    },
    /// List what a block list names, or named: state, first and last seen, age, times listed.
    Listings(listings::Args),
    /// Count block lists by week: new, continuing and delisted items, and how long items stay.
    Lists {
        /// Only this feed.
        feed: Option<String>,
        /// So many weeks up to a list's last snapshot.
        #[arg(long, default_value_t = 4)]
        weeks: u32,
    },
    /// Show reports that are no longer like those before; exits with 4 if there are any.
    Drift(drift::Args),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// One count a feed.
    Feed,
    /// By kind of observable: url, domain, ip, vulnerability ...
    Observable,
    /// By tag or severity; a record may count under several.
    Tag,
    /// By written date.
    Day,
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::List => list(session),
        What::Catalogue { search } => subscribe::catalogue(&search, session),
        What::Add { name, path, off } => subscribe::add(&name, &path, off, session),
        What::Enable { name } => subscribe::switch(&name, true, session),
        What::Disable { name } => subscribe::switch(&name, false, session),
        What::Test { name, limit } => trial::run(&name, limit, session),
        What::Health => health::run(session),
        What::Check => check(session),
        What::Tally { issue, by } => tally(&issue, by, session),
        What::Listings(args) => listings::listings(&args, session),
        What::Lists { feed, weeks } => listings::weeks(feed.as_deref(), weeks, session),
        What::Drift(args) => drift::run(&args, session),
    }
}

fn totals(workspace: &Workspace) -> Result<Vec<FeedTotals>> {
    Ok(workspace.block_on(workspace.ledger.report_totals(&ReportFilter::default()))?)
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let totals = totals(&workspace)?;
    let feeds = workspace.settings.catalogue.feeds();
    let mut out = Out::new();
    if session.json {
        let all: Vec<_> = feeds
            .iter()
            .map(|feed| json!({ "feed": feed, "totals": totals.iter().find(|total| total.feed == feed.name) }))
            .collect();
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new([
        "feed",
        "format",
        "zone",
        "days",
        "reports",
        "events",
        "rejects",
        "last received",
        "licence",
    ]);
    for feed in feeds {
        let total = totals.iter().find(|total| total.feed == feed.name);
        let number = |get: fn(&FeedTotals) -> i64| {
            total.map_or("–".to_owned(), |total| get(total).to_string())
        };
        let last = total
            .and_then(|total| Timestamp(total.last_received_at).date_in(&workspace.settings.zone));
        let name = if feed.enabled {
            feed.name
        } else {
            format!("{} (disabled)", feed.name)
        };
        table.row([
            name,
            feed.format,
            feed.zone,
            feed.every_days.to_string(),
            number(|total| total.reports),
            number(|total| total.events),
            number(|total| total.rejects),
            last.map_or_else(String::new, |date| date.to_string()),
            feed.licence,
        ]);
    }
    for total in totals
        .iter()
        .filter(|total| workspace.settings.catalogue.get(&total.feed).is_err())
    {
        session.talk.say(format_args!(
            "feed {} has {} reports in the ledger and no entry in the configuration any more",
            total.feed, total.reports
        ));
    }
    if table.is_empty() {
        session
            .talk
            .say("no feed is configured: add [[feed]] entries to watchfire.toml");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}

fn check(session: &Session) -> Result {
    let (root, settings) = session.settings()?;
    let mut out = Out::new();
    if !settings.unset.is_empty() {
        return Err(Failure::configuration(settings.unset));
    }
    let mut table = Table::new(["feed", "files", "bytes", "finding"]);
    let mut all = Vec::new();
    let mut wanting = false;
    for source in settings.catalogue.sources() {
        let name = &source.feed.name;
        let found = collect::files(&settings.catalogue, &root, &[Wanted::Feed(name.clone())])?;
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes: u64 = found.iter().map(|delivery| size(&delivery.path)).sum();
        let undated = source.feed.snapshot.is_some().then(|| {
            found
                .iter()
                .filter(|delivery| source.date_in_path(&delivery.origin).is_none())
                .count()
        });
        let finding = match (found.len(), undated) {
            _ if !source.feed.enabled => "disabled".to_owned(),
            (0, _) if source.feed.fetch.is_some() => String::new(),
            (0, _) if source.feed.paths.is_empty() => {
                "no paths: it is pushed, or its files are named to `ingest --feed`".to_owned()
            }
            (0, _) => format!("no file matches {}", source.feed.paths.join(", ")),
            (_, Some(n)) if n > 0 => {
                format!("{n} files bear no date by `snapshot`: the time of receipt is taken")
            }
            _ => String::new(),
        };
        wanting |= source.feed.enabled && !finding.is_empty();
        all.push(json!({ "feed": name, "files": found.len(), "bytes": bytes, "finding": finding }));
        table.row([
            name.clone(),
            found.len().to_string(),
            bytes.to_string(),
            finding,
        ]);
    }
    if session.json {
        out.json(&all)?;
    } else {
        table.print(&mut out)?;
    }
    out.end()?;
    if wanting {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

fn tally(issue: &str, by: By, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let named = weeks::read(issue, &workspace, now())?;
    let first = Day::of(named.week.monday());
    let by = match by {
        By::Feed => TallyBy::FEED,
        By::Observable => TallyBy::OBSERVABLE,
        By::Tag => TallyBy::TAG,
        By::Day => TallyBy::DAY,
    };
    let sums = workspace.block_on(workspace.ledger.tally(first.0..first.0 + 7, None, by))?;
    let mut out = Out::new();
    if session.json {
        let rows: Vec<_> = sums
            .iter()
            .map(|sum| {
                let day = sum.day.map(|day| Day(day).to_string());
                json!({ "feed": sum.feed, "day": day, "observable": sum.observable, "tag": sum.tag, "records": sum.records })
            })
            .collect();
        let issue = named.issue.map(|issue| issue.to_string());
        let week = json!({ "first": named.week.monday(), "last": named.week.sunday() });
        out.json(&json!({ "issue": issue, "week": week, "tallies": rows }))?;
        return out.end();
    }
    session.talk.say(format_args!(
        "{}: records by written date, before deduplication",
        named.heading()
    ));
    let mut heads = vec!["feed"];
    for (wanted, head) in [
        (by.day, "day"),
        (by.observable, "observable"),
        (by.tag, "tag"),
    ] {
        if wanted {
            heads.push(head);
        }
    }
    heads.push("records");
    let mut table = Table::new(heads);
    for sum in sums {
        let mut row = vec![sum.feed.unwrap_or_default()];
        row.extend(sum.day.map(|day| Day(day).to_string()));
        row.extend(sum.observable);
        row.extend(sum.tag);
        row.push(sum.records.to_string());
        table.row(row);
    }
    if table.is_empty() {
        session.talk.say("no record bears a date of this week");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}
