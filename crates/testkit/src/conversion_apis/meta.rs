//! Meta Conversions API: one bad event, and nothing of the request is taken.

use serde_json::{Value, json};

use super::rules::{DAY, is_hash, is_money, is_text};
use super::{Asked, ConversionApis, Network, Reply, World};

const EVENTS_MAX: usize = 1_000;

pub fn take(world: &mut World, asked: &Asked<'_>, dataset: &str) -> Reply {
    if asked.header("authorization") != format!("Bearer {}", ConversionApis::ACCESS_TOKEN) {
        // The real one quotes the token.
        let message = format!("Malformed access token {}", asked.header("authorization"));
        return (401, json!({"error": {"message": message, "type": "OAuthException", "code": 190}}));
    }
    let body = asked.json();
    let Some(events) = body["data"].as_array().filter(|events| !events.is_empty()) else {
        return invalid(1, "data is missing");
    };
    if EVENTS_MAX < events.len() || !dataset.bytes().all(|byte| byte.is_ascii_digit()) {
        return invalid(2, "too many events, or no such dataset");
    }
    if let Some(why) = events.iter().find_map(|event| wrong(event, world)) {
        return invalid(3, why);
    }
    for event in events {
        let key = format!("{} {}", event["event_name"], event["event_id"]);
        world.keep(Network::Meta, key, event, is_text(&body["test_event_code"]));
    }
    (200, json!({"events_received": events.len(), "messages": [], "fbtrace_id": "trace"}))
}

fn invalid(subcode: u32, message: &str) -> Reply {
    let error = json!({"message": message, "type": "OAuthException", "code": 100,
        "error_subcode": subcode, "is_transient": false, "fbtrace_id": "trace"});
    (400, json!({"error": error}))
}

fn wrong(event: &Value, world: &World) -> Option<&'static str> {
    let user = &event["user_data"];
    let time = event["event_time"].as_i64().unwrap_or(0);
    let hashed = |name: &str| match &user[name] {
        Value::Null => true,
        Value::Array(list) => list.iter().all(is_hash),
        _ => false,
    };
    let website = event["action_source"] == "website";
    let checks = [
        (is_text(&event["event_name"]) && is_text(&event["event_id"]), "event_name or event_id"),
        (world.now - 7 * DAY <= time && time <= world.now, "event_time is older than seven days, or to come"),
        (is_text(&event["action_source"]), "action_source"),
        (user.as_object().is_some_and(|user| !user.is_empty()), "user_data"),
        (["em", "ph", "external_id"].into_iter().all(hashed), "an identifier is not hashed"),
        (!website || is_text(&user["client_user_agent"]), "client_user_agent"),
        (!website || is_text(&event["event_source_url"]), "event_source_url"),
        (user["fbc"].is_null() || is_fbc(&user["fbc"]), "fbc"),
        (event["event_name"] != "Purchase" || has_money(event), "a purchase needs value and currency"),
        (event["custom_data"].is_null() || has_money(event), "value or currency"),
    ];
    checks.into_iter().find_map(|(holds, what)| (!holds).then_some(what))
}

fn has_money(event: &Value) -> bool {
    is_money(&event["custom_data"]["value"], &event["custom_data"]["currency"])
}

/// `fb.1.` with milliseconds and the click id.
fn is_fbc(value: &Value) -> bool {
    let parts: Vec<&str> = value.as_str().unwrap_or_default().splitn(4, '.').collect();
    let [fb, level, millis, click_id] = parts.as_slice() else { return false };
    *fb == "fb"
        && level.parse::<u8>().is_ok()
        && millis.len() == 13
        && millis.parse::<u64>().is_ok()
        && !click_id.is_empty()
}
