//! Turns a template of another platform into one of ours, and says what it changed and what it could not.

use super::Template;
use super::error::TemplateError;
use super::pieces;
use super::sighting::{self, Kind, Sighting};
use crate::entities::repair_entities;

/// A template in our words, as far as it could be turned into that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// [`Template::parse_url`] takes it if `unknown` is empty.
    pub template: String,
    pub changes: Vec<Change>,
    /// What could not be translated and was left as it was, each with a sentence.
    pub unknown: Vec<String>,
}

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub from: String,
    pub to: String,
    pub why: String,
}

/// Translates the template of a delivery's address. One that is ours stays as it is, but for macros that other
/// platforms use the same word for.
pub fn translate(source: &str) -> Translation {
    if let Err(error @ TemplateError::TooLong(_)) = Template::parse_url(source) {
        return Translation {
            template: source.to_owned(),
            changes: Vec::new(),
            unknown: vec![error.to_string()],
        };
    }
    let mut changes = Vec::new();
    let (repaired, repairs) = repair_entities(source);
    for repair in repairs {
        let why = "a web page made this of it".into();
        changes.push(Change { from: repair.seen.into(), to: repair.meant.into(), why });
    }
    let (mended, marks) = mend_question_marks(&repaired);
    for mark in marks {
        let to = mark.replacen('?', "&", 1);
        changes.push(Change { from: mark, to, why: "another parameter begins with an ampersand".into() });
    }
    let mut unknown = Vec::new();
    let template = replace(&mended, &sighting::find(&mended), &mut changes, &mut unknown);
    if unknown.is_empty()
        && let Err(error) = Template::parse_url(&template)
    {
        unknown.push(error.to_string());
    }
    Translation { template, changes, unknown }
}

fn replace(
    source: &str,
    sightings: &[Sighting<'_>],
    changes: &mut Vec<Change>,
    unknown: &mut Vec<String>,
) -> String {
    let mut template = String::with_capacity(source.len());
    let mut copied = 0;
    for sighting in sightings {
        match &sighting.instead {
            Some(instead) => {
                template.push_str(source.get(copied..sighting.start).unwrap_or_default());
                template.push_str(instead);
                copied = sighting.start.saturating_add(sighting.seen.len());
                let (from, to) = (sighting.seen.to_owned(), instead.clone());
                changes.push(Change { from, to, why: sighting.why.clone() });
            }
            // It is for its owner to fill in, and is no macro.
            None if matches!(sighting.kind, Kind::Credential | Kind::Example) => {}
            None => unknown.push(format!("{}: {}", sighting.seen, sighting.why)),
        }
    }
    template.push_str(source.get(copied..).unwrap_or_default());
    template
}

/// The text with an ampersand for each question mark that begins a parameter behind the first, and what stood there.
pub(super) fn mend_question_marks(source: &str) -> (String, Vec<String>) {
    let mut mended = source.to_owned();
    let mut marks = Vec::new();
    while let Some(at) = pieces::second_question_mark(&mended)
        && let Some((before, behind)) = mended.split_at_checked(at)
    {
        let end = behind.find('=').unwrap_or(behind.len());
        marks.push(behind.get(..end).unwrap_or(behind).to_owned());
        let behind = behind.strip_prefix('?').unwrap_or(behind);
        mended = format!("{before}&{behind}");
    }
    (mended, marks)
}
