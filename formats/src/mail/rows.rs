//! Row-level feedback: a table that came back with an answer, with our row numbers and what became of
//! each row.
//!
//! Operators and branches fill in the table that a notice carried, in whatever program they have: the
//! delimiter, the characters and the order of the columns are theirs, and so are the words. A row
//! without a number or a state is a reject with its reason, never a guess.

use csv::StringRecord;
use model::reject::{Reject, RejectReason};

use super::transfer;

/// What became of a row, by the words of who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowState {
    /// Done.
    Fixed,
    /// Being worked on.
    InProgress,
    /// Looked at, and nothing was there.
    NotFound,
    /// Not wrong: the observation is.
    FalsePositive,
    /// Somebody else's.
    NotOurs,
    /// They will not act.
    Refused,
    /// Words that the table does not know; they stand in [`Row::said`].
    Other,
}

impl RowState {
    /// Stable name.
    pub fn label(self) -> &'static str {
        match self {
            RowState::Fixed => "fixed",
            RowState::InProgress => "in-progress",
            RowState::NotFound => "not-found",
            RowState::FalsePositive => "false-positive",
            RowState::NotOurs => "not-ours",
            RowState::Refused => "refused",
            RowState::Other => "other",
        }
    }
}

/// One row that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the file, from 1.
    pub line: u64,
    /// Our number of the row, as it came back.
    pub row: String,
    /// What became of it.
    pub state: RowState,
    /// The words that said so.
    pub said: String,
    /// What was written beside it; empty where nothing was.
    pub note: String,
}

/// A table that came back.
#[derive(Clone, Debug, Default)]
pub struct Feedback {
    /// Rows with a number and a state.
    pub rows: Vec<Row>,
    /// Rows without.
    pub rejects: Vec<Reject>,
    /// Rows that nobody filled in: they have a number and no state, as they were sent.
    pub untouched: u64,
}

/// Why a file is no feedback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFeedback {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A workbook, not its text.
    #[error("the file is a workbook or an archive: save the sheet as CSV")]
    Workbook,
    /// A column is missing.
    #[error("there is no column of {what}: found are {found}")]
    Column {
        /// What is missing.
        what: &'static str,
        /// The names that are there.
        found: String,
    },
}

/// Names of the column with our numbers, lower case.
const NUMBERS: &[&str] = &[
    "row_id",
    "row id",
    "watchfire_row",
    "watchfire id",
    "watchfire_id",
    "event_id",
    "event id",
    "id",
    "row",
    "no",
    "no.",
    "序号",
    "编号",
    "记录编号",
    "记录号",
    "行号",
    "通报编号",
];

/// Names of the column that says what became of a row, lower case.
const STATES: &[&str] = &[
    "state",
    "status",
    "result",
    "outcome",
    "feedback",
    "action",
    "resolution",
    "处置结果",
    "处置状态",
    "处置情况",
    "处理结果",
    "处理状态",
    "处理情况",
    "核查结果",
    "反馈结果",
    "反馈",
    "状态",
    "结果",
];

/// Names of the column with remarks, lower case.
const NOTES: &[&str] = &[
    "note",
    "notes",
    "comment",
    "comments",
    "remark",
    "remarks",
    "reason",
    "备注",
    "说明",
    "原因",
    "情况说明",
];

/// Words of a state, lower case. What is special stands before what is general, and what is negated
/// before what it negates.
const WORDS: &[(RowState, &[&str])] = &[
    (
        RowState::FalsePositive,
        &[
            "false positive",
            "false_positive",
            "false-positive",
            "误报",
            "fp",
            "not malicious",
            "benign",
            "正常业务",
        ],
    ),
    (
        RowState::NotOurs,
        &[
            "not ours",
            "not_ours",
            "not our",
            "wrong contact",
            "非我",
            "不属于",
            "不在我",
            "不是我",
            "已转",
        ],
    ),
    (
        RowState::NotFound,
        &[
            "not found",
            "not_found",
            "no such",
            "未发现",
            "查无",
            "无法复现",
            "not reproducible",
            "clean",
        ],
    ),
    (
        RowState::Refused,
        &[
            "refused",
            "declined",
            "rejected",
            "won't fix",
            "wontfix",
            "will not",
            "拒绝",
            "不予处理",
            "无法处理",
        ],
    ),
    (
        RowState::InProgress,
        &[
            "in progress",
            "in_progress",
            "in-progress",
            "pending",
            "open",
            "working",
            "investigating",
            "not fixed",
            "unfixed",
            "not yet",
            "forwarded",
            "notified",
            "处理中",
            "处置中",
            "未处",
            "未完成",
            "正在",
            "待处",
            "整改中",
            "已通知",
        ],
    ),
    (
        RowState::Fixed,
        &[
            "fixed",
            "resolved",
            "done",
            "closed",
            "cleaned",
            "removed",
            "taken down",
            "takedown",
            "suspended",
            "blocked",
            "patched",
            "disabled",
            "yes",
            "已处",
            "已修复",
            "已完成",
            "完成",
            "已关",
            "已清",
            "已删",
            "已封",
            "已下",
            "已整改",
            "处理完",
            "处置完",
            "是",
        ],
    ),
];

/// What words of a state mean.
pub fn state(said: &str) -> RowState {
    let lower = said.trim().to_lowercase();
    let found = WORDS.iter().find(|(_, words)| {
        words.iter().any(|word| {
            // Short words mean something only alone.
            if word.chars().count() <= 3 && word.is_ascii() || word.chars().count() == 1 {
                lower == *word
            } else {
                lower.contains(word)
            }
        })
    });
    found.map_or(RowState::Other, |(state, _)| *state)
}

/// The delimiter that the first line of a table shows: of comma, semicolon, tab and bar the one that it
/// has most, quoted text apart.
pub fn delimiter(text: &str) -> u8 {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in first.bytes() {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts
            .iter_mut()
            .find(|(known, _)| *known == byte && !quoted)
        {
            *count += 1;
        }
    }
    let mut best = counts[0];
    for one in counts {
        if one.1 > best.1 {
            best = one;
        }
    }
    best.0
}

/// Reads a table that came back: UTF-8 with or without its mark, UTF-16 with its mark, or GB 18030.
///
/// # Errors
/// A file that is no such table, with what is missing.
pub fn read(bytes: &[u8]) -> Result<Feedback, NoFeedback> {
    if bytes.trim_ascii().is_empty() {
        return Err(NoFeedback::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(NoFeedback::Workbook);
    }
    let text = match bytes {
        [0xff, 0xfe, ..] => encoding_rs::UTF_16LE
            .decode_with_bom_removal(bytes)
            .0
            .into_owned(),
        [0xfe, 0xff, ..] => encoding_rs::UTF_16BE
            .decode_with_bom_removal(bytes)
            .0
            .into_owned(),
        _ => transfer::guess(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    };
    // Programs that write for one region name the delimiter before the header.
    let named = text
        .strip_prefix("sep=")
        .and_then(|rest| rest.bytes().next());
    let (delimiter, text) = match named {
        Some(named) => (named, text.split_once('\n').map_or("", |(_, rest)| rest)),
        None => (delimiter(&text), text.as_str()),
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let column = |names: &[&str]| {
        names.iter().find_map(|name| {
            let mut cells = header.iter();
            cells.position(|cell| plain(cell).to_lowercase() == *name)
        })
    };
    let missing = |what| NoFeedback::Column {
        what,
        found: header
            .iter()
            .map(|cell| format!("`{}`", plain(cell)))
            .take(30)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let number = column(NUMBERS).ok_or_else(|| missing("our row numbers (`row_id`, `编号`)"))?;
    let state_at = column(STATES).ok_or_else(|| missing("states (`state`, `处置结果`)"))?;
    let note = column(NOTES).filter(|at| *at != state_at);
    let shift = u64::from(named.is_some());
    let mut feedback = Feedback::default();
    let mut seen = std::collections::HashMap::new();
    let mut lines = Lines::new(text);
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let at = error.position().map_or(0, csv::Position::line) + shift;
                let reject = Reject::new(at, 0, RejectReason::Syntax, error.to_string(), b"");
                feedback.rejects.push(reject);
                continue;
            }
        };
        let at = lines.at(record.position().map_or(0, csv::Position::byte)) + shift;
        let cell = |at: usize| record.get(at).map(plain).unwrap_or_default().to_owned();
        let row = cell(number);
        let said = cell(state_at);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if row.is_empty() {
            let message = "the row has no number of ours";
            feedback.rejects.push(reject(
                at,
                RejectReason::MissingField,
                message.into(),
                &record,
            ));
            continue;
        }
        if record.get(state_at).is_none() {
            let message = format!(
                "the row ends after {} cells, before the state",
                record.len()
            );
            feedback
                .rejects
                .push(reject(at, RejectReason::Syntax, message, &record));
            continue;
        }
        if said.is_empty() {
            feedback.untouched += 1;
            continue;
        }
        let state = state(&said);
        match seen.insert(row.clone(), (at, state)) {
            Some((before, other)) if other != state => {
                let message = format!("row `{row}` stands in line {before} with another state");
                feedback
                    .rejects
                    .push(reject(at, RejectReason::BadValue, message, &record));
                continue;
            }
            Some(_) => continue,
            None => {}
        }
        let note = note.map(cell).unwrap_or_default();
        feedback.rows.push(Row {
            line: at,
            row,
            state,
            said,
            note,
        });
    }
    Ok(feedback)
}

/// Lines of rows, counted on from row to row. (The reader's own count leaves blank lines out.)
struct Lines<'t> {
    text: &'t [u8],
    byte: usize,
    line: u64,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Lines {
            text: text.as_bytes(),
            byte: 0,
            line: 1,
        }
    }

    /// The line of the first row at or behind this byte.
    fn at(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte)
            .unwrap_or(usize::MAX)
            .min(self.text.len());
        let blank = self.text[from..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let to = (from + blank).max(self.byte);
        self.line += memchr::memchr_iter(b'\n', &self.text[self.byte..to]).count() as u64;
        self.byte = to;
        self.line
    }
}

/// A cell without blanks and without the mark that keeps spreadsheets from computing it.
fn plain(cell: &str) -> &str {
    let cell = cell.trim().trim_start_matches('\u{feff}');
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t']) => rest,
        _ => cell,
    }
}

fn reject(line: u64, reason: RejectReason, message: String, record: &StringRecord) -> Reject {
    let raw = record.iter().collect::<Vec<_>>().join(",");
    Reject::new(line, 0, reason, message, raw.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Feedback {
        read(text.as_bytes()).expect("a table")
    }

    #[test]
    fn tables_of_every_hand() {
        let comma =
            read_text("row_id,ip,state,note\nW-1,192.0.2.1,Fixed,\nW-2,192.0.2.2,still open,x\n");
        let bar =
            read_text("ip|编号|处置结果|备注\n192.0.2.1|W-1|已处置|\n192.0.2.2|W-2|未处置|x\n");
        let semicolon = read_text("sep=;\r\nid;result;remarks\r\nW-1;done;\r\nW-2;pending;x\r\n");
        for table in [&comma, &bar, &semicolon] {
            let rows: Vec<_> = table
                .rows
                .iter()
                .map(|row| (row.row.as_str(), row.state, row.note.as_str()))
                .collect();
            assert_eq!(
                rows,
                [
                    ("W-1", RowState::Fixed, ""),
                    ("W-2", RowState::InProgress, "x")
                ]
            );
            assert!(table.rejects.is_empty());
        }
        let (gb, _, _) = encoding_rs::GB18030.encode("编号,状态\nW-1,误报\n");
        let rows = read(&gb).expect("a table").rows;
        assert_eq!(rows[0].state, RowState::FalsePositive);
    }

    #[test]
    fn rows_without_number_or_state_are_said() {
        let table = read_text(
            "id,ip,state\n,192.0.2.1,fixed\nW-2\nW-3,x,\n\nW-4,x,fixed\nW-4,x,refused\nW-5,x,hm\n",
        );
        let messages: Vec<&str> = table
            .rejects
            .iter()
            .map(|reject| reject.message.as_str())
            .collect();
        assert_eq!(
            messages,
            [
                "the row has no number of ours",
                "the row ends after 1 cells, before the state",
                "row `W-4` stands in line 6 with another state",
            ]
        );
        assert_eq!(table.untouched, 1);
        assert_eq!(
            table.rows.iter().map(|row| row.state).collect::<Vec<_>>(),
            [RowState::Fixed, RowState::Other]
        );
    }

    #[test]
    fn other_files_are_told_what_is_missing() {
        assert_eq!(read(b"").unwrap_err(), NoFeedback::Empty);
        assert_eq!(read(b"PK\x03\x04xx").unwrap_err(), NoFeedback::Workbook);
        let missing = read(b"ip,state\n").unwrap_err().to_string();
        assert!(missing.contains("`ip`, `state`"), "{missing}");
    }
}
