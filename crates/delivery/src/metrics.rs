//! Counters of what was sent since the start, to be read from outside.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use proofback_domain::delivery::AttemptOutcome;
use tokio::sync::Notify;

/// What is counted here is durable: an attempt counts when it is recorded.
#[derive(Debug, Default)]
pub struct DeliveryMetrics {
    attempts: AtomicU64,
    delivered: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    counted: Notify,
}

impl DeliveryMetrics {
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Attempts after which another one was planned.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Deliveries given up.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Comes back when `reached` is true of the counters: at once, or after an attempt that made it so.
    pub async fn wait_until(&self, reached: impl Fn(&Self) -> bool) {
        loop {
            let mut counted = pin!(self.counted.notified());
            // From here on no attempt is missed.
            counted.as_mut().enable();
            if reached(self) {
                return;
            }
            counted.await;
        }
    }

    pub(crate) fn count(&self, outcome: AttemptOutcome) {
        let counter = match outcome {
            AttemptOutcome::Delivered => &self.delivered,
            AttemptOutcome::RetryAt(_) => &self.retried,
            AttemptOutcome::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.counted.notify_waiters();
    }
}
