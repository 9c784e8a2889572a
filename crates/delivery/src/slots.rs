//! How many requests a target may have under way: one is its own whatever the others do, the rest come from
//! a pool that all targets share. So targets that hang can use up the pool, and still delay nobody else.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to one target at the same time.
pub const SLOTS_MAX: usize = 16;

/// The slots of one target.
pub struct Slots {
    pool: Arc<Semaphore>,
    /// One for each request beyond the first.
    held: Vec<OwnedSemaphorePermit>,
}

impl Slots {
    pub fn new(pool: Arc<Semaphore>) -> Self {
        Self { pool, held: Vec::new() }
    }

    /// How many requests may begin while `running` are under way; as many slots are held for them.
    pub fn open(&mut self, running: usize) -> usize {
        while self.held.len() + 1 < SLOTS_MAX
            && let Ok(permit) = Arc::clone(&self.pool).try_acquire_owned()
        {
            self.held.push(permit);
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

    #[test]
    fn a_target_has_sixteen_slots_while_the_pool_has_them() {
        let pool = Arc::new(Semaphore::new(100));
        let mut slots = Slots::new(Arc::clone(&pool));
        assert_eq!(slots.open(0), 16);
        slots.settle(16);
        assert_eq!(slots.open(16), 0);
        assert_eq!(slots.open(10), 6);
        slots.settle(3);
        assert_eq!(pool.available_permits(), 98);
        slots.settle(0);
        assert_eq!(pool.available_permits(), 100);
    }

    #[test]
    fn a_target_has_a_slot_of_its_own_when_the_pool_is_empty() {
        let pool = Arc::new(Semaphore::new(20));
        let mut first = Slots::new(Arc::clone(&pool));
        let mut second = Slots::new(Arc::clone(&pool));
        let mut third = Slots::new(Arc::clone(&pool));
        assert_eq!(first.open(0), 16);
        assert_eq!(second.open(0), 6);
        assert_eq!(third.open(0), 1);
        third.settle(1);
        assert_eq!(third.open(1), 0);
        drop(first);
        assert_eq!(third.open(1), 15);
    }
}
