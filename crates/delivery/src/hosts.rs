//! How many requests a host may have under way, however many targets lie on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to one host at the same time.
pub const HOST_REQUESTS_MAX: usize = 64;
/// From so many hosts on, those without requests are forgotten.
const HOSTS_KEPT: usize = 1_024;

#[derive(Default)]
pub struct Hosts {
    by_name: Mutex<HashMap<String, Arc<Host>>>,
}

pub struct Host {
    requests: Arc<Semaphore>,
}

impl Hosts {
    /// The host of this name; what has none shares one.
    pub fn of(&self, name: String) -> Arc<Host> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= HOSTS_KEPT && !by_name.contains_key(&name) {
            by_name.retain(|_, host| Arc::strong_count(host) > 1 || host.is_busy());
        }
        let host = by_name.entry(name);
        Arc::clone(
            host.or_insert_with(|| Arc::new(Host { requests: Arc::new(Semaphore::new(HOST_REQUESTS_MAX)) })),
        )
    }
}

impl Host {
    /// Up to `wanted` permits, one for each request.
    pub fn take(&self, wanted: usize) -> Vec<OwnedSemaphorePermit> {
        let one = |_| Arc::clone(&self.requests).try_acquire_owned().ok();
        (0..wanted).map_while(one).collect()
    }

    /// The next permit that is given back; whoever waited longest comes first. `None` never comes: the semaphore is
    /// not closed.
    pub async fn next(self: Arc<Self>) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).acquire_owned().await.ok()
    }

    fn is_busy(&self) -> bool {
        self.requests.available_permits() < HOST_REQUESTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_targets_of_a_host_share_its_requests() {
        let hosts = Hosts::default();
        let first = hosts.of("a.example".into()).take(HOST_REQUESTS_MAX - 1);
        assert_eq!(first.len(), HOST_REQUESTS_MAX - 1);
        let second = hosts.of("a.example".into()).take(16);
        assert_eq!(second.len(), 1);
        assert_eq!(hosts.of("b.example".into()).take(16).len(), 16);
        assert!(hosts.of("a.example".into()).take(1).is_empty());
        drop(second);
        let waited = hosts.of("a.example".into()).next().await;
        assert!(waited.is_some() && hosts.of("a.example".into()).take(2).is_empty());
    }

    #[test]
    fn hosts_without_requests_are_forgotten_and_no_others() {
        let hosts = Hosts::default();
        let busy = hosts.of("busy.example".into()).take(1);
        for number in 0..2 * HOSTS_KEPT {
            hosts.of(format!("{number}.example"));
        }
        assert!(hosts.by_name.lock().unwrap().len() <= HOSTS_KEPT);
        let left = hosts.of("busy.example".into()).take(HOST_REQUESTS_MAX).len();
        assert_eq!(left, HOST_REQUESTS_MAX - busy.len());
    }
}
