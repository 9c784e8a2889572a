//! Who may send postbacks, over real sockets; and that no secret is left behind anywhere.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use hmac::{Hmac, KeyInit, Mac};
use proofback_testkit::Reply;
use serde_json::Value;
use support::Server;

fn json(reply: &Reply) -> Value {
    reply.json().unwrap()
}

fn reason(reply: &Reply) -> String {
    json(reply)["reason"].as_str().unwrap().to_owned()
}

fn sign(message: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(b"canary-signing-secret").unwrap();
    hmac.update(message.as_bytes());
    hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seconds_since_1970() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().to_string()
}

#[tokio::test]
async fn a_token_in_the_path_lets_in_and_is_not_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let click = server.click("reelmedia-de").await;
    let query = format!("cid={click}&order=A1&goal=dep&st=1");
    for (path, expected, logged) in [
        (format!("/postback/casino/t0ken?{query}"), "ok", "/postback/casino/***"),
        (format!("/postback/casino/canary-wrong?{query}"), "bad_token", "/postback/casino/***"),
        (format!("/postback/casino/%ff?{query}"), "bad_token", "/postback/casino/***"),
        (format!("/postback/nobody/t0ken?{query}"), "unknown_advertiser", "/postback/nobody/***"),
        (format!("/postback/canary-old-token?{query}"), "unknown_advertiser", "/postback/***"),
        (format!("/postback/casino?{query}"), "bad_token", "/postback/casino"),
    ] {
        let reply = server.get(&path).await;
        assert_eq!(reason(&reply), expected, "{path}");
        let id = json(&reply)["postback_id"].as_str().unwrap().to_owned();
        let row = server.api(&format!("/postbacks/{id}")).await;
        assert_eq!(row["path"], logged);
    }
    let object =
        |order: &str| format!(r#"{{"cid": "{click}", "order": "{order}", "goal": "dep", "st": "1"}}"#);
    for (path, first) in [
        ("/postback/casino/t0ken/batch", "ok"),
        ("/postback/casino/canary-wrong/batch", "bad_token"),
        ("/postback/casino/batch/batch", "bad_token"),
        ("/postback/casino/batch?token=t0ken", "ok"),
    ] {
        let body = format!("[{}]", object(path));
        let reply = server.http.post_json(&format!("{}{path}", server.url), &body).await.unwrap();
        assert_eq!(json(&reply)[0]["reason"], first, "{path}");
    }
    for (path, message) in [
        ("/postback/casino/batch", "no token came"),
        ("/postback/casino/batch/batch", "the token is not the advertiser's"),
    ] {
        let reply = server.http.post_json(&format!("{}{path}", server.url), "[{}]").await.unwrap();
        assert_eq!(json(&reply)[0]["message"], message, "only the last `batch` is no token");
    }
    let list = server.api("/postbacks?limit=1000").await;
    let paths = list["postbacks"].as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap());
    let mut paths: Vec<&str> = paths.filter(|path| path.ends_with("/batch")).collect();
    // Of the same millisecond, any may be listed first.
    paths.sort_unstable();
    let (hidden, open) = ("/postback/casino/***/batch", "/postback/casino/batch");
    assert_eq!(paths, [hidden, hidden, hidden, hidden, open, open]);
    for path in ["/postback/casino/t0ken/other", "/postback/casino/t0ken/batch/x", "/postback/casino/t0ken//"]
    {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 404);
        assert!(!reply.body.contains("t0ken"), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_signed_postback_is_taken_once_and_says_which_secret_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let click = server.click("reelmedia-signer").await;
    let at = seconds_since_1970();
    let query = format!("click_id={click}&event=sale");
    let signature = sign(&format!("{at}.{query}"));
    let headers = [("x-token", "canary-old-token"), ("x-timestamp", &*at), ("x-signature", &*signature)];
    let url = format!("{}/postback/signer?{query}", server.url);
    let first = server.http.get_with(&url, &headers).await.unwrap();
    assert_eq!(reason(&first), "ok", "{}", first.body);
    let again = server.http.get_with(&url, &headers).await.unwrap();
    let id = json(&first)["postback_id"].as_str().unwrap().to_owned();
    assert_eq!(json(&again)["message"], format!("the same signed request as postback {id}"));
    assert_eq!((reason(&again), again.status), ("duplicate".to_owned(), 200));
    let row = server.api(&format!("/postbacks/{id}")).await;
    let explanation = row["explanation"].to_string();
    assert!(explanation.contains("the second of the secrets"), "{explanation}");
    assert_eq!(server.approved("reelmedia").await, "5.00 EUR");
}

/// Whatever is sent, and wherever: not in an answer, the API, the log of the process or any file of the store.
#[tokio::test]
async fn no_secret_is_left_in_an_answer_a_log_or_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_telling_all(directory.path());
    let click = server.click("reelmedia-signer").await;
    let mut replies = Vec::new();
    for canary in ["canary-old-token", "canary-signing-secret"] {
        for path in [
            format!("/postback/signer?token={canary}&click_id={click}"),
            format!("/postback/signer?click_id={canary}&event={canary}&sub1={canary}"),
            format!("/postback/signer?{canary}=1"),
            format!("/postback/signer/{canary}?click_id={click}"),
            format!("/postback/{canary}"),
            format!("/postback/signer/{canary}/and/more"),
            format!("/postback?token={canary}"),
        ] {
            let url = format!("{}{path}", server.url);
            replies.push(server.get(&path).await);
            let post = server.http.post_form(&url, &[("token", canary), ("note", canary)]).await;
            replies.push(post.unwrap());
            let object =
                format!(r#"{{"token": "{canary}", "nested": {{"token": "{canary}"}}, "x": "{canary}"}}"#);
            replies.push(server.http.post_json(&url, &object).await.unwrap());
            for name in ["authorization", "x-token", "x-signature", "x-timestamp", "content-type", "x-other"]
            {
                let headers = [(name, canary), ("x-token", "canary-old-token")];
                replies.push(server.http.get_with(&url, &headers).await.unwrap());
            }
        }
        let batch = format!("{}/postback/signer/{canary}/batch", server.url);
        replies.push(server.http.post_json(&batch, &format!("[{{\"token\": \"{canary}\"}}]")).await.unwrap());
    }
    for reply in &replies {
        assert!(!reply.body.contains("canary"), "{}", reply.body);
    }
    let list = server.api("/postbacks?limit=1000").await;
    let rows = list["postbacks"].as_array().unwrap();
    assert!(rows.len() > 100, "{}", rows.len());
    assert!(!list.to_string().contains("canary"));
    for row in rows {
        let id = row["postback_id"].as_str().unwrap();
        assert!(!server.api(&format!("/postbacks/{id}")).await.to_string().contains("canary"));
    }
    server.kill();
    let log = std::fs::read_to_string(directory.path().join("errors.txt")).unwrap();
    assert!(log.contains("postback decided"), "the log says something: {log}");
    assert!(!log.contains("canary"), "{log}");
    for entry in std::fs::read_dir(directory.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", path.display());
        }
    }
}
