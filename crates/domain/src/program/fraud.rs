//! Fraud rules as the program has them: the signs that a rule looks for in a conversion, and what follows when all
//! of them are there.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::name::Name;
use crate::template::Macro;
use crate::time::Span;

/// A rule of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub id: Name,
    pub scope: Scope,
    /// All of them must be there; at least one.
    pub signs: Vec<Sign>,
    pub then: Then,
}

/// Which conversions a rule looks at; an empty list: all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    pub events: Vec<Name>,
    pub advertisers: Vec<Name>,
    pub offers: Vec<Name>,
    pub partners: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Sign {
    /// The event came at most so many seconds after the click.
    SecondsAfterClickMax(u32),
    /// At least so many seconds after the click.
    SecondsAfterClickMin(u32),
    /// Another click of the same address has a conversion for the same goal in the last 30 days.
    DuplicateIp,
    /// The postback names another country than the click had.
    CountryChanged,
    DeviceChanged,
    Bot,
    DatacenterIp,
    /// With this one, at least so many conversions of one subject in a rolling hour or day.
    Rate {
        of: Subject,
        per: Per,
        min: u32,
    },
    /// A value that is none of these, compared without case.
    NotIn {
        what: Trait,
        values: Vec<String>,
    },
}

/// Whose conversions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Ip,
    Partner,
    /// `sub1` to `sub10` of one partner.
    Sub(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    Hour,
    Day,
}

/// A value of the click, or a field of the postback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trait {
    Click(Macro),
    Postback(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    Note,
    Hold,
    Reject,
}

/// Address ranges, merged and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<IpNet>);

impl Per {
    pub const fn span(self) -> Span {
        match self {
            Self::Hour => Span::from_seconds(3_600),
            Self::Day => Span::from_seconds(86_400),
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Then {
    pub fn code(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Hold => "hold",
            Self::Reject => "reject",
        }
    }
}

impl Ranges {
    pub fn new(ranges: Vec<IpNet>) -> Self {
        let mut merged = IpNet::aggregate(&ranges);
        merged.sort();
        Self(merged)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, ip: &IpAddr) -> bool {
        let ip = ip.to_canonical();
        let after = self.0.partition_point(|range| range.network() <= ip);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|range| range.contains(&ip))
    }
}

impl Trait {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Click(name) => name.name(),
            Self::Postback(field) => field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_found_by_any_spelling_of_an_address() {
        let ranges = ["10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32", "192.0.2.7/32"];
        let ranges = Ranges::new(ranges.map(|range| range.parse().unwrap()).to_vec());
        assert_eq!(ranges.0.len(), 3);
        for inside in ["10.255.255.255", "10.0.0.0", "192.0.2.7", "2001:db8::1", "::ffff:10.1.2.3"] {
            assert!(ranges.contains(&inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.8", "2001:db9::", "::"] {
            assert!(!ranges.contains(&outside.parse().unwrap()), "{outside}");
        }
    }
}
