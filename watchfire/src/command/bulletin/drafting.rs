//! Drafting: the figures of a week, frozen once, and the editor's prose become a stored revision.

use bulletin::editorial::{Around, Editorial};
use bulletin::frozen::FrozenWeek;
use bulletin::lint::{Baseline, correction_note};
use bulletin::render::Fonts;
use bulletin::sections::words;
use clap::Args;
use jiff::civil::Date;
use ledger::{Actor, Edition, EditionKey, Frozen, Issue, NewEdition, NewIssue, Page};
use model::bulletin::{Bulletin, Correction, FontHash, Note, Paragraph, PrintedDay, Text};
use model::issue::IssueNumber;
use model::newsroom::{Right, Step};
use model::time::{Day, ReportingWeek, Timestamp};
use serde_json::json;

use super::{campaigns, fonts, head};
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::weekly::{Counted, Desk, number};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

#[derive(Debug, Args)]
pub struct Draft {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
    /// The issue's number, in a series that is numbered by hand.
    #[arg(long, value_name = "YEAR-NUMBER")]
    number: Option<IssueNumber>,
    /// What a new revision changes; printed in it.
    #[arg(long, default_value = "")]
    note: String,
    /// Day of publication that is printed; without it the day the issue is due.
    #[arg(long, value_name = "DATE")]
    published: Option<Date>,
    /// Count the figures anew although they are frozen, for this reason; approvals become void.
    #[arg(long, value_name = "REASON")]
    refreeze: Option<String>,
}

pub fn run(args: Draft, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin draft"))?;
    let mut named = weeks::read(&args.issue, &workspace, now())?;
    named.issue = args.number.or(named.issue);
    let desk = Desk::new(&workspace)?;
    let fonts = fonts(&workspace, &session.talk);
    let hashes = fonts.as_ref().map_or(&[][..], Fonts::hashes);
    let by = Author {
        name: &session.actor(),
        note: &args.note,
        published: args.published,
        refreeze: args.refreeze.as_deref(),
        now: now(),
    };
    let drafted = draft(&workspace, &desk, named, hashes, &by)?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "issue": head(&drafted.issue),
            "new": drafted.new,
            "frozen": drafted.frozen,
            "rating": drafted.counted.frozen.rating,
        }))?;
        return out.end();
    }
    let Issue {
        year,
        number,
        revision,
        hash,
        ..
    } = &drafted.issue;
    let state = match (drafted.frozen, drafted.new) {
        (true, true) => "frozen",
        (true, false) => "unchanged",
        (false, _) => "preliminary",
    };
    out.line(format_args!(
        "issue {year}-{number} revision {revision}: {state}, hash {hash}"
    ))?;
    out.end()?;
    if !drafted.frozen {
        session.talk.say(format_args!(
            "its figures are not frozen yet: drafted again from {} on, they are",
            moment(&workspace, drafted.edition.freeze_at)
        ));
    }
    Ok(())
}

/// An instant as a person of the house reads it.
pub fn moment(workspace: &Workspace, at: i64) -> String {
    let zone = workspace.settings.zone.clone();
    let shown = Timestamp(at).to_jiff().map(|at| {
        at.to_zoned_datetime(zone)
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    });
    shown.unwrap_or_else(|| at.to_string())
}

/// Who freezes an issue, and what is said of it.
pub struct Author<'a> {
    /// Login.
    pub name: &'a str,
    /// What a new revision changes.
    pub note: &'a str,
    /// Printed day of publication.
    pub published: Option<Date>,
    /// Why frozen figures are counted anew.
    pub refreeze: Option<&'a str>,
    /// The instant.
    pub now: Timestamp,
}

/// What drafting gave.
pub struct Drafted {
    /// The stored row.
    pub issue: Issue,
    /// Whether it is a new revision.
    pub new: bool,
    /// Whether its figures are frozen; before the freeze moment they are preliminary.
    pub frozen: bool,
    /// The issue's life.
    pub edition: Edition,
    /// The week behind it.
    pub counted: Counted,
}

/// Names an issue of the workspace's series in the ledger.
pub fn key_of(workspace: &Workspace, issue: IssueNumber) -> EditionKey {
    EditionKey {
        series: workspace.settings.series.id.clone(),
        year: i32::from(issue.year),
        number: i32::try_from(issue.number).unwrap_or(i32::MAX),
    }
}

/// A person of the house with a right, today.
///
/// # Errors
/// The account is unknown or lacks the right.
pub fn actor(workspace: &Workspace, login: &str, right: Right, now: Timestamp) -> Result<Actor> {
    let today = now
        .date_in(&workspace.settings.zone)
        .map_or(0, |date| Day::of(date).0);
    let found = workspace.block_on(workspace.ledger.actor(login, right, today));
    found.map_err(|error| {
        Failure::from(error)
            .remedy("say who acts: --as LOGIN, or WATCHFIRE_AS=LOGIN before a command without it")
    })
}

/// Plans an issue by the series' schedule; one that is planned keeps its row.
///
/// # Errors
/// The number belongs to another week.
pub fn plan(workspace: &Workspace, named: Named, by: &str, now: Timestamp) -> Result<Edition> {
    let issue = number(named)?;
    let (schedule, zone) = (
        &workspace.settings.series.schedule,
        &workspace.settings.zone,
    );
    let new = NewEdition {
        key: key_of(workspace, issue),
        week_start: Day::of(named.week.monday()).0,
        week_end: Day::of(named.week.sunday()).0,
        freeze_at: schedule.freeze_of(named.week, zone).0,
        deadline_at: schedule.deadline_of(named.week, zone).0,
    };
    // Dates that were set once stay, whatever the configuration says later.
    match workspace.block_on(workspace.ledger.edition(&new.key))? {
        Some(edition) if edition.week_start == new.week_start => Ok(edition),
        Some(edition) => Err(Failure::usage(
            format_args!("issue {issue}"),
            format_args!(
                "is the issue of the week of {} already",
                Day(edition.week_start).date()
            ),
        )
        .remedy("watchfire bulletin list")),
        None => Ok(workspace.block_on(workspace.ledger.plan_edition(new, by, now.0))?),
    }
}

/// Composes the issue of a week and stores it, unless the newest revision says the same. Its figures are
/// counted until the freeze moment and kept from then on.
///
/// # Errors
/// The lake or the ledger fails, the author may not write, or an approved issue would change without a
/// note.
pub fn draft(
    workspace: &Workspace,
    desk: &Desk<'_>,
    named: Named,
    fonts: &[FontHash],
    by: &Author<'_>,
) -> Result<Drafted> {
    let issue = number(named)?;
    let author = actor(workspace, by.name, Right::Edit, by.now)?;
    let mut edition = plan(workspace, named, by.name, by.now)?;
    let key = edition.key();
    if edition.withdrawn_at.is_some() {
        return Err(Failure::new(format_args!("issue {issue}"), "is withdrawn")
            .remedy("say what is right in the next issue"));
    }
    let ledger = &workspace.ledger;
    let counted = match (&edition.statistics, by.refreeze) {
        (Some(frozen), None) => Counted {
            frozen: FrozenWeek::from_json(&issue.to_string(), frozen)?,
            past: desk.past(named)?,
        },
        _ => desk.count(named, None)?,
    };
    let statistics = counted.frozen.to_json();
    if by.now.0 >= edition.freeze_at && edition.statistics.as_deref() != Some(&statistics) {
        let basis = &counted.frozen.basis;
        let as_of = basis.ledger_as_of.parse::<jiff::Timestamp>();
        let frozen = Frozen {
            statistics: statistics.clone(),
            lake_snapshot: i64::try_from(basis.lake_snapshot).unwrap_or(i64::MAX),
            ledger_as_of: as_of.map_or(0, |at| Timestamp::from(at).0),
        };
        let reason = by.refreeze.unwrap_or_default();
        let freezing = ledger.freeze_edition(&key, frozen, &author, reason, by.now.0);
        edition = workspace.block_on(freezing)?;
    }
    let frozen = edition.statistics.as_deref() == Some(&statistics);
    let newest = newest(workspace, &key)?;
    let before = newest
        .as_ref()
        .and_then(|issue| serde_json::from_str::<Bulletin>(&issue.bulletin).ok());
    let editorial = match edition.editorial.as_str() {
        "" => Editorial::default(),
        text => Editorial::from_json(text)?,
    };
    let mut said = errata(workspace, &key, &counted)?;
    said.extend(campaigns::notes(workspace, &counted, newest.as_ref())?);
    let around = Around {
        editorial,
        errata: said,
        published: public_issues(workspace, &key.series)?,
    };
    let due = workspace.settings.series.schedule.due_day(named.week);
    let compose = |revision: u32, corrections: Vec<Correction>| -> Result<Bulletin> {
        let printed = before.as_ref().and_then(|before| before.published.as_ref());
        let published = by.published.or(printed.map(|day| day.date)).unwrap_or(due);
        let mut bulletin =
            desk.compose(&counted, revision, corrections, Some(published), &around)?;
        bulletin.provenance.fonts = fonts.to_vec();
        bulletin.seal();
        Ok(bulletin)
    };
    let mut revision = 1;
    let mut corrections = Vec::new();
    if let Some(issue) = &newest {
        revision = u32::try_from(issue.revision).unwrap_or(1);
        corrections = before
            .as_ref()
            .map(|before| before.corrections.clone())
            .unwrap_or_default();
        let same = compose(revision, corrections.clone())?;
        if issue.bulletin == same.canonical_json() && issue.statistics == statistics {
            return Ok(Drafted {
                issue: issue.clone(),
                new: false,
                frozen,
                edition,
                counted,
            });
        }
        revision += 1;
        if !by.note.is_empty() {
            let date = by
                .now
                .date_in(&workspace.settings.zone)
                .unwrap_or(counted.frozen.week.sunday());
            let day = PrintedDay {
                date,
                text: words::day(date),
            };
            let text = Text::same(by.note);
            corrections.insert(
                0,
                Correction {
                    revision,
                    day,
                    text,
                },
            );
        }
    }
    let composed = compose(revision, corrections)?;
    let basis = &counted.frozen.basis;
    let as_of = basis.ledger_as_of.parse::<jiff::Timestamp>();
    let new = NewIssue {
        series: key.series.clone(),
        year: key.year,
        number: key.number,
        week_start: edition.week_start,
        week_end: edition.week_end,
        lake_snapshot: i64::try_from(basis.lake_snapshot).unwrap_or(i64::MAX),
        ledger_as_of: as_of.map_or(0, |at| Timestamp::from(at).0),
        author: by.name.to_owned(),
        note: by.note.to_owned(),
        statistics,
        bulletin: composed.canonical_json(),
        around: around.to_json(),
    };
    let issue = workspace.block_on(ledger.save_draft(new, by.now.0))?;
    Ok(Drafted {
        issue,
        new: true,
        frozen,
        edition,
        counted,
    })
}

/// Issues that are public and stand.
///
/// # Errors
/// The ledger fails.
pub fn public_issues(workspace: &Workspace, series: &str) -> Result<Vec<IssueNumber>> {
    let public = workspace.block_on(workspace.ledger.published(series))?;
    let standing = public
        .iter()
        .filter(|edition| edition.withdrawn_at.is_none());
    Ok(standing.map(issue_of).collect())
}

/// The number of an issue.
pub fn issue_of(edition: &Edition) -> IssueNumber {
    IssueNumber {
        year: i16::try_from(edition.year).unwrap_or(i16::MAX),
        number: u32::try_from(edition.number).unwrap_or(0),
    }
}

/// The issue about the week before, and what is compared with of it; `None` where none was made here.
///
/// # Errors
/// The ledger fails.
pub fn baseline(
    workspace: &Workspace,
    series: &str,
    week: ReportingWeek,
) -> Result<Option<(Edition, Baseline)>> {
    let last = Day::of(week.previous().monday()).0;
    let ledger = &workspace.ledger;
    let editions = workspace.block_on(ledger.editions(series))?;
    let Some(edition) = editions
        .into_iter()
        .find(|edition| edition.week_start == last)
    else {
        return Ok(None);
    };
    let key = edition.key();
    let baselines = workspace.block_on(ledger.baselines(series, i64::MAX))?;
    let revision = edition
        .published_revision
        .or(baselines.get(&(edition.year, edition.number)).copied());
    let Some(revision) = revision else {
        return Ok(None);
    };
    let steps = workspace.block_on(ledger.edition_steps(&key))?;
    let publications = steps.iter().filter(|step| step.step.0 == Step::Publish);
    let baseline = Baseline {
        issue: issue_of(&edition),
        revision: u32::try_from(revision).unwrap_or(1),
        published: edition.published_revision == Some(revision),
        corrected: publications.count() > 1,
        withdrawn: edition.withdrawn_at.is_some(),
    };
    Ok(Some((edition, baseline)))
}

/// What this issue must say of the one before: that it was corrected after its publication, or taken back.
fn errata(workspace: &Workspace, key: &EditionKey, counted: &Counted) -> Result<Vec<Note>> {
    let ledger = &workspace.ledger;
    let Some((edition, last)) = baseline(workspace, &key.series, counted.frozen.week)? else {
        return Ok(Vec::new());
    };
    let label = Text::new(
        format!("{}年第{}期", edition.year, edition.number),
        format!("issue {} No. {}", edition.year, edition.number),
    );
    let note = |id: String, text: Text| Note {
        id,
        text: Paragraph::words(text),
    };
    if last.withdrawn {
        let text = Text::new(
            format!(
                "{}已撤回，本期不与其比较。原因：{}",
                label.zh, edition.withdrawn_zh
            ),
            format!(
                "{} was withdrawn; this issue does not compare with it. Reason: {}",
                words::upper_first(&label.en),
                edition.withdrawn_en
            ),
        );
        return Ok(vec![note("withdrawn-last".to_owned(), text)]);
    }
    if !last.corrected {
        return Ok(Vec::new());
    }
    let revision = i32::try_from(last.revision).unwrap_or(i32::MAX);
    let row = ledger.issue(&key.series, edition.year, edition.number, revision);
    let Some(row) = workspace.block_on(row)? else {
        return Ok(Vec::new());
    };
    let bulletin = super::parse(&row)?;
    let notes = bulletin.corrections.iter().map(|correction| {
        let text = Text::new(
            format!(
                "更正：{}已于{}更正（第{}版）：{}",
                label.zh, correction.day.text.zh, correction.revision, correction.text.zh
            ),
            format!(
                "Correction: {} was corrected on {} (revision {}): {}",
                label.en, correction.day.text.en, correction.revision, correction.text.en
            ),
        );
        note(correction_note(correction.revision), text)
    });
    Ok(notes.collect())
}

/// The newest stored revision of an issue.
///
/// # Errors
/// The ledger fails.
pub fn newest(workspace: &Workspace, key: &EditionKey) -> Result<Option<Issue>> {
    let ledger = &workspace.ledger;
    let heads = workspace.block_on(ledger.issues(Some(&key.series), Page::ALL))?;
    let revision = heads
        .iter()
        .filter(|head| head.year == key.year && head.number == key.number)
        .map(|head| head.revision)
        .max();
    let Some(revision) = revision else {
        return Ok(None);
    };
    Ok(workspace.block_on(ledger.issue(&key.series, key.year, key.number, revision))?)
}
