//! Jobs: work that must be done at least once, leased to one worker at a time.
//!
//! A job is claimed by compare-and-swap: the update names the number of attempts that the reader saw,
//! so of two workers that saw the same job one changes no row. That number is also the fence: a worker
//! whose lease ran out and was given away cannot complete the job any more. Effects must be idempotent.
//!
//! A key stands for the work: while a job of its kind and key waits, asking for the same again adds
//! nothing. Asked for while it *runs*, it is run once more afterwards, since the running worker may
//! have looked before the change that asked.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::text::without_nul;
use crate::{Error, Ledger, Page, Result};

pub mod work;

mod row {
    use sea_orm::entity::prelude::*;

    /// Where a job stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum JobState {
        /// Waits for its time and a worker.
        #[sea_orm(string_value = "queued")]
        Queued,
        /// A worker has it, until its lease runs out.
        #[sea_orm(string_value = "leased")]
        Leased,
        /// Done.
        #[sea_orm(string_value = "done")]
        Done,
        /// Given up after too many attempts; waits for a person.
        #[sea_orm(string_value = "failed")]
        Failed,
    }

    /// A stored job.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "job")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// What is to be done.
        pub kind: String,
        /// On what: names the work within its kind.
        pub key: String,
        /// Kind and key while the job is neither done nor failed: makes it unique so long.
        #[serde(skip)]
        pub live_key: Option<String>,
        /// Details as JSON text. Of jobs with the same key any payload will do.
        pub payload: String,
        /// Where it stands.
        pub state: JobState,
        /// Whether it was asked for again while it ran.
        pub again: bool,
        /// Not before this, microseconds UTC.
        pub run_at: i64,
        /// End of the lease, microseconds UTC.
        pub lease_until: Option<i64>,
        /// Worker that has or had it.
        pub leased_by: Option<String>,
        /// How often it was leased.
        pub attempts: i32,
        /// What went wrong last.
        pub last_error: Option<String>,
        /// When it was asked for, microseconds UTC.
        pub created_at: i64,
        /// When it was done or given up, microseconds UTC.
        pub finished_at: Option<i64>,
        /// How far work on an issue is, in a word ([`super::work`]).
        pub stage: Option<String>,
        /// What came of it, as JSON text.
        pub outcome: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{JobState, Model as Job};

/// Work to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What is to be done.
    pub kind: String,
    /// On what: names the work within its kind.
    pub key: String,
    /// Details as JSON text.
    pub payload: String,
    /// Not before this, microseconds UTC; 0 for as soon as possible.
    pub run_at: i64,
}

/// A leased job: the right to complete it while nobody else was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job as it was when leased.
    pub job: Job,
    worker: String,
}

/// Number of jobs per state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct JobCounts {
    /// Waiting.
    pub queued: i64,
    /// At work.
    pub leased: i64,
    /// Done.
    pub done: i64,
    /// Given up.
    pub failed: i64,
}

/// What is unique while a job lives. An issue has one piece of work at a time, of whichever kind.
fn live_key(kind: &str, key: &str) -> String {
    match work::KINDS.contains(&kind) {
        true => key.to_owned(),
        false => format!("{kind}/{key}"),
    }
}

/// Asks for work; returns the job's id and whether it is a new one.
pub(crate) async fn enqueue<C: ConnectionTrait>(
    db: &C,
    new: NewJob,
    now: i64,
) -> Result<(i64, bool)> {
    let live = live_key(&new.kind, &new.key);
    let row = ActiveModel {
        id: NotSet,
        kind: Set(new.kind),
        key: Set(new.key),
        live_key: Set(Some(live.clone())),
        payload: Set(new.payload),
        state: Set(JobState::Queued),
        again: Set(false),
        run_at: Set(new.run_at),
        lease_until: Set(None),
        leased_by: Set(None),
        attempts: Set(0),
        last_error: Set(None),
        created_at: Set(now),
        finished_at: Set(None),
        stage: Set(None),
        outcome: Set(None),
    };
    let inserted = Entity::insert(row)
        .on_conflict(OnConflict::column(Column::LiveKey).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    if inserted == 0 {
        Entity::update_many()
            .col_expr(Column::Again, Expr::value(true))
            .filter(Column::LiveKey.eq(live.as_str()))
            .filter(Column::State.eq(JobState::Leased))
            .exec(db)
            .await?;
        // A retry that waits out its backoff is not hurried; work planned for later is.
        Entity::update_many()
            .col_expr(Column::RunAt, Expr::value(new.run_at))
            .filter(Column::LiveKey.eq(live.as_str()))
            .filter(Column::State.eq(JobState::Queued))
            .filter(Column::Attempts.eq(0))
            .filter(Column::RunAt.gt(new.run_at))
            .exec(db)
            .await?;
    }
    let job = Entity::find()
        .filter(Column::LiveKey.eq(live.as_str()))
        .one(db)
        .await?;
    let job = job.ok_or_else(|| Error::not_found("job", live))?;
    Ok((job.id, inserted > 0))
}

/// Jobs that may be leased: those whose time has come, and those whose lease ran out.
fn due(now: i64) -> Condition {
    let queued = Condition::all()
        .add(Column::State.eq(JobState::Queued))
        .add(Column::RunAt.lte(now));
    let expired = Condition::all()
        .add(Column::State.eq(JobState::Leased))
        .add(Column::LeaseUntil.lte(now));
    Condition::any().add(queued).add(expired)
}

/// Microseconds in `secs` seconds after `now`.
fn later(now: i64, secs: u32) -> i64 {
    now.saturating_add(i64::from(secs) * 1_000_000)
}

impl Ledger {
    /// Asks for work; returns the job's id and whether it is a new one.
    pub async fn enqueue(&self, new: NewJob, now: i64) -> Result<(i64, bool)> {
        let tx = self.begin().await?;
        let done = enqueue(&tx, new, now).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Leases the job that has been due longest, of one of `kinds` (all if empty), for `secs`
    /// seconds; `None` if none is due. A job whose lease ran out counts as due.
    pub async fn lease(
        &self,
        now: i64,
        worker: &str,
        kinds: &[&str],
        secs: u32,
    ) -> Result<Option<Lease>> {
        let db = self.writer()?;
        loop {
            // Looked for first: an idle worker that polls waits for nobody.
            let mut select = Entity::find()
                .filter(due(now))
                .order_by_asc(Column::RunAt)
                .order_by_asc(Column::Id);
            if !kinds.is_empty() {
                select = select.filter(Column::Kind.is_in(kinds.iter().copied()));
            }
            // Read where no commit can be missed: on the connection that writes.
            let Some(job) = select.limit(1).one(db).await? else {
                return Ok(None);
            };
            if let Some(lease) = self.claim(job, now, worker, secs).await? {
                return Ok(Some(lease));
            }
        }
    }

    /// Leases one job by its kind and key for `secs` seconds, if it is due or its lease ran out; `None` if not: then
    /// there is nothing to do, or another has it.
    pub async fn lease_one(
        &self,
        now: i64,
        worker: &str,
        (kind, key): (&str, &str),
        secs: u32,
    ) -> Result<Option<Lease>> {
        let live = live_key(kind, key);
        let found = Entity::find()
            .filter(Column::LiveKey.eq(live.as_str()))
            .filter(Column::Kind.eq(kind));
        let due = found.filter(due(now)).one(self.writer()?).await?;
        match due {
            Some(job) => self.claim(job, now, worker, secs).await,
            None => Ok(None),
        }
    }

    /// Kind and key of jobs of these kinds that are due, the longest first, at most so many.
    pub async fn due_jobs(
        &self,
        kinds: &[&str],
        now: i64,
        most: u64,
    ) -> Result<Vec<(String, String)>> {
        let rows = Entity::find()
            .select_only()
            .columns([Column::Kind, Column::Key])
            .filter(due(now))
            .filter(Column::Kind.is_in(kinds.iter().copied()))
            .order_by_asc(Column::RunAt)
            .order_by_asc(Column::Id)
            .limit(most);
        Ok(rows.into_tuple().all(self.writer()?).await?)
    }

    /// Puts a job that was given up back to work, as new; whether there was such a one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the same work is waiting already.
    pub async fn replay_job(&self, id: i64, now: i64) -> Result<Job> {
        let tx = self.begin().await?;
        let job = Entity::find_by_id(id).one(&tx).await?;
        let job = job.ok_or_else(|| Error::not_found("job", id))?;
        let object = || format!("job {id}");
        if job.state != JobState::Failed {
            let reason = "was not given up: only what was given up is put back to work";
            return Err(Error::conflict(object(), reason));
        }
        let live = live_key(&job.kind, &job.key);
        let same = Entity::find().filter(Column::LiveKey.eq(live.as_str()));
        if let Some(same) = same.one(&tx).await? {
            let reason = format!("the same work waits already, as job {}", same.id);
            return Err(Error::conflict(object(), reason));
        }
        Entity::update_many()
            .col_expr(Column::State, Expr::value("queued"))
            .col_expr(Column::LiveKey, Expr::value(live))
            .col_expr(Column::Attempts, Expr::value(0))
            .col_expr(Column::Again, Expr::value(false))
            .col_expr(Column::RunAt, Expr::value(now))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::FinishedAt, Expr::value(None::<i64>))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        let job = self.job(id).await?;
        job.ok_or_else(|| Error::not_found("job", id))
    }

    /// Claims a job as it was read; `None` if it changed since.
    async fn claim(
        &self,
        mut job: Job,
        now: i64,
        worker: &str,
        secs: u32,
    ) -> Result<Option<Lease>> {
        let until = later(now, secs);
        // The claim takes its turn among the transactions: one that asks for this work again must see
        // it as queued until its own commit, or as running (`enqueue`).
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value("leased"))
            .col_expr(Column::LeasedBy, Expr::value(worker))
            .col_expr(Column::LeaseUntil, Expr::value(until))
            .col_expr(Column::Attempts, Expr::value(job.attempts + 1))
            .filter(Column::Id.eq(job.id))
            .filter(Column::Attempts.eq(job.attempts))
            .filter(match job.lease_until {
                Some(seen) => Column::LeaseUntil.eq(seen),
                None => Column::LeaseUntil.is_null(),
            })
            .exec(&tx)
            .await?;
        tx.commit().await?;
        if done.rows_affected == 0 {
            return Ok(None);
        }
        job.state = JobState::Leased;
        job.leased_by = Some(worker.to_owned());
        job.lease_until = Some(until);
        job.attempts += 1;
        Ok(Some(Lease {
            job,
            worker: worker.to_owned(),
        }))
    }

    /// Lets a lease run `secs` seconds from `now`, for work that takes longer than planned.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]: stop the work.
    pub async fn extend_lease(&self, lease: &Lease, now: i64, secs: u32) -> Result<()> {
        let update =
            Entity::update_many().col_expr(Column::LeaseUntil, Expr::value(later(now, secs)));
        apply(self.writer()?, update, lease).await
    }

    /// Records that the work is done; if it was asked for again meanwhile, it waits again.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if the job was given to another worker in the meantime.
    pub async fn complete(&self, lease: Lease, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let again = Entity::find_by_id(lease.job.id)
            .one(&tx)
            .await?
            .is_some_and(|job| job.again);
        let update = Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::LastError, Expr::value(None::<String>));
        let update = if again {
            update
                .col_expr(Column::State, Expr::value("queued"))
                .col_expr(Column::Again, Expr::value(false))
                .col_expr(Column::RunAt, Expr::value(now))
        } else {
            update
                .col_expr(Column::State, Expr::value("done"))
                .col_expr(Column::LiveKey, Expr::value(None::<String>))
                .col_expr(Column::FinishedAt, Expr::value(now))
        };
        apply(&tx, update, &lease).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Records that the work failed. It waits `backoff_secs` and is tried again, unless it was tried
    /// `most` times: then it is given up; whether it was.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if the job was given to another worker in the meantime.
    pub async fn fail(
        &self,
        lease: Lease,
        now: i64,
        error: &str,
        backoff_secs: u32,
        most: i32,
    ) -> Result<bool> {
        let given_up = lease.job.attempts >= most;
        let update = Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::LastError, Expr::value(without_nul(error).as_ref()));
        let update = if given_up {
            update
                .col_expr(Column::State, Expr::value("failed"))
                .col_expr(Column::LiveKey, Expr::value(None::<String>))
                .col_expr(Column::FinishedAt, Expr::value(now))
        } else {
            update
                .col_expr(Column::State, Expr::value("queued"))
                .col_expr(Column::Again, Expr::value(false))
                .col_expr(Column::RunAt, Expr::value(later(now, backoff_secs)))
        };
        let tx = self.begin().await?;
        apply(&tx, update, &lease).await?;
        tx.commit().await?;
        Ok(given_up)
    }

    /// Makes waiting work due at once, back-off or not; whether there was any.
    pub async fn hurry(&self, kind: &str, key: &str, now: i64) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::RunAt, Expr::value(now))
            .filter(Column::LiveKey.eq(live_key(kind, key)))
            .filter(Column::State.eq(JobState::Queued))
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Gives the jobs back that a worker has leased, to be run at once; how many. Only for that worker itself.
    pub async fn release_own(&self, worker: &str, now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value("queued"))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::RunAt, Expr::value(now))
            .filter(Column::State.eq(JobState::Leased))
            .filter(Column::LeasedBy.eq(worker))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }

    /// Gives the leased jobs of these kinds back, to be run at once; how many. Only for whoever knows
    /// that no worker of these kinds lives: a lease need not run out then.
    pub async fn release_leases(&self, kinds: &[&str], now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value("queued"))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::RunAt, Expr::value(now))
            .filter(Column::State.eq(JobState::Leased))
            .filter(Column::Kind.is_in(kinds.iter().copied()))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }

    /// Whether a job of these kinds waits that was there and due at `now` (microseconds UTC), which may be past.
    pub async fn has_due_job(&self, kinds: &[&str], now: i64) -> Result<bool> {
        let found = Entity::find()
            .filter(Column::State.eq(JobState::Queued))
            .filter(Column::RunAt.lte(now))
            // What is asked for "at once" bears an instant before it was asked for.
            .filter(Column::CreatedAt.lte(now))
            .filter(Column::Kind.is_in(kinds.iter().copied()))
            .limit(1)
            .one(self.writer()?)
            .await?;
        Ok(found.is_some())
    }

    /// One job.
    pub async fn job(&self, id: i64) -> Result<Option<Job>> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// Jobs in a state (or any), newest first.
    pub async fn jobs(&self, state: Option<JobState>, page: Page) -> Result<Vec<Job>> {
        let mut select = Entity::find()
            .order_by_desc(Column::Id)
            .offset(page.offset)
            .limit(page.limit);
        if let Some(state) = state {
            select = select.filter(Column::State.eq(state));
        }
        Ok(select.all(self.reader()).await?)
    }

    /// Number of jobs per state.
    pub async fn job_counts(&self) -> Result<JobCounts> {
        let rows: Vec<(JobState, i64)> = Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Id.count(), "jobs")
            .group_by(Column::State)
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut counts = JobCounts::default();
        for (state, jobs) in rows {
            match state {
                JobState::Queued => counts.queued = jobs,
                JobState::Leased => counts.leased = jobs,
                JobState::Done => counts.done = jobs,
                JobState::Failed => counts.failed = jobs,
            }
        }
        Ok(counts)
    }

    /// Deletes jobs that were done before `before`, microseconds UTC; how many. Those that tell what came of work on an
    /// issue stay: they are few, and people look at them.
    pub async fn purge_jobs(&self, before: i64) -> Result<u64> {
        let done = Entity::delete_many()
            .filter(Column::State.eq(JobState::Done))
            .filter(Column::Outcome.is_null())
            .filter(Column::FinishedAt.lt(before))
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected)
    }
}

/// Changes the leased job, if the lease still holds.
async fn apply<C: ConnectionTrait>(
    db: &C,
    update: sea_orm::UpdateMany<Entity>,
    lease: &Lease,
) -> Result<()> {
    let done = update
        .filter(Column::Id.eq(lease.job.id))
        .filter(Column::State.eq(JobState::Leased))
        .filter(Column::LeasedBy.eq(lease.worker.as_str()))
        .filter(Column::Attempts.eq(lease.job.attempts))
        .exec(db)
        .await?;
    if done.rows_affected == 0 {
        Err(Error::LeaseLost { job: lease.job.id })
    } else {
        Ok(())
    }
}
