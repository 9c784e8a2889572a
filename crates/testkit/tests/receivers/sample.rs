//! Sample accounts and conversions, and how a request is sent to a stand-in.

use std::collections::BTreeMap;

use http::{Method, Uri};
use proofback_domain::preset::{Credential, Given, Preset, all};
use proofback_testkit::{Booking, Http, Platform, Receiver, Refusal, Reply, platforms};

use crate::render::render;

/// The commission that the partner gets, in euro.
pub const PAYOUT: &str = "12.50";
/// What the operator gets, in euro.
pub const REVENUE: &str = "20.50";
pub const CONVERSION_ID: &str = "01k9g5v2x3y4z5a6b7c8d9e0fg";
const OWN_HOST: &str = "own.example:8443";

pub fn platform(preset: &Preset) -> &'static Platform {
    platforms()
        .find(|platform| platform.id == preset.id)
        .unwrap_or_else(|| panic!("nobody plays {}", preset.id))
}

#[test]
fn every_preset_has_its_stand_in_and_the_other_way_round() {
    let mut ids: Vec<&str> = platforms().map(|platform| platform.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, all().iter().map(|preset| preset.id.as_str()).collect::<Vec<_>>());
}

/// One account's value, of the form that its platform hands out.
fn account(preset: &Preset, credential: &Credential) -> String {
    let value = match (preset.id.as_str(), credential.name.as_str()) {
        (_, "host") => OWN_HOST,
        (_, _) if !credential.words.is_empty() => &credential.words[0],
        ("exoclick", "goal") => "1b9b3786eae526755467c2593d194005",
        ("taboola" | "outbrain", "event") => "make purchase",
        ("telegram", "token") => "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        ("adsterra", "name") => "own name",
        _ => "123456",
    };
    value.to_owned()
}

/// A told conversion; `None` for one that is worth nothing.
pub fn values(preset: &Preset, status: &str, with_money: bool) -> BTreeMap<&'static str, String> {
    let money = |amount: &str| if with_money { amount.to_owned() } else { String::new() };
    BTreeMap::from([
        ("partner_click_id", platform(preset).click_id.to_owned()),
        ("conversion_id", CONVERSION_ID.to_owned()),
        ("status", status.to_owned()),
        ("payout", money(PAYOUT)),
        ("revenue", money(REVENUE)),
        ("currency", money("EUR")),
        ("event", "ftd".to_owned()),
        ("offer", "casino-de".to_owned()),
        ("sub1", "778899".to_owned()),
    ])
}

/// The address for it, with all credentials or those alone that must be there.
pub fn address(preset: &Preset, values: &BTreeMap<&'static str, String>, with_optional: bool) -> String {
    let credentials = || preset.credentials.iter().filter(|credential| with_optional || !credential.optional);
    let given = |credential: &Credential| match credential.secret {
        true => Given::Secret,
        false => Given::Plain(account(preset, credential)),
    };
    let given = credentials().map(|credential| (credential.name.clone(), given(credential))).collect();
    let filled = preset.fill(&given).unwrap_or_else(|errors| panic!("{}: {errors:?}", preset.id));
    let secret = |name: &str| {
        let credential = credentials().find(|credential| credential.secret && credential.name == name)?;
        Some(account(preset, credential))
    };
    render(&filled.url, values, &secret)
}

/// What one platform answered to a request for that address, and what it made of it.
pub struct Sent {
    pub reply: Reply,
    pub judged: Result<Booking, Refusal>,
}

/// Sends to the stand-in what was meant for that address, by a proxy that ends TLS.
pub async fn send(receiver: &Receiver, address: &str) -> Sent {
    let uri: Uri = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
    let url = format!("{}{}", receiver.url(), uri.path_and_query().unwrap());
    let headers =
        [("x-forwarded-proto", uri.scheme_str().unwrap()), ("host", uri.authority().unwrap().as_str())];
    let reply = Http::new().send(Method::GET, &url, &headers, String::new()).await.unwrap();
    Sent { reply, judged: receiver.heard().pop().unwrap() }
}

/// To a platform that has heard nothing yet.
pub async fn send_first(platform: &'static Platform, address: &str) -> Sent {
    send(&Receiver::start(platform).await.unwrap(), address).await
}

/// Whether the answer counts as a delivery.
pub fn is_delivered(preset: &Preset, reply: &Reply) -> bool {
    let expect = preset.expect.clone();
    let (status, body) = expect.map_or((None, None), |expect| (expect.status, expect.body));
    status.map_or(200 <= reply.status && reply.status < 300, |status| status == reply.status)
        && body.is_none_or(|body| reply.body.contains(&body))
}
