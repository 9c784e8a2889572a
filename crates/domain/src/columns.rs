//! What the columns of a file are, and its values in our notation: shared by imports and reconciliations.
//!
//! Nothing is guessed: a column is ours by its name or by somebody's word, a comma is a decimal sign by somebody's word.

use crate::calendar::Zone;
use crate::money::{NOT_WITH_A_COMMA, parse_micros};
use crate::postback::names;
use crate::program::{Advertiser, FIELDS, default_names, did_you_mean};
use crate::template::SUBS;
use crate::time::Timestamp;

/// In front of our field's name: the columns in which a reconciliation proposes what to import. Where a file has any of
/// them, they alone are read.
pub const PROPOSED: &str = "do_";

/// Which of our fields stand in which columns.
#[derive(Debug, Clone)]
pub struct Columns {
    header: Vec<String>,
    /// Our field = the place of its column.
    fields: Vec<(&'static str, usize)>,
}

/// How a file writes its values.
#[derive(Debug, Clone)]
pub struct Notation {
    /// `1.234,56`, with points or spaces between thousands or without.
    pub decimal_comma: bool,
    /// For days and times that name no offset.
    pub zone: Zone,
}

impl Columns {
    /// Finds the columns. `chosen` are fields and headers that somebody named, which outweigh every other way.
    pub fn find(
        header: Vec<String>,
        chosen: &[(String, String)],
        advertiser: &Advertiser,
    ) -> Result<Self, String> {
        let mut fields: Vec<(&'static str, usize)> = Vec::new();
        for (name, column) in chosen {
            let field = field_called(name)?;
            if fields.iter().any(|(known, _)| *known == field) {
                return Err(format!("{field} is given two columns"));
            }
            fields.push((field, place_of(&header, column)?));
        }
        let proposed = header.iter().any(|name| name.starts_with(PROPOSED));
        for field in all_fields() {
            let given = |(known, _): &(&str, usize)| *known == field;
            if fields.iter().any(given) {
                continue;
            }
            let candidates =
                if proposed { vec![format!("{PROPOSED}{field}")] } else { own(advertiser, field) };
            for name in candidates {
                let free = |place: &usize| !fields.iter().any(|(_, taken)| taken == place);
                if let Some(place) = only(&header, &name)?.filter(free) {
                    fields.push((field, place));
                    break;
                }
            }
        }
        Ok(Self { header, fields })
    }

    pub fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(known, _)| *known == field)
    }

    /// The columns that nobody reads.
    pub fn ignored(&self) -> Vec<&str> {
        let read = |place: usize| self.fields.iter().any(|(_, known)| *known == place);
        let columns = self.header.iter().enumerate();
        columns.filter(|(place, _)| !read(*place)).map(|(_, name)| name.as_str()).collect()
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// What a line says: our field, its column, and the value as it stands there. Empty cells say nothing.
    pub fn values<'a>(
        &'a self,
        cells: &'a [String],
    ) -> impl Iterator<Item = (&'static str, &'a str, &'a str)> {
        self.fields.iter().filter_map(|(field, place)| {
            let value = cells.get(*place)?.trim();
            let column = self.header.get(*place)?.as_str();
            (!value.is_empty()).then_some((*field, column, value))
        })
    }
}

impl Notation {
    /// A value as a postback would name it. What cannot be read stays as it is, for the decision to say so.
    pub fn ours(&self, field: &str, value: &str) -> String {
        let read = match field {
            "amount" | "revenue" | "payout" if self.decimal_comma => {
                // In our notation it would be another number than they mean, or none.
                let unfit = || parse_micros(value).is_ok().then(|| format!("{value} {NOT_WITH_A_COMMA}"));
                with_point(value).or_else(unfit)
            }
            "timestamp" if Timestamp::parse(value).is_none() => self.zone.read(value).map(Timestamp::iso),
            _ => None,
        };
        read.unwrap_or_else(|| value.to_owned())
    }
}

fn all_fields() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().chain(SUBS).chain(["test"])
}

/// Our field by its name or by one of its default names.
fn field_called(name: &str) -> Result<&'static str, String> {
    let called = |field: &&str| *field == name || default_names(field).contains(&name);
    all_fields().find(called).ok_or_else(|| {
        let near = did_you_mean(name, all_fields());
        format!("{name:?} is no field of ours{near}")
    })
}

/// The advertiser's own name for a field, then the names that it goes by.
fn own(advertiser: &Advertiser, field: &'static str) -> Vec<String> {
    let mut found = vec![field.to_owned()];
    if field != "test" {
        let own = names(Some(advertiser), field);
        let claimed = advertiser.postback.params.iter().any(|(other, name)| other != field && name == field);
        let default = default_names(field).iter().copied().filter(|name| {
            !advertiser.postback.params.iter().any(|(other, own)| other != field && own == name)
        });
        found =
            own.into_iter().chain((!claimed).then_some(field)).chain(default).map(str::to_owned).collect();
    }
    found
}

/// The place of a column that somebody named: exactly, else in another case.
fn place_of(header: &[String], column: &str) -> Result<usize, String> {
    if let Some(place) = header.iter().position(|name| name == column) {
        return Ok(place);
    }
    only(header, column)?.ok_or_else(|| {
        let near = did_you_mean(column, header.iter().map(String::as_str));
        format!("the file has no column {column:?}{near}")
    })
}

/// The only column of this name in any case.
fn only(header: &[String], wanted: &str) -> Result<Option<usize>, String> {
    let wanted = wanted.trim().to_lowercase();
    let mut found = header.iter().enumerate().filter(|(_, name)| name.trim().to_lowercase() == wanted);
    match (found.next(), found.next()) {
        (Some((_, one)), Some((_, other))) => {
            Err(format!("the columns {one:?} and {other:?} have one name: say which is meant by map"))
        }
        (Some((place, _)), None) => Ok(Some(place)),
        (None, _) => Ok(None),
    }
}

/// `1.234,56` as `1234.56`; `None` for anything that is not written like this, `1.23` included.
fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = match text.split_once(',') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let separator = whole.chars().find(|one| matches!(one, '.' | ' ' | '\u{a0}' | '\u{202f}'));
    let whole = match separator {
        None => whole.to_owned(),
        Some(separator) => {
            let mut groups = whole.split(separator);
            let first = groups.next().filter(|first| digits(first) && first.len() <= 3)?;
            let mut joined = first.to_owned();
            for group in groups {
                joined.push_str(Some(group).filter(|group| digits(group) && group.len() == 3)?);
            }
            joined
        }
    };
    match fraction {
        Some(fraction) => (digits(&whole) && digits(fraction)).then(|| format!("{whole}.{fraction}")),
        None => digits(&whole).then_some(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::read;

    fn advertiser(rules: &str) -> Advertiser {
        let source = format!(
            "[program]\nname = 'x'\ncurrency = 'EUR'\n[[advertiser]]\nid = 'a'\n[advertiser.postback]\nopen = true\n{rules}"
        );
        let (program, mistakes) = read(&source);
        let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
        program.advertisers["a"].clone()
    }

    fn find(
        header: &[&str],
        chosen: &[(&str, &str)],
        rules: &str,
    ) -> Result<Vec<(&'static str, String)>, String> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let chosen: Vec<(String, String)> =
            chosen.iter().map(|(field, column)| ((*field).to_owned(), (*column).to_owned())).collect();
        let columns = Columns::find(header.clone(), &chosen, &advertiser(rules))?;
        Ok(columns.fields.iter().map(|(field, place)| (*field, header[*place].clone())).collect())
    }

    fn pairs(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        list.iter().map(|(field, column)| (*field, (*column).to_owned())).collect()
    }

    #[test]
    fn a_column_is_known_by_our_name_an_alias_or_the_advertisers_own() {
        let found =
            find(&["Transaction_ID", "STATUS", "note", "cid", "Sub3"], &[], "params = { click_id = 'cid' }");
        let expected =
            [("click_id", "cid"), ("txid", "Transaction_ID"), ("status", "STATUS"), ("sub3", "Sub3")];
        assert_eq!(found.unwrap(), pairs(&expected));
        let found = find(&["payout", "txid"], &[], "params = { revenue = 'payout' }").unwrap();
        assert_eq!(found, pairs(&[("txid", "txid"), ("revenue", "payout")]), "their word is no longer ours");
    }

    #[test]
    fn what_somebody_says_outweighs_every_name() {
        let found = find(&["txid", "Order ID"], &[("transaction_id", "order id")], "").unwrap();
        assert_eq!(found, pairs(&[("txid", "Order ID")]));
        for (chosen, why) in [
            ([("txid", "Oder ID")], "the file has no column \"Oder ID\"; did you mean \"Order ID\"?"),
            ([("amonut", "txid")], "\"amonut\" is no field of ours; did you mean \"amount\"?"),
        ] {
            assert_eq!(find(&["txid", "Order ID"], &chosen, "").unwrap_err(), why);
        }
        assert!(find(&["Status", "status"], &[], "").unwrap_err().contains("have one name"));
    }

    #[test]
    fn where_something_is_proposed_only_that_is_read() {
        let found = find(&["txid", "do_txid", "do_status", "amount"], &[], "params = { txid = 'do_status' }");
        assert_eq!(found.unwrap(), pairs(&[("txid", "do_txid"), ("status", "do_status")]));
    }

    #[test]
    fn a_comma_is_a_decimal_sign_by_somebodys_word_alone() {
        let notation = |decimal_comma| Notation { decimal_comma, zone: Zone::utc() };
        for (text, read) in [
            ("1234,56", "1234.56"),
            ("1.234,56", "1234.56"),
            ("1 234 567,5", "1234567.5"),
            ("1\u{a0}234", "1234"),
            ("12", "12"),
            ("1.23", "1.23 (decimal comma)"),
            ("1.2345,6", "1.2345,6"),
            ("1,2,3", "1,2,3"),
            (",5", ",5"),
            ("12,50 EUR", "12,50 EUR"),
            ("1.234 567", "1.234 567"),
        ] {
            // What is no number in this notation is none in ours.
            assert_eq!(notation(true).ours("amount", text), read, "{text}");
            assert_eq!(notation(false).ours("amount", text), text);
            assert_eq!(notation(true).ours("txid", text), text);
        }
        assert_eq!(notation(false).ours("timestamp", "2026-11-20"), "2026-11-20T00:00:00.000Z");
        assert_eq!(notation(false).ours("timestamp", "1763600000"), "1763600000");
    }
}
