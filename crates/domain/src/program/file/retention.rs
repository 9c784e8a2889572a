//! Reads `[retention]`: how long what is only of use for a while is kept.

use std::collections::BTreeMap;

use crate::name::Name;
use crate::program::reader::Section;
use crate::program::{Offer, Retention};
use crate::time::Span;

const LEAST: Span = Span::from_seconds(86_400);

pub(super) fn read(section: Option<Section<'_>>, offers: &BTreeMap<Name, Offer>) -> Retention {
    let Some(mut section) = section else {
        return Retention::default();
    };
    let places = ["clicks", "log", "bodies"].map(|key| section.place_of(key));
    let spans = ["clicks", "log", "bodies"].map(|key| section.span(key));
    let [clicks, log, bodies] = spans;
    for ((key, place), span) in ["clicks", "log", "bodies"].into_iter().zip(places).zip(spans) {
        if span.is_some_and(|span| span < LEAST) {
            section.mistakes.error(place, format!("\"{key}\": at least {LEAST}"));
        }
    }
    let longest = offers.values().filter_map(|offer| Some((offer.window?, &offer.id))).max();
    if let (Some(clicks), Some((window, offer))) = (clicks, longest)
        && clicks < window
    {
        let message = format!(
            "\"clicks\": offer \"{offer}\" takes conversions up to {window} after the click, which would be gone by then"
        );
        section.mistakes.warn(places[0], message);
    }
    section.finish();
    Retention { clicks, log, bodies }
}
