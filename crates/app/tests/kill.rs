//! `kill -9` under load: what was acknowledged is there when the server comes back.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proofback_testkit::{Http, Random};
use support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};

const CLIENTS: usize = 8;

/// What the server has answered, as its clients remember it.
#[derive(Default)]
struct Journal {
    clicks: Mutex<Vec<String>>,
    /// Postback id and click id.
    postbacks: Mutex<Vec<(String, String)>>,
    answers: AtomicUsize,
    enough: Notify,
}

impl Journal {
    fn count(&self, wanted: usize) {
        if self.answers.fetch_add(1, Ordering::SeqCst) + 1 == wanted {
            self.enough.notify_one();
        }
    }
}

/// Clicks and reports a sale for each, until the server is gone.
async fn visit(url: String, journal: Arc<Journal>, wanted: usize) {
    let http = Http::new();
    loop {
        let Ok(reply) = http.get(&format!("{url}/c/reelmedia-shop?format=json")).await else { return };
        let Ok(body) = reply.json() else { return };
        let Some(click) = body["click_id"].as_str().map(str::to_owned) else { return };
        journal.clicks.lock().await.push(click.clone());
        journal.count(wanted);
        let sale =
            format!("{url}/postback/shop?click_id={click}&txid={click}&event=sale&amount=10&currency=EUR");
        let Ok(reply) = http.get(&sale).await else { return };
        let Ok(body) = reply.json() else { return };
        let Some(postback) = body["postback_id"].as_str().map(str::to_owned) else { return };
        journal.postbacks.lock().await.push((postback, click));
        journal.count(wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
    let kills: usize = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    println!("SEED={seed} KILLS={kills}");
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::default());
    let mut checked = (0, 0);
    for round in 0..kills {
        let server = Server::start(directory.path(), &[]);
        check(&server, &journal, &mut checked).await;
        let wanted =
            journal.answers.load(Ordering::SeqCst) + usize::try_from(random.between(1, 400)).unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| tokio::spawn(visit(server.url.clone(), Arc::clone(&journal), wanted)))
            .collect();
        journal.enough.notified().await;
        server.kill();
        for client in clients {
            client.await.unwrap();
        }
        assert!(wanted <= journal.answers.load(Ordering::SeqCst), "round {round}");
    }
    let server = Server::start(directory.path(), &[]);
    checked = (0, 0);
    check(&server, &journal, &mut checked).await;
    let sales = server.every("conversions").await.len();
    let expected = format!("{sales}.00 EUR");
    assert_eq!(server.approved("reelmedia").await, expected, "each sale earns one euro, once");
    let verified = server.api("/verify").await;
    assert_eq!(verified["sound"], true, "{verified}");
    println!("{} clicks and {} postbacks were acknowledged, none is lost", checked.0, checked.1);
}

/// Looks up what was acknowledged since the last look.
async fn check(server: &Server, journal: &Journal, checked: &mut (usize, usize)) {
    let clicks = journal.clicks.lock().await.clone();
    for click in &clicks[checked.0..] {
        server.api(&format!("/clicks/{click}")).await;
    }
    let postbacks = journal.postbacks.lock().await.clone();
    for (postback, click) in &postbacks[checked.1..] {
        let row = server.api(&format!("/postbacks/{postback}")).await;
        assert_eq!((row["click_id"].as_str(), row["reason"].as_str()), (Some(click.as_str()), Some("ok")));
    }
    *checked = (clicks.len(), postbacks.len());
}

/// The head of the next request on a new connection, and what to answer it through.
async fn next_request(listener: &TcpListener) -> (String, TcpStream) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let byte = stream.read_u8().await.unwrap();
        head.push(char::from(byte));
    }
    (head.lines().next().unwrap().to_owned(), stream)
}

/// The receiver has taken it, and the sender dies before it can know: nobody but the receiver can tell the two apart,
/// and only by the id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_and_not_marked_comes_again_under_the_same_id() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!(
        "[[partner.postback]]\nid = \"tracker\"\nurl = \"http://{}/?did={{delivery_id}}\"\non = [\"commission.earned\"]\n",
        listener.local_addr().unwrap()
    );
    let directory = tempfile::tempdir().unwrap();
    let source = support::PROGRAM.replace("name = \"Reel Media\"\n", &target);
    let program = support::write(directory.path(), "told.toml", &source);
    let start = || Server::start_with(directory.path(), &program, &["--allow-private-targets"]);
    let server = start();
    let click = server.click("reelmedia-shop").await;
    server.get(&format!("/postback/shop?click_id={click}&txid=1&event=sale&amount=10&currency=EUR")).await;
    let (first, mut stream) = next_request(&listener).await;
    server.kill();
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await);
    let server = start();
    let (second, mut stream) = next_request(&listener).await;
    assert_eq!(first, second);
    assert!(first.starts_with("GET /?did=01"), "{first}");
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let mut rows = server.every("deliveries").await;
    for _ in 0..10_000 {
        if rows[0]["state"] == "delivered" {
            break;
        }
        rows = server.every("deliveries").await;
    }
    assert_eq!(
        (rows.len(), rows[0]["state"].as_str(), rows[0]["attempts"].as_u64()),
        (1, Some("delivered"), Some(1))
    );
}
