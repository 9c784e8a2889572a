//! Payouts and rates over a real store: what is open is settled once, in the currency and up to the day asked for.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::calendar::Day;
use proofback_domain::click_id::ClickId;
use proofback_domain::decide::Decision;
use proofback_domain::id::Id;
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::rates::Rate;
use proofback_domain::settlement::{Refusal, SettlementKind};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{NewRate, NewSettlement, Settled};
use support::{Installation, later, now};

async fn pay(world: &Installation, code: &str, end: Timestamp, at: Timestamp, draft: bool) -> Settled {
    let asked = NewSettlement {
        kind: SettlementKind::Payout,
        party: Name::parse("reelmedia").unwrap(),
        currency: Currency::parse(code).unwrap(),
        up_to: (Day::parse("2026-12-31").unwrap(), end),
        author: "ann".into(),
        draft,
        id: Id::new(at, 7),
    };
    let show = Box::new(|row: &proofback_store::SettlementRow| row.amount.to_string());
    world.store.settle(asked, world.snapshot(), at, None, show).await.unwrap()
}

async fn pays(world: &Installation, code: &str, at: &str, draft: bool) -> String {
    match pay(world, code, later("30d"), later(at), draft).await {
        Settled::Done(amount) => amount,
        other => format!("{other:?}"),
    }
}

async fn sale(world: &Installation, click: ClickId, words: &str, at: &str) -> Decision {
    let query = format!("click_id={click}&event=sale&status=approved&{words}");
    world.send("shop", &query, later(at)).await.unwrap()
}

#[tokio::test]
async fn a_draft_takes_up_nothing_of_another_currency() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await.id;
    sale(&world, click, "txid=S1&amount=100&currency=EUR", "0s").await;
    assert_eq!(pays(&world, "EUR", "1m", true).await, "10 EUR");
    sale(&world, click, "txid=S1&amount=70&currency=USD", "2m").await;
    assert_eq!(pays(&world, "USD", "3m", false).await, "7 USD");
}

#[tokio::test]
async fn what_was_paid_too_much_in_one_currency_is_carried_whatever_is_paid_in_another() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await.id;
    sale(&world, click, "txid=S1&amount=100&currency=EUR", "0s").await;
    assert_eq!(pays(&world, "EUR", "1m", false).await, "10 EUR");
    sale(&world, click, "txid=S1&amount=70&currency=USD", "2m").await;
    assert_eq!(pays(&world, "USD", "3m", false).await, "7 USD");
    sale(&world, click, "txid=S2&amount=250&currency=EUR", "4m").await;
    assert_eq!(pays(&world, "EUR", "5m", false).await, "15 EUR", "25 less the 10 of before");
}

#[tokio::test]
async fn a_payout_takes_in_its_last_day_and_not_the_first_moment_of_the_next() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await.id;
    sale(&world, click, "txid=S1&amount=100&currency=EUR", "0s").await;
    let at_its_end = pay(&world, "EUR", now(), later("1m"), false).await;
    assert!(matches!(at_its_end, Settled::Refused(Refusal::Nothing { .. })), "{at_its_end:?}");
    let behind = pay(&world, "EUR", now().plus(Span::from_millis(1)), later("1m"), false).await;
    assert!(matches!(behind, Settled::Done(_)), "{behind:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rates_that_are_imported_at_once_are_all_known() {
    let world = std::sync::Arc::new(Installation::new().await);
    let first = Day::parse("2020-01-01").unwrap().number();
    for round in 0..50 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..8 {
            let world = std::sync::Arc::clone(&world);
            tasks.spawn(async move {
                let (base, currency) = (Currency::parse("EUR").unwrap(), Currency::parse("USD").unwrap());
                let day = Day::from_number(first + round * 8 + number);
                let rate = NewRate { day, base, currency, rate: Rate::parse("1.25").unwrap() };
                world.store.import_rates(vec![rate], false, "ann".into(), now()).await.unwrap();
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(i64::from(world.snapshot().rates.last()), i64::from(round + 1) * 8);
    }
}
