//! The outbox: planned with what is told, claimed by lease, recorded attempt by attempt.
//!
//! A delivery behind an earlier one of its subject is never due; the earlier one lets it go when it ends. So what is
//! due is the beginning of an index, however much waits.

use proofback_domain::delivery::{Allowance, AttemptOutcome, DeliveryState, HealthPolicy};
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::tell::PlannedDelivery;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::health::{self, Noted};
use super::{Store, facts, rows};
use crate::error::StoreError;
use crate::model::{AttemptRecord, ClaimedDelivery, DeliveryRow, Recorded};
use crate::page::{Cursor, DeliveryFilter, Page, PageRequest};

/// When a delivery is due that waits for an earlier one.
pub const BEHIND: i64 = i64::MAX;

impl Store {
    /// The targets that have something to send now and may be called.
    pub async fn due_targets(&self, now: Timestamp) -> Result<Vec<Name>, StoreError> {
        let due = self
            .read(move |connection| {
                let query = format!(
                    "{TARGETS} select target, coalesce(tested_as, ''), \
                     exists (select 1 from delivery where trial = 1 and state = 'pending' \
                        and delivery.target = one.target and next_at <= ?1) as tried \
                     from one left join target_health using (target) where target is not null \
                     and (tried or paused is null and coalesce(open_until, 0) <= ?1 and \
                        (select min(next_at) from delivery where state = 'pending' and delivery.target = one.target) <= ?1)"
                );
                let mut statement = connection.prepare_cached(&query)?;
                let targets = statement.query_map([now.millis()], |row| {
                    Ok((rows::name(row, 0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
                })?;
                Ok(targets.collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        // One that was never tested as it is now gets trials alone.
        let is_off = |target: &Name, tested: &str| {
            self.definition_to_test(target).is_some_and(|definition| definition != tested)
        };
        let callable = due.into_iter().filter(|(target, tested, tried)| *tried || !is_off(target, tested));
        Ok(callable.map(|(target, _, _)| target).collect())
    }

    /// When there is something to do next, of what there is nothing to do about yet.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            // What is due already waits for its target alone.
            let query = format!(
                "{TARGETS} select min(case when coalesce(open_until, 0) <= ?1 then \
                    (select min(next_at) from delivery where state = 'pending' and delivery.target = one.target and next_at > ?1) \
                 else max(open_until, (select min(next_at) from delivery where state = 'pending' and delivery.target = one.target)) end) \
                 from one left join target_health using (target) where target is not null and paused is null"
            );
            let next: Option<i64> = connection.prepare_cached(&query)?.query_row([now.millis()], |row| row.get(0))?;
            Ok(next.filter(|next| *next < BEHIND).map(Timestamp::from_millis))
        })
        .await
    }

    /// Leases up to `limit` due deliveries of a target while `running` of it are under way: none while it is left
    /// alone, one while it is tried whether it is back.
    ///
    /// The lease is durable before this answers, so what is sent was claimed.
    pub async fn claim(
        &self,
        target: Name,
        now: Timestamp,
        lease: Span,
        limit: u32,
        running: usize,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let definition = self.definition_to_test(&target);
        self.write(move |connection| {
            let known = health::find(connection, &target)?;
            let is_off = definition.is_some_and(|definition| definition != known.tested_as);
            let (limit, which) = match known.health.allows(&HealthPolicy::default(), now) {
                _ if is_off => (limit, TRIALS),
                Allowance::None => (limit, TRIALS),
                Allowance::Probe if running > 0 => return Ok(Vec::new()),
                Allowance::Probe => (limit.min(1), ANY),
                Allowance::All => (limit, ANY),
            };
            let query = format!(
                "update delivery set lease_until = ?3, next_at = ?3 where number in ( \
                 select number from delivery where state = 'pending' and target = ?1 and next_at <= ?2 {which} limit ?4) \
                 returning id, first_at, target, \"values\", attempts, lease_until, happening, at, trial, number"
            );
            let until = now.plus(lease);
            let mut statement = connection.prepare_cached(&query)?;
            let claimed = statement
                .query_map((target.as_str(), now.millis(), until.millis(), limit), |row| {
                    Ok((row.get::<_, i64>(9)?, claimed(row)?))
                })?;
            let mut claimed = claimed.collect::<Result<Vec<_>, _>>()?;
            claimed.sort_by_key(|(number, _)| *number);
            let since = known.health.resumed_at.unwrap_or(Timestamp::EPOCH);
            let counted = claimed.into_iter().map(|(_, delivery)| {
                let first_at = delivery.first_at.max(since);
                ClaimedDelivery { first_at, ..delivery }
            });
            Ok(counted.collect())
        })
        .await
    }

    /// What a target must have been tested as; `None` where it needs no test.
    fn definition_to_test(&self, target: &Name) -> Option<String> {
        let snapshot = self.snapshot()?;
        let target = snapshot.program.targets.get(target)?;
        target.needs_test().then(|| target.definition())
    }

    /// Records an attempt and what follows from it: for the delivery if its lease still holds, for its target, and for
    /// those who are told of it.
    pub async fn record_attempt(&self, attempt: AttemptRecord) -> Result<Recorded, StoreError> {
        let snapshot = self.snapshot();
        let recorded =
            self.write(move |connection| record(connection, &attempt, snapshot.as_deref())).await?;
        if recorded.more_due {
            self.inner.outbox.notify_one();
        }
        Ok(recorded)
    }

    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryRow>, StoreError> {
        self.read(move |connection| {
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let (condition, mut params) = condition(&filter);
            params.push(Box::new(before));
            params.push(Box::new(page.limit + 1));
            let last = params.len();
            let query = format!(
                "select {DELIVERY} from delivery where {condition} and number < ?{} order by number desc limit ?{last}",
                last - 1
            );
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map(rusqlite::params_from_iter(params), delivery)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor::from_number(row.number)))
        })
        .await
    }

    /// How many deliveries stand where.
    pub async fn delivery_counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("select state, count(*) from delivery group by state")?;
            let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(counts.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// What is taken of a target that is called, and of one that is not.
const ANY: &str = "order by next_at, number";
const TRIALS: &str = "and trial = 1";

/// Goes from target to target, and not over what each has pending.
const TARGETS: &str = "with recursive one (target) as ( \
    select min(target) from delivery where state = 'pending' \
    union all \
    select (select min(target) from delivery where state = 'pending' and target > one.target) \
    from one where one.target is not null)";

pub const DELIVERY: &str = "number, id, at, target, partner, conversion_id, postback_id, happening, state, attempts, next_at, last_error, click_id, first_at";

pub fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let state = row.get_ref(8)?.as_str()?;
    Ok(DeliveryRow {
        number: row.get(0)?,
        id: rows::id(row, 1)?,
        at: rows::time(row, 2)?,
        target: rows::name(row, 3)?,
        partner: rows::optional_name(row, 4)?,
        conversion_id: rows::optional_id(row, 5)?,
        postback_id: rows::optional_id(row, 6)?,
        happening: row.get(7)?,
        state: DeliveryState::parse(state).unwrap_or(DeliveryState::Failed),
        attempts: row.get(9)?,
        next_at: rows::time(row, 10)?,
        last_error: row.get(11)?,
        click_id: rows::optional_click_id(row, 12)?,
        first_at: rows::time(row, 13)?,
    })
}

fn claimed(row: &Row<'_>) -> rusqlite::Result<ClaimedDelivery> {
    let attempts: u32 = row.get(4)?;
    Ok(ClaimedDelivery {
        id: rows::id(row, 0)?,
        first_at: rows::time(row, 1)?,
        target: rows::name(row, 2)?,
        values: rows::json(row, 3)?,
        attempt: attempts + 1,
        lease_until: rows::time(row, 5)?,
        happening: rows::happening(row, 6)?,
        at: rows::time(row, 7)?,
        trial: row.get(8)?,
    })
}

/// The conditions of a filter with their parameters, from `?1` on.
pub fn condition(filter: &DeliveryFilter) -> (String, Vec<Box<dyn rusqlite::ToSql>>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut params: Vec<Box<dyn rusqlite::ToSql>> = Vec::new();
    let mut ask = |column: &str, value: Option<Box<dyn rusqlite::ToSql>>| {
        if let Some(value) = value {
            params.push(value);
            conditions.push(column.replace('?', &format!("?{}", params.len())));
        }
    };
    fn boxed<T: rusqlite::ToSql + 'static>(value: T) -> Box<dyn rusqlite::ToSql> {
        Box::new(value)
    }
    let name = |name: &Option<Name>| name.as_ref().map(|name| boxed(name.to_string()));
    ask("state = ?", filter.state.map(|state| boxed(state.code())));
    ask("target = ?", name(&filter.target));
    let among = filter.among.as_ref().map(|names| boxed(serde_json::json!(names).to_string()));
    ask("target in (select value from json_each(?))", among);
    ask("partner = ?", name(&filter.partner));
    ask("subject = ?", filter.conversion_id.map(|id| boxed(id.to_bytes())));
    ask("happening = ?", filter.happening.map(|happening| boxed(happening.code())));
    ask("(last_error = ? or last_error like ? || ':%')", filter.error.clone().map(boxed));
    ask("at >= ?", filter.from.map(|from| boxed(from.millis())));
    ask("at < ?", filter.until.map(|until| boxed(until.millis())));
    (conditions.join(" and "), params)
}

/// A repeated plan has the same ids and adds nothing.
pub fn insert(connection: &Connection, planned: &PlannedDelivery) -> Result<(), StoreError> {
    let PlannedDelivery { id, at, due_at, target, happening, about, withheld, trial, values } = planned;
    let subject = about.conversion_id.map_or_else(|| id.to_bytes(), |id| id.to_bytes());
    let first = about.conversion_id.is_none() || !is_pending(connection, &subject, target.as_str())?;
    let next_at = if first { due_at.millis() } else { BEHIND };
    let state = if *withheld { DeliveryState::Withheld } else { DeliveryState::Pending };
    let statement = "insert into delivery (id, at, target, partner, subject, click_id, conversion_id, postback_id, happening, \
        \"values\", state, attempts, first_at, next_at, lease_until, trial) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?13, 0, ?14) on conflict (id) do nothing";
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        id.to_bytes(),
        at.millis(),
        target.as_str(),
        about.partner.as_ref().map(Name::as_str),
        subject,
        about.click_id.map(|id| id.to_bytes()),
        about.conversion_id.map(|id| id.to_bytes()),
        about.postback_id.map(|id| id.to_bytes()),
        happening.code(),
        serde_json::to_string(values)?,
        state.code(),
        due_at.millis(),
        next_at,
        trial,
    ])?;
    Ok(())
}

fn is_pending(connection: &Connection, subject: &[u8; 16], target: &str) -> Result<bool, StoreError> {
    let query =
        "select exists (select 1 from delivery where subject = ?1 and target = ?2 and state = 'pending')";
    Ok(connection.prepare_cached(query)?.query_row((subject, target), |row| row.get(0))?)
}

fn record(
    connection: &Connection,
    attempt: &AttemptRecord,
    snapshot: Option<&Snapshot>,
) -> Result<Recorded, StoreError> {
    keep(connection, attempt)?;
    let (state, next_at) = match attempt.outcome {
        AttemptOutcome::Delivered => (DeliveryState::Delivered, attempt.at),
        AttemptOutcome::Failed => (DeliveryState::Failed, attempt.at),
        AttemptOutcome::RetryAt(next) => (DeliveryState::Pending, next),
    };
    let error = attempt.result.error();
    let statement = "update delivery set state = ?3, attempts = ?4, next_at = ?5, lease_until = 0, last_error = ?6 \
        where id = ?1 and lease_until = ?2 and state = 'pending' returning subject, conversion_id is not null";
    let mut statement = connection.prepare_cached(statement)?;
    let row = (
        attempt.delivery.id.to_bytes(),
        attempt.delivery.lease_until.millis(),
        state.code(),
        attempt.delivery.attempt,
        next_at.millis(),
        &error,
    );
    let changed = statement.query_row(row, |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, bool>(1)?)));
    let Some((subject, in_order)) = changed.optional()? else {
        return Ok(Recorded { held: false, more_due: false, came_back: false, alert: None });
    };
    if state == DeliveryState::Failed {
        facts::delivery_failed(connection, attempt.delivery.id.to_bytes(), attempt.ended_at, 1)?;
    }
    let ended = state != DeliveryState::Pending;
    let mut more_due = ended && in_order && let_go(connection, &subject, attempt.delivery.target.as_str())?;
    let noted = health::note(connection, attempt, snapshot)?;
    if let Some(snapshot) = snapshot {
        more_due |= health::tell(connection, attempt, noted, snapshot)?;
    }
    let Noted { alert, came_back, .. } = noted;
    Ok(Recorded { held: true, more_due, came_back, alert })
}

/// What waits behind a delivery that has ended is due at its own time; says whether anything does.
pub fn let_go(connection: &Connection, subject: &[u8; 16], target: &str) -> Result<bool, StoreError> {
    let statement = "update delivery set next_at = first_at where number = \
        (select min(number) from delivery where subject = ?1 and target = ?2 and state = 'pending') and next_at = ?3";
    Ok(connection.prepare_cached(statement)?.execute((subject, target, BEHIND))? > 0)
}

fn keep(connection: &Connection, attempt: &AttemptRecord) -> Result<(), StoreError> {
    let statement = "insert into attempt (delivery_id, number, at, request, status, error, duration_ms, answer, \
        dns_us, connect_us, tls_us, first_byte_us, address, headers) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) on conflict do nothing";
    let phases = attempt.phases;
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        attempt.delivery.id.to_bytes(),
        attempt.delivery.attempt,
        attempt.at.millis(),
        &attempt.request,
        attempt.status,
        attempt.result.error(),
        attempt.duration_ms,
        &attempt.answer,
        phases.dns_us,
        phases.connect_us,
        phases.tls_us,
        phases.first_byte_us,
        &attempt.address,
        &attempt.headers,
    ])?;
    Ok(())
}
