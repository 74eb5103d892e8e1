//! Bounces in the words of many systems, and their twins without what makes them bounces.

use super::super::{Limits, Mail};
use super::*;

fn read_text(text: &str) -> Option<BounceReport> {
    let mail = Mail::read(text.as_bytes(), &Limits::default()).expect("a mail");
    read(&mail, &Own::default(), &Limits::default()).map(|(report, _)| report)
}

fn told(report: &BounceReport) -> Vec<(&str, &str, Hardness)> {
    let each = report.recipients.iter();
    each.map(|one| (one.address.as_str(), one.reason.label(), one.hardness))
        .collect()
}

const FROM: &str = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\n";

#[test]
fn words_of_many_systems() {
    use Hardness::{Hard, Soft};
    type Said = (&'static str, &'static str, Hardness);
    let cases: &[(&str, &[Said])] = &[
        (
            "Subject: Undelivered Mail Returned to Sender\n\n<a@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1\n    <a@example.net>: Recipient address rejected: User unknown (in reply to RCPT TO)\n\n<b@example.net>: mail for example.net loops back to myself\n",
            &[
                ("a@example.net", "user-unknown", Hard),
                ("b@example.net", "unreachable", Soft),
            ],
        ),
        (
            "Subject: NOTICE: mail delivery status.\n\nYour message to the following recipients cannot be delivered:\n\n<a@example.net>:\n    mx.example.net [192.0.2.1]:\n>>> RCPT TO:<a@example.net>\n<<< 554 delivery error: This user doesn't have an account here\n",
            &[("a@example.net", "user-unknown", Hard)],
        ),
        (
            "Subject: 系统退信\n\n很抱歉，您发送的邮件被退回。\n收件人：a@example.net\n退信原因：收件人邮件地址不存在，邮件无法投递。\n",
            &[("a@example.net", "user-unknown", Hard)],
        ),
        (
            "Subject: 来自 example.net 的退信\n\n收件人邮箱 <a@example.net> 已满：552 mailbox full\n",
            &[("a@example.net", "mailbox-full", Soft)],
        ),
        (
            "Subject: Mail delivery failed\n\nThe following address(es) failed:\n\n  a@example.net\n    Unrouteable address\n\n------ This is a copy of the message ------\n\nTo: z@example.net\nMessage-ID: <1@example.com>\n",
            &[("a@example.net", "host-unknown", Hard)],
        ),
        (
            "Subject: Delivery delayed\n\nYour message to <a@example.net> has not been delivered yet.\nThis is a warning message only.\nThe message was delayed: connection timed out\n",
            &[("a@example.net", "unreachable", Soft)],
        ),
    ];
    for (text, expected) in cases {
        let report = read_text(&format!("{FROM}{text}")).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(told(&report), *expected, "{text}");
    }
}

#[test]
fn a_status_is_read_wherever_it_stands() {
    let status = "Reporting-MTA: dns; mx.example.com\n\nOriginal-Recipient: rfc822;list@example.net\nFinal-Recipient: rfc822; <a@example.net>\nAction: failed\nStatus: 5.2.2\n\nFinal-Recipient: rfc822; b@example.net\nAction: delayed\nStatus: 4.4.1\n";
    for text in [
        format!(
            "Content-Type: multipart/report; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n"
        ),
        format!(
            "Subject: Returned mail\n\nSorry.\n\n{status}\nReceived: from x\nTo: z@example.net\n"
        ),
    ] {
        let report = read_text(&format!("{FROM}{text}")).expect("a bounce");
        assert_eq!(
            told(&report),
            [
                ("a@example.net", "mailbox-full", Hardness::Soft),
                ("b@example.net", "unreachable", Hardness::Soft),
            ]
        );
        assert_eq!(
            report.recipients[0].original.as_deref(),
            Some("list@example.net")
        );
        assert_eq!(report.recipients[1].outcome, Outcome::Delayed);
        assert_eq!(report.reporter.as_deref(), Some("mx.example.com"));
    }
}

/// The twins: the same words from a person, and a report that names nobody.
#[test]
fn what_only_sounds_like_a_bounce_is_none() {
    let words = "Hi, your last mail could not be delivered to <a@example.net>, I think.\n";
    assert!(
        read_text(&format!(
            "From: Ann <ann@example.net>\nSubject: lunch\n\n{words}"
        ))
        .is_none()
    );
    assert!(read_text(&format!("{FROM}Subject: lunch\n\n{words}")).is_some());
    let empty = read_text(&format!("{FROM}Subject: Undelivered mail\n\nIt failed.\n"));
    assert!(empty.is_some_and(|report| report.recipients.is_empty()));
}
