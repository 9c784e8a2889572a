//! Checking facts against what they were made of: files against what was registered, sums of facts against conversions,
//! postbacks, deliveries and the journal, each computed again from its own rows, in one view of the data.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hasher;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use proofback_domain::calendar::{Day, Zone};
use proofback_domain::fact::HELD;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher13;

use super::sealing::{DAY_MS, failed};
use super::{FactsView, Store, rows};
use crate::error::StoreError;
use crate::facts::{COLUMNS, FactFile, FileKind, Holds, SCHEMA, Summary, Sums};

/// Differences that are told; beyond it they are counted.
const DIFFERENCES_MAX: usize = 100;

/// What a check of all facts found.
#[derive(Debug, Clone, Default)]
pub struct FactsReport {
    pub files: u64,
    /// Rows of facts, sealed and not.
    pub rows: u64,
    /// A sentence each, the first hundred.
    pub differences: Vec<String>,
    pub differences_total: u64,
}

impl FactsReport {
    fn differs(&mut self, sentence: impl FnOnce() -> String) {
        self.differences_total += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(sentence());
        }
    }
}

/// What is counted by: the same words from either side.
type Counts = BTreeMap<String, i128>;

impl Store {
    /// Checks all facts in one view. Reads every sealed file: one check at a time, others wait.
    pub async fn verify_facts(&self) -> Result<FactsReport, StoreError> {
        let _alone = self.inner.verifying.lock().await;
        let (view, raw) = self.view_with(raw_counts).await?;
        let zone = self.zone();
        let mut check = Check {
            report: FactsReport::default(),
            counts: Counts::new(),
            visitors: Visitors::new(zone, &view),
        };
        let mut files: Vec<FactFile> = view.catalog.files.clone();
        files.sort_by_key(|file| file.day);
        for file in files {
            let bytes = self.inner.archive.depot.read(&file.path).await;
            check = super::blocking(move || {
                match bytes {
                    Ok(bytes) => check.file(&file, bytes)?,
                    Err(error) => check.report.differs(|| error.to_string()),
                }
                Ok(check)
            })
            .await?;
        }
        super::blocking(move || check.finish(&view, raw)).await
    }
}

struct Check {
    report: FactsReport,
    counts: Counts,
    visitors: Visitors,
}

impl Check {
    fn file(&mut self, file: &FactFile, bytes: Bytes) -> Result<(), StoreError> {
        self.report.files += 1;
        let path = &file.path;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != file.hash {
            self.report
                .differs(|| format!("the file {path} is not as it was sealed: its hash is another one"));
        }
        let options = ArrowReaderOptions::new().with_schema(std::sync::Arc::clone(&SCHEMA));
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)
            .and_then(ParquetRecordBatchReaderBuilder::build);
        let reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                self.report.differs(|| format!("the file {path} cannot be read: {error}"));
                return Ok(());
            }
        };
        let mut summary = Summary::default();
        for (day, more) in self.visitors.ended(file.day) {
            self.report.differs(|| not_first(day, more));
        }
        for batch in reader {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.report.differs(|| format!("the file {path} cannot be read: {error}"));
                    return Ok(());
                }
            };
            summary.rows += batch.num_rows() as u64;
            add_sums(&mut summary.sums, &batch);
            self.batch(&batch, file.kind, file.raw)?;
        }
        if summary.rows != file.summary.rows {
            let (is, was) = (summary.rows, file.summary.rows);
            self.report.differs(|| format!("the file {path} has {is} rows, {was} were sealed"));
        }
        for ((name, is), (_, was)) in summary.sums.named().zip(file.summary.sums.named()) {
            if is != was {
                self.report.differs(|| format!("{name} of the file {path} sums to {is}, {was} was sealed"));
            }
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, kind: FileKind, raw: bool) -> Result<(), StoreError> {
        self.report.rows += batch.num_rows() as u64;
        match kind {
            FileKind::Clicks if raw => self.visitors.look(batch),
            FileKind::Clicks => Ok(()),
            FileKind::Events => count(batch, &mut self.counts),
        }
    }

    fn finish(mut self, view: &FactsView, raw: Counts) -> Result<FactsReport, StoreError> {
        for batch in &view.clicks {
            self.batch(batch, FileKind::Clicks, true)?;
        }
        for batch in &view.events {
            self.batch(batch, FileKind::Events, true)?;
        }
        for (day, more) in self.visitors.ended(i64::MAX) {
            self.report.differs(|| not_first(day, more));
        }
        self.counts.retain(|_, count| *count != 0);
        let names: HashSet<String> = self.counts.keys().chain(raw.keys()).cloned().collect();
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort();
        for name in names {
            let count = |counts: &Counts| counts.get(&name).copied().unwrap_or(0);
            let (facts, rows) = (count(&self.counts), count(&raw));
            if facts != rows {
                self.report.differs(|| format!("{name}: reports count {facts}, the rows themselves {rows}"));
            }
        }
        Ok(self.report)
    }
}

fn not_first(day: Day, more: i64) -> String {
    format!("{more} more clicks of {day} are told to be their visitor's first than there are visitors")
}

/// First visits that are told, held against the visitors that there are.
struct Visitors {
    zone: Zone,
    /// Visitors, and clicks that are told to be their first.
    days: BTreeMap<Day, (HashSet<u64>, i64)>,
    /// Days of which only sums are left.
    reduced: HashSet<Day>,
}

impl Visitors {
    fn new(zone: Zone, view: &FactsView) -> Self {
        let mut reduced = HashSet::new();
        for file in view.catalog.files.iter().filter(|file| file.kind == FileKind::Clicks && !file.raw) {
            let (first, last) = file.summary.clicked.unwrap_or_default();
            for at in (first..=last).step_by(usize::try_from(DAY_MS / 2).unwrap_or(1)).chain([last]) {
                reduced.insert(zone.day(Timestamp::from_millis(at)));
            }
        }
        Self { zone, days: BTreeMap::new(), reduced }
    }

    fn look(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let columns = ["link", "ip", "user_agent"].map(|name| text(batch, name));
        let [links, ips, agents] = columns;
        let (links, ips, agents) = (links?, ips?, agents?);
        let at =
            batch.column_by_name("click_at").and_then(|at| at.as_primitive_opt::<TimestampMillisecondType>());
        let unique = batch.column_by_name("unique").and_then(|unique| unique.as_boolean_opt());
        let (Some(at), Some(unique)) = (at, unique) else {
            return Err(failed("a batch lacks a column"));
        };
        for row in 0..batch.num_rows() {
            let day = self.zone.day(Timestamp::from_millis(at.value(row)));
            let mut hasher = SipHasher13::new();
            for part in [&links, &ips, &agents] {
                hasher.write(part.as_string::<i32>().value(row).as_bytes());
                hasher.write_u8(0xff);
            }
            let (visitors, told) = self.days.entry(day).or_default();
            visitors.insert(hasher.finish());
            *told += i64::from(unique.value(row));
        }
        Ok(())
    }

    /// The days before this UTC day to which nothing more comes, where more or fewer first visits are told than there
    /// are visitors.
    fn ended(&mut self, day: i64) -> Vec<(Day, i64)> {
        let day = i32::try_from(day).unwrap_or(i32::MAX);
        let open = self.days.split_off(&Day::from_number(day.saturating_sub(1)));
        let ended = std::mem::replace(&mut self.days, open);
        let ended = if day == i32::MAX {
            ended.into_iter().chain(std::mem::take(&mut self.days)).collect()
        } else {
            ended
        };
        let off = ended
            .into_iter()
            .map(|(day, (visitors, told))| (day, told - i64::try_from(visitors.len()).unwrap_or(i64::MAX)));
        off.filter(|(day, more)| *more != 0 && !self.reduced.contains(day)).collect()
    }
}

fn text(batch: &RecordBatch, name: &str) -> Result<ArrayRef, StoreError> {
    let column =
        batch.column_by_name(name).ok_or_else(|| failed(format!("a batch lacks the column {name}")))?;
    cast(column, &DataType::Utf8).map_err(failed)
}

fn add_sums(sums: &mut Sums, batch: &RecordBatch) {
    let columns = COLUMNS.iter().filter(|column| column.holds == Holds::Sum);
    let values: Vec<_> = columns
        .filter_map(|column| batch.column_by_name(column.name)?.as_primitive_opt::<Int64Type>().cloned())
        .collect();
    for row in 0..batch.num_rows() {
        let row: Vec<i64> = values.iter().map(|values| values.value(row)).collect();
        if let Ok(row) = row.try_into() {
            sums.add(&row);
        }
    }
}

/// Counts what facts say of conversions, postbacks, deliveries and earnings.
fn count(batch: &RecordBatch, counts: &mut Counts) -> Result<(), StoreError> {
    let names = ["kind", "event", "status", "currency", "outcome", "reason", "partner"];
    let texts = names.map(|name| text(batch, name));
    let mut columns = Vec::with_capacity(texts.len());
    for text in texts {
        columns.push(text?);
    }
    let number = |name: &str, row: usize| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        column.map_or(0, |column| column.value(row))
    };
    let test = batch.column_by_name("test").and_then(|test| test.as_boolean_opt());
    for row in 0..batch.num_rows() {
        let [kind, event, status, currency, outcome, reason, partner] =
            std::array::from_fn(|place| columns[place].as_string::<i32>().value(row));
        let test = test.is_some_and(|test| test.value(row));
        match kind {
            "conversion" => {
                let said = Said { event, status, currency, test };
                said.add(
                    counts,
                    ["conversions", "payout", "revenue", "amount"].map(|name| number(name, row)),
                );
                if ["pending", "approved"].contains(&status) && !test {
                    add(counts, format!("what {partner} earned in {currency}"), number("payout", row).into());
                }
            }
            "postback" => add(counts, answers(outcome, reason), number("postbacks", row).into()),
            "delivery" => add(counts, FAILED.into(), number("failed_deliveries", row).into()),
            _ => {}
        }
    }
    Ok(())
}

const FAILED: &str = "failed deliveries";

fn answers(outcome: &str, reason: &str) -> String {
    format!("postbacks {outcome} ({reason})")
}

fn add(counts: &mut Counts, name: String, more: i128) {
    if more != 0 {
        *counts.entry(name).or_default() += more;
    }
}

struct Said<'a> {
    event: &'a str,
    status: &'a str,
    currency: &'a str,
    test: bool,
}

impl Said<'_> {
    fn add(&self, counts: &mut Counts, [conversions, payout, revenue, amount]: [i64; 4]) {
        let Self { event, status, currency, test } = self;
        let test = if *test { ", tests" } else { "" };
        add(counts, format!("{event} {status} of money in {currency}{test}"), conversions.into());
        for (name, micros) in [("payout", payout), ("revenue", revenue), ("amount", amount)] {
            add(
                counts,
                format!("{name} of {event} {status} in {currency}{test}, in millionths"),
                micros.into(),
            );
        }
    }
}

/// The same from conversions as they stand, the log, the outbox and the journal.
fn raw_counts(connection: &Connection) -> Result<Counts, StoreError> {
    let mut counts = Counts::new();
    let query = format!("select {} from conversion", rows::CONVERSION);
    let mut statement = connection.prepare_cached(&query)?;
    for conversion in statement.query_map([], rows::conversion)? {
        let conversion = conversion?;
        for fact in proofback_domain::fact::of_conversion(None, &conversion, None, conversion.at, false) {
            let currency = fact.currency.map(|currency| currency.code().to_owned()).unwrap_or_default();
            let numbers = fact.numbers;
            let status = if conversion.held.is_some() { HELD } else { conversion.status.code() };
            let said =
                Said { event: conversion.event.as_str(), status, currency: &currency, test: conversion.test };
            said.add(&mut counts, [numbers.conversions, numbers.payout, numbers.revenue, numbers.amount]);
        }
    }
    let mut each = |query: &str, name: &dyn Fn(&str, &str) -> String| {
        let mut statement = connection.prepare_cached(query)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let (one, two): (String, String) = (row.get(0)?, row.get(1)?);
            let (units, rest): (i64, i64) = (row.get(2)?, row.get(3)?);
            add(&mut counts, name(&one, &two), i128::from(units) * 1_000_000 + i128::from(rest));
        }
        Ok::<_, StoreError>(())
    };
    each("select outcome, reason, 0, count(*) from postback group by 1, 2", &answers)?;
    each("select outcome, reason, 0, count from forgotten where kind = 'postback'", &answers)?;
    each("select '', '', 0, count(*) from delivery where state = 'failed'", &|_, _| FAILED.into())?;
    each("select '', '', 0, count from forgotten where kind = 'delivery'", &|_, _| FAILED.into())?;
    let earned = |account: &str, currency: &str| {
        let partner =
            account.strip_prefix("partner:").and_then(|rest| rest.split(':').next()).unwrap_or_default();
        format!("what {partner} earned in {currency}")
    };
    let side = |side: &str, sign: &str| {
        format!(
            "select {side}, currency, {sign}sum(amount / 1000000), {sign}sum(amount % 1000000) from entry \
             where {side} >= 'partner:' and {side} < 'partner;' group by 1, 2"
        )
    };
    each(&side("credit", ""), &earned)?;
    each(&side("debit", "-"), &earned)?;
    counts.retain(|_, count| *count != 0);
    Ok(counts)
}
