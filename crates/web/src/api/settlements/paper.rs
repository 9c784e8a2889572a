//! A payout or an invoice as a document: who and whom, what by offer and event, every line, the total.

use std::collections::BTreeMap;

use proofback_domain::calendar::Zone;
use proofback_domain::money::{Currencies, Money};
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::settlement::{SettlementKind, SettlementState};
use proofback_sheets::{Cell, Column, Kind, Table};
use proofback_store::{SettlementLine, SettlementRow};

use super::owner;
use crate::api::document::{self, Format};
use crate::api::html::{self, Page};
use crate::api::{Answer, money, problem};

/// Lines on one page.
const LINES_MAX: usize = 2_000;

/// Everything that stands on it.
pub struct Paper {
    row: SettlementRow,
    lines: Vec<SettlementLine>,
    house: String,
    party: String,
    zone: Zone,
    currencies: Currencies,
}

/// What there is of one event of an offer.
#[derive(Default)]
struct Group {
    conversions: i64,
    micros: i128,
}

/// Built beside the requests that wait: a large one takes a while.
pub async fn answer(format: Format, paper: Paper) -> Answer {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a document could not be made");
        problem::failed()
    };
    let made = tokio::task::spawn_blocking(move || {
        let name = format!("{}-{}", paper.row.kind.code(), paper.row.id);
        match format {
            Format::Html => Ok(document::page(&name, paper.page())),
            Format::Csv => Ok(document::csv(&name, proofback_sheets::csv(&paper.tables()))),
            Format::Json | Format::Xlsx => {
                proofback_sheets::xlsx(&paper.tables()).map(|bytes| document::xlsx(&name, bytes))
            }
        }
    });
    let made = made.await.map_err(|error| failed(&error))?;
    made.map_err(|error| problem::unprocessable("too_many_lines", &error.to_string()))
}

impl Paper {
    pub fn new(row: SettlementRow, lines: Vec<SettlementLine>, snapshot: Option<&Snapshot>) -> Self {
        let program = snapshot.map(|snapshot| &snapshot.program);
        let party = program.and_then(|program| match row.kind {
            SettlementKind::Payout => program.partners.get(&row.party).map(|partner| &partner.name),
            SettlementKind::Invoice => program.advertisers.get(&row.party).map(|advertiser| &advertiser.name),
        });
        Self {
            party: party.cloned().unwrap_or_else(|| row.party.to_string()),
            house: program.map(|program| program.name.clone()).unwrap_or_default(),
            zone: program.map_or_else(Zone::utc, |program| program.timezone.clone()),
            currencies: money::currencies(snapshot),
            row,
            lines,
        }
    }

    fn groups(&self) -> BTreeMap<(&Name, &Name), Group> {
        let mut groups: BTreeMap<_, Group> = BTreeMap::new();
        for line in &self.lines {
            let group = groups.entry((&line.offer, &line.event)).or_default();
            group.conversions += 1;
            group.micros += i128::from(line.amount.micros);
        }
        groups
    }

    fn amount(&self, micros: i128) -> String {
        self.currencies.sum(micros, self.row.amount.currency)
    }

    fn title(&self) -> String {
        let kind = match self.row.kind {
            SettlementKind::Payout => "Payout",
            SettlementKind::Invoice => "Invoice",
        };
        format!("{kind} {}", self.row.number)
    }

    /// What a reader of the bare figures might get wrong.
    fn caution(&self) -> Option<String> {
        match self.row.state {
            SettlementState::Draft => Some("This is a draft: nothing of it is booked.".into()),
            SettlementState::Cancelled => {
                let day = self.zone.day(self.row.changed_at);
                Some(format!("Cancelled on {day}: all that it booked is booked back."))
            }
            SettlementState::Paid | SettlementState::Invoiced | SettlementState::Received => None,
        }
    }

    fn page(&self) -> String {
        let row = &self.row;
        let mut page = Page::new(&self.title());
        if let Some(caution) = self.caution() {
            page.remark(&caution, true);
        }
        let (from, to) = match row.kind {
            SettlementKind::Payout => ("Paid by", "Paid to"),
            SettlementKind::Invoice => ("From", "To"),
        };
        page.sentence(&format!("{from}: {}", self.house));
        page.sentence(&format!("{to}: {} ({})", self.party, row.party));
        page.sentence(&format!("Made on {}, {}; id {}", self.zone.day(row.at), row.state.code(), row.id));
        page.sentence(&format!("For what is open up to {}, days of {}", row.up_to, self.zone.name()));
        let currency = row.amount.currency;
        let text = |text: &dyn std::fmt::Display| html::Cell::Text(text.to_string());
        let number = |text: String| html::Cell::Number(text);
        let names = [
            text(&"Offer"),
            text(&"Event"),
            number("Conversions".into()),
            number(format!("Amount in {currency}")),
        ];
        let rows = self.groups().into_iter().map(|((offer, event), group)| {
            let sums = [number(group.conversions.to_string()), number(self.amount(group.micros))];
            [text(offer), text(event)].into_iter().chain(sums).collect()
        });
        page.table("By offer and event", &names, rows.collect::<Vec<_>>());
        page.sums("Total", &[(format!("{} conversions", row.lines), self.currencies.show(row.amount))]);
        let names = ["Event at (UTC)", "Offer", "Event", "Transaction"].map(|name| text(&name));
        let names: Vec<html::Cell> = names.into_iter().chain([number("Amount".into())]).collect();
        let rows = self.lines.iter().take(LINES_MAX).map(|line| {
            let txid = line.txid.as_deref().unwrap_or_default();
            let texts = [text(&line.event_at.iso()), text(&line.offer), text(&line.event), text(&txid)];
            texts.into_iter().chain([number(self.currencies.amount(line.amount))]).collect()
        });
        page.table("Lines", &names, rows.collect::<Vec<_>>());
        if LINES_MAX < self.lines.len() {
            let all = self.lines.len();
            let told = format!("{LINES_MAX} of {all} lines are shown here. All are in the file: format=csv.");
            page.remark(&told, false);
        }
        page.finish()
    }

    fn tables(&self) -> [Table; 3] {
        [self.head(), self.by_event(), self.every_line()]
    }

    fn head(&self) -> Table {
        let row = &self.row;
        let text = |text: &dyn std::fmt::Display| Cell::Text(text.to_string());
        let columns = [
            ("number", Kind::Integer, Cell::Integer(row.number)),
            ("id", Kind::Text, text(&row.id)),
            ("state", Kind::Text, text(&row.state.code())),
            ("program", Kind::Text, text(&self.house)),
            (owner(row.kind), Kind::Text, text(&row.party)),
            ("name", Kind::Text, text(&self.party)),
            ("up_to", Kind::Text, text(&row.up_to)),
            ("timezone", Kind::Text, text(&self.zone.name())),
            ("at", Kind::Time, Cell::Time(row.at.iso())),
            ("conversions", Kind::Integer, Cell::Integer(row.lines.into())),
            ("amount", Kind::Amount, Cell::Amount(self.currencies.amount(row.amount))),
            ("currency", Kind::Text, text(&row.amount.currency)),
        ];
        let cells = columns.iter().map(|(_, _, cell)| cell.clone()).collect();
        table(row.kind.code(), columns.map(|(name, kind, _)| (name, kind)), vec![cells])
    }

    fn by_event(&self) -> Table {
        let columns = [
            ("offer", Kind::Text),
            ("event", Kind::Text),
            ("conversions", Kind::Integer),
            ("amount", Kind::Amount),
            ("currency", Kind::Text),
        ];
        let rows = self.groups().into_iter().map(|((offer, event), group)| {
            vec![
                Cell::Text(offer.to_string()),
                Cell::Text(event.to_string()),
                Cell::Integer(group.conversions),
                Cell::Amount(self.amount(group.micros)),
                Cell::Text(self.row.amount.currency.to_string()),
            ]
        });
        table("by offer and event", columns, rows.collect())
    }

    fn every_line(&self) -> Table {
        let columns = [
            ("event_at", Kind::Time),
            ("offer", Kind::Text),
            ("event", Kind::Text),
            ("txid", Kind::Text),
            ("conversion_id", Kind::Text),
            ("amount", Kind::Amount),
            ("currency", Kind::Text),
        ];
        let rows = self.lines.iter().map(|line| {
            let Money { currency, .. } = line.amount;
            vec![
                Cell::Time(line.event_at.iso()),
                Cell::Text(line.offer.to_string()),
                Cell::Text(line.event.to_string()),
                line.txid.clone().map_or(Cell::Empty, Cell::Text),
                Cell::Text(line.conversion_id.to_string()),
                Cell::Amount(self.currencies.amount(line.amount)),
                Cell::Text(currency.to_string()),
            ]
        });
        table("lines", columns, rows.collect())
    }
}

fn table<const N: usize>(title: &str, columns: [(&str, Kind); N], rows: Vec<Vec<Cell>>) -> Table {
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind });
    Table { title: title.into(), columns: columns.into(), rows }
}
