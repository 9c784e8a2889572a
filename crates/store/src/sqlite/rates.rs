//! Exchange rates: kept as they were published, never changed; a corrected one is added behind the first.

use std::sync::Arc;

use proofback_domain::calendar::Day;
use proofback_domain::decide::{Review, Word};
use proofback_domain::id::PostbackId;
use proofback_domain::money::Currency;
use proofback_domain::postback::Reading;
use proofback_domain::program::Snapshot;
use proofback_domain::rates::{Published, Rate, Rates};
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::audit::{Deed, record};
use super::{Store, decisions, known, reviews, rows};
use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};

/// Postbacks decided again in one transaction.
const AGAIN_MAX: u32 = 500;

/// One rate of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRate {
    pub day: Day,
    pub base: Currency,
    pub currency: Currency,
    pub rate: Rate,
}

/// What an import of rates did, or would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RatesImported {
    pub added: usize,
    /// Known already, as the file says.
    pub known: usize,
    /// Known with another value; they are added only where they may replace it. Then nothing is added otherwise.
    pub different: Vec<(NewRate, Rate)>,
}

/// A rate as it is listed.
#[derive(Debug, Clone)]
pub struct RateRow {
    pub published: Published,
    pub at: Timestamp,
    pub author: String,
}

impl Store {
    /// Keeps the rates of a file, all or nothing; then nothing waits for them any more.
    pub async fn import_rates(
        &self,
        rates: Vec<NewRate>,
        replace: bool,
        author: String,
        now: Timestamp,
    ) -> Result<RatesImported, StoreError> {
        let (imported, all) = self
            .write(move |connection| {
                let imported = import(connection, &rates, replace, &author, now)?;
                Ok((imported, load(connection)?))
            })
            .await?;
        self.adopt_rates(all);
        Ok(imported)
    }

    /// Decides again what waits for a rate, where rates were added since; says how many were decided.
    pub async fn rates_arrived(&self, now: Timestamp) -> Result<usize, StoreError> {
        let Some(snapshot) = self.snapshot() else {
            return Ok(0);
        };
        let mut decided = 0;
        let mut after = [0; 16];
        loop {
            let snapshot = Arc::clone(&snapshot);
            let (seen, ended, last) =
                self.write(move |connection| again(connection, after, &snapshot, now)).await?;
            decided += ended;
            after = last;
            if seen < AGAIN_MAX as usize {
                break;
            }
        }
        if decided > 0 {
            self.inner.outbox.notify_one();
        }
        Ok(decided)
    }

    /// Rates in the order in which they became known, newest first.
    pub async fn rates(
        &self,
        currency: Option<Currency>,
        page: PageRequest,
    ) -> Result<Page<RateRow>, StoreError> {
        self.read(move |connection| {
            let query = "select number, day, base, currency, rate, at, author from rate \
                where number < ?1 and (?2 is null or currency = ?2) order by number desc limit ?3";
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let mut statement = connection.prepare_cached(query)?;
            let code = currency.map(|currency| currency.to_string());
            let found = statement.query_map((before, code, page.limit + 1), |row| {
                Ok(RateRow { published: published(row)?, at: rows::time(row, 5)?, author: row.get(6)? })
            })?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor::from_number(i64::from(row.published.number))))
        })
        .await
    }
}

pub fn load(connection: &Connection) -> Result<Rates, StoreError> {
    let mut statement =
        connection.prepare("select number, day, base, currency, rate from rate order by number")?;
    let rates = statement.query_map([], published)?;
    Ok(Rates::new(rates.collect::<Result<Vec<_>, _>>()?))
}

fn published(row: &rusqlite::Row<'_>) -> rusqlite::Result<Published> {
    Ok(Published {
        number: row.get(0)?,
        day: Day::from_number(row.get(1)?),
        base: rows::currency(row, 2)?,
        currency: rows::currency(row, 3)?,
        rate: rows::rate(row, 4)?,
    })
}

fn import(
    connection: &Connection,
    rates: &[NewRate],
    replace: bool,
    author: &str,
    now: Timestamp,
) -> Result<RatesImported, StoreError> {
    let all = load(connection)?;
    let mut imported = RatesImported::default();
    let mut new = Vec::new();
    for rate in rates {
        match all.published(rate.base, rate.currency, rate.day) {
            Some(known) if known == rate.rate => imported.known += 1,
            Some(known) => imported.different.push((*rate, known)),
            None => new.push(*rate),
        }
    }
    if !imported.different.is_empty() && !replace {
        return Ok(imported);
    }
    new.extend(imported.different.iter().map(|(rate, _)| *rate));
    let statement =
        "insert into rate (day, base, currency, rate, at, author) values (?1, ?2, ?3, ?4, ?5, ?6)";
    for NewRate { day, base, currency, rate } in &new {
        let params = (day.number(), base.code(), currency.code(), rate.to_string(), now.millis(), author);
        connection.prepare_cached(statement)?.execute(params)?;
    }
    imported.added = new.len();
    if !new.is_empty() {
        let days = new.iter().map(|rate| rate.day);
        let (first, last) = (days.clone().min(), days.max());
        let shown = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
        let reason = format!("{} rates, {} replaced", new.len(), imported.different.len());
        let subject = format!("{} to {}", shown(first), shown(last));
        let deed =
            Deed { at: now, actor: author, action: "rates.import", subject: &subject, reason: &reason };
        record(connection, &deed)?;
    }
    Ok(imported)
}

/// How many were looked at, how many of them no longer wait, and the last one.
fn again(
    connection: &Connection,
    after: [u8; 16],
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(usize, usize, [u8; 16]), StoreError> {
    let query = format!(
        "select id, conversion_id from postback where outcome = 'held' and reason = 'rate_missing' \
         and known_rates < ?1 and id > ?2 order by id limit {AGAIN_MAX}"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let waiting = statement.query_map((snapshot.rates.last(), after), |row| {
        Ok((rows::id::<proofback_domain::id::Postback>(row, 0)?, rows::optional_id(row, 1)?))
    })?;
    let waiting: Vec<_> = waiting.collect::<Result<_, _>>()?;
    let mut ended = 0;
    let mut last = after;
    for (id, conversion_id) in &waiting {
        last = id.to_bytes();
        let conversion = match conversion_id {
            Some(id) => known::find_conversion(connection, *id)?,
            None => None,
        };
        let held = conversion.filter(|conversion| conversion.held.is_some());
        ended += usize::from(match held {
            Some(conversion) => {
                let word = Review {
                    word: Word::Rate,
                    author: "the exchange rates".into(),
                    reason: "the one that was missing is known".into(),
                };
                reviews::carry_word(connection, conversion, &word, snapshot, now)?.is_ok()
            }
            None => change_again(connection, *id, snapshot, now)?,
        });
        // What waits on is looked at again when there are newer rates.
        let seen = "update postback set known_rates = ?2 where id = ?1";
        connection.prepare_cached(seen)?.execute((id.to_bytes(), snapshot.rates.last()))?;
    }
    Ok((waiting.len(), ended, last))
}

/// A change that waits, of a conversion that counts as it is.
fn change_again(
    connection: &Connection,
    id: PostbackId,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(stored) = decisions::find_stored(connection, id)? else {
        return Ok(false);
    };
    decisions::free(connection, id)?;
    let reading = Reading::again(stored, snapshot);
    let decision = decisions::decide_now(connection, &reading, snapshot, id, now)?;
    Ok(decision.reason != proofback_domain::outcome::Reason::RateMissing)
}
