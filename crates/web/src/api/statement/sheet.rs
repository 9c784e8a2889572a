//! A statement as tables: its sums with their proof, then every line.

use proofback_domain::money::Currency;
use proofback_sheets::{Cell, Column, Kind, Table};
use proofback_store::{Lines, PageRequest, StatementLine, StoreError};

use super::{CHUNK, Checked, LINES_MAX, Side, View};

const LINES: [(&str, Kind); 11] = [
    ("at", Kind::Time),
    ("kind", Kind::Text),
    ("amount", Kind::Amount),
    ("currency", Kind::Text),
    ("offer", Kind::Text),
    ("event", Kind::Text),
    ("txid", Kind::Text),
    ("click_id", Kind::Text),
    ("conversion_id", Kind::Text),
    ("settlement_id", Kind::Text),
    ("entry_id", Kind::Text),
];

/// A file, or why there is none.
type File = Result<Vec<u8>, String>;

/// The sums as a table, and behind it all lines as another one.
pub fn csv(checked: &Checked<'_>, lines: &Lines<'_>) -> Result<File, StoreError> {
    if let Some(why) = too_many(checked) {
        return Ok(Err(why));
    }
    let view = checked.view;
    let mut bytes = proofback_sheets::csv(&[summary(checked), empty("lines")]);
    for statement in checked.statements {
        each_chunk(lines, statement.currency, |chunk| {
            let rows: Vec<Vec<Cell>> = chunk.iter().map(|line| row(view, line)).collect();
            bytes.extend(proofback_sheets::csv_rows(LINES.len(), &rows));
        })?;
    }
    Ok(Ok(bytes))
}

/// A sheet of sums, and one of lines for each currency.
pub fn xlsx(checked: &Checked<'_>, lines: &Lines<'_>) -> Result<File, StoreError> {
    if let Some(why) = too_many(checked) {
        return Ok(Err(why));
    }
    let view = checked.view;
    let mut tables = vec![summary(checked)];
    for statement in checked.statements {
        let mut table = empty(statement.currency.code());
        each_chunk(lines, statement.currency, |chunk| {
            table.rows.extend(chunk.iter().map(|line| row(view, line)));
        })?;
        tables.push(table);
    }
    Ok(proofback_sheets::xlsx(&tables).map_err(|error| error.to_string()))
}

fn too_many(checked: &Checked<'_>) -> Option<String> {
    let lines: u64 = checked.statements.iter().map(|statement| statement.entries).sum();
    (LINES_MAX < lines).then(|| {
        format!("the statement has {lines} lines and a file at most {LINES_MAX}: ask for shorter periods")
    })
}

fn each_chunk(
    lines: &Lines<'_>,
    currency: Currency,
    mut take: impl FnMut(&[StatementLine]),
) -> Result<(), StoreError> {
    let mut request = PageRequest::first(CHUNK);
    loop {
        let page = lines.page(currency, &request)?;
        take(&page.rows);
        request.after = page.next;
        if request.after.is_none() {
            return Ok(());
        }
    }
}

fn empty(title: &str) -> Table {
    let columns = LINES.map(|(name, kind)| Column { name: name.into(), kind });
    Table { title: title.into(), columns: columns.into(), rows: Vec::new() }
}

fn row(view: &View, line: &StatementLine) -> Vec<Cell> {
    let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
    vec![
        Cell::Time(line.at.iso()),
        Cell::Text(view.word(&line.kind)),
        Cell::Amount(view.amount(line.amount.micros.into(), line.amount.currency)),
        Cell::Text(line.amount.currency.to_string()),
        text(line.offer.as_ref().map(ToString::to_string)),
        text(line.event.as_ref().map(ToString::to_string)),
        text(line.txid.clone()),
        text(line.click_id.map(|id| id.to_string())),
        text(line.conversion_id.map(|id| id.to_string())),
        text(line.settlement_id.map(|id| id.to_string())),
        Cell::Text(line.id.to_string()),
    ]
}

/// A row for each currency.
pub fn summary(checked: &Checked<'_>) -> Table {
    let Checked { view, statements } = checked;
    let kinds = view.side.kinds();
    let mut columns = Vec::new();
    let mut column = |name: &str, kind| columns.push(Column { name: name.into(), kind });
    for name in [view.side.word(), "from", "to", "timezone", "currency"] {
        column(name, Kind::Text);
    }
    column("opening", Kind::Amount);
    kinds.iter().for_each(|(_, name)| column(name, Kind::Amount));
    column("other", Kind::Amount);
    column("closing", Kind::Amount);
    column("adds_up", Kind::Text);
    let beside = match view.side {
        Side::Partner => ["pending", "paid", "on_hold"],
        Side::Advertiser => ["due", "invoiced", "received"],
    };
    beside.iter().for_each(|name| column(name, Kind::Amount));
    column("entries", Kind::Integer);
    let rows = statements.iter().map(|statement| {
        let amount = |micros: i128| Cell::Amount(view.amount(micros, statement.currency));
        let period = [view.from.to_string(), view.to.to_string(), view.timezone.clone()];
        let texts = [view.id.to_string()].into_iter().chain(period).chain([statement.currency.to_string()]);
        let mut row: Vec<Cell> = texts.map(Cell::Text).collect();
        let movements = view.movements(statement);
        let (named, others) = movements.split_at(kinds.len());
        row.push(amount(statement.opening));
        row.extend(named.iter().map(|(_, micros)| amount(*micros)));
        row.push(amount(others.iter().map(|(_, micros)| *micros).sum()));
        row.push(amount(statement.closing));
        row.push(Cell::Text(if statement.holds() { "yes".into() } else { view.verdict(statement) }));
        row.extend(view.beside(statement).iter().map(|(_, micros)| amount(*micros)));
        row.push(Cell::Integer(i64::try_from(statement.entries).unwrap_or(i64::MAX)));
        row
    });
    let rows = rows.collect();
    Table { title: "summary".into(), columns, rows }
}
