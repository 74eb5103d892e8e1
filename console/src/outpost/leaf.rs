//! The leaf of a notice: what its party sees and answers at a public node, sealed so that the node can neither read it nor
//! make an answer up. The key stands behind `#` in the address that the letter names: browsers do not send that, so slot
//! and content are found and opened in the browser (`console/assets/leaf.js`, which does what is written here). What a party
//! answers comes back sealed by the same key.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use jiff::tz::TimeZone;
use ledger::Hash;
use model::bulletin::Lang;
use response::notice::LeafKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::parcel::Fate;
use crate::pages::outside::{DAY, leaf as page};
use crate::pages::portal::{Answer, read_answer};
use crate::{Error, Result};

/// Leaves are open for so long after the notice went out.
const OPEN: i64 = 180 * DAY;
/// And for so long after their last matter ended.
const ENDED: i64 = 30 * DAY;
/// Leaves are filled up to a multiple of this many bytes: lengths tell less.
const BLOCK: usize = 4096;
/// Bytes of an answer at most, sealed, in base 64.
pub(crate) const ANSWER_BYTES: usize = 64 << 10;

fn derived(what: &str, key: &LeafKey) -> [u8; 32] {
    let text = format!("watchfire leaf {what} 1\n{}", key.as_str());
    let hash = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// The slot of a leaf: 64 hexadecimal digits, from which its key cannot be found.
pub(crate) fn slot(key: &LeafKey) -> String {
    hex::encode(derived("slot", key))
}

fn cipher(what: &str, key: &LeafKey) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, &derived(what, key)).ok()?;
    Some(LessSafeKey::new(key))
}

/// Seals a leaf. The same content gives the same text; the nonce follows from the content, so no two contents share one.
fn seal(key: &LeafKey, mut bytes: Vec<u8>) -> Option<String> {
    bytes.resize(bytes.len().div_ceil(BLOCK) * BLOCK, b' ');
    let secret = derived("nonce", key);
    let drawn = digest(&SHA256, &[secret.as_slice(), &bytes].concat());
    let nonce: [u8; NONCE_LEN] = std::array::from_fn(|at| drawn.as_ref()[at]);
    let sealed = Nonce::assume_unique_for_key(nonce);
    cipher("shown", key)?
        .seal_in_place_append_tag(sealed, Aad::empty(), &mut bytes)
        .ok()?;
    Some(BASE64_STANDARD_NO_PAD.encode([nonce.as_slice(), &bytes].concat()))
}

/// Opens an answer.
fn open(key: &LeafKey, sealed: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_STANDARD_NO_PAD
        .decode(sealed.trim_end_matches('='))
        .ok()?;
    let mut rest = bytes.split_off(bytes.len().min(NONCE_LEN));
    let nonce = Nonce::try_assume_unique_for_key(&bytes).ok()?;
    let plain = cipher("answer", key)?.open_in_place(nonce, Aad::empty(), &mut rest);
    plain.ok().map(|plain| plain.to_vec())
}

/// A leaf as a node keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its slot.
    pub slot: String,
    /// What only its key opens.
    pub text: String,
}

/// The list of leaves, by which both sides compare: slot, two spaces, BLAKE3 of the sealed text; in the order of slots.
pub fn list(leaves: &[Sealed]) -> String {
    let line = |leaf: &Sealed| format!("{}  {}\n", leaf.slot, Hash::of(leaf.text.as_bytes()));
    leaves.iter().map(line).collect()
}

/// What a leaf holds: the page's part in both languages.
#[derive(Serialize)]
struct Held {
    zh: String,
    en: String,
}

/// Every leaf that is open now, sealed, in the order of their slots.
///
/// # Errors
/// The ledger; a leaf that cannot be drawn or sealed.
pub async fn leaves(desk: &response::Desk, key: &[u8; 32], zone: &TimeZone) -> Result<Vec<Sealed>> {
    let now = (desk.clock)().0;
    let found = desk.ledger.leaves(now - OPEN, now - ENDED, now).await;
    let broken = |why: String| Error::Parcel(format!("a notice's page: {why}"));
    let found = found.map_err(|error| broken(error.to_string()))?;
    let mut all = Vec::with_capacity(found.len());
    for leaf in found {
        let drawn =
            |lang| page::drawn(&leaf, zone, lang).map_err(|error| broken(error.to_string()));
        let held = Held {
            zh: drawn(Lang::Zh)?,
            en: drawn(Lang::En)?,
        };
        let own = LeafKey::derive(key, &leaf.notice.to_string());
        let bytes = serde_json::to_vec(&held).map_err(|error| broken(error.to_string()))?;
        let text = seal(&own, bytes).ok_or_else(|| broken("it cannot be sealed".to_owned()))?;
        all.push(Sealed {
            slot: slot(&own),
            text,
        });
    }
    all.sort_by(|a, b| a.slot.cmp(&b.slot));
    Ok(all)
}

/// What a party sent, as the node took it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// Whose leaf.
    pub(crate) slot: String,
    /// What it says, sealed by the leaf's key.
    pub(crate) sealed: String,
}

/// What it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Drawn by the browser: the same again is the same answer.
    id: String,
    /// About which incident.
    number: i64,
    /// What the party does, as at the portal.
    answer: Answer,
}

/// Takes an answer in: of whoever has the key, about what the notice is about, once.
///
/// # Errors
/// The ledger or the disk: it must be fetched again.
pub(crate) async fn take_in(desk: &response::Desk, key: &[u8; 32], reply: Reply) -> Result<Fate> {
    let refused = |why: &str| Ok(Fate::Refused(why.to_owned()));
    let broken = |error: &dyn std::fmt::Display| Error::Parcel(format!("an answer: {error}"));
    let now = (desk.clock)().0;
    let notices = desk.ledger.leaf_notices(now - OPEN).await;
    let notices = notices.map_err(|error| broken(&error))?;
    let whose = notices.into_iter().find_map(|notice| {
        let own = LeafKey::derive(key, &notice.to_string());
        (slot(&own) == reply.slot).then_some((notice, own))
    });
    let Some((notice, own)) = whose else {
        return refused("no notice has this page");
    };
    let Some(plain) = open(&own, &reply.sealed) else {
        return refused("it was not sealed by the notice's key");
    };
    let said: Said = match serde_json::from_slice(&plain) {
        Ok(said) => said,
        Err(error) => return Ok(Fate::Refused(format!("it is no answer: {error}"))),
    };
    if said.id.len() > 40 || !said.id.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return refused("its mark is none");
    }
    let id = &said.id;
    let Ok((act, comment, ticket)) = read_answer(&said.answer) else {
        return refused("no page of ours sends such an answer");
    };
    let number = said.number;
    let found = desk.ledger.leaf_party(notice, number, now).await;
    let done = match found {
        Err(error) => Err(error.into()),
        Ok((party, of)) => {
            let said = (act, comment.as_str(), ticket.as_deref());
            let actor = format!("notice #{of} ({})", id);
            desk.answer_once(&party, number, said, &actor).await
        }
    };
    match done {
        Ok(_) => Ok(Fate::Done),
        // It is over, or not the party's any more: nothing that fetching it again would change.
        Err(response::Error::Ledger(
            error @ (ledger::Error::NotFound { .. } | ledger::Error::Conflict { .. }),
        )) => Ok(Fate::Refused(error.to_string())),
        Err(error) => Err(broken(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(notice: &str) -> LeafKey {
        LeafKey::derive(&[7; 32], notice)
    }

    /// What a browser does to an answer.
    fn sealed(key: &LeafKey, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let nonce = [9; NONCE_LEN];
        let at = Nonce::assume_unique_for_key(nonce);
        let cipher = cipher("answer", key).unwrap();
        cipher
            .seal_in_place_append_tag(at, Aad::empty(), &mut bytes)
            .unwrap();
        BASE64_STANDARD_NO_PAD.encode([nonce.as_slice(), &bytes].concat())
    }

    #[test]
    fn an_answer_opens_by_its_own_key_alone() {
        let text = sealed(&key("NOT-1"), "we took it down");
        let opened = open(&key("NOT-1"), &text).unwrap();
        assert_eq!(opened, b"we took it down");
        assert_eq!(open(&key("NOT-2"), &text), None);
        assert_eq!(open(&key("NOT-1"), "bm90IHNlYWxlZA"), None);
        assert_eq!(open(&key("NOT-1"), ""), None);
    }

    #[test]
    fn a_leaf_tells_neither_key_nor_content_and_the_same_gives_the_same() {
        let held = |text: &str| seal(&key("NOT-1"), text.as_bytes().to_vec()).unwrap();
        assert_eq!(held("paypal"), held("paypal"));
        assert_ne!(held("paypal"), held("paypaI"));
        assert_eq!(held("short").len(), held(&"long".repeat(900)).len());
        // A leaf cannot be handed back as an answer.
        assert_eq!(open(&key("NOT-1"), &held("fixed")), None);
        let slot = slot(&key("NOT-1"));
        assert!(super::super::answers::is_slot(&slot));
        assert!(!slot.contains(key("NOT-1").as_str()));
    }
}
