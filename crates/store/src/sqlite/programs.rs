//! Programs, link numbers and the key of click ids.

use std::collections::{BTreeMap, BTreeSet};

use proofback_domain::decide::capped;
use proofback_domain::name::Name;
use proofback_domain::program::Program;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::audit::{Deed, record};
use super::{Store, past, rows};
use crate::error::StoreError;
use crate::model::StoredProgram;

impl Store {
    /// Keeps a program as the next revision and gives numbers to its new links. The same source again changes nothing.
    pub async fn save_program(
        &self,
        source: String,
        program: &Program,
        author: String,
        at: Timestamp,
    ) -> Result<StoredProgram, StoreError> {
        let links: Vec<Name> = program.links.keys().cloned().collect();
        let capped = capped(program);
        self.write(move |connection| {
            let known = find_program(connection)?;
            if let Some(known) = known.filter(|known| known.source == source) {
                return Ok(known);
            }
            let statement = "insert into program_revision (revision, at, author, source) \
                values ((select coalesce(max(revision), 0) + 1 from program_revision), ?1, ?2, ?3)";
            connection.prepare_cached(statement)?.execute((at.millis(), &author, &source))?;
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
            let deed = Deed { at, actor: &author, action: "program.apply", subject: &subject, reason: "" };
            record(connection, &deed)?;
            Ok(kept)
        })
        .await
    }

    /// The newest revision.
    pub async fn program(&self) -> Result<Option<StoredProgram>, StoreError> {
        self.read(find_program).await
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

fn find_program(connection: &Connection) -> Result<Option<StoredProgram>, StoreError> {
    let query = "select revision, at, author, source from program_revision order by revision desc limit 1";
    let found = connection
        .prepare_cached(query)?
        .query_row([], |row| {
            Ok(StoredProgram {
                revision: row.get(0)?,
                at: rows::time(row, 1)?,
                author: row.get(2)?,
                source: row.get(3)?,
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
