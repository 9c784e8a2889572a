//! From a request as a value to the one that is sent. What may not be sent is found here, before any socket.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use proofback_domain::delivery::{Request, Verb};
use url::Url;

const USER_AGENT: &str = concat!("Proofback/", env!("CARGO_PKG_VERSION"));

/// What says where a message goes, or where it ends, is for HTTP itself: two opinions about it are how one
/// request becomes two.
const RESERVED: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// `None` where the address or a header cannot be sent.
pub fn build(request: &Request) -> Option<http::Request<Full<Bytes>>> {
    let mut headers = read_headers(&request.headers)?;
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let (method, body) = match request.verb {
        Verb::Get => (Method::GET, Bytes::new()),
        Verb::Post => (Method::POST, Bytes::from(request.body.clone())),
    };
    if request.verb == Verb::Post {
        headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    let mut outgoing = http::Request::new(Full::new(body));
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = read_address(&request.url)?;
    *outgoing.headers_mut() = headers;
    Some(outgoing)
}

/// The URL parser knows every spelling of a host; the URI is built from what it makes of them, once, and is
/// what is connected to. Where the two parsers see another host or port, nothing is sent.
fn read_address(text: &str) -> Option<Uri> {
    let url = Url::parse(text).ok()?;
    let uri: Uri = url.as_str().parse().ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && uri.host() == url.host_str()
        && uri.port_u16() == url.port();
    is_plain.then_some(uri)
}

fn read_headers(headers: &[(String, String)]) -> Option<HeaderMap> {
    let mut read = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).ok().filter(|name| !RESERVED.contains(name))?;
        read.try_append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?).ok()?;
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(name: &str, value: &str) -> Request {
        Request { headers: vec![(name.into(), value.into())], ..Request::get("http://a.example/") }
    }

    #[test]
    fn the_uri_is_built_from_the_normalised_form_of_the_url() {
        for (url, expected) in [
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0x7f.1:81/a", "http://127.0.0.1:81/a"),
            ("http://0177.0.0.1/", "http://127.0.0.1/"),
            ("http://127.0.0.1./", "http://127.0.0.1/"),
            ("http://127.0.0.%31/", "http://127.0.0.1/"),
            ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
            ("https://BÜCHER.example/ü?q=ü#end", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
            ("https://a.example?x={y}|^z", "https://a.example/?x={y}|^z"),
            ("http:/\\a.example", "http://a.example/"),
            ("http://a.example\\@b.example/", "http://a.example/@b.example/"),
            ("ht\ntp://a.exa\tmple/\r\nb", "http://a.example/b"),
            ("http://a.example:80/", "http://a.example/"),
        ] {
            let request = build(&Request::get(url)).unwrap_or_else(|| panic!("{url}"));
            assert_eq!(request.uri().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_not_sent() {
        for url in [
            "",
            "a.example",
            "ftp://a.example/",
            "http://",
            "http://1.2.3.256/",
            "file:///etc/passwd",
            "http://user@a.example/",
            "http://user:secret@a.example/",
            "http://:secret@a.example/",
            "http://a.example%00.b.example/",
            "http://a.example:99999/",
            "http://[a.example]/",
            "http://[fe80::1%25lo]/",
        ] {
            assert!(build(&Request::get(url)).is_none(), "{url}");
        }
    }

    #[test]
    fn a_header_that_would_break_the_head_is_not_sent() {
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("x:y", "x"),
            ("x\r\ny", "x"),
            ("x", "a\r\nHost: b.example"),
            ("x", "a\0b"),
            ("Host", "b.example"),
            ("content-length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Proxy-Connection", "close"),
            ("Expect", "100-continue"),
        ] {
            assert!(build(&with_header(name, value)).is_none(), "{name}: {value}");
        }
    }

    #[test]
    fn what_the_request_says_of_itself_stands() {
        let own = build(&with_header("User-Agent", "Tracker/1 \u{fc}")).unwrap();
        assert_eq!(own.headers()[header::USER_AGENT].as_bytes(), "Tracker/1 \u{fc}".as_bytes());
        assert_eq!(own.headers()[header::ACCEPT], "*/*");
        let ours = build(&Request::get("http://a.example/")).unwrap();
        assert_eq!(ours.headers()[header::USER_AGENT], USER_AGENT);
        assert!(!ours.headers().contains_key(header::CONTENT_LENGTH));
        let empty = build(&Request { verb: Verb::Post, ..Request::get("http://a.example/") }).unwrap();
        assert_eq!(empty.headers()[header::CONTENT_LENGTH], "0");
    }
}
