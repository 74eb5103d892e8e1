//! CISA's catalogue of known exploited vulnerabilities (KEV), the JSON file: one record for each
//! entry, observed on the day it was added (`dateAdded`, a date without zone: the feed's entry says
//! whose day it is). The whole catalogue is delivered every time; the entries' identity makes one
//! event of each for good. The CSV edition of the catalogue is a case for format `csv`.
//!
//! The catalogue has neither severity nor classification; the feed's entry gives the latter.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::json::walk::{self, Step};
use crate::json::{self, Plan, Row};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, drive, entry, value};

/// CISA KEV.
pub const FORMAT: Format = Format {
    name: "kev",
    about: "CISA's catalogue of known exploited vulnerabilities, JSON",
    open,
    check,
};

/// Members of an entry (schema of the catalogue, 2025-08) and where they go; further ones go to
/// `extra` under their own name.
const MAPPING: &[(&str, &str)] = &[
    ("cveID", "vulnerability_id"),
    ("dateAdded", "observed_at"),
    ("vulnerabilityName", "description"),
    ("vendorProject", "product_vendor"),
    ("product", "product_name"),
    ("shortDescription", "extra.short_description"),
    ("requiredAction", "extra.required_action"),
    ("dueDate", "extra.due_date"),
    (
        "knownRansomwareCampaignUse",
        "extra.known_ransomware_campaign_use",
    ),
    ("notes", "extra.notes"),
    ("cwes", "extra.cwes"),
];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let header = |detail: &str| Unreadable::Header {
        format: FORMAT.name,
        detail: detail.to_owned(),
    };
    match text.first() {
        None => return Err(Unreadable::Empty),
        Some(b'{') => {}
        Some(_) => return Err(header("the file is not a JSON object")),
    }
    if walk::has_records(head, head.len() < drive::HEAD_BYTES, &path()) == Some(false) {
        return Err(header("there is no member `vulnerabilities`"));
    }
    let in_entry = |detail| Unreadable::Entry {
        feed: ctx.feed.name.clone(),
        detail,
    };
    let plan = Plan::new(ctx, MAPPING.iter().copied()).map_err(in_entry)?;
    Ok(Reader::Stream(Box::new(Catalogue { plan })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, &[]));
    if !feed.columns.is_empty() {
        problems.push("columns: the fields of format kev are fixed; remove the table".into());
    }
    problems
}

fn path() -> [Step; 1] {
    [Step::Member("vulnerabilities".into())]
}

struct Catalogue {
    plan: Plan,
}

impl StreamReader for Catalogue {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut record = Record::new();
        json::read_document(input, &path(), out, &mut |element, out| {
            let filled = self
                .plan
                .fill(element.bytes, None, &mut Row::default(), &mut record, out);
            match filled.and_then(|()| complete(&mut record)) {
                Ok(()) => {
                    record.line = element.line;
                    record.offset = element.offset;
                    record.len = element.bytes.len() as u32;
                    out.record(&record);
                }
                Err((reason, message)) => {
                    out.reject(Reject::new(
                        element.line,
                        element.offset,
                        reason,
                        message,
                        element.bytes,
                    ));
                }
            }
        })
    }
}

/// What an entry must have, and the id as the field that other sources join on.
fn complete(record: &mut Record) -> Result<(), json::Fault> {
    let missing = |name: &str| {
        (
            RejectReason::MissingField,
            format!("the entry has no `{name}`"),
        )
    };
    let id = record
        .text(Field::VulnerabilityId)
        .ok_or_else(|| missing("cveID"))?
        .to_owned();
    if record.undated {
        return Err(missing("dateAdded"));
    }
    let set = value::set(record, Field::Vulnerabilities, &id, &TimeZone::UTC);
    if set.is_err() || !id.starts_with("CVE-") {
        return Err((
            RejectReason::BadValue,
            format!("cveID: `{}` is not a CVE id", value::shorten(&id)),
        ));
    }
    Ok(())
}
