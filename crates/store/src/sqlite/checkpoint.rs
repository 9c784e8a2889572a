//! Moving committed pages from the log into the database, beside the writer instead of in its way.
//!
//! A thread of its own copies what is committed while the writer goes on appending. The log can only begin anew
//! when nothing in it is left to copy, so when it has grown long the writer is asked to copy the small rest
//! itself, between two groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// Fewer pages than this are left for later: 4 MB.
const PAGES_MIN: i64 = 1_000;
/// From here on the log is to begin anew: 64 MB.
const PAGES_LONG: i64 = 16_000;

/// Shared between the writer and the thread that copies.
#[derive(Default)]
pub struct Checkpoint {
    rest_wanted: AtomicBool,
    ended: AtomicBool,
}

impl Checkpoint {
    /// Starts the thread; it ends with [`Self::end`].
    pub fn start(self: &Arc<Self>, connection: Connection) {
        let shared = Arc::clone(self);
        std::thread::Builder::new()
            .name("store-copy".into())
            .spawn(move || shared.run(&connection))
            .expect("a thread can be started while the process starts");
    }

    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Called by the writer between two groups.
    pub fn copy_rest(&self, writer: &Connection) {
        if self.rest_wanted.swap(false, Ordering::AcqRel)
            && let Err(error) = copy(writer, "passive")
        {
            tracing::warn!(%error, "the log could not be copied by the writer; it grows on");
        }
    }

    fn run(&self, connection: &Connection) {
        let mut copied_before = 0;
        while !self.ended.load(Ordering::Acquire) {
            std::thread::sleep(EVERY);
            match self.look(connection, copied_before) {
                Ok(copied) => copied_before = copied,
                Err(error) => tracing::warn!(%error, "the log could not be copied; it grows on"),
            }
        }
    }

    /// Copies if there is enough to copy; says how many of the log's pages are copied now.
    fn look(&self, connection: &Connection, copied_before: i64) -> rusqlite::Result<i64> {
        let (pages, copied) = copy(connection, "noop")?;
        if pages - copied < PAGES_MIN && copied == copied_before {
            return Ok(copied);
        }
        let (pages, copied) = copy(connection, "passive")?;
        if PAGES_LONG < pages {
            self.rest_wanted.store(true, Ordering::Release);
        }
        Ok(copied)
    }
}

/// Pages in the log, and how many of them are in the database.
fn copy(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let query = format!("pragma wal_checkpoint({mode})");
    connection.prepare_cached(&query)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
