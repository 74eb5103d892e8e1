//! `watchfire bulletin`: the life of an issue from its plan to its publication, and what is printed of it.

mod campaigns;
pub mod drafting;
mod editing;
pub mod explain_change;
pub mod findings;
pub mod life;
pub mod publishing;
pub mod signing;
mod verify;

use std::path::{Path, PathBuf};

use bulletin::render::{self, Fonts};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Subcommand, ValueEnum};
use ledger::{Issue, IssueHead, IssueState, Page};
use model::bulletin::{Bulletin, Lang, State};
use model::issue::IssueNumber;
use model::time::{Day, Timestamp};
use serde_json::json;

use super::rollup::place;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::talk::Talk;
use crate::weekly::number;
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

/// Plan, draft, edit, check, sign, publish and correct issues of the bulletin.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
From the freeze moment on (Monday 08:00 by default) the first draft freezes the figures together with the
state of the lake they were counted from; the next issue compares with them, whatever arrives later. A
change makes a new revision, the same records make the same one. Whoever wrote a revision can neither
review nor approve it.

Examples:
  watchfire bulletin plan
  watchfire bulletin draft 2023-3 --as wang.wei
  watchfire bulletin edit 2023-3 > prose.toml, and then
  watchfire bulletin edit 2023-3 --file prose.toml --as wang.wei
  watchfire bulletin lint 2023-3
  watchfire bulletin review 2023-3 --as li.na
  watchfire bulletin approve 2023-3 --as chen.jie
  watchfire bulletin publish 2023-3 --as wang.wei
  watchfire bulletin status 2023-3
  watchfire bulletin late 2023-3
  watchfire bulletin render 2023-3 --format html,json --lang zh --out /srv/www")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Count, rate and compose a week; from the freeze moment on its figures are frozen.
    Draft(drafting::Draft),
    /// Write the prose around the figures, or print what is written.
    Edit(editing::Edit),
    /// Check the newest revision: what blocks its approval, what asks for an answer.
    Lint(signing::Lint),
    /// Answer for findings that ask, with a reason.
    Acknowledge(signing::Acknowledge),
    /// Add a reviewer's comment; it must be settled before approval.
    Comment(signing::Comment),
    /// Find a comment settled.
    Settle(signing::Settle),
    /// Find the newest revision good, or send it back; never by who wrote it.
    Review(signing::ReviewArgs),
    /// Sign the newest revision; never by who wrote it.
    Approve(signing::Approve),
    /// Render an approved issue in every form and put it on the site.
    Publish(publishing::Publish),
    /// Compare an issue with what would be counted today, and propose corrections.
    Late(publishing::Late),
    /// Show or decide the proposed corrections.
    Corrections(publishing::Corrections),
    /// Take a public issue back: a tombstone at its addresses, no baseline any more.
    Withdraw(publishing::Withdraw),
    /// Write the public site again from what is public.
    Site,
    /// Put a public issue away.
    Archive(publishing::Archive),
    /// Plan the issues of the coming weeks.
    Plan(life::Plan),
    /// Where issues stand: dates, steps, what is open.
    Status(life::Status),
    /// What the newest revision prints differently than the one before.
    Diff(life::Diff),
    /// Write a stored issue in its forms, in Chinese and English.
    Render {
        /// Issue (2023-3), date of the week (2023-01-12), or `last`.
        issue: String,
        /// Another revision than the newest approved, else the newest draft.
        #[arg(long)]
        revision: Option<i32>,
        /// Folder; without it, drafts/ in the workspace.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Only these forms.
        #[arg(long = "format", value_parser = form(), value_delimiter = ',')]
        formats: Vec<Form>,
        /// Only these languages.
        #[arg(long = "lang", value_enum, value_delimiter = ',')]
        langs: Vec<Tongue>,
    },
    Verify(verify::Args),
    /// List frozen issues.
    List,
    ExplainChange(explain_change::Args),
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
        What::Draft(args) => drafting::run(args, session),
        What::Edit(args) => editing::run(args, session),
        What::Lint(args) => signing::lint(args, session),
        What::Acknowledge(args) => signing::acknowledge(args, session),
        What::Comment(args) => signing::comment(args, session),
        What::Settle(args) => signing::settle(args, session),
        What::Review(args) => signing::review(args, session),
        What::Approve(args) => signing::approve(args, session),
        What::Publish(args) => publishing::publish(args, session),
        What::Late(args) => publishing::late(args, session),
        What::Corrections(args) => publishing::corrections(args, session),
        What::Withdraw(args) => publishing::withdraw(args, session),
        What::Site => publishing::rebuild(session),
        What::Archive(args) => publishing::archive(args, session),
        What::Plan(args) => life::plan_weeks(args, session),
        What::Status(args) => life::status(args, session),
        What::Diff(args) => life::diff(args, session),
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
            let folder = out.unwrap_or_else(|| workspace.drafts_dir());
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
        What::Verify(args) => verify::run(args, session),
        What::List => list(session),
        What::ExplainChange(args) => explain_change::run(args, session),
    }
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
pub fn fonts(workspace: &Workspace, talk: &Talk) -> Option<Fonts> {
    match Fonts::load(&workspace.settings.fonts) {
        Ok(fonts) => Some(fonts),
        Err(error) => {
            talk.warn(error);
            None
        }
    }
}

/// The fonts of a PDF that is published.
///
/// # Errors
/// There are none: nothing is published without its PDF.
pub fn fonts_for_print(workspace: &Workspace) -> Result<Fonts> {
    Fonts::load(&workspace.settings.fonts).map_err(|error| {
        Failure::from(error).remedy("apt install fonts-noto-cjk, or list a folder in [fonts] dirs")
    })
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
    let bulletin = signed(issue, fonts, &session.talk)?;
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
    let files = render::files(&bulletin, forms, langs, fonts)?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(folder.display(), error))?;
    files
        .iter()
        .map(|file| place(folder, &file.name, &file.bytes))
        .collect()
}

/// The bulletin of a stored issue.
///
/// # Errors
/// The issue was changed after it was frozen.
pub fn parse(issue: &Issue) -> Result<Bulletin> {
    let what = what(issue);
    if issue.digest() != issue.hash {
        return Err(
            Failure::new(what, "its content was changed after it was frozen")
                .remedy("restore the ledger from a backup, or draft the issue again"),
        );
    }
    serde_json::from_str(&issue.bulletin).map_err(|error| Failure::new(what, error))
}

fn what(issue: &Issue) -> String {
    format!(
        "issue {}-{} revision {}",
        issue.year, issue.number, issue.revision
    )
}

/// The bulletin of a stored issue as it is rendered: marked as approved once it is. A word where its fonts
/// are not those it was frozen with.
///
/// # Errors
/// The issue was changed after it was frozen.
pub fn signed(issue: &Issue, fonts: Option<&Fonts>, talk: &Talk) -> Result<Bulletin> {
    let mut bulletin = parse(issue)?;
    if issue.state == IssueState::Approved {
        bulletin.state = State::Approved;
    }
    let frozen = &bulletin.provenance.fonts;
    if fonts.is_some_and(|fonts| !frozen.is_empty() && frozen != fonts.hashes()) {
        talk.warn(format_args!(
            "{}: its PDF was frozen with other fonts; the pages may break differently",
            what(issue)
        ));
    }
    Ok(bulletin)
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
    // Roll-ups are stored beside the issues and have their own numbers.
    let series = &workspace.settings.series.id;
    let heads = workspace.block_on(workspace.ledger.issues(Some(series), Page::ALL))?;
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
