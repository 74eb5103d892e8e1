//! A newer Shadowserver schema, before it is taken: what it changes, which statistics count the rows of a
//! moved type before and after, and how many events of the last week that concerns.
//!
//! An update that moves a classification is taken only when a person accepts it. That is audited, and
//! marks a break for every feed that brought such reports.

use std::collections::BTreeSet;
use std::path::Path;

use bulletin::statistics::supply::counts_in;
use formats::shadowserver::ReportType;
use formats::shadowserver::difference::{Classified, Difference, difference, fields};
use lake::arrow::array::AsArray;
use lake::arrow::datatypes::Int64Type;
use ledger::{Decision, NewVerdict};
use model::time::ReportingWeek;
use serde::Serialize;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::reference_files::{SCHEMA_KIND, read_schema, schema};
use crate::table::{Out, clean};
use crate::workspace::{Workspace, now};

/// A type whose classification moves.
#[derive(Clone, Debug, Serialize)]
pub struct Moved {
    /// The type.
    pub name: String,
    /// How its rows were classified, and in which statistics they could count.
    pub before: Classified,
    /// Statistics before.
    pub statistics_before: Vec<&'static str>,
    /// How they will be.
    pub after: Classified,
    /// Statistics after.
    pub statistics_after: Vec<&'static str>,
    /// Feeds that brought such reports.
    pub feeds: Vec<String>,
    /// Events of the last whole week in such reports; `None` where no such report is stored.
    pub events_last_week: Option<i64>,
}

/// What an update changes.
#[derive(Clone, Debug, Serialize)]
pub struct Update {
    /// Types and columns.
    #[serde(flatten)]
    pub difference: Difference,
    /// Types whose classification moves.
    pub moved: Vec<Moved>,
}

/// Compares a file with the schema in force; `None` where there is none yet.
///
/// # Errors
/// The file is no schema, or the ledger fails.
pub fn compare(workspace: &Workspace, path: &Path) -> Result<Option<Update>> {
    let (_, new) = read_schema(path)?;
    let Some(old) = schema(workspace)? else {
        return Ok(None);
    };
    let difference = difference(&old, &new);
    let moved = difference
        .moved()
        .map(|change| {
            let names = [change.name.as_str(), change.file_name.as_str()];
            let (feeds, events) = affected(workspace, &names)?;
            Ok(Moved {
                name: change.name.clone(),
                before: change.before.clone(),
                statistics_before: statistics(old.report(&change.name), &change.before),
                after: change.after.clone(),
                statistics_after: statistics(new.report(&change.name), &change.after),
                feeds,
                events_last_week: events,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(Update { difference, moved }))
}

fn statistics(entry: Option<&ReportType>, classified: &Classified) -> Vec<&'static str> {
    let (Some(entry), Some(class)) = (entry, &classified.class_type) else {
        return Vec::new();
    };
    let identifier = classified.identifier.as_deref().unwrap_or("");
    counts_in(class, identifier, &fields(entry))
}

/// Feeds that brought reports of a type, and the events of the last whole week in them.
fn affected(workspace: &Workspace, names: &[&str]) -> Result<(Vec<String>, Option<i64>)> {
    let zone = &workspace.settings.zone;
    let Some(today) = now().date_in(zone) else {
        return Ok((Vec::new(), None));
    };
    let (start, end) = ReportingWeek::containing(today).previous().span(zone);
    let mut feeds = BTreeSet::new();
    let mut reports = Vec::new();
    for source in workspace.settings.catalogue.sources() {
        if source.feed.format != "shadowserver" {
            continue;
        }
        let name = &source.feed.name;
        for row in workspace.block_on(workspace.ledger.profile_heads(name, None))? {
            if names.contains(&row.kind.as_str()) {
                feeds.insert(name.clone());
                // A report of the day after may hold the week's last hours.
                if row.at >= start.0 && row.at < end.0 + model::time::MICROS_PER_DAY {
                    reports.push(format!("'{}'", row.report_id));
                }
            }
        }
    }
    let feeds: Vec<String> = feeds.into_iter().collect();
    if feeds.is_empty() {
        return Ok((feeds, None));
    }
    if reports.is_empty() {
        return Ok((feeds, Some(0)));
    }
    let time = |at: model::time::Timestamp| {
        at.to_string()
            .replace('T', " ")
            .trim_end_matches('Z')
            .to_owned()
    };
    let sql = format!(
        "SELECT count(*) FROM events WHERE observed_at >= TIMESTAMP '{}' AND observed_at < TIMESTAMP '{}' AND report IN ({})",
        time(start),
        time(end),
        reports.join(", ")
    );
    let (_, parts) = workspace.parts(None)?;
    let batches = workspace.block_on(workspace.lake.collect(&parts, &sql))?;
    let count = batches
        .first()
        .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>())
        .map_or(0, |counts| counts.value(0));
    Ok((feeds, Some(count)))
}

/// The error that an update with moved classifications is, until a person accepts it.
pub fn refusal(update: &Update, path: &Path) -> Failure {
    let names: Vec<&str> = update
        .moved
        .iter()
        .map(|moved| moved.name.as_str())
        .collect();
    Failure::new(
        path.display(),
        format_args!(
            "moves the classification of {}: figures would move between statistics",
            names.join(", ")
        ),
    )
    .remedy(format_args!(
        "look with `watchfire reference import {SCHEMA_KIND} {0} --dry-run`, take it with `--accept REASON`",
        path.display()
    ))
}

/// Records that a person accepts the update: a break for every feed that brought moved types.
///
/// # Errors
/// The ledger fails.
pub fn accept(workspace: &Workspace, update: &Update, reason: &str, author: &str) -> Result {
    let at = now().0;
    let feeds: BTreeSet<&String> = update.moved.iter().flat_map(|moved| &moved.feeds).collect();
    let verdicts = feeds
        .into_iter()
        .map(|feed| NewVerdict {
            feed: feed.clone(),
            kind: None,
            cause: "schema",
            decision: Decision::Accepted,
            at,
            reason: reason.to_owned(),
        })
        .collect();
    let object = format!("{SCHEMA_KIND} {}", update.difference.to);
    let detail = json!({ "from": update.difference.from, "reason": reason, "moved": update.moved });
    Ok(workspace.block_on(workspace.ledger.add_verdicts(
        verdicts,
        ("schema.accept", &object),
        detail,
        author,
        at,
    ))?)
}

/// Prints what an update changes.
///
/// # Errors
/// Standard output is gone.
pub fn print(update: &Update, out: &mut Out) -> Result {
    let difference = &update.difference;
    out.line(format_args!(
        "schema {} to {}",
        difference.from, difference.to
    ))?;
    for (what, names) in [
        ("added", &difference.added),
        ("removed", &difference.removed),
    ] {
        out.line(format_args!(
            "  {what:<8} {} types: {}",
            names.len(),
            names.join(", ")
        ))?;
    }
    out.line(format_args!("  moved    {} types", update.moved.len()))?;
    for moved in &update.moved {
        out.line(format_args!("    {}", clean(&moved.name)))?;
        let sides = [
            ("before", &moved.before, &moved.statistics_before),
            ("after", &moved.after, &moved.statistics_after),
        ];
        for (side, classified, statistics) in sides {
            let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "by row".to_owned());
            let counts = match statistics.as_slice() {
                [] => "no statistic".to_owned(),
                ids => ids.join(", "),
            };
            out.line(format_args!(
                "      {side:<7} {} / {} / {}: counts in {counts}",
                word(&classified.taxonomy),
                word(&classified.class_type),
                word(&classified.identifier)
            ))?;
        }
        let events = match moved.events_last_week {
            Some(events) => format!("{events} events last week, of {}", moved.feeds.join(", ")),
            None => "no report of this type is stored".to_owned(),
        };
        out.line(format_args!("      {events}"))?;
    }
    let remapped = difference
        .changed
        .iter()
        .filter(|change| !change.remapped.is_empty());
    for change in remapped {
        out.line(format_args!("  columns of {}", clean(&change.name)))?;
        for column in &change.remapped {
            let place =
                |place: &Option<String>| place.clone().unwrap_or_else(|| "not mapped".to_owned());
            out.line(format_args!(
                "    {}: {} to {}",
                clean(&column.column),
                place(&column.before),
                place(&column.after)
            ))?;
        }
    }
    Ok(())
}
