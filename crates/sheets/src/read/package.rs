//! What a workbook's zip archive unpacks to, measured before anything trusts it.
//!
//! A few kilobytes can unpack to gigabytes, and sizes that an archive states are only stated: so every part
//! is unpacked once into nothing and counted.

use std::io::{BufRead, BufReader, Cursor, Read};

use quick_xml::events::Event;
use zip::ZipArchive;

use crate::fault::Fault;

/// Bytes of all parts together, unpacked.
const UNPACKED_MAX: u64 = 512 << 20;

/// Files in the archive; real workbooks have some dozens.
const PARTS_MAX: usize = 10_000;

/// How each part begins in an archive's directory.
const DIRECTORY_SIGNATURE: &[u8] = b"PK\x01\x02";

/// A shared text cannot be written in fewer bytes: `<si/>`.
const SHARED_TEXT_BYTES_MIN: u64 = 5;

/// Refuses an archive that would unpack to more than a workbook may be.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Fault> {
    // Counted in the raw bytes, because opening an archive already remembers each of its parts.
    let parts = bytes.windows(DIRECTORY_SIGNATURE.len()).filter(|part| *part == DIRECTORY_SIGNATURE).count();
    if parts > PARTS_MAX {
        return Err(Fault::of_file("the workbook has too many parts"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let mut left = UNPACKED_MAX;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| broken())?;
        let shared = part.name().map_err(|_| broken())?.to_ascii_lowercase().ends_with("sharedstrings.xml");
        // One byte more than is left tells a part that just fits from one that does not.
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|_| broken())?;
        left = left.checked_sub(unpacked).ok_or_else(too_large)?;
        if shared {
            let part = archive.by_index(index).map_err(|_| broken())?;
            check_shared_texts(BufReader::new(part), unpacked)?;
        }
    }
    Ok(())
}

/// The number of shared texts is believed by who reads them, and memory is set aside for it.
fn check_shared_texts(part: impl BufRead, bytes: u64) -> Result<(), Fault> {
    let mut xml = quick_xml::Reader::from_reader(part);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(|_| broken())? {
            Event::Start(table) | Event::Empty(table) if table.local_name().as_ref() == "sst" => {
                for attribute in table.attributes() {
                    let attribute = attribute.map_err(|_| broken())?;
                    let count = attribute.value.trim().parse::<u64>();
                    let fits = count.is_ok_and(|count| count <= bytes / SHARED_TEXT_BYTES_MIN);
                    if attribute.key.as_ref() == "uniqueCount" && !fits {
                        return Err(broken());
                    }
                }
                return Ok(());
            }
            Event::Eof => return Err(broken()),
            Event::Start(_)
            | Event::Empty(_)
            | Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

fn too_large() -> Fault {
    Fault::of_file(format!("the workbook unpacks to more than {} MiB", UNPACKED_MAX >> 20))
}

/// For whoever brought the file it matters only that nothing can be read from it.
pub(crate) fn broken() -> Fault {
    Fault::of_file("the workbook cannot be read: it is damaged or no XLSX file")
}
