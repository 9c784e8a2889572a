//! Tables that people bring and take: CSV and XLSX, and the files in which exchange rates are published.
//!
//! Bytes in, bytes out. Nothing here opens a file, reads a clock or knows what a column means; what a table
//! cannot say for certain is a fault with its line, never a guess.

mod fault;
mod neutral;
mod rates;
mod read;
mod write;

pub use fault::Fault;
pub use rates::{RateLine, read_rates};
pub use read::{BYTES_MAX, Line, ReadOptions, Sheet, read};
pub use write::delimited::{csv, csv_rows};
pub use write::workbook::xlsx;
pub use write::{Cell, Column, Kind, Table, WriteError};
