//! DuckDB and SQLite, in a process that keeps its connections.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The one that it is compared with.
const LIBRARY: &str = "duckdb==2.0.1";

pub struct Engines {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub version: String,
}

/// What one of them said, and how long it took.
pub struct Answer {
    pub seconds: f64,
    pub rows: Vec<Vec<String>>,
}

impl Engines {
    /// `plain` and `rows` are databases of SQLite.
    pub fn start(target: &Path, facts: &Path, plain: &Path, rows: &Path, threads: usize) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/reports/engines.py");
        let mut process = Command::new(python(target))
            .arg(script)
            .args([facts, plain, rows])
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut engines = Self { process, input, output: BufReader::new(output), version: String::new() };
        engines.version = engines.line()["version"].as_str().unwrap().to_owned();
        engines
    }

    pub fn ask(&mut self, engine: &str, sql: &str, rows: bool) -> Answer {
        writeln!(self.input, "{}", json!({ "engine": engine, "sql": sql, "rows": rows })).unwrap();
        self.input.flush().unwrap();
        let answer = self.line();
        let row = |row: &Value| {
            row.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let rows = answer["rows"].as_array().unwrap().iter().map(row).collect();
        Answer { seconds: answer["seconds"].as_f64().unwrap(), rows }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the other engines have ended");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A Python with the other engines, made where it is not there.
fn python(target: &Path) -> PathBuf {
    let environment = target.join("bench/engines");
    let python = environment.join("bin/python");
    let mark = environment.join(LIBRARY);
    if !mark.exists() {
        println!("installing {LIBRARY}");
        drop(std::fs::remove_dir_all(&environment));
        let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            LIBRARY,
        ]));
        std::fs::write(mark, "").unwrap();
    }
    python
}
