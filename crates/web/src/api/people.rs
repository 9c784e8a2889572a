//! People, as an admin sees and invites them. Links are shown once; passwords and second factors never.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::id::PersonId;
use proofback_domain::person::Email;
use proofback_domain::time::Timestamp;
use proofback_store::{NewPerson, Page, PersonChange, PersonRefusal, PersonRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::{Answer, Caller, failed, problem};
use crate::people::invitations::Invitation;
use crate::role::Role;
use crate::state::Web;

const NAME_CHARS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    email: String,
    name: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    role: Option<String>,
    disabled: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Again {
    #[serde(default)]
    reset_totp: bool,
}

/// `GET people?email=`
pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let email = query.parsed("email", |text| Email::parse(text).ok())?;
    let request = query.page()?;
    query.finish()?;
    let people = match email {
        Some(email) => {
            let found = web.store.login(email).await.map_err(failed)?;
            Page { rows: found.into_iter().map(|login| login.person).collect(), next: None }
        }
        None => web.store.people(request).await.map_err(failed)?,
    };
    let now = web.now();
    Ok(page("people", people, |person| show(person, now)))
}

/// `GET people/{id}`
pub async fn one(State(web): State<Web>, Path(id): Path<String>) -> Answer {
    let found = web.store.person(person_id(&id)?).await.map_err(failed)?;
    let person = found.ok_or_else(unknown)?;
    Ok(super::json(&show(&person, web.now())))
}

/// `POST people`: keeps a person and answers with the link that invites it, which is shown this once.
pub async fn invite(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let sent: Sent = read(&body, "{\"email\", \"name\", \"role\"}")?;
    let email = Email::parse(&sent.email).map_err(|error| problem::bad_request(&error.to_string()))?;
    let (name, role) = (name(&sent.name)?, role(&sent.role)?.to_string());
    let base_url = base_url(&web)?;
    let now = web.now();
    let (token, invitation) = web.new_invitation(Invitation::First, now);
    let new = NewPerson { id: web.ids.person(now), email, name, role };
    match web.store.add_person(new, invitation, caller.doer(), now).await.map_err(failed)? {
        Ok(person) => Ok(with_link(&person, &base_url, &token, now)),
        Err(PersonRefusal::Taken) => {
            let message = "somebody has this address; a new link is made at people/{id}/invitation";
            Err(problem::conflict("email_taken", message))
        }
        Err(PersonRefusal::TooMany { max }) => {
            Err(problem::unprocessable("too_many", &format!("at most {max} people are kept")))
        }
    }
}

/// `PUT people/{id}`: `{"name", "role", "disabled"}`; what is not named stays. Nobody is kept from shutting out the
/// last admin: the operator's token always lets in.
pub async fn change(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let id = person_id(&id)?;
    let sent: Change = read(&body, "{\"name\", \"role\", \"disabled\"}")?;
    let change = PersonChange {
        name: sent.name.as_deref().map(name).transpose()?,
        role: sent.role.as_deref().map(role).transpose()?.map(|role| role.to_string()),
        disabled: sent.disabled,
    };
    let now = web.now();
    let changed = web.store.change_person(id, change, caller.doer(), now).await.map_err(failed)?;
    let person = changed.ok_or_else(unknown)?;
    Ok(super::json(&show(&person, now)))
}

/// `POST people/{id}/invitation`: `{"reset_totp"}` or nothing; a new link in place of an earlier one.
pub async fn invite_again(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let id = person_id(&id)?;
    let again: Again =
        if body.trim().is_empty() { Again::default() } else { read(&body, "{\"reset_totp\"}")? };
    let known = web.store.person(id).await.map_err(failed)?.ok_or_else(unknown)?;
    if known.disabled {
        let message = "a person who is disabled takes up no invitation; let it in again first";
        return Err(problem::conflict("disabled", message));
    }
    let base_url = base_url(&web)?;
    let how = match known.has_password {
        true => Invitation::Again { resets_totp: again.reset_totp },
        false => Invitation::First,
    };
    let now = web.now();
    let (token, invitation) = web.new_invitation(how, now);
    let invited = web.store.invite_again(id, invitation, caller.doer(), now).await.map_err(failed)?;
    let person = invited.ok_or_else(unknown)?;
    Ok(with_link(&person, &base_url, &token, now))
}

pub fn person_id(text: &str) -> Result<PersonId, Response> {
    text.parse().map_err(|_| unknown())
}

pub fn unknown() -> Response {
    problem::not_found("there is no such person")
}

/// Of a person or a token.
pub fn name(text: &str) -> Result<String, Response> {
    let name = text.trim();
    let fits =
        !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    let message = || format!("a name has 1 to {NAME_CHARS_MAX} characters, and none that controls a screen");
    if fits { Ok(name.to_owned()) } else { Err(problem::bad_request(&message())) }
}

/// Likewise.
pub fn role(text: &str) -> Result<Role, Response> {
    let message = "a role is admin, manager, finance, viewer, advertiser:ID or partner:ID";
    Role::parse(text).ok_or_else(|| problem::bad_request(message))
}

fn read<'a, T: Deserialize<'a>>(body: &'a str, form: &str) -> Result<T, Response> {
    serde_json::from_str(body).map_err(|error| problem::bad_request(&format!("send {form}: {error}")))
}

/// Where links lead: the program says.
fn base_url(web: &Web) -> Result<String, Response> {
    let message = "no program is in force yet: its base_url is where the link leads";
    let snapshot = web.store.snapshot().ok_or_else(|| problem::conflict("no_program", message))?;
    Ok(snapshot.program.base_url.clone())
}

fn with_link(person: &PersonRow, base_url: &str, token: &str, now: Timestamp) -> Response {
    let mut body = show(person, now);
    if let Some(members) = body.as_object_mut() {
        members.insert("invitation".into(), format!("{base_url}/invitations/{token}").into());
    }
    super::json(&body)
}

fn show(person: &PersonRow, now: Timestamp) -> Value {
    let state = match (person.disabled, person.has_password) {
        (true, _) => "disabled",
        (false, true) => "active",
        (false, false) => "invited",
    };
    let invited_until = person.invited_until.filter(|until| now < *until && !person.disabled);
    json!({
        "id": person.id,
        "at": person.at.iso(),
        "email": person.email.as_str(),
        "name": person.name,
        "role": person.role,
        "state": state,
        "disabled": person.disabled,
        "totp": person.has_totp,
        "invited_until": invited_until.map(Timestamp::iso),
    })
}
