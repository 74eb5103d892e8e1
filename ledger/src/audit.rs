//! The audit trail: who did what to which object, append-only and chained.
//!
//! Every row holds the hash of the row before it and its own: BLAKE3 over a canonical encoding of its
//! content and that hash. Changing, removing or inserting a row breaks the chain from there on; cutting
//! rows off the end disagrees with the counter. Someone who can rewrite the whole database can still
//! rewrite the whole chain: print or publish [`Ledger::audit_head`] now and then.
//!
//! The ledger offers no way to change or delete a row. Rows are written in the transaction of the
//! change that they record.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result, bulk, counter};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// A row of the trail.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        /// Its place, from 1 without gaps.
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        /// When, microseconds UTC.
        pub at: i64,
        /// Who: a person's login, or the system's own part (`system:scheduler`).
        pub actor: String,
        /// What was done, one stable word or two (`infrastructure.add`).
        pub action: String,
        /// To what: kind and id.
        pub object: String,
        /// Details as JSON text.
        pub detail: String,
        /// Hash of the row before; zeros in the first.
        pub prev_hash: Hash,
        /// Hash of this row.
        pub hash: Hash,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as AuditEntry;

/// Rows read at a time when the chain is checked.
const STRIDE: u64 = 1_000;

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAudit {
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what: kind and id.
    pub object: String,
    /// Details.
    pub detail: serde_json::Value,
}

/// Which rows to list. Everything that is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this object: kind and id.
    pub object: Option<String>,
    /// Of this action, or with a dot at the end of every action that begins so (`hold.`).
    pub action: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// At or after this, microseconds UTC.
    pub since: Option<i64>,
    /// Before this, microseconds UTC.
    pub until: Option<i64>,
    /// Written before the row at this place: the last one of the page before.
    pub before: Option<i64>,
}

impl AuditFilter {
    fn select(&self) -> Select<Entity> {
        let mut select = Entity::find().order_by_desc(Column::Seq);
        if let Some(object) = &self.object {
            select = select.filter(Column::Object.eq(object));
        }
        if let Some(action) = &self.action {
            select = select.filter(is_action(action));
        }
        if let Some(actor) = &self.actor {
            select = select.filter(Column::Actor.eq(actor));
        }
        if let Some(since) = self.since {
            select = select.filter(Column::At.gte(since));
        }
        if let Some(until) = self.until {
            select = select.filter(Column::At.lt(until));
        }
        if let Some(before) = self.before {
            select = select.filter(Column::Seq.lt(before));
        }
        select
    }
}

/// Rows of this action, or with a dot at its end of every one that begins so.
fn is_action(action: &str) -> Condition {
    match action.strip_suffix('.') {
        // Without LIKE: its case rule differs between the databases. The next character after the dot bounds the range.
        Some(stem) => Condition::all()
            .add(Column::Action.gte(action))
            .add(Column::Action.lt(format!("{stem}/"))),
        None => Condition::all().add(Column::Action.eq(action)),
    }
}

impl AuditEntry {
    /// The hash that the row's content and predecessor give. The encoding: a domain string, the
    /// predecessor's hash, place and time as little-endian 64 bit numbers, then each text with its
    /// length before it, so that no two different rows have the same encoding.
    pub fn digest(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"watchfire audit 1\0");
        hasher.update(self.prev_hash.as_bytes());
        hasher.update(&self.seq.to_le_bytes());
        hasher.update(&self.at.to_le_bytes());
        for text in [&self.actor, &self.action, &self.object, &self.detail] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// Appends a row inside the transaction of the change it records.
pub(crate) async fn append<C: ConnectionTrait>(db: &C, new: NewAudit, now: i64) -> Result<()> {
    append_all(db, vec![new], now).await
}

/// Appends rows in this order, inside the transaction of the changes they record.
pub(crate) async fn append_all<C: ConnectionTrait>(
    db: &C,
    new: Vec<NewAudit>,
    now: i64,
) -> Result<()> {
    // Raising the counter first locks the chain's end until the transaction is over.
    let count = new.len() as i64;
    let before = counter::raise(db, counter::AUDIT, count).await? - count;
    let mut prev_hash = match before {
        0 => Hash::default(),
        _ => {
            let previous = Entity::find_by_id(before).one(db).await?;
            previous.ok_or_else(|| broken(before, "is missing"))?.hash
        }
    };
    // What is hashed is what both databases give back.
    let text = |text: String| without_nul(&text).into_owned();
    let mut rows = Vec::with_capacity(new.len());
    for (seq, new) in (before + 1..).zip(new) {
        let mut entry = AuditEntry {
            seq,
            at: now,
            actor: text(new.actor),
            action: text(new.action),
            object: text(new.object),
            detail: new.detail.to_string(),
            prev_hash,
            hash: Hash::default(),
        };
        entry.hash = entry.digest();
        prev_hash = entry.hash;
        let size = 200 + entry.detail.len() + entry.object.len();
        rows.push((ActiveModel::from(entry), size));
    }
    let rows = rows.into_iter().map(|(row, size)| (row.reset_all(), size));
    bulk::insert(db, rows).await?;
    Ok(())
}

/// Rows after a place, oldest first.
pub(crate) async fn after<C: ConnectionTrait>(
    db: &C,
    seq: i64,
    limit: u64,
) -> std::result::Result<Vec<AuditEntry>, DbErr> {
    Entity::find()
        .filter(Column::Seq.gt(seq))
        .order_by_asc(Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// Place of the last row; 0 while there is none.
pub(crate) async fn last<C: ConnectionTrait>(db: &C) -> Result<i64> {
    counter::value(db, counter::AUDIT).await
}

fn broken(seq: i64, reason: impl Into<String>) -> Error {
    Error::AuditBroken {
        seq,
        reason: reason.into(),
    }
}

impl Ledger {
    /// Records something that changed nothing else in the ledger (a login, an export).
    pub async fn append_audit(&self, new: NewAudit, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        append(&tx, new, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Rows about one object, or all, newest first.
    pub async fn audit(&self, object: Option<&str>, page: Page) -> Result<Vec<AuditEntry>> {
        let filter = AuditFilter {
            object: object.map(str::to_owned),
            ..AuditFilter::default()
        };
        self.audit_rows(&filter, page).await
    }

    /// Rows that the filter lets through, newest first.
    pub async fn audit_rows(&self, filter: &AuditFilter, page: Page) -> Result<Vec<AuditEntry>> {
        let select = filter.select().offset(page.offset).limit(page.limit);
        Ok(select.all(self.reader()).await?)
    }

    /// Place and hash of the last row; `None` while there is none. Kept elsewhere, it proves the
    /// trail up to there.
    pub async fn audit_head(&self) -> Result<Option<(i64, Hash)>> {
        let last = Entity::find()
            .order_by_desc(Column::Seq)
            .limit(1)
            .one(self.reader())
            .await?;
        Ok(last.map(|entry| (entry.seq, entry.hash)))
    }

    /// Place of the last row; 0 while there is none. It moves with every change.
    pub async fn audit_place(&self) -> Result<i64> {
        last(self.reader()).await
    }

    /// Place of the last row by this actor after one place and up to another.
    pub async fn audit_last_by(&self, actor: &str, (after, to): (i64, i64)) -> Result<Option<i64>> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Seq)
            .filter(Column::Seq.gt(after))
            .filter(Column::Seq.lte(to))
            .filter(Column::Actor.eq(actor))
            .order_by_desc(Column::Seq)
            .limit(1)
            .into_tuple::<i64>()
            .one(self.reader())
            .await?)
    }

    /// Whether one of these actions, each as [`AuditFilter::action`] names them, was done after one place and up to
    /// another.
    pub async fn audit_tells(&self, actions: &[&str], (after, to): (i64, i64)) -> Result<bool> {
        let any = actions
            .iter()
            .fold(Condition::any(), |any, action| any.add(is_action(action)));
        let found = Entity::find()
            .select_only()
            .column(Column::Seq)
            .filter(Column::Seq.gt(after))
            .filter(Column::Seq.lte(to))
            .filter(any)
            .limit(1)
            .into_tuple::<i64>()
            .one(self.reader())
            .await?;
        Ok(found.is_some())
    }

    /// Checks the whole chain and returns the number of rows.
    ///
    /// # Errors
    /// [`Error::AuditBroken`] names the first row that is wrong.
    pub async fn verify_audit(&self) -> Result<u64> {
        let db = self.reader();
        // Read before the rows: one appended meanwhile makes the chain longer than expected, not shorter.
        let expected = counter::value(db, counter::AUDIT).await?;
        let mut seq = 0;
        let mut hash = Hash::default();
        loop {
            let rows = Entity::find()
                .filter(Column::Seq.gt(seq))
                .order_by_asc(Column::Seq)
                .limit(STRIDE)
                .all(db)
                .await?;
            let last = rows.is_empty();
            for entry in rows {
                if entry.seq != seq + 1 {
                    return Err(broken(seq + 1, "is missing"));
                }
                if entry.prev_hash != hash {
                    return Err(broken(entry.seq, "does not continue the row before it"));
                }
                if entry.hash != entry.digest() {
                    return Err(broken(entry.seq, "was changed after it was written"));
                }
                seq = entry.seq;
                hash = entry.hash;
            }
            if last {
                break;
            }
        }
        if seq < expected {
            return Err(broken(
                seq + 1,
                format!("is missing: {expected} rows were written"),
            ));
        }
        Ok(seq as u64)
    }
}
