//! Nobody's address gets into a request, wherever it stood; no secret gets into a text.

use proofback_domain::conversion_api::{Platform, build, read, token_request};

use super::*;

const NAMES: [&str; 31] = [
    "event",
    "status",
    "txid",
    "conversion_id",
    "delivery_id",
    "click_id",
    "partner_click_id",
    "timestamp",
    "click_timestamp",
    "revenue",
    "payout",
    "amount",
    "currency",
    "amount_currency",
    "revenue_currency",
    "ip",
    "user_agent",
    "page_url",
    "sub1",
    "fbclid",
    "fbc",
    "fbp",
    "gclid",
    "gbraid",
    "wbraid",
    "ttclid",
    "ttp",
    "msclkid",
    "email_sha256",
    "phone_sha256",
    "external_id_sha256",
];

const CANARIES: [&str; 7] = [
    "ada@canary.example",
    "ada%40canary.example",
    "https://shop.example/thanks?mail=ada@canary.example",
    "https://shop.example/ada@canary.example#ada@canary.example",
    "+4915112345678",
    "4915112345678",
    "fb.1.1554763741205.ada@canary.example",
];

/// Everything that is on, so that everything which could be sent is.
fn talkative(platform: Platform) -> Api {
    let mut api = api(platform, name_of(platform));
    for (name, value) in [("enhanced_conversions", "true"), ("event_id", "txid"), ("test_event_code", "T1")] {
        if platform.settings().iter().any(|setting| setting.name == name) {
            api.settings.insert(name.into(), value.into());
        }
    }
    api
}

#[test]
fn no_plain_address_or_number_of_a_person_gets_into_a_request() {
    let mut sent = 0;
    for platform in Platform::ALL {
        let api = talkative(platform);
        for (name, canary) in NAMES.iter().flat_map(|name| CANARIES.map(|canary| (name, canary))) {
            // Digits alone are what order numbers and times look like, and no amount has so many.
            let digits = canary.bytes().all(|byte| byte.is_ascii_digit());
            if digits && ["txid", "revenue", "payout", "amount", "click_timestamp"].contains(name) {
                continue;
            }
            let mut values = sale(1);
            values.insert("external_id_sha256".into(), "ab".repeat(32));
            values.insert("email_sha256".into(), "cd".repeat(32));
            values.insert((*name).to_owned(), canary.to_owned());
            for call in plan(&api, &[event(&values)]).calls {
                sent += 1;
                let request = &call.request;
                let whole = format!("{} {:?} {}", request.url, request.headers, request.body);
                for piece in ["canary", "49151"] {
                    assert!(!whole.contains(piece), "{} of {canary:?} in {name}: {whole}", platform.code());
                }
            }
        }
    }
    assert!(700 < sent, "most of them are sent without the canary: {sent}");
}

#[test]
fn only_sixty_four_hexadecimal_digits_are_a_hashed_identifier() {
    let api = api(Platform::Meta, "Lead");
    let good = "aB".repeat(32);
    for (given, told) in [
        (good.as_str(), Some(good.to_lowercase())),
        (&good[1..], None),
        (&format!("{good}0"), None),
        (&good.replace('a', "g"), None),
        (&format!(" {}", &good[1..]), None),
    ] {
        let mut values = sale(1);
        values.insert("email_sha256".into(), given.to_owned());
        let body = body(&call(&api, &values));
        let em = body["data"][0]["user_data"].get("em").and_then(|em| em[0].as_str()).map(str::to_owned);
        assert_eq!(em, told, "{given}");
    }
}

#[test]
fn no_secret_stands_in_an_address_a_body_or_a_result() {
    for platform in Platform::ALL {
        let mut api = talkative(platform);
        for setting in platform.settings().iter().filter(|setting| setting.secret) {
            api.settings.insert(setting.name.into(), "env:REFERENCE".into());
        }
        let values = sale(1);
        let call = call(&api, &values);
        let shown = format!("{} {} {call:?}", call.request.url, call.request.body);
        for piece in ["s3cret", "t0ken", "REFERENCE"] {
            assert!(!shown.contains(piece), "{}: {shown}", platform.code());
        }
        let echo = "s3cret-access_token t0ken ada@canary.example";
        let sentence = format!(
            r#"{{"code":40002,"message":"{echo}","error":{{"code":100,"status":"{echo}","message":"{echo}",
                "error_subcode":"{echo}","details":[{{"reason":"{echo}","errors":[{{"errorCode":{{"x":"{echo}"}},
                "message":"{echo}"}}]}}]}},"OperationErrors":[{{"Code":1,"ErrorCode":"{echo}","Message":"{echo}"}}]}}"#
        );
        for status in [200, 400, 401, 403, 500] {
            let reading = format!("{:?}", read(&api, &call, status, None, &sentence));
            for piece in ["s3cret", "t0ken", "canary"] {
                assert!(!reading.contains(piece), "{} {status}: {reading}", platform.code());
            }
        }
        let nothing = Access { secret: &|_| Some("s3cret with spaces".into()), token: Some("t0ken with") };
        let told = build(&api, &nothing, &[event(&values)], now()).unwrap_err();
        assert!(!told.to_string().contains("s3cret"), "{told}");
        if let Some(request) = token_request(&api, access().secret).unwrap() {
            assert!(!request.url.contains("s3cret"), "{}", request.url);
            assert!(!format!("{request:?}").contains("s3cret"));
        }
    }
}
