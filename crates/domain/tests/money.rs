//! What is paid: which terms a conversion falls under, tiers, hybrids, exchange rates and rounding, by tables.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proofback_domain::calendar::Day;
use proofback_domain::conversion::Conversion;
use proofback_domain::decide::Word;
use proofback_domain::money::{Currencies, Currency, Money};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::rates::{Published, Rate, Rates};
use support::Installation;

/// A program with one goal `sale` whose keys are `goal`, and terms of its own for partner `reel` where given.
fn program(goal: &str, partner: &str) -> String {
    format!(
        r#"
[program]
name = "Money"
currency = "EUR"
timezone = "Europe/Berlin"
extra_currencies = {{ USDT = 6 }}
[[advertiser]]
id = "shop"
currency = "EUR"
[advertiser.postback]
open = true
[[offer]]
id = "box"
advertiser = "shop"
url = "https://shop.example/?c={{click_id}}"
[[offer.goal]]
event = "sale"
approval = "auto"
{goal}
[[partner]]
id = "reel"
{partner}
[[partner]]
id = "mail"
[[link]]
id = "reel-box"
partner = "reel"
offer = "box"
[[link]]
id = "reel-other"
partner = "reel"
offer = "box"
[[link]]
id = "mail-box"
partner = "mail"
offer = "box"
"#
    )
}

struct Sales {
    world: Installation,
    number: u32,
}

impl Sales {
    fn under(goal: &str, partner: &str) -> Self {
        Self { world: Installation::new(&program(goal, partner)), number: 0 }
    }

    fn with_rates(mut self, rates: &[(&str, &str, &str, &str)]) -> Self {
        let published = (1..).zip(rates).map(|(number, (day, base, currency, rate))| Published {
            number,
            day: Day::parse(day).unwrap(),
            base: Currency::parse(base).unwrap(),
            currency: Currency::parse(currency).unwrap(),
            rate: Rate::parse(rate).unwrap(),
        });
        self.world.snapshot = self.world.snapshot.clone().with_rates(Rates::new(published));
        self
    }

    /// A sale of a new click of `link`: its outcome's reason, and what the partner earned by it.
    fn sale(&mut self, link: &str, query: &str) -> (Reason, String) {
        self.number += 1;
        let click = self.world.click(link);
        let query = format!("click_id={click}&event=sale&txid=S{}&{query}", self.number);
        let decision = self.world.get("shop", &query);
        let earned = decision.conversion_id.and_then(|id| self.world.conversions[&id].commission);
        (decision.reason, earned.map(|money| money.to_string()).unwrap_or_default())
    }

    fn earns(&mut self, link: &str, query: &str) -> String {
        let (reason, earned) = self.sale(link, query);
        assert_eq!(reason, Reason::Ok);
        earned
    }

    fn by(&self) -> String {
        self.of_txid(&format!("S{}", self.number)).deal.as_ref().unwrap().by.clone()
    }

    fn of_txid(&self, txid: &str) -> &Conversion {
        let mut all = self.world.conversions.values();
        all.find(|conversion| conversion.txid.as_deref() == Some(txid)).unwrap()
    }
}

#[test]
fn a_commission_is_rounded_once_and_half_to_even() {
    for (payout, amount, earned) in [
        ("30%", "10.05 EUR", "3.02 EUR"),
        ("10%", "0.25 EUR", "0.02 EUR"),
        ("10%", "0.35 EUR", "0.04 EUR"),
        ("10%", "0.45 EUR", "0.04 EUR"),
        ("10%", "0.450001 EUR", "0.05 EUR"),
        ("33.3333%", "100 EUR", "33.33 EUR"),
        ("50%", "5 JPY", "2 JPY"),
        ("50%", "7 JPY", "4 JPY"),
        ("12.5%", "0.1 BHD", "0.012 BHD"),
        ("12.5%", "0.3 BHD", "0.038 BHD"),
        ("10%", "0.000015 USDT", "0.000002 USDT"),
        ("10%", "0.000025 USDT", "0.000002 USDT"),
        ("10%", "0.04 EUR", ""),
        ("0.005 EUR", "1 EUR", ""),
        ("0.015 EUR", "1 EUR", "0.02 EUR"),
        ("1.005 EUR + 10%", "0.2 EUR", "1.02 EUR"),
        ("1 EUR + 10%", "0.05 EUR", "1 EUR"),
        ("1 EUR + 10%", "0.15 EUR", "1.02 EUR"),
    ] {
        let (amount, currency) = amount.split_once(' ').unwrap();
        let mut sales = Sales::under(&format!("payout = \"{payout}\""), "");
        let query = format!("amount={amount}&currency={currency}");
        assert_eq!(sales.earns("reel-box", &query), earned, "{payout} of {amount} {currency}");
    }
}

#[test]
fn amounts_that_are_taken_back_in_parts_leave_no_fraction_behind() {
    // Three refunds of a third each: the commission falls by what the rest gives, rounded anew each time.
    let mut sales = Sales::under("payout = \"10%\"", "");
    assert_eq!(sales.earns("reel-box", "amount=100"), "10 EUR");
    let click = sales.world.conversions.values().next().unwrap().click_id;
    for (txid, amount, left) in
        [("R1", "33.33", "6.67"), ("R2", "33.33", "3.33"), ("R3", "33.33", "0.00"), ("R4", "0.01", "0.00")]
    {
        let query = format!("click_id={click}&event=refund&txid={txid}&original_txid=S1&amount={amount}");
        assert_eq!(sales.world.get("shop", &query).outcome, Outcome::Updated, "{txid}");
        let now = sales.world.balance("partner:reel:approved");
        assert_eq!(now, format!("{left} EUR").replace("0.00 EUR", "0"), "{txid}");
    }
}

#[test]
fn the_partners_own_terms_come_before_the_goals_and_special_ones_before_general_ones() {
    let goal = r#"
payout = "10 EUR"
revenue = "15 EUR"
[[offer.goal.terms]]
link = ["mail-box"]
payout = "11 EUR"
[[offer.goal.terms]]
link = ["mail-box"]
payout = "99 EUR""#;
    let own = r#"
[[partner.payout]]
offer = "box"
event = "sale"
payout = "20 EUR"
[[partner.payout]]
offer = "box"
event = "sale"
link = ["reel-other"]
payout = "25 EUR"
revenue = "40 EUR""#;
    let mut sales = Sales::under(goal, own);
    assert_eq!(sales.earns("reel-box", ""), "20 EUR");
    assert_eq!(sales.by(), "partner reel, sale of box");
    assert_eq!(sales.earns("reel-other", ""), "25 EUR");
    assert_eq!(sales.by(), "partner reel, sale of box, 2");
    assert_eq!(sales.earns("mail-box", ""), "11 EUR");
    assert_eq!(sales.by(), "offer box, sale, 2");
    assert_eq!(
        sales.world.balance("advertiser:shop:due"),
        "-70.00 EUR",
        "the goal's revenue but where terms say another"
    );
}

#[test]
fn terms_of_a_period_hold_from_their_first_to_their_last_day_in_the_programs_zone() {
    let goal = r#"
payout = "10 EUR"
[[offer.goal.terms]]
from = "2026-12-01"
until = "2026-12-24"
payout = "12 EUR""#;
    for (at, earned) in [
        ("2026-11-30T22:59:59Z", "10 EUR"),
        ("2026-11-30T23:00:00Z", "12 EUR"),
        ("2026-12-24T22:59:59Z", "12 EUR"),
        ("2026-12-24T23:00:00Z", "10 EUR"),
    ] {
        let mut sales = Sales::under(goal, "");
        sales.world.pass("60d");
        let click = sales.world.click("reel-box");
        sales.world.pass("60d");
        let query = format!("click_id={click}&event=sale&txid=A&timestamp={at}");
        let decision = sales.world.get("shop", &query);
        let conversion = &sales.world.conversions[&decision.conversion_id.unwrap()];
        // Only a time between the click and now is taken; otherwise the arrival counts.
        let inside = conversion.event_at.iso().starts_with(&at[..19]);
        let expected = if inside { earned } else { "10 EUR" };
        assert_eq!(conversion.commission.unwrap().to_string(), expected, "{at}");
    }
}

#[test]
fn tiers_by_count_pay_each_conversion_by_what_came_before_it() {
    let tiers = r#"
payout = "10 EUR"
tiers = { per = "month", steps = [{ from = "2", payout = "11 EUR" }, { from = "4", payout = "50%" }] }"#;
    let mut sales = Sales::under(tiers, "");
    let earned: Vec<String> = (0..5).map(|_| sales.earns("reel-box", "amount=100")).collect();
    assert_eq!(earned, ["10 EUR", "10 EUR", "11 EUR", "11 EUR", "50 EUR"]);
    assert_eq!(sales.by(), "offer box, sale, tier from 4");
    assert_eq!(sales.earns("mail-box", "amount=100"), "10 EUR", "another partner has volumes of its own");
    sales.world.pass("40d");
    assert_eq!(sales.earns("reel-box", "amount=100"), "10 EUR", "another month begins anew");
}

#[test]
fn tiers_by_amount_count_what_is_left_of_amounts_in_their_own_currency() {
    let tiers = r#"
payout = "10%"
tiers = { per = "total", steps = [{ from = "1000 EUR", payout = "20%" }] }"#;
    let mut sales = Sales::under(tiers, "");
    assert_eq!(sales.earns("reel-box", "amount=600"), "60 EUR");
    assert_eq!(sales.earns("reel-box", "amount=5000&currency=USD"), "500 USD");
    assert_eq!(sales.earns("reel-box", "amount=399.99"), "40 EUR", "999.99 are not 1000");
    assert_eq!(sales.earns("reel-box", "amount=0.01"), "");
    assert_eq!(sales.earns("reel-box", "amount=100"), "20 EUR");
    let first = sales.of_txid("S1").click_id;
    let refund = format!("click_id={first}&event=refund&original_txid=S1&txid=R&amount=500");
    sales.world.get("shop", &refund);
    assert_eq!(sales.earns("reel-box", "amount=100"), "10 EUR", "a refund takes volume back");
}

#[test]
fn a_conversion_keeps_the_terms_it_began_under() {
    let mut sales = Sales::under("payout = \"10%\"\nhold = \"14d\"", "");
    sales.earns("reel-box", "amount=100");
    let id = *sales.world.conversions.keys().next().unwrap();
    let click = sales.world.conversions[&id].click_id;
    let dearer = program("payout = \"50%\"", "");
    let (other, _) = proofback_domain::program::read(&dearer);
    sales.world.snapshot = sales.world.snapshot.under(2, other.unwrap());
    sales.world.get("shop", &format!("click_id={click}&event=sale&txid=S1&amount=200"));
    assert_eq!(sales.world.balance("partner:reel:approved"), "20.00 EUR");
    let conversion = &sales.world.conversions[&id];
    assert_eq!(conversion.payable_at().since(conversion.event_at).to_string(), "14d");
    // Until a person asks for those of now.
    sales.world.review(id, Word::Price).unwrap();
    assert_eq!(sales.world.balance("partner:reel:approved"), "100.00 EUR");
    assert_eq!(sales.world.conversions[&id].payable_at(), sales.world.conversions[&id].event_at);
}

#[test]
fn a_minimum_in_another_currency_is_converted_by_the_rate_of_the_day_or_waits_for_one() {
    let goal = "payout = \"10 EUR\"\nmin_amount = \"20 EUR\"";
    let mut sales = Sales::under(goal, "");
    let (reason, _) = sales.sale("reel-box", "amount=100&currency=USD");
    assert_eq!(reason, Reason::RateMissing);
    assert_eq!(sales.world.balance("partner:reel:approved"), "0");
    let id = *sales.world.conversions.keys().next().unwrap();
    assert!(sales.world.review(id, Word::Rate).is_err(), "there is still none");
    let today = proofback_domain::calendar::Zone::utc().day(sales.world.now).to_string();
    let mut sales = sales.with_rates(&[(&today, "EUR", "USD", "1.25")]);
    let decision = sales.world.review(id, Word::Rate).unwrap();
    assert_eq!(decision.reason, Reason::Ok);
    assert_eq!(decision.effects.entries[0].rate, format!("1 EUR = 1.25 USD on {today}"));
    assert_eq!(sales.world.balance("partner:reel:approved"), "10.00 EUR");
    assert_eq!(sales.earns("reel-box", "amount=25&currency=USD"), "10 EUR", "exactly the minimum");
    assert_eq!(sales.earns("reel-box", "amount=24.99&currency=USD"), "", "19.992 EUR");
    assert_eq!(sales.earns("reel-box", "amount=20"), "10 EUR");
}

#[test]
fn a_refund_in_another_currency_takes_back_what_it_is_worth_on_its_day() {
    let mut sales = Sales::under("payout = \"10%\"", "");
    sales.earns("reel-box", "amount=100");
    let click = sales.world.conversions.values().next().unwrap().click_id;
    let refund = format!("click_id={click}&event=refund&txid=R1&original_txid=S1&amount=50&currency=USD");
    assert_eq!(sales.world.get("shop", &refund).reason, Reason::RateMissing);
    assert_eq!(sales.world.balance("partner:reel:approved"), "10.00 EUR", "it never guesses");
    let today = proofback_domain::calendar::Zone::utc().day(sales.world.now).to_string();
    let mut sales = sales.with_rates(&[(&today, "EUR", "USD", "1.25")]);
    let other = refund.replace("R1", "R2");
    assert_eq!(sales.world.get("shop", &other).reason, Reason::AmountChanged);
    assert_eq!(sales.world.balance("partner:reel:approved"), "6.00 EUR");
    assert_eq!(sales.world.get("shop", &other).outcome, Outcome::Duplicate);
}

/// A sale of 100 EUR of which 50 USD are taken back, at 1.25 today, 2 tomorrow and 4 on the day after.
fn refunded_in_dollars(words: &str) -> (Sales, String) {
    let mut sales = Sales::under("payout = \"10%\"", "");
    let zone = proofback_domain::calendar::Zone::parse("Europe/Berlin").unwrap();
    let today = zone.day(sales.world.now);
    let days = [today, today.next(), today.next().next()].map(|day| day.to_string());
    let rates = days.iter().zip(["1.25", "2", "4"]).map(|(day, rate)| (day.as_str(), "EUR", "USD", rate));
    sales = sales.with_rates(&rates.collect::<Vec<_>>());
    let click = sales.world.click("reel-box");
    let refund = format!("click_id={click}&event=refund&amount=50&currency=USD{words}");
    (sales, refund)
}

#[test]
fn a_repeated_refund_in_another_currency_is_a_repeat_on_any_day() {
    for words in ["&txid=R1&original_txid=S1", "&original_txid=S1", ""] {
        let (mut sales, refund) = refunded_in_dollars(words);
        let click = refund.split('&').next().unwrap();
        sales.world.get("shop", &format!("{click}&event=sale&txid=S1&amount=100"));
        assert_eq!(sales.world.get("shop", &refund).reason, Reason::AmountChanged);
        sales.world.pass("23h");
        sales.world.pass(if words.is_empty() { "0s" } else { "24h" });
        assert_eq!(sales.world.get("shop", &refund).outcome, Outcome::Duplicate, "{words}");
        assert_eq!(sales.world.balance("partner:reel:approved"), "6.00 EUR", "{words}");
    }
}

#[test]
fn a_refund_that_waited_for_its_sale_is_worth_what_it_was_on_its_own_day() {
    let (mut sales, refund) = refunded_in_dollars("&txid=R1&original_txid=S1");
    assert_eq!(sales.world.get("shop", &refund).reason, Reason::AwaitingOriginal);
    sales.world.pass("24h");
    let click = refund.split('&').next().unwrap();
    sales.world.get("shop", &format!("{click}&event=sale&txid=S1&amount=100"));
    assert_eq!(sales.world.balance("partner:reel:approved"), "6.00 EUR");
}

#[test]
fn an_amount_of_which_a_part_was_taken_back_stays_in_its_currency() {
    let mut sales = Sales::under("payout = \"10%\"", "");
    sales.earns("reel-box", "amount=100");
    let click = sales.of_txid("S1").click_id;
    sales.world.get("shop", &format!("click_id={click}&event=refund&txid=R1&original_txid=S1&amount=30"));
    let changed = format!("click_id={click}&event=sale&txid=S1&amount=10000&currency=JPY");
    assert_eq!(sales.world.get("shop", &changed).reason, Reason::BadCurrency);
    assert_eq!(sales.world.balance("partner:reel:approved"), "7.00 EUR");
    let changed = format!("click_id={click}&event=sale&txid=S1&amount=130");
    assert_eq!(sales.world.get("shop", &changed).reason, Reason::AmountChanged);
    assert_eq!(sales.world.balance("partner:reel:approved"), "10.00 EUR");
}

#[test]
fn several_commissions_of_one_lead_are_one_for_each_txid() {
    let mut sales = Sales::under("payout = \"postback\"", "");
    let click = sales.world.click("reel-box");
    for (buyer, payout) in [("B1", "4"), ("B2", "6.50"), ("B1", "4")] {
        sales.world.get("shop", &format!("click_id={click}&event=sale&txid={buyer}&payout={payout}"));
    }
    assert_eq!(sales.world.conversions.len(), 2);
    assert_eq!(sales.world.balance("partner:reel:approved"), "10.50 EUR");
}

#[test]
fn what_a_person_set_is_not_below_zero_and_not_of_what_was_taken_back() {
    let mut sales = Sales::under("payout = \"10 EUR\"", "");
    sales.earns("reel-box", "");
    let id = *sales.world.conversions.keys().next().unwrap();
    assert!(Currencies::default().parse_money("-5 EUR").is_err());
    let euros = |micros| Money { micros, currency: Currency::parse("EUR").unwrap() };
    sales.world.review(id, Word::Adjust(euros(12_500_000))).unwrap();
    assert_eq!(sales.world.balance("partner:reel:approved"), "12.50 EUR");
    sales.world.review(id, Word::Adjust(euros(0))).unwrap();
    assert_eq!(sales.world.balance("partner:reel:approved"), "0");
    sales.world.review(id, Word::Status(Status::Reversed)).unwrap();
    assert!(sales.world.review(id, Word::Adjust(euros(1_000_000))).is_err());
}

#[test]
fn rates_are_taken_from_the_day_or_the_last_ones_before_it_and_never_from_later() {
    let rates = rates(&[
        ("2026-11-19", "EUR", "USD", "1.10"),
        ("2026-11-20", "EUR", "USD", "1.20"),
        ("2026-11-20", "EUR", "JPY", "160"),
        ("2026-11-24", "EUR", "USD", "1.30"),
    ]);
    for (amount, to, day, expected) in [
        ("11 USD", "EUR", "2026-11-19", Some("10 EUR")),
        ("12 USD", "EUR", "2026-11-20", Some("10 EUR")),
        ("12 USD", "EUR", "2026-11-23", Some("10 EUR")),
        ("13 USD", "EUR", "2026-11-24", Some("10 EUR")),
        ("10 EUR", "USD", "2026-11-24", Some("13 USD")),
        ("1 USD", "EUR", "2026-11-20", Some("0.833333 EUR")),
        ("12 USD", "JPY", "2026-11-22", Some("1600 JPY")),
        ("1600 JPY", "USD", "2026-11-24", Some("12 USD")),
        ("1 EUR", "EUR", "2020-01-01", Some("1 EUR")),
        ("11 USD", "EUR", "2026-11-18", None),
        ("160 JPY", "EUR", "2026-11-26", None),
        ("1 GBP", "EUR", "2026-11-20", None),
    ] {
        let money = Currencies::default().parse_money(amount).unwrap();
        let to = Currency::parse(to).unwrap();
        let found = rates.convert(money, to, Day::parse(day).unwrap(), 5);
        assert_eq!(
            found.ok().map(|found| found.money.to_string()).as_deref(),
            expected,
            "{amount} in {to} on {day}"
        );
    }
}

#[test]
fn a_rate_that_is_corrected_stands_behind_the_one_that_was_known_then() {
    let rates = rates(&[("2026-11-20", "EUR", "USD", "1.2"), ("2026-11-20", "EUR", "USD", "1.25")]);
    let convert = |rates: &Rates| {
        let money = Currencies::default().parse_money("10 EUR").unwrap();
        let day = Day::parse("2026-11-20").unwrap();
        rates.convert(money, Currency::parse("USD").unwrap(), day, 0).map(|found| found.money.to_string())
    };
    assert_eq!(convert(&rates).as_deref(), Ok("12.5 USD"));
    assert_eq!(convert(&rates.until(1)).as_deref(), Ok("12 USD"));
    assert!(convert(&rates.until(0)).is_err());
}

#[test]
fn rates_are_plain_positive_decimals() {
    for text in ["1", "1.0812", "0.000000000001", "18000000"] {
        assert_eq!(Rate::parse(text).unwrap().to_string(), text);
    }
    for text in
        ["", "0", "0.0", "-1", "+1", "1e3", "1,2", ".5", "1.", "1.0000000000001", "99999999999", "NaN"]
    {
        assert!(Rate::parse(text).is_err(), "{text}");
    }
}

fn rates(published: &[(&str, &str, &str, &str)]) -> Rates {
    Rates::new((1..).zip(published).map(|(number, (day, base, currency, rate))| Published {
        number,
        day: Day::parse(day).unwrap(),
        base: Currency::parse(base).unwrap(),
        currency: Currency::parse(currency).unwrap(),
        rate: Rate::parse(rate).unwrap(),
    }))
}
