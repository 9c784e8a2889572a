//! Counts over the past that a decision may need: asked by the domain, answered by the store in the same
//! transaction, and kept with the decision so that it can be made again.

use crate::calendar::Day;
use crate::click_id::ClickId;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// How many conversions count in this scope on these days?
    Counted { scope: String, from: Day, to: Day },
    /// How many conversions of this subject came since then, but for those of one click?
    Sighted { subject: String, since: Timestamp, but: Option<ClickId> },
}

/// Questions with their answers; few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers(Vec<(Question, u64)>);

/// A conversion that begins or ceases to count in a scope of caps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub scope: String,
    pub day: Day,
    /// 1 or -1.
    pub delta: i64,
}

impl Answers {
    pub fn new(answers: Vec<(Question, u64)>) -> Self {
        Self(answers)
    }

    /// The answers alone, in the order of the questions.
    pub fn values(&self) -> Vec<u64> {
        self.0.iter().map(|(_, answer)| *answer).collect()
    }

    /// `None` for what was not asked.
    pub fn get(&self, question: &Question) -> Option<u64> {
        self.0.iter().find(|(asked, _)| asked == question).map(|(_, answer)| *answer)
    }
}
