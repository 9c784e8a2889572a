//! What people see: columns, rows and totals, exact, and as JSON.

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use crate::calendar::Zone;
use crate::money::{Currency, format_micros};

use super::Basis;
use super::exchange::WithoutRate;
use super::metric::Kind;
use super::period::{Period, Range};
use super::value::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Dimensions, then metrics.
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Over all rows, those that were cut off too.
    pub totals: Row,
    /// How many rows there were before any was cut off.
    pub rows_total: usize,
    pub without_rate: Vec<WithoutRate>,
    pub span: Range,
    pub zone: Zone,
    pub basis: Basis,
    pub compare: Option<Range>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The word that asks for it; no two columns have the same.
    pub code: String,
    pub title: String,
    pub kind: Kind,
    /// Of money that is all in one currency.
    pub currency: Option<Currency>,
    pub is_dimension: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What to drill by; empty for totals and for what was cut off.
    pub key: Vec<Value>,
    /// One for each column.
    pub cells: Vec<Cell>,
    /// Of the period compared with, one for each column; empty where there is none.
    pub compared: Vec<Cell>,
    /// By what part of the compared figure it changed, a ratio for each column; empty likewise.
    pub change: Vec<Cell>,
    /// All the rows that were cut off, together.
    pub is_other: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Null,
    Text(Arc<str>),
    Count(i128),
    /// `digits` are shown behind the point at least.
    Money {
        micros: i128,
        digits: u8,
    },
    /// In parts of ten thousand.
    Ratio(i128),
    Seconds(i128),
}

/// The word for what was cut off, in the first column.
pub const OTHER: &str = "other";

impl Table {
    /// The answer of the API.
    pub fn to_json(&self) -> Json {
        let mut answer = Map::new();
        answer.insert("columns".into(), self.columns.iter().map(Column::to_json).collect());
        answer.insert("rows".into(), self.rows.iter().map(|row| self.row_to_json(row, true)).collect());
        answer.insert("totals".into(), self.row_to_json(&self.totals, false));
        answer.insert("rows_total".into(), self.rows_total.into());
        let (from, to) = self.bounds(self.span);
        answer.insert("from".into(), from.into());
        answer.insert("to".into(), to.into());
        answer.insert("timezone".into(), self.zone.name().into());
        answer.insert("time".into(), self.basis.code().into());
        if let Some(compare) = self.compare {
            let (from, to) = self.bounds(compare);
            let bounds = [("from".to_owned(), from.into()), ("to".to_owned(), to.into())];
            answer.insert("compare".into(), Json::Object(bounds.into_iter().collect()));
        }
        answer.insert("without_rate".into(), self.without_rate.iter().map(WithoutRate::to_json).collect());
        Json::Object(answer)
    }

    /// As the parameters `from` and `to` say it: days, or moments of which the last is not in it.
    pub fn bounds(&self, range: Range) -> (String, String) {
        match Period::of(range, &self.zone) {
            Period::Bounds { from, to } => (from.show(&self.zone), to.show(&self.zone)),
            Period::Named(named) => (named.code().into(), named.code().into()),
        }
    }

    fn row_to_json(&self, row: &Row, with_key: bool) -> Json {
        let object = |cells: &[Cell], with_key: bool| {
            let columns = self.columns.iter().zip(cells);
            let shown = columns.filter(|(column, _)| with_key || !column.is_dimension);
            shown.map(|(column, cell)| (column.code.clone(), cell.to_json())).collect::<Map<_, _>>()
        };
        let mut answer = object(&row.cells, with_key);
        if !row.compared.is_empty() {
            answer.insert("compared".into(), Json::Object(object(&row.compared, false)));
            answer.insert("change".into(), Json::Object(object(&row.change, false)));
        }
        if row.is_other {
            answer.insert("is_other".into(), true.into());
        }
        Json::Object(answer)
    }
}

impl Column {
    fn to_json(&self) -> Json {
        let role = if self.is_dimension { "dimension" } else { "metric" };
        let mut answer = Map::new();
        answer.insert("code".into(), self.code.as_str().into());
        answer.insert("title".into(), self.title.as_str().into());
        answer.insert("role".into(), role.into());
        answer.insert("kind".into(), self.kind.code().into());
        if let Some(currency) = self.currency {
            answer.insert("currency".into(), currency.code().into());
        }
        Json::Object(answer)
    }
}

impl Cell {
    /// Plainly, without currency and percent; empty where nothing is known.
    pub fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.to_string(),
            Self::Count(count) | Self::Seconds(count) => count.to_string(),
            Self::Money { micros, digits } => format_micros(*micros, *digits),
            // Four digits: a hundredth of what a millionth has.
            Self::Ratio(parts) => format_micros(parts.saturating_mul(100), 4),
        }
    }

    /// Money is text, as everywhere; counts, ratios and seconds are numbers, written exactly.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(_) | Self::Money { .. } => self.text().into(),
            Self::Count(_) | Self::Seconds(_) | Self::Ratio(_) => {
                self.text().parse::<Number>().map_or(Json::Null, Json::Number)
            }
        }
    }

    /// What it is ordered and compared by.
    pub(super) fn number(&self) -> Option<i128> {
        match self {
            Self::Count(number) | Self::Ratio(number) | Self::Seconds(number) => Some(*number),
            Self::Money { micros, .. } => Some(*micros),
            Self::Null | Self::Text(_) => None,
        }
    }
}

impl WithoutRate {
    fn to_json(&self) -> Json {
        let mut answer = Map::new();
        let currency = self.currency.as_ref().map_or(Json::Null, |currency| currency.code().into());
        answer.insert("currency".into(), currency);
        answer.insert("of".into(), self.sum.code().into());
        answer.insert("amount".into(), format_micros(self.micros, 2).into());
        if self.compared {
            answer.insert("compared".into(), true.into());
        }
        Json::Object(answer)
    }
}
