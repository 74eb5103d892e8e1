//! Appeals: somebody who is named, on a block list or in an incident, says that it is wrong. A lead decides, with a
//! reason; an appeal that is right takes the entry off in the same transaction.

use model::ids::IncidentId;
use model::newsroom::Right;
use model::outside::{AppealAbout, AppealState};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::account::Actor;
use crate::audit::{self, NewAudit};
use crate::submitted::{self, NewSubmitted, With};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Page, Reach, Result, directive, incident, listing};

mod row {
    use model::ids::IncidentId;
    use model::outside::{AppealAbout, AppealState};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An appeal. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "appeal")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// What whoever sent it holds: not guessable.
        #[serde(skip)]
        pub receipt: String,
        /// What it is about.
        pub about: Text<AppealAbout>,
        /// The name, address or number that it is about, as it was written.
        pub object: String,
        /// Why.
        pub body: String,
        /// Who sent it.
        pub name: Option<String>,
        /// Where they are reached.
        pub address: Option<String>,
        /// Their language, `zh` or `en`.
        pub language: String,
        /// Where it stands.
        pub state: Text<AppealState>,
        /// The entry that was taken off.
        pub listing_id: Option<i64>,
        /// The incident that it was found to be about.
        pub incident_id: Option<Text<IncidentId>>,
        /// When it came.
        pub received_at: i64,
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

pub use row::Model as Appeal;
use row::{ActiveModel, Column, Entity};

/// An appeal to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAppeal {
    /// What whoever sends it holds, drawn by the caller.
    pub receipt: String,
    /// What it is about.
    pub about: AppealAbout,
    /// The name, address or number that it is about.
    pub object: String,
    /// Why.
    pub body: String,
    /// Who sends it.
    pub name: Option<String>,
    /// Where they are reached.
    pub address: Option<String>,
    /// Their language.
    pub language: &'static str,
    /// When it came, microseconds UTC, where that was before it was stored: a public node took it.
    pub received_at: Option<i64>,
}

/// What a lead decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Whether it is right.
    pub upheld: bool,
    /// Why so.
    pub reason: String,
    /// The entry of a block list to be taken off, if it is right.
    pub listing: Option<i64>,
    /// Number of the incident that it is about.
    pub incident: Option<i64>,
}

fn object(id: i64) -> String {
    format!("appeal {id}")
}

async fn load<C: ConnectionTrait>(db: &C, id: i64) -> Result<Appeal> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::not_found("appeal", id))
}

impl Ledger {
    /// Stores an appeal with the files that came with it, all or nothing. Audited. Returns its number. A receipt
    /// that is there already changes nothing and gives the number it has.
    pub async fn file_appeal(
        &self,
        new: NewAppeal,
        files: Vec<NewSubmitted>,
        actor: &str,
        now: i64,
    ) -> Result<i64> {
        let own = |text: &str| without_nul(text).into_owned();
        let tx = self.begin().await?;
        let known = Entity::find().filter(Column::Receipt.eq(new.receipt.as_str()));
        if let Some(known) = known.one(&tx).await? {
            return Ok(known.id);
        }
        let row = ActiveModel {
            id: NotSet,
            receipt: Set(new.receipt),
            about: Set(Text(new.about)),
            object: Set(own(&new.object)),
            body: Set(own(&new.body)),
            name: Set(new.name.as_deref().map(own)),
            address: Set(new.address.as_deref().map(own)),
            language: Set(new.language.to_owned()),
            state: Set(Text(AppealState::Waiting)),
            listing_id: Set(None),
            incident_id: Set(None),
            received_at: Set(new.received_at.unwrap_or(now)),
            decided_at: Set(None),
            decided_by: Set(None),
            decision: Set(None),
        };
        let id = Entity::insert(row).exec(&tx).await?.last_insert_id;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "appeal.add".to_owned(),
            object: object(id),
            detail: json!({ "about": new.about, "files": files.len() }),
        };
        submitted::add(&tx, With::Appeal(id), files, now).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Appeals in a state, or all; those that wait longest first, else the newest first.
    pub async fn appeals(&self, state: Option<AppealState>, page: Page) -> Result<Vec<Appeal>> {
        let select = match state {
            Some(AppealState::Waiting) => Entity::find()
                .filter(Column::State.eq(Text(AppealState::Waiting)))
                .order_by_asc(Column::Id),
            Some(state) => Entity::find()
                .filter(Column::State.eq(Text(state)))
                .order_by_desc(Column::Id),
            None => Entity::find().order_by_desc(Column::Id),
        };
        let found = select.offset(page.offset).limit(page.limit);
        Ok(found.all(self.reader()).await?)
    }

    /// How many appeals wait.
    pub async fn appeals_waiting(&self) -> Result<u64> {
        let waiting = Entity::find().filter(Column::State.eq(Text(AppealState::Waiting)));
        Ok(waiting.count(self.reader()).await?)
    }

    /// How many appeals came since an instant.
    pub async fn appeals_since(&self, since: i64) -> Result<u64> {
        let late = Entity::find().filter(Column::ReceivedAt.gte(since));
        Ok(late.count(self.writer()?).await?)
    }

    /// Every appeal that came since an instant: what a public node may tell those who hold its receipt.
    pub async fn appeals_told_since(&self, since: i64) -> Result<Vec<Appeal>> {
        let late = Entity::find().filter(Column::ReceivedAt.gte(since));
        Ok(late.order_by_asc(Column::Id).all(self.reader()).await?)
    }

    /// An appeal.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn appeal(&self, id: i64) -> Result<Appeal> {
        load(self.reader(), id).await
    }

    /// The appeal whose receipt this is.
    pub async fn appeal_of(&self, receipt: &str) -> Result<Option<Appeal>> {
        let found = Entity::find().filter(Column::Receipt.eq(receipt));
        Ok(found.one(self.reader()).await?)
    }

    /// Says which incident a waiting appeal is about, and lets the time of whoever was asked about it stand still until
    /// the appeal is decided. A person's act: an appeal alone holds nothing, for anybody can send one. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the appeal or the incident; [`Error::Conflict`] if it was decided already.
    pub async fn hold_for_appeal(
        &self,
        by: &Actor,
        id: i64,
        number: i64,
        now: i64,
    ) -> Result<Appeal> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let mut appeal = load(&tx, id).await?;
        if appeal.state.0 != AppealState::Waiting {
            return Err(Error::conflict(object(id), "was decided already"));
        }
        let incident = incident::numbered(&tx, number, &Reach::All).await?;
        if let Some(before) = appeal.incident().filter(|before| *before != incident) {
            directive::stand(&tx, before, (false, id), by.login(), now).await?;
        }
        directive::stand(&tx, incident, (true, id), by.login(), now).await?;
        appeal.incident_id = Some(Text(incident));
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "appeal.hold".to_owned(),
            object: object(id),
            detail: json!({ "incident": incident }),
        };
        Entity::update(ActiveModel::from(appeal.clone()).reset_all())
            .exec(&tx)
            .await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(appeal)
    }

    /// Decides an appeal. One that is right takes its entry, and every live entry of the same value, off the
    /// block lists in the same transaction; the incident it is about gets a note. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the appeal, the entry or the incident; [`Error::Conflict`] if it was
    /// decided already, the reason is empty, or an appeal that is not right names an entry to be taken off.
    pub async fn decide_appeal(
        &self,
        by: &Actor,
        id: i64,
        judged: Judged,
        now: i64,
    ) -> Result<Appeal> {
        by.must(Right::Lead)?;
        let reason = without_nul(judged.reason.trim()).into_owned();
        let conflict = |why: &str| Err(Error::conflict(object(id), why));
        if reason.is_empty() {
            return conflict("needs a reason: whoever sent it will ask for it");
        }
        let tx = self.begin().await?;
        let mut appeal = load(&tx, id).await?;
        if appeal.state.0 != AppealState::Waiting {
            return conflict("was decided already");
        }
        if judged.listing.is_some() && !judged.upheld {
            return conflict("is declined: then nothing is taken off the block list");
        }
        if let Some(entry) = judged.listing {
            let why = format!("appeal {id}: {reason}");
            listing::take_off(&tx, entry, &why, by.login(), now).await?;
        }
        let about = match judged.incident {
            Some(number) => Some(incident::numbered(&tx, number, &Reach::All).await?),
            None => None,
        };
        appeal.state = Text(match judged.upheld {
            true => AppealState::Upheld,
            false => AppealState::Declined,
        });
        if let Some(held) = appeal.incident() {
            directive::stand(&tx, held, (false, id), by.login(), now).await?;
        }
        if let Some(incident) = about {
            let note = format!("appeal {id} {}: {reason}", appeal.state);
            incident::write_note(&tx, incident, &note, by.login(), now).await?;
            appeal.incident_id = Some(Text(incident));
        }
        appeal.listing_id = judged.listing;
        appeal.decided_at = Some(now);
        appeal.decided_by = Some(by.login().to_owned());
        appeal.decision = Some(reason);
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "appeal.decide".to_owned(),
            object: object(id),
            detail: json!({ "state": appeal.state, "listing": appeal.listing_id,
                "incident": appeal.incident_id, "reason": appeal.decision }),
        };
        Entity::update(ActiveModel::from(appeal.clone()).reset_all())
            .exec(&tx)
            .await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(appeal)
    }
}

impl Appeal {
    /// The incident that it was found to be about.
    pub fn incident(&self) -> Option<IncidentId> {
        self.incident_id.map(|id| id.0)
    }
}
