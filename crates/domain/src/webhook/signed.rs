//! Signs and verifies webhooks by Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, one signature a secret.

use base64ct::{Base64, Encoding as _};

use super::key::Key;
use crate::digest::{digest, equal};
use crate::program::{Hash, WEBHOOK_ID};
use crate::time::{Span, Timestamp};

const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";
const VERSION: &str = "v1,";

/// How far the time of an attempt may be from the receiver's.
pub const TOLERANCE: Span = Span::from_seconds(300);

/// More signatures in one header are not looked at.
const SIGNATURES_MAX: usize = 16;

/// Why a webhook does not count as genuine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {WEBHOOK_ID} holds a point")]
    PointInId,
    #[error("the header {WEBHOOK_TIMESTAMP} is no number of seconds")]
    NotATime,
    #[error("no signature fits what was sent")]
    DoesNotFit,
    #[error("it was signed {apart} away from now; {tolerance} are allowed")]
    Stale { apart: Span, tolerance: Span },
}

/// The headers of one attempt. `keys` are at least one, the newest first.
pub fn headers(id: &str, attempt_at: Timestamp, body: &str, keys: &[Key]) -> Vec<(String, String)> {
    let time = attempt_at.unix_seconds().to_string();
    let signatures: Vec<String> = keys.iter().map(|key| signature(key, id, &time, body.as_bytes())).collect();
    vec![
        ("content-type".to_owned(), "application/json".into()),
        (WEBHOOK_ID.to_owned(), id.to_owned()),
        (WEBHOOK_TIMESTAMP.to_owned(), time),
        (WEBHOOK_SIGNATURE.to_owned(), signatures.join(" ")),
    ]
}

/// Judges what came; says which of the keys fits. The age counts last: what is too old may still be ours.
pub fn verify(
    headers: &[(String, String)],
    body: &[u8],
    keys: &[Key],
    now: Timestamp,
    tolerance: Span,
) -> Result<usize, Refusal> {
    let id = header(headers, WEBHOOK_ID)?;
    let time = header(headers, WEBHOOK_TIMESTAMP)?;
    let signatures = header(headers, WEBHOOK_SIGNATURE)?;
    // What is signed is `id.timestamp.body`: a point in the id would let its end be read as the time.
    if id.contains('.') {
        return Err(Refusal::PointInId);
    }
    let signed_at = read_time(time).ok_or(Refusal::NotATime)?;
    let fits = |key: &Key| {
        let expected = signature(key, id, time, body);
        signatures.split(' ').take(SIGNATURES_MAX).any(|seen| equal(seen.as_bytes(), expected.as_bytes()))
    };
    let number = keys.iter().position(fits).ok_or(Refusal::DoesNotFit)?;
    let apart = now.since(signed_at).max(signed_at.since(now));
    if apart > tolerance {
        return Err(Refusal::Stale { apart: Span::from_seconds(apart.millis().div_ceil(1_000)), tolerance });
    }
    Ok(number)
}

fn header<'a>(headers: &'a [(String, String)], name: &'static str) -> Result<&'a str, Refusal> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let value = found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
    value.ok_or(Refusal::Missing(name))
}

/// Seconds and nothing else: `Timestamp::parse` knows more forms than the standard.
fn read_time(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<i64>().ok().filter(|_| digits)?;
    Some(Timestamp::from_millis(seconds.checked_mul(1_000)?))
}

fn signature(key: &Key, id: &str, time: &str, body: &[u8]) -> String {
    let mut text = format!("{id}.{time}.").into_bytes();
    text.extend_from_slice(body);
    let made = digest(Hash::HmacSha256, key.bytes(), &text);
    format!("{VERSION}{}", Base64::encode_string(&made))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = "{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const AT: Timestamp = Timestamp::constant(1_614_265_330_000);

    fn key(secret: &str) -> Key {
        Key::parse(secret).unwrap()
    }

    fn signed(keys: &[Key]) -> Vec<(String, String)> {
        headers(ID, AT, BODY, keys)
    }

    fn judge(headers: &[(String, String)], keys: &[Key]) -> Result<usize, Refusal> {
        verify(headers, BODY.as_bytes(), keys, AT, TOLERANCE)
    }

    /// The headers with one of them replaced.
    fn with(name: &str, value: &str) -> Vec<(String, String)> {
        let replaced = |(known, old): (String, String)| {
            let value = if known == name { value.to_owned() } else { old };
            (known, value)
        };
        signed(&[key(SECRET)]).into_iter().map(replaced).collect()
    }

    #[test]
    fn the_published_example_is_signed_as_published() {
        let headers = signed(&[key(SECRET)]);
        let pairs: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("content-type", "application/json"),
                ("webhook-id", ID),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", SIGNATURE)
            ]
        );
        assert_eq!(judge(&headers, &[key(SECRET)]), Ok(0));
    }

    #[test]
    fn while_a_secret_is_exchanged_each_of_both_verifies() {
        let (new, old) = (key(&"n".repeat(24)), key(SECRET));
        let headers = signed(&[new.clone(), old.clone()]);
        let (_, both) = &headers[3];
        assert_eq!(both.split_once(' ').unwrap().1, SIGNATURE, "the newest comes first");
        for (keys, number) in
            [(vec![new.clone()], 0), (vec![old.clone()], 0), (vec![key(&"x".repeat(24)), old], 1)]
        {
            assert_eq!(judge(&headers, &keys), Ok(number));
        }
        assert_eq!(judge(&headers, &[key(&"x".repeat(24))]), Err(Refusal::DoesNotFit));
        assert_eq!(judge(&headers, &[]), Err(Refusal::DoesNotFit));
    }

    #[test]
    fn only_a_whole_signature_of_the_first_version_counts() {
        let keys = [key(SECRET)];
        let other_version = SIGNATURE.replace("v1,", "v1a,");
        let doubled = format!("{SIGNATURE}{SIGNATURE}");
        let bare = SIGNATURE.trim_start_matches("v1,");
        for seen in ["v1,", "v1", ",", " ", "v1, ", bare, &other_version, &SIGNATURE[..46], &doubled] {
            assert_eq!(judge(&with(WEBHOOK_SIGNATURE, seen), &keys), Err(Refusal::DoesNotFit), "{seen:?}");
        }
        for seen in [format!("v1, {SIGNATURE}"), format!("v1a,x  v2,{bare} {SIGNATURE}")] {
            assert_eq!(judge(&with(WEBHOOK_SIGNATURE, &seen), &keys), Ok(0), "{seen:?}");
        }
        let late = format!("{}{SIGNATURE}", "v1,x ".repeat(SIGNATURES_MAX));
        assert_eq!(judge(&with(WEBHOOK_SIGNATURE, &late), &keys), Err(Refusal::DoesNotFit));
    }

    #[test]
    fn what_was_altered_or_left_out_is_refused() {
        let keys = [key(SECRET)];
        let altered = BODY.replace("2432232314", "2432232315");
        let refused = verify(&signed(&keys), altered.as_bytes(), &keys, AT, TOLERANCE);
        assert_eq!(refused, Err(Refusal::DoesNotFit));
        for (name, value, refusal) in [
            (WEBHOOK_ID, "msg_other", Refusal::DoesNotFit),
            (WEBHOOK_ID, "msg.1614265330", Refusal::PointInId),
            (WEBHOOK_ID, "", Refusal::Missing(WEBHOOK_ID)),
            (WEBHOOK_TIMESTAMP, "1614265331", Refusal::DoesNotFit),
            (WEBHOOK_TIMESTAMP, "+1614265330", Refusal::NotATime),
            (WEBHOOK_TIMESTAMP, "2021-02-25T15:02:10Z", Refusal::NotATime),
            (WEBHOOK_TIMESTAMP, "99999999999999999999", Refusal::NotATime),
            (WEBHOOK_TIMESTAMP, "", Refusal::Missing(WEBHOOK_TIMESTAMP)),
            (WEBHOOK_SIGNATURE, "", Refusal::Missing(WEBHOOK_SIGNATURE)),
        ] {
            assert_eq!(judge(&with(name, value), &keys), Err(refusal), "{name}: {value:?}");
        }
        assert_eq!(judge(&[], &keys), Err(Refusal::Missing(WEBHOOK_ID)));
        let shouted: Vec<(String, String)> =
            signed(&keys).into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
        assert_eq!(judge(&shouted, &keys), Ok(0));
    }

    #[test]
    fn five_minutes_to_either_side_are_allowed_and_no_more() {
        let keys = [key(SECRET)];
        for (seconds, allowed) in [(0, true), (300, true), (301, false)] {
            let span = Span::from_seconds(seconds);
            for now in [AT.plus(span), AT.minus(span)] {
                let result = verify(&signed(&keys), BODY.as_bytes(), &keys, now, TOLERANCE);
                let stale = Err(Refusal::Stale { apart: span, tolerance: TOLERANCE });
                assert_eq!(result, if allowed { Ok(0) } else { stale }, "{seconds}");
            }
        }
    }
}
