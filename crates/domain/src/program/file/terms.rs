//! Reads what a goal earns, wherever it stands: in a goal, in `[[offer.goal.terms]]`, in `[[partner.payout]]`.

use crate::calendar::Day;
use crate::money::{Currencies, Money};
use crate::program::file::known::Known;
use crate::program::file::{cap, link, values};
use crate::program::reader::{Section, quote, read_word};
use crate::program::{Price, Step, Terms, Tiers, Volume, When};

const STEPS_MAX: usize = 50;

/// The keys that say what is earned. `nothing` stands in where no payout is named.
pub(super) fn read(
    section: &mut Section<'_>,
    known: &Known,
    called: String,
    nothing: Option<Price>,
) -> Option<Terms> {
    let payout = section.parsed("payout", |text| values::price(text, &known.currencies));
    let revenue = section.parsed("revenue", |text| values::price(text, &known.currencies));
    let min_amount = section.parsed("min_amount", |text| values::money(text, &known.currencies));
    let hold = section.span("hold");
    let tiers = section.table("tiers", "tiers").and_then(|tiers| read_tiers(tiers, &known.currencies));
    Some(Terms {
        called,
        when: When::default(),
        payout: payout.map(|payout| payout.value).or(nothing)?,
        tiers,
        revenue: revenue.map(|revenue| revenue.value),
        min_amount: min_amount.map(|amount| amount.value),
        hold,
    })
}

/// The keys that say for whom and when. Links stand further down in the file: they are looked up at its end.
pub(super) fn read_when(section: &mut Section<'_>, known: &mut Known) -> When {
    let links = section.parsed_list("link", |text| known.name_of_link(text));
    for link in &links {
        known.links_named.push((link.value.clone(), link.place));
    }
    let countries = section.parsed_list("country", link::read_country);
    let from = section.parsed("from", read_day);
    let until = section.parsed("until", read_day);
    for key in ["link", "country"] {
        if section.has(key) && !section.holds(key) {
            section.mistakes.error(section.place_of(key), format!("\"{key}\": the list is empty"));
        }
    }
    let (from, until) = (from.map(|day| day.value), until.map(|day| day.value));
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        section.mistakes.error(section.place_of("until"), "\"until\" lies before \"from\"");
    }
    When {
        links: links.into_iter().map(|link| link.value).collect(),
        countries: countries.into_iter().map(|country| country.value).collect(),
        from,
        until,
    }
}

fn read_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("{} is no day; write it like 2026-12-31", quote(text)))
}

fn read_tiers(mut section: Section<'_>, currencies: &Currencies) -> Option<Tiers> {
    section.require(&["per", "steps"]);
    let per = section.parsed("per", |text| read_word(text, &cap::PERIODS));
    let mut steps = Vec::new();
    let place = section.place_of("steps");
    for mut step in section.tables("steps", "steps") {
        step.require(&["from", "payout"]);
        let from = step.parsed("from", |text| read_volume(text, currencies));
        let payout = step.parsed("payout", |text| values::price(text, currencies));
        step.finish();
        steps.extend(from.zip(payout).map(|(from, payout)| (from, payout.value)));
    }
    let mistakes = section.mistakes;
    if section.has("steps") && !section.holds("steps") {
        mistakes.error(place, "\"steps\": the list is empty");
    }
    if STEPS_MAX < steps.len() {
        mistakes.error(place, format!("\"steps\": there are more than {STEPS_MAX}"));
    }
    section.finish();
    let by = steps.first().map(|(from, _)| from.value.0)?;
    for ((before, _), (after, _)) in steps.iter().zip(steps.iter().skip(1)) {
        if after.value.0 != by {
            mistakes.error(after.place, "\"from\": all steps count conversions, or amounts of one currency");
        } else if after.value.1 <= before.value.1 {
            mistakes.error(after.place, "\"from\": the steps have to rise");
        }
    }
    let steps = steps.into_iter().map(|(from, payout)| Step { from: from.value.1, payout });
    Some(Tiers { per: per?.value, by, steps: steps.collect() })
}

/// `"50"` conversions or `"5000 EUR"`.
fn read_volume(text: &str, currencies: &Currencies) -> Result<(Volume, u64), String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = || text.parse::<u32>().ok().filter(|number| 0 < *number);
    if plain {
        let number = number().ok_or_else(|| format!("{} is no number of conversions", quote(text)))?;
        return Ok((Volume::Conversions, u64::from(number)));
    }
    let Money { micros, currency } = values::money(text, currencies)?;
    let micros = u64::try_from(micros).unwrap_or(0);
    Ok((Volume::Amount(currency), micros))
}

/// `"50 EUR"`, or a list of them, one per currency.
pub(super) fn read_min_payouts<'a>(section: &mut Section<'a>, currencies: &Currencies) -> Vec<Money> {
    let Some(texts) = section.text_or_texts("min_payout") else {
        return Vec::new();
    };
    let mut sums: Vec<Money> = Vec::new();
    for text in texts {
        let Some(sum) = section.convert("min_payout", text, &|text| values::money(text, currencies)) else {
            continue;
        };
        if sums.iter().any(|known| known.currency == sum.value.currency) {
            section.mistakes.error(sum.place, format!("a second sum in {}", sum.value.currency));
        }
        sums.push(sum.value);
    }
    sums
}
