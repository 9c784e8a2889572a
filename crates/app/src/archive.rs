//! Facts at rest: sealed when their hour is over, merged when their day is, forgotten when they were kept long enough.

use std::time::Duration;

use proofback_store::{Sealed, StoreError};
use proofback_web::Web;
use tokio::sync::watch;

use crate::server::until;

/// How often facts are looked for that have come to rest.
const SEAL_EVERY: Duration = Duration::from_secs(30);
/// Every so many looks, days are merged and what is old is forgotten.
const TIDY_EVERY: u32 = 20;

pub async fn run(web: Web, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SEAL_EVERY);
    let mut stop = std::pin::pin!(until(stopped));
    for look in (0..TIDY_EVERY).cycle() {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let sealed = web.store.seal_facts(web.now(), None).await;
        let failed = sealed.as_ref().err().map(|error| (web.now(), error.to_string()));
        web.tell(|told| told.sealing = failed);
        match sealed {
            Ok(Sealed { files: 0, .. }) => {}
            Ok(Sealed { rows, files, bytes }) => tracing::info!(rows, files, bytes, "facts are sealed"),
            Err(error) => tracing::warn!(%error, "facts could not be sealed; it is tried again"),
        }
        if look == 0
            && let Err(error) = tidy(&web).await
        {
            tracing::warn!(%error, "sealed facts could not be tidied; it is tried again");
        }
    }
}

async fn tidy(web: &Web) -> Result<(), StoreError> {
    let merged = web.store.merge_files(web.now()).await?;
    let retention = web.store.snapshot().map(|snapshot| snapshot.program.retention).unwrap_or_default();
    let forgotten = web.store.forget_old(retention, web.now()).await?;
    let removed = web.store.remove_orphans(web.now()).await?;
    if 0 < merged + removed || forgotten != proofback_store::Forgotten::default() {
        tracing::info!(merged, removed, ?forgotten, "sealed facts are tidied");
    }
    Ok(())
}
