//! Any order of sales, refunds, late repeats, status changes and replays ends in the balances of a model that
//! shares nothing with the code but the promises.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use proofback_domain::id::PostbackId;
use proofback_store::Rules;
use proptest::prelude::*;
use support::{Installation, later};

const ORIGINALS: [&str; 3] = ["S1", "S2", "S3"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    /// What the sender says of a sale; amounts in cents.
    Sale { txid: usize, status: Option<&'static str>, amount: Option<i64> },
    /// A refund has one original and one amount for life.
    Refund { number: usize },
}

#[derive(Debug, Clone)]
enum Step {
    Send(Message),
    /// A message that was sent before.
    Repeat(prop::sample::Index),
    /// A postback of the log runs again, by the rules of that day or by those of now, which are the same.
    Replay(prop::sample::Index, bool),
}

/// Refund n takes back this much of that original; `None`: all of it.
fn refund(number: usize) -> (usize, Option<i64>) {
    [(0, Some(1_000)), (0, Some(2_550)), (1, None), (1, Some(100)), (2, Some(9_999))][number]
}

fn message() -> impl Strategy<Value = Message> {
    let status = prop_oneof![
        2 => Just(None), 1 => Just(Some("pending")), 3 => Just(Some("approved")), 1 => Just(Some("rejected"))
    ];
    let amount = prop_oneof![Just(None), Just(Some(5_055)), Just(Some(10_000))];
    prop_oneof![
        3 => (0..3usize, status, amount).prop_map(|(txid, status, amount)| Message::Sale { txid, status, amount }),
        1 => (0..5usize).prop_map(|number| Message::Refund { number }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => message().prop_map(Step::Send),
        1 => any::<prop::sample::Index>().prop_map(Step::Repeat),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, now)| Step::Replay(index, now)),
    ]
}

/// What was said once, and how the sale stood after it.
#[derive(Debug, Clone)]
struct Said {
    status: Option<&'static str>,
    amount: Option<i64>,
    then: (&'static str, Option<i64>),
}

#[derive(Debug, Clone)]
struct Sale {
    status: &'static str,
    amount: Option<i64>,
    refunded: i64,
    /// Nothing counts before an amount is known.
    counts: bool,
    said: Vec<Said>,
}

/// What became of a message, as far as it matters for running it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Nothing new.
    Repeat,
    Waits,
    Refused,
}

#[derive(Default)]
struct Model {
    sales: BTreeMap<usize, Sale>,
    /// Refunds that have taken their key: applied, or waiting.
    taken: Vec<usize>,
    waiting: Vec<(usize, usize)>,
    /// Each message of the log, and what became of it.
    log: Vec<(Message, Fate)>,
}

impl Model {
    fn send(&mut self, message: &Message) {
        let place = self.log.len();
        self.log.push((message.clone(), Fate::Refused));
        self.decide(place);
    }

    fn decide(&mut self, place: usize) {
        let fate = match self.log[place].0.clone() {
            Message::Sale { txid, status, amount } => self.sale(txid, status, amount),
            Message::Refund { number } => self.refund(place, number),
        };
        self.log[place].1 = fate;
        if let (Message::Sale { txid, .. }, Fate::Done) = (self.log[place].0.clone(), fate) {
            self.original_arrived(txid);
        }
    }

    fn original_arrived(&mut self, txid: usize) {
        let due: Vec<(usize, usize)> =
            self.waiting.iter().copied().filter(|(_, number)| refund(*number).0 == txid).collect();
        for (place, number) in due {
            self.waiting.retain(|waiting| *waiting != (place, number));
            self.taken.retain(|taken| *taken != number);
            self.log[place].1 = self.refund(place, number);
        }
    }

    fn sale(&mut self, txid: usize, status: Option<&'static str>, amount: Option<i64>) -> Fate {
        let Some(sale) = self.sales.get_mut(&txid) else {
            let first = status.unwrap_or("pending");
            let said = Said { status, amount, then: (first, amount) };
            let counts = amount.is_some() || first == "rejected";
            self.sales.insert(txid, Sale { status: first, amount, refunded: 0, counts, said: vec![said] });
            return Fate::Done;
        };
        let had = sale.said.iter().any(|said| {
            let same_status = status.is_none() || status == said.status || status == Some(said.then.0);
            let same_amount = amount.is_none() || amount == said.amount || amount == said.then.1;
            same_status && same_amount
        });
        if had {
            return Fate::Repeat;
        }
        let next = status.unwrap_or(sale.status);
        let allowed = match (sale.status, next) {
            (from, to) if from == to => true,
            ("pending", _) | ("approved", "rejected") | ("rejected", "pending" | "approved") => true,
            _ => false,
        };
        if !allowed {
            return Fate::Refused;
        }
        let new_amount = amount.or(sale.amount);
        if next == sale.status && new_amount == sale.amount {
            return Fate::Repeat;
        }
        let lowered = next == "rejected" || next == "reversed";
        if new_amount.is_none() && !lowered && sale.counts {
            // A change that cannot be understood leaves what counts as it is.
            return Fate::Done;
        }
        sale.status = next;
        sale.amount = new_amount;
        sale.counts = new_amount.is_some() || lowered;
        sale.said.push(Said { status, amount, then: (next, new_amount) });
        Fate::Done
    }

    fn refund(&mut self, place: usize, number: usize) -> Fate {
        if self.taken.contains(&number) {
            return Fate::Repeat;
        }
        let (txid, part) = refund(number);
        let Some(sale) = self.sales.get_mut(&txid) else {
            self.taken.push(number);
            self.waiting.push((place, number));
            return Fate::Waits;
        };
        if sale.status == "reversed" {
            self.taken.push(number);
            return Fate::Repeat;
        }
        let left = part.zip(sale.amount).map(|(part, amount)| amount - sale.refunded - part);
        match left {
            Some(left) if left > 0 => {
                if sale.status == "rejected" {
                    return Fate::Refused;
                }
                sale.refunded += part.unwrap();
            }
            _ if sale.status == "rejected" => return Fate::Refused,
            _ => sale.status = "reversed",
        }
        let then = (sale.status, sale.amount);
        // A refund is no word about the sale's own status and amount, but the state after it has been had.
        sale.said.push(Said { status: Some("(refund)"), amount: Some(-1), then });
        self.taken.push(number);
        Fate::Done
    }

    /// By the rules of now: what was done stays done, what was not is decided as if it came now.
    fn replay(&mut self, place: usize) {
        let (message, fate) = self.log[place].clone();
        match (fate, &message) {
            (Fate::Done, _) => {}
            (Fate::Refused | Fate::Repeat, _) => self.decide(place),
            (Fate::Waits, Message::Refund { number }) => {
                self.waiting.retain(|(waiting, _)| *waiting != place);
                self.taken.retain(|taken| taken != number);
                self.decide(place);
            }
            (Fate::Waits, Message::Sale { .. }) => unreachable!("a sale does not wait"),
        }
    }

    /// Ten percent of what is left, to the cent, half to even: pending and approved, in millionths.
    fn balances(&self) -> (i128, i128) {
        let sum = |status: &str| {
            let of_status = self.sales.values().filter(|sale| sale.status == status && sale.counts);
            of_status.map(|sale| tenth(sale.amount.unwrap_or(0) - sale.refunded)).sum::<i128>() * 10_000
        };
        (sum("pending"), sum("approved"))
    }
}

fn tenth(cents: i64) -> i128 {
    let (whole, rest) = (cents.max(0) / 10, cents.max(0) % 10);
    let up = rest > 5 || (rest == 5 && whole % 2 == 1);
    i128::from(whole) + i128::from(up)
}

fn query(message: &Message, click: &str) -> String {
    let cents = |amount: i64| format!("&amount={}.{:02}&currency=EUR", amount / 100, amount % 100);
    match message {
        Message::Sale { txid, status, amount } => format!(
            "click_id={click}&event=sale&txid={}&status={}{}",
            ORIGINALS[*txid],
            status.unwrap_or_default(),
            amount.map(cents).unwrap_or_default()
        ),
        Message::Refund { number } => {
            let (original, part) = refund(*number);
            format!(
                "click_id={click}&event=refund&txid=R{number}&original_txid={}{}",
                ORIGINALS[original],
                part.map(cents).unwrap_or_default()
            )
        }
    }
}

async fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await.id.to_string();
    let mut model = Model::default();
    let mut ids: Vec<PostbackId> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let at = later(&format!("{}s", number + 1));
        let message = match step {
            Step::Send(message) => message.clone(),
            Step::Repeat(index) if !ids.is_empty() => model.log[index.index(ids.len())].0.clone(),
            Step::Replay(index, now) if !ids.is_empty() => {
                let place = index.index(ids.len());
                let rules = if *now { Rules::OfNow { apply: true } } else { Rules::OfThatDay };
                let replayed = world
                    .store
                    .replay(vec![ids[place]], rules, "ann".into(), world.snapshot(), at)
                    .await
                    .unwrap();
                if *now {
                    model.replay(place);
                } else {
                    prop_assert!(!replayed[0].changed, "{:?}", replayed);
                }
                continue;
            }
            Step::Repeat(_) | Step::Replay(..) => continue,
        };
        model.send(&message);
        ids.push(world.send("shop", &query(&message, &click), at).await.unwrap().postback_id);
        let pending = world.balance("partner:reelmedia:pending").await;
        let approved = world.balance("partner:reelmedia:approved").await;
        prop_assert_eq!((pending, approved), model.balances(), "after step {} {:?}", number, message);
    }
    let total = world.balance("house:commission").await
        + world.balance("partner:reelmedia:pending").await
        + world.balance("partner:reelmedia:approved").await;
    prop_assert_eq!(total, 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_ends_in_the_balances_of_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(run(&steps))?;
    }
}
