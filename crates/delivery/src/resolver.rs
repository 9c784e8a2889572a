//! From a host to its addresses. Says nothing about which of them may be used: that is for the connector.
//!
//! The system's resolver is asked, because it knows the operator's hosts file, search domains and caches. It
//! holds a thread until it answers, and a name whose servers are gone takes it long. So each name is looked up
//! once at a time, however many wait for it, and a lookup that its askers gave up goes on alone. Nothing is
//! remembered: what a name stands for is judged each time anew.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, watch};

/// Lookups at the same time. The threads that they hold are shared with the store's readers.
const LOOKUPS_MAX: usize = 256;
/// Further addresses of one name are not tried.
const ADDRESSES_MAX: usize = 8;

/// Cheap to clone; all clones share the lookups.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
}

/// A lookup under way.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

struct Shared {
    ask: Box<dyn Fn(String) -> Looking + Send + Sync>,
    lookups: Mutex<HashMap<String, watch::Receiver<Found>>>,
    permits: Semaphore,
}

/// `None` while the lookup runs; empty where the name has no address.
type Found = Option<Arc<[IpAddr]>>;

impl Resolver {
    pub fn system() -> Self {
        Self::with(|name| {
            Box::pin(async move {
                let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
                Ok(addresses.map(|address| address.ip()).collect())
            })
        })
    }

    /// Another source of addresses than the system. It must not panic.
    pub fn with(ask: impl Fn(String) -> Looking + Send + Sync + 'static) -> Self {
        let permits = Semaphore::new(LOOKUPS_MAX);
        Self { shared: Arc::new(Shared { ask: Box::new(ask), lookups: Mutex::default(), permits }) }
    }

    /// The address that a host is as it stands in a URI: an IPv6 literal in brackets or an IPv4 literal.
    pub fn literal(host: &str) -> Option<IpAddr> {
        let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        unbracketed.unwrap_or(host).parse().ok()
    }

    /// The addresses of a name. There are none for one that cannot be resolved.
    pub async fn addresses(&self, name: &str) -> Arc<[IpAddr]> {
        let mut lookup = self.join_lookup(name);
        // The sender is gone without a word only when the process ends.
        let found = lookup.wait_for(Option::is_some).await.map(|found| found.clone());
        found.ok().flatten().unwrap_or_default()
    }

    /// Joins the lookup of a name that is under way, or starts one.
    fn join_lookup(&self, name: &str) -> watch::Receiver<Found> {
        let mut lookups = self.shared.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = lookups.get(name) {
            return lookup.clone();
        }
        let (sender, receiver) = watch::channel(None);
        lookups.insert(name.to_owned(), receiver.clone());
        tokio::spawn(look_up(Arc::clone(&self.shared), name.to_owned(), sender));
        receiver
    }
}

async fn look_up(shared: Arc<Shared>, name: String, sender: watch::Sender<Found>) {
    let permit = shared.permits.acquire().await;
    let addresses = distinct((shared.ask)(name.clone()).await.unwrap_or_default());
    drop(permit);
    shared.lookups.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
    sender.send_replace(Some(addresses.into()));
}

/// The first few, each once, in the resolver's order of preference.
fn distinct(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut kept = Vec::new();
    for address in addresses {
        if kept.len() < ADDRESSES_MAX && !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn a_literal_is_its_own_address() {
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ] {
            assert_eq!(Resolver::literal(host), Some(address.parse().unwrap()), "{host}");
        }
        for host in ["", "localhost", "127.1", "[localhost]", "[127.0.0.1", "[fe80::1%lo]"] {
            assert_eq!(Resolver::literal(host), None, "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_is_asked_for_each_time_anew() {
        let asked = AtomicU8::new(0);
        let resolver = Resolver::with(move |_| {
            let last = asked.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if last == 0 { Err(io::Error::other("SERVFAIL")) } else { Ok(vec![[192, 0, 2, last].into()]) }
            })
        });
        assert!(resolver.addresses("a.example").await.is_empty());
        for last in 1..4 {
            assert_eq!(*resolver.addresses("a.example").await, [IpAddr::from([192, 0, 2, last])]);
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask_at_the_same_time() {
        let resolver = Resolver::system();
        let first = resolver.join_lookup("localhost");
        let second = resolver.join_lookup("localhost");
        assert!(first.same_channel(&second));
        let addresses = resolver.addresses("localhost").await;
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
        assert!(resolver.shared.lookups.lock().unwrap().is_empty(), "what has ended is not kept");
    }

    #[tokio::test]
    async fn a_lookup_goes_on_when_its_asker_has_given_up() {
        let resolver = Resolver::system();
        let mut lookup = resolver.join_lookup("localhost");
        drop(resolver.addresses("localhost"));
        assert!(lookup.wait_for(Option::is_some).await.is_ok());
    }

    #[test]
    fn the_first_addresses_are_kept_each_once() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let many = (1..=20).flat_map(|last| [address(last), address(last)]);
        assert_eq!(distinct(many), (1..=8).map(address).collect::<Vec<_>>());
    }
}
