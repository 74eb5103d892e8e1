//! `watchfire respond`: every step of response once, in order.

use model::time::Timestamp;
use serde_json::json;

use crate::failure::Result;
use crate::registering;
use crate::responding::{
    checker, desk, house, identity, own, parties, read_mail, table, triage_all,
};
use crate::table::Out;
use crate::workspace::{Access, Session};

/// Do one round of response: read mail, triage, route, write, send, verify, follow up.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each step does what is due and leaves the rest: a round that was killed is gone on with by the next.
Nothing is sent unless the instance is armed; what must wait for a person waits.

Examples:
  watchfire respond                 by hand, or every few minutes
  watchfire respond --no-verify     without touching anybody's site")]
pub struct Args {
    /// Look at nothing.
    #[arg(long)]
    no_verify: bool,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Write("respond"))?;
    let desk = desk(&workspace);
    let house = house(&workspace, &session.environment, false)?;
    let own = own(&workspace);
    let (mail, receipts) = read_mail(&workspace, &session.talk, &desk, &own, &house)?;
    let (reports, triaged) = triage_all(&workspace, &desk)?;
    let (findings, _) = registering::look_up(&workspace, &desk)?;
    let parties = parties(&workspace)?;
    let known = |incident: &ledger::Incident| registering::known(&findings, incident);
    let routed = workspace.block_on(desk.route(&table(&workspace)?, &parties, known))?;
    let escalated = workspace.block_on(desk.escalate_clocks())?;
    let (followed, reminders) = workspace.block_on(desk.follow_up(&parties))?;
    let written = workspace.block_on(desk.write_notices(&house, &parties))?;
    let reminded = workspace.block_on(desk.write_reminders(&house, &parties, reminders))?;
    let checked = match args.no_verify {
        true => None,
        false => {
            let checker = checker(&workspace)?;
            Some(workspace.block_on(desk.check(&checker, &parties, &[], Timestamp(i64::MAX)))?)
        }
    };
    let outcomes = workspace.block_on(desk.write_outcomes(&house))?;
    let identity = identity(&workspace)?;
    let sent = workspace.block_on(desk.send_notices(&house, &identity, Timestamp(i64::MAX)))?;
    for problem in written.problems.iter().chain(&reminded.problems) {
        session.talk.warn(problem);
    }
    for one in &escalated {
        session.talk.warn(format_args!(
            "clock {} {}/{} passed {} % of its time: `watchfire incidents clocks`",
            one.clock.id, one.clock.law, one.clock.duty, one.percent
        ));
    }
    let mut out = Out::new();
    if session.json {
        out.json(
            &json!({ "escalated": escalated, "mail": mail, "receipts": receipts, "reports": reports, "triage": triaged,
            "route": routed, "follow_up": followed, "notices": written, "reminders": reminded,
            "verify": checked, "outcomes": outcomes, "send": sent }),
        )?;
        return out.end();
    }
    out.line(format_args!(
        "mail        {} read, {} complaints, {} answers, {} bounces, {} wait",
        mail.messages, mail.complaints, mail.answers, mail.bounces, mail.waiting
    ))?;
    out.line(format_args!(
        "triage      {reports} reports, {} incidents opened, {} events joined",
        triaged.opened, triaged.joined
    ))?;
    out.line(format_args!(
        "routing     {} incidents, {} directives, {} for which nobody is known",
        routed.incidents, routed.directives, routed.nobody
    ))?;
    out.line(format_args!(
        "follow-up   {} reminders, {} to the next party, {} over",
        followed.reminded, followed.escalated, followed.over
    ))?;
    out.line(format_args!(
        "notices     {} written, {} held, {} reminders, {} to reporters",
        written.notices,
        written.held,
        reminded.notices,
        receipts + outcomes
    ))?;
    if let Some(checked) = checked {
        out.line(format_args!(
            "verify      {} looked at, {} gone, {} closed, {} back",
            checked.incidents, checked.gone, checked.closed, checked.back
        ))?;
    }
    out.line(format_args!(
        "sending     {} sent, {} later, {} refused",
        sent.sent, sent.later, sent.refused
    ))?;
    if let Some(why) = sent.stopped {
        session.talk.warn(why);
    }
    out.end()
}
