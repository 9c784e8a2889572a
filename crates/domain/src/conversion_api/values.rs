//! What may be told of one conversion: checked, so that nothing which names a person can stand in any request.

use std::net::IpAddr;

use serde_json::{Number, Value};

use super::{Api, Event};
use crate::delivery::AttemptResult;
use crate::id::ConversionId;
use crate::money::{Currencies, Currency};
use crate::name::Name;
use crate::outcome::Status;
use crate::time::{Span, Timestamp};

const CLICK_ID_BYTES_MAX: usize = 1_000;
const EVENT_ID_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 1_000;

pub const DAY: u64 = 86_400;

/// An event with what the platform calls it.
pub struct Told<'a> {
    pub api: &'a Api,
    pub event: &'a Event<'a>,
    /// What the platform calls it.
    pub name: &'a str,
    /// The same at every attempt, another for another conversion.
    pub id: String,
    pub value: Option<Worth>,
    pub is_test: bool,
}

/// The value of a conversion, exact: its digits go into JSON as they are.
pub struct Worth {
    pub number: Value,
    pub currency: String,
}

impl<'a> Told<'a> {
    /// The error is a sentence for people.
    pub fn of(api: &'a Api, event: &'a Event<'a>) -> Result<Self, String> {
        let name = mapped(api, event)?;
        let conversion: ConversionId = text(event, "conversion_id")
            .and_then(|id| id.parse().ok())
            .ok_or("it is about no conversion: there is nothing to tell")?;
        let txid = text(event, "txid").filter(|_| api.setting("event_id") == Some("txid"));
        let id = txid.filter(|txid| is_event_id(txid)).map_or_else(|| conversion.to_string(), str::to_owned);
        let is_test = text(event, "test") == Some("1");
        Ok(Self { api, event, name, id, value: worth(api, event)?, is_test })
    }

    /// An id that came with the click, as it was: its letters' case counts.
    pub fn click_id(&self, name: &str) -> Option<&'a str> {
        text(self.event, name).filter(|id| is_click_id(id))
    }

    /// A SHA-256 in lower case. Anything else is left out, a plain address above all.
    pub fn hash(&self, name: &str) -> Option<String> {
        let hash = text(self.event, name)?;
        let fits = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| hash.to_ascii_lowercase())
    }

    pub fn ip(&self) -> Option<String> {
        text(self.event, "ip")?.parse::<IpAddr>().ok().map(|ip| ip.to_string())
    }

    /// Without one that gives an address or a number to reach somebody by, as some robots do.
    pub fn user_agent(&self) -> Option<&'a str> {
        let fits = |agent: &&str| {
            agent.len() <= TEXT_BYTES_MAX
                && !agent.chars().any(char::is_control)
                && agent.bytes().any(|byte| byte.is_ascii_alphabetic())
                && !is_personal(agent)
                && !agent.as_bytes().windows(2).any(|pair| matches!(pair, [b'+', b'0'..=b'9']))
        };
        text(self.event, "user_agent").filter(fits)
    }

    /// Where the visitor was, without query and fragment: forms put addresses of people there.
    pub fn page_url(&self) -> Option<String> {
        let given = text(self.event, "page_url").and_then(plain_page);
        given.or_else(|| self.api.setting("page_url").and_then(plain_page))
    }

    pub fn seconds(&self) -> i64 {
        self.event.at.millis().div_euclid(1_000)
    }

    /// When the click was, which is not later than the event.
    pub fn clicked_at(&self) -> Option<Timestamp> {
        let told = || text(self.event, "click_timestamp").and_then(Timestamp::parse);
        self.event.clicked_at.or_else(told).filter(|clicked_at| *clicked_at <= self.event.at)
    }

    /// `2026-11-21 07:06:00+00:00`.
    pub fn date_time(&self) -> String {
        let iso = self.event.at.iso();
        format!("{}+00:00", iso.get(..19).unwrap_or(&iso).replace('T', " "))
    }
}

/// Says in whole days how old a platform lets something be.
pub fn not_older(what: &str, at: Timestamp, days: u64, now: Timestamp) -> Result<(), String> {
    if Span::from_seconds(days.saturating_mul(DAY)) < now.since(at) {
        return Err(format!("{what} is older than {days} days, which is the longest that is taken"));
    }
    Ok(())
}

pub fn declined(code: &str) -> AttemptResult {
    AttemptResult::Declined(code.to_owned())
}

fn text<'a>(event: &Event<'a>, name: &str) -> Option<&'a str> {
    event.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// What the platform calls this event. What was taken back is told only under a name of its own: under the first
/// one the platform would count, and learn from, a sale that was none.
fn mapped<'a>(api: &'a Api, event: &Event<'_>) -> Result<&'a str, String> {
    let ours = text(event, "event").unwrap_or_default();
    let find = |name: &str| {
        let name = Name::parse(name).ok()?;
        api.events.get(&name).map(String::as_str)
    };
    let named = match text(event, "status").and_then(Status::parse) {
        Some(status @ (Status::Rejected | Status::Reversed)) => {
            let word = status.code();
            let own = find(&format!("{ours}-{word}")).or_else(|| find(word));
            own.ok_or_else(|| {
                format!("the conversion is {word}; events names nothing that tells it (`{ours}-{word}` or `{word}`)")
            })
        }
        Some(Status::Pending | Status::Approved) | None => {
            find(ours).ok_or_else(|| format!("events does not say what {ours:?} is called there"))
        }
    };
    named.map(str::trim).and_then(|name| {
        let fits = !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control);
        fits.then_some(name).ok_or_else(|| format!("what events calls {ours:?} is no name"))
    })
}

/// The money that the settings choose. What cannot be told is said, not left out: a sale without its value
/// misleads more quietly than one that is missing.
fn worth(api: &Api, event: &Event<'_>) -> Result<Option<Worth>, String> {
    let revenue = || (text(event, "revenue"), text(event, "revenue_currency").or(text(event, "currency")));
    let payout = || (text(event, "payout"), text(event, "currency"));
    let amount = || (text(event, "amount"), text(event, "amount_currency"));
    let (digits, currency) = match api.setting("value") {
        Some("none") => return Ok(None),
        Some("payout") => payout(),
        Some("amount") => amount(),
        Some("revenue") => revenue(),
        Some(_) | None => {
            if revenue().0.is_some() {
                revenue()
            } else {
                amount()
            }
        }
    };
    let (Some(digits), Some(currency)) = (digits, currency) else {
        return Ok(None);
    };
    let number = decimal(digits).ok_or_else(|| {
        "its value is no plain decimal, or below zero: what lowers a value cannot be told".to_owned()
    })?;
    let known = Currency::parse(currency).filter(|code| Currencies::default().digits(*code).is_some());
    let code = known.ok_or_else(|| {
        "its value is in a currency that ISO 4217 lacks: value = \"none\" tells conversions without it"
            .to_owned()
    })?;
    Ok(Some(Worth { number, currency: code.to_string() }))
}

/// Plain digits as a JSON number, every digit kept.
fn decimal(text: &str) -> Option<Value> {
    let plain = text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse::<Number>().ok()).flatten().map(Value::Number)
}

fn is_event_id(text: &str) -> bool {
    text.len() <= EVENT_ID_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !is_personal(text)
        && !could_be_a_phone(text)
}

/// Characters as click ids have them, and a letter: a telephone number has none.
fn is_click_id(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.len() <= CLICK_ID_BYTES_MAX
        && text.bytes().all(known)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_personal(text: &str) -> bool {
    text.contains('@') || text.to_ascii_lowercase().contains("%40")
}

/// A plus and digits, as telephone numbers are written; order numbers of digits alone are not taken for one.
fn could_be_a_phone(text: &str) -> bool {
    text.starts_with('+') || text.starts_with("00")
}

fn plain_page(text: &str) -> Option<String> {
    let mut page = url::Url::parse(text).ok()?;
    if !matches!(page.scheme(), "http" | "https") || TEXT_BYTES_MAX < text.len() {
        return None;
    }
    page.set_query(None);
    page.set_fragment(None);
    page.set_username("").ok()?;
    page.set_password(None).ok()?;
    let names_a_person =
        |segment: &str| is_personal(segment) || segment.contains("%2B") || segment.contains('+');
    if page.path_segments().is_some_and(|mut segments| segments.any(names_a_person)) {
        page.set_path("/");
    }
    Some(page.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_every_digit() {
        for (text, json) in [
            ("140.00", Some("140.00")),
            ("0.100000", Some("0.100000")),
            ("999999999999.999999", Some("999999999999.999999")),
            ("0", Some("0")),
            ("-1", None),
            ("1e3", None),
            ("007", None),
            ("1.", None),
            (".5", None),
            ("", None),
        ] {
            assert_eq!(decimal(text).map(|number| number.to_string()).as_deref(), json, "{text}");
        }
    }

    #[test]
    fn a_page_says_nothing_of_the_visitor() {
        for (given, told) in [
            ("https://shop.example/thanks?email=a%40b.example#x", Some("https://shop.example/thanks")),
            ("https://a:b@shop.example/thanks", Some("https://shop.example/thanks")),
            ("https://shop.example/u/a@b.example/thanks", Some("https://shop.example/")),
            ("https://shop.example/u/a%40b.example", Some("https://shop.example/")),
            ("https://shop.example/call/+4915112345678", Some("https://shop.example/")),
            ("javascript:alert(1)", None),
            ("shop.example", None),
        ] {
            assert_eq!(plain_page(given).as_deref(), told, "{given}");
        }
    }
}
