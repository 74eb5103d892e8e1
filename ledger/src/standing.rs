//! What the handling figures are read from, as it is or as it stood at an earlier instant.
//!
//! [`crate::handled`] answers for today. A published figure is checked against what was known when it was
//! frozen: [`Ledger::standing`] gives the same answers for that instant, from the rows that have not
//! changed since and from those that have, rewound along the audit trail.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::{IncidentId, OrganizationId};
use model::incident::{CaseKind, IncidentState, Resolution};
use model::verification::Finding;
use sea_orm::QueryOrder;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;

use crate::handled::{AskedParty, HandlingRow, Stock, counting};
use crate::incident::{Column, Incident};
use crate::text::Text;
use crate::{Ledger, Result, bulk, directive, verification};

/// The incidents of a ledger at an instant. Spans are microseconds UTC, end exclusive.
#[derive(Debug)]
pub struct Standing<'a> {
    ledger: &'a Ledger,
    /// The instant and what changed since, as it stood then; `None`: now.
    then: Option<(i64, Vec<Incident>)>,
}

impl From<&Incident> for HandlingRow {
    fn from(row: &Incident) -> Self {
        HandlingRow {
            id: row.id,
            number: row.number,
            kind: row.kind,
            state: row.state,
            url: row.url.clone(),
            key: row.key.clone(),
            border: row.border.clone(),
            resolution: row.resolution,
            opened_at: row.opened_at,
            noticed_at: row.noticed_at,
            acknowledged_at: row.acknowledged_at,
            acted_at: row.acted_at,
            gone_at: row.gone_at,
            closed_at: row.closed_at,
            changed_at: row.changed_at,
        }
    }
}

/// Whether a row may count: the rule of [`counting`] for a row at hand.
fn counts(row: &Incident) -> bool {
    let out = row
        .resolution
        .is_some_and(|resolution| !Resolution::counts(resolution.0));
    row.state.0 != IncidentState::Merged && !row.counts_elsewhere && !out
}

fn within(at: Option<i64>, (from, to): (i64, i64)) -> bool {
    at.is_some_and(|at| at >= from && at < to)
}

impl Ledger {
    /// The incidents as they stand, or as they stood at an instant. Of those opened at or after `before`
    /// (microseconds UTC) nothing is asked.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn standing(&self, at: Option<i64>, before: i64) -> Result<Standing<'_>> {
        let then = match at {
            Some(at) => Some((at, self.rewound(at, before).await?)),
            None => None,
        };
        Ok(Standing { ledger: self, then })
    }
}

impl Standing<'_> {
    /// The ledger behind it.
    pub fn ledger(&self) -> &Ledger {
        self.ledger
    }

    async fn rows(
        &self,
        column: Column,
        span: (i64, i64),
        instant: fn(&Incident) -> Option<i64>,
    ) -> Result<Vec<HandlingRow>> {
        let mut select = counting()
            .filter(column.gte(span.0))
            .filter(column.lt(span.1));
        if let Some((at, _)) = &self.then {
            select = select.filter(Column::ChangedAt.lte(*at));
        }
        let mut rows: Vec<HandlingRow> = select.into_model().all(self.ledger.reader()).await?;
        if let Some((_, changed)) = &self.then {
            let then = changed
                .iter()
                .filter(|row| counts(row) && within(instant(row), span));
            rows.extend(then.map(HandlingRow::from));
            rows.sort_by_key(|row| row.number);
        }
        Ok(rows)
    }

    /// As [`Ledger::incidents_handled`].
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn incidents_handled(&self, span: (i64, i64)) -> Result<Vec<HandlingRow>> {
        self.rows(Column::CountedAt, span, |row| row.counted_at)
            .await
    }

    /// As [`Ledger::incidents_opened`].
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn incidents_opened(&self, span: (i64, i64)) -> Result<Vec<HandlingRow>> {
        self.rows(Column::OpenedAt, span, |row| Some(row.opened_at))
            .await
    }

    /// As [`Ledger::parties_asked`]; who was asked later was not asked.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn parties_asked(&self, ids: &[IncidentId]) -> Result<Vec<AskedParty>> {
        let Some((at, _)) = &self.then else {
            return self.ledger.parties_asked(ids).await;
        };
        let mut found = Vec::new();
        for row in self.directives(ids, *at).await? {
            found.push(AskedParty {
                incident_id: row.incident_id,
                role: row.role,
                organization_id: row.organization_id,
                acted_at: row.acted_at.filter(|acted| acted <= at),
            });
        }
        Ok(found)
    }

    /// Those asked until an instant, in the order of each incident's parties.
    async fn directives(&self, ids: &[IncidentId], at: i64) -> Result<Vec<directive::Directive>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(bulk::LIST) {
            let select = directive::Entity::find()
                .filter(directive::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(directive::Column::AskedAt.lte(at))
                .order_by_asc(directive::Column::IncidentId)
                .order_by_asc(directive::Column::Place)
                .order_by_asc(directive::Column::Id);
            found.extend(select.all(self.ledger.reader()).await?);
        }
        Ok(found)
    }

    /// As [`Ledger::organization_names`]: names are today's.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn organization_names(
        &self,
        ids: &[OrganizationId],
    ) -> Result<BTreeMap<OrganizationId, (String, String)>> {
        self.ledger.organization_names(ids).await
    }

    /// As [`Ledger::last_findings`], of the looks until then.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn last_findings(&self, ids: &[IncidentId]) -> Result<BTreeMap<IncidentId, Finding>> {
        let Some((at, _)) = &self.then else {
            return self.ledger.last_findings(ids).await;
        };
        let mut last = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows: Vec<(Text<IncidentId>, Text<Finding>)> = verification::Entity::find()
                .select_only()
                .columns([
                    verification::Column::IncidentId,
                    verification::Column::Finding,
                ])
                .filter(verification::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(verification::Column::At.lte(*at))
                .order_by_asc(verification::Column::At)
                .order_by_asc(verification::Column::Id)
                .into_tuple()
                .all(self.ledger.reader())
                .await?;
            last.extend(rows.into_iter().map(|(id, finding)| (id.0, finding.0)));
        }
        Ok(last)
    }

    /// As [`Ledger::stock`].
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn stock(&self, of: Stock, span: (i64, i64)) -> Result<u64> {
        let Some((at, changed)) = &self.then else {
            return self.ledger.stock(of, span).await;
        };
        let select = of.select(span).filter(Column::ChangedAt.lte(*at));
        let same = select.count(self.ledger.reader()).await?;
        let late = match of {
            Stock::Overdue => self.late(changed, *at, span.1).await?,
            _ => BTreeSet::new(),
        };
        let then = changed
            .iter()
            .filter(|row| row.state.0 != IncidentState::Merged && !row.counts_elsewhere)
            .filter(|row| {
                let open = row.opened_at < span.1
                    && row.closed_at.is_none_or(|closed| closed >= span.1)
                    && row.gone_at.is_none_or(|gone| gone >= span.1);
                match of {
                    Stock::Opened => within(Some(row.opened_at), span),
                    Stock::Closed => within(row.closed_at, span),
                    Stock::Open => open,
                    Stock::Overdue => open && late.contains(&row.id.0),
                    Stock::Government => {
                        open && row.kind.0 == CaseKind::Defacement && row.has_flag("government")
                    }
                }
            });
        Ok(same + then.count() as u64)
    }

    /// Of these incidents those of which a party was late at `end`.
    async fn late(&self, of: &[Incident], at: i64, end: i64) -> Result<BTreeSet<IncidentId>> {
        let ids: Vec<IncidentId> = of.iter().map(|row| row.id.0).collect();
        let asked = self.directives(&ids, at).await?;
        Ok(asked
            .into_iter()
            .filter(|row| row.due_at.is_some_and(|due| due < end))
            .filter(|row| row.acted_at.is_none_or(|acted| acted >= end))
            .map(|row| row.incident_id.0)
            .collect())
    }
}
