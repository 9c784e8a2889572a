//! Closing the books: entries before a closed end are final, what comes later is booked into the open period.

use proofback_domain::calendar::Day;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::{Store, rows, seals};
use crate::error::StoreError;
use crate::model::{CloseRefusal, Closing, PeriodClose};
use crate::page::{Cursor, Page, PageRequest};

impl Store {
    /// Closes everything up to a day. The same day again is the same answer, and nothing is written twice.
    pub async fn close_period(
        &self,
        closing: Closing,
        now: Timestamp,
    ) -> Result<Result<PeriodClose, CloseRefusal>, StoreError> {
        // Most of it beside the writer; what is booked meanwhile is sealed with the close.
        while self.seal(now).await? > 0 {}
        self.write(move |connection| close(connection, &closing, now)).await
    }

    /// Newest first.
    pub async fn closes(&self, page: PageRequest) -> Result<Page<PeriodClose>, StoreError> {
        self.read(move |connection| {
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let query =
                format!("select {CLOSE} from period_close where number < ?1 order by number desc limit ?2");
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map((before, i64::from(page.limit) + 1), period_close)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |close| Cursor::from_number(close.number)))
        })
        .await
    }
}

pub const CLOSE: &str = "number, day, until_ms, at, actor, last_entry, hash";

pub fn period_close(row: &Row<'_>) -> rusqlite::Result<PeriodClose> {
    Ok(PeriodClose {
        number: row.get(0)?,
        day: rows::day(row, 1)?,
        until: rows::time(row, 2)?,
        at: rows::time(row, 3)?,
        actor: row.get(4)?,
        last_entry: row.get(5)?,
        hash: row.get(6)?,
    })
}

fn close(
    connection: &Connection,
    closing: &Closing,
    now: Timestamp,
) -> Result<Result<PeriodClose, CloseRefusal>, StoreError> {
    let Closing { day, until, actor, reason } = closing;
    if let Some(same) = find(connection, *day)? {
        return Ok(Ok(same));
    }
    let newest = newest(connection)?;
    if let Some(closed) = newest.as_ref().filter(|newest| *until <= newest.until) {
        return Ok(Err(CloseRefusal::Earlier { day: *day, closed: closed.day }));
    }
    if now < *until {
        return Ok(Err(CloseRefusal::NotEnded { day: *day, until: *until }));
    }
    while let Some(batch) = seals::build(connection, now)? {
        seals::keep(connection, &batch)?;
    }
    let head = seals::last(connection)?;
    let closed = PeriodClose {
        number: newest.map_or(1, |newest| newest.number + 1),
        day: *day,
        until: *until,
        at: now,
        actor: actor.clone(),
        last_entry: head.last_entry,
        hash: head.hash,
    };
    insert(connection, &closed)?;
    let subject = format!("period up to {day}");
    record(connection, &Deed { at: now, actor, action: "ledger.close", subject: &subject, reason })?;
    Ok(Ok(closed))
}

fn find(connection: &Connection, day: Day) -> Result<Option<PeriodClose>, StoreError> {
    let query = format!("select {CLOSE} from period_close where day = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([day.to_string()], period_close).optional()?)
}

fn newest(connection: &Connection) -> Result<Option<PeriodClose>, StoreError> {
    let query = format!("select {CLOSE} from period_close order by number desc limit 1");
    Ok(connection.prepare_cached(&query)?.query_row([], period_close).optional()?)
}

fn insert(connection: &Connection, closed: &PeriodClose) -> Result<(), StoreError> {
    let statement = "insert into period_close (number, until_ms, day, at, actor, last_entry, hash) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(statement)?.execute((
        closed.number,
        closed.until.millis(),
        closed.day.to_string(),
        closed.at.millis(),
        &closed.actor,
        closed.last_entry,
        closed.hash,
    ))?;
    Ok(())
}
