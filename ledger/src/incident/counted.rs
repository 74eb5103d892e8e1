//! Counting incidents: what the handling figures are made of, straight from stored rows.

use sea_orm::FromQueryResult;

use super::*;

/// Which instant of an incident decides the week it counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// First asked about, with an outcome recorded: the default (DOMAIN 5.2).
    Handled,
    /// Opened.
    Opened,
    /// Found gone by verification.
    VerifiedGone,
    /// Closed.
    Closed,
}

/// Incidents of one kind, place and ending.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, serde::Serialize)]
pub struct IncidentCount {
    /// What they are about.
    pub kind: Text<CaseKind>,
    /// Why they cross the border; empty if they do not.
    pub border: String,
    /// Where the resource lies.
    pub territory: String,
    /// How they ended.
    pub resolution: Option<Text<Resolution>>,
    /// How many.
    pub count: i64,
}

/// Incidents of one kind in one campaign, or in none.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, serde::Serialize)]
pub struct CampaignCount {
    /// What they are about.
    pub kind: Text<CaseKind>,
    /// The campaign.
    pub campaign_id: Option<Text<CampaignId>>,
    /// How many.
    pub count: i64,
}

impl Period {
    /// The column of its instant.
    pub(crate) fn column(self) -> Column {
        match self {
            Period::Handled => Column::CountedAt,
            Period::Opened => Column::OpenedAt,
            Period::VerifiedGone => Column::GoneAt,
            Period::Closed => Column::ClosedAt,
        }
    }

    /// Which incidents count in a span.
    pub(crate) fn counting(self, span: (i64, i64)) -> Condition {
        counting(self, span)
    }
}

fn counting(period: Period, (from, to): (i64, i64)) -> Condition {
    let at = period.column();
    let mut all = Condition::all()
        .add(at.gte(from))
        .add(at.lt(to))
        .add(Column::State.ne(Text(IncidentState::Merged)))
        .add(Column::CountsElsewhere.eq(false));
    if period == Period::Handled {
        let not = [
            Resolution::Invalid,
            Resolution::Duplicate,
            Resolution::Stale,
        ];
        all = all.add(
            Condition::any()
                .add(Column::Resolution.is_null())
                .add(Column::Resolution.is_not_in(not.map(Text))),
        );
    }
    all
}

impl Ledger {
    /// The incidents that [`Ledger::count_incidents`] counts, by kind and campaign.
    pub async fn count_campaigns(
        &self,
        period: Period,
        span: (i64, i64),
    ) -> Result<Vec<CampaignCount>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Kind)
            .column(Column::CampaignId)
            .column_as(Column::Id.count(), "count")
            .filter(counting(period, span))
            .group_by(Column::Kind)
            .group_by(Column::CampaignId)
            .order_by_asc(Column::Kind)
            .order_by_asc(Column::CampaignId)
            .into_model::<CampaignCount>()
            .all(self.reader())
            .await?)
    }

    /// The incidents that a filter lets through, by kind and campaign.
    pub async fn incident_campaigns(
        &self,
        filter: &IncidentFilter,
        reach: &Reach,
    ) -> Result<Vec<CampaignCount>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Kind)
            .column(Column::CampaignId)
            .column_as(Column::Id.count(), "count")
            .filter(filter.condition(reach))
            .group_by(Column::Kind)
            .group_by(Column::CampaignId)
            .into_model::<CampaignCount>()
            .all(self.reader())
            .await?)
    }

    /// Incidents whose deciding instant lies in `span` (microseconds UTC, end exclusive), grouped. For
    /// [`Period::Handled`] invalid, duplicate and bulk-stale ones are left out, also if they were
    /// closed so later.
    pub async fn count_incidents(
        &self,
        period: Period,
        (from, to): (i64, i64),
    ) -> Result<Vec<IncidentCount>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Kind)
            .column(Column::Border)
            .column(Column::Territory)
            .column(Column::Resolution)
            .column_as(Column::Id.count(), "count")
            .filter(counting(period, (from, to)))
            .group_by(Column::Kind)
            .group_by(Column::Border)
            .group_by(Column::Territory)
            .group_by(Column::Resolution)
            .order_by_asc(Column::Kind)
            .order_by_asc(Column::Border)
            .into_model::<IncidentCount>()
            .all(self.reader())
            .await?)
    }
}
