//! What was agreed for one conversion when it was first decided. It stays with the conversion: later changes of its
//! status or amount are booked by it, whatever the program says by then.

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::program::Price;
use crate::time::Span;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The terms it comes from, as people find them in the program, and the tier that was reached.
    pub by: String,
    /// Absent: a traffic source without terms of its own earns nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Price>,
    /// Absent: what the postback names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_amount: Option<Money>,
    /// Not paid out earlier than so long after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// The volume that the partner had reached before, where there are tiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u64>,
}
