//! A store full of rows that nobody has sealed yet, made once and kept: filling it takes longer than measuring with it.
//!
//! The store itself makes the schema and the program; clicks and facts are written beside it, in the form that it
//! writes them in.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use proofback_domain::click_id::Keys;
use proofback_domain::fact::{AboutClick, Fact, FactKind, Facts, Numbers};
use proofback_domain::money::Currency;
use proofback_domain::outcome::{Outcome, Reason};
use proofback_domain::program::{Secrets, Snapshot, read};
use proofback_domain::time::Timestamp;
use proofback_store::{Edit, Options, Store};
use rusqlite::Connection;

use crate::world::{START, Step, World, program};

/// Higher after any change of what is made.
const VERSION: u32 = 1;
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
const KEY: [u8; 16] = [5; 16];
pub const DATABASE: &str = "proofback.db";
/// Clicks whose rows are there at the same time; more are sealed as they are made.
pub const ROWS_MAX: usize = 10_000_000;
/// A row of clicks on its way: number, tail, at, names, details.
type ClickRow = (i64, i64, i64, [String; 4], String);

pub fn open(directory: &Path) -> Store {
    let options =
        Options { readers: 2, fresh_key: KEY, facts: None, on_fatal: Box::new(|error| panic!("{error}")) };
    for _ in 0..500 {
        let again = Options {
            on_fatal: Box::new(|error| panic!("{error}")),
            facts: options.facts.clone(),
            ..options
        };
        match Store::open(directory, again) {
            Ok(store) => return store,
            // The writer's thread ends with the last handle.
            Err(proofback_store::OpenError::InUse(_)) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store stays open")
}

/// Puts the program in force.
pub async fn adopt(store: &Store) -> Arc<Snapshot> {
    let source = program();
    let (program, mistakes) = read(&source);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let at = Timestamp::from_millis(START);
    let stored = store.save_program(source, &program, Edit::by("bench"), at).await.unwrap().unwrap();
    let keys = Keys::new(store.click_key().await.unwrap(), Vec::new());
    let secrets = Secrets(BTreeMap::new());
    let snapshot = Arc::new(Snapshot::new(stored.revision, program, stored.numbers, secrets, keys));
    store.adopt(Arc::clone(&snapshot));
    snapshot
}

/// What is made depends on this alone.
pub fn fingerprint() -> String {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let schema: Vec<String> = files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut hasher = DefaultHasher::new();
    (VERSION, schema, include_str!("world.rs"), KEY).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What was begun by clicks that were made and is not booked yet.
#[derive(Default)]
pub struct Filler {
    due: BTreeMap<(i64, usize, Step), ()>,
    facts: i64,
}

impl Filler {
    /// Writes the clicks in these places, and what is booked until the last of them.
    pub fn fill(&mut self, directory: &Path, world: &World<'_>, clicks: Range<usize>) {
        let started = Instant::now();
        let connection = connect(&directory.join(DATABASE));
        connection.execute_batch("begin").unwrap();
        insert_clicks(&connection, world, clicks.clone());
        for index in clicks.clone() {
            for (after, step) in world.follows(index) {
                self.due.insert((world.at(index) + after, index, step), ());
            }
        }
        let until = if clicks.end == world.count { i64::MAX } else { world.at(clicks.end) };
        let later = self.due.split_off(&(until, 0, Step::Begins));
        for (at, index, step) in std::mem::replace(&mut self.due, later).into_keys() {
            self.facts += 1;
            let facts = facts(world, at, index, step);
            let body = serde_json::to_string(&facts).unwrap();
            let statement = "insert into fact (number, at, body) values (?1, ?2, ?3)";
            connection.prepare_cached(statement).unwrap().execute((self.facts, at, body)).unwrap();
        }
        connection.execute_batch("commit").unwrap();
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        println!("filled {} clicks in {:.0} s", clicks.len(), started.elapsed().as_secs_f64());
    }
}

/// One thread makes the rows, this one writes them.
fn insert_clicks(connection: &Connection, world: &World<'_>, clicks: Range<usize>) {
    let statement = "insert into click (number, tail, at, link, partner, offer, advertiser, details) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = connection.prepare(statement).unwrap();
    let (sender, receiver) = sync_channel::<Vec<ClickRow>>(8);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut clicks = clicks.peekable();
            while clicks.peek().is_some() {
                let rows = clicks.by_ref().take(4_096).map(|index| row(world, index)).collect();
                sender.send(rows).unwrap();
            }
        });
        for (number, tail, at, [link, partner, offer, advertiser], details) in receiver.into_iter().flatten()
        {
            insert.execute((number, tail, at, link, partner, offer, advertiser, details)).unwrap();
        }
    });
}

fn row(world: &World<'_>, index: usize) -> ClickRow {
    let click = world.click(index);
    let names = [&click.link, &click.partner, &click.offer, &click.advertiser].map(ToString::to_string);
    let details = serde_json::to_string(&click.details).unwrap();
    (click.id.prefix().number(), click.id.tail(), click.at.millis(), names, details)
}

/// As the store books them: the answer to the postback, and how the conversion stands.
fn facts(world: &World<'_>, at: i64, index: usize, step: Step) -> Facts {
    let click = world.click(index);
    let at = Timestamp::from_millis(at);
    let [payout, revenue, amount] = world.money(index);
    let standing = |status: &str, sign: i64| Fact {
        kind: FactKind::Conversion,
        event_at: at,
        event: "sale".into(),
        status: status.into(),
        outcome: String::new(),
        reason: String::new(),
        target: String::new(),
        currency: Currency::parse("EUR"),
        numbers: Numbers {
            conversions: sign,
            payout: sign * payout,
            revenue: sign * revenue,
            amount: sign * amount,
            with_amount: sign,
            ..Numbers::default()
        },
        seconds: None,
    };
    let facts = match step {
        Step::Begins => {
            let mut begins = standing("pending", 1);
            begins.numbers.customers = 1;
            begins.seconds = i64::try_from(at.since(click.at).millis() / 1_000).ok();
            vec![Fact::postback(Outcome::Accepted, Reason::Ok, at, 1), begins]
        }
        Step::Approved => {
            let answer = Fact::postback(Outcome::Updated, Reason::StatusChanged, at, 1);
            vec![answer, standing("pending", -1), standing("approved", 1)]
        }
    };
    Facts { at, click: Some(AboutClick::of(&click)), advertiser: None, partner: None, test: false, facts }
}

/// Alone on the database, once the threads of the store that had it open have ended. Nothing is lost if this breaks
/// off, it begins anew: so there is no log and no waiting for the disk either.
fn connect(database: &Path) -> Connection {
    let connection = Connection::open(database).unwrap();
    for _ in 0..500 {
        match connection.pragma_update_and_check(None, "journal_mode", "off", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "off" => {
                connection.pragma_update(None, "synchronous", "off").unwrap();
                connection.pragma_update(None, "cache_size", -262_144).unwrap();
                return connection;
            }
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    panic!("the store stays open");
}
