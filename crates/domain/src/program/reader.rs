//! Reads TOML tables with types, and collects every mistake in them with its place.
//!
//! Nothing here stops at a mistake and nothing knows what a program is. Whoever asks gets `None` for a value
//! that is absent or wrong; what is wrong has been recorded by then.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::name::Name;
use crate::template::nearest;
use crate::time::Span;

/// Errors that are kept, and as many warnings. After so many errors the rest is not looked into.
const MISTAKES_MAX: usize = 1_000;
/// A longer word is not looked up among those it could have been.
const WORD_LENGTH_MAX: usize = 64;
const CANDIDATES_MAX: usize = 500;
const QUOTE_LENGTH_MAX: usize = 60;
/// What stands before a suggestion; a question mark stands behind it.
const MEANT: &str = "did you mean ";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file is no program.
    Error,
    /// It is one, and may not do what its author expects.
    Warning,
}

/// One thing that is wrong in a file. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub severity: Severity,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl Mistake {
    /// What its author most likely meant, where the message asks so.
    pub fn suggestion(&self) -> Option<&str> {
        let (_, meant) = self.message.rsplit_once(MEANT)?;
        let meant = meant.strip_suffix('?')?;
        Some(meant.strip_prefix('"').and_then(|meant| meant.strip_suffix('"')).unwrap_or(meant))
    }
}

/// An offset in the source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<T> {
    pub value: T,
    pub place: Place,
}

/// What has been found wrong so far. Shared by all sections of one file.
pub(super) struct Mistakes<'a> {
    source: &'a str,
    line_starts: Vec<usize>,
    found: RefCell<Vec<Found>>,
    errors: Cell<usize>,
    warnings: Cell<usize>,
    warned: RefCell<BTreeSet<&'static str>>,
}

struct Found {
    place: Place,
    severity: Severity,
    message: String,
}

/// A table, and the keys that were asked for.
pub(super) struct Section<'a> {
    pub place: Place,
    pub mistakes: &'a Mistakes<'a>,
    table: &'a DeTable<'a>,
    /// As people know it: `[[offer.goal]]`.
    title: &'static str,
    asked: BTreeSet<&'a str>,
}

impl Place {
    pub const START: Self = Self(0);

    pub fn of<T>(spanned: &Spanned<T>) -> Self {
        Self(spanned.span().start)
    }
}

impl<'a> Mistakes<'a> {
    pub fn new(source: &'a str) -> Self {
        let after_breaks = source.match_indices('\n').map(|(offset, _)| offset.saturating_add(1));
        Self {
            source,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
            found: RefCell::default(),
            errors: Cell::default(),
            warnings: Cell::default(),
            warned: RefCell::default(),
        }
    }

    pub fn error(&self, place: Place, message: impl Into<String>) {
        self.keep(&self.errors, Found { place, severity: Severity::Error, message: message.into() });
    }

    pub fn warn(&self, place: Place, message: impl Into<String>) {
        self.keep(&self.warnings, Found { place, severity: Severity::Warning, message: message.into() });
    }

    /// Warns at the first place only.
    pub fn warn_once(&self, place: Place, message: &'static str) {
        let first = self.warned.borrow_mut().insert(message);
        if first {
            self.warn(place, message);
        }
    }

    pub fn syntax_error(&self, error: &toml::de::Error) {
        let offset = error.span().map_or(self.source.len(), |span| span.start);
        self.error(Place(offset), error.message());
    }

    pub fn line(&self, place: Place) -> usize {
        self.line_starts.partition_point(|start| *start <= place.0)
    }

    /// Whether nothing worse than a warning was found.
    pub fn none_is_an_error(&self) -> bool {
        self.errors.get() == 0
    }

    /// All of them, in the order of the file.
    pub fn into_sorted(self) -> Vec<Mistake> {
        let mut found = self.found.take();
        found.sort_by_key(|found| (found.place, found.severity));
        let mut mistakes: Vec<Mistake> = found.into_iter().map(|found| self.locate(found)).collect();
        if self.errors.get() > MISTAKES_MAX || self.warnings.get() > MISTAKES_MAX {
            let severity = if self.none_is_an_error() { Severity::Warning } else { Severity::Error };
            let message = "there are too many mistakes to show them all".into();
            mistakes.push(self.locate(Found { place: Place(self.source.len()), severity, message }));
        }
        mistakes
    }

    fn are_too_many(&self) -> bool {
        self.errors.get() > MISTAKES_MAX
    }

    fn keep(&self, count: &Cell<usize>, found: Found) {
        count.set(count.get().saturating_add(1));
        if count.get() <= MISTAKES_MAX {
            self.found.borrow_mut().push(found);
        }
    }

    fn locate(&self, found: Found) -> Mistake {
        let offset = self.source.floor_char_boundary(found.place.0);
        let line = self.line(found.place);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.source.get(start..offset).unwrap_or_default();
        let column = before.chars().count().saturating_add(1);
        Mistake { severity: found.severity, line, column, message: found.message }
    }
}

impl<'a> Section<'a> {
    pub fn new(
        title: &'static str,
        place: Place,
        table: &'a DeTable<'a>,
        mistakes: &'a Mistakes<'a>,
    ) -> Self {
        Self { place, mistakes, table, title, asked: BTreeSet::new() }
    }

    /// Records each of these keys that is absent.
    pub fn require(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.asked.insert(key);
            if !self.has(key) {
                self.mistakes.error(self.place, format!("missing key \"{key}\" in {}", self.title));
            }
        }
    }

    /// Makes a key known without reading it.
    pub fn ask(&mut self, key: &'a str) {
        self.asked.insert(key);
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether a key is there, with something other than an empty list.
    pub fn holds(&self, key: &str) -> bool {
        let empty = |value: &DeValue<'_>| matches!(value, DeValue::Array(items) if items.is_empty());
        self.table.get(key).is_some_and(|value| !empty(value.get_ref()))
    }

    /// Where the value of a key stands; where the table begins when the key is absent.
    pub fn place_of(&self, key: &str) -> Place {
        self.table.get(key).map_or(self.place, Place::of)
    }

    /// The keys, in the order of the file.
    pub fn keys(&self) -> Vec<Placed<&'a str>> {
        let keys =
            self.table.keys().map(|key| Placed { value: key.get_ref().as_ref(), place: Place::of(key) });
        let mut keys: Vec<Placed<&'a str>> = keys.collect();
        keys.sort_by_key(|key| key.place);
        keys
    }

    /// A text of at least one character.
    pub fn text(&mut self, key: &'a str) -> Option<Placed<&'a str>> {
        let value = self.value(key)?;
        self.as_text(key, value)
    }

    /// Reads a text as something else; `read` says what is wrong with it.
    pub fn parsed<T>(&mut self, key: &'a str, read: impl Fn(&str) -> Result<T, String>) -> Option<Placed<T>> {
        let text = self.text(key)?;
        self.convert(key, text, &read)
    }

    pub fn name(&mut self, key: &'a str) -> Option<Placed<Name>> {
        self.parsed(key, read_name)
    }

    pub fn span(&mut self, key: &'a str) -> Option<Span> {
        self.parsed(key, read_span).map(|span| span.value)
    }

    pub fn flag(&mut self, key: &'a str) -> Option<bool> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_type(key, self.place_of(key), "true or false", other),
        }
    }

    pub fn integer(&mut self, key: &'a str, range: RangeInclusive<u32>) -> Option<u32> {
        let place = self.place_of(key);
        let written = match self.value(key)?.get_ref() {
            DeValue::Integer(integer) => integer,
            other => return self.wrong_type(key, place, "a whole number", other),
        };
        let number = read_integer(written).filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            let message = format!("{} is not between {low} and {high}", shorten(written.as_str()));
            self.mistakes.error(place, format!("\"{key}\": {message}"));
        }
        number
    }

    /// A list of whole numbers in a range; empty when the key is absent.
    pub fn integers(&mut self, key: &'a str, range: RangeInclusive<u32>) -> Vec<u32> {
        let place = self.place_of(key);
        let items = match self.value(key).map(Spanned::get_ref) {
            None => return Vec::new(),
            Some(DeValue::Array(items)) => items,
            Some(other) => {
                return self.wrong_type(key, place, "a list of whole numbers", other).unwrap_or_default();
            }
        };
        let number = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::Integer(integer) => read_integer(integer).filter(|number| range.contains(number)),
            _ => None,
        };
        let read: Vec<u32> = items.iter().filter_map(number).collect();
        if read.len() < items.len() || items.is_empty() {
            let (low, high) = (range.start(), range.end());
            self.mistakes
                .error(place, format!("\"{key}\": a list of numbers between {low} and {high} is expected"));
        }
        read
    }

    /// A list of texts: empty when the key is absent, `None` when there is something else.
    pub fn texts(&mut self, key: &'a str) -> Option<Vec<Placed<&'a str>>> {
        let Some(value) = self.value(key) else {
            return Some(Vec::new());
        };
        let items = match value.get_ref() {
            DeValue::Array(items) => items,
            other => return self.wrong_type(key, Place::of(value), "a list of texts", other),
        };
        Some(items.iter().filter_map(|item| self.as_text(key, item)).collect())
    }

    /// A text, or a list of them; `None` when there is something else.
    pub fn text_or_texts(&mut self, key: &'a str) -> Option<Vec<Placed<&'a str>>> {
        let Some(value) = self.value(key) else {
            return Some(Vec::new());
        };
        match value.get_ref() {
            DeValue::Array(_) => self.texts(key),
            DeValue::String(_) => self.as_text(key, value).map(|text| vec![text]),
            other => self.wrong_type(key, Place::of(value), "a text or a list of texts", other),
        }
    }

    /// Reads each text of a list as something else.
    pub fn parsed_list<T>(
        &mut self,
        key: &'a str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<Placed<T>> {
        let texts = self.texts(key).unwrap_or_default();
        texts.into_iter().filter_map(|text| self.convert(key, text, &read)).collect()
    }

    /// The table under a key. `title` is how people know it.
    pub fn table(&mut self, key: &'a str, title: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(title, Place::of(value), table, self.mistakes)),
            other => self.wrong_type(key, Place::of(value), &as_written("a table", title), other),
        }
    }

    /// The tables of the list under a key.
    pub fn tables(&mut self, key: &'a str, title: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let expected = as_written("a list of tables", title);
        let items = match value.get_ref() {
            DeValue::Array(items) => items,
            other => return self.wrong_type(key, Place::of(value), &expected, other).unwrap_or_default(),
        };
        let section = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::Table(table) => Some(Section::new(title, Place::of(item), table, self.mistakes)),
            other => self.wrong_type(key, Place::of(item), &expected, other),
        };
        items.iter().filter_map(section).collect()
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        for key in self.table.keys() {
            let word: &str = key.get_ref();
            if !self.mistakes.are_too_many() && !self.asked.contains(word) {
                let suggestion = did_you_mean(word, self.asked.iter().copied());
                let message = format!("unknown key {} in {}{suggestion}", quote(word), self.title);
                self.mistakes.error(Place::of(key), message);
            }
        }
    }

    fn value(&mut self, key: &'a str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.insert(key);
        self.table.get(key)
    }

    fn as_text(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Placed<&'a str>> {
        let place = Place::of(value);
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => {
                self.mistakes.error(place, format!("\"{key}\": the text is empty"));
                None
            }
            DeValue::String(text) => Some(Placed { value: text.as_ref(), place }),
            other => self.wrong_type(key, place, "text in quotes", other),
        }
    }

    pub fn convert<T>(
        &self,
        key: &str,
        text: Placed<&str>,
        read: &impl Fn(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        if self.mistakes.are_too_many() {
            return None;
        }
        match read(text.value) {
            Ok(value) => Some(Placed { value, place: text.place }),
            Err(message) => {
                self.mistakes.error(text.place, format!("\"{key}\": {message}"));
                None
            }
        }
    }

    fn wrong_type<T>(&self, key: &str, place: Place, expected: &str, found: &DeValue<'_>) -> Option<T> {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistakes.error(place, format!("\"{key}\": {expected} is expected, not {found}"));
        None
    }
}

/// Reads one of the words that are allowed in a place.
pub(super) fn read_word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    known.ok_or_else(|| {
        let all: Vec<String> = words.iter().map(|(word, _)| quote(word)).collect();
        let suggestion = did_you_mean(text, words.iter().map(|(word, _)| *word));
        let choice = if all.len() == 1 { "there is only" } else { "there are" };
        format!("{} is not known, {choice} {}{suggestion}", quote(text), all.join(", "))
    })
}

/// `; did you mean "offer"?`, or nothing.
pub(crate) fn did_you_mean<'w>(word: &str, candidates: impl Iterator<Item = &'w str>) -> String {
    if word.len() > WORD_LENGTH_MAX {
        return String::new();
    }
    let candidates = candidates.take(CANDIDATES_MAX).map(str::to_owned);
    nearest(word, candidates).map(|near| format!("; {MEANT}{}?", quote(&near))).unwrap_or_default()
}

/// A word of the file for a message: in quotes, shortened, without control characters.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_LENGTH_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What is expected, with its header where it has one of its own.
fn as_written(what: &str, title: &str) -> String {
    if title.starts_with('[') { format!("{what}, written {title},") } else { what.to_owned() }
}

fn read_name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
        let similar: String = text.to_ascii_lowercase().chars().map(plain).collect();
        let usable = similar.contains(|letter: char| letter.is_ascii_alphanumeric());
        let suggestion = Name::parse(&similar).ok().filter(|_| usable);
        let suggestion = suggestion.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
        format!("{} is no name: {error}{suggestion}", quote(text))
    })
}

fn read_span(text: &str) -> Result<Span, String> {
    Span::parse(text)
        .ok_or_else(|| format!("{} is no length of time; write it like 90s, 15m, 24h or 30d", quote(text)))
}

fn read_integer(written: &DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(written.as_str(), written.radix()).ok()
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.line, self.column, self.severity, self.message)
    }
}
