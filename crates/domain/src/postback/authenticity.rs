//! Whether a postback comes from the advertiser: transport, address, token and signature.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::placeholder;
use super::request::Request;
use super::{Check, Rejection};
use crate::outcome::Reason;
use crate::program::{Advertiser, Signature, Snapshot};
use crate::time::{Span, Timestamp};

/// The transport and the address, before anything is counted or compared.
pub fn judge_origin(
    request: &Request,
    advertiser: &Advertiser,
    checks: &mut Vec<Check>,
) -> Result<(), Rejection> {
    let rules = &advertiser.postback;
    if rules.require_https {
        if !request.https {
            return Err(Rejection::new(Reason::HttpsRequired, "", "the postback came without TLS")
                .seen("a request over http://")
                .advise("Send it to the https:// address."));
        }
        checks.push(Check::passed("https", "came over TLS"));
    }
    if !rules.allow_ips.is_empty() {
        let ip = request.ip.to_canonical();
        if !rules.allow_ips.iter().any(|range| range.contains(&ip)) {
            return Err(Rejection::new(
                Reason::IpNotAllowed,
                "",
                format!("{ip} is not among the addresses allowed"),
            )
            .seen(ip.to_string())
            .advise("Send from an address that was agreed, or have this one added."));
        }
        checks.push(Check::passed("address", format!("{ip} is allowed")));
    }
    Ok(())
}

/// The token and the signature, whichever the program asks for; both where it asks for both.
/// `signature_of_whole` is given where it was judged before, over a whole batch.
pub fn judge_secrets(
    request: &Request,
    token: Option<&str>,
    advertiser: &Advertiser,
    snapshot: &Snapshot,
    signature_of_whole: Option<&Result<(), Rejection>>,
    checks: &mut Vec<Check>,
) -> Result<(), Rejection> {
    let rules = &advertiser.postback;
    if let Some(reference) = &rules.token {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        judge_token(snapshot.secret(reference), token.or(bearer))?;
        checks.push(Check::passed("token", "it is the advertiser's"));
    }
    if let Some(signature) = &rules.signature {
        match signature_of_whole {
            Some(judged) => judged.clone()?,
            None => judge_signature(request, signature, snapshot.secret(&signature.secret))?,
        }
        checks.push(Check::passed("signature", "HMAC-SHA256 fits"));
    }
    if rules.token.is_none() && rules.signature.is_none() {
        checks.push(Check::passed("token", "none is asked for"));
    }
    Ok(())
}

/// The signature over a whole batch, where its advertiser asks for one.
pub fn judge_whole(request: &Request, snapshot: &Snapshot) -> Result<(), Rejection> {
    let id = request.advertiser.as_deref().unwrap_or_default();
    let rules =
        snapshot.program.advertisers.get(id).and_then(|advertiser| advertiser.postback.signature.as_ref());
    rules.map_or(Ok(()), |rules| judge_signature(request, rules, snapshot.secret(&rules.secret)))
}

fn judge_token(expected: Option<&str>, seen: Option<&str>) -> Result<(), Rejection> {
    let reject =
        |message: &str, advice: &str| Err(Rejection::new(Reason::BadToken, "token", message).advise(advice));
    let Some(expected) = expected else {
        return reject("the advertiser's token is not set here", "The operator must set the secret.");
    };
    match seen {
        None | Some("") => reject("no token came", "Add the agreed token to the postback."),
        Some(seen) if equal(seen.as_bytes(), expected.as_bytes()) => Ok(()),
        Some(seen) => Err(foreign_token(seen)),
    }
}

/// Says of a wrong token what can be said without any of it: it may be the right one, but for a slip.
fn foreign_token(seen: &str) -> Rejection {
    let reject = |message: String| Rejection::new(Reason::BadToken, "token", message);
    let words = |found: &String| {
        found.len() <= PLACEHOLDER_BYTES_MAX && !found.bytes().any(|byte| byte.is_ascii_digit())
    };
    match placeholder::find(seen).filter(words) {
        Some(found) => reject(format!("{found} was never replaced by the token"))
            .seen("a placeholder")
            .advise(format!("Write the agreed token in place of {found}.")),
        None => reject("the token is not the advertiser's".into())
            .seen(format!("a token of {} characters", seen.chars().count())),
    }
}

/// A longer one could be a secret between two marks.
const PLACEHOLDER_BYTES_MAX: usize = 24;

fn judge_signature(request: &Request, rules: &Signature, secret: Option<&str>) -> Result<(), Rejection> {
    let reject = |message: String| {
        let advice = "Sign the raw query (GET) or body (POST) with HMAC-SHA256 and send it in hexadecimal.";
        Err(Rejection::new(Reason::BadSignature, &rules.header, message).advise(advice))
    };
    let Some(secret) = secret else {
        return reject("the signing secret is not set here".into());
    };
    let Some(seen) = request.header(&rules.header).filter(|value| !value.is_empty()) else {
        return reject(format!("the header {} is missing", rules.header));
    };
    let mut message = Vec::new();
    if let Some(header) = &rules.timestamp {
        let signed_at = judge_age(request, header, rules.tolerance)?;
        message.extend_from_slice(signed_at.as_bytes());
        message.push(b'.');
    }
    message.extend_from_slice(request.payload());
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return reject("the signing secret cannot be used".into());
    };
    hmac.update(&message);
    let Some(seen) = decode_hex(seen.strip_prefix("sha256=").unwrap_or(seen)) else {
        return reject("the signature is not hexadecimal".into());
    };
    if hmac.verify_slice(&seen).is_err() {
        return reject("the signature does not fit what was sent".into());
    }
    Ok(())
}

/// The text of the timestamp header, which must be near the time of arrival.
fn judge_age<'a>(request: &'a Request, header: &str, tolerance: Span) -> Result<&'a str, Rejection> {
    let reject = |message: String| {
        Err(Rejection::new(Reason::StaleTimestamp, header, message)
            .advise("Send the time of signing, and keep the sender's clock right."))
    };
    let Some(text) = request.header(header) else {
        return reject(format!("the header {header} is missing"));
    };
    let Some(signed_at) = Timestamp::parse(text) else {
        return reject("the time of signing cannot be read".into());
    };
    let apart = request.at.since(signed_at).max(signed_at.since(request.at));
    if apart > tolerance {
        return reject(format!("it was signed {apart} away from now; {tolerance} are allowed"));
    }
    Ok(text)
}

fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks(2).map(|pair| Some((value(*pair.first()?)? << 4) | value(*pair.last()?)?)).collect()
}
