//! Finding what an id names, whoever gave it.

use proofback_domain::click::Click;
use proofback_domain::click_id::ClickId;
use proofback_domain::id::{ConversionId, DeliveryId, PostbackId, SettlementId};
use proofback_domain::name::Name;
use proofback_domain::outcome::Reason;
use proofback_domain::settlement::SettlementKind;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{Store, rows};
use crate::error::StoreError;

/// Things of one txid that are found.
const FOUND_MAX: u32 = 20;
/// The newest clicks, among which a partner's own id is looked for: no index has it.
const CLICKS_MAX: u32 = 10_000;

/// Something that has the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Postback { id: PostbackId, click_id: Option<ClickId>, reason: Reason },
    Conversion { id: ConversionId, click_id: ClickId, advertiser: Name, event: Name },
    Delivery { id: DeliveryId, click_id: Option<ClickId>, target: Name },
    Settlement { id: SettlementId, kind: SettlementKind, party: Name },
}

/// Clicks with a partner's own id, and how far back they were looked for.
#[derive(Debug, Clone)]
pub struct Looked {
    pub clicks: Vec<Click>,
    /// So many were looked at.
    pub among: u32,
    pub since: Option<Timestamp>,
}

impl Store {
    /// What has this id of ours, whatever it is; a click has another kind of id.
    pub async fn named(&self, id: [u8; 16]) -> Result<Vec<Found>, StoreError> {
        self.read(move |connection| {
            let one = |query: &str, read: fn(&Row<'_>) -> rusqlite::Result<Found>| {
                connection.prepare_cached(query)?.query_row([id], read).optional()
            };
            let found = [
                one(&format!("select {POSTBACK} from postback where id = ?1"), postback)?,
                one(&format!("select {CONVERSION} from conversion where id = ?1"), conversion)?,
                one("select id, click_id, target from delivery where id = ?1", delivery)?,
                one("select id, kind, party from settlement where id = ?1", settlement)?,
            ];
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }

    /// What an advertiser calls by one of these keys: conversions, postbacks that wait, and those that were refused
    /// with one of these txids.
    pub async fn called(&self, keys: Vec<String>, txids: Vec<String>) -> Result<Vec<Found>, StoreError> {
        self.read(move |connection| {
            let mut found = Vec::new();
            for key in keys {
                keyed(connection, &key, &mut found)?;
            }
            for txid in txids {
                refused(connection, &txid, &mut found)?;
            }
            Ok(found)
        })
        .await
    }

    /// Postbacks that name a click, newest first.
    pub async fn about_click(&self, id: ClickId) -> Result<Vec<Found>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {POSTBACK} from postback where click_id = ?1 order by rowid desc limit {FOUND_MAX}"
            );
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map([id.to_bytes()], postback)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Clicks that a partner calls so, among the newest ones that are not sealed.
    pub async fn clicks_called(&self, partner_click_id: String) -> Result<Looked, StoreError> {
        let written = serde_json::to_string(&partner_click_id)?;
        // As it stands in the document of the click: what only resembles it is not read.
        let written = format!("\"partner_click_id\":{written}");
        self.read(move |connection| {
            let newest = format!("select {} from click order by number desc limit {CLICKS_MAX}", rows::CLICK);
            let query = format!("select * from ({newest}) where instr(details, ?1) > 0 limit {FOUND_MAX}");
            let mut statement = connection.prepare_cached(&query)?;
            let clicks = statement.query_map([written], rows::click)?.collect::<Result<Vec<_>, _>>()?;
            let query = format!("select count(*), min(at) from ({newest})");
            let (among, since) = connection
                .prepare_cached(&query)?
                .query_row([], |row| Ok((row.get(0)?, rows::optional_time(row, 1)?)))?;
            let called = |click: &Click| click.details.partner_click_id == partner_click_id;
            Ok(Looked { clicks: clicks.into_iter().filter(called).collect(), among, since })
        })
        .await
    }
}

const POSTBACK: &str = "id, coalesce(click_id, likely), reason";
const CONVERSION: &str = "id, click_id, advertiser, event";

fn postback(row: &Row<'_>) -> rusqlite::Result<Found> {
    let (id, click_id) = (rows::id(row, 0)?, rows::optional_click_id(row, 1)?);
    Ok(Found::Postback { id, click_id, reason: rows::reason(row, 2)? })
}

fn conversion(row: &Row<'_>) -> rusqlite::Result<Found> {
    let (id, click_id) = (rows::id(row, 0)?, rows::click_id(row, 1)?);
    Ok(Found::Conversion { id, click_id, advertiser: rows::name(row, 2)?, event: rows::name(row, 3)? })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Found> {
    let (id, click_id) = (rows::id(row, 0)?, rows::optional_click_id(row, 1)?);
    Ok(Found::Delivery { id, click_id, target: rows::name(row, 2)? })
}

fn settlement(row: &Row<'_>) -> rusqlite::Result<Found> {
    let (id, kind) = (rows::id(row, 0)?, rows::settlement_kind(row, 1)?);
    Ok(Found::Settlement { id, kind, party: rows::name(row, 2)? })
}

/// Goes from advertiser to advertiser: a seek each, however many keys they have.
fn keyed(connection: &Connection, key: &str, found: &mut Vec<Found>) -> Result<(), StoreError> {
    let query = format!(
        "with recursive one (advertiser) as (select min(advertiser) from conversion_key union all \
            select (select min(advertiser) from conversion_key where advertiser > one.advertiser) \
            from one where one.advertiser is not null) \
         select conversion_id, postback_id from one \
            join conversion_key on conversion_key.advertiser = one.advertiser and txid = ?1 limit {FOUND_MAX}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let taken = statement
        .query_map([key], |row| Ok((row.get::<_, Option<[u8; 16]>>(0)?, row.get::<_, [u8; 16]>(1)?)))?;
    for taken in taken {
        let (conversion_id, postback_id) = taken?;
        let one = match conversion_id {
            Some(id) => {
                let query = format!("select {CONVERSION} from conversion where id = ?1");
                connection.prepare_cached(&query)?.query_row([id], conversion).optional()?
            }
            None => {
                let query = format!("select {POSTBACK} from postback where id = ?1");
                connection.prepare_cached(&query)?.query_row([postback_id], postback).optional()?
            }
        };
        found.extend(one);
    }
    Ok(())
}

fn refused(connection: &Connection, txid: &str, found: &mut Vec<Found>) -> Result<(), StoreError> {
    let query = format!(
        "with recursive one (advertiser) as ( \
            select min(advertiser) from postback indexed by postback_refused where outcome = 'rejected' union all \
            select (select min(advertiser) from postback indexed by postback_refused \
                where outcome = 'rejected' and advertiser > one.advertiser) \
            from one where one.advertiser is not null) \
         select {POSTBACK} from one join postback indexed by postback_refused \
            on postback.advertiser = one.advertiser and named_txid = ?1 and outcome = 'rejected' limit {FOUND_MAX}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map([txid], postback)?;
    found.extend(rows.collect::<Result<Vec<_>, _>>()?);
    Ok(())
}
