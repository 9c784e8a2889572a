//! How often somebody may try, in a bounded memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use proofback_domain::program::RateLimit;
use proofback_domain::rate::Bucket;
use proofback_domain::time::{Span, Timestamp};

/// So many are remembered; then whoever is nearest to being forgotten anyway is.
const KEYS_MAX: usize = 10_000;

pub struct Throttle {
    limit: RateLimit,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Throttle {
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Counts one try; `Err` says how long until one would be let through. `key` is bounded by whoever calls.
    pub fn take(&self, key: &str, now: Timestamp) -> Result<(), Span> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get_mut(key) {
            return known.take(self.limit, now);
        }
        if KEYS_MAX <= buckets.len() {
            // Never those who tried most: a crowd of strangers cannot wash away what is known of one.
            let least =
                buckets.iter().min_by_key(|(_, bucket)| bucket.empty_at()).map(|(key, _)| key.clone());
            least.and_then(|least| buckets.remove(&least));
        }
        buckets.entry(key.to_owned()).or_default().take(self.limit, now)
    }

    /// Whoever got it right has tried nothing.
    pub fn forget(&self, key: &str) {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// An address as it is counted: whoever has one of IPv6 has the 2^64 beside it.
pub fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { count: 5, per: Span::from_seconds(300), burst: 5 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn neighbours_in_a_net_of_ipv6_are_counted_as_one() {
        for (ip, counted) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(address(ip.parse().unwrap()), counted);
        }
    }

    #[test]
    fn a_crowd_does_not_wash_away_what_is_known_of_one() {
        let throttle = Throttle::new(LIMIT);
        for _ in 0..5 {
            assert_eq!(throttle.take("ann", at(1_000)), Ok(()));
        }
        assert!(throttle.take("ann", at(1_000)).is_err());
        for stranger in 0..2 * KEYS_MAX {
            assert_eq!(throttle.take(&stranger.to_string(), at(1_001)), Ok(()));
        }
        assert!(throttle.take("ann", at(1_002)).is_err());
        assert_eq!(throttle.buckets.lock().unwrap().len(), KEYS_MAX);
        assert_eq!(throttle.take("ann", at(1_060)), Ok(()));
    }

    #[test]
    fn whoever_got_it_right_has_all_tries_again() {
        let throttle = Throttle::new(LIMIT);
        for _ in 0..20 {
            assert_eq!(throttle.take("ann", at(1_000)), Ok(()));
            throttle.forget("ann");
        }
    }
}
