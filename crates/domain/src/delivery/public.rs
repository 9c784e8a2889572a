//! What a partner may read of why its delivery failed.
//!
//! Whoever chooses an address must not learn from it what our network looks like: whether a name is known here, an
//! address private, a port open or a service silent, the words are the same. Else targets would make a port scanner.

const UNREACHABLE: &str = "the target could not be reached";

/// A delivery's `last_error` in words for those outside. A status stays as it is: the target said it itself.
pub fn public_error(error: &str) -> &str {
    let (class, rest) = error.split_once(": ").unwrap_or((error, ""));
    match class {
        "timeout" | "private_address" => UNREACHABLE,
        "network_error" => public_network_error(rest),
        "unexpected_answer" => "the target answered otherwise than expected",
        "declined" => "the target cannot take this delivery",
        "deferred" => "the delivery cannot be made yet",
        "no_target" => "the target is no longer there",
        "skipped" => "the delivery was given up by a person",
        status if is_status(status) && rest.is_empty() => error,
        _ => "the delivery failed",
    }
}

/// By the code alone: what stands behind it is for the operator.
fn public_network_error(rest: &str) -> &'static str {
    match rest.split(':').next().unwrap_or_default() {
        "bad_request" => "the request cannot be sent as it is",
        "tls_certificate" => "the target's certificate is not valid",
        "tls_handshake" => "the target speaks no TLS that we speak",
        "bad_answer" => "the answer is no readable HTTP",
        "answer_too_large" => "the head of the answer is too large",
        _ => UNREACHABLE,
    }
}

/// Whether this is what an answered delivery says, as `status_404`.
pub fn is_status(error: &str) -> bool {
    let digits = error.strip_prefix("status_");
    digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::AttemptResult;

    #[test]
    fn whatever_kept_us_from_the_target_reads_the_same() {
        for error in [
            "timeout",
            "private_address",
            "network_error: connect_refused: nobody listens there",
            "network_error: connect_timeout: there was no connection in time",
            "network_error: dns: the name cannot be resolved",
            "network_error: unreachable: no way leads there",
            "network_error: reset: the other side broke off",
            "network_error: closed",
            "network_error: connect to 10.0.0.7:22 was refused",
        ] {
            assert_eq!(public_error(error), UNREACHABLE, "{error}");
        }
    }

    #[test]
    fn nothing_from_within_goes_out() {
        for error in [
            AttemptResult::Unexpected("secret".into()),
            AttemptResult::Declined("secret".into()),
            AttemptResult::Deferred("the secret env:KEY is not there".into()),
            AttemptResult::NetworkError("secret".into()),
            AttemptResult::NetworkError("tls_certificate: secret".into()),
            AttemptResult::NoTarget,
        ] {
            let told = error.error().unwrap();
            let public = public_error(&told);
            assert!(!public.contains("secret") && !public.contains('_'), "{told} {public}");
        }
        for unknown in ["", "status_404: secret", "status_4x4", "status_", "secret_word", "status_4040"] {
            assert_eq!(public_error(unknown), "the delivery failed", "{unknown}");
        }
    }

    #[test]
    fn what_the_target_said_itself_stays() {
        let answered = AttemptResult::Answered { status: 404, retry_after: None };
        assert_eq!(public_error(&answered.error().unwrap()), "status_404");
    }
}
