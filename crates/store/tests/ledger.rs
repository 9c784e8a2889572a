//! The journal proves itself: seals, balances, checks and closed periods, against tampering by hand and random
//! histories.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use proofback_domain::calendar::{Day, Zone};
use proofback_domain::outcome::Status;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{
    Balance, CloseRefusal, Closing, EntryFilter, LedgerHead, LedgerReport, PageRequest, PeriodClose, Rules,
    Store,
};
use proptest::prelude::*;
use rusqlite::Connection;
use support::{Installation, later, now};

fn database(world: &Installation) -> Connection {
    Connection::open(world.directory.path().join("proofback.db")).unwrap()
}

/// Entries as plain SQL writes them, `count` more of them.
fn book(connection: &Connection, count: i64, debit: &str, credit: &str) {
    let statement = "insert into entry (id, at, debit, credit, amount, currency, reason) \
        with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ?1) \
        select randomblob(16), 1000, format(?2, n), format(?3, n), n, 'EUR', 'ftd A' || n from numbers";
    connection.execute(statement, (count, debit, credit)).unwrap();
}

/// Three seals of four entries and two entries behind them.
async fn sealed() -> (Installation, Connection) {
    let world = Installation::new().await;
    let connection = database(&world);
    for _ in 0..3 {
        book(&connection, 2, "house:commission", "partner:ann:approved");
        book(&connection, 2, "house:commission", "partner:ben:approved");
        assert_eq!(world.store.seal(now()).await.unwrap(), 4);
    }
    book(&connection, 2, "house:commission", "partner:ann:approved");
    (world, connection)
}

async fn verify(store: &Store) -> LedgerReport {
    store.verify_ledger(None).await.unwrap()
}

fn free(connection: &Connection) {
    let query = "select name from sqlite_schema where type = 'trigger'";
    let mut statement = connection.prepare(query).unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in names {
        connection.execute_batch(&format!("drop trigger {name}")).unwrap();
    }
    connection.execute_batch("pragma ignore_check_constraints = on").unwrap();
}

#[tokio::test]
async fn a_journal_that_nobody_touched_is_sound() {
    let world = Installation::new().await;
    let empty = verify(&world.store).await;
    assert_eq!((empty.entries, empty.seals, empty.head, empty.differences.len()), (0, 0, None, 0));
    assert_eq!(world.store.seal(now()).await.unwrap(), 0);

    let (world, _) = sealed().await;
    let report = verify(&world.store).await;
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!((report.entries, report.seals, report.unsealed), (14, 3, 2));
    let head = report.head.unwrap();
    assert_eq!(head.number, 3);
    assert_eq!(LedgerHead::parse(&head.to_string()), Some(head));
    let seals = world.store.seals(PageRequest::first(2)).await.unwrap();
    assert_eq!(seals.rows[0].hash, head.hash);
    assert_eq!((seals.rows[1].first_entry, seals.rows[1].last_entry), (5, 8));
    let rest = world.store.seals(PageRequest { limit: 2, after: seals.next }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.rows[0].number, rest.next), (1, 1, None));
}

#[tokio::test]
async fn every_tampering_is_found_and_named() {
    const SWAPPED: &str = "update entry set reason = (select reason from entry other where other.number = 11 - entry.number) \
        where number in (5, 6)";
    for (tampering, told) in [
        (
            "update entry set amount = amount + 1 where number = 6",
            "seal 2 (entries 5 to 8) does not fit its entries",
        ),
        ("update entry set at = at + 1 where number = 6", "seal 2 (entries 5 to 8) does not fit its entries"),
        ("update entry set id = randomblob(16) where number = 6", "seal 2 (entries 5 to 8) does not fit"),
        ("update entry set kind = 'bonus' where number = 6", "seal 2 (entries 5 to 8) does not fit"),
        (
            "update entry set settlement_id = zeroblob(16) where number = 6",
            "seal 2 (entries 5 to 8) does not fit",
        ),
        (
            "update entry set conversion_id = zeroblob(16) where number = 6",
            "seal 2 (entries 5 to 8) does not fit",
        ),
        (
            "update entry set postback_id = zeroblob(0) where number = 6",
            "seal 2 (entries 5 to 8) does not fit",
        ),
        (
            "update entry set debit = credit, credit = debit where number = 6",
            "seal 2 (entries 5 to 8) does not fit",
        ),
        (
            "update entry set currency = 'USD' where number = 6",
            "seal 2 has no balance of partner:ann:approved in USD",
        ),
        ("update entry set amount = amount + 1 where number = 6", "seal 2 says that"),
        (SWAPPED, "seal 2 (entries 5 to 8) does not fit its entries"),
        ("delete from entry where number = 6", "entry 6 is missing"),
        ("delete from entry where number in (6, 7)", "entries 6 to 7 are missing"),
        ("delete from entry where number = 13", "entry 13 is missing"),
        ("delete from entry where number > 10", "entries 11 to 12 are missing"),
        ("update entry set number = -1 where number = 14", "entry -1 stands before the first one"),
        ("update entry set amount = -5 where number = 13", "entry 13 has an amount that is not positive: -5"),
        ("update entry set debit = credit where number = 13", "entry 13 debits and credits the same account"),
        ("update seal set hash = randomblob(32) where number = 2", "seal 3 (entries 9 to 12) does not fit"),
        ("update seal set at = at + 1 where number = 2", "seal 2 (entries 5 to 8) does not fit"),
        (
            "update seal set last_entry = 7 where number = 2",
            "seal 3 covers entries 9 to 12, the one before ends with 7",
        ),
        ("delete from seal where number = 2", "seal 3 follows seal 1: a seal is missing"),
        ("delete from seal where number = 3", "seal 3 has 3 balances where its entries move 0 accounts"),
        (
            "update seal_balance set micros = micros + 1 where seal = 2 and account like '%ben%'",
            "seal 2 says that 0.000007 EUR stand on partner:ben:approved; its entries sum to 0.000006",
        ),
        (
            "update seal_balance set micros = micros + 1 where seal = 3 and account like '%ben%'",
            "the balances in EUR sum to 0.000001",
        ),
        (
            "delete from seal_balance where seal = 3 and account like '%ben%'",
            "seal 3 has no balance of partner:ben:approved in EUR",
        ),
        (
            "insert into seal_balance values ('partner:cat:approved', 'EUR', 3, 5, 0)",
            "seal 3 has 4 balances where its entries move 3 accounts",
        ),
    ] {
        let (world, connection) = sealed().await;
        free(&connection);
        assert!(connection.execute(tampering, []).unwrap() > 0, "{tampering}");
        let report = verify(&world.store).await;
        assert!(report.differences.iter().any(|sentence| sentence.contains(told)), "{tampering}: {report:?}");
        assert_eq!(report.differences_total, report.differences.len() as u64);
    }
}

#[tokio::test]
async fn one_change_is_told_where_it_was_made_and_not_again() {
    let (world, connection) = sealed().await;
    free(&connection);
    connection.execute("update entry set amount = amount + 1 where number = 2", []).unwrap();
    let report = verify(&world.store).await;
    assert!(report.differences.iter().all(|sentence| sentence.contains("seal 1")), "{report:?}");
    assert_eq!(report.differences.len(), 3, "the hash and two accounts: {report:?}");

    connection.execute_batch("update entry set amount = 0").unwrap();
    book(&connection, 300, "house:cash", "house:cash");
    let report = verify(&world.store).await;
    assert_eq!(report.differences.len(), 100);
    assert!(report.differences_total > 300);
}

/// The only witness of a history that was written anew as a whole is a head that was noted down elsewhere.
#[tokio::test]
async fn a_head_that_was_noted_elsewhere_gives_away_a_journal_written_anew() {
    let (world, connection) = sealed().await;
    let noted = verify(&world.store).await.head.unwrap();
    assert_eq!(world.store.verify_ledger(Some(noted)).await.unwrap().differences, Vec::<String>::new());
    free(&connection);
    connection
        .execute_batch("delete from seal where number > 1; delete from seal_balance where seal > 1")
        .unwrap();
    connection.execute_batch("delete from entry where number > 10").unwrap();
    assert_eq!(verify(&world.store).await.differences, Vec::<String>::new());
    let cut = world.store.verify_ledger(Some(noted)).await.unwrap();
    assert_eq!(cut.differences, ["seal 3 was noted and is not there: the journal was cut"]);

    connection.execute("update entry set amount = 999 where number = 6", []).unwrap();
    world.store.seal(now()).await.unwrap();
    book(&connection, 3, "house:commission", "partner:ann:approved");
    world.store.seal(now()).await.unwrap();
    let anew = verify(&world.store).await;
    assert_eq!((anew.differences.len(), anew.head.unwrap().number), (0, 3));
    let told = world.store.verify_ledger(Some(noted)).await.unwrap().differences;
    assert!(told[0].contains("as it was noted: the journal up to it was written anew"), "{told:?}");
}

#[tokio::test]
async fn seals_are_never_changed_or_removed() {
    let (world, connection) = sealed().await;
    close(&world, "2026-10-31", now()).await.unwrap();
    for table in ["seal", "seal_balance", "period_close"] {
        assert!(connection.execute(&format!("delete from {table}"), []).is_err(), "{table}");
    }
    for change in ["seal set at = 1", "seal_balance set units = 1", "period_close set actor = 'x'"] {
        assert!(connection.execute(&format!("update {change}"), []).is_err(), "{change}");
    }
}

#[tokio::test]
async fn a_seal_has_a_bound_in_entries_and_in_accounts() {
    let world = Installation::new().await;
    let connection = database(&world);
    book(&connection, 20_001, "house:commission", "partner:ann:approved");
    assert_eq!(world.store.seal(now()).await.unwrap(), 20_000);
    assert_eq!(world.store.seal(now()).await.unwrap(), 1);
    book(&connection, 2_500, "house:commission", "partner:p%d:approved");
    assert_eq!(world.store.seal(now()).await.unwrap(), 1_999);
    assert_eq!(world.store.seal(now()).await.unwrap(), 501);
    assert_eq!(world.store.seal(now()).await.unwrap(), 0);
    assert_eq!(verify(&world.store).await.differences, Vec::<String>::new());
    assert_eq!(world.balance("partner:p2500:approved").await, 2_500);
    assert_eq!(world.store.all_balances().await.unwrap().len(), 2_502);
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn closing(last: &str) -> Closing {
    let until = Zone::parse("Europe/Berlin").unwrap().start(day(last).next());
    Closing { day: day(last), until, actor: "ann".into(), reason: "month end".into() }
}

async fn close(world: &Installation, last: &str, at: Timestamp) -> Result<PeriodClose, CloseRefusal> {
    world.store.close_period(closing(last), at).await.unwrap()
}

#[tokio::test]
async fn a_period_is_closed_once_in_order_and_not_before_its_end() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    world.sale(&click, "S1").await;
    let today = Zone::parse("Europe/Berlin").unwrap().day(now());
    let early = close(&world, &today.to_string(), now()).await;
    assert!(matches!(early, Err(CloseRefusal::NotEnded { .. })), "{early:?}");
    let until = closing("2026-10-31").until;
    let last_moment = Timestamp::from_millis(until.millis() - 1);
    assert!(close(&world, "2026-10-31", last_moment).await.is_err());
    let closed = close(&world, "2026-10-31", until).await.unwrap();
    assert_eq!(
        (closed.number, closed.last_entry, closed.day, closed.until),
        (1, 2, day("2026-10-31"), until)
    );
    assert_eq!(Some(closed.hash), verify(&world.store).await.head.map(|head| head.hash));

    let again = close(&world, "2026-10-31", later("1h")).await.unwrap();
    assert_eq!(again, closed, "the same answer");
    let earlier = close(&world, "2026-09-30", now()).await;
    assert_eq!(earlier, Err(CloseRefusal::Earlier { day: day("2026-09-30"), closed: day("2026-10-31") }));
    close(&world, "2026-11-01", now()).await.unwrap();
    assert_eq!(close(&world, "2026-10-31", now()).await.unwrap(), closed, "an older one, too");
    let closes = world.store.closes(PageRequest::first(10)).await.unwrap().rows;
    assert_eq!(closes.iter().map(|close| close.number).collect::<Vec<_>>(), [2, 1]);
    let audit = world.store.audit(PageRequest::first(2)).await.unwrap().rows;
    let deeds: Vec<_> = audit.iter().map(|deed| (deed.action.as_str(), deed.subject.as_str())).collect();
    assert_eq!(
        deeds,
        [("ledger.close", "period up to 2026-11-01"), ("ledger.close", "period up to 2026-10-31")],
        "nothing is written twice"
    );
    assert_eq!((audit[0].actor.as_str(), audit[0].reason.as_str()), ("ann", "month end"));
    assert_eq!(verify(&world.store).await.differences, Vec::<String>::new());
}

/// A request that arrived before midnight and was decided after the close: its money belongs to the open period.
#[tokio::test]
async fn what_is_decided_about_a_closed_period_is_booked_into_the_open_one() {
    let world = Installation::new().await;
    let click = world.click("reelmedia-shop").await;
    let sold = world.sale(&click, "S1").await;
    let closed_day = Zone::parse("Europe/Berlin").unwrap().day(now());
    let until = closing(&closed_day.to_string()).until;
    close(&world, &closed_day.to_string(), until).await.unwrap();
    let before = world.store.balance_at("partner:reelmedia:approved".into(), until).await.unwrap();

    let query = format!("click_id={}&txid=S1&event=sale&status=rejected", click.id);
    let late = world.send("shop", &query, later("1s")).await.unwrap();
    assert_eq!(late.status, Some(Status::Rejected));
    let filter = EntryFilter { conversion_id: sold.conversion_id, ..EntryFilter::default() };
    let entries = world.store.entries(filter, PageRequest::first(10)).await.unwrap().rows;
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 3, 2, 1]);
    let times: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    assert_eq!(times, [until, until, now(), now()]);
    let after = world.store.balance_at("partner:reelmedia:approved".into(), until).await.unwrap();
    assert_eq!((before.clone(), before[0].micros), (after, 10_000_000), "a closed statement stays as it was");
    assert_eq!(world.balance("partner:reelmedia:approved").await, 0);
    world.store.seal(later("2s")).await.unwrap();
    assert_eq!(verify(&world.store).await.differences, Vec::<String>::new());
    let replayed = world
        .store
        .replay(
            vec![sold.postback_id, late.postback_id],
            Rules::OfThatDay,
            "ann".into(),
            world.snapshot(),
            now(),
        )
        .await
        .unwrap();
    assert!(replayed.iter().all(|one| !one.changed && one.after.is_ok()), "{replayed:?}");
}

#[tokio::test]
async fn an_entry_dated_into_a_closed_period_is_refused_and_found() {
    let world = Installation::new().await;
    let connection = database(&world);
    book(&connection, 2, "house:commission", "partner:ann:approved");
    let closed = close(&world, "2026-10-31", now()).await.unwrap();
    let dated = |at: i64| {
        let statement = "insert into entry (id, at, debit, credit, amount, currency, reason) \
            values (randomblob(16), ?1, 'house:cash', 'house:income', 1, 'EUR', '')";
        connection.execute(statement, [at])
    };
    let refused = dated(closed.until.millis() - 1).unwrap_err();
    assert!(refused.to_string().contains("the period of this entry is closed"), "{refused}");
    dated(closed.until.millis()).unwrap();
    let forward = "insert into period_close values (2, ?1, '2026-10-30', 1, 'x', 2, zeroblob(32))";
    assert!(connection.execute(forward, [closed.until.millis() - 1]).is_err());
    assert_eq!(verify(&world.store).await.differences, Vec::<String>::new());

    free(&connection);
    dated(closed.until.millis() - 1).unwrap();
    let told = verify(&world.store).await.differences;
    assert_eq!(told, ["entry 4 is dated into a period that was closed before it"]);
    connection
        .execute_batch("delete from entry where number = 4; update period_close set hash = zeroblob(32)")
        .unwrap();
    let told = verify(&world.store).await.differences;
    assert_eq!(told, ["seal 1 is not the one that the close of 2026-10-31 ended with"]);
    connection.execute_batch("update period_close set last_entry = 9").unwrap();
    let told = verify(&world.store).await.differences;
    assert_eq!(told, ["the seals that the close of 2026-10-31 ended with are not there"]);
}

#[tokio::test]
async fn two_who_seal_at_once_make_one_seal() {
    let (world, _) = sealed().await;
    let (one, two) = tokio::join!(world.store.seal(now()), world.store.seal(later("1s")));
    assert_eq!(one.unwrap() + two.unwrap(), 2);
    assert_eq!(verify(&world.store).await.seals, 4);
}

const ACCOUNTS: [&str; 5] = [
    "house:commission",
    "partner:ann:pending",
    "partner:ann:approved",
    "partner:ben:approved",
    "advertiser:shop:due",
];
const CURRENCIES: [&str; 2] = ["EUR", "USDT"];

#[derive(Debug, Clone)]
enum Step {
    Book { debit: usize, credit: usize, currency: usize, amount: i64, at: i64 },
    Seal,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let amount = prop_oneof![1..3_000_000i64, Just(999_999_999_999_999_999), Just(1_000_000), Just(i64::MAX)];
    let book =
        (0..5usize, 1..5usize, 0..2usize, amount, 0..100i64).prop_map(|(debit, on, currency, amount, at)| {
            Step::Book { debit, credit: (debit + on) % 5, currency, amount, at }
        });
    prop_oneof![6 => book, 1 => Just(Step::Seal), 1 => Just(Step::Look)]
}

type Sums = BTreeMap<(String, String), i128>;

fn sums(balances: &[Balance]) -> Sums {
    let sums = balances.iter();
    sums.map(|one| ((one.account.clone(), one.currency.to_string()), one.micros)).collect()
}

/// What the entries of a model sum to, by account and currency.
fn plain(entries: &[(usize, usize, usize, i64, i64)], counts: impl Fn(&str, i64) -> bool) -> Sums {
    let mut sums = Sums::new();
    for (debit, credit, currency, amount, at) in entries {
        for (account, sign) in [(ACCOUNTS[*debit], -1), (ACCOUNTS[*credit], 1)] {
            if counts(account, *at) {
                let side = (account.to_owned(), CURRENCIES[*currency].to_owned());
                *sums.entry(side).or_default() += sign * i128::from(*amount);
            }
        }
    }
    sums
}

async fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = Installation::new().await;
    let connection = database(&world);
    let mut entries = Vec::new();
    for step in steps.iter().chain([&Step::Look, &Step::Seal, &Step::Look]) {
        match step {
            Step::Book { debit, credit, currency, amount, at } => {
                let statement = "insert into entry (id, at, debit, credit, amount, currency, reason) \
                    values (randomblob(16), ?1, ?2, ?3, ?4, ?5, 'test')";
                let row = (at, ACCOUNTS[*debit], ACCOUNTS[*credit], amount, CURRENCIES[*currency]);
                connection.execute(statement, row).unwrap();
                entries.push((*debit, *credit, *currency, *amount, *at));
            }
            Step::Seal => {
                world.store.seal(now()).await.unwrap();
            }
            Step::Look => {
                let all = world.store.all_balances().await.unwrap();
                prop_assert_eq!(sums(&all), plain(&entries, |_, _| true));
                let ann = vec![ACCOUNTS[1].to_owned(), ACCOUNTS[2].to_owned()];
                let some = world.store.balances(ann.clone()).await.unwrap();
                prop_assert_eq!(
                    sums(&some),
                    plain(&entries, |account, _| ann.iter().any(|one| one == account))
                );
                let at = Timestamp::EPOCH.plus(Span::from_millis(50));
                let then = world.store.balance_at(ACCOUNTS[0].into(), at).await.unwrap();
                prop_assert_eq!(
                    sums(&then),
                    plain(&entries, |account, at| account == ACCOUNTS[0] && at < 50)
                );
            }
        }
    }
    let report = verify(&world.store).await;
    prop_assert_eq!(report.differences, Vec::<String>::new());
    prop_assert_eq!((report.entries, report.unsealed), (entries.len() as u64, 0));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn balances_are_the_plain_sums_of_entries_wherever_seals_lie(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(run(&steps))?;
    }
}
