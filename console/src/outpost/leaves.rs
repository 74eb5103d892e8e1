//! The leaves that a public node holds, a file each, named by its slot: what is in them only a browser with the key can
//! read. The inside leaves the list of all, brings those that the node has not, and what the list does not name goes away.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path as At, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ledger::Hash;

use super::answers::is_slot;
use super::leaf::Reply;
use super::parcel::What;
use super::spool::durable;
use super::{Outpost, leaf};
use crate::limits::Limit;
use crate::pages::outside::{ASKING, HOUR, SENDING, spend};
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// The list in force.
const LIST: &str = "list";
/// Answers that one leaf takes.
const ANSWERS: Limit = Limit {
    what: "notice",
    most: 120,
    per: HOUR,
};

/// The leaves of a node.
pub(crate) struct Leaves {
    folder: PathBuf,
    /// Held while files come and go.
    turn: Mutex<()>,
}

/// Slot and hash of each line of a list; `None` if it is none.
fn read(list: &str) -> Option<Vec<(&str, Hash)>> {
    let lines = list.lines().map(|line| {
        let (slot, hash) = line.split_once("  ")?;
        is_slot(slot).then_some(())?;
        Some((slot, hash.parse::<Hash>().ok()?))
    });
    lines.collect()
}

impl Leaves {
    /// Those that lie in a folder.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Leaves {
            folder: folder.to_owned(),
            turn: Mutex::new(()),
        })
    }

    /// A leaf, sealed.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn get(&self, slot: &str) -> io::Result<Option<String>> {
        if !is_slot(slot) {
            return Ok(None);
        }
        match fs::read_to_string(self.folder.join(slot)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Hash of the list in force; empty without one.
    pub(crate) fn hash(&self) -> String {
        let list = fs::read(self.folder.join(LIST));
        list.map_or_else(|_| String::new(), |list| Hash::of(&list).to_string())
    }

    /// Adds leaves, a line each: slot, a space, the sealed text; durable when this returns.
    ///
    /// # Errors
    /// A line is none; the disk.
    pub(crate) fn add(&self, text: &str) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            let found = line.split_once(' ').filter(|(slot, sealed)| {
                is_slot(slot) && BASE64_STANDARD_NO_PAD.decode(sealed).is_ok()
            });
            let (slot, sealed) = found.ok_or(io::ErrorKind::InvalidData)?;
            durable(&self.folder, slot, sealed.as_bytes())?;
        }
        Ok(())
    }

    /// Puts a list in force and removes what it does not name, if every leaf of it is here; otherwise the slots of those
    /// that are not, and nothing changes.
    ///
    /// # Errors
    /// The text is no list; the disk.
    pub(crate) fn put(&self, list: &str) -> io::Result<Vec<String>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let named = read(list).ok_or(io::ErrorKind::InvalidData)?;
        let mut missing = Vec::new();
        for (slot, hash) in &named {
            let here = self.get(slot)?;
            if here.is_none_or(|text| Hash::of(text.as_bytes()) != *hash) {
                missing.push((*slot).to_owned());
            }
        }
        if !missing.is_empty() {
            return Ok(missing);
        }
        durable(&self.folder, LIST, list.as_bytes())?;
        let named: HashSet<&str> = named.into_iter().map(|(slot, _)| slot).collect();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LIST && !named.contains(name.as_str()) {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        Ok(missing)
    }
}

/// A leaf as it lies here: who has the key opens it in the browser.
pub(super) async fn sealed(
    State(node): State<Arc<Outpost>>,
    visitor: Visitor,
    At(slot): At<String>,
) -> Result<Response, Refusal> {
    spend(&node.front, &visitor, ASKING)?;
    let found = node.leaves.get(&slot);
    let found = found.map_err(|error| Refusal::broken("a notice's page", error))?;
    let text = found.ok_or(Refusal::Absent)?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Takes what a party answers, sealed already: durable when this answers.
pub(super) async fn answer(
    State(node): State<Arc<Outpost>>,
    visitor: Visitor,
    At(slot): At<String>,
    sealed: String,
) -> Result<Response, Refusal> {
    spend(&node.front, &visitor, SENDING)?;
    let now = node.front.now().0;
    let found = node.leaves.get(&slot);
    let found = found.map_err(|error| Refusal::broken("a notice's page", error))?;
    found.ok_or(Refusal::Absent)?;
    node.front.limits.spend(ANSWERS, &slot, now)?;
    let text = sealed.trim_end_matches('=');
    if text.len() > leaf::ANSWER_BYTES || BASE64_STANDARD_NO_PAD.decode(text).is_err() {
        return Err(Refusal::invalid("answer", "is not sealed"));
    }
    let reply = Reply {
        slot,
        sealed: text.to_owned(),
    };
    node.counter
        .keep(What::Reply(reply), Vec::new(), now)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(slot: &str, text: &str) -> String {
        format!("{slot}  {}\n", Hash::of(text.as_bytes()))
    }

    #[test]
    fn a_list_is_in_force_when_all_of_it_is_here_and_what_it_drops_goes() {
        let folder = tempfile::tempdir().unwrap();
        let leaves = Leaves::open(folder.path()).unwrap();
        let (one, two) = ("a1".repeat(32), "b2".repeat(32));
        let list = line(&one, "bGVhZg") + &line(&two, "bG9hZg");
        assert_eq!(leaves.put(&list).unwrap(), [one.clone(), two.clone()]);
        leaves.add(&format!("{one} bGVhZg\n")).unwrap();
        assert_eq!(leaves.put(&list).unwrap(), [two.as_str()]);
        assert_eq!(leaves.hash(), "");
        leaves.add(&format!("{two} bG9hZg\n")).unwrap();
        assert!(leaves.put(&list).unwrap().is_empty());
        assert_eq!(leaves.hash(), Hash::of(list.as_bytes()).to_string());
        // What is no longer open is no longer here, and the rest outlives the process.
        let less = line(&one, "bGVhZg");
        assert!(leaves.put(&less).unwrap().is_empty());
        let again = Leaves::open(folder.path()).unwrap();
        assert_eq!(again.get(&one).unwrap().as_deref(), Some("bGVhZg"));
        assert_eq!(again.get(&two).unwrap(), None);
        assert_eq!(again.get("list").unwrap(), None);
    }

    #[test]
    fn what_is_no_list_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let leaves = Leaves::open(folder.path()).unwrap();
        for bad in ["../../etc/passwd  00", "short  short", "no list"] {
            assert!(leaves.put(bad).is_err(), "{bad}");
            assert!(leaves.add(bad).is_err(), "{bad}");
        }
        assert_eq!(leaves.hash(), "");
    }
}
