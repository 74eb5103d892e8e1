//! `watchfire jobs`: what is to be done, what is under way and where, and what was given up.

use clap::Subcommand;
use ledger::{Job, JobState, Page};
use model::time::Timestamp;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::workspace::{Access, Session, now};

/// List jobs, look at one, and put one that was given up back to work.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A job that fails waits longer each time; one that was given up stays until somebody puts it back to work.
Of a cluster the list is that of all nodes, and says which node has what.

Examples:
  watchfire jobs list                   what waits and what is under way
  watchfire jobs list --state failed    what was given up
  watchfire jobs show 812               one job with its last error
  watchfire jobs replay 812             back to work, as new")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// States to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    Queued,
    Leased,
    Done,
    Failed,
}

impl From<State> for JobState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => JobState::Queued,
            State::Leased => JobState::Leased,
            State::Done => JobState::Done,
            State::Failed => JobState::Failed,
        }
    }
}

#[derive(Debug, Subcommand)]
enum What {
    /// List jobs, the newest first.
    List {
        /// Only those in this state; without it all that are not done.
        #[arg(long)]
        state: Option<State>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Show one job.
    Show {
        /// Its number.
        id: i64,
    },
    /// Put jobs that were given up back to work, as new.
    Replay {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::List { state, limit } => list(state, limit, session),
        What::Show { id } => show(id, session),
        What::Replay { ids } => {
            let workspace = session.open(Access::Write("jobs replay"))?;
            let mut out = Out::new();
            for id in ids {
                let job = workspace.block_on(workspace.ledger.replay_job(id, now().0))?;
                match session.json {
                    true => out.json(&job)?,
                    false => session.talk.say(format_args!("job {id} is due again")),
                }
            }
            out.end()
        }
    }
}

fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Leased => "leased",
        JobState::Done => "done",
        JobState::Failed => "failed",
    }
}

fn list(state: Option<State>, limit: u64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let page = Page { offset: 0, limit };
    let states = match state {
        Some(state) => vec![state.into()],
        None => vec![JobState::Leased, JobState::Queued, JobState::Failed],
    };
    let mut jobs: Vec<Job> = Vec::new();
    for state in states {
        jobs.extend(workspace.block_on(workspace.ledger.jobs(Some(state), page))?);
    }
    jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut out = Out::new();
    if session.json {
        out.json(&jobs)?;
        return out.end();
    }
    let mut table = Table::new([
        "job",
        "what",
        "on",
        "state",
        "due",
        "tries",
        "node",
        "last error",
    ]);
    for job in &jobs {
        let node = match job.state {
            JobState::Leased => job.leased_by.as_deref().unwrap_or(""),
            _ => "",
        };
        table.row([
            job.id.to_string(),
            job.kind.clone(),
            job.key.clone(),
            word(job.state).to_owned(),
            due(job),
            job.attempts.to_string(),
            node.to_owned(),
            clean(job.last_error.as_deref().unwrap_or("")).to_string(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no jobs"),
        false => table.print(&mut out)?,
    }
    out.end()
}

/// When a job is due. One that is asked for at once bears no instant.
fn due(job: &ledger::Job) -> String {
    match job.run_at {
        0 => "at once".to_owned(),
        at => Timestamp(at).to_string(),
    }
}

fn show(id: i64, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let job = workspace.block_on(workspace.ledger.job(id))?;
    let job = job.ok_or_else(|| {
        Failure::new(format_args!("job {id}"), "is not in the ledger")
            .remedy("watchfire jobs list; most of what was done is forgotten after a day")
    })?;
    let mut out = Out::new();
    if session.json {
        out.json(&job)?;
        return out.end();
    }
    let at = |micros: Option<i64>| micros.map_or("-".to_owned(), |at| Timestamp(at).to_string());
    let rows = [
        ("job", job.id.to_string()),
        ("what", job.kind.clone()),
        ("on", job.key.clone()),
        ("state", word(job.state).to_owned()),
        ("asked for", at(Some(job.created_at))),
        ("due", due(&job)),
        ("tries", job.attempts.to_string()),
        ("node", job.leased_by.clone().unwrap_or("-".to_owned())),
        ("lease until", at(job.lease_until)),
        ("ended", at(job.finished_at)),
        ("payload", clean(&job.payload).to_string()),
        (
            "last error",
            clean(job.last_error.as_deref().unwrap_or("-")).to_string(),
        ),
        (
            "outcome",
            clean(job.outcome.as_deref().unwrap_or("-")).to_string(),
        ),
    ];
    for (name, value) in rows {
        out.line(format_args!("{name:<12} {value}"))?;
    }
    out.end()
}
