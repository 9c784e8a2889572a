//! How people prove who they are: a password, a second factor, the link that sets them. All that changes one of these
//! ends every other session of the person in the same transaction.

use proofback_domain::id::{PersonId, SessionId};
use proofback_domain::person::Email;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::people::{self, PERSON, PersonRow, find, person};
use super::sessions::{self, NewSession, Owner};
use super::{Doer, Store};
use crate::error::StoreError;

/// What a person is held against who signs in.
pub struct Login {
    pub person: PersonRow,
    /// A PHC string; empty until an invitation is taken up.
    pub password: String,
    /// In base 32; empty without a second factor.
    pub totp: String,
    /// The last step whose code was used.
    pub totp_step: i64,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    Opened,
    /// The password is set; whoever signs in with it needs the second factor still.
    CodeNeeded,
    Gone,
}

/// A person who changes how it proves who it is, in the session that stays when the others end.
#[derive(Debug, Clone, Copy)]
pub struct OwnSession {
    pub person: PersonId,
    pub kept: SessionId,
}

impl Store {
    /// The person of an address, with what proves who it is.
    pub async fn login(&self, email: Email) -> Result<Option<Login>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {PERSON}, password, totp, totp_step from person where email = ?1");
            let found = connection.prepare_cached(&query)?.query_row([email.as_str()], |row| {
                let (password, totp, totp_step) = (row.get(9)?, row.get(10)?, row.get(11)?);
                Ok(Login { person: person(row)?, password, totp, totp_step })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// Whom the link of this hash invites: nobody when it is over, or its person is disabled.
    pub async fn invited(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<PersonRow>, StoreError> {
        self.read(move |connection| Ok(invited(connection, hash, now)?.map(|(person, _)| person))).await
    }

    /// Takes up an invitation with a password (as a PHC string): it is used up, every session of the person ends, and
    /// unless a second factor is still in force, `session` is opened.
    pub async fn accept_invitation(
        &self,
        hash: [u8; 32],
        password: String,
        session: NewSession,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        self.write(move |connection| {
            let Some((person, resets_totp)) = invited(connection, hash, now)? else {
                return Ok(Accepted::Gone);
            };
            let id = person.id.to_bytes();
            connection.prepare_cached("delete from invitation where person_id = ?1")?.execute([id])?;
            let statement = "update person set password = ?2, totp = iif(?3, '', totp) where id = ?1";
            connection.prepare_cached(statement)?.execute((id, password, resets_totp))?;
            sessions::end_all(connection, Owner::Person(person.id), None)?;
            let reason =
                if resets_totp { "by invitation, without the second factor" } else { "by invitation" };
            note_own(connection, &person, "person.password", reason, now)?;
            if person.has_totp && !resets_totp {
                return Ok(Accepted::CodeNeeded);
            }
            let session = NewSession { owner: Owner::Person(person.id), ..session };
            sessions::insert(connection, &session, person.email.as_str())?;
            Ok(Accepted::Opened)
        })
        .await
    }

    /// Puts another password in the place of `known`, both PHC strings; every session but `kept` ends. Says whether
    /// `known` was still the one.
    pub async fn change_password(
        &self,
        own: OwnSession,
        known: String,
        password: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement =
                "update person set password = ?3 where id = ?1 and password = ?2 and disabled = 0";
            let params = (own.person.to_bytes(), known, password);
            if connection.prepare_cached(statement)?.execute(params)? == 0 {
                return Ok(false);
            }
            note_factor(connection, own, "person.password", "", now)?;
            Ok(true)
        })
        .await
    }

    /// Puts a second factor in force where there is none; every session but `kept` ends. Says whether it is.
    pub async fn set_totp(
        &self,
        own: OwnSession,
        secret: String,
        step: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement = "update person set totp = ?2, totp_step = ?3 \
                where id = ?1 and totp = '' and totp_step < ?3 and disabled = 0";
            if connection.prepare_cached(statement)?.execute((own.person.to_bytes(), secret, step))? == 0 {
                return Ok(false);
            }
            note_factor(connection, own, "person.totp", "in force", now)?;
            Ok(true)
        })
        .await
    }

    /// Ends a second factor by the code of a step that was not used before; every session but `kept` ends. Says
    /// whether it has.
    pub async fn end_totp(&self, own: OwnSession, step: i64, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement =
                "update person set totp = '', totp_step = ?2 where id = ?1 and totp <> '' and totp_step < ?2";
            if connection.prepare_cached(statement)?.execute((own.person.to_bytes(), step))? == 0 {
                return Ok(false);
            }
            note_factor(connection, own, "person.totp", "ended", now)?;
            Ok(true)
        })
        .await
    }

    /// Keeps in mind that somebody knew a person's password and not the code: that is worth a question.
    pub async fn note_wrong_code(&self, id: PersonId, ip: String, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| match find(connection, id)? {
            Some(person) => {
                note_own(connection, &person, "session.refuse", &format!("a wrong code, from {ip}"), now)
            }
            None => Ok(()),
        })
        .await
    }
}

/// With whether the second factor goes.
fn invited(
    connection: &Connection,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<Option<(PersonRow, bool)>, StoreError> {
    let query = format!(
        "select {PERSON}, resets_totp from invitation join person on person.id = person_id \
         where hash = ?1 and expires_at > ?2 and disabled = 0"
    );
    let found = connection
        .prepare_cached(&query)?
        .query_row((hash.as_slice(), now.millis()), |row| Ok((person(row)?, row.get(9)?)));
    Ok(found.optional()?)
}

/// What a person did to itself.
fn note_own(
    connection: &Connection,
    person: &PersonRow,
    action: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doer = Doer { actor: person.email.to_string(), reason: reason.into() };
    people::note(connection, person, action, &doer, now)
}

/// Ends the other sessions of whoever changed how it proves who it is.
fn note_factor(
    connection: &Connection,
    own: OwnSession,
    action: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sessions::end_all(connection, Owner::Person(own.person), Some(own.kept))?;
    match find(connection, own.person)? {
        Some(person) => note_own(connection, &person, action, reason, now),
        None => Ok(()),
    }
}
