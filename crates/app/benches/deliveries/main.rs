//! The figures about deliveries: store and engine on one core, the receiver, a process of its own, on the other.
//! `--smoke` only proves that it works.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark speaks to the terminal")]

#[path = "../figures/machine.rs"]
#[allow(dead_code, reason = "shared with the other figures, of which these need a part")]
mod machine;
mod outbox;
mod receiver;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use machine::{cpu_time, median, sync_p50};
use outbox::TARGETS;
use receiver::Receiver;

const HANGING: usize = 20;

struct Plan {
    rounds: usize,
    /// Deliveries of one round, all due at once.
    burst: usize,
    /// Conversions in a second, and for how long, beside hanging targets.
    rate: usize,
    time: Duration,
    /// Pending at once where memory is measured.
    pending: usize,
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
    if arguments.iter().any(|argument| argument == "--receiver") {
        return runtime.block_on(receiver::run());
    }
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    if machine::can_pin() && std::env::var_os("BENCH_PINNED").is_none() {
        let program = std::env::current_exe().unwrap();
        let mut command = machine::pinned(0, &program.to_string_lossy());
        let status = command.args(&arguments[1..]).env("BENCH_PINNED", "1").status().unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    let plan = if smoke {
        Plan { rounds: 1, burst: 400, rate: 100, time: Duration::from_millis(500), pending: 2_000 }
    } else {
        Plan { rounds: 5, burst: 100_000, rate: 1_000, time: Duration::from_secs(10), pending: 1_000_000 }
    };
    let table = runtime.block_on(measure(&plan));
    println!("{table}");
    let directory = target_directory().join("bench");
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(directory.join("deliveries.txt"), &table))
        .unwrap();
}

fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

async fn measure(plan: &Plan) -> String {
    let directory = tempfile::tempdir_in(target_directory()).unwrap();
    let mut figures = burst(plan, directory.path()).await;
    figures.extend(paced(plan, directory.path()).await);
    figures.extend(beside_hanging(plan, directory.path()).await);
    figures.extend(memory(plan, directory.path()).await);
    let mut table = format!("{}; store and engine on core 0, receiver on core 1\n\n", machine::describe());
    for figure in &mut figures {
        let (least, most) = figure
            .values
            .iter()
            .fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
        let middle = median(&mut figure.values);
        let verdict = match figure.bar {
            None => String::new(),
            Some((at_least, bar)) => {
                let good = if at_least { bar <= middle } else { middle <= bar };
                let (sign, word) =
                    (if at_least { ">=" } else { "<=" }, if good { "reached" } else { "FELL SHORT" });
                format!("  bar {sign} {bar}: {word}")
            }
        };
        writeln!(
            table,
            "{:<72} {middle:>12.2} {:<8} ({least:.2} to {most:.2}){verdict}",
            figure.name, figure.unit
        )
        .unwrap();
    }
    table
}

fn figure(name: impl Into<String>, unit: &'static str, bar: Option<(bool, f64)>) -> Figure {
    Figure { name: name.into(), unit, values: Vec::new(), bar }
}

fn count(seen: &HashMap<String, Vec<u64>>) -> usize {
    seen.values().map(Vec::len).sum()
}

/// Everything is due at once, and goes out as fast as it can.
async fn burst(plan: &Plan, directory: &Path) -> Vec<Figure> {
    let receiver = Receiver::start();
    let name = format!("{} deliveries due at once to {TARGETS} targets, outcomes durable", plan.burst);
    let mut rate = figure(name, "per s", Some((true, 5_000.0)));
    let mut cpu = figure("  CPU of store and engine for each", "us CPU", None);
    let mut sync = figure("  fdatasync p50 of the same second", "us", None);
    for round in 0..plan.rounds {
        let data = directory.join(format!("burst-{round}"));
        drop(outbox::open(&data, receiver.address, 0, ""));
        outbox::fill(&data, plan.burst, 0..TARGETS);
        let store = outbox::open(&data, receiver.address, 0, "");
        sync.values.push(sync_p50(directory).as_secs_f64() * 1e6);
        let (started, before) = (Instant::now(), cpu_time(std::process::id()));
        let engine = outbox::start(&store);
        engine.delivered(plan.burst as u64).await;
        let elapsed = started.elapsed().as_secs_f64();
        let spent = cpu_time(std::process::id()) - before;
        engine.stop().await;
        assert_eq!(count(&receiver.look().await), plan.burst, "each once");
        rate.values.push(plan.burst as f64 / elapsed);
        cpu.values.push(spent.as_secs_f64() * 1e6 / plan.burst as f64);
    }
    vec![rate, cpu, sync]
}

/// As many due at once, to targets with a rate of their own: the rate is kept and nothing lost.
async fn paced(plan: &Plan, directory: &Path) -> Vec<Figure> {
    let receiver = Receiver::start();
    let data = directory.join("paced");
    // Over all targets: twenty times a hundred and one at once for each.
    let each = plan.burst / TARGETS / 50;
    let limit = format!("rate_limit = \"{}/s burst 1\"", each.max(1));
    drop(outbox::open(&data, receiver.address, 0, &limit));
    outbox::fill(&data, plan.burst, 0..TARGETS);
    let store = outbox::open(&data, receiver.address, 0, &limit);
    let started = Instant::now();
    let engine = outbox::start(&store);
    engine.delivered(plan.burst as u64).await;
    let elapsed = started.elapsed().as_secs_f64();
    engine.stop().await;
    let seen = receiver.look().await;
    assert_eq!(count(&seen), plan.burst, "nothing is lost and nothing comes twice");
    let set = (each.max(1) * TARGETS) as f64;
    let mut kept = figure(
        format!("  the same with a rate limit of {set} per s in all: of it"),
        "x",
        Some((false, 1.01)),
    );
    kept.values.push(plan.burst as f64 / elapsed / set);
    vec![kept]
}

/// Conversions at a constant rate over all targets, without and with some that hang.
async fn beside_hanging(plan: &Plan, directory: &Path) -> Vec<Figure> {
    let mut ratio = figure(
        format!("{HANGING} of {TARGETS} targets hang: the healthy ones' throughput against none hanging"),
        "x",
        Some((true, 0.95)),
    );
    let mut in_time = figure("  delivered within a second", "%", Some((true, 99.0)));
    let mut p99 = figure("  p99 from before the click to the receiver", "ms", Some((false, 50.0)));
    let mut base_p99 = figure("  the same while none hangs", "ms", None);
    for round in 0..plan.rounds.min(3) {
        let mut rates = Vec::new();
        for hanging in [0, HANGING] {
            let receiver = Receiver::start();
            let data = directory.join(format!("hanging-{hanging}-{round}"));
            let store = outbox::open(&data, receiver.address, hanging, "");
            let engine = outbox::start(&store);
            let planned = convert_for(plan, &store).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let seen = receiver.look().await;
            let healthy = |path: &str| {
                path.strip_prefix("/take")
                    .and_then(|number| number.parse().ok())
                    .is_some_and(|number: usize| HANGING <= number)
            };
            let mut times: Vec<u64> =
                seen.iter().filter(|(path, _)| healthy(path)).flat_map(|(_, times)| times.clone()).collect();
            times.sort_unstable();
            let expected = planned[HANGING..].iter().sum::<usize>();
            let within = times.iter().filter(|time| **time <= 1_000_000).count();
            let slow = times.get(times.len() * 99 / 100).copied().unwrap_or(u64::MAX) as f64 / 1e3;
            rates.push(within as f64 / expected as f64);
            if hanging == 0 {
                base_p99.values.push(slow);
            } else {
                in_time.values.push(100.0 * within as f64 / expected as f64);
                p99.values.push(slow);
            }
            engine.stop().await;
        }
        ratio.values.push(rates[1] / rates[0]);
    }
    vec![ratio, in_time, p99, base_p99]
}

/// How many conversions each target was planned to hear of.
async fn convert_for(plan: &Plan, store: &proofback_store::Store) -> Vec<usize> {
    let mut planned = vec![0; TARGETS];
    let mut under_way = tokio::task::JoinSet::new();
    let total = plan.rate * plan.time.as_millis() as usize / 1_000;
    let started = Instant::now();
    for number in 0..total {
        let due = started + Duration::from_micros((number as u64 * 1_000_000) / plan.rate as u64);
        // A timer is coarse: those of one of its ticks begin together.
        if Instant::now() < due {
            tokio::time::sleep_until(due.into()).await;
        }
        planned[number % TARGETS] += 1;
        let store = store.clone();
        under_way.spawn(async move { outbox::convert(&store, number % TARGETS).await });
    }
    while under_way.join_next().await.is_some() {}
    planned
}

/// What the process holds while a million wait, some of them for targets that hang.
async fn memory(plan: &Plan, directory: &Path) -> Vec<Figure> {
    let receiver = Receiver::start();
    let data = directory.join("pending");
    drop(outbox::open(&data, receiver.address, HANGING, ""));
    outbox::fill(&data, plan.pending, 0..HANGING);
    let before = resident();
    let store = outbox::open(&data, receiver.address, HANGING, "");
    let started = Instant::now();
    let engine = outbox::start(&store);
    let mut most = before;
    while started.elapsed() < plan.time {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(resident());
    }
    let seen = store.due_targets(outbox::now()).await.unwrap();
    assert!(seen.len() <= HANGING);
    engine.stop().await;
    let name =
        format!("memory of the process with {} deliveries pending, {HANGING} targets hanging", plan.pending);
    let mut held = figure(name, "MB", Some((false, 300.0)));
    held.values.push(most);
    vec![held]
}

/// In megabytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or(0.0)
        / 1_024.0
}
