//! From the outbox to the target and back: order, retries, refusals, hanging targets, closing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proofback_domain::delivery::{DeliveryState, RetryPolicy};
use proofback_domain::time::Span;
use tokio::sync::Notify;

use crate::server::{Canary, Reply, Server};
use crate::world::{Attempt, Setup, World};

const EARNED: &str = "commission.earned";

fn attempt(number: u32, url: &str, status: u16, error: Option<&str>) -> Attempt {
    let (request, answer) = (format!("GET {url}"), "body".into());
    Attempt { number, request, status: Some(status), error: error.map(Into::into), answer }
}

#[tokio::test]
async fn what_is_planned_arrives_with_its_values_encoded() {
    let mut server = Server::answering(200).await;
    let url =
        server.url("/p/{partner_click_id}?s={sub1}&none={sub2}&or={sub3:any one}&p={payout}&c={currency}");
    let world = World::new(&[("target", &url, EARNED)]);
    let engine = world.start(&Setup::default());
    let click = world.convert(1, "a b&c=\u{fc}/?#%\"{x}\r\n").await;
    let sent =
        "/p/partner-1?s=a%20b%26c%3D%C3%BC%2F%3F%23%25%22%7Bx%7D%0D%0A&none=&or=any%20one&p=140.00&c=EUR";
    assert_eq!(server.next().await.line, format!("GET {sent}"));
    world.wait_for_delivered(1).await;
    let deliveries = world.deliveries().await;
    assert_eq!(deliveries[0].state, DeliveryState::Delivered);
    assert_eq!((deliveries[0].attempts, deliveries[0].last_error.clone()), (1, None));
    assert_eq!(world.attempts(click).await, [attempt(1, &server.url(sent), 200, None)]);
    engine.stop().await;
    assert!(server.is_idle());
}

#[tokio::test]
async fn what_was_planned_before_the_start_is_delivered() {
    let mut server = Server::answering(204).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    for number in 0..40 {
        world.convert(number, "").await;
    }
    let engine = world.start(&Setup { look_every: Duration::from_secs(60), ..Setup::default() });
    for _ in 0..40 {
        server.next().await;
    }
    world.wait_for_delivered(40).await;
    assert!(world.deliveries().await.iter().all(|row| row.state == DeliveryState::Delivered));
    engine.stop().await;
    assert!(server.is_idle());
}

#[tokio::test]
async fn it_is_tried_again_under_the_same_id_until_it_is_taken() {
    let mut server = Server::start(|number, _| Reply::Status(if number < 2 { 500 } else { 200 })).await;
    let url = server.url("/?id={delivery_id}&random={random}");
    let world = World::new(&[("target", &url, EARNED)]);
    let engine = world.start(&Setup::default());
    let click = world.convert(1, "").await;

    let line = server.next().await.line;
    world.wait_for_attempts(1).await;
    let delivery = world.deliveries().await.remove(0);
    assert!(line.contains(&format!("id={}", delivery.id)), "{line}");
    assert_eq!(
        (delivery.state, delivery.last_error.as_deref()),
        (DeliveryState::Pending, Some("status_500"))
    );
    assert_eq!(delivery.next_at, world.now().plus(Span::from_seconds(5)));

    world.advance(Span::from_seconds(5));
    assert_eq!(server.next().await.line, line);
    world.wait_for_attempts(2).await;
    assert_eq!(world.deliveries().await[0].next_at, world.now().plus(Span::from_seconds(10)));

    world.advance(Span::from_seconds(10));
    assert_eq!(server.next().await.line, line);
    world.wait_for_delivered(1).await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 3));
    let sent = server.url(line.trim_start_matches("GET "));
    let expected = [
        attempt(1, &sent, 500, Some("status_500")),
        attempt(2, &sent, 500, Some("status_500")),
        attempt(3, &sent, 200, None),
    ];
    assert_eq!(world.attempts(click).await, expected);
    let counted = (world.metrics.attempts(), world.metrics.retried(), world.metrics.failed());
    assert_eq!(counted, (3, 2, 0));
    engine.stop().await;
}

/// By the clock of the machine, without a look in between: the retry itself must wake the engine.
#[tokio::test]
async fn a_retry_wakes_the_engine_in_time() {
    let mut server = Server::start(|number, _| Reply::Status(if number < 1 { 503 } else { 200 })).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    let policy = RetryPolicy { first: Span::from_millis(20), ..RetryPolicy::default() };
    let look_every = Duration::from_secs(60);
    let engine = world.start(&Setup { policy, look_every, clock_runs: true, ..Setup::default() });
    world.convert(1, "").await;
    server.next().await;
    server.next().await;
    world.wait_for_delivered(1).await;
    engine.stop().await;
}

#[tokio::test]
async fn an_answer_that_will_not_change_ends_it_at_once() {
    for status in [301, 302, 400, 404, 410] {
        let mut server = Server::answering(status).await;
        let world = World::new(&[("target", &server.url("/"), EARNED)]);
        let engine = world.start(&Setup::default());
        let click = world.convert(1, "").await;
        world.wait_for_attempts(1).await;
        let delivery = world.deliveries().await.remove(0);
        let error = format!("status_{status}");
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 1));
        assert_eq!(delivery.last_error.as_deref(), Some(error.as_str()));
        assert_eq!(world.attempts(click).await, [attempt(1, &server.url("/"), status, Some(&error))]);
        assert_eq!(world.metrics.failed(), 1);
        engine.stop().await;
        server.next().await;
        assert!(server.is_idle());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_counts_as_failed() {
    let canary = Canary::start().await;
    let head = format!("HTTP/1.1 302 X\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", canary.address);
    let server = Server::start(move |_, _| Reply::Bytes(head.clone())).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    let engine = world.start(&Setup::default());
    world.convert(1, "").await;
    world.wait_for_attempts(1).await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.last_error.as_deref()), (DeliveryState::Failed, Some("status_302")));
    engine.stop().await;
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_private_address_is_refused_and_never_connected_to() {
    let canary = Canary::start().await;
    let port = canary.address.port();
    let hosts =
        ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1", "localhost"];
    let urls = hosts.map(|host| format!("http://{host}:{port}/"));
    let ids: Vec<String> = (0..urls.len()).map(|number| format!("target-{number}")).collect();
    let targets: Vec<_> =
        ids.iter().zip(&urls).map(|(id, url)| (id.as_str(), url.as_str(), EARNED)).collect();
    let world = World::new(&targets);
    let engine = world.start(&Setup { allow_private: false, ..Setup::default() });
    let click = world.convert(1, "").await;
    world.wait_for_attempts(7).await;
    for delivery in world.deliveries().await {
        let seen = (delivery.state, delivery.attempts, delivery.last_error.as_deref());
        assert_eq!(seen, (DeliveryState::Failed, 1, Some("private_address")), "{}", delivery.target);
    }
    let attempts = world.attempts(click).await;
    assert_eq!(attempts.len(), 7);
    assert!(
        attempts.iter().all(|attempt| attempt.status.is_none() && attempt.request.starts_with("GET http"))
    );
    engine.stop().await;
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_target_that_left_the_program_fails_its_deliveries() {
    let canary = Canary::start().await;
    let url = format!("http://{}/", canary.address);
    let world = World::new(&[("gone", &url, EARNED)]);
    let click = world.convert(1, "").await;
    world.adopt(&[]);
    let engine = world.start(&Setup::default());
    world.wait_for_attempts(1).await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.last_error.as_deref()), (DeliveryState::Failed, Some("no_target")));
    assert_eq!(world.attempts(click).await[0].request, "");
    engine.stop().await;
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_delivery_goes_to_the_address_of_the_program_in_force() {
    let (before, mut after) = (Canary::start().await, Server::answering(200).await);
    let world = World::new(&[("target", &format!("http://{}/", before.address), EARNED)]);
    world.convert(1, "").await;
    world.adopt(&[("target", &after.url("/new"), EARNED)]);
    let engine = world.start(&Setup::default());
    assert_eq!(after.next().await.line, "GET /new");
    engine.stop().await;
    before.assert_untouched().await;
}

#[tokio::test]
async fn targets_that_hang_delay_no_other_even_when_they_fill_the_pool() {
    let mut hanging = Server::start(|_, _| Reply::Hang).await;
    let mut taking = Server::answering(200).await;
    let world = World::new(&[
        ("hanging-1", &hanging.url("/1"), EARNED),
        ("hanging-2", &hanging.url("/2"), EARNED),
        ("taking", &taking.url("/"), EARNED),
    ]);
    let engine = world.start(&Setup { shared_requests_max: 10, ..Setup::default() });
    for number in 0..20 {
        world.convert(number, "").await;
    }
    // One slot of its own for each, and what the pool has.
    let mut called = BTreeSet::new();
    for _ in 0..12 {
        called.insert(hanging.next().await.line);
    }
    assert_eq!(called.len(), 2, "{called:?}");
    for number in 20..40 {
        world.convert(number, "").await;
    }
    for _ in 0..40 {
        taking.next().await;
    }
    world.wait_for_delivered(40).await;
    assert_eq!(world.metrics.attempts(), 40, "the hanging ones still hang");
    let taken = world.deliveries().await.into_iter().filter(|row| row.target.as_str() == "taking");
    assert!(taken.into_iter().all(|row| row.state == DeliveryState::Delivered));
    assert!(hanging.is_idle());
    drop(engine);
}

#[tokio::test]
async fn a_slow_target_gets_sixteen_requests_at_a_time() {
    let mut hanging = Server::start(|_, _| Reply::Hang).await;
    let world = World::new(&[("hanging", &hanging.url("/"), EARNED)]);
    for number in 0..20 {
        world.convert(number, "").await;
    }
    let engine = world.start(&Setup::default());
    for _ in 0..16 {
        hanging.next().await;
    }
    // What is due and not claimed has no lease: it could still be claimed, now.
    let due = world.store.due_targets(world.now()).await.unwrap();
    assert_eq!(due.len(), 1);
    let left = world.store.claim(due[0].clone(), world.now(), Span::from_seconds(60), 100, 0).await.unwrap();
    assert_eq!(left.len(), 4);
    assert!(hanging.is_idle());
    drop(engine);
}

#[tokio::test]
async fn deliveries_of_one_conversion_to_one_target_keep_their_order_through_a_failure() {
    let mut server = Server::start(|number, _| Reply::Status(if number < 1 { 500 } else { 200 })).await;
    let both = "conversion.created\", \"commission.earned";
    let world = World::new(&[("target", &server.url("/?p={payout}&id={delivery_id}"), both)]);
    let engine = world.start(&Setup::default());
    world.convert(1, "").await;
    let [created, earned] = world.deliveries().await.try_into().unwrap();
    let created_line = format!("GET /?p=&id={}", created.id);
    let earned_line = format!("GET /?p=140.00&id={}", earned.id);

    assert_eq!(server.next().await.line, created_line);
    world.wait_for_attempts(1).await;
    world.advance(Span::from_seconds(5));
    assert_eq!(server.next().await.line, created_line);
    assert_eq!(server.next().await.line, earned_line);
    world.wait_for_delivered(2).await;
    let attempts = world.deliveries().await.into_iter().map(|row| row.attempts).collect::<Vec<_>>();
    assert_eq!(attempts, [2, 1]);
    engine.stop().await;
    assert!(server.is_idle());
}

#[tokio::test]
async fn a_delivery_that_waits_for_an_earlier_one_does_not_keep_the_engine_busy() {
    let mut server = Server::answering(500).await;
    let both = "conversion.created\", \"commission.earned";
    let world = World::new(&[("target", &server.url("/?p={payout}"), both)]);
    let engine = world.start(&Setup { look_every: Duration::from_secs(60), ..Setup::default() });
    world.convert(1, "").await;
    server.next().await;
    world.wait_for_attempts(1).await;
    // Each of these is a turn in which a busy engine would ask for the time several times.
    for _ in 0..500 {
        world.store.flush().await.unwrap();
        world.store.due_targets(world.now()).await.unwrap();
    }
    assert!(world.clock_reads() < 40, "{} looks at the clock", world.clock_reads());
    engine.stop().await;
}

#[tokio::test]
async fn when_it_closes_what_is_under_way_is_finished_and_nothing_more_is_claimed() {
    let release = Arc::new(Notify::new());
    let held = Arc::clone(&release);
    let mut server = Server::start(move |_, _| Reply::Held(Arc::clone(&held), 200)).await;
    let world = World::new(&[("target", &server.url("/"), EARNED)]);
    let engine = world.start(&Setup { shared_requests_max: 0, ..Setup::default() });
    world.convert(1, "").await;
    world.convert(2, "").await;
    server.next().await;
    let closing = engine.close().await;
    release.notify_one();
    closing.ended().await;
    let states: Vec<DeliveryState> = world.deliveries().await.into_iter().map(|row| row.state).collect();
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Pending]);
    assert!(server.is_idle());
}

#[tokio::test]
async fn without_a_program_nothing_is_sent_and_nothing_lost() {
    let mut server = Server::answering(200).await;
    let first = World::new(&[("target", &server.url("/"), EARNED)]);
    first.convert(1, "").await;
    let world = first.reopen();
    let engine = world.start(&Setup::default());
    world.wait_for_clock_reads(20).await;
    assert_eq!(world.deliveries().await[0].attempts, 0);
    world.adopt(&[("target", &server.url("/"), EARNED)]);
    server.next().await;
    world.wait_for_delivered(1).await;
    engine.stop().await;
}
