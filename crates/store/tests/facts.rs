//! Sealing facts: whatever it is interrupted by, and whatever comes in meanwhile, each fact counts once, and every click
//! is found as it was.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::Prefix;
use proofback_domain::program::Retention;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::facts::{COLUMNS, FileKind, Holds};
use proofback_store::{FactsView, Pieces, SealStep, Store};
use proptest::prelude::*;
use support::{Installation, PATIENT, later, now, open};

/// Sums by kind, event, status, outcome and reason: every column, wherever its rows lie.
type Counted = BTreeMap<Vec<String>, BTreeMap<&'static str, i128>>;

fn text(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column_by_name(name).unwrap();
    let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
    column.as_string::<i32>().value(row).to_owned()
}

fn count(batch: &RecordBatch, counted: &mut Counted) {
    for row in 0..batch.num_rows() {
        let yes = |name: &str| batch.column_by_name(name).unwrap().as_boolean().value(row).to_string();
        let key = ["kind", "event", "status", "outcome", "reason", "currency", "sub1", "link"]
            .map(|name| text(batch, name, row))
            .into_iter()
            .chain([yes("unique"), yes("test")])
            .collect();
        let sums = counted.entry(key).or_default();
        for column in COLUMNS.iter().filter(|column| column.holds == Holds::Sum) {
            let values = batch.column_by_name(column.name).unwrap().as_primitive::<Int64Type>();
            *sums.entry(column.name).or_default() += i128::from(values.value(row));
        }
    }
}

/// Everything in the view, by reading the files as anybody could.
fn counted(view: &FactsView, directory: &Path) -> Counted {
    let mut counted = Counted::new();
    view.clicks.iter().chain(&view.events).for_each(|batch| count(batch, &mut counted));
    for file in &view.catalog.files {
        let file = std::fs::File::open(directory.join("facts").join(&file.path)).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            count(&batch.unwrap(), &mut counted);
        }
    }
    counted.retain(|_, sums| sums.values().any(|sum| *sum != 0));
    counted
}

fn click_of(installation: &Installation, serial: u32, at: Timestamp, visitor: u32) -> Click {
    let snapshot = installation.snapshot();
    let mut click = installation.make_click("reelmedia-shop");
    let link = snapshot.number(&click.link).unwrap();
    click.id = snapshot.keys.sign(Prefix { at, serial, link });
    click.at = at;
    click.details.ip = format!("198.51.100.{visitor}");
    click.details.set_sub(1, format!("s{}", visitor % 3));
    click
}

async fn reopen(installation: Installation) -> Installation {
    let Installation { directory, store, .. } = installation;
    drop(store);
    let store = loop {
        // The writer's thread ends with the last handle.
        match open(directory.path()) {
            Ok(store) => break store,
            Err(proofback_store::OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    support::adopt(&store).await;
    Installation::of(directory, store)
}

/// Clicks of three hours over two days, sales, a refund, a rejection and a repeat.
async fn busy(installation: &Installation) -> Vec<Click> {
    let mut clicks = Vec::new();
    for (serial, (hours, visitor)) in
        [(0, 1), (0, 2), (1, 1), (1, 3), (20, 1), (20, 2), (20, 2)].into_iter().enumerate()
    {
        let at = now().plus(Span::from_seconds(hours * 3_600));
        let click = click_of(installation, 100 + u32::try_from(serial).unwrap(), at, visitor);
        installation.store.keep_click(click.clone(), PATIENT).await.unwrap();
        clicks.push(click);
    }
    let at = later("21h");
    for (click, txid) in clicks.iter().zip(["S1", "S2", "S3"]) {
        let query =
            format!("click_id={}&txid={txid}&event=sale&status=approved&amount=100&currency=EUR", click.id);
        installation.send("shop", &query, at).await.unwrap();
        installation.send("shop", &query, at).await.unwrap();
    }
    installation
        .send("shop", "txid=S1&event=refund&original_txid=S1&amount=40&currency=EUR", at)
        .await
        .unwrap();
    installation.send("shop", "click_id=nothing&event=sale", at).await.unwrap();
    clicks
}

#[tokio::test]
async fn what_is_sealed_and_what_is_not_make_up_the_same_sums() {
    let installation = Installation::new().await;
    let clicks = busy(&installation).await;
    let directory = installation.directory.path();
    let before = counted(&installation.store.facts_view().await.unwrap(), directory);
    let clicks_counted: i128 = before.values().map(|sums| sums["clicks"]).sum();
    assert_eq!(clicks_counted, 7);
    let unique: i128 =
        before.iter().filter(|(key, _)| key[8] == "true").map(|(_, sums)| sums["clicks"]).sum();
    assert_eq!(unique, 5, "visitors 1, 2, 3 on one day, 1 and 2 on the other");
    let sealed = installation.store.seal_facts(later("30h"), None).await.unwrap();
    assert!(sealed.files >= 3, "{sealed:?}");
    let view = installation.store.facts_view().await.unwrap();
    assert!(view.clicks.is_empty() && view.events.is_empty());
    assert_eq!(counted(&view, directory), before);
    for click in clicks {
        assert_eq!(installation.store.click(click.id).await.unwrap(), Some(click.clone()));
        assert_eq!(installation.store.click_like(click.id.prefix()).await.unwrap(), Some(click));
    }
    let again = installation.store.seal_facts(later("30h"), None).await.unwrap();
    assert_eq!(again.files, 0);
}

#[tokio::test]
async fn what_one_file_does_not_take_goes_into_the_next() {
    for file_rows in [1, 2, 3] {
        let installation = Installation::new().await;
        let clicks = busy(&installation).await;
        let directory = installation.directory.path();
        let before = counted(&installation.store.facts_view().await.unwrap(), directory);
        let pieces = Pieces { file_rows, stop: None };
        let sealed = installation.store.seal_facts_in(later("30h"), pieces).await.unwrap();
        assert!(sealed.files >= 3, "{sealed:?}");
        let view = installation.store.facts_view().await.unwrap();
        assert!(view.clicks.is_empty() && view.events.is_empty(), "{file_rows} rows a file");
        let mut of_clicks = view.catalog.files.iter().filter(|file| file.kind == FileKind::Clicks);
        assert!(of_clicks.all(|file| file.summary.rows <= file_rows), "{:?}", view.catalog.files);
        assert_eq!(counted(&view, directory), before, "{file_rows} rows a file");
        for click in clicks {
            assert_eq!(installation.store.click(click.id).await.unwrap(), Some(click));
        }
        assert_eq!(differences(&installation).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_seal_that_is_killed_at_any_step_loses_nothing_and_counts_nothing_twice() {
    for step in [SealStep::Fenced, SealStep::Written, SealStep::Registered, SealStep::Clearing] {
        let mut installation = Installation::new().await;
        let clicks = busy(&installation).await;
        let before = counted(&installation.store.facts_view().await.unwrap(), installation.directory.path());
        for _ in 0..40 {
            installation.store.seal_facts(later("30h"), Some(step)).await.unwrap();
            let view = installation.store.facts_view().await.unwrap();
            assert_eq!(counted(&view, installation.directory.path()), before, "{step:?}, before the restart");
            installation = reopen(installation).await;
            let view = installation.store.facts_view().await.unwrap();
            assert_eq!(counted(&view, installation.directory.path()), before, "{step:?}");
        }
        installation.store.seal_facts(later("30h"), None).await.unwrap();
        let view = installation.store.facts_view().await.unwrap();
        assert!(view.clicks.is_empty(), "{step:?}");
        assert_eq!(counted(&view, installation.directory.path()), before, "{step:?}, in the end");
        for click in &clicks {
            assert_eq!(installation.store.click(click.id).await.unwrap().as_ref(), Some(click), "{step:?}");
        }
        installation.store.remove_orphans(later("90h")).await.unwrap();
        assert_eq!(files_under(installation.directory.path()), view.catalog.files.len(), "{step:?}");
    }
}

fn files_under(directory: &Path) -> usize {
    let days = std::fs::read_dir(directory.join("facts")).unwrap();
    days.map(|day| std::fs::read_dir(day.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn a_click_that_comes_in_when_its_hour_is_sealed_counts_once() {
    let installation = Installation::new().await;
    busy(&installation).await;
    installation.store.seal_facts(later("10h"), None).await.unwrap();
    let late = click_of(&installation, 900, now(), 9);
    // Of the spill, twice: the first time it was only slow.
    for _ in 0..2 {
        installation.store.keep_click(late.clone(), PATIENT).await.unwrap();
    }
    let directory = installation.directory.path();
    let before = counted(&installation.store.facts_view().await.unwrap(), directory);
    assert_eq!(before.values().map(|sums| sums["clicks"]).sum::<i128>(), 8);
    assert_eq!(installation.store.click(late.id).await.unwrap(), Some(late.clone()));
    installation.store.seal_facts(later("10h"), None).await.unwrap();
    installation.store.keep_click(late.clone(), PATIENT).await.unwrap();
    let view = installation.store.facts_view().await.unwrap();
    assert_eq!(counted(&view, directory), before);
    assert_eq!(installation.store.click(late.id).await.unwrap(), Some(late));
}

#[tokio::test]
async fn a_postback_for_a_sealed_click_is_decided_as_for_any_other() {
    let installation = Installation::new().await;
    let click = installation.click("reelmedia-shop").await;
    installation.store.seal_facts(later("24h"), None).await.unwrap();
    assert!(installation.store.facts_view().await.unwrap().clicks.is_empty());
    let decision = installation.sale(&click, "S1").await;
    assert_eq!(decision.reason.code(), "ok");
    assert_eq!(installation.balance("partner:reelmedia:approved").await, 10_000_000);
    let trace = installation.store.trace(click.id).await.unwrap().unwrap();
    assert_eq!(trace.click, click);
}

#[tokio::test]
async fn a_look_sees_what_was_answered_and_no_file_is_read_twice_for_it() {
    let installation = Installation::new().await;
    for serial in 0..50u32 {
        // Numbers come in any order.
        let at = now().plus(Span::from_millis(u64::from(serial * 37 % 50)));
        let click = click_of(&installation, serial, at, serial % 7);
        installation.store.keep_click(click, PATIENT).await.unwrap();
        let view = installation.store.facts_view().await.unwrap();
        let rows: usize = view.clicks.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, serial as usize + 1);
        let unique: usize = view
            .clicks
            .iter()
            .map(|batch| batch.column_by_name("unique").unwrap().as_boolean().true_count())
            .sum();
        assert_eq!(unique, 7.min(serial as usize + 1));
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ -~]{0,12}", "\\PC{0,6}", Just("|_-".to_owned())]
}

fn details() -> impl Strategy<Value = Details> {
    let words = || proptest::collection::vec(word(), 10);
    (words(), words(), proptest::collection::vec((word(), word()), 0..4), any::<bool>()).prop_map(
        |(subs, words, others, test)| {
            let mut words = words.into_iter();
            let mut next = || words.next().unwrap();
            let mut details = Details {
                partner_click_id: next(),
                cost: next(),
                source: next(),
                others,
                ip: next(),
                user_agent: next(),
                referrer: next(),
                language: next(),
                country: next(),
                route: next(),
                test,
                ..Details::default()
            };
            for (number, sub) in (1..).zip(subs).filter(|(_, sub)| !sub.is_empty()) {
                details.set_sub(number, sub);
            }
            details
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_click_comes_out_of_a_file_as_it_went_in(all in proptest::collection::vec(details(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let installation = Installation::new().await;
            let mut clicks = Vec::new();
            for (serial, details) in (1..).zip(all) {
                let click = Click { details, ..click_of(&installation, serial, now(), 1) };
                installation.store.keep_click(click.clone(), PATIENT).await.unwrap();
                clicks.push(click);
            }
            installation.store.seal_facts(later("24h"), None).await.unwrap();
            for click in clicks {
                assert_eq!(installation.store.click(click.id).await.unwrap(), Some(click));
            }
        });
    }
}

#[tokio::test]
async fn days_of_many_files_become_days_of_one() {
    let installation = Installation::new().await;
    busy(&installation).await;
    for hours in ["1h", "2h", "3h", "21h", "22h", "24h", "27h"] {
        installation.store.seal_facts(later(hours), None).await.unwrap();
    }
    let store: &Store = &installation.store;
    let view = store.facts_view().await.unwrap();
    let before = counted(&view, installation.directory.path());
    let files = view.catalog.files.len();
    let merged = store.merge_files(later("80h")).await.unwrap();
    assert!(merged > 0);
    let view = store.facts_view().await.unwrap();
    assert!(view.catalog.files.len() < files);
    assert_eq!(counted(&view, installation.directory.path()), before);
    store.remove_orphans(later("90h")).await.unwrap();
    assert_eq!(files_under(installation.directory.path()), view.catalog.files.len());
}

async fn differences(installation: &Installation) -> Vec<String> {
    installation.store.verify_facts().await.unwrap().differences
}

#[tokio::test]
async fn facts_agree_with_the_rows_that_they_come_from_and_every_tampering_is_told() {
    let installation = Installation::new().await;
    busy(&installation).await;
    assert_eq!(differences(&installation).await, [""; 0]);
    installation.store.seal_facts(later("25h"), None).await.unwrap();
    let report = installation.store.verify_facts().await.unwrap();
    assert_eq!((report.differences.as_slice(), report.files > 2), (&[][..], true));
    let connection = rusqlite::Connection::open(installation.directory.path().join("proofback.db")).unwrap();
    let tampered = [
        (
            "update conversion set status = 'pending' where txid = 'S2'",
            "update conversion set status = 'approved' where txid = 'S2'",
        ),
        (
            "update postback set outcome = 'accepted', reason = 'ok' where outcome = 'rejected'",
            "update postback set outcome = 'rejected', reason = 'unknown_click_id' where reason = 'ok' and conversion_id is null",
        ),
        (
            "insert into entry (id, at, debit, credit, amount, currency, reason) \
             values (x'00000000000000000000000000000001', 1795331160000, 'house:commission', 'partner:reelmedia:approved', 1, 'EUR', '')",
            "",
        ),
    ];
    for (break_it, mend_it) in tampered {
        assert_eq!(connection.execute(break_it, []).unwrap(), 1, "{break_it}");
        assert!(!differences(&installation).await.is_empty(), "{break_it}");
        if !mend_it.is_empty() {
            connection.execute(mend_it, []).unwrap();
            assert_eq!(differences(&installation).await, [""; 0], "{mend_it}");
        }
    }
}

#[tokio::test]
async fn a_file_that_was_changed_cut_or_removed_is_told() {
    let installation = Installation::new().await;
    busy(&installation).await;
    installation.store.seal_facts(later("30h"), None).await.unwrap();
    let view = installation.store.facts_view().await.unwrap();
    let path = installation.directory.path().join("facts").join(&view.catalog.files[0].path);
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 3] ^= 1;
    for bytes in [Some(changed), Some(whole[..whole.len() / 2].to_vec()), None] {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let found = differences(&installation).await;
        assert!(found.iter().any(|sentence| sentence.contains(&view.catalog.files[0].path)), "{found:?}");
    }
    std::fs::write(&path, whole).unwrap();
    assert_eq!(differences(&installation).await, [""; 0]);
}

/// Sums by everything that is no single click's and no exact time.
async fn sums(installation: &Installation) -> Counted {
    let view = installation.store.facts_view().await.unwrap();
    counted(&view, installation.directory.path())
}

#[tokio::test]
async fn what_is_forgotten_leaves_its_sums() {
    let installation = Installation::new().await;
    let clicks = busy(&installation).await;
    // Visits that differ in nothing but the minute.
    for serial in 500..520u32 {
        let at = now().plus(Span::from_seconds(u64::from(serial % 7)));
        installation.store.keep_click(click_of(&installation, serial, at, 7), PATIENT).await.unwrap();
    }
    let before = sums(&installation).await;
    installation.store.seal_facts(later("30h"), None).await.unwrap();
    installation.store.merge_files(later("80h")).await.unwrap();
    let rows = |view: &FactsView| view.catalog.files.iter().map(|file| file.summary.rows).sum::<u64>();
    let many = rows(&installation.store.facts_view().await.unwrap());
    let day = Span::parse("1d");
    let retention = Retention { clicks: day, log: day, bodies: day };
    let forgotten = installation.store.forget_old(retention, later("90h")).await.unwrap();
    assert!(forgotten.files > 0 && forgotten.bodies > 0 && forgotten.log > 0, "{forgotten:?}");
    assert_eq!(sums(&installation).await, before);
    assert!(rows(&installation.store.facts_view().await.unwrap()) < many);
    assert_eq!(differences(&installation).await, [""; 0]);
    installation.store.remove_orphans(later("120h")).await.unwrap();
    for click in clicks {
        assert_eq!(installation.store.click(click.id).await.unwrap(), None);
        for file in installation.store.facts_view().await.unwrap().catalog.files.iter() {
            let bytes = std::fs::read(installation.directory.path().join("facts").join(&file.path)).unwrap();
            let ip = click.details.ip.as_bytes();
            assert!(!bytes.windows(ip.len()).any(|window| window == ip), "{} names an address", file.path);
        }
    }
    let again = installation.store.forget_old(retention, later("90h")).await.unwrap();
    assert_eq!((again.files, again.log), (0, 0));
}

#[tokio::test]
async fn a_store_that_is_older_than_facts_gets_them_once() {
    let installation = Installation::new().await;
    busy(&installation).await;
    let before = sums(&installation).await;
    {
        let connection =
            rusqlite::Connection::open(installation.directory.path().join("proofback.db")).unwrap();
        assert!(connection.execute("delete from fact", []).unwrap() > 0);
    }
    let installation = reopen(installation).await;
    // Who was a customer first is not known any more; everything else is.
    let without_customers = |counted: Counted| -> Counted {
        let sums = counted.into_iter().map(|(key, mut sums)| {
            sums.remove("customers");
            (key, sums)
        });
        sums.collect()
    };
    assert_eq!(without_customers(sums(&installation).await), without_customers(before.clone()));
    assert_eq!(differences(&installation).await, [""; 0]);
    let installation = reopen(installation).await;
    assert_eq!(without_customers(sums(&installation).await), without_customers(before));
}

/// All clicks in a view, by the sums of the files as they are registered.
fn clicks_in(view: &FactsView) -> i128 {
    let hot = view.clicks.iter().map(RecordBatch::num_rows).sum::<usize>() as i128;
    let of_file = |summary: &proofback_store::facts::Summary| {
        summary.sums.named().find(|(name, _)| *name == "clicks").map_or(0, |(_, sum)| sum)
    };
    hot + view.catalog.files.iter().map(|file| of_file(&file.summary)).sum::<i128>()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_while_facts_are_sealed_and_merged_sees_each_click_once() {
    let installation = Installation::new().await;
    let store = installation.store.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let sealing = tokio::spawn(async move {
        let mut stopped = stopped;
        let mut seals = 0;
        // In the eyes of the one who seals, all of it came to rest long ago.
        while stopped.try_recv().is_err() {
            let sealed = store.seal_facts(later("60d"), None).await.unwrap();
            seals += sealed.files;
            store.merge_files(later("60d")).await.unwrap();
        }
        seals
    });
    for serial in 0..300u32 {
        let at = now().plus(Span::from_seconds(u64::from(serial) * 977 % 200_000));
        installation
            .store
            .keep_click(click_of(&installation, serial, at, serial % 9), PATIENT)
            .await
            .unwrap();
        let view = installation.store.facts_view().await.unwrap();
        assert_eq!(clicks_in(&view), i128::from(serial) + 1);
    }
    stop.send(()).unwrap();
    let seals = sealing.await.unwrap();
    assert!(seals > 3, "{seals} seals: nothing was sealed meanwhile");
    assert_eq!(differences(&installation).await, [""; 0]);
}

#[tokio::test]
async fn a_look_that_is_given_up_at_any_moment_hides_nothing_from_the_next() {
    let installation = Installation::new().await;
    for polls in 1..30u32 {
        let click = click_of(&installation, polls, now(), polls);
        installation.store.keep_click(click.clone(), PATIENT).await.unwrap();
        installation.sale(&click, &format!("S{polls}")).await;
        let mut look = Box::pin(installation.store.facts_view());
        let mut polled = 0;
        std::future::poll_fn(|context| {
            polled += 1;
            let looked = look.as_mut().poll(context).map(drop);
            if polled == polls { std::task::Poll::Ready(()) } else { looked }
        })
        .await;
        // Whoever asked has gone.
        drop(look);
        let view = installation.store.facts_view().await.unwrap();
        assert_eq!(clicks_in(&view), i128::from(polls), "given up at poll {polls}");
        let events: usize = view.events.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(events, 2 * polls as usize, "a postback and a conversion each, given up at poll {polls}");
    }
}
