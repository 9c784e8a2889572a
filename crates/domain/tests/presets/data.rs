//! What every preset file must say, and may not say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proofback_domain::calendar::Day;
use proofback_domain::name::Name;
use proofback_domain::preset::{Confidence, Place, Preset, PresetKind, all, find};
use proofback_domain::program::Happening;
use proofback_domain::template::Macro;

/// The names of the files, without their ending.
fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/targets");
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    std::fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

/// Before the question mark and behind it.
fn halves(preset: &Preset) -> (&str, &str) {
    preset.url.split_once('?').unwrap_or((&preset.url, ""))
}

fn parameters(preset: &Preset) -> Vec<(&str, &str)> {
    let pairs = halves(preset).1.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{}: {pair}", preset.id))).collect()
}

/// The names between these two marks.
fn between(text: &str, open: char, close: char) -> Vec<&str> {
    text.split(open).skip(1).map(|after| after.split_once(close).unwrap().0).collect()
}

#[test]
fn every_file_is_embedded_under_its_name() {
    let ids: Vec<&str> = all().iter().map(|preset| preset.id.as_str()).collect();
    assert_eq!(ids, files().iter().map(String::as_str).collect::<Vec<_>>());
    for id in ids {
        assert!(Name::parse(id).is_ok(), "{id}");
        assert_eq!(find(id).unwrap().id, id);
    }
    assert_eq!(find("nobody"), None);
}

#[test]
fn every_preset_says_where_it_was_read_and_what_to_watch() {
    for preset in all() {
        let id = &preset.id;
        assert!(Day::parse(&preset.checked_on).is_some(), "{id}");
        assert!(!preset.sources.is_empty() && !preset.notes.is_empty(), "{id}");
        let is_address = |source: &String| url::Url::parse(source).is_ok();
        assert!(preset.sources.iter().all(is_address), "{id}: {:?}", preset.sources);
        for note in &preset.notes {
            assert!(note.ends_with('.'), "{id}: {note}");
        }
        assert_ne!(
            preset.confidence,
            Confidence::Uncertain,
            "{id}: none is shipped that its sources disagree about"
        );
        let for_partners = |happening: &Happening| Happening::FOR_PARTNERS.contains(happening);
        assert!(!preset.on.is_empty() && preset.on.iter().all(for_partners), "{id}");
    }
}

#[test]
fn credentials_stand_where_they_say_and_nowhere_else() {
    for preset in all() {
        let id = &preset.id;
        let (before, query) = halves(preset);
        let after_scheme =
            before.strip_prefix("https://").or_else(|| before.strip_prefix("http://")).unwrap();
        let (host, path) = after_scheme.split_once('/').unwrap_or_else(|| panic!("{id} has no path"));
        let mut named = BTreeSet::new();
        for credential in &preset.credentials {
            let mark = format!("<{}>", credential.name);
            assert_eq!(preset.url.matches(&mark).count(), 1, "{id}: {mark}");
            assert!(named.insert(credential.name.as_str()), "{id}: {mark}");
            match credential.place {
                // A part of a host could lengthen into another one.
                Place::Host => assert_eq!(host, mark, "{id}"),
                Place::Path => assert!(path.contains(&mark), "{id}: {mark}"),
                Place::Query => {
                    assert!(parameters(preset).iter().any(|(_, value)| *value == mark), "{id}: {mark}");
                }
            }
            assert!(!(credential.secret && credential.place == Place::Host), "{id}: {mark}");
            let words_fit = credential.words.is_empty() || credential.place == Place::Query;
            assert!(words_fit && !credential.what.is_empty(), "{id}: {mark}");
        }
        let asked: BTreeSet<&str> = between(&preset.url, '<', '>').into_iter().collect();
        assert_eq!(asked, named, "{id}: {before}?{query}");
    }
}

#[test]
fn macros_are_ours_and_stand_in_values_alone() {
    for preset in all() {
        let id = &preset.id;
        assert!(!halves(preset).0.contains(['{', '}']), "{id}: a macro in the path");
        let mut names = BTreeSet::new();
        for (name, value) in parameters(preset) {
            assert!(!name.contains(['{', '}', '<', '>']), "{id}: {name}");
            assert!(names.insert(name), "{id}: {name} twice");
            for inside in between(value, '{', '}') {
                let name = inside.split(['|', ':']).next().unwrap();
                assert!(Macro::parse(name).is_some(), "{id}: {{{inside}}}");
            }
        }
    }
}

#[test]
fn each_kind_is_told_its_own_money_once() {
    for preset in all() {
        let used: Vec<&str> = between(&preset.url, '{', '}');
        let uses = |name: &str| used.iter().any(|inside| inside.split(['|', ':']).next() == Some(name));
        let id = &preset.id;
        match preset.kind {
            PresetKind::Tracker => {
                assert!(uses("partner_click_id") && uses("payout") && !uses("revenue"), "{id}");
            }
            // `{currency}` is that of the payout, or of the amount: it may not stand beside a revenue.
            PresetKind::TrafficSource => {
                assert!(uses("partner_click_id") && !uses("payout") && !uses("currency"), "{id}");
            }
            PresetKind::Messenger => assert!(!uses("partner_click_id"), "{id}"),
        }
        // An approval is told by one of the two, or it counts twice.
        assert!(preset.on.contains(&Happening::ConversionApproved), "{id}");
        assert!(!preset.on.contains(&Happening::CommissionEarned), "{id}");
    }
}
