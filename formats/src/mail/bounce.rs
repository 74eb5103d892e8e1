//! Mails that say that another mail did not arrive.
//!
//! A delivery status (RFC 3464) is read first wherever it stands: as a part of its own, as text, or as
//! the JSON of a sending service. Where there is none, the text is read as a person would: up to the
//! returned mail, the addresses that lines begin with or that stand behind `RCPT TO` and the like, with
//! what is said of them. The words decide the reason before the codes do: `5.1.1` has been written for
//! a full mailbox and for too many mails an hour.
//!
//! *Hard* says that the address will not do at all: nobody there, no such host. A refusal of this one
//! mail (too big, taken for spam, mailbox full) is *soft*, whatever the code says, since a contact must
//! not be struck off for it.

mod reason;
mod status;
mod wild;

use super::header::{Headers, Line};
use super::own::{Link, Own};
use super::{Limits, Mail};

/// What a bounce says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceReport {
    /// The addresses that it speaks of, each once.
    pub recipients: Vec<Recipient>,
    /// Message-ID of the mail that did not arrive, without angle brackets.
    pub message_id: Option<String>,
    /// The notice that it was.
    pub link: Option<Link>,
    /// The server that says so.
    pub reporter: Option<Line>,
    /// How it was read.
    pub form: Form,
}

/// How a bounce was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A delivery status (RFC 3464).
    Status,
    /// The notification of a sending service, in JSON.
    Service,
    /// Words for people.
    #[default]
    Words,
}

/// One address, and what became of the mail to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address at which delivery was tried.
    pub address: String,
    /// The address that we wrote to, where the report tells it and it is another.
    pub original: Option<String>,
    /// What happened.
    pub outcome: Outcome,
    /// Whether to try that address again.
    pub hardness: Hardness,
    /// Enhanced status code (RFC 3463): `5.1.1`.
    pub status: Option<String>,
    /// Reply code of SMTP: 550.
    pub reply: Option<u16>,
    /// Why.
    pub reason: Reason,
    /// What the servers said of it.
    pub diagnostic: Line,
}

/// What became of a mail (RFC 3464 2.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It will not arrive.
    #[default]
    Failed,
    /// It has not arrived; the server goes on trying.
    Delayed,
    /// It arrived.
    Delivered,
    /// It was handed to a server that reports nothing, or to a list.
    Relayed,
}

/// Whether an address is worth another mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hardness {
    /// The address itself will not do: use another contact.
    Hard,
    /// This mail or this moment was the trouble.
    Soft,
    /// The report does not tell.
    #[default]
    Unknown,
}

/// Why a mail did not arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nobody has that address, or no longer.
    UserUnknown,
    /// The mailbox is full.
    MailboxFull,
    /// There is no such domain or it takes no mail.
    HostUnknown,
    /// Refused by rule or as spam, by reputation, authentication or rate.
    Policy,
    /// The mail is too big.
    TooBig,
    /// The server does not forward to that address.
    RelayDenied,
    /// It was tried for as long as it may be.
    Expired,
    /// The server there could not be reached or had trouble of its own.
    Unreachable,
    /// Something else, or nothing is said.
    #[default]
    Other,
}

impl Reason {
    /// Stable name.
    pub fn label(self) -> &'static str {
        match self {
            Reason::UserUnknown => "user-unknown",
            Reason::MailboxFull => "mailbox-full",
            Reason::HostUnknown => "host-unknown",
            Reason::Policy => "policy",
            Reason::TooBig => "too-big",
            Reason::RelayDenied => "relay-denied",
            Reason::Expired => "expired",
            Reason::Unreachable => "unreachable",
            Reason::Other => "other",
        }
    }
}

/// Addresses that one report may speak of.
const MAX_RECIPIENTS: usize = 1_000;

/// Characters of a diagnostic that are kept.
const MAX_DIAGNOSTIC: usize = 1_000;

impl Recipient {
    /// Works out code, reason and hardness from what is said.
    fn settle(&mut self, said: &str) {
        let said: String = said.chars().take(20_000).collect();
        let told = std::mem::take(&mut self.status);
        let (status, reply) = reason::codes(&said);
        self.reply = self.reply.or(reply);
        // A status of zeros says no more than that it failed: the server's own may say why.
        self.status = match told {
            Some(told) if !told.ends_with(".0.0") => Some(told),
            told => status.or(told),
        };
        self.reason = reason::reason(&said, self.status.as_deref(), self.reply, self.outcome);
        self.hardness = reason::hardness(
            self.reason,
            self.status.as_deref(),
            self.reply,
            self.outcome,
        );
        let kept: String = said
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(MAX_DIAGNOSTIC)
            .collect();
        self.diagnostic = Line::new(&kept);
    }
}

/// Why a mail gives no bounce.
pub type NoBounce = &'static str;

/// Reads a mail as a bounce, with the evidence that it is one; `None` where it is none.
pub fn read(mail: &Mail, own: &Own, limits: &Limits) -> Option<(BounceReport, Vec<String>)> {
    let mut evidence = Vec::new();
    let returned = returned(mail, limits);
    let mut report = None;
    if let Some(part) = mail.parts.iter().find(|part| {
        matches!(
            part.media.as_str(),
            "message/delivery-status" | "message/global-delivery-status"
        )
    }) {
        evidence.push(format!("a part of {}", part.media));
        report = status::read(&part.text_up_to(limits.text_bytes));
    }
    let signs = wild::signs(mail);
    if report.is_none() && (!signs.is_empty() || !evidence.is_empty()) {
        report = wild::service(&mail.text).or_else(|| status::in_text(&mail.text));
        if let Some(report) = &report {
            evidence.push(
                match report.form {
                    Form::Service => "the bounce notification of a sending service",
                    _ => "a delivery status in the text",
                }
                .into(),
            );
        }
    }
    if report.is_none() {
        let weight: u32 = signs.iter().map(|(weight, _)| weight).sum();
        if weight < 2 && evidence.is_empty() {
            return None;
        }
    }
    evidence.extend(signs.into_iter().map(|(_, sign)| sign));
    let mut report = report.unwrap_or_default();
    let (told, cut) = wild::told(&mail.text);
    if report.recipients.is_empty() {
        report.form = Form::Words;
        report.recipients = wild::recipients(mail, told, returned.as_ref().or(cut.as_ref()), own);
    } else {
        wild::more(&mut report.recipients, told);
    }
    if report.recipients.is_empty() && evidence.len() < 2 {
        return None;
    }
    report.recipients.truncate(MAX_RECIPIENTS);
    let headers = returned.as_ref().or(cut.as_ref());
    if let Some(headers) = headers {
        report.link = own.link_of_returned(headers);
        let id = headers.ids("message-id").into_iter().next();
        report.message_id = id.or(report.message_id);
    }
    report.message_id = report
        .message_id
        .take()
        .or_else(|| wild::told_id(told))
        .or_else(|| mail.refers_to.first().cloned());
    if let Some(link) = own.link(mail) {
        // The address that the bounce came to outweighs what it returns: only we wrote it.
        if report.link.is_none() || matches!(link, Link::Token(_)) {
            report.link = Some(link);
        }
    }
    Some((report, evidence))
}

/// The header of the mail that came back as a part.
fn returned(mail: &Mail, limits: &Limits) -> Option<Headers> {
    let part = mail.parts.iter().find(|part| {
        part.is_mail()
            || matches!(
                part.media.as_str(),
                "text/rfc822-headers" | "message/rfc822-headers" | "message/global-headers"
            )
    })?;
    let text = super::envelope(&part.bytes);
    let block = Headers::read(text, 0, limits.header_bytes, &|_| false);
    (!block.headers.is_empty()).then_some(block.headers)
}

#[cfg(test)]
mod tests;
