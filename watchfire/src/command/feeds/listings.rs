//! `watchfire feeds listings` and `feeds lists`: what block lists name, since when, and for how long.

use bulletin::lists::{self, Listing, STAY_WEEKS};
use jiff::civil::Date;
use lake::query::Part;
use ledger::LakeFileKind;
use model::listing::ListingState;
use model::time::{ReportingWeek, Timestamp};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::weeks::Named;
use crate::workspace::{Access, Session, Workspace, part};

/// Which listings are wanted.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The feed.
    feed: String,
    /// Only one of the feed's lists.
    #[arg(long)]
    list: Option<String>,
    /// Only listings in this state: new, continuing or delisted.
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// As of the end of this day in the feed's zone, instead of the last snapshot.
    #[arg(long, value_name = "DATE")]
    at: Option<Date>,
    /// Only this item, as it is listed: 192.0.2.1, www.example, 192.0.2.0/24.
    #[arg(long)]
    item: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// Began with the last snapshot.
    New,
    /// Began before and stands.
    Continuing,
    /// Is off the list.
    Delisted,
}

impl State {
    fn is(self, state: ListingState) -> bool {
        matches!(
            (self, state),
            (State::New, ListingState::New)
                | (State::Continuing, ListingState::Continuing)
                | (State::Delisted, ListingState::Delisted)
        )
    }
}

/// Live parts that may hold a feed's events.
fn parts(workspace: &Workspace, feed: &str) -> Result<Vec<Part>> {
    let ledger = &workspace.ledger;
    let files = workspace.block_on(ledger.live_files(None, Some(LakeFileKind::Part), None))?;
    let of_feed = files
        .iter()
        .filter(|file| file.feed.as_ref().is_none_or(|name| name == feed));
    Ok(of_feed.map(part).collect())
}

fn no_list(feed: &str) -> Failure {
    Failure::new(
        format_args!("feed {feed}"),
        "has brought no list: none of its reports is a list without times, delivered whole",
    )
    .remedy("`watchfire feeds lists` shows the feeds that have; `list = true` in a feed's entry says that its reports are whole lists")
}

pub fn listings(args: &Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let source = workspace.settings.catalogue.get(&args.feed)?;
    let end = args
        .at
        .and_then(|date| date.tomorrow().ok())
        .and_then(|date| date.to_zoned_datetime(source.zone.clone()).ok())
        .map_or(Timestamp(i64::MAX), |zoned| {
            Timestamp::from(zoned.timestamp())
        });
    let ledger = &workspace.ledger;
    let span = Timestamp(i64::MIN)..end;
    let mut all = workspace.block_on(lists::lists(ledger, &args.feed, None, span))?;
    if let Some(list) = &args.list {
        let known: Vec<String> = all.keys().cloned().collect();
        all.retain(|name, _| name == list);
        if all.is_empty() {
            return Err(Failure::new(
                format_args!("feed {}", args.feed),
                format_args!("has no list {}", clean(list)),
            )
            .remedy(format_args!("its lists are: {}", known.join(", "))));
        }
    }
    if all.is_empty() {
        return Err(no_list(&args.feed));
    }
    let parts = parts(&workspace, &args.feed)?;
    let lake_source = lists::Source {
        lake: &workspace.lake,
        parts: &parts,
        feed: &source.feed,
    };
    let date = |at: Timestamp| {
        at.date_in(&source.zone)
            .map_or_else(String::new, |date| date.to_string())
    };
    let mut out = Out::new();
    let mut counts = [0u64; 3];
    let mut written: Result = Ok(());
    if !session.json {
        out.line("state       first seen   last seen   age  times  item")?;
    }
    let mut each = |listing: &Listing<'_>| {
        let state = listing.state();
        if written.is_err()
            || args.state.is_some_and(|wanted| !wanted.is(state))
            || args.item.as_ref().is_some_and(|item| item != listing.item)
        {
            return;
        }
        counts[state as usize] += 1;
        let stay = listing.stay();
        let before = listing.stays[0].before;
        let age = listing.length(stay);
        written = if session.json {
            let at = |at: usize| listing.days[at].at.to_string();
            let stays: Vec<_> = listing
                .stays
                .iter()
                .map(|stay| {
                    json!({
                        "first_seen": at(stay.first), "last_seen": at(stay.last),
                        "delisted_at": stay.ended.map(at), "days": listing.length(stay),
                        "began_before": stay.before,
                    })
                })
                .collect();
            out.json_line(&json!({
                "feed": args.feed, "list": listing.list, "kind": listing.kind,
                "item": listing.item, "state": state.label(),
                "first_seen": listing.first_seen().to_string(),
                "first_seen_or_before": before,
                "last_seen": listing.last_seen().to_string(),
                "delisted_at": listing.delisted_at().map(|at| at.to_string()),
                "age_days": age, "times_relisted": listing.stays.len() - 1, "stays": stays,
            }))
        } else {
            let list = match listing.list {
                "" => String::new(),
                list => format!("{}/", clean(list)),
            };
            out.line(format_args!(
                "{:<10}  {}{}  {}  {age:>4}  {:>5}  {list}{}",
                state.label(),
                if before { "≤" } else { " " },
                date(listing.first_seen()),
                date(listing.last_seen()),
                listing.stays.len(),
                clean(listing.item)
            ))
        };
    };
    workspace.block_on(lake_source.each(&all, &mut each))?;
    written?;
    out.end()?;
    let held = all.values().flatten().filter(|day| !day.whole()).count();
    let [new, continuing, delisted] = counts;
    session.talk.say(format_args!(
        "{new} new, {continuing} continuing, {delisted} delisted; {} snapshot days, {held} of them held back",
        all.values().map(Vec::len).sum::<usize>()
    ));
    Ok(())
}

/// A line a feed and week: new, continuing, delisted, and how long items stay.
pub fn weeks(feed: Option<&str>, weeks: u32, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let catalogue = &workspace.settings.catalogue;
    let sources = match feed {
        Some(name) => vec![catalogue.get(name)?],
        None => catalogue.sources().iter().collect(),
    };
    let zone = &workspace.settings.zone;
    let mut out = Out::new();
    let mut rows = Vec::new();
    let mut table = Table::new([
        "feed",
        "week",
        "new",
        "continuing",
        "delisted",
        "median days",
        "p90 days",
        "n",
        "going on",
        "held back",
    ]);
    for source in sources {
        let name = &source.feed.name;
        let span = Timestamp(i64::MIN)..Timestamp(i64::MAX);
        let all = workspace.block_on(lists::lists(&workspace.ledger, name, None, span))?;
        let Some(last) = all.values().flatten().map(|day| day.at).max() else {
            if feed.is_some() {
                return Err(no_list(name));
            }
            continue;
        };
        let Some(date) = last.date_in(zone) else {
            continue;
        };
        let parts = parts(&workspace, name)?;
        let lake_source = lists::Source {
            lake: &workspace.lake,
            parts: &parts,
            feed: &source.feed,
        };
        let last = ReportingWeek::containing(date);
        for back in (0..i64::from(weeks)).rev() {
            let week = last.plus(-back);
            let (start, end) = week.span(zone);
            let counted = lists::list_week(&workspace.ledger, &lake_source, None, start..end);
            let counted = workspace.block_on(counted)?;
            if !counted.delivered {
                continue;
            }
            let held = all
                .values()
                .flatten()
                .filter(|day| !day.whole() && (start..end).contains(&day.at))
                .count();
            let (median, p90) = (counted.stays.quantile(500), counted.stays.quantile(900));
            let named = Named::of(week, &workspace.settings);
            let n = counted.stays.n();
            let going_on = counted.stays.going_on();
            if session.json {
                rows.push(json!({
                    "feed": name, "issue": named.issue.map(|issue| issue.to_string()),
                    "week": { "first": week.monday(), "last": week.sunday() },
                    "new": counted.new, "continuing": counted.continuing,
                    "delisted": counted.delisted, "median_days": median, "p90_days": p90,
                    "n": n, "going_on": going_on, "snapshots_held_back": held,
                }));
            }
            let days = |days: Option<u32>| days.map_or("–".to_owned(), |days| days.to_string());
            table.row([
                name.clone(),
                named.label(),
                counted.new.to_string(),
                counted.continuing.to_string(),
                counted.delisted.to_string(),
                days(median),
                days(p90),
                n.to_string(),
                going_on.to_string(),
                held.to_string(),
            ]);
        }
    }
    if session.json {
        out.json(&rows)?;
    } else if table.is_empty() {
        session.talk.say("no feed has brought a list yet");
    } else {
        session.talk.say(format_args!(
            "time on the list: of n stays begun in {STAY_WEEKS} weeks, those that go on censored"
        ));
        table.print(&mut out)?;
    }
    out.end()
}
