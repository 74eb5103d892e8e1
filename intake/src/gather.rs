//! What a reader finds, gathered for one block: candidate rows as columns, rejects, tallies.
//!
//! This is where every row passes: it is dated, enriched, named and counted here, on whichever
//! thread read it.

use std::collections::BTreeSet;
use std::sync::Arc;

use formats::{Block, Output, Warning};
use lake::{Chunk, Columns, Named, Receipt};
use model::field::{Field, OBSERVABLES};
use model::record::Record;
use model::reject::{Reject, RejectReason};
use model::time::Timestamp;
use reference::Scratch;
use rustc_hash::FxHashMap;

use crate::catalogue::{Source, latest_plausible};
use crate::enrich::Enricher;
use crate::lines::{Keys, Line, SeenLines, Trace};
use crate::profile::Profile;

/// Written date, kind of observable, and tag; `None` counts all records of the day and kind.
pub type TallyKey = (i32, &'static str, Option<Box<str>>);

/// What one block of a report gave.
#[derive(Default)]
pub struct Gathered {
    /// Candidate rows by day.
    pub chunks: Vec<Chunk>,
    /// Rows that became no event.
    pub rejects: Vec<Reject>,
    /// Remarks.
    pub warnings: BTreeSet<Warning>,
    /// Records by written date before deduplication.
    pub tallies: FxHashMap<TallyKey, u64>,
    /// Rows read, rejects included.
    pub rows: u64,
    /// Of these, rows that are duplicates of others in the report to the byte.
    pub repeats: u64,
    /// Rows taken that bear no time of their own.
    pub undated: u64,
    /// What they were like.
    pub profile: Profile,
}

/// Everything a thread needs to gather rows; the buffers are kept from block to block.
pub struct Gatherer {
    enricher: Enricher,
    scratch: Scratch,
    /// What a feed's rules made of a row.
    ruled: Record,
    columns: Columns,
    gathered: Gathered,
    /// The lines that come next.
    lines: Vec<Line>,
    /// What a row says of the list that it is of.
    list_field: Option<Field>,
    /// The tally that the last row added to: rows of a block are mostly alike.
    last_tally: Option<((i32, &'static str), u64)>,
}

impl Gatherer {
    /// A gatherer of one thread.
    pub fn new(enricher: Enricher) -> Self {
        Gatherer {
            enricher,
            scratch: Scratch::default(),
            ruled: Record::new(),
            columns: Columns::new(),
            gathered: Gathered::default(),
            lines: Vec::new(),
            list_field: None,
            last_tally: None,
        }
    }

    /// Begins a block of a report of `source`; `block` is given where its bytes are at hand, so
    /// that a row refused here keeps its raw text, and `before` where its lines may repeat earlier ones.
    pub fn begin<'a>(
        &'a mut self,
        source: &'a Source,
        received_at: Timestamp,
        block: Option<Block<'a>>,
        before: Option<Before<'a>>,
    ) -> Gathering<'a> {
        self.list_field = source.list_field();
        Gathering {
            latest: latest_plausible(received_at),
            received_at,
            gatherer: self,
            source,
            block,
            before,
            line: None,
        }
    }

    /// Takes out what was gathered.
    pub fn take(&mut self, receipt: &Receipt) -> Gathered {
        self.settle_tally();
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.chunks = self.columns.take(receipt);
        gathered.profile = Profile::of(
            &gathered.chunks,
            gathered.undated,
            gathered.repeats,
            &gathered.rejects,
            self.list_field,
        );
        gathered
    }

    /// Candidate rows gathered so far.
    pub fn len(&self) -> usize {
        self.columns.len() + self.gathered.rejects.len()
    }

    /// Whether nothing was gathered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn settle_tally(&mut self) {
        if let Some(((day, kind), records)) = self.last_tally.take() {
            *self.gathered.tallies.entry((day, kind, None)).or_insert(0) += records;
        }
    }

    fn count(&mut self, day: i32, kind: &'static str) {
        match &mut self.last_tally {
            Some((key, records)) if *key == (day, kind) => *records += 1,
            _ => {
                self.settle_tally();
                self.last_tally = Some(((day, kind), 1));
            }
        }
    }

    fn tally(&mut self, record: &Record, kind: &'static str) {
        let Some(day) = record.written_day else {
            return;
        };
        self.count(day, kind);
        if let Some(tags) = record.text(Field::Tags) {
            let mut seen: Vec<&str> = Vec::new();
            for tag in tags.split(' ').filter(|tag| !tag.is_empty()) {
                if !seen.contains(&tag) {
                    seen.push(tag);
                    *self
                        .gathered
                        .tallies
                        .entry((day, kind, Some(tag.into())))
                        .or_insert(0) += 1;
                }
            }
        }
        if let (Some(_), Some(severity)) = (
            record.text(Field::VulnerabilityId),
            record.text(Field::Severity),
        ) {
            *self
                .gathered
                .tallies
                .entry((day, kind, Some(severity.into())))
                .or_insert(0) += 1;
        }
    }
}

/// What is known of the lines before a block.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// Lines seen in blocks of the run.
    pub seen: &'a SeenLines,
    /// The block's number in the run: those cut later have higher ones.
    pub number: u32,
    /// Keys of this text's lines.
    pub keys: Keys,
}

/// A block being gathered: the reader's output.
pub struct Gathering<'a> {
    gatherer: &'a mut Gatherer,
    source: &'a Source,
    latest: Timestamp,
    received_at: Timestamp,
    block: Option<Block<'a>>,
    before: Option<Before<'a>>,
    /// The line being read, where it is new.
    line: Option<Line>,
}

impl Gathering<'_> {
    /// Candidate rows and rejects gathered so far.
    pub fn len(&self) -> usize {
        self.gatherer.len()
    }

    /// Whether nothing was gathered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out what was gathered so far, in the middle of a document.
    pub fn take(&mut self, receipt: &Receipt) -> Gathered {
        self.gatherer.take(receipt)
    }

    fn raw(&self, record: &Record) -> &[u8] {
        self.block
            .and_then(|block| {
                let start = record.offset.checked_sub(block.offset)? as usize;
                block
                    .bytes
                    .get(start..start.checked_add(record.len as usize)?)
            })
            .unwrap_or_default()
    }

    fn refuse(&mut self, record: &Record, reason: RejectReason, message: String) {
        let reject = Reject::new(
            record.line,
            record.offset,
            reason,
            message,
            self.raw(record),
        );
        self.gatherer.gathered.rejects.push(reject);
    }
}

impl Output for Gathering<'_> {
    fn ahead(&mut self, rows: &mut dyn Iterator<Item = &str>) {
        let Some(before) = self.before else {
            return;
        };
        let lines = &mut self.gatherer.lines;
        lines.clear();
        lines.extend(rows.map(|raw| before.keys.line(raw.as_bytes())));
        before.seen.fetch(lines);
    }

    fn repeats(&mut self, at: usize) -> bool {
        let (Some(before), Some(&line)) = (self.before, self.gatherer.lines.get(at)) else {
            return false;
        };
        let Some(trace) = before.seen.before(line, before.number) else {
            self.line = Some(line);
            return false;
        };
        let gatherer = &mut *self.gatherer;
        gatherer.gathered.rows += 1;
        gatherer.gathered.repeats += 1;
        if let Some(day) = trace.written_day {
            gatherer.count(day, kind_name(trace.kind));
        }
        true
    }

    fn record(&mut self, record: &Record) {
        self.gatherer.gathered.rows += 1;
        let line = self.line.take();
        let Some(observed_at) = record.observed_at() else {
            self.refuse(
                record,
                RejectReason::MissingField,
                "observed_at is missing".to_owned(),
            );
            return;
        };
        if observed_at > self.latest {
            let message = format!("observed_at {observed_at} lies in the future of its receipt");
            self.refuse(record, RejectReason::BadTime, message);
            return;
        }
        let gatherer = &mut *self.gatherer;
        let kind = observable_kind(record);
        gatherer.tally(record, kind_name(kind));
        if record.undated {
            gatherer.gathered.undated += 1;
        }
        // Its identity is that of what was parsed, whatever rules make of it.
        let row = record;
        let (source, scratch) = (self.source, &mut gatherer.scratch);
        let ruled = match &source.rules {
            None => Ok(record),
            Some(rules) => rules.apply(
                record,
                source,
                self.received_at,
                &gatherer.enricher,
                scratch,
                &mut gatherer.ruled,
            ),
        };
        let record = match ruled {
            Ok(record) => record,
            Err((reason, message)) => return self.refuse(record, reason, message),
        };
        let enrichment = gatherer.enricher.enrich(record, &mut gatherer.scratch);
        let named = Named {
            feed: &source.feed.name,
            keys: source.identity.as_deref(),
            row,
        };
        gatherer.columns.append(named, record, &enrichment);
        // What tags, and severities of vulnerabilities, add to the tallies is not remembered: such lines
        // are read again.
        if let (Some(line), Some(before)) = (line, self.before)
            && !row.has(Field::Tags)
            && !(row.has(Field::VulnerabilityId) && row.has(Field::Severity))
        {
            let trace = Trace {
                written_day: row.written_day,
                kind,
            };
            before.seen.remember(line, before.number, trace);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.line = None;
        self.gatherer.gathered.rows += 1;
        self.gatherer.gathered.rejects.push(reject);
    }

    fn warn(&mut self, warning: Warning) {
        self.gatherer.gathered.warnings.insert(warning);
    }
}

/// Number of the kind of thing that a record is about, for tallies: the most specific one it names.
fn observable_kind(record: &Record) -> u8 {
    let found = OBSERVABLES.iter().position(|(field, _)| record.has(*field));
    found.unwrap_or(OBSERVABLES.len()) as u8
}

/// The name of a kind.
fn kind_name(kind: u8) -> &'static str {
    OBSERVABLES
        .get(usize::from(kind))
        .map_or("other", |(_, name)| name)
}

/// A report that threads read together.
pub struct Opened {
    /// Its feed.
    pub source: Arc<Source>,
    /// Facts of receipt.
    pub receipt: Receipt,
    /// When it was received.
    pub received_at: Timestamp,
    /// The parser with its plan.
    pub reader: Box<dyn formats::BlockReader>,
    /// Keys of its lines.
    pub keys: Keys,
}
