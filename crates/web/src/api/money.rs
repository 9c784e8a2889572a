//! Money as the API shows it: a decimal text with the digits of its currency.

use proofback_domain::money::{Currencies, Money};
use proofback_domain::program::Snapshot;
use serde_json::{Map, Value};

/// Adds `name` and `name_currency`, or `null` for both.
pub fn put(object: &mut Map<String, Value>, name: &str, money: Option<Money>, currencies: &Currencies) {
    let amount = money.map_or(Value::Null, |money| Value::String(currencies.amount(money)));
    let currency = money.map_or(Value::Null, |money| Value::String(money.currency.to_string()));
    object.insert(name.to_owned(), amount);
    object.insert(if name == "amount" { "currency".into() } else { format!("{name}_currency") }, currency);
}

pub fn currencies(snapshot: Option<&Snapshot>) -> Currencies {
    snapshot.map(|snapshot| snapshot.program.currencies.clone()).unwrap_or_default()
}
