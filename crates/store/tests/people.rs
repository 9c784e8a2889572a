//! What people see and do: the queue as they ask for it, their words kept, and what a replay may change.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::decide::{Decision, Review, Word};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::Once;
use proofback_store::{AuditRow, PageRequest, PostbackRow, Replayed, ReviewFilter, Reviewed, Rules, Subject};
use rusqlite::Connection;
use support::{Installation, adopt_source, later, now};

const GATES: &str = include_str!("../../domain/tests/support/gates.toml");
const RULES: &str = include_str!("../../domain/tests/support/rules.toml");
const ALL: PageRequest = PageRequest { limit: 100, after: None };

async fn send(world: &Installation, link: &str, rest: &str) -> Decision {
    let click = world.click(link).await;
    let advertiser = click.advertiser.to_string();
    world.send(&advertiser, &format!("click_id={}&{rest}", click.id), later("1m")).await.unwrap()
}

async fn say(world: &Installation, subject: Subject, word: Word) -> Reviewed {
    let word = Review { word, author: "ann".into(), reason: "looked at it".into() };
    world.store.review(subject, word, world.snapshot(), later("1h")).await.unwrap()
}

async fn review(world: &Installation, id: PostbackId, word: Word) -> Reviewed {
    say(world, Subject::Postback { id, original: None }, word).await
}

async fn queue(world: &Installation, filter: ReviewFilter) -> Vec<PostbackId> {
    world.store.reviews(filter, ALL).await.unwrap().rows.iter().map(|row| row.id).collect()
}

async fn replay(world: &Installation, id: PostbackId, rules: Rules) -> Replayed {
    let replayed = world.store.replay(vec![id], rules, "ann".into(), world.snapshot(), later("2h")).await;
    replayed.unwrap().remove(0)
}

async fn row(world: &Installation, id: PostbackId) -> PostbackRow {
    world.store.postback(id).await.unwrap().unwrap()
}

async fn deeds(world: &Installation) -> Vec<AuditRow> {
    let rows = world.store.audit(ALL).await.unwrap().rows;
    rows.into_iter().filter(|row| row.action != "program.apply").collect()
}

const APPLY: Rules = Rules::OfNow { apply: true };

#[tokio::test]
async fn the_queue_shows_what_is_asked_for_and_what_still_waits() {
    let world = Installation::with(RULES).await;
    send(&world, "ann-two", "event=lead&txid=A1").await;
    let capped = send(&world, "ann-two", "event=lead&txid=A2").await.postback_id;
    let other = send(&world, "ben-two", "event=lead&txid=A3").await.postback_id;
    let awaits = send(&world, "ann-three", "event=refund&txid=R1&original_txid=B1").await.postback_id;
    // Rejected, and held until its amount came.
    send(&world, "ann-one", "event=nonsense").await;
    let click = world.click("ann-two").await;
    for said in ["amount=", "amount=50"] {
        let query = format!("click_id={}&event=deposit&txid=D1&{said}", click.id);
        world.send("shop", &query, later("2m")).await.unwrap();
    }
    let name = |text: &str| Some(Name::parse(text).unwrap());
    let all = ReviewFilter::default;
    for (filter, expected) in [
        (all(), vec![awaits, other, capped]),
        (ReviewFilter { reason: Some(Reason::OverCap), ..all() }, vec![other, capped]),
        (ReviewFilter { advertiser: name("mall"), ..all() }, vec![awaits]),
        (ReviewFilter { partner: name("ann"), ..all() }, vec![capped]),
        (ReviewFilter { partner: name("ben"), ..all() }, vec![other]),
        (ReviewFilter { reason: Some(Reason::FraudReview), ..all() }, vec![]),
    ] {
        assert_eq!(queue(&world, filter.clone()).await, expected, "{filter:?}");
    }
    let first = world.store.reviews(all(), PageRequest { limit: 2, after: None }).await.unwrap();
    let second = world.store.reviews(all(), PageRequest { limit: 2, after: first.next }).await.unwrap();
    let shown = first.rows.iter().chain(&second.rows).map(|row| row.id).collect::<Vec<_>>();
    assert_eq!((shown, second.next.is_none()), (vec![awaits, other, capped], true));
}

#[tokio::test]
async fn a_persons_word_replaces_the_decision_on_the_postback_that_waited_and_no_other() {
    for (word, reason) in [(Word::Accept, Reason::Ok), (Word::Reject, Reason::StatusChanged)] {
        let world = Installation::with(GATES).await;
        send(&world, "small", "event=sale&txid=S1").await;
        let held = send(&world, "small", "event=sale&txid=S2").await;
        review(&world, held.postback_id, word).await.unwrap();
        let decided = row(&world, held.postback_id).await;
        assert_eq!((decided.reason, decided.earlier.len()), (reason, 1));
        // A status is set on the conversion; what its postback was answered stays.
        let id = held.conversion_id.unwrap();
        let status = if word == Word::Accept { Status::Rejected } else { Status::Approved };
        say(&world, Subject::Conversion(id), Word::Status(status)).await.unwrap();
        assert_eq!(row(&world, held.postback_id).await.earlier.len(), 1);
        let replayed = replay(&world, held.postback_id, Rules::OfThatDay).await;
        assert_eq!(replayed.after, Err("a person decided it".into()));
        let kept: Vec<(String, String)> =
            deeds(&world).await.into_iter().map(|deed| (deed.action, deed.subject)).collect();
        let action = if word == Word::Accept { "review.accept" } else { "review.reject" };
        assert_eq!(
            kept,
            [
                (format!("status.{}", status.code()), format!("conversion {id}")),
                (action.to_owned(), format!("postback {}", held.postback_id)),
            ]
        );
    }
}

#[tokio::test]
async fn nobody_accepts_what_only_an_arrival_can_end() {
    let world = Installation::with(GATES).await;
    let sold = send(&world, "box", "event=rebill&amount=50&txid=P1").await;
    let waits = send(&world, "box", "event=refund&txid=R1&original_txid=P9").await;
    let named = Subject::Postback { id: waits.postback_id, original: sold.conversion_id };
    assert!(say(&world, named, Word::Accept).await.unwrap_err().0.contains("something to arrive"));
    let click = world.make_click("box");
    let query = format!("click_id={}&event=trial&txid=T1", click.id);
    let awaits = world.send("shop", &query, now()).await.unwrap();
    let rejected = review(&world, awaits.postback_id, Word::Reject).await.unwrap();
    assert_eq!((rejected.outcome, rejected.reason), (Outcome::Rejected, Reason::UnknownClickId));
    assert_eq!(
        row(&world, awaits.postback_id).await.click_id,
        Some(click.id),
        "the log still names the click"
    );
    assert_eq!(world.store.give_up_waiting(later("48h")).await.unwrap(), 0, "it waits no more");
    let stranger = world.send("nobody", "click_id=x", now()).await.unwrap();
    assert!(
        review(&world, stranger.postback_id, Word::Accept).await.unwrap_err().0.contains("authenticated")
    );
    assert!(deeds(&world).await.iter().all(|deed| deed.action == "review.reject"));
}

#[tokio::test]
async fn a_refund_is_applied_when_a_person_lets_its_sale_in() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let id = click.id.to_string();
    let refund = format!("click_id={id}&event=refund&txid=R1&original_txid=P1");
    let refund = world.send("shop", &refund, now()).await.unwrap();
    let cut = format!("click_id={}&event=rebill&amount=50&txid=P1", &id[..20]);
    let cut = world.send("shop", &cut, now()).await.unwrap();
    assert_eq!((refund.reason, cut.reason), (Reason::AwaitingOriginal, Reason::TruncatedClickId));
    review(&world, cut.postback_id, Word::Accept).await.unwrap();
    assert_eq!(row(&world, refund.postback_id).await.reason, Reason::Reversed);
    assert_eq!(world.balance("partner:reelmedia:approved").await, 0);
}

#[tokio::test]
async fn what_waits_for_one_advertiser_is_not_woken_by_another() {
    let world = Installation::with(RULES).await;
    let waits = send(&world, "ann-three", "event=refund&txid=R1&original_txid=X1").await;
    send(&world, "ann-one", "event=sale&txid=X1").await;
    assert!(row(&world, waits.postback_id).await.earlier.is_empty());
    assert_eq!(world.store.give_up_waiting(later("48h")).await.unwrap(), 0, "only a click is given up");
    assert_eq!(queue(&world, ReviewFilter::default()).await, [waits.postback_id]);
}

#[tokio::test]
async fn a_signed_request_is_the_advertisers_own_and_names_the_last_that_was_taken() {
    let world = Installation::with(RULES).await;
    let (shop, mall) = (world.click("ann-one").await, world.click("ann-three").await);
    let signed = async |advertiser: &str, click: &str, txid: &str, at: &str| {
        let once =
            Once { key: [7; 16], until: later(at).plus(proofback_domain::time::Span::from_seconds(60)) };
        let query = format!("click_id={click}&event=sale&txid={txid}");
        world.send_signed(advertiser, &query, later(at), once).await.unwrap()
    };
    let (shop, mall) = (shop.id.to_string(), mall.id.to_string());
    assert_eq!(signed("shop", &shop, "S1", "1m").await.reason, Reason::Ok);
    assert_eq!(signed("mall", &mall, "M1", "1m").await.reason, Reason::Ok);
    let later_one = signed("shop", &shop, "S2", "10m").await;
    assert_eq!(later_one.reason, Reason::Ok);
    let repeat = signed("shop", &shop, "S2", "10m").await;
    assert_eq!(repeat.message, format!("the same signed request as postback {}", later_one.postback_id));
    for rules in [Rules::OfThatDay, APPLY] {
        let replayed = replay(&world, repeat.postback_id, rules).await;
        assert_eq!(replayed.after, Err("the same signed request was decided before it".into()));
    }
}

#[tokio::test]
async fn a_replay_that_comes_to_something_else_says_so() {
    let guards = ("drop trigger entry_never_changed", "drop trigger entry_never_removed");
    for tampering in [
        "update postback set message = 'another'",
        "update postback set conversion_id = null",
        "update postback set status = 'pending'",
        "update postback set outcome = 'held'",
        "update postback set reason = 'duplicate'",
        "update entry set amount = amount + 1",
        "delete from entry where number = 1",
        "update entry set postback_id = x'00000000000000000000000000000000'",
    ] {
        let world = Installation::with(GATES).await;
        let sold = send(&world, "box", "event=rebill&amount=50&txid=P1").await;
        assert!(!replay(&world, sold.postback_id, Rules::OfThatDay).await.changed);
        let connection = Connection::open(world.directory.path().join("proofback.db")).unwrap();
        connection.execute_batch(&format!("{}; {}; {tampering}", guards.0, guards.1)).unwrap();
        assert!(replay(&world, sold.postback_id, Rules::OfThatDay).await.changed, "{tampering}");
    }
}

#[tokio::test]
async fn a_decision_is_proven_whatever_came_after_it() {
    let world = Installation::with(GATES).await;
    let foreign = world.click("box").await;
    let sold = send(&world, "box", "event=rebill&amount=50&txid=P1").await;
    let lost = world.make_click("box");
    let query = format!("click_id={}&event=trial&txid=T1", lost.id);
    let lost = world.send("shop", &query, now()).await.unwrap();
    world.store.give_up_waiting(later("25h")).await.unwrap();
    adopt_source(&world.store, &GATES.replace("payout = \"10%\"", "payout = \"20%\"")).await;
    assert!(replay(&world, sold.postback_id, APPLY).await.changed);
    let query = format!("click_id={}&event=trial&txid=T2&timestamp=nonsense", foreign.id);
    let refused = world.send("shop", &query, later("3h")).await.unwrap();
    for id in [sold.postback_id, lost.postback_id, refused.postback_id] {
        let replayed = replay(&world, id, Rules::OfThatDay).await;
        assert!(!replayed.changed && replayed.after.is_ok(), "{replayed:?}");
    }
    assert_eq!(world.balance("partner:reelmedia:approved").await, 10_000_000);
}

#[tokio::test]
async fn a_second_decision_is_proven_by_its_own_rules_and_its_own_answers() {
    let world = Installation::with(RULES).await;
    let first = send(&world, "ann-two", "event=upsell&txid=U1").await;
    let goal = "[[offer.goal]]\nevent = \"upsell\"\npayout = \"3 EUR\"\napproval = \"auto\"\ncaps = [{ per = \"day\", conversions = 1 }]\n";
    let place = "[[offer]]\nid = \"three\"";
    adopt_source(&world.store, &RULES.replace(place, &format!("{goal}{place}"))).await;
    let applied = replay(&world, first.postback_id, APPLY).await;
    assert_eq!((applied.after, applied.changed), (Ok((Outcome::Accepted, Reason::Ok)), true));
    assert_eq!(send(&world, "ann-two", "event=upsell&txid=U2").await.reason, Reason::OverCap);
    adopt_source(&world.store, RULES).await;
    let proven = replay(&world, first.postback_id, Rules::OfThatDay).await;
    assert_eq!(
        (proven.after, proven.changed, proven.revision),
        (Ok((Outcome::Accepted, Reason::Ok)), false, 2)
    );
}

#[tokio::test]
async fn a_replay_leaves_what_it_does_not_change() {
    let world = Installation::with(GATES).await;
    let click = world.click("box").await;
    let send = async |rest: &str| {
        world.send("shop", &format!("click_id={}&{rest}", click.id), now()).await.unwrap().postback_id
    };
    let sold = send("event=rebill&amount=50&txid=P1").await;
    let repeat = send("event=rebill&amount=50&txid=P1").await;
    let waits = send("event=refund&txid=R1&original_txid=P9").await;
    let refused = send("event=nonsense").await;
    adopt_source(&world.store, &GATES.replace("payout = \"10%\"", "payout = \"20%\"")).await;
    for id in [repeat, waits, refused] {
        let replayed = replay(&world, id, APPLY).await;
        assert!(!replayed.changed && replayed.money.is_empty(), "{replayed:?}");
        assert_eq!(replayed.after, Ok(replayed.before));
        assert!(row(&world, id).await.earlier.is_empty(), "the log keeps the decision it has");
    }
    assert_eq!(world.balance("partner:reelmedia:approved").await, 5_000_000, "a repeat prices nothing anew");
    assert!(deeds(&world).await.is_empty());
    let priced = replay(&world, sold, APPLY).await;
    let moved: Vec<(String, i128)> =
        priced.money.iter().map(|one| (one.account.clone(), one.micros)).collect();
    assert_eq!(
        moved,
        [("house:commission".to_owned(), -5_000_000), ("partner:reelmedia:approved".to_owned(), 5_000_000)]
    );
    let deeds = deeds(&world).await;
    assert_eq!((deeds.len(), deeds[0].action.as_str(), deeds[0].actor.as_str()), (1, "replay", "ann"));
    send("event=rebill&amount=30&txid=P9").await;
    assert_eq!(row(&world, waits).await.reason, Reason::Reversed, "it waited on");
}

#[tokio::test]
async fn what_was_taken_back_already_is_not_taken_back_again() {
    let world = Installation::with(GATES).await;
    let sold = send(&world, "box", "event=sale&txid=S1").await;
    adopt_source(&world.store, &GATES.replace("window = \"7d\"", "window = \"10s\"")).await;
    assert!(replay(&world, sold.postback_id, APPLY).await.changed);
    let again = replay(&world, sold.postback_id, APPLY).await;
    assert_eq!((again.after, again.changed), (Ok((Outcome::Rejected, Reason::OutsideWindow)), false));
}

#[tokio::test]
async fn a_scope_that_gets_its_first_cap_counts_its_own_conversions() {
    let cap = "caps = [{ per = \"total\", conversions = 9 }]\n";
    let plain = RULES.replace("caps = [{ per = \"total\", conversions = 4 }]\n", "");
    let cases = [
        ("offer two", "ann-two", plain.replace("id = \"two\"\n", &format!("id = \"two\"\n{cap}")), 4),
        ("partner ann", "ann-two", plain.replace("[[partner]]\nid = \"ann\"\n", &format!("[[partner]]\nid = \"ann\"\n{cap}")), 4),
        ("goal two sale", "ann-two", plain.replace("id = \"two\"\nadvertiser = \"shop\"\nurl = \"https://two.example/?cid={click_id}\"\n[[offer.goal]]\nevent = \"sale\"\n", &format!("id = \"two\"\nadvertiser = \"shop\"\nurl = \"https://two.example/?cid={{click_id}}\"\n[[offer.goal]]\nevent = \"sale\"\n{cap}")), 3),
        ("terms ben two sale", "ben-two", plain.replace("payout = \"12 EUR\"\n", &format!("payout = \"12 EUR\"\n{cap}")), 2),
    ];
    for (scope, link, source, count) in cases {
        let world = Installation::with(&plain).await;
        for (number, (link, event)) in [
            ("ann-two", "sale"),
            ("ann-two", "lead"),
            ("ben-two", "sale"),
            ("ben-two", "sale"),
            ("ben-one", "sale"),
            ("ben-one", "lead"),
            ("ann-one", "sale"),
            ("ann-three", "sale"),
        ]
        .into_iter()
        .enumerate()
        {
            send(&world, link, &format!("event={event}&txid=A{number}")).await;
        }
        // One that is rejected takes no place, nor does a test.
        send(&world, "ann-two", "event=sale&txid=B1&status=rejected").await;
        send(&world, "ben-two", "event=sale&txid=B2&test=1").await;
        adopt_source(&world.store, &source).await;
        let decision = send(&world, link, "event=sale&txid=C1").await;
        let seen = decision.checks.iter().find(|check| check.seen.starts_with(scope)).unwrap();
        assert_eq!(seen.seen, format!("{scope}: {count} of 9 in total"));
    }
}

#[tokio::test]
async fn of_several_words_on_one_txid_the_last_one_stands() {
    let deposits = RULES.replace("approval = \"after 14d\"", "approval = \"auto\"\nduplicates = \"add\"");
    let world = Installation::with(&deposits).await;
    let click = world.click("ann-two").await;
    for said in ["txid=D1&amount=100", "txid=D1&amount=40", "txid=D2&amount=10", "txid=D1&amount=60"] {
        let query = format!("click_id={}&event=deposit&{said}", click.id);
        world.send("shop", &query, now()).await.unwrap();
    }
    assert_eq!(world.balance("partner:ann:approved").await, 7_000_000);
}

#[tokio::test]
async fn what_a_rule_can_ask_for_is_not_forgotten_and_an_hour_ends_with_its_last_moment() {
    let rule = "[[fraud]]\nid = \"r\"\nwhen = { events_per_partner_per_hour_min = 2, offers = [\"one\"] }\nthen = \"hold\"\n";
    let world = Installation::with(&format!("{RULES}\n{rule}")).await;
    let click = world.click("ann-one").await;
    let sale = async |txid: &str, at: &str| {
        let query = format!("click_id={}&event=sale&txid={txid}", click.id);
        world.send("shop", &query, later(at)).await.unwrap().reason
    };
    assert_eq!(sale("S1", "1m").await, Reason::Ok);
    assert_eq!(world.store.forget_sightings(later("744h")).await.unwrap(), 0, "31 days, less a minute");
    assert_eq!(sale("S2", "61m").await, Reason::Ok, "an hour later");
    assert_eq!(sale("S3", "62m").await, Reason::FraudReview);
    assert_eq!(world.store.forget_sightings(later("745h")).await.unwrap(), 1);
}
