//! Payouts to partners and invoices to advertisers: what they take up of each conversion, and what they book.
//!
//! A settlement has a line per conversion with what stands on its account now: positive where something is owed,
//! negative where it was taken back after it had been settled before. The lines of a draft are kept for it and
//! fixed: what happens to a conversion afterwards is for the next settlement.

use serde::Serialize;

use crate::id::{ConversionId, EntryId, SettlementId};
use crate::ledger::{Account, Kind, Transfer};
use crate::money::{Currencies, Currency, Money};
use crate::name::Name;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettlementKind {
    /// What a partner has approved and past its hold becomes paid.
    Payout,
    /// What an advertiser owes is put on an invoice.
    Invoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettlementState {
    /// Proposed; nothing is booked.
    Draft,
    /// Of a payout: the partner has it.
    Paid,
    /// Of an invoice: the advertiser has it.
    Invoiced,
    /// Of an invoice: its money came.
    Received,
    /// Everything that it booked was booked back.
    Cancelled,
}

/// A step from one state of a settlement to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What was proposed is done.
    Settle,
    /// The money of an invoice came.
    Receive,
    Cancel,
}

/// What stands open of one conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub conversion: ConversionId,
    pub micros: i64,
}

/// Why a settlement cannot be made or moved on. Nothing is written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "nothing is open for {party} in {currency} up to then: all of it is settled, held or not approved"
    )]
    Nothing { party: Name, currency: Currency },
    #[error("{sum} is open for {party}: what was taken back is carried until it is made up for")]
    Carried { party: Name, sum: String },
    #[error("{sum} is open for {party}, less than the minimum of {minimum}: it is carried to the next time")]
    BelowMinimum { party: Name, sum: String, minimum: String },
    #[error("the {kind} is {state}: it cannot be {wanted}")]
    Step { kind: &'static str, state: &'static str, wanted: &'static str },
    #[error("the sum is too large")]
    TooLarge,
}

/// One entry of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementEntry {
    pub id: EntryId,
    pub kind: Kind,
    pub conversion: ConversionId,
    pub transfer: Transfer,
}

/// The sum of the lines, if it may be settled.
pub fn propose(
    lines: &[Line],
    party: &Name,
    currency: Currency,
    minimum: Money,
    currencies: &Currencies,
) -> Result<Money, Refusal> {
    let party = party.clone();
    if lines.is_empty() {
        return Err(Refusal::Nothing { party, currency });
    }
    let sum = lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.micros));
    let sum = Money { micros: sum.ok_or(Refusal::TooLarge)?, currency };
    if sum.micros <= 0 {
        return Err(Refusal::Carried { party, sum: currencies.show(sum) });
    }
    if sum.micros < minimum.micros {
        let (sum, minimum) = (currencies.show(sum), currencies.show(minimum));
        return Err(Refusal::BelowMinimum { party, sum, minimum });
    }
    Ok(sum)
}

/// The state that a step leads to.
pub fn next(kind: SettlementKind, state: SettlementState, step: Step) -> Result<SettlementState, Refusal> {
    use SettlementKind::{Invoice, Payout};
    use SettlementState::{Cancelled, Draft, Invoiced, Paid, Received};
    match (kind, state, step) {
        (Payout, Draft, Step::Settle) => Ok(Paid),
        (Invoice, Draft, Step::Settle) => Ok(Invoiced),
        (Invoice, Invoiced, Step::Receive) => Ok(Received),
        (Payout, Draft | Paid, Step::Cancel) | (Invoice, Draft | Invoiced, Step::Cancel) => Ok(Cancelled),
        (_, _, _) => Err(Refusal::Step { kind: kind.code(), state: state.code(), wanted: step.word(kind) }),
    }
}

/// The account that a settlement takes from, the one that it brings to, and the sign with which what is owed stands
/// on both.
pub fn accounts(kind: SettlementKind, party: &Name) -> (Account, Account, i64) {
    let party = || party.clone();
    match kind {
        SettlementKind::Payout => (Account::PartnerApproved(party()), Account::PartnerPaid(party()), 1),
        // What an advertiser owes stands on the debit side.
        SettlementKind::Invoice => {
            (Account::AdvertiserDue(party()), Account::AdvertiserInvoiced(party()), -1)
        }
    }
}

/// The entries of one step, one for each line that moves.
pub fn entries(
    (id, kind, party): (SettlementId, SettlementKind, &Name),
    (from, to): (SettlementState, SettlementState),
    lines: &[Line],
    currency: Currency,
    now: Timestamp,
) -> Vec<SettlementEntry> {
    use SettlementState::{Cancelled, Draft, Invoiced, Paid, Received};
    let (open, settled, sign) = accounts(kind, party);
    let received = || Account::AdvertiserReceived(party.clone());
    let (from_account, to_account, entry_kind) = match (from, to) {
        (Draft, Paid) => (open, settled, Kind::Payout),
        (Draft, Invoiced) => (open, settled, Kind::Invoice),
        (Invoiced, Received) => (settled, received(), Kind::Receipt),
        (Paid, Cancelled) => (settled, open, Kind::Payout),
        (Invoiced, Cancelled) => (settled, open, Kind::Invoice),
        (_, _) => return Vec::new(),
    };
    let reason = format!("{} {id} {}", kind.code(), to.code());
    let entry = |(number, line): (u32, &Line)| {
        let moved = line.micros.checked_mul(sign)?;
        let (debit, credit) =
            if 0 < moved { (&from_account, &to_account) } else { (&to_account, &from_account) };
        let amount = Money { micros: moved.checked_abs()?, currency };
        let transfer = Transfer::new(debit.clone(), credit.clone(), amount, &reason)?;
        let id = id.derive(now, to.code(), number);
        Some(SettlementEntry { id, kind: entry_kind, conversion: line.conversion, transfer })
    };
    (0u32..).zip(lines).filter_map(entry).collect()
}

impl SettlementKind {
    pub fn code(self) -> &'static str {
        match self {
            Self::Payout => "payout",
            Self::Invoice => "invoice",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        [Self::Payout, Self::Invoice].into_iter().find(|kind| kind.code() == code)
    }

    /// The state in which it has been booked.
    pub fn settled(self) -> SettlementState {
        match self {
            Self::Payout => SettlementState::Paid,
            Self::Invoice => SettlementState::Invoiced,
        }
    }
}

impl SettlementState {
    pub const ALL: [Self; 5] = [Self::Draft, Self::Paid, Self::Invoiced, Self::Received, Self::Cancelled];

    pub fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Paid => "paid",
            Self::Invoiced => "invoiced",
            Self::Received => "received",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

impl Step {
    fn word(self, kind: SettlementKind) -> &'static str {
        match self {
            Self::Settle => kind.settled().code(),
            Self::Receive => "received",
            Self::Cancel => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn lines(micros: &[i64]) -> Vec<Line> {
        let id = |number| Id::new(Timestamp::EPOCH, number);
        (0u128..)
            .zip(micros)
            .map(|(number, micros)| Line { conversion: id(number), micros: *micros })
            .collect()
    }

    fn euros(micros: i64) -> Money {
        Money { micros, currency: Currency::parse("EUR").unwrap() }
    }

    #[test]
    fn only_a_positive_sum_of_at_least_the_minimum_is_settled() {
        let party = Name::parse("reel").unwrap();
        let refused = |sums: &[i64], minimum: i64| {
            let currency = Currency::parse("EUR").unwrap();
            propose(&lines(sums), &party, currency, euros(minimum), &Currencies::default())
        };
        assert_eq!(refused(&[5, 7], 12), Ok(euros(12)));
        assert_eq!(refused(&[5, -4], 0), Ok(euros(1)));
        assert!(matches!(refused(&[], 0), Err(Refusal::Nothing { .. })));
        assert!(matches!(refused(&[5, -5], 0), Err(Refusal::Carried { .. })));
        assert!(matches!(refused(&[-5], 0), Err(Refusal::Carried { .. })));
        assert!(matches!(refused(&[5, 7], 13), Err(Refusal::BelowMinimum { .. })));
        assert_eq!(refused(&[i64::MAX, 1], 0), Err(Refusal::TooLarge));
    }

    #[test]
    fn each_state_goes_on_to_what_may_follow_and_to_nothing_else() {
        use SettlementKind::{Invoice, Payout};
        use SettlementState::{Cancelled, Draft, Invoiced, Paid, Received};
        let allowed = [
            (Payout, Draft, Step::Settle, Paid),
            (Payout, Draft, Step::Cancel, Cancelled),
            (Payout, Paid, Step::Cancel, Cancelled),
            (Invoice, Draft, Step::Settle, Invoiced),
            (Invoice, Draft, Step::Cancel, Cancelled),
            (Invoice, Invoiced, Step::Receive, Received),
            (Invoice, Invoiced, Step::Cancel, Cancelled),
        ];
        for kind in [Payout, Invoice] {
            for state in SettlementState::ALL {
                for step in [Step::Settle, Step::Receive, Step::Cancel] {
                    let expected =
                        allowed.iter().find(|case| (case.0, case.1, case.2) == (kind, state, step));
                    assert_eq!(
                        next(kind, state, step).ok(),
                        expected.map(|case| case.3),
                        "{kind:?} {state:?} {step:?}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_a_settlement_books_its_cancelling_books_back(
            sums in proptest::collection::vec(-1_000_000i64..1_000_000, 1..20),
            payout in any::<bool>(),
        ) {
            let kind = if payout { SettlementKind::Payout } else { SettlementKind::Invoice };
            let (party, id) = (Name::parse("reel").unwrap(), Id::new(Timestamp::EPOCH, 7));
            let sign = if payout { 1 } else { -1 };
            let owed: Vec<i64> = sums.iter().map(|sum| sum * sign).collect();
            let of = |from, to| {
                let now = Timestamp::EPOCH;
                entries((id, kind, &party), (from, to), &lines(&owed), Currency::parse("EUR").unwrap(), now)
            };
            let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
            let mut book = |entries: Vec<SettlementEntry>| {
                for SettlementEntry { transfer, .. } in entries {
                    *balances.entry(transfer.debit).or_default() -= transfer.amount.micros;
                    *balances.entry(transfer.credit).or_default() += transfer.amount.micros;
                }
                balances.clone()
            };
            let settled = book(of(SettlementState::Draft, kind.settled()));
            let (open, to, _) = accounts(kind, &party);
            let total: i64 = owed.iter().map(|micros| micros * sign).sum();
            prop_assert_eq!(settled.get(&to).copied().unwrap_or(0), total);
            prop_assert_eq!(settled.get(&open).copied().unwrap_or(0), -total);
            let back = book(of(kind.settled(), SettlementState::Cancelled));
            prop_assert!(back.values().all(|micros| *micros == 0));
        }
    }
}
