//! Caps, fraud rules, reviews and replays over a real store.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::click::Click;
use proofback_domain::decide::{Decision, Refusal, Review, Word};
use proofback_domain::id::PostbackId;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{
    ConversionFilter, EntryFilter, PageRequest, PostbackFilter, Replayed, ReviewFilter, Rules, Subject,
};
use support::{Installation, adopt_source, later, now};

const GATES: &str = include_str!("../../domain/tests/support/gates.toml");

fn word(word: Word) -> Review {
    Review { word, author: "ann".into(), reason: "looked at it".into() }
}

async fn sale(world: &Installation, link: &str, txid: &str, at: Timestamp) -> Decision {
    let click = world.click(link).await;
    world.send("shop", &format!("click_id={}&event=sale&txid={txid}", click.id), at).await.unwrap()
}

async fn review(world: &Installation, id: PostbackId, verdict: Word) -> Result<Decision, Refusal> {
    let subject = Subject::Postback { id, original: None };
    world.store.review(subject, word(verdict), world.snapshot(), later("1h")).await.unwrap()
}

async fn waiting(world: &Installation) -> Vec<PostbackId> {
    let page = PageRequest { limit: 100, after: None };
    let found = world.store.reviews(ReviewFilter::default(), page).await.unwrap();
    found.rows.iter().map(|row| row.id).collect()
}

async fn replay(world: &Installation, ids: Vec<PostbackId>, rules: Rules) -> Vec<Replayed> {
    world.store.replay(ids, rules, "ann".into(), world.snapshot(), later("2h")).await.unwrap()
}

async fn log(world: &Installation) -> Vec<PostbackId> {
    let page = PageRequest { limit: 1_000, after: None };
    let found = world.store.postbacks(PostbackFilter::default(), page).await.unwrap();
    found.rows.iter().map(|row| row.id).collect()
}

async fn approved(world: &Installation, partner: &str) -> i128 {
    world.balance(&format!("partner:{partner}:approved")).await / 1_000_000
}

#[tokio::test]
async fn a_cap_counts_what_was_there_before_it_and_starts_afresh_when_it_comes_back() {
    let without = GATES
        .replace("caps = [{ per = \"day\", conversions = 2 }, { per = \"month\", conversions = 3 }]", "");
    let world = Installation::with(&without).await;
    assert_eq!(sale(&world, "box", "S1", now()).await.reason, Reason::Ok);
    adopt_source(&world.store, GATES).await;
    let second = sale(&world, "box", "S2", now()).await;
    assert_eq!(second.reason, Reason::Ok);
    assert_eq!(sale(&world, "box", "S3", now()).await.reason, Reason::OverCap);
    // Taken back while the cap is away: its counter must not remember.
    adopt_source(&world.store, &without).await;
    let click = second.click_id.unwrap();
    world.send("shop", &format!("click_id={click}&event=sale&txid=S2&status=rejected"), now()).await.unwrap();
    assert_eq!(sale(&world, "box", "S4", now()).await.reason, Reason::Ok);
    adopt_source(&world.store, GATES).await;
    assert_eq!(sale(&world, "box", "S5", now()).await.reason, Reason::OverCap, "S1 and S4 take the places");
    world
        .send("shop", &format!("click_id={click}&event=sale&txid=S2&status=approved&amount=9"), now())
        .await
        .unwrap();
    let history = sale(&world, "box", "S6", now()).await;
    assert!(
        history.checks.iter().any(|check| check.seen == "goal box sale: 3 of 2 on 2026-11-21"),
        "{history:?}"
    );
}

#[tokio::test]
async fn rules_that_look_back_are_answered_by_what_was_seen() {
    let world = Installation::with(GATES).await;
    let mut clicks: Vec<Click> = Vec::new();
    for number in 0..4 {
        let mut click = world.make_click("watched");
        click.details.device = "desktop".into();
        click.details.ip = format!("192.0.2.{}", number / 2);
        clicks.push(click.clone());
        world.store.keep_click(click, support::PATIENT).await.unwrap();
    }
    let lead = async |index: usize, at: Timestamp| {
        let query = format!("click_id={}&event=lead&txid=L{index}", clicks[index].id);
        world.send("shop", &query, at).await.unwrap().reason
    };
    assert_eq!(lead(0, later("1m")).await, Reason::Ok);
    assert_eq!(lead(1, later("2m")).await, Reason::FraudReview, "the same address");
    assert_eq!(lead(2, later("3m")).await, Reason::Ok);
    assert_eq!(world.store.forget_sightings(later("40d")).await.unwrap(), 3);
    assert_eq!(lead(3, later("4m")).await, Reason::Ok, "forgotten");
}

#[tokio::test]
async fn what_waits_is_in_the_queue_until_a_person_or_the_sender_ends_it() {
    let world = Installation::with(GATES).await;
    sale(&world, "small", "S1", now()).await;
    let over = sale(&world, "small", "S2", now()).await;
    let other = sale(&world, "small", "S3", now()).await;
    assert_eq!(waiting(&world).await, [other.postback_id, over.postback_id]);
    let accepted = review(&world, over.postback_id, Word::Accept).await.unwrap();
    assert_eq!((accepted.outcome, accepted.reason), (Outcome::Accepted, Reason::Ok));
    assert_eq!(approved(&world, "small").await, 20);
    let row = world.store.postback(over.postback_id).await.unwrap().unwrap();
    assert_eq!(
        (row.outcome, row.reason, row.earlier[0].reason),
        (Outcome::Accepted, Reason::Ok, Reason::OverCap)
    );
    assert_eq!(row.checks[0].seen, "accepted by ann: looked at it");
    let click = other.click_id.unwrap();
    world.send("shop", &format!("click_id={click}&event=sale&txid=S3&status=rejected"), now()).await.unwrap();
    assert!(waiting(&world).await.is_empty());
    assert_eq!(
        review(&world, over.postback_id, Word::Accept).await.unwrap_err().0,
        "it does not wait for anybody"
    );
    let audit = world.store.audit(PageRequest { limit: 10, after: None }).await.unwrap().rows;
    assert_eq!((audit[0].action.as_str(), audit[0].actor.as_str()), ("review.accept", "ann"));
    assert_eq!(audit[1].action, "program.apply");
}

#[tokio::test]
async fn a_person_says_which_of_several_a_refund_takes_back() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let rebill = async |txid: &str| {
        let query = format!("click_id={}&event=rebill&amount=100&txid={txid}", click.id);
        world.send("shop", &query, now()).await.unwrap()
    };
    let (first, _) = (rebill("P1").await, rebill("P2").await);
    let unclear =
        world.send("shop", &format!("click_id={}&event=refund", click.id), later("1m")).await.unwrap();
    assert_eq!(unclear.reason, Reason::AmbiguousOriginal);
    assert_eq!(waiting(&world).await, [unclear.postback_id]);
    assert!(review(&world, unclear.postback_id, Word::Accept).await.unwrap_err().0.contains("original"));
    let subject = Subject::Postback { id: unclear.postback_id, original: first.conversion_id };
    let reviewed =
        world.store.review(subject, word(Word::Accept), world.snapshot(), later("2m")).await.unwrap();
    assert_eq!(reviewed.unwrap().conversion_id, first.conversion_id);
    assert_eq!(approved(&world, "reelmedia").await, 10);
    assert!(waiting(&world).await.is_empty());
}

#[tokio::test]
async fn a_damaged_id_is_attributed_by_a_person_alone() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let id = click.id.to_string();
    let cut = world.send("shop", &format!("click_id={}&event=sale&txid=S1", &id[..20]), now()).await.unwrap();
    assert_eq!((cut.reason, cut.click_id), (Reason::TruncatedClickId, None));
    let accepted = review(&world, cut.postback_id, Word::Accept).await.unwrap();
    assert_eq!((accepted.reason, accepted.click_id), (Reason::Ok, Some(click.id)));
    assert_eq!(approved(&world, "reelmedia").await, 10);
    let again = world.send("shop", &format!("click_id={id}&event=sale&txid=S1"), now()).await.unwrap();
    assert_eq!(again.reason, Reason::Duplicate);
}

#[tokio::test]
async fn a_rejected_wait_frees_its_key() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let query = format!("click_id={}&event=refund&txid=R1&original_txid=P1", click.id);
    let waits = world.send("shop", &query, now()).await.unwrap();
    assert_eq!(waits.reason, Reason::AwaitingOriginal);
    assert!(review(&world, waits.postback_id, Word::Accept).await.is_err());
    let rejected = review(&world, waits.postback_id, Word::Reject).await.unwrap();
    assert_eq!((rejected.outcome, rejected.reason), (Outcome::Rejected, Reason::NothingToReverse));
    let sold = format!("click_id={}&event=rebill&amount=50&txid=P1", click.id);
    world.send("shop", &sold, later("1m")).await.unwrap();
    assert_eq!(approved(&world, "reelmedia").await, 5, "the refund is gone");
}

#[tokio::test]
async fn a_replay_under_the_rules_of_that_day_gives_the_same_decision_and_writes_nothing() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let late_click = world.make_click("box");
    let early = format!("click_id={}&event=trial&txid=T9", late_click.id);
    let send = async |query: &str, at: &str| world.send("shop", query, later(at)).await.unwrap();
    send(&early, "0s").await;
    for (at, query) in [
        ("1s", "event=rebill&txid=P1&amount=100"),
        ("2s", "event=rebill&txid=P1&amount=100"),
        ("3s", "event=rebill&txid=P1&amount=80"),
        ("4s", "event=refund&original_txid=P1&amount=30"),
        ("5s", "event=refund&original_txid=P7"),
        ("6s", "event=rebill&txid=P7&amount=10"),
        ("7s", "event=rebill"),
        ("8s", "event=sale&txid=S1"),
        ("9s", "event=sale&txid=S2"),
        ("10s", "event=sale&txid=S3"),
        ("11s", "event=trial&txid=T1&subscription_id=SUB"),
        ("12s", "event=trial&txid=T2&subscription_id=SUB"),
        ("13s", "event=nonsense"),
        ("14s", "event=sale&txid=S1&status=rejected"),
        ("15s", "event=sale&txid=S1&status=approved"),
        ("16s", "event=chargeback&original_txid=S2"),
    ] {
        send(&format!("click_id={}&{query}", click.id), at).await;
    }
    let ids = log(&world).await;
    assert_eq!(ids.len(), 17);
    let entries = async || {
        world
            .store
            .entries(EntryFilter::default(), PageRequest { limit: 1_000, after: None })
            .await
            .unwrap()
            .rows
            .len()
    };
    let before = entries().await;
    // Other rules are in force by now.
    adopt_source(
        &world.store,
        &GATES.replace("payout = \"10%\"", "payout = \"20%\"").replace("\"10 EUR\"", "\"11 EUR\""),
    )
    .await;
    for replayed in replay(&world, ids.clone(), Rules::OfThatDay).await {
        assert!(!replayed.changed, "{replayed:?}");
        assert_eq!(replayed.after.as_ref(), Ok(&replayed.before), "{replayed:?}");
        assert_eq!(replayed.revision, 1);
    }
    assert_eq!(entries().await, before);
}

#[tokio::test]
async fn the_rules_of_now_are_shown_in_money_before_anyone_applies_them() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let paid = world
        .send("shop", &format!("click_id={}&event=rebill&txid=P1&amount=100", click.id), now())
        .await
        .unwrap();
    let upsell = world
        .send("shop", &format!("click_id={}&event=upsell&txid=U1&amount=50", click.id), later("1s"))
        .await
        .unwrap();
    assert_eq!(upsell.reason, Reason::UnknownEvent);
    let changed = GATES.replace("event = \"rebill\"\npayout = \"10%\"", "event = \"upsell\"\npayout = \"5%\"\napproval = \"auto\"\n[[offer.goal]]\nevent = \"rebill\"\npayout = \"12%\"");
    adopt_source(&world.store, &changed).await;
    let ids = vec![paid.postback_id, upsell.postback_id];
    let told = |replayed: &[Replayed]| -> Vec<(bool, i128)> {
        let of_partner = |one: &Replayed| {
            one.money
                .iter()
                .filter(|moved| moved.account == "partner:reelmedia:approved")
                .map(|moved| moved.micros)
                .sum()
        };
        replayed.iter().map(|one| (one.changed, of_partner(one))).collect()
    };
    for _ in 0..2 {
        let dry = replay(&world, ids.clone(), Rules::OfNow { apply: false }).await;
        assert_eq!(told(&dry), [(true, 2_000_000), (true, 2_500_000)]);
        assert_eq!(approved(&world, "reelmedia").await, 10);
    }
    let applied = replay(&world, ids.clone(), Rules::OfNow { apply: true }).await;
    assert_eq!(told(&applied), [(true, 2_000_000), (true, 2_500_000)]);
    assert_eq!(world.balance("partner:reelmedia:approved").await, 14_500_000);
    let again = replay(&world, ids.clone(), Rules::OfNow { apply: true }).await;
    assert_eq!(told(&again), [(false, 0), (false, 0)], "{again:?}");
    assert_eq!(world.balance("partner:reelmedia:approved").await, 14_500_000);
    let row = world.store.postback(upsell.postback_id).await.unwrap().unwrap();
    assert_eq!((row.outcome, row.earlier[0].reason), (Outcome::Accepted, Reason::UnknownEvent));
}

#[tokio::test]
async fn what_the_rules_of_now_would_refuse_is_taken_back() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let paid =
        world.send("shop", &format!("click_id={}&event=sale&txid=S1", click.id), later("30m")).await.unwrap();
    adopt_source(&world.store, &GATES.replace("window = \"7d\"", "window = \"10m\"")).await;
    let applied = replay(&world, vec![paid.postback_id], Rules::OfNow { apply: true }).await;
    assert_eq!(applied[0].after, Ok((Outcome::Rejected, Reason::OutsideWindow)));
    assert_eq!(approved(&world, "reelmedia").await, 0);
    let conversion = world.store.conversion(paid.conversion_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(conversion.status, Status::Rejected);
}

#[tokio::test]
async fn time_approves_what_its_goal_leaves_to_time_unless_it_was_lowered() {
    let after = GATES.replace(
        "event = \"trial\"\npayout = \"1 EUR\"\napproval = \"auto\"",
        "event = \"trial\"\npayout = \"1 EUR\"\napproval = \"after 14d\"",
    );
    let world = Installation::with(&after).await;
    let mut ids = Vec::new();
    for txid in ["T1", "T2", "T3"] {
        let click = world.click("box").await;
        let query = format!("click_id={}&event=trial&txid={txid}&status=approved", click.id);
        let decision = world.send("shop", &query, now()).await.unwrap();
        assert_eq!(decision.status, Some(Status::Pending), "whatever the sender says in favour");
        ids.push((decision.conversion_id.unwrap(), click.id));
    }
    let lowered = format!("click_id={}&event=trial&txid=T2&status=rejected", ids[1].1);
    world.send("shop", &lowered, later("1d")).await.unwrap();
    assert_eq!(world.store.approve_due(later("13d")).await.unwrap(), 0);
    assert_eq!(approved(&world, "reelmedia").await, 0);
    assert_eq!(world.store.approve_due(later("14d")).await.unwrap(), 2);
    assert_eq!(approved(&world, "reelmedia").await, 2);
    assert_eq!(world.store.approve_due(later("15d")).await.unwrap(), 0);
    let refunded = format!("click_id={}&event=refund&original_txid=T1", ids[0].1);
    world.send("shop", &refunded, later("16d")).await.unwrap();
    assert_eq!(approved(&world, "reelmedia").await, 1);
}

#[tokio::test]
async fn what_was_never_authenticated_does_not_run_again() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-de").await;
    let query = format!("key=wrong&cid={}&order=A1&goal=ftd&st=1&sum=50", click.id);
    let refused = world.send("casino", &query, now()).await.unwrap();
    assert_eq!(refused.reason, Reason::BadToken);
    for rules in [Rules::OfThatDay, Rules::OfNow { apply: true }] {
        let replayed = replay(&world, vec![refused.postback_id], rules).await;
        assert_eq!(replayed[0].after, Err("it was never authenticated".into()));
    }
    assert_eq!(approved(&world, "reelmedia").await, 0);
}

#[tokio::test]
async fn a_subscription_of_a_test_click_stands_for_it_with_the_keys_of_tests() {
    let world = Installation::with(GATES).await;
    let mut click = world.make_click("box");
    click.details.test = true;
    world.store.keep_click(click.clone(), support::PATIENT).await.unwrap();
    let query = "event=rebill&txid=P1&amount=9&subscription_id=SUB";
    let named = format!("click_id={}&{query}", click.id);
    assert_eq!(world.send("shop", &named, now()).await.unwrap().reason, Reason::Ok);
    assert_eq!(world.send("shop", query, later("1s")).await.unwrap().reason, Reason::Duplicate);
}

#[tokio::test]
async fn conversions_are_found_by_their_subscription() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    world
        .send("shop", &format!("click_id={}&event=trial&txid=T1&subscription_id=SUB", click.id), now())
        .await
        .unwrap();
    let paid = world
        .send("shop", "event=rebill&txid=P1&amount=9&subscription_id=SUB", now().plus(Span::from_seconds(9)))
        .await
        .unwrap();
    assert_eq!(paid.click_id, Some(click.id));
    let filter = ConversionFilter { subscription: Some("SUB".into()), ..ConversionFilter::default() };
    let found = world.store.conversions(filter, PageRequest { limit: 10, after: None }).await.unwrap().rows;
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn a_change_that_waits_is_a_persons_to_let_through_or_refuse() {
    let goal = "event = \"sale\"\npayout = \"10 EUR\"";
    let named = "event = \"sale\"\npayout = \"postback\"\nallowed_payouts = [\"5 EUR\", \"7 EUR\"]";
    let world = Installation::with(&GATES.replace(goal, named)).await;
    let click = world.click("quick").await.id;
    let send = async |payout: &str| {
        let query = format!("click_id={click}&event=sale&txid=S1&payout={payout}");
        world.send("shop", &query, now()).await.unwrap()
    };
    assert_eq!(send("5").await.reason, Reason::Ok);
    let refused = send("88").await;
    assert_eq!(refused.reason, Reason::PayoutNotAllowed);
    assert_eq!(waiting(&world).await, [refused.postback_id]);
    let word = review(&world, refused.postback_id, Word::Reject).await.unwrap();
    assert_eq!((word.outcome, word.reason), (Outcome::Rejected, Reason::FraudRejected));
    assert_eq!((waiting(&world).await.len(), approved(&world, "reelmedia").await), (0, 5));
    let let_through = send("99").await;
    let word = review(&world, let_through.postback_id, Word::Accept).await.unwrap();
    assert_eq!((word.outcome, word.reason), (Outcome::Updated, Reason::AmountChanged));
    assert_eq!((waiting(&world).await.len(), approved(&world, "reelmedia").await), (0, 99));
    assert!(review(&world, let_through.postback_id, Word::Accept).await.is_err());
    let overtaken = send("77").await;
    assert_eq!(send("7").await.reason, Reason::AmountChanged);
    assert!(waiting(&world).await.is_empty(), "another payout ends it");
    assert!(review(&world, overtaken.postback_id, Word::Accept).await.is_err());
    assert_eq!(approved(&world, "reelmedia").await, 7);
    let foreign = format!("click_id={click}&event=sale&txid=S1&payout=5&currency=USD");
    let foreign = world.send("shop", &foreign, now()).await.unwrap();
    assert_eq!(foreign.outcome, Outcome::Held);
}
