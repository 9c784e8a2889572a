//! Lines of a file, decided like postbacks in the order of the file, some hundred in a write: others write in between.

use std::sync::Arc;

use proofback_domain::decide::{Decision, REVERSALS, decide, key_of};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::postback::Reading;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::audit::{Deed, record};
use super::effects::carry_out;
use super::facts::Cause;
use super::idempotency::{self, Before, Idempotency};
use super::known::Moment;
use super::{Store, decisions, known, log, rows};
use crate::error::StoreError;
use crate::model::RawPostback;

/// A line, read and ready to be decided.
#[derive(Debug)]
pub struct ImportLine {
    pub raw: RawPostback,
    pub reading: Reading,
    pub id: PostbackId,
}

/// Whether an import under a caller's key may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportKey {
    Fresh,
    /// It was done before, with this answer.
    Done(String),
    /// The key belongs to another request.
    Taken,
}

impl Store {
    /// Looks before anything is decided.
    pub async fn import_key(&self, key: Option<Idempotency>) -> Result<ImportKey, StoreError> {
        self.read(move |connection| {
            Ok(match idempotency::look(connection, key.as_ref())? {
                Before::Nothing => ImportKey::Fresh,
                Before::Same(answer) => ImportKey::Done(answer),
                Before::Other => ImportKey::Taken,
            })
        })
        .await
    }

    /// Decides these lines and makes all of it durable, or none of them.
    pub async fn import(
        &self,
        lines: Vec<ImportLine>,
        snapshot: Arc<Snapshot>,
    ) -> Result<Vec<Decision>, StoreError> {
        let decisions = self.write(move |connection| decide_all(connection, lines, &snapshot)).await?;
        self.inner.outbox.notify_one();
        Ok(decisions)
    }

    /// What deciding these lines would come to; later ones see the earlier ones, and nothing is written. Everybody
    /// else's writes wait meanwhile: for a bounded number of lines.
    pub async fn try_import(
        &self,
        lines: Vec<ImportLine>,
        snapshot: Arc<Snapshot>,
    ) -> Result<Vec<Decision>, StoreError> {
        self.write(move |connection| {
            connection.execute_batch("savepoint dry_run")?;
            let decisions = decide_all(connection, lines, &snapshot);
            connection.execute_batch("rollback to dry_run; release dry_run")?;
            decisions
        })
        .await
    }

    /// Keeps what was imported by whom, with the answer to the caller's key. The answer is that of whoever came first.
    pub async fn import_done(
        &self,
        (actor, advertiser, reason): (String, Name, String),
        key: Option<Idempotency>,
        answer: String,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        self.write(move |connection| {
            let subject = format!("advertiser {advertiser}");
            let deed = Deed { at: now, actor: &actor, action: "import", subject: &subject, reason: &reason };
            record(connection, &deed)?;
            match idempotency::look(connection, key.as_ref())? {
                Before::Same(first) => Ok(first),
                Before::Other => Ok(answer),
                Before::Nothing => {
                    idempotency::keep(connection, key.as_ref(), &answer, now)?;
                    Ok(answer)
                }
            }
        })
        .await
    }
}

fn decide_all(
    connection: &Connection,
    lines: Vec<ImportLine>,
    snapshot: &Snapshot,
) -> Result<Vec<Decision>, StoreError> {
    let mut decisions = Vec::with_capacity(lines.len());
    for ImportLine { raw, mut reading, id } in lines {
        if reading.lacks_event() {
            name_event(connection, &mut reading, snapshot)?;
        }
        let known = known::load(connection, &reading, snapshot, Moment::Now)?;
        let decision = decide(&reading, &known, snapshot, id, reading.at);
        log::insert(connection, &raw, &reading, &known, &decision, snapshot)?;
        carry_out(connection, &decision, Cause::answer(&known, &decision))?;
        decisions::originals_arrived(connection, &decision, snapshot)?;
        decisions.push(decision);
    }
    Ok(decisions)
}

/// A file of states often names the txid alone: where that is known for one event, the event is said.
fn name_event(connection: &Connection, reading: &mut Reading, snapshot: &Snapshot) -> Result<(), StoreError> {
    let (Some(advertiser), Some(txid)) = (&reading.advertiser, reading.field("txid")) else {
        return Ok(());
    };
    let query = "select event from conversion_key where advertiser = ?1 and txid = ?2";
    let key = key_of(txid.trim(), reading.is_test());
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_map((advertiser.as_str(), key), |row| rows::name(row, 0))?;
    let mut events = found.collect::<Result<Vec<_>, _>>()?;
    // What took it back does not hide what it is.
    events.retain(|event| !REVERSALS.contains(&event.as_str()));
    if let [only] = events.as_slice() {
        reading.take_event(only, snapshot);
    }
    Ok(())
}
