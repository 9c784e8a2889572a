//! What stands at the addresses of reports in a build without them.

use axum::Router;
use axum::response::Response;
use axum::routing::any;

use super::problem;
use crate::state::Web;

pub fn router() -> Router<Web> {
    Router::new()
        .route("/reports", any(none))
        .route("/reports/{*rest}", any(none))
        .route("/partners/{id}/profit", any(none))
}

pub fn feeds() -> Router<Web> {
    Router::new().route("/feeds/{file}", any(none))
}

async fn none() -> Response {
    problem::not_found("this build has no reports")
}
