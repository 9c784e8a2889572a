//! Meta Conversions API: `POST /{version}/{dataset}/events` of the Graph API.
//!
//! Looked up 2026-11-21: fields, the seven days and duplicates in
//! <https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event>; the request and
//! 1,000 events in <https://developers.facebook.com/documentation/ads-commerce/conversions-api/using-the-api>; `fbc`
//! in <https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/fbp-and-fbc>; errors in
//! <https://developers.facebook.com/docs/graph-api/guides/error-handling>; version 26.0 of 29 July 2026 in
//! <https://developers.facebook.com/docs/graph-api/changelog/versions/>.
//!
//! The pages show the access token as a parameter. It is sent as `Authorization: Bearer`, which the Graph API takes
//! too: addresses and bodies end in logs.

use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::call::{Call, Frame, Limits, Part};
use super::setting::{EVENT_ID, Form, Setting, VALUE, optional, required, secret};
use super::values::{DAY, Told, not_older};
use super::{Access, AccessError, Api, Reading};
use crate::delivery::{AttemptResult, Request};
use crate::time::{Span, Timestamp};

pub const SETTINGS: &[Setting] = &[
    required("dataset", Form::Digits, "the number of the dataset (pixel)"),
    secret("access_token", "a token of the dataset: Events Manager, Settings, Conversions API"),
    optional("api_version", Form::Word, "the version of the Graph API; without it `v26.0`"),
    optional(
        "action_source",
        Form::OneOf(&[
            "website",
            "app",
            "phone_call",
            "chat",
            "email",
            "physical_store",
            "system_generated",
            "business_messaging",
            "other",
        ]),
        "where conversions happen; without it `website`, for which Meta wants user agent and page",
    ),
    optional(
        "page_url",
        Form::Address,
        "the page that conversions without a `page_url` of their own come from",
    ),
    optional(
        "test_event_code",
        Form::Word,
        "from Events Manager; tests are sent with it, and without it not at all",
    ),
    VALUE,
    EVENT_ID,
];

pub const LIMITS: Limits = Limits { members: 1_000, bytes: 4 * 1024 * 1024 };

/// One event older than this, and Meta refuses the whole request.
const AGE_DAYS_MAX: u64 = 7;
/// What happened in a shop may be told later.
const AGE_DAYS_MAX_IN_STORE: u64 = 62;
/// What is so near its end travels alone: it may be too late when it arrives.
const NEAR: Span = Span::from_seconds(3_600);

pub fn head(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let version = api.setting("api_version").unwrap_or("v26.0");
    let dataset = api.digits("dataset").unwrap_or_default();
    let token = access.secret("access_token")?;
    let headers = vec![("authorization", format!("Bearer {token}"))];
    Ok(api.post("https://graph.facebook.com", &format!("/{version}/{dataset}/events"), headers))
}

pub fn part(told: &Told<'_>, now: Timestamp) -> Result<Part, String> {
    let source = told.api.setting("action_source").unwrap_or("website");
    let days = if source == "physical_store" { AGE_DAYS_MAX_IN_STORE } else { AGE_DAYS_MAX };
    not_older("the event", told.event.at, days, now)?;
    let user = user(told)?;
    let page = told.page_url();
    if source == "website" && (told.user_agent().is_none() || page.is_none()) {
        return Err("Meta wants the visitor's user agent and the page of a website's events: set page_url, \
                    or another action_source"
            .into());
    }
    if told.name == "Purchase" && told.value.is_none() {
        return Err("Meta takes no Purchase without value and currency".into());
    }
    let mut event = Map::new();
    event.insert("event_name".into(), told.name.into());
    event.insert("event_time".into(), told.seconds().into());
    event.insert("event_id".into(), told.id.clone().into());
    event.insert("action_source".into(), source.into());
    if let Some(page) = page {
        event.insert("event_source_url".into(), page.into());
    }
    event.insert("user_data".into(), user.into());
    if let Some(worth) = &told.value {
        let custom = json!({"value": worth.number, "currency": worth.currency});
        event.insert("custom_data".into(), custom);
    }
    let near = Span::from_seconds(days.saturating_mul(DAY)) < now.plus(NEAR).since(told.event.at);
    Ok(Part {
        json: Value::Object(event).to_string(),
        key: format!("{} {}", told.name, told.id),
        frame: frame(told)?,
        alone: near,
    })
}

/// Tests go to the Test Events tool, and to nowhere else: without its code they would count.
fn frame(told: &Told<'_>) -> Result<Frame, String> {
    let after = match (told.is_test, told.api.setting("test_event_code")) {
        (false, _) => "]}".to_owned(),
        (true, Some(code)) => format!("],\"test_event_code\":{}}}", Value::from(code)),
        (true, None) => return Err("it is a test, and there is no test_event_code".into()),
    };
    Ok(Frame { before: "{\"data\":[".into(), after })
}

fn user(told: &Told<'_>) -> Result<Map<String, Value>, String> {
    let mut user = Map::new();
    for (name, field) in
        [("email_sha256", "em"), ("phone_sha256", "ph"), ("external_id_sha256", "external_id")]
    {
        if let Some(hash) = told.hash(name) {
            user.insert(field.into(), json!([hash]));
        }
    }
    if let Some(fbc) = fbc(told) {
        user.insert("fbc".into(), fbc.into());
    }
    if let Some(fbp) = told.click_id("fbp").filter(|fbp| fbp.starts_with("fb.")) {
        user.insert("fbp".into(), fbp.into());
    }
    if user.is_empty() {
        return Err(
            "Meta could match it with nobody: the click brought no fbclid, fbc or fbp, and there is no \
                    hashed identifier"
                .into(),
        );
    }
    if let Some(ip) = told.ip() {
        user.insert("client_ip_address".into(), ip.into());
    }
    if let Some(agent) = told.user_agent() {
        user.insert("client_user_agent".into(), agent.into());
    }
    Ok(user)
}

/// The cookie's value where it is known, else what the cookie would be: `fb.1.` with the time of the click in
/// milliseconds and the click id as it came.
fn fbc(told: &Told<'_>) -> Option<String> {
    let cookie = told.click_id("fbc").filter(|fbc| fbc.starts_with("fb."));
    cookie.map(str::to_owned).or_else(|| {
        let fbclid = told.click_id("fbclid")?;
        Some(format!("fb.1.{}.{fbclid}", told.clicked_at()?.millis()))
    })
}

pub fn read(call: &Call, answer: &Answer) -> Reading {
    let error = answer.json.get("error").filter(|error| error.is_object());
    match error {
        Some(error) => read_error(call, answer, error),
        None if answer.is_success() => counted(call, answer),
        None => answer.by_status(call, &format!("Meta answered {}", answer.status)),
    }
}

/// Meta says how many events it took, and not which. Sending the others with them again is safe: it knows their ids.
fn counted(call: &Call, answer: &Answer) -> Reading {
    match answer.json.get("events_received").and_then(Value::as_u64).map(usize::try_from) {
        Some(Ok(count)) if count == call.members.len() => Reading::delivered(call, answer),
        Some(Ok(_)) => Reading::some_member(call, "Meta took the request and not the event"),
        Some(Err(_)) | None => {
            let what = "events_received is missing".to_owned();
            Reading::all(call, &AttemptResult::Unexpected(what))
        }
    }
}

/// Graph answers most errors with 400, whatever they are; the code tells them apart.
fn read_error(call: &Call, answer: &Answer, error: &Value) -> Reading {
    let number = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    let subcode = error.get("error_subcode").and_then(answer::code);
    let code =
        subcode.map_or_else(|| format!("Meta error {number}"), |sub| format!("Meta error {number}/{sub}"));
    let passing = error.get("is_transient").and_then(Value::as_bool).unwrap_or(false);
    match number {
        102 | 190 => Reading::access_refused(call, &code),
        // A permission that is missing; a dataset or a version that is not there.
        3 | 10 | 200..=299 | 803 | 2_635 => Reading::mendable(call, &code),
        100 if error.get("error_subcode").and_then(Value::as_i64) == Some(33) => {
            Reading::mendable(call, &code)
        }
        // Unknown, out of service, too many calls of the app, the user, the account; 80000 and up: of this use of it.
        1 | 2 | 4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => {
            Reading::all(call, &AttemptResult::Deferred(code))
        }
        _ if passing => Reading::all(call, &AttemptResult::Deferred(code)),
        _ if 500 <= answer.status => answer.by_status(call, &code),
        _ => Reading::some_member(call, &code),
    }
}
