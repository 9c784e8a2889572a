//! Access tokens: whom each lets in, and its end.

use proofback_domain::id::TokenId;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::sessions::{self, Owner};
use super::{Doer, Store, rows};
use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};

/// A token as it is shown: never with what lets anybody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub at: Timestamp,
    pub name: String,
    pub role: String,
    pub revoked_at: Option<Timestamp>,
}

pub struct NewToken {
    pub id: TokenId,
    pub name: String,
    pub role: String,
    pub hash: [u8; 32],
}

impl Store {
    /// Keeps the hash of a new access token.
    pub async fn add_token(&self, new: NewToken, doer: Doer, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let NewToken { id, name, role, hash } = new;
            let statement = "insert into token (id, at, name, role, hash) values (?1, ?2, ?3, ?4, ?5)";
            let params = (id.to_bytes(), now.millis(), &name, &role, hash.as_slice());
            connection.prepare_cached(statement)?.execute(params)?;
            let doer = Doer { reason: format!("{name:?} as {role}"), ..doer };
            note(connection, id, "token.create", &doer, now)
        })
        .await
    }

    /// The token of a hash, unless it was revoked.
    pub async fn token(&self, hash: [u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {TOKEN} from token where hash = ?1 and revoked_at is null");
            Ok(connection.prepare_cached(&query)?.query_row([hash.as_slice()], token).optional()?)
        })
        .await
    }

    /// Newest first, those that were revoked among them.
    pub async fn tokens(&self, page: PageRequest) -> Result<Page<TokenRow>, StoreError> {
        self.read(move |connection| {
            let query =
                format!("select {TOKEN} from token where ?1 is null or id < ?1 order by id desc limit ?2");
            let mut statement = connection.prepare_cached(&query)?;
            let after = page.after.as_ref().map(|cursor| cursor.0);
            let found = statement.query_map((after, i64::from(page.limit) + 1), token)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor(row.id.to_bytes())))
        })
        .await
    }

    /// Ends a token and every session that was opened with it; `None` where there is no such token. Again changes
    /// nothing.
    pub async fn revoke_token(
        &self,
        id: TokenId,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Option<TokenRow>, StoreError> {
        self.write(move |connection| {
            let statement = "update token set revoked_at = ?2 where id = ?1 and revoked_at is null";
            if connection.prepare_cached(statement)?.execute((id.to_bytes(), now.millis()))? == 1 {
                sessions::end_all(connection, Owner::Token(id), None)?;
                note(connection, id, "token.revoke", &doer, now)?;
            }
            let query = format!("select {TOKEN} from token where id = ?1");
            Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], token).optional()?)
        })
        .await
    }
}

const TOKEN: &str = "id, at, name, role, revoked_at";

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: rows::id(row, 0)?,
        at: rows::time(row, 1)?,
        name: row.get(2)?,
        role: row.get(3)?,
        revoked_at: rows::optional_time(row, 4)?,
    })
}

fn note(
    connection: &Connection,
    id: TokenId,
    action: &str,
    doer: &Doer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("token {id}");
    record(connection, &Deed { at, actor: &doer.actor, action, subject: &subject, reason: &doer.reason })
}
