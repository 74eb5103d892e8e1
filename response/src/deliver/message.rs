//! The bytes of a mail (RFC 5322, MIME), its envelope, and its identity.
//!
//! From our own domain only, never a victim's (RFC 7489 would have it refused). Bounces go to
//! `mailbox+TOKEN@domain`, by which each is known (VERP). `Auto-Submitted` keeps machines from answering
//! (RFC 3834). Date and seed are handed in at the first composition, and the bytes are stored: a retry is the
//! same bytes. All of it is 7-bit, so that no server on the way has a reason to change a signed part.

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId as IdHeader;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use model::bulletin::Lang;
use model::ids::NoticeId;
use model::time::Timestamp;

use super::dkim;
use super::header::{BadAddress, Line, Mailbox, MessageId};
use super::openpgp::{self, Recipient, Seed, Signer};
use crate::notice::{Attachment, Composed, Feedback, Token};

/// What a mail is made of.
#[derive(Debug)]
pub struct Mail<'a> {
    /// What it says.
    pub composed: &'a Composed,
    /// Which notice it is.
    pub notice: NoticeId,
    /// Its token.
    pub token: &'a Token,
    /// Its identity ([`MessageId::of`]).
    pub id: MessageId,
    /// Who sends it; at our own domain.
    pub from: Mailbox,
    /// Who gets it.
    pub to: Mailbox,
    /// Messages that it follows, the oldest first; the last is the one it answers.
    pub references: Vec<MessageId>,
    /// When it was composed first.
    pub date: Timestamp,
}

/// How a mail is protected.
#[derive(Debug, Default)]
pub struct Protection<'a> {
    /// Signs the content (RFC 3156).
    pub signer: Option<&'a Signer>,
    /// Encrypts it to the contact's key. A key that cannot be used is an error: nothing falls back to plain text.
    pub recipient: Option<&'a Recipient>,
    /// Signs the whole for our domain (RFC 6376).
    pub dkim: Option<&'a dkim::Key>,
}

/// A mail that is ready for submission. It is stored as it is before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Identity.
    pub id: MessageId,
    /// Envelope sender: where bounces go.
    pub sender: Mailbox,
    /// Envelope recipient.
    pub recipient: Mailbox,
    /// Header and body, lines ending in CRLF.
    pub bytes: Vec<u8>,
}

/// Why there is no mail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// We send from our own domain only.
    #[error(
        "mail {id} would go out from {from}, which is not at {domain}: set a sender of our own domain"
    )]
    ForeignSender {
        /// The mail.
        id: MessageId,
        /// The sender that was given.
        from: String,
        /// Our domain.
        domain: String,
    },
    /// An address cannot be written.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The contact's key or ours cannot be used: the notice waits.
    #[error("mail {id} waits: {source}")]
    Pgp {
        /// The mail.
        id: MessageId,
        /// What is wrong with which key.
        source: Box<openpgp::Error>,
    },
    /// The mail cannot be signed for our domain.
    #[error("mail {id} cannot be signed: {source}")]
    Dkim {
        /// The mail.
        id: MessageId,
        /// Why.
        source: dkim::Error,
    },
}

/// Builds a mail. `domain` is our own; `seed` are fresh random bytes, used for encryption only.
///
/// # Errors
/// See [`Error`]. No error leaves something half protected.
pub fn build(
    mail: &Mail<'_>,
    domain: &str,
    protection: &Protection<'_>,
    seed: Seed,
) -> Result<Message, Error> {
    let from = mail.from.domain();
    let domain_lower = domain.to_ascii_lowercase();
    if from != domain_lower && !from.ends_with(&format!(".{domain_lower}")) {
        return Err(Error::ForeignSender {
            id: mail.id.clone(),
            from: mail.from.address(),
            domain: domain.to_owned(),
        });
    }
    let sender = mail.from.with_detail(mail.token.as_str())?;
    let mut content = Vec::new();
    content_part(mail).write_part(&mut content);
    let pgp = |source| Error::Pgp {
        id: mail.id.clone(),
        source: Box::new(source),
    };
    let at = mail.date;
    let content = match (protection.signer, protection.recipient) {
        (None, None) => content,
        (Some(signer), None) => {
            let signature = signer.detached(&content, at).map_err(pgp)?;
            signed(mail, content, &signature)
        }
        (signer, Some(recipient)) => {
            let armored = recipient.encrypt(&content, signer, at, seed).map_err(pgp)?;
            encrypted(mail, armored)
        }
    };
    let mut bytes = head(mail, &sender, protection.recipient.is_some(), content);
    sign(&mut bytes, protection.dkim, &mail.id, mail.date)?;
    Ok(Message {
        id: mail.id.clone(),
        sender,
        recipient: mail.to.bare(),
        bytes,
    })
}

/// Puts the signature of the domain, where there is a key, before the finished message.
pub(super) fn sign(
    bytes: &mut Vec<u8>,
    key: Option<&dkim::Key>,
    id: &MessageId,
    at: Timestamp,
) -> Result<(), Error> {
    if let Some(key) = key {
        let signature = key.sign(bytes, at).map_err(|source| Error::Dkim {
            id: id.clone(),
            source,
        })?;
        bytes.splice(0..0, signature.into_bytes());
    }
    Ok(())
}

/// The header, and the content behind it.
fn head(mail: &Mail<'_>, sender: &Mailbox, is_encrypted: bool, content: Vec<u8>) -> Vec<u8> {
    let composed = mail.composed;
    // An encrypted mail does not tell its subject to everybody on the way; the letter inside begins with it.
    let subject = match (is_encrypted, composed.language) {
        (false, _) => Line::new(&composed.subject),
        (true, Lang::Zh) => Line::new(&format!("加密通报 {}", mail.token.tag())),
        (true, Lang::En) => Line::new(&format!("Encrypted notice {}", mail.token.tag())),
    };
    let submitted = match composed.answers {
        true => "auto-replied",
        false => "auto-generated",
    };
    let mut builder = MessageBuilder::new()
        .header("Date", Date::new(mail.date.0.div_euclid(1_000_000)))
        .header("From", address(&mail.from))
        .header("Reply-To", address(sender))
        .header("To", address(&mail.to))
        .header("Subject", Text::new(subject.as_str().to_owned()))
        .header("Message-ID", IdHeader::new(mail.id.as_str().to_owned()));
    if let Some(last) = mail.references.last() {
        let all = mail.references.iter().map(|id| id.as_str().to_owned());
        builder = builder
            .header("In-Reply-To", IdHeader::new(last.as_str().to_owned()))
            .header("References", IdHeader::new_list(all));
    }
    builder = builder
        .header("Auto-Submitted", Raw::new(submitted))
        .header("X-Auto-Response-Suppress", Raw::new("OOF, AutoReply"))
        .header("X-Watchfire-Notice", Raw::new(mail.notice.to_string()));
    if composed.exercise {
        builder = builder.header("X-Watchfire-Exercise", Raw::new("yes"));
    }
    let mut bytes = Vec::with_capacity(content.len() + 2048);
    builder
        .header("MIME-Version", Raw::new("1.0"))
        .body(MimePart::raw(BodyPart::Binary(content.into())))
        .serialize(&mut bytes);
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn address(mailbox: &Mailbox) -> Address<'static> {
    let name = mailbox.name.as_ref().map(|name| name.as_str().to_owned());
    Address::new_address(name, mailbox.address())
}

/// A multipart with a boundary that follows from the mail's identity; `=_` stands in no encoded text
/// (RFC 2045 section 6.7).
fn multipart<'a>(mail: &Mail<'_>, kind: ContentType<'a>, parts: Vec<MimePart<'a>>) -> MimePart<'a> {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(mail.id.as_str().as_bytes())
        .update(kind.c_type.as_bytes());
    let boundary = format!("=_{}", &hasher.finalize().to_hex().as_str()[..32]);
    MimePart::new(kind.attribute("boundary", boundary), parts)
}

fn content_part<'a>(mail: &Mail<'a>) -> MimePart<'a> {
    let composed = mail.composed;
    let letter = MimePart::new(
        ContentType::new("text/plain").attribute("charset", "utf-8"),
        BodyPart::Text(composed.text.replace('\n', "\r\n").into()),
    )
    .language(composed.language.code());
    if let Some(feedback) = &composed.feedback {
        return report(mail, letter, feedback);
    }
    if composed.attachments.is_empty() {
        return letter;
    }
    let mut parts = vec![letter];
    parts.extend(composed.attachments.iter().map(attachment));
    multipart(mail, ContentType::new("multipart/mixed"), parts)
}

fn attachment(file: &Attachment) -> MimePart<'_> {
    let mut kind = ContentType::new(file.mime);
    if kind.is_text() {
        kind = kind.attribute("charset", "utf-8");
    }
    // Base64 throughout: what is in a file comes out as it was, whatever a server does to lines.
    let name = kind.attribute("name", file.name.as_str());
    let mut part = MimePart::new(name, BodyPart::Binary(encoded(&file.bytes).into()));
    part = part.attachment(file.name.as_str());
    part.transfer_encoding("base64")
}

/// Base64 in lines of 76 characters (RFC 2045 section 6.8).
fn encoded(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut out = Vec::with_capacity(text.len() + text.len() / 38 + 2);
    for line in text.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// `multipart/report` of RFC 5965: letter, report, and the reported mail or the header of it. A mail that is
/// not 7-bit goes in as its header only, since `message/rfc822` may not be encoded (RFC 2046 section 5.2.1); where
/// no mail was reported, the header is that of this one.
fn report<'a>(mail: &Mail<'_>, letter: MimePart<'a>, feedback: &'a Feedback) -> MimePart<'a> {
    let machine = MimePart::new(
        ContentType::new("message/feedback-report"),
        BodyPart::Binary(feedback.report.as_bytes().into()),
    )
    .transfer_encoding("7bit");
    let third = match feedback.original.as_deref().map(lines) {
        Some(original) if is_seven_bit(&original) => MimePart::new(
            ContentType::new("message/rfc822"),
            BodyPart::Binary(original.into()),
        )
        .transfer_encoding("7bit"),
        Some(original) => {
            let end = find(&original, b"\r\n\r\n").map_or(original.len(), |at| at + 2);
            headers(original[..end].to_vec())
        }
        None => {
            let subject = Line::new(&mail.composed.subject);
            let text = format!("From: <{}>\r\nSubject: ", mail.from.address());
            let mut bytes = text.into_bytes();
            use mail_builder::headers::Header as _;
            HeaderType::from(Text::new(subject.as_str().to_owned())).write_header(&mut bytes, 9);
            bytes.extend_from_slice(format!("Message-ID: {}\r\n", mail.id).as_bytes());
            headers(bytes)
        }
    };
    let kind = ContentType::new("multipart/report").attribute("report-type", "feedback-report");
    multipart(mail, kind, vec![letter, machine, third])
}

fn headers(bytes: Vec<u8>) -> MimePart<'static> {
    let kind = ContentType::new("text/rfc822-headers").attribute("charset", "utf-8");
    MimePart::new(kind, BodyPart::Binary(bytes.into()))
}

/// Line ends as CRLF.
fn lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut before = 0;
    for &byte in bytes {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        } else if byte != b'\n' && before == b'\r' {
            out.push(b'\n');
        }
        out.push(byte);
        before = byte;
    }
    if before == b'\r' {
        out.push(b'\n');
    }
    out
}

fn is_seven_bit(bytes: &[u8]) -> bool {
    let short = |line: &[u8]| line.len() <= 998;
    bytes.iter().all(|byte| *byte != 0 && byte.is_ascii())
        && bytes.split(|byte| *byte == b'\n').all(short)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// `multipart/signed` (RFC 3156 section 5): the content as it was signed, then the signature.
fn signed(mail: &Mail<'_>, content: Vec<u8>, signature: &str) -> Vec<u8> {
    let kind = ContentType::new("multipart/signed")
        .attribute("micalg", openpgp::MICALG)
        .attribute("protocol", "application/pgp-signature");
    let kind_of_signature =
        ContentType::new("application/pgp-signature").attribute("name", "signature.asc");
    let signature = MimePart::new(
        kind_of_signature,
        BodyPart::Binary(lines(signature.as_bytes()).into()),
    )
    .transfer_encoding("7bit");
    let parts = vec![MimePart::raw(BodyPart::Binary(content.into())), signature];
    let mut out = Vec::new();
    multipart(mail, kind, parts).write_part(&mut out);
    out
}

/// `multipart/encrypted` (RFC 3156 section 4).
fn encrypted(mail: &Mail<'_>, armored: String) -> Vec<u8> {
    let kind =
        ContentType::new("multipart/encrypted").attribute("protocol", "application/pgp-encrypted");
    let control = MimePart::new(
        ContentType::new("application/pgp-encrypted"),
        BodyPart::Binary(b"Version: 1\r\n".as_slice().into()),
    )
    .transfer_encoding("7bit");
    let kind_of_data =
        ContentType::new("application/octet-stream").attribute("name", "encrypted.asc");
    let data = MimePart::new(
        kind_of_data,
        BodyPart::Binary(lines(armored.as_bytes()).into()),
    )
    .transfer_encoding("7bit");
    let mut out = Vec::new();
    multipart(mail, kind, vec![control, data]).write_part(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_line_end_becomes_crlf() {
        assert_eq!(
            lines(b"a\nb\r\nc\rd\r\r\n\r"),
            b"a\r\nb\r\nc\r\nd\r\n\r\n\r\n"
        );
    }
}
