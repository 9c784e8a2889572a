//! Stand-ins for the platforms that are told of conversions: each holds what its platform documents.
//!
//! The rules are written from the platforms' own pages, in tables of their own, and know nothing of our presets:
//! a preset that is wrong cannot be wrong here in the same way. They are stricter than the platforms in one thing:
//! a parameter that is not documented is refused, since a misspelt one is passed over in silence over there.

mod judge;
mod platform;
mod sources;
mod trackers;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use crate::loopback::Loopback;

pub use judge::{Booking, Refusal};
pub use platform::{Form, Meaning, Money, Need, Parameter, Platform, Repeats, Role};

/// Says which scheme a request came under, as a server behind a TLS proxy is told.
const SCHEME_HEADER: &str = "x-forwarded-proto";
/// Requests beyond this are turned away: the stand-in is not to grow without end.
const HEARD_MAX: usize = 100_000;

/// Every platform that there is a stand-in for.
pub fn platforms() -> impl Iterator<Item = &'static Platform> {
    trackers::PLATFORMS.iter().chain(&sources::PLATFORMS)
}

/// One platform, running.
pub struct Receiver {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    platform: &'static Platform,
    state: Mutex<Recorded>,
}

#[derive(Default)]
struct Recorded {
    heard: Vec<Result<Booking, Refusal>>,
    known: BTreeSet<Vec<String>>,
}

impl Receiver {
    pub async fn start(platform: &'static Platform) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { platform, state: Mutex::default() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::serve(router).await?, shared })
    }

    /// Its address without a path. A request names the scheme and the host that it was meant for in headers.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What became of every request, in the order in which they came.
    pub fn heard(&self) -> Vec<Result<Booking, Refusal>> {
        self.shared.lock().heard.clone()
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let platform = shared.platform;
    let judged = platform.judge(method.as_str(), header(SCHEME_HEADER), header(HOST.as_str()), &uri);
    let mut state = shared.lock();
    if HEARD_MAX <= state.heard.len() {
        return (StatusCode::INSUFFICIENT_STORAGE, String::new());
    }
    let judged = judged.and_then(|booking| state.keep(platform, booking));
    let (status, body) = (platform.answer)(&judged);
    state.heard.push(judged);
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn keep(&mut self, platform: &Platform, booking: Booking) -> Result<Booking, Refusal> {
        let Repeats::By(roles) = platform.repeats else { return Ok(booking) };
        let key = roles.iter().map(|role| booking.value(*role).unwrap_or_default().to_owned()).collect();
        if self.known.insert(key) { Ok(booking) } else { Err(Refusal::Repeated) }
    }
}
