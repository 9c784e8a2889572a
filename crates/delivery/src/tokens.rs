//! Access tokens of the platforms that ask for one, kept for as long as they live.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proofback_domain::conversion_api::{read_token, token_request};
use proofback_domain::delivery::AttemptResult;
use proofback_domain::program::SecretRef;
use proofback_domain::program::target::Connection;
use proofback_domain::time::{Span, Timestamp};

use crate::client::Client;

/// A token is not used for the end of its life: the request must arrive within it.
const SPARE: Span = Span::from_seconds(60);

/// By the secrets that a token was given for.
#[derive(Default)]
pub struct Tokens {
    known: Mutex<HashMap<Vec<SecretRef>, Known>>,
}

#[derive(Clone)]
struct Known {
    value: String,
    until: Timestamp,
}

impl Tokens {
    /// The token of a connection, asked for where none is known; `None` where the platform needs none.
    pub async fn get(
        &self,
        client: &Client,
        now: Timestamp,
        connection: &Connection,
        secret: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Option<String>, String> {
        if let Some(known) = self.find(connection).filter(|known| now < known.until) {
            return Ok(Some(known.value));
        }
        let request = token_request(&connection.api, secret).map_err(|error| error.to_string())?;
        let Some(request) = request else {
            return Ok(None);
        };
        let answer = client.send(&request, now).await;
        let AttemptResult::Answered { status, .. } = answer.result else {
            let why = answer.result.error().unwrap_or_default();
            return Err(format!("no access token could be had: {why}"));
        };
        let token = read_token(&connection.api, status, &answer.body)?;
        let lives = token.lives.millis().saturating_sub(SPARE.millis());
        let known = Known { value: token.value, until: now.plus(Span::from_millis(lives)) };
        let value = known.value.clone();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key(connection), known);
        Ok(Some(value))
    }

    /// The platform refused the token, whatever it said of its life.
    pub fn forget(&self, connection: &Connection) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(connection));
    }

    fn find(&self, connection: &Connection) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key(connection)).cloned()
    }
}

fn key(connection: &Connection) -> Vec<SecretRef> {
    connection.secrets.values().cloned().collect()
}
