//! The requests, platform by platform.

use proofback_domain::conversion_api::{AccessError, Platform, batch_max, build, read_token, token_request};
use proofback_domain::name::Name;
use serde_json::{Value, json};

use super::*;

#[test]
fn meta_gets_an_event_of_a_website() {
    let api = api(Platform::Meta, "Purchase");
    let values = sale(1);
    let call = call(&api, &values);
    assert_eq!(call.request.url, "https://graph.facebook.com/v26.0/123456/events");
    assert_eq!(header(&call, "authorization"), Some("Bearer s3cret-access_token"));
    let clicked = (1_795_244_760_i64 - 7_200) * 1_000;
    assert_eq!(
        body(&call),
        json!({"data": [{
            "event_name": "Purchase",
            "event_time": 1_795_244_760 - 3_600,
            "event_id": values["conversion_id"],
            "action_source": "website",
            "event_source_url": "https://shop.example/thanks",
            "user_data": {
                "fbc": format!("fb.1.{clicked}.{}", values["fbclid"]),
                "client_ip_address": "203.0.113.7",
                "client_user_agent": values["user_agent"],
            },
            "custom_data": {"value": serde_json::from_str::<Value>("140.00").unwrap(), "currency": "EUR"},
        }]})
    );
}

#[test]
fn money_goes_out_digit_by_digit() {
    let told = |value: &str| {
        let mut api = api(Platform::TikTok, "Purchase");
        api.settings.insert("value".into(), value.into());
        call(&api, &sale(1)).request.body
    };
    assert!(told("revenue").contains(r#"{"value":140.00,"currency":"EUR"}"#));
    assert!(told("payout").contains(r#"{"value":70.5,"currency":"EUR"}"#));
    assert!(told("amount").contains(r#"{"value":999.990000,"currency":"USD"}"#));
    assert!(!told("none").contains("properties"));
    let api = api(Platform::TikTok, "Purchase");
    let mut values = sale(1);
    values.insert("revenue".into(), String::new());
    assert!(call(&api, &values).request.body.contains("999.990000"), "else the amount");
    values.insert("amount_currency".into(), "USDT".into());
    assert!(refusal(&api, event(&values)).contains("a currency that ISO 4217 lacks"));
    values.extend(map(&[("amount_currency", "USD"), ("amount", "-5")]));
    assert!(refusal(&api, event(&values)).contains("no plain decimal"));
}

#[test]
fn a_retry_has_the_same_event_id_and_another_conversion_another() {
    for platform in Platform::ALL.into_iter().filter(|platform| *platform != Platform::Microsoft) {
        let api = api(platform, name_of(platform));
        let (first, rebill) = (sale(1), sale(2));
        let again = Event { delivery_id: Id::new(now(), 8), ..event(&first) };
        let body = |event: Event<'_>| plan(&api, &[event]).calls[0].request.body.clone();
        assert_eq!(body(event(&first)), body(again), "{}", platform.code());
        assert_ne!(body(event(&first)), body(event(&rebill)), "{}", platform.code());
        assert!(body(event(&rebill)).contains(&rebill["conversion_id"]));
    }
}

#[test]
fn an_order_number_stands_for_the_event_id_where_a_tag_sends_the_same() {
    let mut api = api(Platform::Meta, "Purchase");
    api.settings.insert("event_id".into(), "txid".into());
    let mut values = sale(1);
    assert_eq!(body(&call(&api, &values))["data"][0]["event_id"], "S-1");
    for txid in ["", "ada@example.com", "+4915112345678"] {
        values.insert("txid".into(), txid.into());
        assert_eq!(body(&call(&api, &values))["data"][0]["event_id"], values["conversion_id"].as_str());
    }
}

#[test]
fn meta_gets_nothing_older_than_seven_days_and_what_nearly_is_alone() {
    let api = api(Platform::Meta, "Purchase");
    let values: Vec<_> = (0..4).map(sale).collect();
    let week = 7 * 86_400;
    let ages = [60, week - 1_800, week + 1, 120];
    let events: Vec<Event<'_>> =
        values.iter().zip(ages).map(|(values, seconds)| aged(values, seconds)).collect();
    let plan = plan(&api, &events);
    let members: Vec<&[usize]> = plan.calls.iter().map(|call| call.members.as_slice()).collect();
    assert_eq!(members, [&[0, 3][..], &[1]]);
    assert_eq!(plan.refused[0].0, 2);
    assert!(plan.refused[0].1.error().unwrap().contains("older than 7 days"));
    let mut shop = api.clone();
    shop.settings.insert("action_source".into(), "physical_store".into());
    assert_eq!(super::plan(&shop, &events).refused, []);
}

#[test]
fn a_click_id_keeps_its_case_and_a_cookie_goes_before_it() {
    let api = api(Platform::Meta, "Purchase");
    let mut values = sale(1);
    values.insert("fbc".into(), "fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890".into());
    values.insert("fbp".into(), "fb.1.1558571054389.1098115397".into());
    let user = &body(&call(&api, &values))["data"][0]["user_data"];
    assert_eq!(user["fbc"], values["fbc"].as_str());
    assert_eq!(user["fbp"], values["fbp"].as_str());
    values.remove("fbc");
    let late = Event { clicked_at: None, ..event(&values) };
    let user = body(&plan(&api, &[late]).calls[0])["data"][0]["user_data"].clone();
    assert_eq!(user.get("fbc"), None, "without the time of the click there is no fbc");
    values.insert("click_timestamp".into(), "1795240000".into());
    let late = Event { clicked_at: None, ..event(&values) };
    let user = body(&plan(&api, &[late]).calls[0])["data"][0]["user_data"].clone();
    assert_eq!(user["fbc"], format!("fb.1.1795240000000.{}", values["fbclid"]));
}

#[test]
fn what_was_taken_back_is_told_only_under_a_name_of_its_own() {
    for platform in Platform::ALL {
        for status in ["rejected", "reversed"] {
            let mut api = api(platform, name_of(platform));
            let mut values = sale(1);
            values.insert("status".into(), status.into());
            let why = refusal(&api, event(&values));
            assert!(why.contains(&format!("the conversion is {status}")), "{}: {why}", platform.code());
            api.events.insert(Name::parse(status).unwrap(), "777".into());
            assert!(call(&api, &values).request.body.contains("777"));
            api.events.insert(Name::parse(&format!("sale-{status}")).unwrap(), "888".into());
            assert!(call(&api, &values).request.body.contains("888"), "its own goes first");
        }
    }
}

#[test]
fn what_no_platform_could_use_is_refused_with_a_sentence() {
    for (platform, missing) in [
        (Platform::Meta, "fbclid"),
        (Platform::GoogleAds, "gclid"),
        (Platform::GoogleDataManager, "gclid"),
        (Platform::TikTok, "ttclid"),
        (Platform::Microsoft, "msclkid"),
    ] {
        let api = api(platform, name_of(platform));
        let mut values = sale(1);
        values.remove(missing);
        assert!(refusal(&api, event(&values)).contains(missing), "{}", platform.code());
        values.insert("event".into(), "trial".into());
        assert!(refusal(&api, event(&values)).contains("\"trial\""), "{}", platform.code());
        values.extend(map(&[("event", "sale"), ("conversion_id", "")]));
        assert!(refusal(&api, event(&values)).contains("no conversion"), "{}", platform.code());
    }
}

#[test]
fn google_gets_one_click_id_an_order_id_and_a_time_with_an_offset() {
    let mut api = api(Platform::GoogleAds, "customers/1/conversionActions/987654321");
    api.settings.insert("login_customer_id".into(), "111-222-3333".into());
    let mut values = sale(1);
    values.extend(map(&[("gbraid", "0AAAAAo"), ("wbraid", "Cj8K")]));
    let call = call(&api, &values);
    assert_eq!(
        call.request.url,
        "https://googleads.googleapis.com/v26/customers/123456:uploadClickConversions"
    );
    assert_eq!(header(&call, "authorization"), Some("Bearer t0ken"));
    assert_eq!(header(&call, "developer-token"), Some("s3cret-developer_token"));
    assert_eq!(header(&call, "login-customer-id"), Some("1112223333"));
    assert_eq!(
        body(&call),
        json!({"conversions": [{
            "gclid": values["gclid"],
            "conversionAction": "customers/123456/conversionActions/987654321",
            "conversionDateTime": "2026-11-21 06:06:00+00:00",
            "conversionValue": serde_json::from_str::<Value>("140.00").unwrap(),
            "currencyCode": "EUR",
            "orderId": values["conversion_id"],
        }], "partialFailure": true})
    );
    values.remove("gclid");
    let conversion = &body(&super::call(&api, &values))["conversions"][0];
    assert_eq!((conversion.get("gbraid").is_some(), conversion.get("wbraid").is_some()), (true, false));
    values.insert("test".into(), "1".into());
    assert_eq!(body(&super::call(&api, &values))["validateOnly"], true, "a test is looked at alone");
}

#[test]
fn one_order_id_stands_once_in_a_call() {
    let api = api(Platform::GoogleAds, "1");
    let (first, second) = (sale(1), sale(2));
    let plan = plan(&api, &[event(&first), event(&first), event(&second)]);
    let members: Vec<&[usize]> = plan.calls.iter().map(|call| call.members.as_slice()).collect();
    assert_eq!(members, [&[0, 2][..], &[1]]);
}

#[test]
fn hashed_identifiers_go_to_google_and_microsoft_when_asked_for() {
    let hash = "AB".repeat(32);
    for platform in [Platform::GoogleAds, Platform::GoogleDataManager, Platform::Microsoft] {
        let mut api = api(platform, name_of(platform));
        let mut values = sale(1);
        values.insert("email_sha256".into(), hash.clone());
        assert!(!call(&api, &values).request.body.contains(&hash.to_lowercase()));
        api.settings.insert("enhanced_conversions".into(), "true".into());
        for click_id in ["gclid", "msclkid"] {
            assert!(call(&api, &values).request.body.contains(&hash.to_lowercase()), "{}", platform.code());
            values.remove(click_id);
        }
    }
}

#[test]
fn the_data_manager_gets_a_destination_per_conversion_action() {
    let mut api = api(Platform::GoogleDataManager, "11");
    api.settings.extend(map(&[("login_customer_id", "999"), ("consent", "granted")]));
    api.events.insert(Name::parse("lead").unwrap(), "22".into());
    let (first, mut second) = (sale(1), sale(2));
    second.insert("event".into(), "lead".into());
    let plan = plan(&api, &[event(&first), event(&second)]);
    assert_eq!(plan.calls.len(), 2);
    let call = &plan.calls[0];
    assert_eq!(call.request.url, "https://datamanager.googleapis.com/v1/events:ingest");
    assert_eq!(header(call, "developer-token"), None);
    assert_eq!(
        body(call),
        json!({
            "events": [{
                "transactionId": first["conversion_id"],
                "eventTimestamp": "2026-11-21T06:06:00.000Z",
                "eventSource": "WEB",
                "adIdentifiers": {"gclid": first["gclid"]},
                "conversionValue": serde_json::from_str::<Value>("140.00").unwrap(),
                "currency": "EUR",
            }],
            "destinations": [{
                "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "123456"},
                "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "999"},
                "productDestinationId": "11",
            }],
            "encoding": "HEX",
            "consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"},
        })
    );
}

#[test]
fn tiktok_gets_at_most_fifty_events_in_seconds() {
    let mut api = api(Platform::TikTok, "CompletePayment");
    api.settings.insert("test_event_code".into(), "TEST1".into());
    let values: Vec<_> = (0..51).map(sale).collect();
    let events: Vec<Event<'_>> = values.iter().map(event).collect();
    let plan = plan(&api, &events);
    let sizes: Vec<usize> = plan.calls.iter().map(|call| call.members.len()).collect();
    assert_eq!(sizes, [50, 1]);
    let call = &plan.calls[1];
    assert_eq!(call.request.url, "https://business-api.tiktok.com/open_api/v1.3/event/track/");
    assert_eq!(header(call, "access-token"), Some("s3cret-access_token"));
    let told = body(call);
    assert_eq!((&told["event_source"], &told["event_source_id"]), (&json!("web"), &json!("123-456")));
    assert_eq!(told.get("test_event_code"), None, "the code goes with tests alone");
    assert_eq!(told["data"][0]["event_time"], 1_795_244_760 - 3_600);
    assert_eq!(told["data"][0]["user"]["ttclid"], values[50]["ttclid"].as_str());
    let mut test = sale(1);
    test.insert("test".into(), "1".into());
    assert_eq!(body(&super::call(&api, &test))["test_event_code"], "TEST1");
    api.settings.remove("test_event_code");
    assert!(refusal(&api, event(&test)).contains("test_event_code"));
}

#[test]
fn microsoft_gets_a_goal_and_the_time_in_utc() {
    let api = api(Platform::Microsoft, "Paid order");
    let values = sale(1);
    let call = call(&api, &values);
    assert_eq!(
        call.request.url,
        "https://campaign.api.bingads.microsoft.com/CampaignManagement/v13/OfflineConversions/Apply"
    );
    for (name, value) in [
        ("authorization", "Bearer t0ken"),
        ("developertoken", "s3cret-developer_token"),
        ("customerid", "123456"),
        ("customeraccountid", "123456"),
    ] {
        assert_eq!(header(&call, name), Some(value));
    }
    assert_eq!(
        body(&call),
        json!({"OfflineConversions": [{
            "ConversionName": "Paid order",
            "ConversionTime": "2026-11-21T06:06:00.000Z",
            "ConversionValue": serde_json::from_str::<Value>("140.00").unwrap(),
            "ConversionCurrencyCode": "EUR",
            "MicrosoftClickId": values["msclkid"],
        }]})
    );
    assert!(refusal(&api, aged(&values, 91 * 86_400)).contains("older than 90 days"));
}

#[test]
fn batches_keep_to_what_is_documented() {
    let sizes = Platform::ALL.map(|platform| batch_max(&api(platform, "1")));
    assert_eq!(sizes, [1_000, 2_000, 2_000, 50, 1_000]);
    let api = api(Platform::Meta, "Lead");
    let values: Vec<_> = (0..1_001).map(sale).collect();
    let events: Vec<Event<'_>> = values.iter().map(event).collect();
    let sizes: Vec<usize> = plan(&api, &events).calls.iter().map(|call| call.members.len()).collect();
    assert_eq!(sizes, [1_000, 1]);
}

#[test]
fn a_base_url_stands_for_every_host_of_the_platform() {
    for platform in Platform::ALL {
        let mut api = api(platform, name_of(platform));
        api.base_url = Some("http://127.0.0.1:1/proxy/".into());
        let url = call(&api, &sale(1)).request.url;
        assert!(url.starts_with("http://127.0.0.1:1/proxy/"), "{url}");
        if let Some(request) = token_request(&api, access().secret).unwrap() {
            assert!(request.url.starts_with("http://127.0.0.1:1/proxy/"), "{}", request.url);
        }
    }
}

#[test]
fn access_tokens_are_asked_for_where_they_are_needed() {
    let asked = |platform| {
        let request = token_request(&api(platform, "1"), access().secret).unwrap()?;
        Some((request.url, request.body))
    };
    assert_eq!(asked(Platform::Meta), None);
    assert_eq!(asked(Platform::TikTok), None);
    let (url, body) = asked(Platform::GoogleAds).unwrap();
    assert_eq!(url, "https://oauth2.googleapis.com/token");
    assert_eq!(
        body,
        "grant_type=refresh_token&client_id=s3cret-client_id&client_secret=s3cret-client_secret\
         &refresh_token=s3cret-refresh_token"
    );
    let (url, body) = asked(Platform::Microsoft).unwrap();
    assert_eq!(url, "https://login.microsoftonline.com/common/oauth2/v2.0/token");
    assert!(body.ends_with("&scope=https%3A%2F%2Fads.microsoft.com%2Fmsads.manage+offline_access"));
    assert!(read_token(&api(Platform::Microsoft, "1"), 503, "").is_err());
}

#[test]
fn nothing_is_built_without_access_and_nothing_is_asked_of_it_when_all_is_refused() {
    let values = sale(1);
    for platform in Platform::ALL {
        let api = api(platform, name_of(platform));
        let none = Access { secret: &|_| None, token: None };
        let told = build(&api, &none, &[event(&values)], now()).unwrap_err();
        assert!(matches!(told, AccessError::MissingSecret(_) | AccessError::MissingToken), "{told}");
        let broken = Access { secret: &|_| Some("s3cret\r\nX-Evil: 1".into()), token: Some("a b") };
        let told = build(&api, &broken, &[event(&values)], now()).unwrap_err();
        assert!(!told.to_string().contains("s3cret"), "{told}");
        let unmapped = map(&[("event", "other")]);
        assert!(build(&api, &none, &[event(&unmapped)], now()).unwrap().calls.is_empty());
    }
}

#[test]
fn settings_that_are_wrong_build_nothing() {
    let mut api = api(Platform::Meta, "Purchase");
    api.settings.insert("dataset".into(), "1/../2".into());
    let told = build(&api, &access(), &[event(&sale(1))], now()).unwrap_err();
    assert!(matches!(told, AccessError::Setting(_)), "{told}");
}
