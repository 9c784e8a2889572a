//! Google Ads API: `POST /{version}/customers/{customer}:uploadClickConversions`.
//!
//! Looked up 2026-11-21: the request in
//! <https://developers.google.com/google-ads/api/reference/rpc/v23/UploadClickConversionsRequest> and its proto;
//! errors in <https://developers.google.com/google-ads/api/reference/rpc/latest/ConversionUploadErrorEnum.ConversionUploadError>;
//! 2,000 conversions in <https://developers.google.com/google-ads/api/docs/best-practices/quotas>; v26 as the latest
//! in the notes of the v23 pages. Closed to developer tokens that did not upload between December 2025 and May 2026:
//! <https://developers.google.com/ads/blog/posts/2026/05/changes-to-offline-click-conversion>.
//!
//! Retractions (`uploadConversionAdjustments`) are left out: what was taken back is told only where `events` names a
//! conversion action for it.

use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::call::{Call, Frame, Limits, Part};
use super::setting::{EVENT_ID, Form, Setting, VALUE, optional, required, secret};
use super::values::{Told, declined, not_older};
use super::{Access, AccessError, Api, Reading};
use crate::delivery::{AttemptResult, Request};
use crate::time::Timestamp;

pub const SETTINGS: &[Setting] = &[
    required("customer_id", Form::Digits, "the account whose conversion actions are told"),
    optional("login_customer_id", Form::Digits, "the manager account that has access, where it is another"),
    secret("developer_token", "of the manager account: API Center; one that uploaded before June 2026"),
    secret("client_id", "of the OAuth client"),
    secret("client_secret", "of the OAuth client"),
    secret("refresh_token", "of a user with access, for the scope https://www.googleapis.com/auth/adwords"),
    optional("api_version", Form::Word, "the version of the Google Ads API; without it `v26`"),
    optional("enhanced_conversions", Form::OneOf(&["true", "false"]), ENHANCED),
    optional("consent", Form::OneOf(&["granted", "denied"]), CONSENT),
    VALUE,
    EVENT_ID,
];

pub const ENHANCED: &str = "`true` sends the hashed e-mail and telephone number too, and conversions that have only those; the account must have agreed to it";
pub const CONSENT: &str = "what visitors said to the use of their data for ads, the same for all of them; without it nothing is said";

pub const LIMITS: Limits = Limits { members: 2_000, bytes: 4 * 1024 * 1024 };

/// A click older than this is never attributed to, whatever the conversion action says.
pub const CLICK_DAYS_MAX: u64 = 90;

pub fn head(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let version = api.setting("api_version").unwrap_or("v26");
    let customer = api.digits("customer_id").unwrap_or_default();
    let mut headers =
        vec![("authorization", access.bearer()?), ("developer-token", access.secret("developer_token")?)];
    if let Some(manager) = api.digits("login_customer_id") {
        headers.push(("login-customer-id", manager));
    }
    let path = format!("/{version}/customers/{customer}:uploadClickConversions");
    Ok(api.post("https://googleads.googleapis.com", &path, headers))
}

pub fn part(told: &Told<'_>, now: Timestamp) -> Result<Part, String> {
    let action = action(told)?;
    let customer = told.api.digits("customer_id").unwrap_or_default();
    let click = click(told, now)?;
    let mut conversion = Map::new();
    if let Some((field, id)) = click {
        conversion.insert(field.into(), id.into());
    }
    let action = format!("customers/{customer}/conversionActions/{action}");
    let key = format!("{action} {}", told.id);
    conversion.insert("conversionAction".into(), action.into());
    conversion.insert("conversionDateTime".into(), told.date_time().into());
    if let Some(worth) = &told.value {
        conversion.insert("conversionValue".into(), worth.number.clone());
        conversion.insert("currencyCode".into(), worth.currency.clone().into());
    }
    conversion.insert("orderId".into(), told.id.clone().into());
    let people = people(told, click, "hashedEmail", "hashedPhoneNumber");
    if !people.is_empty() {
        conversion.insert("userIdentifiers".into(), people.into());
    }
    if let Some(consent) = told.api.setting("consent").map(str::to_ascii_uppercase) {
        conversion.insert("consent".into(), json!({"adUserData": consent, "adPersonalization": consent}));
    }
    // A test is looked at and not counted; that is said for a whole request.
    let after = if told.is_test {
        "],\"partialFailure\":true,\"validateOnly\":true}"
    } else {
        "],\"partialFailure\":true}"
    };
    let frame = Frame { before: "{\"conversions\":[".into(), after: after.into() };
    Ok(Part { json: Value::Object(conversion).to_string(), key, frame, alone: false })
}

/// The number of the conversion action, given alone or as the whole resource name.
pub fn action<'a>(told: &Told<'a>) -> Result<&'a str, String> {
    let number = told.name.rsplit('/').next().unwrap_or_default();
    let fits = !number.is_empty() && number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(number).ok_or_else(|| {
        "events must give the number of a conversion action, as 123456789 or customers/1/conversionActions/123456789"
            .to_owned()
    })
}

/// Exactly one of Google's click ids, the most exact first; none where hashed identifiers stand for it.
pub fn click<'a>(told: &Told<'a>, now: Timestamp) -> Result<Option<(&'static str, &'a str)>, String> {
    if let Some(clicked_at) = told.clicked_at() {
        not_older("the click", clicked_at, CLICK_DAYS_MAX, now)?;
    }
    let found = ["gclid", "gbraid", "wbraid"].into_iter().find_map(|name| Some((name, told.click_id(name)?)));
    let people = told.api.is_on("enhanced_conversions")
        && (told.hash("email_sha256").is_some() || told.hash("phone_sha256").is_some());
    if found.is_none() && !people {
        return Err("the click brought no gclid, gbraid or wbraid: Google could not match it".into());
    }
    Ok(found)
}

/// The hashed identifiers, where they are wanted; Google refuses them beside gbraid and wbraid.
pub fn people(told: &Told<'_>, click: Option<(&str, &str)>, email: &str, phone: &str) -> Vec<Value> {
    if !told.api.is_on("enhanced_conversions") || click.is_some_and(|(field, _)| field != "gclid") {
        return Vec::new();
    }
    let found = [(email, told.hash("email_sha256")), (phone, told.hash("phone_sha256"))];
    found.into_iter().filter_map(|(field, hash)| Some(json!({field: hash?}))).collect()
}

pub fn read(call: &Call, answer: &Answer) -> Reading {
    if answer.is_success() {
        return match answer.json.get("partialFailureError") {
            Some(failure) => partly(call, answer, failure),
            None if answer.json.is_object() => Reading::delivered(call, answer),
            None => Reading::all(call, &AttemptResult::Unexpected("the answer is no JSON".into())),
        };
    }
    let code = answer.json.get("error").and_then(first_code);
    let code = code.map_or_else(
        || format!("Google Ads answered {}", answer.status),
        |code| format!("Google Ads: {code}"),
    );
    if code.ends_with("CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE") {
        return Reading::all(call, &not_allowed());
    }
    // Rows have their errors in an answer of 200: a request that is refused whole is the connection's fault.
    let failure = answer.json.get("error").unwrap_or(&Value::Null);
    if answer.status == 400 && !errors(failure).any(|error| row(error).is_some()) && !names_rows(failure) {
        return Reading::mendable(call, &code);
    }
    answer.by_status(call, &code)
}

fn not_allowed() -> AttemptResult {
    AttemptResult::Declined(
        "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE: the developer token may not upload conversions any more; \
         use google_data_manager"
            .into(),
    )
}

/// One result per row: the errors name theirs, what is not named was taken.
fn partly(call: &Call, answer: &Answer, failure: &Value) -> Reading {
    let mut results: Vec<Option<AttemptResult>> =
        call.members.iter().map(|_| Some(answer.as_status())).collect();
    // A failure that names no error leaves open whose it is.
    let mut nameless = errors(failure).next().is_none().then(|| "a failure without errors".to_owned());
    for error in errors(failure) {
        let code = error_code(error).unwrap_or_else(|| "an error without a code".into());
        let place = row(error).or_else(|| (call.members.len() == 1).then_some(0));
        match place.and_then(|place| results.get_mut(place)) {
            // Of several errors of a row the first stands: later ones follow from it.
            Some(result) if *result == Some(answer.as_status()) => *result = Some(meaning(&code, answer)),
            Some(_) => {}
            None => nameless = Some(code),
        }
    }
    let Some(code) = nameless else {
        return Reading { results, ..Reading::default() };
    };
    // An error of no row: what has no result of its own may be meant.
    let rows = answer.json.get("results").and_then(Value::as_array);
    let has_result = |place: usize| {
        rows.and_then(|rows| rows.get(place)).and_then(Value::as_object).is_some_and(|row| !row.is_empty())
    };
    let open = |place: usize| {
        !has_result(place) && results.get(place).is_some_and(|result| *result == Some(answer.as_status()))
    };
    let Some(doubtful) = call.only(open) else {
        return Reading { results, ..Reading::default() };
    };
    let rest = Reading::some_member(&doubtful, &format!("Google Ads: {code}"));
    let mut told = rest.results.into_iter();
    let results = results.iter().enumerate();
    let results =
        results.map(|(place, result)| if open(place) { told.next().flatten() } else { result.clone() });
    Reading { results: results.collect(), again: rest.again, access_refused: false }
}

fn meaning(code: &str, answer: &Answer) -> AttemptResult {
    match code {
        // It was recorded before: an earlier attempt arrived, and its answer did not.
        "CLICK_CONVERSION_ALREADY_EXISTS" | "ORDER_ID_ALREADY_IN_USE" => answer.as_status(),
        // None of the two was recorded, says Google; alone one of them is.
        "DUPLICATE_ORDER_ID" | "DUPLICATE_CLICK_CONVERSION_IN_REQUEST" => {
            AttemptResult::Deferred(code.to_owned())
        }
        // Six hours after the click or after the conversion action was made.
        "TOO_RECENT_EVENT" | "TOO_RECENT_CONVERSION_ACTION" => AttemptResult::Deferred(code.to_owned()),
        "INTERNAL_ERROR"
        | "TRANSIENT_ERROR"
        | "DEADLINE_EXCEEDED"
        | "RESOURCE_EXHAUSTED"
        | "RESOURCE_TEMPORARILY_EXHAUSTED"
        | "CONCURRENT_MODIFICATION" => AttemptResult::Deferred(code.to_owned()),
        "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE" => not_allowed(),
        other => declined(other),
    }
}

fn errors(failure: &Value) -> impl Iterator<Item = &Value> {
    let details = failure.get("details").and_then(Value::as_array).into_iter().flatten();
    details.filter_map(|detail| detail.get("errors")?.as_array()).flatten()
}

/// Whether a request that could not be read at all names the row that it stumbled over.
fn names_rows(failure: &Value) -> bool {
    let details = failure.get("details").and_then(Value::as_array).into_iter().flatten();
    let mut violations = details.filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
    violations.any(|violation| {
        let field = violation.get("field").and_then(Value::as_str).unwrap_or_default();
        answer::place_in(field, "conversions").is_some()
    })
}

/// `{"conversionUploadError": "EXPIRED_EVENT"}`: one member, whatever its name.
fn error_code(error: &Value) -> Option<String> {
    error.get("errorCode")?.as_object()?.values().find_map(answer::code)
}

fn first_code(error: &Value) -> Option<String> {
    errors(error).find_map(error_code).or_else(|| error.get("status").and_then(answer::code))
}

/// The row that an error is about.
fn row(error: &Value) -> Option<usize> {
    let path = error.get("location")?.get("fieldPathElements")?.as_array()?;
    let element = path
        .iter()
        .find(|element| element.get("fieldName").and_then(Value::as_str) == Some("conversions"))?;
    let index = element.get("index")?;
    let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
    usize::try_from(index).ok()
}
