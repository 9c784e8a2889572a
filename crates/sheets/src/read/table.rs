//! A table from lines of cells, wherever they come from: the header names the columns, and no line may
//! have another number of cells. Everything is bounded here.

use std::collections::BTreeSet;

use super::{Line, Sheet};
use crate::fault::{Fault, Faults};
use crate::neutral::restore;

pub(crate) const LINES_MAX: usize = 1_000_000;
pub(crate) const COLUMNS_MAX: usize = 200;
const CELL_CHARACTERS_MAX: usize = 32_768;

/// Cells of all lines: an empty one costs memory too, and a file can hold many in few bytes.
const CELLS_MAX: usize = 20_000_000;

/// Takes line after line; what is wrong is kept until the end.
#[derive(Debug, Default)]
pub(crate) struct TableReader {
    header: Option<Header>,
    lines: Vec<Line>,
    cells: usize,
    faults: Faults,
    stopped: bool,
}

#[derive(Debug)]
struct Header {
    names: Vec<String>,
    /// Cells without a name at its end; nothing may stand below them.
    unnamed: usize,
}

impl TableReader {
    /// Takes a line of a format in which a line has as many cells as are written down.
    pub(crate) fn take(&mut self, number: usize, cells: Vec<String>) {
        if cells.len() > COLUMNS_MAX {
            return self.add(Fault::at(number, format!("more than {COLUMNS_MAX} columns")));
        }
        // An export is given back as it was before it was made inert, and only then trimmed: a blank may
        // be what made it dangerous.
        let cells: Vec<String> = cells.into_iter().map(|cell| restored(cell, number, self)).collect();
        if cells.iter().all(String::is_empty) {
            return;
        }
        let Some(header) = &self.header else { return self.take_header(number, cells) };
        match header.fit(cells) {
            Ok(cells) => self.take_line(Line { number, cells }),
            Err(message) => self.add(Fault::at(number, message)),
        }
    }

    /// Takes a line of a format that does not write down empty cells at the end of a line.
    pub(crate) fn take_padded(&mut self, number: usize, mut cells: Vec<String>) {
        let width = self.header.as_ref().map_or(0, |header| header.names.len());
        while cells.len() > width && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            cells.pop();
        }
        if cells.len() < width && !cells.is_empty() {
            cells.resize(width, String::new());
        }
        self.take(number, cells);
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Whether nothing more will be taken.
    pub(crate) fn is_done(&self) -> bool {
        self.stopped || self.faults.is_full()
    }

    pub(crate) fn finish(mut self) -> Result<Sheet, Vec<Fault>> {
        // A line that is at fault is a line: that there is none is said only of a table without any.
        if self.faults.is_empty() {
            let missing = match &self.header {
                None => Some("the table is empty: a first line with the names of its columns is expected"),
                Some(_) if self.lines.is_empty() => Some("there is no line below the header"),
                Some(_) => None,
            };
            missing.into_iter().for_each(|message| self.faults.add(Fault::of_file(message)));
        }
        let header = self.header.map(|header| header.names).unwrap_or_default();
        self.faults.unless_any(Sheet { header, lines: self.lines })
    }

    fn take_header(&mut self, number: usize, mut names: Vec<String>) {
        let written = names.len();
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let mut known = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() {
                self.faults.add(Fault::at(number, format!("column {} of the header has no name", index + 1)));
            } else if !known.insert(name) {
                self.faults.add(Fault::at(number, format!("the header names {name:?} twice")));
            }
        }
        self.header = Some(Header { unnamed: written - names.len(), names });
    }

    fn take_line(&mut self, line: Line) {
        self.cells += line.cells.len();
        let bound = if self.lines.len() == LINES_MAX {
            Some(format!("more than {LINES_MAX} lines"))
        } else if self.cells > CELLS_MAX {
            Some(format!("more than {CELLS_MAX} cells in all"))
        } else {
            None
        };
        match bound {
            None => self.lines.push(line),
            Some(message) => {
                self.faults.add(Fault::at(line.number, message));
                self.stopped = true;
            }
        }
    }
}

impl Header {
    /// The cells of a line under the named columns, or what is wrong with their number.
    fn fit(&self, mut cells: Vec<String>) -> Result<Vec<String>, String> {
        let named = self.names.len();
        let all = named + self.unnamed;
        if cells.len() != named && cells.len() != all {
            return Err(format!("{} where the header has {all}", count_of_cells(cells.len())));
        }
        match cells.iter().skip(named).position(|cell| !cell.is_empty()) {
            Some(index) => Err(format!("column {} has no name in the header", named + index + 1)),
            None => {
                cells.truncate(named);
                Ok(cells)
            }
        }
    }
}

fn count_of_cells(count: usize) -> String {
    if count == 1 { "1 cell".into() } else { format!("{count} cells") }
}

/// The cell as it was before an export; what cannot be kept is told.
fn restored(cell: String, number: usize, table: &mut TableReader) -> String {
    if let Some(control) = cell.chars().find(|one| one.is_control() && !matches!(one, '\t' | '\r' | '\n')) {
        let code = u32::from(control);
        let message =
            format!("a control character (U+{code:04X}); a file in UTF-16 needs its encoding named");
        table.add(Fault::at(number, message));
    }
    if cell.len() > CELL_CHARACTERS_MAX && cell.chars().count() > CELL_CHARACTERS_MAX {
        table.add(Fault::at(number, format!("a cell of more than {CELL_CHARACTERS_MAX} characters")));
    }
    let text = restore(&cell).trim();
    if text.len() == cell.len() { cell } else { text.to_owned() }
}
