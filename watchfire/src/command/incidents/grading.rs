//! `watchfire incidents grade|clocks|clock`: how grave an incident is, and the duties that begin with it.

use clap::Subcommand;
use ledger::Incident;
use ledger::clock::{Clock, ClockState, Ending};
use model::grade::{Extent, Grade, Importance, Loss, Mark, Measure, Operator};
use model::time::Timestamp;
use response::duty::{self, Grading, Law, StoredGrade};
use response::grade::{self, Facts, Scheme};
use serde_json::json;

use super::{minute, word};
use crate::failure::{Exit, Failure, Result};
use crate::responding::{desk, incident};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now};

/// `incidents grade`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its number or id.
    incident: String,
    /// Importance of the affected system: general, important, especially-important.
    #[arg(long)]
    importance: Option<String>,
    /// Its loss: small, larger, severe, especially-severe.
    #[arg(long)]
    loss: Option<String>,
    /// How far an outage or outbreak reaches: city, province, several-provinces, nation.
    #[arg(long)]
    extent: Option<String>,
    /// What was measured, as persons-data=2000000; may be repeated.
    #[arg(long = "measure", value_name = "MEASURE=NUMBER")]
    measures: Vec<String>,
    /// What is so, as outage or cn-resolution-down; may be repeated.
    #[arg(long = "mark", value_name = "MARK")]
    marks: Vec<String>,
    /// On whom the duty to report lies: critical-infrastructure, state-organ, other.
    #[arg(long, default_value = "other")]
    operator: String,
    /// Since when it is known, RFC 3339; now if left out.
    #[arg(long, value_name = "INSTANT")]
    known: Option<String>,
    /// Show the grade only, store nothing and start no clock.
    #[arg(long)]
    dry_run: bool,
    /// What was seen.
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
}

/// `incidents clock`.
#[derive(Debug, Subcommand)]
pub enum ClockWhat {
    /// Say that the duty is done.
    Stop(EndArgs),
    /// Say that the duty does not hold here.
    Waive(EndArgs),
}

/// Which clock ends, and why.
#[derive(Debug, clap::Args)]
pub struct EndArgs {
    /// Its number, as `incidents clocks` shows it.
    clock: i64,
    /// Why.
    #[arg(long)]
    reason: String,
    /// When that was, RFC 3339; now if left out.
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
}

fn schemes(workspace: &Workspace) -> Result<Vec<Scheme>> {
    grade::schemes(&workspace.settings.response.grades)
        .map_err(|error| Failure::new("response.grades", error).with(Exit::Configuration))
}

fn laws(workspace: &Workspace) -> Result<Vec<Law>> {
    duty::laws(&workspace.settings.response.laws)
        .map_err(|error| Failure::new("response.laws", error).with(Exit::Configuration))
}

/// Reads an instant; without one it is now.
pub fn instant(text: Option<&str>) -> Result<Timestamp> {
    let Some(text) = text else { return Ok(now()) };
    let at: jiff::Timestamp = text.parse().map_err(|error| {
        Failure::usage(text, error).remedy("write an instant as 2026-01-31T08:00:00+08:00")
    })?;
    Ok(Timestamp(at.as_microsecond()))
}

fn facts(args: &Args) -> Result<Facts> {
    let mut facts = Facts {
        importance: args
            .importance
            .as_deref()
            .map(word::<Importance>)
            .transpose()?,
        loss: args.loss.as_deref().map(word::<Loss>).transpose()?,
        extent: args.extent.as_deref().map(word::<Extent>).transpose()?,
        ..Facts::default()
    };
    for text in &args.measures {
        let wrong =
            || Failure::usage(text, "is no measure").remedy("write one as persons-data=2000000");
        let (name, number) = text.split_once('=').ok_or_else(wrong)?;
        let number = number
            .replace(['_', ','], "")
            .parse()
            .map_err(|_| wrong())?;
        facts.measured.insert(word::<Measure>(name)?, number);
    }
    for text in &args.marks {
        facts.marks.insert(word::<Mark>(text)?);
    }
    Ok(facts)
}

fn grade_text(grade: Option<Grade>) -> String {
    grade.map_or_else(
        || "none".to_owned(),
        |grade| format!("{} {}", grade.roman(), grade.zh()),
    )
}

/// Grades an incident.
pub fn run(args: &Args, session: &Session) -> Result {
    let facts = facts(args)?;
    let operator: Operator = word(&args.operator)?;
    let known = instant(args.known.as_deref())?;
    let access = match args.dry_run {
        true => Access::Read,
        false => Access::Write("incidents grade"),
    };
    let workspace = session.open(access)?;
    let one = incident(&workspace, &args.incident)?;
    let schemes = schemes(&workspace)?;
    let laws = laws(&workspace)?;
    let (gravest, each, clocks) = match &args.reason {
        Some(reason) if !args.dry_run => {
            let said = Grading {
                facts,
                operator,
                known,
                reason: reason.clone(),
            };
            let desk = desk(&workspace);
            let actor = session.actor();
            let graded = desk.grade(one.incident_id(), &schemes, &laws, said, &actor);
            let (stored, clocks) = workspace.block_on(graded)?;
            (stored.grade, stored.schemes, clocks)
        }
        _ => {
            let (gravest, each) = grade::grade(&schemes, &facts);
            (gravest, each, Vec::new())
        }
    };
    let mut out = Out::new();
    if session.json {
        out.json(
            &json!({ "incident": one.number, "grade": gravest, "schemes": each, "clocks": clocks,
            "stored": !args.dry_run }),
        )?;
        return out.end();
    }
    let mut table = Table::new(["scheme", "grade", "row", "source"]);
    for said in &each {
        table.row([
            said.scheme.clone(),
            grade_text(said.grade),
            said.row.clone().unwrap_or_default(),
            said.source.clone().unwrap_or_default(),
        ]);
    }
    table.print(&mut out)?;
    for said in &each {
        for (row, grade, standing) in &said.unconfirmed {
            session.talk.warn(format_args!(
                "{}/{row} would give {} and does not decide: it is {standing}; `response.grades` takes it",
                said.scheme,
                grade.roman()
            ));
        }
    }
    for clock in &clocks {
        out.line(format_args!(
            "clock {} {}/{} is due {}",
            clock.id,
            clock.law,
            clock.duty,
            minute(clock.due_at, &workspace)
        ))?;
    }
    out.end()?;
    session.talk.say(format_args!(
        "#{} grade {}, {} clocks started",
        one.number,
        grade_text(gravest),
        clocks.len()
    ));
    Ok(())
}

/// Time left in words, as `1 h 05 min left` or `12 min over`.
pub fn left(due: i64, at: i64) -> String {
    let minutes = (due - at).abs() / 60_000_000;
    let text = match minutes / 60 {
        0 => format!("{minutes} min"),
        hours => format!("{hours} h {:02} min", minutes % 60),
    };
    match due >= at {
        true => format!("{text} left"),
        false => format!("{text} over"),
    }
}

/// Lists the countdowns and says what is to be escalated.
pub fn clocks(all: bool, which: Option<&str>, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents clocks"))?;
    let escalated = workspace.block_on(desk(&workspace).escalate_clocks())?;
    let ledger = &workspace.ledger;
    let laws = laws(&workspace)?;
    let clocks: Vec<Clock> = match which {
        Some(which) => {
            let id = incident(&workspace, which)?.incident_id();
            let mut clocks = workspace.block_on(ledger.clocks(id))?;
            clocks.retain(|clock| all || clock.state == ClockState::Running);
            clocks
        }
        None => workspace.block_on(ledger.clocks_running())?,
    };
    let at = now().0;
    let mut out = Out::new();
    if session.json {
        let rows: Vec<_> = clocks
            .iter()
            .map(|clock| {
                json!({ "clock": clock, "percent": clock.percent(clock.ended_at.unwrap_or(at)),
                    "minutes_left": (clock.due_at - at).div_euclid(60_000_000), "late": clock.is_late(at) })
            })
            .collect();
        out.json(&json!({ "clocks": rows, "escalated": escalated }))?;
        return out.end();
    }
    let mut table = Table::new(["clock", "#", "duty", "to", "due", "gone", ""]);
    for clock in &clocks {
        let number = workspace.block_on(ledger.incident(clock.incident_id.0, &ledger::Reach::All));
        let number = number.map(|one: Incident| one.number)?;
        let duty = laws.iter().find(|law| law.id == clock.law);
        let duty = duty.and_then(|law| law.duty(&clock.duty));
        let state = match (clock.state, clock.is_late(at)) {
            (ClockState::Running, _) => left(clock.due_at, at),
            (ClockState::Done, false) => "done".to_owned(),
            (ClockState::Done, true) => "done late".to_owned(),
            (ClockState::Waived, _) => "waived".to_owned(),
        };
        table.row([
            clock.id.to_string(),
            number.to_string(),
            format!("{}/{}", clock.law, clock.duty),
            duty.map(|duty| duty.to_en.clone()).unwrap_or_default(),
            minute(clock.due_at, &workspace),
            format!("{} %", clock.percent(clock.ended_at.unwrap_or(at))),
            state,
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no clock runs"),
        false => table.print(&mut out)?,
    }
    for one in &escalated {
        session.talk.warn(format_args!(
            "clock {} {}/{} passed {} % of its time: {}",
            one.clock.id,
            one.clock.law,
            one.clock.duty,
            one.percent,
            left(one.clock.due_at, at)
        ));
    }
    out.end()
}

/// Ends a clock.
pub fn end(what: ClockWhat, session: &Session) -> Result {
    let (state, args) = match what {
        ClockWhat::Stop(args) => (ClockState::Done, args),
        ClockWhat::Waive(args) => (ClockState::Waived, args),
    };
    let at = instant(args.at.as_deref())?.0;
    let workspace = session.open(Access::Write("incidents clock"))?;
    let laws = laws(&workspace)?;
    let ending = Ending {
        state,
        at,
        reason: args.reason,
    };
    let desk = desk(&workspace);
    let (ended, next) =
        workspace.block_on(desk.end_clock(args.clock, ending, &laws, &session.actor()))?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "ended": ended, "started": next }))?;
        return out.end();
    }
    let how = match (ended.state, ended.is_late(now().0)) {
        (ClockState::Waived, _) => "is waived",
        (_, true) => "is done, late",
        (_, false) => "is done in time",
    };
    session
        .talk
        .say(format_args!("{}/{} {how}", ended.law, ended.duty));
    for clock in &next {
        out.line(format_args!(
            "clock {} {}/{} is due {}",
            clock.id,
            clock.law,
            clock.duty,
            minute(clock.due_at, &workspace)
        ))?;
    }
    out.end()
}

/// The grade of an incident in a line, for `incidents show`.
pub fn told(one: &Incident) -> Option<String> {
    let stored = StoredGrade::of(one)?;
    let rows: Vec<_> = stored
        .schemes
        .iter()
        .filter_map(|said| Some(format!("{}/{}", said.scheme, said.row.as_ref()?)))
        .collect();
    Some(format!(
        "{} by {} ({}): {}",
        grade_text(stored.grade),
        stored.by,
        rows.join(", "),
        stored.reason
    ))
}
