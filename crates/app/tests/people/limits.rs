//! How often somebody may try.

use proofback_domain::time::Span;
use proofback_web::{NotAccepted, SignInRefused};

use super::{ANOTHER, PASSWORD, World, seen, world};

async fn try_token(world: &World, ip: &str) -> Option<Span> {
    match world.web.sign_in_with_token("no token", &seen(ip)).await {
        Err(SignInRefused::Wrong) => None,
        Err(SignInRefused::TooMany(wait)) => Some(wait),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_address_tries_twenty_times_a_minute_and_its_net_counts_with_it() {
    let world = world().await;
    for ip in ["203.0.113.9", "2001:db8:1:2::1"] {
        for tries in 0..20 {
            assert_eq!(try_token(&world, ip).await, None, "{ip} {tries}");
        }
    }
    let wait = Some(Span::from_seconds(3));
    for (ip, waits) in [
        ("203.0.113.9", wait),
        ("::ffff:203.0.113.9", wait),
        ("203.0.113.10", None),
        ("2001:db8:1:2:ffff::9", wait),
        ("2001:db8:1:3::1", None),
    ] {
        assert_eq!(try_token(&world, ip).await, waits, "{ip}");
    }
    // People are counted at the same place.
    let asked = || proofback_web::SignIn {
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        code: String::new(),
    };
    let refused = world.web.sign_in(&asked(), &seen("203.0.113.9")).await;
    assert!(matches!(refused, Err(SignInRefused::TooMany(_))), "{refused:?}");
    world.pass("3s");
    assert_eq!(try_token(&world, "203.0.113.9").await, None);
    assert_eq!(try_token(&world, "203.0.113.9").await, wait);
}

#[tokio::test]
async fn a_person_is_tried_five_times_in_five_minutes_and_so_is_nobody() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    for email in [ann.email, "nobody@example.com"] {
        for tries in 0..5 {
            let refused = world.sign_in(email, ANOTHER).await;
            assert!(matches!(refused, Err(SignInRefused::Wrong)), "{email} {tries} {refused:?}");
        }
        // The right password neither, and nothing tells it from a wrong one.
        for password in [PASSWORD, ANOTHER] {
            let refused = world.sign_in(&email.to_uppercase(), password).await;
            let waits =
                matches!(refused, Err(SignInRefused::TooMany(wait)) if wait == Span::from_seconds(60));
            assert!(waits, "{email} {refused:?}");
        }
    }
    assert!(world.is_open(&ann.token).await, "who is in stays in");
    world.pass("60s");
    assert!(world.sign_in(ann.email, PASSWORD).await.is_ok());
    // Whoever got it right has all tries again.
    for _ in 0..5 {
        assert!(matches!(world.sign_in(ann.email, ANOTHER).await, Err(SignInRefused::Wrong)));
    }
    assert!(matches!(world.sign_in(ann.email, ANOTHER).await, Err(SignInRefused::TooMany(_))));
}

#[tokio::test]
async fn links_are_tried_twenty_times_a_minute() {
    let world = world().await;
    let (_, link) = world.invite("ann@example.com", "viewer").await;
    let stranger = seen("203.0.113.9");
    for _ in 0..20 {
        let refused = world.web.accept_invitation("no link", PASSWORD, &stranger).await;
        assert!(matches!(refused, Err(NotAccepted::Gone)), "{refused:?}");
    }
    let refused = world.web.accept_invitation(&link, PASSWORD, &stranger).await;
    assert!(matches!(refused, Err(NotAccepted::TooMany(_))), "{refused:?}");
    assert!(world.web.accept_invitation(&link, PASSWORD, &seen("203.0.113.10")).await.is_ok());
}
