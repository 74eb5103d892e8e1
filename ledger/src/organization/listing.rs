//! Parties as people look for them: by name, address, what they answer for, role and place, with how their
//! contacts are and when they last answered.

use std::collections::BTreeMap;

use sea_orm::{QuerySelect, QueryTrait};

use super::*;
use crate::directive;

/// Which organizations. Everything that is empty does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartyFilter {
    /// Whose names, addresses or responsibilities hold this text.
    pub text: Option<String>,
    /// That hold this role.
    pub role: Option<Role>,
    /// Of this country, two letters.
    pub country: Option<String>,
    /// Of this province, GB/T 2260.
    pub province: Option<String>,
    /// Only those with a contact in use from which mail came back.
    pub bounced: bool,
    /// Also those that are not in use any more.
    pub ended: bool,
    /// After this one in the order of the list: English name and id of the last of the page before.
    pub after: Option<(String, OrganizationId)>,
}

/// An organization with what a list says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyRow {
    /// The organization.
    pub organization: Organization,
    /// Contacts that may be used.
    pub contacts: u64,
    /// Contacts in use from which mail came back.
    pub bounced: u64,
    /// When it last answered or acted, microseconds UTC.
    pub last_answered_at: Option<i64>,
}

/// Contacts that count for less than when they were entered: mail to them came back.
fn came_back() -> Condition {
    Condition::all()
        .add(contact::Column::Active.eq(true))
        .add(contact::Column::Quality.lt(100))
}

impl PartyFilter {
    fn select(&self) -> Select<Entity> {
        let mut select = Entity::find();
        if !self.ended {
            select = select.filter(Column::Active.eq(true));
        }
        if let Some(text) = &self.text {
            let address = contact::Entity::find()
                .select_only()
                .column(contact::Column::OrganizationId)
                .filter(contact::Column::Address.contains(text.as_str()))
                .into_query();
            let duty = responsibility::Entity::find()
                .select_only()
                .column(responsibility::Column::OrganizationId)
                .filter(responsibility::Column::Active.eq(true))
                .filter(responsibility::Column::Value.contains(text.as_str()))
                .into_query();
            let any = Condition::any()
                .add(Column::NameZh.contains(text.as_str()))
                .add(Column::NameEn.contains(text.as_str()))
                .add(Column::Id.in_subquery(address))
                .add(Column::Id.in_subquery(duty));
            select = select.filter(any);
        }
        if let Some(role) = self.role {
            // Labels are separated by blanks, and none is the beginning of another.
            select = select.filter(Column::Roles.contains(role.to_string()));
        }
        for (column, value) in [
            (Column::Country, &self.country),
            (Column::Province, &self.province),
        ] {
            if let Some(value) = value {
                select = select.filter(column.eq(value.as_str()));
            }
        }
        if self.bounced {
            let back = contact::Entity::find()
                .select_only()
                .column(contact::Column::OrganizationId)
                .filter(came_back())
                .into_query();
            select = select.filter(Column::Id.in_subquery(back));
        }
        select
    }
}

impl Ledger {
    /// Organizations that a filter lets through, by English name, at most `limit`.
    pub async fn parties(&self, filter: &PartyFilter, limit: u64) -> Result<Vec<PartyRow>> {
        let mut select = filter
            .select()
            .order_by_asc(Column::NameEn)
            .order_by_asc(Column::Id)
            .limit(limit);
        if let Some((name, id)) = &filter.after {
            let same = Condition::all()
                .add(Column::NameEn.eq(name.as_str()))
                .add(Column::Id.gt(Text(*id)));
            let later = Condition::any()
                .add(Column::NameEn.gt(name.as_str()))
                .add(same);
            select = select.filter(later);
        }
        let found = select.all(self.reader()).await?;
        let ids: Vec<_> = found.iter().map(|row| row.id).collect();
        let mut contacts: BTreeMap<OrganizationId, (u64, u64)> = BTreeMap::new();
        let mut answered: BTreeMap<OrganizationId, i64> = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let all = contact::Entity::find()
                .filter(contact::Column::OrganizationId.is_in(chunk.iter().copied()))
                .filter(contact::Column::Active.eq(true))
                .all(self.reader())
                .await?;
            for one in all {
                let entry = contacts.entry(one.organization_id.0).or_default();
                entry.0 += u64::from(!one.opted_out && one.quality > 0);
                entry.1 += u64::from(one.quality < 100);
            }
            let rows: Vec<(Text<OrganizationId>, Option<i64>, Option<i64>)> =
                directive::Entity::find()
                    .select_only()
                    .column(directive::Column::OrganizationId)
                    .column_as(directive::Column::AnsweredAt.max(), "answered")
                    .column_as(directive::Column::ActedAt.max(), "acted")
                    .filter(directive::Column::OrganizationId.is_in(chunk.iter().copied()))
                    .group_by(directive::Column::OrganizationId)
                    .into_tuple()
                    .all(self.reader())
                    .await?;
            for (id, first, second) in rows {
                answered.extend(first.max(second).map(|at| (id.0, at)));
            }
        }
        Ok(found
            .into_iter()
            .map(|organization| {
                let id = organization.id.0;
                let (usable, bounced) = contacts.get(&id).copied().unwrap_or_default();
                PartyRow {
                    organization,
                    contacts: usable,
                    bounced,
                    last_answered_at: answered.get(&id).copied(),
                }
            })
            .collect())
    }

    /// How many organizations a filter lets through, all pages together.
    pub async fn party_count(&self, filter: &PartyFilter) -> Result<u64> {
        Ok(filter.select().count(self.reader()).await?)
    }

    /// A contact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn contact(&self, id: ContactId) -> Result<Contact> {
        contact::Entity::find_by_id(Text(id))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("contact", id))
    }
}
