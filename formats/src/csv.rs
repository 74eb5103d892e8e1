//! Generic CSV: any delimited report whose columns the feed's entry maps to fields.
//!
//! `columns` of the entry says which column is which field (or `extra.NAME`, or nothing); what it does
//! not name goes to `extra` under its own name. Options: `delimiter`, `header` (`yes`, `no`: columns
//! are called 1, 2, 3 ..., `comment`: the last comment line is the header, as abuse.ch writes it),
//! `comment` (what comment lines begin with), `skip_lines`, `time_format` (a strptime pattern for odd
//! times), `unmapped`, `short_rows`, `optional`, `split`, `padded_ip` and those of [`selection`]. What
//! targets and values may say is [`mapping`]'s. Not here: the columns of Shadowserver's reports,
//! which their schema maps.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, quoted_key};
use model::reject::{Reject, RejectReason};
use rustc_hash::FxHashMap;

use crate::entry::{self, Entry, Target};
use crate::mapping::{self, Meanings, Piece, Place};
use crate::row::{self, Cut, Scanner};
use crate::selection::{self, Selection};
use crate::shadowserver::plan::MAX_COLUMNS;
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, Warning, frame, value,
};

/// Generic CSV.
pub const FORMAT: Format = Format {
    name: "csv",
    about: "delimited text with a column mapping in the feed's entry",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[
    ("delimiter", "one character, or `tab`; default comma"),
    ("header", "yes, no or comment; default yes"),
    (
        "comment",
        "what comment lines begin with, empty for none; default #",
    ),
    (
        "skip_lines",
        "how many lines come before all else; default 0",
    ),
    (
        "time_format",
        "strptime pattern of the times, as %m/%d/%Y %H:%M",
    ),
    (
        "unmapped",
        "keep or drop what `columns` does not name; default keep",
    ),
    (
        "short_rows",
        "reject rows that lack columns, or accept them with the rest empty; default reject",
    ),
    (
        "optional",
        "columns, with commas between, whose bad values are kept in extra and do not reject the row",
    ),
    (
        "split",
        "column that holds several values: each gives an event of its own",
    ),
    (
        "split_at",
        "what stands between those values; default comma",
    ),
    (
        "padded_ip",
        "yes where addresses have leading zeros, as 192.000.002.001; default no",
    ),
];

/// The options, as resolved.
struct Options {
    delimiter: u8,
    header: Header,
    comment: String,
    skip_lines: usize,
    time_format: Option<String>,
    keep: bool,
    short_rows: bool,
    optional: Vec<String>,
    split: Option<String>,
    split_at: String,
    padded_ip: bool,
    selection: Selection,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    Yes,
    No,
    Comment,
}

impl Options {
    fn of(feed: &Feed) -> Result<Options, String> {
        let text = |name: &str| feed.options.get(name).map(String::as_str);
        let delimiter = match text("delimiter").unwrap_or(",") {
            "tab" | "\\t" | "\t" => b'\t',
            one => match one.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => *byte,
                _ => {
                    return Err(format!(
                        "options: delimiter `{one}` is not one ASCII character or `tab`"
                    ));
                }
            },
        };
        let header = match text("header").unwrap_or("yes") {
            "yes" => Header::Yes,
            "no" => Header::No,
            "comment" => Header::Comment,
            other => {
                return Err(format!(
                    "options: header `{other}` is none of yes, no and comment"
                ));
            }
        };
        let skip_lines = text("skip_lines").unwrap_or("0");
        let skip_lines = skip_lines
            .parse()
            .map_err(|_| format!("options: skip_lines `{skip_lines}` is not a number"))?;
        let keep = match text("unmapped").unwrap_or("keep") {
            "keep" => true,
            "drop" => false,
            other => {
                return Err(format!(
                    "options: unmapped `{other}` is neither keep nor drop"
                ));
            }
        };
        let either = |name: &str, no: &str, yes: &str| match text(name) {
            None => Ok(false),
            Some(word) if word == no => Ok(false),
            Some(word) if word == yes => Ok(true),
            Some(other) => Err(format!(
                "options: {name} `{other}` is neither {no} nor {yes}"
            )),
        };
        let optional = text("optional").unwrap_or_default().split(',');
        Ok(Options {
            short_rows: either("short_rows", "reject", "accept")?,
            padded_ip: either("padded_ip", "no", "yes")?,
            optional: optional.map(|name| name.trim().to_owned()).collect(),
            split: text("split").map(str::to_owned),
            split_at: text("split_at")
                .filter(|text| !text.is_empty())
                .unwrap_or(",")
                .to_owned(),
            selection: Selection::of(feed),
            delimiter,
            header,
            comment: text("comment").unwrap_or("#").to_owned(),
            skip_lines,
            time_format: text("time_format").map(str::to_owned),
            keep,
        })
    }

    fn framing(&self) -> Framing {
        Framing::QuotedLines {
            delimiter: self.delimiter,
        }
    }

    fn is_comment(&self, row: &[u8]) -> bool {
        !self.comment.is_empty() && row.trim_ascii_start().starts_with(self.comment.as_bytes())
    }
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(
        feed,
        &[OPTIONS, selection::OPTIONS].concat(),
    ));
    problems.extend(Options::of(feed).err());
    let of_values = feed.values.values().flat_map(|values| values.values());
    let of_values = of_values.flat_map(|fields| fields.keys().map(|name| (name, name)));
    let places: Vec<Place> = feed
        .columns
        .iter()
        .chain(of_values)
        .filter_map(|(column, target)| Place::parse(target, column).ok())
        .collect();
    let maps = |test: fn(Field) -> bool| places.iter().any(|place| place.reaches(&test));
    if !maps(|field| value::is_key(field) && !matches!(field, Field::ObservedAt | Field::ClassType))
        && !maps(value::is_observable)
    {
        problems.push(
            "columns: no column is mapped to an address, host, URL, hash or other observable"
                .into(),
        );
    }
    if feed.classification.is_none()
        && !feed.set.contains_key("class_type")
        && !maps(|field| field == Field::ClassType)
    {
        problems.push("classification: is missing; name an RSIT entry such as `phishing`, or map a column to class_type".into());
    }
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if let Some(detail) = check(ctx.feed).into_iter().next() {
        return Err(Unreadable::Entry {
            feed: ctx.feed.name.clone(),
            detail,
        });
    }
    let entry_error = |detail: String| Unreadable::Entry {
        feed: ctx.feed.name.clone(),
        detail,
    };
    let options = Options::of(ctx.feed).map_err(entry_error)?;
    let wrong = |detail: String| Unreadable::Header {
        format: FORMAT.name,
        detail,
    };
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let (names, header_len, header_lines) = match find_header(head, &options) {
        Some(found) => found.map_err(wrong)?,
        None => return Err(wrong("there is none before the first row".into())),
    };
    if names.len() > MAX_COLUMNS {
        return Err(wrong(format!(
            "it has {} columns; at most {MAX_COLUMNS} are read",
            names.len()
        )));
    }
    let mut plan = plan(ctx.feed, &options, &names).map_err(wrong)?;
    let framing = options.framing();
    let mut entry = Entry::compile(ctx)?;
    let undated = entry.stand_for(selection::dated(ctx.feed, head, ctx.zone));
    plan.warnings.extend(undated);
    let reader = Rows {
        plan,
        options,
        entry,
        zone: ctx.zone.clone(),
        warned: AtomicBool::new(false),
    };
    Ok(Reader::Blocks {
        reader: Box::new(reader),
        framing,
        header_len,
        header_lines,
    })
}

/// The names of the columns, and the bytes and lines of the head before the first row.
type Found = (Vec<String>, usize, u64);

/// Finds the header; `None` where there is none, an error where it is no text.
fn find_header(head: &[u8], options: &Options) -> Option<Result<Found, String>> {
    let block = Block {
        bytes: head,
        offset: 0,
        line: 1,
    };
    // Lines to skip are lines, whatever their quotes; what follows them is rows.
    let start = frame::rows(block, Framing::Lines).nth(options.skip_lines)?;
    let block = Block {
        bytes: &head[start.offset as usize..],
        offset: start.offset,
        line: start.line,
    };
    let mut rows = frame::rows(block, options.framing());
    let mut comment = None;
    loop {
        let at = (rows.offset() as usize, rows.line() - 1);
        let Some(row) = rows.next() else {
            // Comments only: a report without rows today.
            let names = comment.filter(|_| options.header == Header::Comment)?;
            return Some(split(names, options).map(|names| (names, at.0, at.1)));
        };
        if options.is_comment(row.bytes) {
            let bytes = row.bytes.trim_ascii_start();
            let bytes = bytes
                .strip_prefix(options.comment.as_bytes())
                .unwrap_or(bytes)
                .trim_ascii();
            if bytes.contains(&options.delimiter) {
                comment = Some(bytes);
            }
            continue;
        }
        let selected =
            || std::str::from_utf8(row.bytes).map_or(true, |text| options.selection.takes(text));
        if row.bytes.trim_ascii().is_empty() || options.header != Header::Yes && !selected() {
            continue;
        }
        return Some(match options.header {
            Header::Yes => split(row.bytes, options)
                .map(|names| (names, rows.offset() as usize, rows.line() - 1)),
            Header::No => split(row.bytes, options).map(|cells| {
                (
                    (1..=cells.len()).map(|number| number.to_string()).collect(),
                    at.0,
                    at.1,
                )
            }),
            Header::Comment => split(comment?, options).map(|names| (names, at.0, at.1)),
        });
    }
}

fn split(row: &[u8], options: &Options) -> Result<Vec<String>, String> {
    let text = row::text(row).map_err(|(_, message)| message)?;
    let mut scanner = Scanner::new(text, 1, options.delimiter);
    let cut = scanner.next_row().ok_or("it is empty")?;
    Ok((0..cut.len())
        .map(|index| cut.cell(index).trim().to_owned())
        .collect())
}

struct Plan {
    columns: usize,
    /// In the order of the entry, then the unmapped by name: the file's order changes no event.
    actions: Vec<Action>,
    /// The column whose values give an event each.
    split: Option<usize>,
    warnings: Vec<Warning>,
}

/// What happens to one text of a row.
struct Action {
    source: Source,
    place: Place,
    meanings: Option<Meanings>,
    /// Key in `extra` of a bad value that does not reject the row.
    optional: Option<Target>,
}

enum Source {
    Column(usize),
    /// Literals and columns, put together if all columns say something.
    Composed(Vec<Result<usize, String>>),
}

fn plan(feed: &Feed, options: &Options, names: &[String]) -> Result<Plan, String> {
    let mut warnings = Vec::new();
    let mut places: FxHashMap<String, usize> = FxHashMap::default();
    let mut keys: FxHashMap<String, usize> = FxHashMap::default();
    let mut spare = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let count = keys.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            spare.push((format!("{name}.{count}"), at));
            let message = format!(
                "column `{}` stands {count} times: the first counts, column {} goes to `extra`",
                value::shorten(name),
                at + 1
            );
            warnings.push(Warning {
                label: "duplicate-column",
                message,
            });
        } else {
            places.insert(name.clone(), at);
        }
    }
    let find = |column: &str| {
        let exact = places.get(column).copied();
        exact.or_else(|| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(column))
        })
    };
    let lacking = |column: &str, place: &Place| {
        if place.reaches(&value::is_key) {
            let found: Vec<_> = names
                .iter()
                .take(10)
                .map(|name| value::shorten(name))
                .collect();
            return Err(format!(
                "the entry maps column `{column}`, which is not among {}",
                found.join(", ")
            ));
        }
        Ok(Warning {
            label: "missing-column",
            message: format!("the report lacks the column `{column}`"),
        })
    };
    let mut actions = Vec::new();
    let mut used = Vec::new();
    // A column of which only values are told keeps the others under its own name.
    let untold = feed
        .values
        .keys()
        .filter(|key| !feed.columns.contains_key(*key));
    let mapped = feed
        .columns
        .iter()
        .map(|(column, target)| (column, target.as_str()))
        .chain(untold.map(|column| (column, "extra.")));
    for (column, target) in mapped {
        let place = Place::parse(target, column)?;
        let source = match mapping::pieces(column).filter(|_| find(column).is_none()) {
            None => find(column).map(|at| {
                used.push(at);
                Source::Column(at)
            }),
            Some(pieces) => {
                let found = pieces.into_iter().map(|piece| match piece {
                    Piece::Literal(text) => Some(Err(text)),
                    Piece::Column(name) => find(&name).map(Ok),
                });
                let found: Option<Vec<_>> = found.collect();
                used.extend(found.iter().flatten().flatten());
                found.map(Source::Composed)
            }
        };
        let Some(source) = source else {
            warnings.push(lacking(column, &place)?);
            continue;
        };
        let optional = options.optional.contains(column);
        actions.push(Action {
            source,
            place,
            meanings: Meanings::of(feed, column)?,
            optional: optional.then(|| Target::Extra(quoted_key(column))),
        });
    }
    if options.keep {
        let mut rest: Vec<(String, usize)> = places
            .iter()
            .map(|(name, at)| (name.clone(), *at))
            .chain(spare)
            .filter(|(name, at)| !name.is_empty() && !used.contains(at))
            .collect();
        rest.sort_unstable();
        actions.extend(rest.into_iter().map(|(name, at)| Action {
            source: Source::Column(at),
            place: Place::One(Target::Extra(quoted_key(&name))),
            meanings: None,
            optional: None,
        }));
    }
    let split = match &options.split {
        None => None,
        Some(column) => Some(find(column).ok_or_else(|| {
            format!("options.split names column `{column}`, which the report lacks")
        })?),
    };
    Ok(Plan {
        columns: names.len(),
        actions,
        split,
        warnings,
    })
}

struct Rows {
    plan: Plan,
    options: Options,
    entry: Entry,
    zone: TimeZone,
    warned: AtomicBool,
}

impl BlockReader for Rows {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            for warning in &self.plan.warnings {
                out.warn(warning.clone());
            }
        }
        row::texts(
            block,
            self.options.framing(),
            out,
            |text, offset, line, out| {
                let mut scanner = Scanner::new(text, line, self.options.delimiter);
                let (mut rows, mut number) = (0, 0);
                loop {
                    if number == rows {
                        (rows, number) = (scanner.next_rows(row::AHEAD), 0);
                        if rows == 0 {
                            return;
                        }
                        out.ahead(&mut (0..rows).map(|at| scanner.row(at).raw()));
                    }
                    let (cut, own) = (scanner.row(number), number);
                    number += 1;
                    let raw = cut.raw();
                    if raw.trim().is_empty()
                        || self.options.is_comment(raw.as_bytes())
                        || !self.options.selection.takes(raw)
                    {
                        continue;
                    }
                    let at = offset + cut.start() as u64;
                    let short = self.options.short_rows && cut.len() < self.plan.columns;
                    if let Some((reason, message)) =
                        cut.misfit(self.plan.columns, short || cut.fits(self.plan.columns))
                    {
                        let (span, line) = (cut.span(), cut.line());
                        if scanner.by_line(own) {
                            number = rows;
                        } else {
                            out.reject(Reject::new(
                                line,
                                at,
                                reason,
                                message,
                                &text.as_bytes()[span],
                            ));
                        }
                        continue;
                    }
                    if self.plan.split.is_none() && out.repeats(own) {
                        continue;
                    }
                    let mut give = |part: Option<&str>| {
                        record.clear();
                        match self.fill(&cut, part, record) {
                            Ok(()) => {
                                record.line = cut.line();
                                record.offset = at;
                                record.len = raw.len() as u32;
                                out.record(record);
                            }
                            Err((reason, message)) => out.reject(Reject::new(
                                cut.line(),
                                at,
                                reason,
                                message,
                                raw.as_bytes(),
                            )),
                        }
                    };
                    match self.plan.split {
                        None => give(None),
                        Some(column) => {
                            let whole = cut.cell(column);
                            whole
                                .split(self.options.split_at.as_str())
                                .for_each(|part| give(Some(part)));
                        }
                    }
                }
            },
        );
    }
}

impl Rows {
    /// Fills the record from a row; `part` stands for the column that is split.
    fn fill(
        &self,
        cut: &Cut<'_>,
        part: Option<&str>,
        record: &mut Record,
    ) -> Result<(), (RejectReason, String)> {
        let cell = |column: usize| match part {
            Some(part) if self.plan.split == Some(column) => Cow::Borrowed(part),
            _ => cut.cell(column),
        };
        for action in &self.plan.actions {
            let text = match &action.source {
                Source::Column(column) => cell(*column),
                Source::Composed(pieces) => {
                    let mut whole = String::new();
                    let mut says = true;
                    for piece in pieces {
                        match piece {
                            Ok(column) => match value::given(&cell(*column)) {
                                Some(text) => whole.push_str(text),
                                None => says = false,
                            },
                            Err(literal) => whole.push_str(literal),
                        }
                    }
                    if !says {
                        continue;
                    }
                    Cow::Owned(whole)
                }
            };
            match (self.put(action, &text, record), &action.optional) {
                (Ok(()), _) => {}
                (Err(_), Some(extra)) => {
                    // A text never fails to go to extra.
                    let _ = extra.put(record, &text, &self.zone);
                }
                (Err(fault), None) => return Err(fault),
            }
        }
        if !value::has_observable(record) {
            return Err((
                RejectReason::NoObservable,
                "the row names no address, host, URL, hash or other observable".into(),
            ));
        }
        self.entry.finish(record);
        Ok(())
    }

    fn put(
        &self,
        action: &Action,
        text: &str,
        record: &mut Record,
    ) -> Result<(), (RejectReason, String)> {
        if let Some(meanings) = &action.meanings
            && meanings
                .put(record, text, &self.zone)
                .map_err(|bad| (bad.reason, bad.message(text)))?
        {
            return Ok(());
        }
        if self.options.time_format.is_some()
            && action.place == Place::One(Target::Field(Field::ObservedAt))
        {
            return self
                .time(text, record)
                .map_err(|message| (RejectReason::BadTime, message));
        }
        let bare = if self.options.padded_ip && is_padded(text) {
            Cow::Owned(without_padding(text))
        } else {
            Cow::Borrowed(text)
        };
        action
            .place
            .put(record, &bare, &self.zone)
            .map_err(|bad| (bad.reason, bad.message(text)))
    }

    fn time(&self, text: &str, record: &mut Record) -> Result<(), String> {
        let pattern = self.options.time_format.as_deref().unwrap_or_default();
        let Some(text) = value::given(text).filter(|_| !record.has(Field::ObservedAt)) else {
            return Ok(());
        };
        let written = value::time_by_pattern(text, pattern, &self.zone).map_err(|expected| {
            format!(
                "observed_at: `{}` is not {expected} `{pattern}`",
                value::shorten(text)
            )
        })?;
        record.set_time(Field::ObservedAt, written.at);
        record.written_day = Some(written.day);
        Ok(())
    }
}

/// Whether the text is an IPv4 address with leading zeros.
fn is_padded(text: &str) -> bool {
    let parts = text.trim().split('.');
    parts.clone().count() == 4
        && parts
            .clone()
            .any(|part| part.len() > 1 && part.starts_with('0'))
        && parts
            .clone()
            .all(|part| (1..=3).contains(&part.len()) && value::int(part).is_some())
}

fn without_padding(text: &str) -> String {
    let bare = |part: &str| match part.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    };
    text.trim()
        .split('.')
        .map(bare)
        .collect::<Vec<_>>()
        .join(".")
}
