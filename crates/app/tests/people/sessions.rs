//! Signing in, and how sessions end.

use axum::http::Method;
use proofback_domain::time::Span;
use proofback_store::Owner;
use proofback_web::{NotChanged, Role, SignInRefused};
use serde_json::{Value, json};

use super::support::ADMIN;
use super::{ANOTHER, PASSWORD, World, seen, world};

#[tokio::test]
async fn a_person_signs_in_with_its_address_in_any_case_and_its_password() {
    let world = world().await;
    let ann = world.person("ann@example.com", "finance").await;
    let opened = world.sign_in(" Ann@Example.COM ", PASSWORD).await.unwrap();
    assert_eq!(opened.expires_at, world.now().plus(Span::from_seconds(7 * 86_400)));
    let session = world.session(&opened.token).await.unwrap();
    let person = session.person.unwrap();
    assert_eq!((session.caller.name.as_str(), &session.caller.role), (ann.email, &Role::Finance));
    assert_eq!((person.id, person.email.as_str(), person.name.as_str()), (ann.id, ann.email, "Ann Lee"));
    assert!(!person.has_totp);
    for (email, password) in [
        (ann.email, ANOTHER),
        (ann.email, ""),
        ("bob@example.com", PASSWORD),
        ("", PASSWORD),
        ("ann", PASSWORD),
    ] {
        let refused = world.sign_in(email, password).await.unwrap_err();
        assert!(matches!(refused, SignInRefused::Wrong), "{email} {refused:?}");
    }
}

#[tokio::test]
async fn every_sign_in_gives_a_token_that_was_never_there_before() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    // What somebody put into the browser before is no session, neither before nor after.
    let planted = "0".repeat(64);
    assert!(!world.is_open(&planted).await);
    let first = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    let second = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    assert!(!world.is_open(&planted).await);
    assert!(first != second && first != ann.token && first.len() == 64);
    for token in [&ann.token, &first, &second] {
        assert!(world.is_open(token).await);
    }
    assert!(!world.is_open("").await && !world.is_open(&first.to_uppercase()).await);
}

/// A stranger who measures learns nothing: what nobody is known by costs what a wrong password costs.
#[tokio::test]
async fn an_unknown_address_costs_the_same_work() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let fastest = async |email: &str| {
        let mut fastest = std::time::Duration::MAX;
        for _ in 0..4 {
            let start = std::time::Instant::now();
            assert!(matches!(world.sign_in(email, ANOTHER).await, Err(SignInRefused::Wrong)));
            fastest = fastest.min(start.elapsed());
        }
        fastest
    };
    world.invite("new@example.com", "viewer").await;
    let known = fastest(ann.email).await;
    for email in ["bob@example.com", "new@example.com", "no address"] {
        let unknown = fastest(email).await;
        assert!(known < unknown * 4 && unknown < known * 4, "{email}: {unknown:?}, not {known:?}");
    }
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_a_week_in_any_case() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let unused = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    for _ in 0..12 {
        world.pass("59m");
        assert!(world.is_open(&ann.token).await);
    }
    world.pass("11m");
    assert!(world.is_open(&unused).await, "after 11 h 59 min");
    world.pass("12h");
    assert!(!world.is_open(&unused).await && !world.is_open(&ann.token).await);

    let token = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    for _ in 0..15 {
        world.pass("11h");
        assert!(world.is_open(&token).await);
    }
    // 165 hours later.
    world.pass("179m");
    assert!(world.is_open(&token).await);
    world.pass("1m");
    assert!(!world.is_open(&token).await);
    assert_eq!(world.get(&format!("/people/{}/sessions", ann.id)).await["sessions"], json!([]));
}

#[tokio::test]
async fn use_is_noted_once_a_minute_and_what_is_over_is_forgotten() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let path = format!("/people/{}/sessions", ann.id);
    let seen_at = async || world.get(&path).await["sessions"][0]["seen_at"].as_str().unwrap().to_owned();
    let opened_at = world.now().iso();
    world.pass("59s");
    assert!(world.is_open(&ann.token).await);
    assert_eq!(seen_at().await, opened_at);
    world.pass("1s");
    assert!(world.is_open(&ann.token).await);
    assert_eq!(seen_at().await, world.now().iso());

    world.invite("bob@example.com", "viewer").await;
    assert_eq!(world.web.store.forget_sessions(world.now()).await.unwrap(), 0);
    world.pass("8d");
    assert_eq!(world.web.store.forget_sessions(world.now()).await.unwrap(), 2);
    assert_eq!(world.web.store.forget_sessions(world.now()).await.unwrap(), 0);
}

/// Ann's two sessions before, whether they are open after, and Bob's.
async fn after(change: impl AsyncFnOnce(&World, &str)) -> [bool; 3] {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let bob = world.person("bob@example.com", "viewer").await;
    let other = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    change(&world, &ann.id).await;
    let mut open = Vec::new();
    for token in [&ann.token, &other, &bob.token] {
        open.push(world.is_open(token).await);
    }
    open.try_into().unwrap()
}

#[tokio::test]
async fn all_sessions_of_a_person_end_when_it_is_shut_out_or_gets_another_role_and_nobody_elses() {
    let put = |body: Value| {
        async move |world: &World, id: &str| {
            world.done(Method::PUT, &format!("/people/{id}"), body).await;
        }
    };
    assert_eq!(after(put(json!({ "disabled": true }))).await, [false, false, true]);
    assert_eq!(after(put(json!({ "role": "manager" }))).await, [false, false, true]);
    assert_eq!(after(put(json!({ "name": "Ann Smith", "role": "viewer" }))).await, [true, true, true]);
    let end = async |world: &World, id: &str| {
        let ended = world.done(Method::DELETE, &format!("/people/{id}/sessions"), Value::Null).await;
        assert_eq!(ended["ended"], 2);
    };
    assert_eq!(after(end).await, [false, false, true]);
}

#[tokio::test]
async fn who_is_shut_out_cannot_sign_in_until_let_in_again() {
    let world = world().await;
    let ann = world.person("ann@example.com", "admin").await;
    let path = format!("/people/{}", ann.id);
    // The last admin shuts itself out: the operator's token still lets in.
    let (status, answer) = world.call(Method::PUT, &ann.token, &path, json!({ "disabled": true })).await;
    assert_eq!((status, &answer["state"]), (200, &json!("disabled")));
    assert_eq!(world.deeds(1).await, ["ann@example.com person.disable person ann@example.com: "]);
    assert!(matches!(world.sign_in(ann.email, PASSWORD).await, Err(SignInRefused::Wrong)));
    assert_eq!(world.call(Method::GET, &ann.token, "/people", Value::Null).await.0, 401);
    let operator = world.web.sign_in_with_token(ADMIN, &seen("203.0.113.1")).await.unwrap().token;
    assert_eq!(world.call(Method::PUT, &operator, &path, json!({ "disabled": false })).await.0, 200);
    assert!(!world.is_open(&ann.token).await, "what has ended stays so");
    assert!(world.sign_in(ann.email, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn another_password_ends_all_other_sessions_and_counts_from_then_on() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let other = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    let session = world.session(&ann.token).await.unwrap();
    let wrong = world.web.change_password(&session, ANOTHER, "a third password").await;
    assert!(matches!(wrong, Err(NotChanged::Wrong)), "{wrong:?}");
    for weak in ["short", "ann@example.com", "passwordpassword"] {
        let weak = world.web.change_password(&session, PASSWORD, weak).await;
        assert!(matches!(weak, Err(NotChanged::WeakPassword(_))), "{weak:?}");
    }
    assert!(world.is_open(&other).await);
    world.web.change_password(&session, PASSWORD, ANOTHER).await.unwrap();
    assert!(world.is_open(&ann.token).await && !world.is_open(&other).await);
    assert_eq!(world.deeds(1).await, ["ann@example.com person.password person ann@example.com: "]);
    assert!(matches!(world.sign_in(ann.email, PASSWORD).await, Err(SignInRefused::Wrong)));
    assert!(world.sign_in(ann.email, ANOTHER).await.is_ok());
    for tries in 0..6 {
        let refused = world.web.change_password(&session, PASSWORD, ANOTHER).await;
        assert_eq!(matches!(refused, Err(NotChanged::TooMany(_))), tries == 5, "{tries} {refused:?}");
    }
}

#[tokio::test]
async fn signing_out_ends_one_session_and_is_audited() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let other = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    let id = world.session(&ann.token).await.unwrap().id;
    world.web.sign_out(&ann.token).await.unwrap();
    assert!(!world.is_open(&ann.token).await && world.is_open(&other).await);
    world.web.sign_out(&ann.token).await.unwrap();
    world.web.sign_out("nothing").await.unwrap();
    let deeds = world.deeds(2).await;
    assert_eq!(deeds[0], format!("ann@example.com session.end session {id}: signed out"));
    assert!(deeds[1].contains(" session.open "), "it is one deed: {deeds:?}");
}

#[tokio::test]
async fn an_access_token_signs_in_and_its_sessions_end_with_it() {
    let world = world().await;
    let made = world.done(Method::POST, "/tokens", json!({ "role": "manager", "name": "ops" })).await;
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let opened = world.web.sign_in_with_token(token, &seen("203.0.113.1")).await.unwrap().token;
    let session = world.session(&opened).await.unwrap();
    assert_eq!((session.caller.name.as_str(), &session.caller.role), ("ops", &Role::Manager));
    assert!(session.person.is_none());
    let changed = world.web.change_password(&session, "", ANOTHER).await;
    assert!(matches!(changed, Err(NotChanged::NoPerson)), "{changed:?}");
    world.pass("1s");
    let other = world.done(Method::POST, "/tokens", json!({ "role": "viewer", "name": "ops" })).await;
    let other = world.web.sign_in_with_token(other["token"].as_str().unwrap(), &seen("203.0.113.1")).await;
    let other = other.unwrap().token;

    let path = format!("/tokens/{id}");
    assert_eq!(world.call(Method::DELETE, ADMIN, &path, Value::Null).await.0, 204);
    assert!(!world.is_open(&opened).await && world.is_open(&other).await);
    let left = world.web.store.sessions(Owner::Token(id.parse().unwrap()), world.now()).await.unwrap();
    assert_eq!(left, [], "nothing is left to come back to");
    assert_eq!(world.call(Method::GET, token, "/postbacks", Value::Null).await.0, 401);
    let refused = world.web.sign_in_with_token(token, &seen("203.0.113.1")).await;
    assert!(matches!(refused, Err(SignInRefused::Wrong)));
    let listed = world.get("/tokens").await["tokens"].clone();
    let revoked: Vec<bool> =
        listed.as_array().unwrap().iter().map(|token| !token["revoked_at"].is_null()).collect();
    assert_eq!(revoked, [false, true], "{listed}");
    // Again changes nothing.
    let first = listed[1]["revoked_at"].clone();
    world.pass("1h");
    assert_eq!(world.call(Method::DELETE, ADMIN, &path, Value::Null).await.0, 204);
    assert_eq!(world.get("/tokens").await["tokens"][1]["revoked_at"], first);
    assert_eq!(world.deeds(1).await, [format!("admin token.revoke token {id}: ")]);
}

#[tokio::test]
async fn sessions_of_the_operators_token_end_when_it_is_replaced() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let operator = world.web.sign_in_with_token(ADMIN, &seen("203.0.113.1")).await.unwrap().token;
    assert_eq!(world.session(&operator).await.unwrap().caller.role, Role::Admin);
    let world = world.reopened(ADMIN).await;
    assert!(world.is_open(&operator).await && world.is_open(&ann.token).await);
    let world = world.reopened("another-admin-token-0123456789-abcdef").await;
    assert!(!world.is_open(&operator).await && world.is_open(&ann.token).await);
}

#[tokio::test]
async fn somebody_has_fifty_sessions_at_most_and_the_one_unused_longest_goes_first() {
    let world = world().await;
    let mut tokens = Vec::new();
    for _ in 0..51 {
        world.pass("61s");
        tokens.push(world.web.sign_in_with_token(ADMIN, &seen("203.0.113.1")).await.unwrap().token);
        if let Some(first) = tokens.first() {
            assert!(world.is_open(first).await);
        }
    }
    assert!(world.is_open(&tokens[0]).await && !world.is_open(&tokens[1]).await);
    assert!(world.is_open(&tokens[2]).await && world.is_open(&tokens[50]).await);
}
