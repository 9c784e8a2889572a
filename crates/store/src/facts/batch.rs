//! Facts as columns: clicks and booked facts become record batches, the same for files and for what is not sealed yet.
//!
//! Words that repeat are kept once a batch, so that a column that says nothing costs nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, DictionaryArray, Int32Array, Int64Builder, RecordBatch, StringArray,
    StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use proofback_domain::click::traits::{Traits, traits};
use proofback_domain::click::{Click, Details};
use proofback_domain::fact::{Fact, FactKind, Facts};
use proofback_domain::money::{Currency, parse_micros};
use proofback_domain::program::Program;

use super::schema::{COLUMNS, Holds, SCHEMA};
use super::summary::Summary;

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8_192;

/// Of these columns nearly every row has a word of its own.
const OWN_WORDS: [&str; 4] = ["click_id", "ip", "partner_click_id", "rest"];

/// What is known beside the rows themselves.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// For packed sub ids and the currency of costs; absent where no program was ever in force.
    pub program: Option<&'a Program>,
}

/// One row on its way into a batch; texts in the order of the text columns, sums in that of the sums.
struct Row<'a> {
    texts: [&'a str; TEXTS],
    click_at: Option<i64>,
    event_at: i64,
    booked_at: i64,
    bot: bool,
    unique: bool,
    test: bool,
    sums: [i64; SUMS],
    seconds: Option<i64>,
}

const TEXTS: usize = count(Holds::Text);
pub const SUMS: usize = count(Holds::Sum);

const fn count(holds: Holds) -> usize {
    let (mut place, mut found) = (0, 0);
    while place < COLUMNS.len() {
        if COLUMNS[place].holds as u8 == holds as u8 {
            found += 1;
        }
        place += 1;
    }
    found
}

enum Words {
    /// Each word once.
    Shared {
        index: HashMap<String, i32>,
        words: Vec<String>,
        keys: Vec<i32>,
        last: i32,
    },
    Own(StringBuilder),
}

impl Words {
    fn new(name: &str) -> Self {
        if OWN_WORDS.contains(&name) {
            return Self::Own(StringBuilder::new());
        }
        Self::Shared {
            index: HashMap::default(),
            words: Vec::new(),
            keys: Vec::with_capacity(BATCH_ROWS),
            last: -1,
        }
    }

    fn push(&mut self, word: &str) {
        match self {
            Self::Own(builder) => builder.append_value(word),
            Self::Shared { index, words, keys, last } => {
                let same = usize::try_from(*last).ok().and_then(|last| words.get(last));
                let is_same = same.is_some_and(|same| (same.is_empty() && word.is_empty()) || same == word);
                if !is_same {
                    *last = match index.get(word) {
                        Some(key) => *key,
                        None => {
                            let key = i32::try_from(words.len()).unwrap_or(i32::MAX);
                            index.insert(word.to_owned(), key);
                            words.push(word.to_owned());
                            key
                        }
                    };
                }
                keys.push(*last);
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Own(builder) => Arc::new(builder.finish()),
            Self::Shared { index, words, keys, last } => {
                let values = StringArray::from_iter_values(words.iter());
                let keys = Int32Array::from(std::mem::take(keys));
                index.clear();
                words.clear();
                *last = -1;
                Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(values)))
            }
        }
    }
}

/// The schema of batches in memory and on their way into a file: that of the files, words once each.
pub fn batch_schema() -> SchemaRef {
    let field = |(column, field): (&super::schema::Column, &Arc<Field>)| match column.holds {
        Holds::Text if OWN_WORDS.contains(&column.name) => {
            field.as_ref().clone().with_data_type(DataType::Utf8)
        }
        Holds::Text => {
            let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            field.as_ref().clone().with_data_type(words)
        }
        Holds::YesNo | Holds::Time | Holds::Sum | Holds::Number => field.as_ref().clone(),
    };
    Arc::new(Schema::new(COLUMNS.iter().zip(SCHEMA.fields()).map(field).collect::<Vec<_>>()))
}

/// Makes batches of rows as they come.
pub struct Batches {
    schema: SchemaRef,
    texts: Vec<Words>,
    click_at: TimestampMillisecondBuilder,
    event_at: TimestampMillisecondBuilder,
    booked_at: TimestampMillisecondBuilder,
    bot: BooleanBuilder,
    unique: BooleanBuilder,
    test: BooleanBuilder,
    sums: Vec<Int64Builder>,
    seconds: Int64Builder,
    rows: usize,
    pub summary: Summary,
}

impl Default for Batches {
    fn default() -> Self {
        let texts = COLUMNS.iter().filter(|column| column.holds == Holds::Text);
        let time = || TimestampMillisecondBuilder::new().with_timezone("UTC");
        Self {
            schema: batch_schema(),
            texts: texts.map(|column| Words::new(column.name)).collect(),
            click_at: time(),
            event_at: time(),
            booked_at: time(),
            bot: BooleanBuilder::new(),
            unique: BooleanBuilder::new(),
            test: BooleanBuilder::new(),
            sums: (0..SUMS).map(|_| Int64Builder::new()).collect(),
            seconds: Int64Builder::new(),
            rows: 0,
            summary: Summary::default(),
        }
    }
}

impl Batches {
    pub fn is_full(&self) -> bool {
        BATCH_ROWS <= self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn push(&mut self, row: &Row<'_>) {
        for (words, text) in self.texts.iter_mut().zip(row.texts) {
            words.push(text);
        }
        self.click_at.append_option(row.click_at);
        self.event_at.append_value(row.event_at);
        self.booked_at.append_value(row.booked_at);
        self.bot.append_value(row.bot);
        self.unique.append_value(row.unique);
        self.test.append_value(row.test);
        for (builder, sum) in self.sums.iter_mut().zip(row.sums) {
            builder.append_value(sum);
        }
        self.seconds.append_option(row.seconds);
        self.rows += 1;
        self.summary.add(row.click_at, row.event_at, row.booked_at, &row.sums);
        self.summary.add_currency(row.texts[place::CURRENCY]);
    }

    /// What was pushed since the last batch.
    pub fn finish(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let mut texts = self.texts.iter_mut().map(Words::finish).collect::<Vec<_>>().into_iter();
        let mut sums = self
            .sums
            .iter_mut()
            .map(|sum| Arc::new(sum.finish()) as ArrayRef)
            .collect::<Vec<_>>()
            .into_iter();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(COLUMNS.len());
        for column in &COLUMNS {
            let array: Option<ArrayRef> = match (column.holds, column.name) {
                (Holds::Text, _) => texts.next(),
                (Holds::Sum, _) => sums.next(),
                (Holds::Number, _) => Some(Arc::new(self.seconds.finish())),
                (Holds::Time, "click_at") => Some(Arc::new(self.click_at.finish())),
                (Holds::Time, "event_at") => Some(Arc::new(self.event_at.finish())),
                (Holds::Time, _) => Some(Arc::new(self.booked_at.finish())),
                (Holds::YesNo, "bot") => Some(Arc::new(self.bot.finish())),
                (Holds::YesNo, "unique") => Some(Arc::new(self.unique.finish())),
                (Holds::YesNo, _) => Some(Arc::new(self.test.finish())),
            };
            columns.extend(array);
        }
        self.rows = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// A click is a fact as it is.
    pub fn push_click(&mut self, click: &Click, unique: bool, context: Context<'_>) {
        let (traits, params) = traits_of(click, context);
        let currency = context.program.map(|program| program.currency);
        let cost = parse_micros(click.details.cost.trim()).unwrap_or(0);
        let id = click.id.to_string();
        let rest = rest(&click.details, &traits.params);
        let mut row = Row::about(Some((click, &traits, &params)));
        row.texts[place::KIND] = "click";
        row.texts[place::CLICK_ID] = &id;
        row.texts[place::CURRENCY] = currency.as_ref().map_or("", Currency::code);
        row.texts[place::IP] = &click.details.ip;
        row.texts[place::USER_AGENT] = &click.details.user_agent;
        row.texts[place::PARTNER_CLICK_ID] = &click.details.partner_click_id;
        row.texts[place::REST] = &rest;
        (row.event_at, row.booked_at) = (click.at.millis(), click.at.millis());
        row.unique = unique;
        row.sums[sums::CLICKS] = 1;
        row.sums[sums::COST] = cost;
        self.push(&row);
    }

    /// All that one decision booked.
    pub fn push_facts(&mut self, facts: Facts, context: Context<'_>) {
        let Facts { at, click, advertiser, partner, test, facts } = facts;
        let click = click.map(proofback_domain::fact::AboutClick::into_click);
        let about = click.as_ref().map(|click| {
            let (traits, params) = traits_of(click, context);
            (click, traits, params)
        });
        let id = click.as_ref().map(|click| click.id.to_string()).unwrap_or_default();
        for fact in &facts {
            let mut row = Row::about(about.as_ref().map(|(click, traits, params)| (*click, traits, params)));
            row.texts[place::CLICK_ID] = &id;
            if let (None, Some(advertiser)) = (&click, &advertiser) {
                row.texts[place::ADVERTISER] = advertiser.as_str();
            }
            if let (None, Some(partner)) = (&click, &partner) {
                row.texts[place::PARTNER] = partner.as_str();
            }
            row.booked_at = at.millis();
            row.test |= test;
            row.fill(fact);
            self.push(&row);
        }
    }
}

/// Places among the texts and among the sums; a test holds them against the list of columns.
pub mod place {
    pub const KIND: usize = 0;
    pub const CLICK_ID: usize = 1;
    pub const ADVERTISER: usize = 2;
    pub const PARTNER: usize = 4;
    pub const EVENT: usize = 31;
    pub const STATUS: usize = 32;
    pub const OUTCOME: usize = 33;
    pub const REASON: usize = 34;
    pub const TARGET: usize = 35;
    pub const CURRENCY: usize = 36;
    pub const IP: usize = 37;
    pub const USER_AGENT: usize = 38;
    pub const PARTNER_CLICK_ID: usize = 39;
    pub const REST: usize = 40;
}

pub mod sums {
    pub const CLICKS: usize = 0;
    pub const COST: usize = 1;
}

impl<'a> Row<'a> {
    /// Everything that a click says of what follows from it.
    fn about(click: Option<(&'a Click, &'a Traits, &'a String)>) -> Self {
        let mut row = Self {
            texts: [""; TEXTS],
            click_at: None,
            event_at: 0,
            booked_at: 0,
            bot: false,
            unique: false,
            test: false,
            sums: [0; SUMS],
            seconds: None,
        };
        let Some((click, traits, params)) = click else {
            return row;
        };
        let details = &click.details;
        let sub = |number| details.sub(number);
        let said: [&str; 29] = [
            click.advertiser.as_str(),
            click.offer.as_str(),
            click.partner.as_str(),
            click.link.as_str(),
            &details.route,
            &details.source,
            &traits.campaign,
            &traits.ad,
            &traits.keyword,
            sub(1),
            sub(2),
            sub(3),
            sub(4),
            sub(5),
            sub(6),
            sub(7),
            sub(8),
            sub(9),
            sub(10),
            params,
            &details.country,
            &details.region,
            &details.city,
            &details.asn,
            &details.device,
            &details.os,
            &details.browser,
            &traits.language,
            &traits.referrer,
        ];
        for (text, said) in row.texts.iter_mut().skip(place::ADVERTISER).zip(said) {
            *text = said;
        }
        row.click_at = Some(click.at.millis());
        row.bot = traits.bot;
        row.test = details.test;
        row
    }

    fn fill(&mut self, fact: &'a Fact) {
        self.texts[place::KIND] = match fact.kind {
            FactKind::Click => "click",
            FactKind::Conversion => "conversion",
            FactKind::Postback => "postback",
            FactKind::Delivery => "delivery",
        };
        self.texts[place::EVENT] = &fact.event;
        self.texts[place::STATUS] = &fact.status;
        self.texts[place::OUTCOME] = &fact.outcome;
        self.texts[place::REASON] = &fact.reason;
        self.texts[place::TARGET] = &fact.target;
        self.texts[place::CURRENCY] = fact.currency.as_ref().map_or("", Currency::code);
        self.event_at = fact.event_at.millis();
        self.seconds = fact.seconds;
        let numbers = &fact.numbers;
        self.sums = [
            0,
            0,
            numbers.conversions,
            numbers.payout,
            numbers.revenue,
            numbers.amount,
            numbers.with_amount,
            numbers.refunds,
            numbers.chargebacks,
            numbers.refunded,
            numbers.postbacks,
            numbers.failed_deliveries,
            numbers.delayed,
            numbers.customers,
        ];
    }
}

fn traits_of(click: &Click, context: Context<'_>) -> (Traits, String) {
    let partner = context.program.and_then(|program| program.partners.get(&click.partner));
    let traits = match partner {
        Some(partner) => traits(click, &partner.split),
        None => traits(click, &BTreeMap::new()),
    };
    let params = match traits.params.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&traits.params).unwrap_or_default(),
    };
    (traits, params)
}

/// What the columns do not say of a click.
fn rest(details: &Details, params: &BTreeMap<String, String>) -> String {
    let Details { cost, others, referrer, language, .. } = details;
    if cost.is_empty() && others.is_empty() && referrer.is_empty() && language.is_empty() {
        return String::new();
    }
    let rest = Rest {
        cost: cost.into(),
        others: others.iter().map(|(name, value)| Other::of(name, value, params)).collect(),
        referrer: referrer.into(),
        language: language.into(),
    };
    serde_json::to_string(&rest).unwrap_or_default()
}

/// The form of the column `rest`.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Rest<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub cost: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub referrer: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub language: Cow<'a, str>,
}

/// A parameter of the link that has no name of ours: with its value where the column `params` does not say it.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Other<'a> {
    InParams(Cow<'a, str>),
    Here(Cow<'a, str>, Cow<'a, str>),
}

impl<'a> Other<'a> {
    fn of(name: &'a str, value: &'a str, params: &BTreeMap<String, String>) -> Self {
        match value_in(params, name) {
            Some(known) if known == value => Self::InParams(name.into()),
            Some(_) | None => Self::Here(name.into(), value.into()),
        }
    }

    /// As it came; `None` where the other column has lost it.
    pub fn pair(self, params: &BTreeMap<String, String>) -> Option<(String, String)> {
        match self {
            Self::InParams(name) => {
                let value = value_in(params, &name)?.clone();
                Some((name.into_owned(), value))
            }
            Self::Here(name, value) => Some((name.into_owned(), value.into_owned())),
        }
    }
}

/// Names are in lower case there.
fn value_in<'a>(params: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => params.get(&name.to_ascii_lowercase()),
        false => params.get(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_those_of_the_columns() {
        let names = |holds: Holds| {
            COLUMNS
                .iter()
                .filter(move |column| column.holds == holds)
                .map(|column| column.name)
                .collect::<Vec<_>>()
        };
        let texts = names(Holds::Text);
        for (place, name) in [
            (place::KIND, "kind"),
            (place::CLICK_ID, "click_id"),
            (place::ADVERTISER, "advertiser"),
            (place::PARTNER, "partner"),
            (place::EVENT, "event"),
            (place::STATUS, "status"),
            (place::OUTCOME, "outcome"),
            (place::REASON, "reason"),
            (place::TARGET, "target"),
            (place::CURRENCY, "currency"),
            (place::IP, "ip"),
            (place::USER_AGENT, "user_agent"),
            (place::PARTNER_CLICK_ID, "partner_click_id"),
            (place::REST, "rest"),
        ] {
            assert_eq!(texts[place], name);
        }
        let sums = names(Holds::Sum);
        assert_eq!((sums[sums::CLICKS], sums[sums::COST]), ("clicks", "cost"));
        assert_eq!(
            sums[2..],
            [
                "conversions",
                "payout",
                "revenue",
                "amount",
                "with_amount",
                "refunds",
                "chargebacks",
                "refunded",
                "postbacks",
                "failed_deliveries",
                "delayed",
                "customers"
            ]
        );
    }

    #[test]
    fn a_parameter_stands_once_and_comes_back_as_it_came() {
        let params = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let others: Vec<(String, String)> =
            [("gclid", "G1"), ("UTM_Source", "x"), ("a", "1"), ("a", "2"), ("empty", ""), ("", "nameless")]
                .iter()
                .map(pair)
                .collect();
        let details = Details { others: others.clone(), ..Details::default() };
        let params = params(&[("gclid", "G1"), ("utm_source", "x"), ("a", "1")]);
        let written = rest(&details, &params);
        assert_eq!(
            written,
            r#"{"others":["gclid","UTM_Source","a",["a","2"],["empty",""],["","nameless"]]}"#
        );
        let back = |text: &str| {
            let rest: Rest<'_> = serde_json::from_str(text).unwrap();
            rest.others.into_iter().map(|other| other.pair(&params)).collect::<Option<Vec<_>>>()
        };
        assert_eq!(back(&written), Some(others));
        let earlier = r#"{"others":[["gclid","G1"],["b","2"]]}"#;
        assert_eq!(back(earlier), Some([("gclid", "G1"), ("b", "2")].iter().map(pair).collect()));
        assert_eq!(back(r#"{"others":["lost"]}"#), None);
    }
}
