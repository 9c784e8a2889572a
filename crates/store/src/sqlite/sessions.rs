//! Sessions: what a browser that signed in is known by, whose it is, and its end.
//!
//! A session is known by the hash of what the browser keeps; whoever reads the database cannot sign in with it.

use proofback_domain::id::{PersonId, SessionId, TokenId};
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::people::{self, PERSON, PersonRow};
use super::{Doer, Store, rows};
use crate::error::StoreError;

/// So many of one owner are open at once; opening another ends the one that was not used for the longest time.
const OPEN_MAX: u32 = 50;
/// Removed by one transaction: other writes come between.
const FORGET_MAX: u32 = 1_000;

/// Who signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Whoever has the operator's token, of which the store knows nothing.
    Operator,
    Token(TokenId),
    Person(PersonId),
}

#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub owner: Owner,
    pub hash: [u8; 32],
    pub at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    pub ip: String,
    pub user_agent: String,
}

/// A session as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub owner: Owner,
    pub at: Timestamp,
    pub seen_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    pub ip: String,
    pub user_agent: String,
}

/// An open session with its owner.
#[derive(Debug, Clone)]
pub struct OpenSession {
    pub session: SessionRow,
    pub holder: Holder,
}

/// The owner of a session as it is now.
#[derive(Debug, Clone)]
pub enum Holder {
    Operator,
    Token { name: String, role: String },
    Person(PersonRow),
}

/// What a person was held against when it signed in. Another password meanwhile, or the same step, and it is not in.
pub struct Proof {
    /// The PHC string that the password fits.
    pub password: String,
    /// The step of the code of the second factor.
    pub step: Option<i64>,
}

/// What became of signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    Opened,
    /// The owner is not what it was a moment ago.
    Changed,
    /// The code was used meanwhile.
    StepUsed,
}

impl Store {
    /// Signs in a person who has proved who it is.
    pub async fn open_session_of_person(
        &self,
        person: PersonId,
        session: NewSession,
        proof: Proof,
    ) -> Result<Opening, StoreError> {
        self.write(move |connection| {
            let query = "select email, totp_step from person where id = ?1 and password = ?2 and disabled = 0 \
                and (totp <> '') = ?3";
            let found: Option<(String, i64)> = connection
                .prepare_cached(query)?
                .query_row((person.to_bytes(), proof.password, proof.step.is_some()), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((email, used)) = found else {
                return Ok(Opening::Changed);
            };
            if let Some(step) = proof.step {
                if step <= used {
                    return Ok(Opening::StepUsed);
                }
                let statement = "update person set totp_step = ?2 where id = ?1";
                connection.prepare_cached(statement)?.execute((person.to_bytes(), step))?;
            }
            insert(connection, &NewSession { owner: Owner::Person(person), ..session }, &email)?;
            Ok(Opening::Opened)
        })
        .await
    }

    /// Signs in whoever has an access token, or the operator's.
    pub async fn open_session_of_token(
        &self,
        session: NewSession,
        name: String,
    ) -> Result<Opening, StoreError> {
        self.write(move |connection| {
            if let Owner::Token(id) = session.owner {
                let query = "select exists (select 1 from token where id = ?1 and revoked_at is null)";
                if !connection.prepare_cached(query)?.query_row([id.to_bytes()], |row| row.get(0))? {
                    return Ok(Opening::Changed);
                }
            }
            insert(connection, &session, &name)?;
            Ok(Opening::Opened)
        })
        .await
    }

    /// The session of a hash, if it has not ended and its owner may still come in.
    pub async fn open_session(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<OpenSession>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {SESSION} from session where hash = ?1 and expires_at > ?2");
            let found = connection
                .prepare_cached(&query)?
                .query_row((hash.as_slice(), now.millis()), session)
                .optional()?;
            let Some(session) = found else {
                return Ok(None);
            };
            Ok(holder(connection, session.owner)?.map(|holder| OpenSession { session, holder }))
        })
        .await
    }

    /// Notes that a session is used; it ends at `expires_at` unless it is again.
    pub async fn note_seen(
        &self,
        id: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let statement = "update session set seen_at = ?2, expires_at = ?3 where id = ?1";
            let params = (id.to_bytes(), now.millis(), expires_at.millis());
            connection.prepare_cached(statement)?.execute(params)?;
            Ok(())
        })
        .await
    }

    /// What is open, last used first. There are never more than fit a page.
    pub async fn sessions(&self, owner: Owner, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {SESSION} from session where person_id is ?1 and token_id is ?2 and expires_at > ?3 \
                 order by seen_at desc, id desc limit ?4"
            );
            let (person, token) = columns(owner);
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map((person, token, now.millis(), OPEN_MAX), session)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Ends a session; with an owner named, only one of its own. Says whether it was there.
    pub async fn end_session(
        &self,
        id: SessionId,
        owner: Option<Owner>,
        doer: Doer,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let query = format!("select {SESSION} from session where id = ?1");
            let found = connection.prepare_cached(&query)?.query_row([id.to_bytes()], session).optional()?;
            if found.filter(|found| owner.is_none_or(|owner| owner == found.owner)).is_none() {
                return Ok(false);
            }
            connection.prepare_cached("delete from session where id = ?1")?.execute([id.to_bytes()])?;
            note(connection, &format!("session {id}"), "session.end", &doer, now)?;
            Ok(true)
        })
        .await
    }

    /// Ends every session of a person; `None` where there is no such person.
    pub async fn end_sessions(
        &self,
        id: PersonId,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Option<usize>, StoreError> {
        self.write(move |connection| {
            let Some(person) = people::find(connection, id)? else {
                return Ok(None);
            };
            let ended = end_all(connection, Owner::Person(id), None)?;
            if 0 < ended {
                people::note(connection, &person, "session.end", &doer, now)?;
            }
            Ok(Some(ended))
        })
        .await
    }

    /// Removes sessions and invitations that are over by themselves, some at once; says how many.
    pub async fn forget_sessions(&self, now: Timestamp) -> Result<usize, StoreError> {
        let any = self
            .read(move |connection| {
                let query = "select exists (select 1 from session where expires_at <= ?1) \
                    or exists (select 1 from invitation where expires_at <= ?1)";
                Ok(connection
                    .prepare_cached(query)?
                    .query_row([now.millis()], |row| row.get::<_, bool>(0))?)
            })
            .await?;
        if !any {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut forgotten = 0;
            for statement in [
                "delete from session where id in (select id from session where expires_at <= ?1 limit ?2)",
                "delete from invitation where person_id in \
                    (select person_id from invitation where expires_at <= ?1 limit ?2)",
            ] {
                forgotten += connection.prepare_cached(statement)?.execute((now.millis(), FORGET_MAX))?;
            }
            Ok(forgotten)
        })
        .await
    }
}

pub fn insert(connection: &Connection, session: &NewSession, name: &str) -> Result<(), StoreError> {
    let (person, token) = columns(session.owner);
    let statement = "insert into session (id, at, person_id, token_id, hash, seen_at, expires_at, ip, user_agent) \
        values (?1, ?2, ?3, ?4, ?5, ?2, ?6, ?7, ?8)";
    connection.prepare_cached(statement)?.execute((
        session.id.to_bytes(),
        session.at.millis(),
        person,
        token,
        session.hash.as_slice(),
        session.expires_at.millis(),
        &session.ip,
        &session.user_agent,
    ))?;
    let statement = "delete from session where id in (select id from session where person_id is ?1 and token_id is ?2 \
        order by seen_at desc, id desc limit -1 offset ?3)";
    connection.prepare_cached(statement)?.execute((person, token, OPEN_MAX))?;
    let doer = Doer { actor: name.to_owned(), reason: format!("from {}", session.ip) };
    note(connection, &format!("session {}", session.id), "session.open", &doer, session.at)
}

/// Ends every session of an owner but one; says how many.
pub fn end_all(connection: &Connection, owner: Owner, kept: Option<SessionId>) -> Result<usize, StoreError> {
    let (person, token) = columns(owner);
    let statement = "delete from session where person_id is ?1 and token_id is ?2 and id is not ?3";
    let kept = kept.map(SessionId::to_bytes);
    Ok(connection.prepare_cached(statement)?.execute((person, token, kept))?)
}

const SESSION: &str = "id, person_id, token_id, at, seen_at, expires_at, ip, user_agent";

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let owner = match (rows::optional_id(row, 1)?, rows::optional_id(row, 2)?) {
        (Some(person), _) => Owner::Person(person),
        (None, Some(token)) => Owner::Token(token),
        (None, None) => Owner::Operator,
    };
    Ok(SessionRow {
        id: rows::id(row, 0)?,
        owner,
        at: rows::time(row, 3)?,
        seen_at: rows::time(row, 4)?,
        expires_at: rows::time(row, 5)?,
        ip: row.get(6)?,
        user_agent: row.get(7)?,
    })
}

/// As the columns `person_id` and `token_id`.
fn columns(owner: Owner) -> (Option<[u8; 16]>, Option<[u8; 16]>) {
    match owner {
        Owner::Operator => (None, None),
        Owner::Token(id) => (None, Some(id.to_bytes())),
        Owner::Person(id) => (Some(id.to_bytes()), None),
    }
}

/// The owner, unless it may not come in any more.
fn holder(connection: &Connection, owner: Owner) -> Result<Option<Holder>, StoreError> {
    Ok(match owner {
        Owner::Operator => Some(Holder::Operator),
        Owner::Token(id) => {
            let query = "select name, role from token where id = ?1 and revoked_at is null";
            let token = |row: &Row<'_>| Ok(Holder::Token { name: row.get(0)?, role: row.get(1)? });
            connection.prepare_cached(query)?.query_row([id.to_bytes()], token).optional()?
        }
        Owner::Person(id) => {
            let query = format!("select {PERSON} from person where id = ?1 and disabled = 0");
            let found = connection.prepare_cached(&query)?.query_row([id.to_bytes()], people::person);
            found.optional()?.map(Holder::Person)
        }
    })
}

fn note(
    connection: &Connection,
    subject: &str,
    action: &str,
    doer: &Doer,
    at: Timestamp,
) -> Result<(), StoreError> {
    record(connection, &Deed { at, actor: &doer.actor, action, subject, reason: &doer.reason })
}
