//! Bulk inserts in bounded statements.
//!
//! SQLite takes 32,766 parameters a statement and PostgreSQL 65,535; far fewer keep the statement's
//! text and the values in flight small, so that a commit of a million rejects needs no more memory
//! than the rejects themselves.

use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Iterable};

use crate::Result;

/// Parameters a statement.
const PARAMETERS: usize = 6_000;
/// Bytes of row content a statement.
const BYTES: usize = 4 << 20;

/// Inserts `rows` (content and its approximate size in bytes) and returns how many there were.
pub(crate) async fn insert<A, C>(db: &C, rows: impl IntoIterator<Item = (A, usize)>) -> Result<u64>
where
    A: ActiveModelTrait + Send,
    C: ConnectionTrait,
{
    let columns = <A::Entity as EntityTrait>::Column::iter().count().max(1);
    let most = (PARAMETERS / columns).max(1);
    let mut count = 0;
    let mut chunk = Vec::new();
    let mut bytes = 0;
    let mut rows = rows.into_iter();
    loop {
        let row = rows.next();
        let last = row.is_none();
        if let Some((row, size)) = row {
            chunk.push(row);
            bytes += size;
        }
        if !chunk.is_empty() && (last || chunk.len() >= most || bytes >= BYTES) {
            count += chunk.len() as u64;
            A::Entity::insert_many(std::mem::take(&mut chunk))
                .exec_without_returning(db)
                .await?;
            bytes = 0;
        }
        if last {
            return Ok(count);
        }
    }
}

/// Most values that go into one `IN (...)` list.
pub(crate) const LIST: usize = 500;
