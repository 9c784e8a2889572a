//! The figures of sealed facts and of reports over them: how fast they are sealed, how large they are, and how long
//! questions take beside DuckDB on the same files and SQLite over rows. Every ratio is of one round, with its minimum
//! and maximum.
//!
//! `--clicks 10000000` is how many there are, `--keep DIR` where all of it is kept, `--sealed` takes what was sealed the
//! last time, `--only queries` (or `sealing`, `dashboard`, `clicks`) a part; `--smoke` only proves that it works.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark speaks to the terminal")]

mod arrivals;
mod engines;
mod fill;
#[path = "../../../app/benches/figures/machine.rs"]
#[allow(dead_code, reason = "shared with the other figures, of which these need a part")]
mod machine;
mod questions;
mod sealing;
mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engines::Engines;
use proofback_domain::program::Snapshot;
use proofback_domain::report::{Cell, Context, Report, Table};
use proofback_domain::time::Timestamp;
use proofback_reports::Reports;
use questions::{DASHBOARD, SIX, pairs};
use world::{DAY_MS, DAYS, START, World};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads that compute, on either side.
const THREADS: usize = 2;

/// How much is done: everything, or just enough to see that it works.
struct Plan {
    clicks: usize,
    rounds: usize,
    looks: usize,
    arriving: Duration,
    keep: PathBuf,
    sealed: bool,
    only: Option<String>,
}

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub enum Bar {
    None,
    AtLeast(f64),
    AtMost(f64),
}

pub struct Figure {
    name: String,
    unit: &'static str,
    bar: Bar,
    values: Vec<f64>,
}

impl Figure {
    pub fn new(name: &str, unit: &'static str, bar: Bar, values: Vec<f64>) -> Self {
        Self { name: name.to_owned(), unit, bar, values }
    }
}

fn main() {
    let plan = plan();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let table = runtime.block_on(measure(&plan));
    println!("{table}");
    let directory = target_directory().join("bench");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(format!("reports-{}.txt", plan.clicks)), &table).unwrap();
}

fn plan() -> Plan {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)).cloned()
    };
    let smoke = has("--smoke");
    let clicks = after("--clicks").map(|count| count.parse().unwrap());
    let clicks = clicks.unwrap_or(if smoke { 20_000 } else { 10_000_000 });
    let name = format!("reports-{clicks}-{}", fill::fingerprint());
    Plan {
        clicks,
        rounds: after("--rounds").map_or(if smoke { 1 } else { 7 }, |rounds| rounds.parse().unwrap()),
        looks: if smoke { 50 } else { 2_000 },
        arriving: if smoke { Duration::from_millis(200) } else { Duration::from_secs(4) },
        keep: after("--keep").map_or_else(|| target_directory().join("bench"), PathBuf::from).join(name),
        sealed: has("--sealed"),
        only: after("--only"),
    }
}

/// Where this program was built: `target`, or what stands in for it; on the disk that is measured.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

async fn measure(plan: &Plan) -> String {
    let (directory, filled) = (plan.keep.join("data"), plan.keep.join("filled"));
    let wanted = |part: &str| plan.only.as_ref().is_none_or(|only| only == part);
    let mut figures = Vec::new();
    if !plan.sealed || !directory.join("facts").exists() {
        figures.extend(sealing::sealed(&directory, &filled, plan.clicks).await);
    }
    let store = fill::open(&directory);
    let snapshot = fill::adopt(&store).await;
    let (facts, plain) = (directory.join("facts"), plan.keep.join("plain.db"));
    let mut engines =
        Engines::start(&target_directory(), &facts, &plain, &filled.join(fill::DATABASE), THREADS);
    let mut notes = vec![engines.version.clone()];
    let reports = Reports::new(store.clone(), THREADS).unwrap();
    if wanted("sealing") {
        let (sizes, columns) = sealing::sizes(&store, &mut engines, &facts).await;
        figures.extend(sizes);
        notes.push(columns);
        figures.extend(sealing::look_ups(&store, &World::new(&snapshot, plan.clicks), plan.looks).await);
    }
    if wanted("queries") {
        if !plain.exists() && plan.clicks <= fill::ROWS_MAX {
            engines.ask("fill", "", false);
        }
        figures.extend(queries(plan, &reports, &snapshot, &mut engines).await);
    }
    drop(engines);
    if wanted("dashboard") {
        figures.push(dashboard(plan, &reports, &snapshot).await);
    }
    if wanted("clicks") {
        figures.extend(apart(plan, &directory).await);
    }
    table(plan, figures, &notes)
}

/// In a copy: what comes in there is not for the next time.
async fn apart(plan: &Plan, directory: &Path) -> Vec<Figure> {
    let copy = plan.keep.join("apart");
    drop(std::fs::remove_dir_all(&copy));
    std::fs::create_dir_all(&copy).unwrap();
    std::os::unix::fs::symlink(directory.join("facts"), copy.join("facts")).unwrap();
    rusqlite::Connection::open(directory.join(fill::DATABASE))
        .unwrap()
        .execute("vacuum into ?1", [copy.join(fill::DATABASE).to_str().unwrap()])
        .unwrap();
    let store = fill::open(&copy);
    let snapshot = fill::adopt(&store).await;
    let reports = Reports::new(store, THREADS).unwrap();
    let figures = arrivals::figures(&reports, &snapshot, plan.rounds, plan.arriving).await;
    drop(reports);
    std::fs::remove_dir_all(&copy).unwrap();
    figures
}

/// The last moment of the thirty days.
fn now() -> Timestamp {
    Timestamp::from_millis(START + DAYS * DAY_MS - 1)
}

/// From the words of the question to the table.
pub async fn run(reports: &Reports, snapshot: &Arc<Snapshot>, pairs: Vec<(String, String)>) -> Table {
    let context = Context::of(snapshot, now(), Timestamp::from_millis(START));
    let report = Report::parse(&pairs, &context).unwrap();
    reports.run(report, Arc::clone(snapshot), now()).await.unwrap()
}

async fn queries(
    plan: &Plan,
    reports: &Reports,
    snapshot: &Arc<Snapshot>,
    engines: &mut Engines,
) -> Vec<Figure> {
    let mut ours = vec![Vec::new(); SIX.len()];
    let mut theirs = vec![Vec::new(); SIX.len()];
    let mut means = Vec::new();
    for question in &SIX {
        let table = run(reports, snapshot, question.pairs()).await;
        same(question.name, &table, engines.ask("duckdb", &question.duckdb(), true).rows);
    }
    for round in 0..plan.rounds {
        let mut logarithms = 0.0;
        for (place, question) in SIX.iter().enumerate() {
            let mut duckdb = || engines.ask("duckdb", &question.duckdb(), false).seconds;
            let first = if round % 2 == 0 { Some(duckdb()) } else { None };
            let started = Instant::now();
            let table = run(reports, snapshot, question.pairs()).await;
            let own = started.elapsed().as_secs_f64();
            let other = first.unwrap_or_else(duckdb);
            assert!(!table.rows.is_empty());
            ours[place].push(own * 1e3);
            theirs[place].push(other * 1e3);
            logarithms += (own / other).ln();
        }
        means.push((logarithms / SIX.len() as f64).exp());
    }
    let mut figures =
        vec![Figure::new("six reports over DuckDB's, geometric mean", "x", Bar::AtMost(1.3), means)];
    for (place, question) in SIX.iter().enumerate() {
        let ratios = ours[place].iter().zip(&theirs[place]).map(|(own, other)| own / other).collect();
        figures.push(Figure::new(&format!("  {}", question.name), "x", Bar::None, ratios));
        figures.push(Figure::new("    ours", "ms", Bar::None, ours[place].clone()));
        figures.push(Figure::new("    DuckDB", "ms", Bar::None, theirs[place].clone()));
    }
    if plan.clicks <= fill::ROWS_MAX {
        figures.extend(sqlite(engines, &ours));
    }
    figures
}

/// Once: it is slow.
fn sqlite(engines: &mut Engines, ours: &[Vec<f64>]) -> Vec<Figure> {
    let (mut logarithms, mut times) = (0.0, Vec::new());
    let mut rows = Vec::new();
    for (question, own) in SIX.iter().zip(ours) {
        let seconds = engines.ask("sqlite", &question.sqlite(), false).seconds;
        let own = machine::median(&mut own.clone()) / 1e3;
        logarithms += (seconds / own).ln();
        times.push(seconds * 1e3);
        if let Some(sql) = question.sqlite_rows() {
            rows.push(engines.ask("rows", &sql, false).seconds / own);
        }
    }
    let mean = (logarithms / SIX.len() as f64).exp();
    vec![
        Figure::new("six reports by SQLite over columns, geometric mean", "x", Bar::AtLeast(8.0), vec![mean]),
        Figure::new("  SQLite", "ms", Bar::None, times),
        Figure::new("  two of them over rows with JSON", "x", Bar::None, rows),
    ]
}

/// Row by row, number by number.
fn same(name: &str, table: &Table, mut theirs: Vec<Vec<String>>) {
    let cell = |cell: &Cell| match cell {
        Cell::Money { micros, .. } => micros.to_string(),
        Cell::Text(text) => text.to_string(),
        Cell::Count(count) => count.to_string(),
        Cell::Null | Cell::Ratio(_) | Cell::Seconds(_) => panic!("{name}: {cell:?}"),
    };
    let mut ours: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.cells.iter().map(cell).collect()).collect();
    ours.sort();
    theirs.sort();
    let differs = ours.iter().zip(&theirs).find(|(own, other)| own != other);
    assert!(differs.is_none(), "{name}: {differs:?}");
    assert_eq!(ours.len(), theirs.len(), "{name}");
}

async fn dashboard(plan: &Plan, reports: &Reports, snapshot: &Arc<Snapshot>) -> Figure {
    let mut times = Vec::new();
    for round in 0..=plan.rounds {
        let started = Instant::now();
        for report in DASHBOARD {
            assert!(!run(reports, snapshot, pairs(report)).await.rows.is_empty(), "{report}");
        }
        // The first time, files are opened.
        if round > 0 {
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    Figure::new("a dashboard of ten reports, one after the other", "ms", Bar::AtMost(1_000.0), times)
}

fn table(plan: &Plan, figures: Vec<Figure>, notes: &[String]) -> String {
    let mut table = format!(
        "{}; {} clicks of thirty days, {THREADS} threads on either side\n",
        machine::describe(),
        plan.clicks
    );
    for note in notes {
        writeln!(table, "{note}").unwrap();
    }
    table.push('\n');
    for Figure { name, unit, bar, mut values } in
        figures.into_iter().filter(|figure| !figure.values.is_empty())
    {
        let middle = machine::median(&mut values);
        let (lowest, highest) = (values[0], values[values.len() - 1]);
        let verdict = match bar {
            Bar::None => String::new(),
            Bar::AtLeast(bar) => format!("  at least {bar} {}", told(bar <= middle)),
            Bar::AtMost(bar) => format!("  at most {bar} {}", told(middle <= bar)),
        };
        writeln!(table, "{name:<58} {middle:>10.2} {unit:<7} ({lowest:.2} to {highest:.2}){verdict}")
            .unwrap();
    }
    table
}

fn told(reached: bool) -> &'static str {
    if reached { "reached" } else { "FELL SHORT" }
}
