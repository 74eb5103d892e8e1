//! Complaints: what somebody reported, with the receipt they hold. A complaint joins an incident or is
//! refused with a reason; complaints, incidents and notices are counted apart.

use model::ids::{ComplaintId, IncidentId};
use model::incident::CaseKind;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{QueryOrder, QuerySelect, QueryTrait};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{self, NewIncident};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Page, Result, counter, job};

mod row {
    use model::ids::{ComplaintId, IncidentId};
    use model::incident::CaseKind;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// Where a complaint stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "kebab-case")]
    pub enum ComplaintState {
        /// It belongs to an incident.
        #[sea_orm(string_value = "joined")]
        Joined,
        /// A person must decide.
        #[sea_orm(string_value = "waiting")]
        Waiting,
        /// It leads to nothing; the reason says why.
        #[sea_orm(string_value = "refused")]
        Refused,
    }

    /// A complaint. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "complaint")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<ComplaintId>,
        /// Its number, for the staff.
        pub number: i64,
        /// The receipt its reporter holds: not guessable, and no number.
        pub receipt: String,
        /// By which road it came: `mail`, `api`, `csv`, `form`.
        pub via: String,
        /// The message it came in.
        pub message: Option<String>,
        /// What it is about.
        pub kind: Text<CaseKind>,
        /// In one line.
        pub what: String,
        /// What it names, JSON text.
        pub observables: String,
        /// What the reporter wrote.
        pub body: String,
        /// The reporter's address.
        #[serde(skip)]
        pub reporter: Option<String>,
        /// The reporter's name.
        #[serde(skip)]
        pub reporter_name: Option<String>,
        /// Where it stands.
        pub state: ComplaintState,
        /// Why it was refused, or waits.
        pub reason: Option<String>,
        /// The incident it belongs to.
        pub incident_id: Option<Text<IncidentId>>,
        /// When it was received.
        pub received_at: i64,
        /// When its receipt went out.
        pub receipt_at: Option<i64>,
        /// When its reporter was told how it ended.
        pub outcome_at: Option<i64>,
        /// Language its reporter reads, where they chose one: `zh` or `en`.
        pub language: Option<String>,
        /// When it was decided what becomes of it, if it waited.
        pub decided_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

mod filing;

pub use filing::{FORM, READ_COMPLAINT};
pub use row::{ComplaintState, Model as Complaint};

/// A complaint to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewComplaint {
    /// Its id, drawn by the caller.
    pub id: ComplaintId,
    /// The receipt, drawn by the caller.
    pub receipt: String,
    /// By which road it came.
    pub via: String,
    /// The message it came in.
    pub message: Option<String>,
    /// What it is about.
    pub kind: CaseKind,
    /// In one line.
    pub what: String,
    /// What it names.
    pub observables: serde_json::Value,
    /// What the reporter wrote.
    pub body: String,
    /// The reporter's address.
    pub reporter: Option<String>,
    /// The reporter's name.
    pub reporter_name: Option<String>,
    /// When it was received, microseconds UTC.
    pub received_at: i64,
    /// Whether its reporter may be told that it arrived: a job asks for it.
    pub tell: bool,
}

/// Kind of the job that tells a reporter that a complaint arrived; its key is the complaint's id.
pub const TELL_REPORTER: &str = "tell-reporter";

/// What becomes of a complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It opens an incident.
    Opens(Box<NewIncident>),
    /// It joins one.
    Joins(IncidentId),
    /// A person must decide; the reason says why.
    Waits(String),
    /// It leads to nothing; the reason says why.
    Refused(String),
}

fn plain(text: String) -> String {
    without_nul(&text).into_owned()
}

/// State, its reason, and the incident.
type Befallen = (ComplaintState, Option<String>, Option<IncidentId>);

/// The row of a complaint.
fn row_of(new: NewComplaint, number: i64, (state, reason, incident): Befallen) -> ActiveModel {
    ActiveModel {
        id: Set(Text(new.id)),
        number: Set(number),
        receipt: Set(new.receipt),
        via: Set(new.via),
        message: Set(new.message),
        kind: Set(Text(new.kind)),
        what: Set(plain(new.what)),
        observables: Set(new.observables.to_string()),
        body: Set(plain(new.body)),
        reporter: Set(new.reporter.map(plain)),
        reporter_name: Set(new.reporter_name.map(plain)),
        state: Set(state),
        reason: Set(reason),
        incident_id: Set(incident.map(Text)),
        received_at: Set(new.received_at),
        receipt_at: Set(None),
        outcome_at: Set(None),
        language: Set(None),
        decided_at: Set(None),
    }
}

impl Ledger {
    /// Stores a complaint and what becomes of it, all or nothing. Audited. Returns its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the incident it opens was opened by somebody else meanwhile.
    pub async fn add_complaint(
        &self,
        new: NewComplaint,
        fate: Fate,
        actor: &str,
        now: i64,
    ) -> Result<i64> {
        let tx = self.begin().await?;
        let number = counter::next(&tx, counter::COMPLAINT).await?;
        let (state, reason, incident) = settle(&tx, fate, actor, now).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "complaint.add".to_owned(),
            object: format!("complaint {}", new.id),
            detail: json!({ "via": new.via, "kind": new.kind, "incident": incident, "reason": reason }),
        };
        if new.tell {
            let tell = crate::NewJob {
                kind: TELL_REPORTER.to_owned(),
                key: new.id.to_string(),
                payload: "{}".to_owned(),
                run_at: 0,
            };
            job::enqueue(&tx, tell, now).await?;
        }
        let row = row_of(new, number, (state, reason, incident));
        Entity::insert(row).exec_without_returning(&tx).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Complaints in a state, the newest first.
    pub async fn complaints(
        &self,
        state: Option<ComplaintState>,
        page: Page,
    ) -> Result<Vec<Complaint>> {
        let mut select = Entity::find().order_by_desc(Column::Number);
        if let Some(state) = state {
            select = select.filter(Column::State.eq(state));
        }
        Ok(select
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Complaints about an incident, the oldest first.
    pub async fn complaints_about(&self, incident: IncidentId) -> Result<Vec<Complaint>> {
        Ok(Entity::find()
            .filter(Column::IncidentId.eq(Text(incident)))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?)
    }

    /// Complaints that came in a message, by number.
    pub async fn complaints_in(&self, message: &str) -> Result<Vec<Complaint>> {
        Ok(Entity::find()
            .filter(Column::Message.eq(message))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?)
    }

    /// A complaint.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn complaint(&self, id: ComplaintId) -> Result<Complaint> {
        Entity::find_by_id(Text(id))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("complaint", id))
    }

    /// Complaints whose reporter got a receipt and was not told yet how it ended, though it did.
    pub async fn complaints_to_answer(&self) -> Result<Vec<Complaint>> {
        let ended = incident::Entity::find()
            .select_only()
            .column(incident::Column::Id)
            .filter(incident::Column::State.eq(Text(model::incident::IncidentState::Closed)))
            .into_query();
        Ok(Entity::find()
            .filter(Column::ReceiptAt.is_not_null())
            .filter(Column::OutcomeAt.is_null())
            .filter(Column::IncidentId.in_subquery(ended))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?)
    }

    /// The complaint whose receipt this is.
    pub async fn complaint_of(&self, receipt: &str) -> Result<Option<Complaint>> {
        Ok(Entity::find()
            .filter(Column::Receipt.eq(receipt))
            .one(self.reader())
            .await?)
    }

    /// How many complaints were received in a span (microseconds UTC, end exclusive).
    pub async fn complaints_received(&self, (from, to): (i64, i64)) -> Result<u64> {
        Ok(Entity::find()
            .filter(Column::ReceivedAt.gte(from))
            .filter(Column::ReceivedAt.lt(to))
            .count(self.reader())
            .await?)
    }

    /// Marks that a reporter was told: of the receipt, or of the outcome.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such complaint.
    pub async fn reporter_told(&self, id: ComplaintId, outcome: bool, now: i64) -> Result<()> {
        told(self.writer()?, id, outcome, now).await
    }
}

/// What a fate comes to, inside a transaction: state, reason and incident; the incident counts one complaint more.
async fn settle<C: ConnectionTrait>(db: &C, fate: Fate, actor: &str, now: i64) -> Result<Befallen> {
    let (state, reason, incident) = match fate {
        Fate::Opens(opened) => {
            let id = opened.id;
            incident::open(db, vec![*opened], actor, now).await?;
            (ComplaintState::Joined, None, Some(id))
        }
        Fate::Joins(id) => (ComplaintState::Joined, None, Some(id)),
        Fate::Waits(reason) => (ComplaintState::Waiting, Some(plain(reason)), None),
        Fate::Refused(reason) => (ComplaintState::Refused, Some(plain(reason)), None),
    };
    if let Some(id) = incident {
        incident::Entity::update_many()
            .col_expr(
                incident::Column::Complaints,
                Expr::col(incident::Column::Complaints).add(1),
            )
            .col_expr(
                incident::Column::Version,
                Expr::col(incident::Column::Version).add(1),
            )
            .col_expr(incident::Column::ChangedAt, Expr::value(now))
            .filter(incident::Column::Id.eq(Text(id)))
            .exec(db)
            .await?;
    }
    Ok((state, reason, incident))
}

/// Marks that a reporter was told, inside a transaction.
pub(crate) async fn told<C: ConnectionTrait>(
    db: &C,
    id: ComplaintId,
    outcome: bool,
    now: i64,
) -> Result<()> {
    let column = match outcome {
        true => Column::OutcomeAt,
        false => Column::ReceiptAt,
    };
    let done = Entity::update_many()
        .col_expr(column, Expr::value(now))
        .filter(Column::Id.eq(Text(id)))
        .exec(db)
        .await?;
    match done.rows_affected {
        0 => Err(Error::not_found("complaint", id)),
        _ => Ok(()),
    }
}
