//! Facts in the database: written with the decision that they come from, and which of them lie in sealed files.

use proofback_domain::click::Click;
use proofback_domain::conversion::Conversion;
use proofback_domain::decide::{Decision, Known};
use proofback_domain::fact::{self, AboutClick, Fact, Facts};
use proofback_domain::id::PostbackId;
use proofback_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{known, rows};
use crate::error::StoreError;
use crate::facts::{Catalog, FactFile, FileKind, Summary};

/// How a decision came about, as far as facts need it.
pub struct Cause<'a> {
    pub click: Option<&'a Click>,
    /// The conversion before.
    pub before: Option<&'a Conversion>,
    /// Whether the click had no conversion before.
    pub first: bool,
    /// Answers to postbacks that it gives or takes back.
    pub answers: Vec<Fact>,
}

impl<'a> Cause<'a> {
    /// A decision that answers a postback.
    pub fn answer(known: &'a Known, decision: &Decision) -> Self {
        let before = decision.effects.conversion.as_ref().and_then(|after| known.conversion(after.id));
        let cause = Self {
            click: known.click.as_ref(),
            before,
            first: known.of_click.is_empty(),
            answers: Vec::new(),
        };
        cause.answering(decision)
    }

    /// A person's word about a conversion.
    pub fn word(before: &'a Conversion, click: &'a Click) -> Self {
        Self { click: Some(click), before: Some(before), first: false, answers: Vec::new() }
    }

    pub fn answering(mut self, decision: &Decision) -> Self {
        self.answers.push(Fact::postback(decision.outcome, decision.reason, decision.at, 1));
        self
    }

    /// The answer before it counts no longer.
    pub fn instead_of(mut self, answer: Option<Fact>) -> Self {
        self.answers.extend(answer);
        self
    }
}

/// Writes the facts of a decision, if it has any.
pub fn book(connection: &Connection, decision: &Decision, cause: Cause<'_>) -> Result<(), StoreError> {
    let Cause { click, before, first, answers: mut facts } = cause;
    if let Some(after) = &decision.effects.conversion {
        let found = match click {
            Some(_) => None,
            None => known::find_click(connection, after.click_id)?,
        };
        let click = click.or(found.as_ref());
        let click_at = click.map_or(after.at, |click| click.at);
        let change = decision.effects.change.as_ref();
        facts.extend(fact::of_conversion(before, after, change, click_at, first));
    }
    let test = decision.effects.conversion.as_ref().is_some_and(|conversion| conversion.test);
    let about = Facts {
        at: decision.at,
        click: click.map(AboutClick::of),
        advertiser: decision.advertiser.clone(),
        partner: None,
        test,
        facts,
    };
    insert(connection, &about)
}

pub fn insert(connection: &Connection, facts: &Facts) -> Result<(), StoreError> {
    if facts.facts.is_empty() {
        return Ok(());
    }
    let statement = "insert into fact (number, at, body) \
        values (1 + max((select coalesce(max(number), 0) from fact), (select facts_until from fact_state)), ?1, ?2)";
    let body = serde_json::to_string(facts)?;
    connection.prepare_cached(statement)?.execute((facts.at.millis(), body))?;
    Ok(())
}

/// The answer that a postback has now, taken back because another one follows.
pub fn answer_before(connection: &Connection, id: PostbackId) -> Result<Option<Fact>, StoreError> {
    let query = "select outcome, reason, at from postback where id = ?1";
    let row = |row: &Row<'_>| {
        Ok(Fact::postback(rows::outcome(row, 0)?, rows::reason(row, 1)?, rows::time(row, 2)?, -1))
    };
    Ok(connection.prepare_cached(query)?.query_row([id.to_bytes()], row).optional()?)
}

/// A delivery that ended as failed, or (`count` is -1) that a person tries again after that.
pub fn delivery_failed(
    connection: &Connection,
    id: [u8; 16],
    at: Timestamp,
    count: i64,
) -> Result<(), StoreError> {
    match of_delivery(connection, id, at, count)? {
        Some(facts) => insert(connection, &facts),
        None => Ok(()),
    }
}

pub fn of_delivery(
    connection: &Connection,
    id: [u8; 16],
    at: Timestamp,
    count: i64,
) -> Result<Option<Facts>, StoreError> {
    let query = "select target, partner, click_id, trial from delivery where id = ?1";
    let row = connection.prepare_cached(query)?.query_row([id], |row| {
        let (target, partner) = (rows::name(row, 0)?, rows::optional_name(row, 1)?);
        Ok((target, partner, rows::optional_click_id(row, 2)?, row.get::<_, bool>(3)?))
    });
    let Some((target, partner, click_id, trial)) = row.optional()? else {
        return Ok(None);
    };
    let click = click_id.map(|id| known::find_click(connection, id)).transpose()?.flatten();
    Ok(Some(Facts {
        at,
        click: click.as_ref().map(AboutClick::of),
        advertiser: None,
        partner,
        test: trial,
        facts: vec![Fact::delivery(&target, at, count)],
    }))
}

/// Up to where clicks and facts are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactState {
    /// Click numbers below it.
    pub clicks_until: i64,
    /// Numbers of facts up to it.
    pub facts_until: i64,
    pub version: i64,
}

pub fn state(connection: &Connection) -> Result<FactState, StoreError> {
    let query = "select clicks_until, facts_until, version from fact_state";
    let state = connection.prepare_cached(query)?.query_row([], |row| {
        Ok(FactState { clicks_until: row.get(0)?, facts_until: row.get(1)?, version: row.get(2)? })
    })?;
    Ok(state)
}

const FILE: &str = "number, kind, day, path, at, rows, bytes, first, last, click_from, click_to, event_from, event_to, \
    booked_from, booked_to, raw, sums, hash, currencies";

fn file(row: &Row<'_>) -> rusqlite::Result<FactFile> {
    let count = |column| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
    let clicked = row.get::<_, Option<i64>>(9)?.zip(row.get::<_, Option<i64>>(10)?);
    Ok(FactFile {
        number: row.get(0)?,
        kind: FileKind::parse(row.get_ref(1)?.as_str()?).unwrap_or(FileKind::Events),
        day: row.get(2)?,
        path: row.get(3)?,
        at: row.get(4)?,
        bytes: count(6)?,
        first: row.get(7)?,
        last: row.get(8)?,
        raw: row.get(15)?,
        summary: Summary {
            rows: count(5)?,
            clicked,
            happened: Some((row.get(11)?, row.get(12)?)),
            booked: Some((row.get(13)?, row.get(14)?)),
            currencies: rows::json(row, 18)?,
            sums: rows::json(row, 16)?,
        },
        hash: row.get(17)?,
    })
}

/// All files that are registered, and the version of the list.
pub fn catalog(connection: &Connection) -> Result<Catalog, StoreError> {
    let version = state(connection)?.version;
    let query = format!("select {FILE} from fact_file order by kind, day, number");
    let mut statement = connection.prepare_cached(&query)?;
    let files = statement.query_map([], file)?.collect::<Result<_, _>>()?;
    Ok(Catalog { version, files })
}

pub fn register(connection: &Connection, file: &FactFile) -> Result<(), StoreError> {
    let statement = "insert into fact_file (kind, day, path, at, rows, bytes, first, last, click_from, click_to, \
        event_from, event_to, booked_from, booked_to, raw, sums, hash, currencies) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    let summary = &file.summary;
    let (happened, booked) = (summary.happened.unwrap_or_default(), summary.booked.unwrap_or_default());
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    connection.prepare_cached(statement)?.execute(rusqlite::params![
        file.kind.code(),
        file.day,
        file.path,
        file.at,
        count(summary.rows),
        count(file.bytes),
        file.first,
        file.last,
        summary.clicked.map(|(first, _)| first),
        summary.clicked.map(|(_, last)| last),
        happened.0,
        happened.1,
        booked.0,
        booked.1,
        file.raw,
        serde_json::to_string(&summary.sums)?,
        file.hash,
        serde_json::to_string(&summary.currencies)?,
    ])?;
    Ok(())
}

pub fn unregister(connection: &Connection, path: &str) -> Result<(), StoreError> {
    let removed = connection.prepare_cached("delete from fact_file where path = ?1")?.execute([path])?;
    match removed {
        1 => Ok(()),
        _ => Err(StoreError::Failed(format!("the fact file {path} is not registered any more"))),
    }
}

/// What is sealed moves on; the list of files has changed.
pub fn advance(
    connection: &Connection,
    clicks_until: Option<i64>,
    facts_until: Option<i64>,
) -> Result<(), StoreError> {
    let statement = "update fact_state set clicks_until = coalesce(?1, clicks_until), \
        facts_until = coalesce(?2, facts_until), version = version + 1";
    connection.prepare_cached(statement)?.execute((clicks_until, facts_until))?;
    Ok(())
}

/// Rows that are in files and no longer needed; says how many went. Few at a time, so that other writes come between.
pub fn clear_some(connection: &Connection, rows: u32) -> Result<usize, StoreError> {
    let clicks = "delete from click where number < coalesce( \
        (select number from click where number < (select clicks_until from fact_state) order by number limit 1 offset ?1), \
        (select clicks_until from fact_state))";
    let cleared = connection.prepare_cached(clicks)?.execute([rows])?;
    let facts = "delete from fact where number <= coalesce( \
        (select number - 1 from fact where number <= (select facts_until from fact_state) order by number limit 1 offset ?1), \
        (select facts_until from fact_state))";
    Ok(cleared + connection.prepare_cached(facts)?.execute([rows])?)
}
