//! The parameters of a postback as they came: from the query, a form or a JSON object, in their order.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::de::{MapAccess, SeqAccess, Visitor};

use super::placeholder;
use crate::entities::{self, Repair};
use crate::time::Timestamp;

/// More parameters than this are no postback.
const PARAMS_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// An HTTP request to a postback address, read but not yet understood.
#[derive(Debug, Clone)]
pub struct Request {
    pub at: Timestamp,
    pub method: Method,
    /// From the path `/postback/{advertiser}`.
    pub advertiser: Option<String>,
    /// A browser's request for the pixel.
    pub pixel: bool,
    /// From the path `/postback/{advertiser}/{token}`.
    pub path_token: Option<String>,
    pub https: bool,
    /// The sender's address, behind trusted proxies.
    pub ip: IpAddr,
    /// Raw, without the `?`.
    pub query: Vec<u8>,
    pub content_type: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Decoded parameters, or why there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pub pairs: Vec<(String, String)>,
    /// What was mended on the way, in words.
    pub repaired: Vec<String>,
    /// Why the request cannot be read.
    pub fault: Option<Fault>,
}

/// Why a request cannot be read: a whole sentence, or what is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The sender's name of the parameter at fault.
    pub param: Option<String>,
    pub message: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a signature covers the query; otherwise the body.
    pub fn signs_query(&self) -> bool {
        match self.method {
            Method::Get => true,
            Method::Post => false,
        }
    }

    /// What a signature covers, the raw query of a GET or the raw body of a POST, byte for byte as it came; only
    /// the parameter that carries the signature itself is cut out.
    pub fn payload_without(&self, param: Option<&str>) -> Cow<'_, [u8]> {
        let (payload, is_form) = if self.signs_query() {
            (&self.query, true)
        } else {
            (&self.body, form_of(&self.content_type, &self.body) == Some(BodyForm::Form))
        };
        match param {
            Some(param) if is_form => {
                let named = |pair: &&[u8]| form_urlencoded::parse(pair).any(|(name, _)| name == param);
                let pairs = payload.split(|byte| *byte == b'&');
                Cow::Owned(pairs.filter(|pair| !named(pair)).collect::<Vec<_>>().join(&b'&'))
            }
            Some(_) | None => Cow::Borrowed(payload),
        }
    }

    pub fn params(&self) -> Params {
        let mut params = Params::default();
        params.read_form(&self.query, "query");
        if self.method == Method::Post && !self.body.is_empty() {
            params.read_body(&self.content_type, &self.body);
        }
        params
    }
}

impl Params {
    fn set_fault(&mut self, message: String) {
        self.fault.get_or_insert(Fault { param: None, message });
    }

    fn set_fault_of(&mut self, name: &str, message: &str) {
        self.fault.get_or_insert_with(|| Fault { param: Some(name.to_owned()), message: message.to_owned() });
    }

    fn read_body(&mut self, content_type: &str, body: &[u8]) {
        match form_of(content_type, body) {
            Some(BodyForm::Json) => self.read_json(body),
            Some(BodyForm::Form) => self.read_form(body, "body"),
            None => self.set_fault(format!(
                "a body of the type {:?}; a form or a JSON object is expected",
                media(content_type)
            )),
        }
    }

    fn read_form(&mut self, raw: &[u8], place: &str) {
        let text = match std::str::from_utf8(raw) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                self.set_fault(format!("the {place} holds bytes that are not UTF-8"));
                String::from_utf8_lossy(raw).into_owned()
            }
        };
        let (text, found) = entities::repair_entities(&text);
        let read_as = |repair: Repair| format!("{} in the {place} was read as {}", repair.seen, repair.meant);
        self.repaired.extend(found.into_iter().map(read_as));
        for piece in text.split('&').filter(|piece| !piece.is_empty()) {
            let Some((name, value)) = decode(piece) else {
                continue;
            };
            // The decoder replaces what is not UTF-8; a sender's own U+FFFD is no more use than that.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                self.set_fault_of(&name, "is not UTF-8");
            }
            self.push(name, value);
        }
    }

    fn read_json(&mut self, body: &[u8]) {
        match serde_json::from_slice::<FlatObject>(body) {
            Ok(object) => object.0.into_iter().for_each(|(name, value)| self.push(name, value)),
            Err(error) => self.set_fault(format!(
                "the body is not a JSON object of plain values (line {}, column {})",
                error.line(),
                error.column()
            )),
        }
    }

    fn push(&mut self, name: String, value: String) {
        if PARAMS_MAX <= self.pairs.len() {
            self.set_fault(format!("more than {PARAMS_MAX} parameters"));
            return;
        }
        if name.contains('\0') || value.contains('\0') {
            self.set_fault_of(&name, "holds a NUL character");
        }
        let before = self.pairs.iter().find(|(known, _)| *known == name);
        match before {
            Some((_, known)) if *known == value => {}
            Some(_) => {
                self.set_fault_of(&name, "stands twice with different values");
                self.pairs.push((name, value));
            }
            None => self.pairs.push((name, value)),
        }
    }
}

/// One `name=value` of a query or form. A placeholder such as `%CAMPAIGN%` is no percent-encoding, although
/// it begins like one: no sound value ends in a `%`.
fn decode(piece: &str) -> Option<(String, String)> {
    let (name, value) = form_urlencoded::parse(piece.as_bytes()).next()?;
    let raw = piece.split_once('=').map(|(_, raw)| raw).unwrap_or_default();
    let verbatim = raw.starts_with('%') && raw.ends_with('%') && placeholder::find(raw).is_some();
    Some((name.into_owned(), if verbatim { raw.to_owned() } else { value.into_owned() }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyForm {
    Json,
    Form,
}

fn form_of(content_type: &str, body: &[u8]) -> Option<BodyForm> {
    let looks_like_json = body.trim_ascii_start().first() == Some(&b'{');
    match media(content_type).as_str() {
        "application/json" => Some(BodyForm::Json),
        "application/x-www-form-urlencoded" => Some(BodyForm::Form),
        "" | "text/plain" if looks_like_json => Some(BodyForm::Json),
        "" | "text/plain" => Some(BodyForm::Form),
        json if json.ends_with("+json") => Some(BodyForm::Json),
        _ => None,
    }
}

fn media(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A JSON object's members in their order, values as text; a name that comes twice comes twice.
struct FlatObject(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for FlatObject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = FlatObject;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<FlatObject, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = access.next_entry::<String, serde_json::Value>()? {
                    match value {
                        serde_json::Value::Null => {}
                        serde_json::Value::String(text) => members.push((name, text)),
                        serde_json::Value::Number(number) => members.push((name, number.to_string())),
                        serde_json::Value::Bool(flag) => members.push((name, flag.to_string())),
                        nested @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                            members.push((name, nested.to_string()));
                        }
                    }
                }
                Ok(FlatObject(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<FlatObject, A::Error> {
                Err(serde::de::Error::custom("an array"))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &str, body: &str) -> Request {
        Request {
            at: Timestamp::EPOCH,
            method: Method::Post,
            advertiser: None,
            pixel: false,
            path_token: None,
            https: false,
            ip: IpAddr::from([127, 0, 0, 1]),
            query: b"q=1".to_vec(),
            content_type: content_type.into(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn post(content_type: &str, body: &str) -> Params {
        request(content_type, body).params()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn query_form_and_json_are_read_together() {
        assert_eq!(
            post("application/x-www-form-urlencoded", "a=x+y&b=%C3%A4").pairs,
            pairs(&[("q", "1"), ("a", "x y"), ("b", "ä")])
        );
        let json = post(
            "application/json; charset=utf-8",
            r#"{"amount": 120.10, "test": true, "none": null, "id": "x"}"#,
        );
        assert_eq!(json.pairs, pairs(&[("q", "1"), ("amount", "120.10"), ("test", "true"), ("id", "x")]));
        assert_eq!(post("", "{\"a\":1}").pairs, pairs(&[("q", "1"), ("a", "1")]));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (content_type, body) in [
            ("application/json", "{"),
            ("application/json", "[1]"),
            ("application/json", "\"x\""),
            ("application/json", "{\"a\": 1, \"a\": 2}"),
            ("multipart/form-data", "x"),
            ("application/x-www-form-urlencoded", "a=1&a=2"),
            ("application/x-www-form-urlencoded", "q=2"),
            ("application/x-www-form-urlencoded", "a=%ff"),
            ("application/x-www-form-urlencoded", "a=%00"),
        ] {
            assert!(post(content_type, body).fault.is_some(), "{content_type} {body}");
        }
        assert_eq!(post("application/x-www-form-urlencoded", "a=1&a=1").fault, None);
    }

    #[test]
    fn an_exact_number_of_any_length_keeps_its_digits() {
        let params = post("application/json", r#"{"a": 0.1000000000000000055, "b": 12345678901234567890}"#);
        assert_eq!(
            params.pairs[1..],
            pairs(&[("a", "0.1000000000000000055"), ("b", "12345678901234567890")])
        );
    }

    #[test]
    fn the_signature_is_cut_out_and_nothing_else_is_touched() {
        let get = |query: &str| Request {
            method: Method::Get,
            query: query.as_bytes().to_vec(),
            ..request("application/json", "ignored")
        };
        for (query, left) in [
            ("a=1&sig=xx&b=%41+c", "a=1&b=%41+c"),
            ("sig=xx&a=1", "a=1"),
            ("a=1&sig=xx", "a=1"),
            ("sig=xx", ""),
            ("a=1&%73ig=xx&sig=yy&&b", "a=1&&b"),
            ("a=1&sigh=xx", "a=1&sigh=xx"),
            ("a=1&amp;sig=xx", "a=1&amp;sig=xx"),
        ] {
            assert_eq!(get(query).payload_without(Some("sig")).as_ref(), left.as_bytes(), "{query}");
            assert_eq!(get(query).payload_without(None).as_ref(), query.as_bytes());
        }
        let form = request("application/x-www-form-urlencoded", "a=1&sig=x");
        assert_eq!(form.payload_without(Some("sig")).as_ref(), b"a=1");
        let json = request("application/json", r#"{"a": "1&sig=x&2"}"#);
        assert_eq!(json.payload_without(Some("sig")).as_ref(), json.body, "a text in JSON is no parameter");
    }
}
