//! A worksheet of an XLSX workbook, cell by cell, as the text that its owner sees there.
//!
//! Floats are the format's own: a number is read with the digits that Excel itself keeps.

use std::io::Cursor;
use std::panic::AssertUnwindSafe;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use jiff::civil::{Date, Time};

use super::Sheet;
use super::package::{broken, check};
use super::table::{COLUMNS_MAX, TableReader};
use crate::fault::Fault;

/// Digits that Excel keeps of a number; what stands behind them is noise of the binary form.
const DIGITS_MAX: usize = 15;

/// Below this every whole number has a binary form of its own.
const EXACT_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

const SECONDS_OF_A_DAY: f64 = 86_400.0;

pub(crate) fn read(bytes: &[u8], sheet: Option<&str>) -> Result<Sheet, Vec<Fault>> {
    check(bytes).map_err(|fault| vec![fault])?;
    // The library is made for files that Excel wrote and does sums with what others write down: a panic on
    // a hostile file is a file that cannot be read, not the end of whoever asked.
    std::panic::catch_unwind(AssertUnwindSafe(|| read_sheet(bytes, sheet)))
        .unwrap_or_else(|_| Err(vec![broken()]))
}

fn read_sheet(bytes: &[u8], named: Option<&str>) -> Result<Sheet, Vec<Fault>> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| vec![unreadable(&error)])?;
    let name = choose(&workbook, named).map_err(|fault| vec![fault])?;
    let mut table = TableReader::default();
    if let Err(error) = read_cells(&mut workbook, &name, &mut table) {
        table.add(unreadable(&error));
    }
    table.finish()
}

fn unreadable(error: &XlsxError) -> Fault {
    match error {
        XlsxError::Password => Fault::of_file("the workbook has a password: save it without one"),
        _ => broken(),
    }
}

/// The sheet that was named, or the first that a person sees.
fn choose(workbook: &Xlsx<Cursor<&[u8]>>, named: Option<&str>) -> Result<String, Fault> {
    let mut sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let Some(name) = named else {
        let visible = sheets.find(|sheet| sheet.visible == SheetVisible::Visible);
        return visible
            .map(|sheet| sheet.name.clone())
            .ok_or_else(|| Fault::of_file("the workbook has no visible worksheet"));
    };
    let known: Vec<&str> = sheets.map(|sheet| sheet.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(Fault::of_file(format!("there is no sheet {name:?}; the workbook has {known:?}")))
}

fn read_cells(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    table: &mut TableReader,
) -> Result<(), XlsxError> {
    let mut reader = workbook.worksheet_cells_reader(name)?;
    let mut row = 0;
    let mut cells: Vec<String> = Vec::new();
    while let Some(cell) = reader.next_cell()? {
        let (cell_row, column) = cell.get_position();
        let column = column as usize;
        if cell_row != row {
            table.take_padded(row as usize + 1, std::mem::take(&mut cells));
            if table.is_done() {
                return Ok(());
            }
        }
        // Excel writes in order; a cell that comes again would replace what was already taken.
        if cell_row < row || column < cells.len() {
            table.add(Fault::at(cell_row as usize + 1, "the cells of the workbook are out of order"));
            return Ok(());
        }
        row = cell_row;
        let text = match show(cell.get_value()) {
            Ok(text) => text,
            Err(message) => {
                let address = address(cell_row, column);
                table.add(Fault::at(cell_row as usize + 1, format!("cell {address} {message}")));
                // What is missing here was told; the line shall not be told for its width as well.
                "?".into()
            }
        };
        // Formats reach far beyond the table, and an empty cell of theirs is no cell.
        if !text.is_empty() {
            cells.resize(column.min(COLUMNS_MAX), String::new());
            cells.push(text);
        }
    }
    table.take_padded(row as usize + 1, cells);
    Ok(())
}

/// What a cell says, or what is wrong with it.
fn show(value: &DataRef<'_>) -> Result<String, String> {
    match value {
        DataRef::Int(number) => Ok(number.to_string()),
        DataRef::Float(number) => show_number(*number),
        DataRef::String(text) => Ok(text.clone()),
        DataRef::SharedString(text) => Ok((*text).to_owned()),
        DataRef::Bool(value) => Ok(value.to_string()),
        DataRef::DateTime(time) => show_time(time),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Ok(text.clone()),
        DataRef::Error(error) => Err(format!("is an error of the workbook: {error}")),
        DataRef::Empty => Ok(String::new()),
    }
}

/// A plain decimal: no exponent, no noise of the binary form, no point without digits.
fn show_number(number: f64) -> Result<String, String> {
    if !number.is_finite() {
        return Err("is no number".into());
    }
    if number.fract() == 0.0 {
        // Whole numbers that others than Excel wrote may be exact beyond its 15 digits.
        let whole = if number.abs() < EXACT_WHOLE_MAX { number } else { rounded(number)? };
        return Ok(format!("{}", whole + 0.0));
    }
    rounded(number).map(|number| format!("{number}"))
}

fn rounded(number: f64) -> Result<f64, String> {
    let digits = format!("{number:.*e}", DIGITS_MAX - 1);
    digits.parse().map_err(|_| "is no number".into())
}

/// RFC 3339's date, with the time where there is one; hours, minutes and seconds where there is no date.
fn show_time(time: &ExcelDateTime) -> Result<String, String> {
    let value = time.as_f64();
    if !value.is_finite() || value < 0.0 {
        return Err("is no date that Excel could show".into());
    }
    if time.is_duration() || value < 1.0 {
        let seconds = (value * SECONDS_OF_A_DAY).round() as u64;
        return Ok(format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let small = |part: u8| i8::try_from(part).unwrap_or(i8::MAX);
    let date = i16::try_from(year).ok().and_then(|year| Date::new(year, small(month), small(day)).ok());
    let clock = Time::new(small(hour), small(minute), small(second), i32::from(milli) * 1_000_000).ok();
    match (date, clock) {
        (Some(date), Some(clock)) if clock == Time::midnight() => Ok(date.to_string()),
        (Some(date), Some(clock)) => Ok(date.to_datetime(clock).to_string()),
        _ => Err("is no date that Excel could show".into()),
    }
}

/// `C7`, as Excel writes it.
fn address(row: u32, column: usize) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        let letter = u8::try_from((left - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        left = (left - 1) / 26;
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", row + 1)
}
