//! Facts of a store that is older than facts: made once, of conversions, postbacks and deliveries as they stand.

use std::collections::HashMap;

use proofback_domain::conversion::Conversion;
use proofback_domain::fact::{AboutClick, Fact, Facts, of_conversion};
use proofback_domain::id::ConversionId;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::{facts, known, rows};
use crate::error::StoreError;

/// Makes the facts of what was decided before, in the order in which it was; nothing where there are some, or nothing
/// was decided.
pub fn backfill(connection: &Connection) -> Result<(), StoreError> {
    let query = "select not exists (select 1 from fact) and (select version from fact_state) = 0 \
        and exists (select 1 from postback)";
    if !connection.query_row(query, [], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    tracing::info!("facts are made of what was decided before there were any; this takes a while once");
    connection.execute_batch("begin immediate; create temp table old_fact (at integer, body text)")?;
    let made = postbacks(connection)
        .and_then(|()| conversions(connection))
        .and_then(|()| deliveries(connection))
        .and_then(|()| {
            let statement =
                "insert into fact (at, body) select at, body from temp.old_fact order by at, rowid";
            Ok(connection.execute(statement, []).map(drop)?)
        });
    let end = if made.is_ok() { "drop table temp.old_fact; commit" } else { "rollback" };
    connection.execute_batch(end)?;
    made
}

fn keep(connection: &Connection, facts: &Facts) -> Result<(), StoreError> {
    if !facts.facts.is_empty() {
        let statement = "insert into temp.old_fact (at, body) values (?1, ?2)";
        connection.prepare_cached(statement)?.execute((facts.at.millis(), serde_json::to_string(facts)?))?;
    }
    Ok(())
}

fn postbacks(connection: &Connection) -> Result<(), StoreError> {
    let query = "select outcome, reason, decided_at, advertiser, click_id from postback order by id";
    let mut statement = connection.prepare(query)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let at = rows::time(row, 2)?;
        let click = rows::optional_click_id(row, 4)?;
        let click = click.map(|id| known::find_click(connection, id)).transpose()?.flatten();
        let answer = Fact::postback(rows::outcome(row, 0)?, rows::reason(row, 1)?, at, 1);
        let advertiser = rows::optional_name(row, 3)?;
        let click = click.as_ref().map(AboutClick::of);
        keep(connection, &Facts { at, click, advertiser, partner: None, test: false, facts: vec![answer] })?;
    }
    Ok(())
}

fn conversions(connection: &Connection) -> Result<(), StoreError> {
    let query = format!("select {}, after from change order by number", rows::CHANGE);
    let mut statement = connection.prepare(&query)?;
    let mut found = statement.query([])?;
    let mut standing: HashMap<ConversionId, Conversion> = HashMap::new();
    while let Some(row) = found.next()? {
        let change = rows::change(row)?;
        let Some(mut after) = known::find_conversion(connection, change.conversion_id)? else {
            continue;
        };
        // Changes that are older than states lead to the one that stands.
        if let Ok(state) = rows::json::<rows::ConversionState>(row, 12) {
            state.put_into(&mut after);
        }
        let before = standing.get(&after.id);
        let click = known::find_click(connection, after.click_id)?;
        let click_at = click.as_ref().map_or(after.at, |click| click.at);
        let facts = of_conversion(before, &after, Some(&change), click_at, false);
        let (advertiser, partner) = (Some(after.advertiser.clone()), Some(after.partner.clone()));
        let click = click.as_ref().map(AboutClick::of);
        keep(connection, &Facts { at: change.at, click, advertiser, partner, test: after.test, facts })?;
        standing.insert(after.id, after);
    }
    // What stands without a change of its own: a word of a person's that left none.
    for (id, before) in standing {
        if let Some(after) = known::find_conversion(connection, id)? {
            let click = known::find_click(connection, after.click_id)?;
            let facts = of_conversion(Some(&before), &after, None, after.at, false);
            let (advertiser, partner) = (Some(after.advertiser.clone()), Some(after.partner.clone()));
            let click = click.as_ref().map(AboutClick::of);
            let at = after.changed_at;
            keep(connection, &Facts { at, click, advertiser, partner, test: after.test, facts })?;
        }
    }
    Ok(())
}

fn deliveries(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("select id, next_at from delivery where state = 'failed'")?;
    let failed = statement.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?)))?;
    for row in failed {
        let (id, at) = row?;
        if let Some(facts) = facts::of_delivery(connection, id, Timestamp::from_millis(at), 1)? {
            keep(connection, &facts)?;
        }
    }
    Ok(())
}
