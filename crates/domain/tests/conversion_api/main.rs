//! What is told to ad platforms, what never is, and what their answers mean.

#![allow(clippy::unwrap_used, reason = "a test")]

mod answers;
mod documentation;
mod privacy;
mod requests;

use std::collections::BTreeMap;

use proofback_domain::conversion_api::{Access, Api, Call, Event, Plan, Platform, build};
use proofback_domain::id::Id;
use proofback_domain::name::Name;
use proofback_domain::time::{Span, Timestamp};
use serde_json::Value;

/// 2026-11-21T07:06:00Z.
fn now() -> Timestamp {
    Timestamp::from_millis(1_795_244_760_000)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A connection with what the platform requires.
fn api(platform: Platform, theirs: &str) -> Api {
    let required = platform.settings().iter().filter(|setting| setting.required);
    let settings = required.map(|setting| (setting.name.to_owned(), "123-456".to_owned())).collect();
    let events = [("sale", theirs), ("lead", theirs)];
    let events = events.iter().map(|(ours, theirs)| (Name::parse(ours).unwrap(), (*theirs).to_owned()));
    let mut api = Api { platform, settings, events: events.collect(), base_url: None };
    if platform == Platform::Meta {
        api.settings.insert("page_url".into(), "https://shop.example/thanks".into());
    }
    api
}

fn name_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Meta | Platform::TikTok => "Purchase",
        Platform::GoogleAds | Platform::GoogleDataManager => "987654321",
        Platform::Microsoft => "Paid order",
    }
}

/// A conversion that every platform takes.
fn sale(conversion: u128) -> BTreeMap<String, String> {
    let id: Id<proofback_domain::id::Conversion> = Id::new(now(), conversion);
    let mut values = map(&[
        ("event", "sale"),
        ("status", "approved"),
        ("txid", "S-1"),
        ("revenue", "140.00"),
        ("payout", "70.5"),
        ("currency", "EUR"),
        ("amount", "999.990000"),
        ("amount_currency", "USD"),
        ("ip", "203.0.113.7"),
        ("user_agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("fbclid", "IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk"),
        ("gclid", "Cj0KCQiA-abcDEF_123"),
        ("ttclid", "E.C.P.CoEBabcDEF"),
    ]);
    values.insert("msclkid".into(), format!("dd4afcccb1c9a4cad9544dd7e{conversion:05}"));
    values.insert("conversion_id".into(), id.to_string());
    values
}

/// An event of an hour ago, its click of two hours ago.
fn event(values: &BTreeMap<String, String>) -> Event<'_> {
    aged(values, 3_600)
}

fn aged(values: &BTreeMap<String, String>, seconds: u64) -> Event<'_> {
    let at = now().minus(Span::from_seconds(seconds));
    Event {
        delivery_id: Id::new(now(), 7),
        at,
        clicked_at: Some(at.minus(Span::from_seconds(3_600))),
        values,
    }
}

fn access() -> Access<'static> {
    Access { secret: &|name| Some(format!("s3cret-{name}")), token: Some("t0ken") }
}

fn plan(api: &Api, events: &[Event<'_>]) -> Plan {
    build(api, &access(), events, now()).unwrap()
}

/// The only call for one event.
fn call(api: &Api, values: &BTreeMap<String, String>) -> Call {
    let plan = plan(api, &[event(values)]);
    assert_eq!((plan.calls.len(), plan.refused), (1, Vec::new()));
    plan.calls.into_iter().next().unwrap()
}

fn refusal(api: &Api, event: Event<'_>) -> String {
    let plan = plan(api, &[event]);
    assert_eq!(plan.calls.len(), 0);
    plan.refused[0].1.error().unwrap()
}

fn body(call: &Call) -> Value {
    serde_json::from_str(&call.request.body).unwrap()
}

fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
