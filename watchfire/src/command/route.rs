//! `watchfire route`: whom to ask about what.

use ledger::{IncidentFilter, IncidentSort, Page, Reach};
use model::incident::IncidentState;
use model::marking::To;
use response::rdap::{Additions, Findings};
use response::route::decide;
use serde_json::json;

use crate::failure::Result;
use crate::registering::{self, known};
use crate::responding::{desk, incident, parties, table};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// Decide whom to ask about validated incidents.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire route --dry-run            whom and why, for all that wait; nothing is stored. What the marking
                                       keeps from a party is told as held
  watchfire route --dry-run 704        for one, whatever its state
  watchfire route                      store the decisions; sending is another step")]
pub struct Args {
    /// Show only, store nothing.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: these incidents, by number or id.
    #[arg(requires = "dry_run")]
    incidents: Vec<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    if args.dry_run {
        return dry_run(&args.incidents, session);
    }
    let workspace = session.open(Access::Write("route"))?;
    let desk = desk(&workspace);
    let (findings, added) = registering::look_up(&workspace, &desk)?;
    let (table, parties) = (table(&workspace)?, parties(&workspace)?);
    let known = |incident: &ledger::Incident| known(&findings, incident);
    let routed = workspace.block_on(desk.route(&table, &parties, known))?;
    tell(&findings, &added, session);
    let mut out = Out::new();
    match session.json {
        true => out.json(&routed)?,
        false => out.line(format_args!(
            "{} incidents decided: {} directives, {} for which nobody is known",
            routed.incidents, routed.directives, routed.nobody
        ))?,
    }
    out.end()
}

/// Says what registration data added and what could not be looked up.
fn tell(findings: &Findings, added: &Additions, session: &Session) {
    for line in &added.lines {
        session.talk.say(crate::table::clean(line));
    }
    for line in &added.proposed {
        let line = crate::table::clean(line);
        session
            .talk
            .warn(format_args!("not done, a person made the entry: {line}"));
    }
    for problem in &findings.problems {
        session.talk.warn(crate::table::clean(problem));
    }
}

fn dry_run(which: &[String], session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let (rows, parties) = (table(&workspace)?, parties(&workspace)?);
    let incidents = match which {
        [] => {
            let filter = IncidentFilter {
                states: vec![IncidentState::Open, IncidentState::Validated],
                ..IncidentFilter::default()
            };
            let page = Page {
                offset: 0,
                limit: 200,
            };
            let sort = IncidentSort::Oldest;
            workspace.block_on(workspace.ledger.incidents(&filter, &Reach::All, sort, page))?
        }
        named => {
            let found = named.iter().map(|one| incident(&workspace, one));
            found.collect::<Result<_>>()?
        }
    };
    let (findings, added) = registering::kept(&workspace, &desk(&workspace), &incidents)?;
    tell(&findings, &added, session);
    let mut out = Out::new();
    let mut table = Table::new([
        "#", "kind", "order", "party", "role", "request", "hours", "why", "held",
    ]);
    let mut all = Vec::new();
    let at = now();
    for one in &incidents {
        let marking = workspace.block_on(workspace.ledger.marking(one))?;
        for decided in decide(one, &known(&findings, one), &rows, &parties) {
            let party = decided.organization.and_then(|id| parties.get(id));
            let party = party.map_or("nobody".to_owned(), |org| org.name_en.clone());
            let to = decided.organization.map(To::Party);
            let held = to.and_then(|to| marking.may_leave(to, at).err());
            let held = held.map(|why| why.to_string());
            all.push(json!({ "incident": one.number, "place": decided.asked.place, "party": party,
                "role": decided.role, "ask": decided.asked.want.to_string(), "hours": decided.asked.hours, "working_days": decided.asked.days, "why": decided.reason, "held": held }));
            table.row([
                one.number.to_string(),
                one.kind.to_string(),
                decided.asked.place.to_string(),
                party,
                decided.role.to_string(),
                decided.asked.want.to_string(),
                decided.asked.time(),
                decided.reason,
                held.unwrap_or_default(),
            ]);
        }
    }
    match (session.json, table.is_empty()) {
        (true, _) => out.json(&all)?,
        (false, true) => session.talk.say("no incidents wait"),
        (false, false) => table.print(&mut out)?,
    }
    out.end()
}
