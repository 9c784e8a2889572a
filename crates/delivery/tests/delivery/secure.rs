//! TLS and HTTP/2: what is trusted, what is spoken, and how either fails.

use std::time::Duration;

use proofback_delivery::{Answer, Client, ClientOptions, Fault};
use proofback_domain::delivery::Verb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::client::{answered, client, get, lenient, post, send};
use crate::secure_server::{Authority, BOTH, SecureServer, Word, self_signed};
use crate::server::PATIENCE;

const SHORT: Duration = Duration::from_millis(500);

async fn fault_with(authority: &Authority, acceptor: TlsAcceptor) -> Option<Fault> {
    let mut server = SecureServer::start(acceptor, |_, _| Word::Status(200)).await;
    let answer = get(&authority.client(), &server.url()).await;
    assert_eq!(answer.status, None);
    assert!(server.received().is_empty(), "nothing is said to somebody unknown");
    answer.fault
}

/// Somebody who says the same to everybody, and then nothing.
async fn answer_of(bytes: &'static [u8], options: ClientOptions) -> Answer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    });
    let answer = get(&Client::new(options).unwrap(), &url).await;
    server.abort();
    answer
}

#[tokio::test]
async fn no_certificate_counts_that_is_not_valid_for_this_name_and_this_day() {
    let authority = Authority::new("known");
    let fault = fault_with(&authority, authority.acceptor("localhost", (2000, 2020), BOTH)).await;
    assert_eq!(fault, Some(Fault::CertificateExpired));
    let fault = fault_with(&authority, authority.acceptor("localhost", (3000, 4000), BOTH)).await;
    assert_eq!(fault, Some(Fault::CertificateNotYetValid));
    let fault = fault_with(&authority, authority.acceptor("a.example", (2000, 4000), BOTH)).await;
    assert_eq!(fault, Some(Fault::CertificateForAnotherName));
    assert_eq!(fault_with(&authority, self_signed()).await, Some(Fault::CertificateIssuerUnknown));
    let stranger = Authority::new("stranger");
    assert_eq!(fault_with(&authority, stranger.localhost(BOTH)).await, Some(Fault::CertificateIssuerUnknown));
}

#[tokio::test]
async fn an_authority_is_trusted_only_where_it_was_named() {
    let authority = Authority::new("known");
    let server = SecureServer::start(authority.localhost(BOTH), |_, _| Word::Status(200)).await;
    assert_eq!(get(&authority.client(), &server.url()).await.result, answered(200));
    assert_eq!(get(&client(), &server.url()).await.fault, Some(Fault::CertificateIssuerUnknown));
}

#[tokio::test]
async fn what_is_no_tls_is_named_as_such() {
    let plain = answer_of(b"HTTP/1.1 400 Bad Request\r\n\r\n", lenient()).await;
    assert_eq!(plain.fault, Some(Fault::NoTls));
    let error = "network_error: tls_handshake: no TLS is spoken there";
    assert_eq!(plain.result.error().as_deref(), Some(error));
    // An alert in the form of TLS 1.0: no version in common.
    let alert = answer_of(b"\x15\x03\x01\x00\x02\x02\x46", lenient()).await;
    assert_eq!(alert.fault, Some(Fault::TlsRefused));
    // A greeting of TLS 1.0, with a cipher that nobody should speak.
    let mut greeting =
        *b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01________________________________\x00\x00\x05\x00";
    greeting[11] = 1;
    let greeting: &'static [u8] = Box::leak(Box::new(greeting));
    assert_eq!(answer_of(greeting, lenient()).await.fault, Some(Fault::TlsIncompatible));
    let garbage = answer_of(b"\x16\x03\x03\x00\x05\xff\xff\xff\xff\xff", lenient()).await;
    assert_eq!(garbage.fault.map(Fault::code), Some("tls_handshake"));
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_time_for_connecting() {
    let answer = answer_of(b"", ClientOptions { connect_timeout: SHORT, ..lenient() }).await;
    assert_eq!(answer.fault, Some(Fault::ConnectTimeout));
    assert!(answer.timing.connect_us.is_some() && answer.timing.tls_us.is_some(), "{:?}", answer.timing);
    assert!(answer.address.is_some());
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered_and_over_one_connection() {
    let authority = Authority::new("known");
    let mut server = SecureServer::start(authority.localhost(BOTH), |_, _| Word::Status(200)).await;
    let (client, url) = (authority.client(), server.url());
    for round in 0..3 {
        let answer = send(&client, &post(url.clone(), "sent")).await;
        assert_eq!((answer.result, answer.body.as_str(), answer.is_cut), (answered(200), "body", false));
        let timing = answer.timing;
        let phases = [timing.dns_us, timing.connect_us, timing.tls_us];
        assert!(phases.iter().all(|phase| phase.is_some() == (round == 0)), "round {round}: {timing:?}");
    }
    assert_eq!(server.received(), vec![(0, "POST / HTTP/2.0".to_owned()); 3]);
}

#[tokio::test]
async fn http1_is_spoken_where_nothing_else_is_offered() {
    let authority = Authority::new("known");
    for protocols in [&["http/1.1"][..], &[]] {
        let mut server = SecureServer::start(authority.localhost(protocols), |_, _| Word::Status(500)).await;
        let client = authority.client();
        for _ in 0..2 {
            assert_eq!(get(&client, &server.url()).await.result, answered(200));
        }
        assert_eq!(server.received(), vec![(0, "GET / HTTP/1.1".to_owned()); 2]);
    }
}

#[tokio::test]
async fn a_stream_or_a_connection_that_is_broken_off_has_its_name_and_is_not_tried_again() {
    let authority = Authority::new("known");
    for (word, fault) in [
        (Word::Reset(h2::Reason::INTERNAL_ERROR), Fault::Reset),
        (Word::Reset(h2::Reason::REFUSED_STREAM), Fault::Reset),
        (Word::GoAway(h2::Reason::NO_ERROR), Fault::Closed),
        (Word::GoAway(h2::Reason::ENHANCE_YOUR_CALM), Fault::Closed),
    ] {
        for verb in [Verb::Get, Verb::Post] {
            let word = word.clone();
            let script = move |connection, _| if connection == 0 { word.clone() } else { Word::Status(200) };
            let mut server = SecureServer::start(authority.localhost(BOTH), script).await;
            let (client, request) = (authority.client(), post(server.url(), "once"));
            let request = proofback_domain::delivery::Request { verb, ..request };
            assert_eq!(send(&client, &request).await.fault, Some(fault));
            assert_eq!(server.received().len(), 1);
            // The next one goes over a connection that was not broken.
            assert_eq!(send(&client, &request).await.result, answered(200));
        }
    }
}

#[tokio::test]
async fn a_stream_that_stops_in_its_body_takes_nothing_from_the_status() {
    let authority = Authority::new("known");
    let server = SecureServer::start(authority.localhost(BOTH), |_, _| Word::Half).await;
    let options = ClientOptions { total_timeout: Duration::from_secs(2), ..authority.options() };
    let answer = get(&Client::new(options).unwrap(), &server.url()).await;
    assert_eq!((answer.result, answer.body.as_str(), answer.is_cut), (answered(200), "half", true));
}

#[tokio::test]
async fn of_a_body_without_end_no_more_comes_than_is_read() {
    let authority = Authority::new("known");
    let (taken, mut takes) = mpsc::unbounded_channel();
    let script = move |_, _| Word::Endless(taken.clone());
    let server = SecureServer::start(authority.localhost(BOTH), script).await;
    let answer = get(&authority.client(), &server.url()).await;
    assert_eq!((answer.result, answer.body.len(), answer.is_cut), (answered(200), 16_384, true));
    let taken = timeout(PATIENCE, takes.recv()).await.unwrap().unwrap();
    assert!(taken <= 3 * 65_536, "{taken} bytes went out");
}

/// HTTP/2 does not tell one reason from another here.
#[tokio::test]
async fn a_head_of_http2_that_is_too_large_is_no_readable_answer() {
    let authority = Authority::new("known");
    let server = SecureServer::start(authority.localhost(BOTH), |_, _| Word::Head(128 * 1_024)).await;
    assert_eq!(get(&authority.client(), &server.url()).await.fault, Some(Fault::BadAnswer));
    let server = SecureServer::start(authority.localhost(BOTH), |_, _| Word::Head(32 * 1_024)).await;
    assert_eq!(get(&authority.client(), &server.url()).await.result, answered(200));
}

/// Else all that is sent to a target would be lost in one connection that leads nowhere.
#[tokio::test]
async fn after_a_request_without_an_answer_the_connection_is_not_used_again() {
    let authority = Authority::new("known");
    let script = |connection, _| if connection == 0 { Word::Hang } else { Word::Status(200) };
    let mut server = SecureServer::start(authority.localhost(BOTH), script).await;
    let options = ClientOptions { answer_timeout: Duration::from_secs(2), ..authority.options() };
    let client = Client::new(options).unwrap();
    assert_eq!(get(&client, &server.url()).await.fault, Some(Fault::Timeout));
    assert_eq!(get(&client, &server.url()).await.result, answered(200));
    assert_eq!(server.received().into_iter().map(|(connection, _)| connection).collect::<Vec<_>>(), [0, 1]);
}
