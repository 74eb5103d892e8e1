//! How a party is reached, by its own word. Language, format and interval hold at once: they change nothing about who
//! reads a notice. A new address, channel or key waits for a lead: whoever stole a party's password could otherwise
//! have its notices, or read them.

use model::ids::ContactId;
use model::organization::{Channel, NoticeFormat};
use model::outside::ChangeState;
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};

use super::*;
use crate::account::Actor;
use crate::organization::{Contact, edit_contact};

mod change {
    use model::ids::OrganizationId;
    use model::outside::ChangeState;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A change that a party asked for. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "contact_change")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The party.
        pub organization_id: Text<OrganizationId>,
        /// The change, JSON text: a [`super::Change`].
        pub change: String,
        /// Whose account asked.
        pub proposed_by: String,
        /// When.
        pub proposed_at: i64,
        /// Where it stands.
        pub state: Text<ChangeState>,
        /// When it was decided.
        pub decided_at: Option<i64>,
        /// By whom.
        pub decided_by: Option<String>,
        /// Why so.
        pub decision: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use change::Model as ContactChange;

/// Changes of one party that may wait at the same time.
const WAITING: u64 = 10;

/// A change to a contact that a lead must accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change", deny_unknown_fields)]
pub enum Change {
    /// Another way to the same desk.
    Reach {
        /// The contact.
        contact: ContactId,
        /// How: label of a [`Channel`].
        channel: String,
        /// Where.
        address: String,
    },
    /// Another key.
    Key {
        /// The contact.
        contact: ContactId,
        /// OpenPGP certificate, armored.
        key: String,
        /// Its fingerprint.
        fingerprint: String,
        /// When it expires, microseconds UTC.
        expires_at: Option<i64>,
    },
}

impl Change {
    /// The contact that it changes.
    pub fn contact(&self) -> ContactId {
        match self {
            Change::Reach { contact, .. } | Change::Key { contact, .. } => *contact,
        }
    }
}

impl ContactChange {
    /// The change itself.
    ///
    /// # Errors
    /// The row was not written by this program.
    pub fn read(&self) -> Result<Change> {
        serde_json::from_str(&self.change)
            .map_err(|error| Error::from(DbErr::Json(format!("change {}: {error}", self.id))))
    }
}

/// What a party may set at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyTerms {
    /// Language of its notices, `zh` or `en`.
    pub language: &'static str,
    /// Notices are gathered so long before they go out, seconds; 0 sends each at once.
    pub interval_secs: i64,
    /// The attachment that each of its contacts wants.
    pub formats: Vec<(ContactId, Option<NoticeFormat>)>,
}

impl Ledger {
    /// The row of a party itself, and its contacts in use.
    pub async fn party_register(
        &self,
        party: &Party,
    ) -> Result<(crate::Organization, Vec<Contact>)> {
        let row = self.organization(party.id).await?;
        let mut contacts = self.contacts(party.id).await?;
        contacts.retain(|one| one.active);
        Ok((row, contacts))
    }

    /// Sets what a party may set at once, all or nothing. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a contact is not the party's.
    pub async fn set_party_terms(
        &self,
        party: &Party,
        terms: PartyTerms,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let found = organization::Entity::find_by_id(Text(party.id))
            .one(&tx)
            .await?;
        let mut row = found.ok_or_else(|| Error::not_found("organization", party.id))?;
        row.language = terms.language.to_owned();
        row.interval_secs = terms.interval_secs;
        organization::set(&tx, row, now).await?;
        for (contact, format) in &terms.formats {
            own(&tx, party.id, *contact).await?;
            let what = json!({ "portal": { "format": format } });
            let set = |row: &mut Contact| row.format = format.map(Text);
            edit_contact(&tx, *contact, what, set, actor, now).await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "portal.terms".to_owned(),
            object: format!("organization {}", party.id),
            detail: json!({ "language": terms.language, "interval_secs": terms.interval_secs }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps a change that a party asks for until a lead decides. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the contact is not the party's, [`Error::Conflict`] if too many wait.
    pub async fn propose_change(
        &self,
        party: &Party,
        new: &Change,
        actor: &str,
        now: i64,
    ) -> Result<i64> {
        let tx = self.begin().await?;
        own(&tx, party.id, new.contact()).await?;
        let waiting = change::Entity::find()
            .filter(change::Column::OrganizationId.eq(Text(party.id)))
            .filter(change::Column::State.eq(Text(ChangeState::Waiting)))
            .count(&tx)
            .await?;
        let object = format!("organization {}", party.id);
        if waiting >= WAITING {
            let why = format!("{WAITING} changes wait already: wait until they are decided");
            return Err(Error::conflict(object, why));
        }
        let text = serde_json::to_string(new).map_err(|error| DbErr::Json(error.to_string()))?;
        let row = change::ActiveModel {
            id: NotSet,
            organization_id: Set(Text(party.id)),
            change: Set(without_nul(&text).into_owned()),
            proposed_by: Set(actor.to_owned()),
            proposed_at: Set(now),
            state: Set(Text(ChangeState::Waiting)),
            decided_at: Set(None),
            decided_by: Set(None),
            decision: Set(None),
        };
        let id = change::Entity::insert(row).exec(&tx).await?.last_insert_id;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "portal.change".to_owned(),
            object,
            detail: json!({ "change": id, "contact": new.contact() }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Changes that a party asked for, the newest first.
    pub async fn party_changes(&self, party: &Party, page: Page) -> Result<Vec<ContactChange>> {
        Ok(change::Entity::find()
            .filter(change::Column::OrganizationId.eq(Text(party.id)))
            .order_by_desc(change::Column::Id)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Changes of all parties in a state, the oldest first.
    pub async fn contact_changes(
        &self,
        state: ChangeState,
        page: Page,
    ) -> Result<Vec<ContactChange>> {
        Ok(change::Entity::find()
            .filter(change::Column::State.eq(Text(state)))
            .order_by_asc(change::Column::Id)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Accepts a change, which holds from then on, or declines it. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or its contact is not the party's any more;
    /// [`Error::Conflict`] if it was decided already, or the reason is empty.
    pub async fn decide_change(
        &self,
        by: &Actor,
        id: i64,
        (accept, reason): (bool, &str),
        now: i64,
    ) -> Result<ContactChange> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let found = change::Entity::find_by_id(id).one(&tx).await?;
        let mut row = found.ok_or_else(|| Error::not_found("change", id))?;
        let conflict = |why: &str| Err(Error::conflict(format!("change {id}"), why));
        if row.state.0 != ChangeState::Waiting {
            return conflict("was decided already");
        }
        if reason.trim().is_empty() {
            return conflict("needs a reason: say how it was checked, or what is wrong");
        }
        if accept {
            let new = row.read()?;
            own(&tx, row.organization_id.0, new.contact()).await?;
            let what = json!({ "change": id, "by": row.proposed_by, "reason": reason });
            let apply = |contact: &mut Contact| match &new {
                Change::Reach {
                    channel, address, ..
                } => {
                    if let Ok(channel) = channel.parse::<Channel>() {
                        contact.channel = Text(channel);
                    }
                    contact.address.clone_from(address);
                    contact.quality = 100;
                    contact.rung = Text(model::organization::Rung::Agreed);
                }
                Change::Key {
                    key, expires_at, ..
                } => {
                    contact.pgp_key = Some(key.clone());
                    contact.pgp_expires_at = *expires_at;
                }
            };
            edit_contact(&tx, new.contact(), what, apply, by.login(), now).await?;
        }
        row.state = Text(match accept {
            true => ChangeState::Accepted,
            false => ChangeState::Declined,
        });
        row.decided_at = Some(now);
        row.decided_by = Some(by.login().to_owned());
        row.decision = Some(without_nul(reason.trim()).into_owned());
        change::Entity::update(change::ActiveModel::from(row.clone()).reset_all())
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "portal.change-decided".to_owned(),
            object: format!("organization {}", row.organization_id),
            detail: json!({ "change": id, "state": row.state, "reason": row.decision }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }
}

/// Refuses a contact that is not the party's, as one that is not there.
async fn own<C: ConnectionTrait>(db: &C, party: OrganizationId, contact: ContactId) -> Result<()> {
    match organization::owns(db, party, contact).await? {
        true => Ok(()),
        false => Err(Error::not_found("contact", contact)),
    }
}
