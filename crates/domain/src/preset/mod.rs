//! Outbound presets: what known trackers and traffic sources want to be sent, as data with its sources.
//!
//! A preset is a template with credentials in it, and nothing more: it makes no request and knows no program.
//! What it says was read somewhere, and the file of each says where. The pages of `docs/presets.md` are made of it.

mod embedded;
mod fill;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use crate::program::Happening;

pub use fill::{CredentialError, Filled, Given};

/// How one platform is told. Every request is a GET: none of those that are known takes a POST alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    pub id: String,
    pub name: String,
    pub kind: PresetKind,
    /// The address with our macros in braces, and credentials as `<name>`.
    pub url: String,
    /// What it is told unless the program says otherwise.
    #[serde(deserialize_with = "happenings")]
    pub on: Vec<Happening>,
    /// What the partner puts into our link, so that its click id reaches us; none where it was not seen.
    #[serde(default)]
    pub click_id_macro: Option<String>,
    /// Parameter of our link = what the partner puts there, for what the address sends back beside the click id.
    #[serde(default)]
    pub other_macros: BTreeMap<String, String>,
    pub confidence: Confidence,
    /// A day, `2026-11-21`.
    pub checked_on: String,
    /// Where it was read; what is shown was documented at some time, not necessarily today.
    pub sources: Vec<String>,
    /// What users stumble over.
    pub notes: Vec<String>,
    /// In the order in which they are asked for.
    #[serde(default, rename = "credential")]
    pub credentials: Vec<Credential>,
    /// How the platform says that it took a request, where it says so.
    #[serde(default)]
    pub expect: Option<Expect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresetKind {
    /// A partner's tracker or network; it is told what the partner earns.
    Tracker,
    /// Where clicks are bought; it is told what the operator earns.
    TrafficSource,
    /// People read it.
    Messenger,
}

/// Where what a preset says comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The platform's own pages.
    Documented,
    /// Others' pages, or published code.
    Seen,
    /// Sources that leave something open; the notes say what.
    Uncertain,
}

/// Something that only the account's owner knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    pub name: String,
    /// Where to find it.
    pub what: String,
    /// Where in the address it stands.
    pub place: Place,
    /// Given by reference only.
    #[serde(default)]
    pub secret: bool,
    /// Left out, its whole parameter or segment is left out.
    #[serde(default)]
    pub optional: bool,
    /// It is one of these; empty: anything.
    #[serde(default)]
    pub words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The whole host, with a port if need be.
    Host,
    /// Within one segment of the path.
    Path,
    /// The value of a parameter.
    Query,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    #[serde(default)]
    pub status: Option<u16>,
    /// A piece that the body holds.
    #[serde(default)]
    pub body: Option<String>,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let read = |file: &&str| toml::from_str(file).expect("a test reads every file that is embedded");
    embedded::FILES.iter().map(read).collect()
});

/// All presets, in the order of their ids.
pub fn all() -> &'static [Preset] {
    &PRESETS
}

pub fn find(id: &str) -> Option<&'static Preset> {
    all().iter().find(|preset| preset.id == id)
}

impl PresetKind {
    pub const ALL: [Self; 3] = [Self::Tracker, Self::TrafficSource, Self::Messenger];
}

impl Confidence {
    pub const ALL: [Self; 3] = [Self::Documented, Self::Seen, Self::Uncertain];

    pub fn code(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Seen => "seen",
            Self::Uncertain => "uncertain",
        }
    }
}

fn happenings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Happening>, D::Error> {
    let codes = Vec::<String>::deserialize(deserializer)?;
    let read = |code: String| {
        Happening::parse(&code).ok_or_else(|| serde::de::Error::custom(format!("{code} does not happen")))
    };
    codes.into_iter().map(read).collect()
}
