//! Fact files: how they are written, and how one click is found in one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray};
use arrow::compute::kernels::cmp::eq;
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use futures_util::TryStreamExt;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, RowFilter, RowSelection, RowSelector,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, SortingColumn};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::ClickId;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;

use super::batch::{BATCH_ROWS, Rest, batch_schema};
use super::depot::Depot;
use super::schema::{SCHEMA, place};
use crate::error::StoreError;

/// Rows that are found and decompressed together.
const PAGE_ROWS: usize = 2_048;
/// Rows with dictionaries of their own, which whoever looks a click up has to read.
const ROW_GROUP_ROWS: usize = 1 << 16;
/// The words of a column in a group of rows; where there are more, each row has its own. Whoever looks a click up reads
/// them all.
const DICTIONARY_BYTES: usize = 256 * 1024;
/// Parameters repeat as a whole, or hardly ever.
const PARAMS_DICTIONARY_BYTES: usize = 32 * 1024;
/// Columns that compression makes smaller. What stands in the others are words of short lists and numbers that repeat:
/// as places in a dictionary they are as small as they get, and are read faster as they are.
const SQUEEZED: [&str; 21] = [
    "click_id",
    "campaign",
    "ad",
    "keyword",
    "sub1",
    "sub2",
    "sub3",
    "sub4",
    "sub5",
    "sub6",
    "sub7",
    "sub8",
    "sub9",
    "sub10",
    "params",
    "referrer",
    "ip",
    "user_agent",
    "partner_click_id",
    "rest",
    "seconds",
];
/// Columns that a click is made of again; what can be told from them is left where it lies.
static WHOLE_CLICK: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let subs = (1..=10).map(|number| place(&format!("sub{number}")));
    let others = [
        "click_id",
        "click_at",
        "advertiser",
        "offer",
        "partner",
        "link",
        "route",
        "source",
        "country",
        "region",
        "city",
        "asn",
        "device",
        "os",
        "browser",
        "test",
        "ip",
        "user_agent",
        "partner_click_id",
        "params",
        "rest",
    ];
    others.into_iter().map(place).chain(subs).collect()
});
/// Files whose directories are kept in memory; older ones are read again.
const OPEN_MAX: usize = 96;

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("a fact file: {error}"))
}

/// Where a file lies may be out of reach for a while; what it says can only be wrong for good.
pub fn unread(error: ParquetError) -> StoreError {
    match error {
        ParquetError::External(why) => StoreError::Unavailable(format!("a fact file cannot be read: {why}")),
        other => failed(other),
    }
}

fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_column_dictionary_page_size_limit("params".into(), PARAMS_DICTIONARY_BYTES)
        // Of a word in a file of a whole day, its first and last one tell nothing.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(concat!("proofback ", env!("CARGO_PKG_VERSION")).into())
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: i32::try_from(place("booked_at")).unwrap_or_default(),
            descending: false,
            nulls_first: false,
        }]));
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default());
    for column in SQUEEZED {
        builder = builder.set_column_compression(column.into(), zstd);
    }
    for own in ["click_id", "ip", "partner_click_id", "rest"] {
        builder = builder.set_column_dictionary_enabled(own.into(), false);
    }
    for sorted in ["click_at", "event_at", "booked_at"] {
        builder = builder
            .set_column_dictionary_enabled(sorted.into(), false)
            .set_column_encoding(sorted.into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(sorted.into(), EnabledStatistics::Page);
    }
    let click_id = ColumnPath::from("click_id");
    builder
        .set_column_encoding(click_id.clone(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_statistics_enabled(click_id, EnabledStatistics::Page)
        .build()
}

/// Makes a file of batches as they come.
pub struct FileWriter {
    writer: ArrowWriter<Vec<u8>>,
}

impl FileWriter {
    /// Of batches as they are made.
    pub fn new() -> Result<Self, StoreError> {
        Self::with(batch_schema())
    }

    /// Of batches as they are read from files.
    pub fn of_files() -> Result<Self, StoreError> {
        Self::with(Arc::clone(&SCHEMA))
    }

    fn with(schema: SchemaRef) -> Result<Self, StoreError> {
        // Other readers would take our own memory layout for a wish.
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options).map_err(failed)?;
        Ok(Self { writer })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        self.writer.write(batch).map_err(failed)
    }

    pub fn finish(self) -> Result<Vec<u8>, StoreError> {
        self.writer.into_inner().map_err(failed)
    }
}

/// Finds single clicks in sealed files.
pub struct Finder {
    depot: Depot,
    /// What stands where in a file that was asked before.
    known: Mutex<HashMap<String, ArrowReaderMetadata>>,
}

impl Finder {
    pub fn new(depot: Depot) -> Self {
        Self { depot, known: Mutex::default() }
    }

    /// A click of a file, if it is in it. `bytes` is the file's size.
    pub async fn find(&self, name: &str, bytes: u64, id: &Wanted) -> Result<Option<Click>, StoreError> {
        let mut reader = self.depot.reader(name, bytes)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let metadata = match known {
            Some(metadata) => metadata,
            None => {
                let options = ArrowReaderOptions::new()
                    .with_schema(Arc::clone(&SCHEMA))
                    .with_page_index_policy(PageIndexPolicy::Required);
                let metadata = ArrowReaderMetadata::load_async(&mut reader, options).await.map_err(unread)?;
                self.keep(name, &metadata);
                metadata
            }
        };
        let column = place("click_id");
        for group in 0..metadata.metadata().num_row_groups() {
            let Some(selection) = pages(&metadata, group, column, id) else {
                continue;
            };
            let mask = ProjectionMask::leaves(metadata.parquet_schema(), [column]);
            let wanted = id.clone();
            let is_it = ArrowPredicateFn::new(mask, move |batch| wanted.among(&batch));
            let stream = ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(ProjectionMask::leaves(
                    metadata.parquet_schema(),
                    WHOLE_CLICK.iter().copied(),
                ))
                .with_row_selection(selection)
                .with_row_filter(RowFilter::new(vec![Box::new(is_it)]))
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(failed)?;
            let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(unread)?;
            if let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) {
                return click(batch, 0).map(Some);
            }
        }
        Ok(None)
    }

    fn keep(&self, name: &str, metadata: &ArrowReaderMetadata) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if OPEN_MAX <= known.len() {
            known.clear();
        }
        known.insert(name.to_owned(), metadata.clone());
    }
}

/// Whom one looks for: a whole click id, or how one begins.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub begins: String,
}

impl Wanted {
    fn among(&self, batch: &RecordBatch) -> Result<BooleanArray, arrow::error::ArrowError> {
        let ids = batch.column(0);
        let whole = ClickId::TEXT_LENGTH <= self.begins.len();
        if whole {
            return eq(ids, &StringViewArray::new_scalar(&self.begins));
        }
        let ids = ids.as_string_view();
        Ok(ids.iter().map(|id| Some(id.is_some_and(|id| id.starts_with(&self.begins)))).collect())
    }

    /// Whether a row of ids from `first` to `last` may have it.
    pub fn may_lie(&self, first: &[u8], last: &[u8]) -> bool {
        let begins = self.begins.as_bytes();
        let cut = |id: &[u8]| id.get(..begins.len().min(id.len())).unwrap_or_default().to_vec();
        cut(first).as_slice() <= begins && begins <= cut(last).as_slice()
    }
}

/// The rows of a group that lie in pages where the id may be; `None` where it cannot be in the group.
fn pages(metadata: &ArrowReaderMetadata, group: usize, column: usize, id: &Wanted) -> Option<RowSelection> {
    let metadata = metadata.metadata();
    let rows = usize::try_from(metadata.row_group(group).num_rows()).ok()?;
    let index = metadata.column_index()?.get(group)?.get(column)?;
    let places = metadata.offset_index()?.get(group)?.get(column)?.page_locations();
    let ColumnIndexMetaData::BYTE_ARRAY(index) = index else {
        return None;
    };
    let mut selectors = Vec::new();
    for (page, place) in places.iter().enumerate() {
        let first_row = usize::try_from(place.first_row_index).ok()?;
        let next = places.get(page + 1).and_then(|next| usize::try_from(next.first_row_index).ok());
        let length = next.unwrap_or(rows).saturating_sub(first_row);
        let lies = match (index.min_value(page), index.max_value(page)) {
            (Some(first), Some(last)) => id.may_lie(first, last),
            (_, _) => false,
        };
        selectors.push(if lies { RowSelector::select(length) } else { RowSelector::skip(length) });
    }
    selectors.iter().any(|selector| !selector.skip).then(|| selectors.into())
}

/// A click as it was before it was sealed.
pub fn click(batch: &RecordBatch, row: usize) -> Result<Click, StoreError> {
    let text = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
        column.map(|column| column.value(row)).ok_or_else(|| failed(format!("it has no column {name}")))
    };
    let name = |column: &str| Name::parse(text(column)?).map_err(failed);
    let at = batch
        .column_by_name("click_at")
        .and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
    let at = at.filter(|at| at.is_valid(row)).map(|at| at.value(row));
    let test = batch.column_by_name("test").and_then(|column| column.as_boolean_opt());
    let rest: Rest<'_> = match text("rest")? {
        "" => Rest::default(),
        rest => serde_json::from_str(rest).map_err(failed)?,
    };
    let params: BTreeMap<String, String> = match text("params")? {
        "" => BTreeMap::new(),
        params => serde_json::from_str(params).map_err(failed)?,
    };
    let others: Option<Vec<_>> = rest.others.into_iter().map(|other| other.pair(&params)).collect();
    let mut details = Details {
        partner_click_id: text("partner_click_id")?.into(),
        cost: rest.cost.into_owned(),
        source: text("source")?.into(),
        subs: Vec::new(),
        others: others.ok_or_else(|| failed("it has a click whose parameters are not there"))?,
        ip: text("ip")?.into(),
        user_agent: text("user_agent")?.into(),
        referrer: rest.referrer.into_owned(),
        language: rest.language.into_owned(),
        country: text("country")?.into(),
        region: text("region")?.into(),
        city: text("city")?.into(),
        asn: text("asn")?.into(),
        device: text("device")?.into(),
        os: text("os")?.into(),
        browser: text("browser")?.into(),
        route: text("route")?.into(),
        test: test.is_some_and(|test| test.value(row)),
    };
    for number in 1..=10 {
        let sub = text(&format!("sub{number}"))?;
        if !sub.is_empty() {
            details.set_sub(number, sub.into());
        }
    }
    Ok(Click {
        id: ClickId::recall(text("click_id")?).ok_or_else(|| failed("it has a click without an id"))?,
        at: Timestamp::from_millis(at.ok_or_else(|| failed("it has a click without a time"))?),
        link: name("link")?,
        partner: name("partner")?,
        offer: name("offer")?,
        advertiser: name("advertiser")?,
        details,
    })
}
