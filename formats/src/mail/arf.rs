//! Feedback reports (ARF, RFC 5965; authentication failures, RFC 6591) and what goes for them.
//!
//! Writers send the third part as an attachment, without its type or not at all, and some providers
//! send the mail alone under a subject that names its origin; all of these are read.

use std::net::IpAddr;

use model::time::Timestamp;

use super::header::{Headers, Line};
use super::own::{Link, Own};
use super::{Limits, Mail};
use crate::value;

/// A report of a mail that somebody did not want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackReport {
    /// `abuse`, `fraud`, `virus`, `other`, `not-spam`, `auth-failure`, `opt-out`, `opt-out-list`, lower
    /// case.
    pub feedback_type: String,
    /// The program that wrote the report.
    pub user_agent: Line,
    /// The address that the mail came from.
    pub source_ip: Option<IpAddr>,
    /// URLs that are reported.
    pub reported_uris: Vec<Line>,
    /// Domains that are reported.
    pub reported_domains: Vec<Line>,
    /// When the mail arrived.
    pub arrived_at: Option<Timestamp>,
    /// The envelope sender of the mail.
    pub original_mail_from: Option<Line>,
    /// How many mails the report stands for.
    pub incidents: u32,
    /// What failed, where authentication did: `dmarc`, `dkim`, `spf`.
    pub auth_failure: Option<Line>,
    /// The notice of ours that is complained about.
    pub link: Option<Link>,
    /// The numbers of the parts that are evidence.
    pub parts: Vec<usize>,
    /// Subject of the mail that is complained about.
    pub original_subject: Line,
}

/// Reads the feedback report of a mail, with the evidence that there is one.
pub fn read(mail: &Mail, own: &Own, limits: &Limits) -> Option<(FeedbackReport, String)> {
    let original = original(mail, limits);
    let declared = mail
        .parts
        .iter()
        .position(|part| part.media == "message/feedback-report")
        .or_else(|| {
            // The part under another type: it begins as one must.
            mail.parts.iter().position(|part| {
                !part.is_mail()
                    && part.bytes.len() < 64 << 10
                    && ["feedback-type:", "user-agent:"].iter().any(|name| {
                        part.bytes.len() > name.len()
                            && part.bytes[..name.len()].eq_ignore_ascii_case(name.as_bytes())
                    })
                    && memchr::memmem::find(&part.bytes, b"Feedback-Type:").is_some()
            })
        });
    let (mut report, evidence) = match declared {
        Some(at) => {
            let text = mail.parts[at].text_up_to(limits.header_bytes);
            let mut report = fields(&text);
            report.parts.push(at);
            (report, format!("a part of {}", mail.parts[at].media))
        }
        None => (
            complaint_subject(mail, original.is_some())?,
            "its subject complains about a mail that is attached".to_owned(),
        ),
    };
    if let Some((at, headers)) = original {
        report.parts.push(at);
        report.link = own.link_of_returned(&headers);
        report.original_subject = headers.text("subject").unwrap_or_default();
        report.source_ip = report
            .source_ip
            .or_else(|| told_ip(mail))
            .or_else(|| origin(&headers));
        report.arrived_at = report
            .arrived_at
            .or_else(|| headers.raw("date").and_then(super::date));
    } else {
        report.source_ip = report.source_ip.or_else(|| told_ip(mail));
    }
    Some((report, evidence))
}

fn fields(text: &str) -> FeedbackReport {
    let text = text.trim_start();
    let block = Headers::read(text.as_bytes(), 0, text.len(), &|_| false).headers;
    let lines = |name: &str| -> Vec<Line> {
        let all = block.all_raw(name).map(Line::new);
        all.filter(|line| !line.is_empty()).take(100).collect()
    };
    let kind = block.text("feedback-type").unwrap_or_default();
    let time = ["arrival-date", "received-date"];
    FeedbackReport {
        feedback_type: kind.to_ascii_lowercase(),
        user_agent: block.text("user-agent").unwrap_or_default(),
        source_ip: block
            .raw("source-ip")
            .and_then(|text| value::ip(text.trim().trim_matches(['[', ']']))),
        reported_uris: lines("reported-uri"),
        reported_domains: lines("reported-domain"),
        arrived_at: time
            .iter()
            .find_map(|name| block.raw(name).and_then(super::date)),
        original_mail_from: block.text("original-mail-from"),
        incidents: block
            .raw("incidents")
            .and_then(|n| n.trim().parse().ok())
            .unwrap_or(1),
        auth_failure: block.text("auth-failure"),
        ..FeedbackReport::default()
    }
}

/// A mail that is complained about by its subject alone (`complaint about message from 192.0.2.1`).
fn complaint_subject(mail: &Mail, has_original: bool) -> Option<FeedbackReport> {
    let subject = mail.subject.to_lowercase();
    let says = subject.contains("complaint about message from")
        || subject.contains("email feedback report for ip");
    if !says || !has_original {
        return None;
    }
    Some(FeedbackReport {
        feedback_type: "abuse".to_owned(),
        source_ip: subject.split_whitespace().find_map(value::ip),
        incidents: 1,
        ..FeedbackReport::default()
    })
}

/// The header of the mail that is complained about, with the number of its part.
fn original(mail: &Mail, limits: &Limits) -> Option<(usize, Headers)> {
    let (at, part) = mail.parts.iter().enumerate().find(|(_, part)| {
        part.is_mail() || part.media == "text/rfc822-headers" || part.media == "text/rfc822"
    })?;
    let text = super::envelope(&part.bytes);
    let headers = Headers::read(text, 0, limits.header_bytes, &|_| false).headers;
    (!headers.is_empty()).then_some((at, headers))
}

/// The address in the human part: `received from IP 192.0.2.1`.
fn told_ip(mail: &Mail) -> Option<IpAddr> {
    let text = mail
        .text
        .get(..mail.text.len().min(4_096))
        .unwrap_or(&mail.text);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("ip") {
            let next = words
                .clone()
                .find(|next| !next.eq_ignore_ascii_case("address"))?;
            let bare = next.trim_matches(|c: char| !c.is_ascii_hexdigit() && c != ':');
            if let Some(ip) = value::ip(bare) {
                return Some(ip);
            }
        }
    }
    None
}

/// The address that handed the mail to the server which reports it: that of the first trace line, which
/// that server itself wrote.
pub(super) fn origin(headers: &Headers) -> Option<IpAddr> {
    let trace = headers.all_raw("received").take(3);
    trace
        .chain(headers.all_raw("x-originating-ip"))
        .find_map(|line| {
            let from = line.split(" by ").next().unwrap_or(line);
            from.split(['[', ']', '(', ')', ' '])
                .filter_map(|word| value::ip(word.trim_start_matches("IPv6:")))
                .find(|ip| !ip.is_loopback())
        })
}
