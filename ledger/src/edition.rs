//! Editions: the life of an issue across its revisions (DESIGN invariant 9).
//!
//! An [`crate::Issue`] row is one frozen revision and never changes but for its approval. What happens
//! around it stands here: when it is due, the snapshot its figures are frozen from, the prose that is being
//! written, every step with its person, comments, what was published as which files, and what arrived too
//! late. A step is never changed or removed; how an issue stands is read from its steps.

mod correcting;
mod hindrance;
mod publishing;
mod signing;

use std::collections::BTreeSet;

use model::newsroom::{EditionState, Right, Step};
use model::worded::Word;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::issue::IssueState;
use crate::text::Text;
use crate::{Actor, Error, Issue, Ledger, Result, issue};

pub use correcting::{Correction, NewCorrection};
pub use hindrance::Hindrance;
pub use publishing::{NewRendition, Rendition};
pub use signing::{Comment, LintOutcome, Review};

mod row {
    use sea_orm::entity::prelude::*;

    /// An issue of a series across its revisions. Days count from 1970-01-01, instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "edition")]
    pub struct Model {
        /// Series.
        #[sea_orm(primary_key, auto_increment = false)]
        pub series: String,
        /// Year of its number.
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        /// Number within the year.
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        /// Monday of its week.
        pub week_start: i32,
        /// Sunday of its week.
        pub week_end: i32,
        /// From when on its figures are frozen by the first draft.
        pub freeze_at: i64,
        /// When it is due.
        pub deadline_at: i64,
        /// The frozen figures, JSON text; `None` before they are frozen.
        #[serde(skip)]
        pub statistics: Option<String>,
        /// The lake's snapshot that they were counted from.
        pub lake_snapshot: Option<i64>,
        /// The instant that the ledger was read at for them.
        pub ledger_as_of: Option<i64>,
        /// When they were frozen.
        pub frozen_at: Option<i64>,
        /// What the editor wrote, JSON text; empty before the first edit.
        #[serde(skip)]
        pub editorial: String,
        /// What the public site keeps of the public revision, JSON text; empty before.
        #[serde(skip)]
        pub digest: String,
        /// The revision that is public.
        pub published_revision: Option<i32>,
        /// When the first was published.
        pub first_published_at: Option<i64>,
        /// When the public one was.
        pub published_at: Option<i64>,
        /// When it was taken back.
        pub withdrawn_at: Option<i64>,
        /// Why, in Chinese.
        pub withdrawn_zh: String,
        /// Why, in English.
        pub withdrawn_en: String,
        /// When it was put away.
        pub archived_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod step {
    use model::newsroom::Step;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A step in the life of an issue.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "edition_step")]
    pub struct Model {
        /// Number given by the ledger; the order.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Series.
        pub series: String,
        /// Year of the issue's number.
        pub year: i32,
        /// Number within the year.
        pub number: i32,
        /// The revision it is about; 0 for the issue as a whole.
        pub revision: i32,
        /// What was done.
        pub step: Text<Step>,
        /// When, microseconds UTC.
        pub at: i64,
        /// Who.
        pub actor: String,
        /// In whose place.
        pub acting_for: Option<String>,
        /// Why.
        pub reason: String,
        /// More, JSON text.
        pub detail: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Edition;
pub use step::Model as EditionStep;

/// Names an issue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct EditionKey {
    /// Series.
    pub series: String,
    /// Year of its number.
    pub year: i32,
    /// Number within the year.
    pub number: i32,
}

impl EditionKey {
    /// `issue weekly 2023-3`, for messages and the audit trail.
    pub fn object(&self) -> String {
        format!("issue {} {}-{}", self.series, self.year, self.number)
    }

    fn refuse<T>(&self, reason: impl Into<String>) -> Result<T> {
        Err(Error::conflict(self.object(), reason.into()))
    }
}

/// An issue to be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEdition {
    /// The issue.
    pub key: EditionKey,
    /// Monday of its week, days since 1970-01-01.
    pub week_start: i32,
    /// Sunday of its week.
    pub week_end: i32,
    /// From when on its figures are frozen, microseconds UTC.
    pub freeze_at: i64,
    /// When it is due.
    pub deadline_at: i64,
}

/// The figures of an issue as they are frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The values, JSON text.
    pub statistics: String,
    /// The lake's snapshot that they were counted from.
    pub lake_snapshot: i64,
    /// The instant that the ledger was read at.
    pub ledger_as_of: i64,
}

impl Edition {
    /// Names it.
    pub fn key(&self) -> EditionKey {
        EditionKey {
            series: self.series.clone(),
            year: self.year,
            number: self.number,
        }
    }

    /// How it stands, given its newest revision's number and state (`None` before the first) and its steps.
    pub fn standing(
        &self,
        newest: Option<(i32, IssueState)>,
        steps: &[EditionStep],
    ) -> EditionState {
        let reviewed = newest.is_some_and(|(revision, _)| {
            let of_this = |kind| {
                let found = steps
                    .iter()
                    .rfind(|step| step.revision == revision && step.step.0 == kind);
                found.map(|step| step.id)
            };
            of_this(Step::Review)
                .is_some_and(|good| of_this(Step::Return).is_none_or(|bad| bad < good))
        });
        self.state(newest, reviewed)
    }

    /// How it stands, given its newest revision (`None` before the first) and whether that was reviewed.
    pub fn state(&self, newest: Option<(i32, IssueState)>, reviewed: bool) -> EditionState {
        let Some((revision, state)) = newest else {
            return EditionState::Planned;
        };
        if self.withdrawn_at.is_some() {
            return EditionState::Withdrawn;
        }
        if self.published_revision == Some(revision) {
            return match self.archived_at {
                Some(_) => EditionState::Archived,
                None => EditionState::Published,
            };
        }
        match (state, reviewed) {
            (IssueState::Approved, _) => EditionState::Approved,
            (IssueState::Draft, true) => EditionState::Reviewed,
            (IssueState::Draft, false) => EditionState::Drafted,
        }
    }
}

/// The row of an issue, if it was planned.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, key: &EditionKey) -> Result<Option<Edition>> {
    let id = (key.series.clone(), key.year, key.number);
    Ok(Entity::find_by_id(id).one(db).await?)
}

async fn load<C: ConnectionTrait>(db: &C, key: &EditionKey) -> Result<Edition> {
    let found = find(db, key).await?;
    found.ok_or_else(|| {
        Error::not_found(
            "issue",
            format!("{} {}-{}", key.series, key.year, key.number),
        )
    })
}

/// Changes some columns of an issue's row.
async fn change<C: ConnectionTrait, const N: usize>(
    db: &C,
    key: &EditionKey,
    columns: [(Column, Expr); N],
) -> Result<()> {
    let mut update = Entity::update_many()
        .filter(Column::Series.eq(&key.series))
        .filter(Column::Year.eq(key.year))
        .filter(Column::Number.eq(key.number));
    for (column, value) in columns {
        update = update.col_expr(column, value);
    }
    update.exec(db).await?;
    Ok(())
}

/// What a step says besides its kind.
pub(crate) struct Said<'a> {
    pub actor: &'a str,
    pub acting_for: Option<&'a str>,
    pub reason: &'a str,
    pub detail: serde_json::Value,
}

impl<'a> Said<'a> {
    fn by(actor: &'a Actor, reason: &'a str, detail: serde_json::Value) -> Self {
        Said {
            actor: actor.login(),
            acting_for: actor.acting_for(),
            reason,
            detail,
        }
    }
}

/// Writes a step, and the same into the audit trail.
pub(crate) async fn record<C: ConnectionTrait>(
    db: &C,
    key: &EditionKey,
    (revision, kind): (i32, Step),
    said: Said<'_>,
    now: i64,
) -> Result<()> {
    let row = step::ActiveModel {
        id: NotSet,
        series: Set(key.series.clone()),
        year: Set(key.year),
        number: Set(key.number),
        revision: Set(revision),
        step: Set(Text(kind)),
        at: Set(now),
        actor: Set(said.actor.to_owned()),
        acting_for: Set(said.acting_for.map(str::to_owned)),
        reason: Set(said.reason.to_owned()),
        detail: Set(said.detail.to_string()),
    };
    step::Entity::insert(row).exec_without_returning(db).await?;
    let object = match revision {
        0 => key.object(),
        _ => format!("{} revision {revision}", key.object()),
    };
    let mut detail = said.detail;
    if let Some(fields) = detail.as_object_mut() {
        if !said.reason.is_empty() {
            fields.insert("reason".to_owned(), json!(said.reason));
        }
        if let Some(other) = said.acting_for {
            fields.insert("acting_for".to_owned(), json!(other));
        }
    }
    let entry = NewAudit {
        actor: said.actor.to_owned(),
        action: format!("issue.{}", kind.label()),
        object,
        detail,
    };
    audit::append(db, entry, now).await
}

fn steps_of(key: &EditionKey) -> Select<step::Entity> {
    step::Entity::find()
        .filter(step::Column::Series.eq(&key.series))
        .filter(step::Column::Year.eq(key.year))
        .filter(step::Column::Number.eq(key.number))
        .order_by_asc(step::Column::Id)
}

/// Everyone who wrote what is not public yet: they drafted, edited or froze it since the public revision was
/// drafted. None of them may review or approve it.
pub fn writers(steps: &[EditionStep]) -> BTreeSet<&str> {
    let public = steps.iter().rfind(|step| step.step.0 == Step::Publish);
    let since = public.and_then(|public| {
        let drafted =
            |step: &EditionStep| step.step.0 == Step::Draft && step.revision == public.revision;
        steps.iter().rposition(drafted)
    });
    let since = since.map_or(0, |at| at + 1);
    steps[since..]
        .iter()
        .filter(|step| matches!(step.step.0, Step::Draft | Step::Edit | Step::Refreeze))
        .map(|step| step.actor.as_str())
        .collect()
}

impl Ledger {
    /// Plans an issue. One that is planned already gets the new dates, if they differ.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the number belongs to another week.
    pub async fn plan_edition(&self, new: NewEdition, actor: &str, now: i64) -> Result<Edition> {
        let tx = self.begin().await?;
        let key = new.key.clone();
        let dates = json!({ "freeze_at": new.freeze_at, "deadline_at": new.deadline_at });
        let said = Said {
            actor,
            acting_for: None,
            reason: "",
            detail: dates,
        };
        if let Some(found) = find(&tx, &key).await? {
            if found.week_start != new.week_start {
                return key.refuse("is the issue of another week already");
            }
            if (found.freeze_at, found.deadline_at) == (new.freeze_at, new.deadline_at) {
                return Ok(found);
            }
            let columns = [
                (Column::FreezeAt, Expr::value(new.freeze_at)),
                (Column::DeadlineAt, Expr::value(new.deadline_at)),
            ];
            change(&tx, &key, columns).await?;
            record(&tx, &key, (0, Step::Plan), said, now).await?;
            let row = load(&tx, &key).await?;
            tx.commit().await?;
            return Ok(row);
        }
        let row = Edition {
            series: key.series.clone(),
            year: key.year,
            number: key.number,
            week_start: new.week_start,
            week_end: new.week_end,
            freeze_at: new.freeze_at,
            deadline_at: new.deadline_at,
            statistics: None,
            lake_snapshot: None,
            ledger_as_of: None,
            frozen_at: None,
            editorial: String::new(),
            digest: String::new(),
            published_revision: None,
            first_published_at: None,
            published_at: None,
            withdrawn_at: None,
            withdrawn_zh: String::new(),
            withdrawn_en: String::new(),
            archived_at: None,
        };
        Entity::insert(ActiveModel::from(row.clone()).reset_all())
            .exec_without_returning(&tx)
            .await?;
        record(&tx, &key, (0, Step::Plan), said, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// An issue's row.
    pub async fn edition(&self, key: &EditionKey) -> Result<Option<Edition>> {
        find(self.reader(), key).await
    }

    /// Issues of a series, newest week first.
    pub async fn editions(&self, series: &str) -> Result<Vec<Edition>> {
        let select = Entity::find()
            .filter(Column::Series.eq(series))
            .order_by_desc(Column::WeekStart);
        Ok(select.all(self.reader()).await?)
    }

    /// Every step of an issue, first first.
    pub async fn edition_steps(&self, key: &EditionKey) -> Result<Vec<EditionStep>> {
        Ok(steps_of(key).all(self.reader()).await?)
    }

    /// Freezes the figures of an issue. Anew only with a reason: the revision that was written from the old
    /// ones can no longer be approved.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not planned; [`Error::Conflict`] if it is frozen and no reason is given,
    /// or withdrawn.
    pub async fn freeze_edition(
        &self,
        key: &EditionKey,
        frozen: Frozen,
        by: &Actor,
        reason: &str,
        now: i64,
    ) -> Result<Edition> {
        by.must(Right::Edit)?;
        let tx = self.begin().await?;
        let before = load(&tx, key).await?;
        if before.withdrawn_at.is_some() {
            return key.refuse("is withdrawn");
        }
        let kind = match before.statistics {
            None => Step::Freeze,
            Some(_) if reason.trim().is_empty() => {
                return key.refuse("is frozen: freezing it anew needs a reason");
            }
            Some(_) => Step::Refreeze,
        };
        let digest = blake3::hash(frozen.statistics.as_bytes())
            .to_hex()
            .to_string();
        let columns = [
            (Column::Statistics, Expr::value(frozen.statistics)),
            (Column::LakeSnapshot, Expr::value(frozen.lake_snapshot)),
            (Column::LedgerAsOf, Expr::value(frozen.ledger_as_of)),
            (Column::FrozenAt, Expr::value(now)),
        ];
        change(&tx, key, columns).await?;
        let detail = json!({ "lake_snapshot": frozen.lake_snapshot, "statistics": digest });
        record(&tx, key, (0, kind), Said::by(by, reason, detail), now).await?;
        let row = load(&tx, key).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Stores what the editor wrote. The same text changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not planned, [`Error::Conflict`] if it is withdrawn.
    pub async fn save_editorial(
        &self,
        key: &EditionKey,
        editorial: &str,
        by: &Actor,
        now: i64,
    ) -> Result<bool> {
        by.must(Right::Edit)?;
        let tx = self.begin().await?;
        let before = load(&tx, key).await?;
        if before.withdrawn_at.is_some() {
            return key.refuse("is withdrawn");
        }
        if before.editorial == editorial {
            return Ok(false);
        }
        let columns = [(Column::Editorial, Expr::value(editorial.to_owned()))];
        change(&tx, key, columns).await?;
        // The text itself stands in the step, so that what was written before can be read again.
        let detail = json!({ "editorial": editorial });
        record(&tx, key, (0, Step::Edit), Said::by(by, "", detail), now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// The newest revision of an issue.
async fn newest<C: ConnectionTrait>(db: &C, key: &EditionKey) -> Result<Option<Issue>> {
    let select = issue::of_number(&key.series, key.year, key.number)
        .order_by_desc(issue::Column::Revision)
        .limit(1);
    Ok(select.one(db).await?)
}
