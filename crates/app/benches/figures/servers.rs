//! The two sides of each ratio, each a process of its own on core 0: a bare axum redirect, and Proofback.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::machine::pinned;

pub const TOKEN: &str = "bench-token";

pub const PROGRAM: &str = r#"
[program]
name = "Bench"
currency = "EUR"
[[advertiser]]
id = "shop"
currency = "EUR"
[advertiser.postback]
token = "env:BENCH_TOKEN"
[[offer]]
id = "sale"
advertiser = "shop"
url = "https://shop.example/lp?cid={click_id}&s={sub1}"
[[offer.goal]]
event = "sale"
payout = "10%"
revenue = "15%"
approval = "auto"
[[partner]]
id = "partner"
[[link]]
id = "link"
partner = "partner"
offer = "sale"
"#;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn bare() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = pinned(0, &program.to_string_lossy());
        command.arg("--bare-server");
        Self::started(command)
    }

    pub fn proofback(directory: &Path) -> Self {
        let program = directory.join("program.toml");
        std::fs::write(&program, PROGRAM).expect("the directory can be written");
        let mut command = pinned(0, env!("CARGO_BIN_EXE_proofback"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory.join("data"))
            .arg("--program")
            .arg(program)
            .env("BENCH_TOKEN", TOKEN)
            .env("PROOFBACK_LOG", "warn");
        Self::started(command)
    }

    fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().rsplit('/').next().unwrap_or_default();
        let address = address.parse().unwrap_or_else(|_| panic!("no address in {line:?}"));
        Self { child, address }
    }

    /// `taskset` becomes the program that it starts, so this is the server's own process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("a server could not be ended: {error}");
        }
    }
}

/// The baseline: the same redirect without anything behind it.
pub async fn run_bare() {
    use axum::http::{StatusCode, header};
    use axum::serve::ListenerExt;
    let location = "https://shop.example/lp?cid=38fwxmdw00000g0001f5d2p644&s=reels";
    let redirect = move || async move {
        (StatusCode::FOUND, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store")])
    };
    let router = axum::Router::new().route("/c/{link}", axum::routing::get(redirect));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    println!("bare axum listens on http://{}", listener.local_addr().expect("it is bound"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket takes its options"));
    axum::serve(listener, router).await.expect("it serves");
}
