//! Reports that are kept: who may change them, how they run by themselves, and the address that spreadsheets read.

use std::path::Path;
use std::time::Duration;

use http::Method;
use proofback_testkit::Reply;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::support::{ADMIN, Server};
use super::{World, problem, world};

impl World {
    async fn call(&self, method: Method, token: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v1{path}", self.server.url);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.http.send(method, &url, &[("authorization", &bearer)], body).await.unwrap()
    }

    /// What must succeed, with a body.
    pub(super) async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let reply = self.call(method, ADMIN, path, body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json().unwrap()
    }

    /// Ends the server without a warning, lets somebody at its store, and starts it again.
    fn restarted(self, change: impl FnOnce(&Connection)) -> Self {
        let Self { server, directory } = self;
        server.kill();
        change(&Connection::open(directory.path().join("data/proofback.db")).unwrap());
        let program = directory.path().join("program.toml");
        Self { server: Server::start_with(directory.path(), &program, &[]), directory }
    }

    /// The saved report once its last run satisfies.
    async fn run_of(&self, id: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let report = self.server.api(&format!("/reports/saved/{id}")).await;
                if is_it(&report) {
                    return report;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), found).await.unwrap()
    }
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory.join("data/reports")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_saved_report_is_checked_kept_run_and_audited() {
    let world = world().await;
    let whole = json!({
        "id": "partners",
        "name": "Partners, every morning",
        "query": "by=partner&metrics=clicks,profit&sort=partner",
        "schedule": { "every": "day", "at": "07:00", "tz": "America/New_York" },
        "to": "file",
        "format": "xlsx",
    });
    let with = |name: &str, value: Value| {
        let mut changed = whole.clone();
        changed[name] = value;
        changed
    };
    for (body, parameter) in [
        (with("id", json!("No Good")), "id"),
        (with("name", json!("x".repeat(201))), "name"),
        (with("query", json!("by=partnr")), "by"),
        (with("query", json!("metrics=clicks&filter=(")), "filter"),
        (with("schedule", json!({ "every": "year" })), "schedule"),
        (with("schedule", Value::Null), "to"),
        (with("to", json!("mail")), "to"),
        (with("to", Value::Null), "to"),
        (with("format", json!("series")), "format"),
    ] {
        let reply = world.call(Method::POST, ADMIN, "/reports/saved", body.clone()).await;
        let (status, named, _) = problem(&reply);
        assert_eq!((status, named.as_str()), (400, parameter), "{body}: {}", reply.body);
    }
    let odd = world.call(Method::POST, ADMIN, "/reports/saved", with("owner", json!("x"))).await;
    assert_eq!(odd.status, 400, "{}", odd.body);

    let (viewer, partner) = (world.token("viewer"), world.token("partner:reel"));
    assert_eq!(world.call(Method::POST, &viewer, "/reports/saved", whole.clone()).await.status, 403);
    let saved = world.done(Method::POST, "/reports/saved", whole.clone()).await;
    assert_eq!(
        (&saved["owner"], &saved["feed"], &saved["last_run_at"]),
        (&json!("admin"), &json!(false), &Value::Null)
    );
    for name in ["id", "name", "query", "schedule", "to", "format"] {
        assert_eq!(saved[name], whole[name], "{name}");
    }
    assert!(saved["next_run_at"].as_str().unwrap().ends_with(":00:00.000Z"), "{saved}");
    assert_eq!(world.call(Method::POST, ADMIN, "/reports/saved", whole.clone()).await.status, 409);

    let list = world.call(Method::GET, &viewer, "/reports/saved", Value::Null).await.json().unwrap();
    assert_eq!(list["reports"], json!([saved]));
    assert_eq!(world.call(Method::GET, &partner, "/reports/saved", Value::Null).await.status, 403);
    assert_eq!(
        world.call(Method::GET, &partner, "/reports/saved/partners/run", Value::Null).await.status,
        403
    );
    let run = world
        .call(Method::GET, &viewer, "/reports/saved/partners/run?format=csv&totals=1", Value::Null)
        .await;
    assert_eq!(run.body, "partner,clicks,profit\r\npop,1,9.75\r\nreel,3,-20.00\r\ntotal,4,-10.25\r\n");
    let book = world.call(Method::GET, &viewer, "/reports/saved/partners/run", Value::Null).await;
    assert!(
        book.header("content-disposition").unwrap().starts_with("attachment; filename=\"partners-20"),
        "{:?}",
        book.headers
    );
    let then = world.server.api("/reports/saved/partners/run?format=json&at=2026-01-31T12:00:00Z").await;
    assert_eq!((&then["to"], &then["totals"]["clicks"]), (&json!("2026-01-31"), &json!(0)));

    let changed = json!({ "query": "metrics=clicks", "format": "json" });
    let changed = world.done(Method::PUT, "/reports/saved/partners", changed).await;
    assert_eq!(
        (&changed["schedule"], &changed["next_run_at"], &changed["owner"]),
        (&Value::Null, &Value::Null, &json!("admin"))
    );
    assert_eq!(world.call(Method::DELETE, &viewer, "/reports/saved/partners", Value::Null).await.status, 403);
    assert_eq!(world.call(Method::DELETE, ADMIN, "/reports/saved/partners", Value::Null).await.status, 204);
    for (method, path) in [
        (Method::GET, "/reports/saved/partners"),
        (Method::GET, "/reports/saved/partners/run"),
        (Method::DELETE, "/reports/saved/partners"),
        (Method::POST, "/reports/saved/partners/feed"),
        (Method::GET, "/reports/saved/../x"),
    ] {
        assert_eq!(world.call(method, ADMIN, path, Value::Null).await.status, 404, "{path}");
    }
    let audit = world.server.api("/audit").await;
    let deeds: Vec<&str> =
        audit["audit"].as_array().unwrap().iter().map(|deed| deed["action"].as_str().unwrap()).collect();
    assert_eq!(deeds[..3], ["report.remove", "report.change", "report.save"], "{audit}");
}

#[tokio::test]
async fn a_spreadsheet_reads_a_feed_until_it_is_ended() {
    let world = world().await;
    world
        .done(
            Method::POST,
            "/reports/saved",
            json!({ "id": "subs", "query": "by=sub1&metrics=clicks&totals=1" }),
        )
        .await;
    let open = async || {
        let url = world.done(Method::POST, "/reports/saved/subs/feed", Value::Null).await["url"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = url.strip_prefix("http://track.example").unwrap().to_owned();
        let secret = path.strip_prefix("/feeds/").unwrap().strip_suffix(".csv").unwrap();
        assert!(43 <= secret.len() && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{url}");
        path
    };
    let first = open().await;
    let reply = world.server.get(&first).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("private, max-age=60")));
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(
        reply.body.starts_with("sub1,clicks\r\n") && reply.body.ends_with("total,4\r\n"),
        "{}",
        reply.body
    );
    assert!(reply.body.contains("\"'=HYPERLINK("), "{}", reply.body);
    assert_eq!(world.server.api("/reports/saved/subs").await["feed"], true);
    // Another one takes its place.
    let second = open().await;
    assert_eq!((world.server.get(&first).await.status, world.server.get(&second).await.status), (404, 200));
    for wrong in [
        "/feeds/.csv",
        "/feeds/x.csv",
        "/feeds/%00.csv",
        second.trim_end_matches(".csv"),
        &second.replace(".csv", ".json"),
    ] {
        assert_eq!(problem(&world.server.get(wrong).await).0, 404, "{wrong}");
    }
    let viewer = world.token("viewer");
    assert_eq!(world.call(Method::POST, &viewer, "/reports/saved/subs/feed", Value::Null).await.status, 403);
    assert_eq!(world.call(Method::DELETE, ADMIN, "/reports/saved/subs/feed", Value::Null).await.status, 204);
    assert_eq!(world.server.get(&second).await.status, 404);
    assert_eq!(world.call(Method::DELETE, ADMIN, "/reports/saved/subs/feed", Value::Null).await.status, 404);
    let World { server, directory } = world;
    server.kill();
    hold_no(&[&first, &second], directory.path());
}

#[tokio::test]
async fn the_log_never_tells_the_address_of_a_feed() {
    let directory = tempfile::tempdir().unwrap();
    let world = World { server: Server::start_telling_all(directory.path()), directory };
    world
        .done(Method::POST, "/reports/saved", json!({ "id": "subs", "query": "by=sub1&metrics=clicks" }))
        .await;
    let feed = world.done(Method::POST, "/reports/saved/subs/feed", Value::Null).await;
    let path = feed["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    assert_eq!(world.server.get(&path).await.status, 200);
    let World { server, directory } = world;
    server.kill();
    assert!(std::fs::read_to_string(directory.path().join("errors.txt")).unwrap().contains("TRACE"));
    hold_no(&[&path], directory.path());
}

/// Neither the store nor the log has ever known the secrets in clear.
fn hold_no(addresses: &[&str], directory: &Path) {
    for file in ["errors.txt", "data/proofback.db", "data/proofback.db-wal"] {
        let bytes = std::fs::read(directory.join(file)).unwrap_or_default();
        for address in addresses {
            let secret = address.trim_start_matches("/feeds/").trim_end_matches(".csv").as_bytes();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{file}");
        }
    }
}

#[tokio::test]
async fn a_schedule_runs_once_whenever_the_server_dies() {
    let world = world().await;
    let daily = json!({ "every": "day", "at": "07:00" });
    let file = json!({ "id": "daily", "query": "by=partner&metrics=clicks&period=all&sort=partner", "schedule": daily, "to": "file", "format": "csv" });
    world.done(Method::POST, "/reports/saved", file).await;
    let hook = json!({ "id": "told", "query": "by=partner&metrics=clicks,revenue&from=2026-01-01&to=now", "schedule": daily, "to": "webhook" });
    world.done(Method::POST, "/reports/saved", hook).await;
    let broken = json!({ "id": "broken", "query": "by=day&period=all&metrics=clicks", "schedule": daily, "to": "file" });
    world.done(Method::POST, "/reports/saved", broken).await;

    // Due while nothing ran: at seven of today, or of yesterday, in Berlin.
    let next = world.server.api("/reports/saved/daily").await["next_run_at"].clone();
    let due = "update saved_report set next_run_at = next_run_at - 86400000";
    let world = world.restarted(|store| {
        store.execute(due, []).unwrap();
        store.execute("update saved_report set query = 'by=nonsense' where id = 'broken'", []).unwrap();
    });
    let ran = world.run_of("daily", |report| !report["last_run_at"].is_null()).await;
    assert_eq!((&ran["next_run_at"], &ran["last_error"]), (&next, &Value::Null));
    let told = world.run_of("told", |report| !report["last_run_at"].is_null()).await;
    let failed = world.run_of("broken", |report| !report["last_run_at"].is_null()).await;
    assert!(failed["last_error"].as_str().unwrap().starts_with("by: "), "{failed}");
    assert_eq!(failed["next_run_at"], next);
    let audit = world.server.api("/audit?limit=1000").await.to_string();
    assert_eq!(audit.matches("\"report.failed\"").count(), 1, "{audit}");
    let names = files(world.directory.path());
    assert!(
        matches!(&names[..], [name] if name.starts_with("daily-20") && name.ends_with("T0700.csv")),
        "{names:?}"
    );
    let text = std::fs::read_to_string(world.directory.path().join("data/reports").join(&names[0])).unwrap();
    assert!(text.starts_with("partner,clicks\r\n"), "{text}");
    let deliveries = world.server.api("/deliveries?event=report.ready").await;
    assert_eq!(deliveries["deliveries"].as_array().unwrap().len(), 1, "{deliveries}");

    // Once is once, whether it starts again after a run or was killed within one.
    let written = world.directory.path().join("data/reports").join(&names[0]);
    let world = world.restarted(|store| {
        let again = "update saved_report set running_for = next_run_at - 86400000, last_run_at = null \
            where id in ('daily', 'told')";
        store.execute(again, []).unwrap();
        std::fs::remove_file(written).unwrap();
    });
    let again = world.run_of("told", |report| !report["last_run_at"].is_null()).await;
    world.run_of("daily", |report| !report["last_run_at"].is_null()).await;
    assert_eq!((&again["next_run_at"], &again["last_error"]), (&told["next_run_at"], &Value::Null));
    assert_eq!(world.run_of("broken", |_| true).await["last_run_at"], failed["last_run_at"]);
    let deliveries = world.server.api("/deliveries?event=report.ready").await;
    assert_eq!(deliveries["deliveries"].as_array().unwrap().len(), 1, "{deliveries}");
    assert_eq!(files(world.directory.path()), names);

    // What an earlier process left is run before what is due: once that was run, nothing else will be.
    let world = world.restarted(|store| {
        store
            .execute(&format!("{due}, running_for = null, last_run_at = null where id = 'broken'"), [])
            .unwrap();
    });
    world.run_of("broken", |report| !report["last_run_at"].is_null()).await;
    assert_eq!(world.run_of("told", |_| true).await, again);
}

#[tokio::test]
async fn the_metrics_say_how_many_facts_there_are_and_what_today_came_to() {
    let world = world().await;
    let text = world.server.get("/metrics").await.body;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("proofback_{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}")).rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(value("facts_sealed_rows"), "0");
    assert!(7 <= value("facts_hot_rows").parse::<u32>().unwrap(), "{text}");
    assert_eq!(value("today_clicks").parse::<f64>().unwrap(), 4.0);
    for (name, wanted) in [
        ("today_conversions{status=\"approved\"}", 2.0),
        ("today_conversions{status=\"pending\"}", 1.0),
        ("today_revenue{currency=\"EUR\"}", 30.0),
        ("today_payout{currency=\"EUR\"}", 40.0),
        ("today_cost{currency=\"EUR\"}", 0.25),
    ] {
        assert_eq!(value(name).parse::<f64>().unwrap(), wanted, "{name}");
    }
    // Computed once a minute at most: what comes now is not in it yet.
    world.click("reel-box?sub1=late").await;
    let again = world.server.get("/metrics").await.body;
    let clicks = |text: &str| {
        text.lines().find(|line| line.starts_with("proofback_today_clicks ")).unwrap().to_owned()
    };
    assert_eq!(clicks(&again), clicks(&text));
}
