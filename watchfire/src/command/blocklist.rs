//! `watchfire blocklist`: what may be blocked, by whose word, and the files.

mod candidates;

use clap::Subcommand;
use ledger::{Listed, ListedState, ListingFilter, Page};
use response::notify::arming::Leave;
use serde_json::json;

use super::incidents::minute;
use crate::blocklisting::{self, MACHINE, Published, Wish};
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::responding::{desk, identity};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now};

/// Propose, approve, publish and take off what others may block.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Off until `lists.enabled` is set. Proposals come from incidents whose last look found them up and from
feeds that may be published; a named person approves each; entries end after `lists.days` unless they
are found there again. Taking off changes the files at once. See docs/blocklists.md.

Examples:
  watchfire blocklist propose                                  from all live verified incidents
  watchfire blocklist propose --incident 12 --release \"our own finding\"
  watchfire blocklist propose --feed phishing-urls
  watchfire blocklist list --state proposed
  watchfire blocklist approve 3 4 --reason \"pages looked at\"
  watchfire blocklist publish --issue 2023-3
  watchfire blocklist delist bad.example --reason \"the owner cleaned it\"
  watchfire blocklist check")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Propose entries; nothing is published by that.
    Propose(candidates::Propose),
    /// List entries.
    List {
        /// Only of this list.
        #[arg(long)]
        list: Option<String>,
        /// Only in this state: proposed, approved, expired, delisted; may be repeated.
        #[arg(long)]
        state: Vec<String>,
    },
    /// Approve entries, each of which was looked at.
    Approve {
        /// Their numbers.
        #[arg(required = true)]
        entries: Vec<i64>,
        /// What was looked at.
        #[arg(long)]
        reason: String,
    },
    /// Take entries off, or refuse proposals; published files change at once.
    Delist {
        /// Numbers or values.
        #[arg(required = true)]
        entries: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Write the files of the lists.
    Publish {
        /// Only these lists; without it, every list with an approved entry or a publication.
        #[arg(long)]
        list: Vec<String>,
        /// The issue they go with, as 2023-3.
        #[arg(long)]
        issue: Option<String>,
        /// Publish although a list is empty or lost much.
        #[arg(long, value_name = "REASON")]
        accept_drop: Option<String>,
    },
    /// Compare the files with the entries, and ask the gate again.
    Check,
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Propose(propose) => candidates::propose(propose, session),
        What::List { list, state } => show(list, &state, session),
        What::Approve { entries, reason } => approve(&entries, &reason, session),
        What::Delist { entries, reason } => delist(&entries, &reason, session),
        What::Publish {
            list,
            issue,
            accept_drop,
        } => publish(
            list,
            Wish {
                issue,
                accept: accept_drop,
            },
            session,
        ),
        What::Check => check(session),
    }
}

fn state(text: &str) -> Result<ListedState> {
    Ok(match text {
        "proposed" => ListedState::Proposed,
        "approved" => ListedState::Approved,
        "expired" => ListedState::Expired,
        "delisted" => ListedState::Delisted,
        _ => {
            return Err(Failure::usage(text, "is no state of an entry")
                .remedy("proposed, approved, expired or delisted"));
        }
    })
}

/// A word as it is stored.
fn text(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn show(list: Option<String>, states: &[String], session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let filter = ListingFilter {
        list,
        states: states.iter().map(|one| state(one)).collect::<Result<_>>()?,
        ..ListingFilter::default()
    };
    let rows = workspace.block_on(workspace.ledger.listings(&filter, Page::ALL))?;
    let mut out = Out::new();
    if session.json {
        out.json(&rows)?;
        return out.end();
    }
    let mut table = Table::new([
        "#", "list", "kind", "value", "state", "from", "ends", "by", "",
    ]);
    for row in &rows {
        let from = row.incident.clone().or_else(|| row.feed.clone());
        let (by, why) = match row.state {
            ListedState::Proposed => (Some(row.proposed_by.clone()), Some(row.grounds.clone())),
            ListedState::Approved => (row.approved_by.clone(), row.approval.clone()),
            ListedState::Expired | ListedState::Delisted => {
                (row.ended_by.clone(), row.ending.clone())
            }
        };
        table.row([
            row.id.to_string(),
            row.list.clone(),
            text(&row.kind),
            row.value.clone(),
            text(&row.state),
            from.unwrap_or_default(),
            minute(row.ended_at.unwrap_or(row.expires_at), &workspace),
            by.unwrap_or_default(),
            why.unwrap_or_default(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no entries"),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn approve(entries: &[i64], reason: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("blocklist approve"))?;
    blocklisting::need_on(&workspace)?;
    let tables = reference_files::tables(&workspace, &session.talk)?;
    let gate = blocklisting::gate(&workspace, &tables)?;
    let (ledger, who) = (&workspace.ledger, session.actor());
    for id in entries {
        let row = workspace.block_on(ledger.listing(*id))?;
        gate.allows(row.kind, &row.value)
            .map_err(|why| Failure::new(format_args!("entry {id}"), why))?;
        let kept = blocklisting::kept_back(&workspace, std::slice::from_ref(&row), now())?;
        if let Some(why) = kept.get(id) {
            return Err(Failure::new(format_args!("entry {id}"), why)
                .remedy("`watchfire incidents show` tells the marking of its incident"));
        }
        let row = workspace.block_on(ledger.approve_listing(*id, reason, &who, now().0))?;
        session.talk.say(format_args!(
            "{} {} is approved until {}",
            text(&row.kind),
            row.value,
            minute(row.expires_at, &workspace)
        ));
    }
    Ok(())
}

/// The live entries that a text names: by number, or all of a value.
fn named(workspace: &Workspace, what: &str) -> Result<Vec<Listed>> {
    let ledger = &workspace.ledger;
    if let Ok(id) = what.trim_start_matches('#').parse() {
        return Ok(vec![workspace.block_on(ledger.listing(id))?]);
    }
    let filter = ListingFilter {
        value: Some(what.to_owned()),
        states: vec![ListedState::Proposed, ListedState::Approved],
        ..ListingFilter::default()
    };
    let rows = workspace.block_on(ledger.listings(&filter, Page::ALL))?;
    match rows.is_empty() {
        true => Err(Failure::new(what, "is on no list")
            .remedy("`watchfire blocklist list` shows the entries")),
        false => Ok(rows),
    }
}

fn delist(entries: &[String], reason: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("blocklist delist"))?;
    let (ledger, who) = (&workspace.ledger, session.actor());
    for what in entries {
        for row in named(&workspace, what)? {
            // It may have gone with another of the same value.
            let row = workspace.block_on(ledger.listing(row.id))?;
            if row.state == ListedState::Delisted {
                continue;
            }
            for off in workspace.block_on(ledger.delist(row.id, reason, &who, now().0))? {
                session.talk.say(format_args!(
                    "{} {} is off the list {}",
                    text(&off.kind),
                    off.value,
                    off.list
                ));
            }
        }
    }
    // Whatever is published: also where lists were turned off, or nothing may leave.
    let mut changed = false;
    for last in workspace.block_on(ledger.published_lists())? {
        if blocklisting::is_behind(&workspace, &last)? {
            let done = blocklisting::withdraw(&workspace, last, &who)?;
            changed |= done.is_some();
            told(done.as_ref(), session);
        }
    }
    match changed {
        true => blocklisting::tell(&workspace),
        false => Ok(()),
    }
}

fn told(done: Option<&Published>, session: &Session) {
    let Some(done) = done else { return };
    for (value, why) in &done.refused {
        session
            .talk
            .warn(format_args!("{value} is left out: {why}"));
    }
    if done.held_over {
        session.talk.warn(format_args!(
            "list {}: too many entries ended together; they stay until the list is published",
            done.list
        ));
    }
    session.talk.say(format_args!(
        "list {}: {} entries, serial {}",
        done.list, done.entries, done.serial
    ));
}

fn publish(lists: Vec<String>, wish: Wish, session: &Session) -> Result {
    let workspace = session.open(Access::Write("blocklist publish"))?;
    blocklisting::need_on(&workspace)?;
    let identity = identity(&workspace)?;
    if let Leave::No(why) = workspace.block_on(desk(&workspace).may_leave(&identity))? {
        let (what, remedy) = why.split_once("; ").unwrap_or((&why, ""));
        return Err(Failure::new("publication", what).remedy(remedy));
    }
    let tables = reference_files::tables(&workspace, &session.talk)?;
    let gate = blocklisting::gate(&workspace, &tables)?;
    let ledger = &workspace.ledger;
    let lists = match lists.is_empty() {
        false => lists,
        true => {
            let approved = ListingFilter {
                states: vec![ListedState::Approved],
                ..ListingFilter::default()
            };
            let approved = workspace.block_on(ledger.listings(&approved, Page::ALL))?;
            let published = workspace.block_on(ledger.published_lists())?;
            let mut all: Vec<String> = approved.into_iter().map(|row| row.list).collect();
            all.extend(published.into_iter().map(|one| one.list));
            all.sort();
            all.dedup();
            all
        }
    };
    if lists.is_empty() {
        return Err(Failure::new("block lists", "no entry is approved")
            .remedy("watchfire blocklist list --state proposed"));
    }
    let who = session.actor();
    let (mut all, mut failed) = (Vec::new(), None);
    for list in &lists {
        // One list that is refused keeps no other back.
        match blocklisting::publish(&workspace, &gate, list, &wish, &who) {
            Ok(done) => {
                told(Some(&done), session);
                all.push(done);
            }
            Err(failure) if failed.is_none() => failed = Some(failure),
            Err(failure) => session.talk.warn(failure.message()),
        }
    }
    if session.json {
        let mut out = Out::new();
        out.json(&all)?;
        out.end()?;
    }
    if !all.is_empty() {
        blocklisting::tell(&workspace)?;
    }
    failed.map_or(Ok(()), Err)
}

fn check(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let ledger = &workspace.ledger;
    let tables = reference_files::tables(&workspace, &session.talk)?;
    let gate = blocklisting::gate(&workspace, &tables)?;
    let mut findings = Vec::new();
    let mut find = |list: &str, what: String| findings.push(json!({ "list": list, "what": what }));
    let published = workspace.block_on(ledger.published_lists())?;
    for last in &published {
        if !blocklisting::whole(&workspace, last) {
            find(
                &last.list,
                "its files are not those that were published".to_owned(),
            );
        } else if blocklisting::is_behind(&workspace, last)? {
            find(&last.list, "its files name what has ended since".to_owned());
        }
    }
    let approved = ListingFilter {
        states: vec![ListedState::Approved],
        ..ListingFilter::default()
    };
    let at = now().0;
    for row in workspace.block_on(ledger.listings(&approved, Page::ALL))? {
        if row.expires_at <= at {
            find(&row.list, format!("{}: its days are over", row.value));
        }
        if let Err(why) = gate.allows(row.kind, &row.value) {
            find(&row.list, format!("{}: {why}", row.value));
        }
    }
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "published": published, "findings": findings }))?;
    } else {
        for last in &published {
            out.line(format_args!(
                "list {}: {} entries, serial {}, {}",
                last.list,
                last.entries,
                last.serial,
                minute(last.at, &workspace)
            ))?;
        }
        for one in &findings {
            out.line(format_args!(
                "{}: {}",
                one["list"].as_str().unwrap_or_default(),
                crate::table::clean(one["what"].as_str().unwrap_or_default())
            ))?;
        }
    }
    out.end()?;
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

/// Who proposes what nobody named.
fn proposer(by_hand: bool, session: &Session) -> String {
    match by_hand {
        true => session.actor(),
        false => MACHINE.to_owned(),
    }
}
