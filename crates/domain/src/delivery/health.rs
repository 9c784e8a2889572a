//! How a target is doing: a circuit breaker that spares it while it is down, and the way to being paused.
//!
//! Two questions are kept apart. Whether anybody answers decides if the target is called at all: after a few attempts
//! in a row to which nobody answered, it is left alone, and then tried with one delivery at a time. Whether
//! anything was taken since the first failure decides if a person is told, and in the end if the target is paused.

use crate::delivery::{AttemptOutcome, AttemptResult};
use crate::time::{Span, Timestamp};

/// How a target has been doing; the default is a target that never failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Attempts in a row to which nobody answered.
    pub unanswered: u32,
    /// It is left alone until then.
    pub open_until: Option<Timestamp>,
    /// Since when nothing was taken, and in how many attempts.
    pub failing_since: Option<Timestamp>,
    pub failed: u32,
    /// The last share of the way to being paused that a person was told of, in percent.
    pub alerted: u8,
    pub paused: Option<Pause>,
    /// Deliveries are given up by their age from here on, where they are older.
    pub resumed_at: Option<Timestamp>,
}

/// Why nothing is sent to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pause {
    /// A person said so.
    ByPerson,
    /// Nothing was taken for too long.
    Failing,
    /// It answered 410: it is no longer there.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Unanswered attempts in a row after which a target is left alone.
    pub trip_after: u32,
    /// For how long at first; each next time twice as long, up to the longest.
    pub first_rest: Span,
    pub longest_rest: Span,
    /// A target is paused when nothing was taken for so long ...
    pub pause_after: Span,
    /// ... and in so many attempts.
    pub pause_attempts: u32,
}

/// What a person is to be told of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// So many percent of the way to being paused.
    Failing {
        percent: u8,
    },
    Paused(Pause),
}

const ALERTS: [u8; 4] = [50, 70, 90, 100];

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            trip_after: 5,
            first_rest: Span::from_seconds(5),
            longest_rest: Span::from_seconds(300),
            // As long as a delivery is tried: pausing earlier would break that off.
            pause_after: Span::from_seconds(3 * 86_400),
            pause_attempts: 10,
        }
    }
}

impl Health {
    /// How many deliveries may be under way at the same time: none, one that shows whether it is back, or as many as
    /// there is room for.
    pub fn allows(&self, policy: &HealthPolicy, now: Timestamp) -> Allowance {
        if self.paused.is_some() || self.open_until.is_some_and(|until| now < until) {
            Allowance::None
        } else if policy.trip_after <= self.unanswered {
            Allowance::Probe
        } else {
            Allowance::All
        }
    }

    /// How it is doing after one more attempt, and what a person is to be told.
    pub fn after(
        &self,
        result: &AttemptResult,
        outcome: AttemptOutcome,
        ends_by_gone: bool,
        policy: &HealthPolicy,
        now: Timestamp,
    ) -> (Self, Option<Alert>) {
        if outcome == AttemptOutcome::Delivered {
            return (Self { paused: self.paused, resumed_at: self.resumed_at, ..Self::default() }, None);
        }
        let mut next = self.clone();
        next.answered_or_not(result, policy, now);
        if matches!(result, AttemptResult::Answered { status: 410, .. }) && ends_by_gone {
            next.paused = Some(next.paused.unwrap_or(Pause::Gone));
            let news = self.paused.is_none().then_some(Alert::Paused(Pause::Gone));
            return (next, news);
        }
        if matches!(result, AttemptResult::NoTarget | AttemptResult::Deferred(_)) {
            // Nobody was asked.
            return (next, None);
        }
        next.failed = next.failed.saturating_add(1);
        let since = *next.failing_since.get_or_insert(now);
        let alert = next.alert(now.since(since), policy);
        (next, alert)
    }

    /// The breaker.
    fn answered_or_not(&mut self, result: &AttemptResult, policy: &HealthPolicy, now: Timestamp) {
        let asked = match result {
            AttemptResult::TimedOut | AttemptResult::NetworkError(_) => None,
            // A gateway answered, and nobody behind it.
            AttemptResult::Answered { status: 502 | 504, retry_after } => *retry_after,
            AttemptResult::Answered { retry_after, .. } => {
                // Whoever answers is there, whatever he says, and may ask for time.
                (self.unanswered, self.open_until) = (0, None);
                self.rest(*retry_after, policy, now);
                return;
            }
            AttemptResult::Unexpected(_) | AttemptResult::Declined(_) => {
                (self.unanswered, self.open_until) = (0, None);
                return;
            }
            AttemptResult::Deferred(_) | AttemptResult::PrivateAddress | AttemptResult::NoTarget => return,
        };
        self.unanswered = self.unanswered.saturating_add(1);
        if let Some(beyond) = self.unanswered.checked_sub(policy.trip_after) {
            let doublings = beyond.min(40);
            let rest = policy.first_rest.millis().saturating_mul(1u64 << doublings);
            let rest = Span::from_millis(rest.min(policy.longest_rest.millis()));
            self.open_until = self.open_until.max(Some(now.plus(rest)));
        }
        self.rest(asked, policy, now);
    }

    /// Leaves it alone for as long as it asked, within reason.
    fn rest(&mut self, asked: Option<Span>, policy: &HealthPolicy, now: Timestamp) {
        if let Some(asked) = asked {
            self.open_until = self.open_until.max(Some(now.plus(asked.min(policy.longest_rest))));
        }
    }

    /// The next share of the way to being paused that was reached, each told once.
    fn alert(&mut self, failing: Span, policy: &HealthPolicy) -> Option<Alert> {
        let reached = self.way_to_pause(failing, policy);
        let percent = ALERTS.into_iter().rev().find(|percent| *percent <= reached)?;
        if percent <= self.alerted || self.paused.is_some() {
            return None;
        }
        self.alerted = percent;
        if percent == 100 {
            self.paused = Some(Pause::Failing);
            return Some(Alert::Paused(Pause::Failing));
        }
        Some(Alert::Failing { percent })
    }

    /// How far it is on the way to being paused, in percent: both the time and the attempts must be reached.
    fn way_to_pause(&self, failing: Span, policy: &HealthPolicy) -> u8 {
        let share = |part: u64, whole: u64| part.saturating_mul(100).checked_div(whole).unwrap_or(100);
        let by_time = share(failing.millis(), policy.pause_after.millis());
        let by_count = share(self.failed.into(), policy.pause_attempts.into());
        u8::try_from(by_time.min(by_count).min(100)).unwrap_or(100)
    }

    /// Likewise as it stands at this time; zero while nothing fails.
    pub fn percent_to_pause(&self, policy: &HealthPolicy, now: Timestamp) -> u8 {
        self.failing_since.map_or(0, |since| self.way_to_pause(now.since(since), policy))
    }

    /// A person, or a test delivery, puts it to work again.
    pub fn resumed(&self, now: Timestamp) -> Self {
        Self { resumed_at: Some(now), ..Self::default() }
    }
}

/// How much may be sent to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    None,
    /// One at a time.
    Probe,
    All,
}

impl Pause {
    pub const ALL: [Self; 3] = [Self::ByPerson, Self::Failing, Self::Gone];

    pub fn code(self) -> &'static str {
        match self {
            Self::ByPerson => "by_person",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pause| pause.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: HealthPolicy = HealthPolicy {
        trip_after: 3,
        first_rest: Span::from_seconds(5),
        longest_rest: Span::from_seconds(60),
        pause_after: Span::from_seconds(1_000),
        pause_attempts: 4,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn answered(status: u16) -> AttemptResult {
        AttemptResult::Answered { status, retry_after: None }
    }

    fn fail(health: &Health, result: &AttemptResult, seconds: i64) -> (Health, Option<Alert>) {
        health.after(result, AttemptOutcome::RetryAt(at(seconds + 1)), true, &POLICY, at(seconds))
    }

    fn after_all(results: &[AttemptResult]) -> Health {
        results
            .iter()
            .zip(0..)
            .fold(Health::default(), |health, (result, second)| fail(&health, result, second).0)
    }

    #[test]
    fn unanswered_attempts_in_a_row_open_the_breaker_for_longer_and_longer() {
        let mut health = after_all(&[AttemptResult::TimedOut, answered(504)]);
        assert_eq!(health.allows(&POLICY, at(2)), Allowance::All);
        let mut rests = Vec::new();
        for second in [2, 100, 200, 300, 400, 500] {
            health = fail(&health, &AttemptResult::TimedOut, second).0;
            let until = health.open_until.unwrap();
            rests.push(until.since(at(second)).millis() / 1_000);
            assert_eq!(health.allows(&POLICY, at(second)), Allowance::None);
            assert_eq!(health.allows(&POLICY, until), Allowance::Probe);
        }
        assert_eq!(rests, [5, 10, 20, 40, 60, 60]);
        let (well, _) = health.after(&answered(200), AttemptOutcome::Delivered, true, &POLICY, at(600));
        assert_eq!(well, Health::default());
    }

    #[test]
    fn a_target_that_answers_is_not_down_whatever_it_says() {
        for answer in [
            answered(400),
            answered(500),
            answered(503),
            AttemptResult::Declined("no".into()),
            AttemptResult::Unexpected("x".into()),
        ] {
            let health = after_all(&[AttemptResult::TimedOut, AttemptResult::TimedOut, answer.clone()]);
            assert_eq!(fail(&health, &AttemptResult::TimedOut, 9).0.open_until, None, "{answer:?}");
        }
        for nobody in [AttemptResult::PrivateAddress, AttemptResult::Deferred("no rate".into())] {
            assert_eq!(after_all(&[nobody.clone(), nobody.clone(), nobody]).open_until, None);
        }
    }

    #[test]
    fn whoever_asks_for_time_gets_it_within_reason() {
        let asks = |status, seconds| AttemptResult::Answered {
            status,
            retry_after: Some(Span::from_seconds(seconds)),
        };
        for (status, asked, rest) in [(429, 30, 30), (503, 30, 30), (429, 9_000, 60)] {
            let health = fail(&Health::default(), &asks(status, asked), 10).0;
            assert_eq!(health.open_until, Some(at(10 + rest)), "{status} {asked}");
        }
    }

    #[test]
    fn a_person_is_told_of_each_step_to_the_pause_once() {
        let mut health = Health::default();
        let mut told = Vec::new();
        for second in [0, 100, 499, 500, 600, 699, 700, 950, 1_000, 2_000] {
            let (next, alert) = fail(&health, &answered(500), second);
            health = next;
            told.extend(alert.map(|alert| (second, alert)));
        }
        let failing = |percent| Alert::Failing { percent };
        let paused = Alert::Paused(Pause::Failing);
        assert_eq!(told, [(500, failing(50)), (700, failing(70)), (950, failing(90)), (1_000, paused)]);
        assert_eq!(health.allows(&POLICY, at(9_999)), Allowance::None);
        assert_eq!(health.resumed(at(9_999)).allows(&POLICY, at(9_999)), Allowance::All);
    }

    #[test]
    fn the_way_to_the_pause_is_the_shorter_of_time_and_attempts() {
        let two = after_all(&[answered(500), answered(500)]);
        assert_eq!(two.percent_to_pause(&POLICY, at(100)), 10);
        assert_eq!(two.percent_to_pause(&POLICY, at(900)), 50);
        let many = after_all(&vec![answered(500); 100]);
        assert_eq!(many.percent_to_pause(&POLICY, at(9_999)), 100);
        assert_eq!(Health::default().percent_to_pause(&POLICY, at(9_999)), 0);
    }

    #[test]
    fn time_alone_and_attempts_alone_pause_nothing() {
        let (first, _) = fail(&Health::default(), &answered(500), 0);
        assert_eq!(fail(&first, &answered(500), 90_000).1, Some(Alert::Failing { percent: 50 }));
        let many = after_all(&vec![answered(500); 100]);
        assert_eq!((many.paused, many.alerted), (None, 0));
    }

    #[test]
    fn a_webhook_that_is_gone_is_paused_at_once() {
        let failed =
            |ends| Health::default().after(&answered(410), AttemptOutcome::Failed, ends, &POLICY, at(0));
        assert_eq!(failed(true).1, Some(Alert::Paused(Pause::Gone)));
        assert_eq!(failed(true).0.paused, Some(Pause::Gone));
        assert_eq!((failed(false).1, failed(false).0.paused), (None, None));
    }

    #[test]
    fn an_answer_that_comes_after_the_pause_does_not_end_it() {
        let paused = Health { paused: Some(Pause::ByPerson), ..Health::default() };
        let (after, _) = paused.after(&answered(200), AttemptOutcome::Delivered, true, &POLICY, at(0));
        assert_eq!(after.paused, Some(Pause::ByPerson));
    }
}
