//! Payouts and invoices as the auditor sees them, and what stands on each account.

use std::collections::BTreeMap;

use crate::books::Books;
use crate::plan::{Kind, Move};
use crate::sums::{DAY_MS, Sum};

#[derive(Debug, Clone)]
pub struct Settlement {
    pub kind: Kind,
    pub code: &'static str,
    /// The conversion, by its place, and what is owed for it, or was paid too much.
    pub lines: Vec<(usize, i128)>,
    pub state: &'static str,
}

/// Millionths by account and currency; nothing where nothing stands.
pub type Balances = BTreeMap<(String, String), i128>;

impl Books {
    /// What a request for a settlement is answered: sum, lines and state, or why not.
    pub fn settle(&mut self, kind: Kind, code: &'static str, draft: bool, now: i64) -> String {
        let mut lines = Vec::new();
        for (place, sale) in self.sales.iter().enumerate() {
            let hold = if kind == Kind::Payout { self.goals[sale.goal].hold_days * DAY_MS } else { 0 };
            let taken = self.taken_up(kind, place, code, |state| state != "cancelled");
            let open = self.standing(kind, place, code) - taken;
            if open != 0 && sale.event_at + hold <= now {
                lines.push((place, open));
            }
        }
        let sum: i128 = lines.iter().map(|(_, micros)| micros).sum();
        let min = self.min_payout.filter(|min| kind == Kind::Payout && min.code == code);
        if lines.is_empty() {
            return "refused Nothing".into();
        }
        if sum <= 0 {
            return "refused Carried".into();
        }
        if sum < min.map_or(0, |min| min.micros) {
            return "refused BelowMinimum".into();
        }
        let state = match (draft, kind) {
            (true, _) => "draft",
            (false, Kind::Payout) => "paid",
            (false, Kind::Invoice) => "invoiced",
        };
        let answer = format!("{sum} {code} in {} {state}", lines.len());
        self.settlements.push(Settlement { kind, code, lines, state });
        answer
    }

    pub fn advance(&mut self, which: usize, step: Move) -> String {
        let settlement = &mut self.settlements[which];
        let next = match (settlement.kind, settlement.state, step) {
            (Kind::Payout, "draft", Move::Settle) => "paid",
            (Kind::Invoice, "draft", Move::Settle) => "invoiced",
            (Kind::Invoice, "invoiced", Move::Receive) => "received",
            (_, "draft" | "paid" | "invoiced", Move::Cancel) => "cancelled",
            (_, _, _) => return "refused Step".into(),
        };
        settlement.state = next;
        let sum: i128 = settlement.lines.iter().map(|(_, micros)| micros).sum();
        format!("{sum} {} in {} {next}", settlement.code, settlement.lines.len())
    }

    /// What is the partner's, or owed by the advertiser, for one conversion as it stands.
    fn standing(&self, kind: Kind, place: usize, code: &str) -> i128 {
        let sale = &self.sales[place];
        let sum = match kind {
            Kind::Payout => sale.on_account("approved"),
            Kind::Invoice => sale.billed(),
        };
        sum.filter(|sum| sum.code == code).map_or(0, |sum| sum.micros)
    }

    fn taken_up(&self, kind: Kind, place: usize, code: &str, counts: impl Fn(&str) -> bool) -> i128 {
        let ours = |one: &&Settlement| one.kind == kind && one.code == code && counts(one.state);
        let lines = self.settlements.iter().filter(ours).flat_map(|one| &one.lines);
        lines.filter(|(line, _)| *line == place).map(|(_, micros)| micros).sum()
    }

    /// Everything that stands on the accounts of this history's partner and advertiser, and on the house's.
    pub fn balances(&self, seed: u64) -> Balances {
        let mut balances = Balances::new();
        let mut add = |account: &str, sum: Sum, sign: i128| {
            *balances.entry((account.to_owned(), sum.code.to_owned())).or_default() += sign * sum.micros;
        };
        let partner = |side: &str| format!("partner:p{seed}:{side}");
        let advertiser = |side: &str| format!("advertiser:a{seed}:{side}");
        for sale in &self.sales {
            for side in ["pending", "approved"] {
                if let Some(sum) = sale.on_account(side) {
                    add(&partner(side), sum, 1);
                    add("house:commission", sum, -1);
                }
            }
            if let Some(sum) = sale.billed() {
                add(&advertiser("due"), sum, -1);
                add("house:income", sum, 1);
            }
        }
        for Settlement { code, lines, state, .. } in &self.settlements {
            let sum = Sum { micros: lines.iter().map(|(_, micros)| micros).sum(), code };
            match *state {
                "paid" => {
                    add(&partner("approved"), sum, -1);
                    add(&partner("paid"), sum, 1);
                }
                "invoiced" | "received" => {
                    add(&advertiser("due"), sum, 1);
                    add(&advertiser(state), sum, -1);
                }
                _ => {}
            }
        }
        balances.retain(|_, micros| *micros != 0);
        balances
    }
}
