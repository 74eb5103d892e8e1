//! Checking: incidents that are due are looked at, what was seen is kept, and what all looks together
//! come to is stored as a step. Only enough independent looks end an incident, and one that is back is
//! opened again. Looks are made from here and, where there are any, from vantages [`elsewhere`].

use std::sync::Arc;

use ledger::verification::{NewEvidence, NewVerification, Verification};
use ledger::{Incident, IncidentFilter, IncidentSort, NewStep, Page, Reach};
use model::ids::{EvidenceId, VerificationId};
use model::incident::{CaseKind, IncidentState, Resolution, Step};
use model::territory::OwnerClass;
use model::time::Timestamp;
use model::tlp::Tlp;
use model::verification::{Client, Finding, ProbeKind};

use crate::route::Parties;
use crate::verify::evidence::pieces;
use crate::verify::probe::{Clock, Looked, Prober};
use crate::verify::target::Mark;
use crate::verify::{
    Fingerprint, Look, Markers, Permit, Place, Policy, Rules, Ruling, Standing, Target, conclude,
};
use crate::{Desk, Result};

mod elsewhere;

pub use elsewhere::Elsewhere;

/// Who acts when a look does.
pub const ACTOR: &str = "system:verify";
/// From where this process looks.
pub const VANTAGE: &str = "local";

/// By which means and rules it is looked.
pub struct Checker {
    /// Looks.
    pub prober: Arc<Prober>,
    /// From where else it is looked.
    pub elsewhere: Elsewhere,
    /// What may be done to whom.
    pub policy: Policy,
    /// What pages tell.
    pub markers: Markers,
    /// What it takes to conclude.
    pub rules: Rules,
    /// Name and version of this program, for the evidence.
    pub software: String,
}

/// What checking did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Incidents looked at.
    pub incidents: u64,
    /// Looks stored.
    pub looks: u64,
    /// Those of them that were made elsewhere.
    pub elsewhere: u64,
    /// How often a vantage elsewhere gave no look at something, or not all of them.
    pub unanswered: u64,
    /// Incidents that are gone now.
    pub gone: u64,
    /// Incidents closed.
    pub closed: u64,
    /// Incidents that are back.
    pub back: u64,
    /// Incidents that must not be looked at, or need approval first.
    pub withheld: u64,
    /// Whether some that are due were left for the next round.
    pub more: bool,
}

/// What of an incident is looked at; `None` where there is nothing to look at by itself.
pub fn target(incident: &Incident, marks: Vec<Mark>) -> Option<Target> {
    let web = matches!(
        incident.kind.0,
        CaseKind::Phishing
            | CaseKind::MaliciousApp
            | CaseKind::MalwareHosting
            | CaseKind::Defacement
            | CaseKind::Backdoor
    );
    let page = |text: &str| {
        let url = url::Url::parse(text).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(Place::Page { url })
    };
    let place = match (web, &incident.url, &incident.host, &incident.ip) {
        (true, Some(url), _, _) => page(url),
        (true, None, Some(host), _) => page(&format!("http://{host}/")),
        (true, None, None, Some(ip)) => match ip.parse() {
            Ok(std::net::IpAddr::V6(ip)) => page(&format!("http://[{ip}]/")),
            _ => page(&format!("http://{ip}/")),
        },
        (false, _, Some(host), _) => Some(Place::Name { name: host.clone() }),
        _ => None,
    }?;
    let owners = OwnerClass::ALL.into_iter();
    let owner = owners.rev().find(|owner| incident.has_flag(owner.as_str()));
    Some(Target {
        kind: incident.kind.0,
        place,
        known_bad: Fingerprint::default(),
        defaced_text: None,
        good_text: None,
        brand_hosts: Vec::new(),
        owner: owner.unwrap_or_default(),
        country: incident.country.clone(),
        marks,
    })
}

fn look(row: &Verification) -> Look {
    Look {
        at: Timestamp(row.at),
        probe: row.probe.0,
        client: row.client.0,
        vantage: row.vantage.clone(),
        finding: row.finding.0,
    }
}

/// An incident that is due for a look, with all that looking needs.
#[derive(Debug)]
pub struct DueLook {
    incident: Incident,
    target: Target,
    permit: Permit,
    looks: Vec<Look>,
}

/// What was seen of one thing in one round, from everywhere.
#[derive(Default)]
pub struct Sightings {
    /// Each look, with the name of the vantage from where it was made.
    all: Vec<(String, Looked)>,
    /// Vantages that gave no look, or not all of them.
    unanswered: u64,
}

/// Which incidents are due.
#[derive(Debug, Default)]
pub struct DueLooks {
    /// Those that may be looked at, the oldest first.
    pub due: Vec<DueLook>,
    /// How many must not be looked at, or need approval first.
    pub withheld: u64,
}

impl Desk {
    /// Looks at all incidents that are due; `only` restricts it to these numbers, due or not.
    ///
    /// # Errors
    /// The ledger or the blob store fails; what was seen by then stays.
    pub async fn check(
        &self,
        checker: &Checker,
        parties: &Parties,
        only: &[i64],
    ) -> Result<Checked> {
        let due = self.due_looks(checker, parties, only).await?;
        let mut told = Checked {
            withheld: due.withheld,
            ..Checked::default()
        };
        for one in due.due {
            let seen = self.look(checker, &one).await;
            self.keep_looks(checker, one, seen, &mut told).await?;
        }
        Ok(told)
    }

    /// The incidents that are due for a look. Changes nothing.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn due_looks(
        &self,
        checker: &Checker,
        parties: &Parties,
        only: &[i64],
    ) -> Result<DueLooks> {
        let mut told = DueLooks::default();
        let states = vec![
            IncidentState::Validated,
            IncidentState::Notified,
            IncidentState::Acknowledged,
            IncidentState::Acted,
            IncidentState::Gone,
            IncidentState::Closed,
        ];
        let filter = IncidentFilter {
            states,
            ..IncidentFilter::default()
        };
        let mut page = Page {
            offset: 0,
            limit: 1_000,
        };
        loop {
            let sort = IncidentSort::Oldest;
            let found = self
                .ledger
                .incidents(&filter, &Reach::All, sort, page)
                .await?;
            if found.is_empty() {
                return Ok(told);
            }
            page.offset += found.len() as u64;
            for incident in found {
                if only.is_empty() || only.contains(&incident.number) {
                    self.is_due(checker, parties, incident, !only.is_empty(), &mut told)
                        .await?;
                }
            }
        }
    }

    /// Stores what a vantage elsewhere, or a person, found, if a look was due, and takes the step that
    /// all looks together lead to. Whether it was due.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn told_of_look(
        &self,
        rules: &Rules,
        incident: &Incident,
        told: Look,
        reason: &str,
        actor: &str,
    ) -> Result<bool> {
        let id = incident.incident_id();
        let history = self.ledger.verifications(id).await?;
        let mut looks: Vec<Look> = history.iter().map(look).collect();
        let closed_at = incident.closed_at.map(Timestamp);
        let next = conclude(&looks, rules, closed_at, told.at).next_look_at;
        if next.is_none_or(|at| at > told.at) {
            return Ok(false);
        }
        let now = (self.clock)().0;
        let new = NewVerification {
            id: VerificationId::draw(told.at, (self.random)()),
            incident: id,
            at: told.at.0,
            probe: told.probe,
            client: told.client,
            vantage: told.vantage.clone(),
            finding: told.finding,
            reason: reason.to_owned(),
            detail: serde_json::json!({}),
            evidence: None,
        };
        self.ledger.add_verification(new, None, actor, now).await?;
        looks.push(told);
        let mut count = Checked::default();
        self.concluded(rules, incident, &looks, &mut count).await?;
        Ok(true)
    }

    async fn is_due(
        &self,
        checker: &Checker,
        parties: &Parties,
        incident: Incident,
        asked: bool,
        told: &mut DueLooks,
    ) -> Result<()> {
        let closed = incident.state.0 == IncidentState::Closed;
        let ended_by_us = incident.resolution.is_some_and(|how| how.0.ends_harm());
        if closed && !ended_by_us {
            return Ok(());
        }
        let closed_at = incident.closed_at.map(Timestamp);
        let now = (self.clock)();
        // Over for longer than it is watched: no history need be read.
        let watch = checker.rules.watch_secs.saturating_mul(1_000_000);
        if closed_at.is_some_and(|at| at.0.saturating_add(watch) < now.0) {
            return Ok(());
        }
        let Some(mut target) = target(&incident, Vec::new()) else {
            return Ok(());
        };
        let id = incident.incident_id();
        let history = self.ledger.verifications(id).await?;
        let looks: Vec<Look> = history.iter().map(look).collect();
        let due = |looks: &[Look]| {
            let next = conclude(looks, &checker.rules, closed_at, now).next_look_at;
            next.is_some_and(|at| at <= now)
        };
        // A party that says it acted is looked after at once, and from then on as a new case is: what it did may take
        // a while to be seen everywhere, and waits that grew before it acted say nothing of that.
        let mut is_due = asked || due(&looks);
        if !is_due
            && incident.acted_at.is_some()
            && let Some(acted) = self.ledger.last_acted(id).await?
        {
            let since = looks.iter().filter(|look| look.at.0 >= acted);
            is_due = due(&since.cloned().collect::<Vec<Look>>());
        }
        if !is_due {
            return Ok(());
        }
        target.marks = self.marks(&incident, parties).await?;
        match checker.policy.rule(&target, None) {
            Ruling::Go { permit, .. } if permit != Permit::ByApproval => told.due.push(DueLook {
                incident,
                target,
                permit,
                looks,
            }),
            _ => told.withheld += 1,
        }
        Ok(())
    }

    /// Looks at one that is due, as both clients, from here and from the vantages elsewhere. Changes nothing here, and
    /// may take minutes.
    pub async fn look(&self, checker: &Checker, due: &DueLook) -> Sightings {
        let now = (self.clock)();
        let clock = Clock::at(now);
        let made_up = self.made_up();
        let mut seen = Sightings::default();
        for client in [Client::Plain, Client::Victim] {
            let done = checker
                .prober
                .look(
                    &due.target,
                    due.permit,
                    client,
                    &checker.markers,
                    &made_up,
                    now,
                )
                .await;
            // Passive looks are the same for both clients: once is enough.
            let new = done
                .into_iter()
                .filter(|one| client == Client::Plain || one.client != Client::Passive);
            seen.all.extend(new.map(|one| (VANTAGE.to_owned(), one)));
        }
        self.look_elsewhere(checker, due, &clock, &mut seen).await;
        // The looks of one round are one instant: who still sees it outweighs all who do not, whoever was asked last.
        for (_, looked) in &mut seen.all {
            looked.at = now;
        }
        seen
    }

    /// A word that nobody can have used as the name of a page.
    fn made_up(&self) -> String {
        let drawn = ledger::Hash::of(&(self.random)()).to_string();
        format!("w{}", &drawn[..12])
    }

    /// Stores what was seen, and takes the step that all looks together lead to.
    ///
    /// # Errors
    /// The ledger or the blob store fails; what was stored by then stays.
    pub async fn keep_looks(
        &self,
        checker: &Checker,
        due: DueLook,
        seen: Sightings,
        told: &mut Checked,
    ) -> Result<()> {
        // It may have changed while it was looked at.
        let id = due.incident.incident_id();
        let incident = self.ledger.incident(id, &Reach::All).await?;
        if incident.state.0 == IncidentState::Merged {
            return Ok(());
        }
        told.incidents += 1;
        told.unanswered += seen.unanswered;
        let mut looks = due.looks;
        for (vantage, one) in &seen.all {
            let look = self.keep(checker, &incident, vantage, one).await?;
            looks.push(look);
            told.looks += 1;
            told.elsewhere += u64::from(vantage != VANTAGE);
        }
        self.concluded(&checker.rules, &incident, &looks, told)
            .await
    }

    /// Marks of the incident's parties that forbid a look.
    async fn marks(&self, incident: &Incident, parties: &Parties) -> Result<Vec<Mark>> {
        let mut marks = Vec::new();
        for directive in self.ledger.directives(incident.incident_id()).await? {
            let Some(id) = directive.organization_id else {
                continue;
            };
            if let Some(party) = parties.get(id.0).filter(|party| !party.may_probe) {
                marks.push(Mark {
                    on: party.name_en.clone(),
                    by: party.source.clone(),
                    reason: party.mark_reason.clone().unwrap_or_default(),
                });
            }
        }
        Ok(marks)
    }

    /// Stores one look with its evidence.
    async fn keep(
        &self,
        checker: &Checker,
        incident: &Incident,
        vantage: &str,
        looked: &Looked,
    ) -> Result<Look> {
        let id = incident.incident_id();
        let now = (self.clock)().0;
        let mut first = None;
        for piece in pieces(looked, vantage, &checker.software) {
            let blob = self.blobs.put_bytes(&piece.bytes)?;
            first.get_or_insert(blob.hash);
            let new = NewEvidence {
                id: EvidenceId::draw(looked.at, (self.random)()),
                incident: id,
                blob: blob.hash,
                name: piece.name,
                media_type: piece.media.to_owned(),
                bytes: piece.bytes.len() as u64,
                source: format!("{} from {vantage}", looked.probe),
                tlp: Tlp::Amber,
                at: looked.at.0,
            };
            self.ledger.add_evidence(new, ACTOR, now).await?;
        }
        let new = NewVerification {
            id: VerificationId::draw(looked.at, (self.random)()),
            incident: id,
            at: looked.at.0,
            probe: looked.probe,
            client: looked.client,
            vantage: vantage.to_owned(),
            finding: looked.judged.finding,
            reason: looked.judged.reason.to_string(),
            detail: serde_json::json!(looked.judged),
            evidence: first,
        };
        let look = Look {
            at: looked.at,
            probe: new.probe,
            client: new.client,
            vantage: new.vantage.clone(),
            finding: new.finding,
        };
        self.ledger.add_verification(new, None, ACTOR, now).await?;
        Ok(look)
    }

    /// Takes the step that all looks together lead to.
    async fn concluded(
        &self,
        rules: &Rules,
        incident: &Incident,
        looks: &[Look],
        told: &mut Checked,
    ) -> Result<()> {
        let id = incident.incident_id();
        let now = (self.clock)();
        let state = incident.state.0;
        let closed_at = incident.closed_at.map(Timestamp);
        let conclusion = conclude(looks, rules, closed_at, now);
        let reach = &Reach::All;
        match conclusion.standing {
            Standing::Down {
                last_seen_up,
                first_seen_gone,
                ..
            } if state != IncidentState::Closed => {
                let mut step = NewStep::new(
                    Step::FindGone,
                    format!("{} looks", looks.len()),
                    first_seen_gone.0,
                );
                step.last_up_at = last_seen_up.map(|at| at.0);
                let after = self.ledger.step(id, reach, step, ACTOR, now.0).await?;
                told.gone += u64::from(state != IncidentState::Gone);
                // Who was never asked did not take it down: a person says how it ended.
                if after.noticed_at.is_some() {
                    let how = resolution(incident.kind.0, looks);
                    let basis = "found gone by verification";
                    let close = NewStep::new(Step::Close(how), basis, now.0);
                    self.ledger.step(id, reach, close, ACTOR, now.0).await?;
                    told.closed += 1;
                }
            }
            Standing::Up { last_seen } if conclusion.returned || state == IncidentState::Gone => {
                let step = NewStep::new(Step::FindBack, "a look found it again", last_seen.0);
                match self.ledger.step(id, reach, step, ACTOR, now.0).await {
                    Ok(_) => told.back += 1,
                    // An incident that was opened since has the matter.
                    Err(ledger::Error::Conflict { .. } | ledger::Error::Changed { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// How it ended, by what the last looks that told anything found.
fn resolution(kind: CaseKind, looks: &[Look]) -> Resolution {
    let down = looks.iter().rev().filter(|look| look.finding.is_down());
    let suspended = down
        .clone()
        .take(3)
        .any(|look| look.finding == Finding::Suspended || look.probe == ProbeKind::Dns);
    match kind {
        CaseKind::Defacement | CaseKind::Backdoor => Resolution::Restored,
        CaseKind::InfectedHost => Resolution::Cleaned,
        CaseKind::Vulnerability => Resolution::Patched,
        _ if suspended => Resolution::Suspended,
        _ => Resolution::TakenDown,
    }
}
