//! Payouts and invoices: what is open is taken up line by line, booked in the same transaction, and given back when a
//! settlement is cancelled.

use std::sync::Arc;

use proofback_domain::calendar::Day;
use proofback_domain::id::{ConversionId, SettlementId};
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::settlement::{
    self, Line, Refusal, SettlementEntry, SettlementKind, SettlementState, Step,
};
use proofback_domain::tell::paid;
use proofback_domain::time::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{Deed, record};
use super::entries::{self, Entry};
use super::idempotency::{self, Before, Idempotency};
use super::open_lines::{Reach, candidates, columns, currencies, parties};
use super::{Store, deliveries, rows};
use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};

/// A settlement that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewSettlement {
    pub kind: SettlementKind,
    pub party: Name,
    pub currency: Currency,
    /// The last day that it takes in, and its end.
    pub up_to: (Day, Timestamp),
    pub author: String,
    /// Propose it only.
    pub draft: bool,
    pub id: SettlementId,
}

/// A settlement as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementRow {
    pub number: i64,
    pub id: SettlementId,
    pub kind: SettlementKind,
    pub party: Name,
    pub up_to: Day,
    pub at: Timestamp,
    pub author: String,
    pub state: SettlementState,
    pub changed_at: Timestamp,
    pub amount: Money,
    pub lines: u32,
}

/// What stands open of a party in one currency.
#[derive(Debug, Clone)]
pub struct Open {
    pub party: Name,
    pub currency: Currency,
    pub lines: u32,
    /// The sum, or why it cannot be settled.
    pub sum: Result<Money, Refusal>,
}

/// A line with what it is about.
#[derive(Debug, Clone)]
pub struct SettlementLine {
    pub conversion_id: ConversionId,
    pub offer: Name,
    pub event: Name,
    pub txid: Option<String>,
    pub event_at: Timestamp,
    pub amount: Money,
}

/// What a request that moves money comes to.
#[derive(Debug, Clone)]
pub enum Settled {
    /// As the caller shows it, now or the first time.
    Done(String),
    Refused(Refusal),
    /// There is no such settlement.
    Unknown,
    /// The caller's key belongs to another request.
    KeyTaken,
}

/// How a settlement is shown to whoever asked for it; kept with the caller's key.
pub type ShowSettlement = Box<dyn Fn(&SettlementRow) -> String + Send>;

impl Store {
    /// Takes up what is open and books it, or proposes it only. All or nothing.
    pub async fn settle(
        &self,
        asked: NewSettlement,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        key: Option<Idempotency>,
        show: ShowSettlement,
    ) -> Result<Settled, StoreError> {
        self.write(move |connection| {
            once(connection, key.as_ref(), now, &show, |connection| {
                create(connection, &asked, &snapshot, now).map(|made| made.map(Some))
            })
        })
        .await
    }

    /// Moves a settlement on: paid, received or cancelled.
    pub async fn move_settlement(
        &self,
        (kind, id, step): (SettlementKind, SettlementId, Step),
        (author, reason): (String, String),
        now: Timestamp,
        key: Option<Idempotency>,
        show: ShowSettlement,
    ) -> Result<Settled, StoreError> {
        let snapshot = self.snapshot();
        let settled = self
            .write(move |connection| {
                once(connection, key.as_ref(), now, &show, |connection| {
                    let moved = advance(connection, (kind, id, step), (&author, &reason), now)?;
                    if let (Ok(Some(row)), Some(snapshot)) = (&moved, &snapshot) {
                        tell(connection, row, snapshot, now)?;
                    }
                    Ok(moved)
                })
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(settled)
    }

    /// What could be settled now, by party and currency; nothing is written.
    pub async fn open_settlements(
        &self,
        kind: SettlementKind,
        party: Option<Name>,
        up_to: Timestamp,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<Vec<Open>, StoreError> {
        self.read(move |connection| {
            let mut open = Vec::new();
            for party in parties(connection, kind, party)? {
                for currency in currencies(connection, kind, &party)? {
                    let reach = Reach::Until(last_moment(up_to, now));
                    let lines = candidates(connection, (kind, &party, currency), reach)?;
                    let lines: Vec<Line> = lines.into_iter().map(|(line, _)| line).collect();
                    let sum = proposal(&lines, (kind, &party, currency), &snapshot);
                    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
                    open.push(Open { party: party.clone(), currency, lines: count, sum });
                }
            }
            Ok(open)
        })
        .await
    }

    /// Settlements, newest first.
    pub async fn settlements(
        &self,
        kind: SettlementKind,
        party: Option<Name>,
        page: PageRequest,
    ) -> Result<Page<SettlementRow>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {SETTLEMENT} from settlement where kind = ?1 and (?2 is null or party = ?2) \
                 and number < ?3 order by number desc limit ?4"
            );
            let before = page.after.as_ref().map_or(i64::MAX, Cursor::number);
            let party = party.as_ref().map(Name::as_str);
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map((kind.code(), party, before, page.limit + 1), settlement_row)?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor::from_number(row.number)))
        })
        .await
    }

    /// A settlement with its lines.
    pub async fn settlement(
        &self,
        kind: SettlementKind,
        id: SettlementId,
    ) -> Result<Option<(SettlementRow, Vec<SettlementLine>)>, StoreError> {
        self.read(move |connection| {
            let Some(row) = find(connection, kind, id)? else {
                return Ok(None);
            };
            let query = "select conversion_id, offer, event, txid, event_at, amount from settlement_line \
                join conversion on conversion.id = conversion_id where settlement = ?1 order by conversion_id";
            let mut statement = connection.prepare_cached(query)?;
            let currency = row.amount.currency;
            let lines = statement.query_map([row.number], |line| {
                Ok(SettlementLine {
                    conversion_id: rows::id(line, 0)?,
                    offer: rows::name(line, 1)?,
                    event: rows::name(line, 2)?,
                    txid: line.get(3)?,
                    event_at: rows::time(line, 4)?,
                    amount: Money { micros: line.get(5)?, currency },
                })
            })?;
            let lines = lines.collect::<Result<Vec<_>, _>>()?;
            Ok(Some((row, lines)))
        })
        .await
    }
}

type Made = Result<Option<SettlementRow>, Refusal>;

/// Carries a request out once per key of its caller.
fn once(
    connection: &Connection,
    key: Option<&Idempotency>,
    now: Timestamp,
    show: &ShowSettlement,
    run: impl FnOnce(&Connection) -> Result<Made, StoreError>,
) -> Result<Settled, StoreError> {
    match idempotency::look(connection, key)? {
        Before::Same(answer) => return Ok(Settled::Done(answer)),
        Before::Other => return Ok(Settled::KeyTaken),
        Before::Nothing => {}
    }
    let row = match run(connection)? {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Settled::Unknown),
        Err(refusal) => return Ok(Settled::Refused(refusal)),
    };
    let answer = show(&row);
    idempotency::keep(connection, key, &answer, now)?;
    Ok(Settled::Done(answer))
}

fn create(
    connection: &Connection,
    asked: &NewSettlement,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Result<SettlementRow, Refusal>, StoreError> {
    let NewSettlement { kind, party, currency, up_to: (day, end), .. } = asked;
    let reach = Reach::Until(last_moment(*end, now));
    let found = candidates(connection, (*kind, party, *currency), reach)?;
    let lines: Vec<Line> = found.iter().map(|(line, _)| *line).collect();
    let amount = match proposal(&lines, (*kind, party, *currency), snapshot) {
        Ok(amount) => amount,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut row = SettlementRow {
        number: 0,
        id: asked.id,
        kind: *kind,
        party: party.clone(),
        up_to: *day,
        at: now,
        author: asked.author.clone(),
        state: SettlementState::Draft,
        changed_at: now,
        amount,
        lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
    };
    row.number = insert(connection, &row)?;
    take_up(connection, &row, &found)?;
    pass_over(connection, &row, last_moment(*end, now))?;
    if !asked.draft {
        row.state = book(connection, &row, &lines, kind.settled(), now)?;
    }
    let action = format!("{}.{}", kind.code(), row.state.code());
    keep_deed(connection, &row, &action, (&asked.author, &row.amount.to_string()), now)?;
    tell(connection, &row, snapshot, now)?;
    Ok(Ok(row))
}

/// Tells the webhooks of a payout that was paid.
fn tell(
    connection: &Connection,
    row: &SettlementRow,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), StoreError> {
    if (row.kind, row.state) != (SettlementKind::Payout, SettlementState::Paid) {
        return Ok(());
    }
    for planned in paid(&snapshot.program, row.id, &row.party, row.amount, row.lines, now) {
        deliveries::insert(connection, &planned)?;
    }
    Ok(())
}

fn advance(
    connection: &Connection,
    (kind, id, step): (SettlementKind, SettlementId, Step),
    (author, reason): (&str, &str),
    now: Timestamp,
) -> Result<Made, StoreError> {
    let Some(mut row) = find(connection, kind, id)? else {
        return Ok(Ok(None));
    };
    let state = match settlement::next(kind, row.state, step) {
        Ok(state) => state,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let lines = lines_of(connection, row.number)?;
    row.state = book(connection, &row, &lines, state, now)?;
    row.changed_at = now;
    if state == SettlementState::Cancelled {
        give_back(connection, &row)?;
    }
    keep_deed(connection, &row, &format!("{}.{}", kind.code(), state.code()), (author, reason), now)?;
    Ok(Ok(Some(row)))
}

fn keep_deed(
    connection: &Connection,
    row: &SettlementRow,
    action: &str,
    (actor, reason): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("{} {} of {}", row.kind.code(), row.id, row.party);
    record(connection, &Deed { at, actor, action, subject: &subject, reason })
}

fn proposal(
    lines: &[Line],
    (kind, party, currency): (SettlementKind, &Name, Currency),
    snapshot: &Snapshot,
) -> Result<Money, Refusal> {
    let program = &snapshot.program;
    let minimum = match kind {
        SettlementKind::Payout => program.min_payout(party, currency),
        SettlementKind::Invoice => Money::zero(currency),
    };
    settlement::propose(lines, party, currency, minimum, &program.currencies)
}

/// The day's end is the first moment of the next one, which is not taken in.
fn last_moment(end: Timestamp, now: Timestamp) -> Timestamp {
    end.minus(Span::from_millis(1)).min(now)
}

/// What has stood in another currency, too, stays open: there may be something left to settle in that one.
fn take_up(connection: &Connection, row: &SettlementRow, lines: &[(Line, i64)]) -> Result<(), StoreError> {
    let (_, since_column) = columns(row.kind);
    let (account, _, _) = settlement::accounts(row.kind, &row.party);
    let (account, currency) = (account.to_string(), row.amount.currency);
    let keep =
        "insert into settlement_line (settlement, conversion_id, amount, since) values (?1, ?2, ?3, ?4)";
    let taken = format!(
        "update conversion set {since_column} = null where id = ?1 and not exists (select 1 from entry \
         where conversion_id = ?1 and currency <> ?2 and (debit = ?3 or credit = ?3))"
    );
    for (line, since) in lines {
        let id = line.conversion.to_bytes();
        connection.prepare_cached(keep)?.execute((row.number, id, line.micros, since))?;
        connection.prepare_cached(&taken)?.execute((id, currency.code(), &account))?;
    }
    Ok(())
}

/// What was taken back before anything took it up is not looked at again: nothing of it is open.
fn pass_over(connection: &Connection, row: &SettlementRow, until: Timestamp) -> Result<(), StoreError> {
    let (owner, since) = columns(row.kind);
    let (account, _, _) = settlement::accounts(row.kind, &row.party);
    let statement = format!(
        "update conversion set {since} = null where {owner} = ?1 and {since} <= ?2 and {since} is not null \
         and not exists (select 1 from settlement_line join settlement on settlement.number = settlement \
            where conversion_id = conversion.id and state = 'draft') \
         and not exists (select 1 from (select sum(case when credit = ?3 then amount else 0 end) \
            - sum(case when debit = ?3 then amount else 0 end) as rest from entry \
            where entry.conversion_id = conversion.id group by currency) where rest <> 0)"
    );
    let params = (row.party.as_str(), until.millis(), account.to_string());
    connection.prepare_cached(&statement)?.execute(params)?;
    Ok(())
}

/// What a cancelled settlement had taken up is open again from where it was.
fn give_back(connection: &Connection, row: &SettlementRow) -> Result<(), StoreError> {
    let (_, since) = columns(row.kind);
    let statement = format!(
        "update conversion set {since} = coalesce(min({since}, line.since), line.since) \
         from (select conversion_id, since from settlement_line where settlement = ?1) as line \
         where conversion.id = line.conversion_id"
    );
    connection.prepare_cached(&statement)?.execute([row.number])?;
    Ok(())
}

/// Books the step of a settlement to its next state, which is returned.
fn book(
    connection: &Connection,
    row: &SettlementRow,
    lines: &[Line],
    to: SettlementState,
    now: Timestamp,
) -> Result<SettlementState, StoreError> {
    let named = (row.id, row.kind, &row.party);
    for entry in settlement::entries(named, (row.state, to), lines, row.amount.currency, now) {
        let SettlementEntry { id, kind, conversion, transfer } = &entry;
        let entry = Entry {
            id: *id,
            at: now,
            kind: *kind,
            transfer,
            rate: "",
            conversion_id: Some(*conversion),
            postback_id: None,
            settlement_id: Some(row.id),
        };
        entries::insert(connection, &entry)?;
    }
    let statement = "update settlement set state = ?2, changed_at = ?3 where number = ?1";
    connection.prepare_cached(statement)?.execute((row.number, to.code(), now.millis()))?;
    Ok(to)
}

fn insert(connection: &Connection, row: &SettlementRow) -> Result<i64, StoreError> {
    let statement = "insert into settlement (id, kind, party, currency, up_to, at, author, state, changed_at, amount, lines) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(statement)?.execute((
        row.id.to_bytes(),
        row.kind.code(),
        row.party.as_str(),
        row.amount.currency.code(),
        row.up_to.to_string(),
        row.at.millis(),
        &row.author,
        row.state.code(),
        row.changed_at.millis(),
        row.amount.micros,
        row.lines,
    ))?;
    Ok(connection.last_insert_rowid())
}

const SETTLEMENT: &str =
    "number, id, kind, party, up_to, at, author, state, changed_at, amount, currency, lines";

fn settlement_row(row: &Row<'_>) -> rusqlite::Result<SettlementRow> {
    Ok(SettlementRow {
        number: row.get(0)?,
        id: rows::id(row, 1)?,
        kind: rows::settlement_kind(row, 2)?,
        party: rows::name(row, 3)?,
        up_to: rows::day(row, 4)?,
        at: rows::time(row, 5)?,
        author: row.get(6)?,
        state: rows::settlement_state(row, 7)?,
        changed_at: rows::time(row, 8)?,
        amount: rows::money(row, 9, 10)?,
        lines: row.get(11)?,
    })
}

fn find(
    connection: &Connection,
    kind: SettlementKind,
    id: SettlementId,
) -> Result<Option<SettlementRow>, StoreError> {
    let query = format!("select {SETTLEMENT} from settlement where id = ?1 and kind = ?2");
    let params = (id.to_bytes(), kind.code());
    Ok(connection.prepare_cached(&query)?.query_row(params, settlement_row).optional()?)
}

fn lines_of(connection: &Connection, number: i64) -> Result<Vec<Line>, StoreError> {
    let query =
        "select conversion_id, amount from settlement_line where settlement = ?1 order by conversion_id";
    let mut statement = connection.prepare_cached(query)?;
    let lines = statement
        .query_map([number], |row| Ok(Line { conversion: rows::id(row, 0)?, micros: row.get(1)? }))?;
    Ok(lines.collect::<Result<_, _>>()?)
}
