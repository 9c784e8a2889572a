//! Saved reports that are due: computed, and written to files or told to webhooks.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use proofback_domain::calendar::Zone;
use proofback_store::DueReport;
use proofback_web::{Ran, ReportFile, Web, run_due};
use tokio::sync::watch;

/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many files of one report are kept.
const FILES_MAX: usize = 100;
/// `2026-11-26T0700`
const TIME_CHARS: usize = 15;

/// Runs what is due until the server stops. One of these at a time: what is claimed and not finished is run again.
pub async fn run_reports(web: Web, data: PathBuf, mut stopped: watch::Receiver<bool>) {
    let directory = data.join("reports");
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        while !*stopped.borrow() {
            match run_some(&web, &directory, &stopped).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "due reports could not be run; it is tried again"
                    );
                    break;
                }
            }
        }
    }
}

async fn run_some(web: &Web, directory: &Path, stopped: &watch::Receiver<bool>) -> anyhow::Result<usize> {
    let snapshot = web.store.snapshot();
    let zone = snapshot.map_or_else(Zone::utc, |snapshot| snapshot.program.timezone.clone());
    let due = web.store.claim_due_reports(web.now(), zone).await?;
    let count = due.len();
    for one in due {
        // What is left is run at the next start, for the time that it was claimed for.
        if *stopped.borrow() {
            break;
        }
        run_one(web, directory, one).await?;
    }
    Ok(count)
}

async fn run_one(web: &Web, directory: &Path, due: DueReport) -> anyhow::Result<()> {
    let report = due.report.id.to_string();
    let at = due.at.iso();
    let ran = match run_due(web, &due).await {
        Ok(Ran { file, told }) => {
            put(directory, file).await.map(|()| told).map_err(|error| format!("{error:#}"))
        }
        Err(error) => Err(error),
    };
    let (error, told) = match ran {
        Ok(told) => {
            tracing::info!(report, at, "a scheduled report was run");
            (String::new(), told)
        }
        Err(error) => {
            tracing::error!(report, at, error, "a scheduled report failed; it is run at its next time");
            (error, Vec::new())
        }
    };
    Ok(web.store.finish_due_report(due, error, told, web.now()).await?)
}

async fn put(directory: &Path, file: Option<ReportFile>) -> anyhow::Result<()> {
    let Some(file) = file else {
        return Ok(());
    };
    let directory = directory.to_owned();
    tokio::task::spawn_blocking(move || write(&directory, &file)).await?
}

/// There as a whole or not at all; the oldest of the report's files make room.
fn write(directory: &Path, file: &ReportFile) -> anyhow::Result<()> {
    let ReportFile { report, time, ending, bytes } = file;
    std::fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    let path = directory.join(format!("{report}-{time}.{ending}"));
    let unfinished = directory.join(format!(".{report}-{time}.{ending}.part"));
    let written = std::fs::File::create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| std::fs::rename(&unfinished, &path))
        .and_then(|()| std::fs::File::open(directory)?.sync_all())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    forget_old(directory, report).with_context(|| format!("old files of {report} cannot be removed"))
}

fn forget_old(directory: &Path, report: &str) -> std::io::Result<()> {
    let mut own = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Another report's id may begin with this one's.
        let time = name.strip_prefix(report).and_then(|rest| rest.strip_prefix('-')).and_then(|rest| {
            let (time, _) = rest.split_once('.')?;
            (time.len() == TIME_CHARS && time.starts_with(|one: char| one.is_ascii_digit())).then_some(time)
        });
        if time.is_some() {
            own.push(name);
        }
    }
    // Their names are in the order of their times.
    own.sort_unstable();
    let old = own.len().saturating_sub(FILES_MAX);
    own.iter().take(old).try_for_each(|name| std::fs::remove_file(directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_hundred_files_of_a_report_are_kept_and_no_other_reports_are_touched() {
        let directory = tempfile::tempdir().unwrap();
        let file = |report: &str, number: usize| ReportFile {
            report: report.into(),
            time: format!("2026-{:02}-{:02}T0700", number / 28 + 1, number % 28 + 1),
            ending: "csv".into(),
            bytes: number.to_string().into_bytes(),
        };
        write(directory.path(), &file("a-2026", 0)).unwrap();
        write(directory.path(), &file("a-b", 1)).unwrap();
        for number in 0..103 {
            write(directory.path(), &file("a", number)).unwrap();
        }
        // Once more is the same file.
        write(directory.path(), &file("a", 102)).unwrap();
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names.len(), 102, "{names:?}");
        assert_eq!(names.first().unwrap(), "a-2026-01-04T0700.csv");
        assert!(
            names.contains(&"a-2026-2026-01-01T0700.csv".into())
                && names.contains(&"a-b-2026-01-02T0700.csv".into())
        );
        assert_eq!(std::fs::read(directory.path().join("a-2026-04-19T0700.csv")).unwrap(), b"102");
    }
}
