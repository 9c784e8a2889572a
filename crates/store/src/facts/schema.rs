//! The columns of fact files: one flat table for clicks and everything that follows from them.
//!
//! The files are for others to read, too: names and types are promised in `docs/facts.md`, which a test holds against
//! this list.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Empty where it says nothing.
    Text,
    YesNo,
    /// UTC, in milliseconds.
    Time,
    /// A count or millionths of `currency`: sums of them mean something.
    Sum,
    /// A whole number that may be absent.
    Number,
}

/// One column of every fact file.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub holds: Holds,
    /// Belongs to a single click and is not kept longer than raw clicks are.
    pub raw: bool,
    pub says: &'static str,
}

const fn column(name: &'static str, holds: Holds, says: &'static str) -> Column {
    Column { name, holds, raw: false, says }
}

const fn raw(name: &'static str, says: &'static str) -> Column {
    Column { name, holds: Holds::Text, raw: true, says }
}

const fn sub(name: &'static str) -> Column {
    column(name, Holds::Text, "a sub id of the link")
}

/// In the order in which they stand in the files.
pub const COLUMNS: [Column; 62] = [
    column("kind", Holds::Text, "`click`, `conversion`, `postback` or `delivery`"),
    raw("click_id", "the click, 26 characters; sorts by time"),
    Column {
        raw: false,
        ..column("click_at", Holds::Time, "when the click came; absent where none is known")
    },
    column("event_at", Holds::Time, "when it happened, by the sender's word where that is believed"),
    column("booked_at", Holds::Time, "when it was decided: the time of the ledger"),
    column("advertiser", Holds::Text, "the advertiser"),
    column("offer", Holds::Text, "the offer"),
    column("partner", Holds::Text, "the partner"),
    column("link", Holds::Text, "the tracking link"),
    column("route", Holds::Text, "why the link led to this offer"),
    column("source", Holds::Text, "`source` of the link"),
    column("campaign", Holds::Text, "a part of a packed sub id, or `campaign`, `utm_campaign` of the link"),
    column("ad", Holds::Text, "likewise: `ad`, `creative`, `utm_content`"),
    column("keyword", Holds::Text, "likewise: `keyword`, `utm_term`"),
    sub("sub1"),
    sub("sub2"),
    sub("sub3"),
    sub("sub4"),
    sub("sub5"),
    sub("sub6"),
    sub("sub7"),
    sub("sub8"),
    sub("sub9"),
    sub("sub10"),
    column("params", Holds::Text, "all other parameters and the parts of packed sub ids, a JSON object"),
    column("country", Holds::Text, "ISO 3166 code by the visitor's address"),
    column("region", Holds::Text, "likewise"),
    column("city", Holds::Text, "likewise"),
    column("asn", Holds::Text, "the number of the visitor's network"),
    column("device", Holds::Text, "`desktop`, `mobile`, `tablet` or `bot`"),
    column("os", Holds::Text, "the operating system's family"),
    column("browser", Holds::Text, "the browser's family"),
    column("language", Holds::Text, "the browser's first language"),
    column("referrer", Holds::Text, "the referring site"),
    column("event", Holds::Text, "the goal's event"),
    column("status", Holds::Text, "of a conversion: `pending`, `approved`, `rejected`, `reversed` or `held`"),
    column("outcome", Holds::Text, "of a postback"),
    column("reason", Holds::Text, "of a postback"),
    column("target", Holds::Text, "of a delivery"),
    column("currency", Holds::Text, "of all money in the row"),
    column("bot", Holds::YesNo, "the visitor is a program"),
    column("unique", Holds::YesNo, "the first click of this visitor on this link on this day"),
    column("test", Holds::YesNo, "a test"),
    column("clicks", Holds::Sum, "1 for a click"),
    column("cost", Holds::Sum, "what the click cost, in millionths"),
    column("conversions", Holds::Sum, "1 for entering a status, -1 for leaving it"),
    column("payout", Holds::Sum, "likewise: what the partner earns, in millionths"),
    column("revenue", Holds::Sum, "likewise: what the advertiser owes, in millionths"),
    column("amount", Holds::Sum, "likewise: the order's value less refunds, in millionths"),
    column("with_amount", Holds::Sum, "likewise: conversions that have an amount"),
    column("refunds", Holds::Sum, "refunds"),
    column("chargebacks", Holds::Sum, "chargebacks"),
    column("refunded", Holds::Sum, "what they took back of the amount, in millionths"),
    column("postbacks", Holds::Sum, "1 for an answer to a postback, -1 for one that a later answer replaced"),
    column(
        "failed_deliveries",
        Holds::Sum,
        "1 for a delivery that failed for good, -1 when it is tried again",
    ),
    column("delayed", Holds::Sum, "conversions that were told more than an hour after they happened"),
    column("customers", Holds::Sum, "clicks that brought their first conversion"),
    column("seconds", Holds::Number, "from the click to a new conversion"),
    raw("ip", "the visitor's address"),
    raw("user_agent", "the browser's own words"),
    raw("partner_click_id", "the partner's own id for the click"),
    // What the other columns do not say of a click, for those that need it whole.
    raw("rest", "what else is known of the click, a JSON object"),
];

impl Holds {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::YesNo => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Sum | Self::Number => DataType::Int64,
        }
    }
}

/// The schema of every batch and file.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |column: &Column| {
        let absent = column.name == "click_at" || column.holds == Holds::Number;
        Field::new(column.name, column.holds.data_type(), absent)
    };
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
});

/// Where a column stands.
pub fn place(name: &str) -> usize {
    COLUMNS.iter().position(|column| column.name == name).expect("only columns of the list are asked for")
}
