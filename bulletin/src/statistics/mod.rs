//! A week's published numbers: their declarations, and the one scan they are all counted in.
//!
//! The declarations are six plain tables, one a family: [`malware`], [`hosting`], [`websites`],
//! [`vulnerabilities`], [`handling`], [`lists`]; `docs/statistics.md` is generated from them ([`document`]). A scan of the
//! week streams record batches into a [`Tally`] a thread ([`tally`]); what a row counts as is
//! decided in [`events`] alone. Merged and finished, the tally is a table of [`cells`], from which
//! [`evaluate()`] makes the values; [`supply`] says which feeds can supply what, [`compare`] over which
//! sources two weeks compare, [`explain`] lists the keys and events behind a figure and
//! [`breakdown`] divides the counts by day, province, feed and more.
//!
//! Nothing here reads a file, a clock or the ledger.

pub mod breakdown;
pub mod cells;
pub mod columns;
pub mod compare;
pub mod document;
pub mod evaluate;
pub mod events;
pub mod explain;
pub mod handling;
pub mod hosting;
pub mod lists;
pub mod malware;
pub mod names;
pub mod priority;
pub mod sets;
pub mod supply;
pub mod tally;
pub mod vulnerabilities;
pub mod websites;

pub use cells::WeekTally;
pub use columns::{BREAKDOWN_COLUMNS, EXPLAIN_COLUMNS, TALLY_COLUMNS};
pub use evaluate::{Inputs, evaluate};
pub use names::EarlierNames;
pub use supply::{Sources, Supply};
pub use tally::Tally;

use jiff::civil::Date;
use model::statistic::{Observed, Statistic};

/// Every statistic, in printed order.
pub fn all() -> Vec<&'static Statistic> {
    [
        malware::STATISTICS,
        hosting::STATISTICS,
        websites::STATISTICS,
        vulnerabilities::STATISTICS,
        handling::STATISTICS,
        lists::STATISTICS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Of each of these the definition that counts the week of this Monday.
pub fn at(declared: &[&'static Statistic], monday: Date) -> Vec<&'static Statistic> {
    let each = declared.iter();
    each.map(|statistic| statistic.at(monday)).collect()
}

/// Those that are counted in the scan of the week's events: all but those of lists and of handling.
pub fn scanned() -> Vec<&'static Statistic> {
    let mut all = all();
    all.retain(|statistic| !matches!(statistic.observed, Observed::Listing | Observed::Handling));
    all
}

/// The statistic with this identifier, whatever its case.
pub fn named(id: &str) -> Option<&'static Statistic> {
    all()
        .into_iter()
        .find(|statistic| statistic.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::Weekday;
    use model::statistic::{BESIDE_WEEKS, Formula};

    use super::*;

    #[test]
    fn the_tables_hold_every_statistic_once() {
        let ids: Vec<&str> = all().iter().map(|statistic| statistic.id).collect();
        let expected = [
            "M1", "M2", "M3", "M4", "M5", "H1", "H2", "H3", "H4", "H5", "H6", "W1", "W2", "W3",
            "W4", "W5", "W6", "W7", "W8", "W9", "V1", "V2", "V3", "V4", "V5", "V6", "I1", "I2",
            "I3", "I4", "I5", "I6", "I7", "T1", "T2", "T3", "S1", "L1", "L2", "L3", "L4",
        ];
        assert_eq!(ids, expected);
        assert_eq!(named("m1").map(|statistic| statistic.id), Some("M1"));
        assert!(named("M9").is_none());
    }

    #[test]
    fn a_changed_definition_names_the_one_before_and_runs_beside_it() {
        for statistic in all() {
            let mut newer = statistic;
            while let Some(before) = newer.before {
                let older = before.definition;
                assert_eq!(older.id, newer.id);
                assert!(older.version < newer.version, "{}", newer.id);
                assert!(before.weeks >= BESIDE_WEEKS, "{}", newer.id);
                assert_eq!(before.since.weekday(), Weekday::Monday, "{}", newer.id);
                assert!(older.before.is_none_or(|first| first.since < before.since));
                newer = older;
            }
            assert_eq!(newer.version, 1, "{}: no definition is lost", newer.id);
        }
    }

    #[test]
    fn fields_are_ones_that_feeds_are_watched_for() {
        for statistic in all() {
            assert!(statistic.version > 0);
            for field in statistic
                .fields
                .iter()
                .chain(statistic.parts.iter().flat_map(|part| part.fields))
            {
                assert!(
                    events::EVIDENCE.contains(field),
                    "{}: {field}",
                    statistic.id
                );
            }
            let parts: BTreeSet<&str> = statistic.parts.iter().map(|part| part.id).collect();
            assert_eq!(
                parts.len(),
                statistic.parts.len(),
                "{}: a part twice",
                statistic.id
            );
            if let Formula::Level { over } = statistic.formula {
                assert!(
                    over.iter().all(|id| named(id).is_some()),
                    "{}",
                    statistic.id
                );
            }
        }
    }
}
