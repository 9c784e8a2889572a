//! The reader of postbacks: any request is read, nothing unproven passes, no secret is kept.

use std::net::IpAddr;

use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, Known, decide};
use proofback_domain::id::Id;
use proofback_domain::outcome::Outcome;
use proofback_domain::postback::{Batch, Method, OBJECTS_MAX, Reading, Request, read, read_member, split};

use super::{SECRET, SNAPSHOT, TOKEN, now};

/// The bytes are a request as it stands on the wire, with bare line feeds; without a version, so that the whole
/// first line is the target. A header `forwarded` stands for TLS from an allowed address.
pub fn run(data: &[u8]) {
    let request = request(data);
    judge(&request, read(&request, &SNAPSHOT, None));
    // The address of a batch always names its advertiser.
    if request.advertiser.is_none() {
        return;
    }
    let batch = split(&request, &SNAPSHOT);
    every_object_is_there_once(&request, &batch);
    for (number, member) in batch.requests.iter().enumerate() {
        judge(member, read_member(member, number, &batch, &SNAPSHOT));
    }
}

pub fn request(data: &[u8]) -> Request {
    let (head, body) = cut(data, b"\n\n");
    let (first, headers) = cut(head, b"\n");
    let (method, target) = cut(first, b" ");
    let (path, query) = cut(target, b"?");
    let headers: Vec<(String, String)> = headers
        .split(|byte| *byte == b'\n')
        .map(|line| cut(line, b": "))
        .map(|(name, value)| (text(name).to_ascii_lowercase(), text(value)))
        .collect();
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let is_forwarded = header("forwarded").is_some();
    Request {
        at: now(),
        method: if method == b"POST" { Method::Post } else { Method::Get },
        advertiser: text(path).strip_prefix("/postback/").map(str::to_owned),
        path_token: None,
        pixel: text(path).ends_with(".gif"),
        https: is_forwarded,
        ip: IpAddr::from(if is_forwarded { [203, 0, 113, 7] } else { [127, 0, 0, 1] }),
        query: query.to_vec(),
        content_type: header("content-type").unwrap_or_default(),
        headers,
        body: body.to_vec(),
    }
}

fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = bytes.windows(mark.len()).position(|window| window == mark);
    place.map_or((bytes, &[]), |place| (&bytes[..place], &bytes[place + mark.len()..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn judge(request: &Request, reading: Reading) {
    nothing_unproven_passes(request, &reading);
    no_secret_is_kept(&reading);
    if let Some(id) = reading.click_id() {
        assert_eq!(SNAPSHOT.keys.read(&id.to_string()), Some(id));
    }
    let known = Known { click: reading.click_id().and_then(click), ..Known::default() };
    let decision = decide(&reading, &known, &SNAPSHOT, Id::new(now(), 1), now());
    assert_eq!(decision, decide(&reading, &known, &SNAPSHOT, Id::new(now(), 1), now()));
    the_decision_follows(&reading, &decision);
    let counts = matches!(decision.outcome, Outcome::Accepted | Outcome::Updated);
    assert!(!(reading.is_pixel() && counts), "a pixel counts for itself");
}

fn nothing_unproven_passes(request: &Request, reading: &Reading) {
    if reading.rejection.is_some() {
        return;
    }
    let params = request.params();
    assert!(params.fault.is_none(), "{:?} passed", params.fault);
    assert!(reading.stored.len() == params.pairs.len() && params.pairs.len() <= 200);
    if request.pixel {
        return;
    }
    match reading.advertiser.as_ref().map(|name| name.as_str()) {
        Some("casino") => {
            let header = request.header("authorization").and_then(|header| header.split_once(' '));
            let bearer = header.is_some_and(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && token.trim() == TOKEN
            });
            let named = params.pairs.iter().any(|(name, value)| name == "key" && value == TOKEN);
            assert!(bearer || named, "passed without the token");
        }
        Some("strict") => {
            assert!(request.https && request.header("x-signature").is_some(), "passed unsigned")
        }
        Some("shop") => {}
        Some(other) => panic!("nobody is called {other}"),
        None => assert!(reading.needs_click().is_some(), "passed without an advertiser"),
    }
}

fn no_secret_is_kept(reading: &Reading) {
    let kept = reading.fields.values().chain(reading.stored.iter().map(|(_, value)| value));
    for value in kept {
        assert!(value.trim() != TOKEN && value.trim() != SECRET, "a secret is kept: {reading:?}");
    }
}

pub fn click(id: ClickId) -> Option<Click> {
    let link = SNAPSHOT.link(id.prefix().link)?;
    let offer = &SNAPSHOT.program.offers[&link.routes[0].offer];
    Some(Click {
        id,
        at: id.prefix().at,
        link: link.id.clone(),
        partner: link.partner.clone(),
        offer: offer.id.clone(),
        advertiser: offer.advertiser.clone(),
        details: Details::default(),
    })
}

fn the_decision_follows(reading: &Reading, decision: &Decision) {
    assert_eq!(decision.outcome, decision.reason.outcome());
    if let Some(rejection) = &reading.rejection {
        assert_eq!(decision.reason, rejection.reason);
    }
    if decision.outcome == Outcome::Rejected {
        assert_eq!(decision.effects, Default::default(), "a rejected postback has effects");
    }
    let may_book = matches!(decision.outcome, Outcome::Accepted | Outcome::Updated);
    assert!(may_book || decision.effects.entries.is_empty(), "booked while it waits: {decision:?}");
    assert!(decision.outcome != Outcome::Accepted || decision.effects.conversion.is_some());
    for entry in &decision.effects.entries {
        assert!(entry.transfer.amount.micros > 0 && entry.transfer.debit != entry.transfer.credit);
    }
}

/// Lines are counted here by their line feeds, elements by another reading of the same array.
fn every_object_is_there_once(request: &Request, batch: &Batch) {
    let body = request.body.trim_ascii();
    let objects: Option<Vec<serde_json::Value>> = if batch.is_array {
        serde_json::from_slice(body).ok()
    } else {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| !line.is_empty());
        Some(lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect())
    };
    let count = objects.as_ref().map_or(0, Vec::len);
    assert!(!batch.requests.is_empty() && batch.requests.len() <= OBJECTS_MAX);
    if 1 <= count && count <= OBJECTS_MAX {
        let read: Vec<serde_json::Value> = batch
            .requests
            .iter()
            .map(|member| serde_json::from_slice(&member.body).unwrap_or_default())
            .collect();
        assert_eq!(Some(read), objects);
    }
}
