//! Delivery status notifications (RFC 3464): blocks of fields, one of the mail, then one of each
//! address. Writers leave out the blank lines between the blocks, the types before addresses and the
//! status codes, so a new block also begins where an address is named again.

use super::super::header::{Headers, Line};
use super::{BounceReport, Form, MAX_RECIPIENTS, Outcome, Recipient};

/// Reads a status; `None` where no address is named.
pub(super) fn read(text: &str) -> Option<BounceReport> {
    let mut report = BounceReport {
        form: Form::Status,
        ..BounceReport::default()
    };
    let mut one = Block::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && report.recipients.len() < MAX_RECIPIENTS {
        let block = Headers::read(bytes, at, bytes.len(), &|_| false);
        for (name, value) in block.headers.iter() {
            let again = match name {
                "final-recipient" => one.address.is_some(),
                "original-recipient" => one.original.is_some(),
                _ => false,
            };
            if again {
                one.finish(&mut report);
            }
            let value = super::super::header::words(value);
            match name {
                "final-recipient" => one.address = address(&value),
                "original-recipient" => one.original = address(&value),
                "action" => one.action = Some(value.trim().to_ascii_lowercase()),
                "status" => one.status = Some(value.trim().to_owned()),
                "diagnostic-code" => one.diagnostic = Some(value.into_owned()),
                "reporting-mta" => {
                    let name = value.rsplit(';').next().unwrap_or_default();
                    report.reporter = Some(Line::new(name));
                }
                "original-message-id" | "x-original-message-id" => {
                    report.message_id =
                        super::super::header::message_ids(&value).into_iter().next();
                }
                _ => {}
            }
        }
        // A line that is no field ends the reader; what stands behind it may be fields again.
        if block.end == at {
            let rest = &bytes[at..];
            at += memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
        } else {
            at = block.end;
        }
        if one.address.is_some() || one.original.is_some() {
            one.finish(&mut report);
        }
    }
    one.finish(&mut report);
    (!report.recipients.is_empty()).then_some(report)
}

/// Reads a status that stands in a text, from its first field on.
pub(super) fn in_text(text: &str) -> Option<BounceReport> {
    let lower = text.to_ascii_lowercase();
    let at = [
        "\nreporting-mta:",
        "\nfinal-recipient:",
        "\noriginal-recipient:",
    ]
    .iter()
    .filter_map(|field| lower.find(field))
    .min()?;
    let status = &text[at + 1..];
    // The returned mail behind it begins with its trace.
    let end = lower[at + 1..]
        .find("\nreceived:")
        .or(lower[at + 1..].find("\nreturn-path:"));
    read(&status[..end.unwrap_or(status.len())])
}

#[derive(Default)]
struct Block {
    address: Option<String>,
    original: Option<String>,
    action: Option<String>,
    status: Option<String>,
    diagnostic: Option<String>,
}

impl Block {
    fn finish(&mut self, report: &mut BounceReport) {
        let block = std::mem::take(self);
        let Some(address) = block.address.clone().or(block.original.clone()) else {
            *self = block;
            return;
        };
        let outcome = match block.action.as_deref().unwrap_or("failed") {
            "delayed" => Outcome::Delayed,
            "delivered" | "deliverable" => Outcome::Delivered,
            "relayed" | "expanded" => Outcome::Relayed,
            _ => Outcome::Failed,
        };
        let status = block.status.as_deref().unwrap_or_default();
        let mut said = block.diagnostic.unwrap_or_default();
        // Some write the reason behind the code: `5.2.1 (mailbox disabled)`.
        if let Some((_, remark)) = status.split_once(' ') {
            said = format!("{said} {remark}");
        }
        if block.action.as_deref() == Some("expired") {
            said.push_str(" (expired)");
        }
        let mut one = Recipient {
            original: block.original.filter(|original| *original != address),
            address,
            outcome,
            status: super::reason::codes(status).0,
            ..Recipient::default()
        };
        one.settle(&said);
        report.recipients.push(one);
    }
}

/// The address behind its type: `rfc822; <a@example.com>`.
fn address(value: &str) -> Option<String> {
    let bare = value.rsplit(';').next().unwrap_or_default();
    let bare = bare.trim().trim_matches(['<', '>', '"']).trim();
    let bare = bare.split_whitespace().next()?;
    (!bare.is_empty()).then(|| Line::new(bare).to_string())
}
