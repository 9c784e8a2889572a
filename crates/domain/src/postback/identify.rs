//! What the click id of a postback turns out to be, and what the sender should change when it is none.

use std::collections::BTreeMap;

use super::placeholder;
use super::search::Search;
use super::{Rejection, quoted, shown};
use crate::click_id::{ClickId, Prefix, Returned};
use crate::entities::is_invisible;
use crate::outcome::Reason;
use crate::program::Snapshot;
use crate::time::Timestamp;

/// What stood where the click id belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClickSeen {
    Genuine {
        id: ClickId,
        repaired: Option<&'static str>,
    },
    /// Nothing; the rejection is for postbacks that no known txid stands in for.
    Absent(Rejection),
    Bad(Rejection),
}

/// Diagnoses `value`, which came under the sender's `name`; `params` are searched for an id of ours that
/// stands in another place.
pub fn judge(
    value: Option<&str>,
    name: &str,
    params: &BTreeMap<String, String>,
    snapshot: &Snapshot,
    now: Timestamp,
) -> ClickSeen {
    let place = Place { name, search: Search { params, snapshot }, snapshot };
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        let rejection = place.reject(Reason::MissingClickId, "no click id came");
        return ClickSeen::Absent(place.misplaced(rejection));
    };
    let returned = snapshot.keys.diagnose(value, |prefix| snapshot.fits(prefix, now));
    if let Returned::Genuine { id, repaired } = returned {
        return ClickSeen::Genuine { id, repaired };
    }
    let rejection = place.spilled(value).unwrap_or_else(|| match returned {
        Returned::Truncated { prefix, length } => place.truncated(prefix, length),
        Returned::Altered { prefix, odd } => place.altered(prefix, odd),
        Returned::Genuine { .. } | Returned::Unknown => place.unknown(value),
    });
    ClickSeen::Bad(rejection.seen(shown(value, snapshot)))
}

/// Where the click id was looked for, and what came with it.
struct Place<'a> {
    name: &'a str,
    search: Search<'a>,
    snapshot: &'a Snapshot,
}

impl Place<'_> {
    fn reject(&self, reason: Reason, message: impl Into<String>) -> Rejection {
        Rejection::new(reason, "click_id", message).called(self.name)
    }

    fn quote(&self, name: &str) -> String {
        quoted(&shown(name, self.snapshot))
    }

    /// Cut, and the rest stands at the start of another parameter.
    fn spilled(&self, value: &str) -> Option<Rejection> {
        let (other, id) = self.search.spilled(value)?;
        let (name, other) = (self.quote(self.name), self.quote(other));
        let length = value.chars().count();
        let message = format!(
            "{length} of the 26 characters of a click id came in {name}; the rest stands at the start of {other}"
        );
        let advice = format!(
            "Send all 26 characters in {name}: the field that holds it on the way is too short, and its rest went on into {other}."
        );
        Some(self.reject(Reason::TruncatedClickId, message).advise(advice).likely(id.prefix()))
    }

    fn truncated(&self, prefix: Prefix, length: usize) -> Rejection {
        let message = format!("{length} of the 26 characters of a click id came");
        self.beside_the_whole(self.reject(Reason::TruncatedClickId, message), prefix)
    }

    fn altered(&self, prefix: Prefix, odd: Option<char>) -> Rejection {
        let message = match odd {
            Some(character) => format!("the click id was altered: it holds {}", describe(character)),
            None => "the click id was altered on its way".to_owned(),
        };
        self.beside_the_whole(self.reject(Reason::AlteredClickId, message), prefix)
    }

    /// A damaged id names its likely click; the whole id may stand in another parameter.
    fn beside_the_whole(&self, rejection: Rejection, prefix: Prefix) -> Rejection {
        let whole = self.search.elsewhere().filter(|(_, id)| id.prefix() == prefix);
        let rejection = if whole.is_some() { self.misplaced(rejection) } else { rejection };
        rejection.likely(prefix)
    }

    fn unknown(&self, value: &str) -> Rejection {
        if let Some(found) = placeholder::find(value) {
            return self.unexpanded(&found);
        }
        if let Some((first, others)) = self.search.inside(value).split_first() {
            let what = if others.is_empty() {
                "a click id of ours with more around it"
            } else {
                "several click ids of ours"
            };
            let advice =
                format!("Send one click id alone in {}, without anything around it.", self.quote(self.name));
            let rejection = self.reject(Reason::UnknownClickId, format!("the value holds {what}"));
            return rejection
                .expected("26 characters and nothing else")
                .advise(advice)
                .likely(first.prefix());
        }
        if let Some(found) = placeholder::find_inside(value) {
            return self.unexpanded(&found);
        }
        self.misplaced(self.reject(Reason::UnknownClickId, "this is no click id of ours"))
    }

    fn unexpanded(&self, found: &str) -> Rejection {
        let message = format!("{found} was never replaced by a click id");
        let advice = format!("Replace {found} by the macro of your platform that holds our click id.");
        let rejection = self.reject(Reason::UnexpandedMacro, message).expected(EXPECTED).advise(advice);
        self.misplaced(rejection)
    }

    /// Says in which other parameter a genuine id of ours stands, if one does.
    fn misplaced(&self, rejection: Rejection) -> Rejection {
        let Some((other, id)) = self.search.elsewhere() else {
            return rejection;
        };
        let other = self.quote(other);
        let message = format!("{}; one of ours stands in the parameter {other}", rejection.message);
        let advice = format!("Send the value of {other} as {}.", self.quote(self.name));
        Rejection { message, advice, ..rejection }.likely(id.prefix())
    }
}

const EXPECTED: &str = "26 characters, as in the landing page's address";

/// A character that no click id has, as a person would call it.
fn describe(character: char) -> String {
    let code = u32::from(character);
    match character {
        _ if is_invisible(character) => format!("an invisible character (U+{code:04X})"),
        _ if character.is_whitespace() => "a space inside".into(),
        _ if character.is_control() => format!("a control character (U+{code:04X})"),
        'a'..='z' | 'A'..='Z' => format!("the letter {character}, which no click id of ours has"),
        '\u{370}'..='\u{3ff}' => format!("the Greek letter {character} in place of a Latin one"),
        '\u{400}'..='\u{52f}' => {
            format!("the Cyrillic letter {character} in place of a Latin one or a digit")
        }
        '\u{ff01}'..='\u{ff5e}' => format!("the wide character {character} in place of an ordinary one"),
        _ => format!("the character {character}, which no click id has"),
    }
}
