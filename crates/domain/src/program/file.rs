//! Reads a program file and checks it as a whole: all mistakes at once, each with its place.
//!
//! This room knows the order in which the sections are read, because they refer to each other; what is in a
//! section is for the rooms below. Nothing here opens files or looks at secrets.

mod advertiser;
mod call;
mod cap;
mod connection;
mod fraud;
mod known;
mod link;
mod offer;
mod partner;
mod retention;
mod signature;
mod target;
mod terms;
mod unapplied;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::calendar::Zone;
use crate::money::{Currencies, Currency};
use crate::program::reader::{Mistake, Mistakes, Place, Section, Severity, quote};
use crate::program::{Owner, Program, Ranges, Retention};
use known::Known;

const SOURCE_BYTES_MAX: usize = 4 << 20;
const DIGITS_MAX: u32 = 6;
/// From the last rates before Easter to those after it.
const RATE_DAYS: u32 = 5;
const RATE_DAYS_MAX: u32 = 366;

/// Reads the text of a program file. There is a program unless one of the mistakes is an error.
///
/// The mistakes stand in the order of the file. Where the text is no TOML, they are about that alone: what
/// could be guessed of the rest would be wrong more often than not.
pub fn read(source: &str) -> (Option<Program>, Vec<Mistake>) {
    if source.len() > SOURCE_BYTES_MAX {
        let message = "the file is longer than 4 MiB".into();
        return (None, vec![Mistake { severity: Severity::Error, line: 1, column: 1, message }]);
    }
    let mistakes = Mistakes::new(source);
    let program = read_document(source, &mistakes).filter(|_| mistakes.none_is_an_error());
    (program, mistakes.into_sorted())
}

fn read_document(source: &str, mistakes: &Mistakes<'_>) -> Option<Program> {
    let (document, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        mistakes.syntax_error(error);
    }
    if !errors.is_empty() {
        return None;
    }
    let mut top = Section::new("the file", Place::START, document.get_ref(), mistakes);
    let program = read_sections(&mut top);
    top.finish();
    program
}

/// Offers name advertisers and partners, and advertisers name the events of their offers: so the ids of advertisers
/// and partners come first, then the offers, then the rest of the others.
fn read_sections(top: &mut Section<'_>) -> Option<Program> {
    top.require(&["program"]);
    let mut known = Known::new();
    let head = top.table("program", "[program]").and_then(|section| read_head(section, &mut known));

    let mut declared = Vec::new();
    for mut section in top.tables("advertiser", "[[advertiser]]") {
        section.require(&["id"]);
        declared.push((known.advertisers.declare(&mut section, "id"), section));
    }
    let mut partners_declared = Vec::new();
    for mut section in top.tables("partner", "[[partner]]") {
        section.require(&["id"]);
        partners_declared.push((known.partners.declare(&mut section, "id"), section));
    }
    let mut offers = BTreeMap::new();
    for section in top.tables("offer", "[[offer]]") {
        offers.extend(offer::read(section, &mut known).map(|offer| (offer.id.clone(), offer)));
    }
    let mut advertisers = BTreeMap::new();
    for (id, section) in declared {
        let advertiser = advertiser::read(id, section, &known);
        advertisers.extend(advertiser.map(|advertiser| (advertiser.id.clone(), advertiser)));
    }
    let mut partners = BTreeMap::new();
    for (id, section) in partners_declared {
        let partner = partner::read(id, section, &mut known);
        partners.extend(partner.map(|partner| (partner.id.clone(), partner)));
    }
    let mut links = BTreeMap::new();
    for section in top.tables("link", "[[link]]") {
        links.extend(link::read(section, &mut known).map(|link| (link.id.clone(), link)));
    }
    known.find_links_named(top.mistakes);
    let fraud = fraud::read(top, &known, head.as_ref());
    let webhooks = top.tables("webhook", "[[webhook]]");
    let webhooks = target::read_all(webhooks, Some(&Owner::Operator), &mut known, target::webhook);
    unapplied::read(top);
    let retention = retention::read(top.table("retention", "[retention]"), &offers);
    let targets = known.targets;
    Some(Program { advertisers, offers, partners, links, targets, webhooks, fraud, retention, ..head? })
}

/// A program without its sections.
fn read_head(mut section: Section<'_>, known: &mut Known) -> Option<Program> {
    section.require(&["name", "currency"]);
    if let Some(extra) = section.table("extra_currencies", "extra_currencies") {
        known.currencies = read_extra_currencies(extra);
    }
    let name = section.text("name");
    let currency = section.parsed("currency", |text| values::currency(text, &known.currencies));
    known.currency = currency.map(|currency| currency.value);
    let timezone = section.parsed("timezone", values::timezone);
    let base_url = section.parsed("base_url", values::base_url);
    let datacenters = section.parsed_list("datacenter_ips", values::network);
    let min_payouts = terms::read_min_payouts(&mut section, &known.currencies);
    let rate_days_max = section.integer("rate_days_max", 0..=RATE_DAYS_MAX);
    section.finish();
    Some(Program {
        name: name?.value.to_owned(),
        currency: currency?.value,
        currencies: known.currencies.clone(),
        min_payouts,
        rate_days_max: rate_days_max.unwrap_or(RATE_DAYS),
        timezone: timezone.map_or_else(Zone::utc, |timezone| timezone.value),
        base_url: base_url.map_or_else(|| "http://127.0.0.1:8080".into(), |base_url| base_url.value),
        advertisers: BTreeMap::new(),
        offers: BTreeMap::new(),
        partners: BTreeMap::new(),
        links: BTreeMap::new(),
        targets: BTreeMap::new(),
        webhooks: Vec::new(),
        fraud: Vec::new(),
        retention: Retention::default(),
        datacenters: Ranges::new(datacenters.into_iter().map(|range| range.value).collect()),
    })
}

fn read_extra_currencies(mut section: Section<'_>) -> Currencies {
    let mut currencies = Currencies::default();
    for key in section.keys() {
        // A currency with wrong digits is declared all the same, so that its amounts are no further mistakes.
        let digits = section.integer(key.value, 0..=DIGITS_MAX).unwrap_or(DIGITS_MAX);
        let Some(currency) = Currency::parse(key.value) else {
            let message = format!("{} is no currency code: 1 to 8 letters and digits", quote(key.value));
            section.mistakes.error(key.place, message);
            continue;
        };
        let known = currencies.digits(currency).is_some();
        let digits = u8::try_from(digits).unwrap_or(u8::MAX);
        if known || currencies.declare(currency, digits).is_err() {
            let message = format!("{currency} is known already: ISO 4217 has it, or it stands here twice");
            section.mistakes.error(key.place, message);
        }
    }
    currencies
}
