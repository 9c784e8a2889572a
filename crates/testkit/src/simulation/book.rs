//! The simulation's own book: what must come out, counted in cents by plain arithmetic.
//!
//! Each conversion is a deal that the stories open and change as they send; sums are made at the end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::cast::{Goal, Partner, money};
use super::visits::Visit;

/// How a postback is to be answered: outcome, reason and HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verdict {
    pub outcome: Cow<'static, str>,
    pub reason: Cow<'static, str>,
    pub status: u16,
}

/// What a partner can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Created,
    Rejected,
    Earned,
    Adjusted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Approved,
    Rejected,
    Reversed,
}

/// One conversion.
#[derive(Clone)]
pub struct Deal {
    pub partner: &'static Partner,
    pub goal: &'static Goal,
    pub partner_click_id: String,
    pub txid: String,
    pub state: State,
    pub amount: i64,
    pub refunded: i64,
    test: bool,
    /// Whether a commission was ever reported.
    earned: bool,
    /// What the partner must hear of it, in this order.
    told: Vec<Told>,
}

/// One delivery as the tracker must see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub status: String,
    pub payout: String,
    pub delta: String,
    pub currency: String,
}

/// Which conversion a delivery is about: partner, his click id, event, txid.
pub type Subject = (String, String, String, String);

/// Sums in cents, by whom and by currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub pending: i64,
    pub approved: i64,
}

#[derive(Default)]
pub struct Book {
    pub deals: Vec<Deal>,
    /// How postbacks are to be answered.
    pub answers: BTreeMap<Verdict, u64>,
    /// How they are to stand in the log in the end.
    pub log: BTreeMap<Verdict, u64>,
}

impl Verdict {
    pub const fn new(outcome: &'static str, reason: &'static str, status: u16) -> Self {
        Self { outcome: Cow::Borrowed(outcome), reason: Cow::Borrowed(reason), status }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, payout, delta, currency } = self;
        write!(formatter, "{status}, payout {payout:?} by {delta:?} {currency}")
    }
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
        }
    }
}

impl Deal {
    /// A conversion of so many cents as it is first seen.
    pub fn new(visit: &Visit, goal: &'static Goal, txid: &str, amount: i64, state: State) -> Self {
        let mut deal = Self {
            partner: visit.partner,
            goal,
            partner_click_id: visit.click_id.clone(),
            txid: txid.to_owned(),
            state,
            amount,
            refunded: 0,
            test: false,
            earned: false,
            told: Vec::new(),
        };
        deal.tell(What::Created, String::new(), String::new());
        deal.tell_of_money(0);
        deal
    }

    /// What it earns the partner when it is good.
    fn commission(&self) -> i64 {
        self.goal.commission(self.partner, self.amount - self.refunded)
    }

    /// What it has earned him for good as things stand.
    fn good(&self) -> i64 {
        if self.state == State::Approved { self.commission() } else { 0 }
    }

    pub fn into_test(self) -> Self {
        Self { test: true, ..self }
    }

    pub fn go_to(&mut self, state: State) {
        self.change(|deal| deal.state = state);
    }

    pub fn refund(&mut self, cents: i64) {
        self.change(|deal| deal.refunded += cents);
    }

    pub fn set_amount(&mut self, cents: i64) {
        self.change(|deal| deal.amount = cents);
    }

    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let (state, good) = (self.state, self.good());
        change(self);
        if self.state != state && self.state == State::Rejected {
            self.tell(What::Rejected, String::new(), String::new());
        }
        self.tell_of_money(good);
    }

    fn tell_of_money(&mut self, before: i64) {
        let now = self.good();
        if now == before {
            return;
        }
        let what = if self.earned { What::Adjusted } else { What::Earned };
        self.earned = true;
        self.tell(what, money(now), money(now - before));
    }

    fn tell(&mut self, what: What, payout: String, delta: String) {
        let listens = self.partner.of_events.is_empty() || self.partner.of_events.contains(&self.goal.event);
        if listens && self.partner.hears.contains(&what) {
            let (status, currency) = (self.state.word().to_owned(), self.goal.currency.to_owned());
            self.told.push(Told { status, payout, delta, currency });
        }
    }
}

impl Book {
    /// What each partner has, per currency; tests count in no balance.
    pub fn standings(&self) -> BTreeMap<(&'static str, &'static str), Standing> {
        let mut standings: BTreeMap<_, Standing> = BTreeMap::new();
        for deal in self.deals.iter().filter(|deal| !deal.test) {
            let standing = standings.entry((deal.partner.id, deal.goal.currency)).or_default();
            match deal.state {
                State::Pending => standing.pending += deal.commission(),
                State::Approved => standing.approved += deal.commission(),
                State::Rejected | State::Reversed => {}
            }
        }
        standings
    }

    /// What each advertiser owes, per currency: revenue of what is approved.
    pub fn owed(&self) -> BTreeMap<(&'static str, &'static str), i64> {
        let mut owed = BTreeMap::new();
        for deal in self.deals.iter().filter(|deal| !deal.test && deal.state == State::Approved) {
            let sum: &mut i64 = owed.entry((deal.goal.advertiser, deal.goal.currency)).or_default();
            *sum += deal.goal.revenue(deal.amount - deal.refunded);
        }
        owed
    }

    /// What the tracker must see of each conversion, in this order.
    pub fn told(&self) -> BTreeMap<Subject, Vec<Told>> {
        let of = |deal: &Deal| {
            let subject = (
                deal.partner.id.to_owned(),
                deal.partner_click_id.clone(),
                deal.goal.event.to_owned(),
                deal.txid.clone(),
            );
            (subject, deal.told.clone())
        };
        self.deals.iter().filter(|deal| !deal.told.is_empty()).map(of).collect()
    }

    /// How many deliveries a partner's endpoint must take.
    pub fn told_to(&self, partner: &Partner) -> usize {
        let own = self.deals.iter().filter(|deal| deal.partner.id == partner.id);
        own.map(|deal| deal.told.len()).sum()
    }

    pub fn expect(&mut self, verdict: &Verdict) {
        self.expect_then(verdict, verdict);
    }

    /// An answer that is decided anew later.
    pub fn expect_then(&mut self, answer: &Verdict, in_the_end: &Verdict) {
        *self.answers.entry(answer.clone()).or_default() += 1;
        *self.log.entry(in_the_end.clone()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::simulation::cast::{OFFERS, PARTNERS, SHOP_SALE};

    #[test]
    fn a_sale_that_is_approved_and_refunded_in_part_is_told_three_times() {
        let visit = Visit::new(1, &PARTNERS[0], OFFERS[1], &mut Random::new(1));
        let mut sale = Deal::new(&visit, &SHOP_SALE, "S-1", 100_00, State::Pending);
        sale.go_to(State::Approved);
        sale.refund(40_00);
        let book = Book { deals: vec![sale], ..Book::default() };
        let told = book.told().into_values().flatten().map(|told| [told.status, told.payout, told.delta]);
        let wanted = [["pending", "", ""], ["approved", "7.50", "7.50"], ["approved", "4.50", "-3.00"]];
        assert_eq!(told.collect::<Vec<_>>(), wanted.map(|line| line.map(str::to_owned)));
        assert_eq!(book.standings()[&("reelmedia", "EUR")], Standing { pending: 0, approved: 4_50 });
        assert_eq!(book.owed()[&("shop", "EUR")], 6_00);
    }
}
