//! `watchfire flash`: alerts between the issues, with a number of their own and a fast path of two people.

use std::path::PathBuf;

use bulletin::lint::{self, Severity};
use bulletin::publish::Notice;
use bulletin::render::Rendition;
use bulletin::sections::words::day;
use bulletin::sheet::{self, Block, Sheet};
use clap::Subcommand;
use ledger::{Actor, Flash, FlashState, NewFlash, Page};
use model::bulletin::{Lang, Text};
use model::issue::IssueNumber;
use model::newsroom::Right;
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::bulletin::drafting::actor;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::publishing;
use crate::table::{Out, Table, clean};
use crate::weekly::tongue;
use crate::workspace::{Access, Session, Workspace, now};

/// Write, approve and publish flash alerts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An alert is written as a TOML file with level (notice, warning, critical), title_zh, title_en, text_zh,
text_en, and if needed affected_zh, affected_en, advice_zh, advice_en (a line each) and links. Two people
are enough: who writes it cannot approve it. A number is never used again; what is wrong is withdrawn.

Examples:
  watchfire flash draft alert.toml --as li.na
  watchfire flash approve 2026-1 --as wang.wei
  watchfire flash publish 2026-1 --as li.na
  watchfire flash withdraw 2026-1 --reason \"wrong product\" --as wang.wei
  watchfire flash list")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Store an alert under the next number of the year.
    Draft {
        /// The alert, TOML.
        file: PathBuf,
    },
    /// Approve a draft; not by its author.
    Approve(Move),
    /// Put an approved alert out: pages and text in both languages.
    Publish(Move),
    /// Take an alert back; its pages become a tombstone.
    Withdraw {
        /// Why; printed in its place.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        which: Move,
    },
    /// List alerts, newest first.
    List,
}

#[derive(Debug, clap::Args)]
struct Move {
    /// The alert's number, as 2026-1.
    number: IssueNumber,
}

/// An alert as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    level: String,
    title_zh: String,
    title_en: String,
    text_zh: String,
    text_en: String,
    #[serde(default)]
    affected_zh: String,
    #[serde(default)]
    affected_en: String,
    #[serde(default)]
    advice_zh: String,
    #[serde(default)]
    advice_en: String,
    #[serde(default)]
    links: Vec<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Draft { file } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Failure::new(file.display(), error))?;
            let written: Written = toml::from_str(&text)
                .map_err(|error| Failure::new(file.display(), error.message()))?;
            checked(&written, session)?;
            let workspace = session.open(Access::Write("flash draft"))?;
            let by = actor(&workspace, &session.actor(), Right::Edit, now())?;
            let year = now()
                .date_in(&workspace.settings.zone)
                .map_or(1970, |date| date.year());
            let new = NewFlash {
                year: i32::from(year),
                level: written.level,
                title: (written.title_zh, written.title_en),
                text: (written.text_zh, written.text_en),
                affected: (written.affected_zh, written.affected_en),
                advice: (written.advice_zh, written.advice_en),
                links: written.links,
                tlp: workspace.settings.series.tlp.label().to_owned(),
                author: by.login().to_owned(),
            };
            let row = workspace.block_on(workspace.ledger.draft_flash(new, now().0))?;
            say(&row, Vec::new(), session)
        }
        What::Approve(which) => {
            let workspace = session.open(Access::Write("flash approve"))?;
            let by = actor(&workspace, &session.actor(), Right::Approve, now())?;
            let ledger = &workspace.ledger;
            let names = names(&by);
            let moved = ledger.approve_flash(key(which.number), &names, now().0);
            let row = workspace.block_on(moved)?;
            say(&row, Vec::new(), session)
        }
        What::Publish(which) => {
            let workspace = session.open(Access::Write("flash publish"))?;
            let row = put_out(&workspace, key(which.number), &session.actor())?;
            say(&row, on_site(&workspace, &row), session)
        }
        What::Withdraw { reason, which } => {
            let workspace = session.open(Access::Write("flash withdraw"))?;
            let row = take_back(&workspace, key(which.number), &session.actor(), &reason)?;
            let files = match row.published_at {
                Some(_) => on_site(&workspace, &row),
                None => Vec::new(),
            };
            say(&row, files, session)
        }
        What::List => list(session),
    }
}

/// Tells what asks for a second look, and refuses what must not be stored.
fn checked(written: &Written, session: &Session) -> Result {
    let pair = |zh: &str, en: &str| Text::new(zh, en);
    let texts = [
        ("title", pair(&written.title_zh, &written.title_en)),
        ("text", pair(&written.text_zh, &written.text_en)),
        ("affected", pair(&written.affected_zh, &written.affected_en)),
        ("advice", pair(&written.advice_zh, &written.advice_en)),
    ];
    let texts = texts.each_ref().map(|(field, text)| (*field, text));
    let found = lint::alert(&lint::Alert {
        texts: &texts,
        links: &written.links,
    });
    let lang = tongue(&session.environment);
    let told = |one: &lint::AlertFinding| {
        let text = one.text.get(lang);
        format!("{} ({}): {}", one.field, one.rule, clean(text))
    };
    for one in found.iter().filter(|one| one.severity == Severity::Asks) {
        session.talk.warn(told(one));
    }
    let blocks: Vec<String> = found
        .iter()
        .filter(|one| one.severity == Severity::Blocks)
        .map(told)
        .collect();
    match blocks.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("flash alert", blocks.join("; "))
            .remedy("put it right in the file and draft it again: docs/lint.md")),
    }
}

/// Puts an approved alert out. Once out, saying it again writes the pages again: whoever was interrupted repeats it.
///
/// # Errors
/// The person may not, it is not approved, or the site cannot be written.
pub fn put_out(workspace: &Workspace, key: (i32, i32), login: &str) -> Result<Flash> {
    let by = actor(workspace, login, Right::Publish, now())?;
    let ledger = &workspace.ledger;
    let stored = workspace.block_on(ledger.flash(key.0, key.1))?;
    let row = match stored.filter(|row| row.state == FlashState::Published) {
        Some(row) => row,
        None => workspace.block_on(ledger.publish_flash(key, by.login(), now().0))?,
    };
    publishing::build(workspace)?;
    Ok(row)
}

/// Takes an alert back. Only what was out leaves a tombstone.
///
/// # Errors
/// The person may not, no reason is given, or the site cannot be written.
pub fn take_back(
    workspace: &Workspace,
    key: (i32, i32),
    login: &str,
    reason: &str,
) -> Result<Flash> {
    let by = actor(workspace, login, Right::Approve, now())?;
    let ledger = &workspace.ledger;
    let stored = workspace.block_on(ledger.flash(key.0, key.1))?;
    let row = match stored.filter(|row| row.state == FlashState::Withdrawn) {
        Some(row) => row,
        None => workspace.block_on(ledger.withdraw_flash(key, reason, by.login(), now().0))?,
    };
    if row.published_at.is_some() {
        publishing::build(workspace)?;
    }
    Ok(row)
}

fn key(number: IssueNumber) -> (i32, i32) {
    let n = i32::try_from(number.number).unwrap_or(i32::MAX);
    (i32::from(number.year), n)
}

fn say(row: &Flash, files: Vec<PathBuf>, session: &Session) -> Result {
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "flash": row, "files": files }))?;
        return out.end();
    }
    let state = format!("{:?}", row.state).to_lowercase();
    out.line(format_args!("{}: {state}, hash {}", row.label(), row.hash))?;
    files.iter().try_for_each(|file| out.line(file.display()))?;
    out.end()
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let rows = workspace.block_on(workspace.ledger.flashes(Page::ALL))?;
    let mut out = Out::new();
    if session.json {
        out.json(&rows)?;
        return out.end();
    }
    let mut table = Table::new(["number", "level", "state", "author", "approved by", "title"]);
    for row in rows {
        table.row([
            format!("{}-{}", row.year, row.number),
            row.level,
            format!("{:?}", row.state).to_lowercase(),
            row.author,
            row.approved_by.unwrap_or_default(),
            row.title_en,
        ]);
    }
    match table.is_empty() {
        true => session
            .talk
            .say("no alert was written yet: watchfire flash draft FILE"),
        false => table.print(&mut out)?,
    }
    out.end()
}

/// Who approves, and in whose place: neither may have written it.
fn names(by: &Actor) -> Vec<&str> {
    std::iter::once(by.login()).chain(by.acting_for()).collect()
}

/// Where an alert stands on the site.
fn on_site(workspace: &Workspace, row: &Flash) -> Vec<PathBuf> {
    let files = renditions(workspace, row);
    let folder = workspace.site_dir();
    files
        .into_iter()
        .map(|file| folder.join(file.name))
        .collect()
}

/// The pages and texts of every alert that is out, or was.
///
/// # Errors
/// The ledger fails.
pub fn public(workspace: &Workspace) -> Result<Vec<Rendition>> {
    let rows = workspace.block_on(workspace.ledger.flashes(Page::ALL))?;
    let out = rows.iter().filter(|row| row.published_at.is_some());
    Ok(out.flat_map(|row| renditions(workspace, row)).collect())
}

/// Every alert that is out, or was, newest first, as the home page leads to it.
///
/// # Errors
/// The ledger fails.
pub fn notices(workspace: &Workspace) -> Result<Vec<Notice>> {
    let rows = workspace.block_on(workspace.ledger.flashes(Page::ALL))?;
    let out = rows.iter().filter_map(|row| {
        let at = row.published_at?;
        Some((row, Timestamp(at)))
    });
    Ok(out
        .map(|(row, at)| {
            let sheet = page(workspace, row);
            Notice {
                name: sheet.number,
                title: sheet.title,
                stem: sheet.stem,
                at,
                withdrawn: row.state == FlashState::Withdrawn,
            }
        })
        .collect())
}

fn renditions(workspace: &Workspace, row: &Flash) -> Vec<Rendition> {
    let sheet = page(workspace, row);
    let mut files = Vec::new();
    for lang in Lang::ALL {
        let stem = format!("{}.{}", sheet.stem, lang.code());
        files.push(Rendition {
            name: format!("{stem}.html"),
            bytes: sheet::html(&sheet, lang).into_bytes(),
        });
        files.push(Rendition {
            name: format!("{stem}.txt"),
            bytes: sheet::text(&sheet, lang).into_bytes(),
        });
    }
    files
}

/// The sheet of an alert.
pub fn page(workspace: &Workspace, row: &Flash) -> Sheet {
    let settings = &workspace.settings;
    let on = |at: Option<i64>| {
        let date = at.and_then(|at| Timestamp(at).date_in(&settings.zone));
        date.map(day).unwrap_or_default()
    };
    let (word, grave) = match row.level.as_str() {
        "critical" => (Text::new("紧急", "Critical"), true),
        "warning" => (Text::new("预警", "Warning"), false),
        _ => (Text::new("提示", "Notice"), false),
    };
    let withdrawn = row.state == FlashState::Withdrawn;
    let mut blocks = Vec::new();
    let mut foot = vec![Text::new(
        format!("{}发布。内容哈希{}。", on(row.published_at).zh, row.hash),
        format!(
            "Published {}. Hash of the content {}.",
            on(row.published_at).en,
            row.hash
        ),
    )];
    if withdrawn {
        let why = row.withdrawn_why.clone().unwrap_or_default();
        let when = on(row.withdrawn_at);
        blocks.push(Block::Statement(Text::new(
            format!("本通报已于{}撤回。原因：{why}", when.zh),
            format!("This alert was withdrawn on {}. Reason: {why}", when.en),
        )));
    } else {
        let pair = |zh: &str, en: &str| Text::new(zh, en);
        blocks.push(Block::Paragraph(pair(&row.text_zh, &row.text_en)));
        if !row.affected_zh.is_empty() || !row.affected_en.is_empty() {
            blocks.push(Block::Heading(Text::new("影响范围", "Affected")));
            blocks.push(Block::Paragraph(pair(&row.affected_zh, &row.affected_en)));
        }
        if !row.advice_zh.is_empty() || !row.advice_en.is_empty() {
            blocks.push(Block::Heading(Text::new("处置建议", "What to do")));
            let (zh, en): (Vec<&str>, Vec<&str>) = (
                row.advice_zh.lines().collect(),
                row.advice_en.lines().collect(),
            );
            let items = (0..zh.len().max(en.len())).map(|at| {
                let line = |side: &[&str]| side.get(at).copied().unwrap_or_default().to_owned();
                Text::new(line(&zh), line(&en))
            });
            blocks.push(Block::List(items.collect()));
        }
        if !row.links.is_empty() {
            blocks.push(Block::Heading(Text::new("参考", "References")));
            blocks.push(Block::Links(row.links.lines().map(str::to_owned).collect()));
        }
        foot.push(Text::new(
            "本通报独立编号；编号不重复使用，内容有误即撤回并另行通报。",
            "Alerts have numbers of their own, never used twice; a wrong one is withdrawn and another issued.",
        ));
    }
    let number = format!("{}-{}", row.year, row.number);
    Sheet {
        publisher: settings.series.organization.clone(),
        series: Text::new("紧急通报", "Flash alert"),
        number: Text::new(
            format!("{}年第{}号", row.year, row.number),
            format!("{} No. {}", row.year, row.number),
        ),
        title: Text::new(row.title_zh.clone(), row.title_en.clone()),
        level: Some((word, grave && !withdrawn)),
        status: withdrawn.then(|| Text::new("已撤回", "withdrawn")),
        tlp: settings.series.tlp,
        banner: settings.series.banner.clone(),
        blocks,
        foot,
        stem: format!("flash-{number}"),
    }
}
