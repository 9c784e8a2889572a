//! A report as a table that people open in a spreadsheet: words are inert, figures are numbers.

use proofback_domain::report::{Cell, Column, Kind, Row, Table};
use proofback_sheets::WriteError;

/// The word in front of the totals.
const TOTAL: &str = "total";

pub fn csv(table: &Table, totals: bool) -> Vec<u8> {
    proofback_sheets::csv(&[sheet(table, totals)])
}

pub fn xlsx(table: &Table, totals: bool) -> Result<Vec<u8>, WriteError> {
    proofback_sheets::xlsx(&[sheet(table, totals)])
}

fn sheet(table: &Table, totals: bool) -> proofback_sheets::Table {
    let columns = table.columns.iter().flat_map(|column| {
        let figures = if column.is_dimension || table.compare.is_none() { 1 } else { PARTS.len() };
        PARTS.into_iter().take(figures).map(|part| named(column, part))
    });
    let mut rows: Vec<Vec<proofback_sheets::Cell>> =
        table.rows.iter().map(|row| line(table, row, None)).collect();
    // Without a dimension the only row is the totals.
    let has_dimensions = table.columns.iter().any(|column| column.is_dimension);
    if totals && has_dimensions {
        rows.push(line(table, &table.totals, Some(TOTAL)));
    }
    proofback_sheets::Table { title: "report".into(), columns: columns.collect(), rows }
}

/// A figure, that of the period compared with, and by what part it changed.
const PARTS: [&str; 3] = ["", "_compared", "_change"];

fn named(column: &Column, part: &str) -> proofback_sheets::Column {
    let kind = match (column.kind, part) {
        (Kind::Text, _) => proofback_sheets::Kind::Text,
        (_, "_change") | (Kind::Money | Kind::Ratio, _) => proofback_sheets::Kind::Amount,
        (Kind::Count | Kind::Seconds, _) => proofback_sheets::Kind::Integer,
    };
    proofback_sheets::Column { name: format!("{}{part}", column.code), kind }
}

fn line(table: &Table, row: &Row, first: Option<&str>) -> Vec<proofback_sheets::Cell> {
    let mut cells = Vec::new();
    for (place, column) in table.columns.iter().enumerate() {
        let cell = |of: &[Cell]| of.get(place).map_or(proofback_sheets::Cell::Empty, shown);
        match first.filter(|_| place == 0 && column.is_dimension) {
            Some(word) => cells.push(proofback_sheets::Cell::Text(word.to_owned())),
            None => cells.push(cell(&row.cells)),
        }
        if !column.is_dimension && table.compare.is_some() {
            cells.extend([cell(&row.compared), cell(&row.change)]);
        }
    }
    cells
}

fn shown(cell: &Cell) -> proofback_sheets::Cell {
    match cell {
        Cell::Null => proofback_sheets::Cell::Empty,
        Cell::Text(text) => proofback_sheets::Cell::Text(text.to_string()),
        Cell::Count(number) | Cell::Seconds(number) => match i64::try_from(*number) {
            Ok(number) => proofback_sheets::Cell::Integer(number),
            Err(_) => proofback_sheets::Cell::Amount(cell.text()),
        },
        Cell::Money { .. } | Cell::Ratio(_) => proofback_sheets::Cell::Amount(cell.text()),
    }
}
