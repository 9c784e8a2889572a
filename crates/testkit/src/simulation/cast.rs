//! Who takes part in the demo, and on what terms.
//!
//! The terms of `programs/demo.toml` stand here a second time on purpose: what must come out is not to be read
//! by the product's own reader.

use super::book::What;
use crate::advertiser::Dialect;

/// The program with `https://*.example` where the simulated servers belong.
pub const PROGRAM: &str = include_str!("../../programs/demo.toml");
/// Where a delivery fails twice before it is taken.
pub const FLAKY_PATH: &str = "/flaky";
/// How often it fails there.
pub const FLAKY_TIMES: u32 = 2;

pub struct Advertiser {
    pub id: &'static str,
    /// What stands for its site in the program.
    pub host: &'static str,
    /// The environment variable that the program names for its token.
    pub secret: &'static str,
    pub token: &'static str,
    pub dialect: Dialect,
}

pub struct Partner {
    pub id: &'static str,
    /// The parameters on our links for its own click id and for the cost.
    pub click_param: &'static str,
    pub cost_param: &'static str,
    /// How its own click ids begin.
    pub prefix: &'static str,
    /// A traffic source does not.
    pub earns: bool,
    /// Where on the tracker it is told.
    pub path: &'static str,
    pub hears: &'static [What],
    /// Only of these events; empty: of all.
    pub of_events: &'static [&'static str],
}

/// One event that an offer counts.
pub struct Goal {
    pub event: &'static str,
    pub offer: &'static str,
    pub advertiser: &'static str,
    pub currency: &'static str,
    pub payout: Terms,
    /// Partners with terms of their own.
    pub own: &'static [(&'static str, Terms)],
    pub revenue: Terms,
    /// Below this amount, in cents, nothing is earned.
    pub minimum: i64,
}

#[derive(Clone, Copy)]
pub enum Terms {
    /// Cents.
    Fixed(i64),
    /// Hundredths of a percent of the amount.
    Share(i64),
}

pub static ADVERTISERS: [Advertiser; 3] = [
    Advertiser {
        id: "casino",
        host: "https://casino.example",
        secret: "CASINO_TOKEN",
        token: "casino-token-of-the-demo",
        dialect: Dialect {
            names: &[
                ("click_id", "cid"),
                ("txid", "order"),
                ("original_txid", "ref"),
                ("event_type", "goal"),
                ("status", "st"),
                ("amount", "sum"),
                ("currency", "cur"),
                ("token", "key"),
            ],
            events: &[("registration", "reg"), ("ftd", "dep")],
            statuses: &[("pending", "0"), ("approved", "1"), ("rejected", "2")],
        },
    },
    Advertiser {
        id: "shop",
        host: "https://shop.example",
        secret: "SHOP_TOKEN",
        token: "shop-token-of-the-demo",
        dialect: Dialect { names: &[], events: &[], statuses: &[] },
    },
    Advertiser {
        id: "streamly",
        host: "https://streamly.example",
        secret: "STREAMLY_TOKEN",
        token: "streamly-token-of-the-demo",
        // The default names have synonyms; this sender uses them.
        dialect: Dialect {
            names: &[("txid", "transaction_id"), ("event_type", "event"), ("amount", "sale_amount")],
            events: &[],
            statuses: &[],
        },
    },
];

/// What stands for the partners' tracker in the program.
pub const TRACKER_HOST: &str = "https://tracker.example";

pub static PARTNERS: [Partner; 4] = [
    Partner {
        id: "reelmedia",
        click_param: "click_id",
        cost_param: "cost",
        prefix: "RM",
        earns: true,
        path: "/postback",
        hears: &[What::Created, What::Earned, What::Adjusted],
        of_events: &["ftd", "sale", "rebill"],
    },
    Partner {
        id: "mailwave",
        click_param: "subid",
        cost_param: "spend",
        prefix: "mw",
        earns: true,
        path: "/postback",
        hears: &[What::Rejected, What::Earned, What::Adjusted],
        of_events: &[],
    },
    Partner {
        id: "nightowl",
        click_param: "aff_sub",
        cost_param: "cost",
        prefix: "owl",
        earns: true,
        path: FLAKY_PATH,
        hears: &[What::Earned, What::Adjusted],
        of_events: &[],
    },
    Partner {
        id: "adstream",
        click_param: "zoneclick",
        cost_param: "bid",
        prefix: "zc",
        earns: false,
        path: "/postback",
        hears: &[What::Created],
        of_events: &["ftd", "sale"],
    },
];

pub const CURRENCIES: [&str; 2] = ["EUR", "USD"];

/// Each offer with its advertiser.
pub const OFFERS: [(&str, &str); 3] =
    [("casino-de", "casino"), ("shop-all", "shop"), ("streamly-plus", "streamly")];

const NOTHING: Terms = Terms::Fixed(0);

pub static REGISTRATION: Goal = Goal {
    event: "registration",
    offer: "casino-de",
    advertiser: "casino",
    currency: "EUR",
    payout: NOTHING,
    own: &[],
    revenue: NOTHING,
    minimum: 0,
};

pub static FIRST_DEPOSIT: Goal = Goal {
    event: "ftd",
    offer: "casino-de",
    advertiser: "casino",
    currency: "EUR",
    payout: Terms::Fixed(120_00),
    own: &[("reelmedia", Terms::Fixed(140_00))],
    revenue: Terms::Fixed(150_00),
    minimum: 20_00,
};

pub static SHOP_SALE: Goal = Goal {
    event: "sale",
    offer: "shop-all",
    advertiser: "shop",
    currency: "EUR",
    payout: Terms::Share(7_50),
    own: &[("mailwave", Terms::Share(9_00))],
    revenue: Terms::Share(10_00),
    minimum: 0,
};

pub static TRIAL: Goal = Goal {
    event: "trial",
    offer: "streamly-plus",
    advertiser: "streamly",
    currency: "USD",
    payout: NOTHING,
    own: &[],
    revenue: NOTHING,
    minimum: 0,
};

pub static FIRST_PAYMENT: Goal = Goal {
    event: "sale",
    offer: "streamly-plus",
    advertiser: "streamly",
    currency: "USD",
    payout: Terms::Fixed(8_00),
    own: &[],
    revenue: Terms::Fixed(10_00),
    minimum: 0,
};

pub static REBILL: Goal = Goal {
    event: "rebill",
    offer: "streamly-plus",
    advertiser: "streamly",
    currency: "USD",
    payout: Terms::Share(30_00),
    own: &[],
    revenue: Terms::Share(40_00),
    minimum: 0,
};

impl Goal {
    /// What a partner earns, in cents, by an amount of so many cents.
    pub fn commission(&self, partner: &Partner, cents: i64) -> i64 {
        if !partner.earns || cents < self.minimum {
            return 0;
        }
        let own = self.own.iter().find(|(id, _)| *id == partner.id);
        own.map_or(self.payout, |(_, terms)| *terms).of(cents)
    }

    /// What the advertiser owes, in cents, for an amount of so many cents.
    pub fn revenue(&self, cents: i64) -> i64 {
        if cents < self.minimum { 0 } else { self.revenue.of(cents) }
    }
}

impl Terms {
    fn of(self, cents: i64) -> i64 {
        match self {
            Self::Fixed(cents) => cents,
            Self::Share(hundredths) => half_even(cents * hundredths, 10_000),
        }
    }
}

/// A division of numbers that are not negative, to the nearest whole, and from the middle to the even one.
fn half_even(dividend: i64, divisor: i64) -> i64 {
    let (whole, rest) = (dividend / divisor, dividend % divisor);
    match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}

/// Cents as they are written: `140.00`, `-7.50`.
pub fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// Reads an amount with at most two digits after its point.
pub fn cents(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fraction = format!("{fraction:0<2}");
    let fits =
        fraction.len() == 2 && (whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit());
    let whole: i64 = whole.parse().ok().filter(|_| fits)?;
    Some(sign * (whole * 100 + fraction.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_to_even() {
        let reelmedia = &PARTNERS[0];
        for (amount, commission) in [(20, 2), (60, 4), (1_00, 8), (1_40, 10), (33_33, 2_50), (200_00, 15_00)]
        {
            assert_eq!(SHOP_SALE.commission(reelmedia, amount), commission, "{amount}");
        }
    }

    #[test]
    fn terms_of_a_partners_own_come_first_and_a_traffic_source_earns_nothing() {
        let earned = PARTNERS.each_ref().map(|partner| FIRST_DEPOSIT.commission(partner, 20_00));
        assert_eq!(earned, [140_00, 120_00, 120_00, 0]);
        assert_eq!(FIRST_DEPOSIT.commission(&PARTNERS[0], 19_99), 0);
    }

    #[test]
    fn money_reads_back() {
        for (text, number) in [("140.00", 140_00), ("-7.50", -7_50), ("0.05", 5), ("-0.05", -5)] {
            assert_eq!(cents(text), Some(number));
            assert_eq!(money(number), text);
        }
        assert_eq!(cents("12"), Some(12_00));
        for text in ["", "1.234", "1,5", "x", "1.-5"] {
            assert_eq!(cents(text), None, "{text}");
        }
    }
}
