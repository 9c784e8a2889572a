//! How commands call the API: over HTTP to a running server, or without a socket over the embedded store.
//! Both speak to the same router, so an answer is the same either way.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proofback_delivery::AddressPolicy;
use proofback_domain::delivery::RetryPolicy;
use serde_json::Value;
use tower::ServiceExt;

use crate::depot;
use crate::options::Reach;
use crate::server::{Resolve, ServerOptions, explain_apply_error, open_store, web_over};
use crate::world;

const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A large file, and the check of a large journal, are worked on for minutes.
const TIMEOUT: Duration = Duration::from_secs(900);

pub enum Caller {
    Server { address: String, token: String },
    Embedded { router: axum::Router, token: String },
}

/// An answer of the API.
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Caller {
    /// For commands that look at what is recorded.
    pub async fn to_look(reach: Reach) -> anyhow::Result<Self> {
        if reach.server.is_none() && !reach.data.join("proofback.db").exists() {
            bail!(
                "there is no store in {}; give --data DIR, or --server URL and PROOFBACK_TOKEN",
                reach.data.display()
            );
        }
        Self::new(reach).await
    }

    /// For commands that may be the first ones on a new store.
    pub async fn new(reach: Reach) -> anyhow::Result<Self> {
        if let Some(address) = reach.server {
            let token =
                reach.token.context("PROOFBACK_TOKEN is not set; the server asks for an access token")?;
            return Ok(Self::Server { address: address.trim_end_matches('/').to_owned(), token });
        }
        let facts = depot::chosen(reach.facts.as_deref())?;
        let store = open_store(&reach.data, facts.clone())
            .context("while a server runs on it, give --server URL and PROOFBACK_TOKEN")?;
        // No postback comes in here: the advertisers' secrets are for the server, which refuses to start without them.
        let resolve: Resolve = Arc::new(|_: &_| Ok(String::new()));
        proofback_web::load(&store, resolve.as_ref()).await.map_err(explain_apply_error)?;
        // Whoever can read the directory is its owner; the token lives as long as this command.
        let token = format!("{:032x}{:032x}", world::entropy(), world::entropy());
        let options = ServerOptions {
            data: reach.data,
            listen: ([127, 0, 0, 1], 0).into(),
            program: None,
            program_file: None,
            click_wait: Duration::from_millis(250),
            trusted_proxies: Vec::new(),
            allow_targets: AddressPolicy::default(),
            retry: RetryPolicy::default(),
            resolve,
            geo: Arc::default(),
            facts,
        };
        let web = web_over(store, &options, &token).await?;
        Ok(Self::Embedded { router: proofback_web::router(web), token })
    }

    /// `path` begins behind `/api/v1`.
    pub async fn call(&self, method: Method, path: &str, body: String) -> anyhow::Result<Answer> {
        answer(self.send(method, path, &[], body.into_bytes()).await?)
    }

    /// Like [`Self::call`], once for each key.
    pub async fn call_once(&self, path: &str, key: Option<&str>, body: String) -> anyhow::Result<Answer> {
        let header = key.map(|key| ("idempotency-key", key));
        answer(self.send(Method::POST, path, header.as_slice(), body.into_bytes()).await?)
    }

    /// Sends a file as the body.
    pub async fn send_file(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        file: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        answer(self.send(method, path, &[("content-type", content_type)], file).await?)
    }

    /// A file in, and whatever comes back.
    pub async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        file: Vec<u8>,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let (status, bytes) = self.send(method, path, &[("content-type", content_type)], file).await?;
        Ok((status, bytes.into()))
    }

    /// A document, or the problem that stands for it.
    pub async fn download(&self, path: &str) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let (status, bytes) = self.send(Method::GET, path, &[], Vec::new()).await?;
        Ok((status, bytes.into()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let (base, token) = match self {
            Self::Server { address, token } => (address.as_str(), token),
            Self::Embedded { token, .. } => ("", token),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}/api/v1{path}"))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match self {
            Self::Embedded { router, .. } => {
                let response = router.clone().oneshot(request.body(Body::from(body))?).await?;
                let status = response.status();
                Ok((status, axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await?))
            }
            Self::Server { address, .. } => over_http(request.body(Full::new(Bytes::from(body)))?)
                .await
                .with_context(|| format!("the server at {address} cannot be reached")),
        }
    }

    /// Ends what is at a path; the answer says nothing more.
    pub async fn remove(&self, path: &str) -> anyhow::Result<()> {
        let (status, bytes) = self.send(Method::DELETE, path, &[], Vec::new()).await?;
        if status.is_success() { Ok(()) } else { answer((status, bytes))?.success().map(drop) }
    }

    /// Like [`Self::call`] for what must succeed.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.call(Method::GET, path, String::new()).await?;
        answer.success()
    }
}

fn answer((status, bytes): (StatusCode, Bytes)) -> anyhow::Result<Answer> {
    let body = serde_json::from_slice(&bytes)
        .context("the server's answer is no JSON; is it a Proofback server?")?;
    Ok(Answer { status, body })
}

impl Answer {
    pub fn success(self) -> anyhow::Result<Value> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let detail = self.body.get("detail").and_then(Value::as_str).unwrap_or("no reason was given");
        bail!("{detail} ({})", self.status)
    }
}

async fn over_http(request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let response = tokio::time::timeout(TIMEOUT, client.request(request)).await??;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
