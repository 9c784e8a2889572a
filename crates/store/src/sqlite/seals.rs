//! Seals: a chain of hashes over the journal, made in batches behind the writes.
//!
//! A batch is read and hashed beside the writer; what the writer does is to insert the seal and what then stands
//! on the accounts that the batch moved, if the seal that it was built on is still the last one.

use proofback_domain::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::tally::Tally;
use super::{Store, rows};
use crate::error::StoreError;
use crate::model::Seal;
use crate::page::{Cursor, Page, PageRequest};

/// Entries in one seal.
const ENTRIES_MAX: u32 = 20_000;
/// Accounts whose balance one seal keeps: the writer is not to be held up by inserting them.
const ACCOUNTS_MAX: usize = 2_000;

/// What a chain begins with.
pub const START: Seal =
    Seal { number: 0, first_entry: 0, last_entry: 0, at: Timestamp::EPOCH, hash: [0; 32] };

impl Store {
    /// Seals the next batch of entries; says how many, none when all are sealed.
    pub async fn seal(&self, now: Timestamp) -> Result<usize, StoreError> {
        let Some(batch) = self.read(move |connection| build(connection, now)).await? else {
            return Ok(0);
        };
        let entries = batch.entries;
        let kept = self.write(move |connection| keep(connection, &batch)).await?;
        Ok(if kept { entries } else { 0 })
    }

    /// Newest first.
    pub async fn seals(&self, page: PageRequest) -> Result<Page<Seal>, StoreError> {
        self.read(move |connection| {
            let query = format!("select {SEAL} from seal where number < ?1 order by number desc limit ?2");
            let mut statement = connection.prepare_cached(&query)?;
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let found = statement.query_map((before, i64::from(page.limit) + 1), seal)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |seal| Cursor::from_number(seal.number)))
        })
        .await
    }
}

pub const SEAL: &str = "number, first_entry, last_entry, at, hash";

pub fn seal(row: &Row<'_>) -> rusqlite::Result<Seal> {
    Ok(Seal {
        number: row.get(0)?,
        first_entry: row.get(1)?,
        last_entry: row.get(2)?,
        at: rows::time(row, 3)?,
        hash: row.get(4)?,
    })
}

/// The newest seal, [`START`] before the first one.
pub fn last(connection: &Connection) -> Result<Seal, StoreError> {
    let query = format!("select {SEAL} from seal order by number desc limit 1");
    Ok(connection.prepare_cached(&query)?.query_row([], seal).optional()?.unwrap_or(START))
}

/// Every column of an entry, in the order in which they are hashed. A further column needs a further form of seal.
pub const LINE: &str = "number, id, at, debit, credit, amount, currency, conversion_id, postback_id, reason, kind, \
    settlement_id, rate";
const LINE_COLUMNS: usize = 13;

/// What is computed with of an entry, as it lies in the row.
pub struct Line<'a> {
    pub number: i64,
    pub at: i64,
    pub debit: &'a str,
    pub credit: &'a str,
    pub amount: i64,
    pub currency: &'a str,
}

impl<'a> Line<'a> {
    /// From a row of [`LINE`].
    pub fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get_ref(0)?.as_i64()?,
            at: row.get_ref(2)?.as_i64()?,
            debit: row.get_ref(3)?.as_str()?,
            credit: row.get_ref(4)?.as_str()?,
            amount: row.get_ref(5)?.as_i64()?,
            currency: row.get_ref(6)?.as_str()?,
        })
    }
}

/// The hash of a seal while its entries go by.
pub struct Chain {
    hasher: Sha256,
    buffer: Vec<u8>,
}

impl Chain {
    pub fn after(hash: &[u8; 32]) -> Self {
        let mut chain = Self { hasher: Sha256::new(), buffer: Vec::with_capacity(512) };
        chain.begin(hash);
        chain
    }

    pub fn begin(&mut self, hash: &[u8; 32]) {
        self.hasher.update(hash);
    }

    /// A row of [`LINE`], each column with its type and, where that does not say it, its length: no two entries
    /// are written alike.
    pub fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.buffer.clear();
        for column in 0..LINE_COLUMNS {
            write(&mut self.buffer, row.get_ref(column)?);
        }
        self.hasher.update(&self.buffer);
        Ok(())
    }

    /// Closes with the seal's own columns; ready for the next one.
    pub fn end(&mut self, seal: &Seal) -> [u8; 32] {
        self.hasher.update(b"seal");
        for number in [seal.number, seal.first_entry, seal.last_entry, seal.at.millis()] {
            self.hasher.update(number.to_be_bytes());
        }
        self.hasher.finalize_reset().into()
    }
}

fn write(buffer: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut sized = |tag: u8, bytes: &[u8]| {
        buffer.push(tag);
        buffer.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        buffer.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Text(bytes) => sized(b't', bytes),
        ValueRef::Blob(bytes) => sized(b'b', bytes),
        ValueRef::Real(value) => sized(b'r', &value.to_bits().to_be_bytes()),
        ValueRef::Integer(value) => {
            buffer.push(b'i');
            buffer.extend_from_slice(&value.to_be_bytes());
        }
        ValueRef::Null => buffer.push(b'n'),
    }
}

/// A seal before it is kept.
pub struct Batch {
    before: Seal,
    seal: Seal,
    entries: usize,
    points: Vec<Point>,
}

/// What stands on an account after a seal.
struct Point {
    account: Box<str>,
    currency: Box<str>,
    micros: i128,
}

/// The seal over the entries behind the last one; `None` when there are none.
pub fn build(connection: &Connection, now: Timestamp) -> Result<Option<Batch>, StoreError> {
    let before = last(connection)?;
    let query = format!("select {LINE} from entry not indexed where number > ?1 order by number limit ?2");
    let mut statement = connection.prepare_cached(&query)?;
    let mut found = statement.query((before.last_entry, ENTRIES_MAX))?;
    let (mut chain, mut tally, mut entries) = (Chain::after(&before.hash), Tally::default(), 0);
    let mut last_entry = before.last_entry;
    while tally.touched() < ACCOUNTS_MAX
        && let Some(row) = found.next()?
    {
        chain.add(row)?;
        let line = Line::read(row)?;
        tally.book(&line);
        last_entry = line.number;
        entries += 1;
    }
    if entries == 0 {
        return Ok(None);
    }
    let (number, first_entry) = (before.number + 1, before.last_entry + 1);
    let mut seal = Seal { number, first_entry, last_entry, at: now, hash: [0; 32] };
    seal.hash = chain.end(&seal);
    let mut points = Vec::with_capacity(tally.touched());
    for sum in tally.sums() {
        let stood = newest_point(connection, &sum.account, &sum.currency)?;
        let micros = stood + sum.micros;
        points.push(Point { account: sum.account.clone(), currency: sum.currency.clone(), micros });
    }
    Ok(Some(Batch { before, seal, entries, points }))
}

/// `false` when another seal was made meanwhile.
pub fn keep(connection: &Connection, batch: &Batch) -> Result<bool, StoreError> {
    if last(connection)? != batch.before {
        return Ok(false);
    }
    let Seal { number, first_entry, last_entry, at, hash } = batch.seal;
    let statement =
        "insert into seal (number, first_entry, last_entry, at, hash) values (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(statement)?.execute((number, first_entry, last_entry, at.millis(), hash))?;
    for point in &batch.points {
        insert_point(connection, point, number)?;
    }
    Ok(true)
}

/// Whole units and millionths stand apart, so that no sum of 64-bit amounts can overflow.
fn insert_point(connection: &Connection, point: &Point, seal: i64) -> Result<(), StoreError> {
    let statement =
        "insert into seal_balance (account, currency, seal, units, micros) values (?1, ?2, ?3, ?4, ?5)";
    let units = i64::try_from(point.micros.div_euclid(MILLION));
    let units =
        units.map_err(|_| StoreError::Failed(format!("the balance of {} overflows", point.account)))?;
    let micros = i64::try_from(point.micros.rem_euclid(MILLION)).unwrap_or(0);
    connection.prepare_cached(statement)?.execute((
        &*point.account,
        &*point.currency,
        seal,
        units,
        micros,
    ))?;
    Ok(())
}

const MILLION: i128 = 1_000_000;

fn newest_point(connection: &Connection, account: &str, currency: &str) -> Result<i128, StoreError> {
    let query = "select units, micros from seal_balance where account = ?1 and currency = ?2 \
        order by seal desc limit 1";
    let found = connection.prepare_cached(query)?.query_row((account, currency), |row| micros(row, 0));
    Ok(found.optional()?.unwrap_or(0))
}

/// From the columns `units` and `micros`.
pub fn micros(row: &Row<'_>, column: usize) -> rusqlite::Result<i128> {
    let (units, micros): (i64, i64) = (row.get(column)?, row.get(column + 1)?);
    Ok(i128::from(units) * MILLION + i128::from(micros))
}
