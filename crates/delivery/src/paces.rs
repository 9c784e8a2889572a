//! The paces of all targets that have one. They outlive the workers, which come and go with what is due.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proofback_domain::name::Name;
use proofback_domain::program::RateLimit;
use proofback_domain::time::Timestamp;

use crate::pace::Pace;

#[derive(Default)]
pub struct Paces {
    by_target: Mutex<HashMap<Name, Pace>>,
}

impl Paces {
    /// How many of `wanted` requests may begin; how long to wait where none may.
    pub fn room(
        &self,
        target: &Name,
        rate: Option<RateLimit>,
        wanted: usize,
        now: Timestamp,
    ) -> (usize, Option<Duration>) {
        let mut by_target = self.by_target.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = rate else {
            by_target.remove(target);
            return (wanted, None);
        };
        let pace = by_target.entry(target.clone()).or_insert_with(|| Pace::new(rate, now));
        if pace.rate() != rate {
            *pace = Pace::new(rate, now);
        }
        let allowed = pace.allow(wanted, now);
        let waits = wanted > 0 && allowed == 0;
        let pause = waits.then(|| Duration::from_millis(pace.next(now).since(now).millis()));
        (allowed, pause)
    }

    pub fn take(&self, target: &Name, begun: usize) {
        let mut by_target = self.by_target.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = by_target.get_mut(target) {
            pace.take(begun);
        }
    }
}
