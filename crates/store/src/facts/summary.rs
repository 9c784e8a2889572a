//! What a row of facts comes to: how many, when, and the sum of each column that is summed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::batch::SUMS;
use super::schema::{COLUMNS, Holds};

/// Of a file, or of what is to become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub rows: u64,
    /// The earliest and the latest time of each kind, in milliseconds.
    pub clicked: Option<(i64, i64)>,
    pub happened: Option<(i64, i64)>,
    pub booked: Option<(i64, i64)>,
    /// That its money is in.
    pub currencies: BTreeSet<String>,
    pub sums: Sums,
}

/// In the order of the columns; sums of many rows need more room than one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sums(Vec<i128>);

impl Sums {
    pub fn add(&mut self, sums: &[i64; SUMS]) {
        self.0.resize(SUMS, 0);
        for (sum, more) in self.0.iter_mut().zip(sums) {
            *sum += i128::from(*more);
        }
    }

    fn join(&mut self, other: &Self) {
        self.0.resize(SUMS, 0);
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }

    /// With the names of their columns.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, i128)> {
        let names = COLUMNS.iter().filter(|column| column.holds == Holds::Sum).map(|column| column.name);
        names.zip(self.0.iter().copied().chain(std::iter::repeat(0)))
    }
}

impl Summary {
    pub fn add(&mut self, clicked: Option<i64>, happened: i64, booked: i64, sums: &[i64; SUMS]) {
        self.rows += 1;
        if let Some(clicked) = clicked {
            widen(&mut self.clicked, clicked);
        }
        widen(&mut self.happened, happened);
        widen(&mut self.booked, booked);
        self.sums.add(sums);
    }

    pub fn add_currency(&mut self, currency: &str) {
        if !currency.is_empty() && !self.currencies.contains(currency) {
            self.currencies.insert(currency.to_owned());
        }
    }

    /// Both together.
    pub fn join(&mut self, other: &Self) {
        self.rows += other.rows;
        let spans = [
            (&mut self.clicked, other.clicked),
            (&mut self.happened, other.happened),
            (&mut self.booked, other.booked),
        ];
        for (span, other) in spans {
            for at in other.into_iter().flat_map(|(first, last)| [first, last]) {
                widen(span, at);
            }
        }
        self.currencies.extend(other.currencies.iter().cloned());
        self.sums.join(&other.sums);
    }
}

fn widen(span: &mut Option<(i64, i64)>, at: i64) {
    let (first, last) = span.unwrap_or((at, at));
    *span = Some((first.min(at), last.max(at)));
}
