//! What answers mean, platform by platform.

use proofback_domain::conversion_api::{Platform, Reading, read};
use proofback_domain::delivery::AttemptResult;

use super::*;

/// A call with so many members.
fn batch(platform: Platform, members: u128) -> (Api, Call) {
    let api = api(platform, name_of(platform));
    let values: Vec<_> = (0..members).map(sale).collect();
    let events: Vec<Event<'_>> = values.iter().map(event).collect();
    let plan = plan(&api, &events);
    assert_eq!(plan.calls.len(), 1);
    (api, plan.calls.into_iter().next().unwrap())
}

fn reading(platform: Platform, members: u128, status: u16, body: &str) -> Reading {
    let (api, call) = batch(platform, members);
    let reading = read(&api, &call, status, Some(Span::from_seconds(9)), body);
    assert_eq!(reading.results.len(), call.members.len());
    // What is undecided is sent again, once, and in smaller calls.
    let undecided: Vec<usize> = call
        .members
        .iter()
        .zip(&reading.results)
        .filter_map(|(member, result)| result.is_none().then_some(*member))
        .collect();
    let mut again: Vec<usize> = reading.again.iter().flat_map(|call| call.members.clone()).collect();
    again.sort_unstable();
    assert_eq!(again, undecided);
    assert!(reading.again.iter().all(|smaller| smaller.members.len() < call.members.len()));
    reading
}

/// `+` delivered, `d` deferred, `x` declined, `a` another status, `?` unexpected, `.` sent again.
fn told(reading: &Reading) -> String {
    let letter = |result: &Option<AttemptResult>| match result {
        None => '.',
        Some(AttemptResult::Answered { status: 200..=299, .. }) => '+',
        Some(AttemptResult::Answered { .. }) => 'a',
        Some(AttemptResult::Deferred(_)) => 'd',
        Some(AttemptResult::Declined(_)) => 'x',
        Some(AttemptResult::Unexpected(_)) => '?',
        Some(other) => panic!("{other:?}"),
    };
    reading.results.iter().map(letter).collect()
}

fn first_error(reading: &Reading) -> String {
    reading.results.iter().flatten().find_map(AttemptResult::error).unwrap()
}

#[test]
fn meta_errors_are_told_apart_by_their_code() {
    for (code, letters, refused) in [
        ("1", "dd", false),
        ("2", "dd", false),
        ("4", "dd", false),
        ("17", "dd", false),
        ("341", "dd", false),
        ("613", "dd", false),
        ("80004", "dd", false),
        ("190", "dd", true),
        ("102", "dd", true),
        ("10", "dd", false),
        ("200", "dd", false),
        ("100", "..", false),
        ("2804003", "..", false),
    ] {
        let body = format!(
            r#"{{"error":{{"message":"x","type":"OAuthException","code":{code},"fbtrace_id":"y"}}}}"#
        );
        let reading = reading(Platform::Meta, 2, 400, &body);
        assert_eq!((told(&reading).as_str(), reading.access_refused), (letters, refused), "{code}");
    }
    for missing in [r#"{"error":{"code":100,"error_subcode":33}}"#, r#"{"error":{"code":2635}}"#] {
        assert_eq!(
            told(&reading(Platform::Meta, 2, 400, missing)),
            "dd",
            "the connection is at fault: {missing}"
        );
    }
    let passing = r#"{"error":{"code":555,"is_transient":true}}"#;
    assert_eq!(told(&reading(Platform::Meta, 2, 400, passing)), "dd");
    let wrong = r#"{"error":{"code":100,"error_subcode":2804003}}"#;
    let alone = reading(Platform::Meta, 1, 400, wrong);
    assert_eq!(first_error(&alone), "declined: Meta error 100/2804003");
}

#[test]
fn meta_counts_what_it_took() {
    assert_eq!(told(&reading(Platform::Meta, 3, 200, r#"{"events_received":3}"#)), "+++");
    assert_eq!(told(&reading(Platform::Meta, 3, 200, r#"{"events_received":2}"#)), "...");
    assert_eq!(told(&reading(Platform::Meta, 1, 200, r#"{"events_received":0}"#)), "x");
    for body in ["{}", "", "<html>"] {
        assert_eq!(told(&reading(Platform::Meta, 2, 200, body)), "??", "{body}");
    }
}

fn google(errors: &[(&str, &str)], results: &str) -> String {
    let errors: Vec<String> = errors.iter().map(|(code, index)| {
        let index = if index.is_empty() { String::new() } else { format!(r#","index":{index}"#) };
        format!(r#"{{"errorCode":{{"conversionUploadError":"{code}"}},"message":"m","location":{{"fieldPathElements":
            [{{"fieldName":"conversions"{index}}},{{"fieldName":"gclid"}}]}}}}"#)
    }).collect();
    format!(
        r#"{{"partialFailureError":{{"code":3,"message":"m","details":[{{"@type":"t","errors":[{}]}}]}},
        "results":{results},"jobId":"1"}}"#,
        errors.join(",")
    )
}

#[test]
fn google_rows_have_results_of_their_own() {
    for (code, letter) in [
        ("CLICK_CONVERSION_ALREADY_EXISTS", '+'),
        ("ORDER_ID_ALREADY_IN_USE", '+'),
        ("DUPLICATE_ORDER_ID", 'd'),
        ("DUPLICATE_CLICK_CONVERSION_IN_REQUEST", 'd'),
        ("TOO_RECENT_EVENT", 'd'),
        ("TOO_RECENT_CONVERSION_ACTION", 'd'),
        ("EXPIRED_EVENT", 'x'),
        ("UNPARSEABLE_GCLID", 'x'),
        ("CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", 'x'),
    ] {
        let body = google(&[(code, "1")], "[{\"gclid\":\"a\"},{},{\"gclid\":\"b\"}]");
        let reading = reading(Platform::GoogleAds, 3, 200, &body);
        assert_eq!(told(&reading), format!("+{letter}+"), "{code}");
    }
    let body = google(&[("EXPIRED_EVENT", "1")], "[{},{}]");
    assert_eq!(first_error(&reading(Platform::GoogleAds, 2, 200, &body)), "declined: EXPIRED_EVENT");
}

#[test]
fn the_first_error_of_a_row_stands() {
    let body =
        google(&[("TOO_RECENT_EVENT", "0"), ("EXPIRED_EVENT", "0"), ("EXPIRED_EVENT", "1")], "[{},{}]");
    assert_eq!(told(&reading(Platform::GoogleAds, 2, 200, &body)), "dx");
}

#[test]
fn a_google_error_without_a_row_leaves_nothing_taken_for_delivered() {
    let body = google(&[("EXPIRED_EVENT", "0"), ("INVALID_JOB_ID", "")], "[{},{},{\"gclid\":\"b\"},{}]");
    assert_eq!(told(&reading(Platform::GoogleAds, 4, 200, &body)), "x.+.");
    for empty in [r#"{"partialFailureError":{"code":3},"results":[]}"#, &google(&[], "[{},{}]")] {
        assert_eq!(told(&reading(Platform::GoogleAds, 2, 200, empty)), "..", "{empty}");
    }
    let body = google(&[("INVALID_JOB_ID", "")], "[{}]");
    assert_eq!(told(&reading(Platform::GoogleAds, 1, 200, &body)), "x");
}

#[test]
fn google_calls_that_fail_whole_are_told_by_status_and_code() {
    let error = |status: &str, code: &str| {
        format!(
            r#"{{"error":{{"code":1,"status":"{status}","details":[{{"errors":[{{"errorCode":{{"x":"{code}"}}}}]}}]}}}}"#
        )
    };
    for (status, code, letters, refused) in [
        (401, "OAUTH_TOKEN_EXPIRED", "dd", true),
        (403, "DEVELOPER_TOKEN_NOT_APPROVED", "dd", false),
        (403, "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", "xx", false),
        (400, "INVALID_LOGIN_CUSTOMER_ID", "dd", false),
        (429, "RESOURCE_EXHAUSTED", "aa", false),
        (503, "TRANSIENT_ERROR", "aa", false),
        (404, "NOT_FOUND", "dd", false),
    ] {
        let reading = reading(Platform::GoogleAds, 2, status, &error("S", code));
        assert_eq!((told(&reading).as_str(), reading.access_refused), (letters, refused), "{code}");
    }
    let closed =
        reading(Platform::GoogleAds, 1, 403, &error("S", "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"));
    assert!(first_error(&closed).contains("google_data_manager"));
    assert_eq!(told(&reading(Platform::GoogleAds, 2, 200, r#"{"results":[{},{}]}"#)), "++");
    let unread =
        r#"{"error":{"code":400,"details":[{"fieldViolations":[{"field":"conversions[1].order_id"}]}]}}"#;
    assert_eq!(told(&reading(Platform::GoogleAds, 2, 400, unread)), "..", "a row is at fault");
}

#[test]
fn the_data_manager_names_the_events_it_refuses_a_request_for() {
    let named = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[
        {"@type":"t/ErrorInfo","reason":"INVALID_ARGUMENT"},
        {"@type":"t/BadRequest","fieldViolations":[{"field":"events[1].ad_identifiers","reason":"NO_IDENTIFIERS_PROVIDED"}]}]}}"#;
    let reading_of_named = reading(Platform::GoogleDataManager, 3, 400, named);
    assert_eq!(told(&reading_of_named), ".x.");
    assert_eq!(first_error(&reading_of_named), "declined: NO_IDENTIFIERS_PROVIDED");
    assert_eq!(reading_of_named.again.len(), 1, "the others go together");
    let nameless = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#;
    assert_eq!(told(&reading(Platform::GoogleDataManager, 3, 400, nameless)), "...");
    assert_eq!(told(&reading(Platform::GoogleDataManager, 1, 400, nameless)), "x");
    assert_eq!(told(&reading(Platform::GoogleDataManager, 2, 200, r#"{"requestId":"r"}"#)), "++");
    assert!(reading(Platform::GoogleDataManager, 2, 401, "{}").access_refused);
    let destination = named.replace("events[1].ad_identifiers", "destinations[0].product_destination_id");
    assert_eq!(told(&reading(Platform::GoogleDataManager, 2, 400, &destination)), "dd");
}

#[test]
fn tiktok_refuses_with_status_200_too() {
    for (status, code, letters, refused) in [
        (200, "0", "++", false),
        (200, "40100", "dd", false),
        (401, "40100", "dd", false),
        (200, "50000", "dd", false),
        (200, "40105", "dd", true),
        (401, "40104", "dd", true),
        (200, "40001", "dd", false),
        (200, "40002", "..", false),
        (200, "40900", "..", false),
    ] {
        let body = format!(r#"{{"code":{code},"message":"no","request_id":"r","data":{{}}}}"#);
        let reading = reading(Platform::TikTok, 2, status, &body);
        assert_eq!((told(&reading).as_str(), reading.access_refused), (letters, refused), "{status} {code}");
    }
    let named = r#"{"code":40002,"message":"data[1].user.ttclid: wrong"}"#;
    assert_eq!(told(&reading(Platform::TikTok, 3, 200, named)), ".x.");
    let beyond = r#"{"code":40002,"message":"data[7]: wrong"}"#;
    assert_eq!(told(&reading(Platform::TikTok, 3, 200, beyond)), "...");
    assert_eq!(told(&reading(Platform::TikTok, 2, 200, "ok")), "??");
    assert_eq!(told(&reading(Platform::TikTok, 2, 502, "<html>")), "aa");
}

#[test]
fn microsoft_tells_items_and_faults_by_their_code() {
    let partial = |items: &str| format!(r#"{{"PartialErrors":[{items}]}}"#);
    let item = |index: u32, code: u32, symbol: &str| {
        format!(
            r#"{{"Index":{index},"Code":{code},"ErrorCode":"{symbol}","Message":"m","Type":"BatchError"}}"#
        )
    };
    let told_of = |members, status, body: &str| told(&reading(Platform::Microsoft, members, status, body));
    assert_eq!(told_of(2, 200, &partial("")), "++");
    assert_eq!(told_of(2, 200, r#"{"PartialErrors":null}"#), "++");
    assert_eq!(told_of(2, 200, "oops"), "??");
    let bad = item(1, 5_600, "OfflineConversionNameInvalid");
    let early = item(2, 5_601, "OfflineConversionGoalTooRecent");
    assert_eq!(told_of(4, 200, &partial(&format!("{bad},{early}"))), "+xd+");
    assert_eq!(told_of(2, 200, &partial(&item(9, 1, "Beyond"))), "..", "an error of no item");
    for (status, code, letters, refused) in [
        (400, 105, "dd", true),
        (500, 109, "dd", true),
        (500, 106, "dd", false),
        (500, 117, "dd", false),
        (429, 207, "dd", false),
        (500, 0, "dd", false),
        (500, 5_000, "dd", false),
        (400, 5_000, "dd", false),
    ] {
        let body =
            format!(r#"{{"TrackingId":"t","Errors":[{{"Code":{code},"ErrorCode":"Some","Message":"m"}}]}}"#);
        let reading = reading(Platform::Microsoft, 2, status, &body);
        assert_eq!((told(&reading).as_str(), reading.access_refused), (letters, refused), "{status} {code}");
    }
    let batch = format!(r#"{{"BatchErrors":[{bad}],"OperationErrors":[]}}"#);
    assert_eq!(told_of(3, 400, &batch), ".x.");
    assert_eq!(told_of(2, 503, "<html>"), "aa");
}

#[test]
fn a_passing_fault_keeps_the_time_that_was_asked_for() {
    for platform in Platform::ALL {
        for status in [408, 429, 500, 503] {
            let reading = reading(platform, 2, status, "<html>");
            let asked = AttemptResult::Answered { status, retry_after: Some(Span::from_seconds(9)) };
            assert_eq!(reading.results, [Some(asked.clone()), Some(asked)], "{} {status}", platform.code());
        }
    }
}

#[test]
fn one_bad_member_among_a_thousand_is_found_with_few_requests() {
    let (api, whole) = batch(Platform::Meta, 1_000);
    let (mut queue, mut requests, mut bad, mut good) = (vec![whole], 0, Vec::new(), 0);
    while let Some(call) = queue.pop() {
        requests += 1;
        let fails = call.members.contains(&613);
        let body = format!(r#"{{"events_received":{}}}"#, call.members.len());
        let answer = if fails { r#"{"error":{"code":100}}"# } else { body.as_str() };
        let reading = read(&api, &call, if fails { 400 } else { 200 }, None, answer);
        for (member, result) in call.members.iter().zip(&reading.results) {
            match result {
                Some(AttemptResult::Declined(_)) => bad.push(*member),
                Some(AttemptResult::Answered { status: 200, .. }) => good += 1,
                None => {}
                Some(other) => panic!("{other:?}"),
            }
        }
        queue.extend(reading.again);
    }
    assert_eq!((bad, good), (vec![613], 999));
    assert!(requests <= 22, "{requests}");
}
