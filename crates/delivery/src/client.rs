//! The HTTP client: one GET, one answer, bounds on everything. Redirects are answers like any other:
//! following one would send a delivery to an address that nobody entered.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use proofback_domain::delivery::AttemptResult;
use proofback_domain::time::{Span, Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::connector::Connector;
use crate::fault;

const USER_AGENT: &str = concat!("Proofback/", env!("CARGO_PKG_VERSION"));
/// So much of an answer's body is read at most. What is left unread closes the connection.
const BODY_BYTES_READ_MAX: usize = 16 * 1_024;
/// So much of it is kept.
const BODY_BYTES_KEPT_MAX: usize = 1_024;
/// Bounds the head of an answer, and what is taken from the socket at once.
const BUFFER_BYTES_MAX: usize = 64 * 1_024;
const IDLE_CONNECTIONS_PER_HOST: usize = 16;
/// Below the five seconds after which common servers close: a request sent into that moment is lost.
const IDLE_CONNECTION_KEPT: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// Whether addresses inside the operator's own network may be called.
    pub allow_private: bool,
    /// For looking up the name and connecting.
    pub connect_timeout: Duration,
    /// For everything, the body included.
    pub total_timeout: Duration,
}

/// Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<Connector>, Empty<Bytes>>,
    total_timeout: Duration,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub result: AttemptResult,
    /// The status, where somebody answered.
    pub status: Option<u16>,
    /// The start of the body, at most 1 kB of it; what is no text is replaced.
    pub body_start: String,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(15),
        }
    }
}

impl Client {
    /// Fails only if the provider of cryptography cannot do TLS.
    pub fn new(options: ClientOptions) -> Result<Self, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::new(options.allow_private, options.connect_timeout));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_KEPT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .build(connector);
        Ok(Self { http, total_timeout: options.total_timeout })
    }

    /// Sends a GET. `now` is what a `Retry-After` that names a date is held against.
    ///
    /// The status decides the result: a body that breaks off or never ends takes nothing from it.
    pub async fn get(&self, url: &str, now: Timestamp) -> Answer {
        let deadline = Instant::now() + self.total_timeout;
        let Some(request) = build_request(url) else {
            return Answer::none(AttemptResult::NetworkError("no valid address".into()));
        };
        let response = match timeout_at(deadline, self.http.request(request)).await {
            Err(_) => return Answer::none(AttemptResult::TimedOut),
            Ok(Err(error)) => return Answer::none(fault::read(&error)),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let retry_after = read_retry_after(response.headers(), now);
        let body_start = read_start(response.into_body(), deadline).await;
        Answer { result: AttemptResult::Answered { status, retry_after }, status: Some(status), body_start }
    }
}

impl Answer {
    /// Nobody answered.
    pub fn none(result: AttemptResult) -> Self {
        Self { result, status: None, body_start: String::new() }
    }
}

/// The URL parser knows every spelling of a host; the URI is built from what it makes of them.
fn build_request(url: &str) -> Option<Request<Empty<Bytes>>> {
    let url = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let uri: Uri = url.as_str().parse().ok()?;
    let request = Request::get(uri).header(header::USER_AGENT, USER_AGENT).header(header::ACCEPT, "*/*");
    request.body(Empty::new()).ok()
}

/// Seconds or a date (RFC 9110, section 10.2.3). A date in the past asks for nothing.
fn read_retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Span> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Span::from_seconds(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let date = Timestamp::from_millis(i64::try_from(date.as_millis()).unwrap_or(i64::MAX));
    Some(date.since(now))
}

async fn read_start(mut body: Incoming, deadline: Instant) -> String {
    let mut start = Vec::new();
    let mut read = 0;
    while read < BODY_BYTES_READ_MAX
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await
    {
        let data = frame.into_data().unwrap_or_default();
        read += data.len();
        start.extend(data.iter().take(BODY_BYTES_KEPT_MAX - start.len()));
    }
    // Not every database takes a zero byte for text.
    String::from_utf8_lossy(&start).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_244_760_000;

    fn retry_after(text: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
        read_retry_after(&headers, Timestamp::from_millis(NOW)).map(Span::millis)
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        assert_eq!(retry_after("120"), Some(120_000));
        assert_eq!(retry_after(" 0 "), Some(0));
        assert_eq!(retry_after("99999999999999999999"), Some(u64::MAX));
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_millis(1_795_244_820_000));
        assert_eq!(retry_after(&date), Some(60_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        for text in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(text), None, "{text}");
        }
        assert_eq!(read_retry_after(&HeaderMap::new(), Timestamp::EPOCH), None);
    }

    #[test]
    fn the_uri_is_built_from_the_normalised_form_of_the_url() {
        for (url, expected) in [
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0x7f.1:81/a", "http://127.0.0.1:81/a"),
            ("http://0177.0.0.1/", "http://127.0.0.1/"),
            ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
            ("https://BÜCHER.example/ü?q=ü#end", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
            ("https://a.example?x={y}|^z", "https://a.example/?x={y}|^z"),
        ] {
            let request = build_request(url).unwrap();
            assert_eq!(request.uri().to_string(), expected, "{url}");
        }
        for url in ["", "a.example", "ftp://a.example/", "http://", "http://1.2.3.256/", "file:///etc/passwd"]
        {
            assert!(build_request(url).is_none(), "{url}");
        }
    }
}
