//! The sums that metrics are made of: what an engine computes per row of a report.

use crate::name::Name;
use crate::outcome::{Outcome, Reason};

/// One sum over facts. Money is in millionths, in the currency of the facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sum {
    Clicks,
    UniqueClicks,
    BotClicks,
    /// Of clicks.
    Cost,
    Conversions {
        event: Option<Name>,
        statuses: Statuses,
    },
    Payout(Statuses),
    Revenue(Statuses),
    /// What orders and deposits were worth.
    Amount(Statuses),
    /// Conversions that have an amount.
    WithAmount(Statuses),
    Postbacks {
        outcome: Option<Outcome>,
        reason: Option<Reason>,
    },
    Refunds,
    Chargebacks,
    /// What was refunded, in money.
    Refunded,
    FailedDeliveries,
    Delayed,
    Customers,
    /// From click to event, of new conversions: the median.
    MedianSeconds,
    /// Likewise: nine of ten take no longer.
    P90Seconds,
}

/// Where a conversion stands: its status, or that it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Pending,
    Approved,
    Rejected,
    Reversed,
    Held,
}

/// Some of [`Standing::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statuses(u8);

impl Sum {
    pub fn is_money(&self) -> bool {
        match self {
            Self::Cost | Self::Payout(_) | Self::Revenue(_) | Self::Amount(_) | Self::Refunded => true,
            Self::Clicks
            | Self::UniqueClicks
            | Self::BotClicks
            | Self::Conversions { .. }
            | Self::WithAmount(_)
            | Self::Postbacks { .. }
            | Self::Refunds
            | Self::Chargebacks
            | Self::FailedDeliveries
            | Self::Delayed
            | Self::Customers
            | Self::MedianSeconds
            | Self::P90Seconds => false,
        }
    }

    /// Whether the sum of two parts is that of the whole.
    pub fn is_additive(&self) -> bool {
        !matches!(self, Self::MedianSeconds | Self::P90Seconds)
    }

    /// What it is, in a word; statuses stand behind it.
    pub fn code(&self) -> String {
        match self {
            Self::Clicks => "clicks".into(),
            Self::UniqueClicks => "uniques".into(),
            Self::BotClicks => "bots".into(),
            Self::Cost => "cost".into(),
            Self::Conversions { event: None, statuses } => format!("conversions:{statuses}"),
            Self::Conversions { event: Some(event), statuses } => format!("conversions:{event}:{statuses}"),
            Self::Payout(statuses) => format!("payout:{statuses}"),
            Self::Revenue(statuses) => format!("revenue:{statuses}"),
            Self::Amount(statuses) => format!("amount:{statuses}"),
            Self::WithAmount(statuses) => format!("with_amount:{statuses}"),
            Self::Postbacks { outcome, reason } => {
                let words = [outcome.map(Outcome::code), reason.map(Reason::code)];
                std::iter::once("postbacks").chain(words.into_iter().flatten()).collect::<Vec<_>>().join(":")
            }
            Self::Refunds => "refunds".into(),
            Self::Chargebacks => "chargebacks".into(),
            Self::Refunded => "refunded".into(),
            Self::FailedDeliveries => "failed_deliveries".into(),
            Self::Delayed => "delayed".into(),
            Self::Customers => "customers".into(),
            Self::MedianSeconds => "median_seconds".into(),
            Self::P90Seconds => "p90_seconds".into(),
        }
    }
}

impl Standing {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Rejected, Self::Reversed, Self::Held];

    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
            Self::Held => "held",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.code() == code)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Approved => 2,
            Self::Rejected => 4,
            Self::Reversed => 8,
            Self::Held => 16,
        }
    }
}

impl Statuses {
    /// Pending and approved: what counts as a conversion.
    pub const GOOD: Self = Self(Standing::Pending.bit() | Standing::Approved.bit());

    pub const fn only(standing: Standing) -> Self {
        Self(standing.bit())
    }

    pub fn contains(self, standing: Standing) -> bool {
        self.0 & standing.bit() != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Standing> {
        Standing::ALL.into_iter().filter(move |standing| self.contains(*standing))
    }
}

impl std::fmt::Display for Statuses {
    /// `pending+approved`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codes: Vec<&str> = self.iter().map(Standing::code).collect();
        formatter.write_str(&codes.join("+"))
    }
}
