//! What a shift watches: parties whose time runs, who has not answered, and how the week goes against the last.

use model::ids::OrganizationId;
use model::incident::{CaseKind, IncidentState};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect, QueryTrait};

use crate::directive::{self, Directive, DirectiveState};
use crate::incident::{self, Incident, Period, Reach};
use crate::text::Text;
use crate::{Ledger, Result};

/// A directive whose time runs, and its incident.
#[derive(Clone, Debug)]
pub struct Running {
    /// The directive.
    pub directive: Directive,
    /// Its incident.
    pub incident: Incident,
}

/// How many directives a party has not answered, and since when the oldest.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Unanswered {
    /// The party.
    pub organization_id: Text<OrganizationId>,
    /// How many.
    pub count: i64,
    /// When the first of them was asked, microseconds UTC.
    pub since: i64,
}

/// Incidents of one kind whose deciding instant lies in one part of a span.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Pace {
    /// Number of the part, from 0.
    pub part: i64,
    /// What they are about.
    pub kind: Text<CaseKind>,
    /// Why they cross the border; empty if they do not.
    pub border: String,
    /// How many.
    pub count: i64,
}

impl Ledger {
    /// Directives whose party was asked and has not acted, of live incidents within reach that no look
    /// found gone; those whose time is over first, up to `limit`.
    pub async fn running(&self, reach: &Reach, limit: u64) -> Result<Vec<Running>> {
        let live = incident::Entity::find()
            .select_only()
            .column(incident::Column::Id)
            .filter(reach.condition())
            .filter(incident::Column::GoneAt.is_null())
            .filter(
                incident::Column::State
                    .is_not_in([IncidentState::Closed, IncidentState::Merged].map(Text)),
            )
            .into_query();
        let directives = directive::Entity::find()
            .filter(
                directive::Column::State.is_in([DirectiveState::Asked, DirectiveState::Answered]),
            )
            .filter(directive::Column::EscalatedAt.is_null())
            .filter(directive::Column::DueAt.is_not_null())
            .filter(directive::Column::IncidentId.in_subquery(live))
            .order_by_asc(directive::Column::DueAt)
            .order_by_asc(directive::Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?;
        let mut out = Vec::with_capacity(directives.len());
        for directive in directives {
            let incident = self.incident(directive.incident_id.0, reach).await?;
            out.push(Running {
                directive,
                incident,
            });
        }
        Ok(out)
    }

    /// Parties that were asked and said nothing, those asked longest ago first.
    pub async fn unanswered(&self, reach: &Reach) -> Result<Vec<Unanswered>> {
        let mine = incident::Entity::find()
            .select_only()
            .column(incident::Column::Id)
            .filter(reach.condition())
            .into_query();
        Ok(directive::Entity::find()
            .select_only()
            .column(directive::Column::OrganizationId)
            .column_as(directive::Column::Id.count(), "count")
            .column_as(directive::Column::AskedAt.min(), "since")
            .filter(directive::Column::State.eq(DirectiveState::Asked))
            .filter(directive::Column::OrganizationId.is_not_null())
            .filter(directive::Column::AskedAt.is_not_null())
            .filter(directive::Column::IncidentId.in_subquery(mine))
            .group_by(directive::Column::OrganizationId)
            .order_by_asc(directive::Column::AskedAt.min())
            .into_model::<Unanswered>()
            .all(self.reader())
            .await?)
    }

    /// How incidents within reach came in a span (microseconds UTC, end exclusive) that is cut into parts
    /// of `part` microseconds; empty parts are left out.
    pub async fn pace(
        &self,
        period: Period,
        reach: &Reach,
        (from, to): (i64, i64),
        part: i64,
    ) -> Result<Vec<Pace>> {
        let at = period.column();
        let number = Expr::col(at).sub(from).div(std::cmp::max(part, 1));
        Ok(incident::Entity::find()
            .select_only()
            .column_as(number.clone(), "part")
            .column(incident::Column::Kind)
            .column(incident::Column::Border)
            .column_as(incident::Column::Id.count(), "count")
            .filter(reach.condition())
            .filter(period.counting((from, to)))
            .group_by(number)
            .group_by(incident::Column::Kind)
            .group_by(incident::Column::Border)
            .into_model::<Pace>()
            .all(self.reader())
            .await?)
    }
}
