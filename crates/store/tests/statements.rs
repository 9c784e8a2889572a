//! Statements: over every history the opening balance and what moved make up the closing one.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use proofback_domain::ledger::Account;
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use proofback_store::{Page, PageRequest, Statement, StatementLine, StatementQuery, Store};
use proptest::prelude::*;
use rusqlite::Connection;
use support::{Installation, later, now};

fn database(world: &Installation) -> Connection {
    Connection::open(world.directory.path().join("proofback.db")).unwrap()
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn query(accounts: &[&str], from: i64, to: i64) -> StatementQuery {
    StatementQuery {
        accounts: accounts.iter().map(|account| Account::parse(account).unwrap()).collect(),
        beside: Vec::new(),
        from: moment(from),
        to: moment(to),
        currency: None,
        hold: None,
    }
}

async fn statements(store: &Store, asked: StatementQuery) -> Vec<Statement> {
    store.statements(asked, |statements, _| Ok(statements.to_vec())).await.unwrap()
}

/// Every line in pages of `limit`.
async fn lines(store: &Store, asked: StatementQuery, currency: Currency, limit: u32) -> Vec<StatementLine> {
    let all = move |_: &[Statement], lines: &proofback_store::Lines<'_>| {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let Page { rows, next } = lines.page(currency, &PageRequest { limit, after })?;
            all.extend(rows);
            let Some(next) = next else {
                return Ok(all);
            };
            after = Some(next);
        }
    };
    store.statements(asked, all).await.unwrap()
}

const ACCOUNTS: [&str; 6] = [
    "house:commission",
    "partner:ann:pending",
    "partner:ann:approved",
    "partner:ann:paid",
    "advertiser:shop:due",
    "advertiser:shop:invoiced",
];
const CURRENCIES: [&str; 2] = ["EUR", "USDT"];
const KINDS: [&str; 4] = ["commission", "refund", "payout", ""];

#[derive(Debug, Clone)]
struct Booked {
    debit: usize,
    credit: usize,
    currency: usize,
    kind: usize,
    amount: i64,
    at: i64,
}

fn booked() -> impl Strategy<Value = Booked> {
    let amount = prop_oneof![1..3_000_000i64, Just(999_999_999_999_999_999), Just(i64::MAX)];
    (0..6usize, 1..6usize, 0..2usize, 0..4usize, amount, 0..20i64).prop_map(
        |(debit, on, currency, kind, amount, at)| {
            let credit = (debit + on) % 6;
            Booked { debit, credit, currency, kind, amount, at }
        },
    )
}

fn book(connection: &Connection, entry: &Booked) {
    let (debit, credit) = (ACCOUNTS[entry.debit], ACCOUNTS[entry.credit]);
    let between = debit.starts_with("advertiser") && credit.starts_with("advertiser");
    let kind = if between { "invoice" } else { KINDS[entry.kind] };
    let statement = "insert into entry (id, at, debit, credit, amount, currency, reason, kind) \
        values (randomblob(16), ?1, ?2, ?3, ?4, ?5, 'test', ?6)";
    let row = (entry.at, debit, credit, entry.amount, CURRENCIES[entry.currency], kind);
    connection.execute(statement, row).unwrap();
}

async fn hold(history: &[Booked], cuts: [i64; 2]) -> Result<(), TestCaseError> {
    let world = Installation::new().await;
    let connection = database(&world);
    connection.execute_batch("begin").unwrap();
    history.iter().for_each(|entry| book(&connection, entry));
    connection.execute_batch("commit").unwrap();
    let spans = [(i64::MIN, cuts[0]), (cuts[0], cuts[1]), (cuts[1], i64::MAX)];
    for accounts in [&ACCOUNTS[2..3], &ACCOUNTS[3..4], &ACCOUNTS[4..6]] {
        let mut closing: BTreeMap<Currency, i128> = BTreeMap::new();
        let mut moved: BTreeMap<Currency, i128> = BTreeMap::new();
        for (from, to) in spans {
            let found = statements(&world.store, query(accounts, from, to)).await;
            for statement in found {
                let currency = statement.currency;
                prop_assert!(statement.holds(), "{statement:?}");
                let before = closing.insert(currency, statement.closing).unwrap_or(0);
                prop_assert_eq!(statement.opening, before, "a period opens as the one before closed");
                *moved.entry(currency).or_default() += statement.movements();
                let all = lines(&world.store, query(accounts, from, to), currency, 3).await;
                let sum: i128 = all.iter().map(|line| i128::from(line.amount.micros)).sum();
                prop_assert_eq!(sum, statement.movements(), "the lines are what moved");
                prop_assert_eq!(all.len() as u64, statement.entries);
                let in_order =
                    all.windows(2).all(|two| (two[0].at, two[0].number) < (two[1].at, two[1].number));
                prop_assert!(in_order, "{all:?}");
                prop_assert!(all.iter().all(|line| moment(from) <= line.at && line.at < moment(to)));
            }
        }
        let names = accounts.iter().map(|&account| account.to_owned()).collect();
        let mut balances: BTreeMap<Currency, i128> = BTreeMap::new();
        for balance in world.store.balances(names).await.unwrap() {
            *balances.entry(balance.currency).or_default() += balance.micros;
        }
        prop_assert_eq!(&closing, &balances, "what stands at the end is the balance");
        prop_assert_eq!(&moved, &balances, "everything that ever moved is the balance");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn opening_and_movements_make_up_the_closing_balance_of_every_period(
        history in prop::collection::vec(booked(), 0..50),
        mut cuts in prop::array::uniform2(0..21i64),
    ) {
        cuts.sort_unstable();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(hold(&history, cuts))?;
    }
}

#[tokio::test]
async fn a_line_says_what_it_is_about_and_what_is_beside_is_told() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let sold = world.sale(&click, "S1").await;
    let refund =
        format!("click_id={}&txid=R1&original_txid=S1&event=refund&amount=40&currency=EUR", click.id);
    world.send("shop", &refund, later("1h")).await.unwrap();
    let name = Name::parse("reelmedia").unwrap();
    let asked = StatementQuery {
        beside: vec![Account::PartnerPending(name.clone())],
        hold: Some((name, now())),
        ..query(&["partner:reelmedia:approved"], now().millis(), later("2h").millis())
    };
    let taken = statements(&world.store, asked.clone()).await;
    let [statement] = taken.as_slice() else { panic!("{taken:?}") };
    let kinds: Vec<(&str, i128)> =
        statement.by_kind.iter().map(|(kind, moved)| (kind.as_str(), moved.micros)).collect();
    assert_eq!(kinds, [("commission", 10_000_000), ("refund", -4_000_000)]);
    assert_eq!((statement.opening, statement.closing, statement.entries), (0, 6_000_000, 2));
    assert_eq!(statement.beside, [0]);
    assert_eq!(statement.on_hold, 0, "it may be paid from then on");
    let before = (Name::parse("reelmedia").unwrap(), moment(now().millis() - 1));
    let earlier = statements(&world.store, StatementQuery { hold: Some(before), ..asked.clone() }).await;
    assert_eq!(earlier[0].on_hold, 6_000_000, "and no moment before");
    let all = lines(&world.store, asked.clone(), statement.currency, 1).await;
    let [sale, refund] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((sale.kind.as_str(), sale.amount.micros, sale.at), ("commission", 10_000_000, now()));
    assert_eq!((refund.kind.as_str(), refund.amount.micros), ("refund", -4_000_000));
    for line in [sale, refund] {
        assert_eq!((line.conversion_id, line.click_id), (sold.conversion_id, Some(click.id)));
        assert_eq!((line.txid.as_deref(), line.event.as_ref().unwrap().as_str()), (Some("S1"), "sale"));
        assert_eq!(line.settlement_id, None);
    }
    let usd = StatementQuery { currency: Currency::parse("USD"), ..asked };
    assert_eq!(statements(&world.store, usd).await, []);
}

/// The sums of a year and a page of its lines must not read the journal.
#[tokio::test]
async fn statements_are_read_from_the_indexes_in_their_order() {
    let world = Installation::new().await;
    let connection = database(&world);
    let arm = |side: &str| {
        format!(
            "select at, number, amount from entry indexed by entry_{side} where {side} = 'x' and currency = 'EUR' \
             and 5 <= at and at < 9 and (5 < at or 3 < number) and kind <> 'invoice'"
        )
    };
    let query =
        format!("explain query plan {} union all {} order by 1, 2 limit 5", arm("credit"), arm("debit"));
    let mut statement = connection.prepare(&query).unwrap();
    let plan: Vec<String> = statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    let covering = plan.iter().filter(|step| step.contains("USING COVERING INDEX")).count();
    assert_eq!(covering, 2, "{plan:?}");
    let whole_sort = plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
    assert!(!whole_sort, "{plan:?}");
}
