//! What came of a request, and how much of it is taken in.

use std::net::SocketAddr;

use http::{HeaderMap, Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use proofback_domain::delivery::AttemptResult;
use proofback_domain::time::{Span, Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::fault::Fault;

/// So much of an answer's body is kept at most. What is left unread closes the connection.
const BODY_BYTES_MAX: usize = 16 * 1_024;
const BODY_START_BYTES_MAX: usize = 1_024;
const HEADERS_MAX: usize = 50;
/// Names and values together.
const HEADER_BYTES_MAX: usize = 4 * 1_024;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub result: AttemptResult,
    /// Why nobody answered, where nobody did.
    pub fault: Option<Fault>,
    /// The status, where somebody answered.
    pub status: Option<u16>,
    /// Names in lower case, at most 50 of them and 4 kB together; those that do not fit are left out. What is
    /// no text is replaced.
    pub headers: Vec<(String, String)>,
    /// At most 16 kB as they came; what is no text is replaced.
    pub body: String,
    /// Whether the body is not all: more would have come, or it broke off.
    pub is_cut: bool,
    pub timing: Timing,
    /// Who was called, or was tried last. One that may not be called is not named.
    pub address: Option<SocketAddr>,
}

/// Where the time went. `None` where it did not come to that: a connection that is used again needs neither
/// lookup nor connecting, an address in numbers no lookup.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub dns_us: Option<u32>,
    /// All addresses that were tried together.
    pub connect_us: Option<u32>,
    pub tls_us: Option<u32>,
    /// From the beginning to the head of the answer.
    pub first_byte_us: Option<u32>,
    /// From the beginning to the end of what was read.
    pub total_us: u32,
}

impl Answer {
    /// Nobody answered.
    pub fn none(result: AttemptResult) -> Self {
        Self {
            result,
            fault: None,
            status: None,
            headers: Vec::new(),
            body: String::new(),
            is_cut: false,
            timing: Timing::default(),
            address: None,
        }
    }

    pub fn failed(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::none(fault.result()) }
    }

    /// The first kilobyte of the body, or a little less where that would cut a character.
    pub fn body_start(&self) -> &str {
        &self.body[..self.body.floor_char_boundary(BODY_START_BYTES_MAX)]
    }
}

/// Takes in a response until the deadline. The status decides the result: a body that breaks off or never
/// ends takes nothing from it. `now` is what a `Retry-After` that names a date is held against.
pub async fn read(response: Response<Incoming>, now: Timestamp, deadline: Instant) -> Answer {
    let status = response.status().as_u16();
    let retry_after = read_retry_after(response.headers(), now);
    let headers = read_headers(response.headers());
    let (body, is_cut) = read_body(response.into_body(), deadline).await;
    let result = AttemptResult::Answered { status, retry_after };
    Answer { status: Some(status), headers, body, is_cut, ..Answer::none(result) }
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

fn read_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for (name, value) in headers {
        let (name, value) = (name.as_str().to_owned(), to_text(value.as_bytes()));
        let length = name.len() + value.len();
        if kept.len() < HEADERS_MAX && length <= HEADER_BYTES_MAX - bytes {
            bytes += length;
            kept.push((name, value));
        }
    }
    kept
}

/// The start of a body, and whether that is not all of it. One frame more than what is kept may be read, to
/// see whether there is one.
async fn read_body(mut body: Incoming, deadline: Instant) -> (String, bool) {
    let mut kept = Vec::new();
    let mut is_cut = true;
    while kept.len() <= BODY_BYTES_MAX {
        if body.is_end_stream() {
            is_cut = false;
            break;
        }
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                kept.extend(data.iter().take(BODY_BYTES_MAX + 1 - kept.len()));
            }
            Ok(None) => {
                is_cut = false;
                break;
            }
            Ok(Some(Err(_))) | Err(_) => break,
        }
    }
    kept.truncate(BODY_BYTES_MAX);
    (to_text(&kept), is_cut)
}

/// Not every database takes a zero byte for text.
fn to_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let name = |number| http::HeaderName::try_from(format!("x-{number:02}")).unwrap();
        let values = values.iter().map(|value| http::HeaderValue::from_bytes(value).unwrap());
        values.enumerate().map(|(number, value)| (name(number), value)).collect()
    }

    #[test]
    fn no_more_than_fifty_headers_and_four_kilobytes_of_them_are_kept() {
        assert_eq!(read_headers(&headers(&[b"a".as_slice(); 60])).len(), 50);
        // The second does not fit beside the first, the third does.
        let (long, rest) = (vec![b'x'; 4_000], vec![b'y'; 88]);
        let kept = read_headers(&headers(&[&long, &long, &rest]));
        let lengths: Vec<usize> = kept.iter().map(|(name, value)| name.len() + value.len()).collect();
        assert_eq!(lengths, [4_004, 92]);
    }

    #[test]
    fn what_is_no_text_in_a_header_is_replaced() {
        let kept = read_headers(&headers(&["\u{fc}".as_bytes(), b"a\xffb"]));
        assert_eq!(kept[0].1, "\u{fc}");
        assert_eq!(kept[1].1, "a\u{fffd}b");
    }

    #[test]
    fn the_start_of_a_body_ends_between_two_characters() {
        let answer = |body: String| Answer { body, ..Answer::none(AttemptResult::NoTarget) };
        assert_eq!(answer("short".into()).body_start(), "short");
        assert_eq!(answer("x".repeat(2_000)).body_start().len(), 1_024);
        assert_eq!(answer(format!("x{}", "\u{fc}".repeat(1_000))).body_start().len(), 1_023);
    }
}
