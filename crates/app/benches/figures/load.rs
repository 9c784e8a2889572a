//! Load over raw sockets: as little work per request as possible, so that the server is what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many send at the same time.
    pub connections: usize,
    /// Otherwise every request has a connection of its own.
    pub kept_alive: bool,
    pub time: Duration,
    /// How every answer must begin.
    pub expected: &'static str,
}

impl Load {
    pub async fn run(self, address: SocketAddr, requests: Requests) -> Rate {
        let number = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let until = started + self.time;
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| tokio::spawn(self.send(address, until, Arc::clone(&number), Arc::clone(&requests))))
            .collect();
        let mut answered = 0;
        for task in tasks {
            answered += task.await.expect("a connection's work does not panic");
        }
        Rate { per_second: answered as f64 / started.elapsed().as_secs_f64(), answered }
    }

    /// One of the connections, or a row of them; gives the number of its answers.
    async fn send(
        self,
        address: SocketAddr,
        until: Instant,
        number: Arc<AtomicUsize>,
        requests: Requests,
    ) -> u64 {
        let mut answered = 0;
        let mut kept = None;
        while Instant::now() < until {
            let Some(request) = requests(number.fetch_add(1, Ordering::Relaxed)) else { break };
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(address).await,
            };
            connection.ask(&request, self.expected).await;
            answered += 1;
            kept = Some(connection).filter(|_| self.kept_alive);
        }
        answered
    }
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
