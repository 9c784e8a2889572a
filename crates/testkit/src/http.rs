//! A plain HTTP client, the one that visitors, advertisers and auditors speak with.
//!
//! It follows no redirect: where a redirect leads is what is looked at.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keeps connections open between requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{url} cannot be asked for")]
    BadRequest { url: String, source: http::Error },
    #[error("nobody answered at {url}")]
    NoAnswer { url: String, source: hyper_util::client::legacy::Error },
    #[error("the answer of {url} did not arrive whole")]
    BrokenAnswer { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{url} did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut { url: String },
    #[error("an answer with status {status} is no JSON")]
    NotJson { status: u16, source: serde_json::Error },
}

impl Http {
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    pub async fn get(&self, url: &str) -> Result<Reply, HttpError> {
        self.get_with(url, &[]).await
    }

    pub async fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Reply, HttpError> {
        self.send(Method::GET, url, headers, String::new()).await
    }

    pub async fn post_form(
        &self,
        url: &str,
        pairs: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Reply, HttpError> {
        let headers = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        self.send(Method::POST, url, &headers, encode(pairs)).await
    }

    pub async fn post_json(&self, url: &str, body: &str) -> Result<Reply, HttpError> {
        let headers = [(CONTENT_TYPE.as_str(), "application/json")];
        self.send(Method::POST, url, &headers, body.to_owned()).await
    }

    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Reply, HttpError> {
        self.send_bytes(method, url, headers, Bytes::from(body)).await
    }

    pub async fn send_bytes(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, HttpError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|source| HttpError::BadRequest { url: url.to_owned(), source })?;
        let answered = tokio::time::timeout(TIMEOUT, self.exchange(url, request)).await;
        answered.unwrap_or_else(|_| Err(HttpError::TimedOut { url: url.to_owned() }))
    }

    async fn exchange(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Reply, HttpError> {
        let no_answer = |source| HttpError::NoAnswer { url: url.to_owned(), source };
        let (parts, body) = self.client.request(request).await.map_err(no_answer)?.into_parts();
        let broken = |source| HttpError::BrokenAnswer { url: url.to_owned(), source };
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(broken)?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Reply {
    pub fn json(&self) -> Result<Value, HttpError> {
        serde_json::from_str(&self.body).map_err(|source| HttpError::NotJson { status: self.status, source })
    }

    /// A header's value; `None` where it is absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Pairs as they stand in a query or a form.
pub fn encode(pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
