//! A reconciliation as JSON and as tables.
//!
//! Rows are written one after another: as values, or as one table, a hundred thousand would take ten times the room.

use std::collections::BTreeMap;

use proofback_domain::money::{Currencies, Currency, Money};
use proofback_domain::reconcile::{Action, By, Group, Ours, Reconciliation, Row, Theirs, Total, Whom};
use proofback_sheets::{Cell, Column, Kind, Table, csv};
use serde_json::{Map, Value, json};

use super::proposed::{self, Proposal};

/// Rows of a table at a time.
const CHUNK: usize = 2_000;

/// What rows are shown with.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    pub currencies: &'a Currencies,
    pub proposal: Proposal<'a>,
}

impl Show<'_> {
    pub fn line(self, row: &Row) -> Value {
        json!({
            "group": row.group,
            "by": row.by,
            "theirs": row.theirs.as_ref().map(|theirs| self.theirs(theirs)),
            "ours": row.ours.as_ref().map(|ours| self.ours(ours)),
            "repeats": row.repeats,
            "differences": row.differences,
            "seen": row.seen.as_ref().map(|seen| json!({
                "postback_id": seen.postback_id,
                "at": seen.at.iso(),
                "reason": seen.reason,
                "message": seen.message,
                "likely_click": seen.likely_click,
            })),
            "action": row.action,
        })
    }

    fn theirs(self, theirs: &Theirs) -> Value {
        let mut view = Map::new();
        view.insert("line".into(), json!(theirs.line));
        view.insert("txid".into(), json!(theirs.txid));
        view.insert("click_id".into(), json!(theirs.click_id));
        view.insert("event".into(), json!(theirs.event));
        view.insert("status".into(), json!(theirs.status));
        super::super::money::put(&mut view, "amount", theirs.amount, self.currencies);
        super::super::money::put(&mut view, "revenue", theirs.revenue, self.currencies);
        view.insert("at".into(), json!(theirs.at.map(|at| at.iso())));
        Value::Object(view)
    }

    fn ours(self, ours: &Ours) -> Value {
        let mut view = Map::new();
        view.insert("conversion_id".into(), json!(ours.id));
        view.insert("txid".into(), json!(ours.txid));
        view.insert("click_id".into(), json!(ours.click_id));
        view.insert("event".into(), json!(ours.event));
        view.insert("offer".into(), json!(ours.offer));
        view.insert("partner".into(), json!(ours.partner));
        view.insert("status".into(), json!(ours.status));
        view.insert("held".into(), json!(ours.held));
        super::super::money::put(&mut view, "amount", ours.amount, self.currencies);
        super::super::money::put(&mut view, "revenue", ours.revenue, self.currencies);
        view.insert("at".into(), json!(ours.at.iso()));
        view.insert("in_period".into(), json!(ours.in_period));
        Value::Object(view)
    }

    pub fn totals(self, reconciliation: &Reconciliation) -> Value {
        let sum = |micros: i128, currency: Option<Currency>| {
            currency.map(|currency| self.currencies.sum(micros, currency))
        };
        let show = |total: &Total| {
            json!({
                "group": total.group,
                "currency": total.currency,
                "lines_theirs": total.lines_theirs,
                "lines_ours": total.lines_ours,
                "amount_theirs": sum(total.amount_theirs_micros, total.currency),
                "amount_ours": sum(total.amount_ours_micros, total.currency),
                "revenue_theirs": sum(total.revenue_theirs_micros, total.currency),
                "revenue_ours": sum(total.revenue_ours_micros, total.currency),
            })
        };
        reconciliation.totals.iter().map(show).collect()
    }

    /// Both sides over all groups, by currency.
    pub fn sums(self, reconciliation: &Reconciliation) -> Value {
        let mut theirs: BTreeMap<Option<Currency>, [i128; 3]> = BTreeMap::new();
        let mut ours = theirs.clone();
        for total in &reconciliation.totals {
            let sides = [
                (&mut theirs, total.lines_theirs, total.amount_theirs_micros, total.revenue_theirs_micros),
                (&mut ours, total.lines_ours, total.amount_ours_micros, total.revenue_ours_micros),
            ];
            for (side, lines, amount, revenue) in sides {
                let sums = side.entry(total.currency).or_default();
                for (sum, more) in sums.iter_mut().zip([i128::from(lines), amount, revenue]) {
                    *sum = sum.saturating_add(more);
                }
            }
        }
        let show = |side: BTreeMap<Option<Currency>, [i128; 3]>| -> Value {
            let said = side.into_iter().filter(|(_, sums)| *sums != [0; 3]);
            said.map(|(currency, [lines, amount, revenue])| {
                let sum = |micros| currency.map(|currency| self.currencies.sum(micros, currency));
                json!({
                    "currency": currency,
                    "lines": u64::try_from(lines).unwrap_or(u64::MAX),
                    "amount": sum(amount),
                    "revenue": sum(revenue),
                })
            })
            .collect()
        };
        json!({ "theirs": show(theirs), "ours": show(ours) })
    }

    /// All rows in a table, for a workbook.
    pub fn table(self, rows: &[&Row]) -> Table {
        Table {
            title: "Lines".into(),
            columns: columns(),
            rows: rows.iter().map(|row| self.cells(row)).collect(),
        }
    }

    /// The rows as CSV, and the totals behind them.
    pub fn csv(self, rows: &[&Row], reconciliation: &Reconciliation) -> Vec<u8> {
        let mut bytes = in_chunks(&columns(), rows, |row| self.cells(row));
        bytes.extend_from_slice(b"\r\nTotals\r\n");
        bytes.extend(csv(&[self.totals_table(reconciliation)]));
        bytes
    }

    /// What is proposed, and nothing else: a file for `imports`.
    pub fn actions(self, rows: &[&Row]) -> Vec<u8> {
        let proposed: Vec<&Row> =
            rows.iter().copied().filter(|row| matches!(row.action, Action::Postback { .. })).collect();
        let columns: Vec<Column> = proposed::columns().collect();
        in_chunks(&columns, &proposed, |row| self.proposal.cells(row))
    }

    pub fn totals_table(self, reconciliation: &Reconciliation) -> Table {
        let column = |(name, kind): (&str, Kind)| Column { name: name.into(), kind };
        let names = [
            ("group", Kind::Text),
            ("currency", Kind::Text),
            ("lines_theirs", Kind::Integer),
            ("lines_ours", Kind::Integer),
            ("amount_theirs", Kind::Amount),
            ("amount_ours", Kind::Amount),
            ("revenue_theirs", Kind::Amount),
            ("revenue_ours", Kind::Amount),
        ];
        let row = |total: &Total| {
            let sum = |micros| match total.currency {
                Some(currency) => Cell::Amount(self.currencies.sum(micros, currency)),
                None => Cell::Empty,
            };
            let count = |lines: u64| Cell::Integer(i64::try_from(lines).unwrap_or(i64::MAX));
            vec![
                Cell::Text(total.group.code().into()),
                text(total.currency),
                count(total.lines_theirs),
                count(total.lines_ours),
                sum(total.amount_theirs_micros),
                sum(total.amount_ours_micros),
                sum(total.revenue_theirs_micros),
                sum(total.revenue_ours_micros),
            ]
        };
        let rows = reconciliation.totals.iter().map(row).collect();
        Table { title: "Totals".into(), columns: names.map(column).into(), rows }
    }

    fn cells(self, row: &Row) -> Vec<Cell> {
        let (theirs, ours) = (row.theirs.as_ref(), row.ours.as_ref());
        let amount = |money: Option<Money>| match money {
            Some(money) => Cell::Amount(self.currencies.amount(money)),
            None => Cell::Empty,
        };
        let currency = |money: Option<Money>| text(money.map(|money| money.currency));
        let (their_amount, their_revenue) =
            (theirs.and_then(|one| one.amount), theirs.and_then(|one| one.revenue));
        let (our_amount, our_revenue) = (ours.and_then(|one| one.amount), ours.and_then(|one| one.revenue));
        let differences = row.differences.iter();
        let differences = differences.map(|one| format!("{}: {} / {}", one.field, one.theirs, one.ours));
        let seen = row.seen.as_ref();
        let click = theirs.and_then(|one| one.click_id.clone());
        let mut cells = vec![
            Cell::Text(row.group.code().into()),
            theirs.map_or(Cell::Empty, |one| Cell::Integer(i64::try_from(one.line).unwrap_or(i64::MAX))),
            text(theirs.and_then(|one| one.txid.clone()).or_else(|| ours?.txid.clone())),
            text(click.or_else(|| ours.map(|one| one.click_id.to_string()))),
            text(theirs.and_then(|one| one.event.clone()).or_else(|| ours.map(|one| one.event.to_string()))),
            text(theirs.and_then(|one| one.at).map(|at| at.iso())),
            text(ours.map(|one| one.at.iso())),
            text(theirs.and_then(|one| one.status).map(|status| status.code())),
            text(ours.map(|one| one.status.code())),
            text(ours.and_then(|one| one.held).map(|reason| reason.code())),
            amount(their_amount),
            amount(our_amount),
            amount(their_revenue),
            amount(our_revenue),
            currency(their_amount.or(their_revenue)),
            currency(our_amount.or(our_revenue)),
            currency(our_revenue),
            text(Some(differences.collect::<Vec<_>>().join("; "))),
            text(row.by.map(By::code)),
            row.repeats.map_or(Cell::Empty, |line| Cell::Integer(i64::try_from(line).unwrap_or(i64::MAX))),
            text(ours.map(|one| one.id)),
            text(ours.map(|one| one.offer.clone())),
            text(ours.map(|one| one.partner.clone())),
            text(seen.map(|seen| seen.reason.code())),
            text(seen.map(|seen| seen.postback_id)),
            text(proposed_in_words(&row.action)),
        ];
        cells.extend(self.proposal.cells(row));
        cells
    }
}

fn columns() -> Vec<Column> {
    let names = [
        ("group", Kind::Text),
        ("line", Kind::Integer),
        ("txid", Kind::Text),
        ("click_id", Kind::Text),
        ("event", Kind::Text),
        ("their_time", Kind::Time),
        ("our_time", Kind::Time),
        ("their_status", Kind::Text),
        ("our_status", Kind::Text),
        ("held", Kind::Text),
        ("their_amount", Kind::Amount),
        ("our_amount", Kind::Amount),
        ("their_revenue", Kind::Amount),
        ("our_revenue", Kind::Amount),
        ("their_currency", Kind::Text),
        ("our_currency", Kind::Text),
        ("our_revenue_currency", Kind::Text),
        ("differences", Kind::Text),
        ("found_by", Kind::Text),
        ("repeats_line", Kind::Integer),
        ("conversion_id", Kind::Text),
        ("offer", Kind::Text),
        ("partner", Kind::Text),
        ("known_reason", Kind::Text),
        ("known_postback", Kind::Text),
        ("proposed", Kind::Text),
    ];
    names
        .map(|(name, kind)| Column { name: name.into(), kind })
        .into_iter()
        .chain(proposed::columns())
        .collect()
}

fn proposed_in_words(action: &Action) -> Option<String> {
    match action {
        Action::Nothing => None,
        Action::Postback { why, .. } => Some(format!("import what stands behind: {why}")),
        Action::Ask { whom: Whom::Network, why } => Some(format!("ask the network: {why}")),
        Action::Ask { whom: Whom::Operator, why } => Some(format!("decide: {why}")),
    }
}

fn text(value: Option<impl ToString>) -> Cell {
    let text = value.map(|value| value.to_string()).filter(|text| !text.is_empty());
    text.map_or(Cell::Empty, Cell::Text)
}

/// One table, written some rows at a time: the header of the first part is that of all.
fn in_chunks(columns: &[Column], rows: &[&Row], cells: impl Fn(&Row) -> Vec<Cell>) -> Vec<u8> {
    let part = |rows: &[&Row]| {
        let rows = rows.iter().map(|row| cells(row)).collect();
        csv(&[Table { title: String::new(), columns: columns.to_vec(), rows }])
    };
    let header = part(&[]);
    let mut bytes = header.clone();
    for rows in rows.chunks(CHUNK) {
        bytes.extend_from_slice(part(rows).strip_prefix(header.as_slice()).unwrap_or_default());
    }
    bytes
}

/// The groups that somebody named, separated by commas.
pub fn read_groups(text: &str) -> Option<Vec<Group>> {
    let one = |code: &str| Group::ALL.into_iter().find(|group| group.code() == code.trim());
    text.split(',').map(one).collect()
}
