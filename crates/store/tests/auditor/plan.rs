//! What happens in one history: its terms, and what is said and asked for on each of its days.
//!
//! A plan is drawn without looking at what comes of it. What the promises leave open is left out when its turn comes:
//! [`crate::books`] says so.

use crate::draw::Draw;
use crate::sums::{CODES, DAY_MS, DAYS, FIRST_DAY, Sum};

#[derive(Debug, Clone, Copy)]
pub enum Pay {
    Fixed(Sum),
    /// Parts in a million.
    Share(i128),
    Both(Sum, i128),
    Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    Auto,
    Postback,
    Manual,
    AfterDays(i64),
}

#[derive(Debug, Clone)]
pub struct Goal {
    pub event: &'static str,
    pub approval: Approval,
    pub pay: Pay,
    /// From so many conversions before it.
    pub tiers: Vec<(usize, Pay)>,
    /// Tiers begin anew each day.
    pub daily: bool,
    /// Absent: what the postback names.
    pub revenue: Option<Pay>,
    pub min: Option<Sum>,
    pub hold_days: i64,
    pub allowed: Vec<Sum>,
}

/// What a postback says; a reversal names its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub event: &'static str,
    pub txid: String,
    pub original: Option<String>,
    pub status: Option<&'static str>,
    pub amount: Option<Sum>,
    pub payout: Option<Sum>,
    pub revenue: Option<Sum>,
    /// How long before its arrival it happened, by the sender's word.
    pub stamp: Option<i64>,
}

#[derive(Debug, Clone)]
pub enum Deed {
    Status(&'static str),
    /// By so many of the smallest units; never below zero.
    Adjust(i128),
    Accept,
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Payout,
    Invoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Settle,
    Receive,
    Cancel,
}

#[derive(Debug, Clone)]
pub enum Step {
    Send(Word),
    /// One of those that were sent, as it was.
    Repeat(u64),
    Person {
        txid: String,
        deed: Deed,
    },
    /// `twice`: the same request again under the same Idempotency-Key.
    Settle {
        kind: Kind,
        code: &'static str,
        draft: bool,
        twice: bool,
    },
    /// One of those that were made.
    Advance {
        kind: Kind,
        which: u64,
        step: Move,
    },
}

pub struct Plan {
    pub seed: u64,
    pub goals: Vec<Goal>,
    pub min_payout: Option<Sum>,
    /// Steps with their times, in order, day by day.
    pub days: Vec<Vec<(i64, Step)>>,
}

/// Conversions that a history may have.
const SLOTS: i64 = 8;

struct Slot {
    goal: Goal,
    txid: String,
    amounts: Vec<Sum>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let goals = goals(&mut draw);
        let min_payout = draw.once_in(3).then_some(Sum { micros: 15_000_000, code: "EUR" });
        let slots: Vec<Slot> =
            (0..draw.between(2, SLOTS)).map(|number| slot(&mut draw, &goals, number)).collect();
        let mut days = Vec::new();
        for day in 0..DAYS {
            let mut at = FIRST_DAY + day * DAY_MS;
            let mut steps = Vec::new();
            for _ in 0..draw.between(2, 7) {
                at += draw.between(1_000, DAY_MS / 8);
                steps.push((at, step(&mut draw, &slots, at)));
            }
            days.push(steps);
        }
        Self { seed, goals, min_payout, days }
    }

    /// Its part of a program file.
    pub fn program(&self) -> String {
        let seed = self.seed;
        let min_payout = self.min_payout.map(|sum| format!("min_payout = \"{sum}\"\n")).unwrap_or_default();
        let goals: String = self.goals.iter().map(Goal::program).collect();
        format!(
            "[[advertiser]]\nid = \"a{seed}\"\ncurrency = \"EUR\"\n[advertiser.postback]\nopen = true\n\
             [[offer]]\nid = \"o{seed}\"\nadvertiser = \"a{seed}\"\nurl = \"https://shop.example/?c={{click_id}}\"\n\
             {goals}[[partner]]\nid = \"p{seed}\"\n{min_payout}\
             [[link]]\nid = \"l{seed}\"\npartner = \"p{seed}\"\noffer = \"o{seed}\"\n"
        )
    }
}

impl Goal {
    fn program(&self) -> String {
        let mut text = format!("[[offer.goal]]\nevent = \"{}\"\npayout = \"{}\"\n", self.event, self.pay);
        if let Some(revenue) = self.revenue {
            text += &format!("revenue = \"{revenue}\"\n");
        }
        text += &match self.approval {
            Approval::Auto => "approval = \"auto\"\n".into(),
            Approval::Postback => "approval = \"postback\"\n".into(),
            Approval::Manual => "approval = \"manual\"\n".into(),
            Approval::AfterDays(days) => format!("approval = \"after {days}d\"\n"),
        };
        if let Some(min) = self.min {
            text += &format!("min_amount = \"{min}\"\n");
        }
        if self.hold_days > 0 {
            text += &format!("hold = \"{}d\"\n", self.hold_days);
        }
        if !self.allowed.is_empty() {
            let sums: Vec<String> = self.allowed.iter().map(|sum| format!("\"{sum}\"")).collect();
            text += &format!("allowed_payouts = [{}]\n", sums.join(", "));
        }
        if !self.tiers.is_empty() {
            let step = |(from, pay): &(usize, Pay)| format!("{{ from = \"{from}\", payout = \"{pay}\" }}");
            let steps: Vec<String> = self.tiers.iter().map(step).collect();
            let per = if self.daily { "day" } else { "total" };
            text += &format!("tiers = {{ per = \"{per}\", steps = [{}] }}\n", steps.join(", "));
        }
        text
    }
}

impl std::fmt::Display for Pay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |parts: &i128| Sum { micros: parts * 100, code: "" }.decimal();
        match self {
            Self::Fixed(sum) => write!(formatter, "{sum}"),
            Self::Share(parts) => write!(formatter, "{}%", percent(parts)),
            Self::Both(sum, parts) => write!(formatter, "{sum} + {}%", percent(parts)),
            Self::Named => formatter.write_str("postback"),
        }
    }
}

const SHARES: [i128; 7] = [100_000, 125_000, 500_000, 333_333, 25_000, 72_500, 1_000_000];

fn fixed(draw: &mut Draw) -> Sum {
    let sums = [
        ("EUR", 7_500_000),
        ("EUR", 5_005_000),
        ("EUR", 12_345_678),
        ("USD", 9_990_000),
        ("JPY", 500_500_000),
        ("USDT", 3_141_592),
        ("GBP", 4_000_000),
    ];
    let (code, micros) = draw.pick(&sums);
    Sum { micros, code }
}

fn pay(draw: &mut Draw) -> Pay {
    match draw.between(0, 5) {
        0 => Pay::Fixed(fixed(draw)),
        1..=3 => Pay::Share(draw.pick(&SHARES)),
        _ => Pay::Both(fixed(draw), draw.pick(&SHARES)),
    }
}

fn goals(draw: &mut Draw) -> Vec<Goal> {
    let plain = |event, approval, pay| Goal {
        event,
        approval,
        pay,
        tiers: Vec::new(),
        daily: false,
        revenue: None,
        min: None,
        hold_days: 0,
        allowed: Vec::new(),
    };
    let mut goals = vec![
        plain("sale", Approval::Postback, pay(draw)),
        plain("ftd", Approval::Auto, pay(draw)),
        plain("lead", Approval::AfterDays(draw.between(1, 3)), Pay::Fixed(fixed(draw))),
        plain("quote", Approval::Manual, pay(draw)),
        plain("bonus", draw.pick(&[Approval::Auto, Approval::Postback]), Pay::Named),
    ];
    for goal in &mut goals {
        goal.revenue = match draw.between(0, 3) {
            0 => None,
            1 => Some(Pay::Fixed(fixed(draw))),
            _ => Some(pay(draw)),
        };
        let min =
            |draw: &mut Draw| Sum { micros: 20_000_000, code: draw.pick(&["EUR", "EUR", "USD", "GBP"]) };
        goal.min = draw.once_in(3).then(|| min(draw));
        goal.hold_days = if draw.once_in(3) { draw.between(1, 2) } else { 0 };
    }
    let five = Sum { micros: 5_000_000, code: "EUR" };
    goals[4].allowed =
        if draw.once_in(2) { vec![five, Sum { micros: 7_070_000, ..five }] } else { Vec::new() };
    let tiered = usize::try_from(draw.between(0, 3)).unwrap();
    goals[tiered].tiers = vec![(1, pay(draw)), (usize::try_from(draw.between(2, 3)).unwrap(), pay(draw))];
    goals[tiered].daily = draw.once_in(2);
    goals
}

/// Half of them lie where a share ends in half a smallest unit.
fn amount(draw: &mut Draw, code: &'static str) -> Sum {
    let scale = if code == "JPY" { 100 } else { 1 };
    let micros = match draw.between(0, 5) {
        0 => draw.between(1, 60_000_000),
        1 => 20_000_000 + draw.between(-1, 1),
        2 | 3 => (2 * draw.between(0, 400) + 1) * 50_000 * scale,
        4 => (2 * draw.between(0, 600) + 1) * 40_000 * scale,
        _ => draw.between(1, 9_000) * 10_000 * scale,
    };
    Sum { micros: i128::from(micros), code }
}

fn slot(draw: &mut Draw, goals: &[Goal], number: i64) -> Slot {
    let goal = draw.pick(goals);
    let code = draw.pick(&["EUR", "EUR", "EUR", "USD", "JPY", "USDT", "GBP"]);
    let mut amounts = vec![amount(draw, code), amount(draw, code), amount(draw, code)];
    let other = draw.pick(&CODES);
    amounts.push(amount(draw, other));
    Slot { goal, txid: format!("T{number}"), amounts }
}

fn step(draw: &mut Draw, slots: &[Slot], at: i64) -> Step {
    let place = usize::try_from(draw.between(0, i64::try_from(slots.len()).unwrap() - 1)).unwrap();
    let slot = &slots[place];
    let kind = if draw.once_in(3) { Kind::Invoice } else { Kind::Payout };
    match draw.between(0, 19) {
        0..=7 => Step::Send(word(draw, slot, at)),
        8..=9 => Step::Repeat(draw.bits()),
        10..=11 => Step::Send(reversal(draw, slot, at)),
        12..=14 => Step::Person { txid: slot.txid.clone(), deed: deed(draw) },
        15..=17 => {
            let code = draw.pick(&[slot.amounts[0].code, "EUR", "EUR"]);
            Step::Settle { kind, code, draft: draw.once_in(3), twice: draw.once_in(4) }
        }
        _ => {
            let step = draw.pick(&[Move::Settle, Move::Settle, Move::Receive, Move::Cancel]);
            Step::Advance { kind, which: draw.bits(), step }
        }
    }
}

fn stamp(draw: &mut Draw, at: i64) -> Option<i64> {
    // The click came half a day before the first day.
    let oldest = FIRST_DAY - DAY_MS / 2;
    match draw.between(0, 9) {
        0 => Some((at - draw.between(0, 2 * DAY_MS)).max(oldest)),
        1 => Some(at - 1),
        // Midnight, where a day with its rates begins; the last moment of the day before.
        2 => Some(at - (at - FIRST_DAY) % DAY_MS - draw.between(0, 1)),
        _ => None,
    }
}

fn word(draw: &mut Draw, slot: &Slot, at: i64) -> Word {
    let statuses =
        [None, None, Some("approved"), Some("approved"), Some("pending"), Some("rejected"), Some("reversed")];
    let main = slot.amounts[0];
    let amount = match draw.between(0, 9) {
        0..=2 => None,
        3..=6 => Some(main),
        7 => Some(slot.amounts[1]),
        8 => Some(slot.amounts[2]),
        _ => Some(slot.amounts[3]),
    };
    let code = amount.map_or(main.code, |amount| amount.code);
    let payouts = [5_000_000, 7_070_000, 5_000_000, 1_234_567];
    let named = matches!(slot.goal.pay, Pay::Named).then(|| Sum { micros: draw.pick(&payouts), code });
    let revenue =
        slot.goal.revenue.is_none().then(|| Sum { micros: draw.pick(&[3_000_000, 8_885_000]), code });
    Word {
        event: slot.goal.event,
        txid: slot.txid.clone(),
        original: None,
        status: draw.pick(&statuses),
        amount,
        payout: named,
        revenue: revenue.filter(|_| draw.once_in(2)),
        stamp: stamp(draw, at),
    }
}

fn reversal(draw: &mut Draw, slot: &Slot, at: i64) -> Word {
    let main = slot.amounts[0];
    let part = |draw: &mut Draw| main.micros * i128::from(draw.between(1, 9)) / 10;
    let amount = match draw.between(0, 9) {
        0 | 1 => None,
        2 => Some(main),
        3 => Some(Sum { micros: part(draw), code: draw.pick(&CODES) }),
        _ => Some(Sum { micros: part(draw), code: main.code }),
    };
    Word {
        event: draw.pick(&["refund", "refund", "chargeback"]),
        // Each has an id of its own, and so one content for life.
        txid: format!("R{}", draw.bits() % 1_000_000_000),
        original: Some(slot.txid.clone()),
        status: None,
        amount: amount.filter(|amount| amount.micros > 0),
        payout: None,
        revenue: None,
        stamp: stamp(draw, at),
    }
}

fn deed(draw: &mut Draw) -> Deed {
    match draw.between(0, 9) {
        0..=2 => Deed::Status("approved"),
        3 => Deed::Status("rejected"),
        4 => Deed::Status("reversed"),
        5..=6 => Deed::Adjust(i128::from(draw.between(-900, 900))),
        7..=8 => Deed::Accept,
        _ => Deed::Reject,
    }
}
