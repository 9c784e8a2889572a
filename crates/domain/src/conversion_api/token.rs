//! Access tokens of Google and Microsoft, had for a refresh token.
//!
//! Google: <https://developers.google.com/identity/protocols/oauth2/web-server#offline>; Microsoft:
//! <https://learn.microsoft.com/en-us/advertising/guides/authentication-oauth-get-tokens>.

use serde_json::Value;

use super::{Access, AccessError, Api, Platform, answer};
use crate::delivery::{Request, Verb};
use crate::time::Span;

/// A token is asked for anew this long before it ends, so that none ends on its way.
const MARGIN_SECONDS: u64 = 60;
const LIVES_SECONDS_MAX: u64 = 86_400;

/// An access token, and for how long it may be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub value: String,
    pub lives: Span,
    /// A new refresh token that came with it. Microsoft's end 90 days after they were given, used or not, and this
    /// one stands for the next 90; it is up to the caller to keep it.
    pub renewed: Option<String>,
}

/// Its values are secrets.
impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Token({})", self.lives)
    }
}

pub fn google(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let secrets = Secrets::of(access)?;
    Ok(secrets.request(api.url("https://oauth2.googleapis.com", "/token"), None))
}

pub fn microsoft(api: &Api, access: &Access<'_>) -> Result<Request, AccessError> {
    let secrets = Secrets::of(access)?;
    let tenant = api.setting("tenant").unwrap_or("common");
    let url = api.url("https://login.microsoftonline.com", &format!("/{tenant}/oauth2/v2.0/token"));
    Ok(secrets.request(url, Some("https://ads.microsoft.com/msads.manage offline_access")))
}

struct Secrets {
    client_id: String,
    client_secret: String,
    refresh_token: String,
}

impl Secrets {
    fn of(access: &Access<'_>) -> Result<Self, AccessError> {
        Ok(Self {
            client_id: access.secret("client_id")?,
            client_secret: access.secret("client_secret")?,
            refresh_token: access.secret("refresh_token")?,
        })
    }

    fn request(&self, url: String, scope: Option<&str>) -> Request {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("client_id", &self.client_id);
        form.append_pair("client_secret", &self.client_secret);
        form.append_pair("refresh_token", &self.refresh_token);
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        let kind = "application/x-www-form-urlencoded".to_owned();
        Request {
            verb: Verb::Post,
            url,
            headers: vec![("content-type".to_owned(), kind)],
            body: form.finish(),
        }
    }
}

pub fn read(platform: Platform, status: u16, body: &str) -> Result<Token, String> {
    let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    if status != 200 {
        let code = json.get("error").and_then(answer::code);
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        return Err(format!("{} gave no access token: status {status}{code}", platform.code()));
    }
    let value = json.get("access_token").and_then(Value::as_str).filter(|value| !value.is_empty());
    let lives = json.get("expires_in").and_then(Value::as_u64);
    let (Some(value), Some(lives)) = (value, lives) else {
        return Err(format!("{} answered without an access token", platform.code()));
    };
    let lives = lives.min(LIVES_SECONDS_MAX).saturating_sub(MARGIN_SECONDS);
    let renewed = json.get("refresh_token").and_then(Value::as_str).map(str::to_owned);
    Ok(Token { value: value.to_owned(), lives: Span::from_seconds(lives), renewed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_a_little_shorter_than_was_said_and_shows_itself_to_nobody() {
        let body = r#"{"access_token":"ya29.s3cret","expires_in":3600,"refresh_token":"n3w"}"#;
        let token = read(Platform::GoogleAds, 200, body).unwrap();
        assert_eq!(token.lives, Span::from_seconds(3_540));
        assert_eq!(token.renewed.as_deref(), Some("n3w"));
        assert_eq!(format!("{token:?}"), "Token(59m)");
    }

    #[test]
    fn a_refused_token_is_told_by_its_code_alone() {
        let body = r#"{"error":"invalid_grant","error_description":"refresh token 1//s3cret is expired"}"#;
        let told = read(Platform::Microsoft, 400, body).unwrap_err();
        assert_eq!(told, "microsoft gave no access token: status 400 (invalid_grant)");
        for body in ["{}", "", r#"{"access_token":"","expires_in":1}"#, r#"{"access_token":"x"}"#] {
            assert!(read(Platform::GoogleAds, 200, body).is_err(), "{body}");
        }
    }
}
