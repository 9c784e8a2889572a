//! The stand-ins refuse what is wrong: without that, what they take would prove nothing.

use proofback_domain::preset::{Preset, all, find};
use proofback_testkit::{Need, Receiver, Refusal, Repeats};

use crate::sample::{address, is_delivered, platform, send, send_first, values};

fn approved(preset: &Preset) -> String {
    address(preset, &values(preset, "approved", true), true)
}

/// The address with one parameter under another name; `None` where it has none of that name.
fn renamed(address: &str, name: &str, other: &str) -> Option<String> {
    let (path, query) = address.split_once('?').unwrap();
    let is_it = |pair: &&str| pair.split_once('=').is_some_and(|(known, _)| known == name);
    query.split('&').find(is_it)?;
    let pairs = query.split('&').map(|pair| {
        let value = pair.split_once('=').unwrap().1;
        if is_it(&pair) { format!("{other}={value}") } else { pair.to_owned() }
    });
    Some(format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")))
}

#[tokio::test]
async fn a_parameter_under_another_name_is_refused_by_every_platform() {
    for preset in all() {
        let good = approved(preset);
        for parameter in platform(preset).parameters {
            let other = format!("{}x", parameter.name);
            let Some(bad) = renamed(&good, parameter.name, &other) else {
                assert_eq!(parameter.need, Need::Optional, "{}: {}", preset.id, parameter.name);
                continue;
            };
            let refusal = match parameter.need {
                Need::Required => Refusal::Missing(parameter.name),
                Need::Optional => Refusal::Undocumented(other),
            };
            let sent = send_first(platform(preset), &bad).await;
            assert_eq!(sent.judged, Err(refusal), "{}: {bad}", preset.id);
        }
    }
}

#[tokio::test]
async fn taboola_takes_its_click_id_with_a_hyphen_only() {
    let preset = find("taboola").unwrap();
    let bad = renamed(&approved(preset), "click-id", "click_id").unwrap();
    assert_eq!(send_first(platform(preset), &bad).await.judged, Err(Refusal::Missing("click-id")));
}

#[tokio::test]
async fn another_path_host_or_scheme_is_refused_by_every_platform() {
    for preset in all() {
        let platform = platform(preset);
        let good = approved(preset);
        let (path, query) = good.split_once('?').unwrap();
        let bad = format!("{path}x/y/z?{query}");
        assert!(matches!(send_first(platform, &bad).await.judged, Err(Refusal::Path(_))), "{bad}");
        if let Some(host) = platform.host {
            let bad = good.replace(host, "other.example");
            assert!(matches!(send_first(platform, &bad).await.judged, Err(Refusal::Host(_))), "{bad}");
        }
        if platform.schemes.len() == 1 {
            let (scheme, rest) = good.split_once(':').unwrap();
            let bad = format!("{}:{rest}", if scheme == "http" { "https" } else { "http" });
            assert!(matches!(send_first(platform, &bad).await.judged, Err(Refusal::Scheme(_))), "{bad}");
        }
    }
}

#[tokio::test]
async fn what_nobody_replaced_is_refused_by_every_platform() {
    for preset in all() {
        let mut values = values(preset, "approved", true);
        for leftover in
            ["{click_id}", "${SUBID}", "{{ob_click_id}}", "##S2S##", "[CLICK_ID]", "<click>", "REPLACE"]
        {
            for name in ["partner_click_id", "conversion_id"] {
                values.insert(name, leftover.to_owned());
            }
            let bad = address(preset, &values, false);
            let judged = send_first(platform(preset), &bad).await.judged;
            assert!(matches!(judged, Err(Refusal::Leftover { .. })), "{}: {judged:?}", preset.id);
        }
    }
    let adsterra = find("adsterra").unwrap();
    let bad = approved(adsterra).replace("own%20name", "%3Cname%3E");
    let judged = send_first(platform(adsterra), &bad).await.judged;
    assert_eq!(judged, Err(Refusal::Leftover { name: "path".into(), value: "<name>".into() }));
}

#[tokio::test]
async fn numbers_words_and_ids_of_another_form_are_refused() {
    for (id, name, value) in [
        ("adxad", "payout", "1,5"),
        ("adxad", "type", "goal4"),
        ("affise", "status", "approved"),
        ("affise-reach", "status", "5"),
        ("bemob", "cid", "aB3dE5fG7hJ9"),
        ("cake", "r", "abc"),
        ("exoclick", "goal", "1b9b3786"),
        ("keitaro", "status", "approved"),
        ("keitaro", "currency", "eur0"),
        ("mgid", "e", "buy_1"),
        ("prosper202", "subid", "c384EFV6"),
        ("revcontent", "amount", "22.55"),
        ("revcontent", "amount", "0"),
        ("taboola", "click-id", "short"),
        ("trackier", "status", "reversed"),
        ("tune", "transaction_id", "1027c887059b47b"),
        ("zm-apps", "action", "sale"),
    ] {
        let preset = find(id).unwrap();
        let good = approved(preset);
        let bad = renamed(&good, name, &format!("{name}={value}&{name}.old")).unwrap();
        let bad = bad.split('&').filter(|pair| !pair.starts_with(&format!("{name}.old")));
        let bad = bad.collect::<Vec<_>>().join("&");
        let sent = send_first(platform(preset), &bad).await;
        let refusal = Refusal::Form { name: name.to_owned(), value: value.to_owned() };
        assert_eq!(sent.judged, Err(refusal), "{id}");
    }
}

#[tokio::test]
async fn a_rejection_that_is_answered_with_200_is_no_delivery() {
    for (id, click_id) in [("tune", "transaction_id"), ("exoclick", "tag")] {
        let preset = find(id).unwrap();
        let bad = renamed(&approved(preset), click_id, "other").unwrap();
        let reply = send_first(platform(preset), &bad).await.reply;
        assert_eq!(reply.status, 200, "{id}");
        assert!(!is_delivered(preset, &reply), "{id}: {reply:?}");
    }
}

#[tokio::test]
async fn a_repeat_counts_once_where_the_platform_says_so() {
    for preset in all() {
        let platform = platform(preset);
        let receiver = Receiver::start(platform).await.unwrap();
        let address = approved(preset);
        assert!(send(&receiver, &address).await.judged.is_ok(), "{}", preset.id);
        let again = send(&receiver, &address).await.judged;
        match platform.repeats {
            Repeats::By(_) => assert_eq!(again, Err(Refusal::Repeated), "{}", preset.id),
            Repeats::Counted => assert!(again.is_ok(), "{}", preset.id),
        }
    }
}
