//! Google: the Ads API answers for each row, the Data Manager takes a request whole or not at all.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rules::{DAY, is_hash, is_money, is_text, seconds};
use super::{Asked, ConversionApis, Network, Reply, World};

const CONVERSIONS_MAX: usize = 2_000;
const CLICK_IDS: [&str; 3] = ["gclid", "gbraid", "wbraid"];

pub fn take(world: &mut World, asked: &Asked<'_>, rest: &str) -> Reply {
    let Some(customer) = rest.strip_suffix(":uploadClickConversions") else {
        return (404, json!({}));
    };
    if !world.has_token(asked) {
        return failure(401, "UNAUTHENTICATED", "authenticationError", "OAUTH_TOKEN_EXPIRED");
    }
    if asked.header("developer-token") != ConversionApis::DEVELOPER_TOKEN {
        return failure(401, "UNAUTHENTICATED", "authenticationError", "DEVELOPER_TOKEN_INVALID");
    }
    let login = asked.header("login-customer-id");
    if !login.bytes().chain(customer.bytes()).all(|byte| byte.is_ascii_digit()) {
        return failure(400, "INVALID_ARGUMENT", "headerError", "INVALID_LOGIN_CUSTOMER_ID");
    }
    let body = asked.json();
    if body["partialFailure"] != true {
        return failure(400, "INVALID_ARGUMENT", "partialFailureError", "PARTIAL_FAILURE_MODE_REQUIRED");
    }
    let conversions = body["conversions"].as_array().cloned().unwrap_or_default();
    if conversions.is_empty() || CONVERSIONS_MAX < conversions.len() {
        return failure(400, "INVALID_ARGUMENT", "conversionUploadError", "TOO_MANY_CONVERSIONS_IN_REQUEST");
    }
    rows(world, &conversions, body["validateOnly"] == true)
}

fn failure(status: u16, name: &str, kind: &str, code: &str) -> Reply {
    let errors = json!([{"errorCode": {kind: code}, "message": "A sentence."}]);
    let details = json!([{"@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure", "errors": errors}]);
    (status, json!({"error": {"code": status, "message": "A sentence.", "status": name, "details": details}}))
}

fn rows(world: &mut World, conversions: &[Value], test: bool) -> Reply {
    let mut errors = Vec::new();
    let mut results = Vec::new();
    for (index, conversion) in conversions.iter().enumerate() {
        let key = key(conversion);
        let twice = conversions.iter().filter(|other| self::key(other) == key).count() != 1;
        let refused = row_error(conversion, world.now)
            .map(str::to_owned)
            .or_else(|| CLICK_IDS.into_iter().find_map(|name| world.refusal(&conversion[name]).cloned()))
            .or_else(|| twice.then(|| "DUPLICATE_ORDER_ID".to_owned()))
            .or_else(|| {
                let known = !test && world.known.contains(&(Network::GoogleAds, key.clone()));
                known.then(|| "ORDER_ID_ALREADY_IN_USE".to_owned())
            });
        match refused {
            Some(code) => {
                let path = json!([{"fieldName": "conversions", "index": index}]);
                errors.push(json!({"errorCode": {"conversionUploadError": code}, "message": "A sentence.",
                    "location": {"fieldPathElements": path}}));
                results.push(json!({}));
            }
            None => {
                world.keep(Network::GoogleAds, key, conversion, test);
                results.push(json!({"conversionAction": conversion["conversionAction"]}));
            }
        }
    }
    let results = if test { json!([]) } else { json!(results) };
    if errors.is_empty() {
        return (200, json!({"results": results, "jobId": "1"}));
    }
    let details = json!([{"@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure", "errors": errors}]);
    let failure = json!({"code": 3, "message": "Multiple errors.", "details": details});
    (200, json!({"partialFailureError": failure, "results": results, "jobId": "1"}))
}

fn key(conversion: &Value) -> String {
    format!("{} {}", conversion["conversionAction"], conversion["orderId"])
}

fn row_error(conversion: &Value, now: i64) -> Option<&'static str> {
    let clicks = CLICK_IDS.into_iter().filter(|name| !conversion[*name].is_null()).count();
    let people = conversion["userIdentifiers"].as_array().cloned().unwrap_or_default();
    let hashed = |person: &Value| person.as_object().is_some_and(|person| person.values().all(is_hash));
    let time = conversion["conversionDateTime"].as_str().unwrap_or_default();
    let at = (time.len() == 25 && time.ends_with("+00:00")).then(|| seconds(time, ' ')).flatten();
    let action = conversion["conversionAction"].as_str().unwrap_or_default();
    let money = conversion["conversionValue"].is_null()
        || is_money(&conversion["conversionValue"], &conversion["currencyCode"]);
    match at {
        None => Some("INVALID_STRING_DATE_TIME"),
        Some(at) if now < at => Some("FUTURE_DATE_TIME"),
        Some(at) if at < now - 90 * DAY => Some("EXPIRED_EVENT"),
        Some(_) if clicks != 1 && people.is_empty() => Some("UNPARSEABLE_GCLID"),
        Some(_) if 1 < clicks => Some("GBRAID_WBRAID_BOTH_SET"),
        Some(_) if !people.iter().all(hashed) => Some("INVALID_USER_IDENTIFIER"),
        Some(_) if !action.starts_with("customers/") => Some("NO_CONVERSION_ACTION_FOUND"),
        Some(_) if !money || !is_text(&conversion["orderId"]) => Some("INVALID_VALUE"),
        Some(_) => None,
    }
}

pub fn ingest(world: &mut World, asked: &Asked<'_>) -> Reply {
    if !world.has_token(asked) {
        return (401, json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "A sentence."}}));
    }
    let body = asked.json();
    let destination = &body["destinations"][0];
    let account = &destination["operatingAccount"];
    let events = body["events"].as_array().cloned().unwrap_or_default();
    let fits = account["accountType"] == "GOOGLE_ADS"
        && is_text(&account["accountId"])
        && is_text(&destination["productDestinationId"])
        && body["encoding"] == "HEX"
        && !events.is_empty()
        && events.len() <= CONVERSIONS_MAX;
    if !fits {
        return violations("INVALID_ARGUMENT", &[]);
    }
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, event) in events.iter().enumerate() {
        let reason = event_error(event, world).or_else(|| {
            let again = !seen.insert(event["transactionId"].to_string());
            again.then(|| "INVALID_EVENT".to_owned())
        });
        if let Some(reason) = reason {
            wrong.push(
                json!({"field": format!("events[{index}]"), "reason": reason, "description": "A sentence."}),
            );
        }
    }
    if !wrong.is_empty() {
        return violations("INVALID_ARGUMENT", &wrong);
    }
    for event in &events {
        let key = format!("{} {}", destination["productDestinationId"], event["transactionId"]);
        world.keep(Network::GoogleDataManager, key, event, body["validateOnly"] == true);
    }
    (200, json!({"requestId": "request"}))
}

fn violations(reason: &str, fields: &[Value]) -> Reply {
    let details = json!([
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "datamanager.googleapis.com"},
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields},
    ]);
    (400, json!({"error": {"code": 400, "message": "A sentence.", "status": reason, "details": details}}))
}

fn event_error(event: &Value, world: &World) -> Option<String> {
    let ids = &event["adIdentifiers"];
    let clicks = CLICK_IDS.into_iter().filter(|name| is_text(&ids[*name])).count();
    let people = event["userData"]["userIdentifiers"].as_array().cloned().unwrap_or_default();
    let hashed = |person: &Value| person.as_object().is_some_and(|person| person.values().all(is_hash));
    let at = seconds(event["eventTimestamp"].as_str().unwrap_or_default(), 'T');
    let money = event["conversionValue"].is_null() || is_money(&event["conversionValue"], &event["currency"]);
    let own = CLICK_IDS.into_iter().find_map(|name| world.refusal(&ids[name]).cloned());
    let known = if clicks == 0 && people.is_empty() {
        Some("NO_IDENTIFIERS_PROVIDED")
    } else if !people.iter().all(hashed) {
        Some("INVALID_SHA256_FORMAT")
    } else if at.is_none_or(|at| world.now < at) {
        Some("INVALID_FORMAT")
    } else if !money || event["eventSource"] != "WEB" || !is_text(&event["transactionId"]) {
        Some("INVALID_EVENT")
    } else {
        None
    };
    known.map(str::to_owned).or(own)
}
