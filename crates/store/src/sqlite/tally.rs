//! Sums by account and currency while entries go by. Nothing is allocated for an account that was seen before.

use std::collections::{BTreeMap, HashMap};

use proofback_domain::money::Currency;

use super::seals::Line;
use crate::error::StoreError;
use crate::model::Balance;

#[derive(Default)]
pub struct Tally {
    /// Account = its places in `sums`, one per currency.
    places: HashMap<Box<str>, Vec<usize>>,
    sums: Vec<Sum>,
    touched: Vec<usize>,
}

pub struct Sum {
    pub account: Box<str>,
    pub currency: Box<str>,
    /// Credits less debits, in millionths.
    pub micros: i128,
    /// By how much the newest balance point was found to be off.
    pub known_off: i128,
    touched: bool,
}

impl Tally {
    /// Both sides of an entry.
    pub fn book(&mut self, line: &Line<'_>) {
        self.add(line.debit, line.currency, -i128::from(line.amount));
        self.add(line.credit, line.currency, i128::from(line.amount));
    }

    pub fn add(&mut self, account: &str, currency: &str, micros: i128) {
        let place = self.place(account, currency);
        let sum = &mut self.sums[place];
        sum.micros += micros;
        if !std::mem::replace(&mut sum.touched, true) {
            self.touched.push(place);
        }
    }

    fn place(&mut self, account: &str, currency: &str) -> usize {
        let of_account = self.places.get(account).map(Vec::as_slice).unwrap_or_default();
        if let Some(place) = of_account.iter().find(|place| &*self.sums[**place].currency == currency) {
            return *place;
        }
        let place = self.sums.len();
        self.places.entry(account.into()).or_default().push(place);
        self.sums.push(Sum {
            account: account.into(),
            currency: currency.into(),
            micros: 0,
            known_off: 0,
            touched: false,
        });
        place
    }

    /// How many sums were touched since [`Self::take_touched`].
    pub fn touched(&self) -> usize {
        self.touched.len()
    }

    /// The places of the sums that were touched since the last call.
    pub fn take_touched(&mut self) -> Vec<usize> {
        for place in &self.touched {
            self.sums[*place].touched = false;
        }
        std::mem::take(&mut self.touched)
    }

    pub fn sum(&mut self, place: usize) -> &mut Sum {
        &mut self.sums[place]
    }

    pub fn sums(&self) -> &[Sum] {
        &self.sums
    }

    /// By account, then by currency.
    pub fn balances(&self) -> Result<Vec<Balance>, StoreError> {
        let sorted: BTreeMap<(&str, &str), i128> =
            self.sums.iter().map(|sum| ((&*sum.account, &*sum.currency), sum.micros)).collect();
        sorted
            .into_iter()
            .map(|((account, code), micros)| {
                let currency = Currency::parse(code)
                    .ok_or_else(|| StoreError::Failed(format!("{code:?} is stored as a currency")))?;
                Ok(Balance { account: account.to_owned(), currency, micros })
            })
            .collect()
    }
}
