//! A click as it is recorded: who sent it, where it went, and what came with it.

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
