//! What holds for every file and all conversions.

use std::collections::BTreeMap;

use proofback_domain::outcome::Reason;
use proptest::prelude::*;

use crate::*;

prop_compose! {
    fn a_conversion()(
        txid in proptest::option::of(0u32..6),
        clicked in 0u32..4,
        event in 0usize..3,
        status in 0usize..4,
        held in 0u32..5,
        amount in proptest::option::of((0i64..4, 0usize..2)),
        revenue in proptest::option::of((0i64..3, 0usize..2)),
        hours in 0i64..120,
        in_period in any::<bool>(),
    ) -> Ours {
        Ours {
            txid: txid.map(|txid| format!("T{txid}")),
            click_id: click(clicked),
            event: name(["ftd", "sale", "lead"][event]),
            status: Status::ALL[status],
            held: (held == 0).then_some(Reason::OverCap),
            amount: amount.map(some_money),
            revenue: revenue.map(some_money),
            at: time(hours * HOUR),
            in_period,
            ..ours(0)
        }
    }
}

prop_compose! {
    fn a_line()(
        like in a_conversion(),
        txid in any::<bool>(),
        clicked in any::<bool>(),
        event in any::<bool>(),
        status in any::<bool>(),
        at in any::<bool>(),
    ) -> Theirs {
        let whole = line(0, &like);
        Theirs {
            txid: whole.txid.filter(|_| txid),
            click_id: whole.click_id.filter(|_| clicked),
            click: whole.click.filter(|_| clicked),
            event: whole.event.filter(|_| event),
            status: whole.status.filter(|_| status),
            at: whole.at.filter(|_| at),
            ..whole
        }
    }
}

fn some_money((units, currency): (i64, usize)) -> Money {
    Money { micros: units * 1_000_000, ..money(["1 EUR", "1 USD"][currency]) }
}

fn conversions() -> impl Strategy<Value = Vec<Ours>> {
    proptest::collection::vec(a_conversion(), 0..12).prop_map(|mut all| {
        for (number, ours) in (0..).zip(&mut all) {
            ours.id = conversion_id(number);
        }
        all
    })
}

fn file() -> impl Strategy<Value = Vec<Theirs>> {
    proptest::collection::vec(a_line(), 0..12).prop_map(numbered)
}

fn numbered(mut all: Vec<Theirs>) -> Vec<Theirs> {
    for (number, theirs) in (1..).zip(&mut all) {
        theirs.line = number;
    }
    all
}

/// By currency, none included: lines or conversions, amounts, revenues.
type Sums = BTreeMap<String, (u64, i128, i128)>;

fn sums(monies: impl Iterator<Item = (Option<Money>, Option<Money>)>) -> Sums {
    let mut sums = Sums::new();
    let code = |money: Option<Money>| money.map(|money| money.currency.to_string()).unwrap_or_default();
    for (amount, revenue) in monies {
        sums.entry(code(amount.or(revenue))).or_default().0 += 1;
        sums.entry(code(amount)).or_default().1 += amount.map_or(0, |money| i128::from(money.micros));
        sums.entry(code(revenue)).or_default().2 += revenue.map_or(0, |money| i128::from(money.micros));
    }
    sums.retain(|_, sum| *sum != (0, 0, 0));
    sums
}

/// The totals over all groups, of theirs and of ours.
fn folded(reconciliation: &Reconciliation) -> [Sums; 2] {
    let mut both = [Sums::new(), Sums::new()];
    for total in &reconciliation.totals {
        let code = total.currency.map(|currency| currency.to_string()).unwrap_or_default();
        let theirs = (total.lines_theirs, total.amount_theirs_micros, total.revenue_theirs_micros);
        let ours = (total.lines_ours, total.amount_ours_micros, total.revenue_ours_micros);
        for (sums, (lines, amount, revenue)) in both.iter_mut().zip([theirs, ours]) {
            let sum = sums.entry(code.clone()).or_default();
            *sum = (sum.0 + lines, sum.1 + amount, sum.2 + revenue);
        }
    }
    for sums in &mut both {
        sums.retain(|_, sum| *sum != (0, 0, 0));
    }
    both
}

fn groups_by_txid(reconciliation: &Reconciliation) -> BTreeMap<Option<String>, Vec<Group>> {
    let mut groups: BTreeMap<Option<String>, Vec<Group>> = BTreeMap::new();
    for row in &reconciliation.lines {
        let txid = match (&row.theirs, &row.ours) {
            (Some(theirs), _) => theirs.txid.clone(),
            (None, Some(ours)) => ours.txid.clone(),
            (None, None) => unreachable!("a row of nothing"),
        };
        groups.entry(txid).or_default().push(row.group);
    }
    groups.values_mut().for_each(|groups| groups.sort());
    groups
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_line_is_in_one_row_and_every_conversion_in_at_most_one(theirs in file(), known in conversions()) {
        let reconciliation = run(&theirs, &known);
        let listed: Vec<Theirs> = reconciliation.lines.iter().filter_map(|row| row.theirs.clone()).collect();
        prop_assert_eq!(&listed, &theirs);
        let mut used: Vec<ConversionId> =
            reconciliation.lines.iter().filter_map(|row| Some(row.ours.as_ref()?.id)).collect();
        let count = used.len();
        used.sort();
        used.dedup();
        prop_assert_eq!(used.len(), count);
        for ours in &known {
            let owed = matches!(ours.status, Status::Pending | Status::Approved);
            prop_assert!(used.contains(&ours.id) || !ours.in_period || !owed, "{ours:?} is in no row");
        }
    }

    #[test]
    fn the_totals_of_all_groups_are_the_sums_of_the_file_and_of_ours_in_rows(
        theirs in file(),
        known in conversions(),
    ) {
        let reconciliation = run(&theirs, &known);
        let in_rows = reconciliation.lines.iter().filter_map(|row| row.ours.as_ref());
        let of_rows = sums(in_rows.map(|ours| (ours.amount, ours.revenue)));
        let of_file = sums(theirs.iter().map(|line| (line.amount, line.revenue)));
        prop_assert_eq!(folded(&reconciliation), [of_file, of_rows]);
    }

    #[test]
    fn the_order_of_the_lines_decides_nothing(
        (theirs, shuffled) in file().prop_flat_map(|file| (Just(file.clone()), Just(file).prop_shuffle())),
        known in conversions(),
    ) {
        let reconciliation = run(&theirs, &known);
        let same_numbers = run(&shuffled, &known);
        prop_assert_eq!(&same_numbers.lines, &reconciliation.lines);
        let other_numbers = run(&numbered(shuffled), &known);
        prop_assert_eq!(groups_by_txid(&other_numbers), groups_by_txid(&reconciliation));
    }

    #[test]
    fn our_own_export_matches_in_every_line(mut known in conversions()) {
        // One conversion per key, as the store holds it: the txid, or without one the click within the window.
        known.sort_by_key(|ours| (ours.event.clone(), ours.txid.clone(), ours.click_id, ours.at));
        known.dedup_by_key(|ours| match &ours.txid {
            Some(txid) => (ours.event.clone(), Some(txid.clone()), None),
            None => (ours.event.clone(), None, Some((ours.click_id, ours.at))),
        });
        let export: Vec<Theirs> = (1..).zip(&known).map(|(number, ours)| line(number, ours)).collect();
        let reconciliation = run(&export, &known);
        prop_assert_eq!(groups(&reconciliation), vec![Group::Matched; known.len()]);
        for row in &reconciliation.lines {
            prop_assert!(row.differences.is_empty() && row.action == Action::Nothing);
            let by = if row.ours.as_ref().unwrap().txid.is_some() { By::Txid } else { By::ClickId };
            prop_assert_eq!(row.by, Some(by));
        }
    }

    #[test]
    fn what_is_matched_contradicts_nothing_that_the_line_names(theirs in file(), known in conversions()) {
        for row in &run(&theirs, &known).lines {
            let (Some(line), Some(ours), Some(by)) = (&row.theirs, &row.ours, row.by) else {
                continue;
            };
            prop_assert!(line.event.as_deref().is_none_or(|event| event == ours.event.as_str()));
            match by {
                By::Txid => prop_assert_eq!(&line.txid, &ours.txid),
                By::ClickId => prop_assert_eq!(line.click, Some(ours.click_id)),
                By::AmountAndTime => {
                    let near = line.at.unwrap().since(ours.at).max(ours.at.since(line.at.unwrap()));
                    prop_assert!(line.click.is_none() && ours.in_period);
                    prop_assert!(near <= Options::default().near);
                    prop_assert!(
                        row.differences.iter().all(|found| found.field != "amount" || line.amount.is_none())
                    );
                }
            }
        }
    }
}
