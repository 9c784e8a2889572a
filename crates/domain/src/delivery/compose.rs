//! From a planned delivery to the request that goes out, and to what of it may be kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::delivery::{AttemptResult, Request};
use crate::id::DeliveryId;
use crate::money::{Currency, Money};
use crate::outbound_signature::{Unsigned, sign};
use crate::program::target::{Body, Call, Target, Way, Webhook};
use crate::program::{Happening, SecretRef, Snapshot};
use crate::template::{FillError, Filling, Macro, Template};
use crate::time::Timestamp;
use crate::webhook;

/// So much of a request's body is kept.
const BODY_CHARS_KEPT: usize = 2_048;
/// What stands in the log in place of a secret.
const HIDDEN: &str = "HIDDEN";
/// Headers whose value is a secret, wherever it came from.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "access-token", "developer-token", "x-api-key", "api-key", "cookie"];

/// One delivery at one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    pub id: DeliveryId,
    pub happening: Happening,
    /// When it was planned.
    pub at: Timestamp,
    pub attempt_at: Timestamp,
    pub values: &'a BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    pub request: Request,
    /// The request as it may be kept: its first line, its headers, the start of its body, without secrets.
    pub shown: String,
}

/// The request that tells a target of this. Equal input gives an equal request. Conversion APIs take several
/// deliveries in one request: `conversion_api::build` makes those.
pub fn compose(
    target: &Target,
    snapshot: &Snapshot,
    occasion: Occasion<'_>,
) -> Result<Composed, AttemptResult> {
    match &target.way {
        Way::Postback(call) => compose_call(call, snapshot, occasion),
        Way::Webhook(webhook) => compose_webhook(webhook, snapshot, occasion),
        Way::ConversionApi(_) => Err(AttemptResult::NoTarget),
    }
}

fn compose_call(call: &Call, snapshot: &Snapshot, occasion: Occasion<'_>) -> Result<Composed, AttemptResult> {
    let secret = |name: &str| call.secrets.get(name).and_then(|reference| snapshot.secret(reference));
    let mut request = fill(call, snapshot, occasion, &|name| secret(name).map(str::to_owned))?;
    // A secret that is percent-encoded is no longer the text that is looked for in what is kept.
    let hides = call.templates().any(|template| template.secrets().next().is_some());
    let mut shown = match hides {
        true => Cow::Owned(fill(call, snapshot, occasion, &|_| Some(HIDDEN.into()))?),
        false => Cow::Borrowed(&request),
    }
    .into_owned();
    if let Some(signing) = &call.sign {
        let secrets: Option<Vec<&str>> =
            signing.secrets.iter().map(|reference| snapshot.secret(reference)).collect();
        let secrets = secrets.ok_or_else(|| unsigned(Unsigned::NoSecret))?;
        sign(&mut request, signing, &secrets, occasion.attempt_at).map_err(unsigned)?;
        // What is shown is signed, too: with what it is, so that a partner's question can be answered.
        if hides {
            sign(&mut shown, signing, &secrets, occasion.attempt_at).map_err(unsigned)?;
        } else {
            shown.clone_from(&request);
        }
    }
    let shown = show(&shown, snapshot);
    Ok(Composed { request, shown })
}

fn unsigned(why: Unsigned) -> AttemptResult {
    match why {
        Unsigned::NoSecret => AttemptResult::Deferred(why.to_string()),
        Unsigned::NoAddress => AttemptResult::Declined(why.to_string()),
    }
}

fn fill(
    call: &Call,
    snapshot: &Snapshot,
    occasion: Occasion<'_>,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<Request, AttemptResult> {
    let value = |name: Macro| occasion.values.get(name.name()).cloned().unwrap_or_default();
    let convert =
        |name: Macro, amount: &str, to: Currency| convert(snapshot, occasion.values, name, amount, to);
    let currencies = &snapshot.program.currencies;
    let filling = Filling { value: &value, secret, convert: &convert, currencies };
    let text = |template: &Template| template.fill(&filling).map_err(not_yet);
    let mut headers = Vec::new();
    for (name, template) in &call.headers {
        headers.push((name.clone(), text(template)?));
    }
    let mut say = |content_type: &str| {
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
    };
    let body = match &call.body {
        Body::Empty => String::new(),
        Body::Form(fields) => {
            say("application/x-www-form-urlencoded");
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, template) in fields {
                form.append_pair(name, &text(template)?);
            }
            form.finish()
        }
        Body::Json(template) => {
            say("application/json");
            text(template)?
        }
        Body::Raw { content_type, text: template } => {
            say(content_type);
            text(template)?
        }
    };
    Ok(Request { verb: call.verb, url: text(&call.url)?, headers, body })
}

fn not_yet(why: FillError) -> AttemptResult {
    AttemptResult::Deferred(why.to_string())
}

/// An amount in another currency, by the rates of the day of the event.
fn convert(
    snapshot: &Snapshot,
    values: &BTreeMap<String, String>,
    name: Macro,
    amount: &str,
    to: Currency,
) -> Option<String> {
    let own = values.get("revenue_currency").filter(|_| name == Macro::Revenue);
    let from = own.or_else(|| values.get(Macro::Currency.name()))?;
    let program = &snapshot.program;
    let (sign, amount) = amount.strip_prefix('-').map_or(("", amount), |amount| ("-", amount));
    let money: Money = program.currencies.parse_money(&format!("{amount} {from}")).ok()?;
    let at = Timestamp::parse(values.get(Macro::Timestamp.name())?)?;
    let day = program.timezone.day(at);
    let converted = snapshot.convert(money, to, day).ok()?.money;
    let rounded = program.currencies.round(converted.pro_rata(1, 1)?)?;
    Some(format!("{sign}{}", program.currencies.amount(rounded)))
}

fn compose_webhook(
    webhook: &Webhook,
    snapshot: &Snapshot,
    occasion: Occasion<'_>,
) -> Result<Composed, AttemptResult> {
    let body = webhook::body(occasion.happening, occasion.at, occasion.values);
    let mut keys = Vec::new();
    for reference in &webhook.secrets {
        let secret = snapshot.secret(reference).ok_or_else(|| missing(reference))?;
        let key = webhook::Key::parse(secret);
        keys.push(
            key.map_err(|error| AttemptResult::Deferred(format!("its secret cannot be used: {error}")))?,
        );
    }
    let headers = webhook::headers(&occasion.id.to_string(), occasion.attempt_at, &body, &keys);
    let request = Request { verb: super::Verb::Post, url: webhook.url.clone(), headers, body };
    let shown = show(&request, snapshot);
    Ok(Composed { request, shown })
}

fn missing(reference: &SecretRef) -> AttemptResult {
    AttemptResult::Deferred(format!("the secret {reference} is not there"))
}

/// A request as it may be kept.
pub fn show(request: &Request, snapshot: &Snapshot) -> String {
    let mut shown = format!("{} {}", request.verb.code(), request.url);
    for (name, value) in &request.headers {
        let secret = SECRET_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known));
        let value = if secret { HIDDEN } else { value };
        shown.push_str(&format!("\n{name}: {value}"));
    }
    if !request.body.is_empty() {
        shown.push_str("\n\n");
        shown.extend(request.body.chars().take(BODY_CHARS_KEPT));
    }
    snapshot.hidden.hide(&shown).into_owned()
}
