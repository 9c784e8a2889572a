//! The figures about money: a store with a million conversions and five million entries over a year, of which one
//! partner has a fifth. Absolute figures, each with the bar that it has to reach; `--smoke` only proves that it works.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark speaks to the terminal")]

mod fill;
#[path = "../figures/machine.rs"]
#[allow(dead_code, reason = "shared with the other figures, of which these need a part")]
mod machine;
mod reconcile;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use machine::median;
use proofback_domain::ledger::Account;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use proofback_store::{PageRequest, StatementQuery, Store};

/// How much is done: everything, or just enough to see that it works.
struct Plan {
    conversions: usize,
    calls: usize,
    checks: usize,
}

/// What a figure has to reach.
enum Bar {
    None,
    AtLeast(f64),
    AtMost(f64),
}

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    bar: Bar,
}

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let plan = if smoke {
        Plan { conversions: 2_000, calls: 10, checks: 1 }
    } else {
        Plan { conversions: 1_000_000, calls: 200, checks: 3 }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let figures = runtime.block_on(measure(&plan));
    let table = table(&figures);
    println!("{table}");
    let directory = target_directory().join("bench");
    std::fs::write(directory.join("money.txt"), &table).unwrap();
}

async fn measure(plan: &Plan) -> Vec<Figure> {
    let store = fill::open(&target_directory().join("bench"), plan.conversions).await;
    let mut figures = balances(plan, &store).await;
    figures.extend(verify(plan, &store).await);
    figures.extend(statements(plan, &store).await);
    figures.extend(reconcile::figures(plan, &store).await);
    figures
}

/// What stands on the accounts of the partner with the most entries, against a sum over all of them.
async fn balances(plan: &Plan, store: &Store) -> Vec<Figure> {
    let partner = Name::parse(fill::BIG_PARTNER).unwrap();
    let accounts: Vec<String> = [
        Account::PartnerPending(partner.clone()),
        Account::PartnerApproved(partner.clone()),
        Account::PartnerPaid(partner.clone()),
    ]
    .map(|account| account.to_string())
    .to_vec();
    let mut times = Vec::with_capacity(plan.calls);
    let mut balances = Vec::new();
    for _ in 0..plan.calls {
        let started = Instant::now();
        balances = store.balances(accounts.clone()).await.unwrap();
        times.push(milliseconds(started.elapsed()));
    }
    let started = Instant::now();
    for balance in &balances {
        let plain = store.balance_at(balance.account.clone(), fill::year_end()).await.unwrap();
        assert_eq!(
            plain.as_slice(),
            std::slice::from_ref(balance),
            "a balance is the plain sum of its entries"
        );
    }
    let plain = milliseconds(started.elapsed());
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let started = Instant::now();
    let all = store.all_balances().await.unwrap();
    let every = milliseconds(started.elapsed());
    assert_eq!(all.iter().map(|balance| balance.micros).sum::<i128>(), 0, "the books fold to zero");
    vec![
        Figure::new(
            "balance of the partner with a fifth of all, p50",
            median(&mut times),
            "ms",
            Bar::AtMost(5.0),
        ),
        Figure::new("  slowest call", slowest, "ms", Bar::AtMost(5.0)),
        Figure::new("  the same as a plain sum over its entries", plain, "ms", Bar::None),
        Figure::new("balances of all accounts", every, "ms", Bar::None),
    ]
}

async fn verify(plan: &Plan, store: &Store) -> Vec<Figure> {
    let mut rates = Vec::with_capacity(plan.checks);
    let mut checked = 0.0;
    for _ in 0..plan.checks {
        let started = Instant::now();
        let report = store.verify_ledger(None).await.unwrap();
        assert_eq!(report.differences, Vec::<String>::new());
        checked = report.entries as f64;
        rates.push(checked / started.elapsed().as_secs_f64());
    }
    vec![
        Figure::new(
            "check of the journal against its seals",
            median(&mut rates),
            "per s",
            Bar::AtLeast(500_000.0),
        ),
        Figure::new("  entries in it", checked, "", Bar::None),
    ]
}

/// A year of the partner with the most entries: its sums with their proof, what is pending and what is on hold, and the
/// first thousand lines; then all of its lines.
async fn statements(plan: &Plan, store: &Store) -> Vec<Figure> {
    let partner = Name::parse(fill::BIG_PARTNER).unwrap();
    let asked = StatementQuery {
        accounts: vec![Account::PartnerApproved(partner.clone())],
        beside: vec![Account::PartnerPending(partner.clone())],
        from: Timestamp::from_millis(fill::YEAR_START),
        to: fill::year_end(),
        currency: None,
        hold: Some((partner, fill::year_end())),
    };
    let mut times = Vec::with_capacity(plan.checks);
    for _ in 0..plan.checks {
        let started = Instant::now();
        let first = store.statements(asked.clone(), |found, lines| {
            assert!(found.len() == 1 && found[0].holds(), "{found:?}");
            lines.page(found[0].currency, &PageRequest::first(PageRequest::LIMIT_MAX))
        });
        assert!(!first.await.unwrap().rows.is_empty());
        times.push(milliseconds(started.elapsed()));
    }
    let started = Instant::now();
    let every = store.statements(asked, |found, lines| {
        let (mut count, mut sum, mut page) = (0, 0, PageRequest::first(PageRequest::LIMIT_MAX));
        loop {
            let part = lines.page(found[0].currency, &page)?;
            count += part.rows.len();
            sum += part.rows.iter().map(|line| i128::from(line.amount.micros)).sum::<i128>();
            page.after = part.next;
            if page.after.is_none() {
                assert_eq!((count as u64, sum), (found[0].entries, found[0].movements()));
                return Ok(count);
            }
        }
    });
    let count = every.await.unwrap() as f64;
    vec![
        Figure::new(
            "a year's statement of the same partner, first 1,000 lines",
            median(&mut times),
            "ms",
            Bar::AtMost(1_000.0),
        ),
        Figure::new("  the same with all of its lines", milliseconds(started.elapsed()), "ms", Bar::None),
        Figure::new("  lines in it", count, "", Bar::None),
    ]
}

impl Figure {
    fn new(name: &str, value: f64, unit: &'static str, bar: Bar) -> Self {
        Self { name: name.to_owned(), value, unit, bar }
    }
}

fn table(figures: &[Figure]) -> String {
    let mut table = format!("{}; absolute figures, beside whatever else runs here\n\n", machine::describe());
    for Figure { name, value, unit, bar } in figures {
        let verdict = match bar {
            Bar::None => String::new(),
            Bar::AtLeast(bar) => format!("  at least {bar} {}", told(*bar <= *value)),
            Bar::AtMost(bar) => format!("  at most {bar} {}", told(*value <= *bar)),
        };
        writeln!(table, "{name:<58} {value:>12.2} {unit:<6}{verdict}").unwrap();
    }
    table
}

fn told(reached: bool) -> &'static str {
    if reached { "reached" } else { "FELL SHORT" }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Where this program was built: `target`, or what stands in for it; on the disk that is measured.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}
