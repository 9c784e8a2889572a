//! One's own account: password, second factor, sessions; and how pages look.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use proofback_web::NotChanged;
use serde::Deserialize;
use serde_json::Value;

use crate::Pages;
use crate::client::segment;
use crate::cookie;
use crate::frame::Frame;
use crate::guard::Visitor;
use crate::moment::Moment;
use crate::sign_in::{sentence, stays_here};
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, Visit};

#[derive(Deserialize)]
struct SessionRow {
    id: String,
    at: Moment,
    seen_at: Moment,
    ip: String,
    user_agent: String,
    #[serde(default)]
    current: bool,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<SessionRow>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: &'a Frame,
    email: String,
    has_password: bool,
    has_totp: bool,
    sessions: Vec<SessionRow>,
    mistake: String,
}

pub async fn show(visit: Visit) -> Page {
    page(&visit, StatusCode::OK, String::new()).await
}

async fn page(visit: &Visit, status: StatusCode, mistake: String) -> Page {
    let Sessions { sessions } = visit.api.get("/sessions").await?;
    let person = visit.session.person.as_ref();
    let page = AccountPage {
        frame: &visit.frame,
        email: person.map(|person| person.email.clone()).unwrap_or_default(),
        has_password: person.is_some(),
        has_totp: person.is_some_and(|person| person.has_totp),
        sessions,
        mistake,
    };
    visit.show_as(status, &page)
}

#[derive(Deserialize)]
pub struct PasswordForm {
    old: String,
    password: String,
    again: String,
}

pub async fn set_password(visit: Visit, Posted(form): Posted<PasswordForm>) -> Page {
    let mistake = if form.password != form.again {
        "The two new passwords differ.".to_owned()
    } else {
        match visit.pages.web.change_password(&visit.session, &form.old, &form.password).await {
            Ok(()) => {
                return visit.done("/account", "Your password is changed; all other sessions have ended.");
            }
            Err(NotChanged::Wrong) => "The old password is wrong.".to_owned(),
            Err(NotChanged::WeakPassword(why)) => sentence(why),
            Err(NotChanged::TooMany(wait)) => crate::sign_in::too_many(wait),
            Err(NotChanged::NoPerson) => "An access token has no password.".to_owned(),
            Err(NotChanged::Store(error)) => return Err(unavailable(&error)),
        }
    };
    page(&visit, StatusCode::UNPROCESSABLE_ENTITY, mistake).await
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage<'a> {
    frame: &'a Frame,
    secret: String,
    uri: String,
    /// The picture of `uri`, as an address of data.
    picture: String,
    mistake: String,
}

pub async fn offer_totp(visit: Visit) -> Page {
    offer(&visit, StatusCode::OK, String::new()).await
}

async fn offer(visit: &Visit, status: StatusCode, mistake: String) -> Page {
    use base64ct::Encoding;
    if visit.session.person.is_none() {
        return Err(Trouble::bad_request("An access token has no second factor."));
    }
    let offer = visit.pages.web.begin_totp(&visit.session).await.map_err(|error| unavailable(&error))?;
    let picture = base64ct::Base64::encode_string(offer.svg.as_bytes());
    let page = SecondFactorPage {
        frame: &visit.frame,
        secret: offer.secret,
        uri: offer.uri,
        picture: format!("data:image/svg+xml;base64,{picture}"),
        mistake,
    };
    visit.show_as(status, &page)
}

#[derive(Deserialize)]
pub struct Confirmation {
    secret: String,
    code: String,
}

pub async fn confirm_totp(visit: Visit, Posted(form): Posted<Confirmation>) -> Page {
    let confirmed = visit.pages.web.confirm_totp(&visit.session, &form.secret, form.code.trim()).await;
    match confirmed.map_err(|error| unavailable(&error))? {
        true => visit.done("/account", "From now on you sign in with a code, too."),
        false => {
            let mistake = "This code does not belong to the new secret below. Scan it again.".to_owned();
            offer(&visit, StatusCode::UNPROCESSABLE_ENTITY, mistake).await
        }
    }
}

#[derive(Deserialize)]
pub struct Code {
    code: String,
}

pub async fn end_totp(visit: Visit, Posted(form): Posted<Code>) -> Page {
    match visit
        .pages
        .web
        .end_totp(&visit.session, form.code.trim())
        .await
        .map_err(|error| unavailable(&error))?
    {
        true => visit.done("/account", "The second factor is off."),
        false => {
            page(&visit, StatusCode::UNPROCESSABLE_ENTITY, "This code is wrong, or was used already.".into())
                .await
        }
    }
}

pub async fn end_session(visit: Visit, Path(id): Path<String>) -> Page {
    let path = format!("/sessions/{}", segment(&id));
    visit.api.send::<Value>(Method::DELETE, &path, &Value::Null).await?;
    visit.done("/account", "The session has ended.")
}

fn unavailable(error: &dyn std::fmt::Display) -> Trouble {
    tracing::error!(%error, "an account could not be changed");
    Trouble::unavailable()
}

#[derive(Deserialize)]
pub struct Theme {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Light, dark, or as the system says.
pub async fn set_theme(State(_): State<Pages>, visitor: Visitor, Posted(form): Posted<Theme>) -> Response {
    let theme = match form.theme.as_str() {
        theme @ ("light" | "dark") => theme,
        _ => "",
    };
    let back = if stays_here(&form.back) { form.back.as_str() } else { "/" };
    let mut response = Redirect::to(back).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie::keep_theme(theme, visitor.secure));
    response
}
