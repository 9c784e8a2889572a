//! Sealing into a bucket: an S3 server in a process of its own, behind a door that the test can close.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use proofback_domain::click::Click;
use proofback_domain::click_id::Prefix;
use proofback_domain::time::Span;
use proofback_store::facts::{Bucket, DepotLocation};
use proofback_store::{Options, Store, StoreError};
use support::{Installation, PATIENT, adopt, later, now};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A server that speaks S3, in memory.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let program = target.join("tools/python/bin/moto_server");
        assert!(program.exists(), "{} is missing: run scripts/test-tools", program.display());
        let mut process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = said.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, address) = line.split_once("http://")?;
            address.trim().parse().ok()
        });
        // Whoever stops listening stops the server.
        std::thread::spawn(move || said.for_each(drop));
        let server = Self { process, address: address.expect("the server says where it is") };
        assert!(server.ask("PUT /sealed HTTP/1.1").starts_with("HTTP/1.1 200"));
        server
    }

    fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let address = self.address;
        write!(stream, "{line}\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Files in the bucket.
    fn files(&self) -> usize {
        self.ask("GET /sealed?list-type=2 HTTP/1.1").matches(".parquet</Key>").count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Passes on what comes, as long as it is open.
struct Door {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Door {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, seen) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut seen = seen.clone();
                tokio::spawn(async move {
                    let passing = async {
                        let mut other = tokio::net::TcpStream::connect(server).await?;
                        tokio::io::copy_bidirectional(&mut stream, &mut other).await
                    };
                    tokio::select! {
                        passed = passing => drop(passed),
                        closed = seen.wait_for(|open| !open) => drop(closed),
                    }
                });
            }
        });
        Self { address, open }
    }

    fn close(&self) {
        self.open.send_replace(false);
    }

    fn open(&self) {
        self.open.send_replace(true);
    }
}

fn open_store(directory: &Path, door: &Door, prefix: &str) -> Store {
    let bucket = Bucket {
        name: "sealed".into(),
        prefix: prefix.into(),
        region: "eu-central-1".into(),
        endpoint: Some(format!("http://{}", door.address)),
        access_key_id: "key".into(),
        secret_access_key: "secret".into(),
    };
    let facts = Some(DepotLocation::Bucket(bucket));
    let on_fatal = Box::new(|error: &str| panic!("{error}"));
    Store::open(directory, Options { readers: 2, fresh_key: [3; 16], facts, on_fatal }).unwrap()
}

async fn installation(door: &Door, prefix: &str) -> Installation {
    let directory = tempfile::tempdir().unwrap();
    let store = open_store(directory.path(), door, prefix);
    adopt(&store).await;
    Installation::of(directory, store)
}

/// A click every half hour, forty of them.
async fn clicks(installation: &Installation) -> Vec<Click> {
    let snapshot = installation.snapshot();
    let mut clicks = Vec::new();
    for serial in 0..40u32 {
        let mut click = installation.make_click("reelmedia-shop");
        click.at = now().plus(Span::from_seconds(u64::from(serial) * 1_800));
        let link = snapshot.number(&click.link).unwrap();
        click.id = snapshot.keys.sign(Prefix { at: click.at, serial, link });
        click.details.ip = format!("198.51.100.{serial}");
        installation.store.keep_click(click.clone(), PATIENT).await.unwrap();
        clicks.push(click);
    }
    clicks
}

/// Clicks in files, and in rows.
async fn counted(store: &Store) -> (u64, usize) {
    let view = store.facts_view().await.unwrap();
    let sealed = view.catalog.files.iter().map(|file| file.summary.rows).sum();
    (sealed, view.clicks.iter().map(arrow::array::RecordBatch::num_rows).sum())
}

async fn assert_found(store: &Store, clicks: &[Click]) {
    for click in clicks {
        assert_eq!(store.click(click.id).await.unwrap().as_ref(), Some(click));
        assert_eq!(store.click_like(click.id.prefix()).await.unwrap().as_ref(), Some(click));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_into_a_bucket_is_found_merged_and_cleared_away_there() {
    let server = Server::start();
    let door = Door::to(server.address).await;
    let installation = installation(&door, "a/facts").await;
    let store = &installation.store;
    let clicks = clicks(&installation).await;
    for hours in ["3h", "7h", "21h", "30h"] {
        store.seal_facts(later(hours), None).await.unwrap();
    }
    assert_eq!(counted(store).await, (40, 0));
    assert_eq!(server.files(), 4, "the clicks of two days, sealed at three times");
    assert_found(store, &clicks).await;
    assert!(store.merge_files(later("80h")).await.unwrap() > 0);
    assert_eq!(counted(store).await, (40, 0));
    assert_found(store, &clicks).await;
    store.remove_orphans(later("90h")).await.unwrap();
    assert_eq!(server.files(), 2, "a file for each day");
    assert_found(store, &clicks).await;
    let sale = installation.sale(&clicks[7], "S1").await;
    assert_eq!(sale.reason.code(), "ok");
    // Another store's files are none of ours.
    let another = self::installation(&door, "another").await;
    assert_eq!(another.store.remove_orphans(later("90h")).await.unwrap(), 0);
    assert_eq!(another.store.click(clicks[0].id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bucket_is_out_of_reach_nothing_is_lost_and_nothing_is_said_that_is_not_known() {
    let server = Server::start();
    let door = Door::to(server.address).await;
    let installation = installation(&door, "").await;
    let store = &installation.store;
    let clicks = clicks(&installation).await;
    store.seal_facts(later("3h"), None).await.unwrap();
    let (sealed, rows) = counted(store).await;
    assert!(0 < sealed && 0 < rows, "{sealed} sealed, {rows} not");

    door.close();
    let seal = store.seal_facts(later("30h"), None).await;
    assert!(matches!(seal, Err(StoreError::Unavailable(_))), "{seal:?}");
    assert_eq!(counted(store).await, (sealed, rows));
    for look in [store.click(clicks[0].id).await, store.click_like(clicks[0].id.prefix()).await] {
        assert!(matches!(look, Err(StoreError::Unavailable(_))), "{look:?}");
    }
    let query = format!("click_id={}&txid=S1&event=sale&status=approved&amount=9&currency=EUR", clicks[0].id);
    let postback = installation.send("shop", &query, later("30h")).await;
    assert!(matches!(postback, Err(StoreError::Unavailable(_))), "{postback:?}");
    // What is not sealed does not ask the bucket.
    assert_eq!(store.click(clicks[39].id).await.unwrap().as_ref(), Some(&clicks[39]));
    let merge = store.merge_files(later("80h")).await;
    assert!(matches!(merge, Ok(0) | Err(StoreError::Unavailable(_))), "{merge:?}");

    door.open();
    store.seal_facts(later("30h"), None).await.unwrap();
    assert_eq!(counted(store).await, (40, 0));
    assert_found(store, &clicks).await;
    let postback = installation.send("shop", &query, later("31h")).await.unwrap();
    assert_eq!(postback.reason.code(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_bucket_at_the_same_time_all_come_back() {
    let server = Server::start();
    let door = Door::to(server.address).await;
    let installation = installation(&door, "").await;
    let clicks = clicks(&installation).await;
    installation.store.seal_facts(later("30h"), None).await.unwrap();
    let store = Arc::new(installation.store.clone());
    let looks = clicks.into_iter().map(|click| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { assert_eq!(store.click(click.id).await.unwrap(), Some(click)) })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.unwrap();
    }
}
