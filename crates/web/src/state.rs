//! What every handler is given: the store, the settings, and the sources of time and identifiers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use proofback_domain::click::Place;
use proofback_domain::click_id::{ClickId, Keys, Sequence};
use proofback_domain::id::{DeliveryId, Id, PersonId, PostbackId, SessionId, SettlementId, TokenId};
use proofback_domain::name::Name;
use proofback_domain::program::{RateLimit, SecretRef};
use proofback_domain::rate::Bucket;
use proofback_domain::time::{Span, Timestamp};
use proofback_domain::totp::SECRET_BYTES;
use proofback_store::{Stopwatch, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::live::Live;
use crate::metrics::Metrics;
use crate::people::People;

type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;
type Ticks = Arc<dyn Fn() -> u64 + Send + Sync>;
type Entropy = Arc<dyn Fn() -> u128 + Send + Sync>;
type Resolve = Arc<dyn Fn(&SecretRef) -> Result<String, String> + Send + Sync>;
type Locate = Arc<dyn Fn(IpAddr) -> Place + Send + Sync>;

/// Files that are worked on at the same time: each may take a few hundred megabytes.
const FILES_AT_ONCE: usize = 2;

/// Shared by all handlers; a clone is one counter more.
#[derive(Clone)]
pub struct Web(Arc<Parts>);

pub struct Parts {
    pub store: Store,
    pub settings: Settings,
    pub ids: Ids,
    pub metrics: Metrics,
    pub world: World,
    rates: Mutex<HashMap<(Name, bool), Bucket>>,
    ready: AtomicBool,
    files: Arc<Semaphore>,
    pub(crate) people: People,
    told: Mutex<Told>,
    pub(crate) live: Live,
    #[cfg_attr(not(feature = "reports"), expect(dead_code, reason = "there is never one"))]
    pub(crate) engine: Option<Engine>,
    #[cfg(feature = "reports")]
    pub(crate) today: crate::today::Today,
}

/// What computes reports. A build without them has none.
#[cfg(feature = "reports")]
pub type Engine = proofback_reports::Reports;

/// What would compute reports; this build has none.
#[cfg(not(feature = "reports"))]
#[derive(Clone)]
pub enum Engine {}

impl std::ops::Deref for Web {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What only the binary may ask: the clock, the secrets and the geo data.
pub struct World {
    /// What time it is.
    pub now: Now,
    /// Microseconds that never go back; from where they count does not matter.
    pub ticks: Ticks,
    /// The value behind a secret's reference.
    pub resolve: Resolve,
    /// Where an address is; what is not known is empty.
    pub place: Locate,
    /// Bytes that the disk of the store has left; `None` where nobody knows.
    pub free_bytes: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
}

/// What the binary tells of what it does by itself.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Files of geo data and how old they are.
    pub geo: Vec<(String, Span)>,
    /// When and why facts could not be sealed; `None` since they could.
    pub sealing: Option<(Timestamp, String)>,
}

pub struct Settings {
    /// How long a visitor waits for the store before his click goes to the spill.
    pub click_wait: Duration,
    /// Peers whose forwarding headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// Lets the operator in without a token of the store.
    pub admin_token_hash: [u8; 32],
    /// The path of the program file that the server applies at its start: what is changed elsewhere lasts until then.
    pub program_file: Option<String>,
}

/// Where identifiers come from.
pub struct Ids {
    clicks: Mutex<Sequence>,
    entropy: Entropy,
}

impl Web {
    pub fn new(store: Store, settings: Settings, ids: Ids, world: World, engine: Option<Engine>) -> Self {
        Self(Arc::new(Parts {
            store,
            settings,
            ids,
            metrics: Metrics::new(),
            world,
            rates: Mutex::new(HashMap::new()),
            ready: AtomicBool::new(false),
            files: Arc::new(Semaphore::new(FILES_AT_ONCE)),
            people: People::default(),
            told: Mutex::default(),
            live: Live::new(),
            engine,
            #[cfg(feature = "reports")]
            today: crate::today::Today::default(),
        }))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.world.now)()
    }

    /// Runs from now on.
    pub fn stopwatch(&self) -> Stopwatch {
        let ticks = Arc::clone(&self.world.ticks);
        let start = ticks();
        Stopwatch(Arc::new(move || ticks().saturating_sub(start)))
    }

    /// From now on `/readyz` says yes: the spill of an earlier run is in.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Keeps what the binary tells, in the place of what it told before.
    pub fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends every stream, so that the server can stop.
    pub fn end_streams(&self) {
        self.live.end();
    }

    /// Comes back when a file may be read; its turn ends with the value.
    pub async fn file_turn(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.files).acquire_owned().await.ok()
    }

    /// Counts one postback of a sender; `Err` says how long he should wait. Browsers have a rate of their own, so
    /// that they cannot use up the server's.
    pub fn take_rate(&self, sender: (Name, bool), limit: RateLimit, now: Timestamp) -> Result<(), Span> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.entry(sender).or_default().take(limit, now)
    }
}

impl Ids {
    /// `last_click` is the newest time in a click id ever given here.
    pub fn new(last_click: Timestamp, entropy: Entropy) -> Self {
        let seed = u32::try_from(entropy() & 0xffff_ffff).unwrap_or(0);
        Self { clicks: Mutex::new(Sequence::new(last_click, seed)), entropy }
    }

    pub fn click(&self, now: Timestamp, link: u32, keys: &Keys) -> ClickId {
        let prefix = self.clicks.lock().unwrap_or_else(PoisonError::into_inner).next(now, link);
        keys.sign(prefix)
    }

    pub fn postback(&self, now: Timestamp) -> PostbackId {
        Id::new(now, (self.entropy)())
    }

    pub fn delivery(&self, now: Timestamp) -> DeliveryId {
        Id::new(now, (self.entropy)())
    }

    pub fn settlement(&self, now: Timestamp) -> SettlementId {
        Id::new(now, (self.entropy)())
    }

    pub fn person(&self, now: Timestamp) -> PersonId {
        Id::new(now, (self.entropy)())
    }

    pub fn session(&self, now: Timestamp) -> SessionId {
        Id::new(now, (self.entropy)())
    }

    pub fn token(&self, now: Timestamp) -> TokenId {
        Id::new(now, (self.entropy)())
    }

    /// What a password is hashed with; never a secret.
    pub fn salt(&self) -> [u8; 16] {
        (self.entropy)().to_be_bytes()
    }

    /// What an authenticator is given.
    pub fn totp_secret(&self) -> [u8; SECRET_BYTES] {
        let mut secret = [0; SECRET_BYTES];
        for part in secret.chunks_mut(16) {
            for (byte, random) in part.iter_mut().zip((self.entropy)().to_be_bytes()) {
                *byte = random;
            }
        }
        secret
    }

    /// 256 random bits, in hexadecimal.
    pub fn secret(&self) -> String {
        format!("{:032x}{:032x}", (self.entropy)(), (self.entropy)())
    }
}
