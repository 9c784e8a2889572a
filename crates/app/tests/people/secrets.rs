//! What lets anybody in is told once, and stands nowhere afterwards.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::json;

use super::{ANOTHER, PASSWORD, secret, seen, world};

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every byte of every file under a directory.
fn bytes(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { self::bytes(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_is_in_an_answer_a_log_line_or_the_data_directory() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    tracing::subscriber::set_global_default(subscriber.with_writer(move || writer.clone()).finish()).unwrap();

    let world = world().await;
    let (id, link) = world.invite("ann@example.com", "admin").await;
    let first = world.web.accept_invitation(&link, PASSWORD, &seen("203.0.113.1")).await.unwrap().token;
    let second = world.sign_in("ann@example.com", PASSWORD).await.unwrap().token;
    world.sign_in("ann@example.com", "a password that is wrong").await.unwrap_err();
    let session = world.session(&second).await.unwrap();
    world.web.change_password(&session, PASSWORD, ANOTHER).await.unwrap();
    let again = world.done(Method::POST, &format!("/people/{id}/invitation"), json!(null)).await;
    let again = secret(&again);
    let made = world.done(Method::POST, "/tokens", json!({ "role": "viewer", "name": "ops" })).await;
    let token = made["token"].as_str().unwrap().to_owned();
    let by_token = world.web.sign_in_with_token(&token, &seen("203.0.113.1")).await.unwrap().token;
    let operator =
        world.web.sign_in_with_token(super::support::ADMIN, &seen("203.0.113.1")).await.unwrap().token;

    let mut answers = String::new();
    let of_ann = [format!("/people/{id}"), format!("/people/{id}/sessions")];
    for path in
        ["/people", "/tokens", "/sessions", "/audit"].into_iter().chain(of_ann.iter().map(String::as_str))
    {
        answers += &world.get(path).await.to_string();
        let (_, answer) = world.call(Method::GET, &second, path, json!(null)).await;
        answers += &answer.to_string();
    }
    let data = bytes(world.directory.path());
    let logged = log.0.lock().unwrap().clone();
    let tokens = [&link, &again, &first, &second, &token, &by_token, &operator].map(String::as_str);
    let passwords = [PASSWORD, ANOTHER, "a password that is wrong", super::support::ADMIN];
    for secret in tokens.into_iter().chain(passwords) {
        assert!(!holds(&data, secret) && !holds(&logged, secret) && !answers.contains(secret), "{secret}");
    }
    // They would have been found.
    assert!(holds(&data, "ann@example.com") && holds(&data, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(holds(&logged, "a sign-in was refused"));
    assert!(answers.contains("ann@example.com") && !answers.contains("argon2") && !answers.contains("hash"));
}
