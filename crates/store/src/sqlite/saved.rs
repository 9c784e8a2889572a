//! Reports that people keep: what is asked for, when each is due, and what came of its last run.

use proofback_domain::calendar::Zone;
use proofback_domain::name::Name;
use proofback_domain::schedule::Schedule;
use proofback_domain::tell::PlannedDelivery;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::{Doer, Store, deliveries, rows};
use crate::error::StoreError;

/// So many are kept.
const SAVED_MAX: u32 = 1_000;
/// So many are claimed at once; others a moment later.
const CLAIM_MAX: u32 = 20;
/// What was missed earlier is not made up for.
const CATCH_UP: Span = Span::from_seconds(7 * 86_400);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReport {
    pub id: Name,
    pub title: String,
    /// As in an address, without the question mark.
    pub query: String,
    pub format: String,
    pub schedule: Option<Schedule>,
    pub to: Option<GoesTo>,
    pub owner: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    pub next_run_at: Option<Timestamp>,
    pub last_run_at: Option<Timestamp>,
    /// Empty where the last run did not fail.
    pub last_error: String,
    pub has_feed: bool,
}

/// Where what a schedule runs goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesTo {
    File,
    Webhook,
}

/// A report that is to be run now, and the time that it is due for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReport {
    pub report: SavedReport,
    pub at: Timestamp,
}

/// Why a report is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveRefusal {
    /// Another one has this id.
    Taken,
    TooMany {
        max: u32,
    },
}

impl GoesTo {
    pub fn code(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Webhook => "webhook",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        [Self::File, Self::Webhook].into_iter().find(|one| one.code() == code)
    }
}

impl Store {
    /// By their ids.
    pub async fn saved_reports(&self) -> Result<Vec<SavedReport>, StoreError> {
        self.read(|connection| {
            let query = format!("select {SAVED} from saved_report order by id limit ?1");
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map([SAVED_MAX], saved)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn saved_report(&self, id: Name) -> Result<Option<SavedReport>, StoreError> {
        self.read(move |connection| find(connection, &id)).await
    }

    pub async fn add_saved_report(
        &self,
        report: SavedReport,
        doer: Doer,
    ) -> Result<Result<(), SaveRefusal>, StoreError> {
        self.write(move |connection| {
            if find(connection, &report.id)?.is_some() {
                return Ok(Err(SaveRefusal::Taken));
            }
            let count: u32 = connection
                .prepare_cached("select count(*) from saved_report")?
                .query_row([], |row| row.get(0))?;
            if SAVED_MAX <= count {
                return Ok(Err(SaveRefusal::TooMany { max: SAVED_MAX }));
            }
            insert(connection, &report)?;
            note(connection, &report.id, "report.save", &doer, report.changed_at)?;
            Ok(Ok(()))
        })
        .await
    }

    /// Says whether it is there. Its owner, its feed and what came of its last run stay.
    pub async fn change_saved_report(&self, report: SavedReport, doer: Doer) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement = "update saved_report set name = ?2, query = ?3, format = ?4, schedule = ?5, goes_to = ?6, \
                changed_at = ?7, next_run_at = ?8, running_for = null where id = ?1";
            let changed = connection.prepare_cached(statement)?.execute((
                report.id.as_str(),
                &report.title,
                &report.query,
                &report.format,
                report.schedule.as_ref().map(|schedule| schedule.to_json().to_string()),
                report.to.map_or("", GoesTo::code),
                report.changed_at.millis(),
                report.next_run_at.map(Timestamp::millis),
            ))?;
            if changed == 0 {
                return Ok(false);
            }
            note(connection, &report.id, "report.change", &doer, report.changed_at)?;
            Ok(true)
        })
        .await
    }

    /// Says whether it was there. Its feed ends with it.
    pub async fn remove_saved_report(
        &self,
        id: Name,
        doer: Doer,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement = "delete from saved_report where id = ?1";
            if connection.prepare_cached(statement)?.execute([id.as_str()])? == 0 {
                return Ok(false);
            }
            note(connection, &id, "report.remove", &doer, now)?;
            Ok(true)
        })
        .await
    }

    /// From now on the report is read under the secret of this hash alone; without one, under none. Says whether
    /// anything changed.
    pub async fn set_feed(
        &self,
        id: Name,
        hash: Option<[u8; 32]>,
        doer: Doer,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let statement = "update saved_report set feed = ?2 where id = ?1 and feed is not ?2";
            let hash = hash.as_ref().map(<[u8; 32]>::as_slice);
            if connection.prepare_cached(statement)?.execute((id.as_str(), hash))? == 0 {
                return Ok(false);
            }
            let deed = if hash.is_some() { "report.feed" } else { "report.feed_end" };
            note(connection, &id, deed, &doer, now)?;
            Ok(true)
        })
        .await
    }

    /// The report that is read under a secret of this hash.
    pub async fn feed(&self, hash: [u8; 32]) -> Result<Option<SavedReport>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {SAVED} from saved_report where feed = ?1");
            Ok(connection.prepare_cached(&query)?.query_row([hash.as_slice()], saved).optional()?)
        })
        .await
    }

    /// Claims what is due by now, and gives each its next time in the same transaction. What an earlier process had
    /// claimed and not finished comes first, for the time it was due for. One caller at a time: whatever is claimed is
    /// nobody else's.
    pub async fn claim_due_reports(&self, now: Timestamp, zone: Zone) -> Result<Vec<DueReport>, StoreError> {
        let (times, soon) = self.read(move |connection| any_due(connection, now)).await?;
        if !times && !soon {
            return Ok(Vec::new());
        }
        self.write(move |connection| claim(connection, now, &zone)).await
    }

    /// Ends a run. Webhooks that are to be told are, in the same transaction; a failure is audited.
    pub async fn finish_due_report(
        &self,
        due: DueReport,
        error: String,
        told: Vec<PlannedDelivery>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tells = !told.is_empty();
        self.write(move |connection| {
            let statement = "update saved_report set running_for = null, last_run_at = ?3, last_error = ?4 \
                where id = ?1 and running_for = ?2";
            let params = (due.report.id.as_str(), due.at.millis(), now.millis(), &error);
            if connection.prepare_cached(statement)?.execute(params)? == 0 {
                // It was changed or removed meanwhile.
                return Ok(());
            }
            for planned in &told {
                deliveries::insert(connection, planned)?;
            }
            if !error.is_empty() {
                let doer = Doer { actor: "schedule".into(), reason: error };
                note(connection, &due.report.id, "report.failed", &doer, now)?;
            }
            Ok(())
        })
        .await?;
        if tells {
            self.inner.outbox.notify_one();
        }
        Ok(())
    }
}

const SAVED: &str = "id, name, query, format, schedule, goes_to, owner, created_at, changed_at, next_run_at, \
    last_run_at, last_error, feed is not null, running_for";

fn saved(row: &Row<'_>) -> rusqlite::Result<SavedReport> {
    let schedule: Option<serde_json::Value> =
        row.get::<_, Option<String>>(4)?.map(|_| rows::json(row, 4)).transpose()?;
    let to: String = row.get(5)?;
    Ok(SavedReport {
        id: rows::name(row, 0)?,
        title: row.get(1)?,
        query: row.get(2)?,
        format: row.get(3)?,
        schedule: schedule.and_then(|schedule| Schedule::parse(&schedule).ok()),
        to: GoesTo::parse(&to),
        owner: row.get(6)?,
        created_at: rows::time(row, 7)?,
        changed_at: rows::time(row, 8)?,
        next_run_at: rows::optional_time(row, 9)?,
        last_run_at: rows::optional_time(row, 10)?,
        last_error: row.get(11)?,
        has_feed: row.get(12)?,
    })
}

fn find(connection: &Connection, id: &Name) -> Result<Option<SavedReport>, StoreError> {
    let query = format!("select {SAVED} from saved_report where id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id.as_str()], saved).optional()?)
}

fn insert(connection: &Connection, report: &SavedReport) -> Result<(), StoreError> {
    let statement = "insert into saved_report (id, name, query, format, schedule, goes_to, owner, created_at, \
        changed_at, next_run_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(statement)?.execute((
        report.id.as_str(),
        &report.title,
        &report.query,
        &report.format,
        report.schedule.as_ref().map(|schedule| schedule.to_json().to_string()),
        report.to.map_or("", GoesTo::code),
        &report.owner,
        report.created_at.millis(),
        report.changed_at.millis(),
        report.next_run_at.map(Timestamp::millis),
    ))?;
    Ok(())
}

fn note(
    connection: &Connection,
    id: &Name,
    action: &str,
    doer: &Doer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("report {id}");
    record(connection, &Deed { at, actor: &doer.actor, action, subject: &subject, reason: &doer.reason })
}

/// Whether anything was claimed and not finished, and whether anything is due.
fn any_due(connection: &Connection, now: Timestamp) -> Result<(bool, bool), StoreError> {
    let query = "select exists (select 1 from saved_report where running_for is not null), \
        exists (select 1 from saved_report where next_run_at <= ?1)";
    let found = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(connection.prepare_cached(query)?.query_row([now.millis()], found)?)
}

fn claim(connection: &Connection, now: Timestamp, zone: &Zone) -> Result<Vec<DueReport>, StoreError> {
    let query = format!(
        "select {SAVED} from saved_report where running_for is not null or next_run_at <= ?1 \
         order by running_for is null, next_run_at limit ?2"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_map((now.millis(), CLAIM_MAX), |row| Ok((saved(row)?, rows::optional_time(row, 13)?)))?;
    let found: Vec<(SavedReport, Option<Timestamp>)> = found.collect::<Result<_, _>>()?;
    let mut due = Vec::new();
    for (mut report, running_for) in found {
        let at = match (running_for, report.next_run_at) {
            (Some(at), _) => at,
            (None, Some(at)) => {
                // Each time that was missed is made up for, except those of long ago.
                let behind = at.max(now.minus(CATCH_UP));
                report.next_run_at = report.schedule.as_ref().map(|schedule| schedule.next_run(behind, zone));
                let statement = "update saved_report set running_for = ?2, next_run_at = ?3 where id = ?1";
                let next = report.next_run_at.map(Timestamp::millis);
                connection.prepare_cached(statement)?.execute((report.id.as_str(), at.millis(), next))?;
                at
            }
            (None, None) => continue,
        };
        due.push(DueReport { report, at });
    }
    Ok(due)
}
