//! What a conversion earns: the payout and the revenue that its deal gives, and what holds it up.

use crate::calendar::Day;
use crate::conversion::Conversion;
use crate::deal::Deal;
use crate::money::{Currency, Exact, Money};
use crate::outcome::Reason;
use crate::program::{Goal, Price, Snapshot};

/// The money of a conversion, or why it cannot be said yet.
pub struct Amounts {
    pub commission: Option<Money>,
    pub revenue: Option<Money>,
    pub held: Option<Reason>,
    /// What was looked at, in words.
    pub notes: Vec<String>,
    /// The exchange rates that were used; empty where none was.
    pub rate: String,
}

/// Computes commission and revenue anew from the conversion's amounts, by its deal.
pub fn compute(conversion: &Conversion, deal: &Deal, goal: &Goal, snapshot: &Snapshot) -> Amounts {
    let day = snapshot.program.timezone.day(conversion.event_at);
    let mut sum = Sum { conversion, deal, snapshot, day, notes: Vec::new(), rates: Vec::new() };
    let result = sum.commission(goal);
    let both = result.and_then(|commission| Ok((commission, sum.revenue()?)));
    let Sum { notes, rates, .. } = sum;
    let rate = rates.join("; ");
    match both {
        Ok((commission, revenue)) => Amounts { commission, revenue, held: None, notes, rate },
        Err(reason) => {
            Amounts { commission: None, revenue: None, held: Some(reason), notes, rate: String::new() }
        }
    }
}

/// One computation, and what it has seen so far.
struct Sum<'a> {
    conversion: &'a Conversion,
    deal: &'a Deal,
    snapshot: &'a Snapshot,
    /// Of the event: its exchange rates count.
    day: Day,
    notes: Vec<String>,
    rates: Vec<String>,
}

impl Sum<'_> {
    fn show(&self, money: Money) -> String {
        self.snapshot.program.currencies.show(money)
    }

    fn round(&self, exact: Exact) -> Result<Money, Reason> {
        self.snapshot.program.currencies.round(exact).ok_or(Reason::AmountMissing)
    }

    fn commission(&mut self, goal: &Goal) -> Result<Option<Money>, Reason> {
        let Conversion { named_payout, reviewed, partner, .. } = self.conversion;
        let allowed = |named: &Money| goal.allowed_payouts.is_empty() || goal.allowed_payouts.contains(named);
        if let Some(named) = named_payout.filter(|named| !reviewed && !allowed(named)) {
            self.notes.push(format!("the payout {} is not among the allowed ones", self.show(named)));
            return Err(Reason::PayoutNotAllowed);
        }
        if let Some(adjusted) = self.conversion.adjusted {
            self.notes.push(format!("{} for {partner} as a person set it", self.show(adjusted)));
            return Ok((!adjusted.is_zero()).then_some(adjusted));
        }
        let Some(price) = self.deal.payout else {
            self.notes.push(format!("{partner} is a traffic source without terms of its own: no commission"));
            return Ok(None);
        };
        let exact = self.apply(price, *named_payout)?;
        if !self.reaches_minimum()? {
            self.notes.push("the amount is below the minimum: it earns nothing".into());
            return Ok(None);
        }
        let commission = self.round(exact.ok_or(Reason::AmountMissing)?)?;
        let by = &self.deal.by;
        self.notes.push(format!("{} for {partner} by {by} ({})", self.show(commission), describe(price)));
        let computed_here = !matches!(price, Price::Postback);
        if let Some(named) = named_payout.filter(|named| computed_here && *named != commission) {
            self.notes.push(format!("the postback names a payout of {}; ours counts", self.show(named)));
        }
        Ok((!commission.is_zero()).then_some(commission))
    }

    fn revenue(&mut self) -> Result<Option<Money>, Reason> {
        let exact = match self.deal.revenue {
            Some(Price::Postback) | None => self.apply(Price::Postback, self.conversion.named_revenue)?,
            Some(price) => self.apply(price, None)?,
        };
        if !self.reaches_minimum()? {
            return Ok(None);
        }
        let rounded = exact.map(|exact| self.round(exact)).transpose()?;
        Ok(rounded.filter(|revenue| !revenue.is_zero()))
    }

    /// The exact sum that a price gives. `Ok(None)`: the postback was to name it and did not.
    fn apply(&mut self, price: Price, named: Option<Money>) -> Result<Option<Exact>, Reason> {
        let rest = self.conversion.rest();
        match price {
            Price::Fixed(money) => Ok(Some(money.into())),
            Price::Share(percent) => {
                let share = rest.and_then(|rest| percent.of(rest));
                share.map(Some).ok_or(Reason::AmountMissing)
            }
            Price::Hybrid(fixed, percent) => {
                let rest = self.convert(rest.ok_or(Reason::AmountMissing)?, fixed.currency)?;
                let sum = percent.of(rest).and_then(|share| share.plus(fixed));
                sum.map(Some).ok_or(Reason::AmountMissing)
            }
            // A sum that was named falls with the amount it was named for.
            Price::Postback => match (named, self.conversion.value(), rest) {
                (Some(named), Some(value), Some(rest)) if rest != value => {
                    named.pro_rata(rest.micros, value.micros).map(Some).ok_or(Reason::AmountMissing)
                }
                (named, _, _) => Ok(named.map(Exact::from)),
            },
        }
    }

    fn reaches_minimum(&mut self) -> Result<bool, Reason> {
        let Some(minimum) = self.deal.min_amount else {
            return Ok(true);
        };
        let rest = self.conversion.rest().ok_or(Reason::AmountMissing)?;
        let rest = self.convert(rest, minimum.currency)?;
        Ok(minimum.micros <= rest.micros)
    }

    fn convert(&mut self, money: Money, to: Currency) -> Result<Money, Reason> {
        match self.snapshot.convert(money, to, self.day) {
            Ok(converted) => {
                if !converted.rate.is_empty() && !self.rates.contains(&converted.rate) {
                    self.notes.push(format!("converted by {}", converted.rate));
                    self.rates.push(converted.rate);
                }
                Ok(converted.money)
            }
            Err(missing) => {
                self.notes.push(missing.to_string());
                Err(Reason::RateMissing)
            }
        }
    }
}

fn describe(price: Price) -> String {
    match price {
        Price::Fixed(money) => format!("fixed {money}"),
        Price::Share(percent) => format!("{percent} of the amount"),
        Price::Hybrid(fixed, percent) => format!("{fixed} and {percent} of the amount"),
        Price::Postback => "what the postback names".into(),
    }
}
