//! What legal holds keep, as retention and reading again ask for it: rows by feed, report, day and event, and
//! whole reports.
//!
//! A hold on an incident or a party keeps the events that stand with its incidents, row by row, and of the
//! reports that brought them the raw bytes and the rejects as a whole. Where an event is in no part any more,
//! because a rule took it before the hold was placed or its report was read again by other rules, nobody can
//! tell which report brought it: then every report that speaks of its day is kept.

use std::collections::BTreeSet;

use lake::compact;
use ledger::{Holds, LakeFileKind, Report};
use model::ids::EventId;
use model::time::{Day, Timestamp};

use crate::compaction::{Upkeep, run_of};
use crate::error::Result;

/// Holds in force and what they cover.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// As the ledger told it.
    pub(crate) held: Holds,
    /// Reports that brought held events.
    reports: BTreeSet<String>,
    /// Days of held events that no part holds.
    lost: BTreeSet<i32>,
}

impl Cover {
    /// What covers events; reports too with [`Cover::with_reports`].
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) fn read(upkeep: &Upkeep<'_>) -> Result<Cover> {
        Ok(Cover {
            held: upkeep.runtime.block_on(upkeep.ledger.held())?,
            ..Cover::default()
        })
    }

    /// Finds the reports of held events, which reads parts of their days.
    ///
    /// # Errors
    /// The ledger fails, or a part cannot be read.
    pub(crate) fn with_reports(mut self, upkeep: &Upkeep<'_>) -> Result<Cover> {
        for day in self.held.days.keys() {
            let mut wanted = self.events(upkeep, *day)?;
            let live = upkeep.ledger.live_files(
                None,
                Some(LakeFileKind::Part),
                Some(*day..day.saturating_add(1)),
            );
            for part in upkeep.runtime.block_on(live)? {
                if wanted.is_empty() {
                    break;
                }
                let files = (part.path.as_str(), run_of(&part.path));
                let files = (files.0, files.1.as_str());
                let found = compact::reports_of(upkeep.lake, Day(*day), files, &wanted)?;
                wanted.retain(|id| !found.contains_key(id));
                self.reports.extend(found.into_values());
            }
            if !wanted.is_empty() {
                self.lost.insert(*day);
            }
        }
        Ok(self)
    }

    /// Held events of a day.
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) fn events(&self, upkeep: &Upkeep<'_>, day: i32) -> Result<BTreeSet<EventId>> {
        match self.held.days.contains_key(&day) {
            true => Ok(upkeep.runtime.block_on(upkeep.ledger.held_events(day))?),
            false => Ok(BTreeSet::new()),
        }
    }

    /// Whether the bytes and rejects of a report are kept. A period, or a day with lost events, covers a
    /// report that came in it or speaks of a day in it.
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) fn keeps(&self, report: &Report, upkeep: &Upkeep<'_>) -> Result<bool> {
        if self.reports.contains(&report.id) {
            return Ok(true);
        }
        let mut days = vec![Timestamp(report.received_at).day().0];
        let by_day = self
            .held
            .in_force
            .iter()
            .any(|hold| hold.from_day.is_some());
        if by_day || !self.lost.is_empty() {
            let spoken = upkeep.ledger.days_of_report(&report.id);
            days.extend(upkeep.runtime.block_on(spoken)?);
        }
        let holds = self.held.in_force.iter();
        Ok(days.iter().any(|day| self.lost.contains(day))
            || holds
                .into_iter()
                .any(|hold| hold.covers(&report.feed, &report.id, days.iter().copied())))
    }
}
