//! Reads `[[partner]]`: who sends clicks, on what terms, and what they are told.

use std::collections::BTreeMap;

use crate::name::Name;
use crate::program::file::cap;
use crate::program::file::known::Known;
use crate::program::file::{target, terms, values};
use crate::program::reader::{Place, Section, quote, read_word};
use crate::program::{Owner, Partner, PartnerKind, PartnerTerms, Terms};

const KINDS: [(&str, PartnerKind); 2] =
    [("affiliate", PartnerKind::Affiliate), ("traffic_source", PartnerKind::TrafficSource)];

pub(super) fn read(id: Option<Name>, mut section: Section<'_>, known: &mut Known) -> Option<Partner> {
    let name = section.text("name");
    let kind = section.parsed("kind", |text| read_word(text, &KINDS));
    let (click_id_param, cost_param) = read_params(&mut section);
    let split = section.table("split", "split").map(read_split);
    let payouts = section.tables("payout", "[[partner.payout]]");
    let postbacks = section.tables("postback", "[[partner.postback]]");
    let connections = section.tables("conversion_api", "[[partner.conversion_api]]");
    let min_payouts = terms::read_min_payouts(&mut section, &known.currencies);
    let caps = cap::read(&mut section);
    section.finish();
    let terms = read_terms(payouts, id.as_ref(), known);
    let owner = id.clone().map(Owner::Partner);
    let mut targets = target::read_all(postbacks, owner.as_ref(), known, target::postback);
    targets.extend(target::read_all(connections, owner.as_ref(), known, target::connection));
    let id = id?;
    Some(Partner {
        name: name.map_or_else(|| id.to_string(), |name| name.value.to_owned()),
        id,
        kind: kind.map_or(PartnerKind::Affiliate, |kind| kind.value),
        click_id_param,
        cost_param,
        split: split.unwrap_or_default(),
        terms,
        targets,
        min_payouts,
        caps,
    })
}

/// The parameters for click id and cost.
fn read_params(section: &mut Section<'_>) -> (String, String) {
    let place = section.place_of("params");
    let params = section.table("params", "params");
    let (click_id, cost) = params.map_or((None, None), |mut params| {
        let read = (params.text("click_id"), params.text("cost"));
        params.finish();
        read
    });
    let click_id = click_id.map_or("click_id", |parameter| parameter.value);
    let cost = cost.map_or("cost", |parameter| parameter.value);
    if click_id == cost {
        let message = format!("\"params\": {} carries both click_id and cost", quote(cost));
        section.mistakes.error(place, message);
    }
    (click_id.to_owned(), cost.to_owned())
}

fn read_split(mut section: Section<'_>) -> BTreeMap<String, Vec<String>> {
    let mut split = BTreeMap::new();
    for packed in values::SUBS.into_iter().chain(["source"]) {
        let parts = section.parsed(packed, read_parts);
        split.extend(parts.map(|parts| (packed.to_owned(), parts.value)));
    }
    section.finish();
    split
}

fn read_parts(text: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = text.split('|').map(|part| part.trim().to_owned()).collect();
    if parts.iter().any(String::is_empty) {
        return Err(format!("{} has a part without a name; write it like campaign|adset", quote(text)));
    }
    Ok(parts)
}

fn read_terms(sections: Vec<Section<'_>>, partner: Option<&Name>, known: &mut Known) -> Vec<PartnerTerms> {
    let mut first_places: BTreeMap<(Name, Name), Place> = BTreeMap::new();
    let mut found: Vec<PartnerTerms> = Vec::new();
    for mut section in sections {
        section.require(&["offer", "event", "payout"]);
        let offer = known.offers.find(&mut section, "offer");
        let event = known.find_goal(&mut section, "event", offer.as_ref());
        let when = terms::read_when(&mut section, known);
        let read = terms::read(&mut section, known, String::new(), None);
        let caps = cap::read(&mut section);
        let (place, mistakes) = (section.place, section.mistakes);
        section.finish();
        let (Some(offer), Some(event)) = (offer, event) else {
            continue;
        };
        if when.is_always() {
            if let Some(first) = first_places.get(&(offer.clone(), event.clone())) {
                let line = mistakes.line(*first);
                let message =
                    format!("second terms for \"{event}\" of \"{offer}\"; the first are in line {line}");
                mistakes.error(place, message);
            } else {
                first_places.insert((offer.clone(), event.clone()), place);
            }
        }
        let earlier = found.iter().filter(|known| known.offer == offer && known.event == event).count();
        let partner = partner.map(Name::as_str).unwrap_or_default();
        let called = match earlier {
            0 => format!("partner {partner}, {event} of {offer}"),
            earlier => format!("partner {partner}, {event} of {offer}, {}", earlier.saturating_add(1)),
        };
        let read = read.map(|terms| Terms { called, when, ..terms });
        found.extend(read.map(|terms| PartnerTerms { offer, event, terms, caps }));
    }
    found
}
