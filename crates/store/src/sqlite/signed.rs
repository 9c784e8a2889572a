//! Signed requests that were taken: each has its effects once, as long as it could pass a second time.

use proofback_domain::decide::{Decision, SentBefore};
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::name::Name;
use proofback_domain::postback::Reading;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{Store, known, rows};
use crate::error::StoreError;

/// Requests forgotten in one transaction.
const FORGET_MAX: u32 = 5_000;

impl Store {
    /// Forgets signed requests that are too old to pass again; says how many, at most some thousand a call.
    pub async fn forget_signed_requests(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let statement = "delete from signed_request where (advertiser, key) in \
                (select advertiser, key from signed_request where until < ?1 order by until limit ?2)";
            Ok(connection.prepare_cached(statement)?.execute((now.millis(), FORGET_MAX))?)
        })
        .await
    }
}

/// Where the same signed request came before.
pub fn find(
    connection: &Connection,
    advertiser: &Name,
    reading: &Reading,
) -> Result<Option<SentBefore>, StoreError> {
    let Some(once) = reading.once else {
        return Ok(None);
    };
    let query = "select postback_id, conversion_id from signed_request \
        left join postback on postback.id = postback_id \
        where signed_request.advertiser = ?1 and key = ?2 and until >= ?3";
    let params = (advertiser.as_str(), once.key, reading.at.millis());
    let read = |row: &rusqlite::Row<'_>| Ok((rows::id(row, 0)?, rows::optional_id(row, 1)?));
    let found: Option<(PostbackId, Option<ConversionId>)> =
        connection.prepare_cached(query)?.query_row(params, read).optional()?;
    let Some((postback_id, conversion_id)) = found else {
        return Ok(None);
    };
    let conversion = conversion_id.map(|id| known::find_conversion(connection, id)).transpose()?.flatten();
    Ok(Some(SentBefore { postback_id, conversion }))
}

pub fn remember(connection: &Connection, decision: &Decision) -> Result<(), StoreError> {
    let (Some(once), Some(advertiser)) = (decision.effects.once, &decision.advertiser) else {
        return Ok(());
    };
    // One that is there by now is too old to count: it has not been cleared yet.
    let statement = "insert into signed_request (advertiser, key, postback_id, until) values (?1, ?2, ?3, ?4) \
        on conflict (advertiser, key) do update set postback_id = excluded.postback_id, until = excluded.until";
    let params = (advertiser.as_str(), once.key, decision.postback_id.to_bytes(), once.until.millis());
    connection.prepare_cached(statement)?.execute(params)?;
    Ok(())
}
