//! Clicks: recorded before the visitor is sent on, in the store or, when that is slow, in the spill.

use std::sync::Arc;
use std::time::Duration;

use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Prefix};
use proofback_domain::program::Snapshot;
use proofback_domain::tell;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{Store, decisions, deliveries, known};
use crate::error::StoreError;

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
        let shared = Arc::clone(&click);
        let job = move |connection: &Connection| insert_click(connection, &shared, &details);
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
        let told = self
            .write(move |connection| {
                let mut told = false;
                for click in &clicks {
                    insert_click(connection, click, &serde_json::to_string(&click.details)?)?;
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

    pub async fn click(&self, id: ClickId) -> Result<Option<Click>, StoreError> {
        self.read(move |connection| known::find_click(connection, id)).await
    }

    /// The click whose id begins like this: what a cut or altered id was most likely meant to be.
    pub async fn click_like(&self, prefix: Prefix) -> Result<Option<Click>, StoreError> {
        self.read(move |connection| known::find_click_like(connection, prefix)).await
    }

    /// The newest time that a click id was given.
    pub async fn last_click_at(&self) -> Result<Timestamp, StoreError> {
        self.read(|connection| {
            let query = "select number, tail from click order by number desc limit 1";
            let id = |row: &rusqlite::Row<'_>| Ok(ClickId::from_parts(row.get(0)?, row.get(1)?));
            let last = connection.query_row(query, [], id).optional()?;
            Ok(last.map_or(Timestamp::EPOCH, |id| id.prefix().at))
        })
        .await
    }
}

/// A click that is there already stays: it comes a second time from the spill when the first try was only slow.
fn insert_click(connection: &Connection, click: &Click, details: &str) -> Result<(), StoreError> {
    let statement = "insert into click (number, tail, at, link, partner, offer, advertiser, details) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
    let inserted = connection.prepare_cached(statement)?.execute((
        click.id.prefix().number(),
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
