//! What an account's credentials can do to an address, and what they cannot.

use std::collections::BTreeMap;

use proofback_domain::preset::{Credential, CredentialError, Given, Place, Preset, all, find};
use proptest::prelude::*;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Given> {
    let read = |(name, value): &(&str, &str)| {
        let given = if *value == "env:" { Given::Secret } else { Given::Plain((*value).to_owned()) };
        ((*name).to_owned(), given)
    };
    pairs.iter().map(read).collect()
}

fn fill(id: &str, pairs: &[(&str, &str)]) -> Result<String, Vec<String>> {
    let filled = find(id).unwrap().fill(&given(pairs));
    filled.map(|filled| filled.url).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn plain_credentials_become_text_and_secrets_stay_macros() {
    assert_eq!(
        fill("keitaro", &[("host", "tds.example:8443"), ("key", "env:")]).unwrap(),
        "https://tds.example:8443/{secret.key}/postback?subid={partner_click_id}\
         &status={status|map:pending=lead,approved=sale,rejected=rejected,reversed=rejected}\
         &payout={payout:0}&currency={currency:USD}&tid={conversion_id}"
    );
    assert_eq!(
        fill("telegram", &[("token", "env:"), ("chat_id", "@a b&text=c")]).unwrap(),
        "https://api.telegram.org/bot{secret.token}/sendMessage?chat_id=%40a%20b%26text%3Dc\
         &text={offer}%20{event}%20{status}%20{payout:0}%20{currency}%20{conversion_id}"
    );
}

#[test]
fn what_is_optional_goes_with_its_whole_parameter_or_segment() {
    let plain = "https://a.mgid.com/postback?c={partner_click_id}&e=buy1&r={revenue:0}";
    assert_eq!(fill("mgid", &[("event", "buy1")]).unwrap(), plain);
    assert_eq!(
        fill("mgid", &[("event", "buy1"), ("postback_id", "env:")]).unwrap(),
        plain.replace("postback?", "postback/{secret.postback_id}?")
    );
    let tune = "https://n.example/aff_lsr?transaction_id={partner_click_id}&amount={payout:0}&adv_sub={conversion_id}";
    assert_eq!(fill("tune", &[("host", "n.example")]).unwrap(), tune);
    assert_eq!(
        fill("tune", &[("host", "n.example"), ("offer_id", "26")]).unwrap(),
        format!("{tune}&offer_id=26")
    );
}

#[test]
fn all_mistakes_come_at_once() {
    assert_eq!(
        fill("keitaro", &[("key", "k3y"), ("hosts", "tds.example"), ("zzz", "1")]).unwrap_err(),
        [
            "keitaro has no credential \"hosts\"; did you mean \"host\"?",
            "keitaro has no credential \"zzz\"",
            "\"host\" is missing: the tracker's domain",
            "\"key\" is a secret: it is given as \"env:NAME\" or \"file:PATH\"",
        ]
    );
    let errors =
        find("tune").unwrap().fill(&given(&[("host", "env:"), ("offer_id", "REPLACE")])).unwrap_err();
    let names: Vec<&str> = errors.iter().map(CredentialError::name).collect();
    assert_eq!(names, ["host", "offer_id"]);
    assert_eq!(errors[0], CredentialError::SecretHost { name: "host".into() });
    assert_eq!(errors[1].to_string(), "\"offer_id\" must be the account's own, not a placeholder");
    assert_eq!(
        fill("adxad", &[("goal", "goal4")]).unwrap_err(),
        ["\"goal\" must be goal1, or goal2, or goal3"]
    );
}

#[test]
fn a_host_is_a_host_name_and_nothing_else() {
    let long = format!("{}.example", "a".repeat(64));
    for host in ["tds.example", "TDS.example", "xn--bcher-kva.example", "localhost:1", "192.0.2.7:8080"] {
        let url = fill("funnelflux", &[("host", host)]).unwrap();
        assert!(url.starts_with(&format!("https://{host}/pb/?hit=")), "{url}");
    }
    for host in [
        "",
        " tds.example",
        "https://tds.example",
        "tds.example/",
        "tds.example/x",
        "tds.example?x=",
        "tds.example#",
        "tds.example:",
        "tds.example:0",
        "tds.example:65536",
        "tds.example:+80",
        "tds.example:80:80",
        "user@tds.example",
        "tds.example\\@evil.example",
        "bücher.example",
        "tds%2eexample",
        "{sub1}.example",
        "<host>",
        "a..example",
        "-a.example",
        "a_b.example",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "a.1",
        &long,
    ] {
        let errors = fill("funnelflux", &[("host", host)]).unwrap_err();
        assert!(errors[0].starts_with("\"host\" must be a host name"), "{host}: {errors:?}");
    }
}

#[test]
fn a_path_is_climbed_by_nothing() {
    for brand in [".", "..", "", " a", "a\n", "{sub1}", "[BRAND]", &"x".repeat(257)] {
        let errors = fill("trcker", &[("brand", brand), ("offer", "1"), ("event", "sale")]).unwrap_err();
        assert!(errors.len() == 1 && errors[0].starts_with("\"brand\" must be"), "{brand}: {errors:?}");
    }
    let url = fill("trcker", &[("brand", "../a/b?c#"), ("offer", "%2e%2e"), ("event", "sale")]).unwrap();
    assert!(
        url.starts_with("https://app.trcker.io/api/postback/..%2Fa%2Fb%3Fc%23/%252e%252e?click_id="),
        "{url}"
    );
}

/// What a credential gets: mostly what fits, so that there is something to look at.
fn value_for(credential: &Credential, drawn: &str) -> Given {
    match credential {
        Credential { secret: true, .. } => Given::Secret,
        Credential { place: Place::Host, .. } if drawn.len().is_multiple_of(2) => {
            Given::Plain("own.example".into())
        }
        Credential { words, .. } if !words.is_empty() => Given::Plain(words[0].clone()),
        _ => Given::Plain(drawn.to_owned()),
    }
}

/// The macros away: what is left is an address.
fn without_macros(url: &str) -> String {
    let mut left = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        left.push_str(before);
        left.push('m');
        rest = after.split_once('}').unwrap().1;
    }
    left + rest
}

fn names(preset: &Preset) -> Vec<String> {
    let query = preset.url.split_once('?').unwrap().1;
    query.split('&').map(|pair| pair.split_once('=').unwrap().0.to_owned()).collect()
}

proptest! {
    #[test]
    fn no_credential_moves_the_host_or_adds_a_parameter(drawn in "\\PC{0,30}|[a-z:/?#&=@.\\\\{}<>%]{0,12}") {
        for preset in all() {
            let given: BTreeMap<String, Given> = preset
                .credentials
                .iter()
                .map(|credential| (credential.name.clone(), value_for(credential, &drawn)))
                .collect();
            let Ok(filled) = preset.fill(&given) else { continue };
            let url = url::Url::parse(&without_macros(&filled.url)).unwrap();
            let shipped = preset.url.split('/').nth(2).unwrap();
            let expected = match given.get("host") {
                Some(Given::Plain(host)) if shipped == "<host>" => {
                    url::Url::parse(&format!("https://{host}/")).unwrap().host_str().unwrap().to_owned()
                }
                _ => shipped.to_owned(),
            };
            prop_assert_eq!(url.host_str(), Some(expected.as_str()), "{}", preset.id);
            prop_assert_eq!(url.username(), "");
            prop_assert_eq!(url.fragment(), None);
            let segments = preset.url.split_once('?').unwrap().0.split('/').count() - 3;
            prop_assert_eq!(url.path_segments().unwrap().count(), segments, "{}", &filled.url);
            let seen: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            prop_assert_eq!(seen, names(preset), "{}", preset.id);
        }
    }
}
