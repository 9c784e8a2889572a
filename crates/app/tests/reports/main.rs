//! Reports on their ways out: over the API, in files, in the terminal, for whoever may see them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod saved;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

use calamine::{Data, Reader, Xlsx};
use http::Method;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{Server, run, stderr, stdout, write};

const PROGRAM: &str = include_str!("../support/reports.toml");
/// A cell that a spreadsheet would run, and what becomes of it.
const FORMULA: &str = "=HYPERLINK(\"http://evil.example\")";

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

/// Three clicks of `reel`, one of `pop` for a price, a sale of each, and a first deposit that waits.
async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "program.toml", PROGRAM);
    let world = World { server: Server::start_with(directory.path(), &program, &[]), directory };
    let formula = form_urlencoded::byte_serialize(FORMULA.as_bytes()).collect::<String>();
    let first = world.click(&format!("reel-box?sub1={formula}")).await;
    world.click("reel-box?sub1=mail").await;
    let second = world.click("reel-slots?sub1=mail").await;
    let third = world.click("pop-box?bid=0.25").await;
    world.send("shop", &format!("click_id={first}&event=sale&txid=S1&amount=100")).await;
    world.send("shop", &format!("click_id={third}&event=sale&txid=S2&amount=50")).await;
    world.send("casino", &format!("click_id={second}&event=ftd&txid=F1&amount=20")).await;
    world
}

impl World {
    async fn click(&self, link: &str) -> String {
        let reply = self.server.get(&format!("/c/{link}&format=json")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().unwrap()["click_id"].as_str().unwrap().to_owned()
    }

    async fn send(&self, advertiser: &str, query: &str) {
        let reply = self.server.get(&format!("/postback/{advertiser}?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    }

    fn token(&self, role: &str) -> String {
        let output = run(&["token", "create", "--role", role, "--name", role, "--server", &self.server.url]);
        stdout(&output).lines().last().unwrap().to_owned()
    }

    async fn report(&self, query: &str) -> Value {
        self.server.api(&format!("/reports?{query}")).await
    }

    /// The command's file of that name.
    fn file(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let file = self.directory.path().join(name);
        let own = ["report", "--server", &self.server.url, "--out", file.to_str().unwrap()];
        let output = run(&[&own, arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        file
    }
}

/// The rows as the figures that matter, in the order of the answer.
fn rows(answer: &Value, columns: &[&str]) -> Vec<Vec<Value>> {
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| columns.iter().map(|column| row[*column].clone()).collect()).collect()
}

fn problem(reply: &Reply) -> (u16, String, String) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.body);
    let body = reply.json().unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("detail").is_empty() && !text("code").is_empty(), "{body}");
    (reply.status, text("parameter"), text("detail"))
}

#[tokio::test]
async fn a_report_says_the_same_in_every_form() {
    let world = world().await;
    let metrics = "clicks,approved,revenue,payout,cost,profit,margin";
    let answer = world.report(&format!("by=partner&sort=partner&metrics={metrics}")).await;
    let expected = json!([
        ["pop", 1, 1, "10.00", "0.00", "0.25", "9.75", 0.975],
        ["reel", 3, 1, "20.00", "40.00", "0.00", "-20.00", -1.0]
    ]);
    let columns: Vec<&str> = std::iter::once("partner").chain(metrics.split(',')).collect();
    assert_eq!(
        json!(rows(&answer, &columns)).to_string(),
        expected.to_string().replace("-1.0]", "-1.0000]").replace("0.975]", "0.9750]")
    );
    assert_eq!((&answer["totals"]["profit"], &answer["rows_total"]), (&json!("-10.25"), &json!(2)));

    let asked = ["--by", "partner", "--sort", "partner", "--metrics", metrics, "--totals", "--format"];
    let csv = world.file("report.csv", &[&asked[..], &["csv"]].concat());
    let mut reader = csv::Reader::from_path(csv).unwrap();
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), columns);
    let lines: Vec<String> =
        reader.records().map(|line| line.unwrap().iter().collect::<Vec<_>>().join("|")).collect();
    assert_eq!(
        lines,
        [
            "pop|1|1|10.00|0.00|0.25|9.75|0.9750",
            "reel|3|1|20.00|40.00|0.00|-20.00|-1.0000",
            "total|4|2|30.00|40.00|0.25|-10.25|-0.3417"
        ]
    );

    let xlsx = world.file("report.xlsx", &[&asked[..], &["xlsx"]].concat());
    let mut book: Xlsx<_> = calamine::open_workbook(xlsx).unwrap();
    let sheet = book.worksheet_range("report").unwrap();
    assert_eq!(sheet.height(), 4);
    assert_eq!(sheet.get_value((1, 6)), Some(&Data::Float(9.75)));
    assert_eq!(sheet.get_value((2, 1)), Some(&Data::Float(3.0)));
    assert_eq!(sheet.get_value((3, 0)), Some(&Data::String("total".into())));

    let parquet = world.file("report.parquet", &[&asked[..], &["parquet"]].concat());
    let reader = SerializedFileReader::new(std::fs::File::open(parquet).unwrap()).unwrap();
    let shown: Vec<Vec<(String, Field)>> =
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect();
    assert_eq!((shown.len(), shown[0].len()), (2, columns.len()));
    assert_eq!((shown[1][1].0.as_str(), &shown[1][1].1), ("clicks", &Field::Long(3)));
    let names = reader.metadata().file_metadata().schema_descr();
    let money = names.column(6);
    assert_eq!((money.name(), money.type_precision(), money.type_scale()), ("profit", 38, 6));
    let Field::Decimal(profit) = &shown[1][6].1 else { panic!("{:?}", shown[1][6]) };
    let unscaled = profit
        .data()
        .iter()
        .fold(if profit.data()[0] < 128 { 0i128 } else { -1 }, |sum, byte| sum << 8 | i128::from(*byte));
    assert_eq!((unscaled, profit.scale()), (-20_000_000, 6));

    // Text that a spreadsheet would run is inert, and Parquet and JSON have it as it came.
    let by_sub = world.file("subs.csv", &["--by", "sub1", "--metrics", "clicks", "--format", "csv"]);
    let text = std::fs::read_to_string(by_sub).unwrap();
    assert!(text.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""), "{text}");
    let answer = world.report("by=sub1&metrics=clicks&sort=sub1").await;
    assert!(rows(&answer, &["sub1"]).contains(&vec![json!(FORMULA)]), "{answer}");

    let reply = world.server.api_as(support::ADMIN, "/reports?by=day&format=csv&period=today").await;
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    let named = reply.header("content-disposition").unwrap();
    assert!(
        named.starts_with("attachment; filename=\"report-20") && named.ends_with("-EUR.csv\""),
        "{named}"
    );
}

#[tokio::test]
async fn what_is_asked_for_can_be_found_out_drilled_into_and_drawn() {
    let world = world().await;
    let words = world.server.api("/reports/dimensions").await;
    let find = |list: &str, code: &str| {
        let all = words[list].as_array().unwrap();
        all.iter().find(|one| one["code"] == code).cloned().unwrap_or_else(|| panic!("{list} {code}"))
    };
    assert_eq!(
        (&find("dimensions", "day")["kind"], &find("dimensions", "offer")["kind"]),
        (&json!("time"), &json!("text"))
    );
    assert_eq!(
        (&find("metrics", "roi")["kind"], &find("metrics", "roi")["title"]),
        (&json!("ratio"), &json!("ROI"))
    );
    assert!(
        find("metrics", "rejections:REASON")["about"].is_string()
            && find("periods", "last_30_days")["about"].is_string()
    );

    let answer = world.report("by=partner,offer&metrics=clicks&sort=-clicks&links=1").await;
    let row = answer["rows"].as_array().unwrap().iter().find(|row| row["offer"] == "slots").unwrap();
    let drilled = world.report(row["drill"].as_str().unwrap().trim_start_matches('?')).await;
    assert_eq!(drilled["totals"], json!({ "clicks": 1 }));
    assert!(world.report("by=partner&metrics=clicks").await["rows"][0].get("drill").is_none());

    let series = world.report("by=hour,partner&metrics=clicks,revenue&format=series").await;
    let found: Vec<&str> =
        series.as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap()).collect();
    assert!(found.contains(&"clicks reel") && found.contains(&"revenue pop"), "{found:?}");
    let clicks = series.as_array().unwrap().iter().find(|one| one["target"] == "clicks reel").unwrap();
    let points = clicks["datapoints"].as_array().unwrap();
    let sum: i64 = points.iter().map(|point| point[0].as_i64().unwrap()).sum();
    assert_eq!(sum, 3);
    assert!(points.iter().all(|point| point[1].as_i64().unwrap() % 3_600_000 == 0), "{points:?}");
    let reply = world.server.api_as(support::ADMIN, "/reports?by=partner&format=series").await;
    assert_eq!(problem(&reply).1, "by");

    // The clocks went back that night. Nothing is known of it, and an axis needs its hours all the same.
    let night =
        world.report("by=hour&metrics=clicks&from=2026-10-25&to=2026-10-25&tz=Europe/Berlin&pieces=1").await;
    let pieces = night["pieces"].as_array().unwrap();
    assert_eq!((pieces.len(), night["rows_total"].as_u64()), (25, Some(0)));
    assert_eq!(pieces[3], json!({ "label": "2026-10-25T02:00+01:00", "from": "2026-10-25T01:00:00.000Z" }));
    assert!(world.report("by=partner,day&pieces=1").await.get("pieces").is_none());

    let compared = world.report("by=partner&metrics=clicks&period=today&compare=previous").await;
    assert_eq!(compared["rows"][0]["compared"], json!({ "clicks": 0 }));
    let csv = world
        .server
        .api_as(support::ADMIN, "/reports?by=partner&metrics=clicks&compare=previous&format=csv")
        .await;
    assert!(csv.body.starts_with("partner,clicks,clicks_compared,clicks_change\r\n"), "{}", csv.body);
}

#[tokio::test]
async fn each_role_sees_its_own_facts_and_none_of_what_the_house_earns() {
    let world = world().await;
    let (reel, shop, viewer) =
        (world.token("partner:reel"), world.token("advertiser:shop"), world.token("viewer"));
    let get = async |token: &str, query: &str| world.server.api_as(token, &format!("/reports?{query}")).await;

    assert_eq!(get(&viewer, "by=partner&metrics=profit").await.json().unwrap()["rows_total"], 2);
    let own = get(&reel, "by=partner&metrics=clicks,payout").await.json().unwrap();
    assert_eq!(rows(&own, &["partner", "clicks", "payout"]), [[json!("reel"), json!(3), json!("40.00")]]);
    // Whatever else is said, nobody else's facts come.
    for query in ["partner=pop", "filter=partner+%3D+pop", "filter=partner+%3D+pop+or+partner+%3D+reel"] {
        let answer = get(&reel, &format!("metrics=clicks,cost&{query}")).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        let answer = get(&reel, &format!("metrics=clicks&{query}")).await.json().unwrap();
        let wanted = if query.contains("reel") { 3 } else { 0 };
        assert_eq!(answer["totals"]["clicks"], wanted, "{query}: {answer}");
    }
    let standard = get(&reel, "by=offer").await.json().unwrap();
    let codes: Vec<&str> =
        standard["columns"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["offer", "clicks", "uniques", "conversions", "conversion_rate", "payout", "epc"]);

    let theirs = get(&shop, "by=offer&metrics=approved,revenue").await.json().unwrap();
    assert_eq!(rows(&theirs, &["offer", "approved", "revenue"]), [[json!("box"), json!(2), json!("30.00")]]);

    for (token, query, parameter) in [
        (&reel, "metrics=revenue", "metrics"),
        (&reel, "metrics=clicks,profit", "metrics"),
        (&reel, "metrics=margin", "metrics"),
        (&reel, "metrics=roi", "metrics"),
        (&reel, "metrics=rpc", "metrics"),
        (&reel, "metrics=ltv", "metrics"),
        (&reel, "metrics=cpa", "metrics"),
        (&reel, "metrics=rejections:bad_token", "metrics"),
        (&reel, "by=advertiser", "by"),
        (&reel, "filter=not+(offer+%3D+box+and+advertiser+%3D+shop)", "filter"),
        (&reel, "advertiser=shop", "filter"),
        (&shop, "metrics=payout", "metrics"),
        (&shop, "metrics=epc", "metrics"),
        (&shop, "metrics=profit", "metrics"),
        (&shop, "metrics=cost", "metrics"),
        (&shop, "by=partner", "by"),
        (&shop, "by=param:x", "by"),
        (&shop, "partner=reel", "filter"),
        (&shop, "filter=sub1+~+mail", "filter"),
    ] {
        let (status, named, detail) = problem(&get(token, query).await);
        assert_eq!((status, named.as_str()), (403, parameter), "{query}: {detail}");
        assert!(detail.contains("token does not show"), "{detail}");
    }
    let words = world.server.api_as(&reel, "/reports/dimensions").await.body;
    assert!(
        words.contains("\"payout\"") && !words.contains("\"revenue\"") && !words.contains("\"advertiser\""),
        "{words}"
    );
    assert_eq!(world.server.get("/api/v1/reports").await.status, 401);
    assert_eq!(world.server.api_as(&reel, "/partners/reel/profit").await.status, 403);
    assert_eq!(world.server.api("/partners/reel/profit").await["profit"], "10.00");
}

#[tokio::test]
async fn nothing_that_is_asked_for_breaks_the_engine() {
    let world = world().await;
    let payloads = [
        "'",
        "\"",
        "';drop table clicks;--",
        "\") from clicks; --",
        "clicks) union select 1 --",
        "\\",
        "\0",
        "%00",
        "x' or '1'='1",
        "{{7*7}}",
        "../../etc/passwd",
        "\u{202e}ü",
        "param:'; drop table events; --",
        "param:\"]})",
        "-1",
        "1e400",
        "9999999999999999999999",
        "read_parquet('/etc/passwd')",
        "/**/",
    ];
    let parameters = [
        "by", "metrics", "filter", "sort", "tz", "from", "to", "period", "time", "top", "limit", "compare",
        "test", "currency", "other", "format", "links", "pieces", "totals", "offer", "param:x",
    ];
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut refused = 0;
    for payload in payloads {
        let value = encode(payload);
        let mut queries: Vec<String> =
            parameters.iter().map(|name| format!("{}={value}", encode(name))).collect();
        queries.extend([
            format!("{value}=1"),
            format!(
                "by=sub1&filter=sub1+%3D+{}",
                encode(&format!("\"{}\"", payload.replace('\\', "\\\\").replace('"', "\\\"")))
            ),
            format!("by=param%3A{value}&metrics=clicks&param%3A{value}={value}"),
        ]);
        for query in queries {
            let reply = world.server.api_as(support::ADMIN, &format!("/reports?{query}")).await;
            assert!(matches!(reply.status, 200 | 400), "{query}: {} {}", reply.status, reply.body);
            if reply.status == 400 {
                let (_, parameter, _) = problem(&reply);
                assert!(!parameter.is_empty(), "{query}: {}", reply.body);
                refused += 1;
            }
        }
    }
    assert!(200 < refused, "{refused}");
    // All that was there still is.
    assert_eq!(world.report("metrics=clicks").await["totals"], json!({ "clicks": 4 }));
    let misspelt = world.server.api_as(support::ADMIN, "/reports?by=contry").await;
    let (status, parameter, detail) = problem(&misspelt);
    assert_eq!((status, parameter.as_str()), (400, "by"));
    assert!(detail.contains("did you mean \"country\"?"), "{detail}");
}

#[tokio::test]
async fn the_terminal_shows_a_table_that_fits_it() {
    let world = world().await;
    let data = world.directory.path().join("data");
    let command = |arguments: &[&str]| {
        let output = run(&[&["report", "--server", &world.server.url], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let shown = command(&["--by", "partner", "--sort", "-clicks"]);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let line = |begins: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        shown
            .lines()
            .map(words)
            .find(|line| line.starts_with(begins))
            .unwrap_or_else(|| panic!("{begins}: {shown}"))
    };
    assert_eq!(line("reel"), "reel 3 2 2 66.67% 20.00 40.00 0.00 -20.00 -50.00% 13.3333");
    assert_eq!(line("total"), "total 4 3 3 75.00% 30.00 40.00 0.25 -10.25 -25.47% 10.00");
    assert!(
        shown.contains("(Europe/Berlin), by time of event; money in EUR\n") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let days = command(&["--by", "day", "--metrics", "clicks", "--from", "-3d", "--compare", "previous"]);
    assert!(days.contains("total") && days.contains("compared with "), "{days}");
    let all = command(&["--by", "weekday,partner", "--metrics", "clicks", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&all).unwrap()["totals"]["clicks"], 4);
    let kept = json!({ "id": "mine", "query": "by=partner&metrics=clicks&sort=partner" });
    world.done(Method::POST, "/reports/saved", kept).await;
    let asked = command(&["--by", "partner", "--metrics", "clicks", "--sort", "partner"]);
    assert_eq!(command(&["--saved", "mine"]), asked);
    assert!(!run(&["report", "--saved", "mine", "--by", "day"]).status.success(), "it says what it asks");
    let mistake = run(&["report", "--server", &world.server.url, "--by", "contry"]);
    assert!(
        !mistake.status.success() && stderr(&mistake).contains("did you mean \"country\"?"),
        "{}",
        stderr(&mistake)
    );

    // Without a server the command reads the store itself.
    let World { server, directory } = world;
    server.kill();
    let output = run(&[
        "report",
        "--data",
        data.to_str().unwrap(),
        "--by",
        "hour",
        "--metrics",
        "clicks",
        "--from",
        "-1d",
    ]);
    assert!(
        output.status.success() && stdout(&output).contains("total"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    drop(directory);
}
