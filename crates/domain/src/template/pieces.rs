//! An address in the pieces that a placeholder can be all of: path segments and values of parameters.
//!
//! Works on text that is no address yet: macros in braces are passed over whole, whatever they hold, and `#x#` is not
//! taken for a fragment.

use super::dialect;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Where it begins in the source, with the name of its parameter.
    pub(super) start: usize,
    /// With the name of its parameter.
    pub(super) whole: &'a str,
    /// The name of the parameter that it is the value of.
    pub(super) parameter: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) part: UrlPart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlPart {
    Path,
    Query,
    Fragment,
}

impl Piece<'_> {
    /// Where its text begins in the source.
    pub(super) fn text_start(&self) -> usize {
        self.start.saturating_add(self.whole.len()).saturating_sub(self.text.len())
    }
}

/// What stands between the scheme and the path; `None` where there is no scheme.
pub(super) fn host(source: &str) -> Option<&str> {
    let (_, behind) = source.split_once("://")?;
    behind.get(..host_length(behind))
}

/// All pieces behind the host, in order; of text without a scheme, all of it.
pub(super) fn split(source: &str) -> Vec<Piece<'_>> {
    let mut start = match source.split_once("://") {
        Some((scheme, behind)) => scheme.len().saturating_add(3).saturating_add(host_length(behind)),
        None => 0,
    };
    let mut part = UrlPart::Path;
    let mut pieces = Vec::new();
    while let Some(rest) = source.get(start..).filter(|rest| !rest.is_empty()) {
        let (piece, next) = first(rest, start, part);
        let mark = source.get(start.saturating_add(piece.whole.len())..).and_then(|rest| rest.chars().next());
        start = start.saturating_add(piece.whole.len()).saturating_add(mark.map_or(0, char::len_utf8));
        if !piece.whole.is_empty() {
            pieces.push(piece);
        }
        part = next;
    }
    pieces
}

/// The piece that a text begins with, and the part of the address that follows it.
fn first(rest: &str, start: usize, part: UrlPart) -> (Piece<'_>, UrlPart) {
    let mut value = 0;
    let mut at = 0;
    let mut next = part;
    while let Some(behind) = rest.get(at..)
        && let Some(character) = behind.chars().next()
    {
        let is_value = value != 0;
        let skipped = match character {
            '{' => behind.find('}').map(|end| end.saturating_add(1)),
            '#' if at == value => dialect::hash_marked_length(behind),
            _ => None,
        };
        match (part, character) {
            _ if skipped.is_some() => {}
            (UrlPart::Path | UrlPart::Query, '#') => {
                next = UrlPart::Fragment;
                break;
            }
            (UrlPart::Path, '?') => {
                next = UrlPart::Query;
                break;
            }
            (UrlPart::Path, '/') | (UrlPart::Query, '&') | (UrlPart::Fragment, '/' | '?' | '&') => break,
            (UrlPart::Query | UrlPart::Fragment, '=') if !is_value => value = at.saturating_add(1),
            (UrlPart::Path | UrlPart::Query | UrlPart::Fragment, _) => {}
        }
        at = at.saturating_add(skipped.unwrap_or(character.len_utf8()));
    }
    let whole = rest.get(..at).unwrap_or(rest);
    let parameter = value.checked_sub(1).and_then(|end| whole.get(..end));
    let text = whole.get(value..).unwrap_or_default();
    (Piece { start, whole, parameter, text, part }, next)
}

fn host_length(behind: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = behind.get(at..)
        && let Some(character) = rest.chars().next()
    {
        let skipped = (character == '{').then(|| rest.find('}')).flatten();
        if matches!(character, '/' | '?' | '#') {
            break;
        }
        at = at.saturating_add(skipped.unwrap_or(0)).saturating_add(character.len_utf8());
    }
    at
}

/// Where a question mark begins another parameter although there was one before: `?a=1?b=2`. An address inside a
/// value may have one of its own.
pub(super) fn second_question_mark(source: &str) -> Option<usize> {
    let query = split(source).into_iter().filter(|piece| piece.part == UrlPart::Query);
    query.into_iter().find_map(|piece| {
        let inner = piece.whole.find("://").or_else(|| piece.whole.find("%3A")).unwrap_or(piece.whole.len());
        let mark = outside_braces(piece.whole, '?').filter(|mark| *mark < inner)?;
        let behind = piece.whole.get(mark.saturating_add(1)..)?;
        let name = behind.split('=').next().filter(|name| name.len() < behind.len())?;
        let plain = |character: char| character.is_ascii_alphanumeric() || "_-.[]".contains(character);
        (!name.is_empty() && name.chars().all(plain)).then(|| piece.start.saturating_add(mark))
    })
}

fn outside_braces(text: &str, wanted: char) -> Option<usize> {
    let mut in_braces = false;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '{' => in_braces = true,
            '}' => in_braces = false,
            other if other == wanted && !in_braces => return Some(at),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_falls_into_segments_and_values() {
        let source =
            "https://a.example:1/p/{sub1:a/b?c}/x?a=1&r=#s2#&t={timestamp|format:%d?@Asia/Tokyo}&b#k=v&w";
        let seen: Vec<_> = split(source).iter().map(|piece| (piece.parameter, piece.text)).collect();
        assert_eq!(
            seen,
            [
                (None, "p"),
                (None, "{sub1:a/b?c}"),
                (None, "x"),
                (Some("a"), "1"),
                (Some("r"), "#s2#"),
                (Some("t"), "{timestamp|format:%d?@Asia/Tokyo}"),
                (None, "b"),
                (Some("k"), "v"),
                (None, "w"),
            ]
        );
        for piece in split(source) {
            assert!(
                source[piece.start..].starts_with(piece.whole)
                    && source[piece.text_start()..].starts_with(piece.text)
            );
        }
        assert_eq!(host(source), Some("a.example:1"));
        assert_eq!(host("https://{a/b}.example/p"), Some("{a/b}.example"));
        assert_eq!(host("a.example/p"), None);
    }

    #[test]
    fn a_second_question_mark_is_seen_where_a_parameter_follows() {
        for (source, at) in [
            ("https://a.example/p?a=1?b=2", Some(23)),
            ("https://a.example/p??b=2", Some(20)),
            ("https://a.example/p?a=what?", None),
            ("https://a.example/p?a=1&to=https://b.example/?c=1", None),
            ("https://a.example/p?a={sub1:x?y=1}", None),
            ("https://a.example/p?a=1#x?b=1", None),
        ] {
            assert_eq!(second_question_mark(source), at, "{source}");
        }
    }
}
