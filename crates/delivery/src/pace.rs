//! How fast a target may be called: so many requests in a time, and a few at once.

use proofback_domain::program::RateLimit;
use proofback_domain::time::Timestamp;

/// A bucket of tokens, in millionths of one, filled as time goes by.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    rate: RateLimit,
    micros: u64,
    filled_at: Timestamp,
}

const TOKEN: u64 = 1_000_000;

impl Pace {
    /// A full bucket.
    pub fn new(rate: RateLimit, now: Timestamp) -> Self {
        Self { rate, micros: u64::from(rate.burst) * TOKEN, filled_at: now }
    }

    pub fn rate(&self) -> RateLimit {
        self.rate
    }

    /// How many requests may begin now, of those wanted.
    pub fn allow(&mut self, wanted: usize, now: Timestamp) -> usize {
        self.fill(now);
        wanted.min(usize::try_from(self.micros / TOKEN).unwrap_or(usize::MAX))
    }

    /// Takes the tokens of requests that have begun.
    pub fn take(&mut self, begun: usize) {
        self.micros =
            self.micros.saturating_sub(u64::try_from(begun).unwrap_or(u64::MAX).saturating_mul(TOKEN));
    }

    /// When the next request may begin.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let missing = TOKEN.saturating_sub(self.micros);
        let (count, per) = (u64::from(self.rate.count.max(1)), self.rate.per.millis());
        let wait = missing.saturating_mul(per).div_ceil(count.saturating_mul(TOKEN));
        now.plus(proofback_domain::time::Span::from_millis(wait.max(1)))
    }

    fn fill(&mut self, now: Timestamp) {
        let elapsed = now.since(self.filled_at).millis();
        let per = self.rate.per.millis().max(1);
        let gained = u128::from(elapsed) * u128::from(self.rate.count) * u128::from(TOKEN) / u128::from(per);
        let full = u64::from(self.rate.burst.max(1)) * TOKEN;
        self.micros = self.micros.saturating_add(u64::try_from(gained).unwrap_or(u64::MAX)).min(full);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proofback_domain::time::Span;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_as_time_goes_by() {
        let rate = RateLimit { count: 10, per: Span::from_seconds(1), burst: 3 };
        let mut pace = Pace::new(rate, at(0));
        assert_eq!(pace.allow(9, at(0)), 3);
        pace.take(3);
        assert_eq!(pace.allow(9, at(99)), 0);
        assert_eq!(pace.next(at(99)), at(100));
        assert_eq!(pace.allow(9, at(100)), 1);
        pace.take(1);
        assert_eq!(pace.allow(9, at(10_000)), 3, "no more than the burst is saved up");
        assert_eq!(pace.allow(2, at(10_000)), 2);
    }

    #[test]
    fn over_a_long_time_the_rate_is_kept_exactly() {
        let rate = RateLimit { count: 7, per: Span::from_seconds(1), burst: 1 };
        let mut pace = Pace::new(rate, at(0));
        let mut begun = 0;
        for millis in 0..60_000 {
            let allowed = pace.allow(usize::MAX, at(millis));
            pace.take(allowed);
            begun += allowed;
        }
        assert_eq!(begun, 7 * 60);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_twice() {
        let rate = RateLimit { count: 1, per: Span::from_seconds(1), burst: 1 };
        let mut pace = Pace::new(rate, at(10_000));
        pace.take(1);
        assert_eq!(pace.allow(1, at(5_000)), 0);
        assert_eq!(pace.allow(1, at(10_999)), 0);
        assert_eq!(pace.allow(1, at(11_000)), 1);
    }
}
