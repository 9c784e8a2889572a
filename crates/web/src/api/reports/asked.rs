//! What a request for a report says beside the report itself: in which form it is answered.

use axum::response::Response;

use super::super::document;
use super::super::problem;

pub type Pairs = [(String, String)];

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Xlsx,
    Parquet,
    /// As data sources of Grafana read it.
    Series,
}

/// A request, taken apart.
pub struct Asked {
    pub format: Format,
    /// Rows carry the query of what is behind them.
    pub links: bool,
    /// The answer names every piece of time, for charts without gaps.
    pub pieces: bool,
    /// A file ends with the totals.
    pub totals: bool,
    /// What the report itself is read from.
    pub pairs: Vec<(String, String)>,
}

impl Asked {
    pub fn read(query: Option<&str>) -> Result<Self, Response> {
        let mut asked =
            Self { format: Format::Json, links: false, pieces: false, totals: false, pairs: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim();
            match name.as_ref() {
                "format" | "links" | "pieces" | "totals" if value.is_empty() => {}
                "format" => asked.format = read("format", value, Format::parse)?,
                "links" => asked.links = read("links", value, yes_or_no)?,
                "pieces" => asked.pieces = read("pieces", value, yes_or_no)?,
                "totals" => asked.totals = read("totals", value, yes_or_no)?,
                _ => asked.pairs.push((name.into_owned(), value.to_owned())),
            }
        }
        Ok(asked)
    }
}

fn read<T>(name: &str, value: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Response> {
    let wrong = || problem::about_parameter(name, &format!("{value:?} cannot be understood"));
    parse(value).ok_or_else(wrong)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "1" | "yes" | "true" => Some(true),
        "0" | "no" | "false" => Some(false),
        _ => None,
    }
}

impl Format {
    const ALL: [(&str, Self); 5] = [
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("xlsx", Self::Xlsx),
        ("parquet", Self::Parquet),
        ("series", Self::Series),
    ];

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == code).map(|(_, format)| format)
    }

    pub fn code(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, format)| *format == self).map_or("", |(code, _)| code)
    }

    /// A file to be kept; `name` has no ending.
    pub fn document(self, name: &str, bytes: Vec<u8>) -> Response {
        match self {
            Self::Csv => document::csv(name, bytes),
            Self::Xlsx => document::xlsx(name, bytes),
            Self::Parquet => {
                document::file("application/vnd.apache.parquet", &format!("{name}.parquet"), bytes)
            }
            Self::Json | Self::Series => document::file("application/json", &format!("{name}.json"), bytes),
        }
    }
}
