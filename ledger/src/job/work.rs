//! Work on an issue that a person asked for at the desk: jobs of two kinds, of which an issue has one at a time. How far
//! one is and what came of it stand in its row, so that every node shows the same, also after a restart.
//!
//! What the work is stands in the job's payload, which the ledger does not read. Unlike other jobs one that is under way
//! cannot be asked for again: whoever asks is told so.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};

use super::row::{Column, Entity};
use super::{Job, Lease, NewJob, apply, enqueue};
use crate::{EditionKey, Error, Ledger, Result};

/// Kind of the jobs that count and compose.
pub const DRAFT: &str = "draft";
/// Kind of the jobs that render, and change what is public.
pub const RENDER: &str = "render";
/// Both.
pub const KINDS: [&str; 2] = [DRAFT, RENDER];

impl Ledger {
    /// Asks for work on an issue, of one of [`KINDS`], with these details as JSON text.
    ///
    /// # Errors
    /// [`Error::Conflict`] while other work on the issue waits or is under way.
    pub async fn begin_work(
        &self,
        kind: &str,
        issue: &EditionKey,
        payload: String,
        now: i64,
    ) -> Result<Job> {
        let key = issue.object();
        let tx = self.begin().await?;
        // Both kinds have the issue itself for the key that is unique while they live.
        let busy = Entity::find().filter(Column::LiveKey.eq(key.as_str()));
        if busy.one(&tx).await?.is_some() {
            return Err(Error::conflict(key, "other work on it is under way"));
        }
        let new = NewJob {
            kind: kind.to_owned(),
            key,
            payload,
            run_at: 0,
        };
        let (id, _) = enqueue(&tx, new, now).await?;
        let job = Entity::find_by_id(id).one(&tx).await?;
        tx.commit().await?;
        job.ok_or_else(|| Error::not_found("job", id))
    }

    /// Notes how far leased work is, in a word that is only shown.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    pub async fn note_stage(&self, lease: &Lease, stage: &str) -> Result<()> {
        let update = Entity::update_many().col_expr(Column::Stage, Expr::value(stage));
        apply(self.writer()?, update, lease).await
    }

    /// Records that work is done, and what came of it as JSON text.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if the job was given to another worker in the meantime.
    pub async fn finish_work(&self, lease: Lease, outcome: &str, now: i64) -> Result<()> {
        let update = Entity::update_many()
            .col_expr(Column::Outcome, Expr::value(outcome))
            .col_expr(Column::LastError, Expr::value(None::<String>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::State, Expr::value("done"))
            .col_expr(Column::LiveKey, Expr::value(None::<String>))
            .col_expr(Column::FinishedAt, Expr::value(now));
        let tx = self.begin().await?;
        apply(&tx, update, &lease).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Work on issues, the newest first, at most so much.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn works(&self, most: u64) -> Result<Vec<Job>> {
        let select = Entity::find()
            .filter(Column::Kind.is_in(KINDS))
            .order_by_desc(Column::Id)
            .limit(most);
        Ok(select.all(self.reader()).await?)
    }
}
