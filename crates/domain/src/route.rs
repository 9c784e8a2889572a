//! Routing: which offer a visit leads to, why, and the address it is sent to.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::click::{Click, Details, Place};
use crate::click_id::ClickId;
use crate::program::{Conditions, Link, Offer, Partner, Program, Route};
use crate::template::{Macro, sub_number};
use crate::time::Timestamp;
use crate::user_agent;

/// The longest value of one parameter that is kept with a click; the rest is cut.
const VALUE_CHARS_MAX: usize = 1_024;
/// How many parameters beyond the known ones are kept.
pub(crate) const OTHERS_MAX: usize = 50;

/// What a visitor's request carries.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// Decoded parameters in their order.
    pub query: Vec<(String, String)>,
    pub ip: String,
    pub user_agent: String,
    pub referrer: String,
    pub language: String,
    /// Where the address is, as far as that is known.
    pub place: Place,
}

/// Where a visit goes.
#[derive(Debug, Clone)]
pub enum Routed {
    /// To an offer; the click is to be recorded before the visitor is sent to `url`.
    Offer { click: Box<Click>, url: String },
    /// To the link's fallback; there is no click.
    Fallback { url: String },
    /// Nowhere: the link is paused, or no route matches, and it has no fallback.
    Nowhere,
}

/// Chooses the way of one visit. `id` is the click id that the visit gets if it becomes a click.
pub fn route(visit: &Visit, link: &Link, program: &Program, id: ClickId, now: Timestamp) -> Routed {
    let families = user_agent::families(&visit.user_agent);
    let Some(partner) = program.partners.get(&link.partner) else {
        return Routed::Nowhere;
    };
    let mut details = details(visit, partner);
    details.device = families.device.into();
    details.os = families.os.into();
    details.browser = families.browser.into();
    let matching = |route: &&Route| matches(&route.when, &visit.place.country, families.device);
    let candidates: Vec<&Route> =
        if link.paused { Vec::new() } else { link.routes.iter().filter(matching).collect() };
    let Some((chosen, why)) = choose(&candidates, link.routes.len(), id) else {
        return fallback(link, partner, program, &details);
    };
    let Some(offer) = program.offers.get(&chosen.offer) else {
        return Routed::Nowhere;
    };
    details.route = why;
    let click = Click {
        id,
        at: now,
        link: link.id.clone(),
        partner: partner.id.clone(),
        offer: offer.id.clone(),
        advertiser: offer.advertiser.clone(),
        details,
    };
    let url = destination(offer, &click);
    Routed::Offer { click: Box::new(click), url }
}

/// The offer's address for a click, its macros filled in.
pub fn destination(offer: &Offer, click: &Click) -> String {
    offer.url.render(|name| click_value(name, click))
}

/// What a macro stands for as far as the click alone can say.
pub fn click_value(name: Macro, click: &Click) -> String {
    match name {
        Macro::ClickId => click.id.to_string(),
        Macro::Timestamp => click.at.millis().checked_div(1_000).unwrap_or(0).to_string(),
        Macro::TimestampIso => click.at.iso(),
        Macro::Offer => click.offer.to_string(),
        Macro::Advertiser => click.advertiser.to_string(),
        Macro::Partner => click.partner.to_string(),
        Macro::Link => click.link.to_string(),
        other => detail_value(other, &click.details),
    }
}

fn detail_value(name: Macro, details: &Details) -> String {
    match name {
        Macro::PartnerClickId => details.partner_click_id.clone(),
        Macro::Sub(number) => details.sub(number).to_owned(),
        Macro::Source => details.source.clone(),
        Macro::Cost => details.cost.clone(),
        Macro::Country => details.country.clone(),
        Macro::Device => details.device.clone(),
        Macro::Os => details.os.clone(),
        Macro::Browser => details.browser.clone(),
        Macro::Ip => details.ip.clone(),
        Macro::UserAgent => details.user_agent.clone(),
        Macro::ClickId
        | Macro::ConversionId
        | Macro::Txid
        | Macro::Event
        | Macro::Status
        | Macro::Payout
        | Macro::PayoutDelta
        | Macro::Revenue
        | Macro::Currency
        | Macro::Timestamp
        | Macro::TimestampIso
        | Macro::Offer
        | Macro::Advertiser
        | Macro::Partner
        | Macro::Link
        | Macro::DeliveryId
        | Macro::Random => String::new(),
    }
}

fn fallback(link: &Link, partner: &Partner, program: &Program, details: &Details) -> Routed {
    let Some(template) = &link.fallback_url else {
        return Routed::Nowhere;
    };
    let url = template.render(|name| match name {
        Macro::Partner => partner.id.to_string(),
        Macro::Link => link.id.to_string(),
        Macro::Offer => match link.routes.first() {
            Some(route) if program.offers.contains_key(&route.offer) => route.offer.to_string(),
            Some(_) | None => String::new(),
        },
        other => detail_value(other, details),
    });
    Routed::Fallback { url }
}

fn matches(when: &Conditions, country: &str, device: &str) -> bool {
    let country_fits = when.country.is_empty() || when.country.iter().any(|wanted| wanted == country);
    let device_fits = when.device.is_empty() || when.device.iter().any(|wanted| wanted == device);
    country_fits && device_fits
}

/// Picks one candidate by weight. The draw is a hash of the click id, so it is even and can be repeated.
fn choose<'a>(candidates: &[&'a Route], all: usize, id: ClickId) -> Option<(&'a Route, String)> {
    let total: u64 = candidates.iter().map(|route| u64::from(route.weight)).sum();
    let mut hasher = SipHasher24::new();
    hasher.write(&id.to_bytes());
    let draw = hasher.finish().checked_rem(total)?;
    let mut passed = 0u64;
    for route in candidates {
        passed = passed.saturating_add(u64::from(route.weight));
        if draw < passed {
            let why = if all == 1 {
                "the link's only offer".to_owned()
            } else {
                format!("{} of {all} routes matched; weight {} of {total}", candidates.len(), route.weight)
            };
            return Some((*route, why));
        }
    }
    None
}

fn details(visit: &Visit, partner: &Partner) -> Details {
    let mut details = Details {
        ip: visit.ip.clone(),
        user_agent: cut(&visit.user_agent),
        referrer: cut(&visit.referrer),
        language: cut(&visit.language),
        country: cut(&visit.place.country),
        region: cut(&visit.place.region),
        city: cut(&visit.place.city),
        asn: cut(&visit.place.asn),
        ..Details::default()
    };
    for (name, value) in &visit.query {
        let value = cut(value);
        if *name == partner.click_id_param {
            details.partner_click_id = value;
        } else if *name == partner.cost_param {
            details.cost = value;
        } else if name == "source" {
            details.source = value;
        } else if name == "test" {
            details.test = value == "1";
        } else if let Some(number) = sub_number(name) {
            details.set_sub(number, value);
        } else if name != "format" && details.others.len() < OTHERS_MAX {
            details.others.push((cut(name), value));
        }
    }
    details
}

fn cut(text: &str) -> String {
    if text.len() <= VALUE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(VALUE_CHARS_MAX).collect()
}
