//! From a row to the report behind it.

use super::against::Against;
use super::buckets::buckets;
use super::dimension::Dimension;
use super::filter::{Filter, Term, Test};
use super::period::{Period, Range};
use super::value::Value;
use super::{Report, ReportError, SortColumn};

impl Report {
    /// The report of what is in one row: pieces of its span become the span, all other values conditions. It is broken
    /// down by `next`, or not at all. Refused where the conditions get more than a filter may have.
    pub fn drill(&self, key: &[Value], next: Option<Dimension>) -> Result<Self, ReportError> {
        let mut drilled = Self { by: next.into_iter().collect(), ..self.clone() };
        for (dimension, value) in self.by.iter().zip(key) {
            match self.piece(dimension, value) {
                Some(piece) => drilled.narrow(piece),
                None => drilled.require(dimension.clone(), value),
            }
        }
        let mistake = |message| ReportError { parameter: "filter".into(), message };
        drilled.filter = drilled.filter.map(Filter::check).transpose().map_err(mistake)?;
        let still_there = |column: &SortColumn| match column {
            SortColumn::Dimension(dimension) => drilled.by.contains(dimension),
            SortColumn::Metric(_) => true,
        };
        drilled.sort = drilled.sort.clone().filter(|sort| still_there(&sort.column));
        Ok(drilled)
    }

    /// The part of the span that a value of a key means, where it means one.
    fn piece(&self, dimension: &Dimension, value: &Value) -> Option<Range> {
        dimension.unit_of_basis()?;
        let pieces = buckets(dimension, &self.zone, self.span).ok()?;
        let place = pieces.labels.iter().position(|label| label == value.text())?;
        pieces.range(place)
    }

    fn narrow(&mut self, piece: Range) {
        let range = Range { from: self.span.from.max(piece.from), until: self.span.until.min(piece.until) };
        // Two values of one key cannot lie apart; should they, the outer one stands.
        if range == self.span || range.until <= range.from {
            return;
        }
        self.span = range;
        self.asked.period = Period::of(range, &self.zone);
        // Dates that were named are those of the whole span, and say nothing of a part.
        self.compare = self.asked.against.and_then(|against| against.earlier(range, &self.zone));
        self.asked.against = self.asked.against.filter(|_| self.compare.is_some());
    }

    fn require(&mut self, dimension: Dimension, value: &Value) {
        let text = value.text();
        let test = if text.is_empty() { Test::IsEmpty } else { Test::In(vec![text.to_string()]) };
        self.filter = Some(Filter::and(self.filter.take(), Filter::Term(Term { dimension, test })));
    }
}

impl Against {
    /// What a period is compared with, unless that was named by dates.
    fn earlier(self, range: Range, zone: &crate::calendar::Zone) -> Option<Range> {
        match self {
            Self::Previous | Self::Week | Self::Month | Self::Year => {
                // These look at no clock.
                self.range(range, zone, range.from).ok()
            }
            Self::Bounds { .. } => None,
        }
    }
}
