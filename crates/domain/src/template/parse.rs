//! Reads a template for its place and refuses what could not be filled in safely there.

use super::dialect;
use super::error::TemplateError;
use super::macros::{Macro, nearest_macro};
use super::modifier::{self, Modifier};
use super::sighting::{self, Kind};
use super::{Origin, Part, Position, Slot, Writing, fill, json, vocabulary};
use crate::name::Name;

const TEMPLATE_BYTES_MAX: usize = 4_096;
const BODY_BYTES_MAX: usize = 65_536;
const SECRET: &str = "secret.";

pub(super) fn parts(source: &str, position: Position) -> Result<Vec<Part>, TemplateError> {
    let bytes_max = match position {
        Position::Url | Position::VisitUrl | Position::Header | Position::FormValue => TEMPLATE_BYTES_MAX,
        Position::Json | Position::Raw => BODY_BYTES_MAX,
    };
    if bytes_max < source.len() {
        return Err(TemplateError::TooLong(bytes_max));
    }
    match position {
        Position::Url | Position::VisitUrl => url_parts(source, position),
        Position::Header => {
            if !source.chars().all(|character| character == ' ' || character.is_ascii_graphic()) {
                return Err(TemplateError::NotAHeader);
            }
            text_parts(source, position)
        }
        Position::FormValue => text_parts(source, position),
        Position::Json => {
            let parts = scan(source, position)?;
            json::prove(&parts)?;
            Ok(parts)
        }
        Position::Raw => scan(source, position),
    }
}

fn text_parts(source: &str, position: Position) -> Result<Vec<Part>, TemplateError> {
    let parts = scan(source, position)?;
    dialect::refuse_sure(source.trim())?;
    Ok(parts)
}

fn url_parts(source: &str, position: Position) -> Result<Vec<Part>, TemplateError> {
    if source.chars().any(char::is_control) {
        return Err(TemplateError::NotAUrl("it holds a control character".into()));
    }
    refuse_foreign(source, position)?;
    let parts = scan(source, position)?;
    let start = match parts.first() {
        Some(Part::Literal(start)) => start.as_str(),
        Some(Part::Slot(_)) => return Err(TemplateError::MacroInHost),
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
    if parts.len() > 1 && !host_ends {
        return Err(TemplateError::MacroInHost);
    }
    let sample = fill::sample(&parts, "x");
    let url = url::Url::parse(&sample).map_err(|error| TemplateError::NotAUrl(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TemplateError::NotAUrl("a user name or password may not stand in it".into()));
    }
    Ok(parts)
}

/// A placeholder of another platform would go out as it stands. Whoever means the text percent-encodes it.
fn refuse_foreign(source: &str, position: Position) -> Result<(), TemplateError> {
    let found = sighting::find(source).into_iter().find(|found| found.kind == Kind::Foreign);
    match found {
        Some(found) => {
            let instead = found.instead.map(|instead| match position {
                Position::VisitUrl => instead.replace("{partner_click_id", "{click_id"),
                Position::Url | Position::Header | Position::FormValue | Position::Json | Position::Raw => {
                    instead
                }
            });
            Err(TemplateError::ForeignMacro { seen: found.seen.to_owned(), instead })
        }
        None => Ok(()),
    }
}

fn scan(source: &str, position: Position) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut place = Place { position, in_query: false, in_string: false, is_escaped: false };
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        if let Some((inside, after)) = macro_at(rest, position)? {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Slot(slot(inside, position, place.writing())?));
            rest = after;
        } else {
            place.pass(character);
            literal.push(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// What the literal text so far says about the place behind it.
struct Place {
    position: Position,
    in_query: bool,
    in_string: bool,
    /// Behind a backslash in a JSON string.
    is_escaped: bool,
}

impl Place {
    fn pass(&mut self, character: char) {
        match self.position {
            Position::Url | Position::VisitUrl => self.in_query |= matches!(character, '?' | '#'),
            Position::Json => match character {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = self.in_string,
                '"' => self.in_string = !self.in_string,
                _ => {}
            },
            Position::Header | Position::FormValue | Position::Raw => {}
        }
    }

    fn writing(&self) -> Writing {
        match self.position {
            Position::Url | Position::VisitUrl if self.in_query => Writing::InQuery,
            Position::Url | Position::VisitUrl => Writing::InPath,
            Position::Header => Writing::InHeader,
            Position::FormValue | Position::Raw => Writing::Plain,
            Position::Json if self.in_string => Writing::InJsonString,
            Position::Json => Writing::JsonValue,
        }
    }
}

/// What stands between the braces of a macro that begins here, and what comes behind it.
fn macro_at(rest: &str, position: Position) -> Result<Option<(&str, &str)>, TemplateError> {
    let Some(after) = rest.strip_prefix('{') else {
        return Ok(None);
    };
    match position {
        Position::Json | Position::Raw if !looks_like_a_macro(after) => return Ok(None),
        Position::Url
        | Position::VisitUrl
        | Position::Header
        | Position::FormValue
        | Position::Json
        | Position::Raw => {}
    }
    let (inside, tail) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
    match inside.strip_prefix('{') {
        Some(name) if dialect::is_name(name.trim()) => {
            let instead = vocabulary::suggestion(name.trim()).map(|name| format!("{{{name}}}"));
            Err(TemplateError::ForeignMacro { seen: format!("{{{{{name}}}}}"), instead })
        }
        _ if inside.contains('{') => Err(TemplateError::Nested),
        Some(_) | None => Ok(Some((inside, tail))),
    }
}

/// Where braces are used for other things, too, a macro is a brace, a word, and the end of the macro or of the word.
fn looks_like_a_macro(after: &str) -> bool {
    let in_word = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "_.".contains(character)
    };
    let in_secret = |character: char| in_word(character) || character == '-';
    let end = match after.strip_prefix(SECRET) {
        Some(name) => name.trim_start_matches(in_secret),
        None => after.trim_start_matches(in_word),
    };
    end.len() < after.len() && end.starts_with(['}', ':', '|'])
}

/// Reads `name`, `name:default` or either with modifiers behind it.
fn slot(inside: &str, position: Position, writing: Writing) -> Result<Slot, TemplateError> {
    let (head, behind) = match inside.split_once('|') {
        Some((head, behind)) => (head, Some(behind)),
        None => (inside, None),
    };
    let (name, default) = match head.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (head, None),
    };
    if let Some(secret) = name.strip_prefix(SECRET) {
        return secret_slot(secret, default.is_some() || behind.is_some(), position, writing);
    }
    let known = Macro::parse(name).ok_or_else(|| unknown_macro(name, position))?;
    let modifiers = modifier::parse_all(behind.into_iter().flat_map(|behind| behind.split('|')), known)?;
    if position == Position::VisitUrl {
        refuse_on_a_visit(head, &modifiers)?;
    }
    let default = default.unwrap_or_default().to_owned();
    Ok(Slot { origin: Origin::Macro(known), default, modifiers, writing })
}

/// Whether this, between braces, is a macro of ours. The address of a delivery may hold every one.
pub(super) fn is_ours(inside: &str) -> Result<(), TemplateError> {
    slot(inside, Position::Url, Writing::InQuery).map(|_| ())
}

fn secret_slot(
    name: &str,
    is_changed: bool,
    position: Position,
    writing: Writing,
) -> Result<Slot, TemplateError> {
    let secret = Name::parse(name).map_err(|_| TemplateError::NotASecret(name.to_owned()))?;
    if is_changed {
        return Err(TemplateError::ChangedSecret(name.to_owned()));
    }
    if position == Position::VisitUrl {
        let name = format!("{SECRET}{name}");
        return Err(TemplateError::NotHere { name, why: "the visitor would see the secret" });
    }
    Ok(Slot { origin: Origin::Secret(secret), default: String::new(), modifiers: Vec::new(), writing })
}

fn refuse_on_a_visit(name: &str, modifiers: &[Modifier]) -> Result<(), TemplateError> {
    let refused = modifiers.iter().find_map(|modifier| match modifier {
        Modifier::Currency(_) => Some(("currency", "a visitor cannot wait for an exchange rate")),
        Modifier::Cents => Some(("cents", "a click has no currency that would say how many digits count")),
        Modifier::Lower
        | Modifier::Upper
        | Modifier::Cut(_)
        | Modifier::Sha256
        | Modifier::Md5
        | Modifier::Map(_)
        | Modifier::Round
        | Modifier::Format(_) => None,
    });
    match refused {
        Some((modifier, why)) => Err(TemplateError::NotHere { name: format!("{name}|{modifier}"), why }),
        None => Ok(()),
    }
}

fn unknown_macro(name: &str, position: Position) -> TemplateError {
    let suggestion = match position {
        // A visitor's address is filled from the click alone, with our own id.
        Position::VisitUrl => nearest_macro(name),
        Position::Url | Position::Header | Position::FormValue | Position::Json | Position::Raw => {
            vocabulary::suggestion(name)
        }
    };
    TemplateError::UnknownMacro { name: name.to_owned(), suggestion }
}
