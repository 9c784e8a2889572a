//! How the installation as a whole is doing, in counts that cost little however much there is: each walks an index, and
//! none of them far.

use proofback_domain::click_id::ClickId;
use proofback_domain::id::{Id, PostbackId};
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason};
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::programs::{Revision, last_revision};
use super::{Store, blocking, facts, health, open, reviews, rows, seals};
use crate::error::StoreError;
use crate::model::{Seal, TargetHealth};

/// Rows of the log that are counted of one reason, and deliveries of one state.
const COUNTED_MAX: u32 = 100_000;
/// Held postbacks that are looked at: each needs its conversion.
const HELD_MAX: u32 = 10_000;
/// Clicks that are not sealed and are counted.
const CLICKS_MAX: u32 = 20_000;
/// Targets that are named.
const TARGETS_MAX: u32 = 1_000;

/// A count, and whether it is all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub count: u64,
    /// There may be more: counting ended at its bound.
    pub more: bool,
}

#[derive(Debug, Clone)]
pub struct Overview {
    pub revision: Option<Revision>,
    /// Postbacks since the time that was asked for, by what became of them.
    pub outcomes: Vec<(Outcome, Counted)>,
    /// Postbacks that wait, by why.
    pub held: Vec<(Reason, Counted)>,
    pub outbox: Outbox,
    /// Targets that are paused or fail, by name; of those some may be in the program no longer.
    pub ailing: Vec<(Name, TargetHealth)>,
    /// The newest one; `None` while nothing is sealed.
    pub seal: Option<Seal>,
    pub facts: FactsAtRest,
    /// Clicks in the spill, and the bytes that they take.
    pub spill: (u64, u64),
    pub database_bytes: u64,
    /// Of the log that is copied into the database.
    pub wal_bytes: u64,
    /// The number of the schema.
    pub schema: usize,
}

/// Deliveries as they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outbox {
    pub pending: Counted,
    /// Of those that are pending.
    pub due: u32,
    /// When the oldest of those that are pending was planned.
    pub oldest: Option<Timestamp>,
    /// Those that failed since the time that was asked for.
    pub failed: Counted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactsAtRest {
    pub unsealed_clicks: Counted,
    pub files: usize,
    pub bytes: u64,
    /// Clicks before it are sealed; `None` while none is.
    pub until: Option<Timestamp>,
}

impl Store {
    /// How everything stands at `now`; what is counted of the past counts from `since` on.
    pub async fn overview(&self, since: Timestamp, now: Timestamp) -> Result<Overview, StoreError> {
        let spill = self.inner.spill.size().await?;
        let (database_bytes, wal_bytes) = self.file_sizes().await?;
        let catalog = self.inner.archive.catalog();
        self.read(move |connection| {
            let state = facts::state(connection)?;
            let sealed = Some(state.clicks_until).filter(|number| i64::MIN < *number);
            Ok(Overview {
                revision: last_revision(connection)?,
                outcomes: outcomes(connection, since)?,
                held: held(connection)?,
                outbox: outbox(connection, since, now)?,
                ailing: ailing(connection)?,
                seal: Some(seals::last(connection)?).filter(|seal| *seal != seals::START),
                facts: FactsAtRest {
                    unsealed_clicks: unsealed_clicks(connection, state.clicks_until)?,
                    files: catalog.files.len(),
                    bytes: catalog.files.iter().map(|file| file.bytes).sum(),
                    until: sealed.map(|number| ClickId::from_parts(number, 0).prefix().at),
                },
                spill,
                database_bytes,
                wal_bytes,
                schema: open::MIGRATIONS.len(),
            })
        })
        .await
    }

    /// Of the database and of its log.
    async fn file_sizes(&self) -> Result<(u64, u64), StoreError> {
        let directory = self.inner.directory.clone();
        blocking(move || {
            let size = |name: &str| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
            Ok((size("proofback.db"), size("proofback.db-wal")))
        })
        .await
    }
}

fn counted(found: u32, max: u32) -> Counted {
    Counted { count: u64::from(found), more: max <= found }
}

/// By the index of reasons, each of which belongs to one outcome.
fn outcomes(connection: &Connection, since: Timestamp) -> Result<Vec<(Outcome, Counted)>, StoreError> {
    let query = "select count(*) from (select 1 from postback indexed by postback_reason \
        where reason = ?1 and id >= ?2 limit ?3)";
    let mut statement = connection.prepare_cached(query)?;
    let first: PostbackId = Id::new(since, 0);
    let mut outcomes = Outcome::ALL.map(|outcome| (outcome, Counted::default()));
    for reason in Reason::ALL {
        let params = (reason.code(), first.to_bytes(), COUNTED_MAX);
        let found = counted(statement.query_row(params, |row| row.get(0))?, COUNTED_MAX);
        for (_, known) in outcomes.iter_mut().filter(|(outcome, _)| *outcome == reason.outcome()) {
            known.count += found.count;
            known.more |= found.more;
        }
    }
    Ok(outcomes.into())
}

/// The newest ones, and of them what waits still.
fn held(connection: &Connection) -> Result<Vec<(Reason, Counted)>, StoreError> {
    let query = format!(
        "select reason, sum({}), count(*) from (select id, reason, conversion_id, known_changes from postback \
            where outcome = 'held' order by id desc limit ?1) as postback group by reason order by reason",
        *reviews::WAITS
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map([HELD_MAX], |row| {
        Ok((rows::reason(row, 0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?))
    })?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let more = HELD_MAX <= found.iter().map(|(_, _, looked_at)| looked_at).sum();
    let waiting = found.into_iter().filter(|(_, waits, _)| 0 < *waits);
    Ok(waiting.map(|(reason, waits, _)| (reason, Counted { count: waits.into(), more })).collect())
}

fn outbox(connection: &Connection, since: Timestamp, now: Timestamp) -> Result<Outbox, StoreError> {
    let query = "select count(*), coalesce(sum(next_at <= ?1), 0), min(number) from ( \
        select next_at, number from delivery indexed by delivery_due where state = 'pending' limit ?2)";
    let mut statement = connection.prepare_cached(query)?;
    let (pending, due, first): (u32, u32, Option<i64>) = statement
        .query_row((now.millis(), COUNTED_MAX), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let planned = "select at from delivery where number = ?1";
    let mut planned = connection.prepare_cached(planned)?;
    let oldest = first.map(|number| planned.query_row([number], |row| rows::time(row, 0))).transpose()?;
    let query = "select count(*) from (select 1 from delivery indexed by delivery_failed \
        where state = 'failed' and next_at >= ?1 limit ?2)";
    let mut statement = connection.prepare_cached(query)?;
    let failed = statement.query_row((since.millis(), COUNTED_MAX), |row| row.get(0))?;
    Ok(Outbox { pending: counted(pending, COUNTED_MAX), due, oldest, failed: counted(failed, COUNTED_MAX) })
}

fn ailing(connection: &Connection) -> Result<Vec<(Name, TargetHealth)>, StoreError> {
    let query = "select target from target_health where paused is not null or failing_since is not null \
        order by target limit ?1";
    let mut statement = connection.prepare_cached(query)?;
    let names = statement.query_map([TARGETS_MAX], |row| rows::name(row, 0))?;
    let names = names.collect::<Result<Vec<_>, _>>()?;
    names.into_iter().map(|name| health::find(connection, &name).map(|known| (name, known))).collect()
}

/// Those above the line; what lies below it is in files, or on its way out.
fn unsealed_clicks(connection: &Connection, sealed: i64) -> Result<Counted, StoreError> {
    let query = "select count(*) from (select 1 from click where number >= ?1 limit ?2)";
    let found = connection.prepare_cached(query)?.query_row((sealed, CLICKS_MAX), |row| row.get(0))?;
    Ok(counted(found, CLICKS_MAX))
}
