//! Reads targets: `[[partner.postback]]`, `[[offer.postback]]`, `[[link.postback]]` and `[[webhook]]`.

use std::collections::BTreeSet;

use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::preset;
use crate::program::file::known::Known;
use crate::program::file::{call, connection, values};
use crate::program::reader::{Placed, Section, quote};
use crate::program::target::{Call, Owner, Target, Wants, Way, Webhook};
use crate::program::{Happening, RateLimit};
use crate::template::Macro;
use crate::time::Span;

const PAUSE_MIN: Span = Span::from_seconds(3_600);
const PAUSE_MAX: Span = Span::from_seconds(30 * 86_400);
/// No delivery waits longer than it would be tried for.
const DELAY_MAX: Span = Span::from_seconds(3 * 86_400);

/// Reads the postbacks of one owner; gives their names in the order of the file.
pub(super) fn read_postbacks(
    sections: Vec<Section<'_>>,
    owner: Option<&Owner>,
    known: &mut Known,
) -> Vec<Name> {
    let read = sections.into_iter().filter_map(|section| read_postback(section, owner?, known));
    let targets: Vec<Target> = read.collect();
    targets.into_iter().map(|target| known.add_target(target)).collect()
}

fn read_postback(mut section: Section<'_>, owner: &Owner, known: &Known) -> Option<Target> {
    section.require(&["id"]);
    let id = known.declare_target(&mut section, "id");
    let call = call::read(&mut section, known);
    let preset = call.as_ref().and_then(|call| preset::find(call.preset.as_deref()?));
    if preset.is_none() {
        section.require(&["on"]);
    }
    let on = read_on(&mut section);
    let mut wants = read_wants(&mut section, owner, known);
    wants.on = on.or_else(|| preset.map(|preset| preset.on.clone())).unwrap_or_default();
    let (delay, share, rate_limit, pause_after) = read_pace(&mut section);
    let always = section.flag("always");
    if let Some(call) = &call {
        warn_of_one_id(&section, call, &wants);
    }
    section.finish();
    Some(Target {
        id: id?,
        owner: owner.clone(),
        wants,
        way: Way::Postback(Box::new(call?)),
        delay,
        share,
        rate_limit,
        pause_after,
        always: always.unwrap_or(false),
    })
}

/// Reads a partner's connections to ad platforms.
pub(super) fn read_connections(
    sections: Vec<Section<'_>>,
    owner: Option<&Owner>,
    known: &mut Known,
) -> Vec<Name> {
    let read = sections.into_iter().filter_map(|section| read_connection(section, owner?, known));
    let targets: Vec<Target> = read.collect();
    targets.into_iter().map(|target| known.add_target(target)).collect()
}

fn read_connection(mut section: Section<'_>, owner: &Owner, known: &Known) -> Option<Target> {
    section.require(&["id"]);
    let id = known.declare_target(&mut section, "id");
    let connection = connection::read(&mut section, known);
    let mut wants = read_wants(&mut section, owner, known);
    wants.on = read_on(&mut section).unwrap_or_else(|| vec![Happening::ConversionApproved]);
    let (delay, share, rate_limit, pause_after) = read_pace(&mut section);
    section.finish();
    let way = Way::ConversionApi(Box::new(connection?));
    Some(Target {
        id: id?,
        owner: owner.clone(),
        wants,
        way,
        delay,
        share,
        rate_limit,
        pause_after,
        always: true,
    })
}

/// What it is told of; `None` where nothing is written.
fn read_on(section: &mut Section<'_>) -> Option<Vec<Happening>> {
    let written = section.has("on");
    let on = section.parsed_list("on", values::happenings_for_partners);
    written.then(|| distinct(on))
}

pub(super) fn read_webhook(mut section: Section<'_>, known: &mut Known) -> Option<Name> {
    section.require(&["id", "url", "secret", "on"]);
    let id = known.declare_target(&mut section, "id");
    let url = section.parsed("url", values::webhook_url);
    let secrets = values::secrets(&mut section, "secret");
    let on = section.parsed_list("on", values::happenings_for_webhooks);
    let mut wants = read_wants(&mut section, &Owner::Operator, known);
    wants.on = distinct(on);
    let (delay, share, rate_limit, pause_after) = read_pace(&mut section);
    section.finish();
    let way = Way::Webhook(Webhook { url: url?.value, secrets });
    let target = Target {
        id: id?,
        owner: Owner::Operator,
        wants,
        way,
        delay,
        share,
        rate_limit,
        pause_after,
        always: true,
    };
    Some(known.add_target(target))
}

/// What is asked for beside the happenings. An owner's own kind is no question.
fn read_wants(section: &mut Section<'_>, owner: &Owner, known: &Known) -> Wants {
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
        on: Vec::new(),
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

/// When and how often it is told, of how many, and when it is given up for the time being.
fn read_pace(section: &mut Section<'_>) -> (Option<Span>, u8, Option<RateLimit>, Option<Span>) {
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
    (delay, share, rate_limit, pause_after)
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

/// Each once, in the order of the file.
fn distinct(read: Vec<Placed<Vec<Happening>>>) -> Vec<Happening> {
    let mut seen = BTreeSet::new();
    read.into_iter().flat_map(|words| words.value).filter(|happening| seen.insert(*happening)).collect()
}
