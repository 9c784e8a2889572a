//! Whether a signature fits what was sent, by whichever scheme the program names.
//!
//! The signature that should have come is made and compared with the one that did, in constant time. Nothing
//! here says what it should have been.

use base64ct::{Base64, Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

use super::Rejection;
use super::authenticity::Fitting;
use super::request::{Params, Request};
use crate::digest::{decode_base64, digest, equal, hex};
use crate::outcome::Reason;
use crate::program::{Carrier, Encoding, Form, Piece, Signature, Snapshot, WEBHOOK_ID};
use crate::time::{Span, Timestamp};

/// A signature that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// For the explanation.
    pub seen: String,
    /// What names this signed request, where it may have its effects only once.
    pub once: Option<Once>,
}

/// A signed request that may have its effects once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// Of the signature, or of the sender's own name for the message; under a key of this installation.
    pub key: [u8; 16],
    /// Remembered at least until then: later it is too old to pass.
    pub until: Timestamp,
}

/// Judges a request's signature; `token_names` are the parameters that may stand unsigned beside it.
pub fn judge(
    request: &Request,
    params: &Params,
    rules: &Signature,
    snapshot: &Snapshot,
    token_names: &[&str],
) -> Result<Signed, Rejection> {
    let reject = |message: String| Err(bad(rules, message));
    let secrets: Vec<&str> =
        rules.secrets.iter().map(|known| snapshot.secret(known).unwrap_or_default()).collect();
    if !secrets.is_empty() && secrets.iter().all(|secret| secret.is_empty()) {
        return reject("the signing secret is not set here".into());
    }
    let Some(seen) = carried(request, params, &rules.carrier).filter(|seen| !seen.is_empty()) else {
        return reject(format!("the {} is missing", called(&rules.carrier)));
    };
    refuse_unsigned(request, rules, token_names)?;
    let signed_at =
        rules.timestamp.as_ref().map(|carrier| read_time(request, params, carrier)).transpose()?;
    let candidates = if secrets.is_empty() { vec![""] } else { secrets };
    let count = rules.secrets.len();
    for (number, secret) in candidates.into_iter().enumerate() {
        if secret.is_empty() && count != 0 {
            continue;
        }
        let expected = match make(request, params, rules, secret) {
            Ok(expected) => expected,
            // Of several secrets the next may be usable.
            Err(_) if number.saturating_add(1) < count => continue,
            Err(message) => return reject(message),
        };
        if !fits(rules, seen, &expected) {
            continue;
        }
        if let (Some(signed_at), Some(carrier)) = (signed_at, &rules.timestamp) {
            judge_age(request.at, signed_at, rules.tolerance, carrier)?;
        }
        let which = Fitting { number, count }.to_string();
        let once = signed_at.map(|_| once(request, rules, &expected, snapshot));
        return Ok(Signed { seen: format!("{} fits{which}", rules.scheme), once });
    }
    reject("the signature does not fit what was sent".into())
}

fn bad(rules: &Signature, message: String) -> Rejection {
    let advice = if rules.covers_payload() {
        "Sign the raw query (GET) or the raw body (POST) as it is sent, with the agreed secret."
    } else {
        "Sign the agreed parameters as they are sent, with the agreed secret."
    };
    Rejection::new(Reason::BadSignature, rules.carrier.name(), message).advise(advice)
}

fn called(carrier: &Carrier) -> String {
    match carrier {
        Carrier::Header(name) => format!("header {name}"),
        Carrier::Param(name) => format!("parameter {name}"),
    }
}

fn carried<'a>(request: &'a Request, params: &'a Params, carrier: &Carrier) -> Option<&'a str> {
    match carrier {
        Carrier::Header(name) => request.header(name),
        Carrier::Param(name) => params.value(name),
    }
}

/// Where the body is what is signed, a query beside it could be added or changed by anybody on the way.
fn refuse_unsigned(request: &Request, rules: &Signature, token_names: &[&str]) -> Result<(), Rejection> {
    if request.signs_query() || !rules.covers_payload() {
        return Ok(());
    }
    let may_stand = |name: &str| token_names.contains(&name) || rules.carrier.param() == Some(name);
    let unsigned = form_urlencoded::parse(&request.query).any(|(name, _)| !may_stand(&name));
    if unsigned {
        return Err(bad(
            rules,
            "the query of a POST is not signed: all parameters belong into its body".into(),
        ));
    }
    Ok(())
}

fn read_time(request: &Request, params: &Params, carrier: &Carrier) -> Result<Timestamp, Rejection> {
    let Some(text) = carried(request, params, carrier).filter(|text| !text.is_empty()) else {
        return Err(stale(carrier, format!("the {} is missing", called(carrier))));
    };
    Timestamp::parse(text).ok_or_else(|| stale(carrier, "the time of signing cannot be read".into()))
}

fn judge_age(
    now: Timestamp,
    signed_at: Timestamp,
    tolerance: Span,
    carrier: &Carrier,
) -> Result<(), Rejection> {
    let apart = now.since(signed_at).max(signed_at.since(now));
    if apart > tolerance {
        let seconds = Span::from_seconds(apart.millis().div_ceil(1_000));
        let message = format!("it was signed {seconds} away from now; {tolerance} are allowed");
        return Err(stale(carrier, message));
    }
    Ok(())
}

fn stale(carrier: &Carrier, message: String) -> Rejection {
    Rejection::new(Reason::StaleTimestamp, carrier.name(), message)
}

/// The signature that should have come.
fn make(request: &Request, params: &Params, rules: &Signature, secret: &str) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    for piece in &rules.over {
        match piece {
            Piece::Text(text) => message.extend_from_slice(text.as_bytes()),
            Piece::Secret => message.extend_from_slice(secret.as_bytes()),
            Piece::Payload => message.extend_from_slice(&request.payload_without(rules.carrier.param())),
            Piece::Header(name) => message.extend_from_slice(signed_header(request, name)?.as_bytes()),
            Piece::Param(name, form) => {
                let value =
                    params.value(name).ok_or_else(|| format!("the signed parameter {name} is missing"))?;
                message.extend_from_slice(write(name, value, *form)?.as_bytes());
            }
        }
    }
    let key = match rules.encoding {
        Encoding::Webhook => webhook_key(secret)?,
        Encoding::Hex | Encoding::Base64 | Encoding::Base64Url => secret.as_bytes().to_vec(),
    };
    Ok(digest(rules.hash, &key, &message))
}

fn signed_header<'a>(request: &'a Request, name: &str) -> Result<&'a str, String> {
    let value = request.header(name).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| format!("the header {name} is missing"))?;
    // What is signed is `id.timestamp.body`: a point in the id would let its end be read as the time.
    if name == WEBHOOK_ID && value.contains('.') {
        return Err(format!("the header {name} holds a point"));
    }
    Ok(value)
}

/// `whsec_` and base64.
fn webhook_key(secret: &str) -> Result<Vec<u8>, String> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    decode_base64(text)
        .filter(|key| !key.is_empty())
        .ok_or_else(|| "the signing secret here is not whsec_ and base64".into())
}

fn write(name: &str, value: &str, form: Form) -> Result<String, String> {
    let places = match form {
        Form::AsSent => return Ok(value.to_owned()),
        Form::Integer => 0,
        Form::Cents => 2,
    };
    shift_and_cut(value, places).ok_or_else(|| format!("the signed parameter {name} is no plain number"))
}

/// A decimal number times ten to the power of `places`, cut to a whole number.
fn shift_and_cut(value: &str, places: usize) -> Option<String> {
    let (sign, digits) = value.strip_prefix('-').map_or(("", value), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) {
        return None;
    }
    let moved = part.chars().chain(std::iter::repeat('0')).take(places);
    let shifted: String = whole.chars().chain(moved).collect();
    let number = shifted.trim_start_matches('0');
    Some(if number.is_empty() { "0".into() } else { format!("{sign}{number}") })
}

/// Compares what came with what should have come, in the form in which it is written.
fn fits(rules: &Signature, seen: &str, expected: &[u8]) -> bool {
    let Some(seen) = seen.strip_prefix(rules.prefix.as_str()) else {
        return false;
    };
    let same = |seen: &str, expected: String| equal(seen.as_bytes(), expected.as_bytes());
    match rules.encoding {
        // A sender who writes `sha256=` without being asked to has always been understood.
        Encoding::Hex => {
            let seen = seen.strip_prefix("sha256=").unwrap_or(seen);
            same(&seen.to_ascii_lowercase(), hex(expected))
        }
        Encoding::Base64 => same(seen.trim_end_matches('='), Base64Unpadded::encode_string(expected)),
        Encoding::Base64Url => same(seen.trim_end_matches('='), Base64UrlUnpadded::encode_string(expected)),
        // Any of several; each must be whole, and of the first version.
        Encoding::Webhook => {
            let expected = format!("v1,{}", Base64::encode_string(expected));
            seen.split(' ').take(SIGNATURES_MAX).any(|seen| equal(seen.as_bytes(), expected.as_bytes()))
        }
    }
}

/// More signatures in one header are not looked at.
const SIGNATURES_MAX: usize = 16;

/// What is remembered of a signed request: the sender's own name for the message, else the signature itself.
fn once(request: &Request, rules: &Signature, signature: &[u8], snapshot: &Snapshot) -> Once {
    let mut hasher = SipHasher24::new_with_key(&snapshot.keys.derived("signed request"));
    match rules.encoding {
        Encoding::Webhook => hasher.write(request.header(WEBHOOK_ID).unwrap_or_default().as_bytes()),
        Encoding::Hex | Encoding::Base64 | Encoding::Base64Url => hasher.write(signature),
    }
    Once { key: hasher.finish128().as_bytes(), until: request.at.plus(rules.replay_window) }
}

impl Once {
    /// Of the objects of one signed batch, each may have its effects once. The first is the request itself:
    /// one line sent alone and sent as a batch is the same.
    pub fn of_member(self, number: usize) -> Self {
        if number == 0 {
            return self;
        }
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
        Self { key: hasher.finish128().as_bytes(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_and_never_rounded() {
        for (value, integer, cents) in [
            ("100.1234", "100", "10012"),
            ("100", "100", "10000"),
            ("0.999", "0", "99"),
            ("007.5", "7", "750"),
            ("0", "0", "0"),
            ("-12.7", "-12", "-1270"),
            ("-0.001", "0", "0"),
            ("5.", "5", "500"),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890",
                "12345678901234567890123456789050",
            ),
        ] {
            assert_eq!(shift_and_cut(value, 0).as_deref(), Some(integer), "{value}");
            assert_eq!(shift_and_cut(value, 2).as_deref(), Some(cents), "{value}");
        }
        for value in ["", ".5", "1,5", "1e3", "+1", "--1", "1.2.3", "NaN", " 1"] {
            assert_eq!(shift_and_cut(value, 0), None, "{value}");
        }
    }
}
