//! Finding clicks and conversions, and loading what a decision may know of the past within its own transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Prefix};
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::decide::{History, Keyed, Known, click_key, key_of, questions, stand_in};
use proofback_domain::fact::AboutClick;
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::name::Name;
use proofback_domain::postback::Reading;
use proofback_domain::program::Snapshot;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::{past, rows, signed};
use crate::error::StoreError;
use crate::facts::Archive;

/// A click's or a subscription's conversions beyond this are too old to matter for a decision.
const CONVERSIONS_MAX: u32 = 200;

/// From which moment the past is seen.
#[derive(Clone, Copy)]
pub enum Moment {
    Now,
    /// As it was when this postback was decided last: without what it and all later ones have done.
    Before {
        postback: PostbackId,
        /// Of its decision, in the order of all.
        place: i64,
        last_change: i64,
    },
}

pub fn load(
    connection: &Connection,
    reading: &Reading,
    snapshot: &Snapshot,
    moment: Moment,
) -> Result<Known, StoreError> {
    if reading.rejection.is_some() {
        return Ok(Known::default());
    }
    let Some(advertiser) = &reading.advertiser else {
        return Ok(Known::default());
    };
    let sent_before = signed::find(connection, advertiser, reading)?;
    if sent_before.is_some() {
        return Ok(Known { sent_before, ..Known::default() });
    }
    let named = reading.click_id().map(|id| find_click(connection, id)).transpose()?.flatten();
    let test = reading.is_test() || named.as_ref().is_some_and(|click| click.details.test);
    let key = |field: &str| reading.field(field).map(str::trim).filter(|txid| !txid.is_empty());
    let under = |txid: Option<&str>, test: bool| match txid {
        Some(txid) => keyed(connection, advertiser.as_str(), &key_of(txid, test), moment),
        None => Ok(Vec::new()),
    };
    let mut under_txid = under(key("txid"), test)?;
    let mut under_original = under(key("original_txid"), test)?;
    let of_subscription = match key("subscription_id") {
        Some(subscription) => of_subscription(connection, advertiser.as_str(), subscription, moment)?,
        None => Vec::new(),
    };
    let stand_in = || stand_in(reading, &under_txid, &under_original, &of_subscription);
    let Some(click_id) = reading.click_id().or_else(stand_in) else {
        return Ok(Known { under_txid, under_original, of_subscription, ..Known::default() });
    };
    let click = match named {
        Some(click) => Some(click),
        None => find_click(connection, click_id)?,
    };
    // A click that was stood in for may be a test, too: then the keys are those of tests.
    let known_test = click.as_ref().map_or(test, |click| test || click.details.test);
    if known_test && !test {
        under_txid = under(key("txid"), true)?;
        under_original = under(key("original_txid"), true)?;
    }
    let of_click = if click.is_some() { of_click(connection, click_id, moment)? } else { Vec::new() };
    // Only a reversal without any id can be found there.
    let has_id = reading.field("txid").is_some() || reading.field("original_txid").is_some();
    let under_click = if has_id { Vec::new() } else { under(Some(&click_key(click_id)), known_test)? };
    let asked = click.as_ref().map(|click| questions(reading, click, snapshot)).unwrap_or_default();
    let answers = match moment {
        Moment::Now => past::answer(connection, asked)?,
        Moment::Before { postback, .. } => past::answered(connection, asked, postback)?,
    };
    Ok(Known {
        click,
        under_txid,
        under_original,
        under_click,
        of_click,
        of_subscription,
        answers,
        sent_before,
    })
}

/// A taken key as its row says.
struct Taken {
    event: Name,
    postback_id: PostbackId,
    conversion_id: Option<ConversionId>,
    click_id: Option<ClickId>,
    /// What it said, of one that waits.
    fields: Option<BTreeMap<String, String>>,
}

fn keyed(
    connection: &Connection,
    advertiser: &str,
    txid: &str,
    moment: Moment,
) -> Result<Vec<Keyed>, StoreError> {
    let mut list = Vec::new();
    for taken in taken(connection, advertiser, txid, moment)? {
        let history = match taken.conversion_id {
            Some(id) => find_conversion(connection, id)?
                .map(|conversion| history(connection, conversion, moment))
                .transpose()?
                .flatten(),
            None => None,
        };
        let Taken { event, postback_id, click_id, fields, .. } = taken;
        list.push(Keyed { event, postback_id, click_id, history, waiting_fields: fields });
    }
    Ok(list)
}

fn taken(
    connection: &Connection,
    advertiser: &str,
    txid: &str,
    moment: Moment,
) -> Result<Vec<Taken>, StoreError> {
    let Moment::Before { place, .. } = moment else {
        let query = "select conversion_key.event, postback_id, conversion_key.conversion_id, \
            coalesce(conversion_key.click_id, postback.click_id), \
            case when conversion_key.conversion_id is null then postback.fields end \
            from conversion_key left join postback on postback.id = postback_id \
            where conversion_key.advertiser = ?1 and txid = ?2";
        return taken_by(connection, query, (advertiser, txid));
    };
    let query = "select conversion_key.event, postback_id, conversion_key.conversion_id, \
            coalesce(conversion_key.click_id, postback.click_id), \
        case when conversion_key.conversion_id is null then postback.fields end \
        from conversion_key left join postback on postback.id = postback_id \
        where conversion_key.advertiser = ?1 and txid = ?2 and taken_at < ?3 \
        union all select freed_key.event, postback_id, null, freed_key.click_id, postback.fields \
        from freed_key left join postback on postback.id = postback_id \
        where freed_key.advertiser = ?1 and txid = ?2 and taken_at < ?3 and ?3 <= freed_at";
    taken_by(connection, query, (advertiser, txid, place))
}

fn taken_by(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Taken>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_map(params, |row| {
        let has_fields = row.get_ref(4)?.as_str_or_null()?.is_some();
        Ok(Taken {
            event: rows::name(row, 0)?,
            postback_id: rows::id(row, 1)?,
            conversion_id: rows::optional_id(row, 2)?,
            click_id: rows::optional_click_id(row, 3)?,
            fields: if has_fields { Some(rows::json(row, 4)?) } else { None },
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn of_click(connection: &Connection, click_id: ClickId, moment: Moment) -> Result<Vec<History>, StoreError> {
    let query = format!(
        "select {} from conversion where click_id = ?1 order by id desc limit {CONVERSIONS_MAX}",
        rows::CONVERSION
    );
    histories(connection, &query, [click_id.to_bytes()], moment)
}

fn of_subscription(
    connection: &Connection,
    advertiser: &str,
    subscription: &str,
    moment: Moment,
) -> Result<Vec<History>, StoreError> {
    let query = format!(
        "select {} from conversion where advertiser = ?1 and subscription = ?2 \
         order by id desc limit {CONVERSIONS_MAX}",
        rows::CONVERSION
    );
    let mut found = histories(connection, &query, (advertiser, subscription), moment)?;
    // What a pixel began belongs to its subscription only since a server confirmed it.
    found.retain(|history| history.conversion.subscription.as_deref() == Some(subscription));
    Ok(found)
}

fn histories(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
    moment: Moment,
) -> Result<Vec<History>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let conversions = statement.query_map(params, rows::conversion)?;
    let found = conversions.map(|conversion| history(connection, conversion?, moment));
    found.filter_map(Result::transpose).collect()
}

pub fn find_conversion(connection: &Connection, id: ConversionId) -> Result<Option<Conversion>, StoreError> {
    let query = format!("select {} from conversion where id = ?1", rows::CONVERSION);
    Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], rows::conversion).optional()?)
}

/// A conversion with its changes; `None` where it was not there at that moment.
pub fn history(
    connection: &Connection,
    mut conversion: Conversion,
    moment: Moment,
) -> Result<Option<History>, StoreError> {
    match moment {
        Moment::Now => {
            let changes = changes(connection, conversion.id)?;
            Ok(Some(History { conversion, changes }))
        }
        Moment::Before { last_change, .. } => {
            let query = "select after from change where conversion_id = ?1 and number <= ?2 \
                order by number desc limit 1";
            let state: Option<rows::ConversionState> = connection
                .prepare_cached(query)?
                .query_row((conversion.id.to_bytes(), last_change), |row| rows::json(row, 0))
                .optional()?;
            let Some(state) = state else {
                return Ok(None);
            };
            state.put_into(&mut conversion);
            let query = format!(
                "select {} from change where conversion_id = ?1 and number <= ?2 order by number",
                rows::CHANGE
            );
            let mut statement = connection.prepare_cached(&query)?;
            let changes = statement.query_map((conversion.id.to_bytes(), last_change), rows::change)?;
            let changes = changes.collect::<Result<_, _>>()?;
            Ok(Some(History { conversion, changes }))
        }
    }
}

pub fn changes(connection: &Connection, id: ConversionId) -> Result<Vec<Change>, StoreError> {
    let query = format!("select {} from change where conversion_id = ?1 order by number", rows::CHANGE);
    let mut statement = connection.prepare_cached(&query)?;
    let changes = statement.query_map([id.to_bytes()], rows::change)?;
    Ok(changes.collect::<Result<_, _>>()?)
}

pub fn find_click(connection: &Connection, id: ClickId) -> Result<Option<Click>, StoreError> {
    let query = format!(
        "select {0} from click where number = ?1 and tail = ?2 \
         union all select {0} from late_click where number = ?1 and tail = ?2",
        rows::CLICK
    );
    let params = (id.prefix().number(), id.tail());
    let found = connection.prepare_cached(&query)?.query_row(params, rows::click).optional()?;
    found.map_or_else(|| find_sealed(connection, &id.to_string()), |click| Ok(Some(click)))
}

/// The click of this time, serial and link.
pub fn find_click_like(connection: &Connection, prefix: Prefix) -> Result<Option<Click>, StoreError> {
    let query = format!(
        "select {0} from click where number = ?1 union all select {0} from late_click where number = ?1",
        rows::CLICK
    );
    let found = connection.prepare_cached(&query)?.query_row([prefix.number()], rows::click).optional()?;
    match found.filter(|click| click.id.prefix() == prefix) {
        Some(click) => Ok(Some(click)),
        None => find_sealed(connection, &prefix.text()),
    }
}

fn find_sealed(connection: &Connection, begins: &str) -> Result<Option<Click>, StoreError> {
    let mut statement = connection.prepare_cached("select sealed_click(?1)")?;
    match statement.query_row([begins], |row| row.get(0))? {
        Value::Text(sealed) => {
            let about: AboutClick = serde_json::from_str(&sealed)?;
            Ok(Some(about.into_click()))
        }
        Value::Blob(why) => Err(StoreError::Unavailable(String::from_utf8_lossy(&why).into_owned())),
        Value::Null | Value::Integer(_) | Value::Real(_) => Ok(None),
    }
}

/// Lets a connection find clicks in sealed files: `sealed_click(begins)` is the click whose id begins like that, as a
/// JSON object, or null. A blob says why nobody can tell now: an error would lose its kind on the way through SQLite.
/// Whoever can wait looks before ([`Archive::find`]), so that the writer need not.
pub fn find_sealed_clicks(connection: &Connection, archive: &Arc<Archive>) -> rusqlite::Result<()> {
    let (archive, runtime) = (Arc::clone(archive), tokio::runtime::Handle::current());
    connection.create_scalar_function("sealed_click", 1, FunctionFlags::SQLITE_UTF8, move |context| {
        let begins = context.get_raw(0).as_str().map_err(|error| user_error(&error))?;
        let found = match runtime.block_on(archive.find(begins)) {
            Ok(None) => return Ok(Value::Null),
            Ok(Some(click)) => click,
            Err(StoreError::Unavailable(why)) => return Ok(Value::Blob(why.into_bytes())),
            Err(error @ StoreError::Failed(_)) => return Err(user_error(&error)),
        };
        let whole = serde_json::to_string(&AboutClick::whole(&found));
        whole.map(Value::Text).map_err(|error| user_error(&error))
    })
}

fn user_error(error: &(impl std::error::Error + ?Sized)) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(error.to_string().into())
}
