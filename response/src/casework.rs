//! One incident by a person's hand: whom it would be sent to with which letter, sending it on, and reminding those who
//! were asked. The same functions decide and write as in a round, for this incident alone and at once.

use std::collections::BTreeMap;

use ledger::{Directive, DirectiveState, Incident, Reach, Text};
use model::ids::{IncidentId, OrganizationId};
use model::incident::IncidentState;

use crate::notify::{Foreseen, House, Preview, Withheld, WrittenNotices};
use crate::route::{Known, Parties, Table};
use crate::{Desk, Error, Result};

/// What sending an incident on would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whom it goes to, in order; decided already, or as it would be decided.
    pub directives: Vec<Directive>,
    /// Whether the decision is stored.
    pub stored: bool,
    /// The letters that would go out now.
    pub letters: Vec<Preview>,
    /// Parties that would be written to, and that the incident's marking keeps it from now.
    pub withheld: Vec<Withheld>,
    /// Why a letter cannot be written.
    pub problems: Vec<String>,
}

/// Whether a party is still to be written to.
fn is_due(directive: &Directive) -> bool {
    directive.state == DirectiveState::Due
}

impl Desk {
    /// The decisions about an incident that stand.
    async fn standing(&self, id: IncidentId) -> Result<Vec<Directive>> {
        let mut all = self.ledger.directives(id).await?;
        all.retain(|one| one.state != DirectiveState::Over);
        Ok(all)
    }

    /// What sending an incident on would do; stores nothing.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn plan(
        &self,
        incident: &Incident,
        known: &Known,
        table: &Table,
        parties: &Parties,
        house: Option<&House>,
    ) -> Result<Plan> {
        let standing = self.standing(incident.incident_id()).await?;
        let mut plan = Plan {
            stored: !standing.is_empty(),
            directives: standing,
            ..Plan::default()
        };
        if !plan.stored {
            let now = (self.clock)().0;
            let new = self.decided(incident, known, table, parties).into_iter();
            plan.directives = new
                .map(|new| Directive {
                    id: Text(new.id),
                    incident_id: Text(new.incident),
                    place: new.place,
                    role: Text(new.role),
                    organization_id: new.organization.map(Text),
                    ask: new.ask,
                    reason: new.reason,
                    state: match (new.organization, new.place) {
                        (None, _) => DirectiveState::NoContact,
                        (Some(_), 1) => DirectiveState::Due,
                        (Some(_), _) => DirectiveState::Planned,
                    },
                    target_secs: new.target_secs,
                    working_days: new.working_days,
                    decided_at: now,
                    asked_at: None,
                    due_at: None,
                    reminded_at: None,
                    escalated_at: None,
                    answered_at: None,
                    acted_at: None,
                    ticket: None,
                    held_at: None,
                    held_for: None,
                })
                .collect();
        }
        let Some(house) = house else {
            return Ok(plan);
        };
        for directive in plan.directives.iter().filter(|one| is_due(one)) {
            match self
                .preview_notice(house, parties, incident, directive)
                .await?
            {
                Foreseen::Letter(letter) => plan.letters.push(*letter),
                Foreseen::Withheld(kept) => plan.withheld.push(kept),
                Foreseen::Problem(problem) => plan.problems.push(problem),
            }
        }
        Ok(plan)
    }

    /// Decides about a validated incident, unless that is done, and writes to those whose turn it is. What is written
    /// goes out with the next round, or waits for a second person where the rules say so. Audited.
    ///
    /// # Errors
    /// It is not validated or not live, or the ledger, the lake or the blob store fails.
    pub async fn dispatch(
        &self,
        incident: &Incident,
        known: &Known,
        table: &Table,
        parties: &Parties,
        house: &House,
        actor: &str,
    ) -> Result<WrittenNotices> {
        let id = incident.incident_id();
        let state = incident.state.0;
        if state == IncidentState::Open || !state.is_live() {
            return Err(Error::refused(
                format!("#{}", incident.number),
                "is sent on when it is validated and not over",
            ));
        }
        if self.standing(id).await?.is_empty() {
            let decided = self.decided(incident, known, table, parties);
            self.store_decided(parties, decided, actor).await?;
        }
        let mut due = self.standing(id).await?;
        due.retain(is_due);
        self.write_due(house, parties, due, false).await
    }

    /// Writes to those who were asked about an incident and have not acted. Audited.
    ///
    /// # Errors
    /// Nobody was asked, or the ledger, the lake or the blob store fails.
    pub async fn remind(
        &self,
        id: IncidentId,
        parties: &Parties,
        house: &House,
    ) -> Result<WrittenNotices> {
        let incident = self.ledger.incident(id, &Reach::All).await?;
        let asked = [DirectiveState::Asked, DirectiveState::Answered];
        let mut all: BTreeMap<OrganizationId, Vec<Directive>> = BTreeMap::new();
        for directive in self.ledger.directives(id).await? {
            if let Some(organization) = directive
                .organization_id
                .filter(|_| asked.contains(&directive.state))
            {
                all.entry(organization.0).or_default().push(directive);
            }
        }
        if all.is_empty() || !incident.state.0.is_live() || incident.gone_at.is_some() {
            return Err(Error::refused(
                format!("#{}", incident.number),
                "nobody is asked about it now who could be reminded",
            ));
        }
        self.write_reminders(house, parties, all).await
    }
}
