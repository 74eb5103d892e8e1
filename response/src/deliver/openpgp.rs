//! OpenPGP for notices (RFC 3156 over RFC 9580): our signature, and encryption to a contact's key.
//!
//! A key is judged by its own signatures at the instant that is handed in: revoked, expired or without a part
//! that encrypts, it cannot be used, and the notice waits for a better one. Nothing is sent in clear instead.

use model::time::Timestamp;
use pgp::composed::{
    ArmorOptions, Deserializable, DetachedSignature, MessageBuilder, SignedPublicKey,
    SignedPublicSubKey, SignedSecretKey, SignedSecretSubKey, SubpacketConfig,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Signature, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, Password, SigningKey};

use super::Secret;
pub use super::seed::Seed;
use super::seed::Stream;

/// The digest of our signatures as `micalg` names it.
pub const MICALG: &str = "pgp-sha512";

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no key.
    #[error("the key of {owner} cannot be read: {source}; paste it as an armored block")]
    Unreadable {
        /// Whose key.
        owner: String,
        /// Why.
        source: Box<pgp::errors::Error>,
    },
    /// It has expired.
    #[error("the key {fingerprint} of {owner} expired at {at}: ask for a newer one")]
    Expired {
        /// Whose key.
        owner: String,
        /// Which.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// It was revoked.
    #[error("the key {fingerprint} of {owner} was revoked: ask for another one")]
    Revoked {
        /// Whose key.
        owner: String,
        /// Which.
        fingerprint: String,
    },
    /// No part of it does what is needed.
    #[error("the key {fingerprint} of {owner} has no valid part that {what}")]
    NoPart {
        /// Whose key.
        owner: String,
        /// Which.
        fingerprint: String,
        /// `encrypts` or `signs`.
        what: &'static str,
    },
    /// Signing or encrypting failed.
    #[error("the key {fingerprint} of {owner} does not work: {source}")]
    Failed {
        /// Whose key.
        owner: String,
        /// Which.
        fingerprint: String,
        /// Why.
        source: Box<pgp::errors::Error>,
    },
}

/// A contact's public key.
#[derive(Debug)]
pub struct Recipient {
    owner: String,
    key: SignedPublicKey,
}

impl Recipient {
    /// Reads an armored public key and checks the signatures by which its parts belong to it.
    ///
    /// # Errors
    /// It is none, or its signatures are wrong.
    pub fn read(owner: &str, armored: &str) -> Result<Recipient, Error> {
        let unreadable = |source| Error::Unreadable {
            owner: owner.to_owned(),
            source: Box::new(source),
        };
        let (key, _) = SignedPublicKey::from_string(armored).map_err(unreadable)?;
        key.verify_bindings().map_err(unreadable)?;
        Ok(Recipient {
            owner: owner.to_owned(),
            key,
        })
    }

    /// The fingerprint, hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.key.primary_key.fingerprint().as_bytes())
    }

    /// When it can no longer be used: the earlier end of the key itself and of the part that encrypts. `None`
    /// if that is never.
    pub fn expires(&self, at: Timestamp) -> Option<Timestamp> {
        let primary = self
            .primary_signature()
            .and_then(|signature| end(&self.key.primary_key, signature));
        let part = self.encrypting(at).and_then(|part| {
            newest(&part.signatures, at).and_then(|signature| end(&part.key, signature))
        });
        [primary, part].into_iter().flatten().min()
    }

    /// Whether it can be used at an instant.
    ///
    /// # Errors
    /// It cannot, and why.
    pub fn usable(&self, at: Timestamp) -> Result<(), Error> {
        let (owner, fingerprint) = (self.owner.clone(), self.fingerprint());
        if !self.key.details.revocation_signatures.is_empty() {
            return Err(Error::Revoked { owner, fingerprint });
        }
        let signature = self.primary_signature();
        if let Some(end) = signature.and_then(|signature| end(&self.key.primary_key, signature))
            && end <= at
        {
            return Err(Error::Expired {
                owner,
                fingerprint,
                at: end,
            });
        }
        if self.encrypting(at).is_some() || self.primary_encrypts() {
            return Ok(());
        }
        // A part that expired tells more than that there is none.
        let ended = self
            .key
            .public_subkeys
            .iter()
            .filter(|part| encrypts(part))
            .filter_map(|part| {
                let signature = part
                    .signatures
                    .iter()
                    .max_by_key(|signature| created(signature))?;
                end(&part.key, signature).filter(|end| *end <= at)
            });
        Err(match ended.max() {
            Some(end) => Error::Expired {
                owner,
                fingerprint,
                at: end,
            },
            None => Error::NoPart {
                owner,
                fingerprint,
                what: "encrypts",
            },
        })
    }

    /// Encrypts to the key, and signs within if there is a signer (RFC 3156 section 6.2).
    ///
    /// # Errors
    /// A key cannot be used.
    pub fn encrypt(
        &self,
        content: &[u8],
        signer: Option<&Signer>,
        at: Timestamp,
        seed: Seed,
    ) -> Result<String, Error> {
        self.usable(at)?;
        let failed = |source| Error::Failed {
            owner: self.owner.clone(),
            fingerprint: self.fingerprint(),
            source: Box::new(source),
        };
        let mut random = Stream::of(&seed);
        let mut builder = MessageBuilder::from_bytes("", content.to_vec())
            .seipd_v1(&mut random, SymmetricKeyAlgorithm::AES256);
        match self.encrypting(at) {
            Some(part) => builder.encrypt_to_key(&mut random, &part.key),
            None => builder.encrypt_to_key(&mut random, &self.key.primary_key),
        }
        .map_err(failed)?;
        if let Some(signer) = signer {
            let (key, subpackets) = signer.key(at)?;
            builder.sign_with_subpackets(
                key,
                Password::from(signer.password.read().as_slice()),
                HashAlgorithm::Sha512,
                subpackets,
            );
        }
        builder
            .to_armored_string(&mut random, ArmorOptions::default())
            .map_err(failed)
    }

    fn primary_signature(&self) -> Option<&Signature> {
        let details = &self.key.details;
        let users = details.users.iter().flat_map(|user| &user.signatures);
        let own = users.chain(&details.direct_signatures).filter(|signature| {
            let id = self.key.primary_key.legacy_key_id();
            let print = self.key.primary_key.fingerprint();
            signature.issuer_key_id().contains(&&id)
                || signature.issuer_fingerprint().contains(&&print)
        });
        own.max_by_key(|signature| created(signature))
    }

    fn primary_encrypts(&self) -> bool {
        let flags = self.primary_signature().map(Signature::key_flags);
        flags.is_some_and(|flags| flags.encrypt_comms() || flags.encrypt_storage())
            && self.key.primary_key.algorithm().can_encrypt()
    }

    /// The newest part that encrypts at an instant.
    fn encrypting(&self, at: Timestamp) -> Option<&SignedPublicSubKey> {
        let valid = |part: &&SignedPublicSubKey| {
            encrypts(part)
                && !revoked(&part.signatures)
                && newest(&part.signatures, at)
                    .is_some_and(|signature| end(&part.key, signature).is_none_or(|end| end > at))
        };
        let parts = self.key.public_subkeys.iter().filter(valid);
        parts.max_by_key(|part| part.key.created_at().as_secs())
    }
}

/// Our own key.
pub struct Signer {
    pub(super) owner: String,
    pub(super) key: SignedSecretKey,
    pub(super) password: Password,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.fingerprint())
    }
}

impl Signer {
    /// Reads an armored secret key.
    ///
    /// # Errors
    /// It is none, or its signatures are wrong.
    pub fn read(owner: &str, armored: &str, password: Option<&Secret>) -> Result<Signer, Error> {
        let unreadable = |source| Error::Unreadable {
            owner: owner.to_owned(),
            source: Box::new(source),
        };
        let (key, _) = SignedSecretKey::from_string(armored).map_err(unreadable)?;
        key.verify_bindings().map_err(unreadable)?;
        Ok(Signer {
            owner: owner.to_owned(),
            key,
            password: password.map_or_else(Password::empty, |secret| secret.bare().into()),
        })
    }

    /// The fingerprint, hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.key.primary_key.fingerprint().as_bytes())
    }

    /// An armored signature over the bytes as they are: line ends count.
    ///
    /// # Errors
    /// No part of the key signs, or the password is wrong.
    pub fn detached(&self, content: &[u8], at: Timestamp) -> Result<String, Error> {
        let failed = |source| Error::Failed {
            owner: self.owner.clone(),
            fingerprint: self.fingerprint(),
            source: Box::new(source),
        };
        // Salts of version 6 signatures need not be secret, only different for different contents.
        let seed = Seed(*blake3::hash(content).as_bytes());
        let (hash, random) = (HashAlgorithm::Sha512, Stream::of(&seed));
        let (_, subpackets) = self.key(at)?;
        let signature = match self.signing(at) {
            Some(part) => DetachedSignature::sign_binary_data_with_subpackets(
                random,
                &part.key,
                &self.password,
                hash,
                content,
                subpackets,
            ),
            None => DetachedSignature::sign_binary_data_with_subpackets(
                random,
                &self.key.primary_key,
                &self.password,
                hash,
                content,
                subpackets,
            ),
        };
        signature
            .and_then(|signature| signature.to_armored_string(ArmorOptions::default()))
            .map_err(failed)
    }

    /// The part that signs at an instant, and what its signatures say: who and when. The time is the one
    /// that is handed in.
    fn key(&self, at: Timestamp) -> Result<(&dyn SigningKey, SubpacketConfig), Error> {
        let key: &dyn SigningKey = match self.signing(at) {
            Some(part) => &part.key,
            None if self.key.primary_key.algorithm().can_sign() => &self.key.primary_key,
            None => {
                return Err(Error::NoPart {
                    owner: self.owner.clone(),
                    fingerprint: self.fingerprint(),
                    what: "signs",
                });
            }
        };
        let secs = u32::try_from(at.0.div_euclid(1_000_000)).unwrap_or(0);
        let subpackets = || {
            let hashed = vec![
                Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
                Subpacket::regular(SubpacketData::SignatureCreationTime(
                    pgp::types::Timestamp::from_secs(secs),
                ))?,
            ];
            let unhashed = match key.version() {
                KeyVersion::V6 => Vec::new(),
                _ => vec![Subpacket::regular(SubpacketData::IssuerKeyId(
                    key.legacy_key_id(),
                ))?],
            };
            Ok(SubpacketConfig::UserDefined { hashed, unhashed })
        };
        let subpackets = subpackets().map_err(|source| Error::Failed {
            owner: self.owner.clone(),
            fingerprint: self.fingerprint(),
            source: Box::new(source),
        })?;
        Ok((key, subpackets))
    }

    fn signing(&self, at: Timestamp) -> Option<&SignedSecretSubKey> {
        let valid = |part: &&SignedSecretSubKey| {
            part.key.algorithm().can_sign()
                && !revoked(&part.signatures)
                && newest(&part.signatures, at).is_some_and(|signature| {
                    signature.key_flags().sign()
                        && end(&part.key, signature).is_none_or(|end| end > at)
                })
        };
        let parts = self.key.secret_subkeys.iter().filter(valid);
        parts.max_by_key(|part| part.key.created_at().as_secs())
    }
}

fn encrypts(part: &SignedPublicSubKey) -> bool {
    part.key.algorithm().can_encrypt()
        && part.signatures.iter().any(|signature| {
            let flags = signature.key_flags();
            flags.encrypt_comms() || flags.encrypt_storage()
        })
}

fn revoked(signatures: &[Signature]) -> bool {
    signatures
        .iter()
        .any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation))
}

fn created(signature: &Signature) -> u32 {
    signature.created().map_or(0, |at| at.as_secs())
}

/// The newest signature that was made by an instant, with a day of grace for clocks that differ.
fn newest(signatures: &[Signature], at: Timestamp) -> Option<&Signature> {
    let now = at.0.div_euclid(1_000_000) + 86_400;
    let made = signatures
        .iter()
        .filter(|signature| i64::from(created(signature)) <= now);
    made.max_by_key(|signature| created(signature))
}

/// When a key ends by its signature: so many seconds after its creation.
fn end(key: &impl KeyDetails, signature: &Signature) -> Option<Timestamp> {
    let secs = signature.key_expiration_time()?.as_secs();
    let end = i64::from(key.created_at().as_secs()) + i64::from(secs);
    (secs > 0).then_some(Timestamp(end * 1_000_000))
}
