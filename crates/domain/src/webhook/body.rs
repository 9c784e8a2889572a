//! Writes a webhook's body. The same values give the same bytes, so that every attempt sends the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::catalogue::{Field, Kind, fields};
use crate::program::Happening;
use crate::template::SUBS;
use crate::time::Timestamp;

/// `{"type": ..., "timestamp": ..., "data": {...}}`; `at` is when it happened.
///
/// `values` go by the names of the macros. What the catalogue does not name stays out, what is empty too.
pub fn body(happening: Happening, at: Timestamp, values: &BTreeMap<String, String>) -> String {
    let mut data = Map::new();
    for field in fields(happening) {
        put(&mut data, field, values);
    }
    let mut whole = Map::new();
    whole.insert("type".into(), happening.code().into());
    whole.insert("timestamp".into(), at.iso().into());
    whole.insert("data".into(), data.into());
    Value::Object(whole).to_string()
}

fn put(data: &mut Map<String, Value>, field: &Field, values: &BTreeMap<String, String>) {
    let value = |name: &str| values.get(name).filter(|value| !value.is_empty()).cloned();
    let written = match field.kind {
        Kind::Text | Kind::Id | Kind::Status | Kind::Money { .. } | Kind::Difference { .. } => {
            value(field.name).map(Value::from)
        }
        Kind::Time { value: name } => value(name).map(Value::from),
        Kind::Count => value(field.name).and_then(|text| text.parse::<u64>().ok()).map(Value::from),
        Kind::Subs => {
            let subs: Map<String, Value> =
                SUBS.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?.into()))).collect();
            if subs.is_empty() { None } else { Some(subs.into()) }
        }
        Kind::Rows => {
            value(field.name).and_then(|text| serde_json::from_str(&text).ok()).filter(Value::is_array)
        }
        Kind::Flag => value(field.name).filter(|text| text == "1").map(|_| Value::Bool(true)),
    };
    let Some(written) = written else {
        return;
    };
    data.insert(field.name.to_owned(), written);
    if let Kind::Money { currency } = field.kind
        && let Some(currency) = value(currency)
    {
        data.insert(format!("{}_currency", field.name), currency.into());
    }
}
