//! TikTok Events API 2.0: refuses with status 200 and a code, and names the first bad event alone.

use serde_json::{Value, json};

use super::rules::{is_hash, is_money, is_text};
use super::{Asked, ConversionApis, Network, Reply, World};

const EVENTS_MAX: usize = 1_000;

pub fn take(world: &mut World, asked: &Asked<'_>) -> Reply {
    if asked.header("access-token") != ConversionApis::ACCESS_TOKEN {
        return reply(40_105, "Access token is incorrect or has been revoked.");
    }
    let body = asked.json();
    let events = body["data"].as_array().cloned().unwrap_or_default();
    if body["event_source"] != "web" || !is_text(&body["event_source_id"]) {
        return reply(40_002, "event_source: invalid");
    }
    if events.is_empty() || EVENTS_MAX < events.len() {
        return reply(40_002, "the number of events is wrong");
    }
    for (index, event) in events.iter().enumerate() {
        if let Some(field) = wrong(event, world) {
            return reply(40_002, &format!("data[{index}].{field}: invalid"));
        }
    }
    for event in &events {
        let key = format!("{} {}", event["event"], event["event_id"]);
        world.keep(Network::TikTok, key, event, is_text(&body["test_event_code"]));
    }
    reply(0, "OK")
}

fn reply(code: u32, message: &str) -> Reply {
    (200, json!({"code": code, "message": message, "request_id": "request", "data": {}}))
}

fn wrong(event: &Value, world: &World) -> Option<&'static str> {
    let user = &event["user"];
    let hashed = |name: &str| user[name].is_null() || is_hash(&user[name]);
    let properties = &event["properties"];
    let time = event["event_time"].as_i64().unwrap_or(i64::MAX);
    if !is_text(&event["event"]) || !is_text(&event["event_id"]) {
        return Some("event");
    }
    // Milliseconds would be far to come.
    if world.now < time {
        return Some("event_time");
    }
    if user.as_object().is_none_or(|user| user.is_empty()) || world.refusal(&user["ttclid"]).is_some() {
        return Some("user");
    }
    if !["email", "phone", "external_id"].into_iter().all(hashed) {
        return Some("user.email");
    }
    let money = properties.is_null() || is_money(&properties["value"], &properties["currency"]);
    (!money).then_some("properties")
}
