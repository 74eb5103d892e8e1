//! One round of response: every step once, in order. A command does it with the right to change the
//! workspace in hand; the serving process takes that right by turns, as its ingestion does, so that
//! commands get theirs in between. There triage, deciding, sending and looking at sites are jobs of
//! their own, which any node may have.

use std::time::{Duration, Instant};

use ledger::NewIncident;
use ledger::clock::Escalation;
use ledger::complaint::{READ_COMPLAINT, TELL_REPORTER};
use ledger::incident::Triaged;
use ledger::message::READ_MESSAGE;
use model::time::Timestamp;
use response::Desk;
use response::checking::Checked;
use response::followup::FollowedUp;
use response::inbox::reading::ReadMail;
use response::notify::sending::SentNotices;
use response::notify::{House, WrittenNotices};
use response::route::Routed;
use serde::Serialize;
use watchfire::demo::DEFAULT_SEED;
use watchfire::demo::country::Country;
use watchfire::demo::response::address_of;

use super::{
    Fetched, checker, desk, enrich, fetch, house, identity, own, parties, table, triage_some,
};
use crate::config::Environment;
use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::registering;
use crate::talk::Talk;
use crate::workspace::{Lock, Workspace, now};

/// How long the workspace is kept from commands at a stretch, in microseconds, and then left to them;
/// they look every few milliseconds.
const TURN: i64 = 2_000_000;
const PAUSE: Duration = Duration::from_millis(50);
/// How long one round of the serving process looks at sites; the next goes on with those that are due.
const LOOKING: Duration = Duration::from_secs(60);

/// How the right to change the workspace is had.
pub enum Right<'a> {
    /// A command has it from start to end.
    Held,
    /// The serving process takes it by turns, until this says that it ends.
    ByTurns(&'a (dyn Fn() -> bool + Sync)),
}

impl Right<'_> {
    /// Takes the right for a turn; what is returned gives it back.
    ///
    /// # Errors
    /// The lock file cannot be used; the process is to end.
    pub async fn take(&self, workspace: &Workspace) -> Result<Option<Lock>> {
        let Right::ByTurns(ends) = self else {
            return Ok(None);
        };
        loop {
            if ends() {
                return Err(Failure::new("response", "the process is stopping"));
            }
            if let Some(turn) = workspace.turn()? {
                return Ok(Some(turn));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether the process is to end.
    fn ends(&self) -> bool {
        matches!(self, Right::ByTurns(ends) if ends())
    }

    /// Waits until the process is to end; for ever where a command has the right.
    async fn ended(&self) {
        while !self.ends() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// When the turn that begins now is over.
    fn until(&self) -> Timestamp {
        match self {
            Right::Held => Timestamp(i64::MAX),
            Right::ByTurns(_) => Timestamp(now().0.saturating_add(TURN)),
        }
    }

    /// Does one turn's work.
    fn turn<T>(
        &self,
        workspace: &Workspace,
        work: impl FnOnce(Timestamp) -> Result<T>,
    ) -> Result<T> {
        let turn = workspace.block_on(self.take(workspace))?;
        let done = work(self.until());
        drop(turn);
        if matches!(self, Right::ByTurns(_)) {
            std::thread::sleep(PAUSE);
        }
        done
    }
}

/// What a round did.
#[derive(Debug, Default, Serialize)]
pub struct Round {
    /// Mail fetched; `None`: no mailbox is configured.
    pub fetch: Option<Fetched>,
    /// Mail read.
    pub mail: ReadMail,
    /// Receipts written.
    pub receipts: u64,
    /// Reports looked at.
    pub reports: usize,
    /// Incidents opened and joined.
    pub triage: Triaged,
    /// Decisions.
    pub route: Routed,
    /// Clocks of the law that passed a share of their time.
    pub clocks: Vec<Escalation>,
    /// Who is to be reminded, or was passed over.
    pub follow_up: FollowedUp,
    /// Notices written.
    pub notices: WrittenNotices,
    /// Reminders written.
    pub reminders: WrittenNotices,
    /// Looks; `None`: it was told not to look.
    pub verify: Option<Checked>,
    /// Reporters told how it ended.
    pub outcomes: u64,
    /// What left.
    pub send: SentNotices,
}

/// Opens incidents from the events of new reports, and joins them to those that are open: how many reports were
/// looked at, and what became of their events.
///
/// # Errors
/// The rules, the lake or the ledger. What was done by then stays, and the next round goes on.
pub fn triage(workspace: &Workspace, right: &Right<'_>) -> Result<(usize, Triaged)> {
    let desk = desk(workspace);
    let (mut reports, mut all) = (0, Triaged::default());
    loop {
        let (some, triaged, more) =
            right.turn(workspace, |until| triage_some(workspace, &desk, until))?;
        reports += some;
        all.opened += triaged.opened;
        all.joined += triaged.joined;
        all.known += triaged.known;
        all.old += triaged.old;
        if !more {
            return Ok((reports, all));
        }
    }
}

/// Reads what came in, decides whom to ask, and writes what is to be sent: to parties, and to reporters.
///
/// # Errors
/// The configuration, the lake or the ledger. What was done by then stays, and the next round goes on.
pub fn respond(
    workspace: &Workspace,
    environment: &Environment,
    talk: &Talk,
    right: &Right<'_>,
) -> Result<Round> {
    let mut done = Round::default();
    let house = receive(workspace, environment, talk, right, &mut done)?;
    decide(workspace, &house, right, &mut done)?;
    tell(workspace, &house, right, &mut done)?;
    Ok(done)
}

/// Sends what is ready.
///
/// # Errors
/// The configuration or the ledger; a party's server that does not take a notice is none.
pub fn notify(
    workspace: &Workspace,
    environment: &Environment,
    right: &Right<'_>,
) -> Result<SentNotices> {
    let house = right.turn(workspace, |_| house(workspace, environment, false))?;
    let mut sent = SentNotices::default();
    send(workspace, &desk(workspace), &house, right, &mut sent)?;
    Ok(sent)
}

/// Does a whole round, step after step, with looks in it if it is told so.
///
/// # Errors
/// As [`respond`].
pub fn round(
    workspace: &Workspace,
    environment: &Environment,
    talk: &Talk,
    right: &Right<'_>,
    verify: bool,
) -> Result<Round> {
    let mut done = Round::default();
    let house = receive(workspace, environment, talk, right, &mut done)?;
    (done.reports, done.triage) = triage(workspace, right)?;
    decide(workspace, &house, right, &mut done)?;
    let desk = desk(workspace);
    send(workspace, &desk, &house, right, &mut done.send)?;
    // After what was to be sent: a notice waits for nobody's web server.
    if verify {
        done.verify = look(workspace, right)?;
    }
    tell(workspace, &house, right, &mut done)?;
    if done.outcomes > 0 {
        send(workspace, &desk, &house, right, &mut done.send)?;
    }
    Ok(done)
}

/// Fetches mail and reads it.
fn receive(
    workspace: &Workspace,
    environment: &Environment,
    talk: &Talk,
    right: &Right<'_>,
    done: &mut Round,
) -> Result<House> {
    let desk = desk(workspace);
    let house = right.turn(workspace, |_| house(workspace, environment, false))?;
    if !workspace.settings.exercise {
        done.fetch = fetch(workspace, environment, &desk, right)?;
    }
    (done.mail, done.receipts) = read_mail(workspace, talk, &desk, &house, right)?;
    Ok(house)
}

/// Decides whom to ask and to remind, and writes to them.
fn decide(workspace: &Workspace, house: &House, right: &Right<'_>, done: &mut Round) -> Result {
    let desk = desk(workspace);
    let table = table(workspace)?;
    // Asked before the parties are read: what registration data tell may add to them.
    let (findings, _) = right.turn(workspace, |_| match workspace.settings.exercise {
        true => Ok(Default::default()),
        false => registering::look_up(workspace, &desk),
    })?;
    let known = |incident: &ledger::Incident| registering::known(&findings, incident);
    right.turn(workspace, |_| {
        let parties = parties(workspace)?;
        done.route = workspace.block_on(desk.route(&table, &parties, known))?;
        done.clocks = workspace.block_on(desk.escalate_clocks())?;
        let (followed, reminders) = workspace.block_on(desk.follow_up(&parties))?;
        done.follow_up = followed;
        done.notices = workspace.block_on(desk.write_notices(house, &parties))?;
        done.reminders = workspace.block_on(desk.write_reminders(house, &parties, reminders))?;
        Ok(())
    })
}

/// Writes to reporters how it ended.
fn tell(workspace: &Workspace, house: &House, right: &Right<'_>, done: &mut Round) -> Result {
    let desk = desk(workspace);
    done.outcomes = right.turn(workspace, |_| {
        Ok(workspace.block_on(desk.write_outcomes(house))?)
    })?;
    Ok(())
}

/// Looks whether what was reported is gone, at what is due; `None` in an exercise, whose world tells of its pages.
///
/// # Errors
/// As [`respond`].
pub fn look(workspace: &Workspace, right: &Right<'_>) -> Result<Option<Checked>> {
    if workspace.settings.exercise {
        return Ok(None);
    }
    let desk = desk(workspace);
    let begun = Instant::now();
    let checker = checker(workspace)?;
    let due = right.turn(workspace, |_| {
        let parties = parties(workspace)?;
        Ok(workspace.block_on(desk.due_looks(&checker, &parties, &[]))?)
    })?;
    let mut all = Checked {
        withheld: due.withheld,
        ..Checked::default()
    };
    for one in due.due {
        let long = matches!(right, Right::ByTurns(_)) && begun.elapsed() > LOOKING;
        if long || right.ends() {
            all.more = true;
            break;
        }
        // In nobody's turn: a site may take minutes to answer.
        let looked = workspace.block_on(async {
            tokio::select! {
                looked = desk.look(&checker, &one) => Some(looked),
                () = right.ended() => None,
            }
        });
        let Some(looked) = looked else {
            all.more = true;
            break;
        };
        right.turn(workspace, |_| {
            Ok(workspace.block_on(desk.keep_looks(&checker, one, looked, &mut all))?)
        })?;
    }
    Ok(Some(all))
}

/// Sends what is ready.
fn send(
    workspace: &Workspace,
    desk: &Desk,
    house: &House,
    right: &Right<'_>,
    all: &mut SentNotices,
) -> Result {
    let identity = identity(workspace)?;
    loop {
        let some = right.turn(workspace, |until| {
            Ok(workspace.block_on(desk.send_notices(house, &identity, until))?)
        })?;
        all.sent += some.sent;
        all.later += some.later;
        all.refused += some.refused;
        all.sunk += some.sunk;
        all.capped += some.capped;
        all.cancelled += some.cancelled;
        all.withheld += some.withheld;
        all.recovered += some.recovered;
        all.stopped = some.stopped;
        if !some.more {
            return Ok(());
        }
    }
}

/// Reads all mail that waits, and writes receipts to those who may be told.
///
/// # Errors
/// The rules, the reference tables, the ledger or the blob store.
pub fn read_mail(
    workspace: &Workspace,
    talk: &Talk,
    desk: &Desk,
    house: &House,
    right: &Right<'_>,
) -> Result<(ReadMail, u64)> {
    let rules = super::rules(workspace)?;
    let own = own(workspace);
    let ledger = &workspace.ledger;
    right.turn(workspace, |_| {
        // Whoever had these leases is dead: the right to change the workspace is ours.
        let kinds = [READ_MESSAGE, READ_COMPLAINT, TELL_REPORTER];
        Ok(workspace.block_on(ledger.release_leases(&kinds, now().0))?)
    })?;
    let mut all = ReadMail::default();
    // The tables take a while to compile: not for an empty mailbox, and in nobody's turn.
    let reads = [READ_MESSAGE, READ_COMPLAINT];
    if workspace.block_on(ledger.has_due_job(&reads, now().0))? {
        let tables = reference_files::tables(workspace, talk)?;
        let country = workspace.settings.exercise.then(Country::new);
        let enrich = |incident: &mut NewIncident| {
            // What the name servers of the exercise's country answer.
            if let Some((country, host)) = country.as_ref().zip(incident.host.as_deref())
                && incident.ip.is_none()
            {
                incident.ip = Some(address_of(DEFAULT_SEED, host, country).to_string());
            }
            enrich(&tables, incident);
        };
        loop {
            let some = right.turn(workspace, |until| {
                Ok(workspace.block_on(desk.read_messages(&own, &rules, &enrich, until))?)
            })?;
            all.messages += some.messages;
            all.complaints += some.complaints;
            all.opened += some.opened;
            all.answers += some.answers;
            all.bounces += some.bounces;
            all.waiting += some.waiting;
            all.quarantined += some.quarantined;
            all.failed += some.failed;
            if !some.more {
                break;
            }
        }
        // Complaints of the public form go the same way.
        loop {
            let some = right.turn(workspace, |until| {
                Ok(workspace.block_on(desk.read_complaints(&rules, &enrich, until))?)
            })?;
            all.complaints += some.complaints;
            all.opened += some.opened;
            all.waiting += some.waiting;
            all.failed += some.failed;
            if !some.more {
                break;
            }
        }
    }
    let receipts = right.turn(workspace, |_| {
        Ok(workspace.block_on(desk.write_receipts(house))?)
    })?;
    Ok((all, receipts))
}
