//! `watchfire exercise`: a workspace in which scenarios are played, and nothing of which leaves.

use std::path::PathBuf;
use std::time::Instant;

use intake::collect::{self, Wanted};
use jiff::ToSpan;
use jiff::civil::Time;
use ledger::NewShift;
use model::duty::DutyRole;
use model::newsroom::Right;
use model::time::{Day, ReportingWeek, Timestamp};
use response::party;
use watchfire::demo::{self, country::Country};

use super::demo::{newsroom, people};
use super::ingest;
use crate::config;
use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::responding;
use crate::talk::human_time;
use crate::workspace::{Access, Session, Workspace, now};

/// Who sets an exercise up.
const ACTOR: &str = "exercise";
/// Days that the roster is filled for.
const DAYS: i64 = 14;

/// Make a workspace for exercises: a made-up country, its parties, people, and scenarios to be played.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Its pages say that it is an exercise; its mail goes to a server of this very process, which plays the
parties. Every name and address in it is reserved for examples.

Examples:
  watchfire exercise new /srv/watchfire-exercise
  watchfire --workspace /srv/watchfire-exercise serve --listen 127.0.0.1:8090")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make the workspace.
    #[command(after_help = "Examples:\n  watchfire exercise new /srv/watchfire-exercise")]
    New {
        /// Its folder; there must be nothing in it.
        dir: PathBuf,
        /// What the country follows from.
        #[arg(long, default_value_t = demo::DEFAULT_SEED)]
        seed: u64,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::New { dir, seed } => new(dir, seed, session),
    }
}

fn new(dir: PathBuf, seed: u64, session: &Session) -> Result {
    let started = Instant::now();
    let failed = |error: std::io::Error| Failure::new(dir.display(), error);
    let taken = std::fs::read_dir(&dir).is_ok_and(|mut all| all.next().is_some());
    if taken {
        return Err(Failure::new(dir.display(), "is not empty")
            .remedy("choose another folder, or remove this one"));
    }
    std::fs::create_dir_all(&dir).map_err(failed)?;
    demo::write_tables(&dir)?;
    let text = demo::config::exercise(seed);
    std::fs::write(dir.join(config::FILE), text).map_err(failed)?;
    let root = dir.canonicalize().map_err(failed)?;
    let settings = config::load(&root, &session.environment).map_err(Failure::configuration)?;
    let workspace = Workspace::open(root, settings, Access::Write("exercise"))?;
    let at = now();
    let desk = responding::desk(&workspace);
    let (parties, bad) = party::read(demo::response::parties(&Country::new()).as_bytes());
    debug_assert!(bad.is_empty());
    let register = workspace.block_on(desk.ledger.register())?;
    let change = party::difference(parties, &register, "exercise", at, &*desk.random);
    let why = Some("the exercise makes its register");
    workspace.block_on(desk.apply_parties(change, "exercise", why, ACTOR))?;
    // Mail goes to the serving process itself: it may leave from the beginning.
    let identity = responding::identity(&workspace)?;
    workspace.block_on(desk.arm(&identity, "an exercise: nothing leaves the machine", ACTOR))?;
    // Imported now: the first mail shall not wait for it.
    reference_files::tables(&workspace, &session.talk)?;
    let told = people::people(&workspace, at)?;
    roster(&workspace)?;
    issue(&workspace, session)?;
    if let Some(told) = told {
        session.talk.say(format_args!(
            "accounts of the console (also in {}):\n{told}",
            people::FILE
        ));
    }
    session.talk.say(format_args!(
        "done in {}; next: watchfire --workspace {dir} serve, and sign in at http://{}/console",
        human_time(started.elapsed()),
        workspace.settings.listen,
        dir = dir.display()
    ));
    Ok(())
}

/// Publishes an issue about a week that is over and may be frozen, from a short list of pages: what comes late is
/// corrected in an exercise.
fn issue(workspace: &Workspace, session: &Session) -> Result {
    const FEED: &str = "phishing-list";
    let at = now();
    let zone = &workspace.settings.zone;
    // Figures are frozen on Monday morning: before that the week before is the newest that can be published.
    let settled = Timestamp(at.0 - 32 * 3_600_000_000);
    let week = settled.date_in(zone).map(ReportingWeek::containing);
    let week = week.unwrap_or_else(demo::default_end).plus(-1);
    let folder = workspace.root.join("feeds").join(FEED);
    let file = folder.join("first.csv");
    let failed = |error: std::io::Error| Failure::new(file.display(), error);
    let mut text = "date,URL,description\n".to_owned();
    for (back, rows) in [(-1, 31_u8), (0, 40)] {
        let monday = week.plus(back).monday();
        for nth in 0..rows {
            let day = monday.saturating_add(i64::from(nth % 7).days());
            let day = day.to_string().replace('-', "/");
            text.push_str(&format!(
                "{day} 10:{nth:02}:00,http://claim-{nth}.site{}.example/pay,沧澜银行\n",
                -back
            ));
        }
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(&file, text).map_err(failed)?;
    let wanted = [Wanted::All];
    let deliveries = collect::files(&workspace.settings.catalogue, &workspace.root, &wanted)?;
    ingest::ingest(workspace, &deliveries, false, &now, &session.talk)?;
    newsroom::publish_plain(&[week.plus(-1), week], at, workspace, session)
}

/// Fills the roster from today on: a lead and an officer by day.
fn roster(workspace: &Workspace) -> Result {
    let ledger = &workspace.ledger;
    let zone = &workspace.settings.zone;
    let today = now().date_in(zone).unwrap_or_default();
    let accounts = workspace.block_on(ledger.accounts())?;
    let whoever = |right: Right, not: &str| {
        let found = accounts
            .iter()
            .find(|one| one.organization.is_none() && one.may(right) && one.login != not);
        found.map(|one| one.login.clone())
    };
    let Some(lead) = whoever(Right::Lead, "") else {
        return Ok(());
    };
    let officer = whoever(Right::Work, &lead).unwrap_or_default();
    let by = workspace.block_on(ledger.actor(&lead, Right::Lead, Day::of(today).0))?;
    let mut all = Vec::new();
    for nth in 0..DAYS {
        let day = today.checked_add(nth.days()).unwrap_or(today);
        let at = |hour: i8| {
            let local = day.to_datetime(Time::constant(hour, 0, 0, 0));
            local
                .to_zoned_datetime(zone.clone())
                .map_or(0, |at| at.timestamp().as_microsecond())
        };
        for (login, role, span) in [
            (&lead, DutyRole::Lead, (at(8), at(20))),
            (&officer, DutyRole::Officer, (at(8), at(20))),
        ] {
            if !login.is_empty() {
                all.push(NewShift {
                    login: login.clone(),
                    role,
                    span,
                });
            }
        }
    }
    workspace.block_on(ledger.add_shifts(&by, &all, now().0))?;
    Ok(())
}
