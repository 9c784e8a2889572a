//! The objects of a program as blocks of its text: each begins with the line of its header and ends where another one
//! begins. An object is changed in its block, and everything else stays as its author wrote it.

use std::ops::Range;

use toml_edit::{Document, DocumentMut, Item, Table, Value};

/// The kinds in the order of the program file.
pub const KINDS: [(&str, &str); 8] = [
    ("program", "Program"),
    ("advertiser", "Advertisers"),
    ("offer", "Offers"),
    ("partner", "Partners"),
    ("link", "Links"),
    ("fraud", "Fraud rules"),
    ("webhook", "Webhooks"),
    ("scenario", "Scenarios"),
];

/// An object where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: String,
    /// Its `id`; where it has none its name, or its number among those of its kind.
    pub id: String,
    /// Empty where it has none.
    pub name: String,
    range: Range<usize>,
    /// The line of its header, from 1.
    pub line: usize,
}

/// A value that stands by itself, as a form shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub key: String,
    pub kind: FieldKind,
    /// Text without quotes; of all others what stands in the file.
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Flag,
    /// A number, a list, a table in one line.
    Toml,
}

/// Every object of a program, in its order; a sentence where the text is no TOML.
pub fn blocks(source: &str) -> Result<Vec<Block>, String> {
    let document = Document::parse(source).map_err(|error| error.message().to_owned())?;
    let mut heads = Vec::new();
    for (kind, item) in document.as_table().iter() {
        match item {
            Item::Table(table) => note(&mut heads, kind, table, 1),
            Item::ArrayOfTables(tables) => {
                tables.iter().enumerate().for_each(|(place, table)| note(&mut heads, kind, table, place + 1));
            }
            Item::Value(_) | Item::None => {}
        }
    }
    heads.sort_by_key(|head| head.range.start);
    let starts: Vec<usize> = heads.iter().map(|head| head.range.start).collect();
    for (place, head) in heads.iter_mut().enumerate() {
        let end = starts.get(place + 1).map_or(source.len(), |next| lead(source, *next));
        head.range.end = end;
        head.line = source.get(..head.range.start).unwrap_or_default().lines().count() + 1;
    }
    Ok(heads)
}

fn note(heads: &mut Vec<Block>, kind: &str, table: &Table, number: usize) {
    let text = |key: &str| table.get(key).and_then(Item::as_str).unwrap_or_default().to_owned();
    let id = match (kind, text("id"), text("name")) {
        ("program", _, _) => "program".to_owned(),
        (_, id, name) if id.is_empty() && name.is_empty() => number.to_string(),
        (_, id, name) if id.is_empty() => name,
        (_, id, _) => id,
    };
    if let Some(span) = table.span() {
        heads.push(Block { kind: kind.to_owned(), id, name: text("name"), range: span, line: 0 });
    }
}

/// Where the comment begins that stands right above a header: it belongs to what follows.
fn lead(source: &str, header: usize) -> usize {
    let mut start = header;
    for line in source.get(..header).unwrap_or_default().split_inclusive('\n').rev() {
        if !line.trim_start().starts_with('#') {
            break;
        }
        start -= line.len();
    }
    start
}

impl Block {
    /// As it stands in the program.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.range.clone()).unwrap_or_default().trim_end()
    }

    /// The program with another text in its place.
    pub fn replaced(&self, source: &str, text: &str) -> String {
        let (before, after) = (&source[..self.range.start], &source[self.range.end..]);
        let text = text.trim();
        let (gap, end) = match (text.is_empty(), after.trim().is_empty()) {
            (true, _) => ("", ""),
            (false, true) => ("", "\n"),
            (false, false) => ("", "\n\n"),
        };
        format!("{before}{gap}{text}{end}{}", after.trim_start_matches(['\n', '\r']))
    }
}

/// The program with one more object at its end.
pub fn added(source: &str, text: &str) -> String {
    format!("{}\n\n{}\n", source.trim_end(), text.trim())
}

/// What a new object of a kind may begin with.
pub fn example(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "advertiser" => {
            "[[advertiser]]\nid = \"\"\nname = \"\"\n[advertiser.postback]\ntoken = \"env:TOKEN\"\n"
        }
        "offer" => {
            "[[offer]]\nid = \"\"\nname = \"\"\nadvertiser = \"\"\nurl = \"https://example.com/?cid={click_id}\"\n\
             [[offer.goal]]\nevent = \"sale\"\npayout = \"10 %\"\n"
        }
        "partner" => "[[partner]]\nid = \"\"\nname = \"\"\n",
        "link" => "[[link]]\nid = \"\"\npartner = \"\"\noffer = \"\"\n",
        "fraud" => "[[fraud]]\nid = \"\"\nwhen = { bot = true }\nthen = \"hold\"\n",
        "webhook" => {
            "[[webhook]]\nid = \"\"\nurl = \"https://example.com/hook\"\nsecret = \"env:WEBHOOK_SECRET\"\n\
             on = [\"conversion.*\"]\n"
        }
        "scenario" => "[[scenario]]\nname = \"\"\n",
        _ => return None,
    })
}

/// The values of an object that stand by themselves, in their order; its own tables are left to its text.
pub fn fields(text: &str) -> Vec<Field> {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Vec::new();
    };
    let Some(table) = only(&mut document) else {
        return Vec::new();
    };
    table.iter().filter_map(|(key, item)| field(key, item.as_value()?)).collect()
}

fn field(key: &str, value: &Value) -> Option<Field> {
    let (kind, shown) = match value {
        Value::String(text) if !text.value().contains('\n') => (FieldKind::Text, text.value().clone()),
        Value::Boolean(flag) => (FieldKind::Flag, flag.value().to_string()),
        // Text of several lines is written as text.
        Value::String(_) => return None,
        Value::Integer(_)
        | Value::Float(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::InlineTable(_) => (FieldKind::Toml, value.to_string().trim().to_owned()),
    };
    Some(Field { key: key.to_owned(), kind, value: shown })
}

/// An object's text with other values in these fields; what a field says must be what it is. A field that is left
/// empty goes.
pub fn with_fields(text: &str, values: &[(String, String)]) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let known = fields(text);
    let table = only(&mut document).ok_or("this is no single object")?;
    for (key, value) in values {
        let Some(field) = known.iter().find(|field| field.key == *key) else {
            return Err(format!("{key} is no field of this object"));
        };
        let value = value.trim();
        if field.value == value {
            continue;
        }
        if value.is_empty() {
            table.remove(key);
            continue;
        }
        let mut made = match field.kind {
            FieldKind::Text => Value::from(value),
            FieldKind::Flag | FieldKind::Toml => {
                value.parse().map_err(|_| format!("{key}: {value} is not written as TOML writes it"))?
            }
        };
        if let Some(Item::Value(before)) = table.get_mut(key) {
            *made.decor_mut() = before.decor().clone();
            *before = made;
        }
    }
    Ok(document.to_string().trim_end().to_owned())
}

/// The one object that a text is.
fn only(document: &mut DocumentMut) -> Option<&mut Table> {
    let mut items = document.as_table_mut().iter_mut();
    let (_, item) = items.next()?;
    match item {
        Item::Table(table) => Some(table),
        Item::ArrayOfTables(tables) if tables.len() == 1 => tables.get_mut(0),
        Item::ArrayOfTables(_) | Item::Value(_) | Item::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "# Ours\n[program]\nname = \"Test\" # shown\ncurrency = \"EUR\"\n\n\
        # They sell\n[[advertiser]]\nid = \"shop\"\n[advertiser.postback]\nopen = true\n\n\
        [[offer]]\nid = \"sale\"\nadvertiser = \"shop\"\nurl = '''https://shop.example/\n[[offer]]'''\n\
        [[offer.goal]]\nevent = \"sale\"\n\n[[offer]]\nid = \"lead\"\nname = \"A lead\"\npaused = false\n\
        countries = [\"DE\", \"AT\"]\n\n[[fraud]]\nwhen = \"bot\"\n";

    fn block(kind: &str, id: &str) -> Block {
        blocks(PROGRAM).unwrap().into_iter().find(|block| block.kind == kind && block.id == id).unwrap()
    }

    #[test]
    fn every_object_has_its_block_with_its_own_tables_and_without_others_comments() {
        let found = blocks(PROGRAM).unwrap();
        let named: Vec<(&str, &str, usize)> =
            found.iter().map(|block| (block.kind.as_str(), block.id.as_str(), block.line)).collect();
        let expected = [
            ("program", "program", 2),
            ("advertiser", "shop", 7),
            ("offer", "sale", 12),
            ("offer", "lead", 20),
            ("fraud", "1", 26),
        ];
        assert_eq!(named, expected);
        assert_eq!(
            block("program", "program").text(PROGRAM),
            "[program]\nname = \"Test\" # shown\ncurrency = \"EUR\""
        );
        assert!(block("advertiser", "shop").text(PROGRAM).ends_with("open = true"));
        assert!(block("offer", "sale").text(PROGRAM).ends_with("event = \"sale\""));
        assert!(blocks("[a").is_err());
    }

    #[test]
    fn what_is_not_changed_stays_as_it_is() {
        let shop = block("advertiser", "shop");
        assert_eq!(shop.replaced(PROGRAM, shop.text(PROGRAM)), PROGRAM);
        let last = block("fraud", "1");
        assert_eq!(last.replaced(PROGRAM, last.text(PROGRAM)), PROGRAM);
        let other = shop.replaced(PROGRAM, "[[advertiser]]\nid = \"kiosk\"\n");
        assert_eq!(
            other,
            PROGRAM.replace("id = \"shop\"\n[advertiser.postback]\nopen = true", "id = \"kiosk\"")
        );
        let gone = block("offer", "lead").replaced(PROGRAM, "");
        assert!(
            !gone.contains("lead") && gone.contains("# They sell\n[[advertiser]]") && blocks(&gone).is_ok()
        );
        let more = added(PROGRAM, "[[partner]]\nid = \"new\"\n");
        assert_eq!(more, format!("{PROGRAM}\n[[partner]]\nid = \"new\"\n"));
    }

    #[test]
    fn plain_values_are_fields_and_keep_their_comments() {
        let lead = block("offer", "lead").text(PROGRAM).to_owned();
        let shown: Vec<(String, FieldKind, String)> =
            fields(&lead).into_iter().map(|field| (field.key, field.kind, field.value)).collect();
        let expected = [
            ("id", FieldKind::Text, "lead"),
            ("name", FieldKind::Text, "A lead"),
            ("paused", FieldKind::Flag, "false"),
            ("countries", FieldKind::Toml, "[\"DE\", \"AT\"]"),
        ];
        assert_eq!(shown, expected.map(|(key, kind, value)| (key.to_owned(), kind, value.to_owned())));
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let changed = with_fields(&lead, &pairs(&[("name", "A \"good\" lead"), ("paused", "true")])).unwrap();
        assert!(
            changed.contains("name = 'A \"good\" lead'") && changed.contains("paused = true"),
            "{changed}"
        );
        assert_eq!(with_fields(&lead, &pairs(&[("id", "lead")])).unwrap(), lead);
        assert!(!with_fields(&lead, &pairs(&[("name", "")])).unwrap().contains("name"));
        assert!(with_fields(&lead, &pairs(&[("countries", "[\"DE\"")])).is_err());
        assert!(with_fields(&lead, &pairs(&[("colour", "red")])).is_err());
        let program = block("program", "program").text(PROGRAM).to_owned();
        let changed = with_fields(&program, &pairs(&[("name", "Other")])).unwrap();
        assert_eq!(changed, "[program]\nname = \"Other\" # shown\ncurrency = \"EUR\"");
        assert_eq!(
            fields(block("offer", "sale").text(PROGRAM)).len(),
            2,
            "text of several lines is no field"
        );
    }
}
