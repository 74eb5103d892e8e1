//! `watchfire infrastructure`: failures and attacks that a person enters, which outweigh volume in
//! the rating (DOMAIN rule 1.2).

use clap::Subcommand;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ledger::{InfrastructureEvent, NewInfrastructureEvent};
use model::time::Timestamp;

use super::incidents::minute;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weeks;
use crate::workspace::{Access, Session, now, random};

/// Grades of the national plan, from the gravest; the stored level is the place from 1.
pub(crate) const GRADES: [(&str, &str); 4] = [
    ("特别重大", "critical"),
    ("重大", "major"),
    ("较大", "larger"),
    ("一般", "general"),
];

/// Enter, end and list disturbances of the infrastructure; graver ones cap the rating.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Grades: 1 特别重大 critical, 2 重大 major, 3 较大 larger, 4 一般 general.

Examples:
  watchfire infrastructure add --level 3 --scope 440000 --start 2023-01-10T08:00 \\
      --name-zh 骨干光缆中断 --name-en \"Backbone cable cut\" --end 2023-01-10T11:30
  watchfire infrastructure end INF-0190... --at 2023-01-10T11:30
  watchfire infrastructure list --week 2023-3")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Enter an event.
    Add(Box<Add>),
    /// Say when an event ended.
    End {
        /// Its id.
        id: String,
        /// When; without an offset, in the reporting zone.
        #[arg(long)]
        at: String,
        /// Who says so.
        #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
        author: String,
    },
    /// Take back an event that was entered in error; it counts nowhere any more.
    Withdraw {
        /// Its id.
        id: String,
        /// Who says so.
        #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
        author: String,
    },
    /// List events.
    List {
        /// Only those that touch this week: issue, date or `last`.
        #[arg(long, value_name = "ISSUE")]
        week: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Grade: 1 to 4, or its word.
    #[arg(long)]
    level: String,
    /// Name in Chinese.
    #[arg(long)]
    name_zh: String,
    /// Name in English.
    #[arg(long)]
    name_en: String,
    /// Place in Chinese.
    #[arg(long, default_value = "")]
    place_zh: String,
    /// Place in English.
    #[arg(long, default_value = "")]
    place_en: String,
    /// `nation`, or the GB/T 2260 code of a province.
    #[arg(long, default_value = "nation")]
    scope: String,
    /// When it began; without an offset, in the reporting zone.
    #[arg(long)]
    start: String,
    /// When it ended; without it, it goes on.
    #[arg(long)]
    end: Option<String>,
    /// Effect in Chinese.
    #[arg(long, default_value = "")]
    effect_zh: String,
    /// Effect in English.
    #[arg(long, default_value = "")]
    effect_en: String,
    /// Who enters it.
    #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
    author: String,
}

/// The stored level of a grade, by number or word.
pub fn level(text: &str) -> Result<i32> {
    let by_word = GRADES
        .iter()
        .position(|(zh, en)| *zh == text || *en == text);
    let by_number = text
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_sub(1))
        .filter(|at| *at < GRADES.len());
    by_word
        .or(by_number)
        .map(|at| at as i32 + 1)
        .ok_or_else(|| {
            Failure::usage(format_args!("level {text}"), "is no grade")
                .remedy("1 特别重大, 2 重大, 3 较大, 4 一般")
        })
}

/// An instant: with an offset as it says, without one in `zone`.
pub fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from(at));
    }
    let civil = text.parse::<DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>()
            .map(|date| date.at(0, 0, 0, 0))
    });
    let zoned = civil.and_then(|civil| civil.to_zoned_datetime(zone.clone()));
    let at = zoned.map_err(|_| {
        Failure::usage(text, "is no time")
            .remedy("write 2023-01-10T08:00, or with an offset 2023-01-10T08:00+08:00")
    })?;
    Ok(Timestamp::from(at.timestamp()))
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Add(add) => enter(*add, session),
        What::End { id, at, author } => {
            let workspace = session.open(Access::Write("infrastructure end"))?;
            let at = instant(&at, &workspace.settings.zone)?;
            workspace.block_on(workspace.ledger.close_infrastructure(
                &id,
                Some(at.0),
                &author,
                now().0,
            ))?;
            session.talk.say(format_args!("{id} ended"));
            Ok(())
        }
        What::Withdraw { id, author } => {
            let workspace = session.open(Access::Write("infrastructure withdraw"))?;
            workspace.block_on(workspace.ledger.close_infrastructure(
                &id,
                None,
                &author,
                now().0,
            ))?;
            session.talk.say(format_args!("{id} is withdrawn"));
            Ok(())
        }
        What::List { week } => list(week, session),
    }
}

fn enter(add: Add, session: &Session) -> Result {
    let level = level(&add.level)?;
    let scoped = add.scope == "nation"
        || (add.scope.len() == 6 && add.scope.bytes().all(|byte| byte.is_ascii_digit()));
    if !scoped {
        return Err(Failure::usage(
            format_args!("scope {}", add.scope),
            "is neither `nation` nor a province",
        )
        .remedy("write a code of six digits, as 440000"));
    }
    let workspace = session.open(Access::Write("infrastructure add"))?;
    let zone = &workspace.settings.zone;
    let at = now();
    let millis = u64::try_from(at.0 / 1000).unwrap_or(0);
    let id = format!(
        "INF-{}",
        uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
    );
    let new = NewInfrastructureEvent {
        id: id.clone(),
        name_zh: add.name_zh,
        name_en: add.name_en,
        place_zh: add.place_zh,
        place_en: add.place_en,
        scope: add.scope,
        level,
        start_at: instant(&add.start, zone)?.0,
        end_at: add
            .end
            .as_deref()
            .map(|end| instant(end, zone))
            .transpose()?
            .map(|at| at.0),
        effect_zh: add.effect_zh,
        effect_en: add.effect_en,
    };
    workspace.block_on(workspace.ledger.add_infrastructure(new, &add.author, at.0))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&serde_json::json!({ "id": id }))?,
        false => out.line(id)?,
    }
    out.end()
}

fn list(week: Option<String>, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let span = match week {
        None => None,
        Some(week) => {
            let (start, end) = weeks::read(&week, &workspace, now())?
                .week
                .span(&workspace.settings.zone);
            Some(start.0..end.0)
        }
    };
    let events = workspace.block_on(workspace.ledger.infrastructure(span))?;
    let mut out = Out::new();
    if session.json {
        out.json(&events)?;
        return out.end();
    }
    let mut table = Table::new(["id", "grade", "scope", "start", "end", "name", ""]);
    for event in &events {
        let InfrastructureEvent {
            id,
            level,
            scope,
            name_zh,
            name_en,
            ..
        } = event;
        let grade = GRADES.get(*level as usize - 1).map_or("", |(zh, _)| zh);
        let at = |at: i64| minute(at, &workspace);
        let end = event.end_at.map_or_else(|| "goes on".to_owned(), at);
        table.row([
            id.clone(),
            grade.to_owned(),
            scope.clone(),
            at(event.start_at),
            end,
            name_zh.clone(),
            name_en.clone(),
        ]);
    }
    if table.is_empty() {
        session.talk.say("no events");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_have_numbers_and_words() {
        assert_eq!(level("3").ok(), Some(3));
        assert_eq!(level("较大").ok(), Some(3));
        assert_eq!(level("general").ok(), Some(4));
        for wrong in ["0", "5", "", "x"] {
            assert!(level(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_without_offset_are_of_the_reporting_zone() {
        let zone = TimeZone::get("Asia/Shanghai").expect("the zone is known");
        let at = |text| instant(text, &zone).map(|at| at.to_string()).ok();
        assert_eq!(
            at("2023-01-10T08:00").as_deref(),
            Some("2023-01-10T00:00:00Z")
        );
        assert_eq!(
            at("2023-01-10T08:00Z").as_deref(),
            Some("2023-01-10T08:00:00Z")
        );
        assert_eq!(at("2023-01-10").as_deref(), Some("2023-01-09T16:00:00Z"));
        assert_eq!(at("yesterday"), None);
    }
}
