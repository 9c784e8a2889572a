//! The API over what is recorded: bearer tokens, JSON answers, problem documents.

mod auth;
mod books;
mod conversions;
mod deliveries;
mod document;
mod files;
mod html;
mod ledger;
mod money;
mod once;
mod page;
mod postbacks;
pub mod problem;
mod programs;
mod rates;
mod replays;
#[cfg(feature = "reports")]
pub mod reports;
#[cfg(not(feature = "reports"))]
#[path = "no_reports.rs"]
pub mod reports;
mod reviews;
mod settlements;
mod statement;
mod targets;
mod trace;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use proofback_domain::settlement::SettlementKind;
use proofback_store::StoreError;
use serde_json::Value;

use crate::PROGRAM_BYTES_MAX;
use crate::program::store_problem;
use crate::state::Web;

pub use auth::{Caller, Staff};
pub use targets::TargetState;

/// An answer, or the problem document that stands for it.
type Answer = Result<Response, Response>;

pub fn router(web: Web) -> Router<Web> {
    Router::new()
        .route("/clicks/{id}", get(trace::click))
        .route("/trace/{click_id}", get(trace::trace))
        .route("/postbacks", get(postbacks::list))
        .route("/postbacks/{id}", get(postbacks::one))
        .route("/postbacks/{id}/replay", post(replays::one))
        .route("/replays", post(replays::many))
        .route("/reviews", get(reviews::list).post(reviews::decide))
        .route("/conversions", get(conversions::list))
        .route("/conversions/{id}", get(conversions::one))
        .route("/conversions/{id}/status", post(reviews::set_status))
        .route("/conversions/{id}/adjust", post(reviews::adjust))
        .route("/partners/{id}/balance", get(ledger::balance))
        .route("/partners/{id}/statement", get(statement::partner))
        .route("/advertisers/{id}/statement", get(statement::advertiser))
        .route("/ledger/entries", get(ledger::entries))
        .route("/verify", get(books::verify_all))
        .route("/ledger/verify", get(books::verify))
        .route("/ledger/seals", get(books::seals))
        .route("/ledger/periods", get(books::periods))
        .route("/ledger/close", post(books::close))
        .route("/rates", get(rates::list).post(rates::import))
        .route("/imports", post(files::imports::import))
        .route("/reconciliations", post(files::reconciliations::hold_against))
        .nest("/payouts", settlements(SettlementKind::Payout))
        .nest("/invoices", settlements(SettlementKind::Invoice))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/retry", post(deliveries::retry_many))
        .route("/deliveries/skip", post(deliveries::skip_many))
        .route("/deliveries/{id}", get(deliveries::one))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/targets", get(targets::list))
        .route("/targets/{id}", get(targets::one))
        .route("/targets/{id}/pause", post(targets::pause))
        .route("/targets/{id}/resume", post(targets::resume))
        .route("/targets/{id}/test", post(targets::test))
        .route("/program", get(programs::show).put(programs::put))
        .route("/audit", get(reviews::audit))
        .route("/tokens", post(programs::create_token))
        .merge(reports::router())
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(PROGRAM_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(web, auth::require_token))
}

fn settlements(kind: SettlementKind) -> Router<Web> {
    let router = Router::new()
        .route("/", get(settlements::list).post(settlements::create))
        .route("/preview", get(settlements::preview))
        .route("/{id}", get(settlements::one))
        .route("/{id}/{step}", post(settlements::advance));
    router.layer(Extension(settlements::Of(kind)))
}

pub async fn not_found() -> Response {
    problem::not_found("nothing is at this address")
}

fn json(value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, value.to_string()).into_response()
}

fn failed(error: StoreError) -> Response {
    tracing::error!(%error, "a request to the API failed");
    store_problem(&error)
}
