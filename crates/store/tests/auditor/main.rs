//! Random histories of money against the real store, and an auditor that recomputes every balance from what was sent
//! and said alone, to the last millionth.
//!
//! `AUDITS=n` runs so many histories, `AUDIT_SEED=n` that one alone, with all balances compared after every step.

#![allow(clippy::unwrap_used, reason = "a test")]

mod books;
mod draw;
mod plan;
mod run;
mod sale;
mod settled;
mod sums;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

/// Histories that share one store; the first seed of each store is a multiple of it.
const TOGETHER: u64 = 200;
/// Stores at work at the same time.
const STORES: usize = 3;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[test]
fn every_balance_is_what_an_auditor_makes_of_the_words_alone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let differing = runtime.block_on(async {
        if let Some(seed) = setting("AUDIT_SEED") {
            return run::audit(seed..seed + 1, true).await.err();
        }
        let audits = setting("AUDITS").unwrap_or(10_000);
        let places = Arc::new(tokio::sync::Semaphore::new(STORES));
        let mut stores = tokio::task::JoinSet::new();
        for first in (0..audits).step_by(usize::try_from(TOGETHER).unwrap()) {
            let places = Arc::clone(&places);
            stores.spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                run::audit(first..(first + TOGETHER).min(audits), false).await
            });
        }
        let mut steps = 0;
        while let Some(audited) = stores.join_next().await {
            match audited.unwrap() {
                Ok(more) => steps += more,
                Err(difference) => {
                    stores.shutdown().await;
                    return Some(difference);
                }
            }
        }
        assert!(steps > audits * 10, "histories are not empty: {steps} lines");
        None
    });
    if let Some(difference) = differing {
        let run::Difference { seed, story } = difference;
        panic!("AUDIT_SEED={seed} runs this history alone:\n{}", story.join("\n"));
    }
}
