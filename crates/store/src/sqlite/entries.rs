//! Writing the journal: the only place that adds to it.

use proofback_domain::id::{ConversionId, EntryId, PostbackId, SettlementId};
use proofback_domain::ledger::{Kind, Transfer};
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use crate::error::StoreError;

/// An entry with all that it is about.
pub struct Entry<'a> {
    pub id: EntryId,
    pub at: Timestamp,
    pub kind: Kind,
    pub transfer: &'a Transfer,
    /// The exchange rate that went into the amount; empty where none did.
    pub rate: &'a str,
    pub conversion_id: Option<ConversionId>,
    pub postback_id: Option<PostbackId>,
    pub settlement_id: Option<SettlementId>,
}

/// An entry belongs to the open period: what is decided about a closed one is booked at its end.
pub fn insert(connection: &Connection, entry: &Entry<'_>) -> Result<(), StoreError> {
    let statement = "insert into entry (id, at, debit, credit, amount, currency, conversion_id, postback_id, reason, kind, \
        rate, settlement_id) \
        values (?1, max(?2, coalesce((select max(until_ms) from period_close), 0)), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let transfer = entry.transfer;
    connection.prepare_cached(statement)?.execute((
        entry.id.to_bytes(),
        entry.at.millis(),
        transfer.debit.to_string(),
        transfer.credit.to_string(),
        transfer.amount.micros,
        transfer.amount.currency.code(),
        entry.conversion_id.map(|id| id.to_bytes()),
        entry.postback_id.map(|id| id.to_bytes()),
        &transfer.reason,
        entry.kind.code(),
        entry.rate,
        entry.settlement_id.map(|id| id.to_bytes()),
    ))?;
    Ok(())
}
