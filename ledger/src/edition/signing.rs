//! Check, review, comments, approval: what stands between a draft and its publication.

use model::newsroom::{Right, Step};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use super::hindrance::{Hindrance, fingerprints, hindrances, prose_changed};
use super::{EditionKey, Said, load, newest, record, steps_of, writers};
use crate::audit::{self, NewAudit};
use crate::issue::{self, IssueState};
use crate::{Actor, Error, Issue, Ledger, Result};

mod comment {
    use sea_orm::entity::prelude::*;

    /// A reviewer's comment.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "edition_comment")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Series.
        pub series: String,
        /// Year of the issue's number.
        pub year: i32,
        /// Number within the year.
        pub number: i32,
        /// The revision that was read.
        pub revision: i32,
        /// What it is about: a section, a block, a statistic; empty for the whole.
        pub place: String,
        /// Who wrote it.
        pub author: String,
        /// What it says.
        pub text: String,
        /// When, microseconds UTC.
        pub at: i64,
        /// Who found it settled.
        pub settled_by: Option<String>,
        /// When.
        pub settled_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use comment::Model as Comment;

/// What the check of a revision came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LintOutcome {
    /// Fingerprints of what blocks.
    pub blocks: Vec<String>,
    /// Fingerprints of what a person must answer for.
    pub asks: Vec<String>,
}

/// A reviewer's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// It is good.
    Passes,
    /// It must be changed.
    Returned,
}

impl Ledger {
    /// Stores what the check of the newest revision came to; returns the findings that nobody answered for.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that revision.
    pub async fn record_lint(
        &self,
        (key, revision): (&EditionKey, i32),
        outcome: &LintOutcome,
        actor: &str,
        now: i64,
    ) -> Result<Vec<String>> {
        let tx = self.begin().await?;
        let row = revision_of(&tx, key, revision).await?;
        let steps = steps_of(key).all(&tx).await?;
        let known = super::hindrance::acknowledged(&steps);
        let open: Vec<String> = outcome
            .asks
            .iter()
            .filter(|ask| !known.contains(ask))
            .cloned()
            .collect();
        let detail = json!({ "hash": row.hash, "blocks": outcome.blocks, "asks": outcome.asks });
        // A check that finds what the last one found is no new step.
        let last = steps
            .iter()
            .rfind(|step| step.step.0 == Step::Lint && step.revision == revision);
        if last.is_none_or(|last| last.detail.as_str() != detail.to_string().as_str()) {
            let said = Said {
                actor,
                acting_for: None,
                reason: "",
                detail,
            };
            record(&tx, key, (revision, Step::Lint), said, now).await?;
        }
        tx.commit().await?;
        Ok(open)
    }

    /// A named person answers for findings that ask.
    ///
    /// # Errors
    /// [`Error::Conflict`] without a reason, or if the last check did not find them.
    pub async fn acknowledge_findings(
        &self,
        (key, revision): (&EditionKey, i32),
        findings: &[String],
        by: &Actor,
        reason: &str,
        now: i64,
    ) -> Result<()> {
        by.must(Right::Review)?;
        if reason.trim().is_empty() {
            return key.refuse("a finding is acknowledged with a reason only");
        }
        let tx = self.begin().await?;
        revision_of(&tx, key, revision).await?;
        let steps = steps_of(key).all(&tx).await?;
        let last = steps.iter().rfind(|step| step.step.0 == Step::Lint);
        let asked = last
            .map(|step| fingerprints(step, "asks"))
            .unwrap_or_default();
        if let Some(other) = findings.iter().find(|finding| !asked.contains(finding)) {
            return key.refuse(format!("the last check asks nothing by the name {other}"));
        }
        let detail = json!({ "findings": findings });
        let said = Said::by(by, reason, detail);
        record(&tx, key, (revision, Step::Acknowledge), said, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Everything that stands in the way of approving the newest revision of an issue by these people (the
    /// approver, and in whose place they act; empty: whoever wrote none of it), what is met first first. Nothing
    /// where there is no revision.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not planned.
    pub async fn hindrances(&self, key: &EditionKey, names: &[&str]) -> Result<Vec<Hindrance>> {
        let db = self.reader();
        let edition = load(db, key).await?;
        let Some(row) = newest(db, key).await? else {
            return Ok(Vec::new());
        };
        let steps = steps_of(key).all(db).await?;
        let comments = open_comments(db, key).await?;
        Ok(hindrances((&edition, &row), &steps, comments, names))
    }

    /// A reviewer's word on the newest revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the reviewer wrote it, a newer revision exists, or it is returned without a
    /// reason.
    pub async fn review_issue(
        &self,
        (key, revision): (&EditionKey, i32),
        review: Review,
        by: &Actor,
        note: &str,
        now: i64,
    ) -> Result<()> {
        by.must(Right::Review)?;
        let tx = self.begin().await?;
        let row = revision_of(&tx, key, revision).await?;
        let steps = steps_of(key).all(&tx).await?;
        if writers(&steps).contains(by.login()) {
            return key.refuse(format!("{} wrote it and cannot review it", by.login()));
        }
        if prose_changed(&load(&tx, key).await?, &row) {
            return key.refuse("its prose was changed after it was drafted: draft it again");
        }
        let kind = match review {
            Review::Passes => Step::Review,
            Review::Returned if note.trim().is_empty() => {
                return key.refuse("is returned with a reason only");
            }
            Review::Returned => Step::Return,
        };
        let detail = json!({ "hash": row.hash });
        record(&tx, key, (revision, kind), Said::by(by, note, detail), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Approves the newest revision. It must be frozen from the figures in force, checked with nothing open,
    /// reviewed, without open comments, and not be written by whoever approves it or by the approver in whose
    /// place a deputy acts.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] naming what stands in the way.
    pub async fn approve_issue(
        &self,
        (key, revision): (&EditionKey, i32),
        by: &Actor,
        now: i64,
    ) -> Result<Issue> {
        by.must(Right::Approve)?;
        let tx = self.begin().await?;
        let mut row = revision_of(&tx, key, revision).await?;
        let edition = load(&tx, key).await?;
        let steps = steps_of(key).all(&tx).await?;
        let comments = open_comments(&tx, key).await?;
        let names: Vec<&str> = std::iter::once(by.login()).chain(by.acting_for()).collect();
        if let Some(first) = hindrances((&edition, &row), &steps, comments, &names).first() {
            return key.refuse(first.to_string());
        }
        issue::Entity::update_many()
            .col_expr(issue::Column::State, Expr::value("approved"))
            .col_expr(issue::Column::ApprovedBy, Expr::value(by.login()))
            .col_expr(issue::Column::ApprovedAt, Expr::value(now))
            .filter(issue::Column::Series.eq(&key.series))
            .filter(issue::Column::Year.eq(key.year))
            .filter(issue::Column::Number.eq(key.number))
            .filter(issue::Column::Revision.eq(revision))
            .exec(&tx)
            .await?;
        let detail = json!({ "hash": row.hash, "author": row.author });
        record(
            &tx,
            key,
            (revision, Step::Approve),
            Said::by(by, "", detail),
            now,
        )
        .await?;
        tx.commit().await?;
        row.state = IssueState::Approved;
        row.approved_by = Some(by.login().to_owned());
        row.approved_at = Some(now);
        Ok(row)
    }

    /// Adds a comment on a revision and returns its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that revision, [`Error::Conflict`] of an empty comment.
    pub async fn comment_issue(
        &self,
        (key, revision): (&EditionKey, i32),
        (place, text): (&str, &str),
        by: &Actor,
        now: i64,
    ) -> Result<i64> {
        by.must(Right::Review)?;
        if text.trim().is_empty() {
            return key.refuse("a comment says something: write what is to be changed");
        }
        let tx = self.begin().await?;
        revision_of(&tx, key, revision).await?;
        let row = comment::ActiveModel {
            id: NotSet,
            series: Set(key.series.clone()),
            year: Set(key.year),
            number: Set(key.number),
            revision: Set(revision),
            place: Set(place.to_owned()),
            author: Set(by.login().to_owned()),
            text: Set(text.to_owned()),
            at: Set(now),
            settled_by: Set(None),
            settled_at: Set(None),
        };
        let id = comment::Entity::insert(row).exec(&tx).await?.last_insert_id;
        let entry = NewAudit {
            actor: by.login().to_owned(),
            action: "issue.comment".to_owned(),
            object: format!("{} revision {revision}", key.object()),
            detail: json!({ "comment": id, "place": place, "text": text }),
        };
        audit::append(&tx, entry, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Finds a comment settled.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no open one of this number.
    pub async fn settle_comment(&self, id: i64, by: &Actor, now: i64) -> Result<()> {
        by.must(Right::Review)?;
        let tx = self.begin().await?;
        let done = comment::Entity::update_many()
            .col_expr(comment::Column::SettledBy, Expr::value(by.login()))
            .col_expr(comment::Column::SettledAt, Expr::value(now))
            .filter(comment::Column::Id.eq(id))
            .filter(comment::Column::SettledAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("open comment", id.to_string()));
        }
        let entry = NewAudit {
            actor: by.login().to_owned(),
            action: "issue.settle".to_owned(),
            object: format!("comment {id}"),
            detail: json!({}),
        };
        audit::append(&tx, entry, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The comments on an issue, oldest first.
    pub async fn comments(&self, key: &EditionKey) -> Result<Vec<Comment>> {
        let all = comments_of(key).order_by_asc(comment::Column::Id);
        Ok(all.all(self.reader()).await?)
    }
}

/// How many comments nobody settled.
async fn open_comments<C: ConnectionTrait>(db: &C, key: &EditionKey) -> Result<u64> {
    let open = comments_of(key).filter(comment::Column::SettledAt.is_null());
    Ok(open.count(db).await?)
}

fn comments_of(key: &EditionKey) -> Select<comment::Entity> {
    comment::Entity::find()
        .filter(comment::Column::Series.eq(&key.series))
        .filter(comment::Column::Year.eq(key.year))
        .filter(comment::Column::Number.eq(key.number))
}

/// The newest revision, if it is this one.
async fn revision_of<C: ConnectionTrait>(db: &C, key: &EditionKey, revision: i32) -> Result<Issue> {
    match newest(db, key).await? {
        Some(row) if row.revision == revision => Ok(row),
        Some(row) if row.revision > revision => key.refuse(format!(
            "a newer revision exists than {revision}: {}",
            row.revision
        )),
        _ => Err(Error::not_found(
            "issue",
            format!(
                "{} {}-{} revision {revision}",
                key.series, key.year, key.number
            ),
        )),
    }
}
