//! What only SQLite needs: connect options, the backup copy, the look at a foreign file, what its
//! result codes mean. The one file that speaks its dialect; with PostgreSQL (`postgres.rs`) none of it
//! runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::{SqliteError, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, SqlxError,
    Statement,
};

use sea_orm_migration::MigratorTrait;

use crate::dump::{Kind, Table};
use crate::migration::Migrator;
use crate::open::Access;
use crate::{Error, Result, error};

/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(60);
/// How long a task waits for its turn on the one writing connection: a large commit may hold it.
const TURN: Duration = Duration::from_secs(600);
/// Pause before a file is opened once more that another process is just making.
const RETRY: Duration = Duration::from_millis(10);
/// Readers at the same time.
const READERS: u32 = 4;

/// SQLite could not enlarge the file beside the write-ahead log: that reports no cause, and has one.
const IOERR_SHMSIZE: i32 = 4874;

/// SQLite's extended result code, if `error` came from there.
fn extended_code(error: &DbErr) -> Option<i32> {
    let SqlxError::Database(source) = error::driver(error)? else {
        return None;
    };
    source
        .try_downcast_ref::<SqliteError>()
        .and_then(|_| source.code()?.parse().ok())
}

/// The primary result code: the extended ones carry it in the low byte.
pub(crate) fn code(error: &DbErr) -> Option<i32> {
    Some(extended_code(error)? & 0xff)
}

/// What the operator can do about an error of SQLite; other errors are given back.
pub(crate) fn sorted(error: DbErr) -> std::result::Result<Error, DbErr> {
    // https://www.sqlite.org/rescode.html
    if extended_code(&error) == Some(IOERR_SHMSIZE) {
        return Ok(Error::DatabaseFull);
    }
    Ok(match code(&error) {
        Some(5 | 6) => Error::Busy,
        Some(10) => Error::DatabaseDisk(error),
        Some(11 | 26) => Error::DatabaseCorrupt(error),
        Some(13) => Error::DatabaseFull,
        _ => return Err(error),
    })
}

/// Opens a pool on the database file: one connection that writes and creates the file, or several that
/// read. `path` is absolute, so that SQLite cannot take it for a URI.
pub(crate) async fn connect(path: &Path, access: Access) -> Result<DatabaseConnection> {
    // The file name goes in through the driver's own option: a URL would have to escape it.
    let mut options = ConnectOptions::new("sqlite://ledger.db");
    let file = path.to_owned();
    options
        .max_connections(if access == Access::Write { 1 } else { READERS })
        .min_connections(0)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .acquire_timeout(TURN)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&file)
                .busy_timeout(BUSY)
                .foreign_keys(true);
            match access {
                // FULL: with the write-ahead log only this setting syncs at every commit, and
                // nothing may be acknowledged before it is durable (DESIGN invariant 3).
                Access::Write => options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("journal_size_limit", "67108864"),
                Access::Read => options.create_if_missing(false).read_only(true),
            }
        });
    first_connection(options)
        .await
        .map_err(|error| match code(&error) {
            Some(14) => Error::Io {
                path: path.to_owned(),
                source: std::io::Error::other(
                    "cannot be opened: check that it exists and its permissions",
                ),
            },
            Some(26) => Error::NotALedger {
                place: path.display().to_string(),
            },
            _ => error.into(),
        })
}

/// Connects, and waits for others who open the same new file: the switch to the write-ahead log is
/// the one statement for which SQLite does not wait by itself
/// (<https://www.sqlite.org/pragma.html#pragma_journal_mode>).
async fn first_connection(
    options: ConnectOptions,
) -> std::result::Result<DatabaseConnection, sea_orm::DbErr> {
    let start = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if code(&error) == Some(5) && start.elapsed() < BUSY => {
                tokio::time::sleep(RETRY).await;
            }
            done => return done,
        }
    }
}

/// Number of tables in the file; a file without our tables but with others is not a ledger.
pub(crate) async fn table_count<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let sql =
        "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Sqlite, sql))
        .await?;
    Ok(row
        .map(|row| row.try_get::<i64>("", "n"))
        .transpose()?
        .unwrap_or(0))
}

/// The tables that the migrations make, in the order in which they make them, from a database in memory.
pub(crate) async fn schema() -> Result<Vec<Table>> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    // One connection: each has a memory of its own.
    options
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .sqlx_logging(false);
    let db = Database::connect(options).await?;
    Migrator::up(&db, None).await?;
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' \
        AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations' ORDER BY rowid";
    let all = |sql: String| db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql));
    let mut tables = Vec::new();
    for row in all(names.to_owned()).await? {
        let name: String = row.try_get_by_index(0)?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        // Names of our own tables: nothing to be escaped.
        for row in all(format!("PRAGMA table_info(\"{name}\")")).await? {
            let column: String = row.try_get("", "name")?;
            let declared: String = row.try_get("", "type")?;
            let kind = Kind::declared(&declared).ok_or_else(|| {
                Error::conflict(
                    format!("column {name}.{column}"),
                    format!("has the type {declared}, which no dump knows"),
                )
            })?;
            let place: i64 = row.try_get("", "pk")?;
            if place > 0 {
                key.push((place, column.clone()));
            }
            columns.push((column, kind));
        }
        key.sort();
        tables.push(Table {
            name,
            columns,
            key: key.into_iter().map(|(_, column)| column).collect(),
        });
    }
    db.close().await?;
    Ok(tables)
}

/// Copies the database as it is to `<path>.bak-<version>`, durably, and returns that path. An older
/// copy of the same version is replaced: the database is still at that version, so it holds no less.
pub(crate) async fn back_up(
    db: &DatabaseConnection,
    path: &Path,
    version: usize,
) -> Result<PathBuf> {
    let suffixed = |suffix: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let target = suffixed(format!(".bak-{version}"));
    let partial = suffixed(format!(".bak-{version}.partial"));
    match std::fs::remove_file(&partial) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(&partial, source));
        }
        _ => {}
    }
    let name = partial.to_str().ok_or_else(|| {
        Error::io(
            &partial,
            std::io::Error::other("the path of a ledger must be valid UTF-8"),
        )
    })?;
    let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [name.into()]);
    db.execute_raw(copy).await?;
    let file = std::fs::File::open(&partial).map_err(|source| Error::io(&partial, source))?;
    file.sync_all().map_err(|source| Error::Fsync {
        path: partial.clone(),
        source,
    })?;
    std::fs::rename(&partial, &target).map_err(|source| Error::io(&target, source))?;
    crate::blob::sync_dir(path.parent().unwrap_or(Path::new("/")))?;
    Ok(target)
}

/// The settings that durability rests on, as the connection has them.
pub(crate) async fn pragmas(db: &DatabaseConnection) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in [
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "busy_timeout",
    ] {
        let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
        let Some(row) = db.query_one_raw(statement).await? else {
            continue;
        };
        let value = match row.try_get_by_index::<String>(0) {
            Ok(text) => text,
            Err(_) => row.try_get_by_index::<i64>(0)?.to_string(),
        };
        found.push((name.to_owned(), value));
    }
    Ok(found)
}
