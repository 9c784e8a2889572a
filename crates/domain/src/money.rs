//! Exact money: a whole number of millionths of a currency's unit, and the currency's code.
//!
//! Arithmetic is checked; rounding happens in one place and half to even. No floats.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Millionths in one unit of a currency.
const UNIT: i64 = 1_000_000;
const UNIT_DIGITS: u32 = 6;
const WHOLE_DIGITS_MAX: usize = 12;

/// A currency's code, one to eight of `A-Z 0-9`; whether it exists is for [`Currencies`] to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 8]);

/// The currencies that a program knows: those of ISO 4217 and the ones it declares itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Currencies {
    declared: BTreeMap<Currency, u8>,
}

/// An amount in millionths of `currency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub micros: i64,
    pub currency: Currency,
}

/// A sum before it is rounded: a fraction of millionths, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    numerator: i128,
    /// Positive.
    denominator: i128,
    currency: Currency,
}

/// Parts in a million: `"30%"` is 300,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(u32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("not an amount: plain digits with at most 12 before and 6 after a point are expected")]
    NotAnAmount,
    #[error("not a currency: ISO 4217 codes and those of extra_currencies are known")]
    NotACurrency,
    #[error("money is written like \"120 EUR\"")]
    NotMoney,
    #[error("the amount is too large")]
    TooLarge,
    #[error("not a percentage: \"0%\" to \"100%\" with at most four decimals is expected")]
    NotAPercentage,
}

impl Currency {
    /// Reads a code in any case. `None` when it could be no code at all.
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            return None;
        }
        let mut code = [0; 8];
        for (slot, byte) in code.iter_mut().zip(text.bytes()) {
            *slot = byte.to_ascii_uppercase();
        }
        Some(Self(code))
    }

    pub fn code(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        self.0.get(..length).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or_default()
    }
}

impl Currencies {
    /// Adds a currency that ISO 4217 lacks, with its digits after the point (at most six).
    pub fn declare(&mut self, currency: Currency, digits: u8) -> Result<(), MoneyError> {
        let fits = u32::from(digits) <= UNIT_DIGITS && iso_digits(currency).is_none();
        if !fits {
            return Err(MoneyError::NotACurrency);
        }
        self.declared.insert(currency, digits);
        Ok(())
    }

    /// Digits after the point, `None` for a currency nobody declared.
    pub fn digits(&self, currency: Currency) -> Option<u8> {
        self.declared.get(&currency).copied().or_else(|| iso_digits(currency))
    }

    /// Reads a code in any case that stands for a known currency.
    pub fn parse(&self, text: &str) -> Result<Currency, MoneyError> {
        Currency::parse(text).filter(|code| self.digits(*code).is_some()).ok_or(MoneyError::NotACurrency)
    }

    /// Reads `"120 EUR"`.
    pub fn parse_money(&self, text: &str) -> Result<Money, MoneyError> {
        let (amount, code) = text.trim().split_once(' ').ok_or(MoneyError::NotMoney)?;
        Ok(Money { micros: parse_micros(amount)?, currency: self.parse(code.trim())? })
    }

    /// The amount alone with its currency's digits: `140.00`. More digits stand only where they matter.
    pub fn amount(&self, money: Money) -> String {
        format_micros(i128::from(money.micros), self.digits(money.currency).unwrap_or(2))
    }

    /// Like [`Self::amount`] for a sum that no longer fits an amount.
    pub fn sum(&self, micros: i128, currency: Currency) -> String {
        format_micros(micros, self.digits(currency).unwrap_or(2))
    }

    /// `140.00 EUR`.
    pub fn show(&self, money: Money) -> String {
        format!("{} {}", self.amount(money), money.currency)
    }

    /// Rounds to the currency's smallest unit, half to even: once, because rounding what was rounded before may
    /// take a tie that there was none.
    pub fn round(&self, exact: Exact) -> Option<Money> {
        let Exact { numerator, denominator, currency } = exact;
        let digits = u32::from(self.digits(currency).unwrap_or(2));
        let step = 10i64.checked_pow(UNIT_DIGITS.checked_sub(digits)?)?;
        let steps = divide_half_even(numerator, denominator.checked_mul(i128::from(step))?)?;
        Some(Money { micros: i64::try_from(steps).ok()?.checked_mul(step)?, currency })
    }
}

impl Money {
    pub const fn zero(currency: Currency) -> Self {
        Self { micros: 0, currency }
    }

    /// The amount alone, with no more digits than it needs.
    pub fn plain(self) -> String {
        format_micros(i128::from(self.micros), 0)
    }

    pub fn is_zero(self) -> bool {
        self.micros == 0
    }

    /// `part` of `whole` applied to this amount.
    pub fn pro_rata(self, part: i64, whole: i64) -> Option<Exact> {
        let numerator = i128::from(self.micros).checked_mul(i128::from(part))?;
        let currency = self.currency;
        (0 < whole).then_some(Exact { numerator, denominator: i128::from(whole), currency })
    }
}

impl Exact {
    /// Together with an amount of the same currency.
    pub fn plus(self, money: Money) -> Option<Self> {
        let more = i128::from(money.micros).checked_mul(self.denominator)?;
        let same = money.currency == self.currency;
        Some(Self { numerator: self.numerator.checked_add(more)?, ..self }).filter(|_| same)
    }
}

impl From<Money> for Exact {
    fn from(money: Money) -> Self {
        Self { numerator: i128::from(money.micros), denominator: 1, currency: money.currency }
    }
}

impl Percent {
    /// Reads `"30%"` or `"2.5%"`.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let number = text.trim().strip_suffix('%').ok_or(MoneyError::NotAPercentage)?;
        let micros = parse_micros(number.trim()).map_err(|_| MoneyError::NotAPercentage)?;
        // One percent is 10,000 parts in a million; a hundredth of a part cannot be written down.
        let exact = micros.checked_rem(100) == Some(0);
        let parts = micros.checked_div(100).unwrap_or(i64::MAX);
        let parts = u32::try_from(parts).map_err(|_| MoneyError::NotAPercentage)?;
        (exact && parts <= 1_000_000).then_some(Self(parts)).ok_or(MoneyError::NotAPercentage)
    }

    /// This share of an amount.
    pub fn of(self, money: Money) -> Option<Exact> {
        money.pro_rata(i64::from(self.0), UNIT)
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = i128::from(self.0).saturating_mul(100);
        write!(formatter, "{}%", format_micros(micros, 0))
    }
}

/// Reads an unsigned plain decimal of at most 12 digits before and 6 after the point, in millionths.
pub fn parse_micros(text: &str) -> Result<i64, MoneyError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let point_without_digits = text.contains('.') && fraction.is_empty();
    let fits = !whole.is_empty()
        && whole.len() <= WHOLE_DIGITS_MAX
        && fraction.len() <= UNIT_DIGITS as usize
        && plain(whole)
        && plain(fraction)
        && !point_without_digits;
    if !fits {
        return Err(MoneyError::NotAnAmount);
    }
    let whole: i64 = whole.parse().map_err(|_| MoneyError::NotAnAmount)?;
    let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| MoneyError::NotAnAmount)?;
    whole.checked_mul(UNIT).and_then(|micros| micros.checked_add(fraction)).ok_or(MoneyError::TooLarge)
}

/// Behind an amount that is one with a decimal point, in a file of which somebody said that it has commas.
pub const NOT_WITH_A_COMMA: &str = "(decimal comma)";

/// What a person would call the mistake in a text that is no amount, where it is one of the common ones.
pub fn fault_of(text: &str) -> &'static str {
    let currency_sign = |character: char| "€$£¥₽₹₺₿".contains(character);
    let scientific =
        || text.contains(['e', 'E']) && text.contains(|character: char| character.is_ascii_digit());
    let inner = || text.trim_matches('.');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        _ if text.ends_with(NOT_WITH_A_COMMA) => {
            ": before a decimal comma, points and spaces part thousands alone"
        }
        _ if text.contains(currency_sign) => ": it has a currency sign",
        _ if has_currency_code(text) => ": it has a currency code",
        _ if text.contains(',') => ": it has a comma",
        _ if text.starts_with(['-', '+', '−']) => ": it has a sign",
        _ if text.contains(char::is_whitespace) => ": it has a space",
        _ if text.starts_with('.') != text.ends_with('.') && !inner().contains('.') && digits(inner()) => {
            ": a digit is missing beside the point"
        }
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            ": it has too many digits or points"
        }
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) && scientific() => {
            ": it is written with an exponent"
        }
        _ if text.contains(|character: char| character.is_alphabetic()) => ": it has letters",
        _ => "",
    }
}

/// `EUR 12.50` or `12.50EUR`: three letters at one end, and digits.
fn has_currency_code(text: &str) -> bool {
    let number = |one: char| one.is_ascii_digit() || ".,-+ '\u{a0}\u{202f}".contains(one);
    let word = text.trim_matches(number);
    let at_one_end = text.starts_with(word) != text.ends_with(word);
    at_one_end && word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// With at least so many digits after the point.
pub(crate) fn format_micros(micros: i128, digits: u8) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let absolute = micros.unsigned_abs();
    let unit = u128::from(UNIT.unsigned_abs());
    let whole = absolute.checked_div(unit).unwrap_or(0);
    let fraction = format!("{:06}", absolute.checked_rem(unit).unwrap_or(0));
    let needed = fraction.trim_end_matches('0').len().max(usize::from(digits));
    match fraction.get(..needed) {
        Some("") | None => format!("{sign}{whole}"),
        Some(shown) => format!("{sign}{whole}.{shown}"),
    }
}

pub(crate) fn divide_half_even(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div_euclid(divisor)?;
    let twice_rest = dividend.checked_rem_euclid(divisor)?.checked_mul(2)?;
    let odd = quotient.checked_rem_euclid(2)? == 1;
    let up = twice_rest > divisor || (twice_rest == divisor && odd);
    if up { quotient.checked_add(1) } else { Some(quotient) }
}

fn iso_digits(currency: Currency) -> Option<u8> {
    let known = iso_currency::Currency::from_code(currency.code())?;
    u8::try_from(known.exponent()?).ok()
}

impl std::fmt::Display for Money {
    /// `120 EUR`, with no more digits than it needs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.plain(), self.currency)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().into()
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        Self::parse(&text).ok_or(MoneyError::NotACurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        let mut currencies = Currencies::default();
        currencies.declare(Currency::parse("USDT").unwrap(), 6).unwrap();
        currencies.parse_money(text).unwrap()
    }

    #[test]
    fn amounts_are_unsigned_plain_decimals() {
        assert_eq!(parse_micros("120"), Ok(120_000_000));
        assert_eq!(parse_micros("0.000001"), Ok(1));
        assert_eq!(parse_micros("999999999999.999999"), Ok(999_999_999_999_999_999));
        for text in
            ["", "-1", "+1", "1,5", "1.", ".5", "1e3", "NaN", "0x1", "1 ", "1.1234567", "1000000000000", "１"]
        {
            assert_eq!(parse_micros(text), Err(MoneyError::NotAnAmount), "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_with_the_digits_of_their_currency() {
        let currencies = Currencies::default();
        assert_eq!(currencies.show(money("140 EUR")), "140.00 EUR");
        assert_eq!(currencies.show(money("140 jpy")), "140 JPY");
        assert_eq!(currencies.show(money("0.1239 EUR")), "0.1239 EUR");
        assert_eq!(currencies.show(money("1.5 BHD")), "1.500 BHD");
        assert_eq!(currencies.sum(-500_000, money("1 EUR").currency), "-0.50");
    }

    #[test]
    fn a_commission_is_rounded_half_to_even() {
        let currencies = Currencies::default();
        for (exact, rounded) in [
            ("0.005 EUR", "0.00 EUR"),
            ("0.015 EUR", "0.02 EUR"),
            ("0.025 EUR", "0.02 EUR"),
            ("0.025001 EUR", "0.03 EUR"),
            ("2.5 JPY", "2 JPY"),
            ("3.5 JPY", "4 JPY"),
        ] {
            let rounded_money = currencies.round(money(exact).into()).unwrap();
            assert_eq!(currencies.show(rounded_money), rounded, "{exact}");
        }
    }

    #[test]
    fn percentages_are_exact() {
        let third = Percent::parse("33.3333%").unwrap();
        let rounded =
            |share: Percent, of: &str| Currencies::default().round(share.of(money(of)).unwrap()).unwrap();
        assert_eq!(rounded(third, "100 EUR"), money("33.33 EUR"));
        // 0.0450001, which is more than half a cent above four.
        assert_eq!(rounded(Percent::parse("10%").unwrap(), "0.450001 EUR"), money("0.05 EUR"));
        assert_eq!(rounded(Percent::parse("10%").unwrap(), "0.45 EUR"), money("0.04 EUR"));
        assert_eq!(third.to_string(), "33.3333%");
        for text in ["30", "101%", "-1%", "1.00001%", "%"] {
            assert_eq!(Percent::parse(text), Err(MoneyError::NotAPercentage), "{text}");
        }
    }

    #[test]
    fn only_known_currencies_are_money() {
        assert_eq!(Currencies::default().parse("USDT"), Err(MoneyError::NotACurrency));
        assert_eq!(Currencies::default().parse("eur").map(|code| code.to_string()), Ok("EUR".into()));
        assert_eq!(money("1 USDT").currency.code(), "USDT");
        assert_eq!(Currencies::default().parse_money("120EUR"), Err(MoneyError::NotMoney));
    }
}
