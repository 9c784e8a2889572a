//! A table from bytes: what kind of file it is, its lines, and every line that does not fit.

mod delimited;
mod package;
mod table;
pub(crate) mod text;
mod workbook;

use crate::fault::Fault;

/// Bytes of a file.
pub const BYTES_MAX: usize = 64 << 20;

/// How every zip archive with a file in it begins, and so every XLSX workbook.
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";

/// How the containers of old and of encrypted workbooks begin.
const COMPOUND_SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0";

/// What the file does not say itself. Missing means: by what can be known for certain.
///
/// An option that does not concern the kind of file (a sheet for CSV) is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// A label of the WHATWG's Encoding Standard, such as `windows-1252`. A byte order mark outweighs it.
    pub encoding: Option<String>,
    pub delimiter: Option<char>,
    /// The name of a worksheet; the first visible one otherwise.
    pub sheet: Option<String>,
}

/// A table whose lines have exactly as many cells as its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub header: Vec<String>,
    pub lines: Vec<Line>,
}

/// Cells without surrounding white space. `number` is the line of the file on which they start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub cells: Vec<String>,
}

/// Reads an XLSX workbook or delimited text. All or nothing: any fault, and no line is given.
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Sheet, Vec<Fault>> {
    if bytes.len() > BYTES_MAX {
        return Err(vec![Fault::of_file(format!("the file is larger than {} MiB", BYTES_MAX >> 20))]);
    }
    if bytes.starts_with(ZIP_SIGNATURE) {
        return workbook::read(bytes, options.sheet.as_deref());
    }
    if bytes.starts_with(COMPOUND_SIGNATURE) {
        let message = "this is an old or an encrypted Excel workbook: save it as XLSX without a password";
        return Err(vec![Fault::of_file(message)]);
    }
    let text = text::decode(bytes, options.encoding.as_deref()).map_err(|fault| vec![fault])?;
    delimited::read(&text, options.delimiter)
}

/// Whether the bytes are for [`read`] alone.
pub(crate) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP_SIGNATURE) || bytes.starts_with(COMPOUND_SIGNATURE)
}
