//! Who is told of what: levels, filters, shares, delays, webhooks.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use proofback_domain::delivery::{Occasion, compose};
use proofback_domain::outcome::Reason;
use proofback_domain::tell::{self, PlannedDelivery};
use proofback_domain::time::{Span, Timestamp};
use proofback_domain::webhook::body;
use support::Installation;

const PROGRAM: &str = r#"
[program]
name = "Told"
currency = "EUR"
[[advertiser]]
id = "shop"
postback = { open = true }
[[offer]]
id = "shoes"
advertiser = "shop"
url = "https://shop.example/?c={click_id}"
[[offer.goal]]
event = "sale"
payout = "10%"
approval = "postback"
[[offer.goal]]
event = "lead"
payout = "1 EUR"
approval = "postback"
OFFER
[[partner]]
id = "media"
[[partner.postback]]
id = "general"
url = "https://t.example/?p={payout}"
on = ["conversion.*", "commission.*"]
PARTNER
[[link]]
id = "media-shoes"
partner = "media"
offer = "shoes"
LINK
"#;

fn world(offer: &str, partner: &str, link: &str) -> Installation {
    Installation::new(&PROGRAM.replace("OFFER", offer).replace("PARTNER", partner).replace("LINK", link))
}

fn sale(world: &mut Installation, txid: &str, rest: &str) -> String {
    let click = world.click("media-shoes").to_string();
    say(world, &click, txid, rest);
    click
}

fn say(world: &mut Installation, click: &str, txid: &str, rest: &str) {
    world.get("shop", &format!("click_id={click}&txid={txid}&currency=EUR&{rest}"));
}

/// Who was told of what, in their order.
fn told(world: &Installation) -> Vec<String> {
    let show = |delivery: &PlannedDelivery| format!("{} {}", delivery.target, delivery.happening.code());
    world.deliveries.iter().map(show).collect()
}

const SALE: &str = "event=sale&amount=100";

#[test]
fn the_most_special_level_is_told_and_the_others_of_what_it_does_not_ask_for() {
    let offer = "[[offer.postback]]\nid = 'offer'\nurl = 'https://o.example/'\non = ['conversion.created', 'commission.earned']";
    let link = "[[link.postback]]\nid = 'link'\nurl = 'https://l.example/'\non = ['commission.earned']";
    let mut world = world(offer, "", link);
    sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    assert_eq!(
        told(&world),
        ["offer conversion.created", "general conversion.approved", "link commission.earned"]
    );
}

#[test]
fn a_partners_postback_for_offers_is_more_special_than_its_general_one() {
    let partner = "[[partner.postback]]\nid = 'own'\noffers = ['shoes']\nurl = 'https://o.example/'\non = ['commission.earned']";
    let mut world = world("", partner, "");
    sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    assert_eq!(
        told(&world),
        ["general conversion.created", "general conversion.approved", "own commission.earned"]
    );
}

#[test]
fn whoever_is_always_told_is_told_beside_the_special_ones() {
    let offer = "[[offer.postback]]\nid = 'audit'\nalways = true\nurl = 'https://o.example/'\non = ['commission.earned']";
    let mut world = world(offer, "", "");
    sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    assert_eq!(told(&world)[2..], ["general commission.earned", "audit commission.earned"]);
}

#[test]
fn a_target_asks_by_event_status_reason_and_partner() {
    let target = |id: &str, asks: &str| {
        format!(
            "[[offer.postback]]\nid = '{id}'\nalways = true\nurl = 'https://o.example/'\non = ['conversion.*']\n{asks}\n"
        )
    };
    let offer = target("leads", "events = ['lead']")
        + &target("good", "statuses = ['approved']")
        + &target("taken-back", "reasons = ['reversed']")
        + &target("others", "partners = ['else']");
    let mut world = world(&offer, "[[partner]]\nid = 'else'", "");
    let click = sale(&mut world, "S1", &format!("{SALE}&status=pending"));
    say(&mut world, &click, "S1", &format!("{SALE}&status=approved"));
    say(&mut world, &click, "R1", "event=refund&original_txid=S1");
    say(&mut world, &click, "L1", "event=lead&status=pending");
    let special: Vec<String> = told(&world).into_iter().filter(|told| !told.starts_with("general")).collect();
    assert_eq!(
        special,
        ["good conversion.approved", "taken-back conversion.reversed", "leads conversion.created"]
    );
}

#[test]
fn a_share_is_told_or_withheld_as_a_whole_and_close_to_what_is_declared() {
    let offer = "[[offer.postback]]\nid = 'part'\nalways = true\nshare = '30%'\nurl = 'https://o.example/'\non = ['commission.*']";
    let mut world = world(offer, "", "");
    for number in 0..400 {
        let click = sale(&mut world, &format!("S{number}"), &format!("{SALE}&status=approved"));
        say(&mut world, &click, &format!("S{number}"), "event=sale&amount=50&status=approved");
    }
    let part = || world.deliveries.iter().filter(|delivery| delivery.target.as_str() == "part");
    let of = |withheld: bool| {
        let those = part().filter(move |delivery| delivery.withheld == withheld);
        those.map(|delivery| delivery.about.conversion_id).collect::<BTreeSet<_>>()
    };
    let (kept_back, sent) = (of(true), of(false));
    assert_eq!((part().count(), kept_back.len() + sent.len()), (800, 400));
    assert!(kept_back.is_disjoint(&sent), "what happens to one conversion is told together");
    assert!((80..=160).contains(&sent.len()), "{} of 400 for 30 %", sent.len());
    assert!(world.deliveries.iter().all(|delivery| delivery.target.as_str() == "part" || !delivery.withheld));
}

#[test]
fn a_delay_moves_when_it_is_due_and_nothing_else() {
    let offer = "[[offer.postback]]\nid = 'later'\nalways = true\ndelay = '10m'\nurl = 'https://o.example/'\non = ['commission.earned']";
    let mut world = world(offer, "", "");
    sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    for delivery in &world.deliveries {
        let delay = if delivery.target.as_str() == "later" { 600 } else { 0 };
        assert_eq!(delivery.due_at, delivery.at.plus(Span::from_seconds(delay)), "{}", delivery.target);
    }
}

const WEBHOOK: &str = "[[webhook]]\nid = 'crm'\nurl = 'https://crm.example/hooks'\nsecret = 'env:CRM'\n";

#[test]
fn a_webhook_is_told_of_conversions_whatever_their_level_and_of_rejected_postbacks() {
    let all = format!("{WEBHOOK}on = ['commission.earned', 'postback.rejected']");
    let mut world = world("", "", &all);
    let click = sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    assert_eq!(told(&world)[2..], ["general commission.earned", "crm commission.earned"]);
    let earned = &world.deliveries[3].values;
    for (name, value) in [
        ("amount", "100.00"),
        ("payout", "10.00"),
        ("reason", "ok"),
        ("conversion_id", &earned["conversion_id"]),
    ] {
        assert_eq!(earned[name], value, "{name}");
    }
    assert!(!world.deliveries[2].values.contains_key("amount"), "a tracker gets its macros alone");
    say(&mut world, &click, "S2", "event=nonsense");
    let rejected = world.deliveries.last().unwrap();
    assert_eq!((rejected.target.as_str(), rejected.happening.code()), ("crm", "postback.rejected"));
    assert_eq!(rejected.values["reason"], Reason::UnknownEvent.code());
    assert_eq!((&rejected.about.conversion_id, rejected.about.postback_id.is_some()), (&None, true));
}

#[test]
fn a_webhook_that_asks_for_reasons_hears_of_no_others() {
    let some = format!("{WEBHOOK}on = ['postback.rejected']\nreasons = ['bad_amount']");
    let mut world = world("", "", &some);
    let click = world.click("media-shoes").to_string();
    say(&mut world, &click, "S1", "event=nonsense");
    say(&mut world, &click, "S1", "event=sale&amount=1e3");
    assert_eq!(told(&world), ["crm postback.rejected"]);
    assert_eq!(world.deliveries[0].values["reason"], "bad_amount");
}

#[test]
fn a_click_is_told_once_under_one_id() {
    let clicks = format!("{WEBHOOK}on = ['click.created']");
    let mut world = world("", "", &clicks);
    let click = world.make_click("media-shoes", &[("sub1", "reels")]);
    let program = &world.snapshot.program;
    let planned = tell::click(program, &click);
    assert_eq!(planned, tell::click(program, &click));
    assert_eq!(planned.len(), 1);
    assert_eq!((planned[0].values["sub1"].as_str(), planned[0].about.click_id), ("reels", Some(click.id)));
    assert_eq!(planned[0].values["click_id"], click.id.to_string());
}

#[test]
fn a_webhook_is_told_where_a_click_came_from_as_far_as_that_is_known() {
    let clicks = format!("{WEBHOOK}on = ['click.created']");
    let mut world = world("", "", &clicks);
    let mut click = world.make_click("media-shoes", &[]);
    (click.details.country, click.details.city) = ("DE".into(), "Munich".into());
    click.details.asn = "64500".into();
    let planned = tell::click(&world.snapshot.program, &click);
    let told = body(planned[0].happening, planned[0].at, &planned[0].values);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let data = ["country", "region", "city", "asn"].map(|name| told["data"][name].as_str());
    assert_eq!(data, [Some("DE"), None, Some("Munich"), Some("64500")]);
}

#[test]
fn a_webhooks_request_is_signed_with_each_secret_and_shown_without_any() {
    let secrets =
        [("NEW", "whsec_bmV3LXNlY3JldC1vZi0yNC1ieXRlcy0xMjM="), ("OLD", "an old secret of 24 bytes or more")];
    let source = PROGRAM.replace("OFFER", "").replace("PARTNER", "").replace(
        "LINK",
        "[[webhook]]\nid = 'crm'\nurl = 'https://crm.example/hooks'\nsecret = ['env:NEW', 'env:OLD']\non = ['commission.earned']",
    );
    let mut world = Installation::with_secrets(&source, &secrets);
    sale(&mut world, "S1", &format!("{SALE}&status=approved"));
    let delivery = world.deliveries.last().unwrap().clone();
    let request = |attempt_at| {
        let target = &world.snapshot.program.targets["crm"];
        let occasion = Occasion {
            id: delivery.id,
            happening: delivery.happening,
            at: delivery.at,
            attempt_at,
            values: &delivery.values,
        };
        compose(target, &world.snapshot, occasion).unwrap()
    };
    let first = request(delivery.at);
    let header =
        |name: &str| first.request.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(header("webhook-id"), delivery.id.to_string());
    assert_eq!(header("webhook-signature").split(' ').count(), 2);
    assert_eq!(header("content-type"), "application/json");
    let again = request(Timestamp::from_millis(delivery.at.millis() + 60_000));
    assert_eq!(again.request.body, first.request.body, "the same at every attempt");
    assert!(
        first
            .shown
            .starts_with("POST https://crm.example/hooks\ncontent-type: application/json\nwebhook-id: "),
        "{}",
        first.shown
    );
    for (_, secret) in secrets {
        assert!(!first.shown.contains(secret));
    }
}

/// The request of the first target with this id, for a sale that was approved.
fn request(secrets: &[(&str, &str)], postback: &str) -> (String, String) {
    let source = PROGRAM.replace("OFFER", "").replace("PARTNER", postback).replace("LINK", "");
    let mut world = Installation::with_secrets(&source, secrets);
    sale(&mut world, "S 1", &format!("{SALE}&status=approved"));
    let delivery = world.deliveries.iter().find(|delivery| delivery.target.as_str() == "own").unwrap();
    let target = &world.snapshot.program.targets["own"];
    let (attempt_at, values) = (delivery.at, &delivery.values);
    let occasion =
        Occasion { id: delivery.id, happening: delivery.happening, at: delivery.at, attempt_at, values };
    match compose(target, &world.snapshot, occasion) {
        Ok(composed) => {
            let request = composed.request;
            let mut text = format!("{} {}", request.verb.code(), request.url);
            for (name, value) in &request.headers {
                text += &format!("\n{name}: {value}");
            }
            if !request.body.is_empty() {
                text += &format!("\n\n{}", request.body);
            }
            (text, composed.shown)
        }
        Err(result) => (format!("{result:?}"), String::new()),
    }
}

const OWN: &str = "[[partner.postback]]\nid = 'own'\nalways = true\non = ['commission.earned']\n";

#[test]
fn a_request_carries_what_its_templates_say_in_the_way_of_their_place() {
    for (call, expected) in [
        ("url = 'https://o.example/?t={txid}&p={payout}'", "GET https://o.example/?t=S%201&p=10.00"),
        (
            "url = 'https://o.example/'\nform = { t = '{txid}', who = 'a&b' }\nheaders = { X-Event = '{event|upper}' }",
            "POST https://o.example/\nX-Event: SALE\ncontent-type: application/x-www-form-urlencoded\n\nt=S+1&who=a%26b",
        ),
        (
            "url = 'https://o.example/'\njson = '{\"t\": \"{txid}\", \"p\": {payout}, \"x\": {sub9}}'",
            "POST https://o.example/\ncontent-type: application/json\n\n{\"t\": \"S 1\", \"p\": 10.00, \"x\": null}",
        ),
        (
            "url = 'https://o.example/'\nbody = '<t>{status|map:approved=1}</t>'\ncontent_type = 'text/xml'",
            "POST https://o.example/\ncontent-type: text/xml\n\n<t>1</t>",
        ),
        ("url = 'https://o.example/?p={payout|currency:EUR}'", "GET https://o.example/?p=10.00"),
        (
            "url = 'https://o.example/?p={payout|currency:USD}'",
            "Deferred(\"no exchange rate into USD is known yet\")",
        ),
    ] {
        assert_eq!(request(&[], &format!("{OWN}{call}")).0, expected, "{call}");
    }
}

#[test]
fn a_secret_goes_out_and_is_kept_nowhere_however_it_is_encoded() {
    let call = "url = 'https://o.example/{secret.key}?t={txid}'\nsecrets = { key = 'env:KEY', pass = 'env:PASS' }\n\
                headers = { Authorization = 'Bearer {secret.pass}', X-Pass = '{secret.pass}' }";
    let secrets = [("KEY", "k/ey&1"), ("PASS", "pass-word-1")];
    let (sent, shown) = request(&secrets, &format!("{OWN}{call}"));
    assert_eq!(
        sent,
        "GET https://o.example/k%2Fey%261?t=S%201\nAuthorization: Bearer pass-word-1\nX-Pass: pass-word-1"
    );
    assert_eq!(shown, "GET https://o.example/HIDDEN?t=S%201\nAuthorization: HIDDEN\nX-Pass: HIDDEN");
    let (unsent, _) = request(&secrets[..1], &format!("{OWN}{call}"));
    assert_eq!(unsent, "Deferred(\"the secret \\\"pass\\\" is not there\")");
}

#[test]
fn a_signed_postback_leaves_with_its_signature_or_not_at_all() {
    let call = "url = 'https://o.example/?t={txid}'\nsign = { secret = 'env:SIGN', param = 'sig', timestamp = 'ts' }";
    let (sent, shown) = request(&[("SIGN", "a signing secret")], &format!("{OWN}{call}"));
    let (start, signature) = sent.rsplit_once("&sig=").unwrap();
    assert_eq!(start, "GET https://o.example/?t=S%201&ts=1795244760");
    assert_eq!((signature.len(), shown.as_str()), (64, sent.as_str()));
    let (unsent, _) = request(&[], &format!("{OWN}{call}"));
    assert_eq!(unsent, "Deferred(\"the signing secret is not set here\")");
}

#[test]
fn an_answer_is_held_against_what_is_expected() {
    use proofback_domain::program::target::Expect;
    let expect = |statuses: &[u16], body: &str| Expect {
        statuses: statuses.to_vec(),
        body: (!body.is_empty()).then(|| body.to_owned()),
    };
    for (expected, status, body, good) in [
        (expect(&[], ""), 204, "", true),
        (expect(&[], ""), 302, "", false),
        (expect(&[302], ""), 302, "", true),
        (expect(&[302], ""), 200, "", false),
        (expect(&[], "OK"), 200, "all OK here", true),
        (expect(&[], "OK"), 200, "error", false),
        (expect(&[], "status*ok*id"), 200, "{status: ok, id: 1}", true),
        (expect(&[], "status*ok*id"), 200, "{id: 1, status: ok}", false),
    ] {
        assert_eq!(expected.misses(status, body).is_none(), good, "{expected:?} {status} {body}");
    }
}

#[test]
fn a_conversion_api_gets_the_platforms_ids_and_hashes_and_nothing_that_names_a_person() {
    let api = "[[partner.conversion_api]]\nid = 'meta'\napi = 'meta'\nsettings = { dataset = '1', access_token = 'env:T' }\n\
               event_names = { sale = 'Purchase' }\non = ['conversion.approved']";
    let mut world = world("", api, "");
    let click = world.make_click("media-shoes", &[("fbclid", "Fb.1"), ("gclid", ""), ("anything", "else")]);
    let id = click.id.to_string();
    world.arrive(click);
    let hash = "a".repeat(64);
    say(
        &mut world,
        &id,
        "S1",
        &format!(
            "{SALE}&status=approved&email_sha256={hash}&phone_sha256=anna%40example.com&email=anna%40example.com"
        ),
    );
    let told = world.deliveries.iter().find(|delivery| delivery.target.as_str() == "meta").unwrap();
    assert_eq!(
        (told.values["fbclid"].as_str(), told.values["email_sha256"].as_str()),
        ("Fb.1", hash.as_str())
    );
    assert_eq!(told.values["click_timestamp"], "1795244760");
    assert!(!told.values.contains_key("phone_sha256") && !told.values.contains_key("anything"));
    for delivery in &world.deliveries {
        assert!(!format!("{:?}", delivery.values).contains("anna"));
        assert!(delivery.target.as_str() == "meta" || !delivery.values.contains_key("email_sha256"));
    }
}
