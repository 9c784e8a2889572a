//! Load over raw sockets: as little work per request as possible, so that the server is what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one run gave.
pub struct Rate {
    pub per_second: f64,
    pub answered: u64,
}

/// Where the next request comes from; `None` ends the connection's work.
pub type Requests = Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>;

/// Sends over `connections` kept-alive sockets for `time`. Every answer must begin with `expected`.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    requests: Requests,
    expected: &'static str,
) -> Rate {
    let answered = Arc::new(AtomicU64::new(0));
    let number = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let until = started + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (answered, number, requests) =
                (Arc::clone(&answered), Arc::clone(&number), Arc::clone(&requests));
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                while Instant::now() < until {
                    let Some(request) = requests(number.fetch_add(1, Ordering::Relaxed)) else { return };
                    connection.ask(&request, expected).await;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a connection's work does not panic");
    }
    let answered = answered.load(Ordering::Relaxed);
    Rate { per_second: answered as f64 / started.elapsed().as_secs_f64(), answered }
}

/// Like [`run`], but every request has a connection of its own.
pub async fn run_new_connections(
    address: SocketAddr,
    clients: usize,
    time: Duration,
    request: &[u8],
    expected: &'static str,
) -> Rate {
    let answered = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + time;
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (answered, request) = (Arc::clone(&answered), request.to_vec());
            tokio::spawn(async move {
                while Instant::now() < until {
                    let mut connection = Connection::open(address).await;
                    connection.ask(&request, expected).await;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a connection's work does not panic");
    }
    let answered = answered.load(Ordering::Relaxed);
    Rate { per_second: answered as f64 / started.elapsed().as_secs_f64(), answered }
}

/// One request after the other on one connection; the times of all of them.
pub async fn lone(
    address: SocketAddr,
    count: usize,
    request: &[u8],
    expected: &'static str,
) -> Vec<Duration> {
    let mut connection = Connection::open(address).await;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        connection.ask(request, expected).await;
        times.push(started.elapsed());
    }
    times
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nuser-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36\r\n\r\n").into_bytes()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server takes connections");
        stream.set_nodelay(true).expect("a socket takes its options");
        Self { stream, buffer: Vec::with_capacity(1_024) }
    }

    async fn ask(&mut self, request: &[u8], expected: &str) {
        self.stream.write_all(request).await.expect("the server reads");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            if is_whole(&self.buffer) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&self.buffer);
        assert!(text.starts_with(expected), "{expected:?} was expected, not {text}");
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&answer[..head]);
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    answer.len() >= head + 4 + length.unwrap_or(0)
}
