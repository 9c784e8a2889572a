//! Reports: what is asked for in words becomes a [`Report`], what an engine sums becomes a [`Table`].
//!
//! The engine scans facts and knows neither metrics nor currencies nor calendars: it gets dimensions, sums, the
//! starts of pieces of time and a filter, and gives back rows of sums. Everything else is here, without I/O and floats.

mod against;
mod align;
mod buckets;
mod dimension;
mod drill;
mod exchange;
mod filter;
mod fold;
mod formula;
mod metric;
mod period;
mod read;
mod sum;
mod table;
mod value;
mod words;

use std::collections::BTreeSet;

pub use against::Against;
pub use buckets::{Buckets, BucketsError, STARTS_MAX, buckets};
pub use dimension::{AgeUnit, Clock, Dimension, Field, Unit};
pub use exchange::{Exchange, Found, SumRow, WithoutRate};
pub use filter::{Filter, Term, Test};
pub use fold::fold;
pub use metric::{Described, Kind, Metric, Plain};
pub use period::{Bound, Named, Period, Range};
pub use read::PARAMETERS;
pub use sum::{Standing, Statuses, Sum};
pub use table::{Cell, Column, OTHER, Row, Table};
pub use value::Value;

use crate::calendar::Zone;
use crate::money::{Currencies, Currency};
use crate::program::Snapshot;
use crate::time::Timestamp;
use formula::Formula;

/// What somebody wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The dimensions, outermost first; at most six, none twice.
    pub by: Vec<Dimension>,
    /// At least one, none twice.
    pub metrics: Vec<Metric>,
    pub basis: Basis,
    /// The facts whose time of the basis lies in it.
    pub span: Range,
    pub zone: Zone,
    pub filter: Option<Filter>,
    pub tests: Tests,
    /// Money is shown in it, unless [`Report::in_own_currency`].
    pub currency: Currency,
    pub sort: Option<Sort>,
    pub top: Option<u32>,
    /// What is cut off stands in one row more.
    pub other: bool,
    pub limit: u32,
    pub compare: Option<Range>,
    pub asked: Asked,
}

/// What was said of the things that a report has resolved by now; absent where nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub period: Period,
    pub zone: Option<Zone>,
    pub currency: Option<Currency>,
    pub against: Option<Against>,
}

/// Which of a fact's times a report goes by. Of clicks, click and event are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    Click,
    Event,
    /// When it was recorded: the time of the ledger.
    Booked,
}

/// Whether tests count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tests {
    Exclude,
    Include,
    Only,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub column: SortColumn,
    pub descending: bool,
}

/// One of the report's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortColumn {
    Dimension(Dimension),
    Metric(Metric),
}

/// What a report is read in.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    pub now: Timestamp,
    /// Of the program.
    pub zone: &'a Zone,
    /// Of the program.
    pub currency: Currency,
    pub currencies: &'a Currencies,
    /// The names of parts of packed sub ids, which mean parameters.
    pub parts: BTreeSet<&'a str>,
    /// The first moment of which anything is known, where `period=all` begins.
    pub first: Timestamp,
}

/// What cannot be asked for, and under which parameter it stood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct ReportError {
    pub parameter: String,
    pub message: String,
}

impl Report {
    /// What an engine computes for each row, in the order in which the rows have it; none twice.
    pub fn sums(&self) -> Vec<Sum> {
        let formulas: Vec<Formula> = self.metrics.iter().map(Formula::of).collect();
        let parts = formulas.iter().flat_map(Formula::parts);
        let mut sums: Vec<Sum> = Vec::new();
        for part in parts {
            if !sums.contains(&part.sum) {
                sums.push(part.sum.clone());
            }
        }
        sums
    }

    /// Whether money stays in the currency that it is in.
    pub fn in_own_currency(&self) -> bool {
        self.by.iter().any(Dimension::is_currency)
    }

    /// Whether rows must be parted by currency and day, because there is money to convert.
    pub fn converts(&self) -> bool {
        !self.in_own_currency() && self.sums().iter().any(Sum::is_money)
    }
}

impl<'a> Context<'a> {
    /// That of a program; `first` is the first moment of which anything is known.
    pub fn of(snapshot: &'a Snapshot, now: Timestamp, first: Timestamp) -> Self {
        let program = &snapshot.program;
        let packed = program.partners.values().flat_map(|partner| partner.split.values());
        Self {
            now,
            zone: &program.timezone,
            currency: program.currency,
            currencies: &program.currencies,
            parts: packed.flatten().map(String::as_str).collect(),
            first,
        }
    }
}

impl Basis {
    pub(super) const WORDS: [(&str, Self); 3] =
        [("event", Self::Event), ("click", Self::Click), ("booked", Self::Booked)];

    pub fn code(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Event => "event",
            Self::Booked => "booked",
        }
    }
}

impl Tests {
    pub(super) const WORDS: [(&str, Self); 3] =
        [("exclude", Self::Exclude), ("include", Self::Include), ("only", Self::Only)];

    pub fn code(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Include => "include",
            Self::Only => "only",
        }
    }
}

impl SortColumn {
    pub fn code(&self) -> String {
        match self {
            Self::Dimension(dimension) => dimension.code(),
            Self::Metric(metric) => metric.code(),
        }
    }
}
