//! Mails as they arrive: structure, notes, natures.

use super::own::{Link, Own};
use super::*;

fn mail(text: &str) -> Mail {
    Mail::read(text.as_bytes(), &Limits::default()).expect("a mail")
}

#[test]
fn a_mail_is_taken_apart() {
    let mail = mail(
        "Return-Path: <>\r\nFrom: =?gb2312?B?xOO6ww==?= <a@example.com>\r\nReply-To: b@example.com\r\n\
         To: c@example.com, D <d@example.com>\r\nSubject: =?utf-8?q?x=0D=0Ay?=\r\n\
         Message-ID: <1@example.com>\r\nIn-Reply-To: <2@example.com>\r\nReferences: <3@example.com> <2@example.com>\r\n\
         Date: Mon, 9 Jan 2023 08:00:00 +0800 (CST)\r\nX-Watchfire-Incident: 7\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\nnobody sees this\r\n--b\r\n\
         Content-Type: multipart/alternative; boundary=\"b c\"\r\n\r\n--b c\r\n\r\nplain\r\n--b c\r\n\
         Content-Type: text/html\r\n\r\n<p>html\r\n--b c--\r\n--b\r\n\
         Content-Type: application/octet-stream; name=\"../../etc/x.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b--\r\nepilogue\r\n",
    );
    assert_eq!(mail.from[0].name.as_str(), "你好");
    assert_eq!(mail.reply_to[0].address.as_str(), "b@example.com");
    assert_eq!(mail.to.len(), 2);
    assert_eq!(mail.subject.as_str(), "x  y");
    assert_eq!(mail.message_id.as_deref(), Some("1@example.com"));
    assert_eq!(mail.refers_to, ["2@example.com", "3@example.com"]);
    assert_eq!(
        mail.date.map(|at| at.to_string()),
        crate::value::time("2023-01-09T00:00:00Z", &TimeZone::UTC)
            .ok()
            .map(|read| read.at.to_string())
    );
    assert!(mail.null_sender);
    assert_eq!(
        mail.notes,
        [Note::InternalHeader("x-watchfire-incident".into())]
    );
    assert_eq!(mail.text.trim(), "plain");
    assert_eq!(mail.depth, 2);
    let parts: Vec<_> = mail
        .parts
        .iter()
        .map(|part| (part.media.as_str(), part.bytes.as_slice()))
        .collect();
    assert_eq!(
        parts,
        [
            ("text/plain", b"plain".as_slice()),
            ("text/html", b"<p>html"),
            ("application/octet-stream", b"hi")
        ]
    );
    assert_eq!(mail.parts[2].name.as_deref(), Some("x.csv"));
}

#[test]
fn damaged_structures_lose_nothing() {
    let notes = |text: &str| (mail(text).text.trim().to_owned(), mail(text).notes);
    let kind = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n";
    for (body, text, note) in [
        ("hello\n", "hello", Note::NoBoundary),
        (
            "--c\nContent-Type: text/plain\n\nhello\n--c--\n",
            "hello",
            Note::BoundaryGuessed,
        ),
        ("--b\n\nhello\n", "hello", Note::NotClosed),
        (
            "--b\nContent-Type: multipart/mixed; boundary=inner\n\nhello\n--b--\n",
            "hello",
            Note::NoBoundary,
        ),
        (
            "--b\nContent-Type: text/plain; charset=x-none\n\nhello\n--b--\n",
            "hello",
            Note::Charset(Line::new("x-none")),
        ),
    ] {
        assert_eq!(
            notes(&format!("{kind}{body}")),
            (text.to_owned(), vec![note]),
            "{body}"
        );
    }
    assert_eq!(mail("Subject: x\r\rhello\r").notes, [Note::BareCr]);
    assert_eq!(
        mail("\n\nFrom a@b Thu Jan 1\nSubject: x\n\ny")
            .subject
            .as_str(),
        "x"
    );
    assert_eq!(
        Mail::read(b" \n", &Limits::default()).err(),
        Some(Unreadable::Empty)
    );
    assert_eq!(
        Mail::read(b"hello\nyou", &Limits::default()).err(),
        Some(Unreadable::NoHeader)
    );
}

#[test]
fn html_is_text_where_there_is_no_other() {
    let mail = mail(
        "Content-Type: text/html\n\n<style>x</style><p>a &amp; b</p><script>y</script><a href=z>c</a>",
    );
    assert_eq!(mail.text.trim(), "a & b\nc");
}

#[test]
fn the_key_needs_no_parsing() {
    let one = Key::of(b"Received: a\nMessage-ID: <1@example.com>\n\nbody\n");
    let other_way = Key::of(b"Received: b\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n");
    assert_ne!(one.bytes, other_way.bytes);
    assert_eq!(one.message, other_way.message);
    assert_ne!(
        one.message,
        Key::of(b"Message-ID: <1@example.com>\n\nother\n").message
    );
    assert_eq!(
        Key::of(b"Content-Type: text/plain; charset=\xff\n\nx").message,
        None
    );
    assert!(Key::of(b"Message-ID:\n <1@example.com>\n\nbody\n").message == one.message);
}

fn own() -> Own {
    Own {
        addresses: vec!["cert@example.com".into()],
        verp: vec!["notice+{token}@example.com".into()],
        message_domain: "notices.example.com".into(),
    }
}

fn nature(text: &str) -> (&'static str, Option<Link>) {
    let verdict = mail(text).verdict(&own(), &Limits::default());
    assert!(!verdict.evidence.is_empty());
    (verdict.nature.label(), verdict.link)
}

#[test]
fn natures_and_what_ties_them_to_a_notice() {
    let id = Some(Link::MessageId("7@notices.example.com".into()));
    let token = Some(Link::Token("tok".into()));
    for (text, expected) in [
        (
            "From: a@example.net\nIn-Reply-To: <7@notices.example.com>\n\nThanks",
            ("reply", id.clone()),
        ),
        (
            "From: a@example.net\nTo: notice+tok@example.com\n\nThanks",
            ("reply", token.clone()),
        ),
        (
            "From: a@example.net\nIn-Reply-To: <7@other.example.com>\n\nhello",
            ("complaint", None),
        ),
        (
            "From: a@example.net\nAuto-Submitted: auto-replied\nReferences: <7@notices.example.com>\n\nAway",
            ("automatic-reply", id.clone()),
        ),
        (
            "From: a@example.net\nSubject: 自动回复: x\n\n",
            ("automatic-reply", None),
        ),
        (
            "From: MAILER-DAEMON@example.net\nTo: notice+tok@example.com\nSubject: failure notice\n\n<a@example.net>:\nuser unknown\n",
            ("bounce", token),
        ),
        (
            "From: a@example.net\nReturn-Path: <>\nSubject: Undeliverable mail\n\n<a@example.net>: no such user\n\n--- Original message ---\nMessage-ID: <7@notices.example.com>\nTo: a@example.net\n",
            ("bounce", id),
        ),
        (
            "From: a@example.net\nPrecedence: bulk\n\nnews",
            ("bulk", None),
        ),
        (
            "From: a@example.net\nList-Id: <x>\n\nphishing at http://bad.test/",
            ("complaint", None),
        ),
        (
            "From: a@example.net\nX-Apple-Unsubscribe: true\n\nx",
            ("automatic-reply", None),
        ),
    ] {
        assert_eq!(nature(text), expected, "{text}");
    }
}

#[test]
fn no_program_is_answered() {
    let may = |text: &str| super::nature::may_answer(&mail(text), &own());
    assert_eq!(may("From: a@example.net\nSubject: phishing\n\nx"), Ok(()));
    assert_eq!(may("From: a@example.net\nAuto-Submitted: no\n\nx"), Ok(()));
    for text in [
        "From: a@example.net\nAuto-Submitted: auto-generated\n\nx",
        "From: a@example.net\nReturn-Path: <>\n\nx",
        "From: a@example.net\nPrecedence: list\n\nx",
        "From: noreply@example.net\n\nx",
        "From: cert@example.com\n\nx",
        "From: a@example.net\nReply-To: notice+t@example.com\n\nx",
        "Subject: x\n\nx",
    ] {
        assert!(may(text).is_err(), "{text}");
    }
}

#[test]
fn dates_of_every_hand() {
    let at = |text: &str| super::date(text).map(|at| at.to_string());
    for (text, expected) in [
        (
            "Tue, 19 Jan 2016 14:32:40 -0500 (EST)",
            "2016-01-19T19:32:40Z",
        ),
        ("Tue, 19 Jan 2016 14:32:49 EST", "2016-01-19T19:32:49Z"),
        ("19 Jan 2016 14:32:40 +0100", "2016-01-19T13:32:40Z"),
        ("Mon, 28 Sep 2015 21:31:04 UT", "2015-09-28T21:31:04Z"),
        ("Tue, 04 Aug 2015 08:51:17 -0000", "2015-08-04T08:51:17Z"),
    ] {
        assert_eq!(at(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(at("(invalid)"), None);
}
