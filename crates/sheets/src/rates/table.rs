//! Rates in delimited text: the ECB's wide table of days and currencies, or a line per rate.

use super::Rates;
use super::line::{Words, parse, parse_currency, parse_day};
use crate::fault::Fault;
use crate::read::{ReadOptions, Sheet};

/// What the ECB writes where it published no rate.
const NO_RATE: &str = "N/A";

/// All that the European Central Bank publishes is the worth of one euro.
pub(super) const ECB_BASE: &str = "EUR";

const EXPECTED: &str = "a header like date,base,currency,rate is expected, or the ECB's Date, USD, JPY, ...";

/// Where the four words of a rate stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    day: usize,
    base: usize,
    currency: usize,
    rate: usize,
}

pub(super) fn read(bytes: &[u8], rates: &mut Rates) -> Result<(), Vec<Fault>> {
    let sheet = crate::read::read(bytes, &ReadOptions::default())?;
    let names: Vec<String> = sheet.header.iter().map(|name| name.to_ascii_lowercase()).collect();
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    if find("currency").is_none() && find("rate").is_none() && names.first().is_some_and(|one| one == "date")
    {
        read_wide(&sheet, rates);
        return Ok(());
    }
    let unknown = names.iter().find(|name| !["date", "base", "currency", "rate"].contains(&name.as_str()));
    if let Some(unknown) = unknown {
        return Err(vec![Fault::of_file(format!("the column {unknown:?} is not known: {EXPECTED}"))]);
    }
    match (find("date"), find("base"), find("currency"), find("rate")) {
        (Some(day), Some(base), Some(currency), Some(rate)) => {
            read_long(&sheet, Columns { day, base, currency, rate }, rates);
            Ok(())
        }
        (_, None, Some(_), Some(_)) => {
            let message = "there is no column \"base\": whose worth the rates are is never guessed";
            Err(vec![Fault::of_file(message)])
        }
        _ => Err(vec![Fault::of_file(format!("a column is missing: {EXPECTED}"))]),
    }
}

fn read_long(sheet: &Sheet, columns: Columns, rates: &mut Rates) {
    for line in &sheet.lines {
        let word = |column: usize| line.cells.get(column).map_or("", String::as_str);
        let words = Words {
            day: word(columns.day),
            base: word(columns.base),
            currency: word(columns.currency),
            rate: word(columns.rate),
        };
        rates.take(parse(line.number, words));
        if rates.is_done() {
            return;
        }
    }
}

fn read_wide(sheet: &Sheet, rates: &mut Rates) {
    // A name that is no currency is told once, not on every line.
    let currencies = sheet.header.iter().skip(1);
    let wrong: Vec<String> = currencies.filter_map(|name| parse_currency(name).err()).collect();
    if !wrong.is_empty() {
        return wrong.into_iter().for_each(|message| rates.faults.add(Fault::of_file(message)));
    }
    for line in &sheet.lines {
        let mut words = line.cells.iter();
        let day = words.next().map_or("", String::as_str);
        if let Err(message) = parse_day(day) {
            rates.take(Err(Fault::at(line.number, message)));
            continue;
        }
        for (currency, rate) in sheet.header.iter().skip(1).zip(words) {
            if rate != NO_RATE {
                rates.take(parse(line.number, Words { day, base: ECB_BASE, currency, rate }));
            }
            if rates.is_done() {
                return;
            }
        }
    }
}
