//! A target that answers by a script, over raw sockets so that it can also misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// No test waits longer than this for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Received>,
}

/// A request as it arrived.
pub struct Received {
    /// The first line without its version: `GET /path?query`.
    pub line: String,
    pub head: String,
    /// The number of its connection, from 0.
    pub connection: usize,
}

/// What to do with a request.
pub enum Reply {
    Status(u16),
    /// These bytes and no others.
    Bytes(String),
    /// These bytes, and then `x` until the other side closes; what it took goes to the sender.
    Endless(String, mpsc::UnboundedSender<usize>),
    /// This status, when it is released.
    Held(Arc<Notify>, u16),
    Close,
    /// No answer, ever.
    Hang,
}

impl Server {
    /// `script` is given the number of the request, from 0, and its line.
    pub async fn start(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let script = Arc::new(script);
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, sender, count) = (Arc::clone(&script), sender.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    serve(stream, connection, &*script, &sender, &count).await;
                });
            }
        });
        Self { address, requests }
    }

    pub async fn answering(status: u16) -> Self {
        Self::start(move |_, _| Reply::Status(status)).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn next(&mut self) -> Received {
        let next = timeout(PATIENCE, self.requests.recv()).await;
        next.expect("a request should have come").expect("the server is there")
    }

    /// Takes a request that has come already; says whether there was none.
    pub fn is_idle(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: &(dyn Fn(usize, &str) -> Reply + Send + Sync),
    sender: &mpsc::UnboundedSender<Received>,
    count: &AtomicUsize,
) {
    while let Some(head) = read_head(&mut stream).await {
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let reply = script(count.fetch_add(1, Ordering::Relaxed), &line);
        // The test may have ended; its requests are nobody's any more.
        drop(sender.send(Received { line, head, connection }));
        let answer = match reply {
            Reply::Status(status) => answer_with(status),
            Reply::Held(release, status) => {
                release.notified().await;
                answer_with(status)
            }
            Reply::Bytes(bytes) => bytes,
            Reply::Endless(head, taken) => {
                let written = write_until_closed(stream, head.into_bytes()).await;
                return taken.send(written).expect("the test waits for it");
            }
            Reply::Close => return,
            Reply::Hang => std::future::pending().await,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn answer_with(status: u16) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\nbody")
}

async fn write_until_closed(mut stream: TcpStream, head: Vec<u8>) -> usize {
    let mut written = 0;
    let mut next = head;
    while stream.write_all(&next).await.is_ok() {
        written += next.len();
        next = vec![b'x'; 64 * 1_024];
    }
    written
}

/// Up to the empty line; `None` when the other side closes.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A listener that nobody may connect to.
pub struct Canary {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Canary {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// Connects itself: connections come out in the order in which they were made.
    pub async fn assert_untouched(self) {
        let own = TcpStream::connect(self.address).await.unwrap();
        let (_, first) = self.listener.accept().await.unwrap();
        assert_eq!(first, own.local_addr().unwrap(), "somebody connected");
    }
}
