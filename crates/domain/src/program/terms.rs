//! What a goal earns: prices, the terms that hold for whom and when, and the tiers of a volume.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::money::{Currency, Money, MoneyError, Percent, parse_micros};
use crate::name::Name;
use crate::program::CapPeriod;
use crate::time::Span;

/// How a payout or a revenue is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Price {
    Fixed(Money),
    /// Of the amount, or of the revenue where no amount is named.
    Share(Percent),
    /// A fixed part and a share together, in the currency of the fixed part.
    Hybrid(Money, Percent),
    /// What the postback names.
    Postback,
}

/// What is agreed for a goal; the goal's own, or others where they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// As people find it in the program: `offer casino-de, ftd` or `partner reelmedia, ftd of casino-de, 2`.
    pub called: String,
    pub when: When,
    pub payout: Price,
    pub tiers: Option<Tiers>,
    /// What the advertiser owes us. Absent in a goal: what the postback names; elsewhere: as in the goal.
    pub revenue: Option<Price>,
    /// Absent elsewhere than in a goal: as in the goal.
    pub min_amount: Option<Money>,
    /// Approved, but not paid out earlier than so long after the event.
    pub hold: Option<Span>,
}

/// Where terms hold; an empty list asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    pub links: Vec<Name>,
    /// ISO 3166 codes in capitals.
    pub countries: Vec<String>,
    /// The first and the last day, by the event's time in the program's time zone.
    pub from: Option<Day>,
    pub until: Option<Day>,
}

/// Other prices from a volume on: each conversion by what its partner had reached in this goal before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    pub per: CapPeriod,
    pub by: Volume,
    /// Rising; below the first the terms' own payout counts.
    pub steps: Vec<Step>,
}

/// What tiers count, by the day of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    Conversions,
    /// Millionths of this currency; what is in another one is not counted.
    Amount(Currency),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Conversions, or millionths of the currency.
    pub from: u64,
    pub payout: Price,
}

/// The event that terms are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    pub link: &'a Name,
    pub country: &'a str,
    pub day: Day,
}

impl When {
    pub fn holds(&self, occasion: Occasion<'_>) -> bool {
        let any_link = self.links.is_empty() || self.links.contains(occasion.link);
        let any_country =
            self.countries.is_empty() || self.countries.iter().any(|country| country == occasion.country);
        any_link
            && any_country
            && self.from.is_none_or(|from| from <= occasion.day)
            && self.until.is_none_or(|until| occasion.day <= until)
    }

    /// Whether it asks nothing at all.
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }
}

impl Tiers {
    /// The step that a volume has reached.
    pub fn step(&self, volume: u64) -> Option<Step> {
        self.steps.iter().rev().find(|step| step.from <= volume).copied()
    }
}

impl std::fmt::Display for Price {
    /// As in a program file: `120 EUR`, `30%`, `50 EUR + 10%`, `postback`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(money) => write!(formatter, "{money}"),
            Self::Share(percent) => write!(formatter, "{percent}"),
            Self::Hybrid(money, percent) => write!(formatter, "{money} + {percent}"),
            Self::Postback => formatter.write_str("postback"),
        }
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

impl TryFrom<String> for Price {
    type Error = MoneyError;

    /// Reads back what was stored; whether the currency is still declared does not matter any more.
    fn try_from(text: String) -> Result<Self, MoneyError> {
        let money = |text: &str| {
            let (amount, code) = text.split_once(' ').ok_or(MoneyError::NotMoney)?;
            let currency = Currency::parse(code).ok_or(MoneyError::NotACurrency)?;
            Ok(Money { micros: parse_micros(amount)?, currency })
        };
        Self::parse(&text, money)
    }
}

impl Price {
    /// Reads it as it stands in a program file; `money` reads an amount.
    pub fn parse(text: &str, money: impl Fn(&str) -> Result<Money, MoneyError>) -> Result<Self, MoneyError> {
        if text == "postback" {
            return Ok(Self::Postback);
        }
        if let Some((fixed, share)) = text.split_once('+') {
            return Ok(Self::Hybrid(money(fixed.trim())?, Percent::parse(share)?));
        }
        if text.ends_with('%') { Percent::parse(text).map(Self::Share) } else { money(text).map(Self::Fixed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currencies;

    #[test]
    fn prices_read_back_as_they_are_written() {
        for text in ["120 EUR", "0.5 EUR", "30%", "2.5%", "50 EUR + 10%", "postback"] {
            let price = Price::parse(text, |text| Currencies::default().parse_money(text)).unwrap();
            assert_eq!(price.to_string(), text);
            assert_eq!(Price::try_from(text.to_owned()), Ok(price));
        }
        for text in ["", "120", "10% + 50 EUR", "50 EUR +", "+ 10%", "50 EUR + 10", "post", "-1 EUR", "101%"]
        {
            assert!(Price::parse(text, |text| Currencies::default().parse_money(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_volume_reaches_the_highest_step_that_is_not_above_it() {
        let payout = Price::Postback;
        let steps = vec![Step { from: 10, payout }, Step { from: 50, payout }];
        let tiers = Tiers { per: CapPeriod::Month, by: Volume::Conversions, steps };
        let reached = |volume| tiers.step(volume).map(|step| step.from);
        assert_eq!([9, 10, 49, 50, 51].map(reached), [None, Some(10), Some(10), Some(50), Some(50)]);
    }
}
