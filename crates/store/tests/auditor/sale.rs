//! One conversion as the auditor sees it: what was said of it, and what it earns by that.

use crate::plan::{Approval, Goal, Pay, Word};
use crate::sums::{DAY_MS, Fraction, Sum, day_of, exchanged, unit};

pub type Status = &'static str;

/// Why money cannot be said yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Amount,
    Rate,
    Payout,
}

/// A word that was applied, and how the conversion stood after it.
#[derive(Debug, Clone)]
pub struct Said {
    pub word: Option<Word>,
    pub then: (Status, Option<Sum>, Option<Sum>, Option<Sum>),
}

#[derive(Debug, Clone)]
pub struct Sale {
    pub txid: String,
    pub goal: usize,
    pub status: Status,
    pub amount: Option<Sum>,
    pub payout: Option<Sum>,
    pub revenue: Option<Sum>,
    pub refunded: i128,
    pub arrived: i64,
    pub event_at: i64,
    /// By the tier that had been reached.
    pub pay: Pay,
    pub adjusted: Option<Sum>,
    /// A person let this payout through.
    pub reviewed: bool,
    pub held: Option<Why>,
    /// A word that waits for a rate, with its arrival. Until then nobody says what comes first.
    pub blocked: Option<(Word, i64)>,
    pub said: Vec<Said>,
    /// By the sender's time.
    pub changed: i64,
    /// When a person or a rule spoke last; a sender's time before that says nothing about the order.
    pub spoken: i64,
    pub earns: Option<Sum>,
    pub owed: Option<Sum>,
}

impl Sale {
    pub fn value(&self) -> Option<Sum> {
        self.amount.or(self.revenue)
    }

    fn rest(&self) -> Option<Sum> {
        self.value().map(|value| Sum { micros: (value.micros - self.refunded).max(0), ..value })
    }

    /// The commission and the revenue, by what stands now.
    pub fn money(&self, goal: &Goal, late_known: bool) -> Result<(Option<Sum>, Option<Sum>), Why> {
        let allowed = |payout: &Sum| goal.allowed.is_empty() || goal.allowed.contains(payout);
        if !self.reviewed && self.payout.is_some_and(|payout| !allowed(&payout)) {
            return Err(Why::Payout);
        }
        let earns = match self.adjusted {
            Some(adjusted) => Some(adjusted),
            None => self.price(self.pay, self.payout.ok_or(Why::Amount), goal, late_known)?,
        };
        let named = self.revenue;
        let owed = match (goal.revenue, named) {
            (Some(pay), _) => self.price(pay, Err(Why::Amount), goal, late_known)?,
            (None, Some(named)) => self.price(Pay::Named, Ok(named), goal, late_known)?,
            (None, None) => self.least(goal, late_known).map(|_| None)?,
        };
        Ok((earns.filter(|sum| sum.micros != 0), owed.filter(|sum| sum.micros != 0)))
    }

    /// Rounded once; nothing below the minimum.
    fn price(
        &self,
        pay: Pay,
        named: Result<Sum, Why>,
        goal: &Goal,
        late_known: bool,
    ) -> Result<Option<Sum>, Why> {
        let day = day_of(self.event_at);
        let rest = self.rest().ok_or(Why::Amount);
        let (exact, code) = match pay {
            Pay::Fixed(sum) => (Fraction(sum.micros, 1), sum.code),
            Pay::Share(parts) => (Fraction(rest?.micros * parts, 1_000_000), rest?.code),
            Pay::Both(sum, parts) => {
                let rest = exchanged(rest?, sum.code, day, late_known).ok_or(Why::Rate)?;
                (Fraction(rest.micros * parts, 1_000_000).plus(sum.micros), sum.code)
            }
            Pay::Named => (Fraction(named?.micros, 1), named?.code),
        };
        let enough = self.least(goal, late_known)?;
        Ok(enough.then(|| Sum { micros: exact.rounded(unit(code)), code }))
    }

    fn least(&self, goal: &Goal, late_known: bool) -> Result<bool, Why> {
        let Some(min) = goal.min else {
            return Ok(true);
        };
        let rest = self.rest().ok_or(Why::Amount)?;
        let rest = exchanged(rest, min.code, day_of(self.event_at), late_known).ok_or(Why::Rate)?;
        Ok(min.micros <= rest.micros)
    }

    /// A status and amounts that it has had before.
    pub fn has_had(&self, word: &Word) -> bool {
        let covers = |said: &Said| {
            let (status, amount, payout, revenue) = said.then;
            let told = |pick: fn(&Word) -> Option<Sum>| said.word.as_ref().and_then(pick);
            let same = |new: Option<Sum>, told: Option<Sum>, then: Option<Sum>| {
                new.is_none() || new == told || new == then
            };
            let same_status = word.status.is_none()
                || word.status == Some(status)
                || word.status == said.word.as_ref().and_then(|said| said.status);
            same_status
                && same(word.amount, told(|said| said.amount), amount)
                && same(word.payout, told(|said| said.payout), payout)
                && same(word.revenue, told(|said| said.revenue), revenue)
        };
        self.said.iter().any(covers)
    }

    /// The newest time that the sender gave for a word about it.
    pub fn newest_stamp(&self) -> Option<i64> {
        self.said.iter().filter_map(|said| said.word.as_ref()?.stamp).max()
    }

    pub fn approve_at(&self, goal: &Goal) -> Option<i64> {
        match goal.approval {
            Approval::AfterDays(days) if self.status == "pending" && self.held.is_none() => {
                Some(self.arrived + days * DAY_MS)
            }
            _ => None,
        }
    }

    /// What stands on the partner's account of this status.
    pub fn on_account(&self, status: Status) -> Option<Sum> {
        self.earns.filter(|_| self.held.is_none() && self.status == status)
    }

    pub fn billed(&self) -> Option<Sum> {
        self.owed.filter(|_| self.held.is_none() && self.status == "approved")
    }

    pub fn keep_said(&mut self, word: Option<Word>) {
        self.said.push(Said { word, then: (self.status, self.amount, self.payout, self.revenue) });
    }
}

pub fn lowers(status: Status) -> bool {
    status == "rejected" || status == "reversed"
}

/// The steps that a conversion takes; `newer`: by a person, or by a sender's newer time.
pub fn may_follow(from: Status, to: Status, newer: bool) -> bool {
    match from {
        "pending" => to != "pending",
        "approved" => lowers(to),
        "rejected" => to == "pending" || to == "approved",
        _ => to == "approved" && newer,
    }
}
