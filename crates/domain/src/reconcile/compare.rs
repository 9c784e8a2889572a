//! What differs between a line and the conversion that it means. Only what the line names is compared.

use super::{Difference, Group, Ours, Theirs};
use crate::money::Money;
use crate::outcome::Status;

/// The group of a matched pair, and all that differs.
pub fn compare(theirs: &Theirs, ours: &Ours) -> (Group, Vec<Difference>) {
    let mut group = Group::Matched;
    let mut differences = Vec::new();
    for (field, said, have) in
        [("amount", theirs.amount, ours.amount), ("revenue", theirs.revenue, ours.revenue)]
    {
        let Some(said) = said.filter(|said| !same_money(*said, have) && !is_taken_back(theirs, *said)) else {
            continue;
        };
        let foreign = have.is_some_and(|have| have.currency != said.currency);
        let found = if foreign { Group::DifferentCurrency } else { Group::DifferentAmount };
        group = if rank(group) < rank(found) { found } else { group };
        let ours = have.map_or_else(|| "none".into(), show);
        differences.push(Difference { field, theirs: show(said), ours });
    }
    let standing = if ours.held.is_some() && is_owed(ours.status) { Status::Pending } else { ours.status };
    if let Some(status) = theirs.status.filter(|status| !same_status(*status, standing)) {
        group = if group == Group::Matched { Group::DifferentStatus } else { group };
        let held = ours.held.filter(|_| is_owed(ours.status));
        let ours = match held {
            Some(reason) => format!("{}, held: {}", standing.code(), reason.code()),
            None => standing.code().into(),
        };
        differences.push(Difference { field: "status", theirs: status.code().into(), ours });
    }
    (group, differences)
}

/// How far a pair is from agreeing: currency over amount over status.
pub fn rank(group: Group) -> u8 {
    match group {
        Group::Matched => 0,
        Group::DifferentStatus => 1,
        Group::DifferentAmount => 2,
        Group::DifferentCurrency => 3,
        Group::MissingHere | Group::MissingThere | Group::Repeated | Group::Ambiguous => 4,
    }
}

pub fn show(money: Money) -> String {
    money.to_string()
}

/// Nothing is nothing in every currency, and also where none is named.
fn same_money(said: Money, have: Option<Money>) -> bool {
    have == Some(said) || (said.is_zero() && have.is_none_or(Money::is_zero))
}

/// A line that takes something back often says zero with it: that is its status once more, and no other amount.
fn is_taken_back(theirs: &Theirs, said: Money) -> bool {
    said.is_zero() && theirs.status.is_some_and(|status| !is_owed(status))
}

/// Rejected and reversed are one word to many networks, and to both sides they mean that nothing is owed.
fn same_status(said: Status, have: Status) -> bool {
    said == have || (!is_owed(said) && !is_owed(have))
}

fn is_owed(status: Status) -> bool {
    match status {
        Status::Pending | Status::Approved => true,
        Status::Rejected | Status::Reversed => false,
    }
}
