//! Running stored postbacks again, from after their authentication.
//!
//! Under the rules of that day, from what was known then, a replay proves the decision and writes nothing. Under the
//! rules of now it shows, or carries out, what they would change: a postback that was not counted is decided
//! as if it came now, a conversion is priced anew, and what would no longer be accepted is taken back.
//! Keys are taken once, so that nothing is ever credited twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_domain::decide::{Decision, PlannedEntry, Review, Word, decide, is_same};
use proofback_domain::id::{EntryId, PostbackId};
use proofback_domain::money::Currency;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::Reading;
use proofback_domain::program::{self, Snapshot};
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::audit::{Deed, record};
use super::known::{self, Moment};
use super::{Store, decisions, lists, reviews};
use crate::error::StoreError;
use crate::model::{Balance, PostbackRow, Replayed};

/// By which rules a postback runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Those that it was decided by: nothing is written.
    OfThatDay,
    /// Those of now: shown only, or carried out.
    OfNow { apply: bool },
}

impl Store {
    /// Runs postbacks again, in the order given; one that cannot run says why. Under the rules of now all of it is
    /// one write.
    pub async fn replay(
        &self,
        ids: Vec<PostbackId>,
        rules: Rules,
        author: String,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<Vec<Replayed>, StoreError> {
        let run = move |connection: &Connection| {
            let mut replay =
                Replay { connection, snapshot: &snapshot, author: &author, now, programs: BTreeMap::new() };
            ids.iter().map(|id| replay.run(*id, rules)).collect::<Result<Vec<_>, _>>()
        };
        match rules {
            Rules::OfThatDay => self.read(run).await,
            Rules::OfNow { apply: false } => {
                self.write(move |connection| {
                    connection.execute_batch("savepoint replay")?;
                    let replayed = run(connection);
                    connection.execute_batch("rollback to replay; release replay")?;
                    replayed
                })
                .await
            }
            Rules::OfNow { apply: true } => {
                let replayed = self.write(run).await;
                self.inner.outbox.notify_one();
                replayed
            }
        }
    }
}

struct Replay<'a> {
    connection: &'a Connection,
    /// The rules of now.
    snapshot: &'a Arc<Snapshot>,
    author: &'a str,
    now: Timestamp,
    /// The rules of other days.
    programs: BTreeMap<u32, Arc<Snapshot>>,
}

/// What a replay came to, before it is told.
struct Found {
    after: (Outcome, Reason),
    message: String,
    revision: u32,
    changed: bool,
    entries: Vec<PlannedEntry>,
}

impl Replay<'_> {
    fn run(&mut self, id: PostbackId, rules: Rules) -> Result<Replayed, StoreError> {
        let Some(row) = lists::find_postback(self.connection, id)? else {
            return Err(StoreError::Failed(format!("there is no postback {id}")));
        };
        let found = match cannot_run(&row) {
            Some(why) => Err(why.to_owned()),
            None => match rules {
                Rules::OfThatDay => self.prove(&row)?,
                Rules::OfNow { .. } => self.under_rules_of_now(&row)?,
            },
        };
        Ok(tell(&row, found))
    }

    /// The same rules over the same past must give the same decision, entry by entry.
    fn prove(&mut self, row: &PostbackRow) -> Result<Result<Found, String>, StoreError> {
        if row.checks.iter().any(|check| check.check == "review") {
            return Ok(Err("a person decided it".into()));
        }
        let snapshot = self.rules_of(row.revision)?;
        let Some(stored) = decisions::find_stored(self.connection, row.id)? else {
            return Ok(Err("it was never authenticated".into()));
        };
        let mut reading = Reading::again(stored, &snapshot);
        if row.at < row.decided_at && row.reason == Reason::UnknownClickId {
            reading.rejection = Some(decisions::given_up());
        }
        let moment = self.moment(row.id)?;
        let snapshot = self.with_rates_of(row.id, snapshot)?;
        let known = known::load(self.connection, &reading, &snapshot, moment)?;
        let decision = decide(&reading, &known, &snapshot, row.id, row.decided_at);
        let same = decision.message == row.message
            && decision.conversion_id == row.conversion_id
            && decision.status == row.status
            && self.has_entries(&decision)?;
        Ok(Ok(Found {
            after: (decision.outcome, decision.reason),
            message: decision.message,
            revision: decision.revision,
            changed: !same || (decision.outcome, decision.reason) != (row.outcome, row.reason),
            entries: Vec::new(),
        }))
    }

    /// Whether the entries that a decision plans are those in the journal, no more and no less.
    fn has_entries(&self, decision: &Decision) -> Result<bool, StoreError> {
        // An entry's id carries the time of its decision, even where it was booked after the end of a closed period.
        let query = "select id, amount from entry where conversion_id = ?1 and postback_id = ?2 \
            and id between ?3 and ?4 order by id";
        let mut statement = self.connection.prepare_cached(query)?;
        let params = (
            decision.conversion_id.map(|id| id.to_bytes()),
            decision.postback_id.to_bytes(),
            EntryId::new(decision.at, 0).to_bytes(),
            EntryId::new(decision.at, u128::MAX).to_bytes(),
        );
        let journal = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let journal: Vec<([u8; 16], i64)> = journal.collect::<Result<_, _>>()?;
        let entries = decision.effects.entries.iter();
        let mut planned: Vec<([u8; 16], i64)> =
            entries.map(|entry| (entry.id.to_bytes(), entry.transfer.amount.micros)).collect();
        planned.sort_unstable();
        Ok(planned == journal)
    }

    fn under_rules_of_now(&mut self, row: &PostbackRow) -> Result<Result<Found, String>, StoreError> {
        let Some(stored) = decisions::find_stored(self.connection, row.id)? else {
            return Ok(Err("it was never authenticated".into()));
        };
        let reading = Reading::anew(stored, self.snapshot);
        let found = if row.conversion_id.is_some() && row.outcome != Outcome::Duplicate {
            self.reprice(row, &reading)?
        } else {
            Ok(self.decide_now(row, &reading)?)
        };
        if found.as_ref().is_ok_and(|found| found.changed) {
            let (subject, reason) = (format!("postback {}", row.id), "under the rules of now");
            let deed = Deed { at: self.now, actor: self.author, action: "replay", subject: &subject, reason };
            record(self.connection, &deed)?;
        }
        Ok(found)
    }

    /// A postback that made or changed nothing is decided as if it came now.
    fn decide_now(&self, row: &PostbackRow, reading: &Reading) -> Result<Found, StoreError> {
        self.connection.execute_batch("savepoint second_look")?;
        decisions::free(self.connection, row.id)?;
        let decision = decisions::decide_now(self.connection, reading, self.snapshot, row.id, self.now)?;
        let changed = (decision.outcome, decision.reason) != (row.outcome, row.reason);
        // The same decision again is no news: the log keeps the one it has.
        let end =
            if changed { "release second_look" } else { "rollback to second_look; release second_look" };
        self.connection.execute_batch(end)?;
        Ok(Found {
            after: (decision.outcome, decision.reason),
            message: decision.message,
            revision: decision.revision,
            changed,
            entries: if changed { decision.effects.entries } else { Vec::new() },
        })
    }

    /// A conversion that is there keeps its state and gets the price of now, or is taken back.
    fn reprice(&self, row: &PostbackRow, reading: &Reading) -> Result<Result<Found, String>, StoreError> {
        let found = match row.conversion_id {
            Some(id) => known::find_conversion(self.connection, id)?,
            None => None,
        };
        let Some(before) = found else {
            return Ok(Err("its conversion is not here any more".into()));
        };
        let moment = self.moment(row.id)?;
        let known = known::load(self.connection, reading, self.snapshot, moment)?;
        let then = decide(reading, &known, self.snapshot, row.id, row.decided_at);
        let live = matches!(before.status, Status::Pending | Status::Approved);
        let refused = then.outcome == Outcome::Rejected;
        if refused && !live {
            return Ok(Ok(unchanged(row, &then)));
        }
        let word = if refused { Word::Status(Status::Rejected) } else { Word::Price };
        let reason = if refused { then.message.clone() } else { "under the rules of now".to_owned() };
        let word = Review { word, author: self.author.to_owned(), reason };
        let decision =
            match reviews::carry_word(self.connection, before.clone(), &word, self.snapshot, self.now)? {
                Ok(decision) => decision,
                Err(refusal) => return Ok(Err(refusal.to_string())),
            };
        let after = decision.effects.conversion.as_ref();
        let changed = after.is_some_and(|after| !is_same(&before, after));
        Ok(Ok(Found {
            after: (then.outcome, then.reason),
            message: if changed { decision.message } else { then.message },
            revision: self.snapshot.revision,
            changed,
            entries: decision.effects.entries,
        }))
    }

    fn moment(&self, postback: PostbackId) -> Result<Moment, StoreError> {
        let query = "select place, known_changes from postback where id = ?1";
        let (place, last_change) = self
            .connection
            .prepare_cached(query)?
            .query_row([postback.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Moment::Before { postback, place, last_change })
    }

    /// With the exchange rates that were known when a postback was decided last.
    fn with_rates_of(
        &self,
        postback: PostbackId,
        snapshot: Arc<Snapshot>,
    ) -> Result<Arc<Snapshot>, StoreError> {
        let query = "select known_rates from postback where id = ?1";
        let last =
            self.connection.prepare_cached(query)?.query_row([postback.to_bytes()], |row| row.get(0))?;
        if last == snapshot.rates.last() {
            return Ok(snapshot);
        }
        Ok(Arc::new(Snapshot::clone(&snapshot).with_rates(self.snapshot.rates.until(last))))
    }

    fn rules_of(&mut self, revision: u32) -> Result<Arc<Snapshot>, StoreError> {
        if revision == self.snapshot.revision {
            return Ok(Arc::clone(self.snapshot));
        }
        if let Some(known) = self.programs.get(&revision) {
            return Ok(Arc::clone(known));
        }
        let query = "select source from program_revision where revision = ?1";
        let source: Option<String> =
            self.connection.prepare_cached(query)?.query_row([revision], |row| row.get(0)).optional()?;
        let program = source.and_then(|source| program::read(&source).0);
        let unreadable = || StoreError::Failed(format!("revision {revision} of the program cannot be read"));
        let snapshot = Arc::new(self.snapshot.under(revision, program.ok_or_else(unreadable)?));
        self.programs.insert(revision, Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

/// Why a postback cannot run again: nobody proved that it was the advertiser's, or it could not be read.
fn cannot_run(row: &PostbackRow) -> Option<&'static str> {
    match row.reason {
        Reason::BadToken
        | Reason::BadSignature
        | Reason::StaleTimestamp
        | Reason::IpNotAllowed
        | Reason::HttpsRequired
        | Reason::UnknownAdvertiser => Some("it was never authenticated"),
        Reason::MalformedRequest => Some("it could not be read, so that there is nothing to run again"),
        _ if row.advertiser.is_none() => Some("it was never authenticated"),
        _ if row.checks.iter().any(|check| check.check == "replay") => {
            Some("the same signed request was decided before it")
        }
        _ => None,
    }
}

fn unchanged(row: &PostbackRow, decision: &Decision) -> Found {
    Found {
        after: (decision.outcome, decision.reason),
        message: format!("{}; its conversion is no longer live", decision.message),
        revision: row.revision,
        changed: false,
        entries: Vec::new(),
    }
}

fn tell(row: &PostbackRow, found: Result<Found, String>) -> Replayed {
    let before = (row.outcome, row.reason);
    match found {
        Ok(Found { after, message, revision, changed, entries }) => Replayed {
            postback_id: row.id,
            before,
            after: Ok(after),
            message,
            revision,
            changed,
            money: sums(&entries),
        },
        Err(why) => Replayed {
            postback_id: row.id,
            before,
            message: why.clone(),
            after: Err(why),
            revision: row.revision,
            changed: false,
            money: Vec::new(),
        },
    }
}

/// What entries move, by account.
fn sums(entries: &[PlannedEntry]) -> Vec<Balance> {
    let mut sums: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    for entry in entries {
        let transfer = &entry.transfer;
        let (currency, micros) = (transfer.amount.currency, i128::from(transfer.amount.micros));
        *sums.entry((transfer.debit.to_string(), currency)).or_default() -= micros;
        *sums.entry((transfer.credit.to_string(), currency)).or_default() += micros;
    }
    let moved = sums.into_iter().filter(|(_, micros)| *micros != 0);
    moved.map(|((account, currency), micros)| Balance { account, currency, micros }).collect()
}
