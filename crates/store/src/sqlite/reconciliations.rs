//! What a reconciliation asks for: an advertiser's conversions, and what the log knows of lines without one.

use std::collections::HashSet;

use proofback_domain::click_id::ClickId;
use proofback_domain::conversion::Conversion;
use proofback_domain::decide::key_of;
use proofback_domain::id::{ConversionId, Id, PostbackId};
use proofback_domain::money::Money;
use proofback_domain::name::Name;
use proofback_domain::reconcile::{Ours, Seen};
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{Store, known, rows};
use crate::error::StoreError;

/// How much later than its arrival a conversion may be dated: one that a pixel reported first takes the time of the
/// server that confirms it.
const CONFIRMED_WITHIN: Span = Span::from_seconds(31 * 86_400);

/// Which conversions a file may mean.
#[derive(Debug, Clone)]
pub struct OursAsked {
    pub advertiser: Name,
    /// The period, its end excluded.
    pub from: Timestamp,
    pub to: Timestamp,
    /// As they are stored.
    pub txids: Vec<String>,
    pub clicks: Vec<ClickId>,
}

/// A line that no conversion fits, by its place; the txid as it is stored.
#[derive(Debug, Clone)]
pub struct MissingLine {
    pub place: usize,
    pub txid: Option<String>,
    pub click: Option<ClickId>,
}

impl Store {
    /// The conversions of the period, and beside them those that the file names; no tests. One view of the data.
    pub async fn ours(&self, asked: OursAsked) -> Result<Vec<Ours>, StoreError> {
        self.read(move |connection| {
            let mut found = Found { asked: &asked, ids: HashSet::new(), ours: Vec::new() };
            found.of_period(connection)?;
            found.by_txids(connection)?;
            found.by_clicks(connection)?;
            Ok(found.ours)
        })
        .await
    }

    /// What was made of the postbacks that lines without a conversion are about, by the places of the lines.
    pub async fn seen(
        &self,
        advertiser: Name,
        missing: Vec<MissingLine>,
    ) -> Result<Vec<(usize, Seen)>, StoreError> {
        self.read(move |connection| {
            let mut found = Vec::new();
            for line in missing {
                if let Some(seen) = seen(connection, &advertiser, &line)? {
                    found.push((line.place, seen));
                }
            }
            Ok(found)
        })
        .await
    }
}

struct Found<'a> {
    asked: &'a OursAsked,
    ids: HashSet<ConversionId>,
    ours: Vec<Ours>,
}

impl Found<'_> {
    /// Ids begin with the time of arrival, which is never before the event: what arrived before the period need not be
    /// looked at.
    fn of_period(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let OursAsked { advertiser, from, to, .. } = self.asked;
        let first: ConversionId = Id::new(from.minus(CONFIRMED_WITHIN), 0);
        let query = format!(
            "select {} from conversion where id >= ?1 and advertiser = ?2 and event_at >= ?3 and event_at < ?4",
            rows::CONVERSION
        );
        let mut statement = connection.prepare_cached(&query)?;
        let params = (first.to_bytes(), advertiser.as_str(), from.millis(), to.millis());
        for conversion in statement.query_map(params, rows::conversion)? {
            self.take(conversion?);
        }
        Ok(())
    }

    fn by_txids(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let query = "select conversion_id from conversion_key where advertiser = ?1 and txid = ?2 \
            and conversion_id is not null";
        let mut statement = connection.prepare_cached(query)?;
        for txid in &self.asked.txids {
            let params = (self.asked.advertiser.as_str(), key_of(txid, false));
            let found = statement.query_map(params, |row| rows::id(row, 0))?;
            for id in found.collect::<Result<Vec<ConversionId>, _>>()? {
                if self.ids.contains(&id) {
                    continue;
                }
                if let Some(conversion) = known::find_conversion(connection, id)? {
                    self.take(conversion);
                }
            }
        }
        Ok(())
    }

    fn by_clicks(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // The ids alone come from the index; most are known already.
        let query = "select id from conversion where click_id = ?1";
        let mut statement = connection.prepare_cached(query)?;
        for click in &self.asked.clicks {
            let found = statement.query_map([click.to_bytes()], |row| rows::id(row, 0))?;
            for id in found.collect::<Result<Vec<ConversionId>, _>>()? {
                if self.ids.contains(&id) {
                    continue;
                }
                if let Some(conversion) = known::find_conversion(connection, id)? {
                    self.take(conversion);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, conversion: Conversion) {
        let OursAsked { advertiser, from, to, .. } = self.asked;
        if conversion.test || conversion.advertiser != *advertiser || !self.ids.insert(conversion.id) {
            return;
        }
        let at = conversion.event_at;
        let rest = |amount: Money| Money {
            micros: amount.micros.saturating_sub(conversion.refunded_micros).max(0),
            ..amount
        };
        self.ours.push(Ours {
            id: conversion.id,
            click_id: conversion.click_id,
            status: conversion.status,
            held: conversion.held,
            amount: conversion.amount.map(rest),
            refunded_micros: conversion.refunded_micros,
            revenue: conversion.revenue,
            at,
            in_period: *from <= at && at < *to,
            txid: conversion.txid,
            event: conversion.event,
            offer: conversion.offer,
            partner: conversion.partner,
        });
    }
}

const SEEN: &str = "id, at, reason, message, likely";

/// By its txid among what was refused, then among what waits, then by its click.
fn seen(connection: &Connection, advertiser: &Name, line: &MissingLine) -> Result<Option<Seen>, StoreError> {
    let txid = line.txid.as_deref().map(str::trim).filter(|txid| !txid.is_empty());
    if let Some(txid) = txid {
        let query = format!(
            "select {SEEN} from postback where advertiser = ?1 and named_txid = ?2 and outcome = 'rejected' \
             order by id desc limit 1"
        );
        let mut statement = connection.prepare_cached(&query)?;
        let refused = statement.query_row((advertiser.as_str(), txid), seen_row).optional()?;
        if refused.is_some() {
            return Ok(refused);
        }
        let query = format!(
            "select {SEEN} from postback where id = (select postback_id from conversion_key \
             where advertiser = ?1 and txid = ?2 and conversion_id is null limit 1)"
        );
        let mut statement = connection.prepare_cached(&query)?;
        let params = (advertiser.as_str(), key_of(txid, false));
        let waiting = statement.query_row(params, seen_row).optional()?;
        if waiting.is_some() {
            return Ok(waiting);
        }
    }
    let Some(click) = line.click else {
        return Ok(None);
    };
    // One with another txid is about another event; one that counts has its conversion, and is no reason.
    let query = format!(
        "select {SEEN} from postback where click_id = ?1 and advertiser = ?2 \
         and (outcome in ('rejected', 'held') or (outcome = 'duplicate' and named_txid = ?3)) \
         and (?3 is null or named_txid is null or named_txid = ?3) \
         order by coalesce(named_txid = ?3, 0) desc, id desc limit 1"
    );
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_row((click.to_bytes(), advertiser.as_str(), txid), seen_row).optional()?)
}

fn seen_row(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let id: PostbackId = rows::id(row, 0)?;
    Ok(Seen {
        postback_id: id,
        at: rows::time(row, 1)?,
        reason: rows::reason(row, 2)?,
        message: row.get(3)?,
        likely_click: rows::optional_click_id(row, 4)?,
    })
}
