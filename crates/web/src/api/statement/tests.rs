//! What is said of sums, those that do not add up among them: no entries can bring that about.

use std::collections::BTreeMap;

use proofback_store::{Movement, Page};

use super::*;

fn view(side: Side) -> View {
    View {
        side,
        id: Name::parse("reelmedia").unwrap(),
        name: "<b>Reel</b>".into(),
        program: "Example".into(),
        from: Day::parse("2026-11-01").unwrap(),
        to: Day::parse("2026-11-30").unwrap(),
        timezone: "Europe/Berlin".into(),
        currencies: Currencies::default(),
        for_staff: true,
    }
}

fn statement(opening: i128, moved: &[(&str, i128)], closing: i128) -> Statement {
    let moved = moved
        .iter()
        .map(|(kind, euros)| ((*kind).to_owned(), Movement { micros: euros * 1_000_000, entries: 1 }));
    Statement {
        currency: Currency::parse("EUR").unwrap(),
        opening: opening * 1_000_000,
        by_kind: moved.collect::<BTreeMap<_, _>>(),
        closing: closing * 1_000_000,
        entries: 3,
        beside: vec![7_000_000, 9_000_000],
        on_hold: 5_000_000,
    }
}

#[test]
fn a_proof_is_a_sum_with_its_signs() {
    let partner = view(Side::Partner);
    let sound = statement(-10, &[("commission", 120), ("refund", -20), ("payout", -50), ("", 1)], 41);
    assert_eq!(partner.proof(&sound), "-10.00 + 120.00 - 20.00 - 50.00 + 1.00 = 41.00 EUR");
    assert!(partner.verdict(&sound).starts_with("It adds up"));
    let words: Vec<String> = partner.movements(&sound).into_iter().map(|(word, _)| word).collect();
    assert_eq!(words, ["commission", "adjustment", "refund", "chargeback", "reversal", "payout", "other"]);
    assert_eq!(
        partner.beside(&sound),
        [("pending", 7_000_000), ("paid", 50_000_000), ("on_hold", 5_000_000)]
    );
}

#[test]
fn what_an_advertiser_owes_is_positive() {
    let advertiser = view(Side::Advertiser);
    let owed = statement(0, &[("commission", -150), ("receipt", 100), ("invoice", 0)], -50);
    assert_eq!(advertiser.proof(&owed), "0.00 + 150.00 - 100.00 = 50.00 EUR");
    let movements: Vec<String> = advertiser.movements(&owed).into_iter().map(|(word, _)| word).collect();
    assert_eq!(movements, ["sales", "adjustment", "refund", "chargeback", "reversal", "receipts"]);
    let shown = data::show_one(&advertiser, &owed, &Page { rows: Vec::new(), next: None });
    for (name, amount) in [("opening", "0.00"), ("closing", "50.00"), ("received", "100.00")] {
        assert_eq!(shown[name], amount, "{name}: {shown}");
    }
    assert_eq!(
        (&shown["movements"]["sales"], &shown["proof"]["movements"]),
        (&"150.00".into(), &"50.00".into())
    );
}

#[test]
fn what_does_not_add_up_is_said_wherever_it_is_shown() {
    let partner = view(Side::Partner);
    let broken = [statement(0, &[("commission", 120)], 100)];
    let told = "THIS DOES NOT ADD UP: the opening balance and the movements make 120.00";
    assert_eq!(partner.proof(&broken[0]), "0.00 + 120.00 is not 100.00 EUR");
    let shown = data::show_one(&partner, &broken[0], &Page { rows: Vec::new(), next: None });
    assert_eq!(shown["proof"]["holds"], false);
    assert!(shown["warning"].as_str().unwrap().starts_with(told), "{shown}");
    let mut page = crate::api::html::Page::new("x");
    sight::sums(&mut page, &partner, &broken[0]);
    let html = page.finish();
    assert!(html.contains("class=\"alarm\" role=\"alert\"") && html.contains(told), "{html}");
    let checked = partner.checked(&broken);
    let table = sheet::summary(&checked);
    let cell = |name: &str| {
        let place = table.columns.iter().position(|column| column.name == name).unwrap();
        table.rows[0][place].clone()
    };
    assert!(matches!(cell("adds_up"), proofback_sheets::Cell::Text(text) if text.starts_with(told)));
    assert_eq!(cell("closing"), proofback_sheets::Cell::Amount("100.00".into()));
    assert_eq!(cell("entries"), proofback_sheets::Cell::Integer(3));
}

#[test]
fn a_period_is_the_current_month_so_far_where_none_is_named() {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let now = Timestamp::parse("2026-11-30T23:30:00Z").unwrap();
    let read = |query: &str| {
        let asked = Asked::read(Some(query), &zone, now).ok()?;
        Some((asked.from.to_string(), asked.to.to_string()))
    };
    let days = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
    assert_eq!(read(""), days("2026-12-01", "2026-12-01"));
    assert_eq!(read("to=2026-10-31"), days("2026-10-01", "2026-10-31"));
    assert_eq!(read("from=2026-10-05"), days("2026-10-05", "2026-12-01"));
    assert_eq!(read("from=2026-10-05&to=2026-10-05"), days("2026-10-05", "2026-10-05"));
    for query in [
        "from=2026-10-05&to=2026-10-04",
        "from=2027-01-01",
        "from=5",
        "format=pdf",
        "currency=!",
        "limit=0",
        "limit=1001",
        "format=csv&limit=5",
        "month=11",
    ] {
        assert_eq!(read(query), None, "{query}");
    }
}
