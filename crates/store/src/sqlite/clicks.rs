//! Clicks: recorded before the visitor is sent on, in the store or, when that is slow, in the spill.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Prefix};
use proofback_domain::program::Snapshot;
use proofback_domain::tell;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::{Store, decisions, deliveries, known};
use crate::error::StoreError;
use crate::facts::FileKind;

/// Where a click is kept; durable in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Stored,
    /// In the local spill file, and in the store later.
    Spilled,
}

/// Spilled clicks that are brought in by one transaction.
const DRAIN_GROUP: usize = 1_000;

impl Store {
    /// Makes a click durable; waits for the store at most `wait`, then takes the spill. No wait at all is the spill.
    pub async fn keep_click(&self, click: Click, wait: Duration) -> Result<Kept, StoreError> {
        if wait.is_zero() {
            return self.spill_click(&click).await;
        }
        let details = serde_json::to_string(&click.details)?;
        let told = self.snapshot().map(|snapshot| tell::click(&snapshot.program, &click)).unwrap_or_default();
        let (click, tells) = (Arc::new(click), !told.is_empty());
        let (shared, store) = (Arc::clone(&click), self.clone());
        let job = move |connection: &Connection| store.insert_click(connection, &shared, &details);
        let writing = async {
            if !tells {
                return self.inner.writer.submit_single(job).await;
            }
            let both = move |connection: &Connection| {
                job(connection)?;
                told.iter().try_for_each(|planned| deliveries::insert(connection, planned))
            };
            self.write(both).await
        };
        match tokio::time::timeout(wait, writing).await {
            Ok(Ok(())) => {
                if tells {
                    self.inner.outbox.notify_one();
                }
                Ok(Kept::Stored)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, click_id = %click.id, "the click goes to the spill");
                self.spill_click(&click).await
            }
            Err(_) => self.spill_click(&click).await,
        }
    }

    /// A click that cannot be brought in is set aside, so that it does not keep out those behind it.
    async fn bring_in(
        &self,
        clicks: &[Click],
        snapshot: Option<&Arc<Snapshot>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self.insert_spilled(clicks.to_vec(), snapshot.cloned(), now).await {
            Err(StoreError::Failed(_)) => {}
            done => return done,
        }
        for click in clicks {
            match self.insert_spilled(vec![click.clone()], snapshot.cloned(), now).await {
                Err(StoreError::Failed(error)) => {
                    tracing::error!(error, click_id = %click.id, "a spilled click cannot be brought in; it is set aside");
                    self.inner.spill.set_aside(click).await?;
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn insert_spilled(
        &self,
        clicks: Vec<Click>,
        snapshot: Option<Arc<Snapshot>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        let told = self
            .write(move |connection| {
                let mut told = false;
                for click in &clicks {
                    store.insert_click(connection, click, &serde_json::to_string(&click.details)?)?;
                    if let Some(snapshot) = &snapshot {
                        for planned in tell::click(&snapshot.program, click) {
                            deliveries::insert(connection, &planned)?;
                            told = true;
                        }
                        told |= decisions::click_arrived(connection, click.id, snapshot, now)?;
                    }
                }
                Ok(told)
            })
            .await?;
        if told {
            self.inner.outbox.notify_one();
        }
        Ok(())
    }

    async fn spill_click(&self, click: &Click) -> Result<Kept, StoreError> {
        self.inner.spill.append(click).await?;
        Ok(Kept::Spilled)
    }

    /// Brings spilled clicks into the store and decides what waited for them; says how many there were.
    pub async fn drain_spill(&self, now: Timestamp) -> Result<usize, StoreError> {
        let snapshot = self.snapshot();
        let mut drained = 0;
        while let Some(batch) = self.inner.spill.take().await? {
            for clicks in batch.clicks.chunks(DRAIN_GROUP) {
                self.bring_in(clicks, snapshot.as_ref(), now).await?;
                drained += clicks.len();
            }
            self.inner.spill.done(batch).await?;
        }
        Ok(drained)
    }

    /// Whether clicks wait in the spill.
    pub fn has_spill(&self) -> bool {
        self.inner.spill.has_any()
    }

    /// Fetches a click out of a sealed file, where it lies in one, so that the writer finds it at hand.
    pub(super) async fn know_sealed(&self, id: ClickId) {
        if self.inner.late_below.load(Ordering::Acquire) <= id.prefix().number() {
            return;
        }
        if let Err(error) = self.inner.archive.find(&id.to_string()).await {
            tracing::warn!(%error, click_id = %id, "a sealed click could not be fetched ahead");
        }
    }

    pub async fn click(&self, id: ClickId) -> Result<Option<Click>, StoreError> {
        self.read(move |connection| known::find_click(connection, id)).await
    }

    /// The click whose id begins like this: what a cut or altered id was most likely meant to be.
    pub async fn click_like(&self, prefix: Prefix) -> Result<Option<Click>, StoreError> {
        self.read(move |connection| known::find_click_like(connection, prefix)).await
    }

    /// The newest time that a click id was given.
    pub async fn last_click_at(&self) -> Result<Timestamp, StoreError> {
        let catalog = self.inner.archive.catalog();
        let sealed =
            catalog.files.iter().filter(|file| file.kind == FileKind::Clicks).map(|file| file.last).max();
        self.read(move |connection| {
            let query = "select max(?1, coalesce((select max(number) from click), ?1), \
                coalesce((select max(number) from late_click), ?1))";
            let last: i64 = connection.query_row(query, [sealed.unwrap_or(i64::MIN)], |row| row.get(0))?;
            Ok(ClickId::from_parts(last, 0).prefix().at)
        })
        .await
    }

    /// A click that is there already stays: it comes a second time from the spill when the first try was only slow.
    /// One that comes in when those of its time are sealed is kept apart from what is being cleared away.
    fn insert_click(&self, connection: &Connection, click: &Click, details: &str) -> Result<(), StoreError> {
        let number = click.id.prefix().number();
        let late = number < self.inner.late_below.load(Ordering::Acquire);
        if late && known::find_click(connection, click.id)?.is_some() {
            return Ok(());
        }
        // Before the commit: whoever looks from now on waits for it.
        self.inner.dirty_from.fetch_min(number, Ordering::AcqRel);
        self.inner.unsealed.fetch_add(1, Ordering::Relaxed);
        let statement = if late { INSERT_LATE } else { INSERT };
        let inserted = connection.prepare_cached(statement)?.execute((
            number,
            click.id.tail(),
            click.at.millis(),
            click.link.as_str(),
            click.partner.as_str(),
            click.offer.as_str(),
            click.advertiser.as_str(),
            details,
        ))?;
        if inserted == 1 || known::find_click(connection, click.id)?.is_some() {
            return Ok(());
        }
        Err(StoreError::Failed(format!("the time and serial of click {} belong to another click", click.id)))
    }
}

const INSERT: &str = "insert into click (number, tail, at, link, partner, offer, advertiser, details) \
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
const INSERT_LATE: &str = "insert into late_click (number, tail, at, link, partner, offer, advertiser, details) \
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
