//! Watched folders: files that others put into a feed's `paths`. A file is whole when two looks find it
//! unchanged; one that grows afterwards is taken in once more, and its known rows count once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use intake::collect::{self, Delivery, Wanted};
use tokio::time::sleep;

use super::{Server, jobs};
use crate::workspace::Workspace;

/// What tells whether a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Seen once like this.
    Seen,
    /// Seen twice like this.
    Whole,
    /// Taken in like this.
    Taken,
}

/// A file that is to be taken in.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The file.
    pub delivery: Delivery,
    stamp: Stamp,
}

type Seen = HashMap<PathBuf, (Stamp, State, Delivery)>;

/// What was seen in each feed's folders; forgotten with the files.
#[derive(Default)]
pub struct Folders {
    seen: Mutex<HashMap<String, Seen>>,
}

impl Folders {
    fn with<T>(&self, feed: &str, act: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        act(seen.entry(feed.to_owned()).or_default())
    }

    /// The whole files of a feed, by path.
    pub fn whole(&self, feed: &str) -> Vec<Whole> {
        let mut whole: Vec<Whole> = self.with(feed, |seen| {
            let whole = seen.values().filter(|(_, state, _)| *state == State::Whole);
            whole
                .map(|(stamp, _, delivery)| Whole {
                    delivery: delivery.clone(),
                    stamp: *stamp,
                })
                .collect()
        });
        whole.sort_by(|one, other| one.delivery.path.cmp(&other.delivery.path));
        whole
    }

    /// These files are taken in as they were; what changed meanwhile is not.
    pub fn taken(&self, feed: &str, files: &[Whole]) {
        self.with(feed, |seen| {
            for file in files {
                if let Some((stamp, state, _)) = seen.get_mut(&file.delivery.path)
                    && *stamp == file.stamp
                {
                    *state = State::Taken;
                }
            }
        });
    }

    /// Notes what a look found; whether there is a whole file.
    fn look(&self, feed: &str, found: Vec<(Delivery, Stamp)>) -> bool {
        self.with(feed, |seen| {
            let paths: HashSet<PathBuf> = found.iter().map(|(one, _)| one.path.clone()).collect();
            seen.retain(|path, _| paths.contains(path));
            for (delivery, stamp) in found {
                match seen.entry(delivery.path.clone()) {
                    Entry::Vacant(entry) => {
                        entry.insert((stamp, State::Seen, delivery));
                    }
                    Entry::Occupied(mut entry) => {
                        let (before, state, kept) = entry.get_mut();
                        *state = match *state {
                            _ if *before != stamp => State::Seen,
                            State::Seen => State::Whole,
                            state => state,
                        };
                        // The feed's entry may be another by now.
                        (*before, *kept) = (stamp, delivery);
                    }
                }
            }
            seen.values().any(|(_, state, _)| *state == State::Whole)
        })
    }

    /// Forgets feeds that are not watched any more.
    fn keep(&self, feeds: &HashSet<String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|feed, _| feeds.contains(feed));
    }
}

/// Looks into all folders, now and then, until the process is to end.
pub async fn watch(server: Arc<Server>) -> &'static str {
    let mut told: HashMap<String, String> = HashMap::new();
    loop {
        let workspace = server.workspace();
        // One node of a cluster looks: the one that leads.
        let sources = match server.leads() {
            true => server.sources(),
            false => Vec::new(),
        };
        let watched = sources
            .iter()
            .filter(|source| !source.feed.paths.is_empty());
        let names: HashSet<String> = watched.map(|source| source.feed.name.clone()).collect();
        server.folders.keep(&names);
        told.retain(|feed, _| names.contains(feed));
        for feed in names {
            let (at, name) = (Arc::clone(&workspace), feed.clone());
            let found = tokio::task::spawn_blocking(move || files(&at, &name)).await;
            match found
                .map_err(|error| error.to_string())
                .and_then(|found| found)
            {
                Ok(found) => {
                    told.remove(&feed);
                    if server.folders.look(&feed, found) {
                        arrived(&server, &feed).await;
                    }
                }
                // Said once, not at every look.
                Err(error) if told.get(&feed) == Some(&error) => {}
                Err(error) => {
                    tracing::warn!(feed, error, "its folders cannot be read");
                    metrics::counter!("watchfire_feed_failures_total", "feed" => feed.clone())
                        .increment(1);
                    told.insert(feed, error);
                }
            }
        }
        let pause = u64::from(workspace.settings.serve.look_secs);
        tokio::select! {
            () = server.stopped() => return "folders",
            () = sleep(Duration::from_secs(pause)) => {}
        }
    }
}

/// A feed has whole files: they are taken in here, or archived for whichever node takes them in.
async fn arrived(server: &Server, feed: &str) {
    if !server.roles.clustered {
        return jobs::arrived(server, feed).await;
    }
    if let Err(failure) = jobs::archive(server, feed).await {
        let error = failure.message();
        tracing::warn!(feed, error, "its files cannot be archived");
    }
}

/// A feed's files as they are now.
fn files(workspace: &Workspace, feed: &str) -> Result<Vec<(Delivery, Stamp)>, String> {
    let wanted = [Wanted::Feed(feed.to_owned())];
    let catalogue = &workspace.settings.catalogue;
    let found =
        collect::files(catalogue, &workspace.root, &wanted).map_err(|error| error.to_string())?;
    let stamped = found.into_iter().filter_map(|delivery| {
        // A file that is gone by now is none.
        let meta = std::fs::metadata(&delivery.path).ok()?;
        let stamp = Stamp {
            bytes: meta.len(),
            changed: meta.modified().ok(),
        };
        Some((delivery, stamp))
    });
    Ok(stamped.collect())
}

#[cfg(test)]
mod tests {
    use model::feed::Feed;

    use super::*;

    fn delivery(path: &str) -> Delivery {
        let entry = "name = \"a\"\nprovider = \"p\"\nformat = \"list\"\nzone = \"UTC\"\nlicence = \"none\"\nclassification = \"phishing\"";
        let feed: Feed = toml::from_str(entry).expect("an entry");
        Delivery {
            source: Arc::new(intake::Source::compile(feed).expect("a feed")),
            path: PathBuf::from(path),
            origin: path.to_owned(),
        }
    }

    fn stamp(bytes: u64) -> Stamp {
        Stamp {
            bytes,
            changed: None,
        }
    }

    #[test]
    fn a_file_is_whole_when_two_looks_find_it_unchanged() {
        let folders = Folders::default();
        let look = |bytes| folders.look("a", vec![(delivery("x"), stamp(bytes))]);
        assert!(!look(1));
        assert!(!look(2), "it grew");
        assert!(look(2));
        let whole = folders.whole("a");
        assert_eq!(whole.len(), 1);
        folders.taken("a", &whole);
        assert!(!look(2), "it is taken in once");
        assert!(!look(3), "it grew afterwards");
        assert!(look(3));
        let whole = folders.whole("a");
        assert!(!look(4), "it grew while it was taken in");
        folders.taken("a", &whole);
        assert!(look(4), "what came meanwhile is taken in too");
        assert!(!folders.look("a", Vec::new()));
        assert!(folders.whole("a").is_empty(), "it is gone");
        folders.keep(&HashSet::new());
        assert!(folders.seen.lock().expect("nobody panicked").is_empty());
    }
}
