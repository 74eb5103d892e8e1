//! Weeks and issues as they are named on the command line.

use jiff::civil::Date;
use ledger::Page;
use model::issue::{IssueNumber, NumberingScheme};
use model::time::{Day, ReportingWeek, Timestamp};

use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// A week with its number in the series; in one numbered by hand a week has none until it is given.
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

    /// `issue 2023-3 (2023-01-09..2023-01-15)`, as outputs begin.
    pub fn heading(&self) -> String {
        match self.issue {
            Some(issue) => format!("issue {issue} ({})", self.week),
            None => format!("week {}, not numbered yet", self.week),
        }
    }

    /// The number in print, or the days.
    pub fn label(&self) -> String {
        self.issue
            .map_or_else(|| self.week.to_string(), |issue| issue.to_string())
    }
}

/// Reads `2023-3`, a date of the week such as `2023-01-12`, or `last`: the last whole week before
/// `now`. In a series that is numbered by hand the number is the one that the week was frozen under.
///
/// # Errors
/// Something else, a number that the year does not have, or one that nobody gave yet; the ledger
/// fails.
pub fn read(text: &str, workspace: &Workspace, now: Timestamp) -> Result<Named> {
    let settings = &workspace.settings;
    if text == "last" {
        let today = now.date_in(&settings.zone);
        let today = today.ok_or_else(|| Failure::new("clock", "the date is out of range"))?;
        return of(ReportingWeek::containing(today).previous(), workspace);
    }
    if let Ok(date) = text.parse::<Date>() {
        return of(ReportingWeek::containing(date), workspace);
    }
    let issue: IssueNumber = text.parse().map_err(|_| {
        Failure::usage(text, "is neither an issue nor a date").remedy(
            "write an issue as 2023-3, a date as 2023-01-12, or `last` for the last whole week",
        )
    })?;
    if settings.series.scheme == NumberingScheme::Manual {
        let given = given(workspace)?
            .into_iter()
            .find(|(_, number)| *number == issue);
        return match given {
            Some((week, _)) => Ok(Named {
                week,
                issue: Some(issue),
            }),
            None => Err(Failure::usage(
                format_args!("issue {issue}"),
                "this series is numbered by hand, and no week has this number",
            )
            .remedy(format_args!(
                "name the week by one of its dates, as 2023-01-12; `watchfire bulletin draft DATE --number {issue}` gives it the number"
            ))),
        };
    }
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

/// A week with its number, computed or given.
fn of(week: ReportingWeek, workspace: &Workspace) -> Result<Named> {
    let mut named = Named::of(week, &workspace.settings);
    if workspace.settings.series.scheme == NumberingScheme::Manual {
        let given = given(workspace)?.into_iter().find(|(of, _)| *of == week);
        named.issue = given.map(|(_, number)| number);
    }
    Ok(named)
}

/// The numbers that weeks of the series were frozen under, newest first.
fn given(workspace: &Workspace) -> Result<Vec<(ReportingWeek, IssueNumber)>> {
    let series = &workspace.settings.series.id;
    let heads = workspace.block_on(workspace.ledger.issues(Some(series), Page::ALL))?;
    Ok(heads
        .iter()
        .filter_map(|head| {
            let number = IssueNumber {
                year: i16::try_from(head.year).ok()?,
                number: u32::try_from(head.number).ok()?,
            };
            Some((
                ReportingWeek::containing(Day(head.week_start).date()),
                number,
            ))
        })
        .collect())
}
