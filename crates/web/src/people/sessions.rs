//! Sessions: opened with a fresh token each, found by its hash, kept alive by use, ended.

use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Doer, Holder, NewSession, OpenSession, Owner, StoreError};
use sha2::{Digest, Sha256};

use super::{IDLE, LONGEST, OPERATOR, Opened, Person, Seen, Session};
use crate::api::Caller;
use crate::role::{Role, hash_token};
use crate::state::Web;

/// How exactly it is known when a session was last used.
const NOTED_EVERY: Span = Span::from_seconds(60);
const USER_AGENT_CHARS_MAX: usize = 200;

impl Web {
    /// Who is signed in with what a browser keeps; `None`: sign in again.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let now = self.now();
        let Some(OpenSession { session, holder }) = self.find_session(token, now).await? else {
            return Ok(None);
        };
        if NOTED_EVERY <= now.since(session.seen_at) {
            // That this could not be noted is no reason to keep anybody from looking.
            let noted = self.store.note_seen(session.id, now, expires_at(session.at, now)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the use of a session could not be noted");
            }
        }
        let (name, role, person) = match holder {
            Holder::Operator => (OPERATOR.to_owned(), Some(Role::Admin), None),
            Holder::Token { name, role } => (name, Role::parse(&role), None),
            Holder::Person(row) => {
                let email = row.email.to_string();
                let (id, has_totp) = (row.id.to_string(), row.has_totp);
                let person = Person { id, email: email.clone(), name: row.name, has_totp };
                (email, Role::parse(&row.role), Some(person))
            }
        };
        let (owner, id) = (session.owner, session.id);
        Ok(role.map(|role| {
            let caller = Caller { name, role, owner, session: Some(id) };
            Session { id: id.to_string(), caller, person }
        }))
    }

    /// Ends a session; what is none is none afterwards.
    pub async fn sign_out(&self, token: &str) -> Result<(), StoreError> {
        let now = self.now();
        let Some(OpenSession { session, holder }) = self.find_session(token, now).await? else {
            return Ok(());
        };
        let actor = match holder {
            Holder::Operator => OPERATOR.to_owned(),
            Holder::Token { name, .. } => name,
            Holder::Person(person) => person.email.to_string(),
        };
        let doer = Doer { actor, reason: "signed out".into() };
        self.store.end_session(session.id, None, doer, now).await.map(drop)
    }

    /// A session that is not kept yet: a token that nobody has seen, and what is to be kept of it.
    pub(super) fn new_session(&self, owner: Owner, seen: &Seen, now: Timestamp) -> (Opened, NewSession) {
        let token = self.ids.secret();
        let hash = match owner {
            Owner::Operator => self.operator_hash(&token),
            Owner::Token(_) | Owner::Person(_) => hash_token(&token),
        };
        let plain = seen.user_agent.chars().filter(|one| !one.is_control());
        let session = NewSession {
            id: self.ids.session(now),
            owner,
            hash,
            at: now,
            expires_at: expires_at(now, now),
            ip: seen.ip.to_canonical().to_string(),
            user_agent: plain.take(USER_AGENT_CHARS_MAX).collect(),
        };
        (Opened { token, expires_at: now.plus(LONGEST) }, session)
    }

    async fn find_session(&self, token: &str, now: Timestamp) -> Result<Option<OpenSession>, StoreError> {
        if let Some(found) = self.store.open_session(hash_token(token), now).await? {
            return Ok(Some(found));
        }
        self.store.open_session(self.operator_hash(token), now).await
    }

    /// Sessions of the operator's token are found under both together: they end when it is replaced.
    fn operator_hash(&self, token: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.settings.admin_token_hash);
        hash.update(token.as_bytes());
        hash.finalize().into()
    }
}

/// When a session ends unless it is used again.
fn expires_at(opened_at: Timestamp, used_at: Timestamp) -> Timestamp {
    used_at.plus(IDLE).min(opened_at.plus(LONGEST))
}
