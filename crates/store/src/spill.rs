//! The spill: clicks that the store could not take in time, in local files, until it can.
//!
//! A file is a row of frames: length, checksum, one click as JSON. A torn last frame was never acknowledged
//! and is cut. Appends go through one thread that syncs whole groups.

use std::fs::{File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::ClickId;
use proofback_domain::name::Name;
use proofback_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;

/// Clicks that may wait for the spill's own sync.
const QUEUE_MAX: usize = 65_536;
const GROUP_MAX: usize = 4_096;
const FRAME_HEAD_BYTES: usize = 12;
const FRAME_BYTES_MAX: usize = 1 << 20;

pub struct Spill {
    appends: mpsc::Sender<Append>,
    files: Arc<Files>,
}

/// Clicks taken from one file, which goes when they are in the store.
pub struct Batch {
    pub clicks: Vec<Click>,
    path: PathBuf,
}

type Append = (Vec<u8>, oneshot::Sender<Result<(), StoreError>>);

struct Files {
    directory: PathBuf,
    /// The file being appended to; swapped out when it is drained.
    current: Mutex<Option<(PathBuf, File)>>,
    next_number: Mutex<u64>,
    any: AtomicBool,
    /// Clicks in all files, as far as they were written whole.
    clicks: AtomicU64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    id: [u8; 16],
    at: Timestamp,
    link: Name,
    partner: Name,
    offer: Name,
    advertiser: Name,
    details: Details,
}

impl Spill {
    pub fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let files = Files {
            directory: directory.to_owned(),
            current: Mutex::new(None),
            next_number: Mutex::new(0),
            any: AtomicBool::new(false),
            clicks: AtomicU64::new(0),
        };
        let known = files.list()?;
        for path in &known {
            files.clicks.fetch_add(count_frames(&std::fs::read(path)?), Ordering::Relaxed);
        }
        let last = known.last().and_then(|path| path.file_stem()?.to_str()?.parse::<u64>().ok());
        *files.next_number.lock().unwrap_or_else(PoisonError::into_inner) = last.map_or(0, |last| last + 1);
        files.any.store(!known.is_empty(), Ordering::Release);
        let files = Arc::new(files);
        let (appends, queue) = mpsc::channel(QUEUE_MAX);
        let shared = Arc::clone(&files);
        std::thread::Builder::new().name("store-spill".into()).spawn(move || run(&shared, queue))?;
        Ok(Self { appends, files })
    }

    /// Comes back when the click is on the disk.
    pub async fn append(&self, click: &Click) -> Result<(), StoreError> {
        let frame = frame(click)?;
        let (sender, receiver) = oneshot::channel();
        self.appends
            .try_send((frame, sender))
            .map_err(|_| StoreError::Unavailable("the spill is full".into()))?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the spill has ended".into())))
    }

    pub fn has_any(&self) -> bool {
        self.files.any.load(Ordering::Acquire)
    }

    /// How many clicks wait, and how many bytes they take.
    pub async fn size(&self) -> Result<(u64, u64), StoreError> {
        let files = Arc::clone(&self.files);
        blocking(move || {
            let mut bytes = 0;
            for path in files.list()? {
                // One that is gone meanwhile is in the store.
                bytes += std::fs::metadata(path).map_or(0, |file| file.len());
            }
            Ok((files.clicks.load(Ordering::Relaxed), bytes))
        })
        .await
    }

    /// The clicks of the oldest file; new ones go into another from now on.
    pub async fn take(&self) -> Result<Option<Batch>, StoreError> {
        if !self.has_any() {
            return Ok(None);
        }
        let files = Arc::clone(&self.files);
        blocking(move || files.take()).await
    }

    /// Keeps a click that the store refuses in a file of its own, for a person to look at.
    pub async fn set_aside(&self, click: &Click) -> Result<(), StoreError> {
        let frame = frame(click)?;
        let path = self.files.directory.join("refused");
        blocking(move || {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(&frame).and_then(|()| file.sync_data())
        })
        .await
    }

    /// Removes a file whose clicks are in the store.
    pub async fn done(&self, batch: Batch) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        blocking(move || {
            std::fs::remove_file(&batch.path)?;
            let current = files.current.lock().unwrap_or_else(PoisonError::into_inner);
            let left = files.clicks.load(Ordering::Relaxed).saturating_sub(batch.clicks.len() as u64);
            files.clicks.store(left, Ordering::Relaxed);
            files.any.store(current.is_some() || !files.list()?.is_empty(), Ordering::Release);
            Ok(())
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let result =
        tokio::task::spawn_blocking(job).await.map_err(|error| StoreError::Failed(error.to_string()))?;
    result.map_err(|error| StoreError::Unavailable(format!("the spill: {error}")))
}

impl Files {
    /// Oldest first.
    fn list(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for item in std::fs::read_dir(&self.directory)? {
            let path = item?.path();
            if path.extension().is_some_and(|extension| extension == "clicks") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn append(&self, frames: &[u8], clicks: usize) -> io::Result<()> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            *current = Some(self.create()?);
        }
        let Some((_, file)) = current.as_mut() else {
            return Err(io::Error::other("no spill file"));
        };
        let result = file.write_all(frames).and_then(|()| file.sync_data());
        if result.is_err() {
            // What follows a torn frame would be unreadable: the next append begins a new file.
            *current = None;
        } else {
            // Under the lock: whoever takes the file finds them counted.
            self.clicks.fetch_add(clicks as u64, Ordering::Relaxed);
        }
        self.any.store(true, Ordering::Release);
        result
    }

    fn create(&self) -> io::Result<(PathBuf, File)> {
        let mut number = self.next_number.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.directory.join(format!("{:012}.clicks", *number));
        *number += 1;
        let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok((path, file))
    }

    fn take(&self) -> io::Result<Option<Batch>> {
        let Some(path) = self.list()?.into_iter().next() else {
            return Ok(None);
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|(open, _)| *open == path) {
            *current = None;
        }
        drop(current);
        let bytes = std::fs::read(&path)?;
        let (clicks, torn) = read_frames(&bytes);
        if torn > 0 {
            tracing::warn!(path = %path.display(), bytes = torn, "the end of a spill file was torn and never acknowledged; it is cut");
        }
        Ok(Some(Batch { clicks, path }))
    }
}

fn run(files: &Files, mut queue: mpsc::Receiver<Append>) {
    while let Some((mut frames, first)) = queue.blocking_recv() {
        let mut waiters = vec![first];
        while waiters.len() < GROUP_MAX {
            let Ok((frame, waiter)) = queue.try_recv() else { break };
            frames.extend_from_slice(&frame);
            waiters.push(waiter);
        }
        let result = files
            .append(&frames, waiters.len())
            .map_err(|error| StoreError::Unavailable(format!("the spill: {error}")));
        for waiter in waiters {
            // A visitor who has gone needs no answer; the click is kept all the same.
            drop(waiter.send(result.clone()));
        }
    }
}

fn frame(click: &Click) -> Result<Vec<u8>, StoreError> {
    let record = Record {
        id: click.id.to_bytes(),
        at: click.at,
        link: click.link.clone(),
        partner: click.partner.clone(),
        offer: click.offer.clone(),
        advertiser: click.advertiser.clone(),
        details: click.details.clone(),
    };
    let body = serde_json::to_vec(&record)?;
    let length = u32::try_from(body.len()).map_err(|_| StoreError::Failed("a click is too large".into()))?;
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + body.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&checksum(&body).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// The whole frames, and how many bytes behind them are none.
fn read_frames(bytes: &[u8]) -> (Vec<Click>, usize) {
    let mut clicks = Vec::new();
    let mut rest = bytes;
    while let Some((click, after)) = read_frame(rest) {
        clicks.push(click);
        rest = after;
    }
    (clicks, rest.len())
}

/// How many frames there are, by their lengths alone.
fn count_frames(bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    let mut frames = 0;
    while let Some((head, after)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>()
        && let Some((length, _)) = head.split_first_chunk::<4>()
        && let Some((_, behind)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        frames += 1;
        rest = behind;
    }
    frames
}

fn read_frame(bytes: &[u8]) -> Option<(Click, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<FRAME_HEAD_BYTES>()?;
    let (length, sum) = head.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > FRAME_BYTES_MAX {
        return None;
    }
    let (body, after) = rest.split_at_checked(length)?;
    if checksum(body).to_le_bytes() != *sum {
        return None;
    }
    let record: Record = serde_json::from_slice(body).ok()?;
    let click = Click {
        id: ClickId::from_stored(record.id),
        at: record.at,
        link: record.link,
        partner: record.partner,
        offer: record.offer,
        advertiser: record.advertiser,
        details: record.details,
    };
    Some((click, after))
}

fn checksum(body: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(body);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofback_domain::click_id::{Keys, Prefix};

    fn click(serial: u32) -> Click {
        let at = Timestamp::from_millis(1_795_244_760_000);
        let name = |text: &str| Name::parse(text).unwrap();
        Click {
            id: Keys::new([1; 16], vec![]).sign(Prefix { at, serial, link: 1 }),
            at,
            link: name("l"),
            partner: name("p"),
            offer: name("o"),
            advertiser: name("a"),
            details: Details { ip: "127.0.0.1".into(), ..Details::default() },
        }
    }

    #[tokio::test]
    async fn what_was_appended_is_taken_once_even_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::open(directory.path()).unwrap();
        assert!(spill.take().await.unwrap().is_none());
        spill.append(&click(1)).await.unwrap();
        spill.append(&click(2)).await.unwrap();
        drop(spill);
        let spill = Spill::open(directory.path()).unwrap();
        assert!(spill.has_any());
        assert_eq!(spill.size().await.unwrap().0, 2);
        spill.append(&click(3)).await.unwrap();
        let (clicks, bytes) = spill.size().await.unwrap();
        let frames = [1, 2, 3].map(|serial| frame(&click(serial)).unwrap()).concat();
        assert_eq!((clicks, bytes), (3, frames.len() as u64));
        let first = spill.take().await.unwrap().unwrap();
        assert_eq!(first.clicks, [click(1), click(2)]);
        spill.done(first).await.unwrap();
        assert!(spill.has_any());
        let second = spill.take().await.unwrap().unwrap();
        spill.append(&click(4)).await.unwrap();
        assert_eq!(second.clicks, [click(3)]);
        spill.done(second).await.unwrap();
        let last = spill.take().await.unwrap().unwrap();
        assert_eq!((last.clicks.as_slice(), spill.size().await.unwrap().0), ([click(4)].as_slice(), 1));
        spill.done(last).await.unwrap();
        assert_eq!(spill.size().await.unwrap(), (0, 0));
    }

    #[test]
    fn a_torn_or_changed_frame_ends_the_file() {
        let whole = [frame(&click(1)).unwrap(), frame(&click(2)).unwrap()].concat();
        assert_eq!(read_frames(&whole).0.len(), 2);
        for cut in 0..whole.len() {
            let (clicks, torn) = read_frames(&whole[..cut]);
            assert!(clicks.len() < 2 && (torn > 0 || cut == 0 || clicks.len() == 1), "{cut}");
        }
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert!(read_frames(&changed).0.len() < 2, "{position}");
        }
    }
}
