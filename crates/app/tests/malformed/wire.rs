//! Bytes to the server and answers back, without a library in between that would send only what is sound.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept alive as long as the server keeps it.
pub struct Wire {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// What becomes of the connection once a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Keep,
    /// Who knows what the server takes the end of it for: no other request follows.
    Close,
    /// Something is missing: the server is told that nothing more comes, so that it need not wait.
    Cut,
}

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Wire {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends the bytes as they are. `None`: the server closed the connection without an answer.
    pub async fn ask(&mut self, request: &[u8], after: After) -> Option<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                stream
            }
        };
        // A server that has refused already need not take the rest; what it says is still there to be read.
        let sent = stream.write_all(request).await.is_ok();
        if after == After::Cut {
            drop(stream.shutdown().await);
        }
        let (answer, is_kept) = read(&mut stream).await?;
        if sent && is_kept && after == After::Keep {
            self.stream = Some(stream);
        }
        Some(answer)
    }
}

/// The answer, and whether the connection stays open; interim answers are passed over.
async fn read(stream: &mut TcpStream) -> Option<(Answer, bool)> {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let status: u16 = text.split(' ').nth(1).unwrap().parse().unwrap();
            let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let length: usize = header("content-length:").map_or(0, |length| length.parse().unwrap());
            let end = head + 4 + length;
            if status == 100 {
                bytes.drain(..head + 4);
                continue;
            }
            if end <= bytes.len() {
                let body = String::from_utf8(bytes[head + 4..end].to_vec()).unwrap();
                return Some((Answer { status, body }, header("connection:") != Some("close")));
            }
        }
        // An error is a reset: the server closed while there was more to read for it.
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}
