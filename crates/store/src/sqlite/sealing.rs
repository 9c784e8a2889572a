//! Sealing facts: what has come to rest goes from rows into files.
//!
//! First nothing more may come in below the line; then its rows are read and written to a file; when the file is
//! durable, one transaction registers it and moves the line, by which the rows count no longer; last they are cleared
//! away, some at a time. Whatever step a kill falls into, each fact is in the rows or in a file, and never in both.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow::array::RecordBatch;
use proofback_domain::calendar::Zone;
use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Prefix};
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::made::{Encode, Made, Range, Take};
use super::{Store, facts, rows};
use crate::error::StoreError;
use crate::facts::{Batches, Context, FactFile, FileKind, Visit, Visitors};
use crate::priority::in_background;

/// What an hour that has ended is given to come in.
const SETTLE: Span = Span::from_seconds(600);
/// With so many clicks not sealed, hours are not waited for.
const UNSEALED_MAX: u64 = 400_000;
/// What is left to come in then.
const SETTLE_FULL: Span = Span::from_seconds(120);
/// Rows of one file at most.
const FILE_ROWS_MAX: u64 = 1_000_000;
/// Late clicks that are sealed at a time.
const LATE_MAX: u32 = 20_000;
/// Clicks that are handed from the thread that reads them to the one that makes columns of them.
const GROUP_ROWS: usize = 512;
/// Rows cleared away by one write.
const CLEAR_ROWS: u32 = 2_000;
const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;

/// The steps of sealing, for those who end it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealStep {
    /// Nothing more comes in below the line.
    Fenced,
    /// The file is there and nobody knows it.
    Written,
    /// The file counts; its rows are still there.
    Registered,
    /// Some of its rows are cleared away.
    Clearing,
}

/// In what pieces facts are sealed.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    /// Rows of one file at most, up to the facts of one decision.
    pub file_rows: u64,
    /// Where it ends, as by a kill.
    pub stop: Option<SealStep>,
}

/// What was sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    pub rows: u64,
    pub files: u32,
    pub bytes: u64,
}

impl Store {
    /// Seals what has come to rest. `stop` ends it as a kill would, for tests.
    pub async fn seal_facts(&self, now: Timestamp, stop: Option<SealStep>) -> Result<Sealed, StoreError> {
        self.seal_facts_in(now, Pieces { file_rows: FILE_ROWS_MAX, stop }).await
    }

    /// Likewise, into files of so many rows.
    pub async fn seal_facts_in(&self, now: Timestamp, pieces: Pieces) -> Result<Sealed, StoreError> {
        let stop = pieces.stop;
        let _alone = self.inner.sealing.lock().await;
        let mut sealed = Sealed::default();
        let unsealed = self.inner.unsealed.load(Ordering::Relaxed);
        let settled = if UNSEALED_MAX < unsealed {
            now.minus(SETTLE_FULL).millis()
        } else {
            let settled = now.minus(SETTLE).millis();
            settled - settled.rem_euclid(HOUR_MS)
        };
        while let Some(step) = self.seal_clicks(settled, now, pieces, &mut sealed).await? {
            if step == Step::Stopped {
                return Ok(sealed);
            }
        }
        while let Some(step) = self.seal_late(now, stop, &mut sealed).await? {
            if step == Step::Stopped {
                return Ok(sealed);
            }
        }
        while let Some(step) = self.seal_events(settled, now, pieces, &mut sealed).await? {
            if step == Step::Stopped {
                return Ok(sealed);
            }
        }
        self.clear_away(None).await?;
        self.forget_visitors(settled);
        Ok(sealed)
    }

    /// Of days that are sealed as a whole, nobody asks who was there.
    fn forget_visitors(&self, settled: i64) {
        let day = self.zone().day(Timestamp::from_millis(settled));
        self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner).forget_before(day);
    }

    async fn seal_clicks(
        &self,
        settled: i64,
        now: Timestamp,
        Pieces { file_rows, stop }: Pieces,
        sealed: &mut Sealed,
    ) -> Result<Option<Step>, StoreError> {
        let Some(until) = self.read(move |connection| clicks_settled(connection, settled)).await? else {
            return Ok(None);
        };
        // From here on the writer keeps what lies below the line apart; what it had begun is committed.
        self.inner.late_below.fetch_max(until, Ordering::AcqRel);
        self.flush().await?;
        if stop == Some(SealStep::Fenced) {
            return Ok(Some(Step::Stopped));
        }
        self.know_visitors().await?;
        let made = self
            .make_beside_clearing(move |connection, store, send| {
                let from = facts::state(connection)?.clicks_until;
                let query = format!(
                    "select {} from click where ?1 <= number and number < ?2 order by number limit {file_rows}",
                    rows::CLICK
                );
                store.click_batches(connection, &query, (from, until), from, send)
            })
            .await?;
        let Some(made) = made else {
            return Ok(None);
        };
        let count = made.summary.rows;
        // What no file has taken is still among the rows; that nothing more may come in there does no harm.
        let until = if file_rows <= count { made.last.saturating_add(1) } else { until };
        let register = move |connection: &Connection| facts::advance(connection, Some(until), None);
        let step = self.keep_made(vec![made], now, stop, sealed, register).await?;
        let left = self.inner.unsealed.load(Ordering::Relaxed).saturating_sub(count);
        self.inner.unsealed.store(left, Ordering::Relaxed);
        Ok(Some(step))
    }

    /// Clicks that came in when those of their time were sealed.
    async fn seal_late(
        &self,
        now: Timestamp,
        stop: Option<SealStep>,
        sealed: &mut Sealed,
    ) -> Result<Option<Step>, StoreError> {
        let found: Vec<Click> = self
            .read(move |connection| {
                let query = format!(
                    "select {} from late_click where number < (select clicks_until from fact_state) \
                     order by number limit {LATE_MAX}",
                    rows::CLICK
                );
                let mut statement = connection.prepare_cached(&query)?;
                let clicks = statement.query_map([], rows::click)?;
                Ok(clicks.collect::<Result<_, _>>()?)
            })
            .await?;
        if found.is_empty() {
            return Ok(None);
        }
        self.know_visitors().await?;
        let numbers: Vec<i64> = found.iter().map(|click| click.id.prefix().number()).collect();
        let store = self.clone();
        let made = super::blocking(move || {
            let mut files = Vec::new();
            for clicks in found.chunk_by(|one, other| day_of(one.at.millis()) == day_of(other.at.millis())) {
                let mut encode = Encode::default();
                let until = i64::MAX;
                let range =
                    store.push_clicks(clicks.iter().map(|click| Ok(click.clone())), until, &mut |batch| {
                        encode.write(&batch)
                    })?;
                files.extend(encode.finish(range)?);
            }
            Ok(files)
        })
        .await?;
        let register = move |connection: &Connection| {
            let numbers = serde_json::to_string(&numbers)?;
            let statement = "delete from late_click where number in (select value from json_each(?1))";
            connection.prepare_cached(statement)?.execute([numbers])?;
            facts::advance(connection, None, None)
        };
        self.keep_made(made, now, stop, sealed, register).await.map(Some)
    }

    async fn seal_events(
        &self,
        settled: i64,
        now: Timestamp,
        Pieces { file_rows, stop }: Pieces,
        sealed: &mut Sealed,
    ) -> Result<Option<Step>, StoreError> {
        let made = self
            .make_beside_clearing(move |connection, store, send| {
                let from = facts::state(connection)?.facts_until;
                store.event_batches(connection, (from, file_rows), settled, send)
            })
            .await?;
        let Some(made) = made else {
            return Ok(None);
        };
        let until = made.last;
        let register = move |connection: &Connection| facts::advance(connection, None, Some(until));
        self.keep_made(vec![made], now, stop, sealed, register).await.map(Some)
    }

    /// Makes files durable, then known; `register` says in the same transaction what they hold.
    async fn keep_made(
        &self,
        made: Vec<Made>,
        now: Timestamp,
        stop: Option<SealStep>,
        sealed: &mut Sealed,
        register: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Step, StoreError> {
        let files = self.put_files(made, now).await?;
        if stop == Some(SealStep::Written) {
            return Ok(Step::Stopped);
        }
        for file in &files {
            sealed.rows += file.summary.rows;
            sealed.bytes += file.bytes;
            sealed.files += 1;
        }
        self.register_files(files, Vec::new(), register).await?;
        if stop == Some(SealStep::Registered) {
            return Ok(Step::Stopped);
        }
        if stop == Some(SealStep::Clearing) {
            self.clear_away(stop).await?;
            return Ok(Step::Stopped);
        }
        Ok(Step::Done)
    }

    /// Files with names of their own, durable and unknown.
    pub(super) async fn put_files(
        &self,
        made: Vec<Made>,
        now: Timestamp,
    ) -> Result<Vec<FactFile>, StoreError> {
        let mut files = Vec::with_capacity(made.len());
        for made in made {
            let day =
                proofback_domain::calendar::Day::from_number(i32::try_from(made.day).unwrap_or(i32::MAX));
            let kind = made.kind.code();
            // What was left of a seal that was killed has another time in its name.
            let (at, serial) = (now.millis(), self.inner.file_serial.fetch_add(1, Ordering::Relaxed));
            let path = format!("day={day}/{kind}-{at}-{serial}.parquet");
            let hash = Sha256::digest(&made.bytes).into();
            let bytes = made.bytes.len() as u64;
            self.inner.archive.depot.put(&path, made.bytes).await?;
            files.push(FactFile {
                number: 0,
                kind: made.kind,
                day: made.day,
                path,
                at,
                bytes,
                first: made.first,
                last: made.last,
                raw: made.raw,
                summary: made.summary,
                hash,
            });
        }
        Ok(files)
    }

    /// Puts files in the place of others, in one transaction with `register`; readers see all of it or nothing.
    pub(super) async fn register_files(
        &self,
        files: Vec<FactFile>,
        instead_of: Vec<String>,
        register: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let catalog = self
            .write(move |connection| {
                for file in &files {
                    facts::register(connection, file)?;
                }
                for path in &instead_of {
                    facts::unregister(connection, path)?;
                }
                register(connection)?;
                facts::catalog(connection)
            })
            .await?;
        self.inner.archive.adopt(catalog);
        Ok(())
    }

    async fn clear_away(&self, stop: Option<SealStep>) -> Result<(), StoreError> {
        loop {
            let rows = if stop == Some(SealStep::Clearing) { 3 } else { CLEAR_ROWS };
            let cleared = self.write(move |connection| facts::clear_some(connection, rows)).await?;
            if cleared == 0 || stop == Some(SealStep::Clearing) {
                return Ok(());
            }
        }
    }

    /// Makes a file, while rows that are in earlier ones are cleared away.
    async fn make_beside_clearing(
        &self,
        read: impl FnOnce(&Connection, &Self, &mut Take<'_>) -> Result<Option<Range>, StoreError> + Send + 'static,
    ) -> Result<Option<Made>, StoreError> {
        let (made, cleared) = tokio::join!(self.make(read), self.clear_away(None));
        cleared?;
        made
    }

    /// Reads rows on a connection of its own, while another thread compresses them.
    async fn make(
        &self,
        read: impl FnOnce(&Connection, &Self, &mut Take<'_>) -> Result<Option<Range>, StoreError> + Send + 'static,
    ) -> Result<Option<Made>, StoreError> {
        let store = self.clone();
        self.read(move |connection| {
            let (sender, batches) = sync_channel::<RecordBatch>(4);
            std::thread::scope(|scope| {
                let encoding = scope.spawn(move || {
                    in_background();
                    let mut encode = Encode::default();
                    for batch in batches {
                        encode.write(&batch)?;
                    }
                    Ok::<_, StoreError>(encode)
                });
                let gone = || StoreError::Failed("a file's writer has ended".into());
                let mut send = move |batch: RecordBatch| sender.send(batch).map_err(|_| gone());
                let range = read(connection, &store, &mut send);
                // Ends the other thread's row of batches.
                drop(send);
                let encode =
                    encoding.join().map_err(|_| StoreError::Failed("a file's writer panicked".into()))?;
                let encode = encode?;
                encode.finish(range?)
            })
        })
        .await
    }

    /// Reads clicks here, while a thread beside makes columns of them.
    fn click_batches(
        &self,
        connection: &Connection,
        query: &str,
        span: (i64, i64),
        sealed: i64,
        send: &mut Take<'_>,
    ) -> Result<Option<Range>, StoreError> {
        let (sender, groups) = sync_channel::<Vec<Click>>(4);
        std::thread::scope(|scope| {
            let clicks = groups.into_iter().flatten().map(Ok);
            let pushing = scope.spawn(|| {
                in_background();
                self.push_clicks(clicks, sealed, send)
            });
            let read = read_groups(connection, query, span, sender);
            let pushed =
                pushing.join().map_err(|_| StoreError::Failed("a file's columns panicked".into()))?;
            // Whoever takes the groups says why he took no more of them.
            let range = pushed?;
            read.map(|()| range)
        })
    }

    /// Batches of clicks as they come; `sealed` is the number below which visitors keep their places.
    pub(super) fn push_clicks(
        &self,
        clicks: impl Iterator<Item = Result<Click, StoreError>>,
        sealed: i64,
        send: &mut Take<'_>,
    ) -> Result<Option<Range>, StoreError> {
        let snapshot = self.snapshot();
        let program = snapshot.as_deref().map(|snapshot| &snapshot.program);
        let zone = self.zone();
        let mut visitors = self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batches = Batches::default();
        let mut range: Option<(i64, i64)> = None;
        for click in clicks {
            let click = click?;
            let number = click.id.prefix().number();
            range = Some((range.map_or(number, |(first, _)| first), number));
            let unique = is_first(&mut visitors, &click, &zone, sealed);
            batches.push_click(&click, unique, Context { program });
            if batches.is_full() {
                send(batches.finish().map_err(failed)?)?;
            }
        }
        if !batches.is_empty() {
            send(batches.finish().map_err(failed)?)?;
        }
        let day = |number| day_of(ClickId::from_parts(number, 0).prefix().at.millis());
        Ok(range.map(|(first, last)| Range {
            kind: FileKind::Clicks,
            day: day(first),
            first,
            last,
            summary: std::mem::take(&mut batches.summary),
        }))
    }

    /// Facts of one day, from a number on and of so many rows, up to those that were booked before `settled`.
    fn event_batches(
        &self,
        connection: &Connection,
        (from, file_rows): (i64, u64),
        settled: i64,
        send: &mut Take<'_>,
    ) -> Result<Option<Range>, StoreError> {
        let snapshot = self.snapshot();
        let program = snapshot.as_deref().map(|snapshot| &snapshot.program);
        let mut statement = connection
            .prepare_cached("select number, at, body from fact where number > ?1 order by number")?;
        let mut found = statement.query([from])?;
        let mut batches = Batches::default();
        let mut range: Option<(i64, i64, i64)> = None;
        while let Some(row) = found.next()? {
            let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let day = day_of(at);
            let other_day = range.is_some_and(|(of, _, _)| of != day);
            if settled <= at || other_day || file_rows <= batches.summary.rows {
                break;
            }
            range = Some((day, range.map_or(number, |(_, first, _)| first), number));
            batches.push_facts(rows::json(row, 2)?, Context { program });
            if batches.is_full() {
                send(batches.finish().map_err(failed)?)?;
            }
        }
        if !batches.is_empty() {
            send(batches.finish().map_err(failed)?)?;
        }
        Ok(range.map(|(day, first, last)| Range {
            kind: FileKind::Events,
            day,
            first,
            last,
            summary: std::mem::take(&mut batches.summary),
        }))
    }
}

fn read_groups(
    connection: &Connection,
    query: &str,
    span: (i64, i64),
    sender: SyncSender<Vec<Click>>,
) -> Result<(), StoreError> {
    let gone = || StoreError::Failed("a file's columns have ended".into());
    let mut statement = connection.prepare_cached(query)?;
    let mut group = Vec::with_capacity(GROUP_ROWS);
    for click in statement.query_map(span, rows::click)? {
        group.push(click?);
        if group.len() == GROUP_ROWS {
            let full = std::mem::replace(&mut group, Vec::with_capacity(GROUP_ROWS));
            sender.send(full).map_err(|_| gone())?;
        }
    }
    sender.send(group).map_err(|_| gone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    Stopped,
}

pub fn is_first(visitors: &mut Visitors, click: &Click, zone: &Zone, sealed: i64) -> bool {
    let visit = Visit {
        number: click.id.prefix().number(),
        at: click.at,
        link: click.link.as_str(),
        ip: &click.details.ip,
        user_agent: &click.details.user_agent,
    };
    visitors.is_first(&visit, zone, sealed)
}

pub fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("facts: {error}"))
}

/// UTC days since 1970-01-01.
pub fn day_of(millis: i64) -> i64 {
    millis.div_euclid(DAY_MS)
}

/// The first click number of a moment.
pub fn number_of(millis: i64) -> i64 {
    Prefix { at: Timestamp::from_millis(millis), serial: 0, link: 0 }.number()
}

/// Up to which number clicks can be sealed now: of one day, settled.
fn clicks_settled(connection: &Connection, settled: i64) -> Result<Option<i64>, StoreError> {
    let from = facts::state(connection)?.clicks_until;
    let query = "select number from click where ?1 <= number order by number limit 1";
    let first: Option<i64> =
        connection.prepare_cached(query)?.query_row([from], |row| row.get(0)).optional()?;
    let Some(first) = first else {
        return Ok(None);
    };
    let at = ClickId::from_parts(first, 0).prefix().at.millis();
    let end_of_day = (day_of(at) + 1).saturating_mul(DAY_MS);
    let until = number_of(settled.min(end_of_day));
    Ok((first < until).then_some(until))
}
