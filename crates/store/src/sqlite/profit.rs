//! What a partner's traffic cost and brought: clicks and conversions of a period, summed as they lie.

use std::sync::Arc;

use proofback_domain::click_id::Prefix;
use proofback_domain::conversion::Conversion;
use proofback_domain::id::Id;
use proofback_domain::money::parse_micros;
use proofback_domain::name::Name;
use proofback_domain::outcome::Status;
use proofback_domain::program::Snapshot;
use proofback_domain::reported::reported;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::{Store, rows};
use crate::error::StoreError;

/// Sums in millionths of the program's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profit {
    pub clicks: u64,
    pub cost_micros: i128,
    /// Clicks whose cost is no plain decimal; they cost nothing here.
    pub unreadable_costs: u64,
    /// Approved ones that came in the period.
    pub conversions: u64,
    pub revenue_micros: i128,
    pub payout_micros: i128,
    /// Approved ones of which an exchange rate is missing; their money is not in the sums.
    pub without_rate: u64,
}

impl Store {
    /// Clicks by their time, conversions by their arrival; tests count in neither.
    pub async fn profit(
        &self,
        partner: Name,
        (from, to): (Timestamp, Timestamp),
        snapshot: Arc<Snapshot>,
    ) -> Result<Profit, StoreError> {
        self.read(move |connection| {
            let mut profit = Profit::default();
            add_clicks(connection, &partner, (from, to), &mut profit)?;
            add_conversions(connection, &partner, (from, to), &snapshot, &mut profit)?;
            Ok(profit)
        })
        .await
    }
}

fn add_clicks(
    connection: &Connection,
    partner: &Name,
    (from, to): (Timestamp, Timestamp),
    profit: &mut Profit,
) -> Result<(), StoreError> {
    // Click ids carry their time: the period is one stretch of rows.
    let query = "select json_extract(details, '$.cost') from click \
        where ?1 <= number and number < ?2 and partner = ?3 and at >= ?4 and at < ?5 \
        and json_extract(details, '$.test') is not 1";
    let mut statement = connection.prepare_cached(query)?;
    let first_of = |at| Prefix { at, serial: 0, link: 0 }.number();
    let (first, last) = (first_of(from), first_of(to));
    let mut clicks = statement.query((first, last, partner.as_str(), from.millis(), to.millis()))?;
    while let Some(row) = clicks.next()? {
        profit.clicks += 1;
        let cost: Option<String> = row.get(0)?;
        match cost.as_deref().map(str::trim).filter(|cost| !cost.is_empty()).map(parse_micros) {
            Some(Ok(micros)) => profit.cost_micros += i128::from(micros),
            Some(Err(_)) => profit.unreadable_costs += 1,
            None => {}
        }
    }
    Ok(())
}

fn add_conversions(
    connection: &Connection,
    partner: &Name,
    (from, to): (Timestamp, Timestamp),
    snapshot: &Snapshot,
    profit: &mut Profit,
) -> Result<(), StoreError> {
    let query =
        format!("select {} from conversion where ?1 <= id and id < ?2 and partner = ?3", rows::CONVERSION);
    let mut statement = connection.prepare_cached(&query)?;
    let bound = |at| Id::<proofback_domain::id::Conversion>::new(at, 0).to_bytes();
    let found = statement.query_map((bound(from), bound(to), partner.as_str()), rows::conversion)?;
    for conversion in found {
        let conversion: Conversion = conversion?;
        if conversion.test || conversion.held.is_some() || conversion.status != Status::Approved {
            continue;
        }
        profit.conversions += 1;
        let reported = reported(&conversion, snapshot);
        if reported.margin_micros.is_none() {
            profit.without_rate += 1;
            continue;
        }
        profit.revenue_micros += reported.revenue.map_or(0, |money| i128::from(money.micros));
        profit.payout_micros += reported.payout.map_or(0, |money| i128::from(money.micros));
    }
    Ok(())
}
