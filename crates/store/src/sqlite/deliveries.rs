//! The outbox: planned with the decision, claimed by lease, recorded attempt by attempt.

use proofback_domain::decide::{Decision, PlannedDelivery};
use proofback_domain::delivery::{AttemptOutcome, DeliveryState};
use proofback_domain::name::Name;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, Row};

use super::{Store, rows};
use crate::error::StoreError;
use crate::model::{AttemptRecord, ClaimedDelivery, DeliveryRow};
use crate::page::{Cursor, DeliveryFilter, Page, PageRequest};

impl Store {
    /// The targets that have something to send now: due, not leased, and not behind an earlier one.
    pub async fn due_targets(&self, now: Timestamp) -> Result<Vec<Name>, StoreError> {
        self.read(move |connection| {
            // Goes from target to target and looks at each only until something is found.
            let query = "with recursive one (target) as ( \
                    select min(target) from delivery where state = 'pending' \
                    union all \
                    select (select min(target) from delivery where state = 'pending' and target > one.target) \
                    from one where one.target is not null) \
                select target from one where target is not null and exists (select 1 from delivery as due \
                    where due.state = 'pending' and due.target = one.target and due.next_at <= ?1 and due.lease_until <= ?1 \
                    and not exists (select 1 from delivery as earlier where earlier.conversion_id = due.conversion_id \
                        and earlier.target = due.target and earlier.number < due.number and earlier.state = 'pending'))";
            let mut statement = connection.prepare_cached(query)?;
            let targets = statement.query_map([now.millis()], |row| rows::name(row, 0))?;
            Ok(targets.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// When the next delivery is due, of those that are not due yet.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let query = "select min(max(next_at, lease_until)) from delivery where state = 'pending' and max(next_at, lease_until) > ?1";
            let next: Option<i64> = connection.prepare_cached(query)?.query_row([now.millis()], |row| row.get(0))?;
            Ok(next.map(Timestamp::from_millis))
        })
        .await
    }

    /// Leases up to `limit` due deliveries of a target, at most one per conversion and never past an earlier one.
    ///
    /// The lease is durable before this answers, so what is sent was claimed.
    pub async fn claim(
        &self,
        target: Name,
        now: Timestamp,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        self.write(move |connection| {
            let query = "update delivery set lease_until = ?3 where number in ( \
                select due.number from delivery as due \
                where due.state = 'pending' and due.target = ?1 and due.next_at <= ?2 and due.lease_until <= ?2 \
                and not exists (select 1 from delivery as earlier where earlier.conversion_id = due.conversion_id \
                    and earlier.target = due.target and earlier.number < due.number and earlier.state = 'pending') \
                order by due.next_at, due.number limit ?4) \
                returning id, at, target, \"values\", attempts, lease_until, number";
            let until = now.plus(lease);
            let mut statement = connection.prepare_cached(query)?;
            let claimed = statement.query_map((target.as_str(), now.millis(), until.millis(), limit), |row| {
                Ok((row.get::<_, i64>(6)?, claimed(row)?))
            })?;
            let mut claimed = claimed.collect::<Result<Vec<_>, _>>()?;
            claimed.sort_by_key(|(number, _)| *number);
            Ok(claimed.into_iter().map(|(_, delivery)| delivery).collect())
        })
        .await
    }

    /// Records an attempt and what follows from it, if the lease still holds; says whether it did.
    pub async fn record_attempt(&self, attempt: AttemptRecord) -> Result<bool, StoreError> {
        self.write(move |connection| record(connection, &attempt)).await
    }

    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryRow>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {DELIVERY} from delivery where number < ?1 and (?2 is null or state = ?2) \
                 and (?3 is null or target = ?3) and (?4 is null or partner = ?4) \
                 and (?5 is null or conversion_id = ?5) order by number desc limit ?6"
            );
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let mut statement = connection.prepare_cached(&query)?;
            let params = (
                before,
                filter.state.map(DeliveryState::code),
                filter.target.map(String::from),
                filter.partner.map(String::from),
                filter.conversion_id.map(|id| id.to_bytes()),
                page.limit + 1,
            );
            let found = statement.query_map(params, delivery)?.collect::<Result<Vec<_>, _>>()?;
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

pub const DELIVERY: &str = "number, id, at, target, partner, conversion_id, postback_id, happening, state, attempts, next_at, last_error";

pub fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let state = row.get_ref(8)?.as_str()?;
    Ok(DeliveryRow {
        number: row.get(0)?,
        id: rows::id(row, 1)?,
        at: rows::time(row, 2)?,
        target: rows::name(row, 3)?,
        partner: rows::name(row, 4)?,
        conversion_id: rows::id(row, 5)?,
        postback_id: rows::id(row, 6)?,
        happening: row.get(7)?,
        state: DeliveryState::parse(state).unwrap_or(DeliveryState::Failed),
        attempts: row.get(9)?,
        next_at: rows::time(row, 10)?,
        last_error: row.get(11)?,
    })
}

fn claimed(row: &Row<'_>) -> rusqlite::Result<ClaimedDelivery> {
    let attempts: u32 = row.get(4)?;
    Ok(ClaimedDelivery {
        id: rows::id(row, 0)?,
        at: rows::time(row, 1)?,
        target: rows::name(row, 2)?,
        values: rows::json(row, 3)?,
        attempt: attempts + 1,
        lease_until: rows::time(row, 5)?,
    })
}

/// A repeated plan has the same ids and adds nothing.
pub fn insert(
    connection: &Connection,
    planned: &PlannedDelivery,
    decision: &Decision,
) -> Result<(), StoreError> {
    let Some(conversion_id) = decision.conversion_id else {
        return Err(StoreError::Failed("a delivery without a conversion was planned".into()));
    };
    let statement = "insert into delivery (id, at, target, partner, conversion_id, postback_id, happening, \"values\", \
        state, attempts, next_at, lease_until) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', 0, ?2, 0) \
        on conflict (id) do nothing";
    connection.prepare_cached(statement)?.execute((
        planned.id.to_bytes(),
        decision.at.millis(),
        planned.target.as_str(),
        planned.partner.as_str(),
        conversion_id.to_bytes(),
        decision.postback_id.to_bytes(),
        planned.happening.code(),
        serde_json::to_string(&planned.values)?,
    ))?;
    Ok(())
}

fn record(connection: &Connection, attempt: &AttemptRecord) -> Result<bool, StoreError> {
    let (state, next_at) = match attempt.outcome {
        AttemptOutcome::Delivered => (DeliveryState::Delivered, attempt.at),
        AttemptOutcome::Failed => (DeliveryState::Failed, attempt.at),
        AttemptOutcome::RetryAt(next) => (DeliveryState::Pending, next),
    };
    let statement = "update delivery set state = ?3, attempts = ?4, next_at = ?5, lease_until = 0, last_error = ?6 \
        where id = ?1 and lease_until = ?2 and state = 'pending'";
    let changed = connection.prepare_cached(statement)?.execute((
        attempt.delivery_id.to_bytes(),
        attempt.lease_until.millis(),
        state.code(),
        attempt.number,
        next_at.millis(),
        &attempt.error,
    ))?;
    let statement = "insert into attempt (delivery_id, number, at, request, status, error, duration_ms, answer) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
    connection.prepare_cached(statement)?.execute((
        attempt.delivery_id.to_bytes(),
        attempt.number,
        attempt.at.millis(),
        &attempt.request,
        attempt.status,
        &attempt.error,
        attempt.duration_ms,
        &attempt.answer,
    ))?;
    Ok(changed == 1)
}
