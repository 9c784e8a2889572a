//! Double entry: money moves only by transfers from one account to another.
//!
//! A transfer has one debit, one credit and one positive amount, so that books which do not balance cannot
//! be written down. An account's balance is its credits less its debits.

use serde::Serialize;

use crate::money::Money;
use crate::name::Name;

/// Every account there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    PartnerPending(Name),
    PartnerApproved(Name),
    PartnerPaid(Name),
    AdvertiserDue(Name),
    AdvertiserInvoiced(Name),
    AdvertiserReceived(Name),
    HouseIncome,
    HouseCommission,
    HouseExchange,
    HouseCash,
}

/// What an entry is about, for statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A conversion earned it.
    Commission,
    /// An amount or a price changed.
    Adjustment,
    /// A status took it back.
    Reversal,
    Refund,
    Chargeback,
    /// Paid to a partner, or booked back.
    Payout,
    /// Put on an advertiser's invoice, or taken off.
    Invoice,
    /// Paid by an advertiser.
    Receipt,
}

/// One entry of the journal before it has an id and a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transfer {
    pub debit: Account,
    pub credit: Account,
    /// Positive.
    pub amount: Money,
    /// A sentence for people: why this was booked.
    pub reason: String,
}

/// Where the money of one conversion stands: an account and the amount on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub account: Account,
    pub amount: Money,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Commission,
        Self::Adjustment,
        Self::Reversal,
        Self::Refund,
        Self::Chargeback,
        Self::Payout,
        Self::Invoice,
        Self::Receipt,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Commission => "commission",
            Self::Adjustment => "adjustment",
            Self::Reversal => "reversal",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Payout => "payout",
            Self::Invoice => "invoice",
            Self::Receipt => "receipt",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl Transfer {
    /// `None` when nothing would move.
    pub fn new(debit: Account, credit: Account, amount: Money, reason: &str) -> Option<Self> {
        let moves = amount.micros > 0 && debit != credit;
        moves.then(|| Self { debit, credit, amount, reason: reason.to_owned() })
    }
}

/// The transfers that bring one side of a conversion from `before` to `after`, against `house`.
///
/// `None` when an amount does not fit. What stays on its account is not moved.
pub fn settle(
    before: Option<&Position>,
    after: Option<&Position>,
    house: &Account,
    reason: &str,
) -> Option<Vec<Transfer>> {
    let (Some(old), Some(new)) = (before, after) else {
        let back = before.and_then(|old| take(old, house, reason));
        let on = after.and_then(|new| give(new, house, reason));
        return Some(back.into_iter().chain(on).collect());
    };
    if old.amount.currency != new.amount.currency {
        return Some(take(old, house, reason).into_iter().chain(give(new, house, reason)).collect());
    }
    let currency = new.amount.currency;
    let kept = Money { micros: old.amount.micros.min(new.amount.micros), currency };
    let moved = Transfer::new(old.account.clone(), new.account.clone(), kept, reason);
    let less = Money { micros: old.amount.micros.checked_sub(kept.micros)?, currency };
    let more = Money { micros: new.amount.micros.checked_sub(kept.micros)?, currency };
    let fallen = Transfer::new(old.account.clone(), house.clone(), less, reason);
    let risen = Transfer::new(house.clone(), new.account.clone(), more, reason);
    Some(moved.into_iter().chain(fallen).chain(risen).collect())
}

fn take(old: &Position, house: &Account, reason: &str) -> Option<Transfer> {
    Transfer::new(old.account.clone(), house.clone(), old.amount, reason)
}

fn give(new: &Position, house: &Account, reason: &str) -> Option<Transfer> {
    Transfer::new(house.clone(), new.account.clone(), new.amount, reason)
}

impl Account {
    /// Reads `partner:reelmedia:approved` and its like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (kind, name, side, rest) = (parts.next()?, parts.next()?, parts.next(), parts.next());
        if rest.is_some() {
            return None;
        }
        Some(match (kind, name, side) {
            ("house", "income", None) => Self::HouseIncome,
            ("house", "commission", None) => Self::HouseCommission,
            ("house", "exchange", None) => Self::HouseExchange,
            ("house", "cash", None) => Self::HouseCash,
            ("partner", id, Some("pending")) => Self::PartnerPending(Name::parse(id).ok()?),
            ("partner", id, Some("approved")) => Self::PartnerApproved(Name::parse(id).ok()?),
            ("partner", id, Some("paid")) => Self::PartnerPaid(Name::parse(id).ok()?),
            ("advertiser", id, Some("due")) => Self::AdvertiserDue(Name::parse(id).ok()?),
            ("advertiser", id, Some("invoiced")) => Self::AdvertiserInvoiced(Name::parse(id).ok()?),
            ("advertiser", id, Some("received")) => Self::AdvertiserReceived(Name::parse(id).ok()?),
            _ => return None,
        })
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PartnerPending(id) => write!(formatter, "partner:{id}:pending"),
            Self::PartnerApproved(id) => write!(formatter, "partner:{id}:approved"),
            Self::PartnerPaid(id) => write!(formatter, "partner:{id}:paid"),
            Self::AdvertiserDue(id) => write!(formatter, "advertiser:{id}:due"),
            Self::AdvertiserInvoiced(id) => write!(formatter, "advertiser:{id}:invoiced"),
            Self::AdvertiserReceived(id) => write!(formatter, "advertiser:{id}:received"),
            Self::HouseIncome => formatter.write_str("house:income"),
            Self::HouseCommission => formatter.write_str("house:commission"),
            Self::HouseExchange => formatter.write_str("house:exchange"),
            Self::HouseCash => formatter.write_str("house:cash"),
        }
    }
}

impl Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn name() -> Name {
        Name::parse("reelmedia").unwrap()
    }

    #[test]
    fn accounts_read_back_by_their_names() {
        let accounts = [
            Account::PartnerPending(name()),
            Account::PartnerApproved(name()),
            Account::PartnerPaid(name()),
            Account::AdvertiserDue(name()),
            Account::AdvertiserInvoiced(name()),
            Account::AdvertiserReceived(name()),
            Account::HouseIncome,
            Account::HouseCommission,
            Account::HouseExchange,
            Account::HouseCash,
        ];
        for account in accounts {
            assert_eq!(Account::parse(&account.to_string()), Some(account));
        }
        for text in
            ["", "house", "house:rent", "partner:reelmedia", "partner:A:paid", "house:cash:x", "a:b:c:d"]
        {
            assert_eq!(Account::parse(text), None, "{text}");
        }
    }

    fn position(choice: u8, micros: i64, currency: u8) -> Option<Position> {
        let account = match choice {
            0 => return None,
            1 => Account::PartnerPending(name()),
            _ => Account::PartnerApproved(name()),
        };
        let currency = Currency::parse(if currency == 0 { "EUR" } else { "USD" }).unwrap();
        Some(Position { account, amount: Money { micros, currency } })
    }

    proptest! {
        #[test]
        fn settling_leads_exactly_to_the_new_position(
            old in (0u8..3, 0i64..1_000, 0u8..2),
            new in (0u8..3, 0i64..1_000, 0u8..2),
        ) {
            let before = position(old.0, old.1, old.2);
            let after = position(new.0, new.1, new.2);
            let transfers = settle(before.as_ref(), after.as_ref(), &Account::HouseCommission, "test").unwrap();
            let mut balances: BTreeMap<(Account, Currency), i64> = BTreeMap::new();
            if let Some(start) = before {
                *balances.entry((start.account, start.amount.currency)).or_default() += start.amount.micros;
            }
            for transfer in &transfers {
                prop_assert!(transfer.amount.micros > 0);
                *balances.entry((transfer.debit.clone(), transfer.amount.currency)).or_default() -= transfer.amount.micros;
                *balances.entry((transfer.credit.clone(), transfer.amount.currency)).or_default() += transfer.amount.micros;
            }
            balances.retain(|(account, _), micros| *micros != 0 && *account != Account::HouseCommission);
            let mut wanted = BTreeMap::new();
            if let Some(end) = after.filter(|end| end.amount.micros != 0) {
                wanted.insert((end.account, end.amount.currency), end.amount.micros);
            }
            prop_assert_eq!(balances, wanted);
        }
    }
}
