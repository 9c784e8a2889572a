//! Cookies: the session, the theme, and a word that is shown once.

use axum::http::{HeaderMap, HeaderValue, header};

/// Of the session, over HTTPS: no other host or path can set a cookie of this name (RFC 6265bis, 4.1.3.2).
const SESSION_SECURE: &str = "__Host-proofback_session";
/// Of the session, over plain HTTP, on a machine of one's own.
const SESSION_PLAIN: &str = "proofback_session";
pub const THEME: &str = "proofback_theme";
pub const NOTICE: &str = "proofback_notice";
const YEAR_S: u32 = 31_536_000;
/// What is shown once has this long to be shown.
const NOTICE_S: u32 = 60;

/// The first cookie of a name.
pub fn of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn session_name(secure: bool) -> &'static str {
    if secure { SESSION_SECURE } else { SESSION_PLAIN }
}

/// The token of the session.
pub fn session(headers: &HeaderMap, secure: bool) -> Option<&str> {
    of(headers, session_name(secure)).filter(|token| !token.is_empty())
}

/// Keeps the session until the browser is closed or the server ends it.
pub fn keep_session(token: &str, secure: bool) -> HeaderValue {
    made(session_name(secure), token, None, secure)
}

pub fn drop_session(secure: bool) -> HeaderValue {
    made(session_name(secure), "", Some(0), secure)
}

pub fn keep_theme(theme: &str, secure: bool) -> HeaderValue {
    made(THEME, theme, Some(YEAR_S), secure)
}

/// A sentence for the next page.
pub fn keep_notice(text: &str, secure: bool) -> HeaderValue {
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    made(NOTICE, &text, Some(NOTICE_S), secure)
}

pub fn drop_notice(secure: bool) -> HeaderValue {
    made(NOTICE, "", Some(0), secure)
}

/// What [`keep_notice`] kept.
pub fn notice(headers: &HeaderMap) -> Option<String> {
    let text = of(headers, NOTICE)?;
    let text = form_urlencoded::parse(format!("n={text}").as_bytes()).next()?.1.into_owned();
    (!text.is_empty()).then_some(text)
}

/// Only ever sent to this host, never seen by a script, and not with requests that another site makes.
fn made(name: &str, value: &str, max_age_s: Option<u32>, secure: bool) -> HeaderValue {
    let age = max_age_s.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let only = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{only}");
    HeaderValue::from_str(&text)
        .unwrap_or_else(|_| HeaderValue::from_static("proofback_notice=; Path=/; Max-Age=0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_in_further_lines() {
        let headers = headers(&["a=1; proofback_session=abc ;b=2", "proofback_theme=dark"]);
        assert_eq!((session(&headers, false), of(&headers, THEME)), (Some("abc"), Some("dark")));
        assert_eq!(session(&headers, true), None, "a plain cookie is no secure one");
        assert_eq!(of(&headers, "a"), Some("1"));
        assert_eq!(of(&headers, "session"), None);
    }

    #[test]
    fn what_is_kept_is_for_this_host_and_no_script() {
        let kept = keep_session("t", true);
        assert_eq!(kept, "__Host-proofback_session=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(drop_session(false), "proofback_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn a_sentence_comes_back_whatever_is_in_it() {
        for text in ["3 postbacks accepted", "ä; Path=/x, \"y\" % +\r\nSet-Cookie: a=b"] {
            let kept = keep_notice(text, false);
            let value = kept.to_str().unwrap().split(';').next().unwrap().to_owned();
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, HeaderValue::from_str(&value).unwrap());
            assert_eq!(notice(&headers).as_deref(), Some(text));
        }
    }
}
