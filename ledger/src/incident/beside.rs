//! What lists show beside incidents: what runs out, who was asked, how the organizations are called. Read for a page
//! of incidents at once.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::OrganizationId;

use super::*;
use crate::clock::{self, Clock, ClockState};
use crate::directive::Directive;
use crate::organization::{self, Organization};
use crate::{bulk, message};

/// What belongs to incidents of a page.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Clocks of the law that run, the one due first at the head.
    pub clocks: BTreeMap<IncidentId, Vec<Clock>>,
    /// Parties, in order.
    pub directives: BTreeMap<IncidentId, Vec<Directive>>,
    /// The organizations that are named.
    pub organizations: BTreeMap<OrganizationId, Organization>,
    /// Who works on them.
    pub assignees: BTreeMap<IncidentId, String>,
    /// The recipients that their markings name.
    pub recipients: BTreeMap<IncidentId, BTreeSet<OrganizationId>>,
}

impl Ledger {
    /// What belongs to these incidents; the caller loaded them within reach.
    pub async fn beside_incidents(&self, incidents: &[Incident]) -> Result<Beside> {
        let ids: Vec<IncidentId> = incidents.iter().map(Incident::incident_id).collect();
        let mut beside = Beside {
            assignees: self.assignees(&ids).await?,
            recipients: self.allowed_recipients(&ids).await?,
            ..Beside::default()
        };
        for chunk in ids.chunks(bulk::LIST) {
            let own = || chunk.iter().map(|id| Text(*id));
            let clocks = clock::Entity::find()
                .filter(clock::Column::IncidentId.is_in(own()))
                .filter(clock::Column::State.eq(ClockState::Running))
                .order_by_asc(clock::Column::DueAt)
                .order_by_asc(clock::Column::Id)
                .all(self.reader())
                .await?;
            for clock in clocks {
                beside
                    .clocks
                    .entry(clock.incident_id.0)
                    .or_default()
                    .push(clock);
            }
            let directives = directive::Entity::find()
                .filter(directive::Column::IncidentId.is_in(own()))
                .order_by_asc(directive::Column::Place)
                .order_by_asc(directive::Column::Id)
                .all(self.reader())
                .await?;
            for directive in directives {
                beside
                    .directives
                    .entry(directive.incident_id.0)
                    .or_default()
                    .push(directive);
            }
        }
        let owners = incidents
            .iter()
            .filter_map(|one| one.owner.as_deref()?.parse().ok());
        let parties = beside
            .directives
            .values()
            .flatten()
            .filter_map(|one| Some(one.organization_id?.0));
        let originators = incidents.iter().filter_map(|one| Some(one.originator?.0));
        let recipients = beside.recipients.values().flatten().copied();
        let named = owners.chain(parties).chain(originators).chain(recipients);
        let named: BTreeSet<OrganizationId> = named.collect();
        let named: Vec<_> = named.into_iter().collect();
        beside.organizations = self.organizations_of(&named).await?;
        Ok(beside)
    }

    /// Organizations by their ids.
    pub async fn organizations_of(
        &self,
        ids: &[OrganizationId],
    ) -> Result<BTreeMap<OrganizationId, Organization>> {
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows = organization::Entity::find()
                .filter(organization::Column::Id.is_in(chunk.iter().map(|id| Text(*id))))
                .all(self.reader())
                .await?;
            found.extend(rows.into_iter().map(|row| (row.id.0, row)));
        }
        Ok(found)
    }

    /// Mails that belong to an incident within reach, the oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none within `reach`.
    pub async fn incident_messages(
        &self,
        id: IncidentId,
        reach: &Reach,
    ) -> Result<Vec<message::Message>> {
        load(self.reader(), id, reach).await?;
        Ok(message::Entity::find()
            .filter(message::Column::IncidentId.eq(Text(id)))
            .order_by_asc(message::Column::ReceivedAt)
            .order_by_asc(message::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Incidents of these numbers within reach, the newest first.
    pub async fn incidents_numbered(
        &self,
        numbers: &[i64],
        reach: &Reach,
    ) -> Result<Vec<Incident>> {
        let mut found = Vec::new();
        for chunk in numbers.chunks(bulk::LIST) {
            found.extend(
                Entity::find()
                    .filter(Column::Number.is_in(chunk.iter().copied()))
                    .filter(reach.condition())
                    .order_by_desc(Column::Number)
                    .all(self.reader())
                    .await?,
            );
        }
        Ok(found)
    }

    /// How often events joined an incident: the instant, the rule, how many together; the newest first.
    pub async fn incident_joins(
        &self,
        id: IncidentId,
        most: u64,
    ) -> Result<Vec<(i64, String, i64)>> {
        Ok(joined::Entity::find()
            .select_only()
            .column(joined::Column::JoinedAt)
            .column(joined::Column::Rule)
            .column_as(joined::Column::EventId.count(), "n")
            .filter(joined::Column::IncidentId.eq(Text(id)))
            .group_by(joined::Column::JoinedAt)
            .group_by(joined::Column::Rule)
            .order_by_desc(joined::Column::JoinedAt)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?)
    }
}
