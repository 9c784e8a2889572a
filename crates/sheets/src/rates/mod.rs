//! Published exchange rates: the European Central Bank's files, as XML and as CSV, and a plain table.
//!
//! A rate that is misread makes money wrong without a word, so a file is taken whole or not at all, no
//! digit passes through a float, and nothing that is missing is filled in.

mod ecb;
mod line;
mod table;

use std::cmp::Ordering;

use crate::fault::{Fault, Faults};
use crate::read::text::decode;
use crate::read::{BYTES_MAX, is_workbook};

const RATES_MAX: usize = 2_000_000;

/// One published rate: one unit of `base` is worth `rate` units of `currency` on `day`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLine {
    /// Where it stands in the file.
    pub line: usize,
    /// `2026-11-20`
    pub day: String,
    /// Three to eight of `A-Z 0-9`, as are those of `currency`.
    pub base: String,
    pub currency: String,
    /// A plain decimal above zero with at most 12 digits before and 12 after its point, as it was written.
    pub rate: String,
}

/// Reads the rates of a file in its order. One that is published twice in the same words is given once.
pub fn read_rates(bytes: &[u8]) -> Result<Vec<RateLine>, Vec<Fault>> {
    if bytes.len() > BYTES_MAX {
        return Err(vec![Fault::of_file(format!("the file is larger than {} MiB", BYTES_MAX >> 20))]);
    }
    if is_workbook(bytes) {
        return Err(vec![Fault::of_file("exchange rates are read from CSV or from the ECB's XML")]);
    }
    let text = decode(bytes, None).map_err(|fault| vec![fault])?;
    let mut rates = Rates::default();
    if text.trim_start().starts_with('<') {
        ecb::read(&text, &mut rates);
    } else {
        table::read(text.as_bytes(), &mut rates)?;
    }
    rates.finish()
}

/// The rates read so far, and what is wrong with the file.
#[derive(Debug, Default)]
struct Rates {
    lines: Vec<RateLine>,
    faults: Faults,
    stopped: bool,
}

impl Rates {
    fn take(&mut self, rate: Result<RateLine, Fault>) {
        match rate {
            Err(fault) => self.faults.add(fault),
            Ok(rate) if self.lines.len() == RATES_MAX => {
                self.faults.add(Fault::at(rate.line, format!("more than {RATES_MAX} rates")));
                self.stopped = true;
            }
            Ok(rate) => self.lines.push(rate),
        }
    }

    fn is_done(&self) -> bool {
        self.stopped || self.faults.is_full()
    }

    fn finish(mut self) -> Result<Vec<RateLine>, Vec<Fault>> {
        self.drop_repeats();
        if self.lines.is_empty() && self.faults.is_empty() {
            self.faults.add(Fault::of_file("the file has no exchange rate"));
        }
        self.faults.unless_any(self.lines)
    }

    /// Two rates for one day and pair of currencies contradict each other; the same one twice does not.
    fn drop_repeats(&mut self) {
        let lines = &self.lines;
        let key = |index: &usize| lines.get(*index).map(|one| (&one.day, &one.base, &one.currency));
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by(|left, right| key(left).cmp(&key(right)).then(left.cmp(right)));
        let mut repeats = Vec::new();
        let mut contradictions = Vec::new();
        for pair in order.windows(2) {
            let (Some(first), Some(second)) = (pair.first(), pair.get(1)) else { continue };
            if key(first).cmp(&key(second)) == Ordering::Less {
                continue;
            }
            if let (Some(first), Some(again)) = (lines.get(*first), lines.get(*second)) {
                if line::significant(&first.rate) == line::significant(&again.rate) {
                    repeats.push(*second);
                } else {
                    contradictions.push(contradiction(first, again));
                }
            }
        }
        contradictions.sort_by_key(|fault| fault.line);
        contradictions.into_iter().for_each(|fault| self.faults.add(fault));
        repeats.sort_unstable();
        let mut index = 0;
        self.lines.retain(|_| {
            let keep = repeats.binary_search(&index).is_err();
            index += 1;
            keep
        });
    }
}

fn contradiction(first: &RateLine, again: &RateLine) -> Fault {
    let RateLine { day, base, currency, .. } = again;
    let message = format!(
        "one {base} is {} {currency} on {day} here, and {} on line {}",
        again.rate, first.rate, first.line
    );
    Fault::at(again.line, message)
}
