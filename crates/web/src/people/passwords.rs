//! A person changes its own password.

use proofback_domain::password::weakness;
use proofback_domain::person::Email;
use proofback_store::{Login, StoreError};

use super::hashing::NotHashed;
use super::{NotChanged, Session};
use crate::state::Web;

impl Web {
    /// Ends all other sessions of the person.
    pub async fn change_password(&self, session: &Session, old: &str, new: &str) -> Result<(), NotChanged> {
        let now = self.now();
        let Some(own) = session.own() else {
            return Err(NotChanged::NoPerson);
        };
        self.people.by_person.take(&session.caller.name, now).map_err(NotChanged::TooMany)?;
        let Some(login) = self.login_of(session).await? else {
            return Err(NotChanged::Wrong);
        };
        if !self.people.hashing.verify(old, Some(login.password.clone())).await? {
            return Err(NotChanged::Wrong);
        }
        if let Some(reason) = weakness(new, &login.person.email, &login.person.name) {
            return Err(NotChanged::WeakPassword(reason));
        }
        let password = self.people.hashing.hash(new, self.ids.salt()).await?;
        if !self.store.change_password(own, login.password, password, now).await? {
            return Err(NotChanged::Wrong);
        }
        self.people.by_person.forget(&session.caller.name);
        Ok(())
    }

    /// What the person of a session is held against.
    pub(super) async fn login_of(&self, session: &Session) -> Result<Option<Login>, StoreError> {
        match session.person.as_ref().and_then(|person| Email::parse(&person.email).ok()) {
            Some(email) => self.store.login(email).await,
            None => Ok(None),
        }
    }
}

impl From<StoreError> for NotChanged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotHashed> for NotChanged {
    fn from(error: NotHashed) -> Self {
        match error {
            NotHashed::TooMany(wait) => Self::TooMany(wait),
            NotHashed::Failed(error) => Self::Store(error),
        }
    }
}
