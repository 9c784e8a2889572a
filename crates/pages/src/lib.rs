//! The pages that people work in: HTML over the API, for a browser with a session.
//!
//! A page asks the API's own routes in this process, as the caller that its session stands for, and shows what they
//! answer: there is no second way to the data, and no right that only a page would check. Nothing here knows the
//! store, reads the clock or decides what is true. Every page is whole without a script.

mod account;
mod assets;
mod blocks;
mod chart;
mod client;
mod conversions;
mod cookie;
mod dashboard;
mod deliveries;
mod files;
mod finance;
mod frame;
mod guard;
mod live;
mod log;
mod moment;
mod objects;
mod people;
mod places;
mod queues;
mod reports;
mod settings;
mod show;
mod sign_in;
mod status;
mod trace;
mod trouble;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use proofback_web::{Inside, Web};
use tower_http::compression::CompressionLayer;

pub use places::{Place, places};

/// The largest form that a page takes; files have a bound of their own.
const FORM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What every page is given; a clone is one counter more.
#[derive(Clone)]
pub struct Pages(Arc<Parts>);

pub struct Parts {
    pub web: Web,
    pub api: Inside,
}

impl std::ops::Deref for Pages {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// All pages. What is at none of these addresses is answered by [`not_found`].
pub fn router(web: Web) -> Router {
    let pages = Pages(Arc::new(Parts { api: Inside::new(web.clone()), web }));
    let routes = places().into_iter().fold(Router::new(), |router, place| router.merge(place.route()));
    routes
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(pages.clone(), guard::dress))
        .layer(CompressionLayer::new())
        .merge(assets::router())
        .layer(axum::middleware::map_response(guard::harden))
        .with_state(pages)
}

/// For a browser that asked for something that is not there.
pub async fn not_found() -> Response {
    trouble::Trouble::not_found("Nothing is at this address.").alone()
}
