//! TikTok Events API 2.0: `POST /open_api/v1.3/event/track/`.
//!
//! Looked up 2026-11-21: duplicates within 48 hours in <https://ads.tiktok.com/help/article/event-deduplication>. The
//! reference itself (<https://business-api.tiktok.com/portal/docs?id=1771101303285761>, return codes in
//! <https://business-api.tiktok.com/portal/docs?id=1737172488964097>) is not readable without a browser; fields and
//! codes are those that several public clients agree on, one of which checked them against it on 2026-08-10.
//!
//! TikTok takes at most 1,000 events in a request, says that client. 50 and 1 MB, as a widely used connector sends
//! them, are kept: TikTok refuses a request whole and names the first bad event alone.

use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::call::{Call, Frame, Limits, Part};
use super::setting::{EVENT_ID, Form, Setting, VALUE, optional, required, secret};
use super::values::{Told, declined};
use super::{Access, AccessError, Api, Reading};
use crate::delivery::{AttemptResult, Request};

pub const SETTINGS: &[Setting] = &[
    required("pixel", Form::Word, "the pixel's code (event_source_id)"),
    secret("access_token", "a token of the pixel: Events Manager, Settings, Events API"),
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

pub const LIMITS: Limits = Limits { members: 50, bytes: 1_000_000 };

pub fn head(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let headers = vec![("access-token", access.secret("access_token")?)];
    Ok(api.post("https://business-api.tiktok.com", "/open_api/v1.3/event/track/", headers))
}

pub fn part(told: &Told<'_>) -> Result<Part, String> {
    let mut event = Map::new();
    event.insert("event".into(), told.name.into());
    event.insert("event_time".into(), told.seconds().into());
    event.insert("event_id".into(), told.id.clone().into());
    event.insert("user".into(), user(told)?.into());
    if let Some(worth) = &told.value {
        let properties = json!({"value": worth.number, "currency": worth.currency});
        event.insert("properties".into(), properties);
    }
    if let Some(page) = told.page_url() {
        event.insert("page".into(), json!({"url": page}));
    }
    Ok(Part {
        json: Value::Object(event).to_string(),
        key: format!("{} {}", told.name, told.id),
        frame: frame(told)?,
        alone: false,
    })
}

fn frame(told: &Told<'_>) -> Result<Frame, String> {
    let pixel = Value::from(told.api.setting("pixel").unwrap_or_default());
    let source = format!("{{\"event_source\":\"web\",\"event_source_id\":{pixel},");
    let before = match (told.is_test, told.api.setting("test_event_code")) {
        (false, _) => format!("{source}\"data\":["),
        (true, Some(code)) => format!("{source}\"test_event_code\":{},\"data\":[", Value::from(code)),
        (true, None) => return Err("it is a test, and there is no test_event_code".into()),
    };
    Ok(Frame { before, after: "]}".into() })
}

fn user(told: &Told<'_>) -> Result<Map<String, Value>, String> {
    let mut user = Map::new();
    for name in ["ttclid", "ttp"] {
        if let Some(id) = told.click_id(name) {
            user.insert(name.into(), id.into());
        }
    }
    for (name, field) in
        [("email_sha256", "email"), ("phone_sha256", "phone"), ("external_id_sha256", "external_id")]
    {
        if let Some(hash) = told.hash(name) {
            user.insert(field.into(), hash.into());
        }
    }
    if user.is_empty() {
        return Err(
            "TikTok could match it with nobody: the click brought no ttclid or ttp, and there is no hashed \
                    identifier"
                .into(),
        );
    }
    if let Some(ip) = told.ip() {
        user.insert("ip".into(), ip.into());
    }
    if let Some(agent) = told.user_agent() {
        user.insert("user_agent".into(), agent.into());
    }
    Ok(user)
}

/// The status says little: refusals come with 200, too many calls with 401. The code in the body decides.
pub fn read(call: &Call, answer: &Answer) -> Reading {
    let Some(number) = answer.json.get("code").and_then(Value::as_i64) else {
        if answer.is_success() {
            let what = "the answer has no code".to_owned();
            return Reading::all(call, &AttemptResult::Unexpected(what));
        }
        return answer.by_status(call, &format!("TikTok answered {}", answer.status));
    };
    let code = format!("TikTok code {number}");
    match number {
        0 => Reading::all(call, &AttemptResult::Answered { status: 200, retry_after: None }),
        // Too many calls; TikTok's own faults.
        40_100 | 50_000..=59_999 => Reading::all(call, &AttemptResult::Deferred(code)),
        // The token is wrong, missing, expired or withdrawn.
        40_101..=40_105 => Reading::access_refused(call, &code),
        // The token may not do this.
        40_001 => Reading::mendable(call, &code),
        _ => match named(call, answer) {
            Some(bad) => Reading::without(call, |place| (place == bad).then(|| declined(&code))),
            None => Reading::some_member(call, &code),
        },
    }
}

/// The first bad event, which the message names as `data[2]` or `data.2`.
fn named(call: &Call, answer: &Answer) -> Option<usize> {
    let message = answer.json.get("message").and_then(Value::as_str)?;
    answer::place_in(message, "data").filter(|place| *place < call.members.len())
}
