//! Transports: how deliveries come. Here, files in folders. What is fetched from elsewhere is first
//! put into a spool: [`fetch`] is one fetch of one feed, by the `fetch` table of its entry ([`plan`])
//! and what is remembered of it ([`state`]); `http`, `shadowserver`, `taxii`, `misp`, `s3` and
//! `maildir` are a transport each, [`stream`] takes events from queues. All that speak HTTP share one
//! [`client`] with its address [policy](outbound::policy) and its [`retry`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::{Catalogue, Source};
use crate::error::{Error, Result};

pub mod client;
pub mod failure;
pub mod fetch;
pub mod plan;
pub mod retry;
pub mod spool;
pub mod state;
pub mod stream;

mod http;
mod maildir;
mod misp;
mod s3;
mod shadowserver;
mod taxii;

/// Kind of the ledger's jobs that ask a feed for what is new; their key is the feed's name.
pub const FETCH: &str = "fetch";
/// Kind of the ledger's jobs that take in what a feed's folder or the archive holds; their key is the
/// feed's name.
pub const TAKE_IN: &str = "take-in";

/// A file that was delivered for a feed.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The feed.
    pub source: Arc<Source>,
    /// The file.
    pub path: PathBuf,
    /// Path as shown and as searched for dates and names: relative to the workspace where it lies
    /// below it.
    pub origin: String,
}

/// What the operator asked for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All enabled feeds.
    All,
    /// One feed, by name.
    Feed(String),
    /// One file or folder, for the feed whose patterns match, or for the named feed.
    Path(PathBuf, Option<String>),
}

/// Finds deliveries by the feeds' patterns, in the order of the configuration and then of the paths.
///
/// # Errors
/// An unknown feed, a bad pattern, or a named file that belongs to no feed.
pub fn files(catalogue: &Catalogue, root: &Path, wanted: &[Wanted]) -> Result<Vec<Delivery>> {
    let mut found = Vec::new();
    for wanted in wanted {
        match wanted {
            Wanted::All => {
                for source in catalogue
                    .sources()
                    .iter()
                    .filter(|source| source.feed.enabled)
                {
                    of_feed(source, root, &mut found)?;
                }
            }
            Wanted::Feed(name) => of_feed(catalogue.get(name)?, root, &mut found)?,
            Wanted::Path(path, feed) => {
                of_path(catalogue, root, path, feed.as_deref(), &mut found)?
            }
        }
    }
    Ok(found)
}

fn of_feed(source: &Arc<Source>, root: &Path, found: &mut Vec<Delivery>) -> Result<()> {
    let bad = |detail: String| Error::Feed {
        feed: source.feed.name.clone(),
        detail,
    };
    let excluded = patterns(root, &source.feed.exclude).map_err(bad)?;
    let mut paths = Vec::new();
    for pattern in &source.feed.paths {
        let whole = rooted(root, pattern);
        let text = whole
            .to_str()
            .ok_or_else(|| bad(format!("path `{pattern}` is not UTF-8")))?;
        let entries =
            glob::glob(text).map_err(|error| bad(format!("path `{pattern}`: {error}")))?;
        for entry in entries {
            let path = entry.map_err(|error| Error::Io {
                path: error.path().to_owned(),
                source: error.into(),
            })?;
            if path.is_file() && !excluded.iter().any(|pattern| pattern.matches_path(&path)) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.dedup();
    found.extend(paths.into_iter().map(|path| delivery(source, root, path)));
    Ok(())
}

fn of_path(
    catalogue: &Catalogue,
    root: &Path,
    path: &Path,
    feed: Option<&str>,
    found: &mut Vec<Delivery>,
) -> Result<()> {
    let path = path.canonicalize().map_err(Error::io(path))?;
    let root = &root.canonicalize().map_err(Error::io(root))?;
    if path.is_dir() {
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(Error::io(&path))? {
            inside.push(entry.map_err(Error::io(&path))?.path());
        }
        inside.sort();
        return inside
            .iter()
            .try_for_each(|path| of_path(catalogue, root, path, feed, found));
    }
    let source = match feed {
        Some(name) => catalogue.get(name)?,
        None => catalogue
            .sources()
            .iter()
            .find(|source| {
                let matches = |list: &[String]| {
                    patterns(root, list)
                        .is_ok_and(|all| all.iter().any(|one| one.matches_path(&path)))
                };
                matches(&source.feed.paths) && !matches(&source.feed.exclude)
            })
            .ok_or_else(|| Error::NoFeed { path: path.clone() })?,
    };
    found.push(delivery(source, root, path));
    Ok(())
}

fn patterns(root: &Path, list: &[String]) -> Result<Vec<glob::Pattern>, String> {
    list.iter()
        .map(|pattern| {
            let whole = rooted(root, pattern);
            let text = whole
                .to_str()
                .ok_or_else(|| format!("path `{pattern}` is not UTF-8"))?;
            glob::Pattern::new(text).map_err(|error| format!("path `{pattern}`: {error}"))
        })
        .collect()
}

/// A pattern below the workspace, whose own name is taken literally; an absolute one stands alone.
fn rooted(root: &Path, pattern: &str) -> PathBuf {
    if Path::new(pattern).is_absolute() {
        return PathBuf::from(pattern);
    }
    let root = root.to_string_lossy();
    PathBuf::from(glob::Pattern::escape(&root)).join(pattern)
}

fn delivery(source: &Arc<Source>, root: &Path, path: PathBuf) -> Delivery {
    let shown = path.strip_prefix(root).unwrap_or(&path);
    let origin = shown.to_string_lossy().into_owned();
    Delivery {
        source: Arc::clone(source),
        path,
        origin,
    }
}
