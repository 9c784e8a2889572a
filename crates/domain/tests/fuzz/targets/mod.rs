//! What must hold for any bytes at all, one function per parser; a panic is a find.
//!
//! Two drivers share them: `../main.rs` feeds mutated seeds within `cargo test`, and the programs under `fuzz/`
//! at the root let libFuzzer look for bytes that reach new code.

#![allow(dead_code, clippy::unwrap_used, reason = "a test support: each driver uses a part of it")]

pub mod click_id;
pub mod postback;
pub mod program;
pub mod report;
pub mod template;

use std::sync::LazyLock;

use proofback_domain::click_id::Keys;
use proofback_domain::program::{SecretRef, Secrets, Snapshot, read};
use proofback_domain::time::Timestamp;

/// 2026-11-21T06:26:00Z.
pub const NOW_MS: i64 = 1_795_244_760_000;
pub const TOKEN: &str = "t0ken";
pub const SECRET: &str = "s3cret";

/// The program in force; the seeds' click ids and signatures are made with its keys.
pub static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let (program, mistakes) = read(include_str!("../../support/program.toml"));
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let numbers = (1..).zip(program.links.keys().cloned()).collect();
    let secret = |name: &str, value: &str| (SecretRef::Env(name.into()), value.to_owned());
    let secrets = Secrets([secret("TOKEN", TOKEN), secret("SECRET", SECRET)].into());
    Snapshot::new(1, program, numbers, secrets, Keys::new([3; 16], vec![[9; 16]]))
});

pub fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS)
}
