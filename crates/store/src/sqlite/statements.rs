//! Statements: what stood on accounts before a period, what moved in it and what stands after it, by currency.
//!
//! All three are sums over entries, each read for itself: that the first two make up the third is no definition but
//! can be checked. Sums come from the indexes alone; rows are read for a page of lines.

use std::collections::BTreeMap;

use proofback_domain::ledger::{Account, Kind};
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, Row, params_from_iter};

use super::open_lines::{self, Reach};
use super::{Store, rows, seals};
use crate::error::StoreError;
use crate::model::{Movement, Statement, StatementLine};
use crate::page::{Cursor, Page, PageRequest};

/// What a statement is about.
#[derive(Debug, Clone)]
pub struct StatementQuery {
    /// Summed together. What moves between them is of the kind `invoice` and is no movement.
    pub accounts: Vec<Account>,
    /// Accounts whose balances at the end are told beside it, each for itself.
    pub beside: Vec<Account>,
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    /// Absent: every one in which anything was ever booked.
    pub currency: Option<Currency>,
    /// Of what this partner has approved: how much may not be paid out yet at that time.
    pub hold: Option<(Name, Timestamp)>,
}

/// The lines of statements, in the view in which their sums were taken.
pub struct Lines<'a> {
    connection: &'a Connection,
    asked: &'a StatementQuery,
}

impl Store {
    /// Takes the sums and hands them to `show` with the lines behind them, all in one view of the books.
    pub async fn statements<T: Send + 'static>(
        &self,
        asked: StatementQuery,
        show: impl FnOnce(&[Statement], &Lines<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(move |connection| {
            let statements = take(connection, &asked)?;
            show(&statements, &Lines { connection, asked: &asked })
        })
        .await
    }
}

impl Lines<'_> {
    /// A page of the entries that moved something, oldest first.
    pub fn page(&self, currency: Currency, page: &PageRequest) -> Result<Page<StatementLine>, StoreError> {
        let found = self.keys(currency, page)?;
        let keys = Page::cut(found, page.limit, |key| Cursor::from_place(key.at, key.number));
        let mut statement = self.connection.prepare_cached(DETAILS)?;
        let mut lines = Vec::with_capacity(keys.rows.len());
        for key in keys.rows {
            let amount = Money { micros: key.micros, currency };
            lines.push(statement.query_row([key.number], |row| details(row, &key, amount))?);
        }
        Ok(Page { rows: lines, next: keys.next })
    }

    /// Two ordered walks per account, merged: nothing is sorted but what was booked in one millisecond.
    fn keys(&self, currency: Currency, page: &PageRequest) -> Result<Vec<Key>, StoreError> {
        let StatementQuery { accounts, from, to, .. } = self.asked;
        let (at, number) = page.after.as_ref().map_or((*from, 0), Cursor::place);
        let (at, number) = if at < *from { (*from, 0) } else { (at, number) };
        let walks: Vec<String> = (6..)
            .zip(accounts)
            .flat_map(|(account, _)| [("credit", "", account), ("debit", "-", account)])
            .map(|(side, sign, account)| {
                format!(
                    "select at, number, {sign}amount from entry indexed by entry_{side} where {side} = ?{account} \
                     and currency = ?1 and ?2 <= at and at < ?3 and (?2 < at or ?4 < number) and kind <> 'invoice'"
                )
            })
            .collect();
        let query = format!("{} order by 1, 2 limit ?5", walks.join(" union all "));
        let limit = i64::from(page.limit) + 1;
        let plain: [&dyn rusqlite::ToSql; 5] =
            [&currency.code(), &at.millis(), &to.millis(), &number, &limit];
        let names: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        let params = plain.into_iter().chain(names.iter().map(|name| name as &dyn rusqlite::ToSql));
        let mut statement = self.connection.prepare_cached(&query)?;
        let keys = statement.query_map(params_from_iter(params), |row| {
            Ok(Key { at: rows::time(row, 0)?, number: row.get(1)?, micros: row.get(2)? })
        })?;
        Ok(keys.collect::<Result<_, _>>()?)
    }
}

/// An entry as the index has it.
struct Key {
    at: Timestamp,
    number: i64,
    /// Signed.
    micros: i64,
}

const DETAILS: &str = "select entry.id, entry.kind, entry.reason, entry.rate, entry.conversion_id, entry.settlement_id, \
    conversion.offer, conversion.event, conversion.txid, conversion.click_id \
    from entry left join conversion on conversion.id = entry.conversion_id where entry.number = ?1";

fn details(row: &Row<'_>, key: &Key, amount: Money) -> rusqlite::Result<StatementLine> {
    Ok(StatementLine {
        number: key.number,
        at: key.at,
        amount,
        id: rows::id(row, 0)?,
        kind: row.get(1)?,
        reason: row.get(2)?,
        rate: row.get(3)?,
        conversion_id: rows::optional_id(row, 4)?,
        settlement_id: rows::optional_id(row, 5)?,
        offer: rows::optional_name(row, 6)?,
        event: rows::optional_name(row, 7)?,
        txid: row.get(8)?,
        click_id: rows::optional_click_id(row, 9)?,
    })
}

fn take(connection: &Connection, asked: &StatementQuery) -> Result<Vec<Statement>, StoreError> {
    let mut opening = Moved::default();
    let mut movements = Moved::default();
    for account in &asked.accounts {
        let account = account.to_string();
        add(connection, &account, (Timestamp::EPOCH, asked.from), &mut opening)?;
        add(connection, &account, (asked.from, asked.to), &mut movements)?;
    }
    let mut currencies = opening.currencies();
    currencies.extend(movements.currencies());
    let mut beside = Vec::with_capacity(asked.beside.len());
    for account in &asked.beside {
        let mut moved = Moved::default();
        add(connection, &account.to_string(), (Timestamp::EPOCH, asked.to), &mut moved)?;
        currencies.extend(moved.currencies());
        beside.push(moved);
    }
    currencies.retain(|code| asked.currency.is_none_or(|wanted| wanted.code() == code));
    currencies.sort_unstable();
    currencies.dedup();
    let mut statements = Vec::with_capacity(currencies.len());
    for code in currencies {
        let currency = Currency::parse(&code)
            .ok_or_else(|| StoreError::Failed(format!("{code:?} is stored as a currency")))?;
        let by_kind = movements.of(&code);
        let mut statement = Statement {
            currency,
            opening: opening.sum(&code),
            entries: count(&by_kind),
            by_kind,
            closing: 0,
            beside: beside.iter().map(|moved| moved.sum(&code)).collect(),
            on_hold: 0,
        };
        for account in &asked.accounts {
            statement.closing += stood(connection, account, &code, asked.to)?;
        }
        if let Some((partner, now)) = &asked.hold {
            statement.on_hold = open_lines::open_sum(connection, partner, currency, Reach::After(*now))?;
        }
        statements.push(statement);
    }
    Ok(statements)
}

/// What has two lines on these accounts together has none on a statement.
fn count(by_kind: &BTreeMap<String, Movement>) -> u64 {
    let moving = by_kind.iter().filter(|(kind, _)| *kind != Kind::Invoice.code());
    moving.map(|(_, moved)| moved.entries).sum()
}

/// Sums by currency and kind, of which there are few: they are found by looking at each.
#[derive(Default)]
struct Moved(Vec<(Box<str>, Box<str>, Movement)>);

impl Moved {
    fn add(&mut self, currency: &str, kind: &str, micros: i128) {
        let place = self.0.iter().position(|(one, other, _)| **one == *currency && **other == *kind);
        let place = place.unwrap_or_else(|| {
            self.0.push((currency.into(), kind.into(), Movement::default()));
            self.0.len() - 1
        });
        let (_, _, moved) = &mut self.0[place];
        moved.micros += micros;
        moved.entries += 1;
    }

    fn currencies(&self) -> Vec<String> {
        self.0.iter().map(|(currency, _, _)| currency.to_string()).collect()
    }

    fn sum(&self, currency: &str) -> i128 {
        self.of(currency).values().map(|moved| moved.micros).sum()
    }

    fn of(&self, currency: &str) -> BTreeMap<String, Movement> {
        let of_currency = self.0.iter().filter(|(one, _, _)| **one == *currency);
        of_currency.map(|(_, kind, moved)| (kind.to_string(), *moved)).collect()
    }
}

/// Adds what was booked on an account in a span, one entry after another.
fn add(
    connection: &Connection,
    account: &str,
    (from, to): (Timestamp, Timestamp),
    moved: &mut Moved,
) -> Result<(), StoreError> {
    for (side, sign) in [("credit", 1), ("debit", -1)] {
        let query = format!(
            "select currency, amount, kind from entry indexed by entry_{side} \
             where {side} = ?1 and ?2 <= at and at < ?3"
        );
        let mut statement = connection.prepare_cached(&query)?;
        let mut found = statement.query((account, from.millis(), to.millis()))?;
        while let Some(row) = found.next()? {
            let (currency, amount, kind) = side_of(row)?;
            moved.add(currency, kind, sign * i128::from(amount));
        }
    }
    Ok(())
}

fn side_of<'a>(row: &'a Row<'_>) -> rusqlite::Result<(&'a str, i64, &'a str)> {
    Ok((row.get_ref(0)?.as_str()?, row.get(1)?, row.get_ref(2)?.as_str()?))
}

/// What stood on an account in one currency before `at`: a sum by the database. Whole units and millionths are summed
/// apart, so that no sum of 64-bit amounts can overflow.
fn stood(
    connection: &Connection,
    account: &Account,
    currency: &str,
    at: Timestamp,
) -> Result<i128, StoreError> {
    let account = account.to_string();
    let mut sum = 0;
    for (side, sign) in [("credit", 1), ("debit", -1)] {
        let query = format!(
            "select coalesce(sum(amount / 1000000), 0), coalesce(sum(amount % 1000000), 0) \
             from entry indexed by entry_{side} where {side} = ?1 and at < ?2 and currency = ?3"
        );
        let mut statement = connection.prepare_cached(&query)?;
        let params = (&account, at.millis(), currency);
        sum += sign * statement.query_row(params, |row| seals::micros(row, 0))?;
    }
    Ok(sum)
}
