//! DKIM signatures (RFC 6376, RFC 8463), relaxed/relaxed.
//!
//! Lettre can sign as well, but it reads the clock by itself, so that a mail would not come out the same twice,
//! and it cannot sign the absence of a second From. The cryptography is ring's; this is the canonical form.
//! Fields that must not be added or doubled on the way (From, Subject, Date ...) are named once more than they
//! occur (section 8.15).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

/// Fields that are signed, each named once more than it can occur.
const FIELDS: [&str; 12] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "in-reply-to",
    "references",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// Fields that are signed where they stand: one click that unsubscribes counts only under a signature that
/// covers it (RFC 8058 section 4). A list that adds its own to a notice does not break the signature.
const WHERE_THERE: [&str; 3] = ["list-id", "list-unsubscribe", "list-unsubscribe-post"];

/// Why a key or a signature is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no private key.
    #[error(
        "the DKIM key of selector {selector} cannot be read: {reason}; give a PEM file with an RSA key of 2048 bits or more, or an Ed25519 key"
    )]
    Key {
        /// The selector.
        selector: String,
        /// What is wrong.
        reason: String,
    },
    /// Selector or domain is no name.
    #[error("`{0}` is no DNS name for a DKIM key")]
    Name(String),
    /// The message has no body or no From.
    #[error("a message without header and body cannot be signed")]
    Message,
    /// Signing failed.
    #[error("the DKIM key of selector {0} does not sign")]
    Sign(String),
}

/// A signing key with the name under which its public half is published.
#[derive(Debug)]
pub struct Key {
    selector: String,
    domain: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// Reads a private key from PEM, PKCS #1 or PKCS #8.
    ///
    /// # Errors
    /// It is none, or too short.
    pub fn from_pem(selector: &str, domain: &str, pem: &str) -> Result<Key, Error> {
        for name in [selector, domain] {
            let fine = |byte: u8| {
                byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_'
            };
            if name.is_empty() || !name.bytes().all(fine) {
                return Err(Error::Name(crate::notice::words::line(name, 80)));
            }
        }
        let bad = |reason: String| Error::Key {
            selector: selector.to_owned(),
            reason,
        };
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| bad(error.to_string()))?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der())
                .map(|pair| Pair::Rsa(Box::new(pair)))
                .map_err(|error| bad(error.to_string()))?,
            PrivateKeyDer::Pkcs8(key) => {
                let key = key.secret_pkcs8_der();
                // OpenSSL writes Ed25519 keys without the public half, hence "maybe unchecked".
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(key) {
                    Ok(pair) => Pair::Ed25519(pair),
                    Err(_) => RsaKeyPair::from_pkcs8(key)
                        .map(|pair| Pair::Rsa(Box::new(pair)))
                        .map_err(|error| bad(error.to_string()))?,
                }
            }
            _ => return Err(bad("it is neither RSA nor Ed25519".into())),
        };
        Ok(Key {
            selector: selector.to_owned(),
            domain: domain.to_ascii_lowercase(),
            pair,
        })
    }

    /// Where the public half belongs in the DNS, and the text of its TXT record.
    pub fn record(&self) -> (String, String) {
        let name = format!("{}._domainkey.{}", self.selector, self.domain);
        let text = match &self.pair {
            Pair::Rsa(pair) => {
                let key = STANDARD.encode(public_key_info(pair.public_key().as_ref()));
                format!("v=DKIM1; k=rsa; p={key}")
            }
            Pair::Ed25519(pair) => {
                format!(
                    "v=DKIM1; k=ed25519; p={}",
                    STANDARD.encode(pair.public_key().as_ref())
                )
            }
        };
        (name, text)
    }

    /// The signature's header field for a message whose lines end in CRLF; it goes before all others. The same
    /// message and instant give the same field.
    ///
    /// # Errors
    /// The message has no body, or the key fails.
    pub fn sign(&self, message: &[u8], at: Timestamp) -> Result<String, Error> {
        let split = message
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or(Error::Message)?;
        let (head, body) = (&message[..split + 2], &message[split + 4..]);
        let fields = fields(head);
        let hash = ring::digest::digest(&ring::digest::SHA256, &relaxed_body(body));
        let mut named: Vec<&str> = Vec::new();
        let mut signed: Vec<u8> = Vec::new();
        let all = FIELDS.iter().map(|name| (*name, true));
        for (name, absent) in all.chain(WHERE_THERE.iter().map(|name| (*name, false))) {
            // Several fields of a name are taken from the last upwards (section 5.4.2); the name itself stands
            // once more, for the field that is not there.
            for (_, raw) in fields
                .iter()
                .rev()
                .filter(|(field, _)| field.as_str() == name)
            {
                named.push(name);
                signed.extend_from_slice(&relaxed_field(raw));
                signed.extend_from_slice(b"\r\n");
            }
            if absent {
                named.push(name);
            }
        }
        if !fields.iter().any(|(name, _)| name == "from") {
            return Err(Error::Message);
        }
        let algorithm = match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        };
        let mut field = format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={};\r\n s={}; t={}; q=dns/txt;\r\n h=",
            self.domain,
            self.selector,
            at.0.div_euclid(1_000_000),
        );
        let mut column = 3;
        for (place, name) in named.iter().enumerate() {
            let last = place + 1 == named.len();
            if column + name.len() > 70 {
                field.push_str("\r\n  ");
                column = 2;
            }
            field.push_str(name);
            field.push(if last { ';' } else { ':' });
            column += name.len() + 1;
        }
        field.push_str("\r\n bh=");
        field.push_str(&STANDARD.encode(hash));
        field.push_str(";\r\n b=");
        // The signature covers its own field with an empty `b`, without the line end (section 3.7).
        signed.extend_from_slice(&relaxed_field(field.as_bytes()));
        let signature = self.signature(&signed)?;
        for (place, piece) in signature.as_bytes().chunks(70).enumerate() {
            if place > 0 {
                field.push_str("\r\n  ");
            }
            field.push_str(&String::from_utf8_lossy(piece));
        }
        field.push_str("\r\n");
        Ok(field)
    }

    fn signature(&self, data: &[u8]) -> Result<String, Error> {
        match &self.pair {
            // Ed25519 signs the hash (RFC 8463 section 3).
            Pair::Ed25519(pair) => {
                let hash = ring::digest::digest(&ring::digest::SHA256, data);
                Ok(STANDARD.encode(pair.sign(hash.as_ref())))
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // Random bits blind the computation; the signature does not depend on them.
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    data,
                    &mut signature,
                )
                .map_err(|_| Error::Sign(self.selector.clone()))?;
                Ok(STANDARD.encode(signature))
            }
        }
    }
}

/// Names in lower case, and fields as they stand with their folds, without the last line end.
fn fields(head: &[u8]) -> Vec<(String, &[u8])> {
    let mut out: Vec<(String, &[u8])> = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < head.len() {
        let end = head[at..]
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .map_or(head.len(), |found| at + found);
        let next = (end + 2).min(head.len());
        let folded = matches!(head.get(next), Some(b' ' | b'\t'));
        if !folded {
            let raw = &head[start..end];
            let name = raw.split(|byte| *byte == b':').next().unwrap_or_default();
            out.push((
                String::from_utf8_lossy(name).trim().to_ascii_lowercase(),
                raw,
            ));
            start = next;
        }
        at = next;
    }
    out
}

/// Section 3.4.2: name in lower case, unfolded, runs of white space as one space, none around the colon and at the
/// end.
fn relaxed_field(raw: &[u8]) -> Vec<u8> {
    let colon = raw
        .iter()
        .position(|byte| *byte == b':')
        .unwrap_or(raw.len());
    let mut out: Vec<u8> = raw[..colon].to_ascii_lowercase();
    out.truncate(out.trim_ascii_end().len());
    out.push(b':');
    let mut space = false;
    let mut begun = false;
    for &byte in raw.get(colon + 1..).unwrap_or_default() {
        match byte {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => space = true,
            byte => {
                if std::mem::take(&mut space) && begun {
                    out.push(b' ');
                }
                begun = true;
                out.push(byte);
            }
        }
    }
    out
}

/// Section 3.4.4: runs of white space as one space, none at the ends of lines, no empty lines at the end.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut empty = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let end = line
            .iter()
            .rposition(|byte| !b" \t\r\n".contains(byte))
            .map_or(0, |at| at + 1);
        let line = &line[..end];
        if line.is_empty() {
            empty += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty) {
            out.extend_from_slice(b"\r\n");
        }
        let mut space = false;
        for &byte in line {
            if matches!(byte, b' ' | b'\t') {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) {
                out.push(b' ');
            }
            out.push(byte);
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// `SubjectPublicKeyInfo` of RFC 5280 around an RSA public key: what a record's `p` holds.
fn public_key_info(key: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let mut bits = vec![0];
    bits.extend_from_slice(key);
    let mut inner = RSA_ENCRYPTION.to_vec();
    inner.extend(tagged(0x03, &bits));
    tagged(0x30, &inner)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 128 {
        out.push(length as u8);
    } else {
        let bytes: Vec<u8> = length
            .to_be_bytes()
            .into_iter()
            .skip_while(|byte| *byte == 0)
            .collect();
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6376 section 3.4.5.
    #[test]
    fn the_canonical_form_is_the_rfcs() {
        let head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
        let all: Vec<Vec<u8>> = fields(head)
            .iter()
            .map(|(_, raw)| relaxed_field(raw))
            .collect();
        assert_eq!(all, [b"a:X".to_vec(), b"b:Y Z".to_vec()]);
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b""), b"");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
    }
}
