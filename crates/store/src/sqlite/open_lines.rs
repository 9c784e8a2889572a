//! What stands open of conversions and could be settled: by a payout or an invoice, now or later.

use proofback_domain::id::ConversionId;
use proofback_domain::ledger::Account;
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::settlement::{self, Line, SettlementKind};
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::rows;
use crate::error::StoreError;

/// Which open lines are meant, by the time from when on they may be settled.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// At that time already.
    Until(Timestamp),
    /// Later only: still on hold then.
    After(Timestamp),
}

/// The columns of conversions that a kind of settlement looks at.
pub fn columns(kind: SettlementKind) -> (&'static str, &'static str) {
    match kind {
        SettlementKind::Payout => ("partner", "payable_at"),
        SettlementKind::Invoice => ("advertiser", "billable_at"),
    }
}

/// What stands open of each conversion of a party that may be settled in that time, with the time since when.
pub fn candidates(
    connection: &Connection,
    (kind, party, currency): (SettlementKind, &Name, Currency),
    reach: Reach,
) -> Result<Vec<(Line, i64)>, StoreError> {
    let (owner, since) = columns(kind);
    let (account, _, sign) = settlement::accounts(kind, party);
    let account = account.to_string();
    let (compare, at) = match reach {
        Reach::Until(at) => ("<=", at),
        Reach::After(at) => (">", at),
    };
    let query = format!(
        "select conversion.id, {since}, (select coalesce(sum(case when credit = ?1 then amount else 0 end) \
            - sum(case when debit = ?1 then amount else 0 end), 0) from entry \
            where entry.conversion_id = conversion.id and entry.currency = ?2) \
         from conversion where {owner} = ?3 and {since} {compare} ?4 and {since} is not null order by conversion.id"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map((&account, currency.code(), party.as_str(), at.millis()), |row| {
        let micros: i64 = row.get(2)?;
        Ok((Line { conversion: rows::id(row, 0)?, micros: micros * sign }, row.get::<_, i64>(1)?))
    })?;
    let mut open = Vec::new();
    for line in found {
        let (mut line, since) = line?;
        line.micros -= drafted(connection, (kind, currency), line.conversion)?;
        if line.micros != 0 {
            open.push((line, since));
        }
    }
    Ok(open)
}

/// What drafts have taken up of a conversion in this currency already.
fn drafted(
    connection: &Connection,
    (kind, currency): (SettlementKind, Currency),
    conversion: ConversionId,
) -> Result<i64, StoreError> {
    let query = "select coalesce(sum(settlement_line.amount), 0) from settlement_line \
        join settlement on settlement.number = settlement \
        where conversion_id = ?1 and kind = ?2 and state = 'draft' and currency = ?3";
    let params = (conversion.to_bytes(), kind.code(), currency.code());
    Ok(connection.prepare_cached(query)?.query_row(params, |row| row.get(0))?)
}

/// The sum of what a partner has open in one currency.
pub fn open_sum(
    connection: &Connection,
    partner: &Name,
    currency: Currency,
    reach: Reach,
) -> Result<i128, StoreError> {
    let lines = candidates(connection, (SettlementKind::Payout, partner, currency), reach)?;
    Ok(lines.iter().map(|(line, _)| i128::from(line.micros)).sum())
}

/// Everybody of whom something is open.
pub fn parties(
    connection: &Connection,
    kind: SettlementKind,
    only: Option<Name>,
) -> Result<Vec<Name>, StoreError> {
    if let Some(only) = only {
        return Ok(vec![only]);
    }
    let (owner, since) = columns(kind);
    let query = format!("select distinct {owner} from conversion where {since} is not null order by {owner}");
    let mut statement = connection.prepare_cached(&query)?;
    let parties = statement.query_map([], |row| rows::name(row, 0))?;
    Ok(parties.collect::<Result<_, _>>()?)
}

/// The currencies that were ever booked on the account that is settled.
pub fn currencies(
    connection: &Connection,
    kind: SettlementKind,
    party: &Name,
) -> Result<Vec<Currency>, StoreError> {
    let (account, _, _): (Account, _, _) = settlement::accounts(kind, party);
    let query = "select distinct entry.currency from entry where credit = ?1 \
        union select distinct entry.currency from entry where debit = ?1 order by 1";
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_map([account.to_string()], |row| rows::currency(row, 0))?;
    Ok(found.collect::<Result<_, _>>()?)
}
