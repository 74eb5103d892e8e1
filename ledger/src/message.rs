//! Mail that came in: one row a message, named by its bytes, beside the blob that holds them. Intake
//! stores it and asks for a job; response reads it. Nothing is acknowledged to a mail server before
//! this row is committed.

use model::ids::{IncidentId, NoticeId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};

use crate::text::{Text, without_nul};
use crate::{Error, Hash, Ledger, Page, Result, job};

mod row {
    use model::ids::{IncidentId, NoticeId};
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::text::Text;

    /// Where a message stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "kebab-case")]
    pub enum MessageState {
        /// Archived; nobody has read it.
        #[sea_orm(string_value = "new")]
        New,
        /// Read, and what it said is stored.
        #[sea_orm(string_value = "handled")]
        Handled,
        /// Read; a person must decide.
        #[sea_orm(string_value = "waiting")]
        Waiting,
        /// It could not be read; the reason says why.
        #[sea_orm(string_value = "quarantined")]
        Quarantined,
    }

    /// A message. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "message")]
    pub struct Model {
        /// Hash of its bytes as text: the same mail twice is one message.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Its bytes.
        pub blob: Hash,
        /// Where it was taken from: mailbox and UID, or file.
        pub origin: String,
        /// Its Message-ID, if it has one.
        pub message_id: Option<String>,
        /// Who sent it, by its From.
        pub sender: String,
        /// Its subject.
        pub subject: String,
        /// What it is: `complaint`, `reply`, `bounce`, `feed` ...; empty until it is read.
        pub nature: String,
        /// Where it stands.
        pub state: MessageState,
        /// What came of it, or why not.
        pub reason: Option<String>,
        /// What a reply proposes; a person or a rule decides.
        pub proposal: Option<String>,
        /// The notice it answers.
        pub notice_id: Option<Text<NoticeId>>,
        /// The incident it belongs to.
        pub incident_id: Option<Text<IncidentId>>,
        /// When it was received.
        pub received_at: i64,
        /// When it was read.
        pub handled_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

mod settling;

pub use settling::{MessageFilter, Settled};

pub use row::{MessageState, Model as Message};

/// Kind of the job that reads a message; its key is the message's id.
pub const READ_MESSAGE: &str = "read-message";

/// A message to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Its bytes, kept already.
    pub blob: Hash,
    /// Where it was taken from.
    pub origin: String,
    /// Its Message-ID, by a scan that cannot fail.
    pub message_id: Option<String>,
    /// When it was received, microseconds UTC.
    pub received_at: i64,
}

/// What reading a message told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRead {
    /// Who sent it.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// What it is.
    pub nature: String,
    /// Where it stands now.
    pub state: MessageState,
    /// What came of it, or why not.
    pub reason: Option<String>,
    /// What a reply proposes.
    pub proposal: Option<String>,
    /// The notice it answers.
    pub notice: Option<NoticeId>,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
}

/// Stores a message that was read already, inside a transaction: what a party wrote in the portal. The same bytes
/// again change nothing.
pub(crate) async fn add_read<C: ConnectionTrait>(
    db: &C,
    new: NewMessage,
    read: MessageRead,
    now: i64,
) -> Result<String> {
    let own = |text: &str| without_nul(text).into_owned();
    let id = new.blob.to_string();
    let row = ActiveModel {
        id: Set(id.clone()),
        blob: Set(new.blob),
        origin: Set(own(&new.origin)),
        message_id: Set(new.message_id),
        sender: Set(own(&read.sender)),
        subject: Set(own(&read.subject)),
        nature: Set(read.nature),
        state: Set(read.state),
        reason: Set(read.reason.map(|text| own(&text))),
        proposal: Set(read.proposal),
        notice_id: Set(read.notice.map(Text)),
        incident_id: Set(read.incident.map(Text)),
        received_at: Set(new.received_at),
        handled_at: Set(Some(now)),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(id)
}

/// Whether a message has these bytes.
pub(crate) async fn has_blob<C: ConnectionTrait>(db: &C, blob: &Hash) -> Result<bool> {
    // A message's id is the name of its bytes.
    let found = Entity::find_by_id(blob.to_string()).one(db).await?;
    Ok(found.is_some())
}

impl Ledger {
    /// Stores a message and asks for it to be read, in one transaction; the same bytes again change
    /// nothing. Whether it is new.
    pub async fn receive_message(&self, new: NewMessage, now: i64) -> Result<bool> {
        let tx = self.begin().await?;
        let id = new.blob.to_string();
        let row = ActiveModel {
            id: Set(id.clone()),
            blob: Set(new.blob),
            origin: Set(without_nul(&new.origin).into_owned()),
            message_id: Set(new.message_id.map(|id| without_nul(&id).into_owned())),
            sender: Set(String::new()),
            subject: Set(String::new()),
            nature: Set(String::new()),
            state: Set(MessageState::New),
            reason: Set(None),
            proposal: Set(None),
            notice_id: Set(None),
            incident_id: Set(None),
            received_at: Set(new.received_at),
            handled_at: Set(None),
        };
        let stored = Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(&tx)
            .await?;
        if stored > 0 {
            let read = crate::NewJob {
                kind: READ_MESSAGE.to_owned(),
                key: id,
                payload: "{}".to_owned(),
                run_at: 0,
            };
            job::enqueue(&tx, read, now).await?;
        }
        tx.commit().await?;
        Ok(stored > 0)
    }

    /// Stores what reading a message told.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn message_read(&self, id: &str, read: MessageRead, now: i64) -> Result<()> {
        let own = |text: String| without_nul(&text).into_owned();
        let row = ActiveModel {
            id: Set(id.to_owned()),
            sender: Set(own(read.sender)),
            subject: Set(own(read.subject)),
            nature: Set(read.nature),
            state: Set(read.state),
            reason: Set(read.reason.map(own)),
            proposal: Set(read.proposal),
            notice_id: Set(read.notice.map(Text)),
            incident_id: Set(read.incident.map(Text)),
            handled_at: Set(Some(now)),
            ..Default::default()
        };
        match Entity::update(row).exec(self.writer()?).await {
            Err(sea_orm::DbErr::RecordNotUpdated) => Err(Error::not_found("message", id)),
            done => Ok(done.map(drop)?),
        }
    }

    /// Messages in a state, the newest first.
    pub async fn messages(&self, state: Option<MessageState>, page: Page) -> Result<Vec<Message>> {
        let mut select = Entity::find()
            .order_by_desc(Column::ReceivedAt)
            .order_by_asc(Column::Id);
        if let Some(state) = state {
            select = select.filter(Column::State.eq(state));
        }
        Ok(select
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Messages per state.
    pub async fn message_counts(&self) -> Result<Vec<(MessageState, i64)>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Id.count(), "count")
            .group_by(Column::State)
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    /// A message by its id, or by the beginning of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none or more than one.
    pub async fn message(&self, id: &str) -> Result<Message> {
        let mut found = Entity::find()
            .filter(Column::Id.starts_with(id))
            .limit(2)
            .all(self.reader())
            .await?;
        match (found.pop(), found.is_empty()) {
            (Some(message), true) => Ok(message),
            _ => Err(Error::not_found("message", id)),
        }
    }

    /// Messages that belong to an incident, the oldest first.
    pub async fn messages_of(&self, incident: IncidentId) -> Result<Vec<Message>> {
        Ok(Entity::find()
            .filter(Column::IncidentId.eq(Text(incident)))
            .order_by_asc(Column::ReceivedAt)
            .all(self.reader())
            .await?)
    }
}
