//! Exchange rates as they were published, by day; what converts one currency's money into another's.
//!
//! A conversion takes the last rates published on or before its day, as long as they are not older than the
//! program allows (no rates are published on weekends and holidays). Where there are none it says so and
//! never guesses. Rates are only ever added: one that was corrected stands behind the one that it corrects, so
//! that any moment of the past can be asked again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calendar::Day;
use crate::money::{Currency, Money, divide_half_even};

/// Digits after the point that a rate is kept with.
const DIGITS: usize = 12;
const SCALE: u64 = 1_000_000_000_000;

/// How much of one currency a unit of another is worth, in parts of a million million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

/// One published rate: on `day`, one unit of `base` is worth `rate` units of `currency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// In the order in which rates became known, from 1.
    pub number: u32,
    pub day: Day,
    pub base: Currency,
    pub currency: Currency,
    pub rate: Rate,
}

/// All rates that are known; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    by_pair: Arc<BTreeMap<(Currency, Currency), Pair>>,
    /// Rates with higher numbers are not known yet.
    last: u32,
}

type Pair = BTreeMap<Day, Vec<(u32, Rate)>>;

/// Converted money, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// To the nearest millionth, half to even.
    pub money: Money,
    /// `1 EUR = 1.0812 USD on 2026-11-20`; empty where nothing had to be converted.
    pub rate: String,
}

/// There is no rate for this pair on or shortly before this day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no exchange rate from {from} to {to} is known for {day}")]
pub struct RateMissing {
    pub from: Currency,
    pub to: Currency,
    pub day: Day,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    #[error(
        "not a rate: a plain positive decimal with at most 12 digits after the point is expected, like 1.0812"
    )]
    NotARate,
    #[error("the rate is too large: at most 18,000,000 can be kept")]
    TooLarge,
}

impl Rate {
    /// Reads a plain positive decimal.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || DIGITS < fraction.len() {
            return Err(RateError::NotARate);
        }
        let whole: u64 = whole.parse().map_err(|_| RateError::TooLarge)?;
        let fraction: u64 = format!("{fraction:0<DIGITS$}").parse().map_err(|_| RateError::NotARate)?;
        let parts = whole.checked_mul(SCALE).and_then(|parts| parts.checked_add(fraction));
        match parts {
            None => Err(RateError::TooLarge),
            Some(0) => Err(RateError::NotARate),
            Some(parts) => Ok(Self(parts)),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = self.0.checked_div(SCALE).unwrap_or(0);
        let fraction = format!("{:0DIGITS$}", self.0.checked_rem(SCALE).unwrap_or(0));
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            write!(formatter, "{whole}")
        } else {
            write!(formatter, "{whole}.{fraction}")
        }
    }
}

impl Rates {
    pub fn new(published: impl IntoIterator<Item = Published>) -> Self {
        let mut by_pair: BTreeMap<(Currency, Currency), Pair> = BTreeMap::new();
        let mut last = 0;
        for Published { number, day, base, currency, rate } in published {
            last = last.max(number);
            by_pair.entry((base, currency)).or_default().entry(day).or_default().push((number, rate));
        }
        for pair in by_pair.values_mut() {
            pair.values_mut().for_each(|rates| rates.sort_unstable_by_key(|(number, _)| *number));
        }
        Self { by_pair: Arc::new(by_pair), last }
    }

    /// The number of the last rate that is known; 0 where none is.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// As they were known when this was the last one.
    pub fn until(&self, last: u32) -> Self {
        Self { by_pair: Arc::clone(&self.by_pair), last }
    }

    /// What is known of a pair on one day.
    pub fn published(&self, base: Currency, currency: Currency, day: Day) -> Option<Rate> {
        self.of_day(self.by_pair.get(&(base, currency))?.get(&day)?)
    }

    /// Money in another currency, by the rates of `day` or the last ones before it, at most `days_max` older.
    pub fn convert(
        &self,
        money: Money,
        to: Currency,
        day: Day,
        days_max: u32,
    ) -> Result<Converted, RateMissing> {
        if money.currency == to {
            return Ok(Converted { money, rate: String::new() });
        }
        let from = money.currency;
        let missing = RateMissing { from, to, day };
        let quote = self.quote(from, to, day, days_max).ok_or_else(|| missing.clone())?;
        let micros = quote.apply(i128::from(money.micros)).and_then(|micros| i64::try_from(micros).ok());
        let money = Money { micros: micros.ok_or(missing)?, currency: to };
        Ok(Converted { money, rate: quote.show(from, to) })
    }

    /// Like [`Self::convert`] for a sum that no longer fits an amount, without a word on how.
    pub fn convert_sum(
        &self,
        micros: i128,
        from: Currency,
        to: Currency,
        day: Day,
        days_max: u32,
    ) -> Result<i128, RateMissing> {
        if from == to {
            return Ok(micros);
        }
        let converted = self.quote(from, to, day, days_max).and_then(|quote| quote.apply(micros));
        converted.ok_or(RateMissing { from, to, day })
    }

    fn quote(&self, from: Currency, to: Currency, day: Day, days_max: u32) -> Option<Quote> {
        let oldest = day.minus(days_max);
        let one = Rate(SCALE);
        let direct = self.newest(from, to, oldest, day).map(|(on, rate)| (on, from, one, rate));
        let inverse = || self.newest(to, from, oldest, day).map(|(on, rate)| (on, to, rate, one));
        let crossed = || self.crossed(from, to, oldest, day);
        let (on, base, divisor, factor) = direct.or_else(inverse).or_else(crossed)?;
        Some(Quote { on, base, divisor, factor })
    }

    /// Both currencies in one that rates of the same day are published in: the newest day there is.
    fn crossed(
        &self,
        from: Currency,
        to: Currency,
        oldest: Day,
        day: Day,
    ) -> Option<(Day, Currency, Rate, Rate)> {
        let bases = self.by_pair.keys().filter(|(_, currency)| *currency == from).map(|(base, _)| *base);
        let of_base = |base: Currency| {
            let ours = self.by_pair.get(&(base, from))?;
            let theirs = self.by_pair.get(&(base, to))?;
            ours.range(oldest..=day)
                .rev()
                .find_map(|(on, rates)| Some((*on, base, self.of_day(rates)?, self.of_day(theirs.get(on)?)?)))
        };
        bases.filter_map(of_base).max_by_key(|(on, base, _, _)| (*on, std::cmp::Reverse(*base)))
    }

    fn newest(&self, base: Currency, currency: Currency, oldest: Day, day: Day) -> Option<(Day, Rate)> {
        let pair = self.by_pair.get(&(base, currency))?;
        pair.range(oldest..=day).rev().find_map(|(on, rates)| Some((*on, self.of_day(rates)?)))
    }

    fn of_day(&self, rates: &[(u32, Rate)]) -> Option<Rate> {
        let known = rates.iter().rev().find(|(number, _)| *number <= self.last);
        known.map(|(_, rate)| *rate)
    }
}

/// What two currencies are worth in a third one, which may be one of them.
struct Quote {
    on: Day,
    base: Currency,
    divisor: Rate,
    factor: Rate,
}

impl Quote {
    /// Divided by one rate and multiplied by the other, rounded once.
    fn apply(&self, micros: i128) -> Option<i128> {
        let product = micros.checked_mul(i128::from(self.factor.0))?;
        divide_half_even(product, i128::from(self.divisor.0))
    }

    fn show(&self, from: Currency, to: Currency) -> String {
        let Self { on, base, divisor, factor } = self;
        match (*base == from, *base == to) {
            (true, _) => format!("1 {base} = {factor} {to} on {on}"),
            (false, true) => format!("1 {base} = {divisor} {from} on {on}"),
            (false, false) => format!("1 {base} = {divisor} {from} = {factor} {to} on {on}"),
        }
    }
}
