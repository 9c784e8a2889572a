//! The objects of the program one by one: changed in their own block of its text, whose rest stays as it is.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::blocks::{self, Block, Field, FieldKind, KINDS};
use crate::client::segment;
use crate::frame::Frame;
use crate::moment::Moment;
use crate::settings::{
    DiffLine, Mistake, Program, Revisions, at_revision, difference, in_force, lines, mistakes_of,
    none_in_force, piece, put, said,
};
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, Visit};

/// Revisions that are looked through for changes of one object.
const LOOKED_BACK: u32 = 20;
const ROWS_MIN: usize = 8;
const ROWS_MAX: usize = 40;

struct Group {
    kind: &'static str,
    title: &'static str,
    may_grow: bool,
    blocks: Vec<Block>,
}

#[derive(Template)]
#[template(path = "settings_objects.html")]
struct ObjectsPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    managed_by: Option<String>,
    groups: Vec<Group>,
    mistake: String,
}

pub async fn list(visit: Visit) -> Page {
    let program = in_force(&visit).await?;
    let source = program.as_ref().map(|program| program.source.as_str()).unwrap_or_default();
    let (found, mistake) = match blocks::blocks(source) {
        Ok(found) => (found, String::new()),
        Err(mistake) => (Vec::new(), mistake),
    };
    let group = |(kind, title): (&'static str, &'static str)| Group {
        kind,
        title,
        may_grow: program.is_some() && blocks::example(kind).is_some(),
        blocks: found.iter().filter(|block| block.kind == kind).cloned().collect(),
    };
    let groups = KINDS.into_iter().map(group).collect();
    let managed_by = program.as_ref().and_then(|program| program.managed_by.clone());
    visit.show(&ObjectsPage { frame: &visit.frame, tab: "objects", managed_by, groups, mistake })
}

/// A revision that changed an object.
struct Past {
    revision: u32,
    at: Moment,
    author: String,
    reason: Option<String>,
    lines: Vec<DiffLine>,
    /// It was there before, and is there now.
    may_undo: bool,
}

impl Field {
    fn is_flag(&self) -> bool {
        self.kind == FieldKind::Flag
    }
}

#[derive(Template)]
#[template(path = "settings_object.html")]
struct ObjectPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    managed_by: Option<String>,
    kind: String,
    id: String,
    is_new: bool,
    /// Where its forms go.
    address: String,
    /// The revision that is being changed.
    revision: u32,
    fields: Vec<Field>,
    /// Its text when the form was shown: what differs from it was typed.
    before: String,
    text: String,
    rows: usize,
    mistakes: Vec<Mistake>,
    mistake: String,
    history: Vec<Past>,
    looked_back: u32,
}

/// What is sent of an object: the values of its fields, its text, or both.
#[derive(Deserialize)]
pub struct Form {
    revision: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
}

impl Form {
    /// The object's text as it is meant: where the text was changed it says all, otherwise the fields do.
    fn meant(&self) -> Result<String, String> {
        let (before, text) = (lines(&self.before), lines(&self.text));
        if before.trim() != text.trim() {
            return Ok(text);
        }
        let values = self
            .fields
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("field.")?.to_owned(), value.clone())));
        blocks::with_fields(&before, &values.collect::<Vec<_>>())
    }
}

/// An object in the program in force.
struct Placed {
    program: Program,
    block: Block,
}

async fn place(visit: &Visit, kind: &str, id: &str) -> Result<Placed, Trouble> {
    let program = in_force(visit).await?.ok_or_else(none_in_force)?;
    let block =
        find(&program.source, kind, id).ok_or_else(|| Trouble::not_found("There is no such object."))?;
    Ok(Placed { program, block })
}

fn find(source: &str, kind: &str, id: &str) -> Option<Block> {
    let mut found = blocks::blocks(source).ok()?.into_iter();
    found.find(|block| block.kind == kind && block.id == id)
}

pub async fn one(visit: Visit, Path((kind, id)): Path<(String, String)>) -> Page {
    let Placed { program, block } = place(&visit, &kind, &id).await?;
    let text = block.text(&program.source).to_owned();
    show(&visit, StatusCode::OK, program, (&kind, &id), text, Vec::new(), String::new()).await
}

async fn show(
    visit: &Visit,
    status: StatusCode,
    program: Program,
    (kind, id): (&str, &str),
    text: String,
    mistakes: Vec<Mistake>,
    mistake: String,
) -> Page {
    let block = find(&program.source, kind, id);
    let before = block.as_ref().map(|block| block.text(&program.source).to_owned()).unwrap_or_default();
    let history = match block {
        Some(_) => past(visit, kind, id).await?,
        None => Vec::new(),
    };
    let page = ObjectPage {
        frame: &visit.frame,
        tab: "objects",
        managed_by: program.managed_by,
        kind: kind.to_owned(),
        id: id.to_owned(),
        is_new: false,
        address: address(kind, id),
        revision: program.revision,
        fields: blocks::fields(&text),
        rows: rows(&text),
        before,
        text,
        mistakes,
        mistake,
        history,
        looked_back: LOOKED_BACK,
    };
    visit.show_as(status, &page)
}

fn rows(text: &str) -> usize {
    (text.lines().count() + 2).clamp(ROWS_MIN, ROWS_MAX)
}

/// The newest changes of an object, newest first.
async fn past(visit: &Visit, kind: &str, id: &str) -> Result<Vec<Past>, Trouble> {
    let path = format!("/program/revisions?limit={}", LOOKED_BACK + 1);
    let found: Revisions = visit.api.get(&path).await?;
    let mut texts = Vec::with_capacity(found.revisions.len());
    for revision in &found.revisions {
        let text = at_revision(visit, revision.revision).await?.and_then(|program| {
            find(&program.source, kind, id).map(|block| block.text(&program.source).to_owned())
        });
        texts.push(text);
    }
    let is_first = |place: usize| place + 1 == found.revisions.len() && found.next.is_some();
    let mut changes = Vec::new();
    for (place, revision) in found.revisions.iter().enumerate() {
        let before = texts.get(place + 1).cloned().flatten();
        // Of the last one it is not known what was before it.
        if texts[place] == before || is_first(place) {
            continue;
        }
        let (old, new) = (before.clone().unwrap_or_default(), texts[place].clone().unwrap_or_default());
        changes.push(Past {
            revision: revision.revision,
            at: revision.at,
            author: revision.author.clone(),
            reason: revision.reason.clone(),
            lines: difference(&with_end(&old), &with_end(&new)),
            may_undo: before.is_some(),
        });
    }
    Ok(changes)
}

fn with_end(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// What is wrong with the program if the object is changed like this: a piece of the page.
pub async fn check(
    visit: Visit,
    Path((kind, id)): Path<(String, String)>,
    Posted(form): Posted<Form>,
) -> Page {
    let Placed { program, block } = place(&visit, &kind, &id).await?;
    let found = match form.meant() {
        Ok(text) => {
            let found = mistakes_of(&visit, &block.replaced(&program.source, &text)).await?;
            of_object(found, block.line, text.trim().lines().count())
        }
        Err(mistake) => vec![unread(mistake)],
    };
    piece(found)
}

fn unread(message: String) -> Mistake {
    Mistake { severity: "error".into(), line: 1, column: 1, message, suggestion: None }
}

/// Lines are counted in the object; what is wrong elsewhere says so.
fn of_object(mistakes: Vec<Mistake>, line: usize, lines: usize) -> Vec<Mistake> {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let lines = u32::try_from(lines).unwrap_or(u32::MAX);
    let place = |mistake: Mistake| match mistake.line.checked_sub(line) {
        Some(inside) if inside < lines => Mistake { line: inside + 1, ..mistake },
        Some(_) | None => Mistake {
            message: format!("{} (in the program, outside of this object)", mistake.message),
            ..mistake
        },
    };
    mistakes.into_iter().map(place).collect()
}

pub async fn change(
    visit: Visit,
    Path((kind, id)): Path<(String, String)>,
    Posted(form): Posted<Form>,
) -> Page {
    let Placed { program, block } = place(&visit, &kind, &id).await?;
    let text = match form.meant() {
        Ok(text) => text,
        Err(mistake) => {
            let text = lines(&form.text);
            return show(
                &visit,
                StatusCode::UNPROCESSABLE_ENTITY,
                program,
                (&kind, &id),
                text,
                Vec::new(),
                mistake,
            )
            .await;
        }
    };
    let source = block.replaced(&program.source, &text);
    match put(&visit, &source, &form.revision, &form.reason).await {
        Ok(revision) => {
            // Its id may be another one now.
            let now = blocks::blocks(&source).unwrap_or_default();
            let now = now.iter().find(|other| other.kind == kind && other.line == block.line);
            let id = now.map_or(id.as_str(), |block| block.id.as_str());
            visit.done(&address(&kind, id), &format!("Revision {revision} is in force."))
        }
        Err(trouble) => refused(&visit, Placed { program, block }, text, trouble).await,
    }
}

/// The form again, with what is wrong with what was sent.
async fn refused(visit: &Visit, Placed { program, block }: Placed, text: String, trouble: Trouble) -> Page {
    if !trouble.status.is_client_error() {
        return Err(trouble);
    }
    let found = of_object(said(&trouble), block.line, text.trim().lines().count());
    let status = trouble.status;
    show(visit, status, program, (&block.kind, &block.id), text, found, trouble.sentence()).await
}

/// Where the page of an object is.
fn address(kind: &str, id: &str) -> String {
    format!("/settings/objects/{}/{}", segment(kind), segment(id))
}

#[derive(Deserialize)]
pub struct Reasoned {
    revision: String,
    reason: String,
}

pub async fn remove(
    visit: Visit,
    Path((kind, id)): Path<(String, String)>,
    Posted(form): Posted<Reasoned>,
) -> Page {
    let Placed { program, block } = place(&visit, &kind, &id).await?;
    let source = block.replaced(&program.source, "");
    match put(&visit, &source, &form.revision, &form.reason).await {
        Ok(revision) => {
            visit.done("/settings/objects", &format!("Revision {revision} is in force, without {kind} {id}."))
        }
        Err(trouble) if trouble.status.is_client_error() => {
            let (found, text) = (said(&trouble), block.text(&program.source).to_owned());
            show(&visit, trouble.status, program, (&kind, &id), text, found, trouble.sentence()).await
        }
        Err(trouble) => Err(trouble),
    }
}

#[derive(Deserialize)]
pub struct Undone {
    revision: String,
    reason: String,
    /// The revision whose change of the object is undone.
    change: String,
}

pub async fn undo(
    visit: Visit,
    Path((kind, id)): Path<(String, String)>,
    Posted(form): Posted<Undone>,
) -> Page {
    let Placed { program, block } = place(&visit, &kind, &id).await?;
    let gone = || Trouble::not_found("There is no such revision of this object.");
    let change: u32 = form.change.parse().map_err(|_| gone())?;
    let number = change.checked_sub(1).ok_or_else(gone)?;
    let before = at_revision(&visit, number).await?.ok_or_else(gone)?;
    let text = find(&before.source, &kind, &id).ok_or_else(gone)?.text(&before.source).to_owned();
    match put(&visit, &block.replaced(&program.source, &text), &form.revision, &form.reason).await {
        Ok(revision) => visit.done(
            &address(&kind, &id),
            &format!(
                "Revision {revision} is in force: {kind} {id} is what it was before revision {}.",
                form.change
            ),
        ),
        Err(trouble) => refused(&visit, Placed { program, block }, text, trouble).await,
    }
}

/// The form of a new object.
pub async fn begin(visit: Visit, Path(kind): Path<String>) -> Page {
    let example =
        blocks::example(&kind).ok_or_else(|| Trouble::not_found("There is no such kind of object."))?;
    let program = in_force(&visit).await?.ok_or_else(none_in_force)?;
    show_new(&visit, StatusCode::OK, program, &kind, example.to_owned(), Vec::new(), String::new())
}

fn show_new(
    visit: &Visit,
    status: StatusCode,
    program: Program,
    kind: &str,
    text: String,
    mistakes: Vec<Mistake>,
    mistake: String,
) -> Page {
    let page = ObjectPage {
        frame: &visit.frame,
        tab: "objects",
        managed_by: program.managed_by,
        kind: kind.to_owned(),
        id: String::new(),
        is_new: true,
        address: format!("/settings/objects/{}", segment(kind)),
        revision: program.revision,
        fields: Vec::new(),
        before: String::new(),
        rows: rows(&text),
        text,
        mistakes,
        mistake,
        history: Vec::new(),
        looked_back: LOOKED_BACK,
    };
    visit.show_as(status, &page)
}

/// The program with the new object, and the line where it begins.
fn with_new(source: &str, text: &str) -> (String, usize) {
    let more = blocks::added(source, text);
    let line = source.trim_end().lines().count() + 2;
    (more, line)
}

pub async fn check_new(visit: Visit, Path(_kind): Path<String>, Posted(form): Posted<Form>) -> Page {
    let program = in_force(&visit).await?.ok_or_else(none_in_force)?;
    let text = lines(&form.text);
    let (source, line) = with_new(&program.source, &text);
    piece(of_object(mistakes_of(&visit, &source).await?, line, text.trim().lines().count()))
}

pub async fn add(visit: Visit, Path(kind): Path<String>, Posted(form): Posted<Form>) -> Page {
    let program = in_force(&visit).await?.ok_or_else(none_in_force)?;
    let text = lines(&form.text);
    let (source, line) = with_new(&program.source, &text);
    match put(&visit, &source, &form.revision, &form.reason).await {
        Ok(revision) => visit.done("/settings/objects", &format!("Revision {revision} is in force.")),
        Err(trouble) if trouble.status.is_client_error() => {
            let found = of_object(said(&trouble), line, text.trim().lines().count());
            show_new(&visit, trouble.status, program, &kind, text, found, trouble.sentence())
        }
        Err(trouble) => Err(trouble),
    }
}
