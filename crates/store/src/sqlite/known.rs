//! Finding clicks and conversions, and loading what a decision may know of the past within its own transaction.

use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Prefix};
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::decide::{History, Keyed, Known, click_key, key_of};
use proofback_domain::id::ConversionId;
use proofback_domain::postback::Reading;
use rusqlite::{Connection, OptionalExtension};

use super::rows;
use crate::error::StoreError;

/// A click's conversions beyond this are too old to matter for a decision.
const OF_CLICK_MAX: u32 = 200;

pub fn load(connection: &Connection, reading: &Reading) -> Result<Known, StoreError> {
    if reading.rejection.is_some() {
        return Ok(Known::default());
    }
    let Some(advertiser) = &reading.advertiser else {
        return Ok(Known::default());
    };
    let named = reading.click_id().map(|id| find_click(connection, id)).transpose()?.flatten();
    let test = reading.is_test() || named.as_ref().is_some_and(|click| click.details.test);
    let key = |field: &str| reading.field(field).map(str::trim).filter(|txid| !txid.is_empty());
    let under = |txid: Option<&str>| match txid {
        Some(txid) => keyed(connection, advertiser.as_str(), &key_of(txid, test)),
        None => Ok(Vec::new()),
    };
    let under_txid = under(key("txid"))?;
    let under_original = under(key("original_txid"))?;
    let click_id = reading.click_id().or_else(|| reading.stand_in(&under_txid, &under_original));
    let Some(click_id) = click_id else {
        return Ok(Known { under_txid, under_original, ..Known::default() });
    };
    let click = match named {
        Some(click) => Some(click),
        None => find_click(connection, click_id)?,
    };
    let of_click = if click.is_some() { of_click(connection, click_id)? } else { Vec::new() };
    // Only a reversal without any id can be found there.
    let has_id = reading.field("txid").is_some() || reading.field("original_txid").is_some();
    let under_click = if has_id {
        Vec::new()
    } else {
        keyed(connection, advertiser.as_str(), &key_of(&click_key(click_id), test))?
    };
    Ok(Known { click, under_txid, under_original, under_click, of_click })
}

fn keyed(connection: &Connection, advertiser: &str, txid: &str) -> Result<Vec<Keyed>, StoreError> {
    let query = "select conversion_key.event, postback_id, conversion_key.conversion_id, postback.click_id, \
        case when conversion_key.conversion_id is null then postback.fields end \
        from conversion_key left join postback on postback.id = postback_id \
        where conversion_key.advertiser = ?1 and txid = ?2";
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_map((advertiser, txid), |row| {
        let conversion_id: Option<ConversionId> = rows::optional_id(row, 2)?;
        let waits = row.get_ref(4)?.as_str_or_null()?.is_some();
        let fields = if waits { Some(rows::json(row, 4)?) } else { None };
        Ok((rows::name(row, 0)?, rows::id(row, 1)?, conversion_id, rows::optional_click_id(row, 3)?, fields))
    })?;
    let mut list = Vec::new();
    for taken in found {
        let (event, postback_id, conversion_id, click_id, waiting_fields) = taken?;
        let history = match conversion_id {
            Some(id) => find_conversion(connection, id)?
                .map(|conversion| with_changes(connection, conversion))
                .transpose()?,
            None => None,
        };
        list.push(Keyed { event, postback_id, click_id, history, waiting_fields });
    }
    Ok(list)
}

fn of_click(connection: &Connection, click_id: ClickId) -> Result<Vec<History>, StoreError> {
    let query = format!(
        "select {} from conversion where click_id = ?1 order by id desc limit {OF_CLICK_MAX}",
        rows::CONVERSION
    );
    let mut statement = connection.prepare_cached(&query)?;
    let conversions = statement.query_map([click_id.to_bytes()], rows::conversion)?;
    conversions.map(|conversion| with_changes(connection, conversion?)).collect()
}

pub fn find_conversion(connection: &Connection, id: ConversionId) -> Result<Option<Conversion>, StoreError> {
    let query = format!("select {} from conversion where id = ?1", rows::CONVERSION);
    Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], rows::conversion).optional()?)
}

fn with_changes(connection: &Connection, conversion: Conversion) -> Result<History, StoreError> {
    let changes = changes(connection, conversion.id)?;
    Ok(History { conversion, changes })
}

pub fn changes(connection: &Connection, id: ConversionId) -> Result<Vec<Change>, StoreError> {
    let query = format!("select {} from change where conversion_id = ?1 order by number", rows::CHANGE);
    let mut statement = connection.prepare_cached(&query)?;
    let changes = statement.query_map([id.to_bytes()], rows::change)?;
    Ok(changes.collect::<Result<_, _>>()?)
}

pub fn find_click(connection: &Connection, id: ClickId) -> Result<Option<Click>, StoreError> {
    let query = format!("select {} from click where number = ?1 and tail = ?2", rows::CLICK);
    let params = (id.prefix().number(), id.tail());
    Ok(connection.prepare_cached(&query)?.query_row(params, rows::click).optional()?)
}

/// The click of this time, serial and link.
pub fn find_click_like(connection: &Connection, prefix: Prefix) -> Result<Option<Click>, StoreError> {
    let query = format!("select {} from click where number = ?1", rows::CLICK);
    let found = connection.prepare_cached(&query)?.query_row([prefix.number()], rows::click).optional()?;
    Ok(found.filter(|click| click.id.prefix() == prefix))
}
