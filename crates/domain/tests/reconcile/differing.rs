//! What differs between a line and its conversion.

use proofback_domain::outcome::Reason;

use crate::*;

#[test]
fn only_what_a_line_names_is_compared() {
    let says = |change: fn(&mut Theirs)| {
        let mut theirs = Theirs { txid: Some("T1".into()), ..bare(1) };
        change(&mut theirs);
        let row = only(theirs, Ours { revenue: Some(money("9 EUR")), ..ours(1) });
        let fields: Vec<&str> = row.differences.iter().map(|difference| difference.field).collect();
        (row.group, fields.join(" "))
    };
    type Case = (fn(&mut Theirs), Group, &'static str);
    let cases: [Case; 14] = [
        (|_| {}, Group::Matched, ""),
        (|line| line.amount = Some(money("100 EUR")), Group::Matched, ""),
        (|line| line.amount = Some(money("99 EUR")), Group::DifferentAmount, "amount"),
        (|line| line.amount = Some(money("100 USD")), Group::DifferentCurrency, "amount"),
        (|line| line.revenue = Some(money("9 EUR")), Group::Matched, ""),
        (|line| line.revenue = Some(money("8 EUR")), Group::DifferentAmount, "revenue"),
        (|line| line.revenue = Some(money("9 USD")), Group::DifferentCurrency, "revenue"),
        (|line| line.amount = Some(money("0 EUR")), Group::DifferentAmount, "amount"),
        (|line| line.status = Some(Status::Approved), Group::Matched, ""),
        (|line| line.status = Some(Status::Pending), Group::DifferentStatus, "status"),
        (|line| line.at = Some(time(90 * DAY)), Group::Matched, ""),
        (
            |line| (line.status, line.amount) = (Some(Status::Pending), Some(money("1 EUR"))),
            Group::DifferentAmount,
            "amount status",
        ),
        (
            |line| (line.amount, line.revenue) = (Some(money("1 USD")), Some(money("1 EUR"))),
            Group::DifferentCurrency,
            "amount revenue",
        ),
        (
            |line| (line.amount, line.revenue) = (Some(money("1 EUR")), Some(money("1 USD"))),
            Group::DifferentCurrency,
            "amount revenue",
        ),
    ];
    for (number, (change, group, fields)) in cases.into_iter().enumerate() {
        assert_eq!(says(change), (group, fields.to_owned()), "case {number}");
    }
}

#[test]
fn rejected_and_reversed_agree_that_nothing_is_owed_and_so_does_a_zero_beside_them() {
    use Status::{Approved, Pending, Rejected, Reversed};
    for (said, have, agree) in [
        (Rejected, Reversed, true),
        (Reversed, Rejected, true),
        (Rejected, Rejected, true),
        (Rejected, Approved, false),
        (Reversed, Pending, false),
        (Approved, Reversed, false),
    ] {
        for amount in [None, Some(money("0 EUR")), Some(money("0 USD")), ours(1).amount] {
            let theirs = Theirs { txid: Some("T1".into()), status: Some(said), amount, ..bare(1) };
            if said == Approved && amount.is_some_and(Money::is_zero) {
                continue;
            }
            let expected = if agree { Group::Matched } else { Group::DifferentStatus };
            let group = only(theirs, Ours { status: have, ..ours(1) }).group;
            assert_eq!(group, expected, "{said:?} {have:?} {amount:?}");
        }
    }
}

#[test]
fn nothing_is_nothing_in_every_currency() {
    let theirs = |amount: &str| Theirs { amount: Some(money(amount)), ..line(1, &ours(1)) };
    for have in [None, Some(money("0 USD"))] {
        assert_eq!(only(theirs("0 EUR"), Ours { amount: have, ..ours(1) }).group, Group::Matched);
    }
    let row = only(theirs("5 EUR"), Ours { amount: None, ..ours(1) });
    assert_eq!(row.group, Group::DifferentAmount);
    assert_eq!(row.differences[0].ours, "none");
}

#[test]
fn what_is_held_is_pending_to_them_and_the_difference_says_why_it_waits() {
    let held = |reason| Ours { held: Some(reason), ..ours(1) };
    let says = |status, ours: &Ours| only(Theirs { status: Some(status), ..line(1, ours) }, ours.clone());
    assert_eq!(says(Status::Pending, &held(Reason::AmountMissing)).group, Group::Matched);
    let row = says(Status::Approved, &held(Reason::AmountMissing));
    assert_eq!(row.group, Group::DifferentStatus);
    assert_eq!(row.differences[0].ours, "pending, held: amount_missing");
    assert_eq!(fields(&row.action), [("event_type", "ftd"), ("status", "approved"), ("txid", "T1")]);
    for reason in [Reason::FraudReview, Reason::OverCap] {
        let row = says(Status::Approved, &held(reason));
        let (whom, why) = asked(&row.action);
        assert_eq!(whom, Whom::Operator);
        assert!(why.contains(reason.code()), "{why}");
        let lowered = says(Status::Rejected, &held(reason));
        assert!(fields(&lowered.action).contains(&("status", "rejected")));
    }
}
