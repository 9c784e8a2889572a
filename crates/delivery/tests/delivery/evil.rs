//! Targets that mean harm, or are broken so that it makes no difference. Every attempt comes to an end, in
//! time, under the right name, and takes in no more than it should.

use std::time::Duration;

use proofback_delivery::{Client, ClientOptions, Fault};
use proofback_domain::delivery::AttemptResult;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::{answered, client, get, lenient};
use crate::server::{Canary, PATIENCE, Reply, Server};

/// More than both sockets hold, and far less than is offered.
const BYTES_TAKEN_MAX: usize = 32 << 20;
/// Long enough for a request to be sent on a busy machine.
const SHORT: Duration = Duration::from_millis(500);

/// The time for everything is longer than any test waits: only the time for an answer can end it.
fn impatient() -> Client {
    let total_timeout = 2 * PATIENCE;
    Client::new(ClientOptions { answer_timeout: SHORT, total_timeout, ..lenient() }).unwrap()
}

async fn fault_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Fault {
    let server = Server::start(move |_, _| reply()).await;
    let answer = get(&client(), &server.url("/?secret=1")).await;
    let error = answer.result.error().expect("it failed");
    assert!(!error.contains("secret") && !error.contains("127.0.0.1"), "{error}");
    answer.fault.expect("there is a reason")
}

async fn fault_of_bytes(bytes: &str) -> Fault {
    let bytes = bytes.to_owned();
    fault_of(move || Reply::Bytes(bytes.clone())).await
}

#[tokio::test]
async fn one_that_never_answers_runs_into_the_time_limit() {
    let server = Server::start(|_, _| Reply::Hang).await;
    let answer = get(&impatient(), &server.url("/")).await;
    assert_eq!((answer.result, answer.fault), (AttemptResult::TimedOut, Some(Fault::Timeout)));
    assert_eq!((answer.status, answer.address), (None, Some(server.address)));
}

#[tokio::test]
async fn one_that_takes_the_connection_and_closes_it_is_closed() {
    assert_eq!(fault_of(|| Reply::Close).await, Fault::Closed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        // Closed with something unread: the other side is told by a reset.
        drop(stream);
    });
    let fault = get(&client(), &url).await.fault;
    assert!(matches!(fault, Some(Fault::Closed | Fault::Reset)), "{fault:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_head_that_drips_runs_into_the_time_limit() {
    let server = Server::start(|_, _| Reply::Drip("HTTP/1.1 200 OK\r\nX: ".into())).await;
    assert_eq!(get(&impatient(), &server.url("/")).await.fault, Some(Fault::Timeout));
}

#[tokio::test]
async fn a_body_that_drips_takes_nothing_from_the_status() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nstart";
    let server = Server::start(move |_, _| Reply::Drip(head.into())).await;
    let options = ClientOptions { total_timeout: Duration::from_secs(2), ..lenient() };
    let answer = get(&Client::new(options).unwrap(), &server.url("/")).await;
    assert_eq!((answer.result, answer.is_cut), (answered(200), true));
    assert!(answer.body.starts_with("start"), "{}", answer.body);
}

#[tokio::test]
async fn no_more_than_sixteen_kilobytes_of_ten_gigabytes_are_kept() {
    let (taken, mut takes) = mpsc::unbounded_channel();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nstart";
    let server =
        Server::start(move |_, _| Reply::Endless(head.into(), "x".repeat(65_536), taken.clone())).await;
    let answer = get(&client(), &server.url("/")).await;
    assert_eq!((answer.result.clone(), answer.is_cut), (answered(200), true));
    assert_eq!((answer.body.len(), answer.body_start().len()), (16_384, 1_024));
    assert!(answer.body.starts_with("startxxx"));
    // Beyond what was read there is what the two sockets hold; then the connection is closed.
    let taken = timeout(PATIENCE, takes.recv()).await.unwrap().unwrap();
    assert!(taken < BYTES_TAKEN_MAX, "{taken} bytes went out");
}

#[tokio::test]
async fn a_head_without_an_end_is_too_large() {
    for (start, more) in [
        ("HTTP/1.1 200 OK\r\nX: ", "x".repeat(65_536)),
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n".repeat(10_000)),
        ("HTTP/1.1 200 ", "x".repeat(65_536)),
    ] {
        let (taken, mut takes) = mpsc::unbounded_channel();
        let server =
            Server::start(move |_, _| Reply::Endless(start.into(), more.clone(), taken.clone())).await;
        assert_eq!(get(&client(), &server.url("/")).await.fault, Some(Fault::AnswerTooLarge), "{start}");
        let taken = timeout(PATIENCE, takes.recv()).await.unwrap().unwrap();
        assert!(taken < BYTES_TAKEN_MAX, "{taken} bytes went out");
    }
}

#[tokio::test]
async fn answers_that_announce_an_answer_without_end_run_into_the_time_limit() {
    for more in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"] {
        let (taken, mut takes) = mpsc::unbounded_channel();
        let server =
            Server::start(move |_, _| Reply::Endless(String::new(), more.repeat(1_000), taken.clone())).await;
        assert_eq!(get(&impatient(), &server.url("/")).await.fault, Some(Fault::Timeout), "{more}");
        timeout(PATIENCE, takes.recv()).await.expect("the connection is closed").unwrap();
    }
}

#[tokio::test]
async fn an_announcement_is_no_answer() {
    let bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let server = Server::start(move |_, _| Reply::Bytes(bytes.into())).await;
    assert_eq!(get(&client(), &server.url("/")).await.result, answered(204));
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_head_is_a_failure_and_in_the_body_is_not() {
    assert_eq!(fault_of(|| Reply::Reset(String::new())).await, Fault::Reset);
    assert_eq!(fault_of(|| Reply::Reset("HTTP/1.1 200 OK\r\nX: ".into())).await, Fault::Reset);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let server = Server::start(move |_, _| Reply::Reset(head.into())).await;
    let answer = get(&client(), &server.url("/")).await;
    assert_eq!((answer.result, answer.is_cut), (answered(200), true));
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_cut() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno number\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            crate::server::read_head(&mut stream).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        });
        let answer = get(&client(), &url).await;
        let seen = (answer.result, answer.body.as_str(), answer.is_cut);
        assert_eq!(seen, (answered(200), "half", true), "{head}");
        server.await.unwrap();
    }
}

/// What comes after the body must not be taken for the next answer.
#[tokio::test]
async fn a_body_longer_than_announced_ends_where_it_was_announced() {
    let more = "bodyHTTP/1.1 500 Injected\r\nContent-Length: 0\r\n\r\n";
    let first = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{more}");
    let script =
        move |number, _: &str| if number == 0 { Reply::Bytes(first.clone()) } else { Reply::Status(201) };
    let mut server = Server::start(script).await;
    let client = client();
    let answer = get(&client, &server.url("/")).await;
    assert_eq!((answer.result, answer.body.as_str()), (answered(200), "body"));
    assert_eq!(get(&client, &server.url("/")).await.result, answered(201));
    assert_eq!((server.next().await.connection, server.next().await.connection), (0, 1));
}

#[tokio::test]
async fn what_is_no_answer_is_called_unreadable() {
    for bytes in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "-ERR unknown command\r\n\r\n",
        "<html></html>\r\n\r\n",
        "HTTP/1.1 200\u{0}OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 999999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nbody",
    ] {
        assert_eq!(fault_of_bytes(bytes).await, Fault::BadAnswer, "{bytes:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(fault_of_bytes(&many).await, Fault::AnswerTooLarge);
}

#[tokio::test]
async fn failures_have_names() {
    let canary = Canary::start().await;
    let gone = canary.address;
    drop(canary);
    let refused = get(&client(), &format!("http://{gone}/?secret=1")).await;
    let error = "network_error: connect_refused: nobody listens there";
    assert_eq!(refused.result.error().as_deref(), Some(error));
    // Longer than a label may be, so that no server has to be asked.
    let unknown = get(&client(), &format!("http://{}.invalid/?secret=1", "x".repeat(64))).await;
    let error = "network_error: dns: the name cannot be resolved";
    assert_eq!((unknown.result.error().as_deref(), unknown.address), (Some(error), None));
}
