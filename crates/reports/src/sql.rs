//! A report as SQL: one text for clicks, one for what follows from them.
//!
//! Names come from closed lists and values are quoted here and nowhere else.

use std::collections::BTreeMap;

use datafusion::logical_expr::ScalarUDF;
use proofback_domain::calendar::{Day, Zone};
use proofback_domain::report::{
    Basis, Buckets, Clock, Dimension, Filter, Range, Report, Statuses, Sum, Term, Test, Tests, Unit, Value,
    buckets,
};

use crate::ReportsError;
use crate::function::Bucket;

/// The spans in which times lie, as far as they are not the report's own.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub clicked: Range,
    pub happened: Range,
}

/// Which facts a sum is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Clicks,
    Events,
}

/// A report in the engine's words.
pub struct Query {
    pub functions: Vec<ScalarUDF>,
    /// How the values of each dimension are read back.
    pub keys: Vec<Key>,
    /// Of the days that money is converted by, where it is.
    pub days: Option<Buckets>,
    zone: Zone,
    key_texts: Vec<String>,
    condition: String,
    currency: String,
}

/// What stands in a column of keys.
pub enum Key {
    Text,
    Piece(Buckets),
    Age,
}

impl Query {
    /// `mixed`: money in another currency than the report's may be there, so that rows are parted by currency and day.
    pub fn of(
        report: &Report,
        span: Range,
        extent: Extent,
        mixed: bool,
        zone: &Zone,
    ) -> Result<Self, ReportsError> {
        let mut pieces = Pieces { report, span, extent, functions: Vec::new(), known: BTreeMap::new() };
        let (mut keys, mut key_texts) = (Vec::new(), Vec::new());
        for dimension in &report.by {
            let text = pieces.key(dimension)?;
            key_texts.push(text);
            keys.push(match dimension {
                Dimension::Time(..) | Dimension::HourOfDay | Dimension::Weekday => {
                    Key::Piece(pieces.cut(dimension)?.1)
                }
                Dimension::Age(_) => Key::Age,
                Dimension::Field(_) | Dimension::Parameter(_) => Key::Text,
            });
        }
        let mut conditions = vec![within(column_of(report.basis), span)];
        match report.tests {
            Tests::Exclude => conditions.push("not \"test\"".into()),
            Tests::Include => {}
            Tests::Only => conditions.push("\"test\"".into()),
        }
        if let Some(filter) = &report.filter {
            conditions.push(pieces.filter(filter)?);
        }
        let days = match mixed && report.converts() {
            true => Some(pieces.days(zone)?),
            false => None,
        };
        Ok(Self {
            functions: pieces.functions,
            keys,
            days,
            zone: zone.clone(),
            key_texts,
            condition: conditions.join(" and "),
            currency: report.currency.code().to_owned(),
        })
    }

    /// The text for one part: keys, currency and day of its money, then the sums, in that order. `None` where no sum
    /// is over such facts.
    pub fn text(&self, part: Part, sums: &[Sum], own_currency: bool) -> Option<String> {
        let own: Vec<&Sum> = sums.iter().filter(|sum| part_of(sum) == part).collect();
        if own.is_empty() {
            return None;
        }
        let table = match part {
            Part::Clicks => "clicks",
            Part::Events => "events",
        };
        let mut columns: Vec<String> = self.key_texts.clone();
        if self.days.is_some() || own_currency {
            columns.push("\"currency\"".into());
        }
        if self.days.is_some() {
            let code = quote(&self.currency);
            columns.push(format!(
                "case when \"currency\" in ({code}, '') then null else money_day(\"event_at\") end"
            ));
        }
        let groups: Vec<String> = (1..=columns.len()).map(|place| place.to_string()).collect();
        columns.extend(own.iter().map(|sum| sum_text(sum)));
        let condition = &self.condition;
        // The same column may stand in two places.
        let named =
            (0..).zip(&columns).map(|(place, column): (usize, &String)| format!("{column} as c{place}"));
        let columns = named.collect::<Vec<_>>().join(", ");
        let mut text = format!("select {columns} from {table} where {condition}");
        if !groups.is_empty() {
            text += &format!(" group by {}", groups.join(", "));
        }
        Some(text)
    }

    /// The text for what is asked for over everything.
    pub fn whole(&self, sums: &[Sum]) -> String {
        let columns: Vec<String> = sums.iter().map(sum_text).collect();
        let condition = &self.condition;
        format!("select {} from events where {condition}", columns.join(", "))
    }

    /// The day of the rates in place `place` of the days.
    pub fn day(&self, place: usize) -> Option<Day> {
        let range = self.days.as_ref()?.range(place)?;
        Some(self.zone.day(range.from))
    }
}

pub fn part_of(sum: &Sum) -> Part {
    match sum {
        Sum::Clicks | Sum::UniqueClicks | Sum::BotClicks | Sum::Cost => Part::Clicks,
        Sum::Conversions { .. }
        | Sum::Payout(_)
        | Sum::Revenue(_)
        | Sum::Amount(_)
        | Sum::WithAmount(_)
        | Sum::Postbacks { .. }
        | Sum::Refunds
        | Sum::Chargebacks
        | Sum::Refunded
        | Sum::FailedDeliveries
        | Sum::Delayed
        | Sum::Customers
        | Sum::MedianSeconds
        | Sum::P90Seconds => Part::Events,
    }
}

/// The time that a report goes by.
pub fn column_of(basis: Basis) -> &'static str {
    match basis {
        Basis::Click => "click_at",
        Basis::Event => "event_at",
        Basis::Booked => "booked_at",
    }
}

struct Pieces<'a> {
    report: &'a Report,
    span: Range,
    extent: Extent,
    functions: Vec<ScalarUDF>,
    known: BTreeMap<Dimension, (String, Buckets)>,
}

impl Pieces<'_> {
    /// The value of a dimension: a text, or a number for pieces of time and ages.
    fn key(&mut self, dimension: &Dimension) -> Result<String, ReportsError> {
        Ok(match dimension {
            Dimension::Field(field) => match field.column() {
                yes @ ("bot" | "unique" | "test") => format!("case when \"{yes}\" then 'yes' else 'no' end"),
                column => format!("\"{column}\""),
            },
            Dimension::Parameter(name) => format!("param(\"params\", {})", quote(&name.to_ascii_lowercase())),
            Dimension::Age(unit) => {
                format!("(cast(\"event_at\" as bigint) - cast(\"click_at\" as bigint)) / {}", unit.millis())
            }
            Dimension::Time(..) | Dimension::HourOfDay | Dimension::Weekday => {
                let (function, _) = self.cut(dimension)?;
                format!("{function}(\"{}\")", self.time_of(dimension))
            }
        })
    }

    fn time_of(&self, dimension: &Dimension) -> &'static str {
        match dimension {
            Dimension::Time(Clock::Click, _) => "click_at",
            Dimension::Time(Clock::Event, _) => "event_at",
            Dimension::Time(Clock::Basis, _)
            | Dimension::HourOfDay
            | Dimension::Weekday
            | Dimension::Age(_)
            | Dimension::Field(_)
            | Dimension::Parameter(_) => column_of(self.report.basis),
        }
    }

    /// The function that says which piece of time a moment is in, and the pieces.
    fn cut(&mut self, dimension: &Dimension) -> Result<(String, Buckets), ReportsError> {
        if let Some((name, pieces)) = self.known.get(dimension) {
            return Ok((name.clone(), pieces.clone()));
        }
        let basis = column_of(self.report.basis);
        let range = match self.time_of(dimension) {
            time if time == basis => self.span,
            "click_at" => self.extent.clicked,
            _ => self.extent.happened,
        };
        let pieces = buckets(dimension, &self.report.zone, range)?;
        let name = format!("piece_{}", self.known.len());
        self.functions.push(function(&name, &pieces, range));
        self.known.insert(dimension.clone(), (name.clone(), pieces.clone()));
        Ok((name, pieces))
    }

    /// Days of the program's time zone, for rates.
    fn days(&mut self, zone: &Zone) -> Result<Buckets, ReportsError> {
        let range = match self.report.basis {
            Basis::Event => self.span,
            Basis::Click | Basis::Booked => self.extent.happened,
        };
        let pieces = buckets(&Dimension::Time(Clock::Event, Unit::Day), zone, range)?;
        self.functions.push(function("money_day", &pieces, range));
        Ok(pieces)
    }

    fn filter(&mut self, filter: &Filter) -> Result<String, ReportsError> {
        let mut all = |parts: &[Filter], word: &str| {
            let parts: Result<Vec<String>, ReportsError> =
                parts.iter().map(|part| self.filter(part)).collect();
            parts.map(|parts| format!("({})", parts.join(word)))
        };
        match filter {
            Filter::And(parts) => all(parts, " and "),
            Filter::Or(parts) => all(parts, " or "),
            Filter::Not(inner) => Ok(format!("(not {})", self.filter(inner)?)),
            Filter::Term(term) => self.term(term),
        }
    }

    /// Never null: a fact that lacks a dimension has the empty text there.
    fn term(&mut self, Term { dimension, test }: &Term) -> Result<String, ReportsError> {
        let value = self.key(dimension)?;
        let pieces = match dimension {
            Dimension::Time(..) | Dimension::HourOfDay | Dimension::Weekday => self.cut(dimension)?.1,
            Dimension::Age(_) => {
                return Ok(text_term(&format!("coalesce(cast({value} as varchar), '')"), test));
            }
            Dimension::Field(_) | Dimension::Parameter(_) => return Ok(text_term(&value, test)),
        };
        let matching = |place: &usize| pieces.value(*place).is_some_and(|value| test.matches(value.text()));
        let places: Vec<String> = (0..pieces.starts.len())
            .filter(matching)
            .map(|place| counts_as(&pieces, place).to_string())
            .collect();
        let outside = if test.matches("") { "true" } else { "false" };
        Ok(match places.is_empty() {
            true => format!("({value} is null and {outside})"),
            false => format!("coalesce({value} in ({}), {outside})", places.join(", ")),
        })
    }
}

fn text_term(value: &str, test: &Test) -> String {
    match test {
        Test::In(values) => {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            format!("{value} in ({})", values.join(", "))
        }
        Test::Contains(part) => format!("strpos(lower({value}), {}) > 0", quote(&part.to_lowercase())),
        Test::StartsWith(start) => format!("starts_with({value}, {})", quote(start)),
        Test::IsEmpty => format!("{value} = ''"),
    }
}

fn function(name: &str, pieces: &Buckets, range: Range) -> ScalarUDF {
    let places = (0..pieces.starts.len()).map(|place| counts_as(pieces, place)).collect();
    ScalarUDF::new_from_impl(Bucket::new(name.into(), pieces.starts.clone(), places, range.until.millis()))
}

/// The first piece that is called like this one.
fn counts_as(pieces: &Buckets, place: usize) -> i32 {
    let label = pieces.label_of.get(place);
    let first = match pieces.is_recurring() {
        true => pieces.label_of.iter().position(|one| Some(one) == label),
        false => Some(place),
    };
    first.and_then(|first| i32::try_from(first).ok()).unwrap_or(-1)
}

/// A key's value, from what the engine gave.
pub fn value_of_piece(pieces: &Buckets, place: Option<i32>) -> Value {
    let found = place.and_then(|place| usize::try_from(place).ok()).and_then(|place| pieces.value(place));
    found.unwrap_or_else(|| Value::from(""))
}

fn within(column: &str, span: Range) -> String {
    let moment = |millis: i64| format!("arrow_cast({millis}, 'Timestamp(Millisecond, Some(\"UTC\"))')");
    let (from, until) = (moment(span.from.millis()), moment(span.until.millis()));
    format!("\"{column}\" >= {from} and \"{column}\" < {until}")
}

/// Money is summed where 64 bits cannot overflow.
fn money(column: &str) -> String {
    format!("sum(cast(\"{column}\" as decimal(38, 0)))")
}

fn sum_text(sum: &Sum) -> String {
    let standing = |statuses: &Statuses| {
        let codes: Vec<String> = statuses.iter().map(|standing| quote(standing.code())).collect();
        format!("\"status\" in ({})", codes.join(", "))
    };
    let only = |text: String, conditions: Vec<String>| match conditions.is_empty() {
        true => text,
        false => format!("{text} filter (where {})", conditions.join(" and ")),
    };
    match sum {
        Sum::Clicks => "sum(\"clicks\")".into(),
        Sum::UniqueClicks => "sum(\"clicks\") filter (where \"unique\")".into(),
        Sum::BotClicks => "sum(\"clicks\") filter (where \"bot\")".into(),
        Sum::Cost => money("cost"),
        Sum::Conversions { event, statuses } => {
            let event = event.iter().map(|event| format!("\"event\" = {}", quote(event.as_str())));
            only("sum(\"conversions\")".into(), event.chain([standing(statuses)]).collect())
        }
        Sum::Payout(statuses) => only(money("payout"), vec![standing(statuses)]),
        Sum::Revenue(statuses) => only(money("revenue"), vec![standing(statuses)]),
        Sum::Amount(statuses) => only(money("amount"), vec![standing(statuses)]),
        Sum::WithAmount(statuses) => only("sum(\"with_amount\")".into(), vec![standing(statuses)]),
        Sum::Postbacks { outcome, reason } => {
            let outcome = outcome.map(|outcome| format!("\"outcome\" = {}", quote(outcome.code())));
            let reason = reason.map(|reason| format!("\"reason\" = {}", quote(reason.code())));
            only("sum(\"postbacks\")".into(), outcome.into_iter().chain(reason).collect())
        }
        Sum::Refunds => "sum(\"refunds\")".into(),
        Sum::Chargebacks => "sum(\"chargebacks\")".into(),
        Sum::Refunded => money("refunded"),
        Sum::FailedDeliveries => "sum(\"failed_deliveries\")".into(),
        Sum::Delayed => "sum(\"delayed\")".into(),
        Sum::Customers => "sum(\"customers\")".into(),
        Sum::MedianSeconds => {
            "cast(floor(percentile_cont(0.5) within group (order by \"seconds\")) as bigint)".into()
        }
        Sum::P90Seconds => {
            "cast(floor(percentile_cont(0.9) within group (order by \"seconds\")) as bigint)".into()
        }
    }
}

/// A text as SQL says it.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
