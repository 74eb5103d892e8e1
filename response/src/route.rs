//! Routing: from an incident to directives, by a table that is data and a register that is the
//! ledger's. What it decides it can explain: the row of the table and what of the register matched.

mod parties;
mod table;

use std::net::IpAddr;

use ledger::directive::NewDirective;
use ledger::{Incident, IncidentFilter, IncidentSort, Page, Reach};
use model::ids::{DirectiveId, OrganizationId};
use model::incident::{Border, IncidentState};
use model::organization::{Role, Scope};
use model::territory::{OwnerClass, Territory};

pub use parties::{Match, Parties};
pub use table::{Asked, BadTable, By, DEFAULT_TABLE, Row, Table};

use crate::triage::Place;
use crate::{Desk, Result};

/// Who decides when the table does.
pub const ACTOR: &str = "system:route";

/// What is known of an incident that its row does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// IANA id of the registrar of its name.
    pub registrar: Option<u32>,
    /// Whose site it is.
    pub owner: OwnerClass,
}

/// One party that is to be asked, or that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The table's entry.
    pub asked: Asked,
    /// In which role.
    pub role: Role,
    /// Who; `None`: nobody is known, or nobody of them can be reached.
    pub organization: Option<OrganizationId>,
    /// Why: the row, what matched, or what is missing.
    pub reason: String,
}

/// Decides whom to ask about an incident. Pure: a dry run is the same call.
pub fn decide(
    incident: &Incident,
    known: &Known,
    table: &Table,
    parties: &Parties,
) -> Vec<Decided> {
    let territory = Territory::named(&incident.territory).unwrap_or_default();
    let place = match territory {
        Territory::Inside => Some(Place::Inside),
        Territory::Outside => Some(Place::Outside),
        Territory::Unknown => None,
    };
    let Some((number, row)) = table.find(incident.kind.0, place, known.owner) else {
        return Vec::new();
    };
    let mut decided: Vec<Decided> = Vec::new();
    for asked in &row.ask {
        if asked.only.is_some_and(|only| Some(only) != place) {
            continue;
        }
        let (organization, why) = match find(incident, known, asked.by, parties) {
            Ok(found) if parties.reachable(found.organization).next().is_none() => {
                let name = parties
                    .get(found.organization)
                    .map(|org| org.name_en.clone());
                let name = name.unwrap_or_default();
                (
                    None,
                    format!(
                        "{} names {name}, which has no contact that may be used",
                        found.why
                    ),
                )
            }
            Ok(found) => (Some(found.organization), found.why),
            Err(missing) => (None, missing),
        };
        // One body may hold two roles of a row: it is asked once.
        let twice = |other: &Decided| organization.is_some() && other.organization == organization;
        if decided.iter().any(twice) {
            continue;
        }
        decided.push(Decided {
            role: asked.by.role(),
            asked: asked.clone(),
            organization,
            reason: format!("row {number}: {why}"),
        });
    }
    // Nobody of the first place is known: the next place comes first.
    let first = |decided: &[Decided]| {
        let found = decided.iter().filter(|one| one.organization.is_some());
        found.map(|one| one.asked.place).min()
    };
    if let Some(lowest) = first(&decided).filter(|lowest| *lowest > 1) {
        for one in decided.iter_mut().filter(|one| one.asked.place == lowest) {
            one.asked.place = 1;
            one.reason.push_str("; nobody before it is known");
        }
    }
    decided
}

fn find(
    incident: &Incident,
    known: &Known,
    by: By,
    parties: &Parties,
) -> std::result::Result<Match, String> {
    let host = incident.host.as_deref();
    let nothing = |what: &str| Err(format!("{what}, so nobody is found by {by:?}"));
    let none = |found: Option<Match>, what: String| {
        found.ok_or_else(|| format!("nobody answers for {what}"))
    };
    match by {
        By::Registrar => {
            let Some(host) = host else {
                return nothing("it has no name");
            };
            let by_id = known.registrar.and_then(|id| parties.registrar(id));
            let found = by_id
                .or_else(|| parties.of_name(Scope::Domain, host, Some(Role::Registrar)))
                .or_else(|| parties.registry(host));
            none(found, format!("the name {host}"))
        }
        By::Registry => match host {
            Some(host) => none(
                parties.registry(host),
                format!("the top-level domain of {host}"),
            ),
            None => nothing("it has no name"),
        },
        By::Network => {
            let ip: Option<IpAddr> = incident.ip.as_deref().and_then(|ip| ip.parse().ok());
            match (ip, incident.asn) {
                (None, None) => nothing("its address is not known"),
                (ip, asn) => {
                    let what = ip
                        .map(|ip| ip.to_string())
                        .or(asn.map(|asn| format!("AS{asn}")));
                    none(parties.of_address(ip, asn), what.unwrap_or_default())
                }
            }
        }
        By::Platform => match host {
            Some(host) => none(
                parties.of_name(Scope::Platform, host, None),
                format!("the platform at {host}"),
            ),
            None => nothing("it has no name"),
        },
        By::Branch => match incident.province.as_deref() {
            Some(province) => none(parties.branch(province), format!("province {province}")),
            None => nothing("its province is not known"),
        },
        By::Cert => match incident.country.as_deref() {
            Some(country) => none(parties.cert(country), format!("country {country}")),
            None => nothing("its country is not known"),
        },
        By::Owner => match host {
            Some(host) => none(
                parties.of_name(Scope::Domain, host, Some(Role::SiteOwner)),
                format!("the site {host}"),
            ),
            None => nothing("it has no name"),
        },
        By::Sector => {
            let role = match known.owner {
                OwnerClass::Education => Role::EducationCert,
                _ => Role::SectorCert,
            };
            none(parties.sector(role), format!("role {role}"))
        }
    }
}

/// What routing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Routed {
    /// Incidents decided about.
    pub incidents: u64,
    /// Directives to somebody.
    pub directives: u64,
    /// Directives that found nobody.
    pub nobody: u64,
}

impl Desk {
    /// Decides about all validated incidents that nobody decided about yet.
    ///
    /// # Errors
    /// The ledger fails; what was decided by then stays.
    pub async fn route(
        &self,
        table: &Table,
        parties: &Parties,
        known: impl Fn(&Incident) -> Known,
    ) -> Result<Routed> {
        let mut routed = Routed::default();
        let filter = IncidentFilter {
            states: vec![IncidentState::Validated],
            ..IncidentFilter::default()
        };
        let mut offset = 0;
        loop {
            let page = Page {
                offset,
                limit: 2_000,
            };
            let found = self
                .ledger
                .incidents(&filter, &Reach::All, IncidentSort::Oldest, page)
                .await?;
            if found.is_empty() {
                return Ok(routed);
            }
            offset += found.len() as u64;
            let ids: Vec<_> = found.iter().map(Incident::incident_id).collect();
            let decided = self.ledger.incidents_with_directives(&ids).await?;
            let mut directives = Vec::new();
            for incident in &found {
                if decided.contains(&incident.incident_id()) {
                    continue;
                }
                routed.incidents += 1;
                for one in self.decided(incident, &known(incident), table, parties) {
                    match one.organization {
                        Some(_) => routed.directives += 1,
                        None => routed.nobody += 1,
                    }
                    directives.push(one);
                }
            }
            self.store_decided(parties, directives, ACTOR).await?;
        }
    }

    /// What would be stored about an incident.
    pub(crate) fn decided(
        &self,
        incident: &Incident,
        known: &Known,
        table: &Table,
        parties: &Parties,
    ) -> Vec<NewDirective> {
        let now = (self.clock)();
        let all = decide(incident, known, table, parties).into_iter();
        all.map(|one| NewDirective {
            id: DirectiveId::draw(now, (self.random)()),
            incident: incident.incident_id(),
            place: one.asked.place,
            role: one.role,
            organization: one.organization,
            ask: one.asked.want.to_string(),
            reason: one.reason,
            target_secs: one.asked.clock_secs(),
            working_days: (one.asked.days > 0)
                .then(|| i32::try_from(one.asked.days).unwrap_or(i32::MAX)),
        })
        .collect()
    }

    /// Stores decisions, and that they cross the border where they do.
    pub(crate) async fn store_decided(
        &self,
        parties: &Parties,
        directives: Vec<NewDirective>,
        actor: &str,
    ) -> Result<()> {
        let abroad = |id: OrganizationId| {
            parties
                .get(id)
                .is_some_and(|org| org.has(Role::OverseasCert))
        };
        let crossing: Vec<_> = directives
            .iter()
            .filter(|new| new.organization.is_some_and(abroad))
            .map(|new| new.incident)
            .collect();
        // Before the decision: what is decided is not looked at again.
        for id in crossing {
            self.cross(id, Border::Party).await?;
        }
        Ok(self
            .ledger
            .decide(directives, actor, (self.clock)().0)
            .await?)
    }

    /// Notes a reason why an incident crosses the border, once.
    async fn cross(&self, id: model::ids::IncidentId, reason: Border) -> Result<()> {
        let incident = self.ledger.incident(id, &Reach::All).await?;
        let label = reason.to_string();
        if incident.border.split(' ').any(|word| word == label) {
            return Ok(());
        }
        let now = (self.clock)();
        let what = serde_json::json!({ "border": label });
        let add = move |incident: &mut Incident| {
            let both = format!("{} {label}", incident.border);
            incident.border = both.trim().to_owned();
        };
        self.ledger
            .edit_incident(id, &Reach::All, what, add, ACTOR, now.0)
            .await?;
        Ok(())
    }
}
