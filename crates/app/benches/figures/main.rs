//! The figures: each a ratio against a baseline measured in the same run, rounds interleaved, the median quoted
//! with its minimum and maximum. `--smoke` only proves that it works.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to the terminal"
)]

mod load;
mod machine;
mod prepare;
mod servers;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use load::{Load, Rate, get};
use machine::{cpu_time, median, sync_p50};
use servers::{Server, TOKEN};

const CONNECTIONS: usize = 256;
const CLICK: &str = "/c/link?click_id=P-1&sub1=reels&sub2=campaign&cost=0.12";

/// How much is done: everything, or just enough to see that it works.
struct Plan {
    rounds: usize,
    time: Duration,
    lone: usize,
    clicks_stored: usize,
}

struct Figure {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    bar: Option<(bool, f64)>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    if arguments.iter().any(|argument| argument == "--bare-server") {
        return runtime.block_on(servers::run_bare());
    }
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    if machine::can_pin() && std::env::var_os("BENCH_PINNED").is_none() {
        let program = std::env::current_exe().unwrap();
        let mut command = machine::pinned(1, &program.to_string_lossy());
        let status = command.args(&arguments[1..]).env("BENCH_PINNED", "1").status().unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    let plan = if smoke {
        Plan { rounds: 1, time: Duration::from_millis(200), lone: 20, clicks_stored: 2_000 }
    } else {
        Plan { rounds: 7, time: Duration::from_secs(3), lone: 1_000, clicks_stored: 10_000_000 }
    };
    let table = runtime.block_on(measure(&plan));
    println!("{table}");
    let directory = target_directory().join("bench");
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(directory.join("figures.txt"), &table))
        .unwrap();
}

/// Where this program was built: `target`, or what stands in for it; on the disk that is measured.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

async fn measure(plan: &Plan) -> String {
    let directory = tempfile::tempdir_in(target_directory()).unwrap();
    let mut figures = clicks(plan, directory.path()).await;
    figures.extend(postbacks(plan, directory.path()).await);
    let mut table = format!("{}; server on core 0, load on core 1\n\n", machine::describe());
    for figure in &mut figures {
        let (lowest, highest) = (
            figure.values.iter().copied().fold(f64::INFINITY, f64::min),
            figure.values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        let middle = median(&mut figure.values);
        let verdict = match figure.bar {
            None => String::new(),
            Some((at_least, bar)) => {
                let reached = if at_least { middle >= bar } else { middle <= bar };
                format!(
                    "  {} {bar} {}",
                    if at_least { "at least" } else { "at most" },
                    if reached { "reached" } else { "FELL SHORT" }
                )
            }
        };
        writeln!(
            table,
            "{:<58} {middle:>10.2} {:<9} ({lowest:.2} to {highest:.2}){verdict}",
            figure.name, figure.unit
        )
        .unwrap();
    }
    table
}

async fn clicks(plan: &Plan, directory: &std::path::Path) -> Vec<Figure> {
    let (bare, ours) = (Server::bare(), Server::proofback(directory));
    let request = get(CLICK);
    let both = |address, time| {
        let request = request.clone();
        let load = Load { connections: CONNECTIONS, kept_alive: true, time, expected: "HTTP/1.1 302" };
        load.run(address, Arc::new(move |_| Some(request.clone())))
    };
    both(bare.address, plan.time / 4).await;
    both(ours.address, plan.time / 4).await;
    let figure = |name: &str, unit, bar| Figure { name: name.to_owned(), unit, values: Vec::new(), bar };
    let mut ratio =
        figure("durable click over bare axum, 256 kept-alive connections", "x", Some((true, 0.60)));
    let mut bare_rate = figure("  bare axum 302", "per s", None);
    let mut our_rate = figure("  durable click", "per s", None);
    let mut cpu_ratio = figure("CPU of a durable click over bare axum, new connections", "x", None);
    let mut our_cpu = figure("  durable click, new connection", "us CPU", None);
    let mut lone = figure("lone durable click's p50 over bare", "fsyncs", Some((false, 2.0)));
    let mut sync = figure("  fdatasync p50 of the same second", "us", None);
    let mut lone_us = figure("  lone durable click's p50", "us", None);
    for _ in 0..plan.rounds {
        let (base, durable) = (both(bare.address, plan.time).await, both(ours.address, plan.time).await);
        bare_rate.values.push(base.per_second);
        our_rate.values.push(durable.per_second);
        ratio.values.push(durable.per_second / base.per_second);

        let base = cpu_per_request(&bare, plan, &request).await;
        let durable = cpu_per_request(&ours, plan, &request).await;
        our_cpu.values.push(durable);
        cpu_ratio.values.push(durable / base);

        let before = sync_p50(directory);
        let mut base = load::lone(bare.address, plan.lone, &request, "HTTP/1.1 302").await;
        let mut durable = load::lone(ours.address, plan.lone, &request, "HTTP/1.1 302").await;
        let after = sync_p50(directory);
        let fsync = (before + after).as_secs_f64() / 2.0;
        let (base, durable) = (median(&mut base).as_secs_f64(), median(&mut durable).as_secs_f64());
        sync.values.push(fsync * 1e6);
        lone_us.values.push(durable * 1e6);
        lone.values.push((durable - base) / fsync);
    }
    vec![ratio, bare_rate, our_rate, cpu_ratio, our_cpu, lone, lone_us, sync]
}

/// Microseconds of the server's CPU for one request on a connection of its own.
async fn cpu_per_request(server: &Server, plan: &Plan, request: &[u8]) -> f64 {
    let before = cpu_time(server.pid());
    let request = request.to_vec();
    let requests = Arc::new(move |_| Some(request.clone()));
    let load = Load { connections: 64, kept_alive: false, time: plan.time, expected: "HTTP/1.1 302" };
    let Rate { answered, .. } = load.run(server.address, requests).await;
    (cpu_time(server.pid()) - before).as_secs_f64() * 1e6 / answered.max(1) as f64
}

async fn postbacks(plan: &Plan, directory: &std::path::Path) -> Vec<Figure> {
    let stored = directory.join("stored");
    let kept = target_directory().join("bench");
    let clicks = Arc::new(prepare::store_clicks(&kept, &stored, plan.clicks_stored).await);
    let server = Server::proofback(&stored);
    let figure = |name: &str, unit, bar| Figure { name: name.to_owned(), unit, values: Vec::new(), bar };
    let name = format!("durable postbacks, {} clicks stored, 256 connections", plan.clicks_stored);
    let mut rate = figure(&name, "per s", Some((true, 8_000.0)));
    let mut cpu = figure("  server's CPU for each", "us CPU", None);
    let mut sync = figure("  fdatasync p50 of the same second", "us", None);
    for round in 0..plan.rounds {
        let clicks = Arc::clone(&clicks);
        // Every postback is for another click, anywhere in the store, with a txid of its own.
        let request = move |number: usize| {
            let id = clicks.id(number.wrapping_mul(7_919).wrapping_add(round * 104_729));
            Some(get(&format!(
                "/postback/shop?click_id={id}&txid={round}-{number}&event=sale&amount=99.95&currency=EUR&token={TOKEN}"
            )))
        };
        sync.values.push(sync_p50(directory).as_secs_f64() * 1e6);
        let before = cpu_time(server.pid());
        let load =
            Load { connections: CONNECTIONS, kept_alive: true, time: plan.time, expected: "HTTP/1.1 200" };
        let run = load.run(server.address, Arc::new(request)).await;
        cpu.values.push((cpu_time(server.pid()) - before).as_secs_f64() * 1e6 / run.answered.max(1) as f64);
        rate.values.push(run.per_second);
    }
    vec![rate, cpu, sync]
}
