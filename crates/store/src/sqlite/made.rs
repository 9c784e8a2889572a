//! A file on its way: batches go in as they are made, bytes and what they come to go out.

use arrow::array::RecordBatch;

use crate::error::StoreError;
use crate::facts::{FileKind, FileWriter, Summary};

/// A file made of rows, before anybody knows it.
pub struct Made {
    pub kind: FileKind,
    pub day: i64,
    pub first: i64,
    pub last: i64,
    pub raw: bool,
    pub summary: Summary,
    pub bytes: Vec<u8>,
}

/// Takes batches as they are made.
pub type Take<'a> = dyn FnMut(RecordBatch) -> Result<(), StoreError> + Send + 'a;

/// What rows of a file were read.
pub struct Range {
    pub kind: FileKind,
    pub day: i64,
    pub first: i64,
    pub last: i64,
    pub summary: Summary,
}

/// A file on its way; nothing is made of no rows.
#[derive(Default)]
pub struct Encode(Option<FileWriter>);

impl Encode {
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        if self.0.is_none() {
            self.0 = Some(FileWriter::new()?);
        }
        self.0.as_mut().map_or(Ok(()), |writer| writer.write(batch))
    }

    pub fn finish(self, range: Option<Range>) -> Result<Option<Made>, StoreError> {
        let (Some(writer), Some(range)) = (self.0, range) else {
            return Ok(None);
        };
        let Range { kind, day, first, last, summary } = range;
        Ok(Some(Made { kind, day, first, last, raw: true, summary, bytes: writer.finish()? }))
    }
}
