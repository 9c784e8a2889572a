//! What the engine makes of its targets: spares those that are down, keeps to rates, signs, and forgets nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proofback_domain::delivery::{DeliveryState, RetryPolicy};
use proofback_domain::time::{Span, Timestamp};
use proofback_domain::webhook::{Key, TOLERANCE, verify};

use crate::server::{Reply, Server};
use crate::world::{START, Setup, World};

const EARNED: &str = "commission.earned";

/// The clock jumps from one attempt to the next: three days pass in a moment.
#[tokio::test]
async fn the_timetable_of_retries_is_kept_to_its_end() {
    let server = Server::answering(503).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    let engine = world.start(&Setup::default());
    let click = world.convert(1, "").await;
    let (mut waits, mut attempts) = (Vec::new(), 0);
    loop {
        attempts += 1;
        world.wait_for_attempts(attempts).await;
        let [row] = world.deliveries().await.try_into().unwrap();
        if row.state != DeliveryState::Pending {
            assert_eq!((row.state, row.last_error.as_deref()), (DeliveryState::Failed, Some("status_503")));
            break;
        }
        let wait = row.next_at.since(world.now());
        waits.push(wait.millis() / 1_000);
        world.advance(wait);
    }
    assert_eq!(waits[..13], [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480]);
    assert!(waits[13..].iter().all(|wait| *wait == 21_600), "{waits:?}");
    let lasted = world.now().since(Timestamp::from_millis(START)).millis();
    let given_up = RetryPolicy::default().give_up_after.millis();
    assert!(lasted <= given_up && given_up < lasted + 21_600_000, "{lasted} ms");
    let requests: BTreeSet<String> = world.attempts(click).await.into_iter().map(|one| one.request).collect();
    assert_eq!(requests.len(), 1, "the same request every time");
    engine.stop().await;
}

#[tokio::test]
async fn a_target_that_is_down_is_left_alone_and_tried_with_one_request() {
    let closing = Arc::new(AtomicUsize::new(1));
    let state = Arc::clone(&closing);
    let mut server = Server::start(move |_, _| match state.load(Ordering::SeqCst) {
        0 => Reply::Status(200),
        _ => Reply::Close,
    })
    .await;
    let world = World::new(&[("target", &server.url("/?n={txid}"), EARNED)]);
    for number in 0..12 {
        world.convert(number, "").await;
    }
    // One request at a time, so that it is known when the fifth has failed.
    let engine = world.start(&Setup { shared_requests_max: 0, ..Setup::default() });
    for _ in 0..5 {
        server.next().await;
    }
    world.wait_for_attempts(5).await;
    world.wait_for_clock_reads(world.clock_reads() + 200).await;
    assert!(server.is_idle(), "it is left alone");
    world.advance(Span::from_seconds(5));
    server.next().await;
    world.wait_for_attempts(6).await;
    world.wait_for_clock_reads(world.clock_reads() + 200).await;
    assert!(server.is_idle(), "one request showed that it is still down");
    closing.store(0, Ordering::SeqCst);
    world.advance(Span::from_seconds(40));
    world.wait_for_delivered(12).await;
    engine.stop().await;
    assert!(world.deliveries().await.iter().all(|row| row.state == DeliveryState::Delivered));
}

#[tokio::test]
async fn a_rate_is_kept_whatever_is_due() {
    let mut server = Server::answering(200).await;
    let world = World::new(&[]);
    let target = format!(
        "[[partner.postback]]\nid = 'slow'\nurl = '{}'\non = ['{EARNED}']\nrate_limit = '2/s burst 3'\n",
        server.url("/")
    );
    world.adopt_more(&target, &[]);
    for number in 0..8 {
        world.convert(number, "").await;
    }
    let engine = world.start(&Setup::default());
    for (advance, arrive) in [(0, 3), (500, 1), (1_000, 2), (60_000, 2)] {
        world.advance(Span::from_millis(advance));
        for _ in 0..arrive {
            server.next().await;
        }
        world.wait_for_clock_reads(world.clock_reads() + 200).await;
        assert!(server.is_idle(), "after {advance} ms");
    }
    world.wait_for_delivered(8).await;
    engine.stop().await;
}

#[tokio::test]
async fn targets_on_one_host_share_its_requests() {
    let mut hanging = Server::start(|_, _| Reply::Hang).await;
    let targets: Vec<(String, String)> =
        (0..8).map(|number| (format!("t{number}"), hanging.url(&format!("/{number}")))).collect();
    let targets: Vec<(&str, &str, &str)> =
        targets.iter().map(|(id, url)| (id.as_str(), url.as_str(), EARNED)).collect();
    let world = World::new(&targets);
    for number in 0..20 {
        world.convert(number, "").await;
    }
    let engine = world.start(&Setup { shared_requests_max: 1_000, ..Setup::default() });
    // One for each target, and 64 for the host.
    for _ in 0..72 {
        hanging.next().await;
    }
    world.wait_for_clock_reads(world.clock_reads() + 200).await;
    assert!(hanging.is_idle(), "eight targets of sixteen requests each would have 128");
    drop(engine);
}

const KEYS: [(&str, &str); 2] =
    [("NEW", "whsec_bmV3LXNlY3JldC1vZi0yNC1ieXRlcy0xMjM="), ("OLD", "an old secret of 24 bytes or more")];

#[tokio::test]
async fn a_webhook_arrives_signed_and_again_under_the_same_id() {
    let mut server = Server::start(|number, _| Reply::Status(if number == 0 { 500 } else { 204 })).await;
    let world = World::new(&[]);
    let webhook = format!(
        "[[webhook]]\nid = 'crm'\nurl = '{}'\nsecret = ['env:NEW', 'env:OLD']\non = ['{EARNED}']\n",
        server.url("/hooks")
    );
    world.adopt_more(&webhook, &KEYS);
    let engine = world.start(&Setup { look_every: Duration::from_millis(2), ..Setup::default() });
    world.convert(1, "reels").await;
    let first = server.next().await;
    world.wait_for_attempts(1).await;
    world.advance(Span::from_seconds(5));
    let second = server.next().await;
    world.wait_for_delivered(1).await;
    let headers = |head: &str| -> Vec<(String, String)> {
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
    };
    let id = |head: &str| headers(head).into_iter().find(|(name, _)| name == "webhook-id").unwrap().1;
    assert_eq!((id(&first.head), first.body.as_str()), (id(&second.head), second.body.as_str()));
    for (name, secret) in KEYS {
        let key = [Key::parse(secret).unwrap()];
        let body = second.body.as_bytes();
        verify(&headers(&second.head), body, &key, world.now(), TOLERANCE)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    assert_eq!(second.line, "POST /hooks");
    assert!(second.body.contains("\"sub1\":\"reels\""), "{}", second.body);
    engine.stop().await;
}

#[tokio::test]
async fn what_is_paused_waits_and_comes_when_it_goes_on() {
    let mut server = Server::answering(200).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    let doer = || proofback_store::Doer { actor: "anna".into(), reason: String::new() };
    let (target, by_person) = (crate::world::name("target"), proofback_domain::delivery::Pause::ByPerson);
    world.store.pause_target(target.clone(), by_person, doer(), world.now()).await.unwrap();
    let engine = world.start(&Setup::default());
    for number in 0..3 {
        world.convert(number, "").await;
    }
    world.wait_for_clock_reads(world.clock_reads() + 200).await;
    assert!(server.is_idle());
    let rate = proofback_domain::program::RateLimit { count: 10, per: Span::from_seconds(1), burst: 10 };
    world.store.resume_target(target, rate, doer(), world.now()).await.unwrap();
    for _ in 0..3 {
        server.next().await;
    }
    world.wait_for_delivered(3).await;
    engine.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_not_the_expected_one_is_no_success() {
    let server = Server::start(|_, line| match line {
        "GET /good" => Reply::Bytes("HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n".into()),
        _ => Reply::Bytes("HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nerror".into()),
    })
    .await;
    let world = World::new(&[]);
    let target = |id: &str, expect: &str| {
        format!(
            "[[partner.postback]]\nid = '{id}'\nurl = '{}'\non = ['{EARNED}']\nexpect = {expect}\n",
            server.url(&format!("/{id}"))
        )
    };
    world.adopt_more(&(target("good", "{ status = [302] }") + &target("bad", "{ body = 'OK' }")), &[]);
    let engine = world.start(&Setup::default());
    world.convert(1, "").await;
    world.wait_for_attempts(2).await;
    let mut ended: Vec<_> = world
        .deliveries()
        .await
        .into_iter()
        .map(|row| (row.target.to_string(), row.state, row.last_error))
        .collect();
    ended.sort();
    let why = "unexpected_answer: the body does not hold what it should".to_owned();
    assert_eq!(
        ended,
        [("bad".into(), DeliveryState::Failed, Some(why)), ("good".into(), DeliveryState::Delivered, None)]
    );
    engine.stop().await;
}

#[tokio::test]
async fn targets_that_hang_delay_no_other_on_their_host() {
    let server = Server::start(|_, line| match line.starts_with("GET /hang") {
        true => Reply::Hang,
        false => Reply::Status(200),
    })
    .await;
    let path = |number: usize| if number < 8 { format!("/hang{number}") } else { format!("/{number}") };
    let targets: Vec<(String, String)> =
        (0..12).map(|number| (format!("t{number:02}"), server.url(&path(number)))).collect();
    let targets: Vec<(&str, &str, &str)> =
        targets.iter().map(|(id, url)| (id.as_str(), url.as_str(), EARNED)).collect();
    let world = World::new(&targets);
    for number in 0..20 {
        world.convert(number, "").await;
    }
    let engine = world.start(&Setup { shared_requests_max: 1_000, ..Setup::default() });
    world.wait_for_delivered(80).await;
    assert_eq!(world.metrics.attempts(), 80, "the hanging ones still hang");
    drop(engine);
}

#[tokio::test]
async fn many_targets_on_one_host_all_get_theirs() {
    let server = Server::answering(200).await;
    let targets: Vec<(String, String)> =
        (0..100).map(|number| (format!("t{number}"), server.url(&format!("/{number}")))).collect();
    let targets: Vec<(&str, &str, &str)> =
        targets.iter().map(|(id, url)| (id.as_str(), url.as_str(), EARNED)).collect();
    let world = World::new(&targets);
    for number in 0..4 {
        world.convert(number, "").await;
    }
    let setup = Setup { shared_requests_max: 1_024, look_every: Duration::from_secs(60), ..Setup::default() };
    let engine = world.start(&setup);
    world.wait_for_delivered(400).await;
    engine.stop().await;
}
