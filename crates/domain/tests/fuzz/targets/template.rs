//! The template parser: what it accepts gives an address of the template's own host, whatever the values are.

use proofback_domain::template::Template;
use url::Url;

/// The first line is a template, the rest a value for every macro in it.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (source, value) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(template) = Template::parse_url(source) else { return };
    assert_eq!(template.source(), source);
    assert_eq!(Template::parse_url(template.source()).as_ref(), Ok(&template));
    let plain = read(&template.render(|_| "x".into()));
    for value in
        [value, "", "x.evil.example", "@evil.example", "//evil.example/", "\r\nx-header: 1", "?#&=%00"]
    {
        let rendered = template.render(|_| value.to_owned());
        let url = read(&rendered);
        assert_eq!(origin(&url), origin(&plain), "{source:?} with {value:?} gives {rendered:?}");
        assert_eq!(url.query().map(marks), plain.query().map(marks), "{source:?} with {value:?}");
        assert_eq!(url.fragment().map(marks), plain.fragment().map(marks), "{source:?} with {value:?}");
        assert!(!rendered.contains(char::is_control), "{rendered:?}");
    }
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
