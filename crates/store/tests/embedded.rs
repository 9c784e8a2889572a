//! What only the embedded engine promises: its directory, its schema, its unchangeable journal.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_store::OpenError;
use rusqlite::Connection;
use support::{Installation, open};

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let world = Installation::new().await;
    let error = open(world.directory.path()).err().unwrap();
    assert!(matches!(error, OpenError::InUse(_)));
    assert!(error.to_string().contains("is in use by another process"), "{error}");
}

#[test]
fn a_directory_that_is_a_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    std::fs::write(&path, "").unwrap();
    let error = open(&path).err().unwrap();
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("proofback.db"),
        "this is no database, and long enough to be seen as none",
    )
    .unwrap();
    let error = open(directory.path()).err().unwrap();
    assert!(matches!(error, OpenError::Database { .. }), "{error}");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("proofback.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 1_000).unwrap();
    let error = open(directory.path()).err().unwrap();
    assert!(error.to_string().contains("was written by a newer version (schema 1000"), "{error}");
    let version: u32 =
        Connection::open(&file).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1_000);
}

#[tokio::test]
async fn entries_are_never_changed_or_removed() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    let connection = Connection::open(world.directory.path().join("proofback.db")).unwrap();
    for statement in [
        "update entry set amount = 1",
        "delete from entry",
        "insert into entry (id, at, debit, credit, amount, currency, reason) values (x'00', 0, 'house:cash', 'house:cash', 1, 'EUR', '')",
        "insert into entry (id, at, debit, credit, amount, currency, reason) values (x'00', 0, 'house:cash', 'house:income', 0, 'EUR', '')",
    ] {
        assert!(connection.execute(statement, []).is_err(), "{statement}");
    }
}

#[tokio::test]
async fn sums_beyond_64_bits_are_exact() {
    let world = Installation::new().await;
    let connection = Connection::open(world.directory.path().join("proofback.db")).unwrap();
    for number in 0..20u8 {
        let statement = "insert into entry (id, at, debit, credit, amount, currency, reason) \
            values (?1, 0, 'house:cash', 'house:income', 999999999999999999, 'EUR', '')";
        connection.execute(statement, [[number; 16].as_slice()]).unwrap();
    }
    assert_eq!(world.balance("house:income").await, 19_999_999_999_999_999_980);
    assert_eq!(world.balance("house:cash").await, -19_999_999_999_999_999_980);
}
