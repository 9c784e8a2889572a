//! Reads `[[link]]` and the routes behind it.

use crate::name::Name;
use crate::program::file::known::Known;
use crate::program::file::{target, values};
use crate::program::reader::{Section, quote, read_word};
use crate::program::{Conditions, Link, Owner, Route};

const ROUTES_MAX: usize = 100;
const WEIGHT_MAX: u32 = 1_000_000;
const DEVICES: [(&str, &str); 4] =
    [("mobile", "mobile"), ("tablet", "tablet"), ("desktop", "desktop"), ("bot", "bot")];

pub(super) fn read(mut section: Section<'_>, known: &mut Known) -> Option<Link> {
    section.require(&["id", "partner"]);
    let id = known.links.declare(&mut section, "id");
    let partner = known.partners.find(&mut section, "partner");
    let offer = known.offers.find(&mut section, "offer");
    let routes = read_routes(&mut section, known);
    let paused = section.flag("paused").unwrap_or(false);
    let fallback_url = values::visit_template(&mut section, "fallback_url");
    if paused && !section.has("fallback_url") {
        let message = "without a fallback_url the visitors of a paused link get a 404 page";
        section.mistakes.warn(section.place_of("paused"), message);
    }
    match (section.has("offer"), section.has("routes")) {
        (true, false) | (false, true) => {}
        (false, false) => {
            section.mistakes.error(section.place, "missing key \"offer\" or \"routes\" in [[link]]");
        }
        (true, true) => {
            let message = "\"routes\": a link has an offer or routes, not both";
            section.mistakes.error(section.place_of("routes"), message);
        }
    }
    let postbacks = section.tables("postback", "[[link.postback]]");
    section.finish();
    let owner = id.clone().map(Owner::Link);
    let targets = target::read_all(postbacks, owner.as_ref(), known, target::postback);
    let only = offer.map(|offer| Route { offer, weight: 1, when: Conditions::default() });
    Some(Link {
        id: id?,
        partner: partner?,
        routes: only.into_iter().chain(routes).collect(),
        paused,
        fallback_url: fallback_url.map(|url| url.value),
        targets,
    })
}

fn read_routes(section: &mut Section<'_>, known: &Known) -> Vec<Route> {
    let routes = section.tables("routes", "routes");
    let place = section.place_of("routes");
    if section.has("routes") && !section.holds("routes") {
        section.mistakes.error(place, "\"routes\": the list is empty");
    }
    if routes.len() > ROUTES_MAX {
        section.mistakes.error(place, format!("\"routes\": there are more than {ROUTES_MAX}"));
    }
    routes.into_iter().filter_map(|route| read_route(route, known)).collect()
}

fn read_route(mut section: Section<'_>, known: &Known) -> Option<Route> {
    section.require(&["offer"]);
    let offer: Option<Name> = known.offers.find(&mut section, "offer");
    let weight = section.integer("weight", 1..=WEIGHT_MAX);
    let when = section.table("when", "when").map(read_conditions);
    section.finish();
    Some(Route { offer: offer?, weight: weight.unwrap_or(1), when: when.unwrap_or_default() })
}

fn read_conditions(mut section: Section<'_>) -> Conditions {
    let country = section.parsed_list("country", read_country);
    let device = section.parsed_list("device", |text| read_word(text, &DEVICES));
    section.finish();
    Conditions {
        country: country.into_iter().map(|country| country.value).collect(),
        device: device.into_iter().map(|device| device.value.to_owned()).collect(),
    }
}

pub(super) fn read_country(text: &str) -> Result<String, String> {
    let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    fits.then(|| text.to_ascii_uppercase())
        .ok_or_else(|| format!("{} is no country; write its two letters, like DE", quote(text)))
}
