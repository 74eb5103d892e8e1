//! Block lists followed from snapshot to snapshot: who is new, who stays, who is off, and for how long.
//!
//! Nothing is kept for it. An undated list gives one event per item and UTC day, so the events say who
//! was listed on which day, and the profiles of the reports say which days the list was delivered on and
//! whether it was whole; the rules are those of [`model::listing`]. So whatever is ingested again, late,
//! in another order or after a kill, the listings are those of the stored reports.
//!
//! An item is a bit a day in a table of hashed keys. When the table outgrows its memory, half of the
//! keys wait for another pass: memory is bounded whatever the length of the lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use lake::Lake;
use lake::arrow::array::{Array, AsArray, RecordBatch};
use lake::arrow::datatypes::{UInt32Type, UInt64Type};
use lake::query::Part;
use ledger::Ledger;
use model::feed::Feed;
use model::field::{Field, Kind, OBSERVABLES};
use model::ids::EventId;
use model::listing::{ListDay, ListingState, Snapshot, Stay, Survival, list_days};
use model::time::{Day, MICROS_PER_DAY, Timestamp};

use model::statistic::{Counted, Observed, SourceCount};

use self::items::{ItemRows, Items, item_columns, item_key};
use crate::statistics::WeekTally;
use crate::statistics::cells::Evidence;
use crate::statistics::explain::{EventPlace, Line};
use crate::{Error, Result};

mod items;

/// Weeks whose stays tell how long an item stays listed.
pub const STAY_WEEKS: u32 = 52;
/// Bytes of items held at a time.
const HELD_BYTES: usize = 192 << 20;
/// Of an explanation, which holds lines and events besides.
const EXPLAINED_BYTES: usize = 32 << 20;

/// The days of each of a feed's lists, by name; a feed that is one list has one without a name.
pub type Lists = BTreeMap<String, Vec<ListDay>>;

/// The lists of a feed as a lake snapshot has them (`None`: now), as far as they stand for an instant
/// of the span.
///
/// # Errors
/// The ledger fails.
pub async fn lists(
    ledger: &Ledger,
    feed: &str,
    snapshot: Option<i64>,
    span: Range<Timestamp>,
) -> Result<Lists> {
    let verdicts = ledger.verdicts(Some(feed)).await?;
    let mut all: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for row in ledger.profile_heads(feed, snapshot).await? {
        if let Some((list, one)) = row.snapshot(&verdicts)
            && span.contains(&one.at)
        {
            all.entry(list.to_owned()).or_default().push(one);
        }
    }
    Ok(all
        .into_iter()
        .map(|(name, snapshots)| (name, list_days(&snapshots)))
        .collect())
}

/// One item's time on one list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<'a> {
    /// The list; empty where the feed is one.
    pub list: &'a str,
    /// Kind of item: ip, url, domain ...
    pub kind: &'static str,
    /// The item.
    pub item: &'a str,
    /// The list's days, up to the last that is looked at.
    pub days: &'a [ListDay],
    /// Its stays, in order; there is at least one.
    pub stays: Vec<Stay>,
}

impl Listing<'_> {
    /// Its last stay.
    pub fn stay(&self) -> &Stay {
        &self.stays[self.stays.len() - 1]
    }

    /// Where it stands on the last day.
    pub fn state(&self) -> ListingState {
        ListingState::of(self.stay(), self.days.len())
    }

    /// The first instant it was seen listed.
    pub fn first_seen(&self) -> Timestamp {
        self.days[self.stays[0].first].at
    }

    /// The last.
    pub fn last_seen(&self) -> Timestamp {
        self.days[self.stay().last].at
    }

    /// The first whole snapshot without it, where it is delisted.
    pub fn delisted_at(&self) -> Option<Timestamp> {
        self.stay().ended.map(|at| self.days[at].at)
    }

    /// Days of a stay: to the first whole day without it, or to the last day that is looked at.
    pub fn length(&self, stay: &Stay) -> u32 {
        let end = stay.ended.unwrap_or(self.days.len() - 1);
        let days = self.days[end].day.0 - self.days[stay.first].day.0;
        days.unsigned_abs()
    }
}

/// Where a feed's events lie and how its lists are told apart.
pub struct Source<'a> {
    /// The event store.
    pub lake: &'a Lake,
    /// Parts that hold the feed's events, and perhaps others'.
    pub parts: &'a [Part],
    /// The feed.
    pub feed: &'a Feed,
}

impl Source<'_> {
    /// The SELECT of the rows that are items of the lists, in a span of days.
    fn select(&self, first: Day, last: Day, more: &str) -> String {
        let field = self
            .feed
            .from_path
            .as_ref()
            .and_then(|from| Field::named(&from.field));
        let list = match field.filter(|field| field.kind() == Kind::Text) {
            Some(field) => format!("coalesce({}, '')", field.column()),
            None => "''".to_owned(),
        };
        let columns: Vec<String> = item_columns()
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let time = |day: i64| {
            let at = Timestamp(day * MICROS_PER_DAY).to_string();
            at.replace('T', " ").trim_end_matches('Z').to_owned()
        };
        format!(
            "SELECT CAST(observed_at AS BIGINT) AS at, {list} AS list, source_port, {}{more} FROM events \
             WHERE feed = '{}' AND observed_at >= TIMESTAMP '{}' AND observed_at < TIMESTAMP '{}'",
            columns.join(", "),
            self.feed.name,
            time(i64::from(first.0)),
            time(i64::from(last.0) + 1)
        )
    }

    async fn rows(
        &self,
        sql: &str,
        each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
    ) -> Result<()> {
        let scan = |error: &dyn std::fmt::Display| Error::Scan(error.to_string());
        let mut stream = self
            .lake
            .query(self.parts, sql)
            .await
            .map_err(|error| scan(&error))?;
        while let Some(batch) =
            std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
        {
            each(&batch.map_err(|error| scan(&error))?)?;
        }
        Ok(())
    }

    /// The items of the next slice of the keys; `None` when there is none left.
    async fn slice<'l>(
        &self,
        lists: &'l Lists,
        waiting: &mut Vec<(u64, u64)>,
        bytes: usize,
    ) -> Result<Option<Items<'l>>> {
        let days = || lists.values().flatten().map(|day| day.day);
        let (Some(first), Some(last)) = (days().min(), days().max()) else {
            return Ok(None);
        };
        let Some(slice) = waiting.pop().filter(|_| !self.parts.is_empty()) else {
            return Ok(None);
        };
        let mut items = Items::new(lists, slice);
        self.rows(&self.select(first, last, ""), &mut |batch| {
            items.add(batch)?;
            while items.bytes() > bytes && items.can_halve() {
                waiting.push(items.halve());
            }
            Ok(())
        })
        .await?;
        Ok(Some(items))
    }

    /// Calls `each` with every item that any of the lists' days names, in order of list and item as
    /// long as they fit into memory, else slice by slice.
    ///
    /// # Errors
    /// The lake fails.
    pub async fn each(
        &self,
        lists: &Lists,
        each: &mut (dyn FnMut(&Listing<'_>) + Send),
    ) -> Result<()> {
        self.each_within(lists, HELD_BYTES, each).await
    }

    /// [`Source::each`] with other bytes held at a time.
    ///
    /// # Errors
    /// The lake fails.
    pub async fn each_within(
        &self,
        lists: &Lists,
        bytes: usize,
        each: &mut (dyn FnMut(&Listing<'_>) + Send),
    ) -> Result<()> {
        let mut waiting = vec![(0, 1)];
        while let Some(items) = self.slice(lists, &mut waiting, bytes).await? {
            items.finish(each);
        }
        Ok(())
    }
}

/// A week of one feed's lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListWeek {
    /// Whether any of them was delivered in the week.
    pub delivered: bool,
    /// Listings that began in the week.
    pub new: u64,
    /// Listings that began before and stand at its end.
    pub continuing: u64,
    /// Listings that ended in the week.
    pub delisted: u64,
    /// Lengths of the stays that began in [`STAY_WEEKS`] up to the week.
    pub stays: Survival,
}

/// What a listing is in a week.
struct InWeek {
    new: Option<Stay>,
    continuing: bool,
    delisted: Option<Stay>,
}

fn in_week(listing: &Listing<'_>, week: &Range<Timestamp>) -> InWeek {
    let days = listing.days;
    let within = |at: usize| week.contains(&days[at].at);
    let delivered = days.last().is_some_and(|day| week.contains(&day.at));
    let last = listing.stay();
    let begun = |stay: &&Stay| !stay.before && within(stay.first);
    InWeek {
        new: listing.stays.iter().find(begun).copied(),
        continuing: delivered
            && last.ended.is_none()
            && (last.before || days[last.first].at < week.start),
        delisted: listing
            .stays
            .iter()
            .rfind(|stay| stay.ended.is_some_and(within))
            .copied(),
    }
}

/// Stays that tell how long: those whose beginning is known, begun in [`STAY_WEEKS`].
fn telling<'l>(
    listing: &'l Listing<'_>,
    week: &Range<Timestamp>,
) -> impl Iterator<Item = &'l Stay> {
    let from = stays_from(week);
    let days = listing.days;
    listing
        .stays
        .iter()
        .filter(move |stay| !stay.before && days[stay.first].at >= from)
}

fn stays_from(week: &Range<Timestamp>) -> Timestamp {
    Timestamp(week.end.0 - i64::from(STAY_WEEKS) * 7 * MICROS_PER_DAY)
}

/// The span of snapshots that a week looks at: a quarter more than [`STAY_WEEKS`], so that a stay at
/// their beginning has a day before it.
fn looked_at(week: &Range<Timestamp>) -> Range<Timestamp> {
    Timestamp(stays_from(week).0 - 13 * 7 * MICROS_PER_DAY)..week.end
}

/// Counts a feed's lists in a week.
///
/// # Errors
/// The ledger or the lake fails.
pub async fn list_week(
    ledger: &Ledger,
    source: &Source<'_>,
    snapshot: Option<i64>,
    week: Range<Timestamp>,
) -> Result<ListWeek> {
    let lists = lists(ledger, &source.feed.name, snapshot, looked_at(&week)).await?;
    let mut sum = ListWeek {
        delivered: lists.values().flatten().any(|day| week.contains(&day.at)),
        ..ListWeek::default()
    };
    source
        .each(&lists, &mut |listing| {
            let here = in_week(listing, &week);
            sum.new += u64::from(here.new.is_some());
            sum.continuing += u64::from(here.continuing);
            sum.delisted += u64::from(here.delisted.is_some());
            for stay in telling(listing, &week) {
                sum.stays.add(listing.length(stay), stay.ended.is_some());
            }
        })
        .await?;
    Ok(sum)
}

/// Puts the lists' counts into a week's tally: the cells `listing.*`, and that their feeds bring them.
pub(crate) fn place(tally: &mut WeekTally, weeks: Vec<(String, ListWeek)>) {
    let mut stays = Survival::default();
    let mut cells: [(&str, Vec<SourceCount>); 3] = [
        ("listing.new", Vec::new()),
        ("listing.continuing", Vec::new()),
        ("listing.delisted", Vec::new()),
    ];
    for (feed, week) in weeks {
        if week.delivered {
            tally.evidence.push(Evidence {
                feed: feed.clone(),
                observed: Observed::Listing,
                fields: 0,
            });
        }
        let counts = [week.new, week.continuing, week.delisted];
        for ((_, sources), count) in cells.iter_mut().zip(counts) {
            sources.push(SourceCount {
                feeds: vec![feed.clone()],
                count,
            });
        }
        stays.merge(week.stays);
    }
    tally.evidence.sort();
    for (name, sources) in cells {
        if !sources.is_empty() {
            tally.cells.insert(name.to_owned(), Counted::of(sources));
        }
    }
    let measured = [
        ("listing.stay.median", stays.quantile(500).map(u64::from)),
        ("listing.stay.p90", stays.quantile(900).map(u64::from)),
        ("listing.stay.n", Some(stays.n()).filter(|n| *n > 0)),
        (
            "listing.stay.going-on",
            Some(stays.going_on()).filter(|_| stays.n() > 0),
        ),
    ];
    for (name, value) in measured {
        if let Some(value) = value {
            tally
                .cells
                .insert(name.to_owned(), Counted::imported(value));
        }
    }
}

/// A line of an explanation whose event is still to be found.
struct Wanted {
    input: &'static str,
    key: String,
    day: Day,
}

/// Lists what stands behind the `listing.*` cells of one feed: a line a listing, with the event of the
/// day that it began, or was last seen.
///
/// # Errors
/// The ledger or the lake fails.
pub async fn explain(
    ledger: &Ledger,
    source: &Source<'_>,
    snapshot: i64,
    week: Range<Timestamp>,
    inputs: &[String],
    each: &mut (dyn FnMut(Line) + Send),
) -> Result<()> {
    let lists = lists(ledger, &source.feed.name, Some(snapshot), looked_at(&week)).await?;
    let mut waiting = vec![(0, 1)];
    while let Some(items) = source.slice(&lists, &mut waiting, EXPLAINED_BYTES).await? {
        let mut wanted: HashMap<u128, Vec<Wanted>> = HashMap::new();
        let mut scratch = String::new();
        items.finish(&mut |listing| {
            let lines = wanted_lines(listing, &week, inputs);
            if !lines.is_empty() {
                let key = item_key(listing.list, listing.kind, listing.item, &mut scratch);
                wanted.entry(key).or_default().extend(lines);
            }
        });
        let found = events(source, &wanted).await?;
        let mut lines: BTreeMap<(&str, String), Line> = BTreeMap::new();
        for (key, wanted) in wanted {
            for one in wanted {
                let mut events = found.get(&(key, one.day)).cloned().unwrap_or_default();
                events.sort();
                let line = Line {
                    input: one.input.to_owned(),
                    key: one.key.clone(),
                    feeds: vec![source.feed.name.clone()],
                    events,
                };
                lines.insert((one.input, one.key), line);
            }
        }
        lines.into_values().for_each(&mut *each);
    }
    Ok(())
}

fn wanted_lines(listing: &Listing<'_>, week: &Range<Timestamp>, inputs: &[String]) -> Vec<Wanted> {
    let here = in_week(listing, week);
    let day = |at: usize| listing.days[at].day;
    let name = match listing.list {
        "" => listing.item.to_owned(),
        list => format!("{list}/{}", listing.item),
    };
    let mut lines = Vec::new();
    let mut line = |input: &'static str, key: String, day: Day| {
        if inputs.iter().any(|wanted| wanted == input) {
            lines.push(Wanted { input, key, day });
        }
    };
    if let Some(stay) = here.new {
        line("listing.new", name.clone(), day(stay.first));
    }
    if here.continuing {
        line("listing.continuing", name.clone(), day(listing.stay().last));
    }
    if let Some(stay) = here.delisted {
        line("listing.delisted", name.clone(), day(stay.last));
    }
    for stay in telling(listing, week) {
        let since = listing.days[stay.first].day;
        let ended = match stay.ended {
            Some(_) => "ended",
            None => "going on",
        };
        let days = listing.length(stay);
        line(
            "listing.stay.n",
            format!("{name} (from {since}, {days} days, {ended})"),
            since,
        );
    }
    lines
}

async fn events(
    source: &Source<'_>,
    wanted: &HashMap<u128, Vec<Wanted>>,
) -> Result<HashMap<(u128, Day), Vec<EventPlace>>> {
    let days: BTreeSet<Day> = wanted.values().flatten().map(|one| one.day).collect();
    let mut found: HashMap<(u128, Day), Vec<EventPlace>> = HashMap::new();
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Ok(found);
    };
    let sql = source.select(*first, *last, ", event_id, report, member, line");
    let (mut item, mut scratch) = (String::new(), String::new());
    let at = 3 + OBSERVABLES.len();
    source
        .rows(&sql, &mut |batch| {
            let rows = ItemRows::of(batch)?;
            let (ids, reports) = (
                batch.column(at).as_string_opt::<i32>(),
                batch.column(at + 1).as_string_opt::<i32>(),
            );
            let members = batch.column(at + 2).as_primitive_opt::<UInt32Type>();
            let lines = batch.column(at + 3).as_primitive_opt::<UInt64Type>();
            let (Some(ids), Some(reports), Some(members), Some(lines)) =
                (ids, reports, members, lines)
            else {
                return Err(Error::Scan(
                    "columns of the lists are of another type".to_owned(),
                ));
            };
            for row in 0..batch.num_rows() {
                let Some(place) = rows.item(row, &mut item) else {
                    continue;
                };
                let kind = OBSERVABLES[place].1;
                let key = item_key(rows.list.value(row), kind, &item, &mut scratch);
                let day = rows.day(row);
                if !wanted
                    .get(&key)
                    .is_some_and(|lines| lines.iter().any(|one| one.day == day))
                {
                    continue;
                }
                found.entry((key, day)).or_default().push(EventPlace {
                    event: event_id(ids.value(row)),
                    report: reports.value(row).to_owned(),
                    member: if members.is_valid(row) {
                        members.value(row)
                    } else {
                        0
                    },
                    line: lines.value(row),
                });
            }
            Ok(())
        })
        .await?;
    Ok(found)
}

/// An identity from its text.
fn event_id(text: &str) -> EventId {
    text.parse().unwrap_or_default()
}
