//! The HTTP client: one request, one answer, bounds on everything. Redirects are answers like any other:
//! following one would send a delivery to an address that nobody entered. There are no cookies, no proxies
//! and no decompression, because nothing here knows of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpInfo, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use proofback_domain::delivery::Request;
use proofback_domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Answer};
use crate::connector::Connector;
use crate::fault::{self, Fault};
use crate::guard::AddressPolicy;
use crate::outgoing;
use crate::phases::{Ends, PHASES, Phases, whole_micros};
use crate::resolver::Resolver;

/// No time limit is longer: a delivery's lease must outlast its request.
const TIMEOUT_MAX: Duration = Duration::from_secs(45);
/// Bounds the head of an answer, and what is taken from the socket at once.
const BUFFER_BYTES_MAX: usize = 64 * 1_024;
/// What the other side may send before we have read it; HTTP/2 does not let a connection have less.
const WINDOW_BYTES: u32 = 65_535;
/// Until the other side has said how many it takes.
const HTTP2_REQUESTS_AT_ONCE: usize = 16;
const IDLE_CONNECTIONS_PER_HOST: usize = 16;
/// Below the five seconds after which common servers close: a request sent into that moment is lost.
const IDLE_CONNECTION_KEPT: Duration = Duration::from_secs(4);

/// How the client connects, and how long it waits. No time is longer than 45 s, none longer than the total.
#[derive(Clone)]
pub struct ClientOptions {
    /// Which addresses and ports may be called.
    pub allow: AddressPolicy,
    /// For looking up the name, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// From the beginning to the head of the answer.
    pub answer_timeout: Duration,
    /// For everything, the body included.
    pub total_timeout: Duration,
    /// Authorities whose certificates count beside those of the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
    pub resolver: Resolver,
}

/// Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    answer_timeout: Duration,
    total_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            allow: AddressPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(15),
            authorities: Vec::new(),
            resolver: Resolver::system(),
        }
    }
}

impl Client {
    /// Fails only if the provider of cryptography cannot do TLS, or an authority's certificate is none.
    pub fn new(options: ClientOptions) -> Result<Self, rustls::Error> {
        let total_timeout = options.total_timeout.min(TIMEOUT_MAX);
        let answer_timeout = options.answer_timeout.min(total_timeout);
        let connect_timeout = options.connect_timeout.min(total_timeout);
        let connector =
            Connector::new(options.allow, options.resolver, options.authorities, connect_timeout)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_KEPT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            // Only what was not yet written is sent again, over another connection.
            .retry_canceled_requests(true)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .http2_initial_stream_window_size(WINDOW_BYTES)
            .http2_initial_connection_window_size(WINDOW_BYTES)
            .http2_initial_max_send_streams(HTTP2_REQUESTS_AT_ONCE)
            .http2_max_header_list_size(u32::try_from(BUFFER_BYTES_MAX).unwrap_or(u32::MAX))
            .http2_max_send_buf_size(BUFFER_BYTES_MAX)
            // An idle connection is closed, not kept alive.
            .http2_keep_alive_interval(None)
            .build(connector);
        Ok(Self { http, answer_timeout, total_timeout })
    }

    /// Sends a request, once, and takes in the answer. `now` is what a `Retry-After` that names a date is held
    /// against. Never fails: what goes wrong is an answer, too.
    pub async fn send(&self, request: &Request, now: Timestamp) -> Answer {
        let started = Instant::now();
        let Some(mut outgoing) = outgoing::build(request) else {
            return Answer::failed(Fault::BadRequest);
        };
        let connection = capture_connection(&mut outgoing);
        let phases = Arc::new(Phases::default());
        let sending = PHASES.scope(Arc::clone(&phases), self.http.request(outgoing));
        let sent = timeout_at(started + self.answer_timeout, sending).await;
        let first_byte = started.elapsed();
        let used = match &sent {
            Ok(Err(error)) if error.is_connect() => None,
            Ok(_) | Err(_) => ends(&connection),
        };
        let mut answer = match sent {
            Ok(Ok(response)) => answer::read(response, now, started + self.total_timeout).await,
            Ok(Err(error)) => Answer::failed(fault::read(&error)),
            Err(_) => Answer::failed(Fault::Timeout),
        };
        (answer.timing, answer.address) = phases.conclude(used);
        answer.timing.total_us = whole_micros(started.elapsed());
        if answer.status.is_some() {
            answer.timing.first_byte_us = Some(whole_micros(first_byte));
        } else {
            abandon(&connection);
        }
        answer
    }
}

/// The connection that a request went over, if it came to that.
fn ends(connection: &CaptureConnection) -> Option<Ends> {
    let mut extensions = http::Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extensions);
    let info: &HttpInfo = extensions.get()?;
    Some((info.local_addr(), info.remote_addr()))
}

/// No further request goes over a connection that did not answer one. With HTTP/1 it is closed anyway; with
/// HTTP/2 all requests to a target would be lost in a connection that leads nowhere.
fn abandon(connection: &CaptureConnection) {
    if let Some(connection) = connection.connection_metadata().as_ref() {
        connection.poison();
    }
}
