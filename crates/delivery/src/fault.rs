//! From an error of the HTTP client to the result of an attempt, in a few fixed words.
//!
//! Nothing of an error's own text goes on: it can repeat the address, and with it what stands in the query.

use std::error::Error;
use std::io;

use proofback_domain::delivery::AttemptResult;
use rustls::CertificateError;

use crate::connector::ConnectError;

/// Takes the cause that lies deepest of those that are known here.
pub fn read(error: &(dyn Error + 'static)) -> AttemptResult {
    find_cause(error).unwrap_or_else(|| network_error("the connection failed"))
}

fn find_cause(error: &(dyn Error + 'static)) -> Option<AttemptResult> {
    source(error).and_then(find_cause).or_else(|| judge(error))
}

/// An `io::Error` does not name the error that it wraps as its source, but the source of that one.
fn source<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(wrapped as &(dyn Error + 'static));
    }
    error.source()
}

fn judge(error: &(dyn Error + 'static)) -> Option<AttemptResult> {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return Some(judge_connecting(error));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(network_error(judge_tls(error)));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return judge_io(error.kind());
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse() {
        return Some(network_error("the answer is no readable HTTP"));
    }
    let closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    closed.then(|| network_error("closed early"))
}

fn judge_connecting(error: &ConnectError) -> AttemptResult {
    match error {
        ConnectError::PrivateAddress => AttemptResult::PrivateAddress,
        ConnectError::TimedOut => AttemptResult::TimedOut,
        ConnectError::NoHost => network_error("no valid address"),
        ConnectError::NameUnknown => network_error("dns: the name cannot be resolved"),
        ConnectError::Failed(_) => network_error("the connection failed"),
    }
}

fn judge_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(certificate) => judge_certificate(certificate),
        rustls::Error::InvalidMessage(_) => "tls: no TLS is spoken there",
        rustls::Error::AlertReceived(_) => "tls: refused by the other side",
        rustls::Error::PeerIncompatible(_) => "tls: no common version or cipher",
        _ => "tls: the handshake failed",
    }
}

fn judge_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "tls: the certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "tls: the certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "tls: the certificate is for another name"
        }
        CertificateError::UnknownIssuer => "tls: the certificate's issuer is unknown",
        CertificateError::Revoked => "tls: the certificate was revoked",
        _ => "tls: the certificate is not valid",
    }
}

fn judge_io(kind: io::ErrorKind) -> Option<AttemptResult> {
    let words = match kind {
        io::ErrorKind::TimedOut => return Some(AttemptResult::TimedOut),
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset => "reset",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
        io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "closed early"
        }
        _ => return None,
    };
    Some(network_error(words))
}

fn network_error(words: &str) -> AttemptResult {
    AttemptResult::NetworkError(words.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer https://a.example/?secret=1")]
    struct Outer(#[source] Box<dyn Error + Send + Sync>);

    fn read_wrapped(error: impl Error + Send + Sync + 'static) -> AttemptResult {
        read(&Outer(Box::new(error)))
    }

    #[test]
    fn the_refusal_of_a_private_address_is_found_however_deep_it_lies() {
        assert_eq!(read(&ConnectError::PrivateAddress), AttemptResult::PrivateAddress);
        assert_eq!(read_wrapped(ConnectError::PrivateAddress), AttemptResult::PrivateAddress);
        assert_eq!(
            read_wrapped(io::Error::other(ConnectError::PrivateAddress)),
            AttemptResult::PrivateAddress
        );
    }

    #[test]
    fn the_deepest_cause_is_named() {
        let failed = |kind: io::ErrorKind| ConnectError::Failed(kind.into());
        let named = |words: &str| AttemptResult::NetworkError(words.into());
        assert_eq!(read_wrapped(failed(io::ErrorKind::ConnectionRefused)), named("refused"));
        assert_eq!(read_wrapped(failed(io::ErrorKind::NetworkUnreachable)), named("unreachable"));
        assert_eq!(read_wrapped(failed(io::ErrorKind::TimedOut)), AttemptResult::TimedOut);
        assert_eq!(read_wrapped(failed(io::ErrorKind::PermissionDenied)), named("the connection failed"));
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped_twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, expired));
        assert_eq!(read_wrapped(wrapped_twice), named("tls: the certificate has expired"));
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
        assert_eq!(read_wrapped(io::Error::other(cut)), named("closed early"));
    }

    #[test]
    fn no_text_of_an_error_goes_on() {
        let unknown = read_wrapped(io::Error::other("https://a.example/?secret=1"));
        assert_eq!(unknown, AttemptResult::NetworkError("the connection failed".into()));
    }
}
