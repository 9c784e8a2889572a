//! Delimited text by RFC 4180: quotes hide delimiters and line ends, and a doubled quote is a quote.
//!
//! Own code, because the usual readers take an unclosed quote for a very long last cell: half of a file
//! would be gone without a word. Well-formed text is read as the `csv` crate reads it, which a test holds.

use std::borrow::Cow;

use super::Sheet;
use super::table::{COLUMNS_MAX, TableReader};
use super::text::line_ends;
use crate::fault::Fault;

/// In the order in which a tie is decided.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// One line of cells, or more lines where quotes hold line ends. Cells beyond the bound are not kept.
#[derive(Debug)]
struct Record {
    line: usize,
    cells: Vec<String>,
}

/// Reads the records of a text one after another.
#[derive(Debug, Clone)]
struct Records<'a> {
    rest: &'a str,
    line: usize,
    delimiter: char,
}

/// What ended a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Delimiter,
    Line,
}

pub(crate) fn read(text: &str, delimiter: Option<char>) -> Result<Sheet, Vec<Fault>> {
    let unusable = |one: &char| matches!(one, '"' | '\r' | '\n') || one.is_alphanumeric();
    if let Some(bad) = delimiter.filter(unusable) {
        return Err(vec![Fault::of_file(format!("{bad:?} cannot be a delimiter"))]);
    }
    let (hinted, rest) = take_hint(text);
    let line = if hinted.is_some() { 2 } else { 1 };
    let delimiter = delimiter.or(hinted).unwrap_or_else(|| guess(rest));
    let mut table = TableReader::default();
    for record in (Records { rest, line, delimiter }) {
        match record {
            Ok(record) => table.take(record.line, record.cells),
            Err(fault) => table.add(fault),
        }
        if table.is_done() {
            break;
        }
    }
    table.finish()
}

/// `sep=;` on the first line is Excel's own hint and no part of the table.
fn take_hint(text: &str) -> (Option<char>, &str) {
    let (first, rest) = split_line(text);
    let hinted = first.strip_prefix("sep=").or_else(|| first.strip_prefix("SEP="));
    let mut symbols = hinted.unwrap_or_default().chars();
    match (symbols.next(), symbols.next()) {
        (Some(one), None) if one != '"' && !one.is_alphanumeric() => (Some(one), rest),
        _ => (None, text),
    }
}

/// The delimiter that gives the header the most cells; a comma if none is there.
fn guess(text: &str) -> char {
    let header = header_of(text);
    let cells = |delimiter: char| {
        let first = Records { rest: header, line: 1, delimiter }.next();
        first.and_then(Result::ok).map_or(0, |header| header.cells.len())
    };
    let mut best = (0, ',');
    for delimiter in DELIMITERS {
        let found = cells(delimiter);
        if found > best.0 {
            best = (found, delimiter);
        }
    }
    best.1
}

/// From the first line on that has a word in it: a line of nothing but delimiters is an empty one.
fn header_of(text: &str) -> &str {
    let says_nothing = |one: char| one.is_whitespace() || DELIMITERS.contains(&one);
    let word = text.find(|one| !says_nothing(one)).unwrap_or(text.len());
    let start = text.get(..word).and_then(|before| before.rfind(['\r', '\n'])).map_or(0, |end| end + 1);
    text.get(start..).unwrap_or_default()
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_empty_lines();
        if self.rest.is_empty() {
            return None;
        }
        let start = self.line;
        let mut cells = Vec::new();
        let mut fault = None;
        loop {
            let (cell, end) = match self.cell() {
                Ok(read) => read,
                Err(unclosed) => return Some(Err(unclosed)),
            };
            match cell {
                Ok(cell) if cells.len() <= COLUMNS_MAX => cells.push(cell.into_owned()),
                Ok(_) => {}
                Err(after_quote) => fault = Some(after_quote),
            }
            if end == End::Line {
                break;
            }
        }
        Some(fault.map_or(Ok(Record { line: start, cells }), Err))
    }
}

impl<'a> Records<'a> {
    /// A file may have millions of them.
    fn skip_empty_lines(&mut self) {
        let full = self.rest.find(|one| !matches!(one, '\r' | '\n')).unwrap_or(self.rest.len());
        let (empty, rest) = self.rest.split_at(full);
        self.line += line_ends(empty.as_bytes());
        self.rest = rest;
    }

    /// One cell and what ended it. The outer error is a quote that nothing closes: nothing follows it.
    fn cell(&mut self) -> Result<(Result<Cow<'a, str>, Fault>, End), Fault> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let (cell, end) = self.plain();
            return Ok((Ok(Cow::Borrowed(cell)), end));
        };
        let opened = self.line;
        self.rest = quoted;
        let Some(cell) = self.quoted() else {
            self.rest = "";
            return Err(Fault::at(opened, "a quote is opened here that is never closed"));
        };
        let closed = self.line;
        let (after, end) = self.plain();
        let message = "something follows a closing quote: a quote within quotes is written twice";
        let cell = if after.trim().is_empty() { Ok(cell) } else { Err(Fault::at(closed, message)) };
        Ok((cell, end))
    }

    /// Up to the quote that closes; a doubled one stands for itself. `None` when there is none.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let mut whole: Cow<'a, str> = Cow::Borrowed("");
        loop {
            let (part, after) = self.rest.split_once('"')?;
            self.line += line_ends(part.as_bytes());
            self.rest = after;
            whole += part;
            let Some(after) = after.strip_prefix('"') else { return Some(whole) };
            self.rest = after;
            whole += "\"";
        }
    }

    /// Up to a delimiter or the end of the line, which is taken too.
    fn plain(&mut self) -> (&'a str, End) {
        let end = self.rest.find([self.delimiter, '\r', '\n']).unwrap_or(self.rest.len());
        let (cell, after) = self.rest.split_at(end);
        if let Some(after) = after.strip_prefix(self.delimiter) {
            self.rest = after;
            return (cell, End::Delimiter);
        }
        self.line += 1;
        self.rest = split_line(after).1;
        (cell, End::Line)
    }
}

/// The first line without its end, and what follows.
fn split_line(text: &str) -> (&str, &str) {
    let (line, after) = text.split_at(text.find(['\r', '\n']).unwrap_or(text.len()));
    let end = if after.starts_with("\r\n") { 2 } else { after.len().min(1) };
    (line, after.get(end..).unwrap_or_default())
}
