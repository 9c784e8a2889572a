//! Codes of an authenticator: asked for once they are in force, each counted once.

use proofback_domain::totp::Secret;
use proofback_web::{Session, SignInRefused};

use super::{ANOTHER, Invited, PASSWORD, World, world};

/// Somebody with a second factor, whose code of now is used up.
async fn enrolled(world: &World) -> (Invited, Session, Secret) {
    let ann = world.person("ann@example.com", "viewer").await;
    let session = world.session(&ann.token).await.unwrap();
    let offer = world.web.begin_totp(&session).await.unwrap();
    let secret = Secret::parse(&offer.secret).unwrap();
    assert!(world.web.confirm_totp(&session, &offer.secret, &secret.code(world.now())).await.unwrap());
    let session = world.session(&ann.token).await.unwrap();
    (ann, session, secret)
}

#[tokio::test]
async fn nothing_is_in_force_until_a_code_confirms_it() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let other = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    let session = world.session(&ann.token).await.unwrap();
    let offer = world.web.begin_totp(&session).await.unwrap();
    assert_ne!(offer.secret, world.web.begin_totp(&session).await.unwrap().secret);
    assert!(
        offer.uri.starts_with("otpauth://totp/Example%20Partners:ann%40example.com?secret="),
        "{}",
        offer.uri
    );
    assert!(offer.uri.contains(&offer.secret) && offer.svg.starts_with("<svg "));
    let secret = Secret::parse(&offer.secret).unwrap();
    let code = secret.code(world.now());
    for (secret, code) in [(offer.secret.as_str(), "000000"), (&offer.secret, ""), ("", &code), ("A", &code)]
    {
        assert!(!world.web.confirm_totp(&session, secret, code).await.unwrap());
    }
    assert!(world.sign_in(ann.email, PASSWORD).await.is_ok() && world.is_open(&other).await);
    assert!(world.web.confirm_totp(&session, &offer.secret, &code).await.unwrap());
    assert!(world.session(&ann.token).await.unwrap().person.unwrap().has_totp);
    assert!(!world.is_open(&other).await, "it was opened without the second factor");
    // One in force is not replaced by whoever finds the browser open.
    world.pass("30s");
    let fresh = world.web.begin_totp(&session).await.unwrap().secret;
    let code = Secret::parse(&fresh).unwrap().code(world.now());
    assert!(!world.web.confirm_totp(&session, &fresh, &code).await.unwrap());
}

#[tokio::test]
async fn a_code_is_asked_for_behind_the_password_and_counts_once() {
    let world = world().await;
    let (ann, _, secret) = enrolled(&world).await;
    let used = secret.code(world.now());
    assert!(matches!(world.sign_in(ann.email, ANOTHER).await, Err(SignInRefused::Wrong)));
    let wrong = world.sign_in_with_code(ann.email, ANOTHER, &used).await;
    assert!(matches!(wrong, Err(SignInRefused::Wrong)), "{wrong:?}");
    assert!(matches!(world.sign_in(ann.email, PASSWORD).await, Err(SignInRefused::CodeNeeded)));
    let again = world.sign_in_with_code(ann.email, PASSWORD, &used).await;
    assert!(matches!(again, Err(SignInRefused::WrongCode)), "it confirmed: {again:?}");
    assert_eq!(
        world.deeds(1).await,
        ["ann@example.com session.refuse person ann@example.com: a wrong code, from 203.0.113.1"]
    );
    world.pass("30s");
    let code = secret.code(world.now());
    assert!(world.sign_in_with_code(ann.email, PASSWORD, &code).await.is_ok());
    let again = world.sign_in_with_code(ann.email, PASSWORD, &code).await;
    assert!(matches!(again, Err(SignInRefused::WrongCode)), "{again:?}");
    world.pass("30s");
    let code = secret.code(world.now());
    world.pass("30s");
    assert!(world.sign_in_with_code(ann.email, PASSWORD, &code).await.is_ok(), "one step late");
    world.pass("10m");
    let code = secret.code(world.now());
    world.pass("60s");
    let late = world.sign_in_with_code(ann.email, PASSWORD, &code).await;
    assert!(matches!(late, Err(SignInRefused::WrongCode)), "{late:?}");
}

#[tokio::test]
async fn of_two_who_use_a_code_at_once_one_is_in() {
    let world = world().await;
    let (ann, _, secret) = enrolled(&world).await;
    world.pass("30s");
    let code = secret.code(world.now());
    let sign_in = || world.sign_in_with_code(ann.email, PASSWORD, &code);
    let (one, other) = tokio::join!(sign_in(), sign_in());
    assert_eq!([one, other].iter().filter(|opened| opened.is_ok()).count(), 1);
}

#[tokio::test]
async fn who_knows_the_password_tries_ten_codes_and_then_one_an_hour() {
    let world = world().await;
    let (ann, _, secret) = enrolled(&world).await;
    for tries in 0..10 {
        world.pass("60s");
        let refused = world.sign_in_with_code(ann.email, PASSWORD, "12345").await;
        assert!(matches!(refused, Err(SignInRefused::WrongCode)), "{tries} {refused:?}");
    }
    world.pass("60s");
    let right = secret.code(world.now());
    let refused = world.sign_in_with_code(ann.email, PASSWORD, &right).await;
    assert!(matches!(refused, Err(SignInRefused::TooMany(_))), "{refused:?}");
    world.pass("72m");
    let right = secret.code(world.now());
    assert!(world.sign_in_with_code(ann.email, PASSWORD, &right).await.is_ok());
}

#[tokio::test]
async fn a_second_factor_ends_by_one_of_its_codes() {
    let world = world().await;
    let (ann, session, secret) = enrolled(&world).await;
    let used = secret.code(world.now());
    for code in ["", "000000", &used] {
        assert!(!world.web.end_totp(&session, code).await.unwrap(), "{code}");
    }
    world.pass("30s");
    let other = world.sign_in_with_code(ann.email, PASSWORD, &secret.code(world.now())).await.unwrap().token;
    world.pass("30s");
    let code = secret.code(world.now());
    assert!(world.web.end_totp(&session, &code).await.unwrap());
    assert!(world.is_open(&ann.token).await && !world.is_open(&other).await);
    assert!(world.sign_in(ann.email, PASSWORD).await.is_ok());
    assert!(!world.web.end_totp(&session, &code).await.unwrap());
    let deeds = world.deeds(10).await;
    for what in ["in force", "ended"] {
        let deed = format!("ann@example.com person.totp person ann@example.com: {what}");
        assert!(deeds.contains(&deed), "{deeds:?}");
    }
}
