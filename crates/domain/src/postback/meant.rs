//! Parameters that nobody reads and whose name is much like one that is missing. They are named, never used.

use std::collections::{BTreeMap, BTreeSet};

use super::names;
use super::request::Params;
use crate::program::{Advertiser, FIELDS, default_names};

/// Longer names than this are compared with none.
const NAME_CHARS_MAX: usize = 40;

/// Our missing field = the parameter that was probably meant for it.
pub fn find(
    params: &Params,
    advertiser: Option<&Advertiser>,
    fields: &BTreeMap<String, String>,
) -> BTreeMap<&'static str, String> {
    let all = || FIELDS.into_iter().chain(["token"]);
    let mut read: BTreeSet<&str> = all().flat_map(|field| names(advertiser, field)).collect();
    read.insert("test");
    let unread = params.pairs.iter().map(|(name, _)| name).filter(|name| {
        let sub = crate::template::sub_number(name).is_some();
        !sub && !read.contains(name.as_str()) && name.len() <= NAME_CHARS_MAX
    });
    let mut unread: Vec<&String> = unread.collect();
    let mut meant = BTreeMap::new();
    if unread.is_empty() {
        return meant;
    }
    let missing = |field: &&str| match advertiser {
        Some(advertiser) if *field == "token" => {
            let mut values = names(Some(advertiser), field).into_iter().filter_map(|name| params.value(name));
            !advertiser.postback.tokens.is_empty() && values.all(str::is_empty)
        }
        None if *field == "token" => false,
        Some(_) | None => fields.get(*field).is_none_or(|value| value.trim().is_empty()),
    };
    for field in all().filter(missing) {
        let expected = names(advertiser, field).into_iter().chain(default_names(field).iter().copied());
        let expected: Vec<&str> = expected.collect();
        let near = |name: &&String| expected.iter().any(|one| is_near(field, name, one));
        // One parameter is meant for one field.
        if let Some(place) = unread.iter().position(near) {
            meant.insert(field, unread.swap_remove(place).clone());
        }
    }
    meant
}

fn is_near(field: &str, name: &str, expected: &str) -> bool {
    let (name, expected) = (plain(name), plain(expected));
    if name == expected || stem(field, &name) == stem(field, &expected) {
        return true;
    }
    // In a short name one slip makes another word.
    let slips = match expected.len() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    name.len().abs_diff(expected.len()) <= slips && strsim::damerau_levenshtein(&name, &expected) <= slips
}

/// A name without what people write differently.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// A name without the ending that people leave out or add.
fn stem<'a>(field: &str, name: &'a str) -> &'a str {
    let endings: &[&str] = match field {
        "click_id" | "txid" | "original_txid" => &["id"],
        "event_type" => &["type", "name"],
        "status" | "currency" => &["code", "name"],
        "amount" | "revenue" | "payout" => &["value"],
        _ => &[],
    };
    endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|stem| !stem.is_empty())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        for (field, name, expected) in [
            ("click_id", "clickid", "click_id"),
            ("click_id", "Click-Id", "click_id"),
            ("click_id", "clcik_id", "click_id"),
            ("click_id", "click", "click_id"),
            ("txid", "transaction", "transaction_id"),
            ("txid", "order_id", "order"),
            ("txid", "txnid", "txid"),
            ("amount", "ammount", "amount"),
            ("event_type", "event_name", "event_type"),
            ("currency", "curency", "currency"),
            ("currency", "currency_code", "currency"),
            ("payout", "payuot", "payout"),
        ] {
            assert!(is_near(field, name, expected), "{name} {expected}");
        }
        for (field, name, expected) in [
            ("currency", "country", "currency"),
            ("status", "state", "status"),
            ("click_id", "sub_id", "cid"),
            ("txid", "cid", "txid"),
            ("amount", "account", "amount"),
            ("revenue", "value", "revenue"),
            ("timestamp", "time", "timestamp"),
            ("event_type", "device_type", "event_type"),
            ("click_id", "click_time", "click_id"),
            ("payout", "layout", "payment"),
        ] {
            assert!(!is_near(field, name, expected), "{name} {expected}");
        }
    }
}
