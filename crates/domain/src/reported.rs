//! Money in the program's currency, beside the one it is owed in: for reports, which hold nothing up.

use crate::conversion::Conversion;
use crate::money::Money;
use crate::program::Snapshot;

/// A conversion's money in the program's currency, by the rates of its event's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    pub amount: Option<Money>,
    pub revenue: Option<Money>,
    pub payout: Option<Money>,
    /// Revenue less payout, in millionths; absent while a rate is missing.
    pub margin_micros: Option<i64>,
    /// Something of it waits for an exchange rate and is not told.
    pub waits: bool,
}

/// What it is worth when it is good, whatever its status is now.
pub fn reported(conversion: &Conversion, snapshot: &Snapshot) -> Reported {
    let program = &snapshot.program;
    let day = program.timezone.day(conversion.event_at);
    let mut waits = false;
    let mut convert = |money: Option<Money>| {
        let converted = snapshot.convert(money?, program.currency, day);
        waits |= converted.is_err();
        converted.ok().map(|converted| converted.money)
    };
    let (amount, revenue, payout) =
        (convert(conversion.amount), convert(conversion.revenue), convert(conversion.commission));
    let known = (conversion.revenue.is_none() || revenue.is_some())
        && (conversion.commission.is_none() || payout.is_some());
    let micros = |money: Option<Money>| money.map_or(0, |money| money.micros);
    let margin_micros = micros(revenue).checked_sub(micros(payout)).filter(|_| known);
    Reported { amount, revenue, payout, margin_micros, waits }
}
