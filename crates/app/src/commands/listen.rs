//! `proofback listen`: a receiver on one's own machine that prints the webhooks and postbacks that arrive.
//!
//! It is for whoever writes the receiving side. It keeps nothing and answers what it is told to answer.

use std::future::IntoFuture;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use proofback_domain::entities::is_invisible;
use proofback_domain::program::SecretRef;
use proofback_domain::time::Timestamp;
use proofback_domain::webhook::{Key, TOLERANCE, verify};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::serve::told_to_stop;
use crate::options::Listen;
use crate::world;

const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long the rest of a request may take to arrive once the command is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

struct Receiver {
    /// Each under the name that it was given by.
    keys: Vec<(SecretRef, Key)>,
    answer: StatusCode,
}

pub async fn run(options: Listen) -> anyhow::Result<ExitCode> {
    let keys = options.secret.iter().map(|text| read_key(text)).collect::<Result<_, _>>()?;
    let answer = StatusCode::from_u16(options.answer).context("--answer is no status")?;
    let listener = TcpListener::bind(&options.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", options.listen))?;
    println!("proofback listens on http://{}", listener.local_addr()?);
    let router = Router::new().fallback(take).with_state(Arc::new(Receiver { keys, answer }));
    let (stop, mut stopped) = watch::channel(false);
    let until_stopped = async move {
        // The sender goes with the command: both mean the same.
        drop(stopped.wait_for(|stop| *stop).await);
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(until_stopped);
    let serving = tokio::spawn(serving.into_future());
    told_to_stop().await?;
    stop.send_replace(true);
    match tokio::time::timeout(STOP_WITHIN, serving).await {
        Ok(served) => served??,
        Err(_) => tracing::warn!("a request was still arriving; it is given up"),
    }
    Ok(ExitCode::SUCCESS)
}

fn read_key(text: &str) -> anyhow::Result<(SecretRef, Key)> {
    // A secret that was written here by mistake must not be repeated.
    let Some(reference) = SecretRef::parse(text) else {
        bail!("--secret takes env:NAME or file:PATH, not the secret itself");
    };
    let secret = world::resolve(&reference)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("--secret {reference} cannot be read"))?;
    let key = Key::parse(&secret).with_context(|| format!("--secret {reference} cannot be used"))?;
    Ok((reference, key))
}

async fn take(State(receiver): State<Arc<Receiver>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let (text, answer) = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => (receiver.describe(&parts, &body, world::now()), receiver.answer_to(&parts.method)),
        Err(_) => {
            let head = head(&parts, world::now());
            (format!("{head}\n  no whole body of at most 1 MB came\n\n"), StatusCode::PAYLOAD_TOO_LARGE)
        }
    };
    if let Err(error) = super::put_out(text.as_bytes(), None) {
        tracing::warn!(%error, "what arrived could not be printed");
    }
    answer
}

impl Receiver {
    fn answer_to(&self, method: &Method) -> StatusCode {
        if [Method::GET, Method::POST].contains(method) {
            self.answer
        } else {
            StatusCode::METHOD_NOT_ALLOWED
        }
    }

    /// What arrived, a line each, and an empty line at the end.
    fn describe(&self, parts: &Parts, body: &Bytes, now: Timestamp) -> String {
        let headers = headers(parts);
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let json: Option<Value> = serde_json::from_slice(body).ok().filter(Value::is_object);
        let mut lines = vec![head(parts, now)];
        let kind = json.as_ref().and_then(|json| json["type"].as_str());
        let id = header("webhook-id").map(String::as_str);
        if kind.is_some() || id.is_some() {
            let name = kind.unwrap_or("no type");
            lines.push(visible(&format!("  {name} {}", id.unwrap_or("without webhook-id"))));
        }
        lines.extend(self.judge(parts, &headers, body, now));
        lines.extend(params(parts.uri.query().unwrap_or_default().as_bytes()));
        let content_type = header("content-type").map(String::as_str).unwrap_or_default();
        match json {
            Some(json) => lines.extend(format!("{json:#}").lines().map(indented)),
            None if content_type.starts_with("application/x-www-form-urlencoded") => {
                lines.extend(params(body));
            }
            None => lines.extend(String::from_utf8_lossy(body).lines().map(indented)),
        }
        lines.push("\n".into());
        lines.join("\n")
    }

    /// What is to be said about the signature. A GET never is a webhook.
    fn judge(
        &self,
        parts: &Parts,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Option<String> {
        if self.keys.is_empty() || parts.method != Method::POST {
            let carries_one = headers.iter().any(|(name, _)| name == "webhook-signature");
            return carries_one.then(|| "  signature not checked: no --secret was given".into());
        }
        let keys: Vec<Key> = self.keys.iter().map(|(_, key)| key.clone()).collect();
        Some(match verify(headers, body, &keys, now, TOLERANCE) {
            Ok(number) => match self.keys.get(number) {
                Some((reference, _)) if self.keys.len() > 1 => format!("  signature ok, by {reference}"),
                _ => "  signature ok".into(),
            },
            Err(refusal) => format!("  signature refused: {refusal}"),
        })
    }
}

fn head(parts: &Parts, now: Timestamp) -> String {
    visible(&format!("{} {} {}", now.iso(), parts.method, parts.uri.path()))
}

fn headers(parts: &Parts) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

fn params(encoded: &[u8]) -> impl Iterator<Item = String> {
    form_urlencoded::parse(encoded).map(|(name, value)| indented(&format!("{name} = {value}")))
}

fn indented(line: &str) -> String {
    format!("  {}", visible(line))
}

/// What strangers send must not move the cursor, colour the screen or look like another line.
fn visible(line: &str) -> String {
    let shown = |character: char| {
        if character.is_control() || is_invisible(character) {
            format!("<U+{:04X}>", u32::from(character))
        } else {
            character.to_string()
        }
    };
    line.chars().map(shown).collect()
}
