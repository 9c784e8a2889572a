//! A partner's tracker: takes deliveries, keeps what came, and fails on request.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use tokio::sync::watch;

use crate::loopback::Loopback;

/// The parameters under which a delivery names itself.
const DELIVERY_ID: [&str; 2] = ["did", "delivery_id"];
/// Requests beyond this are turned away: the tracker is not to grow without end.
const RECEIVED_MAX: usize = 1_000_000;

/// A running tracker; every path is an address for deliveries.
pub struct PartnerTracker {
    server: Loopback,
    shared: Arc<Shared>,
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub path: String,
    /// Decoded, in their order.
    pub pairs: Vec<(String, String)>,
    /// What it was answered.
    pub status: u16,
    /// Whether the same delivery had been accepted before.
    pub repeated: bool,
}

struct Shared {
    state: Mutex<Recorded>,
    accepted: watch::Sender<usize>,
}

#[derive(Default)]
struct Recorded {
    received: Vec<Received>,
    faults: Vec<Fault>,
    /// How often each delivery came to each path.
    attempts: HashMap<(String, String), u32>,
    accepted: BTreeSet<String>,
}

struct Fault {
    path: Option<String>,
    times: u32,
    status: u16,
}

impl PartnerTracker {
    pub async fn start() -> std::io::Result<Self> {
        let (accepted, _) = watch::channel(0);
        let shared = Arc::new(Shared { state: Mutex::default(), accepted });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::serve(router).await?, shared })
    }

    /// Its address without a path.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on the first `times` requests of each delivery are answered with `status`; `None` is every path.
    pub fn fail_first(&self, path: Option<&str>, times: u32, status: u16) {
        let fault = Fault { path: path.map(str::to_owned), times, status };
        self.shared.lock().faults.push(fault);
    }

    /// Every request, in the order in which they came.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    /// What was accepted, each delivery once.
    pub fn accepted(&self) -> Vec<Received> {
        let accepted = |request: &&Received| request.status == 200 && !request.repeated;
        self.shared.lock().received.iter().filter(accepted).cloned().collect()
    }

    /// Waits until so many deliveries were accepted; without end where they never are.
    pub async fn wait_for(&self, deliveries: usize) {
        let mut accepted = self.shared.accepted.subscribe();
        // The sender lives in `self`: there is no error while this waits.
        drop(accepted.wait_for(|count| deliveries <= *count).await);
    }
}

impl Received {
    /// The first parameter of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn take(State(shared): State<Arc<Shared>>, uri: Uri) -> (StatusCode, &'static str) {
    let query = uri.query().unwrap_or_default();
    let status = shared.record(uri.path(), query);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, if status == StatusCode::OK { "ok\n" } else { "not now\n" })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, path: &str, query: &str) -> u16 {
        let mut state = self.lock();
        if RECEIVED_MAX <= state.received.len() {
            return StatusCode::INSUFFICIENT_STORAGE.as_u16();
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let named = pairs.iter().find(|(name, _)| DELIVERY_ID.contains(&name.as_str()));
        // What names no delivery is told apart by all it says.
        let delivery = named.map_or_else(|| query.to_owned(), |(_, id)| id.clone());
        let status = state.answer(path, &delivery);
        let repeated = status == 200 && !state.accepted.insert(delivery);
        state.received.push(Received { path: path.to_owned(), pairs, status, repeated });
        self.accepted.send_replace(state.accepted.len());
        status
    }
}

impl Recorded {
    fn answer(&mut self, path: &str, delivery: &str) -> u16 {
        let attempts = self.attempts.entry((path.to_owned(), delivery.to_owned())).or_default();
        *attempts = attempts.saturating_add(1);
        let applies = |fault: &&Fault| {
            *attempts <= fault.times && fault.path.as_deref().is_none_or(|faulty| faulty == path)
        };
        self.faults.iter().find(applies).map_or(200, |fault| fault.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Http;

    #[tokio::test]
    async fn each_delivery_fails_as_often_as_was_asked_and_counts_once() {
        let tracker = PartnerTracker::start().await.unwrap();
        tracker.fail_first(Some("/flaky"), 2, 503);
        let http = Http::new();
        let mut seen = Vec::new();
        for target in [
            "/flaky?did=a",
            "/flaky?did=a",
            "/flaky?did=b",
            "/flaky?did=a",
            "/flaky?did=a",
            "/postback?did=c",
        ] {
            seen.push(http.get(&format!("{}{target}", tracker.url())).await.unwrap().status);
        }
        assert_eq!(seen, [503, 503, 503, 200, 200, 200]);
        tracker.wait_for(2).await;
        let accepted: Vec<String> =
            tracker.accepted().iter().filter_map(|request| request.value("did").map(str::to_owned)).collect();
        assert_eq!(accepted, ["a", "c"]);
        assert_eq!(tracker.received().len(), 6);
    }

    #[tokio::test]
    async fn parameters_are_kept_decoded_and_in_order() {
        let tracker = PartnerTracker::start().await.unwrap();
        Http::new().get(&format!("{}/postback?b=1%202&a=%C3%A4&b=3", tracker.url())).await.unwrap();
        let pairs =
            [("b", "1 2"), ("a", "ä"), ("b", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tracker.received()[0].pairs, pairs);
    }
}
