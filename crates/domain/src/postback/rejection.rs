//! The words of an explanation: the checks of a postback, and why it is not counted.

use serde::{Deserialize, Serialize};

use crate::click_id::Prefix;
use crate::outcome::Reason;

/// One thing that was looked at, with what was seen. The list of them is the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub check: String,
    pub verdict: Verdict,
    pub seen: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    /// Passed, and something about it should be known.
    Noted,
    /// Recorded, and waits.
    Held,
    Failed,
}

/// Why a postback is not counted, for the sender and for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub reason: Reason,
    /// The parameter at fault, under our name; empty where it is none.
    pub field: String,
    /// The name under which the sender knows it, where that is known better than from the program.
    pub called: String,
    pub message: String,
    /// What stood there, as [`super::shown`] may show it. Empty: what the reading holds for the field.
    pub seen: String,
    /// What should have stood there, in words. Empty: what the reason always expects.
    pub expected: String,
    /// What the sender should change. Empty: what the reason always advises.
    pub advice: String,
    /// The click that was most likely meant. Never shown to the sender.
    pub likely: Option<Prefix>,
}

impl Check {
    pub fn passed(check: &str, seen: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Passed, seen: seen.into() }
    }

    pub fn noted(check: &str, seen: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Noted, seen: seen.into() }
    }

    pub fn held(check: &str, seen: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Held, seen: seen.into() }
    }

    pub fn failed(check: &str, seen: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Failed, seen: seen.into() }
    }
}

impl Rejection {
    pub fn new(reason: Reason, field: &str, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            called: String::new(),
            message: message.into(),
            seen: String::new(),
            expected: String::new(),
            advice: String::new(),
            likely: None,
        }
    }

    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.called = name.into();
        self
    }

    pub fn seen(mut self, seen: impl Into<String>) -> Self {
        self.seen = seen.into();
        self
    }

    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    pub fn likely(mut self, prefix: Prefix) -> Self {
        self.likely = Some(prefix);
        self
    }
}
