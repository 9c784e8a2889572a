//! The API over what is recorded: bearer tokens, JSON answers, problem documents.

mod auth;
mod balances;
mod books;
mod conversions;
mod deliveries;
mod document;
mod files;
mod find;
mod html;
mod ledger;
mod live;
mod money;
mod once;
mod openapi;
mod page;
mod people;
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
mod routes;
mod sessions;
mod settlements;
mod statement;
mod status;
mod targets;
mod tokens;
mod trace;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use proofback_domain::settlement::SettlementKind;
use proofback_store::StoreError;
use serde_json::Value;

use crate::PROGRAM_BYTES_MAX;
use crate::program::store_problem;
use crate::role::Access::{Accounts, Admin, Configures, Decides, Everyone, SignedIn, Staff};
use crate::state::Web;

pub use auth::Caller;
pub use live::{LivePostback, as_events};
pub use routes::{Route, Routes};
pub use targets::TargetState;

/// An answer, or the problem document that stands for it.
type Answer = Result<Response, Response>;

/// The API for whoever comes with a token.
pub fn router(web: Web) -> Router<Web> {
    let Routes { open, known, .. } = routes();
    let known = bounded(known).layer(from_fn_with_state(web, auth::require_token));
    open.merge(known)
}

/// The API for a caller who is known: he is among the request's extensions.
pub fn inside() -> Router<Web> {
    let Routes { open, known, .. } = routes();
    open.merge(bounded(known))
}

fn bounded(known: Router<Web>) -> Router<Web> {
    known.fallback(not_found).layer(DefaultBodyLimit::max(PROGRAM_BYTES_MAX))
}

/// Every address of the API, without what stands before all of them.
pub fn routes() -> Routes {
    log()
        .merge(books())
        .merge(settlements::routes(SettlementKind::Payout))
        .merge(settlements::routes(SettlementKind::Invoice))
        .merge(outbound())
        .merge(installation())
        .merge(people())
        .merge(reports::routes())
}

/// What came in, and people's words about it.
fn log() -> Routes {
    Routes::default()
        .get("/find", Staff, "What an id names, whoever gave it.", find::find)
        .get("/clicks/{id}", Staff, "One click.", trace::click)
        .get("/trace/{click_id}", Staff, "Everything that happened to one click.", trace::trace)
        .get("/postbacks", Staff, "The log of postbacks, newest first.", postbacks::list)
        .get("/postbacks/stream", Staff, "The log as it grows, as server-sent events.", live::stream)
        .get("/postbacks/{id}", Staff, "One postback with its explanation.", postbacks::one)
        .post("/postbacks/{id}/replay", Decides, "Decides a postback again.", replays::one)
        .post("/replays", Decides, "Decides many postbacks again, in one step.", replays::many)
        .get("/reviews", Staff, "What waits for a person.", reviews::list)
        .post("/reviews", Decides, "Accepts or rejects what waits.", reviews::decide)
        .get("/conversions", SignedIn, "Conversions, newest first.", conversions::list)
        .get("/conversions/{id}", SignedIn, "One conversion.", conversions::one)
        .post("/conversions/{id}/status", Decides, "Sets a conversion's status.", reviews::set_status)
        .post("/conversions/{id}/adjust", Decides, "Sets a conversion's payout.", reviews::adjust)
        .get("/audit", Staff, "What people did, newest first.", reviews::audit)
}

/// Money: what is owed, what was booked, and what it is held against.
fn books() -> Routes {
    Routes::default()
        .get("/balances", Staff, "What stands on every account.", balances::list)
        .get("/partners/{id}/balance", SignedIn, "What a partner has earned.", ledger::balance)
        .get("/partners/{id}/statement", SignedIn, "What a partner is owed.", statement::partner)
        .get("/advertisers/{id}/statement", SignedIn, "What an advertiser owes.", statement::advertiser)
        .get("/ledger/entries", Staff, "The journal, newest first.", ledger::entries)
        .get("/verify", Staff, "Computes balances and reports again.", books::verify_all)
        .get("/ledger/verify", Staff, "Checks every entry, seal and balance.", books::verify)
        .get("/ledger/seals", Staff, "The seals of the journal, newest first.", books::seals)
        .get("/ledger/periods", Staff, "The periods that are closed.", books::periods)
        .post("/ledger/close", Accounts, "Closes everything up to a day.", books::close)
        .get("/rates", Staff, "Exchange rates, newest first.", rates::list)
        .post("/rates", Accounts, "Takes exchange rates from a file.", rates::import)
        .post("/imports", Decides, "Decides the lines of a file like postbacks.", files::imports::import)
        .post(
            "/reconciliations",
            Staff,
            "Holds a file against our conversions.",
            files::reconciliations::hold_against,
        )
}

/// What goes out.
fn outbound() -> Routes {
    Routes::default()
        .get("/deliveries", SignedIn, "What was told to whom, newest first.", deliveries::list)
        .post("/deliveries/retry", Decides, "Makes many deliveries again.", deliveries::retry_many)
        .post("/deliveries/skip", Decides, "Gives up many deliveries that wait.", deliveries::skip_many)
        .get("/deliveries/{id}", SignedIn, "One delivery with its attempts.", deliveries::one)
        .post("/deliveries/{id}/retry", Decides, "Makes a delivery again.", deliveries::retry)
        .get("/targets", SignedIn, "Targets and how they are doing.", targets::list)
        .get("/targets/{id}", SignedIn, "One target and how it is doing.", targets::one)
        .post("/targets/{id}/pause", Configures, "Ends sending to a target.", targets::pause)
        .post("/targets/{id}/resume", Configures, "Sends to a target again.", targets::resume)
        .post("/targets/{id}/test", Configures, "Sends an example to a target.", targets::test)
}

/// The installation itself.
fn installation() -> Routes {
    Routes::default()
        .get("/status", Staff, "How everything is doing.", status::status)
        .get("/program", Staff, "The program in force.", programs::show)
        .put("/program", Configures, "Puts a program in force.", programs::put)
        .post("/program/check", Staff, "Reads a program file and changes nothing.", programs::check)
        .get("/program/revisions", Staff, "Programs that were in force.", programs::revisions)
        .get("/program/revisions/{number}", Staff, "One of them with its source.", programs::revision)
        .get("/openapi.json", Everyone, "This description of the API.", openapi::document)
}

/// Who is let in.
fn people() -> Routes {
    Routes::default()
        .get("/people", Admin, "People, newest first.", people::list)
        .post("/people", Admin, "Invites somebody.", people::invite)
        .get("/people/{id}", Admin, "One person.", people::one)
        .put("/people/{id}", Admin, "Changes a name, a role, or whether somebody is let in.", people::change)
        .post("/people/{id}/invitation", Admin, "Makes a new link for somebody.", people::invite_again)
        .get("/people/{id}/sessions", Admin, "Where somebody is signed in.", sessions::of_person)
        .delete("/people/{id}/sessions", Admin, "Signs somebody out everywhere.", sessions::end_all)
        .get("/sessions", SignedIn, "Where the caller is signed in.", sessions::own)
        .delete("/sessions/{id}", SignedIn, "Ends a session.", sessions::end)
        .get("/tokens", Admin, "Access tokens, newest first.", tokens::list)
        .post("/tokens", Admin, "Makes an access token.", tokens::create)
        .delete("/tokens/{id}", Admin, "Revokes an access token.", tokens::revoke)
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
