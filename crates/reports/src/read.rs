//! What the engine gives back, as the domain takes it.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type};
use proofback_domain::money::Currency;
use proofback_domain::report::{Report, Sum, SumRow, Value};

use crate::ReportsError;
use crate::sql::{Key, Part, Query, part_of, value_of_piece};

/// Appends the rows of a batch of one part; sums of the other part are absent.
pub fn rows(
    batch: &RecordBatch,
    report: &Report,
    query: &Query,
    part: Part,
    sums: &[Sum],
    rows: &mut Vec<SumRow>,
) -> Result<(), ReportsError> {
    let mut columns = batch.columns().iter();
    let mut keys: Vec<Vec<Value>> = vec![Vec::with_capacity(query.keys.len()); batch.num_rows()];
    for (key, column) in query.keys.iter().zip(columns.by_ref()) {
        push_values(key, column, &mut keys)?;
    }
    let own = report.in_own_currency() || query.days.is_some();
    let currencies = match own.then(|| columns.next()).flatten() {
        Some(column) => Some(cast(column, &DataType::Utf8View).map_err(engine)?),
        None => None,
    };
    let days = query.days.as_ref().and_then(|_| columns.next());
    let numbers: Vec<(usize, &ArrayRef)> = sums
        .iter()
        .enumerate()
        .filter(|(_, sum)| part_of(sum) == part)
        .map(|(place, _)| place)
        .zip(columns)
        .collect();
    for (row, key) in keys.into_iter().enumerate() {
        let mut found = vec![None; sums.len()];
        for (place, column) in &numbers {
            found[*place] = number(column, row)?;
        }
        let currency = match &currencies {
            Some(column) => Currency::parse(column.as_string_view().value(row)),
            None => Some(report.currency),
        };
        let day =
            days.filter(|days| days.is_valid(row)).map(|days| days.as_primitive::<Int32Type>().value(row));
        let day = day.and_then(|place| usize::try_from(place).ok()).and_then(|place| query.day(place));
        rows.push(SumRow { key, currency, day, sums: found });
    }
    Ok(())
}

fn push_values(key: &Key, column: &ArrayRef, keys: &mut [Vec<Value>]) -> Result<(), ReportsError> {
    match key {
        Key::Text => {
            let column = cast(column, &DataType::Utf8View).map_err(engine)?;
            let texts = column.as_string_view();
            for (row, values) in keys.iter_mut().enumerate() {
                let text = if texts.is_null(row) { "" } else { texts.value(row) };
                values.push(Value::from(text));
            }
        }
        Key::Piece(pieces) => {
            let places = column.as_primitive::<Int32Type>();
            for (row, values) in keys.iter_mut().enumerate() {
                values.push(value_of_piece(pieces, places.is_valid(row).then(|| places.value(row))));
            }
        }
        Key::Age => {
            let ages = column.as_primitive::<Int64Type>();
            for (row, values) in keys.iter_mut().enumerate() {
                let age = ages.is_valid(row).then(|| ages.value(row));
                values.push(age.map_or_else(|| Value::from(""), Value::age));
            }
        }
    }
    Ok(())
}

/// A sum; absent where nothing was summed.
pub fn number(column: &ArrayRef, row: usize) -> Result<Option<i128>, ReportsError> {
    if column.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match column.data_type() {
        DataType::Decimal128(_, _) => column.as_primitive::<Decimal128Type>().value(row),
        _ => {
            i128::from(cast(column, &DataType::Int64).map_err(engine)?.as_primitive::<Int64Type>().value(row))
        }
    }))
}

fn engine(error: arrow::error::ArrowError) -> ReportsError {
    ReportsError::Engine(Box::new(error.into()))
}
