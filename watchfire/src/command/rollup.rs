//! `watchfire rollup`: monthly, quarterly and annual editions from the same statistics.

pub mod life;

use std::io::Write;
use std::path::{Path, PathBuf};

use bulletin::frozen::FrozenWeek;
use bulletin::period::{Freeze, FrozenPeriod, WeekLevel};
use bulletin::render::Fonts;
use bulletin::rollup::{Cover, compose, files, series_id};
use bulletin::sections::figures::Names;
use clap::Subcommand;
use intake::coverage::coverage;
use ledger::{Issue, NewIssue, Page};
use model::bulletin::{Bulletin, Publisher, SeriesTitle};
use model::period::{PeriodKind, ReportingPeriod};
use model::time::{Day, Timestamp};
use serde_json::json;

use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::{Desk, sector};
use crate::weeks::Named;
use crate::workspace::{Access, Session, Workspace, now};
use life::Act;

/// Count a month, quarter or year again and print its edition.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A period is counted over its own days: unique counts do not add up over weeks. It compares with the period
before and with the same period of the year before, where those were counted. The same records give the
same edition; a change makes a new revision. A period that is not over says so.

Examples:
  watchfire rollup month 2026-10
  watchfire rollup quarter 2026-3 --out /srv/www
  watchfire rollup review month 2026-10 --as wang.wei
  watchfire rollup approve month 2026-10 --as chen.jing
  watchfire rollup publish month 2026-10 --as li.na
  watchfire rollup year 2026 --json")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A month, as 2026-10.
    Month(One),
    /// A quarter, as 2026-3.
    Quarter(One),
    /// A year, as 2026.
    Year(One),
    /// Say that somebody else has read the edition of a period that is over.
    Review(Which),
    /// Sign it; not by who made it.
    Approve(Which),
    /// Put it onto the public site.
    Publish(Which),
    /// Take it back from the site.
    Withdraw {
        #[command(flatten)]
        which: Which,
        /// Why, in Chinese.
        #[arg(long, value_name = "WHY")]
        zh: String,
        /// Why, in English.
        #[arg(long, value_name = "WHY")]
        en: String,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// month, quarter or year.
    #[arg(value_parser = kind_of)]
    kind: PeriodKind,
    /// The period.
    period: String,
}

fn kind_of(text: &str) -> Result<PeriodKind, String> {
    match text {
        "month" => Ok(PeriodKind::Month),
        "quarter" => Ok(PeriodKind::Quarter),
        "year" => Ok(PeriodKind::Year),
        _ => Err("write month, quarter or year".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
struct One {
    /// The period.
    period: String,
    /// Folder; without it, drafts/ in the workspace.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who makes it.
    #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
    author: String,
    /// What a new revision changes.
    #[arg(long, default_value = "")]
    note: String,
}

pub fn run(args: Args, session: &Session) -> Result {
    let (kind, one) = match args.what {
        What::Month(one) => (PeriodKind::Month, one),
        What::Quarter(one) => (PeriodKind::Quarter, one),
        What::Year(one) => (PeriodKind::Year, one),
        What::Review(which) => return step(&which, "rollup review", &Act::Review, session),
        What::Approve(which) => return step(&which, "rollup approve", &Act::Approve, session),
        What::Publish(which) => return step(&which, "rollup publish", &Act::Publish, session),
        What::Withdraw { which, zh, en } => {
            return step(
                &which,
                "rollup withdraw",
                &Act::Withdraw { zh, en },
                session,
            );
        }
    };
    let period = ReportingPeriod::parse(kind, &one.period)
        .map_err(|error| Failure::usage(&one.period, error))?;
    let workspace = session.open(Access::Write("rollup"))?;
    let desk = Desk::new(&workspace)?;
    let said = (one.author.as_str(), one.note.as_str());
    let edition = make(&workspace, &desk, period, said)?;
    let folder = one.out.unwrap_or_else(|| workspace.drafts_dir());
    let fonts = super::bulletin::fonts(&workspace, &session.talk);
    let files = write(&edition.bulletin, kind, &folder, fonts.as_ref())?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "series": edition.issue.series,
            "period": period.to_string(),
            "complete": edition.frozen.is_complete(),
            "counted_to": edition.frozen.counted_to,
            "revision": edition.issue.revision,
            "new": edition.new,
            "hash": edition.issue.hash,
            "values": edition.bulletin.values,
            "files": files,
        }))?;
        return out.end();
    }
    let state = if edition.new { "frozen" } else { "unchanged" };
    out.line(format_args!(
        "{period} revision {}: {state}, hash {}",
        edition.issue.revision, edition.issue.hash
    ))?;
    if let Some(to) = edition.frozen.counted_to {
        session.talk.warn(format_args!(
            "{period} is not over: counted up to {to}, and not compared with other periods"
        ));
    }
    let mut table = Table::new(["figure", "name", "value", "before", "change"]);
    for value in &edition.bulletin.values {
        let Some(amount) = value.value.as_ref().filter(|_| !value.key.contains('/')) else {
            continue;
        };
        let before = value.previous.as_ref().map(|amount| amount.text.en.clone());
        table.row([
            value.key.clone(),
            value.name.en.clone(),
            amount.text.en.clone(),
            before.unwrap_or_default(),
            value.change.text.en.clone(),
        ]);
    }
    table.print(&mut out)?;
    for file in &files {
        out.line(file.display())?;
    }
    out.end()
}

fn step(which: &Which, name: &'static str, act: &Act, session: &Session) -> Result {
    let period = ReportingPeriod::parse(which.kind, &which.period)
        .map_err(|error| Failure::usage(&which.period, error))?;
    let workspace = session.open(Access::Write(name))?;
    life::act(&workspace, period, act, session)
}

/// Counts a period, and stores its edition where it says another thing than the newest: by whom, and what a new
/// revision changes.
///
/// # Errors
/// The lake or the ledger fails.
pub fn make(
    workspace: &Workspace,
    desk: &Desk<'_>,
    period: ReportingPeriod,
    said: (&str, &str),
) -> Result<Edition> {
    let now = now();
    let frozen = count(workspace, desk, period, now)?;
    draft(workspace, desk, frozen, said, now)
}

/// Counts a period from the records as they are now.
fn count(
    workspace: &Workspace,
    desk: &Desk<'_>,
    period: ReportingPeriod,
    now: Timestamp,
) -> Result<FrozenPeriod> {
    let settings = &workspace.settings;
    let first = period
        .weeks()
        .next()
        .ok_or_else(|| Failure::new(period, "has no weeks"))?;
    let week = desk.week(Named::of(first, settings), None)?;
    let issues = weekly_issues(workspace, period)?;
    let known = newest_before(workspace, period)?;
    workspace.block_on(async {
        let mut weeks = Vec::new();
        for week in period.weeks() {
            weeks.push(coverage(&workspace.ledger, &settings.catalogue, week).await?);
        }
        let freeze = Freeze {
            series: series_id(&settings.series.id, period.kind()),
            zone_name: &settings.zone_name,
            coverage: &weeks,
            known: known.as_ref().map_or(&[][..], |week| &week.supplies),
            reference: desk.reference(),
            source_schemas: desk.schemas(),
            program: env!("CARGO_PKG_VERSION"),
            weeks: issues,
            now,
        };
        let frozen = week.freeze_period(period, freeze).await;
        Ok::<_, Failure>(frozen?)
    })
}

/// Levels of the weekly issues whose Sunday lies in the period.
fn weekly_issues(workspace: &Workspace, period: ReportingPeriod) -> Result<Vec<WeekLevel>> {
    let mut levels = Vec::new();
    for week in period.weeks() {
        if week.sunday() < period.first() || week.sunday() > period.last() {
            continue;
        }
        let frozen = weekly(workspace, week)?;
        levels.push(WeekLevel {
            week,
            level: frozen.and_then(|frozen| frozen.rating?.level()),
        });
    }
    Ok(levels)
}

/// The frozen weekly issue about a week.
fn weekly(workspace: &Workspace, week: model::time::ReportingWeek) -> Result<Option<FrozenWeek>> {
    let series = &workspace.settings.series.id;
    let ledger = &workspace.ledger;
    let monday = Day::of(week.monday()).0;
    let heads = workspace.block_on(ledger.issues(Some(series), Page::ALL))?;
    let Some(head) = heads.iter().find(|head| head.week_start == monday) else {
        return Ok(None);
    };
    let row = workspace.block_on(ledger.baseline(series, head.year, head.number))?;
    row.map(|row| {
        let name = format!("{}-{}", row.year, row.number);
        FrozenWeek::from_json(&name, &row.statistics).map_err(Failure::from)
    })
    .transpose()
}

/// The newest weekly issue that is not later than the period: what feeds were known to supply.
fn newest_before(workspace: &Workspace, period: ReportingPeriod) -> Result<Option<FrozenWeek>> {
    let series = &workspace.settings.series.id;
    let last = Day::of(period.last()).0;
    let heads = workspace.block_on(workspace.ledger.issues(Some(series), Page::ALL))?;
    let newest = heads.iter().find(|head| head.week_start <= last);
    match newest {
        None => Ok(None),
        Some(head) => {
            let monday = Day(head.week_start).date();
            weekly(workspace, model::time::ReportingWeek::containing(monday))
        }
    }
}

/// An edition that was made.
pub struct Edition {
    /// The period as frozen.
    pub frozen: FrozenPeriod,
    /// What is printed.
    pub bulletin: Bulletin,
    /// Its row.
    pub issue: Issue,
    /// Whether it is a new revision.
    pub new: bool,
}

/// A stored period: the newest approved revision, else the newest draft.
fn stored(workspace: &Workspace, period: ReportingPeriod) -> Result<Option<(Issue, FrozenPeriod)>> {
    let series = series_id(&workspace.settings.series.id, period.kind());
    let (year, number) = key(period);
    let row = workspace.block_on(workspace.ledger.baseline(&series, year, number))?;
    row.map(|row| {
        let frozen = FrozenPeriod::from_json(&period.to_string(), &row.statistics)?;
        Ok((row, frozen))
    })
    .transpose()
}

fn key(period: ReportingPeriod) -> (i32, i32) {
    let issue = period.issue();
    let number = i32::try_from(issue.number).unwrap_or(i32::MAX);
    (i32::from(issue.year), number)
}

fn draft(
    workspace: &Workspace,
    desk: &Desk<'_>,
    frozen: FrozenPeriod,
    (author, note): (&str, &str),
    now: Timestamp,
) -> Result<Edition> {
    let period = frozen.period;
    let settings = &workspace.settings;
    let of = |period| -> Result<Option<FrozenPeriod>> {
        Ok(stored(workspace, period)?.map(|(_, frozen)| frozen))
    };
    let (before, year_before) = (of(period.previous())?, of(period.year_before())?);
    let words = desk.rating_words();
    let province = |code: u32| desk.province(code);
    let make = |revision: u32| {
        let series = &settings.series;
        let cover = Cover {
            series: SeriesTitle {
                id: series.id.clone(),
                title: series.title.clone(),
            },
            publisher: Publisher {
                name: series.organization.clone(),
                about: series.about.clone(),
            },
            tlp: series.tlp,
            revision,
            banner: series.banner.clone(),
            words: words.clone(),
            names: Names {
                province: &province,
                sector: &sector,
            },
        };
        compose(&frozen, before.as_ref(), year_before.as_ref(), cover)
    };
    if frozen.is_complete() {
        life::freeze(workspace, &frozen, (author, note), now)?;
    }
    let newest = stored(workspace, period)?;
    let revision = newest
        .as_ref()
        .map_or(1, |(row, _)| u32::try_from(row.revision).unwrap_or(1));
    let same = make(revision)?;
    let statistics = frozen.to_json();
    if let Some((row, _)) = &newest
        && row.bulletin == same.canonical_json()
        && row.statistics == statistics
    {
        return Ok(Edition {
            issue: row.clone(),
            bulletin: same,
            frozen,
            new: false,
        });
    }
    let bulletin = match newest {
        Some(_) => make(revision + 1)?,
        None => same,
    };
    let as_of = frozen.basis.ledger_as_of.parse::<jiff::Timestamp>();
    let (year, number) = key(period);
    let new = NewIssue {
        series: frozen.series.clone(),
        year,
        number,
        week_start: Day::of(period.first()).0,
        week_end: Day::of(period.last()).0,
        lake_snapshot: i64::try_from(frozen.basis.lake_snapshot).unwrap_or(i64::MAX),
        ledger_as_of: as_of.map_or(0, |at| Timestamp::from(at).0),
        author: author.to_owned(),
        note: note.to_owned(),
        statistics,
        bulletin: bulletin.canonical_json(),
        around: String::new(),
    };
    let issue = workspace.block_on(workspace.ledger.save_draft(new, now.0))?;
    Ok(Edition {
        frozen,
        bulletin,
        issue,
        new: true,
    })
}

/// Writes the edition's files into a folder.
fn write(
    bulletin: &Bulletin,
    kind: PeriodKind,
    folder: &Path,
    fonts: Option<&Fonts>,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(folder.display(), error))?;
    files(bulletin, kind, fonts)?
        .into_iter()
        .map(|file| place(folder, &file.name, &file.bytes))
        .collect()
}

/// Puts a file in its place whole: a reader sees the old one or the new one.
pub(crate) fn place(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    let aside = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut new = std::fs::File::create(&aside)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        std::fs::rename(&aside, &path)
    };
    write().map_err(|error| Failure::new(path.display(), error))?;
    Ok(path)
}
