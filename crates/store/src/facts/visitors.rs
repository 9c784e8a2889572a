//! Who was here already: the first click of a visitor on a link and a day of the program's time zone is unique.
//!
//! A visitor is an address and a browser. What decides is the click's number, so that it does not matter in which
//! order clicks are looked at; only one that comes in when those of its time are sealed finds the place taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hasher;

use proofback_domain::calendar::{Day, Zone};
use proofback_domain::time::Timestamp;
use siphasher::sip::SipHasher13;

/// Days that are remembered before the one that is being looked at.
const DAYS_BACK: i32 = 1;

/// First clicks by day and visitor.
#[derive(Default)]
pub struct Visitors {
    days: BTreeMap<Day, HashMap<u64, i64, std::hash::BuildHasherDefault<AsItIs>>>,
    /// From this day on everybody is remembered; absent before the files were read.
    from: Option<Day>,
    /// Earlier days of which everybody is remembered, too.
    others: BTreeSet<Day>,
    /// The day looked at last, and its end.
    last: Option<(Day, i64, i64)>,
}

/// What is hashed already.
#[derive(Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// One visit.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    pub number: i64,
    pub at: Timestamp,
    pub link: &'a str,
    pub ip: &'a str,
    pub user_agent: &'a str,
}

impl Visit<'_> {
    fn who(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        for part in [self.link, self.ip, self.user_agent] {
            hasher.write(part.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

impl Visitors {
    /// Whether everybody who came on this day is remembered.
    pub fn knows(&self, day: Day) -> bool {
        self.from.is_some_and(|from| from <= day) || self.others.contains(&day)
    }

    /// From now on everybody of this day, or of all days from it on, is remembered.
    pub fn know(&mut self, day: Day, and_later: bool) {
        match and_later {
            true => self.from = Some(day),
            false => drop(self.others.insert(day)),
        }
    }

    /// Whether this is its visitor's first click of the day. What lies before `sealed` keeps its place whatever comes.
    /// Of a day of which not everybody is remembered, nobody is told to be the first.
    pub fn is_first(&mut self, visit: &Visit<'_>, zone: &Zone, sealed: i64) -> bool {
        let day = self.day(visit.at, zone);
        self.knows(day) && self.take_place(day, visit, sealed)
    }

    /// Remembers a first click that a file tells of.
    pub fn remember(&mut self, day: Day, visit: &Visit<'_>) {
        self.take_place(day, visit, i64::MAX);
    }

    fn take_place(&mut self, day: Day, visit: &Visit<'_>, sealed: i64) -> bool {
        let first = self.days.entry(day).or_default().entry(visit.who()).or_insert(visit.number);
        if sealed <= *first && visit.number < *first {
            *first = visit.number;
        }
        *first == visit.number
    }

    /// Forgets clicks from this number on: they are looked at again.
    pub fn forget_from(&mut self, number: i64) {
        for day in self.days.values_mut() {
            day.retain(|_, first| *first < number);
        }
    }

    /// Forgets days that no further click comes from.
    pub fn forget_before(&mut self, day: Day) {
        let keep = Day::from_number(day.number().saturating_sub(DAYS_BACK));
        self.days = self.days.split_off(&keep);
        self.others = self.others.split_off(&keep);
        self.from = self.from.map(|from| from.max(keep));
    }

    fn day(&mut self, at: Timestamp, zone: &Zone) -> Day {
        let millis = at.millis();
        match self.last {
            Some((day, start, end)) if start <= millis && millis < end => day,
            _ => {
                let day = zone.day(at);
                self.last = Some((day, zone.start(day).millis(), zone.start(day.next()).millis()));
                day
            }
        }
    }
}
