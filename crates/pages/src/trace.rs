//! One click from start to end, found by any id that somebody has.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use proofback_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{query, segment};
use crate::frame::Frame;
use crate::visit::{Page, Visit};

#[derive(Deserialize)]
struct Found {
    found: Vec<Match>,
}

/// Something that an id may mean.
#[derive(Deserialize)]
struct Match {
    kind: String,
    id: String,
    click_id: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

impl Match {
    /// The page that shows it.
    fn address(&self) -> String {
        match (self.kind.as_str(), &self.click_id) {
            ("conversion", _) => format!("/conversions/{}", segment(&self.id)),
            ("postback", _) => format!("/postbacks/{}", segment(&self.id)),
            ("delivery", _) => format!("/deliveries/{}", segment(&self.id)),
            ("payout" | "invoice" | "settlement", _) => format!("/finance/settlements/{}", segment(&self.id)),
            (_, Some(click)) => format!("/clicks/{}", segment(click)),
            (_, None) => format!("/postbacks?{}", query([("txid", self.id.as_str())])),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    q: String,
}

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage<'a> {
    frame: &'a Frame,
    asked: &'a str,
    found: Vec<Match>,
}

/// Where an id leads: to the only thing that it means, or to a choice.
pub async fn find(visit: Visit) -> Page {
    let Asked { q } = visit.asked()?;
    let asked = q.trim();
    let found = match asked {
        "" => Vec::new(),
        asked => visit.api.get::<Found>(&format!("/find?{}", query([("q", asked)]))).await?.found,
    };
    let clicks: Vec<&String> = found.iter().filter_map(|one| one.click_id.as_ref()).collect();
    let one_click = clicks.first().filter(|first| clicks.iter().all(|click| click == *first));
    if let (Some(click), true) = (one_click, clicks.len() == found.len()) {
        let note = found.iter().find_map(|one| one.note.clone()).unwrap_or_default();
        let address = format!("/clicks/{}", segment(click));
        // In the address it would be anybody's: whoever made a link could have this server say things.
        return match note.as_str() {
            "" => Ok(Redirect::to(&address).into_response()),
            note => visit.done(&address, note),
        };
    }
    if let [only] = found.as_slice() {
        return Ok(Redirect::to(&only.address()).into_response());
    }
    visit.show(&FindPage { frame: &visit.frame, asked, found })
}

#[derive(Deserialize)]
struct Trace {
    click: Value,
    timeline: Vec<Value>,
}

/// Something that happened, as it is drawn.
struct Item {
    at: Timestamp,
    title: String,
    summary: String,
    /// The colour of its dot: `good`, `warn`, `bad` or `info`.
    tone: &'static str,
    address: String,
    /// How long after what stands above it; empty for the first.
    later: String,
    facts: Vec<(String, String)>,
    request: String,
    answer: String,
}

#[derive(Template)]
#[template(path = "click.html")]
struct ClickPage<'a> {
    frame: &'a Frame,
    click_id: String,
    about: Vec<(String, String)>,
    params: Vec<(String, String)>,
    items: Vec<Item>,
}

pub async fn click(visit: Visit, Path(id): Path<String>) -> Page {
    let trace: Trace = visit.api.get(&format!("/trace/{}", segment(&id))).await?;
    let mut items = Vec::with_capacity(trace.timeline.len());
    let mut before: Option<Timestamp> = None;
    for value in &trace.timeline {
        let mut item = item(value);
        item.later = before.map(|before| apart(before, item.at)).unwrap_or_default();
        before = Some(item.at);
        items.push(item);
    }
    let params = trace.click.get("params").and_then(Value::as_array);
    let pair = |pair: &Value| (text(pair, "name"), text(pair, "value"));
    let page = ClickPage {
        frame: &visit.frame,
        click_id: text(&trace.click, "click_id"),
        about: facts(&trace.click, &["click_id", "params", "at"]),
        params: params.into_iter().flatten().map(pair).collect(),
        items,
    };
    visit.show(&page)
}

pub fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Members that are plain values and say something.
pub fn facts(value: &Value, without: &[&str]) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    let plain = members
        .filter(|(name, value)| !without.contains(&name.as_str()) && !value.is_object() && !value.is_array());
    plain
        .map(|(name, _)| (name.replace('_', " "), text(value, name)))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

fn item(value: &Value) -> Item {
    let kind = text(value, "kind");
    let at = Timestamp::parse(&text(value, "at")).unwrap_or(Timestamp::from_millis(0));
    let to = |place: &str, name: &str| format!("/{place}/{}", segment(&text(value, name)));
    let (title, tone, address) = match kind.as_str() {
        "click" => ("Click".to_owned(), "info", String::new()),
        "postback" => {
            let outcome = text(value, "outcome");
            ("Postback received".into(), tone(&outcome), to("postbacks", "postback_id"))
        }
        "conversion" => {
            ("Conversion".into(), tone(&text(value, "status")), to("conversions", "conversion_id"))
        }
        "entry" => (
            "Booked".into(),
            "info",
            format!("/finance/ledger?{}", query([("conversion_id", text(value, "conversion_id").as_str())])),
        ),
        "delivery" => {
            ("Delivery planned".into(), tone(&text(value, "state")), to("deliveries", "delivery_id"))
        }
        "attempt" => {
            let answered = value.get("status").and_then(Value::as_u64);
            let tone =
                if answered.is_some_and(|status| (200..300).contains(&status)) { "good" } else { "bad" };
            ("Sent".into(), tone, to("deliveries", "delivery_id"))
        }
        other => (other.to_owned(), "info", String::new()),
    };
    let hidden = ["at", "kind", "summary", "request", "answer", "headers", "message"];
    Item {
        at,
        title,
        summary: text(value, "summary"),
        tone,
        address,
        later: String::new(),
        facts: facts(value, &hidden),
        request: request_of(value, &kind),
        answer: answer_of(value),
    }
}

/// The request as it came or went, as far as it may be shown.
fn request_of(value: &Value, kind: &str) -> String {
    if kind != "postback" {
        return text(value, "request");
    }
    let pairs = value.get("params").and_then(Value::as_array).into_iter().flatten();
    let lines = pairs.map(|pair| format!("{} = {}", text(pair, "name"), text(pair, "value")));
    let head = format!("{} {}", text(value, "method"), text(value, "path"));
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

fn answer_of(value: &Value) -> String {
    let (answer, message) = (text(value, "answer"), text(value, "message"));
    if answer.is_empty() { message } else { answer }
}

/// A word of ours as a colour.
pub fn tone(word: &str) -> &'static str {
    match word {
        "accepted" | "approved" | "delivered" | "paid" => "good",
        "held" | "pending" | "withheld" | "duplicate" => "warn",
        "rejected" | "reversed" | "failed" => "bad",
        _ => "info",
    }
}

fn apart(before: Timestamp, after: Timestamp) -> String {
    let millis = after.millis().saturating_sub(before.millis());
    match millis {
        ..1_000 => format!("{millis} ms later"),
        1_000..60_000 => format!("{} s later", millis / 1_000),
        _ => format!("{} later", crate::show::duration(&(millis / 1_000).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_leads_to_its_page_and_has_the_colour_of_its_word() {
        for (value, address, tone) in [
            (
                json!({ "kind": "postback", "postback_id": "p1", "outcome": "rejected" }),
                "/postbacks/p1",
                "bad",
            ),
            (
                json!({ "kind": "conversion", "conversion_id": "c1", "status": "approved" }),
                "/conversions/c1",
                "good",
            ),
            (json!({ "kind": "attempt", "delivery_id": "d1", "status": 503 }), "/deliveries/d1", "bad"),
            (json!({ "kind": "attempt", "delivery_id": "d1", "status": 204 }), "/deliveries/d1", "good"),
            (
                json!({ "kind": "delivery", "delivery_id": "d1", "state": "pending" }),
                "/deliveries/d1",
                "warn",
            ),
            (json!({ "kind": "click" }), "", "info"),
        ] {
            let item = item(&value);
            assert_eq!((item.address.as_str(), item.tone), (address, tone), "{value}");
        }
    }

    #[test]
    fn a_postback_is_shown_as_it_came() {
        let value = json!({ "kind": "postback", "method": "GET", "path": "/postback/casino",
            "params": [{ "name": "cid", "value": "x" }, { "name": "sum", "value": "1" }], "message": "told" });
        let item = item(&value);
        assert_eq!(item.request, "GET /postback/casino\ncid = x\nsum = 1");
        assert_eq!(item.answer, "told");
    }
}
