//! The words of postbacks: which names our fields come under, and what a sender's words for events and statuses mean.

use super::{Advertiser, PostbackRules};
use crate::outcome::Status;

/// The fields of a postback that a program may rename, in the order in which they are explained.
pub const FIELDS: [&str; 14] = [
    "click_id",
    "txid",
    "original_txid",
    "subscription_id",
    "event_type",
    "status",
    "amount",
    "revenue",
    "payout",
    "currency",
    "timestamp",
    "ip",
    "country",
    "device",
];

/// The names under which a field is looked for where the program gives no other.
pub fn default_names(field: &str) -> &'static [&'static str] {
    match field {
        "click_id" => &["click_id"],
        "txid" => &["txid", "transaction_id", "event_id"],
        "original_txid" => &["original_txid"],
        "subscription_id" => &["subscription_id", "subscription"],
        "event_type" => &["event_type", "event", "goal"],
        "status" => &["status"],
        "amount" => &["amount", "sale_amount"],
        "revenue" => &["revenue"],
        "payout" => &["payout"],
        "currency" => &["currency"],
        "timestamp" => &["timestamp"],
        "ip" => &["ip"],
        "country" => &["country", "geo"],
        "device" => &["device"],
        "token" => &["token"],
        _ => &[],
    }
}

impl PostbackRules {
    /// Their word for an event in ours.
    pub fn event(&self, word: &str) -> String {
        let mapped = self.events.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word));
        mapped.map_or_else(|| word.to_ascii_lowercase(), |(_, ours)| ours.to_string())
    }

    /// The status that a word of this sender means.
    pub fn status(&self, word: &str) -> Option<Status> {
        let mapped = self.statuses.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word));
        mapped.map(|(_, ours)| *ours).or_else(|| Status::parse(word))
    }
}

impl Advertiser {
    /// A word that [`PostbackRules::event`] understands as this event: ours where it means itself. `None` where this
    /// advertiser has no word for it.
    pub fn word_of_event(&self, event: &str) -> Option<String> {
        let own = self.postback.events.keys().map(String::as_str);
        let mut words = std::iter::once(event).chain(own);
        words.find(|word| self.postback.event(word) == event).map(str::to_owned)
    }

    /// Likewise for a status.
    pub fn word_of_status(&self, status: Status) -> Option<String> {
        let own = self.postback.statuses.keys().map(String::as_str);
        let mut words = std::iter::once(status.code()).chain(own);
        words.find(|word| self.postback.status(word) == Some(status)).map(str::to_owned)
    }
}
