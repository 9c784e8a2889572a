//! What the store hands out that is no value of the domain: rows as they are listed and shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_domain::calendar::Day;
use proofback_domain::click::Click;
use proofback_domain::click_id::ClickId;
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::delivery::{Alert, AttemptOutcome, AttemptResult, DeliveryState, Health};
use proofback_domain::id::{ConversionId, DeliveryId, EntryId, PostbackId, SettlementId};
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::{Channel, Check};
use proofback_domain::program::Happening;
use proofback_domain::time::Timestamp;

/// A request to a postback address in the form in which it may be kept.
#[derive(Debug, Clone)]
pub struct RawPostback {
    pub method: &'static str,
    pub path: String,
    pub ip: String,
    /// Masked, in their order.
    pub params: Vec<(String, String)>,
    pub stopwatch: Stopwatch,
}

/// Microseconds since a request arrived.
#[derive(Clone)]
pub struct Stopwatch(pub Arc<dyn Fn() -> u64 + Send + Sync>);

impl std::fmt::Debug for Stopwatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Stopwatch")
    }
}

/// A postback of the log with its decision.
#[derive(Debug, Clone)]
pub struct PostbackRow {
    pub id: PostbackId,
    pub at: Timestamp,
    pub method: String,
    pub path: String,
    pub ip: String,
    pub params: Vec<(String, String)>,
    pub fields: BTreeMap<String, String>,
    pub advertiser: Option<Name>,
    pub click_id: Option<ClickId>,
    /// The click that a damaged id was most likely meant to be.
    pub likely_click: Option<ClickId>,
    pub outcome: Outcome,
    pub reason: Reason,
    pub message: String,
    pub field: String,
    /// What stood in the field: shortened and masked.
    pub seen: String,
    pub expected: String,
    pub advice: String,
    pub checks: Vec<Check>,
    pub conversion_id: Option<ConversionId>,
    pub status: Option<Status>,
    pub decided_at: Timestamp,
    pub revision: u32,
    pub channel: Channel,
    /// From its arrival to its decision, before the commit.
    pub duration_us: i64,
    pub earlier: Vec<EarlierDecision>,
}

#[derive(Debug, Clone)]
pub struct EarlierDecision {
    pub decided_at: Timestamp,
    pub outcome: Outcome,
    pub reason: Reason,
    pub message: String,
    pub checks: Vec<Check>,
    pub revision: u32,
}

/// One entry of the journal.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// Its place in the journal: 1, 2, 3 ...
    pub number: i64,
    pub id: EntryId,
    pub at: Timestamp,
    pub debit: String,
    pub credit: String,
    pub amount: Money,
    pub conversion_id: Option<ConversionId>,
    pub postback_id: Option<PostbackId>,
    pub reason: String,
    /// `commission`, `adjustment`, `refund` ...; empty where nobody said.
    pub kind: String,
    /// The payout that it belongs to.
    pub settlement_id: Option<SettlementId>,
    /// The exchange rate that went into the amount, in words; empty where none did.
    pub rate: String,
}

/// A stretch of the journal that cannot be changed any more without being seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// 1, 2, 3 ...
    pub number: i64,
    pub first_entry: i64,
    pub last_entry: i64,
    pub at: Timestamp,
    /// SHA-256 over the hash of the seal before and the entries.
    pub hash: [u8; 32],
}

/// Names a seal, and by its hash every entry up to it: `17:6f1c...`, to be noted down elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead {
    pub number: i64,
    pub hash: [u8; 32],
}

/// What a check of the whole journal found.
#[derive(Debug, Clone)]
pub struct LedgerReport {
    pub entries: u64,
    pub seals: u64,
    /// Entries that no seal covers yet.
    pub unsealed: u64,
    /// The newest seal; `None` while nothing is sealed.
    pub head: Option<LedgerHead>,
    /// A sentence each, the first hundred.
    pub differences: Vec<String>,
    pub differences_total: u64,
}

/// What a person asks for who closes the books.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The last day of the period.
    pub day: Day,
    /// Its end: the first moment of the day after.
    pub until: Timestamp,
    pub actor: String,
    pub reason: String,
}

/// The end of a period: entries before `until` are final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodClose {
    pub number: i64,
    pub day: Day,
    pub until: Timestamp,
    pub at: Timestamp,
    pub actor: String,
    /// The last entry when it was closed, and the hash of the seal that ends with it.
    pub last_entry: i64,
    pub hash: [u8; 32],
}

/// Why a period was not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseRefusal {
    #[error("{day} has not ended yet: it ends at {until}")]
    NotEnded { day: Day, until: Timestamp },
    #[error("{day} lies in a period that is closed already, up to {closed}")]
    Earlier { day: Day, closed: Day },
}

impl LedgerHead {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, hex) = text.trim().split_once(':')?;
        let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut hash = [0; 32];
        for (slot, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *slot = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self { number, hash })
    }
}

impl std::fmt::Display for LedgerHead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.number, hex(&self.hash))
    }
}

/// A hash as people and scripts see it.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands on one account in one currency: credits less debits, in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub account: String,
    pub currency: Currency,
    pub micros: i128,
}

/// What stood on accounts in one currency before a period, what moved in it, and what stood at its end. Signed:
/// credits less debits, in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub currency: Currency,
    pub opening: i128,
    /// By the kind of its entries.
    pub by_kind: BTreeMap<String, Movement>,
    pub closing: i128,
    /// Lines that it has.
    pub entries: u64,
    /// The balances of the accounts beside, in the order in which they were asked for.
    pub beside: Vec<i128>,
    /// Approved, and not to be paid out yet.
    pub on_hold: i128,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Movement {
    pub micros: i128,
    /// Sides of entries on the accounts.
    pub entries: u64,
}

impl Statement {
    pub fn movements(&self) -> i128 {
        self.by_kind.values().map(|moved| moved.micros).sum()
    }

    /// Whether what was there and what moved make up what is there: they were summed each for itself.
    pub fn holds(&self) -> bool {
        self.opening + self.movements() == self.closing
    }
}

/// An entry of a statement with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    pub number: i64,
    pub id: EntryId,
    pub at: Timestamp,
    pub kind: String,
    /// Signed: what the accounts gained by it.
    pub amount: Money,
    pub reason: String,
    pub rate: String,
    pub conversion_id: Option<ConversionId>,
    pub settlement_id: Option<SettlementId>,
    pub offer: Option<Name>,
    pub event: Option<Name>,
    pub txid: Option<String>,
    pub click_id: Option<ClickId>,
}

#[derive(Debug, Clone)]
pub struct DeliveryRow {
    pub number: i64,
    pub id: DeliveryId,
    pub at: Timestamp,
    pub target: Name,
    pub partner: Option<Name>,
    pub click_id: Option<ClickId>,
    pub conversion_id: Option<ConversionId>,
    pub postback_id: Option<PostbackId>,
    pub happening: String,
    pub state: DeliveryState,
    pub attempts: u32,
    /// When it was to be made at first.
    pub first_at: Timestamp,
    /// While it is pending: when it is made next.
    pub next_at: Timestamp,
    pub last_error: Option<String>,
}

impl DeliveryRow {
    /// Whether it waits for an earlier one of its conversion.
    pub fn is_behind(&self) -> bool {
        self.state == DeliveryState::Pending && self.next_at.millis() == i64::MAX
    }
}

/// A delivery that this process may send until its lease ends.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    pub id: DeliveryId,
    /// When it was planned.
    pub at: Timestamp,
    /// From when on its age counts.
    pub first_at: Timestamp,
    pub target: Name,
    pub happening: Happening,
    /// A test that a person asked for.
    pub trial: bool,
    pub values: BTreeMap<String, String>,
    /// The number of the attempt to be made; the first is 1.
    pub attempt: u32,
    pub lease_until: Timestamp,
}

/// How an attempt went, to be recorded if the lease still holds.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    pub delivery: Arc<ClaimedDelivery>,
    pub at: Timestamp,
    pub ended_at: Timestamp,
    /// As it may be kept: without secrets.
    pub request: String,
    pub status: Option<u16>,
    pub result: AttemptResult,
    pub outcome: AttemptOutcome,
    pub duration_ms: u32,
    pub phases: Phases,
    /// Whom it was connected to; empty where nobody was.
    pub address: String,
    /// Of the answer, one `name: value` in a line.
    pub headers: String,
    /// The start of the answer.
    pub answer: String,
}

/// How long the phases of an attempt took, in microseconds; `None` where one did not take place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    pub dns_us: Option<u32>,
    pub connect_us: Option<u32>,
    pub tls_us: Option<u32>,
    pub first_byte_us: Option<u32>,
}

/// What became of the record of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Whether the lease still held: otherwise another attempt decides.
    pub held: bool,
    /// Whether deliveries may be due by it.
    pub more_due: bool,
    /// Whether its target takes deliveries again after it had been left alone.
    pub came_back: bool,
    pub alert: Option<Alert>,
}

/// What waits for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub pending: u32,
    pub due: u32,
    /// When the oldest was to be made.
    pub oldest: Option<Timestamp>,
}

/// How a target is doing, and what people did about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetHealth {
    pub health: Health,
    pub paused_at: Option<Timestamp>,
    pub paused_by: String,
    pub paused_why: String,
    pub tested_at: Option<Timestamp>,
    /// What its definition was then.
    pub tested_as: String,
}

/// What a person did.
#[derive(Debug, Clone)]
pub struct AuditRow {
    pub number: i64,
    pub at: Timestamp,
    pub actor: String,
    /// What was done, as `review.accept`, `program.apply` or `session.open`.
    pub action: String,
    pub subject: String,
    pub reason: String,
}

/// What a replay found or did.
#[derive(Debug, Clone)]
pub struct Replayed {
    pub postback_id: PostbackId,
    /// As it was decided before.
    pub before: (Outcome, Reason),
    /// As it is decided now, or a sentence why it is not decided again.
    pub after: Result<(Outcome, Reason), String>,
    pub message: String,
    /// The revision of the program that it was decided under now.
    pub revision: u32,
    /// Whether anything would be, or was, written.
    pub changed: bool,
    /// What moves on which account.
    pub money: Vec<Balance>,
}

/// A program as it was applied.
#[derive(Debug, Clone)]
pub struct StoredProgram {
    pub revision: u32,
    pub at: Timestamp,
    pub author: String,
    /// Why it was applied; empty where nobody said.
    pub reason: String,
    pub source: String,
    /// Every link number ever given.
    pub numbers: BTreeMap<u32, Name>,
}

/// Everything that happened to one click, oldest first.
#[derive(Debug, Clone)]
pub struct Trace {
    pub click: Click,
    pub timeline: Vec<TraceItem>,
}

#[derive(Debug, Clone)]
pub enum TraceItem {
    Click(Box<Click>),
    /// `meant`: the postback came with a damaged id that most likely was this click's.
    Postback {
        row: Box<PostbackRow>,
        meant: bool,
    },
    Conversion {
        change: Box<Change>,
        conversion: Box<Conversion>,
        first: bool,
    },
    Entry(Box<EntryRow>),
    Delivery(Box<DeliveryRow>),
    Attempt(Box<AttemptRow>),
}

/// An attempt of the log.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub delivery_id: DeliveryId,
    pub number: u32,
    pub at: Timestamp,
    pub request: String,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub duration_ms: u32,
    pub phases: Phases,
    pub address: String,
    pub headers: String,
    pub answer: String,
}

impl TraceItem {
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Click(click) => click.at,
            Self::Postback { row, .. } => row.at,
            Self::Conversion { change, .. } => change.at,
            Self::Entry(entry) => entry.at,
            Self::Delivery(delivery) => delivery.at,
            Self::Attempt(attempt) => attempt.at,
        }
    }

    /// The postback that it is or that caused it.
    pub fn postback_id(&self) -> Option<PostbackId> {
        match self {
            Self::Postback { row, .. } => Some(row.id),
            Self::Conversion { change, .. } => Some(change.postback_id),
            Self::Entry(entry) => entry.postback_id,
            Self::Delivery(delivery) => delivery.postback_id,
            Self::Click(_) | Self::Attempt { .. } => None,
        }
    }

    /// Of what happened in the same millisecond, the cause stands before its effects.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Click(_) => 0,
            Self::Postback { .. } => 1,
            Self::Conversion { .. } => 2,
            Self::Entry(_) => 3,
            Self::Delivery(_) => 4,
            Self::Attempt { .. } => 5,
        }
    }
}
