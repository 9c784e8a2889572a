//! A store full of clicks, made once and kept: filling it takes longer than measuring with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proofback_domain::click_id::{ClickId, Keys, Prefix};
use proofback_domain::program::{Secrets, Snapshot, read};
use proofback_domain::route::{Routed, Visit, route};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Edit, Options, Store};
use rusqlite::Connection;

use crate::servers::PROGRAM;

/// Higher after any change here: what was made before is made again.
const VERSION: u32 = 1;
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
const KEY: [u8; 16] = [5; 16];
/// The clicks of thirty days, evenly spread.
const SPREAD: Span = Span::from_seconds(30 * 86_400);
const FIRST_CLICK: &str = "first-click";
const DATABASE: &str = "proofback.db";

/// The clicks in a store; their ids are made again when they are asked for, which is quicker than to keep them.
pub struct Clicks {
    keys: Keys,
    first: Prefix,
    count: usize,
}

impl Clicks {
    pub fn id(&self, index: usize) -> ClickId {
        let index = index % self.count;
        let step = SPREAD.millis() / u64::try_from(self.count).unwrap();
        let after = Span::from_millis(step * u64::try_from(index).unwrap());
        let serial = u32::try_from(index).unwrap() & ((1 << 22) - 1);
        self.keys.sign(Prefix { at: self.first.at.plus(after), serial, ..self.first })
    }
}

/// Copies a store with `count` clicks into `directory`; it is kept under `kept`, and made if it is not there.
pub async fn store_clicks(kept: &Path, directory: &Path, count: usize) -> Clicks {
    let mut hasher = DefaultHasher::new();
    (VERSION, schema(), PROGRAM, KEY).hash(&mut hasher);
    let prepared = kept.join(format!("clicks-{count}-{:016x}", hasher.finish()));
    if !prepared.exists() {
        remove_older(kept, count);
        let partial = kept.join(format!("partial-{count}"));
        drop(std::fs::remove_dir_all(&partial));
        fill(&partial, count).await;
        std::fs::rename(&partial, &prepared).unwrap();
    }
    let data = directory.join("data");
    std::fs::create_dir_all(&data).unwrap();
    // Where the file system can, the copy shares its blocks with what it was made from.
    std::fs::copy(prepared.join(DATABASE), data.join(DATABASE)).unwrap();
    // What the copy has still to write must not disturb what is measured.
    File::open(data.join(DATABASE)).and_then(|file| file.sync_all()).unwrap();
    let first = std::fs::read_to_string(prepared.join(FIRST_CLICK)).unwrap();
    let keys = Keys::new(KEY, Vec::new());
    Clicks { first: keys.read(&first).unwrap().prefix(), keys, count }
}

/// Every migration in its order: a store of another schema is not the one to measure.
fn schema() -> Vec<String> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn remove_older(kept: &Path, count: usize) {
    std::fs::create_dir_all(kept).unwrap();
    let older: Vec<PathBuf> = std::fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    let name = format!("clicks-{count}-");
    for path in older {
        if path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(&name)) {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// The store itself makes the schema and the first click, the others are made from that one's row.
async fn fill(directory: &Path, count: usize) {
    let start = directory.join("start");
    let first = store_first_click(&start).await;
    let database = directory.join(DATABASE);
    // A copy that nobody else has open can do without a log.
    let connection = Connection::open(start.join(DATABASE)).unwrap();
    connection.execute("vacuum into ?1", [database.to_str().unwrap()]).unwrap();
    drop(connection);
    std::fs::remove_dir_all(start).unwrap();
    let keys = Keys::new(KEY, Vec::new());
    let clicks = Clicks { first: first.prefix(), keys, count };
    let connection = Connection::open(database).unwrap();
    // Nothing is lost if this breaks off, it begins anew: so there is no waiting for the disk either.
    connection.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(())).unwrap();
    connection.pragma_update(None, "synchronous", "off").unwrap();
    connection.execute_batch("begin").unwrap();
    let statement = "insert into click (number, tail, at, link, partner, offer, advertiser, details) \
        select ?1, ?2, ?3, link, partner, offer, advertiser, details from click where number = ?4";
    let mut insert = connection.prepare(statement).unwrap();
    for index in 1..count {
        let id = clicks.id(index);
        let prefix = id.prefix();
        let row = (prefix.number(), id.tail(), prefix.at.millis(), first.prefix().number());
        assert_eq!(insert.execute(row).unwrap(), 1);
    }
    connection.execute_batch("commit").unwrap();
    std::fs::write(directory.join(FIRST_CLICK), first.to_string()).unwrap();
}

async fn store_first_click(directory: &Path) -> ClickId {
    let options =
        Options { readers: 1, fresh_key: KEY, facts: None, on_fatal: Box::new(|error| panic!("{error}")) };
    let store = Store::open(directory, options).unwrap();
    let (program, mistakes) = read(PROGRAM);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let now =
        Timestamp::from_millis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let stored = store.save_program(PROGRAM.into(), &program, Edit::by("bench"), now).await.unwrap().unwrap();
    let keys = Keys::new(store.click_key().await.unwrap(), Vec::new());
    let snapshot = Snapshot::new(1, program, stored.numbers, Secrets(BTreeMap::new()), keys);
    let link = snapshot.program.links.values().next().unwrap();
    let at = now.minus(SPREAD);
    let id = snapshot.keys.sign(Prefix { at, serial: 0, link: snapshot.number(&link.id).unwrap() });
    let visit = Visit {
        query: [("click_id", "P-1"), ("sub1", "reels"), ("sub2", "campaign"), ("cost", "0.12")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ip: "203.0.113.77".into(),
        user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36".into(),
        ..Visit::default()
    };
    let Routed::Offer { click, .. } = route(&visit, link, &snapshot.program, id, at) else {
        panic!("no offer")
    };
    store.keep_click(*click, Duration::from_secs(60)).await.unwrap();
    id
}
