//! The auditor's own arithmetic: fractions of whole numbers, rounded in one place, and the rates that it published.

use proofback_domain::time::Timestamp;

/// Currency codes that histories use; GBP's rates become known late.
pub const CODES: [&str; 5] = ["EUR", "USD", "JPY", "USDT", "GBP"];

pub const DAY_MS: i64 = 86_400_000;
/// 2026-11-22T00:00 in Berlin, where no clock is turned before March.
pub const FIRST_DAY: i64 = 1_795_302_000_000;
/// Days that a history has.
pub const DAYS: i64 = 6;
/// On whose morning the rates of GBP arrive, those of the days before among them.
pub const LATE_DAY: i64 = 3;

/// Money in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub micros: i128,
    pub code: &'static str,
}

/// Of millionths, exact; the denominator is positive.
#[derive(Debug, Clone, Copy)]
pub struct Fraction(pub i128, pub i128);

impl Fraction {
    pub fn plus(self, whole: i128) -> Self {
        Self(self.0 + whole * self.1, self.1)
    }

    /// To the next multiple of `step` millionths; between two, to the one that is even.
    pub fn rounded(self, step: i128) -> i128 {
        let divisor = self.1 * step;
        let (below, rest) = (self.0.div_euclid(divisor), self.0.rem_euclid(divisor));
        let up = match (2 * rest).cmp(&divisor) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => below.rem_euclid(2),
            std::cmp::Ordering::Greater => 1,
        };
        (below + up) * step
    }
}

impl Sum {
    /// `12.5`, as it is sent.
    pub fn decimal(self) -> String {
        let text = format!("{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.decimal(), self.code)
    }
}

/// Millionths of a currency's smallest unit.
pub fn unit(code: &str) -> i128 {
    match code {
        "JPY" => 1_000_000,
        "USDT" => 1,
        _ => 10_000,
    }
}

/// Berlin's day, counted from the first of the history.
pub fn day_of(at: i64) -> i64 {
    (at - FIRST_DAY).div_euclid(DAY_MS)
}

pub fn morning(day: i64) -> Timestamp {
    Timestamp::from_millis(FIRST_DAY + day * DAY_MS)
}

/// Millionths of a unit that one euro is worth on a day; no rate of a pair is published on some days.
pub fn published(code: &str, day: i64) -> Option<i128> {
    let (base, step, without) = match code {
        "USD" => (1_081_237, 3_131, 2),
        "JPY" => (163_274_391, 917_003, 4),
        "USDT" => (1_079_993, 2_717, 99),
        "GBP" => (853_117, 4_099, 99),
        _ => return None,
    };
    (day != without).then(|| base + step * i128::from((day + 2) * (day + 5) % 7))
}

/// An amount in another currency, to the nearest millionth: by the last rates on or before the day.
pub fn exchanged(sum: Sum, code: &'static str, day: i64, late_known: bool) -> Option<Sum> {
    if sum.code == code {
        return Some(sum);
    }
    let known = |code: &str, day: i64| match code {
        "EUR" => Some(1_000_000),
        "GBP" if !late_known => None,
        other => published(other, day),
    };
    let both = |day: i64| Some(Fraction(sum.micros * known(code, day)?, known(sum.code, day)?));
    let newest = (-1..=day).rev().find_map(both)?;
    Some(Sum { micros: newest.rounded(1), code })
}
