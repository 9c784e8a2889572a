//! One request at a time: what is sent, what is read of the answer, and where the time goes.

use std::time::Duration;

use proofback_delivery::{AddressPolicy, Answer, Client, ClientOptions, Fault};
use proofback_domain::delivery::{AttemptResult, Request, Verb};
use proofback_domain::time::{Span, Timestamp};
use tokio::time::timeout;

use crate::server::{Canary, PATIENCE, Reply, Server};

pub const NOW: Timestamp = Timestamp::EPOCH;

/// May call this machine.
pub fn lenient() -> ClientOptions {
    let allow = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    ClientOptions { allow, ..ClientOptions::default() }
}

pub fn client() -> Client {
    Client::new(lenient()).unwrap()
}

pub async fn send(client: &Client, request: &Request) -> Answer {
    timeout(PATIENCE, client.send(request, NOW)).await.expect("every request comes to an end")
}

pub async fn get(client: &Client, url: &str) -> Answer {
    send(client, &Request::get(url)).await
}

pub fn answered(status: u16) -> AttemptResult {
    AttemptResult::Answered { status, retry_after: None }
}

pub fn post(url: String, body: &str) -> Request {
    let headers = vec![
        ("Content-Type".into(), "application/json".into()),
        ("X-Twice".into(), "one".into()),
        ("X-Twice".into(), "two".into()),
    ];
    Request { verb: Verb::Post, url, headers, body: body.into() }
}

async fn body_of(bytes: String) -> Answer {
    let server = Server::start(move |_, _| Reply::Bytes(bytes.clone())).await;
    get(&client(), &server.url("/")).await
}

#[tokio::test]
async fn a_get_says_who_asks_and_takes_in_the_answer() {
    let head = "HTTP/1.1 200 X\r\nContent-Length: 4\r\nX-Order: 7\r\nSet-Cookie: a=b\r\n\r\nbody";
    let mut server = Server::start(move |_, _| Reply::Bytes(head.into())).await;
    let client = client();
    let answer = get(&client, &server.url("/p?a=1#part")).await;
    assert_eq!((answer.result, answer.status, answer.fault), (answered(200), Some(200), None));
    assert_eq!((answer.body.as_str(), answer.is_cut), ("body", false));
    assert_eq!(answer.headers[1], ("x-order".into(), "7".into()));
    assert_eq!(answer.address, Some(server.address));
    let received = server.next().await;
    assert_eq!(received.line, "GET /p?a=1");
    assert_eq!(received.body, "");
    let sent = received.head.to_lowercase();
    assert!(sent.contains(&format!("user-agent: proofback/{}\r\n", env!("CARGO_PKG_VERSION"))), "{sent}");
    assert!(sent.contains("accept: */*\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: {}\r\n", server.address)), "{sent}");
    get(&client, &server.url("/")).await;
    assert!(!server.next().await.head.contains("cookie"), "nothing is remembered");
}

#[tokio::test]
async fn a_post_carries_its_headers_and_its_body() {
    let mut server = Server::answering(201).await;
    let body = "{\"city\": \"M\u{fc}nchen\"}";
    let answer = send(&client(), &post(server.url("/hook"), body)).await;
    assert_eq!(answer.result, answered(201));
    let received = server.next().await;
    assert_eq!((received.line.as_str(), received.body.as_str()), ("POST /hook", body));
    for line in ["content-type: application/json", "x-twice: one", "x-twice: two", "content-length: 20"] {
        assert_eq!(received.head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {}", received.head);
    }
    send(&client(), &post(server.url("/hook"), "")).await;
    assert!(server.next().await.head.contains("\r\ncontent-length: 0\r\n"));
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_and_nobody_called() {
    let canary = Canary::start().await;
    let url = format!("http://{}/", canary.address);
    let headers = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for request in [
        Request { headers: headers("X", "a\r\nHost: b.example"), ..Request::get(&url) },
        Request { headers: headers("a b", "x"), ..Request::get(&url) },
        Request { headers: headers("Host", "b.example"), ..Request::get(&url) },
        Request::get("mailto:somebody"),
        Request::get(format!("{url}{}", "x".repeat(70_000))),
        Request::get(format!("http://user:secret@{}/", canary.address)),
    ] {
        let answer = send(&client(), &request).await;
        assert_eq!(answer, Answer::failed(Fault::BadRequest));
        let error = "network_error: bad_request: the request cannot be sent as it is";
        assert_eq!(answer.result.error().as_deref(), Some(error));
    }
    canary.assert_untouched().await;
}

#[tokio::test]
async fn a_connection_is_used_again_and_then_costs_no_time() {
    let mut server = Server::answering(200).await;
    let client = client();
    for round in 0..3 {
        let answer = get(&client, &server.url("/")).await;
        assert_eq!(answer.result, answered(200));
        assert_eq!(server.next().await.connection, 0);
        let timing = answer.timing;
        assert_eq!((timing.dns_us, timing.tls_us), (None, None), "an address in numbers, without TLS");
        assert_eq!(timing.connect_us.is_some(), round == 0, "round {round}: {timing:?}");
        assert!(timing.first_byte_us.is_some_and(|first| first <= timing.total_us), "{timing:?}");
        assert!(timing.connect_us.unwrap_or(0) <= timing.total_us, "{timing:?}");
        assert_eq!(answer.address, Some(server.address));
    }
}

#[tokio::test]
async fn requests_at_once_each_have_times_of_their_own() {
    let server = Server::answering(200).await;
    let (client, url) = (client(), server.url("/"));
    let answers = [get(&client, &url), get(&client, &url), get(&client, &url), get(&client, &url)];
    let [first, second, third, fourth] = answers;
    let answers = tokio::join!(first, second, third, fourth);
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!(answer.result, answered(200));
        assert!(answer.timing.connect_us.unwrap_or(0) <= answer.timing.total_us, "{:?}", answer.timing);
    }
}

#[tokio::test]
async fn a_lookup_has_its_time_and_a_failure_too() {
    let server = Server::answering(200).await;
    let timing = get(&client(), &format!("http://localhost:{}/", server.address.port())).await.timing;
    assert!(timing.dns_us.is_some() && timing.connect_us.is_some(), "{timing:?}");
    let canary = Canary::start().await;
    let gone = canary.address;
    drop(canary);
    let answer = get(&client(), &format!("http://{gone}/")).await;
    assert_eq!(answer.address, Some(gone));
    assert!(answer.timing.connect_us.is_some() && answer.timing.first_byte_us.is_none());
}

/// The server takes the request and closes without a word: only its sender can know whether it may be sent
/// again.
#[tokio::test]
async fn what_was_written_is_not_sent_again() {
    let close_second = |number, _: &str| if number == 1 { Reply::Close } else { Reply::Status(200) };
    for verb in [Verb::Get, Verb::Post] {
        let mut server = Server::start(close_second).await;
        let client = client();
        let request = Request { verb, ..post(server.url("/"), "once") };
        assert_eq!(send(&client, &request).await.result, answered(200));
        assert_eq!(send(&client, &request).await.fault, Some(Fault::Closed));
        assert_eq!((server.next().await.connection, server.next().await.connection), (0, 0));
        assert!(server.is_idle(), "it was sent again");
        assert_eq!(send(&client, &request).await.result, answered(200));
        assert_eq!(server.next().await.connection, 1);
    }
}

#[tokio::test]
async fn a_body_of_sixteen_kilobytes_is_whole_and_one_byte_more_is_not() {
    for (length, is_cut) in [(0, false), (16_383, false), (16_384, false), (16_385, true)] {
        let body = "x".repeat(length);
        let answer = body_of(format!("HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        assert_eq!((answer.body.len(), answer.is_cut), (length.min(16_384), is_cut), "{length}");
        let chunks = if length == 0 { String::new() } else { format!("{length:x}\r\n{body}\r\n") };
        let answer =
            body_of(format!("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")).await;
        assert_eq!((answer.body.len(), answer.is_cut), (length.min(16_384), is_cut), "{length} in chunks");
    }
}

#[tokio::test]
async fn what_is_no_text_in_a_body_is_replaced() {
    let answer = body_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\0\u{fc}b".into()).await;
    assert_eq!(answer.body, "a\u{fffd}\u{fc}b");
}

#[tokio::test]
async fn a_packed_body_is_kept_as_it_is() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\npacked";
    assert_eq!(body_of(head.into()).await.body, "packed");
}

#[tokio::test]
async fn retry_after_comes_with_the_status() {
    let answer = body_of("HTTP/1.1 429 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n".into()).await;
    let expected = AttemptResult::Answered { status: 429, retry_after: Some(Span::from_seconds(120)) };
    assert_eq!(answer.result, expected);
}

#[tokio::test]
async fn no_time_limit_is_longer_than_the_total() {
    let server = Server::start(|_, _| Reply::Hang).await;
    let day = Duration::from_secs(86_400);
    let total_timeout = Duration::from_millis(20);
    let patient = ClientOptions { connect_timeout: day, answer_timeout: day, total_timeout, ..lenient() };
    let answer = get(&Client::new(patient).unwrap(), &server.url("/")).await;
    assert_eq!(answer.result, AttemptResult::TimedOut);
}
