//! What of reports each role may see. Staff see everything; whoever is a party sees its own facts, and of them only
//! what is on the lists here: what is added to reports is not for others until somebody says so.

use proofback_domain::name::Name;
use proofback_domain::report::{Dimension, Field, Filter, Metric, Plain, Report, ReportError, Term, Test};

use crate::role::Role;

/// The report as the role may see it. Metrics that nobody named are left out where they are not for it; whatever is
/// asked for by name and is not, is refused.
pub fn restrict(mut report: Report, role: &Role, metrics_named: bool) -> Result<Report, ReportError> {
    let (word, own) = match role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => return Ok(report),
        Role::Partner(own) => ("partner", own),
        Role::Advertiser(own) => ("advertiser", own),
    };
    let refuse = |parameter: &str, code: &str| ReportError {
        parameter: parameter.to_owned(),
        message: format!(
            "the {word}'s token does not show {code:?}; GET /api/v1/reports/dimensions lists what it shows"
        ),
    };
    if !metrics_named {
        report.metrics.retain(|metric| shows_metric(role, metric));
    }
    if let Some(metric) = report.metrics.iter().find(|metric| !shows_metric(role, metric)) {
        return Err(refuse("metrics", &metric.code()));
    }
    if let Some(dimension) = report.by.iter().find(|dimension| !shows(role, dimension)) {
        return Err(refuse("by", &dimension.code()));
    }
    // A condition tells as much as a column.
    let terms = report.filter.iter().flat_map(Filter::terms);
    if let Some(term) = terms.into_iter().find(|term| !shows(role, &term.dimension)) {
        return Err(refuse("filter", &term.dimension.code()));
    }
    report.filter = Some(Filter::and(report.filter.take(), only(word, own)?));
    Ok(report)
}

fn only(word: &str, own: &Name) -> Result<Filter, ReportError> {
    let field = Field::parse(word).ok_or_else(|| ReportError {
        parameter: "filter".into(),
        message: format!("facts do not name the {word}"),
    })?;
    let test = Test::In(vec![own.to_string()]);
    Ok(Filter::Term(Term { dimension: Dimension::Field(field), test }))
}

/// Whether a role is shown a dimension, as a column or in a condition.
pub fn shows(role: &Role, dimension: &Dimension) -> bool {
    let of = |hidden: &[&str]| match dimension {
        Dimension::Time(..) | Dimension::HourOfDay | Dimension::Weekday | Dimension::Age(_) => true,
        Dimension::Field(field) => !hidden.contains(&field.code()),
        Dimension::Parameter(_) => !hidden.contains(&PARAMETERS),
    };
    match role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => true,
        Role::Partner(_) => of(&NOT_FOR_PARTNERS),
        Role::Advertiser(_) => of(&NOT_FOR_ADVERTISERS),
    }
}

/// Stands for all parameters of clicks.
const PARAMETERS: &str = "param:";

/// Who pays, who else is told, and how postbacks were judged.
const NOT_FOR_PARTNERS: [&str; 4] = ["advertiser", "target", "outcome", "reason"];

/// Who sent the visitor, by which link and under which of his own words.
const NOT_FOR_ADVERTISERS: [&str; 20] = [
    "partner", "link", "route", "source", "campaign", "ad", "keyword", "referrer", "target", "sub1", "sub2",
    "sub3", "sub4", "sub5", "sub6", "sub7", "sub8", "sub9", "sub10", PARAMETERS,
];

/// Whether a role is shown a metric.
pub fn shows_metric(role: &Role, metric: &Metric) -> bool {
    match role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => true,
        Role::Partner(_) => match metric {
            Metric::Plain(plain) => OF_BOTH.contains(plain) || OF_PARTNERS.contains(plain),
            Metric::Conversions { .. } | Metric::ConversionRate(_) => true,
            Metric::Rejections(_) => false,
        },
        Role::Advertiser(_) => match metric {
            Metric::Plain(plain) => OF_BOTH.contains(plain) || OF_ADVERTISERS.contains(plain),
            Metric::Conversions { .. } | Metric::ConversionRate(_) | Metric::Rejections(_) => true,
        },
    }
}

/// What happened, and what orders were worth.
const OF_BOTH: [Plain; 25] = [
    Plain::Clicks,
    Plain::Uniques,
    Plain::Bots,
    Plain::Conversions,
    Plain::Pending,
    Plain::Approved,
    Plain::Rejected,
    Plain::Reversed,
    Plain::Held,
    Plain::ConversionRate,
    Plain::ApprovalRate,
    Plain::Amount,
    Plain::AverageOrder,
    Plain::Refunds,
    Plain::Chargebacks,
    Plain::Refunded,
    Plain::RefundRate,
    Plain::Delayed,
    Plain::TimeToConversion,
    Plain::TimeToConversionP90,
    Plain::Renewals,
    Plain::Cancellations,
    Plain::Trials,
    Plain::Churn,
    Plain::Customers,
];

/// What they earn.
const OF_PARTNERS: [Plain; 5] =
    [Plain::Payout, Plain::PayoutPending, Plain::PayoutApproved, Plain::Epc, Plain::LtvPayout];

/// What they owe, and what became of their postbacks.
const OF_ADVERTISERS: [Plain; 9] = [
    Plain::Revenue,
    Plain::RevenuePending,
    Plain::Rpc,
    Plain::Ltv,
    Plain::Postbacks,
    Plain::Duplicates,
    Plain::DuplicateRate,
    Plain::Rejections,
    Plain::RejectionRate,
];
