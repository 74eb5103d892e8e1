//! What the markings of incidents let out to parties: a directive whose incident may not leave stays due, with the
//! reason, and is written when it may. The ledger asks once more before a notice's first byte leaves.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Directive, Incident};
use model::ids::{IncidentId, OrganizationId};
use model::marking::{Marking, To};

use super::House;
use crate::route::Parties;
use crate::{Desk, Result};

/// A directive that waits: its incident's marking keeps it from its party.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Withheld {
    /// The incident's number.
    pub incident: i64,
    /// The party.
    pub organization: OrganizationId,
    /// Why, for a person.
    pub reason: String,
}

/// The markings of incidents, with whatever tells of them.
pub(super) struct Markings<'a> {
    named: BTreeMap<IncidentId, BTreeSet<OrganizationId>>,
    parties: &'a Parties,
    /// What this house is called.
    house: &'a str,
}

impl Markings<'_> {
    /// The marking of one of them.
    pub(super) fn of(&self, incident: &Incident) -> Marking {
        let named = self.named.get(&incident.incident_id());
        incident.marking(named.cloned().unwrap_or_default())
    }

    /// What keeps an incident from a party now.
    pub(super) fn withheld(
        &self,
        incident: &Incident,
        organization: OrganizationId,
        now: model::time::Timestamp,
    ) -> Option<Withheld> {
        let marking = self.of(incident);
        let why = marking.may_leave(To::Party(organization), now).err()?;
        let originator = match marking.originator {
            None => self.house.to_owned(),
            Some(id) => self
                .parties
                .get(id)
                .map_or_else(|| id.to_string(), |org| org.name_en.clone()),
        };
        Some(Withheld {
            incident: incident.number,
            organization,
            reason: why.told(&originator),
        })
    }
}

impl Desk {
    /// The markings of incidents, as they are now.
    pub(super) async fn markings<'a>(
        &self,
        house: &'a House,
        parties: &'a Parties,
        incidents: &[IncidentId],
    ) -> Result<Markings<'a>> {
        Ok(Markings {
            named: self.ledger.allowed_recipients(incidents).await?,
            parties,
            house: &house.sender.name.en,
        })
    }

    /// Asks the next place where nobody of a place may get an incident and others are named who may: they would wait
    /// for whoever is never asked.
    pub(super) async fn pass_over(
        &self,
        incident: &Incident,
        marking: &Marking,
        directive: &Directive,
    ) -> Result<()> {
        if marking.recipients.is_empty() {
            return Ok(());
        }
        let (id, place, now) = (incident.incident_id(), directive.place, (self.clock)());
        let all = self.ledger.directives(id).await?;
        let may = |one: &Directive| {
            let party = one.organization_id.map(|id| id.0);
            party.is_some_and(|party| marking.may_leave(To::Party(party), now).is_ok())
        };
        if all.iter().any(|one| one.place == place && may(one)) {
            return Ok(());
        }
        let why = "the marking keeps it from the party before";
        self.next_party_because(id, place, why).await?;
        Ok(())
    }
}
