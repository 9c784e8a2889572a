//! A file of a hundred thousand lines against as many conversions, from the body of the request to that of the answer.
//!
//! Memory is the growth of this process: its resident size before the request (`VmRSS`) against the peak that Linux
//! counts from then on (`VmHWM`, set back through `/proc/self/clear_refs`). The server and its store are in this process.
//! The first request shows it best: what it gave back, the later ones find in the hands of the allocator.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use proofback_domain::click::Place;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use proofback_store::Store;
use proofback_web::{Ids, Settings, Web, World, hash_token};
use tower::ServiceExt;

use crate::{Bar, Figure, Plan, fill};

const TOKEN: &str = "bench-token-of-no-worth-0123456789";
/// Half of the days that have conversions: an advertiser has a tenth of all in them.
const LAST_DAY: &str = "2025-06-19";

pub async fn figures(plan: &Plan, store: &Store) -> Vec<Figure> {
    proofback_web::load(store, &|_| Ok(String::new())).await.unwrap();
    let snapshot = store.snapshot().unwrap();
    let (file, lines) = file(&snapshot, plan.conversions);
    let settings = Settings {
        click_wait: Duration::from_millis(250),
        trusted_proxies: Vec::new(),
        admin_token_hash: hash_token(TOKEN),
        program_file: None,
    };
    let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(fill::year_end);
    let world = World {
        now,
        ticks: Arc::new(|| 0),
        resolve: Arc::new(|_| Ok(String::new())),
        place: Arc::new(|_| Place::default()),
        free_bytes: Arc::new(|| None),
    };
    let router = proofback_web::router(Web::new(
        store.clone(),
        settings,
        Ids::new(fill::year_end(), Arc::new(|| 1)),
        world,
        None,
    ));
    let mut figures = Vec::new();
    // A workbook is for the lines that differ.
    const DIFFERING: &str = "xlsx&groups=different_amount,missing_here,missing_there";
    for (format, bars) in [
        ("json", (Bar::AtMost(10.0), Bar::AtMost(200.0))),
        ("csv", (Bar::AtMost(10.0), Bar::AtMost(200.0))),
        (DIFFERING, (Bar::AtMost(10.0), Bar::AtMost(200.0))),
    ] {
        let request = request(format, &file);
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = kilobytes("VmRSS:");
        let started = Instant::now();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().data_ref().map_or(0, |data| data.len());
        }
        let seconds = started.elapsed().as_secs_f64();
        let grown = (kilobytes("VmHWM:") - before) / 1024.0;
        let (time_bar, memory_bar) = bars;
        let format = format.split('&').next().unwrap_or_default();
        let name = format!("reconcile {lines} lines against as many, {format}");
        figures.push(Figure::new(&name, seconds, "s", time_bar));
        figures.push(Figure::new("  growth of the process", grown, "MB", memory_bar));
        figures.push(Figure::new("  its answer", bytes as f64 / 1048576.0, "MB", Bar::None));
    }
    assert_groups(&router, &file, lines).await;
    figures
}

fn request(format: &str, file: &str) -> Request<Body> {
    let uri = format!("/api/v1/reconciliations?advertiser=a1&from=2025-01-01&to={LAST_DAY}&format={format}");
    let request = Request::post(uri).header("authorization", format!("Bearer {TOKEN}"));
    request.body(Body::from(file.to_owned())).unwrap()
}

/// Every line is where it belongs.
async fn assert_groups(router: &Router, file: &str, lines: usize) {
    let response = router.clone().oneshot(request("totals", file)).await.unwrap();
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let count = |group: &str, side: &str| {
        let totals = answer["totals"].as_array().unwrap().iter();
        totals.filter(|one| one["group"] == group).map(|one| one[side].as_u64().unwrap()).sum::<u64>()
    };
    let groups = ["matched", "different_amount", "missing_here"].map(|group| count(group, "lines_theirs"));
    assert_eq!(groups.iter().sum::<u64>(), lines as u64, "{groups:?}");
    assert_eq!(groups[1], (lines as u64).div_ceil(100), "{groups:?}");
    // And the one from which the others were made.
    assert_eq!(count("missing_there", "lines_ours"), groups[2] + 1);
}

/// A line for each conversion of one advertiser in the first half. Every tenth names the click alone, every hundredth
/// another amount, and every hundredth is of a txid that nobody knows.
fn file(snapshot: &Snapshot, conversions: usize) -> (String, usize) {
    let mut file = String::from("click_id,txid,event,status,amount,currency,timestamp\n");
    let mut lines = 0;
    for conversion in (0..conversions / 2).filter(|conversion| conversion % fill::ADVERTISERS == 1) {
        let fill::Fact { click, txid, status, micros, at } = fill::fact(snapshot, conversion, conversions);
        let (click, txid) = match lines % 100 {
            50 => (String::new(), format!("U{conversion}")),
            number if number % 10 == 7 => (click.to_string(), String::new()),
            _ => (String::new(), txid),
        };
        let more = if lines % 100 == 0 { 1 } else { 0 };
        // Far from the event: an unknown txid is not found by its amount and time.
        let at = if lines % 100 == 50 { Timestamp::from_millis(fill::YEAR_END) } else { at };
        let (whole, cents) = (micros / 1_000_000 + more, micros % 1_000_000 / 10_000);
        writeln!(file, "{click},{txid},sale,{status},{whole}.{cents:02},EUR,{}", at.iso()).unwrap();
        lines += 1;
    }
    (file, lines)
}

fn kilobytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
