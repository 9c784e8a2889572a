//! What all answers have in common.

use serde_json::Value;

use super::{Call, Reading};
use crate::delivery::AttemptResult;
use crate::time::Span;

const CODE_BYTES_MAX: usize = 80;

pub struct Answer {
    pub status: u16,
    retry_after: Option<Span>,
    /// `Null` where it is no JSON.
    pub json: Value,
}

impl Answer {
    pub fn of(status: u16, retry_after: Option<Span>, body: &str) -> Self {
        Self { status, retry_after, json: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    pub fn is_success(&self) -> bool {
        200 <= self.status && self.status < 300
    }

    pub fn as_status(&self) -> AttemptResult {
        AttemptResult::Answered { status: self.status, retry_after: self.retry_after }
    }

    /// What the status alone says of a call that was not taken, whatever the platform. `code` is the platform's own.
    pub fn by_status(&self, call: &Call, code: &str) -> Reading {
        match self.status {
            401 => Reading::access_refused(call, code),
            403 | 404 => Reading::mendable(call, code),
            408 | 429 | 500..=599 => Reading::all(call, &self.as_status()),
            400 | 409 | 413 | 422 => Reading::some_member(call, code),
            _ => Reading::all(call, &self.as_status()),
        }
    }
}

impl Reading {
    pub fn all(call: &Call, result: &AttemptResult) -> Self {
        let results = call.members.iter().map(|_| Some(result.clone())).collect();
        Self { results, again: Vec::new(), access_refused: false }
    }

    /// Every member was taken.
    pub fn delivered(call: &Call, answer: &Answer) -> Self {
        Self::all(call, &answer.as_status())
    }

    /// The connection is at fault, not what was sent: it waits for the operator.
    pub fn mendable(call: &Call, code: &str) -> Self {
        let why = format!("{code}: look at the connection's settings and permissions");
        Self::all(call, &AttemptResult::Deferred(why))
    }

    pub fn access_refused(call: &Call, code: &str) -> Self {
        let why = format!("{code}: the access token or secret was refused");
        Self { access_refused: true, ..Self::all(call, &AttemptResult::Deferred(why)) }
    }

    /// Some member is at fault, and the platform does not say which: halves are sent until it is alone.
    pub fn some_member(call: &Call, code: &str) -> Self {
        let again = call.split();
        if again.is_empty() {
            return Self::all(call, &AttemptResult::Declined(code.to_owned()));
        }
        Self { results: vec![None; call.members.len()], again, access_refused: false }
    }

    /// The whole call was refused for the sake of the members that are named: they are done with, the others were
    /// not taken either and are sent again without them.
    pub fn without(call: &Call, named: impl Fn(usize) -> Option<AttemptResult>) -> Self {
        let results: Vec<Option<AttemptResult>> = (0..call.members.len()).map(&named).collect();
        let again = call.only(|place| results.get(place).is_some_and(Option::is_none)).into_iter().collect();
        Self { results, again, access_refused: false }
    }
}

/// A platform's code, if it looks like one; its sentences may quote what was sent.
pub fn code(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()).filter(|text| text.len() <= CODE_BYTES_MAX),
        Value::String(text) => {
            let fits = !text.is_empty()
                && text.len() <= CODE_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && text.bytes().any(|byte| byte.is_ascii_alphabetic());
            fits.then(|| text.clone())
        }
        _ => None,
    }
}

/// The place in `name[12]` or `name.12`, wherever it stands in the text.
pub fn place_in(text: &str, name: &str) -> Option<usize> {
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        rest = rest.get(at.saturating_add(name.len())..)?;
        let after = rest.strip_prefix('[').or_else(|| rest.strip_prefix('.'));
        let digits: String = after.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        if !digits.is_empty() && digits.len() <= 4 {
            return digits.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_code_is_repeated() {
        let told = |json: &str| code(&serde_json::from_str(json).unwrap());
        assert_eq!(told("190").as_deref(), Some("190"));
        assert_eq!(told("\"INVALID_ARGUMENT\"").as_deref(), Some("INVALID_ARGUMENT"));
        for json in ["\"a b\"", "\"\"", "\"ada@example.com\"", "\"4915112345678\"", "null", "[1]"] {
            assert_eq!(told(json), None, "{json}");
        }
    }

    #[test]
    fn the_place_of_a_member_is_found_in_a_field_or_a_sentence() {
        for (text, place) in [
            ("data[2].user.email: invalid", Some(2)),
            ("The field data.13 is wrong", Some(13)),
            ("data data[0]", Some(0)),
            ("data[] is missing", None),
            ("data[99999]", None),
            ("nothing", None),
        ] {
            assert_eq!(place_in(text, "data"), place, "{text}");
        }
    }
}
