//! Templates of outbound requests: text with `{name}`, `{name:default}` and `{name|modifier|modifier:argument}` in it.
//!
//! A template is checked when it is read: an unknown macro never reaches the wire, no macro may stand where it
//! could choose the host that is called, and no value can break out of the place that it is put into. What
//! may stand where is `parse.rs`, what becomes of a value `fill.rs` and `modifier.rs`. What people bring from other
//! platforms is known by `dialect.rs` and `vocabulary.rs`, told by `lint` and turned into ours by `translate`.

mod decimal;
mod dialect;
mod error;
mod fill;
mod format;
mod json;
mod keitaro;
mod lint;
mod macros;
mod modifier;
mod parse;
mod pieces;
mod sighting;
mod translate;
mod vocabulary;

pub use error::{FillError, TemplateError};
pub use fill::Filling;
pub use lint::{Finding, FindingKind, lint};
pub use macros::{Macro, SUBS, sub_number};
pub use translate::{Change, Translation, translate};

pub(crate) use macros::nearest;

use crate::money::Currency;
use crate::name::Name;
use modifier::Modifier;

/// Text with macros, read and checked for one place of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

/// Where a template stands: what it may hold, and how values are written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The address of a delivery.
    Url,
    /// The address that a visitor is sent to, which cannot wait for a rate and shows everything.
    VisitUrl,
    Header,
    FormValue,
    Json,
    Raw,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Slot(Slot),
}

/// A macro as it stands in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    origin: Origin,
    default: String,
    modifiers: Vec<Modifier>,
    writing: Writing,
}

/// Where a slot's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Macro(Macro),
    /// A secret that the target declares, by its name.
    Secret(Name),
}

/// How a value is written so that it stays inside its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Percent-encoded, in a path.
    InPath,
    /// Percent-encoded, in a query or fragment.
    InQuery,
    InHeader,
    /// As it is: somebody else encodes it, or nobody does.
    Plain,
    /// Inside a JSON string.
    InJsonString,
    /// As a JSON value of its own.
    JsonValue,
}

impl Template {
    /// Reads the `http` or `https` address of a delivery. Values are percent-encoded.
    pub fn parse_url(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::Url)
    }

    /// Reads an address that a visitor is sent to: without secrets, which he would see, and without what needs an
    /// exchange rate or a conversion's currency, which he cannot wait for. [`Self::render`] cannot fail on it.
    pub fn parse_visit_url(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::VisitUrl)
    }

    /// Reads the value of a header. Control characters and what is not ASCII are percent-encoded in values.
    pub fn parse_header(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::Header)
    }

    /// Reads the value of one form field. Nothing is encoded here: whoever writes the form does that.
    pub fn parse_form_value(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::FormValue)
    }

    /// Reads a whole JSON text. Inside a string a value is escaped; elsewhere a number, `true`, `false` and `null` stand
    /// bare, nothing becomes `null` and everything else a string.
    pub fn parse_json(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::Json)
    }

    /// Reads a body of any other kind. Values stand in it as they are.
    pub fn parse_raw(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source, Position::Raw)
    }

    fn parse(source: &str, position: Position) -> Result<Self, TemplateError> {
        Ok(Self { source: source.to_owned(), parts: parse::parts(source, position)? })
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is the same whatever is filled in.
    pub fn is_plain(&self) -> bool {
        self.slots().next().is_none()
    }

    /// Whether a macro stands in it by its own name.
    pub fn uses(&self, wanted: Macro) -> bool {
        self.slots().any(|slot| slot.origin == Origin::Macro(wanted))
    }

    /// The names of the secrets it asks for, as often as they stand in it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.slots().filter_map(|slot| match &slot.origin {
            Origin::Secret(name) => Some(name.as_str()),
            Origin::Macro(_) => None,
        })
    }

    /// The currencies that it converts into. Only their form was checked: whether the program knows them is for whoever
    /// reads the program to say.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.slots().flat_map(|slot| &slot.modifiers).filter_map(Modifier::currency)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(slot) => Some(slot),
            Part::Literal(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
