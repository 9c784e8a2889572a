//! The engine: finds the targets that have something due and keeps a worker running for each of them.
//!
//! It looks when deliveries were planned, when the next one is due, and when a worker ended that may have
//! missed something. Targets share nothing but the pool of requests, so one that hangs delays no other.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use proofback_store::{Store, StoreError};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::alarm::Alarm;
use crate::client::Client;
use crate::hosts::Hosts;
use crate::paces::Paces;
use crate::shared::{Clock, Engine, EngineOptions, Jitter};
use crate::tokens::Tokens;
use crate::worker;

/// Between two looks; what was planned meanwhile is seen by the next one.
const LOOKS_APART: Duration = Duration::from_millis(2);
/// Attempts under way when the engine closes may take so long; those cut off are made again after their
/// lease.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(10);

/// Delivers until `shutdown` comes back; then claims nothing more and waits for the attempts under way, up
/// to 10 s.
pub async fn run(
    store: Store,
    client: Client,
    options: EngineOptions,
    clock: Clock,
    jitter: Jitter,
    shutdown: impl Future<Output = ()>,
) {
    let pool = Arc::new(Semaphore::new(options.shared_requests_max.min(Semaphore::MAX_PERMITS)));
    let (alarm, closing) = (Alarm::ringing(), AtomicBool::new(false));
    let (hosts, paces, tokens) = (Hosts::default(), Paces::default(), Tokens::default());
    let engine = Engine { store, client, options, pool, hosts, paces, tokens, alarm, clock, jitter, closing };
    let engine = Arc::new(engine);
    let mut workers =
        Workers { engine: Arc::clone(&engine), tasks: JoinSet::new(), by_target: HashMap::new() };
    let mut shutdown = pin!(shutdown);
    let mut next_look = Instant::now();
    loop {
        let pause = engine.alarm.left(engine.now()).min(engine.options.look_every);
        tokio::select! {
            () = &mut shutdown => break,
            () = engine.store.outbox_changed() => {
                sleep_until(next_look).await;
                workers.look_ahead().await;
                next_look = Instant::now() + LOOKS_APART;
            }
            () = sleep(pause) => workers.look_ahead().await,
            // The pause is computed anew.
            () = engine.alarm.moved() => {}
            Some(ended) = workers.tasks.join_next() => {
                worker::report(ended);
                if workers.remove_ended() {
                    workers.look(engine.now()).await;
                }
            }
        }
    }
    workers.close().await;
}

/// The workers, at most one for each target.
struct Workers {
    engine: Arc<Engine>,
    tasks: JoinSet<()>,
    by_target: HashMap<Name, Worker>,
}

struct Worker {
    /// Holds a permit when more may be due since the worker last claimed.
    poke: Arc<Notify>,
    task: AbortHandle,
}

impl Workers {
    /// Looks, and finds out when to look next.
    async fn look_ahead(&mut self) {
        let engine = Arc::clone(&self.engine);
        // Before anything is read: what attempts set from now on must stay set.
        engine.alarm.stop();
        // One time for both questions: what becomes due between them is in neither answer otherwise.
        let now = engine.now();
        self.look(now).await;
        match engine.store.next_due(now).await {
            Ok(next) => next.into_iter().for_each(|next| engine.alarm.set(next)),
            Err(error) => self.note(&error),
        }
    }

    /// Sees to it that every target with something due has a worker that knows.
    async fn look(&mut self, now: Timestamp) {
        if self.engine.store.snapshot().is_none() {
            // Without a program every delivery would seem to have lost its target.
            self.engine.try_again_soon();
            return;
        }
        match self.engine.store.due_targets(now).await {
            Ok(targets) => targets.into_iter().for_each(|target| self.start(target)),
            Err(error) => self.note(&error),
        }
    }

    fn note(&self, error: &StoreError) {
        tracing::error!(%error, "the outbox could not be read");
        self.engine.try_again_soon();
    }

    fn start(&mut self, target: Name) {
        if let Some(worker) = self.by_target.get(&target) {
            worker.poke.notify_one();
            return;
        }
        let poke = Arc::new(Notify::new());
        let work = worker::run(Arc::clone(&self.engine), target.clone(), Arc::clone(&poke));
        let task = self.tasks.spawn(work);
        self.by_target.insert(target, Worker { poke, task });
    }

    /// Forgets the workers that have ended; says whether more may be due to one of them.
    ///
    /// A worker that found nothing is not started again for that: what is due can still have to wait for an
    /// earlier delivery of its conversion.
    fn remove_ended(&mut self) -> bool {
        let mut missed = false;
        self.by_target.retain(|_, worker| {
            let ended = worker.task.is_finished();
            missed |= ended && pin!(worker.poke.notified()).enable();
            !ended
        });
        missed
    }

    async fn close(mut self) {
        self.engine.closing.store(true, Ordering::Release);
        for worker in self.by_target.values() {
            worker.poke.notify_one();
        }
        let tasks = &mut self.tasks;
        let all_ended = async {
            while let Some(ended) = tasks.join_next().await {
                worker::report(ended);
            }
        };
        if timeout(CLOSING_TIMEOUT, all_ended).await.is_err() {
            tracing::warn!("deliveries under way were cut off; they are made again after their lease");
        }
    }
}
