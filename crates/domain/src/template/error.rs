//! What can be wrong with a template, and what can be missing when it is filled in.

use super::modifier;
use crate::money::Currency;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{{{name}}} is no macro{}", meant(.suggestion))]
    UnknownMacro { name: String, suggestion: Option<String> },
    #[error("{seen} is another platform's placeholder and would go out as it stands{}", use_instead(.instead))]
    ForeignMacro { seen: String, instead: Option<String> },
    #[error("|{name} is no modifier, there are {}{}", modifier::NAMES.join(", "), modifier_meant(.suggestion))]
    UnknownModifier { name: String, suggestion: Option<String> },
    #[error("|{modifier}: {fault}")]
    BadArgument { modifier: &'static str, fault: String },
    #[error("|{modifier} makes no sense on {{{name}}}: it is for {fitting}")]
    WrongModifier { modifier: &'static str, name: String, fitting: &'static str },
    #[error("|{modifier} must stand {place}")]
    WrongOrder { modifier: &'static str, place: &'static str },
    #[error("{{{name}}} cannot stand here: {why}")]
    NotHere { name: String, why: &'static str },
    #[error("\"{0}\" is no name of a secret: 1 to 64 of a-z 0-9 _ - are expected behind the point")]
    NotASecret(String),
    #[error("{{secret.{0}}} takes neither a default nor a modifier")]
    ChangedSecret(String),
    #[error("a {{ without its }}")]
    Unclosed,
    #[error("a {{ inside a macro")]
    Nested,
    #[error("not an address: {0}")]
    NotAUrl(String),
    #[error("a macro may not stand before the path: it could choose the host that is called")]
    MacroInHost,
    #[error("a header holds printable ASCII characters alone; values are encoded to that")]
    NotAHeader,
    #[error("this does not give JSON when it is filled in: {0}")]
    NotJson(String),
    #[error("the template is longer than {0} bytes")]
    TooLong(usize),
}

/// Why a template cannot be filled in now. Never says what a secret is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    #[error("the secret \"{0}\" is not there")]
    SecretMissing(String),
    #[error("no exchange rate into {0} is known yet")]
    RateMissing(Currency),
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean {{{name}}}?")).unwrap_or_default()
}

fn modifier_meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean |{name}?")).unwrap_or_default()
}

fn use_instead(instead: &Option<String>) -> String {
    match instead {
        Some(instead) => format!("; did you mean {instead}?"),
        None => "; text that is meant must be percent-encoded".into(),
    }
}
