//! What comes in: clicks on tracking links, postbacks of advertisers, and the API over what is recorded.
//!
//! Handlers parse, ask the domain and the store, and answer. Time, identifiers and secrets come in with `Web`;
//! nothing here reads the clock, the environment or a file.

mod about;
mod api;
mod click;
mod health;
mod live;
mod metrics;
mod people;
mod postback;
mod program;
mod role;
mod sender;
mod state;
#[cfg(feature = "reports")]
mod today;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use tower::ServiceExt;

use api::Routes;

pub use about::About;
#[cfg(feature = "reports")]
pub use api::reports::{Ran, ReportFile, run_due};
pub use api::{Caller, LivePostback, Route, as_events, not_found};
pub use metrics::Metrics;
pub use people::{
    Invited, NotAccepted, NotChanged, Opened, Person, Seen, Session, SignIn, SignInRefused, TotpOffer,
};
pub use program::{Applied, ApplyError, apply, load};
pub use role::{Access, Role, hash_token};
pub use state::{Engine, Ids, Settings, Told, Web, World};

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
    public().open.nest("/api/v1", api::router(web.clone())).fallback(api::not_found).with_state(web)
}

/// Every method of every address with who may use it.
pub fn access() -> Vec<Route> {
    let of_api = api::routes().declared.into_iter();
    let of_api = of_api.map(|route| Route { path: format!("/api/v1{}", route.path), ..route });
    public().declared.into_iter().chain(of_api).collect()
}

/// The API as the pages in this process use it: for a caller who is known already.
#[derive(Clone)]
pub struct Inside(Router);

impl Inside {
    pub fn new(web: Web) -> Self {
        Self(api::inside().with_state(web))
    }

    /// The answer to a request whose path begins behind `/api/v1`, as in `/postbacks?limit=10`.
    pub async fn call(&self, caller: Caller, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(caller);
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// What is there for strangers.
fn public() -> Routes {
    let (get, both, post) = (&[Method::GET][..], &[Method::GET, Method::POST][..], &[Method::POST][..]);
    let batch = || routing::post(postback::receive_batch);
    let routes = Routes::default().open(
        "/c/{link}",
        &[Method::GET, Method::HEAD],
        "Records a click and sends the visitor on.",
        routing::get(click::redirect).head(click::preview),
    );
    let routes = at(routes, "/postback", both, "Takes an event.", postbacks());
    let routes = at(routes, "/postback/{advertiser}", both, "Takes an event of an advertiser.", postbacks());
    let routes = at(routes, "/postback/{advertiser}/batch", post, "Takes many events.", batch());
    let routes = at(routes, "/postback/{advertiser}/{token}", both, "Takes an event.", postbacks());
    let routes = at(routes, "/postback/{advertiser}/{token}/batch", post, "Takes many events.", batch());
    routes
        .open("/pixel/{file}", get, "Takes an event from a browser.", pixel())
        .get("/healthz", Access::Everyone, "The process answers.", health::healthz)
        .get("/readyz", Access::Everyone, "Clicks and postbacks are taken.", health::readyz)
        .get("/metrics", Access::Everyone, "Counters for Prometheus.", health::metrics)
        .merge(api::reports::feeds())
}

/// With or without a slash at its end, which templates add and nobody sees.
fn at(
    routes: Routes,
    address: &str,
    methods: &[Method],
    summary: &'static str,
    postbacks: MethodRouter<Web>,
) -> Routes {
    routes.open(address, methods, summary, postbacks.clone()).unlisted(
        &format!("{address}/"),
        Access::Everyone,
        postbacks,
    )
}

/// `GET` and `POST`. Whoever only looks, with `HEAD`, reports no event.
fn postbacks() -> MethodRouter<Web> {
    let of_others = postback::refuse_look;
    routing::get(postback::receive).post(postback::receive).head(of_others).fallback(of_others)
}

/// `GET` alone, and likewise.
fn pixel() -> MethodRouter<Web> {
    let of_others = postback::refuse_look_at_pixel;
    routing::get(postback::receive_pixel).head(of_others).fallback(of_others)
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

#[cfg(test)]
mod tests;
