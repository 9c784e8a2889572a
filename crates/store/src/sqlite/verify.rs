//! Checking the whole journal against its seals: every hash and every balance is computed again from the entries.
//!
//! Each difference is told where it arises: a seal is checked against the seal before it as that one is stored, and
//! a balance that is off by as much as before is not told again.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Rows};

use super::Store;
use super::closes::{CLOSE, period_close};
use super::seals::{Chain, LINE, Line, SEAL, START, micros, seal};
use super::tally::Tally;
use crate::error::StoreError;
use crate::model::{LedgerHead, LedgerReport, PeriodClose, Seal, hex};

/// Differences that are told; beyond it they are counted.
const DIFFERENCES_MAX: usize = 100;

impl Store {
    /// Checks all entries, seals, balance points and closed periods in one view of the data; `expect` is a head that
    /// was noted down elsewhere. One check at a time: another waits.
    pub async fn verify_ledger(&self, expect: Option<LedgerHead>) -> Result<LedgerReport, StoreError> {
        let alone = Arc::clone(&self.inner.verifying).lock_owned().await;
        self.read(move |connection| {
            let report = verify(connection, expect);
            drop(alone);
            report
        })
        .await
    }
}

fn verify(connection: &Connection, expect: Option<LedgerHead>) -> Result<LedgerReport, StoreError> {
    let query = format!("select {SEAL} from seal order by number");
    let mut seals = connection.prepare_cached(&query)?;
    let query = format!("select {LINE} from entry not indexed order by number");
    let mut entries = connection.prepare_cached(&query)?;
    let mut check = Check {
        connection,
        expect,
        seals: seals.query([])?,
        current: None,
        before: START,
        chain: Chain::after(&START.hash),
        tally: Tally::default(),
        expected_entry: 1,
        closes: closes(connection)?,
        closes_begun: 0,
        closed_end: 0,
        points: Vec::new(),
        report: LedgerReport {
            entries: 0,
            seals: 0,
            unsealed: 0,
            head: None,
            differences: Vec::new(),
            differences_total: 0,
        },
    };
    check.next_seal()?;
    let mut found = entries.query([])?;
    while let Some(row) = found.next()? {
        check.entry(row)?;
    }
    check.finish()?;
    Ok(check.report)
}

fn closes(connection: &Connection) -> Result<Vec<PeriodClose>, StoreError> {
    let query = format!("select {CLOSE} from period_close order by number");
    let mut statement = connection.prepare_cached(&query)?;
    let closes = statement.query_map([], period_close)?;
    Ok(closes.collect::<Result<_, _>>()?)
}

struct Check<'c> {
    connection: &'c Connection,
    expect: Option<LedgerHead>,
    seals: Rows<'c>,
    /// The seal whose entries go by; `None` behind the last one.
    current: Option<Seal>,
    before: Seal,
    chain: Chain,
    tally: Tally,
    /// The number that the next entry should have.
    expected_entry: i64,
    closes: Vec<PeriodClose>,
    /// How many of the closes lie before the entry that goes by, and the latest of their ends.
    closes_begun: usize,
    closed_end: i64,
    /// Each seal, and how many balance points it should have.
    points: Vec<(i64, i64)>,
    report: LedgerReport,
}

impl Check<'_> {
    fn differs(&mut self, sentence: impl FnOnce() -> String) {
        self.report.differences_total += 1;
        if self.report.differences.len() < DIFFERENCES_MAX {
            self.report.differences.push(sentence());
        }
    }

    fn next_seal(&mut self) -> Result<(), StoreError> {
        self.current = self.seals.next()?.map(seal).transpose()?;
        Ok(())
    }

    fn entry(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let line = Line::read(row)?;
        let number = line.number;
        while let Some(seal) = self.current.filter(|seal| seal.last_entry < number) {
            self.end_seal(seal)?;
        }
        self.in_its_place(number);
        if line.amount <= 0 {
            self.differs(|| format!("entry {number} has an amount that is not positive: {}", line.amount));
        }
        if line.debit == line.credit {
            self.differs(|| format!("entry {number} debits and credits the same account {}", line.debit));
        }
        while let Some(close) = self.closes.get(self.closes_begun).filter(|close| close.last_entry < number) {
            self.closed_end = self.closed_end.max(close.until.millis());
            self.closes_begun += 1;
        }
        if line.at < self.closed_end {
            self.differs(|| format!("entry {number} is dated into a period that was closed before it"));
        }
        self.tally.book(&line);
        self.report.entries += 1;
        if self.current.is_some() {
            self.chain.add(row)?;
        } else {
            self.report.unsealed += 1;
        }
        Ok(())
    }

    /// Numbers run from 1 without a gap.
    fn in_its_place(&mut self, number: i64) {
        let expected = self.expected_entry;
        if number < expected {
            self.differs(|| format!("entry {number} stands before the first one"));
            return;
        }
        if expected < number {
            self.missing(expected, number - 1);
        }
        self.expected_entry = number.saturating_add(1);
    }

    fn missing(&mut self, first: i64, last: i64) {
        self.differs(|| match first == last {
            true => format!("entry {first} is missing"),
            false => format!("entries {first} to {last} are missing"),
        });
    }

    /// All entries of a seal have gone by.
    fn end_seal(&mut self, seal: Seal) -> Result<(), StoreError> {
        let Seal { number, first_entry, last_entry, .. } = seal;
        if number != self.before.number + 1 {
            let after = self.before.number;
            self.differs(|| format!("seal {number} follows seal {after}: a seal is missing or was put in"));
        }
        if first_entry != self.before.last_entry + 1 || last_entry < first_entry {
            let before = self.before.last_entry;
            self.differs(|| {
                format!("seal {number} covers entries {first_entry} to {last_entry}, the one before ends with {before}")
            });
        }
        let hash = self.chain.end(&seal);
        if hash != seal.hash {
            self.differs(|| {
                format!(
                    "seal {number} (entries {first_entry} to {last_entry}) does not fit its entries: \
                     an entry or the seal was changed, removed or put in"
                )
            });
        }
        self.hold_against_note(&seal);
        self.hold_against_closes(&seal);
        self.check_points(number)?;
        self.report.seals += 1;
        self.report.head = Some(LedgerHead { number, hash: seal.hash });
        self.chain.begin(&seal.hash);
        self.before = seal;
        self.next_seal()
    }

    fn hold_against_note(&mut self, seal: &Seal) {
        if let Some(noted) =
            self.expect.filter(|noted| noted.number == seal.number && noted.hash != seal.hash)
        {
            let is = hex(&seal.hash);
            self.differs(|| {
                format!(
                    "seal {} is {is}, not {} as it was noted: the journal up to it was written anew",
                    noted.number,
                    hex(&noted.hash)
                )
            });
        }
    }

    fn hold_against_closes(&mut self, seal: &Seal) {
        let bad = |close: &&PeriodClose| close.last_entry == seal.last_entry && close.hash != seal.hash;
        if let Some(day) = self.closes.iter().find(bad).map(|close| close.day) {
            let number = seal.number;
            self.differs(|| format!("seal {number} is not the one that the close of {day} ended with"));
        }
    }

    /// Every account that a seal moved has a balance point, which says what its entries sum to.
    fn check_points(&mut self, seal: i64) -> Result<(), StoreError> {
        let query =
            "select units, micros from seal_balance where account = ?1 and currency = ?2 and seal = ?3";
        let mut statement = self.connection.prepare_cached(query)?;
        let touched = self.tally.take_touched();
        self.points.push((seal, i64::try_from(touched.len()).unwrap_or(i64::MAX)));
        for place in touched {
            let sum = self.tally.sum(place);
            let key = (&*sum.account, &*sum.currency, seal);
            let point = statement.query_row(key, |row| micros(row, 0)).optional()?;
            let off = point.map_or(0, |stored| stored - sum.micros);
            let told = point.is_some() && (off == 0 || off == sum.known_off);
            sum.known_off = off;
            if told {
                continue;
            }
            let (account, currency, is) = (sum.account.clone(), sum.currency.clone(), decimal(sum.micros));
            self.differs(|| match point {
                None => format!("seal {seal} has no balance of {account} in {currency}"),
                Some(stored) => format!(
                    "seal {seal} says that {} {currency} stand on {account}; its entries sum to {is}",
                    decimal(stored)
                ),
            });
        }
        Ok(())
    }

    /// All entries have gone by.
    fn finish(&mut self) -> Result<(), StoreError> {
        while let Some(seal) = self.current {
            if self.expected_entry <= seal.last_entry {
                self.missing(self.expected_entry, seal.last_entry);
                self.expected_entry = seal.last_entry.saturating_add(1);
            }
            self.end_seal(seal)?;
        }
        if let Some(noted) =
            self.expect.filter(|noted| self.report.head.is_none_or(|head| head.number < noted.number))
        {
            self.differs(|| format!("seal {} was noted and is not there: the journal was cut", noted.number));
        }
        let covered = self.before.last_entry;
        let beyond = self.closes.iter().find(|close| covered < close.last_entry).map(|close| close.day);
        if let Some(day) = beyond {
            self.differs(|| format!("the seals that the close of {day} ended with are not there"));
        }
        self.check_surplus()?;
        self.check_fold();
        Ok(())
    }

    /// No balance point stands beside those that were looked at.
    fn check_surplus(&mut self) -> Result<(), StoreError> {
        let query = "select seal, count(*) from seal_balance group by seal order by seal";
        let connection = self.connection;
        let all: i64 = connection
            .prepare_cached("select count(*) from seal_balance")?
            .query_row([], |row| row.get(0))?;
        if all == self.points.iter().map(|(_, points)| points).sum::<i64>() {
            return Ok(());
        }
        let expected: BTreeMap<i64, i64> = self.points.iter().copied().collect();
        let mut statement = connection.prepare_cached(query)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let (seal, points): (i64, i64) = (row.get(0)?, row.get(1)?);
            let should = expected.get(&seal).copied().unwrap_or(0);
            if should < points {
                self.differs(|| {
                    format!("seal {seal} has {points} balances where its entries move {should} accounts")
                });
            }
        }
        Ok(())
    }

    /// What the balance points say, with the entries behind them, is nothing in all.
    fn check_fold(&mut self) {
        let mut folds: BTreeMap<&str, i128> = BTreeMap::new();
        for sum in self.tally.sums() {
            *folds.entry(&sum.currency).or_default() += sum.micros + sum.known_off;
        }
        let open: Vec<(String, i128)> = folds
            .into_iter()
            .filter(|(_, fold)| *fold != 0)
            .map(|(code, fold)| (code.to_owned(), fold))
            .collect();
        for (currency, fold) in open {
            self.differs(|| format!("the balances in {currency} sum to {} instead of zero", decimal(fold)));
        }
    }
}

/// Millionths as people write them.
fn decimal(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
