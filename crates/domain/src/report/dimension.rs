//! What a report is broken down by: times in buckets, the age of an event, and the words that facts carry.

use std::sync::Arc;

use super::words::{quote, suggest};

/// One column of a report's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The calendar's unit that a time falls into.
    Time(Clock, Unit),
    /// The hour of the day, `00` to `23`, by the report's time basis.
    HourOfDay,
    /// `monday` to `sunday`, likewise.
    Weekday,
    /// The whole days, weeks or months from click to event.
    Age(AgeUnit),
    /// A word that facts have a column for.
    Field(Field),
    /// A parameter that was kept with the click, or a named part of a packed one.
    Parameter(Arc<str>),
}

/// Which of a fact's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// The one that the whole report goes by.
    Basis,
    Click,
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Hour,
    Day,
    /// From Monday, numbered by ISO 8601.
    Week,
    Month,
    Quarter,
    Year,
}

/// A month of age is 30 days: it has no place in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgeUnit {
    Day,
    Week,
    Month,
}

/// One of the words in [`Field::all`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(&'static str);

/// In front of the name of a stored parameter.
pub const PARAMETER: &str = "param:";
const PARAMETER_BYTES_MAX: usize = 100;

/// Code, dimension and what it is, in the order of the documentation.
const TIMES: [(&str, Dimension, &str); 17] = [
    ("hour", Dimension::Time(Clock::Basis, Unit::Hour), "the hour as clocks show it, `2026-11-20T13:00`"),
    ("day", Dimension::Time(Clock::Basis, Unit::Day), "`2026-11-20`"),
    ("week", Dimension::Time(Clock::Basis, Unit::Week), "from Monday, by ISO 8601: `2026-W47`"),
    ("month", Dimension::Time(Clock::Basis, Unit::Month), "`2026-11`"),
    ("quarter", Dimension::Time(Clock::Basis, Unit::Quarter), "`2026-Q4`"),
    ("year", Dimension::Time(Clock::Basis, Unit::Year), "`2026`"),
    ("hour_of_day", Dimension::HourOfDay, "`00` to `23`, over all days"),
    ("weekday", Dimension::Weekday, "`monday` to `sunday`, over all weeks"),
    ("click_hour", Dimension::Time(Clock::Click, Unit::Hour), "of the click, whatever `time` says"),
    ("click_day", Dimension::Time(Clock::Click, Unit::Day), "of the click, whatever `time` says"),
    ("click_week", Dimension::Time(Clock::Click, Unit::Week), "of the click, whatever `time` says"),
    ("click_month", Dimension::Time(Clock::Click, Unit::Month), "of the click, whatever `time` says"),
    ("event_day", Dimension::Time(Clock::Event, Unit::Day), "of the event, whatever `time` says"),
    ("event_month", Dimension::Time(Clock::Event, Unit::Month), "of the event, whatever `time` says"),
    ("age_days", Dimension::Age(AgeUnit::Day), "whole days from click to event, for cohorts"),
    ("age_weeks", Dimension::Age(AgeUnit::Week), "whole weeks from click to event"),
    ("age_months", Dimension::Age(AgeUnit::Month), "whole months of 30 days from click to event"),
];

/// Code, column of the facts, and what it is.
const FIELDS: [(&str, &str, &str); 38] = [
    ("advertiser", "advertiser", "the advertiser"),
    ("offer", "offer", "the offer"),
    ("goal", "event", "the same as `event`, under this name"),
    ("partner", "partner", "the partner"),
    ("link", "link", "the tracking link"),
    ("route", "route", "the route of the link that was taken"),
    ("source", "source", "the `source` of the click"),
    ("campaign", "campaign", "the campaign of the click"),
    ("ad", "ad", "the ad of the click"),
    ("keyword", "keyword", "the keyword of the click"),
    ("sub1", "sub1", "sub ids as the partner sent them"),
    ("sub2", "sub2", "likewise"),
    ("sub3", "sub3", "likewise"),
    ("sub4", "sub4", "likewise"),
    ("sub5", "sub5", "likewise"),
    ("sub6", "sub6", "likewise"),
    ("sub7", "sub7", "likewise"),
    ("sub8", "sub8", "likewise"),
    ("sub9", "sub9", "likewise"),
    ("sub10", "sub10", "likewise"),
    ("country", "country", "two letters, `DE`"),
    ("region", "region", "the region of the country"),
    ("city", "city", "the city"),
    ("asn", "asn", "the number of the visitor's network"),
    ("device", "device", "`desktop`, `mobile`, `tablet`, `bot` and so on"),
    ("os", "os", "the operating system"),
    ("browser", "browser", "the browser"),
    ("language", "language", "the browser's language"),
    ("referrer", "referrer", "the host that the visitor came from"),
    ("event", "event", "what happened, in the program's word: `ftd`, `sale`"),
    ("status", "status", "of a conversion: `pending`, `approved`, `rejected`, `reversed`, `held`"),
    ("outcome", "outcome", "of a postback: `accepted`, `updated`, `duplicate`, `held`, `rejected`"),
    ("reason", "reason", "of a postback: the codes in docs/decisions.md"),
    ("currency", "currency", "money stands in its own currency then, nothing is converted"),
    ("bot", "bot", "`yes` or `no`: the click was a bot's"),
    ("unique", "unique", "`yes` or `no`: the visitor's first click on this link"),
    ("test", "test", "`yes` or `no`: a test; ask with `test=include`"),
    ("target", "target", "of a delivery: who was told"),
];

impl Dimension {
    /// Reads a dimension; the bare names of `parts` mean parameters.
    pub(super) fn parse<'p>(
        text: &str,
        parts: impl Iterator<Item = &'p str> + Clone,
    ) -> Result<Self, String> {
        if let Some(known) = Self::plain(text) {
            return Ok(known);
        }
        let name = match text.strip_prefix(PARAMETER) {
            Some(name) => Some(name),
            None => parts.clone().find(|part| *part == text),
        };
        match name {
            Some(name) => read_parameter(name),
            None => {
                let codes = Self::codes().map(|code| -> &'p str { code });
                let suggestion = suggest(text, codes.chain(parts));
                Err(format!("{} is no dimension{suggestion}", quote(text)))
            }
        }
    }

    fn plain(text: &str) -> Option<Self> {
        let time = TIMES.iter().find(|(code, _, _)| *code == text);
        let time = time.map(|(_, dimension, _)| dimension.clone());
        time.or_else(|| Field::parse(text).map(Self::Field))
    }

    /// Every code but those of parameters.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        TIMES.iter().map(|(code, _, _)| *code).chain(FIELDS.iter().map(|(code, _, _)| *code))
    }

    /// Every dimension but those of parameters, with what it is.
    pub fn catalogue() -> impl Iterator<Item = (Self, &'static str)> {
        let times = TIMES.iter().map(|(_, dimension, what)| (dimension.clone(), *what));
        let fields = FIELDS.iter().map(|(code, _, what)| (Self::Field(Field(code)), *what));
        times.chain(fields)
    }

    /// The word that asks for it.
    pub fn code(&self) -> String {
        match self {
            Self::Field(field) => field.code().to_owned(),
            Self::Parameter(name) => format!("{PARAMETER}{name}"),
            Self::Time(..) | Self::HourOfDay | Self::Weekday | Self::Age(_) => {
                let found = TIMES.iter().find(|(_, dimension, _)| dimension == self);
                found.map(|(code, _, _)| *code).unwrap_or_default().to_owned()
            }
        }
    }

    /// The heading of its column.
    pub fn title(&self) -> String {
        match self {
            Self::Parameter(name) => name.to_string(),
            Self::Time(..) | Self::HourOfDay | Self::Weekday | Self::Age(_) | Self::Field(_) => {
                super::words::title(&self.code())
            }
        }
    }

    /// Whether its values follow each other in time.
    pub fn is_time(&self) -> bool {
        match self {
            Self::Time(..) | Self::HourOfDay | Self::Weekday | Self::Age(_) => true,
            Self::Field(_) | Self::Parameter(_) => false,
        }
    }

    /// The unit, where its buckets are pieces of the report's own span.
    pub fn unit_of_basis(&self) -> Option<Unit> {
        match self {
            Self::Time(Clock::Basis, unit) => Some(*unit),
            Self::Time(Clock::Click | Clock::Event, _)
            | Self::HourOfDay
            | Self::Weekday
            | Self::Age(_)
            | Self::Field(_)
            | Self::Parameter(_) => None,
        }
    }

    pub fn is_currency(&self) -> bool {
        *self == Self::Field(Field::CURRENCY)
    }
}

impl Field {
    pub const CURRENCY: Self = Self("currency");

    pub fn parse(text: &str) -> Option<Self> {
        FIELDS.iter().find(|(code, _, _)| *code == text).map(|(code, _, _)| Self(code))
    }

    /// In the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        FIELDS.iter().map(|(code, _, _)| Self(code))
    }

    pub fn code(self) -> &'static str {
        self.0
    }

    /// The column of the facts that it is read from.
    pub fn column(self) -> &'static str {
        let found = FIELDS.iter().find(|(code, _, _)| *code == self.0);
        found.map_or(self.0, |(_, column, _)| column)
    }
}

impl AgeUnit {
    /// Its length in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::Day => 86_400_000,
            Self::Week => 604_800_000,
            Self::Month => 2_592_000_000,
        }
    }
}

fn read_parameter(name: &str) -> Result<Dimension, String> {
    // A comma would part it in two wherever dimensions stand in a list.
    let plain = !name.contains(|letter: char| letter == ',' || letter.is_control()) && name.trim() == name;
    let fits = !name.is_empty() && name.len() <= PARAMETER_BYTES_MAX && plain;
    fits.then(|| Dimension::Parameter(name.into())).ok_or_else(|| {
        format!("{} is no name of a parameter: 1 to {PARAMETER_BYTES_MAX} bytes without commas", quote(name))
    })
}
