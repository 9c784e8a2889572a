//! What becomes of values.

use super::*;

fn one(inside: &str, values: &[(&str, &str)]) -> String {
    filled(&Template::parse_raw(&format!("{{{inside}}}")).unwrap(), values).unwrap()
}

#[test]
fn every_modifier_does_what_it_says() {
    let at = ("timestamp", "1795200000");
    let eur = ("currency", "EUR");
    for (inside, values, told) in [
        ("sub1|lower", vec![("sub1", "ÄB")], "äb"),
        ("sub1|upper", vec![("sub1", "ab")], "AB"),
        ("sub1:None|lower", vec![], "none"),
        ("sub1|cut:2", vec![("sub1", "äöü")], "äö"),
        ("sub1|cut:9", vec![("sub1", "ab")], "ab"),
        ("sub1|cut:2|upper", vec![("sub1", "abc")], "AB"),
        (
            "sub1|sha256",
            vec![("sub1", " ABC ")],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("sub1|md5", vec![("sub1", " ABC ")], "900150983cd24fb0d6963f7d28e17f72"),
        ("sub1|sha256", vec![], ""),
        ("sub1|md5", vec![("sub1", "  ")], ""),
        ("status|map:approved=1,rejected=2", vec![("status", "approved")], "1"),
        ("status|map:approved=1, rejected = 2", vec![("status", "rejected")], "2"),
        ("status|map:approved=1", vec![("status", "pending")], "pending"),
        ("status|map:approved=1,*=0", vec![("status", "pending")], "0"),
        ("status|map:approved=1,*=0", vec![], "0"),
        ("status|map:=none", vec![], "none"),
        ("status|map:approved=", vec![("status", "approved")], ""),
        ("status|map:approved=a=b", vec![("status", "approved")], "a=b"),
        ("payout|round", vec![("payout", "140.50")], "140"),
        ("payout|round", vec![("payout", "141.5")], "142"),
        ("payout_delta|round", vec![("payout_delta", "-0.4")], "0"),
        ("payout|round", vec![], ""),
        ("cost|round", vec![("cost", "abc")], ""),
        ("payout|cents", vec![("payout", "140.00"), eur], "14000"),
        ("payout|cents", vec![("payout", "140"), ("currency", "JPY")], "140"),
        ("payout|cents", vec![("payout", "1.500000"), ("currency", "USDT")], "1500000"),
        ("payout|cents", vec![("payout", "1.5"), ("currency", "KWD")], "1500"),
        ("payout|cents", vec![("payout", "1.5")], "150"),
        ("cost|cents", vec![("cost", "0.0012"), eur], "0.12"),
        ("cost|cents|round", vec![("cost", "0.016"), eur], "2"),
        ("payout|currency:USD", vec![("payout", "140.00"), eur], "280.00"),
        ("payout|currency:JPY|cents", vec![("payout", "1.50"), eur], "3"),
        ("payout|currency:USD|round", vec![("payout", "0.30"), eur], "1"),
        ("payout|currency:XAU", vec![("payout", "0.00"), eur], "0.00"),
        ("payout|currency:XAU", vec![], ""),
        ("payout:0|currency:XAU", vec![], "0"),
        ("payout:5|currency:JPY|cents", vec![], "5"),
        ("cost|currency:XAU", vec![("cost", "free")], ""),
        ("timestamp|format:%Y-%m-%d %H:%M:%S", vec![at], "2026-11-20 18:40:00"),
        ("timestamp|format:%d.%m.%Y %H:%M@Europe/Berlin", vec![at], "20.11.2026 19:40"),
        ("timestamp|format:iso", vec![at], "2026-11-20T18:40:00.000Z"),
        (
            "timestamp_iso|format:iso@Asia/Tokyo",
            vec![at, ("timestamp_iso", "x")],
            "2026-11-21T03:40:00+09:00",
        ),
        ("timestamp|format:unix_ms", vec![at], "1795200000000"),
        ("timestamp|format:%Y", vec![], ""),
        ("timestamp:never|format:%Y|upper", vec![], "NEVER"),
        ("timestamp|format:%Y", vec![("timestamp", "soon")], ""),
        ("secret.key", vec![], "s3cret &"),
    ] {
        assert_eq!(one(inside, &values), told, "{inside} {values:?}");
    }
}

#[test]
fn what_is_missing_is_named_and_no_secret_told() {
    let template = Template::parse_url("https://a.example/{secret.key}?k={secret.other}").unwrap();
    let missing = filled(&template, &[]).unwrap_err();
    assert_eq!(missing, FillError::SecretMissing("other".into()));
    assert_eq!(missing.to_string(), "the secret \"other\" is not there");
    let template = Template::parse_url("https://a.example/?p={payout|currency:XAU}").unwrap();
    let missing = filled(&template, &[("payout", "1.00")]).unwrap_err();
    assert_eq!(missing.to_string(), "no exchange rate into XAU is known yet");
    assert_eq!(filled(&template, &[]).as_deref(), Ok("https://a.example/?p="));
}

#[test]
fn a_secret_is_encoded_like_any_value() {
    let template = Template::parse_url("https://a.example/bot{secret.key}/x?k={secret.key}").unwrap();
    assert_eq!(filled(&template, &[]).unwrap(), "https://a.example/bots3cret%20%26/x?k=s3cret%20%26");
    let template = Template::parse_header("Bearer {secret.key}").unwrap();
    assert_eq!(filled(&template, &[]).unwrap(), "Bearer s3cret &");
}
