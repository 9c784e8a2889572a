//! A statement as a page to be read and printed: the sums, their proof, the first lines.

use proofback_store::{Lines, PageRequest, Statement, StatementLine, StoreError};

use super::{CHUNK, Checked, Side, View};
use crate::api::html::{Cell, Page};

/// Lines on one page, of all currencies together.
const LINES_MAX: u64 = 2_000;

pub fn page(checked: &Checked<'_>, lines: &Lines<'_>) -> Result<String, StoreError> {
    let Checked { view, statements } = checked;
    let mut page = Page::new(&format!("Statement of {}", view.name));
    let house = if view.program.is_empty() { String::new() } else { format!("{}, ", view.program) };
    page.sentence(&format!("{house}for the {} {} ({})", view.side.word(), view.name, view.id));
    page.sentence(&format!("From {} to {}, both included, days of {}", view.from, view.to, view.timezone));
    page.sentence(match view.side {
        Side::Partner => "Balances are what is approved and not yet paid.",
        Side::Advertiser => "Balances are what is due or invoiced and not yet received.",
    });
    if statements.is_empty() {
        page.sentence("Nothing was booked up to the end of this period.");
    }
    let mut left = LINES_MAX;
    for statement in *statements {
        sums(&mut page, view, statement);
        let first = first_lines(lines, statement, left)?;
        left -= first.len() as u64;
        if !first.is_empty() {
            table(&mut page, view, statement, &first);
        }
        if (first.len() as u64) < statement.entries {
            page.remark(
                &format!(
                    "{} of {} lines are shown here. All of them are in the file: ask for format=csv.",
                    first.len(),
                    statement.entries
                ),
                false,
            );
        }
    }
    Ok(page.finish())
}

pub fn sums(page: &mut Page, view: &View, statement: &Statement) {
    let currency = statement.currency;
    let amount = |micros: i128| view.amount(micros, currency);
    page.heading(currency.code());
    let mut rows = vec![(format!("Opening balance, {}", view.from), amount(statement.opening))];
    rows.extend(view.movements(statement).into_iter().map(|(kind, micros)| (capital(&kind), amount(micros))));
    rows.push((format!("Closing balance, {}", view.to), amount(statement.closing)));
    page.sums(&format!("Balance and movements in {currency}"), &rows);
    page.remark(&format!("{}. {}", view.proof(statement), view.verdict(statement)), !statement.holds());
    let beside: Vec<(String, String)> =
        view.beside(statement).iter().map(|(name, micros)| (described(name), amount(*micros))).collect();
    page.sums(&format!("Beside it, in {currency}"), &beside);
}

fn described(name: &str) -> String {
    match name {
        "pending" => "Pending at the end, not yet approved",
        "paid" => "Paid in this period",
        "on_hold" => "Approved and on hold as of today",
        "due" => "Due at the end, not yet invoiced",
        "invoiced" => "Invoiced at the end, not yet received",
        "received" => "Received in this period",
        other => other,
    }
    .to_owned()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

fn first_lines(lines: &Lines<'_>, statement: &Statement, max: u64) -> Result<Vec<StatementLine>, StoreError> {
    let mut first = Vec::new();
    let mut request = PageRequest::first(CHUNK);
    while (first.len() as u64) < max {
        let left = max - first.len() as u64;
        request.limit = u32::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let page = lines.page(statement.currency, &request)?;
        first.extend(page.rows);
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    Ok(first)
}

fn table(page: &mut Page, view: &View, statement: &Statement, lines: &[StatementLine]) {
    let names = ["Time (UTC)", "Kind", "Offer", "Event", "Transaction", "Settlement"];
    let mut names: Vec<Cell> = names.map(|name| Cell::Text(name.into())).into();
    names.push(Cell::Number("Amount".into()));
    let rows = lines.iter().map(|line| {
        let name = |name: &Option<_>| name.as_ref().map_or_else(String::new, ToString::to_string);
        let settlement = line.settlement_id.map_or_else(String::new, |id| id.to_string());
        let mut row: Vec<Cell> = [
            line.at.iso(),
            view.word(&line.kind),
            name(&line.offer),
            name(&line.event),
            line.txid.clone().unwrap_or_default(),
            settlement,
        ]
        .map(Cell::Text)
        .into();
        row.push(Cell::Number(view.amount(line.amount.micros.into(), line.amount.currency)));
        row
    });
    page.table(&format!("Lines in {}", statement.currency), &names, rows);
}
