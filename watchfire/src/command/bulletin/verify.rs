//! `watchfire bulletin verify`: a frozen issue made again from stored records, and compared to the byte.
//!
//! Five questions, one after the other: is the row what it was when it was frozen (its hash); do the
//! records give the same figures, read at the lake's snapshot and with the ledger as it was known then; do
//! the frozen figures give the same bulletin; are the fonts the same; does the audit trail name the same signer of the same content. Where a retention rule has taken
//! records away since, the figures that rest on them can't be counted again: it is said which rule and
//! when, and for them the hash of the row is all the proof there is.

mod signer;

use std::collections::{BTreeMap, BTreeSet};

use bulletin::editorial::Around;
use bulletin::frozen::FrozenWeek;
use bulletin::lists::STAY_WEEKS;
use bulletin::render::Fonts;
use bulletin::statistics::{self, malware::FIRST_SEEN_WEEKS};
use ledger::{EditionKey, Expiry, Issue, Retained};
use model::bulletin::Bulletin;
use model::newsroom::Step;
use model::statistic::{Measured, Observed, Quantity, Statistic, StatisticValue, Window};
use model::time::{Day, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::weekly::{Counted, Desk, number};
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

/// Differences of the bulletin that are listed; the rest is counted.
const LISTED: usize = 20;

/// Make a frozen issue again from stored records and compare it to the byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 4 where something differs. Where records have expired by a retention rule it says which rule
and when, and checks the frozen figures by their hash.

Examples:
  watchfire bulletin verify 2023-3
  watchfire bulletin verify 2023-3 --revision 1 --json")]
pub struct Args {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
    /// Another revision than the newest approved, else the newest draft.
    #[arg(long)]
    revision: Option<i32>,
}

/// A figure that the records do not give again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Its key: `M2`, `M5/440000`.
    pub figure: String,
    /// Its exact value as frozen.
    pub printed: String,
    /// Its exact value as counted now.
    pub recounted: String,
    /// What may be behind it.
    pub reasons: Vec<String>,
}

/// What a rule took away of what the issue rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// The rule.
    pub rule: String,
    /// `events` or `raw`.
    pub what: String,
    /// The feed.
    pub feed: String,
    /// Events, or raw reports.
    pub count: i64,
    /// Their days.
    pub first_day: String,
    /// The last of them.
    pub last_day: String,
    /// When the rule was applied, RFC 3339.
    pub expired_at: String,
}

/// What verification found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// The issue.
    pub issue: String,
    /// Its revision.
    pub revision: i32,
    /// Its hash.
    pub hash: String,
    /// Whether the row still has that hash.
    pub intact: bool,
    /// Figures that were counted again.
    pub recounted: usize,
    /// Figures that rest on expired records: proved by the hash alone.
    pub by_hash_only: usize,
    /// Figures that differ.
    pub figures: Vec<Differing>,
    /// Whether the whole frozen week is the same to the byte, but for what names the present.
    pub frozen_same: bool,
    /// Parts of the frozen week besides the figures that differ: path, frozen, now.
    pub frozen_differences: Vec<[String; 3]>,
    /// Whether the composed bulletin is the same to the byte.
    pub bulletin_same: bool,
    /// Where it differs: path, frozen, now.
    pub bulletin_differences: Vec<[String; 3]>,
    /// Who signed it, where the audit trail says so too; none of a draft.
    pub signed_by: Option<String>,
    /// Where row and audit trail disagree about who signed what, or the chain does not hold.
    pub signature: Vec<String>,
    /// Fonts whose hash differs, or that are not there.
    pub fonts: Vec<String>,
    /// What is different today and does no harm by itself.
    pub notes: Vec<String>,
    /// What retention rules took.
    pub expired: Vec<Expired>,
}

impl Verdict {
    /// Whether everything that could be checked is as it was.
    pub fn holds(&self) -> bool {
        self.intact
            && self.figures.is_empty()
            && self.frozen_same
            && self.bulletin_same
            && self.signature.is_empty()
            && self.fonts.is_empty()
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let stored = super::stored(&workspace, number(named)?, args.revision)?;
    let desk = Desk::new(&workspace)?;
    let fonts = super::fonts(&workspace, &session.talk);
    let verdict = verify(&workspace, &desk, &stored, fonts.as_ref())?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&verdict)?,
        false => print(&verdict, &mut out)?,
    }
    out.end()?;
    match verdict.holds() {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

/// Verifies a stored issue.
///
/// # Errors
/// The row can't be read, or the lake or the ledger fails.
pub fn verify(
    workspace: &Workspace,
    desk: &Desk<'_>,
    issue: &Issue,
    fonts: Option<&Fonts>,
) -> Result<Verdict> {
    let name = format!("{}-{}", issue.year, issue.number);
    let what = format!("issue {name} revision {}", issue.revision);
    let mut verdict = Verdict {
        issue: name.clone(),
        revision: issue.revision,
        hash: issue.hash.to_string(),
        intact: issue.digest() == issue.hash,
        ..Verdict::default()
    };
    let frozen = FrozenWeek::from_json(&name, &issue.statistics)?;
    let bulletin: Bulletin =
        serde_json::from_str(&issue.bulletin).map_err(|error| Failure::new(&what, error))?;
    let gone = expiries(workspace, issue, &frozen)?;
    verdict.expired = told(&gone);
    let counted = desk
        .recount(issue, &frozen, frozen_at(workspace, issue)?)
        .map_err(|failure| {
            failure.remedy("watchfire lake check names the part that is missing or damaged")
        })?;
    compare_figures(&mut verdict, &frozen, &counted.frozen, &gone, issue);
    compare_rest(&mut verdict, &frozen, &counted.frozen, &gone)?;
    let around = Around::from_json(&issue.around)?;
    compare_bulletin(&mut verdict, desk, &frozen, counted, (&bulletin, &around))?;
    compare_fonts(&mut verdict, &bulletin, fonts);
    signer::compare(&mut verdict, workspace, issue)?;
    Ok(verdict)
}

/// What expired since the issue was frozen, of the days that any of its figures looks at.
fn expiries(workspace: &Workspace, issue: &Issue, frozen: &FrozenWeek) -> Result<Vec<Expiry>> {
    let zone = &workspace.settings.zone;
    let (_, end) = frozen.week.span(zone);
    let weeks = i64::from(FIRST_SEEN_WEEKS.max(STAY_WEEKS + 14));
    let (first, _) = frozen.week.plus(-weeks).span(zone);
    let days = first.day().0..Timestamp(end.0 - 1).day().0 + 1;
    let ledger = &workspace.ledger;
    let events = workspace.block_on(ledger.expiries(None, Some(days.clone())))?;
    // Raw bytes bear no day of events: theirs is that of the report.
    let all = workspace.block_on(ledger.expiries(None, None))?;
    let mut found: Vec<Expiry> = events;
    for row in all
        .into_iter()
        .filter(|row| row.what == Retained::Raw.as_str())
    {
        let of_report = workspace.block_on(ledger.days_of_report(&row.report_id))?;
        let (start, _) = frozen.week.span(zone);
        let week = start.day().0..days.end;
        if of_report.iter().any(|day| week.contains(day)) {
            found.push(row);
        }
    }
    found.retain(|row| {
        row.what == Retained::Raw.as_str() || row.lake_snapshot > issue.lake_snapshot
    });
    Ok(found)
}

fn told(gone: &[Expiry]) -> Vec<Expired> {
    let mut groups: BTreeMap<(String, String, String, i64), Expired> = BTreeMap::new();
    for row in gone {
        let key = (
            row.rule.clone(),
            row.what.clone(),
            row.feed.clone(),
            row.expired_at,
        );
        let day = row.day.map_or(String::new(), |day| Day(day).to_string());
        let one = groups.entry(key).or_insert_with(|| Expired {
            rule: row.rule.clone(),
            what: row.what.clone(),
            feed: row.feed.clone(),
            count: 0,
            first_day: day.clone(),
            last_day: day.clone(),
            expired_at: Timestamp(row.expired_at).to_string(),
        });
        one.count += row.count;
        one.first_day = Ord::min(std::mem::take(&mut one.first_day), day.clone());
        one.last_day = Ord::max(std::mem::take(&mut one.last_day), day);
    }
    groups.into_values().collect()
}

/// The feeds that a value was counted from: its suppliers, and those that added to one of its parts.
fn feeds(value: &StatisticValue) -> BTreeSet<String> {
    let parts = value.parts.iter().map(|part| &part.measured);
    let contributors = std::iter::once(&value.measured)
        .chain(parts)
        .flat_map(Measured::contributors);
    value.sources.iter().cloned().chain(contributors).collect()
}

/// Whether records that a statistic is counted from are gone.
fn rests_on_expired(statistic: &Statistic, frozen: &FrozenWeek, gone: &[Expiry]) -> bool {
    let monday = Day::of(frozen.week.monday()).0;
    let feeds = frozen.value(statistic.id).map(feeds).unwrap_or_default();
    // Which names were seen before, every feed tells.
    let any = matches!(statistic.window, Window::WeekFirstSeen { .. });
    let mut events = gone
        .iter()
        .filter(|row| row.what == Retained::Events.as_str())
        .filter(|row| any || feeds.contains(&row.feed))
        .filter_map(|row| row.day);
    match (statistic.observed, statistic.window) {
        // Read from the ledger, which no rule of retention reaches.
        (Observed::Handling, _) => false,
        (Observed::Listing, _) | (_, Window::Weeks { .. } | Window::WeekFirstSeen { .. }) => {
            events.next().is_some()
        }
        // A day of the zone may begin on the UTC day before.
        (_, Window::Week) => events.any(|day| day >= monday - 1),
    }
}

/// Statistics whose frozen values the records can't give again.
fn lost(frozen: &FrozenWeek, gone: &[Expiry]) -> Vec<&'static str> {
    let mut lost: Vec<&str> = statistics::all()
        .into_iter()
        .filter(|statistic| rests_on_expired(statistic, frozen, gone))
        .map(|statistic| statistic.id)
        .collect();
    for statistic in statistics::all() {
        if let model::statistic::Formula::Level { over } = statistic.formula
            && over.iter().any(|id| lost.contains(id))
            && !lost.contains(&statistic.id)
        {
            lost.push(statistic.id);
        }
    }
    lost
}

fn compare_figures(
    verdict: &mut Verdict,
    frozen: &FrozenWeek,
    again: &FrozenWeek,
    gone: &[Expiry],
    issue: &Issue,
) {
    let lost = lost(frozen, gone);
    let basis = differences_of_basis(frozen, again);
    verdict.notes.extend(basis.iter().cloned());
    for value in &frozen.values {
        let figures = figures(value);
        if lost.contains(&value.statistic.as_str()) {
            verdict.by_hash_only += figures.len();
            continue;
        }
        verdict.recounted += figures.len();
        let now = again.value(&value.statistic);
        if now == Some(value) {
            continue;
        }
        let new: BTreeMap<String, &Measured> = now.map(self::figures).unwrap_or_default();
        let mut keys: Vec<&String> = figures.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        let before = verdict.figures.len();
        for key in keys {
            let (old, new) = (figures.get(key).copied(), new.get(key).copied());
            if old == new {
                continue;
            }
            verdict.figures.push(Differing {
                figure: key.clone(),
                printed: exact(old),
                recounted: exact(new),
                reasons: reasons(value, now, (old, new), &basis, issue),
            });
        }
        // The same numbers from other suppliers, or by another definition.
        if verdict.figures.len() == before {
            let sources = |value: &StatisticValue| {
                format!("version {}, of {}", value.version, value.sources.join(", "))
            };
            verdict.figures.push(Differing {
                figure: value.statistic.clone(),
                printed: sources(value),
                recounted: now.map_or_else(|| "no such statistic".to_owned(), sources),
                reasons: reasons(value, now, (None, None), &basis, issue),
            });
        }
    }
}

/// A value and its parts by key.
fn figures(value: &StatisticValue) -> BTreeMap<String, &Measured> {
    let id = &value.statistic;
    let parts = value
        .parts
        .iter()
        .map(|part| (format!("{id}/{}", part.id), &part.measured));
    std::iter::once((id.clone(), &value.measured))
        .chain(parts)
        .collect()
}

/// An exact value in one text.
fn exact(measured: Option<&Measured>) -> String {
    match measured {
        None => "none".to_owned(),
        Some(Measured::NotAvailable { reason }) => format!("not available: {}", reason.text().en),
        Some(Measured::Available { quantity }) => match quantity {
            Quantity::Count(counted) => counted.count.to_string(),
            Quantity::Ratio {
                numerator,
                denominator,
                of,
            } => {
                let of = of.as_ref().map(|of| format!(" ({of})")).unwrap_or_default();
                format!("{}/{}{of}", numerator.count, denominator.count)
            }
            Quantity::Rank { names } => names.join(";"),
            Quantity::Word { word } => word.clone(),
        },
    }
}

fn reasons(
    old: &StatisticValue,
    new: Option<&StatisticValue>,
    (was, is): (Option<&Measured>, Option<&Measured>),
    basis: &[String],
    issue: &Issue,
) -> Vec<String> {
    let mut reasons = Vec::new();
    match new {
        None => reasons.push("this program has no such statistic any more".to_owned()),
        Some(new) if new.version != old.version => reasons.push(format!(
            "its definition is version {} now and was {}",
            new.version, old.version
        )),
        Some(new) if new.sources != old.sources => {
            let gone = old
                .sources
                .iter()
                .filter(|feed| !new.sources.contains(feed));
            let came = new
                .sources
                .iter()
                .filter(|feed| !old.sources.contains(feed));
            let list =
                |feeds: Vec<&String>| feeds.into_iter().cloned().collect::<Vec<_>>().join(", ");
            let (gone, came) = (list(gone.collect()), list(came.collect()));
            if !gone.is_empty() {
                reasons.push(format!("no feed of it any more: {gone}"));
            }
            if !came.is_empty() {
                reasons.push(format!("a feed of it now: {came}"));
            }
        }
        Some(_) => {}
    }
    let count = |measured: Option<&Measured>| {
        let measured = measured?;
        measured.count().map(|counted| counted.count)
    };
    if reasons.is_empty()
        && let (Some(was), Some(is)) = (count(was), count(is))
    {
        let (more, n) = match is < was {
            true => ("fewer", was - is),
            false => ("more", is - was),
        };
        reasons.push(match was == is {
            true => "the same count, seen by other feeds".to_owned(),
            false => format!(
                "{n} {more} in the records at snapshot {}: they were changed outside the program, or the frozen value was",
                issue.lake_snapshot
            ),
        });
    }
    reasons.extend(basis.iter().cloned());
    reasons
}

/// What the figures were computed by that is not the same today.
fn differences_of_basis(frozen: &FrozenWeek, again: &FrozenWeek) -> Vec<String> {
    let (old, new) = (&frozen.basis, &again.basis);
    let mut found = Vec::new();
    let mut tell = |same: bool, what: &str, old: &str, new: &str| {
        if !same {
            found.push(format!("{what}: {old} then, {new} now"));
        }
    };
    tell(
        old.program == new.program,
        "program version",
        &old.program,
        &new.program,
    );
    let short = |text: &str| text.get(..12).unwrap_or(text).to_owned();
    tell(
        old.reference == new.reference,
        "reference tables",
        &short(&old.reference),
        &short(&new.reference),
    );
    tell(
        old.classification == new.classification,
        "classification table",
        &old.classification,
        &new.classification,
    );
    tell(
        old.identity_version == new.identity_version,
        "identity rule",
        &old.identity_version.to_string(),
        &new.identity_version.to_string(),
    );
    tell(
        old.lake_schema == new.lake_schema,
        "lake schema",
        &old.lake_schema.to_string(),
        &new.lake_schema.to_string(),
    );
    let list = |schemas: &[(String, String)]| {
        let schemas = schemas
            .iter()
            .map(|(name, version)| format!("{name} {version}"));
        schemas.collect::<Vec<_>>().join(", ")
    };
    tell(
        old.source_schemas == new.source_schemas,
        "source schemas",
        &list(&old.source_schemas),
        &list(&new.source_schemas),
    );
    found
}

/// Everything of the frozen week besides its values. What names the present is taken as it was.
fn compare_rest(
    verdict: &mut Verdict,
    frozen: &FrozenWeek,
    again: &FrozenWeek,
    gone: &[Expiry],
) -> Result {
    let lost = lost(frozen, gone);
    let mut again = again.clone();
    again.basis = frozen.basis.clone();
    if !lost.is_empty() {
        // What is made from lost records is taken as frozen; the hash of the row speaks for it.
        for value in &mut again.values {
            if let Some(old) = frozen.value(&value.statistic)
                && lost.contains(&value.statistic.as_str())
            {
                *value = old.clone();
            }
        }
        again.supplies = frozen.supplies.clone();
        again.beside = frozen.beside.clone();
        again.rating = frozen.rating.clone();
        again.vulnerability = frozen.vulnerability.clone();
    }
    verdict.frozen_same = again.to_json() == frozen.to_json();
    if verdict.frozen_same {
        return Ok(());
    }
    let without_values = |week: &FrozenWeek| -> Result<Value> {
        let mut value =
            serde_json::to_value(week).map_err(|error| Failure::new("frozen week", error))?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("values");
        }
        Ok(value)
    };
    differ(
        "",
        &without_values(frozen)?,
        &without_values(&again)?,
        &mut verdict.frozen_differences,
    );
    Ok(())
}

/// When the figures of a revision were frozen, microseconds UTC: a preliminary draft was counted when it was
/// made.
fn frozen_at(workspace: &Workspace, issue: &Issue) -> Result<i64> {
    let key = EditionKey {
        series: issue.series.clone(),
        year: issue.year,
        number: issue.number,
    };
    let steps = workspace.block_on(workspace.ledger.edition_steps(&key))?;
    let freezes = steps.iter().filter(|step| {
        matches!(step.step.0, Step::Freeze | Step::Refreeze) && step.at <= issue.created_at
    });
    Ok(freezes
        .map(|step| step.at)
        .next_back()
        .unwrap_or(issue.created_at))
}

fn compare_bulletin(
    verdict: &mut Verdict,
    desk: &Desk<'_>,
    frozen: &FrozenWeek,
    counted: Counted,
    (stored, around): (&Bulletin, &Around),
) -> Result {
    // From the frozen figures: whether the records give them is asked before.
    let counted = Counted {
        frozen: frozen.clone(),
        past: counted.past,
    };
    let published = stored.published.as_ref().map(|day| day.date);
    let mut again = desk.compose(
        &counted,
        stored.revision,
        stored.corrections.clone(),
        published,
        around,
    )?;
    again.state = stored.state;
    // How the house is called may change; what was printed of it is no figure.
    again.series = stored.series.clone();
    again.publisher = stored.publisher.clone();
    again.tlp = stored.tlp;
    again.banner = stored.banner.clone();
    again.provenance.fonts = stored.provenance.fonts.clone();
    again.seal();
    verdict.bulletin_same = again.canonical_json() == stored.canonical_json();
    if !verdict.bulletin_same {
        let value = |bulletin: &Bulletin| {
            serde_json::to_value(bulletin).map_err(|error| Failure::new("bulletin", error))
        };
        let (mut old, mut new) = (value(stored)?, value(&again)?);
        for side in [&mut old, &mut new] {
            if let Some(fields) = side.as_object_mut() {
                fields.remove("hash");
            }
        }
        differ("", &old, &new, &mut verdict.bulletin_differences);
    }
    Ok(())
}

/// Lists the paths at which two JSON values differ, the first of them.
fn differ(path: &str, old: &Value, new: &Value, found: &mut Vec<[String; 3]>) {
    if old == new || found.len() >= LISTED {
        return;
    }
    let under = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (a, b) = (a.get(name), b.get(name));
                let none = &Value::Null;
                differ(&under(name), a.unwrap_or(none), b.unwrap_or(none), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{at}]"), a, b, found);
            }
        }
        _ => found.push([path.to_owned(), brief(old), brief(new)]),
    }
}

/// A JSON value, cut where it is long.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn compare_fonts(verdict: &mut Verdict, bulletin: &Bulletin, fonts: Option<&Fonts>) {
    let now = fonts.map_or(&[][..], Fonts::hashes);
    for frozen in &bulletin.provenance.fonts {
        match now.iter().find(|font| font.file == frozen.file) {
            Some(font) if font == frozen => {}
            Some(_) => verdict.fonts.push(format!(
                "{} is not the file it was: pages may break differently",
                frozen.file
            )),
            None => verdict
                .fonts
                .push(format!("{} is not there any more", frozen.file)),
        }
    }
}

fn print(verdict: &Verdict, out: &mut Out) -> Result {
    let heading = format!("issue {} revision {}", verdict.issue, verdict.revision);
    match verdict.intact {
        true => out.line(format_args!(
            "{heading}: the row is as it was frozen, hash {}",
            verdict.hash
        ))?,
        false => out.line(format_args!(
            "{heading}: THE ROW WAS CHANGED after it was frozen: it does not have its hash {}",
            verdict.hash
        ))?,
    }
    for gone in &verdict.expired {
        let span = match gone.first_day.is_empty() {
            true => String::new(),
            false => format!(" of {}..{}", gone.first_day, gone.last_day),
        };
        let what = match gone.what.as_str() {
            "raw" => "raw reports",
            _ => "events",
        };
        out.line(format_args!(
            "expired: {} {what} of {}{span}, by the rule {} on {}",
            gone.count, gone.feed, gone.rule, gone.expired_at
        ))?;
    }
    if verdict.by_hash_only > 0 {
        out.line(format_args!(
            "{} figures rest on expired records: the hash of the frozen row is their proof",
            verdict.by_hash_only
        ))?;
    }
    let differing = verdict.figures.len();
    out.line(format_args!(
        "{} figures counted again from stored records: {}",
        verdict.recounted,
        match differing {
            0 => "all equal".to_owned(),
            n => format!("{n} differ"),
        }
    ))?;
    if differing > 0 {
        let mut table = Table::new(["figure", "printed", "recounted", "why it may be"]);
        for figure in &verdict.figures {
            table.row([
                figure.figure.clone(),
                figure.printed.clone(),
                figure.recounted.clone(),
                figure.reasons.join("; "),
            ]);
        }
        table.print(out)?;
    }
    let same = |same: bool| if same { "the same bytes" } else { "differs" };
    out.line(format_args!("frozen week: {}", same(verdict.frozen_same)))?;
    paths(&verdict.frozen_differences, out)?;
    out.line(format_args!("bulletin: {}", same(verdict.bulletin_same)))?;
    paths(&verdict.bulletin_differences, out)?;
    match (&verdict.signed_by, verdict.signature.is_empty()) {
        (Some(by), _) => out.line(format_args!("signed by {by}, as the audit trail says"))?,
        (None, true) => out.line("not signed")?,
        (None, false) => {}
    }
    for wrong in &verdict.signature {
        out.line(format_args!("signature: {}", clean(wrong)))?;
    }
    for font in &verdict.fonts {
        out.line(format_args!("font: {font}"))?;
    }
    for note in &verdict.notes {
        out.line(format_args!("note: {note}"))?;
    }
    Ok(())
}

fn paths(found: &[[String; 3]], out: &mut Out) -> Result {
    if found.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["where", "frozen", "now"]);
    for row in found {
        table.row(row.clone());
    }
    table.print(out)?;
    if found.len() >= LISTED {
        out.line("… and perhaps more")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let old = serde_json::json!({ "a": [{ "b": 1 }, { "b": 2 }], "c": "x" });
        let new = serde_json::json!({ "a": [{ "b": 1 }, { "b": 3 }], "d": "y" });
        let mut found = Vec::new();
        differ("", &old, &new, &mut found);
        let paths: Vec<&str> = found.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(paths, ["a[1].b", "c", "d"]);
        differ("", &old, &old, &mut found);
        assert_eq!(found.len(), 3, "equal values have no difference");
    }
}
