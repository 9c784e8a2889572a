//! Each rule of the program file, by a snippet that breaks it. `▸` stands where the mistake is to be found.
//!
//! To be easy to read, snippets have single quotes, as TOML allows, and so has what is expected to be said.

mod retention;
mod signature;

use proptest::prelude::*;

use super::*;
use crate::delivery::Verb;
use crate::money::Percent;
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::program::target::Body;
use crate::program::{
    Approval, Carrier, Duplicates, Goal, Happening, Offer, Owner, Partner, PartnerKind, Piece, PostbackRules,
    Price, RateLimit, Reply, SecretRef, Way,
};
use crate::template::Macro;
use crate::time::Span;

const EXAMPLE: &str = include_str!("../../../tests/programs/example.toml");

const MARK: char = '▸';

// Each goes on where the one before ends.
const PROGRAM: &str = "[program]\nname = 'Test'\ncurrency = 'EUR'\n";
const RULES: &str = "[[advertiser]]\nid = 'shop'\n[advertiser.postback]\nopen = true\n";
const OFFER: &str =
    "[[offer]]\nid = 'shoes'\nadvertiser = 'shop'\nurl = 'https://shop.example/?c={click_id}'\n";
const GOAL: &str = "[[offer.goal]]\nevent = 'sale'\n";
const PARTNER: &str = "[[partner]]\nid = 'media'\n";
const TARGET: &str = "[[partner.postback]]\nid = 'tracker'\nurl = 'https://t.example/?p={payout}'\n";
const LINK: &str = "[[link]]\nid = 'media-shoes'\npartner = 'media'\n";

const UP_TO_RULES: [&str; 2] = [PROGRAM, RULES];
const UP_TO_GOAL: [&str; 4] = [PROGRAM, RULES, OFFER, GOAL];
const UP_TO_PARTNER: [&str; 5] = [PROGRAM, RULES, OFFER, GOAL, PARTNER];
const UP_TO_TARGET: [&str; 6] = [PROGRAM, RULES, OFFER, GOAL, PARTNER, TARGET];
const UP_TO_LINK: [&str; 6] = [PROGRAM, RULES, OFFER, GOAL, PARTNER, LINK];

/// A snippet with marks, and what is said at each of them: `error: ...` or `warning: ...`, or a part of it.
type Case<'a> = (&'a str, &'a [&'a str]);

fn check(before: &[&str], cases: &[Case<'_>]) {
    for (snippet, expected) in cases {
        let marked = format!("{}{snippet}\n", before.concat());
        let source = marked.replace(MARK, "");
        let (program, mistakes) = read(&source);
        let shown = show(&mistakes);
        let marks = marks(&marked);
        assert_eq!(marks.len(), expected.len(), "as many marks as expectations:\n{snippet}");
        assert_eq!(mistakes.len(), expected.len(), "{snippet}\n{shown:#?}");
        for ((mistake, (line, column)), expected) in mistakes.iter().zip(marks).zip(*expected) {
            assert_eq!((mistake.line, mistake.column), (line, column), "{snippet}\n{shown:#?}");
            let said = format!("{}: {}", mistake.severity, mistake.message).replace('"', "'");
            assert!(said.contains(expected), "{snippet}\nexpected: {expected}\nsaid:     {said}");
        }
        let errors = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        assert_eq!(program.is_none(), errors, "{snippet}");
    }
}

fn show(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(|mistake| mistake.to_string().replace('"', "'")).collect()
}

fn marks(marked: &str) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    for (line_number, line) in (1..).zip(marked.lines()) {
        for (offset, _) in line.match_indices(MARK) {
            let before = line[..offset].chars().filter(|letter| *letter != MARK);
            marks.push((line_number, before.chain([MARK]).count()));
        }
    }
    marks
}

fn sound(before: &[&str], snippet: &str) -> Program {
    let (program, mistakes) = read(&format!("{}{snippet}\n", before.concat()));
    assert_eq!(mistakes, [], "{snippet}");
    program.unwrap()
}

fn rules(snippet: &str) -> PostbackRules {
    sound(&UP_TO_RULES, snippet).advertisers["shop"].postback.clone()
}

fn goal(snippet: &str) -> Goal {
    sound(&UP_TO_GOAL, snippet).offers["shoes"].goals[0].clone()
}

fn partner(snippet: &str) -> Partner {
    sound(&UP_TO_PARTNER, snippet).partners["media"].clone()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn fixed(program: &Program, text: &str) -> Price {
    Price::Fixed(program.currencies.parse_money(text).unwrap())
}

#[test]
fn what_was_most_likely_meant_can_be_taken_out_of_the_message() {
    let meant = |source: &str| {
        let (_, mistakes) = read(source);
        mistakes.iter().find_map(Mistake::suggestion).map(str::to_owned)
    };
    assert_eq!(meant("[program]\nname = 'x'\ncurency = 'EUR'").as_deref(), Some("currency"));
    let offer =
        "[[advertiser]]\nid = 'shop'\npostback = { open = true }\n[[offer]]\nid = 'a'\nadvertiser = 'shop'\n";
    let url = "url = 'https://shop.example/?c={clickid}'\n";
    let program = format!("[program]\nname = 'x'\ncurrency = 'EUR'\n{offer}{url}");
    assert_eq!(meant(&program).as_deref(), Some("{click_id}"));
    assert_eq!(meant("[program]\nname = 7"), None);
}

#[test]
fn the_example_reads_without_an_error() {
    let (program, mistakes) = read(EXAMPLE);
    let shown = show(&mistakes);
    assert_eq!(
        shown,
        [
            "63:6: warning: conversion.created and commission.earned go to one target under one id: many trackers keep \
             the first alone, which carries no payout; put {delivery_id} into the request, or tell one of them only",
            "73:49: warning: 'events': no offer has a goal 'lead'",
            "73:57: warning: 'events': no offer has a goal 'sale'",
            "82:1: warning: [[scenario]] is read and not applied by this version",
        ]
    );
    let program = program.unwrap();
    assert_eq!(program.name, "Example Partners");
    assert_eq!(program.currency.code(), "EUR");
    assert_eq!(program.timezone.name(), "Europe/Berlin");
    assert_eq!(program.base_url, "http://127.0.0.1:8080");
    assert_eq!(program.secrets().len(), 3);
    let link = &program.links["reelmedia-de"];
    assert_eq!(link.partner, name("reelmedia"));
    assert_eq!((link.routes.len(), link.routes[0].weight), (1, 1));
    assert_eq!(link.routes[0].offer, name("casino-de"));
    assert!(!link.paused && link.fallback_url.is_none());
}

#[test]
fn the_advertiser_of_the_example_has_its_values() {
    let program = read(EXAMPLE).0.unwrap();
    let advertiser = &program.advertisers["casino"];
    assert_eq!(advertiser.name, "Casino Ltd");
    assert_eq!(advertiser.currency, Some(program.currency));
    let rules = &advertiser.postback;
    assert_eq!(rules.tokens, [SecretRef::Env("CASINO_TOKEN".into())]);
    assert_eq!(
        rules.allow_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.0/8", "203.0.113.0/24"]
    );
    assert_eq!(rules.rate_limit, Some(RateLimit { count: 2_000, per: Span::from_seconds(1), burst: 2_000 }));
    assert_eq!((rules.open, rules.require_https, rules.reply), (false, false, Reply::Status));
    let signature = rules.signature.as_ref().unwrap();
    assert_eq!(signature.secrets, [SecretRef::Env("CASINO_SECRET".into())]);
    let header = |name: &str| Carrier::Header(name.to_owned());
    assert_eq!(
        (&signature.carrier, &signature.timestamp),
        (&header("X-Signature"), &Some(header("X-Timestamp")))
    );
    assert_eq!(signature.over, [header("X-Timestamp").piece(), Piece::Text(".".into()), Piece::Payload]);
    assert_eq!(signature.tolerance, Span::from_seconds(300));
    assert_eq!(signature.replay_window, Span::from_seconds(600));
    assert_eq!(rules.params.len(), 5);
    assert_eq!(rules.params["click_id"], "cid");
    assert_eq!(rules.params["event_type"], "goal");
    assert_eq!(rules.events["dep"], name("ftd"));
    assert_eq!(rules.statuses["1"], Status::Approved);
    assert_eq!(rules.statuses["2"], Status::Rejected);
}

#[test]
fn the_offer_of_the_example_has_its_values() {
    let program = read(EXAMPLE).0.unwrap();
    let offer: &Offer = &program.offers["casino-de"];
    assert_eq!((offer.name.as_str(), &offer.advertiser), ("Casino DE", &name("casino")));
    assert_eq!(offer.url.source(), "https://casino.example/lp?cid={click_id}&s={sub1}");
    assert_eq!(offer.window, Span::parse("30d"));
    assert_eq!(Some(offer.dedupe_window), Span::parse("24h"));
    assert_eq!(offer.goals.len(), 3);
    let ftd = offer.goal("ftd").unwrap();
    assert_eq!(ftd.terms.payout, fixed(&program, "120 EUR"));
    assert_eq!(ftd.terms.revenue, Some(fixed(&program, "150 EUR")));
    assert_eq!(ftd.terms.min_amount, program.currencies.parse_money("20 EUR").ok());
    assert_eq!(ftd.allowed_payouts.len(), 2);
    assert_eq!((ftd.approval, ftd.terms.hold), (Approval::Postback, Span::parse("14d")));
    assert_eq!(ftd.duplicates, Duplicates::Ignore);
    let rebill = offer.goal("rebill").unwrap();
    assert_eq!(rebill.terms.payout, Price::Share(Percent::parse("30%").unwrap()));
    assert_eq!((rebill.approval, rebill.duplicates), (Approval::Auto, Duplicates::New));
}

#[test]
fn the_partner_of_the_example_has_its_values() {
    let program = read(EXAMPLE).0.unwrap();
    let partner = &program.partners["reelmedia"];
    assert_eq!((partner.name.as_str(), partner.kind), ("Reel Media", PartnerKind::Affiliate));
    assert_eq!((partner.click_id_param.as_str(), partner.cost_param.as_str()), ("click_id", "cost"));
    assert_eq!(partner.split["sub2"], ["campaign", "adset", "creative", "placement"]);
    assert_eq!(partner.terms.len(), 1);
    assert_eq!(partner.terms[0].terms.payout, fixed(&program, "140 EUR"));
    assert_eq!((&partner.terms[0].offer, &partner.terms[0].event), (&name("casino-de"), &name("ftd")));
    assert_eq!(partner.targets, [name("reelmedia-tracker")]);
    let target = &program.targets["reelmedia-tracker"];
    assert_eq!((&target.id, &target.owner), (&name("reelmedia-tracker"), &Owner::Partner(name("reelmedia"))));
    assert!(matches!(&target.way, Way::Postback(call) if call.uses(Macro::PartnerClickId)));
    assert_eq!(
        target.wants.on,
        [Happening::ConversionCreated, Happening::CommissionEarned, Happening::CommissionAdjusted]
    );
    assert_eq!(target.wants.events, [name("ftd"), name("rebill")]);
    assert_eq!((target.share, target.always, target.delay), (100, false, None));
}

#[test]
fn what_is_absent_has_its_default() {
    let source = [PROGRAM, RULES, OFFER, GOAL, PARTNER, LINK].concat() + "offer = 'shoes'";
    let (program, mistakes) = read(&source);
    assert_eq!(mistakes, []);
    let program = program.unwrap();
    assert_eq!((program.timezone.name(), program.base_url.as_str()), ("UTC", "http://127.0.0.1:8080"));
    let advertiser = &program.advertisers["shop"];
    assert_eq!((advertiser.name.as_str(), advertiser.currency), ("shop", None));
    let rules = &advertiser.postback;
    assert_eq!((rules.reply, rules.rate_limit, rules.require_https), (Reply::Status, None, false));
    let offer = &program.offers["shoes"];
    assert_eq!((offer.name.as_str(), offer.window), ("shoes", None));
    assert_eq!(offer.dedupe_window, Span::from_seconds(86_400));
    let goal = &offer.goals[0];
    assert_eq!((goal.terms.payout, goal.terms.revenue), (fixed(&program, "0 EUR"), None));
    assert_eq!(
        (goal.approval, goal.duplicates, goal.terms.hold),
        (Approval::Postback, Duplicates::New, None)
    );
    let partner = &program.partners["media"];
    assert_eq!((partner.name.as_str(), partner.kind), ("media", PartnerKind::Affiliate));
    assert_eq!((partner.click_id_param.as_str(), partner.cost_param.as_str()), ("click_id", "cost"));
    assert_eq!(program.links["media-shoes"].routes[0].weight, 1);
}

#[test]
fn a_program_needs_no_more_than_a_name_and_a_currency() {
    let program = sound(&[PROGRAM], "");
    assert!(program.advertisers.is_empty() && program.offers.is_empty());
    assert!(program.partners.is_empty() && program.links.is_empty());
}

#[test]
fn mistakes_of_the_whole_file() {
    check(
        &[],
        &[
            ("▸", &["error: missing key 'program' in the file"]),
            ("▸[program]\ncurrency = 'EUR'", &["error: missing key 'name' in [program]"]),
            ("▸[program]\nname = 'x'", &["missing key 'currency' in [program]"]),
            ("program = ▸1", &["'program': a table, written [program], is expected, not a whole number"]),
            ("▸[[program]]", &["'program': a table, written [program], is expected, not a list"]),
        ],
    );
    check(
        &[PROGRAM],
        &[
            ("[[▸offers]]", &["unknown key 'offers' in the file; did you mean 'offer'?"]),
            ("▸[offer]", &["'offer': a list of tables, written [[offer]], is expected, not a table"]),
            ("[▸offer.goal]", &["'offer': a list of tables, written [[offer]], is expected, not a table"]),
            ("▸curency = 'EUR'", &["unknown key 'curency' in [program]; did you mean 'currency'?"]),
            ("▸'' = 1", &["unknown key '' in [program]"]),
        ],
    );
}

#[test]
fn mistakes_of_the_program() {
    let start = "[program]\nname = 'x'\n";
    check(
        &[start],
        &[
            ("currency = ▸'EURO'", &["'currency': 'EURO': not a currency: ISO 4217"]),
            ("currency = ▸978", &["'currency': text in quotes is expected, not a whole number"]),
            ("currency = ▸''", &["'currency': the text is empty"]),
        ],
    );
    check(
        &[PROGRAM],
        &[
            (
                "timezone = ▸'Berlin'",
                &["is no time zone; write it like Europe/Berlin, or UTC; did you mean 'Europe/Berlin'?"],
            ),
            ("timezone = ▸'Europe/Berln'", &["did you mean 'Europe/Berlin'?"]),
            ("timezone = ▸'Europe/'", &["is no time zone"]),
            ("timezone = ▸'../etc/passwd'", &["is no time zone"]),
            ("base_url = ▸'track.example'", &["'base_url': 'track.example' is no address"]),
            ("base_url = ▸'ftp://track.example'", &["is no address"]),
            ("base_url = ▸'https://u:p@track.example'", &["is no address"]),
            ("base_url = ▸'https://track.example/?a=1'", &["is no address"]),
            ("extra_currencies = { ▸EUR = 2 }", &["EUR is known already"]),
            ("extra_currencies = { USDT = 6, ▸usdt = 6 }", &["USDT is known already"]),
            ("extra_currencies = { USDT = ▸7 }", &["'USDT': 7 is not between 0 and 6"]),
            ("extra_currencies = { USDT = ▸-1 }", &["'USDT': -1 is not between 0 and 6"]),
            ("extra_currencies = { USDT = ▸'6' }", &["'USDT': a whole number is expected, not a text"]),
            ("extra_currencies = { ▸'US-DT' = 6 }", &["'US-DT' is no currency code"]),
        ],
    );
}

#[test]
fn the_program_reads_what_it_may_contain() {
    for timezone in
        ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5"]
    {
        assert_eq!(sound(&[PROGRAM], &format!("timezone = '{timezone}'")).timezone.name(), timezone);
    }
    let program =
        sound(&[PROGRAM], "base_url = 'https://track.example/go/'\nextra_currencies = { USDT = 6 }");
    assert_eq!(program.base_url, "https://track.example/go");
    assert_eq!(
        program.currencies.parse("USDT").ok().and_then(|usdt| program.currencies.digits(usdt)),
        Some(6)
    );
    let program = sound(&[], "[program]\nname = 'x'\ncurrency = 'USDT'\nextra_currencies = { USDT = 0x6 }");
    assert_eq!(program.currency.code(), "USDT");
}

#[test]
fn an_advertiser_is_guarded_or_says_that_it_is_not() {
    let refused = "error: anybody could send postbacks for this advertiser";
    check(
        &[PROGRAM],
        &[
            ("▸[[advertiser]]\nid = 'shop'", &[refused]),
            ("▸[[advertiser]]\nid = 'shop'\n[advertiser.postback]", &[refused]),
            ("▸[[advertiser]]\nid = 'shop'\npostback = { allow_ips = [] }", &[refused]),
            ("▸[[advertiser]]\nid = 'shop'\npostback = { open = false }", &[refused]),
            (
                "[[advertiser]]\nid = 'shop'\npostback = ▸true",
                &["a table, written [advertiser.postback], is expected"],
            ),
        ],
    );
    for guard in [
        "token = 'env:T'",
        "allow_ips = ['10.0.0.1']",
        "signature = { scheme = 'hmac-sha256', secret = 'file:/run/s', header = 'X-S' }",
        "open = true",
        "open = true, token = 'env:T'",
    ] {
        sound(&[PROGRAM], &format!("[[advertiser]]\nid = 'shop'\npostback = {{ {guard} }}"));
    }
}

#[test]
fn mistakes_of_an_advertiser() {
    let rest = "[advertiser.postback]\nopen = true";
    for (snippet, expected) in [
        ("▸[[advertiser]]\n", "missing key 'id' in [[advertiser]]"),
        ("[[advertiser]]\nid = ▸'My Shop'\n", "'My Shop' is no name: a name has 1 to 64"),
        ("[[advertiser]]\nid = ▸'My Shop'\n", "did you mean 'my-shop'?"),
        (
            "[[advertiser]]\nid = 'shop'\npreset = ▸'voluum'\n",
            "'voluum' is not known, there is only 'generic'",
        ),
        ("[[advertiser]]\nid = 'shop'\ncurrency = ▸'XYZ'\n", "'XYZ': not a currency"),
        ("[[advertiser]]\nid = 'shop'\n▸curency = 'EUR'\n", "did you mean 'currency'?"),
        (
            "[[advertiser]]\nid = 'shop'\npostback = { open = true }\n[[advertiser]]\nid = ▸'shop'\n",
            "a second advertiser 'shop'; the first is in line 5",
        ),
    ] {
        let snippet = format!("{snippet}{rest}");
        check(&[PROGRAM], &[(&snippet, &[expected])]);
    }
}

#[test]
fn mistakes_of_the_postback_rules() {
    check(
        &UP_TO_RULES,
        &[
            ("require_https = ▸'yes'", &["'require_https': true or false is expected, not a text"]),
            ("allow_ips = ['10.0.0.1', ▸'300.1.1.1']", &["'300.1.1.1' is no address"]),
            ("allow_ips = [▸'10.0.0.0/33']", &["is no address"]),
            ("allow_ips = [▸10]", &["'allow_ips': text in quotes is expected, not a whole number"]),
            ("allow_ips = ▸'10.0.0.1'", &["'allow_ips': a list of texts is expected, not a text"]),
            ("rate_limit = ▸'fast'", &["'fast' is no rate; write it like 2000/s"]),
            ("rate_limit = ▸'0/s'", &["is no rate"]),
            ("rate_limit = ▸'1000001/s'", &["is no rate"]),
            ("rate_limit = ▸'+5/s'", &["is no rate"]),
            ("rate_limit = ▸'5/d'", &["is no rate"]),
            ("rate_limit = ▸'5/s burst 0'", &["is no rate"]),
            ("rate_limit = ▸'5/s burst'", &["is no rate"]),
            ("rate_limit = ▸'5/s bursts 9'", &["is no rate"]),
            ("rate_limit = ▸'5/s burst 1000001'", &["is no rate"]),
            ("token_header = ▸'X Token'", &["'X Token' is no name of a header"]),
            ("token = ▸[]", &["'token': give one secret, or a list of 1 to 4"]),
            (
                "token = ▸['env:A', 'env:B', 'env:C', 'env:D', 'env:E']",
                &["'token': give one secret, or a list of 1 to 4"],
            ),
            ("token = ['env:A', ▸'hunter2']", &["a secret does not stand in this file"]),
            ("token = ▸5", &["'token': a text or a list of texts is expected, not a whole number"]),
            ("reply = ▸'allways_200'", &["'allways_200' is not known"]),
            ("reply = ▸'allways_200'", &["did you mean 'always_200'?"]),
            ("▸tokn = 'env:X'", &["unknown key 'tokn' in [advertiser.postback]; did you mean 'token'?"]),
        ],
    );
}

#[test]
fn rates_addresses_and_replies_are_read() {
    let rules = rules(
        "allow_ips = ['10.1.2.3/8', '10.0.0.1', '2001:db8::1']\nrate_limit = '7/h'\nreply = 'always_200'",
    );
    let shown: Vec<String> = rules.allow_ips.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "10.0.0.1/32", "2001:db8::1/128"]);
    assert_eq!(rules.rate_limit, Some(RateLimit { count: 7, per: Span::from_seconds(3_600), burst: 7 }));
    assert_eq!(rules.reply, Reply::Always200);
}

#[test]
fn secrets_that_are_exchanged_stand_in_a_list_and_all_of_them_are_asked_for() {
    let source = "token = ['env:NEW', 'file:/run/old']\ntoken_header = 'X-Token'\nrate_limit = '2000/s burst 500'\n\
        signature = { scheme = 'hmac-sha256', secret = ['env:S2', 'env:S1'], header = 'X-S' }";
    let program = sound(&UP_TO_RULES, source);
    let rules = &program.advertisers["shop"].postback;
    let env = |name: &str| SecretRef::Env(name.into());
    assert_eq!(rules.tokens, [env("NEW"), SecretRef::File("/run/old".into())]);
    assert_eq!(rules.token_header.as_deref(), Some("X-Token"));
    assert_eq!(rules.rate_limit.map(|limit| (limit.count, limit.burst)), Some((2_000, 500)));
    assert_eq!(rules.signature.as_ref().unwrap().secrets, [env("S2"), env("S1")]);
    assert_eq!(program.secrets().len(), 4);
}

#[test]
fn a_literal_secret_is_refused_and_never_repeated() {
    let by_reference =
        "error: 'token': a secret does not stand in this file, only where to find it: 'env:NAME'";
    check(
        &UP_TO_RULES,
        &[
            ("token = ▸'hunter2'", &[by_reference]),
            ("token = ▸'env:'", &[by_reference]),
            ("token = ▸'env:hunter 2'", &[by_reference]),
        ],
    );
    for secret in [
        "token = 'hunter2'",
        "token = 'env:hunter2!'",
        "token = ['hunter2']",
        "token = hunter2",
        "token = 'hunter2",
        "token = 'hunter2' x",
        "signature = { scheme = 'hmac-sha256', secret = 'hunter2', header = 'X-S' }",
        "[[webhook]]\nid = 'crm'\nurl = 'https://crm.example/'\nsecret = 'hunter2'\non = ['payout.paid']",
    ] {
        let (program, mistakes) = read(&format!("{}{secret}\n", UP_TO_RULES.concat()));
        assert!(program.is_none(), "{secret}");
        assert!(!format!("{mistakes:?}").contains("hunter2"), "{mistakes:?}");
    }
}

#[test]
fn mistakes_of_params_events_and_statuses() {
    check(
        &UP_TO_GOAL[..2],
        &[
            ("params = { ▸clickid = 'c' }", &["unknown key 'clickid' in params; did you mean 'click_id'?"]),
            ("params = { ▸sub11 = 'c' }", &["unknown key 'sub11' in params"]),
            ("params = { click_id = ▸'' }", &["'click_id': the text is empty"]),
            ("params = { txid = 'a', click_id = ▸'a' }", &["'click_id': 'a' carries 'txid' already"]),
            ("params = { event = 'a', event_type = ▸'b' }", &["two spellings of one field"]),
            ("statuses = { '1' = ▸'aproved' }", &["'1': 'aproved' is not known, there are 'pending'"]),
            ("statuses = { '1' = ▸'aproved' }", &["did you mean 'approved'?"]),
            ("statuses = { '1' = ▸1 }", &["'1': text in quotes is expected, not a whole number"]),
            ("events = { dep = ▸'ftd' }", &["'dep': no offer of this advertiser has a goal 'ftd'"]),
        ],
    );
    let mapped = "[[advertiser]]\nid = 'other'\n[advertiser.postback]\nopen = true\nevents = ";
    check(
        &[&UP_TO_GOAL.concat(), mapped],
        &[("{ a = ▸'sale' }", &["'a': no offer of this advertiser has a goal 'sale'"])],
    );
    check(
        &[PROGRAM, RULES, "events = "],
        &[(
            "{ a = ▸'sales', b = 'refund' }\n[[offer]]\nid = 'x'\nadvertiser = 'shop'\n\
             url = 'https://x.example/{click_id}'\ngoal = [{ event = 'sale' }]",
            &["no offer of this advertiser has a goal 'sales'; did you mean 'sale'?"],
        )],
    );
}

#[test]
fn params_and_events_are_stored_under_our_names() {
    let snippet = "params = { event = 'goal', sub10 = 's', token = 't' }\n\
                   events = { dep = 'sale', back = 'chargeback', undo = 'refund' }\n";
    let offer = [OFFER, GOAL].concat();
    let program = sound(&UP_TO_RULES, &format!("{snippet}{offer}"));
    let rules = &program.advertisers["shop"].postback;
    let params: Vec<(&str, &str)> =
        rules.params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(params, [("event_type", "goal"), ("sub10", "s"), ("token", "t")]);
    assert_eq!(rules.events["dep"], name("sale"));
    assert_eq!(rules.events["back"], name("chargeback"));
    assert_eq!(rules.events["undo"], name("refund"));
}

#[test]
fn mistakes_of_an_offer() {
    check(
        &UP_TO_RULES,
        &[
            (
                "▸▸▸[[offer]]\ngoal = [{ event = 'sale' }]",
                &["missing key 'id' in [[offer]]", "missing key 'advertiser'", "missing key 'url'"],
            ),
            (
                "[[offer]]\nid = 'x'\nadvertiser = ▸'shp'\nurl = 'https://x.example/{click_id}'\n\
                 goal = [{ event = 'sale' }]",
                &["'advertiser': there is no advertiser 'shp'; did you mean 'shop'?"],
            ),
            (
                "▸[[offer]]\nid = 'x'\nadvertiser = 'shop'\nurl = 'https://x.example/{click_id}'",
                &["warning: without an [[offer.goal]] every postback for this offer is rejected"],
            ),
            (
                "[[offer]]\nid = 'x'\nadvertiser = 'shop'\nurl = ▸'https://x.example/'\ngoal = [{ event = 'sale' }]",
                &["warning: without {click_id} in its url no postback for this offer can come back"],
            ),
            (
                "[[offer]]\nid = 'x'\nadvertiser = 'shop'\nurl = ▸'https://x.example/{clickid}'\n\
                 goal = [{ event = 'sale' }]",
                &["error: 'url': {clickid} is no macro; did you mean {click_id}?"],
            ),
            (
                "[[offer]]\nid = 'x'\nadvertiser = 'shop'\nurl = ▸'x.example/{click_id}'\ngoal = [{ event = 'sale' }]",
                &["'url': not an address: it must begin with https:// or http://"],
            ),
            (
                "[[offer]]\nid = 'x'\nadvertiser = 'shop'\nurl = 'https://x.example/{click_id}'\n\
                 window = ▸'1 day'\ndedupe_window = ▸24\ngoal = [{ event = 'sale' }]",
                &["'1 day' is no length of time", "'dedupe_window': text in quotes is expected"],
            ),
        ],
    );
    check(
        &UP_TO_GOAL,
        &[(
            "[[offer]]\nid = ▸'shoes'\nadvertiser = 'shop'\nurl = 'https://x.example/{click_id}'\n\
             goal = [{ event = 'sale' }]",
            &["a second offer 'shoes'; the first is in line 9"],
        )],
    );
}

#[test]
fn an_address_damaged_by_a_web_page_is_repaired_with_a_warning() {
    let damaged = "[[offer]]\nid = 'x'\nadvertiser = 'shop'\n\
                   url = ▸'https://x.example/?c={click_id}¤cy=EUR&amp;a=1'\ngoal = [{ event = 'sale' }]";
    let said = "warning: 'url' was damaged by a web page and is repaired: it contains ¤cy, &amp;";
    check(&UP_TO_RULES, &[(damaged, &[said])]);
    let program = read(&format!("{}{}", UP_TO_RULES.concat(), damaged.replace(MARK, ""))).0.unwrap();
    assert_eq!(program.offers["x"].url.source(), "https://x.example/?c={click_id}&currency=EUR&a=1");
}

#[test]
fn mistakes_of_a_goal() {
    check(
        &UP_TO_GOAL,
        &[
            ("▸payuot = '5 EUR'", &["unknown key 'payuot' in [[offer.goal]]; did you mean 'payout'?"]),
            ("payout = ▸'12 EURO'", &["'payout': '12 EURO': not a currency"]),
            ("payout = ▸'1,5 EUR'", &["'payout': '1,5 EUR': not an amount"]),
            ("payout = ▸'120EUR'", &["'120EUR' is none of '120 EUR', '30%', '50 EUR + 10%' and 'postback'"]),
            ("payout = ▸'posback'", &["did you mean 'postback'?"]),
            ("payout = ▸'101%'", &["'101%': not a percentage"]),
            ("payout = ▸120", &["'payout': text in quotes is expected, not a whole number"]),
            ("payout = ▸1.5", &["'payout': text in quotes is expected, not a number with a point"]),
            ("revenue = ▸'-5 EUR'", &["'revenue': '-5 EUR': not an amount"]),
            ("min_amount = ▸'20%'", &["'min_amount': '20%': money is written like '120 EUR'"]),
            ("allowed_payouts = ['1 EUR', ▸'2']", &["'allowed_payouts': '2': money is written like"]),
            (
                "approval = ▸'mannual'",
                &["'mannual' is not known, there are 'auto', 'postback', 'manual', 'after 14d'"],
            ),
            ("approval = ▸'mannual'", &["did you mean 'manual'?"]),
            ("approval = ▸'after soon'", &["'after soon' is not known"]),
            ("hold = ▸'2w'", &["'2w' is no length of time"]),
            ("hold = ▸2026-01-01", &["'hold': text in quotes is expected, not a date or time"]),
            ("duplicates = ▸'ignor'", &["did you mean 'ignore'?"]),
            ("▸[[offer.goal]]", &["missing key 'event' in [[offer.goal]]"]),
            ("[[offer.goal]]\nevent = ▸'sale'", &["a second goal 'sale'; the first is in line 13"]),
            (
                "[[offer.goal]]\nevent = ▸'refund'",
                &["'refund' is no goal, it reverses the conversions of goals"],
            ),
            ("[[offer.goal]]\nevent = ▸'chargeback'", &["'chargeback' is no goal"]),
            ("[[offer.goal]]\nevent = ▸'First Deposit'", &["did you mean 'first-deposit'?"]),
        ],
    );
}

#[test]
fn mistakes_of_terms() {
    check(
        &UP_TO_GOAL,
        &[
            ("payout = ▸'50 EUR + 10'", &["'50 EUR + 10': not a percentage"]),
            ("payout = ▸'50 EUR + 10% + 1%'", &["not a percentage"]),
            ("tiers = ▸{ per = 'month' }", &["missing key 'steps' in tiers"]),
            ("tiers = { per = 'month', steps = ▸[] }", &["'steps': the list is empty"]),
            (
                "tiers = { per = ▸'week', steps = [{ from = '5', payout = '1 EUR' }] }",
                &["'week' is not known, there are 'day'"],
            ),
            (
                "tiers = { per = 'month', steps = [{ from = ▸'0', payout = '1 EUR' }] }",
                &["'0' is no number of conversions"],
            ),
            (
                "tiers = { per = 'day', steps = [{ from = '5', payout = '1 EUR' }, { from = ▸'5', payout = '2 EUR' }] }",
                &["the steps have to rise"],
            ),
            (
                "tiers = { per = 'day', steps = [{ from = '5', payout = '1 EUR' }, { from = ▸'9 EUR', payout = '2 EUR' }] }",
                &["all steps count conversions, or amounts of one currency"],
            ),
            ("▸[[offer.goal.terms]]\npayout = '1 EUR'", &["needs a link, a country, 'from' or 'until'"]),
            ("▸[[offer.goal.terms]]\ncountry = ['DE']", &["missing key 'payout'"]),
            ("[[offer.goal.terms]]\npayout = '1 EUR'\ncountry = [▸'Germany']", &["'Germany' is no country"]),
            (
                "[[offer.goal.terms]]\npayout = '1 EUR'\nlink = [▸'nowhere']",
                &["'link': there is no link 'nowhere'"],
            ),
            (
                "[[offer.goal.terms]]\npayout = '1 EUR'\nfrom = '2026-12-24'\nuntil = ▸'2026-12-01'",
                &["'until' lies before 'from'"],
            ),
            ("[[offer.goal.terms]]\npayout = '1 EUR'\nfrom = ▸'24.12.2026'", &["is no day; write it like"]),
            ("[[offer.goal.terms]]\npayout = '1 EUR'\nfrom = ▸'2026-02-30'", &["is no day; write it like"]),
        ],
    );
    check(
        &UP_TO_PARTNER,
        &[
            ("min_payout = ['50 EUR', ▸'60 EUR']", &["a second sum in EUR"]),
            ("min_payout = ▸'50'", &["money is written like '120 EUR'"]),
        ],
    );
    let terms =
        "[[offer.goal.terms]]\npayout = '50 EUR + 10%'\ncountry = ['de']\nhold = '30d'\nuntil = '2026-12-31'";
    let goal = goal(terms);
    assert_eq!(goal.others[0].payout.to_string(), "50 EUR + 10%");
    assert_eq!(goal.others[0].when.countries, ["DE"]);
    assert_eq!(goal.others[0].hold, Span::parse("30d"));
    assert_eq!(partner("min_payout = ['50 EUR', '60 USD']").min_payouts.len(), 2);
}

#[test]
fn mistakes_of_caps() {
    check(
        &UP_TO_GOAL,
        &[
            ("caps = [{ per = ▸'week', conversions = 1 }]", &["'week' is not known, there are 'day'"]),
            ("caps = [{ per = 'total', conversions = ▸0 }]", &["0 is not between 1 and"]),
            ("caps = [▸{ per = 'month' }]", &["missing key 'conversions' in caps"]),
            ("caps = ▸{ per = 'day' }", &["'caps': a list of tables is expected, not a table"]),
            ("caps = [▸1]", &["'caps': a list of tables is expected, not a whole number"]),
            (
                "caps = [{ per = 'day', conversions = 1 }, ▸{ per = 'day', conversions = 2 }]",
                &["a second cap per 'day'"],
            ),
        ],
    );
    assert_eq!(goal("caps = []").event, name("sale"));
    let caps = goal("caps = [{ per = 'day', conversions = 100 }, { per = 'total', conversions = 9 }]").caps;
    assert_eq!(caps[1], crate::program::Cap { per: crate::program::CapPeriod::Total, conversions: 9 });
}

#[test]
fn goals_read_what_they_may_contain() {
    assert_eq!(goal("payout = 'postback'").terms.payout, Price::Postback);
    assert_eq!(goal("revenue = '2.5%'").terms.revenue, Some(Price::Share(Percent::parse("2.5%").unwrap())));
    assert_eq!(goal("min_amount = '0 EUR'").terms.min_amount.map(|amount| amount.micros), Some(0));
    assert_eq!(goal("approval = 'manual'").approval, Approval::Manual);
    assert_eq!(goal("duplicates = 'update'").duplicates, Duplicates::Update);
    assert_eq!(goal("duplicates = 'add'").duplicates, Duplicates::Add);
    assert_eq!(goal("approval = 'after 3d'").approval, Approval::After(Span::parse("3d").unwrap()));
}

#[test]
fn mistakes_of_a_partner() {
    check(
        &UP_TO_GOAL,
        &[
            ("▸[[partner]]", &["missing key 'id' in [[partner]]"]),
            (
                "[[partner]]\nid = 'a'\n[[partner]]\nid = ▸'a'",
                &["a second partner 'a'; the first is in line 15"],
            ),
        ],
    );
    check(
        &UP_TO_PARTNER,
        &[
            ("kind = ▸'source'", &["'source' is not known, there are 'affiliate', 'traffic_source'"]),
            ("params = { ▸clickid = 'c' }", &["unknown key 'clickid' in params; did you mean 'click_id'?"]),
            ("params = ▸{ click_id = 'x', cost = 'x' }", &["'x' carries both click_id and cost"]),
            ("params = ▸{ click_id = 'cost' }", &["'cost' carries both click_id and cost"]),
            ("split = { ▸sub0 = 'a|b' }", &["unknown key 'sub0' in split; did you mean 'sub1'?"]),
            ("split = { sub1 = ▸'a||b' }", &["'a||b' has a part without a name"]),
            ("split = { source = ▸'a|' }", &["'source': 'a|' has a part without a name"]),
        ],
    );
    let partner =
        partner("kind = 'traffic_source'\nparams = { click_id = 'cid' }\nsplit = { source = 'a | b' }");
    assert_eq!(partner.kind, PartnerKind::TrafficSource);
    assert_eq!((partner.click_id_param.as_str(), partner.cost_param.as_str()), ("cid", "cost"));
    assert_eq!(partner.split["source"], ["a", "b"]);
}

#[test]
fn mistakes_of_a_partners_terms() {
    check(
        &UP_TO_PARTNER,
        &[
            (
                "▸▸▸[[partner.payout]]",
                &["missing key 'offer' in [[partner.payout]]", "missing key 'event'", "missing key 'payout'"],
            ),
            (
                "[[partner.payout]]\noffer = ▸'shoe'\nevent = 'anything'\npayout = '1 EUR'",
                &["'offer': there is no offer 'shoe'; did you mean 'shoes'?"],
            ),
            (
                "[[partner.payout]]\noffer = 'shoes'\nevent = ▸'sael'\npayout = ▸'lots'",
                &["'event': there is no goal 'sael'; did you mean 'sale'?", "'lots' is none of"],
            ),
            (
                "[[partner.payout]]\noffer = 'shoes'\nevent = 'sale'\npayout = '1 EUR'\n\
                 ▸[[partner.payout]]\noffer = 'shoes'\nevent = 'sale'\npayout = '2 EUR'",
                &["second terms for 'sale' of 'shoes'; the first are in line 16"],
            ),
        ],
    );
}

#[test]
fn mistakes_of_a_partners_postback() {
    check(
        &UP_TO_PARTNER,
        &[
            (
                "▸▸▸[[partner.postback]]",
                &["missing key 'id' in [[partner.postback]]", "missing key 'url'", "missing key 'on'"],
            ),
            (
                "[[partner.postback]]\nid = 'a'\nurl = ▸'https://{sub1}/'\non = ['conversion.created']",
                &["'url': a macro may not stand before the path"],
            ),
        ],
    );
    check(
        &UP_TO_TARGET,
        &[
            ("on = ▸[]", &["'on': the list is empty"]),
            (
                "on = [▸'conversion.create']",
                &["'conversion.create' never happens; did you mean 'conversion.created'?"],
            ),
            ("on = [▸'click.created']", &["only webhooks can be told of 'click.created'"]),
            ("on = [▸'payout.*']", &["only webhooks can be told of 'payout.*'"]),
            ("on = [▸'*']", &["'*' never happens"]),
            ("on = [▸'.*']", &["'.*' never happens"]),
            ("on = ['conversion.*']\nevents = ▸[]", &["'events': the list is empty"]),
            (
                "on = ['conversion.*']\nevents = ['sale', ▸'sales', ▸'refund']",
                &["no offer has a goal 'sales'; did you mean 'sale'?", "no offer has a goal 'refund'"],
            ),
            (
                "on = ['conversion.*']\n[[partner]]\nid = 'b'\n[[partner.postback]]\nid = ▸'tracker'\n\
                 url = 'https://t.example/'\non = ['commission.earned']",
                &["a second target 'tracker'; the first is in line 17"],
            ),
        ],
    );
}

#[test]
fn one_request_for_two_happenings_is_a_warning() {
    let both = "on = ▸['conversion.created', 'commission.*']";
    let target = |url: &str| format!("[[partner.postback]]\nid = 'a'\nurl = '{url}'\n");
    for (url, warning) in [
        ("https://t.example/?c={click_id}", "give the same request here"),
        ("https://t.example/?t={txid}&p={payout}", "go to one target under one id"),
    ] {
        let warning = format!("warning: conversion.created and commission.earned {warning}");
        check(&[&UP_TO_PARTNER.concat(), &target(url)], &[(both, &[&warning])]);
    }
    sound(&[&UP_TO_PARTNER.concat(), &target("https://t.example/?d={delivery_id}")], &both.replace(MARK, ""));
}

#[test]
fn wildcards_are_spelled_out_in_order_and_once() {
    let target = |on: &str| sound(&UP_TO_TARGET, on).targets["tracker"].wants.on.clone();
    use Happening::*;
    assert_eq!(
        target("on = ['conversion.rejected', 'conversion.*', 'conversion.created']"),
        [ConversionRejected, ConversionCreated, ConversionApproved, ConversionReversed]
    );
    assert_eq!(target("on = ['commission.*']"), [CommissionEarned, CommissionAdjusted]);
}

#[test]
fn mistakes_of_a_link() {
    check(
        &UP_TO_PARTNER,
        &[
            (
                "▸▸▸[[link]]",
                &["'id' in [[link]]", "'partner' in [[link]]", "missing key 'offer' or 'routes' in [[link]]"],
            ),
            (
                "[[link]]\nid = 'a'\npartner = ▸'medai'\noffer = 'shoes'",
                &["there is no partner 'medai'; did you mean 'media'?"],
            ),
        ],
    );
    check(
        &UP_TO_LINK,
        &[
            ("offer = ▸'shoos'", &["there is no offer 'shoos'; did you mean 'shoes'?"]),
            (
                "offer = 'shoes'\nroutes = ▸[{ offer = 'shoes' }]",
                &["a link has an offer or routes, not both"],
            ),
            ("routes = ▸[]", &["'routes': the list is empty"]),
            ("routes = [▸{ weight = 5 }]", &["missing key 'offer' in routes"]),
            ("routes = [{ offer = ▸'shirts' }]", &["there is no offer 'shirts'"]),
            ("routes = [{ offer = 'shoes', weight = ▸0 }]", &["'weight': 0 is not between 1 and 1000000"]),
            ("routes = [{ offer = 'shoes', weight = ▸'70' }]", &["a whole number is expected, not a text"]),
            (
                "routes = [{ offer = 'shoes', ▸wheight = 1 }]",
                &["unknown key 'wheight' in routes; did you mean 'weight'?"],
            ),
            ("routes = [{ offer = 'shoes', when = { country = [▸'GER'] } }]", &["'GER' is no country"]),
            ("routes = [{ offer = 'shoes', when = { country = ▸'DE' } }]", &["a list of texts is expected"]),
            (
                "routes = [{ offer = 'shoes', when = { device = [▸'phone'] } }]",
                &["'phone' is not known, there are 'mobile'"],
            ),
            (
                "routes = [{ offer = 'shoes', when = { ▸countries = [] } }]",
                &["unknown key 'countries' in when"],
            ),
            (
                "offer = 'shoes'\npaused = ▸true",
                &["warning: without a fallback_url the visitors of a paused link get a 404"],
            ),
            ("offer = 'shoes'\nfallback_url = ▸'nowhere'", &["'fallback_url': not an address"]),
            (
                "offer = 'shoes'\n[[link]]\nid = ▸'media-shoes'\npartner = 'media'\noffer = 'shoes'",
                &["a second link"],
            ),
        ],
    );
    let many = format!("{}routes = [{}]", UP_TO_LINK.concat(), "{ offer = 'shoes' },".repeat(101));
    assert_eq!(show(&read(&many).1)[0], "19:10: error: 'routes': there are more than 100");
}

#[test]
fn routes_are_read_with_weights_and_conditions() {
    let snippet = "paused = true\nfallback_url = 'https://x.example/'\n\
                   routes = [{ offer = 'shoes', weight = 70, when = { country = ['de', 'AT'], device = ['mobile'] } }, \
                   { offer = 'shoes' }]";
    let program = sound(&UP_TO_LINK, snippet);
    let link = &program.links["media-shoes"];
    assert!(link.paused);
    assert_eq!(link.fallback_url.as_ref().map(|url| url.source()), Some("https://x.example/"));
    let [first, second] = &link.routes[..] else { panic!("two routes") };
    assert_eq!((first.weight, second.weight), (70, 1));
    assert_eq!(first.when.country, ["DE", "AT"]);
    assert_eq!(first.when.device, ["mobile"]);
    assert_eq!(second.when, crate::program::Conditions::default());
}

#[test]
fn mistakes_of_a_webhook() {
    check(
        &[PROGRAM],
        &[
            (
                "[[webhook]]\nid = 'crm'\nurl = ▸'crm'\nsecret = ▸'x'\non = ['conversion.*', 'postback.rejected', ▸'click.*d']",
                &["'url': not an address", "'secret': a secret does not stand", "'click.*d' never happens"],
            ),
            (
                "[[webhook]]\nid = 'crm'\nurl = ▸'https://crm.example/{click_id}'\nsecret = 'env:S'\non = ['click.created']",
                &["a webhook's address has no macros"],
            ),
        ],
    );
}

#[test]
fn a_webhook_has_its_values() {
    let program = sound(
        &[&UP_TO_PARTNER.concat()],
        "[[webhook]]\nid = 'crm'\nurl = 'https://crm.example/hooks'\nsecret = ['env:NEW', 'env:OLD']\n\
         on = ['commission.*', 'postback.rejected']\nreasons = ['bad_token']\npartners = ['media']\ndelay = '5m'",
    );
    assert_eq!(program.webhooks, [name("crm")]);
    let target = &program.targets["crm"];
    let Way::Webhook(webhook) = &target.way else { panic!("{target:?}") };
    assert_eq!(webhook.url, "https://crm.example/hooks");
    assert_eq!(webhook.secrets, [SecretRef::Env("NEW".into()), SecretRef::Env("OLD".into())]);
    assert_eq!((target.owner.clone(), target.always), (Owner::Operator, true));
    assert_eq!(target.delay, Some(Span::from_seconds(300)));
    assert_eq!(
        (&target.wants.reasons[..], &target.wants.partners[..]),
        (&[Reason::BadToken][..], &[name("media")][..])
    );
    assert_eq!(program.secrets().len(), 2);
}

#[test]
fn mistakes_of_what_a_target_asks_for() {
    check(
        &UP_TO_TARGET,
        &[
            ("on = ['conversion.*']\nstatuses = [▸'aproved']", &["did you mean 'approved'?"]),
            (
                "on = ['conversion.*']\nreasons = [▸'bad_tokn']",
                &["'bad_tokn' is no reason; did you mean 'bad_token'?"],
            ),
            (
                "on = ['conversion.*']\noffers = [▸'shoe']",
                &["there is no offer 'shoe'; did you mean 'shoes'?"],
            ),
            ("on = ['conversion.*']\nshare = ▸'101%'", &["'101%' is no share"]),
            ("on = ['conversion.*']\nshare = ▸'half'", &["'half' is no share"]),
            ("on = ['conversion.*']\ndelay = ▸'4d'", &["'delay': at most 3d"]),
            ("on = ['conversion.*']\nrate_limit = ▸'fast'", &["'fast' is no rate"]),
            ("on = ['conversion.*']\npause_after = ▸'5m'", &["'pause_after': from 1h to 30d"]),
            (
                "on = ['conversion.*']\n▸partners = ['media']",
                &["unknown key 'partners' in [[partner.postback]]"],
            ),
        ],
    );
}

#[test]
fn offers_and_links_have_postbacks_of_their_own() {
    let postback = "url = 'https://t.example/?p={payout}'\non = ['commission.earned']\n";
    let program = sound(
        &[PROGRAM, RULES, OFFER, GOAL],
        &format!(
            "[[offer.postback]]\nid = 'of-offer'\nevents = ['sale']\npartners = ['media']\nalways = true\n{postback}\
             {PARTNER}[[partner.postback]]\nid = 'of-partner'\noffers = ['shoes']\nshare = '80%'\nrate_limit = '5/s'\n{postback}\
             {LINK}offer = 'shoes'\n[[link.postback]]\nid = 'of-link'\nstatuses = ['approved']\n{postback}"
        ),
    );
    assert_eq!(program.offers["shoes"].targets, [name("of-offer")]);
    assert_eq!(program.partners["media"].targets, [name("of-partner")]);
    assert_eq!(program.links["media-shoes"].targets, [name("of-link")]);
    let level = |id: &str| program.targets[id].level();
    use crate::program::target::Level;
    assert_eq!(
        [level("of-offer"), level("of-partner"), level("of-link")],
        [Level::Offer, Level::Offer, Level::Link]
    );
    assert!(program.targets["of-offer"].always);
    assert_eq!(program.targets["of-partner"].share, 80);
    assert_eq!(program.targets["of-link"].wants.statuses, [Status::Approved]);
}

/// A postback of a partner without its address.
const OPEN_TARGET: &str = "[[partner.postback]]\nid = 'tracker'\non = ['conversion.approved']\n";

#[test]
fn mistakes_of_the_request_of_a_postback() {
    let before = UP_TO_PARTNER.concat();
    let url = "url = 'https://t.example/'\n";
    let cases: Vec<(String, Vec<&str>)> = vec![
        ("url = ▸'https://t.example/?c={clickid}'".into(), vec!["did you mean {partner_click_id}?"]),
        ("url = ▸'https://t.example/?c=##CLICK##'".into(), vec!["another platform's placeholder"]),
        (
            "url = ▸'https://t.example/?k={secret.key}'".into(),
            vec!["{secret.key} is not declared in 'secrets'"],
        ),
        ("url = ▸'https://t.example/?p={payout|currency:XXQ}'".into(), vec!["|currency:XXQ is no currency"]),
        (
            format!("{url}secrets = {{ ▸Key = 'env:A', b = ▸'plain' }}"),
            vec!["'Key' is no name of a secret", "a secret does not stand"],
        ),
        (format!("{url}method = ▸'PUT'"), vec!["'PUT' is not known, there are 'GET', 'POST'"]),
        (format!("{url}method = ▸'GET'\nform = {{ a = '1' }}"), vec!["a GET carries no form, json or body"]),
        (format!("{url}form = {{ a = '1' }}\njson = ▸'{{}}'"), vec!["there is a 'form' already"]),
        (format!("{url}json = ▸'{{\"a\": }}'"), vec!["'json': this does not give JSON"]),
        (
            format!("{url}headers = {{ ▸'a b' = '1', ▸Host = 'x' }}"),
            vec!["'a b' is no name of a header", "'Host' is set by the client"],
        ),
        (format!("{url}content_type = ▸'text/xml'"), vec!["goes with 'body' alone"]),
        (format!("{url}expect = {{ status = ▸[200, 700] }}"), vec!["a list of numbers between 200 and 399"]),
        (
            format!("{url}expect = {{ ▸stat = [200] }}"),
            vec!["unknown key 'stat' in expect; did you mean 'status'?"],
        ),
        (
            format!("{url}sign = ▸{{ secret = 'env:S', timestamp = 'ts' }}"),
            vec!["in a 'param' or in a 'header'"],
        ),
        ("preset = ▸'keitar'".into(), vec!["there is no preset 'keitar'; did you mean 'keitaro'?"]),
        ("preset = 'propellerads'\ncredentials = ▸{ aid = '1' }".into(), vec!["'tid' is missing"]),
        (
            "preset = 'taboola'\nurl = ▸'https://t.example/'\ncredentials = { event = 'sale' }".into(),
            vec!["the preset gives it"],
        ),
    ];
    for (snippet, expected) in &cases {
        check(&[&before, OPEN_TARGET], &[(snippet, expected)]);
    }
}

#[test]
fn the_request_of_a_postback_has_its_values() {
    let program = sound(
        &[&UP_TO_PARTNER.concat(), OPEN_TARGET],
        "url = 'https://t.example/?k={secret.key}'\nsecrets = { key = 'env:K' }\n\
         headers = { X-Partner = '{partner}' }\njson = '{\"id\": \"{txid}\", \"sum\": {payout}}'\n\
         expect = { status = [200, 202], body = 'OK' }\n\
         sign = { secret = ['env:NEW', 'env:OLD'], header = 'X-Signature', timestamp = 'X-Time' }",
    );
    let Way::Postback(call) = &program.targets["tracker"].way else { panic!("no postback") };
    assert_eq!((call.verb, call.headers[0].0.as_str()), (Verb::Post, "X-Partner"));
    assert!(matches!(call.body, Body::Json(_)) && call.uses(Macro::Payout) && call.uses(Macro::Partner));
    assert_eq!((call.expect.statuses.as_slice(), call.expect.body.as_deref()), (&[200, 202][..], Some("OK")));
    assert_eq!(call.sign.as_ref().map(|sign| sign.secrets.len()), Some(2));
    assert_eq!(program.secrets().len(), 3);
}

#[test]
fn a_preset_gives_what_is_not_written() {
    let program = sound(
        &[&UP_TO_PARTNER.concat()],
        "[[partner.postback]]\nid = 'prop'\npreset = 'propellerads'\ncredentials = { aid = '12', tid = 'env:TID' }",
    );
    let target = &program.targets["prop"];
    let Way::Postback(call) = &target.way else { panic!("no postback") };
    assert_eq!(target.wants.on, [Happening::ConversionApproved]);
    assert!(
        call.url.source().contains("aid=12&") && call.url.source().contains("{secret.tid}"),
        "{}",
        call.url.source()
    );
    assert!(target.needs_test());
    assert_eq!(program.secrets().len(), 1);
}

#[test]
fn mistakes_of_a_connection_to_an_ad_platform() {
    let start = "[[partner.conversion_api]]\nid = 'meta'\n";
    let names = "event_names = { sale = 'Purchase' }\n";
    let cases: Vec<(String, Vec<&str>)> = vec![
        (
            format!("▸▸▸{start}"),
            vec!["missing key 'api'", "missing key 'settings'", "missing key 'event_names'"],
        ),
        (format!("{start}api = ▸'mate'\nsettings = {{}}\n{names}"), vec!["did you mean 'meta'?"]),
        (
            format!("{start}api = 'meta'\nsettings = {{ dataset = '1', access_token = ▸'EAAB' }}\n{names}"),
            vec!["a secret does not stand in this file"],
        ),
        (
            format!(
                "{start}api = 'meta'\nsettings = {{ dataset = '1', access_token = 'env:T' }}\nevent_names = {{ ▸sael = 'Purchase' }}"
            ),
            vec!["no offer has a goal 'sael'; did you mean 'sale'?"],
        ),
    ];
    for (snippet, expected) in &cases {
        check(&[&UP_TO_PARTNER.concat()], &[(snippet, expected)]);
    }
    let program = sound(
        &[&UP_TO_PARTNER.concat()],
        &format!("{start}api = 'meta'\nsettings = {{ dataset = '1', access_token = 'env:T' }}\n{names}"),
    );
    let target = &program.targets["meta"];
    let Way::ConversionApi(connection) = &target.way else { panic!("no connection") };
    assert_eq!(connection.secrets["access_token"], SecretRef::Env("T".into()));
    assert!(target.always && target.needs_test());
    assert_eq!(target.wants.on, [Happening::ConversionApproved]);
}

#[test]
fn what_this_version_does_not_apply_is_told_once() {
    let scenario = "warning: [[scenario]] is read and not applied by this version";
    check(
        &[PROGRAM],
        &[(
            "▸[[scenario]]\nname = 'a'\nanything = { at = 'all' }\n▸[[scenario]]\nsteps = 5",
            &[scenario, "missing key 'name' in [[scenario]]"],
        )],
    );
}

#[test]
fn mistakes_of_fraud_rules() {
    let rule = |when: &str| format!("[[fraud]]\nid = 'a'\nthen = 'hold'\nwhen = {when}");
    let cases: Vec<(String, Vec<&str>)> = vec![
        (
            "▸▸▸[[fraud]]".into(),
            vec!["missing key 'id' in [[fraud]]", "missing key 'when'", "missing key 'then'"],
        ),
        (
            format!(
                "{}\n[[fraud]]\nid = ▸'a'\nwhen = {{ bot = true }}\nthen = ▸'hodl'",
                rule("{ bot = true }")
            ),
            vec!["a second fraud rule 'a'; the first is in line 5", "did you mean 'hold'?"],
        ),
        (rule("▸{}"), vec!["a rule without a sign would match everything"]),
        (rule("{ ▸anything = 1, bot = true }"), vec!["unknown key 'anything' in when"]),
        (rule("{ ▸duplicate_ips = true }"), vec!["did you mean 'duplicate_ip'?"]),
        (rule("{ bot = ▸false }"), vec!["only true says something here"]),
        (rule("{ bot = ▸1 }"), vec!["true or false is expected"]),
        (rule("{ seconds_after_click_max = ▸-1 }"), vec!["-1 is not between 0 and"]),
        (rule("{ events_per_ip_per_hour_min = ▸0 }"), vec!["0 is not between 1 and"]),
        (
            rule("{ ▸events_per_sub11_per_hour_min = 5 }"),
            vec!["did you mean 'events_per_sub1_per_hour_min'?"],
        ),
        (rule("{ datacenter_ip = ▸true }"), vec!["warning: 'datacenter_ip': no addresses are known"]),
        (rule("{ not_in = { ▸contry = ['DE'] } }"), vec!["did you mean 'country'?"]),
        (rule("{ not_in = { ▸country = [] } }"), vec!["the list is empty"]),
        (rule("{ bot = true, offers = [▸'x'] }"), vec!["there is no offer 'x'"]),
        (rule("{ bot = true, events = [▸'x'] }"), vec!["no offer has a goal 'x'"]),
    ];
    let cases: Vec<(&str, &[&str])> =
        cases.iter().map(|(source, messages)| (source.as_str(), messages.as_slice())).collect();
    check(&[PROGRAM], &cases);
}

#[test]
fn fraud_rules_read_what_they_may_contain() {
    use crate::program::fraud::{Per, Sign, Subject, Then};
    let program = sound(
        &[PROGRAM],
        "datacenter_ips = ['192.0.2.0/24']\n[[fraud]]\nid = 'a'\nthen = 'reject'\n\
         when = { seconds_after_click_max = 0, datacenter_ip = true, events_per_sub3_per_day_min = 5, \
         not_in = { sub2 = ['x'], amount = ['10'] } }",
    );
    let rule = &program.fraud[0];
    assert_eq!((rule.then, rule.signs.len()), (Then::Reject, 5));
    assert!(rule.signs.contains(&Sign::SecondsAfterClickMax(0)));
    assert!(rule.signs.contains(&Sign::Rate { of: Subject::Sub(3), per: Per::Day, min: 5 }));
}

#[test]
fn several_mistakes_are_told_at_once_and_in_order() {
    let source = "[program]\n\
                  name = 'Größe'\n\
                  currency = 'EURO'\n\
                  [[link]]\n\
                  id = 'l'\n\
                  partner = 'nobody'\n\
                  offer = 'nothing'\n\
                  paused = true\n\
                  [[advertiser]]\n\
                  id = 'a'\n\
                  postback = { open = true, statuses = { 'übel' = 'gone' }, tokn = 'x' }\n\
                  [[offre]]\n";
    let (program, mistakes) = read(source);
    assert!(program.is_none());
    let shown = show(&mistakes);
    assert_eq!(
        shown,
        [
            "3:12: error: 'currency': 'EURO': not a currency: ISO 4217 codes and those of extra_currencies are known",
            "6:11: error: 'partner': there is no partner 'nobody'",
            "7:9: error: 'offer': there is no offer 'nothing'",
            "8:10: warning: without a fallback_url the visitors of a paused link get a 404 page",
            "11:49: error: 'übel': 'gone' is not known, there are 'pending', 'approved', 'rejected', 'reversed'",
            "11:59: error: unknown key 'tokn' in [advertiser.postback]; did you mean 'token'?",
            "12:3: error: unknown key 'offre' in the file; did you mean 'offer'?",
        ]
    );
}

#[test]
fn one_mistake_does_not_cause_others() {
    check(
        &[PROGRAM],
        &[(
            "[[advertiser]]\nid = 'shop'\n[advertiser.postback]\nopen = true\nevents = { a = 'sale' }\n\
             [[offer]]\nid = 'shoes'\nadvertiser = ▸'shopp'\nurl = ▸'shoes.example'\n\
             [[offer.goal]]\nevent = 'sale'\npayout = ▸'free'\n\
             [[partner]]\nid = 'media'\nkind = ▸'friend'\n\
             [[partner.payout]]\noffer = 'shoes'\nevent = 'sale'\npayout = '1 EUR'\n\
             [[link]]\nid = 'l'\npartner = 'media'\noffer = 'shoes'",
            &["there is no advertiser", "not an address", "is none of", "'friend' is not known"],
        )],
    );
}

#[test]
fn syntax_errors_have_their_place() {
    let (program, mistakes) = read("[program]\nname = 'x'\ncurrency = EUR\n\nbase_url = 'http://x\n");
    assert!(program.is_none());
    let places: Vec<(usize, usize)> = mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect();
    assert_eq!(places, [(3, 12), (5, 21)], "{mistakes:?}");
    let (_, mistakes) = read("[program]\nname = 'x'\nname = 'y'\n");
    assert_eq!(mistakes[0].to_string(), "3:1: error: duplicate key");
}

#[test]
fn long_files_and_many_mistakes_are_bounded() {
    let (program, mistakes) = read(&"#".repeat(SOURCE_BYTES_MAX + 1));
    assert!(program.is_none());
    assert_eq!(mistakes[0].to_string(), "1:1: error: the file is longer than 4 MiB");

    let unknown: String =
        (0..5_000).map(|number| format!("[[link]]\nid = 'l{number}'\npartner = 'x'\n")).collect();
    let (_, mistakes) = read(&format!("{PROGRAM}{unknown}"));
    assert_eq!(mistakes.len(), 1_001);
    assert_eq!(mistakes.last().unwrap().message, "there are too many mistakes to show them all");
    let quoted = format!("{PROGRAM}{} = 1", "k".repeat(1_000));
    assert!(read(&quoted).1[0].message.len() < 100);
}

/// The example with a range of lines left out or said twice.
fn mutilated_example() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = EXAMPLE.split_inclusive('\n').collect();
    let count = lines.len();
    (0..count, 1..=count, any::<bool>()).prop_map(move |(start, length, twice)| {
        let end = count.min(start.saturating_add(length));
        let middle = if twice { [&lines[start..end], &lines[start..end]].concat() } else { Vec::new() };
        [&lines[..start], &middle, &lines[end..]].concat().concat()
    })
}

fn is_consistent(source: &str) -> Result<(), TestCaseError> {
    let (program, mistakes) = read(source);
    let errors = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
    prop_assert_eq!(program.is_none(), errors);
    prop_assert!(mistakes.is_sorted_by_key(|mistake| (mistake.line, mistake.column)));
    prop_assert!(mistakes.iter().all(|mistake| mistake.line >= 1 && mistake.column >= 1));
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_a_program_or_has_an_error(source in ".{0,200}") {
        is_consistent(&source)?;
    }

    #[test]
    fn any_soup_of_program_parts_is_a_program_or_has_an_error(
        source in "(\\[\\[?(program|offer|offer\\.goal|advertiser|link)\\]?\\]\n|(id|url|name|payout|goal|routes) = (1|'a'|\\[|\\{|\\}|\\]|'\\{)?\n|[.,='']){0,12}"
    ) {
        is_consistent(&source)?;
    }

    #[test]
    fn a_mutilated_example_is_a_program_or_has_an_error(source in mutilated_example()) {
        is_consistent(&source)?;
    }

    #[test]
    fn a_cut_example_is_a_program_or_has_an_error(end in 0..EXAMPLE.len()) {
        is_consistent(&EXAMPLE[..EXAMPLE.floor_char_boundary(end)])?;
    }
}
