//! What is wrong with a file, said so that its owner can mend it; never more than a person would read.

/// Faults told before reading stops.
const FAULTS_MAX: usize = 100;

/// One thing that is wrong. `line` counts from one and is missing where the whole file is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub line: Option<usize>,
    pub message: String,
}

/// The faults of one file in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    full: bool,
}

impl Fault {
    pub(crate) fn of_file(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    pub(crate) fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        if self.found.len() < FAULTS_MAX {
            self.found.push(fault);
        } else {
            self.full = true;
        }
    }

    /// Whether reading on would tell nothing more.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The value, unless anything is wrong: nothing is half read.
    pub(crate) fn unless_any<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        if self.found.is_empty() {
            return Ok(value);
        }
        if self.full {
            let told = format!("there are more faults than these {FAULTS_MAX}; reading stopped here");
            self.found.push(Fault::of_file(told));
        }
        Err(self.found)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}
