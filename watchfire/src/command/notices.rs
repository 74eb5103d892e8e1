//! `watchfire notices`: what is written to parties, and whether it may go out.

use std::io::Read as _;

use clap::Subcommand;
use ledger::Page;
use ledger::notice::Move;
use model::notice::NoticeState;
use model::time::Timestamp;
use model::worded::Word;
use response::notify::arming::Leave;
use serde_json::json;

use super::incidents::{minute, word};
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::responding::{desk, house, identity, notice, parties};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// Write notices to parties, let them go, and see what became of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing leaves before somebody arms the instance; a copied or restored workspace is disarmed.
States: held, ready, sending, sent, bounced, task, failed, cancelled, exercise.

Examples:
  watchfire notices write                     for all directives that are due
  watchfire notices list --state held         what waits for a person, and why
  watchfire notices show 12                   as it goes out
  watchfire notices approve 12 13 --reason \"read\"
  watchfire notices arm --reason \"on duty, week 47\"
  watchfire notices send                      what is ready
  watchfire notices done 14 --reply \"ticket 4711, by telephone\"
  watchfire notices stop --reason \"wrong template\"    at once, everywhere")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write notices for all directives that are due; nothing goes out.
    Write {
        /// Mark everything as an exercise; it is never sent.
        #[arg(long)]
        exercise: bool,
    },
    /// List notices, the newest first.
    List {
        /// Only in this state; may be repeated.
        #[arg(long)]
        state: Vec<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u64,
    },
    /// Show one as it goes out.
    Show {
        /// Its number or id.
        notice: String,
    },
    /// Let held notices go.
    Approve {
        /// Their numbers or ids.
        #[arg(required = true)]
        notices: Vec<String>,
        /// What was looked at.
        #[arg(long)]
        reason: String,
    },
    /// Do not send a held notice; its directives are due again.
    Cancel {
        /// Its number or id.
        notice: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say that a notice was carried by hand.
    Done {
        /// Its number or id.
        notice: String,
        /// How, to whom, and the party's number for it.
        #[arg(long)]
        reply: String,
    },
    /// Send what is ready.
    Send,
    /// Let this instance send.
    Arm {
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Do not let this instance send.
    Disarm {
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Stop all sending at once.
    Stop {
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Let sending go on.
    Resume {
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Tell whether anything may leave, and what waits.
    Status,
}

pub fn run(args: Args, session: &Session) -> Result {
    let who = session.actor();
    match args.what {
        What::Write { exercise } => write(exercise, session),
        What::List { state, limit } => list(&state, limit, session),
        What::Show { notice } => show(&notice, session),
        What::Approve { notices, reason } => judge(&notices, true, &reason, &who, session),
        What::Cancel { notice, reason } => judge(&[notice], false, &reason, &who, session),
        What::Done {
            notice: which,
            reply,
        } => {
            let workspace = session.open(Access::Write("notices done"))?;
            let found = notice(&workspace, &which)?;
            let moved = Move {
                to: NoticeState::Sent,
                reply,
                next_at: None,
            };
            let ledger = &workspace.ledger;
            workspace.block_on(ledger.move_notice(found.notice_id(), moved, &who, now().0))?;
            session
                .talk
                .say(format_args!("notice #{} is carried", found.number));
            Ok(())
        }
        What::Send => send(session),
        What::Arm { reason } => {
            let workspace = session.open(Access::Write("notices arm"))?;
            let identity = identity(&workspace)?;
            workspace.block_on(desk(&workspace).arm(&identity, &reason, &who))?;
            session.talk.say("armed: ready notices go out");
            Ok(())
        }
        What::Disarm { reason } => {
            let workspace = session.open(Access::Write("notices disarm"))?;
            workspace.block_on(desk(&workspace).disarm(&reason, &who))?;
            session.talk.say("disarmed: nothing goes out");
            Ok(())
        }
        What::Stop { reason } => {
            // Not by the lock of writers: a process that is sending must not make it wait.
            let workspace = session.open(Access::Switch)?;
            workspace.block_on(desk(&workspace).stop(&reason, &who))?;
            session
                .talk
                .say("stopped: nothing goes out until `watchfire notices resume`");
            Ok(())
        }
        What::Resume { reason } => {
            let workspace = session.open(Access::Write("notices resume"))?;
            workspace.block_on(desk(&workspace).resume(&reason, &who))?;
            session.talk.say("sending goes on");
            Ok(())
        }
        What::Status => status(session),
    }
}

fn write(exercise: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Write("notices write"))?;
    let (house, parties) = (
        house(&workspace, &session.environment, exercise)?,
        parties(&workspace)?,
    );
    let desk = desk(&workspace);
    let told = workspace.block_on(desk.write_notices(&house, &parties))?;
    for problem in &told.problems {
        session.talk.warn(problem);
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&told)?,
        false => out.line(format_args!(
            "{} notices written for {} directives, {} of them held; {} directives wait for their party's interval, {} have no contact left",
            told.notices, told.directives, told.held, told.waiting, told.nobody
        ))?,
    }
    out.end()?;
    if !told.withheld.is_empty() {
        session.talk.say(format_args!(
            "{} directives wait because the marking of their incident keeps it from their party; `watchfire incidents preview` tells why",
            told.withheld.len()
        ));
    }
    Ok(())
}

fn list(states: &[String], limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let states = states.iter().map(|text| word::<NoticeState>(text));
    let states = states.collect::<Result<Vec<_>>>()?;
    let page = Page { offset: 0, limit };
    let all = workspace.block_on(workspace.ledger.notices(&states, page))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new(["#", "kind", "state", "to", "by", "written", "subject", ""]);
    for one in &all {
        let why = match one.state.0 {
            NoticeState::Held => one.hold_reason.clone(),
            _ => one.outcome.clone(),
        };
        table.row([
            one.number.to_string(),
            one.kind.to_string(),
            one.state.to_string(),
            one.address.clone(),
            one.channel.to_string(),
            minute(one.created_at, &workspace),
            one.subject.clone(),
            why.unwrap_or_default(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no notices"),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn show(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let found = notice(&workspace, which)?;
    let attempts = workspace.block_on(workspace.ledger.attempts(found.notice_id()))?;
    let mut bytes = Vec::new();
    let mut blob = workspace.blobs.open(&found.body)?;
    blob.read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format_args!("blob {}", found.body), error))?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "notice": found, "attempts": attempts, "body": String::from_utf8_lossy(&bytes) }))?;
        return out.end();
    }
    out.line(format_args!(
        "notice #{} to {} by {}: {}",
        found.number,
        found.address,
        found.channel,
        found.state.0.en()
    ))?;
    if let Some(reason) = &found.hold_reason {
        out.line(format_args!("held: {}", crate::table::clean(reason)))?;
    }
    for attempt in &attempts {
        out.line(format_args!(
            "{} {}: {}",
            minute(attempt.at, &workspace),
            attempt.outcome,
            crate::table::clean(&attempt.reply)
        ))?;
    }
    out.line("")?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        out.line(crate::table::clean(line))?;
    }
    out.end()
}

fn judge(which: &[String], approve: bool, reason: &str, who: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("notices"))?;
    let found = which.iter().map(|one| notice(&workspace, one));
    for one in found.collect::<Result<Vec<_>>>()? {
        let ledger = &workspace.ledger;
        let id = one.notice_id();
        let after = workspace.block_on(ledger.judge_notice(id, approve, reason, who, now().0))?;
        session
            .talk
            .say(format_args!("notice #{} is {}", after.number, after.state));
    }
    Ok(())
}

fn send(session: &Session) -> Result {
    let workspace = session.open(Access::Write("notices send"))?;
    let house = house(&workspace, &session.environment, false)?;
    let identity = identity(&workspace)?;
    let told = workspace.block_on(desk(&workspace).send_notices(
        &house,
        &identity,
        Timestamp(i64::MAX),
    ))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&told)?,
        false => out.line(format_args!(
            "{} sent, {} to be tried again, {} refused, {} put off by a limit, {} taken back by a marking",
            told.sent, told.later, told.refused, told.capped, told.withheld
        ))?,
    }
    out.end()?;
    match told.stopped {
        Some(why) => {
            let (what, remedy) = why.split_once("; ").unwrap_or((&why, ""));
            Err(Failure::new("sending", what).remedy(remedy))
        }
        None => Ok(()),
    }
}

fn status(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let identity = identity(&workspace)?;
    let leave = workspace.block_on(desk(&workspace).may_leave(&identity))?;
    let counts = workspace.block_on(workspace.ledger.notice_counts())?;
    let mut out = Out::new();
    if session.json {
        let (armed, why) = match &leave {
            Leave::Yes(armed) => (Some(armed), None),
            Leave::No(why) => (None, Some(why)),
        };
        let counts: Vec<_> = counts
            .iter()
            .map(|(state, count)| json!({ "state": state, "count": count }))
            .collect();
        out.json(&json!({ "armed": armed, "why_not": why, "notices": counts }))?;
        return out.end();
    }
    match leave {
        Leave::Yes(armed) => out.line(format_args!(
            "armed by {} since {}: {}",
            armed.by,
            minute(armed.at, &workspace),
            armed.reason
        ))?,
        Leave::No(why) => out.line(format_args!("nothing leaves: {why}"))?,
    }
    for (state, count) in counts {
        out.line(format_args!("{count} {}", state.en()))?;
    }
    out.end()
}
