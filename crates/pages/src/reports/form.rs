//! The question as a form: what may be chosen, and what is.

use serde_json::Value;

use super::{Word, Words, every, first};

/// Dimensions that the form has room for; an address may have more.
const GROUPS: usize = 4;

pub struct Choice {
    pub code: String,
    pub title: String,
    pub chosen: bool,
}

/// What the form shows of the question.
pub struct Form {
    pub by: Vec<Vec<Choice>>,
    pub metrics: Vec<Choice>,
    pub periods: Vec<Choice>,
    pub from: String,
    pub to: String,
    pub filter: String,
    pub compare: Vec<Choice>,
    pub time: Vec<Choice>,
    pub top: String,
    pub other: bool,
    pub currency: String,
    pub test: Vec<Choice>,
    pub sort: String,
}

impl Form {
    /// Whether something is asked for that only the folded part of the form says; columns are seen in the table.
    pub fn has_more(&self) -> bool {
        !self.top.is_empty()
    }
}

pub fn form(words: &Words, pairs: &[(String, String)]) -> Form {
    let (by, metrics) = (every(pairs, "by"), every(pairs, "metrics"));
    let choices = |known: &[Word], chosen: &dyn Fn(&str) -> bool| {
        let choice = |word: &Word| {
            let title = word.title.clone()?;
            Some(Choice { code: word.code.clone(), title, chosen: chosen(&word.code) })
        };
        known.iter().filter_map(choice).collect::<Vec<_>>()
    };
    // What takes a word, as `conversions:sale`, is no word of the list; asked for once, it stays.
    let others = metrics.iter().filter(|code| !words.metrics.iter().any(|word| word.code == **code));
    let others =
        others.map(|code| Choice { code: (*code).to_owned(), title: (*code).to_owned(), chosen: true });
    let fixed = |codes: &[(&str, &str)], value: &str| {
        let choice = |(code, title): &(&str, &str)| Choice {
            code: (*code).into(),
            title: (*title).into(),
            chosen: *code == value,
        };
        codes.iter().map(choice).collect::<Vec<_>>()
    };
    let group = |place: usize| {
        let chosen = by.get(place).copied().unwrap_or_default();
        let mut choices = choices(&words.dimensions, &|code| code == chosen);
        if !chosen.is_empty() && choices.iter().all(|choice| !choice.chosen) {
            // A parameter of the link has no place in the list.
            choices.push(Choice { code: chosen.to_owned(), title: chosen.to_owned(), chosen: true });
        }
        choices
    };
    let period = first(pairs, "period");
    let named = |value: &Value| {
        let code = crate::trace::text(value, "code");
        let title = code.replace('_', " ");
        (code, title)
    };
    let periods = words.periods.iter().map(|value| {
        let (code, title) = named(value);
        let title = if title.is_empty() { code.replace('_', " ") } else { title };
        Choice { chosen: code == period, code, title }
    });
    Form {
        by: (0..GROUPS.max(by.len())).map(group).collect(),
        metrics: choices(&words.metrics, &|code| metrics.contains(&code)).into_iter().chain(others).collect(),
        periods: periods.collect(),
        from: first(pairs, "from"),
        to: first(pairs, "to"),
        filter: first(pairs, "filter"),
        compare: fixed(
            &[
                ("previous", "the period before"),
                ("week", "a week earlier"),
                ("month", "a month earlier"),
                ("year", "a year earlier"),
            ],
            &first(pairs, "compare"),
        ),
        time: fixed(
            &[
                ("event", "when it happened"),
                ("click", "when the click came"),
                ("booked", "when it was recorded"),
            ],
            &first(pairs, "time"),
        ),
        top: first(pairs, "top"),
        other: first(pairs, "other") == "1",
        currency: first(pairs, "currency"),
        test: fixed(
            &[("exclude", "left out"), ("include", "counted, too"), ("only", "alone")],
            &first(pairs, "test"),
        ),
        sort: first(pairs, "sort"),
    }
}
