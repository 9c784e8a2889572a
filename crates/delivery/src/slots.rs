//! How many requests a target may have under way: one is its own whatever the others do, each further one needs a
//! place among those of its host, and one in a pool that all targets share. So targets that hang can use up both, and
//! still delay nobody else.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to one target at the same time.
pub const SLOTS_MAX: usize = 16;

/// The slots of one target.
pub struct Slots {
    pool: Arc<Semaphore>,
    host: Arc<Semaphore>,
    /// A pair for each request beyond the first.
    held: Vec<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Slots {
    pub fn new(pool: Arc<Semaphore>, host: Arc<Semaphore>) -> Self {
        Self { pool, host, held: Vec::new() }
    }

    /// How many requests may begin while `running` are under way; as many slots are held for them.
    pub fn open(&mut self, running: usize) -> usize {
        while self.held.len() + 1 < SLOTS_MAX
            && let Ok(of_host) = Arc::clone(&self.host).try_acquire_owned()
            && let Ok(of_pool) = Arc::clone(&self.pool).try_acquire_owned()
        {
            self.held.push((of_host, of_pool));
        }
        (self.held.len() + 1).saturating_sub(running)
    }

    /// Gives back what `running` requests do not need.
    pub fn settle(&mut self, running: usize) {
        self.held.truncate(running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(count: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(count))
    }

    #[test]
    fn a_target_has_sixteen_slots_while_there_are_some() {
        let (pool, host) = (permits(100), permits(200));
        let mut slots = Slots::new(Arc::clone(&pool), Arc::clone(&host));
        assert_eq!(slots.open(0), 16);
        slots.settle(16);
        assert_eq!(slots.open(16), 0);
        assert_eq!(slots.open(10), 6);
        slots.settle(3);
        assert_eq!((pool.available_permits(), host.available_permits()), (98, 198));
        slots.settle(0);
        assert_eq!((pool.available_permits(), host.available_permits()), (100, 200));
    }

    #[test]
    fn a_target_has_a_slot_of_its_own_when_the_pool_is_empty_or_its_host_full() {
        for (pool, host) in [(20, 1_000), (1_000, 20)] {
            let (pool, host) = (permits(pool), permits(host));
            let slots = || Slots::new(Arc::clone(&pool), Arc::clone(&host));
            let (mut first, mut second, mut third) = (slots(), slots(), slots());
            assert_eq!(first.open(0), 16);
            assert_eq!(second.open(0), 6);
            assert_eq!(third.open(0), 1);
            third.settle(1);
            assert_eq!(third.open(1), 0);
            drop(first);
            assert_eq!(third.open(1), 15);
        }
    }
}
