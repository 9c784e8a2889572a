//! A target that answers by a script, over raw sockets so that it can also misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
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
    pub body: String,
    /// The number of its connection, from 0.
    pub connection: usize,
}

/// What to do with a request.
pub enum Reply {
    Status(u16),
    /// These bytes and no others.
    Bytes(String),
    /// The first, and then the second again and again until the other side closes; how many bytes it took
    /// goes to the sender.
    Endless(String, String, mpsc::UnboundedSender<usize>),
    /// These bytes, and then one `x` after the other, slowly.
    Drip(String),
    /// These bytes, and then the connection is reset.
    Reset(String),
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
    while let Some((head, body)) = read_request(&mut stream).await {
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let reply = script(count.fetch_add(1, Ordering::Relaxed), &line);
        // The test may have ended; its requests are nobody's any more.
        drop(sender.send(Received { line, head, body, connection }));
        let answer = match reply {
            Reply::Status(status) => answer_with(status),
            Reply::Held(release, status) => {
                release.notified().await;
                answer_with(status)
            }
            Reply::Bytes(bytes) => bytes,
            Reply::Endless(head, more, taken) => {
                let written = write_until_closed(stream, head.into_bytes(), more.into_bytes()).await;
                return taken.send(written).expect("the test waits for it");
            }
            Reply::Drip(head) => return drip_until_closed(stream, head.as_bytes()).await,
            Reply::Reset(head) => {
                drop(stream.write_all(head.as_bytes()).await);
                stream.set_zero_linger().unwrap();
                return;
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

async fn write_until_closed(mut stream: TcpStream, head: Vec<u8>, more: Vec<u8>) -> usize {
    let mut written = 0;
    let mut next = head;
    while stream.write_all(&next).await.is_ok() {
        written += next.len();
        next.clone_from(&more);
    }
    written
}

async fn drip_until_closed(mut stream: TcpStream, head: &[u8]) {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut written = stream.write_all(head).await;
    while written.is_ok() {
        ticks.tick().await;
        written = stream.write_all(b"x").await;
    }
}

/// Head and body; `None` when the other side closes.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let head = read_head(stream).await?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Up to the empty line; `None` when the other side closes.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A listener that nobody may connect to, on every address of this machine.
pub struct Canary {
    listeners: Vec<TcpListener>,
    pub address: SocketAddr,
}

impl Canary {
    pub async fn start() -> Self {
        let everywhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = everywhere.local_addr().unwrap().port();
        // Where the machine has no IPv6, nobody can connect over it either.
        let newer = TcpListener::bind(("::1", port)).await.ok();
        let listeners = [everywhere].into_iter().chain(newer).collect();
        Self { listeners, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Connects itself: connections come out in the order in which they were made.
    pub async fn assert_untouched(self) {
        for listener in self.listeners {
            let mut address = listener.local_addr().unwrap();
            if address.ip().is_unspecified() {
                address.set_ip([127, 0, 0, 1].into());
            }
            let own = TcpStream::connect(address).await.unwrap();
            let (_, first) = listener.accept().await.unwrap();
            assert_eq!(first, own.local_addr().unwrap(), "somebody connected");
        }
    }
}
