//! What clicks are grouped by in reports, as far as that must be read out of what the visit carried.
//!
//! All of it was written by strangers: whatever stands there, something is said about it, and what cannot be read
//! is empty.

use std::collections::BTreeMap;

use url::Url;

use super::{Click, Details};
use crate::route::OTHERS_MAX;
use crate::template::sub_number;

/// What a click is grouped by beside what its own columns say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    pub campaign: String,
    pub ad: String,
    pub keyword: String,
    /// A language's two or three letters, in lower case.
    pub language: String,
    /// The host that the visitor came from, in lower case, without `www.` and port.
    pub referrer: String,
    pub bot: bool,
    /// The parameters of the link that have no name of ours, and the parts of packed sub ids. The names are in lower
    /// case, no value is empty, and there are at most as many as are kept of parameters alone.
    pub params: BTreeMap<String, String>,
}

/// Names of parts, then names of parameters; the first that has a value gives it.
type Sources = (&'static [&'static str], &'static [&'static str]);

const CAMPAIGN: Sources = (&["campaign"], &["campaign", "campaign_id", "campaign_name", "utm_campaign"]);
const AD: Sources = (&["ad", "creative"], &["ad", "ad_id", "creative", "creative_id", "utm_content"]);
const KEYWORD: Sources = (&["keyword"], &["keyword", "kw", "utm_term"]);

/// What separates the parts of a packed sub id, in the order in which they are tried.
const SEPARATORS: [char; 5] = ['|', '_', '-', '~', ':'];

/// The traits of a click whose partner packs sub ids like this: `sub1` to `sub10` or `source` = names of the parts.
pub fn traits(click: &Click, split: &BTreeMap<String, Vec<String>>) -> Traits {
    let details = &click.details;
    let parts = parts(details, split);
    let parameters = parameters(details);
    let first = |(of_parts, of_parameters): Sources| {
        let part = of_parts.iter().find_map(|name| parts.get(*name));
        let parameter = || of_parameters.iter().find_map(|name| parameters.get(*name));
        part.or_else(parameter).cloned().unwrap_or_default()
    };
    Traits {
        campaign: first(CAMPAIGN),
        ad: first(AD),
        keyword: first(KEYWORD),
        language: language(&details.language),
        referrer: host(&details.referrer),
        bot: details.device == "bot",
        params: together(parts, parameters),
    }
}

/// Name in lower case = the first value under it that is not empty.
fn named<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in pairs.filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        found.entry(name.to_ascii_lowercase()).or_insert_with(|| value.to_owned());
    }
    found
}

fn parameters(details: &Details) -> BTreeMap<String, String> {
    named(details.others.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn parts(details: &Details, split: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let unpacked = split.iter().flat_map(|(packed, names)| {
        let value = match sub_number(packed) {
            Some(number) => details.sub(number),
            None if packed == "source" => &details.source,
            None => "",
        };
        names.iter().map(String::as_str).zip(unpack(value, names.len()))
    });
    named(unpacked)
}

/// The parts of a value in which `count` of them are packed; none where it cannot be said where they end.
///
/// `|` is meant for this: where it stands, missing parts are empty, and what is too much belongs to the last one. The
/// others may be part of a name, and count only where they give exactly as many parts as there must be.
fn unpack(value: &str, count: usize) -> Vec<&str> {
    let between = |separator: char| value.split(separator).take(count.saturating_add(1)).count();
    let separator = match count {
        0 => return Vec::new(),
        // Nothing is packed: the sub id has another name.
        1 => return vec![value.trim()],
        _ if value.contains('|') => '|',
        _ => match SEPARATORS.into_iter().find(|separator| between(*separator) == count) {
            Some(separator) => separator,
            None => return Vec::new(),
        },
    };
    value.splitn(count, separator).map(str::trim).collect()
}

/// A parameter keeps its name from a part, which is only read out of something else; a part keeps its room from the
/// parameters, of which anybody may add as many as he likes.
fn together(
    parts: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut params: BTreeMap<String, String> = parts.into_iter().take(OTHERS_MAX).collect();
    for (name, value) in parameters {
        if params.len() < OTHERS_MAX || params.contains_key(&name) {
            params.insert(name, value);
        }
    }
    params
}

/// The language that is asked for first: `de-AT,de;q=0.9` is `de` (RFC 9110, section 12.5.4; RFC 5646, section 2.1).
fn language(accepted: &str) -> String {
    let first = accepted.split([',', ';']).next().unwrap_or_default().trim();
    let primary = first.split(['-', '_']).next().unwrap_or_default();
    let is_language =
        2 <= primary.len() && primary.len() <= 3 && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_language { primary.to_ascii_lowercase() } else { String::new() }
}

fn host(referrer: &str) -> String {
    let Ok(url) = Url::parse(referrer) else {
        return String::new();
    };
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    // Without a dot behind it, `www` is the name itself.
    let bare = host.strip_prefix("www.").filter(|rest| rest.contains('.'));
    bare.unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use crate::click_id::ClickId;
    use crate::name::Name;
    use crate::time::Timestamp;

    fn click(details: Details) -> Click {
        let name = |text| Name::parse(text).unwrap();
        Click {
            id: ClickId::from_stored([7; 16]),
            at: Timestamp::from_millis(0),
            link: name("link"),
            partner: name("partner"),
            offer: name("offer"),
            advertiser: name("advertiser"),
            details,
        }
    }

    fn packed(packed: &str, names: &str) -> BTreeMap<String, Vec<String>> {
        [(packed.to_owned(), names.split('|').map(str::to_owned).collect())].into()
    }

    /// The traits of a click with these parameters, as they come in a query.
    fn of(query: &[(&str, &str)], split: &BTreeMap<String, Vec<String>>) -> Traits {
        let mut details = Details::default();
        for (name, value) in query {
            match (sub_number(name), *name) {
                (Some(number), _) => details.set_sub(number, (*value).to_owned()),
                (None, "source") => details.source = (*value).to_owned(),
                (None, _) => details.others.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        traits(&click(details), split)
    }

    fn seen(traits: &Traits) -> [&str; 3] {
        [&traits.campaign, &traits.ad, &traits.keyword]
    }

    #[test]
    fn campaign_ad_and_keyword_come_from_parts_and_then_from_parameters_in_the_order_of_their_names() {
        let split = packed("sub2", "campaign|creative|keyword");
        for (query, wanted) in [
            (vec![], ["", "", ""]),
            (vec![("sub2", "a|b|c"), ("campaign", "x"), ("ad", "y"), ("kw", "z")], ["a", "b", "c"]),
            (vec![("sub2", "a||c"), ("campaign", "x"), ("ad", "y"), ("kw", "z")], ["a", "y", "c"]),
            (vec![("utm_campaign", "x"), ("utm_content", "y"), ("utm_term", "z")], ["x", "y", "z"]),
            (vec![("campaign_name", "3"), ("campaign_id", "2"), ("utm_campaign", "4")], ["2", "", ""]),
            (vec![("campaign", ""), ("campaign_name", "3"), ("utm_campaign", "4")], ["3", "", ""]),
            (vec![("creative_id", "4"), ("creative", "3"), ("ad_id", "2")], ["", "2", ""]),
            (vec![("creative_id", "4"), ("utm_content", "5")], ["", "4", ""]),
            (vec![("utm_term", "3"), ("kw", "2"), ("keyword", "1")], ["", "", "1"]),
            (vec![("UTM_Campaign", "x"), ("Ad", "y"), ("KW", "z")], ["x", "y", "z"]),
            (vec![("sub1", "a|b|c"), ("campaigns", "x")], ["", "", ""]),
        ] {
            assert_eq!(seen(&of(&query, &split)), wanted, "{query:?}");
        }
        let both = of(&[("sub1", "x|y")], &packed("sub1", "creative|ad"));
        assert_eq!(both.ad, "y", "an ad comes before a creative");
        let source = of(&[("source", "x|y")], &packed("source", "Campaign|ad"));
        assert_eq!(seen(&source), ["x", "y", ""]);
    }

    #[test]
    fn a_packed_value_is_divided_by_what_gives_as_many_parts_as_are_named() {
        for (value, count, wanted) in [
            ("a|b|c", 3, vec!["a", "b", "c"]),
            (" a | b |c ", 3, vec!["a", "b", "c"]),
            ("a_1|b-2|c:3", 3, vec!["a_1", "b-2", "c:3"]),
            ("a|b", 3, vec!["a", "b"]),
            ("a|b|c|d", 3, vec!["a", "b", "c|d"]),
            ("a_b|c", 3, vec!["a_b", "c"]),
            ("a_b_c", 3, vec!["a", "b", "c"]),
            ("a-b-c", 3, vec!["a", "b", "c"]),
            ("a~b~c", 3, vec!["a", "b", "c"]),
            ("a:b:c", 3, vec!["a", "b", "c"]),
            ("a_b-c-d", 3, vec!["a_b", "c", "d"]),
            ("a_b_c-d-e", 3, vec!["a", "b", "c-d-e"]),
            ("a_b-c", 3, vec![]),
            ("a_b_c_d", 3, vec![]),
            ("abc", 3, vec![]),
            ("", 3, vec![]),
            ("a_b-c", 1, vec!["a_b-c"]),
            ("a|b", 1, vec!["a|b"]),
            ("a|b", 0, vec![]),
        ] {
            assert_eq!(unpack(value, count), wanted, "{value:?} in {count}");
        }
    }

    #[test]
    fn the_language_is_the_one_that_is_asked_for_first() {
        for (header, wanted) in [
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("EN", "en"),
            ("en;q=0.1", "en"),
            (" pt_BR", "pt"),
            ("yue-Hant-HK", "yue"),
            ("*", ""),
            ("*,de", ""),
            (",de", ""),
            ("i-klingon", ""),
            ("english", ""),
            ("d3", ""),
            ("де", ""),
            ("", ""),
        ] {
            let details = Details { language: header.into(), ..Details::default() };
            assert_eq!(traits(&click(details), &BTreeMap::new()).language, wanted, "{header:?}");
        }
    }

    #[test]
    fn the_referrer_is_a_host() {
        for (header, wanted) in [
            ("https://www.Example.com:8443/path?q=1#f", "example.com"),
            ("http://news.example.com", "news.example.com"),
            ("https://wwwexample.com/", "wwwexample.com"),
            ("https://www.com/", "www.com"),
            ("https://example.com./", "example.com"),
            ("https://user:secret@example.com/", "example.com"),
            ("https://m\u{fc}ller.example/", "xn--mller-kva.example"),
            ("https://[2001:db8::1]:80/", "[2001:db8::1]"),
            ("android-app://com.Google.android.gm/", "com.google.android.gm"),
            ("example.com/path", ""),
            ("/path", ""),
            ("about:blank", ""),
            ("data:text/plain,https://example.com", ""),
            ("https://", ""),
            ("http://a b/", ""),
            ("", ""),
        ] {
            let details = Details { referrer: header.into(), ..Details::default() };
            assert_eq!(traits(&click(details), &BTreeMap::new()).referrer, wanted, "{header:?}");
        }
    }

    #[test]
    fn a_bot_is_what_calls_itself_one() {
        for (device, bot) in [("bot", true), ("mobile", false), ("", false)] {
            let details = Details { device: device.into(), ..Details::default() };
            assert_eq!(traits(&click(details), &BTreeMap::new()).bot, bot, "{device}");
        }
    }

    #[test]
    fn a_parameter_keeps_its_name_from_a_part_and_a_part_its_room_from_the_parameters() {
        let split = packed("sub1", "campaign|adset");
        let pairs = |traits: Traits| -> Vec<(String, String)> { traits.params.into_iter().collect() };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let told = of(&[("sub1", "a|b"), ("Adset", ""), ("ADSET", "x"), ("adset", "y"), ("z", "1")], &split);
        assert_eq!(pairs(told), [pair("adset", "x"), pair("campaign", "a"), pair("z", "1")]);
        let names: Vec<String> = (0..OTHERS_MAX).map(|number| format!("a{number:02}")).collect();
        let mut query: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        query.push(("sub1", "a|b"));
        let full = of(&query, &split);
        assert_eq!(full.params.len(), OTHERS_MAX);
        assert_eq!((full.params["campaign"].as_str(), full.params["adset"].as_str()), ("a", "b"));
    }

    fn text() -> impl Strategy<Value = String> {
        let known =
            ["campaign", "ad", "kw", "a|b", "a_b-c|", "https://www.x:1/", "de-AT,*", "||", "\u{130}-"];
        prop_oneof![
            any::<String>(),
            "[a-cA-C|_~:-]{0,12}",
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned)
        ]
    }

    proptest! {
        /// Any text in any field.
        #[test]
        fn whatever_a_visit_carried_has_traits_within_their_bounds(
            subs in vec(text(), 0..12),
            others in vec((text(), text()), 0..80),
            [source, referrer, user_agent, language] in [text(), text(), text(), text()],
            [country, device, ip, cost] in [text(), text(), text(), text()],
            split in btree_map(
                prop_oneof!["sub[0-9]{1,2}", "source", text()],
                vec(text(), 0..60),
                0..6,
            ),
        ) {
            let details = Details {
                subs, others, source, referrer, user_agent, language, country, device, ip, cost, ..Details::default()
            };
            let click = click(details);
            let said = traits(&click, &split);
            prop_assert_eq!(&said, &traits(&click, &split));
            prop_assert!(said.params.len() <= OTHERS_MAX);
            let carried: Vec<&String> = click.details.others.iter().map(|(_, value)| value)
                .chain(&click.details.subs).chain([&click.details.source]).collect();
            for (name, value) in &said.params {
                prop_assert!(!name.is_empty() && !value.is_empty());
                prop_assert_eq!(name, &name.to_ascii_lowercase());
                prop_assert!(carried.iter().any(|whole| whole.contains(value.as_str())), "{} is made up", value);
            }
            for value in [&said.campaign, &said.ad, &said.keyword] {
                prop_assert!(value.is_empty() || carried.iter().any(|whole| whole.contains(value.as_str())));
            }
            prop_assert!(said.language.len() <= 3 && said.language.bytes().all(|byte| byte.is_ascii_lowercase()));
            prop_assert!(!said.referrer.contains(['/', '@', ' ']), "{}", said.referrer);
            prop_assert_eq!(said.bot, click.details.device == "bot");
        }
    }
}
