//! What stands in the key of a row.

use std::sync::Arc;

/// One value of a key; equal values are one row, and they are in the order of their dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A word of the facts; empty where they have none.
    Text(Arc<str>),
    /// A piece of time or an age: ordered by something else than its label.
    Bucket { order: i64, label: Arc<str> },
}

impl Value {
    /// As it is shown, and as a filter compares it.
    pub fn text(&self) -> &Arc<str> {
        match self {
            Self::Text(text) => text,
            Self::Bucket { label, .. } => label,
        }
    }

    /// An age in whole units.
    pub fn age(units: i64) -> Self {
        Self::Bucket { order: units, label: units.to_string().into() }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
