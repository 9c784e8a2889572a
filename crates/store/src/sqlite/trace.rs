//! Everything that happened to one click, from all tables, in order.

use std::collections::HashMap;

use proofback_domain::click_id::ClickId;
use proofback_domain::id::{DeliveryId, PostbackId};
use rusqlite::{Connection, Row};

use super::{Store, deliveries, known, lists, rows};
use crate::error::StoreError;
use crate::model::{AttemptRow, Phases, Trace, TraceItem};

/// More postbacks of one click than this are not shown.
const POSTBACKS_MAX: u32 = 1_000;

impl Store {
    /// `None` for a click that is not in the store.
    pub async fn trace(&self, id: ClickId) -> Result<Option<Trace>, StoreError> {
        self.read(move |connection| trace(connection, id)).await
    }
}

fn trace(connection: &Connection, id: ClickId) -> Result<Option<Trace>, StoreError> {
    let Some(click) = known::find_click(connection, id)? else {
        return Ok(None);
    };
    let mut timeline = vec![TraceItem::Click(Box::new(click.clone()))];
    postbacks(connection, id, &mut timeline)?;
    let query = format!("select {} from conversion where click_id = ?1 order by id", rows::CONVERSION);
    let mut statement = connection.prepare_cached(&query)?;
    let conversions = statement.query_map([id.to_bytes()], rows::conversion)?;
    for conversion in conversions {
        let conversion = conversion?;
        for (number, change) in known::changes(connection, conversion.id)?.into_iter().enumerate() {
            let (change, conversion) = (Box::new(change), Box::new(conversion.clone()));
            timeline.push(TraceItem::Conversion { change, conversion, first: number == 0 });
        }
        let of_conversion = conversion.id.to_bytes();
        entries(connection, &of_conversion, &mut timeline)?;
        outbound(connection, &of_conversion, &mut timeline)?;
    }
    put_in_order(&mut timeline);
    Ok(Some(Trace { click, timeline }))
}

/// By time; within one millisecond each postback is followed by what it caused, in the order of writing.
fn put_in_order(timeline: &mut [TraceItem]) {
    let ids = timeline.iter().filter_map(|item| match item {
        TraceItem::Postback { row, .. } => Some(row.id),
        _ => None,
    });
    let places: HashMap<PostbackId, usize> = ids.zip(1..).collect();
    let place = |item: &TraceItem| match (item, item.postback_id()) {
        (TraceItem::Click(_), _) => 0,
        (_, Some(id)) => places.get(&id).copied().unwrap_or(usize::MAX),
        (_, None) => usize::MAX,
    };
    timeline.sort_by_key(|item| (item.at(), place(item), item.rank()));
}

fn postbacks(connection: &Connection, id: ClickId, timeline: &mut Vec<TraceItem>) -> Result<(), StoreError> {
    let query = format!(
        "select id from postback where click_id = ?1 or likely = ?1 order by rowid limit {POSTBACKS_MAX}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let ids = statement.query_map([id.to_bytes()], |row| rows::id(row, 0))?.collect::<Result<Vec<_>, _>>()?;
    for postback_id in ids {
        if let Some(row) = lists::find_postback(connection, postback_id)? {
            let meant = row.click_id != Some(id);
            timeline.push(TraceItem::Postback { row: Box::new(row), meant });
        }
    }
    Ok(())
}

fn entries(
    connection: &Connection,
    conversion: &[u8; 16],
    timeline: &mut Vec<TraceItem>,
) -> Result<(), StoreError> {
    let query = format!("select {} from entry where conversion_id = ?1 order by number", rows::ENTRY);
    let mut statement = connection.prepare_cached(&query)?;
    for entry in statement.query_map([conversion], rows::entry)? {
        timeline.push(TraceItem::Entry(Box::new(entry?)));
    }
    Ok(())
}

fn outbound(
    connection: &Connection,
    conversion: &[u8; 16],
    timeline: &mut Vec<TraceItem>,
) -> Result<(), StoreError> {
    let query =
        format!("select {} from delivery where conversion_id = ?1 order by number", deliveries::DELIVERY);
    let mut statement = connection.prepare_cached(&query)?;
    for row in statement.query_map([conversion], deliveries::delivery)? {
        let row = row?;
        let id = row.id;
        timeline.push(TraceItem::Delivery(Box::new(row)));
        for attempt in attempts(connection, id)? {
            timeline.push(TraceItem::Attempt(Box::new(attempt)));
        }
    }
    Ok(())
}

/// The attempts of a delivery, in their order.
pub fn attempts(connection: &Connection, id: DeliveryId) -> Result<Vec<AttemptRow>, StoreError> {
    let query = "select delivery_id, number, at, request, status, error, duration_ms, answer, dns_us, connect_us, tls_us, \
        first_byte_us, address, headers from attempt where delivery_id = ?1 order by number";
    let mut statement = connection.prepare_cached(query)?;
    let attempts = statement.query_map([id.to_bytes()], attempt)?;
    Ok(attempts.collect::<Result<_, _>>()?)
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        delivery_id: rows::id(row, 0)?,
        number: row.get(1)?,
        at: rows::time(row, 2)?,
        request: row.get(3)?,
        status: row.get(4)?,
        error: row.get(5)?,
        duration_ms: row.get(6)?,
        answer: row.get(7)?,
        phases: Phases {
            dns_us: row.get(8)?,
            connect_us: row.get(9)?,
            tls_us: row.get(10)?,
            first_byte_us: row.get(11)?,
        },
        address: row.get(12)?,
        headers: row.get(13)?,
    })
}
