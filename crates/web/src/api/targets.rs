//! Targets: who is told, how each is doing, and people's words about them.

mod shown;
mod trial;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::delivery::{DeliveryState, Pause};
use proofback_domain::name::Name;
use proofback_domain::program::{Owner, Program, RateLimit, Snapshot, Target};
use proofback_domain::time::Timestamp;
use proofback_store::{Backlog, DeliveryFilter, Doer, TargetHealth};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Query;
use super::reviews::read_reason;
use super::{Answer, Caller, failed, problem};
use crate::role::Role;
use crate::state::Web;

pub use shown::TargetState;
pub use trial::test;

/// A target of the program with how it is doing.
struct Found<'a> {
    target: &'a Target,
    known: TargetHealth,
    backlog: Backlog,
}

/// Every target of the program, by its id; a partner sees its own.
pub async fn list(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let partner = query.name("partner")?;
    let state = query.parsed("state", TargetState::parse)?;
    query.finish()?;
    let partner = match &caller.role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => partner,
        Role::Partner(own) => Some(own.clone()),
        Role::Advertiser(_) => return Err(problem::forbidden()),
    };
    let (now, snapshot) = (web.now(), web.store.snapshot());
    let Some(snapshot) = snapshot else {
        return Ok(super::json(&json!({ "targets": [], "next": null })));
    };
    let program = &snapshot.program;
    let asked = program
        .targets
        .values()
        .filter(|target| partner.as_ref().is_none_or(|partner| belongs_to(target, partner, program)));
    let asked: Vec<&Target> = asked.collect();
    let names = asked.iter().map(|target| target.id.clone()).collect();
    let states = web.store.target_states(names, now).await.map_err(failed)?;
    let found = asked.into_iter().zip(states);
    let found = found.map(|(target, (known, backlog))| Found { target, known, backlog });
    let wanted = |found: &Found<'_>| {
        state.is_none_or(|state| state == TargetState::of(found.target, &found.known, now))
    };
    let targets: Vec<Value> =
        found.filter(wanted).map(|found| shown::show(&found, &snapshot, &caller.role, now)).collect();
    Ok(super::json(&json!({ "targets": targets, "next": null })))
}

pub async fn one(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let (snapshot, name) = find(&web, &id)?;
    let program = &snapshot.program;
    let target = program.targets.get(&name).ok_or_else(no_such_target)?;
    let sees = match &caller.role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => true,
        Role::Partner(own) => belongs_to(target, own, program),
        Role::Advertiser(_) => false,
    };
    if !sees {
        return Err(no_such_target());
    }
    Ok(super::json(&view(&web, &snapshot, target, &caller.role).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseWords {
    reason: String,
}

/// `{"reason"}`: ends sending to a target; what is planned for it waits.
pub async fn pause(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let words: PauseWords = serde_json::from_str(&body)
        .map_err(|error| problem::bad_request(&format!("send {{\"reason\"}}: {error}")))?;
    let reason = read_reason(&words.reason)?;
    let (snapshot, name) = find(&web, &id)?;
    let target = snapshot.program.targets.get(&name).ok_or_else(no_such_target)?;
    let doer = Doer { actor: caller.name.clone(), reason };
    let paused = web.store.pause_target(name.clone(), Pause::ByPerson, doer, web.now()).await;
    let changed = paused.map_err(failed)?;
    tracing::info!(target = %name, author = caller.name, changed, "a person paused a target");
    let mut answer = view(&web, &snapshot, target, &caller.role).await?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("changed".into(), json!(changed));
    }
    Ok(super::json(&answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeWords {
    reason: String,
    skip_before: Option<String>,
}

/// `{"reason", "skip_before"}`: sends to it again. What was planned before that time is given up, the rest goes out at
/// the target's rate, newest conversion first.
pub async fn resume(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let words: ResumeWords = serde_json::from_str(&body)
        .map_err(|error| problem::bad_request(&format!("send {{\"reason\", \"skip_before\"}}: {error}")))?;
    let doer = Doer { actor: caller.name.clone(), reason: read_reason(&words.reason)? };
    let until = words.skip_before.as_deref().map(read_time).transpose()?;
    let (snapshot, name) = find(&web, &id)?;
    let target = snapshot.program.targets.get(&name).ok_or_else(no_such_target)?;
    let skipped = match until {
        Some(until) => {
            let state = Some(DeliveryState::Pending);
            let filter = DeliveryFilter {
                state,
                target: Some(name.clone()),
                until: Some(until),
                ..DeliveryFilter::default()
            };
            web.store.skip_deliveries(filter, doer.clone(), web.now()).await.map_err(failed)?
        }
        None => 0,
    };
    let rate = target.drain_rate();
    let changed = web.store.resume_target(name.clone(), rate, doer, web.now()).await.map_err(failed)?;
    tracing::info!(target = %name, author = caller.name, changed, skipped, "a person resumed a target");
    let mut answer = view(&web, &snapshot, target, &caller.role).await?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("changed".into(), json!(changed));
        members.insert("skipped".into(), json!(skipped));
    }
    Ok(super::json(&answer))
}

fn read_time(text: &str) -> Result<Timestamp, Response> {
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
    Timestamp::parse(text).or_else(day).ok_or_else(|| {
        problem::bad_request(&format!("skip_before {text:?} is no time; write it like 2026-11-21T07:06:00Z"))
    })
}

/// How fast a target gets what is due at once.
pub fn drain_rate(web: &Web, target: &Name) -> RateLimit {
    let snapshot = web.store.snapshot();
    let target = snapshot.as_ref().and_then(|snapshot| snapshot.program.targets.get(target));
    target.map_or(proofback_domain::program::target::DRAIN, Target::drain_rate)
}

/// The targets of a partner, by the program of now.
pub fn owned_by(web: &Web, partner: &Name) -> Vec<Name> {
    let Some(snapshot) = web.store.snapshot() else {
        return Vec::new();
    };
    let program = &snapshot.program;
    let own = program.targets.values().filter(|target| belongs_to(target, partner, program));
    own.map(|target| target.id.clone()).collect()
}

/// Whether this target is the partner's, by the program of now.
pub fn is_of(web: &Web, target: &Name, partner: &Name) -> bool {
    let snapshot = web.store.snapshot();
    snapshot.is_some_and(|snapshot| {
        let program = &snapshot.program;
        program.targets.get(target).is_some_and(|target| belongs_to(target, partner, program))
    })
}

/// A partner's targets are those of itself and of its links, and those of offers that are there for it alone.
fn belongs_to(target: &Target, partner: &Name, program: &Program) -> bool {
    match &target.owner {
        Owner::Operator => false,
        Owner::Partner(owner) => owner == partner,
        Owner::Offer(_) => target.wants.partners == [partner.clone()],
        Owner::Link(link) => program.links.get(link).is_some_and(|link| link.partner == *partner),
    }
}

/// The program of now, and the name of one of its targets.
fn find(web: &Web, id: &str) -> Result<(Arc<Snapshot>, Name), Response> {
    let name = Name::parse(id).map_err(|_| no_such_target())?;
    let snapshot = web.store.snapshot().ok_or_else(no_such_target)?;
    Ok((snapshot, name))
}

fn no_such_target() -> Response {
    problem::not_found("the program has no such target")
}

async fn view(web: &Web, snapshot: &Snapshot, target: &Target, role: &Role) -> Result<Value, Response> {
    let now = web.now();
    let states = web.store.target_states(vec![target.id.clone()], now).await.map_err(failed)?;
    let (known, backlog) = states.into_iter().next().ok_or_else(no_such_target)?;
    Ok(shown::show(&Found { target, known, backlog }, snapshot, role, now))
}
