//! What the linter finds and the translator makes of templates of other platforms.

use super::*;

fn translated(source: &str) -> String {
    let translation = translate(source);
    assert!(translation.unknown.is_empty(), "{source}: {:?}", translation.unknown);
    assert!(Template::parse_url(&translation.template).is_ok(), "{}", translation.template);
    translation.template
}

#[test]
fn templates_of_other_platforms_become_ours() {
    for (theirs, ours) in [
        // Voluum, BeMob, ClickFlare, FunnelFlux, RedTrack, Binom, Keitaro
        (
            "https://t.example/postback?cid={clickid}&payout={payout}&txid={transaction_id}&et={event}",
            "https://t.example/postback?cid={partner_click_id}&payout={payout}&txid={conversion_id}&et={event}",
        ),
        (
            "http://t.example/postback?cid=REPLACE&payout=OPTIONAL&txid=OPTIONAL&status=OPTIONAL",
            "http://t.example/postback?cid={partner_click_id}&payout={payout}&txid={conversion_id}&status={status}",
        ),
        (
            "https://t.example/pb/?hit=REPLACE&tx=REPLACE&rev=REPLACE",
            "https://t.example/pb/?hit={partner_click_id}&tx={conversion_id}&rev={payout}",
        ),
        (
            "https://t.example/postback?clickid={ref_id:x}&sum={sum}&type={goal}",
            "https://t.example/postback?clickid={ref_id:x}&sum={payout}&type={event}",
        ),
        (
            "https://t.example/click.php?cnv_id={clickid}&payout={payout}&cnv_status={status}&event1={_sub_id_1}",
            "https://t.example/click.php?cnv_id={partner_click_id}&payout={payout}&cnv_status={status}&event1={sub1}",
        ),
        (
            "https://t.example/KeY1/postback?subid={subid}&status={status:lead=0 sale=1 rebill=3}&payout={_revenue}&tid={tid}&d={date:Y-m-d,Europe/Kyiv}",
            "https://t.example/KeY1/postback?subid={partner_click_id}&status={status|map:pending=0,approved=1}&payout={payout}&tid={conversion_id}&d={timestamp|format:%Y-%m-%d@Europe/Kyiv}",
        ),
        // TUNE and Everflow call the click a transaction.
        (
            "http://n.example/aff_lsr?offer_id=26&transaction_id=TRANSACTION_ID",
            "http://n.example/aff_lsr?offer_id=26&transaction_id={partner_click_id}",
        ),
        (
            "https://e.example/?nid=1&transaction_id={transaction_id}&amount={amount}",
            "https://e.example/?nid=1&transaction_id={partner_click_id}&amount={payout}",
        ),
        // CAKE, Admitad, MyLead, Adsterra
        (
            "https://c.example/p.ashx?o=1&e=2&r=#s2#&p=#price#",
            "https://c.example/p.ashx?o=1&e=2&r={partner_click_id}&p={payout}",
        ),
        (
            "https://t.example/postback?cid=[[[subid]]]&sum=[[[payment_sum]]]&cur=[[[currency]]]&order=[[[order_id]]]",
            "https://t.example/postback?cid={partner_click_id}&sum={payout}&cur={currency}&order={txid}",
        ),
        (
            "https://t.example/postback?cid=[ml_sub1]&payout=[payout_decimal]&txid=[transaction_id]",
            "https://t.example/postback?cid={partner_click_id}&payout={payout}&txid={conversion_id}",
        ),
        (
            "https://t.example/?cid=##S2S##&p=##PAYOUT##",
            "https://t.example/?cid={partner_click_id}&p={payout}",
        ),
        ("https://t.example/?c=##SUB_ID_SHORT(action)##", "https://t.example/?c={partner_click_id}"),
        // Traffic sources
        (
            "https://s.example/conversion.php?aid=1&tid=2&visitor_id=${SUBID}&payout={payout}",
            "https://s.example/conversion.php?aid=1&tid=2&visitor_id={partner_click_id}&payout={payout}",
        ),
        (
            "https://s.example/?callback=__CALLBACK_PARAM__&nb_value=OPTIONAL",
            "https://s.example/?callback={partner_click_id}&nb_value={payout}",
        ),
        (
            "https://s.example/s2s-action?click-id={click_id}&name={goal}&revenue={revenue}&currency={currency}",
            "https://s.example/s2s-action?click-id={partner_click_id}&name={event}&revenue={payout}&currency={currency}",
        ),
        (
            "https://s.example/?ob_click_id={{ob_click_id}}&v={{ amount }}",
            "https://s.example/?ob_click_id={partner_click_id}&v={payout}",
        ),
        (
            "https://s.example/postback?c=CLICK_ID&r=REVENUE",
            "https://s.example/postback?c={partner_click_id}&r={payout}",
        ),
        (
            "https://s.example/?cid=%7Bclickid%7D&ip=%7bip%7d",
            "https://s.example/?cid={partner_click_id}&ip={ip}",
        ),
        (
            "https://s.example/p/{SubId1}/{ClickID:none|lower}",
            "https://s.example/p/{sub1}/{partner_click_id:none|lower}",
        ),
        (
            "https://s.example/?cid={aff_sub}&a={aff_sub2}&m={sub1_md5}",
            "https://s.example/?cid={partner_click_id}&a={sub2}&m={sub1|md5}",
        ),
        (
            "https://s.example/?cid={clickid}&u={payout_usd:0|round}",
            "https://s.example/?cid={partner_click_id}&u={payout:0|currency:USD|round}",
        ),
        (
            "https://s.example/?g={geo}&i={ip}&u={ua}&o={os}&d={device_type}&r={random:1,9}",
            "https://s.example/?g={country}&i={ip}&u={user_agent}&o={os}&d={device}&r={random}",
        ),
        (
            "https://s.example/?cid={clickid}?payout=1¤cy={currency}",
            "https://s.example/?cid={partner_click_id}&payout=1&currency={currency}",
        ),
        (
            "https://s.example/?cid=pre_{{clickid}}_{clickid}_${SUBID}",
            "https://s.example/?cid=pre_{partner_click_id}_{partner_click_id}_{partner_click_id}",
        ),
    ] {
        if theirs.contains("{ref_id") {
            assert_eq!(translate(theirs).unknown, ["{ref_id:x}: {ref_id} is no macro"]);
            assert_eq!(translate(theirs).template, ours);
        } else {
            assert_eq!(translated(theirs), ours);
        }
    }
}

#[test]
fn what_is_ours_stays_as_it_is() {
    for source in [
        "https://t.example/?cid={partner_click_id}&our={click_id}&payout={payout}&r={revenue}",
        "https://t.example/?cid={partner_click_id}&k={secret.key}&s={status|map:approved=1}&t={timestamp|format:iso}",
        "https://t.example/{sub1:none|lower}/x?p={payout|currency:USD}&currency=USD&event=FIRST_DEPOSIT",
        // What a traffic source is told.
        "https://t.example/?visitor_id={partner_click_id}&payout={revenue:0}",
        "https://t.example/",
    ] {
        assert_eq!(
            translate(source),
            Translation { template: source.into(), changes: vec![], unknown: vec![] }
        );
        assert_eq!(lint(source), vec![], "{source}");
    }
}

#[test]
fn what_cannot_be_translated_is_told_and_left() {
    for (source, told) in [
        (
            "https://t.example/?p={amount50%}",
            "{amount50%}: a share of the amount cannot be sent; what a partner earns is set in his terms",
        ),
        (
            "https://t.example/?p={amount0.5}",
            "{amount0.5}: a share of the amount cannot be sent; what a partner earns is set in his terms",
        ),
        ("https://t.example/?s={sample:a,b}", "{sample:a,b}: a value drawn from a list has no macro"),
        ("https://t.example/?d={date:Y z}", "{date:Y z}: the z of its date has no equal here"),
        (
            "https://t.example/?o={{order_sum}}",
            "{{order_sum}}: the value of the order is not told to partners; {payout} is what the partner earns",
        ),
        ("https://t.example/?o=REPLACE", "REPLACE: what belongs into this parameter is not known"),
        ("https://t.example/?i=(sha1-idfa)", "(sha1-idfa): no macro of ours says this"),
        (
            "https://t.example/?i={sub1|shout}",
            "{sub1|shout}: |shout is no modifier, there are lower, upper, cut, sha256, md5, map, currency, cents, round, format",
        ),
        ("https://{sub1}/", "a macro may not stand before the path: it could choose the host that is called"),
        ("nothing", "not an address: it must begin with https:// or http://"),
    ] {
        let translation = translate(source);
        assert_eq!(translation.unknown, [told], "{source}");
        assert_eq!(translation.template, source);
    }
}

#[test]
fn changes_say_why() {
    let why =
        |source: &str| translate(source).changes.into_iter().map(|change| change.why).collect::<Vec<_>>();
    assert_eq!(
        why("https://t.example/?transaction_id=[transaction_id]"),
        ["by the parameter transaction_id, the receiver's own id of the click"]
    );
    assert_eq!(
        why("https://t.example/?x={transaction_id}"),
        ["because nothing else here names the click, the receiver's own id of the click"]
    );
    assert_eq!(
        why("https://t.example/?cid={clickid}&x={transaction_id}"),
        [
            "the receiver's own id of the click",
            "our id of the conversion, which is never empty and stays the same"
        ]
    );
    assert_eq!(
        why("https://t.example/?rev=REPLACE"),
        ["by the parameter rev, what the partner earns; for a traffic source, write {revenue}"]
    );
    assert_eq!(
        why("https://t.example/?s={status:sale=1 rebill=2}"),
        ["Keitaro's way to map statuses; rebill is no status here"]
    );
}

#[test]
fn the_linter_finds_what_would_go_wrong() {
    use FindingKind::{
        Damage, Foreign, Host, OtherMeaning, Placeholder, QuestionMark, Repeated, UnknownMacro, Unreadable,
    };
    let click = Some("{partner_click_id}");
    for (source, kind, seen, instead) in [
        ("https://t.example/?c=${SUBID}", Foreign, "${SUBID}", click),
        ("https://t.example/(idfa)", Foreign, "(idfa)", None),
        ("https://t.example/?c=REPLACE", Foreign, "REPLACE", click),
        ("https://t.example/?c=%7B%7Bclickid%7D%7D", Foreign, "%7B%7Bclickid%7D%7D", click),
        ("https://t.example/?c={clickid}", UnknownMacro, "{clickid}", click),
        ("https://t.example/?c={nonsense}", UnknownMacro, "{nonsense}", None),
        ("https://t.example/?c={sub1|x}", UnknownMacro, "{sub1|x}", None),
        ("https://t.example/?c={click_id}", OtherMeaning, "{click_id}", click),
        ("https://t.example/?p={revenue:0}", OtherMeaning, "{revenue:0}", Some("{payout:0}")),
        ("https://t.example/?p=1¤cy=EUR", Damage, "¤cy", Some("&currency")),
        ("https://t.example/?aid=AID", Placeholder, "AID", None),
        ("https://t.example/?k=YOUR_KEY", Placeholder, "YOUR_KEY", None),
        ("https://t.example/p/POSTBACK_ID?c=1", Placeholder, "POSTBACK_ID", None),
        ("https://t.example/?goal=GOAL", Placeholder, "GOAL", None),
        ("https://t.example/?c=CLICK_ID", Placeholder, "CLICK_ID", click),
        ("https://t.example/?a=1?b=2", QuestionMark, "?b", Some("&b")),
        ("https://t.example/?a=1&a=2&a=3", Repeated, "a", None),
        ("https://{sub1}.example/", Host, "{sub1}.example", None),
        ("https://DOMAIN/", Host, "DOMAIN", None),
        ("https://NETWORK.t.example/", Host, "NETWORK.t.example", None),
        ("ftp://t.example/", Unreadable, "", None),
        ("https://t.example/?c={sub1", Unreadable, "", None),
    ] {
        let findings = lint(source);
        let told: Vec<_> = findings
            .iter()
            .map(|found| (found.kind, found.seen.as_str(), found.instead.as_deref()))
            .collect();
        assert_eq!(told, [(kind, seen, instead)], "{source}");
        assert!(findings[0].what.ends_with('.'), "{:?}", findings[0]);
    }
    for source in [
        "https://t.example/?currency=EUR&country=DE&event=FIRST_DEPOSIT&status=APPROVED&x=A1&ids[]=1&ids[]=2",
        "https://T.EXAMPLE/V2/API?what=what?",
        "https://t.example/?to=https://u.example/?a=1",
        "https://t.example/?t=%28new%29",
    ] {
        assert_eq!(lint(source), vec![], "{source}");
    }
}

/// Text that is rich in what templates are made of.
fn template_like() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "clickid",
            "click_id",
            "REPLACE",
            "tid",
            "transaction_id",
            "payout",
            "revenue",
            "sub1",
            "s2",
            "status",
            "date",
            "AID",
            "CLICK_ID",
            "amount50%",
            "nonsense",
            "random",
            "partner_click_id",
            "_x",
            "payout_usd",
            "_revenue",
            "%7B_click_id%7D",
        ]),
        proptest::sample::select(vec![
            "{", "}", "{{", "}}", "${", "[", "]", "##", "#", "%", "%7B", "%7D", "__", "(", ")"
        ]),
        proptest::sample::select(vec![
            "&a=",
            "&cid=",
            "&r=",
            "?",
            "/",
            "|lower",
            ":x",
            ":lead=0 sale=1",
            ":Y-m-d,UTC",
            "¤cy="
        ]),
    ];
    let marked = (proptest::sample::select(vec!["{}", "{{}}", "[]", "##", "(", "%%"]), word.clone());
    let piece = prop_oneof![
        word.prop_map(str::to_owned),
        marked.prop_map(|(marks, word)| {
            let (open, close) = marks.split_at(marks.len().div_ceil(2));
            format!("{open}{word}{close}")
        }),
    ];
    let start = proptest::sample::select(vec![
        "https://a.example/?cid=",
        "https://a.example/",
        "http://a.example?",
        "",
    ]);
    (start, proptest::collection::vec(piece, 0..8))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

proptest! {
    #[test]
    fn a_translation_is_read_or_says_what_is_unknown(source in prop_oneof![template_like(), ".{0,60}".boxed()]) {
        let translation = translate(&source);
        let read = Template::parse_url(&translation.template);
        prop_assert!(read.is_ok() || !translation.unknown.is_empty(), "{} {:?}", translation.template, read);
        prop_assert!(translation.unknown.iter().all(|sentence| !sentence.is_empty()));
    }

    #[test]
    fn a_translation_has_nothing_left_to_translate(source in template_like()) {
        let translation = translate(&source);
        if translation.unknown.is_empty() {
            let again = translate(&translation.template);
            prop_assert_eq!(&again.template, &translation.template, "from {}", source);
            prop_assert_eq!(again.changes, vec![]);
        }
    }

    #[test]
    fn what_the_linter_passes_is_read(source in template_like()) {
        if lint(&source).is_empty() {
            prop_assert!(Template::parse_url(&source).is_ok(), "{}", source);
            prop_assert_eq!(translate(&source).template, source);
        }
    }
}
