//! Two writers on one conversion: whatever is said about it at the same time, it ends as if one had come after the
//! other, and nothing is paid twice.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use proofback_domain::calendar::Day;
use proofback_domain::decide::{Decision, Review, Word};
use proofback_domain::id::{ConversionId, Id, SettlementId};
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::outcome::Status;
use proofback_domain::settlement::{SettlementKind, Step};
use proofback_store::{
    Answered, Idempotency, NewSettlement, Settled, SettlementRow, ShowSettlement, Subject,
};
use support::{Installation, later};

#[derive(Debug, Clone, Copy)]
enum Deed {
    /// A sender's word; the conversion's click and txid are added.
    Send(&'static str),
    Status(Status),
    /// Euros, and an Idempotency-Key.
    Adjust(i64, Option<&'static str>),
    /// Pays what is open, under an Idempotency-Key.
    Pay(Option<&'static str>),
    /// Moves the settlement on that was made before.
    Move(Step),
}

/// What is there before the two.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Pending,
    Approved,
    Drafted,
    Paid,
}

const REFUND: &str = "event=refund&txid=R&original_txid=S&amount=30";
const REVERSAL: &str = "event=chargeback&txid=R&original_txid=S";
const REJECTED: &str = "event=sale&txid=S&status=rejected";
const DEARER: &str = "event=sale&txid=S&amount=200";

const PAIRS: [(Before, Deed, Deed); 15] = [
    (Before::Pending, Deed::Status(Status::Approved), Deed::Send(REJECTED)),
    (Before::Pending, Deed::Status(Status::Rejected), Deed::Send("event=sale&txid=S&status=approved")),
    (Before::Approved, Deed::Send(REFUND), Deed::Adjust(4, None)),
    (Before::Approved, Deed::Send(REFUND), Deed::Send(REFUND)),
    (Before::Approved, Deed::Send(REFUND), Deed::Send(DEARER)),
    (Before::Approved, Deed::Adjust(4, None), Deed::Adjust(7, None)),
    (Before::Approved, Deed::Adjust(4, Some("one")), Deed::Adjust(7, Some("two"))),
    (Before::Approved, Deed::Adjust(4, Some("one")), Deed::Adjust(4, Some("one"))),
    (Before::Approved, Deed::Adjust(4, Some("one")), Deed::Adjust(7, Some("one"))),
    (Before::Approved, Deed::Pay(None), Deed::Send(REVERSAL)),
    (Before::Approved, Deed::Pay(None), Deed::Pay(None)),
    (Before::Approved, Deed::Pay(Some("one")), Deed::Pay(Some("one"))),
    (Before::Drafted, Deed::Move(Step::Settle), Deed::Move(Step::Cancel)),
    (Before::Drafted, Deed::Pay(None), Deed::Move(Step::Cancel)),
    (Before::Paid, Deed::Pay(None), Deed::Move(Step::Cancel)),
];

/// One conversion of a partner of its own.
#[derive(Clone)]
struct Scene {
    world: Arc<Installation>,
    number: u64,
    click: String,
    conversion: ConversionId,
    settlement: SettlementId,
}

impl Scene {
    async fn new(world: &Arc<Installation>, number: u64, before: Before) -> Self {
        let click = world.click(&format!("l{number}")).await.id.to_string();
        let status = if before == Before::Pending { "pending" } else { "approved" };
        let query = format!("click_id={click}&event=sale&txid=S&amount=100&status={status}");
        let sold = world.send(&format!("a{number}"), &query, later("1s")).await.unwrap();
        let settlement = Id::new(later("2s"), u128::from(number));
        let conversion = sold.conversion_id.unwrap();
        let scene = Self { world: Arc::clone(world), number, click, conversion, settlement };
        if matches!(before, Before::Drafted | Before::Paid) {
            scene.pay(settlement, before == Before::Drafted, None).await;
        }
        scene
    }

    async fn pay(&self, id: SettlementId, draft: bool, key: Option<&str>) -> String {
        let day = Day::parse("2026-12-01").unwrap();
        let asked = NewSettlement {
            kind: SettlementKind::Payout,
            party: Name::parse(&format!("p{}", self.number)).unwrap(),
            currency: Currency::parse("EUR").unwrap(),
            up_to: (day, later("30d")),
            author: "ann".into(),
            draft,
            id,
        };
        let (key, snapshot) = (self.key(key, 0), self.world.snapshot());
        settled(self.world.store.settle(asked, snapshot, later("3s"), key, show()).await.unwrap())
    }

    fn key(&self, key: Option<&str>, request: u8) -> Option<Idempotency> {
        let key = format!("{} of {}", key?, self.number);
        Some(Idempotency { actor: "ann".into(), key, request: [request; 32] })
    }

    async fn run(self, deed: Deed, place: u64) -> String {
        let store = &self.world.store;
        let review = |word| Review { word, author: "ann".into(), reason: "looked at it".into() };
        match deed {
            Deed::Send(words) => {
                let query = format!("click_id={}&{words}", self.click);
                let decision = self.world.send(&format!("a{}", self.number), &query, later("3s")).await;
                told(&decision.unwrap())
            }
            Deed::Status(status) => {
                let (subject, word) = (Subject::Conversion(self.conversion), review(Word::Status(status)));
                let done = store.review(subject, word, self.world.snapshot(), later("3s")).await.unwrap();
                done.map_or_else(|refusal| refusal.to_string(), |decision| told(&decision))
            }
            Deed::Adjust(euros, key) => {
                let money = Money { micros: euros * 1_000_000, currency: Currency::parse("EUR").unwrap() };
                let asked = (self.key(key, u8::try_from(euros).unwrap()), told as fn(&Decision) -> String);
                let word = review(Word::Adjust(money));
                let done =
                    store.review_once(self.conversion, word, self.world.snapshot(), later("3s"), asked).await;
                match done.unwrap() {
                    Answered::Done(answer) => answer,
                    Answered::Refused(refusal) => refusal.to_string(),
                    Answered::KeyTaken => "the key is taken".into(),
                }
            }
            Deed::Pay(key) => {
                let id = Id::new(later("3s"), u128::from(self.number * 2 + place));
                self.pay(id, false, key).await
            }
            Deed::Move(step) => {
                let moved = (SettlementKind::Payout, self.settlement, step);
                let by = ("ann".to_owned(), "test".to_owned());
                settled(store.move_settlement(moved, by, later("3s"), None, show()).await.unwrap())
            }
        }
    }

    /// What stands on the accounts, and what is still open to a payout.
    async fn end(&self) -> String {
        let mut end = Vec::new();
        for account in ["pending", "approved", "paid"] {
            end.push(self.world.balance(&format!("partner:p{}:{account}", self.number)).await.to_string());
        }
        let party = Some(Name::parse(&format!("p{}", self.number)).unwrap());
        let kind = SettlementKind::Payout;
        let open =
            self.world.store.open_settlements(kind, party, later("30d"), self.world.snapshot(), later("4s"));
        for open in open.await.unwrap() {
            end.push(format!("{} open: {}", open.lines, open.sum.is_ok()));
        }
        end.join(", ")
    }
}

fn told(decision: &Decision) -> String {
    format!("{} {} {:?}", decision.outcome.code(), decision.reason.code(), decision.status)
}

fn show() -> ShowSettlement {
    Box::new(|row: &SettlementRow| format!("{} in {} {}", row.amount, row.lines, row.state.code()))
}

fn settled(settled: Settled) -> String {
    match settled {
        Settled::Done(answer) => answer,
        Settled::Refused(refusal) => {
            format!("{refusal:?}").chars().take_while(char::is_ascii_alphabetic).collect()
        }
        Settled::Unknown => "unknown".into(),
        Settled::KeyTaken => "the key is taken".into(),
    }
}

/// Partners, each with an advertiser of its own, as many as there are scenes.
fn program(scenes: u64) -> String {
    let scene = |number| {
        format!(
            "[[advertiser]]\nid = \"a{number}\"\ncurrency = \"EUR\"\n[advertiser.postback]\nopen = true\n\
             [[offer]]\nid = \"o{number}\"\nadvertiser = \"a{number}\"\nurl = \"https://x.example/?c={{click_id}}\"\n\
             [[offer.goal]]\nevent = \"sale\"\npayout = \"10%\"\n[[partner]]\nid = \"p{number}\"\n\
             [[link]]\nid = \"l{number}\"\npartner = \"p{number}\"\noffer = \"o{number}\"\n"
        )
    };
    let scenes: String = (0..scenes).map(scene).collect();
    format!("[program]\nname = \"Two\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\n{scenes}")
}

type End = (String, String, String);

async fn in_turn(scene: Scene, one: Deed, other: Deed) -> End {
    let first = scene.clone().run(one, 0).await;
    let second = scene.clone().run(other, 1).await;
    (first, second, scene.end().await)
}

async fn together(scene: Scene, one: Deed, other: Deed) -> End {
    let first = tokio::spawn(scene.clone().run(one, 0));
    let second = tokio::spawn(scene.clone().run(other, 1));
    let (first, second) = tokio::join!(first, second);
    (first.unwrap(), second.unwrap(), scene.end().await)
}

const TIMES: u64 = 40;

#[test]
fn contradicting_words_at_once_end_as_one_after_the_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = Arc::new(Installation::with(&program(PAIRS.len() as u64 * (TIMES + 2))).await);
        let mut numbers = 0..;
        let mut seen = BTreeSet::new();
        for (place, (before, one, other)) in PAIRS.into_iter().enumerate() {
            let mut next = || numbers.next().unwrap();
            let there = in_turn(Scene::new(&world, next(), before).await, one, other).await;
            let (second, first, end) = in_turn(Scene::new(&world, next(), before).await, other, one).await;
            let back = (first, second, end);
            for _ in 0..TIMES {
                let scene = Scene::new(&world, next(), before).await;
                let end = together(scene, one, other).await;
                let order = (end == there, end == back);
                assert!(
                    order.0 || order.1,
                    "{before:?}, {one:?} and {other:?}: {end:?}, not {there:?} nor {back:?}"
                );
                seen.insert((place, order));
            }
        }
        assert!(PAIRS.len() < seen.len(), "some pairs came in either order: {seen:?}");
        world.store.seal(later("1h")).await.unwrap();
        assert_eq!(world.store.verify_ledger(None).await.unwrap().differences, Vec::<String>::new());
        let all = world.store.all_balances().await.unwrap();
        assert_eq!(all.iter().map(|balance| balance.micros).sum::<i128>(), 0);
    });
}
