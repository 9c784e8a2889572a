//! How a sender signs: what is signed, how it is hashed and written, and where the signature stands.
//!
//! Every scheme comes down to the one form below, so there is one way of checking all of them.

use crate::program::SecretRef;
use crate::time::Span;

/// A scheme as it stands in the program, its names filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its name, for the explanation.
    pub scheme: &'static str,
    /// While a secret is exchanged there are several, and any of them counts. None: a hash without a secret.
    pub secrets: Vec<SecretRef>,
    pub hash: Hash,
    /// What is signed, piece after piece.
    pub over: Vec<Piece>,
    /// Where the signature stands.
    pub carrier: Carrier,
    /// Stands before the signature: `sha256=`.
    pub prefix: String,
    pub encoding: Encoding,
    /// Where the time of signing stands; absent = the time is not signed.
    pub timestamp: Option<Carrier>,
    /// How far the time of signing may be from the time of arrival.
    pub tolerance: Span,
    /// How long a signed request is remembered, so that it has its effects once.
    pub replay_window: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    HmacSha1,
    HmacSha256,
    HmacSha512,
}

/// The header that names a message of Standard Webhooks.
pub(crate) const WEBHOOK_ID: &str = "webhook-id";

/// How the signature's bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
    Base64Url,
    /// As in Standard Webhooks: several `v1,` and base64, separated by spaces, under a key that is itself base64.
    Webhook,
}

/// The place of a value that is not a field of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    Header(String),
    Param(String),
}

/// One piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Secret,
    /// The raw query of a GET or the raw body of a POST, without the parameter that carries the signature.
    Payload,
    Header(String),
    /// Under the sender's own name for it, as it reads when decoded.
    Param(String, Form),
}

/// How a parameter is written before it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    AsSent,
    /// Cut to a whole number: 100.1234 is 100.
    Integer,
    /// A hundredfold, cut to a whole number: 1.5 is 150.
    Cents,
}

impl Signature {
    /// Whether what is signed holds all that was sent, as it was sent.
    pub fn covers_payload(&self) -> bool {
        self.over.contains(&Piece::Payload)
    }

    /// Whether somebody who has read the documentation alone could make one.
    pub fn proves_nothing(&self) -> bool {
        self.secrets.is_empty()
    }
}

impl Hash {
    pub const ALL: [(&str, Self); 6] = [
        ("md5", Self::Md5),
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("hmac-sha1", Self::HmacSha1),
        ("hmac-sha256", Self::HmacSha256),
        ("hmac-sha512", Self::HmacSha512),
    ];

    /// Whether the secret is the key, and so need not be among what is signed.
    pub fn is_keyed(self) -> bool {
        match self {
            Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512 => true,
            Self::Md5 | Self::Sha1 | Self::Sha256 => false,
        }
    }
}

impl Carrier {
    pub fn name(&self) -> &str {
        match self {
            Self::Header(name) | Self::Param(name) => name,
        }
    }

    /// The parameter's name, where it is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Param(name) => Some(name),
            Self::Header(_) => None,
        }
    }

    /// The same value as a piece of what is signed.
    pub fn piece(&self) -> Piece {
        match self {
            Self::Header(name) => Piece::Header(name.clone()),
            Self::Param(name) => Piece::Param(name.clone(), Form::AsSent),
        }
    }
}
