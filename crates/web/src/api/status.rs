//! `GET status`: how the installation is doing, in one answer that costs little.

use axum::extract::State;
use proofback_domain::outcome::Reason;
use proofback_domain::program::Snapshot;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Counted, FactsAtRest, Outbox, Overview, hex};
use serde_json::{Map, Value, json};

use super::{Answer, failed};
use crate::state::Web;

/// What is counted of the past.
const LATELY: Span = Span::from_seconds(86_400);

/// What waits for something that arrives, and for nobody.
const ARRIVES: [Reason; 3] = [Reason::AwaitingClick, Reason::AwaitingOriginal, Reason::RateMissing];

pub async fn status(State(web): State<Web>) -> Answer {
    let now = web.now();
    let since = now.minus(LATELY);
    let overview = web.store.overview(since, now).await.map_err(failed)?;
    let snapshot = web.store.snapshot();
    let told = web.told();
    let geo: Vec<Value> = told
        .geo
        .iter()
        .map(|(file, age)| json!({ "file": file, "age_days": age.millis() / 86_400_000 }))
        .collect();
    Ok(super::json(&json!({
        "at": now.iso(),
        "version": env!("CARGO_PKG_VERSION"),
        "ready": web.is_ready(),
        "program": program(&web, &overview),
        "postbacks": postbacks(&overview, since),
        "queues": queues(&overview),
        "deliveries": deliveries(&overview.outbox, since),
        "targets": targets(&overview, snapshot.as_deref()),
        "spill": { "clicks": overview.spill.0, "bytes": overview.spill.1 },
        "store": {
            "database_bytes": overview.database_bytes,
            "wal_bytes": overview.wal_bytes,
            "free_bytes": (web.world.free_bytes)(),
            "writes_waiting": web.store.writes_waiting(),
            "schema": overview.schema,
        },
        "facts": facts(&overview.facts, told.sealing.as_ref()),
        "geo": geo,
        "ledger": ledger(&overview),
    })))
}

/// A count, and `true` beside it where there may be more than it says.
fn put(object: &mut Map<String, Value>, name: &str, counted: Counted) -> bool {
    object.insert(name.to_owned(), json!(counted.count));
    counted.more
}

fn program(web: &Web, overview: &Overview) -> Value {
    let Some(revision) = &overview.revision else {
        return Value::Null;
    };
    json!({
        "revision": revision.revision,
        "at": revision.at.iso(),
        "author": revision.author,
        "managed_by": web.settings.program_file,
    })
}

fn postbacks(overview: &Overview, since: Timestamp) -> Value {
    let mut outcomes = Map::new();
    let mut more = false;
    for (outcome, counted) in &overview.outcomes {
        more |= put(&mut outcomes, outcome.code(), *counted);
    }
    json!({ "since": since.iso(), "outcomes": outcomes, "more": more })
}

fn queues(overview: &Overview) -> Value {
    let (mut queues, mut held, mut more) = (Map::new(), Map::new(), false);
    for (reason, counted) in overview.held.iter().filter(|(reason, _)| !ARRIVES.contains(reason)) {
        more |= put(&mut held, reason.code(), *counted);
    }
    queues.insert("held".into(), Value::Object(held));
    for reason in ARRIVES {
        let found = overview.held.iter().find(|(known, _)| *known == reason);
        let counted = found.map(|(_, counted)| *counted).unwrap_or_default();
        more |= put(&mut queues, reason.code(), counted);
    }
    queues.insert("more".into(), json!(more));
    Value::Object(queues)
}

fn deliveries(outbox: &Outbox, since: Timestamp) -> Value {
    json!({
        "pending": outbox.pending.count,
        "due": outbox.due,
        "oldest": outbox.oldest.map(Timestamp::iso),
        "since": since.iso(),
        "failed": outbox.failed.count,
        "more": outbox.pending.more || outbox.failed.more,
    })
}

/// Those of the program that need somebody to look at them.
fn targets(overview: &Overview, snapshot: Option<&Snapshot>) -> Value {
    let Some(snapshot) = snapshot else {
        return json!({ "total": 0, "paused": [], "failing": [] });
    };
    let of_program = &snapshot.program.targets;
    let ailing = overview.ailing.iter().filter(|(name, _)| of_program.contains_key(name));
    let (mut paused, mut failing) = (Vec::new(), Vec::new());
    for (name, known) in ailing {
        match (known.health.paused, known.health.failing_since) {
            (Some(why), _) => paused.push(json!({
                "id": name,
                "why": why.code(),
                "since": known.paused_at.map(Timestamp::iso),
            })),
            (None, Some(since)) => failing.push(json!({ "id": name, "since": since.iso() })),
            (None, None) => {}
        }
    }
    json!({ "total": of_program.len(), "paused": paused, "failing": failing })
}

fn facts(facts: &FactsAtRest, failed: Option<&(Timestamp, String)>) -> Value {
    json!({
        "unsealed_clicks": facts.unsealed_clicks.count,
        "more": facts.unsealed_clicks.more,
        "files": facts.files,
        "bytes": facts.bytes,
        "sealed_until": facts.until.map(Timestamp::iso),
        "last_error": failed.map(|(at, message)| json!({ "at": at.iso(), "message": message })),
    })
}

fn ledger(overview: &Overview) -> Value {
    let seal = overview.seal.map(|seal| {
        json!({
            "number": seal.number,
            "at": seal.at.iso(),
            "last_entry": seal.last_entry,
            "hash": hex(&seal.hash),
        })
    });
    json!({ "seal": seal })
}
