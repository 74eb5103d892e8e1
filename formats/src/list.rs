//! Plain lists: one address, network, host, URL or hash a line, as most free feeds come.
//!
//! Comments are lines that begin with `#`, `;` or `//`, and whatever follows the value behind white
//! space or one of `;#,`: that becomes the record's `comment`. Addresses and hosts may have a port
//! (`192.0.2.1:80`), hosts may be written as in a hosts file, with a wildcard or as an ad-block rule.
//! What a list means, the feed's entry says: it must name a classification. Rows have no times; they
//! stand for the snapshot's, or for the one in the list's head (`dated_by`).

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::entry::{self, Entry};
use crate::row;
use crate::selection::{self, Selection};
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, Warning, frame,
    observable, value,
};

/// Plain lists.
pub const FORMAT: Format = Format {
    name: "list",
    about: "one address, network, host, URL or hash a line",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[
    ("kind", "auto, ip, cidr, domain, url or hash; default auto"),
    (
        "skip_lines",
        "how many lines come before the list; default 0",
    ),
];

/// What stands on each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Auto,
    Ip,
    Cidr,
    Domain,
    Url,
    Hash,
}

impl Kind {
    fn of(feed: &Feed) -> Result<Kind, String> {
        Ok(
            match feed.options.get("kind").map_or("auto", String::as_str) {
                "auto" => Kind::Auto,
                "ip" => Kind::Ip,
                "cidr" => Kind::Cidr,
                "domain" => Kind::Domain,
                "url" => Kind::Url,
                "hash" => Kind::Hash,
                other => {
                    return Err(format!(
                        "options: kind `{other}` is none of auto, ip, cidr, domain, url and hash"
                    ));
                }
            },
        )
    }
}

fn skip_lines(feed: &Feed) -> Result<usize, String> {
    let number = feed.options.get("skip_lines").map_or("0", String::as_str);
    number
        .parse()
        .map_err(|_| format!("options: skip_lines `{number}` is not a number"))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(
        feed,
        &[OPTIONS, selection::OPTIONS].concat(),
    ));
    problems.extend(Kind::of(feed).err());
    problems.extend(skip_lines(feed).err());
    if !feed.columns.is_empty() {
        problems.push("columns: a list has no columns; remove the table, or use format csv".into());
    }
    if feed.classification.is_none() && !feed.set.contains_key("class_type") {
        problems.push("classification: is missing; name an RSIT entry such as `c2-server`, for a list does not say what it lists".into());
    }
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let entry_error = |detail: String| Unreadable::Entry {
        feed: ctx.feed.name.clone(),
        detail,
    };
    if let Some(detail) = check(ctx.feed).into_iter().next() {
        return Err(entry_error(detail));
    }
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let skip = skip_lines(ctx.feed).map_err(entry_error)?;
    let (header_len, header_lines) = match frame::rows(
        Block {
            bytes: head,
            offset: 0,
            line: 1,
        },
        Framing::Lines,
    )
    .nth(skip)
    {
        Some(row) => (row.offset as usize, row.line - 1),
        None => (head.len(), skip as u64),
    };
    let mut entry = Entry::compile(ctx)?;
    let undated = entry.stand_for(selection::dated(ctx.feed, head, ctx.zone));
    let reader = Lines {
        kind: Kind::of(ctx.feed).map_err(entry_error)?,
        selection: Selection::of(ctx.feed),
        entry,
        zone: ctx.zone.clone(),
        undated,
        warned: AtomicBool::new(false),
    };
    Ok(Reader::Blocks {
        reader: Box::new(reader),
        framing: Framing::Lines,
        header_len,
        header_lines,
    })
}

struct Lines {
    kind: Kind,
    selection: Selection,
    entry: Entry,
    zone: TimeZone,
    /// What is to be said of the list's own time.
    undated: Option<Warning>,
    warned: AtomicBool,
}

impl BlockReader for Lines {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        if let Some(warning) = &self.undated
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            out.warn(warning.clone());
        }
        for line in frame::rows(block, Framing::Lines) {
            let bytes = line.bytes.trim_ascii();
            if bytes.is_empty()
                || bytes.starts_with(b"#")
                || bytes.starts_with(b";")
                || bytes.starts_with(b"//")
            {
                continue;
            }
            record.clear();
            let text = row::text(line.bytes);
            if text.as_ref().is_ok_and(|text| !self.selection.takes(text)) {
                continue;
            }
            match text.and_then(|text| self.fill(text, record)) {
                Ok(()) => {
                    self.entry.finish(record);
                    record.line = line.line;
                    record.offset = line.offset;
                    record.len = line.bytes.len() as u32;
                    out.record(record);
                }
                Err((reason, message)) => out.reject(Reject::new(
                    line.line,
                    line.offset,
                    reason,
                    message,
                    line.bytes,
                )),
            }
        }
    }
}

impl Lines {
    fn fill(&self, line: &str, record: &mut Record) -> Result<(), (RejectReason, String)> {
        let line = line.trim();
        let (mut value, mut comment) = match self.kind {
            // A URL may hold anything but what ends a line.
            Kind::Url => (line, ""),
            Kind::Auto if line.contains("://") => {
                line.split_once(char::is_whitespace).unwrap_or((line, ""))
            }
            _ => match line.find(|c: char| c.is_whitespace() || matches!(c, ';' | '#' | ',')) {
                Some(at) => line.split_at(at),
                None => (line, ""),
            },
        };
        comment =
            comment.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ';' | '#' | ','));
        // A line of a hosts file: `0.0.0.0 www.example`.
        let sink = matches!(value, "0.0.0.0" | "127.0.0.1" | "::1" | "::");
        if sink && matches!(self.kind, Kind::Auto | Kind::Domain) && !comment.is_empty() {
            (value, comment) = comment
                .split_once(char::is_whitespace)
                .unwrap_or((comment, ""));
        }
        self.put(value, record).map_err(|expected| {
            (
                RejectReason::BadValue,
                format!("`{}` is not {expected}", value::shorten(value)),
            )
        })?;
        if let Some(comment) = value::given(comment) {
            record.set_text(Field::Comment, comment);
        }
        Ok(())
    }

    /// Puts the value where its kind goes; the error is what the text is not.
    fn put(&self, text: &str, record: &mut Record) -> Result<(), &'static str> {
        let zone = &self.zone;
        match self.kind {
            Kind::Ip => {
                let bare = text
                    .strip_suffix(if text.contains(':') { "/128" } else { "/32" })
                    .unwrap_or(text);
                observable::set_with_port(record, Field::SourceIp, bare, zone)
                    .ok()
                    .filter(|()| record.has(Field::SourceIp))
                    .ok_or("an IP address; networks are kind `cidr`")
            }
            Kind::Cidr => observable::network(text, record).ok_or("a network in CIDR form"),
            Kind::Domain => observable::domain(text, record, zone).ok_or("a domain name"),
            Kind::Url => value::set(record, Field::SourceUrl, text, zone)
                .ok()
                .filter(|()| record.has(Field::SourceUrl))
                .ok_or("a URL with a host"),
            Kind::Hash => observable::hash(text, record).ok_or("an MD5, SHA-1 or SHA-256 hash"),
            Kind::Auto => observable::set_any(record, text, zone)
                .ok()
                .filter(|()| value::has_observable(record))
                .ok_or(observable::ANY),
        }
    }
}
