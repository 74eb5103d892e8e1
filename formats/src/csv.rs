//! Generic CSV: any delimited report whose columns the feed's entry maps to fields.
//!
//! `columns` of the entry says which column is which field (or `extra.NAME`, or nothing); what it does
//! not name goes to `extra` under its own name. Options: `delimiter`, `header` (`yes`, `no`: columns
//! are called 1, 2, 3 ..., `comment`: the last comment line is the header, as abuse.ch writes it),
//! `comment` (what comment lines begin with), `skip_lines`, `time_format` (a strptime pattern for odd
//! times) and `unmapped`. Not here: the columns of Shadowserver's reports, which their schema maps.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, quoted_key};
use model::reject::{Reject, RejectReason};
use rustc_hash::FxHashMap;

use crate::entry::{self, Entry, Target};
use crate::row::{self, Cut, Scanner};
use crate::shadowserver::plan::MAX_COLUMNS;
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, Warning, frame,
    observable, value,
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
];

/// The options, as resolved.
struct Options {
    delimiter: u8,
    header: Header,
    comment: String,
    skip_lines: usize,
    time_format: Option<String>,
    keep: bool,
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
        Ok(Options {
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
    problems.extend(entry::check_options(feed, OPTIONS));
    problems.extend(Options::of(feed).err());
    let targets: Vec<Target> = feed
        .columns
        .iter()
        .filter_map(|(column, target)| Target::parse(target, column).ok())
        .collect();
    let maps = |test: fn(Field) -> bool| {
        targets
            .iter()
            .any(|target| matches!(target, Target::Field(field) if test(*field)))
    };
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
    let plan = plan(ctx.feed, &options, &names).map_err(wrong)?;
    let framing = options.framing();
    let reader = Rows {
        plan,
        options,
        entry: Entry::compile(ctx)?,
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
        if row.bytes.trim_ascii().is_empty() {
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
    actions: Vec<(usize, Target)>,
    warnings: Vec<Warning>,
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
    let mut actions = Vec::new();
    for (column, target) in &feed.columns {
        let target = Target::parse(target, column)?;
        let same = |name: &&String| name.eq_ignore_ascii_case(column);
        let found = places
            .get_key_value(column)
            .map(|(name, _)| name.clone())
            .or_else(|| names.iter().find(same).cloned());
        match found.and_then(|name| places.remove(&name)) {
            Some(at) => actions.push((at, target)),
            None if matches!(target, Target::Field(field) if value::is_key(field)) => {
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
            None => warnings.push(Warning {
                label: "missing-column",
                message: format!("the report lacks the column `{column}`"),
            }),
        }
    }
    if options.keep {
        let mut rest: Vec<(String, usize)> = places
            .into_iter()
            .chain(spare)
            .filter(|(name, _)| !name.is_empty())
            .collect();
        rest.sort_unstable();
        actions.extend(
            rest.into_iter()
                .map(|(name, at)| (at, Target::Extra(quoted_key(&name)))),
        );
    }
    Ok(Plan {
        columns: names.len(),
        actions,
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
                while let Some(cut) = scanner.next_row() {
                    if cut.is_empty() || self.options.is_comment(cut.raw().as_bytes()) {
                        continue;
                    }
                    let at = offset + cut.start() as u64;
                    if let Some((reason, message)) =
                        cut.misfit(self.plan.columns, cut.fits(self.plan.columns))
                    {
                        let (span, line) = (cut.span(), cut.line());
                        if !scanner.by_line() {
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
                    record.clear();
                    match self.fill(&cut, record) {
                        Ok(()) => {
                            record.line = cut.line();
                            record.offset = at;
                            record.len = cut.raw().len() as u32;
                            out.record(record);
                        }
                        Err((reason, message)) => out.reject(Reject::new(
                            cut.line(),
                            at,
                            reason,
                            message,
                            cut.raw().as_bytes(),
                        )),
                    }
                }
            },
        );
    }
}

impl Rows {
    fn fill(&self, cut: &Cut<'_>, record: &mut Record) -> Result<(), (RejectReason, String)> {
        for (column, target) in &self.plan.actions {
            let text = cut.cell(*column);
            let set = match target {
                // Several columns may be mapped to one field: the first that says something counts.
                Target::Field(field) if record.has(*field) => Ok(()),
                Target::Field(field @ (Field::SourceIp | Field::SourceHost)) => {
                    observable::set_with_port(record, *field, &text, &self.zone)
                }
                Target::Field(Field::ObservedAt) if self.options.time_format.is_some() => {
                    self.time(&text, record)
                        .map_err(|message| (RejectReason::BadTime, message))?;
                    Ok(())
                }
                target => target.put(record, &text, &self.zone),
            };
            set.map_err(|bad| (bad.reason, bad.message(&text)))?;
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

    fn time(&self, text: &str, record: &mut Record) -> Result<(), String> {
        let pattern = self.options.time_format.as_deref().unwrap_or_default();
        let Some(text) = value::given(text) else {
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
