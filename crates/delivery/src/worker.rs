//! The worker of one target: claims what is due as soon as there is room for it, and ends when nothing is.

use std::sync::Arc;

use proofback_domain::name::Name;
use proofback_store::StoreError;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::attempt;
use crate::engine::{Engine, LEASE, STORE_PAUSE};
use crate::slots::Slots;

/// Runs until nothing is due, or the engine closes and what is under way has ended. `poke` says that more
/// may be due.
pub async fn run(engine: Arc<Engine>, target: Name, poke: Arc<Notify>) {
    let mut slots = Slots::new(Arc::clone(&engine.pool));
    let mut running = JoinSet::new();
    while !engine.is_closing() {
        let claimed = claim(&engine, &target, &mut slots, &mut running).await;
        slots.settle(running.len());
        if let Err(error) = claimed {
            tracing::error!(%error, %target, "deliveries could not be claimed");
            sleep(STORE_PAUSE).await;
            remove_ended(&mut running);
            continue;
        }
        if running.is_empty() {
            return;
        }
        tokio::select! {
            ended = running.join_next() => ended.into_iter().for_each(report),
            () = poke.notified() => {}
        }
        remove_ended(&mut running);
    }
    while let Some(ended) = running.join_next().await {
        report(ended);
    }
}

/// Claims as much as there is room for, and begins to send it: nothing that was claimed waits.
async fn claim(
    engine: &Arc<Engine>,
    target: &Name,
    slots: &mut Slots,
    running: &mut JoinSet<()>,
) -> Result<(), StoreError> {
    let room = u32::try_from(slots.open(running.len())).unwrap_or(u32::MAX);
    if room == 0 {
        return Ok(());
    }
    for delivery in engine.store.claim(target.clone(), engine.now(), LEASE, room).await? {
        let engine = Arc::clone(engine);
        running.spawn(async move { attempt::make(&engine, delivery).await });
    }
    Ok(())
}

fn remove_ended(running: &mut JoinSet<()>) {
    while let Some(ended) = running.try_join_next() {
        report(ended);
    }
}

/// An attempt that panicked leaves its lease, and is made again when that ends.
pub fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of the delivery engine did not end by itself");
    }
}
