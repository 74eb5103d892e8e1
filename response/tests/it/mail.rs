//! Bytes of mails: identity, structure, injection. What other programs read in them is in `peers`.

use mail_parser::{MessageParser, MimeHeaders as _};
use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use response::deliver::header::{Mailbox, MessageId};
use response::deliver::message::{Error, Mail, Message, Protection, build};
use response::deliver::openpgp::Seed;
use response::notice::{Composed, Draft, Look, compose};

use crate::drafts::{NAUGHTY, draft, poisoned, several};

pub const DOMAIN: &str = "cert.example";

pub fn mail<'a>(draft: &'a Draft, composed: &'a Composed) -> Mail<'a> {
    let contact = "abuse@cloud.example";
    Mail {
        composed,
        notice: draft.id,
        token: &draft.token,
        id: MessageId::of(draft.id, contact, DOMAIN),
        from: Mailbox::read("notice@cert.example")
            .unwrap()
            .named(draft.sender.name.get(draft.language)),
        to: Mailbox::read(contact)
            .unwrap()
            .named(draft.party.name.get(draft.language)),
        references: Vec::new(),
        date: draft.composed_at,
    }
}

pub fn built(draft: &Draft, look: &Look, protection: &Protection<'_>) -> Message {
    let composed = compose(draft, look).unwrap();
    build(&mail(draft, &composed), DOMAIN, protection, Seed([9; 32])).unwrap()
}

fn only_crlf(bytes: &[u8]) {
    assert!(bytes.is_ascii(), "7-bit");
    assert!(!bytes.contains(&0));
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => assert_eq!(bytes[at - 1], b'\r', "a bare LF at {at}"),
            b'\r' => assert_eq!(bytes.get(at + 1), Some(&b'\n'), "a bare CR at {at}"),
            _ => {}
        }
    }
    let longest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
    assert!(longest.unwrap() <= 999, "{longest:?}");
    assert!(bytes.ends_with(b"\r\n"));
}

#[test]
fn the_same_notice_is_the_same_bytes_and_another_contact_another_message() {
    let draft = several(Lang::Zh);
    let composed = compose(&draft, &Look::default()).unwrap();
    let one = build(
        &mail(&draft, &composed),
        DOMAIN,
        &Protection::default(),
        Seed([1; 32]),
    )
    .unwrap();
    let two = build(
        &mail(&draft, &composed),
        DOMAIN,
        &Protection::default(),
        Seed([2; 32]),
    )
    .unwrap();
    assert_eq!(one, two);
    only_crlf(&one.bytes);
    assert_eq!(
        one.sender.address(),
        format!("notice+{}@cert.example", draft.token)
    );
    assert_eq!(one.recipient.address(), "abuse@cloud.example");
    assert_ne!(
        one.id,
        MessageId::of(draft.id, "other@cloud.example", DOMAIN)
    );
}

#[test]
fn a_mail_comes_from_our_domain_only() {
    let draft = draft(NoticeKind::First, Lang::En);
    let composed = compose(&draft, &Look::default()).unwrap();
    for (address, fine) in [
        ("notice@cert.example", true),
        ("notice@mail.CERT.example", true),
        ("notice@notcert.example", false),
        ("ceo@bank.example", false),
    ] {
        let mut mail = mail(&draft, &composed);
        mail.from = Mailbox::read(address).unwrap();
        let built = build(&mail, DOMAIN, &Protection::default(), Seed([1; 32]));
        assert_eq!(built.is_ok(), fine, "{address}");
        if let Err(error) = built {
            assert!(matches!(error, Error::ForeignSender { .. }), "{error}");
        }
    }
}

#[test]
fn threads_are_kept_by_references() {
    let draft = draft(NoticeKind::Reminder, Lang::En);
    let composed = compose(&draft, &Look::default()).unwrap();
    let mut mail = mail(&draft, &composed);
    let earlier: Vec<MessageId> = (0..30)
        .filter_map(|n| MessageId::read(&format!("<n{n}.{}@cert.example>", "x".repeat(60))))
        .collect();
    mail.references = earlier.clone();
    let built = build(&mail, DOMAIN, &Protection::default(), Seed([1; 32])).unwrap();
    only_crlf(&built.bytes);
    let read = MessageParser::default().parse(&built.bytes).unwrap();
    let all: Vec<&str> = read
        .references()
        .as_text_list()
        .unwrap()
        .iter()
        .map(|id| id.as_ref())
        .collect();
    assert_eq!(
        all,
        earlier.iter().map(MessageId::as_str).collect::<Vec<_>>()
    );
    assert_eq!(
        read.in_reply_to().as_text(),
        earlier.last().map(MessageId::as_str)
    );
}

#[test]
fn no_field_of_a_draft_adds_a_header_or_part() {
    let known = [
        "date",
        "from",
        "reply-to",
        "to",
        "subject",
        "message-id",
        "auto-submitted",
        "x-auto-response-suppress",
        "x-watchfire-notice",
        "mime-version",
        "content-type",
        "content-language",
        "content-transfer-encoding",
    ];
    for text in NAUGHTY {
        for lang in Lang::ALL {
            for format in [NoticeFormat::Csv, NoticeFormat::Arf, NoticeFormat::Iodef] {
                let mut draft = poisoned(NoticeKind::SecondParty, lang, text);
                draft.sender.name = model::bulletin::Text::same(*text);
                let look = Look {
                    format,
                    people: true,
                    ..Look::default()
                };
                let message = built(&draft, &look, &Protection::default());
                only_crlf(&message.bytes);
                let read = MessageParser::default().parse(&message.bytes).unwrap();
                for header in read.headers() {
                    let name = header.name().to_ascii_lowercase();
                    assert!(known.contains(&name.as_str()), "{text:?}: {name}");
                }
                let parts = read.parts.len();
                let plain = built(&draft_of(&draft, lang), &look, &Protection::default());
                let plain = MessageParser::default()
                    .parse(&plain.bytes)
                    .map(|read| read.parts.len());
                assert_eq!(Some(parts), plain, "{text:?}");
                let to = read
                    .to()
                    .and_then(|to| to.first())
                    .and_then(|to| to.address().map(str::to_owned));
                assert_eq!(to.as_deref(), Some("abuse@cloud.example"), "{text:?}");
                assert_eq!(read.to().map(|to| to.iter().count()), Some(1), "{text:?}");
                assert_eq!(
                    read.from().map(|from| from.iter().count()),
                    Some(1),
                    "{text:?}"
                );
            }
        }
    }
}

/// The same draft without poison.
fn draft_of(poisoned: &Draft, lang: Lang) -> Draft {
    draft(poisoned.kind, lang)
}

#[test]
fn files_come_out_as_they_went_in() {
    for lang in Lang::ALL {
        for format in [
            NoticeFormat::Csv,
            NoticeFormat::Xarf,
            NoticeFormat::Iodef,
            NoticeFormat::Stix,
        ] {
            let draft = several(lang);
            let look = Look {
                format,
                ..Look::default()
            };
            let composed = compose(&draft, &look).unwrap();
            let message = built(&draft, &look, &Protection::default());
            let read = MessageParser::default().parse(&message.bytes).unwrap();
            assert_eq!(read.subject(), Some(composed.subject.as_str()));
            assert_eq!(
                read.body_text(0).unwrap().replace("\r\n", "\n"),
                composed.text
            );
            let names: Vec<&str> = read
                .attachments()
                .filter_map(|part| part.attachment_name())
                .collect();
            let sent: Vec<&str> = composed
                .attachments
                .iter()
                .map(|file| file.name.as_str())
                .collect();
            assert_eq!(names, sent);
            assert_eq!(sent.len(), if format == NoticeFormat::Csv { 1 } else { 2 });
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    /// Whatever text stands in names, numbers and remarks: the mail has one of each header and the same parts.
    #[test]
    fn any_text_is_only_text(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|(?s).{0,40}", zh in proptest::bool::ANY) {
        let lang = if zh { Lang::Zh } else { Lang::En };
        let mut draft = poisoned(NoticeKind::Reminder, lang, &text);
        draft.sender.name = model::bulletin::Text::same(text.clone());
        let message = built(&draft, &Look::default(), &Protection::default());
        only_crlf(&message.bytes);
        let read = MessageParser::default().parse(&message.bytes);
        proptest::prop_assert!(read.is_some());
        if let Some(read) = read {
            proptest::prop_assert_eq!(read.headers().len(), 11, "{:?}", String::from_utf8_lossy(&message.bytes));
            proptest::prop_assert_eq!(read.parts.len(), 3);
            proptest::prop_assert_eq!(read.to().map(|to| to.iter().count()), Some(1));
        }
    }
}
