//! `watchfire bulletin`: freeze an issue, print it, list what there is.

use std::io::Write;
use std::path::{Path, PathBuf};

use bulletin::editorial::Editorial;
use bulletin::render::{self, Fonts, Rendition};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Subcommand, ValueEnum};
use jiff::civil::Date;
use ledger::{Issue, IssueHead, NewIssue, Page};
use model::bulletin::{Bulletin, Correction, FontHash, Lang, PrintedDay, Text};
use model::issue::IssueNumber;
use model::time::{Day, Timestamp};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::{Counted, Desk, number};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

/// Freeze, print and list issues of the bulletin.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A draft freezes the figures of a week together with the state of the lake they were counted from; the
next issue compares with it, whatever arrives later. A change makes a new revision, the same records
make the same one.

Examples:
  watchfire bulletin draft 2023-3
  watchfire bulletin render 2023-3
  watchfire bulletin render 2023-3 --format html,json --lang zh --out /srv/www
  watchfire bulletin list")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Count, rate and compose a week, and freeze it.
    Draft {
        /// Issue (2023-3), date of the week (2023-01-12), or `last`.
        issue: String,
        /// The issue's number, in a series that is numbered by hand.
        #[arg(long, value_name = "YEAR-NUMBER")]
        number: Option<IssueNumber>,
        /// Who makes it.
        #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
        author: String,
        /// What a new revision changes; printed in it.
        #[arg(long, default_value = "")]
        note: String,
        /// Day of publication that is printed.
        #[arg(long, value_name = "DATE")]
        published: Option<Date>,
    },
    /// Write a frozen issue in its forms, in Chinese and English.
    Render {
        /// Issue (2023-3), date of the week (2023-01-12), or `last`.
        issue: String,
        /// Another revision than the newest approved, else the newest draft.
        #[arg(long)]
        revision: Option<i32>,
        /// Folder; without it, site/ in the workspace.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Only these forms.
        #[arg(long = "format", value_parser = form(), value_delimiter = ',')]
        formats: Vec<Form>,
        /// Only these languages.
        #[arg(long = "lang", value_enum, value_delimiter = ',')]
        langs: Vec<Tongue>,
    },
    /// List frozen issues.
    List,
}

pub use bulletin::render::Form;

/// Reads the name of a form; the help lists them with what they are.
fn form() -> impl TypedValueParser<Value = Form> {
    let known = Form::ALL.map(|form| PossibleValue::new(form.name()).help(form.about()));
    PossibleValuesParser::new(known).try_map(|name| {
        let found = Form::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or("is no form")
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tongue {
    Zh,
    En,
}

impl From<Tongue> for Lang {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Zh => Lang::Zh,
            Tongue::En => Lang::En,
        }
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Draft {
            issue,
            number,
            author,
            note,
            published,
        } => {
            let workspace = session.open(Access::Write("bulletin draft"))?;
            let mut named = weeks::read(&issue, &workspace, now())?;
            named.issue = number.or(named.issue);
            let desk = Desk::new(&workspace)?;
            let fonts = fonts(&workspace, session);
            let hashes = fonts.as_ref().map_or(&[][..], Fonts::hashes);
            let by = Author {
                name: &author,
                note: &note,
                published,
                now: now(),
            };
            let drafted = draft(&workspace, &desk, named, hashes, &by)?;
            let mut out = Out::new();
            match session.json {
                true => out.json(&json!({ "issue": head(&drafted.issue), "new": drafted.new, "rating": drafted.counted.frozen.rating }))?,
                false => {
                    let Issue { year, number, revision, hash, .. } = &drafted.issue;
                    let state = if drafted.new { "frozen" } else { "unchanged" };
                    out.line(format_args!("issue {year}-{number} revision {revision}: {state}, hash {hash}"))?;
                }
            }
            out.end()
        }
        What::Render {
            issue,
            revision,
            out,
            formats,
            langs,
        } => {
            let workspace = session.open(Access::Read)?;
            let named = weeks::read(&issue, &workspace, now())?;
            let stored = stored(&workspace, number(named)?, revision)?;
            let langs: Vec<Lang> = match langs.as_slice() {
                [] => Lang::ALL.to_vec(),
                langs => langs.iter().map(|lang| Lang::from(*lang)).collect(),
            };
            let folder = out.unwrap_or_else(|| workspace.site_dir());
            let written = write(
                &workspace, &stored, &formats, &langs, &folder, None, session,
            )?;
            let mut out = Out::new();
            match session.json {
                true => out.json(&json!({ "issue": head(&stored), "files": written }))?,
                false => written
                    .iter()
                    .try_for_each(|path| out.line(path.display()))?,
            }
            out.end()
        }
        What::List => list(session),
    }
}

/// Who freezes an issue, and what is said of it.
pub struct Author<'a> {
    /// Login.
    pub name: &'a str,
    /// What a new revision changes.
    pub note: &'a str,
    /// Printed day of publication.
    pub published: Option<Date>,
    /// The instant.
    pub now: Timestamp,
}

/// What drafting gave.
pub struct Drafted {
    /// The stored row.
    pub issue: Issue,
    /// Whether it is a new revision.
    pub new: bool,
    /// The week behind it.
    pub counted: Counted,
}

/// Counts a week, composes its issue and freezes both. The same records and fonts give the revision
/// that is there.
///
/// # Errors
/// The lake or the ledger fails, or an approved issue would change without a note.
pub fn draft(
    workspace: &Workspace,
    desk: &Desk<'_>,
    named: Named,
    fonts: &[FontHash],
    by: &Author<'_>,
) -> Result<Drafted> {
    let issue = number(named)?;
    let (year, number) = (
        i32::from(issue.year),
        i32::try_from(issue.number).unwrap_or(i32::MAX),
    );
    let series = &workspace.settings.series.id;
    let newest = newest(workspace, series, year, number)?;
    if let Some(other) = newest
        .as_ref()
        .filter(|row| row.week_start != Day::of(named.week.monday()).0)
    {
        let monday = Day(other.week_start).date();
        return Err(Failure::usage(
            format_args!("issue {issue}"),
            format_args!("is the issue of the week of {monday} already"),
        )
        .remedy("watchfire bulletin list"));
    }
    let counted = desk.count(named, None)?;
    let frozen = &counted.frozen;
    let before = newest
        .as_ref()
        .and_then(|issue| serde_json::from_str::<Bulletin>(&issue.bulletin).ok());
    let compose = |revision: u32, corrections: Vec<Correction>| -> Result<Bulletin> {
        let published = by
            .published
            .or_else(|| before.as_ref()?.published.as_ref().map(|day| day.date));
        let mut bulletin = desk.compose(
            &counted,
            revision,
            corrections,
            published,
            &Editorial::default(),
        )?;
        bulletin.provenance.fonts = fonts.to_vec();
        bulletin.seal();
        Ok(bulletin)
    };
    let statistics = frozen.to_json();
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
                counted,
            });
        }
        revision += 1;
        if !by.note.is_empty() {
            let date = by
                .now
                .date_in(&workspace.settings.zone)
                .unwrap_or(frozen.week.sunday());
            let day = PrintedDay {
                date,
                text: bulletin::sections::words::day(date),
            };
            corrections.insert(
                0,
                Correction {
                    revision,
                    day,
                    text: Text::same(by.note),
                },
            );
        }
    }
    let composed = compose(revision, corrections)?;
    let as_of = frozen
        .basis
        .ledger_as_of
        .parse::<jiff::Timestamp>()
        .map_or(0, |at| Timestamp::from(at).0);
    let new = NewIssue {
        series: series.clone(),
        year,
        number,
        week_start: Day::of(frozen.week.monday()).0,
        week_end: Day::of(frozen.week.sunday()).0,
        lake_snapshot: i64::try_from(frozen.basis.lake_snapshot).unwrap_or(i64::MAX),
        ledger_as_of: as_of,
        author: by.name.to_owned(),
        note: by.note.to_owned(),
        statistics,
        bulletin: composed.canonical_json(),
    };
    let issue = workspace.block_on(workspace.ledger.save_draft(new, by.now.0))?;
    Ok(Drafted {
        issue,
        new: true,
        counted,
    })
}

/// The newest stored revision of an issue.
fn newest(workspace: &Workspace, series: &str, year: i32, number: i32) -> Result<Option<Issue>> {
    let ledger = &workspace.ledger;
    let heads = workspace.block_on(ledger.issues(Some(series), Page::ALL))?;
    let revision = heads
        .iter()
        .filter(|head| head.year == year && head.number == number)
        .map(|head| head.revision)
        .max();
    let Some(revision) = revision else {
        return Ok(None);
    };
    Ok(workspace.block_on(ledger.issue(series, year, number, revision))?)
}

/// A stored issue: the revision asked for, else the newest approved, else the newest draft.
fn stored(workspace: &Workspace, issue: IssueNumber, revision: Option<i32>) -> Result<Issue> {
    let series = &workspace.settings.series.id;
    let (year, number) = (
        i32::from(issue.year),
        i32::try_from(issue.number).unwrap_or(i32::MAX),
    );
    let ledger = &workspace.ledger;
    let found = workspace.block_on(async {
        match revision {
            Some(revision) => ledger.issue(series, year, number, revision).await,
            None => ledger.baseline(series, year, number).await,
        }
    })?;
    found.ok_or_else(|| {
        Failure::new(format_args!("issue {issue}"), "is not frozen yet")
            .remedy(format_args!("watchfire bulletin draft {issue}"))
    })
}

/// The fonts of the PDF; a message where there are none.
pub fn fonts(workspace: &Workspace, session: &Session) -> Option<Fonts> {
    match Fonts::load(&workspace.settings.fonts) {
        Ok(fonts) => Some(fonts),
        Err(error) => {
            session.talk.warn(error);
            None
        }
    }
}

/// Renders a stored issue into files; no form means all of them.
///
/// # Errors
/// The issue was changed after it was frozen, a PDF is wanted and there is no font, or a file cannot
/// be written.
pub fn write(
    workspace: &Workspace,
    issue: &Issue,
    forms: &[Form],
    langs: &[Lang],
    folder: &Path,
    fonts: Option<&Fonts>,
    session: &Session,
) -> Result<Vec<PathBuf>> {
    let what = format!(
        "issue {}-{} revision {}",
        issue.year, issue.number, issue.revision
    );
    if issue.digest() != issue.hash {
        return Err(
            Failure::new(what, "its content was changed after it was frozen")
                .remedy("restore the ledger from a backup, or draft the issue again"),
        );
    }
    let bulletin: Bulletin =
        serde_json::from_str(&issue.bulletin).map_err(|error| Failure::new(&what, error))?;
    let forms = match forms {
        [] => &Form::ALL,
        forms => forms,
    };
    let loaded;
    let fonts = match (forms.iter().any(|form| form.needs_fonts()), fonts) {
        (false, _) => None,
        (true, Some(fonts)) => Some(fonts),
        (true, None) => {
            loaded = Fonts::load(&workspace.settings.fonts)
                .map_err(|error| Failure::from(error).remedy("apt install fonts-noto-cjk, or list a folder in [fonts] dirs; without one: --format html,json,csv,svg,xlsx,md,mail"))?;
            Some(&loaded)
        }
    };
    if let Some(fonts) = fonts {
        let frozen = &bulletin.provenance.fonts;
        if !frozen.is_empty() && frozen != fonts.hashes() {
            session.talk.warn(format_args!(
                "{what}: its PDF was frozen with other fonts; the pages may break differently"
            ));
        }
    }
    let files = render::files(&bulletin, forms, langs, fonts)?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(folder.display(), error))?;
    files.iter().map(|file| place(folder, file)).collect()
}

/// Puts a file in its place whole: a reader sees the old one or the new one.
fn place(folder: &Path, file: &Rendition) -> Result<PathBuf> {
    let path = folder.join(&file.name);
    let aside = folder.join(format!(".{}.{}", file.name, std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut new = std::fs::File::create(&aside)?;
        new.write_all(&file.bytes)?;
        new.sync_all()?;
        std::fs::rename(&aside, &path)
    };
    write().map_err(|error| Failure::new(path.display(), error))?;
    Ok(path)
}

fn head(issue: &Issue) -> serde_json::Value {
    json!({
        "series": issue.series,
        "issue": format!("{}-{}", issue.year, issue.number),
        "revision": issue.revision,
        "state": issue.state,
        "lake_snapshot": issue.lake_snapshot,
        "author": issue.author,
        "hash": issue.hash,
    })
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let heads = workspace.block_on(workspace.ledger.issues(None, Page::ALL))?;
    let mut out = Out::new();
    if session.json {
        out.json(&heads)?;
        return out.end();
    }
    let mut table = Table::new([
        "issue", "revision", "week", "state", "snapshot", "author", "frozen", "note",
    ]);
    for head in heads {
        let IssueHead {
            year,
            number,
            revision,
            state,
            week_start,
            week_end,
            lake_snapshot,
            author,
            created_at,
            note,
            ..
        } = head;
        let frozen = Timestamp(created_at)
            .date_in(&workspace.settings.zone)
            .map(|date| date.to_string());
        table.row([
            format!("{year}-{number}"),
            revision.to_string(),
            format!("{}..{}", Day(week_start), Day(week_end)),
            format!("{state:?}").to_lowercase(),
            lake_snapshot.to_string(),
            author,
            frozen.unwrap_or_default(),
            note,
        ]);
    }
    if table.is_empty() {
        session
            .talk
            .say("no issue is frozen yet: watchfire bulletin draft last");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}
