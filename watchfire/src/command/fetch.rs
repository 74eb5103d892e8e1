//! `watchfire fetch`: ask the feeds that lie elsewhere for what is new, and take it in.
//!
//! What comes is spooled, ingested, and only then remembered as come: killed anywhere, the next fetch
//! brings it again, and the same bytes again change nothing. A feed that fails rests alone.

use std::sync::Arc;
use std::time::Duration;

use intake::Source;
use intake::collect::Delivery;
use intake::collect::client::Clients;
use intake::collect::fetch::{fetch, left_over};
use intake::collect::retry::Random;
use intake::collect::spool::Spooled;
use intake::collect::state::FetchState;
use intake::ingest::Summary;
use serde_json::json;

use super::ingest;
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now, random};

/// Folder of the workspace in which deliveries wait until they are archived.
const SPOOL: &str = "spool";

/// Ask the feeds that have a `fetch` table for what is new, and take it in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire fetch                  every enabled feed whose interval has passed
  watchfire fetch openphish-community        this one, now
  watchfire --json fetch           for cron: what came, and which feeds failed

A feed that fails rests for a while that doubles with each failure; the others go on. Exit code 4 if one failed.")]
pub struct Args {
    /// Feeds to ask now, due or not; without any, every enabled one that is due.
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Write("fetch"))?;
    workspace.need_paths()?;
    let catalogue = &workspace.settings.catalogue;
    let named = args
        .feeds
        .iter()
        .map(|name| catalogue.get(name).map(Arc::clone))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(source) = named.iter().find(|source| source.feed.fetch.is_none()) {
        return Err(Failure::new(
            format_args!("feed {}", source.feed.name),
            "has no `fetch` table: its files are looked for in its paths",
        )
        .remedy(format_args!("watchfire ingest {}", source.feed.name)));
    }
    let all = || {
        let sources = catalogue.sources().iter();
        sources
            .filter(|source| source.feed.enabled && source.feed.fetch.is_some())
            .map(Arc::clone)
            .collect()
    };
    let asked = !named.is_empty();
    let sources: Vec<Arc<Source>> = if asked { named } else { all() };
    let draw: Random = Arc::new(|| {
        let bytes = random();
        u64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
    });
    let clients = Clients::new(&workspace.root, session.environment.clone(), draw);
    let mut out = Out::new();
    let mut told = Vec::new();
    let (mut failed, mut resting) = (false, 0);
    for source in sources {
        let name = &source.feed.name;
        let state = remembered(&workspace, name)?;
        if !asked && !state.due(now()) {
            resting += 1;
            continue;
        }
        let (summaries, failures) = one(&workspace, &source, state, &clients, session)?;
        for failure in &failures {
            session.talk.warn(failure);
        }
        if summaries.is_empty() && failures.is_empty() {
            session.talk.say(format_args!("feed {name}: nothing new"));
        }
        failed |= !failures.is_empty();
        if session.json {
            let batches: Vec<_> = summaries.iter().map(|(summary, _)| summary).collect();
            told.push(json!({ "feed": name, "batches": batches, "failures": failures }));
        } else {
            for (summary, took) in &summaries {
                ingest::print(summary, *took, &mut out, &session.talk)?;
            }
        }
    }
    if resting > 0 {
        session.talk.say(format_args!(
            "{resting} feeds are not due: `watchfire fetch FEED` asks at once"
        ));
    }
    if session.json {
        out.json(&told)?;
    }
    out.end()?;
    if failed {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

fn key(feed: &str) -> String {
    format!("fetch.{feed}")
}

fn remembered(workspace: &Workspace, feed: &str) -> Result<FetchState> {
    let state = workspace.block_on(workspace.ledger.setting(&key(feed)))?;
    Ok(state.unwrap_or_default())
}

/// What became of one batch of deliveries, and how long it took.
type Batch = (Summary, Duration);

/// Fetches one feed until it has no more; what was taken in, and what failed.
fn one(
    workspace: &Workspace,
    source: &Arc<Source>,
    mut state: FetchState,
    clients: &Clients,
    session: &Session,
) -> Result<(Vec<Batch>, Vec<String>)> {
    let feed = &source.feed;
    let spool = workspace.root.join(SPOOL);
    let interval = feed.fetch.as_ref().map_or(0, |fetch| fetch.interval_secs);
    let interval = Duration::from_secs(interval);
    let mut summaries = Vec::new();
    let fail = |error: intake::collect::failure::Failure| Failure::new("spool", error);
    let left = left_over(feed, &spool).map_err(fail)?;
    take_in(workspace, source, &left, &mut summaries, session)?;
    let store = |state: &FetchState| {
        workspace.block_on(workspace.ledger.set_setting(&key(&feed.name), state))
    };
    loop {
        let fetched = workspace.block_on(fetch(clients, feed, &state, &spool, now()));
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(failure) => {
                store(&state.failed(&failure, now(), interval, &clients.random))?;
                return Ok((summaries, vec![failure.to_string()]));
            }
        };
        take_in(
            workspace,
            source,
            &fetched.deliveries,
            &mut summaries,
            session,
        )?;
        store(&fetched.state)?;
        state = fetched.state;
        if !fetched.more {
            let failures = fetched.failures.iter().map(ToString::to_string);
            return Ok((summaries, failures.collect()));
        }
    }
}

/// Ingests spooled deliveries and removes their files: the archive has the bytes.
fn take_in(
    workspace: &Workspace,
    source: &Arc<Source>,
    spooled: &[Spooled],
    summaries: &mut Vec<Batch>,
    session: &Session,
) -> Result {
    if spooled.is_empty() {
        return Ok(());
    }
    let deliveries: Vec<Delivery> = spooled
        .iter()
        .map(|spooled| Delivery {
            source: Arc::clone(source),
            path: spooled.path.clone(),
            origin: spooled.origin.clone(),
        })
        .collect();
    let batch = ingest::ingest(workspace, &deliveries, false, &now, &session.talk)?;
    summaries.push(batch);
    for spooled in spooled {
        std::fs::remove_file(&spooled.path)
            .map_err(|error| Failure::new(spooled.path.display(), error))?;
    }
    Ok(())
}
