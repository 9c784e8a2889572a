//! The template parser: what it accepts gives an address of the template's own host, whatever the values are; JSON stays
//! JSON, a header a header.

use proofback_domain::money::Currencies;
use proofback_domain::template::{FillError, Filling, Template, lint, translate};
use url::Url;

const VALUES: [&str; 10] = [
    "",
    "..",
    ".",
    "x.evil.example",
    "@evil.example",
    "//evil.example/",
    "\r\nx-header: 1",
    "?#&=%00",
    "\",\\",
    "-1.5e3",
];

/// The first line is a template, the rest a value for every macro in it.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (source, value) = text.split_once('\n').unwrap_or((&text, ""));
    in_an_address(source, value);
    in_json(source, value);
    if let Ok(template) = Template::parse_header(source) {
        let header = fill(&template, value);
        assert!(header.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{header:?}");
    }
    for template in [Template::parse_form_value(source), Template::parse_raw(source)].into_iter().flatten() {
        fill(&template, value);
    }
    let translation = translate(source);
    let is_read = Template::parse_url(&translation.template).is_ok();
    assert!(is_read || !translation.unknown.is_empty(), "{source:?} gives {translation:?}");
    assert!(!lint(source).is_empty() || Template::parse_url(source).is_ok(), "{source:?}");
}

fn in_an_address(source: &str, value: &str) {
    let Ok(template) = Template::parse_url(source) else { return };
    assert_eq!(template.source(), source);
    assert_eq!(Template::parse_url(template.source()).as_ref(), Ok(&template));
    let plain = read(&fill(&template, "x"));
    for value in [value].into_iter().chain(VALUES) {
        let rendered = fill(&template, value);
        let url = read(&rendered);
        assert_eq!(origin(&url), origin(&plain), "{source:?} with {value:?} gives {rendered:?}");
        assert_eq!(url.query().map(marks), plain.query().map(marks), "{source:?} with {value:?}");
        assert_eq!(url.fragment().map(marks), plain.fragment().map(marks), "{source:?} with {value:?}");
        assert!(!rendered.contains(char::is_control), "{rendered:?}");
    }
}

fn in_json(source: &str, value: &str) {
    let Ok(template) = Template::parse_json(source) else { return };
    for value in [value].into_iter().chain(VALUES) {
        let text = fill(&template, value);
        let read = serde_json::from_str::<serde_json::Value>(&text);
        assert!(read.is_ok(), "{source:?} with {value:?} gives {text:?}");
    }
}

/// With one value for every macro and secret; what is converted stays as it is.
fn fill(template: &Template, value: &str) -> String {
    let filled: Result<String, FillError> = template.fill(&Filling {
        value: &|_| value.to_owned(),
        secret: &|_| Some(value.to_owned()),
        convert: &|_, amount, _| Some(amount.to_owned()),
        currencies: &Currencies::default(),
    });
    filled.unwrap()
}

fn read(rendered: &str) -> Url {
    Url::parse(rendered).unwrap_or_else(|error| panic!("{rendered:?}: {error}"))
}

/// All that says who is called.
fn origin(url: &Url) -> (&str, &str, Option<&str>, Option<&str>, Option<u16>) {
    (url.scheme(), url.username(), url.password(), url.host_str(), url.port())
}

/// A value must not begin a parameter, a path segment or a fragment.
fn marks(part: &str) -> Vec<char> {
    part.chars().filter(|mark| "/?#&=".contains(*mark)).collect()
}
