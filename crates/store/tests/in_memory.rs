//! The store remembers what a decision may know: whatever happens, it decides as an installation in memory does that
//! looks through all of its past, and every decision is made again from what was known then.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../domain/tests/support/mod.rs"]
mod memory;
mod support;

use std::sync::Arc;

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::Decision;
use proofback_domain::postback::read;
use proofback_domain::time::Span;
use proofback_store::{PageRequest, PostbackFilter, RawPostback, Rules, Stopwatch};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A program, its links, and the names under which their advertisers send.
struct Field {
    program: &'static str,
    links: &'static [&'static str],
    advertisers: [&'static str; 2],
    events: &'static [&'static str],
}

const FIELDS: [Field; 3] = [
    Field {
        program: include_str!("../../domain/tests/support/program.toml"),
        links: &["reelmedia-shop", "reelmedia-de"],
        advertisers: ["shop", "casino"],
        events: &["sale", "lead", "quote", "ftd", "deposit", "registration"],
    },
    Field {
        program: include_str!("../../domain/tests/support/gates.toml"),
        links: &["box", "watched", "quick", "small", "own"],
        advertisers: ["shop", "shop"],
        events: &["sale", "trial", "lead", "rebill", "cancel"],
    },
    Field {
        program: include_str!("../../domain/tests/support/rules.toml"),
        links: &["ann-one", "ann-two", "ann-three", "ben-one"],
        advertisers: ["shop", "mall"],
        events: &["sale", "lead", "deposit"],
    },
];

/// Clicks of each link.
const CLICKS: usize = 2;

#[derive(Debug, Clone)]
struct Step {
    link: usize,
    click: usize,
    event: usize,
    txid: usize,
    original: usize,
    status: &'static str,
    amount: &'static str,
    /// Seconds before the arrival.
    happened: Option<u32>,
    subscription: &'static str,
    kind: Kind,
    wait: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Test,
    Pixel,
    WithoutClick,
    /// From the advertiser of another click.
    Foreign,
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![4 => Just(""), 3 => Just("approved"), 1 => Just("pending"), 2 => Just("rejected"), 1 => Just("reversed")];
    let amount = prop_oneof![2 => Just(""), 1 => Just("20"), 1 => Just("50.55"), 2 => Just("100")];
    let happened = prop_oneof![3 => Just(None), 1 => (0u32..7_200).prop_map(Some)];
    let subscription = prop_oneof![3 => Just(""), 1 => Just("SUB"), 1 => Just("SUB-2")];
    let kind = prop_oneof![
        8 => Just(Kind::Plain), 1 => Just(Kind::Test), 1 => Just(Kind::Pixel), 2 => Just(Kind::WithoutClick),
        1 => Just(Kind::Foreign),
    ];
    let wait = prop_oneof![4 => Just("0s"), 4 => Just("1m"), 2 => Just("59m"), 1 => Just("23h")];
    let place = (0usize..8, 0..CLICKS, 0usize..9, 0usize..4, 0usize..6);
    (place, status, amount, happened, subscription, kind, wait).prop_map(
        |((link, click, event, txid, original), status, amount, happened, subscription, kind, wait)| Step {
            link,
            click,
            event,
            txid,
            original,
            status,
            amount,
            happened,
            subscription,
            kind,
            wait,
        },
    )
}

struct Pair {
    field: &'static Field,
    memory: memory::Installation,
    store: support::Installation,
    clicks: Vec<Vec<ClickId>>,
}

impl Pair {
    async fn new(field: &'static Field) -> Self {
        let mut memory = memory::Installation::new(field.program);
        let store = support::Installation::with(field.program).await;
        let mut clicks = Vec::new();
        for link in field.links {
            let mut of_link = Vec::new();
            for number in 0..CLICKS {
                let mut click = memory.make_click(link, &[("sub1", "reels")]);
                click.details.device = "desktop".into();
                click.details.test = *link == "own" && number == 1;
                store.store.keep_click(click.clone(), support::PATIENT).await.unwrap();
                of_link.push(click.id);
                memory.arrive(click);
            }
            clicks.push(of_link);
        }
        Self { field, memory, store, clicks }
    }

    fn query(&self, step: &Step) -> (&'static str, String) {
        let link = step.link % self.clicks.len();
        let click = self.clicks[link][step.click];
        let owner = self.memory.clicks[&click].advertiser.as_str();
        let [one, other] = self.field.advertisers;
        let advertiser = if (owner == one) == (step.kind == Kind::Foreign) { other } else { one };
        let casino = advertiser == "casino";
        let names = if casino {
            ["cid", "order", "goal", "st", "sum"]
        } else {
            ["click_id", "txid", "event", "status", "amount"]
        };
        let [id, txid, event, status, amount] = names;
        let events = [self.field.events, &["refund", "chargeback"]].concat();
        let said = match (casino, step.status) {
            (true, "approved") => "1",
            (true, "rejected") => "2",
            (_, said) => said,
        };
        let mut query = format!(
            "key=t0ken&{event}={}&{status}={said}&{amount}={}&payout={}&currency=EUR&subscription_id={}",
            events[step.event % events.len()],
            step.amount,
            step.amount,
            step.subscription
        );
        query.push_str(&["", "T1", "T2", "T3"].map(|value| format!("&{txid}={value}"))[step.txid]);
        query.push_str(
            ["", "", "", "&original_txid=T1", "&original_txid=T2", "&original_txid=T8"][step.original],
        );
        if step.kind != Kind::WithoutClick {
            query.push_str(&format!("&{id}={click}"));
        }
        if step.kind == Kind::Test {
            query.push_str("&test=1");
        }
        if let Some(seconds) = step.happened {
            let time = self.memory.now.minus(Span::from_seconds(seconds.into()));
            query.push_str(&format!("&timestamp={}", time.millis() / 1_000));
        }
        (advertiser, query)
    }

    /// Sends the same to both; says how each decided.
    async fn send(&mut self, step: &Step) -> (Decision, Decision) {
        self.memory.pass(step.wait);
        let (advertiser, query) = self.query(step);
        let mut request = self.memory.request(Some(advertiser), &query);
        request.pixel = step.kind == Kind::Pixel;
        let expected = self.memory.receive(&request);
        let snapshot = self.store.snapshot();
        let reading = read(&request, &snapshot, None);
        let raw = RawPostback {
            method: "GET",
            path: String::new(),
            ip: String::new(),
            params: reading.stored.clone(),
            stopwatch: Stopwatch(Arc::new(|| 7)),
        };
        let decided = self.store.store.decide(raw, reading, snapshot, expected.postback_id).await.unwrap();
        (expected, decided)
    }
}

async fn run(field: &'static Field, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(field).await;
    for step in steps {
        let (expected, decided) = pair.send(step).await;
        prop_assert_eq!(decided, expected, "{:?}", pair.query(step));
    }
    let all = PageRequest { limit: 1_000, after: None };
    let log = pair.store.store.postbacks(PostbackFilter::default(), all).await.unwrap().rows;
    for row in &log {
        prop_assert_eq!(row.outcome, pair.memory.outcomes[&row.id]);
    }
    for conversion in pair.memory.conversions.values() {
        let kept = pair.store.store.conversion(conversion.id).await.unwrap();
        prop_assert_eq!(kept.as_ref(), Some(conversion));
    }
    for ((account, _), micros) in pair.memory.balances() {
        prop_assert_eq!(pair.store.balance(&account.to_string()).await, i128::from(micros));
    }
    let ids = log.iter().map(|row| row.id).collect();
    let snapshot = pair.store.snapshot();
    let again = pair
        .store
        .store
        .replay(ids, Rules::OfThatDay, "ann".into(), snapshot, pair.memory.now)
        .await
        .unwrap();
    for replayed in again {
        prop_assert!(!replayed.changed, "{:?}", replayed);
    }
    Ok(())
}

/// The same sequences in every run of CI; others wherever `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => usual,
        None => ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(20_261_121), ..usual },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_store_decides_as_one_that_looks_through_all_of_its_past(
        field in 0..FIELDS.len(),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(run(&FIELDS[field], &steps))?;
    }
}
