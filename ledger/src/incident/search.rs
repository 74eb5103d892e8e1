//! Finding incidents by a [`Query`], page by page, quickly however many there are.
//!
//! A page is asked for after the last row of the page before (its number, or its due time and number), never by
//! counting rows off. What an index leads to is read directly. What may be rare among many (a kind in a province in
//! a week) is looked for from the newest on in stretches of numbers, in an index that holds all that is asked for,
//! and after [`BUDGET`] numbers the page says how far it got. Counts end at [`COUNTED`]. So no query takes longer
//! than that much work, whatever is asked.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::OrganizationId;
use model::incident::IncidentState;
use model::time::Day;
use model::worded::Word;
use sea_orm::QueryTrait;
use sea_orm::sea_query::{Alias, Query as Sql};

use super::query::{Key, Query, days, span};
use super::*;
use crate::clock::{self, ClockState};
use crate::{assignment, bulk, campaign, directive, organization};

/// Numbers that are looked at for one page at most, where no index leads.
const BUDGET: i64 = 300_000;
/// Numbers that are looked at for a count at most, where no index leads: a count is worth less than a page.
const COUNT_BUDGET: i64 = 100_000;
/// The first stretch of numbers; each next is wider.
const STRETCH: i64 = 10_000;
/// Most that is counted.
pub const COUNTED: u64 = 10_000;
/// Rows that are taken up together from an index of words or of times.
const TOGETHER: u64 = 400;
/// Incidents of words that are counted at most: each is looked at, where others are counted in an index.
const COUNTED_BY_WORDS: u64 = 500;
/// Incidents of a word up to which it is told from others how rare it is.
const RARE: u64 = 100;
/// Times that [`TOGETHER`] rows are taken up for one page.
const ROUNDS: usize = 25;

/// What a query needs to know of the moment in which it is asked.
pub struct Moment<'a> {
    /// Now, microseconds UTC.
    pub now: i64,
    /// Login of whoever asks, for `assignee:me`.
    pub me: &'a str,
    /// When a day begins where the house is, microseconds UTC.
    pub begins: &'a (dyn Fn(Day) -> i64 + Sync),
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// What runs out first; only what runs.
    Clock,
}

/// What is looked for: a query at a moment.
#[derive(Clone, Debug)]
pub struct Search {
    condition: Condition,
    words: Vec<String>,
    order: Order,
    /// Whether an index leads to few enough rows.
    led: bool,
}

/// After which row a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// After this number.
    Number(i64),
    /// After this due time and number.
    Due(i64, i64),
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cursor::Number(number) => write!(f, "n{number}"),
            Cursor::Due(due, number) => write!(f, "d{due}.{number}"),
        }
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let number = |text: &str| text.parse::<i64>().map_err(drop);
        match (text.strip_prefix('n'), text.strip_prefix('d')) {
            (Some(rest), _) => Ok(Cursor::Number(number(rest)?)),
            (_, Some(rest)) => {
                let (due, of) = rest.split_once('.').ok_or(())?;
                Ok(Cursor::Due(number(due)?, number(of)?))
            }
            _ => Err(()),
        }
    }
}

/// A page of incidents.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The incidents.
    pub incidents: Vec<Incident>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
    /// Whether the page ended because enough was looked at, not because it was full.
    pub short: bool,
}

/// A count that ends somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// At least so many.
    pub count: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Query {
    /// What it looks for at a moment.
    pub fn search(&self, at: &Moment<'_>) -> Search {
        let mut condition = Condition::all();
        let mut led = !self.numbers.is_empty();
        for term in &self.terms {
            let any = term.values.iter().fold(Condition::any(), |any, value| {
                any.add(one(term.key, value, at))
            });
            condition = match term.not {
                true => condition.add(any.not()),
                false => condition.add(any),
            };
            led |= !term.not && leads(term.key, &term.values);
        }
        if !self.numbers.is_empty() {
            condition = condition.add(Column::Number.is_in(self.numbers.iter().copied()));
        }
        Search {
            condition,
            words: self.words.clone(),
            order: match self.of(Key::Sort).first().map(String::as_str) {
                Some("oldest") => Order::Oldest,
                Some("clock") => Order::Clock,
                _ => Order::Newest,
            },
            led,
        }
    }
}

/// Whether a term leads to few rows by an index: a thing with a name, or work that is not over.
fn leads(key: Key, values: &[String]) -> bool {
    let live = |value: &String| {
        value == "live"
            || value
                .parse::<IncidentState>()
                .is_ok_and(IncidentState::is_live)
    };
    match key {
        Key::Host | Key::Ip | Key::Campaign | Key::Clock => true,
        Key::Assignee => values.iter().all(|value| value != "none"),
        Key::State => values.iter().all(live),
        _ => false,
    }
}

/// The condition of one value.
fn one(key: Key, value: &str, at: &Moment<'_>) -> Condition {
    let all = Condition::all();
    let live = || {
        IncidentState::ALL
            .iter()
            .copied()
            .filter(|state| state.is_live())
    };
    match key {
        Key::State if value == "live" => all.add(Column::State.is_in(live().map(Text))),
        Key::State => all.add(Column::State.eq(value)),
        Key::Kind => all.add(Column::Kind.eq(value)),
        Key::Severity => all.add(Column::Severity.eq(value)),
        Key::Province => all.add(Column::Province.eq(format!("{value:0<6}"))),
        Key::Country => all.add(Column::Country.eq(value)),
        Key::Host => all.add(Column::Host.eq(value)),
        Key::Ip => all.add(Column::Ip.eq(value)),
        Key::Asn => all.add(Column::Asn.eq(value.parse::<i64>().unwrap_or(-1))),
        Key::Name => all.add(Column::Name.eq(value)),
        Key::Brand => all.add(Column::Brand.eq(value)),
        Key::Owner if value == "centre" => all.add(Column::Owner.is_null()),
        Key::Owner => {
            use organization::Column as Org;
            // An id is stored as text in the incident; a name is looked up.
            let named = Condition::any()
                .add(Org::NameZh.eq(value))
                .add(Org::NameEn.eq(value));
            let ids = organization::Entity::find()
                .select_only()
                .column(Org::Id)
                .filter(named)
                .into_query();
            let id = value
                .parse::<OrganizationId>()
                .map_or_else(|_| value.to_owned(), |id| id.to_string());
            all.add(
                Condition::any()
                    .add(Column::Owner.eq(id))
                    .add(Column::Owner.in_subquery(ids)),
            )
        }
        Key::Campaign => {
            use campaign::Column as Camp;
            let named = Condition::any()
                .add(Camp::Name.eq(value))
                .add(Camp::Id.eq(value));
            let ids = campaign::Entity::find()
                .select_only()
                .column(Camp::Id)
                .filter(named)
                .into_query();
            all.add(Column::CampaignId.in_subquery(ids))
        }
        Key::Flag => all.add(Column::Flags.contains(value)),
        Key::Border if value == "any" => all.add(Column::Border.ne("")),
        Key::Border => all.add(Column::Border.contains(value)),
        Key::Opened => within(Column::OpenedAt, value, at),
        Key::Closed => within(Column::ClosedAt, value, at),
        Key::Age => match span(value) {
            Some((true, long)) => all.add(Column::OpenedAt.lt(at.now - long)),
            Some((false, long)) => all.add(Column::OpenedAt.gt(at.now - long)),
            None => all,
        },
        Key::Clock => {
            let before = match (value, span(value)) {
                ("over", _) => at.now,
                (_, Some((_, long))) => at.now.saturating_add(long),
                _ => i64::MAX,
            };
            all.add(running(before))
        }
        Key::Assignee if value == "none" => {
            let any = assignment::Entity::find()
                .select_only()
                .column(assignment::Column::IncidentId)
                .into_query();
            all.add(Column::Id.not_in_subquery(any))
        }
        Key::Assignee => {
            let login = if value == "me" { at.me } else { value };
            let theirs = assignment::Entity::find()
                .select_only()
                .column(assignment::Column::IncidentId)
                .filter(assignment::Column::Login.eq(login))
                .into_query();
            all.add(Column::Id.in_subquery(theirs))
        }
        Key::Sort => all,
    }
}

/// An instant that lies within days.
fn within(column: Column, value: &str, at: &Moment<'_>) -> Condition {
    let mut all = Condition::all();
    if let Some((from, to)) = days(value) {
        if let Some(from) = from {
            all = all.add(column.gte((at.begins)(Day::of(from))));
        }
        if let Some(to) = to {
            all = all.add(column.lt((at.begins)(Day(Day::of(to).0 + 1))));
        }
    }
    all
}

/// What has a clock of the law, or a party whose time runs out, before an instant.
fn running(before: i64) -> Condition {
    let clocks = clock::Entity::find()
        .select_only()
        .column(clock::Column::IncidentId)
        .filter(clock::Column::State.eq(ClockState::Running))
        .filter(clock::Column::DueAt.lt(before))
        .into_query();
    let parties = directive::Entity::find()
        .select_only()
        .column(directive::Column::IncidentId)
        .filter(directive::Column::State.is_in([DirectiveState::Asked, DirectiveState::Answered]))
        .filter(directive::Column::DueAt.lt(before))
        .into_query();
    Condition::any()
        .add(Column::Id.in_subquery(clocks))
        .add(Column::Id.in_subquery(parties))
}

impl Search {
    /// In which order it lists.
    pub fn order(&self) -> Order {
        self.order
    }
}

/// Incidents of these numbers that a condition lets through, the newest first.
async fn of_numbers<C: ConnectionTrait>(
    db: &C,
    numbers: &[i64],
    condition: Condition,
) -> Result<Vec<Incident>> {
    let mut found = Vec::new();
    for chunk in numbers.chunks(bulk::LIST) {
        found.extend(
            Entity::find()
                .filter(Column::Number.is_in(chunk.iter().copied()))
                .filter(condition.clone())
                .order_by_desc(Column::Number)
                .all(db)
                .await?,
        );
    }
    Ok(found)
}

impl Ledger {
    /// A page of what is looked for, after `after`.
    pub async fn find_incidents(
        &self,
        search: &Search,
        reach: &Reach,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Found> {
        let condition = reach.condition().add(search.condition.clone());
        match (search.order, search.words.is_empty()) {
            (Order::Clock, _) => self.found_by_due(search, condition, after, limit).await,
            (order, false) => {
                self.found_by_words(search, condition, order, after, limit)
                    .await
            }
            (order, true) => {
                self.found_by_number(search, condition, order, after, limit)
                    .await
            }
        }
    }

    /// The first and the last number there are; `(0, 0)` without any.
    async fn numbers(&self) -> Result<(i64, i64)> {
        let end = async |ascending: bool| -> Result<Option<i64>> {
            let select = Entity::find().select_only().column(Column::Number);
            let select = match ascending {
                true => select.order_by_asc(Column::Number),
                false => select.order_by_desc(Column::Number),
            };
            Ok(select.into_tuple().one(self.reader()).await?)
        };
        Ok((
            end(true).await?.unwrap_or(0),
            end(false).await?.unwrap_or(0),
        ))
    }

    async fn found_by_number(
        &self,
        search: &Search,
        condition: Condition,
        order: Order,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Found> {
        let up = order == Order::Oldest;
        let (first, last) = self.numbers().await?;
        let begin = match (after, up) {
            (Some(Cursor::Number(number)), _) => number,
            (_, true) => first - 1,
            (_, false) => last + 1,
        };
        let wanted = limit as usize + 1;
        let (mut numbers, mut at, mut width): (Vec<i64>, _, _) = (Vec::new(), begin, STRETCH);
        if search.led {
            width = i64::MAX / 4;
        }
        let mut looked = 0;
        let ended = loop {
            let (low, high) = match up {
                true => (at + 1, at.saturating_add(width)),
                false => (at.saturating_sub(width), at - 1),
            };
            let select = Entity::find()
                .select_only()
                .column(Column::Number)
                .filter(Column::Number.between(low, high))
                .filter(condition.clone());
            let select = match up {
                true => select.order_by_asc(Column::Number),
                false => select.order_by_desc(Column::Number),
            };
            let left = (wanted - numbers.len()) as u64;
            let more: Vec<i64> = select.limit(left).into_tuple().all(self.reader()).await?;
            numbers.extend(more);
            at = if up { high } else { low };
            if numbers.len() >= wanted {
                break false;
            }
            if high >= last && up || low <= first && !up {
                break true;
            }
            looked += width;
            if looked >= BUDGET {
                break false;
            }
            width = Ord::min(width * 3, BUDGET - looked);
        };
        let full = numbers.len() >= wanted;
        numbers.truncate(limit as usize);
        let next = match (full, ended) {
            (true, _) => numbers.last().map(|number| Cursor::Number(*number)),
            (false, true) => None,
            (false, false) => Some(Cursor::Number(at)),
        };
        let mut incidents = of_numbers(self.reader(), &numbers, Condition::all()).await?;
        if up {
            incidents.reverse();
        }
        Ok(Found {
            incidents,
            next,
            short: !full && !ended,
        })
    }

    /// Keys of a word whose numbers lie below (or, upwards, above) `at`.
    async fn numbers_of_word(&self, word: &str, at: i64, up: bool, most: u64) -> Result<Vec<i64>> {
        use wording::Column as Words;
        let base = wording::base(word);
        let (low, high) = match up {
            true => (base + (at + 1).clamp(0, 0xffff_ffff), base + 0xffff_ffff),
            false => (base, base + (at - 1).clamp(0, 0xffff_ffff)),
        };
        let select = wording::Entity::find().filter(Words::Key.between(low, high));
        let select = match up {
            true => select.order_by_asc(Words::Key),
            false => select.order_by_desc(Words::Key),
        };
        let rows = select.limit(most).all(self.reader()).await?;
        Ok(rows.into_iter().map(|row| row.key - base).collect())
    }

    async fn found_by_words(
        &self,
        search: &Search,
        condition: Condition,
        order: Order,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Found> {
        let (numbers, next, short) = self
            .numbers_by_words(search, condition, order, after, limit)
            .await?;
        let mut incidents = of_numbers(self.reader(), &numbers, Condition::all()).await?;
        if order == Order::Oldest {
            incidents.reverse();
        }
        Ok(Found {
            incidents,
            next,
            short,
        })
    }

    /// Numbers of a page of what holds all words; where the next begins, and whether enough was looked at.
    async fn numbers_by_words(
        &self,
        search: &Search,
        condition: Condition,
        order: Order,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<i64>, Option<Cursor>, bool)> {
        let up = order == Order::Oldest;
        let mut words: BTreeSet<String> = BTreeSet::new();
        for word in &search.words {
            let own = wording::words(word);
            // A host that is asked for as a whole is found as a whole.
            match own.contains(word) {
                true => drop(words.insert(word.clone())),
                false => words.extend(own),
            }
        }
        let begin = match (after, up) {
            (Some(Cursor::Number(number)), _) => number,
            (_, true) => 0,
            (_, false) => i64::from(u32::MAX),
        };
        // The rarest word leads.
        let mut leading: Option<(usize, String)> = None;
        for word in &words {
            let count = self.numbers_of_word(word, begin, up, RARE).await?.len();
            if leading.as_ref().is_none_or(|(least, _)| count < *least) {
                leading = Some((count, word.clone()));
            }
        }
        let Some((_, lead)) = leading else {
            return Ok((Vec::new(), None, false));
        };
        let (mut all, mut at, mut most): (Vec<i64>, _, _) =
            (Vec::new(), begin, limit.clamp(50, TOGETHER));
        for round in 0.. {
            let mut numbers = self.numbers_of_word(&lead, at, up, most).await?;
            let ended = (numbers.len() as u64) < most;
            at = numbers.last().copied().unwrap_or(at);
            for other in words.iter().filter(|word| **word != lead) {
                let base = wording::base(other);
                let keys = numbers.iter().map(|number| base + number);
                let rows = wording::Entity::find().filter(wording::Column::Key.is_in(keys));
                let held: BTreeSet<i64> = rows
                    .all(self.reader())
                    .await?
                    .iter()
                    .map(|row| row.key - base)
                    .collect();
                numbers.retain(|number| held.contains(number));
            }
            let mut let_through: Vec<i64> = Entity::find()
                .select_only()
                .column(Column::Number)
                .filter(Column::Number.is_in(numbers))
                .filter(condition.clone())
                .order_by_desc(Column::Number)
                .into_tuple()
                .all(self.reader())
                .await?;
            if up {
                let_through.reverse();
            }
            all.extend(let_through);
            let full = all.len() as u64 > limit;
            if full || ended || round + 1 >= ROUNDS {
                all.truncate(limit as usize);
                let next = match (full, ended) {
                    (true, _) => all.last().map(|number| Cursor::Number(*number)),
                    (false, true) => None,
                    (false, false) => Some(Cursor::Number(at)),
                };
                return Ok((all, next, !full && !ended));
            }
            // The first stretch is as long as the page: where most fit, no row is read in vain.
            most = TOGETHER;
        }
        Ok((all, None, false))
    }

    /// When the first thing of each of these incidents runs out.
    pub async fn first_due(&self, ids: &[IncidentId]) -> Result<BTreeMap<IncidentId, i64>> {
        let mut first: BTreeMap<IncidentId, i64> = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let own = || chunk.iter().map(|id| Text(*id));
            let clocks: Vec<(Text<IncidentId>, i64)> = clock::Entity::find()
                .select_only()
                .column(clock::Column::IncidentId)
                .column(clock::Column::DueAt)
                .filter(clock::Column::IncidentId.is_in(own()))
                .filter(clock::Column::State.eq(ClockState::Running))
                .into_tuple()
                .all(self.reader())
                .await?;
            let parties: Vec<(Text<IncidentId>, Option<i64>)> = directive::Entity::find()
                .select_only()
                .column(directive::Column::IncidentId)
                .column(directive::Column::DueAt)
                .filter(directive::Column::IncidentId.is_in(own()))
                .filter(
                    directive::Column::State
                        .is_in([DirectiveState::Asked, DirectiveState::Answered]),
                )
                .into_tuple()
                .all(self.reader())
                .await?;
            let parties = parties.into_iter().filter_map(|(id, due)| Some((id, due?)));
            for (id, due) in clocks.into_iter().chain(parties) {
                let least = first.entry(id.0).or_insert(due);
                *least = Ord::min(*least, due);
            }
        }
        Ok(first)
    }

    /// Incidents whose something runs out at or after `from`, and until when that is complete.
    async fn due_from(&self, from: i64, most: u64) -> Result<(BTreeSet<IncidentId>, Option<i64>)> {
        let clocks: Vec<(Text<IncidentId>, i64)> = clock::Entity::find()
            .select_only()
            .column(clock::Column::IncidentId)
            .column(clock::Column::DueAt)
            .filter(clock::Column::State.eq(ClockState::Running))
            .filter(clock::Column::DueAt.gte(from))
            .order_by_asc(clock::Column::DueAt)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut lists = vec![clocks];
        for state in [DirectiveState::Asked, DirectiveState::Answered] {
            let rows: Vec<(Text<IncidentId>, Option<i64>)> = directive::Entity::find()
                .select_only()
                .column(directive::Column::IncidentId)
                .column(directive::Column::DueAt)
                .filter(directive::Column::State.eq(state))
                .filter(directive::Column::DueAt.gte(from))
                .order_by_asc(directive::Column::DueAt)
                .limit(most)
                .into_tuple()
                .all(self.reader())
                .await?;
            lists.push(
                rows.into_iter()
                    .filter_map(|(id, due)| Some((id, due?)))
                    .collect(),
            );
        }
        // Complete up to the earliest end of a list that was cut.
        let cut = lists.iter().filter(|list| list.len() as u64 >= most);
        let until = cut
            .filter_map(|list| list.last().map(|(_, due)| *due))
            .min();
        let within = lists
            .iter()
            .flatten()
            .filter(|(_, due)| until.is_none_or(|until| *due <= until));
        Ok((within.map(|(id, _)| id.0).collect(), until))
    }

    async fn found_by_due(
        &self,
        search: &Search,
        mut condition: Condition,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Found> {
        for word in &search.words {
            condition = condition.add(Column::What.contains(word.as_str()));
        }
        let after = match after {
            Some(Cursor::Due(due, number)) => (due, number),
            _ => (i64::MIN, i64::MIN),
        };
        let (mut from, mut most) = (after.0, TOGETHER);
        let mut all: Vec<((i64, i64), Incident)> = Vec::new();
        for round in 0.. {
            let (ids, until) = self.due_from(from, most).await?;
            let ids: Vec<_> = ids.into_iter().collect();
            let first = self.first_due(&ids).await?;
            // One that runs out earlier was on an earlier page.
            let own: Vec<_> = ids
                .iter()
                .filter(|id| {
                    first
                        .get(id)
                        .is_some_and(|due| *due >= from && until.is_none_or(|end| *due <= end))
                })
                .collect();
            for chunk in own.chunks(bulk::LIST) {
                let rows = Entity::find()
                    .filter(Column::Id.is_in(chunk.iter().map(|id| Text(**id))))
                    .filter(condition.clone());
                for row in rows.all(self.reader()).await? {
                    let place = (
                        first.get(&row.id.0).copied().unwrap_or_default(),
                        row.number,
                    );
                    if place > after && !all.iter().any(|(other, _)| *other == place) {
                        all.push((place, row));
                    }
                }
            }
            all.sort_by_key(|(place, _)| *place);
            let full = all.len() as u64 > limit;
            let (more, short) = (
                until.is_some(),
                round + 1 >= ROUNDS && !full && until.is_some(),
            );
            if full || !more || short {
                all.truncate(limit as usize);
                let last = all
                    .last()
                    .map(|((due, number), _)| Cursor::Due(*due, *number));
                let next = match (full, short) {
                    (true, _) => last,
                    (_, true) => until.map(|until| Cursor::Due(until, i64::MAX)),
                    _ => None,
                };
                let incidents = all.into_iter().map(|(_, row)| row).collect();
                return Ok(Found {
                    incidents,
                    next,
                    short,
                });
            }
            // Many of one instant: more of them together.
            match until {
                Some(until) if until > from => from = until,
                _ => most = most.saturating_mul(4),
            }
        }
        Ok(Found::default())
    }

    /// How many are found, up to [`COUNTED`]; where no index leads, among the newest [`COUNT_BUDGET`] numbers.
    pub async fn count_found(&self, search: &Search, reach: &Reach) -> Result<Bounded> {
        let mut condition = reach.condition().add(search.condition.clone());
        if !search.words.is_empty() {
            let (numbers, next, _) = self
                .numbers_by_words(search, condition, Order::Newest, None, COUNTED_BY_WORDS)
                .await?;
            return Ok(Bounded {
                count: numbers.len() as u64,
                more: next.is_some(),
            });
        }
        if search.order == Order::Clock {
            condition = condition.add(running(i64::MAX));
        }
        let led = search.led || search.order == Order::Clock;
        let (first, last) = self.numbers().await?;
        let low = match led {
            true => first,
            false => Ord::max(first, last - COUNT_BUDGET),
        };
        let some = Entity::find()
            .select_only()
            .column(Column::Number)
            .filter(Column::Number.gte(low))
            .filter(condition)
            .limit(COUNTED + 1)
            .into_query();
        let count = Sql::select()
            .expr_as(Expr::cust("count(*)"), Alias::new("n"))
            .from_subquery(some, Alias::new("some"))
            .to_owned();
        let row = self.reader().query_one(&count).await?;
        let count = row
            .map(|row| row.try_get::<i64>("", "n"))
            .transpose()?
            .unwrap_or(0);
        let count = u64::try_from(count).unwrap_or(0);
        Ok(Bounded {
            count: Ord::min(count, COUNTED),
            more: count > COUNTED || low > first,
        })
    }
}
