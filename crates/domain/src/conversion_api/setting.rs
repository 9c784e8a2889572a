//! What a connection can be told, and what is wrong with what it was told.

use std::collections::BTreeMap;

use super::{Api, Platform};
use crate::delivery::Request;

/// One setting of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub required: bool,
    /// Given as a reference; its value is never in the program.
    pub secret: bool,
    pub form: Form,
    /// For people: what it is, and what holds without it.
    pub what: &'static str,
}

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Digits, with dashes between them or without.
    Digits,
    /// Letters, digits, `-`, `_` and `.`.
    Word,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// An `http` or `https` address without a query.
    Address,
    /// A secret's reference, which the program reader knows.
    Reference,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {what}")]
pub struct Problem {
    pub setting: String,
    pub what: String,
}

const VALUE_BYTES_MAX: usize = 512;

/// Which of a conversion's amounts is told; the same for every platform.
pub const VALUE: Setting = optional(
    "value",
    Form::OneOf(&["revenue", "payout", "amount", "none"]),
    "which money is told as the conversion's value; without it the revenue, else the order's amount",
);

/// What a conversion is recognised by when it comes twice.
pub const EVENT_ID: Setting = optional(
    "event_id",
    Form::OneOf(&["conversion_id", "txid"]),
    "what duplicates are recognised by: `conversion_id` (default), or `txid` where a tag in the browser sends the same order number",
);

pub const fn required(name: &'static str, form: Form, what: &'static str) -> Setting {
    Setting { name, required: true, secret: false, form, what }
}

pub const fn optional(name: &'static str, form: Form, what: &'static str) -> Setting {
    Setting { name, required: false, secret: false, form, what }
}

pub const fn secret(name: &'static str, what: &'static str) -> Setting {
    Setting { name, required: true, secret: true, form: Form::Reference, what }
}

impl Platform {
    /// What is wrong with settings that were given; for whoever reads the program.
    pub fn problems(self, settings: &BTreeMap<String, String>) -> Vec<Problem> {
        let known = self.settings();
        let problem = |setting: &str, what: String| Problem { setting: setting.to_owned(), what };
        let unknown = settings.keys().filter(|name| !known.iter().any(|setting| setting.name == **name));
        let mut problems: Vec<Problem> =
            unknown.map(|name| problem(name, format!("{} knows no such setting", self.code()))).collect();
        for setting in known {
            match settings.get(setting.name) {
                None if setting.required => {
                    problems.push(problem(setting.name, format!("{} needs it", self.code())));
                }
                Some(value) if !setting.form.fits(value) => {
                    problems.push(problem(setting.name, setting.form.expected()));
                }
                None | Some(_) => {}
            }
        }
        problems
    }
}

impl Form {
    fn fits(self, value: &str) -> bool {
        if value.is_empty() || VALUE_BYTES_MAX < value.len() || value.chars().any(char::is_control) {
            return false;
        }
        match self {
            Self::Digits => {
                value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
                    && value.bytes().any(|byte| byte.is_ascii_digit())
            }
            Self::Word => {
                value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                    && value.bytes().any(|byte| byte.is_ascii_alphanumeric())
            }
            Self::OneOf(words) => words.contains(&value),
            Self::Address => is_address(value),
            Self::Reference => true,
        }
    }

    fn expected(self) -> String {
        match self {
            Self::Digits => "digits are expected, as 1234567890 or 123-456-7890".into(),
            Self::Word => "letters, digits, -, _ and . are expected".into(),
            Self::OneOf(words) => format!("one of {} is expected", words.join(", ")),
            Self::Address => "an address with http:// or https:// and without a query is expected".into(),
            Self::Reference => "a reference to a secret is expected".into(),
        }
    }
}

fn is_address(text: &str) -> bool {
    let parsed = url::Url::parse(text);
    parsed.is_ok_and(|address| {
        matches!(address.scheme(), "http" | "https")
            && address.username().is_empty()
            && address.password().is_none()
            && address.query().is_none()
            && address.fragment().is_none()
    })
}

impl Api {
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.platform.problems(&self.settings);
        if let Some(base) = self.base_url.as_deref().filter(|base| !Form::Address.fits(base)) {
            let what = format!("{base:?}: {}", Form::Address.expected());
            problems.push(Problem { setting: "base_url".into(), what });
        }
        problems
    }

    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.setting(name) == Some("true")
    }

    /// The digits of an account's number, however it was written.
    pub(super) fn digits(&self, name: &str) -> Option<String> {
        self.setting(name).map(|text| text.chars().filter(char::is_ascii_digit).collect())
    }

    /// An address of the platform; `host` with scheme and without a slash at the end.
    pub(super) fn url(&self, host: &str, path: &str) -> String {
        let base = self.base_url.as_deref().map_or(host, |base| base.trim_end_matches('/'));
        format!("{base}{path}")
    }

    /// A JSON request to the platform, still without its body.
    pub(super) fn post(&self, host: &str, path: &str, headers: Vec<(&str, String)>) -> Request {
        let mut all = vec![("content-type".to_owned(), "application/json".to_owned())];
        all.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Request {
            verb: crate::delivery::Verb::Post,
            url: self.url(host, path),
            headers: all,
            body: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_settings_is_said_by_name() {
        let settings = [("dataset", "12/../34"), ("acces_token", "env:X"), ("value", "profit")];
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let told: Vec<String> = Platform::Meta.problems(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "acces_token: meta knows no such setting",
                "dataset: digits are expected, as 1234567890 or 123-456-7890",
                "access_token: meta needs it",
                "value: one of revenue, payout, amount, none is expected",
            ]
        );
    }

    #[test]
    fn a_base_url_is_an_address_without_secrets() {
        for (base, fits) in [
            ("http://127.0.0.1:8080", true),
            ("https://proxy.example/ads/", true),
            ("ftp://proxy.example", false),
            ("https://user:pass@proxy.example", false),
            ("https://proxy.example/?key=1", false),
            ("proxy.example", false),
        ] {
            assert_eq!(Form::Address.fits(base), fits, "{base}");
        }
    }

    #[test]
    fn every_platform_is_found_by_its_code_and_names_each_setting_once() {
        for platform in Platform::ALL {
            assert_eq!(Platform::parse(platform.code()), Some(platform));
            let mut names: Vec<&str> = platform.settings().iter().map(|setting| setting.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", platform.code());
            assert!(
                platform.settings().iter().all(|setting| setting.secret == (setting.form == Form::Reference))
            );
        }
    }
}
