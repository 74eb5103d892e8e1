//! One week read from the lake and the ledger: counted, rated, frozen; explained; divided.
//!
//! The only module of the crate that does I/O, through the handles it is given. Every function reads
//! one lake snapshot, so what it returns can be read again from that number. Nothing here prints or
//! decides words.

mod handled;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use lake::arrow::array::RecordBatch;
use lake::query::Part;
use ledger::{HistoryKind, LakeFile, LakeFileKind, Ledger};
use model::bulletin::Text;
use model::feed::Feed;
use model::issue::IssueNumber;
use model::statistic::{FeedCoverage, Observed, Statistic};
use model::time::{Day, MICROS_PER_DAY, ReportingWeek, Timestamp};

use crate::change::assets::{self, AssetScan, Assets};
use crate::counting::{self, streamed};
use crate::frozen::{Basis, Beside, FROZEN_FORMAT, FrozenWeek, Origin};
use crate::handling::{self, HandlingWeek, Then};
use crate::history;
use crate::lists::{self, ListWeek};
use crate::rating::{Infrastructure, Profile, RatedWeek, propose};
use crate::statistics::breakdown::{Breakdown, By, Division};
use crate::statistics::explain::{Explanation, Line, passes};
use crate::statistics::malware::FIRST_SEEN_WEEKS;
use crate::statistics::names::EarlierNames;
use crate::statistics::priority::{MarkScan, PRIORITY_COLUMNS, RecordScan, Vulnerability};
use crate::statistics::{
    self, BREAKDOWN_COLUMNS, EXPLAIN_COLUMNS, Inputs, Sources, Supply, WeekTally, supply,
};
use crate::{Result, restate};

/// Weeks of the past that charts, ranges and baselines look at.
pub const HISTORY_WEEKS: i64 = 52;
/// Weeks before a record in which a score of its CVE is looked for.
const SCORED_WEEKS: i64 = 26;
/// Days before the end of the week of which predictions are looked for: the newest stands.
const PREDICTED_DAYS: i64 = 14;
/// The cell of the week's records.
const RECORDS: &str = "vulnerability.record";

/// Where the records are, and which week of them is meant.
#[derive(Clone, Copy)]
pub struct Week<'a> {
    /// The event store.
    pub lake: &'a lake::Lake,
    /// Everything that changes.
    pub ledger: &'a Ledger,
    /// The configured feeds.
    pub feeds: &'a [Feed],
    /// The week.
    pub week: ReportingWeek,
    /// The reporting zone.
    pub zone: &'a TimeZone,
    /// Lake snapshot; [`Ledger::current_snapshot`] unless an old one is read again.
    pub snapshot: i64,
}

/// What a frozen week carries besides what is read.
pub struct Freeze<'a> {
    /// The series.
    pub series: &'a str,
    /// The issue.
    pub issue: IssueNumber,
    /// IANA name of the reporting zone.
    pub zone_name: &'a str,
    /// What arrived of each feed.
    pub coverage: &'a [FeedCoverage],
    /// Fingerprint of the reference tables in use.
    pub reference: &'a str,
    /// Schema versions of sources, as name and version.
    pub source_schemas: Vec<(String, String)>,
    /// Program version.
    pub program: &'a str,
    /// The definitions, each with those before it: [`statistics::all`].
    pub statistics: &'a [&'static Statistic],
    /// The weeks before, newest first ([`Week::past`]).
    pub past: &'a [FrozenWeek],
    /// Profile of the rating.
    pub rating: &'a Profile,
    /// Profile of the vulnerability level.
    pub vulnerability: &'a Profile,
}

impl Week<'_> {
    fn span(&self) -> (Timestamp, Timestamp) {
        self.week.span(self.zone)
    }

    /// Live parts of the lake in a span.
    pub(crate) async fn parts(&self, span: (Timestamp, Timestamp)) -> Result<Vec<Part>> {
        let days = span.0.day().0..Timestamp(span.1.0 - 1).day().0 + 1;
        let files = self
            .ledger
            .live_files(Some(self.snapshot), Some(LakeFileKind::Part), Some(days))
            .await?;
        Ok(files.into_iter().map(part).collect())
    }

    /// Streams a span into one accumulator a stream, in parallel.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        span: (Timestamp, Timestamp),
        columns: &[&str],
        make: impl Fn() -> T,
        add: fn(&mut T, &RecordBatch) -> Result<()>,
    ) -> Result<Vec<T>> {
        let parts = self.parts(span).await?;
        self.scan_parts(&parts, span, columns, make, add).await
    }

    /// Streams these parts into one accumulator a stream, in parallel.
    async fn scan_parts<T: Send + 'static>(
        &self,
        parts: &[Part],
        span: (Timestamp, Timestamp),
        columns: &[&str],
        make: impl Fn() -> T,
        add: fn(&mut T, &RecordBatch) -> Result<()>,
    ) -> Result<Vec<T>> {
        streamed(self.lake, parts, span, columns, make, add).await
    }

    /// Counts the week in one scan.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn tally(&self) -> Result<WeekTally> {
        Ok(self.counted(self.span(), None).await?.0)
    }

    /// The counts of a span, and when what they are read from last changed, microseconds UTC.
    pub(crate) async fn counted(
        &self,
        span: (Timestamp, Timestamp),
        then: Option<Then>,
    ) -> Result<(WeekTally, i64)> {
        let withheld = supply::withheld(self.feeds);
        let parts = self.parts(span).await?;
        let tally = counting::tally(self.lake, &parts, span, &withheld).await?;
        let mut tally = tally.finish();
        lists::place(&mut tally, self.list_weeks(span).await?);
        let known_at = match then {
            Some(then) => then.as_of,
            None => self.known_at(span).await?,
        };
        let Some(handled) = self.handling_week(span, known_at, then).await? else {
            return Ok((tally, known_at));
        };
        handling::place(&mut tally, &handled);
        Ok((tally, handled.as_of))
    }

    /// The last change of what the week is made from besides incidents: the commit of the lake snapshot,
    /// or the last change of an infrastructure event.
    async fn known_at(&self, span: (Timestamp, Timestamp)) -> Result<i64> {
        let committed = self.ledger.snapshot(self.snapshot).await?;
        let (_, changed) = self.infrastructure_rows(span).await?;
        Ok(committed.map_or(0, |row| row.created_at).max(changed))
    }

    /// What was done in the week; `None` while no incident was ever handled.
    async fn handling_week(
        &self,
        (start, end): (Timestamp, Timestamp),
        known_at: i64,
        then: Option<Then>,
    ) -> Result<Option<HandlingWeek>> {
        handling::handling_week(self.ledger, (start.0, end.0), known_at, then).await
    }

    /// The week of each feed that brings whole lists and may be printed.
    async fn list_weeks(
        &self,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<(String, ListWeek)>> {
        let mut weeks = Vec::new();
        for feed in self.feeds.iter().filter(|feed| supply::is_active(feed)) {
            let parts = self.list_parts(feed, (start, end)).await?;
            let source = lists::Source {
                lake: self.lake,
                parts: &parts,
                feed,
            };
            let week = lists::list_week(self.ledger, &source, Some(self.snapshot), start..end);
            let week = week.await?;
            if week != ListWeek::default() {
                weeks.push((feed.name.clone(), week));
            }
        }
        Ok(weeks)
    }

    /// Live parts that may hold a feed's events of the weeks in which its lists are followed.
    async fn list_parts(
        &self,
        feed: &Feed,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<Part>> {
        let weeks = i64::from(lists::STAY_WEEKS) + 14;
        let from = Timestamp(start.0 - weeks * 7 * MICROS_PER_DAY);
        let days = from.day().0..Timestamp(end.0 - 1).day().0 + 1;
        let files = self
            .ledger
            .live_files(Some(self.snapshot), Some(LakeFileKind::Part), Some(days))
            .await?;
        Ok(files
            .into_iter()
            .filter(|file| file.feed.as_ref().is_none_or(|name| *name == feed.name))
            .map(part)
            .collect())
    }

    /// Malware names of the weeks before, from the lake.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn earlier_names(&self) -> Result<EarlierNames> {
        let weeks = (0..=i64::from(FIRST_SEEN_WEEKS)).map(|back| self.week.plus(-back));
        let starts: Vec<Timestamp> = weeks.map(|week| week.span(self.zone).0).collect();
        self.names_before(&starts).await
    }

    /// Malware names of the weeks that begin at these instants, newest first; the first is the end of
    /// the window, not a week of it.
    pub(crate) async fn names_before(&self, starts: &[Timestamp]) -> Result<EarlierNames> {
        let (Some(end), Some(start)) = (starts.first().copied(), starts.last().copied()) else {
            return Ok(EarlierNames::default());
        };
        let parts = self.parts((start, end)).await?;
        if parts.is_empty() {
            return Ok(EarlierNames::default());
        }
        let withheld = supply::withheld(self.feeds);
        let found = counting::names(self.lake, &parts, (start, end), &withheld).await?;
        let first_days: Vec<Timestamp> = starts[1..]
            .iter()
            .map(|start| Timestamp(start.0 + MICROS_PER_DAY))
            .collect();
        Ok(found.finish(&first_days))
    }

    /// Infrastructure events that touch the week.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn infrastructure(&self) -> Result<Vec<Infrastructure>> {
        Ok(self.infrastructure_rows(self.span()).await?.0)
    }

    pub(crate) async fn infrastructure_rows(
        &self,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<(Vec<Infrastructure>, i64)> {
        let rows = self.ledger.infrastructure(Some(start.0..end.0)).await?;
        let changed = rows.iter().map(|row| row.changed_at).max().unwrap_or(0);
        let events = rows
            .into_iter()
            .map(|row| Infrastructure {
                id: row.id,
                name: Text::new(row.name_zh, row.name_en),
                place: Text::new(row.place_zh, row.place_en),
                scope: row.scope,
                grade: u8::try_from(row.level).unwrap_or(4),
                start_at: row.start_at,
                end_at: row.end_at,
                effect: Text::new(row.effect_zh, row.effect_en),
            })
            .collect();
        Ok((events, changed))
    }

    /// Counts, rates and freezes the week.
    ///
    /// The instant the ledger was read at is given as that of the last change that matters: the
    /// commit of the lake snapshot, the last change of an infrastructure event, or of an incident that
    /// was handled or opened in the week. So freezing the same records again gives the same bytes. At
    /// that instant the times of incidents that go on are cut off ([`crate::turnaround`]).
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn freeze(&self, with: Freeze<'_>) -> Result<FrozenWeek> {
        self.frozen(with, None).await
    }

    /// Counts the week again as it was frozen: what the ledger learned since is not seen, and the lake
    /// is read at this week's snapshot.
    ///
    /// # Errors
    /// As [`Week::freeze`].
    pub async fn freeze_again(&self, with: Freeze<'_>, then: Then) -> Result<FrozenWeek> {
        self.frozen(with, Some(then)).await
    }

    async fn frozen(&self, with: Freeze<'_>, then: Option<Then>) -> Result<FrozenWeek> {
        let (tally, as_of) = self.counted(self.span(), then).await?;
        let earlier = if tally.names.is_empty() {
            EarlierNames::default()
        } else {
            self.earlier_names().await?
        };
        let infrastructure = self.infrastructure().await?;
        let restated = self.restated(with.statistics, with.past).await?;
        let past = restate::as_now(&restated, with.past);
        let with = Freeze {
            past: &past,
            ..with
        };
        let mut frozen = assemble(
            self.week,
            self.feeds,
            &tally,
            &earlier,
            infrastructure,
            with,
        );
        frozen.restated = restated;
        frozen.basis.lake_snapshot = self.snapshot.unsigned_abs();
        frozen.basis.ledger_as_of = Timestamp(as_of).to_string();
        if tally.cells.contains_key(RECORDS) {
            frozen.top = self.top().await?;
        }
        Ok(frozen)
    }

    /// The week's vulnerabilities to look at first, with what other feeds say of them: a catalog of
    /// exploited ones and published scores up to the end of the week, predictions of its last days.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn top(&self) -> Result<Vec<Vulnerability>> {
        let (records, marks) = self.vulnerabilities(self.span()).await?;
        Ok(records.finish(&marks))
    }

    /// Records of vulnerabilities within a span, with what other feeds say of them: a catalog of exploited ones and
    /// published scores up to its end, predictions of its last days.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn vulnerabilities(
        &self,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<(RecordScan, MarkScan)> {
        let withheld = supply::withheld(self.feeds);
        let make = || RecordScan::new(withheld.iter().cloned());
        let days = start.day().0..Timestamp(end.0 - 1).day().0 + 1;
        // Parts of feeds that say nothing of vulnerabilities need not be opened; a compacted one holds several.
        let (kind, snapshot) = (Some(LakeFileKind::Part), Some(self.snapshot));
        let files = self.ledger.live_files(snapshot, kind, Some(days)).await?;
        let tells = |name: &String| {
            let feed = self.feeds.iter().find(|feed| feed.name == *name);
            feed.is_none_or(supply::tells_of_vulnerabilities)
        };
        let files = files
            .into_iter()
            .filter(|file| file.feed.as_ref().is_none_or(tells));
        let parts: Vec<_> = files.map(part).collect();
        let scans = self
            .scan_parts(
                &parts,
                (start, end),
                PRIORITY_COLUMNS,
                make,
                RecordScan::add,
            )
            .await?;
        let records = scans.into_iter().reduce(|mut all, one| {
            all.merge(one);
            all
        });
        let records = records.unwrap_or_default();
        let wanted = records.wanted();
        let mut marks = MarkScan::default();
        if !wanted.is_empty() {
            let of = |formats: &[&str]| -> BTreeSet<String> {
                let active = self.feeds.iter().filter(|feed| supply::is_active(feed));
                active
                    .filter(|feed| formats.contains(&feed.format.as_str()))
                    .map(|feed| feed.name.clone())
                    .collect()
            };
            let catalogs = of(&["kev"]);
            for (feeds, days) in [
                (catalogs.clone(), 7 * HISTORY_WEEKS),
                (of(&["nvd", "cve"]), 7 * SCORED_WEEKS),
                (of(&["epss"]), PREDICTED_DAYS),
            ] {
                let from = Timestamp(end.0 - days * MICROS_PER_DAY);
                let mut parts = Vec::new();
                let days = from.day().0..Timestamp(end.0 - 1).day().0 + 1;
                let (kind, snapshot) = (Some(LakeFileKind::Part), Some(self.snapshot));
                for file in self.ledger.live_files(snapshot, kind, Some(days)).await? {
                    // A compacted part holds several feeds.
                    if file.feed.as_ref().is_none_or(|feed| feeds.contains(feed)) {
                        parts.push(part(file));
                    }
                }
                if feeds.is_empty() || parts.is_empty() {
                    continue;
                }
                let make = || MarkScan::new(wanted.clone(), catalogs.clone());
                let found = self
                    .scan_parts(&parts, (from, end), PRIORITY_COLUMNS, make, MarkScan::add)
                    .await?;
                found.into_iter().for_each(|one| marks.merge(one));
            }
        }
        Ok((records, marks))
    }

    /// The frozen weeks before this one, newest first, at most [`HISTORY_WEEKS`] of them: of each the
    /// revision that [`ledger::Ledger::baselines`] names, else the imported back issue.
    ///
    /// # Errors
    /// The ledger fails, or a stored week is damaged.
    pub async fn past(&self, series: &str, zone_name: &str) -> Result<Vec<FrozenWeek>> {
        self.past_at(series, zone_name, i64::MAX).await
    }

    /// The same as they were at an instant (microseconds UTC): revisions that were stored or approved
    /// later are not looked at.
    ///
    /// # Errors
    /// As [`Week::past`].
    pub async fn past_at(&self, series: &str, zone_name: &str, at: i64) -> Result<Vec<FrozenWeek>> {
        let mut found: BTreeMap<ReportingWeek, FrozenWeek> = BTreeMap::new();
        let oldest = self.week.plus(-HISTORY_WEEKS);
        let days = Day::of(oldest.monday()).0..Day::of(self.week.monday()).0;
        for row in self.ledger.history(series, Some(days.clone())).await? {
            let Some(week) = history::week_of(&row, zone_name)? else {
                continue;
            };
            // What was printed holds over what was computed back from a later issue.
            if row.kind == HistoryKind::Published || !found.contains_key(&week.week) {
                found.insert(week.week, week);
            }
        }
        // By week, not by number: numbers may be given by hand, and a scheme may change.
        for ((year, number), revision) in self.ledger.baselines(series, at).await? {
            let row = self.ledger.issue(series, year, number, revision).await?;
            let Some(row) = row.filter(|row| days.contains(&row.week_start)) else {
                continue;
            };
            let frozen = FrozenWeek::from_json(&format!("{year}-{number}"), &row.statistics)?;
            found.insert(frozen.week, frozen);
        }
        Ok(found
            .into_values()
            .rev()
            .filter(|week| week.week < self.week)
            .collect())
    }

    /// Lists what stands behind a figure, one line per key and part, in bounded memory: several
    /// passes over the week, each with a slice of the keys.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn explain(
        &self,
        statistic: &'static Statistic,
        each: &mut (dyn FnMut(Line) + Send),
    ) -> Result<()> {
        let statistic = statistic.at(self.week.monday());
        if statistic.observed == Observed::Listing {
            let inputs = statistics::explain::inputs(statistic);
            for feed in self.feeds.iter().filter(|feed| supply::is_active(feed)) {
                let parts = self.list_parts(feed, self.span()).await?;
                let source = lists::Source {
                    lake: self.lake,
                    parts: &parts,
                    feed,
                };
                let (start, end) = self.span();
                let (ledger, snapshot) = (self.ledger, self.snapshot);
                lists::explain(ledger, &source, snapshot, start..end, &inputs, each).await?;
            }
            return Ok(());
        }
        if statistic.observed == Observed::Handling {
            let (start, end) = self.span();
            let known_at = self.known_at(self.span()).await?;
            if let Some(week) = self.handling_week(self.span(), known_at, None).await? {
                let inputs = statistics::explain::inputs(statistic);
                let span = (start.0, end.0);
                handling::explain(self.ledger, &week, span, &inputs, each).await?;
            }
            return Ok(());
        }
        let tally = self.tally().await?;
        let earlier = match statistic.window {
            model::statistic::Window::Week | model::statistic::Window::Weeks { .. } => {
                EarlierNames::default()
            }
            model::statistic::Window::WeekFirstSeen { .. } => self.earlier_names().await?,
        };
        let inputs = statistics::explain::inputs(statistic);
        let read = |cell: &str| {
            inputs.iter().any(|input| {
                input == cell || (input.ends_with('/') && cell.starts_with(input.as_str()))
            })
        };
        let keys: u64 = tally
            .cells
            .iter()
            .filter(|(cell, _)| read(cell))
            .map(|(_, counted)| counted.count)
            .sum();
        let passes = passes(keys);
        let withheld = supply::withheld(self.feeds);
        for pass in 0..passes {
            let make = || Explanation::new(statistic, &earlier, withheld.clone(), (pass, passes));
            let parts = self
                .scan(self.span(), EXPLAIN_COLUMNS, make, Explanation::add)
                .await?;
            let merged = parts.into_iter().reduce(|mut all, one| {
                all.merge(one);
                all
            });
            merged
                .map(Explanation::finish)
                .unwrap_or_default()
                .into_iter()
                .for_each(&mut *each);
        }
        Ok(())
    }

    /// The assets that a statistic counts, with who saw them and where they belong: about 50 bytes each.
    ///
    /// # Errors
    /// [`crate::Error::NotACount`] of a statistic that counts nothing; the ledger or the lake fails.
    pub async fn assets(&self, statistic: &'static Statistic) -> Result<Assets> {
        let statistic = statistic.at(self.week.monday());
        let inputs = assets::inputs(statistic)?;
        if !assets::is_scanned(statistic) {
            let mut out = Assets::default();
            self.explain(statistic, &mut |line| out.put_line(&inputs, &line))
                .await?;
            return Ok(out);
        }
        let withheld = supply::withheld(self.feeds);
        let make = || AssetScan::new(&inputs, withheld.clone());
        let scans = self
            .scan(self.span(), BREAKDOWN_COLUMNS, make, AssetScan::add)
            .await?;
        let merged = scans.into_iter().reduce(|mut all, one| {
            all.merge(one);
            all
        });
        Ok(merged.map(AssetScan::finish).unwrap_or_default())
    }

    /// Divides the week's counts.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn breakdown(&self, by: By) -> Result<Vec<Division>> {
        let withheld = supply::withheld(self.feeds);
        let days: Vec<(Timestamp, String)> = self
            .week
            .days()
            .map(|date| {
                let start = self
                    .zone
                    .to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
                    .compatible();
                (
                    start
                        .map(|zoned| Timestamp::from(zoned.timestamp()))
                        .unwrap_or_default(),
                    date.to_string(),
                )
            })
            .collect();
        let earlier = self.earlier_names().await?;
        let make = || Breakdown::new(by, days.clone(), withheld.clone(), earlier.clone());
        let parts = self
            .scan(self.span(), BREAKDOWN_COLUMNS, make, Breakdown::add)
            .await?;
        let merged = parts.into_iter().reduce(|mut all, one| {
            all.merge(one);
            all
        });
        Ok(merged
            .map(|all| all.finish(&statistics::scanned()))
            .unwrap_or_default())
    }
}

/// A row of the manifest as the lake reads it.
fn part(file: LakeFile) -> Part {
    let day = i64::from(file.day) * MICROS_PER_DAY;
    Part {
        path: file.path,
        bytes: file.bytes.unsigned_abs(),
        rows: file.rows.unsigned_abs(),
        min_observed: file.min_observed_at.unwrap_or(day),
        max_observed: file.max_observed_at.unwrap_or(day + MICROS_PER_DAY - 1),
    }
}

/// The pure part of [`Week::freeze`]: values, rating and vulnerability level from a counted week.
pub fn assemble(
    week: ReportingWeek,
    feeds: &[Feed],
    tally: &WeekTally,
    earlier: &EarlierNames,
    infrastructure: Vec<Infrastructure>,
    with: Freeze<'_>,
) -> FrozenWeek {
    let monday = week.monday();
    let known: Vec<Supply> = with
        .past
        .first()
        .map(|last| last.supplies.clone())
        .unwrap_or_default();
    let sources = Sources::of(feeds, with.coverage, tally, monday, &known);
    let level = |values: &[model::statistic::StatisticValue]| {
        let rating = propose(
            with.vulnerability,
            RatedWeek {
                values,
                coverage: with.coverage,
            },
            &[],
            &[],
        );
        let at = usize::from(rating.level()?) - 1;
        Some(with.vulnerability.levels.get(at)?.id.clone())
    };
    let inputs = Inputs {
        monday,
        sources: &sources,
        earlier,
        level: &level,
    };
    let declared = statistics::at(with.statistics, monday);
    let values = statistics::evaluate(&declared, tally, &inputs);
    let former = restate::former(with.statistics, monday, tally, &inputs);
    let before: Vec<RatedWeek<'_>> = with.past.iter().map(FrozenWeek::rated).collect();
    let this = RatedWeek {
        values: &values,
        coverage: &sources.coverage,
    };
    let rating = propose(with.rating, this, &before, &infrastructure);
    let vulnerability = propose(with.vulnerability, this, &[], &[]);
    let beside = besides(tally);
    let mut source_schemas = with.source_schemas;
    source_schemas.sort();
    FrozenWeek {
        format: FROZEN_FORMAT,
        series: with.series.to_owned(),
        issue: with.issue,
        week,
        zone: with.zone_name.to_owned(),
        origin: Origin::Counted,
        basis: basis(source_schemas, with.reference, with.program),
        coverage: sources.coverage,
        supplies: sources.supplies,
        values,
        beside,
        infrastructure,
        rating: Some(rating),
        vulnerability: Some(vulnerability),
        top: Vec::new(),
        former,
        restated: Vec::new(),
    }
}

/// What values are computed by; snapshot and instant are filled in where they are known.
pub(crate) fn basis(
    source_schemas: Vec<(String, String)>,
    reference: &str,
    program: &str,
) -> Basis {
    Basis {
        lake_snapshot: 0,
        ledger_as_of: String::new(),
        reference: reference.to_owned(),
        identity_version: model::identity::IDENTITY_VERSION,
        classification: model::classification::CLASSIFICATION_VERSION.to_owned(),
        lake_schema: lake::schema::LAKE_SCHEMA_VERSION,
        source_schemas,
        program: program.to_owned(),
    }
}

/// The sizes that stand beside the figures, by name.
pub(crate) fn besides(tally: &WeekTally) -> Vec<Beside> {
    let warned = tally
        .cells
        .iter()
        .filter(|(name, _)| name.starts_with("warned."));
    let mut beside: Vec<Beside> = warned
        .map(|(name, counted)| Beside {
            name: name.clone(),
            counted: counted.clone(),
        })
        .collect();
    beside.extend(tally.events.iter().map(|(feed, count)| Beside {
        name: format!("events/{feed}"),
        counted: model::statistic::Counted::imported(*count),
    }));
    beside.extend(tally.cells.iter().filter(|(name, _)| is_charted(name)).map(
        |(name, counted)| Beside {
            name: name.clone(),
            counted: counted.clone(),
        },
    ));
    beside.sort_by(|a, b| a.name.cmp(&b.name));
    beside
}

/// Cells that a chart divides a figure by, without being a statistic themselves.
fn is_charted(cell: &str) -> bool {
    cell.starts_with("phishing.page.sector/") || cell.starts_with("vulnerability.object-high/")
}
