//! Looking at a new conversion by the fraud rules.
//!
//! What is not known is no sign: a rule about a country says nothing of a click without one.

use std::net::IpAddr;

use crate::click::Click;
use crate::name::Name;
use crate::past::{Answers, Question};
use crate::postback::Reading;
use crate::program::Program;
use crate::program::fraud::{Rule, Scope, Sign, Subject, Trait};
use crate::route::click_value;
use crate::time::{Span, Timestamp};

/// What is known of a conversion when its rules are looked at.
pub struct Evidence<'a> {
    pub click: &'a Click,
    pub event: &'a Name,
    pub event_at: Timestamp,
    pub reading: &'a Reading,
    pub answers: &'a Answers,
}

/// A rule that matched, with what it saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'a> {
    pub rule: &'a Rule,
    pub seen: String,
}

/// How far back an address is remembered.
const ADDRESS_REMEMBERED: Span = Span::from_seconds(30 * 86_400);

/// The rules that match, in the order of the program.
pub fn matches<'a>(program: &'a Program, evidence: &Evidence<'_>) -> Vec<Match<'a>> {
    let rules = program.fraud.iter().filter(|rule| rule.scope.covers(evidence.click, evidence.event));
    rules
        .filter_map(|rule| {
            let seen: Option<Vec<String>> =
                rule.signs.iter().map(|sign| sign.seen(program, evidence)).collect();
            Some(Match { rule, seen: seen?.join("; ") })
        })
        .collect()
}

/// What the rules must ask of the past before they can be looked at.
pub fn questions(program: &Program, click: &Click, event: &Name, at: Timestamp) -> Vec<Question> {
    signs(program, click, event).filter_map(|sign| sign.question(click, event, at)).collect()
}

/// Under which subjects a conversion is remembered for the rules of later ones.
pub fn subjects(program: &Program, click: &Click, event: &Name) -> Vec<String> {
    let asked = signs(program, click, event).filter_map(|sign| sign.subject(click, event));
    let mut subjects: Vec<String> = asked.collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

fn signs<'a>(program: &'a Program, click: &Click, event: &Name) -> impl Iterator<Item = &'a Sign> {
    let rules = program.fraud.iter().filter(|rule| rule.scope.covers(click, event));
    rules.flat_map(|rule| &rule.signs)
}

impl Scope {
    fn covers(&self, click: &Click, event: &Name) -> bool {
        let among = |names: &[Name], name: &Name| names.is_empty() || names.contains(name);
        among(&self.events, event)
            && among(&self.advertisers, &click.advertiser)
            && among(&self.offers, &click.offer)
            && among(&self.partners, &click.partner)
    }
}

impl Sign {
    /// What was seen, if this sign is there.
    fn seen(&self, program: &Program, evidence: &Evidence<'_>) -> Option<String> {
        let details = &evidence.click.details;
        let seconds = || evidence.event_at.since(evidence.click.at).millis().div_euclid(1_000);
        match self {
            Self::SecondsAfterClickMax(max) => (seconds() <= u64::from(*max))
                .then(|| format!("{} s after the click, {max} or less are too few", seconds())),
            Self::SecondsAfterClickMin(min) => (seconds() >= u64::from(*min))
                .then(|| format!("{} s after the click, {min} or more are too many", seconds())),
            Self::DuplicateIp => (self.answer(evidence)? > 0)
                .then(|| format!("{} has a conversion by another click", details.ip)),
            Self::CountryChanged => changed("country", &details.country, evidence),
            Self::DeviceChanged => changed("device", &details.device, evidence),
            Self::Bot => (details.device == "bot").then(|| "the click was a bot's".to_owned()),
            Self::DatacenterIp => {
                let ip = details.ip.parse().ok().filter(|ip| program.datacenters.contains(ip));
                ip.map(|ip: IpAddr| format!("{ip} is a data centre's"))
            }
            Self::Rate { of, per, min } => {
                let count = self.answer(evidence)?.saturating_add(1);
                (count >= u64::from(*min)).then(|| {
                    format!("{count} conversions of {} in the last {}", of.show(evidence.click), per.code())
                })
            }
            Self::NotIn { what, values } => {
                let value = value_of(what, evidence);
                let listed = values.iter().any(|listed| listed.eq_ignore_ascii_case(&value));
                (!value.is_empty() && !listed)
                    .then(|| format!("{} is {value:?}, which is not in the list", what.name()))
            }
        }
    }

    fn answer(&self, evidence: &Evidence<'_>) -> Option<u64> {
        let question = self.question(evidence.click, evidence.event, evidence.reading.at)?;
        evidence.answers.get(&question)
    }

    fn question(&self, click: &Click, event: &Name, at: Timestamp) -> Option<Question> {
        let subject = self.subject(click, event)?;
        let (since, others) = match self {
            Self::Rate { per, .. } => (at.minus(per.span()), None),
            _ => (at.minus(ADDRESS_REMEMBERED), Some(click.id)),
        };
        Some(Question::Sighted { subject, since, but: others })
    }

    /// The name under which its conversions are remembered; `None` for a sign that needs no memory.
    fn subject(&self, click: &Click, event: &Name) -> Option<String> {
        match self {
            Self::DuplicateIp => {
                let ip = known(&click.details.ip)?;
                Some(format!("goal {} {event} ip {ip}", click.offer))
            }
            Self::Rate { of: Subject::Ip, .. } => Some(format!("ip {}", known(&click.details.ip)?)),
            Self::Rate { of: Subject::Partner, .. } => Some(format!("partner {}", click.partner)),
            Self::Rate { of: Subject::Sub(number), .. } => {
                let value = known(click.details.sub(*number))?;
                Some(format!("partner {} sub{number} {value}", click.partner))
            }
            Self::SecondsAfterClickMax(_)
            | Self::SecondsAfterClickMin(_)
            | Self::CountryChanged
            | Self::DeviceChanged
            | Self::Bot
            | Self::DatacenterIp
            | Self::NotIn { .. } => None,
        }
    }
}

impl Subject {
    fn show(self, click: &Click) -> String {
        match self {
            Self::Ip => format!("the address {}", click.details.ip),
            Self::Partner => format!("the partner {}", click.partner),
            Self::Sub(number) => format!("sub{number} {:?}", click.details.sub(number)),
        }
    }
}

fn value_of(what: &Trait, evidence: &Evidence<'_>) -> String {
    match what {
        Trait::Click(name) => click_value(*name, evidence.click),
        Trait::Postback(field) => evidence.reading.field(field).unwrap_or_default().trim().to_owned(),
    }
}

fn known(value: &str) -> Option<&str> {
    Some(value).filter(|value| !value.is_empty())
}

fn changed(what: &'static str, at_click: &str, evidence: &Evidence<'_>) -> Option<String> {
    let before = known(at_click)?;
    let now = known(evidence.reading.field(what)?.trim())?;
    (!now.eq_ignore_ascii_case(before)).then(|| format!("the {what} was {before}, the postback says {now}"))
}
