//! The argument of `format`: how a time is written, and where on earth.

use crate::calendar::Zone;
use crate::time::Timestamp;

const PATTERN_BYTES_MAX: usize = 100;
/// ISO 8601 with the offset of its zone.
const ISO_ELSEWHERE: &str = "%Y-%m-%dT%H:%M:%S%:z";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    UnixMillis,
    /// As `{timestamp_iso}` is written.
    Iso,
    Pattern {
        pattern: String,
        zone: Zone,
    },
}

impl Format {
    /// Reads `unix_ms`, `iso` or a pattern of `strftime`, the last two with a zone behind an `@` or in UTC.
    pub(super) fn parse(argument: &str) -> Result<Self, String> {
        let (pattern, zone) = match argument.rsplit_once('@') {
            Some((pattern, zone)) => (pattern, Some(read_zone(zone)?)),
            None => (argument, None),
        };
        match (pattern, zone) {
            ("unix_ms", None) => Ok(Self::UnixMillis),
            ("unix_ms", Some(_)) => Err("unix_ms is the same everywhere; leave the zone out".into()),
            ("iso", None) => Ok(Self::Iso),
            ("iso", Some(zone)) => Ok(Self::Pattern { pattern: ISO_ELSEWHERE.into(), zone }),
            (pattern, zone) => read_pattern(pattern, zone.unwrap_or_else(Zone::utc)),
        }
    }

    pub(super) fn write(&self, at: Timestamp) -> String {
        match self {
            Self::UnixMillis => at.millis().to_string(),
            Self::Iso => at.iso(),
            Self::Pattern { pattern, zone } => zone.show(at, pattern).unwrap_or_default(),
        }
    }
}

fn read_zone(name: &str) -> Result<Zone, String> {
    Zone::parse(name).ok_or_else(|| {
        format!("\"{name}\" is no time zone; write it like %H:%M@Europe/Berlin, or leave it out")
    })
}

/// A pattern that can be written at one time can be written at any: that it can is tried here.
fn read_pattern(pattern: &str, zone: Zone) -> Result<Format, String> {
    let how = "write unix_ms, iso, or a pattern like %Y-%m-%d %H:%M:%S";
    if !pattern.contains('%') {
        return Err(format!("\"{pattern}\" shows no time; {how}"));
    }
    if PATTERN_BYTES_MAX < pattern.len() {
        return Err(format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes"));
    }
    if zone.show(Timestamp::EPOCH, pattern).is_none() {
        return Err(format!("\"{pattern}\" is no pattern; {how}"));
    }
    Ok(Format::Pattern { pattern: pattern.to_owned(), zone })
}
