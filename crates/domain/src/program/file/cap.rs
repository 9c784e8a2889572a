//! Reads `caps = [{ per = "day", conversions = 100 }]`, wherever it stands.

use crate::program::reader::{Section, quote, read_word};
use crate::program::{Cap, CapPeriod};

const CAP_MAX: u32 = 1_000_000_000;
pub(super) const PERIODS: [(&str, CapPeriod); 3] =
    [("day", CapPeriod::Day), ("month", CapPeriod::Month), ("total", CapPeriod::Total)];

pub(super) fn read(section: &mut Section<'_>) -> Vec<Cap> {
    let mut caps: Vec<Cap> = Vec::new();
    for mut cap in section.tables("caps", "caps") {
        cap.require(&["per", "conversions"]);
        let per = cap.parsed("per", |text| read_word(text, &PERIODS));
        let conversions = cap.integer("conversions", 1..=CAP_MAX);
        let place = cap.place;
        let mistakes = cap.mistakes;
        cap.finish();
        let (Some(per), Some(conversions)) = (per, conversions) else {
            continue;
        };
        if caps.iter().any(|known| known.per == per.value) {
            mistakes.error(place, format!("a second cap per {}", quote(per.value.code())));
        }
        caps.push(Cap { per: per.value, conversions });
    }
    caps
}
