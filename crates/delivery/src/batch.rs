//! Attempts that share requests: conversion APIs take many events at once, and answer for each.

use std::collections::VecDeque;
use std::sync::Arc;

use proofback_domain::conversion_api::{self, Access, AccessError, Call, Event, Plan};
use proofback_domain::delivery::{AttemptResult, show};
use proofback_domain::program::target::Connection;
use proofback_domain::program::{Snapshot, Way};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{ClaimedDelivery, Recorded};

use crate::answer::Answer;
use crate::attempt::{Attempted, record};
use crate::shared::{Engine, LEASE};

/// Events of one claim: what is under way at once, and is made again when this process dies.
pub const EVENTS_MAX: usize = 500;
/// What was not sent by then is left to the next attempt: the lease must outlast the answers.
const TIME_MAX: Span = Span::from_millis(LEASE.millis() / 2);

/// Sends claimed deliveries of one conversion API, and records what came of each.
pub async fn make(engine: &Engine, deliveries: Vec<Arc<ClaimedDelivery>>) -> Option<Recorded> {
    let at = engine.now();
    let snapshot = engine.store.snapshot();
    let target = deliveries.first().map(|first| &first.target);
    let known = snapshot.as_deref().zip(target);
    let known = known.and_then(|(snapshot, id)| Some((snapshot, snapshot.program.targets.get(id)?)));
    let Some((snapshot, Way::ConversionApi(connection))) =
        known.map(|(snapshot, target)| (snapshot, &target.way))
    else {
        let unsent = deliveries.into_iter().map(|one| (one, Attempted::unsent(at, AttemptResult::NoTarget)));
        return record_all(engine, unsent.collect()).await;
    };
    let mut batch =
        Batch { engine, snapshot, connection, deliveries: &deliveries, at, attempted: Vec::new() };
    batch.run().await;
    let attempted = batch.attempted;
    record_all(
        engine,
        attempted.into_iter().map(|(index, one)| (Arc::clone(&deliveries[index]), one)).collect(),
    )
    .await
}

async fn record_all(engine: &Engine, attempted: Vec<(Arc<ClaimedDelivery>, Attempted)>) -> Option<Recorded> {
    let mut all: Option<Recorded> = None;
    for (delivery, attempted) in attempted {
        if let Some(recorded) = record(engine, delivery, attempted).await {
            let came_back = recorded.came_back || all.is_some_and(|all| all.came_back);
            all = Some(Recorded { came_back, ..recorded });
        }
    }
    all
}

struct Batch<'a> {
    engine: &'a Engine,
    snapshot: &'a Snapshot,
    connection: &'a Connection,
    deliveries: &'a [Arc<ClaimedDelivery>],
    at: Timestamp,
    /// What became of each, by its index.
    attempted: Vec<(usize, Attempted)>,
}

impl Batch<'_> {
    async fn run(&mut self) {
        let plan = match self.plan().await {
            Ok(plan) => plan,
            Err(why) => return self.end_all(0..self.deliveries.len(), &AttemptResult::Deferred(why)),
        };
        for (index, result) in plan.refused {
            self.attempted.push((index, Attempted::unsent(self.at, result)));
        }
        let mut calls = VecDeque::from(plan.calls);
        while let Some(call) = calls.pop_front() {
            if TIME_MAX < self.engine.now().since(self.at) {
                let later = AttemptResult::Deferred("the platform took too long for those before it".into());
                self.end_all(call.members.iter().copied(), &later);
                continue;
            }
            calls.extend(self.send(&call).await);
        }
    }

    async fn plan(&self) -> Result<Plan, String> {
        let secret = |name: &str| self.secret(name);
        let (api, engine) = (&self.connection.api, self.engine);
        let token = engine.tokens.get(&engine.client, self.at, self.connection, &secret).await?;
        let access = Access { secret: &secret, token: token.as_deref() };
        let events: Vec<Event<'_>> = self.deliveries.iter().map(|delivery| event(delivery)).collect();
        let plan = conversion_api::build(api, &access, &events, self.at);
        plan.map_err(|error: AccessError| error.to_string())
    }

    fn secret(&self, name: &str) -> Option<String> {
        let reference = self.connection.secrets.get(name)?;
        self.snapshot.secret(reference).map(str::to_owned)
    }

    /// Sends one call and keeps what it decided; gives the calls to be sent next.
    async fn send(&mut self, call: &Call) -> Vec<Call> {
        let shown = show(&call.request, self.snapshot);
        let answer = self.engine.client.send(&call.request, self.at).await;
        let AttemptResult::Answered { status, retry_after } = answer.result else {
            let result = answer.result.clone();
            self.keep(call.members.iter().map(|member| (*member, result.clone())), &shown, &answer);
            return Vec::new();
        };
        let reading = conversion_api::read(&self.connection.api, call, status, retry_after, &answer.body);
        if reading.access_refused {
            self.engine.tokens.forget(self.connection);
        }
        let decided = call.members.iter().zip(reading.results);
        self.keep(decided.filter_map(|(member, result)| Some((*member, result?))), &shown, &answer);
        reading.again
    }

    fn keep(&mut self, decided: impl Iterator<Item = (usize, AttemptResult)>, shown: &str, answer: &Answer) {
        for (member, result) in decided {
            let answer = Some(answer.clone());
            self.attempted.push((member, Attempted { at: self.at, shown: shown.to_owned(), result, answer }));
        }
    }

    fn end_all(&mut self, members: impl Iterator<Item = usize>, result: &AttemptResult) {
        let unsent = members.map(|member| (member, Attempted::unsent(self.at, result.clone())));
        self.attempted.extend(unsent);
    }
}

fn event(delivery: &ClaimedDelivery) -> Event<'_> {
    let time = |name: &str| delivery.values.get(name).and_then(|text| Timestamp::parse(text));
    Event {
        delivery_id: delivery.id,
        at: time("timestamp").unwrap_or(delivery.at),
        clicked_at: time("click_timestamp"),
        values: &delivery.values,
    }
}
