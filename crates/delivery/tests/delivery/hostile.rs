//! Requests forged by whoever enters an address (S1), by whoever answers for a name (S2), and by whoever is
//! called (S3). A listener on this machine must never be connected to.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proofback_delivery::{AddressPolicy, Answer, Client, ClientOptions, Fault, Resolver};
use proofback_domain::delivery::AttemptResult;
use proofback_testkit::hostile_urls;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::client::{answered, client, get};
use crate::server::{Canary, Reply, Server, read_head};

const PRIVATE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const DELIVERIES: usize = 1_000;

fn strict() -> Client {
    Client::new(ClientOptions::default()).unwrap()
}

/// Every name leads to this machine.
fn resolved_to_us() -> Client {
    let resolver = Resolver::with(|_| Box::pin(async { Ok(vec![PRIVATE, "::1".parse().unwrap()]) }));
    Client::new(ClientOptions { resolver, ..ClientOptions::default() }).unwrap()
}

#[tokio::test]
async fn no_hostile_url_reaches_anybody() {
    let canary = Canary::start().await;
    let urls = hostile_urls(canary.port());
    assert!(60 <= urls.len());
    for client in [strict(), resolved_to_us()] {
        for url in &urls {
            let answer = get(&client, url).await;
            let refused = matches!(
                answer.fault,
                Some(Fault::PrivateAddress | Fault::Port(_) | Fault::BadRequest | Fault::Dns)
            );
            assert!(refused, "{url}: {:?}", answer.result);
            assert_eq!((answer.status, answer.address), (None, None), "{url}");
        }
    }
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_private_address_is_refused_under_its_name() {
    let canary = Canary::start().await;
    for host in ["127.0.0.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254"] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", canary.port());
            let answer = get(&strict(), &url).await;
            assert_eq!(answer.result, AttemptResult::PrivateAddress, "{url}");
            assert_eq!(answer.fault, Some(Fault::PrivateAddress), "{url}");
        }
    }
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_port_of_another_service_is_declined() {
    for (url, port) in [("http://a.example:22/", 22), ("https://127.0.0.1:6379/", 6379)] {
        let answer = get(&resolved_to_us(), url).await;
        assert_eq!(answer.result, AttemptResult::Declined(format!("port {port} is not for HTTP")));
    }
}

/// Answers one request per connection, so that each needs a lookup of its own.
async fn closing_server(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            read_head(&mut stream).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    (port, count)
}

/// What a name server says that means harm: first the one address that may be called, then another, then
/// both, then nothing.
fn rebind(asked: usize, good: IpAddr) -> io::Result<Vec<IpAddr>> {
    let hidden = "::ffff:127.0.0.1".parse().unwrap();
    match asked % 8 {
        0 => Err(io::Error::other("SERVFAIL")),
        1 => Ok(vec![good]),
        2 => Ok(vec![PRIVATE]),
        3 => Ok(vec![PRIVATE, good]),
        4 => Ok(vec![good, PRIVATE]),
        5 => Ok(vec![hidden]),
        6 => Ok(vec![hidden, "::1".parse().unwrap(), PRIVATE, good]),
        _ => Ok(Vec::new()),
    }
}

/// The server that may be called and the canary differ in nothing but their address.
#[tokio::test]
async fn a_name_that_changes_what_it_stands_for_never_leads_inside() {
    let good: IpAddr = "127.0.0.77".parse().unwrap();
    let (port, called) = closing_server("127.0.0.77").await;
    let inside = TcpListener::bind((PRIVATE, port)).await.unwrap();
    let touched = Arc::new(AtomicUsize::new(0));
    let canary = Arc::clone(&touched);
    tokio::spawn(async move {
        while inside.accept().await.is_ok() {
            canary.fetch_add(1, Ordering::SeqCst);
        }
    });
    let asked = AtomicUsize::new(0);
    let resolver = Resolver::with(move |_| {
        let answer = rebind(asked.fetch_add(1, Ordering::SeqCst), good);
        Box::pin(async move { answer })
    });
    let allow = AddressPolicy { allowed: vec!["127.0.0.77/32".parse().unwrap()], ..AddressPolicy::default() };
    let client = Client::new(ClientOptions { allow, resolver, ..ClientOptions::default() }).unwrap();
    let url = format!("http://rebinding.example:{port}/");
    let mut results = Vec::new();
    for _ in 0..DELIVERIES {
        let answer = get(&client, &url).await;
        assert!(answer.address.is_none_or(|address| address.ip() == good), "{answer:?}");
        results.push(answer.result);
    }
    let round = [
        Fault::Dns.result(),
        answered(200),
        AttemptResult::PrivateAddress,
        answered(200),
        answered(200),
        AttemptResult::PrivateAddress,
        answered(200),
        Fault::Dns.result(),
    ];
    assert_eq!(results, round.into_iter().cycle().take(DELIVERIES).collect::<Vec<_>>());
    assert_eq!(called.load(Ordering::SeqCst), DELIVERIES / 2);
    // A connection of our own, so that all before it have been counted.
    let own = tokio::net::TcpStream::connect((PRIVATE, port)).await.unwrap();
    while touched.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(touched.load(Ordering::SeqCst), 1, "somebody connected");
    drop(own);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let canary = Canary::start().await;
    for status in [300, 301, 302, 303, 307, 308] {
        for location in [format!("http://{}/", canary.address), "http://169.254.169.254/".into()] {
            let head =
                format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nRefresh: 0; url={location}\r\n");
            let bytes = format!("{head}Content-Length: 0\r\n\r\n");
            let server = Server::start(move |_, _| Reply::Bytes(bytes.clone())).await;
            let answer: Answer = get(&client(), &server.url("/")).await;
            assert_eq!(answer.result.error(), Some(format!("status_{status}")));
            assert_eq!(answer.address, Some(server.address));
        }
    }
    canary.assert_untouched().await;
}
