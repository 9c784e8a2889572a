//! `GET find?q=`: what an id names, whoever gave it and whatever became of it on the way.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use proofback_domain::click_id::{ClickId, Prefix, Returned, clean};
use proofback_domain::decide::key_of;
use proofback_domain::id::PostbackId;
use proofback_domain::postback::stored_txid;
use proofback_store::{Found, Looked};
use serde_json::{Value, json};

use super::page::Query;
use super::{Answer, failed, problem};
use crate::state::Web;

const SOUGHT_CHARS_MAX: usize = 500;
const FOUND_MAX: usize = 20;

/// Something that was found.
#[derive(Debug, PartialEq, Eq)]
struct Hit {
    kind: &'static str,
    id: String,
    click_id: Option<ClickId>,
    /// Empty where the id says it all.
    note: String,
}

/// `{"found": [{"kind", "id", "click_id", "note"}], "looked_through"}`. By a partner's own click id only the newest clicks
/// are looked through, and only where nothing else was found: `looked_through` says which.
pub async fn find(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let sought = query.text("q").unwrap_or_default().trim().to_owned();
    query.finish()?;
    if sought.is_empty() || SOUGHT_CHARS_MAX < sought.chars().count() {
        let detail = format!("say what to find: q= with 1 to {SOUGHT_CHARS_MAX} characters");
        return Err(problem::bad_request(&detail));
    }
    let mut hits = clicks(&web, &sought).await?;
    hits.extend(ours(&web, &sought).await?);
    hits.extend(theirs(&web, &sought).await?);
    let mut looked_through = Value::Null;
    if hits.is_empty() {
        let Looked { clicks, among, since } = web.store.clicks_called(sought).await.map_err(failed)?;
        looked_through = json!({ "clicks": among, "since": since.map(|since| since.iso()) });
        hits.extend(
            clicks.into_iter().map(|click| Hit {
                note: format!("{} calls it so", click.partner),
                ..of_click(click.id, "")
            }),
        );
    }
    let mut shown: Vec<&Hit> = Vec::new();
    for hit in &hits {
        if shown.len() < FOUND_MAX
            && !shown.iter().any(|known| (known.kind, &known.id) == (hit.kind, &hit.id))
        {
            shown.push(hit);
        }
    }
    let found: Vec<Value> = shown.into_iter().map(show).collect();
    Ok(super::json(&json!({ "found": found, "looked_through": looked_through })))
}

fn show(hit: &Hit) -> Value {
    let note = Some(&hit.note).filter(|note| !note.is_empty());
    json!({ "kind": hit.kind, "id": hit.id, "click_id": hit.click_id, "note": note })
}

fn of_click(id: ClickId, note: &str) -> Hit {
    Hit { kind: "click", id: id.to_string(), click_id: Some(id), note: note.to_owned() }
}

/// As a click id, damaged too.
async fn clicks(web: &Web, sought: &str) -> Result<Vec<Hit>, Response> {
    let Some(snapshot) = web.store.snapshot() else {
        return Ok(Vec::new());
    };
    match snapshot.keys.diagnose(sought, |prefix| snapshot.fits(prefix, web.now())) {
        Returned::Genuine { id, repaired } => genuine(web, id, repaired.unwrap_or_default()).await,
        Returned::Truncated { prefix, length } => {
            let whole = ClickId::TEXT_LENGTH;
            meant(web, prefix, &format!("it was cut to {length} of {whole} characters")).await
        }
        Returned::Altered { prefix, odd: Some(odd) } => {
            meant(web, prefix, &format!("it has {odd:?}, which no id of ours has")).await
        }
        Returned::Altered { prefix, odd: None } => {
            meant(web, prefix, "its characters are not all those that we gave").await
        }
        Returned::Unknown => Ok(Vec::new()),
    }
}

async fn genuine(web: &Web, id: ClickId, repaired: &str) -> Result<Vec<Hit>, Response> {
    if web.store.click(id).await.map_err(failed)?.is_some() {
        return Ok(vec![of_click(id, repaired)]);
    }
    let absent = "the id is ours, its click is not in the store";
    let mut hits = vec![of_click(id, &join(absent, repaired))];
    hits.extend(web.store.about_click(id).await.map_err(failed)?.into_iter().map(|found| hit(found, "")));
    Ok(hits)
}

async fn meant(web: &Web, prefix: Prefix, why: &str) -> Result<Vec<Hit>, Response> {
    let click = web.store.click_like(prefix).await.map_err(failed)?;
    let note = format!("{why}; its beginning is this click's");
    Ok(click.map(|click| of_click(click.id, &note)).into_iter().collect())
}

/// As an id of a postback, a conversion, a delivery or a settlement.
async fn ours(web: &Web, sought: &str) -> Result<Vec<Hit>, Response> {
    let (cleaned, repaired) = clean(sought);
    let Ok(id) = cleaned.parse::<PostbackId>() else {
        return Ok(Vec::new());
    };
    let found = web.store.named(id.to_bytes()).await.map_err(failed)?;
    Ok(found.into_iter().map(|found| hit(found, repaired.unwrap_or_default())).collect())
}

/// As an advertiser's own id, as it is and as it may have been before it was copied.
async fn theirs(web: &Web, sought: &str) -> Result<Vec<Hit>, Response> {
    let (cleaned, _) = clean(sought);
    let snapshot = web.store.snapshot();
    let stored = |text: &str| match &snapshot {
        Some(snapshot) => stored_txid(text, snapshot),
        None => text.to_owned(),
    };
    let mut txids = vec![stored(sought)];
    txids.extend(Some(stored(&cleaned)).filter(|other| !txids.contains(other)));
    let keys = txids.iter().flat_map(|txid| [key_of(txid, false), key_of(txid, true)]).collect();
    let found = web.store.called(keys, txids).await.map_err(failed)?;
    Ok(found.into_iter().map(|found| hit(found, "by its txid")).collect())
}

/// What it is, and how it was found.
fn hit(found: Found, how: &str) -> Hit {
    let (kind, id, click_id, what) = match found {
        Found::Postback { id, click_id, reason } => {
            ("postback", id.to_string(), click_id, format!("{}: {}", reason.outcome().code(), reason.code()))
        }
        Found::Conversion { id, click_id, advertiser, event } => {
            ("conversion", id.to_string(), Some(click_id), format!("{event} of {advertiser}"))
        }
        Found::Delivery { id, click_id, target } => {
            ("delivery", id.to_string(), click_id, format!("to {target}"))
        }
        Found::Settlement { id, kind, party } => (kind.code(), id.to_string(), None, format!("of {party}")),
    };
    Hit { kind, id, click_id, note: join(&what, how) }
}

fn join(what: &str, how: &str) -> String {
    if how.is_empty() { what.to_owned() } else { format!("{what}; {how}") }
}
