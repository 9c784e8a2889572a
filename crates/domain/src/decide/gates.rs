//! What stands between an event that is right and money: caps, then fraud rules.

use super::Known;
use super::agree::{self, Subject};
use super::claim::claimed_time;
use super::frame::Frame;
use super::fraud::{self, Evidence};
use crate::calendar::{Day, Zone};
use crate::click::Click;
use crate::name::Name;
use crate::outcome::Reason;
use crate::past::Question;
use crate::postback::{Check, Reading, Rejection};
use crate::program::fraud::Then;
use crate::program::{Cap, CapPeriod, Goal, Occasion, Offer, Program, Snapshot};
use crate::time::Timestamp;

/// What must be asked of the past before a postback about this click can be decided.
pub fn questions(reading: &Reading, click: &Click, snapshot: &Snapshot) -> Vec<Question> {
    let program = &snapshot.program;
    let Some(offer) = program.offers.get(&click.offer) else {
        return Vec::new();
    };
    let Some(goal) = (match &reading.event {
        Some(event) => offer.goal(event),
        None => offer.goals.first().filter(|_| offer.goals.len() == 1),
    }) else {
        return Vec::new();
    };
    let event_at = claimed_time(reading, click);
    let caps = caps(program, click, offer, goal, event_at);
    let mut questions = fraud::questions(program, click, &goal.event, reading.at);
    questions.extend(Subject { program, click, offer, goal, event_at, at: reading.at }.question());
    if !caps.is_empty() {
        let today = program.timezone.day(reading.at);
        questions.extend(caps.iter().map(|(scope, cap)| counted(scope, *cap, today)));
    }
    questions
}

/// The scopes in which a conversion takes a place: its offer, its goal, its partner, and the partner's terms for
/// the goal.
pub fn scopes(partner: &Name, offer: &Name, event: &Name) -> [String; 4] {
    [
        format!("offer {offer}"),
        format!("goal {offer} {event}"),
        format!("partner {partner}"),
        format!("terms {partner} {offer} {event}"),
    ]
}

/// Every scope that has a cap or tiers in a program.
pub fn capped(program: &Program) -> Vec<String> {
    let mut capped = Vec::new();
    let mut keep = |scope: String, caps: &[Cap]| {
        if !caps.is_empty() {
            capped.push(scope);
        }
    };
    for offer in program.offers.values() {
        keep(format!("offer {}", offer.id), &offer.caps);
        offer.goals.iter().for_each(|goal| keep(format!("goal {} {}", offer.id, goal.event), &goal.caps));
    }
    for partner in program.partners.values() {
        keep(format!("partner {}", partner.id), &partner.caps);
        for terms in &partner.terms {
            keep(format!("terms {} {} {}", partner.id, terms.offer, terms.event), &terms.caps);
        }
    }
    capped.extend(agree::scopes_of_tiers(program));
    capped.sort_unstable();
    capped.dedup();
    capped
}

/// Holds a new conversion by its caps, or holds or rejects it by the fraud rules. All of them are looked at.
pub fn judge(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    event_at: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<Option<Reason>, Rejection> {
    let full = judge_caps(frame, reading, known, goal, event_at, checks);
    let suspicious = judge_fraud(frame, reading, known, goal, event_at, checks)?;
    Ok(full.or(suspicious))
}

fn judge_caps(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    event_at: Timestamp,
    checks: &mut Vec<Check>,
) -> Option<Reason> {
    let program = &frame.snapshot.program;
    let caps = caps(program, frame.click, frame.offer, goal, event_at);
    let today = today(&program.timezone, &caps, reading.at)?;
    let mut full = None;
    for (scope, cap) in &caps {
        let count = known.answers.get(&counted(scope, *cap, today)).unwrap_or(0);
        let period = match cap.per {
            CapPeriod::Day => format!("on {today}"),
            CapPeriod::Month => "this month".into(),
            CapPeriod::Total => "in total".into(),
        };
        let seen = format!("{scope}: {count} of {} {period}", cap.conversions);
        if count < u64::from(cap.conversions) {
            checks.push(Check::passed("cap", seen));
        } else {
            checks.push(Check::held("cap", seen));
            full = Some(Reason::OverCap);
        }
    }
    full
}

fn judge_fraud(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    event_at: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<Option<Reason>, Rejection> {
    let evidence =
        Evidence { click: frame.click, event: &goal.event, event_at, reading, answers: &known.answers };
    let matches = fraud::matches(&frame.snapshot.program, &evidence);
    let strongest = matches.iter().map(|found| found.rule.then).max();
    for found in &matches {
        let seen = format!("rule {} ({}): {}", found.rule.id, found.rule.then.code(), found.seen);
        match found.rule.then {
            Then::Note => checks.push(Check::noted("fraud", seen)),
            Then::Hold => checks.push(Check::held("fraud", seen)),
            Then::Reject => checks.push(Check::failed("fraud", seen)),
        }
    }
    match strongest {
        Some(Then::Reject) => {
            let ids: Vec<String> = matches
                .iter()
                .filter(|found| found.rule.then == Then::Reject)
                .map(|found| found.rule.id.to_string())
                .collect();
            let message = format!("refused by the rule {}", ids.join(", "));
            Err(Rejection::new(Reason::FraudRejected, "", message).advise(
                "Ask the operator what this rule looks for; nothing about the request itself is wrong.",
            ))
        }
        Some(Then::Hold) => Ok(Some(Reason::FraudReview)),
        Some(Then::Note) => Ok(None),
        None => {
            if !frame.snapshot.program.fraud.is_empty() {
                checks.push(Check::passed("fraud", "no rule matches"));
            }
            Ok(None)
        }
    }
}

/// The caps that a conversion of this goal by this click falls under, with the scope of each.
fn caps(
    program: &Program,
    click: &Click,
    offer: &Offer,
    goal: &Goal,
    event_at: Timestamp,
) -> Vec<(String, Cap)> {
    let partner = program.partners.get(&click.partner);
    let own = partner.filter(|partner| !partner.terms.is_empty());
    let terms = own.and_then(|partner| {
        let day = program.timezone.day(event_at);
        let occasion = Occasion { link: &click.link, country: &click.details.country, day };
        partner.terms_for(&offer.id, &goal.event, occasion)
    });
    let own = terms.map_or(&[][..], |terms| &terms.caps);
    let partners = partner.map_or(&[][..], |partner| &partner.caps);
    if offer.caps.is_empty() && goal.caps.is_empty() && partners.is_empty() && own.is_empty() {
        return Vec::new();
    }
    let of_scopes = [offer.caps.as_slice(), goal.caps.as_slice(), partners, own];
    let scopes = scopes(&click.partner, &offer.id, &goal.event);
    let with_caps = scopes.into_iter().zip(of_scopes);
    with_caps.flat_map(|(scope, caps)| caps.iter().map(move |cap| (scope.clone(), *cap))).collect()
}

/// The day that caps are counted on; `None` where there are none.
fn today(zone: &Zone, caps: &[(String, Cap)], at: Timestamp) -> Option<Day> {
    (!caps.is_empty()).then(|| zone.day(at))
}

pub fn counted(scope: &str, cap: Cap, today: Day) -> Question {
    let (from, to) = match cap.per {
        CapPeriod::Day => (today, today),
        CapPeriod::Month => today.month(),
        CapPeriod::Total => (Day::FIRST, Day::LAST),
    };
    Question::Counted { scope: scope.to_owned(), from, to }
}
