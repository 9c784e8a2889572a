//! What the same thing twice is in a file.

use crate::*;

#[test]
fn a_second_line_for_one_txid_and_event_is_repeated() {
    let first = line(1, &ours(1));
    let second = Theirs { line: 2, txid: Some(" T1 ".into()), click: None, click_id: None, ..first.clone() };
    let reconciliation = run(&[second, first], &[ours(1)]);
    assert_eq!(groups(&reconciliation), [Group::Matched, Group::Repeated]);
    let repeated = &reconciliation.lines[1];
    assert_eq!((repeated.repeats, &repeated.ours, &repeated.action), (Some(1), &None, &Action::Nothing));
}

#[test]
fn a_second_line_is_repeated_even_where_the_first_is_missing_here() {
    let first = line(1, &ours(1));
    let reconciliation = run(&[first.clone(), Theirs { line: 2, ..first.clone() }], &[]);
    assert_eq!(groups(&reconciliation), [Group::MissingHere, Group::Repeated]);
    assert_eq!(reconciliation.lines[1].action, Action::Nothing);
    let other = Theirs { line: 2, amount: Some(money("7 EUR")), ..first.clone() };
    let contradicted = run(&[first, other], &[]);
    let repeated = contradicted.lines.iter().find(|row| row.group == Group::Repeated).unwrap();
    assert_eq!(asked(&repeated.action).0, Whom::Operator);
}

#[test]
fn of_two_lines_for_one_conversion_the_one_that_agrees_is_its_match_and_the_other_is_a_question() {
    let right = line(2, &ours(1));
    let wrong = Theirs { line: 1, amount: Some(money("20 EUR")), ..right.clone() };
    let reconciliation = run(&[wrong, right], &[ours(1)]);
    assert_eq!(groups(&reconciliation), [Group::Repeated, Group::Matched]);
    let repeated = &reconciliation.lines[0];
    assert_eq!((repeated.repeats, repeated.differences.len()), (Some(2), 1));
    assert_eq!(asked(&repeated.action).0, Whom::Operator, "money in two lines is not passed over");
}

#[test]
fn a_line_without_an_event_repeats_the_one_that_names_it() {
    let nameless = Theirs { txid: Some("T1".into()), ..bare(1) };
    let reconciliation = run(&[nameless, line(2, &ours(1))], &[ours(1)]);
    assert_eq!(groups(&reconciliation), [Group::Repeated, Group::Matched]);
}

#[test]
fn without_a_txid_the_same_click_event_time_and_money_repeat() {
    let known = Ours { txid: None, ..ours(1) };
    let first = line(1, &known);
    let same = Theirs { line: 2, ..first.clone() };
    assert_eq!(
        groups(&run(&[first.clone(), same], std::slice::from_ref(&known))),
        [Group::Matched, Group::Repeated]
    );
    let later = Theirs { line: 2, at: Some(time(60 * DAY)), ..first.clone() };
    assert_eq!(groups(&run(&[first, later], &[known])), [Group::Matched, Group::MissingHere]);
}

#[test]
fn two_lines_of_one_click_that_differ_and_could_both_mean_one_conversion_are_a_question() {
    let known = Ours { txid: None, ..ours(1) };
    let said = |number, amount: &str| Theirs { amount: Some(money(amount)), ..line(number, &known) };
    let reconciliation = run(&[said(1, "90 EUR"), said(2, "95 EUR")], std::slice::from_ref(&known));
    assert_eq!(groups(&reconciliation), [Group::Ambiguous; 3]);
}
