//! The commands, with a server and without one.

use std::path::Path;

use serde_json::Value;

use super::support::{Server, run, stderr, stdout};

struct Place<'a>(&'a [&'a str]);

impl Place<'_> {
    fn run(&self, arguments: &[&str]) -> String {
        let output = run(&[arguments, self.0].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = run(&[arguments, self.0].concat());
        assert!(!output.status.success(), "{arguments:?}: {}", stdout(&output));
        stderr(&output)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn link(&self, arguments: &[&str]) -> String {
        let text = self.run(arguments);
        let link = text.lines().last().unwrap().to_owned();
        let secret = link.strip_prefix("http://127.0.0.1:8080/invitations/").unwrap();
        assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        link
    }
}

fn all_of_it(place: &Place<'_>, email: &str) {
    let invite = ["user", "invite", "--email", email, "--name", "Ann Lee", "--role", "viewer"];
    let first = place.link(&invite);
    assert!(place.refused(&invite).contains("somebody has this address"));
    assert_ne!(first, place.link(&["user", "reset", email, "--totp"]));
    let people = place.json(&["user", "list"]);
    let person = people["people"].as_array().unwrap().iter().find(|person| person["email"] == email).unwrap();
    let id = person["id"].as_str().unwrap();
    assert!(
        place
            .run(&["user", "list"])
            .contains(&format!("{id}  invited  viewer               {email}  Ann Lee"))
    );
    assert!(place.refused(&["user", "change", email]).contains("say what is to change"));
    assert!(place.run(&["user", "change", email, "--role", "finance"]).contains("finance"));
    assert!(place.run(&["user", "disable", id]).contains("disabled"));
    assert!(place.refused(&["user", "reset", email]).contains("is disabled"));
    assert!(place.run(&["user", "change", id, "--enable", "--name", "Ann Smith"]).contains("invited"));
    assert_eq!(place.json(&["user", "sessions", email])["sessions"], serde_json::json!([]));
    assert_eq!(place.run(&["user", "sessions", email, "--end"]), "0 sessions ended\n");
    assert!(place.refused(&["user", "sessions", "nobody@example.com"]).contains("nobody has the address"));

    let token = place.run(&["token", "create", "--role", "viewer", "--name", email]);
    let token = token.lines().last().unwrap();
    let listed = place.json(&["token", "list"]);
    let known = listed["tokens"].as_array().unwrap().iter().find(|token| token["name"] == email).unwrap();
    assert!(!listed.to_string().contains(token));
    let id = known["id"].as_str().unwrap();
    assert!(place.run(&["token", "revoke", id]).contains("nobody"));
    assert!(place.run(&["token", "list"]).contains(&format!("{email}  revoked ")));
    assert!(place.refused(&["token", "revoke", "x"]).contains("no such token"));
}

#[tokio::test]
async fn people_and_tokens_are_looked_after_with_and_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_telling_all(directory.path());
    all_of_it(&Place(&["--server", &server.url]), "ann@example.com");
    let link = Place(&["--server", &server.url]).link(&["user", "reset", "ann@example.com"]);
    let told = std::fs::read_to_string(directory.path().join("errors.txt")).unwrap();
    let secret = link.rsplit('/').next().unwrap();
    assert!(!told.is_empty() && !told.contains(secret));
    server.kill();
    let data = directory.path().join("data");
    let data = Path::to_str(&data).unwrap();
    all_of_it(&Place(&["--data", data]), "bob@example.com");
}

#[test]
fn without_a_program_nobody_knows_where_a_link_leads() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let place = Place(&["--data", data]);
    let refused = place.refused(&["user", "invite", "--email", "a@b", "--name", "Ann", "--role", "viewer"]);
    assert!(refused.contains("no program is in force yet"), "{refused}");
    assert!(place.run(&["token", "create", "--role", "viewer", "--name", "ops"]).contains("shown only now"));
}
