//! Weeks and issues as they are named on the command line.

use jiff::civil::Date;
use model::issue::IssueNumber;
use model::time::{ReportingWeek, Timestamp};

use crate::config::Settings;
use crate::failure::{Failure, Result};

/// A week with its number in the series; a series numbered by hand has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The week.
    pub week: ReportingWeek,
    /// Its number.
    pub issue: Option<IssueNumber>,
}

impl Named {
    /// Names a week in the series of the workspace.
    pub fn of(week: ReportingWeek, settings: &Settings) -> Self {
        Named {
            week,
            issue: settings.series.scheme.issue(week),
        }
    }

    /// The number in print, or the days.
    pub fn label(&self) -> String {
        self.issue
            .map_or_else(|| self.week.to_string(), |issue| issue.to_string())
    }
}

/// Reads `2023-3`, a date of the week such as `2023-01-12`, or `last`: the last whole week before
/// `now`.
///
/// # Errors
/// Something else, or a number that the year does not have.
pub fn read(text: &str, settings: &Settings, now: Timestamp) -> Result<Named> {
    if text == "last" {
        let today = now.date_in(&settings.zone);
        let today = today.ok_or_else(|| Failure::new("clock", "the date is out of range"))?;
        return Ok(Named::of(
            ReportingWeek::containing(today).previous(),
            settings,
        ));
    }
    if let Ok(date) = text.parse::<Date>() {
        return Ok(Named::of(ReportingWeek::containing(date), settings));
    }
    let issue: IssueNumber = text.parse().map_err(|_| {
        Failure::usage(text, "is neither an issue nor a date").remedy(
            "write an issue as 2023-3, a date as 2023-01-12, or `last` for the last whole week",
        )
    })?;
    let week = settings.series.scheme.week(issue).ok_or_else(|| {
        Failure::usage(
            format_args!("issue {issue}"),
            "the series has no such number",
        )
        .remedy("name the week by one of its dates, as 2023-01-12")
    })?;
    Ok(Named {
        week,
        issue: Some(issue),
    })
}
