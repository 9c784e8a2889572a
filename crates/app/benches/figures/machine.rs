//! The machine: which core a process runs on, how much CPU it used, how long a sync takes now.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// CPU time that a process has used so far.
pub fn cpu_time(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|tick| tick.parse::<u64>().ok()).sum();
    // Linux counts in hundredths of a second.
    Duration::from_millis(ticks * 10)
}

/// The median of fifty appends of 4 kB, each synced, in this directory and second.
pub fn sync_p50(directory: &Path) -> Duration {
    let path = directory.join("sync-probe");
    let mut file =
        OpenOptions::new().create(true).append(true).open(&path).expect("the directory can be written");
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()).expect("the disk takes it");
            started.elapsed()
        })
        .collect();
    std::fs::remove_file(&path).expect("the probe can be removed");
    median(&mut times)
}

pub fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|left, right| left.partial_cmp(right).expect("figures can be compared"));
    values[values.len() / 2]
}

/// Whether `taskset` can bind processes to cores here.
pub fn can_pin() -> bool {
    Command::new("taskset").args(["-c", "0", "true"]).status().is_ok_and(|status| status.success())
}

/// A command bound to one core where that is possible.
pub fn pinned(core: usize, program: &str) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

pub fn describe() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default().matches("processor\t").count();
    format!("{model}, {cores} cores")
}
