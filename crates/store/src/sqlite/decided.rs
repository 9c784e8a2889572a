//! Decisions in the order in which they were made, for whoever looks on: what was added to the log since, and what of
//! it was decided again.

use std::collections::HashSet;

use proofback_domain::id::PostbackId;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use super::{Store, rows};
use crate::error::StoreError;
use crate::model::PostbackRow;

/// How far somebody has seen: so many rows of the log, and so many decisions that were replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    row: i64,
    replaced: i64,
}

/// A postback as it was decided last.
#[derive(Debug, Clone)]
pub struct Decided {
    /// Whoever has seen it and all before it has seen so far.
    pub place: Place,
    pub row: PostbackRow,
}

/// What was decided behind a place.
#[derive(Debug)]
pub struct Decisions {
    pub decided: Vec<Decided>,
    /// So far was read.
    pub at: Place,
    /// The bound ended it.
    pub more: bool,
}

impl Store {
    /// Changes with every commit, whatever was written.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.writer.commits()
    }

    /// Where the log ends now.
    pub async fn last_place(&self) -> Result<Place, StoreError> {
        self.read(last_place).await
    }

    /// Up to `limit` decisions behind a place, up to another one or to the end. A postback that was decided several
    /// times in between comes once, as it stands.
    pub async fn decided(
        &self,
        after: Place,
        until: Option<Place>,
        limit: u32,
    ) -> Result<Decisions, StoreError> {
        self.read(move |connection| {
            let until = match until {
                Some(until) => until,
                None => last_place(connection)?,
            };
            let (mut decided, more) = added(connection, after, until, limit)?;
            if more {
                let at = decided.last().map_or(after, |last| last.place);
                return Ok(Decisions { decided, at, more });
            }
            let after = Place { row: until.row, ..after };
            let (at, more) = replaced(connection, after, until, limit, &mut decided)?;
            Ok(Decisions { decided, at, more })
        })
        .await
    }
}

fn last_place(connection: &Connection) -> Result<Place, StoreError> {
    let query = "select (select coalesce(max(rowid), 0) from postback), \
        (select coalesce(max(rowid), 0) from earlier_decision)";
    let place = connection
        .prepare_cached(query)?
        .query_row([], |row| Ok(Place { row: row.get(0)?, replaced: row.get(1)? }))?;
    Ok(place)
}

fn added(
    connection: &Connection,
    after: Place,
    until: Place,
    limit: u32,
) -> Result<(Vec<Decided>, bool), StoreError> {
    let query = format!(
        "select {}, rowid from postback where ?1 < rowid and rowid <= ?2 order by rowid limit ?3",
        rows::POSTBACK
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map((after.row, until.row, limit), |row| {
        Ok(Decided {
            place: Place { row: row.get(rows::POSTBACK_COLUMNS)?, ..after },
            row: rows::postback(row)?,
        })
    })?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let more = limit as usize <= found.len();
    Ok((found, more))
}

/// Those of the log that were decided again; of what is among `decided` already, the last word is there.
fn replaced(
    connection: &Connection,
    after: Place,
    until: Place,
    limit: u32,
    decided: &mut Vec<Decided>,
) -> Result<(Place, bool), StoreError> {
    let query = "select rowid, postback_id from earlier_decision where ?1 < rowid and rowid <= ?2 \
        order by rowid limit ?3";
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_map((after.replaced, until.replaced, limit), |row| {
        Ok((row.get::<_, i64>(0)?, rows::id(row, 1)?))
    })?;
    let found: Vec<(i64, PostbackId)> = found.collect::<Result<_, _>>()?;
    let query = format!("select {} from postback where id = ?1", rows::POSTBACK);
    let mut statement = connection.prepare_cached(&query)?;
    let mut seen: HashSet<PostbackId> = decided.iter().map(|one| one.row.id).collect();
    let first = decided.len();
    // From behind: the last word about each counts.
    for (replaced, id) in found.iter().rev().filter(|(_, id)| seen.insert(*id)) {
        if let Some(row) = statement.query_row([id.to_bytes()], rows::postback).optional()? {
            decided.push(Decided { place: Place { replaced: *replaced, ..after }, row });
        }
    }
    decided[first..].reverse();
    let more = limit as usize <= found.len();
    let last = found.last().filter(|_| more).map_or(until.replaced, |(last, _)| *last);
    Ok((Place { replaced: last, ..after }, more))
}

impl Place {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (row, replaced) = text.trim().split_once('-')?;
        let number = |text: &str| text.parse().ok().filter(|number: &i64| 0 <= *number);
        Some(Self { row: number(row)?, replaced: number(replaced)? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.row, self.replaced)
    }
}
