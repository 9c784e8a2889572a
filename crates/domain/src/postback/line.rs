//! A line of a file as a reading: what a person imports in an advertiser's name.

use std::collections::BTreeMap;

use super::{Channel, Check, Reading, TXIDS, identify, our_event, storable, trim_txid};
use crate::name::Name;
use crate::program::{Advertiser, Snapshot};
use crate::time::Timestamp;

/// The name under which a click id is explained: a file's own column is in the answer to whoever imports it.
pub const CLICK_ID: &str = "click_id";

/// One line, its columns known for what they are.
#[derive(Debug, Clone)]
pub struct ImportedLine<'a> {
    pub at: Timestamp,
    pub advertiser: &'a Advertiser,
    /// Which line of what, and who imports it: for the explanation.
    pub origin: String,
    /// Our field, the column that it stood in, and its value in our notation.
    pub fields: Vec<(&'a str, &'a str, String)>,
    /// Every cell that says anything, under its column.
    pub cells: Vec<(&'a str, &'a str)>,
}

/// Like an authenticated postback of the advertiser: who may import was judged before.
pub fn read_line(line: ImportedLine<'_>, snapshot: &Snapshot) -> Reading {
    let ImportedLine { at, advertiser, origin, fields: named, cells } = line;
    let mut fields = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (field, column, value) in &named {
        let value = if TXIDS.contains(field) { trim_txid(value) } else { value };
        fields.insert((*field).to_owned(), storable(field, column, value, snapshot));
        names.insert((*field).to_owned(), (*column).to_owned());
    }
    let field_of = |column: &str| named.iter().find(|(_, own, _)| *own == column).map_or("", |one| one.0);
    let stored: Vec<(String, String)> = cells
        .iter()
        .map(|(column, value)| {
            let name = super::privacy::mask_text(&snapshot.hidden.hide(column));
            (name, storable(field_of(column), column, value, snapshot))
        })
        .collect();
    let params = stored.iter().cloned().collect();
    let click = identify::judge(fields.get("click_id").map(String::as_str), CLICK_ID, &params, snapshot, at);
    let checks = vec![
        Check::passed("transport", origin),
        Check::passed("advertiser", format!("{}, named by the import", advertiser.id)),
        Check::passed("authenticity", "an import, by a person who may decide"),
    ];
    Reading {
        at,
        advertiser: Some(advertiser.id.clone()),
        channel: Channel::Import,
        event: our_event(&fields, Some(advertiser)),
        fields,
        names,
        meant: BTreeMap::new(),
        click,
        checks,
        rejection: None,
        chosen: None,
        reviewed: false,
        once: None,
        stored,
    }
}

impl Reading {
    /// Whether a known txid must say which event is meant.
    pub fn lacks_event(&self) -> bool {
        self.channel == Channel::Import && self.event.is_none() && self.field("txid").is_some()
    }

    /// Takes the only event that is known under the txid, in a word that this advertiser uses for it.
    pub fn take_event(&mut self, event: &Name, snapshot: &Snapshot) {
        let sender = self.advertiser.as_ref().and_then(|id| snapshot.program.advertisers.get(id));
        let Some(word) = sender.and_then(|sender| sender.word_of_event(event.as_str())) else {
            return;
        };
        self.checks.push(Check::noted("event", format!("none named; the txid is known as {event} alone")));
        self.event = Some(event.to_string());
        self.fields.insert("event_type".into(), word);
    }
}
