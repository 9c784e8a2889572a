//! Connects to the host of a URI, and speaks TLS with it where the URI asks for it. The one place where a
//! connection is opened, and so the one place where the address policy holds: whatever a name was said to
//! stand for before, the address connected to is the one judged.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::fault::{self, Fault};
use crate::guard::AddressPolicy;
use crate::phases::{Phase, Phases};
use crate::resolver::Resolver;

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<Stream, Failure> = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;
type PlainStream = TokioIo<TcpStream>;

/// Bounds the time of everything until requests can be sent, and notes where it goes.
#[derive(Clone)]
pub struct Connector {
    https: HttpsConnector<PlainConnector>,
    timeout: Duration,
}

/// Below TLS.
#[derive(Clone)]
struct PlainConnector {
    resolver: Resolver,
    policy: Arc<AddressPolicy>,
    /// For the lookup and all addresses together.
    timeout: Duration,
}

impl Connector {
    pub fn new(
        policy: AddressPolicy,
        resolver: Resolver,
        authorities: Vec<CertificateDer<'static>>,
        timeout: Duration,
    ) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for authority in authorities {
            roots.add(authority)?;
        }
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(PlainConnector { resolver, policy: Arc::new(policy), timeout });
        Ok(Self { https, timeout })
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<PlainStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (phases, limit) = (Phases::current(), self.timeout);
        let connecting = self.https.call(uri);
        Box::pin(async move {
            let connected = timeout(limit, connecting).await;
            phases.end();
            connected.map_err(|_| Fault::ConnectTimeout)?
        })
    }
}

impl PlainConnector {
    async fn connect(&self, uri: &Uri, phases: &Phases) -> Result<TcpStream, Fault> {
        let deadline = Instant::now() + self.timeout;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().ok_or(Fault::BadRequest)?;
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        if !self.policy.allows_port(port) {
            return Err(Fault::Port(port));
        }
        let addresses = match Resolver::literal(host) {
            Some(address) => Arc::new([address]),
            None => {
                phases.begin(Phase::Dns);
                let lookup = timeout_at(deadline, self.resolver.addresses(host));
                lookup.await.map_err(|_| Fault::ConnectTimeout)?
            }
        };
        phases.end();
        let stream = self.connect_to_one(&addresses, port, deadline, phases).await?;
        if is_secure {
            phases.begin(Phase::Tls);
        }
        Ok(stream)
    }

    /// Tries the addresses in their order. Each gets an equal share of the time left, so that one where
    /// nobody answers does not keep the others from being tried.
    async fn connect_to_one(
        &self,
        addresses: &[IpAddr],
        port: u16,
        deadline: Instant,
        phases: &Phases,
    ) -> Result<TcpStream, Fault> {
        let mut worst = Fault::Dns;
        for (left, ip) in (1..=addresses.len()).rev().zip(addresses) {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(u32::MAX);
            match self.connect_to(SocketAddr::new(*ip, port), now + share, phases).await {
                Ok(stream) => return Ok(stream),
                // A failure that may pass hides that another address of the same name is private.
                Err(Fault::PrivateAddress) if worst != Fault::Dns => {}
                Err(fault) => worst = fault,
            }
        }
        Err(worst)
    }

    async fn connect_to(
        &self,
        address: SocketAddr,
        deadline: Instant,
        phases: &Phases,
    ) -> Result<TcpStream, Fault> {
        if !self.policy.allows(address.ip()) {
            return Err(Fault::PrivateAddress);
        }
        phases.begin(Phase::Connect);
        phases.note_try(address);
        let connecting = timeout_at(deadline, TcpStream::connect(address)).await;
        let stream = connecting.map_err(|_| Fault::ConnectTimeout)?.map_err(|error| fault::read(&error))?;
        stream.set_nodelay(true).map_err(|error| fault::read(&error))?;
        if let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) {
            phases.note_ends((local, remote));
        }
        phases.end();
        Ok(stream)
    }
}

impl Service<Uri> for PlainConnector {
    type Response = PlainStream;
    type Error = Fault;
    type Future = Connecting<PlainStream, Fault>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connector, phases) = (self.clone(), Phases::current());
        Box::pin(async move { connector.connect(&uri, &phases).await.map(TokioIo::new) })
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

    fn connector(policy: AddressPolicy) -> PlainConnector {
        PlainConnector { resolver: Resolver::system(), policy: Arc::new(policy), timeout: TIMEOUT }
    }

    fn lenient() -> PlainConnector {
        connector(AddressPolicy { allow_private: true, ..AddressPolicy::default() })
    }

    fn strict() -> PlainConnector {
        connector(AddressPolicy::default())
    }

    async fn connect(connector: &PlainConnector, uri: &str) -> Result<TcpStream, Fault> {
        connector.connect(&uri.parse().unwrap(), &Phases::default()).await
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
            let refused = connect(&strict(), &format!("http://{host}:{port}/")).await;
            assert!(matches!(refused, Err(Fault::PrivateAddress)), "{host}: {refused:?}");
        }
        let own = TcpStream::connect(address).await.unwrap();
        let (_, first) = canary.accept().await.unwrap();
        assert_eq!(first, own.local_addr().unwrap(), "somebody connected before");
    }

    #[tokio::test]
    async fn private_addresses_are_connected_to_where_they_are_allowed() {
        let (_listener, address) = listen().await;
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let uri = format!("http://{host}:{}/", address.port());
            let stream = connect(&lenient(), &uri).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap().port(), address.port(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_port_is_judged_before_anybody_is_asked_for_the_name() {
        let unasked = Resolver::with(|_| panic!("nobody should be asked"));
        let connector = PlainConnector { resolver: unasked, ..strict() };
        let refused = connect(&connector, "http://a.example:6379/").await;
        assert!(matches!(refused, Err(Fault::Port(6379))), "{refused:?}");
    }

    #[tokio::test]
    async fn each_address_is_judged_by_itself_and_the_next_one_tried() {
        let (listener, address) = listen().await;
        let elsewhere = IpAddr::from([127, 0, 0, 9]);
        let (deadline, phases) = (Instant::now() + TIMEOUT, Phases::default());
        let (addresses, port) = ([elsewhere, address.ip()], address.port());
        let stream = lenient().connect_to_one(&addresses, port, deadline, &phases).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        drop(listener);
        let gone = lenient().connect_to_one(&addresses, port, deadline, &phases).await;
        assert!(matches!(gone, Err(Fault::ConnectRefused)), "{gone:?}");
        let refused = strict().connect_to_one(&addresses, port, deadline, &phases).await;
        assert!(matches!(refused, Err(Fault::PrivateAddress)), "{refused:?}");
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_unknown() {
        let unknown = lenient().connect_to_one(&[], 80, Instant::now(), &Phases::default()).await;
        assert!(matches!(unknown, Err(Fault::Dns)), "{unknown:?}");
    }
}
