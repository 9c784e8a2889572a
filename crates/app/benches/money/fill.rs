//! A store with a year of money in it, made once and kept: filling it takes longer than measuring with it.
//!
//! The schema, the program and the first conversion are made by the real code; the others are that one's row with
//! other values, their entries have the shape that the real code writes. All but the newest entries are sealed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proofback_domain::click_id::{ClickId, Keys, Prefix};
use proofback_domain::id::Id;
use proofback_domain::postback::{Method, Request, read as read_postback};
use proofback_domain::program::{Secrets, Snapshot, read};
use proofback_domain::route::{Routed, Visit, route};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Edit, Options, RawPostback, Stopwatch, Store};
use rusqlite::Connection;

/// Higher after any change here: what was made before is made again.
const VERSION: u32 = 2;
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
const KEY: [u8; 16] = [5; 16];
pub const PARTNERS: usize = 50;
pub const ADVERTISERS: usize = 5;
/// One partner has every fifth conversion, the others share the rest.
pub const BIG_PARTNER: &str = "p0";
/// What the server has booked since its last seal.
const UNSEALED: usize = 2_000;
const DAY_MS: i64 = 86_400_000;
/// The last conversion comes so early that all of its entries still lie in the year.
const CONVERSION_DAYS: i64 = 340;
/// From then on conversions are on hold beyond the end of the year.
const HOLD_DAYS: i64 = 310;
/// 2025-01-01T00:00:00Z
pub const YEAR_START: i64 = 1_735_689_600_000;
pub const YEAR_END: i64 = YEAR_START + 365 * DAY_MS;

/// Opens the kept store with `conversions` conversions and five times as many entries.
pub async fn open(kept: &Path, conversions: usize) -> Store {
    let mut hasher = DefaultHasher::new();
    (VERSION, schema(), KEY).hash(&mut hasher);
    let name = format!("money-{conversions}-");
    let prepared = kept.join(format!("{name}{:016x}", hasher.finish()));
    if !prepared.exists() {
        remove_older(kept, &name);
        let partial = kept.join(format!("partial-money-{conversions}"));
        drop(std::fs::remove_dir_all(&partial));
        fill(&partial, conversions).await;
        std::fs::rename(&partial, &prepared).unwrap();
    }
    open_store(&prepared)
}

fn open_store(directory: &Path) -> Store {
    let options =
        Options { readers: 2, fresh_key: KEY, facts: None, on_fatal: Box::new(|error| panic!("{error}")) };
    Store::open(directory, options).unwrap()
}

/// Every migration in its order: a store of another schema is not the one to measure.
fn schema() -> Vec<String> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn remove_older(kept: &Path, name: &str) {
    std::fs::create_dir_all(kept).unwrap();
    let older: Vec<PathBuf> = std::fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in older {
        if path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(name)) {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

async fn fill(directory: &Path, conversions: usize) {
    let started = Instant::now();
    let store = open_store(directory);
    let snapshot = start(&store).await;
    drop(store);
    let connection = connect(directory);
    connection.execute_batch("begin").unwrap();
    let entries = plan(conversions);
    let (most, newest) = entries.split_at(entries.len() - UNSEALED);
    insert_conversions(&connection, &snapshot, conversions);
    insert_entries(&connection, most, conversions);
    connection.execute_batch("commit").unwrap();
    drop(connection);
    println!("filled in {:.0} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    let store = open_store(directory);
    let mut sealed = 0;
    loop {
        let batch = store.seal(Timestamp::from_millis(YEAR_END)).await.unwrap();
        if batch == 0 {
            break;
        }
        sealed += batch;
    }
    let elapsed = started.elapsed().as_secs_f64();
    println!("sealed {sealed} entries in {elapsed:.1} s, {:.0} entries/s", sealed as f64 / elapsed);
    drop(store);
    let connection = connect(directory);
    connection.execute_batch("begin").unwrap();
    insert_entries(&connection, newest, conversions);
    connection.execute_batch("commit").unwrap();
}

/// Alone on the database, once the threads of the store that had it open have ended. Nothing is lost if this breaks
/// off, it begins anew: so there is no log and no waiting for the disk either.
fn connect(directory: &Path) -> Connection {
    let connection = Connection::open(directory.join("proofback.db")).unwrap();
    for _ in 0..200 {
        match connection.pragma_update_and_check(None, "journal_mode", "off", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "off" => {
                connection.pragma_update(None, "synchronous", "off").unwrap();
                connection.pragma_update(None, "cache_size", -262_144).unwrap();
                return connection;
            }
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    panic!("the store stays open");
}

fn program() -> String {
    let mut text = String::from("[program]\nname = \"Bench\"\ncurrency = \"EUR\"\n");
    for advertiser in 0..ADVERTISERS {
        write!(
            text,
            "[[advertiser]]\nid = \"a{advertiser}\"\ncurrency = \"EUR\"\n[advertiser.postback]\nopen = true\n\
             [[offer]]\nid = \"o{advertiser}\"\nadvertiser = \"a{advertiser}\"\nurl = \"https://a.example/?c={{click_id}}\"\n\
             [[offer.goal]]\nevent = \"sale\"\npayout = \"10%\"\nrevenue = \"15%\"\n"
        )
        .unwrap();
    }
    for partner in 0..PARTNERS {
        writeln!(text, "[[partner]]\nid = \"p{partner}\"").unwrap();
        for advertiser in 0..ADVERTISERS {
            let link = format!("p{partner}-o{advertiser}");
            writeln!(text, "[[link]]\nid = \"{link}\"\npartner = \"p{partner}\"\noffer = \"o{advertiser}\"")
                .unwrap();
        }
    }
    text
}

/// The program in force, one click and its conversion.
async fn start(store: &Store) -> Arc<Snapshot> {
    let source = program();
    let (program, mistakes) = read(&source);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let at = Timestamp::from_millis(YEAR_START);
    let stored = store.save_program(source, &program, Edit::by("bench"), at).await.unwrap().unwrap();
    let keys = Keys::new(store.click_key().await.unwrap(), Vec::new());
    let secrets = Secrets(BTreeMap::new());
    let snapshot = Arc::new(Snapshot::new(stored.revision, program, stored.numbers, secrets, keys));
    store.adopt(Arc::clone(&snapshot));
    let link = &snapshot.program.links["p1-o1"];
    let id = snapshot.keys.sign(Prefix { at, serial: 0, link: snapshot.number(&link.id).unwrap() });
    let Routed::Offer { click, .. } = route(&Visit::default(), link, &snapshot.program, id, at) else {
        panic!("no offer")
    };
    store.keep_click(*click, Duration::from_secs(60)).await.unwrap();
    let query = format!("click_id={id}&txid=first&event=sale&status=approved&amount=1&currency=EUR");
    let request = Request {
        at,
        method: Method::Get,
        advertiser: Some("a1".into()),
        path_token: None,
        pixel: false,
        https: false,
        ip: [127, 0, 0, 1].into(),
        query: query.into_bytes(),
        content_type: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let reading = read_postback(&request, &snapshot, None);
    let raw = RawPostback {
        method: "GET",
        path: "/postback/a1".into(),
        ip: "127.0.0.1".into(),
        params: reading.stored.clone(),
        stopwatch: Stopwatch(Arc::new(|| 7)),
    };
    let decision = store.decide(raw, reading, Arc::clone(&snapshot), Id::new(at, 1)).await.unwrap();
    assert!(decision.conversion_id.is_some(), "{}", decision.message);
    snapshot
}

/// One line of the journal to be.
struct Entry {
    at: i64,
    conversion: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Pending,
    Approved,
    Income,
    Adjusted,
    Reversed,
    IncomeReversed,
    Paid,
}

/// What a network would know of a conversion.
pub struct Fact {
    pub click: ClickId,
    pub txid: String,
    pub status: &'static str,
    pub micros: i64,
    pub at: Timestamp,
}

pub fn fact(snapshot: &Snapshot, conversion: usize, conversions: usize) -> Fact {
    Fact {
        click: click(snapshot, conversion, conversions),
        txid: format!("T{conversion:08}"),
        status: if is_reversed(conversion) { "reversed" } else { "approved" },
        micros: amount(conversion),
        at: Timestamp::from_millis(conversion_at(conversion, conversions)),
    }
}

fn click(snapshot: &Snapshot, conversion: usize, conversions: usize) -> ClickId {
    let link = format!("p{}-o{}", partner(conversion), conversion % ADVERTISERS);
    let number = snapshot.number(&snapshot.program.links[link.as_str()].id).unwrap();
    let at = Timestamp::from_millis(conversion_at(conversion, conversions));
    let serial = u32::try_from(conversion).unwrap() & ((1 << 22) - 1);
    snapshot.keys.sign(Prefix { at, serial, link: number })
}

fn partner(conversion: usize) -> usize {
    if conversion.is_multiple_of(5) { 0 } else { 1 + conversion % (PARTNERS - 1) }
}

/// 20 to 219 EUR, in millionths.
fn amount(conversion: usize) -> i64 {
    20_000_000 + i64::try_from(conversion * 7_919 % 20_000).unwrap() * 10_000
}

fn conversion_at(conversion: usize, conversions: usize) -> i64 {
    YEAR_START
        + CONVERSION_DAYS * DAY_MS / i64::try_from(conversions).unwrap() * i64::try_from(conversion).unwrap()
}

fn is_reversed(conversion: usize) -> bool {
    conversion % 10 == 3
}

/// All entries of a year, in their order.
fn plan(conversions: usize) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(conversions * 5);
    for conversion in 0..conversions {
        let at = conversion_at(conversion, conversions);
        let mut plan = |days: i64, what| entries.push(Entry { at: at + days * DAY_MS, conversion, what });
        plan(0, What::Pending);
        plan(3, What::Approved);
        plan(3, What::Income);
        if is_reversed(conversion) {
            plan(5, What::Reversed);
            plan(5, What::IncomeReversed);
        } else {
            plan(4, What::Adjusted);
            plan(20, What::Paid);
        }
    }
    entries.sort_unstable_by_key(|entry| (entry.at, entry.conversion, entry.what));
    entries
}

fn insert_conversions(connection: &Connection, snapshot: &Snapshot, conversions: usize) {
    let statement = "insert into conversion (id, at, event_at, advertiser, offer, event, partner, link, click_id, \
        txid, status, held, changed_at, money, subscription, day, counts, approve_at, payable_at) \
        select ?1, ?2, ?2, ?3, ?4, event, ?5, ?6, ?7, ?8, ?9, held, ?2, \
        json_set(money, '$.amount.micros', ?10, '$.commission.micros', ?11, '$.revenue.micros', ?12), \
        subscription, ?13, counts, approve_at, ?14 from conversion where rowid = 1";
    let mut insert = connection.prepare(statement).unwrap();
    let statement = "insert into conversion_key (advertiser, txid, event, conversion_id, postback_id, taken_at, \
        click_id) values (?1, ?2, 'sale', ?3, ?3, 0, ?4)";
    let mut take = connection.prepare(statement).unwrap();
    for conversion in 0..conversions {
        let at = conversion_at(conversion, conversions);
        let (advertiser, partner) = (conversion % ADVERTISERS, partner(conversion));
        let link = format!("p{partner}-o{advertiser}");
        let click = click(snapshot, conversion, conversions).to_bytes();
        let id = conversion_id(conversion, conversions);
        let (advertiser, txid) = (format!("a{advertiser}"), format!("T{conversion:08}"));
        let amount = amount(conversion);
        insert
            .execute(rusqlite::params![
                id,
                at,
                advertiser,
                format!("o{}", conversion % ADVERTISERS),
                format!("p{partner}"),
                link,
                click,
                txid,
                if is_reversed(conversion) { "reversed" } else { "approved" },
                amount,
                amount / 10,
                amount * 15 / 100,
                at / DAY_MS,
                (YEAR_START + HOLD_DAYS * DAY_MS < at).then_some(at + 60 * DAY_MS),
            ])
            .unwrap();
        take.execute((&advertiser, &txid, id, click)).unwrap();
    }
}

fn conversion_id(conversion: usize, conversions: usize) -> [u8; 16] {
    let at = Timestamp::from_millis(conversion_at(conversion, conversions));
    Id::<proofback_domain::id::Conversion>::new(at, conversion as u128).to_bytes()
}

fn insert_entries(connection: &Connection, entries: &[Entry], conversions: usize) {
    let statement = "insert into entry (id, at, debit, credit, amount, currency, conversion_id, postback_id, reason, \
        kind) values (?1, ?2, ?3, ?4, ?5, 'EUR', ?6, ?6, ?7, ?8)";
    let mut insert = connection.prepare(statement).unwrap();
    for Entry { at, conversion, what } in entries {
        let side = |side: &str| format!("partner:p{}:{side}", partner(*conversion));
        let due = format!("advertiser:a{}:due", conversion % ADVERTISERS);
        let (house, income) = ("house:commission".to_owned(), "house:income".to_owned());
        let amount = amount(*conversion);
        let (commission, revenue, bonus) = (amount / 10, amount * 15 / 100, 1_000_000);
        let (debit, credit, micros, word, kind) = match what {
            What::Pending => (house, side("pending"), commission, "pending", "commission"),
            What::Approved => (side("pending"), side("approved"), commission, "approved", "commission"),
            What::Income => (due, income, revenue, "approved", "income"),
            What::Adjusted => (house, side("approved"), bonus, "adjusted", "adjustment"),
            What::Reversed => (side("approved"), house, commission, "reversed", "refund"),
            What::IncomeReversed => (income, due, revenue, "reversed", "refund"),
            What::Paid => (side("approved"), side("paid"), commission + bonus, "paid", "payout"),
        };
        let number = u128::from(*what as u8) << 64 | *conversion as u128;
        let id = Id::<proofback_domain::id::Entry>::new(Timestamp::from_millis(*at), number).to_bytes();
        let owner = conversion_id(*conversion, conversions);
        let reason = format!("sale T{conversion:08} {word}");
        insert.execute((id, at, debit, credit, micros, owner, reason, kind)).unwrap();
    }
}

/// How far the span of a year goes, for statements.
pub fn year_end() -> Timestamp {
    Timestamp::from_millis(YEAR_START).plus(Span::from_seconds(365 * 86_400))
}
