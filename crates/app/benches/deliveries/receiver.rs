//! The other side: a process of its own that answers deliveries, hangs on some, and remembers when they came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::machine;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

/// What came since the last look: how long each delivery was under way, in microseconds, by its path.
type Seen = Arc<Mutex<HashMap<String, Vec<u64>>>>;

/// A running receiver.
pub struct Receiver {
    pub address: SocketAddr,
    child: Child,
}

/// Serves until it is killed; says its address on stdout.
pub async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(serve(stream, Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, seen: Seen) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line != "\r\n" {
            line.clear();
            if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
                return;
            }
        }
        let answer = match target.split_once("?at=") {
            Some((path, _)) if path.starts_with("/hang") => return std::future::pending().await,
            Some((path, at)) => {
                let late = micros().saturating_sub(at.parse().unwrap_or(0));
                seen.lock().unwrap().entry(path.to_owned()).or_default().push(late);
                OK.to_vec()
            }
            None => {
                stream.write_all(&look(&seen)).await.unwrap();
                return;
            }
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// All that came, in the order in which it came to each path, and forgets it.
fn look(seen: &Seen) -> Vec<u8> {
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let lines = seen.into_iter().map(|(path, times)| {
        let times: Vec<String> = times.iter().map(u64::to_string).collect();
        format!("{path} {}\n", times.join(" "))
    });
    let body: String = lines.collect();
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

pub fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros().try_into().unwrap()
}

impl Receiver {
    /// On the second core.
    pub fn start() -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command: Command = machine::pinned(1, &program.to_string_lossy());
        let mut child = command.arg("--receiver").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        Self { address: line.trim().parse().unwrap(), child }
    }

    /// What came to each path since the last look.
    pub async fn look(&self) -> HashMap<String, Vec<u64>> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"GET /seen HTTP/1.1\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let line = |line: &str| {
            let (path, times) = line.split_once(' ')?;
            Some((path.to_owned(), times.split(' ').filter_map(|time| time.parse().ok()).collect()))
        };
        body.lines().filter_map(line).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
