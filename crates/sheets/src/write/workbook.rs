//! An XLSX workbook with a sheet per table. Equal tables give equal bytes.
//!
//! The workbook is built in memory: the library's way to need less of it writes temporary files.

use std::collections::{BTreeMap, BTreeSet};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::{Cell, Kind, Table, WriteError, is_plain_decimal};
use crate::neutral::{is_dangerous, neutralise};

/// Excel's own bounds. Its units of a title are those of UTF-16.
const TITLE_UNITS_MAX: usize = 31;
const ROWS_MAX: usize = 1_048_576;
const TEXT_CHARACTERS_MAX: usize = 32_767;

/// A number of more digits would lose some of them.
const NUMBER_DIGITS_MAX: usize = 15;
const FRACTION_DIGITS_MAX: usize = 30;

const WIDTH_MIN: usize = 8;
const WIDTH_MAX: usize = 60;

/// Rows that are looked at for the width of their columns.
const WIDTH_ROWS_MAX: usize = 1_000;

pub fn xlsx(tables: &[Table]) -> Result<Vec<u8>, WriteError> {
    let mut workbook = Workbook::new();
    // The library would write down the time of day.
    let long_ago = ExcelDateTime::from_ymd(2000, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&long_ago));
    let mut formats = Formats::default();
    let mut titles = BTreeSet::new();
    for table in tables {
        check(table)?;
        let sheet = workbook.add_worksheet();
        sheet.set_name(unique_title(&table.title, &mut titles))?;
        write_header(sheet, table)?;
        for (row, cells) in (1..).zip(&table.rows) {
            for (column, cell) in (0..).zip(cells) {
                write_cell(sheet, row, column, cell, &mut formats)?;
            }
        }
    }
    Ok(workbook.save_to_buffer()?)
}

/// Number formats by their digits after the point.
#[derive(Debug, Default)]
struct Formats(BTreeMap<usize, Format>);

impl Formats {
    fn with_fraction(&mut self, digits: usize) -> &Format {
        self.0.entry(digits).or_insert_with(|| {
            let point = if digits > 0 { "." } else { "" };
            Format::new().set_num_format(format!("0{point}{}", "0".repeat(digits)))
        })
    }
}

fn check(table: &Table) -> Result<(), WriteError> {
    let max = ROWS_MAX - 1;
    if table.rows.len() > max {
        return Err(WriteError::TooManyRows { title: table.title.clone(), rows: table.rows.len(), max });
    }
    let max = TEXT_CHARACTERS_MAX;
    let names = table.columns.iter().map(|column| (1, neutralise(&column.name)));
    let rows = (2..).zip(&table.rows);
    let texts = rows.flat_map(|(row, cells)| cells.iter().map(move |cell| (row, cell.shown())));
    match names.chain(texts).find(|(_, text)| text.len() > max && text.chars().count() > max) {
        Some((row, _)) => Err(WriteError::TextTooLong { title: table.title.clone(), row, max }),
        None => Ok(()),
    }
}

fn write_header(sheet: &mut Worksheet, table: &Table) -> Result<(), XlsxError> {
    for (column, named) in (0..).zip(&table.columns) {
        let format = match named.kind {
            Kind::Amount | Kind::Integer => Format::new().set_bold().set_align(FormatAlign::Right),
            Kind::Text | Kind::Time => Format::new().set_bold(),
        };
        sheet.write_string_with_format(0, column, neutralise(&named.name), &format)?;
        let cells = table.rows.iter().take(WIDTH_ROWS_MAX).filter_map(|row| row.get(usize::from(column)));
        let widths = cells.map(|cell| cell.shown().chars().count()).chain([named.name.chars().count()]);
        // Room for the margin, and bold letters are wider.
        let width = widths.max().unwrap_or(0).saturating_add(2).clamp(WIDTH_MIN, WIDTH_MAX);
        sheet.set_column_width(column, u32::try_from(width).unwrap_or(u32::MAX))?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// Text goes in as text alone: what the library would take for a formula or a link is not asked.
fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    formats: &mut Formats,
) -> Result<(), XlsxError> {
    let text = cell.shown();
    let numeric = match cell {
        Cell::Amount(_) | Cell::Integer(_) => number(&text),
        Cell::Text(_) | Cell::Time(_) | Cell::Empty => None,
    };
    match numeric {
        Some((number, fraction)) => {
            sheet.write_number_with_format(row, column, number, formats.with_fraction(fraction))?;
        }
        None if text.is_empty() => {}
        None => {
            sheet.write_string(row, column, text)?;
        }
    }
    Ok(())
}

/// The number and its digits after the point, if the number has no more digits than are kept.
fn number(text: &str) -> Option<(f64, usize)> {
    if !is_plain_decimal(text) {
        return None;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if digits > NUMBER_DIGITS_MAX || fraction > FRACTION_DIGITS_MAX {
        return None;
    }
    // Nothing is added to what is zero, so that no sheet shows a negative one.
    text.parse::<f64>().ok().map(|number| (number + 0.0, fraction))
}

/// A name that Excel takes and no other sheet has; to Excel, `a` and `A` are one.
fn unique_title(title: &str, taken: &mut BTreeSet<String>) -> String {
    let unfit = |one: char| one.is_control() || "[]:*?/\\'".contains(one);
    let mut fit: String = title.trim().chars().map(|one| if unfit(one) { '_' } else { one }).collect();
    // Excel keeps this name for itself.
    if fit.is_empty() || fit.eq_ignore_ascii_case("history") || is_dangerous(&fit) {
        fit.insert(0, '_');
    }
    let mut name = cut(&fit, TITLE_UNITS_MAX).to_owned();
    let mut count = 1;
    while !taken.insert(name.to_lowercase()) {
        count += 1;
        let suffix = format!(" {count}");
        name = format!("{}{suffix}", cut(&fit, TITLE_UNITS_MAX - suffix.len()));
    }
    name
}

/// As much of the text as fits into so many units of UTF-16.
fn cut(text: &str, units_max: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, one)| {
        units += one.len_utf16();
        units > units_max
    });
    end.map_or(text, |(index, _)| text.get(..index).unwrap_or(text))
}
