//! What a damaged postback is told: the reason, the field, what was seen and expected, what to change; and
//! nothing that its sender did not send himself.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::decide::Decision;
use proofback_domain::outcome::{Outcome, Reason};
use proofback_domain::postback::{Verdict, read};
use proptest::prelude::*;
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");

fn casino() -> (Installation, String) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de").to_string();
    (world, click)
}

fn casino_get(world: &mut Installation, query: &str) -> Decision {
    world.get("casino", &format!("key=t0ken&goal=registration&{query}"))
}

/// One parameter's value as a client would encode it.
fn encode(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// All that a sender gets in words.
fn told(decision: &Decision) -> String {
    let Decision { message, field, seen, expected, advice, .. } = decision;
    format!("{message}\n{field}\n{seen}\n{expected}\n{advice}")
}

/// The characters of a click id, damaged: what stands before and after the marked ones.
fn parts(click: &str) -> (&str, &str) {
    (&click[..20], &click[20..])
}

#[test]
fn each_damage_of_an_id_is_named_and_its_likely_click_kept_for_people() {
    let (mut world, click) = casino();
    let upper = click.to_uppercase();
    let (start, rest) = parts(&click);
    let looks_like_zero = |id: &str| id.replacen('0', "о", 1);
    let cases = [
        (format!("cid={start}&sub1=x"), Reason::TruncatedClickId, "20 of the 26 characters", true),
        (
            format!("cid={start}&sub2={rest}"),
            Reason::TruncatedClickId,
            "in \"cid\"; the rest stands at the start of \"sub2\"",
            true,
        ),
        (
            format!("cid={}&sub2={}-more", &click[..9], &click[9..]),
            Reason::TruncatedClickId,
            "9 of the 26 characters",
            true,
        ),
        (
            format!("cid={}&zz={}", &upper[..25], &upper[25..]),
            Reason::TruncatedClickId,
            "the rest stands at the start of \"zz\"",
            true,
        ),
        (
            format!("cid={start}&sub3={click}"),
            Reason::TruncatedClickId,
            "one of ours stands in the parameter \"sub3\"",
            true,
        ),
        (format!("cid={}", &click[..17]), Reason::UnknownClickId, "no click id of ours", false),
        (format!("cid={start}%20{rest}"), Reason::AlteredClickId, "a space inside", true),
        (format!("cid={start}+{rest}"), Reason::AlteredClickId, "a space inside", true),
        (format!("cid={start}%2B{rest}"), Reason::AlteredClickId, "the character +", true),
        (
            format!("cid={start}%E2%80%8B{rest}"),
            Reason::AlteredClickId,
            "an invisible character (U+200B)",
            true,
        ),
        (format!("cid={start}%22{rest}"), Reason::AlteredClickId, "the character \"", true),
        (
            format!("cid={}", encode(&looks_like_zero(&click))),
            Reason::AlteredClickId,
            "the Cyrillic letter о",
            true,
        ),
        (
            format!("cid={}", click.replacen('0', "o", 1)),
            Reason::AlteredClickId,
            "the letter o, which no click id of ours has",
            true,
        ),
        (
            format!("cid={}", encode(&click.replacen('z', "ｚ", 1))),
            Reason::AlteredClickId,
            "the wide character ｚ",
            true,
        ),
        (format!("cid={start}000000"), Reason::AlteredClickId, "altered on its way", true),
        (
            format!("cid={}", encode(&format!("https://x/?click_id={click}"))),
            Reason::UnknownClickId,
            "a click id of ours with more around it",
            true,
        ),
        (
            format!("cid=ref-{click}-x"),
            Reason::UnknownClickId,
            "a click id of ours with more around it",
            true,
        ),
        (
            format!("cid={click}{click}"),
            Reason::UnknownClickId,
            "a click id of ours with more around it",
            true,
        ),
        (
            format!("cid={}", encode(&format!("https%3A%2F%2Fx%2F%3Fc%3D{upper}"))),
            Reason::UnknownClickId,
            "a click id of ours with more around it",
            true,
        ),
        (
            format!("sub1={click}"),
            Reason::MissingClickId,
            "one of ours stands in the parameter \"sub1\"",
            true,
        ),
        (
            format!("cid=7&sub1={upper}"),
            Reason::UnknownClickId,
            "one of ours stands in the parameter \"sub1\"",
            true,
        ),
        (
            format!("cid=7&sub1=%2522{click}%2522"),
            Reason::UnknownClickId,
            "one of ours stands in the parameter \"sub1\"",
            true,
        ),
        (
            format!("cid=%7Bsubid2%7D&subid1={click}"),
            Reason::UnexpandedMacro,
            "{subid2} was never replaced by a click id; one of ours stands in the parameter \"subid1\"",
            true,
        ),
        ("cid=pre_%7Bclick_id%7D".into(), Reason::UnexpandedMacro, "{click_id} was never replaced", false),
        ("cid=%7Bclick_id%7D%26x".into(), Reason::UnexpandedMacro, "{click_id} was never replaced", false),
        (
            "cid=pre_%257Bclick_id%257D".into(),
            Reason::UnexpandedMacro,
            "{click_id} was never replaced",
            false,
        ),
    ];
    for (query, reason, part, likely) in cases {
        let decision = casino_get(&mut world, &query);
        assert_eq!(
            (decision.reason, decision.field.as_str()),
            (reason, "cid"),
            "{query}: {}",
            decision.message
        );
        assert!(decision.message.contains(part), "{query}: {}", decision.message);
        assert_eq!(decision.likely.is_some(), likely, "{query}: {}", decision.message);
        assert_eq!(decision.click_id, None, "{query}");
        assert!(!decision.advice.is_empty() && !decision.expected.is_empty(), "{query}");
        let came = query.starts_with("cid=");
        assert_eq!(!decision.seen.is_empty(), came, "{query}: {}", decision.seen);
    }
}

#[test]
fn several_ids_in_one_value_are_none() {
    let (mut world, click) = casino();
    let other = world.click("reelmedia-de");
    let decision = casino_get(&mut world, &format!("cid={click},{other}"));
    assert_eq!((decision.reason, decision.likely.is_some()), (Reason::UnknownClickId, true));
    assert_eq!(decision.message, "the value holds several click ids of ours");
}

#[test]
fn what_copying_adds_around_an_id_is_accepted_and_noted() {
    let (mut world, click) = casino();
    for value in [
        click.to_uppercase(),
        format!(" {click} "),
        format!("\"{click}\""),
        format!("«{click}»"),
        format!("\u{feff}{click}\u{200b}"),
        format!("%20{click}"),
        format!("%2522{click}%2522"),
    ] {
        let decision = casino_get(&mut world, &format!("order=A1&cid={}", encode(&value)));
        assert!(matches!(decision.reason, Reason::Ok | Reason::Duplicate), "{value:?}: {}", decision.message);
        let noted = |check: &proofback_domain::postback::Check| {
            check.check == "click_id"
                && (check.verdict == Verdict::Noted) == check.seen.starts_with("accepted")
        };
        let noted = decision.checks.iter().filter(|check| noted(check)).count();
        let trimmed = value.trim() == click;
        assert_eq!(noted, if trimmed { 1 } else { 2 }, "{value:?}");
    }
}

/// Every syntax of the documentation.
const PLACEHOLDERS: [&str; 20] = [
    "{x}",
    "{{x}}",
    "[x]",
    "[[x]]",
    "[[[x]]]",
    "#x#",
    "##X##",
    "${X}",
    "$x$",
    "(x)",
    "%X%",
    "%%X%%",
    "__X__",
    "<x>",
    "!x!",
    "REPLACE",
    "OPTIONAL",
    "%CAMPAIGN%",
    "{{ order.id }}",
    "[ CLICK_ID ]",
];

#[test]
fn a_placeholder_of_any_syntax_is_named_in_any_field() {
    let (mut world, click) = casino();
    let fields = [
        ("cid", Reason::UnexpandedMacro),
        ("order", Reason::UnexpandedMacro),
        ("original_txid", Reason::UnexpandedMacro),
        ("goal", Reason::UnknownEvent),
        ("st", Reason::UnknownStatus),
        ("sum", Reason::BadAmount),
        ("revenue", Reason::BadAmount),
        ("payout", Reason::BadAmount),
        ("currency", Reason::BadCurrency),
        ("timestamp", Reason::BadTimestamp),
        ("key", Reason::BadToken),
    ];
    let whole = [("cid", click.as_str()), ("goal", "registration"), ("key", "t0ken")];
    for (field, reason) in fields {
        for placeholder in PLACEHOLDERS {
            let encoded = encode(placeholder).replace('+', "%20");
            for value in [encode(&encoded), encoded] {
                let others = whole.iter().filter(|(name, _)| *name != field);
                let others: String = others.map(|(name, value)| format!("&{name}={value}")).collect();
                let decision = world.get("casino", &format!("{field}={value}{others}"));
                let at = format!("{field}={value}: {}", decision.message);
                assert_eq!((decision.reason, decision.field.as_str()), (reason, field), "{at}");
                assert!(decision.message.starts_with(&format!("{placeholder} was never replaced")), "{at}");
                assert!(!decision.advice.is_empty() && !decision.expected.is_empty(), "{at}");
            }
        }
    }
}

#[test]
fn a_placeholder_that_begins_like_an_encoded_byte_is_one_when_it_was_not_encoded() {
    let (mut world, _) = casino();
    for value in ["%CAMPAIGN%", "%ad_id%", "%%AFF_SUB%%", "%click!"] {
        let decision = casino_get(&mut world, &format!("cid={value}"));
        assert_eq!(decision.reason, Reason::UnexpandedMacro, "{value}: {}", decision.message);
    }
}

#[test]
fn a_placeholder_where_nothing_depends_on_it_is_noted_a_bounded_number_of_times() {
    let (mut world, click) = casino();
    let many: String = (0..30).map(|number| format!("&p{number}=%7Bx%7D")).collect();
    let decision = casino_get(&mut world, &format!("cid={click}&test=%7Btest%7D&sub1=%257Bsub1%257D{many}"));
    assert_eq!(decision.reason, Reason::Ok);
    let noted = decision.checks.iter().filter(|check| check.check == "placeholder");
    let noted: Vec<&str> = noted.map(|check| check.seen.as_str()).collect();
    assert_eq!(noted.len(), 11, "{noted:?}");
    assert_eq!(noted[0], "test: {test} was never replaced; the postback counts as a real one");
    assert_eq!(noted[1], "sub1: {sub1} was never replaced");
    assert_eq!(noted[10], "22 more parameters hold one");
}

#[test]
fn a_name_much_like_a_missing_one_is_named_and_never_used() {
    let (mut world, click) = casino();
    let missing = casino_get(&mut world, "clickid=7");
    assert_eq!(missing.reason, Reason::MissingClickId);
    assert_eq!(missing.message, "no click id came; the parameter \"clickid\" was probably meant");
    assert_eq!(missing.advice, "Send \"clickid\" under the name \"cid\".");
    let event = world.get("casino", &format!("key=t0ken&cid={click}&gaol=ftd"));
    assert_eq!((event.reason, event.field.as_str()), (Reason::UnknownEvent, "goal"));
    assert!(event.message.ends_with("the parameter \"gaol\" was probably meant"), "{}", event.message);
    let token = world.get("casino", &format!("token=t0ken&cid={click}&goal=ftd"));
    assert!(token.message.ends_with("the parameter \"token\" was probably meant"), "{}", token.message);

    let click = world.click("reelmedia-shop");
    let held =
        world.get("shop", &format!("click_id={click}&transaction=S1&event=sale&ammount=5&currency=EUR"));
    assert_eq!((held.reason, held.field.as_str()), (Reason::AmountMissing, "amount"));
    assert!(held.message.ends_with("the parameter \"ammount\" was probably meant"), "{}", held.message);
    let notes: Vec<&str> = held.checks.iter().map(|check| check.seen.as_str()).collect();
    assert!(notes.contains(&"\"transaction\" is not read; \"txid\" was probably meant"), "{notes:?}");
    assert_eq!(world.conversions.values().next().unwrap().txid, None);
}

#[test]
fn a_field_is_called_what_the_sender_calls_it() {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-shop");
    for (query, field) in [
        (format!("click_id={click}&goal=nothing"), "goal"),
        (format!("click_id={click}&event=nothing"), "event"),
        (format!("click_id={click}&event=sale&sale_amount=x"), "sale_amount"),
        (format!("click_id={click}&event=sale&event=lead"), "event"),
    ] {
        assert_eq!(world.get("shop", &query).field, field, "{query}");
    }
    let request = world.request(None, "cid=7");
    assert_eq!(world.receive(&request).field, "cid", "another advertiser's name for it");
}

#[test]
fn every_mistake_shows_what_was_seen_and_what_was_expected() {
    let (mut world, click) = casino();
    for (query, field, seen, expected) in [
        ("sum=1,50", "sum", "1,50", "a plain decimal such as 120 or 119.95"),
        ("sum=%E2%82%AC120", "sum", "€120", "a plain decimal such as 120 or 119.95"),
        ("st=maybe", "st", "maybe", "one of: 1, 2, pending, approved, rejected, reversed"),
        ("currency=EURO", "currency", "EURO", "a currency code such as EUR or USD"),
        (
            "timestamp=yesterday",
            "timestamp",
            "yesterday",
            "Unix seconds or milliseconds, or a time such as 2026-11-21T07:00:00Z",
        ),
    ] {
        let decision = casino_get(&mut world, &format!("cid={click}&{query}"));
        assert_eq!(decision.outcome, Outcome::Rejected, "{query}");
        assert_eq!((decision.field.as_str(), decision.seen.as_str()), (field, seen), "{query}");
        assert_eq!(decision.expected, expected, "{query}");
        assert!(!decision.advice.is_empty());
    }
    let event = world.get("casino", &format!("key=t0ken&cid={click}&goal=signup"));
    assert_eq!((event.field.as_str(), event.seen.as_str()), ("goal", "signup"));
    assert_eq!(event.expected, "one of: dep, registration, ftd, deposit, refund, chargeback");
    let twice = world.get("casino", &format!("key=t0ken&cid={click}&sum=1&sum=2"));
    assert_eq!((twice.field.as_str(), twice.reason), ("sum", Reason::MalformedRequest));
    assert_eq!(twice.message, "the parameter \"sum\" stands twice with different values");
    let counted = casino_get(&mut world, &format!("cid={click}"));
    assert_eq!(
        (counted.seen, counted.expected, counted.advice),
        (String::new(), String::new(), String::new())
    );
}

#[test]
fn no_answer_shows_a_person_or_a_secret() {
    let (mut world, click) = casino();
    for query in [
        "cid=ann%40example.com".to_owned(),
        "cid=ann%2540example.com".to_owned(),
        "cid=%2B491701234567".to_owned(),
        "cid=t0ken".to_owned(),
        "cid=https%3A%2F%2Fx%2F%3Ftoken%3Dt0ken".to_owned(),
        format!("cid={click}&sum=ann%40example.com"),
        format!("cid={click}&sum=%2B49%20170%201234567"),
        format!("cid={click}&st=t0ken"),
        format!("cid={click}&st=my-t0ken-"),
        format!("cid={click}&currency=t0ken"),
        format!("cid={click}&order=ann%40example.com&original_txid=ann%40example.com&goal=refund"),
        format!("ann%40example.com={click}"),
        "t0ken=1&t0ken=2".to_owned(),
    ] {
        let decision = casino_get(&mut world, &query);
        let request = world.request(Some("casino"), &query);
        let reading = read(&request, &world.snapshot, None);
        assert!(reading.fields.values().all(|value| value != "t0ken"), "{query}");
        let told = format!("{} {:?}", told(&decision), decision.checks);
        for secret in ["t0ken", "ann", "1701234567", "170 1234567"] {
            assert!(!told.contains(secret), "{query}: {told}");
        }
    }
    for wrong in ["wr0ngwr0ngwr", "%7Bs3cretlike99%7D", "__n0t_a_macro_but_a_long_secret__"] {
        let decision = world.get("casino", &format!("key={wrong}&cid={click}&goal=ftd"));
        assert_eq!((decision.reason, decision.field.as_str()), (Reason::BadToken, "key"));
        assert!(decision.seen.starts_with("a token of "), "{}", decision.seen);
        assert!(!told(&decision).contains(&wrong[3..10]), "{}", told(&decision));
    }
}

#[test]
fn nothing_shown_is_long() {
    let (mut world, click) = casino();
    let long = "x".repeat(5_000);
    for query in [
        format!("cid={long}"),
        format!("cid={click}&sum={long}"),
        format!("cid={click}&goal={long}").replace("goal=registration&", ""),
        format!("cid={click}&st={long}"),
        format!("cid={click}&{long}=1&{long}=2"),
        format!("cid={click}&order={long}"),
    ] {
        let decision = casino_get(&mut world, &query);
        assert_eq!(decision.outcome, Outcome::Rejected);
        assert!(told(&decision).len() < 600, "{}", told(&decision));
    }
}

#[test]
fn a_copy_out_of_a_web_page_says_what_was_read_as_what() {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-shop");
    for (damaged, note) in [
        ("¤cy=EUR", "¤cy in the query was read as &currency"),
        ("%C2%A4cy=EUR", "¤cy in the query was read as &currency"),
        ("¶m1=x", "¶m in the query was read as &param"),
        ("×tamp=1795244760", "×tamp in the query was read as &timestamp"),
        ("%C2%AEion=de", "®ion in the query was read as &region"),
        ("©=1", "© in the query was read as &copy"),
        ("§ion=1", "§ in the query was read as &sect"),
        ("%C2%ACe=1", "¬ in the query was read as &not"),
        ("&amp;x=1", "&amp; in the query was read as &"),
    ] {
        let decision = world.get("shop", &format!("click_id={click}&event=lead{damaged}"));
        assert_eq!(
            decision.outcome,
            if decision.reason == Reason::Ok { Outcome::Accepted } else { Outcome::Duplicate }
        );
        let notes: Vec<&str> = decision.checks.iter().map(|check| check.seen.as_str()).collect();
        assert!(notes.contains(&note), "{damaged}: {notes:?}");
    }
}

/// Damages a text at random places: cut, exchanged, doubled, wrapped, spilled over, in another case.
fn damage(click: &str, steps: &[(u8, usize, char)]) -> String {
    let mut text: Vec<char> = click.chars().collect();
    for (kind, place, character) in steps {
        let place = place % (text.len() + 1);
        match kind {
            0 => text.truncate(place),
            1 if place < text.len() => text[place] = *character,
            2 => text.insert(place, *character),
            3 if place < text.len() => drop(text.remove(place)),
            4 => text = text.iter().flat_map(|one| one.to_uppercase()).collect(),
            _ => text.extend(['-', *character]),
        }
    }
    text.into_iter().collect()
}

proptest! {
    #[test]
    fn no_sender_learns_a_character_of_the_click_that_he_did_not_send(
        steps in proptest::collection::vec((0u8..6, 0usize..40, proptest::char::any()), 0..4),
        cut in 0usize..27,
        spills in any::<bool>(),
    ) {
        let (mut world, click) = casino();
        let damaged = damage(&click, &steps);
        let mut query = format!("order=A1&cid={}", encode(&damaged));
        let mut sent = damaged.clone();
        if spills {
            query.push_str(&format!("&sub2={}", &click[cut..]));
            sent.push('\n');
            sent.push_str(&click[cut..]);
        }
        let decision = casino_get(&mut world, &query);
        if decision.outcome != Outcome::Rejected {
            // Nothing that matters was damaged: the whole id was sent.
            return Ok(());
        }
        // A request can be malformed around a whole id.
        prop_assert!(decision.click_id.is_none() || sent.to_lowercase().contains(&click));
        let (sent, told) = (sent.to_lowercase(), told(&decision).to_lowercase());
        for start in 0..=click.len() - 8 {
            let run = &click[start..start + 8];
            prop_assert!(!told.contains(run) || sent.contains(run), "{} in {}", run, told);
        }
    }
}

#[test]
fn invisible_characters_around_a_txid_do_not_make_it_another_one() {
    let (mut world, click) = casino();
    let send = |world: &mut Installation, txid: &str| {
        world.get("casino", &format!("cid={click}&goal=dep&st=1&sum=50&key=t0ken&order={}", encode(txid)))
    };
    assert_eq!(send(&mut world, "A1").reason, Reason::Ok);
    for txid in ["\u{200b}A1", "A1\u{feff}", " \u{2060} A1\u{a0}\u{200b}", "\u{202a}A1\u{202c}"] {
        let again = send(&mut world, txid);
        assert_eq!(again.reason, Reason::Duplicate, "{txid:?}");
        let noted = again.checks.iter().find(|check| check.seen.contains("invisible"));
        assert!(noted.is_some_and(|check| check.seen.contains("\"order\"")), "{:?}", again.checks);
    }
    let email = send(&mut world, "ann@example.com");
    let same = send(&mut world, "\u{200b}ann@example.com");
    assert_eq!((email.reason, same.reason), (Reason::Ok, Reason::Duplicate));
    assert_eq!(send(&mut world, "A\u{200b}1").reason, Reason::Ok, "inside it is part of the id");
}

#[test]
fn an_amount_with_a_digit_missing_is_said_to_miss_one() {
    let (mut world, click) = casino();
    for amount in [".5", "120."] {
        let decision = world.get("casino", &format!("cid={click}&goal=dep&order=P1&key=t0ken&sum={amount}"));
        assert_eq!(decision.reason, Reason::BadAmount);
        assert!(decision.message.ends_with(": a digit is missing beside the point"), "{}", decision.message);
    }
}

#[test]
fn a_second_look_says_the_same_of_a_mistake_as_the_first() {
    use proofback_domain::decide::{Known, decide};
    use proofback_domain::id::Id;
    use proofback_domain::postback::{Reading, Stored, read};
    let (world, click) = casino();
    let (start, rest) = parts(&click);
    for query in [
        format!("subid1={click}"),
        format!("cid=foo&subid1={click}"),
        format!("cid={{subid2}}&subid1={click}"),
        format!("cid={start}&sub1={rest}"),
        format!("cid={start}&sub1={click}"),
        format!("click_id={click}"),
        "cid=foo&clickid=bar".into(),
        "clickid=bar".into(),
    ] {
        let request = world.request(Some("casino"), &format!("key=t0ken&goal=registration&{query}"));
        let first = read(&request, &world.snapshot, None);
        let stored = Stored {
            at: first.at,
            advertiser: first.advertiser.clone().unwrap(),
            channel: first.channel,
            fields: first.fields.clone(),
            params: first.stored.clone(),
        };
        let again = Reading::again(stored, &world.snapshot);
        let told = |reading: &Reading| {
            let id = Id::new(world.now, 1);
            told(&decide(reading, &Known::default(), &world.snapshot, id, world.now))
        };
        assert_eq!(told(&first), told(&again), "{query}");
    }
}
