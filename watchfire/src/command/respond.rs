//! `watchfire respond`: every step of response once, in order.

use crate::failure::Result;
use crate::responding::{Right, Round, round};
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
    let (environment, talk) = (&session.environment, &session.talk);
    let done = round(&workspace, environment, talk, &Right::Held, !args.no_verify)?;
    let Round {
        mail,
        receipts,
        reports,
        triage: triaged,
        route: routed,
        follow_up: followed,
        notices: written,
        reminders: reminded,
        verify: checked,
        outcomes,
        send: sent,
        fetch,
        clocks,
    } = &done;
    for one in clocks {
        session.talk.warn(format_args!(
            "clock {} {}/{} passed {} % of its time: `watchfire incidents clocks`",
            one.clock.id, one.clock.law, one.clock.duty, one.percent
        ));
    }
    if let Some(failure) = fetch.as_ref().and_then(|fetch| fetch.failure.as_ref()) {
        session.talk.warn(failure);
    }
    for problem in written.problems.iter().chain(&reminded.problems) {
        session.talk.warn(problem);
    }
    let mut out = Out::new();
    if session.json {
        out.json(&done)?;
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
    let kept = written.withheld.len() + reminded.withheld.len();
    if kept > 0 {
        out.line(format_args!(
            "marking     {kept} directives wait: their incident may not leave to their party now"
        ))?;
    }
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
    if let Some(why) = &sent.stopped {
        session.talk.warn(why);
    }
    out.end()
}
