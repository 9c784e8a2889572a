//! Macro templates: text with `{name}` or `{name:default}` in it, filled in with percent-encoded values.
//!
//! A template is checked when it is read: an unknown macro never reaches the wire, and no macro may stand
//! where it could choose the host that is called.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded in a query value or path segment (RFC 3986 "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const TEMPLATE_BYTES_MAX: usize = 4_096;

/// Every macro there is, the same wherever a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Macro {
    ClickId,
    PartnerClickId,
    ConversionId,
    Txid,
    Event,
    Status,
    Payout,
    PayoutDelta,
    Revenue,
    Currency,
    Timestamp,
    TimestampIso,
    /// `{sub1}` to `{sub10}`.
    Sub(u8),
    Source,
    Cost,
    Offer,
    Advertiser,
    Partner,
    Link,
    Country,
    Device,
    Os,
    Browser,
    Ip,
    UserAgent,
    DeliveryId,
    Random,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Macro { name: Macro, default: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{{{name}}} is no macro{}", suggest(.suggestion))]
    UnknownMacro { name: String, suggestion: Option<String> },
    #[error("a {{ without its }}")]
    Unclosed,
    #[error("not an address: {0}")]
    NotAUrl(String),
    #[error("a macro may not stand before the path: it could choose the host that is called")]
    MacroInHost,
    #[error("the address is longer than {TEMPLATE_BYTES_MAX} characters")]
    TooLong,
}

fn suggest(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean {{{name}}}?")).unwrap_or_default()
}

impl Macro {
    const PLAIN: [(&'static str, Self); 26] = [
        ("click_id", Self::ClickId),
        ("partner_click_id", Self::PartnerClickId),
        ("conversion_id", Self::ConversionId),
        ("txid", Self::Txid),
        ("event", Self::Event),
        ("status", Self::Status),
        ("payout", Self::Payout),
        ("payout_delta", Self::PayoutDelta),
        ("revenue", Self::Revenue),
        ("currency", Self::Currency),
        ("timestamp", Self::Timestamp),
        ("timestamp_iso", Self::TimestampIso),
        ("source", Self::Source),
        ("cost", Self::Cost),
        ("offer", Self::Offer),
        ("advertiser", Self::Advertiser),
        ("partner", Self::Partner),
        ("link", Self::Link),
        ("country", Self::Country),
        ("device", Self::Device),
        ("os", Self::Os),
        ("browser", Self::Browser),
        ("ip", Self::Ip),
        ("user_agent", Self::UserAgent),
        ("delivery_id", Self::DeliveryId),
        ("random", Self::Random),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        let plain = Self::PLAIN.iter().find(|(known, _)| *known == name).map(|(_, plain)| *plain);
        plain.or_else(|| sub_number(name).map(Self::Sub))
    }

    /// The name between the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sub(number) => {
                let index = usize::from(number).checked_sub(1);
                index.and_then(|index| SUBS.get(index)).copied().unwrap_or_default()
            }
            plain => Self::PLAIN.iter().find(|(_, known)| *known == plain).map_or("", |(name, _)| *name),
        }
    }
}

/// The names of the sub ids.
pub const SUBS: [&str; 10] =
    ["sub1", "sub2", "sub3", "sub4", "sub5", "sub6", "sub7", "sub8", "sub9", "sub10"];

/// The number in `sub1` to `sub10`.
pub fn sub_number(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("sub")?;
    let number: u8 = digits.parse().ok()?;
    let written_plainly = digits == number.to_string();
    (written_plainly && 1 <= number && number <= 10).then_some(number)
}

impl Template {
    /// Reads a template for an `http` or `https` address.
    pub fn parse_url(source: &str) -> Result<Self, TemplateError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        if source.chars().any(char::is_control) {
            return Err(TemplateError::NotAUrl("it holds a control character".into()));
        }
        let parts = parse_parts(source)?;
        let template = Self { source: source.to_owned(), parts };
        let start = match template.parts.first() {
            Some(Part::Literal(start)) => start.as_str(),
            Some(Part::Macro { .. }) => return Err(TemplateError::MacroInHost),
            None => return Err(TemplateError::NotAUrl("it is empty".into())),
        };
        let after_scheme = start
            .strip_prefix("https://")
            .or_else(|| start.strip_prefix("http://"))
            .ok_or_else(|| TemplateError::NotAUrl("it must begin with https:// or http://".into()))?;
        // Readers of addresses skip further slashes: the host would be what comes behind them, a macro perhaps.
        if after_scheme.starts_with(['/', '\\']) {
            return Err(TemplateError::NotAUrl("a host must follow the two slashes".into()));
        }
        let host_ends = after_scheme.find(['/', '?', '#']).is_some();
        if template.parts.len() > 1 && !host_ends {
            return Err(TemplateError::MacroInHost);
        }
        let sample = template.render(|_| "x".into());
        let url = url::Url::parse(&sample).map_err(|error| TemplateError::NotAUrl(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TemplateError::NotAUrl("a user name or password may not stand in it".into()));
        }
        Ok(template)
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn uses(&self, wanted: Macro) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Macro { name, .. } if *name == wanted))
    }

    /// Fills in the macros. Values are percent-encoded here; an empty one gives the macro's default.
    pub fn render(&self, value: impl Fn(Macro) -> String) -> String {
        let mut text = String::with_capacity(self.source.len().saturating_add(64));
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Macro { name, default } => {
                    let value = value(*name);
                    let chosen = if value.is_empty() { default.as_str() } else { value.as_str() };
                    text.extend(utf8_percent_encode(chosen, RESERVED));
                }
            }
        }
        text
    }
}

fn parse_parts(source: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((literal, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let (name, default) = inside.split_once(':').unwrap_or((inside, ""));
        let known = Macro::parse(name).ok_or_else(|| unknown_macro(name))?;
        parts.push(Part::Macro { name: known, default: default.to_owned() });
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn unknown_macro(name: &str) -> TemplateError {
    let lower = name.to_ascii_lowercase();
    let subs = (1..=10).map(|number| format!("sub{number}"));
    let names = Macro::PLAIN.iter().map(|(known, _)| (*known).to_owned()).chain(subs);
    TemplateError::UnknownMacro { name: name.to_owned(), suggestion: nearest(&lower, names) }
}

/// The candidate that differs least from `word`, if it is near enough to be meant.
pub(crate) fn nearest(word: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    // Known habits of other platforms, which no edit distance finds.
    let habit = match word {
        "clickid" | "cid" | "subid" | "click" => Some("click_id"),
        "transaction_id" | "tid" | "order_id" => Some("txid"),
        "sum" | "commission" => Some("payout"),
        "aff_click_id" | "external_id" | "externalid" => Some("partner_click_id"),
        "goal" | "event_type" | "et" => Some("event"),
        _ => None,
    };
    let candidates: Vec<String> = candidates.into_iter().collect();
    if let Some(habit) = habit.filter(|habit| candidates.iter().any(|candidate| candidate == habit)) {
        return Some(habit.to_owned());
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() >> 2) && *distance < word.len())
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(source: &str, value: &str) -> String {
        Template::parse_url(source).unwrap().render(|name| match name {
            Macro::ClickId => value.to_owned(),
            _ => String::new(),
        })
    }

    #[test]
    fn values_are_percent_encoded_and_defaults_stand_in() {
        assert_eq!(
            render("https://a.example/?c={click_id}&s={sub1:none}", "a b&c"),
            "https://a.example/?c=a%20b%26c&s=none"
        );
        assert_eq!(render("https://a.example/p/{click_id}", "x/../y"), "https://a.example/p/x%2F..%2Fy");
        assert_eq!(render("https://a.example/?c={sub10}", ""), "https://a.example/?c=");
    }

    #[test]
    fn an_unknown_macro_is_an_error_with_a_suggestion() {
        let error = |source: &str| Template::parse_url(source).unwrap_err().to_string();
        assert_eq!(
            error("https://a.example/?c={clickid}"),
            "{clickid} is no macro; did you mean {click_id}?"
        );
        assert_eq!(error("https://a.example/?c={PAYOUT}"), "{PAYOUT} is no macro; did you mean {payout}?");
        assert_eq!(error("https://a.example/?c={sub11}"), "{sub11} is no macro; did you mean {sub1}?");
        assert_eq!(error("https://a.example/?c={qwertyuiop}"), "{qwertyuiop} is no macro");
        assert_eq!(error("https://a.example/?c={click_id"), "a { without its }");
    }

    #[test]
    fn no_macro_chooses_the_host() {
        for source in [
            "{sub1}",
            "https://{sub1}/",
            "https://a.example{sub1}/",
            "https://a.example:{sub1}/",
            "https://{sub1}@a.example/",
        ] {
            assert!(Template::parse_url(source).is_err(), "{source}");
        }
        for source in [
            "",
            "ftp://a.example/",
            "javascript:alert(1)",
            "https://",
            "https://u:p@a.example/",
            "//a.example",
            "https:///{sub1}/",
            "https:////a.example/",
            "https://\\{sub1}/",
        ] {
            assert!(matches!(Template::parse_url(source), Err(TemplateError::NotAUrl(_))), "{source}");
        }
    }

    #[test]
    fn every_macro_reads_back_by_its_name() {
        for (name, known) in Macro::PLAIN {
            assert_eq!(Macro::parse(name), Some(known));
            assert_eq!(known.name(), name);
        }
        assert_eq!(Macro::parse("sub10").map(Macro::name), Some("sub10"));
        for name in ["sub0", "sub11", "sub01", "sub", "sub+1"] {
            assert_eq!(Macro::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_value_comes_back_byte_for_byte_and_never_moves_the_host(value in ".{0,40}") {
            let text = render("https://a.example/p?c={click_id}&end=1", &value);
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str(), Some("a.example"));
            let seen = url.query_pairs().find(|(name, _)| name == "c").map(|(_, value)| value.into_owned());
            prop_assert_eq!(seen, Some(value));
        }

        #[test]
        fn any_text_is_read_or_refused(source in ".{0,80}") {
            if let Ok(template) = Template::parse_url(&source) {
                prop_assert!(url::Url::parse(&template.render(|_| "v".into())).is_ok());
            }
        }
    }
}
