//! The API as a client in the same process: asked with the rights of a session, read into what a page shows.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use proofback_web::Caller;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Pages;
use crate::show::clean;
use crate::trouble::Trouble;

/// The longest answer that a page is made of; files are passed on as they come.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The API for one caller.
#[derive(Clone)]
pub struct Client {
    pages: Pages,
    caller: Caller,
}

/// What is asked of the API.
pub struct Ask<'a> {
    pub method: Method,
    /// Behind `/api/v1`, with its query.
    pub path: &'a str,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Client {
    pub fn new(pages: Pages, caller: Caller) -> Self {
        Self { pages, caller }
    }

    /// What lies at an address of the API.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.read(Ask { method: Method::GET, path, headers: HeaderMap::new(), body: Body::empty() }).await
    }

    /// Likewise, where it may be absent: it is not there, or this build has none.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Trouble> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(trouble) if trouble.status == StatusCode::NOT_FOUND => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends JSON.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, Trouble> {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.read(Ask { method, path, headers: HeaderMap::new(), body }).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        self.send(Method::POST, path, body).await
    }

    /// Like [`Self::find`], with every character as it is: for what goes back into a form to be changed.
    pub async fn find_as_it_is<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Trouble> {
        let ask = Ask { method: Method::GET, path, headers: HeaderMap::new(), body: Body::empty() };
        match self.read_with(ask, |_| ()).await {
            Ok(found) => Ok(Some(found)),
            Err(trouble) if trouble.status == StatusCode::NOT_FOUND => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Any request whose answer is JSON. Text in it has no characters that steer how a line is shown.
    pub async fn read<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Trouble> {
        self.read_with(ask, clean).await
    }

    async fn read_with<T: DeserializeOwned>(
        &self,
        ask: Ask<'_>,
        change: fn(&mut Value),
    ) -> Result<T, Trouble> {
        let path = ask.path.to_owned();
        let (status, bytes) = self.bytes(ask).await?;
        if bytes.is_empty() {
            return serde_json::from_value(Value::Null).map_err(|error| Trouble::unexpected(&path, &error));
        }
        let mut value: Value =
            serde_json::from_slice(&bytes).map_err(|error| Trouble::unexpected(&path, &error))?;
        change(&mut value);
        if !status.is_success() {
            return Err(Trouble::of_problem(status, &value));
        }
        serde_json::from_value(value).map_err(|error| Trouble::unexpected(&path, &error))
    }

    async fn bytes(&self, ask: Ask<'_>) -> Result<(StatusCode, Bytes), Trouble> {
        let path = ask.path.to_owned();
        let response = self.answer(ask).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        bytes.map(|bytes| (status, bytes)).map_err(|error| Trouble::unexpected(&path, &error))
    }

    /// The answer as it is, for files that are passed on.
    pub async fn answer(&self, ask: Ask<'_>) -> Response {
        let Ask { method, path, headers, body } = ask;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        match path.parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return Trouble::not_found("Nothing is at this address.").alone(),
        }
        self.pages.api.call(self.caller.clone(), request).await
    }

    /// A file of the API, with what a browser needs to keep it.
    pub async fn file(&self, path: &str) -> Result<Response, Trouble> {
        let ask = Ask { method: Method::GET, path, headers: HeaderMap::new(), body: Body::empty() };
        let response = self.answer(ask).await;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
        let mut value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        clean(&mut value);
        Err(Trouble::of_problem(status, &value))
    }
}

/// A query of pairs, those without a value left out.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
    query.finish()
}

/// A part of a path, whatever is in it.
pub fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
