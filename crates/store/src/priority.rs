//! Threads that give way to those who answer: the kernel's word for it, where it has one.

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// This thread goes on, but slowly, while others want its core: a thirtieth part, and never at once.
pub fn in_background() {
    give_way(NormalThreadSchedulePolicy::Batch);
}

/// This thread goes on when nothing else wants its core; whatever wakes up takes it at once.
pub fn when_idle() {
    give_way(NormalThreadSchedulePolicy::Idle);
}

/// With the lowest priority that the policy has: of a batch that is nice 19.
fn give_way(policy: NormalThreadSchedulePolicy) {
    let policy = ThreadSchedulePolicy::Normal(policy);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
        tracing::warn!(?error, ?policy, "a thread does not give way to others");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use thread_priority::thread_schedule_policy;

    #[test]
    fn a_thread_gives_way_and_the_one_that_began_it_does_not() {
        for (give_way, policy) in [
            (in_background as fn(), NormalThreadSchedulePolicy::Batch),
            (when_idle, NormalThreadSchedulePolicy::Idle),
        ] {
            let seen = std::thread::spawn(move || {
                give_way();
                thread_schedule_policy()
            });
            assert_eq!(seen.join().unwrap().unwrap(), ThreadSchedulePolicy::Normal(policy));
        }
        let own = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        assert_eq!(thread_schedule_policy().unwrap(), own);
    }
}
