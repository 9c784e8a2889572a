//! Reads `[[fraud]]`: the signs that a rule looks for, and what follows.

use crate::name::Name;
use crate::program::Program;
use crate::program::file::known::{Ids, Known};
use crate::program::file::values;
use crate::program::fraud::{Per, Rule, Scope, Sign, Subject, Then, Trait};
use crate::program::reader::{Placed, Section, quote, read_word};
use crate::template::{Macro, sub_number};

const THENS: [(&str, Then); 3] = [("hold", Then::Hold), ("reject", Then::Reject), ("note", Then::Note)];

/// What a list of values can be held against.
const CLICK_TRAITS: [Macro; 6] =
    [Macro::Country, Macro::Device, Macro::Os, Macro::Browser, Macro::Source, Macro::Link];
const POSTBACK_TRAITS: [&str; 5] = ["amount", "revenue", "payout", "currency", "status"];

const COUNT_MAX: u32 = 1_000_000_000;
const SECONDS_MAX: u32 = 10 * 366 * 86_400;

/// Conversions counted, with a number from 1 to 10 for the sub id.
const RATES: [&str; 6] = [
    "events_per_ip_per_hour_min",
    "events_per_ip_per_day_min",
    "events_per_partner_per_hour_min",
    "events_per_partner_per_day_min",
    "events_per_sub1_per_hour_min",
    "events_per_sub1_per_day_min",
];

pub(super) fn read(top: &mut Section<'_>, known: &Known, head: Option<&Program>) -> Vec<Rule> {
    let mut rules = Ids::new("fraud rule");
    let sections = top.tables("fraud", "[[fraud]]");
    let no_datacenters = head.is_some_and(|head| head.datacenters.is_empty());
    sections.into_iter().filter_map(|section| read_rule(section, &mut rules, known, no_datacenters)).collect()
}

fn read_rule(mut section: Section<'_>, rules: &mut Ids, known: &Known, no_datacenters: bool) -> Option<Rule> {
    section.require(&["id", "when", "then"]);
    let id = rules.declare(&mut section, "id");
    let when = section.table("when", "when").map(|when| read_when(when, known, no_datacenters));
    let then = section.parsed("then", |text| read_word(text, &THENS));
    section.finish();
    let (scope, signs) = when?;
    Some(Rule { id: id?, scope, signs, then: then?.value })
}

fn read_when(mut when: Section<'_>, known: &Known, no_datacenters: bool) -> (Scope, Vec<Sign>) {
    let scope = read_scope(&mut when, known);
    let mut signs = Vec::new();
    let after = |when: &mut Section<'_>, key| when.integer(key, 0..=SECONDS_MAX);
    signs.extend(after(&mut when, "seconds_after_click_max").map(Sign::SecondsAfterClickMax));
    signs.extend(after(&mut when, "seconds_after_click_min").map(Sign::SecondsAfterClickMin));
    for (key, sign) in [
        ("duplicate_ip", Sign::DuplicateIp),
        ("country_changed", Sign::CountryChanged),
        ("device_changed", Sign::DeviceChanged),
        ("bot", Sign::Bot),
        ("datacenter_ip", Sign::DatacenterIp),
    ] {
        signs.extend(read_flag(&mut when, key).map(|()| sign));
    }
    if no_datacenters && signs.contains(&Sign::DatacenterIp) {
        let message = "\"datacenter_ip\": no addresses are known, so that nothing will match; list them in [program] \
                       as datacenter_ips";
        when.mistakes.warn(when.place_of("datacenter_ip"), message);
    }
    RATES.into_iter().for_each(|name| when.ask(name));
    for key in when.keys() {
        if let Some((of, per)) = read_rate(key.value) {
            signs.extend(when.integer(key.value, 1..=COUNT_MAX).map(|min| Sign::Rate { of, per, min }));
        }
    }
    if let Some(lists) = when.table("not_in", "not_in") {
        signs.extend(read_lists(lists));
    }
    let (place, mistakes) = (when.place, when.mistakes);
    when.finish();
    if signs.is_empty() && mistakes.none_is_an_error() {
        mistakes.error(place, "\"when\": a rule without a sign would match everything");
    }
    (scope, signs)
}

/// `events_per_sub3_per_hour_min`
fn read_rate(key: &str) -> Option<(Subject, Per)> {
    let (subject, per) = key.strip_prefix("events_per_")?.strip_suffix("_min")?.split_once("_per_")?;
    let of = match subject {
        "ip" => Subject::Ip,
        "partner" => Subject::Partner,
        other => Subject::Sub(sub_number(other)?),
    };
    let per = [Per::Hour, Per::Day].into_iter().find(|known| known.code() == per)?;
    Some((of, per))
}

fn read_scope<'a>(when: &mut Section<'a>, known: &Known) -> Scope {
    let names = |list: Vec<Placed<Name>>| list.into_iter().map(|name| name.value).collect();
    Scope {
        events: read_events(when, known),
        advertisers: names(when.parsed_list("advertisers", |text| known.advertisers.get(text))),
        offers: names(when.parsed_list("offers", |text| known.offers.get(text))),
        partners: names(when.parsed_list("partners", |text| known.partners.get(text))),
    }
}

/// One set of rules may serve several programs: an event that no offer counts is worth a warning, no more.
fn read_events<'a>(when: &mut Section<'a>, known: &Known) -> Vec<Name> {
    let read =
        |text: &str| Name::parse(text).map_err(|error| format!("{} is no event: {error}", quote(text)));
    let events = when.parsed_list("events", read);
    for event in &events {
        if let Err(message) = known.event(event.value.as_str()) {
            when.mistakes.warn(event.place, format!("\"events\": {message}"));
        }
    }
    events.into_iter().map(|event| event.value).collect()
}

/// A sign that is there or not: `false` would be a rule that is none.
fn read_flag<'a>(when: &mut Section<'a>, key: &'a str) -> Option<()> {
    let place = when.place_of(key);
    let flag = when.flag(key)?;
    if !flag {
        when.mistakes.error(place, format!("\"{key}\": only true says something here"));
    }
    flag.then_some(())
}

fn read_lists(mut lists: Section<'_>) -> Vec<Sign> {
    let mut signs = Vec::new();
    for key in lists.keys() {
        let place = key.place;
        let Ok(what) = read_trait(key.value) else {
            continue;
        };
        let values = lists.texts(key.value).unwrap_or_default();
        let values: Vec<String> = values.into_iter().map(|value| value.value.to_owned()).collect();
        if values.is_empty() {
            lists.mistakes.error(place, format!("{}: the list is empty", quote(key.value)));
        }
        signs.push(Sign::NotIn { what, values });
    }
    for name in trait_names() {
        // Known here, so that a misspelt one is found and this one suggested.
        lists.ask(name);
    }
    lists.finish();
    signs
}

fn read_trait(text: &str) -> Result<Trait, String> {
    if let Some(number) = sub_number(text) {
        return Ok(Trait::Click(Macro::Sub(number)));
    }
    let click = CLICK_TRAITS.into_iter().find(|name| name.name() == text).map(Trait::Click);
    let postback = || POSTBACK_TRAITS.into_iter().find(|name| *name == text).map(Trait::Postback);
    click.or_else(postback).ok_or_else(|| format!("{} is nothing to compare", quote(text)))
}

fn trait_names() -> impl Iterator<Item = &'static str> {
    ["country", "device", "os", "browser", "source", "link"]
        .into_iter()
        .chain(POSTBACK_TRAITS)
        .chain(values::SUBS)
}
