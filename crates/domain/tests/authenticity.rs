//! Who may send a postback: every scheme against every way of getting it wrong.
//!
//! In the table a cell is the reason of the answer. What is rejected has its reason, a failed check and no effect
//! at all; what is accepted is credited once.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use proofback_domain::decide::{Decision, Effects};
use proofback_domain::outcome::{Outcome, Reason};
use proofback_domain::postback::{Method, Request, Verdict};
use proofback_domain::time::{Span, Timestamp};
use support::Installation;

const ROTATION: &str = r#"
[program]
name = "Matrix"
currency = "EUR"

[[partner]]
id = "media"
"#;

/// Advertiser = its rules while secrets are exchanged; `other` is another tenant with secrets of its own.
const ADVERTISERS: [(&str, &str); 8] = [
    ("open", "open = true"),
    ("token", "token = ['env:T_NEW', 'env:T_OLD']\ntoken_header = 'X-Token'"),
    ("address", "allow_ips = ['203.0.113.0/24']"),
    (
        "hmac",
        "signature = { scheme = 'hmac-sha256', secret = ['env:S_NEW', 'env:S_OLD'], header = 'X-Signature', timestamp = 'X-Timestamp' }",
    ),
    ("webhooks", "signature = { scheme = 'standard-webhooks', secret = ['env:W_NEW', 'env:W_OLD'] }"),
    (
        "recipe",
        "signature = { scheme = 'recipe', hash = 'md5', over = '{secret}.{click_id}.{amount:int}.{ts}', header = 'X-Sig', prefix = 'md5=', secret = ['env:S_NEW', 'env:S_OLD'], timestamp_param = 'ts' }",
    ),
    (
        "all",
        "token = ['env:T_NEW', 'env:T_OLD']\ntoken_header = 'X-Token'\nallow_ips = ['203.0.113.0/24']\nrequire_https = true\n\
         signature = { scheme = 'hmac-sha256', secret = ['env:S_NEW', 'env:S_OLD'], header = 'X-Signature', timestamp = 'X-Timestamp', encoding = 'base64' }",
    ),
    (
        "other",
        "token = 'env:T_OTHER'\nsignature = { scheme = 'hmac-sha256', secret = ['env:S_OTHER', 'env:W_OTHER'], header = 'X-Signature' }",
    ),
];

const SECRETS: [(&str, &str); 9] = [
    ("T_NEW", "token-of-now-4711"),
    ("T_OLD", "token-of-before-0815"),
    ("T_OTHER", "token-of-another-1234"),
    ("S_NEW", "signing-secret-of-now"),
    ("S_OLD", "signing-secret-of-before"),
    ("S_OTHER", "signing-secret-of-another"),
    ("W_NEW", "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc="),
    ("W_OLD", "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ="),
    ("W_OTHER", "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI="),
];

/// `-`: there is nothing of the kind in this scheme. A static token and an address are the same in every request,
/// and a recipe signs no more than it names: `ok` in their cells says what they do not keep off.
const MATRIX: &str = "
                     open   token      address         hmac             webhooks         recipe           all
right                ok     ok         ok              ok               ok               ok               ok
wrong                -      bad_token  ip_not_allowed  bad_signature    bad_signature    bad_signature    bad_signature
missing              -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_signature
empty                -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_signature
v1,                  -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_signature
truncated            -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_signature
lengthened           -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_signature
another_tenants      -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_token
old_in_rotation      -      ok         -               ok               ok               ok               ok
old_out_of_rotation  -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_token
nothing_set          -      bad_token  -               bad_signature    bad_signature    bad_signature    bad_token
299_s_old            -      -          -               ok               ok               ok               ok
299_s_ahead          -      -          -               ok               ok               ok               ok
301_s_old            -      -          -               stale_timestamp  stale_timestamp  stale_timestamp  stale_timestamp
301_s_ahead          -      -          -               stale_timestamp  stale_timestamp  stale_timestamp  stale_timestamp
no_time              -      -          -               stale_timestamp  stale_timestamp  stale_timestamp  stale_timestamp
another_time         -      -          -               bad_signature    bad_signature    bad_signature    bad_signature
replayed             ok     ok         ok              duplicate        duplicate        duplicate        duplicate
wrong_method         ok     ok         ok              bad_signature    bad_signature    ok               bad_signature
altered              ok     ok         ok              bad_signature    bad_signature    bad_signature    bad_signature
added                ok     ok         ok              bad_signature    bad_signature    ok               bad_signature
spoofed_forwarding   ok     ok         ip_not_allowed  ok               ok               ok               ip_not_allowed
mapped_address       ok     ok         ok              ok               ok               ok               ok
without_tls          ok     ok         ok              ok               ok               ok               https_required
";

/// What a sender has in his hands when he composes a request.
struct Sender {
    scheme: String,
    token: String,
    secret: String,
    signed_at: Timestamp,
    id: &'static str,
}

fn program(change: impl Fn(&str) -> String) -> String {
    let mut source = ROTATION.to_owned();
    for (id, rules) in ADVERTISERS {
        let rules = change(rules);
        source.push_str(&format!("[[advertiser]]\nid = '{id}'\n[advertiser.postback]\n{rules}\n"));
        source.push_str(&format!(
            "[[offer]]\nid = '{id}'\nadvertiser = '{id}'\nurl = 'https://x.example/?c={{click_id}}'\ndedupe_window = '1s'\n\
             [[offer.goal]]\nevent = 'sale'\napproval = 'auto'\npayout = '5 EUR'\n[[link]]\nid = '{id}'\npartner = 'media'\noffer = '{id}'\n"
        ));
    }
    source
}

fn secret(name: &str) -> String {
    SECRETS.iter().find(|(known, _)| *known == name).unwrap().1.to_owned()
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    hmac.update(message);
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Sender {
    /// `which` of the secrets: `NEW`, `OLD` or `OTHER`.
    fn new(scheme: &str, which: &str, now: Timestamp) -> Self {
        let family = if scheme == "webhooks" { "W" } else { "S" };
        Self {
            scheme: scheme.to_owned(),
            token: secret(&format!("T_{which}")),
            secret: secret(&format!("{family}_{which}")),
            signed_at: now,
            id: "msg_1",
        }
    }

    /// The header that carries what proves the sender.
    fn proof(&self) -> &'static str {
        match self.scheme.as_str() {
            "token" => "x-token",
            "webhooks" => "webhook-signature",
            "recipe" => "x-sig",
            _ => "x-signature",
        }
    }

    fn compose(&self, world: &Installation, click: &str) -> Request {
        let seconds = self.signed_at.millis() / 1_000;
        let query = format!("click_id={click}&event=sale&amount=100.75&currency=EUR&ts={seconds}");
        let mut request = world.request(Some(&self.scheme), &query);
        request.https = true;
        request.ip = [203, 0, 113, 9].into();
        let signed_at = self.signed_at.iso();
        let stamped = format!("{signed_at}.{query}");
        request.headers = match self.scheme.as_str() {
            "token" => vec![("x-token", self.token.clone())],
            "hmac" => vec![
                ("x-signature", hex(&hmac_sha256(self.secret.as_bytes(), stamped.as_bytes()))),
                ("x-timestamp", signed_at),
            ],
            "all" => {
                let signature = hmac_sha256(self.secret.as_bytes(), stamped.as_bytes());
                vec![
                    ("x-signature", Base64::encode_string(&signature)),
                    ("x-timestamp", signed_at),
                    ("x-token", self.token.clone()),
                ]
            }
            "recipe" => {
                let text = format!("{}.{click}.100.{seconds}", self.secret);
                vec![("x-sig", format!("md5={}", hex(&Md5::digest(text))))]
            }
            "webhooks" => {
                let body = format!(
                    r#"{{"click_id": "{click}", "event": "sale", "amount": 100.75, "currency": "EUR"}}"#
                );
                request.method = Method::Post;
                request.content_type = "application/json".into();
                request.body = body.clone().into_bytes();
                request.query = Vec::new();
                let key = Base64::decode_vec(self.secret.strip_prefix("whsec_").unwrap_or_default()).unwrap();
                let signature = hmac_sha256(&key, format!("{}.{seconds}.{body}", self.id).as_bytes());
                vec![
                    ("webhook-id", self.id.to_owned()),
                    ("webhook-timestamp", seconds.to_string()),
                    ("webhook-signature", format!("v1,{}", Base64::encode_string(&signature))),
                ]
            }
            _ => Vec::new(),
        }
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        request
    }
}

fn header<'a>(request: &'a mut Request, name: &str) -> &'a mut String {
    &mut request.headers.iter_mut().find(|(known, _)| known == name).unwrap().1
}

fn drop_header(request: &mut Request, name: &str) {
    request.headers.retain(|(known, _)| known != name);
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    *bytes = String::from_utf8(bytes.clone()).unwrap().replace(from, to).into_bytes();
}

/// Plays one cell; the last answer and the world after it.
fn play(scheme: &str, case: &str) -> (Decision, Installation) {
    let only_new = |rules: &str| match case {
        "old_out_of_rotation" => ["T", "S", "W"].iter().fold(rules.to_owned(), |rules, family| {
            rules
                .replace(&format!("['env:{family}_NEW', 'env:{family}_OLD']"), &format!("'env:{family}_NEW'"))
        }),
        _ => rules.to_owned(),
    };
    let source = program(only_new);
    let secrets = SECRETS.map(|(name, value)| (name, if case == "nothing_set" { "" } else { value }));
    let mut world = Installation::with_secrets(&source, &secrets);
    let click = world.click(scheme).to_string();
    let which = match case {
        "old_in_rotation" | "old_out_of_rotation" => "OLD",
        "another_tenants" => "OTHER",
        _ => "NEW",
    };
    let mut sender = Sender::new(scheme, which, world.now);
    let span = |text: &str| Span::parse(text).unwrap();
    match case {
        "299_s_old" => sender.signed_at = world.now.minus(span("299s")),
        "299_s_ahead" => sender.signed_at = world.now.plus(span("299s")),
        "301_s_old" => sender.signed_at = world.now.minus(span("301s")),
        "301_s_ahead" => sender.signed_at = world.now.plus(span("301s")),
        "wrong" if scheme == "token" => sender.token = "wrong".into(),
        "wrong" => sender.secret = "whsec_d3Jvbmc=".into(),
        // Whoever knows that nothing is set signs with nothing.
        "nothing_set" => (sender.token, sender.secret) = (String::new(), String::new()),
        _ => {}
    }
    let mut request = sender.compose(&world, &click);
    tamper(&mut request, &sender, case);
    let mut decision = world.receive(&request);
    if case == "replayed" {
        assert_eq!(decision.reason, Reason::Ok, "{scheme}: {}", decision.message);
        world.pass("250s");
        request.at = world.now;
        decision = world.receive(&request);
    }
    (decision, world)
}

fn tamper(request: &mut Request, sender: &Sender, case: &str) {
    let proof = sender.proof();
    match case {
        "wrong" if sender.scheme == "address" => request.ip = [198, 51, 100, 1].into(),
        "missing" => drop_header(request, proof),
        "empty" => header(request, proof).clear(),
        "v1," => *header(request, proof) = "v1,".into(),
        "truncated" => {
            let value = header(request, proof);
            value.truncate(value.len() - 3);
        }
        "lengthened" => header(request, proof).push('a'),
        "no_time" => {
            drop_header(request, "x-timestamp");
            drop_header(request, "webhook-timestamp");
            let without: Vec<u8> = request.query.clone();
            let text = String::from_utf8(without).unwrap();
            request.query = text.split("&ts=").next().unwrap().as_bytes().to_vec();
        }
        "another_time" => {
            let later = sender.signed_at.plus(Span::from_seconds(7));
            let (seconds, now) = (later.millis() / 1_000, sender.signed_at.millis() / 1_000);
            match sender.scheme.as_str() {
                "webhooks" => *header(request, "webhook-timestamp") = seconds.to_string(),
                "recipe" => replace(&mut request.query, &now.to_string(), &seconds.to_string()),
                _ => *header(request, "x-timestamp") = later.iso(),
            }
        }
        "wrong_method" => {
            request.method = match request.method {
                Method::Get => Method::Post,
                Method::Post => {
                    let click = String::from_utf8(request.body.clone()).unwrap();
                    let click = &click[r#"{"click_id": ""#.len()..][..26];
                    request.query = format!("click_id={click}&event=sale").into_bytes();
                    Method::Get
                }
            };
        }
        "altered" => {
            replace(&mut request.query, "amount=100.75", "amount=900.75");
            replace(&mut request.body, "100.75", "900.75");
        }
        "added" => match request.query.is_empty() {
            true => request.query = b"txid=new".to_vec(),
            false => request.query.extend_from_slice(b"&txid=new"),
        },
        "spoofed_forwarding" => {
            request.ip = [198, 51, 100, 1].into();
            request.headers.push(("x-forwarded-for".into(), "203.0.113.9".into()));
            request.headers.push(("forwarded".into(), "for=203.0.113.9;proto=https".into()));
        }
        "mapped_address" => request.ip = "::ffff:203.0.113.9".parse().unwrap(),
        "without_tls" => request.https = false,
        _ => {}
    }
}

#[test]
fn every_scheme_accepts_the_right_request_and_no_other() {
    let mut lines = MATRIX.lines().filter(|line| !line.is_empty());
    let schemes: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let mut played = 0;
    for line in lines {
        let mut cells = line.split_whitespace();
        let case = cells.next().unwrap();
        let cells: Vec<&str> = cells.collect();
        assert_eq!(cells.len(), schemes.len(), "{line}");
        for (scheme, expected) in schemes.iter().zip(cells).filter(|(_, expected)| *expected != "-") {
            let (decision, world) = play(scheme, case);
            let place = format!("{scheme}, {case}: {}", decision.message);
            assert_eq!(decision.reason.code(), expected, "{place}");
            judge(&decision, &world, case, expected, &place);
            played += 1;
        }
    }
    assert!(played > 120, "{played}");
}

/// A rejection has no effect; anything else was credited, and a signed request once.
fn judge(decision: &Decision, world: &Installation, case: &str, expected: &str, place: &str) {
    let last = decision.checks.last().unwrap();
    if decision.outcome == Outcome::Rejected {
        assert_eq!(decision.effects, Effects::default(), "{place}");
        assert_eq!(last.verdict, Verdict::Failed, "{place}");
        assert!(
            world.transfers.is_empty() && world.keys.is_empty() && world.deliveries.is_empty(),
            "{place}"
        );
        assert!(!decision.advice.is_empty(), "{place}");
    }
    let credits = match (case, expected) {
        ("replayed", "ok") => 2,
        (_, "ok" | "duplicate") => 1,
        _ => 0,
    };
    assert_eq!(world.conversions.len(), credits, "{place}");
    let shown = format!("{decision:?}");
    for (name, value) in SECRETS {
        assert!(!shown.contains(value.trim_start_matches("whsec_")), "{place}: {name} in {shown}");
    }
}
