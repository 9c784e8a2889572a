//! People and browsers: signing in, sessions, invitations, the second factor. The pages show, this decides.
//!
//! Tokens are 256 random bits and are kept as hashes, passwords as Argon2id; neither can be read back. No answer and
//! no time tells whether an address is somebody's.

mod hashing;
pub mod invitations;
mod passwords;
mod second_factor;
mod sessions;
mod sign_in;
mod throttle;

use std::net::IpAddr;

use proofback_domain::program::RateLimit;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{OwnSession, Owner, StoreError};

use crate::api::Caller;
use crate::role::Role;
use hashing::Hashing;
use throttle::Throttle;

/// The name of whoever has the operator's token, in lists and in the audit log.
pub const OPERATOR: &str = "admin";

/// A session that nobody uses ends after this.
const IDLE: Span = Span::from_seconds(12 * 3_600);
/// And any after this.
const LONGEST: Span = Span::from_seconds(7 * 86_400);

const A_MINUTE: Span = Span::from_seconds(60);
const FIVE_MINUTES: Span = Span::from_seconds(300);
const PER_ADDRESS: RateLimit = RateLimit { count: 20, per: A_MINUTE, burst: 20 };
const PER_PERSON: RateLimit = RateLimit { count: 5, per: FIVE_MINUTES, burst: 5 };
/// A code has six digits and three of them count: who knows the password has to try for decades.
const CODES: RateLimit = RateLimit { count: 20, per: Span::from_seconds(86_400), burst: 10 };

/// What somebody signs in with.
pub struct SignIn {
    pub email: String,
    pub password: String,
    /// Of the second factor; empty where none is asked for yet.
    pub code: String,
}

/// Who asks, as it is listed with sessions.
#[derive(Debug, Clone)]
pub struct Seen {
    pub ip: IpAddr,
    pub user_agent: String,
}

/// A session that was just opened.
pub struct Opened {
    /// What the browser keeps; it is told this once.
    pub token: String,
    /// When it ends however it is used.
    pub expires_at: Timestamp,
}

/// Why nobody is signed in.
#[derive(Debug)]
pub enum SignInRefused {
    /// There is no such person, or the password is another one, or the person is disabled: which, is not told.
    Wrong,
    /// The password is right; a code of the second factor belongs to it.
    CodeNeeded,
    /// The password is right; the code is not, or was used before.
    WrongCode,
    /// Too many tried; how long to wait.
    TooMany(Span),
    Store(StoreError),
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    /// A person goes by its e-mail address.
    pub caller: Caller,
    /// `None` where an access token signed in.
    pub person: Option<Person>,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub name: String,
    pub has_totp: bool,
}

/// Whom a link invites.
#[derive(Debug, Clone)]
pub struct Invited {
    pub email: String,
    pub name: String,
    pub role: Role,
}

/// Why an invitation did not sign anybody in.
#[derive(Debug)]
pub enum NotAccepted {
    /// It was used, is over, or never was.
    Gone,
    WeakPassword(&'static str),
    /// Too many tried; how long to wait.
    TooMany(Span),
    /// The password is set and the invitation used up; the second factor is still in force: sign in with a code.
    CodeNeeded,
    Store(StoreError),
}

/// Why a password stays as it is.
#[derive(Debug)]
pub enum NotChanged {
    /// The old password is another one.
    Wrong,
    WeakPassword(&'static str),
    /// Too many tried; how long to wait.
    TooMany(Span),
    /// An access token signed in: it has no password.
    NoPerson,
    Store(StoreError),
}

/// A second factor that is not in force yet.
pub struct TotpOffer {
    /// In base 32, to be typed.
    pub secret: String,
    /// `otpauth://...`
    pub uri: String,
    /// The address as a QR code, black on white: an SVG element without a prolog. Empty where it does not fit one.
    pub svg: String,
}

/// What is remembered between requests: nothing that a restart should keep.
pub(crate) struct People {
    by_address: Throttle,
    by_email: Throttle,
    /// Of people who are signed in: whoever found an open browser has no more tries than a stranger.
    by_person: Throttle,
    /// Codes of a second factor, by the address of its person.
    codes: Throttle,
    invitations: Throttle,
    hashing: Hashing,
}

impl Default for People {
    fn default() -> Self {
        Self {
            by_address: Throttle::new(PER_ADDRESS),
            by_email: Throttle::new(PER_PERSON),
            by_person: Throttle::new(PER_PERSON),
            codes: Throttle::new(CODES),
            invitations: Throttle::new(PER_ADDRESS),
            hashing: Hashing::default(),
        }
    }
}

impl Session {
    /// The person and the session that it acts in; `None` where an access token signed in.
    fn own(&self) -> Option<OwnSession> {
        match (self.caller.owner, self.caller.session) {
            (Owner::Person(person), Some(kept)) => Some(OwnSession { person, kept }),
            (Owner::Person(_) | Owner::Token(_) | Owner::Operator, _) => None,
        }
    }
}

// What is told of these goes to logs, where no secret may be.
impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Opened").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TotpOffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TotpOffer").finish_non_exhaustive()
    }
}
