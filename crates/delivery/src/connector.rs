//! Connects to the host of a URI. The one place where a connection is opened, and so the one place where
//! the address policy holds: whatever a name was said to stand for before, the address connected to is the
//! one judged.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::guard::is_public;
use crate::resolver::Resolver;

#[derive(Clone)]
pub struct Connector {
    resolver: Resolver,
    allow_private: bool,
    /// For the lookup and all addresses together.
    timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the address has no host")]
    NoHost,
    #[error("the name cannot be resolved")]
    NameUnknown,
    #[error("the address is private")]
    PrivateAddress,
    #[error("no connection in time")]
    TimedOut,
    #[error("the connection failed")]
    Failed(#[source] io::Error),
}

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, ConnectError>> + Send>>;

impl Connector {
    pub fn new(allow_private: bool, timeout: Duration) -> Self {
        Self { resolver: Resolver::new(), allow_private, timeout }
    }

    async fn connect(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let deadline = Instant::now() + self.timeout;
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        let default_port = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let lookup = timeout_at(deadline, self.resolver.addresses(host));
        let addresses = lookup.await.map_err(|_| ConnectError::TimedOut)?;
        self.connect_to_one(&addresses, port, deadline).await
    }

    /// Tries the addresses in their order. Each gets an equal share of the time left, so that one where
    /// nobody answers does not keep the others from being tried.
    async fn connect_to_one(
        &self,
        addresses: &[IpAddr],
        port: u16,
        deadline: Instant,
    ) -> Result<TcpStream, ConnectError> {
        let mut worst = ConnectError::NameUnknown;
        for (left, ip) in (1..=addresses.len()).rev().zip(addresses) {
            let now = Instant::now();
            let share = (deadline - now) / u32::try_from(left).unwrap_or(u32::MAX);
            match self.connect_to(SocketAddr::new(*ip, port), now + share).await {
                Ok(stream) => return Ok(stream),
                // A failure that may pass hides that another address of the same name is private.
                Err(ConnectError::PrivateAddress) if !matches!(worst, ConnectError::NameUnknown) => {}
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }

    async fn connect_to(&self, address: SocketAddr, deadline: Instant) -> Result<TcpStream, ConnectError> {
        if !self.allow_private && !is_public(address.ip()) {
            return Err(ConnectError::PrivateAddress);
        }
        let connecting = timeout_at(deadline, TcpStream::connect(address));
        let stream = connecting.await.map_err(|_| ConnectError::TimedOut)?.map_err(ConnectError::Failed)?;
        stream.set_nodelay(true).map_err(ConnectError::Failed)?;
        Ok(stream)
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn connect(allow_private: bool, uri: &str) -> Result<TcpStream, ConnectError> {
        Connector::new(allow_private, TIMEOUT).connect(&uri.parse().unwrap()).await
    }

    /// The connector must not depend on a URL parser before it: a URI keeps these spellings as they are,
    /// and the system's resolver understands them.
    #[tokio::test]
    async fn no_spelling_of_a_private_address_is_connected_to() {
        let (canary, address) = listen().await;
        let port = address.port();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "localhost",
            "LOCALHOST",
        ] {
            let refused = connect(false, &format!("http://{host}:{port}/")).await;
            assert!(matches!(refused, Err(ConnectError::PrivateAddress)), "{host}: {refused:?}");
        }
        let own = TcpStream::connect(address).await.unwrap();
        let (_, first) = canary.accept().await.unwrap();
        assert_eq!(first, own.local_addr().unwrap(), "somebody connected before");
    }

    #[tokio::test]
    async fn private_addresses_are_connected_to_where_they_are_allowed() {
        let (_listener, address) = listen().await;
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let stream = connect(true, &format!("http://{host}:{}/", address.port())).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap().port(), address.port(), "{host}");
        }
    }

    #[tokio::test]
    async fn each_address_is_judged_by_itself_and_the_next_one_tried() {
        let (listener, address) = listen().await;
        let elsewhere = IpAddr::from([127, 0, 0, 9]);
        let deadline = Instant::now() + TIMEOUT;
        let connector = Connector::new(true, TIMEOUT);
        let addresses = [elsewhere, address.ip()];
        let stream = connector.connect_to_one(&addresses, address.port(), deadline).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        drop(listener);
        let gone = connector.connect_to_one(&addresses, address.port(), deadline).await;
        assert!(matches!(gone, Err(ConnectError::Failed(_))), "{gone:?}");
        let strict = Connector::new(false, TIMEOUT);
        let refused = strict.connect_to_one(&addresses, address.port(), deadline).await;
        assert!(matches!(refused, Err(ConnectError::PrivateAddress)), "{refused:?}");
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_unknown() {
        let unknown = Connector::new(true, TIMEOUT).connect_to_one(&[], 80, Instant::now()).await;
        assert!(matches!(unknown, Err(ConnectError::NameUnknown)), "{unknown:?}");
    }
}
