//! What a file declares, sound or not: every reference is held against it.
//!
//! A faulty section is known by its id all the same, so that one mistake does not cause others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::money::{Currencies, Currency};
use crate::name::Name;
use crate::program::reader::{Mistakes, Place, Section, did_you_mean, quote};
use crate::program::target::Target;

/// Events that are no goals: they reverse the conversions of goals.
pub(super) const REVERSALS: [&str; 2] = ["refund", "chargeback"];

/// The ids of one kind, each with the place where it stands first.
#[derive(Debug)]
pub(super) struct Ids {
    kind: &'static str,
    places: BTreeMap<Name, Place>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub currencies: Currencies,
    /// The program's own.
    pub currency: Option<Currency>,
    pub advertisers: Ids,
    pub offers: Ids,
    pub partners: Ids,
    pub targets: BTreeMap<Name, Target>,
    target_ids: RefCell<Ids>,
    pub links: Ids,
    /// Links that terms are for, to be looked up when all of them are read.
    pub links_named: Vec<(Name, Place)>,
    /// The goals of each offer.
    goals: BTreeMap<Name, Ids>,
    /// The events of all goals.
    events: BTreeSet<Name>,
    /// The events of each advertiser's goals; under `None` those of offers whose advertiser is not known.
    events_by_advertiser: BTreeMap<Option<Name>, BTreeSet<Name>>,
}

impl Ids {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, places: BTreeMap::new() }
    }

    /// Reads the name under `key` and keeps it; a second one of the same name is a mistake.
    pub fn declare<'a>(&mut self, section: &mut Section<'a>, key: &'a str) -> Option<Name> {
        let name = section.name(key)?;
        match self.places.get(&name.value) {
            None => {
                self.places.insert(name.value.clone(), name.place);
            }
            Some(first) => {
                let line = section.mistakes.line(*first);
                let message =
                    format!("a second {} \"{}\"; the first is in line {line}", self.kind, name.value);
                section.mistakes.error(name.place, message);
            }
        }
        Some(name.value)
    }

    /// Reads a reference under `key`.
    pub fn find<'a>(&self, section: &mut Section<'a>, key: &'a str) -> Option<Name> {
        section.parsed(key, |word| self.get(word)).map(|name| name.value)
    }

    /// Reads a reference.
    pub fn get(&self, word: &str) -> Result<Name, String> {
        let known = self.places.get_key_value(word).map(|(name, _)| name.clone());
        known.ok_or_else(|| {
            let suggestion = did_you_mean(word, self.places.keys().map(Name::as_str));
            format!("there is no {} {}{suggestion}", self.kind, quote(word))
        })
    }
}

impl Known {
    pub fn new() -> Self {
        Self {
            currencies: Currencies::default(),
            currency: None,
            advertisers: Ids::new("advertiser"),
            offers: Ids::new("offer"),
            partners: Ids::new("partner"),
            targets: BTreeMap::new(),
            target_ids: RefCell::new(Ids::new("target")),
            links: Ids::new("link"),
            links_named: Vec::new(),
            goals: BTreeMap::new(),
            events: BTreeSet::new(),
            events_by_advertiser: BTreeMap::new(),
        }
    }

    /// Postbacks and webhooks share their ids: a delivery names its target by it.
    pub fn declare_target<'a>(&self, section: &mut Section<'a>, key: &'a str) -> Option<Name> {
        self.target_ids.borrow_mut().declare(section, key)
    }

    pub fn add_target(&mut self, target: Target) -> Name {
        let id = target.id.clone();
        self.targets.insert(id.clone(), target);
        id
    }

    /// A goal of this offer; any event where the offer could not be read.
    pub fn goal_of(&self, offer: &Name, word: &str) -> Result<Name, String> {
        match self.goals.get(offer) {
            Some(goals) => goals.get(word),
            None => self.event(word),
        }
    }

    /// A link's name, whether there is one or not.
    pub fn name_of_link(&self, word: &str) -> Result<Name, String> {
        Name::parse(word).map_err(|error| format!("{}: {error}", quote(word)))
    }

    /// Says which of the links that terms are for are not there.
    pub fn find_links_named(&self, mistakes: &Mistakes<'_>) {
        for (link, place) in &self.links_named {
            if let Err(message) = self.links.get(link.as_str()) {
                mistakes.error(*place, format!("\"link\": {message}"));
            }
        }
    }

    /// Keeps the goals of an offer, as far as offer and advertiser could be read.
    pub fn add_goals(&mut self, offer: Option<&Name>, advertiser: Option<&Name>, goals: Ids) {
        let events = self.events_by_advertiser.entry(advertiser.cloned()).or_default();
        events.extend(goals.places.keys().cloned());
        self.events.extend(goals.places.keys().cloned());
        if let Some(offer) = offer {
            self.goals.entry(offer.clone()).or_insert(goals);
        }
    }

    /// Reads a reference to a goal of this offer. Where the offer is not known, any event will do.
    pub fn find_goal<'a>(
        &self,
        section: &mut Section<'a>,
        key: &'a str,
        offer: Option<&Name>,
    ) -> Option<Name> {
        match offer.and_then(|offer| self.goals.get(offer)) {
            Some(goals) => goals.find(section, key),
            None => section.name(key).map(|event| event.value),
        }
    }

    /// An event of some goal.
    pub fn event(&self, word: &str) -> Result<Name, String> {
        self.events.get(word).cloned().ok_or_else(|| {
            let suggestion = did_you_mean(word, self.events.iter().map(Name::as_str));
            format!("no offer has a goal {}{suggestion}", quote(word))
        })
    }

    /// An event that this advertiser can report: one of its goals, or a reversal.
    pub fn event_of_advertiser(&self, advertiser: &Name, word: &str) -> Result<Name, String> {
        let own = self.events_by_advertiser.get(&Some(advertiser.clone()));
        let unclear = self.events_by_advertiser.get(&None);
        let goals = || own.into_iter().chain(unclear);
        let known = REVERSALS.contains(&word) || goals().any(|events| events.contains(word));
        let event = Name::parse(word).ok().filter(|_| known);
        event.ok_or_else(|| {
            let suggestion = did_you_mean(word, goals().flatten().map(Name::as_str).chain(REVERSALS));
            format!("no offer of this advertiser has a goal {}{suggestion}", quote(word))
        })
    }
}
