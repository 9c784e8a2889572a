//! Reports: what can be asked for, how time is cut, and what becomes of sums.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test")]

mod asking;
mod comparing;
mod drilling;
mod filtering;
mod folding;
mod pieces;
mod properties;

use std::collections::BTreeSet;

use proofback_domain::calendar::{Day, Zone};
use proofback_domain::money::{Currencies, Currency};
use proofback_domain::rates::{Published, Rate, Rates};
use proofback_domain::report::{Context, Exchange, Range, Report, ReportError};
use proofback_domain::time::Timestamp;

/// A program in Berlin that reports in euros, on Friday, 2026-11-20, at 13:30.
struct World {
    zone: Zone,
    currencies: Currencies,
    rates: Rates,
}

impl World {
    fn new() -> Self {
        let rate = |number, day: &str, code: &str, rate: &str| Published {
            number,
            day: Day::parse(day).unwrap(),
            base: currency("EUR"),
            currency: currency(code),
            rate: Rate::parse(rate).unwrap(),
        };
        let rates = Rates::new([
            rate(1, "2026-11-18", "USD", "1.25"),
            rate(2, "2026-11-19", "USD", "1.6"),
            rate(3, "2026-11-18", "JPY", "3"),
        ]);
        Self { zone: Zone::parse("Europe/Berlin").unwrap(), currencies: Currencies::default(), rates }
    }

    pub fn now() -> Timestamp {
        Timestamp::parse("2026-11-20T12:30:00Z").unwrap()
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            now: Self::now(),
            zone: &self.zone,
            currency: currency("EUR"),
            currencies: &self.currencies,
            parts: BTreeSet::from(["adset", "creative"]),
            first: Timestamp::parse("2026-01-05T10:00:00Z").unwrap(),
        }
    }

    pub fn exchange(&self) -> Exchange<'_> {
        Exchange { currencies: &self.currencies, rates: &self.rates, days_max: 7 }
    }

    pub fn parse(&self, query: &str) -> Result<Report, ReportError> {
        Report::parse(&pairs(query), &self.context())
    }
}

pub fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

/// `by=partner&filter=...`, where `+` is itself and nothing but `%26` needs an escape.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.replace("%26", "&"))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

pub fn report(query: &str) -> Report {
    World::new().parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

pub fn refusal(query: &str) -> String {
    match World::new().parse(query) {
        Ok(_) => panic!("{query} is taken"),
        Err(error) => error.to_string(),
    }
}

/// The canonical form.
pub fn canonical(report: &Report) -> String {
    let pairs = report.to_pairs().into_iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

pub fn show(range: Range) -> String {
    format!("{} {}", range.from, range.until)
}

pub fn range(from: &str, until: &str) -> Range {
    Range { from: Timestamp::parse(from).unwrap(), until: Timestamp::parse(until).unwrap() }
}

/// Every parameter, and some dimensions.
pub fn names() -> Vec<&'static str> {
    proofback_domain::report::PARAMETERS
        .into_iter()
        .chain(["country", "adset", "param:x", "reason"])
        .collect()
}
