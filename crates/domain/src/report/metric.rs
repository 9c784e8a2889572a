//! What a report counts: each metric with its code, its kind and a sentence that says how it is computed.

use crate::name::Name;
use crate::outcome::{Outcome, Reason};

use super::sum::Standing;
use super::words::{quote, suggest, title};

/// One column of figures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Plain(Plain),
    /// `conversions:ftd`, `conversions:held`, `conversions:ftd:rejected`.
    Conversions {
        event: Option<Name>,
        status: Option<Standing>,
    },
    /// `conversion_rate:ftd`.
    ConversionRate(Name),
    /// `rejections:bad_token`.
    Rejections(Reason),
}

/// The metrics that are a word; [`PLAIN`] says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plain {
    Clicks,
    Uniques,
    Bots,
    Conversions,
    Pending,
    Approved,
    Rejected,
    Reversed,
    Held,
    ConversionRate,
    ApprovalRate,
    Payout,
    PayoutPending,
    PayoutApproved,
    Revenue,
    RevenuePending,
    Cost,
    Profit,
    Margin,
    Roi,
    Epc,
    Rpc,
    Cpc,
    Cpa,
    Amount,
    AverageOrder,
    Postbacks,
    Duplicates,
    DuplicateRate,
    Rejections,
    RejectionRate,
    Refunds,
    Chargebacks,
    Refunded,
    RefundRate,
    FailedDeliveries,
    Delayed,
    TimeToConversion,
    TimeToConversionP90,
    Renewals,
    Cancellations,
    Trials,
    Churn,
    Customers,
    Ltv,
    LtvPayout,
}

/// What the figures of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A word or a time: a dimension's.
    Text,
    Count,
    Money,
    /// A fraction with four digits: 0.0123 is 1.23 %.
    Ratio,
    Seconds,
}

/// Asked for where nobody says which.
pub(super) const DEFAULT: [Plain; 10] = [
    Plain::Clicks,
    Plain::Uniques,
    Plain::Conversions,
    Plain::ConversionRate,
    Plain::Revenue,
    Plain::Payout,
    Plain::Cost,
    Plain::Profit,
    Plain::Roi,
    Plain::Epc,
];

type About = (Plain, &'static str, Kind, &'static str);

/// In the order of the documentation.
const PLAIN: [About; 46] = [
    (Plain::Clicks, "clicks", Kind::Count, "clicks, those of bots too"),
    (Plain::Uniques, "uniques", Kind::Count, "clicks that were the visitor's first on this link"),
    (Plain::Bots, "bots", Kind::Count, "clicks that were a bot's"),
    (Plain::Conversions, "conversions", Kind::Count, "conversions that are pending or approved"),
    (Plain::Pending, "pending", Kind::Count, "conversions that are pending"),
    (Plain::Approved, "approved", Kind::Count, "conversions that are approved"),
    (Plain::Rejected, "rejected", Kind::Count, "conversions that are rejected"),
    (Plain::Reversed, "reversed", Kind::Count, "conversions that are reversed"),
    (Plain::Held, "held", Kind::Count, "conversions that are held"),
    (Plain::ConversionRate, "conversion_rate", Kind::Ratio, "conversions / clicks"),
    (Plain::ApprovalRate, "approval_rate", Kind::Ratio, "approved / (approved + rejected + reversed)"),
    (Plain::Payout, "payout", Kind::Money, "what partners earn by conversions that are pending or approved"),
    (Plain::PayoutPending, "payout_pending", Kind::Money, "what partners earn by those that are pending"),
    (Plain::PayoutApproved, "payout_approved", Kind::Money, "what partners earn by those that are approved"),
    (Plain::Revenue, "revenue", Kind::Money, "what advertisers owe for conversions that are approved"),
    (Plain::RevenuePending, "revenue_pending", Kind::Money, "what they would owe for those that are pending"),
    (Plain::Cost, "cost", Kind::Money, "what clicks cost"),
    (Plain::Profit, "profit", Kind::Money, "revenue - payout - cost"),
    (Plain::Margin, "margin", Kind::Ratio, "profit / revenue"),
    (Plain::Roi, "roi", Kind::Ratio, "profit / (payout + cost)"),
    (Plain::Epc, "epc", Kind::Money, "earnings per click: payout / clicks"),
    (Plain::Rpc, "rpc", Kind::Money, "revenue per click: revenue / clicks"),
    (Plain::Cpc, "cpc", Kind::Money, "cost per click: cost / clicks"),
    (Plain::Cpa, "cpa", Kind::Money, "cost per conversion: (payout + cost) / conversions"),
    (Plain::Amount, "amount", Kind::Money, "orders and deposits of conversions that are pending or approved"),
    (Plain::AverageOrder, "average_order", Kind::Money, "amount / conversions that have an amount"),
    (Plain::Postbacks, "postbacks", Kind::Count, "postbacks that came in, whatever became of them"),
    (Plain::Duplicates, "duplicates", Kind::Count, "postbacks that changed nothing: outcome `duplicate`"),
    (Plain::DuplicateRate, "duplicate_rate", Kind::Ratio, "duplicates / postbacks"),
    (Plain::Rejections, "rejections", Kind::Count, "postbacks that were refused: outcome `rejected`"),
    (Plain::RejectionRate, "rejection_rate", Kind::Ratio, "rejections / postbacks"),
    (Plain::Refunds, "refunds", Kind::Count, "refunds, partial ones too"),
    (Plain::Chargebacks, "chargebacks", Kind::Count, "chargebacks"),
    (Plain::Refunded, "refunded", Kind::Money, "what refunds and chargebacks took back of amounts"),
    (Plain::RefundRate, "refund_rate", Kind::Ratio, "refunds / (approved + reversed)"),
    (Plain::FailedDeliveries, "failed_deliveries", Kind::Count, "deliveries that ended as failed"),
    (
        Plain::Delayed,
        "delayed",
        Kind::Count,
        "new conversions that were told more than an hour after they happened",
    ),
    (
        Plain::TimeToConversion,
        "time_to_conversion",
        Kind::Seconds,
        "median seconds from click to event, of new conversions",
    ),
    (
        Plain::TimeToConversionP90,
        "time_to_conversion_p90",
        Kind::Seconds,
        "nine of ten of them took no longer, in seconds",
    ),
    (Plain::Renewals, "renewals", Kind::Count, "conversions of the events `rebill` and `renewal`"),
    (Plain::Cancellations, "cancellations", Kind::Count, "conversions of the event `cancel`"),
    (Plain::Trials, "trials", Kind::Count, "conversions of the event `trial`"),
    (
        Plain::Churn,
        "churn",
        Kind::Ratio,
        "cancellations / subscriptions started: conversions of the events `trial` and `subscription`",
    ),
    (Plain::Customers, "customers", Kind::Count, "customers at their first conversion"),
    (Plain::Ltv, "ltv", Kind::Money, "revenue / customers"),
    (Plain::LtvPayout, "ltv_payout", Kind::Money, "payout / customers"),
];

/// The forms that take a word, for the documentation.
const FORMS: [(&str, Kind, &str); 5] = [
    ("conversions:EVENT", Kind::Count, "conversions of this event that are pending or approved"),
    ("conversions:STATUS", Kind::Count, "conversions in this status, `held` too"),
    ("conversions:EVENT:STATUS", Kind::Count, "conversions of this event in this status"),
    ("conversion_rate:EVENT", Kind::Ratio, "conversions:EVENT / clicks"),
    ("rejections:REASON", Kind::Count, "postbacks that were refused for this reason"),
];

/// A line of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    pub code: &'static str,
    pub kind: Kind,
    pub how: &'static str,
}

impl Metric {
    /// Every metric that can be asked for, with how it is computed.
    pub fn catalogue() -> impl Iterator<Item = Described> {
        let plain = PLAIN.iter().map(|(_, code, kind, how)| Described { code, kind: *kind, how });
        plain.chain(FORMS.iter().map(|(code, kind, how)| Described { code, kind: *kind, how }))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(plain) = PLAIN.iter().find(|(_, code, _, _)| *code == text) {
            return Ok(Self::Plain(plain.0));
        }
        match text.split_once(':') {
            Some(("conversions", rest)) => read_conversions(rest),
            Some(("conversion_rate", event)) => read_event(event).map(Self::ConversionRate),
            Some(("rejections", reason)) => read_reason(reason).map(Self::Rejections),
            Some(_) | None => {
                let suggestion = suggest(text, PLAIN.iter().map(|(_, code, _, _)| *code));
                Err(format!("{} is no metric{suggestion}", quote(text)))
            }
        }
    }

    /// The word that asks for it.
    pub fn code(&self) -> String {
        match self {
            Self::Plain(plain) => plain.about().1.to_owned(),
            Self::Conversions { event, status } => {
                let words = [event.as_ref().map(Name::as_str), status.map(Standing::code)];
                let words = std::iter::once("conversions").chain(words.into_iter().flatten());
                words.collect::<Vec<_>>().join(":")
            }
            Self::ConversionRate(event) => format!("conversion_rate:{event}"),
            Self::Rejections(reason) => format!("rejections:{}", reason.code()),
        }
    }

    /// The heading of its column.
    pub fn title(&self) -> String {
        match self {
            Self::Plain(Plain::Roi | Plain::Epc | Plain::Rpc | Plain::Cpc | Plain::Cpa | Plain::Ltv) => {
                self.code().to_ascii_uppercase()
            }
            Self::Plain(Plain::LtvPayout) => "LTV payout".into(),
            Self::Plain(plain) => title(plain.about().1),
            Self::Conversions { event: None, status } => {
                title(&format!("{} conversions", status.map_or("", Standing::code)))
            }
            Self::Conversions { event: Some(event), status } => {
                let status = status.map(|status| format!(", {}", status.code())).unwrap_or_default();
                format!("Conversions: {event}{status}")
            }
            Self::ConversionRate(event) => format!("Conversion rate: {event}"),
            Self::Rejections(reason) => format!("Rejections: {}", reason.code().replace('_', " ")),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Plain(plain) => plain.about().2,
            Self::Conversions { .. } | Self::Rejections(_) => Kind::Count,
            Self::ConversionRate(_) => Kind::Ratio,
        }
    }

    /// How it is computed, in a sentence.
    pub fn how(&self) -> &'static str {
        let form = |code: &str| FORMS.iter().find(|form| form.0 == code).map_or("", |form| form.2);
        match self {
            Self::Plain(plain) => plain.about().3,
            Self::Conversions { event: Some(_), status: None } => form("conversions:EVENT"),
            Self::Conversions { event: None, .. } => form("conversions:STATUS"),
            Self::Conversions { event: Some(_), status: Some(_) } => form("conversions:EVENT:STATUS"),
            Self::ConversionRate(_) => form("conversion_rate:EVENT"),
            Self::Rejections(_) => form("rejections:REASON"),
        }
    }
}

impl Plain {
    fn about(self) -> About {
        let found = PLAIN.into_iter().find(|(plain, ..)| *plain == self);
        found.unwrap_or((self, "", Kind::Count, ""))
    }
}

impl Kind {
    pub fn code(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "count",
            Self::Money => "money",
            Self::Ratio => "ratio",
            Self::Seconds => "seconds",
        }
    }
}

/// A status is taken for one; an event of that name is asked for with its status behind it.
fn read_conversions(rest: &str) -> Result<Metric, String> {
    let (event, status) = match rest.split_once(':') {
        Some((event, status)) => (Some(read_event(event)?), Some(read_status(status)?)),
        None => match Standing::parse(rest) {
            Some(status) => (None, Some(status)),
            None => (Some(read_event(rest)?), None),
        },
    };
    Ok(Metric::Conversions { event, status })
}

fn read_event(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| format!("{} is no event: {error}", quote(text)))
}

fn read_status(text: &str) -> Result<Standing, String> {
    Standing::parse(text).ok_or_else(|| {
        let suggestion = suggest(text, Standing::ALL.into_iter().map(Standing::code));
        format!("{} is no status{suggestion}", quote(text))
    })
}

fn read_reason(text: &str) -> Result<Reason, String> {
    let refuses = |reason: &Reason| reason.outcome() == Outcome::Rejected;
    Reason::parse(text).filter(refuses).ok_or_else(|| {
        let known = Reason::ALL.into_iter().filter(refuses).map(Reason::code);
        format!("{} is no reason to reject{}", quote(text), suggest(text, known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_reads_back_by_its_code_and_says_how_it_is_computed() {
        for (plain, code, kind, how) in PLAIN {
            let metric = Metric::Plain(plain);
            assert_eq!(Metric::parse(code), Ok(metric.clone()));
            assert_eq!((metric.code().as_str(), metric.kind(), metric.how()), (code, kind, how));
            assert!(!how.is_empty() && !metric.title().is_empty(), "{code}");
        }
        // The last one has the last place: none is missing.
        assert_eq!(Plain::LtvPayout as usize, PLAIN.len() - 1);
        for (place, about) in PLAIN.iter().enumerate() {
            assert_eq!(about.0 as usize, place, "{}", about.1);
        }
    }

    #[test]
    fn a_metric_may_take_an_event_a_status_or_a_reason() {
        for (code, title) in [
            ("conversions:ftd", "Conversions: ftd"),
            ("conversions:held", "Held conversions"),
            ("conversions:ftd:rejected", "Conversions: ftd, rejected"),
            ("conversions:pending:pending", "Conversions: pending, pending"),
            ("conversion_rate:ftd", "Conversion rate: ftd"),
            ("rejections:bad_token", "Rejections: bad token"),
        ] {
            let metric = Metric::parse(code).unwrap();
            assert_eq!((metric.code().as_str(), metric.title().as_str()), (code, title));
            assert!(!metric.how().is_empty());
        }
    }

    #[test]
    fn what_is_no_metric_is_said_with_the_nearest_one() {
        for (text, message) in [
            ("revenu", "\"revenu\" is no metric; did you mean \"revenue\"?"),
            ("conversions:ftd:aproved", "\"aproved\" is no status; did you mean \"approved\"?"),
            ("rejections:bad_tokn", "\"bad_tokn\" is no reason to reject; did you mean \"bad_token\"?"),
            ("rejections:duplicate", "\"duplicate\" is no reason to reject"),
            (
                "conversion_rate:F T",
                "\"F T\" is no event: a name has 1 to 64 characters of a-z, 0-9, - and _",
            ),
            ("clicks:x", "\"clicks:x\" is no metric; did you mean \"clicks\"?"),
        ] {
            assert_eq!(Metric::parse(text), Err(message.to_owned()), "{text}");
        }
    }
}
