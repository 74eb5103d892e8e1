//! What a mail is: of the kinds that one mailbox carries, the one that its form shows, with the
//! evidence.
//!
//! The order is that of certainty. Reports that machines write for machines are known by their parts;
//! then bounces, which return something; then what answers by itself; then what refers to a notice of
//! ours; what is left complains, or is bulk. A verdict proposes where the mail goes, it answers
//! nothing by itself: see [`may_answer`].

use super::arf::{self, FeedbackReport};
use super::bounce::{self, BounceReport};
use super::header::Line;
use super::own::{Link, Own};
use super::{Limits, Mail, complaint};
use crate::shadowserver;

/// A mail's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Another mail did not arrive, or is late, or arrived.
    Bounce(BounceReport),
    /// A program answered for a person.
    AutomaticReply(Automatic),
    /// A feedback report (RFC 5965), or what providers send for one.
    Arf(FeedbackReport),
    /// An X-ARF report.
    Xarf(XarfForm),
    /// Files that a feed delivers by mail, for intake's feed path.
    Feed(Vec<FeedFile>),
    /// A notifier's mail in a form of its own; the form by name.
    NotifierComplaint(&'static str),
    /// An answer to one of our notices.
    Reply(Link),
    /// Mail to many, which asks us nothing.
    Bulk,
    /// Somebody writes to us: free text.
    Complaint,
}

impl Nature {
    /// Stable name.
    pub fn label(&self) -> &'static str {
        match self {
            Nature::Bounce(_) => "bounce",
            Nature::AutomaticReply(_) => "automatic-reply",
            Nature::Arf(_) => "arf",
            Nature::Xarf(_) => "xarf",
            Nature::Feed(_) => "feed",
            Nature::NotifierComplaint(_) => "notifier-complaint",
            Nature::Reply(_) => "reply",
            Nature::Bulk => "bulk",
            Nature::Complaint => "complaint",
        }
    }
}

/// What kind of program answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// Somebody is away, or a ticket was opened.
    Notice,
    /// A mail was displayed or deleted (RFC 8098).
    Receipt,
    /// A mail program asks for no more mail.
    Unsubscribe,
}

/// How an X-ARF report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XarfForm {
    /// Version 0.1 to 0.2: labels (YAML) in a part.
    Labels,
    /// Version 3 or 4: JSON in a part.
    Json,
}

/// A file that a feed delivers by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// The number of its part.
    pub part: usize,
    /// Its name.
    pub name: Line,
    /// The report type in its name: `scan_ipmi`.
    pub report: String,
}

/// What a mail is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its kind.
    pub nature: Nature,
    /// The notice that it belongs to, whatever its kind.
    pub link: Option<Link>,
    /// What shows the kind, for a person.
    pub evidence: Vec<String>,
}

impl Mail {
    /// Says what the mail is.
    pub fn verdict(&self, own: &Own, limits: &Limits) -> Verdict {
        let link = own.link(self);
        let say = |nature, evidence: Vec<String>| Verdict {
            nature,
            link: link.clone(),
            evidence,
        };
        if let Some((report, evidence)) = arf::read(self, own, limits) {
            let mut verdict = say(Nature::Arf(report.clone()), vec![evidence]);
            verdict.link = verdict.link.or(report.link);
            return verdict;
        }
        if let Some((kind, evidence)) = receipt(self) {
            return say(Nature::AutomaticReply(kind), vec![evidence]);
        }
        if let Some((report, evidence)) = bounce::read(self, own, limits) {
            let mut verdict = say(Nature::Bounce(report.clone()), evidence);
            verdict.link = verdict.link.or(report.link);
            return verdict;
        }
        let files = feed_files(self);
        if !files.is_empty() {
            let evidence = files.iter().map(|file| format!("the file `{}`", file.name));
            let evidence = evidence.collect();
            return say(Nature::Feed(files), evidence);
        }
        if let Some((form, evidence)) = complaint::xarf_form(self, limits) {
            return say(Nature::Xarf(form), vec![evidence]);
        }
        if let Some(evidence) = automatic(self, link.is_some()) {
            return say(Nature::AutomaticReply(Automatic::Notice), vec![evidence]);
        }
        if let Some(link) = link.clone() {
            let evidence = match &link {
                Link::Token(token) => format!("it was sent to the bounce address with `{token}`"),
                Link::MessageId(id) => format!("it refers to our message `{id}`"),
            };
            return say(Nature::Reply(link), vec![evidence]);
        }
        if let Some(form) = complaint::notifier_form(self, limits) {
            return say(
                Nature::NotifierComplaint(form),
                vec![format!("its text has the form `{form}`")],
            );
        }
        if let Some(evidence) = bulk(self)
            && !complaint::prose_complains(self, own, limits)
        {
            return say(Nature::Bulk, vec![evidence]);
        }
        say(
            Nature::Complaint,
            vec!["nothing marks it as another kind".into()],
        )
    }
}

/// A receipt (RFC 8098), or a program that asks for no more mail.
fn receipt(mail: &Mail) -> Option<(Automatic, String)> {
    let is = |media: &str| mail.parts.iter().any(|part| part.media == media);
    if is("message/disposition-notification") {
        let evidence = "a part of message/disposition-notification";
        return Some((Automatic::Receipt, evidence.into()));
    }
    if mail.headers.raw("x-apple-unsubscribe").is_some() {
        return Some((Automatic::Unsubscribe, "it has X-Apple-Unsubscribe".into()));
    }
    None
}

/// Fields that answering programs write.
const ANSWERING: &[&str] = &[
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-auto-responder",
    "x-mail-autoreply",
    "x-autogenerated",
    "x-ms-exchange-generated-message-source",
];

/// Subjects of automatic answers, lower case.
const SUBJECTS: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "automated reply",
    "automated response",
    "out of office",
    "out of the office",
    "on vacation",
    "away from my mail",
    "vacation reply",
    "自动回复",
    "自動回覆",
    "自動返信",
    "不在通知",
    "不在のお知らせ",
    "外出",
    "자동 응답",
    "부재중",
    "abwesenheit",
    "automatische antwort",
    "réponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "автоответ",
    "автоматический ответ",
];

fn automatic(mail: &Mail, linked: bool) -> Option<String> {
    let headers = &mail.headers;
    let submitted = headers
        .text("auto-submitted")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = submitted.split([';', ' ']).next().unwrap_or_default();
    // A report that a program wrote is `auto-generated`; as an answer to us it is a ticket system's.
    if kind == "auto-replied" || kind == "auto-notified" || (linked && kind == "auto-generated") {
        return Some(format!("Auto-Submitted is `{kind}`"));
    }
    if let Some(name) = ANSWERING.iter().find(|name| headers.raw(name).is_some()) {
        return Some(format!("it has the field {name}"));
    }
    if let Some(precedence) = headers.text("precedence")
        && precedence.to_ascii_lowercase().replace('-', "_") == "auto_reply"
    {
        return Some("Precedence is `auto_reply`".into());
    }
    let subject = mail.subject.to_lowercase();
    let subject = subject.trim_start_matches(['[', '【', ' ']);
    let words = SUBJECTS.iter().find(|words| subject.starts_with(**words));
    words.map(|words| format!("its subject begins with `{words}`"))
}

fn bulk(mail: &Mail) -> Option<String> {
    if mail.headers.has_prefix("list-id") || mail.headers.has_prefix("list-unsubscribe") {
        return Some("it comes from a list (List-Id, List-Unsubscribe)".into());
    }
    let precedence = mail.headers.text("precedence")?.to_ascii_lowercase();
    let known = ["bulk", "list", "junk"].contains(&precedence.as_str());
    known.then(|| format!("Precedence is `{precedence}`"))
}

/// The files of a feed: their names are dates, then a report type (`2015-01-01-scan_ipmi-x-asn.csv.zip`).
fn feed_files(mail: &Mail) -> Vec<FeedFile> {
    let named = mail.parts.iter().enumerate();
    named
        .filter_map(|(part, one)| {
            let name = one.name.clone()?;
            let bare = name
                .strip_suffix(".zip")
                .or(name.strip_suffix(".gz"))
                .unwrap_or(&name);
            let dated = bare.len() > 11
                && bare.is_char_boundary(10)
                && bare[..10].bytes().enumerate().all(|(at, byte)| match at {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
            let report = shadowserver::report_name(bare)?.to_owned();
            (dated && bare.ends_with(".csv")).then_some(FeedFile { part, name, report })
        })
        .collect()
}

/// Whether an automatic answer may be sent to a mail (RFC 3834 section 2), and if not, why: two programs
/// that answer each other never stop.
pub fn may_answer(mail: &Mail, own: &Own) -> Result<(), &'static str> {
    let headers = &mail.headers;
    let submitted = headers
        .text("auto-submitted")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !submitted.is_empty() && submitted.split([';', ' ', '(']).next() != Some("no") {
        return Err("a program sent it (Auto-Submitted)");
    }
    if mail.null_sender {
        return Err("its envelope sender is empty");
    }
    if bulk(mail).is_some() {
        return Err("it was sent to many");
    }
    if headers.raw("x-auto-response-suppress").is_some() {
        return Err("it asks for no automatic answer (X-Auto-Response-Suppress)");
    }
    if automatic(mail, false).is_some() || receipt(mail).is_some() {
        return Err("it is an automatic answer itself");
    }
    if headers.raw("x-loop").is_some() {
        return Err("it was answered before (X-Loop)");
    }
    let Some(to) = mail.reply_to.first().filter(|to| to.address.contains('@')) else {
        return Err("it names nobody to answer to");
    };
    if own.is_own(&to.address) || own.is_own(mail.sender()) {
        return Err("it is from us");
    }
    let local = to
        .address
        .split('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let machines = [
        "mailer-daemon",
        "postmaster",
        "noreply",
        "no-reply",
        "donotreply",
        "do-not-reply",
    ];
    let is_machine = machines.iter().any(|name| local.starts_with(name))
        || local.starts_with("owner-")
        || local.ends_with("-request")
        || local.contains("bounce");
    if is_machine {
        return Err("nobody reads that address");
    }
    Ok(())
}
