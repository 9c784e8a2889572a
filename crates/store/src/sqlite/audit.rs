//! What people did, in order.

use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::{Store, rows};
use crate::error::StoreError;
use crate::model::AuditRow;
use crate::page::{Cursor, Page, PageRequest};

/// A deed to be kept with what it changes.
pub struct Deed<'a> {
    pub at: Timestamp,
    pub actor: &'a str,
    pub action: &'a str,
    pub subject: &'a str,
    pub reason: &'a str,
}

pub fn record(connection: &Connection, deed: &Deed<'_>) -> Result<(), StoreError> {
    let statement = "insert into audit (at, actor, action, subject, reason) values (?1, ?2, ?3, ?4, ?5)";
    let Deed { at, actor, action, subject, reason } = deed;
    connection.prepare_cached(statement)?.execute((at.millis(), actor, action, subject, reason))?;
    Ok(())
}

impl Store {
    /// Newest first.
    pub async fn audit(&self, page: PageRequest) -> Result<Page<AuditRow>, StoreError> {
        self.read(move |connection| {
            let query = "select number, at, actor, action, subject, reason from audit where number < ?1 \
                order by number desc limit ?2";
            let mut statement = connection.prepare_cached(query)?;
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let found = statement.query_map((before, i64::from(page.limit) + 1), |row| {
                Ok(AuditRow {
                    number: row.get(0)?,
                    at: rows::time(row, 1)?,
                    actor: row.get(2)?,
                    action: row.get(3)?,
                    subject: row.get(4)?,
                    reason: row.get(5)?,
                })
            })?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor::from_number(row.number)))
        })
        .await
    }
}
