//! What follows from one attempt to deliver: done, again at a later time, or given up.

mod compose;
mod health;
mod public;
mod request;
mod trial;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

pub use compose::{Composed, Occasion, compose, show};
pub use health::{Alert, Allowance, Health, HealthPolicy, Pause};
pub use public::{is_status, public_error};
pub use request::{Request, Verb};
pub use trial::check_trial_value;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The target answered with this status; `retry_after` as it asked.
    Answered { status: u16, retry_after: Option<Span> },
    /// It answered, and not as it is expected to; says what was missed.
    Unexpected(String),
    /// It will not take this one, now or later; says why.
    Declined(String),
    /// It, or something of ours, is not ready for this one yet; says why.
    Deferred(String),
    /// Nobody answered in time.
    TimedOut,
    /// No connection, or it broke.
    NetworkError(String),
    /// The address is private and those are not allowed.
    PrivateAddress,
    /// The delivery cannot be built any more: its target left the program.
    NoTarget,
}

/// The timetable of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub first: Span,
    pub longest: Span,
    /// Counted from the delivery's creation.
    pub give_up_after: Span,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    Delivered,
    RetryAt(Timestamp),
    Failed,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Failed,
    /// Outside the share of conversions that its target is told of; never sent.
    Withheld,
}

/// At most this share of a wait, in percent, is added as jitter.
const JITTER_PERCENT: u64 = 20;

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Span::from_seconds(5),
            longest: Span::from_seconds(6 * 3_600),
            give_up_after: Span::from_seconds(3 * 86_400),
        }
    }
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (the first is 1), without jitter.
    pub fn wait(&self, attempt: u32) -> Span {
        let doublings = attempt.saturating_sub(1).min(40);
        let wait = self.first.millis().saturating_mul(1u64 << doublings);
        Span::from_millis(wait.min(self.longest.millis()))
    }
}

/// Decides after attempt number `attempt`; `jitter` is a random number of thousandths, 0 to 1000.
pub fn after_attempt(
    result: &AttemptResult,
    attempt: u32,
    created_at: Timestamp,
    policy: &RetryPolicy,
    now: Timestamp,
    jitter: u16,
) -> AttemptOutcome {
    let asked = match result {
        AttemptResult::Answered { status: 200..=299, .. } => return AttemptOutcome::Delivered,
        AttemptResult::Answered { status: 408 | 429 | 500..=599, retry_after } => *retry_after,
        AttemptResult::Answered { .. }
        | AttemptResult::Unexpected(_)
        | AttemptResult::Declined(_)
        | AttemptResult::PrivateAddress
        | AttemptResult::NoTarget => return AttemptOutcome::Failed,
        AttemptResult::TimedOut | AttemptResult::NetworkError(_) | AttemptResult::Deferred(_) => None,
    };
    let wait = policy.wait(attempt).millis();
    let share = u64::from(jitter.min(1_000)).saturating_mul(JITTER_PERCENT);
    let extra = wait.saturating_mul(share).checked_div(100_000).unwrap_or(0);
    // A target that asks for more time gets it, up to the longest wait we make ourselves.
    let asked = asked.unwrap_or(Span::from_millis(0)).min(policy.longest);
    let wait = Span::from_millis(wait.saturating_add(extra)).max(asked);
    let next = now.plus(wait);
    if next.since(created_at) > policy.give_up_after {
        AttemptOutcome::Failed
    } else {
        AttemptOutcome::RetryAt(next)
    }
}

impl AttemptResult {
    /// The attempt's error in words; `None` for a success.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Answered { status: 200..=299, .. } => None,
            Self::Answered { status, .. } => Some(format!("status_{status}")),
            Self::Unexpected(what) => Some(format!("unexpected_answer: {what}")),
            Self::Declined(why) => Some(format!("declined: {why}")),
            Self::Deferred(why) => Some(format!("deferred: {why}")),
            Self::TimedOut => Some("timeout".into()),
            Self::NetworkError(what) => Some(format!("network_error: {what}")),
            Self::PrivateAddress => Some("private_address".into()),
            Self::NoTarget => Some("no_target".into()),
        }
    }
}

impl DeliveryState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Withheld];

    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Withheld => "withheld",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::EPOCH;

    fn answered(status: u16) -> AttemptResult {
        AttemptResult::Answered { status, retry_after: None }
    }

    fn decide(result: &AttemptResult, attempt: u32, now_ms: i64, jitter: u16) -> AttemptOutcome {
        after_attempt(result, attempt, START, &RetryPolicy::default(), Timestamp::from_millis(now_ms), jitter)
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [200, 201, 204, 299] {
            assert_eq!(decide(&answered(status), 1, 0, 0), AttemptOutcome::Delivered, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 599] {
            assert_eq!(
                decide(&answered(status), 1, 0, 0),
                AttemptOutcome::RetryAt(Timestamp::from_millis(5_000)),
                "{status}"
            );
        }
        for status in [100, 301, 302, 400, 401, 404, 410, 422] {
            assert_eq!(decide(&answered(status), 1, 0, 0), AttemptOutcome::Failed, "{status}");
        }
        for result in [
            AttemptResult::PrivateAddress,
            AttemptResult::NoTarget,
            AttemptResult::Declined(String::new()),
            AttemptResult::Unexpected(String::new()),
        ] {
            assert_eq!(decide(&result, 1, 0, 0), AttemptOutcome::Failed, "{result:?}");
        }
        let deferred = AttemptResult::Deferred(String::new());
        assert!(matches!(decide(&deferred, 1, 0, 0), AttemptOutcome::RetryAt(_)));
        assert!(matches!(decide(&AttemptResult::TimedOut, 1, 0, 0), AttemptOutcome::RetryAt(_)));
        assert!(matches!(
            decide(&AttemptResult::NetworkError(String::new()), 1, 0, 0),
            AttemptOutcome::RetryAt(_)
        ));
    }

    #[test]
    fn each_wait_is_twice_the_last_up_to_six_hours() {
        let waits: Vec<u64> =
            (1..=16).map(|attempt| RetryPolicy::default().wait(attempt).millis() / 1_000).collect();
        assert_eq!(waits[..4], [5, 10, 20, 40]);
        assert_eq!(waits[12..], [20_480, 21_600, 21_600, 21_600]);
    }

    #[test]
    fn jitter_adds_at_most_a_fifth() {
        assert_eq!(
            decide(&answered(500), 1, 0, 1_000),
            AttemptOutcome::RetryAt(Timestamp::from_millis(6_000))
        );
        assert_eq!(
            decide(&answered(500), 1, 0, u16::MAX),
            AttemptOutcome::RetryAt(Timestamp::from_millis(6_000))
        );
    }

    #[test]
    fn retry_after_is_heeded_but_never_beyond_the_longest_wait() {
        let asks =
            |seconds| AttemptResult::Answered { status: 429, retry_after: Some(Span::from_seconds(seconds)) };
        assert_eq!(decide(&asks(60), 1, 0, 0), AttemptOutcome::RetryAt(Timestamp::from_millis(60_000)));
        assert_eq!(decide(&asks(1), 1, 0, 0), AttemptOutcome::RetryAt(Timestamp::from_millis(5_000)));
        assert_eq!(
            decide(&asks(90_000), 1, 0, 0),
            AttemptOutcome::RetryAt(Timestamp::from_millis(21_600_000))
        );
    }

    #[test]
    fn after_three_days_it_is_given_up() {
        let mut now = 0;
        let mut attempts = 1;
        while let AttemptOutcome::RetryAt(next) = decide(&answered(503), attempts, now, 500) {
            assert!(now < next.millis());
            now = next.millis();
            attempts += 1;
        }
        let three_days = 3 * 86_400_000;
        assert!(now <= three_days && three_days - now <= 7 * 3_600_000, "ended at {now}");
        assert!(20 <= attempts && attempts <= 30, "{attempts} attempts");
    }
}
