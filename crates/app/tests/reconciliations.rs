//! A network's file held against our conversions, and what follows from it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use http::Method;
use proofback_sheets::{ReadOptions, Sheet, read};
use proofback_testkit::Reply;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{ADMIN, Server, run, stderr, stdout, write};

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

/// All that happens in these tests lies in it.
const PERIOD: &str = "from=2020-01-01&to=2099-12-31";

/// A conversion for each group that a file can fall into, and the file.
async fn world() -> (World, String) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let world = World { server, directory };
    let mut clicks = Vec::new();
    for txid in ["M1", "AM", "ST", "CU", "MT"] {
        let click = world.server.click("reelmedia-de").await;
        world.postback(&format!("cid={click}&order={txid}&goal=dep&sum=100&st=1")).await;
        clicks.push(click);
    }
    let click = world.server.click("reelmedia-de").await;
    let refused = world.postback(&format!("cid={click}&order=MH&goal=dep&sum=70&st=odd")).await;
    assert_eq!(refused["reason"], "unknown_status");
    let macro_left = world.postback("cid={{cid}}&order=UM&goal=dep&sum=71").await;
    assert_eq!(macro_left["reason"], "unexpanded_macro");
    let file = format!(
        "cid,order,goal,st,sum,currency,remark\n\
         ,M1,dep,1,100,EUR,fits\n,AM,dep,1,120,EUR,\n,ST,dep,2,100,EUR,\n,CU,dep,1,100,USD,\n\
         ,M1,dep,1,100,EUR,again\n{click},MH,dep,1,70,EUR,\n,UM,dep,1,71,EUR,\n,=1+1,dep,1,72,EUR,\n"
    );
    (world, file)
}

impl World {
    async fn postback(&self, query: &str) -> Value {
        self.server.get(&format!("/postback/casino?token=t0ken&{query}")).await.json().unwrap()
    }

    async fn post(&self, path: &str, file: &str) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server.http.send(Method::POST, &url, &[("authorization", &bearer)], file.into()).await.unwrap()
    }

    async fn reconcile(&self, more: &str, file: &str) -> Reply {
        let reply = self.post(&format!("/reconciliations?advertiser=casino&{PERIOD}{more}"), file).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply
    }

    async fn groups(&self, file: &str) -> BTreeMap<String, Vec<String>> {
        let answer = self.reconcile("", file).await.json().unwrap();
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in answer["lines"].as_array().unwrap() {
            let txid = line["theirs"]["txid"].as_str().or_else(|| line["ours"]["txid"].as_str());
            let group = line["group"].as_str().unwrap().to_owned();
            groups.entry(group).or_default().push(txid.unwrap_or_default().to_owned());
        }
        groups
    }
}

fn groups(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    list.iter()
        .map(|(group, txids)| ((*group).into(), txids.iter().map(|txid| (*txid).to_owned()).collect()))
        .collect()
}

fn table(text: &str) -> Sheet {
    read(text.as_bytes(), &ReadOptions::default()).unwrap()
}

fn column(sheet: &Sheet, name: &str) -> Vec<String> {
    let place = sheet.header.iter().position(|known| known == name).unwrap();
    sheet.lines.iter().map(|line| line.cells[place].clone()).collect()
}

#[tokio::test]
async fn every_line_and_conversion_stands_in_its_group() {
    let (world, file) = world().await;
    let found = world.groups(&file).await;
    let expected = [
        ("matched", ["M1"].as_slice()),
        ("different_amount", &["AM"]),
        ("different_status", &["ST"]),
        ("different_currency", &["CU"]),
        ("repeated", &["M1"]),
        ("missing_here", &["MH", "UM", "=1+1"]),
        ("missing_there", &["MT"]),
    ];
    assert_eq!(found, groups(&expected));
}

#[tokio::test]
async fn a_missing_line_is_explained_by_what_was_refused() {
    let (world, file) = world().await;
    let answer = world.reconcile("&groups=missing_here", &file).await.json().unwrap();
    let lines = answer["lines"].as_array().unwrap();
    let reasons: Vec<&Value> = lines.iter().map(|line| &line["seen"]["reason"]).collect();
    assert_eq!(reasons, [&json!("unknown_status"), &json!("unexpanded_macro"), &Value::Null]);
    assert_eq!(lines[0]["action"]["kind"], "postback");
    assert_eq!(lines[0]["action"]["fields"]["amount"], "70");
    assert_eq!(
        (&lines[1]["action"]["kind"], &lines[1]["action"]["whom"]),
        (&json!("ask"), &json!("network"))
    );
    assert_eq!(answer["ignored"], json!(["remark"]));
}

#[tokio::test]
async fn a_line_of_a_click_is_explained_by_what_was_refused_for_that_click() {
    let (world, _) = world().await;
    let click = world.server.click("reelmedia-de").await;
    world.postback(&format!("cid={click}&goal=wrong&sum=70")).await;
    world.postback(&format!("cid={click}&goal=dep&order=OTHER&sum=bad")).await;
    let file = format!("cid,order,goal,sum\n{click},NEW,dep,70\n");
    let answer = world.reconcile("&groups=missing_here", &file).await.json().unwrap();
    assert_eq!(answer["lines"][0]["seen"]["reason"], "unknown_event", "the other txid is another event");
}

#[tokio::test]
async fn the_totals_are_the_sums_of_both_sides() {
    let (world, file) = world().await;
    let answer = world.reconcile("&format=totals", &file).await.json().unwrap();
    assert_eq!(answer.get("lines"), None);
    let theirs = json!([
        { "currency": "EUR", "lines": 7, "amount": "633.00", "revenue": "0.00" },
        { "currency": "USD", "lines": 1, "amount": "100.00", "revenue": "0.00" },
    ]);
    assert_eq!(answer["sums"]["theirs"], theirs);
    let ours = json!([{ "currency": "EUR", "lines": 5, "amount": "500.00", "revenue": "750.00" }]);
    assert_eq!(answer["sums"]["ours"], ours);
    let cents = |text: &Value| text.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let totals = answer["totals"].as_array().unwrap();
    let of = |currency: &str, name: &str| {
        let rows = totals.iter().filter(|total| total["currency"] == currency);
        rows.map(|total| cents(&total[name])).sum::<i64>()
    };
    assert_eq!((of("EUR", "amount_theirs"), of("EUR", "amount_ours")), (63_300, 50_000));
}

#[tokio::test]
async fn what_is_proposed_is_imported_as_it_is_and_then_all_fits() {
    let (world, file) = world().await;
    let cautious = table(&world.reconcile("&format=actions", &file).await.body);
    assert_eq!(column(&cautious, "do_txid"), ["AM", "ST", "MH"], "nothing is taken back unasked");
    let more = "&format=actions&groups=different_amount,different_status,missing_here,missing_there";
    let actions = world.reconcile(more, &file).await.body;
    let imported = world.post("/imports?advertiser=casino", &actions).await.json().unwrap();
    assert_eq!(imported["outcomes"], json!({ "accepted": 1, "updated": 3 }), "{imported}");
    let expected = [
        ("matched", ["M1", "AM", "ST", "MH"].as_slice()),
        ("different_currency", &["CU"]),
        ("repeated", &["M1"]),
        ("missing_here", &["UM", "=1+1"]),
    ];
    assert_eq!(world.groups(&file).await, groups(&expected));
    let again = world.post("/imports?advertiser=casino", &actions).await.json().unwrap();
    assert_eq!(again["outcomes"], json!({ "duplicate": 4 }));
}

#[tokio::test]
async fn what_they_say_now_outweighs_what_they_said_before() {
    let (world, _) = world().await;
    world.postback("order=M1&goal=dep&sum=130").await;
    let file = "order,goal,st,sum\nM1,dep,1,100\nAM,dep,1,100\nST,dep,1,100\nCU,dep,1,100\nMT,dep,1,100\n";
    let actions = world.reconcile("&format=actions", file).await.body;
    let imported = world.post("/imports?advertiser=casino", &actions).await.json().unwrap();
    assert_eq!(imported["results"][0]["reason"], "amount_changed", "{imported}");
    let all = ["M1", "AM", "ST", "CU", "MT"];
    assert_eq!(world.groups(file).await, groups(&[("matched", &all)]));
}

#[tokio::test]
async fn a_formula_in_a_txid_is_inert_in_every_file_and_comes_back_as_it_was() {
    let (world, _) = world().await;
    let click = world.server.click("reelmedia-de").await;
    let txid = "=HYPERLINK(\"http://x\",\"y\")";
    let quoted = txid.replace('"', "\"\"");
    let file = format!("cid,order,goal,st,sum\n{click},\"{quoted}\",dep,1,50\n");
    let report = world.reconcile("&format=csv&groups=missing_here", &file).await.body;
    assert!(report.contains("'=HYPERLINK") && !report.contains(",\"=") && !report.contains(",="), "{report}");
    let actions = world.reconcile("&format=actions", &file).await.body;
    assert!(actions.contains("\"'=HYPERLINK"), "{actions}");
    world.post("/imports?advertiser=casino", &actions).await;
    let conversions = world.server.every("conversions").await;
    assert_eq!(conversions[0]["txid"], txid);
    assert_eq!(world.groups(&file).await["matched"], [txid]);
}

#[tokio::test]
async fn nothing_is_changed_and_staff_alone_may_look() {
    let (world, file) = world().await;
    let before = (world.server.every("postbacks").await, world.server.every("conversions").await);
    for format in ["json", "csv", "xlsx", "actions", "totals"] {
        world.reconcile(&format!("&format={format}"), &file).await;
    }
    assert_eq!((world.server.every("postbacks").await, world.server.every("conversions").await), before);
    for (role, status) in [("viewer", 200), ("advertiser:casino", 403)] {
        let output = run(&["token", "create", "--role", role, "--name", "n", "--server", &world.server.url]);
        let bearer = format!("Bearer {}", stdout(&output).lines().last().unwrap());
        let url = format!("{}/api/v1/reconciliations?advertiser=casino&{PERIOD}", world.server.url);
        let headers = [("authorization", bearer.as_str())];
        let reply = world.server.http.send(Method::POST, &url, &headers, file.clone()).await.unwrap();
        assert_eq!(reply.status, status, "{role}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_line() {
    let (world, _) = world().await;
    let path = format!("/reconciliations?advertiser=casino&{PERIOD}");
    let file = "order,st,sum,timestamp\nA,1,10,2026-11-20\nB,odd,1.0.0,\nC,1,12 EUR,soon\n";
    let refused = world.post(&path, file).await;
    assert_eq!(refused.status, 422);
    let problem = refused.json().unwrap();
    let mistakes: Vec<String> = problem["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["line"], one["message"].as_str().unwrap()))
        .collect();
    let expected = [
        "3 column \"st\": \"odd\" is no status that was agreed",
        "3 column \"sum\": \"1.0.0\" is no amount: it has too many digits or points",
        "4 column \"sum\": \"12 EUR\" is no amount: it has a currency code",
        "4 column \"timestamp\": \"soon\" is no time",
    ];
    assert_eq!(mistakes, expected);
    for query in ["", "&from=2026-11-02&to=2026-11-01", "&from=2026-11-02"] {
        let reply = world.post(&format!("/reconciliations?advertiser=casino{query}"), file).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test]
async fn only_conversions_of_the_period_are_missed_and_others_are_found_all_the_same() {
    let (world, _) = world().await;
    let path = "/reconciliations?advertiser=casino&from=2020-01-01&to=2020-01-31";
    let answer = world.post(path, "order,goal\nM1,dep\n").await.json().unwrap();
    let lines = answer["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{answer}");
    assert_eq!((&lines[0]["group"], &lines[0]["ours"]["in_period"]), (&json!("matched"), &json!(false)));
}

#[tokio::test]
async fn the_command_prints_the_totals_and_writes_both_files() {
    let (world, file) = world().await;
    let path = |name: &str| world.directory.path().join(name).to_str().unwrap().to_owned();
    write(world.directory.path(), "november.csv", &file);
    let (input, book, actions) = (path("november.csv"), path("out.xlsx"), path("actions.csv"));
    let output = run(&[
        "reconcile",
        &input,
        "--advertiser",
        "casino",
        "--from",
        "2020-01-01",
        "--to",
        "2099-12-31",
        "--out",
        &book,
        "--actions",
        &actions,
        "--groups",
        "different_status,missing_here",
        "--server",
        &world.server.url,
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = stdout(&output);
    assert!(printed.contains("missing_here: 3 of theirs, 0 of ours"), "{printed}");
    assert!(printed.contains("columns that were not read: remark"), "{printed}");
    let actions = table(&std::fs::read_to_string(actions).unwrap());
    assert_eq!(column(&actions, "do_txid"), ["ST", "MH"]);
    let bytes = std::fs::read(&book).unwrap();
    let lines = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(column(&lines, "txid"), ["ST", "MH", "UM", "=1+1"]);
    assert_eq!(column(&lines, "known_reason"), ["", "unknown_status", "unexpanded_macro", ""]);
    let imported = run(&["import", &book, "--advertiser", "casino", "--server", &world.server.url]);
    assert!(imported.status.success(), "{}{}", stdout(&imported), stderr(&imported));
    assert!(stdout(&imported).contains("2 lines: 1 accepted, 1 updated; 2 lines say nothing"));
    let refused = write(world.directory.path(), "bad.csv", "order,st\nA,odd\n");
    let bad = refused.to_str().unwrap();
    let output = run(&[
        "reconcile",
        bad,
        "--advertiser",
        "casino",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-02",
        "--server",
        &world.server.url,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("line 2: column \"st\": \"odd\" is no status"));
}

#[test]
fn what_was_refused_is_found_by_an_index() {
    let connection = Connection::open_in_memory().unwrap();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
    let mut files: Vec<_> = std::fs::read_dir(migrations).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        connection.execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
    }
    let plan = "explain query plan select id, at, reason, message, likely from postback \
        where advertiser = ?1 and named_txid = ?2 and outcome = 'rejected' order by id desc limit 1";
    let detail: String = connection.query_row(plan, ["a", "t"], |row| row.get(3)).unwrap();
    assert!(detail.contains("postback_refused (advertiser=? AND named_txid=?)"), "{detail}");
}
