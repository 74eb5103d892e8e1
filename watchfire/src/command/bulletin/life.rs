//! Where an issue stands: its dates, its steps, what is open, and what changed between two revisions.

use bulletin::differences::differences;
use clap::Args;
use ledger::{Edition, EditionStep, Issue};
use model::bulletin::Lang;
use model::newsroom::EditionState;
use model::time::{Day, ReportingWeek};
use model::worded::Word;
use serde_json::json;

use super::drafting::{key_of, moment, newest, plan};
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::{number, tongue};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

#[derive(Debug, Args)]
pub struct Plan {
    /// How many weeks from this one on.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=104))]
    weeks: u16,
}

#[derive(Debug, Args)]
pub struct Status {
    /// Issue; without it every issue that is planned.
    issue: Option<String>,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// Issue.
    issue: String,
    /// The revision to compare the newest with; without it the one before.
    #[arg(long)]
    against: Option<i32>,
}

pub fn plan_weeks(args: Plan, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin plan"))?;
    plan_ahead(&workspace, args.weeks, &session.actor())?;
    calendar(&workspace, session)
}

/// Plans the issue of the week before this one and of those after it, `weeks` in all.
///
/// # Errors
/// The clock is beyond the calendar, or the ledger fails.
pub fn plan_ahead(workspace: &Workspace, weeks: u16, by: &str) -> Result {
    let today = now().date_in(&workspace.settings.zone);
    let today = today.ok_or_else(|| Failure::new("clock", "the date is out of range"))?;
    let this = ReportingWeek::containing(today);
    for ahead in -1..i64::from(weeks) - 1 {
        let named = Named::of(this.plus(ahead), &workspace.settings);
        if named.issue.is_some() {
            plan(workspace, named, by, now())?;
        }
    }
    Ok(())
}

/// Time until or since an instant: `in 3 d 4 h`, `2 h over`.
fn countdown(at: i64, now: i64) -> String {
    let minutes = (at - now).abs() / 60_000_000;
    let text = match minutes {
        m if m >= 1440 => format!("{} d {} h", m / 1440, m % 1440 / 60),
        m if m >= 60 => format!("{} h {} min", m / 60, m % 60),
        m => format!("{m} min"),
    };
    match at >= now {
        true => format!("in {text}"),
        false => format!("{text} over"),
    }
}

/// How an issue stands by its rows.
fn state(edition: &Edition, newest: Option<&Issue>, steps: &[EditionStep]) -> EditionState {
    edition.standing(newest.map(|row| (row.revision, row.state)), steps)
}

fn calendar(workspace: &Workspace, session: &Session) -> Result {
    let ledger = &workspace.ledger;
    let series = &workspace.settings.series.id;
    let editions = workspace.block_on(ledger.editions(series))?;
    let mut rows = Vec::new();
    for edition in editions {
        let key = edition.key();
        let row = newest(workspace, &key)?;
        let steps = workspace.block_on(ledger.edition_steps(&key))?;
        let state = state(&edition, row.as_ref(), &steps);
        rows.push((edition, row, state));
    }
    let mut out = Out::new();
    if session.json {
        let list: Vec<_> = rows
            .iter()
            .map(|(edition, row, state)| {
                json!({ "edition": edition, "state": state, "revision": row.as_ref().map(|row| row.revision) })
            })
            .collect();
        out.json(&list)?;
        return out.end();
    }
    if rows.is_empty() {
        session
            .talk
            .say("no issue is planned: watchfire bulletin plan, or watchfire bulletin draft last");
        return out.end();
    }
    let at = now().0;
    let mut table = Table::new(["issue", "week", "state", "revision", "freeze", "due", ""]);
    for (edition, row, state) in &rows {
        let open = !matches!(
            state,
            EditionState::Published | EditionState::Archived | EditionState::Withdrawn
        );
        table.row([
            format!("{}-{}", edition.year, edition.number),
            format!("{}..{}", Day(edition.week_start), Day(edition.week_end)),
            state.to_string(),
            row.as_ref()
                .map_or(String::new(), |row| row.revision.to_string()),
            moment(workspace, edition.freeze_at),
            moment(workspace, edition.deadline_at),
            match open {
                true => countdown(edition.deadline_at, at),
                false => String::new(),
            },
        ]);
    }
    table.print(&mut out)?;
    out.end()
}

pub fn status(args: Status, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let Some(text) = &args.issue else {
        return calendar(&workspace, session);
    };
    let named = weeks::read(text, &workspace, now())?;
    let key = key_of(&workspace, number(named)?);
    let ledger = &workspace.ledger;
    let Some(edition) = workspace.block_on(ledger.edition(&key))? else {
        return Err(Failure::new(key.object(), "is not planned")
            .remedy(format_args!("watchfire bulletin draft {text}")));
    };
    let row = newest(&workspace, &key)?;
    let steps = workspace.block_on(ledger.edition_steps(&key))?;
    let comments = workspace.block_on(ledger.comments(&key))?;
    let corrections = workspace.block_on(ledger.corrections(&key))?;
    let stands = state(&edition, row.as_ref(), &steps);
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "edition": edition,
            "state": stands,
            "revision": row.as_ref().map(|row| row.revision),
            "steps": steps,
            "comments": comments,
            "corrections": corrections,
        }))?;
        return out.end();
    }
    let lang = tongue(&session.environment);
    let word = match lang {
        Lang::Zh => stands.zh(),
        Lang::En => stands.en(),
    };
    let revision = row
        .as_ref()
        .map_or(String::new(), |row| format!(", revision {}", row.revision));
    out.line(format_args!("{}: {word}{revision}", named.heading()))?;
    out.line(format_args!(
        "figures {}; due {} ({})",
        match edition.frozen_at {
            Some(at) => format!("frozen {}", moment(&workspace, at)),
            None => format!(
                "may be frozen from {}",
                moment(&workspace, edition.freeze_at)
            ),
        },
        moment(&workspace, edition.deadline_at),
        countdown(edition.deadline_at, now().0)
    ))?;
    if let Some(public) = edition.published_revision {
        let at = edition.published_at.map(|at| moment(&workspace, at));
        out.line(format_args!(
            "public: revision {public} since {}",
            at.unwrap_or_default()
        ))?;
    }
    let mut table = Table::new(["when", "revision", "step", "who", "why"]);
    for step in &steps {
        let who = match &step.acting_for {
            Some(other) => format!("{} for {other}", step.actor),
            None => step.actor.clone(),
        };
        table.row([
            moment(&workspace, step.at),
            match step.revision {
                0 => String::new(),
                revision => revision.to_string(),
            },
            match lang {
                Lang::Zh => step.step.0.zh().to_owned(),
                Lang::En => step.step.0.en().to_owned(),
            },
            who,
            step.reason.clone(),
        ]);
    }
    out.line("")?;
    table.print(&mut out)?;
    let open: Vec<_> = comments
        .iter()
        .filter(|comment| comment.settled_at.is_none())
        .collect();
    for comment in &open {
        let about = match comment.place.as_str() {
            "" => String::new(),
            place => format!(" on {place}"),
        };
        out.line(format_args!(
            "comment {} of {}{about}: {}",
            comment.id, comment.author, comment.text
        ))?;
    }
    out.end()?;
    let issue = format!("{}-{}", edition.year, edition.number);
    session
        .talk
        .say(format_args!("next: {}", next(stands, &issue, open.len())));
    Ok(())
}

/// What to do next, as a command.
fn next(state: EditionState, issue: &str, comments: usize) -> String {
    if comments > 0 {
        return "settle the comments: watchfire bulletin settle NUMBER".to_owned();
    }
    match state {
        EditionState::Planned => format!("watchfire bulletin draft {issue}"),
        EditionState::Drafted => format!(
            "watchfire bulletin lint {issue}, then somebody else: watchfire bulletin review {issue} --as LOGIN"
        ),
        EditionState::Reviewed => format!("watchfire bulletin approve {issue} --as APPROVER"),
        EditionState::Approved => format!("watchfire bulletin publish {issue}"),
        EditionState::Published => format!("watchfire bulletin late {issue} looks for late data"),
        EditionState::Archived | EditionState::Withdrawn => "nothing".to_owned(),
    }
}

pub fn diff(args: Diff, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let (key, row) = super::signing::open(&args.issue, &workspace)?;
    let against = args.against.unwrap_or(row.revision - 1);
    let ledger = &workspace.ledger;
    let other = ledger.issue(&key.series, key.year, key.number, against);
    let Some(other) = workspace.block_on(other)? else {
        return Err(Failure::new(
            format_args!("{} revision {against}", key.object()),
            "there is none",
        )
        .remedy("watchfire bulletin list"));
    };
    let lang = tongue(&session.environment);
    let lines = differences(&super::parse(&other)?, &super::parse(&row)?, lang);
    let mut out = Out::new();
    if session.json {
        let list: Vec<_> = lines
            .iter()
            .map(|one| json!({ "what": one.what, "before": one.before, "after": one.after }))
            .collect();
        out.json(&list)?;
        return out.end();
    }
    if lines.is_empty() {
        session.talk.say("both say the same");
    }
    let mut table = Table::new([
        "what",
        &format!("revision {against}"),
        &format!("revision {}", row.revision),
    ]);
    for one in lines {
        table.row([one.what, one.before, one.after]);
    }
    if !table.is_empty() {
        table.print(&mut out)?;
    }
    out.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_says_what_is_left_or_over() {
        let minute = 60_000_000;
        assert_eq!(countdown(5 * minute, 0), "in 5 min");
        assert_eq!(countdown(0, 61 * minute), "1 h 1 min over");
        assert_eq!(countdown(1440 * 3 * minute + 60 * minute, 0), "in 3 d 1 h");
    }
}
