//! Holds one request against a platform's rules.

use std::collections::BTreeSet;

use axum::http::Uri;

use super::platform::{Need, Platform, Role};

/// What a platform made of a request that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Each value by what it means, in the order of the request.
    pub values: Vec<(Role, String)>,
}

/// Why a request counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Method(String),
    Scheme(String),
    Host(String),
    Path(String),
    Missing(&'static str),
    Undocumented(String),
    Twice(String),
    /// A placeholder or macro that nobody replaced.
    Leftover {
        name: String,
        value: String,
    },
    Form {
        name: String,
        value: String,
    },
    Repeated,
}

/// Marks of all the syntaxes in which platforms and trackers write their placeholders.
const MARKS: [&str; 11] = ["{", "}", "[", "]", "<", ">", "##", "__", "%%", "REPLACE", "OPTIONAL"];

impl Booking {
    pub fn value(&self, role: Role) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == role).map(|(_, value)| value.as_str())
    }
}

impl Platform {
    pub fn judge(&self, method: &str, scheme: &str, host: &str, uri: &Uri) -> Result<Booking, Refusal> {
        if method != "GET" {
            return Err(Refusal::Method(method.to_owned()));
        }
        if !self.schemes.contains(&scheme) {
            return Err(Refusal::Scheme(scheme.to_owned()));
        }
        if self.host.is_some_and(|own| own != host) {
            return Err(Refusal::Host(host.to_owned()));
        }
        let path = uri.path();
        if let Some(value) = path.split('/').map(decode).find(|segment| is_leftover(segment)) {
            return Err(Refusal::Leftover { name: "path".to_owned(), value });
        }
        if !self.paths.iter().any(|documented| fits_path(documented, path)) {
            return Err(Refusal::Path(path.to_owned()));
        }
        let query = uri.query().unwrap_or_default();
        self.book(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn book(&self, pairs: Vec<(String, String)>) -> Result<Booking, Refusal> {
        let mut required = self.parameters.iter().filter(|parameter| parameter.need == Need::Required);
        if let Some(parameter) =
            required.find(|parameter| pairs.iter().all(|(name, _)| name != parameter.name))
        {
            return Err(Refusal::Missing(parameter.name));
        }
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for (name, value) in pairs {
            let documented = self.parameters.iter().find(|parameter| parameter.name == name);
            let Some(parameter) = documented else { return Err(Refusal::Undocumented(name)) };
            if !seen.insert(name.clone()) {
                return Err(Refusal::Twice(name));
            }
            if is_leftover(&value) {
                return Err(Refusal::Leftover { name, value });
            }
            if !parameter.form.fits(&value, self) {
                return Err(Refusal::Form { name, value });
            }
            values.push((parameter.role, value));
        }
        Ok(Booking { values })
    }
}

fn is_leftover(value: &str) -> bool {
    MARKS.iter().any(|mark| value.contains(mark))
}

fn decode(segment: &str) -> String {
    // A segment has no `+` for a space and no `&` between pairs, so it can be read as one name.
    let name = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// Segment by segment; a `*` takes at least one character.
fn fits_path(documented: &str, path: &str) -> bool {
    let (expected, seen) = (documented.split('/'), path.split('/'));
    expected.clone().count() == seen.clone().count()
        && expected.zip(seen).all(|(expected, seen)| match expected.split_once('*') {
            Some((start, _)) => seen.strip_prefix(start).is_some_and(|own| !own.is_empty()),
            None => expected == seen,
        })
}
