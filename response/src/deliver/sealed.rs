//! Sealing: what one machine may write and not read. A public node seals what it takes to the inside's OpenPGP key
//! ([`super::openpgp::Recipient::encrypt`]); here is the other half, which only the inside has, and how a pair is made.

use std::io::Read;

use model::time::Timestamp;
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder, SubkeyParamsBuilder,
};

use super::Secret;
use super::openpgp::{Error, Seed, Signer};
use super::seed::Stream;

/// A secret key that opens what was sealed to it.
#[derive(Debug)]
pub struct Opener(Signer);

impl Opener {
    /// Reads an armored secret key.
    ///
    /// # Errors
    /// It is none, or its signatures are wrong.
    pub fn read(owner: &str, armored: &str, password: Option<&Secret>) -> Result<Opener, Error> {
        Signer::read(owner, armored, password).map(Opener)
    }

    /// The fingerprint, hexadecimal.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    /// Opens an armored message, at most `most` bytes of content: what was sealed comes from a machine that may be
    /// somebody else's by now.
    ///
    /// # Errors
    /// It is no message, is sealed to another key, was changed, or is too long.
    pub fn open(&self, armored: &[u8], most: usize) -> Result<Vec<u8>, Error> {
        let failed = |source: pgp::errors::Error| Error::Failed {
            owner: self.0.owner.clone(),
            fingerprint: self.fingerprint(),
            source: Box::new(source),
        };
        let (message, _) = Message::from_armor(armored).map_err(failed)?;
        let message = message
            .decrypt(&self.0.password, &self.0.key)
            .map_err(failed)?;
        let mut content = Vec::new();
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        message
            .take(bound)
            .read_to_end(&mut content)
            .map_err(|error| failed(error.into()))?;
        if content.len() > most {
            let why = std::io::Error::other("it is longer than what is sent here may be");
            return Err(failed(why.into()));
        }
        Ok(content)
    }
}

/// A new pair of keys without a passphrase: the secret half, which opens, and the public half, which seals; armored.
/// `user` is what is written on it, `at` when it was made.
///
/// # Errors
/// The library cannot make one.
pub fn pair(user: &str, at: Timestamp, seed: &Seed) -> Result<(String, String), Error> {
    let failed = |source: pgp::errors::Error| Error::Failed {
        owner: user.to_owned(),
        fingerprint: "(new)".to_owned(),
        source: Box::new(source),
    };
    let wrong =
        |error: &dyn std::fmt::Display| failed(std::io::Error::other(error.to_string()).into());
    let secs = u32::try_from(at.0.div_euclid(1_000_000)).unwrap_or(0);
    let made = pgp::types::Timestamp::from_secs(secs);
    let part = SubkeyParamsBuilder::default()
        .key_type(KeyType::ECDH(
            pgp::crypto::ecc_curve::ECCCurve::Curve25519Legacy,
        ))
        .can_encrypt(EncryptionCaps::All)
        .created_at(made)
        .build()
        .map_err(|error| wrong(&error))?;
    let parameters = SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .created_at(made)
        .primary_user_id(user.to_owned())
        .subkey(part)
        .build()
        .map_err(|error| wrong(&error))?;
    let key = parameters.generate(Stream::of(seed)).map_err(failed)?;
    let secret = key.to_armored_string(ArmorOptions::default());
    let public = key
        .to_public_key()
        .to_armored_string(ArmorOptions::default());
    Ok((secret.map_err(failed)?, public.map_err(failed)?))
}

#[cfg(test)]
mod tests {
    use super::super::openpgp::Recipient;
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone() {
        // The library dates a new key's signatures by its own clock, so this lies after any day of ours.
        let at = Timestamp(4_000_000_000_000_000);
        let (secret, public) = pair("inside", at, &Seed([7; 32])).unwrap();
        let (other, _) = pair("inside", at, &Seed([8; 32])).unwrap();
        let sealer = Recipient::read("inside", &public).unwrap();
        let sealed = sealer
            .encrypt(b"a complaint", None, at, Seed([9; 32]))
            .unwrap();
        assert!(!sealed.contains("complaint"));
        let opener = Opener::read("inside", &secret, None).unwrap();
        assert_eq!(opener.open(sealed.as_bytes(), 100).unwrap(), b"a complaint");
        assert!(
            opener.open(sealed.as_bytes(), 10).is_err(),
            "longer than it may be"
        );
        let stranger = Opener::read("inside", &other, None).unwrap();
        assert!(stranger.open(sealed.as_bytes(), 100).is_err());
        let mut bent = sealed.into_bytes();
        let middle = bent.len() / 2;
        bent[middle] = if bent[middle] == b'A' { b'B' } else { b'A' };
        assert!(opener.open(&bent, 100).is_err(), "changed on the way");
        assert!(opener.open(b"nothing", 100).is_err());
    }
}
