//! The time at which the engine has to look again. Attempts that plan another one move it nearer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proofback_domain::time::Timestamp;
use tokio::sync::Notify;

pub struct Alarm {
    /// In Unix milliseconds.
    at: AtomicI64,
    moved: Notify,
}

impl Alarm {
    /// Rings at once.
    pub fn ringing() -> Self {
        Self { at: AtomicI64::new(0), moved: Notify::new() }
    }

    /// Rings at `at`, or when it would have rung before.
    pub fn set(&self, at: Timestamp) {
        let before = self.at.fetch_min(at.millis(), Ordering::AcqRel);
        if at.millis() < before {
            self.moved.notify_one();
        }
    }

    /// Rings no more until it is set.
    pub fn stop(&self) {
        self.at.store(i64::MAX, Ordering::Release);
    }

    /// The time left until it rings.
    pub fn left(&self, now: Timestamp) -> Duration {
        let at = Timestamp::from_millis(self.at.load(Ordering::Acquire));
        Duration::from_millis(at.since(now).millis())
    }

    /// Comes back when it was moved nearer since the last call.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test]
    async fn it_rings_at_the_earliest_time_it_was_set_to() {
        let alarm = Alarm::ringing();
        assert_eq!(alarm.left(at(5_000)), Duration::ZERO);
        alarm.stop();
        alarm.set(at(9_000));
        alarm.moved().await;
        alarm.set(at(7_000));
        alarm.set(at(8_000));
        assert_eq!(alarm.left(at(5_000)), Duration::from_secs(2));
        assert_eq!(alarm.left(at(7_001)), Duration::ZERO);
        alarm.moved().await;
    }
}
