//! Order, totals, codes, and a large file.

use std::collections::BTreeMap;

use crate::*;

#[test]
fn rows_come_by_line_and_then_by_time_whatever_the_order_of_what_is_given() {
    let known = [ours(5), ours(3), ours(1)];
    let reconciliation = run(&[line(9, &ours(7)), line(4, &known[1])], &known);
    let lines: Vec<_> =
        reconciliation.lines.iter().filter_map(|row| Some(row.theirs.as_ref()?.line)).collect();
    assert_eq!(lines, [4, 9]);
    let rest: Vec<_> = reconciliation.lines[2..].iter().map(|row| row.ours.as_ref().unwrap().id).collect();
    assert_eq!(rest, [1, 5].map(conversion_id));
}

#[test]
fn totals_stand_under_the_currency_of_each_side() {
    let theirs =
        Theirs { amount: Some(money("100 USD")), revenue: Some(money("9 EUR")), ..line(1, &ours(1)) };
    let reconciliation = run(&[theirs, line(2, &ours(2))], &[ours(1)]);
    let totals: Vec<_> = reconciliation
        .totals
        .iter()
        .map(|total| {
            (
                (total.group.code(), total.currency.map(|currency| currency.to_string()).unwrap()),
                (total.lines_theirs, total.lines_ours),
                (total.amount_theirs_micros, total.amount_ours_micros),
                (total.revenue_theirs_micros, total.revenue_ours_micros),
            )
        })
        .collect();
    let hundred = 100_000_000;
    assert_eq!(
        totals,
        [
            (("different_currency", "EUR".into()), (0, 1), (0, hundred), (9_000_000, 0)),
            (("different_currency", "USD".into()), (1, 0), (hundred, 0), (0, 0)),
            (("missing_here", "EUR".into()), (1, 0), (hundred, 0), (0, 0)),
        ]
    );
}

#[test]
fn codes_serialise_as_themselves() {
    for group in Group::ALL {
        assert_eq!(serde_json::to_value(group).unwrap(), group.code());
    }
    for by in By::ALL {
        assert_eq!(serde_json::to_value(by).unwrap(), by.code());
    }
    for whom in Whom::ALL {
        assert_eq!(serde_json::to_value(whom).unwrap(), whom.code());
    }
    let row = only(line(1, &ours(1)), Ours { status: Status::Pending, ..ours(1) });
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json["group"], "different_status");
    assert_eq!(json["by"], "txid");
    assert_eq!(json["theirs"]["click_id"], click(1).to_string());
    assert_eq!(json["action"]["kind"], "postback");
    assert_eq!(json["action"]["fields"]["status"], "approved");
    assert_eq!(json["differences"][0]["ours"], "pending");
}

/// 100,000 lines against as many conversions, by each way of matching, and with one id for all.
#[test]
fn a_hundred_thousand_lines_find_their_conversions() {
    const COUNT: u32 = 100_000;
    let keys = Keys::new([3; 16], vec![]);
    let of_click = |number| keys.sign(Prefix { at: time(0), serial: number, link: 1 });
    let known: Vec<Ours> = (0..COUNT)
        .map(|number| Ours {
            click_id: of_click(number),
            amount: Some(Money { micros: i64::from(number % 1_000) * 10_000 + 1, ..money("1 EUR") }),
            at: time(i64::from(number) * HOUR),
            ..ours(number)
        })
        .collect();
    let lines = |change: fn(&mut Theirs)| -> Vec<Theirs> {
        let theirs = known.iter().rev().enumerate().map(|(number, ours)| {
            let mut theirs = line(number, ours);
            change(&mut theirs);
            theirs
        });
        theirs.collect()
    };
    let count = |theirs: Vec<Theirs>, known: &[Ours]| {
        let mut counts: BTreeMap<(Group, Option<By>), u32> = BTreeMap::new();
        for row in reconcile(theirs, known.to_vec(), &Options::default()).lines {
            *counts.entry((row.group, row.by)).or_default() += 1;
        }
        counts.into_iter().collect::<Vec<_>>()
    };
    let all = |by| vec![((Group::Matched, Some(by)), COUNT)];
    assert_eq!(count(lines(|_| {}), &known), all(By::Txid));
    assert_eq!(count(lines(|line| line.txid = None), &known), all(By::ClickId));
    let by_amount = lines(|line| (line.txid, line.click) = (None, None));
    assert_eq!(count(by_amount, &known), all(By::AmountAndTime));
    // What a broken template makes of a file: all lines are one, or could all be the same.
    let one_txid: Vec<Ours> =
        known.iter().map(|ours| Ours { txid: Some("0".into()), ..ours.clone() }).collect();
    let one = lines(|line| line.txid = Some("0".into()));
    assert_eq!(
        count(one, &one_txid),
        [
            ((Group::MissingThere, None), COUNT - 1),
            ((Group::Repeated, None), COUNT - 1),
            ((Group::Matched, Some(By::Txid)), 1),
        ]
        .into_iter()
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let same: Vec<Ours> = known
        .iter()
        .map(|ours| Ours { txid: None, click_id: click(1), at: time(0), amount: None, ..ours.clone() })
        .collect();
    let nameless = lines(|line| (line.txid, line.click, line.amount) = (None, Some(click(1)), None));
    assert_eq!(count(nameless, &same), [((Group::Ambiguous, None), 2 * COUNT)]);
}
