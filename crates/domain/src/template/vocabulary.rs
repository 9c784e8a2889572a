//! What other platforms call things, and what that is here, seen from a delivery: the id that a receiver wants is his own
//! (`{partner_click_id}`), the money is what the partner earns (`{payout}`), whatever the word for it was.
//!
//! Sources: the public documentation of trackers, networks and traffic sources; `docs/templates.md` has the table.

use super::macros::{Macro, SUBS, nearest_macro};

/// The id that the receiver of a delivery gave the click.
pub(super) const CLICK: &str = "partner_click_id";

/// Words without marks between their letters, in lower case, and the macro with its modifiers.
const WORDS: [(&str, &[&str]); 24] = [
    (
        CLICK,
        &[
            "clickid",
            "cid",
            "subid",
            "externalid",
            "externalclickid",
            "visitorid",
            "affclickid",
            "partnerclickid",
            "pubclickid",
            "cfclickid",
            "obclickid",
            "widgetclickid",
            "click",
            "clickuuid",
            "hit",
            "hitid",
            "cnvid",
            "ymid",
            "sscid",
            "s2s",
            "subidshort",
            "callback",
            "callbackparam",
            "conversionstracking",
            "externaltransactionid",
            "exid",
            "evclid",
            "clickref",
            "requestid",
            "reqid",
            "oreqid",
            "tblci",
            "rcuuid",
        ],
    ),
    (
        "payout",
        &[
            "payout",
            "sum",
            "amount",
            "revenue",
            "price",
            "rate",
            "commission",
            "rev",
            "cash",
            "earnings",
            "income",
            "reward",
            "rewardamount",
            "paymentsum",
            "payoutdecimal",
            "amountaffiliate",
            "conversionrevenue",
            "eventrevenue",
        ],
    ),
    ("payout|currency:USD", &["payoutusd", "eventrevenueusd"]),
    ("currency", &["currency", "cur", "currencycode", "rewardcurrency", "payoutcurrency", "cnvcurrency"]),
    (
        "conversion_id",
        &[
            "conversionid",
            "actionid",
            "transactionid",
            "transaction",
            "transid",
            "txid",
            "txnid",
            "tx",
            "tid",
            "trxid",
            "xid",
            "leadid",
        ],
    ),
    ("txid", &["orderid", "order", "ordernumber"]),
    (
        "status",
        &["status", "conversionstatus", "convstatus", "cnvstatus", "leadstatus", "actionstatus", "stage"],
    ),
    (
        "event",
        &[
            "event",
            "goal",
            "et",
            "type",
            "eventname",
            "eventtype",
            "eventid",
            "goalid",
            "goalname",
            "goaltitle",
            "goalvalue",
            "transactiontype",
            "conversiontype",
            "action",
        ],
    ),
    (
        "timestamp",
        &[
            "timestamp",
            "time",
            "ts",
            "unixtime",
            "utcunixtime",
            "conversiontime",
            "eventtime",
            "createdatunix",
        ],
    ),
    ("timestamp|format:unix_ms", &["timestampms", "timems"]),
    ("timestamp|format:%Y-%m-%d", &["date", "conversiondate"]),
    ("timestamp|format:%Y-%m-%d %H:%M:%S", &["datetime"]),
    ("timestamp_iso", &["timestampiso", "createdat"]),
    ("country", &["country", "geo", "countrycode", "cc"]),
    ("ip", &["ip", "userip", "actionip", "sourceip", "clientip", "visitorip"]),
    ("user_agent", &["useragent", "ua", "uagent"]),
    ("os", &["os", "osname"]),
    ("device", &["device", "devicetype"]),
    ("browser", &["browser", "browsername"]),
    ("offer", &["offer", "offerid"]),
    ("advertiser", &["advertiser", "advertiserid"]),
    ("partner", &["partner", "partnerid", "affiliate", "affiliateid", "affid", "publisherid"]),
    ("source", &["source", "sourceid", "trafficsource"]),
    ("random", &["random", "rand", "rnd", "cachebuster"]),
];

/// What comes before the number of a sub id.
const SUB_PREFIXES: [&str; 10] = ["sub", "subid", "affsub", "sid", "mlsub", "param", "s", "p", "t", "var"];

/// Words for what has no macro here, and why.
const MISSING: [(&[&str], &str); 3] = [
    (
        &[
            "saleamount",
            "ordersum",
            "ordertotal",
            "ordervalue",
            "amountbrutto",
            "amountnetto",
            "amountvendor",
        ],
        "the value of the order is not told to partners; {payout} is what the partner earns",
    ),
    (
        &["clickdate", "clicktime", "clickts"],
        "the time of the click has no macro; {timestamp} is the event's",
    ),
    (&["payoutdelta"], "write {payout_delta} for the change of the payout"),
];

/// Parameters that are called otherwise than the macro that fills them.
const PARAMETERS: [(&str, &str); 15] = [
    ("c", CLICK),
    ("data", CLICK),
    ("tag", CLICK),
    ("tmtdata", CLICK),
    ("p", "payout"),
    ("value", "payout"),
    ("nbvalue", "payout"),
    ("ordervalue", "payout"),
    ("saleamount", "payout"),
    ("sale", "payout"),
    ("atpay", "payout"),
    ("t", "conversion_id"),
    ("e", "event"),
    ("name", "event"),
    ("ct", "event"),
];

/// Parameters that carry the click id on some platforms and something else on others.
const AMBIGUOUS_PARAMETERS: [(&str, &str); 3] =
    [("r", "payout"), ("tid", "conversion_id"), ("transactionid", "conversion_id")];

/// Words that name the click on some platforms and the conversion on others.
const AMBIGUOUS_WORDS: [&str; 3] = ["tid", "transactionid", "transaction"];

/// Where a word stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) parameter: Option<&'a str>,
    /// Something else in the template names the click for certain.
    pub(super) names_click: bool,
}

/// What a word of another platform is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sense {
    /// A macro, perhaps with modifiers, and why it is this one.
    Ours {
        text: &'static str,
        why: String,
    },
    /// It has none, and why.
    Missing(&'static str),
    Unknown,
}

pub(super) fn sense(word: &str, context: Context<'_>) -> Sense {
    let plain_word = plain(word);
    if let Some((_, why)) = MISSING.iter().find(|(words, _)| words.contains(&plain_word.as_str())) {
        return Sense::Missing(why);
    }
    let parameter = of_parameter(context);
    let by_parameter = || format!("by the parameter {}", context.parameter.unwrap_or_default());
    let found = of_word(&plain_word);
    let is_sub = found.is_some_and(|text| SUBS.contains(&text));
    if is_sub && parameter == Some(CLICK) {
        return Sense::Ours { text: CLICK, why: format!("{}, {}", by_parameter(), describe(CLICK)) };
    }
    if AMBIGUOUS_WORDS.contains(&plain_word.as_str()) {
        if parameter == Some(CLICK) {
            return Sense::Ours { text: CLICK, why: format!("{}, {}", by_parameter(), describe(CLICK)) };
        }
        if !context.names_click {
            let why = format!("because nothing else here names the click, {}", describe(CLICK));
            return Sense::Ours { text: CLICK, why };
        }
    }
    match found {
        Some(text) => Sense::Ours { text, why: describe(text).to_owned() },
        None => Sense::Unknown,
    }
}

/// What belongs into a parameter, by its name alone.
pub(super) fn of_example(context: Context<'_>) -> Sense {
    match of_parameter(context) {
        Some(text) => {
            let parameter = context.parameter.unwrap_or_default();
            Sense::Ours { text, why: format!("by the parameter {parameter}, {}", describe(text)) }
        }
        None => Sense::Missing("what belongs into this parameter is not known"),
    }
}

/// Whether a word names the click for certain.
pub(super) fn is_click(word: &str) -> bool {
    let plain_word = plain(word);
    of_word(&plain_word) == Some(CLICK)
}

/// Whether a parameter takes the click id for certain.
pub(super) fn takes_click(parameter: &str) -> bool {
    let plain_name = plain(parameter);
    let is_ambiguous = AMBIGUOUS_PARAMETERS.iter().any(|(name, _)| *name == plain_name);
    !is_ambiguous && of_parameter_name(&plain_name) == Some(CLICK)
}

/// The macro that an unknown name was most likely meant to be.
pub(super) fn suggestion(name: &str) -> Option<String> {
    let known = of_word(&plain(name)).map(str::to_owned);
    known.or_else(|| nearest_macro(name))
}

fn of_parameter(context: Context<'_>) -> Option<&'static str> {
    let name = plain(context.parameter?);
    match AMBIGUOUS_PARAMETERS.iter().find(|(known, _)| *known == name) {
        Some(_) if !context.names_click => Some(CLICK),
        Some((_, otherwise)) => Some(otherwise),
        None => of_parameter_name(&name),
    }
}

fn of_parameter_name(name: &str) -> Option<&'static str> {
    let own = PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    own.or_else(|| of_word(name))
}

fn of_word(word: &str) -> Option<&'static str> {
    let listed = WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(text, _)| *text);
    listed.or_else(|| sub_of(word)).or_else(|| of_ours(word))
}

fn sub_of(word: &str) -> Option<&'static str> {
    if word == "affsub" {
        return SUBS.first().copied();
    }
    SUB_PREFIXES.iter().find_map(|prefix| {
        let number: usize = word.strip_prefix(prefix)?.parse().ok()?;
        SUBS.get(number.checked_sub(1)?).copied()
    })
}

/// Our own names in another case or with other marks.
fn of_ours(word: &str) -> Option<&'static str> {
    let names = Macro::PLAIN.iter().map(|(name, _)| *name).filter(|name| *name != "click_id");
    names.into_iter().find(|name| plain(name) == word)
}

fn plain(word: &str) -> String {
    word.chars().filter(|one| !"_-.".contains(*one)).map(|one| one.to_ascii_lowercase()).collect()
}

fn describe(text: &str) -> &'static str {
    match text {
        CLICK => "the receiver's own id of the click",
        "payout" => "what the partner earns; for a traffic source, write {revenue}",
        "payout|currency:USD" => "what the partner earns, converted",
        "conversion_id" => "our id of the conversion, which is never empty and stays the same",
        "txid" => "the advertiser's own number of the order",
        "event" => "the goal that was reached",
        "partner" => "the partner who is told",
        other if SUBS.contains(&other) => "the same sub id of our link",
        other if other.starts_with("timestamp") => "the time of the event",
        _ => "the same under our name",
    }
}
