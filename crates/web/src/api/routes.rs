//! Addresses with who may use them. Each method of each address is declared once; the check of the right stands before
//! its handler, and the list of all is what the description of the API and the tests of rights are made from.

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Router};

use super::auth::Caller;
use super::problem;
use crate::role::Access;
use crate::state::Web;

/// One method of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// As it is matched: `/api/v1/postbacks/{id}`.
    pub path: String,
    pub access: Access,
    /// What it is for, in a sentence.
    pub summary: &'static str,
}

/// Addresses while they are declared.
#[derive(Default)]
pub struct Routes {
    /// For everyone.
    pub open: Router<Web>,
    /// For a [`Caller`], who must be among the request's extensions.
    pub known: Router<Web>,
    pub declared: Vec<Route>,
}

impl Routes {
    pub fn get<T: 'static>(
        self,
        path: &str,
        access: Access,
        summary: &'static str,
        handler: impl Handler<T, Web>,
    ) -> Self {
        self.declare(path, access, summary, &[Method::GET]).place(path, access, get(handler))
    }

    pub fn post<T: 'static>(
        self,
        path: &str,
        access: Access,
        summary: &'static str,
        handler: impl Handler<T, Web>,
    ) -> Self {
        self.declare(path, access, summary, &[Method::POST]).place(path, access, post(handler))
    }

    pub fn put<T: 'static>(
        self,
        path: &str,
        access: Access,
        summary: &'static str,
        handler: impl Handler<T, Web>,
    ) -> Self {
        self.declare(path, access, summary, &[Method::PUT]).place(path, access, put(handler))
    }

    pub fn delete<T: 'static>(
        self,
        path: &str,
        access: Access,
        summary: &'static str,
        handler: impl Handler<T, Web>,
    ) -> Self {
        self.declare(path, access, summary, &[Method::DELETE]).place(path, access, delete(handler))
    }

    /// What everyone may use and answers its methods in its own way.
    pub fn open(
        self,
        path: &str,
        methods: &[Method],
        summary: &'static str,
        handlers: MethodRouter<Web>,
    ) -> Self {
        self.declare(path, Access::Everyone, summary, methods).place(path, Access::Everyone, handlers)
    }

    /// Another spelling of what is declared already, or an address at which nothing is: no place in the list.
    pub fn unlisted(self, path: &str, access: Access, handlers: MethodRouter<Web>) -> Self {
        self.place(path, access, handlers)
    }

    /// Gives all handlers so far a value.
    pub fn with(mut self, value: impl Clone + Send + Sync + 'static) -> Self {
        self.known = self.known.layer(Extension(value));
        self
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.open = self.open.merge(other.open);
        self.known = self.known.merge(other.known);
        self.declared.extend(other.declared);
        self
    }

    fn declare(mut self, path: &str, access: Access, summary: &'static str, methods: &[Method]) -> Self {
        let route =
            |method: &Method| Route { method: method.clone(), path: path.to_owned(), access, summary };
        self.declared.extend(methods.iter().map(route));
        self
    }

    fn place(mut self, path: &str, access: Access, handlers: MethodRouter<Web>) -> Self {
        match access {
            Access::Everyone => self.open = self.open.route(path, handlers),
            Access::SignedIn
            | Access::Staff
            | Access::Decides
            | Access::Accounts
            | Access::Configures
            | Access::Admin => {
                let guarded = handlers.route_layer(from_fn_with_state(access, check));
                self.known = self.known.route(path, guarded);
            }
        }
        self
    }
}

/// Turns away whoever may not, before the handler and before the body is read.
async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.role.may(access) => next.run(request).await,
        Some(_) => problem::forbidden(),
        None => problem::unauthorized(),
    }
}
