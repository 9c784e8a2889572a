//! The writer: one thread, one connection, groups of jobs in one transaction each.
//!
//! What arrives while a commit is being synced makes the next group. A job's answer leaves after its commit;
//! the answers of a group are given inside the runtime, so that waking its tasks costs one wake-up in all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Checkpoint;
use crate::error::StoreError;

/// Jobs that may wait; beyond that the store is unavailable.
const QUEUE_MAX: usize = 16_384;
/// Jobs in one transaction.
const GROUP_MAX: usize = 2_048;

/// Runs in the transaction, or is told why there is none; what it returns is called with the commit's result.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub struct Writer {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<AtomicUsize>,
    commits: watch::Receiver<u64>,
}

impl Writer {
    /// Must be called within a runtime.
    pub fn start(
        connection: Connection,
        checkpoint: Arc<Checkpoint>,
        on_fatal: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        let (told, commits) = watch::channel(0);
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&connection, queue, (&counter, &told), &runtime, &checkpoint, &on_fatal))
            .expect("a thread can be started while the process starts");
        Self { jobs, waiting, commits }
    }

    /// How many groups were committed; it changes with every one.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Hands in a job and waits for its commit. The job is undone alone if it fails.
    pub async fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let boxed: Job = Box::new(move |connection| {
            let result = connection.and_then(|connection| in_savepoint(connection, job));
            Box::new(move |commit| {
                // The asker may have given up waiting; what was committed stays committed.
                drop(sender.send(commit.and(result)));
            })
        });
        self.jobs
            .try_send(boxed)
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".into()))?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has ended".into())))
    }

    /// Like [`Self::submit`] for a job of a single statement, which needs no savepoint to be undone.
    pub async fn submit_single(
        &self,
        job: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        let boxed: Job = Box::new(move |connection| {
            let result = connection.and_then(|connection| undisturbed(|| job(connection)));
            Box::new(move |commit| drop(sender.send(commit.and(result))))
        });
        self.jobs
            .try_send(boxed)
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".into()))?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has ended".into())))
    }
}

fn run(
    connection: &Connection,
    mut queue: mpsc::Receiver<Job>,
    (waiting, told): (&AtomicUsize, &watch::Sender<u64>),
    runtime: &Handle,
    checkpoint: &Checkpoint,
    on_fatal: &(dyn Fn(&str) + Send + Sync),
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        // On a busy core, whoever is about to hand in more goes first: fewer and larger groups. On an idle one
        // this returns at once.
        std::thread::yield_now();
        while group.len() < GROUP_MAX {
            let Ok(next) = queue.try_recv() else { break };
            group.push(next);
        }
        let jobs = group.len();
        let (answers, commit) = commit_group(connection, group.drain(..));
        waiting.fetch_sub(jobs, Ordering::Relaxed);
        let fatal = commit.as_ref().err().filter(|error| is_fatal(error)).map(ToString::to_string);
        let commit = commit.map_err(StoreError::from);
        if commit.is_ok() {
            told.send_modify(|commits| *commits = commits.wrapping_add(1));
        }
        runtime.spawn(async move {
            for answer in answers {
                answer(commit.clone());
            }
        });
        if let Some(error) = fatal {
            // Whether the rows are on the disk is not known any more: a further sync may succeed and lie.
            on_fatal(&error);
            return;
        }
        checkpoint.copy_rest(connection);
    }
}

fn commit_group(
    connection: &Connection,
    jobs: impl Iterator<Item = Job>,
) -> (Vec<Answer>, Result<(), rusqlite::Error>) {
    let begun = connection.prepare_cached("begin immediate").and_then(|mut begin| begin.execute([]));
    if let Err(error) = begun {
        // Outside a transaction each statement would commit by itself.
        let error = StoreError::from(error);
        return (jobs.map(|job| job(Err(error.clone()))).collect(), Ok(()));
    }
    // An error like a full disk ends the whole transaction by itself; no further job may run outside of one.
    let lost_already = || StoreError::from(lost());
    let answers: Vec<Answer> = jobs
        .map(|job| if connection.is_autocommit() { job(Err(lost_already())) } else { job(Ok(connection)) })
        .collect();
    let committed = if connection.is_autocommit() {
        Err(lost())
    } else {
        connection.prepare_cached("commit").and_then(|mut commit| commit.execute([])).map(drop)
    };
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("rollback")
    {
        tracing::error!(%error, "a transaction that failed could not be rolled back");
    }
    (answers, committed)
}

fn lost() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    rusqlite::Error::SqliteFailure(code, Some("the group was rolled back".into()))
}

fn is_fatal(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::SystemIoFailure))
}

/// A bug in one job is that job's failure and nobody else's.
fn undisturbed<T>(job: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let panicked = |_| Err(StoreError::Failed("a write panicked; the log says where".into()));
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(panicked)
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("savepoint job")?.execute([])?;
    let result = undisturbed(|| job(connection));
    if result.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("rollback to job")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("release job")?.execute([])?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table number (value integer)").unwrap();
        Writer::start(connection, Arc::new(Checkpoint::default()), Box::new(|error| panic!("{error}")))
    }

    fn insert(connection: &Connection, value: i64) -> Result<(), StoreError> {
        connection.execute("insert into number (value) values (?1)", [value])?;
        Ok(())
    }

    async fn values(writer: &Writer) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("select value from number order by value")?;
            let values = statement.query_map([], |row| row.get(0))?;
            Ok(values.collect::<Result<Vec<i64>, _>>()?)
        };
        writer.submit(read).await.unwrap()
    }

    #[tokio::test]
    async fn what_a_failing_job_wrote_is_undone_and_its_neighbours_stay() {
        let writer = writer();
        let (before, failing, panicking, after) = tokio::join!(
            writer.submit(|connection| insert(connection, 1)),
            writer.submit(|connection| {
                insert(connection, 2)?;
                Err::<(), _>(StoreError::Failed("half way".into()))
            }),
            writer.submit(|connection| {
                insert(connection, 3)?;
                assert_eq!(connection.changes(), 0, "a bug");
                Ok(())
            }),
            writer.submit(|connection| insert(connection, 4)),
        );
        assert!(before.is_ok() && after.is_ok());
        assert!(matches!((failing, panicking), (Err(StoreError::Failed(_)), Err(StoreError::Failed(_)))));
        assert_eq!(values(&writer).await, [1, 4]);
    }

    #[tokio::test]
    async fn an_answer_comes_after_its_commit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("create table number (value integer)").unwrap();
        let writer =
            Writer::start(connection, Arc::new(Checkpoint::default()), Box::new(|error| panic!("{error}")));
        let reader = Connection::open(&path).unwrap();
        for value in 1..=50 {
            writer.submit(move |connection| insert(connection, value)).await.unwrap();
            let seen: i64 = reader.query_row("select max(value) from number", [], |row| row.get(0)).unwrap();
            assert_eq!(seen, value);
        }
    }
}
