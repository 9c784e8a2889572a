//! Rows of JSON as a table: every name that any row uses is a column.

use std::collections::HashMap;

use proofback_sheets::{Fault, Line, Sheet};
use serde_json::{Map, Value};

const COLUMNS_MAX: usize = 200;

/// Rows count from 1.
pub fn sheet(rows: Vec<Map<String, Value>>) -> Result<Sheet, Vec<Fault>> {
    let mut header: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut lines = Vec::with_capacity(rows.len());
    for (number, row) in (1..).zip(rows) {
        let fault = |message: String| vec![Fault { line: Some(number), message }];
        let mut cells = vec![String::new(); header.len()];
        for (name, value) in row {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                header.push(name.clone());
                header.len().saturating_sub(1)
            });
            if COLUMNS_MAX <= place {
                return Err(fault(format!("more than {COLUMNS_MAX} names")));
            }
            let text = text(value).ok_or_else(|| fault(format!("{name:?} is no plain value")))?;
            cells.resize(cells.len().max(place.saturating_add(1)), String::new());
            if let Some(cell) = cells.get_mut(place) {
                *cell = text;
            }
        }
        lines.push(Line { number, cells });
    }
    if lines.is_empty() {
        return Err(vec![Fault { line: None, message: "there are no rows".into() }]);
    }
    Ok(Sheet { header, lines })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
