//! Files that finance brings: exchange rates, and a network's own list held against our conversions.

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::Multipart;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Ask, query};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show::counted;
use crate::trace::text;
use crate::trouble::Trouble;
use crate::visit::{Page, Visit};

/// Lines of a comparison on its page; files have all.
const LINES_SHOWN: usize = 200;

/// A form with a file.
struct Brought {
    pairs: Vec<(String, String)>,
    name: String,
    bytes: Bytes,
}

impl Brought {
    async fn read(mut form: Multipart) -> Result<Self, Trouble> {
        let unread = |_| Trouble::bad_request("The form could not be read; the file may be too large.");
        let mut brought = Self { pairs: Vec::new(), name: String::new(), bytes: Bytes::new() };
        while let Some(field) = form.next_field().await.map_err(unread)? {
            let name = field.name().unwrap_or_default().to_owned();
            if field.file_name().is_some() {
                brought.name = field.file_name().unwrap_or_default().to_owned();
                brought.bytes = field.bytes().await.map_err(unread)?;
            } else {
                brought.pairs.push((name, field.text().await.map_err(unread)?));
            }
        }
        match brought.bytes.is_empty() {
            true => Err(Trouble::bad_request("Choose a file; this one is empty.")),
            false => Ok(brought),
        }
    }

    fn pair(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Rates {
    rates: Vec<Rate>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Rate {
    date: String,
    base: String,
    currency: String,
    rate: String,
    at: Moment,
    author: String,
}

#[derive(Template)]
#[template(path = "rates.html")]
struct RatesPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    rates: Vec<Rate>,
    next: Option<String>,
    mistake: String,
    mistakes: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RatesAsked {
    cursor: String,
}

pub async fn rates(visit: Visit) -> Page {
    rates_page(&visit, StatusCode::OK, String::new(), Vec::new()).await
}

async fn rates_page(visit: &Visit, status: StatusCode, mistake: String, mistakes: Vec<String>) -> Page {
    let RatesAsked { cursor } = visit.asked().unwrap_or_default();
    let found: Rates =
        visit.api.get(&format!("/rates?{}", query([("limit", "50"), ("cursor", cursor.as_str())]))).await?;
    let page = RatesPage {
        frame: &visit.frame,
        tab: "rates",
        rates: found.rates,
        next: found.next,
        mistake,
        mistakes,
    };
    visit.show_as(status, &page)
}

pub async fn import_rates(visit: Visit, form: Multipart) -> Page {
    let brought = Brought::read(form).await?;
    let replace = if brought.pair("replace").is_empty() { "" } else { "true" };
    let path = format!("/rates?{}", query([("replace", replace)]));
    let ask =
        Ask { method: Method::POST, path: &path, headers: HeaderMap::new(), body: Body::from(brought.bytes) };
    match visit.api.read::<Value>(ask).await {
        Ok(done) => {
            let said = |name: &str| done.get(name).and_then(Value::as_u64).unwrap_or_default();
            let told = format!(
                "New: {}, known before: {}; decided by them: {}.",
                counted(said("added"), "rate"),
                said("known"),
                counted(said("decided"), "postback")
            );
            visit.done("/finance/rates", &told)
        }
        Err(trouble) if trouble.status.is_client_error() => {
            rates_page(&visit, trouble.status, trouble.sentence(), lines_of(&trouble)).await
        }
        Err(trouble) => Err(trouble),
    }
}

/// The mistakes of a file, a sentence each.
fn lines_of(trouble: &Trouble) -> Vec<String> {
    let mistakes = trouble.document.get("mistakes").and_then(Value::as_array).into_iter().flatten();
    mistakes.map(|mistake| format!("line {}: {}", text(mistake, "line"), text(mistake, "message"))).collect()
}

#[derive(Template)]
#[template(path = "reconcile.html")]
struct ReconcilePage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    advertisers: Vec<String>,
    advertiser: String,
    from: String,
    to: String,
    mistake: String,
    mistakes: Vec<String>,
    found: Option<Compared>,
}

/// What a comparison came to.
struct Compared {
    name: String,
    totals: Vec<(String, String)>,
    lines: Vec<ComparedLine>,
    lines_total: usize,
    ignored: Vec<String>,
}

struct ComparedLine {
    group: String,
    theirs: String,
    ours: String,
    differences: String,
    seen: String,
    action: String,
}

pub async fn reconcile(visit: Visit) -> Page {
    let page = empty(&visit);
    visit.show(&page)
}

fn empty(visit: &Visit) -> ReconcilePage<'_> {
    let month = |form: &str| visit.frame.zone.show(visit.frame.now, form).unwrap_or_default();
    ReconcilePage {
        frame: &visit.frame,
        tab: "reconcile",
        advertisers: visit.pages.web.advertisers(),
        advertiser: String::new(),
        from: month("%Y-%m-01"),
        to: month("%Y-%m-%d"),
        mistake: String::new(),
        mistakes: Vec::new(),
        found: None,
    }
}

/// Holds a file against our conversions: shown here, or given back as a file.
pub async fn hold_against(visit: Visit, form: Multipart) -> Page {
    let brought = Brought::read(form).await?;
    let mut page = empty(&visit);
    page.advertiser = brought.pair("advertiser").to_owned();
    page.from = brought.pair("from").to_owned();
    page.to = brought.pair("to").to_owned();
    let format = brought.pair("format");
    let asked = query([
        ("advertiser", page.advertiser.as_str()),
        ("from", page.from.as_str()),
        ("to", page.to.as_str()),
        ("map", brought.pair("map")),
        ("name", brought.name.as_str()),
        ("format", if format.is_empty() { "json" } else { format }),
    ]);
    let path = format!("/reconciliations?{asked}");
    let ask = Ask {
        method: Method::POST,
        path: &path,
        headers: HeaderMap::new(),
        body: Body::from(brought.bytes.clone()),
    };
    if !format.is_empty() && format != "json" {
        return taken_away(&visit, page, visit.api.answer(ask).await).await;
    }
    match visit.api.read::<Value>(ask).await {
        Ok(found) => {
            page.found = Some(compared(brought.name, &found));
            visit.show(&page)
        }
        Err(trouble) => refused(&visit, page, trouble),
    }
}

async fn taken_away(visit: &Visit, page: ReconcilePage<'_>, answer: Response) -> Page {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let bytes = axum::body::to_bytes(answer.into_body(), 1024 * 1024).await.unwrap_or_default();
    let document = serde_json::from_slice(&bytes).unwrap_or_default();
    refused(visit, page, Trouble::of_problem(status, &document))
}

fn refused(visit: &Visit, mut page: ReconcilePage<'_>, trouble: Trouble) -> Page {
    if !trouble.status.is_client_error() {
        return Err(trouble);
    }
    page.mistakes = lines_of(&trouble);
    page.mistake = trouble.sentence();
    visit.show_as(trouble.status, &page)
}

fn compared(name: String, found: &Value) -> Compared {
    let members = found.get("totals").and_then(Value::as_object).into_iter().flatten();
    let lines = found.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
    let ignored = found.get("ignored").and_then(Value::as_array).into_iter().flatten();
    Compared {
        name,
        totals: members.map(|(group, count)| (group.replace('_', " "), words(count))).collect(),
        lines_total: lines.len(),
        lines: lines
            .iter()
            .filter(|line| text(line, "group") != "matched")
            .take(LINES_SHOWN)
            .map(line_of)
            .collect(),
        ignored: ignored.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

fn line_of(line: &Value) -> ComparedLine {
    let said = |name: &str| line.get(name).map(words).unwrap_or_default();
    ComparedLine {
        group: text(line, "group").replace('_', " "),
        theirs: said("theirs"),
        ours: said("ours"),
        differences: said("differences"),
        seen: said("seen"),
        action: said("action"),
    }
}

/// Any value in words: what it has, one after the other.
fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            items.iter().map(words).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Value::Object(members) => {
            let said =
                members.iter().map(|(name, value)| (name, words(value))).filter(|(_, word)| !word.is_empty());
            said.map(|(name, word)| format!("{}: {word}", name.replace('_', " ")))
                .collect::<Vec<_>>()
                .join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comparison_shows_what_differs_and_counts_all() {
        let found = json!({
            "totals": { "matched": 3, "different_amount": 1 },
            "ignored": ["Comment"],
            "lines": [
                { "group": "matched", "theirs": { "txid": "A1" } },
                { "group": "different_amount", "theirs": { "txid": "A2", "amount": "10.00" }, "ours": null, "differences": ["amount"], "action": null },
            ],
        });
        let compared = compared("network.csv".into(), &found);
        assert_eq!((compared.lines.len(), compared.lines_total), (1, 2));
        assert_eq!(compared.lines[0].theirs, "txid: A2, amount: 10.00");
        assert_eq!(
            compared.totals,
            [("matched".into(), "3".into()), ("different amount".into(), "1".into())]
        );
    }
}
