//! The log as it grows: `GET postbacks/stream` over real sockets.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{ADMIN, Server};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An open stream, as a browser reads it.
struct Stream {
    lines: BufReader<TcpStream>,
    head: Vec<String>,
}

impl Stream {
    /// Comes back when the answer has begun: what is decided from then on comes.
    async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
        let stream = Self::ask(server, query, last).await;
        assert_eq!(stream.status(), "HTTP/1.1 200 OK", "{:?}", stream.head);
        stream
    }

    async fn ask(server: &Server, query: &str, last: Option<&str>) -> Self {
        let host = server.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(host).await.unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1/postbacks/stream{query} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {ADMIN}\r\n{last}\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self { lines: BufReader::new(socket), head: Vec::new() };
        while let Some(line) = stream.line().await.filter(|line| !line.is_empty()) {
            stream.head.push(line);
        }
        stream
    }

    fn status(&self) -> &str {
        &self.head[0]
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// `None` when the server has closed it.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).await.unwrap();
        (0 < read).then(|| line.trim_end().to_owned())
    }

    /// The next event: its id and what it says. The sizes of chunks stand between the lines.
    async fn event(&mut self) -> Option<(String, Value)> {
        // What does not come is a failure, and not an endless wait.
        let coming = tokio::time::timeout(Duration::from_secs(30), self.any_event());
        coming.await.expect("an event in time")
    }

    async fn any_event(&mut self) -> Option<(String, Value)> {
        let mut id = String::new();
        loop {
            let line = self.line().await?;
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            }
            if let Some(text) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(text).unwrap();
                // Ids stand before or behind what they name.
                let rest = if id.is_empty() { self.line().await? } else { String::new() };
                rest.strip_prefix("id: ").unwrap_or_default().chars().for_each(|one| id.push(one));
                return Some((id, data));
            }
        }
    }
}

async fn listed(server: &Server) -> Vec<Value> {
    let mut rows = server.every("postbacks").await;
    rows.reverse();
    rows
}

/// A sale that counts, its repeat, and what names no click.
async fn three(server: &Server) {
    let click = server.click("reelmedia-shop").await;
    let sale = format!("/postback/shop?click_id={click}&txid=S1&event=sale&amount=10&currency=EUR");
    server.get(&sale).await;
    server.get(&sale).await;
    server.get("/postback/shop?click_id=nonsense&txid=X1").await;
}

#[tokio::test]
async fn each_decision_comes_once_and_as_the_list_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    server.get("/postback/shop?click_id=before").await;
    let mut stream = Stream::open(&server, "", None).await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    let mut rejected = Stream::open(&server, "?outcome=rejected&advertiser=shop", None).await;
    let mut by_txid = Stream::open(&server, "?txid=S1&reason=duplicate", None).await;
    three(&server).await;
    let expected = &listed(&server).await[1..];
    let mut ids = Vec::new();
    for row in expected {
        let (id, seen) = stream.event().await.unwrap();
        assert_eq!(seen, *row);
        ids.push(id);
    }
    assert_eq!(rejected.event().await.unwrap().1, expected[2]);
    assert_eq!(by_txid.event().await.unwrap().1, expected[1]);
    // Whoever was cut off goes on behind what he saw last, and misses nothing of what came meanwhile.
    let mut back = Stream::open(&server, "", Some(&ids[0])).await;
    server.get("/postback/shop?click_id=later").await;
    for row in &listed(&server).await[2..] {
        assert_eq!(back.event().await.unwrap().1, *row);
    }
    assert_eq!(stream.event().await.unwrap().1["params"][0]["value"], "later");
}

#[tokio::test]
async fn what_is_decided_again_comes_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let mut stream = Stream::open(&server, "", None).await;
    let click = server.click("reelmedia-shop").await;
    let path = format!("/postback/shop?click_id={click}&event=refund&txid=R1&original_txid=S1");
    let refund = server.get(&path).await.json().unwrap();
    assert_eq!(refund["reason"], "awaiting_original");
    let (_, held) = stream.event().await.unwrap();
    assert_eq!((&held["postback_id"], &held["outcome"]), (&refund["postback_id"], &"held".into()));
    server.get(&format!("/postback/shop?click_id={click}&txid=S1&event=sale&amount=10&currency=EUR")).await;
    let (_, sale) = stream.event().await.unwrap();
    assert_eq!(sale["reason"], "ok");
    let (_, again) = stream.event().await.unwrap();
    assert_eq!((&again["postback_id"], &again["reason"]), (&refund["postback_id"], &"reversed".into()));
}

#[tokio::test]
async fn there_is_room_for_sixty_four_and_what_cannot_be_understood_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    for (query, last) in [("?colour=red", None), ("?limit=3", None), ("", Some("yesterday"))] {
        let refused = Stream::ask(&server, query, last).await;
        assert_eq!(refused.status(), "HTTP/1.1 400 Bad Request", "{query} {last:?}");
    }
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Stream::open(&server, "", None).await);
    }
    let refused = Stream::ask(&server, "", None).await;
    assert_eq!(refused.status(), "HTTP/1.1 503 Service Unavailable");
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.head);
    // All of them see what happens.
    server.get("/postback/shop?click_id=nonsense").await;
    for stream in &mut streams {
        assert_eq!(stream.event().await.unwrap().1["reason"], "unknown_click_id");
    }
}

fn number(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn all_streams_together_read_the_store_four_times_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let started = Instant::now();
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(Stream::open(&server, "", None).await);
    }
    let mut sent = 0;
    while started.elapsed() < Duration::from_secs(2) {
        server.get(&format!("/postback/shop?click_id=nonsense{sent}")).await;
        sent += 1;
    }
    for stream in &mut streams {
        for number in 0..sent {
            let (_, seen) = stream.event().await.unwrap();
            assert_eq!(seen["params"][0]["value"], format!("nonsense{number}"));
        }
    }
    let metrics = server.get("/metrics").await.body;
    let reads = number(&metrics, "proofback_live_reads_total");
    let may = 1 + u64::try_from(started.elapsed().as_millis()).unwrap() / 250;
    assert!(0 < reads && reads <= may, "{reads} reads where {may} may be, {sent} postbacks");
    assert_eq!(number(&metrics, "proofback_live_streams"), 8);
}

#[tokio::test]
async fn a_server_that_stops_waits_for_no_stream() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let mut stream = Stream::open(&server, "", None).await;
    let started = Instant::now();
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    assert_eq!(stream.event().await, None, "the stream ends");
    assert!(stopped.await.unwrap().success());
    // A request that does not end is given 20 s.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stream_in_which_nothing_happens_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let mut stream = Stream::open(&server, "", None).await;
    let opened = Instant::now();
    while !stream.line().await.unwrap().starts_with(':') {}
    assert!(opened.elapsed() < Duration::from_secs(20), "{:?}", opened.elapsed());
}
