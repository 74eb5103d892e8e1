//! What a report was like: its columns, how many of its rows fill which field, the words of fields that
//! have few. Stored with the report's commit; [`crate::drift`] compares it with earlier ones.
//!
//! Counted on the columns that a block gives anyway: how many values a column lacks its array knows,
//! and words are looked at in a sample of each block's rows. So it costs a row next to nothing.

use std::collections::{BTreeMap, BTreeSet};

use lake::Chunk;
use lake::arrow::array::{Array, AsArray};
use lake::schema::{COLUMN_COUNT, EXTRA, SCHEMA, field_index};
use ledger::NewProfile;
use model::field::Field;
use model::reject::{Reject, RejectReason};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalogue::Source;

/// Rows of a block whose words are looked at, and whose open members.
const LOOKED_AT: usize = 64;
const OPENED: usize = 4;
/// Words of a field that are kept, and their length.
const WORDS: usize = 200;
const WORD_CHARS: usize = 80;
/// Names of columns that are kept.
const COLUMNS: usize = 2_000;

/// Fields of few words.
pub const VOCABULARY: [Field; 8] = [
    Field::ClassType,
    Field::ClassIdentifier,
    Field::MalwareName,
    Field::ProtocolTransport,
    Field::ProtocolApplication,
    Field::Severity,
    Field::Status,
    Field::Tags,
];

/// What a report, or a block of one, was like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Names in the header, where there is one.
    pub columns: BTreeSet<String>,
    /// Rows that the counts are of.
    pub rows: u64,
    /// Rows that have a value, by column of the lake; a field that none fills is not here.
    pub filled: BTreeMap<String, u64>,
    /// Rows whose words were looked at.
    pub looked: u64,
    /// Of these, rows that have a word, by field and word.
    pub words: BTreeMap<String, BTreeMap<String, u64>>,
    /// Rows whose open members were looked at.
    pub opened: u64,
    /// Of these, rows that have a member, by name.
    pub members: BTreeMap<String, u64>,
    /// Rows that bear no time of their own.
    #[serde(skip)]
    pub(crate) undated: u64,
    /// Rows that repeat others to the byte: nobody looked at them, they are as the others are.
    #[serde(skip)]
    pub(crate) repeats: u64,
    #[serde(skip)]
    pub(crate) damaged: u64,
    /// Earliest and latest `observed_at`.
    #[serde(skip)]
    pub(crate) observed: Option<(i64, i64)>,
    /// Value of the field that the entry takes from the path.
    #[serde(skip)]
    pub(crate) from_path: Option<String>,
}

impl Profile {
    /// What a block gave; `undated` of its rows bear no time, and `repeats` more repeat others.
    pub fn of(
        chunks: &[Chunk],
        undated: u64,
        repeats: u64,
        rejects: &[Reject],
        from_path: Option<Field>,
    ) -> Self {
        let mut profile = Profile {
            undated,
            repeats,
            ..Profile::default()
        };
        let damaged = |reject: &&Reject| reject.reason == RejectReason::Damaged;
        profile.damaged = rejects.iter().filter(damaged).count() as u64;
        let rows: usize = chunks.iter().map(|chunk| chunk.ids.len()).sum();
        let mut filled = [0u64; COLUMN_COUNT];
        for chunk in chunks {
            profile.add_chunk(chunk, rows, &mut filled);
        }
        if let (Some(field), Some(chunk)) = (from_path, chunks.first()) {
            profile.from_path = text(chunk, field_index(field), 0).map(str::to_owned);
        }
        for (field, count) in SCHEMA.fields().iter().zip(filled) {
            if count > 0 {
                profile.filled.insert(field.name().clone(), count);
            }
        }
        profile
    }

    /// The columns of a header: the last of its lines in which the delimiter stands.
    pub fn of_header(header: &[u8], delimiter: u8) -> Self {
        let line = header
            .rsplit(|byte| matches!(byte, b'\n' | b'\r'))
            .find(|line| line.contains(&delimiter));
        let text = String::from_utf8_lossy(line.unwrap_or_default());
        let names = text
            .trim_start_matches(['\u{feff}', '#', ' '])
            .split(char::from(delimiter))
            .map(|name| cut(name.trim().trim_matches('"')).to_owned());
        Profile {
            columns: names
                .filter(|name| !name.is_empty())
                .take(COLUMNS)
                .collect(),
            ..Profile::default()
        }
    }

    fn add_chunk(&mut self, chunk: &Chunk, all: usize, filled: &mut [u64; COLUMN_COUNT]) {
        let rows = chunk.ids.len();
        self.rows += rows as u64;
        let (first, last) = (chunk.min_observed, chunk.max_observed);
        self.observed = Some(match self.observed {
            Some((a, b)) => (a.min(first), b.max(last)),
            None => (first, last),
        });
        for (sum, column) in filled.iter_mut().zip(&chunk.columns) {
            if let Some(column) = column {
                let lacking = if column.len() < rows {
                    column.null_count() * rows
                } else {
                    column.null_count()
                };
                *sum += (rows - lacking) as u64;
            }
        }
        // Each of a block's days gets its part of the rows that are looked at.
        let look = (LOOKED_AT * rows).div_ceil(all.max(1)).min(rows);
        self.looked += look as u64;
        for field in VOCABULARY {
            self.look(chunk, field, look);
        }
        if chunk.columns[EXTRA].is_some() {
            let open = (OPENED * rows).div_ceil(all.max(1)).min(rows);
            for row in places(rows, open) {
                self.open(text(chunk, EXTRA, row));
            }
        }
    }

    fn look(&mut self, chunk: &Chunk, field: Field, look: usize) {
        let at = field_index(field);
        let Some(column) = &chunk.columns[at] else {
            return;
        };
        let words = self.words.entry(field.column().to_owned()).or_default();
        let mut take = |text: &str, rows: u64| {
            let mut add_word = |word: &str| add(words, cut(word), rows, WORDS);
            if field == Field::Tags {
                text.split(' ')
                    .filter(|tag| !tag.is_empty())
                    .for_each(add_word);
            } else {
                add_word(text);
            }
        };
        if column.len() < chunk.ids.len() {
            if let Some(word) = text(chunk, at, 0) {
                take(word, look as u64);
            }
            return;
        }
        for row in places(chunk.ids.len(), look) {
            if let Some(word) = text(chunk, at, row) {
                take(word, 1);
            }
        }
    }

    fn open(&mut self, extra: Option<&str>) {
        self.opened += 1;
        let object = extra.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
        for name in object
            .iter()
            .filter_map(serde_json::Value::as_object)
            .flat_map(|o| o.keys())
        {
            add(&mut self.members, cut(name), 1, COLUMNS);
        }
    }

    /// Takes in the profile of another block of the report.
    pub fn merge(&mut self, other: Profile) {
        self.columns.extend(other.columns);
        self.rows += other.rows;
        self.looked += other.looked;
        self.opened += other.opened;
        self.undated += other.undated;
        self.repeats += other.repeats;
        self.damaged += other.damaged;
        self.observed = match (self.observed, other.observed) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        self.from_path = self.from_path.take().or(other.from_path);
        add_up(&mut self.filled, other.filled, usize::MAX);
        add_up(&mut self.members, other.members, COLUMNS);
        for (field, words) in other.words {
            add_up(self.words.entry(field).or_default(), words, WORDS);
        }
    }

    /// With the rows counted in that repeat others.
    fn with_repeats(&self) -> Self {
        let mut whole = self.clone();
        let rows = self.rows + self.repeats;
        for count in whole.filled.values_mut() {
            *count = (u128::from(*count) * u128::from(rows) / u128::from(self.rows.max(1))) as u64;
        }
        whole.rows = rows;
        whole
    }

    /// As the ledger stores it: `origin` is the delivery's path and `snapshot_at` its instant.
    pub fn store(&self, source: &Source, origin: &str, snapshot_at: Timestamp) -> NewProfile {
        let named = source.named_by_path(origin);
        let kind = match &self.from_path {
            Some(value) => value.clone(),
            None => named.unwrap_or_default(),
        };
        let free_text = source.feed.format == "notes";
        let whole = self.undated > 0 && self.undated == self.rows;
        let is_list = source.feed.list.unwrap_or(whole && !free_text) && self.undated > 0;
        // A list stands for its snapshot's instant, which is that of all its rows; others for their
        // newest row, unless the file bears a date.
        let observed = self
            .observed
            .map(|(first, last)| if is_list { first } else { last });
        let dated = !is_list && source.date_in_path(origin).is_some();
        let at = observed.filter(|_| !dated).unwrap_or(snapshot_at.0);
        NewProfile {
            list: is_list.then(|| match source.list_field() {
                Some(_) => kind.clone(),
                None => String::new(),
            }),
            kind,
            at,
            damaged: self.damaged as i64,
            json: serde_json::to_string(&self.with_repeats()).unwrap_or_default(),
        }
    }
}

/// `count` of `rows` places, evenly.
fn places(rows: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| n * rows / count.max(1))
}

fn text(chunk: &Chunk, at: usize, row: usize) -> Option<&str> {
    let texts = chunk.columns[at].as_ref()?.as_string_opt::<i32>()?;
    let row = if texts.len() == 1 { 0 } else { row };
    (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
}

fn cut(word: &str) -> &str {
    match word.char_indices().nth(WORD_CHARS) {
        Some((at, _)) => &word[..at],
        None => word,
    }
}

fn add(sums: &mut BTreeMap<String, u64>, name: &str, count: u64, most: usize) {
    if let Some(sum) = sums.get_mut(name) {
        *sum += count;
    } else if sums.len() < most {
        sums.insert(name.to_owned(), count);
    }
}

fn add_up(mine: &mut BTreeMap<String, u64>, theirs: BTreeMap<String, u64>, most: usize) {
    for (name, count) in theirs {
        add(mine, &name, count, most);
    }
}

#[cfg(test)]
mod tests {
    use lake::{Columns, Enrichment, Named, Receipt};
    use model::record::Record;

    use super::*;

    fn chunks(rows: usize) -> Vec<Chunk> {
        let mut columns = Columns::new();
        let mut record = Record::new();
        for row in 0..rows {
            record.clear();
            let at = Timestamp(1_673_222_400_000_000 + (row as i64 % 3) * 86_400_000_000);
            record.set_time(Field::ObservedAt, at);
            record.set_text(Field::ClassType, "c2-server");
            record.set_text(Field::Tags, if row % 2 == 0 { "a b" } else { "b" });
            if row % 4 == 0 {
                record.set_int(Field::SourcePort, row as i64);
            }
            record.extra_text("sector", "energy");
            record.line = row as u64;
            let named = Named {
                feed: "test",
                keys: None,
                row: &record,
            };
            columns.append(named, &record, &Enrichment::default());
        }
        columns.take(&Receipt {
            feed: "test".into(),
            report: "R-1".into(),
            member: 0,
            received_at: 0,
            source_schema: None,
        })
    }

    #[test]
    fn values_and_words_are_counted_in_columns() {
        let chunks = chunks(1200);
        let mut profile = Profile::of(&chunks, 0, 0, &[], None);
        let distinct: u64 = chunks.iter().map(|chunk| chunk.ids.len() as u64).sum();
        assert_eq!(profile.rows, distinct);
        assert_eq!(profile.filled["class_type"], distinct);
        assert_eq!(profile.filled["source_port"], 300);
        assert!((LOOKED_AT as u64..=LOOKED_AT as u64 + 3).contains(&profile.looked));
        assert_eq!(profile.words["class_type"]["c2-server"], profile.looked);
        assert_eq!(profile.words["tags"]["b"], profile.looked);
        assert_eq!(profile.members["sector"], profile.opened);
        let twice = profile.clone();
        profile.merge(twice);
        assert_eq!(profile.filled["source_port"], 600);
        let back: Profile =
            serde_json::from_str(&serde_json::to_string(&profile).expect("JSON")).expect("JSON");
        assert_eq!(back.words, profile.words);
    }

    #[test]
    fn a_header_names_its_columns() {
        let names =
            |header: &str, delimiter| Profile::of_header(header.as_bytes(), delimiter).columns;
        let expected: BTreeSet<String> = ["time", "ip", "a b"].map(str::to_owned).into();
        assert_eq!(names("\"time\",\"ip\",\"a b\"\r\n", b','), expected);
        assert_eq!(names("# made today\n# time;ip;a b\n", b';'), expected);
        assert!(names("# nothing\n", b',').is_empty());
    }
}
