//! Targets behind TLS, with certificates of an authority of our own, and what they say by HTTP/2.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use proofback_delivery::{Client, ClientOptions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::client::lenient;
use crate::server::read_head;

pub const BOTH: &[&str] = &["h2", "http/1.1"];

/// Signs certificates that clients of its own trust.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What to say to a request.
#[derive(Clone)]
pub enum Word {
    Status(u16),
    /// A head of so many bytes.
    Head(usize),
    /// A body without end; how many bytes the other side took goes to the sender.
    Endless(mpsc::UnboundedSender<usize>),
    Reset(h2::Reason),
    GoAway(h2::Reason),
    /// The head, half of the body, and then nothing.
    Half,
    Hang,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn options(&self) -> ClientOptions {
        ClientOptions { authorities: vec![self.certificate.clone()], ..lenient() }
    }

    pub fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    /// A server's side with a certificate for a name, valid in these years, that speaks these protocols.
    pub fn acceptor(&self, name: &str, years: (i32, i32), protocols: &[&str]) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        accept_with(certificate.der().clone(), &key, protocols)
    }

    pub fn localhost(&self, protocols: &[&str]) -> TlsAcceptor {
        self.acceptor("localhost", (2000, 4000), protocols)
    }
}

pub fn self_signed() -> TlsAcceptor {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    accept_with(own.cert.der().clone(), &own.signing_key, BOTH)
}

fn accept_with(certificate: CertificateDer<'static>, key: &KeyPair, protocols: &[&str]) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config =
        rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A target behind TLS that does as a script says.
pub struct SecureServer {
    address: SocketAddr,
    /// The number of the connection, and the request's line with its version.
    requests: mpsc::UnboundedReceiver<(usize, String)>,
}

impl SecureServer {
    /// `script` is given the number of the request on its connection, from 0.
    pub async fn start(
        acceptor: TlsAcceptor,
        script: impl Fn(usize, usize) -> Word + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, sender, script) = (acceptor.clone(), sender.clone(), script.clone());
                let script = move |number| script(connection, number);
                tokio::spawn(async move {
                    // A client that does not like the certificate ends it here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        speak_http2(stream, connection, script, &sender).await;
                    } else {
                        speak_http1(stream, connection, &sender).await;
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// What has come until now.
    pub fn received(&mut self) -> Vec<(usize, String)> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn speak_http1(
    mut stream: TlsStream<TcpStream>,
    connection: usize,
    sender: &mpsc::UnboundedSender<(usize, String)>,
) {
    while let Some(head) = read_head(&mut stream).await {
        let line = head.lines().next().unwrap_or_default().to_owned();
        drop(sender.send((connection, line)));
        stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nbody").await.unwrap();
    }
}

async fn speak_http2(
    stream: TlsStream<TcpStream>,
    connection: usize,
    script: impl Fn(usize) -> Word,
    sender: &mpsc::UnboundedSender<(usize, String)>,
) {
    let mut http2 = h2::server::handshake(stream).await.unwrap();
    let (mut hanging, mut unfinished) = (Vec::new(), Vec::new());
    let mut number = 0;
    while let Some(Ok((request, mut respond))) = http2.accept().await {
        let line = format!("{} {} {:?}", request.method(), request.uri().path(), request.version());
        drop(sender.send((connection, line)));
        match script(number) {
            Word::Status(status) => {
                let mut body = respond.send_response(head(status), false).unwrap();
                body.send_data(Bytes::from_static(b"body"), true).unwrap();
            }
            Word::Head(bytes) => {
                let mut head = head(200);
                for number in 0..bytes / 1_024 {
                    let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
                    head.headers_mut().insert(name, "x".repeat(1_024).parse().unwrap());
                }
                respond.send_response(head, true).unwrap();
            }
            Word::Endless(taken) => drop(tokio::spawn(send_without_end(respond, taken))),
            Word::Reset(reason) => respond.send_reset(reason),
            Word::GoAway(reason) => http2.abrupt_shutdown(reason),
            Word::Half => {
                let mut body = respond.send_response(head(200), false).unwrap();
                body.send_data(Bytes::from_static(b"half"), false).unwrap();
                unfinished.push(body);
            }
            Word::Hang => hanging.push(respond),
        }
        number += 1;
    }
}

fn head(status: u16) -> http::Response<()> {
    http::Response::builder().status(status).body(()).unwrap()
}

async fn send_without_end(mut respond: h2::server::SendResponse<Bytes>, taken: mpsc::UnboundedSender<usize>) {
    let mut body = respond.send_response(head(200), false).unwrap();
    let mut written = 0;
    body.reserve_capacity(1 << 20);
    while let Some(Ok(room)) = poll_fn(|context| body.poll_capacity(context)).await {
        written += room;
        if body.send_data(vec![b'x'; room].into(), false).is_err() {
            break;
        }
        body.reserve_capacity(1 << 20);
    }
    taken.send(written).expect("the test waits for it");
}
