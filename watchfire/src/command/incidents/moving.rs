//! `watchfire incidents import|rollback`: incidents of another system move in, or out again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use response::moving::{OldKind, Reading, read};
use serde_json::json;

use super::minute;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now, random};

/// Lines of the preview that are shown.
const SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// Name of the import.
    #[arg(long)]
    name: String,
    /// What the file is: incidents (a table with our heads), rtir.
    #[arg(long, default_value = "incidents")]
    kind: String,
    /// What a word of the other system means: a kind, a resolution, or open; may be repeated.
    #[arg(long, value_name = "THEIRS=OURS")]
    word: Vec<String>,
    /// Store them. No clock starts and nothing is sent.
    #[arg(long)]
    apply: bool,
}

/// Words of another system and what they mean.
fn words(entries: &[String]) -> Result<BTreeMap<String, String>> {
    let pairs = entries.iter().map(|entry| {
        let pair = entry
            .rsplit_once('=')
            .filter(|(theirs, ours)| !theirs.trim().is_empty() && !ours.trim().is_empty());
        let (theirs, ours) = pair.ok_or_else(|| {
            Failure::usage(format_args!("--word {entry}"), "says not what a word means")
                .remedy("write THEIRS=OURS, as \"successfully resolved=cleaned\"")
        })?;
        Ok((theirs.trim().to_lowercase(), ours.trim().to_owned()))
    });
    pairs.collect()
}

/// Shows what a file would bring; with `--apply`, stores it.
pub fn import(args: &Args, session: &Session) -> Result {
    let Args {
        file, name, apply, ..
    } = args;
    let apply = *apply;
    let kind = OldKind::named(&args.kind).ok_or_else(|| {
        let known = OldKind::WORDS.map(|(word, _)| word).join(", ");
        Failure::usage(&args.kind, "is no kind of file").remedy(known)
    })?;
    let words = words(&args.word)?;
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
        return Err(Failure::usage(name, "cannot name an import")
            .remedy("use letters, digits and - _ . , 64 at most"));
    }
    let bytes = std::fs::read(file).map_err(|error| Failure::new(file.display(), error))?;
    let access = match apply {
        true => Access::Write("incidents import"),
        false => Access::Read,
    };
    let workspace = session.open(access)?;
    let ledger = &workspace.ledger;
    let known = workspace.block_on(ledger.moved_numbers(name))?;
    let reading = Reading {
        kind,
        words: &words,
        known: &known,
        zone: &workspace.settings.zone,
        now: now(),
        draw: &random,
    };
    let moving = read(&bytes, &reading);
    let (new, closed) = (
        moving.all.len(),
        moving.all.iter().filter(|one| one.closed.is_some()).count(),
    );
    let mut out = Out::new();
    if session.json {
        out.json(
            &json!({ "new": new, "closed": closed, "known": moving.known, "parts": moving.parts,
            "left": moving.left, "unusable": moving.bad, "applied": apply }),
        )?;
    } else {
        let mut table = Table::new(["number", "kind", "opened", "ended", "owner", "what"]);
        for one in moving.all.iter().take(SHOWN) {
            let incident = &one.incident;
            table.row([
                incident.external_number.clone().unwrap_or_default(),
                incident.kind.to_string(),
                minute(one.opened_at, &workspace),
                one.closed.map_or_else(String::new, |(how, at)| {
                    format!("{how} {}", minute(at, &workspace))
                }),
                incident.owner.clone().unwrap_or_default(),
                incident.what.clone(),
            ]);
        }
        if !table.is_empty() {
            table.print(&mut out)?;
        }
        if new > SHOWN {
            out.line(format_args!("and {} more", new - SHOWN))?;
        }
    }
    out.end()?;
    for bad in &moving.bad {
        session.talk.warn(format_args!(
            "{} record {}: {}",
            file.display(),
            bad.line,
            crate::table::clean(&bad.reason)
        ));
    }
    let (there, bad) = (moving.known.len(), moving.bad.len());
    if apply {
        let actor = session.actor();
        workspace.block_on(ledger.move_in(name, moving.all, &actor, now().0))?;
    }
    let how = match apply {
        true => "moved in; no clock started, nothing is sent",
        false => "would move in; --apply does it",
    };
    session.talk.say(format_args!(
        "{new} incidents {how}: {closed} ended, {there} there already, {bad} unusable"
    ));
    if !moving.parts.is_empty() || moving.left > 0 {
        session.talk.say(format_args!(
            "{} belong to incidents of the file, {} are no incidents or were deleted",
            moving.parts.len(),
            moving.left
        ));
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::findings()),
    }
}

/// Takes out what an import brought.
pub fn rollback(name: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents rollback"))?;
    let ledger = &workspace.ledger;
    let done = workspace.block_on(ledger.move_out(name, &session.actor(), now().0))?;
    if done.removed == 0 && done.kept.is_empty() && done.held.is_empty() {
        return Err(Failure::usage(
            format_args!("import {name}"),
            "brought no incidents",
        ));
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&done)?,
        false => out.line(format_args!("{} incidents of {name} are out", done.removed))?,
    }
    for number in &done.held {
        session.talk.warn(format_args!(
            "#{number} stays: a legal hold covers it, see `watchfire incidents show {number}`"
        ));
    }
    for number in &done.kept {
        session
            .talk
            .warn(format_args!("#{number} stays: somebody worked on it since"));
    }
    out.end()
}
