//! Tables as files that people open in a spreadsheet: text is inert there, and a number is the number.

pub(crate) mod delimited;
pub(crate) mod workbook;

use std::borrow::Cow;

use rust_xlsxwriter::XlsxError;

use crate::neutral::neutralise;

/// A table with a title. A row shorter than the columns ends in empty cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What a column holds: numbers stand to the right under their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Amount,
    Integer,
    Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    /// A plain decimal, with a minus sign or none: `-12.50`. Anything else is written as text.
    Amount(String),
    Integer(i64),
    /// RFC 3339, written as text: a spreadsheet's dates have no time zone.
    Time(String),
    Empty,
}

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the table {title:?} has {rows} rows, and a worksheet holds at most {max}")]
    TooManyRows { title: String, rows: usize, max: usize },
    #[error("the table {title:?} has a text of more than {max} characters in row {row}: export it as CSV")]
    TextTooLong { title: String, row: usize, max: usize },
    #[error("the workbook could not be written")]
    Workbook(#[from] XlsxError),
}

impl Cell {
    /// What the cell says in either format. Only what is a number for certain goes out as it is.
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Amount(amount) if is_plain_decimal(amount) => Cow::Borrowed(amount),
            Self::Amount(text) | Self::Text(text) | Self::Time(text) => neutralise(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Empty => Cow::Borrowed(""),
        }
    }
}

/// Whether the text is `-?digits[.digits]`: what every spreadsheet takes for a number and nothing else.
fn is_plain_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}
