//! What can go wrong before there is an answer: a closed set, each with a code and a sentence.
//!
//! Nothing of an error's own text goes on: it can repeat the address, and with it what stands in the query.

use std::error::Error;
use std::io;

use proofback_domain::delivery::AttemptResult;
use rustls::CertificateError;

/// Why nobody answered. Several may share a code where only a person can tell what to do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.code(), self.sentence())]
pub enum Fault {
    BadRequest,
    /// The port is one that other services listen on.
    Port(u16),
    PrivateAddress,
    Dns,
    ConnectRefused,
    Unreachable,
    ConnectTimeout,
    ConnectFailed,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateForAnotherName,
    CertificateIssuerUnknown,
    CertificateRevoked,
    CertificateInvalid,
    NoTls,
    TlsRefused,
    TlsIncompatible,
    TlsFailed,
    Reset,
    Closed,
    BadAnswer,
    AnswerTooLarge,
    Timeout,
}

impl Fault {
    /// All of them, in the order in which a request can run into them.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::Port(0),
        Self::PrivateAddress,
        Self::Dns,
        Self::ConnectRefused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateForAnotherName,
        Self::CertificateIssuerUnknown,
        Self::CertificateRevoked,
        Self::CertificateInvalid,
        Self::NoTls,
        Self::TlsRefused,
        Self::TlsIncompatible,
        Self::TlsFailed,
        Self::Reset,
        Self::Closed,
        Self::BadAnswer,
        Self::AnswerTooLarge,
        Self::Timeout,
    ];

    /// Stable: programs may compare it.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Port(_) => "port",
            Self::PrivateAddress => "private_address",
            Self::Dns => "dns",
            Self::ConnectRefused => "connect_refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateForAnotherName
            | Self::CertificateIssuerUnknown
            | Self::CertificateRevoked
            | Self::CertificateInvalid => "tls_certificate",
            Self::NoTls | Self::TlsRefused | Self::TlsIncompatible | Self::TlsFailed => "tls_handshake",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::BadAnswer => "bad_answer",
            Self::AnswerTooLarge => "answer_too_large",
            Self::Timeout => "timeout",
        }
    }

    /// For the operator.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::BadRequest => "the request cannot be sent as it is",
            Self::Port(_) => "the port is not for HTTP",
            Self::PrivateAddress => "the address is private",
            Self::Dns => "the name cannot be resolved",
            Self::ConnectRefused => "nobody listens there",
            Self::Unreachable => "no way leads there",
            Self::ConnectTimeout => "there was no connection in time",
            Self::ConnectFailed => "the connection failed",
            Self::CertificateExpired => "the certificate has expired",
            Self::CertificateNotYetValid => "the certificate is not valid yet",
            Self::CertificateForAnotherName => "the certificate is for another name",
            Self::CertificateIssuerUnknown => "the certificate's issuer is unknown",
            Self::CertificateRevoked => "the certificate was revoked",
            Self::CertificateInvalid => "the certificate is not valid",
            Self::NoTls => "no TLS is spoken there",
            Self::TlsRefused => "the other side refused to speak TLS with us",
            Self::TlsIncompatible => "there is no common version or cipher",
            Self::TlsFailed => "the handshake failed",
            Self::Reset => "the other side broke off",
            Self::Closed => "the connection was closed before an answer",
            Self::BadAnswer => "the answer is no readable HTTP",
            Self::AnswerTooLarge => "the head of the answer is too large",
            Self::Timeout => "there was no answer in time",
        }
    }

    /// For those who chose the address and may not learn from it what our network looks like. Whether a name
    /// is known here, an address private, a port open or a service silent, they read the same: else targets
    /// would make a port scanner.
    pub fn public_words(self) -> &'static str {
        match self {
            Self::PrivateAddress
            | Self::Dns
            | Self::ConnectRefused
            | Self::Unreachable
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::Reset
            | Self::Closed
            | Self::Timeout => "the target cannot be reached",
            Self::BadRequest
            | Self::Port(_)
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateForAnotherName
            | Self::CertificateIssuerUnknown
            | Self::CertificateRevoked
            | Self::CertificateInvalid
            | Self::NoTls
            | Self::TlsRefused
            | Self::TlsIncompatible
            | Self::TlsFailed
            | Self::BadAnswer
            | Self::AnswerTooLarge => self.sentence(),
        }
    }

    pub fn result(self) -> AttemptResult {
        match self {
            Self::Port(port) => AttemptResult::Declined(format!("port {port} is not for HTTP")),
            Self::PrivateAddress => AttemptResult::PrivateAddress,
            Self::Timeout => AttemptResult::TimedOut,
            other => AttemptResult::NetworkError(other.to_string()),
        }
    }
}

/// Takes the cause that lies deepest of those that are known here.
pub fn read(error: &(dyn Error + 'static)) -> Fault {
    find_cause(error).unwrap_or(Fault::ConnectFailed)
}

fn find_cause(error: &(dyn Error + 'static)) -> Option<Fault> {
    source(error).and_then(find_cause).or_else(|| judge(error))
}

/// An `io::Error` does not name the error that it wraps as its source, but the source of that one.
fn source<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(wrapped as &(dyn Error + 'static));
    }
    error.source()
}

fn judge(error: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return Some(*fault);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(judge_tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return judge_io(error.kind());
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return judge_http2(error);
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse_too_large() {
        return Some(Fault::AnswerTooLarge);
    }
    if error.is_parse() {
        return Some(Fault::BadAnswer);
    }
    let closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    closed.then_some(Fault::Closed)
}

fn judge_tls(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(certificate) => judge_certificate(certificate),
        rustls::Error::InvalidMessage(_) => Fault::NoTls,
        rustls::Error::AlertReceived(_) => Fault::TlsRefused,
        rustls::Error::PeerIncompatible(_) => Fault::TlsIncompatible,
        _ => Fault::TlsFailed,
    }
}

fn judge_certificate(error: &CertificateError) -> Fault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Fault::CertificateExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::CertificateNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::CertificateForAnotherName
        }
        CertificateError::UnknownIssuer => Fault::CertificateIssuerUnknown,
        CertificateError::Revoked => Fault::CertificateRevoked,
        _ => Fault::CertificateInvalid,
    }
}

fn judge_http2(error: &h2::Error) -> Option<Fault> {
    // Said by our side about what came.
    if error.is_library() {
        return Some(Fault::BadAnswer);
    }
    if error.is_go_away() {
        return Some(Fault::Closed);
    }
    error.is_reset().then_some(Fault::Reset)
}

fn judge_io(kind: io::ErrorKind) -> Option<Fault> {
    match kind {
        io::ErrorKind::TimedOut => Some(Fault::ConnectTimeout),
        io::ErrorKind::ConnectionRefused => Some(Fault::ConnectRefused),
        io::ErrorKind::ConnectionReset => Some(Fault::Reset),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Fault::Unreachable),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            Some(Fault::Closed)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCS: &str = include_str!("../../../docs/operating.md");

    #[derive(Debug, thiserror::Error)]
    #[error("outer https://a.example/?secret=1")]
    struct Outer(#[source] Box<dyn Error + Send + Sync>);

    fn read_wrapped(error: impl Error + Send + Sync + 'static) -> Fault {
        read(&Outer(Box::new(error)))
    }

    #[test]
    fn a_fault_of_ours_is_found_however_deep_it_lies() {
        for fault in Fault::ALL {
            assert_eq!(read(&fault), fault);
            assert_eq!(read_wrapped(fault), fault);
            assert_eq!(read_wrapped(io::Error::other(fault)), fault);
        }
    }

    #[test]
    fn the_deepest_cause_is_named() {
        for (kind, fault) in [
            (io::ErrorKind::ConnectionRefused, Fault::ConnectRefused),
            (io::ErrorKind::NetworkUnreachable, Fault::Unreachable),
            (io::ErrorKind::HostUnreachable, Fault::Unreachable),
            (io::ErrorKind::TimedOut, Fault::ConnectTimeout),
            (io::ErrorKind::ConnectionReset, Fault::Reset),
            (io::ErrorKind::BrokenPipe, Fault::Closed),
            (io::ErrorKind::PermissionDenied, Fault::ConnectFailed),
        ] {
            assert_eq!(read_wrapped(io::Error::from(kind)), fault, "{kind}");
        }
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped_twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, expired));
        assert_eq!(read_wrapped(wrapped_twice), Fault::CertificateExpired);
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
        assert_eq!(read_wrapped(io::Error::other(cut)), Fault::Closed);
    }

    #[test]
    fn no_text_of_an_error_goes_on() {
        let unknown = read_wrapped(io::Error::other("https://a.example/?secret=1"));
        assert_eq!(unknown, Fault::ConnectFailed);
        let expected = AttemptResult::NetworkError("connect_failed: the connection failed".into());
        assert_eq!(unknown.result(), expected);
    }

    #[test]
    fn every_fault_has_words_of_its_own() {
        let words: BTreeSet<String> = Fault::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), Fault::ALL.len());
        assert!(Fault::ALL.iter().all(|fault| fault.code().len() <= 16));
    }

    #[test]
    fn what_is_closed_and_what_is_refused_read_the_same_outside() {
        let inside = [
            Fault::PrivateAddress,
            Fault::Dns,
            Fault::ConnectRefused,
            Fault::Unreachable,
            Fault::ConnectTimeout,
            Fault::ConnectFailed,
            Fault::Reset,
            Fault::Closed,
            Fault::Timeout,
        ];
        let words: BTreeSet<&str> = inside.iter().map(|fault| fault.public_words()).collect();
        assert_eq!(words.len(), 1, "{words:?}");
        for fault in Fault::ALL.iter().filter(|fault| !inside.contains(fault)) {
            assert_eq!(fault.public_words(), fault.sentence());
        }
    }

    #[test]
    fn the_manual_has_every_fault_and_no_other() {
        let expected: Vec<String> =
            Fault::ALL.iter().map(|fault| format!("| `{}` | {} |", fault.code(), fault.sentence())).collect();
        let section = DOCS.split("## What we connect to").nth(1).expect("the section is there");
        let table = section.split("| code | sentence |\n| --- | --- |\n").nth(1).expect("the table is there");
        let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(rows, expected);
    }
}
