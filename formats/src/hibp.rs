//! Have I Been Pwned's callback for watched domains: one JSON object a message, `Domain`,
//! `DomainEmails` and either `Breach` or `Paste` with what became known. Every account is an event:
//! a `data-leak` with the identifier `breach` or `paste`; the breach itself goes to `extra`.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};
use serde_json::Value;

use crate::entry::{self, Entry};
use crate::line::Fault;
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, json, value};

/// Have I Been Pwned's callback.
pub const FORMAT: Format = Format {
    name: "hibp",
    about: "Have I Been Pwned's callback for domains",
    open,
    check,
};

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    json::expect_object(FORMAT.name, head)?;
    Ok(Reader::Stream(Box::new(Callback {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
    })))
}

/// Each record names all accounts of its message up to this many, else only how many there are:
/// with all of them the work would grow with the square of their number.
const MOST_LISTED: usize = 100;

struct Callback {
    entry: Entry,
    zone: TimeZone,
}

impl StreamReader for Callback {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut record = Record::new();
        json::read_document(input, &[], out, &mut |element, out| {
            let mut emit = |record: &mut Record| {
                self.entry.finish(record);
                record.line = element.line;
                record.offset = element.offset;
                record.len = element.bytes.len() as u32;
                out.record(record);
            };
            if let Err((reason, message)) =
                message(element.bytes, &mut record, &self.zone, &mut emit)
            {
                let (line, offset) = (element.line, element.offset);
                out.reject(Reject::new(line, offset, reason, message, element.bytes));
            }
        })
    }
}

fn message(
    bytes: &[u8],
    record: &mut Record,
    zone: &TimeZone,
    emit: &mut dyn FnMut(&mut Record),
) -> Result<(), Fault> {
    let message: Value = serde_json::from_slice(bytes)
        .map_err(|error| (RejectReason::Syntax, format!("broken JSON: {error}")))?;
    let missing = |what: &str| {
        (
            RejectReason::MissingField,
            format!("the message has no {what}"),
        )
    };
    let (kind, about) = [("breach", "Breach"), ("paste", "Paste")]
        .into_iter()
        .find_map(|(kind, name)| Some((kind, message.get(name)?)))
        .ok_or_else(|| missing("`Breach` or `Paste`"))?;
    let accounts = message.get("DomainEmails").and_then(Value::as_array);
    let accounts: Vec<&str> = match accounts.filter(|accounts| !accounts.is_empty()) {
        Some(accounts) => accounts.iter().filter_map(Value::as_str).collect(),
        None => message
            .get("Email")
            .and_then(Value::as_str)
            .into_iter()
            .collect(),
    };
    if accounts.is_empty() {
        return Err(missing("`DomainEmails` or `Email`"));
    }
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let domain = text(&message, "Domain");
    // Several breaches became known at several times: then the message has none.
    let time = text(
        about,
        if kind == "breach" {
            "AddedDate"
        } else {
            "Date"
        },
    );
    for account in accounts {
        record.clear();
        for (field, text) in [
            (Field::ObservedAt, time.as_str()),
            (Field::ClassType, "data-leak"),
            (Field::ClassIdentifier, kind),
            (Field::SourceAccount, account),
            (Field::SourceHost, domain.as_str()),
        ] {
            value::set(record, field, text, zone).map_err(|bad| (bad.reason, bad.message(text)))?;
        }
        record.extra_value(kind, about);
        match message.get("DomainEmails") {
            Some(Value::Array(all)) if all.len() > MOST_LISTED => {
                record.extra_value("domain_emails_count", &all.len().into());
            }
            Some(all) => record.extra_value("domain_emails", all),
            None => {}
        }
        emit(record);
    }
    Ok(())
}
