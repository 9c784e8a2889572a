//! A sender's rate limit: a bucket that empties as time goes on (generic cell rate algorithm).

use crate::program::RateLimit;
use crate::time::{Span, Timestamp};

/// The theoretical arrival time of the next request, in nanoseconds; fresh buckets are empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    next_ns: u64,
}

impl Bucket {
    /// Takes one request at `now`: `Err` says how long until one would be taken.
    pub fn take(&mut self, limit: RateLimit, now: Timestamp) -> Result<(), Span> {
        let now_ns = now.millis().unsigned_abs().saturating_mul(NS_PER_MS);
        let whole_ns = limit.per.millis().saturating_mul(NS_PER_MS);
        let step_ns = whole_ns.checked_div(u64::from(limit.count)).unwrap_or(whole_ns);
        let burst_ns = step_ns.saturating_mul(u64::from(limit.burst));
        let next_ns = self.next_ns.max(now_ns).saturating_add(step_ns);
        let ahead_ns = next_ns.saturating_sub(now_ns);
        if ahead_ns > burst_ns {
            let wait_ns = ahead_ns.saturating_sub(burst_ns);
            return Err(Span::from_millis(wait_ns.div_ceil(NS_PER_MS)));
        }
        self.next_ns = next_ns;
        Ok(())
    }

    /// From then on nothing is known of what came before: a bucket that is empty is worth no memory.
    pub fn empty_at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.next_ns.div_ceil(NS_PER_MS)).unwrap_or(i64::MAX))
    }
}

const NS_PER_MS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_burst_passes_then_one_per_step() {
        let limit = RateLimit { count: 10, per: Span::from_seconds(1), burst: 10 };
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

    #[test]
    fn a_burst_bounds_what_comes_at_once_and_not_the_rate() {
        let limit = RateLimit { count: 1_000, per: Span::from_seconds(1), burst: 3 };
        let at = Timestamp::from_millis;
        let mut bucket = Bucket::default();
        let taken =
            |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(limit, at(now)).is_ok()).count();
        assert_eq!(taken(&mut bucket, 5_000), 3);
        assert_eq!(bucket.take(limit, at(5_000)), Err(Span::from_millis(1)));
        assert_eq!((5_001..6_001).map(|now| taken(&mut bucket, now)).sum::<usize>(), 1_000);
        assert_eq!(taken(&mut bucket, 9_000), 3, "a pause saves up no more than one burst");
        let wide = RateLimit { burst: 5_000, ..limit };
        let mut bucket = Bucket::default();
        assert_eq!((0..9_000).filter(|_| bucket.take(wide, at(5_000)).is_ok()).count(), 5_000);
    }

    #[test]
    fn a_bucket_is_empty_when_all_that_it_took_is_worth_nothing_any_more() {
        let limit = RateLimit { count: 5, per: Span::from_seconds(300), burst: 5 };
        let at = Timestamp::from_millis;
        let mut bucket = Bucket::default();
        assert_eq!(bucket.empty_at(), Timestamp::EPOCH);
        for _ in 0..3 {
            assert_eq!(bucket.take(limit, at(1_000)), Ok(()));
        }
        assert_eq!(bucket.empty_at(), at(181_000));
    }

    #[test]
    fn no_rate_is_rounded_away() {
        let limit = RateLimit { count: 700_000, per: Span::from_seconds(1), burst: 1 };
        let mut bucket = Bucket::default();
        let taken = (0..1_000_i64).flat_map(|now| std::iter::repeat_n(now, 1_000));
        let taken =
            taken.filter(|now| bucket.take(limit, Timestamp::from_millis(5_000 + now)).is_ok()).count();
        // One at a time is one a millisecond on a clock of milliseconds.
        assert_eq!(taken, 1_000);
        let wide = RateLimit { burst: 700_000, ..limit };
        let mut bucket = Bucket::default();
        assert_eq!(
            (0..900_000).filter(|_| bucket.take(wide, Timestamp::from_millis(5_000)).is_ok()).count(),
            700_000
        );
    }
}
