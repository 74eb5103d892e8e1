//! A mail of the bulletin's mail edition: text and HTML side by side, with the two fields by which a mail
//! program unsubscribes at one click (RFC 8058), covered by the DKIM signature. The same content, date and
//! subscriber are the same bytes: a repetition after a crash repeats.

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId as IdHeader;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use model::bulletin::Lang;
use model::time::Timestamp;

use super::dkim;
use super::header::{Line, Mailbox, MessageId};
use super::message::{Error, Message, sign};

/// What a mail to a subscriber is made of.
#[derive(Debug)]
pub struct EditionMail<'a> {
    /// Its identity ([`MessageId::of_edition`]).
    pub id: MessageId,
    /// Who sends it, with a name; at our own domain.
    pub from: Mailbox,
    /// Who gets it.
    pub to: Mailbox,
    /// Token by which a bounce is known and the subscriber leaves.
    pub token: &'a str,
    /// Its language.
    pub language: Lang,
    /// Its subject.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
    /// HTML, where there is one.
    pub html: Option<&'a str>,
    /// Where one click unsubscribes; `None`: by mail only. A mail that asks for a yes has no such fields.
    pub leave: Option<Leave<'a>>,
    /// When it was made first.
    pub date: Timestamp,
}

/// How a subscriber leaves.
#[derive(Clone, Copy, Debug)]
pub struct Leave<'a> {
    /// The list's name, as `weekly`.
    pub list: &'a str,
    /// Address of the page that takes the one click; HTTPS (RFC 8058 section 3.1).
    pub url: Option<&'a str>,
}

/// Builds the mail; `domain` is our own.
///
/// # Errors
/// An address that cannot be written, a foreign sender, or the signature.
pub fn build(
    mail: &EditionMail<'_>,
    domain: &str,
    key: Option<&dkim::Key>,
) -> Result<Message, Error> {
    let from = mail.from.domain();
    let own = domain.to_ascii_lowercase();
    if from != own && !from.ends_with(&format!(".{own}")) {
        return Err(Error::ForeignSender {
            id: mail.id.clone(),
            from: mail.from.address(),
            domain: domain.to_owned(),
        });
    }
    let sender = mail.from.with_detail(mail.token)?;
    let mut bytes = whole(mail, &sender, &own);
    sign(&mut bytes, key, &mail.id, mail.date)?;
    Ok(Message {
        id: mail.id.clone(),
        sender,
        recipient: mail.to.bare(),
        bytes,
    })
}

fn whole(mail: &EditionMail<'_>, sender: &Mailbox, domain: &str) -> Vec<u8> {
    let address = |mailbox: &Mailbox| {
        let name = mailbox.name.as_ref().map(|name| name.as_str().to_owned());
        Address::new_address(name, mailbox.address())
    };
    let subject = Line::new(mail.subject);
    let mut builder = MessageBuilder::new()
        .header("Date", Date::new(mail.date.0.div_euclid(1_000_000)))
        .header("From", address(&mail.from))
        .header("Reply-To", address(sender))
        .header("To", address(&mail.to))
        .header("Subject", Text::new(subject.as_str().to_owned()))
        .header("Message-ID", IdHeader::new(mail.id.as_str().to_owned()))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("X-Auto-Response-Suppress", Raw::new("OOF, AutoReply"));
    if let Some(leave) = mail.leave {
        let fine = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let list: String = leave.list.chars().filter(fine).collect();
        let by_mail = format!("<mailto:{}?subject=unsubscribe>", sender.address());
        let url = leave.url.map(Line::new);
        let ways = match &url {
            Some(url) => format!("<{}>,\r\n {by_mail}", url.as_str()),
            None => by_mail,
        };
        builder = builder
            .header("List-Id", Raw::new(format!("<{list}.{domain}>")))
            .header("List-Unsubscribe", Raw::new(ways));
        if url.is_some() {
            let post = "List-Unsubscribe=One-Click";
            builder = builder.header("List-Unsubscribe-Post", Raw::new(post));
        }
    }
    let mut bytes = Vec::with_capacity(mail.text.len() * 2 + mail.html.map_or(0, str::len) * 2);
    builder
        .header("MIME-Version", Raw::new("1.0"))
        .body(content(mail))
        .serialize(&mut bytes);
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn content<'a>(mail: &EditionMail<'a>) -> MimePart<'a> {
    let part = |kind: &'static str, text: &str| {
        use base64::Engine as _;
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        let code = base64::engine::general_purpose::STANDARD.encode(text);
        let mut lines = Vec::with_capacity(code.len() + code.len() / 38 + 2);
        for line in code.as_bytes().chunks(76) {
            lines.extend_from_slice(line);
            lines.extend_from_slice(b"\r\n");
        }
        MimePart::new(
            ContentType::new(kind).attribute("charset", "utf-8"),
            BodyPart::Binary(lines.into()),
        )
        .language(mail.language.code())
        .transfer_encoding("base64")
    };
    let text = part("text/plain", mail.text);
    let Some(html) = mail.html else {
        return text;
    };
    let hash = blake3::hash(mail.id.as_str().as_bytes()).to_hex();
    let boundary = format!("=_{}", &hash.as_str()[..32]);
    let kind = ContentType::new("multipart/alternative").attribute("boundary", boundary);
    MimePart::new(kind, vec![text, part("text/html", html)])
}
