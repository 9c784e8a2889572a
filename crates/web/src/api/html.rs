//! Pages for people to read and print: tables and sentences in one file, without a script. Every value is escaped
//! here and nowhere else: what is added goes in as text.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// A page in the making.
pub struct Page {
    title: String,
    body: String,
}

/// What a cell holds: numbers stand to the right, one digit below the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    Number(String),
}

impl Page {
    pub fn new(title: &str) -> Self {
        let mut page = Self { title: title.to_owned(), body: String::new() };
        page.element("h1", "", title);
        page
    }

    pub fn heading(&mut self, text: &str) {
        self.element("h2", "", text);
    }

    pub fn sentence(&mut self, text: &str) {
        self.element("p", "", text);
    }

    /// A sentence that a reader should not miss.
    pub fn remark(&mut self, text: &str, alarming: bool) {
        let class = if alarming { " class=\"alarm\" role=\"alert\"" } else { " class=\"remark\"" };
        self.element("p", class, text);
    }

    /// Rows of a name and the sum that belongs to it.
    pub fn sums(&mut self, caption: &str, rows: &[(String, String)]) {
        self.open_table(caption);
        self.body.push_str("<tbody>\n");
        for (name, amount) in rows {
            self.body.push_str("<tr>");
            self.element("th", " scope=\"row\"", name);
            self.element("td", " class=\"number\"", amount);
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table>\n");
    }

    /// A table with a row of names above it; the name of a column of numbers is a `Number`.
    pub fn table(&mut self, caption: &str, names: &[Cell], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.open_table(caption);
        self.body.push_str("<thead><tr>");
        for name in names {
            match name {
                Cell::Text(text) => self.element("th", " scope=\"col\"", text),
                Cell::Number(text) => self.element("th", " scope=\"col\" class=\"number\"", text),
            }
        }
        self.body.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.body.push_str("<tr>");
            for cell in row {
                match cell {
                    Cell::Text(text) => self.element("td", "", &text),
                    Cell::Number(text) => self.element("td", " class=\"number\"", &text),
                }
            }
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table>\n");
    }

    pub fn finish(self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n{}</main>\n</body>\n</html>\n",
            escape(&self.title),
            self.body
        )
    }

    fn open_table(&mut self, caption: &str) {
        self.body.push_str("<table>\n");
        self.element("caption", "", caption);
    }

    fn element(&mut self, name: &str, attributes: &str, text: &str) {
        let text = escape(text);
        writeln!(self.body, "<{name}{attributes}>{text}</{name}>").expect("a String takes every text");
    }
}

/// The page may load nothing and run nothing; its own style is known by its hash.
pub fn security_policy() -> String {
    let hash = Base64::encode_string(&Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Text as it stands in an element or in a quoted attribute. Control characters and those that turn the direction of
/// what follows are shown as a replacement.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push('\u{fffd}');
            }
            one if one.is_control() => escaped.push('\u{fffd}'),
            one => escaped.push(one),
        }
    }
    escaped
}

const STYLE: &str = "
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0; background: Canvas; color: CanvasText; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border-bottom: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); padding: .25rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; }
tbody th { font-weight: 400; }
td.number, th.number { text-align: right; white-space: nowrap; }
.remark { border-left: 3px solid CanvasText; padding-left: .6rem; }
.alarm { border: 2px solid #b00020; padding: .5rem; font-weight: 700; }
@page { size: A4; margin: 15mm; }
@media print {
  :root { color-scheme: light; font-size: 10px; }
  main { max-width: none; padding: 0; }
  thead { display: table-header-group; }
  tr, caption { break-inside: avoid; }
  caption, h2 { break-after: avoid; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_markup() {
        for (text, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("'", "&#39;"),
            ("a & b &amp;", "a &amp; b &amp;amp;"),
            ("</style><img src=x>", "&lt;/style&gt;&lt;img src=x&gt;"),
            ("<!--", "&lt;!--"),
            ("a\u{0}b\u{1b}c", "a\u{fffd}b\u{fffd}c"),
            ("a\u{202e}b\u{2066}", "a\u{fffd}b\u{fffd}"),
            ("a\nb", "a b"),
            ("Ünïcode 你好", "Ünïcode 你好"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn every_place_of_a_page_escapes_what_is_put_there() {
        let evil = "</title></style><script>x</script>\" onload='y' &";
        let mut page = Page::new(evil);
        page.heading(evil);
        page.sentence(evil);
        page.remark(evil, true);
        page.sums(evil, &[(evil.into(), evil.into())]);
        page.table(
            evil,
            &[Cell::Text(evil.into())],
            [vec![Cell::Text(evil.into()), Cell::Number(evil.into())]],
        );
        let html = page.finish();
        assert!(!html.contains("<script") && !html.contains("onload='"), "{html}");
        assert_eq!(html.matches("&lt;/title&gt;").count(), 12, "{html}");
        assert_eq!((html.matches("<style>").count(), html.matches("</style>").count()), (1, 1));
    }

    #[test]
    fn the_policy_knows_the_style_of_the_page_and_nothing_else() {
        let html = Page::new("x").finish();
        let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = Base64::encode_string(&Sha256::digest(style.as_bytes()));
        let policy = security_policy();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains(&format!("'sha256-{hash}'")));
        assert!(!policy.contains("unsafe"));
    }
}
