//! What advertisers report on a good day: deposits, orders, refunds, subscriptions, and repeats of all of them.

use super::book::{Deal, State};
use super::cast::{FIRST_DEPOSIT, FIRST_PAYMENT, Goal, REBILL, REGISTRATION, SHOP_SALE, TRIAL};
use super::plan::{Director, Story};
use super::verdicts::{
    AMOUNT_CHANGED, AMOUNT_MISSING, AWAITING_ORIGINAL, DUPLICATE, DUPLICATE_EVENT, DUPLICATE_IN_WINDOW, OK,
    REVERSED, STATUS_CHANGED,
};
use crate::advertiser::{Path, Report, ReportedClick, Way};

type Chapter = fn(&mut Director);

pub fn write(director: &mut Director) {
    let chapters: [(usize, Chapter); 23] = [
        (20, player),
        (12, deposit_confirmed),
        (8, deposit_declined),
        (2, deposit_scrubbed),
        (4, deposit_too_small),
        (2, second_first_deposit),
        (1, deposit_refunded_below_the_minimum),
        (1, deposit_refunded_above_the_minimum),
        (20, order_open),
        (24, order_confirmed),
        (8, order_cancelled),
        (1, order_cancelled_by_mistake),
        (3, order_confirmed_without_its_click_id),
        (6, order_refunded_late),
        (5, order_refunded_in_part),
        (1, order_refunded_in_parts_beyond_the_whole),
        (3, refund_that_overtakes_its_order),
        (6, order_sent_at_once),
        (5, order_sent_again),
        (3, order_sent_again_after_its_change),
        (2, order_with_another_amount),
        (2, order_without_its_amount),
        (2, order_as_a_test),
    ];
    for (times, chapter) in chapters {
        (0..times).for_each(|_| chapter(director));
    }
    let subscriptions: [(usize, Chapter); 3] = [(12, trial), (4, subscription), (2, trial_without_a_txid)];
    for (times, chapter) in subscriptions {
        (0..times).for_each(|_| chapter(director));
    }
}

impl Director {
    /// A sale with its status and amount, its txid, and the conversion that it becomes.
    pub fn sale(&mut self, story: &Story, goal: &'static Goal, cents: i64, state: State) -> (Report, Deal) {
        let txid = self.number("S");
        let deal = Deal::new(self.visit(story), goal, &txid, cents, state);
        let amount = self.written(cents);
        let report =
            self.report(story, goal.event, &txid).with("status", state.word()).with("amount", amount);
        (report, deal)
    }

    /// The same conversion in another status, the amount not named again.
    fn status(&mut self, story: &Story, deal: &Deal, state: State) -> Report {
        self.report(story, deal.goal.event, &deal.txid).with("status", state.word())
    }

    /// A refund of a part of a conversion, or of all of it.
    fn refund(&mut self, story: &Story, deal: &Deal, cents: Option<i64>) -> Report {
        let txid = self.number("R");
        let report = self.report(story, "refund", &txid).with("original_txid", deal.txid.clone());
        match cents {
            Some(cents) => report.with("amount", self.written(cents)),
            None => report,
        }
    }
}

/// The one that the demo shows in the end: a repeat at the same moment, a late repeat, a refund of a part, and a
/// partner's endpoint that fails twice each time.
pub fn example(director: &mut Director) {
    let visit = director.take_visit(&SHOP_SALE, |visit| visit.partner.id == "nightowl");
    director.example = visit;
    let mut story = director.story_of("the example", &SHOP_SALE, visit);
    let (order, mut deal) = director.sale(&story, &SHOP_SALE, 89_90, State::Pending);
    director.send_at_once(&mut story, vec![order.clone(), order.clone()], &[&OK, &DUPLICATE]);
    let confirmed = director.status(&story, &deal, State::Approved);
    director.send(&mut story, confirmed, &STATUS_CHANGED);
    director.send(&mut story, order, &DUPLICATE);
    deal.go_to(State::Approved);
    let refund = director.refund(&story, &deal, Some(29_90));
    director.send(&mut story, refund, &AMOUNT_CHANGED);
    deal.refund(29_90);
    director.finish(story, [deal]);
}

fn player(director: &mut Director) {
    let mut story = director.story("a player registers and deposits", &FIRST_DEPOSIT);
    let txid = director.number("P");
    let registered = director.report(&story, REGISTRATION.event, &txid);
    director.send(&mut story, registered, &OK);
    let registration = Deal::new(director.visit(&story), &REGISTRATION, &txid, 0, State::Approved);
    let cents = director.amount(20_00, 500_00);
    let (deposited, deposit) = director.sale(&story, &FIRST_DEPOSIT, cents, State::Approved);
    director.send(&mut story, deposited, &OK);
    director.finish(story, [registration, deposit]);
}

fn deposit_confirmed(director: &mut Director) {
    pending_then(director, "a deposit is confirmed", &FIRST_DEPOSIT, State::Approved);
}

fn deposit_declined(director: &mut Director) {
    pending_then(director, "a deposit is declined", &FIRST_DEPOSIT, State::Rejected);
}

fn order_confirmed(director: &mut Director) {
    pending_then(director, "an order is confirmed", &SHOP_SALE, State::Approved);
}

fn order_cancelled(director: &mut Director) {
    pending_then(director, "an order is cancelled", &SHOP_SALE, State::Rejected);
}

fn pending_then(director: &mut Director, name: &'static str, goal: &'static Goal, state: State) {
    let mut story = director.story(name, goal);
    let cents = director.amount(20_00, 400_00);
    let (sent, mut deal) = director.sale(&story, goal, cents, State::Pending);
    director.send(&mut story, sent, &OK);
    let changed = director.status(&story, &deal, state);
    director.send(&mut story, changed, &STATUS_CHANGED);
    deal.go_to(state);
    director.finish(story, [deal]);
}

fn deposit_scrubbed(director: &mut Director) {
    let mut story = director.story("an approved deposit is rejected after all", &FIRST_DEPOSIT);
    let (sent, mut deal) = director.sale(&story, &FIRST_DEPOSIT, 50_00, State::Approved);
    director.send(&mut story, sent, &OK);
    let scrubbed = director.status(&story, &deal, State::Rejected);
    director.send(&mut story, scrubbed, &STATUS_CHANGED);
    deal.go_to(State::Rejected);
    director.finish(story, [deal]);
}

fn deposit_too_small(director: &mut Director) {
    let mut story = director.story("a deposit below the minimum", &FIRST_DEPOSIT);
    let cents = director.amount(5_00, 19_00);
    let (sent, deal) = director.sale(&story, &FIRST_DEPOSIT, cents, State::Approved);
    director.send(&mut story, sent, &OK);
    director.finish(story, [deal]);
}

fn second_first_deposit(director: &mut Director) {
    let mut story = director.story("a second first deposit of one player", &FIRST_DEPOSIT);
    let (sent, deal) = director.sale(&story, &FIRST_DEPOSIT, 100_00, State::Approved);
    director.send(&mut story, sent, &OK);
    let (again, _) = director.sale(&story, &FIRST_DEPOSIT, 200_00, State::Approved);
    director.send(&mut story, again, &DUPLICATE_EVENT);
    director.finish(story, [deal]);
}

fn deposit_refunded_below_the_minimum(director: &mut Director) {
    deposit_refunded(director, 25_00, 10_00);
}

fn deposit_refunded_above_the_minimum(director: &mut Director) {
    deposit_refunded(director, 120_00, 30_00);
}

fn deposit_refunded(director: &mut Director, cents: i64, refunded: i64) {
    let mut story = director.story("a part of a deposit is refunded", &FIRST_DEPOSIT);
    let (sent, mut deal) = director.sale(&story, &FIRST_DEPOSIT, cents, State::Approved);
    director.send(&mut story, sent, &OK);
    let refund = director.refund(&story, &deal, Some(refunded));
    director.send(&mut story, refund, &AMOUNT_CHANGED);
    deal.refund(refunded);
    director.finish(story, [deal]);
}

fn order_open(director: &mut Director) {
    let mut story = director.story("an order stays open", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let txid = director.number("S");
    let amount = director.written(cents);
    // No status: the goal waits for one.
    let sent = director.report(&story, SHOP_SALE.event, &txid).with("amount", amount);
    director.send(&mut story, sent, &OK);
    let deal = Deal::new(director.visit(&story), &SHOP_SALE, &txid, cents, State::Pending);
    director.finish(story, [deal]);
}

fn order_cancelled_by_mistake(director: &mut Director) {
    let mut story = director.story("an order is cancelled by mistake", &SHOP_SALE);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, 75_50, State::Pending);
    director.send(&mut story, sent, &OK);
    for state in [State::Rejected, State::Approved] {
        let changed = director.status(&story, &deal, state);
        director.send(&mut story, changed, &STATUS_CHANGED);
        deal.go_to(state);
    }
    director.finish(story, [deal]);
}

fn order_confirmed_without_its_click_id(director: &mut Director) {
    let mut story = director.story("an order is confirmed by its txid alone", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, cents, State::Pending);
    director.send(&mut story, sent, &OK);
    let confirmed =
        director.status(&story, &deal, State::Approved).click(ReportedClick::Missing).to(Path::Own);
    director.send(&mut story, confirmed, &STATUS_CHANGED);
    deal.go_to(State::Approved);
    director.finish(story, [deal]);
}

fn order_refunded_late(director: &mut Director) {
    let mut story = director.story("an order is refunded after it was confirmed", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, cents, State::Pending);
    director.send(&mut story, sent, &OK);
    let confirmed = director.status(&story, &deal, State::Approved);
    director.send(&mut story, confirmed, &STATUS_CHANGED);
    deal.go_to(State::Approved);
    // Half of the senders name the order by its own txid, half by `original_txid`.
    let refund = if director.random.once_in(2) {
        director.refund(&story, &deal, None)
    } else {
        director.report(&story, "refund", &deal.txid)
    };
    director.send(&mut story, refund, &REVERSED);
    deal.go_to(State::Reversed);
    director.finish(story, [deal]);
}

fn order_refunded_in_part(director: &mut Director) {
    let mut story = director.story("a part of an order is refunded", &SHOP_SALE);
    let cents = director.amount(50_00, 400_00);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, cents, State::Approved);
    director.send(&mut story, sent, &OK);
    let part = director.amount(5_00, 45_00);
    let refund = director.refund(&story, &deal, Some(part));
    director.send_at_once(&mut story, vec![refund.clone(), refund], &[&AMOUNT_CHANGED, &DUPLICATE]);
    deal.refund(part);
    director.finish(story, [deal]);
}

fn order_refunded_in_parts_beyond_the_whole(director: &mut Director) {
    let mut story = director.story("an order is refunded in parts beyond the whole", &SHOP_SALE);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, 100_00, State::Approved);
    director.send(&mut story, sent, &OK);
    let first = director.refund(&story, &deal, Some(60_00));
    director.send(&mut story, first, &AMOUNT_CHANGED);
    deal.refund(60_00);
    let second = director.refund(&story, &deal, Some(60_00));
    director.send(&mut story, second, &REVERSED);
    deal.go_to(State::Reversed);
    director.finish(story, [deal]);
}

fn refund_that_overtakes_its_order(director: &mut Director) {
    let mut story = director.story("a refund overtakes its order", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, cents, State::Approved);
    let refund = director.refund(&story, &deal, None);
    director.send_to_wait(&mut story, refund, &AWAITING_ORIGINAL, &REVERSED);
    director.send(&mut story, sent, &OK);
    deal.go_to(State::Reversed);
    director.finish(story, [deal]);
}

fn order_sent_at_once(director: &mut Director) {
    let mut story = director.story("an order is sent three times at the same moment", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, deal) = director.sale(&story, &SHOP_SALE, cents, State::Approved);
    let reports = vec![sent.clone().by(Way::Get), sent.clone().by(Way::PostJson), sent];
    director.send_at_once(&mut story, reports, &[&OK, &DUPLICATE, &DUPLICATE]);
    director.finish(story, [deal]);
}

fn order_sent_again(director: &mut Director) {
    let mut story = director.story("an order is sent again later", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, deal) = director.sale(&story, &SHOP_SALE, cents, State::Approved);
    director.send(&mut story, sent.clone(), &OK);
    director.send(&mut story, sent, &DUPLICATE);
    director.finish(story, [deal]);
}

fn order_sent_again_after_its_change(director: &mut Director) {
    let mut story = director.story("an order is sent again after its refund", &SHOP_SALE);
    let cents = director.amount(5_00, 400_00);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, cents, State::Approved);
    director.send(&mut story, sent.clone(), &OK);
    let refund = director.refund(&story, &deal, None);
    director.send(&mut story, refund, &REVERSED);
    deal.go_to(State::Reversed);
    // A late repeat never pays again.
    director.send(&mut story, sent, &DUPLICATE);
    director.finish(story, [deal]);
}

fn order_with_another_amount(director: &mut Director) {
    let mut story = director.story("an order is sent with another amount", &SHOP_SALE);
    let (sent, mut deal) = director.sale(&story, &SHOP_SALE, 60_60, State::Approved);
    director.send(&mut story, sent, &OK);
    let corrected = director.status(&story, &deal, State::Approved).with("amount", "45.80");
    director.send(&mut story, corrected, &AMOUNT_CHANGED);
    deal.set_amount(45_80);
    director.finish(story, [deal]);
}

fn order_without_its_amount(director: &mut Director) {
    let mut story = director.story("an order's amount comes later", &SHOP_SALE);
    let txid = director.number("S");
    let sent = director.report(&story, SHOP_SALE.event, &txid).with("status", "approved");
    director.send(&mut story, sent.clone(), &AMOUNT_MISSING);
    director.send(&mut story, sent.with("amount", "33.80"), &AMOUNT_CHANGED);
    // Nothing counts before the amount is there, and nobody hears of it.
    let deal = Deal::new(director.visit(&story), &SHOP_SALE, &txid, 33_80, State::Approved);
    director.finish(story, [deal]);
}

fn order_as_a_test(director: &mut Director) {
    let mut story = director.story("an order is sent as a test", &SHOP_SALE);
    let (sent, deal) = director.sale(&story, &SHOP_SALE, 1_000_00, State::Approved);
    director.send(&mut story, sent.with("test", "1"), &OK);
    director.finish(story, [deal.into_test()]);
}

fn trial(director: &mut Director) {
    let mut story = director.story("a trial and the first payment", &TRIAL);
    let deals = start_of_subscription(director, &mut story);
    director.finish(story, deals);
}

fn subscription(director: &mut Director) {
    let mut story = director.story("a subscription with a chargeback", &TRIAL);
    let mut deals = start_of_subscription(director, &mut story).to_vec();
    for _ in 0..3 {
        let cents = director.random.pick(&[9_99, 14_99, 19_90]);
        let (paid, deal) = director.sale(&story, &REBILL, cents, State::Approved);
        director.send(&mut story, paid, &OK);
        deals.push(deal);
    }
    if let Some(last) = deals.last_mut() {
        let txid = director.number("CB");
        let taken_back =
            director.report(&story, "chargeback", &txid).with("original_txid", last.txid.clone());
        director.send(&mut story, taken_back, &REVERSED);
        last.go_to(State::Reversed);
    }
    director.finish(story, deals);
}

fn start_of_subscription(director: &mut Director, story: &mut Story) -> [Deal; 2] {
    let txid = director.number("T");
    let started = director.report(story, TRIAL.event, &txid);
    director.send(story, started, &OK);
    let trial = Deal::new(director.visit(story), &TRIAL, &txid, 0, State::Approved);
    let (paid, first) = director.sale(story, &FIRST_PAYMENT, 9_99, State::Approved);
    director.send(story, paid, &OK);
    [trial, first]
}

fn trial_without_a_txid(director: &mut Director) {
    let mut story = director.story("a trial comes twice without a txid", &TRIAL);
    let mut started = director.report(&story, TRIAL.event, "");
    started.fields.retain(|(name, _)| *name != "txid");
    director.send(&mut story, started.clone(), &OK);
    director.send(&mut story, started, &DUPLICATE_IN_WINDOW);
    let trial = Deal::new(director.visit(&story), &TRIAL, "", 0, State::Approved);
    director.finish(story, [trial]);
}
