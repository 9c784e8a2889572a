//! What a reconciliation proposes, in the form in which `imports` takes it.

use proofback_domain::columns::PROPOSED;
use proofback_domain::outcome::Status;
use proofback_domain::program::Advertiser;
use proofback_domain::reconcile::{Action, Group, Row};
use proofback_domain::time::Timestamp;
use proofback_sheets::{Cell, Column, Kind};

/// The fields that a proposed postback may have, in the order of their columns.
const FIELDS: [&str; 8] =
    ["click_id", "txid", "event_type", "status", "amount", "revenue", "currency", "timestamp"];

/// For whom and when it is proposed.
#[derive(Clone, Copy)]
pub struct Proposal<'a> {
    pub advertiser: &'a Advertiser,
    pub now: Timestamp,
}

pub fn columns() -> impl Iterator<Item = Column> {
    let kind = |field: &str| match field {
        "amount" | "revenue" => Kind::Amount,
        "timestamp" => Kind::Time,
        _ => Kind::Text,
    };
    FIELDS.into_iter().map(move |field| Column { name: format!("{PROPOSED}{field}"), kind: kind(field) })
}

impl Proposal<'_> {
    /// A cell for each of [`columns`]; empty where nothing is proposed.
    pub fn cells(self, row: &Row) -> Vec<Cell> {
        FIELDS.into_iter().map(|field| self.cell(row, field)).collect()
    }

    fn cell(self, row: &Row, field: &'static str) -> Cell {
        let Action::Postback { fields, .. } = &row.action else {
            return Cell::Empty;
        };
        let said = fields.get(field);
        match (field, said) {
            ("amount" | "revenue", Some(amount)) => Cell::Amount(amount.clone()),
            ("timestamp", Some(time)) => Cell::Time(time.clone()),
            // What is said of a known conversion is said now: it counts although something was said before.
            ("timestamp", None) if row.group != Group::MissingHere => Cell::Time(self.now.iso()),
            ("event_type", Some(event)) => {
                Cell::Text(self.advertiser.word_of_event(event).unwrap_or_else(|| event.clone()))
            }
            ("status", Some(code)) => {
                let word = Status::parse(code).and_then(|status| self.advertiser.word_of_status(status));
                Cell::Text(word.unwrap_or_else(|| code.clone()))
            }
            (_, Some(text)) => Cell::Text(text.clone()),
            (_, None) => Cell::Empty,
        }
    }
}
