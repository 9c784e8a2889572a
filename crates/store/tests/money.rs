//! Tiers, rates and settlements over a real store: what is counted afresh, what waits, what is taken up once.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::calendar::Day;
use proofback_domain::decide::{Decision, Review, Word};
use proofback_domain::id::{ConversionId, Id};
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::outcome::Reason;
use proofback_domain::rates::Rate;
use proofback_domain::settlement::{Refusal, SettlementKind, Step};
use proofback_domain::time::Timestamp;
use proofback_store::{NewRate, NewSettlement, RatesImported, Settled, Subject};
use support::{Installation, adopt_source, later, now};

const PROGRAM: &str = r#"
[program]
name = "Money"
currency = "EUR"
min_payout = "10 EUR"
[[advertiser]]
id = "shop"
currency = "EUR"
[advertiser.postback]
open = true
[[offer]]
id = "box"
advertiser = "shop"
url = "https://shop.example/?c={click_id}"
[[offer.goal]]
event = "sale"
payout = "10%"
revenue = "20%"
approval = "auto"
[[partner]]
id = "reel"
[[link]]
id = "reel-box"
partner = "reel"
offer = "box"
"#;

async fn sale(world: &Installation, txid: &str, amount: &str) -> Decision {
    let click = world.click("reel-box").await;
    let query = format!("click_id={}&event=sale&txid={txid}&amount={amount}", click.id);
    world.send("shop", &query, now()).await.unwrap()
}

async fn earned(world: &Installation, decision: &Decision) -> i64 {
    let conversion = world.store.conversion(decision.conversion_id.unwrap()).await.unwrap().unwrap();
    conversion.commission.map_or(0, |money| money.micros)
}

async fn approved(world: &Installation) -> i128 {
    world.balance("partner:reel:approved").await
}

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

async fn settle(world: &Installation, kind: SettlementKind, draft: bool, at: Timestamp) -> Settled {
    let party = Name::parse(if kind == SettlementKind::Payout { "reel" } else { "shop" }).unwrap();
    let new = NewSettlement {
        kind,
        party,
        currency: euro(),
        up_to: (Day::parse("2099-12-31").unwrap(), later("9999d")),
        author: "ann".into(),
        draft,
        id: Id::new(at, u128::try_from(at.millis()).unwrap() ^ u128::from(draft)),
    };
    let show = Box::new(|row: &proofback_store::SettlementRow| format!("{} {}", row.id, row.amount));
    world.store.settle(new, world.snapshot(), at, None, show).await.unwrap()
}

async fn step(world: &Installation, id: &str, step: Step, at: Timestamp) -> Settled {
    let show = Box::new(|row: &proofback_store::SettlementRow| row.state.code().to_owned());
    let said = ("ann".to_owned(), "because".to_owned());
    let what = (SettlementKind::Payout, id.parse().unwrap(), step);
    world.store.move_settlement(what, said, at, None, show).await.unwrap()
}

fn done(settled: Settled) -> (String, String) {
    let Settled::Done(answer) = settled else { panic!("{settled:?}") };
    answer
        .split_once(' ')
        .map(|(id, amount)| (id.to_owned(), amount.to_owned()))
        .unwrap_or((answer, String::new()))
}

async fn word(world: &Installation, id: ConversionId, word: Word, at: Timestamp) {
    let review = Review { word, author: "ann".into(), reason: "looked at it".into() };
    world.store.review(Subject::Conversion(id), review, world.snapshot(), at).await.unwrap().unwrap();
}

#[tokio::test]
async fn tiers_that_are_new_count_what_was_there_before_them() {
    for (tiers, third) in [
        ("[{ from = \"2\", payout = \"50%\" }]", 50_000_000),
        ("[{ from = \"3\", payout = \"50%\" }]", 10_000_000),
        ("[{ from = \"150 EUR\", payout = \"50%\" }]", 50_000_000),
        ("[{ from = \"150.01 EUR\", payout = \"50%\" }]", 10_000_000),
    ] {
        let world = Installation::with(PROGRAM).await;
        let first = sale(&world, "S1", "100").await;
        sale(&world, "S2", "100").await;
        // A part is taken back: it is volume no more.
        let refund =
            format!("click_id={}&event=refund&original_txid=S1&txid=R1&amount=50", first.click_id.unwrap());
        world.send("shop", &refund, now()).await.unwrap();
        let tiered = format!("payout = \"10%\"\ntiers = {{ per = \"month\", steps = {tiers} }}");
        adopt_source(&world.store, &PROGRAM.replace("payout = \"10%\"", &tiered)).await;
        let decision = sale(&world, "S3", "100").await;
        assert_eq!(earned(&world, &decision).await, third, "{tiers}");
    }
}

#[tokio::test]
async fn a_payout_takes_up_each_conversion_once_and_gives_it_back_when_it_is_cancelled() {
    let world = Installation::with(PROGRAM).await;
    let small = sale(&world, "S1", "90").await;
    assert!(matches!(
        settle(&world, SettlementKind::Payout, false, now()).await,
        Settled::Refused(Refusal::BelowMinimum { .. })
    ));
    sale(&world, "S2", "60").await;
    let (draft, sum) = done(settle(&world, SettlementKind::Payout, true, later("1m")).await);
    assert_eq!((sum.as_str(), approved(&world).await), ("15 EUR", 15_000_000), "a draft books nothing");
    let again = settle(&world, SettlementKind::Payout, false, later("2m")).await;
    assert!(matches!(again, Settled::Refused(Refusal::Nothing { .. })), "{again:?}");
    // What happens to a conversion afterwards is for the next payout.
    word(
        &world,
        small.conversion_id.unwrap(),
        Word::Status(proofback_domain::outcome::Status::Reversed),
        later("3m"),
    )
    .await;
    assert_eq!(done(step(&world, &draft, Step::Settle, later("4m")).await).0, "paid");
    assert_eq!(approved(&world).await, -9_000_000);
    assert_eq!(world.balance("partner:reel:paid").await, 15_000_000);
    let carried = settle(&world, SettlementKind::Payout, false, later("5m")).await;
    assert!(matches!(carried, Settled::Refused(Refusal::Carried { .. })), "{carried:?}");
    sale(&world, "S3", "300").await;
    let (second, sum) = done(settle(&world, SettlementKind::Payout, false, later("6m")).await);
    assert_eq!((sum.as_str(), approved(&world).await), ("21 EUR", 0), "what was taken back is made up for");
    assert!(matches!(step(&world, &second, Step::Settle, later("7m")).await, Settled::Refused(_)));
    assert_eq!(done(step(&world, &second, Step::Cancel, later("8m")).await).0, "cancelled");
    assert_eq!(approved(&world).await, 21_000_000);
    assert!(matches!(step(&world, &second, Step::Cancel, later("9m")).await, Settled::Refused(_)));
    let (_, sum) = done(settle(&world, SettlementKind::Payout, false, later("10m")).await);
    assert_eq!((sum.as_str(), world.balance("partner:reel:paid").await), ("21 EUR", 36_000_000));
}

#[tokio::test]
async fn an_invoice_takes_up_what_the_advertiser_owes() {
    let world = Installation::with(PROGRAM).await;
    sale(&world, "S1", "100").await;
    assert_eq!(world.balance("advertiser:shop:due").await, -20_000_000);
    let (_, sum) = done(settle(&world, SettlementKind::Invoice, false, later("1m")).await);
    assert_eq!(sum, "20 EUR");
    assert_eq!(world.balance("advertiser:shop:due").await, 0);
    assert_eq!(world.balance("advertiser:shop:invoiced").await, -20_000_000);
    assert!(matches!(
        settle(&world, SettlementKind::Invoice, false, later("2m")).await,
        Settled::Refused(Refusal::Nothing { .. })
    ));
}

#[tokio::test]
async fn rates_are_all_or_nothing_and_what_waited_for_them_is_decided() {
    let world = Installation::with(&PROGRAM.replace("revenue = \"20%\"", "min_amount = \"20 EUR\"")).await;
    let click = world.click("reel-box").await;
    let query = format!("click_id={}&event=sale&txid=S1&amount=100&currency=USD", click.id);
    assert_eq!(world.send("shop", &query, now()).await.unwrap().reason, Reason::RateMissing);
    let rate = |day: &str, rate: &str| NewRate {
        day: Day::parse(day).unwrap(),
        base: euro(),
        currency: Currency::parse("USD").unwrap(),
        rate: Rate::parse(rate).unwrap(),
    };
    let import = async |rates: Vec<NewRate>, replace: bool| {
        world.store.import_rates(rates, replace, "ann".into(), later("1h")).await.unwrap()
    };
    // Too old, and after the event: neither stands in.
    assert_eq!(import(vec![rate("2026-11-15", "1.2"), rate("2026-11-22", "1.3")], false).await.added, 2);
    assert_eq!(world.store.rates_arrived(later("1h")).await.unwrap(), 0);
    let refused = import(vec![rate("2026-11-15", "1.21"), rate("2026-11-20", "1.25")], false).await;
    assert_eq!((refused.added, refused.different.len()), (0, 1), "one conflict refuses the file");
    assert_eq!(world.store.rates_arrived(later("1h")).await.unwrap(), 0);
    assert_eq!(
        import(vec![rate("2026-11-20", "1.25")], false).await,
        RatesImported { added: 1, ..Default::default() }
    );
    assert_eq!(world.store.rates_arrived(later("2h")).await.unwrap(), 1);
    assert_eq!(world.balance("partner:reel:approved").await, 10_000_000);
    assert_eq!(world.store.rates_arrived(later("3h")).await.unwrap(), 0);
}
