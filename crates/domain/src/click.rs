//! A click as it is recorded: who sent it, where it went, and what came with it.

pub mod traits;

use serde::{Deserialize, Serialize};

use crate::click_id::ClickId;
use crate::name::Name;
use crate::time::Timestamp;

/// One visit through a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Click {
    pub id: ClickId,
    pub at: Timestamp,
    pub link: Name,
    pub partner: Name,
    pub offer: Name,
    pub advertiser: Name,
    pub details: Details,
}

/// Where a visitor's address is; what is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Two capital letters, by ISO 3166.
    pub country: String,
    pub region: String,
    pub city: String,
    /// The number of the network that announces the address, in digits.
    pub asn: String,
}

/// What the visit carried; kept as one document with the click.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partner_click_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cost: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// `sub1` to `sub10`; shorter when the last ones are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subs: Vec<String>,
    /// All other parameters, in the order in which they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, String)>,
    pub ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub referrer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub asn: String,
    pub device: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub browser: String,
    /// Why this offer was chosen.
    pub route: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

impl Place {
    /// Takes over what is not known yet. Region and city of another country than the one that is known are those of
    /// another place, and stay out.
    pub fn fill(&mut self, other: Self) {
        let elsewhere =
            !self.country.is_empty() && !other.country.is_empty() && self.country != other.country;
        let fill = |slot: &mut String, value: String| {
            if slot.is_empty() {
                *slot = value;
            }
        };
        fill(&mut self.asn, other.asn);
        if elsewhere {
            return;
        }
        fill(&mut self.country, other.country);
        fill(&mut self.region, other.region);
        fill(&mut self.city, other.city);
    }
}

impl Details {
    /// The value of `sub1` to `sub10`; empty where none came.
    pub fn sub(&self, number: u8) -> &str {
        let index = usize::from(number).saturating_sub(1);
        self.subs.get(index).map_or("", String::as_str)
    }

    pub fn set_sub(&mut self, number: u8, value: String) {
        let length = usize::from(number);
        if self.subs.len() < length {
            self.subs.resize(length, String::new());
        }
        if let Some(slot) = self.subs.get_mut(length.saturating_sub(1)) {
            *slot = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, region: &str, city: &str, asn: &str) -> Place {
        Place { country: country.into(), region: region.into(), city: city.into(), asn: asn.into() }
    }

    #[test]
    fn what_is_known_first_stays_and_no_city_comes_from_another_country() {
        for (first, second, filled) in [
            (
                place("", "", "", ""),
                place("DE", "Berlin", "Berlin", "1"),
                place("DE", "Berlin", "Berlin", "1"),
            ),
            (
                place("DE", "", "", ""),
                place("DE", "Bavaria", "Munich", ""),
                place("DE", "Bavaria", "Munich", ""),
            ),
            (place("DE", "", "", ""), place("AT", "Tyrol", "Kufstein", "2"), place("DE", "", "", "2")),
            (place("DE", "", "", "1"), place("", "Bavaria", "", "2"), place("DE", "Bavaria", "", "1")),
            (
                place("DE", "Berlin", "", ""),
                place("DE", "Bavaria", "Munich", ""),
                place("DE", "Berlin", "Munich", ""),
            ),
            (
                place("DE", "Berlin", "Berlin", "1"),
                place("", "", "", ""),
                place("DE", "Berlin", "Berlin", "1"),
            ),
        ] {
            let mut seen = first.clone();
            seen.fill(second.clone());
            assert_eq!(seen, filled, "{first:?} and {second:?}");
        }
    }

    #[test]
    fn a_click_of_before_places_were_known_is_read_and_an_unknown_place_is_not_written() {
        let old = r#"{"ip":"192.0.2.1","country":"DE","device":"mobile","route":"the link's only offer"}"#;
        let details: Details = serde_json::from_str(old).unwrap();
        assert_eq!((details.country.as_str(), details.region.as_str(), details.asn.as_str()), ("DE", "", ""));
        assert_eq!(serde_json::to_string(&details).unwrap(), old);
    }
}
