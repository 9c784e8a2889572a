//! Which sealed files there are, and where a click would lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use proofback_domain::click::Click;
use proofback_domain::click_id::ClickId;

use super::depot::Depot;
use super::file::{Finder, Wanted};
use super::summary::Summary;
use crate::error::StoreError;

/// What a sealed file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    Clicks,
    /// What follows from clicks: conversions, postbacks, deliveries.
    Events,
}

impl FileKind {
    pub fn code(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Events => "events",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        [Self::Clicks, Self::Events].into_iter().find(|kind| kind.code() == code)
    }
}

/// A sealed file as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactFile {
    /// 0 before it is registered.
    pub number: i64,
    pub kind: FileKind,
    /// UTC days since 1970-01-01.
    pub day: i64,
    pub path: String,
    /// When it was sealed, in milliseconds.
    pub at: i64,
    pub bytes: u64,
    /// Click numbers or numbers of facts.
    pub first: i64,
    pub last: i64,
    /// Whether single clicks can be found in it; else only what they sum to is left.
    pub raw: bool,
    pub summary: Summary,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
}

/// All files at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    pub version: i64,
    pub files: Vec<FactFile>,
}

/// Clicks that were found lately; a generation is this many.
const FOUND_MAX: usize = 4_096;

/// Sealed files and what is known of them.
pub struct Archive {
    pub depot: Depot,
    finder: Finder,
    catalog: ArcSwap<Catalog>,
    found: Mutex<Found>,
}

/// Two generations: what is not asked for during a whole one is forgotten.
#[derive(Default)]
struct Found {
    young: HashMap<String, Arc<Click>>,
    old: HashMap<String, Arc<Click>>,
}

impl Found {
    fn get(&mut self, begins: &str) -> Option<Arc<Click>> {
        if let Some(click) = self.young.get(begins) {
            return Some(Arc::clone(click));
        }
        let click = self.old.remove(begins)?;
        self.put(begins.to_owned(), Arc::clone(&click));
        Some(click)
    }

    fn put(&mut self, begins: String, click: Arc<Click>) {
        if FOUND_MAX <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(begins, click);
    }
}

impl Archive {
    pub fn new(depot: Depot, catalog: Catalog) -> Self {
        Self {
            finder: Finder::new(depot.clone()),
            depot,
            catalog: ArcSwap::from_pointee(catalog),
            found: Mutex::default(),
        }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// The files as they are from now on.
    pub fn adopt(&self, catalog: Catalog) {
        self.catalog.store(Arc::new(catalog));
        // A click whose own file was reduced to sums is not here any more.
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Found::default();
    }

    /// The sealed click whose id is this, or begins like it.
    pub async fn find(&self, begins: &str) -> Result<Option<Arc<Click>>, StoreError> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(begins);
        if known.is_some() {
            return Ok(known);
        }
        let catalog = self.catalog();
        let wanted = Wanted { begins: begins.to_owned() };
        for file in catalog.files.iter().filter(|file| file.may_have(&wanted)) {
            if let Some(click) = self.finder.find(&file.path, file.bytes, &wanted).await? {
                let click = Arc::new(click);
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.put(begins.to_owned(), Arc::clone(&click));
                return Ok(Some(click));
            }
        }
        Ok(None)
    }
}

impl FactFile {
    fn may_have(&self, wanted: &Wanted) -> bool {
        let text = |number, tail| ClickId::from_parts(number, tail).to_string();
        self.kind == FileKind::Clicks
            && self.raw
            && wanted.may_lie(text(self.first, 0).as_bytes(), text(self.last, -1).as_bytes())
    }
}
