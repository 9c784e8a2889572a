//! Programs, link numbers and the key of click ids.

use std::collections::{BTreeMap, BTreeSet};

use proofback_domain::decide::capped;
use proofback_domain::name::Name;
use proofback_domain::program::Program;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::{Store, past, rows};
use crate::error::StoreError;
use crate::model::StoredProgram;
use crate::page::{Cursor, Page, PageRequest};

/// A program that is or was in force, without its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub revision: u32,
    pub at: Timestamp,
    pub author: String,
    /// Empty where nobody said.
    pub reason: String,
}

/// Who changes the program, why, and which revision it is a change of.
#[derive(Debug, Clone)]
pub struct Edit {
    pub author: String,
    /// Empty where nobody says.
    pub reason: String,
    /// The revision that must be in force still; absent: whichever is.
    pub of: Option<u32>,
}

/// Another revision came between; nothing was changed. 0 is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("revision {in_force} is in force")]
pub struct Outdated {
    pub in_force: u32,
}

impl Edit {
    /// Of whichever revision is in force, without a reason.
    pub fn by(author: &str) -> Self {
        Self { author: author.to_owned(), reason: String::new(), of: None }
    }
}

impl Store {
    /// Keeps a program as the next revision and gives numbers to its new links. The same source again changes nothing.
    pub async fn save_program(
        &self,
        source: String,
        program: &Program,
        edit: Edit,
        at: Timestamp,
    ) -> Result<Result<StoredProgram, Outdated>, StoreError> {
        let links: Vec<Name> = program.links.keys().cloned().collect();
        let capped = capped(program);
        self.write(move |connection| {
            let Edit { author, reason, of } = edit;
            let known = find_program(connection)?;
            let in_force = known.as_ref().map_or(0, |known| known.revision);
            if of.is_some_and(|of| of != in_force) {
                return Ok(Err(Outdated { in_force }));
            }
            if let Some(known) = known.filter(|known| known.source == source) {
                return Ok(Ok(known));
            }
            let statement = "insert into program_revision (revision, at, author, source, reason) \
                values ((select coalesce(max(revision), 0) + 1 from program_revision), ?1, ?2, ?3, ?4)";
            connection.prepare_cached(statement)?.execute((at.millis(), &author, &source, &reason))?;
            let numbered: BTreeSet<Name> = numbers(connection)?.into_values().collect();
            for link in links.iter().filter(|link| !numbered.contains(*link)) {
                let statement = "insert into link_number (number, link) \
                    values ((select coalesce(max(number), 0) + 1 from link_number), ?1)";
                connection.prepare_cached(statement)?.execute([link.as_str()])?;
            }
            past::keep_scopes(connection, &capped)?;
            let kept = find_program(connection)?
                .ok_or_else(|| StoreError::Failed("the program just kept is not there".into()))?;
            let subject = format!("revision {}", kept.revision);
            let deed =
                Deed { at, actor: &author, action: "program.apply", subject: &subject, reason: &reason };
            record(connection, &deed)?;
            Ok(Ok(kept))
        })
        .await
    }

    /// The newest revision.
    pub async fn program(&self) -> Result<Option<StoredProgram>, StoreError> {
        self.read(find_program).await
    }

    /// What was ever in force, newest first.
    pub async fn revisions(&self, page: PageRequest) -> Result<Page<Revision>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {REVISION} from program_revision where revision < ?1 order by revision desc limit ?2"
            );
            let mut statement = connection.prepare_cached(&query)?;
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let found = statement.query_map((before, i64::from(page.limit) + 1), revision)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor::from_number(i64::from(row.revision))))
        })
        .await
    }

    /// One of them with its source.
    pub async fn revision(&self, number: u32) -> Result<Option<(Revision, String)>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {REVISION}, source from program_revision where revision = ?1");
            let mut statement = connection.prepare_cached(&query)?;
            Ok(statement.query_row([number], |row| Ok((revision(row)?, row.get(4)?))).optional()?)
        })
        .await
    }

    /// The key that signs click ids in this store.
    pub async fn click_key(&self) -> Result<[u8; 16], StoreError> {
        self.read(|connection| {
            let query = "select value from setting where name = 'click_key'";
            Ok(connection.query_row(query, [], |row| row.get(0))?)
        })
        .await
    }
}

const REVISION: &str = "revision, at, author, reason";

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    Ok(Revision { revision: row.get(0)?, at: rows::time(row, 1)?, author: row.get(2)?, reason: row.get(3)? })
}

/// The one in force, without its source.
pub fn last_revision(connection: &Connection) -> Result<Option<Revision>, StoreError> {
    let query = format!("select {REVISION} from program_revision order by revision desc limit 1");
    Ok(connection.prepare_cached(&query)?.query_row([], revision).optional()?)
}

fn find_program(connection: &Connection) -> Result<Option<StoredProgram>, StoreError> {
    let query =
        "select revision, at, author, source, reason from program_revision order by revision desc limit 1";
    let found = connection
        .prepare_cached(query)?
        .query_row([], |row| {
            Ok(StoredProgram {
                revision: row.get(0)?,
                at: rows::time(row, 1)?,
                author: row.get(2)?,
                source: row.get(3)?,
                reason: row.get(4)?,
                numbers: BTreeMap::new(),
            })
        })
        .optional()?;
    let Some(mut program) = found else {
        return Ok(None);
    };
    program.numbers = numbers(connection)?;
    Ok(Some(program))
}

fn numbers(connection: &Connection) -> Result<BTreeMap<u32, Name>, StoreError> {
    let mut statement = connection.prepare_cached("select number, link from link_number")?;
    let numbers = statement.query_map([], |row| Ok((row.get(0)?, rows::name(row, 1)?)))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}
