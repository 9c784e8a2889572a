//! What the product builds for ad platforms, sent over real sockets to servers that refuse what the platforms refuse.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, VecDeque};

use http::Method;
use proofback_domain::conversion_api::{
    Access, Api, Call, Event, Plan, Platform, Reading, build, read, read_token, token_request,
};
use proofback_domain::delivery::{AttemptResult, Request};
use proofback_domain::id::{Conversion, Id};
use proofback_domain::name::Name;
use proofback_domain::time::{Span, Timestamp};
use proofback_testkit::{ConversionApis, Http, Network};
use serde_json::Value;

/// 2026-11-21T07:06:00Z.
const NOW: i64 = 1_795_244_760;
const DAY: u64 = 86_400;

type Values = BTreeMap<String, String>;

struct World {
    fake: ConversionApis,
    http: Http,
    api: Api,
    token: Option<String>,
}

fn network(platform: Platform) -> Network {
    match platform {
        Platform::Meta => Network::Meta,
        Platform::GoogleAds => Network::GoogleAds,
        Platform::GoogleDataManager => Network::GoogleDataManager,
        Platform::TikTok => Network::TikTok,
        Platform::Microsoft => Network::Microsoft,
    }
}

fn secret(name: &str) -> Option<String> {
    let value = match name {
        "access_token" => ConversionApis::ACCESS_TOKEN,
        "developer_token" => ConversionApis::DEVELOPER_TOKEN,
        "client_id" => ConversionApis::CLIENT_ID,
        "client_secret" => ConversionApis::CLIENT_SECRET,
        "refresh_token" => ConversionApis::REFRESH_TOKEN,
        other => panic!("{other}"),
    };
    Some(value.to_owned())
}

impl World {
    async fn start(platform: Platform) -> Self {
        let fake = ConversionApis::start(NOW).await.unwrap();
        let required = platform.settings().iter().filter(|setting| setting.required);
        let mut settings: Values =
            required.map(|setting| (setting.name.to_owned(), "12345".to_owned())).collect();
        if platform == Platform::Meta {
            settings.insert("page_url".into(), "https://shop.example/thanks".into());
        }
        let theirs = match platform {
            Platform::Meta | Platform::TikTok => "Purchase",
            Platform::GoogleAds | Platform::GoogleDataManager => "987654321",
            Platform::Microsoft => "Paid order",
        };
        let events = BTreeMap::from([(Name::parse("sale").unwrap(), theirs.to_owned())]);
        let api = Api { platform, settings, events, base_url: Some(fake.url()) };
        let mut world = Self { fake, http: Http::new(), api, token: None };
        world.renew().await;
        world
    }

    async fn send(&self, request: &Request) -> (u16, String) {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = self.http.send(Method::POST, &request.url, &headers, request.body.clone()).await.unwrap();
        (reply.status, reply.body)
    }

    /// Gets an access token where the platform gives one.
    async fn renew(&mut self) {
        let Some(request) = token_request(&self.api, &secret).unwrap() else { return };
        let (status, body) = self.send(&request).await;
        self.token = Some(read_token(&self.api, status, &body).unwrap().value);
    }

    fn plan(&self, events: &[Event<'_>]) -> Plan {
        let access = Access { secret: &secret, token: self.token.as_deref() };
        build(&self.api, &access, events, now()).unwrap()
    }

    async fn tell(&self, call: &Call) -> Reading {
        let (status, body) = self.send(&call.request).await;
        read(&self.api, call, status, None, &body)
    }

    /// Sends everything, and what is to be sent again, as the engine does; one letter per event.
    async fn told(&self, events: &[Event<'_>]) -> String {
        let plan = self.plan(events);
        let mut letters = vec!['?'; events.len()];
        for (index, _) in &plan.refused {
            letters[*index] = 'r';
        }
        let mut queue = VecDeque::from(plan.calls);
        while let Some(call) = queue.pop_front() {
            let reading = self.tell(&call).await;
            for (member, result) in call.members.iter().zip(&reading.results) {
                letters[*member] = match result {
                    Some(AttemptResult::Answered { status: 200, .. }) => '+',
                    Some(AttemptResult::Deferred(_)) => 'd',
                    Some(AttemptResult::Declined(_)) => 'x',
                    Some(AttemptResult::Answered { .. }) => 'a',
                    None => '.',
                    Some(other) => panic!("{other:?}"),
                };
            }
            queue.extend(reading.again);
        }
        letters.into_iter().collect()
    }

    fn kept(&self) -> Vec<Value> {
        self.fake.kept(network(self.api.platform)).into_iter().map(|kept| kept.event).collect()
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1_000)
}

fn sale(number: u128) -> Values {
    let id: Id<Conversion> = Id::new(now(), number);
    let hash = "0123456789abcdef".repeat(4);
    [
        ("event", "sale".to_owned()),
        ("status", "approved".to_owned()),
        ("conversion_id", id.to_string()),
        ("revenue", "140.10".to_owned()),
        ("currency", "EUR".to_owned()),
        ("ip", "203.0.113.7".to_owned()),
        ("user_agent", "Mozilla/5.0".to_owned()),
        ("fbclid", format!("IwAR2F4-{number}")),
        ("gclid", format!("Cj0KCQ-{number}")),
        ("ttclid", format!("E.C.P.{number}")),
        ("msclkid", format!("dd4afcccb1c9a4cad9544dd7e{number}")),
        ("email_sha256", hash.to_uppercase()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn aged(values: &Values, seconds: u64) -> Event<'_> {
    let at = now().minus(Span::from_seconds(seconds));
    let clicked_at = Some(at.minus(Span::from_seconds(60)));
    Event { delivery_id: Id::new(now(), 1), at, clicked_at, values }
}

fn events(values: &[Values]) -> Vec<Event<'_>> {
    values.iter().map(|values| aged(values, 3_600)).collect()
}

#[tokio::test]
async fn every_platform_takes_what_is_built_and_counts_a_repeat_once() {
    for platform in Platform::ALL {
        let world = World::start(platform).await;
        let values: Vec<Values> = (0..60).map(sale).collect();
        let all = "+".repeat(60);
        assert_eq!(world.told(&events(&values)).await, all, "{platform:?}");
        assert_eq!(world.told(&events(&values)).await, all, "{platform:?}: a repeat is delivered");
        assert_eq!(world.kept().len(), 60, "{platform:?}: and counted once");
        assert!(world.kept()[0].to_string().contains("140.10"), "{platform:?}: to the digit");
    }
}

#[tokio::test]
async fn hashed_identifiers_are_taken_and_sent_where_they_were_asked_for() {
    for platform in Platform::ALL {
        let mut world = World::start(platform).await;
        if platform.settings().iter().any(|setting| setting.name == "enhanced_conversions") {
            world.api.settings.insert("enhanced_conversions".into(), "true".into());
        }
        assert_eq!(world.told(&events(&[sale(1)])).await, "+", "{platform:?}");
        assert!(world.kept()[0].to_string().contains("0123456789abcdef0123"), "{platform:?}");
    }
}

#[tokio::test]
async fn one_event_that_is_too_old_does_not_fail_the_others_with_it() {
    let world = World::start(Platform::Meta).await;
    let values: Vec<Values> = (0..3).map(sale).collect();
    let told = [aged(&values[0], 60), aged(&values[1], 7 * DAY - 10), aged(&values[2], 7 * DAY + 10)];
    let plan = world.plan(&told);
    // While the second was on its way its time ran out.
    world.fake.set_now(NOW + 20);
    assert_eq!(plan.calls.len(), 2);
    assert_eq!(world.tell(&plan.calls[0]).await.results.len(), 1);
    let late = world.tell(&plan.calls[1]).await;
    assert!(matches!(late.results[0], Some(AttemptResult::Declined(_))));
    assert_eq!(world.kept().len(), 1);
}

#[tokio::test]
async fn a_bad_event_is_found_among_good_ones() {
    for platform in [Platform::TikTok, Platform::GoogleDataManager] {
        let world = World::start(platform).await;
        let values: Vec<Values> = (0..7).map(sale).collect();
        for name in ["ttclid", "gclid"] {
            world.fake.refuse(&values[2][name], "INVALID_EVENT");
            world.fake.refuse(&values[5][name], "INVALID_EVENT");
        }
        assert_eq!(world.told(&events(&values)).await, "++x++x+", "{platform:?}");
        assert_eq!(world.kept().len(), 5, "{platform:?}");
    }
    let world = World::start(Platform::Meta).await;
    let mut values: Vec<Values> = (0..64).map(sale).collect();
    // Meta names nobody: an event to come is found by halves.
    values[41].insert("revenue".into(), "1".into());
    let mut told = events(&values);
    told[41].at = now().plus(Span::from_seconds(600));
    let before = world.fake.requests();
    let letters = world.told(&told).await;
    assert_eq!(letters.find('x'), Some(41));
    assert_eq!(letters.matches('+').count(), 63);
    assert!(world.fake.requests() - before <= 13, "1, and two for each halving");
}

#[tokio::test]
async fn rows_have_results_of_their_own() {
    let world = World::start(Platform::GoogleAds).await;
    let values: Vec<Values> = (0..5).map(sale).collect();
    world.fake.refuse(&values[1]["gclid"], "TOO_RECENT_CONVERSION_ACTION");
    world.fake.refuse(&values[2]["gclid"], "UNPARSEABLE_GCLID");
    world.fake.refuse(&values[3]["gclid"], "CLICK_CONVERSION_ALREADY_EXISTS");
    assert_eq!(world.told(&events(&values)).await, "+dx++");
    let world = World::start(Platform::Microsoft).await;
    world.fake.refuse(&values[1]["msclkid"], "OfflineConversionGoalTooRecent");
    world.fake.refuse(&values[2]["msclkid"], "OfflineConversionMSClickIdInvalid");
    assert_eq!(world.told(&events(&values)).await, "+dx++");
}

#[tokio::test]
async fn an_access_token_that_ended_is_told_and_a_new_one_works() {
    for platform in [Platform::GoogleAds, Platform::GoogleDataManager, Platform::Microsoft] {
        let mut world = World::start(platform).await;
        world.fake.set_now(NOW + ConversionApis::TOKEN_SECONDS);
        let values = [sale(1)];
        let plan = world.plan(&events(&values));
        let reading = world.tell(&plan.calls[0]).await;
        assert!(reading.access_refused, "{platform:?}");
        assert!(matches!(reading.results[0], Some(AttemptResult::Deferred(_))), "{platform:?}");
        world.renew().await;
        assert_eq!(world.told(&events(&values)).await, "+", "{platform:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_without_being_shown() {
    for platform in [Platform::Meta, Platform::TikTok] {
        let world = World::start(platform).await;
        let access = Access { secret: &|_| Some("s3cret-of-another".into()), token: None };
        let values = [sale(1)];
        let plan = build(&world.api, &access, &events(&values), now()).unwrap();
        let reading = world.tell(&plan.calls[0]).await;
        assert!(reading.access_refused && world.kept().is_empty(), "{platform:?}");
        assert!(!format!("{reading:?}").contains("s3cret"), "{platform:?}");
    }
    let world = World::start(Platform::Microsoft).await;
    let request = token_request(&world.api, &|_| Some("s3cret".into())).unwrap().unwrap();
    let (status, body) = world.send(&request).await;
    let told = read_token(&world.api, status, &body).unwrap_err();
    assert!(body.contains("s3cret") && !told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn a_fault_that_passes_loses_nothing() {
    for platform in Platform::ALL {
        let world = World::start(platform).await;
        let values = [sale(1), sale(2)];
        world.fake.answer_next(503, "<html>try later</html>");
        assert_eq!(world.told(&events(&values)).await, "aa", "{platform:?}");
        assert_eq!(world.told(&events(&values)).await, "++", "{platform:?}");
        assert_eq!(world.kept().len(), 2, "{platform:?}");
    }
}

#[tokio::test]
async fn tests_count_nowhere() {
    for platform in Platform::ALL {
        let mut world = World::start(platform).await;
        let mut test = sale(1);
        test.insert("test".into(), "1".into());
        let values = [test, sale(2)];
        let has_code = platform.settings().iter().any(|setting| setting.name == "test_event_code");
        if has_code {
            world.api.settings.insert("test_event_code".into(), "TEST1".into());
        }
        let told = if platform == Platform::Microsoft { "r+" } else { "++" };
        assert_eq!(world.told(&events(&values)).await, told, "{platform:?}");
        let kept = world.fake.kept(network(platform));
        let counted = kept.iter().filter(|kept| !kept.test).count();
        assert_eq!(counted, 1, "{platform:?}");
        if has_code {
            world.api.settings.remove("test_event_code");
            assert_eq!(world.told(&events(&values)).await, "r+", "{platform:?}: not at all without the code");
        }
    }
}

#[tokio::test]
async fn the_servers_refuse_what_the_platforms_refuse() {
    for (platform, find, replace) in [
        (Platform::Meta, "\"em\":[\"0123456789abcdef", "\"em\":[\"ada@example.com"),
        (Platform::Meta, "\"fbc\":\"fb.1.", "\"fbc\":\"fb."),
        (Platform::Meta, "\"client_user_agent\"", "\"other\""),
        (Platform::GoogleAds, "\"partialFailure\":true", "\"partialFailure\":false"),
        (Platform::GoogleAds, "+00:00", "Z"),
        (Platform::GoogleAds, "\"gclid\"", "\"other\""),
        (Platform::GoogleDataManager, "GOOGLE_ADS", "OTHER"),
        (Platform::GoogleDataManager, "\"gclid\"", "\"other\""),
        (Platform::TikTok, "\"email\":\"0123456789abcdef", "\"email\":\"ada@example.com"),
        (Platform::TikTok, "\"event_time\":1795241160", "\"event_time\":1795241160000"),
        (Platform::Microsoft, "00.000Z", "00+00:00"),
        (Platform::Microsoft, "\"MicrosoftClickId\"", "\"other\""),
    ] {
        let world = World::start(platform).await;
        let values = [sale(1)];
        let mut call = world.plan(&events(&values)).calls.remove(0);
        let broken = call.request.body.replace(find, replace);
        assert_ne!(broken, call.request.body, "{platform:?} {find}");
        call.request.body = broken;
        let reading = world.tell(&call).await;
        let refused =
            matches!(reading.results[0], Some(AttemptResult::Declined(_) | AttemptResult::Deferred(_)));
        assert!(refused && world.kept().is_empty(), "{platform:?} {find}: {reading:?}");
    }
}
