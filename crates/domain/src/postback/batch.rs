//! Many postbacks in one body: a JSON array, or one object a line.

use serde_json::value::RawValue;

use super::authenticity::{self, OfWhole};
use super::rejection::Rejection;
use super::request::Request;
use crate::outcome::Reason;
use crate::program::Snapshot;

/// More objects than this are refused as a whole.
pub const OBJECTS_MAX: usize = 1_000;

/// A batch as it was sent.
pub struct Batch {
    /// An array is answered with an array, lines are answered with lines.
    pub is_array: bool,
    /// A request each, in their order; a body that cannot be split is one request, and a malformed one.
    pub requests: Vec<Request>,
    /// Whether the signature over the whole body fits, where the advertiser asks for one.
    pub(super) signature: OfWhole,
    /// Why it cannot be split.
    pub(super) fault: Option<String>,
}

/// Splits a batch. Each object is judged by itself, as if it had come alone with the same query and headers.
pub fn split(whole: &Request, snapshot: &Snapshot) -> Batch {
    let text = whole.body.trim_ascii();
    let is_array = text.first() == Some(&b'[');
    let objects = if is_array { elements(text) } else { Some(lines(text)) };
    let fault = match &objects {
        None => Some("the body is no JSON array".to_owned()),
        Some(objects) if objects.is_empty() => Some("the body holds no objects".to_owned()),
        Some(objects) if OBJECTS_MAX < objects.len() => {
            Some(format!("the body holds {} objects", objects.len()))
        }
        Some(_) => None,
    };
    let objects = objects.filter(|objects| !objects.is_empty() && objects.len() <= OBJECTS_MAX);
    let alone = |body: Vec<u8>| Request { content_type: "application/json".into(), body, ..whole.clone() };
    let shell = Request { body: Vec::new(), ..whole.clone() };
    let member = |object: &[u8]| Request {
        content_type: "application/json".into(),
        body: object.to_vec(),
        ..shell.clone()
    };
    let requests = match objects {
        Some(objects) => objects.iter().map(|object| member(object)).collect(),
        // Read as one object it has a fault, which says what is expected; an empty body has none of its own.
        None => vec![alone(if text.is_empty() { b"null".to_vec() } else { whole.body.clone() })],
    };
    Batch { is_array, requests, signature: authenticity::judge_whole(whole, snapshot), fault }
}

/// Says of a body that could not be split what is wrong with the whole of it.
pub fn explain(rejection: &mut Rejection, fault: &str) {
    if rejection.reason == Reason::MalformedRequest {
        rejection.message = fault.to_owned();
        rejection.expected =
            format!("a JSON array, or one JSON object a line, of at most {OBJECTS_MAX} objects");
        rejection.advice = format!("Send at most {OBJECTS_MAX} objects, as a JSON array or one a line.");
    }
}

fn elements(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    Some(elements.into_iter().map(|element| element.get().as_bytes().to_vec()).collect())
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}
