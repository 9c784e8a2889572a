//! Fills a store with clicks through its own writer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proofback_domain::click_id::{Keys, Sequence};
use proofback_domain::program::{Secrets, read};
use proofback_domain::route::{Routed, Visit, route};
use proofback_domain::time::Timestamp;
use proofback_store::{Options, Store};

use crate::servers::PROGRAM;

const BATCH: usize = 2_000;

/// Stores `count` clicks of the last month and gives their ids.
pub async fn store_clicks(directory: &Path, count: usize) -> Vec<String> {
    let options = Options { readers: 1, fresh_key: [5; 16], on_fatal: Box::new(|error| panic!("{error}")) };
    let store = Store::open(&directory.join("data"), options).unwrap();
    let (program, mistakes) = read(PROGRAM);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let now =
        Timestamp::from_millis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let stored = store.save_program(PROGRAM.into(), &program, "bench".into(), now).await.unwrap();
    let keys = Keys::new(store.click_key().await.unwrap(), Vec::new());
    let snapshot =
        proofback_domain::program::Snapshot::new(1, program, stored.numbers, Secrets(BTreeMap::new()), keys);
    let link = snapshot.program.links.values().next().unwrap();
    let number = snapshot.number(&link.id).unwrap();
    let first = now.minus(proofback_domain::time::Span::from_seconds(30 * 86_400));
    let step = 30 * 86_400_000 / i64::try_from(count).unwrap();
    let mut sequence = Sequence::new(first, 0);
    let visit = Visit {
        query: [("click_id", "P-1"), ("sub1", "reels"), ("sub2", "campaign"), ("cost", "0.12")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ip: "203.0.113.77".into(),
        user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36".into(),
        ..Visit::default()
    };
    let store = Arc::new(store);
    let mut ids = Vec::with_capacity(count);
    let mut pending = Vec::with_capacity(BATCH);
    for index in 0..count {
        let at = Timestamp::from_millis(first.millis() + step * i64::try_from(index).unwrap());
        let id = snapshot.keys.sign(sequence.next(at, number));
        let Routed::Offer { click, .. } = route(&visit, link, &snapshot.program, id, at) else {
            panic!("no offer")
        };
        ids.push(id.to_string());
        let store = Arc::clone(&store);
        pending.push(tokio::spawn(async move {
            store.keep_click(*click, Duration::from_secs(60)).await.unwrap()
        }));
        if pending.len() == BATCH || index + 1 == count {
            for task in pending.drain(..) {
                task.await.unwrap();
            }
        }
    }
    ids
}
