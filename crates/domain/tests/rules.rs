//! What caps and fraud rules look at, and what they leave alone: scopes, days, subjects, and what is not known.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::calendar::Day;
use proofback_domain::click_id::ClickId;
use proofback_domain::decide::Decision;
use proofback_domain::outcome::Reason;
use support::Installation;

const PROGRAM: &str = include_str!("support/rules.toml");

/// The program with one fraud rule that holds.
fn watched(when: &str) -> Installation {
    Installation::new(&format!("{PROGRAM}\n[[fraud]]\nid = \"rule\"\nwhen = {{ {when} }}\nthen = \"hold\"\n"))
}

/// A click with these details: `ip`, `sub1`, `sub2`, `country`, `device`.
fn click_of(world: &mut Installation, link: &str, details: &[(&str, &str)]) -> ClickId {
    let subs: Vec<(&str, &str)> =
        details.iter().filter(|(name, _)| name.starts_with("sub")).copied().collect();
    let mut click = world.make_click(link, &subs);
    click.details.device = "desktop".into();
    for (name, value) in details {
        let value = (*value).to_owned();
        match *name {
            "ip" => click.details.ip = value,
            "country" => click.details.country = value,
            "device" => click.details.device = value,
            _ => {}
        }
    }
    let id = click.id;
    world.arrive(click);
    id
}

fn send(world: &mut Installation, click: ClickId, rest: &str) -> Decision {
    let advertiser = world.clicks[&click].advertiser.to_string();
    world.get(&advertiser, &format!("click_id={click}&{rest}"))
}

fn pixel(world: &mut Installation, click: ClickId, rest: &str) -> Decision {
    let mut request = world.request(Some("shop"), &format!("click_id={click}&{rest}"));
    request.pixel = true;
    world.receive(&request)
}

#[test]
fn a_rule_sees_the_conversions_of_its_subject_and_no_other() {
    let other_ip = ("ip", "192.0.2.2");
    let ip = ("ip", "192.0.2.1");
    // The rule, the click that converts first, the one that converts next, and whether the rule sees the first.
    for (when, first, next, seen) in [
        ("duplicate_ip = true", ("ann-one", "sale", vec![ip]), ("ben-one", "sale", vec![ip]), true),
        ("duplicate_ip = true", ("ann-one", "sale", vec![ip]), ("ben-one", "sale", vec![other_ip]), false),
        ("duplicate_ip = true", ("ann-one", "lead", vec![ip]), ("ben-one", "sale", vec![ip]), false),
        ("duplicate_ip = true", ("ann-two", "sale", vec![ip]), ("ben-one", "sale", vec![ip]), false),
        (
            "duplicate_ip = true",
            ("ann-one", "sale", vec![("ip", "")]),
            ("ben-one", "sale", vec![("ip", "")]),
            false,
        ),
        (
            "events_per_ip_per_hour_min = 2",
            ("ann-two", "lead", vec![ip]),
            ("ben-one", "sale", vec![ip]),
            true,
        ),
        (
            "events_per_ip_per_hour_min = 2",
            ("ann-one", "sale", vec![("ip", "")]),
            ("ben-one", "sale", vec![("ip", "")]),
            false,
        ),
        (
            "events_per_partner_per_hour_min = 2",
            ("ann-two", "lead", vec![]),
            ("ann-one", "sale", vec![]),
            true,
        ),
        (
            "events_per_partner_per_hour_min = 2",
            ("ben-one", "sale", vec![]),
            ("ann-one", "sale", vec![]),
            false,
        ),
        (
            "events_per_sub1_per_hour_min = 2",
            ("ann-two", "sale", vec![("sub1", "x")]),
            ("ann-one", "sale", vec![("sub1", "x")]),
            true,
        ),
        (
            "events_per_sub1_per_hour_min = 2",
            ("ben-one", "sale", vec![("sub1", "x")]),
            ("ann-one", "sale", vec![("sub1", "x")]),
            false,
        ),
        (
            "events_per_sub1_per_hour_min = 2, events_per_sub2_per_hour_min = 2",
            ("ann-two", "sale", vec![("sub2", "x")]),
            ("ann-one", "sale", vec![("sub1", "x"), ("sub2", "x")]),
            false,
        ),
    ] {
        let mut world = watched(when);
        let (link, event, details) = &first;
        let click = click_of(&mut world, link, details);
        assert_eq!(
            send(&mut world, click, &format!("event={event}&txid=A1")).reason,
            Reason::Ok,
            "{when} {first:?}"
        );
        let (link, event, details) = &next;
        let click = click_of(&mut world, link, details);
        let decision = send(&mut world, click, &format!("event={event}&txid=B1"));
        let expected = if seen { Reason::FraudReview } else { Reason::Ok };
        assert_eq!(decision.reason, expected, "{when}: {first:?}, {next:?}");
    }
}

#[test]
fn a_rule_holds_for_what_it_names_alone() {
    for (scope, link, held) in [
        ("advertisers = [\"shop\"]", "ann-one", true),
        ("advertisers = [\"shop\"]", "ann-three", false),
        ("offers = [\"one\"]", "ann-one", true),
        ("offers = [\"one\"]", "ann-two", false),
        ("partners = [\"ann\"]", "ann-one", true),
        ("partners = [\"ann\"]", "ben-one", false),
        ("events = [\"sale\"]", "ann-one", true),
        ("events = [\"lead\"]", "ann-one", false),
    ] {
        let mut world = watched(&format!("bot = true, {scope}"));
        let click = click_of(&mut world, link, &[("device", "bot")]);
        let reason = send(&mut world, click, "event=sale&txid=A1").reason;
        assert_eq!(reason, if held { Reason::FraudReview } else { Reason::Ok }, "{scope} {link}");
    }
}

#[test]
fn a_rule_of_several_signs_needs_all_of_them() {
    for (device, country, held) in [("bot", "DE", true), ("bot", "FR", false), ("desktop", "DE", false)] {
        let mut world = watched("bot = true, country_changed = true");
        let click = click_of(&mut world, "ann-one", &[("device", device), ("country", country)]);
        let reason = send(&mut world, click, "event=sale&txid=A1&country=FR").reason;
        assert_eq!(reason, if held { Reason::FraudReview } else { Reason::Ok }, "{device} {country}");
    }
}

#[test]
fn a_country_that_is_not_known_has_not_changed() {
    for (at_click, said, held) in [
        ("DE", "FR", true),
        ("DE", "de", false),
        ("DE", "%20de%20", false),
        ("DE", "", false),
        ("", "FR", false),
    ] {
        let mut world = watched("country_changed = true");
        let click = click_of(&mut world, "ann-one", &[("country", at_click)]);
        let reason = send(&mut world, click, &format!("event=sale&txid=A1&country={said}")).reason;
        assert_eq!(reason, if held { Reason::FraudReview } else { Reason::Ok }, "{at_click:?} {said:?}");
    }
}

#[test]
fn the_bounds_of_a_rule_are_within_it() {
    for (when, waited, held) in [
        ("seconds_after_click_max = 5", "5s", true),
        ("seconds_after_click_max = 5", "6s", false),
        ("seconds_after_click_min = 5", "5s", true),
        ("seconds_after_click_min = 5", "4s", false),
    ] {
        let mut world = watched(when);
        let click = click_of(&mut world, "ann-one", &[]);
        world.pass(waited);
        let reason = send(&mut world, click, "event=sale&txid=A1").reason;
        assert_eq!(reason, if held { Reason::FraudReview } else { Reason::Ok }, "{when} {waited}");
    }
    for (when, waited, held) in [
        ("duplicate_ip = true", "29d", true),
        ("duplicate_ip = true", "721h", false),
        ("events_per_ip_per_hour_min = 2", "59m", true),
        ("events_per_ip_per_hour_min = 2", "1h", false),
        ("events_per_ip_per_day_min = 2", "23h", true),
        ("events_per_ip_per_day_min = 2", "24h", false),
    ] {
        let mut world = watched(when);
        let (first, second) = (click_of(&mut world, "ann-one", &[]), click_of(&mut world, "ann-one", &[]));
        send(&mut world, first, "event=sale&txid=A1");
        world.pass(waited);
        let reason = send(&mut world, second, "event=sale&txid=A2").reason;
        assert_eq!(reason, if held { Reason::FraudReview } else { Reason::Ok }, "{when} {waited}");
    }
}

#[test]
fn a_rate_counts_each_conversion_once_whatever_asks_for_it() {
    let twice = "events_per_ip_per_hour_min = 3, events_per_ip_per_day_min = 3";
    let mut world = watched(twice);
    let click = click_of(&mut world, "ann-one", &[]);
    let reasons =
        ["A1", "A2", "A3"].map(|txid| send(&mut world, click, &format!("event=sale&txid={txid}")).reason);
    assert_eq!(reasons, [Reason::Ok, Reason::Ok, Reason::FraudReview], "the same click's count, too");
}

#[test]
fn a_pixel_and_a_test_are_no_conversions_to_a_rate() {
    let mut world = watched("events_per_ip_per_hour_min = 2");
    let click = click_of(&mut world, "ann-one", &[]);
    send(&mut world, click, "event=sale&txid=T1&test=1");
    assert_eq!(pixel(&mut world, click, "event=sale&txid=A1").reason, Reason::PixelUnconfirmed);
    assert_eq!(send(&mut world, click, "event=sale&txid=A1").reason, Reason::Ok);
    assert_eq!(send(&mut world, click, "event=sale&txid=A2").reason, Reason::FraudReview);
}

#[test]
fn a_refusal_names_the_rules_that_refuse_and_no_others() {
    let rule = |id: &str, when: &str, then: &str| {
        format!("[[fraud]]\nid = \"{id}\"\nwhen = {{ {when} }}\nthen = \"{then}\"\n")
    };
    let rules = [
        rule("moved", "country_changed = true", "hold"),
        rule("bots", "bot = true", "reject"),
        rule("late", "seconds_after_click_min = 0", "note"),
    ];
    let mut world = Installation::new(&format!("{PROGRAM}\n{}", rules.concat()));
    let click = click_of(&mut world, "ann-one", &[("device", "bot"), ("country", "DE")]);
    let refused = send(&mut world, click, "event=sale&txid=A1&country=FR");
    assert_eq!(
        (refused.reason, refused.message.as_str()),
        (Reason::FraudRejected, "refused by the rule bots")
    );
}

#[test]
fn a_full_cap_is_told_before_a_rule_that_matches_too() {
    let mut world = watched("bot = true");
    let click = click_of(&mut world, "ann-two", &[]);
    assert_eq!(send(&mut world, click, "event=lead&txid=A1").reason, Reason::Ok);
    let bot = click_of(&mut world, "ann-two", &[("device", "bot")]);
    let held = send(&mut world, bot, "event=lead&txid=A2");
    assert_eq!(held.reason, Reason::OverCap);
    assert!(
        held.checks.iter().any(|check| check.check == "fraud" && check.seen.starts_with("rule rule (hold)"))
    );
}

#[test]
fn the_terms_of_a_partner_cap_their_own_goal_of_their_own_offer() {
    let mut world = Installation::new(PROGRAM);
    for (link, event, reasons) in [
        ("ben-one", "lead", [Reason::Ok, Reason::Ok]),
        ("ben-two", "sale", [Reason::Ok, Reason::Ok]),
        ("ben-one", "sale", [Reason::Ok, Reason::OverCap]),
    ] {
        let click = click_of(&mut world, link, &[]);
        let found = ["A1", "A2"]
            .map(|txid| send(&mut world, click, &format!("event={event}&txid={event}{txid}{link}")).reason);
        assert_eq!(found, reasons, "{link} {event}");
    }
}

#[test]
fn a_cap_in_total_counts_over_all_months() {
    let mut world = Installation::new(PROGRAM);
    for txid in ["A1", "A2", "A3", "A4"] {
        let click = click_of(&mut world, "ann-one", &[]);
        assert_eq!(send(&mut world, click, &format!("event=sale&txid={txid}")).reason, Reason::Ok);
        world.pass("40d");
    }
    let click = click_of(&mut world, "ann-one", &[]);
    assert_eq!(send(&mut world, click, "event=sale&txid=A5").reason, Reason::OverCap);
}

#[test]
fn an_event_counts_on_the_day_of_its_arrival_whenever_it_happened_or_was_decided() {
    let mut world = Installation::new(PROGRAM);
    let days =
        |world: &Installation| world.conversions.values().map(|one| one.day.to_string()).collect::<Vec<_>>();
    // It is 08:06 in Berlin on the 21st.
    let late = click_of(&mut world, "ann-two", &[]);
    world.pass("20h");
    let yesterday = support::START / 1_000 + 60;
    send(&mut world, late, &format!("event=lead&txid=A1&timestamp={yesterday}"));
    assert_eq!(days(&world), ["2026-11-22"]);
    let awaited = world.make_click("ann-two", &[]);
    assert_eq!(
        world.get("shop", &format!("click_id={}&event=lead&txid=A2", awaited.id)).reason,
        Reason::AwaitingClick
    );
    let arrived = world.now;
    world.pass("24h");
    world.arrive(awaited);
    assert_eq!(days(&world), ["2026-11-22", "2026-11-22"]);
    let waited = world.conversions.values().find(|one| one.txid.as_deref() == Some("A2")).unwrap();
    assert_eq!((waited.at, waited.id.at()), (arrived, arrived));
    assert_eq!(waited.held, Some(Reason::OverCap), "the cap of that day was full");
}

#[test]
fn a_pixels_conversion_counts_on_the_day_on_which_a_server_confirms_it() {
    let mut world = Installation::new(PROGRAM);
    let click = click_of(&mut world, "ann-two", &[]);
    let (reported, day) = (world.now, |world: &Installation| -> Vec<Day> {
        world.conversions.values().map(|one| one.day).collect()
    });
    pixel(&mut world, click, "event=lead&txid=A1");
    let before = day(&world);
    world.pass("24h");
    assert_eq!(send(&mut world, click, "event=lead&txid=A1").reason, Reason::Ok);
    assert_ne!(day(&world), before);
    assert_eq!(world.conversions.values().next().unwrap().at, reported);
    let other = click_of(&mut world, "ann-two", &[]);
    assert_eq!(send(&mut world, other, "event=lead&txid=A2").reason, Reason::OverCap);
}

#[test]
fn no_sender_approves_what_time_approves() {
    let mut world = Installation::new(PROGRAM);
    let click = click_of(&mut world, "ann-two", &[]);
    send(&mut world, click, "event=deposit&txid=A1&amount=50");
    for said in ["status=approved&amount=60", "status=approved&amount=70"] {
        send(&mut world, click, &format!("event=deposit&txid=A1&{said}"));
    }
    assert_eq!(
        (world.balance("partner:ann:pending"), world.balance("partner:ann:approved")),
        ("7.00 EUR".into(), "0".into())
    );
}
