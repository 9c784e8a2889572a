//! The bounds of what proves a sender: the age of a signature, the size of a batch, how many signatures are looked at,
//! and which click a known key stands for.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{Method, OBJECTS_MAX, Request};
use support::Installation;

/// One advertiser `x` under these rules.
fn world(rules: &str, secrets: &[(&str, &str)]) -> Installation {
    let source = format!(
        "[program]\nname = 'Test'\ncurrency = 'EUR'\n[[advertiser]]\nid = 'x'\n[advertiser.postback]\n{rules}\n\
         [[offer]]\nid = 'x'\nadvertiser = 'x'\nurl = 'https://x.example/?c={{click_id}}'\n\
         [[offer.goal]]\nevent = 'sale'\napproval = 'auto'\npayout = '5 EUR'\n\
         [[offer.goal]]\nevent = 'lead'\napproval = 'auto'\npayout = '1 EUR'\n\
         [[partner]]\nid = 'media'\n[[link]]\nid = 'x'\npartner = 'media'\noffer = 'x'\n"
    );
    Installation::with_secrets(&source, secrets)
}

fn hmac(secret: &[u8], message: &str) -> Vec<u8> {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    hmac.update(message.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn post(world: &Installation, body: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = world.request(Some("x"), "");
    request.method = Method::Post;
    request.content_type = "application/json".into();
    request.body = body.as_bytes().to_vec();
    request.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    request
}

const TIMED: &str = "signature = { scheme = 'hmac-sha256', secret = 'env:S', header = 'X-S', timestamp = 'X-T', tolerance = '5m' }";

fn timed(world: &Installation, body: &str, seconds_ago: i64) -> Request {
    let at = (world.now.millis() / 1_000 - seconds_ago).to_string();
    let signature = hex(&hmac(b"secret-1", &format!("{at}.{body}")));
    post(world, body, &[("x-s", &signature), ("x-t", &at)])
}

#[test]
fn a_signature_is_good_to_the_last_moment_of_its_tolerance_on_either_side() {
    for (ago, reason) in [
        (0, Reason::Ok),
        (300, Reason::Ok),
        (301, Reason::StaleTimestamp),
        (-300, Reason::Ok),
        (-301, Reason::StaleTimestamp),
    ] {
        let mut world = world(TIMED, &[("S", "secret-1")]);
        let click = world.click("x");
        let request = timed(&world, &format!("{{\"click_id\": \"{click}\", \"event\": \"sale\"}}"), ago);
        assert_eq!(world.receive(&request).reason, reason, "{ago}");
    }
}

#[test]
fn a_signature_of_the_future_has_its_effects_once_as_long_as_it_passes() {
    let mut world = world(TIMED, &[("S", "secret-1")]);
    let click = world.click("x");
    let request = timed(&world, &format!("{{\"click_id\": \"{click}\", \"event\": \"sale\"}}"), -300);
    assert_eq!(world.receive(&request).reason, Reason::Ok);
    world.pass("10m");
    let again = Request { at: world.now, ..request };
    assert!(world.receive(&again).message.starts_with("the same signed request"));
}

#[test]
fn one_line_sent_alone_and_as_a_batch_is_the_same_request() {
    let mut world = world(TIMED, &[("S", "secret-1")]);
    let click = world.click("x");
    let request = timed(&world, &format!("{{\"click_id\": \"{click}\", \"event\": \"sale\"}}"), 0);
    assert_eq!(world.receive(&request).reason, Reason::Ok);
    let batch = world.receive_batch(&request);
    assert!(batch[0].message.starts_with("the same signed request"), "{}", batch[0].message);
}

#[test]
fn sixteen_signatures_are_looked_at_and_no_more() {
    let keys = ["not base64!", &format!("whsec_{}", Base64::encode_string(b"a secret of the webhook"))]
        .map(str::to_owned);
    let rules = "signature = { scheme = 'standard-webhooks', secret = ['env:OLD', 'env:NEW'] }";
    for (before, reason) in [(0, Reason::Ok), (15, Reason::Ok), (16, Reason::BadSignature)] {
        let mut world = world(rules, &[("OLD", &keys[0]), ("NEW", &keys[1])]);
        let click = world.click("x");
        let body = format!("{{\"click_id\": \"{click}\", \"event\": \"sale\"}}");
        let at = (world.now.millis() / 1_000).to_string();
        let right = Base64::encode_string(&hmac(b"a secret of the webhook", &format!("msg_1.{at}.{body}")));
        let all = format!("{}v1,{right}", "v1,AAAA ".repeat(before));
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &*at), ("webhook-signature", &*all)];
        let request = post(&world, &body, &headers);
        let decision = world.receive(&request);
        assert_eq!(decision.reason, reason, "{before}: {}", decision.message);
    }
}

#[test]
fn a_secret_that_is_not_set_here_is_the_operators_to_set() {
    for (rules, query) in [
        ("token = 'env:S'", "token=x"),
        ("signature = { scheme = 'hmac-sha256', secret = 'env:S', param = 'sig' }", "sig=x"),
    ] {
        let mut world = world(rules, &[("S", "")]);
        let refused = world.get("x", &format!("event=sale&{query}"));
        assert!(refused.message.contains("is not set here"), "{rules}: {}", refused.message);
    }
}

#[test]
fn a_signature_is_shown_nowhere_even_under_the_name_of_another_field() {
    let rules = "signature = { scheme = 'hmac-sha256', secret = 'env:S', param = 'sub1' }";
    let mut world = world(rules, &[("S", "secret-1")]);
    let click = world.click("x");
    let refused =
        world.get("x", &format!("click_id={click}&event=sale&sub1=5ba93c9db0cff93f52b521d7420e43f6"));
    assert_eq!((refused.reason, refused.seen.as_str()), (Reason::BadSignature, ""));
}

#[test]
fn a_batch_has_one_to_a_thousand_objects() {
    for (count, answers) in [(0, 1), (1, 1), (OBJECTS_MAX, OBJECTS_MAX), (OBJECTS_MAX + 1, 1)] {
        let mut world = world("open = true", &[]);
        for (open, between, close) in [("[", ",", "]"), ("", "\n", "")] {
            let body = format!("{open}{}{close}", vec!["{\"event\":\"sale\"}"; count].join(between));
            let decisions = world.receive_batch(&post(&world, &body, &[]));
            assert_eq!(decisions.len(), answers, "{count}");
            let whole = 1 <= count && count <= OBJECTS_MAX;
            let expected = if whole { Reason::MissingClickId } else { Reason::MalformedRequest };
            assert!(decisions.iter().all(|one| one.reason == expected), "{count}: {:?}", decisions[0].reason);
        }
    }
}

#[test]
fn a_known_txid_stands_for_a_click_only_where_it_can_mean_but_one() {
    let mut world = world("open = true", &[]);
    let (one, two) = (world.click("x"), world.click("x"));
    let get = |world: &mut Installation, query: &str| world.get("x", query);
    get(&mut world, &format!("click_id={one}&event=lead&txid=A"));
    let by_other_event = get(&mut world, "event=sale&txid=A");
    assert_eq!((by_other_event.reason, by_other_event.click_id), (Reason::Ok, Some(one)));
    get(&mut world, &format!("click_id={one}&event=lead&txid=B"));
    get(&mut world, &format!("click_id={two}&event=sale&txid=B"));
    assert_eq!(get(&mut world, "event=sale&txid=B").click_id, Some(two));
    let either = get(&mut world, "event=refund&txid=R1&original_txid=B");
    assert_eq!((either.reason, either.click_id), (Reason::MissingClickId, None));
    get(&mut world, &format!("click_id={one}&event=lead&txid=C&subscription_id=SUB"));
    get(&mut world, &format!("click_id={two}&event=lead&txid=D&subscription_id=SUB"));
    assert_eq!(get(&mut world, "event=sale&subscription_id=SUB").reason, Reason::MissingClickId);
    // A damaged id stands for nothing, whatever stands beside it.
    let damaged = get(&mut world, &format!("click_id={}&event=sale&txid=A", &one.to_string()[..20]));
    assert_eq!((damaged.reason, damaged.click_id), (Reason::TruncatedClickId, None));
}

#[test]
fn a_name_that_the_program_gave_to_one_field_is_no_other_ones() {
    // `goal` is a default name of the event, and here the id of the order.
    let mut world = world("open = true\nparams = { txid = 'goal', event_type = 'what' }", &[]);
    let click = world.click("x");
    let sold = world.get("x", &format!("click_id={click}&what=sale&goal=A1"));
    assert_eq!(sold.effects.key.map(|key| key.txid).as_deref(), Some("A1"));
    let mut world = self::world("open = true\nparams = { txid = 'goal' }", &[]);
    let click = world.click("x");
    let unnamed = world.get("x", &format!("click_id={click}&goal=sale"));
    assert_eq!(unnamed.reason, Reason::UnknownEvent, "no event came");
}
