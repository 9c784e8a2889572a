//! Opening a data directory: the lock, the files, the pragmas, the schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::backfill::backfill;
use super::{Options, facts, known, rates};
use crate::error::{OpenError, StoreError};
use crate::facts::{Archive, Depot, DepotLocation};
use crate::spill::Spill;
use proofback_domain::rates::Rates;

/// Numbered from 1; forward only.
pub const MIGRATIONS: [&str; 12] = [
    include_str!("../../migrations/0001_start.sql"),
    include_str!("../../migrations/0002_second_look.sql"),
    include_str!("../../migrations/0003_seen_expected.sql"),
    include_str!("../../migrations/0004_signed_requests.sql"),
    include_str!("../../migrations/0005_approval.sql"),
    include_str!("../../migrations/0006_ledger.sql"),
    include_str!("../../migrations/0007_money.sql"),
    include_str!("../../migrations/0008_deliveries.sql"),
    include_str!("../../migrations/0009_facts.sql"),
    include_str!("../../migrations/0010_saved_reports.sql"),
    include_str!("../../migrations/0011_people.sql"),
    include_str!("../../migrations/0012_overview.sql"),
];

pub struct Opened {
    pub writer: Connection,
    /// Copies the log into the database.
    pub copier: Connection,
    pub readers: Vec<Connection>,
    pub spill: Spill,
    pub rates: Rates,
    pub archive: Arc<Archive>,
    /// Clicks with lower numbers are sealed.
    pub clicks_until: i64,
    pub lock: File,
}

pub fn open(directory: &Path, options: &Options) -> Result<Opened, OpenError> {
    let path = directory.display().to_string();
    let unreadable =
        |error: std::io::Error| OpenError::Unreadable { path: path.clone(), why: error.to_string() };
    std::fs::create_dir_all(directory).map_err(unreadable)?;
    let lock = lock(directory, &path)?;
    let file = directory.join("proofback.db");
    let database =
        |error: rusqlite::Error| OpenError::Database { path: path.clone(), why: error.to_string() };
    let writer = Connection::open(&file).map_err(database)?;
    configure(&writer).map_err(database)?;
    migrate(&writer, &path)?;
    keep_key(&writer, options.fresh_key).map_err(database)?;
    release_leases(&writer).map_err(database)?;
    let readers: Vec<Connection> =
        (0..options.readers.max(1)).map(|_| reader(&file)).collect::<Result<_, _>>().map_err(database)?;
    let copier =
        Connection::open(&file).and_then(|copier| configure(&copier).map(|()| copier)).map_err(database)?;
    let spill = Spill::open(&directory.join("spill")).map_err(unreadable)?;
    let unreadable_rates =
        |error: StoreError| OpenError::Database { path: path.clone(), why: error.to_string() };
    let rates = rates::load(&writer).map_err(unreadable_rates)?;
    let (archive, clicks_until) = open_archive(directory, options, &writer, &path)?;
    for connection in readers.iter().chain([&writer]) {
        known::find_sealed_clicks(connection, &archive).map_err(database)?;
    }
    backfill(&writer).map_err(|error| OpenError::Database { path: path.clone(), why: error.to_string() })?;
    Ok(Opened { writer, copier, readers, spill, rates, archive, clicks_until, lock })
}

fn open_archive(
    directory: &Path,
    options: &Options,
    writer: &Connection,
    path: &str,
) -> Result<(Arc<Archive>, i64), OpenError> {
    let database = |error: StoreError| OpenError::Database { path: path.to_owned(), why: error.to_string() };
    let location = options.facts.clone();
    let location = location.unwrap_or_else(|| DepotLocation::Directory(directory.join("facts")));
    let depot = Depot::open(&location)
        .map_err(|error| OpenError::Unreadable { path: format!("{location:?}"), why: error.to_string() })?;
    let catalog = facts::catalog(writer).map_err(database)?;
    let state = facts::state(writer).map_err(database)?;
    Ok((Arc::new(Archive::new(depot, catalog)), state.clicks_until))
}

fn lock(directory: &Path, path: &str) -> Result<File, OpenError> {
    let unreadable =
        |error: std::io::Error| OpenError::Unreadable { path: path.to_owned(), why: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("lock"));
    let file = file.map_err(unreadable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(unreadable(error)),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // The durable combination: in WAL mode a commit is one append and one fsync.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // Nobody else should write; whoever does anyway is waited for shortly, then the group is refused.
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    let bytes = connection.query_row(
        "select page_count * page_size from pragma_page_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    connection.pragma_update(None, "cache_size", -cache_kib(bytes))?;
    keep_plans(connection)?;
    // A thread of its own copies the log into the database.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// For the writer. The kernel has the pages, too, but the upper levels of large tables are needed at every turn. Where a
/// database has less than 1 GB, more would be looked through as a whole at many commits: a page that is split out of
/// order makes SQLite forget, page by page, what lies behind the end.
fn cache_kib(database_bytes: i64) -> i64 {
    if database_bytes < 1 << 30 { 8 * 1_024 } else { 64 * 1_024 }
}

fn reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Without this, a cached statement is prepared anew whenever a value is bound that its plan could depend on.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &Connection, path: &str) -> Result<(), OpenError> {
    let database =
        |error: rusqlite::Error| OpenError::Database { path: path.to_owned(), why: error.to_string() };
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    for (number, migration) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        // The schema and its number change together or not at all.
        let script = format!("begin immediate;\n{migration}\npragma user_version = {number};\ncommit;");
        connection.execute_batch(&script).map_err(database)?;
    }
    Ok(())
}

/// What an earlier process had claimed is nobody's: the lock says that there is no other. It may have been sent, and
/// is sent again under the same id.
fn release_leases(connection: &Connection) -> rusqlite::Result<()> {
    let statement =
        "update delivery set next_at = first_at, lease_until = 0 where state = 'pending' and lease_until > 0";
    connection.execute(statement, []).map(drop)
}

fn keep_key(connection: &Connection, fresh: [u8; 16]) -> rusqlite::Result<()> {
    let query = "select value from setting where name = 'click_key'";
    let known: Option<Vec<u8>> = connection.query_row(query, [], |row| row.get(0)).optional()?;
    if known.is_none() {
        connection
            .execute("insert into setting (name, value) values ('click_key', ?1)", [fresh.as_slice()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    /// A killed process shows nothing of this: only a power cut would.
    #[tokio::test]
    async fn the_writer_syncs_its_log_at_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            readers: 1,
            fresh_key: [0; 16],
            facts: None,
            on_fatal: Box::new(|error| panic!("{error}")),
        };
        let opened = open(directory.path(), &options).unwrap();
        for connection in [&opened.writer, &opened.copier] {
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            let synchronous: u32 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!((mode.as_str(), synchronous), ("wal", 2));
        }
        assert!(opened.readers[0].execute("delete from click", []).is_err());
    }

    #[test]
    fn only_a_database_beyond_the_lock_page_of_sqlite_is_given_much_cache() {
        assert_eq!((cache_kib(0), cache_kib((1 << 30) - 4_096), cache_kib(1 << 30)), (8_192, 8_192, 65_536));
    }

    #[test]
    fn a_postback_of_the_first_schema_is_kept_by_every_later_one() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = "insert into postback (id, at, method, path, ip, params, fields, outcome, reason, message, \
            field, advice, checks, decided_at, revision) values (zeroblob(16), 1, 'GET', '/', '', '[]', '{}', \
            'rejected', 'bad_amount', 'm', 'sum', 'a', '[]', 1, 1)";
        connection.execute(insert, []).unwrap();
        migrate(&connection, "memory").unwrap();
        let query = format!("select {} from postback", crate::sqlite::rows::POSTBACK);
        let row = connection.query_row(&query, [], crate::sqlite::rows::postback).unwrap();
        assert_eq!((row.field.as_str(), row.seen.as_str(), row.expected.as_str()), ("sum", "", ""));
    }

    #[test]
    fn deliveries_of_an_earlier_schema_keep_their_order_and_their_leases() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..7] {
            connection.execute_batch(migration).unwrap();
        }
        connection.pragma_update(None, "user_version", 7).unwrap();
        let insert = "insert into delivery (number, id, at, target, partner, conversion_id, postback_id, happening, \"values\", \
            state, attempts, next_at, lease_until, last_error) \
            values (?1, randomblob(16), ?2, 't', 'p', ?3, zeroblob(16), 'conversion.created', '{}', ?4, 1, ?5, ?6, null)";
        for (number, conversion, state, next_at, lease_until) in [
            (1, 1u8, "delivered", 10, 0),
            (2, 1, "pending", 20, 99),
            (3, 1, "pending", 30, 0),
            (4, 2, "pending", 40, 0),
        ] {
            let params = (number, number, [conversion; 16], state, next_at, lease_until);
            connection.execute(insert, params).unwrap();
        }
        migrate(&connection, "memory").unwrap();
        let due = |connection: &Connection| {
            let mut statement =
                connection.prepare("select next_at, first_at from delivery order by number").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.collect::<Result<Vec<(i64, i64)>, _>>().unwrap()
        };
        assert_eq!(due(&connection), [(10, 1), (99, 2), (i64::MAX, 3), (40, 4)]);
        release_leases(&connection).unwrap();
        assert_eq!(due(&connection), [(10, 1), (2, 2), (i64::MAX, 3), (40, 4)]);
    }

    #[test]
    fn a_token_of_an_earlier_schema_is_not_revoked() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..10] {
            connection.execute_batch(migration).unwrap();
        }
        connection.pragma_update(None, "user_version", 10).unwrap();
        let insert = "insert into token (id, at, name, role, hash) values (zeroblob(16), 1, 'n', 'viewer', zeroblob(32))";
        connection.execute(insert, []).unwrap();
        migrate(&connection, "memory").unwrap();
        let query = "select name, revoked_at is null from token";
        let found: (String, bool) =
            connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found, ("n".into(), true));
    }

    #[tokio::test]
    async fn a_cached_statement_is_prepared_once_whatever_is_bound() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            readers: 1,
            fresh_key: [0; 16],
            facts: None,
            on_fatal: Box::new(|error| panic!("{error}")),
        };
        let opened = open(directory.path(), &options).unwrap();
        for connection in [&opened.writer, &opened.readers[0]] {
            let query =
                "select postback_id from waiting where advertiser = ?1 and original_txid = ?2 order by rowid";
            for txid in ["T1", "T2", "T3"] {
                let mut statement = connection.prepare_cached(query).unwrap();
                let found = statement.query_map(("shop", txid), |row| row.get::<_, Vec<u8>>(0)).unwrap();
                assert_eq!(found.count(), 0);
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{txid}");
            }
        }
    }
}
