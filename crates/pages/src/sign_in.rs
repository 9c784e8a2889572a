//! In and out: by e-mail and password, with a second factor where one is set; by an access token; by an invitation.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use proofback_domain::time::Span;
use proofback_web::{NotAccepted, Opened, SignIn, SignInRefused};
use serde::Deserialize;

use crate::Pages;
use crate::cookie;
use crate::frame::Frame;
use crate::guard::Visitor;
use crate::show::counted;
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, Visit};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    email: String,
    then: String,
    mistake: String,
    /// Password and e-mail were right: only the code is missing.
    asks_code: bool,
    password: String,
    with_token: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    then: String,
}

pub async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Response {
    if visitor.session.is_some() {
        return Redirect::to(own_page(&asked.then)).into_response();
    }
    page(&visitor, StatusCode::OK, |page| page.then = asked.then)
}

fn page(visitor: &Visitor, status: StatusCode, fill: impl FnOnce(&mut SignInPage)) -> Response {
    let mut page = SignInPage {
        frame: visitor.frame.clone(),
        email: String::new(),
        then: String::new(),
        mistake: String::new(),
        asks_code: false,
        password: String::new(),
        with_token: false,
    };
    fill(&mut page);
    render(status, &page)
}

fn render(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Trouble::unexpected("a template", &error).into_response(),
    }
}

#[derive(Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    then: String,
}

pub async fn enter(
    State(pages): State<Pages>,
    visitor: Visitor,
    Posted(form): Posted<Credentials>,
) -> Response {
    let Credentials { email, password, code, then } = form;
    let asked = SignIn { email: email.clone(), password: password.clone(), code: code.clone() };
    let refused = match pages.web.sign_in(&asked, &visitor.seen).await {
        Ok(opened) => return open(&visitor, &opened, own_page(&then)),
        Err(refused) => refused,
    };
    let (status, mistake, asks_code) = match refused {
        SignInRefused::Wrong => (StatusCode::UNAUTHORIZED, "E-mail or password is wrong.".to_owned(), false),
        SignInRefused::CodeNeeded => (StatusCode::OK, String::new(), true),
        SignInRefused::WrongCode => {
            (StatusCode::UNAUTHORIZED, "This code is wrong, or was used already.".to_owned(), true)
        }
        SignInRefused::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, too_many(wait), false),
        SignInRefused::Store(error) => {
            tracing::error!(%error, "somebody could not sign in");
            return Trouble::unavailable().into_response();
        }
    };
    page(&visitor, status, |page| {
        page.email = email;
        page.then = then;
        page.mistake = mistake;
        page.asks_code = asks_code;
        // It was right, and is sent again with the code.
        page.password = if asks_code { password } else { String::new() };
    })
}

#[derive(Deserialize)]
pub struct WithToken {
    token: String,
    #[serde(default)]
    then: String,
}

pub async fn enter_with_token(
    State(pages): State<Pages>,
    visitor: Visitor,
    Posted(form): Posted<WithToken>,
) -> Response {
    let refused = match pages.web.sign_in_with_token(form.token.trim(), &visitor.seen).await {
        Ok(opened) => return open(&visitor, &opened, own_page(&form.then)),
        Err(refused) => refused,
    };
    let (status, mistake) = match refused {
        SignInRefused::Wrong | SignInRefused::CodeNeeded | SignInRefused::WrongCode => {
            (StatusCode::UNAUTHORIZED, "No access token is known by these characters.".to_owned())
        }
        SignInRefused::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, too_many(wait)),
        SignInRefused::Store(error) => {
            tracing::error!(%error, "somebody could not sign in");
            return Trouble::unavailable().into_response();
        }
    };
    page(&visitor, status, |page| {
        page.then = form.then;
        page.mistake = mistake;
        page.with_token = true;
    })
}

pub async fn leave(visit: Visit) -> Response {
    let secure = visit.is_secure();
    if let Some(token) = cookie::session(&visit.headers, secure)
        && let Err(error) = visit.pages.web.sign_out(token).await
    {
        tracing::error!(%error, "a session could not be ended");
        return Trouble::unavailable().into_response();
    }
    let mut response = Redirect::to("/sign-in").into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie::drop_session(secure));
    response
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    frame: Frame,
    token: String,
    email: String,
    name: String,
    role: String,
    mistake: String,
}

pub async fn invited(State(pages): State<Pages>, visitor: Visitor, Path(token): Path<String>) -> Page {
    show_invitation(&pages, &visitor, token, StatusCode::OK, String::new()).await
}

async fn show_invitation(
    pages: &Pages,
    visitor: &Visitor,
    token: String,
    status: StatusCode,
    mistake: String,
) -> Page {
    let invited = pages.web.invitation(&token).await.map_err(|error| {
        tracing::error!(%error, "an invitation could not be looked up");
        Trouble::unavailable()
    })?;
    let Some(invited) = invited else {
        return Ok(Trouble::not_found(
            "This invitation was used, has ended, or never was. Ask for a new one.",
        )
        .alone());
    };
    let page = InvitationPage {
        frame: visitor.frame.clone(),
        token,
        email: invited.email,
        name: invited.name,
        role: invited.role.to_string(),
        mistake,
    };
    Ok(render(status, &page))
}

#[derive(Deserialize)]
pub struct NewPassword {
    password: String,
    again: String,
}

pub async fn accept(
    State(pages): State<Pages>,
    visitor: Visitor,
    Path(token): Path<String>,
    Posted(form): Posted<NewPassword>,
) -> Page {
    let (status, mistake) = if form.password != form.again {
        (StatusCode::UNPROCESSABLE_ENTITY, "The two passwords differ.".to_owned())
    } else {
        match pages.web.accept_invitation(&token, &form.password, &visitor.seen).await {
            Ok(opened) => return Ok(open(&visitor, &opened, "/")),
            Err(NotAccepted::Gone) => (StatusCode::NOT_FOUND, String::new()),
            Err(NotAccepted::CodeNeeded) => {
                let told = "Your new password is set. Sign in with it and with a code of your second factor.";
                let mut response = Redirect::to("/sign-in").into_response();
                response.headers_mut().append(header::SET_COOKIE, cookie::keep_notice(told, visitor.secure));
                return Ok(response);
            }
            Err(NotAccepted::WeakPassword(why)) => (StatusCode::UNPROCESSABLE_ENTITY, sentence(why)),
            Err(NotAccepted::TooMany(wait)) => (StatusCode::TOO_MANY_REQUESTS, too_many(wait)),
            Err(NotAccepted::Store(error)) => {
                tracing::error!(%error, "an invitation could not be taken up");
                return Err(Trouble::unavailable());
            }
        }
    };
    show_invitation(&pages, &visitor, token, status, mistake).await
}

/// A session begins: its token goes to the browser and is nowhere else.
fn open(visitor: &Visitor, opened: &Opened, page: &str) -> Response {
    let mut response = Redirect::to(page).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie::keep_session(&opened.token, visitor.secure));
    response
}

/// A page of this server, whatever was asked for, and not the way in or out.
fn own_page(then: &str) -> &str {
    if stays_here(then) && !then.starts_with("/sign-") { then } else { "/" }
}

/// Whether an address stays on this host, by how browsers read it.
pub fn stays_here(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n', '\t'])
}

pub fn too_many(wait: Span) -> String {
    let seconds = wait.millis().div_ceil(1_000).max(1);
    format!("Too many attempts. Try again in {}.", counted(seconds, "second"))
}

/// With a capital letter and an end.
pub fn sentence(text: &str) -> String {
    Trouble::bad_request(text).sentence()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_one_stays_on_this_server() {
        for (then, page) in [
            ("/reports?by=day", "/reports?by=day"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\t/evil.example", "/"),
            ("/sign-out", "/"),
        ] {
            assert_eq!(own_page(then), page, "{then:?}");
            assert_eq!(stays_here(then), then == page || then == "/sign-out", "{then:?}");
        }
    }
}
