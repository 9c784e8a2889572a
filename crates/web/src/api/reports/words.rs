//! The words that reports can be asked with.

use axum::Extension;
use axum::extract::State;
use proofback_domain::program::Snapshot;
use proofback_domain::report::{Context, Dimension, Metric, Named, Report};
use proofback_domain::time::Timestamp;
use serde_json::{Value, json};

use super::super::{Answer, Caller};
use super::sight::{shows, shows_metric};
use crate::role::Role;
use crate::state::Web;

/// `GET reports/dimensions`: `{"dimensions", "metrics", "periods"}`, as far as the caller is shown them.
pub async fn words(State(web): State<Web>, Extension(caller): Extension<Caller>) -> Answer {
    let role = &caller.role;
    let mut dimensions: Vec<Value> = Dimension::catalogue()
        .filter(|(dimension, _)| shows(role, dimension))
        .map(|(dimension, about)| {
            json!({
                "code": dimension.code(),
                "title": dimension.title(),
                "kind": if dimension.is_time() { "time" } else { "text" },
                "about": about,
            })
        })
        .collect();
    if let Some(snapshot) = web.store.snapshot() {
        let parts = Context::of(&snapshot, web.now(), web.now()).parts;
        let parameters = parts.into_iter().map(|part| Dimension::Parameter(part.into()));
        dimensions.extend(parameters.filter(|parameter| shows(role, parameter)).map(|parameter| {
            let about = "a part of a packed sub id";
            json!({ "code": parameter.code(), "title": parameter.title(), "kind": "text", "about": about })
        }));
    }
    let metrics: Vec<Value> = metrics(role, web.store.snapshot().as_deref(), web.now());
    let periods: Vec<Value> =
        Named::catalogue().map(|(named, about)| json!({ "code": named.code(), "about": about })).collect();
    Ok(super::super::json(&json!({ "dimensions": dimensions, "metrics": metrics, "periods": periods })))
}

/// Those that are a word, and the forms that take one.
fn metrics(role: &Role, snapshot: Option<&Snapshot>, now: Timestamp) -> Vec<Value> {
    let read = |code: &str| {
        let pairs = [("metrics".to_owned(), code.to_owned())];
        let report = Report::parse(&pairs, &Context::of(snapshot?, now, now)).ok()?;
        report.metrics.into_iter().next()
    };
    let shown = |code: &str| match read(code) {
        Some(metric) => shows_metric(role, &metric),
        // A form: shown where what it makes is.
        None => read(&example(code)).is_none_or(|metric| shows_metric(role, &metric)),
    };
    let title = |code: &str| read(code).as_ref().map(Metric::title);
    Metric::catalogue()
        .filter(|one| shown(one.code))
        .map(|one| {
            json!({ "code": one.code, "title": title(one.code), "kind": one.kind.code(), "about": one.how })
        })
        .collect()
}

/// `rejections:REASON` as somebody would ask it.
fn example(form: &str) -> String {
    form.replace("EVENT", "sale").replace("STATUS", "held").replace("REASON", "bad_token")
}
