//! Fills in a template's macros, as the program does when it makes a delivery.

use std::collections::BTreeMap;

/// What one euro is in dollars, in hundredths.
const USD_PER_EUR: u64 = 110;

/// The template with these values; amounts are in euro, with two digits.
pub fn render(template: &str, values: &BTreeMap<&str, String>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').unwrap();
        text.push_str(before);
        text.push_str(&encode(&value(inside, values)));
        rest = tail;
    }
    text + rest
}

fn value(inside: &str, values: &BTreeMap<&str, String>) -> String {
    let mut parts = inside.split('|');
    let (name, default) = split(parts.next().unwrap());
    match values.get(name) {
        Some(value) if !value.is_empty() => parts.fold(value.clone(), modified),
        _ => default.to_owned(),
    }
}

fn modified(value: String, modifier: &str) -> String {
    let (name, argument) = split(modifier);
    match name {
        "map" => {
            let mut words = argument.split(',').map(|pair| pair.split_once('=').unwrap());
            words.find(|(from, _)| *from == value).map_or(value.clone(), |(_, to)| to.to_owned())
        }
        "currency" => {
            assert_eq!(argument, "USD");
            let usd = (cents(&value) * USD_PER_EUR + 50) / 100;
            format!("{}.{:02}", usd / 100, usd % 100)
        }
        "round" => ((cents(&value) + 50) / 100).to_string(),
        other => panic!("no modifier {other}"),
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

fn cents(amount: &str) -> u64 {
    let (whole, part) = amount.split_once('.').unwrap();
    assert_eq!(part.len(), 2);
    whole.parse::<u64>().unwrap() * 100 + part.parse::<u64>().unwrap()
}

fn encode(value: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let letter = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(letter).collect()
}
