//! What postbacks mean: the life of conversions, and each reason with a request that produces it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use proofback_domain::decide::{Decision, Word};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::Verdict;
use proofback_domain::time::Timestamp;
use support::{Installation, START};

const PROGRAM: &str = include_str!("support/program.toml");

fn casino() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de").to_string();
    (world, click)
}

fn shop() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-shop").to_string();
    (world, click)
}

fn casino_get(world: &mut Installation, query: &str) -> Decision {
    world.get("casino", &format!("key=t0ken&{query}"))
}

fn reasons(decisions: &[Decision]) -> Vec<Reason> {
    decisions.iter().map(|decision| decision.reason).collect()
}

#[test]
fn a_first_deposit_pays_once_and_tells_the_partner() {
    let (mut world, click) = casino();
    let first = casino_get(&mut world, &format!("cid={click}&order=A1&goal=dep&st=1&sum=120"));
    assert_eq!(
        (first.outcome, first.reason, first.status),
        (Outcome::Accepted, Reason::Ok, Some(Status::Approved))
    );
    assert_eq!(first.message, "ftd A1 recorded, approved");
    let repeat = casino_get(&mut world, &format!("cid={click}&order=A1&goal=dep&st=1&sum=120"));
    assert_eq!((repeat.reason, repeat.conversion_id), (Reason::Duplicate, first.conversion_id));
    assert_eq!(world.balance("partner:reelmedia:approved"), "140.00 EUR");
    assert_eq!(world.balance("advertiser:casino:due"), "-150.00 EUR");
    assert_eq!(world.balance("house:income"), "150.00 EUR");
    assert_eq!(world.balance("house:commission"), "-140.00 EUR");
    assert_eq!(
        world.told(),
        ["conversion.created", "conversion.approved 140.00", "commission.earned 140.00 140.00"]
    );
}

#[test]
fn pending_then_approved_then_reversed_moves_the_money_each_time() {
    let (mut world, click) = casino();
    casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&sum=50"));
    assert_eq!(world.balance("partner:reelmedia:pending"), "140.00 EUR");
    assert_eq!(world.balance("house:income"), "0");
    let approved = casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1"));
    assert_eq!(approved.reason, Reason::StatusChanged);
    assert_eq!(world.balance("partner:reelmedia:pending"), "0");
    assert_eq!(world.balance("partner:reelmedia:approved"), "140.00 EUR");
    let reversed = casino_get(&mut world, &format!("cid={click}&order=A1&goal=chargeback"));
    assert_eq!((reversed.reason, reversed.status), (Reason::Reversed, Some(Status::Reversed)));
    assert!(world.balances().is_empty(), "{:?}", world.balances());
    assert_eq!(world.told().last().unwrap(), "commission.adjusted 0.00 -140.00");
}

#[test]
fn a_late_repeat_never_pays_again_unless_its_time_is_newer() {
    let (mut world, click) = casino();
    let at = |seconds: i64| START / 1_000 + seconds;
    world.pass("1h");
    casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50&timestamp={}", at(10)));
    casino_get(
        &mut world,
        &format!("cid={click}&order=A1&goal=refund&original_txid=A1&timestamp={}", at(20)),
    );
    let late =
        casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50&timestamp={}", at(10)));
    assert_eq!(late.reason, Reason::Duplicate);
    assert!(world.balances().is_empty());
    let newer =
        casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50&timestamp={}", at(30)));
    assert_eq!(newer.reason, Reason::StatusChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "140.00 EUR");
    let again =
        casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50&timestamp={}", at(30)));
    assert_eq!(again.reason, Reason::Duplicate);
}

#[test]
fn a_repeat_with_another_amount_is_an_adjustment() {
    let (mut world, click) = shop();
    world
        .get("shop", &format!("click_id={click}&txid=S1&event=sale&status=approved&amount=100&currency=eur"));
    assert_eq!(world.balance("partner:reelmedia:approved"), "10.00 EUR");
    let changed = world.get("shop", &format!("click_id={click}&txid=S1&event=sale&amount=80&currency=EUR"));
    assert_eq!(changed.reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "8.00 EUR");
    assert_eq!(world.balance("house:income"), "12.00 EUR");
    let late = world
        .get("shop", &format!("click_id={click}&txid=S1&event=sale&status=approved&amount=100&currency=EUR"));
    assert_eq!(late.reason, Reason::Duplicate);
    assert_eq!(world.balance("partner:reelmedia:approved"), "8.00 EUR");
    assert_eq!(world.told().last().unwrap(), "commission.adjusted 8.00 -2.00");
}

#[test]
fn partial_refunds_add_up_and_never_exceed_the_original() {
    let (mut world, click) = shop();
    world
        .get("shop", &format!("click_id={click}&txid=S1&event=sale&status=approved&amount=100&currency=EUR"));
    let part = |txid: &str, amount: u32| {
        format!("click_id={click}&txid={txid}&event=refund&original_txid=S1&amount={amount}&currency=EUR")
    };
    assert_eq!(world.get("shop", &part("R1", 30)).reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "7.00 EUR");
    assert_eq!(world.get("shop", &part("R1", 30)).reason, Reason::Duplicate);
    assert_eq!(world.get("shop", &part("R2", 20)).reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "5.00 EUR");
    let corrected = world.get("shop", &part("R2", 25));
    assert_eq!(corrected.reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "4.50 EUR");
    assert_eq!(world.get("shop", &part("R3", 90)).reason, Reason::Reversed);
    assert!(world.balances().is_empty());
    assert_eq!(world.get("shop", &part("R4", 10)).reason, Reason::Duplicate);
    assert!(world.balances().is_empty());
}

#[test]
fn a_fixed_commission_falls_only_when_the_rest_falls_under_the_minimum() {
    let (mut world, click) = casino();
    casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50"));
    casino_get(&mut world, &format!("cid={click}&order=R1&goal=refund&original_txid=A1&sum=20"));
    assert_eq!(world.balance("partner:reelmedia:approved"), "140.00 EUR");
    casino_get(&mut world, &format!("cid={click}&order=R2&goal=refund&original_txid=A1&sum=15"));
    assert_eq!(world.balance("partner:reelmedia:approved"), "0");
}

#[test]
fn a_refund_that_overtakes_its_sale_is_applied_when_that_arrives() {
    let (mut world, click) = shop();
    let refund = format!("click_id={click}&txid=R1&event=refund&original_txid=S1");
    assert_eq!(world.get("shop", &refund).reason, Reason::AwaitingOriginal);
    assert_eq!(world.get("shop", &refund).reason, Reason::Duplicate);
    world
        .get("shop", &format!("click_id={click}&txid=S1&event=sale&status=approved&amount=100&currency=EUR"));
    assert!(world.balances().is_empty());
    assert_eq!(world.conversions.values().next().unwrap().status, Status::Reversed);
    assert_eq!(world.get("shop", &refund).reason, Reason::Duplicate);
}

#[test]
fn a_postback_that_overtakes_its_click_is_decided_when_that_arrives() {
    let mut world = Installation::new(PROGRAM);
    let click = world.make_click("reelmedia-de", &[]);
    let query = format!("cid={}&order=A1&goal=ftd&st=1&sum=50", click.id);
    assert_eq!(casino_get(&mut world, &query).reason, Reason::AwaitingClick);
    assert_eq!(casino_get(&mut world, &query).reason, Reason::Duplicate);
    assert!(world.balances().is_empty());
    world.arrive(click);
    assert_eq!(world.balance("partner:reelmedia:approved"), "140.00 EUR");
    assert_eq!(casino_get(&mut world, &query).reason, Reason::Duplicate);
}

#[test]
fn a_known_txid_stands_in_for_a_click_id_that_is_not_sent() {
    let (mut world, click) = casino();
    casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&sum=50"));
    let approved = casino_get(&mut world, "order=A1&goal=ftd&st=1");
    assert_eq!(
        (approved.reason, approved.click_id.map(|id| id.to_string())),
        (Reason::StatusChanged, Some(click))
    );
    let refunded = casino_get(&mut world, "order=R9&goal=refund&original_txid=A1");
    assert_eq!(refunded.reason, Reason::Reversed);
}

#[test]
fn goals_decide_what_a_second_txid_means() {
    let (mut world, click) = casino();
    let query =
        |order: &str, goal: &str, sum: u32| format!("cid={click}&order={order}&goal={goal}&sum={sum}");
    let decisions = [
        casino_get(&mut world, &query("N1", "registration", 0)),
        casino_get(&mut world, &query("N2", "registration", 0)),
        casino_get(&mut world, &query("D1", "deposit", 100)),
        casino_get(&mut world, &query("D2", "deposit", 100)),
        casino_get(&mut world, &query("D1", "deposit", 100)),
        casino_get(&mut world, &query("D2", "deposit", 100)),
        casino_get(&mut world, &query("D2", "deposit", 150)),
    ];
    assert_eq!(
        reasons(&decisions),
        [
            Reason::Ok,
            Reason::DuplicateEvent,
            Reason::Ok,
            Reason::AmountChanged,
            Reason::Duplicate,
            Reason::Duplicate,
            Reason::AmountChanged
        ]
    );
    assert_eq!(world.balance("partner:reelmedia:approved"), "25.00 EUR");

    let (mut world, click) = shop();
    let quote = |txid: &str, payout: u32| {
        format!("click_id={click}&txid={txid}&event=quote&payout={payout}&currency=EUR")
    };
    let decisions = [
        world.get("shop", &quote("Q1", 5)),
        world.get("shop", &quote("Q2", 9)),
        world.get("shop", &quote("Q1", 5)),
    ];
    assert_eq!(reasons(&decisions), [Reason::Ok, Reason::AmountChanged, Reason::Duplicate]);
    assert_eq!(world.balance("partner:reelmedia:approved"), "9.00 EUR");
}

#[test]
fn without_a_txid_the_window_tells_a_repeat_from_a_new_event() {
    let (mut world, click) = shop();
    let query = format!("click_id={click}&event=sale&status=approved&amount=10&currency=EUR");
    let first = world.get("shop", &query);
    world.pass("23h");
    let repeat = world.get("shop", &query);
    world.pass("2h");
    let second = world.get("shop", &query);
    assert_eq!(reasons(&[first, repeat, second]), [Reason::Ok, Reason::DuplicateInWindow, Reason::Ok]);
    assert_eq!(world.balance("partner:reelmedia:approved"), "2.00 EUR");
}

#[test]
fn what_a_person_must_approve_no_sender_approves() {
    let (mut world, click) = shop();
    let lead = world.get("shop", &format!("click_id={click}&txid=L1&event=lead&status=approved"));
    assert_eq!((lead.reason, lead.status), (Reason::Ok, Some(Status::Pending)));
    let again = world.get("shop", &format!("click_id={click}&txid=L1&event=lead&status=approved"));
    assert_eq!(again.reason, Reason::Duplicate);
    let rejected = world.get("shop", &format!("click_id={click}&txid=L1&event=lead&status=rejected"));
    assert_eq!((rejected.reason, rejected.status), (Reason::StatusChanged, Some(Status::Rejected)));
}

#[test]
fn a_traffic_source_without_terms_earns_nothing() {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("buyer-de");
    let decision = casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50"));
    assert_eq!(decision.reason, Reason::Ok);
    assert_eq!(world.balance("partner:buyer:approved"), "0");
    assert_eq!(world.balance("house:income"), "150.00 EUR");
}

#[test]
fn a_test_runs_through_everything_and_counts_in_no_balance() {
    let (mut world, click) = casino();
    let decision = casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50&test=1"));
    assert_eq!(decision.reason, Reason::Ok);
    assert!(world.balances().is_empty());
    assert_eq!(world.told().len(), 3);
}

#[test]
fn an_amount_below_the_minimum_is_recorded_and_earns_nothing() {
    let (mut world, click) = casino();
    let decision = casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=19.99"));
    assert_eq!((decision.reason, decision.status), (Reason::Ok, Some(Status::Approved)));
    assert!(world.balances().is_empty());
    assert_eq!(world.told(), ["conversion.created", "conversion.approved"]);
}

#[test]
fn what_waits_has_no_place_on_any_account() {
    let (mut world, click) = casino();
    casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50"));
    let mut conversion = world.conversions.values().next().unwrap().clone();
    assert!(conversion.partner_position().is_some() && conversion.income_position().is_some());
    conversion.held = Some(Reason::FraudReview);
    assert_eq!((conversion.partner_position(), conversion.income_position()), (None, None));
    assert_eq!(conversion.approved_commission(), None);
}

#[test]
fn an_amount_that_was_missing_books_when_it_comes() {
    let (mut world, click) = shop();
    let held = world.get("shop", &format!("click_id={click}&txid=S1&event=sale&status=approved"));
    assert_eq!((held.reason, held.outcome), (Reason::AmountMissing, Outcome::Held));
    assert!(world.balances().is_empty() && world.told().is_empty());
    let released = world.get("shop", &format!("click_id={click}&txid=S1&event=sale&amount=100&currency=EUR"));
    assert_eq!(released.reason, Reason::AmountChanged);
    assert_eq!(world.balance("partner:reelmedia:approved"), "10.00 EUR");
    assert_eq!(
        world.told(),
        ["conversion.created", "conversion.approved 10.00", "commission.earned 10.00 10.00"]
    );
}

#[test]
fn the_click_names_the_advertiser_where_the_address_does_not() {
    let mut world = Installation::new(PROGRAM);
    let (single, several) = (world.click("reelmedia-de"), world.click("reelmedia-both"));
    let request = world.request(None, &format!("key=t0ken&cid={single}&goal=registration"));
    assert_eq!(world.receive(&request).reason, Reason::Ok);
    let advertiser = world.clicks[&several].advertiser.to_string();
    let query = match advertiser.as_str() {
        "casino" => format!("key=t0ken&cid={several}&goal=registration"),
        _ => format!("cid={several}&event=lead"),
    };
    let request = world.request(None, &query);
    let decision = world.receive(&request);
    assert_eq!(
        (decision.reason, decision.advertiser.map(|id| id.to_string())),
        (Reason::Ok, Some(advertiser))
    );
}

#[test]
fn equal_input_gives_an_equal_decision() {
    let decide_once = || {
        let (mut world, click) = casino();
        casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&st=1&sum=50"))
    };
    assert_eq!(decide_once(), decide_once());
}

#[test]
fn the_explanation_lists_the_checks_in_order_and_ends_at_the_first_that_fails() {
    let (mut world, click) = casino();
    let decision = casino_get(&mut world, &format!("cid={click}&order=A1&goal=ftd&sum=1,50"));
    let names: Vec<&str> = decision.checks.iter().map(|check| check.check.as_str()).collect();
    assert_eq!(names, ["transport", "advertiser", "token", "form", "click_id", "event", "status", "amount"]);
    assert_eq!(decision.checks.last().unwrap().verdict, Verdict::Failed);
    assert_eq!((decision.field.as_str(), decision.reason), ("sum", Reason::BadAmount));
    assert!(!decision.advice.is_empty());
}

#[test]
fn a_damaged_copy_of_an_address_is_repaired_and_said_so() {
    let (mut world, click) = shop();
    for (txid, query) in [
        ("1", format!("click_id={click}&txid=1&event=sale&amount=10¤cy=EUR")),
        ("2", format!("click_id={click}&txid=2&event=sale&amount=10%C2%A4cy=EUR")),
        ("3", format!("click_id={click}&amp;txid=3&amp;event=sale&amp;amount=10&amp;currency=EUR")),
    ] {
        let decision = world.get("shop", &query);
        assert_eq!(decision.reason, Reason::Ok, "{txid}: {}", decision.message);
        assert!(
            decision.checks.iter().any(|check| check.check == "form" && check.verdict == Verdict::Noted),
            "{txid}"
        );
    }
}

#[test]
fn personal_data_and_secrets_are_in_no_stored_form() {
    let (world, click) = casino();
    let query = format!(
        "key=t0ken&cid={click}&order=ann%40example.com&goal=ftd&st=t0ken&sum=50&email=ann%40example.com&sub1=ann%40example.com&phone=123&x=%2B491701234567"
    );
    let reading =
        proofback_domain::postback::read(&world.request(Some("casino"), &query), &world.snapshot, None);
    let stored = format!("{:?} {:?}", reading.stored, reading.fields);
    for secret in ["t0ken", "ann@", "ann%40", "123\"", "1701234567"] {
        assert!(!stored.contains(secret), "{secret} in {stored}");
    }
    assert!(stored.contains("email-") && stored.contains(&click));
}

/// A request that produces each reason that this version gives.
fn produce(reason: Reason) -> Decision {
    let (mut world, click) = casino();
    let text = click.as_str();
    let mut get = |query: &str| casino_get(&mut world, query);
    let sale = format!("cid={text}&order=A1&goal=ftd&st=1&sum=50");
    match reason {
        Reason::Ok => get(&sale),
        Reason::StatusChanged => {
            get(&sale);
            get(&format!("cid={text}&order=A1&goal=ftd&st=2"))
        }
        Reason::AmountChanged => {
            get(&format!("cid={text}&order=A1&goal=deposit&sum=50"));
            get(&format!("cid={text}&order=A1&goal=deposit&sum=60"))
        }
        Reason::Reversed => {
            get(&sale);
            get(&format!("cid={text}&order=A1&goal=refund"))
        }
        Reason::Duplicate => {
            get(&sale);
            get(&sale)
        }
        Reason::DuplicateInWindow => {
            get(&format!("cid={text}&goal=registration"));
            get(&format!("cid={text}&goal=registration"))
        }
        Reason::DuplicateEvent => {
            get(&format!("cid={text}&order=N1&goal=registration"));
            get(&format!("cid={text}&order=N2&goal=registration"))
        }
        Reason::PayoutNotAllowed => get(&format!("{sale}&payout=77")),
        Reason::AmountMissing => get(&format!("cid={text}&order=A1&goal=deposit")),
        Reason::RateMissing => get(&format!("{sale}&currency=USD")),
        Reason::AwaitingClick => {
            let click = world.make_click("reelmedia-de", &[]);
            casino_get(&mut world, &format!("cid={}&goal=registration", click.id))
        }
        Reason::AwaitingOriginal => get(&format!("cid={text}&order=R1&goal=refund&original_txid=A1")),
        Reason::AmbiguousOriginal => {
            get(&sale);
            get(&format!("cid={text}&order=A2&goal=ftd&st=1&sum=50"));
            get(&format!("cid={text}&goal=refund"))
        }
        Reason::MissingClickId => get("order=A1&goal=ftd"),
        Reason::UnexpandedMacro => get("cid=%7Bclickid%7D&goal=ftd"),
        Reason::MalformedRequest => get(&format!("cid={text}&goal=ftd&goal=registration")),
        Reason::TruncatedClickId => get(&format!("cid={}&goal=ftd", &text[..20])),
        Reason::AlteredClickId => get(&format!("cid={}0z&goal=ftd", &text[..24])),
        Reason::BadToken => world.get("casino", &format!("key=wrong&cid={text}&goal=ftd")),
        Reason::UnknownClickId => get("cid=c384EFV6JHQODRN70575OK6UG5&goal=ftd"),
        Reason::UnknownAdvertiser => world.get("nobody", "cid=x"),
        Reason::TxidConflict => {
            get(&sale);
            let other = world.click("reelmedia-de");
            casino_get(&mut world, &format!("cid={other}&order=A1&goal=ftd&st=1&sum=50"))
        }
        Reason::InvalidTransition => {
            get(&sale);
            get(&format!("cid={text}&order=A1&goal=refund"));
            get(&format!("cid={text}&order=A1&goal=ftd&st=2"))
        }
        Reason::UnknownEvent => get(&format!("cid={text}&goal=signup")),
        Reason::UnknownStatus => get(&format!("cid={text}&goal=ftd&st=maybe")),
        Reason::BadAmount => get(&format!("cid={text}&goal=ftd&sum=1,50")),
        Reason::BadCurrency => get(&format!("cid={text}&goal=ftd&sum=1&currency=EURO")),
        Reason::BadTimestamp => get(&format!("cid={text}&goal=ftd&sum=1&timestamp=yesterday")),
        Reason::OutsideWindow => {
            world.pass("31d");
            casino_get(&mut world, &sale)
        }
        Reason::NothingToReverse => get(&format!("cid={text}&goal=refund")),
        Reason::HttpsRequired => world.get("strict", "click_id=x"),
        Reason::IpNotAllowed => strict(|_| {}, [192, 0, 2, 1], 0, "s3cret"),
        Reason::BadSignature => strict(|_| {}, [203, 0, 113, 9], 0, "other"),
        Reason::StaleTimestamp => strict(|_| {}, [203, 0, 113, 9], 301, "s3cret"),
        Reason::FraudReview => gated(|_| {}, "&txid=1"),
        Reason::FraudRejected => gated(|click| click.details.device = "bot".into(), "&txid=1"),
        Reason::OverCap => {
            let (mut world, click) = gates("small");
            world.get("shop", &format!("click_id={click}&event=sale&txid=1"));
            world.get("shop", &format!("click_id={click}&event=sale&txid=2"))
        }
        Reason::PixelUnconfirmed => {
            let (mut world, click) = gates("quick");
            let mut request = world.request(Some("shop"), &format!("click_id={click}&event=sale"));
            request.pixel = true;
            world.receive(&request)
        }
    }
}

/// An installation with caps and fraud rules, and a click in it.
fn gates(link: &str) -> (Installation, String) {
    let mut world = Installation::new(include_str!("support/gates.toml"));
    let click = world.click(link).to_string();
    (world, click)
}

/// A sale in the second of its click, which is too fast.
fn gated(change: impl Fn(&mut proofback_domain::click::Click), more: &str) -> Decision {
    let (mut world, _) = gates("watched");
    let mut click = world.make_click("watched", &[]);
    click.details.device = "desktop".into();
    change(&mut click);
    let id = click.id;
    world.arrive(click);
    world.get("shop", &format!("click_id={id}&event=sale{more}"))
}

/// A signed postback to the advertiser that asks for everything.
fn strict(
    change: impl Fn(&mut proofback_domain::postback::Request),
    ip: [u8; 4],
    seconds_ago: i64,
    secret: &str,
) -> Decision {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-strict");
    let mut request = world.request(Some("strict"), &format!("click_id={click}&txid=1&event=sale"));
    request.https = true;
    request.ip = ip.into();
    let signed_at = Timestamp::from_millis(START - seconds_ago * 1_000).iso();
    let signature = sign(&signed_at, &request.query, secret);
    request.headers = vec![("x-signature".into(), signature), ("x-timestamp".into(), signed_at)];
    change(&mut request);
    world.receive(&request)
}

#[test]
fn every_reason_is_produced_by_a_request() {
    let mut produced = BTreeSet::new();
    for reason in Reason::ALL {
        let decision = produce(reason);
        assert_eq!(decision.reason, reason, "{}", decision.message);
        assert_eq!(decision.outcome, reason.outcome());
        produced.insert(decision.reason.code());
    }
    assert_eq!(produced.len(), Reason::ALL.len(), "each of them once");
}

#[test]
fn every_reason_of_what_is_not_counted_says_what_to_expect_and_what_to_change() {
    let uncounted = |reason: &Reason| matches!(reason.outcome(), Outcome::Held | Outcome::Rejected);
    for decision in Reason::ALL.into_iter().filter(uncounted).map(produce) {
        assert!(!decision.advice.is_empty() && !decision.message.is_empty(), "{decision:?}");
        let waits = matches!(decision.reason, Reason::AwaitingClick | Reason::FraudReview | Reason::OverCap);
        assert_eq!(decision.expected.is_empty(), waits, "{decision:?}");
    }
}

#[test]
fn a_rejected_postback_changes_nothing_and_takes_no_key() {
    for reason in Reason::ALL.into_iter().filter(|reason| reason.outcome() == Outcome::Rejected) {
        assert_eq!(produce(reason).effects, proofback_domain::decide::Effects::default(), "{reason:?}");
    }
}

#[test]
fn a_signed_postback_is_taken_as_it_was_signed() {
    assert_eq!(strict(|_| {}, [203, 0, 113, 9], 299, "s3cret").reason, Reason::Ok);
    let bent = strict(|request| request.query.extend_from_slice(b"&x=1"), [203, 0, 113, 9], 0, "s3cret");
    assert_eq!(bent.reason, Reason::BadSignature);
    let cut = strict(|request| request.headers[0].1.truncate(62), [203, 0, 113, 9], 0, "s3cret");
    assert_eq!(cut.reason, Reason::BadSignature);
    let missing = strict(|request| drop(request.headers.remove(0)), [203, 0, 113, 9], 0, "s3cret");
    assert_eq!(missing.reason, Reason::BadSignature);
    let timeless = strict(|request| drop(request.headers.remove(1)), [203, 0, 113, 9], 0, "s3cret");
    assert_eq!(timeless.reason, Reason::StaleTimestamp);
}

fn sign(signed_at: &str, payload: &[u8], secret: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(format!("{signed_at}.").as_bytes());
    hmac.update(payload);
    hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_batch_is_signed_as_a_whole() {
    use proofback_domain::postback::{Method, read_member, split};
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-strict");
    let mut request = world.request(Some("strict"), "");
    let body = format!(r#"[{{"click_id": "{click}", "event": "sale"}}, {{"click_id": "{click}"}}]"#);
    let signed_at = Timestamp::from_millis(START).iso();
    let signature = sign(&signed_at, body.as_bytes(), "s3cret");
    request.method = Method::Post;
    request.https = true;
    request.ip = [203, 0, 113, 9].into();
    request.headers = vec![("x-signature".into(), signature), ("x-timestamp".into(), signed_at)];
    for (body, reason) in [(body.clone(), None), (format!("{body} "), Some(Reason::BadSignature))] {
        request.body = body.into_bytes();
        let batch = split(&request, &world.snapshot);
        assert_eq!(batch.requests.len(), 2);
        for (number, member) in batch.requests.iter().enumerate() {
            let reading = read_member(member, number, &batch, &world.snapshot);
            assert_eq!(reading.rejection.map(|rejection| rejection.reason), reason);
        }
    }
}

#[test]
fn a_payout_that_a_person_allowed_does_not_allow_the_next_one() {
    let (mut world, click) = casino();
    let deposit = |payout: &str| format!("cid={click}&order=A1&goal=dep&st=1&sum=50&payout={payout}");
    let held = casino_get(&mut world, &deposit("77"));
    assert_eq!(held.reason, Reason::PayoutNotAllowed);
    let id = held.conversion_id.unwrap();
    assert_eq!(world.review(id, Word::Accept).unwrap().reason, Reason::Ok);
    assert_eq!(casino_get(&mut world, &deposit("77")).reason, Reason::Duplicate);
    let amount = casino_get(&mut world, &deposit("77").replace("sum=50", "sum=60"));
    assert_eq!(amount.reason, Reason::AmountChanged, "what the person saw is allowed still");
    assert_eq!(casino_get(&mut world, &deposit("9999")).reason, Reason::PayoutNotAllowed);
    assert_eq!(casino_get(&mut world, &deposit("100")).reason, Reason::AmountChanged);
}

#[test]
fn a_batch_that_cannot_be_split_is_told_what_a_batch_is() {
    use proofback_domain::postback::{Method, OBJECTS_MAX};
    let mut world = Installation::new(PROGRAM);
    let mut request = world.request(Some("shop"), "");
    request.method = Method::Post;
    let many = vec!["{}"; OBJECTS_MAX + 1].join("\n");
    for (body, message) in [
        ("", "the body holds no objects"),
        ("[]", "the body holds no objects"),
        ("[{]", "the body is no JSON array"),
        (&many, "the body holds 1001 objects"),
    ] {
        request.body = body.as_bytes().to_vec();
        let decisions = world.receive_batch(&request);
        assert_eq!(reasons(&decisions), [Reason::MalformedRequest], "{message}");
        assert_eq!(decisions[0].message, message);
        assert!(decisions[0].expected.contains("at most 1000"), "{}", decisions[0].expected);
        assert!(decisions[0].advice.contains("at most 1000"), "{}", decisions[0].advice);
    }
}
