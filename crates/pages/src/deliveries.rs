//! What was told to whom: the list, and one delivery with its attempts.

use askama::Template;
use axum::extract::Path;
use proofback_domain::delivery::DeliveryState;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::visit::{OneOrMore, Page, Posted, Visit};

#[derive(Deserialize)]
pub struct Delivery {
    pub delivery_id: String,
    pub at: Moment,
    pub target: String,
    pub partner: Option<String>,
    pub event: String,
    pub conversion_id: Option<String>,
    pub state: String,
    pub attempts: u32,
    pub next_at: Option<Moment>,
    pub last_error: Option<String>,
    #[serde(default)]
    pub attempt_log: Vec<Attempt>,
}

#[derive(Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub at: Moment,
    #[serde(default)]
    pub request: String,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub duration_ms: Option<i64>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub answer: Option<String>,
}

impl Attempt {
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

#[derive(Deserialize, Default)]
pub struct Listed {
    pub deliveries: Vec<Delivery>,
    pub next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Filter {
    state: String,
    target: String,
    partner: String,
    event: String,
    error: String,
    from: String,
    to: String,
    cursor: String,
}

impl Filter {
    fn pairs(&self) -> [(&str, &str); 7] {
        [
            ("state", self.state.trim()),
            ("target", self.target.trim()),
            ("partner", self.partner.trim()),
            ("event", self.event.trim()),
            ("error", self.error.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
        ]
    }
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    filter: &'a Filter,
    states: Vec<&'static str>,
    deliveries: Vec<Delivery>,
    asked: String,
    next: Option<String>,
    mistake: String,
}

pub async fn list(visit: Visit) -> Page {
    let filter: Filter = visit.asked()?;
    let (found, mistake): (Listed, String) =
        visit.list("/deliveries", filter.pairs(), &filter.cursor).await?;
    let states =
        [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Withheld];
    let page = ListPage {
        frame: &visit.frame,
        states: states.iter().map(|state| state.code()).collect(),
        deliveries: found.deliveries,
        asked: query(filter.pairs()),
        next: found.next,
        filter: &filter,
        mistake,
    };
    visit.show(&page)
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    delivery: Delivery,
}

pub async fn one(visit: Visit, Path(id): Path<String>) -> Page {
    let delivery = visit.api.get(&format!("/deliveries/{}", segment(&id))).await?;
    visit.show(&OnePage { frame: &visit.frame, delivery })
}

#[derive(Deserialize)]
pub struct Again {
    #[serde(default)]
    reason: String,
}

pub async fn retry(visit: Visit, Path(id): Path<String>, Posted(form): Posted<Again>) -> Page {
    let path = format!("/deliveries/{}", segment(&id));
    let asked = if form.reason.trim().is_empty() { json!({}) } else { json!({ "reason": form.reason }) };
    visit.api.post::<Value>(&format!("{path}/retry"), &asked).await?;
    visit.done(&path, "It is made again under the same id.")
}

#[derive(Deserialize)]
pub struct Marked {
    #[serde(default)]
    deliveries: OneOrMore,
    #[serde(default)]
    reason: String,
}

/// Makes those again that were marked.
pub async fn retry_marked(visit: Visit, Posted(form): Posted<Marked>) -> Page {
    let marked = form.deliveries.values();
    let asked = if form.reason.trim().is_empty() { json!({}) } else { json!({ "reason": form.reason }) };
    for id in &marked {
        visit.api.post::<Value>(&format!("/deliveries/{}/retry", segment(id)), &asked).await?;
    }
    visit.done("/queues/deliveries", &format!("Made again: {}.", marked.len()))
}
