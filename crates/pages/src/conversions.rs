//! Conversions: the list, and one with what a person may do about it.

use askama::Template;
use axum::extract::Path;
use proofback_domain::outcome::Status;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::visit::{Page, Posted, Visit};

#[derive(Deserialize)]
struct Conversion {
    conversion_id: String,
    at: Moment,
    event_at: Moment,
    advertiser: String,
    offer: String,
    event: String,
    partner: String,
    click_id: String,
    txid: Option<String>,
    status: String,
    held: Option<Value>,
    #[serde(default)]
    test: bool,
    amount: Option<String>,
    currency: Option<String>,
    payout: Option<String>,
    payout_currency: Option<String>,
    revenue: Option<String>,
    revenue_currency: Option<String>,
    payable_at: Option<Moment>,
}

impl Conversion {
    fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_null() && held != &Value::Bool(false))
    }

    fn money(amount: &Option<String>, currency: &Option<String>) -> String {
        match (amount, currency) {
            (Some(amount), Some(currency)) => format!("{} {currency}", crate::show::grouped(amount)),
            (Some(amount), None) => crate::show::grouped(amount),
            (None, _) => "–".into(),
        }
    }

    fn amount(&self) -> String {
        Self::money(&self.amount, &self.currency)
    }

    fn payout(&self) -> String {
        Self::money(&self.payout, &self.payout_currency)
    }

    fn revenue(&self) -> String {
        Self::money(&self.revenue, &self.revenue_currency)
    }
}

#[derive(Deserialize, Default)]
struct Listed {
    conversions: Vec<Conversion>,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Filter {
    status: String,
    event: String,
    partner: String,
    advertiser: String,
    offer: String,
    txid: String,
    click_id: String,
    from: String,
    to: String,
    cursor: String,
}

impl Filter {
    fn pairs(&self) -> [(&str, &str); 9] {
        [
            ("status", self.status.trim()),
            ("event", self.event.trim()),
            ("partner", self.partner.trim()),
            ("advertiser", self.advertiser.trim()),
            ("offer", self.offer.trim()),
            ("txid", self.txid.trim()),
            ("click_id", self.click_id.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
        ]
    }
}

#[derive(Template)]
#[template(path = "conversions.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    filter: &'a Filter,
    statuses: Vec<&'static str>,
    conversions: Vec<Conversion>,
    asked: String,
    next: Option<String>,
    mistake: String,
}

pub async fn list(visit: Visit) -> Page {
    let filter: Filter = visit.asked()?;
    let (found, mistake): (Listed, String) =
        visit.list("/conversions", filter.pairs(), &filter.cursor).await?;
    let page = ListPage {
        frame: &visit.frame,
        statuses: Status::ALL.iter().map(|status| status.code()).collect(),
        conversions: found.conversions,
        asked: query(filter.pairs()),
        next: found.next,
        filter: &filter,
        mistake,
    };
    visit.show(&page)
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    at: Moment,
    debit: String,
    credit: String,
    amount: String,
    currency: String,
    kind: String,
    reason: String,
}

#[derive(Deserialize)]
struct Deliveries {
    deliveries: Vec<DeliveryRow>,
}

#[derive(Deserialize)]
struct DeliveryRow {
    delivery_id: String,
    at: Moment,
    target: String,
    event: String,
    state: String,
    last_error: Option<String>,
}

#[derive(Template)]
#[template(path = "conversion.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    conversion: Conversion,
    statuses: Vec<&'static str>,
    entries: Vec<Entry>,
    deliveries: Vec<DeliveryRow>,
}

pub async fn one(visit: Visit, Path(id): Path<String>) -> Page {
    let conversion: Conversion = visit.api.get(&format!("/conversions/{}", segment(&id))).await?;
    let of_it = query([("conversion_id", conversion.conversion_id.as_str())]);
    let entries = match visit.frame.is_staff {
        true => visit.api.get::<Entries>(&format!("/ledger/entries?{of_it}")).await?.entries,
        false => Vec::new(),
    };
    let told: Deliveries = visit.api.get(&format!("/deliveries?{of_it}")).await?;
    let page = OnePage {
        frame: &visit.frame,
        conversion,
        statuses: Status::ALL.iter().map(|status| status.code()).collect(),
        entries,
        deliveries: told.deliveries,
    };
    visit.show(&page)
}

#[derive(Deserialize)]
pub struct StatusForm {
    status: String,
    reason: String,
}

pub async fn set_status(visit: Visit, Path(id): Path<String>, Posted(form): Posted<StatusForm>) -> Page {
    let path = format!("/conversions/{}", segment(&id));
    let asked = json!({ "status": form.status, "reason": form.reason });
    let done: Value = visit.api.post(&format!("{path}/status"), &asked).await?;
    visit.done(&path, &crate::trace::text(&done, "message"))
}

#[derive(Deserialize)]
pub struct AdjustForm {
    payout: String,
    reason: String,
}

pub async fn adjust(visit: Visit, Path(id): Path<String>, Posted(form): Posted<AdjustForm>) -> Page {
    let path = format!("/conversions/{}", segment(&id));
    let asked = json!({ "payout": form.payout.trim(), "reason": form.reason });
    let done: Value = visit.api.post(&format!("{path}/adjust"), &asked).await?;
    visit.done(&path, &crate::trace::text(&done, "message"))
}
