//! Where sealed files lie: a directory of this machine, or a bucket that speaks S3.
//!
//! A file is there whole and durable or not at all, and is never changed: what replaces it has another name.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::error::StoreError;

/// Where sealed files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DepotLocation {
    /// A directory; made if it is not there.
    Directory(PathBuf),
    Bucket(Bucket),
}

/// A bucket of S3, or of whatever speaks its language.
#[derive(Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// In front of every file's name; may be empty.
    pub prefix: String,
    pub region: String,
    /// Of a service other than Amazon's: `https://minio.example:9000`.
    pub endpoint: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bucket({}/{})", self.name, self.prefix)
    }
}

impl Bucket {
    /// `time_max` is for one request.
    fn open(&self, time_max: Duration) -> io::Result<Arc<dyn ObjectStore>> {
        let mut options = ClientOptions::new().with_connect_timeout(CONNECT_TIME_MAX).with_timeout(time_max);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(&self.secret_access_key)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: RETRY_WAIT_MIN,
                    max_backoff: RETRY_WAIT_MAX,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES_MAX,
                retry_timeout: time_max,
            });
        if let Some(endpoint) = &self.endpoint {
            // Whoever names an address without TLS means it: a service on the same machine or network.
            options = options.with_allow_http(endpoint.starts_with("http://"));
            builder = builder.with_endpoint(endpoint);
        }
        let objects = builder.with_client_options(options).build().map_err(io::Error::other)?;
        Ok(match self.prefix.trim_matches('/') {
            "" => Arc::new(objects),
            prefix => Arc::new(PrefixStore::new(objects, prefix)),
        })
    }
}

/// Sealed files by their names, `day=2026-11-26/clicks-12.parquet`.
#[derive(Clone)]
pub struct Depot {
    directory: Option<PathBuf>,
    objects: Arc<dyn ObjectStore>,
    /// The same for whole files on their way up, which take longer than parts of them on their way down.
    uploads: Arc<dyn ObjectStore>,
}

/// Somebody waits for what is read, and whatever is not written now is written by the next seal.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
const READ_TIME_MAX: Duration = Duration::from_secs(10);
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);
const RETRIES_MAX: usize = 2;
const RETRY_WAIT_MIN: Duration = Duration::from_millis(50);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

impl Depot {
    pub fn open(location: &DepotLocation) -> io::Result<Self> {
        match location {
            DepotLocation::Directory(directory) => {
                std::fs::create_dir_all(directory)?;
                let objects = LocalFileSystem::new_with_prefix(directory).map_err(io::Error::other)?;
                let objects: Arc<dyn ObjectStore> = Arc::new(objects);
                Ok(Self { directory: Some(directory.clone()), uploads: Arc::clone(&objects), objects })
            }
            DepotLocation::Bucket(bucket) => Ok(Self {
                directory: None,
                objects: bucket.open(READ_TIME_MAX)?,
                uploads: bucket.open(UPLOAD_TIME_MAX)?,
            }),
        }
    }

    /// For the query engine, which reads them itself.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// Comes back when the file would survive a power cut.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        match &self.directory {
            Some(directory) => {
                let path = directory.join(name);
                tokio::task::spawn_blocking(move || write_durably(&path, &bytes))
                    .await
                    .map_err(|error| StoreError::Failed(error.to_string()))?
                    .map_err(|error| {
                        StoreError::Unavailable(format!("a fact file cannot be written: {error}"))
                    })
            }
            None => {
                let put = self.uploads.put(&name.into(), PutPayload::from(bytes)).await;
                put.map(drop).map_err(|error| {
                    StoreError::Unavailable(format!("a fact file cannot be written: {error}"))
                })
            }
        }
    }

    /// Removes a file; that it is not there is as good.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self.objects.delete(&name.into()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::Unavailable(format!("a fact file cannot be removed: {error}"))),
        }
    }

    pub async fn read(&self, name: &str) -> Result<Bytes, StoreError> {
        let read = async { self.objects.get(&name.into()).await?.bytes().await };
        read.await.map_err(|error| unreadable(name, error))
    }

    /// The names of all files that are there.
    pub async fn names(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.objects.list(None).map_ok(|object| object.location.to_string());
        listed
            .try_collect()
            .await
            .map_err(|error| StoreError::Unavailable(format!("fact files cannot be listed: {error}")))
    }

    /// Reads parts of a file.
    pub fn reader(&self, name: &str, bytes: u64) -> Result<FileReader, StoreError> {
        match &self.directory {
            Some(directory) => {
                let file = File::open(directory.join(name)).map_err(|error| unreadable(name, error))?;
                Ok(FileReader::Here { file: Arc::new(file), bytes })
            }
            None => Ok(FileReader::There { objects: self.objects(), name: name.into(), bytes }),
        }
    }
}

fn unreadable(name: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("the fact file {name} cannot be read: {error}"))
}

/// Under another name first: a file that was cut off half-way is never taken for one.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file lies in a directory"))?;
    if !directory.exists() {
        std::fs::create_dir_all(directory)?;
        if let Some(above) = directory.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    let beside = path.with_extension("part");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()
}

/// A file that is read in parts.
#[derive(Debug, Clone)]
pub enum FileReader {
    /// Of this machine: read where the caller stands, since it is a matter of microseconds.
    Here {
        file: Arc<File>,
        bytes: u64,
    },
    There {
        objects: Arc<dyn ObjectStore>,
        name: object_store::path::Path,
        bytes: u64,
    },
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        match self {
            Self::Here { file, .. } => {
                let read = read_at(file, range);
                async move { read }.boxed()
            }
            Self::There { objects, name, .. } => {
                async move { objects.get_range(name, range).await.map_err(external) }.boxed()
            }
        }
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        match self {
            Self::Here { file, .. } => {
                let read = ranges.into_iter().map(|range| read_at(file, range)).collect();
                async move { read }.boxed()
            }
            Self::There { objects, name, .. } => {
                async move { objects.get_ranges(name, &ranges).await.map_err(external) }.boxed()
            }
        }
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let (Self::Here { bytes, .. } | Self::There { bytes, .. }) = self;
        let bytes = *bytes;
        let policy = options.map(ArrowReaderOptions::offset_index_policy).unwrap_or_default();
        let reader = ParquetMetaDataReader::new()
            .with_page_index_policy(policy)
            .with_prefetch_hint(Some(FOOTER_BYTES));
        async move { reader.load_and_finish(self, bytes).await.map(Arc::new) }.boxed()
    }
}

/// What is read of a file's end at once: mostly its whole directory.
const FOOTER_BYTES: usize = 128 * 1024;

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn read_at(file: &File, range: Range<u64>) -> parquet::errors::Result<Bytes> {
    let length = usize::try_from(range.end.saturating_sub(range.start))
        .map_err(|_| ParquetError::General("a part of a file is too large".into()))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}
