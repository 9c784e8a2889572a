//! The whole program over real sockets: clicks, postbacks and the API, as their users meet them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_testkit::Reply;
use serde_json::Value;
use support::{ADMIN, Server, run, stdout};

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

fn world(arguments: &[&str]) -> World {
    let directory = tempfile::tempdir().unwrap();
    World { server: Server::start(directory.path(), arguments), directory }
}

fn json(reply: &Reply) -> Value {
    reply.json().unwrap()
}

#[tokio::test]
async fn a_visitor_is_sent_on_with_a_click_id_of_ours() {
    let world = world(&[]);
    let reply = world.server.get("/c/reelmedia-de?click_id=P-7&sub1=a%20b&utm=x").await;
    assert_eq!(reply.status, 302);
    let location = reply.header("location").unwrap();
    let id = &location["https://casino.example/lp?cid=".len()..][..26];
    assert_eq!(location, format!("https://casino.example/lp?cid={id}&s=a%20b"));
    let click = world.server.api(&format!("/clicks/{id}")).await;
    assert_eq!(click["partner"], "reelmedia");
    assert_eq!(click["partner_click_id"], "P-7");
    assert_eq!(click["sub1"], "a b");
    assert_eq!(click["params"][0]["name"], "utm");
}

#[tokio::test]
async fn a_landing_page_gets_the_click_as_json_from_any_origin() {
    let world = world(&[]);
    let reply = world.server.get("/c/reelmedia-de?format=json").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")));
    let body = json(&reply);
    let id = body["click_id"].as_str().unwrap();
    assert_eq!(body["url"], format!("https://casino.example/lp?cid={id}&s="));
}

#[tokio::test]
async fn looking_at_a_link_is_no_click() {
    let world = world(&[]);
    let url = format!("{}/c/reelmedia-de?sub1=x", world.server.url);
    let reply = world.server.http.send(http::Method::HEAD, &url, &[], String::new()).await.unwrap();
    assert_eq!((reply.status, reply.header("location")), (302, Some("https://casino.example/lp?cid=&s=x")));
    let metrics = world.server.get("/metrics").await.body;
    assert!(metrics.contains("proofback_clicks_total 0\n"), "{metrics}");
}

#[tokio::test]
async fn a_link_that_leads_nowhere_says_so() {
    let world = world(&[]);
    for path in ["/c/nothing", "/c/%ff"] {
        let unknown = world.server.get(path).await;
        assert_eq!(unknown.status, 404);
        assert!(unknown.body.contains("This link leads nowhere"));
    }
    let paused = world.server.get("/c/resting?sub1=x").await;
    assert_eq!(
        (paused.status, paused.header("location")),
        (302, Some("https://fallback.example/?p=reelmedia&s=x"))
    );
}

#[tokio::test]
async fn a_deposit_is_paid_once_however_often_it_is_reported() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-de").await;
    let path = format!("/postback/casino?token=t0ken&cid={click}&order=A1&goal=dep&st=1&sum=120");
    let first = world.server.get(&path).await;
    assert_eq!((first.status, json(&first)["outcome"].clone()), (200, "accepted".into()));
    assert_eq!(json(&first)["message"], "ftd A1 recorded, approved");
    for _ in 0..3 {
        let repeat = world.server.get(&path).await;
        assert_eq!((repeat.status, json(&repeat)["reason"].clone()), (200, "duplicate".into()));
        assert_eq!(json(&repeat)["conversion_id"], json(&first)["conversion_id"]);
    }
    assert_eq!(world.server.approved("reelmedia").await, "120.00 EUR");
    let entries = world.server.api("/ledger/entries?account=partner:reelmedia:approved").await;
    assert_eq!(entries["entries"].as_array().unwrap().len(), 1);
    assert_eq!(entries["entries"][0]["debit"], "house:commission");
}

#[tokio::test]
async fn a_query_a_form_and_a_json_object_say_the_same() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-shop").await;
    let base = format!("{}/postback/shop", world.server.url);
    let query = format!("{base}?click_id={click}&txid=Q&event=sale&amount=10.50&currency=eur");
    let form = [
        ("click_id", click.as_str()),
        ("txid", "F"),
        ("event", "sale"),
        ("amount", "10.50"),
        ("currency", "EUR"),
    ];
    let object = format!(
        r#"{{"click_id": "{click}", "txid": "J", "event": "sale", "amount": 10.50, "currency": "EUR"}}"#
    );
    let http = &world.server.http;
    for reply in
        [http.get(&query).await, http.post_form(&base, &form).await, http.post_json(&base, &object).await]
    {
        let reply = reply.unwrap();
        assert_eq!((reply.status, json(&reply)["reason"].clone()), (200, "ok".into()), "{}", reply.body);
    }
    assert_eq!(world.server.approved("reelmedia").await, "3.15 EUR");
}

#[tokio::test]
async fn a_batch_is_answered_object_by_object_in_order() {
    let world = world(&[]);
    let server = &world.server;
    let (one, two) = (server.click("reelmedia-de").await, server.click("reelmedia-de").await);
    let sale = |click: &str, order: &str| {
        format!(r#"{{"cid": "{click}", "order": "{order}", "goal": "dep", "st": "1"}}"#)
    };
    let objects = [
        sale(&one, "A1"),
        sale(&one, "A1"),
        sale(&two[..20], "A2"),
        "7".to_owned(),
        sale(&two, "A3"),
        r#"{"order": "A3", "goal": "refund"}"#.to_owned(),
    ];
    let reasons = ["ok", "duplicate", "truncated_click_id", "malformed_request", "ok", "reversed"];
    let url = format!("{}/postback/casino/batch?token=t0ken", server.url);
    let reply = server.http.post_json(&url, &format!("[{}]", objects.join(", "))).await.unwrap();
    assert_eq!(reply.status, 200);
    let answers = json(&reply);
    let seen: Vec<&str> =
        answers.as_array().unwrap().iter().map(|answer| answer["reason"].as_str().unwrap()).collect();
    assert_eq!(seen, reasons);
    assert_eq!(server.approved("reelmedia").await, "120.00 EUR");
    let lines = objects[..2].join("\n") + "\n\n";
    let reply = server.http.post_json(&url, &lines).await.unwrap();
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(reply.body.lines().filter(|line| line.contains("\"duplicate\"")).count(), 2, "{}", reply.body);
    assert_eq!(server.api("/postbacks").await["postbacks"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_batch_that_cannot_be_split_is_one_malformed_postback() {
    let world = world(&[]);
    let url = format!("{}/postback/casino/batch?token=t0ken", world.server.url);
    let too_many = format!("[{}]", vec!["{}"; 1_001].join(","));
    let bodies = ["", "[", "[{\"a\": 1},]", "[]", too_many.as_str()];
    for body in bodies {
        let reply = world.server.http.post_json(&url, body).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains("malformed_request"), "{body:.20} {}", reply.body);
    }
    assert_eq!(world.server.api("/postbacks").await["postbacks"].as_array().unwrap().len(), bodies.len());
    let foreign = format!("{}/postback/casino/batch", world.server.url);
    let reply = world.server.http.post_json(&foreign, "[{\"token\": \"wrong\"}, {}]").await.unwrap();
    assert_eq!(reply.body.matches("bad_token").count(), 2);
}

/// Path, status, reason: what each mistake is answered, in the words of the documentation.
const MISTAKES: &[(&str, u16, &str)] = &[
    ("/postback/casino?token=t0ken&goal=ftd", 400, "missing_click_id"),
    ("/postback/casino?token=t0ken&cid=%7Bclickid%7D&goal=ftd", 400, "unexpanded_macro"),
    ("/postback/casino?token=t0ken&cid=a&cid=b", 400, "malformed_request"),
    ("/postback/casino?token=t0ken&cid=%ff", 400, "malformed_request"),
    ("/postback/casino?token=t0ken&cid=CUT20&goal=ftd", 400, "truncated_click_id"),
    ("/postback/casino?token=t0ken&cid=BENT&goal=ftd", 400, "altered_click_id"),
    ("/postback/casino?token=wrong&cid=GOOD&goal=ftd", 401, "bad_token"),
    ("/postback/casino?cid=GOOD&goal=ftd", 401, "bad_token"),
    ("/postback/guarded?click_id=GOOD", 403, "https_required"),
    ("/postback/casino?token=t0ken&cid=12345&goal=ftd", 404, "unknown_click_id"),
    ("/postback/shop?click_id=GOOD&event=sale", 404, "unknown_click_id"),
    ("/postback/nobody?click_id=GOOD", 404, "unknown_advertiser"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=signup", 422, "unknown_event"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=ftd&st=maybe", 422, "unknown_status"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=ftd&sum=1,50", 422, "bad_amount"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=ftd&sum=1&currency=EURO", 422, "bad_currency"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=ftd&timestamp=yesterday", 422, "bad_timestamp"),
    ("/postback/casino?token=t0ken&cid=GOOD&goal=refund", 422, "nothing_to_reverse"),
    ("/postback?cid=GOOD&goal=ftd", 401, "bad_token"),
    ("/postback/%ff?click_id=GOOD", 404, "unknown_advertiser"),
    ("/postback", 400, "missing_click_id"),
    ("/postback?click_id=nonsense", 404, "unknown_click_id"),
];

#[tokio::test]
async fn every_mistake_gets_its_status_and_reason_and_is_in_the_log() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-de").await;
    let bent = format!("{}{}", &click[..25], if click.ends_with('0') { '1' } else { '0' });
    for (path, status, reason) in MISTAKES {
        let path = path.replace("GOOD", &click).replace("CUT20", &click[..20]).replace("BENT", &bent);
        let reply = world.server.get(&path).await;
        let body = json(&reply);
        assert_eq!((reply.status, body["reason"].as_str().unwrap()), (*status, *reason), "{path}");
        let logged = world.server.api(&format!("/postbacks/{}", body["postback_id"].as_str().unwrap())).await;
        assert_eq!(logged["reason"], *reason);
        assert_eq!(logged["explanation"].as_array().unwrap().last().unwrap()["verdict"], "failed");
        assert!(!reply.body.contains("t0ken") && !logged.to_string().contains("t0ken"), "{path}");
        assert!(!body.to_string().contains("reelmedia"), "the sender is not told whose click it is: {body}");
    }
    let log = world.server.api("/postbacks?outcome=rejected&limit=1000").await;
    assert_eq!(log["postbacks"].as_array().unwrap().len(), MISTAKES.len());
    assert_eq!(world.server.approved("reelmedia").await, "0");
}

#[tokio::test]
async fn the_click_that_was_meant_is_for_people_here_and_never_for_the_sender() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-de").await;
    let reply =
        world.server.get(&format!("/postback/casino?token=t0ken&cid={}&goal=ftd", &click[..22])).await;
    assert!(!reply.body.contains(&click), "{}", reply.body);
    let id = json(&reply)["postback_id"].as_str().unwrap().to_owned();
    assert_eq!(world.server.api(&format!("/postbacks/{id}")).await["likely_click"], click.as_str());
    let trace = world.server.api(&format!("/trace/{}", &click[..22])).await;
    assert_eq!(trace["timeline"].as_array().unwrap().len(), 2, "{trace}");
}

#[tokio::test]
async fn a_rejection_says_the_same_in_the_answer_the_api_and_explain() {
    let world = world(&[]);
    let server = &world.server;
    let click = server.click("reelmedia-de").await;
    for (query, field, seen) in [
        ("cid=GOOD&goal=ftd&sum=1,50".to_owned(), "sum", "1,50"),
        ("cid=GOOD&goal=signup".to_owned(), "goal", "signup"),
        (format!("cid={}&goal=ftd&sub2={}", &click[..15], &click[15..]), "cid", &click[..15]),
        ("cid=ann%40example.com&goal=ftd".to_owned(), "cid", "an e-mail address"),
        ("goal=ftd&clickid=7".to_owned(), "cid", ""),
    ] {
        let query = query.replace("GOOD", &click);
        let reply = server.get(&format!("/postback/casino?token=t0ken&{query}")).await;
        let answer = json(&reply);
        let id = answer["postback_id"].as_str().unwrap();
        let logged = server.api(&format!("/postbacks/{id}")).await;
        let listed = server.api("/postbacks?limit=1").await["postbacks"][0].clone();
        let explained = stdout(&run(&["explain", id, "--server", &server.url]));
        for name in ["message", "field", "seen", "expected", "advice"] {
            let told = answer.get(name).and_then(Value::as_str).unwrap_or_default();
            assert_eq!((&logged[name], &listed[name]), (&told.into(), &told.into()), "{query} {name}");
            assert!(explained.contains(told), "{query} {name} {told:?}\n{explained}");
            assert!(name == "seen" || !told.is_empty(), "{query} {name}");
        }
        assert_eq!((answer["field"].as_str(), logged["seen"].as_str()), (Some(field), Some(seen)), "{query}");
        assert!(
            answer.get("likely_click").is_none() && answer.get("click_id").is_none_or(|id| *id == *click)
        );
        if seen.is_empty() {
            assert!(answer.get("seen").is_none(), "{answer}");
        }
    }
    let spilled = server.api("/postbacks?reason=truncated_click_id").await;
    assert_eq!(spilled["postbacks"][0]["likely_click"], click.as_str());
}

#[tokio::test]
async fn requests_past_the_size_limits_are_counted_and_not_stored() {
    let world = world(&[]);
    let long = world.server.get(&format!("/postback/shop?x={}", "a".repeat(9_000))).await;
    assert_eq!(long.status, 414);
    let base = format!("{}/postback/shop", world.server.url);
    let large =
        world.server.http.post_json(&base, &format!("{{\"x\": \"{}\"}}", "a".repeat(70_000))).await.unwrap();
    assert_eq!(large.status, 413);
    assert_eq!(large.header("content-type"), Some("application/problem+json"));
    let other = world.server.http.send(http::Method::PUT, &base, &[], String::new()).await.unwrap();
    assert_eq!(other.status, 405);
    assert!(world.server.get("/metrics").await.body.contains("proofback_requests_too_large_total 2\n"));
    assert!(world.server.api("/postbacks").await["postbacks"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn looking_at_a_postback_address_reports_nothing() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-shop").await;
    let url =
        format!("{}/postback/shop?click_id={click}&event=sale&amount=10&currency=EUR", world.server.url);
    let reply = world.server.http.send(http::Method::HEAD, &url, &[], String::new()).await.unwrap();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,POST")));
    assert!(world.server.api("/postbacks").await["postbacks"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_sender_that_asked_for_it_always_gets_200_and_too_many_get_429() {
    let world = world(&[]);
    for _ in 0..3 {
        let reply = world.server.get("/postback/eager?click_id=nonsense").await;
        assert_eq!((reply.status, json(&reply)["reason"].clone()), (200, "unknown_click_id".into()));
    }
    let reply = world.server.get("/postback/eager?click_id=nonsense").await;
    assert_eq!(reply.status, 429);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(1 <= wait && wait <= 1_200, "{wait}");
    assert_eq!(world.server.api("/postbacks").await["postbacks"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn forwarding_headers_count_only_from_a_trusted_proxy() {
    let headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
    for (arguments, reason) in
        [(&[][..], "https_required"), (&["--trusted-proxies", "127.0.0.0/8"][..], "missing_click_id")]
    {
        let world = world(arguments);
        let url = format!("{}/postback/guarded", world.server.url);
        let reply = world.server.http.get_with(&url, &headers).await.unwrap();
        assert_eq!(json(&reply)["reason"], reason);
    }
}

#[tokio::test]
async fn tokens_open_what_their_role_may_see() {
    let world = world(&[]);
    let server = &world.server;
    let click = server.click("reelmedia-shop").await;
    server.get(&format!("/postback/shop?click_id={click}&txid=1&event=sale&amount=10&currency=EUR")).await;
    let token = |role: &'static str| async move {
        let url = format!("{}/api/v1/tokens", server.url);
        let body = format!(r#"{{"role": "{role}", "name": "test"}}"#);
        let bearer = format!("Bearer {ADMIN}");
        let reply =
            server.http.send(http::Method::POST, &url, &[("authorization", &bearer)], body).await.unwrap();
        json(&reply)["token"].as_str().unwrap().to_owned()
    };
    let (viewer, partner, foreign) =
        (token("viewer").await, token("partner:reelmedia").await, token("partner:other").await);
    let advertiser = token("advertiser:shop").await;
    let trace = format!("/trace/{click}");
    for (caller, path, status) in [
        (ADMIN, trace.as_str(), 200),
        (&viewer, trace.as_str(), 200),
        (&viewer, "/ledger/entries", 200),
        (&partner, trace.as_str(), 403),
        (&partner, "/ledger/entries", 403),
        (&partner, "/postbacks", 403),
        (&partner, "/deliveries", 200),
        (&advertiser, "/deliveries", 403),
        (&partner, "/program", 403),
        (&partner, "/partners/reelmedia/balance", 200),
        (&foreign, "/partners/reelmedia/balance", 404),
        (&advertiser, "/partners/reelmedia/balance", 404),
        (&advertiser, "/conversions", 403),
        ("nobody", "/conversions", 401),
        ("", "/conversions", 401),
    ] {
        let reply = server.api_as(caller, path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        if status != 200 {
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
        }
    }
    let of_partner = |token: String| async move {
        json(&server.api_as(&token, "/conversions").await)["conversions"].clone()
    };
    let (own, none) = (of_partner(partner).await, of_partner(foreign).await);
    assert_eq!((own.as_array().unwrap().len(), none.as_array().unwrap().len()), (1, 0));
    assert!(own[0].get("revenue").is_none(), "what the house earns is not the partner's to see");
}

#[tokio::test]
async fn lists_page_and_refuse_what_they_do_not_know() {
    let world = world(&[]);
    for number in 0..5 {
        world.server.get(&format!("/postback/shop?click_id=nonsense{number}")).await;
    }
    let first = world.server.api("/postbacks?limit=2").await;
    let cursor = first["next"].as_str().unwrap();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let second = world.server.api(&format!("/postbacks?limit=2&cursor={cursor}")).await;
    assert_ne!(first["postbacks"][1]["postback_id"], second["postbacks"][0]["postback_id"]);
    let last =
        world.server.api(&format!("/postbacks?limit=2&cursor={}", second["next"].as_str().unwrap())).await;
    assert_eq!((last["postbacks"].as_array().unwrap().len(), last["next"].clone()), (1, Value::Null));
    for query in
        ["limit=0", "limit=1001", "limit=x", "cursor=%00", "outcome=good", "colour=red", "from=yesterday"]
    {
        let reply = world.server.api_as(ADMIN, &format!("/postbacks?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.body);
    }
}

#[tokio::test]
async fn health_says_whether_the_store_commits() {
    let world = world(&[]);
    assert_eq!(world.server.get("/healthz").await.status, 200);
    world.server.click("reelmedia-de").await;
    let ready = world.server.get("/readyz").await;
    assert!(ready.status == 200 || ready.body.contains("earlier run"), "{}", ready.body);
    assert_eq!(world.server.get("/nothing").await.status, 404);
}

#[tokio::test]
async fn while_the_store_cannot_write_visitors_go_on_and_senders_are_told_to_come_again() {
    let world = world(&["--click-wait", "50ms"]);
    let sent = world.server.click("reelmedia-shop").await;
    let file = world.directory.path().join("data/proofback.db");
    let lock = rusqlite::Connection::open(file).unwrap();
    lock.execute_batch("begin immediate").unwrap();
    let spilled = world.server.click("reelmedia-shop").await;
    let path =
        |click: &str| format!("/postback/shop?click_id={click}&txid=1&event=sale&amount=10&currency=EUR");
    let refused = world.server.get(&path(&sent)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.body);
    assert!(world.server.get("/metrics").await.body.contains("proofback_clicks_spilled_total 1\n"));
    lock.execute_batch("rollback").unwrap();
    assert_eq!(json(&world.server.get(&path(&sent)).await)["reason"], "ok");
    // The spilled click is genuine from the start; its postback is decided now or when it has arrived.
    let reply = world.server.get(&path(&spilled).replace("txid=1", "txid=2")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let until_in = async {
        while world.server.api_as(ADMIN, &format!("/clicks/{spilled}")).await.status != 200 {}
        while world.server.approved("reelmedia").await != "2.00 EUR" {}
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), until_in)
        .await
        .expect("the spill is brought in");
}

#[tokio::test]
async fn a_slash_at_the_end_of_a_postback_address_loses_no_event() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-de").await;
    let query = |order: &str| format!("cid={click}&order={order}&goal=dep&st=1");
    for (path, reason, logged) in [
        (format!("/postback/casino/?token=t0ken&{}", query("A1")), "ok", "/postback/casino"),
        (format!("/postback/?token=t0ken&{}", query("A2")), "ok", "/postback"),
        (format!("/postback/casino/t0ken/?{}", query("A3")), "ok", "/postback/casino/***"),
        (format!("/postback/nobody/?{}", query("A4")), "unknown_advertiser", "/postback/nobody"),
    ] {
        let reply = json(&world.server.get(&path).await);
        assert_eq!(reply["reason"], reason, "{path}: {reply}");
        let id = reply["postback_id"].as_str().unwrap();
        assert_eq!(world.server.api(&format!("/postbacks/{id}")).await["path"], logged);
    }
    let body = format!(r#"[{{"cid": "{click}", "order": "A1", "goal": "dep", "st": "1"}}]"#);
    for path in ["/postback/casino/batch/?token=t0ken", "/postback/casino/t0ken/batch/"] {
        let reply = world.server.http.post_json(&format!("{}{path}", world.server.url), &body).await.unwrap();
        assert_eq!(json(&reply)[0]["reason"], "duplicate", "{path}");
    }
}

#[tokio::test]
async fn whoever_only_looks_at_a_pixel_reports_no_event() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-shop").await;
    let url = |path: &str| format!("{}{path}?click_id={click}&event=sale&txid=P1", world.server.url);
    for (method, path, allowed) in [
        (http::Method::HEAD, "/pixel/shop.gif", "GET"),
        (http::Method::PUT, "/pixel/shop.gif", "GET"),
        (http::Method::HEAD, "/postback/shop", "GET,POST"),
        (http::Method::PUT, "/postback/shop", "GET,POST"),
        (http::Method::OPTIONS, "/postback", "GET,POST"),
    ] {
        let reply = world.server.http.send(method, &url(path), &[], String::new()).await.unwrap();
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allowed)), "{path}");
    }
    assert!(world.server.api("/postbacks").await["postbacks"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn the_name_of_the_bearer_scheme_is_written_in_any_case() {
    let world = world(&[]);
    let url = format!("{}/api/v1/postbacks", world.server.url);
    for (header, status) in [
        (format!("bearer {ADMIN}"), 200),
        (format!("BEARER  {ADMIN}"), 200),
        (format!("Basic {ADMIN}"), 401),
        (ADMIN.to_owned(), 401),
    ] {
        let reply = world.server.http.get_with(&url, &[("authorization", &header)]).await.unwrap();
        assert_eq!(reply.status, status, "{header}");
    }
}

#[tokio::test]
async fn what_is_beyond_the_agreed_rate_is_never_answered_200() {
    let directory = tempfile::tempdir().unwrap();
    let head = "id = \"shop\"\n[advertiser.postback]\n";
    let program = support::PROGRAM.replace(head, &format!("{head}rate_limit = \"2/h\"\n"));
    let file = support::write(directory.path(), "slow.toml", &program);
    let server = Server::start_with(directory.path(), &file, &[]);
    let click = server.click("reelmedia-shop").await;
    let object = |txid: &str| {
        format!(
            r#"{{"click_id": "{click}", "event": "sale", "txid": "{txid}", "amount": 10, "currency": "EUR"}}"#
        )
    };
    let url = format!("{}/postback/shop/batch", server.url);
    let body = [object("1"), object("2"), object("3")].join(",");
    let batch = server.http.post_json(&url, &format!("[{body}]")).await.unwrap();
    assert_eq!((batch.status, batch.header("retry-after")), (429, Some("1800")), "{}", batch.body);
    let answers = json(&batch);
    let reasons: Vec<&str> = (0..3).map(|number| answers[number]["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["ok", "ok", "rate_limited"]);
    let alone = server.get(&format!("/postback/shop?click_id={click}&event=sale&txid=4")).await;
    assert_eq!((alone.status, alone.header("retry-after")), (429, Some("1800")));
    let alone = json(&alone);
    assert_eq!((&alone["outcome"], &alone["reason"]), (&"rejected".into(), &"rate_limited".into()));
    assert_eq!(server.every("postbacks").await.len(), 2);
}

#[tokio::test]
async fn an_event_is_found_by_the_e_mail_address_that_is_its_txid() {
    let world = world(&[]);
    let click = world.server.click("reelmedia-shop").await;
    let query = format!("click_id={click}&event=sale&amount=10&currency=EUR&txid=ann%40example.com");
    let sent = json(&world.server.get(&format!("/postback/shop?{query}")).await);
    for list in ["postbacks", "conversions"] {
        let found = world.server.api(&format!("/{list}?txid=%20Ann%40example.com")).await;
        assert_eq!(found[list][0]["conversion_id"], sent["conversion_id"], "{list}: {found}");
    }
}
