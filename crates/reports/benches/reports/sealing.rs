//! Sealing thirty days hour by hour, what it comes to in bytes, and looking clicks up in what was sealed.

use std::path::Path;
use std::time::Instant;

use proofback_domain::time::{Span, Timestamp};
use proofback_store::Store;
use proofback_store::facts::FileKind;

use crate::engines::Engines;
use crate::fill::{DATABASE, Filler, ROWS_MAX, adopt, open};
use crate::machine;
use crate::world::{DAY_MS, DAYS, Random, START, World};
use crate::{Bar, Figure};

const HOUR_MS: i64 = 3_600_000;
/// What is still to come when it has ended: the last conversions are approved a day later.
const END: i64 = START + (DAYS + 2) * DAY_MS;

/// A directory with everything sealed; `filled` keeps the rows for the next time, if they are not too many.
pub async fn sealed(directory: &Path, filled: &Path, count: usize) -> Vec<Figure> {
    let mut rates = Vec::new();
    let mut merged = Vec::new();
    drop(std::fs::remove_dir_all(directory));
    std::fs::create_dir_all(directory).unwrap();
    let mut filler = Filler::default();
    let keeps = count <= ROWS_MAX;
    if keeps && filled.join("whole").exists() {
        std::fs::copy(filled.join(DATABASE), directory.join(DATABASE)).unwrap();
    } else {
        let into = if keeps { filled } else { directory };
        drop(std::fs::remove_dir_all(into));
        let store = open(into);
        let snapshot = adopt(&store).await;
        drop(store);
        let world = World::new(&snapshot, count);
        let mut from = 0;
        while from < count {
            let until = (from + ROWS_MAX).min(count);
            filler.fill(into, &world, from..until);
            if !keeps {
                let store = open(into);
                adopt(&store).await;
                seal(&store, world.at(from), if until == count { END } else { world.at(until) }, &mut rates)
                    .await;
                drop(store);
            }
            from = until;
        }
        if keeps {
            std::fs::write(filled.join("whole"), "").unwrap();
            std::fs::copy(filled.join(DATABASE), directory.join(DATABASE)).unwrap();
        }
    }
    let store = open(directory);
    adopt(&store).await;
    if keeps {
        // What the copy has still to write must not disturb what is measured.
        std::fs::File::open(directory.join(DATABASE)).and_then(|file| file.sync_all()).unwrap();
        seal(&store, START, END, &mut rates).await;
    }
    let started = Instant::now();
    let files = store.merge_files(Timestamp::from_millis(END + 2 * DAY_MS)).await.unwrap();
    if files > 0 {
        let rows: u64 =
            store.facts_view().await.unwrap().catalog.files.iter().map(|file| file.summary.rows).sum();
        merged.push(rows as f64 / started.elapsed().as_secs_f64());
    }
    store.remove_orphans(Timestamp::from_millis(END + 4 * DAY_MS)).await.unwrap();
    vec![
        Figure::new("sealing, hour by hour, rows cleared away", "rows/s", Bar::AtLeast(100_000.0), rates),
        Figure::new("  merging into days", "rows/s", Bar::None, merged),
    ]
}

/// A day's rate at a time.
async fn seal(store: &Store, from: i64, until: i64, rates: &mut Vec<f64>) {
    let mut now = from;
    while now < until {
        let (started, mut rows) = (Instant::now(), 0);
        for _ in 0..24 {
            now += HOUR_MS;
            let at = Timestamp::from_millis(now.min(until)).plus(Span::from_seconds(900));
            rows += store.seal_facts(at, None).await.unwrap().rows;
        }
        // What is left of conversions after the last click is no day.
        if rows > 1_000 && now <= START + DAYS * DAY_MS {
            rates.push(rows as f64 / started.elapsed().as_secs_f64());
        }
    }
}

/// How large a click is in its file, and of what.
pub async fn sizes(store: &Store, engines: &mut Engines, facts: &Path) -> (Vec<Figure>, String) {
    let view = store.facts_view().await.unwrap();
    assert!(view.clicks.is_empty() && view.events.is_empty(), "everything is sealed");
    let clicks = view.catalog.files.iter().filter(|file| file.kind == FileKind::Clicks);
    let (bytes, rows) =
        clicks.fold((0, 0), |(bytes, rows), file| (bytes + file.bytes, rows + file.summary.rows));
    let events: Vec<_> = view.catalog.files.iter().filter(|file| file.kind == FileKind::Events).collect();
    let event_bytes: u64 = events.iter().map(|file| file.bytes).sum();
    let event_rows: u64 = events.iter().map(|file| file.summary.rows).sum();
    let sql = format!(
        "select path_in_schema, sum(total_compressed_size) from parquet_metadata('{}/*/clicks-*.parquet') \
         group by all order by 2 desc",
        facts.display()
    );
    let columns = engines.ask("duckdb", &sql, true).rows;
    let column = |row: &Vec<String>| {
        let each = row[1].parse::<f64>().unwrap() / rows as f64;
        (0.05 <= each).then(|| format!("{} {each:.1}", row[0]))
    };
    let columns: Vec<String> = columns.iter().filter_map(column).collect();
    let figures = vec![
        Figure::new("bytes of a sealed click", "bytes", Bar::AtMost(75.0), vec![bytes as f64 / rows as f64]),
        Figure::new(
            "  of a sealed event",
            "bytes",
            Bar::None,
            vec![event_bytes as f64 / event_rows.max(1) as f64],
        ),
        Figure::new("  files", "", Bar::None, vec![view.catalog.files.len() as f64]),
    ];
    (figures, format!("bytes of a sealed click by column: {}", columns.join(", ")))
}

/// Clicks anywhere, none twice.
pub async fn look_ups(store: &Store, world: &World<'_>, looks: usize) -> Vec<Figure> {
    let mut random = Random::new(99);
    let mut times = Vec::with_capacity(looks);
    // Directories of files are read once for all; that is not what is asked for.
    for index in (0..world.count).step_by((world.count / 400).max(1)) {
        let click = world.click(index);
        assert_eq!(store.click(click.id).await.unwrap(), Some(click));
    }
    for _ in 0..looks {
        let click = world.click(random.below(world.count));
        let started = Instant::now();
        let found = store.click(click.id).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(found, Some(click));
    }
    let p50 = machine::median(&mut times);
    let p99 = times[times.len() * 99 / 100];
    vec![
        Figure::new("one sealed click by its id, p50", "ms", Bar::None, vec![p50]),
        Figure::new("  p99", "ms", Bar::AtMost(5.0), vec![p99]),
    ]
}
