//! A MISP feed: a static folder with `manifest.json` (event's UUID to its timestamp and more) and a
//! file an event (MISP core format, "MISP feed"). Fetched are the events that are new or have
//! another timestamp.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::client::{Ask, Session, below};
use super::failure::{Failure, Result};
use super::fetch::Batch;
use super::spool::Spool;

/// What the manifest says of an event; numbers travel as texts, and sometimes as numbers.
#[derive(Deserialize)]
struct Meta {
    timestamp: Value,
}

/// Fetches new and changed events into the batch, the oldest first.
///
/// # Errors
/// See [`Session::send`]; and a manifest that is none.
pub async fn fetch(session: &Session<'_>, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let plan = session.plan;
    let folder = format!("{}/", plan.shown.trim_end_matches('/'));
    let shown = format!("{folder}manifest.json");
    let ask = Ask::get(below(plan.url()?, "manifest.json"), shown.clone());
    let (_, bytes) = session.to_memory(&ask).await?;
    let manifest: BTreeMap<String, Meta> = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::malformed(format!("{shown} is no manifest: {error}")))?;
    let mut events = Vec::with_capacity(manifest.len());
    let mut foreign = Vec::new();
    for (uuid, meta) in manifest {
        let timestamp = match meta.timestamp {
            Value::String(text) => text,
            other => other.to_string(),
        };
        // The name becomes part of an address and of a file's name.
        if is_uuid(&uuid) {
            events.push((timestamp.parse::<u64>().unwrap_or(0), uuid, timestamp));
        } else {
            foreign.push(uuid);
        }
    }
    if let Some(name) = foreign.first() {
        let detail = format!(
            "{shown} names {} events by no UUID, such as {name:?}",
            foreign.len()
        );
        batch.fail(Failure::malformed(
            detail.chars().take(300).collect::<String>(),
        ));
    }
    events.sort();
    batch.state.keep_only(
        &events
            .iter()
            .map(|(_, uuid, _)| uuid.clone())
            .collect::<BTreeSet<_>>(),
    );
    for (_, uuid, timestamp) in events {
        if batch.state.seen.get(&uuid) == Some(&timestamp) {
            continue;
        }
        if batch.full() {
            return Ok(());
        }
        let name = format!("{uuid}.json");
        let ask = Ask::get(below(plan.url()?, &name), format!("{folder}{name}"));
        match session.to_spool(&ask, spool, &folder, &name).await {
            Ok((_, kept)) => {
                if let Some(kept) = kept {
                    batch.take(kept);
                }
                batch.state.seen.insert(uuid, timestamp);
            }
            Err(failure) => {
                if batch.fail(failure) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_names() {
        assert!(is_uuid("5c8f2a3e-0b1c-4d5e-8f90-123456789abc"));
        for name in [
            "",
            "../../../../../../../../etc/passwd/..",
            "5c8f2a3e-0b1c-4d5e-8f90-123456789ab/",
        ] {
            assert!(!is_uuid(name), "{name}");
        }
    }
}
