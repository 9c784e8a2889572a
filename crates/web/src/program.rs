//! Putting a program in force: read, resolve its secrets, keep it as a revision, swap the snapshot. All or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use proofback_domain::click_id::Keys;
use proofback_domain::program::{Mistake, Program, SecretRef, Secrets, Snapshot, read};
use proofback_domain::time::Timestamp;
use proofback_store::{Edit, Outdated, Store, StoreError, StoredProgram};

use crate::api::problem;

/// Where the value of a secret's reference is found, or why it is not.
pub type Resolve<'a> = &'a (dyn Fn(&SecretRef) -> Result<String, String> + Send + Sync);

/// A program that is in force now.
#[derive(Debug)]
pub struct Applied {
    pub revision: u32,
    /// Only warnings.
    pub mistakes: Vec<Mistake>,
}

/// Why a program is not in force; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the program has mistakes")]
    Mistakes(Vec<Mistake>),
    #[error("the secret {reference} cannot be read: {why}")]
    Secret { reference: String, why: String },
    #[error(transparent)]
    Outdated(#[from] Outdated),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies a program file's text as the next revision.
pub async fn apply(
    store: &Store,
    source: &str,
    edit: Edit,
    now: Timestamp,
    resolve: Resolve<'_>,
) -> Result<Applied, ApplyError> {
    let (program, mistakes) = read(source);
    let Some(program) = program else {
        return Err(ApplyError::Mistakes(mistakes));
    };
    let secrets = resolve_all(&program, resolve)?;
    let stored = store.save_program(source.to_owned(), &program, edit, now).await??;
    let revision = stored.revision;
    adopt(store, stored, program, secrets).await?;
    Ok(Applied { revision, mistakes })
}

/// Puts the program that the store keeps in force; `false` when it keeps none.
pub async fn load(store: &Store, resolve: Resolve<'_>) -> Result<bool, ApplyError> {
    let Some(stored) = store.program().await? else {
        return Ok(false);
    };
    let (program, mistakes) = read(&stored.source);
    let Some(program) = program else {
        return Err(ApplyError::Mistakes(mistakes));
    };
    let secrets = resolve_all(&program, resolve)?;
    adopt(store, stored, program, secrets).await?;
    Ok(true)
}

async fn adopt(
    store: &Store,
    stored: StoredProgram,
    program: Program,
    secrets: Secrets,
) -> Result<(), ApplyError> {
    let keys = Keys::new(store.click_key().await?, Vec::new());
    store.adopt(Arc::new(Snapshot::new(stored.revision, program, stored.numbers, secrets, keys)));
    Ok(())
}

fn resolve_all(program: &Program, resolve: Resolve<'_>) -> Result<Secrets, ApplyError> {
    let mut values = BTreeMap::new();
    for reference in program.secrets() {
        let value =
            resolve(reference).map_err(|why| ApplyError::Secret { reference: reference.to_string(), why })?;
        values.insert(reference.clone(), value);
    }
    Ok(Secrets(values))
}

/// The answer to a request that the store did not carry out.
pub fn store_problem(error: &StoreError) -> Response {
    match error {
        StoreError::Unavailable(_) => problem::unavailable("the store cannot take it now"),
        StoreError::Failed(_) => problem::failed(),
    }
}
