//! Facts as a table of the query engine: sealed files and what is not sealed yet, seen together.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::ToDFSchema;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use proofback_store::facts::{FactFile, SCHEMA};

/// Where the engine finds the depot.
pub const DEPOT: &str = "facts://sealed";

/// Facts of one kind at one moment.
#[derive(Debug)]
pub struct FactsTable {
    pub files: Vec<FactFile>,
    pub hot: Vec<RecordBatch>,
}

#[async_trait]
impl TableProvider for FactsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// A filter spares whole pieces of files; row by row it is applied above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sealed = self.scan_files(state, projection, filters).await?;
        let hot = self.scan_hot(state, projection)?;
        match (sealed, hot) {
            (Some(sealed), Some(hot)) => UnionExec::try_new(vec![sealed, hot]),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Ok(Arc::new(EmptyExec::new(projected(projection)?))),
        }
    }
}

impl FactsTable {
    async fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let mut source = ParquetSource::new(Arc::clone(&SCHEMA));
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = Arc::clone(&SCHEMA).to_dfschema()?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(DEPOT)?, Arc::new(source))
            .with_file_groups(self.groups(state.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .build();
        ParquetFormat::default().create_physical_plan(state, config).await.map(Some)
    }

    /// Files parted so that all threads have about as much to read: the largest first, to whoever has least.
    fn groups(&self, threads: usize) -> Vec<FileGroup> {
        let mut files: Vec<&FactFile> = self.files.iter().collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.bytes));
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = Vec::new();
        groups.resize_with(threads.clamp(1, files.len().max(1)), Default::default);
        for file in files {
            if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes += file.bytes;
                group.push(PartitionedFile::new(file.path.clone(), file.bytes));
            }
        }
        groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
    }

    fn scan_hot(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.hot.is_empty() {
            return Ok(None);
        }
        let schema = projected(projection)?;
        let all: Vec<usize> = (0..SCHEMA.fields().len()).collect();
        let columns = projection.unwrap_or(&all);
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); state.config().target_partitions().max(1)];
        let threads = parts.len();
        for (place, batch) in self.hot.iter().enumerate() {
            let column = |(column, field): (&usize, &Arc<arrow::datatypes::Field>)| {
                cast(batch.column(*column), field.data_type())
            };
            let cast = columns.iter().zip(schema.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), cast, &options)?;
            if let Some(part) = parts.get_mut(place % threads) {
                part.push(batch);
            }
        }
        Ok(Some(MemorySourceConfig::try_new_exec(&parts, schema, None)?))
    }
}

fn projected(projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    let schema: &Schema = &SCHEMA;
    Ok(match projection {
        Some(columns) => Arc::new(schema.project(columns)?),
        None => Arc::clone(&SCHEMA),
    })
}
