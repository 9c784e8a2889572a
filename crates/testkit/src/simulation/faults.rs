//! What goes wrong at advertisers: damaged click ids, wrong tokens, unreadable values, keys used twice.

use super::book::{State, Verdict};
use super::cast::{FIRST_DEPOSIT, FIRST_PAYMENT, Goal, SHOP_SALE, TRIAL};
use super::plan::Director;
use super::verdicts::{
    ALTERED_CLICK_ID, BAD_AMOUNT, BAD_CURRENCY, BAD_TOKEN, INVALID_TRANSITION, IP_NOT_ALLOWED,
    MALFORMED_REQUEST, MISSING_CLICK_ID, NOTHING_TO_REVERSE, OK, TRUNCATED_CLICK_ID, TXID_CONFLICT,
    UNEXPANDED_MACRO, UNKNOWN_ADVERTISER, UNKNOWN_CLICK_ID, UNKNOWN_EVENT, UNKNOWN_STATUS,
};
use crate::advertiser::{Path, Report, ReportedClick, ReportedToken, Way};

pub fn write(director: &mut Director) {
    upper_cased_ids(director);
    damaged_ids(director);
    strangers(director);
    unreadable_values(director);
    foreign_clicks(director);
    (0..2).for_each(|_| txid_used_for_another_click(director));
    nothing_to_take_back(director);
    back_to_pending(director);
}

/// Letters in another case do no harm.
fn upper_cased_ids(director: &mut Director) {
    for goal in [&FIRST_DEPOSIT, &SHOP_SALE, &SHOP_SALE, &FIRST_PAYMENT] {
        let mut story = director.story("an upper-cased click id", goal);
        let (sent, deal) = director.sale(&story, goal, 41_40, State::Approved);
        director.send(&mut story, sent.click(ReportedClick::UpperCased), &OK);
        director.finish(story, [deal]);
    }
}

fn damaged_ids(director: &mut Director) {
    let instead = |text: &str| ReportedClick::Instead(text.to_owned());
    let cut = [25, 24, 20, 18].map(ReportedClick::CutTo);
    for click in cut {
        rejected(director, "a click id that was cut", &SHOP_SALE, &TRUNCATED_CLICK_ID, |sent| {
            sent.click(click)
        });
    }
    for goal in [&FIRST_DEPOSIT, &SHOP_SALE, &FIRST_PAYMENT] {
        let altered = |sent: Report| sent.click(ReportedClick::Altered);
        rejected(director, "an altered click id", goal, &ALTERED_CLICK_ID, altered);
    }
    for text in ["{clickid}", "{{click_id}}", "##CLICKID##"] {
        let name = "a placeholder that was never replaced";
        rejected(director, name, &SHOP_SALE, &UNEXPANDED_MACRO, |sent| sent.click(instead(text)));
    }
    for goal in [&FIRST_DEPOSIT, &SHOP_SALE, &FIRST_PAYMENT] {
        let missing = |sent: Report| sent.click(ReportedClick::Missing);
        rejected(director, "no click id", goal, &MISSING_CLICK_ID, missing);
    }
    let foreign = |sent: Report| sent.click(instead("wq3tbc7u9o5f2h1k8z4x6y0m"));
    rejected(director, "another tracker's click id", &SHOP_SALE, &UNKNOWN_CLICK_ID, foreign);
}

fn strangers(director: &mut Director) {
    for token in [ReportedToken::Wrong, ReportedToken::Wrong, ReportedToken::Missing] {
        rejected(director, "a wrong token", &SHOP_SALE, &BAD_TOKEN, |sent| sent.token(token));
    }
    for _ in 0..2 {
        let elsewhere = |sent: Report| sent.from("198.51.100.7");
        rejected(director, "a forbidden address", &FIRST_DEPOSIT, &IP_NOT_ALLOWED, elsewhere);
    }
    let nobody = |sent: Report| sent.to(Path::Other("nobody".to_owned()));
    rejected(director, "an address of no advertiser", &SHOP_SALE, &UNKNOWN_ADVERTISER, nobody);
}

fn unreadable_values(director: &mut Director) {
    for event in ["newsletter", "purchase"] {
        let other = |sent: Report| replace(sent, "event_type", event);
        rejected(director, "an event that the offer does not count", &SHOP_SALE, &UNKNOWN_EVENT, other);
    }
    let status = |sent: Report| replace(sent, "status", "maybe");
    rejected(director, "a status that was not agreed", &FIRST_DEPOSIT, &UNKNOWN_STATUS, status);
    for amount in ["1,50", "{amount}", "-20"] {
        let other = |sent: Report| replace(sent, "amount", amount);
        rejected(director, "an amount that is none", &SHOP_SALE, &BAD_AMOUNT, other);
    }
    let currency = |sent: Report| replace(sent, "currency", "EURO");
    rejected(director, "a currency that is none", &SHOP_SALE, &BAD_CURRENCY, currency);
    let twice = |sent: Report| sent.with("amount", "77.77").by(Way::PostForm);
    rejected(director, "an amount twice", &SHOP_SALE, &MALFORMED_REQUEST, twice);
}

fn replace(mut report: Report, name: &str, value: &str) -> Report {
    for (_, known) in report.fields.iter_mut().filter(|(known, _)| *known == name) {
        value.clone_into(known);
    }
    report
}

/// A sale of which nothing remains but a line in the log.
fn rejected(
    director: &mut Director,
    name: &'static str,
    goal: &'static Goal,
    answer: &Verdict,
    damage: impl FnOnce(Report) -> Report,
) {
    let mut story = director.story(name, goal);
    let (sent, _) = director.sale(&story, goal, 55_50, State::Approved);
    director.send(&mut story, damage(sent.to(Path::Own)), answer);
    director.finish(story, []);
}

/// A click of one advertiser is a stranger to all others.
fn foreign_clicks(director: &mut Director) {
    let mut story = director.story("a click of another advertiser", &TRIAL);
    story.advertiser = FIRST_DEPOSIT.advertiser;
    let (sent, _) = director.sale(&story, &FIRST_DEPOSIT, 50_00, State::Approved);
    director.send(&mut story, sent.to(Path::Own), &UNKNOWN_CLICK_ID);
    director.finish(story, []);
}

fn txid_used_for_another_click(director: &mut Director) {
    let mut story = director.story("a txid used for another click", &SHOP_SALE);
    let (sent, deal) = director.sale(&story, &SHOP_SALE, 120_20, State::Approved);
    director.send(&mut story, sent.clone(), &OK);
    let (other_visit, other_order) = (director.take_visit(&SHOP_SALE, |_| true), director.number("order"));
    story.orders.push((other_order.clone(), other_visit));
    director.send(&mut story, Report { order: other_order, ..sent }, &TXID_CONFLICT);
    director.finish(story, [deal]);
}

fn nothing_to_take_back(director: &mut Director) {
    let mut story = director.story("a refund of nothing", &SHOP_SALE);
    let txid = director.number("R");
    let refund = director.report(&story, "refund", &txid);
    director.send(&mut story, refund, &NOTHING_TO_REVERSE);
    director.finish(story, []);
}

fn back_to_pending(director: &mut Director) {
    let mut story = director.story("an approved order becomes pending", &SHOP_SALE);
    let (sent, deal) = director.sale(&story, &SHOP_SALE, 64_20, State::Approved);
    director.send(&mut story, sent.clone(), &OK);
    director.send(&mut story, replace(sent, "status", "pending"), &INVALID_TRANSITION);
    director.finish(story, [deal]);
}
