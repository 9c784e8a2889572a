//! Settings: the program as it is in force, what changed in it and when, targets, and what people did.

use askama::Template;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{Html, IntoResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::client::{Ask, query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show::cleaned;
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, Visit};

/// Lines around a difference.
const AROUND: usize = 3;

#[derive(Deserialize)]
pub struct Program {
    pub revision: u32,
    pub at: Moment,
    pub author: String,
    #[serde(default)]
    pub reason: Option<String>,
    pub source: String,
    #[serde(default)]
    pub managed_by: Option<String>,
}

#[derive(Deserialize)]
struct Mistakes {
    mistakes: Vec<Mistake>,
}

#[derive(Deserialize, Clone)]
pub struct Mistake {
    pub severity: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
    #[serde(default)]
    pub suggestion: Option<String>,
}

#[derive(Template)]
#[template(path = "settings_program.html")]
struct ProgramPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    /// `None` before the first program.
    program: Option<Program>,
    source: String,
    /// The revision that is being changed.
    revision: String,
    mistakes: Vec<Mistake>,
    mistake: String,
}

#[derive(Template)]
#[template(path = "mistakes.html")]
struct MistakesPart {
    mistakes: Vec<Mistake>,
    checked: bool,
}

/// The program in force; its source as it is, because it is changed and put back.
pub async fn in_force(visit: &Visit) -> Result<Option<Program>, Trouble> {
    read_program(visit, "/program").await
}

/// One that was in force.
pub async fn at_revision(visit: &Visit, number: u32) -> Result<Option<Program>, Trouble> {
    read_program(visit, &format!("/program/revisions/{number}")).await
}

async fn read_program(visit: &Visit, path: &str) -> Result<Option<Program>, Trouble> {
    let program: Option<Program> = visit.api.find_as_it_is(path).await?;
    Ok(program.map(|program| Program {
        author: cleaned(&program.author),
        reason: program.reason.as_deref().map(cleaned),
        managed_by: program.managed_by.as_deref().map(cleaned),
        ..program
    }))
}

pub fn none_in_force() -> Trouble {
    Trouble::not_found("No program is in force yet.")
}

fn no_revision() -> Trouble {
    Trouble::not_found("There is no such revision.")
}

pub async fn program(visit: Visit) -> Page {
    let program = in_force(&visit).await?;
    let page = ProgramPage {
        frame: &visit.frame,
        tab: "program",
        source: program.as_ref().map(|program| program.source.clone()).unwrap_or_default(),
        revision: program.as_ref().map(|program| program.revision.to_string()).unwrap_or_default(),
        program,
        mistakes: Vec::new(),
        mistake: String::new(),
    };
    visit.show(&page)
}

/// The program as a file.
pub async fn download(visit: Visit) -> Page {
    let program = in_force(&visit).await?.ok_or_else(none_in_force)?;
    let name = format!("attachment; filename=\"program-{}.toml\"", program.revision);
    Ok((
        [("content-type", "application/toml; charset=utf-8".to_owned()), ("content-disposition", name)],
        program.source,
    )
        .into_response())
}

#[derive(Deserialize)]
pub struct Source {
    source: String,
    #[serde(default)]
    revision: String,
    #[serde(default)]
    reason: String,
}

/// What is wrong with a program, while somebody writes it: a piece of the page.
pub async fn check(visit: Visit, Posted(form): Posted<Source>) -> Page {
    piece(mistakes_of(&visit, &form.source).await?)
}

/// What was found by a check.
pub fn piece(mistakes: Vec<Mistake>) -> Page {
    let html = MistakesPart { mistakes, checked: true }.render();
    html.map(|html| Html(html).into_response()).map_err(|error| Trouble::unexpected("a template", &error))
}

/// What is wrong with a program that was not put in force.
pub fn said(trouble: &Trouble) -> Vec<Mistake> {
    let mistakes = trouble.document.get("mistakes").cloned().unwrap_or_default();
    serde_json::from_value(mistakes).unwrap_or_default()
}

pub async fn mistakes_of(visit: &Visit, source: &str) -> Result<Vec<Mistake>, Trouble> {
    let ask = Ask {
        method: Method::POST,
        path: "/program/check",
        headers: HeaderMap::new(),
        body: Body::from(lines(source)),
    };
    Ok(visit.api.read::<Mistakes>(ask).await?.mistakes)
}

/// A browser sends every line with a carriage return.
pub fn lines(source: &str) -> String {
    source.replace("\r\n", "\n")
}

/// Puts it in force, unless another one was put in force meanwhile.
pub async fn apply(visit: Visit, Posted(form): Posted<Source>) -> Page {
    let (status, trouble) = match put(&visit, &lines(&form.source), &form.revision, &form.reason).await {
        Ok(revision) => return visit.done("/settings/program", &format!("Revision {revision} is in force.")),
        Err(trouble) if trouble.status.is_client_error() => (trouble.status, trouble),
        Err(trouble) => return Err(trouble),
    };
    let page = ProgramPage {
        frame: &visit.frame,
        tab: "program",
        program: in_force(&visit).await?,
        source: form.source,
        revision: form.revision,
        mistakes: said(&trouble),
        mistake: trouble.sentence(),
    };
    visit.show_as(status, &page)
}

pub async fn put(visit: &Visit, source: &str, revision: &str, reason: &str) -> Result<u64, Trouble> {
    let mut headers = HeaderMap::new();
    if let (false, Ok(tag)) = (revision.is_empty(), HeaderValue::from_str(&format!("\"{revision}\""))) {
        headers.insert("if-match", tag);
    }
    let path = format!("/program?{}", query([("reason", reason.trim())]));
    let ask = Ask { method: Method::PUT, path: &path, headers, body: Body::from(source.to_owned()) };
    let applied: Value = visit.api.read(ask).await?;
    Ok(applied.get("revision").and_then(Value::as_u64).unwrap_or_default())
}

#[derive(Deserialize)]
pub struct Revisions {
    pub revisions: Vec<Revision>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub struct Revision {
    pub revision: u32,
    pub at: Moment,
    pub author: String,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Paged {
    cursor: String,
}

#[derive(Template)]
#[template(path = "settings_history.html")]
struct HistoryPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    revisions: Vec<Revision>,
    next: Option<String>,
}

pub async fn history(visit: Visit) -> Page {
    let Paged { cursor } = visit.asked()?;
    let pairs = [("limit", "50"), ("cursor", cursor.as_str())];
    let found: Revisions = visit.api.get(&format!("/program/revisions?{}", query(pairs))).await?;
    visit.show(&HistoryPage {
        frame: &visit.frame,
        tab: "history",
        revisions: found.revisions,
        next: found.next,
    })
}

/// A line of a difference.
pub struct DiffLine {
    /// `added`, `removed`, `same` or `gap`.
    pub kind: &'static str,
    pub text: String,
}

#[derive(Template)]
#[template(path = "settings_revision.html")]
struct RevisionPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    program: Program,
    is_in_force: bool,
    in_force: u32,
    lines: Vec<DiffLine>,
}

/// A revision beside the one before it.
pub async fn revision(visit: Visit, Path(number): Path<u32>) -> Page {
    let program = at_revision(&visit, number).await?.ok_or_else(no_revision)?;
    let before = match number.checked_sub(1) {
        None | Some(0) => String::new(),
        Some(before) => {
            let before = at_revision(&visit, before).await?;
            before.map(|before| before.source).unwrap_or_default()
        }
    };
    let now = in_force(&visit).await?.ok_or_else(none_in_force)?;
    let page = RevisionPage {
        frame: &visit.frame,
        tab: "history",
        is_in_force: now.revision == program.revision,
        in_force: now.revision,
        lines: difference(&before, &program.source),
        program,
    };
    visit.show(&page)
}

pub fn difference(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if place > 0 {
            lines.push(DiffLine { kind: "gap", text: "…".into() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Insert => "added",
                ChangeTag::Delete => "removed",
                ChangeTag::Equal => "same",
            };
            lines.push(DiffLine { kind, text: cleaned(change.value().trim_end_matches(['\n', '\r'])) });
        }
    }
    lines
}

#[derive(Deserialize)]
pub struct Undo {
    /// The one in force when the page was shown.
    in_force: String,
    reason: String,
}

/// An earlier program as the next revision.
pub async fn restore(visit: Visit, Path(number): Path<u32>, Posted(form): Posted<Undo>) -> Page {
    let program = at_revision(&visit, number).await?.ok_or_else(no_revision)?;
    let revision = put(&visit, &program.source, &form.in_force, &form.reason).await?;
    visit.done("/settings/history", &format!("Revision {revision} is in force: what revision {number} said."))
}

#[derive(Deserialize)]
struct Audit {
    audit: Vec<Deed>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Deed {
    at: Moment,
    actor: String,
    action: String,
    subject: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "settings_audit.html")]
struct AuditPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    deeds: Vec<Deed>,
    next: Option<String>,
}

pub async fn audit(visit: Visit) -> Page {
    let Paged { cursor } = visit.asked()?;
    let found: Audit =
        visit.api.get(&format!("/audit?{}", query([("limit", "100"), ("cursor", cursor.as_str())]))).await?;
    visit.show(&AuditPage { frame: &visit.frame, tab: "audit", deeds: found.audit, next: found.next })
}

#[derive(Deserialize)]
struct Targets {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    id: String,
    kind: String,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    on: Vec<String>,
    state: String,
    owner: Value,
    backlog: Backlog,
}

#[derive(Deserialize)]
struct Backlog {
    pending: u64,
    due: u64,
}

impl Target {
    /// `partner reelmedia`
    fn owner(&self) -> String {
        let members = self.owner.as_object().into_iter().flatten();
        let words = members.map(|(name, value)| match value {
            Value::String(id) => format!("{name} {id}"),
            _ => name.clone(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    fn is_paused(&self) -> bool {
        self.state == "paused"
    }
}

#[derive(Template)]
#[template(path = "settings_targets.html")]
struct TargetsPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    targets: Vec<Target>,
}

pub async fn targets(visit: Visit) -> Page {
    let found: Targets = visit.api.get("/targets").await?;
    visit.show(&TargetsPage { frame: &visit.frame, tab: "targets", targets: found.targets })
}

#[derive(Deserialize)]
pub struct TargetForm {
    #[serde(default)]
    reason: String,
}

/// Pauses, resumes or tests one.
pub async fn target_step(
    visit: Visit,
    Path((id, step)): Path<(String, String)>,
    Posted(form): Posted<TargetForm>,
) -> Page {
    let asked = match step.as_str() {
        "pause" | "resume" => json!({ "reason": form.reason }),
        "test" => json!({}),
        _ => return Err(Trouble::not_found("Nothing is at this address.")),
    };
    let answer: Value = visit.api.post(&format!("/targets/{}/{step}", segment(&id)), &asked).await?;
    let said = match step.as_str() {
        "test" => {
            let said = |name: &str| crate::trace::text(&answer, name);
            format!("The test delivery is {}. {}", said("state"), said("error"))
        }
        _ => format!("{id} is {} now.", crate::trace::text(&answer, "state")),
    };
    visit.done("/settings/targets", said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_a_little_around_it() {
        let before: String = (1..=40).map(|line| format!("line {line}\n")).collect();
        let after = before.replace("line 5\n", "line five\n").replace("line 30\n", "");
        let lines = difference(&before, &after);
        let of = |kind: &str| {
            lines.iter().filter(|line| line.kind == kind).map(|line| line.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            (of("added"), of("removed"), of("gap").len()),
            (vec!["line five"], vec!["line 5", "line 30"], 1)
        );
        assert!(difference("same\n", "same\n").is_empty());
    }
}
