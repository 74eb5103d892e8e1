//! Named counters, raised inside the transaction that uses the new value.
//!
//! Raising locks the counter's row until the transaction ends, on both databases: two transactions
//! cannot hold the same number, and numbers become visible in the order of commits without gaps.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::{Error, Result};

/// The lake's snapshot number; 0 is the empty lake.
pub(crate) const SNAPSHOT: &str = "snapshot";
/// Oldest snapshot whose files are still known.
pub(crate) const HORIZON: &str = "horizon";
/// Number of audit rows.
pub(crate) const AUDIT: &str = "audit";
/// Number of incidents ever opened.
pub(crate) const INCIDENT: &str = "incident";
/// Number of complaints ever made.
pub(crate) const COMPLAINT: &str = "complaint";
/// Number of notices ever written.
pub(crate) const NOTICE: &str = "notice";

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "counter")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub value: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{Column, Entity};

/// Value of a counter.
pub(crate) async fn value<C: ConnectionTrait>(db: &C, name: &str) -> Result<i64> {
    let row = Entity::find_by_id(name).one(db).await?;
    Ok(row.ok_or_else(|| Error::not_found("counter", name))?.value)
}

/// Raises a counter by one and returns the new value.
pub(crate) async fn next<C: ConnectionTrait>(db: &C, name: &str) -> Result<i64> {
    raise(db, name, 1).await
}

/// Sets a counter.
pub(crate) async fn set<C: ConnectionTrait>(db: &C, name: &str, to: i64) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Value, Expr::value(to))
        .filter(Column::Name.eq(name))
        .exec(db)
        .await?;
    Ok(())
}

/// Raises a counter by `by` and returns the new value: the last of as many numbers.
pub(crate) async fn raise<C: ConnectionTrait>(db: &C, name: &str, by: i64) -> Result<i64> {
    Entity::update_many()
        .col_expr(Column::Value, Expr::col(Column::Value).add(by))
        .filter(Column::Name.eq(name))
        .exec(db)
        .await?;
    value(db, name).await
}
