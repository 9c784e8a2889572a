//! What waits for somebody: held postbacks, fraud review, clicks and originals that did not come yet, failed
//! deliveries. One or many are ended at a time, with a reason.

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::query;
use crate::deliveries;
use crate::frame::Frame;
use crate::log::Postback;
use crate::trace::text;
use crate::trouble::Trouble;
use crate::visit::{OneOrMore, Page, Posted, Visit};

const ROWS: &str = "50";

/// A queue with the reasons that its postbacks are held for.
pub struct Queue {
    pub name: &'static str,
    pub title: &'static str,
    /// What it is, and what is done here.
    about: &'static str,
    reasons: &'static [&'static str],
    /// A person can end it; else it ends by itself, and is only shown.
    decides: bool,
}

pub static QUEUES: [Queue; 4] = [
    Queue {
        name: "held",
        title: "Held",
        about: "Recorded, and earning nothing until somebody accepts or rejects them.",
        reasons: &[
            "payout_not_allowed",
            "pixel_unconfirmed",
            "over_cap",
            "amount_missing",
            "ambiguous_original",
        ],
        decides: true,
    },
    Queue {
        name: "fraud",
        title: "Fraud review",
        about: "A fraud rule holds these. Each says which rule and what it saw.",
        reasons: &["fraud_review"],
        decides: true,
    },
    Queue {
        name: "waiting",
        title: "Waiting",
        about: "For a click or a sale that has not arrived, or for an exchange rate. They are decided by themselves when it does.",
        reasons: &["awaiting_click", "awaiting_original", "rate_missing"],
        decides: false,
    },
    Queue {
        name: "deliveries",
        title: "Failed deliveries",
        about: "Ended as failed: nobody will be told unless they are made again.",
        reasons: &[],
        decides: false,
    },
];

fn queue(name: &str) -> Result<&'static Queue, Trouble> {
    let found = QUEUES.iter().find(|queue| queue.name == name);
    found.ok_or_else(|| Trouble::not_found("There is no such queue."))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Filter {
    reason: String,
    advertiser: String,
    partner: String,
    target: String,
    cursor: String,
}

#[derive(Deserialize)]
struct Waiting {
    #[serde(flatten)]
    postback: Postback,
    #[serde(default)]
    conversion: Value,
}

impl Waiting {
    /// The check that holds it.
    fn held_by(&self) -> String {
        let held = self.postback.explanation.iter().find(|check| check.verdict == "held");
        held.map(|check| format!("{}: {}", check.check, check.seen))
            .unwrap_or_else(|| self.postback.message.clone())
    }

    fn partner(&self) -> String {
        text(&self.conversion, "partner")
    }

    fn money(&self, name: &str, currency: &str) -> String {
        let (amount, currency) = (text(&self.conversion, name), text(&self.conversion, currency));
        if amount.is_empty() { "–".into() } else { format!("{} {currency}", crate::show::grouped(&amount)) }
    }
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage<'a> {
    frame: &'a Frame,
    queue: &'static Queue,
    queues: &'static [Queue],
    filter: &'a Filter,
    waiting: Vec<Waiting>,
    next: Option<String>,
    asked: String,
}

#[derive(Template)]
#[template(path = "queue_deliveries.html")]
struct FailedPage<'a> {
    frame: &'a Frame,
    queue: &'static Queue,
    queues: &'static [Queue],
    filter: &'a Filter,
    deliveries: Vec<deliveries::Delivery>,
    next: Option<String>,
    asked: String,
}

pub async fn show(visit: Visit, Path(name): Path<String>) -> Page {
    let queue = queue(&name)?;
    let filter: Filter = visit.asked()?;
    match queue.name {
        "deliveries" => failed(&visit, queue, &filter).await,
        _ if queue.decides => held(&visit, queue, &filter).await,
        _ => waiting(&visit, queue, &filter).await,
    }
}

#[derive(Deserialize)]
struct Reviews {
    reviews: Vec<Waiting>,
    next: Option<String>,
}

async fn held(visit: &Visit, queue: &'static Queue, filter: &Filter) -> Page {
    // The queue of one reason, or all others: fraud has a queue of its own.
    let reason = match queue.reasons {
        [only] => only,
        _ => filter.reason.as_str(),
    };
    let pairs =
        [("reason", reason), ("advertiser", filter.advertiser.trim()), ("partner", filter.partner.trim())];
    let asked = pairs.into_iter().chain([("cursor", filter.cursor.as_str()), ("limit", ROWS)]);
    let mut found: Reviews = visit.api.get(&format!("/reviews?{}", query(asked))).await?;
    found.reviews.retain(|waiting| queue.reasons.contains(&waiting.postback.reason.as_str()));
    let page = QueuePage {
        frame: &visit.frame,
        queue,
        queues: &QUEUES,
        filter,
        waiting: found.reviews,
        next: found.next,
        asked: query(pairs),
    };
    visit.show(&page)
}

#[derive(Deserialize)]
struct Postbacks {
    postbacks: Vec<Waiting>,
    next: Option<String>,
}

async fn waiting(visit: &Visit, queue: &'static Queue, filter: &Filter) -> Page {
    let first = queue.reasons.first().copied().unwrap_or_default();
    let known = queue.reasons.iter().find(|reason| **reason == filter.reason);
    let reason = known.copied().unwrap_or(first);
    let pairs = [("outcome", "held"), ("reason", reason), ("advertiser", filter.advertiser.trim())];
    let asked = pairs.into_iter().chain([("cursor", filter.cursor.as_str()), ("limit", ROWS)]);
    let found: Postbacks = visit.api.get(&format!("/postbacks?{}", query(asked))).await?;
    let filter =
        Filter { reason: reason.to_owned(), advertiser: filter.advertiser.clone(), ..Filter::default() };
    let page = QueuePage {
        frame: &visit.frame,
        queue,
        queues: &QUEUES,
        asked: query([("reason", reason), ("advertiser", filter.advertiser.trim())]),
        filter: &filter,
        waiting: found.postbacks,
        next: found.next,
    };
    visit.show(&page)
}

async fn failed(visit: &Visit, queue: &'static Queue, filter: &Filter) -> Page {
    let pairs = [("state", "failed"), ("target", filter.target.trim()), ("partner", filter.partner.trim())];
    let asked = pairs.into_iter().chain([("cursor", filter.cursor.as_str()), ("limit", ROWS)]);
    let found: deliveries::Listed = visit.api.get(&format!("/deliveries?{}", query(asked))).await?;
    let page = FailedPage {
        frame: &visit.frame,
        queue,
        queues: &QUEUES,
        filter,
        deliveries: found.deliveries,
        next: found.next,
        asked: query([("target", filter.target.trim()), ("partner", filter.partner.trim())]),
    };
    visit.show(&page)
}

#[derive(Deserialize)]
pub struct Words {
    #[serde(default)]
    postbacks: OneOrMore,
    verdict: String,
    reason: String,
}

/// One word about all that were marked; what could not be done is said.
pub async fn decide(visit: Visit, Path(name): Path<String>, Posted(form): Posted<Words>) -> Page {
    let queue = queue(&name)?;
    let back = format!("/queues/{}", queue.name);
    let marked = form.postbacks.values();
    if marked.is_empty() {
        return visit.done(&back, "Nothing was marked, and nothing was done.");
    }
    let asked = json!({ "postbacks": marked, "verdict": form.verdict, "reason": form.reason });
    let answer: Value = visit.api.post("/reviews", &asked).await?;
    let results = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
    let errors: Vec<String> =
        results.iter().map(|result| text(result, "error")).filter(|error| !error.is_empty()).collect();
    let done = results.len().saturating_sub(errors.len());
    let word = if form.verdict == "accept" { "accepted" } else { "rejected" };
    let rest = match errors.first() {
        Some(first) => format!(" {} could not be: {first}", errors.len()),
        None => String::new(),
    };
    visit.done(&back, &format!("{done} {word}.{rest}"))
}
