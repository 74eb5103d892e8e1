//! What only PostgreSQL needs: connection options, the turn of writers, the order of text, what its
//! error codes mean. The one file that speaks its dialect; with SQLite (`sqlite.rs`) none of it runs.
//!
//! Writers take turns as they do on SQLite, over all processes and machines: every transaction begins
//! with an advisory lock of its database. So what a transaction has read cannot change before it
//! commits, no two transactions can wait for each other, and none has to be repeated because of
//! another. `read committed` is enough under that lock, and single statements need no turn.

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, SqlxError, Statement,
};

use crate::held::{Right, SILENCE};
use crate::open::Access;
use crate::{Error, Result, error};

/// How long the first connection may take.
const KNOCK: Duration = Duration::from_secs(10);
/// How long a transaction waits for its turn, and a task for a connection: another process may commit
/// something large, and a server that is started anew is back within this time.
const TURN: Duration = Duration::from_secs(120);
/// Longest run of one statement. Those of the ledger are bounded in size (`bulk.rs`).
const STATEMENT: Duration = Duration::from_secs(900);
/// A process that was cut off in the middle of a transaction keeps the turn no longer than this.
const ABANDONED: Duration = Duration::from_secs(120);
/// Connections that write, and that read.
const WRITERS: u32 = 4;
const READERS: u32 = 4;
/// Pause before a server that is just starting is asked again.
const RETRY: Duration = Duration::from_millis(100);
/// The advisory lock of writers: `watchfir` in ASCII, a number that nobody else has by chance.
const WRITING: i64 = 0x7761_7463_6866_6972;
/// The locks of whoever plans the work, of whoever changes the whole, and of whoever does a part of the response.
const LEADING: i64 = WRITING + 1;
const WHOLE: i64 = WRITING + 2;
const RESPONDING: i64 = WRITING + 3;
const VERIFYING: i64 = WRITING + 4;
const TRIAGING: i64 = WRITING + 5;
const NOTIFYING: i64 = WRITING + 6;

/// Whether a text is meant as the address of a PostgreSQL database.
pub(crate) fn is_address(url: &str) -> bool {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// A database on a server, as its URL names it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    options: PgConnectOptions,
    name: String,
}

impl Server {
    /// Reads a URL. What it leaves out comes from where every client of PostgreSQL has it: `PGPASSWORD`
    /// and its kin, `~/.pgpass`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let refuse = |reason: String| Error::Server {
            server: "ledger.url".to_owned(),
            reason,
            remedy: "write postgres://USER@HOST/DATABASE, special characters in %XX",
        };
        if !is_address(url) {
            return Err(refuse("is no address of a PostgreSQL database".to_owned()));
        }
        // The parser's message does not hold the text, which may hold a password.
        let options = url
            .parse::<PgConnectOptions>()
            .map_err(|error| refuse(error.to_string()))?;
        let options = options.application_name("watchfire");
        let user = options.get_username();
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().unwrap_or(user);
        let name = format!("postgres://{user}@{host}:{}/{database}", options.get_port());
        Ok(Server { options, name })
    }

    /// The server, user and database for people: a URL without a password.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens a pool. One connection goes ahead of it: what is wrong with the server is told at once,
    /// where the pool would go on trying.
    pub(crate) async fn connect(&self, access: Access) -> Result<DatabaseConnection> {
        let begun = std::time::Instant::now();
        let lax = loop {
            match tokio::time::timeout(KNOCK, self.knock(access)).await {
                Ok(Ok(lax)) => break lax,
                Ok(Err(error)) if starting(&error) && begun.elapsed() < KNOCK => {
                    tokio::time::sleep(RETRY).await;
                }
                Ok(Err(Refusal::Ours(error))) => return Err(error),
                Ok(Err(Refusal::Theirs(error))) => return Err(self.refused(&error)),
                Err(_) => {
                    let reason = format!("does not answer within {} s", KNOCK.as_secs());
                    return Err(self.unusable(reason, REACH));
                }
            }
        };
        let millis = |time: Duration| time.as_millis().to_string();
        let mut session = vec![
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", millis(TURN)),
            ("statement_timeout", millis(STATEMENT)),
            ("idle_in_transaction_session_timeout", millis(ABANDONED)),
        ];
        if lax {
            // Nothing may be acknowledged before it is durable (DESIGN invariant 3). What is stricter
            // than `on`, and what only leaves out a standby, is the administrator's to choose.
            session.push(("synchronous_commit", "on".to_owned()));
        }
        if access == Access::Read {
            session.push(("default_transaction_read_only", "on".to_owned()));
        }
        let ours = self.options.clone().options(session);
        let mut options = ConnectOptions::new("postgres://localhost/ledger");
        options
            .max_connections(match access {
                Access::Write => WRITERS,
                Access::Read => READERS,
            })
            .min_connections(0)
            .acquire_timeout(TURN)
            // A connection that the server has ended meanwhile is replaced, not handed out.
            .test_before_acquire(true)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            // In the place of what it made of the stand-in URL.
            .map_sqlx_postgres_opts(move |_| {
                sqlx::ConnectOptions::disable_statement_logging(ours.clone())
            });
        Ok(Database::connect(options).await?)
    }

    /// A pool of connections for the queue of jobs, whose crate speaks to the server itself.
    pub(crate) async fn pool(&self, most: u32) -> Result<sqlx::PgPool> {
        let options = sqlx::postgres::PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(KNOCK)
            .test_before_acquire(true);
        let ours = sqlx::ConnectOptions::disable_statement_logging(self.options.clone());
        let pool = options.connect_with(ours).await;
        pool.map_err(|error| self.refused(&error))
    }

    /// A session of its own that has the lock of a right; `None` if another has it.
    pub(crate) async fn lock(&self, right: Right) -> Result<Option<Session>> {
        let key = match right {
            Right::Lead => LEADING,
            Right::Triage => TRIAGING,
            Right::Respond => RESPONDING,
            Right::Notify => NOTIFYING,
            Right::Verify => VERIFYING,
            Right::Whole => WHOLE,
        };
        let connected = tokio::time::timeout(KNOCK, PgConnection::connect_with(&self.options));
        let mut own = match connected.await {
            Ok(connected) => connected.map_err(|error| self.refused(&error))?,
            Err(_) => {
                let reason = format!("does not answer within {} s", KNOCK.as_secs());
                return Err(self.unusable(reason, REACH));
            }
        };
        // PostgreSQL 14 and later; before, only a dead process loses its right.
        let silence = format!("SET idle_session_timeout = {}", SILENCE.as_millis());
        let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(silence))
            .execute(&mut own)
            .await;
        let lock = sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)").bind(key);
        let locked = lock.fetch_one(&mut own).await;
        if locked.map_err(|error| self.refused(&error))? {
            return Ok(Some(Session { own }));
        }
        let _ = own.close().await;
        Ok(None)
    }

    /// One connection, to see what the server says; whether it would acknowledge a commit before that
    /// is durable.
    async fn knock(&self, access: Access) -> std::result::Result<bool, Refusal> {
        let mut server = PgConnection::connect_with(&self.options).await?;
        let mut show = async |what: &'static str| -> std::result::Result<String, SqlxError> {
            let ask = sqlx::query_scalar::<_, Option<String>>("SELECT current_setting($1)");
            let found = ask.bind(what).fetch_one(&mut server).await?;
            Ok(found.unwrap_or_default())
        };
        let encoding = show("server_encoding").await?;
        let standby = show("transaction_read_only").await? == "on";
        let lax = show("synchronous_commit").await? == "off";
        let _ = server.close().await;
        if encoding != "UTF8" {
            let reason = format!("the database holds text in {encoding}");
            let remedy = "make one with `createdb -E UTF8 -T template0`";
            return Err(Refusal::Ours(self.unusable(reason, remedy)));
        }
        if standby && access == Access::Write {
            let remedy = "name the primary in ledger.url (a standby serves no command that writes)";
            let reason = "takes no changes: it is a standby, or set to read only".to_owned();
            return Err(Refusal::Ours(self.unusable(reason, remedy)));
        }
        Ok(lax)
    }

    fn unusable(&self, reason: String, remedy: &'static str) -> Error {
        Error::Server {
            server: self.name.clone(),
            reason,
            remedy,
        }
    }

    /// What was met at the first connection, and its remedy.
    fn refused(&self, error: &SqlxError) -> Error {
        let (reason, remedy) = match error {
            SqlxError::Database(source) => {
                let remedy = match source.code().as_deref() {
                    Some("28P01" | "28000") => {
                        "mend user or password in ledger.url (PGPASSWORD and ~/.pgpass count too), or pg_hba.conf"
                    }
                    Some("3D000") => {
                        "make it with `createdb -E UTF8 -T template0`, or mend ledger.url"
                    }
                    Some("42501") => "let the user connect: GRANT CONNECT ON DATABASE",
                    Some("53300") => "raise max_connections of the server, or end other programs",
                    _ => REACH,
                };
                (source.message().to_owned(), remedy)
            }
            SqlxError::Io(source) => (format!("cannot be reached: {source}"), REACH),
            SqlxError::Tls(source) => (
                format!("no TLS: {source}"),
                "mend the server's certificate, or set sslmode and sslrootcert in ledger.url",
            ),
            other => (other.to_string(), REACH),
        };
        self.unusable(reason, remedy)
    }
}

const REACH: &str =
    "look whether PostgreSQL runs there and lets this machine in, or mend ledger.url";

/// Why the first connection gave nothing.
enum Refusal {
    /// What the driver or the server says.
    Theirs(SqlxError),
    /// What we say about a server that would let us in.
    Ours(Error),
}

impl From<SqlxError> for Refusal {
    fn from(error: SqlxError) -> Self {
        Refusal::Theirs(error)
    }
}

/// Whether the server is there and only not ready yet.
fn starting(refusal: &Refusal) -> bool {
    let Refusal::Theirs(SqlxError::Database(source)) = refusal else {
        return false;
    };
    source.code().as_deref() == Some("57P03")
}

/// A connection that holds a lock for as long as it stands.
pub(crate) struct Session {
    own: PgConnection,
}

impl Session {
    /// Says something to the server.
    pub(crate) async fn ping(&mut self) -> std::result::Result<(), SqlxError> {
        self.own.ping().await
    }

    /// Gives the lock back.
    pub(crate) async fn end(self) {
        let _ = self.own.close().await;
    }
}

/// Whether nobody is changing the whole; true as well until the transaction ends. On SQLite the lock of
/// the folder says so.
pub(crate) async fn nobody_has_the_whole(tx: &DatabaseTransaction) -> Result<bool> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    let ask = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_try_advisory_xact_lock_shared($1) AS free",
        [WHOLE.into()],
    );
    let row = tx.query_one_raw(ask).await?;
    let free = row.map(|row| row.try_get::<bool>("", "free")).transpose()?;
    Ok(free.unwrap_or(false))
}

/// What the database is, for whoever arms a cluster: the server's own number and history, the address it
/// answers at, and the database's number in it. A copy differs in one of them.
pub(crate) async fn identity(db: &DatabaseConnection) -> Result<String> {
    let sql = "SELECT (SELECT system_identifier FROM pg_control_system())::text || ' ' || \
        (SELECT timeline_id FROM pg_control_checkpoint())::text || ' ' || \
        (SELECT oid FROM pg_database WHERE datname = current_database())::text || ' ' || \
        coalesce(host(inet_server_addr()), 'local') || ' ' || \
        coalesce(inet_server_port()::text, '') AS identity";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let found = row.map(|row| row.try_get::<String>("", "identity"));
    Ok(found.transpose()?.unwrap_or_default())
}

/// Waits until no other transaction writes; the turn ends with the transaction, however that ends.
pub(crate) async fn take_turn(tx: &DatabaseTransaction) -> Result<()> {
    let lock = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock($1)",
        [WRITING.into()],
    );
    tx.execute_raw(lock).await?;
    Ok(())
}

/// Lets a table's own numbers go on after the highest that was loaded; nothing, where its key is not counted.
pub(crate) async fn go_on_counting<C: ConnectionTrait>(
    db: &C,
    table: &str,
    key: &str,
) -> Result<()> {
    // Names of our own tables and columns: nothing to be escaped.
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{key}'), max(\"{key}\"::text::bigint)) \
         FROM \"{table}\" WHERE pg_get_serial_sequence('\"{table}\"', '{key}') IS NOT NULL HAVING count(*) > 0"
    );
    db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    Ok(())
}

/// Number of tables in the schema that new tables go to; a database without ours but with others is
/// not a ledger.
pub(crate) async fn table_count<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let sql = "SELECT count(*) AS n FROM information_schema.tables \
        WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let count = row.map(|row| row.try_get::<i64>("", "n")).transpose()?;
    Ok(count.unwrap_or(0))
}

/// Makes every text column sort by its bytes, as on SQLite, whatever the locale of the database: lists
/// come in the same order everywhere, and no update of the system's locales can invalidate an index.
/// The end of a migration; columns that do so already are left alone.
pub(crate) async fn order_by_bytes<C: ConnectionTrait>(db: &C) -> Result<()> {
    let sql = "SELECT c.table_name::text AS t, c.column_name::text AS c \
        FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) \
        WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
        AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C' \
        ORDER BY c.table_name, c.ordinal_position";
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let (table, column): (String, String) = (row.try_get("", "t")?, row.try_get("", "c")?);
        match tables.last_mut() {
            Some((last, columns)) if *last == table => columns.push(column),
            _ => tables.push((table, vec![column])),
        }
    }
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    for (table, columns) in tables {
        let changes: Vec<String> = columns
            .iter()
            .map(|column| format!("ALTER COLUMN {} TYPE text COLLATE \"C\"", quoted(column)))
            .collect();
        let alter = format!("ALTER TABLE {} {}", quoted(&table), changes.join(", "));
        db.execute_unprepared(&alter).await?;
    }
    Ok(())
}

/// The settings that durability rests on, as the connection has them.
pub(crate) async fn durability(db: &DatabaseConnection) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in [
        "server_version",
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "server_encoding",
        "max_connections",
    ] {
        let ask = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT current_setting($1) AS value",
            [name.into()],
        );
        if let Some(row) = db.query_one_raw(ask).await? {
            found.push((name.to_owned(), row.try_get::<String>("", "value")?));
        }
    }
    Ok(found)
}

/// What the operator can do about an error of PostgreSQL or on the way to it; other errors are given
/// back. A serialization failure or a deadlock cannot come of the ledger's own turns: it is somebody
/// else's lock, and nothing was changed.
pub(crate) fn sorted(error: DbErr) -> std::result::Result<Error, DbErr> {
    if matches!(
        error,
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed)
    ) {
        return Ok(Error::ConnectionLost(error));
    }
    let code = match error::driver(&error) {
        Some(SqlxError::Io(_) | SqlxError::Tls(_)) => return Ok(Error::ConnectionLost(error)),
        Some(SqlxError::Database(source)) => source
            .try_downcast_ref::<PgDatabaseError>()
            .map(|source| source.code().to_owned()),
        _ => None,
    };
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    Ok(match code.as_deref() {
        // serialization failure, deadlock, lock timeout, statement timeout or cancelled by a person
        Some("40001" | "40P01" | "55P03" | "57014") => Error::Busy,
        Some("53100") => Error::DatabaseFull,
        Some("58030") => Error::DatabaseDisk(error),
        // damaged data, damaged index
        Some("XX001" | "XX002") => Error::DatabaseCorrupt(error),
        // shut down by an administrator, by a crash, not up yet, ended for idling in a transaction
        Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300") => {
            Error::ConnectionLost(error)
        }
        // connection exceptions
        Some(code) if code.starts_with("08") => Error::ConnectionLost(error),
        _ => return Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_its_password() {
        let url = "postgresql://duty:s%40cret@db.example.test:6543/fire?sslmode=require";
        let server = Server::parse(url).expect("it is an address");
        assert_eq!(server.name(), "postgres://duty@db.example.test:6543/fire");
        let refused = server.unusable("does not answer".to_owned(), REACH);
        assert!(!refused.to_string().contains("cret"), "{refused}");
        let socket = Server::parse("postgres://duty@localhost/fire?host=/run/postgresql")
            .expect("a socket is one too");
        assert!(
            socket.name().contains("@/run/postgresql:"),
            "{}",
            socket.name()
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for wrong in [
            "mysql://duty:secret@db.example.test/fire",
            "postgres://duty:secret@db.example.test:port/fire",
            "postgres://duty:secret@db.example.test/fire?sslmode=maybe",
            "",
        ] {
            let refused = Server::parse(wrong).expect_err("it is none");
            assert_eq!(refused.label(), "server");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
