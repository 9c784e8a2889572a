//! A postback of the log for another look.

use std::collections::BTreeMap;

use super::request::Params;
use super::{Channel, Check, Mapped, Reading, identify, line, map, meant, name_of_id, our_event};
use crate::name::Name;
use crate::program::Snapshot;
use crate::time::Timestamp;

/// An authenticated postback as it is kept.
#[derive(Debug, Clone)]
pub struct Stored {
    pub at: Timestamp,
    pub advertiser: Name,
    pub channel: Channel,
    /// As its names were understood when it came.
    pub fields: BTreeMap<String, String>,
    pub params: Vec<(String, String)>,
}

impl Reading {
    /// What an earlier reading becomes when it is judged a second time: authenticated, from its stored fields.
    pub fn again(stored: Stored, snapshot: &Snapshot) -> Self {
        let Stored { at, advertiser, channel, fields, params } = stored;
        let params = Params { pairs: params, ..Params::default() };
        let sender = snapshot.program.advertisers.get(&advertiser);
        let value = fields.get("click_id").map(String::as_str);
        // What stands beside the fields is part of the diagnosis, as it was the first time.
        let params_map = params.pairs_map();
        let (click, meant, names) = match channel {
            // A file's columns have names of their own; what they stood for was settled when it was imported.
            Channel::Import => {
                let click = identify::judge(value, line::CLICK_ID, &params_map, snapshot, at);
                (click, BTreeMap::new(), BTreeMap::new())
            }
            Channel::Postback | Channel::Pixel => {
                let click = identify::judge(value, name_of_id(sender), &params_map, snapshot, at);
                (click, meant::find(&params, sender, &fields), map(&params, sender, snapshot).names)
            }
        };
        let checks = vec![Check::passed("authenticity", "established when the postback arrived")];
        let event = our_event(&fields, sender);
        Self {
            at,
            advertiser: Some(advertiser),
            channel,
            fields,
            names,
            meant,
            click,
            event,
            checks,
            rejection: None,
            chosen: None,
            reviewed: false,
            once: None,
            stored: Vec::new(),
        }
    }

    /// The same, with the sender's names understood as the program has them now.
    pub fn anew(stored: Stored, snapshot: &Snapshot) -> Self {
        if stored.channel == Channel::Import {
            return Self::again(stored, snapshot);
        }
        let params = Params { pairs: stored.params.clone(), ..Params::default() };
        let Mapped { fields, names } =
            map(&params, snapshot.program.advertisers.get(&stored.advertiser), snapshot);
        Self { names, ..Self::again(Stored { fields, ..stored }, snapshot) }
    }
}
