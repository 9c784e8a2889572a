//! Puts an account's credentials into a preset's address, so that none of them can lead it anywhere else.
//!
//! What is given in plain is checked and encoded for its place here; a secret stays a macro, which is encoded when
//! the address is rendered.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Credential, Place, Preset};
use crate::postback::find_placeholder;
use crate::program::did_you_mean;

/// What may stand unencoded in a query value or path segment (RFC 3986 "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const VALUE_BYTES_MAX: usize = 256;
/// RFC 1035.
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// How the operator gave a credential.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    Plain(String),
    /// By reference; its value is not known here.
    Secret,
}

/// A preset with its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The template of an address, with `{secret.NAME}` for each secret.
    pub url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("{name:?} is missing: {what}")]
    Missing { name: String, what: String },
    #[error("{preset} has no credential {name:?}{suggestion}")]
    Unknown { name: String, preset: String, suggestion: String },
    #[error("{name:?} is a secret: it is given as \"env:NAME\" or \"file:PATH\"")]
    InPlain { name: String },
    #[error("{name:?} says which host is called and cannot be a secret")]
    SecretHost { name: String },
    #[error("{name:?} must be {wanted}")]
    Unfit { name: String, wanted: String },
}

impl CredentialError {
    /// Whose mistake it is.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name, .. }
            | Self::Unknown { name, .. }
            | Self::InPlain { name }
            | Self::SecretHost { name }
            | Self::Unfit { name, .. } => name,
        }
    }
}

/// It can hold what was meant to be secret.
impl std::fmt::Debug for Given {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Secret => "Secret",
        })
    }
}

impl Preset {
    /// The address with these credentials in it, or all that is wrong with them.
    pub fn fill(&self, given: &BTreeMap<String, Given>) -> Result<Filled, Vec<CredentialError>> {
        let mut errors: Vec<CredentialError> = self.unknown(given).collect();
        let mut texts = BTreeMap::new();
        for credential in &self.credentials {
            match given.get(&credential.name).map(|given| credential.text(given)) {
                Some(Ok(text)) => drop(texts.insert(credential.name.as_str(), text)),
                Some(Err(error)) => errors.push(error),
                None if credential.optional => {}
                None => errors.push(credential.missing()),
            }
        }
        if errors.is_empty() { Ok(Filled { url: write(&self.url, &texts) }) } else { Err(errors) }
    }

    fn unknown(&self, given: &BTreeMap<String, Given>) -> impl Iterator<Item = CredentialError> {
        let names = || self.credentials.iter().map(|credential| credential.name.as_str());
        given.keys().filter(move |name| names().all(|known| known != *name)).map(move |name| {
            CredentialError::Unknown {
                name: name.clone(),
                preset: self.id.clone(),
                suggestion: did_you_mean(name, names()),
            }
        })
    }
}

impl Credential {
    /// What stands for it in the address.
    fn text(&self, given: &Given) -> Result<String, CredentialError> {
        let name = || self.name.clone();
        match given {
            Given::Secret if self.place == Place::Host => Err(CredentialError::SecretHost { name: name() }),
            Given::Secret => Ok(format!("{{secret.{}}}", self.name)),
            Given::Plain(_) if self.secret => Err(CredentialError::InPlain { name: name() }),
            Given::Plain(value) => match self.misfit(value) {
                Some(wanted) => Err(CredentialError::Unfit { name: name(), wanted }),
                None if self.place == Place::Host => Ok(value.clone()),
                None => Ok(utf8_percent_encode(value, RESERVED).to_string()),
            },
        }
    }

    /// What it must be, where it is not.
    fn misfit(&self, value: &str) -> Option<String> {
        if self.place == Place::Host {
            let wanted = "a host name, with a port if need be and nothing else, like \"track.example.com\"";
            return (!is_host(value)).then(|| wanted.to_owned());
        }
        if !self.words.is_empty() {
            return (!self.words.iter().any(|word| word == value)).then(|| self.words.join(", or "));
        }
        let has_form = !value.is_empty() && value.len() <= VALUE_BYTES_MAX;
        if !has_form || value.trim() != value || value.chars().any(char::is_control) {
            return Some(format!("a text of 1 to {VALUE_BYTES_MAX} bytes without spaces around it"));
        }
        // These two would climb in the path, encoded or not.
        if self.place == Place::Path && (value == "." || value == "..") {
            return Some("more than dots".to_owned());
        }
        find_placeholder(value).map(|_| "the account's own, not a placeholder".to_owned())
    }

    fn missing(&self) -> CredentialError {
        CredentialError::Missing { name: self.name.clone(), what: self.what.clone() }
    }
}

/// Labels of letters, digits and hyphens; names of other alphabets come as their `xn--` form.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        let known = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let length_fits = !label.is_empty() && label.len() <= LABEL_BYTES_MAX;
        known && length_fits && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    // Readers of addresses turn some numbers and `xn--` forms into another host than the one that was written.
    let reads_back = || url::Host::parse(host).is_ok_and(|read| read.to_string().eq_ignore_ascii_case(host));
    host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label) && reads_back() && port.is_none_or(is_port)
}

/// The template with texts for credentials. Parameters and segments whose credential has none are left out.
fn write(template: &str, texts: &BTreeMap<&str, String>) -> String {
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let written = kept(path, "/", texts);
    let query = kept(query, "&", texts);
    if query.is_empty() { written } else { format!("{written}?{query}") }
}

fn kept(text: &str, separator: &str, texts: &BTreeMap<&str, String>) -> String {
    let pieces: Vec<String> = text.split(separator).filter_map(|piece| put(piece, texts)).collect();
    pieces.join(separator)
}

/// One parameter or segment; `None` where a credential in it has no text.
fn put(piece: &str, texts: &BTreeMap<&str, String>) -> Option<String> {
    let mut written = String::new();
    let mut rest = piece;
    while let Some((before, after)) = rest.split_once('<') {
        let (name, tail) = after.split_once('>')?;
        written.push_str(before);
        written.push_str(texts.get(name)?);
        rest = tail;
    }
    written.push_str(rest);
    Some(written)
}
