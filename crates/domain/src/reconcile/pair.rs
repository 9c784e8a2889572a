//! Which line means which conversion.
//!
//! Everything is looked up by keys in sorted lists, and every step looks at the state before it: the order of the lines
//! decides nothing, and no number of lines with the same id makes it slow.

use std::collections::{BTreeMap, BTreeSet};

use super::{By, Ours, Theirs};
use crate::click_id::ClickId;
use crate::money::{Currency, Money};
use crate::outcome::Status;
use crate::time::{Span, Timestamp};

/// What was found for a line; places are those in the lists given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Ours(usize, By),
    /// Another line says it, at this place.
    Repeats(usize),
    Ambiguous,
    Nothing,
}

pub struct Paired {
    /// By line.
    pub found: Vec<Found>,
    /// By conversion: whether an ambiguous line could mean it.
    pub wanted: Vec<bool>,
}

pub fn pair(theirs: &[Theirs], ours: &[Ours], near: Span) -> Paired {
    let mut search = Search::new(theirs, ours);
    search.set_twins_aside(theirs);
    search.by_txid();
    let near = i64::try_from(near.millis()).unwrap_or(i64::MAX);
    let of_click = |by_worth, reach| Step { by: By::ClickId, by_worth, reach };
    let of_money = Step { by: By::AmountAndTime, by_worth: true, reach: Some(near) };
    // From the most that can agree to the least: what is told apart early is not in question later.
    search.pair(of_click(true, Some(0)));
    search.pair(of_click(true, Some(near)));
    search.pair(of_click(true, None));
    search.pair(of_click(false, None));
    search.pair(of_money);
    search.ask_about_the_rest(of_click(false, None));
    search.ask_about_the_rest(of_money);
    Paired { found: search.found, wanted: search.wanted }
}

/// An amount or a revenue that is not zero: zero tells nothing apart.
type Sum = (Currency, i64);

/// What can be compared of a line or a conversion, in small.
#[derive(Debug, Clone, Copy)]
struct Marks {
    txid: Option<u32>,
    click: Option<ClickId>,
    event: Option<u32>,
    amount: Option<Sum>,
    revenue: Option<Sum>,
    /// An amount was named, and it is zero.
    free: bool,
    at: Option<i64>,
}

/// A conversion's, and what may be done with it.
#[derive(Debug, Clone, Copy)]
struct OurMarks {
    marks: Marks,
    in_period: bool,
    /// Whether a line with another txid may mean it.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Any,
    Amount(Sum),
    Revenue(Sum),
    /// A revenue beside which no amount may stand: the amount was named, and it is zero.
    RevenueAlone(Sum),
}

/// What a line and a conversion must have in common. A line has one, a conversion one for each kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    txid: Option<u32>,
    click: Option<ClickId>,
    event: Option<u32>,
    worth: Worth,
    /// Of a line that names a txid which is none of the conversion's.
    foreign_txid: bool,
}

/// One way of finding pairs.
#[derive(Debug, Clone, Copy)]
struct Step {
    by: By,
    by_worth: bool,
    /// How many milliseconds the times may be apart; `None` where they do not matter.
    reach: Option<i64>,
}

/// Places by key, then by time.
struct Index(Vec<(Key, i64, usize)>);

struct Search {
    lines: Vec<Marks>,
    ours: Vec<OurMarks>,
    found: Vec<Found>,
    /// By conversion: the line that took it.
    taken: Vec<Option<usize>>,
    wanted: Vec<bool>,
}

impl Search {
    fn new(theirs: &[Theirs], ours: &[Ours]) -> Self {
        let mut txids = Numbers::default();
        let mut events = Numbers::default();
        let marks: Vec<(Marks, bool)> = ours
            .iter()
            .map(|ours| {
                let marks = Marks {
                    txid: trimmed(ours.txid.as_deref()).map(|txid| txids.of(txid)),
                    click: Some(ours.click_id),
                    event: Some(events.of(ours.event.as_str())),
                    amount: sum(ours.amount),
                    revenue: sum(ours.revenue),
                    free: ours.amount.is_some_and(Money::is_zero),
                    at: Some(ours.at.millis()),
                };
                (marks, ours.in_period)
            })
            .collect();
        let known = txids.len();
        let lines: Vec<Marks> = theirs
            .iter()
            .map(|theirs| Marks {
                txid: trimmed(theirs.txid.as_deref()).map(|txid| txids.of(txid)),
                click: theirs.click,
                event: theirs.event.as_deref().map(|event| events.of(event)),
                amount: sum(theirs.amount),
                revenue: sum(theirs.revenue),
                free: theirs.amount.is_some_and(Money::is_zero),
                at: theirs.at.map(Timestamp::millis),
            })
            .collect();
        // Where not one of their txids is ours, they are ids of another kind, which contradict nothing.
        let same_kind = lines.iter().any(|line| line.txid.is_some_and(|txid| txid < known));
        let ours: Vec<OurMarks> = marks
            .into_iter()
            .map(|(marks, in_period)| {
                let open = marks.txid.is_none() || (!same_kind && in_period);
                OurMarks { marks, in_period, open }
            })
            .collect();
        let found = vec![Found::Nothing; lines.len()];
        let (taken, wanted) = (vec![None; ours.len()], vec![false; ours.len()]);
        Self { lines, ours, found, taken, wanted }
    }

    /// Lines that say of themselves that they are the same: one txid and event, or without a txid one click, event,
    /// time and money. All but one, which says most, stand back.
    fn set_twins_aside(&mut self, theirs: &[Theirs]) {
        let mut order: Vec<(Fullness, usize)> = Vec::new();
        for (place, (marks, theirs)) in self.lines.iter().zip(theirs).enumerate() {
            order.push((fullness(marks, theirs.status), place));
        }
        order.sort();
        let mut first: BTreeMap<_, usize> = BTreeMap::new();
        for (_, place) in order {
            let Some(marks) = self.lines.get(place) else {
                continue;
            };
            let same = match (marks.txid, marks.click) {
                (Some(txid), _) => (Some(txid), None, marks.event, None, None, None),
                (None, Some(click)) => {
                    (None, Some(click), marks.event, marks.at, marks.amount, marks.revenue)
                }
                // Two lines without an id may well be two events.
                (None, None) => continue,
            };
            let leader = *first.entry(same).or_insert(place);
            if leader != place {
                self.set(place, Found::Repeats(leader));
            }
        }
    }

    /// Lines that name their event come first: one that does not is then a repeat of them, if it means the same.
    fn by_txid(&mut self) {
        let index = self.index_of_txids();
        for names_event in [true, false] {
            for line in 0..self.lines.len() {
                let Some(marks) = self.open_line(line) else {
                    continue;
                };
                if marks.txid.is_some() && marks.event.is_some() == names_event {
                    self.look_up_txid(&index, line, &marks);
                }
            }
        }
    }

    fn look_up_txid(&mut self, index: &Index, line: usize, marks: &Marks) {
        let key = txid_key(marks.txid, None, marks.event);
        let all = index.fitting(&key, None);
        let of_click = index.fitting(&Key { click: marks.click, ..key }, None);
        match (all, of_click) {
            ([], _) => {}
            ([(_, _, only)], _) | (_, [(_, _, only)]) => {
                match self.taken.get(*only).copied().flatten() {
                    Some(other) => self.set(line, Found::Repeats(other)),
                    None => self.take(line, *only, By::Txid),
                };
            }
            (_, _) => {
                // No two lines that are left share this key: each of its conversions is marked once.
                for (_, _, place) in all {
                    self.want(*place);
                }
                self.set(line, Found::Ambiguous);
            }
        }
    }

    fn index_of_txids(&self) -> Index {
        let about_money: BTreeSet<u32> = self
            .ours
            .iter()
            .filter(|ours| ours.marks.is_about_money())
            .filter_map(|ours| ours.marks.txid)
            .collect();
        let mut entries = Vec::new();
        for (place, OurMarks { marks, .. }) in self.ours.iter().enumerate() {
            let Some(txid) = marks.txid else {
                continue;
            };
            // A line without an event means what is about money, if anything under this txid is.
            let unnamed = marks.is_about_money() || !about_money.contains(&txid);
            let events = [marks.event, None];
            for event in events.into_iter().take(if unnamed { 2 } else { 1 }) {
                for click in [None, marks.click] {
                    entries.push((txid_key(Some(txid), click, event), 0, place));
                }
            }
        }
        Index::new(entries)
    }

    /// Takes every pair of which each fits the other and no third.
    fn pair(&mut self, step: Step) {
        let (lines, ours) = (self.index_of_lines(step), self.index_of_ours(step));
        let mut pairs = Vec::new();
        for (key, at, line) in &lines.0 {
            let [(_, time, place)] = ours.fitting(key, step.around(*at)) else {
                continue;
            };
            let keys = self.ours.get(*place).map(|ours| step.keys_of_ours(ours)).unwrap_or_default();
            let rivals = keys.iter().map(|key| lines.fitting(key, step.around(*time)).len());
            if rivals.fold(0, usize::saturating_add) == 1 {
                pairs.push((*line, *place));
            }
        }
        for (line, place) in pairs {
            self.take(line, place, step.by);
        }
    }

    /// What fits something and was not told apart from its rivals is a question, on both sides.
    fn ask_about_the_rest(&mut self, step: Step) {
        let (lines, ours) = (self.index_of_lines(step), self.index_of_ours(step));
        for (key, at, line) in &lines.0 {
            if !ours.fitting(key, step.around(*at)).is_empty() {
                self.set(*line, Found::Ambiguous);
            }
        }
        for (key, at, place) in &ours.0 {
            if !lines.fitting(key, step.around(*at)).is_empty() {
                self.want(*place);
            }
        }
    }

    fn index_of_lines(&self, step: Step) -> Index {
        let mut entries = Vec::new();
        for line in 0..self.lines.len() {
            if let Some(marks) = self.open_line(line)
                && let Some(key) = step.key_of_line(&marks)
            {
                entries.push((key, marks.at.unwrap_or(0), line));
            }
        }
        Index::new(entries)
    }

    fn index_of_ours(&self, step: Step) -> Index {
        let mut entries = Vec::new();
        for (place, (ours, taken)) in self.ours.iter().zip(&self.taken).enumerate() {
            if taken.is_none() {
                let at = ours.marks.at.unwrap_or(0);
                entries.extend(step.keys_of_ours(ours).into_iter().map(|key| (key, at, place)));
            }
        }
        Index::new(entries)
    }

    /// A line that nothing was found for yet.
    fn open_line(&self, line: usize) -> Option<Marks> {
        let open = self.found.get(line) == Some(&Found::Nothing);
        self.lines.get(line).copied().filter(|_| open)
    }

    fn take(&mut self, line: usize, place: usize, by: By) {
        if let Some(taken) = self.taken.get_mut(place) {
            *taken = Some(line);
        }
        self.set(line, Found::Ours(place, by));
    }

    fn set(&mut self, line: usize, found: Found) {
        if let Some(slot) = self.found.get_mut(line) {
            *slot = found;
        }
    }

    fn want(&mut self, place: usize) {
        if let Some(wanted) = self.wanted.get_mut(place) {
            *wanted = true;
        }
    }
}

impl Step {
    /// `None` where this step is not for such a line.
    fn key_of_line(&self, marks: &Marks) -> Option<Key> {
        let of_revenue = if marks.free { Worth::RevenueAlone } else { Worth::Revenue };
        let named = marks.amount.map(Worth::Amount).or(marks.revenue.map(of_revenue));
        let fits = match self.by {
            By::Txid => false,
            By::ClickId => marks.click.is_some(),
            By::AmountAndTime => named.is_some(),
        };
        let timed = self.reach.is_none() || marks.at.is_some();
        let worth = if self.by_worth { named.unwrap_or(Worth::Any) } else { Worth::Any };
        (fits && timed).then_some(Key {
            txid: None,
            click: marks.click,
            event: marks.event,
            worth,
            foreign_txid: marks.txid.is_some(),
        })
    }

    /// One for each kind of line that may mean it.
    fn keys_of_ours(&self, ours: &OurMarks) -> Vec<Key> {
        let OurMarks { marks, in_period, open } = ours;
        let click = match self.by {
            By::ClickId => marks.click,
            // A genuine click id says more than an amount: a line that names one has it in its key, and fits nothing here.
            By::AmountAndTime if *in_period => None,
            By::AmountAndTime | By::Txid => return Vec::new(),
        };
        let worths = [
            Some(Worth::Any),
            marks.amount.map(Worth::Amount).filter(|_| self.by_worth),
            marks.revenue.map(Worth::Revenue).filter(|_| self.by_worth),
            marks.revenue.map(Worth::RevenueAlone).filter(|_| self.by_worth && marks.amount.is_none()),
        ];
        let events = [marks.event, None];
        let events = events.into_iter().take(if marks.is_about_money() { 2 } else { 1 });
        let mut keys = Vec::new();
        for event in events {
            for worth in worths.into_iter().flatten() {
                keys.push(Key { txid: None, click, event, worth, foreign_txid: false });
                if *open {
                    keys.push(Key { txid: None, click, event, worth, foreign_txid: true });
                }
            }
        }
        keys
    }

    fn around(&self, at: i64) -> Option<(i64, i64)> {
        self.reach.map(|reach| (at.saturating_sub(reach), at.saturating_add(reach)))
    }
}

impl Index {
    fn new(mut entries: Vec<(Key, i64, usize)>) -> Self {
        entries.sort_unstable();
        Self(entries)
    }

    /// Those of a key, between two times where they matter, both included.
    fn fitting(&self, key: &Key, times: Option<(i64, i64)>) -> &[(Key, i64, usize)] {
        let (from, to) = times.unwrap_or((i64::MIN, i64::MAX));
        let start = self.0.partition_point(|(other, at, _)| (other, *at) < (key, from));
        let rest = self.0.get(start..).unwrap_or_default();
        let length = rest.partition_point(|(other, at, _)| (other, *at) <= (key, to));
        rest.get(..length).unwrap_or_default()
    }
}

impl Marks {
    fn is_about_money(&self) -> bool {
        self.amount.is_some() || self.revenue.is_some()
    }
}

/// Small numbers for texts, equal for equal ones.
#[derive(Default)]
struct Numbers<'a>(BTreeMap<&'a str, u32>);

impl<'a> Numbers<'a> {
    fn of(&mut self, text: &'a str) -> u32 {
        let next = self.len();
        *self.0.entry(text).or_insert(next)
    }

    fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// Sorts what says most to the front, and is the same for lines that say the same.
type Fullness = ([bool; 5], Option<ClickId>, Option<i64>, [Option<Sum>; 2], Option<Status>);

fn fullness(marks: &Marks, status: Option<Status>) -> Fullness {
    let lacks = [
        marks.click.is_none(),
        marks.at.is_none(),
        marks.amount.is_none(),
        marks.revenue.is_none(),
        status.is_none(),
    ];
    (lacks, marks.click, marks.at, [marks.amount, marks.revenue], status)
}

fn txid_key(txid: Option<u32>, click: Option<ClickId>, event: Option<u32>) -> Key {
    Key { txid, click, event, worth: Worth::Any, foreign_txid: false }
}

fn trimmed(txid: Option<&str>) -> Option<&str> {
    txid.map(str::trim).filter(|txid| !txid.is_empty())
}

fn sum(money: Option<Money>) -> Option<Sum> {
    money.filter(|money| !money.is_zero()).map(|money| (money.currency, money.micros))
}
