//! Fills a template in: a value or its default, through the modifiers, written as its place asks for.

use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use super::decimal::Decimal;
use super::error::FillError;
use super::macros::Macro;
use super::modifier::Modifier;
use super::{Origin, Part, Slot, Template, Writing, json};
use crate::money::{Currencies, Currency, Money};
use crate::time::Timestamp;

/// What may stand unencoded in a query value or path segment (RFC 3986 "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Digits behind the point of a currency that nobody knows.
const DIGITS: u8 = 2;

/// What a template is filled in with.
pub struct Filling<'a> {
    /// The value of a macro; empty where there is none.
    pub value: &'a dyn Fn(Macro) -> String,
    /// A secret by its name behind `secret.`; `None` when it cannot be had.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
    /// The amount of a macro, other than zero, as text, in another currency; `None` while there is no rate.
    pub convert: &'a dyn Fn(Macro, &str, Currency) -> Option<String>,
    /// How many digits currencies have.
    pub currencies: &'a Currencies,
}

impl Template {
    /// Fills in the macros.
    pub fn fill(&self, filling: &Filling<'_>) -> Result<String, FillError> {
        let mut text = String::with_capacity(self.source.len().saturating_add(64));
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Slot(slot) => write(&mut text, &value(slot, filling)?, slot.writing),
            }
        }
        Ok(text)
    }

    /// Fills in the macros of an address for visitors ([`Self::parse_visit_url`]). Of other templates, what would need
    /// a rate or a secret stays empty.
    pub fn render(&self, value: impl Fn(Macro) -> String) -> String {
        let filling = Filling {
            value: &value,
            secret: &|_| Some(String::new()),
            convert: &|_, _, _| Some(String::new()),
            currencies: &Currencies::default(),
        };
        self.fill(&filling).expect("neither secret nor rate is missing: both are given as nothing")
    }
}

/// The parts with one text in every slot, written as each asks for; no modifier is applied.
pub(super) fn sample(parts: &[Part], value: &str) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Slot(slot) => write(&mut text, value, slot.writing),
        }
    }
    text
}

fn write(text: &mut String, value: &str, writing: Writing) {
    match writing {
        Writing::InPath => write_in_path(text, value),
        Writing::InQuery => text.extend(utf8_percent_encode(value, RESERVED)),
        Writing::InHeader => text.extend(utf8_percent_encode(value, CONTROLS)),
        Writing::Plain => text.push_str(value),
        Writing::InJsonString => text.push_str(&json::inside_a_string(value)),
        Writing::JsonValue => text.push_str(&json::value(value)),
    }
}

/// Readers of addresses take a segment of one or two dots, encoded or not, as the way to another path: the two values
/// that could become one are encoded twice.
fn write_in_path(text: &mut String, value: &str) {
    match value {
        "." => text.push_str("%252E"),
        ".." => text.push_str("%252E%252E"),
        other => text.extend(utf8_percent_encode(other, RESERVED)),
    }
}

fn value(slot: &Slot, filling: &Filling<'_>) -> Result<String, FillError> {
    let name = match &slot.origin {
        Origin::Macro(name) => *name,
        Origin::Secret(name) => {
            let secret = (filling.secret)(name.as_str());
            return secret.ok_or_else(|| FillError::SecretMissing(name.to_string()));
        }
    };
    let given = (filling.value)(name);
    let is_default = given.is_empty();
    let mut text = if is_default { slot.default.clone() } else { given };
    let mut currency = None;
    for modifier in &slot.modifiers {
        text = match modifier {
            Modifier::Map(map) => map.apply(text),
            _ if text.is_empty() => text,
            Modifier::Lower => text.to_lowercase(),
            Modifier::Upper => text.to_uppercase(),
            Modifier::Cut(count) => text.chars().take(*count).collect(),
            Modifier::Sha256 => hashed::<Sha256>(&text),
            Modifier::Md5 => hashed::<Md5>(&text),
            Modifier::Currency(wanted) => {
                currency = Some(*wanted);
                // A default was written by the template's author, for this very place.
                if is_default { text } else { converted(name, &text, *wanted, filling)? }
            }
            Modifier::Cents => cents(&text, currency, filling),
            Modifier::Round => Decimal::parse(&text).map(|amount| amount.rounded()).unwrap_or_default(),
            Modifier::Format(_) if is_default => text,
            Modifier::Format(format) => {
                let seconds = (filling.value)(Macro::Timestamp);
                let at = Timestamp::parse(&seconds).or_else(|| Timestamp::parse(&text));
                at.map(|at| format.write(at)).unwrap_or_default()
            }
        };
    }
    Ok(text)
}

fn converted(name: Macro, text: &str, wanted: Currency, filling: &Filling<'_>) -> Result<String, FillError> {
    match Decimal::parse(text) {
        // A partner's own cost can be any text.
        None => Ok(String::new()),
        Some(amount) if amount.is_zero() => Ok(filling.currencies.amount(Money::zero(wanted))),
        Some(_) => (filling.convert)(name, text, wanted).ok_or(FillError::RateMissing(wanted)),
    }
}

/// In the smallest unit of the currency that it was converted into, else of the one in `{currency}`.
fn cents(text: &str, converted: Option<Currency>, filling: &Filling<'_>) -> String {
    let currency = converted.or_else(|| Currency::parse(&(filling.value)(Macro::Currency)));
    let digits = currency.and_then(|currency| filling.currencies.digits(currency)).unwrap_or(DIGITS);
    Decimal::parse(text).map(|amount| amount.shifted(digits)).unwrap_or_default()
}

/// As the platforms that take hashes want it: of the trimmed value in lower case, in hexadecimal digits.
fn hashed<D: Digest>(text: &str) -> String {
    let plain = text.trim().to_lowercase();
    if plain.is_empty() {
        return plain;
    }
    D::digest(plain.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
