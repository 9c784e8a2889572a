//! What people do with targets and what waits for them: pause, resume, test, make again, leave.

use proofback_domain::delivery::{DeliveryState, Pause};
use proofback_domain::id::DeliveryId;
use proofback_domain::name::Name;
use proofback_domain::program::RateLimit;
use proofback_domain::tell::PlannedDelivery;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::audit::{self, Deed};
use super::deliveries::{BEHIND, DELIVERY, condition, delivery, let_go};
use super::{Store, deliveries, facts, health, rows, trace};
use crate::error::StoreError;
use crate::model::{AttemptRow, Backlog, DeliveryRow, TargetHealth};
use crate::page::DeliveryFilter;

/// Deliveries that are moved by one transaction: other writes come between.
const STEP: u32 = 5_000;

/// Who does something, and why.
#[derive(Debug, Clone)]
pub struct Doer {
    pub actor: String,
    pub reason: String,
}

impl Store {
    /// How a target is doing.
    pub async fn target_health(&self, target: Name) -> Result<TargetHealth, StoreError> {
        self.read(move |connection| health::find(connection, &target)).await
    }

    /// What waits for a target.
    pub async fn backlog(&self, target: Name, now: Timestamp) -> Result<Backlog, StoreError> {
        self.read(move |connection| backlog(connection, &target, now)).await
    }

    /// How targets are doing and what waits for each, in the order in which they are asked for.
    pub async fn target_states(
        &self,
        targets: Vec<Name>,
        now: Timestamp,
    ) -> Result<Vec<(TargetHealth, Backlog)>, StoreError> {
        self.read(move |connection| {
            let state = |target| Ok((health::find(connection, target)?, backlog(connection, target, now)?));
            targets.iter().map(state).collect()
        })
        .await
    }

    /// Ends sending to a target; what is planned for it waits. Says whether it was not paused before.
    pub async fn pause_target(
        &self,
        target: Name,
        why: Pause,
        doer: Doer,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let known = health::find(connection, &target)?;
            if known.health.paused.is_some() {
                return Ok(false);
            }
            let mut next = known;
            next.health.paused = Some(why);
            next.paused_at = Some(now);
            next.paused_by.clone_from(&doer.actor);
            next.paused_why.clone_from(&doer.reason);
            health::write(connection, &target, &next)?;
            note(connection, "target.pause", target.as_str(), &doer, now)?;
            Ok(true)
        })
        .await
    }

    /// Sends to a target again. What is due of its backlog goes out at `rate`, newest conversion first; it is put in
    /// that order before the first request leaves. Says whether it was paused.
    pub async fn resume_target(
        &self,
        target: Name,
        rate: RateLimit,
        doer: Doer,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.spread(target.clone(), rate, now).await?;
        let resumed = self
            .write(move |connection| {
                let known = health::find(connection, &target)?;
                if known.health.paused.is_none() && known.health.unanswered == 0 {
                    return Ok(false);
                }
                let next = TargetHealth { health: known.health.resumed(now), ..known };
                health::write(connection, &target, &next)?;
                note(connection, "target.resume", target.as_str(), &doer, now)?;
                Ok(true)
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(resumed)
    }

    /// Plans a test delivery, which goes out even to a target that is paused or was never tested.
    pub async fn test_target(
        &self,
        planned: PlannedDelivery,
        doer: Doer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            deliveries::insert(connection, &planned)?;
            note(connection, "target.test", planned.target.as_str(), &doer, now)
        })
        .await?;
        self.inner.outbox.notify_one();
        Ok(())
    }

    /// Gives what is due for a target a time each, one after the other at `rate`, newest subject first. A backlog that
    /// the rate takes at once is left as it is.
    pub async fn spread(&self, target: Name, rate: RateLimit, now: Timestamp) -> Result<u32, StoreError> {
        let (mut place, mut after) = (0, None);
        loop {
            let target = target.clone();
            let step = move |connection: &Connection| spread(connection, &target, rate, now, place, after);
            let (moved, last) = self.write(step).await?;
            place += moved;
            if moved < STEP {
                return Ok(place);
            }
            after = last;
        }
    }

    /// Makes deliveries again: those that failed, and those that wait for their next try, now. Says how many.
    pub async fn retry_deliveries(
        &self,
        filter: DeliveryFilter,
        doer: Doer,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.in_steps("delivery.retry", filter, doer, now, retry).await
    }

    /// Gives up deliveries that wait. Says how many.
    pub async fn skip_deliveries(
        &self,
        filter: DeliveryFilter,
        doer: Doer,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.in_steps("delivery.skip", filter, doer, now, skip).await
    }

    /// How many deliveries a filter finds.
    pub async fn count_deliveries(&self, filter: DeliveryFilter) -> Result<u32, StoreError> {
        self.read(move |connection| {
            let (condition, params) = condition(&filter);
            let query = format!("select count(*) from delivery where {condition}");
            let mut statement = connection.prepare_cached(&query)?;
            Ok(statement.query_row(rusqlite::params_from_iter(params), |row| row.get(0))?)
        })
        .await
    }

    /// The targets of the deliveries that a filter finds.
    pub async fn targets_of_deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Name>, StoreError> {
        self.read(move |connection| {
            let (condition, params) = condition(&filter);
            let query = format!("select distinct target from delivery where {condition} order by target");
            let mut statement = connection.prepare_cached(&query)?;
            let targets =
                statement.query_map(rusqlite::params_from_iter(params), |row| rows::name(row, 0))?;
            Ok(targets.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Makes one delivery again, whatever became of it: with the same id, so that a receiver knows it. `None` where
    /// there is none.
    pub async fn retry_delivery(
        &self,
        id: DeliveryId,
        doer: Doer,
        now: Timestamp,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let row = self
            .write(move |connection| {
                let Some(found) = find(connection, id)? else {
                    return Ok(None);
                };
                retry(connection, found.number, now)?;
                note(connection, "delivery.retry", &id.to_string(), &doer, now)?;
                find(connection, id)
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(row)
    }

    /// A delivery with its attempts.
    pub async fn delivery(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRow, Vec<AttemptRow>)>, StoreError> {
        self.read(move |connection| match find(connection, id)? {
            Some(row) => Ok(Some((row, trace::attempts(connection, id)?))),
            None => Ok(None),
        })
        .await
    }

    async fn in_steps(
        &self,
        action: &'static str,
        filter: DeliveryFilter,
        doer: Doer,
        now: Timestamp,
        change: fn(&Connection, i64, Timestamp) -> Result<bool, StoreError>,
    ) -> Result<u32, StoreError> {
        let (mut changed, mut before) = (0, i64::MAX);
        loop {
            let (filter, doer) = (filter.clone(), doer.clone());
            let (looked_at, last, done) = self
                .write(move |connection| {
                    let numbers = numbers(connection, &filter, before)?;
                    let mut done = 0;
                    for number in &numbers {
                        done += u32::from(change(connection, *number, now)?);
                    }
                    if done > 0 {
                        let subject = filter.target.as_ref().map_or("", Name::as_str);
                        note(connection, action, subject, &doer, now)?;
                    }
                    Ok((numbers.len(), numbers.last().copied(), done))
                })
                .await?;
            changed += done;
            before = last.unwrap_or(0);
            if looked_at < STEP as usize {
                self.inner.outbox.notify_one();
                return Ok(changed);
            }
        }
    }
}

fn note(
    connection: &Connection,
    action: &str,
    subject: &str,
    doer: &Doer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Doer { actor, reason } = doer;
    audit::record(connection, &Deed { at, actor, action, subject, reason })
}

fn backlog(connection: &Connection, target: &Name, now: Timestamp) -> Result<Backlog, StoreError> {
    let query = "select count(*), coalesce(sum(next_at <= ?2), 0), min(first_at) from delivery \
        where target = ?1 and state = 'pending'";
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_row((target.as_str(), now.millis()), |row| {
        Ok(Backlog { pending: row.get(0)?, due: row.get(1)?, oldest: rows::optional_time(row, 2)? })
    })?)
}

fn find(connection: &Connection, id: DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
    let query = format!("select {DELIVERY} from delivery where id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], delivery).optional()?)
}

/// Newest first.
fn numbers(connection: &Connection, filter: &DeliveryFilter, before: i64) -> Result<Vec<i64>, StoreError> {
    let (condition, mut params) = condition(filter);
    params.push(Box::new(before));
    let query = format!(
        "select number from delivery where {condition} and number < ?{} order by number desc limit {STEP}",
        params.len()
    );
    let mut statement = connection.prepare_cached(&query)?;
    let numbers = statement.query_map(rusqlite::params_from_iter(params), |row| row.get(0))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}

/// What is under way stays so; what was withheld stays withheld.
fn retry(connection: &Connection, number: i64, now: Timestamp) -> Result<bool, StoreError> {
    let statement = format!(
        "update delivery set state = 'pending', first_at = ?2, next_at = case when exists ( \
            select 1 from delivery as earlier where earlier.subject = delivery.subject and earlier.target = delivery.target \
                and earlier.number < delivery.number and earlier.state = 'pending') then {BEHIND} else ?2 end \
         where number = ?1 and state <> 'withheld' and not (state = 'pending' and (lease_until > ?2 or next_at = {BEHIND}))"
    );
    let query = "select id from delivery where number = ?1 and state = 'failed'";
    let failed: Option<[u8; 16]> =
        connection.prepare_cached(query)?.query_row([number], |row| row.get(0)).optional()?;
    let again = connection.prepare_cached(&statement)?.execute((number, now.millis()))? == 1;
    if let Some(id) = failed.filter(|_| again) {
        facts::delivery_failed(connection, id, now, -1)?;
    }
    Ok(again)
}

fn skip(connection: &Connection, number: i64, now: Timestamp) -> Result<bool, StoreError> {
    let statement = "update delivery set state = ?3, last_error = 'skipped', next_at = ?2 \
        where number = ?1 and state = 'pending' and lease_until <= ?2 returning subject, target, id";
    let mut statement = connection.prepare_cached(statement)?;
    let row = (number, now.millis(), DeliveryState::Failed.code());
    let skipped = statement.query_row(row, |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?, row.get::<_, [u8; 16]>(2)?))
    });
    let Some((subject, target, id)) = skipped.optional()? else {
        return Ok(false);
    };
    facts::delivery_failed(connection, id, now, 1)?;
    let_go(connection, &subject, &target)?;
    Ok(true)
}

/// The place in the order and the last subject of one step.
type Spread = (u32, Option<[u8; 16]>);

fn spread(
    connection: &Connection,
    target: &Name,
    rate: RateLimit,
    now: Timestamp,
    place: u32,
    after: Option<[u8; 16]>,
) -> Result<Spread, StoreError> {
    let query = format!(
        "select number, subject from delivery where target = ?1 and state = 'pending' and subject < ?2 and next_at <= ?3 \
         order by subject desc limit {STEP}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let below = after.unwrap_or([0xff; 16]);
    let due =
        statement.query_map((target.as_str(), below, now.millis()), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let due = due.collect::<Result<Vec<(i64, [u8; 16])>, _>>()?;
    let count = u32::try_from(due.len()).unwrap_or(u32::MAX);
    if after.is_none() && count <= rate.burst {
        return Ok((0, None));
    }
    let mut update = connection.prepare_cached("update delivery set next_at = ?2 where number = ?1")?;
    for ((number, _), place) in due.iter().zip(place..) {
        let wait = rate.per.millis().saturating_mul(place.into()) / u64::from(rate.count.max(1));
        // Not due before it is its turn, and after what is new: that goes out as it comes.
        update.execute((number, now.plus(Span::from_millis(wait.max(1))).millis()))?;
    }
    Ok((count, due.last().map(|(_, subject)| *subject)))
}
