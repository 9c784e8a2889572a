//! What a platform's pages say of its postbacks, as values.

use super::judge::{Booking, Refusal};

/// One platform.
pub struct Platform {
    pub id: &'static str,
    /// The page that says so.
    pub page: &'static str,
    pub schemes: &'static [&'static str],
    /// The host that all customers call; `None` where each has its own.
    pub host: Option<&'static str>,
    /// A `*` is an account's own piece of a segment.
    pub paths: &'static [&'static str],
    pub parameters: &'static [Parameter],
    pub money: Money,
    /// The platform's words, where it has a closed list; empty: any.
    pub statuses: &'static [(&'static str, Meaning)],
    pub repeats: Repeats,
    /// Status and body for a verdict.
    pub answer: fn(&Result<Booking, Refusal>) -> (u16, String),
    /// A click id as it hands them out.
    pub click_id: &'static str,
}

pub struct Parameter {
    pub name: &'static str,
    pub role: Role,
    pub need: Need,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// What a parameter means over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    ClickId,
    Transaction,
    Amount,
    Currency,
    Status,
    Event,
    /// Something that the account knows.
    Account,
    /// The platform's campaign.
    Campaign,
    Text,
}

/// How a value must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything that is printed.
    Text,
    /// Nothing, or anything that is printed.
    Blank,
    Digits,
    Hexadecimal(usize),
    /// Letters and digits, so many.
    Alphanumeric(usize, usize),
    /// Letters, digits and these marks, so many.
    With(&'static str, usize, usize),
    /// Unsigned, with a dot.
    Decimal,
    /// A whole number above nothing.
    Positive,
    /// Three capitals.
    Currency,
    Words(&'static [&'static str]),
    /// One of the platform's statuses.
    Status,
}

/// How amounts are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Money {
    /// None is taken.
    None,
    /// In the account's currency, whatever it is.
    Unnamed,
    /// In the currency of another parameter.
    Named,
    Usd,
    /// Whole dollars, never none.
    WholeUsd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Pending,
    Approved,
    Rejected,
}

/// What a second request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Counted again, or not documented.
    Counted,
    /// Refused where all these are known together.
    By(&'static [Role]),
}

pub const fn required(name: &'static str, role: Role, form: Form) -> Parameter {
    Parameter { name, role, need: Need::Required, form }
}

pub const fn optional(name: &'static str, role: Role, form: Form) -> Parameter {
    Parameter { name, role, need: Need::Optional, form }
}

pub const HTTPS: &[&str] = &["https"];
pub const EITHER: &[&str] = &["http", "https"];

/// 200 whatever was sent: what most platforms do.
pub fn always_ok(_: &Result<Booking, Refusal>) -> (u16, String) {
    (200, String::new())
}

impl Platform {
    pub fn parameter(&self, role: Role) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.role == role)
    }

    /// What a word means over there.
    pub fn meaning(&self, word: &str) -> Option<Meaning> {
        self.statuses.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
    }
}

impl Form {
    pub fn fits(self, value: &str, platform: &Platform) -> bool {
        let all = |fits: fn(u8) -> bool| !value.is_empty() && value.bytes().all(fits);
        match self {
            Self::Text => !value.is_empty() && !value.chars().any(char::is_control),
            Self::Blank => !value.chars().any(char::is_control),
            Self::Digits => all(|byte| byte.is_ascii_digit()),
            Self::Hexadecimal(length) => value.len() == length && all(|byte| byte.is_ascii_hexdigit()),
            Self::Alphanumeric(least, most) => Self::With("", least, most).fits(value, platform),
            Self::With(marks, least, most) => {
                let known = |letter: char| letter.is_ascii_alphanumeric() || marks.contains(letter);
                least <= value.len() && value.len() <= most && value.chars().all(known)
            }
            Self::Decimal => is_decimal(value),
            Self::Positive => Self::Digits.fits(value, platform) && !value.starts_with('0'),
            Self::Currency => value.len() == 3 && all(|byte| byte.is_ascii_uppercase()),
            Self::Words(words) => words.contains(&value),
            Self::Status => platform.meaning(value).is_some(),
        }
    }
}

fn is_decimal(value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = value.split_once('.').map_or((value, None), |(whole, part)| (whole, Some(part)));
    digits(whole) && part.is_none_or(digits)
}
