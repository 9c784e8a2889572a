//! What the engine, its workers and their attempts share: the store, the client, the clock, and the bounds over all
//! targets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proofback_domain::delivery::RetryPolicy;
use proofback_domain::name::Name;
use proofback_domain::program::target::DRAIN;
use proofback_domain::program::{RateLimit, Target};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::Store;
use tokio::sync::Semaphore;

use crate::alarm::Alarm;
use crate::client::Client;
use crate::hosts::Hosts;
use crate::metrics::DeliveryMetrics;
use crate::paces::Paces;
use crate::tokens::Tokens;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Gives a random number of thousandths, 0 to 1000.
pub type Jitter = Arc<dyn Fn() -> u16 + Send + Sync>;

/// For how long a claimed delivery is ours; well above the time that the client gives a request.
pub const LEASE: Span = Span::from_seconds(60);
/// After an error of the store.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct EngineOptions {
    pub policy: RetryPolicy,
    pub metrics: Arc<DeliveryMetrics>,
    /// Requests at the same time over all targets, beside the one that each target has to itself.
    pub shared_requests_max: usize,
    /// The engine looks at least so often, whatever it was told.
    pub look_every: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            policy: RetryPolicy::default(),
            metrics: Arc::default(),
            shared_requests_max: 1_024,
            look_every: Duration::from_secs(60),
        }
    }
}

/// What workers and attempts need.
pub struct Engine {
    pub store: Store,
    pub client: Client,
    pub options: EngineOptions,
    pub pool: Arc<Semaphore>,
    pub hosts: Hosts,
    pub paces: Paces,
    pub tokens: Tokens,
    pub alarm: Alarm,
    pub clock: Clock,
    pub jitter: Jitter,
    pub closing: AtomicBool,
}

impl Engine {
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub fn jitter(&self) -> u16 {
        (self.jitter)()
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// How fast a target gets what waited for it.
    pub fn drain_rate(&self, target: &Name) -> RateLimit {
        self.known(target).map_or(DRAIN, |known| known.drain_rate())
    }

    /// The places of the host that a target lies on.
    pub fn host_of(&self, target: &Name) -> Arc<Semaphore> {
        self.hosts.of(self.known(target).map(|known| known.host()).unwrap_or_default())
    }

    /// A target of the program in force.
    fn known(&self, target: &Name) -> Option<Target> {
        self.store.snapshot()?.program.targets.get(target).cloned()
    }

    /// There may be something due that was not planned just now.
    pub fn look_soon(&self) {
        self.alarm.set(self.now());
    }

    pub fn try_again_soon(&self) {
        let pause = Span::from_millis(u64::try_from(STORE_PAUSE.as_millis()).unwrap_or(u64::MAX));
        self.alarm.set(self.now().plus(pause));
    }
}
