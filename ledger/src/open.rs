//! Opening the ledger: connections, migration, the transaction that every change runs in.
//! The start of every command; what the tables mean is in the aggregates' files.

use std::path::Path;
use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait, QueryOrder,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use uuid::Uuid;

use crate::fence::{self, Fence};
use crate::migration::Migrator;
use crate::postgres::{self, Server};
use crate::{Error, Result, sqlite};

/// An open ledger. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
    /// What this handle owns; asked in every transaction.
    fences: Arc<[Fence]>,
}

#[derive(Debug)]
struct Inner {
    place: String,
    /// On SQLite one connection: writers of this process queue fairly for it instead of polling its
    /// lock. On PostgreSQL a few, whose transactions take turns.
    write: Option<DatabaseConnection>,
    read: DatabaseConnection,
    /// The server that it lies on, if it lies on one.
    server: Option<Server>,
}

/// What a connection pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Writing, and reading what a change rests on.
    Write,
    /// Only reading.
    Read,
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
    pub const ALL: Page = Page {
        offset: 0,
        limit: i64::MAX as u64,
    };
}

impl Default for Page {
    /// The first 100.
    fn default() -> Self {
        Page {
            offset: 0,
            limit: 100,
        }
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
        let place = path.display().to_string();
        let write = sqlite::connect(&path, Access::Write).await?;
        migrate::<Migrator>(&place, Some(&path), &write).await?;
        let read = sqlite::connect(&path, Access::Read).await?;
        Ok(Ledger::of(place, Some(write), read, None))
    }

    /// Opens the database on a PostgreSQL server that a URL names, `postgres://USER@HOST/DATABASE`,
    /// and migrates it if it is empty or older. Several processes and machines may do so at once: one
    /// migrates, the others wait. What the URL leaves out comes from the environment (`PGPASSWORD` and
    /// its kin) and `~/.pgpass`. A server's backup is its administrator's (`pg_dump`): no copy is made.
    ///
    /// # Errors
    /// [`Error::Server`] if it cannot be reached or lets nobody in, [`Error::Newer`] if a newer
    /// watchfire migrated it, [`Error::NotALedger`] if something else is in the database.
    pub async fn connect(url: &str) -> Result<Self> {
        let server = Server::parse(url)?;
        let write = server.connect(Access::Write).await?;
        migrate::<Migrator>(server.name(), None, &write).await?;
        let read = server.connect(Access::Read).await?;
        let name = server.name().to_owned();
        Ok(Ledger::of(name, Some(write), read, Some(server)))
    }

    fn of(
        place: String,
        write: Option<DatabaseConnection>,
        read: DatabaseConnection,
        server: Option<Server>,
    ) -> Self {
        Ledger {
            inner: Arc::new(Inner {
                place,
                write,
                read,
                server,
            }),
            fences: Arc::from([]),
        }
    }

    /// The same ledger, owning these.
    pub(crate) fn with_fences(&self, fences: Arc<[Fence]>) -> Self {
        Ledger {
            inner: Arc::clone(&self.inner),
            fences,
        }
    }

    /// What this handle owns.
    pub(crate) fn fences(&self) -> &[Fence] {
        &self.fences
    }

    /// The server that it lies on.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.inner.server.as_ref()
    }

    /// Whether it lies on a server that several nodes may share.
    pub fn is_shared(&self) -> bool {
        self.inner.server.is_some()
    }

    /// What the server's database is, so that a copy of it is known for one; `None` for a file.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn server_identity(&self) -> Result<Option<String>> {
        match self.server() {
            Some(_) => Ok(Some(postgres::identity(self.reader()).await?)),
            None => Ok(None),
        }
    }

    /// Opens an existing database of the current version for reading; every change is refused.
    ///
    /// # Errors
    /// As [`Ledger::open`], and [`Error::Outdated`] if it would have to be migrated.
    pub async fn open_read_only(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|source| Error::io(path, source))?;
        let read = sqlite::connect(&path, Access::Read).await?;
        Ledger::reading(path.display().to_string(), read, None).await
    }

    /// Opens an existing database of the current version on a PostgreSQL server for reading; every
    /// change is refused, by the server too.
    ///
    /// # Errors
    /// As [`Ledger::connect`], and [`Error::Outdated`] if it would have to be migrated.
    pub async fn connect_read_only(url: &str) -> Result<Self> {
        let server = Server::parse(url)?;
        let read = server.connect(Access::Read).await?;
        Ledger::reading(server.name().to_owned(), read, Some(server)).await
    }

    async fn reading(
        place: String,
        read: DatabaseConnection,
        server: Option<Server>,
    ) -> Result<Self> {
        let found = applied::<Migrator, _>(&place, &read).await?.len();
        let known = Migrator::migrations().len();
        if found < known {
            return Err(Error::Outdated {
                place,
                found,
                known,
            });
        }
        Ok(Ledger::of(place, None, read, server))
    }

    /// Where it lies, for people: the database file, or the server, user and database without the
    /// password.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// Version of the schema that this build reads and writes: the number of its migrations.
    pub fn schema_version() -> usize {
        Migrator::migrations().len()
    }

    /// Closes the connections, which folds SQLite's write-ahead log into the file. Dropping the last
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

    /// The settings that durability rests on, name and value, for `doctor`: SQLite's pragmas as the
    /// writing connection has them (as the reading one where nothing can be written), or the
    /// parameters of the PostgreSQL server.
    pub async fn durability(&self) -> Result<Vec<(String, String)>> {
        let db = self.inner.write.as_ref().unwrap_or(&self.inner.read);
        match db.get_database_backend() {
            DbBackend::Postgres => postgres::durability(db).await,
            _ => sqlite::pragmas(db).await,
        }
    }

    /// Connection for queries.
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.read
    }

    /// Connection for single statements that change something.
    pub(crate) fn writer(&self) -> Result<&DatabaseConnection> {
        self.inner.write.as_ref().ok_or_else(|| Error::ReadOnly {
            place: self.inner.place.clone(),
        })
    }

    /// A transaction for a change. It waits for its turn at once, on both databases: what it reads
    /// cannot change before it commits, and it never has to be repeated because of another. Dropped
    /// means rolled back. Of a handle that owns something it is refused once another took that.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction> {
        let tx = begin(self.writer()?).await?;
        if !self.fences.is_empty() {
            // In the turn: nobody takes them before this commits.
            fence::check(&tx, &self.fences).await?;
        }
        Ok(tx)
    }
}

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        postgres::take_turn(&tx).await?;
    }
    Ok(tx)
}

/// Brings the database to the newest version, in one transaction, after copying an older `file` away.
async fn migrate<M: MigratorTrait>(
    place: &str,
    file: Option<&Path>,
    db: &DatabaseConnection,
) -> Result<()> {
    let known = M::migrations().len();
    let version = applied::<M, _>(place, db).await?.len();
    if version == known {
        return Ok(());
    }
    if let Some(path) = file.filter(|_| version > 0) {
        let backup = sqlite::back_up(db, path, version).await?;
        tracing::info!(backup = %backup.display(), "ledger: copied before migration");
    }
    let tx = begin(db).await?;
    // Another process may have migrated while this one waited for the lock.
    if applied::<M, _>(place, &tx).await?.len() < known {
        M::up(&tx, None).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            postgres::order_by_bytes(&tx).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Migrations that the database has seen, all known to this build; empty for a new one.
async fn applied<M, C>(place: &str, db: &C) -> Result<Vec<String>>
where
    M: MigratorTrait,
    C: ConnectionTrait,
    for<'c> &'c C: sea_orm_migration::IntoSchemaManagerConnection<'c>,
{
    let manager = SchemaManager::new(db);
    let marked = async || -> Result<bool> {
        let found = manager.has_table("seaql_migrations").await;
        found.map_err(|error| match sqlite::code(&error) {
            Some(26) => Error::NotALedger {
                place: place.to_owned(),
            },
            _ => error.into(),
        })
    };
    if !marked().await? {
        let tables = match db.get_database_backend() {
            DbBackend::Postgres => postgres::table_count(db).await?,
            _ => sqlite::table_count(db).await?,
        };
        if tables == 0 {
            return Ok(Vec::new());
        }
        // Another process may have migrated between the two looks: its tables come all at once.
        if !marked().await? {
            return Err(Error::NotALedger {
                place: place.to_owned(),
            });
        }
    }
    let rows = seaql_migrations::Entity::find()
        .order_by_asc(seaql_migrations::Column::Version)
        .all(db)
        .await?;
    let known: Vec<String> = M::migrations()
        .iter()
        .map(|m| m.name().to_owned())
        .collect();
    let found: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    // All steps are applied in one transaction: a mark table without ours is someone else's.
    if !found.iter().any(|name| known.contains(name)) {
        return Err(Error::NotALedger {
            place: place.to_owned(),
        });
    }
    if let Some(newer) = found.iter().find(|name| !known.contains(name)) {
        return Err(Error::Newer {
            place: place.to_owned(),
            found: newer.clone(),
            known: known.last().cloned().unwrap_or_default(),
        });
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code)]
#[path = "../tests/it/cluster.rs"]
mod cluster;

#[cfg(test)]
mod tests {
    use sea_orm::Statement;
    use sea_orm_migration::prelude::*;

    use super::*;

    /// A later version: one step more.
    struct Later;
    /// A later version whose step fails half-way.
    struct Failing;

    struct Step(bool);

    impl MigrationName for Step {
        fn name(&self) -> &str {
            "m9998_step"
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for Step {
        async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
            let mut table = Table::create();
            table.table("later").col(schema::text("word"));
            manager.create_table(table).await?;
            if self.0 {
                Err(DbErr::Custom("half-way".to_owned()))
            } else {
                Ok(())
            }
        }
    }

    use sea_orm_migration::schema;

    impl MigratorTrait for Later {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Migrator::migrations()
                .into_iter()
                .chain([Box::new(Step(false)) as _])
                .collect()
        }
    }

    impl MigratorTrait for Failing {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Migrator::migrations()
                .into_iter()
                .chain([Box::new(Step(true)) as _])
                .collect()
        }
    }

    async fn tables(db: &DatabaseConnection) -> i64 {
        sqlite::table_count(db).await.expect("counts")
    }

    #[tokio::test]
    async fn an_older_database_is_copied_and_then_migrated() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        let ledger = Ledger::open(&path).await.expect("opens");
        ledger.set_setting("word", &"kept").await.expect("writes");
        let before = tables(ledger.reader()).await;
        ledger.close().await.expect("closes");
        let backup = dir
            .path()
            .join(format!("ledger.db.bak-{}", Ledger::schema_version()));
        // What a killed migration left is in nobody's way.
        std::fs::write(backup.with_extension("bak-1.partial"), b"half").expect("writes");

        let db = sqlite::connect(&path, Access::Write).await.expect("opens");
        let failed = migrate::<Failing>("ledger", Some(&path), &db)
            .await
            .expect_err("fails");
        assert!(failed.to_string().contains("half-way"), "{failed}");
        assert_eq!(tables(&db).await, before, "nothing of a failed step stays");

        migrate::<Later>("ledger", Some(&path), &db)
            .await
            .expect("migrates");
        assert_eq!(tables(&db).await, before + 1);
        migrate::<Later>("ledger", Some(&path), &db)
            .await
            .expect("has nothing to do");
        db.close().await.expect("closes");
        let newer = Ledger::open(&path).await.expect_err("is newer now");
        assert!(newer.to_string().contains("m9998_step"), "{newer}");

        let copy = sqlite::connect(&backup, Access::Write)
            .await
            .expect("opens");
        assert_eq!(tables(&copy).await, before);
        let select = Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT json FROM setting");
        let row = copy
            .query_one_raw(select)
            .await
            .expect("reads")
            .expect("has a row");
        assert_eq!(
            row.try_get_by_index::<String>(0).expect("is text"),
            "\"kept\""
        );
        copy.close().await.expect("closes");
        Ledger::open(&backup).await.expect("the copy is a ledger");
    }

    /// On a server the step and what comes of it are one transaction; text columns that are new sort by
    /// their bytes as the old ones do.
    #[tokio::test]
    async fn a_server_is_migrated_as_a_whole_or_not_at_all() {
        let Some(cluster) = cluster::Cluster::start() else {
            return;
        };
        let url = cluster.database();
        let ledger = Ledger::connect(&url).await.expect("connects");
        let server = Server::parse(&url).expect("is an address");
        let db = server.connect(Access::Write).await.expect("connects");
        let count = async || postgres::table_count(&db).await.expect("counts");
        let before = count().await;
        let failed = migrate::<Failing>("ledger", None, &db).await;
        let failed = failed.expect_err("fails");
        assert!(failed.to_string().contains("half-way"), "{failed}");
        assert_eq!(count().await, before, "nothing of a failed step stays");
        ledger.set_setting("word", &1).await.expect("is open still");

        // Two at the same time: one migrates, the other waits and has nothing to do.
        let other = server.connect(Access::Write).await.expect("connects");
        let (one, two) = tokio::join!(
            migrate::<Later>("ledger", None, &db),
            migrate::<Later>("ledger", None, &other)
        );
        one.and(two).expect("migrates");
        assert_eq!(count().await, before + 1);
        let database = url.rsplit('/').next().expect("a name");
        let order =
            "SELECT collation_name FROM information_schema.columns WHERE table_name = 'later'";
        assert_eq!(cluster.sql(database, order), "C");
        let newer = Ledger::connect(&url).await.expect_err("is newer now");
        assert!(newer.to_string().contains("m9998_step"), "{newer}");
    }

    #[tokio::test]
    async fn reading_an_older_database_asks_for_migration() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        Ledger::open(&path)
            .await
            .expect("opens")
            .close()
            .await
            .expect("closes");
        let db = sqlite::connect(&path, Access::Read).await.expect("opens");
        let version = applied::<Later, _>("ledger", &db)
            .await
            .expect("reads")
            .len();
        assert_eq!(version, Ledger::schema_version());
        assert!(version < Later::migrations().len());
    }
}
