//! `watchfire daily`: one sheet about a day, and the zero report: that nothing of a grade happened is said,
//! and by whom.

use std::path::PathBuf;

use bulletin::sections::words::day;
use bulletin::sheet::{self, Block, Sheet};
use bulletin::statistics;
use intake::coverage::coverage;
use jiff::civil::Date;
use ledger::{Incident, IncidentFilter, IncidentSort, Page, Reach};
use model::bulletin::{Lang, Text};
use model::incident::{IncidentState, Severity};
use model::statistic::{self, StatisticValue};
use model::time::{ReportingWeek, Timestamp};
use serde_json::json;

use super::infrastructure::GRADES;
use super::rollup::place;
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::weekly::Desk;
use crate::weeks::Named;
use crate::workspace::{Access, Session, Workspace, now};

/// Figures of the sheet.
const SHOWN: [&str; 12] = [
    "M1", "M2", "M3", "H1", "W1", "W2", "W3", "W4", "W5", "V1", "V2", "I1",
];
/// Print the daily sheet with its zero report.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The sheet gives the figures of the day and of the week so far, the feeds that were silent, and the zero
report. Its figures are preliminary: the weekly issue counts again. A zero report without the name of who
confirms it is printed as not confirmed.

Examples:
  watchfire daily 2026-11-20
  watchfire daily today --confirmed-by li.na --out /srv/daily")]
pub struct Args {
    /// The day, or `today`, or `yesterday`.
    day: String,
    /// Who confirms the zero report.
    #[arg(long, value_name = "NAME")]
    confirmed_by: Option<String>,
    /// Folder; without it, daily/ in the workspace.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let zone = &workspace.settings.zone;
    let today = now()
        .date_in(zone)
        .ok_or_else(|| Failure::new("clock", "the date is out of range"))?;
    let date = match args.day.as_str() {
        "today" => today,
        "yesterday" => today.saturating_sub(jiff::Span::new().days(1)),
        text => text.parse::<Date>().map_err(|_| {
            Failure::usage(text, "is no day").remedy("write a day as 2026-11-20, or `today`")
        })?,
    };
    if date > today {
        return Err(Failure::usage(date, "has not begun yet"));
    }
    let desk = Desk::new(&workspace)?;
    let made = made(&workspace, &desk, date, args.confirmed_by.as_deref())?;
    let folder = args.out.unwrap_or_else(|| workspace.root.join("daily"));
    std::fs::create_dir_all(&folder).map_err(|error| Failure::new(folder.display(), error))?;
    let mut files = Vec::new();
    for lang in Lang::ALL {
        let stem = format!("{}.{}", made.sheet.stem, lang.code());
        let page = sheet::html(&made.sheet, lang);
        files.push(place(&folder, &format!("{stem}.html"), page.as_bytes())?);
        let text = sheet::text(&made.sheet, lang);
        files.push(place(&folder, &format!("{stem}.txt"), text.as_bytes())?);
    }
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "day": date.to_string(),
            "zero": made.zero,
            "confirmed_by": args.confirmed_by,
            "silent": made.silent,
            "files": files,
        }))?;
    } else {
        let lang = crate::weekly::tongue(&session.environment);
        out.line(sheet::text(&made.sheet, lang).trim_end())?;
        out.line("")?;
        files.iter().try_for_each(|file| out.line(file.display()))?;
    }
    out.end()
}

/// A sheet that was made.
pub struct Made {
    /// The sheet.
    pub sheet: Sheet,
    /// Whether nothing reportable happened.
    pub zero: bool,
    /// Feeds without data of the day.
    pub silent: Vec<String>,
}

/// The sheet about a day, with who confirms its zero report.
///
/// # Errors
/// The lake or the ledger fails.
pub fn made(
    workspace: &Workspace,
    desk: &Desk<'_>,
    date: Date,
    confirmed_by: Option<&str>,
) -> Result<Made> {
    let settings = &workspace.settings;
    let zone = &settings.zone;
    let midnight = |date: Date| {
        let zoned = zone
            .to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
            .compatible();
        zoned
            .map(|zoned| Timestamp::from(zoned.timestamp()))
            .unwrap_or_default()
    };
    let named = Named::of(ReportingWeek::containing(date), settings);
    let week = desk.week(named, None)?;
    let (start, end) = (
        midnight(date),
        midnight(date.saturating_add(jiff::Span::new().days(1))),
    );
    let monday = midnight(named.week.monday());
    let ledger = &workspace.ledger;
    let (covered, of_day, of_week) = workspace.block_on(async {
        let covered = coverage(ledger, &settings.catalogue, named.week).await?;
        let past = week.past(&settings.series.id, &settings.zone_name).await?;
        let known = past
            .first()
            .map(|last| last.supplies.clone())
            .unwrap_or_default();
        let of_day = week.values_in((start, end), &covered, &known).await?;
        let of_week = week.values_in((monday, end), &covered, &known).await?;
        Ok::<_, Failure>((covered, of_day, of_week))
    })?;
    let silent: Vec<String> = covered
        .iter()
        .filter(|feed| feed.missing.contains(&date))
        .map(|feed| feed.feed.clone())
        .collect();
    let opened = opened(workspace, (start.0, end.0))?;
    let events = workspace.block_on(ledger.infrastructure(Some(start.0..end.0)))?;
    let grades: Vec<usize> = (1..=4)
        .map(|grade| events.iter().filter(|event| event.level == grade).count())
        .collect();
    let grave = |severity: Severity| {
        opened
            .iter()
            .filter(|row| row.severity.0 == severity)
            .count()
    };
    let graves = [grave(Severity::Critical), grave(Severity::High)];
    let zero = grades.iter().chain(&graves).all(|count| *count == 0);

    let mut blocks = vec![Block::Heading(Text::new("零报告", "Zero report"))];
    let mut statements = Vec::new();
    for ((zh, en), count) in GRADES.iter().zip(&grades) {
        statements.push(match count {
            0 => Text::new(
                format!("当日无{zh}级基础设施事件。"),
                format!("No infrastructure event graded {en}."),
            ),
            n => Text::new(
                format!("当日有{zh}级基础设施事件{n}起。"),
                format!("Infrastructure events graded {en}: {n}."),
            ),
        });
    }
    for ((zh, en), count) in [("紧急", "critical"), ("高", "high")].iter().zip(&graves) {
        statements.push(match count {
            0 => Text::new(
                format!("当日未立{zh}等级事件。"),
                format!("No {en} incident was opened."),
            ),
            n => Text::new(
                format!("当日立{zh}等级事件{n}起。"),
                format!("Incidents of {en} severity opened: {n}."),
            ),
        });
    }
    if zero {
        blocks.push(Block::Statement(Text::new(
            "零报告：当日没有需要上报的事件。",
            "Zero report: no reportable event on this day.",
        )));
    }
    blocks.push(Block::List(statements));
    blocks.push(Block::Paragraph(match confirmed_by {
        Some(name) => Text::new(format!("确认人：{name}"), format!("Confirmed by {name}.")),
        None => Text::new("尚未确认。", "Not confirmed yet."),
    }));
    blocks.push(Block::Heading(Text::new("监测数字", "Figures")));
    blocks.push(figures(&of_day, &of_week));
    blocks.push(Block::Heading(Text::new("数据源", "Sources")));
    blocks.push(Block::Paragraph(match silent.is_empty() {
        true => Text::new("当日各数据源均有数据。", "All daily sources reported."),
        false => Text::new(
            format!(
                "当日没有数据的来源：{}。上列数字可能偏少。",
                silent.join("、")
            ),
            format!(
                "Silent for the day: {}. The figures above may be too low.",
                silent.join(", ")
            ),
        ),
    }));
    let printed = day(date);
    let sheet = Sheet {
        publisher: settings.series.organization.clone(),
        series: Text::new("每日监测", "Daily sheet"),
        number: printed.clone(),
        title: Text::new(
            format!("{}网络安全监测日报", printed.zh),
            format!("Cybersecurity on {}", printed.en),
        ),
        level: None,
        status: confirmed_by
            .is_none()
            .then(|| Text::new("未确认", "not confirmed")),
        tlp: settings.series.tlp,
        banner: settings.series.banner.clone(),
        blocks,
        foot: vec![
            Text::new(
                format!(
                    "数字为初步结果，取自第{}号数据快照；以周报为准。“本周累计”在整段时间内去重，不是各日之和。",
                    week.snapshot
                ),
                format!(
                    "Figures are preliminary, read from data snapshot {}; the weekly issue holds. \"Week so far\" counts each thing once over its days; it is not their sum.",
                    week.snapshot
                ),
            ),
            Text::new(
                format!("时区{}。", settings.zone_name),
                format!("Days of the zone {}.", settings.zone_name),
            ),
        ],
        stem: format!("daily-{date}"),
    };
    Ok(Made {
        sheet,
        zero,
        silent,
    })
}

fn figures(of_day: &[StatisticValue], of_week: &[StatisticValue]) -> Block {
    let count = |values: &[StatisticValue], id: &str| {
        let value = values.iter().find(|value| value.statistic == id)?;
        let counted = value.measured.count()?.count;
        let form = statistics::named(id)?.print;
        Some(statistic::print_count(counted, form))
    };
    let rows = SHOWN
        .iter()
        .filter_map(|id| {
            let declared = statistics::named(id)?;
            let so_far = count(of_week, id)?;
            let name = Text::new(
                format!("{}（{}）", declared.name.zh, declared.unit.zh),
                format!("{} ({})", declared.name.en, declared.unit.en),
            );
            let day = count(of_day, id).unwrap_or_else(|| Text::same("–"));
            Some(vec![name, day, so_far])
        })
        .collect();
    let heads = vec![
        Text::new("指标", "Figure"),
        Text::new("当日", "The day"),
        Text::new("本周累计", "Week so far"),
    ];
    Block::Table(heads, rows)
}

/// Incidents opened in a span that are not found to be none.
fn opened(workspace: &Workspace, span: (i64, i64)) -> Result<Vec<Incident>> {
    let filter = IncidentFilter {
        opened: Some(span),
        ..IncidentFilter::default()
    };
    let ledger = &workspace.ledger;
    let rows = ledger.incidents(&filter, &Reach::All, IncidentSort::Oldest, Page::ALL);
    let mut rows = workspace.block_on(rows)?;
    rows.retain(|row| {
        let counts = row
            .resolution
            .is_none_or(|resolution| resolution.0.counts());
        row.state.0 != IncidentState::Merged && !row.counts_elsewhere && counts
    });
    Ok(rows)
}
