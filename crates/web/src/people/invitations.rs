//! Invitations: a link that an admin hands on, by which a person sets a password; once.

use proofback_domain::password::weakness;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Accepted, NewInvitation, Owner, StoreError};

use super::hashing::NotHashed;
use super::throttle::address;
use super::{Invited, NotAccepted, Opened, Seen};
use crate::role::{Role, hash_token};
use crate::state::Web;

/// A first link waits for somebody who may be away.
const FIRST: Span = Span::from_seconds(7 * 86_400);
/// One that replaces a password is asked for by somebody who wants in now.
const AGAIN: Span = Span::from_seconds(86_400);

impl Web {
    /// Whom a link invites; `None` where it is over.
    pub async fn invitation(&self, token: &str) -> Result<Option<Invited>, StoreError> {
        let found = self.store.invited(hash_token(token), self.now()).await?;
        Ok(found.and_then(|person| {
            let role = Role::parse(&person.role)?;
            Some(Invited { email: person.email.to_string(), name: person.name, role })
        }))
    }

    /// Takes up an invitation: sets the password, signs out everywhere, and signs in here.
    pub async fn accept_invitation(
        &self,
        token: &str,
        password: &str,
        seen: &Seen,
    ) -> Result<Opened, NotAccepted> {
        let now = self.now();
        self.people.invitations.take(&address(seen.ip), now).map_err(NotAccepted::TooMany)?;
        let hash = hash_token(token);
        let Some(person) = self.store.invited(hash, now).await? else {
            return Err(NotAccepted::Gone);
        };
        if let Some(reason) = weakness(password, &person.email, &person.name) {
            return Err(NotAccepted::WeakPassword(reason));
        }
        let password = self.people.hashing.hash(password, self.ids.salt()).await?;
        let (opened, session) = self.new_session(Owner::Person(person.id), seen, now);
        match self.store.accept_invitation(hash, password, session, now).await? {
            Accepted::Opened => {
                self.people.by_email.forget(person.email.as_str());
                Ok(opened)
            }
            Accepted::CodeNeeded => Err(NotAccepted::CodeNeeded),
            Accepted::Gone => Err(NotAccepted::Gone),
        }
    }

    /// A secret for a link, and what is kept of it.
    pub(crate) fn new_invitation(&self, how: Invitation, now: Timestamp) -> (String, NewInvitation) {
        let token = self.ids.secret();
        let (valid, resets_totp) = match how {
            Invitation::First => (FIRST, false),
            Invitation::Again { resets_totp } => (AGAIN, resets_totp),
        };
        let hash = hash_token(&token);
        (token, NewInvitation { hash, expires_at: now.plus(valid), resets_totp })
    }
}

/// What a link is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Invitation {
    First,
    /// In place of a password that was forgotten, and of a second factor that was lost.
    Again {
        resets_totp: bool,
    },
}

impl From<StoreError> for NotAccepted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotHashed> for NotAccepted {
    fn from(error: NotHashed) -> Self {
        match error {
            NotHashed::TooMany(wait) => Self::TooMany(wait),
            NotHashed::Failed(error) => Self::Store(error),
        }
    }
}
