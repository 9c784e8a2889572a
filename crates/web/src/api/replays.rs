//! Running stored postbacks again.

use axum::Extension;
use axum::extract::{Path, State};
use proofback_domain::id::PostbackId;
use proofback_domain::money::Currencies;
use proofback_store::{Replayed, Rules};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Caller, failed, money, problem};
use crate::state::Web;

/// More postbacks than this are not run again in one transaction: clicks wait for it.
const POSTBACKS_MAX: usize = 200;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    postbacks: Vec<PostbackId>,
    with_current_rules: bool,
    dry_run: bool,
}

/// `POST postbacks/{id}/replay`, with `{"with_current_rules", "dry_run"}` or nothing.
pub async fn one(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let asked = read(&body)?;
    if !asked.postbacks.is_empty() {
        return Err(problem::bad_request("the address names the postback already"));
    }
    let not_found = || problem::not_found("there is no such postback");
    let id: PostbackId = id.parse().map_err(|_| not_found())?;
    web.store.postback(id).await.map_err(failed)?.ok_or_else(not_found)?;
    let shown = run(&web, &caller, vec![id], &asked).await?;
    Ok(super::json(shown.first().unwrap_or(&Value::Null)))
}

/// `POST replays` with `{"postbacks": [...], "with_current_rules", "dry_run"}`: all of them in their order, all or none.
pub async fn many(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let asked = read(&body)?;
    if asked.postbacks.is_empty() || POSTBACKS_MAX < asked.postbacks.len() {
        return Err(problem::bad_request(&format!("name 1 to {POSTBACKS_MAX} postbacks")));
    }
    for id in &asked.postbacks {
        let missing = || problem::not_found(&format!("there is no postback {id}"));
        web.store.postback(*id).await.map_err(failed)?.ok_or_else(missing)?;
    }
    let shown = run(&web, &caller, asked.postbacks.clone(), &asked).await?;
    Ok(super::json(&json!({ "replays": shown, "dry_run": asked.dry_run || !asked.with_current_rules })))
}

fn read(body: &str) -> Result<Asked, axum::response::Response> {
    if body.trim().is_empty() {
        return Ok(Asked::default());
    }
    serde_json::from_str(body).map_err(|error| {
        problem::bad_request(&format!("send {{\"with_current_rules\": true, \"dry_run\": true}}: {error}"))
    })
}

async fn run(
    web: &Web,
    caller: &Caller,
    ids: Vec<PostbackId>,
    asked: &Asked,
) -> Result<Vec<Value>, axum::response::Response> {
    let rules = match asked.with_current_rules {
        true => Rules::OfNow { apply: !asked.dry_run },
        false => Rules::OfThatDay,
    };
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let replayed =
        web.store.replay(ids, rules, caller.name.clone(), snapshot, web.now()).await.map_err(failed)?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    Ok(replayed.iter().map(|one| show(one, &currencies)).collect())
}

fn show(replayed: &Replayed, currencies: &Currencies) -> Value {
    let (outcome, reason) = replayed.before;
    let money: Vec<Value> = replayed
        .money
        .iter()
        .map(|moved| {
            json!({
                "account": moved.account,
                "amount": currencies.sum(moved.micros, moved.currency),
                "currency": moved.currency.to_string(),
            })
        })
        .collect();
    let mut view = json!({
        "postback_id": replayed.postback_id,
        "before": { "outcome": outcome, "reason": reason },
        "message": replayed.message,
        "revision": replayed.revision,
        "changed": replayed.changed,
        "money": money,
    });
    if let Some(members) = view.as_object_mut() {
        match &replayed.after {
            Ok((outcome, reason)) => {
                members.insert("outcome".into(), json!(outcome));
                members.insert("reason".into(), json!(reason));
            }
            Err(why) => {
                members.insert("error".into(), json!(why));
            }
        }
    }
    view
}
