//! What stands at the addresses of reports in a build without them.

use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::{Routes, problem};
use crate::role::Access::{Everyone, SignedIn};
use crate::state::Web;

pub fn routes() -> Routes {
    ["/reports", "/reports/{*rest}", "/partners/{id}/profit"]
        .into_iter()
        .fold(Routes::default(), |routes, path| routes.unlisted(path, SignedIn, nothing()))
}

pub fn feeds() -> Routes {
    Routes::default().unlisted("/feeds/{file}", Everyone, nothing())
}

fn nothing() -> MethodRouter<Web> {
    get(none).post(none).put(none).delete(none)
}

async fn none() -> Response {
    problem::not_found("this build has no reports")
}
