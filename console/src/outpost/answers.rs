//! What a public node may tell those who hold a receipt, kept so that the node itself cannot read it: each answer lies
//! in a slot whose name follows from the receipt, sealed by a key that follows from the receipt (80 random bits). Without
//! the receipt the node holds a list of random names beside random bytes; with it, in the moment when somebody types it
//! in, it can open that one answer.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ledger::Hash;
use model::outside::Stage;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::front::Judged;

/// What was sent: receipts of the one say nothing of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Complaint,
    Appeal,
    /// An answer to a notice: it is told nothing, only its parcel has a slot.
    Reply,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    Stage(Stage),
    Judged(Judged),
}

/// Answers are filled up to a multiple of this many bytes, so that their length tells no stage.
const BLOCK: usize = 64;

fn derived(what: &str, kind: Kind, receipt: &str) -> Hash {
    let kind = match kind {
        Kind::Complaint => "complaint",
        Kind::Appeal => "appeal",
        Kind::Reply => "reply",
    };
    Hash::of(format!("watchfire public {what} 1\n{kind}\n{receipt}").as_bytes())
}

/// The slot of a receipt: 64 hexadecimal digits.
pub(crate) fn slot(kind: Kind, receipt: &str) -> String {
    derived("slot", kind, receipt).to_string()
}

/// Whether a text can be a slot.
pub(crate) fn is_slot(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
}

fn key(kind: Kind, receipt: &str) -> Option<LessSafeKey> {
    let bytes = derived("key", kind, receipt);
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes.as_bytes()).ok()?;
    Some(LessSafeKey::new(key))
}

/// A line of the projection: slot, a space, the sealed answer. The same answer gives the same line, so that what did not
/// change need not be sent; the nonce follows from the content, so no two contents share one.
///
/// # Errors
/// The cipher refuses, or the answer cannot be written.
pub(crate) fn line(kind: Kind, receipt: &str, told: &Told) -> Result<String, String> {
    let refused = || "an answer cannot be sealed".to_owned();
    let mut bytes = serde_json::to_vec(told).map_err(|error| error.to_string())?;
    bytes.resize(bytes.len().div_ceil(BLOCK) * BLOCK, b' ');
    let secret = derived("nonce", kind, receipt);
    let drawn = Hash::of(&[secret.as_bytes().as_slice(), &bytes].concat());
    let nonce: [u8; NONCE_LEN] = std::array::from_fn(|at| drawn.as_bytes()[at]);
    let key = key(kind, receipt).ok_or_else(refused)?;
    let sealed = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(sealed, Aad::empty(), &mut bytes)
        .map_err(|_| refused())?;
    let mut all = nonce.to_vec();
    all.extend_from_slice(&bytes);
    Ok(format!(
        "{} {}",
        slot(kind, receipt),
        BASE64_STANDARD_NO_PAD.encode(all)
    ))
}

/// Opens a sealed answer by its receipt.
fn open(kind: Kind, receipt: &str, sealed: &str) -> Option<Told> {
    let mut bytes = BASE64_STANDARD_NO_PAD.decode(sealed).ok()?;
    let rest = bytes.split_off(bytes.len().min(NONCE_LEN));
    let nonce = Nonce::try_assume_unique_for_key(&bytes).ok()?;
    let mut rest = rest;
    let plain = key(kind, receipt)?
        .open_in_place(nonce, Aad::empty(), &mut rest)
        .ok()?;
    serde_json::from_slice(plain).ok()
}

/// Whether every line of a text is a slot and a sealed answer.
fn sound(text: &str) -> bool {
    text.lines().all(|line| {
        line.split_once(' ').is_some_and(|(slot, sealed)| {
            is_slot(slot) && BASE64_STANDARD_NO_PAD.decode(sealed).is_ok()
        })
    })
}

fn read_into(map: &mut HashMap<String, String>, text: &str) {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    map.extend(lines.map(|(slot, sealed)| (slot.to_owned(), sealed.to_owned())));
}

/// The answers of a node, on disk and in memory.
pub(crate) struct Answers {
    folder: PathBuf,
    held: RwLock<Held>,
}

#[derive(Default)]
struct Held {
    by_slot: HashMap<String, String>,
    /// BLAKE3 of the whole that was put last; empty without one.
    hash: String,
}

/// The whole, and what came since.
const WHOLE: &str = "answers";
const SINCE: &str = "answers.since";

impl Answers {
    /// Those that lie in a folder.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let read = |name: &str| match std::fs::read_to_string(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        };
        let mut held = Held::default();
        if let Some(whole) = read(WHOLE)? {
            held.hash = Hash::of(whole.as_bytes()).to_string();
            read_into(&mut held.by_slot, &whole);
        }
        // A last line that a kill cut off opens nothing, and is sent again.
        read_into(&mut held.by_slot, &read(SINCE)?.unwrap_or_default());
        Ok(Answers {
            folder: folder.to_owned(),
            held: RwLock::new(held),
        })
    }

    /// What the holder of a receipt is told.
    pub(crate) fn told(&self, kind: Kind, receipt: &str) -> Option<Told> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        open(kind, receipt, held.by_slot.get(&slot(kind, receipt))?)
    }

    /// Hash of the whole that was put last.
    pub(crate) fn hash(&self) -> String {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.hash.clone()
    }

    /// Puts another whole in the place of all answers; durable when this returns.
    ///
    /// # Errors
    /// The text is no list of answers; the disk.
    pub(crate) fn put(&self, text: &str) -> io::Result<()> {
        if !sound(text) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut by_slot = HashMap::new();
        read_into(&mut by_slot, text);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        super::spool::durable(&self.folder, WHOLE, text.as_bytes())?;
        match std::fs::remove_file(self.folder.join(SINCE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        *held = Held {
            by_slot,
            hash: Hash::of(text.as_bytes()).to_string(),
        };
        Ok(())
    }

    /// Adds answers; durable when this returns.
    ///
    /// # Errors
    /// The text is no list of answers; the disk.
    pub(crate) fn add(&self, text: &str) -> io::Result<()> {
        if !sound(text) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(SINCE);
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // A line break first: what a kill cut off before ends here.
        file.write_all(format!("\n{text}").as_bytes())?;
        file.sync_all()?;
        read_into(&mut held.by_slot, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::outside::AppealState;

    use super::*;

    const RECEIPT: &str = "WF-7Q4K-2M01-ABCD-EFGH";

    #[test]
    fn an_answer_opens_by_its_own_receipt_alone() {
        let told = Told::Stage(Stage::Handling);
        let line = line(Kind::Complaint, RECEIPT, &told).unwrap();
        assert!(!line.contains("handling") && !line.contains("WF-"));
        let (_, sealed) = line.split_once(' ').unwrap();
        assert_eq!(open(Kind::Complaint, RECEIPT, sealed), Some(told));
        assert_eq!(open(Kind::Appeal, RECEIPT, sealed), None);
        let other = "WF-7Q4K-2M01-ABCD-EFGJ";
        assert_eq!(open(Kind::Complaint, other, sealed), None);
    }

    #[test]
    fn lengths_tell_no_stage_and_the_same_gives_the_same() {
        let long = |stage| {
            line(Kind::Complaint, RECEIPT, &Told::Stage(stage))
                .unwrap()
                .len()
        };
        assert_eq!(long(Stage::Received), long(Stage::Handling));
        assert_eq!(long(Stage::Received), long(Stage::Closed));
        let once = line(Kind::Complaint, RECEIPT, &Told::Stage(Stage::Closed)).unwrap();
        let again = line(Kind::Complaint, RECEIPT, &Told::Stage(Stage::Closed)).unwrap();
        assert_eq!(once, again);
    }

    #[test]
    fn answers_outlive_the_process_and_a_whole_replaces_all() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::open(folder.path()).unwrap();
        let judged = Told::Judged(Judged {
            state: AppealState::Upheld,
            decision: "it was clean".to_owned(),
        });
        let first = line(Kind::Complaint, RECEIPT, &Told::Stage(Stage::Received)).unwrap();
        let second = line(Kind::Appeal, RECEIPT, &judged).unwrap();
        answers.add(&first).unwrap();
        answers.add(&second).unwrap();
        let again = Answers::open(folder.path()).unwrap();
        assert_eq!(again.told(Kind::Appeal, RECEIPT), Some(judged));
        assert!(again.told(Kind::Complaint, RECEIPT).is_some());
        again.put(&second).unwrap();
        assert_eq!(again.told(Kind::Complaint, RECEIPT), None);
        let hash = again.hash();
        assert_eq!(Answers::open(folder.path()).unwrap().hash(), hash);
        assert!(again.put("not a list").is_err());
        assert_eq!(again.hash(), hash);
    }
}
