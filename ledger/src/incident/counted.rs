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

impl Ledger {
    /// Incidents whose deciding instant lies in `span` (microseconds UTC, end exclusive), grouped. For
    /// [`Period::Handled`] invalid, duplicate and bulk-stale ones are left out, also if they were
    /// closed so later.
    pub async fn count_incidents(
        &self,
        period: Period,
        (from, to): (i64, i64),
    ) -> Result<Vec<IncidentCount>> {
        let at = match period {
            Period::Handled => Column::CountedAt,
            Period::Opened => Column::OpenedAt,
            Period::VerifiedGone => Column::GoneAt,
            Period::Closed => Column::ClosedAt,
        };
        let mut select = Entity::find()
            .select_only()
            .column(Column::Kind)
            .column(Column::Border)
            .column(Column::Territory)
            .column(Column::Resolution)
            .column_as(Column::Id.count(), "count")
            .filter(at.gte(from))
            .filter(at.lt(to))
            .filter(Column::State.ne(Text(IncidentState::Merged)));
        if period == Period::Handled {
            let not = [
                Resolution::Invalid,
                Resolution::Duplicate,
                Resolution::Stale,
            ];
            select = select.filter(
                Condition::any()
                    .add(Column::Resolution.is_null())
                    .add(Column::Resolution.is_not_in(not.map(Text))),
            );
        }
        Ok(select
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
