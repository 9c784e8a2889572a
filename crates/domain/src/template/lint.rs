//! Looks over the template of a delivery's address and says what would go wrong with it.

use super::error::TemplateError;
use super::pieces::{self, UrlPart};
use super::sighting::{self, Kind, Sighting};
use super::{Template, translate};
use crate::entities::repair_entities;

/// One thing that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// As it stands in the template.
    pub seen: String,
    /// A sentence.
    pub what: String,
    /// What should stand there, where that is known.
    pub instead: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// Another platform's placeholder.
    Foreign,
    UnknownMacro,
    /// A macro of ours that says something else than on other platforms.
    OtherMeaning,
    /// A copied address in which a web page made characters of parameters.
    Damage,
    /// A word of an example that was never replaced.
    Placeholder,
    /// A question mark where an ampersand belongs.
    QuestionMark,
    /// The same parameter twice.
    Repeated,
    /// A host that a macro would choose, or that is nobody's.
    Host,
    /// Anything else for which it would be refused.
    Unreadable,
}

impl FindingKind {
    pub const ALL: [Self; 9] = [
        Self::Foreign,
        Self::UnknownMacro,
        Self::OtherMeaning,
        Self::Damage,
        Self::Placeholder,
        Self::QuestionMark,
        Self::Repeated,
        Self::Host,
        Self::Unreadable,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Foreign => "foreign_macro",
            Self::UnknownMacro => "unknown_macro",
            Self::OtherMeaning => "other_meaning",
            Self::Damage => "damage",
            Self::Placeholder => "placeholder",
            Self::QuestionMark => "question_mark",
            Self::Repeated => "repeated_parameter",
            Self::Host => "host",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Everything that is wrong with the template of a delivery's address, in the order in which it is mended.
pub fn lint(source: &str) -> Vec<Finding> {
    if let Err(error @ TemplateError::TooLong(_)) = Template::parse_url(source) {
        return vec![unreadable(&error)];
    }
    let mut findings = Vec::new();
    let (repaired, repairs) = repair_entities(source);
    for repair in repairs {
        findings.push(Finding {
            kind: FindingKind::Damage,
            seen: repair.seen.into(),
            what: format!("A web page made this of \"{}\".", repair.meant),
            instead: Some(repair.meant.into()),
        });
    }
    let (mended, marks) = translate::mend_question_marks(&repaired);
    findings.extend(marks.into_iter().map(|mark| Finding {
        kind: FindingKind::QuestionMark,
        what:
            "A second question mark belongs to the value before it; the parameter behind it is lost.".into(),
        instead: mark.strip_prefix('?').map(|behind| format!("&{behind}")),
        seen: mark,
    }));
    findings.extend(host(&mended));
    findings.extend(sighting::find(&mended).iter().map(finding));
    findings.extend(repeated(&mended));
    let is_told = |error: &TemplateError| {
        findings.iter().any(|finding| match finding.kind {
            FindingKind::Foreign | FindingKind::UnknownMacro => true,
            FindingKind::Host => *error == TemplateError::MacroInHost,
            FindingKind::OtherMeaning
            | FindingKind::Damage
            | FindingKind::Placeholder
            | FindingKind::QuestionMark
            | FindingKind::Repeated
            | FindingKind::Unreadable => false,
        })
    };
    if let Err(error) = Template::parse_url(&mended)
        && !is_told(&error)
    {
        findings.push(unreadable(&error));
    }
    findings
}

fn unreadable(error: &TemplateError) -> Finding {
    let what = format!("It is refused: {error}.");
    Finding { kind: FindingKind::Unreadable, seen: String::new(), what, instead: None }
}

fn finding(sighting: &Sighting<'_>) -> Finding {
    let (kind, what) = match sighting.kind {
        Kind::Foreign => (FindingKind::Foreign, "Another platform's placeholder, which is refused"),
        Kind::Encoded => {
            (FindingKind::Foreign, "A placeholder, percent-encoded, which goes out as it stands")
        }
        Kind::Unknown => (FindingKind::UnknownMacro, "No macro of ours, which is refused"),
        Kind::Meaning => (FindingKind::OtherMeaning, "A macro that says something else here"),
        Kind::Example => (FindingKind::Placeholder, "An example's word, which goes out as it stands"),
        Kind::Credential => (FindingKind::Placeholder, "An example's word, which goes out as it stands"),
    };
    Finding {
        kind,
        seen: sighting.seen.to_owned(),
        what: format!("{what}: {}.", sighting.why),
        instead: sighting.instead.clone(),
    }
}

fn host(source: &str) -> Option<Finding> {
    let host = pieces::host(source)?;
    let what = if host.contains('{') {
        "A macro may not stand here: it could choose the host that is called."
    } else if sighting::is_example_host(host) {
        "An example's word: the platform's own host belongs here."
    } else {
        return None;
    };
    Some(Finding { kind: FindingKind::Host, seen: host.to_owned(), what: what.into(), instead: None })
}

fn repeated(source: &str) -> Vec<Finding> {
    let pieces = pieces::split(source);
    let names: Vec<&str> = pieces
        .iter()
        .filter(|piece| piece.part == UrlPart::Query)
        .filter_map(|piece| piece.parameter)
        .filter(|name| !name.is_empty() && !name.ends_with("[]"))
        .collect();
    let mut told: Vec<&str> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|earlier| earlier == name) && !told.contains(name) {
            told.push(name);
        }
    }
    told.into_iter()
        .map(|name| Finding {
            kind: FindingKind::Repeated,
            seen: name.to_owned(),
            what: "The same parameter stands in it twice; receivers differ in which of the two they read."
                .into(),
            instead: None,
        })
        .collect()
}
