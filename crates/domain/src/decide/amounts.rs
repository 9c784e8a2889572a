//! What a conversion earns: the payout and the revenue that its goal's terms give, and what holds it up.

use crate::conversion::Conversion;
use crate::money::{Currencies, Money};
use crate::outcome::Reason;
use crate::program::{Goal, Offer, Partner, Program, Terms};

/// The money of a conversion, or why it cannot be said yet.
pub struct Amounts {
    pub commission: Option<Money>,
    pub revenue: Option<Money>,
    pub held: Option<Reason>,
    /// What was looked at, in words.
    pub notes: Vec<String>,
}

/// Computes commission and revenue anew from the conversion's amounts, under the terms of now.
pub fn compute(
    conversion: &Conversion,
    offer: &Offer,
    goal: &Goal,
    partner: &Partner,
    program: &Program,
) -> Amounts {
    let mut notes = Vec::new();
    let result = commission(conversion, offer, goal, partner, program, &mut notes);
    let revenue =
        result.and_then(|commission| Ok((commission, revenue(conversion, goal, &program.currencies)?)));
    match revenue {
        Ok((commission, revenue)) => Amounts { commission, revenue, held: None, notes },
        Err(reason) => Amounts { commission: None, revenue: None, held: Some(reason), notes },
    }
}

fn commission(
    conversion: &Conversion,
    offer: &Offer,
    goal: &Goal,
    partner: &Partner,
    program: &Program,
    notes: &mut Vec<String>,
) -> Result<Option<Money>, Reason> {
    let currencies = &program.currencies;
    let allowed = |named: &Money| goal.allowed_payouts.is_empty() || goal.allowed_payouts.contains(named);
    if let Some(named) = conversion.named_payout.filter(|named| !conversion.reviewed && !allowed(named)) {
        notes.push(format!("the payout {} is not among the allowed ones", currencies.show(named)));
        return Err(Reason::PayoutNotAllowed);
    }
    if let Some(adjusted) = conversion.adjusted {
        notes.push(format!("{} for {} as a person set it", currencies.show(adjusted), partner.id));
        return Ok((!adjusted.is_zero()).then_some(adjusted));
    }
    let Some((terms, own)) = partner.payout(offer, goal) else {
        notes.push(format!("{} is a traffic source without terms of its own: no commission", partner.id));
        return Ok(None);
    };
    let exact = apply(terms, conversion, conversion.named_payout)?;
    if !reaches_minimum(conversion, goal)? {
        notes.push("the amount is below the minimum: it earns nothing".into());
        return Ok(None);
    }
    let Some(commission) =
        exact.map(|exact| currencies.round(exact).ok_or(Reason::AmountMissing)).transpose()?
    else {
        return Err(Reason::AmountMissing);
    };
    let whose = if own { "the partner's own terms" } else { "the goal's terms" };
    notes.push(format!(
        "{} for {} by {whose} ({})",
        currencies.show(commission),
        partner.id,
        describe(terms, currencies)
    ));
    let computed_here = !matches!(terms, Terms::Postback);
    if let Some(named) = conversion.named_payout.filter(|named| computed_here && *named != commission) {
        notes.push(format!("the postback names a payout of {}; ours counts", currencies.show(named)));
    }
    Ok((!commission.is_zero()).then_some(commission))
}

fn revenue(conversion: &Conversion, goal: &Goal, currencies: &Currencies) -> Result<Option<Money>, Reason> {
    let exact = match goal.revenue {
        Some(Terms::Postback) | None => apply(Terms::Postback, conversion, conversion.named_revenue)?,
        Some(terms) => apply(terms, conversion, None)?,
    };
    if !reaches_minimum(conversion, goal)? {
        return Ok(None);
    }
    let rounded = exact.map(|exact| currencies.round(exact).ok_or(Reason::AmountMissing)).transpose()?;
    Ok(rounded.filter(|revenue| !revenue.is_zero()))
}

/// The exact sum that terms give. `Ok(None)`: the postback was to name it and did not.
fn apply(terms: Terms, conversion: &Conversion, named: Option<Money>) -> Result<Option<Money>, Reason> {
    match terms {
        Terms::Fixed(money) => Ok(Some(money)),
        Terms::Share(percent) => {
            let rest = rest(conversion).ok_or(Reason::AmountMissing)?;
            percent.of(rest).map(Some).ok_or(Reason::AmountMissing)
        }
        // A sum that was named falls with the amount it was named for.
        Terms::Postback => match (named, conversion.value(), rest(conversion)) {
            (Some(named), Some(value), Some(rest)) if rest != value => {
                named.pro_rata(rest.micros, value.micros).map(Some).ok_or(Reason::AmountMissing)
            }
            (named, _, _) => Ok(named),
        },
    }
}

/// What is left of the value after partial refunds.
fn rest(conversion: &Conversion) -> Option<Money> {
    let value = conversion.value()?;
    let micros = value.micros.checked_sub(conversion.refunded_micros)?;
    Some(Money { micros: micros.max(0), currency: value.currency })
}

fn reaches_minimum(conversion: &Conversion, goal: &Goal) -> Result<bool, Reason> {
    let Some(minimum) = goal.min_amount else {
        return Ok(true);
    };
    let rest = rest(conversion).ok_or(Reason::AmountMissing)?;
    if rest.currency != minimum.currency {
        return Err(Reason::RateMissing);
    }
    Ok(minimum.micros <= rest.micros)
}

fn describe(terms: Terms, currencies: &Currencies) -> String {
    match terms {
        Terms::Fixed(money) => format!("fixed {}", currencies.show(money)),
        Terms::Share(percent) => format!("{percent} of the amount"),
        Terms::Postback => "what the postback names".into(),
    }
}
