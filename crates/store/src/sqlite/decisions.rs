//! Deciding and carrying out: the postback, its decision, its entries and its deliveries, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, Effects, Wait, decide};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{Reading, Rejection};
use proofback_domain::program::Snapshot;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::Connection;

use super::{Store, known, rows};
use crate::error::StoreError;
use crate::model::RawPostback;

/// How long a postback waits for its click.
const CLICK_AWAITED: Span = Span::from_seconds(86_400);
/// Postbacks given up in one transaction.
const GIVE_UP_MAX: u32 = 500;

impl Store {
    /// Decides a postback and makes all of it durable: log, decision, entries, deliveries.
    pub async fn decide(
        &self,
        raw: RawPostback,
        reading: Reading,
        snapshot: Arc<Snapshot>,
        id: PostbackId,
    ) -> Result<Decision, StoreError> {
        let (decision, told) = self
            .write(move |connection| {
                let known = known::load(connection, &reading)?;
                let decision = decide(&reading, &known, &snapshot, id, reading.at);
                insert_postback(connection, &raw, &reading, &decision)?;
                carry_out(connection, &decision)?;
                let others = originals_arrived(connection, &decision, &snapshot)?;
                let told = others || !decision.effects.deliveries.is_empty();
                Ok((decision, told))
            })
            .await?;
        if told {
            self.inner.outbox.notify_one();
        }
        Ok(decision)
    }

    /// Ends the waiting of postbacks whose click did not come within a day; says how many.
    pub async fn give_up_waiting(&self, now: Timestamp) -> Result<usize, StoreError> {
        let Some(snapshot) = self.snapshot() else {
            return Ok(0);
        };
        self.write(move |connection| {
            let query = format!(
                "select postback_id from waiting where click_id is not null and at < ?1 order by postback_id limit {GIVE_UP_MAX}"
            );
            let late = waiting(connection, &query, [now.minus(CLICK_AWAITED).millis()])?;
            for id in &late {
                decide_again(connection, *id, &snapshot, now, Again::GivenUp)?;
            }
            Ok(late.len())
        })
        .await
    }
}

/// Decides what waited for this click; says whether deliveries may have been planned.
pub fn click_arrived(
    connection: &Connection,
    click_id: ClickId,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let query = "select postback_id from waiting where click_id = ?1 order by rowid";
    let found = waiting(connection, query, [click_id.to_bytes()])?;
    for id in &found {
        decide_again(connection, *id, snapshot, now, Again::Arrived)?;
    }
    Ok(!found.is_empty())
}

/// Decides the reversals that overtook the conversion which has just been recorded; says whether there were any.
fn originals_arrived(
    connection: &Connection,
    decision: &Decision,
    snapshot: &Snapshot,
) -> Result<bool, StoreError> {
    let (Some(key), Some(advertiser), None) =
        (&decision.effects.key, &decision.advertiser, &decision.effects.wait)
    else {
        return Ok(false);
    };
    let query = "select postback_id from waiting where advertiser = ?1 and original_txid = ?2 order by rowid";
    let found = waiting(connection, query, (advertiser.as_str(), key.txid.as_str()))?;
    for id in &found {
        decide_again(connection, *id, snapshot, decision.at, Again::Arrived)?;
    }
    Ok(!found.is_empty())
}

fn waiting(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<PostbackId>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let ids = statement.query_map(params, |row| rows::id(row, 0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

#[derive(Clone, Copy)]
enum Again {
    Arrived,
    GivenUp,
}

/// The second decision on a postback that waited.
fn decide_again(
    connection: &Connection,
    id: PostbackId,
    snapshot: &Snapshot,
    now: Timestamp,
    why: Again,
) -> Result<(), StoreError> {
    let query = "select at, advertiser, fields from postback where id = ?1";
    let (at, advertiser, fields): (Timestamp, Name, BTreeMap<String, String>) =
        connection.prepare_cached(query)?.query_row([id.to_bytes()], |row| {
            Ok((rows::time(row, 0)?, rows::name(row, 1)?, rows::json(row, 2)?))
        })?;
    let waited =
        connection.prepare_cached("delete from waiting where postback_id = ?1")?.execute([id.to_bytes()])?;
    if waited == 0 {
        // What it waited for came with another one of the same commit.
        return Ok(());
    }
    // The key that it took while it waited is its own to take again.
    let free = "delete from conversion_key where postback_id = ?1 and conversion_id is null";
    connection.prepare_cached(free)?.execute([id.to_bytes()])?;
    let mut reading = Reading::again(at, advertiser, fields, snapshot);
    if matches!(why, Again::GivenUp) {
        let message = "the click that this id names did not arrive within a day";
        reading.rejection = Some(Rejection::new(Reason::UnknownClickId, "click_id", message));
    }
    let known = known::load(connection, &reading)?;
    let decision = decide(&reading, &known, snapshot, id, now);
    keep_earlier_decision(connection, id)?;
    update_decision(connection, &decision)?;
    carry_out(connection, &decision)?;
    originals_arrived(connection, &decision, snapshot)?;
    Ok(())
}

fn insert_postback(
    connection: &Connection,
    raw: &RawPostback,
    reading: &Reading,
    decision: &Decision,
) -> Result<(), StoreError> {
    let likely = match decision.likely {
        Some(prefix) => known::find_click_like(connection, prefix)?.map(|click| click.id.to_bytes()),
        None => None,
    };
    let statement = "insert into postback (id, at, method, path, ip, params, fields, advertiser, click_id, likely, \
        outcome, reason, message, field, advice, checks, conversion_id, status, decided_at, revision) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        decision.postback_id.to_bytes(),
        reading.at.millis(),
        raw.method,
        raw.path,
        raw.ip,
        serde_json::to_string(&raw.params)?,
        serde_json::to_string(&reading.fields)?,
        decision.advertiser.as_ref().map(Name::as_str),
        decision.click_id.map(ClickId::to_bytes),
        likely,
        decision.outcome.code(),
        decision.reason.code(),
        decision.message,
        decision.field,
        decision.advice,
        serde_json::to_string(&decision.checks)?,
        decision.conversion_id.map(|id| id.to_bytes()),
        decision.status.map(|status| status.code()),
        decision.at.millis(),
        decision.revision,
    ])?;
    Ok(())
}

fn keep_earlier_decision(connection: &Connection, id: PostbackId) -> Result<(), StoreError> {
    let statement = "insert into earlier_decision (postback_id, number, decided_at, outcome, reason, message, checks, revision) \
        select id, (select count(*) from earlier_decision where postback_id = ?1), decided_at, outcome, reason, message, checks, revision \
        from postback where id = ?1";
    connection.prepare_cached(statement)?.execute([id.to_bytes()])?;
    Ok(())
}

fn update_decision(connection: &Connection, decision: &Decision) -> Result<(), StoreError> {
    let statement = "update postback set outcome = ?2, reason = ?3, message = ?4, field = ?5, advice = ?6, checks = ?7, \
        conversion_id = ?8, status = ?9, decided_at = ?10, revision = ?11 where id = ?1";
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        decision.postback_id.to_bytes(),
        decision.outcome.code(),
        decision.reason.code(),
        decision.message,
        decision.field,
        decision.advice,
        serde_json::to_string(&decision.checks)?,
        decision.conversion_id.map(|id| id.to_bytes()),
        decision.status.map(|status| status.code()),
        decision.at.millis(),
        decision.revision,
    ])?;
    Ok(())
}

/// Writes the effects of a decision; they leave no choices.
fn carry_out(connection: &Connection, decision: &Decision) -> Result<(), StoreError> {
    let Effects { conversion, change, key, entries, deliveries, wait } = &decision.effects;
    if let Some(conversion) = conversion {
        put_conversion(connection, conversion)?;
    }
    if let Some(change) = change {
        insert_change(connection, change)?;
    }
    if let (Some(key), Some(advertiser)) = (key, &decision.advertiser) {
        let id = if wait.is_some() { None } else { decision.conversion_id };
        take_key(connection, advertiser, key, id, decision.postback_id)?;
    }
    for entry in entries {
        insert_entry(connection, entry, decision)?;
    }
    for delivery in deliveries {
        super::deliveries::insert(connection, delivery, decision)?;
    }
    if let (Some(wait), Some(advertiser)) = (wait, &decision.advertiser) {
        insert_wait(connection, wait, advertiser, decision)?;
    }
    Ok(())
}

fn put_conversion(
    connection: &Connection,
    conversion: &proofback_domain::conversion::Conversion,
) -> Result<(), StoreError> {
    let statement = "insert into conversion (id, at, event_at, advertiser, offer, event, partner, link, click_id, txid, \
        status, held, changed_at, money) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
        on conflict (id) do update set status = excluded.status, held = excluded.held, changed_at = excluded.changed_at, \
        money = excluded.money";
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
    ])?;
    Ok(())
}

fn insert_change(
    connection: &Connection,
    change: &proofback_domain::conversion::Change,
) -> Result<(), StoreError> {
    let statement = "insert into change (id, conversion_id, postback_id, at, event, txid, named, status, amount, currency, reason, standing) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
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
    ])?;
    Ok(())
}

/// A key is taken once: a change of the conversion that has it changes nothing here, another taker is an error.
fn take_key(
    connection: &Connection,
    advertiser: &Name,
    key: &proofback_domain::decide::Key,
    conversion_id: Option<proofback_domain::id::ConversionId>,
    postback_id: PostbackId,
) -> Result<(), StoreError> {
    let statement = "insert into conversion_key (advertiser, txid, event, conversion_id, postback_id) \
        values (?1, ?2, ?3, ?4, ?5) \
        on conflict (advertiser, txid, event) do update set postback_id = postback_id where conversion_id is excluded.conversion_id";
    let id = conversion_id.map(|id| id.to_bytes());
    let params = (advertiser.as_str(), &key.txid, key.event.as_str(), id, postback_id.to_bytes());
    match connection.prepare_cached(statement)?.execute(params)? {
        1 => Ok(()),
        _ => Err(StoreError::Failed(format!(
            "the key {} {} of {advertiser} has another taker",
            key.event, key.txid
        ))),
    }
}

fn insert_entry(
    connection: &Connection,
    entry: &proofback_domain::decide::PlannedEntry,
    decision: &Decision,
) -> Result<(), StoreError> {
    let statement = "insert into entry (id, at, debit, credit, amount, currency, conversion_id, postback_id, reason) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let transfer = &entry.transfer;
    connection.prepare_cached(statement)?.execute((
        entry.id.to_bytes(),
        decision.at.millis(),
        transfer.debit.to_string(),
        transfer.credit.to_string(),
        transfer.amount.micros,
        transfer.amount.currency.code(),
        decision.conversion_id.map(|id| id.to_bytes()),
        decision.postback_id.to_bytes(),
        &transfer.reason,
    ))?;
    Ok(())
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
