//! How the installation is doing, as the first page shows it: what needs a person, what is well, and what came in.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::client::query;
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show;

#[derive(Deserialize)]
pub struct Status {
    ready: bool,
    postbacks: Outcomes,
    queues: Queues,
    deliveries: Deliveries,
    targets: Targets,
    spill: Spill,
    store: Store,
    facts: Facts,
    program: Option<Program>,
    ledger: Ledger,
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Queues {
    held: BTreeMap<String, u64>,
    awaiting_click: u64,
    awaiting_original: u64,
    rate_missing: u64,
}

#[derive(Deserialize)]
struct Deliveries {
    pending: u64,
    due: u64,
    oldest: Option<Moment>,
    failed: u64,
}

#[derive(Deserialize)]
struct Targets {
    paused: Vec<Target>,
    failing: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    id: String,
}

#[derive(Deserialize)]
struct Spill {
    clicks: u64,
}

#[derive(Deserialize)]
struct Store {
    database_bytes: u64,
    free_bytes: Option<u64>,
    writes_waiting: u64,
}

#[derive(Deserialize)]
struct Facts {
    unsealed_clicks: u64,
    files: u64,
    bytes: u64,
    last_error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

#[derive(Deserialize)]
struct Program {
    revision: u32,
    author: String,
}

#[derive(Deserialize)]
struct Ledger {
    seal: Option<Seal>,
}

#[derive(Deserialize)]
struct Seal {
    number: i64,
    at: Moment,
}

/// Something that somebody should look at, and where.
pub struct Need {
    pub count: u64,
    pub what: String,
    pub address: String,
}

/// One line of the health box.
pub struct Line {
    pub name: &'static str,
    pub said: String,
    pub tone: &'static str,
}

/// A share of a bar.
pub struct Share {
    pub name: String,
    pub count: u64,
    pub max: u64,
    pub address: String,
}

pub fn needs(status: &Status) -> Vec<Need> {
    let held = |reasons: &[&str]| {
        status
            .queues
            .held
            .iter()
            .filter(|(reason, _)| reasons.contains(&reason.as_str()))
            .map(|(_, count)| count)
            .sum()
    };
    let fraud: u64 = held(&["fraud_review"]);
    let all: u64 = status.queues.held.values().sum();
    let need = |count: u64, one: &str, several: &str, address: &str| Need {
        count,
        what: if count == 1 { one } else { several }.to_owned(),
        address: address.to_owned(),
    };
    let mut needs = vec![
        need(fraud, "waits for fraud review", "wait for fraud review", "/queues/fraud"),
        need(
            all.saturating_sub(fraud),
            "is held and waits for somebody",
            "are held and wait for somebody",
            "/queues/held",
        ),
        need(
            status.queues.rate_missing,
            "waits for an exchange rate",
            "wait for an exchange rate",
            "/finance/rates",
        ),
        need(
            status.deliveries.failed,
            "delivery failed in 24 hours",
            "deliveries failed in 24 hours",
            "/queues/deliveries",
        ),
    ];
    needs.retain(|need| need.count > 0);
    for target in &status.targets.paused {
        let what = format!("target is paused: {}", target.id);
        needs.push(Need { count: 1, what, address: "/settings/targets".into() });
    }
    if let Some(failure) = &status.facts.last_error {
        let what = format!("facts could not be sealed: {}", failure.message);
        needs.push(Need { count: 1, what, address: "/settings".into() });
    }
    needs
}

pub fn health(frame: &Frame, status: &Status) -> Vec<Line> {
    let line = |name, said: String, tone| Line { name, said, tone };
    let waits = status.queues.awaiting_click + status.queues.awaiting_original;
    let oldest = status.deliveries.oldest.map(|oldest| format!(", the oldest {}", frame.ago(&oldest)));
    let failing = status.targets.failing.len() + status.targets.paused.len();
    let free = status.store.free_bytes;
    let low = free.is_some_and(|free| free < 1_000_000_000);
    let mut lines = vec![
        line(
            "Server",
            if status.ready { "ready" } else { "brings in what was spilled" }.into(),
            tone(status.ready),
        ),
        line("Spill", show::counted(status.spill.clicks, "click"), tone(status.spill.clicks == 0)),
        line(
            "Deliveries",
            format!(
                "{} pending, {} due{}",
                status.deliveries.pending,
                status.deliveries.due,
                oldest.unwrap_or_default()
            ),
            tone(status.deliveries.due < 1_000),
        ),
        line(
            "Targets",
            if failing == 0 { "all answer".into() } else { format!("{failing} need a look") },
            tone(failing == 0),
        ),
        line("Waiting", format!("{waits} for a click or a sale"), "info"),
        line(
            "Store",
            format!(
                "{} in the database, {} free, {} waiting",
                show::bytes(status.store.database_bytes),
                free.map_or("an unknown part".into(), show::bytes),
                show::counted(status.store.writes_waiting, "write")
            ),
            tone(!low && status.store.writes_waiting < 1_000),
        ),
        line(
            "Facts",
            format!(
                "{} not sealed yet, {} in {}",
                show::counted(status.facts.unsealed_clicks, "click"),
                show::bytes(status.facts.bytes),
                show::counted(status.facts.files, "file")
            ),
            tone(status.facts.last_error.is_none()),
        ),
    ];
    if let Some(seal) = &status.ledger.seal {
        lines.push(line("Ledger", format!("seal {} {}", seal.number, frame.ago(&seal.at)), "good"));
    }
    if let Some(program) = &status.program {
        lines.push(line("Program", format!("revision {} by {}", program.revision, program.author), "info"));
    }
    lines
}

fn tone(well: bool) -> &'static str {
    if well { "good" } else { "warn" }
}

pub fn outcomes(status: &Status) -> Vec<Share> {
    let max = status.postbacks.outcomes.values().copied().max().unwrap_or(0).max(1);
    let share = |(name, count): (&String, &u64)| Share {
        name: name.clone(),
        count: *count,
        max,
        address: format!("/postbacks?{}", query([("outcome", name.as_str())])),
    };
    status.postbacks.outcomes.iter().map(share).collect()
}
