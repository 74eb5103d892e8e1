//! `watchfire parallel`: the figures of an older method beside ours, week by week, each difference with
//! what may be behind it and the reason that a named person gave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bulletin::frozen::FrozenWeek;
use bulletin::statistics;
use model::issue::IssueNumber;
use model::statistic::{Measured, Quantity};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::Desk;
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

/// Weeks that a comparison needs to say anything.
const NEEDED: usize = 4;
/// Where reasons are kept.
const KEPT: &str = "parallel/";

/// Compare weeks with the figures of an older method.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The old figures are a CSV file with the header year,number,statistic,value; reasons one with the header
year,number,statistic,slot,reason, where the slot is definition, feeds, territory or other, and a number
of * means every week. Reasons are stored with the name of who gave them. Fewer than four weeks, and
differences that nobody explained, end with exit code 4.

Examples:
  watchfire parallel old.csv
  watchfire parallel old.csv --explain reasons.csv --by li.na
  watchfire parallel old.csv --json")]
pub struct Args {
    /// The old figures.
    old: PathBuf,
    /// Reasons to be stored.
    #[arg(long, value_name = "FILE", requires = "by")]
    explain: Option<PathBuf>,
    /// Who gives them.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A reason that somebody gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reason {
    /// `definition`, `feeds`, `territory` or `other`.
    slot: String,
    /// In words.
    reason: String,
    /// By whom.
    by: String,
    /// When, microseconds UTC.
    at: i64,
}

/// A figure of both methods.
#[derive(Clone, Debug, Serialize)]
struct Row {
    issue: IssueNumber,
    statistic: String,
    old: String,
    /// `None`: not available, with the reason in `missing`.
    ours: Option<String>,
    missing: Option<String>,
    difference: Option<String>,
    percent: Option<String>,
    /// What the data say that may be behind it, by slot.
    slots: BTreeMap<&'static str, String>,
    /// Reasons that people gave.
    reasons: Vec<Reason>,
    /// Whether ours is a frozen issue's; else it was counted now.
    frozen: bool,
}

impl Row {
    fn differs(&self) -> bool {
        self.difference.as_deref() != Some("0")
    }
}

/// Rows of a CSV file with this header; cells may be quoted.
fn read(path: &PathBuf, header: &[&str]) -> Result<Vec<(usize, Vec<String>)>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))?;
    let cells = |line: &str| -> Vec<String> {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted && cells.len() < header.len() => cells.push(String::new()),
                c => cells.last_mut().into_iter().for_each(|cell| cell.push(c)),
            }
        }
        cells
            .into_iter()
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let found = lines
        .next()
        .map(|(_, line)| cells(line))
        .unwrap_or_default();
    if found != header {
        return Err(Failure::new(
            path.display(),
            format_args!("its header is not {}", header.join(",")),
        ));
    }
    let mut rows = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells = cells(line);
        if cells.len() != header.len() {
            let why = format!(
                "line {}: {} cells, not {}",
                at + 1,
                cells.len(),
                header.len()
            );
            return Err(Failure::new(path.display(), why));
        }
        rows.push((at + 1, cells));
    }
    Ok(rows)
}

fn statistic(path: &Path, line: usize, id: &str) -> Result<String> {
    let main = id.split('/').next().unwrap_or(id);
    match statistics::named(main) {
        Some(_) => Ok(id.to_owned()),
        None => Err(Failure::new(
            path.display(),
            format_args!("line {line}: there is no statistic {id}"),
        )),
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    let access = match args.explain {
        Some(_) => Access::Write("parallel"),
        None => Access::Read,
    };
    let workspace = session.open(access)?;
    if let (Some(path), Some(by)) = (&args.explain, &args.by) {
        store(&workspace, path, by)?;
    }
    let mut old: BTreeMap<IssueNumber, Vec<(String, f64, String)>> = BTreeMap::new();
    for (line, cells) in read(&args.old, &["year", "number", "statistic", "value"])? {
        let issue: IssueNumber = format!("{}-{}", cells[0], cells[1])
            .parse()
            .map_err(|error| {
                Failure::new(args.old.display(), format_args!("line {line}: {error}"))
            })?;
        let id = statistic(&args.old, line, &cells[2])?;
        let value: f64 = cells[3].replace(['%', ' '], "").parse().map_err(|_| {
            Failure::new(
                args.old.display(),
                format_args!("line {line}: {} is no number", cells[3]),
            )
        })?;
        old.entry(issue)
            .or_default()
            .push((id, value, cells[3].clone()));
    }
    let desk = Desk::new(&workspace)?;
    let mut rows = Vec::new();
    for (issue, figures) in &old {
        let (week, frozen) = ours(&workspace, &desk, *issue)?;
        for (id, value, text) in figures {
            rows.push(row(&workspace, &week, frozen, *issue, id, *value, text)?);
        }
    }
    let weeks = old.len();
    let unexplained = rows
        .iter()
        .filter(|row| row.differs() && row.reasons.is_empty())
        .count();
    let mut out = Out::new();
    if session.json {
        out.json(&serde_json::json!({
            "weeks": weeks, "needed": NEEDED, "enough": weeks >= NEEDED,
            "unexplained": unexplained, "rows": rows,
        }))?;
    } else {
        print(&rows, &mut out)?;
        if weeks < NEEDED {
            out.line(format_args!(
                "{weeks} weeks are compared: at least {NEEDED} are needed before the old method may end"
            ))?;
        }
        out.line(format_args!("{unexplained} differences without a reason"))?;
    }
    out.end()?;
    match weeks >= NEEDED && unexplained == 0 {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

/// The frozen week of an issue, or the week counted now.
fn ours(workspace: &Workspace, desk: &Desk<'_>, issue: IssueNumber) -> Result<(FrozenWeek, bool)> {
    let series = &workspace.settings.series.id;
    let number = i32::try_from(issue.number).unwrap_or(i32::MAX);
    let ledger = &workspace.ledger;
    let stored = workspace.block_on(ledger.baseline(series, i32::from(issue.year), number))?;
    match stored {
        Some(row) => Ok((
            FrozenWeek::from_json(&issue.to_string(), &row.statistics)?,
            true,
        )),
        None => {
            let named = weeks::read(&issue.to_string(), workspace, now())?;
            Ok((desk.count(named, None)?.frozen, false))
        }
    }
}

fn row(
    workspace: &Workspace,
    week: &FrozenWeek,
    frozen: bool,
    issue: IssueNumber,
    id: &str,
    old: f64,
    text: &str,
) -> Result<Row> {
    let (main, part) = match id.split_once('/') {
        Some((main, part)) => (main, Some(part)),
        None => (id, None),
    };
    let value = week.value(main);
    let measured = value.and_then(|value| match part {
        Some(part) => value.part(part),
        None => Some(&value.measured),
    });
    let number = measured.and_then(number_of);
    let difference = number.map(|ours| ours - old);
    let tidy = |number: f64| {
        let text = format!("{number:.1}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    let missing = match (measured, number) {
        (Some(Measured::NotAvailable { reason }), _) => Some(reason.text().en),
        (_, None) => Some("no number of that name".to_owned()),
        _ => None,
    };
    let mut slots = BTreeMap::new();
    if let Some(value) = value {
        let declared = statistics::named(main);
        let remark = declared.map_or("", |statistic| statistic.remark.en);
        slots.insert(
            "definition",
            format!("version {}: {remark}", value.version)
                .trim_end_matches([':', ' '])
                .to_owned(),
        );
        let incomplete: Vec<String> = week
            .coverage
            .iter()
            .filter(|feed| value.sources.contains(&feed.feed))
            .filter(|feed| !feed.complete() || feed.changed)
            .map(|feed| {
                let changed = if feed.changed { ", changed" } else { "" };
                format!(
                    "{} {}/{}{changed}",
                    feed.feed, feed.seen_days, feed.expected_days
                )
            })
            .collect();
        let feeds = match (value.sources.is_empty(), incomplete.is_empty()) {
            (true, _) => "no feed: counted from incidents".to_owned(),
            (_, true) => format!("of {}, all complete", value.sources.join(", ")),
            (_, false) => format!(
                "of {}; incomplete: {}",
                value.sources.join(", "),
                incomplete.join(", ")
            ),
        };
        slots.insert("feeds", feeds);
        let unknown: Vec<String> = value
            .parts
            .iter()
            .filter(|part| {
                matches!(
                    part.id.as_str(),
                    "unknown" | "outside" | "elsewhere" | "untargeted" | "union"
                )
            })
            .filter_map(|part| Some(format!("{} {}", part.id, part.measured.count()?.count)))
            .collect();
        let declared = declared.map_or("", |statistic| statistic.territory.words().en);
        let more = match unknown.is_empty() {
            true => String::new(),
            false => format!("; {}", unknown.join(", ")),
        };
        slots.insert("territory", format!("{declared}{more}"));
    }
    let mut reasons = Vec::new();
    for number in [issue.to_string(), "*".to_owned()] {
        let key = format!("{KEPT}{number}/{id}");
        let found: Option<Vec<Reason>> = workspace.block_on(workspace.ledger.setting(&key))?;
        reasons.extend(found.unwrap_or_default());
    }
    Ok(Row {
        issue,
        statistic: id.to_owned(),
        old: text.to_owned(),
        ours: number.map(tidy),
        missing,
        percent: difference
            .filter(|_| old != 0.0)
            .map(|difference| format!("{:+.1}%", difference / old * 100.0)),
        difference: difference.map(tidy),
        slots,
        reasons,
        frozen,
    })
}

/// A value as a number: a count, or the per cent of a share to one decimal.
fn number_of(measured: &Measured) -> Option<f64> {
    match measured.quantity()? {
        Quantity::Count(counted) => Some(counted.count as f64),
        Quantity::Ratio {
            numerator,
            denominator,
            ..
        } => model::statistic::percent_tenths(numerator.count, denominator.count)
            .map(|tenths| tenths as f64 / 10.0),
        Quantity::Rank { .. } | Quantity::Word { .. } => None,
    }
}

/// Stores reasons; those of the same person and slot about the same figure are replaced.
fn store(workspace: &Workspace, path: &PathBuf, by: &str) -> Result {
    const SLOTS: [&str; 4] = ["definition", "feeds", "territory", "other"];
    let header = ["year", "number", "statistic", "slot", "reason"];
    let at = now().0;
    for (line, cells) in read(path, &header)? {
        let id = statistic(path, line, &cells[2])?;
        if !SLOTS.contains(&cells[3].as_str()) || cells[4].is_empty() {
            let why = format!(
                "line {line}: a slot is one of {}, and a reason is needed",
                SLOTS.join(", ")
            );
            return Err(Failure::new(path.display(), why));
        }
        let issue = match cells[1].as_str() {
            "*" => "*".to_owned(),
            number => format!("{}-{number}", cells[0]),
        };
        let key = format!("{KEPT}{issue}/{id}");
        let ledger = &workspace.ledger;
        let known: Option<Vec<Reason>> = workspace.block_on(ledger.setting(&key))?;
        let mut reasons = known.unwrap_or_default();
        reasons.retain(|known| known.slot != cells[3] || known.by != by);
        reasons.push(Reason {
            slot: cells[3].clone(),
            reason: cells[4].clone(),
            by: by.to_owned(),
            at,
        });
        workspace.block_on(ledger.set_setting(&key, &reasons))?;
    }
    Ok(())
}

fn print(rows: &[Row], out: &mut Out) -> Result {
    let mut table = Table::new([
        "figure",
        "issue",
        "old",
        "ours",
        "difference",
        "%",
        "reason",
    ]);
    let mut order: Vec<&Row> = rows.iter().collect();
    order.sort_by(|a, b| (&a.statistic, a.issue).cmp(&(&b.statistic, b.issue)));
    for row in &order {
        let reasons: Vec<String> = row
            .reasons
            .iter()
            .map(|one| format!("{}: {} ({})", one.slot, one.reason, one.by))
            .collect();
        let reason = match (row.differs(), reasons.is_empty()) {
            (false, _) => String::new(),
            (true, true) => "none yet".to_owned(),
            (true, false) => reasons.join("; "),
        };
        let mark = if row.frozen { "" } else { " (counted now)" };
        let missing = row.missing.clone().unwrap_or_default();
        table.row([
            row.statistic.clone(),
            format!("{}{mark}", row.issue),
            row.old.clone(),
            row.ours.clone().unwrap_or(missing),
            row.difference.clone().unwrap_or_default(),
            row.percent.clone().unwrap_or_default(),
            reason,
        ]);
    }
    table.print(out)?;
    let mut told: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for row in order
        .iter()
        .filter(|row| row.differs() && row.reasons.is_empty())
    {
        for (slot, text) in &row.slots {
            if told.insert((&row.statistic, slot, text)) {
                out.line(format_args!(
                    "  {} {}: {slot}: {text}",
                    row.statistic, row.issue
                ))?;
            }
        }
    }
    Ok(())
}
