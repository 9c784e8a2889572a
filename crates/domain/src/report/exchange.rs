//! Sums of rows, put together by key and brought into one currency.

use std::collections::BTreeMap;

use crate::calendar::Day;
use crate::money::{Currencies, Currency};
use crate::program::Snapshot;
use crate::rates::Rates;

use super::Report;
use super::sum::Sum;
use super::value::Value;

/// What an engine found: all sums of some of the facts of one key. One key may have any number of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumRow {
    /// A value for each of the report's dimensions.
    pub key: Vec<Value>,
    /// Of the money in this row; without one it can be in no sum, and there should be none.
    pub currency: Option<Currency>,
    /// The day in the program's time zone of whose rates the money is converted: that of the event, of a cost that of
    /// the click. Needed where [`Report::converts`].
    pub day: Option<Day>,
    /// In the order of [`Report::sums`]. Of a sum that is not additive, one row of a key has it.
    pub sums: Vec<Option<i128>>,
}

/// All that an engine found for one span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub rows: Vec<SumRow>,
    /// Over everything, in the order of [`Report::sums`], what is not additive; the other places are not looked at.
    pub whole: Vec<Option<i128>>,
}

/// What money is converted by.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    pub currencies: &'a Currencies,
    pub rates: &'a Rates,
    /// How many days old a rate may be.
    pub days_max: u32,
}

/// Money that is in no figure, because no rate is known for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutRate {
    pub sum: Sum,
    /// `None` where the facts name none.
    pub currency: Option<Currency>,
    /// In millionths.
    pub micros: i128,
    /// In the period that is compared with.
    pub compared: bool,
}

/// The figures of one row, in the order of [`Report::sums`].
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub sums: Vec<Option<i128>>,
    pub money: MoneyOf,
}

/// Which currency money is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoneyOf {
    Nobody,
    One(Currency),
    /// It cannot be added.
    Several,
}

pub(super) type Groups = BTreeMap<Vec<Value>, Figures>;

impl<'a> Exchange<'a> {
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let program = &snapshot.program;
        Self { currencies: &program.currencies, rates: &snapshot.rates, days_max: program.rate_days_max }
    }
}

/// What was left out, by (compared, currency, sum).
pub(super) type LeftOut = BTreeMap<(bool, Option<Currency>, Sum), i128>;

/// Adds rows up by key, currency and day before anything is rounded, so that it is rounded once.
pub(super) fn gather(
    report: &Report,
    exchange: &Exchange<'_>,
    rows: Vec<SumRow>,
    compared: bool,
    left_out: &mut LeftOut,
) -> Groups {
    type Parts = BTreeMap<(Option<Currency>, Option<Day>), Vec<Option<i128>>>;
    let sums = report.sums();
    let mut parts_by_key: BTreeMap<Vec<Value>, Parts> = BTreeMap::new();
    for row in rows {
        let parts = parts_by_key.entry(row.key).or_default();
        let part = parts.entry((row.currency, row.day)).or_insert_with(|| nothing(&sums));
        add(part, &row.sums, &sums);
    }
    let mut groups = Groups::new();
    for (key, parts) in parts_by_key {
        let mut figures = Figures::nothing(&sums);
        for ((currency, day), part) in parts {
            let mut converted = part;
            for (place, sum) in converted.iter_mut().zip(&sums) {
                let Some(micros) = place.filter(|micros| sum.is_money() && *micros != 0) else {
                    continue;
                };
                let value = into_reporting(report, exchange, currency, day, micros);
                *place = Some(value.unwrap_or(0));
                if value.is_none() {
                    let total = left_out.entry((compared, currency, sum.clone())).or_default();
                    *total = total.saturating_add(micros);
                }
            }
            let money = money_of(report, currency, &converted, &sums);
            figures.add(&Figures { sums: converted, money }, &sums);
        }
        groups.insert(key, figures);
    }
    groups
}

/// Money as the report shows it; `None` where no rate is known.
fn into_reporting(
    report: &Report,
    exchange: &Exchange<'_>,
    currency: Option<Currency>,
    day: Option<Day>,
    micros: i128,
) -> Option<i128> {
    let currency = currency?;
    if report.in_own_currency() || currency == report.currency {
        return Some(micros);
    }
    exchange.rates.convert_sum(micros, currency, report.currency, day?, exchange.days_max).ok()
}

/// What the money of these sums is in.
fn money_of(report: &Report, currency: Option<Currency>, sums: &[Option<i128>], of: &[Sum]) -> MoneyOf {
    if !report.in_own_currency() {
        return MoneyOf::One(report.currency);
    }
    let any =
        sums.iter().zip(of).any(|(value, sum)| sum.is_money() && value.is_some_and(|micros| micros != 0));
    match currency.filter(|_| any) {
        Some(currency) => MoneyOf::One(currency),
        None => MoneyOf::Nobody,
    }
}

impl Figures {
    /// Zero, and unknown where it cannot be added.
    pub fn nothing(sums: &[Sum]) -> Self {
        Self { sums: nothing(sums), money: MoneyOf::Nobody }
    }

    /// Together with the figures of other facts of the same row.
    pub fn add(&mut self, more: &Self, sums: &[Sum]) {
        add(&mut self.sums, &more.sums, sums);
        self.money = self.money.and(more.money);
    }

    /// Together with those of other rows: what is not additive is not known of both.
    pub fn add_row(&mut self, more: &Self, sums: &[Sum]) {
        self.add(more, sums);
        for (place, sum) in self.sums.iter_mut().zip(sums) {
            *place = place.filter(|_| sum.is_additive());
        }
    }
}

impl MoneyOf {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nobody, only) | (only, Self::Nobody) => only,
            (Self::One(one), Self::One(two)) if one == two => self,
            (Self::One(_) | Self::Several, Self::One(_) | Self::Several) => Self::Several,
        }
    }
}

fn nothing(sums: &[Sum]) -> Vec<Option<i128>> {
    sums.iter().map(|sum| sum.is_additive().then_some(0)).collect()
}

fn add(total: &mut [Option<i128>], more: &[Option<i128>], sums: &[Sum]) {
    for ((total, more), sum) in total.iter_mut().zip(more).zip(sums) {
        *total = match sum.is_additive() {
            // Of counts that fit 64 bits it takes more facts than there can be to end at the limit.
            true => Some(total.unwrap_or(0).saturating_add(more.unwrap_or(0))),
            // One row has it; should there be two, the order in which they come decides nothing.
            false => (*total).max(*more),
        };
    }
}
