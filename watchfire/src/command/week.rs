//! `watchfire week`: the figures of a week, divided, and explained down to the raw line.

use std::collections::BTreeMap;

use bulletin::statistics;
use bulletin::statistics::breakdown::By;
use bulletin::statistics::explain::Line;
use model::bulletin::Lang;
use model::statistic::{Observed, Statistic, Window, Words};
use serde_json::json;

use crate::behind::{raw_line, select};
use crate::command::retention::{Gone, gone};
use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::weekly::{Desk, change_text, tongue};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

/// Groups of a division that a table shows.
const SHOWN_GROUPS: usize = 20;
/// Events of a key that a line shows.
const SHOWN_EVENTS: usize = 3;

/// Show the figures of a week; divide them, or open one down to the records.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Figures are counted from the stored events as they are now; `bulletin draft` freezes them.

Examples:
  watchfire week 2023-3
  watchfire week last --by province
  watchfire week 2023-3 --by day --statistic W5
  watchfire week 2023-3 --explain M1               definition, query, and every counted key
  watchfire week 2023-3 --explain M1 --key 192.0.2.1   its events and their raw lines
  watchfire week 2023-3 --explain W5 --json        a line a key, with all events")]
pub struct Args {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
    /// Divide the counts by day, province, asn, country, malware, feed, tld, brand, sector or class.
    #[arg(long, value_name = "DIVISION", conflicts_with = "explain")]
    by: Option<String>,
    /// Only this statistic.
    #[arg(long, value_name = "ID", conflicts_with = "explain")]
    statistic: Option<String>,
    /// Open a figure: its definition, the query behind it, and one line a counted key.
    #[arg(long, value_name = "ID")]
    explain: Option<String>,
    /// With --explain: only this key, with its events and their raw lines.
    #[arg(long, requires = "explain")]
    key: Option<String>,
    /// Read the lake as it was at this snapshot.
    #[arg(long, value_name = "NUMBER")]
    snapshot: Option<i64>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let desk = Desk::new(&workspace)?;
    if let Some(id) = &args.explain {
        return explain(
            statistic(id)?,
            args.key.as_deref(),
            named,
            args.snapshot,
            &desk,
            &workspace,
            session,
        );
    }
    let only = args.statistic.as_deref().map(statistic).transpose()?;
    match &args.by {
        Some(by) => divide(
            by.parse()
                .map_err(|error: bulletin::Error| Failure::usage("--by", error))?,
            only,
            named,
            args.snapshot,
            &desk,
            session,
        ),
        None => figures(only, named, args.snapshot, &desk, &workspace, session),
    }
}

fn statistic(id: &str) -> Result<&'static Statistic> {
    statistics::named(id).ok_or_else(|| {
        let known: Vec<&str> = statistics::all()
            .iter()
            .map(|statistic| statistic.id)
            .collect();
        Failure::usage(format_args!("statistic {id}"), "is unknown")
            .remedy(format_args!("choose one of {}", known.join(", ")))
    })
}

fn figures(
    only: Option<&Statistic>,
    named: Named,
    snapshot: Option<i64>,
    desk: &Desk<'_>,
    workspace: &Workspace,
    session: &Session,
) -> Result {
    let counted = desk.count(named, snapshot)?;
    let values: Vec<_> = desk
        .figures(&counted)
        .into_iter()
        .filter(|value| only.is_none_or(|only| value.statistic == only.id))
        .collect();
    let (start, end) = named.week.span(&desk.workspace().settings.zone);
    let drift = super::feeds::drift::within(workspace, start, end)?;
    let gone = taken(named, workspace)?;
    let mut out = Out::new();
    if session.json {
        let mut document = json!({
            "issue": named.issue.map(|issue| issue.to_string()),
            "week": { "first": named.week.monday(), "last": named.week.sunday() },
            "zone": counted.frozen.zone,
            "basis": counted.frozen.basis,
            "coverage": counted.frozen.coverage,
            "drift": drift,
            "values": values,
        });
        if !gone.is_empty() {
            document["expired"] = json!(gone);
        }
        out.json(&document)?;
        return out.end();
    }
    let lang = tongue(&session.environment);
    let basis = &counted.frozen.basis;
    out.line(format_args!(
        "{}, {}, lake snapshot {}",
        named.heading(),
        counted.frozen.zone,
        basis.lake_snapshot
    ))?;
    out.line("")?;
    let mut table = Table::new(["key", "figure", "value", "unit", "last week", "change", ""]);
    for value in &values {
        let amount = value
            .value
            .as_ref()
            .map_or("–", |amount| amount.text.get(lang));
        let previous = value
            .previous
            .as_ref()
            .map_or("", |amount| amount.text.get(lang));
        let note = match (&value.missing, &value.change.note) {
            (Some(why), _) => format!("not available: {}", why.get(lang)),
            (None, Some(note)) => note.get(lang).to_owned(),
            (None, None) => String::new(),
        };
        let change = change_text(value, lang);
        table.row([
            value.key.as_str(),
            value.name.get(lang),
            amount,
            value.unit.get(lang),
            previous,
            &change,
            &note,
        ]);
    }
    table.print(&mut out)?;
    let incomplete: Vec<_> = counted
        .frozen
        .coverage
        .iter()
        .filter(|feed| !feed.complete())
        .collect();
    if !incomplete.is_empty() || !drift.is_empty() {
        out.line("")?;
    }
    for feed in incomplete {
        let days: Vec<String> = feed.missing.iter().map(ToString::to_string).collect();
        let missing = if days.is_empty() {
            String::new()
        } else {
            format!(", missing {}", days.join(", "))
        };
        out.line(format_args!(
            "incomplete: feed {}: {} of {} expected{missing}",
            feed.feed, feed.seen_days, feed.expected_days
        ))?;
    }
    for finding in drift {
        let day = finding.at.date_in(&desk.workspace().settings.zone);
        let day = day.map_or_else(String::new, |day| day.to_string());
        let change = finding.change.to_string();
        out.line(format_args!(
            "drift: feed {}, {day}: {}",
            finding.feed,
            clean(&change)
        ))?;
    }
    if !gone.is_empty() {
        out.line("")?;
    }
    for gone in gone {
        out.line(format_args!("not counted: {}", gone.text()))?;
    }
    out.end()
}

/// What rules of retention took of the week's events: it is in no snapshot any more.
fn taken(named: Named, workspace: &Workspace) -> Result<Vec<Gone>> {
    let (start, end) = named.week.span(&workspace.settings.zone);
    let days = start.day().0..model::time::Timestamp(end.0 - 1).day().0 + 1;
    let expiries = workspace.block_on(workspace.ledger.expiries(None, Some(days)))?;
    Ok(gone(&expiries))
}

fn divide(
    by: By,
    only: Option<&Statistic>,
    named: Named,
    snapshot: Option<i64>,
    desk: &Desk<'_>,
    session: &Session,
) -> Result {
    let week = desk.week(named, snapshot)?;
    let mut divisions = desk.wait(week.breakdown(by))?;
    divisions.retain(|division| only.is_none_or(|only| division.statistic == only.id));
    let mut out = Out::new();
    if session.json {
        let issue = named.issue.map(|issue| issue.to_string());
        out.json(&json!({ "issue": issue, "by": by.as_str(), "divisions": divisions }))?;
        return out.end();
    }
    let lang = tongue(&session.environment);
    out.line(format_args!(
        "issue {} ({}) by {}; a key seen in several groups counts in each",
        named.label(),
        named.week,
        by.as_str()
    ))?;
    for division in divisions
        .iter()
        .filter(|division| division.total > 0 || only.is_some())
    {
        let name = statistics::named(&division.statistic)
            .map_or("", |statistic| word(statistic.name, lang));
        out.line("")?;
        out.line(format_args!(
            "{} {name}: {}",
            division.statistic, division.total
        ))?;
        let mut table = Table::new(Vec::<String>::new());
        for (group, count) in division.groups.iter().take(SHOWN_GROUPS) {
            table.row([
                "".to_owned(),
                label(group, by, desk, lang),
                count.to_string(),
            ]);
        }
        table.print(&mut out)?;
        if division.groups.len() > SHOWN_GROUPS {
            out.line(format_args!(
                "  and {} more; --json lists all",
                division.groups.len() - SHOWN_GROUPS
            ))?;
        }
    }
    out.end()
}

fn word(words: Words, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => words.zh,
        Lang::En => words.en,
    }
}

fn label(group: &str, by: By, desk: &Desk<'_>, lang: Lang) -> String {
    let named = match by {
        By::Province => group.parse().ok().and_then(|code| desk.province(code)),
        By::Sector => crate::weekly::sector(group),
        _ => None,
    };
    named.map_or_else(
        || group.to_owned(),
        |name| format!("{} {group}", name.get(lang)),
    )
}

/// Opens a figure: definition, query, and one line a key and input.
fn explain(
    statistic: &'static Statistic,
    key: Option<&str>,
    named: Named,
    snapshot: Option<i64>,
    desk: &Desk<'_>,
    workspace: &Workspace,
    session: &Session,
) -> Result {
    let week = desk.week(named, snapshot)?;
    let sql = select(statistic, named, workspace);
    let mut out = Out::new();
    if !session.json {
        definition(
            statistic,
            named,
            week.snapshot,
            &sql,
            tongue(&session.environment),
            &mut out,
        )?;
    }
    let mut failure = None;
    let mut kept = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let mut each = |line: Line| {
        if key.is_some_and(|key| key != line.key) || failure.is_some() {
            return;
        }
        *lines.entry(line.input.clone()).or_default() += 1;
        let written = if session.json {
            out.json_line(&object(&line))
        } else {
            print(&line, &mut out)
        };
        failure = written.err();
        if key.is_some() {
            kept.push(line);
        }
    };
    desk.wait(week.explain(statistic, &mut each))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let gone = taken(named, workspace)?;
    if let Some(key) = key {
        if kept.is_empty() && gone.is_empty() {
            return Err(Failure::new(
                format_args!("{} of {}", statistic.id, named.label()),
                format_args!("does not count the key {}", clean(key)),
            ));
        }
        raw_lines(&kept, week.snapshot, workspace, &mut out, session)?;
    }
    for gone in &gone {
        match session.json {
            true => out.json_line(&gone.json())?,
            false => out.line(format_args!("not listed: {}", gone.text()))?,
        }
    }
    out.end()?;
    for (input, lines) in lines {
        session
            .talk
            .say(format_args!("{input}: {lines} lines, one a counted key"));
    }
    Ok(())
}

fn definition(
    statistic: &Statistic,
    named: Named,
    snapshot: i64,
    sql: &str,
    lang: Lang,
    out: &mut Out,
) -> Result {
    let window = match statistic.window {
        Window::Week => "the reporting week".to_owned(),
        Window::Weeks { weeks } => format!("the {weeks} weeks up to the reporting week"),
        Window::WeekFirstSeen { weeks } => {
            format!("the reporting week, not seen in the {weeks} weeks before")
        }
    };
    out.line(format_args!(
        "{} {}, definition version {}",
        statistic.id,
        word(statistic.name, lang),
        statistic.version
    ))?;
    out.line(format_args!(
        "  week       {} ({})",
        named.label(),
        named.week
    ))?;
    out.line(format_args!("  unit       {}", word(statistic.unit, lang)))?;
    out.line(format_args!("  key        {}", word(statistic.key, lang)))?;
    out.line(format_args!("  window     {window}"))?;
    out.line(format_args!(
        "  territory  {}",
        word(statistic.territory.words(), lang)
    ))?;
    out.line(format_args!("  formula    {}", statistic.formula))?;
    for part in statistic.parts {
        out.line(format_args!(
            "  part       {}/{} {}: {}",
            statistic.id,
            part.id,
            word(part.name, lang),
            part.formula
        ))?;
    }
    out.line(format_args!("  snapshot   {snapshot}"))?;
    let of = match statistic.observed {
        Observed::Handling => "the ledger's incidents that were handled or opened in the week:",
        _ => "the events in which the keys are found:",
    };
    out.line(format_args!("  query      {of}"))?;
    out.line(format_args!("    {sql}"))?;
    out.line("")?;
    out.line("input  key  feeds  events (report:line)")
}

fn object(line: &Line) -> serde_json::Value {
    let events: Vec<_> = line
        .events
        .iter()
        .map(|event| json!({ "event_id": event.event.to_string(), "report": event.report, "member": event.member, "line": event.line }))
        .collect();
    json!({ "input": line.input, "key": line.key, "feeds": line.feeds, "events": events })
}

fn print(line: &Line, out: &mut Out) -> Result {
    let places: Vec<String> = line
        .events
        .iter()
        .take(SHOWN_EVENTS)
        .map(|event| format!("{}:{}", event.report, event.line))
        .collect();
    let more = match line.events.len().saturating_sub(SHOWN_EVENTS) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    out.line(format_args!(
        "{}  {}  {}  {}{more}",
        line.input,
        clean(&line.key),
        line.feeds.join(","),
        places.join(" ")
    ))
}

/// The raw lines of the events behind a key, read from the archived reports.
fn raw_lines(
    lines: &[Line],
    snapshot: i64,
    workspace: &Workspace,
    out: &mut Out,
    session: &Session,
) -> Result {
    let mut places: Vec<(String, u32, u64)> = lines
        .iter()
        .flat_map(|line| {
            line.events
                .iter()
                .map(|event| (event.report.clone(), event.member, event.line))
        })
        .collect();
    places.sort();
    places.dedup();
    for (report, member, line) in places {
        let Some(found) = raw_line((&report, member, line), snapshot, workspace)? else {
            continue;
        };
        let raw = found.text;
        match session.json {
            true => out.json_line(
                &json!({ "report": report, "member": member, "line": line, "raw": raw }),
            )?,
            false => {
                out.line("")?;
                out.line(format_args!("{report}:{line}"))?;
                out.line(format_args!(
                    "  {}",
                    clean(raw.trim_end_matches(['\r', '\n']))
                ))?;
            }
        }
    }
    Ok(())
}
