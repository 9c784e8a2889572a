//! What stands between an event and money: caps, fraud rules, the word of a person, a server behind a pixel.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, Word};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::Verdict;
use support::Installation;

const PROGRAM: &str = include_str!("support/gates.toml");

fn world() -> Installation {
    Installation::new(PROGRAM)
}

/// A person's click with these details, ten seconds ago.
fn click_of(
    world: &mut Installation,
    link: &str,
    change: impl Fn(&mut proofback_domain::click::Details),
) -> ClickId {
    let mut click = world.make_click(link, &[("sub1", "reels")]);
    click.details.device = "desktop".into();
    change(&mut click.details);
    let id = click.id;
    world.arrive(click);
    world.pass("10s");
    id
}

fn sale(world: &mut Installation, link: &str, txid: &str) -> Decision {
    let click = click_of(world, link, |_| {});
    world.get("shop", &format!("click_id={click}&event=sale&txid={txid}"))
}

fn pixel(world: &mut Installation, query: &str) -> Decision {
    let mut request = world.request(Some("shop"), query);
    request.pixel = true;
    world.receive(&request)
}

fn approved(world: &Installation) -> String {
    world.balance("partner:reelmedia:approved")
}

fn fraud_checks(decision: &Decision) -> Vec<(Verdict, &str)> {
    let of_rules = decision.checks.iter().filter(|check| check.check == "fraud");
    of_rules.map(|check| (check.verdict, check.seen.as_str())).collect()
}

#[test]
fn beyond_a_cap_a_conversion_is_recorded_and_earns_nothing_until_a_person_lets_it_through() {
    let mut world = world();
    sale(&mut world, "box", "S1");
    sale(&mut world, "box", "S2");
    let over = sale(&mut world, "box", "S3");
    assert_eq!((over.outcome, over.reason), (Outcome::Held, Reason::OverCap));
    let cap =
        over.checks.iter().find(|check| check.verdict == Verdict::Held && check.check == "cap").unwrap();
    assert_eq!(cap.seen, "goal box sale: 2 of 2 on 2026-11-21");
    assert_eq!(approved(&world), "20.00 EUR");
    let accepted = world.review(over.conversion_id.unwrap(), Word::Accept).unwrap();
    assert_eq!((accepted.reason, accepted.status), (Reason::Ok, Some(Status::Approved)));
    assert_eq!(approved(&world), "30.00 EUR");
}

#[test]
fn a_day_of_a_cap_is_the_programs_and_its_month_goes_on() {
    let mut world = world();
    // 08:06 in Berlin: the day has 15 h 54 min to go.
    for txid in ["S1", "S2"] {
        assert_eq!(sale(&mut world, "box", txid).reason, Reason::Ok);
    }
    world.pass("15h");
    assert_eq!(sale(&mut world, "box", "S3").reason, Reason::OverCap);
    world.pass("1h");
    assert_eq!(sale(&mut world, "box", "S4").reason, Reason::Ok);
    let of_month = sale(&mut world, "box", "S5");
    assert_eq!(of_month.reason, Reason::OverCap);
    assert!(of_month.checks.iter().any(|check| check.seen == "goal box sale: 3 of 3 this month"));
    world.pass("10d");
    assert_eq!(sale(&mut world, "box", "S6").reason, Reason::Ok);
}

#[test]
fn what_is_taken_back_gives_its_place_free() {
    let mut world = world();
    let first = sale(&mut world, "box", "S1");
    sale(&mut world, "box", "S2");
    world.get("shop", &format!("click_id={}&event=sale&txid=S1&status=rejected", first.click_id.unwrap()));
    assert_eq!(sale(&mut world, "box", "S3").reason, Reason::Ok);
    assert_eq!(sale(&mut world, "box", "S4").reason, Reason::OverCap);
}

#[test]
fn offers_partners_and_terms_have_caps_of_their_own() {
    let mut world = world();
    assert_eq!(sale(&mut world, "small", "S1").reason, Reason::Ok);
    assert_eq!(sale(&mut world, "small", "S2").reason, Reason::OverCap, "the partner's");
    assert_eq!(sale(&mut world, "own", "S3").reason, Reason::Ok);
    assert_eq!(sale(&mut world, "own", "S4").reason, Reason::OverCap, "the partner's for this goal");
    assert_eq!(sale(&mut world, "quick", "S5").reason, Reason::Ok);
    assert_eq!(sale(&mut world, "quick", "S6").reason, Reason::OverCap, "the offer's, in total");
    let test = click_of(&mut world, "quick", |details| details.test = true);
    world.get("shop", &format!("click_id={test}&event=sale&txid=S7"));
    let counted: i64 =
        world.counters.iter().filter(|((scope, _), _)| scope == "offer quick").map(|(_, n)| n).sum();
    assert_eq!(counted, 3, "neither what is held nor a test takes a place");
}

#[test]
fn a_rule_that_holds_names_itself_and_waits_for_a_person() {
    let mut world = world();
    let click = click_of(&mut world, "watched", |_| {});
    world.now = world.clicks[&click].at.plus(proofback_domain::time::Span::from_seconds(5));
    let held = world.get("shop", &format!("click_id={click}&event=sale&txid=S1"));
    assert_eq!((held.outcome, held.reason), (Outcome::Held, Reason::FraudReview));
    assert_eq!(
        fraud_checks(&held),
        [(Verdict::Held, "rule too-fast (hold): 5 s after the click, 5 or less are too few")]
    );
    assert!(world.balances().is_empty() && world.told().is_empty());
    let again = world.get("shop", &format!("click_id={click}&event=sale&txid=S1&status=approved&amount=5"));
    assert_eq!(again.reason, Reason::FraudReview, "the sender cannot end it");
    assert!(world.balances().is_empty());
    world.review(held.conversion_id.unwrap(), Word::Accept).unwrap();
    assert_eq!(approved(&world), "10.00 EUR");
    let later = world.get("shop", &format!("click_id={click}&event=sale&txid=S1&amount=7"));
    assert_eq!(later.reason, Reason::AmountChanged, "once accepted it is like any other");
    assert!(world.review(held.conversion_id.unwrap(), Word::Accept).is_err());
}

#[test]
fn what_a_person_rejected_stays_unpaid_whatever_the_sender_says() {
    let mut world = world();
    let click = click_of(&mut world, "watched", |_| {});
    world.now = world.clicks[&click].at;
    let held = world.get("shop", &format!("click_id={click}&event=sale&txid=S1"));
    let rejected = world.review(held.conversion_id.unwrap(), Word::Reject).unwrap();
    assert_eq!((rejected.outcome, rejected.reason), (Outcome::Rejected, Reason::FraudRejected));
    assert!(rejected.checks[0].seen.contains("rejected by ann: looked at it"), "{:?}", rejected.checks);
    let late = world.get("shop", &format!("click_id={click}&event=sale&txid=S1&status=approved"));
    assert_eq!(late.reason, Reason::Duplicate);
    let other = world.get("shop", &format!("click_id={click}&event=sale&txid=S1&status=approved&amount=9"));
    assert_eq!(other.reason, Reason::FraudReview);
    assert!(world.balances().is_empty());
}

#[test]
fn each_sign_is_seen_where_it_is_and_only_there() {
    let mut world = world();
    let clean = click_of(&mut world, "watched", |details| details.country = "DE".into());
    let query = |click: ClickId, more: &str| format!("click_id={click}&event=sale&txid={click}{more}");
    let decision = world.get("shop", &query(clean, "&country=de&device=desktop"));
    assert_eq!(decision.reason, Reason::Ok, "{:?}", fraud_checks(&decision));
    let bot = click_of(&mut world, "watched", |details| details.device = "bot".into());
    let refused = world.get("shop", &query(bot, ""));
    assert_eq!(
        (refused.reason, refused.message.as_str()),
        (Reason::FraudRejected, "refused by the rule bots")
    );
    let hosted = click_of(&mut world, "watched", |details| details.ip = "198.51.100.7".into());
    assert_eq!(world.get("shop", &query(hosted, "")).reason, Reason::FraudRejected);
    let foreign = click_of(&mut world, "watched", |details| details.country = "FR".into());
    let held = world.get("shop", &query(foreign, "&country=ES&device=tablet"));
    assert_eq!(held.reason, Reason::FraudReview);
    let seen: Vec<&str> = fraud_checks(&held).iter().map(|(_, seen)| *seen).collect();
    assert_eq!(
        seen,
        [
            "rule moved (note): the country was FR, the postback says ES",
            "rule other-device (note): the device was desktop, the postback says tablet",
            "rule foreign (hold): country is \"FR\", which is not in the list",
        ]
    );
}

#[test]
fn an_address_with_a_conversion_by_another_click_is_a_sign_for_a_month() {
    let mut world = world();
    let lead = |world: &mut Installation, click: ClickId, txid: &str| {
        world.get("shop", &format!("click_id={click}&event=lead&txid={txid}")).reason
    };
    let first = click_of(&mut world, "watched", |_| {});
    assert_eq!(lead(&mut world, first, "L1"), Reason::Ok);
    assert_eq!(lead(&mut world, first, "L2"), Reason::Ok, "the same click's own is none");
    let second = click_of(&mut world, "watched", |_| {});
    assert_eq!(lead(&mut world, second, "L3"), Reason::FraudReview);
    let elsewhere = click_of(&mut world, "watched", |details| details.ip = "192.0.2.2".into());
    world.pass("2h");
    assert_eq!(lead(&mut world, elsewhere, "L4"), Reason::Ok);
    world.pass("31d");
    let later = click_of(&mut world, "watched", |_| {});
    assert_eq!(lead(&mut world, later, "L5"), Reason::Ok);
}

#[test]
fn a_rate_is_of_a_rolling_hour() {
    let mut world = world();
    let mut lead = |wait: &str, number: u8| {
        world.pass(wait);
        let click = click_of(&mut world, "watched", |details| details.ip = format!("192.0.2.{number}"));
        world.get("shop", &format!("click_id={click}&event=lead&txid=L{number}")).reason
    };
    assert_eq!(lead("0s", 1), Reason::Ok);
    assert_eq!(lead("20m", 2), Reason::Ok);
    assert_eq!(lead("20m", 3), Reason::FraudReview);
    assert_eq!(lead("58m", 4), Reason::Ok, "of the hour before, the third alone is left");
}

#[test]
fn a_pixel_earns_nothing_before_a_server_confirms_it_and_nothing_beyond_it() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    let seen =
        pixel(&mut world, &format!("click_id={click}&event=rebill&txid=S1&amount=900&status=approved"));
    assert_eq!((seen.outcome, seen.reason), (Outcome::Held, Reason::PixelUnconfirmed));
    assert!(world.balances().is_empty() && world.told().is_empty());
    let confirmed = world.get("shop", &format!("click_id={click}&event=rebill&txid=S1&amount=50"));
    assert_eq!((confirmed.reason, confirmed.conversion_id), (Reason::Ok, seen.conversion_id));
    assert_eq!(approved(&world), "5.00 EUR");
    for query in ["event=rebill&txid=S1&amount=900", "event=rebill&txid=S1&status=rejected"] {
        let late = pixel(&mut world, &format!("click_id={click}&{query}"));
        assert_eq!(late.reason, Reason::Duplicate);
    }
    let taken_back = pixel(&mut world, &format!("click_id={click}&event=refund&original_txid=S1"));
    assert_eq!(taken_back.outcome, Outcome::Rejected);
    assert_eq!(approved(&world), "5.00 EUR");
}

#[test]
fn a_server_confirms_a_pixel_without_a_txid_and_gives_it_one() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    let seen = pixel(&mut world, &format!("click_id={click}&event=trial"));
    let confirmed = world.get("shop", &format!("click_id={click}&event=trial&txid=T1"));
    assert_eq!((confirmed.reason, confirmed.conversion_id), (Reason::Ok, seen.conversion_id));
    let repeat = world.get("shop", &format!("click_id={click}&event=trial&txid=T1"));
    assert_eq!(repeat.reason, Reason::Duplicate);
    let pixel_after = pixel(&mut world, &format!("click_id={click}&event=trial"));
    assert_eq!(pixel_after.reason, Reason::DuplicateInWindow);
    assert_eq!((world.conversions.len(), approved(&world)), (1, "1.00 EUR".into()));
}

#[test]
fn a_pixel_ties_no_subscription_to_its_click() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    pixel(&mut world, &format!("click_id={click}&event=trial&txid=T1&subscription_id=SUB"));
    let stolen = world.get("shop", "event=rebill&txid=P1&amount=100&subscription_id=SUB");
    assert_eq!(stolen.reason, Reason::MissingClickId);
    world.get("shop", &format!("click_id={click}&event=trial&txid=T1&subscription_id=SUB"));
    let paid = world.get("shop", "event=rebill&txid=P1&amount=100&subscription_id=SUB");
    assert_eq!((paid.reason, paid.click_id), (Reason::Ok, Some(click)));
}

#[test]
fn the_events_of_a_subscription_belong_together() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    let get = |world: &mut Installation, query: &str| world.get("shop", query);
    assert_eq!(
        get(&mut world, &format!("click_id={click}&event=trial&txid=T1&subscription_id=SUB")).reason,
        Reason::Ok
    );
    world.pass("14d");
    let paid = get(&mut world, "event=sale&txid=P1&subscription_id=SUB&amount=100");
    assert_eq!(
        (paid.reason, paid.click_id),
        (Reason::Ok, Some(click)),
        "the subscription stands for the click"
    );
    world.pass("30d");
    let rebill = get(&mut world, "event=rebill&txid=P2&subscription_id=SUB&amount=100");
    assert_eq!(rebill.reason, Reason::Ok, "the window is for the first conversion alone");
    assert_eq!(approved(&world), "21.00 EUR");
    assert!(rebill.checks.iter().any(|check| check.seen == "SUB: 2 events so far, the last one sale"));
    assert_eq!(get(&mut world, "event=cancel&subscription_id=SUB").reason, Reason::Ok);
    let unclear = get(&mut world, "event=refund&subscription_id=SUB");
    assert_eq!(unclear.reason, Reason::AmbiguousOriginal, "trial, sale and rebill are about money");
    let back = get(&mut world, "event=chargeback&subscription_id=SUB&original_txid=P2");
    assert_eq!(back.reason, Reason::Reversed);
    assert_eq!(approved(&world), "11.00 EUR");
    let other = get(&mut world, "event=rebill&txid=P9&subscription_id=OTHER&amount=100");
    assert_eq!(other.reason, Reason::MissingClickId);
}

#[test]
fn a_refund_that_names_a_subscription_takes_back_its_only_payment_and_no_other() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    for (txid, subscription) in [("A1", "SUB-A"), ("B1", "SUB-B")] {
        world.get(
            "shop",
            &format!("click_id={click}&event=rebill&amount=100&txid={txid}&subscription_id={subscription}"),
        );
    }
    let back = world.get("shop", "event=refund&txid=R1&subscription_id=SUB-B");
    assert_eq!(back.reason, Reason::Reversed);
    let of_b = world.conversions.values().find(|one| one.txid.as_deref() == Some("B1")).unwrap();
    assert_eq!((of_b.status, approved(&world).as_str()), (Status::Reversed, "10.00 EUR"));
}

#[test]
fn two_subscriptions_of_one_click_are_two_even_without_txids() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    let rebill = |world: &mut Installation, subscription: &str| {
        world
            .get("shop", &format!("click_id={click}&event=rebill&amount=10&subscription_id={subscription}"))
            .reason
    };
    assert_eq!(rebill(&mut world, "A"), Reason::Ok);
    assert_eq!(rebill(&mut world, "B"), Reason::Ok);
    assert_eq!(rebill(&mut world, "A"), Reason::DuplicateInWindow);
    // `trial` counts one per click, and one per subscription of it.
    let reasons = [("T1", "A"), ("T2", "B"), ("T3", "A")].map(|(txid, subscription)| {
        let query = format!("click_id={click}&event=trial&txid={txid}&subscription_id={subscription}");
        world.get("shop", &query).reason
    });
    assert_eq!(reasons, [Reason::Ok, Reason::Ok, Reason::DuplicateEvent]);
}

#[test]
fn an_older_word_that_comes_late_does_not_undo_a_newer_one() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    world.pass("1h");
    let at = |minute: i64| support::START / 1_000 + 60 * minute;
    let say = |world: &mut Installation, status: &str, minute: i64| {
        world.get(
            "shop",
            &format!("click_id={click}&event=trial&txid=T1&status={status}&timestamp={}", at(minute)),
        )
    };
    assert_eq!(say(&mut world, "pending", 10).status, Some(Status::Pending));
    assert_eq!(say(&mut world, "approved", 30).status, Some(Status::Approved));
    let late = say(&mut world, "rejected", 20);
    assert_eq!((late.reason, late.status), (Reason::Duplicate, Some(Status::Approved)));
    assert!(late.checks.iter().any(|check| check.check == "order"));
    assert_eq!(say(&mut world, "rejected", 40).status, Some(Status::Rejected));
}

#[test]
fn a_late_event_is_counted_by_its_own_time_and_said_to_be_late() {
    let mut world = world();
    let click = click_of(&mut world, "box", |_| {});
    let at_click = support::START / 1_000 + 60;
    world.pass("8d");
    let noted = |decision: &Decision| {
        decision.checks.iter().find(|check| check.check == "time").map(|check| check.seen.clone()).unwrap()
    };
    let query = |txid: &str, time: i64| format!("click_id={click}&event=trial&txid={txid}&timestamp={time}");
    let late = world.get("shop", &query("T1", at_click));
    assert_eq!(late.reason, Reason::Ok, "it happened within the window");
    assert!(noted(&late).starts_with("it was reported 7d 23h"), "{}", noted(&late));
    let before = world.get("shop", &query("T2", at_click - 3_600));
    assert!(noted(&before).ends_with("lies before the click; the arrival counts"));
    let ahead = world.get("shop", &query("T3", at_click + 90 * 86_400));
    assert!(noted(&ahead).ends_with("lies ahead; the arrival counts"));
}

#[test]
fn a_person_sets_a_status_along_the_same_ways_as_a_sender() {
    let mut world = world();
    let first = sale(&mut world, "box", "S1");
    let id = first.conversion_id.unwrap();
    assert_eq!(world.review(id, Word::Status(Status::Reversed)).unwrap().reason, Reason::Reversed);
    assert_eq!(approved(&world), "0");
    assert_eq!(world.review(id, Word::Status(Status::Approved)).unwrap().status, Some(Status::Approved));
    assert_eq!(approved(&world), "10.00 EUR");
    assert!(world.review(id, Word::Status(Status::Pending)).is_err());
    assert!(world.review(id, Word::Accept).unwrap_err().0.contains("does not wait"));
}

#[test]
fn what_its_sender_took_back_waits_for_nobody() {
    let mut world = world();
    sale(&mut world, "box", "S1");
    sale(&mut world, "box", "S2");
    for (txid, rest) in
        [("S3", "event=refund&original_txid=S3"), ("S4", "event=sale&txid=S4&status=rejected")]
    {
        let click = click_of(&mut world, "box", |_| {});
        let held = world.get("shop", &format!("click_id={click}&event=sale&txid={txid}"));
        assert_eq!(held.reason, Reason::OverCap);
        let lowered = world.get("shop", &format!("click_id={click}&{rest}"));
        assert_eq!(lowered.outcome, Outcome::Updated);
        for word in [Word::Accept, Word::Reject] {
            let refusal = world.review(held.conversion_id.unwrap(), word).unwrap_err();
            assert!(refusal.0.contains("there is nothing to decide"), "{}", refusal.0);
        }
    }
    assert_eq!(approved(&world), "20.00 EUR");
}
