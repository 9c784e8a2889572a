//! Passwords as they are kept: Argon2id, computed away from the threads of requests, two at a time.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use proofback_domain::time::Span;
use proofback_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The OWASP Password Storage Cheat Sheet's: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Each takes a core and the memory above.
const AT_ONCE: usize = 2;
/// Beyond these somebody is told to come again.
const WAITING_MAX: usize = 32;
/// When they may come again.
const AGAIN_AFTER: Span = Span::from_seconds(2);
/// Of work that is done for nobody; its result is thrown away.
const NO_SALT: [u8; SALT_BYTES] = [0; SALT_BYTES];
pub const SALT_BYTES: usize = 16;

static ARGON: LazyLock<Argon2<'static>> = LazyLock::new(|| {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these are within the bounds of Argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
});

pub struct Hashing {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Why nothing was computed.
pub enum NotHashed {
    TooMany(Span),
    Failed(StoreError),
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        }
    }
}

impl Hashing {
    /// A password as a PHC string.
    pub async fn hash(&self, password: &str, salt: [u8; SALT_BYTES]) -> Result<String, NotHashed> {
        let password = password.to_owned();
        self.run(move || hash(&password, &salt)).await?.map_err(|error| failed(&error))
    }

    /// Whether a password is the one of a PHC string. Where there is none it is not, after the same work.
    pub async fn verify(&self, password: &str, known: Option<String>) -> Result<bool, NotHashed> {
        let password = password.to_owned();
        self.run(move || match known {
            Some(known) => ARGON.verify_password(password.as_bytes(), known.as_str()).is_ok(),
            None => {
                drop(hash(&password, &NO_SALT));
                false
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotHashed> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| NotHashed::TooMany(AGAIN_AFTER))?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| failed(&error))?;
        let held: [OwnedSemaphorePermit; 2] = [place, turn];
        // Whoever asked may be gone by then: the work is done all the same, and holds its turn as long.
        let work = move || {
            let result = work();
            drop(held);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
    }
}

fn hash(password: &str, salt: &[u8]) -> Result<String, argon2::password_hash::Error> {
    ARGON.hash_password_with_salt(password.as_bytes(), salt).map(|hash| hash.to_string())
}

fn failed(error: &dyn std::fmt::Display) -> NotHashed {
    NotHashed::Failed(StoreError::Failed(format!("a password could not be hashed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok<T>(result: Result<T, NotHashed>) -> T {
        result.unwrap_or_else(|_| panic!("it was not hashed"))
    }

    #[tokio::test]
    async fn a_password_is_kept_with_its_salt_and_its_cost_and_is_found_to_be_the_one() {
        let hashing = Hashing::default();
        let kept = ok(hashing.hash("tram quilt 41", [7; SALT_BYTES]).await);
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, ok(hashing.hash("tram quilt 41", [8; SALT_BYTES]).await));
        assert!(ok(hashing.verify("tram quilt 41", Some(kept.clone())).await));
        assert!(!ok(hashing.verify("tram quilt 42", Some(kept)).await));
        assert!(!ok(hashing.verify("tram quilt 41", None).await));
        for damaged in ["", "tram quilt 41", "$argon2id$v=19$m=19456,t=2,p=1$"] {
            assert!(!ok(hashing.verify("tram quilt 41", Some(damaged.into())).await), "{damaged:?}");
        }
    }

    #[tokio::test]
    async fn two_are_computed_at_a_time_some_wait_and_others_are_told_to_come_again() {
        let hashing = Hashing::default();
        let held = Arc::clone(&hashing.turns).acquire_many_owned(2).await.unwrap();
        let mut waiting: Vec<_> = (0..AT_ONCE + WAITING_MAX).map(|_| Box::pin(hashing.run(|| ()))).collect();
        for one in &mut waiting {
            assert!(poll(one.as_mut()).is_pending());
        }
        assert!(matches!(hashing.run(|| ()).await, Err(NotHashed::TooMany(_))));
        drop(held);
        for one in waiting {
            ok(one.await);
        }
        ok(hashing.run(|| ()).await);
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
