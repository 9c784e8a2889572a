//! People and access tokens, for an admin.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::segment;
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show::counted;
use crate::trace::text;
use crate::visit::{Page, Posted, Visit};

#[derive(Deserialize)]
struct People {
    people: Vec<Person>,
}

#[derive(Deserialize)]
struct Person {
    id: String,
    email: String,
    name: String,
    role: String,
    state: String,
    disabled: bool,
    totp: bool,
    #[serde(default)]
    invited_until: Option<Moment>,
}

#[derive(Template)]
#[template(path = "settings_people.html")]
struct PeoplePage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    people: Vec<Person>,
    /// A link that was just made: shown this once.
    link: String,
    mistake: String,
}

pub async fn list(visit: Visit) -> Page {
    page(&visit, StatusCode::OK, String::new(), String::new()).await
}

async fn page(visit: &Visit, status: StatusCode, link: String, mistake: String) -> Page {
    let found: People = visit.api.get("/people?limit=1000").await?;
    visit.show_as(
        status,
        &PeoplePage { frame: &visit.frame, tab: "people", people: found.people, link, mistake },
    )
}

#[derive(Deserialize)]
pub struct Invite {
    email: String,
    name: String,
    role: String,
    #[serde(default)]
    of: String,
}

impl Invite {
    /// `partner` and an id are `partner:ID`.
    fn role(&self) -> String {
        match self.role.as_str() {
            role @ ("partner" | "advertiser") => format!("{role}:{}", self.of.trim()),
            role => role.to_owned(),
        }
    }
}

pub async fn invite(visit: Visit, Posted(form): Posted<Invite>) -> Page {
    let asked = json!({ "email": form.email.trim(), "name": form.name.trim(), "role": form.role() });
    match visit.api.post::<Value>("/people", &asked).await {
        Ok(made) => page(&visit, StatusCode::OK, text(&made, "invitation"), String::new()).await,
        Err(trouble) if trouble.status.is_client_error() => {
            page(&visit, trouble.status, String::new(), trouble.sentence()).await
        }
        Err(trouble) => Err(trouble),
    }
}

#[derive(Deserialize)]
pub struct Change {
    #[serde(default)]
    role: String,
    #[serde(default)]
    disabled: String,
}

pub async fn change(visit: Visit, Path(id): Path<String>, Posted(form): Posted<Change>) -> Page {
    let mut asked = json!({});
    if let Some(members) = asked.as_object_mut() {
        if !form.role.is_empty() {
            members.insert("role".into(), form.role.into());
        }
        if !form.disabled.is_empty() {
            members.insert("disabled".into(), (form.disabled == "yes").into());
        }
    }
    let changed: Person = visit.api.send(Method::PUT, &format!("/people/{}", segment(&id)), &asked).await?;
    visit.done("/settings/people", &format!("{} is changed; all its sessions have ended.", changed.email))
}

#[derive(Deserialize)]
pub struct Again {
    #[serde(default)]
    reset_totp: String,
}

/// A new link for somebody who lost the password, or the second factor with it.
pub async fn invite_again(visit: Visit, Path(id): Path<String>, Posted(form): Posted<Again>) -> Page {
    let asked = json!({ "reset_totp": !form.reset_totp.is_empty() });
    let made: Value = visit.api.post(&format!("/people/{}/invitation", segment(&id)), &asked).await?;
    page(&visit, StatusCode::OK, text(&made, "invitation"), String::new()).await
}

pub async fn end_sessions(visit: Visit, Path(id): Path<String>) -> Page {
    let path = format!("/people/{}/sessions", segment(&id));
    let ended: Value = visit.api.send(Method::DELETE, &path, &Value::Null).await?;
    let count = ended.get("ended").and_then(Value::as_u64).unwrap_or_default();
    visit.done("/settings/people", &format!("Ended: {}.", counted(count, "session")))
}

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
    at: Moment,
    name: String,
    role: String,
    revoked_at: Option<Moment>,
}

#[derive(Template)]
#[template(path = "settings_tokens.html")]
struct TokensPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    tokens: Vec<Token>,
    /// A token that was just made: shown this once.
    made: String,
    mistake: String,
}

pub async fn tokens(visit: Visit) -> Page {
    tokens_page(&visit, StatusCode::OK, String::new(), String::new()).await
}

async fn tokens_page(visit: &Visit, status: StatusCode, made: String, mistake: String) -> Page {
    let found: Tokens = visit.api.get("/tokens?limit=1000").await?;
    visit.show_as(
        status,
        &TokensPage { frame: &visit.frame, tab: "tokens", tokens: found.tokens, made, mistake },
    )
}

#[derive(Deserialize)]
pub struct NewToken {
    name: String,
    role: String,
    #[serde(default)]
    of: String,
}

pub async fn create_token(visit: Visit, Posted(form): Posted<NewToken>) -> Page {
    let NewToken { name, role, of } = form;
    let role = Invite { email: String::new(), name: String::new(), role, of }.role();
    match visit.api.post::<Value>("/tokens", &json!({ "name": name.trim(), "role": role })).await {
        Ok(made) => tokens_page(&visit, StatusCode::OK, text(&made, "token"), String::new()).await,
        Err(trouble) if trouble.status.is_client_error() => {
            tokens_page(&visit, trouble.status, String::new(), trouble.sentence()).await
        }
        Err(trouble) => Err(trouble),
    }
}

pub async fn revoke_token(visit: Visit, Path(id): Path<String>) -> Page {
    visit.api.send::<Value>(Method::DELETE, &format!("/tokens/{}", segment(&id)), &Value::Null).await?;
    visit.done("/settings/tokens", "The token is revoked, and every session that it opened has ended.")
}
