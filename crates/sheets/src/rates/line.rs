//! One rate out of four texts, or what is wrong with them. Every format of rates ends here.

use jiff::civil::Date;

use super::RateLine;
use crate::fault::Fault;

const WHOLE_DIGITS_MAX: usize = 12;
const FRACTION_DIGITS_MAX: usize = 12;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a file says about one rate, each text as it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    pub day: &'a str,
    pub base: &'a str,
    pub currency: &'a str,
    pub rate: &'a str,
}

pub(super) fn parse(line: usize, words: Words<'_>) -> Result<RateLine, Fault> {
    let fault = |message: String| Fault::at(line, message);
    let day = parse_day(words.day).map_err(fault)?;
    let base = parse_currency(words.base).map_err(fault)?;
    let currency = parse_currency(words.currency).map_err(fault)?;
    if base == currency {
        return Err(fault(format!("{base} has no exchange rate against itself")));
    }
    check_rate(words.rate).map_err(fault)?;
    Ok(RateLine { line, day, base, currency, rate: words.rate.to_owned() })
}

/// `2026-11-20`, or `20 November 2026` as the bank's daily CSV has it.
pub(super) fn parse_day(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split(' ').collect();
    let date = match words.as_slice() {
        [day, month, year] => parse_long_day(day, month, year),
        _ => parse_iso_day(text),
    };
    date.map(|date| date.to_string())
        .ok_or_else(|| format!("{text:?} is no day: 2026-11-20 or 20 November 2026 is expected"))
}

fn parse_long_day(day: &str, month: &str, year: &str) -> Option<Date> {
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let day = digits(day, 1, 2)?;
    Date::new(digits(year, 4, 4)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn parse_iso_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (month, day) = (digits(month, 2, 2)?, digits(day, 2, 2)?);
    Date::new(digits(year, 4, 4)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn digits(text: &str, least: usize, most: usize) -> Option<i16> {
    let fits = least <= text.len() && text.len() <= most && is_digits(text);
    if fits { text.parse().ok() } else { None }
}

/// In upper case; whether there is such a currency is not for a file to say.
pub(super) fn parse_currency(text: &str) -> Result<String, String> {
    let fits = 3 <= text.len() && text.len() <= 8 && text.bytes().all(|one| one.is_ascii_alphanumeric());
    if fits {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(format!("{text:?} is no currency: three to eight letters or digits are expected"))
    }
}

fn check_rate(text: &str) -> Result<(), String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = !whole.is_empty()
        && whole.len() <= WHOLE_DIGITS_MAX
        && is_digits(whole)
        && !fraction.is_empty()
        && fraction.len() <= FRACTION_DIGITS_MAX
        && is_digits(fraction);
    if !plain {
        return Err(format!(
            "{text:?} is no rate: plain digits with at most {WHOLE_DIGITS_MAX} before and \
             {FRACTION_DIGITS_MAX} after a point are expected"
        ));
    }
    if significant(text) == ("", "") { Err("a rate of zero".into()) } else { Ok(()) }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits that matter, so that `1.10` is `01.1`.
pub(super) fn significant(rate: &str) -> (&str, &str) {
    let (whole, fraction) = rate.split_once('.').unwrap_or((rate, ""));
    (whole.trim_start_matches('0'), fraction.trim_end_matches('0'))
}
