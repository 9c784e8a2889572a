//! What can go wrong in the store, as its callers have to tell it apart.

/// Why an operation did not happen. Nothing of it was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Trying again can help: the queue is full, the disk is full, the store is closing.
    #[error("the store cannot take it now: {0}")]
    Unavailable(String),
    /// A bug or a damaged database; trying again does not help.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Why a data directory cannot be opened; one clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data directory {0} is in use by another process")]
    InUse(String),
    #[error("the data directory {path} cannot be used: {why}")]
    Unreadable { path: String, why: String },
    #[error(
        "the data directory {path} was written by a newer version (schema {found}, this one knows {known})"
    )]
    Newer { path: String, found: u32, known: u32 },
    #[error("the database in {path} cannot be opened: {why}")]
    Database { path: String, why: String },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory};
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(DiskFull | DatabaseBusy | DatabaseLocked | OutOfMemory) => Self::Unavailable(text),
            Some(_) | None => Self::Failed(text),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("a stored document cannot be read: {error}"))
    }
}
