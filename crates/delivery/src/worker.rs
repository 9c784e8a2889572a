//! The worker of one target: claims what is due as soon as there is room for it, and ends when nothing is.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use proofback_domain::name::Name;
use proofback_domain::program::{Target, Way};
use proofback_store::{Recorded, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::attempt;
use crate::batch::{self, EVENTS_MAX};
use crate::engine::{Engine, LEASE, STORE_PAUSE};
use crate::hosts::Host;
use crate::slots::Slots;

/// The requests of one target that are under way.
type Running = JoinSet<Option<Recorded>>;

struct Worker {
    engine: Arc<Engine>,
    target: Name,
    slots: Slots,
    running: Running,
    /// A permit of the host that was waited for.
    reserved: Option<OwnedSemaphorePermit>,
}

/// What came of a look for something to send.
enum Claim {
    /// What was due and found room has begun.
    Begun,
    /// The target may be called again after this time.
    Paced(Duration),
    /// Too many requests to its host are under way.
    HostFull(Arc<Host>),
}

/// Runs until nothing is due, or the engine closes and what is under way has ended. `poke` says that more
/// may be due.
pub async fn run(engine: Arc<Engine>, target: Name, poke: Arc<Notify>) {
    let slots = Slots::new(Arc::clone(&engine.pool));
    let mut worker = Worker { engine, target, slots, running: JoinSet::new(), reserved: None };
    while !worker.engine.is_closing() {
        let claimed = worker.claim().await;
        worker.slots.settle(worker.running.len());
        match claimed {
            Ok(claim) if worker.running.is_empty() => match claim {
                Claim::Begun => return,
                Claim::Paced(pause) => wait(&poke, sleep(pause)).await,
                // Kept for the next claim: given back, it would go from one who waits to the other for ever.
                Claim::HostFull(host) => worker.reserved = worker.room_of(host, &poke).await,
            },
            Ok(Claim::Paced(pause)) => {
                tokio::select! {
                    ended = worker.running.join_next() => worker.ended(ended).await,
                    () = sleep(pause) => {}
                    () = poke.notified() => {}
                }
            }
            Ok(Claim::Begun | Claim::HostFull(_)) => {
                tokio::select! {
                    ended = worker.running.join_next() => worker.ended(ended).await,
                    () = poke.notified() => {}
                }
            }
            Err(error) => {
                let target = &worker.target;
                tracing::error!(%error, %target, "deliveries could not be claimed");
                sleep(STORE_PAUSE).await;
            }
        }
        worker.remove_ended().await;
    }
    while let Some(ended) = worker.running.join_next().await {
        worker.ended(Some(ended)).await;
    }
}

async fn wait(poke: &Notify, until: impl Future<Output = ()>) {
    tokio::select! {
        () = until => {}
        () = poke.notified() => {}
    }
}

impl Worker {
    /// Claims as much as there is room for, and begins to send it: nothing that was claimed waits.
    async fn claim(&mut self) -> Result<Claim, StoreError> {
        let room = self.slots.open(self.running.len());
        let snapshot = self.engine.store.snapshot();
        let target = snapshot.as_ref().and_then(|snapshot| snapshot.program.targets.get(&self.target));
        let rate = target.and_then(|target| target.rate_limit);
        let (room, pause) = self.engine.paces.room(&self.target, rate, room, self.engine.now());
        if let Some(pause) = pause {
            return Ok(Claim::Paced(pause.min(self.engine.options.look_every)));
        }
        let host = self.engine.hosts.of(target.map(Target::host).unwrap_or_default());
        let mut permits: Vec<OwnedSemaphorePermit> = self.reserved.take().into_iter().collect();
        permits.extend(host.take(room.saturating_sub(permits.len())));
        if room > 0 && permits.is_empty() {
            return Ok(Claim::HostFull(host));
        }
        let in_batches = target.is_some_and(|target| matches!(target.way, Way::ConversionApi(_)));
        // One batch is under way at a time: what comes meanwhile makes the next one.
        let limit = match in_batches {
            true if self.running.is_empty() => EVENTS_MAX.min(permits.len() * EVENTS_MAX),
            true => 0,
            false => permits.len(),
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        if limit == 0 {
            return Ok(Claim::Begun);
        }
        let (name, now) = (self.target.clone(), self.engine.now());
        let claimed = self.engine.store.claim(name, now, LEASE, limit, self.running.len()).await?;
        let begun = claimed.len();
        self.engine.paces.take(&self.target, if in_batches { begun.min(1) } else { begun });
        if in_batches {
            if begun > 0 {
                let (engine, deliveries) =
                    (Arc::clone(&self.engine), claimed.into_iter().map(Arc::new).collect());
                let permit = permits.pop();
                self.running.spawn(async move {
                    let recorded = batch::make(&engine, deliveries).await;
                    drop(permit);
                    recorded
                });
            }
            return Ok(Claim::Begun);
        }
        for delivery in claimed {
            let (engine, permit) = (Arc::clone(&self.engine), permits.pop());
            self.running.spawn(send(engine, delivery.into(), permit));
        }
        Ok(Claim::Begun)
    }

    /// Waits for a permit of the host; `None` when the engine closes before there is one.
    async fn room_of(&self, host: Arc<Host>, poke: &Notify) -> Option<OwnedSemaphorePermit> {
        let mut next = pin!(host.next());
        loop {
            tokio::select! {
                permit = &mut next => return permit,
                // Whoever leaves the queue comes last when he is back.
                () = poke.notified() => if self.engine.is_closing() { return None },
            }
        }
    }

    async fn remove_ended(&mut self) {
        while let Some(ended) = self.running.try_join_next() {
            self.ended(Some(ended)).await;
        }
    }

    /// A target that is back gets what waited for it at a bounded rate: all of it at once would send it away again.
    async fn ended(&self, ended: Option<Result<Option<Recorded>, JoinError>>) {
        let Some(ended) = ended else { return };
        let came_back = matches!(ended, Ok(Some(Recorded { came_back: true, .. })));
        report(ended);
        if came_back {
            let rate = self.engine.drain_rate(&self.target);
            match self.engine.store.spread(self.target.clone(), rate, self.engine.now()).await {
                Ok(waiting) => {
                    let target = &self.target;
                    tracing::info!(%target, waiting, "a target takes deliveries again");
                    self.engine.look_soon();
                }
                Err(error) => tracing::error!(%error, "a backlog could not be put in order"),
            }
        }
    }
}

async fn send(
    engine: Arc<Engine>,
    delivery: Arc<proofback_store::ClaimedDelivery>,
    permit: Option<OwnedSemaphorePermit>,
) -> Option<Recorded> {
    let recorded = attempt::make(&engine, delivery).await;
    drop(permit);
    recorded
}

/// An attempt that panicked leaves its lease, and is made again when that ends.
pub fn report<T>(ended: Result<T, JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of the delivery engine did not end by itself");
    }
}
