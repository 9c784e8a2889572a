//! Forgetting: single clicks, the log and bodies go when they were kept long enough; what they sum to stays.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMillisecondArray};
use arrow::array::{AsArray, new_null_array};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use arrow::row::{OwnedRow, RowConverter, SortField};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use proofback_domain::id::Id;
use proofback_domain::program::Retention;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::Store;
use super::made::Made;
use super::sealing::{DAY_MS, failed};
use crate::error::StoreError;
use crate::facts::{BATCH_ROWS, COLUMNS, FactFile, FileWriter, Holds, SCHEMA, SUMS, Summary};

/// Rows of the log or the outbox that are looked at in one write.
const STEP: u32 = 500;
/// Every time zone's hours and days begin at a quarter of an hour.
const QUARTER_MS: i64 = 900_000;

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Files of which only sums are left.
    pub files: usize,
    pub bodies: usize,
    pub log: usize,
}

impl Store {
    /// Forgets what was kept long enough, in steps, so that other writes come between.
    pub async fn forget_old(&self, retention: Retention, now: Timestamp) -> Result<Forgotten, StoreError> {
        let mut forgotten = Forgotten::default();
        if let Some(kept) = retention.clicks {
            forgotten.files = self.forget_clicks(kept, now).await?;
        }
        if let Some(kept) = retention.bodies {
            forgotten.bodies = self.in_rounds(now.minus(kept), forget_bodies).await?;
        }
        if let Some(kept) = retention.log {
            forgotten.log = self.in_rounds(now.minus(kept), forget_log).await?;
        }
        Ok(forgotten)
    }

    async fn in_rounds(
        &self,
        before: Timestamp,
        step: fn(&Connection, Timestamp) -> Result<usize, StoreError>,
    ) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let gone = self.write(move |connection| step(connection, before)).await?;
            if gone == 0 {
                return Ok(all);
            }
            all += gone;
        }
    }

    async fn forget_clicks(&self, kept: Span, now: Timestamp) -> Result<usize, StoreError> {
        let _alone = self.inner.sealing.lock().await;
        let old =
            |file: &&FactFile| file.raw && (file.day + 1).saturating_mul(DAY_MS) <= now.minus(kept).millis();
        let files: Vec<FactFile> = self.inner.archive.catalog().files.iter().filter(old).cloned().collect();
        let count = files.len();
        for file in files {
            let bytes = self.inner.archive.depot.read(&file.path).await?;
            let of = file.clone();
            let made = super::blocking(move || reduce(&of, bytes)).await?;
            self.replace_files(vec![file], vec![made], now).await?;
        }
        Ok(count)
    }
}

/// A file of sums: what was raw is empty, times are cut to the quarter of an hour, and rows that are alike are one.
fn reduce(file: &FactFile, bytes: bytes::Bytes) -> Result<Made, StoreError> {
    let options = ArrowReaderOptions::new().with_schema(Arc::clone(&SCHEMA));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)
        .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
        .map_err(failed)?;
    let keys: Vec<usize> = (0..COLUMNS.len()).filter(|place| COLUMNS[*place].holds != Holds::Sum).collect();
    let fields = keys.iter().map(|place| SortField::new(SCHEMA.field(*place).data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(failed)?;
    let mut sums: HashMap<OwnedRow, [i64; SUMS]> = HashMap::new();
    for batch in reader {
        let batch = batch.map_err(failed)?;
        let columns: Vec<ArrayRef> = keys.iter().map(|place| without_person(&batch, *place)).collect();
        let rows = converter.convert_columns(&columns).map_err(failed)?;
        let numbers: Vec<Int64Array> = (0..COLUMNS.len())
            .filter(|place| COLUMNS[*place].holds == Holds::Sum)
            .map(|place| batch.column(place).as_primitive::<Int64Type>().clone())
            .collect();
        for (place, row) in rows.iter().enumerate() {
            let sum = sums.entry(row.owned()).or_insert([0; SUMS]);
            for (sum, numbers) in sum.iter_mut().zip(&numbers) {
                *sum = sum.checked_add(numbers.value(place)).ok_or_else(|| failed("a sum is too large"))?;
            }
        }
    }
    write_sums(file, &keys, &converter, sums)
}

fn without_person(batch: &RecordBatch, place: usize) -> ArrayRef {
    let column = &COLUMNS[place];
    if column.raw {
        return Arc::new(std::iter::repeat_n(Some(""), batch.num_rows()).collect::<StringViewArray>());
    }
    match batch.column(place).as_primitive_opt::<TimestampMillisecondType>() {
        Some(times) => {
            let cut: TimestampMillisecondArray = times.unary(|at| at - at.rem_euclid(QUARTER_MS));
            Arc::new(cut.with_timezone("UTC"))
        }
        None => Arc::clone(batch.column(place)),
    }
}

fn write_sums(
    file: &FactFile,
    keys: &[usize],
    converter: &RowConverter,
    sums: HashMap<OwnedRow, [i64; SUMS]>,
) -> Result<Made, StoreError> {
    let mut sorted: Vec<(OwnedRow, [i64; SUMS])> = sums.into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (mut writer, mut summary) = (FileWriter::of_files()?, Summary::default());
    for rows in sorted.chunks(BATCH_ROWS) {
        let columns = converter.convert_rows(rows.iter().map(|(row, _)| row.row())).map_err(failed)?;
        let mut whole: Vec<ArrayRef> =
            SCHEMA.fields().iter().map(|field| new_null_array(field.data_type(), 0)).collect();
        for (place, column) in keys.iter().zip(columns) {
            whole[*place] = column;
        }
        let numbers = (0..COLUMNS.len()).filter(|place| COLUMNS[*place].holds == Holds::Sum);
        for (sum, place) in numbers.enumerate() {
            whole[place] = Arc::new(rows.iter().map(|(_, sums)| sums[sum]).collect::<Int64Array>());
        }
        let batch = RecordBatch::try_new(Arc::clone(&SCHEMA), whole).map_err(failed)?;
        summarise(&mut summary, &batch, rows);
        writer.write(&batch)?;
    }
    summary.currencies.clone_from(&file.summary.currencies);
    Ok(Made {
        kind: file.kind,
        day: file.day,
        first: file.first,
        last: file.last,
        raw: false,
        summary,
        bytes: writer.finish()?,
    })
}

fn summarise(summary: &mut Summary, batch: &RecordBatch, rows: &[(OwnedRow, [i64; SUMS])]) {
    let times = |name: &str| {
        let column = batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
        column.cloned().unwrap_or_else(|| TimestampMillisecondArray::from(Vec::<i64>::new()))
    };
    let (clicked, happened, booked) = (times("click_at"), times("event_at"), times("booked_at"));
    for (row, (_, sums)) in rows.iter().enumerate() {
        let clicked = clicked.is_valid(row).then(|| clicked.value(row));
        summary.add(clicked, happened.value(row), booked.value(row), sums);
    }
}

/// A table that is forgotten from its beginning on, as far as it was come to.
struct Stretch {
    /// Under which name it is kept how far that was.
    name: &'static str,
    table: &'static str,
    /// What its rows are in the order of.
    key: &'static str,
}

impl Stretch {
    /// The next rows before `before`: behind the first value, up to the second one. They count as done.
    fn next(&self, connection: &Connection, before: &Value) -> Result<Option<(Value, Value)>, StoreError> {
        let Self { name, table, key } = self;
        let done = "select value from setting where name = ?1";
        let done: Option<Value> =
            connection.prepare_cached(done)?.query_row([name], |row| row.get(0)).optional()?;
        let done = match (done, before) {
            (Some(Value::Blob(bytes)), Value::Integer(_)) => {
                Value::Integer(bytes.try_into().map_or(i64::MIN, i64::from_be_bytes))
            }
            (Some(done), _) => done,
            (None, Value::Integer(_)) => Value::Integer(i64::MIN),
            (None, _) => Value::Blob(Vec::new()),
        };
        let last = format!(
            "select max(key) from (select {key} as key from {table} where {key} > ?1 and {key} < ?2 order by {key} limit {STEP})"
        );
        let last: Option<Value> =
            connection.prepare_cached(&last)?.query_row((&done, before), |row| row.get(0))?;
        let Some(last) = last.filter(|last| *last != Value::Null) else {
            return Ok(None);
        };
        let kept = match &last {
            Value::Integer(number) => Value::Blob(number.to_be_bytes().to_vec()),
            other => other.clone(),
        };
        let keep = "insert into setting (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value";
        connection.prepare_cached(keep)?.execute((name, kept))?;
        Ok(Some((done, last)))
    }
}

/// Ids carry their time: those before it are one stretch.
fn first_id(at: Timestamp) -> Value {
    Value::Blob(Id::<proofback_domain::id::Postback>::new(at, 0).to_bytes().to_vec())
}

/// The first row of a table that grows with time and is not older than this.
fn first_row(connection: &Connection, table: &str, key: &str, at: Timestamp) -> Result<Value, StoreError> {
    let query = format!("select {key} from {table} where at >= ?1 order by {key} limit 1");
    let first = connection.prepare_cached(&query)?.query_row([at.millis()], |row| row.get(0)).optional()?;
    Ok(first.unwrap_or(Value::Integer(i64::MAX)))
}

/// What was sent and answered word for word; what was understood of it stays.
fn forget_bodies(connection: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let postbacks = Stretch { name: "bodies_postback", table: "postback", key: "id" };
    let mut gone = 0;
    if let Some(range) = postbacks.next(connection, &first_id(before))? {
        let statement = "update postback set params = '[]', ip = '' where id > ?1 and id <= ?2";
        gone += connection.prepare_cached(statement)?.execute(range)?;
    }
    let attempts = Stretch { name: "bodies_attempt", table: "attempt", key: "rowid" };
    let end = first_row(connection, "attempt", "rowid", before)?;
    if let Some(range) = attempts.next(connection, &end)? {
        let statement = "update attempt set request = '', answer = '', headers = '', address = '' \
            where rowid > ?1 and rowid <= ?2";
        gone += connection.prepare_cached(statement)?.execute(range)?;
    }
    Ok(gone)
}

/// Requests that changed nothing, and deliveries that have ended. How many there were is kept.
fn forget_log(connection: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let postbacks = Stretch { name: "log_postback", table: "postback", key: "id" };
    let mut gone = 0;
    if let Some(range) = postbacks.next(connection, &first_id(before))? {
        gone += 1 + forget_postbacks(connection, &range)?;
    }
    let deliveries = Stretch { name: "log_delivery", table: "delivery", key: "number" };
    let end = first_row(connection, "delivery", "number", before)?;
    if let Some(range) = deliveries.next(connection, &end)? {
        gone += 1 + forget_deliveries(connection, &range)?;
    }
    Ok(gone)
}

type Range = (Value, Value);

fn forget_postbacks(connection: &Connection, range: &Range) -> Result<usize, StoreError> {
    let old = "id > ?1 and id <= ?2 and outcome in ('rejected', 'duplicate') \
        and not exists (select 1 from change where change.conversion_id = postback.conversion_id \
            and change.postback_id = postback.id)";
    let count = format!(
        "insert into forgotten (kind, outcome, reason, count) \
         select 'postback', outcome, reason, count(*) from postback where {old} group by 2, 3 \
         on conflict do update set count = count + excluded.count"
    );
    connection.prepare_cached(&count)?.execute(range.clone())?;
    let earlier =
        format!("delete from earlier_decision where postback_id in (select id from postback where {old})");
    connection.prepare_cached(&earlier)?.execute(range.clone())?;
    Ok(connection.prepare_cached(&format!("delete from postback where {old}"))?.execute(range.clone())?)
}

fn forget_deliveries(connection: &Connection, range: &Range) -> Result<usize, StoreError> {
    let old = "number > ?1 and number <= ?2 and state in ('delivered', 'failed', 'withheld')";
    let count = format!(
        "insert into forgotten (kind, outcome, reason, count) \
         select 'delivery', '', '', count(*) from delivery where state = 'failed' and {old} having count(*) > 0 \
         on conflict do update set count = count + excluded.count"
    );
    connection.prepare_cached(&count)?.execute(range.clone())?;
    let attempts = format!("delete from attempt where delivery_id in (select id from delivery where {old})");
    connection.prepare_cached(&attempts)?.execute(range.clone())?;
    Ok(connection.prepare_cached(&format!("delete from delivery where {old}"))?.execute(range.clone())?)
}
