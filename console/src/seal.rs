//! Secrets of second factors as they are stored: sealed with a key that is no part of the ledger, so that a copy of
//! the database, or a backup, makes no codes.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a nonce drawn for each sealing; the login is bound in, so that nobody's secret
//! can be moved to another account. The text says which key sealed it: `sealed1.KEY.TEXT`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a key.
pub const KEY: usize = 32;
/// How a sealed text begins; no base32 holds a dot.
const BEGINS: &str = "sealed1.";

/// Why a secret cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system draws no random bytes.
    #[error("the system's random source gives nothing")]
    Random,
    /// Another key sealed it.
    #[error("was sealed with key {with}, and ours is {ours}: put that key's file back")]
    OtherKey {
        /// Name of the key that sealed it.
        with: String,
        /// Name of ours.
        ours: String,
    },
    /// It was changed, or moved from another account.
    #[error("does not open: the row was changed, or moved from another account")]
    Damaged,
}

/// A key that seals secrets of second factors, with the name by which stored texts call it.
pub struct Seal {
    key: LessSafeKey,
    name: String,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({})", self.name)
    }
}

/// What is bound into a sealed text besides the secret.
fn bound(login: &str) -> Aad<String> {
    Aad::from(format!("watchfire second factor of {login}"))
}

impl Seal {
    /// A seal with a key.
    ///
    /// # Errors
    /// None with [`KEY`] bytes; the library's signature allows for one.
    pub fn new(bytes: &[u8; KEY]) -> Result<Self, Error> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| Error::Damaged)?;
        Ok(Seal {
            key: LessSafeKey::new(key),
            // 32 bits of its hash: enough to tell keys of one house apart, and nothing of the key.
            name: ledger::Hash::of(bytes).to_string()[..8].to_owned(),
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a stored text is sealed; those of before are the secret itself.
    pub fn is_sealed(stored: &str) -> bool {
        stored.starts_with(BEGINS)
    }

    /// Whether a stored text was sealed with this key.
    pub fn is_ours(&self, stored: &str) -> bool {
        stored
            .strip_prefix(BEGINS)
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(name, _)| name == self.name)
    }

    /// Seals the secret of an account.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn seal(&self, login: &str, secret: &str) -> Result<String, Error> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| Error::Random)?;
        let mut text = secret.as_bytes().to_vec();
        let with = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(with, bound(login), &mut text)
            .map_err(|_| Error::Damaged)?;
        let whole = [&nonce[..], &text].concat();
        let text = BASE64_URL_SAFE_NO_PAD.encode(whole);
        Ok(format!("{BEGINS}{}.{text}", self.name))
    }

    /// The secret of an account; a text that is not sealed is one.
    ///
    /// # Errors
    /// Another key sealed it, or it is damaged.
    pub fn open(&self, login: &str, stored: &str) -> Result<String, Error> {
        let Some(rest) = stored.strip_prefix(BEGINS) else {
            return Ok(stored.to_owned());
        };
        let (name, text) = rest.split_once('.').ok_or(Error::Damaged)?;
        if name != self.name {
            return Err(Error::OtherKey {
                with: name.chars().take(8).collect(),
                ours: self.name.clone(),
            });
        }
        let whole = BASE64_URL_SAFE_NO_PAD.decode(text);
        let whole = whole.map_err(|_| Error::Damaged)?;
        let (nonce, text) = whole
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Error::Damaged)?;
        let mut text = text.to_vec();
        let with = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(with, bound(login), &mut text);
        let opened = opened.map_err(|_| Error::Damaged)?;
        String::from_utf8(opened.to_vec()).map_err(|_| Error::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn a_secret_opens_for_its_account_with_its_key_only() {
        let seal = Seal::new(&[7; KEY]).expect("a key");
        let stored = seal.seal("li.na", SECRET).expect("sealed");
        assert!(Seal::is_sealed(&stored) && seal.is_ours(&stored));
        assert!(!stored.contains(SECRET));
        assert_eq!(seal.open("li.na", &stored).as_deref(), Ok(SECRET));
        assert_eq!(seal.open("wang.wei", &stored), Err(Error::Damaged));
        let other = Seal::new(&[8; KEY]).expect("a key");
        assert!(matches!(
            other.open("li.na", &stored),
            Err(Error::OtherKey { .. })
        ));
        assert!(!other.is_ours(&stored));
    }

    #[test]
    fn a_changed_text_does_not_open_and_no_two_are_alike() {
        let seal = Seal::new(&[7; KEY]).expect("a key");
        let one = seal.seal("li.na", SECRET).expect("sealed");
        assert_ne!(one, seal.seal("li.na", SECRET).expect("sealed"));
        for cut in [BEGINS.len() + 9, one.len() / 2, one.len() - 3] {
            assert_eq!(seal.open("li.na", &one[..cut]), Err(Error::Damaged));
        }
        let swapped = match one.ends_with('A') {
            true => format!("{}w", &one[..one.len() - 1]),
            false => format!("{}A", &one[..one.len() - 1]),
        };
        assert_eq!(seal.open("li.na", &swapped), Err(Error::Damaged));
        // Of before: the secret itself.
        assert_eq!(seal.open("li.na", SECRET).as_deref(), Ok(SECRET));
        assert!(!Seal::is_sealed(SECRET));
    }
}
