//! `watchfire feeds test`: fetch a feed once, or read its newest file, and show what would come of it.
//! Nothing is stored: what is fetched lies in a folder that is gone afterwards, and nothing is
//! remembered as come.

use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use intake::Source;
use intake::collect::fetch::fetch;
use intake::collect::state::FetchState;
use intake::collect::{self, Delivery, Wanted};
use model::fetch::Transport;
use serde_json::json;

use crate::asking;
use crate::command::parse::{Counts, Reading};
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now};

pub(super) fn run(name: &str, limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let source = Arc::clone(workspace.settings.catalogue.get(name)?);
    let label = format!("feed {name}");
    let folder = tempfile::tempdir().map_err(|error| Failure::new("temporary folder", error))?;
    let (deliveries, more) = match source.feed.fetch.as_ref().map(|fetch| fetch.kind) {
        Some(Transport::Tcp | Transport::Redis) => {
            return Err(
                Failure::new(label, "its events are handed over once and cannot be tried").remedy(
                    format_args!("try a file of them: watchfire parse FILE --feed {name}"),
                ),
            );
        }
        Some(_) => fetched(&workspace, &source, folder.path(), session)?,
        None => (newest(&workspace, &source)?, false),
    };
    if deliveries.is_empty() {
        session.talk.say(format_args!("{label}: nothing came"));
        return Ok(());
    }
    let reading = Reading::of(&source, &workspace, limit, session)?;
    let mut out = Out::new();
    let mut sum = Counts::default();
    for delivery in &deliveries {
        let file = File::open(&delivery.path)
            .map_err(|error| Failure::new(delivery.path.display(), error))?;
        let size = file.metadata().map_or(0, |meta| meta.len());
        session
            .talk
            .say(format_args!("{}: {size} bytes", delivery.origin));
        let counts = reading.show(file, &delivery.origin, &mut out)?;
        sum.events += counts.events;
        sum.rejects += counts.rejects;
        sum.unreadable = sum.unreadable.or(counts.unreadable);
    }
    if session.json {
        out.json_line(&json!({ "feed": name, "deliveries": deliveries.len(), "more": more, "events": sum.events, "rejects": sum.rejects }))?;
    }
    out.end()?;
    session.talk.say(format_args!(
        "{label}: {} events and {} rejects in {} deliveries{}; nothing was stored",
        sum.events,
        sum.rejects,
        deliveries.len(),
        if more { ", and there are more" } else { "" }
    ));
    match sum.unreadable {
        Some(failure) => Err(failure),
        None if sum.events == 0 => Err(Failure::findings()),
        None => Ok(()),
    }
}

/// Fetches one batch, as if nothing had come before.
fn fetched(
    workspace: &Workspace,
    source: &Arc<Source>,
    folder: &std::path::Path,
    session: &Session,
) -> Result<(Vec<Delivery>, bool)> {
    let clients = asking::clients(&workspace.root, session.environment.clone());
    let state = FetchState::default();
    let fetched = fetch(&clients, &source.feed, &state, folder, now());
    let fetched = workspace
        .block_on(fetched)
        .map_err(|failure| Failure::from(intake::Error::from(failure)))?;
    for failure in &fetched.failures {
        session.talk.warn(failure);
    }
    let deliveries = asking::deliveries(source, &fetched.deliveries);
    Ok((deliveries, fetched.more))
}

/// The file of a feed that was changed last.
fn newest(workspace: &Workspace, source: &Source) -> Result<Vec<Delivery>> {
    workspace.need_paths()?;
    let feed = &source.feed;
    let wanted = [Wanted::Feed(feed.name.clone())];
    let found = collect::files(&workspace.settings.catalogue, &workspace.root, &wanted)?;
    let changed = |delivery: &Delivery| {
        let meta = std::fs::metadata(&delivery.path);
        meta.and_then(|meta| meta.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    match found.into_iter().max_by_key(changed) {
        Some(delivery) => Ok(vec![delivery]),
        None => Err(Failure::new(
            format_args!("feed {}", feed.name),
            match feed.paths.is_empty() {
                true => "has neither paths nor a `fetch` table: its reports are pushed".to_owned(),
                false => format!("no file matches {}", feed.paths.join(", ")),
            },
        )
        .remedy(format_args!(
            "try a file: watchfire parse FILE --feed {}",
            feed.name
        ))),
    }
}
