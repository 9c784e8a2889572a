//! `docs/presets.md`, made of the presets' own data.

use std::fmt::Write;
use std::path::Path;

use proofback_domain::preset::{Confidence, Credential, Place, Preset, PresetKind, all};

#[test]
fn the_page_of_presets_says_what_the_presets_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/presets.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "docs/presets.md is out of date: UPDATE_DOCS=1 writes it anew");
}

const HEAD: &str = "# Presets for what goes out

This page is made of the preset files (`crates/domain/presets/targets/`, by `crates/domain/tests/presets/page.rs`); it cannot say anything else.

A preset is the address that a known tracker or traffic source wants to be called at, with our macros in it. The program file names it and gives what only the account knows:

```toml
[[partner.postback]]
id = \"reelmedia-keitaro\"
preset = \"keitaro\"
credentials = { host = \"tds.example\", key = \"env:REELMEDIA_KEY\" }
```

What is marked *secret* is given by reference only, `env:NAME` or `file:PATH`. A credential stands where the preset puts it: it is checked and percent-encoded for that place, and can neither choose another host nor add a parameter. What is *optional* goes with its whole parameter or path segment where it is not given.

A preset stays off until its credentials are filled in and a test delivery was seen in the account over there. That a platform answers 200 says little: several answer it to whatever they reject.

Trackers are told what the partner earns (`{payout}`), traffic sources what the operator earns (`{revenue}`). Where a platform takes one currency, or where the revenue's own could not be named beside it, the value is converted, and a delivery waits while no exchange rate is known. Each approval is told once, by `conversion.approved`; a target that adds `commission.earned` to its `on` counts it twice.

The macro of a tracker or source is what the partner puts into our link, under the parameter that carries its click id: `https://our.example/c/LINK?click_id=MACRO`. Where none stands, its name was not seen anywhere: the account shows it.

How far each is to be trusted: *documented* was read in the platform's own pages, *seen* in others' pages or in published code. All were documented at some time, not necessarily today. Every preset is run against a stand-in for its platform that holds what is documented and refuses everything else (`crates/testkit/src/receivers/`).
";

/// What was looked at and is not shipped, with the reason.
const NOT_SHIPPED: [(&str, &str); 12] = [
    (
        "Zeropark",
        "published integrations contradict each other in path and parameters, and its own pages on postbacks for buyers were not found",
    ),
    (
        "Clickadu",
        "its help says that `visitor_id` takes the click id (`${SUBID}`) and shows no address; copy the account's",
    ),
    (
        "Outbrain DSP",
        "the address is different for each conversion definition; copy it and send `{postbackid}` back",
    ),
    ("Binom 2", "sources disagree about path and parameter"),
    ("CAKE, newer API", "the list of parameters of `/api/2/conversion.json` was cut off where it was read"),
    ("AlterCPA Red", "two of its own pages give different paths"),
    ("Indoleads", "it runs on Trackier; the address was cut off where it was read"),
    ("Post Affiliate Pro", "it wants the sale as JSON inside a parameter"),
    ("AnyTrack", "the address is different for each source"),
    ("Gobble", "its parameters are the user's own"),
    ("iREV", "the page of its parameters was not found"),
    (
        "impact.com, Digistore24, ShareASale and other networks",
        "they were looked at as senders of postbacks only",
    ),
];

fn page() -> String {
    let mut page = String::from(HEAD);
    for kind in PresetKind::ALL {
        let (title, of_kind) = (title(kind), || all().iter().filter(move |preset| preset.kind == kind));
        write!(page, "\n## {title}\n\n| preset | platform | to be filled in | macro for our link | known from |\n| --- | --- | --- | --- | --- |\n").unwrap();
        for preset in of_kind() {
            row(&mut page, preset);
        }
        for preset in of_kind() {
            section(&mut page, preset);
        }
    }
    page.push_str("\n## Not shipped\n\nAny of these can be written out with `url`, from the address that the account shows.\n\n| platform | why |\n| --- | --- |\n");
    for (platform, why) in NOT_SHIPPED {
        writeln!(page, "| {platform} | {why} |").unwrap();
    }
    page
}

fn title(kind: PresetKind) -> &'static str {
    match kind {
        PresetKind::Tracker => "Trackers and networks",
        PresetKind::TrafficSource => "Traffic sources",
        PresetKind::Messenger => "Messengers",
    }
}

fn row(page: &mut String, preset: &Preset) {
    let needed: Vec<String> = preset.credentials.iter().map(named).collect();
    let mut macros: Vec<String> = preset.click_id_macro.iter().map(|text| code(text)).collect();
    let others = preset.other_macros.iter();
    macros.extend(others.map(|(parameter, text)| code(&format!("{parameter}={text}"))));
    let (id, name, confidence) = (&preset.id, &preset.name, preset.confidence.code());
    writeln!(page, "| `{id}` | {name} | {} | {} | {confidence} |", needed.join(", "), macros.join(", "))
        .unwrap();
}

fn named(credential: &Credential) -> String {
    match (credential.secret, credential.optional) {
        (false, false) => code(&credential.name),
        (true, false) => format!("{} (secret)", code(&credential.name)),
        (false, true) => format!("{} (optional)", code(&credential.name)),
        (true, true) => format!("{} (secret, optional)", code(&credential.name)),
    }
}

/// `{{x}}` and `[x]` mean nothing inside, a `|` would end the cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn section(page: &mut String, preset: &Preset) {
    write!(page, "\n### {}\n\n```text\nGET {}\n```\n\n", preset.name, preset.url).unwrap();
    let told: Vec<String> = preset.on.iter().map(|happening| code(happening.code())).collect();
    writeln!(page, "Told of {}.", told.join(", ")).unwrap();
    if let Some(expect) = &preset.expect {
        let status = expect.status.map(|status| format!(" status {status}"));
        let body = expect.body.as_ref().map(|body| format!(" {} in the body", code(body)));
        let parts: Vec<String> = status.into_iter().chain(body).collect();
        writeln!(page, "Delivered only with{}.", parts.join(" and")).unwrap();
    }
    page.push('\n');
    for credential in &preset.credentials {
        let place = match credential.place {
            Place::Host => "host",
            Place::Path => "path",
            Place::Query => "parameter",
        };
        let words = if credential.words.is_empty() {
            String::new()
        } else {
            format!(": {}", credential.words.iter().map(|word| code(word)).collect::<Vec<_>>().join(", "))
        };
        writeln!(page, "- {} ({place}): {}{words}", named(credential), credential.what).unwrap();
    }
    for note in &preset.notes {
        writeln!(page, "- {note}").unwrap();
    }
    let sources: Vec<String> = preset.sources.iter().map(|source| format!("<{source}>")).collect();
    let read_in = match preset.confidence {
        Confidence::Documented => "Its own pages",
        Confidence::Seen => "Seen in",
        Confidence::Uncertain => "Unsure; seen in",
    };
    writeln!(page, "- {read_in}, as of {}: {}", preset.checked_on, sources.join(", ")).unwrap();
}
