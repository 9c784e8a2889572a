//! The real binary on a directory of its own, spoken to over real sockets.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test support: each test file uses a part of it"
)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use proofback_testkit::{Http, Reply};
use serde_json::Value;

pub const PROGRAM: &str = include_str!("program.toml");
pub const ADMIN: &str = "an-admin-token-for-tests-only-0123456789";

pub struct Server {
    child: Child,
    /// What the server writes to its standard error.
    errors: PathBuf,
    pub url: String,
    pub http: Http,
}

/// The binary with the environment that the test program needs.
pub fn proofback(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofback"));
    command
        .args(arguments)
        .env_clear()
        .env("PROOFBACK_ADMIN_TOKEN", ADMIN)
        .env("PROOFBACK_TOKEN", ADMIN)
        .env("PROOFBACK_LOG", "error")
        .env("CASINO_TOKEN", "t0ken")
        .env("OLD_TOKEN", "canary-old-token")
        .env("SIGNER_SECRET", "canary-signing-secret")
        .stdin(Stdio::null());
    command
}

pub fn run(arguments: &[&str]) -> Output {
    proofback(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes a file into a test's directory.
pub fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

impl Server {
    /// Starts on `directory/data` with the test program; `arguments` come last.
    pub fn start(directory: &Path, arguments: &[&str]) -> Self {
        let program = write(directory, "program.toml", PROGRAM);
        Self::start_with(directory, &program, arguments)
    }

    pub fn start_with(directory: &Path, program: &Path, arguments: &[&str]) -> Self {
        let data = directory.join("data");
        let mut command = proofback(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(data).arg("--program").arg(program).args(arguments);
        Self::launch(directory, command)
    }

    /// Starts with the test program and everything that can be logged going to `directory/errors.txt`.
    pub fn start_telling_all(directory: &Path) -> Self {
        let program = write(directory, "program.toml", PROGRAM);
        let mut command = proofback(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(directory.join("data")).arg("--program").arg(program).env("PROOFBACK_LOG", "trace");
        Self::launch(directory, command)
    }

    fn launch(directory: &Path, mut command: Command) -> Self {
        let errors = directory.join("errors.txt");
        let error_file = File::options().create(true).append(true).open(&errors).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(error_file).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("proofback listens on ");
        let url = url.unwrap_or_else(|| panic!("{line:?} {}", std::fs::read_to_string(&errors).unwrap()));
        Self { url: url.to_owned(), http: Http::new(), errors, child }
    }

    /// SIGKILL, without any warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how the process ended.
    pub fn stop(mut self) -> ExitStatus {
        let signalled = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(signalled.success());
        self.child.wait().unwrap()
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.http.get(&format!("{}{path}", self.url)).await.unwrap()
    }

    /// From the API, as the administrator.
    pub async fn api(&self, path: &str) -> Value {
        let reply = self.api_as(ADMIN, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json().unwrap()
    }

    pub async fn api_as(&self, token: &str, path: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v1{path}", self.url);
        self.http.get_with(&url, &[("authorization", &bearer)]).await.unwrap()
    }

    /// A click id, fresh from a link.
    pub async fn click(&self, link: &str) -> String {
        let reply = self.get(&format!("/c/{link}?click_id=P-1&sub1=reels&format=json")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().unwrap()["click_id"].as_str().unwrap().to_owned()
    }

    /// Every row of a list, over all its pages.
    pub async fn every(&self, list: &str) -> Vec<Value> {
        self.every_of(list, list).await
    }

    /// Likewise, where a list goes by another name than its address.
    pub async fn every_of(&self, address: &str, list: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut path = format!("/{address}?limit=1000");
        loop {
            let mut page = self.api(&path).await;
            rows.append(page[list].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => path = format!("/{address}?limit=1000&cursor={next}"),
                None => return rows,
            }
        }
    }

    pub async fn approved(&self, partner: &str) -> String {
        let balance = self.api(&format!("/partners/{partner}/balance")).await;
        balance["balances"].as_array().unwrap().first().map_or("0".into(), |one| {
            format!("{} {}", one["approved"].as_str().unwrap(), one["currency"].as_str().unwrap())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already needs no end.
        drop(self.child.kill());
        drop(self.child.wait());
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        if std::thread::panicking() {
            eprintln!("the server wrote:\n{errors}");
        } else {
            // Whatever a test is about, no request may make the server panic.
            assert!(!errors.contains("panicked at"), "{errors}");
        }
    }
}
