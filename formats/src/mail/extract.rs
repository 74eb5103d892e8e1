//! What texts and reports name, through the formats that read them elsewhere.

use std::net::IpAddr;

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, Value};
use model::reject::Reject;
use model::time::Timestamp;

use super::Mail;
use super::own::Own;
use crate::{Context, Output, Warning, drive, observable, value};

/// Something that is complained about.
#[derive(Clone, Debug, PartialEq)]
pub struct Observable {
    /// Its kind: `SourceIp`, `SourceUrl`, `SourceHost`, `SourceNetwork`, `Md5`, `Sha1`, `Sha256` or, in
    /// reports for machines only, `SourceAccount`.
    pub field: Field,
    /// In plain form, as the field holds it.
    pub text: String,
    /// The port, where one was named with an address or host.
    pub port: Option<u16>,
    /// How sure it is that the reporter means it, 0 to 100.
    pub confidence: u8,
}

/// The kinds that a complaint may name, the most telling first.
const KINDS: &[Field] = &[
    Field::SourceUrl,
    Field::SourceIp,
    Field::SourceHost,
    Field::SourceNetwork,
    Field::Sha256,
    Field::Sha1,
    Field::Md5,
    Field::SourceAccount,
];

impl Observable {
    /// A thing in plain form.
    pub(super) fn new(field: Field, text: &str, confidence: u8) -> Observable {
        Observable {
            field,
            text: text.to_owned(),
            port: None,
            confidence,
        }
    }

    /// What a person named in a form, a thing a line: as [`Observable`]s of full confidence, or nothing where it
    /// is none.
    pub fn read(text: &str) -> Option<Observable> {
        Observable::parse(text, 100)
    }

    /// What a text is, by its form, made plain where it was made harmless; `None` where it is nothing
    /// that one can complain about. Addresses of one's own machine are nothing; private ones are, since
    /// a reporter inside a network means its hosts.
    pub(super) fn parse(text: &str, confidence: u8) -> Option<Observable> {
        let text = text
            .trim()
            .trim_matches(['<', '>', '"', '\'', '[', ']', '(', ')', ',', ';']);
        if text.is_empty() || text.len() > 8_192 || text.contains(char::is_whitespace) {
            return None;
        }
        let plain = value::refang(text);
        let mut record = Record::new();
        observable::set_any(&mut record, plain.trim(), &TimeZone::UTC).ok()?;
        observables(&record, confidence).into_iter().next()
    }
}

/// Whether nobody can be behind an address.
fn is_nobody(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_multicast()
}

/// The things that a record names.
pub(super) fn observables(record: &Record, confidence: u8) -> Vec<Observable> {
    let port = record
        .int(Field::SourcePort)
        .and_then(|port| u16::try_from(port).ok());
    let mut found = Vec::new();
    for field in KINDS {
        let text = match record.get(*field) {
            Some(Value::Text(text)) => text.to_owned(),
            Some(Value::Ip(ip)) if !is_nobody(ip) => ip.to_string(),
            _ => continue,
        };
        let with_port = matches!(field, Field::SourceIp | Field::SourceHost);
        found.push(Observable {
            field: *field,
            text,
            port: port.filter(|_| with_port),
            confidence,
        });
    }
    found
}

/// A feed entry for a format that is read inside a mail.
fn entry(format: &str) -> Feed {
    let entry = serde_json::json!({
        "name": "mail", "provider": "mail", "format": format, "zone": "UTC", "licence": "none",
    });
    serde_json::from_value(entry).expect("the entry has every member that it must")
}

/// Records that are taken out of one part.
const MAX_RECORDS: usize = 1_000;

#[derive(Default)]
struct Found {
    records: Vec<Record>,
    refused: Option<String>,
}

impl Output for Found {
    fn record(&mut self, record: &Record) {
        if self.records.len() < MAX_RECORDS {
            self.records.push(record.clone());
        }
    }

    fn reject(&mut self, reject: Reject) {
        if self.refused.is_none() {
            self.refused = Some(reject.message);
        }
    }

    fn warn(&mut self, _: Warning) {}
}

/// Reads a part in one of the formats: records, and the first reason why a row gave none.
pub(super) fn records(
    format: &str,
    bytes: &[u8],
    at: Option<Timestamp>,
) -> (Vec<Record>, Option<String>) {
    let feed = entry(format);
    let ctx = Context {
        feed: &feed,
        zone: &TimeZone::UTC,
        file_name: "part",
        path: "part",
        snapshot: at.unwrap_or(Timestamp(0)),
        schema: None,
    };
    let mut found = Found::default();
    let mut rest = bytes;
    match drive::open(&ctx, &mut rest) {
        Ok(Ok(open)) => drive::read(open, &mut rest, &mut Record::new(), &mut found),
        Ok(Err(why)) => found.refused = Some(why.to_string()),
        Err(error) => found.refused = Some(error.to_string()),
    }
    (found.records, found.refused)
}

/// Hosts that reports point to and never mean.
const POINTED_TO: &[&str] = &[
    "x-arf.org",
    "xarf.org",
    "rfc-editor.org",
    "ietf.org",
    "w3.org",
    "microsoft.com",
    "support.google.com",
    "spamcop.net",
    "schemas.xmlsoap.org",
    "pgp.mit.edu",
    "gnupg.org",
];

/// What prose names, but for what belongs to who wrote it, to whom it was sent, and what is pointed to.
pub(super) fn named(text: &str, own: &Own, mail: &Mail, least: u8) -> Vec<Observable> {
    let (records, _) = records("notes", text.as_bytes(), mail.date);
    let mut found: Vec<Observable> = Vec::new();
    for record in &records {
        let confidence = match record.get(Field::FeedAccuracy) {
            Some(Value::Float(value)) => value as u8,
            _ => 50,
        };
        if confidence < least {
            continue;
        }
        for one in observables(record, confidence) {
            // Prose is full of mail addresses, and they are those of people to write to.
            let is_account = one.field == Field::SourceAccount;
            if !is_account && !is_pointed_to(&one, own, mail) && !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

fn is_pointed_to(one: &Observable, own: &Own, mail: &Mail) -> bool {
    let host = match one.field {
        Field::SourceHost => one.text.as_str(),
        Field::SourceUrl => {
            let rest = one.text.split("://").nth(1).unwrap_or_default();
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            host.split(':').next().unwrap_or_default()
        }
        _ => return false,
    };
    let ours = own.addresses.iter().map(String::as_str);
    let theirs = mail.from.iter().chain(&mail.reply_to).chain(&mail.to);
    let mut domains = ours
        .chain(theirs.map(|one| one.address.as_str()))
        .filter_map(|address| address.rsplit_once('@').map(|(_, domain)| domain))
        .chain(POINTED_TO.iter().copied());
    domains.any(|domain| is_under(host, domain))
}

/// Whether a host is a domain or under it.
fn is_under(host: &str, domain: &str) -> bool {
    !domain.is_empty()
        && host.len() >= domain.len()
        && host.is_char_boundary(host.len() - domain.len())
        && host[host.len() - domain.len()..].eq_ignore_ascii_case(domain)
        && (host.len() == domain.len() || host[..host.len() - domain.len()].ends_with('.'))
}
