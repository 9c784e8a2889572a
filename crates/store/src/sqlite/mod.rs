//! The embedded engine: SQLite in WAL mode, one writer that commits in groups, readers of their own.

mod audit;
mod backfill;
mod checkpoint;
mod clicks;
mod closes;
mod decided;
mod decisions;
mod deliveries;
mod effects;
mod entries;
mod facts;
mod find;
mod health;
mod hot;
mod idempotency;
mod imports;
mod known;
mod ledger;
mod lists;
mod log;
mod logins;
mod made;
mod merging;
mod open;
mod open_lines;
mod overview;
mod past;
mod people;
mod programs;
mod rates;
mod readers;
mod reconciliations;
mod replays;
mod retention;
mod reviews;
mod rows;
mod saved;
mod sealing;
mod seals;
mod sessions;
mod settlements;
mod signed;
mod statements;
mod tally;
mod targets;
mod tokens;
mod trace;
mod verify;
mod verify_facts;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use proofback_domain::calendar::Zone;
use proofback_domain::program::Snapshot;
use proofback_domain::rates::Rates;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use crate::error::{OpenError, StoreError};
use crate::facts::{Archive, DepotLocation, Visitors};
use crate::spill::Spill;
use checkpoint::Checkpoint;
use readers::Readers;
use writer::Writer;

pub use clicks::Kept;
pub use decided::{Decided, Decisions, Place};
pub use find::{Found, Looked};
pub use hot::FactsView;
pub use idempotency::Idempotency;
pub use imports::{ImportKey, ImportLine};
pub use logins::{Accepted, Login, OwnSession};
pub use overview::{Counted, FactsAtRest, Outbox, Overview};
pub use people::{NewInvitation, NewPerson, PersonChange, PersonRefusal, PersonRow};
pub use programs::{Edit, Outdated, Revision};
pub use rates::{NewRate, RateRow, RatesImported};
pub use reconciliations::{MissingLine, OursAsked};
pub use replays::Rules;
pub use retention::Forgotten;
pub use reviews::{Answered, Reviewed, Subject};
pub use saved::{DueReport, GoesTo, SaveRefusal, SavedReport};
pub use sealing::{Pieces, SealStep, Sealed};
pub use sessions::{Holder, NewSession, OpenSession, Opening, Owner, Proof, SessionRow};
pub use settlements::{NewSettlement, Open, Settled, SettlementLine, SettlementRow, ShowSettlement};
pub use statements::{Lines, StatementQuery};
pub use targets::Doer;
pub use tokens::{NewToken, TokenRow};
pub use verify_facts::FactsReport;

/// What is chosen when a store is opened.
pub struct Options {
    /// Connections that read beside the writer.
    pub readers: usize,
    /// A random key for click ids, kept when the directory has none yet.
    pub fresh_key: [u8; 16],
    /// Where sealed facts lie; absent: `facts` in the data directory.
    pub facts: Option<DepotLocation>,
    /// Called once when a commit could not be made durable: nothing is acknowledged any more, the process must end.
    pub on_fatal: Box<dyn Fn(&str) + Send + Sync>,
}

/// The store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    writer: Writer,
    checkpoint: Arc<Checkpoint>,
    readers: Readers,
    spill: Spill,
    snapshot: ArcSwapOption<Snapshot>,
    /// All that are known; held while a snapshot is put in force, so that none is lost between two who do.
    rates: Mutex<Rates>,
    outbox: tokio::sync::Notify,
    /// Whoever reads the whole journal: one at a time, so that others still find a connection.
    verifying: Arc<tokio::sync::Mutex<()>>,
    archive: Arc<Archive>,
    /// One sealing at a time.
    sealing: tokio::sync::Mutex<()>,
    /// Clicks with lower numbers are kept apart: those of their time are sealed, or about to be.
    late_below: AtomicI64,
    /// The lowest number of a click written since the last look at what is not sealed.
    dirty_from: AtomicI64,
    /// How many clicks were written and not sealed since the store was opened.
    unsealed: AtomicU64,
    /// Distinguishes names of files that are made in one millisecond.
    file_serial: AtomicU64,
    /// Files that were replaced, and when.
    retired: Mutex<HashMap<String, Timestamp>>,
    visitors: Mutex<Visitors>,
    /// Whoever reads visitors out of files.
    knowing: tokio::sync::Mutex<()>,
    hot: Arc<tokio::sync::Mutex<hot::Hot>>,
    /// Held as long as the store is open.
    _lock: std::fs::File,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.checkpoint.end();
    }
}

impl Store {
    /// Opens a data directory, making it if it is not there, and brings its schema up to date.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let opened = open::open(directory, &options)?;
        let checkpoint = Arc::new(Checkpoint::default());
        checkpoint.start(opened.copier);
        let inner = Inner {
            directory: directory.to_owned(),
            writer: Writer::start(opened.writer, Arc::clone(&checkpoint), options.on_fatal),
            checkpoint,
            readers: Readers::new(opened.readers),
            spill: opened.spill,
            snapshot: ArcSwapOption::empty(),
            rates: Mutex::new(opened.rates),
            outbox: tokio::sync::Notify::new(),
            verifying: Arc::default(),
            archive: opened.archive,
            sealing: tokio::sync::Mutex::default(),
            late_below: AtomicI64::new(opened.clicks_until),
            dirty_from: AtomicI64::new(i64::MIN),
            unsealed: AtomicU64::new(0),
            file_serial: AtomicU64::new(0),
            retired: Mutex::default(),
            visitors: Mutex::default(),
            knowing: tokio::sync::Mutex::default(),
            hot: Arc::default(),
            _lock: opened.lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// The program in force; `None` until one was adopted.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.inner.snapshot.load_full()
    }

    /// The program's time zone; UTC while none is in force.
    fn zone(&self) -> Zone {
        self.snapshot().map_or_else(Zone::utc, |snapshot| snapshot.program.timezone.clone())
    }

    /// Puts a program in force, whole, with the exchange rates that are known. Of two that are applied at once the later
    /// revision stays, whichever comes here first.
    pub fn adopt(&self, snapshot: Arc<Snapshot>) {
        let rates = self.inner.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if self.snapshot().is_some_and(|known| snapshot.revision < known.revision) {
            return;
        }
        let with_rates = Snapshot::clone(&snapshot).with_rates(rates.clone());
        self.inner.snapshot.store(Some(Arc::new(with_rates)));
        self.inner.outbox.notify_one();
    }

    /// Brings rates into the program in force. Of two imports the later one knows both, whichever comes here first.
    fn adopt_rates(&self, all: Rates) {
        let mut rates = self.inner.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if all.last() < rates.last() {
            return;
        }
        *rates = all;
        if let Some(snapshot) = self.snapshot() {
            let with_rates = Snapshot::clone(&snapshot).with_rates(rates.clone());
            self.inner.snapshot.store(Some(Arc::new(with_rates)));
            self.inner.outbox.notify_one();
        }
    }

    /// Comes back when deliveries were planned since the last call.
    pub async fn outbox_changed(&self) {
        self.inner.outbox.notified().await;
    }

    /// How many writes wait for their commit.
    pub fn writes_waiting(&self) -> usize {
        self.inner.writer.waiting()
    }

    /// Answers when everything handed to the writer before is durable.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    /// Runs `job` in the next group: all of it or nothing. The answer comes after the commit.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.submit(job).await
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.readers.with(job)).await
    }
}

/// Work that holds up its thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Failed(error.to_string()))?
}
