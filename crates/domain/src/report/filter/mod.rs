//! Which facts a report looks at: comparisons of dimensions, put together by `and`, `or` and `not`.

mod read;

use std::fmt;

use super::dimension::Dimension;
use super::words::quote;

pub(super) use read::read;

/// A condition on facts. Made by reading, or by [`Filter::and`]; its depth and size are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Two or more, none of them an `And`.
    And(Vec<Filter>),
    /// Two or more, none of them an `Or`.
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Term(Term),
}

/// One comparison. A fact that lacks the dimension has the empty text there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    pub dimension: Dimension,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// Is one of these, letter for letter; never empty.
    In(Vec<String>),
    /// Contains this, whatever the case.
    Contains(String),
    /// Begins with this, letter for letter.
    StartsWith(String),
    IsEmpty,
}

pub const DEPTH_MAX: usize = 16;
/// Comparisons, and each further value of a list.
pub const TERMS_MAX: usize = 200;
pub const BYTES_MAX: usize = 8_192;

impl Filter {
    /// Both conditions; `None` is no condition.
    pub fn and(first: Option<Self>, second: Self) -> Self {
        match first {
            Some(first) => join(vec![first, second], false),
            None => second,
        }
    }

    /// Whether a fact passes that has these values.
    pub fn passes<'v>(&self, value: &impl Fn(&Dimension) -> &'v str) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.passes(value)),
            Self::Or(any) => any.iter().any(|one| one.passes(value)),
            Self::Not(inner) => !inner.passes(value),
            Self::Term(term) => term.test.matches(value(&term.dimension)),
        }
    }

    /// The comparisons in it, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::terms).collect(),
            Self::Not(inner) => inner.terms(),
            Self::Term(term) => vec![term],
        }
    }

    /// Refuses what is deeper or larger than can be read back.
    pub(super) fn check(self) -> Result<Self, String> {
        let terms = self.terms();
        let values: usize = terms.iter().map(|term| term.test.size()).sum();
        if DEPTH_MAX < self.depth() {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        if TERMS_MAX < values {
            return Err(format!("{values} comparisons and values, at most {TERMS_MAX} are allowed"));
        }
        let bytes = self.to_string().len();
        if BYTES_MAX < bytes {
            return Err(format!("{bytes} bytes long, at most {BYTES_MAX} are allowed"));
        }
        Ok(self)
    }

    fn depth(&self) -> usize {
        let inner = match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(inner) => inner.depth(),
            Self::Term(_) => 0,
        };
        inner.saturating_add(1)
    }

    fn is_compound(&self) -> bool {
        matches!(self, Self::And(_) | Self::Or(_))
    }
}

impl Test {
    /// Whether a value passes.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Self::In(values) => values.iter().any(|one| one == value),
            Self::Contains(part) => value.to_lowercase().contains(&part.to_lowercase()),
            Self::StartsWith(start) => value.starts_with(start.as_str()),
            Self::IsEmpty => value.is_empty(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::In(values) => values.len(),
            Self::Contains(_) | Self::StartsWith(_) | Self::IsEmpty => 1,
        }
    }
}

/// Puts conditions together, without one of a kind inside one of its kind.
fn join(parts: Vec<Filter>, any: bool) -> Filter {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match (part, any) {
            (Filter::And(inner), false) | (Filter::Or(inner), true) => flat.extend(inner),
            (other, _) => flat.push(other),
        }
    }
    match (flat.len(), any) {
        (1, _) => flat.remove(0),
        (_, false) => Filter::And(flat),
        (_, true) => Filter::Or(flat),
    }
}

impl fmt::Display for Filter {
    /// As [`read`] reads it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => write_parts(formatter, parts, " and "),
            Self::Or(parts) => write_parts(formatter, parts, " or "),
            Self::Not(inner) => match inner.as_ref() {
                Self::Term(term) => term.write(formatter, true),
                compound @ (Self::And(_) | Self::Or(_)) => write!(formatter, "not ({compound})"),
                Self::Not(_) => write!(formatter, "not {inner}"),
            },
            Self::Term(term) => term.write(formatter, false),
        }
    }
}

fn write_parts(formatter: &mut fmt::Formatter<'_>, parts: &[Filter], between: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        formatter.write_str(if place == 0 { "" } else { between })?;
        match part.is_compound() {
            true => write!(formatter, "({part})")?,
            false => write!(formatter, "{part}")?,
        }
    }
    Ok(())
}

impl Term {
    fn write(&self, formatter: &mut fmt::Formatter<'_>, not: bool) -> fmt::Result {
        let dimension = show(&self.dimension.code());
        match (&self.test, not) {
            (Test::In(values), _) => match (values.as_slice(), not) {
                ([value], false) => write!(formatter, "{dimension} = {}", show(value)),
                ([value], true) => write!(formatter, "{dimension} != {}", show(value)),
                (values, _) => {
                    let values: Vec<String> = values.iter().map(|value| show(value)).collect();
                    let not = if not { "not " } else { "" };
                    write!(formatter, "{dimension} {not}in ({})", values.join(", "))
                }
            },
            (Test::IsEmpty, false) => write!(formatter, "{dimension} is empty"),
            (Test::IsEmpty, true) => write!(formatter, "{dimension} is not empty"),
            (Test::Contains(part), false) => write!(formatter, "{dimension} ~ {}", show(part)),
            (Test::Contains(part), true) => write!(formatter, "not {dimension} ~ {}", show(part)),
            (Test::StartsWith(start), false) => write!(formatter, "{dimension} ^= {}", show(start)),
            (Test::StartsWith(start), true) => write!(formatter, "not {dimension} ^= {}", show(start)),
        }
    }
}

/// A word as it is, or in quotes where it would not be read as one.
fn show(text: &str) -> String {
    // At the beginning of a condition `not` is no dimension.
    let plain = !text.is_empty() && text.chars().all(is_plain) && !text.eq_ignore_ascii_case("not");
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// What stands in a word without quotes.
fn is_plain(letter: char) -> bool {
    !letter.is_whitespace() && !letter.is_control() && !"()\",=!~^<>\\".contains(letter)
}

/// Values of dimensions that have only some: a misspelt one is an error, and country codes may be small.
pub(super) fn read_value(dimension: &Dimension, value: String) -> Result<String, String> {
    use crate::outcome::{Outcome, Reason};
    use crate::report::sum::Standing;
    let Dimension::Field(field) = dimension else {
        return Ok(value);
    };
    let known: Vec<&str> = match field.code() {
        "status" => Standing::ALL.into_iter().map(Standing::code).collect(),
        "outcome" => Outcome::ALL.into_iter().map(Outcome::code).collect(),
        "reason" => Reason::ALL.into_iter().map(Reason::code).collect(),
        "bot" | "unique" | "test" => vec!["yes", "no"],
        "country" | "currency" => return Ok(value.to_ascii_uppercase()),
        _ => return Ok(value),
    };
    // The empty text is that of facts which have no such thing.
    if value.is_empty() || known.contains(&value.as_str()) {
        return Ok(value);
    }
    let suggestion = super::words::suggest(&value, known.into_iter());
    Err(format!("{} is no {}{suggestion}", quote(&value), field.code()))
}
