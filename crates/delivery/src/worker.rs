//! The worker of one target: claims what is due as soon as there is room for it, and ends when nothing is.

use std::sync::Arc;
use std::time::Duration;

use proofback_domain::name::Name;
use proofback_domain::program::Way;
use proofback_store::{ClaimedDelivery, Recorded, StoreError};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::batch::EVENTS_MAX;
use crate::shared::{Engine, LEASE, STORE_PAUSE};
use crate::slots::Slots;
use crate::{attempt, batch};

/// The requests of one target that are under way.
type Running = JoinSet<Option<Recorded>>;

struct Worker {
    engine: Arc<Engine>,
    target: Name,
    slots: Slots,
    running: Running,
}

/// Runs until nothing is due, or the engine closes and what is under way has ended. `poke` says that more
/// may be due.
pub async fn run(engine: Arc<Engine>, target: Name, poke: Arc<Notify>) {
    let slots = Slots::new(Arc::clone(&engine.pool), engine.host_of(&target));
    let mut worker = Worker { engine, target, slots, running: JoinSet::new() };
    while !worker.engine.is_closing() {
        let claimed = worker.claim().await;
        worker.slots.settle(worker.running.len());
        match claimed {
            Ok(None) if worker.running.is_empty() => return,
            // Without a pace there is nothing to wait for but an end or a poke.
            Ok(pause) => {
                let pause = pause.unwrap_or(Duration::MAX);
                tokio::select! {
                    Some(ended) = worker.running.join_next() => worker.ended(ended).await,
                    () = sleep(pause) => {}
                    () = poke.notified() => {}
                }
            }
            Err(error) => {
                let target = &worker.target;
                tracing::error!(%error, %target, "deliveries could not be claimed");
                sleep(STORE_PAUSE).await;
            }
        }
        while let Some(ended) = worker.running.try_join_next() {
            worker.ended(ended).await;
        }
    }
    while let Some(ended) = worker.running.join_next().await {
        worker.ended(ended).await;
    }
}

impl Worker {
    /// Claims as much as there is room for, and begins to send it: nothing that was claimed waits. Says how long to
    /// wait where the target's rate asks for that.
    async fn claim(&mut self) -> Result<Option<Duration>, StoreError> {
        let room = self.slots.open(self.running.len());
        let snapshot = self.engine.store.snapshot();
        let target = snapshot.as_ref().and_then(|snapshot| snapshot.program.targets.get(&self.target));
        let rate = target.and_then(|target| target.rate_limit);
        let (room, pause) = self.engine.paces.room(&self.target, rate, room, self.engine.now());
        if let Some(pause) = pause {
            return Ok(Some(pause.min(self.engine.options.look_every)));
        }
        if room == 0 {
            return Ok(None);
        }
        if target.is_some_and(|target| matches!(target.way, Way::ConversionApi(_))) {
            // One batch is under way at a time: what comes meanwhile makes the next one.
            let deliveries = if self.running.is_empty() { self.lease(EVENTS_MAX).await? } else { Vec::new() };
            if !deliveries.is_empty() {
                self.engine.paces.take(&self.target, 1);
                let engine = Arc::clone(&self.engine);
                self.running.spawn(async move { batch::make(&engine, deliveries).await });
            }
            return Ok(None);
        }
        let deliveries = self.lease(room).await?;
        self.engine.paces.take(&self.target, deliveries.len());
        for delivery in deliveries {
            let engine = Arc::clone(&self.engine);
            self.running.spawn(async move { attempt::make(&engine, delivery).await });
        }
        Ok(None)
    }

    async fn lease(&self, limit: usize) -> Result<Vec<Arc<ClaimedDelivery>>, StoreError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let (target, now, running) = (self.target.clone(), self.engine.now(), self.running.len());
        let claimed = self.engine.store.claim(target, now, LEASE, limit, running).await?;
        Ok(claimed.into_iter().map(Arc::new).collect())
    }

    /// A target that is back gets what waited for it at a bounded rate: all of it at once would send it away again.
    async fn ended(&self, ended: Result<Option<Recorded>, JoinError>) {
        let came_back = matches!(ended, Ok(Some(Recorded { came_back: true, .. })));
        report(ended);
        if !came_back {
            return;
        }
        let target = &self.target;
        let rate = self.engine.drain_rate(target);
        match self.engine.store.spread(target.clone(), rate, self.engine.now()).await {
            Ok(waiting) => {
                tracing::info!(%target, waiting, "a target takes deliveries again");
                self.engine.look_soon();
            }
            Err(error) => tracing::error!(%error, %target, "a backlog could not be put in order"),
        }
    }
}

/// An attempt that panicked leaves its lease, and is made again when that ends.
pub fn report<T>(ended: Result<T, JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of the delivery engine did not end by itself");
    }
}
