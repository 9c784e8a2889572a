//! Carrying out what a decision says is to be written, no more and no less.

use proofback_domain::click_id::ClickId;
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::decide::{Decision, Effects, Key, PlannedEntry, Wait};
use proofback_domain::id::ConversionId;
use proofback_domain::ledger::Account;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::entries::{self, Entry};
use super::facts::{self, Cause};
use super::{log, past, rows, signed};
use crate::error::StoreError;

/// Writes the effects of a decision; they leave no choices. What it counts for in reports is booked with them.
pub fn carry_out(connection: &Connection, decision: &Decision, cause: Cause<'_>) -> Result<(), StoreError> {
    let Effects { conversion, change, key, entries: planned, deliveries, wait, counts, subjects, once: _ } =
        &decision.effects;
    signed::remember(connection, decision)?;
    if let Some(conversion) = conversion {
        put_conversion(connection, conversion, decision)?;
    }
    if let (Some(change), Some(conversion)) = (change, conversion) {
        insert_change(connection, change, conversion)?;
    }
    if let (Some(key), Some(advertiser)) = (key, &decision.advertiser) {
        let id = if wait.is_some() { None } else { decision.conversion_id };
        take_key(connection, advertiser, key, id, decision)?;
    }
    for PlannedEntry { id, kind, rate, transfer } in planned {
        let entry = Entry {
            id: *id,
            at: decision.at,
            kind: *kind,
            transfer,
            rate,
            conversion_id: decision.conversion_id,
            postback_id: Some(decision.postback_id),
            settlement_id: None,
        };
        entries::insert(connection, &entry)?;
    }
    for delivery in deliveries {
        super::deliveries::insert(connection, delivery)?;
    }
    if let (Some(wait), Some(advertiser)) = (wait, &decision.advertiser) {
        insert_wait(connection, wait, advertiser, decision)?;
    }
    past::count(connection, counts)?;
    past::remember(connection, subjects, decision)?;
    facts::book(connection, decision, cause)
}

/// What is on an account that a settlement takes from stays open to one from its first time on, until one takes it up.
fn put_conversion(
    connection: &Connection,
    conversion: &Conversion,
    decision: &Decision,
) -> Result<(), StoreError> {
    let statement = "insert into conversion (id, at, event_at, advertiser, offer, event, partner, link, click_id, txid, \
        status, held, changed_at, money, subscription, day, counts, approve_at, payable_at, billable_at) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) \
        on conflict (id) do update set event_at = excluded.event_at, txid = excluded.txid, status = excluded.status, \
        held = excluded.held, changed_at = excluded.changed_at, money = excluded.money, \
        subscription = excluded.subscription, day = excluded.day, counts = excluded.counts, \
        approve_at = excluded.approve_at, payable_at = coalesce(conversion.payable_at, excluded.payable_at), \
        billable_at = coalesce(conversion.billable_at, excluded.billable_at)";
    let moves = |account: &Account| {
        let mut entries = decision.effects.entries.iter().map(|entry| &entry.transfer);
        entries.any(|transfer| transfer.debit == *account || transfer.credit == *account)
    };
    let payable = moves(&Account::PartnerApproved(conversion.partner.clone()));
    let billable = moves(&Account::AdvertiserDue(conversion.advertiser.clone()));
    let payable_at = conversion.payable_at().max(decision.at).millis();
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        conversion.id.to_bytes(),
        conversion.at.millis(),
        conversion.event_at.millis(),
        conversion.advertiser.as_str(),
        conversion.offer.as_str(),
        conversion.event.as_str(),
        conversion.partner.as_str(),
        conversion.link.as_str(),
        conversion.click_id.to_bytes(),
        conversion.txid,
        conversion.status.code(),
        conversion.held.map(|reason| reason.code()),
        conversion.changed_at.millis(),
        serde_json::to_string(&rows::ConversionMoney::of(conversion))?,
        conversion.subscription,
        conversion.day.number(),
        conversion.counts_in_caps(),
        conversion.approve_at.map(Timestamp::millis),
        payable.then_some(payable_at),
        billable.then_some(decision.at.millis()),
    ])?;
    Ok(())
}

fn insert_change(
    connection: &Connection,
    change: &Change,
    conversion: &Conversion,
) -> Result<(), StoreError> {
    let statement = "insert into change (id, conversion_id, postback_id, at, event, txid, named, status, amount, currency, reason, standing, after) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        change.id.to_bytes(),
        change.conversion_id.to_bytes(),
        change.postback_id.to_bytes(),
        change.at.millis(),
        change.event.as_str(),
        change.txid,
        serde_json::to_string(&change.named)?,
        change.status.code(),
        change.amount.map(|amount| amount.micros),
        change.amount.map(|amount| amount.currency.to_string()),
        change.reason.code(),
        serde_json::to_string(&(change.revenue, change.payout))?,
        serde_json::to_string(&rows::ConversionState::of(conversion))?,
    ])?;
    Ok(())
}

/// A key is taken once: a change of the conversion that has it changes nothing here, another taker is an error.
fn take_key(
    connection: &Connection,
    advertiser: &Name,
    key: &Key,
    conversion_id: Option<ConversionId>,
    decision: &Decision,
) -> Result<(), StoreError> {
    let statement = format!(
        "insert into conversion_key (advertiser, txid, event, conversion_id, postback_id, taken_at, click_id) \
         values (?1, ?2, ?3, ?4, ?5, {}, ?6) on conflict (advertiser, txid, event) \
         do update set postback_id = postback_id where conversion_id is excluded.conversion_id",
        log::PLACE
    );
    let id = conversion_id.map(|id| id.to_bytes());
    let click_id = decision.click_id.map(ClickId::to_bytes);
    let taker = decision.postback_id.to_bytes();
    let params = (advertiser.as_str(), &key.txid, key.event.as_str(), id, taker, click_id);
    match connection.prepare_cached(&statement)?.execute(params)? {
        1 => Ok(()),
        _ => Err(StoreError::Failed(format!(
            "the key {} {} of {advertiser} has another taker",
            key.event, key.txid
        ))),
    }
}

fn insert_wait(
    connection: &Connection,
    wait: &Wait,
    advertiser: &Name,
    decision: &Decision,
) -> Result<(), StoreError> {
    let (click_id, txid) = match wait {
        Wait::Click(id) => (Some(id.to_bytes()), None),
        Wait::Original { txid } => (None, Some(txid.as_str())),
    };
    let statement = "insert into waiting (postback_id, at, click_id, advertiser, original_txid) values (?1, ?2, ?3, ?4, ?5)";
    let params = (decision.postback_id.to_bytes(), decision.at.millis(), click_id, advertiser.as_str(), txid);
    connection.prepare_cached(statement)?.execute(params)?;
    Ok(())
}
