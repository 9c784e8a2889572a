//! One request at a time: what is sent, what is read of the answer, and how failures are called.

use std::sync::Arc;
use std::time::Duration;

use proofback_delivery::{Answer, Client, ClientOptions};
use proofback_domain::delivery::AttemptResult;
use proofback_domain::time::{Span, Timestamp};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::server::{Canary, PATIENCE, Reply, Server};

const NOW: Timestamp = Timestamp::EPOCH;

fn client() -> Client {
    Client::new(ClientOptions { allow_private: true, ..ClientOptions::default() }).unwrap()
}

fn impatient(total_timeout: Duration) -> Client {
    Client::new(ClientOptions { allow_private: true, total_timeout, ..ClientOptions::default() }).unwrap()
}

async fn get(url: &str) -> Answer {
    timeout(PATIENCE, client().get(url, NOW)).await.unwrap()
}

async fn error_of(url: &str) -> String {
    get(url).await.result.error().unwrap_or_default()
}

fn answered(status: u16) -> AttemptResult {
    AttemptResult::Answered { status, retry_after: None }
}

#[tokio::test]
async fn a_get_says_who_asks_and_keeps_the_start_of_the_answer() {
    let mut server = Server::answering(200).await;
    let answer = get(&server.url("/p?a=1#part")).await;
    let expected = Answer { result: answered(200), status: Some(200), body_start: "body".into() };
    assert_eq!(answer, expected);
    let received = server.next().await;
    assert_eq!(received.line, "GET /p?a=1");
    let head = received.head.to_lowercase();
    assert!(head.contains(&format!("user-agent: proofback/{}\r\n", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(head.contains("accept: */*\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", server.address)), "{head}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let mut server = Server::answering(200).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(client.get(&server.url("/"), NOW).await.result, answered(200));
        assert_eq!(server.next().await.connection, 0);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let canary = Canary::start().await;
    let location = format!("http://{}/", canary.address);
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let server = Server::start(move |_, _| Reply::Bytes(head.clone())).await;
        assert_eq!(get(&server.url("/")).await.result, answered(status));
    }
    canary.assert_untouched().await;
}

#[tokio::test]
async fn no_more_than_sixteen_kilobytes_of_a_body_are_read_and_one_is_kept() {
    const LENGTH: usize = 1 << 30;
    let (taken, mut takes) = mpsc::unbounded_channel();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\nstart");
    let server = Server::start(move |_, _| Reply::Endless(head.clone(), taken.clone())).await;
    let answer = get(&server.url("/")).await;
    assert_eq!(answer.result, answered(200));
    assert_eq!(answer.body_start.len(), 1_024);
    assert!(answer.body_start.starts_with("startxxx"));
    // Beyond what was read there is what the two sockets hold; then the connection is closed.
    let taken = timeout(PATIENCE, takes.recv()).await.unwrap().unwrap();
    assert!(taken < LENGTH / 16, "{taken} bytes went out");
}

#[tokio::test]
async fn what_is_no_text_in_a_body_is_replaced() {
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\0\u{fc}b";
    let server = Server::start(move |_, _| Reply::Bytes(bytes.into())).await;
    assert_eq!(get(&server.url("/")).await.body_start, "a\u{fffd}\u{fc}b");
}

#[tokio::test]
async fn retry_after_comes_with_the_status() {
    let bytes = "HTTP/1.1 429 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(move |_, _| Reply::Bytes(bytes.into())).await;
    let expected = AttemptResult::Answered { status: 429, retry_after: Some(Span::from_seconds(120)) };
    assert_eq!(get(&server.url("/")).await.result, expected);
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_time_limit() {
    let server = Server::start(|_, _| Reply::Hang).await;
    let client = impatient(Duration::from_millis(20));
    assert_eq!(client.get(&server.url("/"), NOW).await, Answer::none(AttemptResult::TimedOut));
}

#[tokio::test]
async fn a_body_that_never_ends_takes_nothing_from_the_status() {
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let server = Server::start(move |_, _| Reply::Bytes(bytes.into())).await;
    let answer = impatient(Duration::from_secs(1)).get(&server.url("/"), NOW).await;
    let expected = Answer { result: answered(200), status: Some(200), body_start: "half".into() };
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn failures_have_names_without_the_address() {
    let closing = Server::start(|_, _| Reply::Close).await;
    assert_eq!(error_of(&closing.url("/?secret=1")).await, "network_error: closed early");
    let gibberish = Server::start(|_, _| Reply::Bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n".into())).await;
    assert_eq!(error_of(&gibberish.url("/?secret=1")).await, "network_error: the answer is no readable HTTP");
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let long = Server::start(move |_, _| Reply::Bytes(long.clone())).await;
    assert_eq!(error_of(&long.url("/")).await, "network_error: the answer is no readable HTTP");
    let gone = Canary::start().await.address;
    assert_eq!(error_of(&format!("http://{gone}/?secret=1")).await, "network_error: refused");
    // Longer than a label may be, so that no server has to be asked.
    let unknown = format!("http://{}.invalid/?secret=1", "x".repeat(64));
    assert_eq!(error_of(&unknown).await, "network_error: dns: the name cannot be resolved");
    assert_eq!(error_of("mailto:somebody").await, "network_error: no valid address");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_named_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    assert_eq!(error_of(&url).await, "network_error: tls: no TLS is spoken there");
    server.await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.into()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.map(drop)
    });
    assert_eq!(error_of(&url).await, "network_error: tls: the certificate's issuer is unknown");
    assert!(server.await.unwrap().is_err(), "the handshake must not succeed");
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_called() {
    let canary = Canary::start().await;
    let port = canary.address.port();
    let strict = Client::new(ClientOptions::default()).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "localhost",
        "LocalHost",
        "user:secret@127.0.0.1",
        "127。0。0。1",
        "169.254.169.254",
        "[fd00:ec2::254]",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let answer = timeout(PATIENCE, strict.get(&url, NOW)).await.unwrap();
            assert_eq!(answer, Answer::none(AttemptResult::PrivateAddress), "{url}");
        }
    }
    canary.assert_untouched().await;
}
