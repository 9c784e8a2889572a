//! Reads the small languages inside the texts of a program file: money, terms, addresses, references.
//!
//! Each function takes a text and gives a value, or a sentence that says what is wrong with it.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use crate::calendar::Zone;
use crate::entities::repair_entities;
use crate::money::{Currencies, Currency, Money, MoneyError};
use crate::outcome::Status;
use crate::program::reader::{Placed, Section, did_you_mean, quote, read_word};
use crate::program::{Approval, Happening, Price, RateLimit, SecretRef};
use crate::template::{Template, TemplateError};
use crate::time::Span;

pub(super) use crate::template::SUBS;

const RATE_MAX: u32 = 1_000_000;
/// Secrets that count at the same time.
const SECRETS_MAX: usize = 4;

pub(super) fn currency(text: &str, currencies: &Currencies) -> Result<Currency, String> {
    currencies.parse(text).map_err(|error| explain(text, &error))
}

pub(super) fn money(text: &str, currencies: &Currencies) -> Result<Money, String> {
    currencies.parse_money(text).map_err(|error| explain(text, &error))
}

/// `"120 EUR"`, `"30%"`, `"50 EUR + 10%"` or `"postback"`.
pub(super) fn price(text: &str, currencies: &Currencies) -> Result<Price, String> {
    Price::parse(text, |text| currencies.parse_money(text)).map_err(|error| {
        if error == MoneyError::NotMoney {
            let suggestion = did_you_mean(text, std::iter::once("postback"));
            let forms = "\"120 EUR\", \"30%\", \"50 EUR + 10%\" and \"postback\"";
            format!("{} is none of {forms}{suggestion}", quote(text))
        } else {
            explain(text, &error)
        }
    })
}

fn explain(text: &str, error: &MoneyError) -> String {
    format!("{}: {error}", quote(text))
}

pub(super) fn approval(text: &str) -> Result<Approval, String> {
    let after = text.strip_prefix("after ").and_then(|span| Span::parse(span.trim()));
    let fortnight = Span::from_seconds(14 * 86_400);
    let words = [
        ("auto", Approval::Auto),
        ("postback", Approval::Postback),
        ("manual", Approval::Manual),
        // Stands for all of its kind where a mistake lists what there is.
        ("after 14d", Approval::After(fortnight)),
    ];
    after.map_or_else(|| read_word(text, &words), |span| Ok(Approval::After(span)))
}

/// Our own words for a status, in lower case only.
pub(super) fn status(text: &str) -> Result<Status, String> {
    read_word(text, &Status::ALL.map(|status| (status.code(), status)))
}

/// `"2000/s"`, `"2000/m"` or `"2000/h"`, and how many may come at once: `"2000/s burst 500"`.
pub(super) fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let number = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|count| plain && 1 <= *count && *count <= RATE_MAX)
    };
    let read = || {
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(number(burst.trim())?)),
            None => (text, None),
        };
        let (count, unit) = rate.trim_end().split_once('/')?;
        let count: u32 = number(count)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        Some(RateLimit { count, per: Span::from_seconds(seconds), burst: burst.unwrap_or(count) })
    };
    read().ok_or_else(|| {
        format!(
            "{} is no rate; write it like 2000/s, 2000/m, 2000/h or 2000/s burst 500, with 1 to {RATE_MAX}",
            quote(text)
        )
    })
}

/// One reference to a secret, or a list of them while it is exchanged.
pub(super) fn secrets<'a>(section: &mut Section<'a>, key: &'a str) -> Vec<SecretRef> {
    let place = section.place_of(key);
    let written = section.has(key);
    let Some(texts) = section.text_or_texts(key) else {
        return Vec::new();
    };
    if written && (texts.is_empty() || SECRETS_MAX < texts.len()) {
        section.mistakes.error(place, format!("\"{key}\": give one secret, or a list of 1 to {SECRETS_MAX}"));
    }
    let read = texts.into_iter().filter_map(|text| section.convert(key, text, &secret));
    read.map(|reference| reference.value).collect()
}

/// A reference to a secret. What stands in its place is never repeated: it may be the secret itself.
pub(super) fn secret(text: &str) -> Result<SecretRef, String> {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let reference = SecretRef::parse(text).filter(|reference| match reference {
        SecretRef::Env(name) => plain(name),
        SecretRef::File(_) => true,
    });
    reference.ok_or_else(|| {
        "a secret does not stand in this file, only where to find it: \"env:NAME\" or \"file:PATH\"".into()
    })
}

/// A network, or one address. Bits of the host are dropped.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address).map(|network| network.trunc());
    network
        .ok_or_else(|| format!("{} is no address; write it like 203.0.113.7 or 203.0.113.0/24", quote(text)))
}

/// The name of a request header (RFC 9110, "token").
pub(super) fn header(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    fits.then(|| text.to_owned()).ok_or_else(|| format!("{} is no name of a header", quote(text)))
}

/// A time zone of the IANA database.
pub(super) fn timezone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| {
        let names = Zone::names();
        // Whoever writes the city alone means its zone.
        let city = names.iter().find(|name| name.rsplit('/').next() == Some(text));
        let suggestion = match city {
            Some(name) => format!("; did you mean {}?", quote(name)),
            None => did_you_mean(text, names.iter().map(String::as_str)),
        };
        format!("{} is no time zone; write it like Europe/Berlin, or UTC{suggestion}", quote(text))
    })
}

/// An address without a slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let plain = |url: &Url| {
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let credentials = !url.username().is_empty() || url.password().is_some();
        web && !credentials && url.query().is_none() && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(plain);
    url.map(|_| text.trim_end_matches('/').to_owned())
        .ok_or_else(|| format!("{} is no address; write it like https://track.example.com", quote(text)))
}

/// The address of a webhook: no template, no credentials.
pub(super) fn webhook_url(text: &str) -> Result<String, String> {
    let template = Template::parse_url(text).map_err(|error| error.to_string())?;
    let plain = template.is_plain();
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| "a webhook's address has no macros: its body says it all".into())
}

/// A template for an address that visitors are sent to.
pub(super) fn visit_template<'a>(section: &mut Section<'a>, key: &'a str) -> Option<Placed<Template>> {
    template(section, key, Template::parse_visit_url)
}

/// A template for one place of a request, mended where it was copied out of a web page.
pub(super) fn template<'a>(
    section: &mut Section<'a>,
    key: &'a str,
    parse: fn(&str) -> Result<Template, TemplateError>,
) -> Option<Placed<Template>> {
    let source = section.text(key)?;
    let (repaired, found) = repair_entities(source.value);
    if !found.is_empty() {
        let found = found.iter().map(|repair| repair.seen).collect::<Vec<_>>().join(", ");
        let message = format!("\"{key}\" was damaged by a web page and is repaired: it contains {found}");
        section.mistakes.warn(source.place, message);
    }
    match parse(&repaired) {
        Ok(template) => Some(Placed { value: template, place: source.place }),
        Err(error) => {
            section.mistakes.error(source.place, format!("\"{key}\": {error}"));
            None
        }
    }
}

/// What a partner can be told: one happening, or all of `conversion.*` or `commission.*`.
pub(super) fn happenings_for_partners(text: &str) -> Result<Vec<Happening>, String> {
    let meant = covered(text, &Happening::FOR_PARTNERS);
    if !meant.is_empty() {
        return Ok(meant);
    }
    if !covered(text, &Happening::ALL).is_empty() {
        return Err(format!("only webhooks can be told of {}", quote(text)));
    }
    Err(unknown_happening(text, &Happening::FOR_PARTNERS))
}

/// What a webhook can be told: everything there is.
pub(super) fn happenings_for_webhooks(text: &str) -> Result<Vec<Happening>, String> {
    let meant = covered(text, &Happening::ALL);
    if meant.is_empty() { Err(unknown_happening(text, &Happening::ALL)) } else { Ok(meant) }
}

fn covered(word: &str, among: &[Happening]) -> Vec<Happening> {
    among.iter().filter(|happening| covers(word, happening.code())).copied().collect()
}

fn unknown_happening(text: &str, among: &[Happening]) -> String {
    let codes = among.iter().map(|happening| happening.code());
    let suggestion = did_you_mean(text, codes.chain(["conversion.*", "commission.*"]));
    format!("{} never happens{suggestion}", quote(text))
}

/// Whether a word of `on` is this code, or the wildcard of its family.
fn covers(word: &str, code: &str) -> bool {
    let family = |(family, _)| word.strip_suffix(".*") == Some(family);
    word == code || code.split_once('.').is_some_and(family)
}
