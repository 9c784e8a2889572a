//! The auditor: from what was sent and said alone it says what is answered and what stands on every account.
//!
//! It knows the promises and nothing of the code that keeps them. Where they leave open what happens, it says nothing
//! (`None`), and the step is left out of the history. That is: what comes while a change waits for a rate; a sender's
//! time that lies between his own last word and a person's; a part taken back of a sum that the sender named himself,
//! or of an adjusted one that has a minimum; a part of what named no amount; another currency or another base for an
//! amount of which a part is gone; a reversal undone after a part was taken back; a word in favour of what was never
//! worth anything; a change to a payout that is not allowed; tiers while one of those before it waits; `reversed` as a
//! status of what a refund has named.

use crate::plan::{Approval, Deed, Goal, Pay, Plan, Word};
use crate::sale::{Sale, Status, Why, lowers, may_follow};
use crate::settled::Settlement;
use crate::sums::{DAY_MS, FIRST_DAY, LATE_DAY, Sum, day_of, exchanged, unit};

#[derive(Debug, Clone)]
pub struct Books {
    pub goals: Vec<Goal>,
    pub min_payout: Option<Sum>,
    pub sales: Vec<Sale>,
    /// Reversals that have taken their key, and those of them that overtook their sale, with their arrivals.
    pub taken: Vec<Word>,
    pub waiting: Vec<(Word, i64)>,
    pub settlements: Vec<Settlement>,
    pub late_known: bool,
}

/// Nothing changes, and whether that is called a repeat or refused is left open.
pub const UNCHANGED: &str = "unchanged";

impl Books {
    pub fn new(plan: &Plan) -> Self {
        Self {
            goals: plan.goals.clone(),
            min_payout: plan.min_payout,
            sales: Vec::new(),
            taken: Vec::new(),
            waiting: Vec::new(),
            settlements: Vec::new(),
            late_known: false,
        }
    }

    fn place(&self, txid: &str) -> Option<usize> {
        self.sales.iter().position(|sale| sale.txid == txid)
    }

    /// What a postback is answered that arrives at `at`.
    pub fn hear(&mut self, word: &Word, at: i64) -> Option<String> {
        if word.original.is_some() {
            return self.hear_reversal(word, at);
        }
        match self.place(&word.txid) {
            None => self.first(word, at),
            Some(place) => self.further(place, word, at),
        }
    }

    fn first(&mut self, word: &Word, at: i64) -> Option<String> {
        let index = self.goals.iter().position(|goal| goal.event == word.event)?;
        let goal = self.goals[index].clone();
        let status = match (word.status, goal.approval) {
            (Some("reversed"), _) => return None,
            (Some(lower @ ("rejected" | "pending")), _) => lower,
            (_, Approval::Auto) | (Some(_), Approval::Postback) => "approved",
            (_, _) => "pending",
        };
        let mut sale = Sale {
            txid: word.txid.clone(),
            goal: index,
            status,
            amount: word.amount,
            payout: word.payout,
            revenue: word.revenue,
            refunded: 0,
            arrived: at,
            event_at: word.stamp.unwrap_or(at),
            pay: self.tier(&goal, index, at)?,
            adjusted: None,
            reviewed: false,
            held: None,
            blocked: None,
            said: Vec::new(),
            changed: word.stamp.unwrap_or(at),
            spoken: 0,
            earns: None,
            owed: None,
        };
        match sale.money(&goal, self.late_known) {
            Ok((earns, owed)) => (sale.earns, sale.owed) = (earns, owed),
            Err(_) if status == "rejected" => {}
            Err(why) => sale.held = Some(why),
        }
        sale.keep_said(Some(word.clone()));
        let answer = match sale.held {
            Some(why) => format!("held {} {status}", reason(why)),
            None => format!("accepted ok {status}"),
        };
        self.sales.push(sale);
        self.overtaken(&word.txid, at)?;
        Some(answer)
    }

    /// Applies the reversals that came before their sale.
    fn overtaken(&mut self, txid: &str, now: i64) -> Option<()> {
        let place = self.place(txid)?;
        let ours = |(word, _): &(Word, i64)| word.original.as_deref() == Some(txid);
        let due: Vec<(Word, i64)> = self.waiting.iter().filter(|one| ours(one)).cloned().collect();
        self.waiting.retain(|one| !ours(one));
        for (word, at) in due {
            self.taken.retain(|taken| *taken != word);
            let answer = self.take_back(place, &word, at)?;
            // Whether another rate ends it is another history's question.
            if self.sales[place].blocked.is_some() {
                return None;
            }
            self.sales[place].spoken = now;
            if !answer.starts_with("rejected") {
                self.taken.push(word);
            }
        }
        Some(())
    }

    /// The price by what was there before of the same goal.
    fn tier(&self, goal: &Goal, index: usize, at: i64) -> Option<Pay> {
        let before = |sale: &&Sale| {
            sale.goal == index && !lowers(sale.status) && (!goal.daily || day_of(sale.arrived) == day_of(at))
        };
        if goal.tiers.is_empty() {
            return Some(goal.pay);
        }
        if self.sales.iter().filter(before).any(|sale| sale.held.is_some()) {
            return None;
        }
        let count = self.sales.iter().filter(before).count();
        let reached = goal.tiers.iter().filter(|(from, _)| *from <= count).max_by_key(|(from, _)| *from);
        Some(reached.map_or(goal.pay, |(_, pay)| *pay))
    }

    fn further(&mut self, place: usize, word: &Word, at: i64) -> Option<String> {
        let (goal, late_known) = (self.goals[self.sales[place].goal].clone(), self.late_known);
        let sale = &mut self.sales[place];
        let taken_back = self.taken.iter().any(|taken| taken.original.as_ref() == Some(&word.txid));
        if sale.blocked.is_some() || word.status == Some("reversed") && taken_back {
            return None;
        }
        let newer = match word.stamp {
            Some(stamp) if sale.changed < stamp && stamp <= sale.spoken => return None,
            Some(stamp) => sale.changed < stamp,
            None => false,
        };
        let repeat = format!("duplicate duplicate {}", sale.status);
        let seen = sale.said.iter().any(|said| said.word.as_ref() == Some(word));
        if sale.has_had(word) && (seen || !newer) {
            return Some(repeat);
        }
        let overtaken =
            word.stamp.is_some_and(|stamp| sale.newest_stamp().is_some_and(|newest| stamp < newest));
        let favour = matches!(word.status, Some("approved" | "pending"));
        let ours_to_say = matches!(goal.approval, Approval::Manual | Approval::AfterDays(_));
        let next = word.status.filter(|_| !(favour && ours_to_say)).unwrap_or(sale.status);
        if next != sale.status && !may_follow(sale.status, next, newer) {
            return Some(if overtaken { UNCHANGED.into() } else { "rejected invalid_transition".into() });
        }
        let mut after = sale.clone();
        after.status = next;
        after.amount = word.amount.or(sale.amount);
        after.payout = word.payout.or(sale.payout);
        after.revenue = word.revenue.or(sale.revenue);
        after.reviewed = sale.reviewed && after.payout == sale.payout;
        let same_money =
            (after.amount, after.payout, after.revenue) == (sale.amount, sale.payout, sale.revenue);
        if overtaken || next == sale.status && same_money {
            return Some(repeat);
        }
        if !is_said(sale, &after, &goal) {
            return None;
        }
        let told = if next == sale.status { "amount_changed" } else { changed_to(next) };
        match (after.money(&goal, late_known), sale.held) {
            (Ok((earns, owed)), _) => (after.earns, after.owed, after.held) = (earns, owed, None),
            (Err(_), Some(_)) if lowers(next) && same_money => after.held = None,
            (Err(_), _) if lowers(next) => return None,
            (Err(why), Some(_)) => after.held = Some(why),
            (Err(Why::Rate), None) if !lowers(sale.status) && word.stamp.is_none() => {
                sale.blocked = Some((word.clone(), at));
                return Some(format!("held rate_missing {}", sale.status));
            }
            (Err(_), None) => return None,
        }
        after.changed = after.changed.max(word.stamp.unwrap_or(at));
        after.keep_said(Some(word.clone()));
        *sale = after;
        Some(match sale.held {
            Some(why) => format!("held {} {next}", reason(why)),
            None => format!("updated {told} {next}"),
        })
    }

    fn hear_reversal(&mut self, word: &Word, at: i64) -> Option<String> {
        let original = word.original.as_deref()?;
        let place = self.place(original);
        if self.taken.contains(word) {
            let standing = place.map(|place| &self.sales[place]);
            if standing.is_some_and(|sale| sale.blocked.is_some()) {
                return None;
            }
            let status = standing.map(|sale| format!(" {}", sale.status)).unwrap_or_default();
            return Some(format!("duplicate duplicate{status}"));
        }
        let Some(place) = place else {
            self.taken.push(word.clone());
            self.waiting.push((word.clone(), at));
            return Some("held awaiting_original".into());
        };
        let answer = self.take_back(place, word, at)?;
        if !answer.starts_with("rejected") {
            self.taken.push(word.clone());
        }
        Some(answer)
    }

    fn take_back(&mut self, place: usize, word: &Word, at: i64) -> Option<String> {
        let (goal, late_known) = (self.goals[self.sales[place].goal].clone(), self.late_known);
        let sale = &mut self.sales[place];
        if sale.held.is_some() || sale.blocked.is_some() || (word.amount.is_some() && sale.amount.is_none()) {
            return None;
        }
        let happened = word.stamp.unwrap_or(at);
        let by_name = matches!(sale.pay, Pay::Named) || goal.revenue.is_none() && sale.revenue.is_some();
        let inseparable = by_name || sale.adjusted.is_some() && goal.min.is_some();
        let mut part = None;
        if let (Some(named), Some(amount)) = (word.amount, sale.amount) {
            let Some(same) = exchanged(named, amount.code, day_of(happened), late_known) else {
                if lowers(sale.status) || inseparable {
                    return None;
                }
                sale.blocked = Some((word.clone(), at));
                return Some("held rate_missing".into());
            };
            part = Some(sale.refunded + same.micros).filter(|sum| *sum < amount.micros);
        }
        match (sale.status, part) {
            ("reversed", _) => return Some("duplicate duplicate reversed".into()),
            ("rejected", _) => return Some("rejected nothing_to_reverse".into()),
            (_, None) => sale.status = "reversed",
            (_, Some(sum)) => {
                if inseparable {
                    return None;
                }
                sale.refunded = sum;
            }
        }
        (sale.earns, sale.owed) = sale.money(&goal, late_known).ok()?;
        sale.changed = sale.changed.max(happened);
        let told = if part.is_some() { "amount_changed" } else { "reversed" };
        Some(format!("updated {told} {}", sale.status))
    }

    /// What a person is answered.
    pub fn person(&mut self, txid: &str, deed: &Deed, at: i64) -> Option<(String, Option<Sum>)> {
        let place = self.place(txid)?;
        let goal = self.goals[self.sales[place].goal].clone();
        let mut after = self.sales[place].clone();
        let before = after.clone();
        let mut sum = None;
        let refused = Some(("refused".to_owned(), None));
        let told = match deed {
            _ if before.blocked.is_some() => return None,
            Deed::Accept | Deed::Reject if before.held.is_none() => return refused,
            Deed::Accept if before.held == Some(Why::Payout) => {
                (after.held, after.reviewed) = (None, true);
                "accepted ok"
            }
            Deed::Accept => return refused,
            Deed::Reject => {
                (after.held, after.status) = (None, "rejected");
                "updated status_changed"
            }
            _ if before.held.is_some() => return None,
            Deed::Status(status) => {
                if !may_follow(before.status, status, true) {
                    return refused;
                }
                if before.status == "reversed" && before.refunded > 0 {
                    return None;
                }
                after.status = status;
                if *status == "reversed" { "updated reversed" } else { "updated status_changed" }
            }
            Deed::Adjust(_) if lowers(before.status) => return refused,
            Deed::Adjust(units) => {
                let earns = before.earns?;
                let micros = earns.micros + units * unit(earns.code);
                let adjusted = Sum { micros: micros.max(0) / unit(earns.code) * unit(earns.code), ..earns };
                sum = Some(adjusted);
                after.adjusted = sum;
                "updated amount_changed"
            }
        };
        match after.money(&goal, self.late_known) {
            Ok((earns, owed)) => (after.earns, after.owed) = (earns, owed),
            // The payout is let through; whether the amount is there is the sender's affair.
            Err(_) if *deed_word(deed) == *"reject" => {}
            Err(_) => return None,
        }
        after.spoken = at;
        after.keep_said(None);
        let answer = format!("{told} {}", after.status);
        self.sales[place] = after;
        Some((answer, sum))
    }

    /// The morning of a day: rates arrive, what waited for them is applied, and time approves.
    pub fn morning(&mut self, day: i64) {
        let now = FIRST_DAY + day * DAY_MS;
        self.late_known = LATE_DAY <= day;
        for place in 0..self.sales.len() {
            let goal = self.goals[self.sales[place].goal].clone();
            if self.late_known {
                self.unblock(place, &goal, now);
            }
            let sale = &mut self.sales[place];
            if sale.approve_at(&goal).is_some_and(|due| due <= now) {
                sale.status = "approved";
                sale.spoken = now;
                sale.keep_said(None);
            }
        }
    }

    fn unblock(&mut self, place: usize, goal: &Goal, now: i64) {
        let sale = &mut self.sales[place];
        if sale.held == Some(Why::Rate) {
            match sale.money(goal, true) {
                Ok((earns, owed)) => (sale.earns, sale.owed, sale.held) = (earns, owed, None),
                Err(why) => sale.held = Some(why),
            }
            sale.spoken = now;
            sale.keep_said(None);
        }
        let Some((word, at)) = sale.blocked.take() else {
            return;
        };
        let done = match word.original {
            Some(_) => self.take_back(place, &word, at),
            None => self.further(place, &word, at),
        };
        assert!(done.is_some(), "what waits for a rate is only heard where its rate ends it: {word:?}");
        self.sales[place].spoken = now;
    }
}

/// Whether the promises say what becomes of parts taken back and of a person's sum when a conversion changes so.
fn is_said(before: &Sale, after: &Sale, goal: &Goal) -> bool {
    let same_money =
        (after.amount, after.payout, after.revenue) == (before.amount, before.payout, before.revenue);
    let same_code = before.value().map(code) == after.value().map(code);
    if before.refunded > 0 {
        let same_base = same_code && after.amount.is_some() == before.amount.is_some();
        let undone = before.status == "reversed" && after.status == "approved";
        let less = after.value().is_some_and(|value| value.micros <= before.refunded);
        let by_name = after.revenue.is_some() && goal.revenue.is_none();
        if !same_base || undone || less || by_name {
            return false;
        }
    }
    // What a person set is in the currency that it was earned in.
    before.adjusted.is_none() || same_code && (goal.min.is_none() || same_money)
}

fn deed_word(deed: &Deed) -> &'static str {
    match deed {
        Deed::Reject => "reject",
        Deed::Accept | Deed::Status(_) | Deed::Adjust(_) => "",
    }
}

fn code(sum: Sum) -> &'static str {
    sum.code
}

fn changed_to(status: Status) -> &'static str {
    if status == "reversed" { "reversed" } else { "status_changed" }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Amount => "amount_missing",
        Why::Rate => "rate_missing",
        Why::Payout => "payout_not_allowed",
    }
}
