//! The rooms may depend on each other in one direction only; any other edge fails here.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Room = the rooms it may know. What stands nowhere here may not exist.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("proofback-domain", &[]),
    ("proofback-store", &["proofback-domain"]),
    ("proofback-sheets", &[]),
    ("proofback-reports", &["proofback-domain", "proofback-store"]),
    ("proofback-web", &["proofback-domain", "proofback-store", "proofback-sheets", "proofback-reports"]),
    ("proofback-delivery", &["proofback-domain", "proofback-store"]),
    ("proofback-pages", &["proofback-domain", "proofback-web"]),
    ("proofback-testkit", &[]),
    (
        "proofback",
        &[
            "proofback-domain",
            "proofback-store",
            "proofback-sheets",
            "proofback-reports",
            "proofback-web",
            "proofback-pages",
            "proofback-delivery",
            "proofback-testkit",
        ],
    ),
];

/// Libraries that only one room may know, because they are what the room is for.
const RESERVED: [(&str, &[&str]); 11] = [
    ("rusqlite", &["proofback-store"]),
    ("datafusion", &["proofback-reports"]),
    ("arrow", &["proofback-store", "proofback-reports"]),
    ("parquet", &["proofback-store", "proofback-reports"]),
    ("object_store", &["proofback-store", "proofback-reports"]),
    ("axum", &["proofback-web", "proofback-pages", "proofback", "proofback-testkit"]),
    ("hyper-util", &["proofback-delivery", "proofback", "proofback-testkit"]),
    ("getrandom", &["proofback"]),
    ("maxminddb", &["proofback"]),
    ("argon2", &["proofback-web"]),
    ("askama", &["proofback-pages"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Package = what it needs to run; what only its tests need does not count.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let needs = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|one| one["kind"].is_null()).map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), needs(package))).collect()
}

#[test]
fn rooms_depend_in_one_direction_only() {
    let found = dependencies();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into();
    let rooms: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(rooms, allowed.keys().copied().collect(), "a room was added or removed");
    for (room, needs) in &found {
        let known: BTreeSet<&str> =
            needs.iter().map(String::as_str).filter(|one| rooms.contains(one)).collect();
        let may: BTreeSet<&str> = allowed[room.as_str()].iter().copied().collect();
        assert!(known.is_subset(&may), "{room} may not know {:?}", known.difference(&may));
    }
}

#[test]
fn libraries_stay_in_the_rooms_that_are_for_them() {
    let found = dependencies();
    for (library, rooms) in RESERVED {
        let users: BTreeSet<&str> = found
            .iter()
            .filter(|(_, needs)| needs.contains(library))
            .map(|(room, _)| room.as_str())
            .collect();
        assert!(users.is_subset(&rooms.iter().copied().collect()), "{library} is used by {users:?}");
    }
}

#[test]
fn the_domain_knows_no_runtime_and_no_network() {
    let found = dependencies();
    for library in ["tokio", "hyper", "reqwest", "getrandom", "rand", "tracing", "tempfile"] {
        assert!(!found["proofback-domain"].contains(library), "{library}");
    }
}
