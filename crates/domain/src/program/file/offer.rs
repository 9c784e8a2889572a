//! Reads `[[offer]]` and its goals.

use crate::money::Money;
use crate::name::Name;
use crate::program::file::cap;
use crate::program::file::known::{Ids, Known, REVERSALS};
use crate::program::file::values;
use crate::program::reader::{Section, read_word};
use crate::program::{Approval, Duplicates, Goal, Offer, Terms};
use crate::template::Macro;
use crate::time::Span;

const DEDUPE_WINDOW: Span = Span::from_seconds(86_400);

pub(super) fn read(mut section: Section<'_>, known: &mut Known) -> Option<Offer> {
    section.require(&["id", "advertiser", "url"]);
    let id = known.offers.declare(&mut section, "id");
    let advertiser = known.advertisers.find(&mut section, "advertiser");
    let name = section.text("name");
    let url = values::template(&mut section, "url");
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
    let goals = sections.into_iter().filter_map(|goal| read_goal(goal, &mut events, known)).collect();
    known.add_goals(id.as_ref(), advertiser.as_ref(), events);
    if !section.has("goal") {
        let message = "without an [[offer.goal]] every postback for this offer is rejected";
        section.mistakes.warn(section.place, message);
    }
    let caps = cap::read(&mut section);
    section.finish();
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
    })
}

fn read_goal(mut section: Section<'_>, events: &mut Ids, known: &Known) -> Option<Goal> {
    section.require(&["event"]);
    let event = read_event(&mut section, events);
    let payout = section.parsed("payout", |text| values::terms(text, &known.currencies));
    let revenue = section.parsed("revenue", |text| values::terms(text, &known.currencies));
    let min_amount = section.parsed("min_amount", |text| values::money(text, &known.currencies));
    let allowed = section.parsed_list("allowed_payouts", |text| values::money(text, &known.currencies));
    let approval = section.parsed("approval", values::approval);
    let hold = section.span("hold");
    let duplicates = section.parsed("duplicates", |text| read_word(text, &DUPLICATES));
    let caps = cap::read(&mut section);
    section.finish();
    let nothing = || known.currency.map(|currency| Terms::Fixed(Money::zero(currency)));
    Some(Goal {
        event: event?,
        payout: payout.map(|payout| payout.value).or_else(nothing)?,
        revenue: revenue.map(|revenue| revenue.value),
        min_amount: min_amount.map(|amount| amount.value),
        allowed_payouts: allowed.into_iter().map(|payout| payout.value).collect(),
        approval: approval.map_or(Approval::Postback, |approval| approval.value),
        hold,
        duplicates: duplicates.map_or(Duplicates::New, |duplicates| duplicates.value),
        caps,
    })
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
