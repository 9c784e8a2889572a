//! Where visitors are, by files in the MaxMind DB format: read into memory, asked in their order, and read anew when
//! they changed.
//!
//! A file that cannot be read stops the start, and nothing later: the edition that was there stays, and what is not
//! known is empty.

use std::fmt::Formatter;
use std::fs::{File, Metadata};
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use maxminddb::PathElement::{self, Index, Key};
use maxminddb::{LookupResult, Reader};
use proofback_domain::click::Place;
use proofback_domain::time::{Span, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Addresses change hands: from here on the operator is told that an edition is old.
pub const OLD_FROM: Span = Span::from_seconds(45 * 86_400);

/// The files that the server was started with; none is well, too.
#[derive(Default)]
pub struct Geo {
    files: Vec<GeoFile>,
}

struct GeoFile {
    path: PathBuf,
    edition: ArcSwap<Edition>,
    watched: Mutex<Watched>,
}

type Edition = Reader<Vec<u8>>;
type Found<'a> = LookupResult<'a, Vec<u8>>;

/// What is remembered between two looks at a file.
struct Watched {
    /// How it looked when it was read last, well or not; `None`: it was not there.
    look: Option<Look>,
    /// The operator knows that this edition is old.
    told_old: bool,
}

/// What tells one content from another. Packages set the time of writing to the same day in every version; when the
/// content was put there is what nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// How long ago the edition in use was made.
#[derive(Debug, PartialEq, Eq)]
pub struct Age {
    pub path: PathBuf,
    pub age: Span,
}

/// Where a record may say something: the first path at which something stands counts.
type Paths = &'static [&'static [PathElement<'static>]];

const COUNTRY: Paths = &[&[Key("country_code")], &[Key("country"), Key("iso_code")], &[Key("country")]];
const REGION: Paths = &[
    &[Key("state1")],
    &[Key("region")],
    &[Key("subdivisions"), Index(0), Key("names"), Key("en")],
    &[Key("subdivisions"), Index(0), Key("iso_code")],
];
const CITY: Paths = &[&[Key("city"), Key("names"), Key("en")], &[Key("city")]];
const ASN: Paths =
    &[&[Key("autonomous_system_number")], &[Key("traits"), Key("autonomous_system_number")], &[Key("asn")]];

impl Geo {
    /// Reads all files; the first one that cannot be read is the error.
    pub fn open(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let open = |path: &PathBuf| {
            let read = read(path).with_context(|| format!("--geo {} cannot be read", path.display()))?;
            let (edition, look) = read;
            tell_of(path, &edition);
            Ok(GeoFile {
                path: path.clone(),
                edition: ArcSwap::from_pointee(edition),
                watched: Mutex::new(Watched { look: Some(look), told_old: false }),
            })
        };
        Ok(Self { files: paths.iter().map(open).collect::<anyhow::Result<_>>()? })
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Where an address is, as far as the files know.
    pub fn place(&self, ip: IpAddr) -> Place {
        let ip = ip.to_canonical();
        let mut place = Place::default();
        if is_inside(ip) {
            return place;
        }
        for file in &self.files {
            let edition = file.edition.load();
            // An address of the other version, or a damaged tree: this file does not know.
            if let Ok(found) = edition.lookup(ip)
                && found.has_data()
            {
                place.fill(place_of(&found));
            }
        }
        place
    }

    /// Reads anew what changed, and says how old everything is. Reads files: not for a thread that answers requests.
    pub fn look_again(&self, now: Timestamp) -> Vec<Age> {
        self.files.iter().map(|file| file.look_again(now)).collect()
    }
}

impl GeoFile {
    fn look_again(&self, now: Timestamp) -> Age {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let look = std::fs::metadata(&self.path).ok().map(|metadata| Look::of(&metadata));
        if look != watched.look {
            self.read_again(&mut watched, look);
        }
        let built = self.edition.load().metadata().build_epoch;
        let built = Timestamp::from_millis(i64::try_from(built.saturating_mul(1_000)).unwrap_or(i64::MAX));
        let age = now.since(built);
        if OLD_FROM <= age && !watched.told_old {
            watched.told_old = true;
            let days = age.millis() / 86_400_000;
            tracing::warn!(file = %self.path.display(), days, "the geo data is old; put a newer edition in its place");
        }
        Age { path: self.path.clone(), age }
    }

    fn read_again(&self, watched: &mut Watched, look: Option<Look>) {
        match read(&self.path) {
            Ok((edition, look)) => {
                tell_of(&self.path, &edition);
                self.edition.store(Arc::new(edition));
                *watched = Watched { look: Some(look), told_old: false };
            }
            Err(error) => {
                // Said once: the same content is not tried again.
                watched.look = look;
                let error = format!("{error:#}");
                tracing::warn!(
                    file = %self.path.display(),
                    error,
                    "new geo data cannot be read; the edition of before stays in use"
                );
            }
        }
    }
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<(Edition, Look)> {
    // Something else than a file, as a pipe, might never end, or never open.
    if !std::fs::metadata(path)?.is_file() {
        bail!("it is no file");
    }
    let file = File::open(path)?;
    let look = Look::of(&file.metadata()?);
    if FILE_BYTES_MAX < look.bytes {
        bail!("it is larger than {} MB", FILE_BYTES_MAX >> 20);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(look.bytes)?);
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok((Reader::from_source(bytes)?, look))
}

fn tell_of(path: &Path, edition: &Edition) {
    let metadata = edition.metadata();
    tracing::info!(
        file = %path.display(),
        kind = metadata.database_type,
        built = metadata.build_epoch,
        "geo data is read"
    );
}

fn place_of(found: &Found<'_>) -> Place {
    Place {
        country: text(found, COUNTRY).and_then(country).unwrap_or_default(),
        region: text(found, REGION).unwrap_or_default().to_owned(),
        city: text(found, CITY).unwrap_or_default().to_owned(),
        asn: asn(found).map(|number| number.to_string()).unwrap_or_default(),
    }
}

fn text<'a>(found: &Found<'a>, paths: Paths) -> Option<&'a str> {
    let mut texts = paths.iter().filter_map(|path| found.decode_path::<&str>(path).ok().flatten());
    texts.find_map(|text| Some(text.trim()).filter(|text| !text.is_empty()))
}

/// `XX` and `ZZ` stand for no country.
fn country(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_code && code != "XX" && code != "ZZ").then_some(code)
}

fn asn(found: &Found<'_>) -> Option<u32> {
    ASN.iter().find_map(|path| found.decode_path::<AsNumber>(path).ok().flatten()?.0)
}

/// A number of whatever width, or a text like `AS64500`; 0 is nobody's.
struct AsNumber(Option<u32>);

impl<'de> Deserialize<'de> for AsNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsNumberVisitor)
    }
}

struct AsNumberVisitor;

impl Visitor<'_> for AsNumberVisitor {
    type Value = AsNumber;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the number of an autonomous system")
    }

    fn visit_u64<E>(self, number: u64) -> Result<AsNumber, E> {
        Ok(AsNumber(u32::try_from(number).ok().filter(|number| *number != 0)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<AsNumber, E> {
        self.visit_u64(u64::try_from(number).unwrap_or(0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AsNumber, E> {
        self.visit_u64(text.trim().trim_start_matches("AS").parse().unwrap_or(0))
    }
}

/// Addresses that are the same in many networks; what a file says of them is a mistake.
fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || is_shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests;
