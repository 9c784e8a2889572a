//! The tables of settings in `docs/conversion-apis.md` are made by the code that reads them; `UPDATE_DOCS=1 cargo test
//! --package proofback-domain --test conversion_api` writes them anew.

use std::fmt::Write;

use proofback_domain::conversion_api::{Platform, batch_max};

use super::api;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conversion-apis.md");

fn table(platform: Platform) -> String {
    let mut table = String::from("| setting | | what |\n| --- | --- | --- |\n");
    for setting in platform.settings() {
        let kind = match (setting.required, setting.secret) {
            (true, true) => "required, secret",
            (true, false) => "required",
            (false, true) => "secret",
            (false, false) => "",
        };
        writeln!(table, "| `{}` | {kind} | {} |", setting.name, setting.what).unwrap();
    }
    writeln!(table, "\nAt most {} events in a request.", batch_max(&api(platform, "1"))).unwrap();
    table
}

#[test]
fn the_page_about_conversion_apis_lists_every_setting() {
    let mut page = std::fs::read_to_string(PAGE).unwrap();
    for platform in Platform::ALL {
        let mark = format!("<!-- settings of {} -->\n", platform.code());
        let (before, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("{mark} is missing"));
        let (old, after) = rest.split_once("<!-- end of settings -->").unwrap();
        let new = table(platform);
        if std::env::var_os("UPDATE_DOCS").is_none() {
            assert_eq!(old, new, "docs/conversion-apis.md is out of date: UPDATE_DOCS=1 writes it anew");
        }
        page = format!("{before}{mark}{new}<!-- end of settings -->{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, page).unwrap();
    }
}
