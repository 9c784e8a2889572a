//! A table as a Parquet file: words are text, counts and seconds 64-bit integers, money and ratios exact decimals.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proofback_domain::report::{Cell, Column, Kind, Row, Table};

use crate::ReportsError;

/// As many digits as the type has.
const DIGITS: u8 = 38;
const MONEY_FRACTION: i8 = 6;
const RATIO_FRACTION: i8 = 4;

/// The rows of a table; money columns name their currency, the file says from when to when it is.
pub fn parquet(table: &Table) -> Result<Vec<u8>, ReportsError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (place, column) in table.columns.iter().enumerate() {
        let mut push = |suffix: &str, kind: Kind, of: fn(&Row) -> &[Cell]| {
            let cells = table.rows.iter().map(|row| of(row).get(place).unwrap_or(&Cell::Null));
            let array = array(kind, cells)?;
            let name = format!("{}{suffix}", column.code);
            fields.push(described(Field::new(name, array.data_type().clone(), true), column, kind));
            columns.push(array);
            Ok::<(), ReportsError>(())
        };
        push("", column.kind, |row| &row.cells)?;
        if table.compare.is_some() && !column.is_dimension {
            push("_compared", column.kind, |row| &row.compared)?;
            push("_change", Kind::Ratio, |row| &row.change)?;
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(written)?;
    let (from, to) = table.bounds(table.span);
    let said = [("from", from), ("to", to), ("timezone", table.zone.name().to_owned())];
    let said = said.map(|(name, value)| KeyValue::new(format!("proofback.{name}"), value));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_key_value_metadata(Some(said.into()))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).map_err(written)?;
    writer.write(&batch).map_err(written)?;
    writer.close().map_err(written)?;
    Ok(bytes)
}

fn described(field: Field, column: &Column, kind: Kind) -> Field {
    match column.currency.filter(|_| kind == Kind::Money) {
        Some(currency) => {
            field.with_metadata(HashMap::from([("currency".to_owned(), currency.code().to_owned())]))
        }
        None => field,
    }
}

fn array<'a>(kind: Kind, cells: impl Iterator<Item = &'a Cell>) -> Result<ArrayRef, ReportsError> {
    let number = |cell: &Cell| match cell {
        Cell::Count(number) | Cell::Seconds(number) | Cell::Ratio(number) => Some(*number),
        Cell::Money { micros, .. } => Some(*micros),
        Cell::Null | Cell::Text(_) => None,
    };
    Ok(match kind {
        Kind::Text => {
            let words = cells.map(|cell| match cell {
                Cell::Text(text) => Some(text.as_ref()),
                Cell::Null | Cell::Count(_) | Cell::Money { .. } | Cell::Ratio(_) | Cell::Seconds(_) => None,
            });
            Arc::new(words.collect::<StringArray>())
        }
        Kind::Count | Kind::Seconds => {
            let narrow = |number: i128| i64::try_from(number).map_err(|_| written("a count is too large"));
            let numbers = cells.map(|cell| number(cell).map(narrow).transpose());
            Arc::new(numbers.collect::<Result<Int64Array, _>>()?)
        }
        Kind::Money => decimals(cells.map(number), MONEY_FRACTION)?,
        Kind::Ratio => decimals(cells.map(number), RATIO_FRACTION)?,
    })
}

fn decimals(numbers: impl Iterator<Item = Option<i128>>, fraction: i8) -> Result<ArrayRef, ReportsError> {
    let numbers = numbers.collect::<Decimal128Array>().with_data_type(DataType::Decimal128(DIGITS, fraction));
    numbers.validate_decimal_precision(DIGITS).map_err(written)?;
    Ok(Arc::new(numbers))
}

fn written(error: impl std::fmt::Display) -> ReportsError {
    ReportsError::Written(error.to_string())
}
