//! What is proposed about each row.

use proofback_domain::id::PostbackId;
use proofback_domain::outcome::Reason;
use proofback_domain::reconcile::Seen;

use crate::*;

#[test]
fn what_differs_is_proposed_as_a_postback_of_just_that() {
    let theirs =
        Theirs { status: Some(Status::Rejected), revenue: Some(money("3 EUR")), ..line(1, &ours(1)) };
    let row = only(theirs.clone(), ours(1));
    assert_eq!(
        fields(&row.action),
        [
            ("currency", "EUR"),
            ("event_type", "ftd"),
            ("revenue", "3"),
            ("status", "rejected"),
            ("txid", "T1")
        ]
    );
    let without_txid = Ours { txid: None, ..ours(1) };
    let row = only(Theirs { txid: None, revenue: None, ..theirs }, without_txid);
    assert_eq!(
        fields(&row.action),
        [
            ("click_id", click(1).to_string().as_str()),
            ("event_type", "ftd"),
            ("status", "rejected"),
            ("timestamp", ours(1).at.iso().as_str()),
        ],
        "its time brings it into the window in which a click and event are one conversion"
    );
}

#[test]
fn currencies_and_partial_refunds_are_for_the_operator() {
    let row = only(Theirs { amount: Some(money("100 USD")), ..line(1, &ours(1)) }, ours(1));
    assert_eq!((row.group, asked(&row.action).0), (Group::DifferentCurrency, Whom::Operator));
    let refunded = Ours { refunded_micros: 20_000_000, amount: Some(money("80 EUR")), ..ours(1) };
    assert_eq!(only(line(1, &refunded), refunded.clone()).group, Group::Matched);
    let row = only(Theirs { amount: Some(money("70 EUR")), ..line(1, &refunded) }, refunded.clone());
    assert_eq!((row.group, asked(&row.action).0), (Group::DifferentAmount, Whom::Operator));
    let row = only(Theirs { status: Some(Status::Rejected), ..line(1, &refunded) }, refunded);
    assert!(fields(&row.action).contains(&("status", "rejected")));
    let mixed = Theirs { amount: Some(money("9 EUR")), revenue: Some(money("9 USD")), ..line(1, &ours(1)) };
    let row = only(mixed, Ours { revenue: Some(money("8 USD")), ..ours(1) });
    assert_eq!((row.group, asked(&row.action).0), (Group::DifferentAmount, Whom::Operator));
}

#[test]
fn what_is_missing_here_and_names_its_click_is_proposed_with_all_that_it_says() {
    let theirs = Theirs { txid: Some(" T1 ".into()), ..line(1, &ours(1)) };
    let row = run(&[theirs], &[]).lines.remove(0);
    assert_eq!(row.group, Group::MissingHere);
    assert_eq!(
        fields(&row.action),
        [
            ("amount", "100"),
            ("click_id", click(1).to_string().as_str()),
            ("currency", "EUR"),
            ("event_type", "ftd"),
            ("status", "approved"),
            ("timestamp", ours(1).at.iso().as_str()),
            ("txid", "T1"),
        ]
    );
    let two = Theirs { revenue: Some(money("9 USD")), ..line(1, &ours(1)) };
    assert_eq!(asked(&run(&[two], &[]).lines[0].action).0, Whom::Operator);
}

#[test]
fn what_is_missing_here_without_a_click_is_for_the_network() {
    for (theirs, word) in [
        (Theirs { txid: Some("T1".into()), ..bare(1) }, "ask for its click id"),
        (Theirs { txid: Some("T1".into()), click_id: Some("abc".into()), ..bare(1) }, "none of ours"),
        (bare(1), "neither"),
    ] {
        let reconciliation = run(&[theirs], &[]);
        let (whom, why) = asked(&reconciliation.lines[0].action);
        assert_eq!(whom, Whom::Network);
        assert!(why.contains(word), "{why}");
    }
}

fn seen(reason: Reason, likely_click: Option<ClickId>) -> Seen {
    let postback_id: PostbackId = Id::new(time(0), 5);
    Seen { postback_id, at: time(0), reason, message: "four characters are missing".into(), likely_click }
}

#[test]
fn what_the_log_knows_explains_a_missing_line() {
    let theirs = Theirs { click: None, click_id: Some("cut".into()), ..line(1, &ours(1)) };
    let explained = |reason, likely| {
        let mut reconciliation = run(std::slice::from_ref(&theirs), &[]);
        let places: Vec<usize> = reconciliation.missing().map(|(place, _)| place).collect();
        assert_eq!(places, [0]);
        reconciliation.explain(0, seen(reason, likely));
        let row = reconciliation.lines.remove(0);
        assert!(row.seen.is_some());
        row.action
    };
    let likely = explained(Reason::TruncatedClickId, Some(click(4)));
    assert!(fields(&likely).contains(&("click_id", click(4).to_string().as_str())));
    let unlikely = explained(Reason::TruncatedClickId, None);
    let (whom, why) = asked(&unlikely);
    assert_eq!(whom, Whom::Network);
    assert!(why.contains("truncated_click_id: four characters are missing"), "{why}");
    for reason in [Reason::DuplicateEvent, Reason::AwaitingClick, Reason::Ok, Reason::Reversed] {
        // It came and was not refused: to send it again would say nothing new.
        assert_eq!(asked(&explained(reason, Some(click(4)))).0, Whom::Operator, "{reason:?}");
    }
}

#[test]
fn only_missing_lines_are_explained() {
    let mut reconciliation = run(&[line(1, &ours(1))], &[ours(1), ours(2)]);
    let before = reconciliation.lines.clone();
    assert_eq!(reconciliation.missing().count(), 0);
    for place in [0, 1, 9] {
        reconciliation.explain(place, seen(Reason::TruncatedClickId, Some(click(4))));
    }
    assert_eq!(reconciliation.lines, before);
}

#[test]
fn what_they_do_not_list_is_proposed_to_be_rejected_unless_nothing_is_owed_for_it() {
    for (status, held, rows) in [
        (Status::Pending, None, 1),
        (Status::Approved, None, 1),
        (Status::Pending, Some(Reason::FraudReview), 1),
        (Status::Rejected, None, 0),
        (Status::Reversed, None, 0),
    ] {
        let reconciliation = run(&[], &[Ours { status, held, ..ours(1) }]);
        assert_eq!(groups(&reconciliation), vec![Group::MissingThere; rows], "{status:?}");
        assert_eq!(reconciliation.totals.len(), rows);
        for row in &reconciliation.lines {
            assert_eq!(fields(&row.action), [("event_type", "ftd"), ("status", "rejected"), ("txid", "T1")]);
        }
    }
    assert!(run(&[], &[Ours { in_period: false, ..ours(1) }]).lines.is_empty());
}
