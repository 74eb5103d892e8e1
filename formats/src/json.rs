//! Generic JSON by a column mapping in the feed's entry: an array, an array inside an object, or one
//! object a line (JSON lines). A feed of this shape needs no Rust.
//!
//! A path of the mapping is a dotted list of member names (`malware.name`, `hosts.0.ip`, `\.` for a
//! dot inside a name; `.` for a record that is no object but a value; `@key` for the member name
//! that `*` in `records` stood for). What is not mapped goes to `extra` under its path, keys in
//! order, so that the order of members in the file does not change an event's identity. Numbers keep
//! their digits, however many. A key that stands twice is read once: the first wins, the others go
//! to `extra` as `name.2`.
//!
//! Lines are read block by block, documents through `walk`, which cuts the records out; `plan` turns
//! one record's bytes into a [`Record`]. [`crate::kev`] uses both with a mapping of its own; `tree` is
//! for formats that look into an element from several sides.

mod plan;
pub(crate) mod tree;
pub(crate) mod walk;

use std::io::{self, BufRead};

use model::feed::Feed;
use model::record::Record;

use crate::document::Window;
use crate::entry;
use crate::selection::Selection;
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, StreamReader, Unreadable,
    Warning, drive, frame,
};
pub(crate) use plan::{Fault, Plan, Row};
use walk::{Element, End, Found, Step};

/// Generic JSON.
pub const FORMAT: Format = Format {
    name: "json",
    about: "JSON array, object with records, or JSON lines, by a column mapping",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[
    ("layout", "auto, lines or document"),
    (
        "records",
        "path of the records in the document, as `data.items`; `*` is every member",
    ),
    (
        "time_format",
        "strptime pattern of observed_at, as `%d/%m/%Y %H:%M`",
    ),
    (
        "optional",
        "paths, with commas between, whose bad values are kept in extra and do not reject the record",
    ),
    (
        "rows_with",
        "text without which a line is no record (lines)",
    ),
    (
        "rows_without",
        "text with which a line is no record (lines)",
    ),
];

/// Names that a path of the mapping may have.
const MAX_NAMES: usize = 16;

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let in_entry = |detail: String| Unreadable::Entry {
        feed: ctx.feed.name.clone(),
        detail,
    };
    if let Some(problem) = check(ctx.feed).into_iter().next() {
        return Err(in_entry(problem));
    }
    let bom = if head.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let text = head[bom..].trim_ascii_start();
    let Some(&first) = text.first() else {
        return Err(Unreadable::Empty);
    };
    let columns = ctx
        .feed
        .columns
        .iter()
        .map(|(path, target)| (path.as_str(), target.as_str()));
    let plan = Plan::new(ctx, columns).map_err(in_entry)?;
    let header = |detail: String| Unreadable::Header {
        format: FORMAT.name,
        detail,
    };
    let option = |name: &str| ctx.feed.options.get(name).map(String::as_str);
    let path = walk::steps(option("records").unwrap_or("")).map_err(in_entry)?;
    let lines = match option("layout") {
        Some("lines") => true,
        Some("document") => false,
        _ => first != b'[' && path.is_empty(),
    };
    if lines {
        let mut starts = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_end);
        if !plan.takes_values() {
            let whole = starts
                .next()
                .is_some_and(|line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok());
            if !whole && !starts.take(100).any(|line| line.starts_with(b"{")) {
                return Err(header(
                    "the first line is no JSON object; for a document over several lines set options.records to \
                     the path of its records, or options.layout to document"
                        .into(),
                ));
            }
        }
        return Ok(Reader::Blocks {
            reader: Box::new(Lines {
                plan,
                selection: Selection::of(ctx.feed),
            }),
            framing: Framing::Lines,
            header_len: bom,
            header_lines: 0,
        });
    }
    if !matches!(first, b'[' | b'{') {
        return Err(header("the document does not start with `[` or `{`".into()));
    }
    if walk::has_records(head, head.len() < drive::HEAD_BYTES, &path) == Some(false) {
        let records = option("records").unwrap_or("");
        return Err(header(format!(
            "nothing stands at `{records}`, where options.records says the records are"
        )));
    }
    Ok(Reader::Stream(Box::new(Document {
        plan,
        path,
        record: Record::new(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, OPTIONS));
    if feed.columns.is_empty() {
        problems
            .push("columns: nothing is mapped; add lines such as \"ip\" = \"source_ip\"".into());
    }
    for path in feed.columns.keys() {
        let names = walk::names(path);
        if path != "." && (names.len() > MAX_NAMES || names.iter().any(String::is_empty)) {
            problems.push(format!(
                "columns: `{path}` is not a path of 1 to {MAX_NAMES} names"
            ));
        }
    }
    let layout = feed.options.get("layout").map_or("auto", String::as_str);
    if !matches!(layout, "auto" | "lines" | "document") {
        problems.push(format!(
            "options: layout `{layout}` is not auto, lines or document"
        ));
    }
    if let Some(path) = feed.options.get("records") {
        match walk::steps(path) {
            Err(problem) => problems.push(format!("options: records: {problem}")),
            _ if layout == "lines" => {
                problems
                    .push("options: records is for documents; remove it or layout = lines".into());
            }
            _ => {}
        }
    }
    problems
}

/// JSON lines.
struct Lines {
    plan: Plan,
    selection: Selection,
}

impl BlockReader for Lines {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        let mut row = Row::default();
        for line in frame::rows(block, Framing::Lines) {
            let selected = self.selection.takes_all()
                || std::str::from_utf8(line.bytes).map_or(true, |text| self.selection.takes(text));
            if line.bytes.trim_ascii().is_empty() || !selected {
                continue;
            }
            let element = Element {
                bytes: line.bytes,
                offset: line.offset,
                line: line.line,
                key: None,
            };
            self.plan.row(element, &mut row, record, out);
        }
    }
}

/// A JSON document with its records somewhere in it.
struct Document {
    plan: Plan,
    path: Vec<Step>,
    record: Record,
}

impl StreamReader for Document {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let Document {
            plan,
            path,
            mut record,
        } = *self;
        read_document(input, &path, out, &mut |element, out| {
            plan.row(element, &mut Row::default(), &mut record, out);
        })
    }
}

/// Refuses a report that is not a JSON object, for formats that are one.
pub(crate) fn expect_object(format: &'static str, head: &[u8]) -> Result<(), Unreadable> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match text.trim_ascii_start().first() {
        None => Err(Unreadable::Empty),
        Some(b'{') => Ok(()),
        Some(_) => Err(Unreadable::Header {
            format,
            detail: "the file is not a JSON object".into(),
        }),
    }
}

/// Hands every record of a document at `path` over, and says what is wrong with the rest.
pub(crate) fn read_document(
    input: &mut dyn BufRead,
    path: &[Step],
    out: &mut dyn Output,
    each: &mut dyn FnMut(Element<'_>, &mut dyn Output),
) -> io::Result<()> {
    let mut window = Window::new(input)?;
    let end = walk::walk(&mut window, path, &mut |found| match found {
        Found::Element(element) => each(element, out),
        Found::Broken(reject) => out.reject(reject),
        Found::Closed => {}
        Found::Remark(message) => out.warn(Warning {
            label: "loose-json",
            message: message.into(),
        }),
    })?;
    let warning = match end {
        End::Whole => return Ok(()),
        End::Cut => (
            "truncated",
            "the document ends before its records do: it may have been cut off",
        ),
        End::NoRecords => ("no-records", "nothing stands where the records should be"),
    };
    out.warn(Warning {
        label: warning.0,
        message: warning.1.into(),
    });
    Ok(())
}
