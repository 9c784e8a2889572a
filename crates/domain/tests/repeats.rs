//! Properties over random sequences: repeats never move money, and the books always balance.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::outcome::{Outcome, Reason};
use proptest::prelude::*;
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");
const CLICKS: usize = 3;

/// Six times the usual number; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    6 * ProptestConfig::default().cases
}

/// One postback of a sequence, for one of a few clicks and one of a few txids, so that they meet often.
#[derive(Debug, Clone)]
struct Sent {
    click: usize,
    advertiser: &'static str,
    query: String,
    /// The places at which it is sent again.
    repeats: Vec<prop::sample::Index>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let txid = prop_oneof![Just(""), Just("T1"), Just("T2"), Just("T3")];
    let original = prop_oneof![3 => Just(""), 1 => Just("T1"), 1 => Just("T9")];
    let status = prop_oneof![Just(""), Just("pending"), Just("approved"), Just("rejected"), Just("reversed")];
    let amount = prop_oneof![Just(""), Just("20"), Just("50.55"), Just("100")];
    let time = prop_oneof![3 => Just(None), 1 => (1u32..600).prop_map(Some)];
    let event = prop_oneof![
        2 => Just("ftd"), 1 => Just("deposit"), 1 => Just("registration"), 2 => Just("sale"), 1 => Just("lead"),
        1 => Just("quote"), 1 => Just("refund"), 1 => Just("chargeback"),
    ];
    let test = prop_oneof![6 => Just(""), 1 => Just("&test=1")];
    let repeats = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    (0..CLICKS, any::<bool>(), (event, txid, original, status, amount, time, test), repeats).prop_map(
        |(click, casino, (event, txid, original, status, amount, time, test), repeats)| {
            let time = time.map_or(String::new(), |seconds| (support::START / 1_000 + i64::from(seconds)).to_string());
            let (advertiser, names) = if casino {
                ("casino", ["order", "goal", "st", "sum"])
            } else {
                ("shop", ["txid", "event", "status", "amount"])
            };
            let status = match (casino, status) {
                (true, "approved") => "1",
                (true, "rejected") => "2",
                (_, other) => other,
            };
            let [order, goal, st, sum] = names;
            let query = format!(
                "key=t0ken&{order}={txid}&original_txid={original}&{goal}={event}&{st}={status}&{sum}={amount}&payout={amount}&revenue={amount}&currency=EUR&timestamp={time}{test}"
            );
            Sent { click, advertiser, query, repeats }
        },
    )
}

fn world() -> (Installation, Vec<(String, String)>) {
    let mut world = Installation::new(PROGRAM);
    let clicks = (0..CLICKS)
        .map(|_| (world.click("reelmedia-de").to_string(), world.click("reelmedia-shop").to_string()));
    let clicks = clicks.collect();
    world.pass("15m");
    (world, clicks)
}

fn send(
    world: &mut Installation,
    clicks: &[(String, String)],
    sent: &Sent,
) -> proofback_domain::decide::Decision {
    let (casino, shop) = &clicks[sent.click];
    let query = if sent.advertiser == "casino" {
        format!("cid={casino}&{}", sent.query)
    } else {
        format!("click_id={shop}&{}", sent.query)
    };
    world.pass("1s");
    world.get(sent.advertiser, &query)
}

/// The order in which everything is sent: each first sending in its place, repeats anywhere behind it.
fn with_repeats(sequence: &[Sent]) -> Vec<&Sent> {
    let mut order: Vec<(usize, &Sent)> = sequence.iter().enumerate().collect();
    for (first, sent) in sequence.iter().enumerate() {
        for index in &sent.repeats {
            let place =
                order.iter().position(|(number, one)| *number == first && std::ptr::eq(*one, sent)).unwrap();
            let behind = place + 1 + index.index(order.len() - place);
            order.insert(behind, (first, sent));
        }
    }
    order.into_iter().map(|(_, sent)| sent).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn repeats_in_any_order_give_the_balances_of_the_sequence_sent_once(sequence in prop::collection::vec(sent(), 1..12)) {
        let (mut once, clicks) = world();
        let ids: Vec<_> = sequence.iter().map(|sent| send(&mut once, &clicks, sent).postback_id).collect();
        let mut sequence = sequence;
        for (sent, id) in sequence.iter_mut().zip(ids) {
            // What is rejected in the end takes no key: sent again, it is a new attempt and no repeat.
            if once.outcomes[&id] == Outcome::Rejected {
                sent.repeats.clear();
            }
        }
        let (mut repeated, clicks) = world();
        for sent in with_repeats(&sequence) {
            send(&mut repeated, &clicks, sent);
        }
        prop_assert_eq!(once.balances(), repeated.balances());
    }

    #[test]
    fn the_sum_of_all_accounts_is_zero_and_nothing_is_booked_without_a_cause(sequence in prop::collection::vec(sent(), 1..20)) {
        let (mut world, clicks) = world();
        for sent in &sequence {
            let before = world.transfers.len();
            let decision = send(&mut world, &clicks, sent);
            let moved = before < world.transfers.len();
            let may_move = matches!(decision.outcome, Outcome::Accepted | Outcome::Updated);
            prop_assert!(may_move || !moved, "{:?} moved money", decision.reason);
            let total: i64 = world.balances().values().sum();
            prop_assert_eq!(total, 0);
            // Each conversion's own state says what is booked for it, and the accounts hold nothing else.
            let mut states = std::collections::BTreeMap::new();
            for position in world.conversions.values().filter_map(|conversion| conversion.partner_position()) {
                *states.entry((position.account, position.amount.currency)).or_insert(0i64) += position.amount.micros;
            }
            let mut booked = world.balances();
            booked.retain(|(account, _), _| account.to_string().starts_with("partner:"));
            states.retain(|_, micros| *micros != 0);
            prop_assert_eq!(booked, states);
        }
    }

    #[test]
    fn any_request_is_answered_with_a_reason(query in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..200), kind in 0usize..4) {
        let mut world = Installation::new(PROGRAM);
        let mut request = world.request(Some("shop"), "");
        request.query = query;
        request.body = body;
        request.method = proofback_domain::postback::Method::Post;
        request.content_type = ["", "application/json", "application/x-www-form-urlencoded", "text/xml"][kind].into();
        let decision = world.receive(&request);
        prop_assert_eq!(decision.outcome, Outcome::Rejected);
        prop_assert!(decision.reason != Reason::Ok && !decision.message.is_empty());
    }
}
