//! `watchfire rejects`: rows that became no event; look at them, mend them, read them again.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use intake::enrich::Enricher;
use intake::ingest::Intake;
use intake::replay::Replayed;
use ledger::{Reject, RejectFilter, RejectState};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::table::{Out, Table, clean};
use crate::talk::Talk;
use crate::workspace::{Access, Session, Workspace, now};

/// Characters of a row that a list shows.
const SHOWN_RAW: usize = 80;

/// List, show, mend and replay rows that became no event.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire rejects list                          counts by feed and reason
  watchfire rejects list --feed jpcert --rows     the rows themselves
  watchfire rejects show 17                       one row as it came
  watchfire rejects edit 17 --file mended.csv     a corrected row, to be replayed instead
  watchfire rejects replay --feed jpcert          read all open ones again
  watchfire rejects drop 17 18                    worth nothing; they leave the list")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Count rejects by feed and reason, or list their rows.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Those in this state; without it, all but superseded ones.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// List the rows, not the counts.
        #[arg(long)]
        rows: bool,
        /// After this id: the last of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<i64>,
        /// Rows at most.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Show one reject: where it stands, why, and the row.
    Show {
        /// Its number.
        id: i64,
        /// Print only the row's bytes, as they came.
        #[arg(long)]
        raw: bool,
    },
    /// Read open rejects again, corrected or with a newer reader; what is read becomes events.
    Replay {
        /// Numbers; without any, all open ones of the filter.
        ids: Vec<i64>,
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 100_000)]
        limit: u64,
    },
    /// Store a corrected row for an open reject; standard input without --text and --file.
    Edit {
        /// Its number.
        id: i64,
        /// The row.
        #[arg(long, conflicts_with_all = ["file", "undo"])]
        text: Option<String>,
        /// A file that holds the row.
        #[arg(long, conflicts_with = "undo")]
        file: Option<PathBuf>,
        /// Take the correction back.
        #[arg(long)]
        undo: bool,
    },
    /// Mark rejects as worth nothing.
    Drop {
        /// Numbers.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Of this feed.
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Of this report.
    #[arg(long, value_name = "ID")]
    report: Option<String>,
    /// With this reason.
    #[arg(long)]
    reason: Option<String>,
}

impl Filter {
    fn resolve(self) -> RejectFilter {
        RejectFilter {
            feed: self.feed,
            report: self.report,
            reason: self.reason,
            ..RejectFilter::default()
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Open,
    Replayed,
    Dropped,
    Superseded,
}

impl From<State> for RejectState {
    fn from(state: State) -> Self {
        match state {
            State::Open => RejectState::Open,
            State::Replayed => RejectState::Replayed,
            State::Dropped => RejectState::Dropped,
            State::Superseded => RejectState::Superseded,
        }
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::List {
            filter,
            state,
            rows,
            after,
            limit,
        } => {
            let filter = RejectFilter {
                state: state.map(RejectState::from),
                after,
                ..filter.resolve()
            };
            let workspace = session.open(Access::Read)?;
            if rows {
                list(&filter, limit, &workspace, session)
            } else {
                count(&filter, &workspace, session)
            }
        }
        What::Show { id, raw } => show(id, raw, session),
        What::Replay { ids, filter, limit } => replay(&ids, filter.resolve(), limit, session),
        What::Edit {
            id,
            text,
            file,
            undo,
        } => edit(id, text, file, undo, session),
        What::Drop { ids } => {
            let workspace = session.open(Access::Write("rejects drop"))?;
            workspace.block_on(workspace.ledger.mark_rejects(
                &ids,
                RejectState::Dropped,
                now().0,
            ))?;
            session
                .talk
                .say(format_args!("{} rejects are dropped", ids.len()));
            Ok(())
        }
    }
}

fn count(filter: &RejectFilter, workspace: &Workspace, session: &Session) -> Result {
    let counts = workspace.block_on(workspace.ledger.reject_reasons(filter))?;
    let mut out = Out::new();
    if session.json {
        let all: Vec<_> =
            counts.iter().map(|(feed, reason, rejects)| json!({ "feed": feed, "reason": reason, "rejects": rejects })).collect();
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new(["feed", "reason", "rejects"]);
    for (feed, reason, rejects) in counts {
        table.row([feed, reason, rejects.to_string()]);
    }
    if table.is_empty() {
        session.talk.say("no rejects");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}

fn value(reject: &Reject) -> serde_json::Value {
    json!({
        "id": reject.id,
        "feed": reject.feed,
        "report": reject.report_id,
        "line": reject.line,
        "offset": reject.offset,
        "reason": reject.reason,
        "message": reject.message,
        "state": reject.state,
        "raw": String::from_utf8_lossy(&reject.raw),
        "raw_length": reject.raw_len,
        "raw_hash": reject.raw_hash,
        "edited": reject.edited.as_deref().map(String::from_utf8_lossy),
    })
}

fn list(filter: &RejectFilter, limit: u64, workspace: &Workspace, session: &Session) -> Result {
    let rejects = workspace.block_on(workspace.ledger.rejects(filter, limit))?;
    let mut out = Out::new();
    if session.json {
        for reject in &rejects {
            out.json_line(&value(reject))?;
        }
        return out.end();
    }
    let mut table = Table::new(["id", "feed", "line", "reason", "state", "what", "row"]);
    for reject in &rejects {
        let raw: String = String::from_utf8_lossy(&reject.raw)
            .chars()
            .take(SHOWN_RAW)
            .collect();
        table.row([
            reject.id.to_string(),
            reject.feed.clone(),
            reject.line.to_string(),
            reject.reason.clone(),
            reject.state.as_str().to_owned(),
            reject.message.clone(),
            raw,
        ]);
    }
    if table.is_empty() {
        session.talk.say("no rejects");
    } else {
        table.print(&mut out)?;
    }
    if rejects.len() as u64 == limit {
        let last = rejects.last().map_or(0, |reject| reject.id);
        session
            .talk
            .say(format_args!("there may be more: --after {last}"));
    }
    out.end()
}

fn find(id: i64, workspace: &Workspace) -> Result<Reject> {
    let reject = workspace.block_on(workspace.ledger.reject(id))?;
    reject.ok_or_else(|| {
        Failure::new(format_args!("reject {id}"), "not found")
            .remedy("`watchfire rejects list --rows` shows their numbers")
    })
}

fn show(id: i64, raw: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let reject = find(id, &workspace)?;
    let mut out = Out::new();
    if raw {
        out.bytes(reject.text())?;
        return out.end();
    }
    if session.json {
        out.json(&value(&reject))?;
        return out.end();
    }
    let report = workspace.block_on(workspace.ledger.report(&reject.report_id))?;
    let origin = report.map_or_else(String::new, |report| format!(", {}", report.origin));
    out.line(format_args!(
        "reject {} of feed {}: {}",
        reject.id,
        reject.feed,
        reject.state.as_str()
    ))?;
    out.line(format_args!(
        "  report  {}{}",
        reject.report_id,
        clean(&origin)
    ))?;
    out.line(format_args!(
        "  line    {}, byte {} of the decoded text, {} bytes",
        reject.line, reject.offset, reject.raw_len
    ))?;
    out.line(format_args!(
        "  reason  {}: {}",
        reject.reason,
        clean(&reject.message)
    ))?;
    if reject.is_cut() {
        out.line(format_args!(
            "  row     the first {} bytes of it",
            reject.raw.len()
        ))?;
    }
    out.line(format_args!(
        "  {}",
        clean(&String::from_utf8_lossy(&reject.raw))
    ))?;
    if let Some(edited) = &reject.edited {
        out.line("  corrected:")?;
        out.line(format_args!(
            "  {}",
            clean(&String::from_utf8_lossy(edited))
        ))?;
    }
    out.end()
}

/// Reads rejects again: these open ones, or all open ones of a filter where there are none.
///
/// # Errors
/// A number is of no open reject; the reference tables, the ledger or the lake.
pub fn read_again(
    workspace: &Workspace,
    talk: &Talk,
    ids: &[i64],
    filter: &RejectFilter,
    limit: u64,
) -> Result<Replayed> {
    let tables = reference_files::tables(workspace, talk)?;
    let intake = Intake {
        ledger: workspace.ledger.clone(),
        blobs: workspace.blobs.clone(),
        lake: workspace.lake.clone(),
        enricher: Enricher::new(Arc::new(tables)),
        schema: reference_files::schema(workspace)?,
        workers: 1,
        runtime: workspace.handle(),
        clock: &now,
        holder: workspace.holder(),
    };
    let catalogue = &workspace.settings.catalogue;
    let mut sum = Replayed::default();
    let mut run = |filter: &RejectFilter, limit| -> Result {
        let done = intake.replay(catalogue, filter, limit)?;
        sum.read += done.read;
        sum.events += done.events;
        sum.duplicates += done.duplicates;
        sum.left.extend(done.left);
        Ok(())
    };
    if ids.is_empty() {
        run(filter, limit)?;
    }
    for id in ids {
        let reject = find(*id, workspace)?;
        let of_feed = filter.feed.as_ref().is_none_or(|feed| *feed == reject.feed);
        if reject.state != RejectState::Open || !of_feed {
            return Err(Failure::new(
                format_args!("reject {id}"),
                format_args!("is {}, only open ones are replayed", reject.state.as_str()),
            ));
        }
        run(
            &RejectFilter {
                after: Some(id - 1),
                report: Some(reject.report_id),
                ..RejectFilter::default()
            },
            1,
        )?;
    }
    Ok(sum)
}

fn replay(ids: &[i64], filter: RejectFilter, limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Write("rejects replay"))?;
    let sum = read_again(&workspace, &session.talk, ids, &filter, limit)?;
    let mut out = Out::new();
    if session.json {
        out.json(&sum)?;
        return out.end();
    }
    out.line(format_args!(
        "{} rejects read: {} new events, {} known; {} are left",
        sum.read,
        sum.events,
        sum.duplicates,
        sum.left.len()
    ))?;
    for (id, why) in sum.left.iter().take(20) {
        session
            .talk
            .say(format_args!("  reject {id}: {}", clean(why)));
    }
    out.end()
}

fn edit(
    id: i64,
    text: Option<String>,
    file: Option<PathBuf>,
    undo: bool,
    session: &Session,
) -> Result {
    let bytes = match (text, file, undo) {
        (_, _, true) => None,
        (Some(text), _, _) => Some(text.into_bytes()),
        (None, Some(file), _) => {
            Some(std::fs::read(&file).map_err(|error| Failure::new(file.display(), error))?)
        }
        (None, None, false) => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::new("standard input", error))?;
            Some(bytes)
        }
    };
    if bytes
        .as_ref()
        .is_some_and(|bytes| bytes.trim_ascii().is_empty())
    {
        return Err(Failure::usage("the corrected row", "is empty")
            .remedy("to give a row up: watchfire rejects drop ID"));
    }
    let workspace = session.open(Access::Write("rejects edit"))?;
    let undone = bytes.is_none();
    workspace.block_on(workspace.ledger.edit_reject(id, bytes, now().0))?;
    session.talk.say(match undone {
        true => format!("reject {id}: the correction is taken back"),
        false => {
            format!("reject {id} is corrected: `watchfire rejects replay {id}` reads it again")
        }
    });
    Ok(())
}
