//! How long things are kept.

use crate::time::Span;

/// How long what is only of use for a while is kept; absent: for ever. What it sums to stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Single clicks: their ids, addresses, browsers and the partners' ids for them.
    pub clicks: Option<Span>,
    /// Postbacks that changed nothing, and deliveries that have ended.
    pub log: Option<Span>,
    /// Postbacks, requests and answers word for word.
    pub bodies: Option<Span>,
}
