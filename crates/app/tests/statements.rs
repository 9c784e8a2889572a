//! Money from a click to a paid invoice: statements, payouts, invoices and rates, over HTTP and by the commands.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use http::Method;
use proofback_domain::calendar::{Day, Zone};
use proofback_domain::time::Timestamp;
use proofback_sheets::{ReadOptions, Sheet, read};
use proofback_testkit::Reply;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{ADMIN, Server, run, stderr, stdout, write};

const PROGRAM: &str = include_str!("support/finance.toml");

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "program.toml", PROGRAM);
    World { server: Server::start_with(directory.path(), &program, &[]), directory }
}

impl World {
    async fn post(&self, path: &str, key: Option<&str>, body: Value) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server.http.send(Method::POST, &url, &headers, body.to_string()).await.unwrap()
    }

    /// What must succeed.
    async fn done(&self, path: &str, body: Value) -> Value {
        let reply = self.post(path, None, body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json().unwrap()
    }

    /// The status and the code of what is refused.
    async fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let reply = self.post(path, None, body).await;
        (reply.status, reply.json().unwrap()["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn send(&self, query: &str) -> Value {
        let reply = self.server.get(&format!("/postback/shop?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        reply.json().unwrap()
    }

    /// A sale over a click of its own: the click's id.
    async fn sale(&self, link: &str, txid: &str, amount: &str) -> String {
        let click = self.server.click(link).await;
        self.send(&format!("click_id={click}&event=sale&txid={txid}&amount={amount}")).await;
        click
    }

    async fn statement(&self, address: &str) -> Value {
        let all = self.server.api(&format!("/{address}/statement")).await;
        let found = all["statements"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{all}");
        assert_eq!(found[0]["proof"]["holds"], true, "{all}");
        found[0].clone()
    }

    fn token(&self, role: &str) -> String {
        let output = run(&["token", "create", "--role", role, "--name", role, "--server", &self.server.url]);
        stdout(&output).lines().last().unwrap().to_owned()
    }

    /// A command that speaks to the server: its status, what it said and what it complained about.
    fn command(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = run(&[arguments, &["--server", &self.server.url]].concat());
        (output.status.code(), stdout(&output), stderr(&output))
    }

    fn download(&self, arguments: &[&str]) -> Vec<u8> {
        let file = self.directory.path().join("download");
        let named = ["--out", file.to_str().unwrap(), "--server", &self.server.url];
        let output = run(&[arguments, &named].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        std::fs::read(file).unwrap()
    }

    fn database(&self) -> Connection {
        Connection::open(self.directory.path().join("data/proofback.db")).unwrap()
    }
}

fn movements(statement: &Value) -> Vec<(String, String)> {
    let moved = statement["movements"].as_object().unwrap().iter();
    let moved = moved.map(|(kind, amount)| (kind.clone(), amount.as_str().unwrap().to_owned()));
    moved.filter(|(_, amount)| amount != "0.00").collect()
}

fn pairs(moved: &[(&str, &str)]) -> Vec<(String, String)> {
    moved.iter().map(|(kind, amount)| ((*kind).to_owned(), (*amount).to_owned())).collect()
}

/// One table of a file that has several: they stand apart by an empty line and a title.
fn tables(csv: &[u8]) -> Vec<Sheet> {
    let text = String::from_utf8(csv.to_vec()).unwrap();
    let parts = text.split("\r\n\r\n").enumerate();
    let untitled =
        parts.map(|(number, part)| if number == 0 { part } else { part.split_once("\r\n").unwrap().1 });
    untitled.map(|part| read(part.as_bytes(), &ReadOptions::default()).unwrap()).collect()
}

fn sheet(xlsx: &[u8], name: &str) -> Sheet {
    read(xlsx, &ReadOptions { sheet: Some(name.into()), ..ReadOptions::default() }).unwrap()
}

fn cell<'a>(sheet: &'a Sheet, line: usize, name: &str) -> &'a str {
    let place = sheet.header.iter().position(|column| column == name);
    &sheet.lines[line].cells[place.unwrap_or_else(|| panic!("{name}: {:?}", sheet.header))]
}

#[tokio::test]
async fn what_was_paid_and_then_taken_back_is_carried_until_it_is_made_up_for() {
    let world = world();
    let first = world.sale("reel-box", "S1", "1000").await;
    let conversion = world.server.api("/conversions?txid=S1").await["conversions"][0].clone();
    world.send(&format!("click_id={first}&event=refund&txid=R1&original_txid=S1&amount=400")).await;
    let id = conversion["conversion_id"].as_str().unwrap();
    world
        .done(&format!("/conversions/{id}/adjust"), json!({ "payout": "75 EUR", "reason": "secret word" }))
        .await;
    let statement = world.statement("partners/reel").await;
    assert_eq!(
        movements(&statement),
        pairs(&[("commission", "100.00"), ("adjustment", "15.00"), ("refund", "-40.00")])
    );
    assert_eq!((&statement["opening"], &statement["closing"]), (&json!("0.00"), &json!("75.00")));
    assert_eq!((&statement["entries"], &statement["paid"]), (&json!(3), &json!("0.00")));
    let proof = json!({ "opening": "0.00", "movements": "75.00", "closing": "75.00", "holds": true });
    assert_eq!(statement["proof"], proof);

    let asked = json!({ "partner": "reel", "currency": "EUR" });
    let paid = world.done("/payouts", asked.clone()).await;
    assert_eq!((&paid["state"], &paid["amount"]), (&json!("paid"), &json!("75.00")));
    assert_eq!(world.refused("/payouts", asked.clone()).await, (409, "nothing_open".into()));
    world.send(&format!("click_id={first}&event=chargeback&txid=C1&original_txid=S1")).await;
    let statement = world.statement("partners/reel").await;
    assert_eq!((&statement["closing"], &statement["paid"]), (&json!("-75.00"), &json!("75.00")));
    assert_eq!(statement["movements"]["chargeback"], "-75.00");
    assert_eq!(world.refused("/payouts", asked.clone()).await, (409, "negative_balance".into()));

    world.sale("reel-box", "S2", "700").await;
    let reason = world.post("/payouts", None, asked.clone()).await.json().unwrap();
    assert_eq!(reason["code"], "negative_balance", "70 do not make up for 75: {reason}");
    world.sale("reel-box", "S3", "600").await;
    let carried = world.done("/payouts", asked).await;
    assert_eq!((&carried["amount"], &carried["conversions"]), (&json!("55.00"), &json!(3)));
    let statement = world.statement("partners/reel").await;
    assert_eq!((&statement["closing"], &statement["paid"]), (&json!("0.00"), &json!("130.00")));
    let lines = statement["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &statement["next"]), (10, &Value::Null));
    assert_eq!(lines[9]["settlement_id"], carried["id"]);
    assert_eq!((&lines[1]["kind"], &lines[1]["txid"]), (&json!("refund"), &json!("S1")));
    assert!(lines[2]["reason"].as_str().unwrap().contains("secret word"), "staff may know: {}", lines[2]);

    let (code, told, _) = world.command(&["statement", "--partner", "reel"]);
    assert_eq!(code, Some(0));
    assert!(told.ends_with("  proof: 0.00 + (0.00) = 0.00 EUR, over 10 entries\n"), "{told}");
    assert!(told.contains("  chargeback                 -75.00 EUR\n"), "{told}");
}

#[tokio::test]
async fn a_draft_is_fixed_and_every_step_can_be_taken_back() {
    let world = world();
    world.sale("reel-box", "S1", "1000").await;
    let draft = world.done("/payouts", json!({ "partner": "reel", "currency": "EUR", "draft": true })).await;
    let id = draft["id"].as_str().unwrap().to_owned();
    assert_eq!((&draft["state"], &draft["amount"]), (&json!("draft"), &json!("100.00")));
    assert_eq!(world.statement("partners/reel").await["closing"], "100.00", "a draft books nothing");
    world.sale("reel-box", "S2", "600").await;
    let (code, told, _) = world.command(&["payout", "preview", "--partner", "reel"]);
    assert!(code == Some(0) && told.contains("60.00 EUR  1 conversions"), "{told}");
    let (code, told, _) = world.command(&["payout", "paid", &id]);
    assert!(code == Some(0) && told.contains("  paid ") && told.contains("100.00 EUR"), "{told}");
    assert_eq!(world.statement("partners/reel").await["closing"], "60.00");
    let (code, _, why) = world.command(&["payout", "paid", &id]);
    assert!(code == Some(1) && why.contains("the payout is paid: it cannot be paid"), "{why}");
    let (code, _, _) = world.command(&["payout", "cancel", &id]);
    assert_eq!(code, Some(2), "a reason is needed");
    let (code, told, _) = world.command(&["payout", "cancel", &id, "--reason", "the bank sent it back"]);
    assert!(code == Some(0) && told.contains("  cancelled "), "{told}");
    let statement = world.statement("partners/reel").await;
    assert_eq!((&statement["closing"], &statement["paid"]), (&json!("160.00"), &json!("0.00")));
    let page = String::from_utf8(world.download(&["payout", "show", &id, "--format", "html"])).unwrap();
    assert!(page.contains("all that it booked is booked back"), "{page}");
    let (_, told, _) = world.command(&["payout", "list", "--partner", "reel"]);
    assert!(told.starts_with(&id) && told.lines().count() == 1, "{told}");
    let (_, told, _) = world.command(&["payout", "show", &id]);
    assert!(told.contains("box") && told.contains("S1") && told.lines().count() == 2, "{told}");
}

#[tokio::test]
async fn an_advertisers_statement_is_what_it_owes_and_an_invoice_what_it_is_for() {
    let world = world();
    let click = world.sale("reel-box", "S1", "1000").await;
    world.sale("mail-box", "S2", "500").await;
    world.send(&format!("click_id={click}&event=refund&txid=R1&original_txid=S1&amount=200")).await;
    let owed = world.statement("advertisers/shop").await;
    assert_eq!(movements(&owed), pairs(&[("sales", "300.00"), ("refund", "-40.00")]));
    assert_eq!(
        (&owed["closing"], &owed["due"], &owed["invoiced"]),
        (&json!("260.00"), &json!("260.00"), &json!("0.00"))
    );

    let invoice = world.done("/invoices", json!({ "advertiser": "shop", "currency": "EUR" })).await;
    let id = invoice["id"].as_str().unwrap().to_owned();
    let owed = world.statement("advertisers/shop").await;
    assert_eq!(
        (&owed["closing"], &owed["due"], &owed["invoiced"]),
        (&json!("260.00"), &json!("0.00"), &json!("260.00"))
    );
    assert_eq!(owed["entries"], 3, "invoicing moves nothing");
    assert!(owed["movements"].get("invoice").is_none(), "{owed}");

    let html = world.server.api_as(ADMIN, &format!("/invoices/{id}?format=html")).await;
    let name = format!("inline; filename=\"invoice-{id}.html\"");
    assert_eq!(html.header("content-disposition"), Some(name.as_str()));
    for part in
        ["<h1>Invoice 1</h1>", "From: Example &lt;Partners&gt;", "Shop &amp; Söhne (shop)", "260.00 EUR"]
    {
        assert!(html.body.contains(part), "{part}: {}", html.body);
    }
    let sheets = tables(&world.download(&["invoice", "show", &id, "--format", "csv"]));
    let [head, groups, lines] = sheets.as_slice() else { panic!("{sheets:?}") };
    assert_eq!((cell(head, 0, "amount"), cell(head, 0, "number")), ("260.00", "1"));
    let group = (cell(groups, 0, "event"), cell(groups, 0, "conversions"), cell(groups, 0, "amount"));
    assert_eq!((group, groups.lines.len(), lines.lines.len()), (("sale", "2", "260.00"), 1, 2));
    let workbook = world.download(&["invoice", "show", &id, "--format", "xlsx"]);
    assert_eq!(cell(&sheet(&workbook, "lines"), 0, "amount"), "160");

    let (code, told, _) = world.command(&["invoice", "received", &id]);
    assert!(code == Some(0) && told.contains("  received "), "{told}");
    let owed = world.statement("advertisers/shop").await;
    assert_eq!((&owed["closing"], &owed["received"]), (&json!("0.00"), &json!("260.00")));
    assert_eq!(owed["movements"]["receipts"], "-260.00");
    let (code, _, why) = world.command(&["invoice", "cancel", &id, "--reason", "x"]);
    assert!(code == Some(1) && why.contains("the invoice is received"), "{why}");
    let json = world.server.api(&format!("/invoices/{id}")).await;
    assert_eq!((json["lines"].as_array().unwrap().len(), json.get("number")), (2, None));
}

#[tokio::test]
async fn every_form_of_a_statement_says_the_same_and_runs_nothing() {
    let world = world();
    let evil = "%3D1%2B1%3Cscript%3E";
    world.sale("reel-box", &format!("{evil}alert(1)"), "1000").await;
    world.sale("reel-box", "S2", "0.05").await;
    let json = world.server.api("/partners/reel/statement?limit=1").await;
    let one = &json["statements"][0];
    assert_eq!((&one["closing"], one["lines"].as_array().unwrap().len()), (&json!("100.00"), 1));

    let sheets = tables(&world.download(&["statement", "--partner", "reel", "--format", "csv"]));
    let [summary, lines] = sheets.as_slice() else { panic!("{sheets:?}") };
    assert_eq!(cell(summary, 0, "partner"), "reel");
    for (column, amount) in
        [("opening", "0.00"), ("commission", "100.00"), ("closing", "100.00"), ("adds_up", "yes")]
    {
        assert_eq!(cell(summary, 0, column), amount, "{column}");
    }
    assert_eq!((lines.lines.len(), cell(lines, 0, "txid")), (1, "=1+1<script>alert(1)"));
    assert_eq!(cell(lines, 0, "amount"), "100.00");

    let workbook = world.download(&["statement", "--partner", "reel", "--format", "xlsx"]);
    assert_eq!(cell(&sheet(&workbook, "summary"), 0, "closing"), "100");
    let lines = sheet(&workbook, "EUR");
    assert_eq!((cell(&lines, 0, "amount"), cell(&lines, 0, "kind")), ("100", "commission"));
    assert_eq!(cell(&lines, 0, "txid"), "=1+1<script>alert(1)");

    let html = world.server.api_as(ADMIN, "/partners/reel/statement?format=html").await;
    assert!(html.body.contains("0.00 + 100.00 = 100.00 EUR. It adds up"), "{}", html.body);
    assert!(
        html.body.contains("=1+1&lt;script&gt;alert(1)") && !html.body.contains("<script"),
        "{}",
        html.body
    );
    assert!(html.body.contains("&quot; onload=&#39;x&#39;&lt;/style&gt; Reel"), "{}", html.body);
    let policy = html.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(html.header("x-content-type-options"), Some("nosniff"));
    let csv =
        world.server.api_as(ADMIN, "/partners/reel/statement?format=csv&from=2026-01-01&to=2026-01-31").await;
    let name = "attachment; filename=\"statement-reel-2026-01-01-2026-01-31.csv\"";
    assert_eq!(csv.header("content-disposition"), Some(name));
}

#[tokio::test]
async fn each_sees_its_own_statement_and_no_other() {
    let world = world();
    world.sale("reel-box", "S1", "1000").await;
    let conversion =
        world.server.api("/conversions?txid=S1").await["conversions"][0]["conversion_id"].clone();
    let path = format!("/conversions/{}/adjust", conversion.as_str().unwrap());
    world.done(&path, json!({ "payout": "110 EUR", "reason": "secret word" })).await;
    let payout = world.done("/payouts", json!({ "partner": "reel", "currency": "EUR" })).await;
    let invoice = world.done("/invoices", json!({ "advertiser": "shop", "currency": "EUR" })).await;
    let (payout, invoice) = (payout["id"].as_str().unwrap(), invoice["id"].as_str().unwrap());
    let (of_payout, of_invoice) =
        (format!("/payouts/{payout}?format=html"), format!("/invoices/{invoice}?format=html"));
    let addresses = [
        "/partners/reel/statement",
        "/partners/mail/statement",
        "/advertisers/shop/statement",
        &of_payout,
        &of_invoice,
    ];
    for (role, answers) in [
        ("partner:reel", [200, 404, 404, 200, 404]),
        ("partner:mail", [404, 200, 404, 404, 404]),
        ("advertiser:shop", [404, 404, 200, 404, 200]),
        ("advertiser:reel", [404, 404, 404, 404, 404]),
        ("viewer", [200, 200, 200, 200, 200]),
    ] {
        let token = world.token(role);
        for (address, status) in addresses.iter().zip(answers) {
            assert_eq!(world.server.api_as(&token, address).await.status, status, "{role} {address}");
        }
    }
    assert_eq!(world.server.api_as(ADMIN, "/partners/nobody/statement").await.status, 404);
    let own = world.token("partner:reel");
    for format in ["json", "csv", "html"] {
        let shown = world.server.api_as(&own, &format!("/partners/reel/statement?format={format}")).await;
        assert!(shown.status == 200 && !shown.body.contains("secret word"), "{}", shown.body);
    }
    for query in
        ["from=x", "to=2026-02-30", "currency=%21", "format=pdf", "day=1", "format=csv&limit=5", "cursor=x"]
    {
        assert_eq!(
            world.server.api_as(ADMIN, &format!("/partners/reel/statement?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

/// Moves what was booked to other times, as if it had been booked then.
fn date(connection: &Connection, entries: &[(i64, &str)]) {
    connection.execute_batch("drop trigger entry_never_changed").unwrap();
    for (number, at) in entries {
        let at = Timestamp::parse(at).unwrap().millis();
        let changed = connection.execute("update entry set at = ?1 where number = ?2", (at, number)).unwrap();
        assert_eq!(changed, 1);
    }
}

#[tokio::test]
async fn a_period_begins_and_ends_with_its_days_in_the_programs_time_zone() {
    let world = world();
    for (number, amount) in [(1, "100"), (2, "200"), (3, "400"), (4, "800"), (5, "1600"), (6, "3200")] {
        world.sale("reel-box", &format!("S{number}"), amount).await;
    }
    let connection = world.database();
    let query = "select number from entry where credit = 'partner:reel:approved' order by number";
    let numbers: Vec<i64> = connection
        .prepare(query)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    // 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
    let times = [
        "2026-03-28T22:59:59.999Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T21:59:59.999Z",
        "2026-03-29T22:00:00Z",
        "2026-10-25T22:59:59.999Z",
        "2026-10-25T23:00:00Z",
    ];
    let dated: Vec<(i64, &str)> = numbers.into_iter().zip(times).collect();
    date(&connection, &dated);
    for (from, to, opening, commission, closing) in [
        ("2026-03-28", "2026-03-28", "0.00", "10.00", "10.00"),
        ("2026-03-29", "2026-03-29", "10.00", "60.00", "70.00"),
        ("2026-03-30", "2026-10-24", "70.00", "80.00", "150.00"),
        ("2026-10-25", "2026-10-25", "150.00", "160.00", "310.00"),
        ("2026-10-26", "2026-12-31", "310.00", "320.00", "630.00"),
        ("2026-01-01", "2026-12-31", "0.00", "630.00", "630.00"),
    ] {
        let all = world.server.api(&format!("/partners/reel/statement?from={from}&to={to}")).await;
        assert_eq!((&all["from"], &all["timezone"]), (&json!(from), &json!("Europe/Berlin")));
        let one = &all["statements"][0];
        let found = [&one["opening"], &one["movements"]["commission"], &one["closing"]];
        assert_eq!(found, [opening, commission, closing], "{from} to {to}");
        assert_eq!(one["proof"]["holds"], true);
    }
    let first = world.server.api("/partners/reel/statement?from=2026-01-01&to=2026-12-31&limit=4").await;
    let next = first["statements"][0]["next"].as_str().unwrap().to_owned();
    let path =
        format!("/partners/reel/statement?from=2026-01-01&to=2026-12-31&limit=4&cursor={next}&currency=EUR");
    let rest = world.server.api(&path).await;
    let txids = |page: &Value| -> Vec<String> {
        let lines = page["statements"][0]["lines"].as_array().unwrap().iter();
        lines.map(|line| line["txid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!([txids(&first), txids(&rest)].concat(), ["S1", "S2", "S3", "S4", "S5", "S6"]);
    assert_eq!(rest["statements"][0]["next"], Value::Null);
}

#[tokio::test]
async fn a_payout_is_made_once_per_key_and_not_below_its_minimum_or_before_its_hold() {
    let world = world();
    world.sale("reel-box", "S1", "400").await;
    let asked = json!({ "partner": "reel", "currency": "EUR" });
    assert_eq!(world.refused("/payouts", asked.clone()).await, (409, "below_minimum".into()));
    let (code, told, _) = world.command(&["payout", "create"]);
    assert!(code == Some(0) && told.starts_with("reel EUR: not now, 40.00 EUR is open for reel"), "{told}");
    let arguments = ["payout", "create", "--partner", "reel", "--currency", "EUR"];
    let (code, _, why) = world.command(&arguments);
    assert!(code == Some(1) && why.contains("less than the minimum of 50.00 EUR"), "{why}");

    world.sale("reel-box", "S2", "100").await;
    let first = world.post("/payouts", Some("run-1"), asked.clone()).await;
    assert_eq!((first.status, first.json().unwrap()["amount"].clone()), (200, json!("50.00")));
    let again = world.post("/payouts", Some("run-1"), asked).await;
    assert_eq!((again.status, &again.body), (200, &first.body), "the answer of the first time");
    let other = world.post("/payouts", Some("run-1"), json!({ "partner": "mail", "currency": "EUR" })).await;
    assert_eq!((other.status, other.json().unwrap()["code"].clone()), (422, json!("idempotency_key_reused")));
    let (code, told, _) = world.command(&[&arguments[..], &["--idempotency-key", "run-2"]].concat());
    assert!(code == Some(1) && told.is_empty(), "{told}");

    world.sale("mail-box", "S3", "100").await;
    let click = world.server.click("mail-box").await;
    world.send(&format!("click_id={click}&event=held&txid=S4")).await;
    let statement = world.statement("partners/mail").await;
    assert_eq!((&statement["closing"], &statement["on_hold"]), (&json!("30.00"), &json!("20.00")));
    let (code, told, _) = world.command(&["payout", "create", "--currency", "eur"]);
    assert!(code == Some(0) && told.contains("10.00 EUR  1 conversions"), "{told}");
    assert!(told.ends_with("1 payouts made, 0 refused\n"), "{told}");
    let statement = world.statement("partners/mail").await;
    assert_eq!((&statement["closing"], &statement["on_hold"]), (&json!("20.00"), &json!("20.00")));
}

fn today() -> Day {
    // The server's clock is the only one: its first answer says what day it is.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    Zone::parse("Europe/Berlin").unwrap().day(Timestamp::from_millis(i64::try_from(now).unwrap()))
}

fn rates_file(directory: &Path, rates: &[(Day, &str, &str)]) -> String {
    let lines: String =
        rates.iter().map(|(day, currency, rate)| format!("{day},EUR,{currency},{rate}\n")).collect();
    let file = write(directory, "rates.csv", &format!("date,base,currency,rate\n{lines}"));
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_waited_for_a_rate_is_booked_when_it_comes() {
    let world = world();
    let click = world.server.click("mail-box").await;
    let held = world.send(&format!("click_id={click}&event=lead&txid=L1&amount=100&currency=USD")).await;
    assert_eq!((&held["outcome"], &held["reason"]), (&json!("held"), &json!("rate_missing")));
    assert_eq!(world.server.approved("mail").await, "0");

    let (day, directory) = (today(), world.directory.path());
    let bad = write(
        directory,
        "bad.csv",
        "date,base,currency,rate\n2026-11-19,EUR,USD,1.1\n2026-11-20,EUR,USD,-1\n",
    );
    let (code, _, why) = world.command(&["rates", "import", bad.to_str().unwrap()]);
    assert!(code == Some(1) && why.contains("line 3") && why.contains("nothing was changed"), "{why}");
    let gap = [(day.minus(14), "USD", "1.20"), (day, "USD", "1.25")];
    let (code, told, why) = world.command(&["rates", "import", &rates_file(directory, &gap)]);
    assert_eq!(code, Some(0), "{why}");
    assert!(
        told.starts_with("2 rates added, 0 of them in place of other values, 0 known already; 1 postbacks"),
        "{told}"
    );
    assert!(told.matches("  gap: ").count() >= 9 && told.contains("has no rates"), "{told}");
    assert_eq!(world.server.approved("mail").await, "5.00 EUR");

    let other = rates_file(directory, &[(day, "USD", "1.50"), (day, "GBP", "0.85")]);
    let (code, _, why) = world.command(&["rates", "import", &other]);
    assert!(code == Some(1) && why.contains("known as 1.25 USD, the file says 1.5"), "{why}");
    assert_eq!(world.server.api("/rates").await["rates"].as_array().unwrap().len(), 2, "all or nothing");
    let (code, told, _) = world.command(&["rates", "import", &other, "--replace"]);
    assert!(
        code == Some(0)
            && told.starts_with("2 rates added, 1 of them in place of other values, 0 known already"),
        "{told}"
    );
    let (_, told, _) = world.command(&["rates", "list", "--currency", "GBP"]);
    assert!(told.contains("1 EUR = 0.85 GBP") && told.lines().count() == 1, "{told}");
}
