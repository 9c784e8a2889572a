//! People: who may sign in and as what, and the links that invite them.

use proofback_domain::id::PersonId;
use proofback_domain::person::Email;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::sessions::{self, Owner};
use super::{Doer, Store, rows};
use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};

/// So many are kept.
const PEOPLE_MAX: u32 = 10_000;

/// A person as it is shown: nothing here lets anybody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub id: PersonId,
    pub at: Timestamp,
    pub email: Email,
    pub name: String,
    pub role: String,
    pub disabled: bool,
    /// Whether an invitation was ever taken up.
    pub has_password: bool,
    pub has_totp: bool,
    /// Until when the last invitation can be taken up; that may be over.
    pub invited_until: Option<Timestamp>,
}

pub struct NewPerson {
    pub id: PersonId,
    pub email: Email,
    pub name: String,
    pub role: String,
}

/// A link by which a person sets a password.
#[derive(Debug, Clone, Copy)]
pub struct NewInvitation {
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
    /// Whether whoever takes it up is rid of the second factor.
    pub resets_totp: bool,
}

/// What is to be another way; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    pub name: Option<String>,
    pub role: Option<String>,
    pub disabled: Option<bool>,
}

/// Why a person is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonRefusal {
    /// Another one has this address.
    Taken,
    TooMany {
        max: u32,
    },
}

impl Store {
    /// Newest first.
    pub async fn people(&self, page: PageRequest) -> Result<Page<PersonRow>, StoreError> {
        self.read(move |connection| {
            let query =
                format!("select {PERSON} from person where ?1 is null or id < ?1 order by id desc limit ?2");
            let mut statement = connection.prepare_cached(&query)?;
            let after = page.after.as_ref().map(|cursor| cursor.0);
            let found = statement.query_map((after, i64::from(page.limit) + 1), person)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor(row.id.to_bytes())))
        })
        .await
    }

    pub async fn person(&self, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
        self.read(move |connection| find(connection, id)).await
    }

    /// Keeps a person who has no password yet, and the link by which it sets one.
    pub async fn add_person(
        &self,
        new: NewPerson,
        invitation: NewInvitation,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Result<PersonRow, PersonRefusal>, StoreError> {
        self.write(move |connection| {
            let query = "select (select count(*) from person), exists (select 1 from person where email = ?1)";
            let (count, taken): (u32, bool) = connection
                .prepare_cached(query)?
                .query_row([new.email.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if taken {
                return Ok(Err(PersonRefusal::Taken));
            }
            if PEOPLE_MAX <= count {
                return Ok(Err(PersonRefusal::TooMany { max: PEOPLE_MAX }));
            }
            let statement = "insert into person (id, at, email, name, role, password, totp, totp_step, disabled) \
                values (?1, ?2, ?3, ?4, ?5, '', '', -1, 0)";
            let params = (new.id.to_bytes(), now.millis(), new.email.as_str(), &new.name, &new.role);
            connection.prepare_cached(statement)?.execute(params)?;
            let kept = existing(connection, new.id)?;
            invite(connection, &kept, invitation, &doer, now)?;
            existing(connection, new.id).map(Ok)
        })
        .await
    }

    /// Changes a person; `None` where there is none. Whoever is disabled or gets another role is signed out everywhere.
    pub async fn change_person(
        &self,
        id: PersonId,
        change: PersonChange,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Option<PersonRow>, StoreError> {
        self.write(move |connection| {
            let Some(known) = find(connection, id)? else {
                return Ok(None);
            };
            let mut next = known.clone();
            next.name = change.name.unwrap_or(next.name);
            next.role = change.role.unwrap_or(next.role);
            next.disabled = change.disabled.unwrap_or(next.disabled);
            let statement = "update person set name = ?2, role = ?3, disabled = ?4 where id = ?1";
            let params = (id.to_bytes(), &next.name, &next.role, next.disabled);
            connection.prepare_cached(statement)?.execute(params)?;
            if next.disabled || next.role != known.role {
                sessions::end_all(connection, Owner::Person(id), None)?;
            }
            note_change(connection, &known, &next, &doer, now)?;
            Ok(Some(next))
        })
        .await
    }

    /// Gives a person a new link; an earlier one ends. `None` where there is no such person.
    pub async fn invite_again(
        &self,
        id: PersonId,
        invitation: NewInvitation,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Option<PersonRow>, StoreError> {
        self.write(move |connection| {
            let Some(known) = find(connection, id)? else {
                return Ok(None);
            };
            invite(connection, &known, invitation, &doer, now)?;
            find(connection, id)
        })
        .await
    }
}

pub const PERSON: &str = "person.id, person.at, email, person.name, person.role, disabled, password <> '', totp <> '', \
    (select expires_at from invitation where person_id = person.id)";

pub fn person(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    Ok(PersonRow {
        id: rows::id(row, 0)?,
        at: rows::time(row, 1)?,
        email: rows::email(row, 2)?,
        name: row.get(3)?,
        role: row.get(4)?,
        disabled: row.get(5)?,
        has_password: row.get(6)?,
        has_totp: row.get(7)?,
        invited_until: rows::optional_time(row, 8)?,
    })
}

pub fn find(connection: &Connection, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
    let query = format!("select {PERSON} from person where id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], person).optional()?)
}

fn existing(connection: &Connection, id: PersonId) -> Result<PersonRow, StoreError> {
    find(connection, id)?.ok_or_else(|| StoreError::Failed("the person just kept is not there".into()))
}

fn invite(
    connection: &Connection,
    person: &PersonRow,
    invitation: NewInvitation,
    doer: &Doer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let NewInvitation { hash, expires_at, resets_totp } = invitation;
    let statement = "insert or replace into invitation (person_id, at, author, hash, expires_at, resets_totp) \
        values (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(statement)?.execute((
        person.id.to_bytes(),
        now.millis(),
        &doer.actor,
        hash.as_slice(),
        expires_at.millis(),
        resets_totp,
    ))?;
    let what = match (person.has_password, resets_totp) {
        (false, _) => format!("as {}", person.role),
        (true, false) => "to set another password".into(),
        (true, true) => "to set another password, without the second factor".into(),
    };
    let doer = Doer { actor: doer.actor.clone(), reason: what };
    note(connection, person, "person.invite", &doer, now)
}

fn note_change(
    connection: &Connection,
    known: &PersonRow,
    next: &PersonRow,
    doer: &Doer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut changes = Vec::new();
    if known.name != next.name {
        changes.push(format!("name {:?}, before {:?}", next.name, known.name));
    }
    if known.role != next.role {
        changes.push(format!("role {}, before {}", next.role, known.role));
    }
    if known.disabled && !next.disabled {
        changes.push("may sign in again".into());
    }
    if !changes.is_empty() {
        let doer = Doer { actor: doer.actor.clone(), reason: changes.join("; ") };
        note(connection, next, "person.change", &doer, now)?;
    }
    if !known.disabled && next.disabled {
        note(connection, next, "person.disable", doer, now)?;
    }
    Ok(())
}

pub fn note(
    connection: &Connection,
    person: &PersonRow,
    action: &str,
    doer: &Doer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("person {}", person.email);
    record(connection, &Deed { at, actor: &doer.actor, action, subject: &subject, reason: &doer.reason })
}
