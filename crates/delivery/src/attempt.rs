//! One attempt to deliver: the request, its outcome, the record. First tries, retries and those asked for
//! by a person are the same.

use std::time::Duration;

use proofback_domain::delivery::{AttemptOutcome, AttemptResult, Request, after_attempt};
use proofback_domain::program::Target;
use proofback_store::{AttemptRecord, ClaimedDelivery};
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::engine::{Engine, LEASE, STORE_PAUSE};

/// Recording is tried for as long as the lease holds.
const RECORD_TRIES_MAX: u64 = LEASE.millis() / 1_000;

/// Sends a claimed delivery and records what came of it.
pub async fn make(engine: &Engine, delivery: ClaimedDelivery) {
    let (at, started) = (engine.now(), Instant::now());
    let url = render(engine, &delivery);
    let answer = match &url {
        Some(url) => engine.client.send(&Request::get(url), at).await,
        None => Answer::none(AttemptResult::NoTarget),
    };
    let duration = started.elapsed();
    let outcome = after_attempt(
        &answer.result,
        delivery.attempt,
        delivery.at,
        &engine.options.policy,
        engine.now(),
        engine.jitter(),
    );
    let record = AttemptRecord {
        delivery_id: delivery.id,
        number: delivery.attempt,
        lease_until: delivery.lease_until,
        at,
        request: url.map(|url| format!("GET {url}")).unwrap_or_default(),
        status: answer.status,
        error: answer.result.error(),
        duration_ms: whole_millis(duration),
        answer: answer.body_start().to_owned(),
        outcome,
    };
    log(&delivery, &record);
    keep(engine, record).await;
}

/// The address by the program of now; `None` when the target is no longer in it.
fn render(engine: &Engine, delivery: &ClaimedDelivery) -> Option<String> {
    let snapshot = engine.store.snapshot()?;
    let is_meant = |target: &&Target| target.id == delivery.target;
    let target = snapshot.program.partners.values().flat_map(|partner| &partner.targets).find(is_meant)?;
    Some(target.url.render(|name| delivery.values.get(name.name()).cloned().unwrap_or_default()))
}

/// The address stays out of the log: what it says of people belongs to the store alone.
fn log(delivery: &ClaimedDelivery, record: &AttemptRecord) {
    let outcome = match record.outcome {
        AttemptOutcome::Delivered => "delivered",
        AttemptOutcome::RetryAt(_) => "to be tried again",
        AttemptOutcome::Failed => "failed",
    };
    tracing::info!(
        delivery_id = %delivery.id,
        target = %delivery.target,
        attempt = record.number,
        status = record.status,
        error = record.error,
        duration_ms = record.duration_ms,
        outcome,
        "a delivery was attempted"
    );
}

async fn keep(engine: &Engine, record: AttemptRecord) {
    let delivery_id = record.delivery_id;
    for _ in 0..RECORD_TRIES_MAX {
        match engine.store.record_attempt(record.clone()).await {
            Ok(true) => return count(engine, record.outcome),
            Ok(false) => {
                tracing::warn!(%delivery_id, "an attempt took longer than its lease; another one decides");
                return;
            }
            Err(error) => {
                tracing::error!(%error, %delivery_id, "an attempt could not be recorded yet");
                sleep(STORE_PAUSE).await;
            }
        }
    }
    tracing::error!(%delivery_id, "an attempt was not recorded; the delivery is made again");
}

fn count(engine: &Engine, outcome: AttemptOutcome) {
    if let AttemptOutcome::RetryAt(next) = outcome {
        engine.alarm.set(next);
    }
    engine.options.metrics.count(outcome);
}

fn whole_millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
