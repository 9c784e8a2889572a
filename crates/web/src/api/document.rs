//! Documents that people take away: the form that is asked for, and its headers.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::html;
use super::page::Query;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Xlsx,
    Html,
}

impl Format {
    const ALL: [(&str, Self); 4] =
        [("json", Self::Json), ("csv", Self::Csv), ("xlsx", Self::Xlsx), ("html", Self::Html)];

    /// `format`; JSON where it is absent.
    pub fn read(query: &mut Query) -> Result<Self, Response> {
        let named = query.parsed("format", |text| {
            Self::ALL.into_iter().find(|(code, _)| *code == text).map(|(_, format)| format)
        })?;
        Ok(named.unwrap_or(Self::Json))
    }
}

/// A table as a file to be kept; `name` is of plain characters and has no ending.
pub fn csv(name: &str, bytes: Vec<u8>) -> Response {
    file("text/csv; charset=utf-8", &format!("{name}.csv"), bytes)
}

pub fn xlsx(name: &str, bytes: Vec<u8>) -> Response {
    file("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &format!("{name}.xlsx"), bytes)
}

pub fn file(media_type: &str, name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", safe(name))),
        (header::CACHE_CONTROL, "no-store".into()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    (headers, bytes).into_response()
}

/// A page to be looked at and printed: it may load and run nothing.
pub fn page(name: &str, html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{}\"", safe(&format!("{name}.html")))),
        (header::CONTENT_SECURITY_POLICY, html::security_policy()),
        (header::CACHE_CONTROL, "no-store".into()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::REFERRER_POLICY, "no-referrer".into()),
    ];
    (headers, html).into_response()
}

/// What stands between the quotes of a header and is a file's name everywhere.
fn safe(name: &str) -> String {
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    name.chars().map(|one| if plain(one) { one } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_of_plain_characters() {
        assert_eq!(safe("statement-reel_media-2026-11-01.csv"), "statement-reel_media-2026-11-01.csv");
        assert_eq!(safe("a\"; x=\r\n/../b ü.csv"), "a___x____.._b__.csv");
    }

    #[test]
    fn only_known_forms_are_answered() {
        let read = |query: &str| Format::read(&mut Query::new(Some(query))).ok();
        assert_eq!(read(""), Some(Format::Json));
        assert_eq!(read("format=xlsx"), Some(Format::Xlsx));
        for query in ["format=pdf", "format=CSV", "format=../x"] {
            assert_eq!(read(query), None, "{query}");
        }
    }
}
