//! The caller's own keys: the same request again gets the answer of the first and moves nothing.

use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;

/// A key that came with a request, and what it came with.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub actor: String,
    pub key: String,
    /// Of the address and the body: another request under the same key is a mistake of the caller.
    pub request: [u8; 32],
}

/// What a key was used for before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// The same request, with its answer.
    Same(String),
    /// Another request.
    Other,
}

pub fn look(connection: &Connection, asked: Option<&Idempotency>) -> Result<Before, StoreError> {
    let Some(Idempotency { actor, key, request }) = asked else {
        return Ok(Before::Nothing);
    };
    let query = "select request, answer from idempotency where actor = ?1 and key = ?2";
    let found: Option<([u8; 32], String)> = connection
        .prepare_cached(query)?
        .query_row((actor, key), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => Before::Nothing,
        Some((known, answer)) if known == *request => Before::Same(answer),
        Some(_) => Before::Other,
    })
}

pub fn keep(
    connection: &Connection,
    asked: Option<&Idempotency>,
    answer: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(Idempotency { actor, key, request }) = asked else {
        return Ok(());
    };
    let statement = "insert into idempotency (actor, key, at, request, answer) values (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(statement)?.execute((actor, key, at.millis(), request, answer))?;
    Ok(())
}
