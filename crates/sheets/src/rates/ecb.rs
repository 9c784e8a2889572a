//! The European Central Bank's XML: a `Cube` per day, and in it a `Cube` per currency.
//!
//! https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Rates;
use super::line::{Words, parse};
use super::table::ECB_BASE;
use crate::fault::Fault;
use crate::read::text::line_ends;

/// Elements within each other; the bank's files have four.
const DEPTH_MAX: usize = 16;

/// Where the reader stands in the file.
#[derive(Debug, Default)]
struct Place {
    depth: usize,
    /// The day whose element is open, and its depth.
    day: Option<(String, usize)>,
    /// Whether the outermost element was there and has ended: a second one is no part of such a file.
    ended: bool,
}

/// What a `Cube` says of itself.
#[derive(Debug, Default)]
struct Cube {
    time: Option<String>,
    currency: Option<String>,
    rate: Option<String>,
}

pub(super) fn read(text: &str, rates: &mut Rates) {
    let mut xml = Reader::from_str(text);
    let mut place = Place::default();
    let mut line = 1;
    let mut counted = 0;
    while !rates.is_done() {
        let event = xml.read_event();
        // An element stands on the line on which it ends: rates are told by line, not by character.
        let position = usize::try_from(xml.buffer_position()).unwrap_or(text.len()).min(text.len());
        line += line_ends(text.as_bytes().get(counted..position).unwrap_or_default());
        counted = position;
        let taken = match event {
            Ok(Event::Eof) => {
                if !place.ended {
                    rates.faults.add(Fault::at(line, "the file ends before its outermost element does"));
                }
                return;
            }
            Ok(event) => place.take(event, line, rates),
            Err(_) => Err("this is no well-formed XML".to_owned()),
        };
        if let Err(message) = taken {
            // What follows would be read in the light of what was not understood.
            rates.faults.add(Fault::at(line, message));
            return;
        }
    }
}

impl Place {
    fn take(&mut self, event: Event<'_>, line: usize, rates: &mut Rates) -> Result<(), String> {
        match event {
            Event::Start(element) => {
                self.open(&element, line, rates)?;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} elements within each other"));
                }
                Ok(())
            }
            Event::Empty(element) => {
                self.open(&element, line, rates)?;
                self.forget_day();
                self.ended |= self.depth == 0;
                Ok(())
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                self.forget_day();
                self.ended |= self.depth == 0;
                Ok(())
            }
            Event::DocType(_) => {
                Err("a document type is not read: it could change what the file says".into())
            }
            Event::GeneralRef(_) => Err("an entity is not read: it could change what the file says".into()),
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::Eof => Ok(()),
        }
    }

    fn open(&mut self, element: &BytesStart<'_>, line: usize, rates: &mut Rates) -> Result<(), String> {
        let name = element.local_name();
        if self.ended || (self.depth == 0 && name.as_ref() != "Envelope") {
            return Err("this is not the ECB's file of exchange rates".into());
        }
        if name.as_ref() != "Cube" {
            return Ok(());
        }
        match Cube::parse(element)? {
            Cube { time: None, currency: None, rate: None } => Ok(()),
            Cube { time: Some(_), currency: None, rate: None } if self.day.is_some() => {
                Err("a day within another day".into())
            }
            Cube { time: Some(time), currency: None, rate: None } => {
                self.day = Some((time, self.depth));
                Ok(())
            }
            Cube { time: None, currency: Some(currency), rate: Some(rate) } => {
                let (day, _) = self.day.as_ref().ok_or("a rate that belongs to no day")?;
                let words = Words { day, base: ECB_BASE, currency: &currency, rate: &rate };
                rates.take(parse(line, words));
                Ok(())
            }
            Cube { .. } => Err("a Cube has either a time, or a currency and a rate".into()),
        }
    }

    fn forget_day(&mut self) {
        self.day = self.day.take().filter(|(_, depth)| *depth < self.depth);
    }
}

impl Cube {
    /// Attributes as they stand there: none of the values that are taken needs an escape.
    fn parse(element: &BytesStart<'_>) -> Result<Self, String> {
        let mut cube = Self::default();
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|_| "this is no well-formed XML")?;
            if attribute.value.contains('&') {
                return Err("an entity is not read: it could change what the file says".into());
            }
            match attribute.key.as_ref() {
                "time" => cube.time = Some(attribute.value.into_owned()),
                "currency" => cube.currency = Some(attribute.value.into_owned()),
                "rate" => cube.rate = Some(attribute.value.into_owned()),
                _ => {}
            }
        }
        Ok(cube)
    }
}
