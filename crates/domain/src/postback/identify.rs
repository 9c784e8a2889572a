//! What the click id of a postback turns out to be, and what the sender should change when it is none.

use std::collections::BTreeMap;

use super::Rejection;
use super::placeholder;
use crate::click_id::{ClickId, Returned};
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

/// Diagnoses `value`; `params` are searched for an id of ours that stands in another place.
pub fn judge(
    value: Option<&str>,
    params: &BTreeMap<String, String>,
    snapshot: &Snapshot,
    now: Timestamp,
) -> ClickSeen {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        let rejection = reject(Reason::MissingClickId, "no click id came")
            .advise("Send back the click id that stood in the address of the landing page.");
        return ClickSeen::Absent(misplaced(rejection, params, snapshot));
    };
    match snapshot.keys.diagnose(value, |prefix| snapshot.fits(prefix, now)) {
        Returned::Genuine { id, repaired } => ClickSeen::Genuine { id, repaired },
        Returned::Truncated { prefix, length } => ClickSeen::Bad(
            reject(Reason::TruncatedClickId, format!("{length} of the 26 characters of a click id came"))
                .advise("Store and send all 26 characters; a field or column on the way is too short.")
                .likely(prefix),
        ),
        Returned::Altered { prefix, lookalike } => {
            let message = match lookalike {
                Some(character) => {
                    format!("the character {character:?} is none of a click id's; it was altered")
                }
                None => "the click id was altered on its way".to_owned(),
            };
            let advice = "Store and send the click id exactly as it came, as text.";
            ClickSeen::Bad(reject(Reason::AlteredClickId, message).advise(advice).likely(prefix))
        }
        Returned::Unknown => ClickSeen::Bad(judge_unknown(value, params, snapshot)),
    }
}

fn judge_unknown(value: &str, params: &BTreeMap<String, String>, snapshot: &Snapshot) -> Rejection {
    if let Some(found) = placeholder::find(value) {
        return reject(Reason::UnexpandedMacro, format!("{found} was never replaced by a click id"))
            .advise(format!("Replace {found} by the macro of your platform that holds our click id."));
    }
    let rejection = reject(Reason::UnknownClickId, "this is no click id of ours")
        .advise("Send back the click id that stood in the address of the landing page.");
    misplaced(rejection, params, snapshot)
}

/// Says in which other parameter a genuine id of ours stands, if one does.
fn misplaced(rejection: Rejection, params: &BTreeMap<String, String>, snapshot: &Snapshot) -> Rejection {
    let found = params.iter().find_map(|(name, value)| Some((name, snapshot.keys.read(value.trim())?)));
    match found {
        Some((name, id)) => {
            let message = format!("{}; one stands in the parameter {name:?}", rejection.message);
            let advice = format!("Send the value of {name:?} as the click id.");
            Rejection { message, advice, ..rejection }.likely(id.prefix())
        }
        None => rejection,
    }
}

fn reject(reason: Reason, message: impl Into<String>) -> Rejection {
    Rejection::new(reason, "click_id", message)
}
