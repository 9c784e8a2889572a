//! Holds what a Proofback recorded against the simulation's own book.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::Simulation;
use super::book::{Book, State, Subject, Told, Verdict};
use super::cast::{CURRENCIES, FLAKY_PATH, FLAKY_TIMES, PARTNERS, Partner, cents, money};
use super::reader::{ReadError, Reader, text};
use super::run::Run;
use crate::tracker::Received;

/// Every so many clicks one is read back with all it carries.
const CLICK_SAMPLE_EVERY: usize = 40;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Audit {
    pub tables: Vec<Table>,
    /// What differs, in words, where figures alone would not say it.
    pub problems: Vec<String>,
}

/// Figures side by side.
#[derive(Debug)]
pub struct Table {
    pub title: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    pub cells: Vec<String>,
    /// Whether its figures are the same.
    pub agrees: bool,
}

impl Audit {
    pub fn agrees(&self) -> bool {
        self.problems.is_empty() && self.tables.iter().flat_map(|table| &table.rows).all(|row| row.agrees)
    }
}

impl Row {
    /// A label and figures that must all be equal; an empty one is none.
    fn equal<const N: usize>(label: &[&str], figures: [impl ToString; N]) -> Self {
        let figures = figures.map(|figure| figure.to_string());
        let distinct: BTreeSet<&String> = figures.iter().filter(|figure| !figure.is_empty()).collect();
        let agrees = distinct.len() <= 1;
        Self { cells: label.iter().map(|text| (*text).to_owned()).chain(figures).collect(), agrees }
    }
}

impl Simulation {
    /// Waits until no delivery is pending any more; gives up after `limit`.
    pub async fn wait_for_records(&self, base: &str, token: &str, limit: Duration) -> bool {
        let reader = Reader { http: &self.world.http, base, token };
        let none_is_pending = async {
            // The tracker's answer and its record are two steps of the server; nothing outside tells of the second.
            while reader
                .list("deliveries", "deliveries", "state=pending")
                .await
                .is_ok_and(|rows| !rows.is_empty())
            {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(limit, none_is_pending).await.is_ok()
    }

    /// Reads all figures back through the API of the Proofback at `base` and compares.
    pub async fn audit(&self, run: &Run, base: &str, token: &str) -> Result<Audit, ReadError> {
        let reader = Reader { http: &self.world.http, base, token };
        let mut auditor = Auditor { simulation: self, run, reader, problems: run.problems.clone() };
        let entries = auditor.reader.list("ledger/entries", "entries", "").await?;
        let sums = auditor.sum_up(&entries);
        let tables = vec![
            auditor.postbacks().await?,
            auditor.conversions().await?,
            auditor.money(&sums).await?,
            ledger(&sums, entries.len()),
            auditor.traffic().await?,
        ];
        auditor.verify().await?;
        Ok(Audit { tables, problems: auditor.problems })
    }
}

struct Auditor<'a> {
    simulation: &'a Simulation,
    run: &'a Run,
    reader: Reader<'a>,
    problems: Vec<String>,
}

/// Account and currency = credits less debits, in cents.
type Sums = BTreeMap<(String, String), i64>;

impl Auditor<'_> {
    fn book(&self) -> &Book {
        &self.simulation.world.plan.book
    }

    /// Each kind of answer: as it was to be given, as it was given, and as it stands in the log in the end.
    async fn postbacks(&self) -> Result<Table, ReadError> {
        let log = self.reader.list("postbacks", "postbacks", "").await?;
        let mut kinds: BTreeSet<(String, String)> = BTreeSet::new();
        kinds.extend(log.iter().map(|row| (text(row, "outcome").to_owned(), text(row, "reason").to_owned())));
        let (due, given, to_be_logged) = (&self.book().answers, &self.run.answers, &self.book().log);
        let verdicts = due.keys().chain(given.keys()).chain(to_be_logged.keys());
        kinds.extend(verdicts.map(|verdict| (verdict.outcome.to_string(), verdict.reason.to_string())));
        let mut rows = Vec::new();
        for (outcome, reason) in &kinds {
            let query = format!("outcome={outcome}&reason={reason}");
            let logged = self.reader.list("postbacks", "postbacks", &query).await?.len() as u64;
            let count = |figures: &BTreeMap<Verdict, u64>| {
                let of = |(verdict, _): &(&Verdict, &u64)| {
                    verdict.outcome == *outcome && verdict.reason == *reason
                };
                figures.iter().filter(of).map(|(_, number)| *number).sum::<u64>()
            };
            let figures = [count(due), count(given), count(to_be_logged), logged];
            let agrees = figures[0] == figures[1] && figures[2] == figures[3];
            rows.push(Row { agrees, ..Row::equal(&[outcome, reason], figures) });
        }
        let sent = self.simulation.postbacks() as u64;
        rows.push(Row::equal(&["all", ""], [sent, given.values().sum(), sent, log.len() as u64]));
        let columns = vec!["outcome", "reason", "sent", "answered", "to be logged", "logged"];
        Ok(Table { title: "Postbacks", columns, rows })
    }

    /// What the server finds when it computes everything again.
    async fn verify(&mut self) -> Result<(), ReadError> {
        let verified = self.reader.one("verify").await?;
        let parts = ["ledger", "facts"].into_iter().filter_map(|part| verified.get(part));
        for difference in parts.flat_map(|part| part.get("differences").and_then(Value::as_array)).flatten() {
            self.problems.push(format!("verify: {}", difference.as_str().unwrap_or_default()));
        }
        Ok(())
    }

    async fn conversions(&self) -> Result<Table, ReadError> {
        let mut rows = Vec::new();
        for state in [State::Pending, State::Approved, State::Rejected, State::Reversed] {
            let due = self.book().deals.iter().filter(|deal| deal.state == state).count();
            let query = format!("status={}", state.word());
            let recorded = self.reader.list("conversions", "conversions", &query).await?.len();
            rows.push(Row::equal(&[state.word()], [due, recorded]));
        }
        Ok(Table { title: "Conversions", columns: vec!["status", "due", "recorded"], rows })
    }

    /// What partners have and advertisers owe: by the book, by the balances, by the sums of entries.
    async fn money(&self, sums: &Sums) -> Result<Table, ReadError> {
        let standings = self.book().standings();
        let sum =
            |account: String, currency: &str| sums.get(&(account, currency.to_owned())).copied().unwrap_or(0);
        let mut rows = Vec::new();
        for partner in &PARTNERS {
            let answer = self.reader.one(&format!("partners/{}/balance", partner.id)).await?;
            let balances =
                answer.get("balances").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for currency in CURRENCIES {
                let due = standings.get(&(partner.id, currency)).copied().unwrap_or_default();
                let balance = balances.iter().find(|balance| text(balance, "currency") == currency);
                for (side, due) in [("pending", due.pending), ("approved", due.approved), ("paid", 0)] {
                    let shown = balance.map_or("0.00", |balance| text(balance, side));
                    let summed = sum(format!("partner:{}:{side}", partner.id), currency);
                    let figures = [money(due), shown.to_owned(), money(summed)];
                    // A partner who has nothing and is to have nothing needs no row.
                    if figures.iter().any(|figure| figure != "0.00") {
                        rows.push(Row::equal(&[partner.id, &format!("{side} {currency}")], figures));
                    }
                }
            }
        }
        for ((advertiser, currency), due) in self.book().owed() {
            // What is owed to the house stands on the debit side.
            let summed = -sum(format!("advertiser:{advertiser}:due"), currency);
            let figures = [money(due), String::new(), money(summed)];
            rows.push(Row::equal(&[advertiser, &format!("owes {currency}")], figures));
        }
        Ok(Table { title: "Money", columns: vec!["who", "what", "due", "balance", "sum of entries"], rows })
    }

    async fn traffic(&mut self) -> Result<Table, ReadError> {
        let visits = self.simulation.visits() as u64;
        // Two visitors with one id would be one click.
        let arrived: BTreeSet<&String> = self.run.click_ids.iter().flatten().collect();
        let recorded = self.reader.metric("proofback_clicks_total").await?;
        let mut rows = vec![
            Row::equal(&["clicks"], [visits, arrived.len() as u64, recorded]),
            self.sampled_clicks().await?,
        ];
        let accepted = self.simulation.world.tracker.accepted();
        for partner in &PARTNERS {
            rows.push(self.deliveries_to(partner, &accepted).await?);
        }
        rows.push(self.faithful_deliveries(&accepted));
        for partner in PARTNERS.iter().filter(|partner| partner.path == FLAKY_PATH) {
            rows.push(self.attempts_to(partner).await?);
        }
        let columns = vec!["what", "sent or due", "arrived", "recorded"];
        Ok(Table { title: "Clicks and deliveries", columns, rows })
    }

    /// Some clicks, read back with all that the visit carried.
    async fn sampled_clicks(&mut self) -> Result<Row, ReadError> {
        let visits = self.simulation.world.plan.visits.iter().zip(&self.run.click_ids);
        let (mut looked_at, mut whole) = (0, 0);
        for (visit, click_id) in visits.step_by(CLICK_SAMPLE_EVERY) {
            looked_at += 1;
            // A visit without one is among the problems already.
            let Some(click_id) = click_id else { continue };
            let click = self.reader.one(&format!("clicks/{click_id}")).await?;
            let facts = visit.facts();
            let Some((name, fact)) = facts.iter().find(|(name, fact)| text(&click, name) != *fact) else {
                whole += 1;
                continue;
            };
            let seen = text(&click, name);
            self.problems.push(format!("the click {click_id} has {name} {seen:?} instead of {fact:?}"));
        }
        Ok(Row::equal(&["clicks read back whole"], [looked_at.to_string(), String::new(), whole.to_string()]))
    }

    async fn deliveries_to(&self, partner: &Partner, accepted: &[Received]) -> Result<Row, ReadError> {
        let due = self.book().told_to(partner);
        let arrived = accepted.iter().filter(|request| request.value("partner") == Some(partner.id)).count();
        let query = format!("partner={}&state=delivered", partner.id);
        let delivered = self.reader.list("deliveries", "deliveries", &query).await?.len();
        Ok(Row::equal(&[&format!("deliveries to {}", partner.id)], [due, arrived, delivered]))
    }

    async fn attempts_to(&self, partner: &Partner) -> Result<Row, ReadError> {
        let due = self.book().told_to(partner) * (FLAKY_TIMES as usize + 1);
        let received = self.simulation.world.tracker.received();
        let arrived = received.iter().filter(|request| request.path == partner.path).count();
        let rows = self.reader.list("deliveries", "deliveries", &format!("partner={}", partner.id)).await?;
        let recorded: u64 = rows.iter().filter_map(|row| row.get("attempts")?.as_u64()).sum();
        let label = format!("attempts to {}, where each fails twice", partner.id);
        Ok(Row::equal(&[&label], [due as u64, arrived as u64, recorded]))
    }

    /// How many deliveries say what they must, in the order in which it happened.
    fn faithful_deliveries(&mut self, accepted: &[Received]) -> Row {
        let mut heard: BTreeMap<Subject, Vec<Told>> = BTreeMap::new();
        for request in accepted {
            let value = |name: &str| request.value(name).unwrap_or_default().to_owned();
            let subject = (value("partner"), value("cid"), value("event"), value("txid"));
            let (status, payout, delta) = (value("status"), value("payout"), value("delta"));
            heard.entry(subject).or_default().push(Told {
                status,
                payout,
                delta,
                currency: value("currency"),
            });
        }
        let mut faithful = 0;
        for (subject, due) in self.book().told() {
            let heard = heard.remove(&subject).unwrap_or_default();
            if heard == due {
                faithful += due.len();
            } else {
                let (due, heard) = (words(&due), words(&heard));
                self.problems.push(format!("of {subject:?} was to be told [{due}] and was told [{heard}]"));
            }
        }
        for (subject, heard) in heard {
            let heard = words(&heard);
            self.problems.push(format!("of {subject:?} was told [{heard}], and nothing was to be told"));
        }
        let due = self.simulation.deliveries().to_string();
        Row::equal(&["deliveries right in content and order"], [due, faithful.to_string(), String::new()])
    }

    fn sum_up(&mut self, entries: &[Value]) -> Sums {
        let mut sums = Sums::new();
        for entry in entries {
            let Some(amount) = cents(text(entry, "amount")).filter(|amount| 0 < *amount) else {
                self.problems.push(format!("the entry {entry} has no positive amount in whole cents"));
                continue;
            };
            for (side, amount) in [("credit", amount), ("debit", -amount)] {
                let key = (text(entry, side).to_owned(), text(entry, "currency").to_owned());
                *sums.entry(key).or_default() += amount;
            }
        }
        sums
    }
}

fn words(told: &[Told]) -> String {
    told.iter().map(Told::to_string).collect::<Vec<_>>().join("; ")
}

/// What the house gave or had on one side, others have or owe on the other.
fn ledger(sums: &Sums, entries: usize) -> Table {
    let total = |start: &str, currency: &str| -> i64 {
        let of = |((account, known), _): &(&(String, String), &i64)| {
            account.starts_with(start) && known == currency
        };
        sums.iter().filter(of).map(|(_, sum)| *sum).sum()
    };
    let mut rows = Vec::new();
    for currency in CURRENCIES {
        let (given, had) = (-total("house:commission", currency), total("partner:", currency));
        let label = format!("commission in {currency}: given by the house, on partners' accounts");
        rows.push(Row::equal(&[&label], [given, had].map(money)));
        let (income, owed) = (total("house:income", currency), -total("advertiser:", currency));
        let label = format!("income in {currency}: of the house, owed by advertisers");
        rows.push(Row::equal(&[&label], [income, owed].map(money)));
    }
    let all: i64 = sums.values().sum();
    rows.push(Row::equal(
        &[&format!("all accounts after {entries} entries: nothing, their sum")],
        [0, all].map(money),
    ));
    Table { title: "Ledger", columns: vec!["what", "one side", "other side"], rows }
}
