//! Reports over facts, sealed and hot: the only room with a query engine.
//!
//! The domain says what a report is and makes the table of it; the store gives all facts of one moment; here they are
//! scanned and summed. Threads of their own do it, which give way to whoever takes clicks and postbacks.

mod function;
mod read;
mod sql;
mod table;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::kernels::aggregate::{max, min};
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use proofback_domain::program::Snapshot;
use proofback_domain::report::{
    Basis, BucketsError, Exchange, Found, Range, Report, Sum, SumRow, Table, fold,
};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::facts::{FactFile, FileKind};
use proofback_store::{FactsView, Store, StoreError};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use sql::{Extent, Part, Query};
use table::FactsTable;

pub use write::parquet;

/// Reports that are computed at the same time; others wait.
const AT_ONCE: usize = 2;
/// What all of them may take before they go on in temporary files.
const MEMORY_BYTES: usize = 1 << 30;

/// Why a report was not computed.
#[derive(Debug, thiserror::Error)]
pub enum ReportsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked for cannot be computed; a sentence for whoever asked.
    #[error(transparent)]
    Asked(#[from] BucketsError),
    #[error("the query engine failed")]
    Engine(#[source] Box<DataFusionError>),
    #[error("the thread that computed it ended: {0}")]
    Ended(String),
    #[error("the table could not be written: {0}")]
    Written(String),
}

impl From<DataFusionError> for ReportsError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// Computes reports; cheap to clone.
#[derive(Clone)]
pub struct Reports(Arc<Parts>);

struct Parts {
    store: Store,
    runtime: Option<Runtime>,
    environment: Arc<RuntimeEnv>,
    threads: usize,
    turns: Semaphore,
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Reports {
    /// `threads` compute; they are started here.
    pub fn new(store: Store, threads: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("reports")
            .on_thread_start(proofback_store::when_idle)
            .enable_all()
            .build()?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_BYTES)))
            .build_arc()
            .map_err(std::io::Error::other)?;
        let depot = url::Url::parse(table::DEPOT).map_err(std::io::Error::other)?;
        environment.register_object_store(&depot, store.fact_objects());
        let turns = Semaphore::new(AT_ONCE);
        Ok(Self(Arc::new(Parts { store, runtime: Some(runtime), environment, threads, turns })))
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The first moment of which anything is known; `now` where nothing is.
    pub async fn first(&self, now: Timestamp) -> Result<Timestamp, ReportsError> {
        let view = self.0.store.facts_view().await?;
        let extent = extent(&view, now);
        Ok(extent.clicked.from.min(extent.happened.from))
    }

    /// Computes a report over all facts of this moment.
    pub async fn run(
        &self,
        report: Report,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<Table, ReportsError> {
        let reports = self.clone();
        // The look at what is not sealed gives way, too: it is made by a thread of the engine.
        self.apart(async move {
            let view = reports.0.store.facts_view().await?;
            reports.compute(report, snapshot, now, view).await
        })
        .await
    }

    /// Computes a report over the facts of a view.
    pub async fn run_over(
        &self,
        report: Report,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        view: FactsView,
    ) -> Result<Table, ReportsError> {
        let reports = self.clone();
        self.apart(async move { reports.compute(report, snapshot, now, view).await }).await
    }

    /// On the threads of the engine.
    async fn apart(
        &self,
        computing: impl Future<Output = Result<Table, ReportsError>> + Send + 'static,
    ) -> Result<Table, ReportsError> {
        match &self.0.runtime {
            Some(runtime) => {
                runtime.spawn(computing).await.map_err(|error| ReportsError::Ended(error.to_string()))?
            }
            None => Err(ReportsError::Ended("the engine is being closed".into())),
        }
    }

    async fn compute(
        &self,
        report: Report,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        view: FactsView,
    ) -> Result<Table, ReportsError> {
        // The semaphore is never closed.
        let _turn = self.0.turns.acquire().await;
        let found = self.find(&report, report.span, &snapshot, now, &view).await?;
        let compared = match report.compare {
            Some(span) => Some(self.find(&report, span, &snapshot, now, &view).await?),
            None => None,
        };
        Ok(fold(&report, &Exchange::of(&snapshot), found, compared))
    }

    async fn find(
        &self,
        report: &Report,
        span: Range,
        snapshot: &Snapshot,
        now: Timestamp,
        view: &FactsView,
    ) -> Result<Found, ReportsError> {
        let extent = extent(view, now);
        let own = report.currency.code();
        let mixed = currencies(view).iter().any(|currency| currency != own);
        let query = Query::of(report, span, extent, mixed, &snapshot.program.timezone)?;
        let context = self.context(report.basis, span, view)?;
        for function in &query.functions {
            context.register_udf(function.clone());
        }
        let sums = report.sums();
        let mut rows = Vec::new();
        if report.by.is_empty() {
            // A row for everything is there even where there is nothing.
            let sums = vec![None; sums.len()];
            rows.push(SumRow { key: Vec::new(), currency: Some(report.currency), day: None, sums });
        }
        for part in [Part::Clicks, Part::Events] {
            let Some(text) = query.text(part, &sums, report.in_own_currency()) else {
                continue;
            };
            let batches = context.sql(&text).await?.collect().await?;
            for batch in &batches {
                read::rows(batch, report, &query, part, &sums, &mut rows)?;
            }
        }
        let whole = self.whole(report, &query, &context, &sums).await?;
        Ok(Found { rows, whole })
    }

    /// Over everything, what cannot be added up from rows.
    async fn whole(
        &self,
        report: &Report,
        query: &Query,
        context: &SessionContext,
        sums: &[Sum],
    ) -> Result<Vec<Option<i128>>, ReportsError> {
        let asked: Vec<Sum> = sums.iter().filter(|sum| !sum.is_additive()).cloned().collect();
        let mut whole = vec![None; sums.len()];
        if asked.is_empty() || report.by.is_empty() {
            return Ok(whole);
        }
        let text = query.whole(&asked);
        for batch in context.sql(&text).await?.collect().await? {
            for (column, sum) in batch.columns().iter().zip(&asked) {
                if let Some(place) = sums.iter().position(|one| one == sum) {
                    whole[place] = read::number(column, 0)?;
                }
            }
        }
        Ok(whole)
    }

    /// The engine over those facts that a span can touch.
    fn context(&self, basis: Basis, span: Range, view: &FactsView) -> Result<SessionContext, ReportsError> {
        let config =
            SessionConfig::new().with_target_partitions(self.0.threads).with_information_schema(false);
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.0.environment))
            .with_default_features()
            .build();
        let context = SessionContext::new_with_state(state);
        context.register_udf(function::Param::function());
        let touched = |file: &&FactFile| {
            let times = match basis {
                Basis::Click => file.summary.clicked,
                Basis::Event => file.summary.happened,
                Basis::Booked => file.summary.booked,
            };
            times.is_some_and(|(first, last)| first < span.until.millis() && span.from.millis() <= last)
        };
        let of_kind = |kind: FileKind| {
            let files = view.catalog.files.iter().filter(|file| file.kind == kind);
            files.filter(touched).cloned().collect::<Vec<_>>()
        };
        let clicks = FactsTable { files: of_kind(FileKind::Clicks), hot: view.clicks.clone() };
        let events = FactsTable { files: of_kind(FileKind::Events), hot: view.events.clone() };
        context.register_table("clicks", Arc::new(clicks))?;
        context.register_table("events", Arc::new(events))?;
        Ok(context)
    }
}

/// In which spans the times of all facts lie.
fn extent(view: &FactsView, now: Timestamp) -> Extent {
    let sealed = |of: fn(&FactFile) -> Option<(i64, i64)>| view.catalog.files.iter().filter_map(of);
    let hot = |column: &'static str| {
        let batches = view.clicks.iter().chain(&view.events);
        batches.filter_map(move |batch| {
            let times = batch.column_by_name(column)?.as_primitive_opt::<TimestampMillisecondType>()?;
            Some((min(times)?, max(times)?))
        })
    };
    let clicked = sealed(|file| file.summary.clicked).chain(hot("click_at"));
    let happened = sealed(|file| file.summary.happened).chain(hot("event_at"));
    Extent { clicked: range(clicked, now), happened: range(happened, now) }
}

fn range(spans: impl Iterator<Item = (i64, i64)>, now: Timestamp) -> Range {
    let joined = spans.reduce(|(first, last), (from, to)| (first.min(from), last.max(to)));
    let (from, to) = joined.unwrap_or((now.millis(), now.millis()));
    Range { from: Timestamp::from_millis(from), until: Timestamp::from_millis(to).plus(Span::from_millis(1)) }
}

/// The currencies that money is in.
fn currencies(view: &FactsView) -> BTreeSet<String> {
    let sealed = view.catalog.files.iter().flat_map(|file| file.summary.currencies.iter().cloned());
    let hot = view.clicks.iter().chain(&view.events).flat_map(of_batch);
    sealed.chain(hot).filter(|currency| !currency.is_empty()).collect()
}

fn of_batch(batch: &RecordBatch) -> Vec<String> {
    let words = batch.column_by_name("currency").and_then(|column| column.as_dictionary_opt::<Int32Type>());
    let words = words.and_then(|words| words.values().as_string_opt::<i32>());
    words.map(|words| words.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
}
