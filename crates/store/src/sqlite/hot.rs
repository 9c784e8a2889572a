//! All facts at one moment: the sealed files, and as columns what is not sealed yet.
//!
//! What was read once is kept until it is sealed; each look reads what has come since. Clicks are told apart by their
//! numbers: what came in since the last look lies at or behind the lowest number that was written since.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;
use futures_util::TryStreamExt;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use proofback_domain::calendar::Day;
use proofback_domain::click_id::ClickId;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::sealing::failed;
use super::{Store, facts, rows};
use crate::error::StoreError;
use crate::facts::{Batches, Catalog, Context, FactFile, FileKind, SCHEMA, Visit, unread};

/// Everything that reports are made of, as it was at one moment.
#[derive(Clone)]
pub struct FactsView {
    pub catalog: Arc<Catalog>,
    /// Clicks and what follows from them that no file has yet; words are kept once a batch.
    pub clicks: Vec<RecordBatch>,
    pub events: Vec<RecordBatch>,
}

impl FactsView {
    /// How many rows no file has yet.
    pub fn hot_rows(&self) -> usize {
        self.clicks.iter().chain(&self.events).map(RecordBatch::num_rows).sum()
    }
}

/// What was read of rows that are not sealed.
#[derive(Default)]
pub struct Hot {
    clicks: Vec<RecordBatch>,
    events: Vec<Events>,
}

/// From which click on there is something that this look has not seen. If it ends before it has, whoever asked for it
/// having gone, the next one looks from there.
struct Unseen {
    store: Store,
    from: i64,
}

impl Unseen {
    fn see(mut self, connection: &Connection, hot: &mut Hot) -> Result<FactsView, StoreError> {
        // What is half read is read anew.
        let dirty = std::mem::replace(&mut self.from, i64::MIN);
        let view = self.store.look(connection, hot, dirty)?;
        self.from = i64::MAX;
        Ok(view)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        self.store.inner.dirty_from.fetch_min(self.from, Ordering::AcqRel);
    }
}

/// Facts of decisions, with the number that each row came under.
struct Events {
    numbers: Vec<i64>,
    batch: RecordBatch,
}

impl Store {
    /// Sealed files, for the query engine to read.
    pub fn fact_objects(&self) -> Arc<dyn object_store::ObjectStore> {
        self.inner.archive.depot.objects()
    }

    /// All facts as they are now.
    pub async fn facts_view(&self) -> Result<FactsView, StoreError> {
        self.view_with(|_| Ok(())).await.map(|(view, ())| view)
    }

    /// All facts, and what else is read at the same moment.
    pub(super) async fn view_with<T: Send + 'static>(
        &self,
        beside: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(FactsView, T), StoreError> {
        self.know_visitors().await?;
        let mut hot = Arc::clone(&self.inner.hot).lock_owned().await;
        // What is written from now on is looked at next time; what said so before is committed after the flush.
        let from = self.inner.dirty_from.swap(i64::MAX, Ordering::AcqRel);
        let unseen = Unseen { store: self.clone(), from };
        self.flush().await?;
        self.read(move |connection| {
            let view = unseen.see(connection, &mut hot)?;
            Ok((view, beside(connection)?))
        })
        .await
    }

    fn look(&self, connection: &Connection, hot: &mut Hot, dirty: i64) -> Result<FactsView, StoreError> {
        let state = facts::state(connection)?;
        let known = self.inner.archive.catalog();
        let catalog =
            if known.version == state.version { known } else { Arc::new(facts::catalog(connection)?) };
        let from = dirty.max(state.clicks_until);
        if hot.drop_clicks(state.clicks_until, from) {
            self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner).forget_from(from);
        }
        let query = format!("select {} from click where ?1 <= number order by number", rows::CLICK);
        let mut clicks = std::mem::take(&mut hot.clicks);
        let read = self.read_clicks(connection, &query, from, state.clicks_until, &mut clicks);
        hot.clicks = clicks;
        read?;
        let mut clicks = hot.clicks.clone();
        let late = format!("select {} from late_click where ?1 <= number order by number", rows::CLICK);
        self.read_clicks(connection, &late, i64::MIN, state.clicks_until, &mut clicks)?;
        self.read_events(connection, state.facts_until, hot)?;
        let events = hot.events.iter().map(|events| events.batch.clone()).collect();
        Ok(FactsView { catalog, clicks, events })
    }

    fn read_clicks(
        &self,
        connection: &Connection,
        query: &str,
        from: i64,
        sealed: i64,
        batches: &mut Vec<RecordBatch>,
    ) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(query)?;
        let clicks = statement.query_map([from], rows::click)?;
        let clicks = clicks.map(|click| click.map_err(StoreError::from));
        self.push_clicks(clicks, sealed, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(())
    }

    fn read_events(&self, connection: &Connection, sealed: i64, hot: &mut Hot) -> Result<(), StoreError> {
        hot.drop_events(sealed);
        let snapshot = self.snapshot();
        let program = snapshot.as_deref().map(|snapshot| &snapshot.program);
        let mut statement =
            connection.prepare_cached("select number, body from fact where number > ?1 order by number")?;
        let read = hot.events.last().and_then(|events| events.numbers.last());
        let mut found = statement.query([read.copied().unwrap_or(sealed)])?;
        let (mut batches, mut numbers) = (Batches::default(), Vec::new());
        while let Some(row) = found.next()? {
            let number: i64 = row.get(0)?;
            let before = batches.summary.rows;
            batches.push_facts(rows::json(row, 1)?, Context { program });
            numbers.extend((before..batches.summary.rows).map(|_| number));
            if batches.is_full() {
                let batch = batches.finish().map_err(failed)?;
                hot.events.push(Events { numbers: std::mem::take(&mut numbers), batch });
            }
        }
        if !batches.is_empty() {
            hot.events.push(Events { numbers, batch: batches.finish().map_err(failed)? });
        }
        Ok(())
    }

    /// Who was here on the days that clicks still come from, out of the files; each day is read once.
    pub(super) async fn know_visitors(&self) -> Result<(), StoreError> {
        let _alone = self.inner.knowing.lock().await;
        let zone = self.zone();
        let (state, late) = self
            .read(|connection| {
                let mut hours = connection.prepare_cached("select distinct at / 3600000 from late_click")?;
                let hours = hours.query_map([], |row| row.get::<_, i64>(0))?;
                Ok((facts::state(connection)?, hours.collect::<Result<Vec<_>, _>>()?))
            })
            .await?;
        let day_of = |at: i64| zone.day(Timestamp::from_millis(at));
        let rests = day_of(ClickId::from_parts(state.clicks_until, 0).prefix().at.millis());
        // A zone may change its day within an hour.
        let ends = late.into_iter().flat_map(|hour| [hour * 3_600_000, hour * 3_600_000 + 3_599_999]);
        let late: BTreeSet<Day> = ends.map(day_of).collect();
        for (day, and_later) in std::iter::once((rests, true)).chain(late.into_iter().map(|day| (day, false)))
        {
            let known = || self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner).knows(day);
            if known() {
                continue;
            }
            let (from, until) = (zone.start(day).millis(), zone.start(day.next()).millis());
            let of_day = |file: &&FactFile| {
                let touches = file.summary.clicked.is_some_and(|(first, last)| first < until && from <= last);
                file.kind == FileKind::Clicks && file.raw && touches
            };
            for file in self.inner.archive.catalog().files.iter().filter(of_day) {
                self.read_visitors(file, day, (from, until)).await?;
            }
            self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner).know(day, and_later);
        }
        Ok(())
    }

    async fn read_visitors(
        &self,
        file: &FactFile,
        day: Day,
        (from, until): (i64, i64),
    ) -> Result<(), StoreError> {
        let reader = self.inner.archive.depot.reader(&file.path, file.bytes)?;
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(&SCHEMA));
        let builder =
            ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await.map_err(unread)?;
        let columns = ["click_id", "click_at", "link", "ip", "user_agent", "unique"];
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
        let mut stream = builder.with_projection(mask).build().map_err(failed)?;
        while let Some(batch) = stream.try_next().await.map_err(unread)? {
            let mut visitors = self.inner.visitors.lock().unwrap_or_else(PoisonError::into_inner);
            let text = |name| batch.column_by_name(name).map(|column| column.as_string_view());
            let (Some(ids), Some(links), Some(ips), Some(agents)) =
                (text("click_id"), text("link"), text("ip"), text("user_agent"))
            else {
                return Err(failed("a file lacks a column"));
            };
            let times = batch
                .column_by_name("click_at")
                .map(|column| column.as_primitive::<TimestampMillisecondType>());
            let unique = batch.column_by_name("unique").map(|column| column.as_boolean());
            for row in (0..batch.num_rows()).filter(|row| unique.is_some_and(|unique| unique.value(*row))) {
                let Some(id) = ClickId::recall(ids.value(row)) else {
                    continue;
                };
                let at = Timestamp::from_millis(times.map_or(0, |times| times.value(row)));
                if from <= at.millis() && at.millis() < until {
                    let number = id.prefix().number();
                    let (link, ip, user_agent) = (links.value(row), ips.value(row), agents.value(row));
                    visitors.remember(day, &Visit { number, at, link, ip, user_agent });
                }
            }
        }
        Ok(())
    }
}

impl Hot {
    /// Keeps clicks from `sealed` up to `from`; says whether there were any from there on.
    fn drop_clicks(&mut self, sealed: i64, from: i64) -> bool {
        let mut dropped = false;
        let (first, end) =
            (ClickId::from_parts(sealed, 0).to_string(), ClickId::from_parts(from, 0).to_string());
        let kept = self.clicks.drain(..).filter_map(|batch| {
            let ids = batch.column_by_name("click_id")?.as_string_opt::<i32>()?;
            let place = |id: &str| {
                let (mut low, mut high) = (0, ids.len());
                while low < high {
                    let middle = low.midpoint(high);
                    if ids.value(middle) < id { low = middle + 1 } else { high = middle }
                }
                low
            };
            let (low, high) = (place(&first), place(&end));
            dropped |= high < ids.len();
            (low < high).then(|| batch.slice(low, high - low))
        });
        self.clicks = kept.collect();
        dropped
    }

    fn drop_events(&mut self, sealed: i64) {
        let kept = self.events.drain(..).filter_map(|Events { mut numbers, batch }| {
            let gone = numbers.partition_point(|number| *number <= sealed);
            let batch = batch.slice(gone, batch.num_rows() - gone);
            numbers.drain(..gone);
            (!numbers.is_empty()).then_some(Events { numbers, batch })
        });
        self.events = kept.collect();
    }
}
