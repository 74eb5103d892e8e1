//! The newsroom behind the bulletin desk: what `watchfire bulletin`, `flash`, `daily`, `rollup` and `week --explain` do,
//! asked by a page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bulletin::change::{ChangeExplanation, assets};
use bulletin::render::{Fonts, Form, Rendition, files};
use bulletin::sheet;
use bulletin::statistics::{self, explain::Line};
use console::newsroom::{Asked, Behind, Checked, Daily, Declined, Raw, Task, Told, Work};
use jiff::civil::Date;
use ledger::{EditionKey, Flash, Issue};
use model::bulletin::{Bulletin, Lang, Tlp};
use model::issue::IssueNumber;
use model::newsroom::Right;
use model::period::ReportingPeriod;
use model::time::Timestamp;

use crate::behind::{raw_line, select};
use crate::command::bulletin::drafting::{actor, key_of, newest};
use crate::command::bulletin::{explain_change, findings, life, signed, signing};
use crate::command::retention::gone;
use crate::command::{daily, flash, rollup};
use crate::failure::{Failure, Result};
use crate::serve::{Server, works};
use crate::talk::{Loudness, Talk};
use crate::weekly::Desk;
use crate::weeks::{self, Named};
use crate::workspace::{Workspace, now};

/// How long a change waits for its turn, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);
/// Answers to what stands behind a figure that are remembered: they are of frozen snapshots and do not change.
const REMEMBERED: usize = 64;
/// Answers with more keys than this are not remembered.
const SMALL: usize = 500;
/// For how long a daily sheet is not made again, and how many are remembered.
const FRESH: Duration = Duration::from_secs(60);
const SHEETS: usize = 16;
/// Events of a key that are kept.
const EVENTS: usize = 100;
/// Events of the opened key whose raw lines are read.
const RAWS: usize = 3;

/// The newsroom of the serving process.
pub struct Newsroom {
    server: Arc<Server>,
    /// The last check of a revision, by the revision's hash and the publications it was compared with.
    found: Mutex<Option<(String, Checked)>>,
    traced: Mutex<VecDeque<(Asked, Behind)>>,
    /// Daily sheets made a moment ago: a page and the frame in it ask for the same one.
    sheets: Mutex<VecDeque<(SheetAsked, Instant, Daily)>>,
}

/// Day, who confirms, language.
type SheetAsked = (Date, Option<String>, Lang);

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn declined(failure: &Failure) -> Declined {
    match failure.message() {
        message if message.ends_with(ABSENT) => Declined::Absent,
        message => Declined::Refused(message.to_owned()),
    }
}

/// End of the message of a failure that a page shows as absence.
const ABSENT: &str = "is not there";

fn absent(what: impl std::fmt::Display) -> Failure {
    Failure::new(what, ABSENT)
}

/// Does something that changes the workspace, in its turn.
fn in_turn<T>(workspace: &Workspace, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let lock = loop {
        if let Some(lock) = workspace.turn()? {
            break lock;
        }
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(
                "workspace",
                "another change has been going on for two minutes: try again when it ends",
            ));
        }
        std::thread::sleep(LOOK);
    };
    let done = act();
    drop(lock);
    done
}

/// The week of an issue.
///
/// # Errors
/// There is no such issue.
pub fn named(workspace: &Workspace, issue: IssueNumber) -> Result<Named> {
    weeks::read(&issue.to_string(), workspace, now())
        .map_err(|_| absent(format_args!("issue {issue}")))
}

/// The newest revision of an issue.
///
/// # Errors
/// It has none; the ledger fails.
pub fn open(workspace: &Workspace, issue: IssueNumber) -> Result<(EditionKey, Issue)> {
    let key = key_of(workspace, issue);
    match newest(workspace, &key)? {
        Some(row) => Ok((key, row)),
        None => Err(absent(key.object())),
    }
}

fn revision(workspace: &Workspace, issue: IssueNumber, revision: i32) -> Result<Issue> {
    let key = key_of(workspace, issue);
    let stored = workspace
        .ledger
        .issue(&key.series, key.year, key.number, revision);
    let stored = workspace.block_on(stored)?;
    stored.ok_or_else(|| absent(format_args!("{} revision {revision}", key.object())))
}

impl Newsroom {
    /// The newsroom of a serving process.
    pub fn new(server: Arc<Server>) -> Self {
        Newsroom {
            server,
            found: Mutex::default(),
            traced: Mutex::default(),
            sheets: Mutex::default(),
        }
    }

    /// Reads, on a thread that may wait.
    async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Workspace) -> Result<T> + Send + 'static,
    ) -> Told<T> {
        let workspace = self.server.workspace();
        let done = tokio::task::spawn_blocking(move || act(&workspace)).await;
        done.map_err(|error| Declined::Broken(error.to_string()))?
            .map_err(|failure| declined(&failure))
    }

    /// Changes something in its turn, on a thread that may wait.
    async fn change<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Workspace) -> Result<T> + Send + 'static,
    ) -> Told<T> {
        self.read(move |workspace| in_turn(workspace, || act(workspace)))
            .await
    }

    fn remember(&self, row: &str, checked: &Checked) {
        *held(&self.found) = Some((row.to_owned(), checked.clone()));
    }
}

/// What stands behind a figure, read from the lake and the archive.
fn trace(workspace: &Workspace, asked: &Asked) -> Result<Behind> {
    let statistic = statistics::named(&asked.statistic)
        .ok_or_else(|| absent(format_args!("statistic {}", asked.statistic)))?;
    let row = revision(workspace, asked.issue, asked.revision)?;
    let named = named(workspace, asked.issue)?;
    let desk = Desk::new(workspace)?;
    let week = desk.week(named, Some(row.lake_snapshot))?;
    let wanted = |cell: &str| {
        asked.cells.is_empty()
            || asked
                .cells
                .iter()
                .any(|one| one == cell || (one.ends_with('/') && cell.starts_with(one.as_str())))
    };
    let mut cells: Vec<(String, u64)> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut found: Option<Line> = None;
    let mut each = |mut line: Line| {
        match cells.iter_mut().find(|(cell, _)| *cell == line.input) {
            Some((_, count)) => *count += 1,
            None => cells.push((line.input.clone(), 1)),
        }
        if !wanted(&line.input) {
            return;
        }
        line.events.truncate(EVENTS);
        if !asked.key.is_empty() && line.key == asked.key && found.is_none() {
            found = Some(line.clone());
        }
        if lines.len() < asked.most {
            lines.push(line);
        }
    };
    desk.wait(week.explain(statistic, &mut each))?;
    let open = found.or_else(|| lines.first().filter(|_| asked.key.is_empty()).cloned());
    let mut raws = Vec::new();
    for event in open.iter().flat_map(|line| &line.events).take(RAWS) {
        let place = (event.report.as_str(), event.member, event.line);
        if let Some(found) = raw_line(place, row.lake_snapshot, workspace)? {
            raws.push(Raw {
                report: found.report.id.clone(),
                feed: found.report.feed.clone(),
                origin: found.report.origin.clone(),
                line: event.line,
                event: event.event.to_string(),
                text: found.text.trim_end_matches(['\r', '\n']).to_owned(),
                received_at: found.report.received_at,
                archive: found.report.blob,
            });
        }
    }
    let (start, end) = named.week.span(&workspace.settings.zone);
    let days = start.day().0..Timestamp(end.0 - 1).day().0 + 1;
    let expiries = workspace.block_on(workspace.ledger.expiries(None, Some(days)))?;
    Ok(Behind {
        snapshot: row.lake_snapshot,
        query: select(statistic, named, workspace),
        cells,
        lines,
        open,
        raws,
        gone: gone(&expiries).iter().map(|gone| gone.text()).collect(),
    })
}

#[async_trait]
impl console::newsroom::Newsroom for Newsroom {
    fn tlp(&self) -> Tlp {
        self.server.workspace().settings.series.tlp
    }

    async fn plan(&self, weeks: u16, by: &str) -> Told<()> {
        let by = by.to_owned();
        self.change(move |workspace| {
            actor(workspace, &by, Right::Edit, now())?;
            life::plan_ahead(workspace, weeks, &by)
        })
        .await
    }

    async fn begin(&self, issue: IssueNumber, task: Task, by: &str) -> Told<Work> {
        let begun = works::begin(&self.server, issue, task, by).await;
        begun.map_err(|error| match error.is_outage() {
            true => Declined::Broken(error.to_string()),
            false => declined(&Failure::from(error)),
        })
    }

    async fn works(&self) -> Told<Vec<Work>> {
        let works = works::list(&self.server).await;
        works.map_err(|error| Declined::Broken(error.to_string()))
    }

    async fn findings(&self, issue: IssueNumber) -> Told<Checked> {
        let known = held(&self.found).clone();
        let (name, checked, new) = self
            .read(move |workspace| {
                let (key, row) = open(workspace, issue)?;
                // Another issue's publication or withdrawal may change what the check says.
                let compared = workspace.ledger.baselines(&key.series, i64::MAX);
                let compared = workspace.block_on(compared)?;
                let name = format!("{} {compared:?}", row.hash);
                if let Some((known, checked)) = known
                    && known == name
                {
                    return Ok((name, checked, false));
                }
                let found = findings::check(workspace, &key, &row)?;
                let checked = Checked {
                    revision: row.revision,
                    findings: found.findings,
                };
                Ok((name, checked, true))
            })
            .await?;
        if new {
            self.remember(&name, &checked);
        }
        Ok(checked)
    }

    async fn check(&self, issue: IssueNumber, by: &str) -> Told<Checked> {
        let by = by.to_owned();
        self.change(move |workspace| {
            let (key, row) = open(workspace, issue)?;
            let (found, _) = signing::check(workspace, (&key, &row), &by)?;
            Ok(Checked {
                revision: row.revision,
                findings: found.findings,
            })
        })
        .await
    }

    async fn approve(&self, issue: IssueNumber, number: i32, by: &str) -> Told<()> {
        let by = by.to_owned();
        self.change(move |workspace| {
            let (key, row) = open(workspace, issue)?;
            if row.revision != number {
                let why = format!(
                    "revision {} is newer than {number}: read it first",
                    row.revision
                );
                return Err(Failure::new(key.object(), why));
            }
            let by = actor(workspace, &by, Right::Approve, now())?;
            signing::sign(workspace, (&key, &row), &by).map(drop)
        })
        .await
    }

    async fn render(
        &self,
        issue: IssueNumber,
        number: i32,
        form: Form,
        lang: Lang,
    ) -> Told<Vec<Rendition>> {
        self.read(move |workspace| {
            let row = revision(workspace, issue, number)?;
            let fonts = match form.needs_fonts() {
                true => Some(Fonts::load(&workspace.settings.fonts)?),
                false => None,
            };
            let bulletin = signed(&row, fonts.as_ref(), &Talk::new(Loudness::Quiet))?;
            Ok(files(&bulletin, &[form], &[lang], fonts.as_ref())?)
        })
        .await
    }

    async fn behind(&self, asked: Asked) -> Told<Behind> {
        let known = held(&self.traced)
            .iter()
            .find(|(known, _)| *known == asked)
            .map(|(_, behind)| behind.clone());
        if let Some(behind) = known {
            return Ok(behind);
        }
        let question = asked.clone();
        let behind = self
            .read(move |workspace| trace(workspace, &question))
            .await?;
        if asked.most <= SMALL {
            let mut traced = held(&self.traced);
            traced.push_front((asked, behind.clone()));
            traced.truncate(REMEMBERED);
        }
        Ok(behind)
    }

    async fn change(&self, issue: IssueNumber, statistic: &str) -> Told<ChangeExplanation> {
        let id = statistic.to_owned();
        self.read(move |workspace| {
            let statistic =
                statistics::named(&id).ok_or_else(|| absent(format_args!("statistic {id}")))?;
            assets::inputs(statistic)?;
            let desk = Desk::new(workspace)?;
            explain_change::change(&desk, named(workspace, issue)?, statistic)
        })
        .await
    }

    async fn publish_flash(&self, key: (i32, i32), by: &str) -> Told<Flash> {
        let by = by.to_owned();
        self.change(move |workspace| flash::put_out(workspace, key, &by))
            .await
    }

    async fn withdraw_flash(&self, key: (i32, i32), reason: &str, by: &str) -> Told<Flash> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.change(move |workspace| flash::take_back(workspace, key, &by, &reason))
            .await
    }

    async fn flash_page(&self, (year, number): (i32, i32), lang: Lang) -> Told<String> {
        self.read(move |workspace| {
            let row = workspace.block_on(workspace.ledger.flash(year, number))?;
            let row = row.ok_or_else(|| absent(format_args!("flash {year}-{number}")))?;
            Ok(sheet::html(&flash::page(workspace, &row), lang))
        })
        .await
    }

    async fn daily(&self, day: Date, confirmed_by: Option<&str>, lang: Lang) -> Told<Daily> {
        let asked: SheetAsked = (day, confirmed_by.map(str::to_owned), lang);
        let known = held(&self.sheets)
            .iter()
            .find(|(known, at, _)| *known == asked && at.elapsed() < FRESH)
            .map(|(_, _, made)| made.clone());
        if let Some(made) = known {
            return Ok(made);
        }
        let confirmed = asked.1.clone();
        let made = self
            .read(move |workspace| {
                let today = now().date_in(&workspace.settings.zone);
                if today.is_none_or(|today| day > today) {
                    return Err(Failure::new(day, "has not begun yet"));
                }
                let desk = Desk::new(workspace)?;
                let made = daily::made(workspace, &desk, day, confirmed.as_deref())?;
                Ok(Daily {
                    zero: made.zero,
                    html: sheet::html(&made.sheet, lang),
                    text: sheet::text(&made.sheet, lang),
                    silent: made.silent,
                })
            })
            .await?;
        let mut sheets = held(&self.sheets);
        sheets.push_front((asked, Instant::now(), made.clone()));
        sheets.truncate(SHEETS);
        Ok(made)
    }

    async fn rollup(&self, period: ReportingPeriod, by: &str) -> Told<(i32, bool)> {
        let by = by.to_owned();
        self.change(move |workspace| {
            actor(workspace, &by, Right::Edit, now())?;
            let this = now().date_in(&workspace.settings.zone);
            if this.is_none_or(|today| period.first() > today) {
                return Err(Failure::new(period, "has not begun yet"));
            }
            let desk = Desk::new(workspace)?;
            let made = rollup::make(workspace, &desk, period, (&by, ""))?;
            Ok((made.issue.revision, made.new))
        })
        .await
    }

    async fn rollup_pdf(
        &self,
        edition: Bulletin,
        period: ReportingPeriod,
        lang: Lang,
    ) -> Told<Rendition> {
        self.read(move |workspace| {
            let fonts = Fonts::load(&workspace.settings.fonts)?;
            let kind = period.kind();
            Ok(bulletin::rollup::pdf(&edition, kind, lang, &fonts)?)
        })
        .await
    }
}
