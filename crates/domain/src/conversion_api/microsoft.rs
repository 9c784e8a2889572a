//! Microsoft Advertising: `POST /CampaignManagement/v13/OfflineConversions/Apply`.
//!
//! Looked up 2026-11-21: the request, 1,000 conversions and the answer in
//! <https://learn.microsoft.com/en-us/advertising/campaign-management-service/applyofflineconversions?view=bingads-13>
//! (its REST part); time, 90 days and duplicates in
//! <https://learn.microsoft.com/en-us/advertising/campaign-management-service/offlineconversion?view=bingads-13>;
//! faults in <https://learn.microsoft.com/en-us/advertising/guides/handle-service-errors-exceptions>.
//!
//! Why this and not the UET Conversions API (<https://learn.microsoft.com/en-us/advertising/guides/uet-conversion-api-integration>):
//! that one is in a pilot, to be joined by way of an account manager, and wants the events of a website's pages no
//! older than seven days, as clients of it say. Offline conversions are open to every account, reach 90 days back and
//! ask for what a tracker has: click id, goal, time and value. Neither dedupes against the other, so a goal that the
//! UET tag already counts must not be told here.

use serde_json::{Map, Value};

use super::answer::{self, Answer};
use super::call::{Call, Frame, Limits, Part};
use super::setting::{Form, Setting, VALUE, optional, required, secret};
use super::values::{Told, declined, not_older};
use super::{Access, AccessError, Api, Reading};
use crate::delivery::{AttemptResult, Request};
use crate::time::Timestamp;

pub const SETTINGS: &[Setting] = &[
    required("customer_id", Form::Digits, "the manager account (CustomerId)"),
    required("account_id", Form::Digits, "the ad account (CustomerAccountId)"),
    secret("developer_token", "from the developer portal of Microsoft Advertising"),
    secret("client_id", "of the application"),
    secret("client_secret", "of the application"),
    secret("refresh_token", "of a user with access, for the scope https://ads.microsoft.com/msads.manage"),
    optional("tenant", Form::Word, "the tenant that gives access tokens; without it `common`"),
    optional(
        "enhanced_conversions",
        Form::OneOf(&["true", "false"]),
        "`true` sends the hashed e-mail and telephone number too, and conversions that have only those; the goal must allow it",
    ),
    VALUE,
];

pub const LIMITS: Limits = Limits { members: 1_000, bytes: 4 * 1024 * 1024 };

const AGE_DAYS_MAX: u64 = 90;

pub fn head(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let headers = vec![
        ("authorization", access.bearer()?),
        ("developertoken", access.secret("developer_token")?),
        ("customerid", api.digits("customer_id").unwrap_or_default()),
        ("customeraccountid", api.digits("account_id").unwrap_or_default()),
    ];
    let path = "/CampaignManagement/v13/OfflineConversions/Apply";
    Ok(api.post("https://campaign.api.bingads.microsoft.com", path, headers))
}

pub fn part(told: &Told<'_>, now: Timestamp) -> Result<Part, String> {
    if told.is_test {
        return Err("it is a test, and Microsoft has no way to look at one without counting it".into());
    }
    not_older("the conversion", told.event.at, AGE_DAYS_MAX, now)?;
    let enhanced = told.api.is_on("enhanced_conversions");
    let hash = |name: &str| told.hash(name).filter(|_| enhanced);
    let (click, email, phone) = (told.click_id("msclkid"), hash("email_sha256"), hash("phone_sha256"));
    if click.is_none() && email.is_none() && phone.is_none() {
        return Err("the click brought no msclkid: Microsoft could not match it".into());
    }
    let mut conversion = Map::new();
    conversion.insert("ConversionName".into(), told.name.into());
    // With its milliseconds: they tell apart two conversions of one click within a second.
    let time = told.event.at.iso();
    let who = click.map(str::to_owned).or_else(|| email.clone()).or_else(|| phone.clone());
    let key = format!("{} {time} {}", told.name, who.unwrap_or_default());
    conversion.insert("ConversionTime".into(), time.into());
    if let Some(worth) = &told.value {
        conversion.insert("ConversionValue".into(), worth.number.clone());
        conversion.insert("ConversionCurrencyCode".into(), worth.currency.clone().into());
    }
    for (field, value) in [
        ("MicrosoftClickId", click.map(str::to_owned)),
        ("HashedEmailAddress", email),
        ("HashedPhoneNumber", phone),
    ] {
        if let Some(value) = value {
            conversion.insert(field.into(), value.into());
        }
    }
    let frame = Frame { before: "{\"OfflineConversions\":[".into(), after: "]}".into() };
    Ok(Part { json: Value::Object(conversion).to_string(), key, frame, alone: false })
}

pub fn read(call: &Call, answer: &Answer) -> Reading {
    if !answer.is_success() {
        return read_fault(call, answer);
    }
    match answer.json.get("PartialErrors") {
        Some(Value::Array(errors)) => {
            let places: Vec<usize> = errors.iter().filter_map(place).collect();
            // An error of no item: what it is about cannot be known, and nothing may be taken for delivered.
            if places.len() < errors.len() || places.iter().any(|place| call.members.len() <= *place) {
                let code = errors.first().and_then(symbol).unwrap_or_default();
                return Reading::some_member(call, &format!("Microsoft error {code}"));
            }
            let result = |place: usize| {
                let error = errors.iter().find(|error| self::place(error) == Some(place));
                Some(error.map_or_else(|| answer.as_status(), meaning))
            };
            Reading { results: (0..call.members.len()).map(result).collect(), ..Reading::default() }
        }
        Some(Value::Null) | None if answer.json.is_object() => Reading::delivered(call, answer),
        Some(_) | None => Reading::all(call, &AttemptResult::Unexpected("PartialErrors is no list".into())),
    }
}

/// Faults are told by their code, whatever the status: SOAP's habit of answering all of them with 500 lives on.
fn read_fault(call: &Call, answer: &Answer) -> Reading {
    let list = |name: &str| answer.json.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let batch = list("BatchErrors");
    let named = |place: usize| batch.iter().find(|error| self::place(error) == Some(place)).map(meaning);
    if (0..call.members.len()).any(|place| named(place).is_some()) {
        return Reading::without(call, named);
    }
    let errors = [list("Errors"), list("OperationErrors"), batch].concat();
    let Some(error) = errors.first() else {
        return answer.by_status(call, &format!("Microsoft answered {}", answer.status));
    };
    let code = format!("Microsoft error {}", symbol(error).unwrap_or_default());
    match error.get("Code").and_then(Value::as_i64).unwrap_or(-1) {
        // InvalidCredentials, AuthenticationTokenExpired.
        105 | 109 => Reading::access_refused(call, &code),
        // UserIsNotAuthorized.
        106 => Reading::mendable(call, &code),
        // InternalError, CallRateExceeded, ConcurrentRequestOverLimit.
        0 | 117 | 207 => Reading::all(call, &AttemptResult::Deferred(code)),
        _ if is_too_early(error) => Reading::all(call, &AttemptResult::Deferred(code)),
        _ if answer.status == 401 => Reading::access_refused(call, &code),
        _ if [408, 429].contains(&answer.status) => Reading::all(call, &answer.as_status()),
        // Items have their errors in an answer of 200: a request that is refused whole is the connection's fault.
        _ => Reading::mendable(call, &code),
    }
}

fn place(error: &Value) -> Option<usize> {
    error.get("Index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
}

fn meaning(error: &Value) -> AttemptResult {
    let code = symbol(error).unwrap_or_else(|| "an error without a code".into());
    if is_too_early(error) || error.get("Code").and_then(Value::as_i64) == Some(0) {
        return AttemptResult::Deferred(code);
    }
    declined(&code)
}

/// A goal takes conversions two hours after it was made.
fn is_too_early(error: &Value) -> bool {
    error.get("ErrorCode").and_then(Value::as_str).is_some_and(|code| code.ends_with("GoalTooRecent"))
}

fn symbol(error: &Value) -> Option<String> {
    error.get("ErrorCode").and_then(answer::code).or_else(|| error.get("Code").and_then(answer::code))
}
