//! What is said later about a conversion: which one it is about, what it changes, and what it leaves as it was.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::decide::{Decision, Word};
use proofback_domain::outcome::{Outcome, Reason, Status};
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");

/// An installation with a click of the shop, an hour old.
fn shop() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-shop").to_string();
    world.pass("1h");
    (world, click)
}

fn casino() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de").to_string();
    world.pass("1h");
    (world, click)
}

/// What each of these says of one click, in order; the first word of each may be `pixel` or a time to wait.
fn play(world: &mut Installation, click: &str, said: &[&str]) -> Vec<Decision> {
    let of_casino =
        world.clicks.values().any(|one| one.id.to_string() == click && one.advertiser.as_str() == "casino");
    let mut decisions = Vec::new();
    for one in said {
        let (how, rest) = one.split_once(' ').unwrap_or(("", one));
        let query = if of_casino {
            format!("key=t0ken&cid={click}&{rest}")
        } else {
            format!("click_id={click}&currency=EUR&{rest}")
        };
        let query = minutes(&query);
        let mut request = world.request(Some(if of_casino { "casino" } else { "shop" }), &query);
        match how {
            "" => {}
            "pixel" => request.pixel = true,
            wait => {
                world.pass(wait);
                request.at = world.now;
            }
        }
        decisions.push(world.receive(&request));
    }
    decisions
}

/// `at=30` is the thirtieth minute after the click.
fn minutes(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.strip_prefix("at=") {
        Some(minute) => format!("timestamp={}", support::START / 1_000 + 60 * minute.parse::<i64>().unwrap()),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

fn approved(world: &Installation) -> String {
    world.balance("partner:reelmedia:approved")
}

fn reasons(decisions: &[Decision]) -> Vec<Reason> {
    decisions.iter().map(|decision| decision.reason).collect()
}

#[test]
fn what_is_said_later_changes_as_much_as_it_says() {
    use Reason::{AmountChanged, Duplicate, InvalidTransition, Ok, Reversed, StatusChanged};
    // What is said of the shop, how it is answered, what the partner has and what the house has earned at the end.
    for (said, answers, partner, house) in [
        // Revenue or payout alone.
        (
            &["event=quote&txid=Q1&payout=5&revenue=8", "event=quote&txid=Q1&revenue=12"][..],
            &[Ok, AmountChanged][..],
            "5.00 EUR",
            "12.00 EUR",
        ),
        (
            &["event=quote&txid=Q1&payout=5&revenue=8", "event=quote&txid=Q1&payout=6"],
            &[Ok, AmountChanged],
            "6.00 EUR",
            "8.00 EUR",
        ),
        // A person says what is good; a sender may not take a rejection of his back.
        (
            &[
                "event=lead&txid=L1",
                "event=lead&txid=L1&status=rejected",
                "event=lead&txid=L1&status=pending&payout=3",
            ],
            &[Ok, StatusChanged, AmountChanged],
            "0",
            "0",
        ),
        // Nothing is newer than itself.
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved&at=10",
                "event=sale&txid=S1&status=rejected&at=20",
                "event=sale&txid=S1&status=approved&at=20",
            ],
            &[Ok, StatusChanged, Duplicate],
            "0",
            "0",
        ),
        (
            &[
                "event=sale&txid=S1&amount=100&status=pending&at=10",
                "event=sale&txid=S1&status=approved&at=20",
                "event=sale&txid=S1&status=rejected&at=20",
            ],
            &[Ok, StatusChanged, StatusChanged],
            "0",
            "0",
        ),
        // A time ahead of its arrival is no newer time, and no bar to what comes then.
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved",
                "event=sale&txid=S1&status=rejected",
                "event=sale&txid=S1&status=approved&at=600",
            ],
            &[Ok, StatusChanged, Duplicate],
            "0",
            "0",
        ),
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved&at=600",
                "event=sale&txid=S1&status=rejected&at=50",
            ],
            &[Ok, StatusChanged],
            "0",
            "0",
        ),
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved&at=90",
                "event=sale&txid=S1&status=rejected",
                "2h event=sale&txid=S1&amount=100&status=approved&at=90",
            ],
            &[Ok, StatusChanged, Duplicate],
            "0",
            "0",
        ),
        // What was changed last stays the last, whatever time a word on another key names.
        (
            &[
                "event=quote&txid=Q1&payout=5",
                "event=quote&txid=Q2&payout=9&at=20",
                "event=quote&txid=Q1&payout=5&at=40",
            ],
            &[Ok, AmountChanged, Duplicate],
            "9.00 EUR",
            "0",
        ),
        // A refund's time is no bar to the sale's own words.
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved",
                "event=refund&original_txid=S1&amount=30&at=50",
                "event=sale&txid=S1&amount=90&at=40",
            ],
            &[Ok, AmountChanged, AmountChanged],
            "6.00 EUR",
            "9.00 EUR",
        ),
        // A refund that names an earlier time makes nothing newer than it was.
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved",
                "event=sale&txid=S1&amount=80",
                "event=refund&original_txid=S1&amount=10&at=20",
                "event=sale&txid=S1&amount=100&at=40",
            ],
            &[Ok, AmountChanged, AmountChanged, Duplicate],
            "7.00 EUR",
            "10.50 EUR",
        ),
        // A goal that replaces is taken back as a whole, whichever of its txids is named.
        (
            &[
                "event=quote&txid=Q1&payout=5&amount=50",
                "event=quote&txid=Q2&payout=9&amount=80",
                "event=refund&original_txid=Q1",
            ],
            &[Ok, AmountChanged, Reversed],
            "0",
            "0",
        ),
        // Reversed, and again in favour.
        (
            &[
                "event=sale&txid=S1&amount=100&status=approved",
                "event=sale&txid=S1&status=reversed",
                "event=sale&txid=S1&status=pending",
            ],
            &[Ok, Reversed, InvalidTransition],
            "0",
            "0",
        ),
    ] {
        let (mut world, click) = shop();
        assert_eq!(reasons(&play(&mut world, &click, said)), answers, "{said:?}");
        assert_eq!(
            (approved(&world).as_str(), world.balance("house:income").as_str()),
            (partner, house),
            "{said:?}"
        );
    }
}

#[test]
fn a_goal_that_adds_counts_each_txid_by_its_last_word() {
    use Reason::{AmountChanged, BadCurrency, Ok};
    for (said, answers, partner) in [
        (
            &["goal=deposit&order=D1&sum=100&at=30", "goal=deposit&order=D2&sum=50&at=20"][..],
            &[Ok, AmountChanged][..],
            "15.00 EUR",
        ),
        (
            &[
                "goal=deposit&order=D1&sum=100",
                "goal=deposit&order=D2&sum=50",
                "goal=deposit&order=D1&sum=150",
            ],
            &[Ok, AmountChanged, AmountChanged],
            "20.00 EUR",
        ),
        (
            &[
                "goal=deposit&order=D1&sum=100",
                "goal=deposit&order=D1&sum=40",
                "goal=deposit&order=D1&sum=60",
            ],
            &[Ok, AmountChanged, AmountChanged],
            "6.00 EUR",
        ),
        (
            &["goal=deposit&order=D1&sum=100", "goal=deposit&order=D2&sum=50&currency=USD"],
            &[Ok, BadCurrency],
            "10.00 EUR",
        ),
        (
            &[
                "goal=deposit&order=D1&sum=100",
                "goal=deposit&order=D2&sum=50",
                "goal=deposit&order=D1&sum=60",
                "goal=deposit&order=D1&sum=110",
            ],
            &[Ok, AmountChanged, AmountChanged, AmountChanged],
            "16.00 EUR",
        ),
        (
            &[
                "goal=deposit&order=D1&sum=100",
                "goal=refund&order=D1&sum=10",
                "goal=deposit&order=D1&sum=120",
            ],
            &[Ok, AmountChanged, AmountChanged],
            "11.00 EUR",
        ),
        // The refund of the first leaves the second, and the other way round.
        (
            &[
                "goal=deposit&order=D1&sum=100",
                "goal=deposit&order=D2&sum=50",
                "goal=refund&original_txid=D1",
            ],
            &[Ok, AmountChanged, AmountChanged],
            "5.00 EUR",
        ),
        (
            &["goal=deposit&order=D1&sum=100", "goal=deposit&order=D2&sum=50", "goal=refund&order=D2"],
            &[Ok, AmountChanged, AmountChanged],
            "10.00 EUR",
        ),
        (
            &["goal=deposit&order=D1&sum=100", "goal=deposit&sum=50", "goal=refund"],
            &[Ok, AmountChanged, Reason::Reversed],
            "0",
        ),
    ] {
        let (mut world, click) = casino();
        assert_eq!(reasons(&play(&mut world, &click, said)), answers, "{said:?}");
        assert_eq!(approved(&world), partner, "{said:?}");
    }
}

#[test]
fn a_txid_that_brings_nothing_is_taken_all_the_same() {
    let (mut world, click) = casino();
    play(&mut world, &click, &["goal=deposit&order=D1&sum=100", "goal=deposit&order=D2&sum=0"]);
    let other = world.click("reelmedia-de").to_string();
    assert_eq!(reasons(&play(&mut world, &other, &["goal=deposit&order=D2&sum=70"])), [Reason::TxidConflict]);
}

#[test]
fn without_a_txid_the_conversion_that_has_seen_the_same_is_meant_else_the_newest_without_one() {
    let sale = |txid: &str, amount: u32| format!("event=sale&status=approved&txid={txid}&amount={amount}");
    // What the click has, the amount that comes without a txid, how it is answered and what stands then.
    for (before, amount, reason, amounts) in [
        (vec![("S1", 10)], 10, Reason::DuplicateInWindow, vec![10]),
        (vec![("S1", 10)], 30, Reason::AmountChanged, vec![30]),
        (vec![("S1", 10), ("S2", 20)], 10, Reason::DuplicateInWindow, vec![10, 20]),
        (vec![("", 10), ("S2", 20)], 20, Reason::DuplicateInWindow, vec![10, 20]),
        (vec![("", 10), ("S2", 20)], 30, Reason::AmountChanged, vec![30, 20]),
        (vec![("S1", 10), ("S2", 20)], 30, Reason::AmountChanged, vec![10, 30]),
    ] {
        let (mut world, click) = shop();
        for (txid, amount) in &before {
            play(&mut world, &click, &[&format!("1s {}", sale(txid, *amount))]);
        }
        assert_eq!(reasons(&play(&mut world, &click, &[&sale("", amount)])), [reason], "{before:?} {amount}");
        let stand: Vec<i64> =
            world.conversions.values().map(|one| one.amount.unwrap().micros / 1_000_000).collect();
        assert_eq!(stand, amounts, "{before:?} {amount}");
    }
}

#[test]
fn the_window_is_between_the_times_of_the_events_in_either_order() {
    use Reason::{DuplicateInWindow, Ok};
    let plain = "event=sale&status=approved&amount=10";
    for (said, answers) in [
        ([plain.to_owned(), format!("24h {plain}")], [Ok, DuplicateInWindow]),
        ([plain.to_owned(), format!("1441m {plain}")], [Ok, Ok]),
        ([format!("26h {plain}"), format!("{plain}&at=60")], [Ok, Ok]),
        ([format!("26h {plain}&at=60"), plain.to_owned()], [Ok, Ok]),
        ([format!("26h {plain}"), format!("{plain}&at=300")], [Ok, DuplicateInWindow]),
    ] {
        let (mut world, click) = shop();
        let both: Vec<&str> = said.iter().map(String::as_str).collect();
        assert_eq!(reasons(&play(&mut world, &click, &both)), answers, "{said:?}");
    }
    let (mut world, click) = shop();
    let refund = "event=refund&amount=10";
    let said = [
        "event=sale&txid=S1&status=approved&amount=100",
        &format!("26h {refund}"),
        &format!("{refund}&at=60"),
    ];
    assert_eq!(play(&mut world, &click, &said)[2].reason, Reason::AmountChanged, "a day before the other");
    for (wait, expected) in [("24h", Reason::DuplicateInWindow), ("1441m", Reason::AmountChanged)] {
        let (mut world, click) = shop();
        let refund = "event=refund&amount=10";
        let said = ["event=sale&txid=S1&status=approved&amount=100", refund, &format!("{wait} {refund}")];
        assert_eq!(play(&mut world, &click, &said)[2].reason, expected, "{wait}");
    }
}

#[test]
fn a_server_confirms_the_pixel_of_the_same_event_and_time_and_nothing_else() {
    // Before, what the server says, and how many conversions there are then.
    for (before, server, count) in [
        (&["pixel event=sale"][..], "event=sale&txid=S1&amount=100&status=approved", 1),
        (&["pixel event=sale"], "25h event=sale&txid=S1&amount=100&status=approved", 2),
        (&["pixel event=lead"], "event=sale&txid=S1&amount=100&status=approved", 2),
        (&["pixel event=sale&txid=S2"], "event=sale&txid=S1&amount=100&status=approved", 2),
        (&[" event=sale&amount=50&status=approved"], "event=sale&txid=S1&amount=100&status=approved", 2),
        (&["pixel event=sale"], "pixel event=sale&txid=S1", 2),
        (&["pixel event=sale&txid=S1"], "event=sale&amount=100&status=approved", 1),
    ] {
        let (mut world, click) = shop();
        play(&mut world, &click, before);
        let said = play(&mut world, &click, &[server]);
        assert!(matches!(said[0].reason, Reason::Ok | Reason::PixelUnconfirmed), "{before:?} {server}");
        assert_eq!(world.conversions.len(), count, "{before:?} {server}");
        if let (true, Some(only)) = (count == 1, world.conversions.values().next()) {
            assert_eq!(
                (only.txid.as_deref(), approved(&world).as_str()),
                (Some("S1"), "10.00 EUR"),
                "{before:?}"
            );
        }
    }
}

#[test]
fn a_pixel_alone_does_not_keep_the_window_open() {
    let mut world = Installation::new(include_str!("support/gates.toml"));
    for (wait, reason) in [("6d", Reason::Ok), ("7d", Reason::Ok), ("169h", Reason::OutsideWindow)] {
        let click = world.click("box").to_string();
        play(&mut world, &click, &[&format!("pixel event=trial&txid=P{wait}")]);
        let said = play(&mut world, &click, &[&format!("{wait} event=rebill&amount=5&txid={wait}")]);
        assert_eq!(said[0].reason, reason, "{wait}");
    }
}

#[test]
fn a_status_of_reversed_waits_for_the_conversion_it_takes_back() {
    let (mut world, click) = shop();
    let said = ["event=sale&txid=S1&status=reversed", "event=sale&txid=S1&status=approved&amount=100"];
    assert_eq!(reasons(&play(&mut world, &click, &said)), [Reason::AwaitingOriginal, Reason::Ok]);
    assert_eq!(world.conversions.values().next().unwrap().status, Status::Reversed);
    assert!(world.balances().is_empty());
}

#[test]
fn a_refund_takes_back_the_one_that_it_can_only_mean() {
    use Reason::{AmbiguousOriginal, Duplicate, NothingToReverse, Reversed};
    let sale = "event=sale&amount=100&status=approved";
    for (before, refund, reason) in [
        (
            vec![
                format!("{sale}&txid=S1"),
                format!("{sale}&txid=S2&status=rejected").replacen("&status=approved", "", 1),
            ],
            "event=refund",
            Reversed,
        ),
        (vec![format!("{sale}&txid=S1").replace("approved", "pending")], "event=refund", Reversed),
        (vec!["event=quote&txid=Q1".to_owned()], "event=refund", NothingToReverse),
        (vec![format!("{sale}&txid=S1"), "event=quote&txid=Q1".to_owned()], "event=refund", Reversed),
        (
            vec![format!("{sale}&txid=X"), "event=quote&txid=X".to_owned()],
            "event=refund&original_txid=X",
            Reversed,
        ),
        (vec![format!("{sale}&txid=X"), "event=quote&txid=X".to_owned()], "event=refund&txid=X", Reversed),
        (vec!["event=quote&txid=X".to_owned()], "event=refund&txid=X", NothingToReverse),
        (
            vec![format!("{sale}&txid=X"), "event=lead&txid=X".to_owned()],
            "event=refund&original_txid=X",
            AmbiguousOriginal,
        ),
        (
            vec![format!("{sale}&txid=X"), "event=lead&txid=X".to_owned()],
            "event=refund&txid=X",
            AmbiguousOriginal,
        ),
        (
            vec![format!("{sale}&txid=S1"), "event=refund&original_txid=S1".to_owned()],
            "25h event=refund&original_txid=S1",
            Duplicate,
        ),
        (
            vec![format!("{sale}&txid=S1"), format!("{sale}&txid=S2"), "event=refund".to_owned()],
            "event=refund",
            Duplicate,
        ),
    ] {
        let (mut world, click) = shop();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        play(&mut world, &click, &before);
        let decision = play(&mut world, &click, &[refund]).remove(0);
        assert_eq!(decision.reason, reason, "{before:?} {refund}: {}", decision.message);
        assert_eq!(decision.effects.wait, None, "{before:?} {refund}: nothing that may come could say which");
    }
}

#[test]
fn a_part_taken_back_without_an_id_of_its_own_is_known_by_the_original_for_ever() {
    let (mut world, click) = shop();
    let refund = "event=refund&original_txid=S1&amount=30";
    let said = ["event=sale&txid=S1&amount=100&status=approved", refund, &format!("25h {refund}")];
    assert_eq!(reasons(&play(&mut world, &click, &said))[1..], [Reason::AmountChanged, Reason::Duplicate]);
    assert_eq!(approved(&world), "7.00 EUR");
}

#[test]
fn a_refund_of_another_clicks_conversion_is_refused() {
    let (mut world, click) = shop();
    play(&mut world, &click, &["event=sale&txid=S1&amount=100&status=approved"]);
    let other = world.click("reelmedia-shop").to_string();
    let refused = play(&mut world, &other, &["event=refund&txid=R1&original_txid=S1"]).remove(0);
    assert_eq!((refused.reason, refused.field.as_str()), (Reason::TxidConflict, "original_txid"));
    assert_eq!(approved(&world), "10.00 EUR");
}

#[test]
fn a_subscription_of_several_payments_is_no_reason_to_take_back_another_one() {
    let (mut world, click) = shop();
    let sale = |txid: &str, rest: &str| format!("event=sale&amount=100&status=approved&txid={txid}{rest}");
    play(&mut world, &click, &[&sale("S1", "&subscription_id=SUB"), &sale("S2", "&subscription_id=SUB")]);
    let other = world.click("reelmedia-shop").to_string();
    let said = play(&mut world, &other, &[&sale("S3", ""), "event=refund&subscription_id=SUB"]);
    assert_eq!(said[1].reason, Reason::AmbiguousOriginal);
    assert_eq!(approved(&world), "30.00 EUR");
}

#[test]
fn a_test_refund_waits_for_a_test() {
    let (mut world, click) = shop();
    let sale = "event=sale&amount=100&status=approved&txid=S1";
    let said = ["event=refund&txid=R1&original_txid=S1&test=1", sale, &format!("{sale}&test=1")];
    assert_eq!(reasons(&play(&mut world, &click, &said)), [Reason::AwaitingOriginal, Reason::Ok, Reason::Ok]);
    let of_kind = |test: bool| world.conversions.values().find(|one| one.test == test).unwrap().status;
    assert_eq!((of_kind(false), of_kind(true)), (Status::Approved, Status::Reversed));
}

#[test]
fn a_payout_that_a_person_accepted_is_not_asked_about_again() {
    let (mut world, click) = casino();
    let held = play(&mut world, &click, &["goal=ftd&order=A1&st=1&sum=50&payout=77"]).remove(0);
    assert_eq!((held.outcome, held.reason), (Outcome::Held, Reason::PayoutNotAllowed));
    let id = held.conversion_id.unwrap();
    assert_eq!(world.review(id, Word::Accept).unwrap().reason, Reason::Ok);
    assert_eq!(approved(&world), "140.00 EUR");
    assert_eq!(
        reasons(&play(&mut world, &click, &["goal=ftd&order=A1&st=1&sum=60"])),
        [Reason::AmountChanged]
    );
    assert_eq!(approved(&world), "140.00 EUR");
}

#[test]
fn what_only_money_can_end_no_person_can() {
    let (mut world, click) = shop();
    let held = play(&mut world, &click, &["event=sale&txid=S1&status=approved"]).remove(0);
    assert_eq!((held.outcome, held.reason), (Outcome::Held, Reason::AmountMissing));
    assert!(world.review(held.conversion_id.unwrap(), Word::Accept).unwrap_err().0.contains("amount"));
    assert!(world.balances().is_empty());
    let rejected = world.review(held.conversion_id.unwrap(), Word::Reject).unwrap();
    assert_eq!((rejected.outcome, rejected.reason), (Outcome::Updated, Reason::StatusChanged));
    let (mut world, click) = casino();
    let held = play(&mut world, &click, &["goal=ftd&order=A1&st=1&sum=50&currency=USD"]).remove(0);
    assert_eq!((held.outcome, held.reason), (Outcome::Held, Reason::RateMissing));
    assert!(world.review(held.conversion_id.unwrap(), Word::Accept).unwrap_err().0.contains("exchange rate"));
}

#[test]
fn a_persons_word_about_a_test_moves_no_money() {
    let (mut world, click) = shop();
    let sale = "event=sale&txid=S1&amount=100&status=approved";
    let said = play(&mut world, &click, &[&format!("{sale}&test=1"), sale]);
    let taken = world.review(said[0].conversion_id.unwrap(), Word::Status(Status::Rejected)).unwrap();
    assert_eq!(taken.effects.key.unwrap().txid, "test S1");
    assert!(taken.effects.entries.is_empty());
    assert_eq!(approved(&world), "10.00 EUR");
}

#[test]
fn one_deposit_is_never_taken_back_beyond_itself() {
    use Reason::{AmountChanged, Duplicate, Reversed};
    // After deposits of 100 and 50: what takes back the second, how it is answered, what is left of fifteen.
    for (said, answers, left) in [
        (
            ["refund&order=R1&original_txid=D2", "chargeback&order=C1&original_txid=D2"],
            [AmountChanged, Duplicate],
            "10.00 EUR",
        ),
        (["refund&original_txid=D2", "chargeback&original_txid=D2"], [AmountChanged, Duplicate], "10.00 EUR"),
        (["refund&order=D2", "chargeback&order=D2"], [AmountChanged, Duplicate], "10.00 EUR"),
        (
            ["refund&order=D2&sum=10", "chargeback&original_txid=D2"],
            [AmountChanged, AmountChanged],
            "10.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2&sum=30", "refund&order=R2&original_txid=D2&sum=30"],
            [AmountChanged, AmountChanged],
            "10.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2&sum=80", "chargeback&order=C1&original_txid=D2"],
            [AmountChanged, Duplicate],
            "10.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2&sum=80", "refund&order=R2&original_txid=D1&sum=20"],
            [AmountChanged, AmountChanged],
            "8.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2&sum=20", "refund&order=R1&original_txid=D2&sum=30"],
            [AmountChanged, AmountChanged],
            "12.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2", "chargeback&order=C1&original_txid=D1"],
            [AmountChanged, Reversed],
            "0",
        ),
        (
            ["refund&order=R1&original_txid=D2&sum=80", "refund&order=R1&original_txid=D2&sum=60"],
            [AmountChanged, AmountChanged],
            "10.00 EUR",
        ),
        (
            ["refund&order=R1&original_txid=D2", "refund&order=R1&original_txid=D2&sum=20"],
            [AmountChanged, AmountChanged],
            "13.00 EUR",
        ),
    ] {
        let (mut world, click) = casino();
        play(&mut world, &click, &["goal=deposit&order=D1&sum=100", "goal=deposit&order=D2&sum=50"]);
        let said = said.map(|one| format!("goal={one}"));
        assert_eq!(reasons(&play(&mut world, &click, &[&said[0], &said[1]])), answers, "{said:?}");
        assert_eq!(approved(&world), left, "{said:?}");
    }
}
