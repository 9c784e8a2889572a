//! The program over the API: read without effect, changed only where it is what its author saw, and every version kept.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server};

const LINK: &str = "\n[[link]]\nid = \"another\"\npartner = \"other\"\noffer = \"casino-de\"\n";

async fn send(server: &Server, method: Method, path: &str, tag: Option<&str>, body: &str) -> Reply {
    let bearer = format!("Bearer {ADMIN}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(tag.map(|tag| ("if-match", tag)));
    let url = format!("{}/api/v1{path}", server.url);
    server.http.send(method, &url, &headers, body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_program_is_changed_in_the_place_of_the_revision_that_was_seen_and_of_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let first = server.api_as(ADMIN, "/program").await;
    let tag = first.header("etag").unwrap().to_owned();
    let first: Value = first.json().unwrap();
    assert_eq!((tag.as_str(), &first["revision"], &first["reason"]), ("\"1\"", &json!(1), &Value::Null));
    assert_eq!(first["managed_by"], directory.path().join("program.toml").display().to_string());
    let changed = format!("{PROGRAM}{LINK}");
    let put = async |tag: Option<&str>, query: &str, body: &str| {
        send(&server, Method::PUT, &format!("/program{query}"), tag, body).await
    };
    let done = put(Some(&tag), "?reason=a%20link%20for%20them", &changed).await;
    assert_eq!((done.status, done.header("etag")), (200, Some("\"2\"")), "{}", done.body);
    // Somebody else who has seen the first one is told, and nothing is changed.
    let late = put(Some(&tag), "", PROGRAM).await;
    let problem = late.json().unwrap();
    assert_eq!((late.status, &problem["code"]), (412, &json!("precondition_failed")));
    assert_eq!(problem["revision"], 2);
    assert_eq!(server.api("/program").await["source"], changed);
    for tag in ["2", "\"two\"", "W/\"2\"", "\"1\", \"2\""] {
        assert_eq!(put(Some(tag), "", PROGRAM).await.status, 400, "{tag}");
    }
    for query in ["?reason=%20", "?because=x", &format!("?reason={}", "x".repeat(501))] {
        assert_eq!(put(None, query, PROGRAM).await.status, 400, "{query}");
    }
    // Whoever names none, or any, changes whatever is in force.
    assert_eq!(put(Some("*"), "", PROGRAM).await.json().unwrap()["revision"], 3);
    assert_eq!(put(None, "", &changed).await.json().unwrap()["revision"], 4);
    let deeds = server.api("/audit").await;
    let deed =
        deeds["audit"].as_array().unwrap().iter().find(|deed| deed["subject"] == "revision 2").unwrap();
    assert_eq!((&deed["action"], &deed["reason"]), (&json!("program.apply"), &json!("a link for them")));
}

#[tokio::test]
async fn every_revision_is_kept_with_its_author_its_reason_and_its_source() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let changed = format!("{PROGRAM}{LINK}");
    send(&server, Method::PUT, "/program?reason=growth", None, &changed).await;
    let newest = server.api("/program/revisions?limit=1").await;
    let shown = &newest["revisions"][0];
    assert_eq!((&shown["revision"], &shown["author"]), (&json!(2), &json!("admin")));
    assert_eq!((&shown["reason"], shown.get("source")), (&json!("growth"), None));
    let next = newest["next"].as_str().unwrap();
    let rest = server.api(&format!("/program/revisions?limit=1&cursor={next}")).await;
    assert_eq!((&rest["revisions"][0]["author"], &rest["next"]), (&json!("file"), &Value::Null));
    let second = server.api("/program/revisions/2").await;
    assert_eq!((&second["source"], &second["reason"]), (&json!(changed), &json!("growth")));
    assert_eq!(server.api("/program/revisions/1").await["source"], PROGRAM);
    for number in ["0", "3", "-1", "x", "99999999999"] {
        assert_eq!(
            server.api_as(ADMIN, &format!("/program/revisions/{number}")).await.status,
            404,
            "{number}"
        );
    }
}

#[tokio::test]
async fn a_program_that_is_only_checked_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let check = async |source: &str| {
        let reply = send(&server, Method::POST, "/program/check", None, source).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().unwrap()["mistakes"].as_array().unwrap().clone()
    };
    assert_eq!(check(PROGRAM).await, Vec::<Value>::new());
    let wrong = PROGRAM.replacen("currency = \"EUR\"", "curency = \"EUR\"", 1);
    let mistakes = check(&wrong).await;
    let misspelt = mistakes.iter().find(|mistake| mistake["suggestion"] == "currency").unwrap();
    assert_eq!(
        (&misspelt["line"], &misspelt["column"], &misspelt["severity"]),
        (&json!(3), &json!(1), &json!("error"))
    );
    assert!(misspelt["message"].as_str().unwrap().contains("curency"), "{misspelt}");
    assert!(!check("this is no program").await.is_empty());
    let missing = check("[program]\nname = \"x\"\n").await;
    assert!(missing.iter().all(|mistake| mistake["suggestion"].is_null()), "{missing:?}");
    assert_eq!(server.api("/program").await["revision"], 1);
    assert_eq!(server.api("/program/revisions").await["revisions"].as_array().unwrap().len(), 1);
}
