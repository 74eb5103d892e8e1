//! Shadowserver's reports: CSV of some 170 types, read through an interpreter of the schema that
//! Shadowserver publishes for IntelMQ.
//!
//! Which type a file is stands in its name ([`report_name`]); the [`Schema`] says which column of
//! the type is which field and what is done to its text ([`functions`]); [`plan`] compiles that
//! against the file's header; [`difference`] says what a newer schema changes. So a new type needs a newer schema and no Rust. Not here: fetching
//! reports or the schema.

pub mod difference;
pub mod functions;
pub mod plan;
pub mod schema;

use std::sync::atomic::{AtomicBool, Ordering};

use model::feed::Feed;
use model::record::Record;
use model::reject::Reject;

use self::plan::Plan;
pub use self::schema::{ReportType, Schema};
use crate::entry::{self, Entry};
use crate::row::{self, Scanner};
use crate::{Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, frame};

/// Shadowserver reports.
pub const FORMAT: Format = Format {
    name: "shadowserver",
    about: "Shadowserver reports of every type in the imported schema (CSV; type by file name or option `report`)",
    open,
    check,
};

const FRAMING: Framing = Framing::QuotedLines { delimiter: b',' };

/// The report type in a file's name: `2015-01-01-dns_openresolver-sample-asn.csv` is
/// `dns_openresolver` (Shadowserver's rule for report file names), and so is `dns_openresolver.csv`.
/// Endings of containers are ignored.
pub fn report_name(file_name: &str) -> Option<&str> {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let mut name = name;
    let ending = |name: &str, ending: &str| {
        name.len() > ending.len()
            && name.is_char_boundary(name.len() - ending.len())
            && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending)
    };
    while let Some(found) = [".zip", ".gz", ".zst", ".tar", ".tgz"]
        .iter()
        .find(|suffix| ending(name, suffix))
    {
        name = &name[..name.len() - found.len()];
    }
    if ending(name, ".csv") {
        name = &name[..name.len() - 4];
    }
    let bytes = name.as_bytes();
    let dated = bytes.len() > 11
        && bytes[..11].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 | 10 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let rest = if dated { &name[11..] } else { name };
    rest.split('-').next().filter(|name| !name.is_empty())
}

/// The report type of the report: the feed's option `report`, else by the name of the file, else by
/// the name of the archive it came in.
pub fn report_type<'a>(ctx: &Context<'a>) -> Result<&'a ReportType, Unreadable> {
    let schema = ctx.schema.ok_or(Unreadable::NoSchema)?;
    if let Some(name) = ctx.feed.options.get("report") {
        return schema.report(name).ok_or_else(|| unknown(schema, name));
    }
    let mut names = std::iter::once(ctx.file_name).chain(ctx.path.rsplit(['/', '\\']));
    if let Some(report) = names.find_map(|name| schema.report(report_name(name)?)) {
        return Ok(report);
    }
    Err(unknown(
        schema,
        report_name(ctx.file_name).unwrap_or(ctx.file_name),
    ))
}

fn unknown(schema: &Schema, name: &str) -> Unreadable {
    Unreadable::UnknownReport {
        report: name.to_owned(),
        schema: schema.version().to_owned(),
        remedy: "import a newer schema (watchfire reference import shadowserver-schema FILE), name the type by the \
                 feed's option `report`, or leave the file out with `exclude`"
            .to_owned(),
    }
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let report = report_type(ctx)?;
    let header = frame::header(head, FRAMING).ok_or(Unreadable::Empty)?;
    let wrong = |detail: String| Unreadable::Header {
        format: FORMAT.name,
        detail,
    };
    let text = row::text(header.bytes).map_err(|(_, message)| wrong(message))?;
    let mut scanner = Scanner::new(text, 1, b',');
    let names: Vec<String> = match scanner.next_row() {
        Some(cut) => (0..cut.len())
            .map(|index| cut.cell(index).trim().to_owned())
            .collect(),
        None => return Err(Unreadable::Empty),
    };
    let plan = Plan::compile(report, &names)?;
    let reader = Rows {
        plan,
        entry: Entry::compile(ctx)?,
        warned: AtomicBool::new(false),
        short: AtomicBool::new(false),
    };
    Ok(Reader::Blocks {
        reader: Box::new(reader),
        framing: FRAMING,
        header_len: header.len,
        header_lines: header.lines,
    })
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(
        feed,
        &[("report", "report type of files whose name does not tell it")],
    ));
    if !feed.columns.is_empty() {
        problems.push(
            "columns: the fields of format shadowserver come from its schema; remove the table"
                .into(),
        );
    }
    if feed
        .encoding
        .as_deref()
        .is_some_and(|name| !name.eq_ignore_ascii_case("utf-8"))
    {
        problems.push("encoding: Shadowserver's reports are utf-8; remove the key".into());
    }
    problems
}

struct Rows {
    plan: Plan,
    entry: Entry,
    warned: AtomicBool,
    short: AtomicBool,
}

impl BlockReader for Rows {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            for warning in &self.plan.warnings {
                out.warn(warning.clone());
            }
        }
        row::texts(block, FRAMING, out, |text, offset, line, out| {
            self.read_text(text, offset, line, record, out)
        });
    }
}

impl Rows {
    fn read_text(
        &self,
        text: &str,
        offset: u64,
        line: u64,
        record: &mut Record,
        out: &mut dyn Output,
    ) {
        let mut scanner = Scanner::new(text, line, b',');
        loop {
            let rows = scanner.next_rows(row::AHEAD);
            if rows == 0 {
                return;
            }
            out.ahead(&mut (0..rows).map(|at| scanner.row(at).raw()));
            for at in 0..rows {
                if !self.read_row(&mut scanner, at, offset, record, out) {
                    break;
                }
            }
        }
    }

    /// Reads row number `number` of those that the scanner cut last; false if it and those behind it come again.
    #[inline]
    fn read_row(
        &self,
        scanner: &mut Scanner<'_>,
        number: usize,
        offset: u64,
        record: &mut Record,
        out: &mut dyn Output,
    ) -> bool {
        let cut = scanner.row(number);
        if cut.is_empty() {
            return true;
        }
        let at = offset + cut.start() as u64;
        if let Some((reason, message)) = cut.misfit(self.plan.columns(), self.plan.fits(&cut)) {
            if scanner.by_line(number) {
                return false;
            }
            let cut = scanner.row(number);
            out.reject(Reject::new(
                cut.line(),
                at,
                reason,
                message,
                cut.raw().as_bytes(),
            ));
            return true;
        }
        if cut.len() < self.plan.columns() && !self.short.swap(true, Ordering::Relaxed) {
            out.warn(crate::Warning {
                label: "short-row",
                message:
                    "rows have one column fewer than the header: the last column is read as empty"
                        .into(),
            });
        }
        if out.repeats(number) {
            return true;
        }
        record.clear();
        match self.plan.fill(&cut, record) {
            Ok(()) => {
                self.entry.finish(record);
                record.line = cut.line();
                record.offset = at;
                record.len = cut.raw().len() as u32;
                out.record(record);
            }
            Err(refusal) => {
                let (reason, message) = *refusal;
                out.reject(Reject::new(
                    cut.line(),
                    at,
                    reason,
                    message,
                    cut.raw().as_bytes(),
                ));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
