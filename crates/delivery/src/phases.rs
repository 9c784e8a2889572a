//! How long the parts of one request took. The pool connects for a request, but hands it whichever connection
//! is free first: so what is noted while connecting counts only where that very connection was used.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Timing;

tokio::task_local! {
    /// The notes of the request that this task sends: the pool calls the connector from within it.
    pub static PHASES: Arc<Phases>;
}

/// What is noted while connecting.
#[derive(Debug, Default)]
pub struct Phases(Mutex<Noted>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Dns,
    Connect,
    Tls,
}

/// A connection's local and its remote address: no two that are open have the same.
pub type Ends = (SocketAddr, SocketAddr);

#[derive(Debug, Default)]
struct Noted {
    running: Option<(Phase, Instant)>,
    timing: Timing,
    tried: Option<SocketAddr>,
    ends: Option<Ends>,
}

impl Phases {
    /// Those of the request that is being sent; of nobody where none is.
    pub fn current() -> Arc<Self> {
        PHASES.try_with(Arc::clone).unwrap_or_default()
    }

    /// Ends the phase that runs, and begins another.
    pub fn begin(&self, phase: Phase) {
        let mut noted = self.noted();
        noted.end();
        noted.running = Some((phase, Instant::now()));
    }

    /// Ends the phase that runs, if one does.
    pub fn end(&self) {
        self.noted().end();
    }

    /// An address that is about to be connected to.
    pub fn note_try(&self, address: SocketAddr) {
        self.noted().tried = Some(address);
    }

    pub fn note_ends(&self, ends: Ends) {
        self.noted().ends = Some(ends);
    }

    /// The times of connecting, and the address that was called. `used` is the connection that the request
    /// went over; without one it got no further than connecting.
    pub fn conclude(&self, used: Option<Ends>) -> (Timing, Option<SocketAddr>) {
        let mut noted = self.noted();
        noted.end();
        match used {
            Some(ends) if noted.ends == used => (noted.timing, Some(ends.1)),
            Some(ends) => (Timing::default(), Some(ends.1)),
            None => (noted.timing, noted.tried),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn end(&mut self) {
        let Some((phase, since)) = self.running.take() else { return };
        let took = Some(whole_micros(since.elapsed()));
        match phase {
            Phase::Dns => self.timing.dns_us = took,
            Phase::Connect => self.timing.connect_us = took,
            Phase::Tls => self.timing.tls_us = took,
        }
    }
}

pub fn whole_micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
    const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2);
    const OTHER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3);

    #[test]
    fn each_phase_lasts_until_the_next_begins() {
        let phases = Phases::default();
        phases.begin(Phase::Dns);
        phases.begin(Phase::Connect);
        phases.note_try(REMOTE);
        assert_eq!(phases.noted().timing.connect_us, None, "it has not ended");
        let (timing, address) = phases.conclude(None);
        assert_eq!(address, Some(REMOTE));
        assert!(timing.dns_us.is_some() && timing.connect_us.is_some() && timing.tls_us.is_none());
        phases.end();
        assert_eq!(phases.conclude(None).0, timing, "what has ended stays as it is");
    }

    #[test]
    fn the_times_of_another_connection_than_the_one_used_do_not_count() {
        let phases = Phases::default();
        phases.begin(Phase::Connect);
        phases.note_ends((LOCAL, REMOTE));
        let (own, address) = phases.conclude(Some((LOCAL, REMOTE)));
        assert!(own.connect_us.is_some());
        assert_eq!(address, Some(REMOTE));
        assert_eq!(phases.conclude(Some((OTHER, REMOTE))), (Timing::default(), Some(REMOTE)));
    }
}
