//! How a metric is made of sums: added and taken away, or one such quantity divided by another.

use super::metric::{Metric, Plain};
use super::sum::{Standing, Statuses, Sum};
use crate::name::Name;
use crate::outcome::Outcome;

/// A metric in terms of sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Formula {
    Total(Vec<Part>),
    Quotient { dividend: Vec<Part>, divisor: Vec<Part> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub sum: Sum,
    /// Taken away.
    pub minus: bool,
}

impl Formula {
    pub fn of(metric: &Metric) -> Self {
        match metric {
            Metric::Plain(plain) => plain_formula(*plain),
            Metric::Conversions { event, status } => {
                Self::Total(vec![plus(conversions(event.clone(), statuses(*status)))])
            }
            Metric::ConversionRate(event) => {
                over([conversions(Some(event.clone()), Statuses::GOOD)], [Sum::Clicks])
            }
            Metric::Rejections(reason) => {
                let outcome = Some(Outcome::Rejected);
                total([Sum::Postbacks { outcome, reason: Some(*reason) }])
            }
        }
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let (first, second) = match self {
            Self::Total(parts) => (parts.as_slice(), [].as_slice()),
            Self::Quotient { dividend, divisor } => (dividend.as_slice(), divisor.as_slice()),
        };
        first.iter().chain(second)
    }
}

/// One line for each: longer than a screen, and read like the table that it is.
fn plain_formula(plain: Plain) -> Formula {
    use Standing::{Approved, Held, Pending, Rejected, Reversed};
    let good = || conversions(None, Statuses::GOOD);
    let count = |standing| conversions(None, Statuses::only(standing));
    let payout = || Sum::Payout(Statuses::GOOD);
    let revenue = || Sum::Revenue(Statuses::only(Approved));
    let amount = || Sum::Amount(Statuses::GOOD);
    let postbacks = |outcome| Sum::Postbacks { outcome, reason: None };
    let (duplicate, rejected) = (Some(Outcome::Duplicate), Some(Outcome::Rejected));
    match plain {
        Plain::Clicks => total([Sum::Clicks]),
        Plain::Uniques => total([Sum::UniqueClicks]),
        Plain::Bots => total([Sum::BotClicks]),
        Plain::Conversions => total([good()]),
        Plain::Pending => total([count(Pending)]),
        Plain::Approved => total([count(Approved)]),
        Plain::Rejected => total([count(Rejected)]),
        Plain::Reversed => total([count(Reversed)]),
        Plain::Held => total([count(Held)]),
        Plain::ConversionRate => over([good()], [Sum::Clicks]),
        Plain::ApprovalRate => over([count(Approved)], [count(Approved), count(Rejected), count(Reversed)]),
        Plain::Payout => total([payout()]),
        Plain::PayoutPending => total([Sum::Payout(Statuses::only(Pending))]),
        Plain::PayoutApproved => total([Sum::Payout(Statuses::only(Approved))]),
        Plain::Revenue => total([revenue()]),
        Plain::RevenuePending => total([Sum::Revenue(Statuses::only(Pending))]),
        Plain::Cost => total([Sum::Cost]),
        Plain::Profit => Formula::Total(profit()),
        Plain::Margin => Formula::Quotient { dividend: profit(), divisor: vec![plus(revenue())] },
        Plain::Roi => {
            Formula::Quotient { dividend: profit(), divisor: [payout(), Sum::Cost].map(plus).into() }
        }
        Plain::Epc => over([payout()], [Sum::Clicks]),
        Plain::Rpc => over([revenue()], [Sum::Clicks]),
        Plain::Cpc => over([Sum::Cost], [Sum::Clicks]),
        Plain::Cpa => over([payout(), Sum::Cost], [good()]),
        Plain::Amount => total([amount()]),
        Plain::AverageOrder => over([amount()], [Sum::WithAmount(Statuses::GOOD)]),
        Plain::Postbacks => total([postbacks(None)]),
        Plain::Duplicates => total([postbacks(duplicate)]),
        Plain::DuplicateRate => over([postbacks(duplicate)], [postbacks(None)]),
        Plain::Rejections => total([postbacks(rejected)]),
        Plain::RejectionRate => over([postbacks(rejected)], [postbacks(None)]),
        Plain::Refunds => total([Sum::Refunds]),
        Plain::Chargebacks => total([Sum::Chargebacks]),
        Plain::Refunded => total([Sum::Refunded]),
        Plain::RefundRate => over([Sum::Refunds], [count(Approved), count(Reversed)]),
        Plain::FailedDeliveries => total([Sum::FailedDeliveries]),
        Plain::Delayed => total([Sum::Delayed]),
        Plain::TimeToConversion => total([Sum::MedianSeconds]),
        Plain::TimeToConversionP90 => total([Sum::P90Seconds]),
        Plain::Renewals => Formula::Total(of_events(&["rebill", "renewal"])),
        Plain::Cancellations => Formula::Total(of_events(&["cancel"])),
        Plain::Trials => Formula::Total(of_events(&["trial"])),
        Plain::Churn => Formula::Quotient {
            dividend: of_events(&["cancel"]),
            divisor: of_events(&["trial", "subscription"]),
        },
        Plain::Customers => total([Sum::Customers]),
        Plain::Ltv => over([revenue()], [Sum::Customers]),
        Plain::LtvPayout => over([payout()], [Sum::Customers]),
    }
}

fn total<const N: usize>(sums: [Sum; N]) -> Formula {
    Formula::Total(sums.map(plus).into())
}

fn over<const N: usize, const M: usize>(dividend: [Sum; N], divisor: [Sum; M]) -> Formula {
    Formula::Quotient { dividend: dividend.map(plus).into(), divisor: divisor.map(plus).into() }
}

fn plus(sum: Sum) -> Part {
    Part { sum, minus: false }
}

/// Revenue less payout and cost.
fn profit() -> Vec<Part> {
    let less = |sum| Part { sum, minus: true };
    let revenue = Sum::Revenue(Statuses::only(Standing::Approved));
    vec![plus(revenue), less(Sum::Payout(Statuses::GOOD)), less(Sum::Cost)]
}

fn statuses(status: Option<Standing>) -> Statuses {
    status.map_or(Statuses::GOOD, Statuses::only)
}

fn conversions(event: Option<Name>, statuses: Statuses) -> Sum {
    Sum::Conversions { event, statuses }
}

fn of_events(words: &[&str]) -> Vec<Part> {
    let events = words.iter().filter_map(|word| Name::parse(word).ok());
    events.map(|event| plus(conversions(Some(event), Statuses::GOOD))).collect()
}
