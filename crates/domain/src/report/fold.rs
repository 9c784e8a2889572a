//! From sums to the table: metrics, comparison, order, what is cut off, and totals over everything.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::money::divide_half_even;

use super::align::Alignment;
use super::dimension::Dimension;
use super::exchange::{Exchange, Figures, Found, Groups, LeftOut, MoneyOf, WithoutRate, gather};
use super::formula::{Formula, Part};
use super::metric::{Kind, Metric};
use super::sum::Sum;
use super::table::{Cell, Column, OTHER, Row, Table};
use super::value::Value;
use super::{Report, Sort, SortColumn};

/// Makes the table. `compared` is what was found for [`Report::compare`]. Neither the order of rows nor how the facts
/// of one key, currency and day are spread over them makes a difference.
pub fn fold(report: &Report, exchange: &Exchange<'_>, found: Found, compared: Option<Found>) -> Table {
    let maker = Maker::new(report, exchange);
    let mut left_out = LeftOut::new();
    let now = gather(report, exchange, found.rows, false, &mut left_out);
    let totals_now = maker.total(&now, &found.whole);
    let mut then = None;
    let mut totals_then = None;
    if let Some(mut compared) = compared {
        let alignment = Alignment::of(report);
        compared.rows.iter_mut().for_each(|row| alignment.align(&mut row.key));
        let groups = gather(report, exchange, compared.rows, true, &mut left_out);
        totals_then = Some(maker.total(&groups, &compared.whole));
        then = Some(groups);
    }
    let without_rate = left_out.into_iter().map(|((compared, currency, sum), micros)| WithoutRate {
        sum,
        currency,
        micros,
        compared,
    });
    let (rows, rows_total) = maker.rows(&now, then.as_ref());
    Table {
        columns: maker.columns(),
        rows,
        totals: maker.row(&[], &totals_now, totals_then.as_ref()),
        rows_total,
        without_rate: without_rate.filter(|left| left.micros != 0).collect(),
        span: report.span,
        zone: report.zone.clone(),
        basis: report.basis,
        compare: report.compare,
    }
}

struct Maker<'a> {
    report: &'a Report,
    exchange: &'a Exchange<'a>,
    sums: Vec<Sum>,
    formulas: Vec<(Kind, Formula)>,
}

impl<'a> Maker<'a> {
    fn new(report: &'a Report, exchange: &'a Exchange<'a>) -> Self {
        let formula = |metric: &Metric| (metric.kind(), Formula::of(metric));
        let formulas = report.metrics.iter().map(formula).collect();
        Self { report, exchange, sums: report.sums(), formulas }
    }

    fn columns(&self) -> Vec<Column> {
        let own = self.report.in_own_currency();
        let dimension = |dimension: &Dimension| Column {
            code: dimension.code(),
            title: dimension.title(),
            kind: Kind::Text,
            currency: None,
            is_dimension: true,
        };
        let metric = |metric: &Metric| Column {
            code: metric.code(),
            title: metric.title(),
            kind: metric.kind(),
            currency: (metric.kind() == Kind::Money && !own).then_some(self.report.currency),
            is_dimension: false,
        };
        self.report.by.iter().map(dimension).chain(self.report.metrics.iter().map(metric)).collect()
    }

    /// Over all rows, with what cannot be added as it was found for the whole.
    fn total(&self, groups: &Groups, whole: &[Option<i128>]) -> Figures {
        let mut total = Figures::nothing(&self.sums);
        if self.report.by.is_empty() {
            // The only row is everything.
            return groups.values().next().cloned().unwrap_or(total);
        }
        groups.values().for_each(|figures| total.add_row(figures, &self.sums));
        for ((place, sum), whole) in total.sums.iter_mut().zip(&self.sums).zip(whole) {
            if !sum.is_additive() {
                *place = *whole;
            }
        }
        total
    }

    /// The rows that are shown, and how many there are.
    fn rows(&self, now: &Groups, then: Option<&Groups>) -> (Vec<Row>, usize) {
        let keys: BTreeSet<&Vec<Value>> = now.keys().chain(then.into_iter().flat_map(Groups::keys)).collect();
        let nothing = Figures::nothing(&self.sums);
        let mut rows: Vec<Row> = Vec::with_capacity(keys.len());
        for key in keys {
            let figures = now.get(key).unwrap_or(&nothing);
            let earlier = then.map(|then| then.get(key).unwrap_or(&nothing));
            rows.push(self.row(key, figures, earlier));
        }
        let rows_total = rows.len();
        // Keys are in order here, and equal rows stay in it.
        let order = self.order();
        rows.sort_by(|one, two| {
            order.iter().fold(Ordering::Equal, |so_far, by| so_far.then(by.compare(one, two)))
        });
        let shown = self.report.top.unwrap_or(self.report.limit).min(self.report.limit);
        let shown = usize::try_from(shown).unwrap_or(usize::MAX);
        if shown < rows.len() {
            let cut = rows.split_off(shown);
            if self.report.other {
                rows.push(self.other(&cut, now, then));
            }
        }
        (rows, rows_total)
    }

    fn other(&self, cut: &[Row], now: &Groups, then: Option<&Groups>) -> Row {
        let together = |groups: &Groups| {
            let mut figures = Figures::nothing(&self.sums);
            let found = cut.iter().filter_map(|row| groups.get(&row.key));
            found.for_each(|more| figures.add_row(more, &self.sums));
            figures
        };
        let mut row = self.row(&[], &together(now), then.map(together).as_ref());
        if let Some(first) = row.cells.first_mut().filter(|_| !self.report.by.is_empty()) {
            *first = Cell::Text(OTHER.into());
        }
        Row { is_other: true, ..row }
    }

    fn row(&self, key: &[Value], now: &Figures, then: Option<&Figures>) -> Row {
        let names = |key: &[Value]| -> Vec<Cell> {
            let name =
                |place: usize| key.get(place).map_or(Cell::Null, |value| Cell::Text(value.text().clone()));
            (0..self.report.by.len()).map(name).collect()
        };
        let cells = |mut names: Vec<Cell>, figures: &Figures| {
            names.extend(self.formulas.iter().map(|(kind, formula)| self.cell(*kind, formula, figures)));
            names
        };
        let now = cells(names(key), now);
        let compared = then.map(|then| cells(names(&[]), then)).unwrap_or_default();
        let change = now.iter().zip(&compared).map(|(now, then)| change(now, then)).collect();
        Row { key: key.to_vec(), cells: now, compared, change, is_other: false }
    }

    fn cell(&self, kind: Kind, formula: &Formula, figures: &Figures) -> Cell {
        let has_money = formula.parts().any(|part| part.sum.is_money());
        if has_money && figures.money == MoneyOf::Several {
            return Cell::Null;
        }
        let value = match formula {
            Formula::Total(parts) => self.total_of(parts, figures),
            Formula::Quotient { dividend, divisor } => {
                let scale = if kind == Kind::Ratio { RATIO_PARTS } else { 1 };
                let dividend = self.total_of(dividend, figures);
                dividend.zip(self.total_of(divisor, figures)).and_then(|(of, by)| divide(of, by, scale))
            }
        };
        let Some(value) = value else {
            return Cell::Null;
        };
        match (kind, formula) {
            (Kind::Count, _) => Cell::Count(value),
            (Kind::Ratio, _) => Cell::Ratio(value),
            (Kind::Seconds, _) => Cell::Seconds(value),
            (Kind::Money, Formula::Quotient { .. }) => Cell::Money { micros: value, digits: QUOTIENT_DIGITS },
            (Kind::Money, Formula::Total(_)) => {
                Cell::Money { micros: value, digits: self.digits(figures.money) }
            }
            (Kind::Text, _) => Cell::Null,
        }
    }

    fn total_of(&self, parts: &[Part], figures: &Figures) -> Option<i128> {
        parts.iter().try_fold(0i128, |total, part| {
            let place = self.sums.iter().position(|sum| *sum == part.sum)?;
            let value = (*figures.sums.get(place)?)?;
            if part.minus { total.checked_sub(value) } else { total.checked_add(value) }
        })
    }

    fn digits(&self, money: MoneyOf) -> u8 {
        let currency = match money {
            MoneyOf::One(currency) => currency,
            MoneyOf::Nobody | MoneyOf::Several => self.report.currency,
        };
        self.exchange.currencies.digits(currency).unwrap_or(2)
    }

    fn order(&self) -> Vec<Order> {
        let by = &self.report.by;
        let first_metric = Order { place: by.len(), dimension: false, descending: true };
        match &self.report.sort {
            Some(Sort { column: SortColumn::Dimension(dimension), descending }) => {
                let place = by.iter().position(|known| known == dimension).unwrap_or(0);
                vec![Order { place, dimension: true, descending: *descending }]
            }
            Some(Sort { column: SortColumn::Metric(metric), descending }) => {
                let place = self.report.metrics.iter().position(|known| known == metric).unwrap_or(0);
                vec![Order {
                    place: by.len().saturating_add(place),
                    dimension: false,
                    descending: *descending,
                }]
            }
            // The best ones, not the earliest.
            None if self.report.top.is_some() => vec![first_metric],
            None => {
                let times = by.iter().enumerate().filter(|(_, dimension)| dimension.is_time());
                let times = times.map(|(place, _)| Order { place, dimension: true, descending: false });
                times.chain([first_metric]).collect()
            }
        }
    }
}

/// A ratio has four digits.
const RATIO_PARTS: i128 = 10_000;
/// Money per click or order is often less than the smallest coin.
const QUOTIENT_DIGITS: u8 = 6;

/// One column to sort by.
struct Order {
    place: usize,
    dimension: bool,
    descending: bool,
}

impl Order {
    /// What is not known comes last, either way.
    fn compare(&self, one: &Row, two: &Row) -> Ordering {
        let turn = |order: Ordering| if self.descending { order.reverse() } else { order };
        if self.dimension {
            return turn(one.key.get(self.place).cmp(&two.key.get(self.place)));
        }
        let number = |row: &Row| row.cells.get(self.place).and_then(Cell::number);
        match (number(one), number(two)) {
            (Some(one), Some(two)) => turn(one.cmp(&two)),
            (one, two) => two.is_some().cmp(&one.is_some()),
        }
    }
}

/// By what part of the earlier figure it changed, as both are shown.
fn change(now: &Cell, then: &Cell) -> Cell {
    let part = now.number().zip(then.number()).and_then(|(now, then)| {
        let size = i128::try_from(then.unsigned_abs()).ok()?;
        divide(now.checked_sub(then)?, size, RATIO_PARTS)
    });
    part.map_or(Cell::Null, Cell::Ratio)
}

/// To the nearest whole number of parts, half to even; nothing can be divided by zero.
fn divide(dividend: i128, divisor: i128, scale: i128) -> Option<i128> {
    let (dividend, divisor) = match divisor < 0 {
        true => (dividend.checked_neg()?, divisor.checked_neg()?),
        false => (dividend, divisor),
    };
    divide_half_even(dividend.checked_mul(scale)?, divisor)
}
