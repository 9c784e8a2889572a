//! Finds in an address what is not ours or was never filled in, and says what it should be.
//!
//! The linter tells it, the translator replaces it, and the reader of templates refuses the part of it that is certain.

use percent_encoding::percent_decode_str;

use super::dialect::{self, Certainty, EXAMPLE_WORDS};
use super::error::TemplateError;
use super::macros::Macro;
use super::pieces::{self, Piece};
use super::vocabulary::{self, CLICK, Context, Sense};
use super::{keitaro, parse};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A placeholder in the syntax of another platform.
    Foreign,
    /// The same, percent-encoded: somebody may have meant the text.
    Encoded,
    /// Braces that hold no macro of ours.
    Unknown,
    /// A macro of ours that says something else than on other platforms.
    Meaning,
    /// An example's word in capitals that names a value.
    Example,
    /// A word in capitals where somebody's own key or number belongs.
    Credential,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting<'a> {
    pub(super) start: usize,
    pub(super) seen: &'a str,
    pub(super) kind: Kind,
    pub(super) instead: Option<String>,
    /// Why it is `instead`, or why there is nothing.
    pub(super) why: String,
}

/// In the order of the source.
pub(super) fn find(source: &str) -> Vec<Sighting<'_>> {
    let pieces = pieces::split(source);
    let names = || pieces.iter().flat_map(|piece| brace_names(piece.text));
    let template = Surroundings {
        names_click: pieces.iter().any(names_click),
        tells_receivers_click: names().any(|name| name == CLICK),
        tells_payout: names().any(|name| name.starts_with("payout")),
    };
    pieces.iter().flat_map(|piece| in_piece(piece, &template)).collect()
}

/// What the template says elsewhere.
struct Surroundings {
    names_click: bool,
    tells_receivers_click: bool,
    tells_payout: bool,
}

/// What a finding should be, and why.
struct Advice {
    instead: Option<String>,
    why: String,
}

fn names_click(piece: &Piece<'_>) -> bool {
    let foreign = dialect::whole(piece.text).map(|foreign| foreign.name);
    let capitals = is_capitals(piece.text).then_some(piece.text);
    let mut words = foreign.into_iter().chain(brace_names(piece.text)).chain(capitals).peekable();
    let is_filled = words.peek().is_some();
    words.any(vocabulary::is_click) || (is_filled && piece.parameter.is_some_and(vocabulary::takes_click))
}

/// The names between braces, without the marks that other platforms put around them.
fn brace_names(text: &str) -> impl Iterator<Item = &str> {
    braces(text).map(|(_, inside)| split_name(inside).0.trim_matches(['{', ' ']).trim_start_matches('_'))
}

fn in_piece<'a>(piece: &Piece<'a>, template: &Surroundings) -> Vec<Sighting<'a>> {
    let context = Context { parameter: piece.parameter, names_click: template.names_click };
    let whole = |kind, advice: Advice| Sighting {
        start: piece.text_start(),
        seen: piece.text,
        kind,
        instead: advice.instead,
        why: advice.why,
    };
    if let Some(foreign) = dialect::whole(piece.text) {
        return vec![whole(Kind::Foreign, of_foreign(foreign, context))];
    }
    if let Some(advice) = encoded(piece.text, context, template) {
        return vec![whole(Kind::Encoded, advice)];
    }
    if is_capitals(piece.text) {
        if EXAMPLES.contains(&piece.text) {
            return vec![whole(Kind::Example, of_word(piece.text, "", context))];
        }
        if is_credential(piece.text, piece.parameter) {
            let why = "your own key, number or name at this platform belongs here".into();
            return vec![whole(Kind::Credential, Advice { instead: None, why })];
        }
    }
    let found = braces(piece.text).filter_map(|(at, inside)| in_braces(piece, at, inside, context, template));
    found.collect()
}

fn of_foreign(foreign: dialect::Foreign<'_>, context: Context<'_>) -> Advice {
    if EXAMPLE_WORDS.contains(&foreign.name) {
        return advice(vocabulary::of_example(context), "");
    }
    let mut advice = of_word(foreign.name, "", context);
    if let Some(argument) = foreign.argument.filter(|_| advice.instead.is_some()) {
        advice.why = format!("{}; \"{argument}\" is left out", advice.why);
    }
    advice
}

/// A placeholder that was percent-encoded on its way, in a syntax that nobody means as text.
fn encoded(text: &str, context: Context<'_>, template: &Surroundings) -> Option<Advice> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    if decoded == text || text.contains('{') {
        return None;
    }
    if let Some(foreign) = dialect::whole(&decoded) {
        return (foreign.certainty == Certainty::Sure).then(|| of_foreign(foreign, context));
    }
    let inside = decoded.strip_prefix('{')?.strip_suffix('}').filter(|inside| dialect::is_name(inside))?;
    let name = inside.trim_start_matches('_');
    if Macro::parse(name).is_some() {
        let plain = || checked(name.to_owned(), "a macro is not percent-encoded");
        return Some(other_meaning(name, template).unwrap_or_else(plain));
    }
    Some(of_word(name, "", context))
}

/// What stands between braces, with the place of the opening one; of `{{x}}` with its second brace.
fn braces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0usize;
    std::iter::from_fn(move || {
        let at = from.checked_add(text.get(from..)?.find('{')?)?;
        let behind = text.get(at..)?.strip_prefix('{')?;
        let inside = behind.get(..behind.find('}')?)?;
        from = at.checked_add(inside.len())?.checked_add(2)?;
        Some((at, inside))
    })
}

fn in_braces<'a>(
    piece: &Piece<'a>,
    at: usize,
    inside: &'a str,
    context: Context<'_>,
    template: &Surroundings,
) -> Option<Sighting<'a>> {
    let end = at.saturating_add(inside.len()).saturating_add(2);
    let sighting = |from: usize, to: usize, kind, advice: Advice| {
        Some(Sighting {
            start: piece.text_start().saturating_add(from),
            seen: piece.text.get(from..to).unwrap_or_default(),
            kind,
            instead: advice.instead,
            why: advice.why,
        })
    };
    if let Some(name) = inside.strip_prefix('{').filter(|name| dialect::is_name(name.trim())) {
        let doubled = piece.text.get(end..).is_some_and(|rest| rest.starts_with('}'));
        let end = if doubled { end.saturating_add(1) } else { end };
        return sighting(at, end, Kind::Foreign, of_word(name.trim(), "", context));
    }
    if let Some(advice) = other_meaning(inside, template) {
        return sighting(at, end, Kind::Meaning, advice);
    }
    let Err(error) = parse::is_ours(inside) else {
        return None;
    };
    let advice = of_braces(inside, &error, context, template);
    // `pre${SUBID}`: the sign belongs to the mark.
    match at.checked_sub(1).filter(|before| piece.text.get(*before..at) == Some("$")) {
        Some(before) => sighting(before, end, Kind::Foreign, advice),
        None => sighting(at, end, Kind::Unknown, advice),
    }
}

/// A macro of ours by its name, which says something else where the template came from.
fn other_meaning(inside: &str, template: &Surroundings) -> Option<Advice> {
    let (name, rest) = split_name(inside);
    let advice = |instead: String, why: &str| Some(Advice { instead: Some(instead), why: why.into() });
    let argument = rest.strip_prefix(':').and_then(|rest| rest.split('|').next());
    match name {
        "click_id" if !template.tells_receivers_click => advice(
            format!("{{{CLICK}{rest}}}"),
            "{click_id} is our id; the receiver knows the click by the one that he gave it",
        ),
        "revenue" if !template.tells_payout && !template.tells_receivers_click => advice(
            format!("{{payout{rest}}}"),
            "{revenue} is what the advertiser pays us; an affiliate is told what he earns, only a traffic source {revenue}",
        ),
        "status" => {
            let argument = argument?;
            let (map, left_out) = keitaro::status_map(argument)?;
            let behind = rest.strip_prefix(':')?.strip_prefix(argument)?;
            let why = match left_out.as_slice() {
                [] => "Keitaro's way to map statuses".to_owned(),
                words => format!("Keitaro's way to map statuses; {} is no status here", words.join(", ")),
            };
            advice(format!("{{status|map:{map}{behind}}}"), &why)
        }
        "random" if argument.is_some() => {
            advice("{random}".into(), "our random number has no bounds to choose")
        }
        _ => None,
    }
}

/// What is between braces and no macro of ours.
fn of_braces(inside: &str, error: &TemplateError, context: Context<'_>, template: &Surroundings) -> Advice {
    let (name, rest) = split_name(inside);
    // Keitaro's `{_x}` is the raw value; ours are encoded as their place asks for.
    let name = name.trim().trim_start_matches('_');
    let nothing = |why: String| Advice { instead: None, why };
    if name.contains(|one: char| "%0123456789".contains(one)) && name.starts_with("amount") {
        let why = "a share of the amount cannot be sent; what a partner earns is set in his terms";
        return nothing(why.into());
    }
    match name {
        "sample" => return nothing("a value drawn from a list has no macro".into()),
        "date" if rest.starts_with(':') => {
            return match keitaro::date_format(rest.trim_start_matches(':')) {
                Ok(format) => checked(format!("timestamp|format:{format}"), "Keitaro's way to write a date"),
                Err(fault) => nothing(fault),
            };
        }
        _ => {}
    }
    for (suffix, modifier) in [("_md5", "|md5"), ("_sha256", "|sha256")] {
        if let Some(base) = name.strip_suffix(suffix) {
            return of_word(base, &format!("{rest}{modifier}"), context);
        }
    }
    if Macro::parse(name).is_some() {
        // The name is ours, so the mistake is behind it, or before it.
        let inside = format!("{name}{rest}");
        return other_meaning(&inside, template)
            .unwrap_or_else(|| checked(inside, "values are encoded as their place asks for"));
    }
    match of_word(name, rest, context) {
        Advice { instead: None, why } if why == UNKNOWN => nothing(error.to_string()),
        advice => advice,
    }
}

const UNKNOWN: &str = "no macro of ours says this";

/// The macro for a word, with the default and the modifiers that stood behind it.
fn of_word(word: &str, rest: &str, context: Context<'_>) -> Advice {
    let word = word.strip_prefix('_').unwrap_or(word);
    advice(vocabulary::sense(word, context), rest)
}

fn advice(sense: Sense, rest: &str) -> Advice {
    match sense {
        Sense::Ours { text, why } => {
            let (name, modifiers) = split_name(text);
            let (default, more) =
                rest.split_at_checked(rest.find('|').unwrap_or(rest.len())).unwrap_or((rest, ""));
            checked(format!("{name}{default}{modifiers}{more}"), &why)
        }
        Sense::Missing(why) => Advice { instead: None, why: why.into() },
        Sense::Unknown => Advice { instead: None, why: UNKNOWN.into() },
    }
}

/// Never proposes what would be refused.
fn checked(inside: String, why: &str) -> Advice {
    match parse::is_ours(&inside) {
        Ok(()) => Advice { instead: Some(format!("{{{inside}}}")), why: why.into() },
        Err(error) => Advice { instead: None, why: error.to_string() },
    }
}

fn split_name(inside: &str) -> (&str, &str) {
    inside.split_at_checked(inside.find([':', '|']).unwrap_or(inside.len())).unwrap_or((inside, ""))
}

/// Words of example addresses that name a value and nobody's own key.
const EXAMPLES: [&str; 16] = [
    "CLICK_ID",
    "CLICKID",
    "SUBID",
    "SUB_ID",
    "EXTERNAL_ID",
    "VISITOR_ID",
    "TRANSACTION_ID",
    "TXID",
    "ORDER_ID",
    "AMOUNT",
    "PAYOUT",
    "SUM",
    "REVENUE",
    "PRICE",
    "CURRENCY",
    "STATUS",
];

/// Single words that stand for somebody's own key, number or name.
const CREDENTIALS: [&str; 18] = [
    "ID", "AID", "TID", "PID", "UID", "CID", "NID", "KEY", "TOKEN", "SECRET", "HASH", "UUID", "GOAL", "NAME",
    "ACCOUNT", "CAMPAIGN", "DOMAIN", "NETWORK",
];

/// Last words of several.
const CREDENTIAL_ENDS: [&str; 9] = ["ID", "KEY", "TOKEN", "SECRET", "HASH", "UUID", "NAME", "CODE", "DOMAIN"];

fn is_capitals(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    let letters = text.bytes().filter(u8::is_ascii_uppercase).count();
    2 <= letters && text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(plain)
}

/// Whether a word in capitals was left over from an example; `EUR`, `DE` and `FIRST_DEPOSIT` were not.
fn is_credential(text: &str, parameter: Option<&str>) -> bool {
    let names_itself = parameter.is_some_and(|parameter| parameter.eq_ignore_ascii_case(text));
    let words: Vec<&str> = text.split(['_', '-']).collect();
    let by_its_end = 1 < words.len() && words.last().is_some_and(|last| CREDENTIAL_ENDS.contains(last));
    let yours = 1 < words.len() && words.first().is_some_and(|first| matches!(*first, "YOUR" | "MY"));
    let crosses = text.bytes().all(|byte| byte == b'X');
    CREDENTIALS.contains(&text) || names_itself || by_its_end || yours || crosses
}

/// A host that was left over from an example: `DOMAIN`, `NETWORK.example.com`, `XXXXX.example.com`.
pub(super) fn is_example_host(host: &str) -> bool {
    let lower = host.bytes().any(|byte| byte.is_ascii_lowercase());
    host.split(['.', ':']).any(|label| is_capitals(label) && (lower || !host.contains('.')))
}
