//! A statement as JSON: sums, their proof, and a page of lines.

use proofback_domain::money::Currency;
use proofback_store::{Lines, Page, PageRequest, Statement, StatementLine, StoreError};
use serde_json::{Map, Value, json};

use super::{Checked, View};

type Shown = Result<Value, &'static str>;

pub fn show(checked: &Checked<'_>, lines: &Lines<'_>, page: &PageRequest) -> Result<Shown, StoreError> {
    let Checked { view, statements } = checked;
    if page.after.is_some() && statements.len() > 1 {
        return Ok(Err("a cursor belongs to the lines of one currency: name it with currency="));
    }
    let mut shown = Vec::with_capacity(statements.len());
    for statement in *statements {
        let lines = lines.page(statement.currency, page)?;
        shown.push(show_one(view, statement, &lines));
    }
    Ok(Ok(json!({
        view.side.word(): view.id,
        "from": view.from.to_string(),
        "to": view.to.to_string(),
        "timezone": view.timezone,
        "statements": shown,
    })))
}

pub fn show_one(view: &View, statement: &Statement, lines: &Page<StatementLine>) -> Value {
    let currency = statement.currency;
    let amount = |micros: i128| Value::String(view.amount(micros, currency));
    let movements: Map<String, Value> =
        view.movements(statement).into_iter().map(|(kind, micros)| (kind, amount(micros))).collect();
    let mut shown = json!({
        "currency": currency,
        "opening": amount(statement.opening),
        "movements": movements,
        "closing": amount(statement.closing),
    });
    let more = json!({
        "proof": {
            "opening": amount(statement.opening),
            "movements": amount(statement.movements()),
            "closing": amount(statement.closing),
            "holds": statement.holds(),
        },
        "entries": statement.entries,
        "lines": lines.rows.iter().map(|line| show_line(view, line, currency)).collect::<Vec<_>>(),
        "next": lines.next.as_ref().map(ToString::to_string),
    });
    if let (Some(members), Value::Object(more)) = (shown.as_object_mut(), more) {
        let beside = view.beside(statement).map(|(name, micros)| (name.to_owned(), amount(micros)));
        members.extend(beside);
        members.extend(more);
        if !statement.holds() {
            members.insert("warning".into(), view.verdict(statement).into());
        }
    }
    shown
}

fn show_line(view: &View, line: &StatementLine, currency: Currency) -> Value {
    let mut shown = json!({
        "entry_id": line.id,
        "at": line.at.iso(),
        "kind": view.word(&line.kind),
        "amount": view.amount(line.amount.micros.into(), currency),
        "currency": currency,
        "offer": line.offer,
        "event": line.event,
        "txid": line.txid,
        "click_id": line.click_id,
        "conversion_id": line.conversion_id,
        "settlement_id": line.settlement_id,
    });
    if let (Some(members), true) = (shown.as_object_mut(), view.for_staff) {
        members.insert("reason".into(), line.reason.clone().into());
        members.extend((!line.rate.is_empty()).then(|| ("rate".to_owned(), json!(line.rate))));
    }
    shown
}
