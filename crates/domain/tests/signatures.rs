//! Tokens and signatures one by one: their places, their published examples, their repeats, and what is kept of them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use hmac::{Hmac, KeyInit, Mac};
use proofback_domain::decide::Decision;
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{Method, Request, read, storable_path};
use proofback_domain::time::Timestamp;
use support::Installation;

/// One advertiser `x` under these rules.
fn world(rules: &str, secrets: &[(&str, &str)]) -> Installation {
    let source = format!(
        "[program]\nname = 'Test'\ncurrency = 'EUR'\n[[advertiser]]\nid = 'x'\n[advertiser.postback]\n{rules}\n\
         [[offer]]\nid = 'x'\nadvertiser = 'x'\nurl = 'https://x.example/?c={{click_id}}'\ndedupe_window = '1s'\n\
         [[offer.goal]]\nevent = 'sale'\napproval = 'auto'\npayout = '5 EUR'\n\
         [[partner]]\nid = 'media'\n[[link]]\nid = 'x'\npartner = 'media'\noffer = 'x'\n"
    );
    Installation::with_secrets(&source, secrets)
}

fn hmac_hex(secret: &str, message: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(message.as_bytes());
    hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn post(world: &Installation, content_type: &str, body: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = world.request(Some("x"), "");
    request.method = Method::Post;
    request.content_type = content_type.into();
    request.body = body.as_bytes().to_vec();
    request.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    request
}

fn seen<'a>(decision: &'a Decision, check: &str) -> &'a str {
    &decision.checks.iter().find(|known| known.check == check).unwrap().seen
}

#[test]
fn a_token_counts_in_any_of_its_places_and_one_right_one_is_enough() {
    let rules = "token = ['env:NEW', 'env:OLD']\ntoken_header = 'X-Token'";
    let world = world(rules, &[("NEW", "new-token-1"), ("OLD", "old-token-1")]);
    let reason = |query: &str, headers: &[(&str, &str)], path: Option<&str>| {
        let mut request = world.request(Some("x"), query);
        request.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        request.path_token = path.map(str::to_owned);
        let reading = read(&request, &world.snapshot, None);
        let seen = reading.checks.iter().find(|check| check.check == "token").map(|check| check.seen.clone());
        (reading.rejection.map(|rejection| rejection.reason), seen.unwrap_or_default())
    };
    let first = (None, "it is the advertiser's, the first of the secrets".to_owned());
    let second = (None, "it is the advertiser's, the second of the secrets".to_owned());
    assert_eq!(reason("token=new-token-1", &[], None), first);
    assert_eq!(reason("", &[("authorization", "Bearer new-token-1")], None), first);
    assert_eq!(reason("", &[("authorization", "bearer old-token-1")], None), second);
    assert_eq!(reason("", &[("x-token", "old-token-1")], None), second);
    assert_eq!(reason("", &[], Some("old-token-1")), second);
    assert_eq!(reason("token=wrong", &[("x-token", "nonsense")], Some("new-token-1")), first);
    assert_eq!(reason("token=new-token-1", &[("x-token", "wrong")], Some("batch")), first);
    assert_eq!(reason("token=old-token-1", &[("x-token", "new-token-1")], None), first);
    let bad = Some(Reason::BadToken);
    for token in ["new-token-", "new-token-11", "NEW-TOKEN-1", "new-token-1 ", "", "v1,", "***"] {
        let query = format!("token={}", token.replace(' ', "%20"));
        assert_eq!(reason(&query, &[("x-token", token)], Some(token)).0, bad, "{token:?}");
    }
    assert_eq!(reason("key=new-token-1", &[("authorization", "Basic new-token-1")], None).0, bad);
    assert_eq!(reason("", &[("x-other", "new-token-1")], None).0, bad);
}

#[test]
fn an_empty_secret_lets_nobody_in_and_stands_in_nobodys_way() {
    for (new, old, sent, right) in [("", "old", "old", true), ("", "old", "", false), ("", "", "", false)] {
        let secrets = [("NEW", new), ("OLD", old)];
        let mut world = world("token = ['env:NEW', 'env:OLD']", &secrets);
        let click = world.click("x");
        let query = format!("click_id={click}&event=sale&token={sent}");
        assert_eq!(world.get("x", &query).reason == Reason::Ok, right, "{new:?} {old:?} {sent:?}");
    }
    for secrets in [&[("NEW", "")][..], &[]] {
        for encoding in ["hex", "base64"] {
            let rules = format!(
                "signature = {{ scheme = 'hmac-sha256', secret = ['env:NEW', 'env:OLD'], param = 'sig', encoding = '{encoding}' }}"
            );
            let mut world = world(&rules, secrets);
            let click = world.click("x");
            let query = format!("click_id={click}&event=sale");
            let decision = world.get("x", &format!("{query}&sig={}", hmac_hex("", &query)));
            assert_eq!(decision.reason, Reason::BadSignature);
        }
    }
}

#[test]
fn a_secret_that_is_not_set_yet_signs_nothing() {
    let rules = "signature = { scheme = 'hmac-sha256', secret = ['env:NEW', 'env:OLD'], param = 'sig' }";
    let mut world = world(rules, &[("NEW", ""), ("OLD", "old")]);
    let query = format!("click_id={}&event=sale", world.click("x"));
    for (secret, reason) in [("", Reason::BadSignature), ("old", Reason::Ok)] {
        assert_eq!(world.get("x", &format!("{query}&sig={}", hmac_hex(secret, &query))).reason, reason);
    }
}

const WEBHOOKS: &str = "signature = { scheme = 'standard-webhooks', secret = ['env:NEW', 'env:OLD'] }";

/// The example that the Standard Webhooks libraries are tested with.
fn webhook(secret: &str, signature: &str) -> Decision {
    let mut world = world(WEBHOOKS, &[("NEW", "whsec_bmV3LW5ldw=="), ("OLD", secret)]);
    world.now = Timestamp::from_millis(1_614_265_330_000);
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", signature),
    ];
    let request = post(&world, "application/json", r#"{"test": 2432232314}"#, &headers);
    world.receive(&request)
}

#[test]
fn the_published_example_of_standard_webhooks_fits() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let fits = "standard-webhooks fits, the second of the secrets";
    for signature in [right, &format!("{other} {right}"), &format!("v1a,x {right} v2,y")] {
        let decision = webhook(secret, signature);
        assert_eq!(decision.reason, Reason::MissingClickId, "{}", decision.message);
        assert_eq!(seen(&decision, "signature"), fits);
    }
    assert_eq!(seen(&webhook(&secret["whsec_".len()..], right), "signature"), fits);
    let bare = right.strip_prefix("v1,").unwrap();
    for signature in [
        "",
        "v1,",
        "v1, ",
        "v1",
        ",",
        other,
        bare,
        &right[..right.len() - 1],
        &right[..right.len() - 4],
        &format!("v2,{bare}"),
        &format!("V1,{bare}"),
        &format!("v1a,{bare}"),
        &format!("v1,,{bare}"),
        &format!("{right}="),
        &format!("{other}|{right}"),
        &right.replace('+', "-"),
        &right.to_ascii_lowercase(),
    ] {
        assert_eq!(webhook(secret, signature).reason, Reason::BadSignature, "{signature}");
    }
    for secret in ["", "whsec_", "whsec_***", "MfKQ"] {
        assert_eq!(webhook(secret, right).reason, Reason::BadSignature, "{secret}");
    }
}

#[test]
fn the_body_cannot_lend_its_beginning_to_the_time_nor_the_id() {
    let rules = "signature = { scheme = 'standard-webhooks', secret = 'env:S' }";
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut world = world(rules, &[("S", secret)]);
    world.now = Timestamp::from_millis(1_614_265_330_000);
    // Signed as the id `a`, the time 1614265330 and the rest; sent as the id `a.1614265330`.
    let key = <base64ct::Base64 as base64ct::Encoding>::decode_vec(&secret["whsec_".len()..]).unwrap();
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    hmac.update(b"a.1614265330.1614265330.x=1");
    let signature = format!(
        "v1,{}",
        <base64ct::Base64 as base64ct::Encoding>::encode_string(&hmac.finalize().into_bytes())
    );
    let headers = [
        ("webhook-id", "a.1614265330"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", &signature),
    ];
    let request = post(&world, "text/plain", "x=1", &headers);
    assert_eq!(world.receive(&request).reason, Reason::BadSignature);
}

#[test]
fn pubscale_signs_as_its_page_shows() {
    // The page's own values; it shows the text that is hashed, and not the hash.
    let secret = "fa072672-d432-11c4-885a-EB1CdEc4Bb13";
    let rules = "signature = { scheme = 'pubscale', secret = 'env:S' }\nparams = { txid = 'token' }";
    let world = world(rules, &[("S", secret)]);
    let query = "user_id=30356439-8d15-4f47-B133-010a37C19eBD&value=100.1234&token=525a5B8e-512b-441A-a10B-72d218c370e5";
    let reason = |query: &str| {
        read(&world.request(Some("x"), query), &world.snapshot, None)
            .rejection
            .map(|rejection| rejection.reason)
    };
    let signature = "&signature=918809ac0e5fcc1960c8875d9e9c8e80";
    assert_eq!(reason(&format!("{query}{signature}")), None);
    assert_eq!(
        reason(&format!("{query}{}", signature.to_uppercase().replace("SIGNATURE", "signature"))),
        None
    );
    for bad in [
        query.replace("100.1234", "101.1234") + signature,
        query.replace("100.1234", "100,1234") + signature,
        query.replace("user_id", "user") + signature,
        query.to_owned(),
        format!("{query}&signature="),
        format!("{query}&signature=918809ac0e5fcc1960c8875d9e9c8e"),
    ] {
        assert_eq!(reason(&bad), Some(Reason::BadSignature), "{bad}");
    }
    let reading = read(&world.request(Some("x"), &format!("{query}{signature}")), &world.snapshot, None);
    assert_eq!(reading.fields["txid"], "525a5B8e-512b-441A-a10B-72d218c370e5", "there it is no token");
}

#[test]
fn acorn_hashes_four_values_without_a_secret_and_is_taken_with_its_address_alone() {
    let rules = "allow_ips = ['67.205.182.39']\nsignature = { scheme = 'acorn' }";
    let world = world(rules, &[]);
    let mut request = world.request(Some("x"), "user_uid=U1&offerID=77&transID=T9&placementID=1234");
    request.query.extend_from_slice(b"&secret=");
    let base = request.query.clone();
    let mut reason = |ip: [u8; 4], hash: &str| {
        request.ip = ip.into();
        request.query = [base.as_slice(), hash.as_bytes()].concat();
        read(&request, &world.snapshot, None).rejection.map(|rejection| rejection.reason)
    };
    // md5 of "U177T91234".
    let hash = "8b92a7ffeb0d43d20899a32bc13631fb";
    assert_eq!(reason([67, 205, 182, 39], hash), None);
    assert_eq!(reason([67, 205, 182, 40], hash), Some(Reason::IpNotAllowed));
    assert_eq!(reason([67, 205, 182, 39], "8b92a7ffeb0d43d20899a32bc13631fa"), Some(Reason::BadSignature));
}

#[test]
fn a_signature_in_the_query_is_over_the_query_without_it() {
    for scheme in ["rewardinghub", "gobble', prefix = '6vct_"] {
        let mut world =
            world(&format!("signature = {{ scheme = '{scheme}', secret = 'env:S' }}"), &[("S", "hush")]);
        let click = world.click("x");
        let prefix = if scheme.contains("prefix") { "6vct_" } else { "" };
        let (before, after) = (format!("click_id={click}&amount=1%2e50"), "event=sale&txn_id=A+1");
        let signature = hmac_hex("hush", &format!("{before}&{after}"));
        let query = format!("{before}&sig={prefix}{signature}&{after}");
        assert_eq!(
            world.get("x", &query.replace("1%2e50", "1.50")).reason,
            Reason::BadSignature,
            "byte for byte"
        );
        assert_eq!(world.get("x", &query.replace("sig=", "sig=x")).reason, Reason::BadSignature);
        assert_eq!(world.get("x", &format!("{query}&b=")).reason, Reason::BadSignature);
        let decision = world.get("x", &query);
        assert_eq!(decision.reason, Reason::BadCurrency, "{}", decision.message);
        let stored = read(&world.request(Some("x"), &query), &world.snapshot, None).stored;
        assert!(!format!("{stored:?}").contains(&signature[..8]), "{stored:?}");
    }
}

#[test]
fn beside_a_signed_body_nothing_unsigned_counts() {
    let rules = "token = 'env:T'\nsignature = { scheme = 'hmac-sha256', secret = 'env:S', param = 'sig' }";
    let mut world = world(rules, &[("S", "hush"), ("T", "let-me-in")]);
    let click = world.click("x");
    let body = format!(r#"{{"click_id": "{click}", "event": "sale"}}"#);
    let signature = hmac_hex("hush", &body);
    let mut request = post(&world, "application/json", &body, &[]);
    for (extra, reason) in [
        ("&txid=new", Reason::BadSignature),
        ("&event=sale", Reason::BadSignature),
        ("&%74oken=let-me-in&x", Reason::BadSignature),
        ("", Reason::Ok),
    ] {
        request.query = format!("token=let-me-in&sig={signature}{extra}").into_bytes();
        assert_eq!(world.receive(&request).reason, reason, "{extra}");
    }
}

const TIMED: &str = "signature = { scheme = 'hmac-sha256', secret = 'env:S', header = 'X-S', timestamp = 'X-T', replay_window = '20m' }";

#[test]
fn a_signed_request_has_its_effects_once() {
    let mut world = world(TIMED, &[("S", "hush")]);
    let click = world.click("x");
    let signed_at = world.now.iso();
    let query = format!("click_id={click}&event=sale");
    let signature = hmac_hex("hush", &format!("{signed_at}.{query}"));
    let mut request = world.request(Some("x"), &query);
    request.headers = vec![("x-s".into(), signature.clone()), ("x-t".into(), signed_at)];
    let first = world.receive(&request);
    assert_eq!((first.reason, world.conversions.len()), (Reason::Ok, 1));
    for (disguise, method) in [
        (signature.clone(), Method::Get),
        (signature.to_uppercase(), Method::Get),
        (format!("sha256={signature}"), Method::Get),
        (signature, Method::Post),
    ] {
        world.pass("1m");
        request.at = world.now;
        request.headers[0].1 = disguise;
        request.method = method;
        if method == Method::Post {
            request.body = std::mem::take(&mut request.query);
        }
        let again = world.receive(&request);
        assert_eq!(again.reason, Reason::Duplicate);
        assert_eq!(again.message, format!("the same signed request as postback {}", first.postback_id));
        assert_eq!(again.effects, proofback_domain::decide::Effects::default());
        assert_eq!((again.conversion_id, again.status), (first.conversion_id, first.status));
    }
    assert_eq!(world.balance("partner:media:approved"), "5.00 EUR");
}

#[test]
fn a_rejected_request_may_be_sent_again_when_its_mistake_is_ours() {
    let mut world = world(TIMED, &[("S", "hush")]);
    let signed_at = world.now.iso();
    let click = world.make_click("x", &[]);
    let query = format!("click_id={}&event=sail", click.id);
    let mut request = world.request(Some("x"), &query);
    let signature = hmac_hex("hush", &format!("{signed_at}.{query}"));
    request.headers = vec![("x-s".into(), signature), ("x-t".into(), signed_at)];
    world.arrive(click);
    assert_eq!(world.receive(&request).reason, Reason::UnknownEvent);
    let events = &mut world.snapshot.program.advertisers.get_mut("x").unwrap().postback.events;
    events.insert("sail".into(), proofback_domain::name::Name::parse("sale").unwrap());
    assert_eq!(world.receive(&request).reason, Reason::Ok);
    assert_eq!(world.receive(&request).reason, Reason::Duplicate);
}

#[test]
fn a_webhook_sent_again_under_its_id_is_the_same_and_another_id_is_another() {
    let rules = "signature = { scheme = 'standard-webhooks', secret = 'env:S' }";
    let mut world = world(rules, &[("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
    let click = world.click("x");
    let key =
        <base64ct::Base64 as base64ct::Encoding>::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = format!(r#"{{"click_id": "{click}", "event": "sale"}}"#);
    let mut send = |id: &str| {
        world.pass("2s");
        let seconds = world.now.millis() / 1_000;
        let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        hmac.update(format!("{id}.{seconds}.{body}").as_bytes());
        let signature =
            <base64ct::Base64 as base64ct::Encoding>::encode_string(&hmac.finalize().into_bytes());
        let (seconds, signature) = (seconds.to_string(), format!("v1,{signature}"));
        let headers =
            [("webhook-id", id), ("webhook-timestamp", &*seconds), ("webhook-signature", &*signature)];
        let request = post(&world, "application/json", &body, &headers);
        world.receive(&request).reason
    };
    assert_eq!(["msg_1", "msg_1", "msg_2"].map(&mut send), [Reason::Ok, Reason::Duplicate, Reason::Ok]);
}

#[test]
fn each_object_of_a_signed_batch_counts_once_and_the_batch_sent_again_not_at_all() {
    let mut world = world(TIMED, &[("S", "hush")]);
    let clicks: Vec<String> = (0..3).map(|_| world.click("x").to_string()).collect();
    let lines: Vec<String> =
        clicks.iter().map(|click| format!(r#"{{"click_id": "{click}", "event": "sale"}}"#)).collect();
    let signed_at = world.now.iso();
    let signed = |world: &Installation, body: &str| {
        let signature = hmac_hex("hush", &format!("{signed_at}.{body}"));
        post(world, "application/json", body, &[("x-s", &signature), ("x-t", &signed_at)])
    };
    let request = signed(&world, &lines.join("\n"));
    let reasons =
        |decisions: Vec<Decision>| -> Vec<Reason> { decisions.iter().map(|one| one.reason).collect() };
    assert_eq!(reasons(world.receive_batch(&request)), [Reason::Ok; 3]);
    world.pass("3m");
    let again = Request { at: world.now, ..request.clone() };
    assert_eq!(reasons(world.receive_batch(&again)), [Reason::Duplicate; 3]);
    assert_eq!(world.conversions.len(), 3);
    // One line sent as a batch and alone is one request.
    let alone = signed(&world, &lines[0]);
    assert_eq!(reasons(world.receive_batch(&alone)), [Reason::Ok]);
    assert_eq!(world.receive(&alone).reason, Reason::Duplicate);
    let bent = Request { body: [alone.body.as_slice(), b" "].concat(), ..alone };
    assert_eq!(reasons(world.receive_batch(&bent)), [Reason::BadSignature]);
}

#[test]
fn objects_of_a_batch_are_signed_one_by_one_where_parameters_are_signed() {
    let rules = "signature = { scheme = 'recipe', hash = 'sha256', over = '{secret}|{click_id}', param = 'sig', secret = 'env:S' }";
    let mut world = world(rules, &[("S", "hush")]);
    let object =
        |click: &str, sig: &str| format!(r#"{{"click_id": "{click}", "event": "sale", "sig": "{sig}"}}"#);
    let click = world.click("x").to_string();
    let sig: String = <sha2::Sha256 as sha2::Digest>::digest(format!("hush|{click}"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let body = format!("[{}, {}]", object(&click, &sig), object(&click, &sig.replace('a', "b")));
    let request = post(&world, "application/json", &body, &[]);
    let decisions = world.receive_batch(&request);
    assert_eq!(
        decisions.iter().map(|one| one.reason).collect::<Vec<_>>(),
        [Reason::Ok, Reason::BadSignature]
    );
}

/// Every place into which a secret may be put, as the parameters of a request.
fn places(canary: &str, click: &str) -> Vec<String> {
    vec![
        format!("token={canary}"),
        format!("token=x{canary}y"),
        format!("click_id={canary}"),
        format!("event={canary}&click_id={click}"),
        format!("txid={canary}&click_id={click}&event=sale"),
        format!("amount={canary}&event=sale&click_id={click}"),
        format!("status={canary}&event=sale&click_id={click}"),
        format!("currency={canary}&amount=1&event=sale&click_id={click}"),
        format!("timestamp={canary}&event=sale&click_id={click}"),
        format!("original_txid={canary}&event=refund&click_id={click}"),
        format!("sub1=a%20{canary}"),
        format!("{canary}=1"),
        format!("{canary}=1&{canary}=2"),
        format!("custom={canary}&X-S={canary}"),
    ]
}

/// The same parameters in every form, and the secret in every part of a request that is none.
fn requests(world: &Installation, place: &str, canary: &str) -> Vec<Request> {
    let pairs = form_urlencoded(place);
    let member = |(name, value): &(String, String)| {
        format!("{}: {}", serde_json::json!(name), serde_json::json!(value))
    };
    let object = format!("{{{}}}", pairs.iter().map(member).collect::<Vec<_>>().join(", "));
    let nested = format!(r#"{{"data": {{"list": ["{canary}"], "{canary}": 1}}}}"#);
    let mut requests = vec![
        world.request(Some("x"), place),
        world.request(None, place),
        post(world, "application/x-www-form-urlencoded", place, &[]),
        post(world, "application/json", &object, &[]),
        post(world, "application/json", &nested, &[]),
        post(world, canary, place, &[]),
        Request { path_token: Some(canary.into()), ..world.request(Some("x"), "") },
        world.request(Some(canary), ""),
    ];
    for name in ["authorization", "x-token", "x-s", "x-t", "user-agent"] {
        requests.push(post(world, "", "a=1", &[(name, canary)]));
    }
    requests
}

/// A secret put into the wrong place is a mistake that happens; what is stored of it must not be a second one.
#[test]
fn a_secret_is_nowhere_in_what_is_kept_whatever_place_it_stood_in() {
    let (token, secret) = ("canary-token-4711", "canary-secret-0815");
    let guarded = "token = 'env:T'\ntoken_header = 'X-Token'";
    let signed =
        "signature = { scheme = 'hmac-sha256', secret = 'env:S', header = 'X-S', timestamp = 'X-T' }";
    let mut reasons = std::collections::BTreeSet::new();
    for rules in [guarded.to_owned(), format!("{guarded}\n{signed}")] {
        for canary in [token, secret] {
            let mut world = world(&rules, &[("T", token), ("S", secret)]);
            let click = world.click("x").to_string();
            for place in places(canary, &click) {
                for request in requests(&world, &place, canary) {
                    // With the token right, what comes after it is looked at, too.
                    for headers in [vec![], vec![("authorization".into(), format!("Bearer {token}"))]] {
                        let mut request = request.clone();
                        request.headers.extend(headers);
                        let reading = read(&request, &world.snapshot, None);
                        let (stored, fields) = (reading.stored.clone(), reading.fields.clone());
                        let decision = world.receive(&request);
                        reasons.insert(decision.reason.code());
                        let kept = format!("{stored:?} {fields:?} {decision:?}");
                        assert!(!kept.contains("canary"), "{place}: {kept}");
                    }
                }
            }
        }
    }
    assert!(reasons.len() >= 12, "the canaries went deep: {reasons:?}");
}

fn form_urlencoded(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.replace("%20", " "))).collect()
}

#[test]
fn the_path_is_kept_without_its_token() {
    let world = world("token = 'env:T'", &[("T", "canary/token 1")]);
    for (path, kept) in [
        ("/postback", "/postback"),
        ("/postback/x", "/postback/x"),
        ("/postback/x/batch", "/postback/x/batch"),
        ("/postback/x/wrong", "/postback/x/***"),
        ("/postback/x/batch/batch", "/postback/x/***/batch"),
        ("/postback/x/canary%2Ftoken%201", "/postback/x/***"),
        ("/postback/x/canary%2Ftoken%201/batch", "/postback/x/***/batch"),
        ("/postback/canary%2Ftoken%201", "/postback/***"),
    ] {
        assert_eq!(storable_path(path, &world.snapshot), kept);
    }
}
