//! Finding events: how many there are, when, of what, and the newest of them.
//!
//! A [`Searcher`] looks the live parts through for a [`Query`] in one pass: total, events by step of time, values of
//! the facets, and the places of the newest rows, which [`Searcher::events`] then reads. Parts outside the span are
//! not opened, nor are those whose constant columns settle the query; of a part that satisfies it as a whole only a
//! summary is needed, which is kept. What remains is read on as many threads as the lake has, newest parts first,
//! until it is done or the caller says that it took too long: then the answer says that it is a part of the whole.
//! Where there are executors and enough is to be read, they read it (`spread`).
//!
//! Memory: a batch of 65,536 rows a thread, the facets' values, four times as many places as rows are wanted, and
//! what is kept between searches (`footers`).
//!
//! Not here: SQL ([`crate::query`]), the clock, and who may ask.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use model::ids::EventId;
use model::time::{Day, MICROS_PER_DAY, Timestamp};

use crate::error::{Error, Result};
use crate::query::{Lake, Part, ip_text};
use crate::run;
use crate::schema::{COLUMN_COUNT, Column, SCHEMA};

mod footers;
mod matching;
pub mod query;
mod scan;
mod spread;
mod tally;

use footers::Footers;
pub use query::{Form, Key, Moment, Query, QueryError, Span, Term, Value};
use scan::{Halt, Opened, Outlook, placed};
pub use spread::errand;
use tally::{At, Counts, Newest, Steps};
pub use tally::{FACETS, FacetValue};

/// Says whether a search took too long; once it says so it must go on saying so.
pub type Enough = Arc<dyn Fn() -> bool + Send + Sync>;

/// Looks through the live parts of a lake.
pub struct Searcher {
    lake: Lake,
    footers: Footers,
}

/// What to find.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The conditions; its span is not looked at.
    pub query: Query,
    /// From this instant to before that one, microseconds UTC.
    pub span: (i64, i64),
    /// Ascending edges of the steps of time; empty: none are counted.
    pub edges: Arc<[i64]>,
    /// Whether values of the facets are counted.
    pub facets: bool,
    /// How many of the newest rows are placed.
    pub rows: usize,
    /// Only rows after this one, in the order of the answer.
    pub after: Option<Cursor>,
}

/// A row's place in the order of answers: newest first, then the greater id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When it was observed, microseconds UTC.
    pub observed_at: i64,
    /// Its identity.
    pub event: EventId,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.observed_at, self.event)
    }
}

impl std::str::FromStr for Cursor {
    type Err = model::ids::BadId;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (at, id) = text.split_once('.').unwrap_or((text, ""));
        let event: EventId = id.parse()?;
        Ok(Cursor {
            // A time that is none stands before all time: nothing comes after it.
            observed_at: at.parse().unwrap_or(i64::MIN),
            event,
        })
    }
}

/// Where a found row lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its place in the order.
    pub cursor: Cursor,
    /// Path of its part.
    pub part: Arc<str>,
    /// Its number in the part.
    pub row: u32,
}

/// A facet's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facet {
    /// The column.
    pub column: &'static str,
    /// Values with their events, most first.
    pub values: Vec<(FacetValue, u64)>,
    /// Events without a value.
    pub none: u64,
    /// Events with values beyond those that are told apart.
    pub beyond: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Events that satisfy the query.
    pub total: u64,
    /// Events in the lake.
    pub of: u64,
    /// Events by step.
    pub steps: Vec<u64>,
    /// Values of [`FACETS`], where they were wanted.
    pub facets: Vec<Facet>,
    /// The newest rows, in order.
    pub places: Vec<Place>,
    /// Whether more follow.
    pub more: bool,
    /// Whether the search was stopped: then all of this is of a part of the events only, of the newest parts first.
    pub partial: bool,
    /// Parts that were looked at, and that there are in the span.
    pub parts: (usize, usize),
}

/// A cell of an event.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Text, an address among them.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Truth(bool),
    /// An instant, microseconds UTC.
    Time(Timestamp),
}

impl std::fmt::Display for Cell {
    /// As `events` prints it in SQL; an instant by RFC 3339.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Text(text) => f.write_str(text),
            Cell::Number(number) => write!(f, "{number}"),
            Cell::Float(number) => write!(f, "{number}"),
            Cell::Truth(truth) => write!(f, "{truth}"),
            Cell::Time(at) => match at.to_jiff() {
                Some(at) => write!(f, "{at}"),
                None => write!(f, "{}", at.0),
            },
        }
    }
}

/// An event that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the order.
    pub cursor: Cursor,
    /// Cells by position in the table; those that were not read, or have no value, are missing.
    pub cells: BTreeMap<usize, Cell>,
}

impl Event {
    /// The cell of a column.
    pub fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.get(&SCHEMA.index_of(column).ok()?)
    }

    /// The text of a column.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number of a column.
    pub fn number(&self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            Cell::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Columns with a value, by name, in the table's order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Cell)> {
        self.cells
            .iter()
            .map(|(at, cell)| (SCHEMA.field(*at).name().as_str(), cell))
    }
}

/// Positions of columns by name; names that are none are left out.
pub fn columns(names: &[&str]) -> Vec<usize> {
    names
        .iter()
        .filter_map(|name| SCHEMA.index_of(name).ok())
        .collect()
}

/// Positions of all columns.
pub fn all_columns() -> Vec<usize> {
    (0..COLUMN_COUNT).collect()
}

/// What one thread found.
struct Share {
    total: u64,
    steps: Steps,
    counts: Counts,
    looked: usize,
    at_cursor: Vec<(u32, u32)>,
}

impl Searcher {
    /// A searcher of a lake.
    pub fn new(lake: Lake) -> Self {
        Searcher {
            lake,
            footers: Footers::default(),
        }
    }

    /// The lake.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Looks `parts` through. Blocks: call it where that is allowed.
    ///
    /// # Errors
    /// A part or a run that cannot be read.
    pub fn search(&self, parts: &[Part], ask: &Ask, enough: &Enough) -> Result<Found> {
        match self.spread(parts, ask, enough) {
            Some(found) => Ok(found),
            None => self.search_here(parts, ask, enough),
        }
    }

    /// The same in this process, whoever else could.
    fn search_here(&self, parts: &[Part], ask: &Ask, enough: &Enough) -> Result<Found> {
        self.footers.make_room(parts);
        let of = parts.iter().map(|part| part.rows).sum();
        let mut within: Vec<&Part> = parts
            .iter()
            .filter(|part| part.max_observed >= ask.span.0 && part.min_observed < ask.span.1)
            .collect();
        // Newest first; the path decides, so that the order does not depend on the manifest's.
        within.sort_by(|a, b| (b.max_observed, &b.path).cmp(&(a.max_observed, &a.path)));
        let tests = matching::tests(&ask.query);
        let halt = Halt(Arc::clone(enough));
        let stopped = AtomicBool::new(false);
        let next = AtomicUsize::new(0);
        // One more than wanted, to know whether more follow.
        let most = if ask.rows == 0 { 0 } else { ask.rows + 1 };
        let newest = Mutex::new(Newest::new(most));
        let floor = AtomicI64::new(i64::MIN);
        let pass = Pass {
            searcher: self,
            ask,
            within: &within,
            tests: &tests,
            halt: &halt,
        };
        let threads = self.lake.threads().min(within.len()).max(1);
        let shares: Vec<Result<Share>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut share = Share {
                            total: 0,
                            steps: Steps::new(Arc::clone(&ask.edges)),
                            counts: Counts::default(),
                            looked: 0,
                            at_cursor: Vec::new(),
                        };
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            if at >= within.len() || stopped.load(Ordering::Relaxed) {
                                return Ok(share);
                            }
                            let wanted = (most > 0).then(|| floor.load(Ordering::Relaxed));
                            let rows = match pass.part(at, wanted, &mut share) {
                                Ok(Some(rows)) => rows,
                                Ok(None) => {
                                    stopped.store(true, Ordering::Relaxed);
                                    return Ok(share);
                                }
                                Err(error) => {
                                    stopped.store(true, Ordering::Relaxed);
                                    return Err(error);
                                }
                            };
                            share.looked += 1;
                            let rows = share.split(rows, at as u32, ask.after);
                            if !rows.is_empty() {
                                let mut newest =
                                    newest.lock().unwrap_or_else(PoisonError::into_inner);
                                newest.take(&rows);
                                newest.prune();
                                floor.store(newest.floor, Ordering::Relaxed);
                            }
                        }
                    })
                })
                .collect();
            let defect = || Error::Refused("a thread of the search ended early".to_owned());
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| Err(defect())))
                .collect()
        });
        let mut found = Found {
            of,
            parts: (0, within.len()),
            ..Found::default()
        };
        let mut steps = Steps::new(Arc::clone(&ask.edges));
        let mut counts = Counts::default();
        let mut at_cursor = Vec::new();
        for share in shares {
            let share = share?;
            found.total += share.total;
            found.parts.0 += share.looked;
            steps.merge(&share.steps);
            counts.merge(&share.counts);
            at_cursor.extend(share.at_cursor);
        }
        found.partial = stopped.into_inner() || found.parts.0 < found.parts.1;
        found.steps = steps.counts;
        if ask.facets {
            found.facets = sorted(counts);
        }
        if most > 0 {
            let newest = newest.into_inner().unwrap_or_else(PoisonError::into_inner);
            let mut places = pass.order(newest, at_cursor, most)?;
            found.more = places.len() > ask.rows;
            places.truncate(ask.rows);
            found.places = places;
        }
        Ok(found)
    }

    /// Reads columns of found rows, in the order given. Blocks.
    ///
    /// # Errors
    /// A part that cannot be read.
    pub fn events(&self, places: &[Place], columns: &[usize]) -> Result<Vec<Event>> {
        let mut by_part: BTreeMap<&str, Vec<(u32, usize)>> = BTreeMap::new();
        for (at, place) in places.iter().enumerate() {
            by_part
                .entry(&place.part)
                .or_default()
                .push((place.row, at));
        }
        let mut events: Vec<Event> = places
            .iter()
            .map(|place| Event {
                cursor: place.cursor,
                cells: BTreeMap::new(),
            })
            .collect();
        let id = Column::EventId.index();
        if columns.contains(&id) {
            for event in &mut events {
                let text = Cell::Text(event.cursor.event.to_string());
                event.cells.insert(id, text);
            }
        }
        for (path, mut rows) in by_part {
            rows.sort_unstable();
            let footer = self.footers.footer(&self.lake, path)?;
            let part = Part {
                path: path.to_owned(),
                bytes: 0,
                rows: 0,
                min_observed: i64::MIN,
                max_observed: i64::MAX,
            };
            let mut stored = Vec::new();
            for column in columns {
                let name = SCHEMA.field(*column).name();
                if let Some(position) = footer.position(name) {
                    stored.push(position);
                } else if let Some(cell) = footer.shape.once(*column).and_then(|one| cell(one, 0)) {
                    for (_, at) in &rows {
                        events[*at].cells.insert(*column, cell.clone());
                    }
                }
            }
            stored.sort_unstable();
            stored.dedup();
            if stored.is_empty() {
                continue;
            }
            let opened = Opened::new(&self.lake, &part, Arc::clone(&footer));
            let mut numbers: Vec<u32> = rows.iter().map(|(row, _)| *row).collect();
            numbers.dedup();
            let mut places = rows.iter().peekable();
            let mut read = numbers.iter();
            for batch in opened.rows(&numbers, &stored)? {
                for in_batch in 0..batch.num_rows() {
                    let Some(number) = read.next() else { break };
                    while let Some((_, at)) = places.next_if(|(row, _)| row == number) {
                        for (position, column) in stored.iter().zip(batch.columns()) {
                            let name = footer.meta.schema().field(*position).name();
                            if let (Ok(position), Some(cell)) =
                                (SCHEMA.index_of(name), cell(column, in_batch))
                            {
                                events[*at].cells.insert(position, cell);
                            }
                        }
                    }
                }
            }
        }
        Ok(events)
    }

    /// The event with this identity, all columns; looked for on `day` first where that is known. Blocks.
    ///
    /// # Errors
    /// A part or a run that cannot be read.
    pub fn event(&self, parts: &[Part], id: EventId, day: Option<Day>) -> Result<Option<Event>> {
        let mut parts: Vec<&Part> = parts.iter().collect();
        let on_day = |part: &Part| {
            let first = day.map(|day| i64::from(day.0) * MICROS_PER_DAY);
            first.is_some_and(|first| {
                part.max_observed >= first && part.min_observed < first + MICROS_PER_DAY
            })
        };
        parts.sort_by_key(|part| (!on_day(part), std::cmp::Reverse(part.max_observed)));
        for part in parts {
            // Beside every part lies its run; the name is what the part itself states.
            let run = self.lake.root().join(&part.path).with_extension("ids");
            let Some(row) = run::row_of(self.lake.files(), &run, id)? else {
                continue;
            };
            let place = Place {
                cursor: Cursor {
                    observed_at: part.max_observed,
                    event: id,
                },
                part: part.path.as_str().into(),
                row,
            };
            let mut events = self.events(&[place], &all_columns())?;
            let event = events.pop().map(|mut event| {
                if let Some(Cell::Time(at)) = event.cell("observed_at") {
                    event.cursor.observed_at = at.0;
                }
                event
            });
            return Ok(event);
        }
        Ok(None)
    }

    /// Counts parts as a whole that no search has counted yet, so that the first search need not; until told to stop.
    /// Blocks.
    ///
    /// # Errors
    /// A part that cannot be read.
    pub fn warm(&self, parts: &[Part], enough: &Enough) -> Result<usize> {
        let halt = Halt(Arc::clone(enough));
        let mut counted = 0;
        for part in parts.iter().filter(|part| part.min_observed > i64::MIN) {
            if halt.asked() {
                break;
            }
            if self.footers.summary(&part.path).is_some() {
                continue;
            }
            // A part may have gone since it was listed; one that lies elsewhere is not fetched for this.
            if fs::metadata(self.lake.root().join(&part.path)).is_err() {
                continue;
            }
            let footer = self.footers.footer(&self.lake, &part.path)?;
            let opened = Opened::new(&self.lake, part, footer);
            if let Some(summary) = opened.summarize(&halt)? {
                self.footers.keep(&part.path, summary);
                counted += 1;
            }
        }
        Ok(counted)
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher")
            .field("lake", &self.lake)
            .finish_non_exhaustive()
    }
}

impl Share {
    /// Rows before the cursor's instant; those at it are put aside, for their ids decide.
    fn split(&mut self, rows: Vec<(i64, u32)>, part: u32, after: Option<Cursor>) -> Vec<At> {
        let Some(after) = after else {
            return placed(&rows, part);
        };
        let mut before = Vec::new();
        for (at, row) in rows {
            match at.cmp(&after.observed_at) {
                std::cmp::Ordering::Less => before.push((at, part, row)),
                std::cmp::Ordering::Equal => self.at_cursor.push((part, row)),
                std::cmp::Ordering::Greater => {}
            }
        }
        before
    }
}

/// One pass over the parts.
struct Pass<'a> {
    searcher: &'a Searcher,
    ask: &'a Ask,
    within: &'a [&'a Part],
    tests: &'a [matching::Test],
    halt: &'a Halt,
}

impl Pass<'_> {
    fn opened(&self, at: usize) -> Result<Opened<'_>> {
        let (lake, part) = (&self.searcher.lake, self.within[at]);
        let footer = self.searcher.footers.footer(lake, &part.path)?;
        Ok(Opened::new(lake, part, footer))
    }

    /// Looks at a part; rows from `floor` on are given back. `None` where it was stopped.
    fn part(
        &self,
        at: usize,
        floor: Option<i64>,
        share: &mut Share,
    ) -> Result<Option<Vec<(i64, u32)>>> {
        if self.halt.asked() {
            return Ok(None);
        }
        let (ask, part) = (self.ask, self.within[at]);
        let inside = ask.span.0 <= part.min_observed && part.max_observed < ask.span.1;
        let floor = floor.filter(|floor| *floor <= part.max_observed);
        // Rows that come after the cursor lie at its instant or before it.
        let floor = floor.filter(|_| {
            ask.after
                .is_none_or(|after| part.min_observed <= after.observed_at)
        });
        if self.tests.is_empty() && inside && floor.is_none() && !ask.facets {
            let mut whole = share.steps.same(part.min_observed, part.max_observed);
            if whole {
                share.steps.add(part.max_observed, part.rows);
            } else if let Some(summary) = self.searcher.footers.summary(&part.path)
                && share.steps.of_hours()
            {
                add_hours(&mut share.steps, part, &summary.hours);
                whole = true;
            }
            if whole {
                share.total += part.rows;
                return Ok(Some(Vec::new()));
            }
        }
        let opened = self.opened(at)?;
        let left = match opened.outlook(self.tests) {
            Outlook::Nothing => return Ok(Some(Vec::new())),
            Outlook::All => Vec::new(),
            Outlook::Some(left) => left,
        };
        let by_hours = part.min_observed > i64::MIN && share.steps.of_hours();
        if !(left.is_empty() && inside && by_hours && (ask.facets || share.steps.wanted())) {
            let counts = ask.facets.then_some(&mut share.counts);
            let scanned =
                opened.scan(left, ask.span, &mut share.steps, counts, floor, self.halt)?;
            return Ok(scanned.map(|scanned| {
                share.total += scanned.events;
                scanned.rows
            }));
        }
        // All of the part is found: what it comes to as a whole is enough, and is kept.
        let known = self.searcher.footers.summary(&part.path);
        let summary = match known {
            Some(summary) => summary,
            None => {
                let Some(summary) = opened.summarize(self.halt)? else {
                    return Ok(None);
                };
                self.searcher.footers.keep(&part.path, summary);
                match self.searcher.footers.summary(&part.path) {
                    Some(summary) => summary,
                    // No room to keep it.
                    None => match opened.summarize(self.halt)? {
                        Some(summary) => Arc::new(summary),
                        None => return Ok(None),
                    },
                }
            }
        };
        let mut rows = Vec::new();
        if floor.is_some() {
            let mut none = Steps::new(Arc::from([]));
            let scanned = opened.scan(left, ask.span, &mut none, None, floor, self.halt)?;
            let Some(scanned) = scanned else {
                return Ok(None);
            };
            rows = scanned.rows;
        }
        share.total += summary
            .hours
            .iter()
            .map(|hour| u64::from(*hour))
            .sum::<u64>();
        add_hours(&mut share.steps, part, &summary.hours);
        if ask.facets {
            share.counts.merge(&summary.counts);
        }
        Ok(Some(rows))
    }

    /// Puts the newest rows in order, by their ids where their times are equal.
    fn order(&self, newest: Newest, at_cursor: Vec<(u32, u32)>, most: usize) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        if let Some(after) = self.ask.after {
            let rows = at_cursor
                .into_iter()
                .map(|(part, row)| (after.observed_at, part, row));
            let mut tied = self.placed(rows.collect())?;
            tied.retain(|place| place.cursor < after);
            places = tied;
        }
        let (mut rows, floor, again) = newest.into_rows();
        for part in again {
            // Rows at the floor that were too many to be kept.
            let opened = self.opened(part as usize)?;
            let left = match opened.outlook(self.tests) {
                Outlook::Nothing => continue,
                Outlook::All => Vec::new(),
                Outlook::Some(left) => left,
            };
            let mut none = Steps::new(Arc::from([]));
            let span = (floor, floor.saturating_add(1));
            let never = Halt(Arc::new(|| false));
            let scanned = opened.scan(left, span, &mut none, None, Some(floor), &never)?;
            let tied = scanned.map(|scanned| scanned.rows).unwrap_or_default();
            let mut tied = self.placed(placed(&tied, part))?;
            keep_first(&mut tied, most);
            rows.retain(|row| row.0 > floor || row.1 != part);
            places.extend(tied);
        }
        places.extend(self.placed(rows)?);
        keep_first(&mut places, most);
        Ok(places)
    }

    /// Rows with their ids.
    fn placed(&self, rows: Vec<At>) -> Result<Vec<Place>> {
        let mut by_part: HashMap<u32, Vec<(i64, u32)>> = HashMap::new();
        for (at, part, row) in rows {
            by_part.entry(part).or_default().push((at, row));
        }
        let mut places = Vec::new();
        for (part, rows) in by_part {
            let opened = self.opened(part as usize)?;
            let run = self.searcher.lake.root().join(&opened.footer.run);
            let numbers: Vec<u32> = rows.iter().map(|(_, row)| *row).collect();
            let path: Arc<str> = self.within[part as usize].path.as_str().into();
            let ids = run::of_rows(self.searcher.lake.files(), &run, &numbers)?;
            places.extend(rows.into_iter().zip(ids).map(|((at, row), id)| Place {
                cursor: Cursor {
                    observed_at: at,
                    event: EventId(id),
                },
                part: Arc::clone(&path),
                row,
            }));
        }
        Ok(places)
    }
}

fn keep_first(places: &mut Vec<Place>, most: usize) {
    places.sort_unstable_by_key(|place| std::cmp::Reverse(place.cursor));
    places.truncate(most);
}

fn add_hours(steps: &mut Steps, part: &Part, hours: &[u32; 24]) {
    let day = part.min_observed.div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY;
    for (hour, events) in (0_i64..).zip(hours) {
        if *events > 0 {
            steps.add(day + hour * 3_600_000_000, u64::from(*events));
        }
    }
}

fn sorted(counts: Counts) -> Vec<Facet> {
    FACETS
        .iter()
        .zip(counts.0)
        .map(|(column, count)| {
            let mut values: Vec<(FacetValue, u64)> = count.values.into_iter().collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Facet {
                column,
                values,
                none: count.none,
                beyond: count.beyond,
            }
        })
        .collect()
}

/// A cell of a column; `None` where it has no value.
fn cell(column: &ArrayRef, row: usize) -> Option<Cell> {
    if !column.is_valid(row) {
        return None;
    }
    if let Some(dictionary) = column.as_any_dictionary_opt() {
        let keys = dictionary.keys().as_primitive_opt::<Int32Type>()?;
        let at = usize::try_from(keys.value(row)).ok()?;
        let values = dictionary.values().as_string_opt::<i32>()?;
        return values
            .is_valid(at)
            .then(|| Cell::Text(values.value(at).to_owned()));
    }
    Some(match column.data_type() {
        DataType::Utf8 => Cell::Text(column.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Cell::Text(ip_text(column.as_binary::<i32>().value(row))?),
        DataType::UInt8 => Cell::Number(column.as_primitive::<UInt8Type>().value(row).into()),
        DataType::Int32 => Cell::Number(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::UInt32 => Cell::Number(column.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => {
            let number = column.as_primitive::<UInt64Type>().value(row);
            Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
        }
        DataType::Int64 => Cell::Number(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Cell::Truth(column.as_boolean().value(row)),
        DataType::Timestamp(..) => Cell::Time(Timestamp(
            column.as_primitive::<TimestampMicrosecondType>().value(row),
        )),
        _ => return None,
    })
}
