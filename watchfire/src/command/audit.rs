//! `watchfire audit`: the trail of who did what to which object, and whether it is whole.

use clap::Subcommand;
use ledger::{AuditEntry, AuditFilter, Page};
use model::time::Timestamp;
use serde_json::json;

use super::infrastructure::instant;
use crate::failure::{Exit, Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session};

/// Check the chain of the audit trail, and list what it holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every row holds the hash of the row before it. `verify` recomputes the chain from the first row and
prints the number of rows and the hash of the last: kept elsewhere (in print, in another system), that
hash proves the trail up to there, also against whoever can rewrite the database. Give it back with
--head.

Exits with 4 if the chain is broken, or does not lead through the given head.

Examples:
  watchfire audit verify
  watchfire audit verify --head 1204:6b1e...    the place and hash that were kept
  watchfire audit list --action hold. --since 2023-01-09
  watchfire audit list --object \"hold 3\" --json
  watchfire audit list --actor li.na --limit 50 --before 1204")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Recompute the chain of hashes over all rows.
    Verify {
        /// Place and hash of a row as printed by an earlier `verify`: it must still be that row.
        #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
        head: Option<(i64, ledger::Hash)>,
    },
    /// List rows, newest first.
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only about this object, kind and id as in `hold 3`.
    #[arg(long)]
    object: Option<String>,
    /// Only of this action, as `hold.add`; with a dot at the end, of all that begin so.
    #[arg(long)]
    action: Option<String>,
    /// Only by this person or part of the system.
    #[arg(long)]
    actor: Option<String>,
    /// Only from then on; without an offset, in the reporting zone.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only rows before this one: the last of the page before.
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    /// Rows at most.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// A place in the trail and the hash that stood there.
fn head(text: &str) -> Result<(i64, ledger::Hash), String> {
    let (seq, hash) = text
        .split_once(':')
        .ok_or("write it as `audit verify` prints it, SEQ:HASH")?;
    let seq = seq
        .parse()
        .ok()
        .filter(|seq| *seq > 0)
        .ok_or("SEQ is a number from 1")?;
    Ok((seq, hash.parse()?))
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Verify { head } => verify(head, session),
        What::List(list) => rows(list, session),
    }
}

fn verify(kept: Option<(i64, ledger::Hash)>, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let ledger = &workspace.ledger;
    // Read first: rows that are appended meanwhile are checked too, and no row can be missing.
    let last = workspace.block_on(ledger.audit_head())?;
    let broken = |seq: i64, reason: &str, session: &Session| -> Result {
        let mut out = Out::new();
        if session.json {
            out.json(&json!({ "whole": false, "seq": seq, "reason": reason }))?;
            out.end()?;
        }
        let place = workspace.ledger.place();
        Err(
            Failure::new(format_args!("{place}: audit row {seq}"), reason)
                .remedy("someone or something changed the trail: compare with a backup from before")
                .with(Exit::Findings),
        )
    };
    let rows = match workspace.block_on(ledger.verify_audit()) {
        Ok(rows) => rows,
        Err(ledger::Error::AuditBroken { seq, reason }) => return broken(seq, &reason, session),
        Err(error) => return Err(error.into()),
    };
    if let Some((seq, hash)) = kept {
        let filter = AuditFilter {
            before: Some(seq.saturating_add(1)),
            ..AuditFilter::default()
        };
        let one = Page {
            offset: 0,
            limit: 1,
        };
        let found = workspace.block_on(ledger.audit_rows(&filter, one))?;
        match found.first().filter(|row| row.seq == seq) {
            None => return broken(seq, "is missing: the kept head was cut off", session),
            Some(row) if row.hash != hash => {
                let reason = format!("is another than was kept: its hash is {}", row.hash);
                return broken(seq, &reason, session);
            }
            Some(_) => {}
        }
    }
    let mut out = Out::new();
    let head = last.map(|(seq, hash)| format!("{seq}:{hash}"));
    if session.json {
        out.json(&json!({ "whole": true, "rows": rows, "head": head }))?;
    } else {
        out.line(format_args!("{rows} rows, the chain holds"))?;
        if let Some(head) = head {
            out.line(format_args!("head {head}"))?;
        }
    }
    out.end()
}

fn rows(list: List, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let zone = &workspace.settings.zone;
    let at = |text: Option<String>| -> Result<Option<i64>> {
        let at = text.map(|text| instant(&text, zone)).transpose()?;
        Ok(at.map(|at| at.0))
    };
    let filter = AuditFilter {
        object: list.object,
        action: list.action,
        actor: list.actor,
        since: at(list.since)?,
        until: at(list.until)?,
        before: list.before,
    };
    let page = Page {
        offset: 0,
        limit: u64::from(list.limit),
    };
    let rows = workspace.block_on(workspace.ledger.audit_rows(&filter, page))?;
    let mut out = Out::new();
    if session.json {
        let rows: Vec<_> = rows.iter().map(row).collect();
        out.json(&rows)?;
        return out.end();
    }
    let mut table = Table::new(["seq", "at", "actor", "action", "object", "detail"]);
    for row in &rows {
        table.row([
            row.seq.to_string(),
            Timestamp(row.at).to_string(),
            row.actor.clone(),
            row.action.clone(),
            row.object.clone(),
            row.detail.clone(),
        ]);
    }
    if table.is_empty() {
        session.talk.say("no rows");
    } else {
        table.print(&mut out)?;
    }
    out.end()?;
    if let Some(last) = rows
        .last()
        .filter(|last| rows.len() == list.limit as usize && last.seq > 1)
    {
        session
            .talk
            .say(format_args!("older rows: --before {}", last.seq));
    }
    Ok(())
}

/// A row for a program: the detail as the object that it is, where it is one.
fn row(row: &AuditEntry) -> serde_json::Value {
    let detail = serde_json::from_str(&row.detail)
        .unwrap_or_else(|_| serde_json::Value::String(row.detail.clone()));
    json!({
        "seq": row.seq,
        "at": Timestamp(row.at).to_string(),
        "actor": row.actor,
        "action": row.action,
        "object": row.object,
        "detail": detail,
        "hash": row.hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_head_is_read_as_it_was_printed() {
        let hash = ledger::Hash::of(b"row");
        assert_eq!(head(&format!("7:{hash}")), Ok((7, hash)));
        for wrong in ["", "7", &format!("0:{hash}"), &format!("x:{hash}"), "7:abc"] {
            assert!(head(wrong).is_err(), "{wrong}");
        }
    }
}
