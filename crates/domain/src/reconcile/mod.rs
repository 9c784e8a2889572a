//! A network's or finance's file held against our conversions: what fits, what differs, what is missing on which side,
//! and what could be done about it.
//!
//! Nothing here changes anything. What should change is proposed as a postback, for the ordinary decision to judge, or
//! as a question, for a person to answer. Nothing is matched by a guess: what fits several is [`Group::Ambiguous`].

mod action;
mod compare;
mod line;
mod pair;
mod total;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::click_id::ClickId;
use crate::id::{ConversionId, PostbackId};
use crate::money::Money;
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::time::{Span, Timestamp};
use pair::Found;

pub use line::LineReader;
pub use total::Total;

/// One line of their file, already read and mapped. What is `None` was not said, and is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Theirs {
    pub line: usize,
    /// In the form in which ours are kept; compared exactly, but for spaces around it.
    pub txid: Option<String>,
    /// As it stands in the file.
    pub click_id: Option<String>,
    /// The click that `click_id` names, where `Keys::recognise` finds it genuine.
    pub click: Option<ClickId>,
    /// In our words.
    pub event: Option<String>,
    pub status: Option<Status>,
    pub amount: Option<Money>,
    pub revenue: Option<Money>,
    /// When it happened.
    pub at: Option<Timestamp>,
}

/// One conversion of ours, as much of it as matching needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ours {
    pub id: ConversionId,
    pub txid: Option<String>,
    pub click_id: ClickId,
    pub event: Name,
    pub offer: Name,
    pub partner: Name,
    pub status: Status,
    /// Why it waits; whatever its status, it is pending to them.
    pub held: Option<Reason>,
    /// After partial refunds.
    pub amount: Option<Money>,
    /// What the amount was reduced by, in millionths of its currency.
    pub refunded_micros: i64,
    pub revenue: Option<Money>,
    /// When it happened.
    pub at: Timestamp,
    /// Whether their file should list it. Others are here only to be found by txid or click id.
    pub in_period: bool,
}

/// What the log knows of a line that no conversion fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub postback_id: PostbackId,
    pub at: Timestamp,
    pub reason: Reason,
    pub message: String,
    /// The click that a damaged id was most likely meant to be.
    pub likely_click: Option<ClickId>,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// How far apart the two times of one event may be, where nothing but amount and time tells.
    pub near: Span,
}

/// A row per line of theirs, by line; then what only we have, by time. With the sums of each group.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    pub lines: Vec<Row>,
    pub totals: Vec<Total>,
}

/// How a line found its conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Txid,
    ClickId,
    AmountAndTime,
}

/// What became of a line or a conversion. Where several things differ, the first of them here names the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// All that they say is what we have.
    Matched,
    DifferentCurrency,
    DifferentAmount,
    DifferentStatus,
    /// They list it and no conversion of ours fits.
    MissingHere,
    /// A pending or approved conversion of the period that no line fits. One that is rejected or reversed and not
    /// listed is in no row and no total: both sides agree that nothing is owed for it.
    MissingThere,
    /// A further line of theirs for what another line says already.
    Repeated,
    /// Several could be meant and nothing tells them apart: the lines in question, and our conversions in question.
    Ambiguous,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub group: Group,
    pub by: Option<By>,
    pub theirs: Option<Theirs>,
    pub ours: Option<Ours>,
    /// Of a repeated line: the line that it repeats.
    pub repeats: Option<usize>,
    /// Filled in by [`Reconciliation::explain`].
    pub seen: Option<Seen>,
    pub differences: Vec<Difference>,
    pub action: Action,
}

/// One field in which a line and its conversion, or the conversion that it repeats, are not the same. In words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub field: &'static str,
    pub theirs: String,
    pub ours: String,
}

/// What could be done; nothing is done before a person chooses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Nothing,
    /// A postback for the ordinary decision to judge: our field's name = value.
    ///
    /// It names no newer time. Where they said the same before and something else since, it is a duplicate, unless the
    /// caller adds a `timestamp` after the last change.
    Postback {
        fields: BTreeMap<&'static str, String>,
        why: String,
    },
    /// Only a person can say.
    Ask {
        whom: Whom,
        why: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Network,
    Operator,
}

/// Matches first by txid, then by click id, then by amount, currency and time. Each line and each conversion is used
/// once.
///
/// - **txid**: the conversion of the named event; where no event is named, the only one about money.
/// - **click id**: the conversion of the named event, or about money, that no other line took. Several are told apart by
///   amount and time. Two txids that differ are two events, unless not one txid of the file is known to us: then they
///   are ids of another kind, and only conversions of the period are considered.
/// - **amount and time**: amount, or revenue where no amount is named, of a conversion of the period within
///   `options.near`; only for lines without a genuine click id, and only if just the two fit each other.
///
/// Takes time in proportion to `n log n`, and memory to `n`, whatever the ids are.
pub fn reconcile(mut theirs: Vec<Theirs>, mut ours: Vec<Ours>, options: &Options) -> Reconciliation {
    theirs.sort_by_key(|theirs| theirs.line);
    ours.sort_by_key(|ours| (ours.at, ours.id));
    let mut paired = pair::pair(&theirs, &ours, options.near);
    prefer_agreement(&mut paired.found, &theirs, &ours);
    let judged = theirs.iter().zip(&paired.found);
    let verdicts: Vec<Verdict> =
        judged.map(|(line, found)| judge(line, *found, &paired.found, (&theirs, &ours))).collect();
    let mut ours: Vec<Option<Ours>> = ours.into_iter().map(Some).collect();
    // All that there can be at once: a list that grows is copied, and stands there twice.
    let mut lines: Vec<Row> = Vec::with_capacity(theirs.len().saturating_add(ours.len()));
    for (theirs, verdict) in theirs.into_iter().zip(verdicts) {
        let ours = verdict.ours.and_then(|place| ours.get_mut(place)).and_then(Option::take);
        lines.push(verdict.row(Some(theirs), ours));
    }
    let rest = ours.into_iter().zip(paired.wanted);
    lines.extend(rest.filter_map(|(ours, wanted)| ours_alone(ours?, wanted)));
    let totals = total::totals(&lines);
    Reconciliation { lines, totals }
}

/// What is said of a line, without the line: there is one for each while all of them are looked at.
struct Verdict {
    group: Group,
    by: Option<By>,
    repeats: Option<usize>,
    differences: Vec<Difference>,
    action: Action,
    /// The place of its conversion.
    ours: Option<usize>,
}

impl Verdict {
    fn of(group: Group, action: Action) -> Self {
        Self { group, by: None, repeats: None, differences: Vec::new(), action, ours: None }
    }

    fn row(self, theirs: Option<Theirs>, ours: Option<Ours>) -> Row {
        let Self { group, by, repeats, differences, action, ours: _ } = self;
        Row { group, by, theirs, ours, repeats, seen: None, differences, action }
    }
}

fn judge(theirs: &Theirs, found: Found, all: &[Found], (lines, ours): (&[Theirs], &[Ours])) -> Verdict {
    match found {
        Found::Ours(place, by) => {
            let Some(ours) = ours.get(place) else {
                return missing_here(theirs);
            };
            let (group, differences) = compare::compare(theirs, ours);
            let action = action::settle(group, theirs, ours, &differences);
            Verdict { by: Some(by), differences, ours: Some(place), ..Verdict::of(group, action) }
        }
        Found::Repeats(first) => {
            let Some(said) = lines.get(first) else {
                return missing_here(theirs);
            };
            let conversion = match all.get(first) {
                Some(Found::Ours(place, _)) => ours.get(*place),
                Some(Found::Repeats(_) | Found::Ambiguous | Found::Nothing) | None => None,
            };
            let differences = conversion.map(|ours| compare::compare(theirs, ours).1).unwrap_or_default();
            let contradicts = match conversion {
                Some(_) => !differences.is_empty(),
                None => {
                    (theirs.status, theirs.amount, theirs.revenue) != (said.status, said.amount, said.revenue)
                }
            };
            let action = action::repeated(said.line, contradicts);
            Verdict { repeats: Some(said.line), differences, ..Verdict::of(Group::Repeated, action) }
        }
        Found::Ambiguous => Verdict::of(Group::Ambiguous, action::ambiguous()),
        Found::Nothing => missing_here(theirs),
    }
}

fn missing_here(theirs: &Theirs) -> Verdict {
    Verdict::of(Group::MissingHere, action::missing_here(theirs, None))
}

/// Of several lines for one conversion, the one that agrees with it best is its match.
fn prefer_agreement(found: &mut [Found], theirs: &[Theirs], ours: &[Ours]) {
    let rank = |line: usize, place: usize| {
        let compared = theirs.get(line).zip(ours.get(place));
        compared.map(|(theirs, ours)| compare::rank(compare::compare(theirs, ours).0))
    };
    // A repeat has the txid of the line that it repeats; whether it would have been found otherwise, too, is to be seen.
    let fits = |line: usize, first: usize, by: By| match by {
        By::Txid => true,
        By::ClickId => theirs.get(line).map(|line| line.click) == theirs.get(first).map(|line| line.click),
        By::AmountAndTime => false,
    };
    // The first line of each conversion, and the best.
    let mut best: BTreeMap<usize, usize> = BTreeMap::new();
    for (line, one) in found.iter().enumerate() {
        let Found::Repeats(first) = *one else {
            continue;
        };
        let Some(Found::Ours(place, by)) = found.get(first).copied() else {
            continue;
        };
        let leader = best.entry(first).or_insert(first);
        if fits(line, first, by) && rank(line, place) < rank(*leader, place) {
            *leader = line;
        }
    }
    for (first, leader) in &best {
        if first != leader && *first < found.len() && *leader < found.len() {
            found.swap(*first, *leader);
        }
    }
    for one in found.iter_mut() {
        if let Found::Repeats(first) = one {
            *first = best.get(first).copied().unwrap_or(*first);
        }
    }
}

/// A conversion that no line took. `wanted`: a line that is ambiguous could mean it.
fn ours_alone(ours: Ours, wanted: bool) -> Option<Row> {
    let owed = match ours.status {
        Status::Pending | Status::Approved => true,
        Status::Rejected | Status::Reversed => false,
    };
    let (group, action) = if wanted {
        (Group::Ambiguous, action::ambiguous())
    } else {
        (Group::MissingThere, action::missing_there(&ours))
    };
    (ours.in_period && owed).then(|| Verdict::of(group, action).row(None, Some(ours)))
}

impl Reconciliation {
    /// What they list and we have not, each with its place in `lines`, for the caller to look up in the log.
    pub fn missing(&self) -> impl Iterator<Item = (usize, &Theirs)> {
        let missing = self.lines.iter().enumerate().filter(|(_, row)| row.group == Group::MissingHere);
        missing.filter_map(|(place, row)| Some((place, row.theirs.as_ref()?)))
    }

    /// Adds what the log knows of a missing line, by its place in `lines`, and proposes anew what to do. Any other
    /// place is left alone.
    pub fn explain(&mut self, place: usize, seen: Seen) {
        let row = self.lines.get_mut(place).filter(|row| row.group == Group::MissingHere);
        if let Some(row) = row
            && let Some(theirs) = &row.theirs
        {
            row.action = action::missing_here(theirs, Some(&seen));
            row.seen = Some(seen);
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { near: Span::from_seconds(48 * 3_600) }
    }
}

impl Group {
    pub const ALL: [Self; 8] = [
        Self::Matched,
        Self::DifferentCurrency,
        Self::DifferentAmount,
        Self::DifferentStatus,
        Self::MissingHere,
        Self::MissingThere,
        Self::Repeated,
        Self::Ambiguous,
    ];

    /// The stable string in files and API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::DifferentCurrency => "different_currency",
            Self::DifferentAmount => "different_amount",
            Self::DifferentStatus => "different_status",
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::Repeated => "repeated",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl By {
    pub const ALL: [Self; 3] = [Self::Txid, Self::ClickId, Self::AmountAndTime];

    pub fn code(self) -> &'static str {
        match self {
            Self::Txid => "txid",
            Self::ClickId => "click_id",
            Self::AmountAndTime => "amount_and_time",
        }
    }
}

impl Whom {
    pub const ALL: [Self; 2] = [Self::Network, Self::Operator];

    pub fn code(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Operator => "operator",
        }
    }
}
