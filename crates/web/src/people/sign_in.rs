//! Signing in: with a password and perhaps a code, or with an access token.

use proofback_domain::person::Email;
use proofback_domain::time::Timestamp;
use proofback_domain::totp::Secret;
use proofback_store::{Login, Opening, Owner, Proof, StoreError};
use subtle::ConstantTimeEq;

use super::hashing::NotHashed;
use super::throttle::address;
use super::{OPERATOR, Opened, Seen, SignIn, SignInRefused};
use crate::role::hash_token;
use crate::state::Web;

impl Web {
    /// Signs a person in. The password is looked at first: who does not know it learns nothing of the second factor.
    pub async fn sign_in(&self, asked: &SignIn, seen: &Seen) -> Result<Opened, SignInRefused> {
        let now = self.now();
        self.people.by_address.take(&address(seen.ip), now).map_err(SignInRefused::TooMany)?;
        let email = Email::parse(&asked.email).ok();
        if let Some(email) = &email {
            self.people.by_email.take(email.as_str(), now).map_err(SignInRefused::TooMany)?;
        }
        let login = self.known(email).await?;
        let password = login.as_ref().map(|login| login.password.clone());
        let right = self.people.hashing.verify(&asked.password, password).await?;
        let Some(login) = login.filter(|_| right) else {
            tracing::info!(ip = %seen.ip, "a sign-in was refused: the address or the password is wrong");
            return Err(SignInRefused::Wrong);
        };
        let step = self.check_code(&login, asked, seen, now).await?;
        let (opened, session) = self.new_session(Owner::Person(login.person.id), seen, now);
        let proof = Proof { password: login.password, step };
        match self.store.open_session_of_person(login.person.id, session, proof).await? {
            Opening::Opened => {
                let email = login.person.email.as_str();
                self.people.by_email.forget(email);
                self.people.codes.forget(email);
                Ok(opened)
            }
            Opening::Changed => Err(SignInRefused::Wrong),
            Opening::StepUsed => Err(SignInRefused::WrongCode),
        }
    }

    /// Signs in whoever has an access token; the operator's is the first way in.
    pub async fn sign_in_with_token(&self, token: &str, seen: &Seen) -> Result<Opened, SignInRefused> {
        let now = self.now();
        self.people.by_address.take(&address(seen.ip), now).map_err(SignInRefused::TooMany)?;
        let hash = hash_token(token.trim());
        let (owner, name) = if bool::from(hash.ct_eq(&self.settings.admin_token_hash)) {
            (Owner::Operator, OPERATOR.to_owned())
        } else if let Some(found) = self.store.token(hash).await? {
            (Owner::Token(found.id), found.name)
        } else {
            tracing::info!(ip = %seen.ip, "a sign-in was refused: there is no such access token");
            return Err(SignInRefused::Wrong);
        };
        let (opened, session) = self.new_session(owner, seen, now);
        match self.store.open_session_of_token(session, name).await? {
            Opening::Opened => Ok(opened),
            Opening::Changed | Opening::StepUsed => Err(SignInRefused::Wrong),
        }
    }

    /// Somebody who could sign in.
    async fn known(&self, email: Option<Email>) -> Result<Option<Login>, StoreError> {
        let Some(email) = email else {
            return Ok(None);
        };
        let found = self.store.login(email).await?;
        Ok(found.filter(|login| !login.person.disabled && !login.password.is_empty()))
    }

    /// The step of the code, where a second factor is in force.
    async fn check_code(
        &self,
        login: &Login,
        asked: &SignIn,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<Option<i64>, SignInRefused> {
        if login.totp.is_empty() {
            return Ok(None);
        }
        if asked.code.trim().is_empty() {
            return Err(SignInRefused::CodeNeeded);
        }
        self.people.codes.take(login.person.email.as_str(), now).map_err(SignInRefused::TooMany)?;
        let accepted =
            Secret::parse(&login.totp).and_then(|secret| secret.accept(&asked.code, now, login.totp_step));
        if accepted.is_none() {
            self.store.note_wrong_code(login.person.id, seen.ip.to_string(), now).await?;
            return Err(SignInRefused::WrongCode);
        }
        Ok(accepted)
    }
}

impl From<StoreError> for SignInRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotHashed> for SignInRefused {
    fn from(error: NotHashed) -> Self {
        match error {
            NotHashed::TooMany(wait) => Self::TooMany(wait),
            NotHashed::Failed(error) => Self::Store(error),
        }
    }
}
