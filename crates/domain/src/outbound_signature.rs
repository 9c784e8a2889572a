//! How a postback to a partner is signed, so that whoever receives it can tell that it is ours.
//!
//! What is signed is what stands on the wire: the time of the attempt, the method, the path and query, and the body, a
//! line each. A receiver takes these as they came and never has to encode, sort or parse anything.
//! `docs/signed-postbacks.md` gives the rule to partners, with code that tests run.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use crate::delivery::Request;
use crate::digest::{digest, hex};
use crate::program::{Hash, SecretRef};
use crate::time::Timestamp;

/// How a target's requests are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The newest first. A parameter carries the signature of the newest alone, a header one of each.
    pub secrets: Vec<SecretRef>,
    pub place: Place,
    /// The name of the parameter or header with the time of the attempt, in Unix seconds.
    pub timestamp: String,
}

/// Where the signature stands; the time stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The last parameter of the query, right after the time.
    Param(String),
    Header(String),
}

/// What may not stand as it is in a parameter's name.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a request could not be signed. It must not leave without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("the signing secret is not set here")]
    NoSecret,
    #[error("no valid address")]
    NoAddress,
}

/// Signs a request of one attempt with the values of its secrets, the newest first.
///
/// The address becomes the one that goes out: in the form that the client would give it, and without a fragment.
pub fn sign(
    request: &mut Request,
    signing: &Signing,
    secrets: &[&str],
    attempt_at: Timestamp,
) -> Result<(), Unsigned> {
    if secrets.is_empty() || secrets.iter().any(|secret| secret.is_empty()) {
        return Err(Unsigned::NoSecret);
    }
    let mut url = Url::parse(&request.url).map_err(|_| Unsigned::NoAddress)?;
    url.set_fragment(None);
    let time = attempt_at.unix_seconds().to_string();
    let signature = |url: &Url, secret: &str| {
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let text = format!("{time}\n{}\n{target}\n{}", request.verb.code(), request.body);
        hex(&digest(Hash::HmacSha256, secret.as_bytes(), text.as_bytes()))
    };
    match &signing.place {
        Place::Param(name) => {
            append(&mut url, &signing.timestamp, &time);
            let newest = secrets.first().map(|secret| signature(&url, secret)).unwrap_or_default();
            append(&mut url, name, &newest);
        }
        Place::Header(name) => {
            let all: Vec<String> = secrets.iter().map(|secret| signature(&url, secret)).collect();
            request.headers.push((signing.timestamp.clone(), time));
            request.headers.push((name.clone(), all.join(" ")));
        }
    }
    request.url = url.into();
    Ok(())
}

/// Adds a parameter behind all others and leaves these as they are written.
fn append(url: &mut Url, name: &str, value: &str) {
    let before = url.query().unwrap_or_default();
    let separator = if before.is_empty() || before.ends_with('&') { "" } else { "&" };
    let name = utf8_percent_encode(name, RESERVED);
    let query = format!("{before}{separator}{name}={value}");
    url.set_query(Some(&query));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Verb;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::constant(1_795_244_760_999);
    const NEW: &str = "the-newest-secret";
    const OLD: &str = "the-one-before";

    fn in_param() -> Signing {
        Signing { secrets: vec![], place: Place::Param("sig".into()), timestamp: "ts".into() }
    }

    fn in_header() -> Signing {
        let place = Place::Header("X-Signature".into());
        Signing { secrets: vec![], place, timestamp: "X-Timestamp".into() }
    }

    fn hmac(secret: &str, text: &str) -> String {
        hex(&digest(Hash::HmacSha256, secret.as_bytes(), text.as_bytes()))
    }

    #[test]
    fn the_time_and_then_the_signature_are_the_last_parameters_of_any_address() {
        for (address, target) in [
            ("https://t.example", "/?ts=1795244760"),
            ("https://t.example/", "/?ts=1795244760"),
            ("https://t.example?a=1", "/?a=1&ts=1795244760"),
            ("https://t.example/p?", "/p?ts=1795244760"),
            ("https://t.example/p?a=1&", "/p?a=1&ts=1795244760"),
            ("https://t.example/p#end", "/p?ts=1795244760"),
            ("https://t.example/p?a=1#b?c", "/p?a=1&ts=1795244760"),
            ("https://t.example/p?a=%2B+%20&b=", "/p?a=%2B+%20&b=&ts=1795244760"),
            ("https://t.example/ü?q=ü 'x'", "/%C3%BC?q=%C3%BC%20%27x%27&ts=1795244760"),
            ("https://t.example/p?ts=1&sig=2", "/p?ts=1&sig=2&ts=1795244760"),
        ] {
            let mut request = Request::get(address);
            sign(&mut request, &in_param(), &[NEW, OLD], AT).unwrap();
            let signature = hmac(NEW, &format!("1795244760\nGET\n{target}\n"));
            assert_eq!(request.url, format!("https://t.example{target}&sig={signature}"), "{address}");
            assert!(request.headers.is_empty());
        }
    }

    #[test]
    fn a_header_carries_a_signature_of_each_secret_and_the_address_stays() {
        let mut request = Request {
            verb: Verb::Post,
            url: "https://t.example/p?a=1#x".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: "{\"a\":\n1}".into(),
        };
        sign(&mut request, &in_header(), &[NEW, OLD], AT).unwrap();
        let text = "1795244760\nPOST\n/p?a=1\n{\"a\":\n1}";
        let both = format!("{} {}", hmac(NEW, text), hmac(OLD, text));
        assert_eq!(request.url, "https://t.example/p?a=1");
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            headers,
            [("content-type", "application/json"), ("X-Timestamp", "1795244760"), ("X-Signature", &both)]
        );
    }

    #[test]
    fn nothing_is_signed_with_nothing() {
        for signing in [in_param(), in_header()] {
            for secrets in [&[][..], &[""], &["", OLD], &[NEW, ""]] {
                let mut request = Request::get("https://t.example/");
                assert_eq!(sign(&mut request, &signing, secrets, AT), Err(Unsigned::NoSecret), "{secrets:?}");
                assert!(request == Request::get("https://t.example/"), "{request:?}");
            }
            let refused = sign(&mut Request::get("t.example/p"), &signing, &[NEW], AT);
            assert_eq!(refused, Err(Unsigned::NoAddress));
        }
    }

    proptest! {
        /// The client reads the address once more before it sends it.
        #[test]
        fn what_is_signed_is_what_the_client_makes_of_the_address(
            rest in "[/?#&=%+'\"<>|{}\\\\^`ü a-c.]{0,30}", name in "[a-z&= ü]{1,6}",
        ) {
            let mut request = Request::get(format!("https://t.example/{rest}"));
            let place = Place::Param(name);
            sign(&mut request, &Signing { place, ..in_param() }, &[NEW], AT).unwrap();
            let url = Url::parse(&request.url).unwrap();
            prop_assert_eq!(url.as_str(), &request.url);
            let target = &url[Position::BeforePath..];
            let (signed, last) = target.rsplit_once('&').unwrap();
            let (_, signature) = last.split_once('=').unwrap();
            prop_assert!(signed.ends_with("ts=1795244760"));
            prop_assert_eq!(signature, hmac(NEW, &format!("1795244760\nGET\n{signed}\n")));
        }
    }
}
