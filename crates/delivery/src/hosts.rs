//! How many requests a host may have under way beside the one that each target has to itself, however many targets
//! lie on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Requests to one host at the same time, beyond one for each of its targets.
pub const HOST_REQUESTS_MAX: usize = 64;
/// From so many hosts on, those that nobody asks for are forgotten.
const HOSTS_KEPT: usize = 1_024;

#[derive(Default)]
pub struct Hosts {
    by_name: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Hosts {
    /// The places of the host of this name; what has none shares some.
    pub fn of(&self, name: String) -> Arc<Semaphore> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= HOSTS_KEPT && !by_name.contains_key(&name) {
            // Whoever has a place, or may take one, holds the host.
            by_name.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = by_name.entry(name);
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(HOST_REQUESTS_MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_of_a_host_share_its_places() {
        let hosts = Hosts::default();
        let taken = hosts.of("a.example".into()).try_acquire_many_owned(60).unwrap();
        assert_eq!(hosts.of("a.example".into()).available_permits(), 4);
        assert_eq!(hosts.of("b.example".into()).available_permits(), HOST_REQUESTS_MAX);
        drop(taken);
        assert_eq!(hosts.of("a.example".into()).available_permits(), HOST_REQUESTS_MAX);
    }

    #[test]
    fn hosts_that_nobody_holds_are_forgotten_and_no_others() {
        let hosts = Hosts::default();
        let busy = hosts.of("busy.example".into()).try_acquire_owned().unwrap();
        for number in 0..2 * HOSTS_KEPT {
            hosts.of(format!("{number}.example"));
        }
        assert!(hosts.by_name.lock().unwrap().len() <= HOSTS_KEPT);
        assert_eq!(hosts.of("busy.example".into()).available_permits(), HOST_REQUESTS_MAX - 1);
        drop(busy);
    }
}
