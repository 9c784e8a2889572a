//! A sender's rate limit: a bucket that empties as time goes on (generic cell rate algorithm).

use crate::program::RateLimit;
use crate::time::{Span, Timestamp};

/// The theoretical arrival time of the next request, in microseconds; fresh buckets are empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    next_us: u64,
}

impl Bucket {
    /// Takes one request at `now`: `Err` says how long until one would be taken.
    pub fn take(&mut self, limit: RateLimit, now: Timestamp) -> Result<(), Span> {
        let now_us = now.millis().unsigned_abs().saturating_mul(1_000);
        let whole_us = limit.per.millis().saturating_mul(1_000);
        let step_us = whole_us.checked_div(u64::from(limit.count)).unwrap_or(whole_us);
        let next_us = self.next_us.max(now_us).saturating_add(step_us);
        let ahead_us = next_us.saturating_sub(now_us);
        if ahead_us > whole_us {
            let wait_us = ahead_us.saturating_sub(whole_us);
            return Err(Span::from_millis(wait_us.div_ceil(1_000)));
        }
        self.next_us = next_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_burst_passes_then_one_per_step() {
        let limit = RateLimit { count: 10, per: Span::from_seconds(1) };
        let at = Timestamp::from_millis;
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert_eq!(bucket.take(limit, at(5_000)), Ok(()));
        }
        assert_eq!(bucket.take(limit, at(5_000)), Err(Span::from_millis(100)));
        assert_eq!(bucket.take(limit, at(5_099)), Err(Span::from_millis(1)));
        assert_eq!(bucket.take(limit, at(5_100)), Ok(()));
        assert!(bucket.take(limit, at(5_100)).is_err());
        for _ in 0..10 {
            assert_eq!(bucket.take(limit, at(9_000)), Ok(()));
        }
    }
}
