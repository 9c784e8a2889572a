//! What is shown of everything at once: how things stand, what an id names, decisions in their order.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::decide::{Review, Word};
use proofback_domain::id::{Id, PostbackId};
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::time::Span;
use proofback_store::{Counted, DeliveryFilter, Doer, Found, Outbox, Overview, Place, Subject};
use support::{Installation, later, now};

const RULES: &str = include_str!("../../domain/tests/support/rules.toml");

const DAY: Span = Span::from_seconds(86_400);

async fn overview(world: &Installation) -> Overview {
    world.store.overview(later("1h").minus(DAY), later("1h")).await.unwrap()
}

fn some(overview: &Overview) -> Vec<(&'static str, u64)> {
    let some = overview.outcomes.iter().filter(|(_, counted)| counted.count > 0);
    some.map(|(outcome, counted)| (outcome.code(), counted.count)).collect()
}

fn held(overview: &Overview) -> Vec<(Reason, u64)> {
    overview.held.iter().map(|(reason, counted)| (*reason, counted.count)).collect()
}

#[tokio::test]
async fn postbacks_of_the_last_day_are_counted_by_what_became_of_them() {
    let world = Installation::new().await;
    assert_eq!((some(&overview(&world).await), held(&overview(&world).await)), (vec![], vec![]));
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    world.sale(&click, "S1").await;
    world.send("shop", "click_id=nonsense", now()).await.unwrap();
    // The day before yesterday is another matter.
    world.send("shop", "click_id=nonsense", now().minus(DAY)).await.unwrap();
    let seen = overview(&world).await;
    assert_eq!(some(&seen), [("accepted", 1), ("duplicate", 1), ("rejected", 1)]);
    assert!(seen.outcomes.iter().all(|(_, counted)| !counted.more));
    assert_eq!(seen.revision.unwrap().author, "test");
    assert_eq!((seen.facts.unsealed_clicks, seen.facts.files, seen.facts.until), (counted(1), 0, None));
    assert_eq!((seen.spill, seen.seal), ((0, 0), None));
    assert!(seen.database_bytes > 0 && seen.wal_bytes > 0);
    world.store.seal(later("1h")).await.unwrap();
    assert_eq!(overview(&world).await.seal.unwrap().number, 1);
}

fn counted(count: u64) -> Counted {
    Counted { count, more: false }
}

#[tokio::test]
async fn what_a_person_has_ended_waits_no_longer_whatever_the_log_says() {
    let world = Installation::with(RULES).await;
    let send = async |txid: &str| {
        let click = world.click("ann-two").await;
        let query = format!("click_id={}&event=lead&txid={txid}", click.id);
        world.send(click.advertiser.as_str(), &query, later("1m")).await.unwrap()
    };
    send("A1").await;
    let over = send("A2").await;
    let click = world.click("ann-two").await;
    let early = format!("click_id={}&event=refund&txid=R1&original_txid=GONE", click.id);
    world.send(click.advertiser.as_str(), &early, later("1m")).await.unwrap();
    assert_eq!(held(&overview(&world).await), [(Reason::AwaitingOriginal, 1), (Reason::OverCap, 1)]);
    let word = Word::Status(Status::Rejected);
    let word = Review { word, author: "ann".into(), reason: "looked at it".into() };
    let subject = Subject::Conversion(over.conversion_id.unwrap());
    world.store.review(subject, word, world.snapshot(), later("2m")).await.unwrap().unwrap();
    assert_eq!(world.store.postback(over.postback_id).await.unwrap().unwrap().outcome, Outcome::Held);
    assert_eq!(held(&overview(&world).await), [(Reason::AwaitingOriginal, 1)]);
}

#[tokio::test]
async fn deliveries_are_counted_by_what_waits_and_by_what_failed_lately() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let decided = world.sale(&click, "A1").await;
    let planned = decided.effects.deliveries.len() as u64;
    assert!(planned > 0, "{decided:?}");
    let outbox = overview(&world).await.outbox;
    assert_eq!((outbox.pending.count, outbox.oldest, outbox.failed.count), (planned, Some(now()), 0));
    assert!(0 < outbox.due && u64::from(outbox.due) <= planned);
    let doer = Doer { actor: "ann".into(), reason: "no more".into() };
    let filter = DeliveryFilter { partner: Some(click.partner.clone()), ..DeliveryFilter::default() };
    // When it ended counts, not when it was planned.
    let skipped = world.store.skip_deliveries(filter, doer, later("30h")).await.unwrap();
    assert_eq!(u64::from(skipped), planned);
    let outbox = world.store.overview(later("30h").minus(DAY), later("30h")).await.unwrap().outbox;
    assert_eq!(outbox, Outbox { failed: counted(planned), ..Outbox::default() });
    let next_day = world.store.overview(later("31h"), later("55h")).await.unwrap();
    assert_eq!(next_day.outbox.failed, counted(0));
}

#[tokio::test]
async fn every_id_of_ours_names_its_thing() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let decided = world.sale(&click, "A1").await;
    let (postback, conversion) = (decided.postback_id, decided.conversion_id.unwrap());
    let name = |text: &str| Name::parse(text).unwrap();
    let of_postback = Found::Postback { id: postback, click_id: Some(click.id), reason: Reason::Ok };
    let of_conversion = Found::Conversion {
        id: conversion,
        click_id: click.id,
        advertiser: name("shop"),
        event: name("sale"),
    };
    let found = world.store.named(postback.to_bytes()).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&of_postback));
    assert_eq!(world.store.named(conversion.to_bytes()).await.unwrap(), std::slice::from_ref(&of_conversion));
    let delivery = decided.effects.deliveries[0].id;
    let found = world.store.named(delivery.to_bytes()).await.unwrap();
    assert!(
        matches!(&found[..], [Found::Delivery { id, click_id, .. }] if (*id, *click_id) == (delivery, Some(click.id)))
    );
    assert_eq!(world.store.named([1; 16]).await.unwrap(), []);
    assert_eq!(world.store.about_click(click.id).await.unwrap(), [of_postback]);
    let called = async |txid: &str| world.store.called(vec![txid.into()], vec![txid.into()]).await.unwrap();
    assert_eq!(called("A1").await, [of_conversion]);
    assert_eq!(called("A2").await, []);
    let refused = world.send("shop", "click_id=nonsense&txid=B1", now()).await.unwrap();
    let found = called("B1").await;
    assert!(
        matches!(&found[..], [Found::Postback { id, reason, .. }] if (*id, *reason) == (refused.postback_id, refused.reason))
    );
    let waits = format!("click_id={}&event=refund&txid=R1&original_txid=GONE", click.id);
    let waits = world.send("shop", &waits, now()).await.unwrap();
    assert_eq!(waits.reason, Reason::AwaitingOriginal);
    let found = called("R1").await;
    assert!(matches!(&found[..], [Found::Postback { id, .. }] if *id == waits.postback_id), "{found:?}");
    let looked = world.store.clicks_called("P-1".into()).await.unwrap();
    assert_eq!((looked.clicks, looked.among, looked.since), (vec![click.clone()], 1, Some(now())));
    // Only what resembles it is not it.
    assert_eq!(world.store.clicks_called("P-".into()).await.unwrap().clicks, []);
}

async fn ids(world: &Installation, after: Place, limit: u32) -> (Vec<PostbackId>, Place, bool) {
    let read = world.store.decided(after, None, limit).await.unwrap();
    (read.decided.iter().map(|one| one.row.id).collect(), read.at, read.more)
}

#[tokio::test]
async fn decisions_are_read_in_their_order_and_what_is_decided_again_comes_again() {
    let world = Installation::new().await;
    let start = world.store.last_place().await.unwrap();
    let click = world.click("reelmedia-shop").await;
    let refund = format!("click_id={}&txid=R1&event=refund&original_txid=S1", click.id);
    let refund = world.send("shop", &refund, now()).await.unwrap();
    assert_eq!(refund.reason, Reason::AwaitingOriginal);
    let (seen, held_at, more) = ids(&world, start, 10).await;
    assert_eq!((seen, more), (vec![refund.postback_id], false));
    let sale = world.sale(&click, "S1").await;
    let repeat = world.sale(&click, "S1").await;
    let read = world.store.decided(held_at, None, 10).await.unwrap();
    let seen: Vec<_> = read.decided.iter().map(|one| (one.row.id, one.row.reason)).collect();
    let again = (refund.postback_id, Reason::Reversed);
    assert_eq!(seen, [(sale.postback_id, Reason::Ok), (repeat.postback_id, repeat.reason), again]);
    assert_eq!(ids(&world, read.at, 10).await, (vec![], read.at, false));
    // Whoever has seen one of them goes on behind it.
    for (number, one) in read.decided.iter().enumerate() {
        let place = Place::parse(&one.place.to_string()).unwrap();
        let rest: Vec<_> = read.decided[number + 1..].iter().map(|one| one.row.id).collect();
        assert_eq!(ids(&world, place, 10).await, (rest, read.at, false), "behind {place}");
    }
    // In small steps it is the same; from the start, the refund comes once, as it stands.
    let (mut place, mut all) = (start, Vec::new());
    loop {
        let (seen, at, more) = ids(&world, place, 1).await;
        all.extend(seen);
        place = at;
        if !more {
            break;
        }
    }
    assert_eq!((all.first(), place), (Some(&refund.postback_id), read.at));
    let (once, _, _) = ids(&world, start, 10).await;
    assert_eq!(once, [refund.postback_id, sale.postback_id, repeat.postback_id]);
    assert_eq!(ids(&world, Place::parse("900-900").unwrap(), 10).await, (vec![], read.at, false));
    for text in ["", "1", "-1-1", "1-x", "1--1"] {
        assert_eq!(Place::parse(text), None, "{text}");
    }
}

#[tokio::test]
async fn a_commit_is_told() {
    let world = Installation::new().await;
    let mut commits = world.store.commits();
    let before = *commits.borrow_and_update();
    world.send("shop", "click_id=nonsense", now()).await.unwrap();
    assert!(before < *commits.borrow_and_update());
}

#[tokio::test]
async fn a_count_ends_at_its_bound_and_says_so() {
    let world = Installation::new().await;
    let connection = rusqlite::Connection::open(world.directory.path().join("proofback.db")).unwrap();
    let first: PostbackId = Id::new(now(), 0);
    let insert = "with recursive one (number) as (select 1 union all select number + 1 from one where number < 100001) \
        insert into postback (id, at, method, path, ip, params, fields, outcome, reason, message, field, advice, checks, \
            decided_at, revision) \
        select cast(substr(?1, 1, 12) || unhex(printf('%08x', number)) as blob), ?2, 'GET', '/', '', '[]', '{}', 'held', \
            'awaiting_click', '', '', '', '[]', ?2, 1 from one";
    connection.execute(insert, (first.to_bytes(), now().millis())).unwrap();
    let seen = overview(&world).await;
    let bounded = |count| Counted { count, more: true };
    assert_eq!(seen.held, [(Reason::AwaitingClick, bounded(10_000))]);
    let of_held = seen.outcomes.iter().find(|(outcome, _)| *outcome == Outcome::Held);
    assert_eq!(of_held, Some(&(Outcome::Held, bounded(100_000))));
}
