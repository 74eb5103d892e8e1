//! What the handling figures are read from (DOMAIN 1.4, I1 to I7; 5.2 and 5.3): incidents handled in a
//! span, incidents opened in one and how each of them went on, and what was in hand at its end.
//!
//! Every question goes by the instants of the rows, so that a week asked about again gives the same
//! answer unless one of its own incidents changed. What became part of another incident, and what was
//! closed as invalid, duplicate or stale, is in no answer but the stock's.

use std::collections::BTreeMap;

use model::ids::{IncidentId, OrganizationId};
use model::incident::{Border, CaseKind, IncidentState, Resolution};
use model::organization::Role;
use model::verification::Finding;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect, QueryTrait, Select};

use crate::incident::{Column, Entity};
use crate::text::Text;
use crate::{Ledger, Result, bulk, directive, organization, verification};

/// An incident as the handling figures read it. Instants are microseconds UTC.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct HandlingRow {
    /// Its id.
    pub id: Text<IncidentId>,
    /// Its number, for people.
    pub number: i64,
    /// What it is about.
    pub kind: Text<CaseKind>,
    /// How far it is.
    pub state: Text<IncidentState>,
    /// The address of the page or file.
    pub url: Option<String>,
    /// What its rule joins by.
    pub key: String,
    /// Why it crosses the border: labels separated by blanks.
    pub border: String,
    /// How it ended.
    pub resolution: Option<Text<Resolution>>,
    /// When it was opened.
    pub opened_at: i64,
    /// When the first notice went out.
    pub noticed_at: Option<i64>,
    /// When a party first said it has it.
    pub acknowledged_at: Option<i64>,
    /// When a party first said it acted.
    pub acted_at: Option<i64>,
    /// When a look first found it gone.
    pub gone_at: Option<i64>,
    /// When it ended.
    pub closed_at: Option<i64>,
    /// When the row was last changed.
    pub changed_at: i64,
}

impl HandlingRow {
    /// Why it crosses the border, each reason once; empty if it does not.
    pub fn borders(&self) -> Vec<Border> {
        let words = self.border.split_whitespace();
        let mut all: Vec<Border> = words.filter_map(|word| word.parse().ok()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// When the harm was over, microseconds UTC: found gone, or closed as cleaned, patched or restored
    /// on a party's word.
    pub fn ended_at(&self) -> Option<i64> {
        let by_word = self
            .resolution
            .is_some_and(|resolution| resolution.0.ends_harm());
        self.gone_at.or(self.closed_at.filter(|_| by_word))
    }
}

/// A party that was asked about an incident.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct AskedParty {
    /// The incident.
    pub incident_id: Text<IncidentId>,
    /// In which role it was asked.
    pub role: Text<Role>,
    /// The party.
    pub organization_id: Option<Text<OrganizationId>>,
    /// When it acted, by its word, microseconds UTC.
    pub acted_at: Option<i64>,
}

/// What is in hand, in a span of weeks or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stock {
    /// Opened in the span.
    Opened,
    /// Closed in the span, however.
    Closed,
    /// At its end neither closed nor found gone.
    Open,
    /// Of these, those that a party was asked about whose time was over and who had not acted.
    Overdue,
    /// Of the open ones, defaced sites of the government.
    Government,
}

impl Stock {
    /// Incidents in it at the end of the span (microseconds UTC, end exclusive).
    pub(crate) fn select(self, (from, to): (i64, i64)) -> Select<Entity> {
        let select = Entity::find()
            .filter(Column::State.ne(Text(IncidentState::Merged)))
            .filter(Column::CountsElsewhere.eq(false));
        let not_by = |column: Column| Condition::any().add(column.is_null()).add(column.gte(to));
        let open = |select: Select<Entity>| {
            select
                .filter(Column::OpenedAt.lt(to))
                .filter(not_by(Column::ClosedAt))
                .filter(not_by(Column::GoneAt))
        };
        match self {
            Stock::Opened => select
                .filter(Column::OpenedAt.gte(from))
                .filter(Column::OpenedAt.lt(to)),
            Stock::Closed => select
                .filter(Column::ClosedAt.gte(from))
                .filter(Column::ClosedAt.lt(to)),
            Stock::Open => open(select),
            Stock::Overdue => {
                let late = directive::Entity::find()
                    .select_only()
                    .column(directive::Column::IncidentId)
                    .filter(directive::Column::AskedAt.is_not_null())
                    .filter(directive::Column::DueAt.lt(to))
                    .filter(
                        Condition::any()
                            .add(directive::Column::ActedAt.is_null())
                            .add(directive::Column::ActedAt.gte(to)),
                    )
                    .into_query();
                open(select).filter(Column::Id.in_subquery(late))
            }
            Stock::Government => open(select)
                .filter(Column::Kind.eq(Text(CaseKind::Defacement)))
                .filter(Column::Flags.contains("government")),
        }
    }
}

/// Those that may count: not part of another, not counted elsewhere, not invalid, duplicate or stale.
pub(crate) fn counting() -> Select<Entity> {
    let not = [
        Resolution::Invalid,
        Resolution::Duplicate,
        Resolution::Stale,
    ];
    Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Number,
            Column::Kind,
            Column::State,
            Column::Url,
            Column::Key,
            Column::Border,
            Column::Resolution,
            Column::OpenedAt,
            Column::NoticedAt,
            Column::AcknowledgedAt,
            Column::ActedAt,
            Column::GoneAt,
            Column::ClosedAt,
            Column::ChangedAt,
        ])
        .filter(Column::State.ne(Text(IncidentState::Merged)))
        .filter(Column::CountsElsewhere.eq(false))
        .filter(
            Condition::any()
                .add(Column::Resolution.is_null())
                .add(Column::Resolution.is_not_in(not.map(Text))),
        )
        .order_by_asc(Column::Number)
}

impl Ledger {
    /// When the first incident ever counted as handled, microseconds UTC, whatever became of it since;
    /// before that handling figures are not available.
    pub async fn handling_began(&self) -> Result<Option<i64>> {
        let first: Option<Option<i64>> = Entity::find()
            .select_only()
            .column_as(Column::CountedAt.min(), "first")
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(first.flatten())
    }

    /// Incidents that count as handled in a span (microseconds UTC, end exclusive), by number.
    pub async fn incidents_handled(&self, (from, to): (i64, i64)) -> Result<Vec<HandlingRow>> {
        Ok(counting()
            .filter(Column::CountedAt.gte(from))
            .filter(Column::CountedAt.lt(to))
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// Incidents opened in a span (microseconds UTC, end exclusive), by number: the cohort whose times to
    /// acknowledgement and takedown are measured.
    pub async fn incidents_opened(&self, (from, to): (i64, i64)) -> Result<Vec<HandlingRow>> {
        Ok(counting()
            .filter(Column::OpenedAt.gte(from))
            .filter(Column::OpenedAt.lt(to))
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// Who was asked about these incidents, in the order of each one's parties.
    pub async fn parties_asked(&self, ids: &[IncidentId]) -> Result<Vec<AskedParty>> {
        let mut found: Vec<AskedParty> = Vec::new();
        for chunk in ids.chunks(bulk::LIST) {
            found.extend(
                directive::Entity::find()
                    .select_only()
                    .columns([
                        directive::Column::IncidentId,
                        directive::Column::Role,
                        directive::Column::OrganizationId,
                        directive::Column::ActedAt,
                    ])
                    .filter(directive::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                    .filter(directive::Column::AskedAt.is_not_null())
                    .order_by_asc(directive::Column::IncidentId)
                    .order_by_asc(directive::Column::Place)
                    .order_by_asc(directive::Column::Id)
                    .into_model()
                    .all(self.reader())
                    .await?,
            );
        }
        Ok(found)
    }

    /// English and Chinese name of organizations, in use or not.
    pub async fn organization_names(
        &self,
        ids: &[OrganizationId],
    ) -> Result<BTreeMap<OrganizationId, (String, String)>> {
        let mut names = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows: Vec<(Text<OrganizationId>, String, String)> = organization::Entity::find()
                .select_only()
                .columns([
                    organization::Column::Id,
                    organization::Column::NameEn,
                    organization::Column::NameZh,
                ])
                .filter(organization::Column::Id.is_in(chunk.iter().map(|id| Text(*id))))
                .into_tuple()
                .all(self.reader())
                .await?;
            names.extend(rows.into_iter().map(|(id, en, zh)| (id.0, (en, zh))));
        }
        Ok(names)
    }

    /// What the last look at each of these incidents found; one that nobody looked at is not there.
    pub async fn last_findings(&self, ids: &[IncidentId]) -> Result<BTreeMap<IncidentId, Finding>> {
        let mut last = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows: Vec<(Text<IncidentId>, Text<Finding>)> = verification::Entity::find()
                .select_only()
                .columns([
                    verification::Column::IncidentId,
                    verification::Column::Finding,
                ])
                .filter(verification::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .order_by_asc(verification::Column::At)
                .order_by_asc(verification::Column::Id)
                .into_tuple()
                .all(self.reader())
                .await?;
            last.extend(rows.into_iter().map(|(id, finding)| (id.0, finding.0)));
        }
        Ok(last)
    }

    /// How many incidents are in a stock, in a span (microseconds UTC, end exclusive) or at its end.
    pub async fn stock(&self, of: Stock, span: (i64, i64)) -> Result<u64> {
        Ok(of.select(span).count(self.reader()).await?)
    }

    /// Their numbers, in order.
    pub async fn stock_numbers(&self, of: Stock, span: (i64, i64)) -> Result<Vec<i64>> {
        Ok(of
            .select(span)
            .select_only()
            .column(Column::Number)
            .order_by_asc(Column::Number)
            .into_tuple()
            .all(self.reader())
            .await?)
    }
}
