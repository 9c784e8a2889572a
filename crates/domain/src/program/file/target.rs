//! Reads targets: `[[partner.postback]]`, `[[offer.postback]]`, `[[link.postback]]` and `[[webhook]]`.

use std::collections::BTreeSet;

use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::preset;
use crate::program::Happening;
use crate::program::file::known::Known;
use crate::program::file::{call, connection, values};
use crate::program::reader::{Placed, Section, quote};
use crate::program::target::{Call, Owner, Target, Wants, Way, Webhook};
use crate::template::Macro;
use crate::time::Span;

const PAUSE_MIN: Span = Span::from_seconds(3_600);
const PAUSE_MAX: Span = Span::from_seconds(30 * 86_400);
/// No delivery waits longer than it would be tried for.
const DELAY_MAX: Span = Span::from_seconds(3 * 86_400);

/// Reads the targets of one owner, each by `read`; gives their names in the order of the file.
pub(super) fn read_all(
    sections: Vec<Section<'_>>,
    owner: Option<&Owner>,
    known: &mut Known,
    read: fn(Section<'_>, &Owner, &Known) -> Option<Target>,
) -> Vec<Name> {
    let found = sections.into_iter().filter_map(|section| read(section, owner?, known));
    let targets: Vec<Target> = found.collect();
    targets.into_iter().map(|target| known.add_target(target)).collect()
}

/// `[[partner.postback]]`, `[[offer.postback]]` and `[[link.postback]]`.
pub(super) fn postback(mut section: Section<'_>, owner: &Owner, known: &Known) -> Option<Target> {
    section.require(&["id"]);
    let id = known.declare_target(&mut section, "id");
    let call = call::read(&mut section, known);
    let preset = call.as_ref().and_then(|call| preset::find(call.preset.as_deref()?));
    if preset.is_none() {
        section.require(&["on"]);
    }
    let on = read_on(&mut section, values::happenings_for_partners);
    let on = on.or_else(|| preset.map(|preset| preset.on.clone())).unwrap_or_default();
    let wants = read_wants(&mut section, on, owner, known);
    if let Some(call) = &call {
        warn_of_one_id(&section, call, &wants);
    }
    let always = section.flag("always").unwrap_or(false);
    let way = call.map(|call| Way::Postback(Box::new(call)));
    conclude(section, id, owner, wants, way, always)
}

/// `[[partner.conversion_api]]`: told whatever the others are, of what is good where nothing is written.
pub(super) fn connection(mut section: Section<'_>, owner: &Owner, known: &Known) -> Option<Target> {
    section.require(&["id"]);
    let id = known.declare_target(&mut section, "id");
    let connection = connection::read(&mut section, known);
    let on = read_on(&mut section, values::happenings_for_partners);
    let on = on.unwrap_or_else(|| vec![Happening::ConversionApproved]);
    let wants = read_wants(&mut section, on, owner, known);
    let way = connection.map(|connection| Way::ConversionApi(Box::new(connection)));
    conclude(section, id, owner, wants, way, true)
}

/// `[[webhook]]`: told whatever the others are.
pub(super) fn webhook(mut section: Section<'_>, owner: &Owner, known: &Known) -> Option<Target> {
    section.require(&["id", "url", "secret", "on"]);
    let id = known.declare_target(&mut section, "id");
    let url = section.parsed("url", values::webhook_url);
    let secrets = values::secrets(&mut section, "secret");
    let on = read_on(&mut section, values::happenings_for_webhooks).unwrap_or_default();
    let wants = read_wants(&mut section, on, owner, known);
    let way = url.map(|url| Way::Webhook(Webhook { url: url.value, secrets }));
    conclude(section, id, owner, wants, way, true)
}

/// What every target has, and its end.
fn conclude(
    mut section: Section<'_>,
    id: Option<Name>,
    owner: &Owner,
    wants: Wants,
    way: Option<Way>,
    always: bool,
) -> Option<Target> {
    let delay = section.span("delay");
    if delay.is_some_and(|delay| DELAY_MAX < delay) {
        section.mistakes.error(section.place_of("delay"), "\"delay\": at most 3d");
    }
    let share = section.parsed("share", read_share).map_or(100, |share| share.value);
    let rate_limit = section.parsed("rate_limit", values::rate_limit).map(|rate| rate.value);
    let pause_after = section.span("pause_after");
    if pause_after.is_some_and(|after| after < PAUSE_MIN || PAUSE_MAX < after) {
        section.mistakes.error(section.place_of("pause_after"), "\"pause_after\": from 1h to 30d");
    }
    section.finish();
    let owner = owner.clone();
    Some(Target { id: id?, owner, wants, way: way?, delay, share, rate_limit, pause_after, always })
}

/// What it is told of, each once, in the order of the file; `None` where nothing is written.
fn read_on(
    section: &mut Section<'_>,
    read: fn(&str) -> Result<Vec<Happening>, String>,
) -> Option<Vec<Happening>> {
    let written = section.has("on");
    let on = section.parsed_list("on", read);
    let mut seen = BTreeSet::new();
    let on = on.into_iter().flat_map(|words| words.value).filter(|happening| seen.insert(*happening));
    let on = on.collect();
    written.then_some(on)
}

/// What is asked for beside the happenings. An owner's own kind is no question.
fn read_wants(section: &mut Section<'_>, on: Vec<Happening>, owner: &Owner, known: &Known) -> Wants {
    let events = section.parsed_list("events", |text| match owner {
        Owner::Offer(offer) => known.goal_of(offer, text),
        Owner::Operator | Owner::Partner(_) | Owner::Link(_) => known.event(text),
    });
    let statuses = section.parsed_list("statuses", values::status);
    let reasons = section.parsed_list("reasons", read_reason);
    let by_offer = matches!(owner, Owner::Operator | Owner::Partner(_));
    let by_partner = matches!(owner, Owner::Operator | Owner::Offer(_));
    let offers =
        if by_offer { section.parsed_list("offers", |word| known.offers.get(word)) } else { Vec::new() };
    let partners = if by_partner {
        section.parsed_list("partners", |word| known.partners.get(word))
    } else {
        Vec::new()
    };
    for key in ["on", "events", "statuses", "reasons", "offers", "partners"] {
        if section.has(key) && !section.holds(key) {
            section.mistakes.error(section.place_of(key), format!("\"{key}\": the list is empty"));
        }
    }
    Wants {
        on,
        events: plain(events),
        statuses: plain::<Status>(statuses),
        reasons: plain(reasons),
        offers: plain(offers),
        partners: plain(partners),
    }
}

fn read_reason(text: &str) -> Result<Reason, String> {
    let codes = || Reason::ALL.iter().map(|reason| reason.code());
    Reason::parse(text)
        .ok_or_else(|| format!("{} is no reason{}", quote(text), crate::program::did_you_mean(text, codes())))
}

/// `"80%"`, in whole percents.
fn read_share(text: &str) -> Result<u8, String> {
    let percent = text.strip_suffix('%').and_then(|digits| digits.trim_end().parse().ok());
    percent
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| format!("{} is no share; write it like 80%, from 0% to 100%", quote(text)))
}

/// Trackers that know a conversion by one id keep the first of two requests under it.
fn warn_of_one_id(section: &Section<'_>, call: &Call, wants: &Wants) {
    let both = [Happening::ConversionCreated, Happening::CommissionEarned];
    if both.iter().all(|happening| wants.on.contains(happening)) && !call.uses(Macro::DeliveryId) {
        let message = if call.uses(Macro::Payout) {
            "conversion.created and commission.earned go to one target under one id: many trackers keep the first \
             alone, which carries no payout; put {delivery_id} into the request, or tell one of them only"
        } else {
            "conversion.created and commission.earned give the same request here; many trackers keep \
             the first alone: put {payout} or {delivery_id} into the url, or tell one of them only"
        };
        section.mistakes.warn(section.place_of("on"), message);
    }
}

fn plain<T>(read: Vec<Placed<T>>) -> Vec<T> {
    read.into_iter().map(|read| read.value).collect()
}
