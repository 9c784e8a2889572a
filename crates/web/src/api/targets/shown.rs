//! A target as it is shown: what it asks for, how it is doing, what waits for it.

use proofback_domain::delivery::{Allowance, Pause, public_error};
use proofback_domain::program::{Owner, RateLimit, Snapshot, Target, Way};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::TargetHealth;
use serde_json::{Value, json};

use super::Found;
use crate::role::Role;

/// Whether a target is sent to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetState {
    On,
    Paused,
    /// Nobody answered: it is left alone for a while.
    Resting,
    /// It is tried with one delivery at a time whether it is back.
    Probing,
    /// Made from a preset, and no test delivery of what it is now was taken.
    Untested,
}

impl TargetState {
    pub const ALL: [Self; 5] = [Self::On, Self::Paused, Self::Resting, Self::Probing, Self::Untested];

    pub fn code(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Paused => "paused",
            Self::Resting => "resting",
            Self::Probing => "probing",
            Self::Untested => "untested",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    pub fn of(target: &Target, known: &TargetHealth, now: Timestamp) -> Self {
        if known.health.paused.is_some() {
            return Self::Paused;
        }
        if target.needs_test() && known.tested_as != target.definition() {
            return Self::Untested;
        }
        match known.health.allows(&target.health_policy(), now) {
            Allowance::None => Self::Resting,
            Allowance::Probe => Self::Probing,
            Allowance::All => Self::On,
        }
    }
}

pub fn show(found: &Found<'_>, snapshot: &Snapshot, role: &Role, now: Timestamp) -> Value {
    let Found { target, known, backlog } = found;
    let wants = &target.wants;
    let codes = |on: &[proofback_domain::program::Happening]| -> Vec<&str> {
        on.iter().map(|happening| happening.code()).collect()
    };
    let (kind, preset) = match &target.way {
        Way::Postback(call) => ("postback", call.preset.as_deref()),
        Way::Webhook(_) => ("webhook", None),
        Way::ConversionApi(connection) => ("conversion_api", Some(connection.api.platform.code())),
    };
    let mut view = json!({
        "id": target.id,
        "owner": owner(&target.owner),
        "kind": kind,
        "preset": preset,
        "host": target.host(),
        "on": codes(&wants.on),
        "events": wants.events,
        "statuses": wants.statuses,
        "reasons": wants.reasons,
        "offers": wants.offers,
        "partners": wants.partners,
        "always": target.always,
        "delay": target.delay.map(|delay| delay.to_string()),
        "share_percent": target.share,
        "rate_limit": target.rate_limit.map(show_rate),
        "state": TargetState::of(target, known, now).code(),
        "paused": paused(known, role),
        "resting_until": known.health.open_until.filter(|until| now < *until).map(Timestamp::iso),
        "failing": failing(target, known, now),
        "tested_at": known.tested_at.map(Timestamp::iso),
        "backlog": {
            "pending": backlog.pending,
            "due": backlog.due,
            "oldest": backlog.oldest.map(Timestamp::iso),
        },
    });
    if let (Some(members), true) = (view.as_object_mut(), role.is_staff()) {
        let url = match &target.way {
            Way::Postback(call) => call.url.source(),
            Way::Webhook(webhook) => &webhook.url,
            Way::ConversionApi(connection) => connection.api.base_url.as_deref().unwrap_or_default(),
        };
        members.insert("url".into(), json!(snapshot.hidden.hide(url)));
    }
    view
}

fn owner(owner: &Owner) -> Value {
    match owner {
        Owner::Operator => json!({ "operator": true }),
        Owner::Partner(id) => json!({ "partner": id }),
        Owner::Offer(id) => json!({ "offer": id }),
        Owner::Link(id) => json!({ "link": id }),
    }
}

/// As it stands in a program file.
fn show_rate(rate: RateLimit) -> String {
    let unit = match rate.per {
        per if per == Span::from_seconds(1) => "s".to_owned(),
        per if per == Span::from_seconds(60) => "m".to_owned(),
        per if per == Span::from_seconds(3_600) => "h".to_owned(),
        per => per.to_string(),
    };
    let burst = if rate.burst == rate.count { String::new() } else { format!(" burst {}", rate.burst) };
    format!("{}/{unit}{burst}", rate.count)
}

/// Who said so and in which words is for those who work here.
fn paused(known: &TargetHealth, role: &Role) -> Value {
    let Some(why) = known.health.paused else {
        return Value::Null;
    };
    let at = known.paused_at.map(Timestamp::iso);
    if role.is_staff() {
        return json!({ "why": why.code(), "at": at, "by": known.paused_by, "reason": known.paused_why });
    }
    let reason = match why {
        Pause::ByPerson => None,
        Pause::Failing | Pause::Gone => Some(public_error(&known.paused_why)),
    };
    json!({ "why": why.code(), "at": at, "reason": reason })
}

/// `null` while nothing fails.
fn failing(target: &Target, known: &TargetHealth, now: Timestamp) -> Value {
    let health = &known.health;
    let Some(since) = health.failing_since else {
        return Value::Null;
    };
    json!({
        "since": since.iso(),
        "attempts": health.failed,
        "percent_to_pause": health.percent_to_pause(&target.health_policy(), now),
    })
}
