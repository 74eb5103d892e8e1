//! Fencing numbers: exactly one owner of a feed's ingestion, or of a step of response, however many nodes there are.
//!
//! Whoever begins such work takes the next number of its name and works with the handle that
//! [`Ledger::fenced`] gives. Every transaction of that handle asks whether the number is still the newest,
//! inside the turn that all transactions take, and fails with [`Error::Fenced`] if it is not. So a worker
//! that was stopped, cut off or believed dead for longer than its lease changes nothing when it wakes up,
//! whatever it has staged meanwhile; and the lease itself need not be exact, nor do the nodes' clocks.
//!
//! A name is one row, written when work begins and only read by its owner's commits: feeds share none.

use std::sync::Arc;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::{Error, Ledger, Result, postgres};

mod row {
    use sea_orm::entity::prelude::*;

    /// Who took a name last.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "fence")]
    pub struct Model {
        /// What is owned: `feed NAME`, `respond`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        /// How often it was taken.
        pub number: i64,
        /// Who took it, for people.
        pub holder: String,
        /// When, microseconds UTC.
        pub taken_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Taken;

/// A name and the number under which it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What is owned.
    pub name: String,
    /// The number; whoever takes the name after us has a higher one.
    pub number: i64,
}

/// The name under which a feed's ingestion is owned: identities include the feed, so a feed is the unit
/// of exact deduplication.
pub fn of_feed(feed: &str) -> String {
    format!("feed {feed}")
}

/// Fails unless every number is still the newest of its name.
pub(crate) async fn check<C: ConnectionTrait>(db: &C, fences: &[Fence]) -> Result<()> {
    let names = fences.iter().map(|fence| fence.name.as_str());
    let found = Entity::find()
        .filter(Column::Name.is_in(names))
        .all(db)
        .await?;
    let lost = fences.iter().find(|fence| {
        !found
            .iter()
            .any(|row| row.name == fence.name && row.number == fence.number)
    });
    match lost {
        None => Ok(()),
        Some(fence) => Err(Error::Fenced {
            name: fence.name.clone(),
            number: fence.number,
        }),
    }
}

impl Ledger {
    /// Takes these names for `holder` and returns a handle whose transactions fail once somebody else took
    /// one of them. Names that this handle has already are taken anew.
    ///
    /// # Errors
    /// [`Error::Busy`] while somebody has the right to change the whole ([`crate::Right::Whole`]).
    pub async fn fenced(&self, names: &[String], holder: &str, now: i64) -> Result<Ledger> {
        let tx = self.begin().await?;
        if !postgres::nobody_has_the_whole(&tx).await? {
            return Err(Error::Busy);
        }
        let mut fences = Vec::with_capacity(names.len());
        for name in names {
            let before = Entity::find_by_id(name).one(&tx).await?;
            let row = ActiveModel {
                name: Set(name.clone()),
                number: Set(before.as_ref().map_or(1, |before| before.number + 1)),
                holder: Set(holder.to_owned()),
                taken_at: Set(now),
            };
            fences.push(Fence {
                name: name.clone(),
                number: before.as_ref().map_or(1, |before| before.number + 1),
            });
            match before {
                Some(_) => {
                    Entity::update(row).exec(&tx).await?;
                }
                None => {
                    Entity::insert(row).exec_without_returning(&tx).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(self.with_fences(Arc::from(fences)))
    }

    /// The number under which this handle has a name, if it has it.
    pub fn fence_number(&self, name: &str) -> Option<i64> {
        let found = self.fences().iter().find(|fence| fence.name == name);
        found.map(|fence| fence.number)
    }

    /// Whether this handle still has what it took.
    ///
    /// # Errors
    /// [`Error::Fenced`] if not; the ledger fails.
    pub async fn holds_fences(&self) -> Result<()> {
        match self.fences() {
            [] => Ok(()),
            own => check(self.writer()?, own).await,
        }
    }

    /// Takes every name away from whoever has it: what is under way cannot commit. For whoever has the
    /// right to change the whole.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn fence_all(&self, holder: &str, now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::Number, Expr::col(Column::Number).add(1))
            .col_expr(Column::Holder, Expr::value(holder))
            .col_expr(Column::TakenAt, Expr::value(now))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }

    /// Who took what last, by name.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn taken(&self) -> Result<Vec<Taken>> {
        use sea_orm::QueryOrder;
        let rows = Entity::find().order_by_asc(Column::Name);
        Ok(rows.all(self.reader()).await?)
    }
}
