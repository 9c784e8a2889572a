//! CSV by RFC 4180: commas, CR LF, UTF-8 without a byte order mark.

use std::borrow::Cow;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::{Cell, Table};
use crate::neutral::neutralise;

/// The tables one after another. Between two of them stand an empty line and the title of the next.
pub fn csv(tables: &[Table]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if index > 0 {
            bytes.extend_from_slice(b"\r\n");
            write_line(&mut bytes, QuoteStyle::Necessary, &[neutralise(&table.title)]);
        }
        write_table(&mut bytes, table);
    }
    bytes
}

fn write_table(bytes: &mut Vec<u8>, table: &Table) {
    let names: Vec<Cow<'_, str>> = table.columns.iter().map(|column| neutralise(&column.name)).collect();
    // Readers, ours too, guess the delimiter from the header: one in a name must not count.
    let plain = names.iter().all(|name| name.chars().all(|one| one.is_alphanumeric() || one == '_'));
    write_line(bytes, if plain { QuoteStyle::Necessary } else { QuoteStyle::Always }, &names);
    write_rows(bytes, table.columns.len(), &table.rows);
}

/// Rows of a table that is written in parts, for behind the last one that was written without them. `columns` is
/// how many it has.
pub fn csv_rows(columns: usize, rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_rows(&mut bytes, columns, rows);
    bytes
}

fn write_rows(bytes: &mut Vec<u8>, columns: usize, rows: &[Vec<Cell>]) {
    let mut lines = line_writer(bytes, QuoteStyle::Necessary);
    for row in rows {
        let missing = columns.saturating_sub(row.len());
        let cells = row.iter().map(Cell::shown).chain(std::iter::repeat_n(Cow::Borrowed(""), missing));
        lines.write_record(cells.map(bytes_of)).expect("a Vec takes every byte");
    }
}

fn write_line(bytes: &mut Vec<u8>, quotes: QuoteStyle, cells: &[Cow<'_, str>]) {
    let mut line = line_writer(bytes, quotes);
    line.write_record(cells.iter().map(|cell| cell.as_bytes())).expect("a Vec takes every byte");
}

/// What it holds back it writes when it is dropped, which cannot fail on a Vec.
fn line_writer(bytes: &mut Vec<u8>, quotes: QuoteStyle) -> Writer<&mut Vec<u8>> {
    let mut builder = WriterBuilder::new();
    builder.terminator(Terminator::CRLF).quote_style(quotes).flexible(true);
    builder.from_writer(bytes)
}

fn bytes_of(cell: Cow<'_, str>) -> Vec<u8> {
    cell.into_owned().into_bytes()
}
