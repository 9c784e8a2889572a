//! The commands as a person runs them, and the ways in which a start is refused.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{PROGRAM, Server, proofback, run, stderr, stdout, write};

#[test]
fn check_reports_every_mistake_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let good = write(directory.path(), "good.toml", PROGRAM);
    let output = run(&["check", good.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stdout(&output));
    let text = PROGRAM
        .replace("payout = \"120 EUR\"", "payuot = \"120 EUR\"")
        .replace("offer = \"shop-sale\"", "offer = \"shop-sail\"");
    let bad = write(directory.path(), "bad.toml", &text);
    let output = run(&["check", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let line = |wanted: &str| text.lines().position(|line| line.contains(wanted)).unwrap() + 1;
    let report = stdout(&output);
    for (place, said) in [(line("payuot"), "did you mean \"payout\"?"), (line("shop-sail"), "shop-sale")] {
        let found = report.lines().find(|reported| reported.contains(&format!("bad.toml:{place}:")));
        assert!(found.is_some_and(|found| found.contains(said)), "{place} {said}\n{report}");
    }
}

#[tokio::test]
async fn a_program_with_a_mistake_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let bad = write(directory.path(), "bad.toml", &PROGRAM.replace("\"10%\"", "\"110%\""));
    let output = run(&["apply", bad.to_str().unwrap(), "--server", &server.url]);
    assert!(!output.status.success());
    assert!(stdout(&output).contains("bad.toml:") && stderr(&output).contains("nothing was changed"));
    let missing =
        write(directory.path(), "missing.toml", &PROGRAM.replace("env:CASINO_TOKEN", "env:NOT_THERE"));
    let output = run(&["apply", missing.to_str().unwrap(), "--server", &server.url]);
    assert!(!output.status.success() && stderr(&output).contains("env:NOT_THERE"), "{}", stderr(&output));
    assert_eq!(server.api("/program").await["revision"], 1);
    let next = write(directory.path(), "next.toml", &PROGRAM.replace("\"10%\"", "\"20%\""));
    let output = run(&["apply", next.to_str().unwrap(), "--server", &server.url]);
    assert!(output.status.success() && stdout(&output).contains("revision 2"), "{}", stdout(&output));
    let click = server.click("reelmedia-shop").await;
    server.get(&format!("/postback/shop?click_id={click}&txid=1&event=sale&amount=10&currency=EUR")).await;
    assert_eq!(server.approved("reelmedia").await, "2.00 EUR");
}

#[tokio::test]
async fn trace_and_explain_tell_the_same_with_and_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let click = server.click("reelmedia-shop").await;
    let path =
        format!("/postback/shop?click_id={}&txid=1&event=sale&amount=10&currency=EUR", click.to_uppercase());
    let postback = server.get(&path).await.json().unwrap()["postback_id"].as_str().unwrap().to_owned();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let traced = run(&["trace", &click, "--server", &server.url]);
    let explained = run(&["explain", &postback, "--server", &server.url]);
    let refused = run(&["trace", &click, "--data", data]);
    assert!(stderr(&refused).contains("is in use by another process"), "{}", stderr(&refused));
    server.kill();
    for (first, again) in [
        (traced, run(&["trace", &click, "--data", data])),
        (explained, run(&["explain", &postback, "--data", data])),
    ] {
        assert!(first.status.success() && again.status.success(), "{}", stderr(&again));
        assert_eq!(stdout(&first), stdout(&again));
    }
    let trace = stdout(&run(&["trace", &click[..20], "--data", data]));
    for part in [
        "click:",
        "accepted: sale 1 recorded, approved",
        "1.00 EUR from house:commission to partner:reelmedia:approved",
    ] {
        assert!(trace.contains(part), "{part}\n{trace}");
    }
    let explained = stdout(&run(&["explain", &postback, "--data", data]));
    assert!(explained.contains("accepted, although its letters were in another case"), "{explained}");
    let json: serde_json::Value =
        serde_json::from_slice(&run(&["trace", &click, "--json", "--data", data]).stdout).unwrap();
    assert_eq!(json["click"]["click_id"], click.as_str());
}

#[tokio::test]
async fn a_token_stands_alone_on_the_last_line() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let output = run(&["token", "create", "--role", "viewer", "--name", "Ann", "--server", &server.url]);
    let text = stdout(&output);
    let token = text.lines().last().unwrap();
    assert!(!token.contains(' '), "{text}");
    assert_eq!(server.api_as(token, "/conversions").await.status, 200);
    let refused = run(&["token", "create", "--role", "king", "--name", "Ann", "--server", &server.url]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("a role is admin"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_missing_secret_stops_the_start_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "program.toml", PROGRAM);
    let mut command = proofback(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(directory.path().join("data")).arg("--program").arg(program).env_remove("CASINO_TOKEN");
    let output = command.output().unwrap();
    assert!(!output.status.success());
    assert!(stderr(&output).contains("env:CASINO_TOKEN"), "{}", stderr(&output));
}

#[test]
fn a_data_directory_that_cannot_be_used_is_refused_with_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "file", "");
    let newer = directory.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    rusqlite::Connection::open(newer.join("proofback.db"))
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let running = Server::start(directory.path(), &[]);
    let used = directory.path().join("data");
    for (path, said) in [
        (&file, "cannot be used"),
        (&newer, "was written by a newer version"),
        (&used, "is in use by another process"),
    ] {
        let output = run(&["serve", "--listen", "127.0.0.1:0", "--data", path.to_str().unwrap()]);
        assert!(!output.status.success());
        let error = stderr(&output);
        assert!(error.contains(said) && error.trim().lines().count() == 1, "{error}");
    }
    drop(running);
}

#[test]
fn a_first_start_writes_an_admin_token_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let output = proofback(&["trace", "x", "--data", directory.path().join("nowhere").to_str().unwrap()])
        .output()
        .unwrap();
    assert!(stderr(&output).contains("there is no store in"), "{}", stderr(&output));
    let mut command =
        proofback(&["serve", "--listen", "256.0.0.1:0", "--data", directory.path().to_str().unwrap()]);
    let refused = command.env_remove("PROOFBACK_ADMIN_TOKEN").output().unwrap();
    assert!(stderr(&refused).contains("is no address with a port"), "{}", stderr(&refused));
    let program = write(directory.path(), "program.toml", PROGRAM);
    let mut command = proofback(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    let data = directory.path().join("data");
    command
        .arg(&data)
        .arg("--program")
        .arg(program)
        .env_remove("PROOFBACK_ADMIN_TOKEN")
        .env("PROOFBACK_LOG", "info");
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    let token = data.join("admin.token");
    let mode = std::fs::metadata(&token).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(std::fs::read_to_string(&token).unwrap().trim().len() >= 32);
    child.kill().unwrap();
    child.wait().unwrap();
    let short = proofback(&["serve", "--data", data.to_str().unwrap()])
        .env("PROOFBACK_ADMIN_TOKEN", "short")
        .output()
        .unwrap();
    assert!(stderr(&short).contains("fewer than 32 characters"), "{}", stderr(&short));
}
