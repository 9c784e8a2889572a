//! Reads `[[offer]]` and its goals.

use crate::money::Money;
use crate::name::Name;
use crate::program::file::cap;
use crate::program::file::known::{Ids, Known, REVERSALS};
use crate::program::file::{target, terms, values};
use crate::program::reader::{Section, read_word};
use crate::program::{Approval, Duplicates, Goal, Offer, Owner, Price, Terms};
use crate::template::Macro;
use crate::time::Span;

const DEDUPE_WINDOW: Span = Span::from_seconds(86_400);

pub(super) fn read(mut section: Section<'_>, known: &mut Known) -> Option<Offer> {
    section.require(&["id", "advertiser", "url"]);
    let id = known.offers.declare(&mut section, "id");
    let advertiser = known.advertisers.find(&mut section, "advertiser");
    let name = section.text("name");
    let url = values::visit_template(&mut section, "url");
    if let Some(url) = &url
        && !url.value.uses(Macro::ClickId)
    {
        let message = "without {click_id} in its url no postback for this offer can come back";
        section.mistakes.warn(url.place, message);
    }
    let window = section.span("window");
    let dedupe_window = section.span("dedupe_window");
    let mut events = Ids::new("goal");
    let sections = section.tables("goal", "[[offer.goal]]");
    let called = id.as_ref().map_or_else(String::new, |id| format!("offer {id}"));
    let goals =
        sections.into_iter().filter_map(|goal| read_goal(goal, &called, &mut events, known)).collect();
    known.add_goals(id.as_ref(), advertiser.as_ref(), events);
    if !section.has("goal") {
        let message = "without an [[offer.goal]] every postback for this offer is rejected";
        section.mistakes.warn(section.place, message);
    }
    let caps = cap::read(&mut section);
    let postbacks = section.tables("postback", "[[offer.postback]]");
    section.finish();
    let owner = id.clone().map(Owner::Offer);
    let targets = target::read_all(postbacks, owner.as_ref(), known, target::postback);
    let id = id?;
    Some(Offer {
        name: name.map_or_else(|| id.to_string(), |name| name.value.to_owned()),
        id,
        advertiser: advertiser?,
        url: url?.value,
        window,
        dedupe_window: dedupe_window.unwrap_or(DEDUPE_WINDOW),
        goals,
        caps,
        targets,
    })
}

fn read_goal(mut section: Section<'_>, offer: &str, events: &mut Ids, known: &mut Known) -> Option<Goal> {
    section.require(&["event"]);
    let event = read_event(&mut section, events);
    let called = event.as_ref().map_or_else(String::new, |event| format!("{offer}, {event}"));
    let nothing = known.currency.map(|currency| Price::Fixed(Money::zero(currency)));
    let own = terms::read(&mut section, known, called.clone(), nothing);
    let others = read_others(&mut section, &called, known);
    let allowed = section.parsed_list("allowed_payouts", |text| values::money(text, &known.currencies));
    let approval = section.parsed("approval", values::approval);
    let duplicates = section.parsed("duplicates", |text| read_word(text, &DUPLICATES));
    let caps = cap::read(&mut section);
    section.finish();
    Some(Goal {
        event: event?,
        terms: own?,
        others,
        allowed_payouts: allowed.into_iter().map(|payout| payout.value).collect(),
        approval: approval.map_or(Approval::Postback, |approval| approval.value),
        duplicates: duplicates.map_or(Duplicates::New, |duplicates| duplicates.value),
        caps,
    })
}

/// Other terms than the goal's own, each for a link, a country or a time.
fn read_others(goal: &mut Section<'_>, called: &str, known: &mut Known) -> Vec<Terms> {
    let mut others = Vec::new();
    for (number, mut section) in (2u32..).zip(goal.tables("terms", "[[offer.goal.terms]]")) {
        section.require(&["payout"]);
        let when = terms::read_when(&mut section, known);
        let read = terms::read(&mut section, known, format!("{called}, {number}"), None);
        if !["link", "country", "from", "until"].iter().any(|key| section.has(key)) {
            let message = "[[offer.goal.terms]] needs a link, a country, \"from\" or \"until\"; \
                           what holds for everybody stands in the goal itself";
            section.mistakes.error(section.place, message);
        }
        section.finish();
        others.extend(read.map(|terms| Terms { when, ..terms }));
    }
    others
}

const DUPLICATES: [(&str, Duplicates); 4] = [
    ("new", Duplicates::New),
    ("ignore", Duplicates::Ignore),
    ("update", Duplicates::Update),
    ("add", Duplicates::Add),
];

fn read_event(section: &mut Section<'_>, events: &mut Ids) -> Option<Name> {
    let event = events.declare(section, "event")?;
    if REVERSALS.contains(&event.as_str()) {
        let message = format!("\"event\": \"{event}\" is no goal, it reverses the conversions of goals");
        section.mistakes.error(section.place_of("event"), message);
    }
    Some(event)
}
