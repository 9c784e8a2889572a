//! The words that can be asked with, each with what it is: for scripts, pages and the documentation.

use super::dimension::{Dimension, FIELDS, Field, TIMES};
use super::period::{NAMED, Named};

impl Dimension {
    /// Every dimension but those of parameters, with what it is.
    pub fn catalogue() -> impl Iterator<Item = (Self, &'static str)> {
        let times = TIMES.iter().map(|(_, dimension, about)| (dimension.clone(), *about));
        let fields =
            FIELDS.iter().filter_map(|(code, _, about)| Some((Self::Field(Field::parse(code)?), *about)));
        times.chain(fields)
    }
}

impl Named {
    /// Every period that has a name, with what it is.
    pub fn catalogue() -> impl Iterator<Item = (Self, &'static str)> {
        NAMED.iter().map(|(_, named, about)| (*named, *about))
    }
}
