//! Balances: sums of entries and of nothing else.

use proofback_domain::money::Currency;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::{Store, rows};
use crate::error::StoreError;
use crate::model::{Balance, EntryRow};
use crate::page::{Cursor, EntryFilter, Page, PageRequest};

impl Store {
    /// What stands on these accounts, in every currency that was ever booked on them.
    pub async fn balances(&self, accounts: Vec<String>) -> Result<Vec<Balance>, StoreError> {
        self.read(move |connection| {
            let mut balances = Vec::new();
            for account in accounts {
                balances.extend(balances_of(connection, &account)?);
            }
            Ok(balances)
        })
        .await
    }

    /// What stands on every account there is, for the proof that all of it sums to zero.
    pub async fn all_balances(&self) -> Result<Vec<Balance>, StoreError> {
        self.read(|connection| {
            let query = "select account from (select distinct debit as account from entry union select distinct credit from entry) order by account";
            let mut statement = connection.prepare_cached(query)?;
            let accounts: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let mut balances = Vec::new();
            for account in accounts {
                balances.extend(balances_of(connection, &account)?);
            }
            Ok(balances)
        })
        .await
    }

    /// Entries of the journal, newest first.
    pub async fn entries(
        &self,
        filter: EntryFilter,
        page: PageRequest,
    ) -> Result<Page<EntryRow>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {}, number from entry where number < ?1 and at >= ?2 and at < ?3 \
                 and (?4 is null or debit = ?4 or credit = ?4) order by number desc limit ?5",
                rows::ENTRY
            );
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let from = filter.from.unwrap_or(Timestamp::EPOCH).millis();
            let to = filter.to.map_or(i64::MAX, Timestamp::millis);
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map((before, from, to, filter.account, page.limit + 1), |row| {
                Ok((rows::entry(row)?, row.get::<_, i64>(9)?))
            })?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |(_, number)| Cursor::from_number(*number))
                .map(|(entry, _)| entry))
        })
        .await
    }
}

/// Whole units and millionths are summed apart, so that no sum of 64-bit amounts can overflow.
fn balances_of(connection: &Connection, account: &str) -> Result<Vec<Balance>, StoreError> {
    let query = "select currency, sum(units), sum(micros) from ( \
        select currency, amount / 1000000 as units, amount % 1000000 as micros from entry where credit = ?1 \
        union all \
        select currency, -(amount / 1000000), -(amount % 1000000) from entry where debit = ?1) \
        group by currency order by currency";
    let mut statement = connection.prepare_cached(query)?;
    let sums = statement.query_map([account], |row| {
        let code: String = row.get(0)?;
        Ok((code, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut balances = Vec::new();
    for sum in sums {
        let (code, units, micros) = sum?;
        let currency = Currency::parse(&code)
            .ok_or_else(|| StoreError::Failed(format!("{code:?} is stored as a currency")))?;
        let micros = i128::from(units) * 1_000_000 + i128::from(micros);
        balances.push(Balance { account: account.to_owned(), currency, micros });
    }
    Ok(balances)
}
