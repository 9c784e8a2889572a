//! Counts over the past: places taken in caps, and conversions by what fraud rules ask for.

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::Decision;
use proofback_domain::id::PostbackId;
use proofback_domain::past::{Answers, Count, Question};
use proofback_domain::time::{Span, Timestamp};
use rusqlite::Connection;

use super::Store;
use crate::error::StoreError;

/// How long conversions are remembered for fraud rules; no rule looks back further.
const REMEMBERED: Span = Span::from_seconds(31 * 86_400);
/// Sightings forgotten in one transaction.
const FORGET_MAX: u32 = 2_000;

impl Store {
    /// Forgets what no fraud rule can ask for any more; says how much.
    pub async fn forget_sightings(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |connection| {
            // Rows come in the order of time.
            let statement = "delete from sighting where number in \
                (select number from sighting where at < ?1 order by number limit ?2)";
            let before = now.minus(REMEMBERED).millis();
            Ok(connection.prepare_cached(statement)?.execute((before, FORGET_MAX))?)
        })
        .await
    }
}

pub fn answer(connection: &Connection, questions: Vec<Question>) -> Result<Answers, StoreError> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let count = match &question {
            Question::Counted { scope, from, to } => {
                open_scope(connection, scope)?;
                counted(connection, scope, from.number(), to.number())?
            }
            Question::Sighted { subject, since, but } => sighted(connection, subject, *since, *but)?,
        };
        answers.push((question, u64::try_from(count).unwrap_or(0)));
    }
    Ok(Answers::new(answers))
}

fn counted(connection: &Connection, scope: &str, from: i32, to: i32) -> Result<i64, StoreError> {
    let query = "select coalesce(sum(count), 0) from cap_count where scope = ?1 and ?2 <= day and day <= ?3";
    Ok(connection.prepare_cached(query)?.query_row((scope, from, to), |row| row.get(0))?)
}

fn sighted(
    connection: &Connection,
    subject: &str,
    since: Timestamp,
    but: Option<ClickId>,
) -> Result<i64, StoreError> {
    let query = "select count(*) from sighting where subject = ?1 and ?2 < at and click_id is not ?3";
    let params = (subject, since.millis(), but.map(ClickId::to_bytes));
    Ok(connection.prepare_cached(query)?.query_row(params, |row| row.get(0))?)
}

/// A scope that had no cap until now is counted from all conversions, once.
fn open_scope(connection: &Connection, scope: &str) -> Result<(), StoreError> {
    let added = connection
        .prepare_cached("insert into cap_scope (scope) values (?1) on conflict (scope) do nothing")?
        .execute([scope])?;
    if added == 0 {
        return Ok(());
    }
    tracing::info!(scope, "a scope has its first cap; its conversions are counted");
    let words: Vec<&str> = scope.split(' ').collect();
    let condition = match words.as_slice() {
        ["offer", _] => "offer = ?1",
        ["goal", _, _] => "offer = ?1 and event = ?2",
        ["partner", _] => "partner = ?1",
        ["terms", _, _, _] => "partner = ?1 and offer = ?2 and event = ?3",
        ["amount", _, _, _, _] => {
            "partner = ?1 and offer = ?2 and event = ?3 and json_extract(value, '$.currency') = ?4"
        }
        _ => return Err(StoreError::Failed(format!("{scope:?} is no scope of caps"))),
    };
    let names = words.iter().skip(1);
    let (what, of) = if scope.starts_with("amount ") {
        let rest = "sum(max(json_extract(value, '$.micros') - json_extract(money, '$.refunded_micros'), 0))";
        (
            rest,
            "(select *, coalesce(money -> '$.amount', money -> '$.named_revenue') as value from conversion)",
        )
    } else {
        ("count(*)", "conversion")
    };
    let statement = format!(
        "insert into cap_count (scope, day, count) select ?{}, day, {what} from {of} \
         where {condition} and counts = 1 group by day",
        words.len()
    );
    let params = names.chain([&scope]);
    connection.prepare(&statement)?.execute(rusqlite::params_from_iter(params))?;
    Ok(())
}

/// Counts in the scopes that have caps; the others cost one look.
pub fn count(connection: &Connection, counts: &[Count]) -> Result<(), StoreError> {
    if counts.is_empty() {
        return Ok(());
    }
    let any = "select exists (select 1 from cap_scope)";
    let any: bool = connection.prepare_cached(any)?.query_row([], |row| row.get(0))?;
    if !any {
        return Ok(());
    }
    for count in counts {
        let statement = "insert into cap_count (scope, day, count) select ?1, ?2, ?3 \
            where exists (select 1 from cap_scope where scope = ?1) \
            on conflict (scope, day) do update set count = count + excluded.count";
        let params = (&count.scope, count.day.number(), count.delta);
        connection.prepare_cached(statement)?.execute(params)?;
    }
    Ok(())
}

/// Keeps the scopes that have caps in the program in force; a cap that comes back is counted afresh.
pub fn keep_scopes(connection: &Connection, capped: &[String]) -> Result<(), StoreError> {
    let list = serde_json::to_string(capped)?;
    for table in ["cap_scope", "cap_count"] {
        let statement = format!("delete from {table} where scope not in (select value from json_each(?1))");
        connection.execute(&statement, [&list])?;
    }
    Ok(())
}

pub fn remember(connection: &Connection, subjects: &[String], decision: &Decision) -> Result<(), StoreError> {
    for subject in subjects {
        let statement = "insert into sighting (subject, at, click_id) values (?1, ?2, ?3)";
        let click_id = decision.click_id.map(ClickId::to_bytes);
        connection.prepare_cached(statement)?.execute((subject, decision.at.millis(), click_id))?;
    }
    Ok(())
}

/// What was answered when a postback was decided, where the same is asked again; otherwise it is asked anew, by whoever
/// may open a scope.
pub fn answered(
    connection: &Connection,
    questions: Vec<Question>,
    postback: PostbackId,
) -> Result<Answers, StoreError> {
    if questions.is_empty() {
        return Ok(Answers::default());
    }
    let query = "select answers from postback where id = ?1";
    let kept: Option<String> =
        connection.prepare_cached(query)?.query_row([postback.to_bytes()], |row| row.get(0))?;
    let kept: Vec<u64> = kept.map(|kept| serde_json::from_str(&kept)).transpose()?.unwrap_or_default();
    if kept.len() == questions.len() || connection.is_readonly("main")? {
        return Ok(Answers::new(questions.into_iter().zip(kept).collect()));
    }
    answer(connection, questions)
}
