//! Reads `[[partner.conversion_api]]`: a connection to an ad platform.

use std::collections::BTreeMap;

use crate::conversion_api::{Api, Platform};
use crate::name::Name;
use crate::program::SecretRef;
use crate::program::file::known::Known;
use crate::program::file::values;
use crate::program::reader::{Placed, Section, quote, read_word};
use crate::program::target::Connection;

/// What tells that a conversion was taken back, beside the events of goals.
const TAKEN_BACK: [&str; 2] = ["rejected", "reversed"];

/// The connection; `api` says to which platform.
pub(super) fn read(section: &mut Section<'_>, known: &Known) -> Option<Connection> {
    section.require(&["api", "settings", "event_names"]);
    let platform = section
        .parsed("api", |text| read_word(text, &Platform::ALL.map(|platform| (platform.code(), platform))));
    let base_url = section.parsed("base_url", values::base_url).map(|url| url.value);
    let place = section.place_of("settings");
    let (settings, secrets, places) = match section.table("settings", "settings") {
        Some(table) => read_settings(table, platform.as_ref().map(|platform| platform.value)),
        None => Default::default(),
    };
    let events = section.table("event_names", "event_names").map(|table| read_events(table, known));
    let api = Api { platform: platform?.value, settings, events: events?, base_url };
    for problem in api.problems() {
        let place = places.get(&problem.setting).copied().unwrap_or(place);
        section.mistakes.error(place, format!("\"settings\": {problem}"));
    }
    Some(Connection { api, secrets })
}

type Settings =
    (BTreeMap<String, String>, BTreeMap<String, SecretRef>, BTreeMap<String, crate::program::reader::Place>);

/// Settings as they are written; of a secret one the reference.
fn read_settings(mut table: Section<'_>, platform: Option<Platform>) -> Settings {
    let (mut settings, mut secrets, mut places) = Settings::default();
    for key in table.keys() {
        let known = platform
            .and_then(|platform| platform.settings().iter().find(|setting| setting.name == key.value));
        let Some(text) = table.text(key.value) else { continue };
        places.insert(key.value.to_owned(), text.place);
        if known.is_some_and(|setting| setting.secret) {
            match values::secret(text.value) {
                Ok(reference) => {
                    settings.insert(key.value.to_owned(), reference.to_string());
                    secrets.insert(key.value.to_owned(), reference);
                }
                Err(message) => {
                    table.mistakes.error(text.place, format!("\"{}\": {message}", key.value));
                    // One mistake is enough: it is there, whatever it is.
                    settings.insert(key.value.to_owned(), "env:UNREADABLE".into());
                }
            }
            continue;
        }
        settings.insert(key.value.to_owned(), text.value.to_owned());
    }
    (settings, secrets, places)
}

/// Our events with the platform's names for them.
fn read_events(mut table: Section<'_>, known: &Known) -> BTreeMap<Name, String> {
    let mut events = BTreeMap::new();
    for Placed { value: word, place } in table.keys() {
        let event = word.strip_suffix("-rejected").or_else(|| word.strip_suffix("-reversed")).unwrap_or(word);
        let is_event = TAKEN_BACK.contains(&word) || known.event(event).is_ok() || known.event(word).is_ok();
        if !is_event && let Err(message) = known.event(word) {
            table.mistakes.error(place, format!("\"event_names\": {message}"));
        }
        let theirs = table.text(word);
        match (Name::parse(word), theirs) {
            (Ok(name), Some(theirs)) => drop(events.insert(name, theirs.value.to_owned())),
            (Err(error), _) => table.mistakes.error(place, format!("{}: {error}", quote(word))),
            (Ok(_), None) => {}
        }
    }
    events
}
