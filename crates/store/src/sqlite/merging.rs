//! Keeping sealed files few: those of a day that is over become one, and what no list names any more goes.

use std::sync::PoisonError;

use futures_util::TryStreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use proofback_domain::time::{Span, Timestamp};

use super::Store;
use super::made::Made;
use super::sealing::{DAY_MS, failed};
use crate::error::StoreError;
use crate::facts::{FactFile, FileKind, FileWriter, SCHEMA, Summary, unread};

/// How long after its end a day is still given clicks and facts.
const DAY_SETTLE_MS: i64 = 2 * 3_600_000;
/// Rows of a merged file at most.
const MERGED_ROWS_MAX: u64 = 2_000_000;
/// How long a file that was replaced is left for those who are reading it.
const RETIRED_KEPT: Span = Span::from_seconds(900);

impl Store {
    /// Merges the files of days that are over; says how many files went into others.
    pub async fn merge_files(&self, now: Timestamp) -> Result<usize, StoreError> {
        let _alone = self.inner.sealing.lock().await;
        let mut merged = 0;
        for group in groups(&self.inner.archive.catalog().files, now) {
            let made = self.merge(&group).await?;
            merged += group.len();
            self.replace_files(group, vec![made], now).await?;
        }
        Ok(merged)
    }

    /// Puts new files in the place of others, which go when nobody can be reading them any more.
    pub(super) async fn replace_files(
        &self,
        old: Vec<FactFile>,
        made: Vec<Made>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let files = self.put_files(made, now).await?;
        let paths: Vec<String> = old.into_iter().map(|file| file.path).collect();
        let retired = paths.clone();
        self.register_files(files, paths, |connection| super::facts::advance(connection, None, None)).await?;
        let mut known = self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(retired.into_iter().map(|path| (path, now)));
        Ok(())
    }

    async fn merge(&self, group: &[FactFile]) -> Result<Made, StoreError> {
        let (mut writer, mut summary) = (FileWriter::of_files()?, Summary::default());
        for file in group {
            let reader = self.inner.archive.depot.reader(&file.path, file.bytes)?;
            let options = ArrowReaderOptions::new().with_schema(std::sync::Arc::clone(&SCHEMA));
            let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await;
            let mut stream = builder.and_then(|builder| builder.build()).map_err(unread)?;
            while let Some(batch) = stream.try_next().await.map_err(unread)? {
                writer = super::blocking(move || writer.write(&batch).map(|()| writer)).await?;
            }
            summary.join(&file.summary);
        }
        let one = group.first().ok_or_else(|| failed("nothing to merge"))?;
        Ok(Made {
            kind: one.kind,
            day: one.day,
            first: group.iter().map(|file| file.first).min().unwrap_or(one.first),
            last: group.iter().map(|file| file.last).max().unwrap_or(one.last),
            raw: one.raw,
            summary,
            bytes: super::blocking(move || writer.finish()).await?,
        })
    }

    /// Removes files that no list names: of seals that were killed, and those that were replaced a while ago.
    pub async fn remove_orphans(&self, now: Timestamp) -> Result<usize, StoreError> {
        let _alone = self.inner.sealing.lock().await;
        let catalog = self.inner.archive.catalog();
        let names = self.inner.archive.depot.names().await?;
        let read_by_some = |name: &String| {
            let retired = self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
            retired.get(name).is_some_and(|at| now < at.plus(RETIRED_KEPT))
        };
        let mut removed = 0;
        for name in names {
            let known = catalog.files.iter().any(|file| file.path == name);
            if known || read_by_some(&name) {
                continue;
            }
            self.inner.archive.depot.remove(&name).await?;
            self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            removed += 1;
        }
        Ok(removed)
    }
}

/// Files that belong together, in the order of what they hold; each group becomes one.
fn groups(files: &[FactFile], now: Timestamp) -> Vec<Vec<FactFile>> {
    let over = |file: &&FactFile| (file.day + 1).saturating_mul(DAY_MS) + DAY_SETTLE_MS <= now.millis();
    let mut files: Vec<&FactFile> = files.iter().filter(over).collect();
    let day = |file: &FactFile| (file.kind == FileKind::Events, file.day, file.raw);
    files.sort_by_key(|file| (day(file), file.first));
    let mut groups: Vec<Vec<FactFile>> = Vec::new();
    for file in files {
        let fits = |group: &Vec<FactFile>| {
            let rows: u64 = group.iter().map(|file| file.summary.rows).sum();
            group.first().is_some_and(|first| day(first) == day(file))
                && rows + file.summary.rows <= MERGED_ROWS_MAX
        };
        match groups.last_mut().filter(|group| fits(group)) {
            Some(group) => group.push(file.clone()),
            None => groups.push(vec![file.clone()]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}
