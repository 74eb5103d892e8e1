//! Finding incidents: filters and pages, one incident with what belongs to it.

use super::*;

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// In one of these states; empty: all.
    pub states: Vec<IncidentState>,
    /// Of one of these kinds; empty: all.
    pub kinds: Vec<CaseKind>,
    /// In this province, GB/T 2260.
    pub province: Option<String>,
    /// On this host.
    pub host: Option<String>,
    /// At this address.
    pub ip: Option<String>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Whose line holds this text.
    pub text: Option<String>,
    /// Opened in this span, microseconds UTC, end exclusive.
    pub opened: Option<(i64, i64)>,
    /// First counted as handled in this span.
    pub counted: Option<(i64, i64)>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncidentSort {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

impl IncidentFilter {
    pub(super) fn condition(&self, reach: &Reach) -> Condition {
        let mut all = reach.condition();
        if !self.states.is_empty() {
            all = all.add(Column::State.is_in(self.states.iter().map(|state| Text(*state))));
        }
        if !self.kinds.is_empty() {
            all = all.add(Column::Kind.is_in(self.kinds.iter().map(|kind| Text(*kind))));
        }
        for (column, value) in [
            (Column::Province, &self.province),
            (Column::Host, &self.host),
            (Column::Ip, &self.ip),
        ] {
            if let Some(value) = value {
                all = all.add(column.eq(value.as_str()));
            }
        }
        if let Some(campaign) = self.campaign {
            all = all.add(Column::CampaignId.eq(Text(campaign)));
        }
        if let Some(text) = &self.text {
            all = all.add(Column::What.contains(text.as_str()));
        }
        for (column, span) in [
            (Column::OpenedAt, self.opened),
            (Column::CountedAt, self.counted),
        ] {
            if let Some((from, to)) = span {
                all = all.add(column.gte(from)).add(column.lt(to));
            }
        }
        all
    }
}

impl Ledger {
    /// Incidents that a filter lets through.
    pub async fn incidents(
        &self,
        filter: &IncidentFilter,
        reach: &Reach,
        sort: IncidentSort,
        page: Page,
    ) -> Result<Vec<Incident>> {
        let select = Entity::find().filter(filter.condition(reach));
        let select = match sort {
            IncidentSort::Newest => select.order_by_desc(Column::Number),
            IncidentSort::Oldest => select.order_by_asc(Column::Number),
        };
        let found = select.offset(page.offset).limit(page.limit);
        Ok(found.all(self.reader()).await?)
    }

    /// How many incidents a filter lets through.
    pub async fn incident_count(&self, filter: &IncidentFilter, reach: &Reach) -> Result<u64> {
        let select = Entity::find().filter(filter.condition(reach));
        Ok(select.count(self.reader()).await?)
    }

    /// An incident by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none within `reach`.
    pub async fn incident(&self, id: IncidentId, reach: &Reach) -> Result<Incident> {
        load(self.reader(), id, reach).await
    }

    /// An incident by its number.
    ///
    /// # Errors
    /// As [`Ledger::incident`].
    pub async fn incident_numbered(&self, number: i64, reach: &Reach) -> Result<Incident> {
        Entity::find()
            .filter(Column::Number.eq(number))
            .filter(reach.condition())
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("incident", number))
    }

    /// The events that joined an incident within reach, oldest first.
    pub async fn incident_events(
        &self,
        id: IncidentId,
        reach: &Reach,
        page: Page,
    ) -> Result<Vec<IncidentEvent>> {
        load(self.reader(), id, reach).await?;
        Ok(joined::Entity::find()
            .filter(joined::Column::IncidentId.eq(Text(id)))
            .order_by_asc(joined::Column::Day)
            .order_by_asc(joined::Column::EventId)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// The incidents that an event joined.
    pub async fn incidents_of_event(&self, event: [u8; 16]) -> Result<Vec<IncidentEvent>> {
        Ok(joined::Entity::find()
            .filter(joined::Column::EventId.eq(event.to_vec()))
            .all(self.reader())
            .await?)
    }

    /// Numbers of the incidents within reach that events joined, as pairs of event and number.
    pub async fn incidents_of_events(
        &self,
        events: &[[u8; 16]],
        reach: &Reach,
    ) -> Result<Vec<([u8; 16], i64)>> {
        let mut pairs = Vec::new();
        // As many at a time as any database takes in one statement.
        for events in events.chunks(500) {
            let ids = events.iter().map(|id| id.to_vec());
            let joined = joined::Entity::find()
                .filter(joined::Column::EventId.is_in(ids))
                .all(self.reader())
                .await?;
            let wanted: std::collections::BTreeSet<_> = joined
                .iter()
                .map(|row| row.incident_id.to_string())
                .collect();
            let numbers: std::collections::BTreeMap<String, i64> = Entity::find()
                .filter(Column::Id.is_in(wanted))
                .filter(reach.condition())
                .all(self.reader())
                .await?
                .into_iter()
                .map(|incident| (incident.id.to_string(), incident.number))
                .collect();
            pairs.extend(joined.into_iter().filter_map(|row| {
                let number = *numbers.get(&row.incident_id.to_string())?;
                Some((row.event_id.try_into().ok()?, number))
            }));
        }
        pairs.sort_unstable();
        Ok(pairs)
    }

    /// What was written about an incident within reach, oldest first.
    pub async fn incident_notes(&self, id: IncidentId, reach: &Reach) -> Result<Vec<IncidentNote>> {
        load(self.reader(), id, reach).await?;
        Ok(note::Entity::find()
            .filter(note::Column::IncidentId.eq(Text(id)))
            .order_by_asc(note::Column::Id)
            .all(self.reader())
            .await?)
    }
}
