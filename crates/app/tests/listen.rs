//! `proofback listen` as a developer runs it: real requests, what it prints of them, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use proofback_domain::program::Happening;
use proofback_domain::time::{Span, Timestamp};
use proofback_domain::webhook::{Key, body, example, headers};
use proofback_testkit::{Http, Reply};
use support::{proofback, stderr};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD: &str = "an-old-secret-of-plain-text";
const ID: &str = "01kb3gx9f0e5g7j9m1p3r5t7v9";

struct Listener {
    child: Child,
    printed: BufReader<ChildStdout>,
    url: String,
    http: Http,
}

impl Listener {
    fn start(arguments: &[&str]) -> Self {
        let mut command = proofback(&["listen", "--listen", "127.0.0.1:0"]);
        command.args(arguments).env("HOOK_SECRET", SECRET).env("HOOK_OLD", OLD);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("proofback listens on ").unwrap().to_owned();
        Self { child, printed, url, http: Http::new() }
    }

    /// The lines about one request, without the time at the beginning of the first.
    fn told(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.printed.read_line(&mut line).unwrap(), 0, "it ended after {lines:?}");
            if line == "\n" {
                let (_, first) = lines[0].split_once(' ').unwrap();
                lines[0] = first.to_owned();
                return lines;
            }
            lines.push(line.trim_end_matches('\n').to_owned());
        }
    }

    async fn send(&self, path: &str, headers: &[(String, String)], body: &str) -> Reply {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = format!("{}{path}", self.url);
        self.http.send(Method::POST, &url, &headers, body.to_owned()).await.unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn signed(secret: &str, at: Timestamp, body: &str) -> Vec<(String, String)> {
    headers(ID, at, body, &[Key::parse(secret).unwrap()])
}

fn paid() -> String {
    body(Happening::PayoutPaid, Timestamp::from_millis(0), &example(Happening::PayoutPaid))
}

#[tokio::test]
async fn a_webhook_is_verified_and_printed() {
    let mut listener = Listener::start(&["--secret", "env:HOOK_SECRET"]);
    let body = paid();
    let reply = listener.send("/any/path", &signed(SECRET, now(), &body), &body).await;
    assert_eq!(reply.status, 200);
    let told = listener.told();
    assert_eq!(told[..3], ["POST /any/path", &format!("  payout.paid {ID}"), "  signature ok"]);
    let json: serde_json::Value = serde_json::from_str(&told[3..].join("\n")).unwrap();
    assert_eq!(json.to_string(), body);
    for (secret, at, sent, refusal) in [
        (SECRET, now(), body.replace("1240.00", "9240.00"), "no signature fits what was sent"),
        (OLD, now(), body.clone(), "no signature fits what was sent"),
        (SECRET, now().minus(Span::from_seconds(3_600)), body.clone(), "it was signed "),
    ] {
        let reply = listener.send("/", &signed(secret, at, &body), &sent).await;
        assert_eq!(reply.status, 200, "it answers what it was told to answer");
        let told = listener.told();
        assert!(told[2].starts_with(&format!("  signature refused: {refusal}")), "{told:?}");
    }
    listener.send("/", &[], &body).await;
    let told = listener.told();
    assert_eq!(
        told[1..3],
        ["  payout.paid without webhook-id", "  signature refused: the header webhook-id is missing"]
    );
}

#[tokio::test]
async fn of_several_secrets_it_names_the_one_that_fits() {
    let directory = tempfile::tempdir().unwrap();
    let file = support::write(directory.path(), "secret", SECRET);
    let file = format!("file:{}", file.display());
    let mut listener = Listener::start(&["--secret", &file, "--secret", "env:HOOK_OLD"]);
    let body = paid();
    for (secret, name) in [(SECRET, file.as_str()), (OLD, "env:HOOK_OLD")] {
        listener.send("/", &signed(secret, now(), &body), &body).await;
        assert_eq!(listener.told()[2], format!("  signature ok, by {name}"));
    }
}

#[tokio::test]
async fn postbacks_are_printed_by_their_parameters_and_nothing_moves_the_cursor() {
    let mut listener = Listener::start(&["--answer", "503"]);
    let url = format!("{}/postback?cid=M-1&payout=&name=a%2Bb+c&x=%1b%5B2J%0Afake%E2%80%AE", listener.url);
    assert_eq!(listener.http.get(&url).await.unwrap().status, 503);
    assert_eq!(
        listener.told(),
        [
            "GET /postback",
            "  cid = M-1",
            "  payout = ",
            "  name = a+b c",
            "  x = <U+001B>[2J<U+000A>fake<U+202E>",
        ]
    );
    let form = [("cid", "M-2"), ("status", "approved")];
    listener.http.post_form(&format!("{}/p?key=1", listener.url), &form).await.unwrap();
    assert_eq!(listener.told(), ["POST /p", "  key = 1", "  cid = M-2", "  status = approved"]);
    listener.send("/p", &signed(SECRET, now(), "{}"), "no\u{7} JSON").await;
    assert_eq!(
        listener.told()[1..],
        [&format!("  no type {ID}"), "  signature not checked: no --secret was given", "  no<U+0007> JSON"]
    );
    let reply = listener.http.send(Method::PUT, &listener.url, &[], String::new()).await.unwrap();
    assert_eq!(reply.status, 405);
    assert_eq!(listener.told(), ["PUT /"]);
    let large = listener.send("/p", &[], &"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(large.status, 413);
    assert_eq!(listener.told()[1], "  no whole body of at most 1 MB came");
}

#[tokio::test]
async fn it_stops_when_it_is_interrupted_though_a_connection_is_open() {
    let mut listener = Listener::start(&[]);
    listener.http.get(&listener.url).await.unwrap();
    let killed = Command::new("kill").args(["-INT", &listener.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(listener.child.wait().unwrap().success());
}

#[test]
fn a_secret_that_cannot_be_used_is_refused_and_not_shown() {
    for (argument, said) in [
        (SECRET, "--secret takes env:NAME or file:PATH, not the secret itself"),
        (
            "env:NOT_THERE",
            "--secret env:NOT_THERE cannot be read: the environment variable NOT_THERE is not set",
        ),
        ("env:SHORT", "--secret env:SHORT cannot be used: it has 9 bytes; 24 to 64 are needed"),
    ] {
        let output = proofback(&["listen", "--secret", argument]).env("SHORT", "too-short").output().unwrap();
        let errors = stderr(&output);
        assert!(!output.status.success() && errors.contains(said), "{errors}");
        assert!(!errors.contains(SECRET) && !errors.contains("too-short"), "{errors}");
    }
}
