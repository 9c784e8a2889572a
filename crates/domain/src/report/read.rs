//! Reads a report from the pairs of a query, a command line or a saved report, and writes it as such pairs.

use std::collections::BTreeMap;

use crate::calendar::Zone;

use super::against::Against;
use super::buckets::buckets;
use super::dimension::Dimension;
use super::filter::{self, Filter, Term, Test};
use super::metric::{self, Metric};
use super::period::{Bound, Named, Period, Range};
use super::words::{quote, suggest};
use super::{Asked, Basis, Context, Report, ReportError, Sort, SortColumn, Tests};

/// The parameters of a report, besides dimensions as short filters.
pub const PARAMETERS: [&str; 15] = [
    "by", "metrics", "from", "to", "period", "tz", "time", "filter", "sort", "top", "other", "limit",
    "compare", "test", "currency",
];

const BY_MAX: usize = 6;
const METRICS_MAX: usize = 50;
const TOP_MAX: u32 = 10_000;
const LIMIT_DEFAULT: u32 = 1_000;
const LIMIT_MAX: u32 = 100_000;

type Pairs = [(String, String)];

impl Report {
    /// Reads a report. What has an empty value is not said; lists may be given in several pairs.
    pub fn parse(pairs: &Pairs, context: &Context<'_>) -> Result<Self, ReportError> {
        let given = Given::read(pairs, context)?;
        let zone_asked = given.one("tz").map(|text| read_zone(text).map_err(at("tz"))).transpose()?;
        let zone = zone_asked.clone().unwrap_or_else(|| context.zone.clone());
        let period = given.period(&zone)?;
        let span = period
            .range(&zone, context.now, context.first)
            .map_err(at(given.first_of(&["period", "from", "to"])))?;
        let by = given.dimensions(context, &zone, span)?;
        let metrics = given.metrics()?;
        let sort = given.one("sort").map(|text| read_sort(text, &by, &metrics, context));
        let currency_asked = given.one("currency").map(|code| read_currency(code, context)).transpose()?;
        let against = given.one("compare").map(|text| Against::parse(text, &zone)).transpose();
        let against = against.map_err(at("compare"))?;
        let compare = against.map(|against| match period {
            Period::Named(Named::All) => Err("there is nothing before all; give a period".into()),
            Period::Named(_) | Period::Bounds { .. } => against.range(span, &zone, context.now),
        });
        Ok(Self {
            basis: given.word("time", &Basis::WORDS)?,
            filter: given.filter(context)?,
            tests: given.word("test", &Tests::WORDS)?,
            currency: currency_asked.unwrap_or(context.currency),
            sort: sort.transpose().map_err(at("sort"))?,
            top: given.number("top", TOP_MAX)?,
            other: given.word("other", &YES_OR_NO)?,
            limit: given.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT),
            compare: compare.transpose().map_err(at("compare"))?,
            asked: Asked { period, zone: zone_asked, currency: currency_asked, against },
            by,
            metrics,
            span,
            zone,
        })
    }

    /// The pairs that read back as this report, without what is so anyway.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let codes = |codes: Vec<String>| Some(codes.join(",")).filter(|list| !list.is_empty());
        let (from, to, period) = match self.asked.period {
            Period::Named(Named::Last7Days) => (None, None, None),
            Period::Named(named) => (None, None, Some(named.code().to_owned())),
            Period::Bounds { from, to } => (Some(from.show(&self.zone)), Some(to.show(&self.zone)), None),
        };
        let metrics = Some(&self.metrics).filter(|metrics| **metrics != default_metrics());
        let sort = self.sort.as_ref().map(|sort| {
            let sign = if sort.descending { "-" } else { "" };
            format!("{sign}{}", sort.column.code())
        });
        let number = |number: u32| number.to_string();
        let pairs = [
            ("by", codes(self.by.iter().map(Dimension::code).collect())),
            ("metrics", metrics.and_then(|metrics| codes(metrics.iter().map(Metric::code).collect()))),
            ("from", from),
            ("to", to),
            ("period", period),
            ("tz", self.asked.zone.as_ref().map(|zone| zone.name().to_owned())),
            (
                "time",
                Some(self.basis).filter(|basis| *basis != Basis::Event).map(|basis| basis.code().into()),
            ),
            ("filter", self.filter.as_ref().map(Filter::to_string)),
            ("sort", sort),
            ("top", self.top.map(number)),
            ("other", self.other.then(|| "1".into())),
            ("limit", Some(self.limit).filter(|limit| *limit != LIMIT_DEFAULT).map(number)),
            ("compare", self.asked.against.map(|against| against.show(&self.zone))),
            (
                "test",
                Some(self.tests).filter(|tests| *tests != Tests::Exclude).map(|tests| tests.code().into()),
            ),
            ("currency", self.asked.currency.map(|currency| currency.code().to_owned())),
        ];
        let said = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        said.collect()
    }
}

const YES_OR_NO: [(&str, bool); 6] =
    [("0", false), ("1", true), ("no", false), ("yes", true), ("false", false), ("true", true)];

/// What was given under which parameter.
struct Given<'a> {
    parameters: BTreeMap<&'a str, Vec<&'a str>>,
    /// Short filters, in their order.
    filters: Vec<(&'a str, Dimension, Vec<&'a str>)>,
}

impl<'a> Given<'a> {
    fn read(pairs: &'a Pairs, context: &Context<'_>) -> Result<Self, ReportError> {
        let mut given = Self { parameters: BTreeMap::new(), filters: Vec::new() };
        for (name, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if PARAMETERS.contains(&name.as_str()) {
                let values = given.parameters.entry(name).or_default();
                values.push(value);
                if 1 < values.len() && !["by", "metrics"].contains(&name.as_str()) {
                    return Err(at(name)("it is given twice".into()));
                }
                continue;
            }
            let dimension = Dimension::parse(name, context.parts.iter().copied()).map_err(|_| {
                let mut known: Vec<&str> = PARAMETERS.into_iter().chain(Dimension::codes()).collect();
                known.extend(context.parts.iter().copied());
                let suggestion = suggest(name, known.into_iter());
                at(name)(format!("there is no such parameter{suggestion}"))
            })?;
            match given.filters.iter_mut().find(|(_, known, _)| *known == dimension) {
                Some((_, _, values)) => values.push(value),
                None => given.filters.push((name, dimension, vec![value])),
            }
        }
        Ok(given)
    }

    fn one(&self, parameter: &str) -> Option<&'a str> {
        self.parameters.get(parameter)?.first().copied()
    }

    /// The first of these that is given, for a mistake that may be any one's.
    fn first_of(&self, parameters: &[&'static str]) -> &'static str {
        let given = parameters.iter().find(|parameter| self.parameters.contains_key(*parameter));
        given.or(parameters.first()).copied().unwrap_or_default()
    }

    /// The items of a list, parted by commas.
    fn list(&self, parameter: &str) -> impl Iterator<Item = &'a str> {
        let values = self.parameters.get(parameter).cloned().unwrap_or_default();
        values.into_iter().flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
    }

    fn word<T: Copy>(&self, parameter: &str, words: &[(&str, T)]) -> Result<T, ReportError> {
        // What stands first is so where nothing is said.
        let text = self.one(parameter).or(words.first().map(|(word, _)| *word)).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let suggestion = suggest(text, all.iter().copied());
            at(parameter)(format!("{} is none of {}{suggestion}", quote(text), all.join(", ")))
        })
    }

    fn number(&self, parameter: &str, max: u32) -> Result<Option<u32>, ReportError> {
        let Some(text) = self.one(parameter) else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && 1 <= *number && *number <= max);
        let mistake = || at(parameter)(format!("{} is no whole number from 1 to {max}", quote(text)));
        number.map(Some).ok_or_else(mistake)
    }

    fn period(&self, zone: &Zone) -> Result<Period, ReportError> {
        let bound =
            |name: &str| self.one(name).map(|text| Bound::parse(text, zone).map_err(at(name))).transpose();
        match (self.one("period"), bound("from")?, bound("to")?) {
            (None, None, None) => Ok(Period::Named(Named::Last7Days)),
            (Some(name), None, None) => Period::named(name).map_err(at("period")),
            (None, Some(from), to) => Ok(Period::Bounds { from, to: to.unwrap_or(Bound::Today) }),
            (None, None, Some(_)) => {
                Err(at("from")("it is missing; beside to, say from when: a day, or -7d".into()))
            }
            (Some(_), _, _) => Err(at("period")("it stands beside from or to; one of them is enough".into())),
        }
    }

    fn dimensions(
        &self,
        context: &Context<'_>,
        zone: &Zone,
        span: Range,
    ) -> Result<Vec<Dimension>, ReportError> {
        let mut by = Vec::new();
        for word in self.list("by") {
            let dimension = Dimension::parse(word, context.parts.iter().copied()).map_err(at("by"))?;
            if by.contains(&dimension) {
                continue;
            }
            if dimension.unit_of_basis().is_some() {
                let fits = buckets(&dimension, zone, span).map(|_| ());
                fits.map_err(|error| at("by")(format!("{word} makes {error}")))?;
            }
            by.push(dimension);
        }
        if BY_MAX < by.len() {
            return Err(at("by")(format!("{} dimensions, at most {BY_MAX} are allowed", by.len())));
        }
        Ok(by)
    }

    fn metrics(&self) -> Result<Vec<Metric>, ReportError> {
        let mut metrics = Vec::new();
        for word in self.list("metrics") {
            let metric = Metric::parse(word).map_err(at("metrics"))?;
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        if METRICS_MAX < metrics.len() {
            let message = format!("{} metrics, at most {METRICS_MAX} are allowed", metrics.len());
            return Err(at("metrics")(message));
        }
        Ok(if metrics.is_empty() { default_metrics() } else { metrics })
    }

    fn filter(&self, context: &Context<'_>) -> Result<Option<Filter>, ReportError> {
        let dimension = |word: &str| Dimension::parse(word, context.parts.iter().copied());
        let written = self.one("filter").map(|text| filter::read(text, &dimension));
        let mut whole = written.transpose().map_err(at("filter"))?;
        for (name, dimension, values) in &self.filters {
            let values = values.iter().flat_map(|value| value.split(',')).map(str::trim);
            let values = values.filter(|value| !value.is_empty());
            let values: Result<Vec<String>, String> =
                values.map(|value| filter::read_value(dimension, value.to_owned())).collect();
            let values = values.map_err(at(name))?;
            if !values.is_empty() {
                let term = Term { dimension: dimension.clone(), test: Test::In(values) };
                whole = Some(Filter::and(whole, Filter::Term(term)));
            }
        }
        whole.map(Filter::check).transpose().map_err(at("filter"))
    }
}

fn at(parameter: &str) -> impl Fn(String) -> ReportError + use<'_> {
    move |message| ReportError { parameter: parameter.to_owned(), message }
}

fn default_metrics() -> Vec<Metric> {
    metric::DEFAULT.map(Metric::Plain).into()
}

fn read_zone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| {
        let names = Zone::names();
        let suggestion = suggest(text, names.iter().map(String::as_str));
        format!("{} is no time zone{suggestion}", quote(text))
    })
}

fn read_currency(code: &str, context: &Context<'_>) -> Result<crate::money::Currency, ReportError> {
    let known = context.currencies.parse(code);
    known.map_err(|error| at("currency")(format!("{} is {error}", quote(code))))
}

/// `revenue` or `-revenue`, one of the report's own columns.
fn read_sort(
    text: &str,
    by: &[Dimension],
    metrics: &[Metric],
    context: &Context<'_>,
) -> Result<Sort, String> {
    let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
    let dimension = Dimension::parse(word, context.parts.iter().copied()).ok();
    let dimension = dimension.filter(|dimension| by.contains(dimension)).map(SortColumn::Dimension);
    let metric = || metrics.iter().find(|metric| metric.code() == word).cloned().map(SortColumn::Metric);
    let column = dimension.or_else(metric).ok_or_else(|| {
        let codes: Vec<String> =
            by.iter().map(Dimension::code).chain(metrics.iter().map(Metric::code)).collect();
        let suggestion = suggest(word, codes.iter().map(String::as_str));
        format!("{} is no column of this report{suggestion}", quote(word))
    })?;
    Ok(Sort { column, descending })
}
