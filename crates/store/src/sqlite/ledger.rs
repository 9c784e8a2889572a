//! Balances and the journal. A balance is a sum of entries and of nothing else: what the last seal says of an
//! account is the sum up to there, the entries behind it are added.

use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::open_lines::{self, Reach};
use super::seals::{self, LINE, Line};
use super::tally::Tally;
use super::{Store, rows};
use crate::error::StoreError;
use crate::model::{Balance, EntryRow};
use crate::page::{Cursor, EntryFilter, Page, PageRequest};

impl Store {
    /// What stands on these accounts, in every currency that was ever booked on them.
    pub async fn balances(&self, accounts: Vec<String>) -> Result<Vec<Balance>, StoreError> {
        self.read(move |connection| {
            let mut tally = Tally::default();
            for account in &accounts {
                add_points_of(connection, account, &mut tally)?;
            }
            add_tail(connection, &mut tally, |account| accounts.iter().any(|wanted| wanted == account))?;
            tally.balances()
        })
        .await
    }

    /// What stands on every account there is, for the proof that all of it sums to zero.
    pub async fn all_balances(&self) -> Result<Vec<Balance>, StoreError> {
        self.balances_of("").await
    }

    /// What stands on every account whose name begins like this: `partner:`, `advertiser:` or `house:`.
    pub async fn balances_of(&self, beginning: &'static str) -> Result<Vec<Balance>, StoreError> {
        self.read(move |connection| {
            let mut tally = Tally::default();
            add_points(connection, beginning, &mut tally)?;
            add_tail(connection, &mut tally, |account| account.starts_with(beginning))?;
            tally.balances()
        })
        .await
    }

    /// What each of these partners has approved in that currency and may not be paid yet.
    pub async fn on_hold(
        &self,
        parties: Vec<(Name, Currency)>,
        now: Timestamp,
    ) -> Result<Vec<i128>, StoreError> {
        self.read(move |connection| {
            let parties = parties.iter();
            let sum = |(partner, currency): &(Name, Currency)| {
                open_lines::open_sum(connection, partner, *currency, Reach::After(now))
            };
            parties.map(sum).collect()
        })
        .await
    }

    /// What stood on an account before `at`, by the time of its entries.
    pub async fn balance_at(&self, account: String, at: Timestamp) -> Result<Vec<Balance>, StoreError> {
        self.read(move |connection| sums_before(connection, &account, at)).await
    }

    /// Entries of the journal, newest first.
    pub async fn entries(
        &self,
        filter: EntryFilter,
        page: PageRequest,
    ) -> Result<Page<EntryRow>, StoreError> {
        self.read(move |connection| {
            let of_conversion = if filter.conversion_id.is_some() { "conversion_id = ?5" } else { "?5 is null" };
            let query = format!(
                "select {} from entry where number < ?1 and at >= ?2 and at < ?3 \
                 and (?4 is null or debit = ?4 or credit = ?4) and {of_conversion} order by number desc limit ?6",
                rows::ENTRY
            );
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let from = filter.from.unwrap_or(Timestamp::EPOCH).millis();
            let to = filter.to.map_or(i64::MAX, Timestamp::millis);
            let conversion_id = filter.conversion_id.map(|id| id.to_bytes());
            let mut statement = connection.prepare_cached(&query)?;
            let params = (before, from, to, filter.account, conversion_id, page.limit + 1);
            let found = statement.query_map(params, rows::entry)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |entry| Cursor::from_number(entry.number)))
        })
        .await
    }
}

/// The newest balance point of each currency of an account: one seek each.
fn add_points_of(connection: &Connection, account: &str, tally: &mut Tally) -> Result<(), StoreError> {
    let query = "select currency, units, micros from seal_balance where account = ?1 and currency > ?2 \
        order by currency, seal desc limit 1";
    let mut statement = connection.prepare_cached(query)?;
    let mut after = String::new();
    loop {
        let next = statement
            .query_row((account, &after), |row| Ok((row.get::<_, String>(0)?, seals::micros(row, 1)?)));
        let Some((currency, micros)) = next.optional()? else {
            return Ok(());
        };
        tally.add(account, &currency, micros);
        after = currency;
    }
}

/// The newest balance point of each currency of every account whose name begins like this.
fn add_points(connection: &Connection, beginning: &str, tally: &mut Tally) -> Result<(), StoreError> {
    let query = "select account, currency, units, micros from seal_balance \
        where (account, currency) > (?1, ?2) order by account, currency, seal desc limit 1";
    let mut statement = connection.prepare_cached(query)?;
    let mut after = (beginning.to_owned(), String::new());
    loop {
        let next = statement.query_row((&after.0, &after.1), |row| {
            Ok(((row.get::<_, String>(0)?, row.get(1)?), seals::micros(row, 2)?))
        });
        let Some((side, micros)) = next.optional()?.filter(|(side, _)| side.0.starts_with(beginning)) else {
            return Ok(());
        };
        after = side;
        tally.add(&after.0, &after.1, micros);
    }
}

/// The entries behind the last seal, on the accounts that are wanted.
fn add_tail(
    connection: &Connection,
    tally: &mut Tally,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), StoreError> {
    let sealed = seals::last(connection)?.last_entry;
    let query = format!("select {LINE} from entry not indexed where number > ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let mut entries = statement.query([sealed])?;
    while let Some(row) = entries.next()? {
        let line = Line::read(row)?;
        for (account, micros) in
            [(line.debit, -i128::from(line.amount)), (line.credit, i128::from(line.amount))]
        {
            if wanted(account) {
                tally.add(account, line.currency, micros);
            }
        }
    }
    Ok(())
}

/// Whole units and millionths are summed apart, so that no sum of 64-bit amounts can overflow.
fn sums_before(connection: &Connection, account: &str, at: Timestamp) -> Result<Vec<Balance>, StoreError> {
    let query = "select currency, sum(units), sum(micros) from ( \
        select currency, amount / 1000000 as units, amount % 1000000 as micros from entry \
            where credit = ?1 and at < ?2 \
        union all \
        select currency, -(amount / 1000000), -(amount % 1000000) from entry where debit = ?1 and at < ?2) \
        group by currency order by currency";
    let mut statement = connection.prepare_cached(query)?;
    let sums = statement.query_map((account, at.millis()), |row| {
        let code: String = row.get(0)?;
        Ok((code, seals::micros(row, 1)?))
    })?;
    let mut balances = Vec::new();
    for sum in sums {
        let (code, micros) = sum?;
        let currency = Currency::parse(&code)
            .ok_or_else(|| StoreError::Failed(format!("{code:?} is stored as a currency")))?;
        balances.push(Balance { account: account.to_owned(), currency, micros });
    }
    Ok(balances)
}
