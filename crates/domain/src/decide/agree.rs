//! Which terms a new conversion falls under: the partner's own before the goal's, the special before the general,
//! and in them the tier that the partner has reached.

use super::gates::counted;
use crate::click::Click;
use crate::deal::Deal;
use crate::money::{Currency, Money};
use crate::name::Name;
use crate::past::{Answers, Question};
use crate::program::{Cap, Goal, Occasion, Offer, PartnerKind, Program, Terms, Tiers, Volume};
use crate::time::Timestamp;

/// A conversion to be agreed about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub program: &'a Program,
    pub click: &'a Click,
    pub offer: &'a Offer,
    pub goal: &'a Goal,
    pub event_at: Timestamp,
    /// Its arrival, by which volumes are counted.
    pub at: Timestamp,
}

/// The scope in which the amounts of a partner's goal are summed up.
pub fn amount_scope(partner: &Name, offer: &Name, event: &Name, currency: Currency) -> String {
    format!("amount {partner} {offer} {event} {currency}")
}

impl<'a> Subject<'a> {
    fn occasion(&self) -> Occasion<'a> {
        let day = self.program.timezone.day(self.event_at);
        Occasion { link: &self.click.link, country: &self.click.details.country, day }
    }

    /// The terms that pay; none for a traffic source without terms of its own.
    fn terms(&self) -> Option<&'a Terms> {
        let partner = self.program.partners.get(&self.click.partner)?;
        let own = partner.terms_for(&self.offer.id, &self.goal.event, self.occasion());
        match (own, partner.kind) {
            (Some(own), _) => Some(&own.terms),
            (None, PartnerKind::Affiliate) => Some(self.goal.terms_for(self.occasion())),
            (None, PartnerKind::TrafficSource) => None,
        }
    }

    /// What must be asked of the past to know the tier.
    pub fn question(&self) -> Option<Question> {
        let tiers = self.terms()?.tiers.as_ref()?;
        let today = self.program.timezone.day(self.at);
        let scope = scope(tiers, &self.click.partner, &self.offer.id, &self.goal.event);
        Some(counted(&scope, Cap { per: tiers.per, conversions: 0 }, today))
    }

    /// The deal of now. A volume that was agreed on before stays.
    pub fn agree(&self, answers: &Answers, before: Option<u64>) -> Deal {
        let general = self.goal.terms_for(self.occasion());
        let terms = self.terms();
        let tiers = terms.and_then(|terms| terms.tiers.as_ref());
        let volume = tiers.map(|tiers| {
            let asked = self.question().and_then(|question| answers.get(&question));
            (tiers, before.or(asked).unwrap_or(0))
        });
        let step = volume.and_then(|(tiers, volume)| tiers.step(volume));
        let called = terms.unwrap_or(general).called.clone();
        let by = match (step, tiers.map(|tiers| tiers.by)) {
            (Some(step), Some(Volume::Conversions)) => format!("{called}, tier from {}", step.from),
            (Some(step), Some(Volume::Amount(currency))) => {
                let from = Money { micros: i64::try_from(step.from).unwrap_or(i64::MAX), currency };
                format!("{called}, tier from {from}")
            }
            (_, _) => called,
        };
        let own = |pick: fn(&Terms) -> bool| terms.filter(|terms| pick(terms)).unwrap_or(general);
        let base = &self.goal.terms;
        Deal {
            by,
            payout: terms.map(|terms| step.map_or(terms.payout, |step| step.payout)),
            revenue: own(|terms| terms.revenue.is_some()).revenue.or(base.revenue),
            min_amount: own(|terms| terms.min_amount.is_some()).min_amount.or(base.min_amount),
            hold: own(|terms| terms.hold.is_some()).hold.or(base.hold),
            volume: volume.map(|(_, volume)| volume),
        }
    }
}

/// Every scope that tiers count in.
pub fn scopes_of_tiers(program: &Program) -> Vec<String> {
    let mut scopes = Vec::new();
    let mut keep = |partner: &Name, offer: &Name, event: &Name, terms: &Terms| {
        scopes.extend(terms.tiers.as_ref().map(|tiers| scope(tiers, partner, offer, event)));
    };
    for partner in program.partners.values() {
        for own in &partner.terms {
            keep(&partner.id, &own.offer, &own.event, &own.terms);
        }
        if partner.kind == PartnerKind::TrafficSource {
            continue;
        }
        for offer in program.offers.values() {
            for goal in &offer.goals {
                let all = std::iter::once(&goal.terms).chain(&goal.others);
                all.for_each(|terms| keep(&partner.id, &offer.id, &goal.event, terms));
            }
        }
    }
    scopes
}

fn scope(tiers: &Tiers, partner: &Name, offer: &Name, event: &Name) -> String {
    match tiers.by {
        Volume::Conversions => format!("terms {partner} {offer} {event}"),
        Volume::Amount(currency) => amount_scope(partner, offer, event, currency),
    }
}
