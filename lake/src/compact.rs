//! Few parts out of many, and rows taken out of a part.
//!
//! Ingestion writes a part and a run for each report and day. Compaction makes one part of many small
//! ones of a day ([`plan`], [`merge`]); where the rows of a report are to be replaced or have to go,
//! [`split`] sorts the rows of a part into new ones. All of it only rewrites: each row keeps its
//! identity and every value, so no statistic can change. Nothing written here is live before the
//! caller has committed it, and nothing is deleted here.
//!
//! Memory: identities of the part being written (twice 16 bytes a row) and of the one being read, and
//! one row group; a part has at most [`PART_ROWS`] rows, so it does not grow with the day.

use std::collections::{BTreeMap, BTreeSet};

use model::field::Field;
use model::ids::EventId;
use model::time::Day;

use crate::error::{Error, Result};
use crate::query::Lake;
use crate::rewrite::{PartReader, PartWriter, text};
use crate::run;
use crate::schema::{Column, field_index};

pub use crate::rewrite::{Origin, Written};

/// Rows of a part that compaction makes, at most. A part with half of them is left as it is.
pub const PART_ROWS: u64 = 2 << 20;
/// Events that a feed brings on a day for a part of its own; the smaller feeds of a day share one.
pub const OWN_ROWS: u64 = 64 << 10;
/// Parts that one [`split`] writes at a time.
pub const SPLIT_PARTS: usize = 64;

/// A live part of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path relative to the lake's folder.
    pub path: String,
    /// Feed, if all of it is of one.
    pub feed: Option<String>,
    /// Rows.
    pub rows: u64,
}

/// Which parts of a day become one, each list in the order of its rows. Empty where the day has as few
/// parts as it should, so that compacting again changes nothing.
///
/// A feed with [`OWN_ROWS`] events or more keeps to itself: what a rule retains by feed is then
/// deleted by file, and the columns of its rows are alike.
pub fn plan(parts: &[Candidate]) -> Vec<Vec<&Candidate>> {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for part in parts {
        if let Some(feed) = &part.feed {
            *rows.entry(feed).or_insert(0) += part.rows;
        }
    }
    let mut groups: BTreeMap<Option<&str>, Vec<&Candidate>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.rows < PART_ROWS / 2) {
        let feed = part.feed.as_deref();
        let own = feed.filter(|feed| rows.get(feed).is_some_and(|rows| *rows >= OWN_ROWS));
        groups.entry(own).or_default().push(part);
    }
    let mut merges = Vec::new();
    for mut group in groups.into_values() {
        // Rows of a feed stay together, and the order does not depend on who asks.
        group.sort_by(|a, b| (&a.feed, &a.path).cmp(&(&b.feed, &b.path)));
        let (mut merge, mut sum) = (Vec::new(), 0);
        for part in group {
            if sum + part.rows > PART_ROWS {
                merges.push(std::mem::take(&mut merge));
                sum = 0;
            }
            sum += part.rows;
            merge.push(part);
        }
        merges.push(merge);
    }
    merges.retain(|merge| merge.len() > 1);
    merges
}

/// Name of a part made from others, without ending: whoever is killed before the commit writes over
/// the same files next time, and what was once committed is never written again.
fn name(day: Day, purpose: &str, made_of: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in [purpose].iter().chain(made_of) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let hex = hasher.finalize().to_hex();
    format!("day={day}/C-{}", &hex.as_str()[..32])
}

/// The name in this lake: where others share its store, no two that make the same part write the same file.
fn own(lake: &Lake, day: Day, purpose: &str, made_of: &[&str]) -> String {
    lake.unlike_others(&name(day, purpose, made_of))
}

/// Writes the rows of all `parts` of a day, in their order, as one part.
///
/// # Errors
/// A part that cannot be read or is damaged; two rows with one identity; a disk that fails.
pub fn merge(lake: &Lake, day: Day, parts: &[&str]) -> Result<Written> {
    let mut shape = None;
    for part in parts {
        let next = PartReader::shape_of(lake, part)?;
        shape = Some(match shape {
            None => next,
            Some(shape) => crate::part::Shape::widened(shape, &next),
        });
    }
    let shape = shape.unwrap_or_else(|| crate::part::Shape::of(&[]));
    let mut writer = PartWriter::create(lake.root(), &own(lake, day, "merge", parts), day, &shape)?;
    for part in parts {
        let mut reader = PartReader::open(lake, part, day)?;
        while let Some(chunk) = reader.next()? {
            writer.push(&chunk, None)?;
        }
    }
    writer.finish()
}

/// What decides where a row goes.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Feed.
    pub feed: &'a str,
    /// Report.
    pub report: &'a str,
    /// Its identity.
    pub id: EventId,
    /// `class_type`.
    pub class: Option<&'a str>,
    /// `tlp`.
    pub tlp: Option<&'a str>,
}

/// Sorts the rows of a part into `outputs` new ones, at most [`SPLIT_PARTS`]; a row for which `choose`
/// gives `None` is left out. `purpose` tells apart what else is made of the same part. An output that
/// gets no row is `None`.
///
/// # Errors
/// As [`merge`].
pub fn split(
    lake: &Lake,
    day: Day,
    part: &str,
    purpose: &str,
    outputs: usize,
    choose: &mut dyn FnMut(Facts<'_>) -> Option<usize>,
) -> Result<Vec<Option<Written>>> {
    let mut reader = PartReader::open(lake, part, day)?;
    let shape = reader.shape().clone();
    let mut writers: Vec<Option<PartWriter>> = (0..outputs).map(|_| None).collect();
    while let Some(chunk) = reader.next()? {
        let chosen = choose_rows(&chunk, choose);
        let mut wanted: Vec<usize> = chosen.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        for output in wanted {
            let keep: Vec<bool> = chosen.iter().map(|at| *at == Some(output)).collect();
            let writer = match &mut writers[output] {
                Some(writer) => writer,
                empty => {
                    let name = own(lake, day, purpose, &[part, &output.to_string()]);
                    empty.insert(PartWriter::create(lake.root(), &name, day, &shape)?)
                }
            };
            writer.push(&chunk, Some(&keep))?;
        }
    }
    let finish = |writer: Option<PartWriter>| writer.map(PartWriter::finish).transpose();
    writers.into_iter().map(finish).collect()
}

fn choose_rows(
    chunk: &crate::Chunk,
    choose: &mut dyn FnMut(Facts<'_>) -> Option<usize>,
) -> Vec<Option<usize>> {
    let facts = |row: usize| Facts {
        feed: text(chunk, Column::Feed.index(), row).unwrap_or(""),
        report: text(chunk, Column::Report.index(), row).unwrap_or(""),
        id: chunk.ids[row],
        class: text(chunk, field_index(Field::ClassType), row),
        tlp: text(chunk, field_index(Field::Tlp), row),
    };
    (0..chunk.ids.len()).map(|row| choose(facts(row))).collect()
}

/// Shows every row of a part to `see`, which cannot change it.
///
/// # Errors
/// A part that cannot be read or is damaged.
pub fn look(lake: &Lake, day: Day, part: &str, see: &mut dyn FnMut(Facts<'_>)) -> Result<()> {
    let mut reader = PartReader::open(lake, part, day)?;
    while let Some(chunk) = reader.next()? {
        choose_rows(&chunk, &mut |facts| {
            see(facts);
            None
        });
    }
    Ok(())
}

/// The reports of those of the `wanted` rows that a part holds. A part whose run, the file `run` beside it,
/// lists none of them is not opened.
///
/// # Errors
/// As [`look`].
pub fn reports_of(
    lake: &Lake,
    day: Day,
    (part, run): (&str, &str),
    wanted: &BTreeSet<EventId>,
) -> Result<BTreeMap<EventId, String>> {
    let mut sorted = run::Reader::open(lake.files(), &lake.root().join(run))?;
    let mut found = BTreeMap::new();
    loop {
        let Some(id) = sorted.next()? else {
            return Ok(found);
        };
        if wanted.contains(&EventId(id.to_be_bytes())) {
            break;
        }
    }
    look(lake, day, part, &mut |facts| {
        if wanted.contains(&facts.id) {
            found.insert(facts.id, facts.report.to_owned());
        }
    })?;
    Ok(found)
}

/// What a part turned out to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rows.
    pub rows: u64,
    /// Earliest `observed_at`.
    pub min_observed: i64,
    /// Latest `observed_at`.
    pub max_observed: i64,
    /// Rows by feed and report.
    pub origins: BTreeMap<Origin, u64>,
    /// Path of its run, relative to the lake's folder.
    pub run: String,
}

/// Decodes a part as a whole, every column, and its run: identities in strict order, one a row.
///
/// # Errors
/// What is damaged.
pub fn inspect(lake: &Lake, day: Day, part: &str) -> Result<Seen> {
    let mut reader = PartReader::open(lake, part, day)?;
    let mut seen = Seen {
        min_observed: i64::MAX,
        max_observed: i64::MIN,
        run: reader.run().to_owned(),
        ..Seen::default()
    };
    let run = lake.root().join(&seen.run);
    let damaged = |detail: &str| Error::DamagedRun {
        path: run.clone(),
        detail: detail.to_owned(),
    };
    let mut ids = Vec::new();
    while let Some(chunk) = reader.next()? {
        seen.rows += chunk.ids.len() as u64;
        seen.min_observed = seen.min_observed.min(chunk.min_observed);
        seen.max_observed = seen.max_observed.max(chunk.max_observed);
        ids.extend(chunk.ids.iter().map(|id| u128::from_be_bytes(id.0)));
        choose_rows(&chunk, &mut |facts| {
            let origin = (facts.feed.to_owned(), facts.report.to_owned());
            *seen.origins.entry(origin).or_insert(0) += 1;
            None
        });
    }
    ids.sort_unstable();
    let mut sorted = run::Reader::open(lake.files(), &run)?;
    let mut last = None;
    for id in ids {
        let next = sorted.next()?;
        if next.is_none() || next <= last {
            return Err(damaged("identities are not in order"));
        }
        if next != Some(id) {
            return Err(damaged("its rows do not have the identities it lists"));
        }
        last = next;
    }
    match sorted.next()? {
        None => Ok(seen),
        Some(_) => Err(damaged("it holds more identities than its part has rows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str, feed: Option<&str>, rows: u64) -> Candidate {
        Candidate {
            path: path.to_owned(),
            feed: feed.map(str::to_owned),
            rows,
        }
    }

    fn planned(parts: &[Candidate]) -> Vec<Vec<&str>> {
        let merges = plan(parts);
        merges
            .into_iter()
            .map(|merge| merge.into_iter().map(|part| part.path.as_str()).collect())
            .collect()
    }

    #[test]
    fn small_feeds_share_a_part_and_large_ones_keep_to_themselves() {
        let parts = [
            part("d", Some("small"), 10),
            part("b", Some("large"), OWN_ROWS),
            part("a", Some("large"), 1),
            part("c", Some("other"), 10),
            part("e", None, 500),
        ];
        assert_eq!(planned(&parts), [vec!["e", "c", "d"], vec!["a", "b"]]);
    }

    #[test]
    fn what_is_full_or_alone_stays() {
        let half = PART_ROWS / 2;
        assert!(planned(&[]).is_empty());
        assert!(planned(&[part("a", Some("f"), half), part("b", Some("f"), 5)]).is_empty());
        let third = PART_ROWS / 3;
        let parts: Vec<Candidate> = (0..7)
            .map(|n| part(&n.to_string(), Some("f"), third))
            .collect();
        // Three fit into one; the seventh is alone and waits for more.
        assert_eq!(planned(&parts), [["0", "1", "2"], ["3", "4", "5"]]);
    }

    #[test]
    fn names_tell_apart_what_was_made_of_what() {
        let day = Day(19_366);
        let merged = name(day, "merge", &["a", "b"]);
        assert!(merged.starts_with("day=2023-01-09/C-"), "{merged}");
        for other in [
            name(day, "merge", &["ab"]),
            name(day, "merge", &["b", "a"]),
            name(day, "split", &["a", "b"]),
        ] {
            assert_ne!(merged, other);
        }
    }
}
