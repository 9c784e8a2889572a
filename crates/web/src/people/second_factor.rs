//! The second factor: codes of an authenticator (RFC 6238), put in force and ended by the person itself.

use proofback_domain::totp::Secret;
use proofback_store::StoreError;
use qrcode::QrCode;
use qrcode::render::svg;

use super::{Session, TotpOffer};
use crate::state::Web;

/// The narrowest picture, in units of the page.
const QR_WIDTH_MIN: u32 = 200;
const ISSUER_CHARS_MAX: usize = 40;
/// Before the first one that was used.
const NO_STEP: i64 = -1;

impl Web {
    /// A secret for an authenticator. Nothing is kept of it, and nothing is in force until it is confirmed.
    pub async fn begin_totp(&self, session: &Session) -> Result<TotpOffer, StoreError> {
        let secret = Secret::new(self.ids.totp_secret());
        let snapshot = self.store.snapshot();
        // Authenticators list accounts under the program: somebody may have several.
        let program = snapshot.as_ref().map_or("Proofback", |snapshot| snapshot.program.name.as_str());
        let issuer: String = program.chars().take(ISSUER_CHARS_MAX).collect();
        let uri = secret.uri(&issuer, &session.caller.name);
        Ok(TotpOffer { secret: secret.to_string(), svg: qr(&uri), uri })
    }

    /// Puts a second factor in force if the code is one of its secret; all other sessions of the person end. `false`:
    /// it is not, or one is in force already.
    pub async fn confirm_totp(
        &self,
        session: &Session,
        secret: &str,
        code: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let secret = Secret::parse(secret);
        let accepted = secret.as_ref().and_then(|secret| secret.accept(code, now, NO_STEP));
        match (session.own(), secret, accepted) {
            (Some(own), Some(secret), Some(step)) => {
                self.store.set_totp(own, secret.to_string(), step, now).await
            }
            (_, _, _) => Ok(false),
        }
    }

    /// Ends the second factor by one of its codes; all other sessions of the person end. `false`: the code is wrong or
    /// was used, or there is no second factor, or too many codes were tried.
    pub async fn end_totp(&self, session: &Session, code: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let (Some(own), Some(login)) = (session.own(), self.login_of(session).await?) else {
            return Ok(false);
        };
        let email = login.person.email.as_str();
        if self.people.codes.take(email, now).is_err() {
            return Ok(false);
        }
        let accepted =
            Secret::parse(&login.totp).and_then(|secret| secret.accept(code, now, login.totp_step));
        let Some(step) = accepted else {
            return Ok(false);
        };
        let ended = self.store.end_totp(own, step, now).await?;
        if ended {
            self.people.codes.forget(email);
        }
        Ok(ended)
    }
}

fn qr(uri: &str) -> String {
    let Ok(code) = QrCode::new(uri) else {
        return String::new();
    };
    let picture = code.render::<svg::Color<'_>>().min_dimensions(QR_WIDTH_MIN, QR_WIDTH_MIN).build();
    // Within a page there is no prolog.
    picture.split_once("?>").map_or(picture.clone(), |(_, element)| element.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_an_element_that_loads_and_styles_nothing() {
        let svg = qr("otpauth://totp/Proofback:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("style") && !svg.contains("href") && !svg.contains("<script"), "{svg}");
        assert_eq!(qr(&"x".repeat(5_000)), "");
    }
}
