#![allow(dead_code, clippy::unwrap_used, reason = "a test support: each test file uses a part of it")]
//! A whole installation in memory: a program, clicks, and the past that decisions are made from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proofback_domain::calendar::Day;
use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Keys, Sequence};
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::decide::{
    Decision, History, Keyed, Known, Refusal, Review, SentBefore, Wait, Word, amount_scope, click_key,
    decide, key_of, price_question, questions, review, scopes, stand_in,
};
use proofback_domain::id::{ConversionId, Id, PostbackId};
use proofback_domain::ledger::{Account, Transfer};
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::outcome::Outcome;
use proofback_domain::past::{Answers, Question};
use proofback_domain::postback::{Method, Reading, Request, Stored, read, read_member, split};
use proofback_domain::program::{self, SecretRef, Secrets, Snapshot};
use proofback_domain::route::{Routed, Visit, route};
use proofback_domain::tell::PlannedDelivery;
use proofback_domain::time::{Span, Timestamp};

pub const START: i64 = 1_795_244_760_000;

type Key = (Name, String, Name);

pub struct Installation {
    pub snapshot: Snapshot,
    pub now: Timestamp,
    pub clicks: BTreeMap<ClickId, Click>,
    pub conversions: BTreeMap<ConversionId, Conversion>,
    pub changes: Vec<Change>,
    pub keys: BTreeMap<Key, (Option<ConversionId>, PostbackId)>,
    pub transfers: Vec<Transfer>,
    pub deliveries: Vec<PlannedDelivery>,
    named_clicks: BTreeMap<PostbackId, Option<ClickId>>,
    fields: BTreeMap<PostbackId, BTreeMap<String, String>>,
    /// How each postback was decided last.
    pub outcomes: BTreeMap<PostbackId, Outcome>,
    waiting: Vec<(PostbackId, Wait, Reading)>,
    sightings: Vec<(String, Timestamp, ClickId)>,
    /// What the counters of caps would say.
    pub counters: BTreeMap<(String, Day), i64>,
    signed_requests: BTreeMap<(Name, [u8; 16]), (PostbackId, Timestamp)>,
    sequence: Sequence,
    postbacks: u128,
}

impl Installation {
    pub fn new(source: &str) -> Self {
        Self::with_secrets(source, &[("TOKEN", "t0ken"), ("SECRET", "s3cret")])
    }

    /// `secrets`: the names of environment variables, and what is in them.
    pub fn with_secrets(source: &str, secrets: &[(&str, &str)]) -> Self {
        let (program, mistakes) = program::read(source);
        let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
        let numbers = (1..).zip(program.links.keys().cloned()).collect();
        let secrets =
            secrets.iter().map(|(name, value)| (SecretRef::Env((*name).into()), (*value).to_owned()));
        let secrets = Secrets(secrets.collect());
        let keys = Keys::new([3; 16], vec![]);
        let now = Timestamp::from_millis(START);
        Self {
            snapshot: Snapshot::new(1, program, numbers, secrets, keys),
            now,
            clicks: BTreeMap::new(),
            conversions: BTreeMap::new(),
            changes: Vec::new(),
            keys: BTreeMap::new(),
            transfers: Vec::new(),
            deliveries: Vec::new(),
            named_clicks: BTreeMap::new(),
            fields: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            waiting: Vec::new(),
            sightings: Vec::new(),
            counters: BTreeMap::new(),
            signed_requests: BTreeMap::new(),
            sequence: Sequence::new(now, 7),
            postbacks: 0,
        }
    }

    pub fn pass(&mut self, time: &str) {
        self.now = self.now.plus(Span::parse(time).unwrap());
    }

    /// A click that is made and not yet in the store.
    pub fn make_click(&mut self, link: &str, query: &[(&str, &str)]) -> Click {
        let link = &self.snapshot.program.links[link];
        let prefix = self.sequence.next(self.now, self.snapshot.number(&link.id).unwrap());
        let id = self.snapshot.keys.sign(prefix);
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let visit = Visit { query, ip: "192.0.2.1".into(), ..Visit::default() };
        match route(&visit, link, &self.snapshot.program, id, self.now) {
            Routed::Offer { click, .. } => *click,
            other => panic!("{other:?}"),
        }
    }

    pub fn click(&mut self, link: &str) -> ClickId {
        let click = self.make_click(link, &[("click_id", "P-1"), ("sub1", "reels")]);
        let id = click.id;
        self.arrive(click);
        id
    }

    /// A click comes into the store, and what waited for it is decided.
    pub fn arrive(&mut self, click: Click) {
        let id = click.id;
        self.clicks.insert(id, click);
        self.decide_waiting(&|wait: &Wait, _: &Option<Name>| *wait == Wait::Click(id));
    }

    /// A GET to `/postback/{advertiser}`.
    pub fn get(&mut self, advertiser: &str, query: &str) -> Decision {
        let request = self.request(Some(advertiser), query);
        self.receive(&request)
    }

    pub fn request(&self, advertiser: Option<&str>, query: &str) -> Request {
        Request {
            at: self.now,
            method: Method::Get,
            advertiser: advertiser.map(str::to_owned),
            pixel: false,
            path_token: None,
            https: false,
            ip: IpAddr::from([127, 0, 0, 1]),
            query: query.as_bytes().to_vec(),
            content_type: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn receive(&mut self, request: &Request) -> Decision {
        let mut reading = read(request, &self.snapshot, None);
        if let Some(click) = reading.needs_click().and_then(|id| self.clicks.get(&id)) {
            reading = read(request, &self.snapshot, Some(&click.advertiser));
        }
        self.take(reading)
    }

    pub fn receive_batch(&mut self, whole: &Request) -> Vec<Decision> {
        let batch = split(whole, &self.snapshot);
        let numbered = batch.requests.iter().enumerate();
        let readings: Vec<Reading> =
            numbered.map(|(number, member)| read_member(member, number, &batch, &self.snapshot)).collect();
        readings.into_iter().map(|reading| self.take(reading)).collect()
    }

    fn take(&mut self, reading: Reading) -> Decision {
        self.postbacks += 1;
        let id = Id::new(self.now, self.postbacks);
        let decision = decide(&reading, &self.known(&reading), &self.snapshot, id, self.now);
        self.carry_out(&decision, Some(reading));
        self.originals_arrived(&decision);
        decision
    }

    /// A person's word about a conversion.
    pub fn review(&mut self, id: ConversionId, word: Word) -> Result<Decision, Refusal> {
        let history = self.history(&self.conversions[&id]);
        let word = Review { word, author: "ann".into(), reason: "looked at it".into() };
        let click = &self.clicks[&history.conversion.click_id];
        let question = price_question(&history.conversion, click, &self.snapshot);
        let answers = question.into_iter().map(|question| (question.clone(), self.answer(&question)));
        let answers = Answers::new(answers.collect());
        let decision = review(&history, click, &word, &answers, (&self.snapshot, self.now))?;
        self.carry_out(&decision, None);
        Ok(decision)
    }

    fn originals_arrived(&mut self, decision: &Decision) {
        if let (Some(key), None) = (&decision.effects.key, &decision.effects.wait) {
            let txid = key.txid.clone();
            let advertiser = decision.advertiser.clone();
            let arrived = |wait: &Wait, owner: &Option<Name>| {
                *wait == Wait::Original { txid: txid.clone() } && *owner == advertiser
            };
            self.decide_waiting(&arrived);
        }
    }

    fn decide_waiting(&mut self, arrived: &dyn Fn(&Wait, &Option<Name>) -> bool) {
        let (due, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, wait, reading): &(_, _, Reading)| arrived(wait, &reading.advertiser));
        self.waiting = rest;
        let due: Vec<(PostbackId, Wait, Reading)> = due;
        for (id, _, reading) in due {
            self.keys.retain(|_, (conversion, taker)| conversion.is_some() || *taker != id);
            let stored = Stored {
                at: reading.at,
                advertiser: reading.advertiser.clone().unwrap(),
                channel: reading.channel,
                fields: reading.fields.clone(),
                params: reading.stored.clone(),
            };
            let again = Reading::again(stored, &self.snapshot);
            let decision = decide(&again, &self.known(&again), &self.snapshot, id, self.now);
            self.carry_out(&decision, Some(again));
            self.originals_arrived(&decision);
        }
    }

    pub fn known(&self, reading: &Reading) -> Known {
        let Some(advertiser) = &reading.advertiser else {
            return Known::default();
        };
        let named = reading.click_id().and_then(|id| self.clicks.get(&id));
        let test = reading.is_test() || named.is_some_and(|click| click.details.test);
        let under = |plain: &str, test: bool| {
            let txid = if plain.is_empty() { String::new() } else { key_of(plain, test) };
            let of_txid = self
                .keys
                .iter()
                .filter(|((owner, taken, _), _)| owner == advertiser && *taken == txid && !txid.is_empty());
            of_txid
                .map(|((_, _, event), (conversion, postback_id))| Keyed {
                    event: event.clone(),
                    postback_id: *postback_id,
                    click_id: self.named_clicks.get(postback_id).copied().flatten(),
                    waiting_fields: match conversion {
                        Some(_) => None,
                        None => self.fields.get(postback_id).cloned(),
                    },
                    history: conversion.map(|id| self.history(&self.conversions[&id])),
                })
                .collect::<Vec<_>>()
        };
        let field = |name: &str| reading.field(name).map(str::trim).unwrap_or_default();
        let both = |test: bool| (under(field("txid"), test), under(field("original_txid"), test));
        let (mut under_txid, mut under_original) = both(test);
        let of_subscription = self.of_subscription(advertiser, field("subscription_id"));
        let stand_in = || stand_in(reading, &under_txid, &under_original, &of_subscription);
        let click_id = reading.click_id().or_else(stand_in);
        let click = click_id.and_then(|id| self.clicks.get(&id)).cloned();
        let known_test = click.as_ref().map_or(test, |click: &Click| test || click.details.test);
        if known_test && !test {
            (under_txid, under_original) = both(true);
        }
        let of_click =
            self.conversions.values().rev().filter(|conversion| Some(conversion.click_id) == click_id);
        let of_click = of_click.map(|conversion| self.history(conversion)).collect();
        let under_click = click_id.map(|id| under(&click_key(id), known_test)).unwrap_or_default();
        let sent_before = reading.once.and_then(|once| {
            let (postback_id, until) = *self.signed_requests.get(&(advertiser.clone(), once.key))?;
            let changed = self.changes.iter().find(|change| change.postback_id == postback_id);
            let conversion = changed.map(|change| self.conversions[&change.conversion_id].clone());
            (self.now <= until).then_some(SentBefore { postback_id, conversion })
        });
        let answers = click.as_ref().map(|click| self.answers(reading, click)).unwrap_or_default();
        Known {
            click,
            under_txid,
            under_original,
            under_click,
            of_click,
            of_subscription,
            answers,
            sent_before,
        }
    }

    fn of_subscription(&self, advertiser: &Name, named: &str) -> Vec<History> {
        let of_it = self.conversions.values().rev().filter(|conversion| {
            conversion.advertiser == *advertiser
                && !named.is_empty()
                && conversion.subscription.as_deref() == Some(named)
        });
        of_it.map(|conversion| self.history(conversion)).collect()
    }

    /// Recounted from all conversions, where the store keeps counters.
    fn answers(&self, reading: &Reading, click: &Click) -> Answers {
        let questions = questions(reading, click, &self.snapshot);
        Answers::new(
            questions.into_iter().map(|question| (question.clone(), self.answer(&question))).collect(),
        )
    }

    fn answer(&self, question: &Question) -> u64 {
        let count = match question {
            Question::Counted { scope, from, to } => {
                let fits = |conversion: &&Conversion| {
                    let (partner, offer, event) = (&conversion.partner, &conversion.offer, &conversion.event);
                    conversion.counts_in_caps()
                        && *from <= conversion.day
                        && conversion.day <= *to
                        && scopes(partner, offer, event).contains(scope)
                };
                let volume = |conversion: &Conversion| {
                    let volume = conversion.volume()?;
                    let (partner, offer, event) = (&conversion.partner, &conversion.offer, &conversion.event);
                    let same = amount_scope(partner, offer, event, volume.currency) == *scope;
                    let of_period = *from <= conversion.day && conversion.day <= *to;
                    usize::try_from(volume.micros).ok().filter(|_| same && of_period)
                };
                let volume: usize = self.conversions.values().filter_map(volume).sum();
                self.conversions.values().filter(fits).count() + volume
            }
            Question::Sighted { subject, since, but } => {
                let fits = |(name, at, click): &&(String, Timestamp, ClickId)| {
                    name == subject && since < at && Some(*click) != *but
                };
                self.sightings.iter().filter(fits).count()
            }
        };
        u64::try_from(count).unwrap()
    }

    fn history(&self, conversion: &Conversion) -> History {
        let changes =
            self.changes.iter().filter(|change| change.conversion_id == conversion.id).cloned().collect();
        History { conversion: conversion.clone(), changes }
    }

    fn carry_out(&mut self, decision: &Decision, reading: Option<Reading>) {
        if let Some(reading) = &reading {
            self.fields.insert(decision.postback_id, reading.fields.clone());
            self.named_clicks.insert(decision.postback_id, decision.click_id);
        }
        self.outcomes.insert(decision.postback_id, decision.outcome);
        let effects = decision.effects.clone();
        if let Some(conversion) = effects.conversion {
            self.conversions.insert(conversion.id, conversion);
        }
        self.changes.extend(effects.change);
        let seen = |subject| (subject, decision.at, decision.click_id.unwrap());
        self.sightings.extend(effects.subjects.into_iter().map(seen));
        for count in effects.counts {
            *self.counters.entry((count.scope, count.day)).or_insert(0) += count.delta;
        }
        if let (Some(key), Some(advertiser)) = (effects.key, decision.advertiser.clone()) {
            let taker = if effects.wait.is_some() { None } else { decision.conversion_id };
            let taken = self.keys.insert((advertiser, key.txid, key.event), (taker, decision.postback_id));
            assert!(
                taken.is_none_or(|(before, _)| before == taker),
                "a key went from one conversion to another: {:?} {} {:?}",
                decision.reason,
                decision.message,
                decision.checks
            );
        }
        self.transfers.extend(effects.entries.into_iter().map(|entry| entry.transfer));
        self.deliveries.extend(effects.deliveries);
        if let (Some(once), Some(advertiser)) = (effects.once, decision.advertiser.clone()) {
            let value = (decision.postback_id, once.until);
            self.signed_requests.insert((advertiser, once.key), value);
        }
        if let (Some(wait), Some(reading)) = (effects.wait, reading) {
            self.waiting.push((decision.postback_id, wait, reading));
        }
    }

    /// Every account that is not empty, in millionths.
    pub fn balances(&self) -> BTreeMap<(Account, Currency), i64> {
        let mut balances = BTreeMap::new();
        for transfer in &self.transfers {
            let currency = transfer.amount.currency;
            *balances.entry((transfer.debit.clone(), currency)).or_insert(0) -= transfer.amount.micros;
            *balances.entry((transfer.credit.clone(), currency)).or_insert(0) += transfer.amount.micros;
        }
        balances.retain(|_, micros| *micros != 0);
        balances
    }

    /// `"140.00 EUR"` on one account; zero where nothing stands.
    pub fn balance(&self, account: &str) -> String {
        let account = Account::parse(account).unwrap();
        let found = self.balances().into_iter().find(|((known, _), _)| *known == account);
        match found {
            Some(((_, currency), micros)) => {
                let currencies = &self.snapshot.program.currencies;
                format!("{} {currency}", currencies.sum(i128::from(micros), currency))
            }
            None => "0".into(),
        }
    }

    /// The events told, with payout and delta, in order.
    pub fn told(&self) -> Vec<String> {
        let value =
            |delivery: &PlannedDelivery, name: &str| delivery.values.get(name).cloned().unwrap_or_default();
        let show = |delivery: &PlannedDelivery| {
            let told = format!(
                "{} {} {}",
                delivery.happening.code(),
                value(delivery, "payout"),
                value(delivery, "payout_delta")
            );
            told.trim_end().to_owned()
        };
        self.deliveries.iter().map(show).collect()
    }
}
