//! How targets are doing: what attempts and people make of them, and who is told.

use proofback_domain::delivery::{Alert, AttemptOutcome, Health, HealthPolicy, Pause};
use proofback_domain::id::{Delivery, Id};
use proofback_domain::name::Name;
use proofback_domain::program::{Happening, Snapshot, Target, Way};
use proofback_domain::tell::{About, PlannedDelivery, Values, put, webhooks};
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{deliveries, rows};
use crate::error::StoreError;
use crate::model::{AttemptRecord, TargetHealth};

const HEALTH: &str = "unanswered, open_until, failing_since, failed, alerted, paused, resumed_at, paused_at, paused_by, \
    paused_why, tested_at, tested_as";

/// A target that never failed and was never touched has no row.
pub fn find(connection: &Connection, target: &Name) -> Result<TargetHealth, StoreError> {
    let query = format!("select {HEALTH} from target_health where target = ?1");
    let found = connection.prepare_cached(&query)?.query_row([target.as_str()], read).optional()?;
    Ok(found.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<TargetHealth> {
    let paused: Option<String> = row.get(5)?;
    Ok(TargetHealth {
        health: Health {
            unanswered: row.get(0)?,
            open_until: rows::optional_time(row, 1)?,
            failing_since: rows::optional_time(row, 2)?,
            failed: row.get(3)?,
            alerted: row.get(4)?,
            // A word that this version does not know must not set the target going.
            paused: paused.map(|code| Pause::parse(&code).unwrap_or(Pause::ByPerson)),
            resumed_at: rows::optional_time(row, 6)?,
        },
        paused_at: rows::optional_time(row, 7)?,
        paused_by: row.get(8)?,
        paused_why: row.get(9)?,
        tested_at: rows::optional_time(row, 10)?,
        tested_as: row.get(11)?,
    })
}

pub fn write(connection: &Connection, target: &Name, known: &TargetHealth) -> Result<(), StoreError> {
    let statement = format!(
        "insert into target_health (target, {HEALTH}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         on conflict (target) do update set unanswered = excluded.unanswered, open_until = excluded.open_until, \
         failing_since = excluded.failing_since, failed = excluded.failed, alerted = excluded.alerted, \
         paused = excluded.paused, resumed_at = excluded.resumed_at, paused_at = excluded.paused_at, \
         paused_by = excluded.paused_by, paused_why = excluded.paused_why, tested_at = excluded.tested_at, \
         tested_as = excluded.tested_as"
    );
    let health = &known.health;
    let millis = |time: Option<Timestamp>| time.map(Timestamp::millis);
    connection.prepare_cached(&statement)?.execute(rusqlite::params![
        target.as_str(),
        health.unanswered,
        millis(health.open_until),
        millis(health.failing_since),
        health.failed,
        health.alerted,
        health.paused.map(Pause::code),
        millis(health.resumed_at),
        millis(known.paused_at),
        &known.paused_by,
        &known.paused_why,
        millis(known.tested_at),
        &known.tested_as,
    ])?;
    Ok(())
}

/// What an attempt says about its target.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    pub alert: Option<Alert>,
    /// It was left alone, and has taken something.
    pub came_back: bool,
    pub failing_since: Option<Timestamp>,
}

/// Keeps what an attempt says about its target. One that does well is looked up and not written.
pub fn note(
    connection: &Connection,
    attempt: &AttemptRecord,
    snapshot: Option<&Snapshot>,
) -> Result<Noted, StoreError> {
    if attempt.delivery.trial && attempt.outcome != AttemptOutcome::Delivered {
        // A test that fails says something to whoever asked for it, and nothing of the target.
        return Ok(Noted { alert: None, came_back: false, failing_since: None });
    }
    let known = find(connection, &attempt.delivery.target)?;
    let target = snapshot.and_then(|snapshot| snapshot.program.targets.get(&attempt.delivery.target));
    let ends_by_gone = target.is_some_and(|target| matches!(target.way, Way::Webhook(_)));
    let policy = target.map_or_else(HealthPolicy::default, Target::health_policy);
    let (health, alert) =
        known.health.after(&attempt.result, attempt.outcome, ends_by_gone, &policy, attempt.ended_at);
    let mut came_back = policy.trip_after <= known.health.unanswered && health.unanswered == 0;
    let mut tested = None;
    if attempt.delivery.trial
        && attempt.outcome == AttemptOutcome::Delivered
        && let Some(target) = target
    {
        tested = Some((attempt.ended_at, target.definition()));
        came_back |= target.needs_test() && known.tested_as != target.definition();
    }
    let noted = Noted { alert, came_back, failing_since: health.failing_since };
    if health == known.health && tested.is_none() {
        return Ok(noted);
    }
    let mut next = TargetHealth { health, ..known };
    if let Some((at, definition)) = tested {
        (next.tested_at, next.tested_as) = (Some(at), definition);
    }
    if let Some(Alert::Paused(_)) = alert {
        next.paused_at = Some(attempt.ended_at);
        next.paused_by = String::new();
        next.paused_why = attempt.result.error().unwrap_or_default();
    }
    write(connection, &attempt.delivery.target, &next)?;
    Ok(noted)
}

/// Tells webhooks of a delivery that failed and of a target that does; says whether any is told. A webhook hears
/// nothing of its own deliveries, which would fail the same way.
pub fn tell(
    connection: &Connection,
    attempt: &AttemptRecord,
    Noted { alert, failing_since, .. }: Noted,
    snapshot: &Snapshot,
) -> Result<bool, StoreError> {
    let mut told = Vec::new();
    let about = About::default();
    let by: Id<Delivery> = attempt.delivery.id;
    let mut add = |happening: Happening, values: &dyn Fn() -> Values| {
        let planned = webhooks(&snapshot.program, by, attempt.ended_at, happening, &about, values);
        told.extend(
            planned.into_iter().filter(|planned: &PlannedDelivery| planned.target != attempt.delivery.target),
        );
    };
    let of_attempt = || {
        let mut values = Values::new();
        put(&mut values, "target", attempt.delivery.target.as_str());
        put(&mut values, "last_error", attempt.result.error().unwrap_or_default());
        put(&mut values, "attempts", attempt.delivery.attempt.to_string());
        values
    };
    let told_of_failures = attempt.delivery.happening == Happening::DeliveryFailed || attempt.delivery.trial;
    if attempt.outcome == AttemptOutcome::Failed && !told_of_failures {
        add(Happening::DeliveryFailed, &|| {
            let mut values = of_attempt();
            for name in ["conversion_id", "click_id", "partner", "event"] {
                put(&mut values, name, attempt.delivery.values.get(name).cloned().unwrap_or_default());
            }
            put(&mut values, "failed_delivery_id", attempt.delivery.id.to_string());
            values
        });
    }
    match alert {
        None => {}
        Some(Alert::Failing { percent }) => add(Happening::TargetFailing, &|| {
            let mut values = of_attempt();
            put(&mut values, "percent", percent.to_string());
            put(&mut values, "failing_since", failing_since.map(Timestamp::iso).unwrap_or_default());
            values
        }),
        Some(Alert::Paused(why)) => add(Happening::TargetPaused, &|| {
            let mut values = of_attempt();
            put(&mut values, "reason", why.code());
            values
        }),
    }
    for planned in &told {
        deliveries::insert(connection, planned)?;
    }
    Ok(!told.is_empty())
}
