//! The outside world: the clock, randomness, secrets, the log.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use proofback_domain::program::SecretRef;
use proofback_domain::time::Timestamp;

/// What time it is.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// 128 random bits from the operating system.
pub fn entropy() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_ne_bytes(bytes)
}

/// Microseconds since the process began to ask; they never go back.
pub fn ticks() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// Bytes that are left to us on the disk of a directory.
pub fn free_bytes(directory: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

pub fn clock() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    Arc::new(now)
}

/// The value behind `env:NAME` or `file:PATH`.
pub fn resolve(reference: &SecretRef) -> Result<String, String> {
    let value = match reference {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(value) => value,
            Err(std::env::VarError::NotPresent) => {
                return Err(format!("the environment variable {name} is not set"));
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(format!("the environment variable {name} is not UTF-8"));
            }
        },
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("the file {path}: {error}"))?
            .trim_end()
            .to_owned(),
    };
    if value.is_empty() { Err("it is empty".into()) } else { Ok(value) }
}

const ADMIN_TOKEN_CHARS_MIN: usize = 32;

/// The operator's token: from the environment, else from `DIR/admin.token`, which is written at the first start.
pub fn admin_token(directory: &std::path::Path) -> anyhow::Result<String> {
    if let Ok(token) = std::env::var("PROOFBACK_ADMIN_TOKEN") {
        if token.chars().count() < ADMIN_TOKEN_CHARS_MIN {
            anyhow::bail!("PROOFBACK_ADMIN_TOKEN has fewer than {ADMIN_TOKEN_CHARS_MIN} characters");
        }
        return Ok(token);
    }
    let path = directory.join("admin.token");
    if path.exists() {
        let token =
            std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        return Ok(token.trim().to_owned());
    }
    let token = format!("pb_{:032x}{:032x}", entropy(), entropy());
    write_private(&path, &token).with_context(|| format!("{} cannot be written", path.display()))?;
    tracing::warn!(path = %path.display(), "a first admin token was written; keep it safe");
    Ok(token)
}

/// Readable by its owner alone from the moment it is there.
fn write_private(path: &std::path::Path, token: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}

/// Logs go to stderr; `PROOFBACK_LOG` filters them. Commands other than the server speak only of trouble.
pub fn log_to_stderr(server: bool) {
    let default = if server { "info" } else { "warn" };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("PROOFBACK_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
}
