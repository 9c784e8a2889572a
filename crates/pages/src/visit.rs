//! One request of somebody who is signed in: what a page is made with.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use proofback_web::Session;
use serde::de::DeserializeOwned;

use crate::Pages;
use crate::client::{Client, query};
use crate::cookie;
use crate::frame::Frame;
use crate::guard::Visitor;
use crate::trouble::Trouble;

/// Rows of one page of a list.
pub const ROWS: &str = "50";

/// A page, or what went wrong.
pub type Page = Result<Response, Trouble>;

/// A request with its session.
pub struct Visit {
    pub pages: Pages,
    pub session: Session,
    pub frame: Frame,
    pub api: Client,
    pub headers: HeaderMap,
    /// Behind the question mark.
    pub query: String,
    secure: bool,
}

impl FromRequestParts<Pages> for Visit {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Trouble> {
        let visitor = Visitor::from_request_parts(parts, pages).await?;
        // The address's declaration lets nobody without a session come here.
        let session = visitor.session.ok_or_else(Trouble::forbidden)?;
        Ok(Self {
            api: Client::new(pages.clone(), session.caller.clone()),
            pages: pages.clone(),
            session,
            frame: visitor.frame,
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            secure: visitor.secure,
        })
    }
}

impl Visit {
    /// The query as a page's own parameters; what it does not know is left to the API.
    pub fn asked<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        read_pairs(self.query.as_bytes())
    }

    /// The pairs of the query, those without a value left out.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let pairs = form_urlencoded::parse(self.query.as_bytes()).into_owned();
        pairs.filter(|(_, value)| !value.is_empty()).collect()
    }

    pub fn show(&self, template: &impl Template) -> Page {
        self.show_as(StatusCode::OK, template)
    }

    /// A page that says that something is wrong with what was sent.
    pub fn show_as(&self, status: StatusCode, template: &impl Template) -> Page {
        let html = template.render().map_err(|error| Trouble::unexpected("a template", &error))?;
        Ok((status, Html(html)).into_response())
    }

    /// A page of a list of the API. A filter that is not understood finds nothing, and is said beside the filter.
    pub async fn list<'a, T: DeserializeOwned + Default>(
        &self,
        path: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
        cursor: &'a str,
    ) -> Result<(T, String), Trouble> {
        let asked = filter.into_iter().chain([("cursor", cursor), ("limit", ROWS)]);
        match self.api.get(&format!("{path}?{}", query(asked))).await {
            Ok(found) => Ok((found, String::new())),
            Err(trouble) if trouble.code == "bad_request" => Ok((T::default(), trouble.sentence())),
            Err(trouble) => Err(trouble),
        }
    }

    /// To another page, which says what was done.
    pub fn done(&self, address: &str, notice: &str) -> Page {
        let mut response = Redirect::to(address).into_response();
        response.headers_mut().append(header::SET_COOKIE, cookie::keep_notice(notice, self.secure));
        Ok(response)
    }

    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

/// A form that was sent.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Pages> for Posted<T> {
    type Rejection = Trouble;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Trouble> {
        let body = Bytes::from_request(request, pages)
            .await
            .map_err(|_| Trouble::bad_request("The form is larger than is taken here."))?;
        read_pairs(&body).map(Self)
    }
}

/// Pairs as they come in a query or a form. A name that is said several times is a list.
fn read_pairs<T: DeserializeOwned>(text: &[u8]) -> Result<T, Trouble> {
    let mut members = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(text).into_owned() {
        match members.get_mut(&name) {
            None => {
                members.insert(name, value.into());
            }
            Some(serde_json::Value::Array(values)) => values.push(value.into()),
            Some(one) => *one = serde_json::Value::Array(vec![one.take(), value.into()]),
        }
    }
    serde_json::from_value(members.into())
        .map_err(|error| Trouble::bad_request(&format!("The form: {error}.")))
}

/// One value or several under a name of a form.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
    #[default]
    Nothing,
}

impl OneOrMore {
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::One(value) => vec![value.as_str()],
            Self::More(values) => values.iter().map(String::as_str).collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Form {
        name: String,
        #[serde(default)]
        ids: OneOrMore,
    }

    #[test]
    fn a_form_has_single_values_and_lists() {
        let form: Form = read_pairs(b"name=a+b&ids=1&ids=2&ids=3").unwrap();
        assert_eq!((form.name.as_str(), form.ids.values()), ("a b", vec!["1", "2", "3"]));
        let form: Form = read_pairs(b"name=%C3%A4&ids=1").unwrap();
        assert_eq!((form.name.as_str(), form.ids.values()), ("ä", vec!["1"]));
        let form: Form = read_pairs(b"name=").unwrap();
        assert!(form.ids.values().is_empty() && form.name.is_empty());
        assert!(read_pairs::<Form>(b"ids=1").is_err());
    }
}
