//! Links: used once, over in time, replaced by another.

use axum::http::Method;
use proofback_domain::totp::Secret;
use proofback_web::{NotAccepted, Role, SignInRefused};
use serde_json::{Value, json};

use super::support::ADMIN;
use super::{ANOTHER, Invited, PASSWORD, World, secret, seen, world};

async fn accept(world: &World, link: &str, password: &str) -> Result<String, NotAccepted> {
    world.web.accept_invitation(link, password, &seen("203.0.113.1")).await.map(|opened| opened.token)
}

async fn is_gone(world: &World, link: &str) -> bool {
    let unknown = world.web.invitation(link).await.unwrap().is_none();
    let refused = matches!(accept(world, link, PASSWORD).await, Err(NotAccepted::Gone));
    assert_eq!(unknown, refused);
    unknown
}

async fn reset(world: &World, ann: &Invited, body: Value) -> String {
    secret(&world.done(Method::POST, &format!("/people/{}/invitation", ann.id), body).await)
}

#[tokio::test]
async fn a_link_sets_a_password_once() {
    let world = world().await;
    let (id, link) = world.invite("Ann@Example.com", "partner:reelmedia").await;
    let invited = world.web.invitation(&link).await.unwrap().unwrap();
    let role = Role::parse("partner:reelmedia").unwrap();
    assert_eq!(
        (invited.email.as_str(), invited.name.as_str(), invited.role),
        ("ann@example.com", "Ann Lee", role)
    );
    assert_eq!(world.get(&format!("/people/{id}")).await["state"], "invited");
    assert!(matches!(world.sign_in("ann@example.com", "").await, Err(SignInRefused::Wrong)));
    for weak in ["short", "ann@example.com", "aaaaaaaaaaaaaa"] {
        let refused = accept(&world, &link, weak).await;
        assert!(matches!(refused, Err(NotAccepted::WeakPassword(_))), "{refused:?}");
    }
    // A weak one does not use it up.
    assert!(world.is_open(&accept(&world, &link, ANOTHER).await.unwrap()).await);
    assert!(is_gone(&world, &link).await);
    let deeds = world.deeds(3).await;
    assert!(
        deeds[0].starts_with("ann@example.com session.open session ")
            && deeds[0].ends_with("from 203.0.113.1"),
        "{deeds:?}"
    );
    assert_eq!(deeds[1], "ann@example.com person.password person ann@example.com: by invitation");
    assert_eq!(deeds[2], "admin person.invite person ann@example.com: as partner:reelmedia");
    assert_eq!(world.get(&format!("/people/{id}")).await["state"], "active");
    assert!(world.sign_in("ann@example.com", ANOTHER).await.is_ok());
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_is_in() {
    let world = world().await;
    let (_, link) = world.invite("ann@example.com", "viewer").await;
    let (one, other) = tokio::join!(accept(&world, &link, PASSWORD), accept(&world, &link, ANOTHER));
    assert_eq!([one, other].iter().filter(|accepted| accepted.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_link_is_over_after_a_week_one_for_another_password_after_a_day() {
    let world = world().await;
    let (id, link) = world.invite("ann@example.com", "viewer").await;
    world.pass("167h");
    assert!(world.web.invitation(&link).await.unwrap().is_some());
    world.pass("1h");
    assert!(is_gone(&world, &link).await);
    assert_eq!(world.get(&format!("/people/{id}")).await["invited_until"], Value::Null);
    let ann = world.person("ann2@example.com", "viewer").await;
    let link = reset(&world, &ann, Value::Null).await;
    world.pass("24h");
    assert!(is_gone(&world, &link).await);
}

#[tokio::test]
async fn another_link_ends_the_one_before_and_no_link_lets_in_who_is_shut_out() {
    let world = world().await;
    let (id, first) = world.invite("ann@example.com", "viewer").await;
    let path = format!("/people/{id}/invitation");
    let second = secret(&world.done(Method::POST, &path, Value::Null).await);
    assert!(is_gone(&world, &first).await && world.web.invitation(&second).await.unwrap().is_some());
    world.done(Method::PUT, &format!("/people/{id}"), json!({ "disabled": true })).await;
    assert!(is_gone(&world, &second).await);
    let (status, answer) = world.call(Method::POST, ADMIN, &path, Value::Null).await;
    assert_eq!((status, &answer["code"]), (409, &json!("disabled")));
}

#[tokio::test]
async fn a_forgotten_password_counts_until_the_link_is_used_and_every_session_ends_then() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let link = reset(&world, &ann, Value::Null).await;
    assert!(world.is_open(&ann.token).await && world.sign_in(ann.email, PASSWORD).await.is_ok());
    let token = accept(&world, &link, ANOTHER).await.unwrap();
    assert!(world.is_open(&token).await && !world.is_open(&ann.token).await);
    assert!(matches!(world.sign_in(ann.email, PASSWORD).await, Err(SignInRefused::Wrong)));
    assert!(world.sign_in(ann.email, ANOTHER).await.is_ok());
}

#[tokio::test]
async fn a_link_gets_past_a_second_factor_only_if_it_was_made_to() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let session = world.session(&ann.token).await.unwrap();
    let offer = world.web.begin_totp(&session).await.unwrap();
    let authenticator = Secret::parse(&offer.secret).unwrap();
    assert!(world.web.confirm_totp(&session, &offer.secret, &authenticator.code(world.now())).await.unwrap());

    let link = reset(&world, &ann, json!({ "reset_totp": false })).await;
    let refused = accept(&world, &link, ANOTHER).await;
    assert!(matches!(refused, Err(NotAccepted::CodeNeeded)), "{refused:?}");
    assert!(is_gone(&world, &link).await && !world.is_open(&ann.token).await);
    assert!(matches!(world.sign_in(ann.email, ANOTHER).await, Err(SignInRefused::CodeNeeded)));

    let link = reset(&world, &ann, json!({ "reset_totp": true })).await;
    assert_eq!(world.get(&format!("/people/{}", ann.id)).await["totp"], true, "until the link is used");
    let token = accept(&world, &link, PASSWORD).await.unwrap();
    assert!(!world.session(&token).await.unwrap().person.unwrap().has_totp);
    assert!(world.sign_in(ann.email, PASSWORD).await.is_ok());
    let deeds = world.deeds(10).await.join("\n");
    for deed in [
        "to set another password\n",
        "to set another password, without the second factor",
        "by invitation, without the second factor",
    ] {
        assert!(deeds.contains(deed), "{deed}\n{deeds}");
    }
}
