//! Clicks that come in at a constant rate, waiting for nothing: what they wait for is part of their time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proofback_domain::click_id::Prefix;
use proofback_domain::program::Snapshot;
use proofback_domain::time::{Span, Timestamp};
use proofback_reports::Reports;
use proofback_store::{Kept, Store};

use crate::machine;
use crate::questions::SIX;
use crate::world::{DAY_MS, DAYS, START, World};
use crate::{Bar, Figure, run};

const PER_SECOND: u32 = 5_000;
/// What the server waits before it takes the spill.
const PATIENCE: Duration = Duration::from_millis(250);

pub async fn figures(
    reports: &Reports,
    snapshot: &Arc<Snapshot>,
    rounds: usize,
    time: Duration,
) -> Vec<Figure> {
    let serial = Arc::new(AtomicU32::new(0));
    let (mut alone, mut beside, mut ratios, mut syncs, mut spilled) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut reports_each = Vec::new();
    let store = reports.store();
    come_in(store, snapshot, &serial, time).await;
    for _ in 0..rounds {
        syncs.push(machine::sync_p50(store.directory()).as_secs_f64() * 1e3);
        let without = come_in(store, snapshot, &serial, time).await;
        let stop = Arc::new(AtomicBool::new(false));
        let asking = ask_on(reports.clone(), Arc::clone(snapshot), Arc::clone(&stop));
        let with = come_in(store, snapshot, &serial, time).await;
        stop.store(true, Ordering::Relaxed);
        reports_each.push(f64::from(asking.await.unwrap()) / time.as_secs_f64());
        ratios.push(with.p99 / without.p99);
        spilled.push(f64::from(with.spilled));
        alone.push(without.p99);
        beside.push(with.p99);
    }
    vec![
        Figure::new("a click's p99 beside reports, 5,000 clicks/s", "x", Bar::AtMost(2.0), ratios),
        Figure::new("  p99 alone", "ms", Bar::None, alone),
        Figure::new("  p99 beside reports", "ms", Bar::None, beside),
        Figure::new("  of them in the spill, each round", "", Bar::None, spilled),
        Figure::new("  reports meanwhile", "per s", Bar::None, reports_each),
        Figure::new("  fdatasync p50 of the same second", "ms", Bar::None, syncs),
    ]
}

/// Reports back to back, two at a time.
fn ask_on(reports: Reports, snapshot: Arc<Snapshot>, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<u32> {
    tokio::spawn(async move {
        let mut asked = 0;
        while !stop.load(Ordering::Relaxed) {
            let pair = [asked as usize % SIX.len(), (asked as usize + 1) % SIX.len()];
            let [one, two] = pair.map(|place| run(&reports, &snapshot, SIX[place].pairs()));
            tokio::join!(one, two);
            asked += 2;
        }
        asked
    })
}

struct Came {
    /// In milliseconds, from the moment at which the click was to come.
    p99: f64,
    spilled: u32,
}

async fn come_in(store: &Store, snapshot: &Arc<Snapshot>, serial: &Arc<AtomicU32>, time: Duration) -> Came {
    let world = World::new(snapshot, 1_000_000);
    let count = u32::try_from(time.as_millis()).unwrap() * PER_SECOND / 1_000;
    let clicks: Vec<_> = (0..count)
        .map(|_| {
            let number = serial.fetch_add(1, Ordering::Relaxed);
            let mut click = world.click(number as usize * 7);
            let after = Span::from_millis(3 * 86_400_000 + u64::from(number / 5));
            click.at = Timestamp::from_millis(START + DAYS * DAY_MS).plus(after);
            let prefix =
                Prefix { at: click.at, serial: number & ((1 << 22) - 1), link: click.id.prefix().link };
            click.id = snapshot.keys.sign(prefix);
            click
        })
        .collect();
    let started = Instant::now();
    let mut coming = Vec::with_capacity(clicks.len());
    for (place, click) in (0u32..).zip(clicks) {
        let due = started + Duration::from_micros(u64::from(place) * 1_000_000 / u64::from(PER_SECOND));
        if place % 5 == 0 {
            tokio::time::sleep_until(due.into()).await;
        }
        let store = store.clone();
        coming.push(tokio::spawn(async move {
            let kept = store.keep_click(click, PATIENCE).await.unwrap();
            (due.elapsed().as_secs_f64() * 1e3, kept)
        }));
    }
    let (mut times, mut spilled) = (Vec::with_capacity(coming.len()), 0);
    for one in coming {
        let (time, kept) = one.await.unwrap();
        times.push(time);
        spilled += u32::from(kept == Kept::Spilled);
    }
    machine::median(&mut times);
    Came { p99: times[times.len() * 99 / 100], spilled }
}
