//! What a macro's value goes through, one modifier after the other.

use super::error::TemplateError;
use super::format::Format;
use super::macros::{Macro, nearest};
use crate::money::Currency;

pub(super) const NAMES: [&str; 10] =
    ["lower", "upper", "cut", "sha256", "md5", "map", "currency", "cents", "round", "format"];

/// In one macro.
const MODIFIERS_MAX: usize = 8;
const CHARS_MAX: usize = 4_096;
const PAIRS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Modifier {
    Lower,
    Upper,
    /// The first so many characters.
    Cut(usize),
    Sha256,
    Md5,
    Map(Map),
    Currency(Currency),
    Cents,
    Round,
    Format(Format),
}

/// Other words for some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    pairs: Vec<(String, String)>,
    /// For every other value; without it they stay as they are.
    others: Option<String>,
}

impl Modifier {
    pub(super) fn currency(&self) -> Option<Currency> {
        match self {
            Self::Currency(currency) => Some(*currency),
            Self::Lower
            | Self::Upper
            | Self::Cut(_)
            | Self::Sha256
            | Self::Md5
            | Self::Map(_)
            | Self::Cents
            | Self::Round
            | Self::Format(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Cut(_) => "cut",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Map(_) => "map",
            Self::Currency(_) => "currency",
            Self::Cents => "cents",
            Self::Round => "round",
            Self::Format(_) => "format",
        }
    }

    /// Whether it works on an amount and gives one.
    fn is_for_amounts(&self) -> bool {
        matches!(self, Self::Currency(_) | Self::Cents | Self::Round)
    }
}

impl Map {
    pub(super) fn apply(&self, value: String) -> String {
        let found = self.pairs.iter().find(|(from, _)| *from == value).map(|(_, to)| to);
        found.or(self.others.as_ref()).cloned().unwrap_or(value)
    }
}

/// Reads what stands behind the bars of a macro, and checks that it fits the macro and its order.
pub(super) fn parse_all<'a>(
    texts: impl Iterator<Item = &'a str>,
    name: Macro,
) -> Result<Vec<Modifier>, TemplateError> {
    let mut modifiers: Vec<Modifier> = Vec::new();
    for text in texts {
        let modifier = parse(text)?;
        fits(&modifier, name)?;
        stands_well(&modifier, &modifiers)?;
        if modifiers.len() == MODIFIERS_MAX {
            let fault = format!("more than {MODIFIERS_MAX} modifiers in one macro");
            return Err(TemplateError::BadArgument { modifier: modifier.name(), fault });
        }
        modifiers.push(modifier);
    }
    Ok(modifiers)
}

fn parse(text: &str) -> Result<Modifier, TemplateError> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument)),
        None => (text.trim(), None),
    };
    match name {
        "lower" => alone("lower", argument, Modifier::Lower),
        "upper" => alone("upper", argument, Modifier::Upper),
        "sha256" => alone("sha256", argument, Modifier::Sha256),
        "md5" => alone("md5", argument, Modifier::Md5),
        "cents" => alone("cents", argument, Modifier::Cents),
        "round" => alone("round", argument, Modifier::Round),
        "cut" => parse_cut(argument).map(Modifier::Cut),
        "map" => parse_map(argument).map(Modifier::Map),
        "currency" => parse_currency(argument).map(Modifier::Currency),
        "format" => Format::parse(argument.unwrap_or_default())
            .map(Modifier::Format)
            .map_err(|fault| TemplateError::BadArgument { modifier: "format", fault }),
        unknown => {
            let suggestion = nearest(&unknown.to_ascii_lowercase(), NAMES.map(str::to_owned));
            Err(TemplateError::UnknownModifier { name: unknown.to_owned(), suggestion })
        }
    }
}

fn alone(name: &'static str, argument: Option<&str>, modifier: Modifier) -> Result<Modifier, TemplateError> {
    match argument {
        None => Ok(modifier),
        Some(_) => Err(TemplateError::BadArgument { modifier: name, fault: "it takes no argument".into() }),
    }
}

fn parse_cut(argument: Option<&str>) -> Result<usize, TemplateError> {
    let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = argument.filter(plain).and_then(|text| text.parse().ok());
    number.filter(|number| 1 <= *number && *number <= CHARS_MAX).ok_or_else(|| {
        let fault = format!("write how many characters stay, 1 to {CHARS_MAX}, as in cut:40");
        TemplateError::BadArgument { modifier: "cut", fault }
    })
}

fn parse_currency(argument: Option<&str>) -> Result<Currency, TemplateError> {
    argument.and_then(Currency::parse).ok_or_else(|| {
        let fault = "write the code of a currency, as in currency:USD".into();
        TemplateError::BadArgument { modifier: "currency", fault }
    })
}

fn parse_map(argument: Option<&str>) -> Result<Map, TemplateError> {
    let bad = |fault: String| TemplateError::BadArgument { modifier: "map", fault };
    let how = "write our words and theirs, as in map:approved=1,rejected=2,*=0";
    let mut map = Map { pairs: Vec::new(), others: None };
    let pairs = argument.ok_or_else(|| bad(how.into()))?;
    for pair in pairs.split(',') {
        let (from, to) = pair.split_once('=').ok_or_else(|| bad(format!("\"{pair}\" has no =; {how}")))?;
        let (from, to) = (from.trim(), to.trim());
        let twice = map.pairs.iter().any(|(known, _)| known == from) || (from == "*" && map.others.is_some());
        if twice {
            return Err(bad(format!("\"{from}\" stands in it twice")));
        }
        if map.pairs.len() == PAIRS_MAX {
            return Err(bad(format!("more than {PAIRS_MAX} words")));
        }
        match from {
            "*" => map.others = Some(to.to_owned()),
            word => map.pairs.push((word.to_owned(), to.to_owned())),
        }
    }
    Ok(map)
}

fn fits(modifier: &Modifier, name: Macro) -> Result<(), TemplateError> {
    let fitting = match modifier {
        Modifier::Currency(_) | Modifier::Cents | Modifier::Round if !name.is_amount() => {
            "{payout}, {payout_delta}, {revenue} and {cost}"
        }
        Modifier::Format(_) if !name.is_time() => "{timestamp} and {timestamp_iso}",
        Modifier::Lower
        | Modifier::Upper
        | Modifier::Cut(_)
        | Modifier::Sha256
        | Modifier::Md5
        | Modifier::Map(_)
        | Modifier::Currency(_)
        | Modifier::Cents
        | Modifier::Round
        | Modifier::Format(_) => return Ok(()),
    };
    Err(TemplateError::WrongModifier { modifier: modifier.name(), name: name.name().into(), fitting })
}

/// What works on an amount or a time must come before what makes other text of it.
fn stands_well(modifier: &Modifier, earlier: &[Modifier]) -> Result<(), TemplateError> {
    let place = match modifier {
        Modifier::Currency(_) | Modifier::Format(_) if !earlier.is_empty() => "before all others, once",
        Modifier::Cents if earlier.contains(&Modifier::Cents) => "only once",
        Modifier::Cents if earlier.contains(&Modifier::Round) => "before |round",
        Modifier::Cents | Modifier::Round if !earlier.iter().all(Modifier::is_for_amounts) => {
            "before what makes other text of the amount"
        }
        Modifier::Lower
        | Modifier::Upper
        | Modifier::Cut(_)
        | Modifier::Sha256
        | Modifier::Md5
        | Modifier::Map(_)
        | Modifier::Currency(_)
        | Modifier::Cents
        | Modifier::Round
        | Modifier::Format(_) => return Ok(()),
    };
    Err(TemplateError::WrongOrder { modifier: modifier.name(), place })
}
