//! `watchfire incidents mark|preview`: who may know of an incident and from when, and what would leave to whom.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use ledger::{Directive, DirectiveState, Incident, NewMarking, Reach};
use model::ids::OrganizationId;
use model::incident::IncidentState;
use model::marking::Marking;
use model::tlp::Tlp;
use response::casework::Plan;
use response::notify::Preview;
use serde_json::{Value, json};

use super::grading::left;
use super::minute;
use crate::command::bulletin::drafting::actor;
use crate::command::orgs;
use crate::failure::{Failure, Result};
use crate::registering;
use crate::responding::{desk, house_as_kept, incident, parties, table};
use crate::table::{Out, Table, clean};
use crate::workspace::{Access, Session, Workspace, now};

/// `incidents mark`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Whoever works on an incident raises its marking. Lowering it (a lower TLP, an earlier end of the embargo,
more recipients) takes the originator's consent where the information is another's. Who the originator is,
is said once; a lead changes it. What was written and has not left is taken back and written anew.
WATCHFIRE_AS says who acts.

Examples:
  watchfire incidents mark 704 --embargo 2026-12-01 --reason \"coordinated disclosure\"
  watchfire incidents mark 704 --originator \"CERT Beta\" --recipients \"CERT Beta,Registrar R\" --reason \"their mail\"
  watchfire incidents mark 704 --tlp green --consent \"Li of CERT Beta, mail of 3 December\" --reason \"they published\"
  watchfire incidents mark 704 --embargo none --recipients anyone --reason \"public since noon\"")]
pub struct Mark {
    /// Its number or id.
    incident: String,
    /// How far it may be passed on: clear, green, amber, amber+strict, red.
    #[arg(long)]
    tlp: Option<String>,
    /// Until when only named recipients get it: a day (until it begins), a moment of the workspace's zone as
    /// "2026-12-01 09:00", RFC 3339, or none.
    #[arg(long, value_name = "DATE|none")]
    embargo: Option<String>,
    /// Whose information it is, an organization by name or id; none: this house's.
    #[arg(long, value_name = "ORG|none")]
    originator: Option<String>,
    /// Who may get it, organizations by name or id; anyone: whoever its TLP lets.
    #[arg(long, value_name = "ORG,ORG|anyone", value_delimiter = ',')]
    recipients: Vec<String>,
    /// Who of the originator agreed to a lower marking, and where that is written.
    #[arg(long, value_name = "TEXT")]
    consent: Option<String>,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// When an embargo ends, microseconds UTC; `None`: there is none.
fn until(text: &str, workspace: &Workspace) -> Result<Option<i64>> {
    let text = text.trim();
    if text == "none" {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Some(at.as_microsecond()));
    }
    let local = match text.parse::<Date>() {
        Ok(day) if text.len() <= 10 => Ok(day.at(0, 0, 0, 0)),
        _ => text.replace(' ', "T").parse::<DateTime>(),
    };
    let wrong = |error: jiff::Error| {
        Failure::usage(format_args!("--embargo {text}"), error)
            .remedy("write a day as 2026-12-01, a moment as \"2026-12-01 09:00\", or none")
    };
    let zone = &workspace.settings.zone;
    let at = zone.to_ambiguous_timestamp(local.map_err(wrong)?);
    Ok(Some(at.compatible().map_err(wrong)?.as_microsecond()))
}

fn new(args: &Mark, workspace: &Workspace) -> Result<NewMarking> {
    let named = |text: &String| -> Result<OrganizationId> {
        Ok(orgs::find(text.trim(), workspace)?.organization_id())
    };
    let recipients = match args.recipients.as_slice() {
        [] => None,
        [anyone] if anyone == "anyone" => Some(BTreeSet::new()),
        some => Some(some.iter().map(named).collect::<Result<BTreeSet<_>>>()?),
    };
    Ok(NewMarking {
        tlp: match &args.tlp {
            None => None,
            Some(text) => Some(Tlp::read(text).map_or_else(|| super::word(text), Ok)?),
        },
        embargo_until: match &args.embargo {
            None => None,
            Some(text) => Some(until(text, workspace)?),
        },
        originator: match &args.originator {
            None => None,
            Some(text) if text == "none" => Some(None),
            Some(text) => Some(Some(named(text)?)),
        },
        recipients,
        consent: args.consent.clone().unwrap_or_default(),
        reason: args.reason.clone(),
        version: None,
    })
}

/// Changes the marking of an incident.
pub fn mark(args: &Mark, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents mark"))?;
    let one = incident(&workspace, &args.incident)?;
    let new = new(args, &workspace)?;
    let by = actor(&workspace, &session.actor(), new.right(&one), now())?;
    let ledger = &workspace.ledger;
    let marked = ledger.mark_incident(&by, (one.number, &Reach::All), &new, now().0);
    let marked = workspace.block_on(marked)?;
    let facts = facts(&marked.marking, &workspace)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(
            &json!({ "incident": one.number, "marking": value(&marked.marking),
            "taken_back": marked.taken_back }),
        )?,
        false => {
            for (name, text) in &facts {
                out.line(format_args!("{name}: {}", clean(text)))?;
            }
        }
    }
    out.end()?;
    if !marked.taken_back.is_empty() {
        let numbers = marked.taken_back.iter().map(|number| format!("#{number}"));
        session.talk.say(format_args!(
            "taken back: notices {}; what they asked for is due again",
            numbers.collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(())
}

/// A marking for a program.
pub fn value(marking: &Marking) -> Value {
    json!({ "tlp": marking.tlp, "originator": marking.originator,
        "embargo_until": marking.embargo_until.map(|at| at.to_string()), "recipients": marking.recipients })
}

/// A marking in words, for people.
pub fn facts(marking: &Marking, workspace: &Workspace) -> Result<Vec<(&'static str, String)>> {
    let ids: Vec<OrganizationId> = marking
        .recipients
        .iter()
        .chain(&marking.originator)
        .copied()
        .collect();
    let known = workspace.block_on(workspace.ledger.organizations_of(&ids))?;
    let name = |id: &OrganizationId| {
        known
            .get(id)
            .map_or_else(|| id.to_string(), |org| org.name_en.clone())
    };
    let mut facts = vec![("marking", format!("TLP:{}", marking.tlp).to_uppercase())];
    if let Some(until) = marking.embargo_until {
        let end = minute(until.0, workspace);
        facts.push((
            "embargo",
            match marking.embargo(now()) {
                Some(_) => format!("until {end}, {}", left(until.0, now().0)),
                None => format!("was over {end}"),
            },
        ));
    }
    if let Some(id) = &marking.originator {
        facts.push(("originator", name(id)));
    }
    if !marking.recipients.is_empty() {
        let names: Vec<String> = marking.recipients.iter().map(name).collect();
        facts.push(("recipients", names.join(", ")));
    }
    Ok(facts)
}

/// Why nobody at all is written to now.
fn nobody(one: &Incident) -> Option<&'static str> {
    match one.state.0 {
        IncidentState::Open => Some("nothing leaves before it is validated"),
        IncidentState::Closed | IncidentState::Merged => Some("it is over: nobody is asked"),
        _ if one.gone_at.is_some() => Some("it is gone: nobody is asked"),
        _ => None,
    }
}

/// What there is to say of a directive of which nothing is written now.
fn stands(directive: &Directive) -> &'static str {
    match directive.state {
        DirectiveState::Planned => "its turn has not come",
        DirectiveState::Due => "no letter can be written",
        DirectiveState::Noticed => "its letter is in the outbox",
        DirectiveState::Asked => "was asked",
        DirectiveState::Answered => "was asked and answered",
        DirectiveState::Acted => "says that it acted",
        DirectiveState::Refused => "does not act",
        DirectiveState::NoContact => "nobody is known who could be asked",
        DirectiveState::Over => "is over",
    }
}

/// What is written to a party now, or why nothing is.
fn foretold<'a>(plan: &'a Plan, directive: &Directive) -> (Option<&'a Preview>, Option<String>) {
    let party = directive.organization_id.map(|id| id.0);
    if directive.state == DirectiveState::Due {
        let mut kept = plan.withheld.iter();
        if let Some(kept) = kept.find(|one| Some(one.organization) == party) {
            return (None, Some(kept.reason.clone()));
        }
        let mut letters = plan.letters.iter();
        if let Some(letter) = letters.find(|one| Some(one.organization) == party) {
            return (Some(letter), None);
        }
    }
    (None, Some(stands(directive).to_owned()))
}

fn parts(letter: &Preview) -> Value {
    json!({ "channel": letter.channel, "address": letter.address, "language": letter.language,
        "tlp": letter.tlp, "subject": letter.subject, "letter": letter.text, "rows": letter.rows,
        "attachments": letter.attachments, "evidence": letter.evidence, "waits_for": letter.held })
}

/// Tells what would leave to whom; nothing is stored, nothing leaves.
pub fn preview(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = incident(&workspace, which)?;
    let desk = desk(&workspace);
    let (findings, _) = registering::kept(&workspace, &desk, std::slice::from_ref(&one))?;
    let known = registering::known(&findings, &one);
    let (rows, parties) = (table(&workspace)?, parties(&workspace)?);
    // Without an address of ours whom to ask is told all the same.
    let house = house_as_kept(&workspace, &session.environment);
    let plan = desk.plan(&one, &known, &rows, &parties, house.as_ref().ok());
    let mut plan = workspace.block_on(plan)?;
    plan.problems
        .extend(house.err().map(|failure| failure.message().to_owned()));
    let marking = workspace.block_on(workspace.ledger.marking(&one))?;
    let nobody = nobody(&one);
    let names: BTreeMap<OrganizationId, String> = plan
        .directives
        .iter()
        .filter_map(|one| {
            let id = one.organization_id?.0;
            Some((id, parties.get(id)?.name_en.clone()))
        })
        .collect();
    let mut out = Out::new();
    if session.json {
        let all = plan.directives.iter().map(|directive| {
            let (letter, held) = foretold(&plan, directive);
            let id = directive.organization_id.map(|id| id.0);
            json!({ "place": directive.place, "role": directive.role, "organization": id,
                "name": id.and_then(|id| names.get(&id)), "ask": directive.ask,
                "leaves": letter.filter(|_| nobody.is_none()).map(parts),
                "held": held.or_else(|| nobody.map(str::to_owned)) })
        });
        out.json(
            &json!({ "incident": one.number, "marking": value(&marking), "decided": plan.stored,
            "parties": all.collect::<Vec<_>>(), "problems": plan.problems }),
        )?;
        return out.end();
    }
    out.line(format_args!("#{} {}", one.number, clean(&one.what)))?;
    for (name, text) in facts(&marking, &workspace)? {
        out.line(format_args!("  {name}: {}", clean(&text)))?;
    }
    if let Some(why) = nobody {
        out.line(format_args!("  {why}; it would be so:"))?;
    }
    let mut told = Table::new(["order", "party", "role", "by", "to", "language", "TLP", ""]);
    for directive in &plan.directives {
        let id = directive.organization_id.map(|id| id.0);
        let name = id
            .and_then(|id| names.get(&id))
            .map_or("nobody", String::as_str);
        let (letter, held) = foretold(&plan, directive);
        let part = |of: &dyn Fn(&Preview) -> String| letter.map_or_else(String::new, of);
        told.row([
            directive.place.to_string(),
            name.to_owned(),
            directive.role.to_string(),
            part(&|one| one.channel.to_string()),
            part(&|one| one.address.clone()),
            part(&|one| one.language.to_owned()),
            part(&|one| one.tlp.to_string()),
            held.map_or_else(|| part(&leaves), |why| format!("held: {why}")),
        ]);
    }
    match told.is_empty() {
        true => session
            .talk
            .say("nobody is asked about an incident of its kind"),
        false => told.print(&mut out)?,
    }
    for letter in &plan.letters {
        let name = names.get(&letter.organization).map_or("", String::as_str);
        out.line(format_args!("\n{name}: {}", clean(&letter.subject)))?;
        let lines = letter.text.lines().count();
        out.line(format_args!(
            "  letter of {lines} lines, {} rows",
            letter.rows
        ))?;
        for part in &letter.attachments {
            let (name, bytes) = (clean(&part.name), part.bytes);
            out.line(format_args!(
                "  {name} ({}, {bytes} bytes)",
                part.media_type
            ))?;
        }
        match letter.evidence.is_empty() {
            true => out.line("  no evidence")?,
            false => out.line(format_args!("  evidence {}", letter.evidence.join(", ")))?,
        }
    }
    out.end()?;
    for problem in &plan.problems {
        session.talk.warn(clean(problem));
    }
    Ok(())
}

/// What a letter waits for, or that it leaves with the next round.
fn leaves(letter: &Preview) -> String {
    match letter.held.is_empty() {
        true => "leaves".to_owned(),
        false => format!("waits for a person: {}", letter.held.join("; ")),
    }
}
