//! How long things are kept.

use super::*;
use crate::program::Retention;

#[test]
fn what_is_kept_for_a_while_is_read_and_the_rest_is_kept_for_ever() {
    let days = |days: u64| Some(Span::from_seconds(days * 86_400));
    assert_eq!(sound(&[PROGRAM], "").retention, Retention::default());
    let read = sound(&[PROGRAM], "[retention]\nclicks = '400d'\nbodies = '14d'").retention;
    assert_eq!(read, Retention { clicks: days(400), log: None, bodies: days(14) });
}

#[test]
fn mistakes_of_the_retention() {
    check(
        &[PROGRAM],
        &[
            ("[retention]\nclicks = ▸'12h'", &["'clicks': at least 1d"]),
            (
                "[retention]\nlog = ▸'soon'",
                &["'log': 'soon' is no length of time; write it like 90s, 15m, 24h or 30d"],
            ),
            ("[retention]\n▸click = '90d'", &["unknown key 'click' in [retention]; did you mean 'clicks'?"]),
        ],
    );
    let offer = format!("{}window = '30d'\n{GOAL}payout = '1 EUR'\n", OFFER);
    let (_, mistakes) = read(&format!("{PROGRAM}{RULES}{offer}[retention]\nclicks = '7d'\n"));
    let warning = "17:10: warning: 'clicks': offer 'shoes' takes conversions up to 30d after the click, which would be gone by then";
    assert_eq!(show(&mistakes), [warning]);
}
