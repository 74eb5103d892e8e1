//! Opening the ledger: connections, migration, the transaction that every change runs in.
//! The start of every command; what the tables mean is in the aggregates' files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryOrder,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use uuid::Uuid;

use crate::migration::Migrator;
use crate::sqlite::{self, Access};
use crate::{Error, Result};

/// An open ledger. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// One connection: writers of this process queue fairly for it instead of polling SQLite's lock.
    write: Option<DatabaseConnection>,
    read: DatabaseConnection,
}

/// A stretch of a list: how many to pass over and how many to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to return at most.
    pub limit: u64,
}

impl Page {
    /// Everything.
    pub const ALL: Page = Page { offset: 0, limit: i64::MAX as u64 };
}

impl Default for Page {
    /// The first 100.
    fn default() -> Self {
        Page { offset: 0, limit: 100 }
    }
}

const INSTANCE: &str = "ledger.instance";

impl Ledger {
    /// Opens the database file, creates it if there is none and migrates it if it is older. Before
    /// an existing one is migrated it is copied to `<path>.bak-<version>`. Its folder must exist.
    ///
    /// # Errors
    /// [`Error::Newer`] if a newer watchfire migrated it, [`Error::NotALedger`] if the file is
    /// something else, [`Error::Io`] if it cannot be opened or created.
    pub async fn open(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|source| Error::io(path, source))?;
        let write = sqlite::connect(&path, Access::Write).await?;
        migrate(&path, &write).await?;
        let read = sqlite::connect(&path, Access::Read).await?;
        Ok(Ledger { inner: Arc::new(Inner { path, write: Some(write), read }) })
    }

    /// Opens an existing database of the current version for reading; every change is refused.
    ///
    /// # Errors
    /// As [`Ledger::open`], and [`Error::Outdated`] if it would have to be migrated.
    pub async fn open_read_only(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|source| Error::io(path, source))?;
        let read = sqlite::connect(&path, Access::Read).await?;
        let found = applied(&path, &read).await?.len();
        let known = Migrator::migrations().len();
        if found < known {
            return Err(Error::Outdated { path, found, known });
        }
        Ok(Ledger { inner: Arc::new(Inner { path, write: None, read }) })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Version of the schema that this build reads and writes: the number of its migrations.
    pub fn schema_version() -> usize {
        Migrator::migrations().len()
    }

    /// Closes the connections, which folds the write-ahead log into the file. Dropping the last
    /// clone is as safe, only the log stays longer.
    pub async fn close(self) -> Result<()> {
        self.inner.read.close_by_ref().await?;
        if let Some(write) = &self.inner.write {
            write.close_by_ref().await?;
        }
        Ok(())
    }

    /// Who this ledger is: drawn once by whoever created it, the same on every node that shares it.
    /// `None` until [`Ledger::claim_instance_id`] was called.
    pub async fn instance_id(&self) -> Result<Option<Uuid>> {
        self.setting(INSTANCE).await
    }

    /// Gives the ledger its instance id unless it has one, and returns the one it has. The caller
    /// draws the candidate: the ledger has no random source.
    pub async fn claim_instance_id(&self, candidate: Uuid) -> Result<Uuid> {
        let tx = self.begin().await?;
        if let Some(existing) = crate::setting::read::<Uuid, _>(&tx, INSTANCE).await? {
            return Ok(existing);
        }
        crate::setting::write(&tx, INSTANCE, &candidate).await?;
        tx.commit().await?;
        Ok(candidate)
    }

    /// The durability settings as the writing connection has them, for `doctor`: name and value of
    /// each pragma.
    pub async fn pragmas(&self) -> Result<Vec<(String, String)>> {
        sqlite::pragmas(self.writer()?).await
    }

    /// Connection for queries.
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.read
    }

    /// Connection for single statements that change something.
    pub(crate) fn writer(&self) -> Result<&DatabaseConnection> {
        self.inner.write.as_ref().ok_or_else(|| Error::ReadOnly { path: self.inner.path.clone() })
    }

    /// A transaction for a change. It takes SQLite's write lock at once: one that reads first and
    /// then writes would fail when another process wrote in between. Dropped means rolled back.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction> {
        begin(self.writer()?).await
    }
}

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    Ok(db.begin_with_options(options).await?)
}

/// Brings the database to the newest version, in one transaction, after copying an older one away.
async fn migrate(path: &Path, db: &DatabaseConnection) -> Result<()> {
    let known = Migrator::migrations().len();
    let version = applied(path, db).await?.len();
    if version == known {
        return Ok(());
    }
    if version > 0 {
        let backup = sqlite::back_up(db, path, version).await?;
        tracing::info!(backup = %backup.display(), "ledger: copied before migration");
    }
    let tx = begin(db).await?;
    // Another process may have migrated while this one waited for the lock.
    if applied(path, &tx).await?.len() < known {
        Migrator::up(&tx, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Migrations that the database has seen, all known to this build; empty for a new file.
async fn applied<C>(path: &Path, db: &C) -> Result<Vec<String>>
where
    C: ConnectionTrait,
    for<'c> &'c C: sea_orm_migration::IntoSchemaManagerConnection<'c>,
{
    let marked = SchemaManager::new(db).has_table("seaql_migrations").await.map_err(|error| {
        match crate::error::sqlite_code(&error) {
            Some(26) => Error::NotALedger { path: path.to_owned() },
            _ => error.into(),
        }
    })?;
    if !marked {
        return match sqlite::table_count(db).await? {
            0 => Ok(Vec::new()),
            _ => Err(Error::NotALedger { path: path.to_owned() }),
        };
    }
    let rows = seaql_migrations::Entity::find()
        .order_by_asc(seaql_migrations::Column::Version)
        .all(db)
        .await?;
    let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
    let found: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    if let Some(newer) = found.iter().find(|name| !known.contains(name)) {
        return Err(Error::Newer {
            path: path.to_owned(),
            found: newer.clone(),
            known: known.last().cloned().unwrap_or_default(),
        });
    }
    Ok(found)
}
