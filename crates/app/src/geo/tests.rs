//! Files of geo data as they are met: both shapes of records, both versions of addresses, several files, and files
//! that change.

#![allow(clippy::unwrap_used, reason = "a test")]

use super::*;

use proofback_testkit::mmdb::{self, Edition};
use serde_json::{Value, json};

const DAY: u64 = 86_400;
/// 2026-11-21.
const BUILT: u64 = 1_795_219_200;

fn bytes(ip_version: u8, networks: &[(&str, Value)]) -> Vec<u8> {
    mmdb::write(Edition { ip_version, built: BUILT }, networks)
}

/// The files, in this order.
fn geo(directory: &Path, files: &[Vec<u8>]) -> Geo {
    let paths: Vec<PathBuf> =
        (0..files.len()).map(|number| directory.join(format!("{number}.mmdb"))).collect();
    for (path, bytes) in paths.iter().zip(files) {
        std::fs::write(path, bytes).unwrap();
    }
    Geo::open(&paths).unwrap()
}

fn seen(geo: &Geo, ip: &str) -> [String; 4] {
    let Place { country, region, city, asn } = geo.place(ip.parse().unwrap());
    [country, region, city, asn]
}

fn at(built: u64, days: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from((built + days * DAY) * 1_000).unwrap())
}

#[test]
fn records_of_either_shape_are_understood() {
    let directory = tempfile::tempdir().unwrap();
    let names = |name: &str| json!({ "de": "anders", "en": name });
    for (record, wanted) in [
        (
            json!({
                "city": { "geoname_id": 2_867_714, "names": names("Munich") },
                "country": { "iso_code": "DE", "names": names("Germany") },
                "location": { "latitude": 48.1, "time_zone": "Europe/Berlin" },
                "registered_country": { "iso_code": "US" },
                "subdivisions": [{ "iso_code": "BY", "names": names("Bavaria") }, { "iso_code": "XY" }],
                "autonomous_system_number": 64_500,
                "autonomous_system_organization": "Example",
            }),
            ["DE", "Bavaria", "Munich", "64500"],
        ),
        (json!({ "subdivisions": [{ "iso_code": "BY" }] }), ["", "BY", "", ""]),
        (json!({ "subdivisions": [], "city": { "names": {} }, "country": {} }), ["", "", "", ""]),
        (json!({ "traits": { "autonomous_system_number": 4_294_967_295_u32 } }), ["", "", "", "4294967295"]),
        (
            json!({
                "city": "Munich", "country_code": "DE", "latitude": 48.1, "postcode": "", "state1": "Bavaria",
                "state2": "", "timezone": "", "autonomous_system_number": 64_500,
            }),
            ["DE", "Bavaria", "Munich", "64500"],
        ),
        (
            json!({ "country_code": "de", "region": "Bavaria", "city": "", "state1": " " }),
            ["DE", "Bavaria", "", ""],
        ),
        (json!({ "asn": 7 }), ["", "", "", "7"]),
        (json!({ "asn": 4_294_967_296_u64 }), ["", "", "", ""]),
        (json!({ "asn": "64500" }), ["", "", "", "64500"]),
        (json!({ "country": "DE", "asn": "AS64500" }), ["DE", "", "", "64500"]),
        (json!({ "country": "Germany", "country_code": "DE" }), ["DE", "", "", ""]),
        (json!({ "country": "Germany" }), ["", "", "", ""]),
        (json!({ "country_code": "ZZ", "asn": "none", "city": 7, "region": true }), ["", "", "", ""]),
        (json!({ "country_code": 49, "autonomous_system_number": 0 }), ["", "", "", ""]),
        (json!("DE"), ["", "", "", ""]),
        (json!([]), ["", "", "", ""]),
    ] {
        let geo = geo(directory.path(), &[bytes(4, &[("203.0.113.0/24", record.clone())])]);
        assert_eq!(seen(&geo, "203.0.113.9"), wanted, "{record}");
        assert_eq!(seen(&geo, "203.0.112.255"), ["", "", "", ""], "a neighbour");
    }
}

#[test]
fn an_address_is_found_in_files_of_its_version_however_it_is_spelt() {
    let directory = tempfile::tempdir().unwrap();
    let of = |code: &str| json!({ "country_code": code });
    let four = bytes(4, &[("203.0.113.0/24", of("DE")), ("203.0.113.128/25", of("AT"))]);
    let six = bytes(6, &[("2001:db8::/32", of("FR"))]);
    let both = bytes(6, &[("2001:db8::/32", of("FR")), ("203.0.113.0/24", of("DE"))]);
    for (files, ip, country) in [
        (vec![&four], "203.0.113.9", "DE"),
        (vec![&four], "203.0.113.200", "AT"),
        (vec![&four], "::ffff:203.0.113.9", "DE"),
        (vec![&four], "2001:db8::9", ""),
        (vec![&four], "203.0.114.1", ""),
        (vec![&six], "2001:db8::9", "FR"),
        (vec![&six], "2001:db9::9", ""),
        (vec![&six], "203.0.113.9", ""),
        (vec![&six], "::ffff:203.0.113.9", ""),
        (vec![&both], "203.0.113.9", "DE"),
        (vec![&both], "::ffff:203.0.113.9", "DE"),
        (vec![&both], "2001:db8::9", "FR"),
        (vec![&four, &six], "203.0.113.9", "DE"),
        (vec![&four, &six], "2001:db8::9", "FR"),
        (vec![], "203.0.113.9", ""),
    ] {
        let files: Vec<Vec<u8>> = files.into_iter().cloned().collect();
        assert_eq!(seen(&geo(directory.path(), &files), ip)[0], country, "{ip}");
    }
}

#[test]
fn the_first_file_that_knows_a_field_fills_it() {
    let directory = tempfile::tempdir().unwrap();
    let one = ("203.0.113.0/24", json!({ "country_code": "DE" }));
    let other = json!({ "country_code": "AT", "city": "Vienna", "autonomous_system_number": 1 });
    let cities = [
        ("203.0.113.0/25", json!({ "country_code": "DE", "city": "Munich", "autonomous_system_number": 2 })),
        ("203.0.113.128/25", other.clone()),
        ("198.51.100.0/24", other),
    ];
    let networks = bytes(4, &[("203.0.0.0/8", json!({ "autonomous_system_number": 3, "city": "Berlin" }))]);
    let geo = geo(directory.path(), &[bytes(4, &[one]), bytes(4, &cities), networks]);
    assert_eq!(seen(&geo, "203.0.113.1"), ["DE", "", "Munich", "2"]);
    // Vienna is in no city of DE; the third file names no country.
    assert_eq!(seen(&geo, "203.0.113.129"), ["DE", "", "Berlin", "1"]);
    assert_eq!(seen(&geo, "198.51.100.1"), ["AT", "", "Vienna", "1"]);
}

#[test]
fn an_address_of_an_inner_network_is_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let four: Vec<(String, Value)> =
        (0..=255).map(|first| (format!("{first}.0.0.0/8"), json!({ "country_code": "DE" }))).collect();
    let four: Vec<(&str, Value)> =
        four.iter().map(|(network, value)| (network.as_str(), value.clone())).collect();
    let six = [("::/1", json!({ "country_code": "DE" })), ("8000::/1", json!({ "country_code": "DE" }))];
    let geo = geo(directory.path(), &[bytes(4, &four), bytes(6, &six)]);
    for inside in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "0.0.0.0",
        "::1",
        "::",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "::ffff:10.0.0.1",
    ] {
        assert_eq!(seen(&geo, inside)[0], "", "{inside}");
    }
    for outside in [
        "126.255.255.255",
        "11.0.0.0",
        "172.32.0.0",
        "192.169.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "2001:db8::1",
    ] {
        assert_eq!(seen(&geo, outside)[0], "DE", "{outside}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.mmdb");
    std::fs::write(&good, bytes(4, &[])).unwrap();
    let empty = directory.path().join("empty.mmdb");
    std::fs::write(&empty, "").unwrap();
    for bad in [directory.path().join("missing.mmdb"), empty, directory.path().to_owned()] {
        let Err(error) = Geo::open(&[good.clone(), bad.clone()]) else { panic!("{} is read", bad.display()) };
        let said = format!("{error:#}");
        assert!(said.starts_with(&format!("--geo {} cannot be read: ", bad.display())), "{said}");
    }
}

#[test]
fn a_changed_file_is_read_anew_and_a_broken_one_leaves_the_old_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let of = |code: &str| bytes(4, &[("203.0.113.0/24", json!({ "country_code": code }))]);
    let geo = geo(directory.path(), &[of("DE")]);
    let path = directory.path().join("0.mmdb");
    let now = at(BUILT, 1);
    let put = |content: &[u8]| {
        // Another file under the same name, as old as the first by its time of writing.
        let new = directory.path().join("new");
        std::fs::write(&new, content).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        std::fs::rename(&new, &path).unwrap();
    };
    put(&of("AT"));
    assert_eq!(seen(&geo, "203.0.113.9")[0], "DE", "nobody looked");
    geo.look_again(now);
    assert_eq!(seen(&geo, "203.0.113.9")[0], "AT");
    let whole = of("FR");
    for broken in [&b""[..], &b"nonsense"[..], &whole[..whole.len() - 20], &whole[whole.len() - 20..]] {
        put(broken);
        geo.look_again(now);
        assert_eq!(seen(&geo, "203.0.113.9")[0], "AT", "{broken:?}");
    }
    std::fs::remove_file(&path).unwrap();
    geo.look_again(now);
    assert_eq!(seen(&geo, "203.0.113.9")[0], "AT", "it is gone");
    put(&whole);
    geo.look_again(now);
    assert_eq!(seen(&geo, "203.0.113.9")[0], "FR", "it is whole again");
}

#[test]
fn a_damaged_record_is_unknown_and_nothing_panics() {
    let directory = tempfile::tempdir().unwrap();
    let record = json!({ "country": { "iso_code": "DE" }, "city": { "names": { "en": "Munich" } } });
    let whole = bytes(4, &[("203.0.113.0/24", record)]);
    let path = directory.path().join("one.mmdb");
    let (mut opened, mut known) = (0, 0);
    for index in 0..whole.len() {
        for flip in [0xff, 0x01] {
            let mut damaged = whole.clone();
            damaged[index] ^= flip;
            std::fs::write(&path, &damaged).unwrap();
            if let Ok(geo) = Geo::open(std::slice::from_ref(&path)) {
                let country = geo.place("203.0.113.9".parse().unwrap()).country;
                assert!(country.is_empty() || country.len() == 2, "{country:?}");
                opened += 1;
                known += usize::from(country == "DE");
            }
        }
    }
    assert!(0 < known && known < opened && opened < whole.len() * 2, "{known} of {opened}");
}

#[test]
fn the_age_of_an_edition_is_said_and_the_operator_told_once_that_it_is_old() {
    let directory = tempfile::tempdir().unwrap();
    let geo = geo(directory.path(), &[bytes(4, &[])]);
    let told = || geo.files[0].watched.lock().unwrap().told_old;
    for (days, old) in [(0, false), (44, false), (45, true), (46, true)] {
        let age = Age { path: directory.path().join("0.mmdb"), age: Span::from_seconds(days * DAY) };
        assert_eq!(geo.look_again(at(BUILT, days)), [age]);
        assert_eq!(told(), old, "{days}");
    }
    let newer = mmdb::write(Edition { ip_version: 4, built: BUILT + 40 * DAY }, &[]);
    std::fs::write(directory.path().join("0.mmdb"), newer).unwrap();
    assert_eq!(geo.look_again(at(BUILT, 46))[0].age, Span::from_seconds(6 * DAY));
    assert!(!told(), "a new edition is young again");
}
