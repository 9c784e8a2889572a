//! Google Data Manager API: `POST /v1/events:ingest`, offline conversions of Google Ads.
//!
//! Looked up 2026-11-21: <https://developers.google.com/data-manager/api/devguides/events/google-ads/offline>, how it
//! differs from the Google Ads API in
//! <https://developers.google.com/data-manager/api/devguides/events/google-ads/offline/upgrade>, fields in the protos
//! `google/ads/datamanager/v1/{event,destination,error}.proto`, 2,000 events in
//! <https://docs.cloud.google.com/php/docs/reference/data-manager/latest/V1.IngestEventsRequest>.
//!
//! It takes a request whole or not at all. What becomes of each event afterwards can be asked for with the answer's
//! `requestId`; that is left out, so `delivered` means that Google took it.

use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::call::{Call, Frame, Limits, Part};
use super::google_ads::{CONSENT, ENHANCED, action, click, people};
use super::setting::{EVENT_ID, Form, Setting, VALUE, optional, required, secret};
use super::values::{Told, declined};
use super::{Access, AccessError, Api, Reading};
use crate::delivery::{AttemptResult, Request};
use crate::time::Timestamp;

pub const SETTINGS: &[Setting] = &[
    required(
        "customer_id",
        Form::Digits,
        "the Google Ads account that owns the conversion actions (its conversion customer)",
    ),
    optional("login_customer_id", Form::Digits, "the manager account that has access, where it is another"),
    secret("client_id", "of the OAuth client"),
    secret("client_secret", "of the OAuth client"),
    secret(
        "refresh_token",
        "of a user with access, for the scope https://www.googleapis.com/auth/datamanager",
    ),
    optional(
        "quota_project",
        Form::Word,
        "the Google Cloud project that is charged with the calls, where the token's own is not",
    ),
    optional("enhanced_conversions", Form::OneOf(&["true", "false"]), ENHANCED),
    optional("consent", Form::OneOf(&["granted", "denied"]), CONSENT),
    VALUE,
    EVENT_ID,
];

pub const LIMITS: Limits = Limits { members: 2_000, bytes: 4 * 1024 * 1024 };

pub fn head(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let mut headers = vec![("authorization", access.bearer()?)];
    if let Some(project) = api.setting("quota_project") {
        headers.push(("x-goog-user-project", project.to_owned()));
    }
    Ok(api.post("https://datamanager.googleapis.com", "/v1/events:ingest", headers))
}

pub fn part(told: &Told<'_>, now: Timestamp) -> Result<Part, String> {
    let action = action(told)?;
    let click = click(told, now)?;
    let mut event = Map::new();
    event.insert("transactionId".into(), told.id.clone().into());
    event.insert("eventTimestamp".into(), told.event.at.iso().into());
    event.insert("eventSource".into(), "WEB".into());
    if let Some((field, id)) = click {
        event.insert("adIdentifiers".into(), json!({field: id}));
    }
    if let Some(worth) = &told.value {
        event.insert("conversionValue".into(), worth.number.clone());
        event.insert("currency".into(), worth.currency.clone().into());
    }
    let people = people(told, click, "emailAddress", "phoneNumber");
    if !people.is_empty() {
        event.insert("userData".into(), json!({"userIdentifiers": people}));
    }
    Ok(Part {
        json: Value::Object(event).to_string(),
        key: format!("{action} {}", told.id),
        frame: frame(told, action),
        alone: false,
    })
}

/// The conversion action is said for a whole request, so each has calls of its own.
fn frame(told: &Told<'_>, action: &str) -> Frame {
    let account = |id: String| json!({"accountType": "GOOGLE_ADS", "accountId": id});
    let mut destination = Map::new();
    destination
        .insert("operatingAccount".into(), account(told.api.digits("customer_id").unwrap_or_default()));
    if let Some(manager) = told.api.digits("login_customer_id") {
        destination.insert("loginAccount".into(), account(manager));
    }
    destination.insert("productDestinationId".into(), action.into());
    let mut rest = Map::new();
    rest.insert("destinations".into(), json!([destination]));
    rest.insert("encoding".into(), "HEX".into());
    if let Some(consent) = told.api.setting("consent") {
        let consent = format!("CONSENT_{}", consent.to_ascii_uppercase());
        rest.insert("consent".into(), json!({"adUserData": consent, "adPersonalization": consent}));
    }
    if told.is_test {
        rest.insert("validateOnly".into(), true.into());
    }
    let rest = Value::Object(rest).to_string();
    let rest = rest.strip_prefix('{').unwrap_or_default();
    Frame { before: "{\"events\":[".into(), after: format!("],{rest}") }
}

pub fn read(call: &Call, answer: &Answer) -> Reading {
    if answer.is_success() {
        return if answer.json.is_object() {
            Reading::delivered(call, answer)
        } else {
            Reading::all(call, &AttemptResult::Unexpected("the answer is no JSON".into()))
        };
    }
    let error = answer.json.get("error").unwrap_or(&Value::Null);
    let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
    let reason = details().find_map(|detail| answer::code(detail.get("reason")?));
    let reason = reason.or_else(|| error.get("status").and_then(answer::code));
    let code = reason.map_or_else(
        || format!("Data Manager answered {}", answer.status),
        |code| format!("Data Manager: {code}"),
    );
    let violations: Vec<&Value> =
        details().filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten().collect();
    let named = |place: usize| {
        let violation = violations.iter().find(|violation| {
            let field = violation.get("field").and_then(Value::as_str).unwrap_or_default();
            answer::place_in(field, "events") == Some(place)
        })?;
        Some(declined(&violation.get("reason").and_then(answer::code).unwrap_or_else(|| code.clone())))
    };
    let some_are_named = (0..call.members.len()).any(|place| named(place).is_some());
    if answer.status == 400 && some_are_named {
        return Reading::without(call, named);
    }
    // What is wrong with the destination is the connection's fault.
    if answer.status == 400 && !violations.is_empty() {
        return Reading::mendable(call, &code);
    }
    answer.by_status(call, &code)
}
