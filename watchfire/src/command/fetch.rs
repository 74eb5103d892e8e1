//! `watchfire fetch`: ask the feeds that lie elsewhere for what is new, and take it in. Where a process
//! serves the workspace, it is the one that asks: it is told which feed shall not wait.

use std::sync::Arc;
use std::time::Duration;

use intake::Source;
use intake::collect::FETCH;
use intake::collect::client::Clients;
use intake::ingest::Summary;
use ledger::NewJob;
use serde_json::json;

use super::ingest;
use crate::asking::{self, Asking, Step};
use crate::failure::{Failure, Result};
use crate::health::{self, Outcome};
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now, serving};

/// Ask the feeds that have a `fetch` table for what is new, and take it in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire fetch                  every enabled feed whose interval has passed
  watchfire fetch openphish-community        this one, now
  watchfire --json fetch           for cron: what came, and which feeds failed

A feed that fails rests for a while that doubles with each failure; the others go on. Exit code 4 if one failed.
While `watchfire serve` runs, it is told to ask the named feeds at once.")]
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
    if let Some(holder) = serving(&workspace.root).filter(|holder| holder.ends_with("serve)")) {
        return tell(&workspace, &named, &holder, session);
    }
    let _asking = workspace.asking("fetch")?;
    let all = || {
        let sources = catalogue.sources().iter();
        sources
            .filter(|source| source.feed.enabled && source.feed.fetch.is_some())
            .map(Arc::clone)
            .collect()
    };
    let asked = !named.is_empty();
    let sources: Vec<Arc<Source>> = if asked { named } else { all() };
    let clients = Arc::new(asking::clients(
        &workspace.root,
        session.environment.clone(),
    ));
    let mut out = Out::new();
    let mut told = Vec::new();
    let (mut failed, mut resting) = (false, 0);
    for source in sources {
        let name = &source.feed.name;
        let state = workspace.block_on(asking::remembered(&workspace.ledger, name))?;
        if !asked && !state.due(now()) {
            resting += 1;
            continue;
        }
        let (summaries, failures) = one(&workspace, &source, &clients, session)?;
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

/// Tells the serving process which feeds shall not wait.
fn tell(workspace: &Workspace, named: &[Arc<Source>], holder: &str, session: &Session) -> Result {
    if named.is_empty() {
        session.talk.say(format_args!(
            "{holder} asks the feeds when they are due: `watchfire fetch FEED` makes it ask at once"
        ));
    }
    for source in named {
        let name = &source.feed.name;
        if !source.feed.enabled {
            return Err(
                Failure::new(format_args!("feed {name}"), "is turned off: nobody asks it")
                    .remedy(format_args!("watchfire feeds enable {name}")),
            );
        }
        if !asking::is_asked(source) {
            return Err(Failure::new(
                format_args!("feed {name}"),
                "is sent to us and cannot be asked",
            ));
        }
        let job = NewJob {
            kind: FETCH.to_owned(),
            key: name.clone(),
            payload: "{}".to_owned(),
            run_at: 0,
        };
        workspace.block_on(async {
            workspace.ledger.enqueue(job, now().0).await?;
            workspace.ledger.hurry(FETCH, name, now().0).await
        })?;
        session
            .talk
            .say(format_args!("feed {name}: {holder} asks it now"));
    }
    if session.json {
        let mut out = Out::new();
        let names: Vec<_> = named.iter().map(|source| &source.feed.name).collect();
        out.json(&json!({ "asked_by": holder, "feeds": names }))?;
        out.end()?;
    }
    Ok(())
}

/// What became of one batch of deliveries, and how long it took.
type Batch = (Summary, Duration);

/// Fetches one feed until it has no more; what was taken in, and what failed.
fn one(
    workspace: &Workspace,
    source: &Arc<Source>,
    clients: &Arc<Clients>,
    session: &Session,
) -> Result<(Vec<Batch>, Vec<String>)> {
    let mut summaries = Vec::new();
    let ledger = &workspace.ledger;
    let (source, clients) = (Arc::clone(source), Arc::clone(clients));
    let feed = source.feed.name.clone();
    let begin = Asking::begin(ledger.clone(), clients, source, &workspace.root);
    let mut asking = workspace.block_on(begin)?;
    loop {
        match workspace.block_on(asking.next())? {
            Step::Take(deliveries) => {
                let batch = ingest::ingest(workspace, &deliveries, false, &now, &session.talk)?;
                summaries.push(batch);
                workspace.block_on(asking.taken())?;
            }
            Step::Ended(failures) => {
                let outcome = match failures.first() {
                    Some(failure) => Outcome::Failed(failure.clone()),
                    None => Outcome::Good(ingest::new_rows(summaries.iter().map(|(one, _)| one))),
                };
                workspace.block_on(health::record(ledger, &feed, outcome, now()))?;
                return Ok((summaries, failures));
            }
        }
    }
}
