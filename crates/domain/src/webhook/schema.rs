//! JSON Schema (draft 2020-12) of each kind of webhook, for receivers who check or generate.

use serde_json::{Map, Value, json};

use super::catalogue::{Field, Kind, fields, meaning};
use crate::outcome::Status;
use crate::program::Happening;

/// The schema of the whole body. It leaves room for members that come later.
pub fn schema(happening: Happening) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut with_currency = Map::new();
    for field in fields(happening) {
        properties.insert(field.name.into(), property(field));
        let mut names = vec![field.name.to_owned()];
        if let Kind::Money { .. } = field.kind {
            let currency = format!("{}_currency", field.name);
            properties.insert(currency.clone(), currency_of(field));
            if !field.needed {
                with_currency.insert(field.name.into(), json!([currency]));
            }
            names.push(currency);
        }
        if field.needed {
            required.extend(names);
        }
    }
    let mut data = Map::new();
    data.insert("type".into(), "object".into());
    data.insert("required".into(), required.into());
    if !with_currency.is_empty() {
        data.insert("dependentRequired".into(), with_currency.into());
    }
    data.insert("properties".into(), properties.into());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": happening.code(),
        "description": meaning(happening),
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "const": happening.code() },
            "timestamp": {
                "description": "When it happened; not when it was sent.",
                "type": "string",
                "format": "date-time",
            },
            "data": data,
        },
    })
}

fn property(field: &Field) -> Value {
    let mut property = match field.kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Id => json!({ "type": "string", "pattern": "^[0-7][0-9a-hjkmnp-tv-z]{25}$" }),
        Kind::Status => json!({ "type": "string", "enum": Status::ALL.map(Status::code) }),
        Kind::Money { .. } | Kind::Difference { .. } => {
            json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" })
        }
        Kind::Time { .. } => json!({ "type": "string", "format": "date-time" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Subs => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": "^sub([1-9]|10)$" },
            "additionalProperties": { "type": "string", "minLength": 1 },
        }),
        Kind::Rows => json!({ "type": "array", "items": { "type": "object" } }),
        Kind::Flag => json!({ "const": true }),
    };
    property["description"] = field.about.into();
    property
}

fn currency_of(field: &Field) -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Z0-9]{1,8}$",
        "description": format!("The currency of `{}`.", field.name),
    })
}
