//! How a line finds its conversion: by txid, by click id, by amount and time, and never by a guess.

use proofback_domain::time::Span;

use crate::*;

#[test]
fn a_txid_is_compared_exactly_but_for_spaces_around_it() {
    let known = [ours(1), ours(2)];
    let by = |txid: &str| found(Theirs { txid: Some(txid.into()), ..bare(1) }, &known);
    assert_eq!(by(" T2\t"), (Group::Matched, Some(By::Txid), Some(conversion_id(2))));
    for other in ["t2", "T", "T22", "", "  "] {
        assert_eq!(by(other), (Group::MissingHere, None, None), "{other}");
    }
}

#[test]
fn of_several_conversions_under_one_txid_the_named_event_tells() {
    let sale = Ours { txid: Some("T1".into()), event: name("sale"), click_id: click(1), ..ours(2) };
    let known = [ours(1), sale];
    let of = |event: Option<&str>| {
        found(Theirs { txid: Some("T1".into()), event: event.map(str::to_owned), ..bare(1) }, &known)
    };
    assert_eq!(of(Some("sale")), (Group::Matched, Some(By::Txid), Some(conversion_id(2))));
    assert_eq!(of(Some("ftd")), (Group::Matched, Some(By::Txid), Some(conversion_id(1))));
    assert_eq!(of(Some("lead")), (Group::MissingHere, None, None));
    assert_eq!(of(None), (Group::Ambiguous, None, None));
}

#[test]
fn a_txid_without_an_event_means_what_is_about_money_if_anything_is() {
    let lead = |number, txid: &str| Ours {
        txid: Some(txid.into()),
        event: name("lead"),
        amount: Some(money("0 EUR")),
        ..ours(number)
    };
    let by_txid = Theirs { txid: Some("T1".into()), ..bare(1) };
    let one = (Group::Matched, Some(By::Txid), Some(conversion_id(1)));
    assert_eq!(found(by_txid.clone(), &[ours(1), lead(2, "T1")]), one);
    assert_eq!(found(by_txid.clone(), &[lead(1, "T1")]), one, "the only one there is");
    let revenue = Ours { amount: None, revenue: Some(money("9 EUR")), ..lead(1, "T1") };
    assert_eq!(found(by_txid.clone(), &[revenue, lead(2, "T1")]), one, "revenue is money");
    let other = Ours { event: name("quote"), ..lead(2, "T1") };
    assert_eq!(found(by_txid, &[lead(1, "T1"), other]).0, Group::Ambiguous);
}

#[test]
fn a_click_tells_conversions_of_one_txid_and_event_apart() {
    let known = [ours(1), Ours { txid: Some("T1".into()), ..ours(2) }];
    let by_txid = Theirs { txid: Some("T1".into()), event: Some("ftd".into()), ..bare(1) };
    let of_click = Theirs { click: Some(click(2)), ..by_txid.clone() };
    assert_eq!(found(of_click, &known), (Group::Matched, Some(By::Txid), Some(conversion_id(2))));
    let reconciliation = run(&[by_txid], &known);
    assert_eq!(groups(&reconciliation), [Group::Ambiguous; 3], "the line, and both that it could mean");
    for row in &reconciliation.lines {
        assert_eq!(asked(&row.action).0, Whom::Operator);
    }
}

#[test]
fn a_conversion_outside_the_period_is_found_by_txid_and_by_click_id_alone() {
    let outside = Ours { in_period: false, ..ours(1) };
    let one = Some(conversion_id(1));
    let by_txid = Theirs { txid: Some("T1".into()), ..bare(1) };
    assert_eq!(found(by_txid, std::slice::from_ref(&outside)), (Group::Matched, Some(By::Txid), one));
    let by_click = Theirs { click: Some(click(1)), ..bare(1) };
    assert_eq!(found(by_click, std::slice::from_ref(&outside)), (Group::Matched, Some(By::ClickId), one));
    let by_amount = Theirs { amount: outside.amount, at: Some(outside.at), ..bare(1) };
    assert_eq!(found(by_amount, std::slice::from_ref(&outside)), (Group::MissingHere, None, None));
}

#[test]
fn a_click_id_means_the_conversion_of_the_named_event_else_the_only_one_about_money() {
    let lead = Ours { event: name("lead"), amount: None, click_id: click(1), ..ours(2) };
    let rebill = Ours { event: name("rebill"), click_id: click(1), ..ours(3) };
    let of = |event: Option<&str>, known: &[Ours]| {
        found(Theirs { click: Some(click(1)), event: event.map(str::to_owned), ..bare(1) }, known)
    };
    let matched = |number| (Group::Matched, Some(By::ClickId), Some(conversion_id(number)));
    assert_eq!(of(Some("lead"), &[ours(1), lead.clone()]), matched(2));
    assert_eq!(of(None, &[ours(1), lead.clone()]), matched(1));
    assert_eq!(of(Some("rebill"), &[ours(1), lead.clone()]).0, Group::MissingHere);
    assert_eq!(of(None, &[lead]).0, Group::MissingHere, "nothing about money");
    assert_eq!(of(None, &[ours(1), rebill]).0, Group::Ambiguous);
}

#[test]
fn a_click_id_means_what_its_txid_has_left() {
    let known = [ours(1), Ours { txid: None, event: name("rebill"), click_id: click(1), ..ours(2) }];
    let theirs = [line(1, &known[0]), Theirs { click: Some(click(1)), ..bare(2) }];
    let reconciliation = run(&theirs, &known);
    assert_eq!(groups(&reconciliation), [Group::Matched, Group::Matched]);
    assert_eq!(reconciliation.lines[1].ours.as_ref().unwrap().id, conversion_id(2));
}

#[test]
fn conversions_of_one_click_and_event_are_told_apart_by_amount_then_by_time() {
    let rebill = |number, amount: &str, after| Ours {
        txid: None,
        click_id: click(1),
        event: name("rebill"),
        amount: Some(money(amount)),
        at: time(after),
        ..ours(number)
    };
    let known = [
        rebill(1, "10 EUR", 0),
        rebill(2, "10 EUR", 30 * DAY),
        rebill(3, "20 EUR", 0),
        rebill(4, "30 EUR", 0),
    ];
    let said = |number, amount: &str, at: Option<i64>| Theirs {
        click: Some(click(1)),
        event: Some("rebill".into()),
        amount: Some(money(amount)),
        at: at.map(time),
        ..bare(number)
    };
    let theirs = [
        said(1, "10 EUR", Some(30 * DAY + HOUR)),
        said(2, "10 EUR", Some(HOUR)),
        said(3, "20 EUR", None),
        said(4, "35 EUR", None),
    ];
    let reconciliation = run(&theirs, &known);
    let places: Vec<_> = reconciliation.lines.iter().map(|row| row.ours.as_ref().unwrap().id).collect();
    assert_eq!(places, [2, 1, 3, 4].map(conversion_id));
    assert_eq!(groups(&reconciliation)[3], Group::DifferentAmount, "the only one left on both sides");
}

#[test]
fn two_txids_that_differ_are_two_events_even_of_one_click() {
    // The rebill of this month was lost on its way; that of the last one must not stand in for it.
    let earlier = Ours {
        txid: Some("R1".into()),
        click_id: click(1),
        event: name("rebill"),
        in_period: false,
        ..ours(2)
    };
    let lost = Theirs { txid: Some("R2".into()), ..line(2, &earlier) };
    assert_eq!(
        groups(&run(&[line(1, &ours(1)), lost.clone()], &[ours(1), earlier.clone()])),
        [Group::Matched, Group::MissingHere]
    );
    assert_eq!(
        groups(&run(std::slice::from_ref(&lost), std::slice::from_ref(&earlier))),
        [Group::MissingHere]
    );
    let of_period = Ours { in_period: true, ..earlier };
    let both = run(&[line(1, &ours(1)), lost], &[ours(1), of_period]);
    assert_eq!(groups(&both), [Group::Matched, Group::MissingHere, Group::MissingThere]);
}

#[test]
fn txids_of_another_kind_do_not_keep_click_ids_from_matching() {
    let known = [ours(1), ours(2)];
    let theirs: Vec<Theirs> = [1usize, 2]
        .map(|number| Theirs { txid: Some(format!("row-{number}")), ..line(number, &known[number - 1]) })
        .to_vec();
    let reconciliation = run(&theirs, &known);
    assert!(reconciliation.lines.iter().all(|row| row.by == Some(By::ClickId)));
    let different = Theirs { amount: Some(money("90 EUR")), ..theirs[0].clone() };
    let row = only(different, known[0].clone());
    assert_eq!(
        fields(&row.action),
        [("amount", "90"), ("currency", "EUR"), ("event_type", "ftd"), ("txid", "T1")],
        "theirs would make a second conversion"
    );
}

#[test]
fn amount_and_time_match_only_what_fits_alone_on_both_sides() {
    let at = |number, after| Ours { at: time(after), ..ours(number) };
    let said =
        |number, after| Theirs { amount: Some(money("100 EUR")), at: Some(time(after)), ..bare(number) };
    let near = 48 * HOUR;
    for (theirs, known, expected) in [
        (vec![said(1, near)], vec![at(1, 0)], vec![Group::Matched]),
        (vec![said(1, 0)], vec![at(1, near)], vec![Group::Matched]),
        (vec![said(1, near + 1)], vec![at(1, 0)], vec![Group::MissingHere, Group::MissingThere]),
        (vec![said(1, 0)], vec![at(1, 0), at(2, HOUR)], vec![Group::Ambiguous; 3]),
        (vec![said(1, 0), said(2, 0)], vec![at(1, 0)], vec![Group::Ambiguous; 3]),
        (vec![said(1, 0), said(2, 9 * DAY)], vec![at(1, HOUR), at(2, 9 * DAY)], vec![Group::Matched; 2]),
        // The second line reaches both, the first only one: still a guess.
        (vec![said(1, 0), said(2, near)], vec![at(1, 0), at(2, 2 * near)], vec![Group::Ambiguous; 4]),
    ] {
        assert_eq!(groups(&run(&theirs, &known)), expected, "{theirs:?}");
    }
    let narrow = Options { near: Span::from_millis(0) };
    assert_eq!(reconcile(vec![said(1, 1)], vec![at(1, 0)], &narrow).lines[0].group, Group::MissingHere);
}

#[test]
fn amount_and_time_respect_currency_event_click_and_txid() {
    let said = Theirs { amount: Some(money("100 EUR")), at: Some(ours(1).at), ..bare(1) };
    let group = |theirs: Theirs| found(theirs, &[ours(1)]).0;
    assert_eq!(group(said.clone()), Group::Matched);
    assert_eq!(group(Theirs { event: Some("ftd".into()), ..said.clone() }), Group::Matched);
    assert_eq!(group(Theirs { click_id: Some("damaged".into()), ..said.clone() }), Group::Matched);
    assert_eq!(group(Theirs { event: Some("sale".into()), ..said.clone() }), Group::MissingHere);
    assert_eq!(group(Theirs { amount: Some(money("100 USD")), ..said.clone() }), Group::MissingHere);
    assert_eq!(group(Theirs { amount: Some(money("101 EUR")), ..said.clone() }), Group::MissingHere);
    assert_eq!(group(Theirs { click: Some(click(9)), ..said.clone() }), Group::MissingHere);
    assert_eq!(group(Theirs { at: None, ..said.clone() }), Group::MissingHere);
    // By revenue where no amount is named; nothing is told by zero.
    let paid = Ours { revenue: Some(money("7 EUR")), ..ours(1) };
    let by_revenue = Theirs { amount: None, revenue: Some(money("7 EUR")), ..said.clone() };
    assert_eq!(found(by_revenue.clone(), &[paid]).1, Some(By::AmountAndTime));
    assert_eq!(group(by_revenue), Group::MissingHere);
    let unpaid = Theirs { amount: Some(money("0 EUR")), revenue: Some(money("7 EUR")), ..said.clone() };
    let lead = Ours { amount: None, revenue: Some(money("7 EUR")), ..ours(1) };
    assert_eq!(found(unpaid.clone(), std::slice::from_ref(&lead)).1, Some(By::AmountAndTime));
    assert_eq!(found(unpaid, &[Ours { amount: Some(money("1 EUR")), ..lead }]).0, Group::MissingHere);
    let free = Ours { amount: Some(money("0 EUR")), ..ours(1) };
    let zero = Theirs { amount: free.amount, ..said.clone() };
    assert_eq!(found(zero, &[free]).0, Group::MissingHere);
    // A txid that we know shows that theirs are ours: another one is another event.
    let foreign = Theirs { line: 2, txid: Some("T9".into()), ..said };
    assert_eq!(found(foreign.clone(), &[ours(1)]).0, Group::Matched);
    let both = run(&[line(1, &ours(2)), foreign], &[ours(1), ours(2)]);
    assert_eq!(groups(&both), [Group::Matched, Group::MissingHere, Group::MissingThere]);
}
