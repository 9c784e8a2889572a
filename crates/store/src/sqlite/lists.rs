//! Lists and single rows for the API: postbacks and conversions, newest first.

use proofback_domain::click_id::ClickId;
use proofback_domain::conversion::Conversion;
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::time::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};

use super::{Store, known, rows};
use crate::error::StoreError;
use crate::model::{EarlierDecision, PostbackRow};
use crate::page::{ConversionFilter, Cursor, Page, PageRequest, PostbackFilter};

impl Store {
    pub async fn postbacks(
        &self,
        filter: PostbackFilter,
        page: PageRequest,
    ) -> Result<Page<PostbackRow>, StoreError> {
        self.read(move |connection| {
            let mut search = Search::new(page.after.as_ref(), filter.from, filter.to);
            search.add("outcome", filter.outcome.map(|outcome| outcome.code()));
            search.add("reason", filter.reason.map(|reason| reason.code()));
            search.add("advertiser", filter.advertiser.map(String::from));
            search.add("click_id", filter.click_id.map(ClickId::to_bytes));
            search.add("json_extract(fields, '$.txid')", filter.txid);
            let query = search.sql(rows::POSTBACK, "postback", page.limit);
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map(search.params().as_slice(), rows::postback)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor(row.id.to_bytes())))
        })
        .await
    }

    /// One postback with its explanation and its earlier decisions.
    pub async fn postback(&self, id: PostbackId) -> Result<Option<PostbackRow>, StoreError> {
        self.read(move |connection| find_postback(connection, id)).await
    }

    pub async fn conversions(
        &self,
        filter: ConversionFilter,
        page: PageRequest,
    ) -> Result<Page<Conversion>, StoreError> {
        self.read(move |connection| {
            let mut search = Search::new(page.after.as_ref(), filter.from, filter.to);
            search.add("advertiser", filter.advertiser.map(String::from));
            search.add("partner", filter.partner.map(String::from));
            search.add("offer", filter.offer.map(String::from));
            search.add("event", filter.event);
            search.add("status", filter.status.map(|status| status.code()));
            search.add("click_id", filter.click_id.map(ClickId::to_bytes));
            search.add("txid", filter.txid);
            search.add("subscription", filter.subscription);
            let query = search.sql(rows::CONVERSION, "conversion", page.limit);
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map(search.params().as_slice(), rows::conversion)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor(row.id.to_bytes())))
        })
        .await
    }

    pub async fn conversion(&self, id: ConversionId) -> Result<Option<Conversion>, StoreError> {
        self.read(move |connection| known::find_conversion(connection, id)).await
    }
}

pub fn find_postback(connection: &Connection, id: PostbackId) -> Result<Option<PostbackRow>, StoreError> {
    let query = format!("select {} from postback where id = ?1", rows::POSTBACK);
    let found = connection.prepare_cached(&query)?.query_row([id.to_bytes()], rows::postback).optional()?;
    let Some(mut row) = found else {
        return Ok(None);
    };
    let query = "select decided_at, outcome, reason, message, checks, revision from earlier_decision \
        where postback_id = ?1 order by number";
    let mut statement = connection.prepare_cached(query)?;
    let earlier = statement.query_map([id.to_bytes()], |row| {
        Ok(EarlierDecision {
            decided_at: rows::time(row, 0)?,
            outcome: rows::outcome(row, 1)?,
            reason: rows::reason(row, 2)?,
            message: row.get(3)?,
            checks: rows::json(row, 4)?,
            revision: row.get(5)?,
        })
    })?;
    row.earlier = earlier.collect::<Result<_, _>>()?;
    Ok(Some(row))
}

/// Conditions on columns named here, never by a caller; values only as parameters.
struct Search {
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Search {
    fn new(after: Option<&Cursor>, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        let mut search = Self { conditions: Vec::new(), values: Vec::new() };
        search.compare("id <", after.map(|cursor| cursor.0));
        search.compare("at >=", from.map(Timestamp::millis));
        search.compare("at <", to.map(Timestamp::millis));
        search
    }

    fn add(&mut self, column: &str, value: Option<impl ToSql + 'static>) {
        self.compare(&format!("{column} ="), value);
    }

    fn compare(&mut self, comparison: &str, value: Option<impl ToSql + 'static>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.conditions.push(format!("{comparison} ?{}", self.values.len()));
        }
    }

    fn sql(&self, columns: &str, table: &str, limit: u32) -> String {
        let conditions =
            if self.conditions.is_empty() { "true".to_owned() } else { self.conditions.join(" and ") };
        format!(
            "select {columns} from {table} where {conditions} order by id desc limit {}",
            u64::from(limit) + 1
        )
    }

    fn params(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}
