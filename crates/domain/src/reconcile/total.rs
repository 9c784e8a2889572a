//! The sums of each group and currency. Over all groups, those of theirs are the sums of their file.

use std::collections::BTreeMap;

use super::{Group, Row};
use crate::money::{Currency, Money};

/// Sums of the rows of one group, in millionths of one currency.
///
/// Each sum of money stands under its own currency, so that both sides of a `different_currency` are found where they
/// belong; a line or conversion is counted under the currency of its amount, else of its revenue, else under none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub group: Group,
    pub currency: Option<Currency>,
    pub lines_theirs: u64,
    pub lines_ours: u64,
    pub amount_theirs_micros: i128,
    pub amount_ours_micros: i128,
    pub revenue_theirs_micros: i128,
    pub revenue_ours_micros: i128,
}

/// By group, then by currency.
pub fn totals(rows: &[Row]) -> Vec<Total> {
    let mut totals = Totals::default();
    for row in rows {
        let group = row.group;
        if let Some(theirs) = &row.theirs {
            let first = theirs.amount.or(theirs.revenue).map(|money| money.currency);
            let counted = totals.of(group, first);
            counted.lines_theirs = counted.lines_theirs.saturating_add(1);
            totals.add(group, theirs.amount, |total| &mut total.amount_theirs_micros);
            totals.add(group, theirs.revenue, |total| &mut total.revenue_theirs_micros);
        }
        if let Some(ours) = &row.ours {
            let first = ours.amount.or(ours.revenue).map(|money| money.currency);
            let counted = totals.of(group, first);
            counted.lines_ours = counted.lines_ours.saturating_add(1);
            totals.add(group, ours.amount, |total| &mut total.amount_ours_micros);
            totals.add(group, ours.revenue, |total| &mut total.revenue_ours_micros);
        }
    }
    totals.0.into_values().collect()
}

#[derive(Default)]
struct Totals(BTreeMap<(Group, Option<Currency>), Total>);

impl Totals {
    fn of(&mut self, group: Group, currency: Option<Currency>) -> &mut Total {
        self.0.entry((group, currency)).or_insert_with(|| Total {
            group,
            currency,
            lines_theirs: 0,
            lines_ours: 0,
            amount_theirs_micros: 0,
            amount_ours_micros: 0,
            revenue_theirs_micros: 0,
            revenue_ours_micros: 0,
        })
    }

    fn add(&mut self, group: Group, money: Option<Money>, sum: fn(&mut Total) -> &mut i128) {
        if let Some(money) = money {
            let sum = sum(self.of(group, Some(money.currency)));
            // 2^64 amounts fit: no file reaches the end of it.
            *sum = sum.saturating_add(i128::from(money.micros));
        }
    }
}
