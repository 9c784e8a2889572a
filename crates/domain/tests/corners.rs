//! Corners where a right rule met an unusual order: each of these once lost money, an event or a secret.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::outcome::{Reason, Status};
use proofback_domain::postback::read;
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");

fn shop() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-shop").to_string();
    (world, click)
}

fn status(world: &Installation) -> Vec<Status> {
    world.conversions.values().map(|conversion| conversion.status).collect()
}

#[test]
fn everything_that_is_said_while_the_click_is_awaited_counts_when_it_arrives() {
    for (first, second, end) in
        [("pending", "approved", Status::Approved), ("approved", "rejected", Status::Rejected)]
    {
        let mut world = Installation::new(PROGRAM);
        let click = world.make_click("reelmedia-shop", &[]);
        let query = |status: &str| {
            format!("click_id={}&txid=K&event=sale&amount=100&currency=EUR&status={status}", click.id)
        };
        let reasons = [first, second, first, second].map(|status| world.get("shop", &query(status)).reason);
        assert_eq!(reasons[..2], [Reason::AwaitingClick, Reason::AwaitingClick]);
        assert_eq!(reasons[2], Reason::Duplicate);
        world.arrive(click);
        assert_eq!(status(&world), [end]);
    }
}

#[test]
fn a_refund_that_overtook_its_sale_is_applied_even_if_both_waited_for_their_click() {
    let mut world = Installation::new(PROGRAM);
    let click = world.make_click("reelmedia-shop", &[]);
    let refund = format!("click_id={}&txid=R1&event=refund&original_txid=W1", click.id);
    let sale = format!("click_id={}&txid=W1&event=sale&amount=100&currency=EUR&status=approved", click.id);
    assert_eq!(world.get("shop", &refund).reason, Reason::AwaitingClick);
    assert_eq!(world.get("shop", &sale).reason, Reason::AwaitingClick);
    world.arrive(click);
    assert_eq!(status(&world), [Status::Reversed]);
    assert!(world.balances().is_empty());
}

#[test]
fn no_question_of_money_holds_up_a_rejection() {
    let (mut world, click) = shop();
    let sale = format!("click_id={click}&txid=S1&event=sale&amount=100&currency=EUR&status=approved");
    world.get("shop", &sale);
    let rejected =
        format!("click_id={click}&txid=S1&event=sale&amount=&status=rejected&payout=0&currency=USD");
    assert_eq!(world.get("shop", &rejected).reason, Reason::StatusChanged);
    assert!(world.balances().is_empty());

    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de");
    let query = |rest: &str| format!("key=t0ken&cid={click}&order=A1&goal=ftd&{rest}");
    world.get("casino", &query("st=1&sum=50"));
    let lowered = world.get("casino", &query("st=2&sum=50&payout=0"));
    assert_eq!((lowered.reason, lowered.status), (Reason::StatusChanged, Some(Status::Rejected)));
    assert!(world.balances().is_empty());
}

#[test]
fn a_refund_said_again_in_another_currency_waits_and_takes_no_second_key() {
    let (mut world, click) = shop();
    world
        .get("shop", &format!("click_id={click}&txid=S1&event=sale&amount=100&currency=EUR&status=approved"));
    let refund = |rest: &str| format!("click_id={click}&txid=R1&event=refund&original_txid=S1&{rest}");
    assert_eq!(world.get("shop", &refund("amount=10&currency=EUR")).reason, Reason::AmountChanged);
    let foreign = world.get("shop", &refund("amount=5&currency=USD"));
    assert_eq!((foreign.reason, foreign.effects.key), (Reason::RateMissing, None));
}

#[test]
fn a_test_never_touches_what_is_real_nor_the_other_way_round() {
    let (mut world, click) = shop();
    let sale =
        |rest: &str| format!("click_id={click}&event=sale&amount=100&currency=EUR&status=approved&{rest}");
    assert_eq!(world.get("shop", &sale("txid=T1&test=1")).reason, Reason::Ok);
    assert_eq!(world.get("shop", &sale("txid=T1")).reason, Reason::Ok);
    assert_eq!(world.balance("partner:reelmedia:approved"), "10.00 EUR");
    let refund = format!("click_id={click}&txid=R1&event=refund&original_txid=T1&test=1");
    assert_eq!(world.get("shop", &refund).reason, Reason::Reversed);
    assert_eq!(
        world.get("shop", &sale("txid=T1&test=true").replace("approved", "rejected")).reason,
        Reason::InvalidTransition
    );
    assert_eq!(world.balance("partner:reelmedia:approved"), "10.00 EUR");
    let real = world.get("shop", &format!("click_id={click}&event=refund"));
    assert_eq!(real.reason, Reason::Reversed, "the test is no second candidate");
}

#[test]
fn a_late_repeat_that_names_revenue_or_payout_never_pays_again() {
    let (mut world, click) = shop();
    let lead = |rest: &str| format!("click_id={click}&txid=L1&event=sale&currency=EUR&{rest}");
    world.get("shop", &lead("status=pending&amount=100&revenue=10"));
    world.get("shop", &lead("status=approved"));
    world.get("shop", &lead("status=rejected"));
    assert_eq!(world.get("shop", &lead("status=approved&amount=100&revenue=10")).reason, Reason::Duplicate);
    assert!(world.balances().is_empty());
}

#[test]
fn a_refund_of_one_deposit_leaves_the_others() {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de");
    let deposit =
        |order: &str, sum: u32| format!("key=t0ken&cid={click}&order={order}&goal=deposit&sum={sum}");
    world.get("casino", &deposit("D1", 100));
    world.get("casino", &deposit("D2", 50));
    let refund = format!("key=t0ken&cid={click}&order=R1&goal=refund&original_txid=D2");
    assert_eq!(world.get("casino", &refund).reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "10.00 EUR");
    assert_eq!(world.get("casino", &refund).reason, Reason::Duplicate);
}

#[test]
fn a_placeholder_is_no_transaction_id_wherever_it_stands() {
    let (mut world, click) = shop();
    for field in ["txid", "original_txid"] {
        let decision = world.get("shop", &format!("click_id={click}&event=refund&{field}=%7Botx%7D"));
        assert_eq!((decision.reason, decision.field.as_str()), (Reason::UnexpandedMacro, field));
        let long = world.get("shop", &format!("click_id={click}&event=refund&{field}={}", "x".repeat(201)));
        assert_eq!(long.reason, Reason::MalformedRequest);
    }
}

#[test]
fn a_genuine_id_is_found_beside_somebody_elses() {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de");
    for others in ["click_id=theirs-55", "click_id="] {
        let request = world.request(None, &format!("{others}&cid={click}&key=t0ken&goal=registration"));
        let decision = world.receive(&request);
        assert!(matches!(decision.reason, Reason::Ok | Reason::DuplicateInWindow), "{}", decision.message);
    }
}

#[test]
fn a_txid_of_two_events_stands_for_the_click_of_the_one_that_is_named() {
    let (mut world, one) = shop();
    let two = world.click("reelmedia-shop");
    world.get("shop", &format!("click_id={one}&txid=X1&event=lead"));
    world.get("shop", &format!("click_id={two}&txid=X1&event=sale&amount=100&currency=EUR&status=approved"));
    let rejected = world.get("shop", "txid=X1&event=sale&status=rejected");
    assert_eq!((rejected.reason, rejected.click_id), (Reason::StatusChanged, Some(two)));
}

#[test]
fn a_damaged_id_beside_a_known_txid_tells_the_sender_nothing_new() {
    let (mut world, click) = shop();
    world.get("shop", &format!("click_id={click}&txid=W1&event=sale&amount=100&currency=EUR"));
    let cut = world.get("shop", &format!("click_id={}&txid=W1&event=sale", &click[..20]));
    assert_eq!((cut.reason, cut.click_id), (Reason::TruncatedClickId, None));
}

#[test]
fn secrets_and_personal_data_are_stored_in_no_disguise() {
    let (world, _) = shop();
    for (query, hidden) in [
        ("cid=nonsense&key=t0ken", "t0ken"),
        ("cid=nonsense&other=t0ken", "t0ken"),
        ("click_id=ann%40example.com", "ann"),
        ("event=ann%40example.com", "ann"),
        ("sub1=+491701234567", "491701234567"),
        ("customer_phone=491701234567", "491701234567"),
        ("user[email]=ann", "ann"),
    ] {
        let reading = read(&world.request(None, query), &world.snapshot, None);
        let stored = format!("{:?} {:?}", reading.stored, reading.fields);
        assert!(!stored.contains(hidden), "{query}: {stored}");
    }
    let mut request = world.request(Some("shop"), "");
    request.method = proofback_domain::postback::Method::Post;
    request.body = br#"{"user": {"phone": "491701234567", "name": "Ann Smith"}}"#.to_vec();
    let stored = format!("{:?}", read(&request, &world.snapshot, None).stored);
    assert!(!stored.contains("Ann") && !stored.contains("4917"), "{stored}");
}

#[test]
fn a_request_of_endless_parameters_ends_early() {
    let (world, _) = shop();
    let query: String = (0..20_000).map(|number| format!("p{number}=1&")).collect();
    let params = world.request(Some("shop"), &query).params();
    assert_eq!((params.pairs.len(), params.fault.is_some()), (200, true));
}

#[test]
fn no_real_txid_is_ever_the_key_of_a_test() {
    let (mut world, click) = shop();
    let sale = |txid: &str, rest: &str| {
        let txid = txid.replace(' ', "+");
        format!("click_id={click}&event=sale&amount=100&currency=EUR&status=approved&txid={txid}{rest}")
    };
    assert_eq!(world.get("shop", &sale("T1", "&test=1")).reason, Reason::Ok);
    for txid in ["test T1", "real T1", "real test T1"] {
        assert_eq!(world.get("shop", &sale(txid, "")).reason, Reason::Ok, "{txid}");
        assert_eq!(world.get("shop", &sale(txid, "")).reason, Reason::Duplicate, "{txid}");
    }
    assert_eq!(world.balance("partner:reelmedia:approved"), "30.00 EUR");
}
