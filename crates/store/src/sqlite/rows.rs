//! Between rows and values. What cannot be read back is a damaged database and is said so.

use std::collections::BTreeMap;

use proofback_domain::calendar::Day;
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::ClickId;
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::deal::Deal;
use proofback_domain::id::Id;
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::person::Email;
use proofback_domain::postback::Channel;
use proofback_domain::program::Happening;
use proofback_domain::rates::Rate;
use proofback_domain::settlement::{SettlementKind, SettlementState};
use proofback_domain::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};

use crate::model::{EntryRow, PostbackRow};

type Result<T> = rusqlite::Result<T>;

fn damaged(column: usize, what: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_string().into())
}

pub fn id<K>(row: &Row<'_>, column: usize) -> Result<Id<K>> {
    Ok(Id::from_bytes(row.get(column)?))
}

pub fn optional_id<K>(row: &Row<'_>, column: usize) -> Result<Option<Id<K>>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(Id::from_bytes))
}

pub fn click_id(row: &Row<'_>, column: usize) -> Result<ClickId> {
    Ok(ClickId::from_stored(row.get(column)?))
}

pub fn optional_click_id(row: &Row<'_>, column: usize) -> Result<Option<ClickId>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(ClickId::from_stored))
}

pub fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub fn happening(row: &Row<'_>, column: usize) -> Result<Happening> {
    Happening::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "nothing that happens"))
}

pub fn day(row: &Row<'_>, column: usize) -> Result<Day> {
    Day::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no day"))
}

pub fn name(row: &Row<'_>, column: usize) -> Result<Name> {
    let text = row.get_ref(column)?.as_str()?;
    Name::parse(text).map_err(|error| damaged(column, error))
}

pub fn optional_name(row: &Row<'_>, column: usize) -> Result<Option<Name>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => Name::parse(text).map(Some).map_err(|error| damaged(column, error)),
        None => Ok(None),
    }
}

pub fn email(row: &Row<'_>, column: usize) -> Result<Email> {
    Email::parse(row.get_ref(column)?.as_str()?).map_err(|error| damaged(column, error))
}

pub fn status(row: &Row<'_>, column: usize) -> Result<Status> {
    Status::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no status"))
}

pub fn reason(row: &Row<'_>, column: usize) -> Result<Reason> {
    Reason::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no reason"))
}

pub fn outcome(row: &Row<'_>, column: usize) -> Result<Outcome> {
    Outcome::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no outcome"))
}

pub fn channel(row: &Row<'_>, column: usize) -> Result<Channel> {
    Channel::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no channel"))
}

pub fn json<T: for<'de> Deserialize<'de>>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| damaged(column, error))
}

pub fn money(row: &Row<'_>, amount: usize, currency: usize) -> Result<Money> {
    Ok(Money { micros: row.get(amount)?, currency: self::currency(row, currency)? })
}

pub fn currency(row: &Row<'_>, column: usize) -> Result<Currency> {
    Currency::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| damaged(column, "no currency"))
}

pub fn rate(row: &Row<'_>, column: usize) -> Result<Rate> {
    Rate::parse(row.get_ref(column)?.as_str()?).map_err(|error| damaged(column, error))
}

pub fn settlement_kind(row: &Row<'_>, column: usize) -> Result<SettlementKind> {
    let kind = SettlementKind::parse(row.get_ref(column)?.as_str()?);
    kind.ok_or_else(|| damaged(column, "no kind of settlement"))
}

pub fn settlement_state(row: &Row<'_>, column: usize) -> Result<SettlementState> {
    let state = SettlementState::parse(row.get_ref(column)?.as_str()?);
    state.ok_or_else(|| damaged(column, "no state of a settlement"))
}

pub const CLICK: &str = "number, tail, at, link, partner, offer, advertiser, details";

pub fn click(row: &Row<'_>) -> Result<Click> {
    Ok(Click {
        id: ClickId::from_parts(row.get(0)?, row.get(1)?),
        at: time(row, 2)?,
        link: name(row, 3)?,
        partner: name(row, 4)?,
        offer: name(row, 5)?,
        advertiser: name(row, 6)?,
        details: json::<Details>(row, 7)?,
    })
}

/// The part of a conversion that nothing is searched by.
#[derive(Serialize, Deserialize)]
pub struct ConversionMoney {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named_revenue: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named_payout: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commission: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revenue: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adjusted: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deal: Option<Deal>,
    refunded_micros: i64,
    earned: bool,
    test: bool,
    #[serde(default)]
    reviewed: bool,
    revision: u32,
}

/// The part of a conversion that changes: what it was after a change.
#[derive(Serialize, Deserialize)]
pub struct ConversionState {
    event_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    txid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<String>,
    day: Day,
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approve_at: Option<Timestamp>,
    changed_at: Timestamp,
    money: ConversionMoney,
}

impl ConversionMoney {
    pub fn of(conversion: &Conversion) -> Self {
        Self {
            amount: conversion.amount,
            named_revenue: conversion.named_revenue,
            named_payout: conversion.named_payout,
            commission: conversion.commission,
            revenue: conversion.revenue,
            adjusted: conversion.adjusted,
            deal: conversion.deal.clone(),
            refunded_micros: conversion.refunded_micros,
            earned: conversion.earned,
            test: conversion.test,
            reviewed: conversion.reviewed,
            revision: conversion.revision,
        }
    }

    fn put_into(self, conversion: &mut Conversion) {
        conversion.amount = self.amount;
        conversion.named_revenue = self.named_revenue;
        conversion.named_payout = self.named_payout;
        conversion.commission = self.commission;
        conversion.revenue = self.revenue;
        conversion.adjusted = self.adjusted;
        conversion.deal = self.deal;
        conversion.refunded_micros = self.refunded_micros;
        conversion.earned = self.earned;
        conversion.test = self.test;
        conversion.reviewed = self.reviewed;
        conversion.revision = self.revision;
    }
}

impl ConversionState {
    pub fn of(conversion: &Conversion) -> Self {
        Self {
            event_at: conversion.event_at,
            txid: conversion.txid.clone(),
            subscription: conversion.subscription.clone(),
            day: conversion.day,
            status: conversion.status,
            held: conversion.held,
            approve_at: conversion.approve_at,
            changed_at: conversion.changed_at,
            money: ConversionMoney::of(conversion),
        }
    }

    /// Takes a conversion back to this state.
    pub fn put_into(self, conversion: &mut Conversion) {
        conversion.event_at = self.event_at;
        conversion.txid = self.txid;
        conversion.subscription = self.subscription;
        conversion.day = self.day;
        conversion.status = self.status;
        conversion.held = self.held;
        conversion.approve_at = self.approve_at;
        conversion.changed_at = self.changed_at;
        self.money.put_into(conversion);
    }
}

pub const CONVERSION: &str = "conversion.id, conversion.at, conversion.event_at, conversion.advertiser, \
    conversion.offer, conversion.event, conversion.partner, conversion.link, conversion.click_id, conversion.txid, \
    conversion.status, conversion.held, conversion.changed_at, conversion.money, conversion.subscription, conversion.day, \
    conversion.approve_at";

pub fn conversion(row: &Row<'_>) -> Result<Conversion> {
    let money: ConversionMoney = json(row, 13)?;
    let held = match row.get_ref(11)?.as_str_or_null()? {
        Some(_) => Some(reason(row, 11)?),
        None => None,
    };
    let mut conversion = Conversion {
        id: id(row, 0)?,
        at: time(row, 1)?,
        event_at: time(row, 2)?,
        advertiser: name(row, 3)?,
        offer: name(row, 4)?,
        event: name(row, 5)?,
        partner: name(row, 6)?,
        link: name(row, 7)?,
        click_id: click_id(row, 8)?,
        txid: row.get(9)?,
        subscription: row.get(14)?,
        day: Day::from_number(row.get(15)?),
        status: status(row, 10)?,
        held,
        amount: None,
        named_revenue: None,
        named_payout: None,
        commission: None,
        revenue: None,
        refunded_micros: 0,
        earned: false,
        test: false,
        reviewed: false,
        approve_at: row.get::<_, Option<i64>>(16)?.map(Timestamp::from_millis),
        adjusted: None,
        deal: None,
        changed_at: time(row, 12)?,
        revision: 0,
    };
    money.put_into(&mut conversion);
    Ok(conversion)
}

pub const CHANGE: &str =
    "id, conversion_id, postback_id, at, event, txid, named, status, amount, currency, reason, standing";

pub fn change(row: &Row<'_>) -> Result<Change> {
    let amount: Option<i64> = row.get(8)?;
    let (revenue, payout) = json(row, 11)?;
    Ok(Change {
        id: id(row, 0)?,
        conversion_id: id(row, 1)?,
        postback_id: id(row, 2)?,
        at: time(row, 3)?,
        event: name(row, 4)?,
        txid: row.get(5)?,
        named: json(row, 6)?,
        status: status(row, 7)?,
        amount: amount.map(|_| money(row, 8, 9)).transpose()?,
        revenue,
        payout,
        reason: reason(row, 10)?,
    })
}

pub const ENTRY: &str = "id, at, debit, credit, amount, currency, conversion_id, postback_id, reason, number, kind, \
    settlement_id, rate";

pub fn entry(row: &Row<'_>) -> Result<EntryRow> {
    Ok(EntryRow {
        id: id(row, 0)?,
        at: time(row, 1)?,
        debit: row.get(2)?,
        credit: row.get(3)?,
        amount: money(row, 4, 5)?,
        conversion_id: optional_id(row, 6)?,
        postback_id: optional_id(row, 7)?,
        reason: row.get(8)?,
        number: row.get(9)?,
        kind: row.get(10)?,
        settlement_id: optional_id(row, 11)?,
        rate: row.get(12)?,
    })
}

pub const POSTBACK: &str = "id, at, method, path, ip, params, fields, advertiser, click_id, outcome, reason, message, \
    field, advice, checks, conversion_id, status, decided_at, revision, likely, channel, duration_us, seen, expected";

/// How many they are: further ones stand behind.
pub const POSTBACK_COLUMNS: usize = 24;

pub fn postback(row: &Row<'_>) -> Result<PostbackRow> {
    let fields: BTreeMap<String, String> = json(row, 6)?;
    let has_status = row.get_ref(16)?.as_str_or_null()?.is_some();
    Ok(PostbackRow {
        id: id(row, 0)?,
        at: time(row, 1)?,
        method: row.get(2)?,
        path: row.get(3)?,
        ip: row.get(4)?,
        params: json(row, 5)?,
        fields,
        advertiser: optional_name(row, 7)?,
        click_id: optional_click_id(row, 8)?,
        likely_click: optional_click_id(row, 19)?,
        outcome: outcome(row, 9)?,
        reason: reason(row, 10)?,
        message: row.get(11)?,
        field: row.get(12)?,
        seen: row.get(22)?,
        expected: row.get(23)?,
        advice: row.get(13)?,
        checks: json(row, 14)?,
        conversion_id: optional_id(row, 15)?,
        status: if has_status { Some(status(row, 16)?) } else { None },
        decided_at: time(row, 17)?,
        revision: row.get(18)?,
        channel: channel(row, 20)?,
        duration_us: row.get(21)?,
        earlier: Vec::new(),
    })
}
