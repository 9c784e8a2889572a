//! By which way an event was reported.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The advertiser's server.
    Postback,
    /// A browser: nothing about it is proven.
    Pixel,
    /// A person, in the advertiser's name.
    Import,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Postback, Self::Pixel, Self::Import];

    /// The stable string in store and API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Postback => "postback",
            Self::Pixel => "pixel",
            Self::Import => "import",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.code() == text)
    }
}
