//! A file of theirs against conversions of ours: what fits, what differs, what is missing, and what is proposed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod differing;
mod finding;
mod properties;
mod proposing;
mod repeating;
mod whole;

use proofback_domain::click_id::{ClickId, Keys, Prefix};
use proofback_domain::id::{ConversionId, Id};
use proofback_domain::money::{Currencies, Money};
use proofback_domain::name::Name;
use proofback_domain::outcome::Status;
use proofback_domain::reconcile::{
    Action, By, Group, Options, Ours, Reconciliation, Row, Theirs, Whom, reconcile,
};
use proofback_domain::time::Timestamp;

const START: i64 = 1_795_244_760_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn click(number: u32) -> ClickId {
    Keys::new([3; 16], vec![]).sign(Prefix { at: Timestamp::from_millis(START), serial: number, link: 1 })
}

fn money(text: &str) -> Money {
    Currencies::default().parse_money(text).unwrap()
}

fn time(after: i64) -> Timestamp {
    Timestamp::from_millis(START + after)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// An approved ftd of 100 EUR of its own click, in the period.
fn ours(number: u32) -> Ours {
    Ours {
        id: conversion_id(number),
        txid: Some(format!("T{number}")),
        click_id: click(number),
        event: name("ftd"),
        offer: name("casino-de"),
        partner: name("reelmedia"),
        status: Status::Approved,
        held: None,
        amount: Some(money("100 EUR")),
        refunded_micros: 0,
        revenue: None,
        at: time(i64::from(number) * 7 * DAY),
        in_period: true,
    }
}

fn conversion_id(number: u32) -> ConversionId {
    Id::new(Timestamp::from_millis(START), u128::from(number))
}

/// The line in which they would list a conversion as we have it.
fn line(line: usize, ours: &Ours) -> Theirs {
    let waits = ours.held.is_some() && ours.status == Status::Approved;
    let status = if waits { Status::Pending } else { ours.status };
    Theirs {
        line,
        txid: ours.txid.clone(),
        click_id: Some(ours.click_id.to_string()),
        click: Some(ours.click_id),
        event: Some(ours.event.to_string()),
        status: Some(status),
        amount: ours.amount,
        revenue: ours.revenue,
        at: Some(ours.at),
    }
}

/// A line that says what is given and nothing else.
fn bare(number: usize) -> Theirs {
    Theirs { line: number, ..Theirs::default() }
}

fn run(theirs: &[Theirs], ours: &[Ours]) -> Reconciliation {
    reconcile(theirs.to_vec(), ours.to_vec(), &Options::default())
}

fn groups(reconciliation: &Reconciliation) -> Vec<Group> {
    reconciliation.lines.iter().map(|row| row.group).collect()
}

/// Of one line against what is given: its group, how it was found, and the number of its conversion.
fn found(theirs: Theirs, ours: &[Ours]) -> (Group, Option<By>, Option<ConversionId>) {
    let reconciliation = run(&[theirs], ours);
    let row = &reconciliation.lines[0];
    (row.group, row.by, row.ours.as_ref().map(|ours| ours.id))
}

fn only(theirs: Theirs, ours: Ours) -> Row {
    let mut rows = run(&[theirs], &[ours]).lines;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn fields(action: &Action) -> Vec<(&str, &str)> {
    match action {
        Action::Postback { fields, .. } => {
            fields.iter().map(|(field, value)| (*field, value.as_str())).collect()
        }
        Action::Nothing | Action::Ask { .. } => panic!("no postback: {action:?}"),
    }
}

fn asked(action: &Action) -> (Whom, &str) {
    match action {
        Action::Ask { whom, why } => (*whom, why),
        Action::Nothing | Action::Postback { .. } => panic!("no question: {action:?}"),
    }
}
