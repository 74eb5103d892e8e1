//! Organizations: who can act, how each is reached, and what each answers for. Manual entries are
//! protected: an import may propose a change to them and never makes it. Every change is audited.

use model::ids::{ContactId, OrganizationId};
use model::organization::{Channel, NoticeFormat, Role, Rung, Scope, Trust};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::text::Text;
use crate::{Error, Ledger, Result, bulk};

mod row {
    use model::ids::OrganizationId;
    use model::organization::Trust;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An organization.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "organization")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<OrganizationId>,
        /// Name in Chinese.
        pub name_zh: String,
        /// Name in English.
        pub name_en: String,
        /// Its roles, labels separated by blanks.
        pub roles: String,
        /// Country, two letters.
        pub country: Option<String>,
        /// Province, GB/T 2260.
        pub province: Option<String>,
        /// IANA zone of its working hours.
        pub zone: String,
        /// Language of its notices: `zh` or `en`.
        pub language: String,
        /// How far it is trusted.
        pub trust: Text<Trust>,
        /// Whether it may be written to at all.
        pub may_contact: bool,
        /// Whether its resources may be probed.
        pub may_probe: bool,
        /// Why it may not.
        pub mark_reason: Option<String>,
        /// Notices are gathered so long before they go out, seconds; 0 sends each at once.
        pub interval_secs: i64,
        /// Where the entry comes from: `manual`, or the import's name.
        pub source: String,
        /// Whether imports may only propose changes.
        pub protected: bool,
        /// Whether it is in use.
        pub active: bool,
        /// When it was last changed, microseconds UTC.
        pub changed_at: i64,
        /// Raised by every change.
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod contact {
    use model::ids::{ContactId, OrganizationId};
    use model::organization::{Channel, NoticeFormat, Rung};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A way to reach an organization.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "contact")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<ContactId>,
        /// Whose.
        pub organization_id: Text<OrganizationId>,
        /// How.
        pub channel: Text<Channel>,
        /// Where: a mail address, a URL, a folder, or what a person does.
        pub address: String,
        /// Its language, where it is not the organization's.
        pub language: Option<String>,
        /// The attachment it wants beside the text.
        pub format: Option<Text<NoticeFormat>>,
        /// Where it was found.
        pub rung: Text<Rung>,
        /// 100 when it works; bounces and silence lower it, 0 is not used any more.
        pub quality: i32,
        /// Working hours, as `Mon-Fri 09:00-18:00`.
        pub hours: Option<String>,
        /// OpenPGP certificate, armored.
        pub pgp_key: Option<String>,
        /// When that expires, microseconds UTC.
        pub pgp_expires_at: Option<i64>,
        /// Whether it asked not to be written to.
        pub opted_out: bool,
        /// Where the entry comes from.
        pub source: String,
        /// Whether it is in use.
        pub active: bool,
        /// When it was last changed, microseconds UTC.
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod responsibility {
    use model::ids::OrganizationId;
    use model::organization::Scope;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// What an organization answers for.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "responsibility")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Who.
        pub organization_id: Text<OrganizationId>,
        /// Kind of thing.
        pub scope: Text<Scope>,
        /// The thing: CIDR, number, name or code.
        pub value: String,
        /// Where the entry comes from.
        pub source: String,
        /// Whether it holds.
        pub active: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use contact::Model as Contact;
pub use responsibility::Model as Responsibility;
use row::ActiveModel;
pub use row::Model as Organization;
pub(crate) use row::{Column, Entity};

mod listing;
mod merging;
mod undoing;

pub use listing::{PartyFilter, PartyRow};
pub use merging::Merged;
pub use undoing::{Applied, Undone};

impl Organization {
    /// Its id.
    pub fn organization_id(&self) -> OrganizationId {
        self.id.0
    }

    /// Its roles; a word that this version does not know is left out.
    pub fn roles(&self) -> Vec<Role> {
        let words = self.roles.split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Whether it holds a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles().contains(&role)
    }

    /// Its name in `zh` or `en`.
    pub fn name(&self, language: &str) -> &str {
        match language {
            "zh" => &self.name_zh,
            _ => &self.name_en,
        }
    }
}

/// A contact to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContact {
    /// Its id, drawn by the caller.
    pub id: ContactId,
    /// How.
    pub channel: Channel,
    /// Where.
    pub address: String,
    /// Its language, where it is not the organization's.
    pub language: Option<String>,
    /// The attachment it wants.
    pub format: Option<NoticeFormat>,
    /// Where it was found.
    pub rung: Rung,
    /// Working hours.
    pub hours: Option<String>,
    /// OpenPGP certificate, armored, and when it expires.
    pub pgp: Option<(String, Option<i64>)>,
}

/// An organization to be stored, with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    /// Its id, drawn by the caller.
    pub id: OrganizationId,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name_en: String,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Country, two letters.
    pub country: Option<String>,
    /// Province, GB/T 2260.
    pub province: Option<String>,
    /// IANA zone of its working hours.
    pub zone: String,
    /// Language of its notices.
    pub language: String,
    /// Notices are gathered so long, seconds.
    pub interval_secs: i64,
    /// Where the entry comes from.
    pub source: String,
    /// Whether imports may only propose changes.
    pub protected: bool,
    /// How it is reached.
    pub contacts: Vec<NewContact>,
    /// What it answers for.
    pub responsible: Vec<(Scope, String)>,
}

/// The whole register, as routing reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// Organizations in use.
    pub organizations: Vec<Organization>,
    /// Contacts in use, best rung first.
    pub contacts: Vec<Contact>,
    /// What holds.
    pub responsibilities: Vec<Responsibility>,
}

fn object(id: OrganizationId) -> String {
    format!("organization {id}")
}

fn contact_row(
    of: OrganizationId,
    new: NewContact,
    source: &str,
    now: i64,
) -> contact::ActiveModel {
    let (pgp_key, pgp_expires_at) = match new.pgp {
        Some((key, expires)) => (Some(key), expires),
        None => (None, None),
    };
    contact::ActiveModel {
        id: Set(Text(new.id)),
        organization_id: Set(Text(of)),
        channel: Set(Text(new.channel)),
        address: Set(new.address),
        language: Set(new.language),
        format: Set(new.format.map(Text)),
        rung: Set(Text(new.rung)),
        quality: Set(100),
        hours: Set(new.hours),
        pgp_key: Set(pgp_key),
        pgp_expires_at: Set(pgp_expires_at),
        opted_out: Set(false),
        source: Set(source.to_owned()),
        active: Set(true),
        changed_at: Set(now),
    }
}

impl Ledger {
    /// Stores organizations, all or nothing. One audit row each.
    pub async fn add_organizations(
        &self,
        all: Vec<NewOrganization>,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let (mut rows, mut contacts, mut duties, mut records) = (vec![], vec![], vec![], vec![]);
        for new in all {
            records.push(NewAudit {
                actor: actor.to_owned(),
                action: "organization.add".to_owned(),
                object: object(new.id),
                detail: json!({ "name": new.name_en, "roles": new.roles, "source": new.source,
                    "contacts": new.contacts.len(), "responsible": new.responsible.len() }),
            });
            for one in new.contacts {
                contacts.push((contact_row(new.id, one, &new.source, now), 300));
            }
            for (scope, value) in new.responsible {
                let row = responsibility::ActiveModel {
                    id: NotSet,
                    organization_id: Set(Text(new.id)),
                    scope: Set(Text(scope)),
                    value: Set(value),
                    source: Set(new.source.clone()),
                    active: Set(true),
                };
                duties.push((row, 150));
            }
            let roles: Vec<_> = new.roles.iter().map(ToString::to_string).collect();
            let row = ActiveModel {
                id: Set(Text(new.id)),
                name_zh: Set(new.name_zh),
                name_en: Set(new.name_en),
                roles: Set(roles.join(" ")),
                country: Set(new.country),
                province: Set(new.province),
                zone: Set(new.zone),
                language: Set(new.language),
                trust: Set(Text(Trust::Normal)),
                may_contact: Set(true),
                may_probe: Set(true),
                mark_reason: Set(None),
                interval_secs: Set(new.interval_secs),
                source: Set(new.source),
                protected: Set(new.protected),
                active: Set(true),
                changed_at: Set(now),
                version: Set(1),
            };
            rows.push((row, 300));
        }
        bulk::insert(&tx, rows).await?;
        bulk::insert(&tx, contacts).await?;
        bulk::insert(&tx, duties).await?;
        audit::append_all(&tx, records, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds a contact. Audited.
    pub async fn add_contact(
        &self,
        of: OrganizationId,
        new: NewContact,
        source: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        Entity::find_by_id(Text(of))
            .one(&tx)
            .await?
            .ok_or_else(|| Error::not_found("organization", of))?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "contact.add".to_owned(),
            object: object(of),
            detail: json!({ "contact": new.id, "channel": new.channel, "rung": new.rung, "source": source }),
        };
        contact::Entity::insert(contact_row(of, new, source, now))
            .exec_without_returning(&tx)
            .await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Changes an organization's row; `edit` gets it and changes it. Audited with `what`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn edit_organization(
        &self,
        id: OrganizationId,
        what: serde_json::Value,
        edit: impl FnOnce(&mut Organization) + Send,
        actor: &str,
        now: i64,
    ) -> Result<Organization> {
        let tx = self.begin().await?;
        let mut row = Entity::find_by_id(Text(id))
            .one(&tx)
            .await?
            .ok_or_else(|| Error::not_found("organization", id))?;
        edit(&mut row);
        row.changed_at = now;
        row.version += 1;
        Entity::update(ActiveModel::from(row.clone()).reset_all())
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "organization.edit".to_owned(),
            object: object(id),
            detail: what,
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Changes a contact; `edit` gets it and changes it. Audited with `what`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn edit_contact(
        &self,
        id: ContactId,
        what: serde_json::Value,
        edit: impl FnOnce(&mut Contact) + Send,
        actor: &str,
        now: i64,
    ) -> Result<Contact> {
        let tx = self.begin().await?;
        let row = edit_contact(&tx, id, what, edit, actor, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The whole register of what is in use.
    pub async fn register(&self) -> Result<Register> {
        let db = self.reader();
        Ok(Register {
            organizations: Entity::find()
                .filter(Column::Active.eq(true))
                .order_by_asc(Column::Id)
                .all(db)
                .await?,
            contacts: contact::Entity::find()
                .filter(contact::Column::Active.eq(true))
                .order_by_asc(contact::Column::Id)
                .all(db)
                .await?,
            responsibilities: responsibility::Entity::find()
                .filter(responsibility::Column::Active.eq(true))
                .order_by_asc(responsibility::Column::Id)
                .all(db)
                .await?,
        })
    }

    /// Organizations, by name; `text` searches in both names.
    pub async fn organizations(&self, text: Option<&str>) -> Result<Vec<Organization>> {
        let mut select = Entity::find().order_by_asc(Column::NameEn);
        if let Some(text) = text {
            let either = Condition::any()
                .add(Column::NameZh.contains(text))
                .add(Column::NameEn.contains(text));
            select = select.filter(either);
        }
        Ok(select.all(self.reader()).await?)
    }

    /// An organization.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn organization(&self, id: OrganizationId) -> Result<Organization> {
        Entity::find_by_id(Text(id))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("organization", id))
    }

    /// An organization's contacts, in use or not.
    pub async fn contacts(&self, of: OrganizationId) -> Result<Vec<Contact>> {
        Ok(contact::Entity::find()
            .filter(contact::Column::OrganizationId.eq(Text(of)))
            .order_by_asc(contact::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// What an organization answers for.
    pub async fn responsibilities(&self, of: OrganizationId) -> Result<Vec<Responsibility>> {
        Ok(responsibility::Entity::find()
            .filter(responsibility::Column::OrganizationId.eq(Text(of)))
            .order_by_asc(responsibility::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Adds what organizations answer for. Audited.
    pub async fn add_responsibilities(
        &self,
        all: Vec<(OrganizationId, Scope, String)>,
        source: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let told: Vec<_> = all
            .iter()
            .map(|(id, scope, value)| json!([id, scope, value]))
            .collect();
        let rows = all.into_iter().map(|(id, scope, value)| {
            let row = responsibility::ActiveModel {
                id: NotSet,
                organization_id: Set(Text(id)),
                scope: Set(Text(scope)),
                value: Set(value),
                source: Set(source.to_owned()),
                active: Set(true),
            };
            (row, 150)
        });
        bulk::insert(&tx, rows).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "responsibility.add".to_owned(),
            object: "register".to_owned(),
            detail: json!({ "source": source, "all": told }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes responsibilities of an import back that it does not name any more. Audited.
    pub async fn end_responsibilities(
        &self,
        ids: &[i64],
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        for chunk in ids.chunks(bulk::LIST) {
            responsibility::Entity::update_many()
                .col_expr(responsibility::Column::Active, Expr::value(false))
                .filter(responsibility::Column::Id.is_in(chunk.iter().copied()))
                .exec(&tx)
                .await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "responsibility.end".to_owned(),
            object: "register".to_owned(),
            detail: json!({ "ids": ids, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Stores a changed row inside a transaction.
pub(crate) async fn set<C: ConnectionTrait>(db: &C, mut row: Organization, now: i64) -> Result<()> {
    row.changed_at = now;
    row.version += 1;
    Entity::update(ActiveModel::from(row).reset_all())
        .exec(db)
        .await?;
    Ok(())
}

/// Whether a contact is an organization's, and in use.
pub(crate) async fn owns<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<bool> {
    let found = contact::Entity::find_by_id(Text(contact))
        .filter(contact::Column::OrganizationId.eq(Text(organization)))
        .filter(contact::Column::Active.eq(true))
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Changes a contact inside a transaction.
pub(crate) async fn edit_contact<C: ConnectionTrait>(
    db: &C,
    id: ContactId,
    what: serde_json::Value,
    edit: impl FnOnce(&mut Contact) + Send,
    actor: &str,
    now: i64,
) -> Result<Contact> {
    let mut row = contact::Entity::find_by_id(Text(id))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("contact", id))?;
    edit(&mut row);
    row.changed_at = now;
    contact::Entity::update(contact::ActiveModel::from(row.clone()).reset_all())
        .exec(db)
        .await?;
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "contact.edit".to_owned(),
        object: object(row.organization_id.0),
        detail: json!({ "contact": id, "what": what }),
    };
    audit::append(db, record, now).await?;
    Ok(row)
}
