//! Which piece of the period compared with stands beside which piece of the report's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Report;
use super::buckets::{Buckets, buckets};
use super::dimension::{Dimension, Unit};
use super::period::Range;
use super::value::Value;

/// For each dimension the label there = the value here.
pub(super) struct Alignment(Vec<BTreeMap<Arc<str>, Value>>);

impl Alignment {
    /// Pieces are aligned in their order; hours by the clock where both periods begin at the same time of day, because
    /// some days have an hour more or less. A piece without another beside it stands for itself.
    pub fn of(report: &Report) -> Self {
        Self(report.by.iter().map(|dimension| beside(report, dimension).unwrap_or_default()).collect())
    }

    pub fn align(&self, key: &mut [Value]) {
        for (value, beside) in key.iter_mut().zip(&self.0) {
            if let Some(here) = beside.get(value.text()) {
                *value = here.clone();
            }
        }
    }
}

fn beside(report: &Report, dimension: &Dimension) -> Option<BTreeMap<Arc<str>, Value>> {
    let unit = dimension.unit_of_basis()?;
    let (here, there) = (report.span, report.compare?);
    let pieces_here = buckets(dimension, &report.zone, here).ok()?;
    let pieces_there = buckets(dimension, &report.zone, there).ok()?;
    let by_clock = unit == Unit::Hour && time_of_day(report, here) == time_of_day(report, there);
    let places = |pieces: &Buckets, range: Range| match by_clock {
        true => clock_places(report, pieces, range),
        false => (0..pieces.starts.len()).map(|place| (place, 0)).collect(),
    };
    let values = places(&pieces_here, here).into_iter().enumerate();
    let values: BTreeMap<(usize, u32), Value> =
        values.filter_map(|(place, position)| Some((position, pieces_here.value(place)?))).collect();
    let labels = pieces_there.labels.iter().zip(places(&pieces_there, there));
    let found =
        labels.filter_map(|(label, position)| Some((Arc::clone(label), values.get(&position)?.clone())));
    Some(found.collect())
}

fn time_of_day(report: &Report, range: Range) -> Option<String> {
    report.zone.show(range.from, "%H:%M:%S%.3f")
}

/// For each hour how many hours after the first midnight clocks show it, and whether it is its second time.
fn clock_places(report: &Report, pieces: &Buckets, range: Range) -> Vec<(usize, u32)> {
    let first = report.zone.day(range.from).number();
    let mut places: Vec<(usize, u32)> = Vec::with_capacity(pieces.starts.len());
    for label in &pieces.labels {
        // 2026-11-20T13:00
        let day = label.get(..10).and_then(crate::calendar::Day::parse).map_or(first, |day| day.number());
        let hour: usize = label.get(11..13).and_then(|hour| hour.parse().ok()).unwrap_or(0);
        let days = usize::try_from(day.abs_diff(first)).unwrap_or(0);
        let hours = days.saturating_mul(24).saturating_add(hour);
        // Where clocks were put back by two hours, its first time is two places before.
        let earlier = places.iter().rev().take(4).filter(|(known, _)| *known == hours).count();
        places.push((hours, u32::try_from(earlier).unwrap_or(0)));
    }
    places
}
