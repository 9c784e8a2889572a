//! What could be done about a row: a postback that the ordinary decision is to judge, or a question to a person.

use std::collections::BTreeMap;

use super::{Action, Difference, Group, Ours, Seen, Theirs, Whom};
use crate::click_id::ClickId;
use crate::money::Money;
use crate::outcome::{Outcome, Reason, Status};

type Fields = BTreeMap<&'static str, String>;

/// For a line and its conversion.
pub fn settle(group: Group, theirs: &Theirs, ours: &Ours, differences: &[Difference]) -> Action {
    match group {
        Group::Matched | Group::MissingHere | Group::MissingThere | Group::Repeated | Group::Ambiguous => {
            return Action::Nothing;
        }
        Group::DifferentCurrency => {
            return ask(Whom::Operator, "they count it in another currency than we do");
        }
        Group::DifferentAmount | Group::DifferentStatus => {}
    }
    let differs = |field: &str| differences.iter().any(|difference| difference.field == field);
    let status = theirs.status.filter(|_| differs("status"));
    let amount = theirs.amount.filter(|_| differs("amount"));
    let revenue = theirs.revenue.filter(|_| differs("revenue"));
    if let Some(reason) = detained(ours).filter(|_| status == Some(Status::Approved)) {
        let why = format!("they approve it, and it is held for {}: a person ends that", reason.code());
        return ask(Whom::Operator, why);
    }
    if amount.is_some() && ours.refunded_micros != 0 {
        // A postback names the amount before refunds, and theirs may be the one before or the one after.
        return ask(Whom::Operator, "a part of it was taken back here, and their amount is not what is left");
    }
    let mut fields = name(ours);
    if let Some(status) = status {
        fields.insert("status", status.code().into());
    }
    if !add_money(&mut fields, amount, revenue) {
        return ask(Whom::Operator, TWO_CURRENCIES);
    }
    let said = differences.iter().map(|difference| {
        format!("{} {} where we have {}", difference.field, difference.theirs, difference.ours)
    });
    let why = format!("they say {}", said.collect::<Vec<_>>().join(", "));
    Action::Postback { fields, why }
}

/// For a line that no conversion fits.
pub fn missing_here(theirs: &Theirs, seen: Option<&Seen>) -> Action {
    let came = seen.map(|seen| {
        let (id, at, code) = (seen.postback_id, seen.at, seen.reason.code());
        format!("postback {id} of {at} was answered {code}: {}", seen.message)
    });
    let why = came.unwrap_or_else(|| "they list it and no conversion of ours fits".into());
    match seen.map(|seen| seen.reason.outcome()) {
        Some(Outcome::Accepted | Outcome::Updated) => {
            return ask(Whom::Operator, format!("{why}; look at the conversion that it made or changed"));
        }
        Some(Outcome::Duplicate) => {
            return ask(Whom::Operator, format!("{why}; say whether it counts on its own"));
        }
        Some(Outcome::Held) => return ask(Whom::Operator, format!("{why}; it still waits")),
        Some(Outcome::Rejected) | None => {}
    }
    let likely = seen.and_then(|seen| seen.likely_click);
    if let Some(click) = theirs.click.or(likely) {
        return match line_fields(theirs, click) {
            Some(fields) => Action::Postback { fields, why },
            None => ask(Whom::Operator, TWO_CURRENCIES),
        };
    }
    let request = match (&theirs.click_id, &theirs.txid) {
        (Some(_), _) => "the click id in the line is none of ours; ask for the one that came with the click",
        (None, Some(_)) => "ask for its click id",
        (None, None) => "the line has neither txid nor click id; ask for the click id",
    };
    ask(Whom::Network, format!("{why}; {request}"))
}

/// For a conversion that no line fits.
pub fn missing_there(ours: &Ours) -> Action {
    let mut fields = name(ours);
    fields.insert("status", Status::Rejected.code().into());
    Action::Postback { fields, why: "they do not list it".into() }
}

/// For a further line; `contradicts` where it says something else than stands already.
pub fn repeated(line: usize, contradicts: bool) -> Action {
    if !contradicts {
        return Action::Nothing;
    }
    ask(Whom::Operator, format!("line {line} lists it, too, and the two lines do not say the same"))
}

pub fn ambiguous() -> Action {
    ask(Whom::Operator, "several could be meant, and nothing in the file tells them apart")
}

const TWO_CURRENCIES: &str = "the line names amount and revenue in two currencies; a postback has one";

fn ask(whom: Whom, why: impl Into<String>) -> Action {
    Action::Ask { whom, why: why.into() }
}

/// Why it waits, where a word of the network cannot end that.
fn detained(ours: &Ours) -> Option<Reason> {
    ours.held.filter(|reason| matches!(reason, Reason::FraudReview | Reason::OverCap))
}

/// What names our conversion to the decision. It is our txid, never theirs: a line that was found by its click may carry
/// another one, and would become a second conversion. Without one the time stands in, which the dedupe window goes by.
fn name(ours: &Ours) -> Fields {
    let mut fields = Fields::from([("event_type", ours.event.to_string())]);
    if let Some(txid) = &ours.txid {
        fields.insert("txid", txid.clone());
    } else {
        fields.insert("click_id", ours.click_id.to_string());
        fields.insert("timestamp", ours.at.iso());
    }
    fields
}

/// All that a line says. `None` where one postback cannot say it.
fn line_fields(theirs: &Theirs, click: ClickId) -> Option<Fields> {
    let mut fields = Fields::from([("click_id", click.to_string())]);
    let said = [
        ("txid", theirs.txid.as_deref().map(|txid| txid.trim().to_owned()).filter(|txid| !txid.is_empty())),
        ("event_type", theirs.event.clone()),
        ("status", theirs.status.map(|status| status.code().to_owned())),
        ("timestamp", theirs.at.map(|at| at.iso())),
    ];
    fields.extend(said.into_iter().filter_map(|(field, value)| Some((field, value?))));
    add_money(&mut fields, theirs.amount, theirs.revenue).then_some(fields)
}

/// A postback has one currency for all its money; `false` where there are two.
fn add_money(fields: &mut Fields, amount: Option<Money>, revenue: Option<Money>) -> bool {
    for (field, money) in [("amount", amount), ("revenue", revenue)] {
        let Some(money) = money else {
            continue;
        };
        fields.insert(field, money.plain());
        let other = fields.insert("currency", money.currency.to_string());
        if other.is_some_and(|other| other != money.currency.code()) {
            return false;
        }
    }
    true
}
