//! What every storage engine must do; each test runs on each engine there is.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proofback_domain::decide::Decision;
use proofback_domain::delivery::{AttemptOutcome, AttemptResult, DeliveryState};
use proofback_domain::id::Id;
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::person::Email;
use proofback_domain::postback::Once;
use proofback_domain::time::Span;
use proofback_store::{
    Accepted, AttemptRecord, ClaimedDelivery, ConversionFilter, DeliveryFilter, Doer, Edit, EntryFilter,
    Kept, NewInvitation, NewPerson, NewSession, NewToken, Opening, Outdated, OwnSession, Owner, PageRequest,
    PersonChange, Phases, PostbackFilter, Proof, Revision, StoreError, TraceItem,
};
use support::{Installation, PATIENT, PROGRAM, adopt, later, now, open};

const LEASE: Span = Span::from_seconds(60);

fn target() -> Name {
    Name::parse("reelmedia-tracker").unwrap()
}

fn record(claimed: &ClaimedDelivery, outcome: AttemptOutcome) -> AttemptRecord {
    let status = if outcome == AttemptOutcome::Delivered { 200 } else { 500 };
    AttemptRecord {
        delivery: Arc::new(claimed.clone()),
        at: now(),
        ended_at: now(),
        request: "GET https://tracker.example/".into(),
        status: Some(status),
        result: AttemptResult::Answered { status, retry_after: None },
        outcome,
        duration_ms: 3,
        phases: Phases { first_byte_us: Some(2_500), ..Phases::default() },
        address: "203.0.113.7:443".into(),
        headers: "server: tracker\n".into(),
        answer: "OK".into(),
    }
}

#[tokio::test]
async fn a_click_is_found_by_its_id_and_by_its_beginning() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    assert_eq!(world.store.click(click.id).await.unwrap().as_ref(), Some(&click));
    assert_eq!(world.store.click_like(click.id.prefix()).await.unwrap().as_ref(), Some(&click));
    let unknown = world.make_click("reelmedia-shop");
    assert_eq!(world.store.click(unknown.id).await.unwrap(), None);
    assert_eq!(world.store.keep_click(click.clone(), PATIENT).await.unwrap(), Kept::Stored);
    assert_eq!(world.store.last_click_at().await.unwrap(), now());
}

#[tokio::test]
async fn a_decision_is_kept_whole() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let decision = world.sale(&click, "S1").await;
    let row = world.store.postback(decision.postback_id).await.unwrap().unwrap();
    assert_eq!(
        (row.outcome, row.reason, row.checks),
        (Outcome::Accepted, Reason::Ok, decision.checks.clone())
    );
    assert_eq!(
        (row.click_id, row.conversion_id, row.status),
        (Some(click.id), decision.conversion_id, Some(Status::Approved))
    );
    let conversion = world.store.conversion(decision.conversion_id.unwrap()).await.unwrap();
    assert_eq!(conversion, decision.effects.conversion);
    assert_eq!(world.balance("partner:reelmedia:approved").await, 10_000_000);
    assert_eq!(world.balance("advertiser:shop:due").await, -15_000_000);
    let entries = world.store.entries(EntryFilter::default(), PageRequest::first(10)).await.unwrap();
    assert_eq!(entries.rows.len(), 2);
    let deliveries = world.store.deliveries(DeliveryFilter::default(), PageRequest::first(10)).await.unwrap();
    assert_eq!(deliveries.rows.len(), 3);
    assert!(deliveries.rows.iter().all(|row| row.state == DeliveryState::Pending));
}

#[tokio::test]
async fn fifty_at_once_on_one_txid_are_one_conversion() {
    let world = Arc::new(Installation::new().await);
    let click = world.click("reelmedia-shop").await;
    let sent = (0..50).map(|_| {
        let (world, click) = (Arc::clone(&world), click.clone());
        tokio::spawn(async move { world.sale(&click, "S1").await.reason })
    });
    let mut reasons = Vec::new();
    for task in sent.collect::<Vec<_>>() {
        reasons.push(task.await.unwrap());
    }
    assert_eq!(reasons.iter().filter(|reason| **reason == Reason::Ok).count(), 1);
    assert_eq!(reasons.iter().filter(|reason| **reason == Reason::Duplicate).count(), 49);
    assert_eq!(world.balance("partner:reelmedia:approved").await, 10_000_000);
    let log = world.store.postbacks(PostbackFilter::default(), PageRequest::first(100)).await.unwrap();
    assert_eq!(log.rows.len(), 50);
}

#[tokio::test]
async fn a_signed_request_is_taken_once_until_it_is_too_old_to_pass() {
    let world = Arc::new(Installation::new().await);
    let click = world.click("reelmedia-shop").await;
    let query = format!("click_id={}&event=lead", click.id);
    let once = |key: u8| Once { key: [key; 16], until: later("10m") };
    let send = |advertiser: &'static str, at, once| {
        let (world, query) = (Arc::clone(&world), query.clone());
        async move { world.send_signed(advertiser, &query, at, once).await.unwrap() }
    };
    let all = (0..20).map(|_| tokio::spawn(send("shop", now(), once(1)))).collect::<Vec<_>>();
    let mut taken = Vec::new();
    for task in all {
        taken.push(task.await.unwrap());
    }
    let first: Vec<_> = taken.iter().filter(|decision| decision.reason == Reason::Ok).collect();
    assert_eq!(first.len(), 1);
    let said = format!("the same signed request as postback {}", first[0].postback_id);
    assert_eq!(taken.iter().filter(|decision| decision.message == said).count(), 19);
    let named = |decision: &Decision| (decision.conversion_id, decision.status, decision.click_id);
    assert!(taken.iter().all(|decision| named(decision) == named(first[0])), "a repeat is told what it was");
    // Another one, another advertiser's, and one that was rejected.
    assert_eq!(send("shop", later("1m"), once(2)).await.reason, Reason::DuplicateInWindow);
    let foreign =
        || async { world.send_signed("casino", "token=wrong", now(), once(1)).await.unwrap().reason };
    assert_eq!((foreign().await, foreign().await), (Reason::BadToken, Reason::BadToken));

    assert_eq!(world.store.forget_signed_requests(later("10m")).await.unwrap(), 0);
    assert_eq!(send("shop", later("10m"), once(1)).await.message, said, "to the last moment");
    assert_eq!(world.store.forget_signed_requests(later("11m")).await.unwrap(), 2);
    let late = Once { key: [1; 16], until: later("30m") };
    assert_eq!(send("shop", later("11m"), late).await.reason, Reason::DuplicateInWindow);
    let again = send("shop", later("12m"), late).await;
    assert!(again.message.starts_with("the same signed request") && again.message != said);
}

#[tokio::test]
async fn a_signed_request_that_is_not_cleared_yet_and_too_old_counts_no_more() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let send = async |txid: &str, at, until| {
        let query = format!("click_id={}&event=lead&txid={txid}", click.id);
        world.send_signed("shop", &query, at, Once { key: [7; 16], until }).await.unwrap().reason
    };
    assert_eq!(send("A", now(), later("10m")).await, Reason::Ok);
    assert_eq!(send("B", later("11m"), later("21m")).await, Reason::Ok);
    assert_eq!(send("C", later("12m"), later("22m")).await, Reason::Duplicate);
    assert_eq!(world.store.forget_signed_requests(later("15m")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_write_that_fails_is_undone_alone() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let id = Id::new(now(), 99);
    let query = |txid: &str| format!("click_id={}&txid={txid}&event=sale&amount=10&currency=EUR", click.id);
    let (first, second, third) = (query("S1"), query("S2"), query("S3"));
    let (first, second, third) = tokio::join!(
        world.send_as(id, "shop", &first, now()),
        world.send_as(id, "shop", &second, now()),
        world.send("shop", &third, now()),
    );
    assert!(first.is_ok() && third.is_ok());
    assert!(matches!(second, Err(StoreError::Failed(_))), "{second:?}");
    let conversions =
        world.store.conversions(ConversionFilter::default(), PageRequest::first(10)).await.unwrap();
    let txids: BTreeSet<_> = conversions.rows.into_iter().filter_map(|row| row.txid).collect();
    assert_eq!(txids, BTreeSet::from(["S1".to_owned(), "S3".to_owned()]));
}

#[tokio::test]
async fn a_slow_store_sends_the_click_to_the_spill_and_it_arrives_later() {
    let world = Installation::new().await;
    let click = world.make_click("reelmedia-shop");
    assert_eq!(world.store.keep_click(click.clone(), Duration::ZERO).await.unwrap(), Kept::Spilled);
    assert!(world.store.has_spill());
    world.store.drain_spill(now()).await.unwrap();
    assert_eq!(world.store.click(click.id).await.unwrap(), Some(click));
    assert!(!world.store.has_spill());
}

#[tokio::test]
async fn a_spilled_click_that_cannot_be_brought_in_keeps_out_no_other() {
    let world = Installation::new().await;
    let first = world.click("reelmedia-shop").await;
    // The same time and serial as a click that is there, on another link.
    let snapshot = world.snapshot();
    let link = snapshot.number(&Name::parse("reelmedia-de").unwrap()).unwrap();
    let prefix = proofback_domain::click_id::Prefix { link, ..first.id.prefix() };
    let bad = proofback_domain::click::Click { id: snapshot.keys.sign(prefix), ..first.clone() };
    let good = world.make_click("reelmedia-shop");
    for click in [&bad, &good] {
        assert_eq!(world.store.keep_click(click.clone(), Duration::ZERO).await.unwrap(), Kept::Spilled);
    }
    world.store.drain_spill(now()).await.unwrap();
    assert_eq!(world.store.click(good.id).await.unwrap(), Some(good));
    assert_eq!(world.store.click(bad.id).await.unwrap(), None);
    assert!(world.directory.path().join("spill/refused").exists() && !world.store.has_spill());
}

#[tokio::test]
async fn a_postback_that_waits_for_its_click_is_decided_when_that_is_brought_in() {
    let world = Installation::new().await;
    // Only the spill knows the click: the store is told of it by another directory's spill file.
    let other = Installation::new().await;
    let click = world.make_click("reelmedia-shop");
    assert_eq!(other.store.keep_click(click.clone(), Duration::ZERO).await.unwrap(), Kept::Spilled);
    let held = world.sale(&click, "S1").await;
    assert_eq!(held.reason, Reason::AwaitingClick);
    assert_eq!(world.sale(&click, "S1").await.reason, Reason::Duplicate);
    let spilled =
        std::fs::read_dir(other.directory.path().join("spill")).unwrap().next().unwrap().unwrap().path();
    let directory = world.directory;
    drop(world.store);
    std::fs::copy(&spilled, directory.path().join("spill/000000000000.clicks")).unwrap();
    let store = reopen(directory.path()).await;
    adopt(&store).await;
    assert_eq!(store.drain_spill(later("1m")).await.unwrap(), 1);
    let row = store.postback(held.postback_id).await.unwrap().unwrap();
    assert_eq!((row.reason, row.status), (Reason::Ok, Some(Status::Approved)));
    assert_eq!(row.earlier.iter().map(|earlier| earlier.reason).collect::<Vec<_>>(), [Reason::AwaitingClick]);
    let balances = store.balances(vec!["partner:reelmedia:approved".into()]).await.unwrap();
    assert_eq!(balances[0].micros, 10_000_000);
}

/// The lock goes with the last handle; its thread may hold it a moment longer.
async fn reopen(directory: &std::path::Path) -> proofback_store::Store {
    loop {
        match open(directory) {
            Ok(store) => return store,
            Err(proofback_store::OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_postback_whose_click_does_not_come_is_given_up_after_a_day() {
    let world = Installation::new().await;
    let click = world.make_click("reelmedia-shop");
    let held = world.sale(&click, "S1").await;
    assert_eq!(world.store.give_up_waiting(later("23h")).await.unwrap(), 0);
    assert_eq!(world.store.give_up_waiting(later("25h")).await.unwrap(), 1);
    assert_eq!(world.store.give_up_waiting(later("26h")).await.unwrap(), 0);
    let row = world.store.postback(held.postback_id).await.unwrap().unwrap();
    assert_eq!((row.outcome, row.reason), (Outcome::Rejected, Reason::UnknownClickId));
    // The key is free again.
    assert_eq!(world.store.keep_click(click.clone(), PATIENT).await.unwrap(), Kept::Stored);
    assert_eq!(world.sale(&click, "S1").await.reason, Reason::Ok);
}

#[tokio::test]
async fn a_refund_that_overtook_its_sale_is_applied_in_the_sales_own_commit() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let refund = format!("click_id={}&txid=R1&event=refund&original_txid=S1", click.id);
    let held = world.send("shop", &refund, now()).await.unwrap();
    assert_eq!(held.reason, Reason::AwaitingOriginal);
    world.sale(&click, "S1").await;
    assert_eq!(world.balance("partner:reelmedia:approved").await, 0);
    let row = world.store.postback(held.postback_id).await.unwrap().unwrap();
    assert_eq!((row.reason, row.status), (Reason::Reversed, Some(Status::Reversed)));
}

#[tokio::test]
async fn deliveries_are_claimed_once_and_in_order_per_conversion() {
    let world = Installation::new().await;
    let (one, two) = (world.click("reelmedia-shop").await, world.click("reelmedia-shop").await);
    world.sale(&one, "S1").await;
    world.sale(&two, "S2").await;
    assert_eq!(world.store.due_targets(now()).await.unwrap(), [target()]);
    let claim = |at| world.store.claim(target(), at, LEASE, 100, 0);
    let first = claim(now()).await.unwrap();
    assert_eq!(first.len(), 2, "one of each conversion's three");
    assert_eq!(first[0].values["txid"], "S1");
    assert!(claim(now()).await.unwrap().is_empty(), "the rest waits behind those");
    assert!(world.store.record_attempt(record(&first[0], AttemptOutcome::Delivered)).await.unwrap().held);
    let retry = AttemptOutcome::RetryAt(later("5s"));
    assert!(world.store.record_attempt(record(&first[1], retry)).await.unwrap().held);
    let second = claim(now()).await.unwrap();
    assert_eq!(second.iter().map(|one| one.values["txid"].as_str()).collect::<Vec<_>>(), ["S1"]);
    assert_eq!(world.store.next_due(now()).await.unwrap(), Some(later("5s")));
    let third = claim(later("5s")).await.unwrap();
    assert_eq!((third[0].id, third[0].attempt), (first[1].id, 2), "the same delivery again");
}

#[tokio::test]
async fn an_attempt_whose_lease_has_ended_changes_nothing() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    let first = world.store.claim(target(), now(), LEASE, 1, 0).await.unwrap();
    let second = world.store.claim(target(), later("61s"), LEASE, 1, 0).await.unwrap();
    assert_eq!((first[0].id, second[0].id), (second[0].id, first[0].id));
    assert!(!world.store.record_attempt(record(&first[0], AttemptOutcome::Failed)).await.unwrap().held);
    assert!(world.store.record_attempt(record(&second[0], AttemptOutcome::Delivered)).await.unwrap().held);
    let filter = DeliveryFilter { state: Some(DeliveryState::Delivered), ..DeliveryFilter::default() };
    assert_eq!(world.store.deliveries(filter, PageRequest::first(10)).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_trace_tells_everything_in_order() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    let claimed = world.store.claim(target(), now(), LEASE, 1, 0).await.unwrap();
    world.store.record_attempt(record(&claimed[0], AttemptOutcome::Delivered)).await.unwrap();
    let cut = click.id.to_string()[..20].to_owned();
    world.send("shop", &format!("click_id={cut}&event=sale"), later("1s")).await.unwrap();
    let trace = world.store.trace(click.id).await.unwrap().unwrap();
    let kinds: Vec<&str> = trace
        .timeline
        .iter()
        .map(|item| match item {
            TraceItem::Click(_) => "click",
            TraceItem::Postback { meant: false, .. } => "postback",
            TraceItem::Postback { meant: true, .. } => "meant",
            TraceItem::Conversion { .. } => "conversion",
            TraceItem::Entry(_) => "entry",
            TraceItem::Delivery(_) => "delivery",
            TraceItem::Attempt { .. } => "attempt",
        })
        .collect();
    let expected = [
        "click",
        "postback",
        "conversion",
        "entry",
        "entry",
        "delivery",
        "delivery",
        "delivery",
        "attempt",
        "meant",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    for number in 0..25 {
        world.sale(&click, &format!("S{number}")).await;
    }
    let mut seen = Vec::new();
    let mut request = PageRequest::first(10);
    loop {
        let page = world.store.postbacks(PostbackFilter::default(), request.clone()).await.unwrap();
        seen.extend(page.rows.iter().map(|row| row.id));
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|newer, older| newer > older));
    let entries = world.store.entries(EntryFilter::default(), PageRequest::first(50)).await.unwrap();
    assert_eq!((entries.rows.len(), entries.next), (50, None));
}

#[tokio::test]
async fn filters_find_what_they_name_and_nothing_else() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    world.sale(&click, "S1").await;
    world.send("shop", "click_id=nonsense&event=sale", later("1h")).await.unwrap();
    let count =
        |filter| async { world.store.postbacks(filter, PageRequest::first(10)).await.unwrap().rows.len() };
    let any = PostbackFilter::default;
    assert_eq!(count(PostbackFilter { outcome: Some(Outcome::Duplicate), ..any() }).await, 1);
    assert_eq!(count(PostbackFilter { reason: Some(Reason::UnknownClickId), ..any() }).await, 1);
    assert_eq!(count(PostbackFilter { advertiser: Some(Name::parse("casino").unwrap()), ..any() }).await, 0);
    assert_eq!(count(PostbackFilter { click_id: Some(click.id), ..any() }).await, 2);
    assert_eq!(count(PostbackFilter { txid: Some("S1".into()), ..any() }).await, 2);
    assert_eq!(count(PostbackFilter { from: Some(later("1m")), ..any() }).await, 1);
    assert_eq!(count(PostbackFilter { to: Some(later("1m")), ..any() }).await, 2);
}

#[tokio::test]
async fn a_program_gets_a_revision_and_its_links_numbers_for_ever() {
    let world = Installation::new().await;
    let save = async |source: &str| {
        let program = proofback_domain::program::read(source).0.unwrap();
        world.store.save_program(source.into(), &program, Edit::by("me"), now()).await.unwrap().unwrap()
    };
    let same = save(PROGRAM).await;
    assert_eq!(same.revision, 1);
    let before = same.numbers;
    let next = save(&format!(
        "{PROGRAM}\n[[link]]\nid = \"new-link\"\npartner = \"reelmedia\"\noffer = \"shop-sale\""
    ))
    .await;
    assert_eq!(next.revision, 2);
    assert_eq!(next.numbers.len(), before.len() + 1);
    assert!(before.iter().all(|(number, link)| next.numbers[number] == *link));
}

#[tokio::test]
async fn a_change_of_a_program_that_is_in_force_no_longer_changes_nothing() {
    let world = Installation::new().await;
    let save = async |source: &str, of: Option<u32>| {
        let program = proofback_domain::program::read(source).0.unwrap();
        let edit = Edit { author: "ann".into(), reason: "a new link".into(), of };
        world.store.save_program(source.into(), &program, edit, later("1h")).await.unwrap()
    };
    let changed = format!("{PROGRAM}\n[[link]]\nid = \"x\"\npartner = \"reelmedia\"\noffer = \"shop-sale\"");
    assert_eq!(save(&changed, Some(1)).await.unwrap().revision, 2);
    // Not even where it would change nothing.
    for source in [PROGRAM, &changed] {
        assert_eq!(save(source, Some(1)).await.unwrap_err(), Outdated { in_force: 2 });
    }
    let page = world.store.revisions(PageRequest::first(1)).await.unwrap();
    let newest = Revision { revision: 2, at: later("1h"), author: "ann".into(), reason: "a new link".into() };
    assert_eq!(page.rows, std::slice::from_ref(&newest));
    let rest = PageRequest { limit: 1, after: page.next };
    let rest = world.store.revisions(rest).await.unwrap();
    assert_eq!((rest.rows[0].revision, rest.rows[0].reason.as_str(), rest.next), (1, "", None));
    assert_eq!(world.store.revision(2).await.unwrap(), Some((newest, changed)));
    assert_eq!(world.store.revision(1).await.unwrap().unwrap().1, PROGRAM);
    assert_eq!(world.store.revision(3).await.unwrap(), None);
    let deed = world.store.audit(PageRequest::first(1)).await.unwrap().rows.remove(0);
    assert_eq!((deed.subject.as_str(), deed.reason.as_str()), ("revision 2", "a new link"));
}

#[tokio::test]
async fn an_earlier_program_never_takes_the_place_of_a_later_one() {
    let world = Installation::new().await;
    let first = world.snapshot();
    support::adopt_source(&world.store, &format!("{PROGRAM}\n# changed")).await;
    world.store.adopt(first);
    assert_eq!(world.snapshot().revision, 2);
}

#[tokio::test]
async fn a_token_is_known_by_its_hash_alone() {
    let world = Installation::new().await;
    let new = NewToken { id: Id::new(now(), 1), name: "ops".into(), role: "viewer".into(), hash: [7; 32] };
    let doer = Doer { actor: "admin".into(), reason: String::new() };
    world.store.add_token(new, doer, now()).await.unwrap();
    let found = world.store.token([7; 32]).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.role.as_str()), ("ops", "viewer"));
    assert_eq!(world.store.token([8; 32]).await.unwrap(), None);
}

/// Between the look at what a person is held against and the transaction lies the time that a password takes.
#[tokio::test]
async fn a_session_is_opened_only_if_what_was_proved_is_still_so() {
    let world = Installation::new().await;
    let (store, person) = (&world.store, Id::new(now(), 1));
    let doer = || Doer { actor: "admin".into(), reason: String::new() };
    let [email, name, role] = ["ann@example.com", "Ann", "viewer"].map(str::to_owned);
    let new = NewPerson { id: person, email: Email::parse(&email).unwrap(), name, role };
    let invitation = NewInvitation { hash: [1; 32], expires_at: later("1h"), resets_totp: false };
    store.add_person(new, invitation, doer(), now()).await.unwrap().unwrap();
    let session = |number: u8| NewSession {
        id: Id::new(now(), u128::from(number)),
        owner: Owner::Person(person),
        hash: [number; 32],
        at: now(),
        expires_at: later("12h"),
        ip: "203.0.113.1".into(),
        user_agent: String::new(),
    };
    let accepted = store.accept_invitation([1; 32], "hash".into(), session(1), now()).await.unwrap();
    assert_eq!(accepted, Accepted::Opened);
    let open = async |number: u8, password: &str, step: Option<i64>| {
        let proof = Proof { password: password.into(), step };
        let opening = store.open_session_of_person(person, session(number), proof).await.unwrap();
        assert_eq!(
            store.open_session([number; 32], now()).await.unwrap().is_some(),
            opening == Opening::Opened
        );
        opening
    };
    assert_eq!(open(2, "hash", None).await, Opening::Opened);
    assert_eq!(open(3, "an older hash", None).await, Opening::Changed);
    assert_eq!(open(3, "hash", Some(7)).await, Opening::Changed, "there is no second factor any more");
    let own = OwnSession { person, kept: session(2).id };
    assert!(store.set_totp(own, "SECRET".into(), 7, now()).await.unwrap());
    assert!(!store.set_totp(own, "ANOTHER".into(), 8, now()).await.unwrap());
    assert_eq!(open(3, "hash", None).await, Opening::Changed, "there is a second factor now");
    assert_eq!(open(3, "hash", Some(7)).await, Opening::StepUsed);
    assert_eq!(open(3, "hash", Some(8)).await, Opening::Opened);
    assert_eq!(open(4, "hash", Some(8)).await, Opening::StepUsed);
    assert!(!store.end_totp(own, 8, now()).await.unwrap() && store.end_totp(own, 9, now()).await.unwrap());
    assert!(!store.change_password(own, "an older hash".into(), "new".into(), now()).await.unwrap());
    let out = PersonChange { disabled: Some(true), ..PersonChange::default() };
    store.change_person(person, out, doer(), now()).await.unwrap();
    assert_eq!(open(4, "hash", None).await, Opening::Changed);
    assert!(!store.change_password(own, "hash".into(), "new".into(), now()).await.unwrap());
    assert!(store.sessions(Owner::Person(person), now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let decision = world.sale(&click, "S1").await;
    let directory = world.directory;
    drop(world.store);
    let store = reopen(directory.path()).await;
    adopt(&store).await;
    assert_eq!(store.click(click.id).await.unwrap(), Some(click));
    assert_eq!(store.conversion(decision.conversion_id.unwrap()).await.unwrap(), decision.effects.conversion);
    assert_eq!(store.click_key().await.unwrap(), [3; 16]);
}
