//! Deciding and carrying out: the postback, its decision, its entries and its deliveries, in one transaction.

use std::sync::Arc;

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, decide};
use proofback_domain::id::PostbackId;
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{Reading, Rejection, Stored};
use proofback_domain::program::Snapshot;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::effects::carry_out;
use super::facts::{self, Cause};
use super::known::Moment;
use super::{Store, known, log, rows};
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
        if let Some(id) = reading.click_id() {
            self.know_sealed(id).await;
        }
        let (decision, told) = self
            .write(move |connection| {
                let known = known::load(connection, &reading, &snapshot, Moment::Now)?;
                let decision = decide(&reading, &known, &snapshot, id, reading.at);
                log::insert(connection, &raw, &reading, &known, &decision, &snapshot)?;
                carry_out(connection, &decision, Cause::answer(&known, &decision))?;
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
pub fn originals_arrived(
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
    let stored = find_stored(connection, id)?;
    let stored = stored.ok_or_else(|| StoreError::Failed(format!("postback {id} waits and is not there")))?;
    if !free(connection, id)? {
        // What it waited for came with another one of the same commit.
        return Ok(());
    }
    let mut reading = Reading::again(stored, snapshot);
    if matches!(why, Again::GivenUp) {
        reading.rejection = Some(given_up());
    }
    decide_now(connection, &reading, snapshot, id, now)?;
    Ok(())
}

/// Why a postback whose click did not come is not counted.
pub fn given_up() -> Rejection {
    let message = "the click that this id names did not arrive within a day";
    Rejection::new(Reason::UnknownClickId, "click_id", message)
}

/// Decides a postback of the log from what is known now, and carries it out.
pub fn decide_now(
    connection: &Connection,
    reading: &Reading,
    snapshot: &Snapshot,
    id: PostbackId,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    let known = known::load(connection, reading, snapshot, Moment::Now)?;
    let decision = decide(reading, &known, snapshot, id, now);
    let before = facts::answer_before(connection, id)?;
    log::replace(connection, &known, &decision, snapshot)?;
    carry_out(connection, &decision, Cause::answer(&known, &decision).instead_of(before))?;
    originals_arrived(connection, &decision, snapshot)?;
    Ok(decision)
}

/// Ends the waiting of a postback: the key that it took is its own to take again. Says whether it waited for
/// something to arrive.
pub fn free(connection: &Connection, id: PostbackId) -> Result<bool, StoreError> {
    let waited = "delete from waiting where postback_id = ?1";
    let waited = connection.prepare_cached(waited)?.execute([id.to_bytes()])?;
    let keep = format!(
        "insert into freed_key (advertiser, txid, event, postback_id, taken_at, freed_at, click_id) \
         select advertiser, txid, event, postback_id, taken_at, {}, click_id from conversion_key \
         where postback_id = ?1 and conversion_id is null",
        log::PLACE
    );
    connection.prepare_cached(&keep)?.execute([id.to_bytes()])?;
    let free = "delete from conversion_key where postback_id = ?1 and conversion_id is null";
    connection.prepare_cached(free)?.execute([id.to_bytes()])?;
    Ok(waited > 0)
}

/// A postback of the log for another look; `None` for one that was never authenticated.
pub fn find_stored(connection: &Connection, id: PostbackId) -> Result<Option<Stored>, StoreError> {
    let query = "select at, advertiser, channel, fields, params from postback where id = ?1 and advertiser is not null";
    let found = connection.prepare_cached(query)?.query_row([id.to_bytes()], |row| {
        Ok(Stored {
            at: rows::time(row, 0)?,
            advertiser: rows::name(row, 1)?,
            channel: rows::channel(row, 2)?,
            fields: rows::json(row, 3)?,
            params: rows::json(row, 4)?,
        })
    });
    Ok(found.optional()?)
}
