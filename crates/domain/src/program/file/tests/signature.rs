//! Signatures: what each scheme comes down to, and what is said of a wrong one.

use super::*;
use crate::program::{Encoding, Form, Hash, Signature};

fn signature(snippet: &str) -> Signature {
    let refused = rules(&format!("signature = {{ {snippet} }}")).signature;
    refused.unwrap()
}

#[test]
fn mistakes_of_a_signature() {
    let hmac = "scheme = 'hmac-sha256', secret = 'env:S', header = 'X-S'";
    let cases: &[Case<'_>] = &[
        (
            "▸▸▸{}",
            &[
                "missing key 'scheme' in signature",
                "missing key 'header' or 'param' in signature",
                "missing key 'secret' in signature",
            ],
        ),
        (
            "{ scheme = ▸'md5', secret = 'env:S', header = ▸'X S', tolerance = ▸'soon' }",
            &[
                "'md5' is not known, there are 'hmac-sha256', 'standard-webhooks', 'recipe'",
                "'X S' is no name of a header",
                "'soon' is no length of time; write it like 90s",
            ],
        ),
        ("{ scheme = ▸'pubscal', secret = 'env:S' , header = 'X' }", &["did you mean 'pubscale'?"]),
        ("{ HMAC, timestamp = ▸'x-s' }", &["this header carries the signature already"]),
        ("{ HMAC, ▸timestmp = 'X-T' }", &["unknown key 'timestmp' in signature; did you mean 'timestamp'?"]),
        ("{ HMAC, param = ▸'sig' }", &["'param': the signature stands in 'header' already"]),
        ("{ HMAC, encoding = ▸'base46' }", &["did you mean 'base64'?"]),
        ("{ HMAC, ▸over = '{payload}' }", &["unknown key 'over' in signature"]),
        ("{ HMAC, tolerance = ▸'1m' }", &["warning: 'tolerance': there is no time of signing"]),
        ("{ HMAC, replay_window = ▸'1h' }", &["error: 'replay_window': there is no time of signing"]),
        ("{ HMAC, timestamp = 'X-T', tolerance = ▸'8d', replay_window = '30d' }", &["at most 7d"]),
        (
            "{ HMAC, timestamp = 'X-T', replay_window = ▸'9m' }",
            &["between twice the tolerance (10m) and 90d"],
        ),
        ("{ HMAC, timestamp = 'X-T', replay_window = ▸'91d' }", &["between twice the tolerance"]),
        (
            "{ HMAC, timestamp = 'X-T', timestamp_param = ▸'ts' }",
            &["the time of signing stands in 'timestamp' already"],
        ),
        ("▸{ scheme = 'standard-webhooks' }", &["missing key 'secret' in signature"]),
        (
            "{ scheme = 'standard-webhooks', secret = 'env:S', ▸header = 'X-S' }",
            &["unknown key 'header' in signature"],
        ),
        (
            "{ scheme = 'hmac-sha256', secret = ▸[], header = 'X-S' }",
            &["give one secret, or a list of 1 to 4"],
        ),
    ];
    for (snippet, expected) in cases {
        let snippet = format!("signature = {}", snippet.replace("HMAC", hmac));
        check(&UP_TO_RULES, &[(&snippet, expected)]);
    }
}

#[test]
fn mistakes_of_a_recipe() {
    for (rest, expected) in [
        ("hash = ▸'md6', secret = 'env:S', over = '{secret}{a}'", "did you mean 'md5'?"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{a}.{b}'", "the secret is not among what is hashed"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secert}.{a}'", "did you mean 'secret'?"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secret}.{a:itn}'", "did you mean 'int'?"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secret}.{a'", "a brace that is not closed"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secret}.a}'", "a closing brace without an opening one"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secret}{}'", "{} must name a parameter"),
        ("hash = 'md5', secret = 'env:S', over = ▸'{secret}{header.X Y}'", "is no name of a header"),
        ("secret = 'env:S', over = ▸'{a}', timestamp = 'X-T'", "put {header.X-T} among it"),
        ("secret = 'env:S', over = ▸'{a}', timestamp_param = 'ts'", "put {ts} among it"),
    ] {
        let snippet = format!("signature = {{ scheme = 'recipe', param = 'sig', {rest} }}");
        check(&UP_TO_RULES, &[(&snippet, &[expected])]);
    }
    for (rest, expected) in [
        ("hash = 'md5', over = '{secret}{a}'", "missing key 'secret' in signature"),
        ("over = '{a}'", "missing key 'secret' in signature"),
        ("secret = 'env:S'", "missing key 'over' in signature"),
    ] {
        let snippet = format!("signature = ▸{{ scheme = 'recipe', param = 'sig', {rest} }}");
        check(&UP_TO_RULES, &[(&snippet, &[expected])]);
    }
    let offermaru = "signature = ▸▸{ scheme = 'offermaru', secret = 'env:S' }";
    check(&UP_TO_RULES, &[(offermaru, &["missing key 'header' or 'param'", "missing key 'over'"])]);
}

#[test]
fn a_hash_without_a_secret_needs_something_beside_it() {
    let advertiser = "[[advertiser]]\nid = 'acorn'\n[advertiser.postback]\n";
    let refused = "error: 'signature': anybody can make a hash without a secret";
    for scheme in ["scheme = 'acorn'", "scheme = 'recipe', hash = 'sha256', over = '{a}', header = 'X-S'"] {
        let alone = format!("{advertiser}signature = ▸{{ {scheme} }}");
        check(&[PROGRAM], &[(&alone, &[refused])]);
        for beside in ["allow_ips = ['67.205.182.39']", "token = 'env:T'", "open = true"] {
            sound(&[PROGRAM], &format!("{advertiser}{beside}\nsignature = {{ {scheme} }}"));
        }
    }
}

#[test]
fn each_scheme_comes_down_to_one_form() {
    let text = |text: &str| Piece::Text(text.into());
    let param = |name: &str| Piece::Param(name.into(), Form::AsSent);
    let sig = Carrier::Param("sig".into());

    let hmac = signature("scheme = 'hmac-sha256', secret = 'env:S', header = 'X-S'");
    assert_eq!((hmac.timestamp, hmac.tolerance), (None, Span::from_seconds(300)));
    assert_eq!(
        (hmac.over, hmac.encoding, hmac.hash),
        (vec![Piece::Payload], Encoding::Hex, Hash::HmacSha256)
    );

    let pubscale = signature("scheme = 'pubscale', secret = 'env:S'");
    let value = Piece::Param("value".into(), Form::Integer);
    let over = [Piece::Secret, text("."), param("user_id"), text("."), value, text("."), param("token")];
    assert_eq!((pubscale.over.as_slice(), pubscale.hash), (&over[..], Hash::Md5));
    assert_eq!(pubscale.carrier, Carrier::Param("signature".into()));

    for scheme in ["rewardinghub", "gobble"] {
        let signature = signature(&format!("scheme = '{scheme}', secret = 'env:S'"));
        assert_eq!(
            (signature.over, &signature.carrier, signature.hash),
            (vec![Piece::Payload], &sig, Hash::HmacSha256)
        );
    }

    let offermaru = signature(
        "scheme = 'offermaru', secret = 'env:S', header = 'X-S', timestamp_param = 'timestamp', \
         over = '{payload}', hash = 'hmac-sha512', encoding = 'base64url', prefix = 'v1:'",
    );
    assert_eq!((offermaru.hash, offermaru.encoding), (Hash::HmacSha512, Encoding::Base64Url));
    assert_eq!(
        (offermaru.prefix.as_str(), offermaru.timestamp),
        ("v1:", Some(Carrier::Param("timestamp".into())))
    );

    let rest = "scheme = 'acorn', over = '{header.X-A}{param.secret}{payout:cents}0815', param = 'hash'";
    let acorn = signature(rest);
    let cents = Piece::Param("payout".into(), Form::Cents);
    assert_eq!(acorn.over, [Piece::Header("X-A".into()), param("secret"), cents, text("0815")]);
    assert!(acorn.secrets.is_empty() && acorn.proves_nothing());

    let webhooks = signature("scheme = 'standard-webhooks', secret = ['env:A', 'env:B'], tolerance = '1m'");
    assert_eq!((webhooks.secrets.len(), webhooks.encoding), (2, Encoding::Webhook));
    assert_eq!(
        (webhooks.tolerance, webhooks.replay_window),
        (Span::from_seconds(60), Span::from_seconds(120))
    );
}
