//! The edges of what counts: whose click it is, which time counts, what is told, and where a bound lies.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::decide::Decision;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::program::Happening;
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");
const SALE: &str = "event=sale&currency=EUR";

/// An installation with a click of the shop, an hour old.
fn shop() -> (Installation, String) {
    shop_with(PROGRAM)
}

fn shop_with(program: &str) -> (Installation, String) {
    let mut world = Installation::new(program);
    let click = world.click("reelmedia-shop").to_string();
    world.pass("1h");
    (world, click)
}

fn say(world: &mut Installation, click: &str, rest: &str) -> Decision {
    world.get("shop", &format!("click_id={click}&{rest}"))
}

fn at(minute: i64) -> i64 {
    support::START / 1_000 + 60 * minute
}

fn approved(world: &Installation) -> String {
    world.balance("partner:reelmedia:approved")
}

fn value<'a>(world: &'a Installation, happening: Happening, name: &str) -> &'a str {
    let told = world.deliveries.iter().rev().find(|delivery| delivery.happening == happening);
    told.and_then(|delivery| delivery.values.get(name)).map_or("", String::as_str)
}

#[test]
fn a_click_of_another_advertiser_is_no_click_to_this_one() {
    let mut world = Installation::new(PROGRAM);
    let one_offer = world.click("reelmedia-de");
    let not_here = world.make_click("reelmedia-de", &[]).id;
    let mut of_two = world.make_click("reelmedia-both", &[]);
    while of_two.advertiser.as_str() != "casino" {
        of_two = world.make_click("reelmedia-both", &[]);
    }
    let chosen = of_two.id;
    world.arrive(of_two);
    for click in [one_offer, not_here, chosen] {
        let foreign = world.get("shop", &format!("click_id={click}&{SALE}&amount=100&status=approved"));
        assert_eq!((foreign.reason, foreign.click_id), (Reason::UnknownClickId, None));
        assert!(!foreign.message.contains("casino"), "{}", foreign.message);
    }
    assert!(world.conversions.is_empty());
}

#[test]
fn an_id_that_is_awaited_is_not_attributed_by_a_known_txid() {
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
    let awaited = world.make_click("reelmedia-shop", &[]).id.to_string();
    let other = say(&mut world, &awaited, &format!("{SALE}&txid=S1&amount=50"));
    assert_eq!(other.reason, Reason::TxidConflict);
    assert_eq!(approved(&world), "10.00 EUR");
}

#[test]
fn what_is_wrong_is_said_while_the_click_is_awaited() {
    let mut world = Installation::new(PROGRAM);
    let awaited = world.make_click("reelmedia-shop", &[]).id.to_string();
    for (said, reason) in [
        ("event=sale&original_txid=%7Bx%7D", Reason::UnexpandedMacro),
        ("event=sale&subscription_id=%7Bx%7D", Reason::UnexpandedMacro),
        ("event=sale&amount=1,50", Reason::BadAmount),
        ("event=sale&status=maybe", Reason::UnknownStatus),
        ("event=nonsense", Reason::UnknownEvent),
    ] {
        assert_eq!(say(&mut world, &awaited, said).reason, reason, "{said}");
    }
    let test = say(&mut world, &awaited, "event=sale&txid=S1&test=1");
    assert_eq!((test.reason, test.effects.key.unwrap().txid.as_str()), (Reason::AwaitingClick, "test S1"));
    assert_eq!(say(&mut world, &awaited, "event=sale&txid=S1").reason, Reason::AwaitingClick);
    let other = world.make_click("reelmedia-shop", &[]).id.to_string();
    assert_eq!(say(&mut world, &other, "event=sale&txid=S1").reason, Reason::TxidConflict);
}

#[test]
fn a_time_counts_between_the_click_and_the_arrival() {
    for (minute, counts, note) in [
        (-1, false, "lies before the click"),
        (0, true, ""),
        (30, true, ""),
        (60, true, ""),
        (61, false, "lies ahead"),
    ] {
        let (mut world, click) = shop();
        let said = say(&mut world, &click, &format!("{SALE}&txid=S1&amount=1&timestamp={}", at(minute)));
        let conversion = world.conversions.values().next().unwrap();
        let expected = if counts { at(minute) * 1_000 } else { world.now.millis() };
        assert_eq!(conversion.event_at.millis(), expected, "{minute}");
        let time = said.checks.iter().find(|check| check.check == "time").unwrap();
        assert!(time.seen.contains(note), "{}", time.seen);
        assert_eq!(time.seen.contains("lies"), !note.is_empty(), "{}", time.seen);
        assert!(!time.seen.contains("after it happened"), "an hour is not late: {}", time.seen);
    }
}

#[test]
fn a_transaction_id_has_at_most_two_hundred_characters() {
    for (txid, reason) in [
        ("x".repeat(200), Reason::Ok),
        ("%C3%A9".repeat(200), Reason::Ok),
        ("x".repeat(201), Reason::MalformedRequest),
    ] {
        let (mut world, click) = shop();
        assert_eq!(say(&mut world, &click, &format!("{SALE}&amount=1&txid={txid}")).reason, reason);
    }
}

#[test]
fn what_a_test_click_brings_is_a_test() {
    let (mut world, real) = shop();
    let mut click = world.make_click("reelmedia-shop", &[]);
    click.details.test = true;
    let id = click.id.to_string();
    world.arrive(click);
    let sale = format!("{SALE}&txid=S1&amount=100&status=approved&subscription_id=SUB");
    assert_eq!(say(&mut world, &id, &sale).reason, Reason::Ok);
    assert!(world.balances().is_empty());
    assert_eq!(say(&mut world, &real, &sale).reason, Reason::Ok, "its key is apart");
    assert_eq!(approved(&world), "10.00 EUR");
    let back = say(&mut world, &real, "event=refund&subscription_id=SUB");
    assert_eq!(back.reason, Reason::Reversed, "the test of the subscription is no second candidate");
}

#[test]
fn what_is_no_longer_good_cannot_be_taken_back_again() {
    for (refund, reason) in [
        ("event=refund&txid=R1&original_txid=S1", Reason::NothingToReverse),
        ("event=refund&txid=R1&original_txid=S1&amount=10&currency=EUR", Reason::NothingToReverse),
    ] {
        let (mut world, click) = shop();
        say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=rejected"));
        assert_eq!(say(&mut world, &click, refund).reason, reason, "{refund}");
    }
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
    say(&mut world, &click, "event=refund&txid=R1&original_txid=S1");
    let again = say(&mut world, &click, "event=chargeback&txid=R2&original_txid=S1");
    assert_eq!((again.reason, again.status), (Reason::Duplicate, Some(Status::Reversed)));
    let other = world.click("reelmedia-shop").to_string();
    let used = say(&mut world, &other, "event=chargeback&txid=R2");
    assert_eq!(used.reason, Reason::TxidConflict, "it has taken its key all the same");
}

#[test]
fn reversals_of_one_click_are_told_apart_by_what_they_say() {
    let refund = |txid: &str, amount: u32| {
        format!("event=refund&currency=EUR&original_txid=S1&txid={txid}&amount={amount}")
    };
    // After a sale of 100 and a first refund `R1` of 30: what comes, how it is answered, what is left of ten.
    for (said, reason, left) in [
        (refund("R1", 30), Reason::Duplicate, "7.00 EUR"),
        (refund("R1", 50), Reason::AmountChanged, "5.00 EUR"),
        (refund("R1", 10), Reason::AmountChanged, "9.00 EUR"),
        (refund("R1", 0), Reason::AmountChanged, "10.00 EUR"),
        (refund("R2", 30), Reason::AmountChanged, "4.00 EUR"),
        (refund("R2", 70), Reason::Reversed, "0"),
        (refund("R1", 100), Reason::Reversed, "0"),
        (refund("R1", 30).replace("refund", "chargeback"), Reason::AmountChanged, "4.00 EUR"),
        ("event=refund&currency=EUR&amount=20".to_owned(), Reason::AmountChanged, "5.00 EUR"),
        ("event=chargeback&currency=EUR&amount=30".to_owned(), Reason::AmountChanged, "4.00 EUR"),
        ("event=refund&currency=EUR&amount=30".to_owned(), Reason::DuplicateInWindow, "7.00 EUR"),
        ("event=sale&currency=EUR&txid=S1&amount=20".to_owned(), Reason::AmountChanged, "0"),
    ] {
        let (mut world, click) = shop();
        say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
        say(&mut world, &click, &refund("R1", 30));
        assert_eq!(say(&mut world, &click, &said).reason, reason, "{said}");
        assert_eq!(approved(&world), left, "{said}");
    }
    // Several of them, each by its own key, the sale's txid or none.
    for (said, reason, left) in [
        ([refund("R1", 30), refund("R2", 20), refund("R1", 20)], Reason::AmountChanged, "6.00 EUR"),
        (
            [refund("S1", 30), refund("S1", 30), refund("S1", 100)]
                .map(|one| one.replace("&original_txid=S1", "")),
            Reason::Reversed,
            "0",
        ),
        (
            ["10", "10", "100"].map(|amount| format!("event=refund&currency=EUR&amount={amount}")),
            Reason::Reversed,
            "0",
        ),
    ] {
        let (mut world, click) = shop();
        say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
        let last = said.iter().map(|one| say(&mut world, &click, one).reason).last();
        assert_eq!((last, approved(&world).as_str()), (Some(reason), left), "{said:?}");
    }
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
    say(&mut world, &click, &refund("R1", 30));
    let other = world.click("reelmedia-shop").to_string();
    assert_eq!(say(&mut world, &other, &refund("R1", 30)).reason, Reason::TxidConflict);
}

#[test]
fn a_refund_in_another_currency_takes_its_key_and_waits() {
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
    let foreign = say(&mut world, &click, "event=refund&txid=R1&original_txid=S1&amount=5&currency=USD");
    assert_eq!((foreign.reason, foreign.effects.key.unwrap().txid.as_str()), (Reason::RateMissing, "R1"));
    assert_eq!(foreign.effects.wait, None);
    assert_eq!(approved(&world), "10.00 EUR");
}

#[test]
fn a_rejection_that_asks_a_question_of_money_leaves_the_amounts_as_they_were() {
    // In a currency of which nothing is known it could not be priced.
    let program = PROGRAM.replace(
        "payout = \"10%\"\nrevenue = \"15%\"",
        "payout = \"10%\"\nrevenue = \"15%\"\nmin_amount = \"20 EUR\"",
    );
    let mut world = Installation::new(&program);
    let click = world.click("reelmedia-shop").to_string();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
    let (program, _) = proofback_domain::program::read(&program);
    world.snapshot = world.snapshot.under(2, program.unwrap());
    let lowered = say(&mut world, &click, "event=sale&txid=S1&amount=70&currency=USD&status=rejected");
    assert_eq!((lowered.reason, lowered.revision), (Reason::StatusChanged, 2));
    let conversion = world.conversions.values().next().unwrap().clone();
    let shown = |money: Option<proofback_domain::money::Money>| money.unwrap().micros / 1_000_000;
    assert_eq!((shown(conversion.amount), shown(conversion.commission)), (100, 10));
    assert_eq!(conversion.amount.unwrap().currency.to_string(), "EUR");
    assert_eq!(conversion.revision, 2);
    assert!(world.balances().is_empty());
    assert_eq!(
        say(&mut world, &click, "event=sale&txid=S1&status=approved&payout=1&currency=EUR").reason,
        Reason::StatusChanged
    );
    assert_eq!(approved(&world), "10.00 EUR");
}

#[test]
fn a_change_that_cannot_be_priced_waits_and_what_counts_goes_on_counting() {
    let program = PROGRAM.replace(
        "payout = \"10%\"\nrevenue = \"15%\"",
        "payout = \"10%\"\nrevenue = \"15%\"\nmin_amount = \"20 EUR\"",
    );
    let (mut world, click) = shop_with(&program);
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=20&status=approved"));
    assert_eq!(approved(&world), "2.00 EUR", "the minimum is enough");
    let told = world.told().len();
    let waits = say(&mut world, &click, "event=sale&txid=S1&amount=70&currency=USD");
    assert_eq!(
        (waits.outcome, waits.reason, waits.status),
        (Outcome::Held, Reason::RateMissing, Some(Status::Approved))
    );
    assert_eq!((approved(&world).as_str(), world.told().len()), ("2.00 EUR", told));
    assert!(world.conversions.values().all(|one| one.held.is_none()));
    say(&mut world, &click, "event=refund&original_txid=S1&amount=1&currency=EUR");
    assert_eq!(approved(&world), "0", "below the minimum it earns nothing");
}

#[test]
fn a_place_in_a_cap_is_taken_and_given_back_once() {
    let mut world = Installation::new(include_str!("support/gates.toml"));
    let click = world.click("box");
    let count = |world: &Installation| -> i64 {
        world.counters.iter().filter(|((scope, _), _)| scope == "goal box sale").map(|(_, count)| count).sum()
    };
    for (said, counted) in [
        ("status=pending&amount=1", 1),
        ("status=approved", 1),
        ("amount=2", 1),
        ("status=rejected", 0),
        ("amount=3", 0),
        ("status=approved&amount=4", 1),
    ] {
        world.get("shop", &format!("click_id={click}&event=sale&txid=S1&{said}"));
        assert_eq!(count(&world), counted, "{said}");
    }
    // One that waits for its money has its place; one that a rule holds, or a test, has none.
    world.get("shop", &format!("click_id={click}&event=rebill&txid=M1"));
    let of_offer: i64 = world
        .counters
        .iter()
        .filter(|((scope, _), _)| scope == "goal box rebill")
        .map(|(_, count)| count)
        .sum();
    assert_eq!(of_offer, 1);
    world.get("shop", &format!("click_id={click}&event=sale&txid=S2&test=1"));
    assert_eq!(count(&world), 1);
}

#[test]
fn a_partner_is_told_what_he_asked_for_and_in_which_currency() {
    let target = |on: &str, events: &str| {
        PROGRAM.replace(
            "on = [\"conversion.*\", \"commission.*\"]",
            &format!("on = [\"{on}\"]\nevents = [\"{events}\"]"),
        )
    };
    for (on, events, count) in [
        ("conversion.created", "sale", 1),
        ("conversion.rejected", "sale", 0),
        ("conversion.created", "lead", 0),
    ] {
        let (mut world, click) = shop_with(&target(on, events));
        say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&status=approved"));
        assert_eq!(world.told().len(), count, "{on} {events}");
    }
    // What is said, and the currency told of a new conversion: the payout's, else the amount's, else the revenue's.
    for (event, said, currency) in [
        ("sale", "amount=100&currency=EUR&status=approved", "EUR"),
        ("lead", "amount=100&currency=USD", "EUR"),
        ("quote", "payout=0&amount=100&currency=USD", "USD"),
        ("quote", "payout=0&revenue=7&currency=USD", "USD"),
        ("quote", "payout=0&currency=USD", ""),
    ] {
        let (mut world, click) = shop();
        say(&mut world, &click, &format!("event={event}&txid=S1&{said}"));
        assert_eq!(value(&world, Happening::ConversionCreated, "currency"), currency, "{event} {said}");
    }
    let mut world = Installation::new(PROGRAM);
    let click = world.click("buyer-de");
    world.get("casino", &format!("key=t0ken&cid={click}&order=A1&goal=ftd&st=1&sum=50"));
    assert!(world.told().is_empty(), "the buyer asked for nothing");
}

#[test]
fn a_commission_is_earned_once_and_adjusted_ever_after() {
    let (mut world, click) = shop();
    for said in ["amount=100&status=approved", "amount=50", "status=rejected", "status=approved&amount=60"] {
        say(&mut world, &click, &format!("{SALE}&txid=S1&{said}"));
    }
    let of_money: Vec<String> =
        world.told().into_iter().filter(|told| told.starts_with("commission")).collect();
    assert_eq!(
        of_money,
        [
            "commission.earned 10.00 10.00",
            "commission.adjusted 5.00 -5.00",
            "commission.adjusted 0.00 -5.00",
            "commission.adjusted 6.00 6.00",
        ]
    );
    let (mut world, click) = shop();
    say(&mut world, &click, "event=quote&txid=Q1&payout=5&currency=EUR");
    say(&mut world, &click, "event=quote&txid=Q1&payout=9&currency=USD");
    assert_eq!(
        value(&world, Happening::CommissionAdjusted, "payout_delta"),
        "9.00",
        "two currencies are no sum"
    );
    assert_eq!(value(&world, Happening::CommissionAdjusted, "currency"), "USD");
    assert_eq!(world.balances().len(), 2, "of the first currency nothing is left");
}

#[test]
fn what_is_worth_money_is_known_by_its_amount_then_by_its_revenue() {
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&amount=100&revenue=40&status=approved"));
    assert_eq!(approved(&world), "10.00 EUR");
    let (mut world, click) = shop();
    say(&mut world, &click, &format!("{SALE}&txid=S1&revenue=40&status=approved"));
    assert_eq!(approved(&world), "4.00 EUR");
    for said in ["amount=5", "revenue=5", "payout=5"] {
        let (mut world, click) = shop();
        say(&mut world, &click, &format!("event=quote&txid=Q1&currency=EUR&{said}"));
        assert_eq!(say(&mut world, &click, "event=refund").reason, Reason::Reversed, "{said}");
    }
}
