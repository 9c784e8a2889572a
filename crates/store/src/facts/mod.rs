//! Sealed facts: columns, Parquet files, and where they lie. Which files count is for the database to say.

mod batch;
mod catalog;
mod depot;
mod file;
mod schema;
mod summary;
mod visitors;

pub use batch::{BATCH_ROWS, Batches, Context, SUMS};
pub use catalog::{Archive, Catalog, FactFile, FileKind};
pub use depot::{Bucket, Depot, DepotLocation, FileReader};
pub use file::{FileWriter, click, unread};
pub use schema::{COLUMNS, Column, Holds, SCHEMA};
pub use summary::{Summary, Sums};
pub use visitors::{Visit, Visitors};
