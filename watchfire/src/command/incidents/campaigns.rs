//! `watchfire incidents campaign|split`: incidents of one hand, and events that are another matter.

use std::collections::BTreeMap;

use clap::Subcommand;
use ledger::incident::{CampaignCount, Split};
use ledger::{Campaign, Incident, IncidentFilter, IncidentSort, NewStep, Page, Reach};
use model::ids::{CampaignId, EventId, IncidentId};
use model::incident::{IncidentState, Step};
use model::worded::Word;
use response::campaign::{Proposal, WITHIN, propose, weighty};
use serde_json::json;

use super::{minute, place, state_text};
use crate::failure::{Failure, Result};
use crate::responding::incident;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now, random};

/// `incidents campaign`.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Open a campaign with incidents.
    New {
        /// Its name.
        name: String,
        /// Numbers or ids of incidents.
        incidents: Vec<String>,
        /// What makes them one.
        #[arg(long)]
        reason: String,
    },
    /// Put incidents into a campaign.
    Add {
        /// Its name or id.
        campaign: String,
        /// Numbers or ids of incidents.
        #[arg(required = true)]
        incidents: Vec<String>,
        /// Why they belong to it.
        #[arg(long)]
        reason: String,
    },
    /// Take incidents out of a campaign.
    Remove {
        /// Its name or id.
        campaign: String,
        /// Numbers or ids of incidents.
        #[arg(required = true)]
        incidents: Vec<String>,
        /// Why they do not belong to it.
        #[arg(long)]
        reason: String,
    },
    /// Say of all its incidents that wait that they are true: one decision.
    Validate {
        /// Its name or id.
        campaign: String,
        /// What was looked at.
        #[arg(long)]
        reason: String,
    },
    /// End a campaign; its incidents stay in it.
    Close {
        /// Its name or id.
        campaign: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List campaigns with their incidents and complaints.
    List,
    /// Show one with its incidents.
    Show {
        /// Its name or id.
        campaign: String,
    },
    /// Propose campaigns: same address or brand within a week.
    Propose {
        /// Days that are looked back.
        #[arg(long, default_value_t = 28)]
        days: u32,
    },
}

/// A campaign by its name or id; of several of one name the open one.
pub fn campaign(text: &str, workspace: &Workspace) -> Result<Campaign> {
    if let Ok(id) = text.parse::<CampaignId>() {
        return Ok(workspace.block_on(workspace.ledger.campaign(id))?);
    }
    let mut all = workspace.block_on(workspace.ledger.campaigns())?;
    all.sort_by_key(|one| one.closed_at.is_some());
    let found = all.into_iter().find(|one| one.name == text);
    found.ok_or_else(|| {
        Failure::usage(format_args!("campaign {text}"), "is not there")
            .remedy("watchfire incidents campaign list")
    })
}

fn ids(which: &[String], workspace: &Workspace) -> Result<Vec<IncidentId>> {
    let found = which.iter().map(|one| incident(workspace, one));
    found.map(|one| Ok(one?.incident_id())).collect()
}

/// All incidents that a filter lets through.
fn all(filter: &IncidentFilter, workspace: &Workspace) -> Result<Vec<Incident>> {
    let ledger = &workspace.ledger;
    let mut found = Vec::new();
    loop {
        let page = Page {
            offset: found.len() as u64,
            limit: 2_000,
        };
        let sort = IncidentSort::Oldest;
        let more = workspace.block_on(ledger.incidents(filter, &Reach::All, sort, page))?;
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more);
    }
}

fn of(id: CampaignId) -> IncidentFilter {
    IncidentFilter {
        campaign: Some(id),
        ..IncidentFilter::default()
    }
}

pub fn run(what: What, session: &Session) -> Result {
    let who = session.actor();
    match what {
        What::List => return list(session),
        What::Show { campaign } => return show(&campaign, session),
        What::Propose { days } => return proposals(days, session),
        _ => {}
    }
    let workspace = session.open(Access::Write("incidents campaign"))?;
    let ledger = &workspace.ledger;
    let at = now();
    let say = |text: String| session.talk.say(text);
    match what {
        What::New {
            name,
            incidents,
            reason,
        } => {
            let ids = ids(&incidents, &workspace)?;
            let id = CampaignId::draw(at, random());
            let made = ledger.add_campaign(id, &name, &reason, &ids, &who, at.0);
            let made = workspace.block_on(made)?;
            say(format!("{} ({id}) has {} incidents", made.name, ids.len()));
        }
        What::Add {
            campaign: which,
            incidents,
            reason,
        } => {
            let one = campaign(&which, &workspace)?;
            let ids = ids(&incidents, &workspace)?;
            let joined = ledger.join_campaign(one.campaign_id(), &ids, &reason, &who, at.0);
            let joined = workspace.block_on(joined)?;
            say(format!("{joined} incidents joined {}", one.name));
        }
        What::Remove {
            campaign: which,
            incidents,
            reason,
        } => {
            let one = campaign(&which, &workspace)?;
            let ids = ids(&incidents, &workspace)?;
            let left = ledger.leave_campaign(one.campaign_id(), &ids, &reason, &who, at.0);
            let left = workspace.block_on(left)?;
            say(format!("{left} incidents left {}", one.name));
        }
        What::Validate {
            campaign: which,
            reason,
        } => {
            let one = campaign(&which, &workspace)?;
            let mut filter = of(one.campaign_id());
            filter.states = vec![IncidentState::Open];
            let found = all(&filter, &workspace)?;
            for incident in &found {
                let basis = format!("campaign {}: {reason}", one.name);
                let step = NewStep::new(Step::Validate, basis, at.0);
                let id = incident.incident_id();
                workspace.block_on(ledger.step(id, &Reach::All, step, &who, at.0))?;
                workspace.block_on(ledger.judged_rule(&incident.rule, true, at.0))?;
            }
            say(format!(
                "{} incidents of {} are validated",
                found.len(),
                one.name
            ));
        }
        What::Close {
            campaign: which,
            reason,
        } => {
            let one = campaign(&which, &workspace)?;
            let closed = ledger.close_campaign(one.campaign_id(), &reason, &who, at.0);
            workspace.block_on(closed)?;
            say(format!("{} has ended", one.name));
        }
        What::List | What::Show { .. } | What::Propose { .. } => {}
    }
    Ok(())
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let ledger = &workspace.ledger;
    let campaigns = workspace.block_on(ledger.campaigns())?;
    let mut table = Table::new([
        "campaign",
        "id",
        "incidents",
        "pages",
        "complaints",
        "open",
        "since",
        "reason",
    ]);
    let mut rows = Vec::new();
    for one in &campaigns {
        // Complaints, pages, incidents and campaigns side by side: none is the other.
        let found = all(&of(one.campaign_id()), &workspace)?;
        let pages: std::collections::BTreeSet<_> = found
            .iter()
            .filter_map(|one| one.url.as_ref().or(one.host.as_ref()))
            .collect();
        let complaints: i64 = found.iter().map(|one| one.complaints).sum();
        let open = found.iter().filter(|one| one.state.0.is_live()).count();
        rows.push(
            json!({ "campaign": one, "incidents": found.len(), "pages": pages.len(),
            "complaints": complaints, "open": open }),
        );
        table.row([
            one.name.clone(),
            one.id.to_string(),
            found.len().to_string(),
            pages.len().to_string(),
            complaints.to_string(),
            open.to_string(),
            minute(one.opened_at, &workspace),
            one.reason.clone(),
        ]);
    }
    let mut out = Out::new();
    match (session.json, table.is_empty()) {
        (true, _) => out.json(&rows)?,
        (false, true) => session.talk.say("no campaigns"),
        (false, false) => table.print(&mut out)?,
    }
    out.end()
}

fn show(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = campaign(which, &workspace)?;
    let found = all(&of(one.campaign_id()), &workspace)?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "campaign": one, "incidents": found }))?;
        return out.end();
    }
    out.line(format_args!(
        "{} ({}): {}",
        crate::table::clean(&one.name),
        one.id,
        crate::table::clean(&one.reason)
    ))?;
    let mut table = Table::new(["#", "kind", "state", "where", "what"]);
    for one in &found {
        table.row([
            one.number.to_string(),
            one.kind.to_string(),
            state_text(one),
            place(one),
            one.what.clone(),
        ]);
    }
    if !table.is_empty() {
        table.print(&mut out)?;
    }
    out.end()
}

fn proposals(days: u32, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let to = now().0;
    let filter = IncidentFilter {
        opened: Some((to - i64::from(days) * 86_400_000_000, to + 1)),
        ..IncidentFilter::default()
    };
    let found = all(&filter, &workspace)?;
    // Registration data keeps no persons: who registered a name is not known here.
    let proposals: Vec<Proposal> = propose(&found, &|_| None);
    let mut out = Out::new();
    if session.json {
        out.json(&proposals)?;
        return out.end();
    }
    let mut table = Table::new(["shared", "value", "incidents", "joins", "numbers"]);
    for one in &proposals {
        let shared = serde_json::to_value(one.shared).ok();
        let shared = shared.as_ref().and_then(|word| word.as_str());
        let numbers: Vec<_> = one.numbers.iter().take(12).map(i64::to_string).collect();
        table.row([
            shared.unwrap_or_default().to_owned(),
            one.value.clone(),
            one.incidents.len().to_string(),
            one.campaign.map_or_else(String::new, |id| id.to_string()),
            numbers.join(" "),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say(format_args!(
            "nothing to propose: no address or brand is shared by three incidents within {} days",
            WITHIN / 86_400_000_000
        )),
        false => table.print(&mut out)?,
    }
    out.end()
}

/// Says which campaigns make up much of what is counted.
pub fn tell_weighty(counts: &[CampaignCount], workspace: &Workspace, session: &Session) -> Result {
    let heavy = weighty(counts);
    if heavy.is_empty() {
        return Ok(());
    }
    let names = workspace.block_on(workspace.ledger.campaigns())?;
    let names: BTreeMap<_, _> = names
        .iter()
        .map(|one| (one.id.0, one.name.as_str()))
        .collect();
    for one in heavy {
        let name = names.get(&one.campaign).copied().unwrap_or_default();
        let what = one.kind.map_or("all", |kind| kind.label());
        session.talk.say(format_args!(
            "campaign {} makes up {} of {} ({} %) of {what}",
            crate::table::clean(name),
            one.count,
            one.of,
            one.percent()
        ));
    }
    Ok(())
}

/// Takes events out of an incident into a new one.
pub fn split(
    which: &str,
    events: &[String],
    what: &str,
    reason: &str,
    session: &Session,
) -> Result {
    let mut ids = Vec::new();
    for text in events {
        let id: EventId = text.parse().map_err(|error| {
            Failure::usage(text, error).remedy("watchfire incidents show lists the events")
        })?;
        ids.push(id.0);
    }
    let workspace = session.open(Access::Write("incidents split"))?;
    let one = incident(&workspace, which)?;
    let at = now();
    let split = Split {
        id: IncidentId::draw(at, random()),
        events: &ids,
        what,
        reason,
    };
    let (id, who) = (one.incident_id(), session.actor());
    let ledger = &workspace.ledger;
    let made = ledger.split_incident(id, &Reach::All, split, &who, at.0);
    let made = workspace.block_on(made)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&made)?,
        false => session.talk.say(format_args!(
            "#{} has {} events of #{} and is open",
            made.number, made.events, one.number
        )),
    }
    out.end()
}
