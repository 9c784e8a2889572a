//! What comes in: clicks on tracking links, postbacks of advertisers, and the API over what is recorded.
//!
//! Handlers parse, ask the domain and the store, and answer. Time, identifiers and secrets come in with `Web`;
//! nothing here reads the clock, the environment or a file.

mod api;
mod click;
mod health;
mod metrics;
mod postback;
mod program;
mod role;
mod sender;
mod state;
#[cfg(feature = "reports")]
mod today;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

#[cfg(feature = "reports")]
pub use api::reports::{Ran, ReportFile, run_due};
pub use metrics::Metrics;
pub use program::{Applied, ApplyError, apply, load};
pub use role::{Role, hash_token};
pub use state::{Engine, Ids, Settings, Web, World};

/// The longest request line that is read.
const URI_BYTES_MAX: usize = 8 * 1024;
/// The largest body of a postback.
const POSTBACK_BYTES_MAX: usize = 64 * 1024;
/// The largest batch of postbacks.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// The largest program file.
const PROGRAM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Everything that is answered over HTTP.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/c/{link}", get(click::redirect).head(click::preview))
        .merge(at("/postback", postbacks()))
        .merge(at("/postback/{advertiser}", postbacks()))
        .merge(at("/postback/{advertiser}/batch", post(postback::receive_batch)))
        .merge(at("/postback/{advertiser}/{token}", postbacks()))
        .merge(at("/postback/{advertiser}/{token}/batch", post(postback::receive_batch)))
        .route("/pixel/{file}", pixel())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(api::reports::feeds())
        .nest("/api/v1", api::router(web.clone()))
        .fallback(api::not_found)
        .with_state(web)
}

/// With or without a slash at its end, which templates add and nobody sees.
fn at(address: &str, postbacks: MethodRouter<Web>) -> Router<Web> {
    Router::new().route(address, postbacks.clone()).route(&format!("{address}/"), postbacks)
}

/// `GET` and `POST`. Whoever only looks, with `HEAD`, reports no event.
fn postbacks() -> MethodRouter<Web> {
    let of_others = postback::refuse_look;
    get(postback::receive).post(postback::receive).head(of_others).fallback(of_others)
}

/// `GET` alone, and likewise.
fn pixel() -> MethodRouter<Web> {
    let of_others = postback::refuse_look_at_pixel;
    get(postback::receive_pixel).head(of_others).fallback(of_others)
}

/// The answer to a request line that is too long; checked where strangers come in, without a layer around them.
fn refuse_long_uri(web: &Web, uri: &Uri) -> Option<Response> {
    let bytes = uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    if bytes <= URI_BYTES_MAX {
        return None;
    }
    web.metrics.too_large.inc();
    let text = format!("an address has at most {URI_BYTES_MAX} bytes here\n");
    Some((StatusCode::URI_TOO_LONG, text).into_response())
}
