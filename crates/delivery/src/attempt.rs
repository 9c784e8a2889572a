//! One attempt to deliver: the request, its outcome, the record. First tries, retries and those asked for
//! by a person are the same.

use std::sync::Arc;

use proofback_domain::delivery::{AttemptOutcome, AttemptResult, Composed, Occasion, after_attempt, compose};
use proofback_domain::program::{Snapshot, Target, Way};
use proofback_domain::time::Timestamp;
use proofback_store::{AttemptRecord, ClaimedDelivery, Phases, Recorded};
use tokio::time::sleep;

use crate::answer::Answer;
use crate::shared::{Engine, LEASE, STORE_PAUSE};

/// Recording is tried for as long as the lease holds.
const RECORD_TRIES_MAX: u64 = LEASE.millis() / 1_000;

/// What the answer to an attempt means, and what of the request may be kept.
pub struct Attempted {
    pub at: Timestamp,
    pub shown: String,
    pub result: AttemptResult,
    /// `None` where nothing was sent.
    pub answer: Option<Answer>,
}

/// Sends a claimed delivery and records what came of it.
pub async fn make(engine: &Engine, delivery: Arc<ClaimedDelivery>) -> Option<Recorded> {
    let at = engine.now();
    let attempted = match engine.store.snapshot() {
        Some(snapshot) => match snapshot.program.targets.get(&delivery.target) {
            Some(target) => send(engine, target, &snapshot, &delivery, at).await,
            None => Attempted::unsent(at, AttemptResult::NoTarget),
        },
        None => Attempted::unsent(at, AttemptResult::Deferred("there is no program".into())),
    };
    record(engine, delivery, attempted).await
}

async fn send(
    engine: &Engine,
    target: &Target,
    snapshot: &Snapshot,
    delivery: &ClaimedDelivery,
    at: Timestamp,
) -> Attempted {
    let ClaimedDelivery { id, happening, values, .. } = delivery;
    let occasion = Occasion { id: *id, happening: *happening, at: delivery.at, attempt_at: at, values };
    match compose(target, snapshot, occasion) {
        Ok(Composed { request, shown }) => {
            let answer = engine.client.send(&request, at).await;
            let result = judge(target, &answer);
            Attempted { at, shown, result, answer: Some(answer) }
        }
        Err(result) => Attempted::unsent(at, result),
    }
}

/// An answer can be taken for what it is, or be held against what the target is known to say.
fn judge(target: &Target, answer: &Answer) -> AttemptResult {
    let (Way::Postback(call), AttemptResult::Answered { status, .. }) = (&target.way, &answer.result) else {
        return answer.result.clone();
    };
    match call.expect.misses(*status, &answer.body) {
        // Whatever it is called, it is what was expected.
        None => AttemptResult::Answered { status: 200, retry_after: None },
        Some(what) if (200..=299).contains(status) => AttemptResult::Unexpected(what),
        Some(_) => answer.result.clone(),
    }
}

impl Attempted {
    pub fn unsent(at: Timestamp, result: AttemptResult) -> Self {
        Self { at, shown: String::new(), result, answer: None }
    }
}

/// Decides what follows from an attempt, and keeps it; `None` where the lease was lost or the store takes nothing.
pub async fn record(
    engine: &Engine,
    delivery: Arc<ClaimedDelivery>,
    attempted: Attempted,
) -> Option<Recorded> {
    let ended_at = engine.now();
    let Attempted { at, shown, result, answer } = attempted;
    let (policy, jitter) = (&engine.options.policy, engine.jitter());
    let outcome = match after_attempt(&result, delivery.attempt, delivery.first_at, policy, ended_at, jitter)
    {
        // Whoever asked for a test waits for its answer.
        AttemptOutcome::RetryAt(_) if delivery.trial => AttemptOutcome::Failed,
        outcome => outcome,
    };
    let hide = |text: &str| match engine.store.snapshot() {
        Some(snapshot) => snapshot.hidden.hide(text).into_owned(),
        None => text.to_owned(),
    };
    let record = AttemptRecord {
        at,
        ended_at,
        request: shown,
        status: answer.as_ref().and_then(|answer| answer.status),
        duration_ms: answer.as_ref().map_or(0, |answer| answer.timing.total_us / 1_000),
        phases: answer.as_ref().map(phases).unwrap_or_default(),
        address: address(answer.as_ref()),
        headers: answer.as_ref().map(|answer| hide(&headers(answer))).unwrap_or_default(),
        answer: answer.as_ref().map(|answer| hide(answer.body_start())).unwrap_or_default(),
        result,
        outcome,
        delivery,
    };
    log(&record);
    keep(engine, record).await
}

fn phases(answer: &Answer) -> Phases {
    let timing = answer.timing;
    Phases {
        dns_us: timing.dns_us,
        connect_us: timing.connect_us,
        tls_us: timing.tls_us,
        first_byte_us: timing.first_byte_us,
    }
}

fn address(answer: Option<&Answer>) -> String {
    answer.and_then(|answer| answer.address).map(|address| address.to_string()).unwrap_or_default()
}

fn headers(answer: &Answer) -> String {
    answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// The address stays out of the log: what it says of people belongs to the store alone.
fn log(record: &AttemptRecord) {
    let outcome = match record.outcome {
        AttemptOutcome::Delivered => "delivered",
        AttemptOutcome::RetryAt(_) => "to be tried again",
        AttemptOutcome::Failed => "failed",
    };
    tracing::info!(
        delivery_id = %record.delivery.id,
        target = %record.delivery.target,
        attempt = record.delivery.attempt,
        status = record.status,
        error = record.result.error(),
        duration_ms = record.duration_ms,
        outcome,
        "a delivery was attempted"
    );
}

async fn keep(engine: &Engine, record: AttemptRecord) -> Option<Recorded> {
    let (delivery_id, outcome) = (record.delivery.id, record.outcome);
    for _ in 0..RECORD_TRIES_MAX {
        match engine.store.record_attempt(record.clone()).await {
            Ok(recorded) if recorded.held => {
                count(engine, outcome);
                return Some(recorded);
            }
            Ok(_) => {
                tracing::warn!(%delivery_id, "an attempt took longer than its lease; another one decides");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, %delivery_id, "an attempt could not be recorded yet");
                sleep(STORE_PAUSE).await;
            }
        }
    }
    tracing::error!(%delivery_id, "an attempt was not recorded; the delivery is made again");
    None
}

fn count(engine: &Engine, outcome: AttemptOutcome) {
    if let AttemptOutcome::RetryAt(next) = outcome {
        engine.alarm.set(next);
    }
    engine.options.metrics.count(outcome);
}
