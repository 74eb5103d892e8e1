//! `watchfire inbox`: mail that comes in: complaints, answers, bounces.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ledger::{MessageState, Page};
use model::incident::CaseKind;
use response::inbox::bulk::{self, Mapping};
use response::inbox::form::Reported;
use serde_json::json;

use super::incidents::minute;
use crate::cli::Acting;
use crate::failure::{Exit, Failure, Result};
use crate::responding::{Fetched, Right, desk, fetch, house, read_mail};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// Take mail in and read it: complaints open incidents, answers and bounces go to their notices.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
States: new, handled, waiting, quarantined.

Examples:
  watchfire inbox take Maildir/new complaint.eml    files, or folders of them
  watchfire inbox fetch                             what is new in the mailbox
  watchfire inbox read                              what was taken in
  watchfire inbox import list.csv --preview         what a table of complaints would file
  watchfire inbox import list.csv --map url=Link --kind phishing
  watchfire inbox list --state waiting              what a person must decide, and why
  watchfire inbox show 3f9a                         one, by the beginning of its id
  watchfire inbox complaints                        receipts and where they stand")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take mails in from files or folders; a file may be deleted once this returned.
    Take {
        /// Files, or folders whose files are mails (a maildir's `new` and `cur`).
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Fetch what is new in the mailbox that `response.imap` names; nothing is lost if it breaks off.
    Fetch,
    /// Read what was taken in.
    Read,
    /// File a table of complaints: CSV in UTF-8, a complaint a row. The same rows again change nothing.
    Import {
        /// The table.
        file: PathBuf,
        /// Which column holds what, as url=Link; names: url, kind, text, reporter, received, number, app, language.
        /// Without it columns are known by their heads.
        #[arg(long, value_name = "NAME=HEAD")]
        map: Vec<String>,
        /// The kind of rows that name none, as phishing.
        #[arg(long)]
        kind: Option<CaseKind>,
        /// Where the table comes from; rows of another source are other complaints. Without it, the file's name.
        #[arg(long)]
        source: Option<String>,
        /// Only show what would be filed; nothing is stored.
        #[arg(long)]
        preview: bool,
    },
    /// List messages, the newest first.
    List {
        /// Only in this state.
        #[arg(long)]
        state: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u64,
    },
    /// Show one message.
    Show {
        /// Its id, or the beginning of it.
        message: String,
    },
    /// List complaints, the newest first.
    Complaints {
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u64,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Take { paths } => take(&paths, session),
        What::Fetch => fetch_all(session),
        What::Read => read(session),
        What::Import {
            file,
            map,
            kind,
            source,
            preview,
        } => import(&file, &map, (kind, source), preview, session),
        What::List { state, limit } => list(state.as_deref(), limit, session),
        What::Show { message } => show(&message, session),
        What::Complaints { limit } => complaints(limit, session),
    }
}

/// The files of a path: itself, or those in the folder and in its `new` and `cur`.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Failure::new(path.display(), error);
    let found = std::fs::metadata(path).map_err(failed)?;
    if found.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for folder in [path.to_owned(), path.join("new"), path.join("cur")] {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn take(paths: &[PathBuf], session: &Session) -> Result {
    let workspace = session.open(Access::Write("inbox take"))?;
    let desk = desk(&workspace);
    let (mut new, mut known) = (0u64, 0u64);
    for path in paths {
        for file in files(path)? {
            let bytes =
                std::fs::read(&file).map_err(|error| Failure::new(file.display(), error))?;
            let origin = file.display().to_string();
            match workspace.block_on(desk.receive(&bytes, &origin, now()))? {
                true => new += 1,
                false => known += 1,
            }
        }
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "new": new, "known": known }))?,
        false => out.line(format_args!(
            "{new} mails taken in, {known} were there already"
        ))?,
    }
    out.end()
}

fn fetch_all(session: &Session) -> Result {
    let workspace = session.open(Access::Write("inbox fetch"))?;
    let desk = desk(&workspace);
    let mut all = Fetched::default();
    loop {
        let environment = &session.environment;
        let Some(some) = fetch(&workspace, environment, &desk, &Right::Held)? else {
            return Err(
                Failure::new("response.imap", "is not set: there is no mailbox")
                    .remedy("write imaps://user@host/INBOX")
                    .with(Exit::Configuration),
            );
        };
        all.mails += some.mails;
        all.too_long.extend(some.too_long);
        all.unmarked += some.unmarked;
        all.failure = some.failure;
        if !some.more || all.failure.is_some() {
            break;
        }
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&all)?,
        false => out.line(format_args!(
            "{} mails fetched, {} too long, {} not marked",
            all.mails,
            all.too_long.len(),
            all.unmarked
        ))?,
    }
    out.end()?;
    match all.failure {
        Some(why) => Err(Failure::new("mailbox", why)),
        None => Ok(()),
    }
}

fn read(session: &Session) -> Result {
    let workspace = session.open(Access::Write("inbox read"))?;
    let desk = desk(&workspace);
    let house = house(&workspace, &session.environment, false)?;
    let (read, receipts) = read_mail(&workspace, &session.talk, &desk, &house, &Right::Held)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "read": read, "receipts": receipts }))?,
        false => out.line(format_args!(
            "{} mails read: {} complaints ({} incidents opened), {} answers, {} bounces; {} wait for a person, {} cannot be read; {receipts} receipts written",
            read.messages, read.complaints, read.opened, read.answers, read.bounces, read.waiting, read.quarantined
        ))?,
    }
    out.end()
}

/// Rows of a preview.
const PREVIEWED: usize = 20;

fn import(
    file: &Path,
    map: &[String],
    (kind, source): (Option<CaseKind>, Option<String>),
    preview: bool,
    session: &Session,
) -> Result {
    let mapping = Mapping::read(map).map_err(|why| Failure::usage("--map", why))?;
    let access = match preview {
        true => Access::Read,
        false => Access::Write("inbox import"),
    };
    let workspace = session.open(access)?;
    let bytes = std::fs::read(file).map_err(|error| Failure::new(file.display(), error))?;
    let named = || {
        file.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let source = source.or_else(named).unwrap_or_default();
    let reading = bulk::Reading {
        mapping: &mapping,
        via: bulk::TABLE,
        kind,
        zone: &workspace.settings.zone,
        now: now(),
        source: &source,
    };
    let table = bulk::read(&bytes, &reading).map_err(|why| Failure::new(file.display(), why))?;
    let (bad, twice, columns) = (table.bad.clone(), table.twice, table.columns.clone());
    let rows = table.rows.len();
    let shown: Vec<_> = table.rows.iter().take(PREVIEWED).cloned().collect();
    let done = match preview {
        true => None,
        false => Some(workspace.block_on(desk(&workspace).file_bulk(table))?),
    };
    let places = |one: &Reported| {
        let all = one.places.iter().map(|place| place.text.as_str());
        all.collect::<Vec<_>>().join(" ")
    };
    let mut out = Out::new();
    if session.json {
        let shown: Vec<_> = shown
            .iter()
            .map(|(line, one)| {
                json!({ "line": line, "kind": one.kind, "places": places(one), "app": one.app,
                    "reporter": one.address, "received": one.received_at.map(|at| at.to_string()) })
            })
            .collect();
        out.json(
            &json!({ "columns": columns, "rows": rows, "twice": twice, "refused": bad,
            "preview": shown, "new": done.map(|done| done.0), "known": done.map(|done| done.1) }),
        )?;
    } else {
        for (name, head) in &columns {
            session
                .talk
                .say(format_args!("{name}: column {}", crate::table::clean(head)));
        }
        if preview {
            let mut table = Table::new(["line", "kind", "about", "received", "reporter", "text"]);
            for (line, one) in &shown {
                let about = match one.places.is_empty() {
                    true => one.app.clone(),
                    false => places(one),
                };
                table.row([
                    line.to_string(),
                    one.kind.to_string(),
                    about,
                    one.received_at
                        .map_or(String::new(), |at| minute(at.0, &workspace)),
                    one.address.clone().unwrap_or_default(),
                    one.body
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .chars()
                        .take(40)
                        .collect(),
                ]);
            }
            if !table.is_empty() {
                table.print(&mut out)?;
            }
            out.line(format_args!(
                "{rows} complaints would be filed, {twice} stand there twice, {} rows are none",
                bad.len()
            ))?;
        }
        if let Some((new, known)) = done {
            out.line(format_args!(
                "{new} complaints filed, {known} were there already, {twice} stand there twice, {} rows are none",
                bad.len()
            ))?;
        }
        for row in &bad {
            session.talk.warn(format_args!(
                "line {}: {}",
                row.line,
                crate::table::clean(&row.reason)
            ));
        }
    }
    out.end()?;
    match bad.is_empty() {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

fn state(text: &str) -> Result<MessageState> {
    match text {
        "new" => Ok(MessageState::New),
        "handled" => Ok(MessageState::Handled),
        "waiting" => Ok(MessageState::Waiting),
        "quarantined" => Ok(MessageState::Quarantined),
        _ => Err(Failure::usage(text, "is no state of a message")
            .remedy("new, handled, waiting or quarantined")),
    }
}

fn list(wanted: Option<&str>, limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let wanted = wanted.map(state).transpose()?;
    let page = Page { offset: 0, limit };
    let all = workspace.block_on(workspace.ledger.messages(wanted, page))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new(["id", "received", "nature", "state", "from", "subject", ""]);
    for one in &all {
        let state = serde_json::to_value(one.state).ok();
        let state = state
            .as_ref()
            .and_then(|state| state.as_str())
            .unwrap_or_default();
        table.row([
            one.id.chars().take(8).collect::<String>(),
            minute(one.received_at, &workspace),
            one.nature.clone(),
            state.to_owned(),
            one.sender.clone(),
            one.subject.chars().take(60).collect::<String>(),
            one.reason.clone().unwrap_or_default(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no messages"),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn show(id: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = workspace.block_on(workspace.ledger.message(id))?;
    let mut out = Out::new();
    if session.json {
        out.json(&one)?;
        return out.end();
    }
    out.line(format_args!(
        "{} from {}: {}",
        one.id,
        crate::table::clean(&one.sender),
        crate::table::clean(&one.subject)
    ))?;
    if let Some(reason) = &one.reason {
        out.line(format_args!(
            "{}: {}",
            one.nature,
            crate::table::clean(reason)
        ))?;
    }
    out.line("")?;
    let bytes = {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let mut blob = workspace.blobs.open(&one.blob)?;
        blob.read_to_end(&mut bytes)
            .map_err(|error| Failure::new(format_args!("blob {}", one.blob), error))?;
        bytes
    };
    let limits = formats::mail::Limits::default();
    match formats::mail::Mail::read(&bytes, &limits) {
        Ok(mail) => {
            for line in mail.text.lines().take(200) {
                out.line(crate::table::clean(line))?;
            }
        }
        Err(error) => out.line(format_args!("cannot be read: {error}"))?,
    }
    out.end()
}

fn complaints(limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let page = Page { offset: 0, limit };
    let all = workspace.block_on(workspace.ledger.complaints(None, page))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new([
        "#", "receipt", "received", "by", "kind", "state", "what", "",
    ]);
    for one in &all {
        let state = serde_json::to_value(one.state).ok();
        let state = state
            .as_ref()
            .and_then(|state| state.as_str())
            .unwrap_or_default();
        table.row([
            one.number.to_string(),
            one.receipt.clone(),
            minute(one.received_at, &workspace),
            one.via.clone(),
            one.kind.to_string(),
            state.to_owned(),
            one.what.clone(),
            one.reason.clone().unwrap_or_default(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no complaints"),
        false => table.print(&mut out)?,
    }
    out.end()
}
